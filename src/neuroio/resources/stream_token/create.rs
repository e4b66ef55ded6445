//! Creating tokens so that none is orphaned unreported although an answer may be lost.
//!
//! A token has no name, and a creation takes no idempotency key. What there is: the list, with ids that are not given out
//! twice; and the value, which the platform shows again to whoever knows the id.
//!
//! # Flow
//! - List the tokens of the kind; create. With an answer, that is all.
//! - Lost answer: list again.
//!   - Nothing is new: create again.
//!   - A permanent token is new: an error names it, with how to import or delete it. None is adopted, and no further one is
//!     created, because there may be five only.
//!   - A temporary token is new: create again, a few times at most. It expires within 24 hours.
//! - After a creation that was repeated, list once more: a warning names what is new in addition.
//!
//! # Guarantees
//! - A resource holds a token only if the platform's answer to its own creation, or an import, named it. So no two resources
//!   of any process come to hold the same token by a creation.
//! - Where the platform can be reached within the operation, each token that was created is in the state, or named in a
//!   diagnostic. An interrupt ends the repetitions, but not the list that follows a lost answer.
//!
//! # Assumptions
//! - A creation whose answer was lost has acted by the last list that follows it, or never will.
//!
//! # What cannot be proved
//! Who created a token that is new. Terraform starts a process per `provider` block, so another resource of the same run may
//! have created it, as well as any other client. Two that lose an answer at the same moment both find the one token that
//! came of it. So a new token is reported and never adopted: adopted by two, the first deletion would revoke the other's.
//!
//! A token created by a run that was killed before its state was written looks like any other. A temporary one expires within
//! 24 hours. A permanent one stays, and is shown by `terraform query`, by `data.neuroio_stream_tokens`, and by the plan that
//! finds the limit used up.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::framework::{Diagnostic, Diagnostics};
use crate::neuroio::api::{Api, Issued, StreamToken, TokenId};
use crate::neuroio::errors::failure;
use crate::neuroio::quota;
use crate::rest::{Error, Operation};

/// How many creations of a temporary token may be repeated although a token is new: each may leave one that expires unused.
const UNPROVEN_REPEATS: u32 = 2;

/// How long to wait before the list after the `n`th lost answer, counted from 0: long enough for what is still under way to
/// come about. Repeated too early, it creates two tokens.
fn pause(n: u32) -> Duration {
    Duration::from_secs(5 << n.min(3))
}

/// Creates a token. To be called by one at a time.
///
/// # Errors
/// Why there is none, with the tokens that may be orphans of it.
pub(in crate::neuroio) async fn create(
    api: &Api,
    operation: &Operation,
    permanent: bool,
    diagnostics: &mut Diagnostics,
) -> Result<Issued, Diagnostic> {
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
                    let seen = list_after(api, operation, permanent, lost).await;
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
        let found: Vec<_> = match list_after(api, operation, permanent, lost).await {
            Ok(tokens) => tokens.into_iter().filter(is_new).collect(),
            Err(unseen) => return Err(unknown(&error, &unseen, permanent)),
        };
        let may_repeat = found.is_empty() || (!permanent && lost < UNPROVEN_REPEATS);
        if !error.is_ambiguous() {
            let mut why = refused(api, operation, permanent, &error).await;
            if !found.is_empty() {
                why.detail.push_str(&format!("\n\n{}", orphans(&found, permanent)));
            }
            return Err(why);
        }
        if !may_repeat {
            return Err(unproven(&error, &found, permanent));
        }
        if operation.cancellation.is_cancelled() || operation.remaining().is_zero() {
            return Err(if found.is_empty() {
                failure(&error)
            } else {
                unproven(&error, &found, permanent)
            });
        }
        tracing::warn!("{error}; {} tokens are new: trying again", found.len());
        lost += 1;
    }
}

/// Waits a little and lists the tokens. An interrupt does not stop this: what was created would be an orphan.
async fn list_after(api: &Api, operation: &Operation, permanent: bool, lost: u32) -> Result<Vec<StreamToken>, Error> {
    let detached = operation.detached();
    // If it is over, one more request is tried all the same.
    let _ = detached.pause(pause(lost)).await;
    api.list(&detached, Some(permanent)).await
}

