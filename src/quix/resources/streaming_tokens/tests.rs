use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::*;
use crate::framework::Set;
use crate::framework::testing::{Action, Run, SingleResource};
use crate::platform::attributes::Triggers;
use crate::platform::encryption::decrypt;
use crate::platform::sha256::sha256;
use crate::platform::testing::{age_key, lost_answers};
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

    /// Whether both tokens are in the state, and nothing else.
    fn has_both(&self) -> bool {
        self.stored() == self.current() && self.state().tokens.fingerprints() == Ok((&self.current()).into())
    }

    /// The tokens that the platform has.
    fn current(&self) -> api::StreamingTokens {
        let [token_1, token_2] = self.sandbox.tokens(DEV).unwrap();
        api::StreamingTokens { token_1, token_2 }
    }

    /// The tokens in the state.
    fn stored(&self) -> api::StreamingTokens {
        let tokens = self.state().tokens;
        assert!(tokens.encrypted_token_1.is_null() && tokens.encrypted_token_2.is_null());
        api::StreamingTokens {
            token_1: tokens.token_1.into_known().unwrap(),
            token_2: tokens.token_2.into_known().unwrap(),
        }
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
        let (first, created) = (managed.stored(), managed.state().tokens.generation);
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
    // The import does not know whether the values may be in the state.
    let imported = managed.state().tokens;
    assert!(imported.token_1.is_null() && imported.token_2.is_null());
    assert_eq!(imported.fingerprints(), Ok((&managed.current()).into()));
    let run = managed.plan(&with_triggers(Field::Null)).await.reports_nothing();
    assert!(run.is_change());
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
            let known = managed.stored();
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
    let leaked = managed.stored().token_2;
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

/// Returns a configuration whose tokens are encrypted to these recipients.
fn encrypted_to(recipients: &[&str], leak: &str) -> StreamingTokens {
    let mut config = config(leak);
    let recipients = recipients.iter().map(|recipient| Field::from(*recipient));
    config.tokens.age_recipients = recipients.collect::<Set<_>>().into();
    config
}

impl Managed {
    async fn planned(&mut self, config: &StreamingTokens) -> TokenPair {
        let run = self.plan(config).await.succeeds();
        StreamingTokens::from_value(&run.planned).unwrap().tokens
    }

    fn ciphertexts(&self) -> [String; 2] {
        let tokens = self.state().tokens;
        [tokens.encrypted_token_1, tokens.encrypted_token_2].map(|ciphertext| ciphertext.into_known().unwrap())
    }

    /// Whether both tokens are in the state, encrypted to this identity, and no token as it is.
    fn has_both_encrypted_to(&self, identity: &SecretString) -> bool {
        let [token_1, token_2] = self.ciphertexts().map(|ciphertext| decrypt(&ciphertext, identity));
        let decrypted = token_1.ok().zip(token_2.ok());
        let decrypted = decrypted.map(|(token_1, token_2)| api::StreamingTokens { token_1, token_2 });
        let tokens = self.state().tokens;
        assert!(tokens.token_1.is_null() && tokens.token_2.is_null());
        assert_eq!(tokens.fingerprints(), Ok((&self.current()).into()));
        decrypted == Some(self.current())
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_are_encrypted_at_creation_and_rotation_and_not_twice() {
    let (identity, recipient) = age_key();
    let mut managed = Managed::new(Options::default());
    let config = |leak: &str| encrypted_to(&[&recipient], leak);
    let planned = managed.planned(&config("1")).await;
    assert!(planned.token_1.is_null() && planned.encrypted_token_1.is_unknown());
    managed.apply(&config("1")).await.reports_nothing();
    assert!(managed.has_both_encrypted_to(&identity));
    let [_, second] = managed.ciphertexts();
    managed.apply(&config("1")).await.changes_nothing();

    let prior = managed.state().tokens;
    let planned = managed.planned(&config("2")).await;
    assert_eq!(planned.encrypted_token_1, Field::Known(second.clone()));
    assert_eq!(planned.token_1_sha256, prior.token_2_sha256);
    assert!(planned.token_1.is_null() && planned.token_2.is_null());
    assert!(planned.encrypted_token_2.is_unknown() && planned.token_2_sha256.is_unknown());
    managed.apply(&config("2")).await.succeeds();
    assert!(managed.has_both_encrypted_to(&identity) && managed.rotations() == 1);
    managed.apply(&config("2")).await.changes_nothing();

    // A refresh encrypts the tokens that another client created.
    managed.rotate_outside(1);
    managed
        .resource
        .refresh(&managed.provider)
        .await
        .warns("outside of an apply");
    assert!(managed.has_both_encrypted_to(&identity));
    managed.rotate_outside(2);
    managed.apply(&config("2")).await.warns("more than once");
    assert!(managed.has_both_encrypted_to(&identity) && managed.rotations() == 4);
}

#[tokio::test(start_paused = true)]
async fn changed_recipients_store_the_tokens_again_and_rotate_nothing() {
    let [(alice, to_alice), (bob, to_bob)] = [age_key(), age_key()];
    let mut managed = Managed::new(Options::default()).created().await;
    let before = managed.state().tokens;
    let steps = [
        (encrypted_to(&[&to_alice], "1"), vec![&alice], Some(&bob)),
        (encrypted_to(&[&to_alice, &to_bob], "1"), vec![&alice, &bob], None),
        (encrypted_to(&[&to_bob], "1"), vec![&bob], Some(&alice)),
    ];
    for (config, readers, other) in steps {
        let planned = managed.planned(&config).await;
        assert!(planned.token_1.is_null() && planned.encrypted_token_1.is_unknown());
        assert_eq!(planned.generation, before.generation);
        assert_eq!(planned.token_2_sha256, before.token_2_sha256);
        managed.apply(&config).await.plans(Action::Update).reports_nothing();
        assert!(readers.iter().all(|reader| managed.has_both_encrypted_to(reader)));
        assert!(other.is_none_or(|other| !managed.has_both_encrypted_to(other)));
        managed.apply(&config).await.changes_nothing().reports_nothing();
    }
    let planned = managed.planned(&config("1")).await;
    assert!(planned.token_1.is_unknown() && planned.encrypted_token_1.is_null());
    managed.apply(&config("1")).await.reports_nothing();
    assert!(managed.has_both() && managed.rotations() == 0);
    // Both at once: a rotation encrypts to the new recipients.
    managed.apply(&encrypted_to(&[&to_bob], "2")).await.succeeds();
    assert!(managed.has_both_encrypted_to(&bob) && managed.rotations() == 1);
}

#[tokio::test(start_paused = true)]
async fn apply_that_only_stores_fails_if_the_tokens_have_changed_since_the_plan() {
    let [(alice, to_alice), (bob, to_bob)] = [age_key(), age_key()];
    for rotations_outside in [1, 2] {
        let mut managed = Managed::new(Options::default());
        managed.apply(&encrypted_to(&[&to_alice], "1")).await.succeeds();
        let before = managed.state().tokens;
        let config = encrypted_to(&[&to_bob], "1");
        let plan = managed.resource.save_plan(&managed.provider, Some(&config)).await;
        managed.rotate_outside(rotations_outside);
        let run = managed.resource.apply_saved(&managed.provider, &plan).await;
        run.fails("have changed since the plan was created");
        let after = managed.state().tokens;
        assert_eq!(after.fingerprints(), before.fingerprints());
        assert_eq!(after.encrypted_token_1, before.encrypted_token_1);
        managed.apply(&config).await.succeeds();
        assert!(managed.has_both_encrypted_to(&bob) && !managed.has_both_encrypted_to(&alice));
        managed.apply(&config).await.changes_nothing();
        assert_eq!(managed.rotations(), rotations_outside);
    }
}

#[tokio::test(start_paused = true)]
async fn stale_tokens_are_not_encrypted_again() {
    let [(alice, to_alice), (bob, to_bob)] = [age_key(), age_key()];
    let mut managed = Managed::new(Options {
        stale_reads: jiff::SignedDuration::from_mins(10),
        ..Options::default()
    });
    managed.apply(&encrypted_to(&[&to_alice], "1")).await.succeeds();
    managed.apply(&encrypted_to(&[&to_alice], "2")).await.succeeds();
    let run = managed.apply(&encrypted_to(&[&to_bob], "2")).await;
    run.fails("is not visible yet");
    assert!(managed.has_both_encrypted_to(&alice));
    tokio::time::advance(Duration::from_secs(600)).await;
    managed.apply(&encrypted_to(&[&to_bob], "2")).await.succeeds();
    assert!(managed.has_both_encrypted_to(&bob) && managed.rotations() == 1);
}

#[tokio::test(start_paused = true)]
async fn lost_answers_and_rejections_leave_the_tokens_stored_as_before() {
    let [(alice, to_alice), (bob, to_bob)] = [age_key(), age_key()];
    let rejections = [401, 403, 404, 500].map(Fault::answer);
    for fault in lost_answers("true").into_iter().chain(rejections) {
        for skip in 0..3 {
            let mut managed = Managed::new(Options::default());
            managed.apply(&encrypted_to(&[&to_alice], "1")).await.succeeds();
            managed.sandbox.fault(fault.clone().on("GET", READ).skip(skip).times(8));
            let config = encrypted_to(&[&to_bob], "1");
            managed.apply(&config).await;
            assert!(managed.has_both_encrypted_to(&alice) || managed.has_both_encrypted_to(&bob));
            managed.sandbox.clear_faults();
            managed.apply(&config).await.succeeds();
            assert!(managed.has_both_encrypted_to(&bob) && managed.rotations() == 0);
            managed.apply(&config).await.changes_nothing();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn import_stores_no_value_and_the_first_apply_encrypts() {
    let (identity, recipient) = age_key();
    let mut managed = Managed::new(Options::default());
    managed.resource.import(&managed.provider, DEV).await.reports_nothing();
    managed.rotate_outside(1);
    managed.resource.refresh(&managed.provider).await.succeeds();
    assert!(
        managed.state().tokens.token_1.is_null(),
        "a refresh stores none, either"
    );
    managed.apply(&encrypted_to(&[&recipient], "1")).await.succeeds();
    assert!(managed.has_both_encrypted_to(&identity) && managed.rotations() == 1);
    managed.apply(&encrypted_to(&[&recipient], "1")).await.changes_nothing();
}

#[tokio::test(start_paused = true)]
async fn invalid_recipient_is_an_error_before_anything_is_sent() {
    let (identity, _) = age_key();
    let mut managed = Managed::new(Options::default()).created().await;
    for (recipients, problem) in [
        (vec!["alice"], "not an age recipient"),
        (vec![identity.expose_secret()], "private key"),
        (vec![], "at least one recipient"),
    ] {
        let run = managed.plan(&encrypted_to(&recipients, "2")).await;
        assert!(!format!("{:?}", run.diagnostics).contains(identity.expose_secret()));
        run.fails(problem);
    }
    // A recipient that was unknown in the plan.
    let resource = StreamingTokensResource::new(Session::new(managed.sandbox.clock()));
    let context = Context::with_client(connection(&managed.sandbox, Role::Admin));
    let calls = managed.sandbox.calls("GET", READ);
    let invalid = encrypted_to(&["alice"], "2");
    let updated = resource.update(&context, managed.state(), invalid.clone()).await;
    assert!(updated.is_err() && resource.create(&context, invalid).await.is_err());
    assert!(managed.sandbox.calls("GET", READ) == calls && managed.rotations() == 0);
}

#[tokio::test(start_paused = true)]
async fn state_without_hashes_is_upgraded_without_a_change() {
    let mut managed = Managed::new(Options::default()).created().await;
    let tokens = managed.stored();
    let attributes = json!({
        "workspace_id": DEV,
        "rotation_triggers": { "leak": "1" },
        "token_1": tokens.token_1.expose_secret(),
        "token_2": tokens.token_2.expose_secret(),
        "generation": managed.generation(),
        "changed_outside": false,
    });
    managed.resource.store(0, attributes);
    managed.plan(&config("1")).await.changes_nothing().reports_nothing();
    managed.assert_rotates(&config("2"), 1).await;
}

#[test]
fn unknown_recipients_leave_open_how_the_tokens_are_stored() {
    use Field::{Null, Unknown};
    let recipients = |entry: Field<String>| Field::from(Set::from_iter([entry]));
    let cases = [
        (Null, [Unknown, Null]),
        (Unknown, [Unknown, Unknown]),
        (recipients(Unknown), [Null, Unknown]),
        (recipients(age_key().1.into()), [Null, Unknown]),
    ];
    for (age_recipients, expected) in cases {
        let mut planned = TokenPair {
            age_recipients,
            ..TokenPair::default()
        };
        planned.mark_unknown();
        let kind = |is_null: bool| if is_null { Null } else { Unknown };
        let kinds: [Field<()>; 2] = [
            kind(planned.token_2.is_null()),
            kind(planned.encrypted_token_2.is_null()),
        ];
        assert_eq!(kinds, expected, "{planned:?}");
    }
}
