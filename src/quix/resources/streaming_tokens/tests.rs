use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::*;
use crate::framework::Set;
use crate::framework::testing::{Run, SingleResource};
use crate::platform::attributes::Triggers;
use crate::platform::testing::lost_answers;
use crate::quix::api;
use crate::quix::provider::Quix;
use crate::quix::tests::{DEV, connection, option_variants, provider, provider_with, sandbox, workspace};
use crate::sandbox::quix::{Options, Readers, Role, Sandbox};
use crate::sandbox::{Effect, Fault};

const READ: &str = "/workspaces/acme-shop-dev/sdktokens";
const ROTATE: &str = "/workspaces/acme-shop-dev/sdktokens/rotate";

fn triggers(leak: &str) -> Field<Triggers> {
    Triggers::from([("leak".to_owned(), leak.into())]).into()
}

/// Returns a configuration with one trigger that has this value.
fn config(leak: &str) -> StreamingTokens {
    with_triggers(triggers(leak))
}

fn with_triggers(rotation_triggers: Field<Triggers>) -> StreamingTokens {
    StreamingTokens {
        workspace_id: DEV.into(),
        policy: RotationPolicy {
            rotation_triggers,
            ..RotationPolicy::default()
        },
        ..StreamingTokens::default()
    }
}

/// A Terraform workspace with the streaming tokens of one environment.
struct Managed {
    sandbox: Sandbox,
    provider: Box<dyn Fn() -> Quix>,
    resource: SingleResource,
}

impl Managed {
    fn new(options: Options) -> Self {
        let sandbox = sandbox(options);
        Self::with(provider(&sandbox, Role::Admin), sandbox)
    }

    fn with(provider: impl Fn() -> Quix + 'static, sandbox: Sandbox) -> Self {
        Self {
            provider: Box::new(provider),
            resource: SingleResource::of(workspace(&sandbox), StreamingTokensResource::TYPE),
            sandbox,
        }
    }

    /// Creates the resource by an apply.
    async fn created(mut self) -> Self {
        self.apply(&config("1")).await.reports_nothing();
        assert!(self.has_both());
        self
    }

    async fn apply(&mut self, config: &StreamingTokens) -> Run {
        self.resource.apply(&self.provider, Some(config)).await
    }

    /// Applies and asserts that this rotates the tokens `times` times.
    async fn assert_rotates(&mut self, config: &StreamingTokens, times: usize) -> Run {
        let before = self.rotations();
        let run = self.apply(config).await.succeeds();
        assert!(self.has_both(), "{run:?}");
        assert_eq!(self.rotations() - before, times, "{run:?}");
        self.apply(config).await.changes_nothing();
        run
    }

    async fn plan(&mut self, config: &StreamingTokens) -> Run {
        self.resource.plan(&self.provider, Some(config)).await
    }

    fn state(&self) -> StreamingTokens {
        self.resource.state().unwrap()
    }

    fn generation(&self) -> i64 {
        self.state().tokens.generation.into_known().unwrap()
    }

    /// Whether both tokens are in the state.
    fn has_both(&self) -> bool {
        let [token_1, token_2] = self.sandbox.tokens(DEV).unwrap();
        self.state().tokens.get().unwrap() == (api::StreamingTokens { token_1, token_2 })
    }

    fn rotations(&self) -> usize {
        self.sandbox.rotations(DEV)
    }

    fn rotate_outside(&self, times: usize) {
        (0..times).for_each(|_| self.sandbox.rotate_outside(DEV));
    }
}

