//! Making something that can be looked up by its name, so that it is really there and known of.

use super::ending::PAUSES;
use crate::framework::{Diagnostic, Failed, Outcome};
use crate::rest::{Error, Operation};

/// Why something was not made, or is not known to be.
#[derive(Debug)]
pub(crate) struct Unmade {
    pub(crate) why: Diagnostic,
    /// Whether it may be there all the same, so that it must not be forgotten.
    pub(crate) may_be_there: bool,
}

impl Unmade {
    /// Nothing is there for certain that comes from us.
    fn for_certain(why: Diagnostic) -> Self {
        Self {
            why,
            may_be_there: false,
        }
    }

    /// The outcome of a creation that leads to `state`: what may exist in spite of an error is recorded, too.
    pub(crate) fn or_state<S>(made: Result<(), Self>, state: S) -> Outcome<S> {
        match made {
            Ok(()) => Ok(state),
            Err(Self { why, may_be_there }) => Err(Failed {
                diagnostics: why.into(),
                leaves: may_be_there.then_some(state),
            }),
        }
    }
}

/// Makes what `what` names, of which there must be none yet; `taken` tells that there is one.
///
/// # Errors
/// [`Unmade`], with `failure` telling of a failed request.
pub(crate) async fn make_new<M, L>(
    operation: &Operation,
    what: &str,
    taken: impl FnOnce() -> Diagnostic,
    failure: impl Fn(&Error) -> Diagnostic,
    make: impl Fn() -> M,
    is_there: impl Fn(Operation) -> L,
) -> Result<(), Unmade>
where
    M: Future<Output = Result<(), Error>>,
    L: Future<Output = Result<bool, Diagnostic>>,
{
    match is_there(operation.clone()).await {
        Ok(true) => Err(Unmade::for_certain(taken())),
        Ok(false) => make_until_there(operation, what, failure, make, is_there).await,
        Err(unseen) => Err(Unmade::for_certain(unseen)),
    }
}

/// Makes what `what` names, unless it is there: whoever made it, it is the same.
///
/// # Errors
/// As [`make_new`].
pub(crate) async fn make_unless_there<M, L>(
    operation: &Operation,
    what: &str,
    failure: impl Fn(&Error) -> Diagnostic,
    make: impl Fn() -> M,
    is_there: impl Fn(Operation) -> L,
) -> Result<(), Unmade>
where
    M: Future<Output = Result<(), Error>>,
    L: Future<Output = Result<bool, Diagnostic>>,
{
    match is_there(operation.clone()).await {
        Ok(true) => return Ok(()),
        Ok(false) => {}
        Err(unseen) => return Err(Unmade::for_certain(unseen)),
    }
    match make_until_there(operation, what, failure, make, &is_there).await {
        // Somebody else made it meanwhile, and a second time is refused.
        Err(unmade) if !unmade.may_be_there && is_there(operation.clone()).await == Ok(true) => Ok(()),
        made => made,
    }
}

/// Makes something until it is there. An answer alone does not do: it may be lost although the platform acted, and a proxy
/// can say 200 without the platform having heard of it. So each `make` is followed by a look, which an interrupt does not
/// end; only what the look does not show is made again. A first refusal is told as it is.
async fn make_until_there<M, L>(
    operation: &Operation,
    what: &str,
    failure: impl Fn(&Error) -> Diagnostic,
    make: impl Fn() -> M,
    is_there: impl Fn(Operation) -> L,
) -> Result<(), Unmade>
where
    M: Future<Output = Result<(), Error>>,
    L: Future<Output = Result<bool, Diagnostic>>,
{
    let mut may_be_there = false;
    let mut last = Ok(());
    for pause in PAUSES {
        last = make().await;
        let refused = last.as_ref().err().filter(|error| !error.is_ambiguous());
        if let Some(error) = refused.filter(|_| !may_be_there) {
            return Err(Unmade::for_certain(failure(error)));
        }
        may_be_there = true;
        match is_there(operation.uninterrupted()).await {
            Ok(true) => return Ok(()),
            Ok(false) => tracing::warn!("{what} is not there after it was made: trying again"),
            Err(unseen) => {
                let why = match &last {
                    Ok(()) => unseen,
                    Err(error) => unknown(failure(error), &unseen),
                };
                return Err(Unmade { why, may_be_there });
            }
        }
        if operation.pause(pause).await.is_err() {
            break;
        }
    }
    let why = match &last {
        Ok(()) => Diagnostic::error(
            format!("{what} is not there"),
            "The answer to its creation says that it is done, but the platform does not tell of it. Something between may \
             have answered in the platform's place: check the provider's `base_url` and proxies, and run again.",
        ),
        Err(error) => failure(error),
    };
    Err(Unmade { why, may_be_there })
}

/// An answer was lost, and what became of the request cannot be found out.
fn unknown(mut why: Diagnostic, unseen: &Diagnostic) -> Diagnostic {
    why.detail
        .push_str(&format!("\n\nWhether it has could not be found out. {unseen}"));
    why
}
