//! Rotating the streaming tokens of an environment so that one is revoked and never two.
//!
//! A rotation revokes token 1. Sent twice, it also revokes what was token 2, which users were asked to move to: no other request
//! does as much harm. The API has no idempotency key. But it shows both tokens whenever they are read, so that what happened can
//! be seen afterwards.
//!
//! # Flow
//! - The aim is that one token is revoked: the one that is known as token 1. Read the tokens: if it is revoked already, nothing
//!   is sent. If the reader still shows the tokens of before the last known rotation, or an earlier rotation was sent minutes ago
//!   and is not shown yet, wait; nothing is sent before that is settled.
//! - Send the rotation, once. If the answer shows the pair that a rotation leads to, that proves it, whatever a reader shows
//!   yet. Otherwise read: that token 1 is gone proves that it happened, and a lost answer costs nothing.
//! - If nothing has changed, read again, for some seconds. If still nothing has, it is an error, and the time of the rotation is
//!   recorded. It is not sent again then: it might happen late, and a second one with it.
//!
//! # Guarantees
//! - One call revokes one token, whatever is lost, and none if that token is revoked already. A rotation is sent once; again only
//!   where none has begun: there was no connection, or it was rejected for coming too soon (429).
//! - A repeated call, because the run was killed before its state was written, revokes no further token: by then the token that
//!   it is about is gone.
//!
//! # Assumptions
//! - A rotation whose outcome is unknown has happened, and is shown to readers, within [`SETTLES_AFTER`], or never will.
//! - The platform shows token 1 first, or by its name.
//!
//! # What cannot be proved
//! Between the reading and the rotation, milliseconds apart, another client may rotate. Then two tokens are revoked, and no
//! request exists that would prevent it. The reading afterwards shows this race, and it is reported as an error.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::diff::{Diff, classify};
use crate::framework::Diagnostic;
use crate::quix::api::StreamingTokens;
use crate::quix::connection::Connection;
use crate::quix::errors::failure;
use crate::rest::{Error, Operation};

/// How long to wait before each reading that follows a rotation: a reader may lag behind.
const PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(9),
    Duration::from_secs(20),
];

/// How long after it was sent a rotation may still happen or be shown. Quix says of the revoked token that it "might take a few
/// minutes to fully deactivate".
const SETTLES_AFTER: SignedDuration = SignedDuration::from_mins(3);

/// How often the tokens are read while an earlier rotation may still be shown.
const SETTLING: Duration = Duration::from_secs(15);

/// How long all readings may take together that an interrupt does not stop.
const READINGS: Duration = Duration::from_secs(120);

/// The outcome of a rotation.
#[derive(Debug)]
pub(super) struct Rotated {
    /// The tokens that are there now.
    pub(super) tokens: StreamingTokens,
    /// What there is to report about it.
    pub(super) report: Option<Diagnostic>,
}

/// How long a rotation that was sent at this time, and whose outcome is unknown, may still become visible.
pub(super) fn time_until_settled(sent: Option<Timestamp>, now: Timestamp) -> Duration {
    let settles = sent.and_then(|sent| sent.checked_add(SETTLES_AFTER).ok());
    let left = settles.map_or(SignedDuration::ZERO, |settles| settles.duration_since(now));
    // A time that lies ahead, by another clock, is not waited for any longer.
    Duration::try_from(left.min(SETTLES_AFTER)).unwrap_or_default()
}

/// Why it is not certain that a token is revoked.
#[derive(Debug)]
pub(super) struct RotateFailed {
    pub(super) why: Diagnostic,
    /// Whether a rotation was sent whose outcome is unknown.
    pub(super) is_open: bool,
}

impl From<Diagnostic> for RotateFailed {
    fn from(why: Diagnostic) -> Self {
        Self { why, is_open: false }
    }
}

