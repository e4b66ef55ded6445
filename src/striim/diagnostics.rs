//! Diagnostics about tokens and service accounts, shared by several resources.
//!
//! A diagnostic of a single resource is in the module `diagnostics` of that resource. Summaries name the
//! token, because Terraform shows only the first of several warnings with the same summary.

use jiff::Timestamp;

use super::api::{Mismatch, OwnToken, OwnerKey, ServiceAccount, find};
use super::errors::request_failed;
use super::quota::QUOTA;
use super::service_account::error::{CreateError, ReissueError};
use crate::framework::{Diagnostic, Severity};
use crate::platform::rotation_policy::listed;
use crate::rest::Error;
use crate::token::{Expiry, Reason};

/// Returns the name of a service account's token for messages.
pub(super) fn token_of(name: &str) -> String {
    format!("The token of service account {name:?}")
}

/// The resource that declares a service account.
#[derive(Clone, Copy)]
pub(super) enum DeclaredBy<'a> {
    /// A `striim_service_account_token`.
    Token,
    /// The `striim_service_account_token_pair` of this name.
    Pair(&'a str),
}

// ---- Rotation

/// The warning of a plan that rotates a token.
pub(super) fn will_rotate(what: &str, reasons: &[Reason]) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} will be rotated"),
        format!(
            "Why: {}. The value that is in use stops working at that moment.",
            listed(reasons)
        ),
    )
}

// ---- The value of a token

/// The warning of a refresh that finds another value than that of the state.
pub(super) fn value_replaced_warning(what: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} has another value than the state"),
        "It was rotated outside Terraform: the value in the state no longer works, and clients that read it from there have \
         lost access. The next plan shows whether it issues a new value.",
    )
}

/// Reports that the answer with a new value names another owner than the request.
///
/// The value is kept. Another user is an error, because the value must not be used as the requested
/// user's.
pub(super) fn issued_for_another(mismatch: &Mismatch) -> Diagnostic {
    let Mismatch {
        key,
        requested,
        answered,
        ..
    } = mismatch;
    match key {
        OwnerKey::Name => Diagnostic::warning(
            format!("The platform names the service account {answered:?}, not {requested:?}"),
            format!(
                "A token was requested for {requested:?}, and the answer with its value names {answered:?}. The value is \
                 kept. From now on the service account is identified by the number of its token (`token_id`). Compare the \
                 name with the portal, and declare it as it is spelled there."
            ),
        ),
        OwnerKey::Email => Diagnostic::error(
            format!("The platform issued a token for {answered:?}, not for {requested:?}"),
            format!(
                "The request was to rotate the personal access token of {requested:?}, and the answer with the new value \
                 names {answered:?}. The value is kept, so that it is not lost, but it may be that of {answered:?}: do not \
                 use it before you have compared it with the portal."
            ),
        ),
    }
}

// ---- The provider's own token

/// A change that revokes the present value of a token.
#[derive(Clone, Copy)]
pub(super) enum Change {
    Rotate,
    Revoke,
}

/// Returns the warning of a plan that rotates or revokes the provider's own token, or may do so.
pub(super) fn own_token_warning(own: OwnToken, change: Change, what: &str) -> Option<Diagnostic> {
    match (own, change) {
        (OwnToken::No, _) => None,
        (OwnToken::Yes, Change::Rotate) => Some(rotates_own_token(what)),
        (OwnToken::Yes, Change::Revoke) => Some(cannot_revoke_own_token(what).as_warning()),
        (OwnToken::Unknown, Change::Rotate) => Some(may_rotate_own_token(what)),
        (OwnToken::Unknown, Change::Revoke) => Some(may_revoke_own_token(what)),
    }
}

/// The warning that a rotation replaces the token that the provider itself uses.
pub(super) fn rotates_own_token(what: &str) -> Diagnostic {
    Diagnostic::warning(
        "The provider uses this token",
        format!(
            "{what} is the provider's own credential. In this run the provider continues with the new value; before the \
             next run, configure it with the new value (argument `token`, or STRIIM_TOKEN)."
        ),
    )
}

fn may_rotate_own_token(what: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} may be the provider's own"),
        "Terraform does not know its value, so it cannot be compared with the provider's credential. If they are the same, \
         the provider continues with the new value in this run; before the next run, configure it with the new value \
         (argument `token`, or STRIIM_TOKEN).",
    )
}

