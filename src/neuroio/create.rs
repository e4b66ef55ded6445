//! Making tokens so that none is orphaned although an answer may be lost.
//!
//! A token has no name, and a creation takes nothing to know its token by. What there is: the list, with ids that are not
//! given out twice; and the value, which the platform tells again to whoever knows the id.
//!
//! # Flow
//! - Look which tokens of the kind there are; create. With an answer, that is all.
//! - Lost answer: look again. What is new since is ours or a stranger's.
//!   - Nothing is new: create again.
//!   - One is new: it is taken to be ours, its value is read, and a warning says so.
//!   - Several are new: at most one is ours, and nothing tells which. That is an error that names them all, for a person
//!     to tell; none is touched, and no further one is made.
//! - After a creation that was repeated, look once more: what a lost one may have made late is told in a warning.
//!
//! # Guarantees
//! - A token that was there before is never taken for ours, nor is one that another resource of this run has made: one is
//!   made at a time.
//! - Where the platform can be reached within the operation, each token that was made is in the state, or named in what is
//!   told. An interrupt ends the repetitions, but not the look that follows a lost answer.
//!
//! # Assumptions
//! - A creation whose answer was lost has acted by the last look that follows it, or never will.
//! - If exactly one token is new when an answer was lost, it is ours. It would be another's only if somebody else made one
//!   of the same kind between two looks, seconds apart, *and* our creation came to nothing.
//!
//! # What cannot be proved
//! A token made by a run that was killed before its state was written looks like any other. A temporary one ends within 24
//! hours. A permanent one stays, and is shown by `terraform query`, by `data.neuroio_stream_tokens`, and by the plan that
//! finds the limit used up.

use std::collections::BTreeSet;
use std::time::Duration;

use super::api::{Api, Issued, StreamToken, TokenId};
use super::failure::failure;
use super::limit;
use crate::framework::{Diagnostic, Diagnostics};
use crate::rest::{Error, Operation};

/// Why no value came of a creation.
#[derive(Debug)]
pub(super) struct Unmade {
    pub(super) why: Diagnostic,
    /// A token of ours whose value could not be read.
    pub(super) left_behind: Option<StreamToken>,
}

impl From<Diagnostic> for Unmade {
    fn from(why: Diagnostic) -> Self {
        Self { why, left_behind: None }
    }
}

/// How long to wait before looking after the `n`th lost answer, counted from 0: long enough for what is still under way to
/// come about. Repeated too early, it makes two tokens; taken too early, a stranger's could be taken.
fn pause(n: u32) -> Duration {
    Duration::from_secs(5 << n.min(3))
}

/// Makes a token. To be called by one at a time.
///
/// # Errors
/// [`Unmade`].
pub(super) async fn create(
    api: &Api,
    operation: &Operation,
    permanent: bool,
    diagnostics: &mut Diagnostics,
) -> Result<Issued, Unmade> {
    let before = api.list(operation, Some(permanent)).await;
    let before = before.map_err(|error| failure(&error))?;
    let before: BTreeSet<TokenId> = before.iter().map(|token| token.id).collect();
    let is_new = |token: &StreamToken| !before.contains(&token.id);
    let mut lost = 0;
    loop {
        let created = api.create(operation, permanent).await;
        let error = match created {
            Ok(issued) => {
                if lost > 0 {
                    let seen = look(api, operation, permanent, lost).await;
                    let is_other = |token: &StreamToken| is_new(token) && token.id != issued.token.id;
                    diagnostics.extend(late(seen.map(|tokens| tokens.into_iter().filter(is_other).collect())));
                }
                return Ok(issued);
            }
            Err(error) if !error.is_ambiguous() && lost == 0 => {
                return Err(refused(api, operation, permanent, &error).await);
            }
            Err(error) => error,
        };
        let mut found = match look(api, operation, permanent, lost).await {
            Ok(tokens) => tokens.into_iter().filter(is_new).collect::<Vec<_>>(),
            Err(unseen) => return Err(unknown(&error, &unseen, permanent).into()),
        };
        match found.pop() {
            Some(token) if found.is_empty() => return take(api, operation, token, diagnostics).await,
            Some(token) => {
                found.push(token);
                return Err(undecided(&error, &found).into());
            }
            None if !error.is_ambiguous() => return Err(refused(api, operation, permanent, &error).await),
            None if operation.cancellation.is_cancelled() || operation.remaining().is_zero() => {
                return Err(failure(&error).into());
            }
            None => tracing::warn!("{error}; nothing came of it: trying again"),
        }
        lost += 1;
    }
}