#[tokio::test(start_paused = true)]
async fn create_and_destroy_do_not_rotate_for_every_response_format() {
    for options in option_variants() {
        let mut managed = Managed::new(options).created().await;
        managed.apply(&config("1")).await.changes_nothing().reports_nothing();
        let destroyed = managed.resource.destroy(&managed.provider).await;
        destroyed
            .succeeds()
            .warns("are removed from the state, but remain valid");
        assert!(managed.resource.object().is_none());
        assert_eq!(managed.rotations(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn changed_trigger_revokes_token_1_as_planned() {
    for options in option_variants() {
        let mut managed = Managed::new(options).created().await;
        let (first, created) = (managed.state().tokens.get().unwrap(), managed.state().tokens.generation);
        let run = managed
            .plan(&config("2"))
            .await
            .warns("Token 1 of \"acme-shop-dev\" will be revoked");
        let planned = StreamingTokens::from_value(&run.planned).unwrap().tokens;
        let token_1 = planned.token_1.known().unwrap();
        assert_eq!(token_1.expose_secret(), first.token_2.expose_secret());
        assert!(planned.token_2.is_unknown() && planned.generation == generation::next(&created));
        assert_eq!(managed.rotations(), 0, "a plan revokes nothing");

        managed.apply(&config("2")).await.succeeds();
        assert!(managed.has_both() && managed.generation() == planned.generation.into_known().unwrap());
        // A refresh does not mistake it for a rotation by another client, and it is not repeated.
        tokio::time::advance(Duration::from_secs(60)).await;
        managed.apply(&config("2")).await.changes_nothing().reports_nothing();
        assert_eq!(managed.rotations(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn apply_after_killed_run_revokes_no_second_token() {
    let mut managed = Managed::new(Options::default()).created().await;
    let created = managed.generation();
    managed
        .sandbox
        .fault(Fault::new(Effect::Hang).after().on("POST", ROTATE));
    let killed = tokio::time::timeout(Duration::from_secs(5), managed.apply(&config("2"))).await;
    assert!(killed.is_err() && managed.rotations() == 1 && !managed.has_both());

    let run = managed.apply(&config("2")).await.succeeds();
    run.warns("were rotated outside of an apply")
        .warns("have been rotated already");
    assert!(managed.has_both() && managed.rotations() == 1);
    assert_eq!(managed.generation(), created + 1, "as the killed run had planned");
    managed.apply(&config("2")).await.changes_nothing().reports_nothing();
    // The next change rotates again.
    managed.apply(&config("3")).await.succeeds();
    assert!(managed.has_both() && managed.rotations() == 2);
}

#[tokio::test(start_paused = true)]
async fn recorded_outside_rotation_prevents_a_rotation_until_an_apply_settles_it() {
    let mut managed = Managed::new(Options::default()).created().await;
    managed.rotate_outside(1);
    for warnings in [1, 0, 0] {
        let run = managed.resource.refresh(&managed.provider).await.succeeds();
        assert_eq!(run.diagnostics.len(), warnings, "{run:?}");
    }
    let unknown_member = Triggers::from([("leak".to_owned(), Field::Unknown)]);
    for config in [
        config("2"),
        with_triggers(unknown_member.into()),
        with_triggers(Field::Unknown),
    ] {
        let run = managed.plan(&config).await.succeeds();
        let planned = StreamingTokens::from_value(&run.planned).unwrap().tokens;
        assert!(planned.token_2.known().is_some(), "no rotation is planned");
    }
    // An apply without a change resets it, and the next change rotates.
    assert!(managed.apply(&config("1")).await.reports_nothing().is_change());
    assert_eq!(managed.state().tokens.changed_outside, Field::Known(false));
    managed.apply(&config("2")).await.succeeds();
    assert!(managed.has_both());
    assert_eq!(managed.rotations(), 2, "one outside, one by the apply");
}

#[tokio::test(start_paused = true)]
async fn refresh_detects_and_reports_rotations_outside() {
    for (times, warning) in [(1, "outside of an apply"), (2, "more than once"), (5, "more than once")] {
        let mut managed = Managed::new(Options::default()).created().await;
        let created = managed.generation();
        managed.rotate_outside(times);
        managed.apply(&config("1")).await.succeeds().warns(warning);
        assert!(managed.has_both() && managed.generation() == created + 1);
        managed.apply(&config("1")).await.changes_nothing().reports_nothing();
        assert_eq!(managed.rotations(), times);
    }
}

#[tokio::test(start_paused = true)]
async fn import_and_first_triggers_after_it_do_not_rotate() {
    let mut managed = Managed::new(Options::default());
    let imported = managed.resource.import(&managed.provider, "other").await;
    imported.fails("Check the environment's id");
    managed.resource.import(&managed.provider, DEV).await.reports_nothing();
    assert!(managed.has_both());
    managed
        .plan(&with_triggers(Field::Null))
        .await
        .changes_nothing()
        .reports_nothing();
    managed.apply(&config("1")).await.reports_nothing();
    let imported = managed.generation();
    assert_eq!(managed.rotations(), 0);
    managed.apply(&config("2")).await.succeeds();
    assert_eq!((managed.generation(), managed.rotations()), (imported + 1, 1));
}

#[tokio::test(start_paused = true)]
async fn unknown_triggers_are_evaluated_at_apply() {
    for (value, rotations) in [("1", 0), ("2", 1)] {
        let managed = Managed::new(Options::default()).created().await;
        let resource = StreamingTokensResource::new(Session::new(managed.sandbox.clock()));
        let context = Context::with_client(connection(&managed.sandbox, Role::Admin));
        let prior = managed.state();
        let mut change = Change {
            config: StreamingTokens::default(),
            prior: Some(prior.clone()),
            planned: StreamingTokens {
                policy: with_triggers(Field::Unknown).policy,
                ..prior.clone()
            },
            equivalent: Vec::new(),
        };
        resource.plan(&context, &mut change).await.unwrap();
        let warnings = context.take_diagnostics();
        assert!(
            warnings
                .iter()
                .any(|warning| warning.detail.contains("known only at apply"))
        );
        let planned = StreamingTokens {
            policy: config(value).policy,
            ..change.planned
        };
        assert!(planned.tokens.token_1.is_unknown() && planned.tokens.generation.is_unknown());
        let state = resource.update(&context, prior, planned).await.unwrap();
        assert!(!context.has_errors() && state.tokens.token_2.known().is_some());
        assert_eq!(managed.rotations(), rotations);
    }
}

#[tokio::test(start_paused = true)]
async fn repeated_applies_after_any_lost_answer_revoke_one_token() {
    let rejections = [401, 403, 404, 500].map(Fault::answer);
    for fault in lost_answers("true").into_iter().chain(rejections) {
        for (method, path) in [("POST", ROTATE), ("GET", READ)] {
            for skip in 0..4 {
                let mut managed = Managed::new(Options::default()).created().await;
                managed
                    .sandbox
                    .fault(fault.clone().on(method, path).skip(skip).times(8));
                for _ in 0..3 {
                    managed.apply(&config("2")).await;
                    managed.sandbox.clear_faults();
                }
                assert!(managed.has_both(), "{fault:?}");
                assert_eq!(managed.rotations(), 1, "{fault:?} of {path} after {skip}");
                managed.apply(&config("2")).await.changes_nothing().reports_nothing();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rotation_with_wrong_paths_names_the_arguments() {
    let mut managed = Managed::new(Options::default());
    managed
        .resource
        .set_provider(json!({ "streaming_tokens_path": "/tokens/{workspaceId}" }));
    let run = managed.apply(&config("1")).await;
    run.fails("`streaming_tokens_path` and `rotate_streaming_tokens_path`");
    managed
        .resource
        .set_provider(json!({ "rotate_streaming_tokens_path": "/tokens/{workspaceId}" }));
    managed.apply(&config("1")).await.succeeds();
    let run = managed.apply(&config("2")).await;
    run.fails("`streaming_tokens_path` and `rotate_streaming_tokens_path`");
    assert!(managed.has_both() && managed.rotations() == 0);
}

#[tokio::test(start_paused = true)]
async fn apply_refuses_to_revoke_own_credential() {
    let sandbox = sandbox(Options {
        readers: Readers::Holders,
        ..Options::default()
    });
    let [token_1, _] = sandbox.tokens(DEV).unwrap();
    let mut managed = Managed::with(provider_with(&sandbox, &token_1), sandbox)
        .created()
        .await;
    let refusal = "Cannot revoke the provider's own token";
    managed.plan(&config("2")).await.succeeds().warns(refusal);
    managed.apply(&config("2")).await.fails(refusal);
    assert!(managed.has_both() && managed.rotations() == 0);
}

#[tokio::test(start_paused = true)]
async fn rejected_refresh_keeps_the_state() {
    for status in [401, 403, 404] {
        let mut managed = Managed::new(Options::default()).created().await;
        managed.sandbox.fault(Fault::answer(status).on("GET", READ));
        managed
            .apply(&config("1"))
            .await
            .fails("Nothing was removed from the state");
        assert!(managed.has_both());
    }
}

fn sha256(token: &SecretString) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, token.expose_secret().as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a configuration that revokes these tokens.
fn revoking(tokens: &[&SecretString]) -> StreamingTokens {
    let hashes: Set<_> = tokens.iter().map(|token| sha256(token).into()).collect();
    let mut config = config("1");
    config.policy.revoke_sha256 = hashes.into();
    config
}

fn forcing(leak: &str) -> StreamingTokens {
    let mut config = config("1");
    config.policy.forced_rotation_triggers = triggers(leak);
    config
}

#[tokio::test(start_paused = true)]
async fn listed_token_is_revoked_even_after_rotations_outside() {
    for rotations_outside in 0..3 {
        // The leaked token is token 1 or token 2 of the state.
        for slot in [1, 2] {
            let mut managed = Managed::new(Options::default()).created().await;
            let known = managed.state().tokens.get().unwrap();
            let leaked = if slot == 1 { &known.token_1 } else { &known.token_2 };
            managed.rotate_outside(rotations_outside);
            let times = usize::from(slot > rotations_outside) * (slot - rotations_outside.min(slot));
            let run = managed.assert_rotates(&revoking(&[leaked]), times).await;
            match times {
                0 => drop(run.warns("No streaming token of \"acme-shop-dev\" is listed in revoke_sha256")),
                1 => drop(run.warns("Token 1 of \"acme-shop-dev\" will be revoked")),
                _ => drop(run.warns("Both streaming tokens of \"acme-shop-dev\" will be revoked")),
            }
            assert!(!managed.sandbox.is_live(leaked.expose_secret()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn forced_trigger_rotates_once_even_after_a_rotation_outside() {
    let mut managed = Managed::new(Options::default());
    managed.apply(&forcing("1")).await.succeeds();
    assert_eq!(managed.rotations(), 0, "a creation only reads");
    managed
        .assert_rotates(&forcing("2"), 1)
        .await
        .warns("Token 1 of \"acme-shop-dev\" will be revoked");
    managed.rotate_outside(1);
    managed
        .assert_rotates(&forcing("3"), 1)
        .await
        .warns("rotates them once more");
    managed.assert_rotates(&forcing("3"), 0).await.reports_nothing();
}

#[tokio::test(start_paused = true)]
async fn create_revokes_listed_tokens() {
    for (slot, times) in [(0, 1), (1, 2)] {
        let mut managed = Managed::new(Options::default());
        let leaked = &managed.sandbox.tokens(DEV).unwrap()[slot];
        managed
            .assert_rotates(&revoking(&[leaked]), times)
            .await
            .warns("may be revoked");
        assert!(!managed.sandbox.is_live(leaked.expose_secret()));
    }
}

#[tokio::test(start_paused = true)]
async fn failed_second_rotation_keeps_the_first_and_is_repeated_by_the_next_apply() {
    let mut managed = Managed::new(Options::default()).created().await;
    let leaked = managed.state().tokens.get().unwrap().token_2;
    managed.sandbox.fault(Fault::answer(403).on("POST", ROTATE).skip(1));
    managed.apply(&revoking(&[&leaked])).await.fails("");
    assert!(managed.has_both() && managed.rotations() == 1);
    managed.assert_rotates(&revoking(&[&leaked]), 1).await;
    assert!(!managed.sandbox.is_live(leaked.expose_secret()));
}

#[tokio::test(start_paused = true)]
async fn stale_read_after_a_rotation_changes_no_state_and_revokes_no_second_token() {
    let mut managed = Managed::new(Options {
        stale_reads: jiff::SignedDuration::from_mins(10),
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
    managed.assert_rotates(&config("3"), 1).await;
}

#[tokio::test(start_paused = true)]
async fn next_apply_waits_for_a_rotation_that_becomes_visible_late() {
    let mut managed = Managed::new(Options {
        rotated: crate::sandbox::quix::Rotated::NoContent,
        stale_reads: jiff::SignedDuration::from_secs(120),
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
