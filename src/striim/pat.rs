//! What the resource and the action that manage personal access tokens (PATs) share: finding a user's, ending it, and
//! telling what went wrong.

use http::StatusCode;

use super::api::{Api, Owner, UserToken};
use super::failure::failure;
use crate::framework::{Diagnostic, Severity};
use crate::platform::end_until_gone;
use crate::rest::{Error, Operation};

/// What the platform tells of a user's PAT.
pub(super) struct Found {
    /// The user's address, where it is known.
    pub(super) address: Option<String>,
    /// `None`: the user has none.
    pub(super) token: Option<UserToken>,
    /// Whether it is the one that the provider itself works with.
    pub(super) own: bool,
}

/// How a message names the PAT of the user with this address, or else of the user whom the provider works as.
pub(super) fn pat_of(address: Option<&str>) -> String {
    match address {
        Some(address) => format!("The personal access token of {address:?}"),
        None => "The personal access token of the user whom the provider works as".to_owned(),
    }
}

/// Looks up the PAT of the user with this address, or else of the user whom the provider works as.
pub(super) async fn find(api: &Api, operation: &Operation, address: Option<&str>) -> Result<Found, Error> {
    let own = api.user_token(operation, None).await;
    let Some(address) = address else {
        let token = own?;
        return Ok(Found {
            address: token.as_ref().and_then(|token| token.email.clone()),
            own: token.is_some(),
            token,
        });
    };
    let own = match own {
        // How the platform answers a service account, which is no user, is not documented.
        Err(error) if matches!(error.status(), Some(StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN)) => None,
        own => own?,
    };
    let is_theirs = |own: &UserToken| own.email.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(address));
    let (token, is_own) = if own.as_ref().is_some_and(is_theirs) {
        (own, true)
    } else {
        let token = api.user_token(operation, Some(address)).await?;
        let id = |token: &Option<UserToken>| token.as_ref().and_then(|token| token.token_id);
        let is_own = id(&own).is_some() && id(&own) == id(&token);
        (token, is_own)
    };
    Ok(Found {
        address: Some(address.to_owned()),
        token,
        own: is_own,
    })
}

/// Revokes a PAT that is there. Gone meanwhile is gone.
pub(super) async fn end(
    api: &Api,
    operation: &Operation,
    token: &UserToken,
    address: Option<&str>,
) -> Result<(), Diagnostic> {
    let owner = match (token.user_id, address) {
        (Some(id), _) => Owner::UserId(id),
        // Documented for one's own only. It can mean nobody else.
        (None, Some(address)) => Owner::Email(address),
        (None, None) => return Err(nobody(Severity::Error)),
    };
    end_until_gone(operation, &pat_of(address), || async {
        match api.revoke_user_token(operation, owner).await {
            Err(error) if !error.is_not_found() => return Err(why_not_revoked(owner, &error)),
            _ => {}
        }
        let left = find(api, operation, address).await.map_err(|error| failure(&error))?;
        Ok(left.token.is_some_and(|left| left.token_id == token.token_id))
    })
    .await
}

fn why_not_revoked(owner: Owner<'_>, error: &Error) -> Diagnostic {
    let mut diagnostic = failure(error);
    if matches!(owner, Owner::Email(_)) && is_refusal(error) {
        diagnostic.detail.push_str(
            "\n\nThe platform lets administrators revoke another user's token by the user's number, and did not tell it. \
             Have the user revoke the token, or do it in the portal; then run again.",
        );
    }
    diagnostic
}

/// Whether the platform understood and would not.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(
        error.status(),
        Some(StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::CONFLICT)
    )
}

/// The provider cannot tell whose PAT it keeps, because it no longer works as that user.
pub(super) fn nobody(severity: Severity) -> Diagnostic {
    Diagnostic {
        severity,
        ..Diagnostic::error(
            "Whose token it is, is not known",
            "The personal access token was that of the user whom the provider worked as, and the platform did not tell \
             who that is. Now the provider works with a token that is no user's, such as that of a service account. \
             Give it the user's personal access token again; or take the resource out of the state (`terraform state \
             rm`), and revoke the token in the portal if it is no longer needed.",
        )
    }
}