fn may_revoke_own_token(what: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} may be the provider's own"),
        "Terraform does not know its value, so it cannot be compared with the provider's credential. If they are the same, \
         revoking it locks the provider out: the rest of this run fails, and so does every run until the provider is configured \
         with another administrator's token. If in doubt, remove the resource from the state (`terraform state rm`) instead.",
    )
}

/// The warning that the provider's own token may have been rotated by a request whose answer was lost.
pub(super) fn own_token_may_be_lost(what: &str) -> Diagnostic {
    Diagnostic::warning(
        "The provider may have lost its own token",
        format!(
            "{what} is, or may be, the provider's own credential, and the answer to its rotation was lost. If it was \
             rotated, the provider cannot send further requests, and the new value is unknown. In that case rotate it in \
             the portal, and configure the provider with the new value (argument `token`, or STRIIM_TOKEN) before the next run."
        ),
    )
}

/// The error of a revocation of the token that the provider itself uses.
pub(super) fn cannot_revoke_own_token(what: &str) -> Diagnostic {
    Diagnostic::error(
        "The provider uses this token",
        format!(
            "{what} is the provider's own credential, and revoking it would fail the rest of this run. Configure the \
             provider with another administrator's token and run again, or remove the resource from the state \
             (`terraform state rm`) and revoke the token in the portal."
        ),
    )
}

// ---- Service accounts

/// The warning of a refresh that finds an account under another spelling of the name only.
pub(super) fn spelled_otherwise(name: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The service account {name:?} is listed under another spelling"),
        "The platform's list has no account of exactly this name, but one whose name differs only in case, blanks or \
         normalization. The list does not show the numbers of their tokens, so the two may be the same or not. The state \
         stays as it is.",
    )
}

/// The error that a service account does not exist. `purpose` is why it is needed: "to import".
pub(super) fn no_such_account(purpose: &str, name: &str, accounts: &[ServiceAccount]) -> Diagnostic {
    let names: Vec<_> = accounts.iter().map(|account| format!("{:?}", account.name)).collect();
    let existing = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    };
    Diagnostic::error(
        "No such service account",
        format!(
            "There is no service account named {name:?} {purpose}. Names are case-sensitive. The account has: {existing}."
        ),
    )
}

/// The warning of a plan that deletes and recreates an orphan: an account with the mark of this provider's
/// `managed_by` that is not in the state.
pub(super) fn recreates_orphan(account: &ServiceAccount, now: Timestamp) -> Diagnostic {
    let name = &account.name;
    let changed = match (&account.updated_at, account.updated_by) {
        (Some(at), Some(by)) => format!("was last rotated or changed at {at} by user {by}"),
        (Some(at), None) => format!("was last rotated or changed at {at}"),
        (None, _) => "was not rotated, as far as the platform shows".to_owned(),
    };
    Diagnostic::warning(
        format!("The service account {name:?} is recreated: its present token is revoked"),
        format!(
            "The account exists, has the mark of this provider's `managed_by`, {:?}, and is not in the part of the state that \
             this run has read. It {}, and {changed}. It may be the orphan of a killed run, whose value is lost. Or \
             `terraform state rm` removed it, or another workspace has the same `managed_by`: then its token is in use. \
             This apply revokes the token, even if it is in use, and creates the account again. To keep it, do not apply this \
             plan: import it (`id = {name:?}`), or give each workspace a `managed_by` of its own and this resource another \
             name.",
            account.managed_by.as_deref().unwrap_or_default(),
            expiry_in_words(account, now)
        ),
    )
    .on("name")
}

/// Reports that the name of a service account that the plan creates is taken: a warning, or an error if
/// the plan would revoke a token first (`is_replacement`).
pub(super) fn name_taken(name: &str, by: DeclaredBy<'_>, is_replacement: bool) -> Diagnostic {
    let summary = format!("The name {name:?} is taken");
    let advice = name_taken_advice(name, by);
    if !is_replacement {
        return Diagnostic::warning(summary, advice).on("name");
    }
    let detail = match by {
        DeclaredBy::Token => format!(
            "This plan would revoke the present token, and then could not create its replacement. {advice}\n\nIf another \
             resource of this configuration gives up the name in the same plan, change that one first, in a run of its own."
        ),
        DeclaredBy::Pair(_) => format!(
            "This plan would revoke the pair's present tokens, and then could not create its replacement. {advice}"
        ),
    };
    Diagnostic::error(summary, detail).on("name")
}

