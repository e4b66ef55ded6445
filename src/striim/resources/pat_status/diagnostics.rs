//! The diagnostics of `striim_pat_status`.

use crate::framework::Diagnostic;

fn word(enabled: bool) -> &'static str {
    if enabled { "enabled" } else { "disabled" }
}

/// The error that two resources declare opposite statuses.
pub(super) fn opposite_statuses() -> Diagnostic {
    Diagnostic::error(
        "Contradictory statuses of personal access tokens",
        "Two `striim_pat_status` resources of this configuration are for the same account. One is to leave personal access \
         tokens enabled, and the other disabled: by its `enabled`, or, where it is destroyed, by its `on_destroy`. Each apply \
         would toggle the status in turns, and each disabling revokes every token. Keep one of them. To rename one, use a \
         `moved` block; to remove one without an effect, use a `removed` block or set its `on_destroy` to keep first.",
    )
}

/// The warning that two resources declare the same status.
pub(super) fn duplicate() -> Diagnostic {
    Diagnostic::warning(
        "Two resources manage the status of personal access tokens",
        "Two `striim_pat_status` resources of this configuration are for the same account. They agree now; keep one of them, \
         or they will contradict each other once only one is changed.",
    )
}

/// The warning that the provider's own token is revoked with the others.
pub(super) fn locks_provider_out() -> Diagnostic {
    Diagnostic::warning(
        "This locks the provider out",
        "The provider's own token is a personal access token, and it is revoked with the others: the rest of this run fails, \
         and so does the next run. Give the provider the token of a service account.",
    )
}

/// The warning of a plan that reverts a change from outside.
pub(super) fn toggled_outside(enabled: bool) -> Diagnostic {
    Diagnostic::warning(
        format!("Personal access tokens were {} outside of this resource", word(enabled)),
        "The last apply of this resource has set the status that it declares, and it is the opposite now. Another \
         configuration, another `provider` block for the same account, or a user in the console has changed it. If it was a \
         second `striim_pat_status`, keep one of them: each apply toggles the status in turns, and each disabling revokes \
         every token.",
    )
}

/// The warning of a plan that disables personal access tokens.
pub(super) fn revokes_all_tokens() -> Diagnostic {
    Diagnostic::warning(
        "This revokes every personal access token",
        "Disabling personal access tokens revokes those of all the account's users at once. Enabling them again restores \
         none: each user has to create a new one.",
    )
}

/// The error that the status is another one after the toggle.
pub(super) fn did_not_stay(desired: bool, actual: bool) -> Diagnostic {
    Diagnostic::error(
        "The status did not stay",
        format!(
            "Personal access tokens were to be {}, and the platform accepted the toggle, but now they are {}. Another client \
             may have toggled them at the same time. Run again.",
            word(desired),
            word(actual)
        ),
    )
}

/// The error of an import for another account.
pub(super) fn other_account(account: &str, id: &str) -> Diagnostic {
    Diagnostic::error(
        "Another account",
        format!("The provider works with the account {account:?}, not with {id:?}. Import it by that name."),
    )
}
