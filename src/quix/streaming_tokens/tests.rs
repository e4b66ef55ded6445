use secrecy::ExposeSecret;

use super::*;
use crate::framework::Severity;
use crate::platform::testing::losses;
use crate::quix::connection::{Connection, Endpoints};
use crate::quix::testing::{DEV, connected, every_shape, sandbox, session, session_with};
use crate::sandbox::quix::{Options, Readers, Role, Sandbox};
use crate::sandbox::{Fault, When};

const READING: &str = "/workspaces/acme-shop-dev/sandbox-tokens";
const ROTATION: &str = "/workspaces/acme-shop-dev/sandbox-tokens/rotate";

/// Triggers with one member, of this value.
fn triggers(value: &str) -> Field<Triggers> {
    Triggers::from([("leak".to_owned(), value.into())]).into()
}

/// What Terraform does with one such resource.
struct Terraform {
    resource: StreamingTokens,
    context: Context,
    told: Diagnostics,
}

impl Terraform {
    fn new(session: Session) -> Self {
        Self {
            resource: StreamingTokens::new(session),
            context: Context::default(),
            told: Diagnostics::default(),
        }
    }

    fn of(sandbox: &Sandbox) -> Self {
        Self::new(session(sandbox, Role::Admin))
    }

    async fn refresh(&mut self, state: Model) -> Model {
        let read = self.resource.read(&self.context, state, &mut self.told).await;
        read.expect("nothing leaves the state")
    }

    async fn plan(&mut self, prior: Option<&Model>, triggers: Field<Triggers>) -> Model {
        let config = Model {
            workspace_id: DEV.into(),
            rotation_triggers: triggers.clone(),
            ..Model::default()
        };
        let proposed = match prior {
            Some(prior) => Model {
                rotation_triggers: triggers,
                ..prior.clone()
            },
            None => Model {
                token_1: Field::Unknown,
                token_2: Field::Unknown,
                generation: Field::Unknown,
                changed_outside: Field::Unknown,
                ..config.clone()
            },
        };
        let mut change = Change {
            config,
            prior: prior.cloned(),
            planned: proposed,
        };
        self.resource.plan(&self.context, &mut change, &mut self.told).await;
        change.planned
    }

    async fn create(&mut self, triggers: Field<Triggers>) -> Option<Model> {
        let planned = self.plan(None, triggers).await;
        self.resource.create(&self.context, planned, &mut self.told).await
    }

    /// A refresh, a plan and an apply.
    async fn apply(&mut self, state: Model, triggers: Field<Triggers>) -> Model {
        let prior = self.refresh(state).await;
        let planned = self.plan(Some(&prior), triggers).await;
        self.apply_plan(prior, planned).await
    }

    async fn apply_plan(&mut self, prior: Model, planned: Model) -> Model {
        let failed_before = self.told.has_errors();
        let state = self
            .resource
            .update(&self.context, prior, planned.clone(), &mut self.told)
            .await;
        if !self.told.has_errors() && !failed_before {
            agree(&planned, &state);
        }
        state
    }

    /// What was told since this was asked for last.
    fn told(&mut self) -> Vec<(Severity, String)> {
        let told = std::mem::take(&mut self.told);
        told.into_iter().map(|told| (told.severity, told.summary)).collect()
    }

    fn told_once(&mut self, severity: Severity, summary: &str) {
        let told = self.told();
        let found = told
            .iter()
            .filter(|(of, told)| *of == severity && told.contains(summary));
        assert_eq!(found.count(), 1, "{summary}: {told:?}");
    }
}

/// What Terraform insists on: all that a plan knows is there after its apply.
fn agree(planned: &Model, state: &Model) {
    let text = |field: &Field<SecretString>| field.known().map(|text| text.expose_secret().to_owned());
    for (planned, state) in [(&planned.token_1, &state.token_1), (&planned.token_2, &state.token_2)] {
        assert!(planned.is_unknown() || text(planned) == text(state));
    }
    assert!(planned.generation.is_unknown() || planned.generation == state.generation);
    assert_eq!(planned.changed_outside, state.changed_outside);
    assert_eq!(planned.rotation_triggers, state.rotation_triggers);
}

fn has_both(sandbox: &Sandbox, state: &Model) -> bool {
    let [token_1, token_2] = sandbox.tokens(DEV).unwrap();
    state.tokens().unwrap() == (api::StreamingTokens { token_1, token_2 })
}

