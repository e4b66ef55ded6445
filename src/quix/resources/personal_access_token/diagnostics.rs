//! The errors and warnings of a personal access token.

use crate::framework::{Diagnostic, Field};
use crate::platform::rotation_policy::listed;
use crate::quix::api::{InvalidTokenId, PersonalAccessToken, TokenId};
use crate::quix::errors::request_failed;
use crate::rest::Error;
use crate::token::{Expiry, Reason};

/// The warning of a plan that rotates the token.
pub(super) fn rotates(title: &str, id: &str, overlap: &Field<String>, reasons: &[Reason]) -> Diagnostic {
    let deletion = match overlap.known() {
        Some(overlap) => format!(
            "The current token, {id}, remains valid for `overlap` = {overlap}; the first apply after that deletes it."
        ),
        None => format!(
            "The current token, {id}, is deleted in the same apply, once the new value is stored. Set `overlap` to keep both \
             valid for a while."
        ),
    };
    Diagnostic::warning(
        format!("{title} will be rotated"),
        format!("Reason: {}. A new token is created. {deletion}", listed(reasons)),
    )
}

/// The warning of a plan that deletes the previous token.
pub(super) fn deletes_previous(title: &str, previous: &TokenId, until: Option<&str>) -> Diagnostic {
    let since = until.and_then(|until| Expiry::parse(until).ok());
    let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
    Diagnostic::warning(
        format!("{title}: the previous token will be deleted"),
        format!("The token {previous} is due for deletion{since}. Clients that still use it lose access."),
    )
}

/// The warning of a rotation whose previous token could not be deleted.
pub(super) fn predecessor_not_deleted(title: &str, id: &TokenId, cause: &Diagnostic) -> Diagnostic {
    Diagnostic::warning(
        format!("{title}: the previous token could not be deleted"),
        format!(
            "The new token is in place. The previous one, {id}, may still be valid; the next apply deletes it. {}: {}",
            cause.summary, cause.detail
        ),
    )
}

/// The warning of a refresh that finds neither the token nor a previous one.
pub(super) fn deleted_outside(title: &str, id: &TokenId) -> Diagnostic {
    Diagnostic::warning(
        format!("{title} was deleted outside Terraform"),
        format!(
            "The user's list of personal access tokens does not have {id}. It is removed from the state, and its value is no \
             longer valid. If the resource is still declared, the plan creates a new token."
        ),
    )
}

/// The warning of a refresh that finds the previous token but not the current one.
pub(super) fn falls_back(title: &str, previous: &TokenId) -> Diagnostic {
    Diagnostic::warning(
        format!("{title} was deleted outside Terraform"),
        format!(
            "The previous token, {previous}, still exists, and becomes the current one in the state, without a value. The plan \
             shows the next rotation."
        ),
    )
}

/// The warning of a refresh that does not find a token that was created minutes ago.
pub(super) fn not_listed_yet(title: &str, id: &TokenId) -> Diagnostic {
    Diagnostic::warning(
        format!("{title} is not listed yet"),
        format!(
            "The token {id} was created a few minutes ago, and the platform's list may lag behind. It stays in the state. If it \
             was deleted outside Terraform, a later refresh removes it."
        ),
    )
}

/// The warning of a refresh that does not find the token, and does not know whose list it has read.
pub(super) fn possibly_deleted(title: &str, id: &TokenId) -> Diagnostic {
    Diagnostic::warning(
        format!("{title} was not found, and stays in the state"),
        format!(
            "The list of personal access tokens does not have {id}. But it is unknown which user created it, because the \
             platform did not report the user then: it may belong to another user than the provider's token. If the portal \
             does not list it for its user, remove the resource from the state (`terraform state rm`)."
        ),
    )
}

/// The error for a token of another user.
pub(super) fn belongs_to_other_user(title: &str) -> Diagnostic {
    Diagnostic::error(
        format!("{title} belongs to another user"),
        "The provider's token belongs to another user than when this token was created or imported. The platform shows and \
         deletes only the tokens of the provider's own user. Nothing was changed. Configure the provider with a token of the \
         same user. To manage the tokens of several users, use one provider block for each (`alias`).",
    )
}

/// The warning of an import, which cannot read the value.
pub(super) fn value_unknown(title: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{title}: its value is unknown"),
        "The platform showed the value only when the token was created, so `token` is null. Clients that have the value can \
         still use it. To get a value that Terraform knows, first apply with `rotation_triggers`, then change them: that creates \
         a new token and deletes this one.",
    )
}

/// The error of an import whose id is not an id.
pub(super) fn invalid_id(error: InvalidTokenId) -> Diagnostic {
    Diagnostic::error(
        "Invalid import id",
        format!("The id {error}. A token's value is not accepted, because it would appear in logs."),
    )
}

/// The error of an import that finds no token.
pub(super) fn nothing_to_import(id: &TokenId) -> Diagnostic {
    // A text that is no UUID may be a value.
    let id = match id.is_uuid() {
        true => format!("the id {id}"),
        false => "this id (which is not a UUID)".to_owned(),
    };
    Diagnostic::error(
        "No such personal access token",
        format!(
            "The user has no personal access token with {id}. The platform shows only the tokens of the user whose token the \
             provider has. The data source `quix_personal_access_tokens` lists them."
        ),
    )
}

/// The error where the state's id is invalid.
pub(super) fn unreadable_id(_: InvalidTokenId) -> Diagnostic {
    Diagnostic::error(
        "Invalid id in the state",
        "The value of `id` is not the id of a personal access token. The state was edited by hand: restore it, or import the \
         token again.",
    )
}

