//! Rotates the streaming tokens of an environment, so that exactly one token is revoked.
//!
//! A rotation revokes token 1, although the platform may accept it for a few more minutes. A second
//! rotation would also revoke the former token 2, which clients were asked to use: no other request
//! can do as much harm. The API has no idempotency key, but it returns both tokens whenever they
//! are read. A read therefore shows whether a rotation took effect.
//!
//! # Flow
//! - The goal is to revoke the known token 1. Read the tokens first. If token 1 is already revoked,
//!   send nothing. If the read is stale, or an earlier rotation may still become visible, wait
//!   until that is settled.
//! - Send the rotation once. If the answer has the expected pair, it is proved, even while reads
//!   are stale. Otherwise read: if token 1 is gone, the rotation took effect, even if its answer
//!   was lost.
//! - If nothing has changed, read again for some seconds. If still nothing has, fail, and record
//!   when the rotation was sent. It is not sent again, because the first one may take effect late.
//!
//! # Guarantees
//! - A call revokes one token, even if answers are lost, or none if that token is already revoked.
//!   The rotation is only retried if it did not start: if there was no connection, or if the
//!   platform rejected it by its rate limit (429).
//! - A call that is repeated because a run was killed before its state was written revokes no
//!   further token, because the known token 1 no longer exists.
//!
//! # Assumptions
//! - A rotation whose outcome is unknown takes effect and becomes visible within [`SETTLES_AFTER`],
//!   or never.
//! - The platform names token 1 (`current`), or lists it first.
//!
//! # Limits
//! Another client may rotate in the milliseconds between the read and the rotation. Two tokens are
//! revoked then, and the API has no request that would prevent this race. The answer to the
//! rotation or the read after it detects it, and an error reports it. The same holds if a run is
//! killed after its rotation, and reads are still stale when the next run rotates: the killed run
//! has left no record.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::diagnostics;
use super::diff::{Diff, classify};
use super::fingerprints::Fingerprints;
use crate::framework::Diagnostic;
use crate::quix::api::StreamingTokens;
use crate::quix::connection::Connection;
use crate::quix::errors::request_failed;
use crate::rest::Operation;

/// The pauses before the reads after a rotation. A read may be stale.
const PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(9),
    Duration::from_secs(20),
];

/// How long after its request a rotation may take effect or become visible. Quix says that the
/// revoked token "might take a few minutes to fully deactivate".
const SETTLES_AFTER: SignedDuration = SignedDuration::from_mins(3);

/// The pause between reads while an earlier rotation may become visible.
const SETTLING: Duration = Duration::from_secs(15);

/// The deadline for the reads after a rotation, which an interrupt does not stop.
const READ_TIMEOUT: Duration = Duration::from_secs(120);

/// The tokens after a rotation.
#[derive(Debug)]
pub(super) struct Rotated {
    /// The current tokens.
    pub(super) tokens: StreamingTokens,
    /// A warning or error to report, if any.
    pub(super) report: Option<Diagnostic>,
}

/// Returns how long a rotation with an unknown outcome, which was sent at `sent`, may still become
/// visible.
pub(super) fn time_until_settled(sent: Option<Timestamp>, now: Timestamp) -> Duration {
    let settles = sent.and_then(|sent| sent.checked_add(SETTLES_AFTER).ok());
    let remaining = settles.map_or(SignedDuration::ZERO, |settles| settles.duration_since(now));
    // A time in the future, recorded with another clock, does not prolong the wait.
    Duration::try_from(remaining.min(SETTLES_AFTER)).unwrap_or_default()
}

/// The error of a rotation. The token may still be valid.
#[derive(Debug)]
pub(super) struct RotateError {
    pub(super) diagnostic: Diagnostic,
    /// Whether a rotation was sent whose outcome is unknown.
    pub(super) is_outcome_unknown: bool,
}

impl From<Diagnostic> for RotateError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            diagnostic,
            is_outcome_unknown: false,
        }
    }
}

