//! The diagnostics of `striim_pat_status`.

use crate::framework::Diagnostic;

fn word(enabled: bool) -> &'static str {
    if enabled { "enabled" } else { "disabled" }
}

/// Reports that two resources declare opposite statuses.
pub(super) fn opposite_statuses() -> Diagnostic {
    Diagnostic::error(
        "Contradictory statuses of personal access tokens",
        "Two `striim_pat_status` resources of this configuration are for the same account. One enables personal access tokens \
         and the other disables them, by `enabled` or, if it is destroyed, by `on_destroy`. They would toggle the status in \
         turns, and each disabling revokes every token. Keep one of them. To rename a resource, use a `moved` block. To remove \
         one without changing the status, use a `removed` block, or first set its `on_destroy` to keep.",
    )
}

/// Warns that two resources declare the same status.
pub(super) fn duplicate() -> Diagnostic {
    Diagnostic::warning(
        "Two resources manage the status of personal access tokens",
        "Two `striim_pat_status` resources of this configuration are for the same account. They declare the same status now, \
         but will contradict each other when only one is changed. Keep one of them.",
    )
}

/// Warns that the provider's own token is revoked with the others.
pub(super) fn locks_provider_out() -> Diagnostic {
    Diagnostic::warning(
        "This locks the provider out",
        "The provider's own token is a personal access token, and it is revoked with the others: the rest of this run fails, \
         and so does the next run. Configure the provider with the token of a service account.",
    )
}

/// Warns that the plan reverts a change that was made outside this resource.
pub(super) fn toggled_outside(enabled: bool) -> Diagnostic {
    Diagnostic::warning(
        format!("Personal access tokens were {} outside this resource", word(enabled)),
        "The last apply of this resource set the declared status, and now it is the opposite. Another configuration, another \
         `provider` block for the same account, or a user in the portal has changed it. If that was a second \
         `striim_pat_status`, keep one of them: they toggle the status in turns, and each disabling revokes every token.",
    )
}

/// Warns that disabling personal access tokens revokes all of them.
pub(super) fn revokes_all_tokens() -> Diagnostic {
    Diagnostic::warning(
        "This revokes every personal access token",
        "Disabling personal access tokens revokes those of all the account's users at once. Enabling them again restores \
         none: each user has to create a new one.",
    )
}

/// Reports that the status differs from the desired one after the toggle.
pub(super) fn did_not_stay(desired: bool, actual: bool) -> Diagnostic {
    Diagnostic::error(
        "The status of personal access tokens is not as declared",
        format!(
            "The platform accepted the request to set personal access tokens to {}, but now they are {}. Another client may \
             have toggled the status at the same time. Run again.",
            word(desired),
            word(actual)
        ),
    )
}

/// Reports that the import ID is not the provider's account.
pub(super) fn other_account(account: &str, id: &str) -> Diagnostic {
    Diagnostic::error(
        "Another account",
        format!("The provider is configured for the account {account:?}, not for {id:?}. Import {account:?} instead."),
    )
}
