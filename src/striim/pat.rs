//! Operations on a user's personal access token (PAT), for the resource and the action that manage one.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;
use secrecy::SecretString;

use super::api::{Api, IssuedToken, OwnToken, Owner, UserToken, UserTokenReading};
use super::diagnostics::{absence_unconfirmed, cannot_revoke_own_token, pat_of, unknown_user};
use super::errors::request_failed;
use super::lost_answer::{for_another, rotate_until_answered};
use super::token_value::KnownToken;
use crate::framework::{Diagnostic, Field, Severity};
use crate::platform::ensure;
use crate::rest::{Error, Operation};

/// A user's PAT as the platform reports it.
pub(super) struct Found {
    /// The user's address, if it is known.
    pub(super) address: Option<String>,
    /// The PAT; `None` if the user has none.
    pub(super) token: Option<UserToken>,
    /// Whether the PAT is the provider's own credential.
    pub(super) own: bool,
    /// Whether the platform itself, not a gateway, reported that the user has no PAT.
    pub(super) is_absence_confirmed: bool,
}

/// Reads the PAT of the user with this address, or without an address that of the provider's own user.
///
/// # Errors
/// Returns the failed request.
pub(super) async fn find(api: &Api, operation: &Operation, address: Option<&str>) -> Result<Found, Error> {
    let own = api.user_token(operation, None).await;
    let Some(address) = address else {
        let token = own?;
        return Ok(Found {
            address: token.as_ref().and_then(|token| token.email.clone()),
            own: token.is_some(),
            token,
            is_absence_confirmed: false,
        });
    };
    let own = match own {
        // A service account is not a user. The answer to its request is not documented.
        Err(error) if matches!(error.status(), Some(StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN)) => None,
        own => own?,
    };
    let is_theirs = |own: &UserToken| own.email.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(address));
    let (token, is_own) = if own.as_ref().is_some_and(is_theirs) {
        (own, true)
    } else {
        let reading = api.read_user_token(operation, Some(address)).await?;
        let (token, names_user) = match reading {
            UserTokenReading::Present(token) => (Some(token), false),
            UserTokenReading::Missing { names_user } => (None, names_user),
        };
        if token.is_none() {
            let is_absence_confirmed = names_user || confirm_absence(api, operation, address, own.is_some()).await?;
            return Ok(Found {
                address: Some(address.to_owned()),
                token,
                own: false,
                is_absence_confirmed,
            });
        }
        let id = |token: &Option<UserToken>| token.as_ref().and_then(|token| token.token_id);
        let is_own = id(&own).is_some() && id(&own) == id(&token);
        (token, is_own)
    };
    Ok(Found {
        address: Some(address.to_owned()),
        token,
        own: is_own,
        is_absence_confirmed: false,
    })
}

/// Whether the answer that a user has no PAT came from the platform. A gateway without a route for the
/// path gives the same answer.
///
/// The absence is certain in two cases: the same path shows the provider's own PAT before and after, and a second
/// request for the user's has the same answer; or PATs are disabled, which revokes all of them.
async fn confirm_absence(api: &Api, operation: &Operation, address: &str, shows_own: bool) -> Result<bool, Error> {
    if shows_own {
        let shows_own = api.user_token(operation, None).await?.is_some();
        return Ok(shows_own && api.user_token(operation, Some(address)).await?.is_none());
    }
    let status = api.pat_status(operation).await;
    Ok(status.is_ok_and(|status| !status.enabled))
}

/// Whether a PAT is the provider's own credential. Compares its value, or its user if the value is unknown.
///
/// # Errors
/// Returns the failed request.
pub(super) async fn is_own_token(
    api: &Api,
    operation: &Operation,
    address: Option<&str>,
    value: &Field<SecretString>,
) -> Result<bool, Error> {
    match value.known() {
        Some(value) => Ok(api.is_own_credential(value).await),
        None => Ok(find(api, operation, address).await?.own),
    }
}

/// Whether the platform reports that PATs are disabled. Only administrators can read the status: for
/// others the result is `false`.
pub(super) async fn are_disabled(api: &Api, operation: &Operation) -> bool {
    let status = api.pat_status(operation).await;
    status.is_ok_and(|status| !status.enabled)
}

/// The error of a failed rotation.
pub(super) struct RotateError {
    pub(super) error: Error,
    /// Whether the platform rejected the request because PATs are disabled.
    pub(super) is_disabled: bool,
}

/// Issues a new value for a PAT, which revokes the present one. If the answer omits attributes, reads them
/// from the platform.
///
/// An answer that names another user is accepted, unless the platform reports another `token-id` for the
/// requested user.
///
/// # Errors
/// Returns the last failed request. If its outcome is ambiguous, the present value may be revoked.
pub(super) async fn rotate(
    api: &Api,
    operation: &Operation,
    address: Option<&str>,
    expires_at: Option<Timestamp>,
    own: bool,
) -> Result<IssuedToken, RotateError> {
    let own = if own { OwnToken::Yes } else { OwnToken::No };
    let rotated = rotate_until_answered(api, operation, own, || async {
        let issued = api.rotate_user_token(operation, address, expires_at, own).await?;
        if own == OwnToken::Yes || !issued.names_another() {
            return Ok(issued);
        }
        let present = api.user_token(operation, address).await.ok().flatten();
        if present.is_some_and(|present| issued.is_not(present.token_id)) {
            Err(for_another("rotate", address.unwrap_or_default()))
        } else {
            Ok(issued)
        }
    });
    match rotated.await {
        Ok(issued) => Ok(complete(api, operation, address, issued).await),
        Err(error) => {
            let is_disabled = is_rejected(&error) && are_disabled(api, operation).await;
            Err(RotateError { error, is_disabled })
        }
    }
}

