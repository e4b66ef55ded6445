//! The life of a stream token against the sandbox, under tokio's paused clock.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;
use crate::framework::Severity;
use crate::neuroio::testing::{every_shape, path, sandbox, session, session_with};
use crate::platform::State;
use crate::platform::testing::workspace::lone::Lone;
use crate::sandbox::neuroio::{Options, Realm, Sandbox};
use crate::sandbox::{Effect, Fault};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What an operation came to, and what it told.
struct Outcome {
    state: Option<Model>,
    told: Vec<Diagnostic>,
}

impl Outcome {
    #[track_caller]
    fn state(self) -> Model {
        let errors: Vec<_> = self
            .told
            .iter()
            .filter(|told| told.severity == Severity::Error)
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        self.state.expect("it exists")
    }

    fn says(&self, severity: Severity, phrase: &str) -> bool {
        let of_severity = self.told.iter().filter(|told| told.severity == severity);
        of_severity.map(Diagnostic::to_string).any(|told| told.contains(phrase))
    }
}

/// A resource with the calls that Terraform makes of it.
struct World {
    sandbox: Sandbox,
    resource: StreamToken,
}

impl World {
    fn new(options: Options) -> Self {
        let sandbox = sandbox(options);
        let resource = StreamToken::new(session(&sandbox));
        Self { sandbox, resource }
    }

    async fn plan(&self, config: &Model, prior: Option<&Model>) -> (Model, Vec<Diagnostic>) {
        let planned = match prior {
            Some(prior) => Model {
                permanent: config.permanent,
                is_active: if config.is_active.is_null() {
                    prior.is_active
                } else {
                    config.is_active
                },
                ..prior.clone()
            },
            None => Model {
                id: Field::Unknown,
                key: Field::Unknown,
                created_at: Field::Unknown,
                expires_at: Field::Unknown,
                ..config.clone()
            },
        };
        let mut change = Change {
            config: config.clone(),
            prior: prior.cloned(),
            planned,
            equivalent: Vec::new(),
        };
        let mut diagnostics = Diagnostics::default();
        let context = Context::default();
        self.resource.plan(&context, &mut change, &mut diagnostics).await;
        (change.planned, diagnostics.into_iter().collect())
    }

    async fn create(&self, config: &Model) -> Outcome {
        let (planned, _) = self.plan(config, None).await;
        let mut diagnostics = Diagnostics::default();
        let state = self
            .resource
            .create(&Context::default(), planned, &mut diagnostics)
            .await;
        outcome(state, diagnostics)
    }

    async fn read(&self, state: &Model) -> Outcome {
        let mut diagnostics = Diagnostics::default();
        let state = self
            .resource
            .read(&Context::default(), state.clone(), &mut diagnostics)
            .await;
        outcome(state, diagnostics)
    }

    async fn update(&self, config: &Model, prior: &Model) -> Outcome {
        let (planned, _) = self.plan(config, Some(prior)).await;
        let mut diagnostics = Diagnostics::default();
        let context = Context::default();
        let state = self
            .resource
            .update(&context, prior.clone(), planned, &mut diagnostics)
            .await;
        outcome(Some(state), diagnostics)
    }

    async fn delete(&self, state: &Model) -> Outcome {
        let mut diagnostics = Diagnostics::default();
        let state = self
            .resource
            .delete(&Context::default(), state.clone(), &mut diagnostics)
            .await;
        outcome(state, diagnostics)
    }

    async fn import(&self, id: &str) -> Outcome {
        let mut diagnostics = Diagnostics::default();
        let state = self.resource.import(&Context::default(), id, &mut diagnostics).await;
        outcome(state, diagnostics)
    }

    /// Plans nothing, and says nothing.
    async fn rests(&self, config: &Model, state: &Model) {
        let (planned, told) = self.plan(config, Some(state)).await;
        assert_eq!(told, []);
        assert_eq!(format!("{planned:?}"), format!("{state:?}"));
    }

    fn lets_in(&self, state: &Model) -> bool {
        let key = state.key.known().map_or("", ExposeSecret::expose_secret);
        self.sandbox.is_live(key)
    }
}

fn outcome(state: Option<Model>, diagnostics: Diagnostics) -> Outcome {
    Outcome {
        state,
        told: diagnostics.into_iter().collect(),
    }
}

fn token(permanent: bool) -> Model {
    Model {
        permanent: permanent.into(),
        ..Model::default()
    }
}

