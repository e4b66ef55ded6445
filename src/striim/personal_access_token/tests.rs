//! The resource against the sandbox, in one process and under one clock.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use secrecy::ExposeSecret;

use super::*;
use crate::framework::{DynResource, Failed, PrivateState};
use crate::platform::testing::imposters::imposters;
use crate::sandbox::striim::{Options, Refused, Role, Sandbox};
use crate::sandbox::{Effect, Fault};
use crate::striim::pat_status::{PatStatus, PatStatusResource};
use crate::striim::rotation::RotationPolicy;
use crate::striim::testing::{connection_with, sandbox};

const USER: &str = "ann@acme.example";
const ADMIN: &str = "admin@acme.example";
const ROTATE: (&str, &str) = ("POST", "/user-token/rotate");
const REVOKE: (&str, &str) = ("DELETE", "/user-token");

/// An account with a regular user, and a provider that works with one of its tokens.
struct World {
    sandbox: Sandbox,
    session: Session,
    resource: PersonalAccessTokenResource,
    /// The connection of the present run, and the token that it works with.
    connection: RefCell<(Arc<Connection>, SecretString)>,
    /// The private state of what was created or imported last.
    private: RefCell<PrivateState>,
}

/// The outcome of an operation, and what it reported.
struct Reported<T> {
    result: T,
    diagnostics: Vec<Diagnostic>,
}

impl<T> Reported<T> {
    fn new(result: T, diagnostics: Diagnostics) -> Self {
        let diagnostics = diagnostics.into_iter().collect();
        Self { result, diagnostics }
    }

    fn says(&self, severity: Severity, phrase: &str) -> bool {
        let of = |shown: &&Diagnostic| shown.severity == severity && shown.to_string().contains(phrase);
        self.diagnostics.iter().any(|shown| of(&shown))
    }

    #[track_caller]
    fn warns(self, phrase: &str) -> T {
        assert!(self.says(Severity::Warning, phrase), "{phrase}: {:?}", self.diagnostics);
        self.quiet_of_errors()
    }

    #[track_caller]
    fn fails(self, phrase: &str) -> T {
        assert!(self.says(Severity::Error, phrase), "{phrase}: {:?}", self.diagnostics);
        self.result
    }

    #[track_caller]
    fn quiet_of_errors(self) -> T {
        let errors: Vec<_> = self
            .diagnostics
            .iter()
            .filter(|shown| shown.severity == Severity::Error)
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        self.result
    }

    #[track_caller]
    fn quiet(self) -> T {
        assert!(self.diagnostics.is_empty(), "{:?}", self.diagnostics);
        self.result
    }
}

/// What exists after an operation before which there was `before`, and what it reported.
fn reported<T>(
    context: &Context,
    outcome: Result<T, Failed<PersonalAccessToken>>,
    exists: impl FnOnce(Result<T, Option<PersonalAccessToken>>) -> Option<PersonalAccessToken>,
) -> Reported<Option<PersonalAccessToken>> {
    let outcome = outcome.map_err(|Failed { diagnostics, leaves }| {
        context.diagnostics().extend(diagnostics);
        leaves
    });
    Reported::new(exists(outcome), context.take_diagnostics())
}

impl World {
    /// The provider works with the token of a service account.
    fn new(options: Options) -> Self {
        let sandbox = sandbox(options);
        sandbox.add_user(USER, Role::Regular);
        let session = Session::new(sandbox.clock());
        let token = sandbox.admin_token();
        let connection = Arc::new(connection_with(&sandbox, &token));
        Self {
            resource: PersonalAccessTokenResource::new(session.clone()),
            connection: RefCell::new((connection, token)),
            sandbox,
            session,
            private: RefCell::default(),
        }
    }

    /// The provider works with the PAT of this user, who has none yet.
    fn of(email: &str) -> Self {
        let world = Self::new(Options::default());
        world.work_with(&world.give(email));
        world
    }

    /// Another run begins, with this token.
    fn work_with(&self, token: &SecretString) {
        let connection = Arc::new(connection_with(&self.sandbox, token));
        self.connection.replace((connection, token.clone()));
    }

