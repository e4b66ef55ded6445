//! What the resource and the action that manage personal access tokens (PATs) share: finding a user's, ending it, and
//! telling what went wrong.

use http::StatusCode;

use super::api::{Api, Owner, UserToken, UserTokenReading};
use super::errors::failure;
use crate::framework::{Diagnostic, Severity};
use crate::platform::ensure;
use crate::rest::{Error, Operation};

/// What the platform tells of a user's PAT.
pub(super) struct Found {
    /// The user's address, where it is known.
    pub(super) address: Option<String>,
    /// `None`: the user has none.
    pub(super) token: Option<UserToken>,
    /// Whether it is the one that the provider itself works with.
    pub(super) own: bool,
    /// Whether it is certain that the platform itself says that there is none.
    pub(super) is_absence_proved: bool,
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
            is_absence_proved: false,
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
        let reading = api.read_user_token(operation, Some(address)).await?;
        let (token, names_user) = match reading {
            UserTokenReading::Present(token) => (Some(token), false),
            UserTokenReading::Missing { names_user } => (None, names_user),
        };
        if token.is_none() {
            let is_absence_proved = names_user || prove_absence(api, operation, address, own.is_some()).await?;
            return Ok(Found {
                address: Some(address.to_owned()),
                token,
                own: false,
                is_absence_proved,
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
        is_absence_proved: false,
    })
}

/// Whether an answer that a user has no PAT is the platform's: a gateway that does not route the path says the same. Either
/// the same path shows the provider's own PAT, before and after, and the answer is the same again; or PATs are disabled,
/// which ends them all.
async fn prove_absence(api: &Api, operation: &Operation, address: &str, shows_own: bool) -> Result<bool, Error> {
    if shows_own {
        let shows_own = api.user_token(operation, None).await?.is_some();
        return Ok(shows_own && api.user_token(operation, Some(address)).await?.is_none());
    }
    let status = api.pat_status(operation).await;
    Ok(status.is_ok_and(|status| !status.enabled))
}

/// Says that the absence of a PAT cannot be proved.
pub(super) fn doubtful(what: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} was not found, and stays in the state"),
        "The answer says that there is none. It does not name the user, and nothing shows that it is the platform's own: a \
         gateway that does not know the path answers the same. Check the provider's `base_url` and proxies. If the user has no \
         token in the portal, take the resource out of the state (`terraform state rm`), or let the provider work with an \
         administrator's personal access token, by which it can prove that.",
    )
}

/// Revokes a PAT that is there. Gone meanwhile is gone.
pub(super) async fn end(
    api: &Api,
    operation: &Operation,
    token: &UserToken,
    address: Option<&str>,
) -> Result<(), Diagnostic> {
    // A number counts only in an answer that names the user: else it may be another one's.
    let names_user = address.is_none() || token.email.is_some();
    let owner = match (token.user_id.filter(|_| names_user), address) {
        (Some(id), _) => Owner::UserId(id),
        // Documented for one's own only. It can mean nobody else.
        (None, Some(address)) => Owner::Email(address),
        (None, None) => return Err(nobody(Severity::Error)),
    };
    ensure::absent(operation, &pat_of(address), || async {
        let is_revoked = match api.revoke_user_token(operation, owner).await {
            Ok(()) => true,
            // An attempt before this one, whose answer was lost, may have revoked it.
            Err(error) if error.is_not_found() => error.is_ambiguous(),
            Err(error) => return Err(why_not_revoked(owner, &error)),
        };
        let left = find(api, operation, address).await.map_err(|error| failure(&error))?;
        match left.token {
            Some(left) => Ok(left.token_id == token.token_id),
            None if is_revoked || left.is_absence_proved => Ok(false),
            None => Err(cannot_prove(&pat_of(address))),
        }
    })
    .await
}

/// The error that a PAT may not be revoked, although an answer says that it is not there.
pub(super) fn cannot_prove(what: &str) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        ..doubtful(what)
    }
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