/// Revokes the token that is known as token 1, unless it is revoked already. `settles_in` is how long a rotation
/// that was sent before may still become visible ([`time_until_settled`]).
///
/// # Errors
/// Why it is not revoked, or why that is unknown.
pub(super) async fn rotate(
    connection: &Connection,
    operation: &Operation,
    workspace: &str,
    known: &StreamingTokens,
    settles_in: Duration,
) -> Result<Rotated, RotateFailed> {
    let (reading, rotation) = (connection.reading()?, connection.rotation()?);
    let api = &connection.api;
    if api.is_own_credential(&known.token_1).await {
        return Err(own_token(workspace).into());
    }
    let _alone = connection.rotating.lock().await;
    let settled = settled(connection, operation, workspace, known, settles_in).await?;
    if let Some(rotated) = judge(workspace, known, settled, Sent::No)? {
        return Ok(rotated);
    }

    let (answered, lost) = match api.rotate_streaming_tokens(operation, rotation, workspace).await {
        Ok(answered) => (answered, None),
        Err(error) if error.is_ambiguous() => (None, Some(error)),
        Err(error) => return Err(failure(&error).into()),
    };
    let answered = answered.map(|tokens| (classify(known, &tokens), tokens));
    if let Some((Diff::RotatedOnce, tokens)) = answered {
        return Ok(Rotated { tokens, report: None });
    }
    let open = |why| RotateFailed { why, is_open: true };
    let detached = Operation::new(READINGS, CancellationToken::new());
    let mut unseen = None;
    for pause in PAUSES {
        let _ = detached.pause(pause).await;
        match api.streaming_tokens(&detached, reading, workspace).await {
            Ok(tokens) => {
                if let Some(rotated) = judge(workspace, known, tokens, Sent::Yes)? {
                    return Ok(rotated);
                }
            }
            Err(error) => {
                unseen = Some(error);
                break;
            }
        }
    }
    match (answered, unseen) {
        // The answer is all that there is to go by.
        (Some((Diff::RotatedMore, tokens)), _) => Ok(Rotated {
            tokens,
            report: Some(rotated_more(workspace)),
        }),
        (_, Some(unseen)) => Err(open(unknown(workspace, lost.as_ref(), &unseen))),
        (_, None) => Err(open(unchanged(workspace, lost.as_ref()))),
    }
}

/// The tokens, read until no earlier rotation can be missing from them.
async fn settled(
    connection: &Connection,
    operation: &Operation,
    workspace: &str,
    known: &StreamingTokens,
    settles_in: Duration,
) -> Result<StreamingTokens, Diagnostic> {
    let reading = connection.reading()?;
    let read = async || {
        let tokens = connection.api.streaming_tokens(operation, reading, workspace).await;
        tokens.map_err(|error| failure(&error))
    };
    let settles = Instant::now().checked_add(settles_in);
    let mut lags = PAUSES.into_iter().filter(|pause| !pause.is_zero());
    loop {
        let tokens = read().await?;
        let pause = match classify(known, &tokens) {
            Diff::Stale => lags.next(),
            Diff::Unchanged if settles.is_some_and(|settles| Instant::now() < settles) => Some(SETTLING),
            _ => return Ok(tokens),
        };
        let waited = match pause {
            Some(pause) => operation.pause(pause).await.is_ok(),
            None => false,
        };
        if !waited {
            return Err(unsettled(workspace));
        }
    }
}

/// Whether the rotation has been sent.
#[derive(Clone, Copy, PartialEq)]
enum Sent {
    No,
    Yes,
}

/// What a reading shows of the rotation; `None` if nothing has happened.
fn judge(
    workspace: &str,
    known: &StreamingTokens,
    tokens: StreamingTokens,
    sent: Sent,
) -> Result<Option<Rotated>, Diagnostic> {
    let report = match (classify(known, &tokens), sent) {
        (Diff::Unchanged, _) | (Diff::Stale, Sent::Yes) => return Ok(None),
        // The wait for the reader has ended before.
        (Diff::Stale, Sent::No) => return Err(unsettled(workspace)),
        (Diff::RotatedOnce, Sent::Yes) => None,
        (Diff::RotatedOnce, Sent::No) => Some(already_rotated(workspace)),
        (Diff::RotatedMore, _) => Some(rotated_more(workspace)),
        (Diff::Inconsistent, Sent::No) => return Err(inconsistent(workspace)),
        // One was sent, and another would follow if this were not settled.
        (Diff::Inconsistent, Sent::Yes) => Some(inconsistent(workspace)),
    };
    Ok(Some(Rotated { tokens, report }))
}

