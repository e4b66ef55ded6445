use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;
use crate::framework::{AnyResource, Model as _};
use crate::platform::testing::losses;
use crate::platform::testing::workspace::lone::{Lone, Run};
use crate::quix::api::Endpoint;
use crate::quix::connection::{Connection, Endpoints};
use crate::quix::testing::{DEV, connected, every_shape, sandbox, session, session_with};
use crate::sandbox::quix::{Options, Readers, Role, Sandbox};
use crate::sandbox::{Effect, Fault};

const READING: &str = "/workspaces/acme-shop-dev/sandbox-tokens";
const ROTATION: &str = "/workspaces/acme-shop-dev/sandbox-tokens/rotate";

/// A configuration whose one trigger has this value.
fn config(leak: &str) -> Model {
    Model {
        workspace_id: DEV.into(),
        rotation_triggers: Triggers::from([("leak".to_owned(), leak.into())]).into(),
        ..Model::default()
    }
}

/// A workspace that manages the streaming tokens of one environment.
struct Managed {
    sandbox: Sandbox,
    session: Session,
    workspace: Lone,
}

impl Managed {
    fn new(options: Options) -> Self {
        let sandbox = sandbox(options);
        Self::with(session(&sandbox, Role::Admin), sandbox)
    }

    fn with(session: Session, sandbox: Sandbox) -> Self {
        Self {
            sandbox,
            session,
            workspace: Lone::new(),
        }
    }

    /// The same after an apply that has read the tokens.
    async fn created(mut self) -> Self {
        self.apply(&config("1")).await.says_nothing();
        assert!(self.has_both());
        self
    }

    fn process(&self) -> impl Fn() -> Box<dyn AnyResource> + use<> {
        let session = self.session.clone();
        move || Box::new(StreamingTokens::new(session.clone()))
    }

    async fn apply(&mut self, config: &Model) -> Run {
        self.workspace.apply(self.process(), Some(config)).await
    }

    /// Applies, which must succeed and rotate so often in addition.
    async fn rotates(&mut self, config: &Model, times: usize) -> Run {
        let before = self.rotations();
        let run = self.apply(config).await.succeeds();
        assert!(self.has_both(), "{run:?}");
        assert_eq!(self.rotations() - before, times, "{run:?}");
        self.apply(config).await.changes_nothing();
        run
    }

    async fn plan(&mut self, config: &Model) -> Run {
        self.workspace.plan(self.process(), Some(config)).await
    }

    fn state(&self) -> Model {
        self.workspace.state().unwrap()
    }

    fn generation(&self) -> i64 {
        self.state().generation.into_known().unwrap()
    }

    /// Whether both tokens are in the state.
    fn has_both(&self) -> bool {
        let [token_1, token_2] = self.sandbox.tokens(DEV).unwrap();
        self.state().tokens().unwrap() == (api::StreamingTokens { token_1, token_2 })
    }

    fn rotations(&self) -> usize {
        self.sandbox.rotations(DEV)
    }

    fn rotate_outside(&self, times: usize) {
        (0..times).for_each(|_| self.sandbox.rotate_outside(DEV));
    }
}

