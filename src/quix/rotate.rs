//! Rotating the streaming tokens of an environment so that one ends and never two.
//!
//! A rotation ends token 1. Sent twice, it also ends what was token 2, which is what people were told to move to: nothing
//! else that could be sent here is as bad. And the platform takes nothing along with it by which a second one could be
//! known. But it tells both tokens whenever it is asked, so that what happened can be seen afterwards.
//!
//! # Flow
//! - What is asked for is the end of one token: the one that is known as token 1. Look: if it has ended already, nothing is
//!   sent.
//! - Send the rotation, once. Then look, whatever the answer was: that token 1 is gone proves that it happened, and a lost
//!   answer costs nothing.
//! - If nothing has changed, look again, for some seconds. If still nothing has, it is an error. It is not sent again then:
//!   it might happen late, and a second one with it. The next apply begins with a look.
//!
//! # Guarantees
//! - One call ends one token, whatever is lost, and none if that token is gone already. A rotation is sent once; again only
//!   where none has begun: there was no connection, or it was refused for coming too soon (429).
//! - One that is asked for again, because the run was killed before its state was written, ends no further token: by then
//!   the token that it is about is gone.
//!
//! # Assumptions
//! - A rotation whose answer was lost has happened, and is shown to readers, by the next apply, or never will.
//! - The platform tells token 1 first, or by its name.
//!
//! # What cannot be proved
//! Between the look and the rotation, milliseconds apart, somebody else may rotate. Then two tokens end, and no request
//! exists that would not do so. It is seen in the look afterwards and told as an error.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::api::StreamingTokens;
use super::connection::Connection;
use super::failure::failure;
use super::slots::{Since, since};
use crate::framework::Diagnostic;
use crate::rest::{Error, Operation};

/// How long to wait before each look that follows a rotation: a reader may lag behind.
const PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(9),
    Duration::from_secs(20),
];

/// How long all looks may take together that an interrupt does not end.
const LOOKS: Duration = Duration::from_secs(120);

/// What came of a rotation that was asked for.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The tokens that are there now.
    pub(super) tokens: StreamingTokens,
    /// What there is to say about it.
    pub(super) told: Option<Diagnostic>,
}

/// Ends the token that is known as token 1, unless it has ended.
///
/// # Errors
/// What to tell the user if it has not ended, or nobody knows.
pub(super) async fn rotate(
    connection: &Connection,
    operation: &Operation,
    workspace: &str,
    known: &StreamingTokens,
) -> Result<Outcome, Diagnostic> {
    let (reading, rotation) = (connection.reading()?, connection.rotation()?);
    let api = &connection.api;
    if api.works_with(&known.token_1).await {
        return Err(own_token(workspace));
    }
    let _alone = connection.rotating.lock().await;
    let tokens = api.streaming_tokens(operation, reading, workspace).await;
    let tokens = tokens.map_err(|error| failure(&error))?;
    if let Some(outcome) = judge(workspace, known, tokens, Sent::No)? {
        return Ok(outcome);
    }

    let lost = match api.rotate_streaming_tokens(operation, rotation, workspace).await {
        Ok(()) => None,
        Err(error) if error.is_ambiguous() => Some(error),
        Err(error) => return Err(failure(&error)),
    };
    let uninterrupted = Operation::new(LOOKS, CancellationToken::new());
    for pause in PAUSES {
        let _ = uninterrupted.pause(pause).await;
        let tokens = api.streaming_tokens(&uninterrupted, reading, workspace).await;
        let tokens = tokens.map_err(|unseen| unknown(workspace, lost.as_ref(), &unseen))?;
        if let Some(outcome) = judge(workspace, known, tokens, Sent::Yes)? {
            return Ok(outcome);
        }
    }
    Err(unchanged(workspace, lost.as_ref()))
}

/// Whether the rotation has been sent.
#[derive(Clone, Copy, PartialEq)]
enum Sent {
    No,
    Yes,
}

/// What a look says of the rotation; `None` if nothing has happened.
fn judge(
    workspace: &str,
    known: &StreamingTokens,
    tokens: StreamingTokens,
    sent: Sent,
) -> Result<Option<Outcome>, Diagnostic> {
    let told = match (since(known, &tokens), sent) {
        (Since::Unchanged, _) => return Ok(None),
        (Since::Rotated, Sent::Yes) => None,
        (Since::Rotated, Sent::No) => Some(already(workspace)),
        (Since::RotatedMore, _) => Some(more(workspace)),
        (Since::Otherwise, Sent::No) => return Err(otherwise(workspace)),
        // One was sent, and another would follow if this were not settled.
        (Since::Otherwise, Sent::Yes) => Some(otherwise(workspace)),
    };
    Ok(Some(Outcome { tokens, told }))
}