/// The error where the provider's own token would be revoked.
pub(super) fn own_token(workspace: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Cannot revoke the token that the provider works with: it is token 1 of {workspace:?}"),
        "The provider's `token` (or Quix__Sdk__Token, which is token 1) would be rejected afterwards. Give the provider a \
         personal access token: rotating takes one of a user with the role Admin in any case.",
    )
}

fn already_rotated(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The streaming tokens of {workspace:?} have been rotated already"),
        "Token 1, which this was to revoke, was revoked since the plan was made: another client has rotated, or an apply of \
         this same plan was interrupted after it had. Token 2 is token 1 now, as planned. Nothing was sent, so that no second \
         token is revoked.",
    )
}

fn unsettled(workspace: &str) -> Diagnostic {
    Diagnostic::error(
        format!("An earlier rotation of the streaming tokens of {workspace:?} is not visible yet"),
        "An earlier rotation was sent, and the platform may not show its result yet. Another one now could revoke token 2 as \
         well, so nothing was sent. Apply again in a few minutes.",
    )
}

fn rotated_more(workspace: &str) -> Diagnostic {
    Diagnostic::error(
        format!("The streaming tokens of {workspace:?} were rotated more than once"),
        "Token 1, as the plan knew it, was revoked, and token 2 is not in its place: another client has rotated since the plan \
         was made. Whatever uses one of the earlier tokens is rejected. Both new tokens are in the state. Find out which client \
         rotates, give what is locked out a new token, and apply again for what this error has prevented.",
    )
}

fn inconsistent(workspace: &str) -> Diagnostic {
    Diagnostic::error(
        format!("The streaming tokens of {workspace:?} changed in a way that no rotation leads to"),
        "A rotation revokes token 1 and makes token 2 token 1. What the platform shows now is something else: one token was \
         replaced by itself, or they are in another order than before. So it is unknown which of them a rotation revokes. \
         Compare them with the portal before the next one.",
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
            "{why} What is there now could not be read: {}.\n\nIf they were, token 1 is revoked, and token 2 is the one to use. \
             Apply again: that begins by reading them, and revokes no further token if this one is revoked.",
            unseen.kind()
        ),
    )
}