fn inactive(permanent: bool) -> Model {
    Model {
        is_active: false.into(),
        ..token(permanent)
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_lives_whatever_shape_the_answers_have() {
    for options in every_shape() {
        for permanent in [true, false] {
            let world = World::new(options.clone());
            let state = world.create(&token(permanent)).await.state();
            assert!(
                world.lets_in(&state) && state.expires_at.is_null() == permanent,
                "{options:?}"
            );
            let state = world.read(&state).await.state();
            world.rests(&token(permanent), &state).await;

            let state = world.update(&inactive(permanent), &state).await.state();
            assert!(!world.lets_in(&state), "{options:?}");
            world.rests(&inactive(permanent), &state).await;
            let state = world.update(&token(permanent), &state).await.state();
            assert!(world.lets_in(&state), "{options:?}");

            let imported = world.import(state.id.known().unwrap()).await.state();
            assert_eq!(format!("{imported:?}"), format!("{state:?}"), "{options:?}");
            assert!(world.lets_in(&imported), "an import brings the value");

            assert!(world.delete(&state).await.state.is_none(), "{options:?}");
            assert!(!world.lets_in(&state) && world.delete(&state).await.state.is_none());
            assert_eq!(world.sandbox.calls("DELETE", "/streams/tokens/"), 0);
            assert_eq!(world.sandbox.calls("DELETE", "/streams/tokens//"), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_temporary_token_is_replaced_once_it_has_ended_and_the_plan_says_so() {
    for options in every_shape() {
        let world = World::new(options);
        let state = world.create(&token(false)).await.state();
        tokio::time::advance(DAY - Duration::from_secs(60)).await;
        let state = world.read(&state).await.state();
        world.rests(&token(false), &state).await;

        tokio::time::advance(Duration::from_secs(60)).await;
        let state = world.read(&state).await.state();
        let (planned, told) = world.plan(&token(false), Some(&state)).await;
        assert!(planned.expires_at.is_unknown() && planned.key.is_unknown());
        assert!(told.iter().any(|told| told.summary.contains("has ended")), "{told:?}");
        let schema = Resource::schema(&world.resource);
        let replaces = |name| {
            schema
                .attributes
                .iter()
                .any(|attribute| attribute.name == name && attribute.replaces)
        };
        assert!(replaces("expires_at") && replaces("permanent"));

        assert!(world.delete(&state).await.state.is_none());
        let state = world.create(&token(false)).await.state();
        assert!(world.lets_in(&state));
    }
}

#[tokio::test(start_paused = true)]
async fn a_permanent_token_stays_whatever_its_expiry_says() {
    for options in every_shape() {
        let world = World::new(options);
        let state = world.create(&token(true)).await.state();
        tokio::time::advance(DAY * 1_000).await;
        let state = world.read(&state).await.state();
        assert!(world.lets_in(&state));
        world.rests(&token(true), &state).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_happened_outside_is_seen() {
    let world = World::new(Options::default());
    let state = world.create(&token(true)).await.state();
    let id = state.id.known().unwrap().parse().unwrap();
    world.sandbox.set_active_outside(id, false);
    let state = world.read(&state).await.state();
    let (planned, _) = world.plan(&token(true), Some(&state)).await;
    assert!(planned.is_active == Field::Known(true) && state.is_active == Field::Known(false));
    let state = world.update(&token(true), &state).await.state();
    assert!(world.lets_in(&state));

    world.sandbox.delete_outside(id);
    let outcome = world.read(&state).await;
    assert!(outcome.state.is_none() && outcome.says(Severity::Warning, "was deleted outside Terraform"));
}

#[tokio::test(start_paused = true)]
async fn refresh_after_a_creation_changes_nothing_whatever_its_answer_leaves_out() {
    for permanent in [true, false] {
        let world = World::new(Options {
            creation_tells_times: false,
            ..Options::default()
        });
        let state = world.create(&token(permanent)).await.state();
        assert!(state.created_at.known().is_some());
        let read = world.read(&state).await.state();
        assert_eq!(format!("{read:?}"), format!("{state:?}"));
        world.rests(&token(permanent), &read).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_but_the_platforms_list_takes_a_token_out_of_the_state() {
    let world = World::new(Options::default());
    let state = world.create(&token(true)).await.state();
    let of_this = path(&world.sandbox.tokens(&Realm::Account)[0]);
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
        world.sandbox.fault(answer.clone().on("GET", &of_this).times(100));
        let outcome = world.read(&state).await;
        assert!(outcome.state.is_some(), "{answer:?}");
        assert_eq!(outcome.told.len(), usize::from(fails), "{answer:?}: {:?}", outcome.told);
        world.sandbox.heal();
    }
    // It is gone, but the list cannot be had.
    world.sandbox.delete_outside(1);
    world
        .sandbox
        .fault(Fault::answer(503).on("GET", "/streams/tokens/").times(100));
    let outcome = world.read(&state).await;
    assert!(outcome.state.is_some() && outcome.says(Severity::Error, "503"));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_recorded_although_it_could_not_be_deactivated() {
    let world = World::new(Options::default());
    world
        .sandbox
        .fault(Fault::answer(503).on("PATCH", "/streams/tokens/1/").times(100));
    let outcome = world.create(&inactive(true)).await;
    assert!(outcome.says(Severity::Error, "Could not deactivate the stream token 1"));
    let state = outcome.state.unwrap();
    assert!(world.lets_in(&state) && state.is_active == Field::Known(true));
}

#[tokio::test(start_paused = true)]
async fn token_of_a_lost_creation_is_in_no_state_and_can_be_imported() {
    let world = World::new(Options::default());
    world
        .sandbox
        .fault(Fault::new(Effect::Cut).after().on("POST", "/streams/tokens/"));
    let outcome = world.create(&token(true)).await;
    assert!(outcome.says(Severity::Error, "id = \"1\""), "{:?}", outcome.told);
    assert!(outcome.state.is_none());
    let state = world.import("1").await.state();
    assert!(world.lets_in(&state));
    world.rests(&token(true), &state).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_did_not_take_place_is_told() {
    let world = World::new(Options::default());
    let state = world.create(&token(true)).await.state();
    world
        .sandbox
        .fault(Fault::answer(200).on("PATCH", "/streams/tokens/1/"));
    let outcome = world.update(&inactive(true), &state).await;
    assert!(outcome.says(Severity::Error, "did not change"), "{:?}", outcome.told);
    assert_eq!(outcome.state.unwrap().is_active, Field::Known(true));
}

#[tokio::test(start_paused = true)]
async fn the_plan_knows_the_limit() {
    let world = World::new(Options::default());
    (0..5).for_each(|_| drop(world.sandbox.add_token(&Realm::Account, true)));
    let (_, told) = world.plan(&token(true), None).await;
    assert!(
        told.iter().any(|told| told.summary.contains("exceeds the limit")),
        "{told:?}"
    );
    let (_, told) = world.plan(&token(false), None).await;
    assert_eq!(told, [], "temporary ones have none");
}

#[tokio::test(start_paused = true)]
async fn neither_a_value_nor_nothing_is_an_id() {
    let world = World::new(Options::default());
    let key = world.sandbox.add_token(&Realm::Account, true).key;
    for id in [key.expose_secret(), "", "/", "..", "1/", "*"] {
        let outcome = world.import(id).await;
        assert!(outcome.state.is_none() && outcome.told.len() == 1);
        assert!(!outcome.says(Severity::Error, key.expose_secret()));
    }
    let state = Model {
        id: "".into(),
        ..token(true)
    };
    let outcome = world.delete(&state).await;
    assert!(outcome.state.is_some() && outcome.says(Severity::Error, "Unreadable id"));
    assert_eq!(world.sandbox.tokens(&Realm::Account).len(), 1);
    assert!(world.import("2").await.says(Severity::Error, "404"));
}

#[tokio::test(start_paused = true)]
async fn the_providers_own_token_is_neither_deactivated_nor_deleted() {
    let sandbox = sandbox(Options::default());
    let own = sandbox.add_token(&Realm::Account, true);
    let world = World {
        resource: StreamToken::new(session_with(&sandbox, &own.key)),
        sandbox,
    };
    let state = world.import(&own.id.to_string()).await.state();
    assert!(
        world
            .update(&inactive(true), &state)
            .await
            .says(Severity::Error, "Cannot deactivate the token")
    );
    assert!(
        world
            .delete(&state)
            .await
            .says(Severity::Error, "Cannot delete the token")
    );
    assert!(world.lets_in(&state));
}

#[tokio::test(start_paused = true)]
async fn each_api_token_sees_its_own_stream_tokens() {
    let sandbox = sandbox(Options::default());
    let space = Realm::Space("lobby".to_owned());
    let theirs = sandbox.add_token(&Realm::Account, true);
    let world = World {
        resource: StreamToken::new(session_with(&sandbox, &sandbox.api_token(&space))),
        sandbox,
    };
    assert!(
        world
            .import(&theirs.id.to_string())
            .await
            .says(Severity::Error, "another account or space")
    );
    world.create(&token(true)).await.state();
    assert_eq!(world.sandbox.tokens(&space).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_provider_is_not_configured_nothing_is_lost() {
    let world = World::new(Options::default());
    let state = world.create(&token(true)).await.state();
    world.resource.session.set(State::Waiting("api_token"));
    assert_eq!(format!("{:?}", world.read(&state).await.state()), format!("{state:?}"));
    assert!(world.delete(&state).await.state.is_some());
}

#[tokio::test(start_paused = true)]
async fn saved_plan_applied_after_a_temporary_token_ended_is_not_a_replacement() {
    let sandbox = sandbox(Options::default());
    let process = || -> Box<dyn crate::framework::AnyResource> { Box::new(StreamToken::new(session(&sandbox))) };
    let declared = |is_active: bool| Model {
        permanent: false.into(),
        is_active: is_active.into(),
        ..Model::default()
    };
    let mut workspace = Lone::new();
    workspace.apply(process, Some(&declared(true))).await.succeeds();
    let first = workspace.state::<Model>().unwrap();
    let plan = workspace.save_plan(process, Some(&declared(false))).await;
    tokio::time::advance(DAY * 2).await;
    workspace
        .apply_saved(process, Some(&declared(false)), &plan)
        .await
        .warns("is due, and the next run changes it");
    assert_eq!(workspace.state::<Model>().unwrap().id, first.id);
    workspace.apply(process, Some(&declared(true))).await.succeeds();
    assert_ne!(workspace.state::<Model>().unwrap().id, first.id);
    workspace.apply(process, Some(&declared(true))).await.changes_nothing();
}
