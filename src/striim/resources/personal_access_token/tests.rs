//! Runs of a workspace with one `striim_personal_access_token`, against the sandbox, under tokio's paused clock.

use jiff::SignedDuration;
use secrecy::ExposeSecret;

use super::*;
use crate::framework::PrivateState;
use crate::framework::testing::{
    self, Configuration, ResourceBlock, Run, RunOptions, SavedPlan, SingleResource, Workspace,
};
use crate::platform::rotation_policy::RotationPolicy;
use crate::platform::testing::gateway_answers::gateway_answers;
use crate::sandbox::striim::{Options, RefusalStatus, Role, Sandbox};
use crate::sandbox::{Effect, Fault};
use crate::striim::api::Api;
use crate::striim::resources::pat_status::PatStatus;
use crate::striim::tests::{Connected, api, api_with, connection, operation, provider_by, sandbox};

const USER: &str = "ann@acme.example";
const ADMIN: &str = "admin@acme.example";
const ROTATE: (&str, &str) = ("POST", "/user-token/rotate");
const REVOKE: (&str, &str) = ("DELETE", "/user-token");
const STATUS: &str = "striim_pat_status.this";
const PAT: &str = "striim_personal_access_token.this";

/// An account with a regular user, a provider with one of the account's tokens, and the workspace.
struct World {
    sandbox: Sandbox,
    /// The API client, which all runs share. If a run rotates the client's own token, later runs use the new value.
    api: Api,
    resource: SingleResource,
}

impl World {
    /// Creates an account whose provider uses the token of a service account.
    fn new(options: Options) -> Self {
        let sandbox = sandbox(options);
        sandbox.add_user(USER, Role::Regular);
        Self {
            api: api(&sandbox),
            resource: new_resource(),
            sandbox,
        }
    }

    /// Creates an account whose provider uses the PAT of this user.
    fn of(email: &str) -> Self {
        let mut world = Self::new(Options::default());
        world.work_with(&world.give(email));
        world
    }

    /// Creates an account with a user whose PAT Terraform manages.
    async fn created(options: Options) -> Self {
        let mut world = Self::new(options);
        world.give(USER);
        world.apply(&of(Some(USER))).await.reports_nothing();
        world
    }

    /// Switches the provider to this token.
    fn work_with(&mut self, token: &SecretString) {
        self.api = api_with(&self.sandbox, token);
    }

    /// Switches the provider to the token of a service account.
    fn work_as_service_account(&mut self) {
        self.api = api(&self.sandbox);
    }

    /// Returns a constructor of providers, one for each process that Terraform starts.
    fn provider(&self) -> impl Fn() -> Connected + use<> {
        let (sandbox, api) = (self.sandbox.clone(), self.api.clone());
        move || provider_by(&sandbox, &api)
    }

    /// Gives a user a PAT that expires in 30 days.
    fn give(&self, email: &str) -> SecretString {
        let end = self.sandbox.clock().now() + SignedDuration::from_hours(30 * 24);
        self.sandbox.add_user_token(email, Some(end)).unwrap()
    }

    fn advance(&self, days: i64) {
        self.sandbox.advance(SignedDuration::from_hours(24 * days));
    }

    fn is_live(&self, state: &PersonalAccessToken) -> bool {
        let value = state.token.delivery.token.known();
        value.is_some_and(|value| self.sandbox.is_live(value.expose_secret()))
    }

    #[track_caller]
    fn state(&self) -> PersonalAccessToken {
        self.resource.state().expect("the resource is in the state")
    }

    fn is_in_state(&self) -> bool {
        self.resource.object().is_some()
    }

    async fn plan(&mut self, config: &PersonalAccessToken) -> Run {
        self.resource.plan(self.provider(), Some(config)).await
    }

    /// Saves the plan of a destroy. Discards its warnings.
    async fn save_destroy_plan(&mut self) -> SavedPlan {
        self.save_plan(None).await
    }