    /// Another run begins, with the same token: that which the provider has after a rotation of its own.
    fn next_run(&self) {
        let (connection, token) = self.connection.borrow().clone();
        let next = Connection::new(connection.api.clone(), "acme".to_owned(), Duration::from_secs(300));
        self.connection.replace((Arc::new(next), token));
    }

    /// Another run begins, with the token of a service account.
    fn run_again(&self) {
        self.work_with(&self.sandbox.admin_token());
    }

    /// Gives a user a PAT that expires in 30 days.
    fn give(&self, email: &str) -> SecretString {
        let end = self.sandbox.clock().now() + SignedDuration::from_hours(30 * 24);
        self.sandbox.add_user_token(email, Some(end)).unwrap()
    }

    fn is_live(&self, state: &PersonalAccessToken) -> bool {
        let value = state.token.delivery.token.known();
        value.is_some_and(|value| self.sandbox.is_live(value.expose_secret()))
    }

    fn context(&self) -> Context {
        let mut context = Context::with_client(self.connection.borrow().0.clone());
        context.private = self.private.borrow().clone();
        context
    }

    /// The same for an object that is yet to be created or imported.
    fn new_context(&self) -> Context {
        self.private.replace(PrivateState::default());
        self.context()
    }

    async fn plan(
        &self,
        config: &PersonalAccessToken,
        prior: Option<&PersonalAccessToken>,
    ) -> Reported<PersonalAccessToken> {
        let value = |model: Option<&PersonalAccessToken>| model.map_or(Value::Null, |model| model.clone().into_value());
        // As Terraform proposes: the configuration, and for what it leaves out and the provider sets, what there was.
        let mut proposed = prior.cloned().unwrap_or_default();
        let had = |field: fn(&PersonalAccessToken) -> &Field<String>| match field(config) {
            Field::Null => prior.map_or(Field::Null, |prior| field(prior).clone()),
            set => set.clone(),
        };
        proposed.email = had(|model| &model.email);
        proposed.token.policy = RotationPolicy {
            expires_at: had(|model| &model.token.policy.expires_at),
            ..config.token.policy.clone()
        };
        let (config, prior, proposed) = (value(Some(config)), value(prior), proposed.into_value());
        let context = self.context();
        let plan = DynResource::plan(&self.resource, &context, &config, &prior, proposed).await;
        let planned = PersonalAccessToken::from_value(&plan.unwrap().planned).unwrap();
        Reported::new(planned, context.take_diagnostics())
    }

    async fn create(&self, config: &PersonalAccessToken) -> Reported<Option<PersonalAccessToken>> {
        // What is planned for an object that does not exist begins with nothing, and the creation finds what that leaves.
        self.private.replace(PrivateState::default());
        let planned = self.plan(config, None).await.quiet_of_errors();
        let context = self.context();
        let created = self.resource.create(&context, planned).await;
        reported(&context, created, |created| created.map_or_else(|left| left, Some))
    }

    async fn read(&self, state: &PersonalAccessToken) -> Reported<Option<PersonalAccessToken>> {
        let context = self.context();
        let read = Resource::read(&self.resource, &context, state.clone()).await;
        reported(&context, read, |read| {
            read.unwrap_or_else(|left| left.or(Some(state.clone())))
        })
    }

    async fn update(&self, config: &PersonalAccessToken, prior: &PersonalAccessToken) -> Reported<PersonalAccessToken> {
        let planned = self.plan(config, Some(prior)).await.quiet_of_errors();
        let context = self.context();
        let updated = self.resource.update(&context, prior.clone(), planned).await;
        let Reported { result, diagnostics } = reported(&context, updated, |updated| {
            updated.map_or_else(|left| left.or(Some(prior.clone())), Some)
        });
        Reported {
            result: result.unwrap(),
            diagnostics,
        }
    }

    async fn plan_destroy(&self, state: &PersonalAccessToken) -> Reported<()> {
        let context = self.context();
        self.resource.plan_destroy(&context, state).await.unwrap();
        Reported::new((), context.take_diagnostics())
    }