/// Takes a token that is new since an answer was lost.
async fn take(
    api: &Api,
    operation: &Operation,
    token: StreamToken,
    diagnostics: &mut Diagnostics,
) -> Result<Issued, Unmade> {
    let id = token.id;
    tracing::warn!("the answer to a creation was lost: the stream token {id} is new, and taken to be its token");
    match api.get(&operation.uninterrupted(), id).await {
        Ok(issued) => {
            diagnostics.push(Diagnostic::warning(
                format!("The stream token {id} is taken to be the one just made"),
                "The platform's answer to the creation was lost. Of the tokens that are listed now, one was not there \
                 just before, and it was taken over. Should somebody else have made it within these seconds, remove it \
                 from the state (`terraform state rm`) and apply again.",
            ));
            Ok(issued)
        }
        Err(error) => {
            let mut why = failure(&error);
            why.detail.push_str(&format!(
                "\n\nThe stream token {id} was made, and its value could not be read. It is recorded, and the next apply \
                 replaces it."
            ));
            Err(Unmade {
                why,
                left_behind: Some(token),
            })
        }
    }
}

/// Waits a little and asks what is there. An interrupt does not end this: what was made would be orphaned.
async fn look(api: &Api, operation: &Operation, permanent: bool, lost: u32) -> Result<Vec<StreamToken>, Error> {
    let uninterrupted = operation.uninterrupted();
    // If it is over, one more request is tried all the same.
    let _ = uninterrupted.pause(pause(lost)).await;
    api.list(&uninterrupted, Some(permanent)).await
}

/// A creation that the platform refused.
async fn refused(api: &Api, operation: &Operation, permanent: bool, error: &Error) -> Unmade {
    let mut why = failure(error);
    if permanent && error.status().is_some_and(|status| status.is_client_error()) {
        let present = api.list(operation, Some(true)).await.unwrap_or_default();
        if let Some(exhausted) = limit::exhausted(&present) {
            why.detail.push_str(&format!("\n\n{exhausted}"));
            why = why.on("permanent");
        }
    }
    why.into()
}

fn unknown(error: &Error, unseen: &Error, permanent: bool) -> Diagnostic {
    let mut why = failure(error);
    let what_to_do = if permanent {
        "If it has, there is a permanent token that Terraform does not know. Before the next apply, look it up with the data \
         source `neuroio_stream_tokens`, and import or delete it."
    } else {
        "If it has, there is a temporary token that Terraform does not know; it ends within 24 hours."
    };
    why.detail.push_str(&format!(
        " Whether it has could not be found out: {}. {what_to_do}",
        unseen.kind()
    ));
    why
}

fn undecided(error: &Error, found: &[StreamToken]) -> Diagnostic {
    let list = limit::list(found);
    let detail = format!(
        "{}. Several tokens are new since just before it, so others make tokens at the same time:\n{list}\n\nAt most one \
         of them comes from this creation, and nothing tells which. Ask who knows the others; import the one that nobody \
         knows, or delete it, and apply again.",
        error.kind()
    );
    Diagnostic::error(format!("Could not {}", error.tried()), detail)
}