/// Revokes token 1 of the `known` tokens, unless it is already revoked. `settles_in` is how long an
/// earlier rotation may still become visible ([`time_until_settled`]).
///
/// # Errors
/// The token is not revoked, or it is unknown whether it is.
pub(super) async fn rotate(
    connection: &Connection,
    operation: &Operation,
    workspace: &str,
    known: &Fingerprints,
    settles_in: Duration,
) -> Result<Rotated, RotateError> {
    let endpoints = &connection.endpoints;
    let api = &connection.api;
    if api.is_own_hash(&known.token_1).await {
        return Err(diagnostics::own_credential(workspace).into());
    }
    let _lock = connection.rotating.lock().await;
    let settled = read_settled(connection, operation, workspace, known, settles_in).await?;
    if let Some(rotated) = evaluate(workspace, known, settled, Sent::No)? {
        return Ok(rotated);
    }

    let (answer, lost) = match api
        .rotate_streaming_tokens(operation, &endpoints.rotate, workspace)
        .await
    {
        Ok(answer) => (answer, None),
        Err(error) if error.is_ambiguous() => (None, Some(error)),
        Err(error) => return Err(request_failed(&error).into()),
    };
    let answer = answer.map(|tokens| (classify(known, &Fingerprints::from(&tokens)), tokens));
    if let Some((Diff::RotatedOnce, tokens)) = answer {
        return Ok(Rotated { tokens, report: None });
    }
    let outcome_unknown = |diagnostic| RotateError {
        diagnostic,
        is_outcome_unknown: true,
    };
    let detached = Operation::new(READ_TIMEOUT, CancellationToken::new());
    let mut unreadable = None;
    for pause in PAUSES {
        let _ = detached.pause(pause).await;
        match api.streaming_tokens(&detached, &endpoints.read, workspace).await {
            Ok(tokens) => {
                if let Some(rotated) = evaluate(workspace, known, tokens, Sent::Yes)? {
                    return Ok(rotated);
                }
            }
            Err(error) => {
                unreadable = Some(error);
                break;
            }
        }
    }
    match (answer, unreadable) {
        // No read contradicts the answer.
        (Some((Diff::RotatedMore, tokens)), _) => Ok(Rotated {
            tokens,
            report: Some(diagnostics::rotated_more_than_once(workspace)),
        }),
        (_, Some(unreadable)) => Err(outcome_unknown(diagnostics::rotate_outcome_unknown(
            workspace,
            lost.as_ref(),
            &unreadable,
        ))),
        (_, None) => Err(outcome_unknown(diagnostics::rotate_without_effect(
            workspace,
            lost.as_ref(),
            SETTLES_AFTER.as_mins(),
        ))),
    }
}

/// Reads the tokens until the read is not stale and no earlier rotation can become visible.
///
/// # Errors
/// The tokens cannot be read, or reads are still stale.
pub(super) async fn read_settled(
    connection: &Connection,
    operation: &Operation,
    workspace: &str,
    known: &Fingerprints,
    settles_in: Duration,
) -> Result<StreamingTokens, Diagnostic> {
    let endpoint = &connection.endpoints.read;
    let read = async || {
        let tokens = connection.api.streaming_tokens(operation, endpoint, workspace).await;
        tokens.map_err(|error| request_failed(&error))
    };
    let settles = Instant::now().checked_add(settles_in);
    let mut stale_pauses = PAUSES.into_iter().filter(|pause| !pause.is_zero());
    loop {
        let tokens = read().await?;
        let pause = match classify(known, &Fingerprints::from(&tokens)) {
            Diff::Stale => stale_pauses.next(),
            Diff::Unchanged if settles.is_some_and(|settles| Instant::now() < settles) => Some(SETTLING),
            _ => return Ok(tokens),
        };
        let paused = match pause {
            Some(pause) => operation.pause(pause).await.is_ok(),
            None => false,
        };
        if !paused {
            return Err(diagnostics::not_settled(workspace));
        }
    }
}

/// Whether the rotation has been sent.
#[derive(Clone, Copy, PartialEq)]
enum Sent {
    No,
    Yes,
}