/// The error of an apply if another client has taken a name since the plan. `what` is the token to replace.
pub(super) fn name_taken_since_plan(what: &str, name: &str) -> Diagnostic {
    Diagnostic::error(
        format!("The name {name:?} was taken after the plan"),
        format!(
            "{what} would be replaced by a service account named {name:?}. That name was free when the plan was created. \
             Since then, another resource, run or user has created an account of that name, so the replacement would fail. \
             Nothing was revoked. Run again for a new plan, or choose another name."
        ),
    )
}

/// The advice about a service account that exists and whose owner is unknown.
fn name_taken_advice(name: &str, by: DeclaredBy<'_>) -> String {
    let (what, its_token, resource, id) = match by {
        DeclaredBy::Token => ("it", "its token", "striim_service_account_token", name),
        DeclaredBy::Pair(pair) => ("the pair", "its tokens", "striim_service_account_token_pair", pair),
    };
    let unmanaged = match by {
        DeclaredBy::Token => "choose another name, revoke it, import it, which keeps its value,",
        DeclaredBy::Pair(_) => {
            "choose another name, revoke it, or import it, as one of the pair, which keeps its value:"
        }
    };
    let (adopt, neither) = match by {
        DeclaredBy::Token => (
            "\n\n  or set `adopt_existing = true`, which rotates it: the value that is in use stops working.",
            "Neither import nor adopt",
        ),
        DeclaredBy::Pair(_) => ("", "Do not import"),
    };
    format!(
        "A service account named {name:?} exists already. What to do depends on its owner:\n\n\
         - This state has {what} under another address, because a resource was renamed: add a `moved` block, which keeps \
         {its_token}.\n\
         - This state has {what} under this address, and `create_before_destroy` (set here, or inherited from a resource that \
         depends on this one) has its replacement created first: change `name` as well, or remove `create_before_destroy`. A \
         tainted resource is destroyed first by Terraform: there is nothing to do.\n\
         - Another resource of this configuration created it in this run, perhaps with another provider alias: give one of \
         the two another name.\n\
         - It is in no state: {unmanaged}\n\n  \
         import {{\n    to = {resource}.<label>\n    id = {id:?}\n  }}{adopt}\n\n\
         {neither} what a state has already (`terraform state list`): destroying it there would revoke the token here."
    )
}

/// Describes a failed creation.
pub(super) fn create_failed(name: &str, by: DeclaredBy<'_>, error: &CreateError, now: Timestamp) -> Diagnostic {
    describe_creation(name, by, error, "replaces it", now)
}

/// Describes a failed rotation, or the failed creation that replaces it if the account was deleted.
pub(super) fn reissue_failed(name: &str, by: DeclaredBy<'_>, error: &ReissueError, now: Timestamp) -> Diagnostic {
    match (error, by) {
        (ReissueError::Rotate(error), _) => rotate_failed(name, error),
        (ReissueError::Create(error), DeclaredBy::Token) => describe_creation(name, by, error, "replaces it", now),
        (ReissueError::Create(error), DeclaredBy::Pair(_)) => describe_creation(name, by, error, "gives it one", now),
    }
}

/// Describes a failed creation; `next_apply` is what the next apply does with an account without a known value.
fn describe_creation(
    name: &str,
    by: DeclaredBy<'_>,
    error: &CreateError,
    next_apply: &str,
    now: Timestamp,
) -> Diagnostic {
    let mut diagnostic = request_failed(&error.error);
    let more = match &error.accounts {
        _ if error.may_exist => format!(
            "The service account {name:?} exists, or may exist, without a known value. It is in the state, and the next \
             apply {next_apply}."
        ),
        Some(accounts) if find(accounts, name).is_some() => name_taken_advice(name, by),
        Some(accounts) if error.is_conflict() => quota_used_up(accounts, now),
        _ => return diagnostic,
    };
    diagnostic.detail.push_str("\n\n");
    diagnostic.detail.push_str(&more);
    diagnostic.on("name")
}