    async fn delete(&self, state: &PersonalAccessToken) -> Reported<Option<PersonalAccessToken>> {
        let context = self.context();
        let deleted = self.resource.delete(&context, state.clone()).await;
        reported(&context, deleted, |deleted| {
            deleted.map_or_else(|left| left.or(Some(state.clone())), |()| None)
        })
    }

    async fn import(&self, id: &str) -> Reported<Option<PersonalAccessToken>> {
        let context = self.new_context();
        let imported = Resource::import(&self.resource, &context, id).await;
        reported(&context, imported, |imported| imported.unwrap_or_else(|left| left))
    }

    /// Plans `striim_pat_status` in the same run.
    async fn plan_status(&self, enabled: bool) -> Reported<()> {
        let status = PatStatusResource::new(self.session.clone());
        let config = PatStatus {
            enabled: enabled.into(),
            ..Default::default()
        };
        let config = config.into_value();
        let context = Context::with_client(self.connection.borrow().0.clone());
        DynResource::plan(&status, &context, &config, &Value::Null, config.clone()).await;
        Reported::new((), context.take_diagnostics())
    }

    async fn turn_pats(&self) {
        let connection = self.connection.borrow().0.clone();
        let operation = connection.operation(&self.context());
        connection.api.toggle_pat_status(&operation).await.unwrap();
    }
}