/// What to say where the token that the provider works with would end.
pub(super) fn own_token(workspace: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Cannot end the token that the provider works with: it is token 1 of {workspace:?}"),
        "The provider's `token` (or Quix__Sdk__Token, which is token 1) would not be let in any more. Give the provider a \
         personal access token: rotating takes one of a user with the role Admin in any case.",
    )
}

fn already(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The streaming tokens of {workspace:?} have been rotated already"),
        "Token 1, which this was to end, has ended since the plan was made: somebody else has rotated, or an apply of this \
         same plan was interrupted after it had. Token 2 is token 1 now, as planned. Nothing was sent, so that no second \
         token ends.",
    )
}

fn more(workspace: &str) -> Diagnostic {
    Diagnostic::error(
        format!("The streaming tokens of {workspace:?} were rotated more than once"),
        "Token 1, as the plan knew it, has ended, and token 2 is not in its place: somebody else has rotated since the plan was \
         made. Whatever uses one of the tokens of before is not let in any more. Both new tokens are in the state. Find out who else rotates, give what is locked out a new \
         token, and apply again for what this error has kept from being done.",
    )
}

fn otherwise(workspace: &str) -> Diagnostic {
    Diagnostic::error(
        format!("The streaming tokens of {workspace:?} changed in a way that no rotation leads to"),
        "A rotation ends token 1 and makes token 2 token 1. What the platform tells now is something else: one token was \
         replaced by itself, or they are told in another order than before. So it cannot be known which of them a rotation \
         ends. Compare them with the portal before the next one.",
    )
}

fn unknown(workspace: &str, lost: Option<&Error>, unseen: &Error) -> Diagnostic {
    let why = match lost {
        Some(error) => format!("The answer to the rotation was lost: {}.", error.kind()),
        None => "The platform says that it was.".to_owned(),
    };
    Diagnostic::error(
        format!("Whether the streaming tokens of {workspace:?} were rotated is not known"),
        format!(
            "{why} What is there now could not be read: {}.\n\nIf they were, token 1 has ended, and token 2 is the one to use. \
             Apply again: that begins with a look, and ends no further token if this one has ended.",
            unseen.kind()
        ),
    )
}