/// The warning of a refresh that finds the rotation of a killed run.
pub(super) fn rotation_completed(title: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{title} was rotated by a run that did not finish"),
        "The new token is in Vault, in a secret that names the token that it replaces. It is now in the state, and the next \
         apply deletes the previous token.",
    )
}

/// The warning of a plan that rotates the token that the provider uses.
pub(super) fn rotates_own_token(title: &str) -> Diagnostic {
    Diagnostic::warning(
        "The provider uses this token",
        format!(
            "{title} is the provider's own credential. In this run the provider continues with the new value. Before the next \
             run, configure it with the new value (argument `token`, or Quix__Sdk__Token)."
        ),
    )
}

/// The warning of a plan that rotates or deletes a token whose value is unknown.
pub(super) fn may_be_own_token(title: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{title} may be the provider's own"),
        "Terraform does not know its value, so it cannot be compared with the provider's credential. If they are the same: a \
         rotation continues with the new value, with which the provider must be configured before the next run (argument \
         `token`, or Quix__Sdk__Token); a deletion makes the rest of this run fail.",
    )
}

/// The error of a deletion of the token that the provider uses.
pub(super) fn uses_own_token(title: &str, id: &TokenId) -> Diagnostic {
    Diagnostic::error(
        "The provider uses this token",
        format!(
            "{title} (id {id}) is the provider's own credential. Deleting it would make the rest of this run fail. Configure the \
             provider with another token of the same user (argument `token`, or Quix__Sdk__Token; after a rotation, the new \
             value) and run again. Or remove the resource from the state (`terraform state rm`) and delete the token in the \
             portal."
        ),
    )
}

/// The error of a deletion after which the platform rejects the provider's token.
pub(super) fn own_credential_revoked(id: &TokenId) -> Diagnostic {
    Diagnostic::error(
        "The provider's own token was deleted",
        format!(
            "The platform confirmed the deletion of the personal access token {id}, and now rejects the provider's token: they \
             were the same. Configure the provider with another token of the same user (argument `token`, or \
             Quix__Sdk__Token), and run again."
        ),
    )
}

/// The error of a creation that the platform rejected. `before` are the tokens that existed, and
/// `new` those that an earlier attempt may have created.
pub(super) fn create_rejected(
    error: &Error,
    before: &[PersonalAccessToken],
    new: &[PersonalAccessToken],
) -> Diagnostic {
    let mut diagnostic = request_failed(error);
    if error.status().is_some_and(|status| status.is_client_error()) && !before.is_empty() {
        diagnostic.detail.push_str(&format!(
            "\n\nQuix documents neither whether names must be unique, nor the maximum number of tokens, nor the longest expiry. \
             The user has {} personal access tokens:{}",
            before.len(),
            rows(before)
        ));
    }
    if !new.is_empty() {
        diagnostic.detail.push_str(&format!("\n\n{}", orphans(new)));
    }
    diagnostic
}

/// The error of a creation whose answer was lost, and that is not repeated. `new` are the tokens that
/// it may have created.
pub(super) fn create_failed(error: &Error, new: &[PersonalAccessToken]) -> Diagnostic {
    let mut diagnostic = request_failed(error);
    let outcome = match new.is_empty() {
        true => "The list of tokens shows no new token of this name.".to_owned(),
        false => orphans(new),
    };
    diagnostic.detail.push_str(&format!("\n\n{outcome}"));
    diagnostic
}

/// The error of a creation whose answer was lost, after which the outcome cannot be read.
pub(super) fn create_outcome_unknown(error: &Error, unread: &Diagnostic) -> Diagnostic {
    let mut diagnostic = request_failed(error);
    diagnostic.detail.push_str(&format!(
        "\n\nWhether it was created could not be determined: {}. {}\n\nIf a token of this name is new in the portal, its value \
         is lost: delete it there.",
        unread.summary, unread.detail
    ));
    diagnostic
}

/// The warning after a repeated creation that an earlier attempt may have created more tokens.
pub(super) fn possible_orphans(tokens: &[PersonalAccessToken], unread: Option<&Diagnostic>) -> Diagnostic {
    let detail = match unread {
        Some(unread) => format!(
            "The answer to a first attempt was lost, and the list of tokens could not be read afterwards: {}. If the portal \
             shows two new tokens of this name, delete the one that is not in the state: its value is lost.",
            unread.summary
        ),
        None => orphans(tokens),
    };
    Diagnostic::warning("A creation was repeated, and may have left another token", detail)
}

fn orphans(tokens: &[PersonalAccessToken]) -> String {
    format!(
        "The answer to a creation was lost, and these tokens of the same name are new. The platform does not show who created \
         them, so none was deleted:{}\n\nIf no other client created them, their values are lost: delete them in the portal, or \
         import them.",
        rows(tokens)
    )
}

fn rows(tokens: &[PersonalAccessToken]) -> String {
    let row = |token: &PersonalAccessToken| {
        let name = token.name.as_deref().unwrap_or("without a name");
        let expiry = match token.expires_at {
            Some(expiry) => format!(", expires at {}", Expiry::at(expiry)),
            None => String::new(),
        };
        format!("\n  - {name:?}, id {}{expiry}", token.id)
    };
    tokens.iter().map(row).collect()
}

/// Adds to the error of a delivery what became of the new token. `failed` is the error of its
/// deletion.
pub(super) fn add_cleanup(error: &mut Diagnostic, id: &TokenId, failed: Option<&Diagnostic>) {
    error.detail.push_str(&match failed {
        None => "\n\nThe new token was deleted again.".to_owned(),
        Some(cause) => format!(
            "\n\nThe new token, {id}, could not be deleted again: {}. {} It is in the state, and the next apply deletes it.",
            cause.summary, cause.detail
        ),
    });
}
