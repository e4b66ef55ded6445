//! Creates a stream token without leaving an unreported orphan, even if an answer is lost.
//!
//! A token has no name, and the API has no idempotency key. A lost answer is therefore followed up
//! with the list: the platform does not reuse ids, and returns a token's value to every client that
//! knows its id.
//!
//! # Flow
//! - List the tokens of the kind, then create one. An answer with a token completes the creation.
//! - If the answer is lost, list the tokens again:
//!   - No token is new: repeat the creation.
//!   - A permanent token is new: fail with an error that names it and describes how to import or
//!     delete it. It is not adopted, and no further one is created, because only five may exist.
//!   - A temporary token is new: repeat the creation, at most [`MAX_UNPROVEN_REPEATS`] times. The
//!     possible orphan expires within 24 hours.
//! - After a repeated creation, list the tokens once more and warn about other new ones.
//!
//! # Guarantees
//! - A resource only holds a token that the platform named in the answer to its own creation, or
//!   that was imported. Two creations, even in different processes, never return the same token.
//! - If the platform can be reached before the deadline, every created token is in the state or
//!   named in a diagnostic. An interrupt stops the repetitions, but not the list after a lost
//!   answer.
//!
//! # Assumptions
//! - A creation whose answer was lost is in the last list that follows it, or never takes effect.
//!
//! # Limits
//! It cannot be proved who created a new token. Terraform starts a process per `provider` block, so
//! another resource of the same run may have created it, or any other client. If two creations lose
//! their answers at the same time, both may find the same new token. If both adopted it, the
//! deletion of one resource would revoke the token of the other.
//!
//! A token created by a run that was killed before it wrote its state looks like any other token. A
//! temporary one expires within 24 hours. A permanent one is shown by `terraform query`, by
//! `data.neuroio_stream_tokens`, and by a plan that exceeds the limit.

use std::collections::BTreeSet;
use std::time::Duration;

use super::diagnostics::{
    Orphans, add_predecessor_unchanged, create_failed, create_outcome_unknown, create_rejected, create_repeated,
};
use crate::framework::{Diagnostic, Diagnostics};
use crate::neuroio::api::{Api, Issued, StreamToken, TokenId};
use crate::neuroio::errors::request_failed;
use crate::rest::{Error, Operation};

/// The maximum number of times the creation of a temporary token is repeated although a new token
/// exists. Each repetition may create an orphan.
const MAX_UNPROVEN_REPEATS: u32 = 2;

/// The pause before the list after lost answer number `n`, counted from 0. It leaves time for a
/// delayed creation to take effect: a repetition that comes too early creates a second token.
fn pause(n: u32) -> Duration {
    Duration::from_secs(5 << n.min(3))
}

/// Creates a token, the first one of a resource or the successor of `predecessor`. `created` are
/// the tokens that this process has created; whoever holds it serialises creations.
///
/// # Errors
/// No token was created, or the outcome is unknown. The error names the tokens that may be orphans.
pub(in crate::neuroio) async fn create(
    api: &Api,
    operation: &Operation,
    permanent: bool,
    predecessor: Option<TokenId>,
    created: &mut BTreeSet<TokenId>,
    diagnostics: &mut Diagnostics,
) -> Result<Issued, Diagnostic> {
    match create_token(api, operation, permanent, predecessor, created, diagnostics).await {
        Ok(issued) => {
            created.insert(issued.token.id);
            Ok(issued)
        }
        Err(mut error) => {
            if let Some(predecessor) = predecessor {
                add_predecessor_unchanged(&mut error, predecessor);
            }
            Err(error)
        }
    }
}

