//! The checks that the plans of all resources with service accounts share.

use jiff::Timestamp;

use crate::framework::{Diagnostic, Diagnostics, Field};
use crate::rest::Operation;
use crate::striim::api::{ServiceAccount, find, is_marked};
use crate::striim::connection::Connection;
use crate::striim::diagnostics::{self, Change, token_of};
use crate::striim::service_account::lookup::is_own_token;
use crate::striim::token_value::PresentToken;

/// The validator of a declared description, in addition to its length.
pub(in crate::striim) fn has_no_mark(description: &str) -> Result<(), &'static str> {
    if is_marked(description) {
        return Err("must not end in a mark such as [managed by acme]: the provider's `managed_by` writes it");
    }
    Ok(())
}

/// Checks that a description and the mark of the provider's `managed_by` fit together.
///
/// # Errors
/// Returns an error on `description` if they exceed the platform's limit.
pub(in crate::striim) fn check_description(
    connection: &Connection,
    description: &Field<String>,
) -> Result<(), Diagnostic> {
    let limit = connection.api.max_description();
    let length = description.known().map_or(0, |text| text.chars().count());
    if length <= limit {
        return Ok(());
    }
    Err(description_too_long(limit, length))
}

/// Whether a planned service account can have its name.
pub(in crate::striim) enum NameStatus<'a> {
    /// No other account has it, or the plan deletes that one.
    Available,
    /// An orphan of this provider has it: it is deleted first.
    Orphan(&'a ServiceAccount),
    /// Another account has it.
    Taken(&'a ServiceAccount),
}

/// Checks the name of a planned service account against the account.
pub(in crate::striim) async fn name_status<'a>(
    connection: &Connection,
    accounts: &'a [ServiceAccount],
    name: &str,
) -> NameStatus<'a> {
    let Some(account) = find(accounts, name) else {
        return NameStatus::Available;
    };
    if !connection.planned_accounts.stays_foreign(name, accounts).await {
        return NameStatus::Available;
    }
    if connection.api.manages(account) {
        NameStatus::Orphan(account)
    } else {
        NameStatus::Taken(account)
    }
}

/// Plans the deletion of a service account, whose token is `present`.
pub(in crate::striim) async fn plan_deletion(
    connection: &Connection,
    operation: &Operation,
    name: &str,
    present: &PresentToken,
    now: Timestamp,
    diagnostics: &mut Diagnostics,
) {
    diagnostics.ok(connection.planned_accounts.delete(name));
    warn_if_own_token(connection, operation, (name, present, Change::Revoke), now, diagnostics).await;
}

/// Warns if a plan changes the token that the provider itself uses, or may use.
pub(in crate::striim) async fn warn_if_own_token(
    connection: &Connection,
    operation: &Operation,
    (name, present, change): (&str, &PresentToken, Change),
    now: Timestamp,
    diagnostics: &mut Diagnostics,
) {
    let own = is_own_token(connection, operation, name, present, now).await;
    diagnostics.extend(diagnostics::own_token_warning(own, change, &token_of(name)));
}

/// The error that a description is too long with the mark of the provider's `managed_by`.
fn description_too_long(limit: usize, length: usize) -> Diagnostic {
    Diagnostic::invalid(
        "description",
        format!(
            "must have at most {limit} characters in addition to the mark of the provider's `managed_by`; it has {length}"
        ),
    )
}
