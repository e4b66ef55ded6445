//! Rotation of the token of a service account, also where an answer is lost ([`lost_answer`]).
//!
//! [`lost_answer`]: crate::striim::lost_answer

use http::StatusCode;
use jiff::Timestamp;

use super::error::ReissueError;
use super::locked::LockedAccount;
use super::lookup::find_own;
use crate::framework::Diagnostics;
use crate::rest::{Error, Kind, Operation};
use crate::striim::api::{Api, IssuedToken, NewServiceAccount, OwnToken, ServiceAccount, is_same_name};
use crate::striim::diagnostics::{own_token_may_be_lost, rotates_own_token, token_of};
use crate::striim::lost_answer::{for_another, rotate_until_answered};
use crate::striim::token_value::KnownToken;

impl LockedAccount<'_> {
    /// Issues a new value for an account that a state has. If the account is gone, as an expired one
    /// may be, it is created again.
    ///
    /// # Errors
    /// Returns the error of the rotation, or of the creation in its place.
    pub(in crate::striim) async fn reissue(
        &self,
        new: &NewServiceAccount<'_>,
        known: KnownToken<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Result<IssuedToken, ReissueError> {
        match self.rotate(new.expires_at, known, diagnostics).await {
            Err(error) if error.is_not_found() => self.recreate(new).await.map_err(ReissueError::Create),
            rotated => rotated.map_err(ReissueError::Rotate),
        }
    }

    /// Issues a new value and revokes the present one.
    ///
    /// If that is the provider's own credential, the provider continues with the new value. A
    /// warning reports that if the plan could not know it, and that the own token may be lost.
    ///
    /// # Errors
    /// Returns the last failed request. It is a 404 only if the list does not show the account either.
    pub(in crate::striim) async fn rotate(
        &self,
        expires_at: Option<Timestamp>,
        known: KnownToken<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Result<IssuedToken, Error> {
        let (api, operation, name) = (&self.connection.api, &self.operation, self.name);
        let own = match known.value.known() {
            Some(value) if api.is_own_credential(value).await => OwnToken::Yes,
            Some(_) => OwnToken::No,
            None => OwnToken::Unknown,
        };
        let mut issued = rotate(api, operation, name, expires_at, own).await;
        if let Err(error) = &issued
            && error.is_not_found()
        {
            let accounts = api.list_service_accounts(operation).await?;
            match find_own(&accounts, name, known.token_id) {
                None => {}
                Some(account) if account.name != name => {
                    issued = rotate(api, operation, &account.name, expires_at, own).await;
                }
                Some(_) => return Err(not_found_but_listed(name)),
            }
        }
        self.connection.cache_rotated().await;
        // An answer that names another account may contain the value of that one.
        let is_doubtful = match &issued {
            Ok(issued) => issued.names_another(),
            Err(error) => error.is_ambiguous(),
        };
        if is_doubtful && own != OwnToken::No {
            diagnostics.push(own_token_may_be_lost(&token_of(name)));
        }
        let issued = issued?;
        if own == OwnToken::Unknown && api.is_own_credential(&issued.token).await {
            diagnostics.push(rotates_own_token(&token_of(name)));
        }
        Ok(issued)
    }
}

/// Rotates the token of a service account until an answer arrives.
///
/// An answer that names another account counts, unless the list shows that its value is not that of
/// the requested one.
pub(super) async fn rotate(
    api: &Api,
    operation: &Operation,
    name: &str,
    expires_at: Option<Timestamp>,
    own: OwnToken,
) -> Result<IssuedToken, Error> {
    rotate_until_answered(api, operation, own, || async {
        let issued = api.rotate_service_account(operation, name, expires_at, own).await?;
        if own == OwnToken::Yes || !issued.names_another() {
            return Ok(issued);
        }
        let may_be_its = |account: &ServiceAccount| {
            let has_token = account.token_id.is_some() && account.token_id == issued.token_id;
            has_token || is_same_name(&account.name, name) && !issued.is_not(account.token_id)
        };
        match api.list_service_accounts(operation).await {
            Ok(accounts) if !accounts.iter().any(may_be_its) => Err(for_another("rotate", name)),
            _ => Ok(issued),
        }
    })
    .await
}

/// The error that a rotation was answered with 404 although the list shows the account.
fn not_found_but_listed(name: &str) -> Error {
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