async fn create_token(
    api: &Api,
    operation: &Operation,
    permanent: bool,
    predecessor: Option<TokenId>,
    created: &BTreeSet<TokenId>,
    diagnostics: &mut Diagnostics,
) -> Result<Issued, Diagnostic> {
    let orphans = |new| Orphans {
        new,
        permanent,
        predecessor,
    };
    let before = api.list(operation, Some(permanent)).await;
    let before = before.map_err(|error| request_failed(&error))?;
    let before: BTreeSet<TokenId> = before.iter().map(|token| token.id).collect();
    // The list may show the tokens of other resources of this run late.
    let is_new = |token: &StreamToken| !before.contains(&token.id) && !created.contains(&token.id);
    let mut lost = 0;
    loop {
        let error = match api.create(operation, permanent).await {
            Ok(issued) => {
                if lost > 0 {
                    let (_, tokens) = list_after(api, operation, permanent, lost).await;
                    let is_other = |token: &StreamToken| is_new(token) && token.id != issued.token.id;
                    let others = tokens.map(|tokens| tokens.into_iter().filter(is_other).collect());
                    diagnostics.extend(create_repeated(others));
                }
                return Ok(issued);
            }
            Err(error) if !error.is_ambiguous() && lost == 0 => {
                return Err(rejected(api, operation, &error, &orphans(Vec::new())).await);
            }
            Err(error) => error,
        };
        let (has_paused, tokens) = list_after(api, operation, permanent, lost).await;
        let new: Vec<_> = match tokens {
            Ok(tokens) => tokens.into_iter().filter(is_new).collect(),
            Err(unreadable) => return Err(create_outcome_unknown(&error, permanent, &unreadable)),
        };
        if !error.is_ambiguous() {
            return Err(rejected(api, operation, &error, &orphans(new)).await);
        }
        let may_repeat = new.is_empty() || (!permanent && lost < MAX_UNPROVEN_REPEATS);
        if !may_repeat || !has_paused || operation.cancellation.is_cancelled() {
            return Err(create_failed(&error, &orphans(new)));
        }
        tracing::warn!("{error}; {} tokens are new; repeating the creation", new.len());
        lost += 1;
    }
}

/// Reads a created token if the answer to the creation lacks its times. Otherwise the next refresh
/// would show a change.
pub(super) async fn with_times(api: &Api, operation: &Operation, permanent: bool, issued: Issued) -> Issued {
    if issued.token.created.is_some() && (permanent || issued.token.expires.is_some()) {
        return issued;
    }
    // Errors are ignored here: the token exists, and the next refresh reads it again.
    let read = api.get(operation, issued.token.id).await;
    read.unwrap_or(issued)
}

/// Pauses, then lists the tokens. An interrupt does not stop this, because it would leave an
/// unreported orphan. Returns whether there was time for the pause; the list is requested once even
/// if there was not.
async fn list_after(
    api: &Api,
    operation: &Operation,
    permanent: bool,
    lost: u32,
) -> (bool, Result<Vec<StreamToken>, Error>) {
    let detached = operation.detached();
    let has_paused = detached.pause(pause(lost)).await.is_ok();
    (has_paused, api.list(&detached, Some(permanent)).await)
}

