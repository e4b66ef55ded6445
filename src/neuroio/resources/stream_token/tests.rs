//! Runs of a single `neuroio_stream_token` against the sandbox, under tokio's paused clock.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::rotation_policy::RotationPolicy;
use super::*;
use crate::framework::testing::{Action, Run, RunOptions, SingleResource};
use crate::framework::{Model, Severity, Value};
use crate::neuroio::provider::NeuroIo;
use crate::neuroio::tests::{option_variants, path, provider, provider_with, sandbox};
use crate::platform::age_recipients::AgeRecipients;
use crate::platform::encryption::decrypt;
use crate::platform::testing::age_key;
use crate::sandbox::neuroio::{Options, Realm, Sandbox};
use crate::sandbox::{Effect, Fault};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TOKENS: &str = "/streams/tokens/";

/// A configuration with one stream token, and the sandbox.
struct World {
    sandbox: Sandbox,
    provider: Box<dyn Fn() -> NeuroIo>,
    resource: SingleResource,
}

impl World {
    fn new(options: Options) -> Self {
        let sandbox = sandbox(options);
        Self::with(provider(&sandbox), sandbox)
    }

    fn with(provider: impl Fn() -> NeuroIo + 'static, sandbox: Sandbox) -> Self {
        Self {
            sandbox,
            provider: Box::new(provider),
            resource: SingleResource::new(StreamTokenResource::TYPE),
        }
    }

    /// Creates the token by an apply.
    async fn created(mut self, config: &StreamToken) -> Self {
        self.apply(config).await.plans(Action::Create).reports_nothing();
        self
    }

    async fn plan(&mut self, config: &StreamToken) -> Run {
        self.resource.plan(&self.provider, Some(config)).await
    }

    async fn apply(&mut self, config: &StreamToken) -> Run {
        self.resource.apply(&self.provider, Some(config)).await
    }

    async fn refresh(&mut self) -> Run {
        self.resource.refresh(&self.provider).await
    }

    async fn destroy(&mut self) -> Run {
        self.resource.destroy(&self.provider).await
    }

    async fn destroy_without_refresh(&mut self) -> Run {
        let options = RunOptions {
            skip_refresh: true,
            ..RunOptions::default()
        };
        let destroyed = self.resource.apply_with::<StreamToken>(&self.provider, None, &options);
        destroyed.await
    }

    async fn import(&mut self, id: &str) -> Run {
        self.resource.import(&self.provider, id).await
    }

    /// Asserts that an apply changes nothing and reports nothing.
    async fn assert_stable(&mut self, config: &StreamToken) {
        let before = format!("{:?}", self.state());
        self.apply(config).await.changes_nothing().reports_nothing();
        assert_eq!(format!("{:?}", self.state()), before);
    }

    #[track_caller]
    fn state(&self) -> StreamToken {
        self.resource.state().expect("it exists")
    }

    /// Returns the ids of the account's tokens.
    fn ids(&self) -> Vec<u64> {
        let tokens = self.sandbox.tokens(&Realm::Account);
        tokens.iter().map(|token| token.id).collect()
    }

    fn accepts(&self, state: &StreamToken) -> bool {
        let key = state.value.key.known().map_or("", ExposeSecret::expose_secret);
        self.sandbox.is_live(key)
    }
}

fn token(permanent: bool) -> StreamToken {
    StreamToken {
        permanent: permanent.into(),
        ..StreamToken::default()
    }
}

/// Returns the id in the state.
fn id(state: &StreamToken) -> u64 {
    state.id.known().unwrap().parse().unwrap()
}

/// Declares a token with a trigger and an overlap; an empty text is null.
fn released(permanent: bool, release: &str, overlap: &str) -> StreamToken {
    let triggers = BTreeMap::from([("release".to_owned(), release.into())]);
    StreamToken {
        rotation: RotationPolicy {
            rotation_triggers: triggers.into(),
            overlap: Some(overlap.to_owned()).filter(|text| !text.is_empty()).into(),
            ..RotationPolicy::default()
        },
        ..token(permanent)
    }
}

fn inactive(permanent: bool) -> StreamToken {
    StreamToken {
        is_active: false.into(),
        ..token(permanent)
    }
}

