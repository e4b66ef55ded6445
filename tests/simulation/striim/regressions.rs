//! Scenarios that once violated a promise, in their shortest form.

use token_providers::sandbox::striim::{Expired, Options, RefusalStatus};
use token_providers::sandbox::{Effect, Fault, When};

use super::declared::{Ends, Lifecycle, OWN, PLACES, Pair, Pat, Token};
use super::network::Moment;
use super::scenario::{Apply, Cut, Scenario, Step};
use super::terraform::Spelling;
use super::world;
use crate::simulation::speed::Speed;
use crate::simulation::storage::Storage;
use crate::simulation::vault::{Server, VaultEvent};

/// Runs the steps with each kind of platform, and with different delays.
fn assert_promises(steps: &[Step]) {
    for expired in [Expired::Listed, Expired::Hidden, Expired::Purged] {
        for name_taken in [RefusalStatus::Conflict, RefusalStatus::BadRequest] {
            for seed in 0..3 {
                let platform = Options {
                    expired,
                    name_taken,
                    ..Options::default()
                };
                let steps = steps.to_vec();
                let scenario = Scenario {
                    seed,
                    platform,
                    skew_minutes: 0,
                    steps,
                };
                if let Err(failure) = world::run(&scenario, Speed::Simulated) {
                    panic!("{scenario:?}\n{failure}");
                }
            }
        }
    }
}

/// The storage of a value that is delivered to Vault.
const DELIVERED: Storage = Storage {
    secret: Some(0),
    is_encrypted: false,
};

fn token(name: &'static str) -> Token {
    Token {
        name,
        description: None,
        ends: Ends::ByDefault,
        trigger: None,
        adopt: false,
        lifecycle: Lifecycle::default(),
        storage: Storage::default(),
    }
}

fn declare_token(place: usize, token: Token) -> Step {
    Step::Declare {
        workspace: 0,
        place,
        token: Some(token),
    }
}

fn declare(place: usize, name: &'static str) -> Step {
    declare_token(place, token(name))
}

