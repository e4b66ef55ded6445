//! Runs of a workspace with one pair, against the sandbox, under tokio's paused clock.

use secrecy::ExposeSecret;

use super::*;
use crate::framework::Severity;
use crate::framework::testing::{
    Action, Configuration, ResourceBlock, Run, RunOptions, RunOutcome, SingleResource, Workspace,
};
use crate::sandbox::striim::{AuditAction, Expired, Options, Role, Sandbox};
use crate::sandbox::{Effect, Fault};
use crate::striim::resources::personal_access_token::PersonalAccessToken;
use crate::striim::tests::{Connected, api_with, lost_answers, provider, provider_by, sandbox};

const DAY: Duration = Duration::from_secs(86_400);
const CREATE: (&str, &str) = ("POST", "/service-account");
const ROTATE: (&str, &str) = ("POST", "/service-account/rotate");
const DELETE: (&str, &str) = ("DELETE", "/service-account");

/// An account and a workspace with one pair.
struct World {
    sandbox: Sandbox,
    config: ServiceAccountTokenPair,
    resource: SingleResource,
}

impl World {
    fn new(options: Options) -> Self {
        Self {
            sandbox: sandbox(options),
            config: ServiceAccountTokenPair {
                name: "ci".into(),
                expires_in: "90d".into(),
                rotate_every: "30d".into(),
                ..ServiceAccountTokenPair::default()
            },
            resource: SingleResource::new(ServiceAccountTokenPairResource::TYPE),
        }
    }

    async fn created() -> Self {
        let mut world = Self::new(Options::default());
        world.applies().await;
        world
    }

    /// Creates a pair and rotates it once, so that both values are in the state.
    async fn rotated() -> Self {
        let mut world = Self::created().await;
        world.trigger("1");
        world.applies().await;
        world
    }

    /// Returns a constructor of providers, one for each process that Terraform starts.
    fn provider(&self) -> impl Fn() -> Connected + use<> {
        let sandbox = self.sandbox.clone();
        move || provider(&sandbox)
    }

    #[track_caller]
    fn state(&self) -> ServiceAccountTokenPair {
        self.resource.state().expect("it is in the state")
    }

    /// Returns whether each value in the state is valid, `current` first.
    fn works(&self) -> [bool; 2] {
        works_in(&self.sandbox, &self.resource.state())
    }

    /// Returns the attributes in the state, for comparison.
    fn attributes(&self) -> Option<Value> {
        self.resource.object().map(|object| object.value().clone())
    }

    fn names(&self) -> Vec<String> {
        let names = self.sandbox.service_accounts().into_iter().map(|account| account.name);
        names.filter(|name| name != "terraform").collect()
    }

    fn trigger(&mut self, value: &str) {
        self.config.rotation_triggers = Triggers::from([("release".to_owned(), value.into())]).into();
    }

    /// Returns the number of creations and rotations so far.
    fn issued(&self) -> usize {
        let issues = [AuditAction::CreateServiceAccount, AuditAction::RotateServiceAccount];
        let audit = self.sandbox.audit();
        audit.iter().filter(|entry| issues.contains(&entry.action)).count()
    }

    async fn plan(&mut self) -> Run {
        self.resource.plan(self.provider(), Some(&self.config)).await
    }

    async fn apply(&mut self) -> Run {
        self.resource.apply(self.provider(), Some(&self.config)).await
    }

    /// Applies. Asserts that it succeeds and that the next plan is empty.
    async fn applies(&mut self) -> Run {
        let run = self.apply().await.succeeds();
        self.plan().await.changes_nothing();
        run
    }

    /// Applies until an apply succeeds.
    async fn applies_at_last(&mut self) {
        while self.apply().await.has_errors() {}
    }

    async fn refresh(&mut self) -> Run {
        self.resource.refresh(self.provider()).await
    }

    async fn destroy(&mut self) -> Run {
        self.resource.destroy(self.provider()).await
    }
}