    async fn save_plan(&mut self, config: Option<&PersonalAccessToken>) -> SavedPlan {
        let plan = self.resource.save_plan(self.provider(), config).await;
        self.resource.workspace().take_diagnostics();
        plan
    }

    /// Plans, which must succeed, and applies the plan. Returns the diagnostics that only the apply reports.
    async fn apply(&mut self, config: &PersonalAccessToken) -> Run {
        let plan = self.resource.save_plan(self.provider(), Some(config)).await;
        let planned = self.resource.workspace().take_diagnostics();
        let mut run = self.apply_saved(&plan).await;
        run.diagnostics.retain(|shown| !planned.contains(shown));
        run
    }

    async fn apply_saved(&mut self, plan: &SavedPlan) -> Run {
        self.resource.apply_saved(self.provider(), plan).await
    }

    async fn refresh(&mut self) -> Run {
        self.resource.refresh(self.provider()).await
    }

    async fn destroy(&mut self) -> Run {
        self.resource.destroy(self.provider()).await
    }

    /// Destroys. Asserts that it succeeds.
    async fn destroy_succeeds(&mut self) {
        self.destroy().await.reports_nothing();
        assert!(!self.is_in_state());
    }

    /// Plans this configuration in a new workspace, and returns the diagnostics.
    async fn plan_all(&self, configuration: &Configuration) -> Vec<testing::Diagnostic> {
        let workspace = Workspace::new();
        workspace
            .plan(self.provider(), configuration, &RunOptions::default())
            .await;
        workspace.take_diagnostics()
    }

    async fn toggle_pats(&self) {
        api(&self.sandbox).toggle_pat_status(&operation()).await.unwrap();
    }
}

fn new_resource() -> SingleResource {
    SingleResource::new(PersonalAccessTokenResource::TYPE)
}

/// Returns the planned attributes of a run.
fn planned(run: &Run) -> PersonalAccessToken {
    PersonalAccessToken::from_value(&run.planned).unwrap()
}

fn status(enabled: bool) -> PatStatus {
    PatStatus {
        enabled: enabled.into(),
        ..PatStatus::default()
    }
}

/// A configuration whose values are valid for 30 days.
fn of(email: Option<&str>) -> PersonalAccessToken {
    PersonalAccessToken {
        email: email.map(str::to_owned).into(),
        token: RotationPolicy {
            expires_in: "30d".into(),
            ..RotationPolicy::default()
        }
        .into(),
        ..PersonalAccessToken::default()
    }
}

fn with_trigger(mut config: PersonalAccessToken, value: &str) -> PersonalAccessToken {
    let trigger = ("release".to_owned(), value.into());
    config.token.policy.rotation_triggers = Field::Known([trigger].into());
    config
}

fn with_policy(mut config: PersonalAccessToken, change: impl FnOnce(&mut RotationPolicy)) -> PersonalAccessToken {
    change(&mut config.token.policy);
    config
}