fn declare_pair(trigger: u8) -> Step {
    Step::DeclarePair(Some(Pair {
        hours: 24,
        rotate_every: None,
        trigger: Some(trigger),
        storage: Storage::default(),
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

fn at_platform(request: u32, when: When) -> Moment {
    Moment {
        server: Server::Platform,
        request,
        when,
    }
}

const MONTH: Step = Step::Pass { minutes: 31 * 24 * 60 };

/// The account became an orphan.
#[test]
fn answer_of_a_gateway_does_not_count_as_revocation() {
    for answer in [Fault::answer(200), Fault::answer(404), Fault::answer(200).body("[{")] {
        let fault = Step::Fault(answer.on("DELETE", "/service-account"));
        assert_promises(&[declare(0, "build"), apply(), fault, declare(0, "deploy"), apply()]);
    }
}

/// A repeated revocation hit the account that another resource had created in the meantime.
#[test]
fn name_that_moves_to_another_resource_is_revoked_first_or_not_at_all() {
    assert_promises(&[declare(0, "build"), apply(), declare(1, "build"), apply(), apply()]);
    let lost = Fault::new(Effect::Cut).on("DELETE", "/service-account").after();
    assert_promises(&[
        declare(0, "build"),
        apply(),
        declare(1, "build"),
        Step::Fault(lost),
        apply(),
    ]);
}

/// The old account had expired, so its name was free: the revocation of one resource revoked the token of the other.
#[test]
fn expired_name_that_moves_to_another_resource_is_not_revoked_there() {
    assert_promises(&[declare(0, "build"), apply(), MONTH, declare(1, "build"), apply()]);
}

/// The next run reported only an invalid request.
#[test]
fn orphan_of_a_killed_run_is_explained_for_every_rejection_of_its_name() {
    for request in 1..6 {
        for when in [When::Before, When::After] {
            let crash = Some((Cut::Crash, at_platform(request, when)));
            assert_promises(&[declare(0, "build"), apply_until(crash)]);
        }
    }
}

/// The creation of the account has failed, and its outcome is unknown. A refresh without it in the list removed it from
/// the state, but its name stayed taken.
#[test]
fn orphan_of_a_failed_creation_is_replaced_after_its_expiry() {
    let lost = Fault::answer(503).on("POST", "/service-account").after();
    let unseen = Fault::answer(403).on("GET", "/service-accounts").skip(2);
    assert_promises(&[
        declare(0, "build"),
        Step::Fault(lost),
        Step::Fault(unseen),
        apply(),
        MONTH,
    ]);
    let moment = |request| at_platform(request, When::Before);
    for request in 4..8 {
        let lost = Fault::answer(503).on("POST", "/service-account").after();
        let interrupt = Some((Cut::Interrupt, moment(request)));
        assert_promises(&[
            declare(0, "build"),
            declare(1, "deploy"),
            Step::Fault(lost),
            apply_until(interrupt),
            MONTH,
        ]);
    }
}

/// A refresh without it in the list removed it from the state, but its name stayed taken.
#[test]
fn unlisted_orphan_of_a_failed_pair_creation_is_replaced() {
    for request in 3..6 {
        let moment = at_platform(request, When::After);
        let lost = Fault::new(Effect::Cut).on("POST", "/service-account").after();
        assert_promises(&[
            declare_pair(1),
            apply_until(Some((Cut::Crash, moment))),
            MONTH,
            Step::Fault(lost),
            apply(),
        ]);
    }
}

/// The error advised to run again, but the provider had revoked its own token.
#[test]
fn possible_loss_of_the_own_token_is_reported() {
    let own = |trigger| {
        let token = Token {
            ends: Ends::InDays(30),
            trigger: Some(trigger),
            adopt: true,
            ..token(OWN)
        };
        declare_token(PLACES - 1, token)
    };
    let lost = || Step::Fault(Fault::answer(502).on("POST", "/service-account/rotate").after());
    assert_promises(&[own(1), lost(), apply()]);
    assert_promises(&[own(1), apply(), own(2), lost(), apply()]);
}

/// The name had moved from a half-failed creation: the revocation of one resource revoked the token of the other.
#[test]
fn possible_orphan_is_not_revoked_after_its_name_moved() {
    for listings in 2..5 {
        let refused = Fault::answer(503).on("POST", "/service-account");
        let unseen = Fault::answer(403).on("GET", "/service-accounts").skip(listings);
        assert_promises(&[
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

/// The personal access token became an orphan.
#[test]
fn answer_of_a_gateway_does_not_count_as_revocation_of_a_personal_access_token() {
    let pat = |pat| Step::DeclarePat { user: 0, pat };
    for answer in [Fault::answer(200), Fault::answer(404), Fault::answer(200).body("[{")] {
        let declared = Pat {
            ends: Ends::InDays(30),
            trigger: None,
            storage: Storage::default(),
        };
        let fault = Step::Fault(answer.on("DELETE", "/user-token"));
        assert_promises(&[pat(Some(declared)), apply(), fault, pat(None), apply()]);
    }
}

/// The account became an orphan.
#[test]
fn answer_of_a_gateway_does_not_remove_an_account_of_a_pair_from_the_state() {
    let gone = Fault::answer(404).on("POST", "/service-account/rotate");
    assert_promises(&[
        declare_pair(1),
        apply(),
        declare_pair(2),
        apply(),
        declare_pair(3),
        Step::Fault(gone),
        apply(),
    ]);
}

/// The plan rotated, because Vault no longer had the value, and its apply did not, because the token had expired meanwhile.
#[test]
fn token_that_expires_between_a_plan_and_its_apply_changes_nothing_in_the_apply() {
    let late = Step::Apply(Apply {
        workspace: 0,
        parallelism: 10,
        spelling: Spelling::default(),
        replace: None,
        waits_minutes: 26 * 60,
        end: None,
    });
    let delivered = declare_token(
        0,
        Token {
            ends: Ends::InDays(1),
            storage: DELIVERED,
            ..token("build")
        },
    );
    assert_promises(&[delivered, apply(), Step::Vault(VaultEvent::DeleteSecret(0)), late]);
}

/// The secret had been deleted and written again, so that its versions had the same numbers: the destruction of one resource
/// deleted the value of the other.
#[test]
fn value_of_another_resource_with_the_same_name_stays_in_vault() {
    let declare = |place, create_before_destroy| {
        let token = Token {
            lifecycle: Lifecycle {
                create_before_destroy,
                ..Lifecycle::default()
            },
            storage: DELIVERED,
            ..token("build")
        };
        declare_token(place, token)
    };
    assert_promises(&[
        declare(1, false),
        apply(),
        MONTH,
        declare(0, true),
        Step::Vault(VaultEvent::DeleteSecret(0)),
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

/// The provider does not overwrite it, so that the state has no value until an operator deletes the secret.
#[test]
fn secret_of_a_pair_that_another_program_overwrites_is_no_lost_token() {
    let pair = Pair {
        hours: 7200,
        rotate_every: None,
        trigger: None,
        storage: DELIVERED,
    };
    let declare = Step::DeclarePair(Some(pair));
    assert_promises(&[declare, apply(), Step::Vault(VaultEvent::Overwrite(0)), apply()]);
}