/// Evaluates a read. Returns `None` if the rotation has not taken effect.
fn evaluate(
    workspace: &str,
    known: &Fingerprints,
    tokens: StreamingTokens,
    sent: Sent,
) -> Result<Option<Rotated>, Diagnostic> {
    let report = match (classify(known, &Fingerprints::from(&tokens)), sent) {
        (Diff::Unchanged, _) | (Diff::Stale, Sent::Yes) => return Ok(None),
        // The wait for a current read is over.
        (Diff::Stale, Sent::No) => return Err(diagnostics::not_settled(workspace)),
        (Diff::RotatedOnce, Sent::Yes) => None,
        (Diff::RotatedOnce, Sent::No) => Some(diagnostics::rotated_before_apply(workspace)),
        (Diff::RotatedMore, _) => Some(diagnostics::rotated_more_than_once(workspace)),
        (Diff::Inconsistent, Sent::No) => return Err(diagnostics::inconsistent(workspace)),
        // The state must have these tokens: otherwise the next apply would rotate again.
        (Diff::Inconsistent, Sent::Yes) => Some(diagnostics::inconsistent(workspace)),
    };
    Ok(Some(Rotated { tokens, report }))
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

    const READ: &str = "/workspaces/acme-shop-dev/sdktokens";
    const ROTATE: &str = "/workspaces/acme-shop-dev/sdktokens/rotate";

    /// Returns the tokens that the sandbox has.
    fn current(sandbox: &Sandbox) -> StreamingTokens {
        let [token_1, token_2] = sandbox.tokens(DEV).unwrap();
        StreamingTokens { token_1, token_2 }
    }

    /// Rotates while no earlier rotation can become visible.
    async fn rotate_now(connection: &Connection, known: &StreamingTokens) -> Result<Rotated, Diagnostic> {
        let rotated = rotate(connection, &operation(), DEV, &known.into(), Duration::ZERO).await;
        rotated.map_err(|error| error.diagnostic)
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_revokes_token_1_and_keeps_token_2_in_every_shape() {
        for options in option_variants() {
            let sandbox = sandbox(options.clone());
            let known = current(&sandbox);
            let outcome = rotate_now(&connection(&sandbox, Role::Admin), &known).await.unwrap();
            assert_eq!(outcome.report, None, "{options:?}");
            assert!(outcome.tokens == current(&sandbox) && sandbox.rotations(DEV) == 1);
            tokio::time::advance(options.deactivation.unsigned_abs()).await;
            assert!(!sandbox.is_live(known.token_1.expose_secret()));
            assert!(sandbox.is_live(known.token_2.expose_secret()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rotation_is_detected_by_the_answer_while_reads_are_stale() {
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
            let (connection, known) = (connection(&sandbox, Role::Admin), current(&sandbox));
            let first = rotate_now(&connection, &known).await.unwrap();
            assert!(
                first.report.is_none() && first.tokens == current(&sandbox),
                "{tokens:?}"
            );
            // The next rotation is not sent while reads are stale.
            let why = rotate_now(&connection, &first.tokens).await.unwrap_err();
            assert!(why.summary.contains("is not visible yet"), "{why}");
            assert_eq!(sandbox.rotations(DEV), 1);
            tokio::time::advance(Duration::from_secs(600)).await;
            let second = rotate_now(&connection, &first.tokens).await.unwrap();
            assert!(second.tokens == current(&sandbox) && sandbox.rotations(DEV) == 2);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rotation_that_becomes_visible_late_is_not_repeated() {
        for rotated in [quix::Rotated::Empty, quix::Rotated::NoContent, quix::Rotated::NewToken] {
            let sandbox = sandbox(Options {
                rotated,
                stale_reads: jiff::SignedDuration::from_secs(100),
                ..Options::default()
            });
            let (connection, known) = (connection(&sandbox, Role::Admin), current(&sandbox));
            let operation = operation();
            let sent = sandbox.clock().now();
            let error = rotate(&connection, &operation, DEV, &(&known).into(), Duration::ZERO)
                .await
                .unwrap_err();
            assert!(error.is_outcome_unknown, "{error:?}");
            let settles_in = time_until_settled(Some(sent), sandbox.clock().now());
            let operation = crate::platform::testing::operation();
            let outcome = rotate(&connection, &operation, DEV, &(&known).into(), settles_in)
                .await
                .unwrap();
            assert_eq!(outcome.report.unwrap().severity, Severity::Warning);
            assert!(outcome.tokens == current(&sandbox) && sandbox.rotations(DEV) == 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_after_any_lost_answer_revokes_no_second_token() {
        for fault in lost_answers("true") {
            for failed_reads in 0..3 {
                let sandbox = sandbox(Options::default());
                let known = current(&sandbox);
                sandbox.fault(fault.clone().on("POST", ROTATE));
                sandbox.fault(Fault::answer(503).on("GET", READ).skip(1).times(failed_reads));
                let takes_effect = fault.when == When::After || fault.effect == Effect::Truncate;
                match rotate_now(&connection(&sandbox, Role::Admin), &known).await {
                    Ok(outcome) => assert!(takes_effect && outcome.tokens == current(&sandbox), "{fault:?}"),
                    Err(why) => assert!(
                        !takes_effect && why.detail.contains("was not repeated"),
                        "{fault:?}: {why}"
                    ),
                }
                assert_eq!(sandbox.calls("POST", ROTATE), 1, "{fault:?}");
                assert_eq!(sandbox.rotations(DEV), usize::from(takes_effect));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_with_unknown_outcome_fails_and_retry_does_not_revoke_again() {
        for fault in lost_answers("true") {
            let sandbox = sandbox(Options::default());
            let (connection, known) = (connection(&sandbox, Role::Admin), current(&sandbox));
            sandbox.fault(fault.clone().on("POST", ROTATE));
            sandbox.fault(Fault::answer(503).on("GET", READ).skip(1).times(1_000));
            let why = rotate_now(&connection, &known).await.unwrap_err();
            assert!(why.summary.contains("is unknown"), "{why}");
            sandbox.clear_faults();
            rotate_now(&connection, &known).await.unwrap();
            assert_eq!(sandbox.rotations(DEV), 1, "{fault:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_of_a_revoked_token_sends_nothing() {
        for (times, severity) in [(1, Severity::Warning), (2, Severity::Error), (3, Severity::Error)] {
            let sandbox = sandbox(Options::default());
            let known = current(&sandbox);
            (0..times).for_each(|_| sandbox.rotate_outside(DEV));
            let outcome = rotate_now(&connection(&sandbox, Role::Admin), &known).await.unwrap();
            assert_eq!(outcome.report.unwrap().severity, severity);
            assert!(outcome.tokens == current(&sandbox));
            assert_eq!(sandbox.calls("POST", ROTATE), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_racing_with_another_client_reports_it() {
        let sandbox = sandbox(Options::default());
        let (connection, known) = (connection(&sandbox, Role::Admin), current(&sandbox));
        let delay = Effect::Delay(jiff::SignedDuration::from_secs(2));
        sandbox.fault(Fault::new(delay).on("POST", ROTATE));
        let other_client = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            sandbox.rotate_outside(DEV);
        };
        let (outcome, ()) = tokio::join!(rotate_now(&connection, &known), other_client);
        let outcome = outcome.unwrap();
        assert_eq!(outcome.report.unwrap().severity, Severity::Error);
        assert!(outcome.tokens == current(&sandbox));
    }

    #[tokio::test(start_paused = true)]
    async fn two_rotations_for_the_same_token_revoke_one() {
        let sandbox = sandbox(Options::default());
        let (connection, known) = (connection(&sandbox, Role::Admin), current(&sandbox));
        let (one, two) = tokio::join!(rotate_now(&connection, &known), rotate_now(&connection, &known));
        assert!(one.unwrap().tokens == two.unwrap().tokens);
        assert_eq!(sandbox.rotations(DEV), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn interrupt_does_not_stop_the_reading_after_a_rotation() {
        let sandbox = sandbox(Options::default());
        let connection = connection(&sandbox, Role::Admin);
        let known = Fingerprints::from(&current(&sandbox));
        let operation = operation();
        sandbox.fault(
            Fault::new(Effect::Delay(jiff::SignedDuration::from_secs(2)))
                .after()
                .on("POST", ROTATE),
        );
        let interrupt = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            operation.cancellation.cancel();
        };
        let (outcome, ()) = tokio::join!(rotate(&connection, &operation, DEV, &known, Duration::ZERO), interrupt);
        assert!(outcome.unwrap().tokens == current(&sandbox));
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_without_the_role_admin_is_rejected() {
        for role in [Role::Manager, Role::Editor, Role::Viewer] {
            let sandbox = sandbox(Options::default());
            let why = rotate_now(&connection(&sandbox, role), &current(&sandbox))
                .await
                .unwrap_err();
            assert!(why.detail.contains("role Admin"), "{why}");
            assert_eq!(sandbox.rotations(DEV), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_refuses_to_revoke_own_credential() {
        let sandbox = sandbox(Options {
            readers: crate::sandbox::quix::Readers::Holders,
            ..Options::default()
        });
        let known = current(&sandbox);
        let why = rotate_now(&connection_with(&sandbox, &known.token_1), &known)
            .await
            .unwrap_err();
        assert!(why.summary.contains("the provider's own token"), "{why}");
        assert_eq!(sandbox.calls("POST", ROTATE), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_with_wrong_path_names_the_argument() {
        let sandbox = sandbox(Options::default());
        let known = current(&sandbox);
        sandbox.set_options(|options| options.paths = Paths::ByQuery);
        let connection = connection(&sandbox, Role::Admin);
        sandbox.set_options(|options| options.paths = Paths::Published);
        let why = rotate_now(&connection, &known).await.unwrap_err();
        assert!(why.detail.contains("streaming_tokens_path"), "{why}");
    }
}