#[tokio::test(start_paused = true)]
async fn creation_reads_and_destruction_forgets_in_every_shape() {
    for options in every_shape() {
        let mut managed = Managed::new(options).created().await;
        managed.apply(&config("1")).await.changes_nothing().says_nothing();
        let destroyed = managed.workspace.apply::<Model>(managed.process(), None).await;
        destroyed.succeeds().warns("are forgotten, and go on working");
        assert!(managed.workspace.state::<Model>().is_none());
        assert_eq!(managed.rotations(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_triggers_ends_token_1_as_the_plan_says() {
    for options in every_shape() {
        let mut managed = Managed::new(options).created().await;
        let (first, created) = (managed.state().tokens().unwrap(), managed.state().generation);
        let run = managed
            .plan(&config("2"))
            .await
            .warns("Token 1 of \"acme-shop-dev\" is to be revoked");
        let planned = Model::from_value(&run.planned).unwrap();
        let token_1 = planned.token_1.known().unwrap();
        assert_eq!(token_1.expose_secret(), first.token_2.expose_secret());
        assert!(planned.token_2.is_unknown() && planned.generation == generation::after(&created));
        assert_eq!(managed.rotations(), 0, "a plan ends nothing");

        managed.apply(&config("2")).await.succeeds();
        assert!(managed.has_both() && managed.generation() == planned.generation.into_known().unwrap());
        // Its own rotation is not taken for another's, and is not repeated.
        tokio::time::advance(Duration::from_secs(60)).await;
        managed.apply(&config("2")).await.changes_nothing().says_nothing();
        assert_eq!(managed.rotations(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_run_that_was_killed_no_second_token_ends() {
    let mut managed = Managed::new(Options::default()).created().await;
    let created = managed.generation();
    managed
        .sandbox
        .fault(Fault::new(Effect::Hang).after().on("POST", ROTATION));
    let killed = tokio::time::timeout(Duration::from_secs(5), managed.apply(&config("2"))).await;
    assert!(killed.is_err() && managed.rotations() == 1 && !managed.has_both());

    let run = managed.apply(&config("2")).await.succeeds();
    run.warns("were rotated outside of an apply")
        .warns("have been rotated already");
    assert!(managed.has_both() && managed.rotations() == 1);
    assert_eq!(managed.generation(), created + 1, "as the killed run had planned");
    managed.apply(&config("2")).await.changes_nothing().says_nothing();
    // The next change is one again.
    managed.apply(&config("3")).await.succeeds();
    assert!(managed.has_both() && managed.rotations() == 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_refresh_has_written_is_not_forgotten_before_an_apply_has_settled_it() {
    let mut managed = Managed::new(Options::default()).created().await;
    managed.rotate_outside(1);
    for warnings in [1, 0, 0] {
        let resource = StreamingTokens::new(managed.session.clone());
        let mut told = Diagnostics::default();
        let read = Resource::read(&resource, &Context::default(), managed.state(), &mut told).await;
        assert_eq!(told.iter().count(), warnings, "{told:?}");
        managed.workspace.set_state(read.unwrap());
    }
    let unknown = |rotation_triggers| Model {
        rotation_triggers,
        ..config("1")
    };
    let unknown_member = Triggers::from([("leak".to_owned(), Field::Unknown)]);
    for config in [config("2"), unknown(unknown_member.into()), unknown(Field::Unknown)] {
        let run = managed.plan(&config).await.succeeds();
        let planned = Model::from_value(&run.planned).unwrap();
        assert!(planned.token_2.known().is_some(), "no rotation is planned");
    }
    // An apply without a change settles it, and the next change rotates.
    assert!(managed.apply(&config("1")).await.says_nothing().changed);
    assert_eq!(managed.state().changed_outside, Field::Known(false));
    managed.apply(&config("2")).await.succeeds();
    assert!(managed.has_both());
    assert_eq!(managed.rotations(), 2, "theirs and ours");
}

#[tokio::test(start_paused = true)]
async fn tokens_that_others_rotated_are_followed_and_told() {
    for (times, told) in [(1, "outside of an apply"), (2, "more than once"), (5, "more than once")] {
        let mut managed = Managed::new(Options::default()).created().await;
        let created = managed.generation();
        managed.rotate_outside(times);
        managed.apply(&config("1")).await.succeeds().warns(told);
        assert!(managed.has_both() && managed.generation() == created + 1);
        managed.apply(&config("1")).await.changes_nothing().says_nothing();
        assert_eq!(managed.rotations(), times);
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_brings_the_tokens_and_what_is_declared_first_rotates_nothing() {
    let mut managed = Managed::new(Options::default());
    let process = managed.process();
    managed
        .workspace
        .import(&process, "other")
        .await
        .fails("Check the environment's id");
    managed.workspace.import(&process, DEV).await.says_nothing();
    assert!(managed.has_both());
    let plain = Model {
        rotation_triggers: Field::Null,
        ..config("")
    };
    managed.plan(&plain).await.changes_nothing().says_nothing();
    managed.apply(&config("1")).await.says_nothing();
    let imported = managed.generation();
    assert_eq!(managed.rotations(), 0);
    managed.apply(&config("2")).await.succeeds();
    assert_eq!((managed.generation(), managed.rotations()), (imported + 1, 1));
}

#[tokio::test(start_paused = true)]
async fn triggers_that_are_known_only_at_apply_decide_then() {
    for (value, rotations) in [("1", 0), ("2", 1)] {
        let managed = Managed::new(Options::default()).created().await;
        let resource = StreamingTokens::new(managed.session.clone());
        let (context, prior, mut told) = (Context::default(), managed.state(), Diagnostics::default());
        let mut change = Change {
            config: Model::default(),
            prior: Some(prior.clone()),
            planned: Model {
                rotation_triggers: Field::Unknown,
                ..prior.clone()
            },
            equivalent: Vec::new(),
        };
        Resource::plan(&resource, &context, &mut change, &mut told).await;
        assert!(told.iter().any(|told| told.detail.contains("known only at apply")));
        let planned = Model {
            rotation_triggers: config(value).rotation_triggers,
            ..change.planned
        };
        assert!(planned.token_1.is_unknown() && planned.generation.is_unknown());
        let state = resource.update(&context, prior, planned, &mut told).await;
        assert!(!told.has_errors() && state.token_2.known().is_some());
        assert_eq!(managed.rotations(), rotations);
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_is_lost_three_applies_end_one_token() {
    let refusals = [401, 403, 404, 500].map(Fault::answer);
    for fault in losses("true").into_iter().chain(refusals) {
        for (method, path) in [("POST", ROTATION), ("GET", READING)] {
            for skip in 0..4 {
                let mut managed = Managed::new(Options::default()).created().await;
                managed
                    .sandbox
                    .fault(fault.clone().on(method, path).skip(skip).times(8));
                for _ in 0..3 {
                    managed.apply(&config("2")).await;
                    managed.sandbox.heal();
                }
                assert!(managed.has_both(), "{fault:?}");
                assert_eq!(managed.rotations(), 1, "{fault:?} of {path} after {skip}");
                managed.apply(&config("2")).await.changes_nothing().says_nothing();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_path_the_plan_says_which_and_why_there_is_none() {
    let mut managed = Managed::new(Options::default()).created().await;
    let told = managed.session.connected().unwrap();
    let session = |reading: Option<&Endpoint>| {
        let reading = reading.cloned();
        let endpoints = Endpoints {
            reading,
            rotation: None,
        };
        let connection = Connection::new(told.api.clone(), endpoints, Duration::from_secs(300));
        connected(&managed.sandbox, connection)
    };
    let (untold, half_told) = (session(None), session(told.reading().ok()));
    let why = "is not in Quix's public documentation";
    let mut another = Managed::with(untold.clone(), managed.sandbox.clone());
    managed.session = untold;
    for run in [another.plan(&config("1")).await, managed.plan(&config("1")).await] {
        run.fails("Missing streaming_tokens_path").fails(why);
    }
    managed.session = half_told;
    managed
        .plan(&config("2"))
        .await
        .fails("Missing rotate_streaming_tokens_path")
        .fails(why);
    managed.plan(&config("1")).await.changes_nothing().says_nothing();
}

#[tokio::test(start_paused = true)]
async fn the_token_that_the_provider_works_with_is_not_ended() {
    let sandbox = sandbox(Options {
        readers: Readers::Holders,
        ..Options::default()
    });
    let [token_1, _] = sandbox.tokens(DEV).unwrap();
    let mut managed = Managed::with(session_with(&sandbox, &token_1), sandbox).created().await;
    let told = "Cannot end the token that the provider works with";
    managed.plan(&config("2")).await.succeeds().warns(told);
    managed.apply(&config("2")).await.fails(told);
    assert!(managed.has_both() && managed.rotations() == 0);
}

#[tokio::test(start_paused = true)]
async fn who_is_not_let_in_loses_nothing() {
    for status in [401, 403, 404] {
        let mut managed = Managed::new(Options::default()).created().await;
        managed.sandbox.fault(Fault::answer(status).on("GET", READING));
        managed
            .apply(&config("1"))
            .await
            .fails("Nothing was removed from the state");
        assert!(managed.has_both());
    }
}

fn sum_of(token: &SecretString) -> String {
    let sum = ring::digest::digest(&ring::digest::SHA256, token.expose_secret().as_bytes());
    sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A configuration that revokes these tokens.
fn revoking(tokens: &[&SecretString]) -> Model {
    let sums: Sums = tokens.iter().map(|token| sum_of(token).into()).collect();
    Model {
        revoke_sha256: sums.into(),
        ..config("1")
    }
}

fn forcing(leak: &str) -> Model {
    Model {
        forced_rotation_triggers: Triggers::from([("leak".to_owned(), leak.into())]).into(),
        ..config("1")
    }
}

#[tokio::test(start_paused = true)]
async fn leaked_token_is_revoked_whoever_has_rotated_meanwhile() {
    for rotations_outside in 0..3 {
        // What leaked is token 1, or token 2, of before.
        for slot in [1, 2] {
            let mut managed = Managed::new(Options::default()).created().await;
            let known = managed.state().tokens().unwrap();
            let leaked = if slot == 1 { &known.token_1 } else { &known.token_2 };
            managed.rotate_outside(rotations_outside);
            let times = usize::from(slot > rotations_outside) * (slot - rotations_outside.min(slot));
            let run = managed.rotates(&revoking(&[leaked]), times).await;
            match times {
                0 => drop(run.warns("No streaming token of \"acme-shop-dev\" is listed in revoke_sha256")),
                1 => drop(run.warns("Token 1 of \"acme-shop-dev\" is to be revoked")),
                _ => drop(run.warns("Both streaming tokens of \"acme-shop-dev\" are to be revoked")),
            }
            assert!(!managed.sandbox.is_live(leaked.expose_secret()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn forced_trigger_rotates_once_also_after_a_rotation_outside() {
    let mut managed = Managed::new(Options::default());
    managed.apply(&forcing("1")).await.succeeds();
    assert_eq!(managed.rotations(), 0, "a creation reads");
    managed
        .rotates(&forcing("2"), 1)
        .await
        .warns("Token 1 of \"acme-shop-dev\" is to be revoked");
    managed.rotate_outside(1);
    managed.rotates(&forcing("3"), 1).await.warns("rotates them once more");
    managed.rotates(&forcing("3"), 0).await.says_nothing();
}

#[tokio::test(start_paused = true)]
async fn creation_revokes_what_is_listed() {
    for (slot, times) in [(0, 1), (1, 2)] {
        let mut managed = Managed::new(Options::default());
        let leaked = &managed.sandbox.tokens(DEV).unwrap()[slot];
        managed
            .rotates(&revoking(&[leaked]), times)
            .await
            .warns("may be revoked");
        assert!(!managed.sandbox.is_live(leaked.expose_secret()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_sum_is_refused_and_not_shown() {
    let managed = Managed::new(Options::default());
    for text in ["sdk-abcdefabcdef", "", " "] {
        let config = Model {
            revoke_sha256: Sums::from([text.into()]).into(),
            ..config("1")
        };
        let mut told = Diagnostics::default();
        Resource::validate(&StreamingTokens::new(managed.session.clone()), &config, &mut told);
        let told = format!("{told:?}");
        assert!(
            told.contains("64 hexadecimal digits") && !told.contains("sdk-"),
            "{told}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn second_failure_of_two_rotations_keeps_the_first_and_is_made_up_for() {
    let mut managed = Managed::new(Options::default()).created().await;
    let leaked = managed.state().tokens().unwrap().token_2;
    managed.sandbox.fault(Fault::answer(403).on("POST", ROTATION).skip(1));
    managed.apply(&revoking(&[&leaked])).await.fails("");
    assert!(managed.has_both() && managed.rotations() == 1);
    managed.rotates(&revoking(&[&leaked]), 1).await;
    assert!(!managed.sandbox.is_live(leaked.expose_secret()));
}

#[tokio::test(start_paused = true)]
async fn reader_that_lags_after_a_rotation_changes_no_state_and_ends_no_second_token() {
    let mut managed = Managed::new(Options {
        shown_after: jiff::SignedDuration::from_mins(10),
        ..Options::default()
    })
    .created()
    .await;
    managed.apply(&config("2")).await.succeeds();
    assert!(managed.has_both() && managed.rotations() == 1);
    for _ in 0..2 {
        managed
            .apply(&config("2"))
            .await
            .changes_nothing()
            .warns("from before the last rotation");
        assert!(managed.has_both());
    }
    managed.apply(&config("3")).await.fails("is not visible yet");
    assert_eq!(managed.rotations(), 1);
    tokio::time::advance(Duration::from_secs(600)).await;
    managed.rotates(&config("3"), 1).await;
}

#[tokio::test(start_paused = true)]
async fn rotation_without_a_pair_in_its_answer_is_waited_for_by_the_next_apply() {
    let mut managed = Managed::new(Options {
        rotated: crate::sandbox::quix::Rotated::NoContent,
        shown_after: jiff::SignedDuration::from_secs(120),
        ..Options::default()
    })
    .created()
    .await;
    managed.apply(&config("2")).await.fails("did not change");
    assert_eq!(managed.rotations(), 1);
    managed.apply(&config("2")).await.succeeds();
    assert_eq!(managed.rotations(), 1);
    assert!(managed.has_both());
    managed.apply(&config("2")).await.changes_nothing();
}