/// A creation that the platform refused.
async fn refused(api: &Api, operation: &Operation, permanent: bool, error: &Error) -> Diagnostic {
    let mut why = failure(error);
    if permanent && error.status().is_some_and(|status| status.is_client_error()) {
        let present = api.list(operation, Some(true)).await.unwrap_or_default();
        if let Some(exhausted) = quota::exhausted(&present) {
            why.detail.push_str(&format!("\n\n{exhausted}"));
            why = why.on("permanent");
        }
    }
    why
}

fn unknown(error: &Error, unseen: &Error, permanent: bool) -> Diagnostic {
    let mut why = failure(error);
    let what_to_do = if permanent {
        "If it has, there is a permanent token that Terraform does not know. Before the next apply, look it up with the data \
         source `neuroio_stream_tokens`, and import or delete it."
    } else {
        "If it has, there is a temporary token that Terraform does not know; it expires within 24 hours."
    };
    why.detail.push_str(&format!(
        " Whether it has could not be found out: {}. {what_to_do}",
        unseen.kind()
    ));
    why
}

/// The answer was lost, and what is new cannot be proved to come of the creation.
fn unproven(error: &Error, found: &[StreamToken], permanent: bool) -> Diagnostic {
    Diagnostic::error(
        format!("Could not {}", error.action()),
        format!("The answer was lost: {}. {}", error.kind(), orphans(found, permanent)),
    )
}

/// Which tokens may be orphans, and what to do about them.
fn orphans(found: &[StreamToken], permanent: bool) -> String {
    let expiry = if permanent {
        ""
    } else {
        " Temporary tokens expire within 24 hours by themselves."
    };
    let [first, ..] = found else { return String::new() };
    format!(
        "New since just before it:{}\n\nThe platform does not record who created a token, so another client or another \
         `provider` block of this run may have created it, and it was not adopted. If none of them did, import it and apply \
         again:\n\n  import {{\n    to = neuroio_stream_token.<label>\n    id = \"{}\"\n  }}\n\nor delete it, in NeuroIO's \
         console or with `DELETE /v1/streams/tokens/{}/`, and apply again.{expiry}",
        quota::list(found),
        first.id,
        first.id
    )
}