fn unchanged(workspace: &str, lost: Option<&Error>) -> Diagnostic {
    let (summary, why) = match lost {
        Some(error) => (
            format!("Could not {}", error.action()),
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
             a second one would revoke token 2 as well.\n\nApply again: that waits until the rotation is visible, for {} minutes \
             after it was sent, before it sends another.",
            SETTLES_AFTER.as_mins()
        ),
    )
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::framework::Severity;
    use crate::platform::testing::{lost_answers, operation};
    use crate::quix::tests::{DEV, connection, connection_with, option_variants, sandbox};
    use crate::sandbox::quix::{self, Options, Paths, Role, Sandbox, Tokens};
    use crate::sandbox::{Effect, Fault, When};

    const READING: &str = "/workspaces/acme-shop-dev/sandbox-tokens";
    const ROTATION: &str = "/workspaces/acme-shop-dev/sandbox-tokens/rotate";

    fn there(sandbox: &Sandbox) -> StreamingTokens {
        let [token_1, token_2] = sandbox.tokens(DEV).unwrap();
        StreamingTokens { token_1, token_2 }
    }

    async fn rotated(connection: &Connection, known: &StreamingTokens) -> Result<Rotated, Diagnostic> {
        let rotated = rotate(connection, &operation(), DEV, known, Duration::ZERO).await;
        rotated.map_err(|failed| failed.why)
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_revokes_token_1_and_moves_token_2_up_in_every_shape() {
        for options in option_variants() {
            let sandbox = sandbox(options.clone());
            let known = there(&sandbox);
            let outcome = rotated(&connection(&sandbox, Role::Admin), &known).await.unwrap();
            assert_eq!(outcome.report, None, "{options:?}");
            assert!(outcome.tokens == there(&sandbox) && sandbox.rotations(DEV) == 1);
            assert!(!sandbox.is_live(known.token_1.expose_secret()));
            assert!(sandbox.is_live(known.token_2.expose_secret()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pair_in_the_answer_proves_the_rotation_while_the_reader_lags() {
        for tokens in [
            Tokens::Published,
            Tokens::Named,
            Tokens::Strings,
            Tokens::Objects,
            Tokens::Wrapped,
        ] {
            let sandbox = sandbox(Options {
                tokens,
                stale_reads: jiff::SignedDuration::from_mins(10),
                ..Options::default()
            });
            let (connection, known) = (connection(&sandbox, Role::Admin), there(&sandbox));
            let first = rotated(&connection, &known).await.unwrap();
            assert!(first.report.is_none() && first.tokens == there(&sandbox), "{tokens:?}");
            // The next one is not sent before the reader has caught up.
            let why = rotated(&connection, &first.tokens).await.unwrap_err();
            assert!(why.summary.contains("is not visible yet"), "{why}");
            assert_eq!(sandbox.rotations(DEV), 1);
            tokio::time::advance(Duration::from_secs(600)).await;
            let second = rotated(&connection, &first.tokens).await.unwrap();
            assert!(second.tokens == there(&sandbox) && sandbox.rotations(DEV) == 2);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rotation_that_is_not_visible_is_waited_for_and_not_sent_again() {
        for rotated in [quix::Rotated::Empty, quix::Rotated::NoContent, quix::Rotated::NewToken] {
            let sandbox = sandbox(Options {
                rotated,
                stale_reads: jiff::SignedDuration::from_secs(100),
                ..Options::default()
            });
            let (connection, known) = (connection(&sandbox, Role::Admin), there(&sandbox));
            let operation = operation();
            let sent = sandbox.clock().now();
            let failed = rotate(&connection, &operation, DEV, &known, Duration::ZERO)
                .await
                .unwrap_err();
            assert!(failed.is_open, "{failed:?}");
            let settles_in = time_until_settled(Some(sent), sandbox.clock().now());
            let operation = crate::platform::testing::operation();
            let outcome = rotate(&connection, &operation, DEV, &known, settles_in).await.unwrap();
            assert_eq!(outcome.report.unwrap().severity, Severity::Warning);
            assert!(outcome.tokens == there(&sandbox) && sandbox.rotations(DEV) == 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_after_any_lost_answer_revokes_no_second_token() {
        for fault in lost_answers("true") {
            for unread in 0..3 {
                let sandbox = sandbox(Options::default());
                let known = there(&sandbox);
                sandbox.fault(fault.clone().on("POST", ROTATION));
                sandbox.fault(Fault::answer(503).on("GET", READING).skip(1).times(unread));
                let acted = fault.when == When::After || fault.effect == Effect::Truncate;
                match rotated(&connection(&sandbox, Role::Admin), &known).await {
                    Ok(outcome) => assert!(acted && outcome.tokens == there(&sandbox), "{fault:?}"),
                    Err(why) => assert!(!acted && why.detail.contains("was not sent again"), "{fault:?}: {why}"),
                }
                assert_eq!(sandbox.calls("POST", ROTATION), 1, "{fault:?}");
                assert_eq!(sandbox.rotations(DEV), usize::from(acted));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_after_an_unknown_outcome_is_an_error_and_then_revokes_nothing_more() {
        for fault in lost_answers("true") {
            let sandbox = sandbox(Options::default());
            let (connection, known) = (connection(&sandbox, Role::Admin), there(&sandbox));
            sandbox.fault(fault.clone().on("POST", ROTATION));
            sandbox.fault(Fault::answer(503).on("GET", READING).skip(1).times(1_000));
            let why = rotated(&connection, &known).await.unwrap_err();
            assert!(why.summary.contains("is not known"), "{why}");
            sandbox.clear_faults();
            rotated(&connection, &known).await.unwrap();
            assert_eq!(sandbox.rotations(DEV), 1, "{fault:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_of_a_revoked_token_sends_nothing() {
        for (times, severity) in [(1, Severity::Warning), (2, Severity::Error), (3, Severity::Error)] {
            let sandbox = sandbox(Options::default());
            let known = there(&sandbox);
            (0..times).for_each(|_| sandbox.rotate_outside(DEV));
            let outcome = rotated(&connection(&sandbox, Role::Admin), &known).await.unwrap();
            assert_eq!(outcome.report.unwrap().severity, severity);
            assert!(outcome.tokens == there(&sandbox));
            assert_eq!(sandbox.calls("POST", ROTATION), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_racing_with_another_client_reports_it() {
        let sandbox = sandbox(Options::default());
        let (connection, known) = (connection(&sandbox, Role::Admin), there(&sandbox));
        let late = Effect::Delay(jiff::SignedDuration::from_secs(2));
        sandbox.fault(Fault::new(late).on("POST", ROTATION));
        let stranger = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            sandbox.rotate_outside(DEV);
        };
        let (outcome, ()) = tokio::join!(rotated(&connection, &known), stranger);
        let outcome = outcome.unwrap();
        assert_eq!(outcome.report.unwrap().severity, Severity::Error);
        assert!(outcome.tokens == there(&sandbox));
    }

    #[tokio::test(start_paused = true)]
    async fn two_rotations_for_the_same_token_revoke_one() {
        let sandbox = sandbox(Options::default());
        let (connection, known) = (connection(&sandbox, Role::Admin), there(&sandbox));
        let (one, two) = tokio::join!(rotated(&connection, &known), rotated(&connection, &known));
        assert!(one.unwrap().tokens == two.unwrap().tokens);
        assert_eq!(sandbox.rotations(DEV), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn interrupt_does_not_stop_the_reading_after_a_rotation() {
        let sandbox = sandbox(Options::default());
        let (connection, known) = (connection(&sandbox, Role::Admin), there(&sandbox));
        let operation = operation();
        sandbox.fault(
            Fault::new(Effect::Delay(jiff::SignedDuration::from_secs(2)))
                .after()
                .on("POST", ROTATION),
        );
        let interrupt = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            operation.cancellation.cancel();
        };
        let (outcome, ()) = tokio::join!(rotate(&connection, &operation, DEV, &known, Duration::ZERO), interrupt);
        assert!(outcome.unwrap().tokens == there(&sandbox));
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_by_others_than_administrators_is_refused_with_the_role() {
        for role in [Role::Manager, Role::Editor, Role::Viewer] {
            let sandbox = sandbox(Options::default());
            let why = rotated(&connection(&sandbox, role), &there(&sandbox))
                .await
                .unwrap_err();
            assert!(why.detail.contains("role Admin"), "{why}");
            assert_eq!(sandbox.rotations(DEV), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_refuses_to_revoke_the_providers_own_token() {
        let sandbox = sandbox(Options {
            readers: crate::sandbox::quix::Readers::Holders,
            ..Options::default()
        });
        let known = there(&sandbox);
        let why = rotated(&connection_with(&sandbox, &known.token_1), &known)
            .await
            .unwrap_err();
        assert!(why.summary.contains("the token that the provider works with"), "{why}");
        assert_eq!(sandbox.calls("POST", ROTATION), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_by_a_wrong_path_names_the_argument() {
        let sandbox = sandbox(Options::default());
        let known = there(&sandbox);
        sandbox.set_options(|options| options.paths = Paths::ByQuery);
        let connection = connection(&sandbox, Role::Admin);
        sandbox.set_options(|options| options.paths = Paths::Nested);
        let why = rotated(&connection, &known).await.unwrap_err();
        assert!(why.detail.contains("streaming_tokens_path"), "{why}");
    }
}
