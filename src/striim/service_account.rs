//! What the resources that manage service accounts share: finding one, telling its values apart, and what to say of it.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::api::{IssuedToken, ServiceAccount};
use super::failure::failure;
use super::issue::Unmade;
use super::quota;
use super::rotation::invalid;
use super::session::Connection;
use crate::framework::{Diagnostic, Diagnostics, Field};
use crate::rest::Error;
use crate::token::{Expiry, Lifetime};

/// "may be set for up to 12 months" (Striim Cloud, "Token types").
pub(super) const LIFETIME: Lifetime = Lifetime::Months(12);

pub(super) fn find<'a>(accounts: &'a [ServiceAccount], name: &str) -> Option<&'a ServiceAccount> {
    accounts.iter().find(|account| account.name == name)
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

/// What tells one value of a service account from the next, as far as it is known.
pub(super) struct Witness {
    token_id: Option<i64>,
    expiry: Option<Expiry>,
    updated_at: Option<Timestamp>,
}

impl Witness {
    /// By what the state holds.
    pub(super) fn of(token_id: &Field<i64>, expires_at: &Field<String>, updated_at: &Field<String>) -> Self {
        Self {
            token_id: token_id.known().copied(),
            expiry: expires_at.known().and_then(|text| Expiry::parse(text).ok()),
            updated_at: updated_at.known().and_then(|text| text.parse().ok()),
        }
    }

    /// Whether the other is of another value, by the best that both know.
    pub(super) fn contradicts(&self, other: &Self) -> bool {
        if let (Some(ours), Some(theirs)) = (self.token_id, other.token_id) {
            return ours != theirs;
        }
        if let (Some(ours), Some(theirs)) = (self.expiry, other.expiry) {
            return ours != theirs;
        }
        // The same instant may come in another precision.
        self.updated_at
            .zip(other.updated_at)
            .is_some_and(|(ours, theirs)| ours.duration_since(theirs).abs() >= SignedDuration::from_secs(1))
    }
}

impl From<&ServiceAccount> for Witness {
    fn from(account: &ServiceAccount) -> Self {
        Self {
            token_id: account.token_id,
            expiry: account.expires_at.map(Expiry::at),
            updated_at: account.updated_at.as_deref().and_then(|text| text.parse().ok()),
        }
    }
}

/// The expiry that the platform set, or else the one that it was asked for; warns, on `attribute`, where they differ.
pub(super) fn settled_expiry(
    attribute: &'static str,
    asked: Option<Expiry>,
    issued: &IssuedToken,
    diagnostics: &mut Diagnostics,
) -> Option<Expiry> {
    let set = issued.expires_at.map(Expiry::at);
    if let (Some(asked), Some(set)) = (asked, set)
        && asked != set
    {
        let told = format!("The token was to expire at {asked}; the platform says that it expires at {set}.");
        diagnostics.push(Diagnostic::warning("The platform set another expiry", told).on(attribute));
    }
    set.or(asked)
}

/// Whether this is the token that the provider itself works with: by its value, for names tell nothing.
pub(super) async fn works_with(connection: &Connection, token: &Field<SecretString>) -> bool {
    match token.known() {
        Some(value) => connection.api.works_with(value).await,
        None => false,
    }
}

pub(super) fn rotates_own(name: &str) -> Diagnostic {
    Diagnostic::warning(
        "The provider works with this token",
        format!(
            "The token of service account {name:?} is the one that the provider itself was given. It goes on with the \
             new value in the same run; before the next run, give it the new value (its argument `token`, or \
             STRIIM_TOKEN)."
        ),
    )
}

pub(super) fn cannot_revoke_own(name: &str) -> Diagnostic {
    Diagnostic::error(
        "The provider works with this token",
        format!(
            "The token of service account {name:?} is the one that the provider itself was given, and revoking it would \
             cut short whatever else this run has to do. Give the provider another administrator's token and run \
             again; or take the resource out of the state (`terraform state rm`) and revoke the token in the portal."
        ),
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