/// What to say after a creation that was repeated, and a last look at what is new beside its token.
fn late(others: Result<Vec<StreamToken>, Error>) -> Option<Diagnostic> {
    let found = match others {
        Ok(others) if others.is_empty() => return None,
        Ok(others) => format!(
            "Beside the token that came of it, these are new:\n{}",
            limit::list(&others)
        ),
        Err(unseen) => format!(
            "Whether another token came of it could not be found out: {}.",
            unseen.kind()
        ),
    };
    Some(Diagnostic::warning(
        "A lost creation may have made a token after all",
        format!(
            "The answer to a creation was lost, so it was repeated. {found}\n\nIf there is one that nobody else has made, \
             delete it; the data source `neuroio_stream_tokens` lists all."
        ),
    ))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::neuroio::testing::{api, sandbox};
    use crate::platform::testing::{losses, operation};
    use crate::sandbox::neuroio::{Options, Realm, Sandbox};
    use crate::sandbox::{Effect, Fault, When};

    const TOKENS: &str = "/streams/tokens/";
    const ANOTHER: &str = r#"{"is_active": true}"#;

    fn ids(sandbox: &Sandbox) -> Vec<String> {
        let tokens = sandbox.tokens(&Realm::Account);
        tokens.iter().map(|token| token.id.to_string()).collect()
    }

    fn acted(fault: &Fault) -> bool {
        fault.when == When::After || fault.effect == Effect::Truncate
    }

    #[tokio::test(start_paused = true)]
    async fn a_creation_brings_one_token_that_works_whatever_is_lost() {
        for permanent in [true, false] {
            for (creations, lists) in [(1, 0), (2, 0), (3, 0), (1, 2)] {
                for fault in losses(ANOTHER) {
                    let sandbox = sandbox(Options::default());
                    let before = sandbox.add_token(&Realm::Account, permanent);
                    sandbox.fault(fault.clone().on("POST", TOKENS).times(creations));
                    sandbox.fault(Fault::answer(503).on("GET", TOKENS).skip(1).times(lists));
                    let mut diagnostics = Diagnostics::default();
                    let issued = create(&api(&sandbox), &operation(), permanent, &mut diagnostics)
                        .await
                        .unwrap();
                    assert_eq!(
                        ids(&sandbox),
                        [before.id.to_string(), issued.token.id.to_string()],
                        "{fault:?}"
                    );
                    assert!(sandbox.is_live(issued.key.expose_secret()), "{fault:?}");
                    let told: Vec<_> = diagnostics.iter().map(|told| told.summary.as_str()).collect();
                    assert_eq!(told.len(), usize::from(acted(&fault)), "{fault:?}: {told:?}");
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_strangers_token_is_not_taken_where_it_cannot_be_told_from_ours() {
        for fault in losses(ANOTHER).into_iter().filter(acted) {
            let sandbox = sandbox(Options::default());
            sandbox.fault(fault.clone().on("POST", TOKENS));
            let (api, operation) = (api(&sandbox), operation());
            let mut diagnostics = Diagnostics::default();
            let stranger = async {
                tokio::time::sleep(Duration::from_millis(500)).await;
                sandbox.add_token(&Realm::Account, true)
            };
            let (made, stranger) = tokio::join!(create(&api, &operation, true, &mut diagnostics), stranger);
            let told = made.unwrap_err().why.detail;
            assert!(told.contains(&format!("- {}", stranger.id)), "{told}");
            assert_eq!(
                ids(&sandbox).len(),
                2,
                "none is deleted, and no third one is made: {fault:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_of_the_other_kind_or_from_before_are_never_taken() {
        let sandbox = sandbox(Options::default());
        sandbox.add_token(&Realm::Account, true);
        sandbox.fault(Fault::new(Effect::Cut).on("POST", TOKENS));
        let (api, operation) = (api(&sandbox), operation());
        let mut diagnostics = Diagnostics::default();
        let stranger = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            sandbox.add_token(&Realm::Account, false)
        };
        let (made, stranger) = tokio::join!(create(&api, &operation, true, &mut diagnostics), stranger);
        assert_ne!(made.unwrap().token.id.to_string(), stranger.id.to_string());
        assert_eq!(ids(&sandbox).len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_have_been_made_unseen_is_told() {
        for fault in losses(ANOTHER) {
            let sandbox = sandbox(Options::default());
            sandbox.fault(fault.clone().on("POST", TOKENS));
            sandbox.fault(Fault::answer(503).on("GET", TOKENS).skip(1).times(1_000));
            let mut diagnostics = Diagnostics::default();
            let unmade = create(&api(&sandbox), &operation(), true, &mut diagnostics)
                .await
                .unwrap_err();
            assert!(unmade.why.detail.contains("could not be found out"), "{}", unmade.why);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_was_found_but_not_read_is_recorded() {
        let sandbox = sandbox(Options::default());
        sandbox.fault(Fault::new(Effect::Cut).after().on("POST", TOKENS));
        sandbox.fault(Fault::answer(503).on("GET", "/streams/tokens/1/").times(1_000));
        let mut diagnostics = Diagnostics::default();
        let unmade = create(&api(&sandbox), &operation(), true, &mut diagnostics)
            .await
            .unwrap_err();
        assert_eq!(unmade.left_behind.unwrap().id.to_string(), "1");
    }

    #[tokio::test(start_paused = true)]
    async fn an_interrupt_ends_the_repetitions_but_not_the_look_after_a_lost_answer() {
        let sandbox = sandbox(Options::default());
        sandbox.fault(Fault::new(Effect::Cut).after().on("POST", TOKENS));
        let (api, operation) = (api(&sandbox), operation());
        let mut diagnostics = Diagnostics::default();
        let interrupt = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            operation.cancellation.cancel();
        };
        let (made, ()) = tokio::join!(create(&api, &operation, true, &mut diagnostics), interrupt);
        assert_eq!(made.unwrap().token.id.to_string(), "1");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_at_the_limit_names_what_uses_it_up() {
        for limit_refused in [400, 403, 409] {
            let sandbox = sandbox(Options {
                limit_refused: http::StatusCode::from_u16(limit_refused).unwrap(),
                ..Options::default()
            });
            (0..5).for_each(|_| drop(sandbox.add_token(&Realm::Account, true)));
            let mut diagnostics = Diagnostics::default();
            let told = create(&api(&sandbox), &operation(), true, &mut diagnostics)
                .await
                .unwrap_err()
                .why;
            assert!(
                told.detail.contains("may have 5 permanent tokens") && told.detail.contains("\n  - 5"),
                "{told}"
            );
        }
    }
}
