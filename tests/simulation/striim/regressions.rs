//! Histories that once broke a promise, in their shortest form.

use token_providers::sandbox::striim::{Expired, Options, RefusalStatus};
use token_providers::sandbox::{Effect, Fault, When};

use super::declared::{Ends, Lifecycle, OWN, PLACES, Pair, Pat, Token};
use super::history::{Apply, Cut, History, Step};
use super::network::Moment;
use super::terraform::Spelling;
use super::world;
use crate::simulation::speed::Speed;

/// Runs the steps on each kind of platform, with requests that take other times each time.
fn holds(steps: &[Step]) {
    for expired in [Expired::Listed, Expired::Hidden, Expired::Purged] {
        for name_taken in [RefusalStatus::Conflict, RefusalStatus::BadRequest] {
            for seed in 0..3 {
                let platform = Options {
                    expired,
                    name_taken,
                    ..Options::default()
                };
                let steps = steps.to_vec();
                let history = History {
                    seed,
                    platform,
                    skew_minutes: 0,
                    steps,
                };
                if let Err(failure) = world::run(&history, Speed::Simulated) {
                    panic!("{history:?}\n{failure}");
                }
            }
        }
    }
}

fn declare(place: usize, name: &'static str) -> Step {
    let token = Token {
        name,
        description: None,
        ends: Ends::ByDefault,
        trigger: None,
        adopt: false,
        lifecycle: Lifecycle::default(),
    };
    Step::Declare {
        workspace: 0,
        place,
        token: Some(token),
    }
}

fn declare_pair(trigger: u8) -> Step {
    Step::DeclarePair(Some(Pair {
        hours: 24,
        rotate_every: None,
        trigger: Some(trigger),
    }))
}

fn apply() -> Step {
    apply_until(None)
}

fn apply_until(end: Option<(Cut, Moment)>) -> Step {
    Step::Apply(Apply {
        workspace: 0,
        parallelism: 10,
        spelling: Spelling::default(),
        replace: None,
        waits_minutes: 0,
        end,
    })
}

const MONTH: Step = Step::Pass { minutes: 31 * 24 * 60 };

/// The account lived on, and no state knew of it.
#[test]
fn an_answer_in_the_platforms_place_is_not_taken_for_a_revocation() {
    for answer in [Fault::answer(200), Fault::answer(404), Fault::answer(200).body("[{")] {
        let fault = Step::Fault(answer.on("DELETE", "/service-account"));
        holds(&[declare(0, "build"), apply(), fault, declare(0, "deploy"), apply()]);
    }
}

/// A repeated revocation hit the account that another resource had made meanwhile.
#[test]
fn a_name_that_moves_to_another_resource_is_revoked_before_or_not_at_all() {
    holds(&[declare(0, "build"), apply(), declare(1, "build"), apply(), apply()]);
    let lost = Fault::new(Effect::Cut).on("DELETE", "/service-account").after();
    holds(&[
        declare(0, "build"),
        apply(),
        declare(1, "build"),
        Step::Fault(lost),
        apply(),
    ]);
}

/// Its old account had expired and left its name free: the revocation of the one ended the token of the other.
#[test]
fn an_expired_name_that_moves_to_another_resource_is_not_revoked_there() {
    holds(&[declare(0, "build"), apply(), MONTH, declare(1, "build"), apply()]);
}

/// The next run said only that the request was invalid.
#[test]
fn what_a_killed_run_left_behind_is_explained_whatever_status_refuses_its_name() {
    for request in 1..6 {
        for when in [When::Before, When::After] {
            let crash = Some((Cut::Crash, Moment { request, when }));
            holds(&[declare(0, "build"), apply_until(crash)]);
        }
    }
}

/// Its creation had failed half-way; a refresh that did not find it in the list forgot it, and its name was taken for ever.
#[test]
fn what_a_failed_creation_left_behind_is_replaced_also_after_it_has_expired() {
    let lost = Fault::answer(503).on("POST", "/service-account").after();
    let unseen = Fault::answer(403).on("GET", "/service-accounts").skip(2);
    holds(&[
        declare(0, "build"),
        Step::Fault(lost),
        Step::Fault(unseen),
        apply(),
        MONTH,
    ]);
    let moment = |request| Moment {
        request,
        when: When::Before,
    };
    for request in 4..8 {
        let lost = Fault::answer(503).on("POST", "/service-account").after();
        let interrupt = Some((Cut::Interrupt, moment(request)));
        holds(&[
            declare(0, "build"),
            declare(1, "deploy"),
            Step::Fault(lost),
            apply_until(interrupt),
            MONTH,
        ]);
    }
}

/// A refresh that did not find it in the list forgot it, and its name was taken for ever.
#[test]
fn what_a_failed_creation_of_a_pair_left_behind_is_replaced_also_where_it_is_not_listed() {
    for request in 3..6 {
        let moment = Moment {
            request,
            when: When::After,
        };
        let lost = Fault::new(Effect::Cut).on("POST", "/service-account").after();
        holds(&[
            declare_pair(1),
            apply_until(Some((Cut::Crash, moment))),
            MONTH,
            Step::Fault(lost),
            apply(),
        ]);
    }
}

/// The error said to run again, which the provider could not, for it had ended its own token.
#[test]
fn whoever_may_have_lost_the_providers_own_token_is_told() {
    let own = |trigger| Step::Declare {
        workspace: 0,
        place: PLACES - 1,
        token: Some(Token {
            name: OWN,
            description: None,
            ends: Ends::InDays(30),
            trigger: Some(trigger),
            adopt: true,
            lifecycle: Lifecycle::default(),
        }),
    };
    let lost = || Step::Fault(Fault::answer(502).on("POST", "/service-account/rotate").after());
    holds(&[own(1), lost(), apply()]);
    holds(&[own(1), apply(), own(2), lost(), apply()]);
}

/// The name had moved on from a creation that had failed half-way: the revocation of the one ended the token of the other.
#[test]
fn what_a_failed_creation_may_have_left_behind_is_not_revoked_where_its_name_has_moved() {
    for listings in 2..5 {
        let refused = Fault::answer(503).on("POST", "/service-account");
        let unseen = Fault::answer(403).on("GET", "/service-accounts").skip(listings);
        holds(&[
            declare(1, "build"),
            Step::Fault(refused),
            Step::Fault(unseen),
            apply(),
            declare(0, "build"),
            Step::Apply(Apply {
                workspace: 0,
                parallelism: 1,
                spelling: Spelling::default(),
                replace: None,
                waits_minutes: 0,
                end: None,
            }),
        ]);
    }
}

/// The personal access token lived on, and no state knew of it.
#[test]
fn an_answer_in_the_platforms_place_is_not_taken_for_a_revocation_of_a_personal_access_token() {
    let pat = |pat| Step::DeclarePat { user: 0, pat };
    for answer in [Fault::answer(200), Fault::answer(404), Fault::answer(200).body("[{")] {
        let declared = Pat {
            ends: Ends::InDays(30),
            trigger: None,
        };
        let fault = Step::Fault(answer.on("DELETE", "/user-token"));
        holds(&[pat(Some(declared)), apply(), fault, pat(None), apply()]);
    }
}

/// The account lived on, and the state no longer knew of it.
#[test]
fn an_answer_in_the_platforms_place_does_not_forget_one_of_a_pair() {
    let gone = Fault::answer(404).on("POST", "/service-account/rotate");
    holds(&[
        declare_pair(1),
        apply(),
        declare_pair(2),
        apply(),
        declare_pair(3),
        Step::Fault(gone),
        apply(),
    ]);
}