#[tokio::test(start_paused = true)]
async fn creation_reads_what_is_there_and_rotates_nothing_in_every_shape() {
    for options in every_shape() {
        let sandbox = sandbox(options.clone());
        let mut terraform = Terraform::of(&sandbox);
        let state = terraform.create(triggers("1")).await.unwrap();
        assert!(has_both(&sandbox, &state), "{options:?}");
        let again = terraform.apply(state.clone(), triggers("1")).await;
        assert!(has_both(&sandbox, &again) && again.generation == Field::Known(1));
        terraform
            .resource
            .delete(&Context::default(), again, &mut terraform.told)
            .await;
        assert!(terraform.told().is_empty() && has_both(&sandbox, &state));
        assert_eq!(sandbox.rotations(DEV), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_triggers_ends_token_1_as_the_plan_says() {
    for options in every_shape() {
        let sandbox = sandbox(options);
        let mut terraform = Terraform::of(&sandbox);
        let first = terraform.create(triggers("1")).await.unwrap();
        let planned = terraform.plan(Some(&first), triggers("2")).await;
        let token_1 = planned.token_1.known().unwrap();
        assert_eq!(token_1.expose_secret(), first.token_2.known().unwrap().expose_secret());
        assert!(planned.token_2.is_unknown() && planned.generation == Field::Known(2));
        terraform.told_once(Severity::Warning, "Token 1 of \"acme-shop-dev\" is to be ended");
        let second = terraform.apply_plan(first, planned).await;
        assert!(has_both(&sandbox, &second) && terraform.told().is_empty());
        // Its own rotation is not taken for another's, and is not repeated.
        tokio::time::advance(std::time::Duration::from_secs(60)).await;
        let again = terraform.apply(second, triggers("2")).await;
        assert_eq!((again.generation, sandbox.rotations(DEV)), (Field::Known(2), 1));
        assert!(terraform.told().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_run_that_was_killed_no_second_token_ends() {
    let sandbox = sandbox(Options::default());
    let mut terraform = Terraform::of(&sandbox);
    let state = terraform.create(triggers("1")).await.unwrap();
    let planned = terraform.plan(Some(&state), triggers("2")).await;
    terraform.told();
    // It has rotated, and nothing was written.
    terraform.apply_plan(state.clone(), planned.clone()).await;

    let prior = terraform.refresh(state.clone()).await;
    terraform.told_once(Severity::Warning, "were rotated outside of an apply");
    let again = terraform.plan(Some(&prior), triggers("2")).await;
    terraform.told_once(Severity::Warning, "have been rotated already");
    assert_eq!(again.generation, planned.generation, "as the killed run had planned");
    let settled = terraform.apply_plan(prior, again).await;
    assert!(has_both(&sandbox, &settled) && terraform.told().is_empty());
    assert_eq!(sandbox.rotations(DEV), 1);
    // The same where the very plan of the killed run is applied again.
    let settled_too = terraform.apply_plan(state, planned).await;
    terraform.told_once(Severity::Warning, "have been rotated already");
    assert!(has_both(&sandbox, &settled_too));
    assert_eq!(sandbox.rotations(DEV), 1);
    // The next change is one again.
    let next = terraform.apply(settled, triggers("3")).await;
    assert!(has_both(&sandbox, &next));
    assert_eq!(sandbox.rotations(DEV), 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_refresh_has_written_is_not_forgotten_before_an_apply_has_settled_it() {
    let sandbox = sandbox(Options::default());
    let mut terraform = Terraform::of(&sandbox);
    let state = terraform.create(triggers("1")).await.unwrap();
    sandbox.rotate_outside(DEV);
    let mut refreshed = terraform.refresh(state).await;
    for _ in 0..3 {
        refreshed = terraform.refresh(refreshed).await;
    }
    terraform.told_once(Severity::Warning, "were rotated outside of an apply");
    let unknown = Triggers::from([("leak".to_owned(), Field::Unknown)]).into();
    for triggers in [triggers("2"), unknown, Field::Unknown] {
        let planned = terraform.plan(Some(&refreshed), triggers).await;
        assert!(planned.token_2.known().is_some(), "no rotation is planned");
    }
    // An apply without a change settles it, and the next change rotates.
    let settled = terraform.apply(refreshed, triggers("1")).await;
    assert_eq!(settled.changed_outside, Field::Known(false));
    let rotated = terraform.apply(settled, triggers("2")).await;
    assert!(has_both(&sandbox, &rotated));
    assert_eq!(sandbox.rotations(DEV), 2, "theirs and ours");
}

#[tokio::test(start_paused = true)]
async fn tokens_that_others_rotated_are_followed_and_told() {
    for (times, told) in [(1, "outside of an apply"), (2, "more than once"), (5, "more than once")] {
        let sandbox = sandbox(Options::default());
        let mut terraform = Terraform::of(&sandbox);
        let state = terraform.create(Field::Null).await.unwrap();
        (0..times).for_each(|_| sandbox.rotate_outside(DEV));
        let state = terraform.refresh(state).await;
        terraform.told_once(Severity::Warning, told);
        assert!(has_both(&sandbox, &state));
        assert_eq!(
            (state.generation, state.changed_outside),
            (Field::Known(2), Field::Known(true))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_brings_the_tokens_and_what_is_declared_first_rotates_nothing() {
    let sandbox = sandbox(Options::default());
    let mut terraform = Terraform::of(&sandbox);
    let imported = terraform
        .resource
        .import(&Context::default(), DEV, &mut terraform.told)
        .await
        .unwrap();
    assert!(has_both(&sandbox, &imported));
    let planned = terraform.plan(Some(&imported), Field::Null).await;
    agree(&planned, &imported);
    let described = terraform.apply(imported, triggers("1")).await;
    assert_eq!((described.generation, sandbox.rotations(DEV)), (Field::Known(0), 0));
    let rotated = terraform.apply(described, triggers("2")).await;
    assert_eq!((rotated.generation, sandbox.rotations(DEV)), (Field::Known(1), 1));
    assert!(
        terraform
            .resource
            .import(&Context::default(), "other", &mut terraform.told)
            .await
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn triggers_that_are_known_only_at_apply_decide_then() {
    for (value, rotations) in [("1", 0), ("2", 1)] {
        let sandbox = sandbox(Options::default());
        let mut terraform = Terraform::of(&sandbox);
        let state = terraform.create(triggers("1")).await.unwrap();
        let mut planned = terraform.plan(Some(&state), Field::Unknown).await;
        terraform.told_once(Severity::Warning, "is to be ended");
        assert!(planned.token_1.is_unknown() && planned.generation.is_unknown());
        planned.rotation_triggers = triggers(value);
        let state = terraform.apply_plan(state, planned).await;
        assert!(has_both(&sandbox, &state));
        assert_eq!(sandbox.rotations(DEV), rotations);
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_is_lost_two_applies_end_one_token() {
    for fault in losses("true")
        .into_iter()
        .chain([401, 403, 404, 500].map(Fault::answer))
    {
        for (method, path) in [("POST", ROTATION), ("GET", READING)] {
            for skip in 0..4 {
                let sandbox = sandbox(Options::default());
                let mut terraform = Terraform::of(&sandbox);
                let mut state = terraform.create(triggers("1")).await.unwrap();
                sandbox.fault(fault.clone().on(method, path).skip(skip).times(8));
                for _ in 0..3 {
                    state = terraform.apply(state, triggers("2")).await;
                    terraform.told();
                    sandbox.heal();
                }
                assert!(has_both(&sandbox, &state), "{fault:?}");
                assert_eq!(sandbox.rotations(DEV), 1, "{fault:?} of {path} after {skip}");
                assert_eq!(state.changed_outside, Field::Known(false));
                let is_over = fault.when == When::Before && method == "POST";
                assert!(sandbox.calls("POST", ROTATION) <= if is_over { 3 } else { 1 });
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_path_the_plan_says_which_and_why_there_is_none() {
    let sandbox = sandbox(Options::default());
    let state = Terraform::of(&sandbox).create(triggers("1")).await.unwrap();
    let api = session(&sandbox, Role::Admin).connected().unwrap().api.clone();
    let connection = |endpoints| Connection::new(api.clone(), endpoints, std::time::Duration::from_secs(300));
    let mut terraform = Terraform::new(connected(&sandbox, connection(Endpoints::default())));
    assert!(terraform.create(triggers("1")).await.is_none());
    let told = std::mem::take(&mut terraform.told);
    assert!(told.iter().all(|told| told.summary == "Missing streaming_tokens_path"));
    assert!(
        told.iter()
            .all(|told| told.detail.contains("not in Quix's public documentation"))
    );
    terraform.refresh(state.clone()).await;
    terraform.told_once(Severity::Error, "Missing streaming_tokens_path");
    terraform.plan(Some(&state), triggers("2")).await;
    terraform.told_once(Severity::Error, "Missing rotate_streaming_tokens_path");
    terraform.plan(Some(&state), triggers("1")).await;
    assert!(terraform.told().is_empty(), "what is not needed is not asked for");
}

#[tokio::test(start_paused = true)]
async fn the_plan_warns_of_ending_the_token_that_the_provider_works_with() {
    let sandbox = sandbox(Options {
        readers: Readers::Holders,
        ..Options::default()
    });
    let [token_1, _] = sandbox.tokens(DEV).unwrap();
    let mut terraform = Terraform::new(session_with(&sandbox, &token_1));
    let state = terraform.create(triggers("1")).await.unwrap();
    terraform.plan(Some(&state), triggers("2")).await;
    terraform.told_once(Severity::Warning, "Cannot end the token that the provider works with");
    let state = terraform.apply(state, triggers("2")).await;
    terraform.told_once(Severity::Error, "Cannot end the token that the provider works with");
    assert!(has_both(&sandbox, &state) && sandbox.rotations(DEV) == 0);
}

#[tokio::test(start_paused = true)]
async fn who_is_not_let_in_loses_nothing() {
    for status in [401, 403, 404] {
        let sandbox = sandbox(Options::default());
        let mut terraform = Terraform::of(&sandbox);
        let state = terraform.create(triggers("1")).await.unwrap();
        sandbox.fault(Fault::answer(status).on("GET", READING));
        let state = terraform.refresh(state).await;
        assert!(has_both(&sandbox, &state));
        let told = std::mem::take(&mut terraform.told);
        assert!(
            told.iter()
                .any(|told| told.detail.contains("Nothing was removed from the state"))
        );
    }
}
