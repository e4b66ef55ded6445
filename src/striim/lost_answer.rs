//! Retries of a rotation whose answer was lost.
//!
//! A rotation whose answer is lost may have revoked the present value. It is retried until an answer
//! arrives: only the value of the last answer is valid.
//!
//! # Guarantees
//! - A rotation is not retried with a credential that it may have revoked. The rotation of the provider's
//!   own token is not retried. The rotation of a token that may be its own is retried only if the platform
//!   still accepts the provider's credential.

use std::time::Duration;

use http::StatusCode;

use super::api::{Api, IssuedToken, OwnToken, ServiceAccount};
use crate::rest::{Error, Kind, Operation, OutOfTime};

/// Returns the pause after the `n`th lost answer, counted from 0.
fn pause(n: u32) -> Duration {
    Duration::from_secs(1 << n.min(5))
}

/// Rotates until an answer arrives.
///
/// # Errors
/// Returns the last error. If the outcome is ambiguous, the present value may be revoked.
pub(super) async fn rotate_until_answered<F>(
    api: &Api,
    operation: &Operation,
    own: OwnToken,
    rotate: impl Fn() -> F,
) -> Result<IssuedToken, Error>
where
    F: Future<Output = Result<IssuedToken, Error>>,
{
    let mut lost = 0;
    loop {
        let error = match rotate().await {
            Err(error) if error.is_ambiguous() => error,
            Err(error) if lost > 0 => return Err(error.mark_ambiguous()),
            outcome => return outcome,
        };
        let may_repeat = match own {
            OwnToken::Yes => false,
            OwnToken::No => operation.pause(pause(lost)).await.is_ok(),
            // A list shows that the provider's credential was not revoked.
            OwnToken::Unknown => fetch_after_pause(api, operation, lost).await.is_ok(),
        };
        if !may_repeat {
            return Err(error);
        }
        tracing::warn!("{error}; the token may have been rotated: rotating again");
        lost += 1;
    }
}

/// Fetches the list after a pause that grows with the number of lost answers.
pub(super) async fn fetch_after_pause(
    api: &Api,
    operation: &Operation,
    lost: u32,
) -> Result<Vec<ServiceAccount>, OutOfTime> {
    operation.pause(pause(lost)).await?;
    api.list_service_accounts(operation).await.map_err(|_| OutOfTime)
}

/// Returns the error of an answer that names another owner than the request.
pub(super) fn for_another(verb: &str, owner: &str) -> Error {
    let (status, reason) = (StatusCode::OK, format!("it is about another one than {owner:?}").into());
    Error::new(
        &format!("{verb} the token of {owner:?}"),
        Kind::Unreadable { status, reason },
        true,
    )
}
