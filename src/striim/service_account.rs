//! What the resources that manage service accounts share: finding one, judging what the user declares of it, rotating
//! its token, and telling what went wrong.

use http::StatusCode;
use jiff::Timestamp;
use secrecy::SecretString;

use super::api::{IssuedToken, Own, ServiceAccount};
use super::failure::failure;
use super::issue::{self, Unmade};
use super::kept;
use super::quota;
use super::rotation::invalid;
use super::session::Connection;
use crate::framework::{Diagnostic, Diagnostics, Field};
use crate::rest::{Error, Operation};
use crate::token::Lifetime;

/// "may be set for up to 12 months" (Striim Cloud, "Token types").
pub(super) const LIFETIME: Lifetime = Lifetime::Months(12);

pub(super) fn find<'a>(accounts: &'a [ServiceAccount], name: &str) -> Option<&'a ServiceAccount> {
    accounts.iter().find(|account| account.name == name)
}

/// How a message names the token of a service account.
pub(super) fn token_of(name: &str) -> String {
    format!("The token of service account {name:?}")
}

pub(super) fn check_description_length(description: &Field<String>, diagnostics: &mut Diagnostics) {
    let length = description.known().map_or(0, |description| description.chars().count());
    if length > 255 {
        diagnostics.push(invalid(
            "description",
            format!("must have at most 255 characters; it has {length}"),
        ));
    }
}

/// Whether this is the token that the provider itself works with: by its value, for names tell nothing.
pub(super) async fn works_with(connection: &Connection, token: &Field<SecretString>) -> bool {
    match token.known() {
        Some(value) => connection.api.works_with(value).await,
        None => false,
    }
}

/// Gives a service account a new value; `old` is the one that the state knows, if it does. Where that was the one that the
/// provider works with, it goes on with the new one, and warns if the plan could not know; or if that one may be lost.
pub(super) async fn rotate(
    connection: &Connection,
    operation: &Operation,
    name: &str,
    expires_at: Option<Timestamp>,
    old: &Field<SecretString>,
    diagnostics: &mut Diagnostics,
) -> Result<IssuedToken, Error> {
    let own = match old.known() {
        Some(value) if connection.api.works_with(value).await => Own::Yes,
        Some(_) => Own::No,
        None => Own::Perhaps,
    };
    let issued = issue::rotate(&connection.api, operation, name, expires_at, own).await;
    if let Err(error) = &issued
        && error.is_ambiguous()
        && own != Own::No
    {
        diagnostics.push(kept::may_have_ended_own(&token_of(name)));
    }
    let issued = issued?;
    if own == Own::Perhaps && connection.api.works_with(&issued.token).await {
        diagnostics.push(kept::rotates_own(&token_of(name)));
    }
    Ok(issued)
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
    let conflict = unmade.error.status() == Some(StatusCode::CONFLICT);
    let more = match &unmade.accounts {
        _ if unmade.left_behind => format!(
            "The service account {name:?} is or may be there, without a value that anybody knows. It is in the state, \
             and the next apply {left_behind}."
        ),
        Some(accounts) if find(accounts, name).is_some() => taken.to_owned(),
        Some(accounts) if conflict => quota::exhausted(accounts, now),
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