fn works_in(sandbox: &Sandbox, state: &Option<ServiceAccountTokenPair>) -> [bool; 2] {
    let accounts = state.as_ref().map(|state| [&state.current, &state.previous]);
    let is_live = |account: &Field<Account>| {
        let value = account.known().and_then(|account| account.token.known());
        value.is_some_and(|value| sandbox.is_live(value.expose_secret()))
    };
    accounts.map_or([false; 2], |accounts| accounts.map(is_live))
}

fn name(account: &Field<Account>) -> &str {
    account.known().unwrap().name()
}

/// The generation of a pair that is created at the start of a test.
fn created_at_midnight() -> Field<i64> {
    let midnight: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
    midnight.as_millisecond().into()
}

#[tokio::test(start_paused = true)]
async fn create_creates_one_service_account() {
    let mut world = World::new(Options::default());
    world.applies().await;
    let state = world.state();
    assert_eq!(name(&state.current), "ci-a");
    assert!(existing(&state.previous).is_none());
    assert_eq!(state.generation, created_at_midnight());
    assert_eq!(state.rotated_at, "2027-01-01T00:00:00Z".into());
    assert_eq!(state.current.known().unwrap().expires_at, "2027-04-01T00:00:00Z".into());
    assert_eq!(world.names(), ["ci-a"]);
    assert_eq!(world.works(), [true, false]);
}

#[tokio::test(start_paused = true)]
async fn rotation_keeps_previous_value_valid_until_the_next() {
    let mut world = World::created().await;
    let mut former = world.state();
    for current in ["ci-b", "ci-a"].into_iter().cycle().take(4) {
        tokio::time::advance(DAY * 30).await;
        world.applies().await.warns("it is 30 days old");
        let state = world.state();
        assert_eq!(name(&state.current), current);
        assert_eq!(state.generation, generation::next(&former.generation));
        let (kept, was) = (state.previous.known().unwrap(), former.current.known().unwrap());
        assert_eq!(kept.name, was.name);
        assert_eq!(kept.metadata.token_id, was.metadata.token_id);
        assert_eq!(world.works(), [true, true]);
        former = state;
    }
    assert_eq!(world.names(), ["ci-a", "ci-b"]);
}

#[tokio::test(start_paused = true)]
async fn rotate_every_defaults_to_half_of_expires_in() {
    let mut world = World::new(Options::default());
    world.config.rotate_every = Field::Null;
    world.applies().await;
    tokio::time::advance(DAY * 45 - Duration::from_secs(1)).await;
    world.plan().await.changes_nothing();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(world.plan().await.is_change());
}

#[tokio::test(start_paused = true)]
async fn daily_applies_rotate_only_when_due() {
    let mut world = World::created().await;
    for _ in 0..365 {
        tokio::time::advance(DAY).await;
        world.applies().await;
        assert!(world.works()[0]);
    }
    assert_eq!(world.issued(), 1 + 365 / 30);
}

/// Returns faults of a rotation: the fault, how often it repeats, and when Terraform is killed before it writes its state.
fn troubles() -> Vec<(Fault, u32, Option<Duration>)> {
    let refusals = [Fault::answer(400), Fault::answer(403), Fault::answer(429)];
    let faults = lost_answers().into_iter().chain(refusals);
    let lengths = [(1, None), (3, None), (40, None), (2, Some(Duration::from_secs(20)))];
    faults
        .flat_map(|fault| lengths.map(|(times, killed_after)| (fault.clone(), times, killed_after)))
        .collect()
}

/// Applies once under faults. Asserts that the state contains a valid value at all times.
async fn apply_in_trouble(world: &mut World, killed_after: Option<Duration>, case: &str) -> bool {
    let before = world.resource.state();
    let run = tokio::time::timeout(killed_after.unwrap_or(DAY / 2), world.apply()).await;
    if run.is_err() {
        world.resource.workspace().take_diagnostics();
    }
    assert!(works_in(&world.sandbox, &before).contains(&true), "{case}");
    assert!(world.works().contains(&true), "{case}");
    assert!(world.names().len() <= 2, "{case}");
    run.is_ok_and(|run| !run.has_errors())
}

