//! Runs of a single `neuroio_stream_token` against the sandbox, under tokio's paused clock.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::*;
use crate::framework::testing::{Action, Run, RunOptions, SingleResource};
use crate::framework::{Severity, Value};
use crate::neuroio::provider::NeuroIo;
use crate::neuroio::tests::{option_variants, path, provider, provider_with, sandbox};
use crate::sandbox::neuroio::{Options, Realm, Sandbox};
use crate::sandbox::{Effect, Fault};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

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

    fn accepts(&self, state: &StreamToken) -> bool {
        let key = state.key.known().map_or("", ExposeSecret::expose_secret);
        self.sandbox.is_live(key)
    }
}

fn token(permanent: bool) -> StreamToken {
    StreamToken {
        permanent: permanent.into(),
        ..StreamToken::default()
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
            assert_eq!(format!("{:?}", imported.state()), format!("{state:?}"), "{options:?}");
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
async fn expired_temporary_token_is_replaced_and_the_plan_warns() {
    for options in option_variants() {
        let mut world = World::new(options).created(&token(false)).await;
        let first = world.state();
        tokio::time::advance(DAY - Duration::from_secs(60)).await;
        world.assert_stable(&token(false)).await;

        tokio::time::advance(Duration::from_secs(60)).await;
        let run = world.plan(&token(false)).await.plans(Action::Replace);
        let planned = StreamToken::from_value(&run.planned).unwrap();
        assert!(planned.expires_at.is_unknown() && planned.key.is_unknown());
        run.warns("has expired");

        world.apply(&token(false)).await.succeeds();
        let state = world.state();
        assert!(world.accepts(&state) && !world.accepts(&first));
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
async fn saved_plan_applied_after_the_expiry_does_not_replace_the_token() {
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
