//! What the resources that manage service accounts share: finding one, judging what the user declares of it, rotating
//! its token, and telling what went wrong.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use secrecy::SecretString;

use super::api::{IssuedToken, Own, ServiceAccount, find, is_marked, is_same_name};
use super::connection::{Connection, Context, Latest};
use super::errors::failure;
use super::issue::{self, Unmade};
use super::quota;
use super::revoke::revoke;
use super::token_value;
use crate::framework::{Diagnostic, Diagnostics, Field};
use crate::rest::{Error, Kind, Operation};
use crate::token::Lifetime;

/// How often, and how long each time, a creation waits for a deletion that frees its name.
const NAME_PAUSES: u32 = 25;
const NAME_PAUSE: Duration = Duration::from_millis(200);

/// "may be set for up to 12 months" (Striim Cloud, "Token types").
pub(super) const LIFETIME: Lifetime = Lifetime::Months(12);

/// The service account of a resource whose state knows it by this name and token: the platform may spell the name in another
/// way than it was declared.
pub(super) fn find_own<'a>(
    accounts: &'a [ServiceAccount],
    name: &str,
    token_id: Option<i64>,
) -> Option<&'a ServiceAccount> {
    let has_token = |account: &&ServiceAccount| token_id.is_some() && account.token_id == token_id;
    accounts.iter().find(has_token).or_else(|| find(accounts, name))
}

/// Whether the list may show the account of a resource under another spelling of its name: where no number of a token says
/// which one it is.
pub(super) fn may_be_spelled_otherwise(accounts: &[ServiceAccount], name: &str, token_id: Option<i64>) -> bool {
    accounts
        .iter()
        .any(|account| is_same_name(&account.name, name) && (token_id.is_none() || account.token_id.is_none()))
}

/// The warning of a refresh that finds an account under another spelling of the name only.
pub(super) fn spelled_otherwise(name: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The service account {name:?} is listed under another spelling"),
        "The platform's list has no account of exactly this name, and one whose name differs in case, blanks or \
         normalization only. It has no numbers of their tokens, so they may be the same or not. The state stays as \
         it is.",
    )
}

/// The error that there is no service account of this name, as `to_do` wants it: "to import".
pub(super) fn no_such_account(to_do: &str, name: &str, accounts: &[ServiceAccount]) -> Diagnostic {
    let names: Vec<_> = accounts.iter().map(|account| format!("{:?}", account.name)).collect();
    let there = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    };
    Diagnostic::error(
        "No such service account",
        format!("There is no service account named {name:?} {to_do}. Names are case-sensitive. There are: {there}."),
    )
}

/// How a message names the token of a service account.
pub(super) fn token_of(name: &str) -> String {
    format!("The token of service account {name:?}")
}

/// The validator of a description that the user declares, next to its length.
pub(super) fn has_no_mark(description: &str) -> Result<(), &'static str> {
    if is_marked(description) {
        return Err("must not end in a mark such as [managed by acme]: the provider's `managed_by` writes it");
    }
    Ok(())
}

/// Checks that a description leaves room for the mark of the provider's `managed_by`.
pub(super) fn check_description(connection: &Connection, description: &Field<String>) -> Result<(), Diagnostic> {
    let room = connection.api.room_for_description();
    let length = description.known().map_or(0, |text| text.chars().count());
    if length <= room {
        return Ok(());
    }
    Err(Diagnostic::invalid(
        "description",
        format!("must have at most {room} characters next to the mark of the provider's `managed_by`; it has {length}"),
    ))
}

/// The plan's warning about an account that bears the mark of this provider's `managed_by` and is not in the state, as a run
/// that was killed leaves one: it is revoked and created again. `None` if there is no such account.
pub(super) async fn orphan(
    connection: &Connection,
    accounts: &[ServiceAccount],
    name: &str,
    now: Timestamp,
) -> Option<Diagnostic> {
    let account = find(accounts, name).filter(|account| connection.api.manages(account))?;
    let is_orphan = connection.ledger.stays_foreign(name, accounts).await;
    is_orphan.then(|| {
        let changed = match (&account.updated_at, account.updated_by) {
            (Some(at), Some(by)) => format!("was last rotated or changed at {at} by user {by}"),
            (Some(at), None) => format!("was last rotated or changed at {at}"),
            (None, _) => "was not rotated, as far as the platform shows".to_owned(),
        };
        Diagnostic::warning(
            format!("The service account {name:?} is recreated: its present token is revoked"),
            format!(
                "It exists, bears the mark of this provider's `managed_by`, {:?}, and is not in the part of the state that this \
                 run has read; it {}, and {changed}. A run that was killed leaves such an account, with a value that is lost. \
                 But so does `terraform state rm`, and so does another workspace with the same `managed_by`: then its token \
                 is in use. This apply revokes it, wherever it is in use, and creates the account again. To keep it, do not \
                 apply this plan: import it (`id = {name:?}`), or give each workspace a `managed_by` of its own and this \
                 resource another name.",
                account.managed_by.as_deref().unwrap_or_default(),
                quota::ending(account, now)
            ),
        )
        .on("name")
    })
}