#[tokio::test(start_paused = true)]
async fn first_rotation_keeps_a_valid_value_in_state_despite_faults() {
    for (fault, times, killed_after) in troubles() {
        let case = format!("{fault:?} {times} {killed_after:?}");
        let mut world = World::created().await;
        world.trigger("1");
        world.sandbox.fault(fault.clone().on(CREATE.0, CREATE.1).times(times));
        world.sandbox.fault(fault.on(ROTATE.0, ROTATE.1).times(times));
        let mut runs = 0..50;
        while !apply_in_trouble(&mut world, killed_after, &case).await {
            assert!(runs.next().is_some(), "{case}");
            tokio::time::advance(DAY).await;
        }
        assert_eq!(world.names(), ["ci-a", "ci-b"], "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn year_of_faults_keeps_a_valid_value_in_state() {
    for start in [0, 36, 72] {
        let mut troubles = troubles().into_iter().cycle().skip(start);
        let mut world = World::new(Options::default());
        world.config.rotate_every = "10d".into();
        world.applies().await;
        let created = world.state().generation;
        let mut killed_after = None;
        for day in 0..365 {
            tokio::time::advance(DAY).await;
            if day % 10 == 9 {
                let (fault, times, killed) = troubles.next().unwrap();
                world.sandbox.fault(fault.on(ROTATE.0, ROTATE.1).times(times));
                killed_after = killed;
            }
            apply_in_trouble(&mut world, killed_after, &format!("start {start} day {day}")).await;
        }
        let rotations = world.state().generation.into_known().unwrap() - created.into_known().unwrap();
        assert!(rotations > 20);
    }
}

/// Other clients change the two accounts at random; no run revokes the last valid value.
#[tokio::test(start_paused = true)]
async fn changes_outside_never_make_rotation_revoke_the_last_valid_value() {
    for seed in 0..3 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut world = World::created().await;
        let lost_answers = lost_answers();
        for day in 0..365 {
            tokio::time::advance(DAY).await;
            let account = ["ci-a", "ci-b"][random.usize(..2)];
            match random.u32(..60) {
                0 => drop(world.sandbox.rotate_outside(account)),
                1 => drop(world.sandbox.delete_outside(account)),
                2 => world.trigger(&day.to_string()),
                3 => tokio::time::advance(DAY * 45).await,
                4..8 => {
                    let (method, path) = [ROTATE, CREATE][random.usize(..2)];
                    let fault = lost_answers[random.usize(..lost_answers.len())].clone();
                    world.sandbox.fault(fault.on(method, path).times(random.u32(1..20)));
                }
                _ => {}
            }
            let before = world.resource.state();
            let worked = works_in(&world.sandbox, &before).contains(&true);
            let run = world.apply().await;
            let case = format!("seed {seed} day {day}: {run:?}");
            assert!(!worked || works_in(&world.sandbox, &before).contains(&true), "{case}");
            assert!(!worked || world.works().contains(&true), "{case}");
            assert!(run.has_errors() || world.works()[0], "{case}");
            assert!(world.names().len() <= 2, "{case}");
            if !run.has_errors() {
                let planned = world.plan().await.succeeds();
                assert!(!planned.is_change(), "{case} {planned:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rotation_after_lost_answer_rotates_same_account() {
    let mut world = World::created().await;
    tokio::time::advance(DAY * 30).await;
    world.applies().await;
    tokio::time::advance(DAY * 30).await;
    world
        .sandbox
        .fault(Fault::answer(502).after().on(ROTATE.0, ROTATE.1).times(100));
    world.apply().await.fails("");
    let state = world.state();
    assert_eq!((name(&state.current), name(&state.previous)), ("ci-b", "ci-a"));
    assert_eq!(world.works(), [true, false]);
    // The platform's list shows whether the previous value was revoked.
    world.plan().await.warns("has another value than the state");
    world.applies_at_last().await;
    assert_eq!(name(&world.state().current), "ci-a");
    assert_eq!(world.works(), [true, true]);
}

#[tokio::test(start_paused = true)]
async fn failed_rotation_keeps_values_in_state() {
    let mut world = World::rotated().await;
    world.trigger("2");
    world
        .sandbox
        .fault(Fault::new(Effect::Cut).on(ROTATE.0, ROTATE.1).times(100));
    let before = world.attributes();
    world.apply().await.fails("");
    assert_eq!(world.attributes(), before);
    assert_eq!(world.works(), [true, true]);
}

#[tokio::test(start_paused = true)]
async fn possible_orphan_of_create_is_recorded() {
    for fault in lost_answers() {
        let mut world = World::new(Options::default());
        world.sandbox.fault(fault.clone().on(CREATE.0, CREATE.1).times(20));
        world.sandbox.fault(fault.clone().on(ROTATE.0, ROTATE.1).times(20));
        world.applies_at_last().await;
        assert_eq!(world.names(), ["ci-a"], "{fault:?}");
        assert_eq!(world.works(), [true, false], "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn revocation_outside_rotates_only_the_revoked_value() {
    // (change of the current service account outside Terraform, expected warning of the plan)
    type Event = fn(&Sandbox, &str);
    let events: [(Event, &str); 2] = [
        (
            |sandbox, name| drop(sandbox.rotate_outside(name).unwrap()),
            "it was rotated outside",
        ),
        (
            |sandbox, name| sandbox.delete_outside(name).unwrap(),
            "it was deleted outside",
        ),
    ];
    for (event, reason) in events {
        let mut world = World::rotated().await;
        let before = world.state();
        event(&world.sandbox, name(&before.current));
        world.applies().await.warns(reason);
        let state = world.state();
        assert_eq!((name(&state.current), name(&state.previous)), ("ci-b", "ci-a"));
        assert_eq!(
            state.previous.known().unwrap().metadata.token_id,
            before.previous.known().unwrap().metadata.token_id
        );
        assert_eq!(world.works(), [true, true]);
    }
}

#[tokio::test(start_paused = true)]
async fn drift_of_previous_value_does_not_rotate() {
    let mut world = World::rotated().await;
    let issued = world.issued();
    world.sandbox.rotate_outside("ci-a").unwrap();
    let dead = world.state().previous.known().unwrap().token.known().cloned().unwrap();
    for _ in 0..2 {
        world.refresh().await.succeeds();
        let planned = world.plan().await.succeeds();
        assert!(planned.is_change() && !planned.reports(Severity::Warning, "will be rotated"));
        let kept = world.state().previous.known().unwrap().token.known().cloned().unwrap();
        assert_eq!(
            kept.expose_secret(),
            dead.expose_secret(),
            "a refresh takes no value out"
        );
    }
    world.applies().await;
    assert!(world.state().previous.known().unwrap().token.is_null());
    world.sandbox.delete_outside("ci-a").unwrap();
    world.refresh().await.succeeds();
    world.plan().await.changes_nothing();
    assert!(existing(&world.state().previous).is_none());
    assert_eq!(world.issued(), issued + 1);
}

#[tokio::test(start_paused = true)]
async fn account_missing_in_one_list_remains_in_state() {
    let mut world = World::rotated().await;
    let before = world.works();
    let list = r#"[{"name": "ci-b", "token-id": 1}]"#;
    for list in [list, "[]"] {
        let missing = Fault::answer(200).on("GET", "/service-accounts").body(list);
        world.sandbox.fault(missing);
        let state = world.state();
        world.refresh().await;
        if list != "[]" {
            assert_eq!(world.works(), before);
        }
        world.resource.set_state(state);
        // The next list contains both accounts again.
        world.plan().await.changes_nothing();
        world.refresh().await.succeeds();
        assert_eq!(world.works(), [true, true]);
    }
}

#[tokio::test(start_paused = true)]
async fn pair_with_both_accounts_deleted_is_recreated() {
    let mut world = World::created().await;
    let before = world.state().generation;
    tokio::time::advance(DAY).await;
    world.sandbox.delete_outside("ci-a").unwrap();
    world.plan().await.plans(Action::Create);
    world.refresh().await.succeeds();
    assert!(world.resource.object().is_none());
    world.applies().await;
    assert!(world.state().generation.known() > before.known());
}

#[tokio::test(start_paused = true)]
async fn pair_without_applies_for_a_year_rotates_listed_or_hidden_accounts() {
    for expired in [Expired::Listed, Expired::Hidden, Expired::Purged] {
        let mut world = World::new(Options {
            expired,
            ..Options::default()
        });
        world.applies().await;
        world.trigger("1");
        world.applies().await;
        tokio::time::advance(DAY * 365).await;
        assert_eq!(world.works(), [false, false]);
        world.applies().await.warns("it expired at");
        assert!(world.works()[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn outdated_plan_revokes_nothing() {
    let mut world = World::rotated().await;
    world.trigger("2");
    let before = world.attributes();
    let plan = world.resource.save_plan(world.provider(), Some(&world.config)).await;
    // The saved plan replaces ci-a and expects ci-b to remain valid.
    world.sandbox.rotate_outside("ci-b").unwrap();
    let applied = world.resource.apply_saved(world.provider(), &plan).await;
    applied.fails("out of date");
    assert!(world.attributes() == before);
    assert_eq!(world.works(), [false, true]);
}

#[tokio::test(start_paused = true)]
async fn unknown_argument_rotates_only_if_changed_at_apply() {
    const USER: &str = "ann@acme.example";
    const PAT: &str = "striim_personal_access_token.of_user";
    const PAIR: &str = "striim_service_account_token_pair.ci";
    for (days, rotates) in [(0, false), (1, true)] {
        let mut world = World::new(Options::default());
        world.sandbox.add_user(USER, Role::Regular);
        world.sandbox.add_user_token(USER, None).unwrap();
        // A planned rotation of the PAT makes its expiry unknown until the apply.
        let pat = |release: &str| {
            let policy = RotationPolicy {
                expires_in: "30d".into(),
                rotation_triggers: Triggers::from([("release".to_owned(), release.into())]).into(),
                ..RotationPolicy::default()
            };
            ResourceBlock::new(PersonalAccessToken {
                email: USER.into(),
                token: policy.into(),
                ..PersonalAccessToken::default()
            })
        };
        let (workspace, start) = (Workspace::new(), world.provider());
        let created = Configuration::new()
            .with(PAT, pat("1"))
            .with(PAIR, ResourceBlock::new(world.config.clone()));
        assert_eq!(workspace.apply(&start, &created).await, RunOutcome::Applied);
        world.trigger("");
        let pair = ResourceBlock::new(world.config.clone());
        let pair = pair.referring("rotation_triggers.release", PAT, "expires_at");
        let declared = |release: &str| Configuration::new().with(PAT, pat(release)).with(PAIR, pair.clone());
        assert_eq!(workspace.apply(&start, &declared("1")).await, RunOutcome::Applied);
        let state = || workspace.state()[PAIR].model::<ServiceAccountTokenPair>();
        let before = state().generation;

        tokio::time::advance(DAY * days).await;
        workspace.take_diagnostics();
        let plan = workspace.plan(&start, &declared("2"), &RunOptions::default()).await;
        let plan = plan.unwrap();
        assert_eq!(plan.changes()[PAIR].planned.get("generation"), &Value::Unknown);
        assert_eq!(workspace.apply_saved(&start, &plan).await, RunOutcome::Applied);
        assert_eq!(workspace.violations(), [""; 0]);
        let expected = if rotates { generation::next(&before) } else { before };
        assert_eq!(state().generation, expected);
        assert_eq!(workspace.apply(&start, &declared("2")).await, RunOutcome::Unchanged);
    }
}

#[tokio::test(start_paused = true)]
async fn import_revokes_nothing() {
    let mut world = World::created().await;
    tokio::time::advance(DAY * 5).await;
    world.trigger("1");
    world.applies().await;
    let before = world.resource.state();
    let issued = world.issued();
    world.resource = SingleResource::new(ServiceAccountTokenPairResource::TYPE);
    let imported = world.resource.import(world.provider(), "ci").await;
    imported.succeeds().warns("not known");
    world.applies().await;
    let state = world.state();
    assert_eq!((name(&state.current), name(&state.previous)), ("ci-b", "ci-a"));
    let private = PrivateState::decode(world.resource.object().unwrap().private());
    assert!(private_record::is_imported(&private, &state.generation));
    assert_eq!(world.issued(), issued);
    assert_eq!(works_in(&world.sandbox, &before), [true, true]);

    world.trigger("2");
    world.applies().await;
    // The older value was rotated. The other remains valid where it is in use.
    assert_eq!(name(&world.state().current), "ci-a");
    assert_eq!(works_in(&world.sandbox, &before), [true, false]);
}

#[tokio::test(start_paused = true)]
async fn plan_of_rotation_states_which_value_stops_working() {
    let (known, unknown) = (
        "the one that it has now stops working",
        "a value that it has now is revoked",
    );
    let mut world = World::rotated().await;
    world.trigger("2");
    let run = world.plan().await.succeeds().warns(known);
    assert!(!run.reports(Severity::Warning, unknown), "{run:?}");
    // Terraform does not know the values of an imported pair.
    world.resource = SingleResource::new(ServiceAccountTokenPairResource::TYPE);
    world.resource.import(world.provider(), "ci").await.succeeds();
    world.applies().await;
    world.trigger("3");
    let run = world.plan().await.succeeds().warns(unknown);
    assert!(!run.reports(Severity::Warning, known), "{run:?}");
}

#[tokio::test(start_paused = true)]
async fn create_fails_if_the_second_name_is_taken_after_the_plan() {
    let mut world = World::new(Options::default());
    let plan = world.resource.save_plan(world.provider(), Some(&world.config)).await;
    let others = world.sandbox.add_service_account("ci-b", None);
    let run = world.resource.apply_saved(world.provider(), &plan).await;
    run.fails("ci-b");
    assert!(world.resource.object().is_none());
    assert_eq!(world.names(), ["ci-b"]);
    assert!(world.sandbox.is_live(others.expose_secret()));
}

#[tokio::test(start_paused = true)]
async fn import_of_missing_pair_is_an_error() {
    let mut world = World::new(Options::default());
    let imported = world.resource.import(world.provider(), "ci").await;
    imported.fails("\"ci-a\" nor \"ci-b\"");
    assert!(world.resource.object().is_none());
}

#[tokio::test(start_paused = true)]
async fn destroy_deletes_both_accounts() {
    let mut world = World::rotated().await;
    world.sandbox.delete_outside("ci-a").unwrap();
    world.destroy().await.succeeds();
    assert!(world.names().is_empty() && world.resource.object().is_none());
}

#[tokio::test(start_paused = true)]
async fn orphan_of_killed_rotation_is_found_by_name() {
    for first_is_gone in [false, true] {
        let mut world = World::created().await;
        let before = world.state();
        world.trigger("1");
        world.applies().await;
        let killed = world.resource.state();
        world.resource.set_state(before.clone());
        if first_is_gone {
            world.sandbox.delete_outside("ci-a").unwrap();
        }
        world.refresh().await.succeeds().warns("did not know: \"ci-b\"");
        assert_eq!(name(&world.state().previous), "ci-b");
        world.applies().await;
        assert!(world.works()[0] && works_in(&world.sandbox, &killed) == [false, !first_is_gone]);

        // A destroy finds the orphan, too.
        world.resource.set_state(before);
        world.destroy().await.succeeds();
        assert!(world.names().is_empty(), "{:?}", world.names());
    }
}

#[tokio::test(start_paused = true)]
async fn hidden_orphan_of_killed_rotation_is_recreated() {
    let mut world = World::new(Options {
        expired: Expired::Hidden,
        ..Options::default()
    });
    world.applies().await;
    let before = world.state();
    world.trigger("1");
    world.applies().await;
    world.resource.set_state(before);
    world.sandbox.advance((DAY * 91).try_into().unwrap());
    world.applies().await;
    assert_eq!(world.works(), [true, false]);
    assert_eq!(name(&world.state().current), "ci-b");
}

#[tokio::test(start_paused = true)]
async fn failed_destroy_keeps_remaining_account_in_state() {
    let mut world = World::rotated().await;
    world.sandbox.fault(Fault::answer(403).on(DELETE.0, DELETE.1).skip(1));
    world.destroy().await.fails("");
    assert_eq!(world.works(), [true, false]);
    assert!(existing(&world.state().previous).is_none());
    world.destroy().await.succeeds();
    assert!(world.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn own_token_is_rotated_and_not_revoked() {
    let mut world = World::rotated().await;
    world.trigger("2");
    let previous = world.state().previous.into_known().unwrap();
    let own = previous.token.known().unwrap();
    // After a rotation of the provider's own token, the next provider is configured with the new value.
    let api = api_with(&world.sandbox, own);
    let start = || provider_by(&world.sandbox, &api);

    let before = world.attributes();
    world
        .resource
        .destroy(start)
        .await
        .fails("The provider uses this token");
    assert!(world.attributes() == before && world.names().len() == 2);

    let rotated = world.resource.apply(start, Some(&world.config)).await.succeeds();
    rotated.warns("provider's own credential");
    assert!(!world.sandbox.is_live(own.expose_secret()));
    // The provider continues with the new value.
    let state = world.attributes();
    world.resource.refresh(start).await.succeeds();
    assert!(world.attributes() == state);
}

#[tokio::test(start_paused = true)]
async fn plan_warns_of_requests_that_the_platform_would_reject() {
    let mut world = World::new(Options::default());
    world.sandbox.add_service_account("other", None);
    world.plan().await.warns("No quota for a second service account");
    world.sandbox.add_service_account("another", None);
    world.plan().await.warns("would have 4");

    let mut world = World::new(Options::default());
    world.sandbox.add_service_account("ci-b", None);
    world.plan().await.warns("\"ci-b\" exists already");

    let mut world = World::created().await;
    world.sandbox.add_service_account("other", None);
    world.trigger("1");
    world.plan().await.warns("would have 4");
    world.apply().await.fails("quota of 3");
    assert_eq!(world.works(), [true, false]);
}

#[tokio::test(start_paused = true)]
async fn durations_without_overlap_are_invalid_and_short_overlap_is_a_warning() {
    use Severity::{Error, Warning};
    // (expires_in, rotate_every, expected diagnostic of a creation)
    let cases = [
        ("90d", Some("30d"), None),
        ("90d", Some("45d"), None),
        ("90d", None, None),
        ("90d", Some("80d"), Some((Warning, "have 10 days"))),
        ("90d", Some("90d"), Some((Error, "must be shorter than `expires_in`"))),
        ("90d", Some("0s"), Some((Error, "at least 1s"))),
        ("90d", Some("x"), Some((Error, "must be a duration"))),
        ("400d", None, Some((Error, "more than 12 months"))),
        ("0s", None, Some((Error, "at least 1s"))),
    ];
    for (expires_in, rotate_every, expected) in cases {
        let mut world = World::new(Options::default());
        world.config.expires_in = expires_in.into();
        world.config.rotate_every = rotate_every.map(str::to_owned).into();
        let planned = world.plan().await;
        match expected {
            None => drop(planned.reports_nothing()),
            Some((severity, phrase)) => assert!(
                planned.reports(severity, phrase),
                "{expires_in} {rotate_every:?}: {planned:?}"
            ),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn names_leave_space_for_the_suffix() {
    for (name, valid) in [
        ("c", true),
        (&"c".repeat(28), true),
        ("", false),
        (&"c".repeat(29), false),
    ] {
        let mut world = World::new(Options::default());
        world.config.name = name.into();
        let planned = world.plan().await;
        assert_eq!(planned.diagnostics.is_empty(), valid, "{name}: {planned:?}");
    }
}