/// A configuration whose values live 30 days.
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
async fn a_configuration_is_judged_before_anything_is_asked() {
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
        let world = World::new(Options::default());
        let diagnostics = DynResource::validate(&world.resource, &config.into_value());
        let told = Reported::new((), diagnostics);
        match problem {
            Some(problem) => told.fails(problem),
            None => told.quiet(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_planned_creation_says_what_it_ends() {
    let world = World::new(Options::default());
    world
        .plan(&of(Some(USER)), None)
        .await
        .warns("Whether that makes a first one is not documented");
    world.run_again();
    world.plan(&of(None), None).await.warns("set `email`");

    world.give(USER);
    world.run_again();
    let planned = world.plan(&of(Some(USER)), None).await;
    assert_eq!(planned.diagnostics.len(), 1);
    let planned = planned.warns("exists and would expire at 2027-01-31T00:00:00Z");
    assert_eq!(planned.id.known().unwrap(), USER);
    assert!(planned.token.delivery.generation.is_unknown());

    world.sandbox.add_user_token(USER, None).unwrap();
    world.run_again();
    world
        .plan(&of(Some(USER)), None)
        .await
        .warns("exists and has no expiry");
}

#[tokio::test(start_paused = true)]
async fn a_creation_rotates() {
    // As whom the provider works (not given: as a service account), the `email`, the `id` to come.
    for (caller, email, id) in [
        (None, Some(USER), USER),
        (Some(USER), Some(USER), USER),
        (Some(USER), None, USER),
        (Some(ADMIN), None, ADMIN),
        (Some(ADMIN), Some(USER), USER),
    ] {
        let world = caller.map_or_else(|| World::new(Options::default()), World::of);
        let before = if caller == Some(id) { None } else { Some(world.give(id)) };
        let state = world.create(&of(email)).await.quiet().unwrap();
        assert!(world.is_live(&state), "{caller:?} {email:?}");
        assert!(before.is_none_or(|before| !world.sandbox.is_live(before.expose_secret())));
        assert_eq!(state.id(), id);
        assert!(state.token.delivery.generation.known().is_some());
        assert_eq!(state.token.policy.expires_at.known().unwrap(), "2027-01-31T00:00:00Z");
        assert!(state.token.metadata.token_id.known().is_some() && state.token.metadata.updated_at.known().is_some());
        let read = world.read(&state).await.quiet().unwrap();
        assert!(world.is_live(&read));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_loses_no_value() {
    for fault in [
        Fault::new(Effect::Cut),
        Fault::new(Effect::Cut).after(),
        Fault::new(Effect::Truncate),
        Fault::answer(502).after(),
        Fault::answer(200).body("{").after(),
    ] {
        let world = World::new(Options::default());
        let before = world.give(USER);
        world.sandbox.fault(fault.clone().on(ROTATE.0, ROTATE.1).times(2));
        let state = world.create(&of(Some(USER))).await.quiet().unwrap();
        assert!(world.is_live(&state), "{fault:?}");
        assert!(!world.sandbox.is_live(before.expose_secret()));

        world.sandbox.fault(fault.clone().on(ROTATE.0, ROTATE.1).times(2));
        world.run_again();
        let updated = world.update(&with_trigger(of(Some(USER)), "2"), &state).await.quiet();
        assert!(world.is_live(&updated) && !world.is_live(&state), "{fault:?}");
        assert_eq!(
            updated.token.delivery.generation,
            generation::after(&state.token.delivery.generation)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_came_to_nothing_is_not_in_the_state() {
    let cut = || Fault::new(Effect::Cut).after().on(ROTATE.0, ROTATE.1).times(1_000);
    let world = World::new(Options::default());
    world.give(USER);
    world.sandbox.fault(cut());
    let left = world
        .create(&of(Some(USER)))
        .await
        .fails("Run again: that rotates once more");
    assert!(left.is_none());

    let world = World::of(USER);
    world.sandbox.fault(cut());
    let left = world
        .create(&of(None))
        .await
        .fails("the provider's own token no longer works");
    assert!(left.is_none());
    assert_eq!(world.sandbox.calls(ROTATE.0, ROTATE.1), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_what_to_do() {
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
            "have the user create one in the portal",
        ),
        (Options::default(), of(None), false, "set `email`"),
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
            "give the provider the user's own token",
        ),
    ] {
        let world = World::new(options);
        if has_one {
            world.give(USER);
        }
        assert!(world.create(&config).await.fails(advice).is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_knows_that_pats_are_disabled() {
    /// What `striim_pat_status` plans before, and after.
    type Case = (Option<bool>, Option<bool>, &'static str);
    let cases: [Case; 4] = [
        (None, None, "let this resource wait for it with `depends_on`"),
        (None, Some(true), "let this resource wait for it with `depends_on`"),
        (Some(true), None, ""),
        (Some(false), None, "are to be disabled"),
    ];
    for (before, after, phrase) in cases {
        let world = World::new(Options::default());
        world.turn_pats().await;
        if let Some(enabled) = before {
            world.plan_status(enabled).await.quiet_of_errors();
        }
        let planned = world.plan(&of(Some(USER)), None).await;
        let severity = if before == Some(false) {
            Severity::Error
        } else {
            Severity::Warning
        };
        assert_eq!(
            planned.says(severity, "disabled"),
            !phrase.is_empty(),
            "{:?}",
            planned.diagnostics
        );
        assert!(planned.says(severity, phrase), "{:?}", planned.diagnostics);
        if let Some(enabled) = after {
            world.plan_status(enabled).await.quiet();
        }
    }
    let world = World::new(Options::default());
    world.give(USER);
    world.plan(&of(Some(USER)), None).await.quiet_of_errors();
    world.plan_status(false).await.fails("are to be disabled");
}

#[tokio::test(start_paused = true)]
async fn a_user_who_may_not_know_whether_pats_are_disabled_plans_all_the_same() {
    let world = World::of(USER);
    let planned = world.plan(&of(None), None).await;
    assert_eq!(planned.diagnostics.len(), 2, "{:?}", planned.diagnostics);
    planned.warns("is to end");
}

#[tokio::test(start_paused = true)]
async fn an_apply_says_that_pats_are_disabled() {
    for refused in [Refused::BadRequest, Refused::Forbidden, Refused::Conflict] {
        let world = World::new(Options {
            pats_disabled: refused,
            ..Options::default()
        });
        world.turn_pats().await;
        let left = world.create(&of(Some(USER))).await.fails("are disabled in the account");
        assert!(left.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn two_resources_for_one_user_are_refused() {
    let world = World::of(USER);
    world.plan(&of(None), None).await.quiet_of_errors();
    world
        .plan(&of(Some(USER)), None)
        .await
        .fails("Two resources of this configuration");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_touched_only_for_a_reason() {
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
        let world = World::new(Options::default());
        world.give(USER);
        let state = world.create(&declared()).await.quiet().unwrap();
        world.sandbox.advance(SignedDuration::from_hours(24 * days));
        world.run_again();
        let state = world.read(&state).await.quiet().unwrap();
        let planned = world.plan(&config, Some(&state)).await;
        let Some(reason) = reason else {
            let planned = planned.quiet();
            assert_eq!(planned.token.delivery.generation, state.token.delivery.generation);
            assert!(planned.token.delivery.token.known().is_some());
            continue;
        };
        assert_eq!(planned.diagnostics.len(), 1, "{:?}", planned.diagnostics);
        let planned = planned.warns(reason);
        assert!(planned.token.delivery.token.is_unknown() && planned.token.policy.expires_at.is_unknown());
        world.run_again();
        let updated = world.update(&config, &state).await.quiet();
        assert_eq!(
            updated.token.delivery.generation,
            generation::after(&state.token.delivery.generation)
        );
        assert!(world.is_live(&updated) && !world.is_live(&state));
        world.next_run();
        world.plan(&config, Some(&updated)).await.quiet();
    }
}

#[tokio::test(start_paused = true)]
async fn a_fixed_end_is_told_of_and_stays_an_end() {
    let world = World::new(Options::default());
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
    let state = world.create(&config).await.quiet().unwrap();
    world.next_run();
    let respelled = world.plan(&fixed("2027-03-01T00:00:00Z"), Some(&state)).await.quiet();
    assert_eq!(respelled.token.policy.expires_at, config.token.policy.expires_at);
    for (days, phrase) in [(46, "expires at 2027-03-01T00:00:00Z, in 13 days"), (20, "expired at")] {
        world.sandbox.advance(SignedDuration::from_hours(24 * days));
        world.next_run();
        let state = world.read(&state).await.quiet().unwrap();
        let planned = world.plan(&config, Some(&state)).await.warns(phrase);
        assert!(planned.token.delivery.token.known().is_some());
    }
    world
        .plan(&fixed("2027-03-05T00:00:00Z"), Some(&state))
        .await
        .fails("is in the past");
    world
        .plan(&fixed("2027-12-31T00:00:00Z"), Some(&state))
        .await
        .fails("more than 90 days ahead");
    assert!(world.delete(&state).await.quiet().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_refresh_sees_what_was_done_outside() {
    let world = World::new(Options::default());
    world.give(USER);
    let state = world.create(&of(Some(USER))).await.quiet().unwrap();

    let theirs = world.give(USER);
    let rotated = world.read(&state).await.warns("no longer works").unwrap();
    assert!(rotated.token.delivery.token.is_null());
    world.run_again();
    let planned = world.plan(&of(Some(USER)), Some(&rotated)).await;
    assert!(
        planned
            .warns("rotated outside Terraform")
            .token
            .delivery
            .token
            .is_unknown()
    );
    assert!(world.sandbox.is_live(theirs.expose_secret()));

    world.turn_pats().await;
    assert!(world.read(&rotated).await.quiet().is_none());
    // Ended as declared, it was not revoked outside.
    world.sandbox.advance(SignedDuration::from_hours(24 * 31));
    assert!(world.read(&rotated).await.quiet().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_to_tell_removes_nothing() {
    for status in [400, 401, 403, 500] {
        let world = World::new(Options::default());
        world.give(USER);
        let state = world.create(&of(Some(USER))).await.quiet().unwrap();
        world
            .sandbox
            .fault(Fault::answer(status).on("GET", "/user-token").times(1_000));
        let read = world.read(&state).await;
        assert!(read.fails("Could not read").is_some(), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pat_stays_that_of_its_user_whoever_the_provider_works_as_later() {
    let world = World::of(USER);
    let state = world.create(&of(None)).await.quiet().unwrap();
    world.give(ADMIN);
    for token in [world.sandbox.admin_token(), world.give(ADMIN)] {
        world.work_with(&token);
        let read = world.read(&state).await.quiet().unwrap();
        assert!(world.is_live(&read));
        world.plan(&of(None), Some(&read)).await.quiet();
    }
    world.next_run();
    let updated = world.update(&with_trigger(of(None), "2"), &state).await.quiet();
    assert!(world.is_live(&updated));
    assert!(world.delete(&updated).await.quiet().is_none());
    assert!(!world.is_live(&updated));
}

#[tokio::test(start_paused = true)]
async fn a_pat_whose_user_is_not_known_is_never_forgotten() {
    let world = World::of(USER);
    world
        .sandbox
        .set_options(|options| options.user_token_names_user = false);
    let state = world.create(&of(None)).await.quiet().unwrap();
    assert_eq!(state.id(), OWN);
    assert!(world.read(&state).await.quiet().is_some());
    world.run_again();
    assert!(
        world
            .read(&state)
            .await
            .warns("Give it the user's personal access token again")
            .is_some()
    );
    assert!(
        world
            .delete(&state)
            .await
            .fails("Give it the user's personal access token again")
            .is_some()
    );
    assert!(world.is_live(&state));
    world.sandbox.advance(SignedDuration::from_hours(24 * 31));
    assert!(world.delete(&state).await.quiet().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_providers_own_token_is_rotated_and_gone_on_with_but_not_revoked() {
    for (email, names_user) in [(None, true), (None, false), (Some(ADMIN), true), (Some(ADMIN), false)] {
        let world = World::of(ADMIN);
        world
            .sandbox
            .set_options(|options| options.user_token_names_user = names_user);
        let config = of(email);
        world
            .plan(&config, None)
            .await
            .warns("The provider works with this token");
        world.work_with(&world.give(ADMIN));
        let state = world.create(&config).await.quiet().unwrap();
        assert!(world.read(&state).await.quiet().is_some());

        let changed = with_trigger(config.clone(), "2");
        world.work_with(state.token.delivery.token.known().unwrap());
        world
            .plan(&changed, Some(&state))
            .await
            .warns("The provider works with this token");
        world.work_with(state.token.delivery.token.known().unwrap());
        let updated = world.update(&changed, &state).await.quiet();
        assert!(world.is_live(&updated));

        world
            .plan_destroy(&updated)
            .await
            .warns("Give the provider another administrator's token");
        let left = world
            .delete(&updated)
            .await
            .fails("Give the provider another administrator's token");
        assert!(left.is_some() && world.is_live(&updated));
        // Without the value, the user tells.
        let mut valueless = updated;
        valueless.token.delivery.token = Field::Null;
        world.work_with(&world.give(ADMIN));
        assert!(
            world
                .delete(&valueless)
                .await
                .fails("The provider works with this token")
                .is_some()
        );
        assert_eq!(world.sandbox.calls(REVOKE.0, REVOKE.1), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_destruction_revokes_and_gone_already_is_gone() {
    for (by_id, by_email, advice) in [
        (true, false, None),
        (false, true, None),
        (false, false, Some("did not tell it")),
    ] {
        let world = World::new(Options {
            user_token_names_user: by_id,
            admins_revoke_by_email: by_email,
            ..Options::default()
        });
        world.give(USER);
        let state = world.create(&of(Some(USER))).await.quiet().unwrap();
        world.run_again();
        world.plan_destroy(&state).await.quiet();
        let left = world.delete(&state).await;
        if let Some(advice) = advice {
            assert!(left.fails(advice).is_some() && world.is_live(&state));
            continue;
        }
        assert!(left.quiet().is_none() && !world.is_live(&state));
        assert!(world.delete(&state).await.quiet().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_destruction_spares_the_value_that_another_resource_made_in_the_same_run() {
    let world = World::new(Options::default());
    world.give(USER);
    let old = world.create(&of(Some(USER))).await.quiet().unwrap();
    world.run_again();
    let new = world.create(&of(Some(USER))).await.quiet().unwrap();
    assert!(world.delete(&old).await.quiet().is_none());
    assert!(world.is_live(&new));
}

#[tokio::test(start_paused = true)]
async fn an_import_touches_nothing() {
    let world = World::of(ADMIN);
    let value = world.give(USER);
    for (id, email, kept) in [
        (USER, Some(USER), USER),
        (OWN, Some(ADMIN), ADMIN),
        (ADMIN, Some(ADMIN), ADMIN),
    ] {
        let state = world.import(id).await.warns("so `token` stays null").unwrap();
        assert_eq!((state.id(), state.email.known().map(String::as_str)), (kept, email));
        world.next_run();
        assert!(private_record::is_imported(
            &world.private.borrow(),
            &state.token.delivery.generation
        ));
        let state = world.read(&state).await.quiet().unwrap();
        let planned = world.plan(&of(email), Some(&state)).await.quiet();
        assert!(planned.token.delivery.token.is_null());
    }
    assert!(world.sandbox.is_live(value.expose_secret()));
    assert!(
        world
            .import("bob@acme.example")
            .await
            .fails("is not there to import")
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn disabling_pats_with_a_pat_is_warned_of() {
    World::of(ADMIN)
        .plan_status(false)
        .await
        .warns("This locks the provider out");
    let told = World::new(Options::default()).plan_status(false).await;
    assert!(!told.says(Severity::Warning, "locks"));
    told.warns("revokes every personal access token");
}

/// As `terraform test` does it: one process of the provider for creation and cleanup.
#[tokio::test(start_paused = true)]
async fn a_token_that_is_made_and_destroyed_in_one_run_is_revoked() {
    let world = World::new(Options::default());
    let state = world.create(&of(Some(USER))).await.quiet().unwrap();
    let value = state.token.delivery.token.known().unwrap().expose_secret().to_owned();
    assert!(world.sandbox.is_live(&value));
    assert!(world.delete(&state).await.quiet().is_none());
    assert!(!world.sandbox.is_live(&value));
}

#[tokio::test(start_paused = true)]
async fn absence_that_a_gateway_reports_removes_nothing_from_the_state() {
    for imposter in imposters() {
        for of_user in [true, false] {
            let world = World::new(Options::default());
            world.give(USER);
            if of_user {
                let admin = world.sandbox.add_user("root@acme.example", Role::Admin);
                world.work_with(&world.give(&admin.email));
            }
            let state = world.create(&of(Some(USER))).await.result.unwrap();
            // All answers on the path; those about one user; the first ones.
            for (skip, times) in [(0, 1_000), (1, 1_000), (0, 1), (1, 1)] {
                world.sandbox.heal();
                let fault = imposter.clone().on("GET", "/user-token").skip(skip).times(times);
                world.sandbox.fault(fault);
                let read = world.read(&state).await;
                assert!(read.result.is_some(), "{imposter:?} {of_user} {skip} {times}");
            }
            world.sandbox.heal();
            world
                .sandbox
                .fault(imposter.clone().on("GET", "/user-token").times(1_000));
            world
                .sandbox
                .fault(imposter.clone().on("DELETE", "/user-token").times(1_000));
            let deleted = world.delete(&state).await;
            assert!(
                deleted.result.is_some() && world.is_live(&state),
                "{imposter:?} {of_user}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn absence_in_a_refused_revocation_is_not_taken_for_one() {
    for imposter in imposters() {
        let world = World::new(Options::default());
        world.give(USER);
        let state = world.create(&of(Some(USER))).await.quiet().unwrap();
        world
            .sandbox
            .fault(imposter.clone().on("DELETE", "/user-token").times(1_000));
        let deleted = world.delete(&state).await;
        assert!(deleted.result.is_some() && world.is_live(&state), "{imposter:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn answer_about_another_user_ends_nothing() {
    let world = World::new(Options::default());
    world.give(USER);
    let bob = world.sandbox.add_user("bob@acme.example", Role::Regular);
    let his = world.give(&bob.email);
    let state = world.create(&of(Some(USER))).await.quiet().unwrap();
    let body = format!(r#"{{"token-id":1,"user-id":{},"email":"bob@acme.example"}}"#, bob.id);
    let answer = Fault::answer(200).body(&body);
    world.sandbox.fault(answer.on("GET", "/user-token").times(1_000));
    assert!(world.delete(&state).await.result.is_some());
    assert!(world.sandbox.is_live(his.expose_secret()) && world.is_live(&state));
    assert_eq!(world.sandbox.calls("DELETE", "/user-token"), 0);
}