/// Waits for a deletion by which this run gives up a name that is still taken: Terraform deletes and creates at the same
/// time.
pub(super) async fn wait_for_name(connection: &Connection, operation: &Operation, name: &str) {
    let Ok(recent) = connection.recent(operation).await else {
        return;
    };
    let is_taken = find(&recent.items, name).is_some_and(|account| !connection.api.manages(account));
    for _ in 0..NAME_PAUSES {
        if !is_taken || connection.ledger.has_deleted(name) || operation.pause(NAME_PAUSE).await.is_err() {
            return;
        }
    }
}

/// Checks before a deletion that the replacement can be created: a name that was free in the plan may be taken since.
pub(super) async fn check_successor(
    connection: &Connection,
    operation: &Operation,
    what: &str,
    successor: &str,
) -> Result<(), Diagnostic> {
    let is_created_already = connection.lock_name(successor).await.is_some();
    let accounts = connection.recent(operation).await.map_err(|error| failure(&error))?;
    if is_created_already || find(&accounts.items, successor).is_none() {
        return Ok(());
    }
    Err(Diagnostic::error(
        format!("The name {successor:?} is taken since the plan"),
        format!(
            "{what} is to be replaced by that of a service account named {successor:?}, and that name was free when the plan \
             was made. Another resource, run or person has created such an account since, so the replacement would fail. \
             Nothing was revoked. Run again for a new plan, or choose another name."
        ),
    ))
}

/// ExpiryPolicy what a run that was killed left under a name, so that the name is free. Whose it is, its mark proves; what was made
/// under that name by this run is another resource's.
pub(super) async fn end_left_over(
    connection: &Connection,
    operation: &Operation,
    name: &str,
    latest: &Latest,
) -> Result<(), Diagnostic> {
    if !connection.api.marks() || latest.is_some() {
        return Ok(());
    }
    let manages = |accounts: &[ServiceAccount]| {
        find(accounts, name)
            .filter(|account| connection.api.manages(account))
            .cloned()
    };
    let recent = connection.recent(operation).await.map_err(|error| failure(&error))?;
    if manages(&recent.items).is_none() {
        return Ok(());
    }
    let Some(account) = manages(&connection.fetch_accounts(operation).await?) else {
        return Ok(());
    };
    tracing::warn!("an interrupted run left the service account {name:?}: recreating it");
    let revoked = revoke(&connection.api, operation, name, account.token_id).await;
    match revoked {
        Ok(()) => connection.removed(name).await,
        Err(_) => connection.invalidate(),
    }
    revoked
}

/// ExpiryPolicy a service account whose value and number the state knows as these. Where its name has moved to another resource in
/// this run, which could have it because this one's account was gone, or by adopting it, that one's is spared.
pub(super) async fn end(
    connection: &Connection,
    context: &Context,
    name: &str,
    token: &Field<SecretString>,
    token_id: &Field<i64>,
) -> Result<(), Diagnostic> {
    let latest = connection.lock_name(name).await;
    let operation = connection.operation(context);
    if let Some(latest) = &*latest {
        let accounts = connection.fetch_accounts(&operation).await?;
        let present_id = find(&accounts, name).and_then(|account| account.token_id);
        if token_value::belongs_to_other_resource(token, token_id, latest, present_id) {
            return Ok(());
        }
    }
    let revoked = revoke(&connection.api, &operation, name, token_id.known().copied()).await;
    match revoked {
        Ok(()) => {
            connection.removed(name).await;
            connection.ledger.deleted(name);
        }
        Err(_) => connection.invalidate(),
    }
    revoked
}

/// Whether a service account's token is the one that the provider itself works with: by its value, and where that is unknown
/// by elimination.
pub(super) async fn whether_own(
    connection: &Connection,
    operation: &Operation,
    name: &str,
    token: &Field<SecretString>,
    now: Timestamp,
) -> Own {
    if let Some(value) = token.known() {
        let is_own = connection.api.works_with(value).await;
        return if is_own { Own::Yes } else { Own::No };
    }
    let Ok(recent) = connection.recent(operation).await else {
        return Own::Perhaps;
    };
    // An expired token is rejected.
    let is_active = |account: &&ServiceAccount| quota::is_active(account, now);
    let mut active = recent.items.iter().filter(is_active).map(|account| &account.name);
    if !active.clone().any(|other| other == name) {
        return Own::No;
    }
    match connection.works_as_user(operation).await {
        Some(true) => Own::No,
        Some(false) if active.all(|other| other == name) => Own::Yes,
        _ => Own::Perhaps,
    }
}