/// Reads the attributes that the answer to a rotation omits, so that the state is complete after the
/// apply. Errors are ignored, because the value must not be lost.
async fn complete(api: &Api, operation: &Operation, address: Option<&str>, mut issued: IssuedToken) -> IssuedToken {
    if issued.token_id.is_some() && issued.expires_at.is_some() {
        return issued;
    }
    let found = find(api, operation, address).await.ok().and_then(|found| found.token);
    let same_value = |token: &UserToken| issued.token_id.is_none() || token.token_id == issued.token_id;
    if let Some(token) = found.filter(same_value) {
        issued.token_id = issued.token_id.or(token.token_id);
        issued.expires_at = issued.expires_at.or(token.expires_at);
        issued.updated_at = issued.updated_at.or(token.updated_at);
        issued.updated_by = issued.updated_by.or(token.updated_by);
    }
    issued
}

/// A PAT as recorded in a state.
pub(super) struct KnownPat<'a> {
    /// The `id` of its resource.
    pub(super) id: &'a str,
    pub(super) address: Option<&'a str>,
    pub(super) token: KnownToken<'a>,
    pub(super) has_expired: bool,
}

/// Revokes the PAT that a state records. Idempotent: a PAT that does not exist counts as revoked.
/// `last_issued` contains the values that this run issued last, by the `id` of the resource.
///
/// # Errors
/// Returns an error if the PAT exists or may exist afterwards, or is the provider's own credential.
pub(super) async fn delete(
    api: &Api,
    operation: &Operation,
    known: KnownPat<'_>,
    last_issued: &BTreeMap<String, SecretString>,
) -> Result<(), Diagnostic> {
    let KnownPat {
        id,
        address,
        token,
        has_expired,
    } = known;
    let found = find(api, operation, address).await;
    let found = found.map_err(|error| request_failed(&error))?;
    let present_id = found.token.as_ref().and_then(|token| token.token_id);
    let last_issued = last_issued.get(id);
    if last_issued.is_some_and(|last_issued| token.belongs_to_other_resource(last_issued, present_id)) {
        // The replacement was created first, which revoked this value. The present one is the replacement's.
        return Ok(());
    }
    let is_own = is_own_token(api, operation, address, token.value).await;
    if is_own.map_err(|error| request_failed(&error))? {
        return Err(cannot_revoke_own_token(&pat_of(address)));
    }
    let Some(present) = found.token else {
        return match address {
            None if !has_expired => Err(unknown_user(Severity::Error)),
            Some(_) if !found.is_absence_confirmed && !has_expired => {
                Err(absence_unconfirmed(&pat_of(address), Severity::Error))
            }
            _ => Ok(()),
        };
    };
    revoke(api, operation, &present, found.address.as_deref()).await
}

/// Repeats the revocation of a PAT until the platform no longer reports it. Idempotent: a PAT that
/// disappears meanwhile counts as revoked.
///
/// # Errors
/// Returns an error if the PAT exists or may exist afterwards.
pub(super) async fn revoke(
    api: &Api,
    operation: &Operation,
    token: &UserToken,
    address: Option<&str>,
) -> Result<(), Diagnostic> {
    // Without an address in the answer, the user's number may be another user's.
    let names_user = address.is_none() || token.email.is_some();
    let owner = match (token.user_id.filter(|_| names_user), address) {
        (Some(id), _) => Owner::UserId(id),
        // Documented for the caller's own PAT only, but an address cannot identify another user.
        (None, Some(address)) => Owner::Email(address),
        (None, None) => return Err(unknown_user(Severity::Error)),
    };
    ensure::absent(operation, &pat_of(address), || async {
        let is_revoked = match api.revoke_user_token(operation, owner).await {
            Ok(()) => true,
            // An earlier attempt whose answer was lost may have revoked the PAT.
            Err(error) if error.is_not_found() => error.is_ambiguous(),
            Err(error) => return Err(pat_revoke_failed(&error, matches!(owner, Owner::Email(_)))),
        };
        let found = find(api, operation, address).await;
        let found = found.map_err(|error| request_failed(&error))?;
        match found.token {
            Some(present) => Ok(present.token_id == token.token_id),
            None if is_revoked || found.is_absence_confirmed => Ok(false),
            None => Err(absence_unconfirmed(&pat_of(address), Severity::Error)),
        }
    })
    .await
}

/// Describes a failed revocation. `by_email`: whether the request identified the user by the address.
fn pat_revoke_failed(error: &Error, by_email: bool) -> Diagnostic {
    let mut diagnostic = request_failed(error);
    if by_email && is_rejected(error) {
        diagnostic.detail.push_str(
            "\n\nThe platform lets administrators revoke another user's token by the user's number, and did not report that \
             number. Ask the user to revoke the token, or revoke it in the portal, and then run again.",
        );
    }
    diagnostic
}

/// Whether the platform understood a request and rejected it.
fn is_rejected(error: &Error) -> bool {
    matches!(
        error.status(),
        Some(StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::CONFLICT)
    )
}