/// The warning after a creation that was repeated, with what is new in addition to its token.
fn late(others: Result<Vec<StreamToken>, Error>) -> Option<Diagnostic> {
    let found = match others {
        Ok(others) if others.is_empty() => return None,
        Ok(others) => format!(
            "In addition to the token that it created, these are new:{}",
            quota::list(&others)
        ),
        Err(unseen) => format!(
            "Whether another token came of it could not be found out: {}.",
            unseen.kind()
        ),
    };
    Some(Diagnostic::warning(
        "A lost creation may have created a token after all",
        format!(
            "The answer to a creation was lost, so it was repeated. {found}\n\nIf there is one that no other client has created, \
             delete it; the data source `neuroio_stream_tokens` lists all."
        ),
    ))
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
    const ANOTHER: &str = r#"{"is_active": true}"#;

    fn ids(sandbox: &Sandbox) -> Vec<String> {
        let tokens = sandbox.tokens(&Realm::Account);
        tokens.iter().map(|token| token.id.to_string()).collect()
    }

    fn acted(fault: &Fault) -> bool {
        fault.when == When::After || fault.effect == Effect::Truncate
    }

    #[tokio::test(start_paused = true)]
    async fn creation_that_did_not_act_is_repeated() {
        for permanent in [true, false] {
            for (creations, lists) in [(1, 0), (2, 0), (3, 0), (1, 2)] {
                for fault in lost_answers(ANOTHER).into_iter().filter(|fault| !acted(fault)) {
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
    async fn permanent_token_of_a_lost_answer_is_reported_and_not_adopted() {
        for fault in lost_answers(ANOTHER).into_iter().filter(acted) {
            let sandbox = sandbox(Options::default());
            sandbox.add_token(&Realm::Account, true);
            sandbox.fault(fault.clone().on("POST", TOKENS));
            let mut diagnostics = Diagnostics::default();
            let why = create(&api(&sandbox), &operation(), true, &mut diagnostics)
                .await
                .unwrap_err();
            for phrase in ["\n  - 2, made at ", "id = \"2\"", "DELETE /v1/streams/tokens/2/"] {
                assert!(why.detail.contains(phrase), "{fault:?}: {why}");
            }
            assert_eq!(
                ids(&sandbox),
                ["1", "2"],
                "none is deleted, and no further one is created: {fault:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn temporary_token_of_a_lost_answer_is_reported_and_another_one_is_created() {
        for fault in lost_answers(ANOTHER).into_iter().filter(acted) {
            let sandbox = sandbox(Options::default());
            sandbox.fault(fault.clone().on("POST", TOKENS));
            let mut diagnostics = Diagnostics::default();
            let issued = create(&api(&sandbox), &operation(), false, &mut diagnostics)
                .await
                .unwrap();
            assert_eq!(issued.token.id.to_string(), "2", "{fault:?}");
            let warnings: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
            assert!(
                warnings.len() == 1 && warnings[0].contains("\n  - 1, made at "),
                "{warnings:?}"
            );

            // Not for ever.
            sandbox.fault(fault.clone().on("POST", TOKENS).times(1_000));
            let why = create(&api(&sandbox), &operation(), false, &mut diagnostics)
                .await
                .unwrap_err();
            assert!(why.detail.contains("expire within 24 hours"), "{why}");
            assert_eq!(ids(&sandbox).len(), 2 + 3, "{fault:?}");
        }
    }

    /// Terraform starts a process for each `provider` block, so no lock covers both.
    #[tokio::test(start_paused = true)]
    async fn two_provider_blocks_with_one_lost_creation_never_hold_the_same_token() {
        for permanent in [true, false] {
            for fault in lost_answers(ANOTHER) {
                for skip in 0..2 {
                    let sandbox = sandbox(Options::default());
                    sandbox.fault(fault.clone().on("POST", TOKENS).skip(skip));
                    let (one, other) = (api(&sandbox), api(&sandbox));
                    let (one_operation, other_operation) = (operation(), operation());
                    let (mut told, mut told_other) = (Diagnostics::default(), Diagnostics::default());
                    let (one, other) = tokio::join!(
                        create(&one, &one_operation, permanent, &mut told),
                        create(&other, &other_operation, permanent, &mut told_other)
                    );
                    if let (Ok(one), Ok(other)) = (&one, &other) {
                        assert_ne!(one.token.id, other.token.id, "{fault:?}");
                    }
                    let held: Vec<_> = [&one, &other]
                        .into_iter()
                        .flatten()
                        .map(|issued| issued.token.id)
                        .collect();
                    let reports: Vec<_> = told.iter().chain(told_other.iter()).map(ToString::to_string).collect();
                    let errors = [&one, &other].into_iter().filter_map(|made| made.as_ref().err());
                    let reports: Vec<_> = reports.into_iter().chain(errors.map(ToString::to_string)).collect();
                    for id in ids(&sandbox) {
                        let is_held = held.iter().any(|held| held.to_string() == id);
                        let is_reported = reports.iter().any(|report| report.contains(&format!("\n  - {id}")));
                        assert!(
                            is_held || is_reported,
                            "{fault:?}: the token {id} is an orphan that no one reports"
                        );
                    }
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn token_of_the_other_kind_does_not_end_the_repetition() {
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
    async fn create_reports_an_orphan_that_could_not_be_seen() {
        for fault in lost_answers(ANOTHER) {
            let sandbox = sandbox(Options::default());
            sandbox.fault(fault.clone().on("POST", TOKENS));
            sandbox.fault(Fault::answer(503).on("GET", TOKENS).skip(1).times(1_000));
            let mut diagnostics = Diagnostics::default();
            let why = create(&api(&sandbox), &operation(), true, &mut diagnostics)
                .await
                .unwrap_err();
            assert!(why.detail.contains("could not be found out"), "{why}");
        }
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
        assert!(made.unwrap_err().detail.contains("\n  - 1, made at "));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_at_the_limit_names_what_uses_it_up() {
        for limit_reached in [400, 403, 409] {
            let sandbox = sandbox(Options {
                limit_reached: http::StatusCode::from_u16(limit_reached).unwrap(),
                ..Options::default()
            });
            (0..5).for_each(|_| drop(sandbox.add_token(&Realm::Account, true)));
            let mut diagnostics = Diagnostics::default();
            let told = create(&api(&sandbox), &operation(), true, &mut diagnostics)
                .await
                .unwrap_err();
            assert!(
                told.detail.contains("may have 5 permanent tokens") && told.detail.contains("\n  - 5"),
                "{told}"
            );
        }
    }
}