/// Describes a creation that the platform rejected. If the limit may be the reason, the existing
/// tokens are listed.
async fn rejected(api: &Api, operation: &Operation, error: &Error, orphans: &Orphans) -> Diagnostic {
    let may_be_limit = orphans.permanent && error.status().is_some_and(|status| status.is_client_error());
    let permanent_tokens = if may_be_limit {
        api.list(operation, Some(true)).await.unwrap_or_default()
    } else {
        Vec::new()
    };
    create_rejected(error, &permanent_tokens, orphans)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::neuroio::tests::{api, sandbox};
    use crate::platform::testing::{lost_answers, operation};
    use crate::sandbox::neuroio::{Options, Realm, Sandbox};
    use crate::sandbox::{Effect, Fault, When};

    const TOKENS: &str = "/streams/tokens/";
    const INCOMPLETE_BODY: &str = r#"{"is_active": true}"#;

    /// Creates the first token of a resource.
    async fn create(
        api: &Api,
        operation: &Operation,
        permanent: bool,
        diagnostics: &mut Diagnostics,
    ) -> Result<Issued, Diagnostic> {
        super::create(api, operation, permanent, None, &mut BTreeSet::new(), diagnostics).await
    }

    fn ids(sandbox: &Sandbox) -> Vec<String> {
        let tokens = sandbox.tokens(&Realm::Account);
        tokens.iter().map(|token| token.id.to_string()).collect()
    }

    /// Whether the platform creates a token despite the fault.
    fn takes_effect(fault: &Fault) -> bool {
        fault.when == When::After || fault.effect == Effect::Truncate
    }

    #[tokio::test(start_paused = true)]
    async fn create_repeats_a_lost_creation_without_effect() {
        for permanent in [true, false] {
            for (creations, lists) in [(1, 0), (2, 0), (3, 0), (1, 2)] {
                for fault in lost_answers(INCOMPLETE_BODY)
                    .into_iter()
                    .filter(|fault| !takes_effect(fault))
                {
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
                    assert_eq!(diagnostics.iter().count(), 0, "{fault:?}");
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn create_reports_and_does_not_adopt_permanent_token_of_lost_answer() {
        for fault in lost_answers(INCOMPLETE_BODY).into_iter().filter(takes_effect) {
            let sandbox = sandbox(Options::default());
            sandbox.add_token(&Realm::Account, true);
            sandbox.fault(fault.clone().on("POST", TOKENS));
            let mut diagnostics = Diagnostics::default();
            let why = create(&api(&sandbox), &operation(), true, &mut diagnostics)
                .await
                .unwrap_err();
            for phrase in ["\n  - 2, created at ", "id = \"2\"", "DELETE /v1/streams/tokens/2/"] {
                assert!(why.detail.contains(phrase), "{fault:?}: {why}");
            }
            assert_eq!(
                ids(&sandbox),
                ["1", "2"],
                "no token is deleted, and no further one is created: {fault:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn create_reports_temporary_token_of_lost_answer_and_creates_another() {
        for fault in lost_answers(INCOMPLETE_BODY).into_iter().filter(takes_effect) {
            let sandbox = sandbox(Options::default());
            sandbox.fault(fault.clone().on("POST", TOKENS));
            let mut diagnostics = Diagnostics::default();
            let issued = create(&api(&sandbox), &operation(), false, &mut diagnostics)
                .await
                .unwrap();
            assert_eq!(issued.token.id.to_string(), "2", "{fault:?}");
            let warnings: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
            assert!(
                warnings.len() == 1 && warnings[0].contains("\n  - 1, created at "),
                "{warnings:?}"
            );

            // The number of repetitions is limited.
            sandbox.fault(fault.clone().on("POST", TOKENS).times(1_000));
            let why = create(&api(&sandbox), &operation(), false, &mut diagnostics)
                .await
                .unwrap_err();
            assert!(why.detail.contains("expire within 24 hours"), "{why}");
            assert_eq!(ids(&sandbox).len(), 2 + 3, "{fault:?}");
        }
    }

    /// Terraform starts a process per `provider` block, so no lock serialises the two creations.
    #[tokio::test(start_paused = true)]
    async fn concurrent_creates_with_one_lost_answer_never_return_the_same_token() {
        for permanent in [true, false] {
            for fault in lost_answers(INCOMPLETE_BODY) {
                for skip in 0..2 {
                    let sandbox = sandbox(Options::default());
                    sandbox.fault(fault.clone().on("POST", TOKENS).skip(skip));
                    let (one, other) = (api(&sandbox), api(&sandbox));
                    let (one_operation, other_operation) = (operation(), operation());
                    let (mut one_report, mut other_report) = (Diagnostics::default(), Diagnostics::default());
                    let (one, other) = tokio::join!(
                        create(&one, &one_operation, permanent, &mut one_report),
                        create(&other, &other_operation, permanent, &mut other_report)
                    );
                    if let (Ok(one), Ok(other)) = (&one, &other) {
                        assert_ne!(one.token.id, other.token.id, "{fault:?}");
                    }
                    let held: Vec<_> = [&one, &other]
                        .into_iter()
                        .flatten()
                        .map(|issued| issued.token.id)
                        .collect();
                    let reports: Vec<_> = one_report
                        .iter()
                        .chain(other_report.iter())
                        .map(ToString::to_string)
                        .collect();
                    let errors = [&one, &other].into_iter().filter_map(|created| created.as_ref().err());
                    let reports: Vec<_> = reports.into_iter().chain(errors.map(ToString::to_string)).collect();
                    for id in ids(&sandbox) {
                        let is_held = held.iter().any(|held| held.to_string() == id);
                        let is_reported = reports.iter().any(|report| report.contains(&format!("\n  - {id}")));
                        assert!(
                            is_held || is_reported,
                            "{fault:?}: the token {id} is an unreported orphan"
                        );
                    }
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn create_ignores_new_tokens_of_the_other_kind() {
        let sandbox = sandbox(Options::default());
        sandbox.add_token(&Realm::Account, true);
        sandbox.fault(Fault::new(Effect::Cut).on("POST", TOKENS));
        let (api, operation) = (api(&sandbox), operation());
        let mut diagnostics = Diagnostics::default();
        let other_client = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            sandbox.add_token(&Realm::Account, false)
        };
        let (created, other) = tokio::join!(create(&api, &operation, true, &mut diagnostics), other_client);
        assert_ne!(created.unwrap().token.id.to_string(), other.id.to_string());
        assert_eq!(ids(&sandbox).len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn create_reports_an_unknown_outcome_if_the_list_is_unreadable() {
        for fault in lost_answers(INCOMPLETE_BODY) {
            let sandbox = sandbox(Options::default());
            sandbox.fault(fault.clone().on("POST", TOKENS));
            sandbox.fault(Fault::answer(503).on("GET", TOKENS).skip(1).times(1_000));
            let mut diagnostics = Diagnostics::default();
            let why = create(&api(&sandbox), &operation(), true, &mut diagnostics)
                .await
                .unwrap_err();
            assert!(why.detail.contains("could not be determined"), "{why}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn interrupt_stops_retries_but_not_the_list_after_a_lost_answer() {
        let sandbox = sandbox(Options::default());
        sandbox.fault(Fault::new(Effect::Cut).after().on("POST", TOKENS));
        let (api, operation) = (api(&sandbox), operation());
        let mut diagnostics = Diagnostics::default();
        let interrupt = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            operation.cancellation.cancel();
        };
        let (created, ()) = tokio::join!(create(&api, &operation, true, &mut diagnostics), interrupt);
        assert!(created.unwrap_err().detail.contains("\n  - 1, created at "));
    }

    #[tokio::test(start_paused = true)]
    async fn create_rejected_at_the_limit_lists_the_existing_tokens() {
        for limit_reached in [400, 403, 409] {
            let sandbox = sandbox(Options {
                limit_reached: http::StatusCode::from_u16(limit_reached).unwrap(),
                ..Options::default()
            });
            (0..5).for_each(|_| drop(sandbox.add_token(&Realm::Account, true)));
            let mut diagnostics = Diagnostics::default();
            let error = create(&api(&sandbox), &operation(), true, &mut diagnostics)
                .await
                .unwrap_err();
            assert!(
                error.detail.contains("may have 5 permanent tokens") && error.detail.contains("\n  - 5"),
                "{error}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_of_this_process_are_not_new_even_if_the_list_shows_them_late() {
        let sandbox = sandbox(Options {
            list_lag: jiff::SignedDuration::from_secs(3),
            ..Options::default()
        });
        let (api, mut created, mut diagnostics) = (api(&sandbox), BTreeSet::new(), Diagnostics::default());
        let operation = operation();
        let first = super::create(&api, &operation, true, None, &mut created, &mut diagnostics).await;
        sandbox.fault(Fault::new(Effect::Cut).on("POST", TOKENS));
        let second = super::create(&api, &operation, true, None, &mut created, &mut diagnostics).await;
        assert_ne!(first.unwrap().token.id, second.unwrap().token.id);
        assert_eq!(ids(&sandbox), ["1", "2"]);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
    }
}