#[tokio::test(start_paused = true)]
async fn configuration_is_validated_without_requests() {
    let cases = [
        (of(Some(USER)), None),
        (of(None), None),
        (of(Some("ann")), Some("must be an email address")),
        (of(Some("")), Some("must be an email address")),
        (
            PersonalAccessToken {
                token: RotationPolicy {
                    expires_in: "90d".into(),
                    ..RotationPolicy::default()
                }
                .into(),
                ..PersonalAccessToken::default()
            },
            None,
        ),
        (
            PersonalAccessToken {
                token: RotationPolicy {
                    expires_in: "91d".into(),
                    ..RotationPolicy::default()
                }
                .into(),
                ..PersonalAccessToken::default()
            },
            Some("more than 90 days ahead"),
        ),
    ];
    for (config, problem) in cases {
        let mut world = World::new(Options::default());
        let planned = world.plan(&config).await;
        assert_eq!(planned.diagnostics.len(), 1, "{planned:?}");
        match problem {
            Some(problem) => {
                planned.fails(problem);
                assert_eq!(world.sandbox.calls("GET", "/user-token"), 0);
            }
            None => drop(planned.warns("No personal access token to rotate")),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn planned_creation_warns_of_revoked_value() {
    let mut world = World::new(Options::default());
    let none = world.plan(&of(Some(USER))).await.succeeds();
    none.warns("Whether a rotation creates a first token is not documented");
    world.plan(&of(None)).await.succeeds().warns("Set `email`");

    world.give(USER);
    let run = world.plan(&of(Some(USER))).await.succeeds();
    assert_eq!(run.diagnostics.len(), 1);
    let run = run.warns("exists and would expire at 2027-01-31T00:00:00Z");
    assert_eq!(planned(&run).id.known().unwrap(), USER);
    assert!(planned(&run).token.delivery.generation.is_unknown());

    world.sandbox.add_user_token(USER, None).unwrap();
    let endless = world.plan(&of(Some(USER))).await.succeeds();
    endless.warns("exists and has no expiry");
}

#[tokio::test(start_paused = true)]
async fn create_rotates_present_token() {
    // (user of the provider's PAT, or `None` for a service account; configured `email`; expected `id`)
    for (caller, email, id) in [
        (None, Some(USER), USER),
        (Some(USER), Some(USER), USER),
        (Some(USER), None, USER),
        (Some(ADMIN), None, ADMIN),
        (Some(ADMIN), Some(USER), USER),
    ] {
        let mut world = caller.map_or_else(|| World::new(Options::default()), World::of);
        let before = if caller == Some(id) { None } else { Some(world.give(id)) };
        world.apply(&of(email)).await.reports_nothing();
        let state = world.state();
        assert!(world.is_live(&state), "{caller:?} {email:?}");
        assert!(before.is_none_or(|before| !world.sandbox.is_live(before.expose_secret())));
        assert_eq!(state.id(), id);
        assert!(state.token.delivery.generation.known().is_some());
        assert_eq!(state.token.policy.expires_at.known().unwrap(), "2027-01-31T00:00:00Z");
        assert!(state.token.metadata.token_id.known().is_some() && state.token.metadata.updated_at.known().is_some());
        world.refresh().await.reports_nothing();
        assert!(world.is_live(&world.state()));
    }
}

#[tokio::test(start_paused = true)]
async fn rotate_returns_valid_value_after_lost_answer() {
    for fault in [
        Fault::new(Effect::Cut),
        Fault::new(Effect::Cut).after(),
        Fault::new(Effect::Truncate),
        Fault::answer(502).after(),
        Fault::answer(200).body("{").after(),
    ] {
        let mut world = World::new(Options::default());
        let before = world.give(USER);
        world.sandbox.fault(fault.clone().on(ROTATE.0, ROTATE.1).times(2));
        world.apply(&of(Some(USER))).await.reports_nothing();
        let state = world.state();
        assert!(world.is_live(&state), "{fault:?}");
        assert!(!world.sandbox.is_live(before.expose_secret()));

        world.sandbox.fault(fault.clone().on(ROTATE.0, ROTATE.1).times(2));
        let changed = with_trigger(of(Some(USER)), "2");
        world.apply(&changed).await.reports_nothing();
        let updated = world.state();
        assert!(world.is_live(&updated) && !world.is_live(&state), "{fault:?}");
        assert_eq!(
            updated.token.delivery.generation,
            generation::next(&state.token.delivery.generation)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn failed_create_is_not_in_state() {
    let cut = || Fault::new(Effect::Cut).after().on(ROTATE.0, ROTATE.1).times(1_000);
    let mut world = World::new(Options::default());
    world.give(USER);
    world.sandbox.fault(cut());
    let created = world.apply(&of(Some(USER))).await;
    created.fails("Run again to rotate once more");
    assert!(!world.is_in_state());

    let mut world = World::of(USER);
    world.sandbox.fault(cut());
    let created = world.apply(&of(None)).await;
    created.fails("the provider's own token no longer works");
    assert!(!world.is_in_state());
    assert_eq!(world.sandbox.calls(ROTATE.0, ROTATE.1), 1);
}

#[tokio::test(start_paused = true)]
async fn rejected_rotation_reports_advice() {
    let refusing = |change: fn(&mut Options)| {
        let mut options = Options::default();
        change(&mut options);
        options
    };
    let by_default = |email: Option<&str>| PersonalAccessToken {
        email: email.map(str::to_owned).into(),
        ..PersonalAccessToken::default()
    };
    for (options, config, has_one, advice) in [
        (
            refusing(|options| options.rotation_creates_pat = false),
            of(Some(USER)),
            false,
            "ask the user to create one in the portal",
        ),
        (Options::default(), of(None), false, "Set `email`"),
        (
            refusing(|options| options.pat_expiry_required = true),
            by_default(Some(USER)),
            true,
            "set `expires_in` or `expires_at`",
        ),
        (
            refusing(|options| options.admins_rotate_pats = false),
            of(Some(USER)),
            true,
            "configure the provider with the user's own token",
        ),
    ] {
        let mut world = World::new(options);
        if has_one {
            world.give(USER);
        }
        world.apply(&config).await.fails(advice);
        assert!(!world.is_in_state());
    }
}

#[tokio::test(start_paused = true)]
async fn plan_warns_that_pats_are_disabled() {
    /// (status planned by `striim_pat_status` before the PAT, status planned after it, expected diagnostic)
    type Case = (Option<bool>, Option<bool>, &'static str);
    let cases: [Case; 4] = [
        (None, None, "reference it in `depends_on`"),
        (None, Some(true), "reference it in `depends_on`"),
        (Some(true), None, ""),
        (Some(false), None, "will be disabled"),
    ];
    let pat = || ResourceBlock::new(of(Some(USER)));
    let status_block = |enabled| ResourceBlock::new(status(enabled));
    for (before, after, phrase) in cases {
        let world = World::new(Options::default());
        world.toggle_pats().await;
        let alone = world.plan_all(&Configuration::new().with(PAT, pat())).await;
        let mut configuration = Configuration::new();
        configuration = match before {
            Some(enabled) => {
                let block = pat().depends_on(STATUS);
                configuration.with(STATUS, status_block(enabled)).with(PAT, block)
            }
            None => configuration.with(PAT, pat()),
        };
        if let Some(enabled) = after {
            configuration = configuration.with(STATUS, status_block(enabled).depends_on(PAT));
        }
        let shown = world.plan_all(&configuration).await;
        let severity = if before == Some(false) {
            Severity::Error
        } else {
            Severity::Warning
        };
        let reports = |phrase: &str| {
            let mut shown = shown.iter().filter(|shown| shown.severity == severity);
            shown.any(|shown| shown.to_string().contains(phrase))
        };
        assert_eq!(reports("disabled"), !phrase.is_empty(), "{shown:?}");
        assert!(reports(phrase), "{shown:?}");
        assert!(
            before == Some(false) || !shown.iter().any(|shown| shown.is_error()),
            "{shown:?}"
        );
        if before.is_none() {
            assert_eq!(shown, alone, "the plan of the status reports nothing");
        }
    }
    let world = World::new(Options::default());
    world.give(USER);
    let disabling = Configuration::new()
        .with(PAT, pat())
        .with(STATUS, status_block(false).depends_on(PAT));
    let shown = world.plan_all(&disabling).await;
    let errors: Vec<_> = shown.iter().filter(|shown| shown.is_error()).collect();
    assert!(errors.len() == 1 && errors[0].to_string().contains("will be disabled"));
}

#[tokio::test(start_paused = true)]
async fn plan_succeeds_without_permission_to_read_pat_status() {
    let mut world = World::of(USER);
    let planned = world.plan(&of(None)).await.succeeds();
    assert_eq!(planned.diagnostics.len(), 2, "{planned:?}");
    planned.warns("will be revoked");
}

#[tokio::test(start_paused = true)]
async fn apply_reports_that_pats_are_disabled() {
    for refused in [
        RefusalStatus::BadRequest,
        RefusalStatus::Forbidden,
        RefusalStatus::Conflict,
    ] {
        let mut world = World::new(Options {
            pats_disabled: refused,
            ..Options::default()
        });
        world.toggle_pats().await;
        world.apply(&of(Some(USER))).await.fails("are disabled in the account");
        assert!(!world.is_in_state());
    }
}

#[tokio::test(start_paused = true)]
async fn two_resources_for_one_user_are_rejected() {
    let world = World::of(USER);
    let both = Configuration::new()
        .with("striim_personal_access_token.a", ResourceBlock::new(of(None)))
        .with("striim_personal_access_token.b", ResourceBlock::new(of(Some(USER))));
    let shown = world.plan_all(&both).await;
    let errors: Vec<_> = shown.iter().filter(|shown| shown.is_error()).collect();
    assert!(errors.len() == 1 && errors[0].to_string().contains("Two resources of this configuration"));
}

#[tokio::test(start_paused = true)]
async fn token_is_rotated_only_for_a_reason() {
    let declared = || {
        with_policy(with_trigger(of(Some(USER)), "1"), |policy| {
            policy.rotate_before = "7d".into()
        })
    };
    for (config, days, reason) in [
        (declared(), 22, None),
        (
            with_policy(declared(), |policy| policy.expires_in = "720h".into()),
            22,
            None,
        ),
        (declared(), 23, Some("within rotate_before = 7 days")),
        (declared(), 31, Some("it expired at 2027-01-31T00:00:00Z")),
        (
            with_trigger(declared(), "2"),
            0,
            Some("rotation_triggers.release changed"),
        ),
        (
            with_policy(declared(), |policy| policy.expires_in = "60d".into()),
            0,
            Some("expires_in changed"),
        ),
    ] {
        let mut world = World::new(Options::default());
        world.give(USER);
        world.apply(&declared()).await.reports_nothing();
        world.advance(days);
        world.refresh().await.reports_nothing();
        let state = world.state();
        let run = world.plan(&config).await.succeeds();
        let Some(reason) = reason else {
            let planned = planned(&run.reports_nothing());
            assert_eq!(planned.token.delivery.generation, state.token.delivery.generation);
            assert!(planned.token.delivery.token.known().is_some());
            continue;
        };
        assert_eq!(run.diagnostics.len(), 1, "{run:?}");
        let planned = planned(&run.warns(reason));
        assert!(planned.token.delivery.token.is_unknown() && planned.token.policy.expires_at.is_unknown());
        world.apply(&config).await.reports_nothing();
        let updated = world.state();
        assert_eq!(
            updated.token.delivery.generation,
            generation::next(&state.token.delivery.generation)
        );
        assert!(world.is_live(&updated) && !world.is_live(&state));
        world.plan(&config).await.changes_nothing().reports_nothing();
    }
}

#[tokio::test(start_paused = true)]
async fn fixed_expiry_is_reported_and_not_rotated() {
    let mut world = World::new(Options::default());
    world.give(USER);
    let fixed = |instant: &str| PersonalAccessToken {
        email: USER.into(),
        token: RotationPolicy {
            expires_at: instant.into(),
            ..RotationPolicy::default()
        }
        .into(),
        ..PersonalAccessToken::default()
    };
    let config = fixed("2027-03-01T01:00:00+01:00");
    world.apply(&config).await.reports_nothing();
    let respelled = world.plan(&fixed("2027-03-01T00:00:00Z")).await.reports_nothing();
    let respelled = planned(&respelled);
    assert_eq!(respelled.token.policy.expires_at, config.token.policy.expires_at);
    for (days, phrase) in [(46, "expires at 2027-03-01T00:00:00Z, in 13 days"), (20, "expired at")] {
        world.advance(days);
        world.refresh().await.reports_nothing();
        let run = world.plan(&config).await.succeeds().warns(phrase);
        assert!(planned(&run).token.delivery.token.known().is_some());
    }
    let past = world.plan(&fixed("2027-03-05T00:00:00Z")).await;
    past.fails("is in the past");
    let late = world.plan(&fixed("2027-12-31T00:00:00Z")).await;
    late.fails("more than 90 days ahead");
    world.destroy_succeeds().await;
}

#[tokio::test(start_paused = true)]
async fn refresh_detects_drift() {
    for has_expired in [false, true] {
        let mut world = World::created(Options::default()).await;
        let theirs = world.give(USER);
        world.refresh().await.succeeds().warns("no longer works");
        assert!(world.state().token.delivery.token.is_null());
        let run = world.plan(&of(Some(USER))).await.succeeds();
        let run = run.warns("rotated outside Terraform");
        assert!(planned(&run).token.delivery.token.is_unknown());
        assert!(world.sandbox.is_live(theirs.expose_secret()));

        world.toggle_pats().await;
        if has_expired {
            // A PAT that expired as declared is not reported as revoked outside Terraform.
            world.advance(31);
            world.refresh().await.reports_nothing();
        } else {
            let gone = world.refresh().await.succeeds();
            assert_eq!(gone.diagnostics.len(), 1, "{gone:?}");
            gone.warns("was deleted outside Terraform");
        }
        assert_eq!(world.is_in_state(), has_expired);
    }
}

#[tokio::test(start_paused = true)]
async fn rejected_read_keeps_the_state() {
    for status in [400, 401, 403, 500] {
        let mut world = World::created(Options::default()).await;
        world
            .sandbox
            .fault(Fault::answer(status).on("GET", "/user-token").times(1_000));
        world.refresh().await.fails("Could not read");
        assert!(world.is_in_state(), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn changed_credential_keeps_the_user_of_the_pat() {
    let mut world = World::of(USER);
    world.apply(&of(None)).await.reports_nothing();
    world.give(ADMIN);
    for token in [world.sandbox.admin_token(), world.give(ADMIN)] {
        world.work_with(&token);
        world.refresh().await.reports_nothing();
        assert!(world.is_live(&world.state()));
        world.plan(&of(None)).await.reports_nothing();
    }
    world.apply(&with_trigger(of(None), "2")).await.reports_nothing();
    let updated = world.state();
    assert!(world.is_live(&updated));
    world.destroy_succeeds().await;
    assert!(!world.is_live(&updated));
}

#[tokio::test(start_paused = true)]
async fn pat_of_unknown_user_stays_in_state() {
    const ADVICE: &str = "with the user's personal access token again";
    let mut world = World::of(USER);
    world
        .sandbox
        .set_options(|options| options.user_token_names_user = false);
    world.apply(&of(None)).await.reports_nothing();
    let state = world.state();
    assert_eq!(state.id(), OWN);
    world.refresh().await.reports_nothing();
    assert!(world.is_in_state());
    world.work_as_service_account();
    world.refresh().await.succeeds().warns(ADVICE);
    assert!(world.is_in_state());
    world.destroy().await.fails(ADVICE);
    assert!(world.is_in_state() && world.is_live(&state));
    world.advance(31);
    world.destroy_succeeds().await;
}

#[tokio::test(start_paused = true)]
async fn own_pat_is_rotated_and_used_but_not_revoked() {
    for (email, names_user) in [(None, true), (None, false), (Some(ADMIN), true), (Some(ADMIN), false)] {
        const OWN_TOKEN: &str = "The provider uses this token";
        const ADVICE: &str = "provider with another administrator's token";
        let mut world = World::of(ADMIN);
        world
            .sandbox
            .set_options(|options| options.user_token_names_user = names_user);
        let config = of(email);
        world.plan(&config).await.succeeds().warns(OWN_TOKEN);
        world.work_with(&world.give(ADMIN));
        world.apply(&config).await.reports_nothing();
        world.refresh().await.reports_nothing();
        let state = world.state();

        let changed = with_trigger(config.clone(), "2");
        world.work_with(state.token.delivery.token.known().unwrap());
        world.plan(&changed).await.succeeds().warns(OWN_TOKEN);
        world.apply(&changed).await.reports_nothing();
        let updated = world.state();
        assert!(world.is_live(&updated));

        let planned = world.resource.plan::<Value>(world.provider(), None).await;
        planned.succeeds().warns(ADVICE);
        world.destroy().await.fails(ADVICE);
        assert!(world.is_in_state() && world.is_live(&updated));
        // Without a value in the state, the provider's own PAT is recognised by its user.
        world
            .resource
            .edit_state(|state| state["token"] = serde_json::Value::Null);
        world.work_with(&world.give(ADMIN));
        world.destroy().await.fails(OWN_TOKEN);
        assert!(world.is_in_state());
        assert_eq!(world.sandbox.calls(REVOKE.0, REVOKE.1), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn destroy_revokes_and_is_idempotent() {
    for (by_id, by_email, advice) in [
        (true, false, None),
        (false, true, None),
        (false, false, Some("did not report that number")),
    ] {
        let options = Options {
            user_token_names_user: by_id,
            admins_revoke_by_email: by_email,
            ..Options::default()
        };
        let mut world = World::created(options.clone()).await;
        let planned = world.resource.plan::<Value>(world.provider(), None).await;
        planned.reports_nothing();
        let state = world.state();
        if let Some(advice) = advice {
            world.destroy().await.fails(advice);
            assert!(world.is_in_state() && world.is_live(&state));
            continue;
        }
        world.destroy_succeeds().await;
        assert!(!world.is_live(&state));

        let mut world = World::created(options).await;
        let plan = world.save_destroy_plan().await;
        let operation = operation();
        let found = pat::find(&world.api, &operation, Some(USER)).await.unwrap();
        let found = found.token.unwrap();
        pat::revoke(&world.api, &operation, &found, Some(USER)).await.unwrap();
        world.apply_saved(&plan).await.reports_nothing();
        assert!(!world.is_in_state());
    }
}

#[tokio::test(start_paused = true)]
async fn destroy_keeps_value_issued_by_other_resource_in_same_run() {
    let mut world = World::created(Options::default()).await;
    let old = world.state();
    world.resource.set_lifecycle(ResourceBlock::create_before_destroy);
    let replaced = world.resource.replace(world.provider(), &of(Some(USER))).await;
    replaced.succeeds();
    assert!(world.resource.workspace().deposed().is_empty());
    assert!(world.is_live(&world.state()) && !world.is_live(&old));
}

#[tokio::test(start_paused = true)]
async fn changed_email_revokes_token_of_previous_user() {
    const OTHER: &str = "other@acme.example";
    let mut world = World::created(Options::default()).await;
    let old = world.state();
    world.sandbox.add_user(OTHER, Role::Regular);
    world.apply(&of(Some(OTHER))).await.succeeds();
    assert!(world.is_live(&world.state()) && !world.is_live(&old));
}

#[tokio::test(start_paused = true)]
async fn import_changes_nothing() {
    let mut world = World::of(ADMIN);
    let value = world.give(USER);
    for (id, email, kept) in [
        (USER, Some(USER), USER),
        (OWN, Some(ADMIN), ADMIN),
        (ADMIN, Some(ADMIN), ADMIN),
    ] {
        world.resource = new_resource();
        let imported = world.resource.import(world.provider(), id).await;
        imported.succeeds().warns("so `token` stays null");
        let state = world.state();
        assert_eq!((state.id(), state.email.known().map(String::as_str)), (kept, email));
        let private = PrivateState::decode(world.resource.object().unwrap().private());
        assert!(private_record::is_imported(&private, &state.token.delivery.generation));
        world.refresh().await.reports_nothing();
        let run = world.plan(&of(email)).await.reports_nothing();
        assert!(planned(&run).token.delivery.token.is_null());
    }
    assert!(world.sandbox.is_live(value.expose_secret()));
    world.resource = new_resource();
    let imported = world.resource.import(world.provider(), "bob@acme.example").await;
    imported.fails("cannot be imported");
    assert!(!world.is_in_state());
}

#[tokio::test(start_paused = true)]
async fn disabling_pats_warns_if_provider_uses_a_pat() {
    let disabling = Configuration::new().with(STATUS, ResourceBlock::new(status(false)));
    let warns = |shown: &[testing::Diagnostic], phrase: &str| {
        assert!(!shown.iter().any(|shown| shown.is_error()), "{shown:?}");
        shown.iter().any(|shown| shown.to_string().contains(phrase))
    };
    let by_user = World::of(ADMIN).plan_all(&disabling).await;
    assert!(warns(&by_user, "This locks the provider out"));
    let by_service_account = World::new(Options::default()).plan_all(&disabling).await;
    assert!(!warns(&by_service_account, "locks"));
    assert!(warns(&by_service_account, "revokes every personal access token"));
}

/// Creates and destroys with one provider process, as `terraform test` does.
#[tokio::test(start_paused = true)]
async fn pat_created_and_destroyed_in_one_run_is_revoked() {
    let world = World::new(Options::default());
    let resource = PersonalAccessTokenResource::new(Session::new(world.sandbox.clock()));
    let context = Context::with_client(connection(&world.sandbox));
    let planned = PersonalAccessToken {
        id: USER.into(),
        ..of(Some(USER))
    };
    let state = resource.create(&context, planned).await.unwrap();
    let value = state.token.delivery.token.known().unwrap().expose_secret().to_owned();
    assert!(world.sandbox.is_live(&value));
    resource.delete(&context, state).await.unwrap();
    assert!(!context.has_errors());
    assert!(!world.sandbox.is_live(&value));
}

#[tokio::test(start_paused = true)]
async fn absence_reported_by_gateway_keeps_the_state() {
    for imposter in gateway_answers() {
        for of_user in [true, false] {
            let mut world = World::new(Options::default());
            world.give(USER);
            if of_user {
                let admin = world.sandbox.add_user("root@acme.example", Role::Admin);
                world.work_with(&world.give(&admin.email));
            }
            world.apply(&of(Some(USER))).await.succeeds();
            let state = world.state();
            // Faults for: all requests, all but the first, only the first, only the second.
            for (skip, times) in [(0, 1_000), (1, 1_000), (0, 1), (1, 1)] {
                world.sandbox.clear_faults();
                world.resource.set_state(state.clone());
                let fault = imposter.clone().on("GET", "/user-token").skip(skip).times(times);
                world.sandbox.fault(fault);
                world.refresh().await;
                assert!(world.is_in_state(), "{imposter:?} {of_user} {skip} {times}");
            }
            world.sandbox.clear_faults();
            let plan = world.save_destroy_plan().await;
            for method in ["GET", "DELETE"] {
                world
                    .sandbox
                    .fault(imposter.clone().on(method, "/user-token").times(1_000));
            }
            world.apply_saved(&plan).await;
            assert!(world.is_in_state() && world.is_live(&state), "{imposter:?} {of_user}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rejected_revocation_fails_even_if_token_seems_absent() {
    for imposter in gateway_answers() {
        let mut world = World::created(Options::default()).await;
        let state = world.state();
        world
            .sandbox
            .fault(imposter.clone().on("DELETE", "/user-token").times(1_000));
        world.destroy().await;
        assert!(world.is_in_state() && world.is_live(&state), "{imposter:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn answer_about_other_user_revokes_nothing() {
    let mut world = World::created(Options::default()).await;
    let bob = world.sandbox.add_user("bob@acme.example", Role::Regular);
    let his = world.give(&bob.email);
    let (state, plan) = (world.state(), world.save_destroy_plan().await);
    let body = format!(r#"{{"token-id":1,"user-id":{},"email":"bob@acme.example"}}"#, bob.id);
    let answer = Fault::answer(200).body(&body);
    world.sandbox.fault(answer.on("GET", "/user-token").times(1_000));
    world.apply_saved(&plan).await;
    assert!(world.is_in_state());
    assert!(world.sandbox.is_live(his.expose_secret()) && world.is_live(&state));
    assert_eq!(world.sandbox.calls("DELETE", "/user-token"), 0);
}
