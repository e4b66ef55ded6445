//! Ending something so that it is really gone.

use std::time::Duration;

use crate::framework::Diagnostic;
use crate::rest::Operation;

/// How long to wait before asking again: a list may lag a little behind.
pub(super) const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];

/// Ends what `what` names until it is gone. `end_and_look` ends it and tells whether it is there all the same: an answer
/// alone does not do, because a proxy can say 204 or 404 without the platform having heard of it, and something that nobody
/// knows of would live on.
///
/// # Errors
/// What `end_and_look` tells; or that it is still there after all.
pub(crate) async fn end_until_gone<F>(
    operation: &Operation,
    what: &str,
    end_and_look: impl Fn() -> F,
) -> Result<(), Diagnostic>
where
    F: Future<Output = Result<bool, Diagnostic>>,
{
    for pause in PAUSES {
        let is_there = end_and_look().await?;
        if !is_there {
            return Ok(());
        }
        tracing::warn!("{what} is said to be gone, and is still there: trying again");
        if operation.pause(pause).await.is_err() {
            break;
        }
    }
    Err(Diagnostic::error(
        format!("{what} is still there"),
        "The answer to its end says that it is done, but the platform still tells of it. Something between may have answered \
         in the platform's place: check the provider's `base_url` and proxies, and run again.",
    ))
}