#[tokio::test(start_paused = true)]
async fn token_lifecycle_works_with_every_answer_shape() {
    for options in option_variants() {
        for permanent in [true, false] {
            let mut world = World::new(options.clone()).created(&token(permanent)).await;
            let state = world.state();
            assert!(
                world.accepts(&state) && state.expires_at.is_null() == permanent,
                "{options:?}"
            );
            world.assert_stable(&token(permanent)).await;

            world.apply(&inactive(permanent)).await.plans(Action::Update);
            assert!(!world.accepts(&state), "{options:?}");
            world.assert_stable(&inactive(permanent)).await;
            world.apply(&token(permanent)).await.plans(Action::Update);
            assert!(world.accepts(&state), "{options:?}");

            let mut imported = World::with(provider(&world.sandbox), world.sandbox.clone());
            imported.import(state.id.known().unwrap()).await.succeeds();
            let read = StreamToken {
                generation: state.generation,
                ..imported.state()
            };
            assert_eq!(format!("{read:?}"), format!("{state:?}"), "{options:?}");
            assert!(world.accepts(&imported.state()), "an import includes the value");
            imported.assert_stable(&token(permanent)).await;

            world.destroy().await.succeeds();
            assert!(
                world.resource.object().is_none() && !world.accepts(&state),
                "{options:?}"
            );
            // The token is already gone.
            imported.destroy_without_refresh().await.succeeds();
            assert!(imported.resource.object().is_none(), "{options:?}");
            assert_eq!(world.sandbox.calls("DELETE", "/streams/tokens/"), 0);
            assert_eq!(world.sandbox.calls("DELETE", "/streams/tokens//"), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn expired_temporary_token_is_rotated_and_the_plan_warns() {
    for options in option_variants() {
        let mut world = World::new(options).created(&token(false)).await;
        let first = world.state();
        tokio::time::advance(HOUR * 18 - SECOND).await;
        world.assert_stable(&token(false)).await;
        tokio::time::advance(SECOND).await;
        let run = world.apply(&token(false)).await.changes_nothing();
        run.warns("expires in 6 hours").warns("Set `rotate_before`");
        let run = world.plan(&inactive(false)).await;
        assert!(!run.reports(Severity::Warning, "expires in"), "{run:?}");

        tokio::time::advance(HOUR * 6).await;
        let run = world.plan(&token(false)).await.plans(Action::Update);
        let planned = StreamToken::from_value(&run.planned).unwrap();
        assert!(planned.expires_at.is_unknown() && planned.value.key.is_unknown());
        run.warns("it expired at");

        world.apply(&token(false)).await.succeeds();
        let state = world.state();
        assert!(world.accepts(&state) && !world.accepts(&first));
        assert_eq!(world.ids(), [id(&state)], "the expired token is deleted");
    }
}

#[tokio::test(start_paused = true)]
async fn change_of_permanent_replaces_the_token() {
    let mut world = World::new(Options::default()).created(&token(false)).await;
    world.apply(&token(true)).await.plans(Action::Replace);
    assert!(world.state().expires_at.is_null());
}

#[tokio::test(start_paused = true)]
async fn permanent_token_is_not_replaced_after_its_reported_expiry() {
    for options in option_variants() {
        let mut world = World::new(options).created(&token(true)).await;
        tokio::time::advance(DAY * 1_000).await;
        world.assert_stable(&token(true)).await;
        assert!(world.accepts(&world.state()));
    }
}

#[tokio::test(start_paused = true)]
async fn refresh_detects_drift_and_deletion() {
    let mut world = World::new(Options::default()).created(&token(true)).await;
    let state = world.state();
    let id = state.id.known().unwrap().parse().unwrap();
    world.sandbox.set_active_outside(id, false);
    world.refresh().await.succeeds();
    assert_eq!(world.state().is_active, Field::Known(false));
    let run = world.apply(&token(true)).await.plans(Action::Update);
    assert_eq!(
        StreamToken::from_value(&run.planned).unwrap().is_active,
        Field::Known(true)
    );
    assert!(world.accepts(&state));

    world.sandbox.delete_outside(id);
    world.refresh().await.succeeds().warns("was deleted outside Terraform");
    assert!(world.resource.object().is_none());
}

#[tokio::test(start_paused = true)]
async fn refresh_changes_nothing_after_a_creation_whose_answer_lacks_times() {
    for permanent in [true, false] {
        let options = Options {
            creation_returns_times: false,
            ..Options::default()
        };
        let mut world = World::new(options).created(&token(permanent)).await;
        assert!(world.state().created_at.known().is_some());
        world.assert_stable(&token(permanent)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn refresh_removes_a_token_only_if_the_list_lacks_it() {
    let mut world = World::new(Options::default()).created(&token(true)).await;
    let token_path = path(&world.sandbox.tokens(&Realm::Account)[0]);
    for (answer, fails) in [
        (Fault::answer(401), true),
        (Fault::answer(403), true),
        (Fault::answer(404), false),
        (
            Fault::answer(404)
                .header("content-type", "text/html")
                .body("<html>Not found"),
            true,
        ),
        (Fault::answer(500), true),
        (Fault::answer(200).body("{}"), true),
    ] {
        world.sandbox.fault(answer.clone().on("GET", &token_path).times(100));
        let run = world.refresh().await;
        assert!(world.resource.object().is_some(), "{answer:?}");
        assert_eq!(run.diagnostics.len(), usize::from(fails), "{answer:?}: {run:?}");
        world.sandbox.clear_faults();
    }
    // The token was deleted, but the list cannot be read.
    world.sandbox.delete_outside(1);
    world
        .sandbox
        .fault(Fault::answer(503).on("GET", "/streams/tokens/").times(100));
    world.refresh().await.fails("503");
    assert!(world.resource.object().is_some());
}

#[tokio::test(start_paused = true)]
async fn failed_deactivation_keeps_the_created_token_in_the_state() {
    let mut world = World::new(Options::default());
    world
        .sandbox
        .fault(Fault::answer(503).on("PATCH", "/streams/tokens/1/").times(100));
    let run = world.apply(&inactive(true)).await;
    run.fails("Could not deactivate the stream token 1");
    let state = world.state();
    assert!(world.accepts(&state) && state.is_active == Field::Known(true));
}

#[tokio::test(start_paused = true)]
async fn token_of_lost_creation_is_not_in_the_state_and_can_be_imported() {
    let mut world = World::new(Options::default());
    world
        .sandbox
        .fault(Fault::new(Effect::Cut).after().on("POST", "/streams/tokens/"));
    world.apply(&token(true)).await.fails("id = \"1\"");
    assert!(world.resource.object().is_none());
    world.import("1").await.succeeds();
    assert!(world.accepts(&world.state()));
    world.assert_stable(&token(true)).await;
}

#[tokio::test(start_paused = true)]
async fn update_reports_a_change_without_effect() {
    let mut world = World::new(Options::default()).created(&token(true)).await;
    world
        .sandbox
        .fault(Fault::answer(200).on("PATCH", "/streams/tokens/1/"));
    world.apply(&inactive(true)).await.fails("did not change");
    assert_eq!(world.state().is_active, Field::Known(true));
}

#[tokio::test(start_paused = true)]
async fn plan_warns_if_it_exceeds_the_limit() {
    let mut world = World::new(Options::default());
    (0..5).for_each(|_| drop(world.sandbox.add_token(&Realm::Account, true)));
    world.plan(&token(true)).await.warns("exceeds the limit");
    // Temporary tokens have no limit.
    world.plan(&token(false)).await.reports_nothing();
}

#[tokio::test(start_paused = true)]
async fn import_rejects_values_and_empty_ids() {
    let mut world = World::new(Options::default());
    let key = world.sandbox.add_token(&Realm::Account, true).key;
    for id in [key.expose_secret(), "", "/", "..", "1/", "*"] {
        let run = world.import(id).await;
        assert!(
            world.resource.object().is_none() && run.diagnostics.len() == 1,
            "{run:?}"
        );
        assert!(!run.reports(Severity::Error, key.expose_secret()));
    }
    world.import("2").await.fails("404");
}

#[tokio::test(start_paused = true)]
async fn destroy_without_an_id_in_the_state_fails() {
    let mut world = World::new(Options::default()).created(&token(true)).await;
    let state = StreamToken {
        id: "".into(),
        ..world.state()
    };
    world.resource.set_state(state);
    world.destroy_without_refresh().await.fails("Invalid id in the state");
    assert!(world.resource.object().is_some());
    assert_eq!(world.sandbox.tokens(&Realm::Account).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn providers_own_token_is_neither_deactivated_nor_deleted() {
    let sandbox = sandbox(Options::default());
    let own = sandbox.add_token(&Realm::Account, true);
    let mut world = World::with(provider_with(&sandbox, &own.key), sandbox);
    world.import(&own.id.to_string()).await.succeeds();
    world
        .apply(&inactive(true))
        .await
        .fails("Cannot deactivate the provider's own API token");
    world
        .destroy()
        .await
        .fails("Cannot delete the provider's own API token");
    assert!(world.accepts(&world.state()));
}

#[tokio::test(start_paused = true)]
async fn tokens_of_another_space_are_not_accessible() {
    let sandbox = sandbox(Options::default());
    let space = Realm::Space("lobby".to_owned());
    let account_token = sandbox.add_token(&Realm::Account, true);
    let mut world = World::with(provider_with(&sandbox, &sandbox.add_api_token(&space)), sandbox);
    let run = world.import(&account_token.id.to_string()).await;
    run.fails("another account or space");
    world.apply(&token(true)).await.succeeds();
    assert_eq!(world.sandbox.tokens(&space).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn refresh_at_another_address_does_not_remove_a_missing_token() {
    let mut world = World::new(Options::default()).created(&token(true)).await;
    world.sandbox.delete_outside(1);
    world
        .resource
        .set_provider(json!({ "base_url": "http://127.0.0.1:8080/v1" }));
    world.refresh().await.fails("is in another account");
    assert!(world.resource.object().is_some());

    world.resource.set_provider(json!({}));
    world.refresh().await.succeeds().warns("was deleted outside Terraform");
    assert!(world.resource.object().is_none());
}

#[tokio::test(start_paused = true)]
async fn rejected_api_token_is_reported_with_its_variable() {
    let sandbox = sandbox(Options::default());
    let unknown = SecretString::from("unknown");
    let mut world = World::with(provider_with(&sandbox, &unknown), sandbox);
    let run = world.apply(&token(true)).await;
    run.fails("NEUROIO_API_TOKEN").fails("may be mistyped");
    assert!(world.sandbox.tokens(&Realm::Account).is_empty());
}

#[tokio::test(start_paused = true)]
async fn unconfigured_provider_leaves_state_and_token_unchanged() {
    let mut world = World::new(Options::default()).created(&token(true)).await;
    let state = format!("{:?}", world.state());
    let unknown = [("api_token".to_owned(), Value::Unknown)];
    world.resource.set_provider(Value::Map(unknown.into()));
    world.refresh().await.succeeds();
    assert_eq!(format!("{:?}", world.state()), state);
    world.destroy().await.fails("`api_token`");
    assert_eq!(format!("{:?}", world.state()), state);
    world.resource.set_provider(json!({}));
    world.assert_stable(&token(true)).await;
}

#[tokio::test(start_paused = true)]
async fn saved_plan_applied_after_the_expiry_does_not_rotate_the_token() {
    let mut world = World::new(Options::default()).created(&token(false)).await;
    let first = world.state();
    let plan = world.resource.save_plan(&world.provider, Some(&inactive(false))).await;
    tokio::time::advance(DAY * 2).await;
    let run = world.resource.apply_saved(&world.provider, &plan).await;
    run.warns("is due, and the next run changes it");
    assert_eq!(world.state().id, first.id);
    world.apply(&token(false)).await.succeeds();
    assert_ne!(world.state().id, first.id);
    world.assert_stable(&token(false)).await;
}

#[tokio::test(start_paused = true)]
async fn changed_trigger_rotates_and_the_plan_shows_the_reason_and_the_generation() {
    for options in option_variants() {
        for permanent in [true, false] {
            let mut world = World::new(options.clone()).created(&released(permanent, "1", "")).await;
            let first = world.state();
            world.assert_stable(&released(permanent, "1", "")).await;
            let run = world.plan(&released(permanent, "2", "")).await.plans(Action::Update);
            let planned = StreamToken::from_value(&run.planned).unwrap();
            assert_eq!(planned.generation, generation::next(&first.generation));
            assert!(planned.id.is_unknown() && planned.value.key.is_unknown() && planned.created_at.is_unknown());
            assert_eq!(planned.expires_at.is_null(), permanent);
            run.warns("will be rotated")
                .warns("rotation_triggers.release changed")
                .warns("is deleted in the same apply");

            world.apply(&released(permanent, "2", "")).await.succeeds();
            let second = world.state();
            assert!(world.accepts(&second) && !world.accepts(&first), "{options:?}");
            assert_eq!(world.ids(), [id(&second)]);
            assert_eq!(second.generation, generation::next(&first.generation));
            world.assert_stable(&released(permanent, "2", "")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn temporary_token_with_rotate_before_never_expires_while_it_is_applied() {
    let config = StreamToken {
        rotation: RotationPolicy {
            rotate_before: "8h".to_owned().into(),
            overlap: "2h".to_owned().into(),
            ..RotationPolicy::default()
        },
        ..token(false)
    };
    let mut world = World::new(Options::default()).created(&config).await;
    let first = world.state();
    let mut rotations = 0;
    for hour in 1..=72 {
        tokio::time::advance(HOUR).await;
        let before = world.state();
        let run = world.apply(&config).await.succeeds();
        assert!(world.accepts(&world.state()), "after {hour} hours");
        if world.state().id != before.id {
            rotations += 1;
            assert!(world.accepts(&before), "the previous one is valid for the overlap");
            assert!(
                run.reports(Severity::Warning, "within rotate_before = 8 hours"),
                "{run:?}"
            );
        }
        assert!(world.ids().len() <= 2);
    }
    assert_eq!(rotations, 4, "every 16 hours");
    assert_eq!(
        world.state().generation.known().unwrap() - first.generation.known().unwrap(),
        4
    );
}

#[tokio::test(start_paused = true)]
async fn overlap_keeps_the_previous_token_until_it_has_passed() {
    for options in option_variants() {
        for permanent in [true, false] {
            let config = |release| released(permanent, release, "2h");
            let mut world = World::new(options.clone()).created(&config("1")).await;
            let first = world.state();
            let run = world.plan(&config("2")).await;
            let planned = StreamToken::from_value(&run.planned).unwrap();
            assert_eq!(planned.previous.previous_id, first.id);
            run.warns("remains valid for `overlap` = 2h,");
            world.apply(&config("2")).await.succeeds();
            let second = world.state();
            assert_eq!(second.previous.previous_id, first.id);
            assert!(world.accepts(&first) && world.accepts(&second), "{options:?}");
            world.assert_stable(&config("2")).await;
            tokio::time::advance(HOUR * 2 - SECOND).await;
            world.assert_stable(&config("2")).await;

            tokio::time::advance(SECOND).await;
            let run = world.apply(&config("2")).await.plans(Action::Update);
            run.warns("the previous token will be deleted");
            assert!(!world.accepts(&first) && world.accepts(&second), "{options:?}");
            let state = world.state();
            assert!(state.previous.previous_id.is_null() && state.previous.previous_ends_at.is_null());
            assert_eq!((state.id, state.generation), (second.id, second.generation));
            world.assert_stable(&config("2")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn overlap_is_cut_short_by_its_removal_by_deactivation_and_by_another_rotation() {
    let config = |release| released(true, release, "2h");
    let deactivated = StreamToken {
        is_active: false.into(),
        ..config("2")
    };
    for (case, declared, remaining) in [
        ("overlap removed", released(true, "2", ""), 1),
        ("deactivated", deactivated, 1),
        ("rotated again", config("3"), 2),
        ("replaced", released(false, "2", "2h"), 1),
    ] {
        let mut world = World::new(Options::default()).created(&config("1")).await;
        let first = world.state();
        world.apply(&config("2")).await.succeeds();
        let run = world.apply(&declared).await.succeeds();
        let announced = run.reports(Severity::Warning, "will be deleted");
        assert_eq!(announced, case != "replaced", "{case}");
        assert!(!world.accepts(&first), "{case}");
        assert_eq!(world.ids().len(), remaining, "{case}");
        assert_eq!(world.accepts(&world.state()), case != "deactivated", "{case}");
        world.assert_stable(&declared).await;
        world.destroy().await.succeeds();
        assert!(world.ids().is_empty(), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn rotation_of_a_deactivated_token_leaves_no_valid_token() {
    let declared = |release| StreamToken {
        is_active: false.into(),
        ..released(true, release, "2h")
    };
    let mut world = World::new(Options::default()).created(&declared("1")).await;
    let first = world.state();
    world.apply(&declared("2")).await.succeeds();
    let second = world.state();
    assert_ne!(first.id, second.id);
    assert!(!world.accepts(&first) && !world.accepts(&second));
    assert_eq!(world.ids(), [id(&second)]);
    world.assert_stable(&declared("2")).await;
    // Activated, rotated and deactivated in one plan.
    world.apply(&released(true, "2", "2h")).await.succeeds();
    world.apply(&declared("3")).await.succeeds();
    assert!(!world.accepts(&second) && !world.accepts(&world.state()));
    assert_eq!(world.ids().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn failed_rotation_leaves_the_current_token_valid_and_in_the_state() {
    for (fault, phrase) in [
        (Fault::answer(400), "400"),
        (Fault::answer(403), "403"),
        (Fault::new(Effect::Cut).after(), "\n  - 2, created at"),
        (Fault::new(Effect::Cut), "Could not create a stream token"),
    ] {
        let mut world = World::new(Options::default()).created(&released(true, "1", "")).await;
        let first = world.state();
        world.sandbox.fault(fault.clone().on("POST", TOKENS).times(1_000));
        let run = world.apply(&released(true, "2", "")).await;
        run.fails(phrase).fails("The current token, 1, did not change");
        assert!(world.sandbox.calls("POST", TOKENS) < 15, "{fault:?}");
        assert_eq!(format!("{:?}", world.state()), format!("{first:?}"), "{fault:?}");
        assert!(world.accepts(&first), "{fault:?}");
        world.sandbox.clear_faults();
        world.apply(&released(true, "2", "")).await.succeeds();
        assert!(world.accepts(&world.state()) && !world.accepts(&first), "{fault:?}");
        world.assert_stable(&released(true, "2", "")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answer_of_a_temporary_rotation_is_repeated_and_the_orphan_is_named() {
    let mut world = World::new(Options::default()).created(&released(false, "1", "")).await;
    world.sandbox.fault(Fault::new(Effect::Cut).after().on("POST", TOKENS));
    let run = world.apply(&released(false, "2", "")).await.succeeds();
    run.warns("\n  - 2, created at");
    assert_eq!(world.ids(), [2, 3]);
    assert!(world.accepts(&world.state()));
}

#[tokio::test(start_paused = true)]
async fn predecessor_that_cannot_be_deleted_stays_in_the_state_until_it_is() {
    for answer in [Fault::answer(403), Fault::answer(204)] {
        let mut world = World::new(Options::default()).created(&released(true, "1", "")).await;
        let first = world.state();
        world
            .sandbox
            .fault(answer.on("DELETE", "/streams/tokens/1/").times(100));
        let run = world.apply(&released(true, "2", "")).await.succeeds();
        run.warns("the previous token could not be deleted");
        let second = world.state();
        assert_eq!(second.previous.previous_id, first.id);
        assert!(second.previous.previous_ends_at.is_null());
        let run = world.apply(&released(true, "2", "")).await;
        assert!(
            run.diagnostics.iter().any(|shown| shown.severity == Severity::Error),
            "{run:?}"
        );
        assert_eq!(world.state().previous.previous_id, first.id);
        world.sandbox.clear_faults();
        world.apply(&released(true, "2", "")).await.succeeds();
        assert!(world.state().previous.previous_id.is_null() && !world.accepts(&first));
        assert!(world.accepts(&second));
        world.assert_stable(&released(true, "2", "")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rotation_at_the_limit_is_announced_and_rejected_before_anything_changes() {
    let mut world = World::new(Options::default()).created(&released(true, "1", "")).await;
    let first = world.state();
    (0..3).for_each(|_| drop(world.sandbox.add_token(&Realm::Account, true)));
    let run = world.plan(&released(true, "2", "")).await;
    assert!(
        !run.reports(Severity::Warning, "the limit of permanent tokens"),
        "{run:?}"
    );

    world.sandbox.add_token(&Realm::Account, true);
    let run = world.plan(&released(true, "2", "")).await;
    run.warns("exceeds the limit of permanent tokens")
        .warns("creates 0, rotates 1 and deletes 0")
        .warns("-replace");
    let run = world.apply(&released(true, "2", "")).await;
    run.fails("may have 5 permanent tokens")
        .fails("-replace")
        .fails("The current token, 1, did not change");
    assert_eq!(format!("{:?}", world.state()), format!("{first:?}"));
    assert!(world.accepts(&first) && world.ids().len() == 5);

    world
        .resource
        .replace(&world.provider, &released(true, "2", ""))
        .await
        .succeeds();
    assert!(world.accepts(&world.state()) && !world.accepts(&first));
}

#[tokio::test(start_paused = true)]
async fn rotation_of_the_providers_own_token_continues_with_the_new_one() {
    for overlap in ["", "2h"] {
        let sandbox = sandbox(Options::default());
        let own = sandbox.add_token(&Realm::Account, true);
        let mut world = World::with(provider_with(&sandbox, &own.key), sandbox);
        world.import(&own.id.to_string()).await.succeeds();
        world.apply(&released(true, "1", overlap)).await.succeeds();
        let run = world.apply(&released(true, "2", overlap)).await.succeeds();
        let run = run.warns("The provider authenticates with this token");
        let state = world.state();
        assert!(world.accepts(&state));
        if overlap.is_empty() {
            assert!(run.reports(Severity::Warning, "continues with the new token"));
            assert_eq!(world.ids(), [id(&state)]);
            world
                .apply(&released(true, "2", overlap))
                .await
                .fails("NEUROIO_API_TOKEN");
        } else {
            tokio::time::advance(HOUR * 2).await;
            let run = world.apply(&released(true, "2", overlap)).await;
            run.warns("Cannot delete")
                .fails("Cannot delete the provider's own API token");
            assert_eq!(world.ids(), [own.id, id(&state)]);
        }
        // The provider is configured with the new value.
        let key = state.value.key.known().unwrap();
        world.provider = Box::new(provider_with(&world.sandbox, key));
        world.apply(&released(true, "2", overlap)).await.succeeds();
        assert_eq!(world.ids(), [id(&state)]);
        world.assert_stable(&released(true, "2", overlap)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn refresh_falls_back_to_the_previous_token_if_the_current_one_was_deleted_outside() {
    let config = |release| released(true, release, "2h");
    let mut world = World::new(Options::default()).created(&config("1")).await;
    let first = world.state();
    world.apply(&config("2")).await.succeeds();
    let second = world.state();
    world.sandbox.delete_outside(id(&second));
    world
        .refresh()
        .await
        .succeeds()
        .warns("The previous token, 1, still exists");
    let state = world.state();
    assert!(world.accepts(&state) && state.id == first.id && state.previous.previous_id.is_null());
    assert_eq!(state.generation, generation::next(&second.generation));
    world
        .apply(&config("2"))
        .await
        .succeeds()
        .warns("it was deleted outside Terraform");
    let third = world.state();
    assert!(world.accepts(&third) && world.accepts(&first), "the overlap applies");
    assert_eq!(third.previous.previous_id, first.id);
    world.assert_stable(&config("2")).await;

    // Both were deleted.
    world.sandbox.delete_outside(id(&first));
    world.sandbox.delete_outside(id(&third));
    world.refresh().await.succeeds().warns("was deleted outside Terraform");
    assert!(world.resource.object().is_none());
}

#[tokio::test(start_paused = true)]
async fn refresh_drops_a_previous_token_that_was_deleted_outside() {
    let config = |release| released(true, release, "2h");
    let mut world = World::new(Options::default()).created(&config("1")).await;
    world.apply(&config("2")).await.succeeds();
    // An unreadable answer proves nothing.
    world.sandbox.fault(Fault::answer(404).on("GET", "/streams/tokens/1/"));
    world.refresh().await.succeeds();
    assert!(world.state().previous.previous_id.known().is_some());
    world.sandbox.delete_outside(1);
    world.refresh().await.succeeds();
    assert!(world.state().previous.previous_id.is_null());
    world.assert_stable(&config("2")).await;
}

#[tokio::test(start_paused = true)]
async fn import_with_a_rotation_policy_does_not_rotate() {
    let policy = |permanent: bool| StreamToken {
        rotation: RotationPolicy {
            rotate_before: (!permanent).then(|| "8h".to_owned()).into(),
            rotate_every: Some(if permanent { "30d" } else { "12h" }.to_owned()).into(),
            ..released(permanent, "1", "1h").rotation
        },
        ..token(permanent)
    };
    for (permanent, age) in [(true, DAY * 40), (false, HOUR * 20)] {
        let mut world = World::new(Options::default());
        let existing = world.sandbox.add_token(&Realm::Account, permanent);
        tokio::time::advance(age).await;
        world.import("1").await.succeeds();
        world.apply(&policy(permanent)).await.plans(Action::Update).succeeds();
        assert_eq!(id(&world.state()), existing.id, "the apply records the policy");
        world
            .apply(&policy(permanent))
            .await
            .succeeds()
            .warns("will be rotated");
        assert_ne!(id(&world.state()), existing.id);
        world.assert_stable(&policy(permanent)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn state_of_the_first_version_is_kept_and_its_rotation_gets_a_generation() {
    let mut world = World::new(Options::default());
    let existing = world.sandbox.add_token(&Realm::Account, true);
    let created_at = crate::token::Expiry::at(existing.created).to_string();
    world.resource.store(
        0,
        json!({
            "created_at": created_at,
            "expires_at": null,
            "id": "1",
            "is_active": true,
            "key": existing.key.expose_secret(),
            "permanent": true
        }),
    );
    world.apply(&token(true)).await.changes_nothing().reports_nothing();
    world.apply(&released(true, "1", "")).await.succeeds();
    let state = world.state();
    assert_eq!(state.generation, 1.into());
    world
        .resource
        .replace(&world.provider, &released(true, "1", ""))
        .await
        .succeeds();
    assert!(world.state().generation.known() > Some(&1));
}

#[tokio::test(start_paused = true)]
async fn unknown_trigger_may_rotate() {
    let mut world = World::new(Options::default()).created(&released(true, "1", "")).await;
    let mut unknown = released(true, "1", "");
    unknown.rotation.rotation_triggers = BTreeMap::from([("release".to_owned(), Field::Unknown)]).into();
    let run = world.plan(&unknown).await.plans(Action::Update);
    let planned = StreamToken::from_value(&run.planned).unwrap();
    assert!(planned.id.is_unknown() && planned.generation.is_unknown());
    run.warns("may be rotated").warns("`rotation_triggers`");
}

#[tokio::test(start_paused = true)]
async fn lagging_list_neither_repeats_a_rotation_nor_keeps_a_deleted_token() {
    for lag in [2, 8] {
        let mut world = World::new(Options {
            list_lag: jiff::SignedDuration::from_secs(lag),
            ..Options::default()
        });
        world.apply(&released(true, "1", "")).await.succeeds();
        world.apply(&released(true, "2", "")).await.succeeds();
        assert_eq!(world.ids(), [2], "{lag}");
        world.assert_stable(&released(true, "2", "")).await;
        // The list shows the token of the lost answer late, so that another one is created.
        world.sandbox.fault(Fault::new(Effect::Cut).after().on("POST", TOKENS));
        let run = world.apply(&released(true, "3", "")).await;
        if lag < 5 {
            run.fails("\n  - 3, created at");
            assert_eq!(world.ids(), [2, 3]);
        } else {
            run.succeeds().warns("\n  - 3, created at");
            assert_eq!(world.ids(), [3, 4]);
        }
    }
}

/// Declares a token whose value is encrypted to these recipients, with a trigger.
fn encrypted_to(recipients: &[&str], release: &str) -> StreamToken {
    let recipients: AgeRecipients = recipients.iter().map(|recipient| Field::from(*recipient)).collect();
    let mut config = released(true, release, "");
    config.value.age_recipients = recipients.into();
    config
}

/// Returns the value that this identity decrypts from the state, which has it in no other form.
#[track_caller]
fn decrypted(world: &World, identity: &SecretString) -> String {
    let state = world.state();
    assert!(state.value.key.is_null());
    let value = decrypt(state.value.encrypted_key.known().unwrap(), identity).unwrap();
    assert!(world.sandbox.is_live(value.expose_secret()));
    assert!(!format!("{state:?}").contains(value.expose_secret()));
    value.expose_secret().to_owned()
}

#[tokio::test(start_paused = true)]
async fn encrypted_value_is_kept_by_refreshes_and_replaced_by_rotations() {
    let (identity, recipient) = age_key();
    let config = |release| encrypted_to(&[&recipient], release);
    let mut world = World::new(Options::default()).created(&config("1")).await;
    let first = decrypted(&world, &identity);
    world.assert_stable(&config("1")).await;
    world.apply(&config("2")).await.plans(Action::Update);
    assert_ne!(decrypted(&world, &identity), first);
    assert!(!world.sandbox.is_live(&first));
    world.destroy().await.succeeds();
    assert!(world.ids().is_empty());
}

#[tokio::test(start_paused = true)]
async fn changed_recipients_encrypt_the_same_value_without_a_rotation() {
    let [(alice, to_alice), (bob, to_bob)] = [age_key(), age_key()];
    let mut world = World::new(Options::default()).created(&released(true, "1", "")).await;
    let (ids, value) = (world.ids(), world.state().value.key);
    let value = value.known().unwrap().expose_secret().to_owned();
    for (recipients, identity) in [
        (vec![to_alice.as_str()], &alice),
        (vec![&to_alice, &to_bob], &bob),
        (vec![&to_bob], &bob),
    ] {
        let config = encrypted_to(&recipients, "1");
        world.apply(&config).await.plans(Action::Update).reports_nothing();
        assert_eq!(decrypted(&world, identity), value);
        world.assert_stable(&config).await;
    }
    let encrypted = world.state().value.encrypted_key;
    assert!(decrypt(encrypted.known().unwrap(), &alice).is_err());
    world
        .apply(&released(true, "1", ""))
        .await
        .plans(Action::Update)
        .reports_nothing();
    assert!(world.accepts(&world.state()) && world.state().value.encrypted_key.is_null());
    assert_eq!(world.ids(), ids);
}

#[tokio::test(start_paused = true)]
async fn failed_read_leaves_the_value_encrypted_to_the_former_recipients() {
    let [(alice, to_alice), (bob, to_bob)] = [age_key(), age_key()];
    let mut world = World::new(Options::default())
        .created(&encrypted_to(&[&to_alice], "1"))
        .await;
    let path = format!("{TOKENS}{}/", world.ids()[0]);
    // The refresh succeeds, and the read of the apply does not.
    world.sandbox.fault(Fault::answer(403).on("GET", &path).skip(1));
    world.apply(&encrypted_to(&[&to_bob], "1")).await.fails("403");
    decrypted(&world, &alice);
    world.apply(&encrypted_to(&[&to_bob], "1")).await.succeeds();
    decrypted(&world, &bob);
}

#[tokio::test(start_paused = true)]
async fn provider_with_an_encrypted_own_token_does_not_delete_it() {
    let (identity, recipient) = age_key();
    let config = encrypted_to(&[&recipient], "1");
    let mut world = World::new(Options::default()).created(&config).await;
    let value = SecretString::from(decrypted(&world, &identity));
    world.provider = Box::new(provider_with(&world.sandbox, &value));
    world
        .destroy()
        .await
        .fails("Cannot delete the provider's own API token");
    assert!(world.sandbox.is_live(value.expose_secret()));
}
