//! The diagnostics of `striim_service_account_token`.

use crate::framework::Diagnostic;
use crate::striim::api::ServiceAccount;

pub(super) use crate::striim::diagnostics::{
    DeclaredBy, cannot_revoke_own_token, create_failed, name_taken, no_such_account, recreates_orphan, reissue_failed,
    rotate_failed, spelled_otherwise, token_of,
};

/// The warning of a plan that adopts an existing account.
pub(super) fn adopts(name: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The service account {name:?} will be adopted"),
        "A service account of that name exists. Because of `adopt_existing`, the apply rotates its token, which revokes the \
         present value. If this state has the account under another address, add a `moved` block instead, which keeps the \
         value.",
    )
}

/// The error of an adoption whose description differs. The next plan would replace the account.
pub(super) fn description_differs(account: &ServiceAccount) -> Diagnostic {
    let description = account.description.as_deref().unwrap_or_default();
    Diagnostic::error(
        "Description differs",
        format!(
            "`adopt_existing` adopts the service account {:?} unchanged, and its description is {description:?}. The \
             platform cannot change a description: write the same one in the configuration.",
            account.name
        ),
    )
    .on("description")
}

/// The warning of an import, which cannot read the value.
pub(super) fn value_unknown_after_import(name: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The value of service account {name:?} is not known"),
        "The platform showed it once, when it was issued, so `token` stays null. The value remains valid where it is in use. \
         For a value that Terraform knows, change `expires_at`, or once they are recorded `expires_in` or \
         `rotation_triggers`: that rotates the token, and the old value stops working.",
    )
}

/// The advice for a `moved` block from a pair, whose present account is `current`.
pub(super) fn moved_from_pair(current: &str) -> String {
    format!(
        "The pair has two service accounts, and this has one. Declare this under a name of its own, next to the pair, \
         distribute its value, and only then remove the pair. Or keep the pair's present account: take the pair out of the \
         state with a `removed` block (`destroy = false`), and import {current:?} as this; then revoke the other account \
         yourself."
    )
}
