//! The diagnostics of plans whose resources conflict with each other or exceed the quota.

use jiff::Timestamp;

use crate::framework::Diagnostic;
use crate::striim::api::ServiceAccount;
use crate::striim::diagnostics::list;
use crate::striim::quota::QUOTA;

/// The error that two resources declare the same service account.
pub(super) fn declared_twice(name: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Two resources declare the service account {name:?}"),
        "The name of a service account is unique in the account, and each of the two resources would revoke the other's \
         token. Give one of them another name, or remove it. (A pair has two names: its own with -a and with -b.)",
    )
    .on("name")
}

/// The warning that a name moves from one resource to another.
pub(super) fn name_moves(name: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The name {name:?} moves from one resource to another"),
        format!(
            "This plan deletes the service account {name:?} of one resource and creates it for another: the present token is \
             revoked, and a new one is issued. If it is one resource whose address has changed, add a `moved` block \
             instead, which keeps the token. Terraform may create before it destroys; then the creation is rejected, and \
             the next apply repeats it."
        ),
    )
}

/// The warning that a plan exceeds the quota: the account would have `tokens` active tokens.
pub(super) fn exceeds_quota(tokens: usize, accounts: &[ServiceAccount], now: Timestamp) -> Diagnostic {
    Diagnostic::warning(
        "This plan exceeds the quota",
        format!(
            "A Striim Cloud account may have {QUOTA} active service account tokens; with this plan it would have {tokens}, \
             and the platform would reject the excess. The account has:\n{}\n\nRevoke a token that is no longer needed, or \
             declare fewer.",
            list(accounts, now)
        ),
    )
}

/// The warning that a service account can be created only after others were deleted.
pub(super) fn just_fits_quota(name: &str, deleted: &[&str], accounts: &[ServiceAccount], now: Timestamp) -> Diagnostic {
    let deleted: Vec<_> = deleted.iter().map(|name| format!("{name:?}")).collect();
    Diagnostic::warning(
        "This plan just fits the quota",
        format!(
            "A Striim Cloud account may have {QUOTA} active service account tokens. {name:?} can be created only after the \
             deletion of {}, so not with `create_before_destroy` or in parallel. The account has:\n{}",
            deleted.join(", "),
            list(accounts, now)
        ),
    )
}

/// The error that two resources declare the same personal access token.
pub(super) fn pat_declared_twice(id: &str) -> Diagnostic {
    Diagnostic::error(
        "Two resources declare one personal access token",
        format!(
            "A user has one personal access token. Two resources of this configuration manage that of {id:?}, and each would \
             revoke the other's value. Keep one of them."
        ),
    )
}

/// The error of a plan that issues a personal access token and disables personal access tokens.
pub(super) fn pats_are_disabled_by_plan() -> Diagnostic {
    Diagnostic::error(
        "Personal access tokens will be disabled",
        "This plan issues a value for a `striim_personal_access_token`, while a `striim_pat_status` declares that personal access \
         tokens are disabled: the platform would reject the request, or revoke the value at once. Enable them, or remove the \
         token.",
    )
}