fn unchanged(workspace: &str, lost: Option<&Error>) -> Diagnostic {
    let (summary, why) = match lost {
        Some(error) => (
            format!("Could not {}", error.tried()),
            format!("The answer was lost: {}.", error.kind()),
        ),
        None => (
            format!("The streaming tokens of {workspace:?} did not change"),
            "The platform says that they were rotated. Something between may have answered in its place, or the provider's \
             `rotate_streaming_tokens_path` leads somewhere else."
                .to_owned(),
        ),
    };
    Diagnostic::error(
        summary,
        format!(
            "{why} Both tokens are as they were, half a minute later. The rotation was not sent again: if it still happens, \
             a second one would end token 2 as well.\n\nApply again: that begins with a look."
        ),
    )
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::framework::Severity;
    use crate::platform::testing::{losses, operation};
    use crate::quix::connection::Session;
    use crate::quix::testing::{DEV, every_shape, sandbox, session, session_with};
    use crate::sandbox::quix::{Options, Paths, Role, Sandbox};
    use crate::sandbox::{Effect, Fault, When};

    const READING: &str = "/workspaces/acme-shop-dev/sandbox-tokens";
    const ROTATION: &str = "/workspaces/acme-shop-dev/sandbox-tokens/rotate";

    fn there(sandbox: &Sandbox) -> StreamingTokens {
        let [token_1, token_2] = sandbox.tokens(DEV).unwrap();
        StreamingTokens { token_1, token_2 }
    }

    async fn rotated(session: &Session, known: &StreamingTokens) -> Result<Outcome, Diagnostic> {
        rotate(&session.connected().unwrap(), &operation(), DEV, known).await
    }

    #[tokio::test(start_paused = true)]
    async fn one_token_ends_and_the_other_moves_up_in_every_shape() {
        for options in every_shape() {
            let sandbox = sandbox(options.clone());
            let known = there(&sandbox);
            let outcome = rotated(&session(&sandbox, Role::Admin), &known).await.unwrap();
            assert_eq!(outcome.told, None, "{options:?}");
            assert!(outcome.tokens == there(&sandbox) && sandbox.rotations(DEV) == 1);
            assert!(!sandbox.is_live(known.token_1.expose_secret()));
            assert!(sandbox.is_live(known.token_2.expose_secret()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_is_lost_no_second_token_ends() {
        for fault in losses("true") {
            for unread in 0..3 {
                let sandbox = sandbox(Options::default());
                let known = there(&sandbox);
                sandbox.fault(fault.clone().on("POST", ROTATION));
                sandbox.fault(Fault::answer(503).on("GET", READING).skip(1).times(unread));
                let acted = fault.when == When::After || fault.effect == Effect::Truncate;
                match rotated(&session(&sandbox, Role::Admin), &known).await {
                    Ok(outcome) => assert!(acted && outcome.tokens == there(&sandbox), "{fault:?}"),
                    Err(told) => assert!(
                        !acted && told.detail.contains("was not sent again"),
                        "{fault:?}: {told}"
                    ),
                }
                assert_eq!(sandbox.calls("POST", ROTATION), 1, "{fault:?}");
                assert_eq!(sandbox.rotations(DEV), usize::from(acted));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_seen_is_told_and_ends_nothing_when_it_is_asked_for_again() {
        for fault in losses("true") {
            let sandbox = sandbox(Options::default());
            let (session, known) = (session(&sandbox, Role::Admin), there(&sandbox));
            sandbox.fault(fault.clone().on("POST", ROTATION));
            sandbox.fault(Fault::answer(503).on("GET", READING).skip(1).times(1_000));
            let told = rotated(&session, &known).await.unwrap_err();
            assert!(told.summary.contains("is not known"), "{told}");
            sandbox.heal();
            rotated(&session, &known).await.unwrap();
            assert_eq!(sandbox.rotations(DEV), 1, "{fault:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_ended_already_is_not_ended_again() {
        for (times, severity) in [(1, Severity::Warning), (2, Severity::Error), (3, Severity::Error)] {
            let sandbox = sandbox(Options::default());
            let known = there(&sandbox);
            (0..times).for_each(|_| sandbox.rotate_outside(DEV));
            let outcome = rotated(&session(&sandbox, Role::Admin), &known).await.unwrap();
            assert_eq!(outcome.told.unwrap().severity, severity);
            assert!(outcome.tokens == there(&sandbox));
            assert_eq!(sandbox.calls("POST", ROTATION), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_rotation_by_somebody_else_at_the_same_moment_is_told() {
        let sandbox = sandbox(Options::default());
        let (session, known) = (session(&sandbox, Role::Admin), there(&sandbox));
        let late = Effect::Delay(jiff::SignedDuration::from_secs(2));
        sandbox.fault(Fault::new(late).on("POST", ROTATION));
        let stranger = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            sandbox.rotate_outside(DEV);
        };
        let (outcome, ()) = tokio::join!(rotated(&session, &known), stranger);
        let outcome = outcome.unwrap();
        assert_eq!(outcome.told.unwrap().severity, Severity::Error);
        assert!(outcome.tokens == there(&sandbox));
    }

    #[tokio::test(start_paused = true)]
    async fn two_who_ask_for_the_end_of_the_same_token_end_one() {
        let sandbox = sandbox(Options::default());
        let (session, known) = (session(&sandbox, Role::Admin), there(&sandbox));
        let (one, two) = tokio::join!(rotated(&session, &known), rotated(&session, &known));
        assert!(one.unwrap().tokens == two.unwrap().tokens);
        assert_eq!(sandbox.rotations(DEV), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_interrupt_does_not_end_the_look() {
        let sandbox = sandbox(Options::default());
        let (session, known) = (session(&sandbox, Role::Admin), there(&sandbox));
        let (connection, operation) = (session.connected().unwrap(), operation());
        sandbox.fault(
            Fault::new(Effect::Delay(jiff::SignedDuration::from_secs(2)))
                .after()
                .on("POST", ROTATION),
        );
        let interrupt = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            operation.cancellation.cancel();
        };
        let (outcome, ()) = tokio::join!(rotate(&connection, &operation, DEV, &known), interrupt);
        assert!(outcome.unwrap().tokens == there(&sandbox));
    }

    #[tokio::test(start_paused = true)]
    async fn only_administrators_rotate_and_the_refusal_says_so() {
        for role in [Role::Manager, Role::Editor, Role::Viewer] {
            let sandbox = sandbox(Options::default());
            let told = rotated(&session(&sandbox, role), &there(&sandbox)).await.unwrap_err();
            assert!(told.detail.contains("role Admin"), "{told}");
            assert_eq!(sandbox.rotations(DEV), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_token_that_the_provider_works_with_is_not_ended() {
        let sandbox = sandbox(Options {
            readers: crate::sandbox::quix::Readers::Holders,
            ..Options::default()
        });
        let known = there(&sandbox);
        let told = rotated(&session_with(&sandbox, &known.token_1), &known)
            .await
            .unwrap_err();
        assert!(
            told.summary.contains("the token that the provider works with"),
            "{told}"
        );
        assert_eq!(sandbox.calls("POST", ROTATION), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_path_that_leads_elsewhere_is_told() {
        let sandbox = sandbox(Options::default());
        let known = there(&sandbox);
        sandbox.set_options(|options| options.paths = Paths::Beside);
        let session = session(&sandbox, Role::Admin);
        sandbox.set_options(|options| options.paths = Paths::Nested);
        let told = rotated(&session, &known).await.unwrap_err();
        assert!(told.detail.contains("streaming_tokens_path"), "{told}");
    }
}