/// Gives a service account a new value; `old` is the one that the state knows, if it does, and `token_id` its number. Where that was the one that the
/// provider works with, it goes on with the new one, and warns if the plan could not know; or if that one may be lost.
pub(super) async fn rotate(
    connection: &Connection,
    operation: &Operation,
    name: &str,
    expires_at: Option<Timestamp>,
    old: &Field<SecretString>,
    token_id: Option<i64>,
    diagnostics: &mut Diagnostics,
) -> Result<IssuedToken, Error> {
    let own = match old.known() {
        Some(value) if connection.api.works_with(value).await => Own::Yes,
        Some(_) => Own::No,
        None => Own::Perhaps,
    };
    let mut issued = issue::rotate(&connection.api, operation, name, expires_at, own).await;
    if let Err(error) = &issued
        && error.is_not_found()
    {
        // Only the list proves that it is not there.
        let accounts = connection.api.list_service_accounts(operation).await?;
        match find_own(&accounts, name, token_id) {
            None => {}
            Some(account) if account.name != name => {
                issued = issue::rotate(&connection.api, operation, &account.name, expires_at, own).await;
            }
            Some(_) => return Err(listed_all_the_same(name)),
        }
    }
    connection.rotated().await;
    // An answer that names another account may carry another account's value.
    let is_doubtful = match &issued {
        Ok(issued) => issued.mismatch.as_ref().is_some_and(|mismatch| !mismatch.is_same),
        Err(error) => error.is_ambiguous(),
    };
    if is_doubtful && own != Own::No {
        diagnostics.push(token_value::may_have_ended_own(&token_of(name)));
    }
    let issued = issued?;
    if own == Own::Perhaps && connection.api.works_with(&issued.token).await {
        diagnostics.push(token_value::rotates_own(&token_of(name)));
    }
    Ok(issued)
}

/// Adds what the answer to a creation or rotation left out and the list reports, so that the state is complete after the
/// apply and the next refresh has nothing to add. Errors are ignored: the value must not be lost for the sake of it.
pub(super) async fn complete(connection: &Connection, operation: &Operation, name: &str, issued: &mut IssuedToken) {
    if issued.token_id.is_some() && issued.expires_at.is_some() {
        return;
    }
    let Ok(accounts) = connection.service_accounts(operation).await else {
        return;
    };
    let same_value = |account: &&ServiceAccount| issued.token_id.is_none() || account.token_id == issued.token_id;
    if let Some(account) = find(&accounts, name).filter(same_value) {
        issued.token_id = issued.token_id.or(account.token_id);
        issued.expires_at = issued.expires_at.or(account.expires_at);
        issued.updated_at = issued.updated_at.take().or_else(|| account.updated_at.clone());
        issued.updated_by = issued.updated_by.or(account.updated_by);
    }
}

/// The error that a rotation was answered as if the account did not exist, which the list shows.
fn listed_all_the_same(name: &str) -> Error {
    let kind = Kind::Unreadable {
        status: StatusCode::NOT_FOUND,
        reason: "the list shows this service account, so the answer is not the platform's, or not about it".into(),
    };
    Error::new(
        &format!("rotate the token of the service account {name:?}"),
        kind,
        false,
    )
}

/// `taken` is the advice for a name that is taken, `left_behind` what becomes of an account that nobody has a value of.
pub(super) fn why_not_created(
    name: &str,
    unmade: &Unmade,
    taken: &str,
    left_behind: &str,
    now: Timestamp,
) -> Diagnostic {
    let mut diagnostic = failure(&unmade.error);
    let more = match &unmade.accounts {
        _ if unmade.left_behind => format!(
            "The service account {name:?} is or may be there, without a value that anybody knows. It is in the state, \
             and the next apply {left_behind}."
        ),
        Some(accounts) if find(accounts, name).is_some() => taken.to_owned(),
        Some(accounts) if unmade.is_conflict() => quota::exhausted(accounts, now),
        _ => return diagnostic,
    };
    diagnostic.detail.push_str("\n\n");
    diagnostic.detail.push_str(&more);
    diagnostic.on("name")
}

pub(super) fn why_not_rotated(name: &str, error: &Error) -> Diagnostic {
    let mut diagnostic = failure(error);
    if error.is_ambiguous() {
        diagnostic.detail.push_str(&format!(
            "\n\nIf it did, the value in the state of {name:?} no longer works. Run again: the next plan sees it and \
             rotates once more."
        ));
    }
    diagnostic
}
