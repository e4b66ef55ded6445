//! Creates and deletes objects until a read confirms the result.
//!
//! An answer alone is not proof: it may be lost although the platform acted on the request, and a
//! proxy may answer 200, 204 or 404 without forwarding the request. Each write is therefore
//! followed by a read, and repeated if the read contradicts it.

use std::time::Duration;

use crate::framework::{Diagnostic, Failed, Outcome};
use crate::rest::{Error, Operation};

/// The pauses between a write and its repetition. A platform's list may lag a few seconds behind.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];

/// The error of a creation.
#[derive(Debug)]
pub(crate) struct CreateError {
    /// The error to report.
    pub(crate) diagnostic: Diagnostic,
    /// Whether the object may exist nevertheless. It must stay in the state then.
    pub(crate) may_exist: bool,
}

impl CreateError {
    /// The error of a creation that had no effect.
    fn without_effect(diagnostic: Diagnostic) -> Self {
        Self {
            diagnostic,
            may_exist: false,
        }
    }

    /// Converts the result of a creation into the outcome of a resource: `state` is recorded if the
    /// object exists or may exist.
    pub(crate) fn outcome<S>(created: Result<(), Self>, state: S) -> Outcome<S> {
        match created {
            Ok(()) => Ok(state),
            Err(Self { diagnostic, may_exist }) => Err(Failed {
                diagnostics: diagnostic.into(),
                leaves: may_exist.then_some(state),
            }),
        }
    }
}

/// Creates an object that must not exist yet. `what` names it in messages.
///
/// # Errors
/// Returns `conflict` if the object exists already, the error of `exists`, or the failed request as
/// described by `failure`.
pub(crate) async fn created<C, E>(
    operation: &Operation,
    what: &str,
    conflict: impl FnOnce() -> Diagnostic,
    failure: impl Fn(&Error) -> Diagnostic,
    create: impl Fn() -> C,
    exists: impl Fn(Operation) -> E,
) -> Result<(), CreateError>
where
    C: Future<Output = Result<(), Error>>,
    E: Future<Output = Result<bool, Diagnostic>>,
{
    match exists(operation.clone()).await {
        Ok(true) => Err(CreateError::without_effect(conflict())),
        Ok(false) => create_until_exists(operation, what, failure, create, exists).await,
        Err(unreadable) => Err(CreateError::without_effect(unreadable)),
    }
}

/// Creates an object unless it exists. It has no owner: an object that another client created is
/// the same.
///
/// # Errors
/// See [`created`].
pub(crate) async fn present<C, E>(
    operation: &Operation,
    what: &str,
    failure: impl Fn(&Error) -> Diagnostic,
    create: impl Fn() -> C,
    exists: impl Fn(Operation) -> E,
) -> Result<(), CreateError>
where
    C: Future<Output = Result<(), Error>>,
    E: Future<Output = Result<bool, Diagnostic>>,
{
    match exists(operation.clone()).await {
        Ok(true) => return Ok(()),
        Ok(false) => {}
        Err(unreadable) => return Err(CreateError::without_effect(unreadable)),
    }
    match create_until_exists(operation, what, failure, create, &exists).await {
        // A race with another client that created it first: the platform rejects a second creation.
        Err(error) if !error.may_exist && exists(operation.clone()).await == Ok(true) => Ok(()),
        created => created,
    }
}

/// Creates an object and repeats that until a read finds it.
///
/// The reads are independent of the operation's cancellation, so that an interrupt leaves no
/// orphan. A rejection of the first attempt is final.
async fn create_until_exists<C, E>(
    operation: &Operation,
    what: &str,
    failure: impl Fn(&Error) -> Diagnostic,
    create: impl Fn() -> C,
    exists: impl Fn(Operation) -> E,
) -> Result<(), CreateError>
where
    C: Future<Output = Result<(), Error>>,
    E: Future<Output = Result<bool, Diagnostic>>,
{
    let mut may_exist = false;
    let mut last = Ok(());
    for pause in PAUSES {
        last = create().await;
        let rejected = last.as_ref().err().filter(|error| !error.is_ambiguous());
        if let Some(error) = rejected.filter(|_| !may_exist) {
            return Err(CreateError::without_effect(failure(error)));
        }
        may_exist = true;
        match exists(operation.detached()).await {
            Ok(true) => return Ok(()),
            Ok(false) => tracing::warn!("{what} does not exist after its creation; trying again"),
            Err(unreadable) => {
                let diagnostic = match &last {
                    Ok(()) => unreadable,
                    Err(error) => unknown_effect(failure(error), &unreadable),
                };
                return Err(CreateError { diagnostic, may_exist });
            }
        }
        if operation.pause(pause).await.is_err() {
            break;
        }
    }
    let diagnostic = match &last {
        Ok(()) => Diagnostic::error(
            format!("{what} does not exist after its creation"),
            "The answer to the creation reports success, but the platform does not list the object. A proxy or gateway \
             may have answered in the platform's place: check the provider's `base_url` and proxies, then apply again.",
        ),
        Err(error) => failure(error),
    };
    Err(CreateError { diagnostic, may_exist })
}

/// The error of a creation whose answer was lost and whose effect cannot be read.
fn unknown_effect(mut failed: Diagnostic, unreadable: &Diagnostic) -> Diagnostic {
    failed.detail.push_str(&format!(
        "\n\nReading whether it succeeded has failed, too. {unreadable}"
    ));
    failed
}

/// Deletes an object, and retries until the object no longer exists. `delete_and_check` deletes it
/// and returns whether it still exists. `what` names it in messages.
///
/// # Errors
/// Returns the error of `delete_and_check`, or an error that the object still exists.
pub(crate) async fn absent<F>(
    operation: &Operation,
    what: &str,
    delete_and_check: impl Fn() -> F,
) -> Result<(), Diagnostic>
where
    F: Future<Output = Result<bool, Diagnostic>>,
{
    for pause in PAUSES {
        let exists = delete_and_check().await?;
        if !exists {
            return Ok(());
        }
        tracing::warn!("{what} still exists after its deletion; trying again");
        if operation.pause(pause).await.is_err() {
            break;
        }
    }
    Err(Diagnostic::error(
        format!("{what} still exists"),
        "The answer to the deletion reports success, but the platform still lists the object. A proxy or gateway may have \
         answered in the platform's place: check the provider's `base_url` and proxies, then apply again.",
    ))
}