/// Describes a failed rotation.
pub(super) fn rotate_failed(name: &str, error: &Error) -> Diagnostic {
    let mut diagnostic = request_failed(error);
    if error.is_ambiguous() {
        diagnostic.detail.push_str(&format!(
            "\n\nIf it did, the value in the state of {name:?} no longer works. Run again: the next plan detects that and \
             rotates once more."
        ));
    }
    diagnostic
}

// ---- Personal access tokens

/// Returns the name of a user's personal access token for messages; without an address, of the provider's own user's.
pub(super) fn pat_of(address: Option<&str>) -> String {
    match address {
        Some(address) => format!("The personal access token of {address:?}"),
        None => "The personal access token of the provider's own user".to_owned(),
    }
}

/// Reports that an answer does not confirm the absence of a personal access token.
pub(super) fn absence_unconfirmed(what: &str, severity: Severity) -> Diagnostic {
    Diagnostic {
        severity,
        ..Diagnostic::error(
            format!("{what} was not found, and stays in the state"),
            "The platform's answer reports no token, but does not name the user. A gateway without a route for the path gives \
             the same answer. Check the provider's `base_url` and proxies. If the portal shows that the user has no token, \
             remove the resource from the state (`terraform state rm`), or configure the provider with an administrator's \
             personal access token, with which it can confirm that the token does not exist.",
        )
    }
}

/// Reports that the user of a personal access token is unknown, because the provider no longer has a credential of that
/// user.
pub(super) fn unknown_user(severity: Severity) -> Diagnostic {
    Diagnostic {
        severity,
        ..Diagnostic::error(
            "The user of the token is not known",
            "The resource manages the personal access token of the provider's own user, whose address the platform did not \
             report. Now the provider uses a token that belongs to no user, such as that of a service account. Configure \
             it with the user's personal access token again, or remove the resource from the state (`terraform state rm`), and \
             revoke the token in the portal if it is no longer needed.",
        )
    }
}

// ---- The quota

/// The advice about a rejected creation although the list does not show the name: the quota is used up, or an expired
/// account that is no longer listed still holds the name.
pub(super) fn quota_used_up(accounts: &[ServiceAccount], now: Timestamp) -> String {
    const HIDDEN: &str = "an account that has expired and is no longer listed may still hold the name. To delete it, set \
         `adopt_existing = true` where the resource has that argument, which revokes it and creates it again; or revoke it \
         in the portal.";
    let list = list(accounts, now);
    if accounts.len() < QUOTA {
        return format!(
            "The list has no service account of that name, and fewer than the {QUOTA} that the account may have. So {HIDDEN} \
             Otherwise choose another name. The account has:\n{list}"
        );
    }
    format!(
        "The account's quota of {QUOTA} active service account tokens is used up:\n{list}\n\nRevoke a token that is no longer \
         needed. This run may have created one that the plan did not count, with another provider alias: then declare \
         fewer. If the account may have more, {HIDDEN}"
    )
}

/// Lists service accounts with their expiries, one per line, in the order of their expiries.
pub(super) fn list(accounts: &[ServiceAccount], now: Timestamp) -> String {
    let mut accounts: Vec<_> = accounts.iter().collect();
    accounts.sort_by_key(|account| (account.expires_at.is_none(), account.expires_at));
    let lines = accounts
        .iter()
        .map(|account| format!("\n  - {:?}, {}", account.name, expiry_in_words(account, now)));
    lines.collect()
}

/// Describes the expiry of a service account's token.
pub(super) fn expiry_in_words(account: &ServiceAccount, now: Timestamp) -> String {
    match account.expires_at.map(Expiry::at) {
        Some(expiry) if expiry.has_passed(now) => format!("expired at {expiry}"),
        Some(expiry) => format!("expires at {expiry}"),
        None if account.unreadable_expiry.is_some() => "with an expiry that cannot be read".to_owned(),
        None => "without expiry".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_begins_with_the_account_that_expires_next() {
        let account = |name: &str, days: i64| ServiceAccount {
            name: name.to_owned(),
            token_id: None,
            description: None,
            managed_by: None,
            expires_at: Timestamp::from_second(days * 86_400).ok(),
            unreadable_expiry: None,
            updated_at: None,
            updated_by: None,
        };
        let list = list(&[account("late", 9), account("soon", 1)], Timestamp::UNIX_EPOCH);
        assert!(list.find("soon") < list.find("late"), "{list}");
    }
}
