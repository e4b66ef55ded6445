//! Pairs under a Terraform in miniature, on the sandbox, under tokio's clock.

use secrecy::ExposeSecret;

use super::*;
use crate::framework::DynResource;
use crate::sandbox::striim::{AuditAction, Expired, Options, Sandbox};
use crate::sandbox::{Effect, Fault};
use crate::striim::testing::{connection, connection_with, losses, sandbox};

const DAY: Duration = Duration::from_secs(86_400);
const CREATE: (&str, &str) = ("POST", "/service-account");
const ROTATE: (&str, &str) = ("POST", "/service-account/rotate");
const DELETE: (&str, &str) = ("DELETE", "/service-account");

/// One pair, its configuration and its state.
struct World {
    sandbox: Sandbox,
    config: ServiceAccountTokenPair,
    state: Value,
    private: PrivateState,
    /// Whether the next apply is to replace it, as after a creation that failed half-way.
    tainted: bool,
}

/// One process of the provider.
struct Process {
    resource: ServiceAccountTokenPairResource,
    connection: Arc<Connection>,
}

impl Process {
    fn new(sandbox: &Sandbox) -> Self {
        Self::of(sandbox, connection(sandbox))
    }

    fn of(sandbox: &Sandbox, connection: Connection) -> Self {
        Self {
            resource: ServiceAccountTokenPairResource::new(Session::new(sandbox.clock())),
            connection: Arc::new(connection),
        }
    }

    /// A call about an object with this private state.
    fn context(&self, private: PrivateState) -> Context {
        let mut context = Context::with_client(self.connection.clone());
        context.private = private;
        context
    }

    /// A call whose private state is not kept.
    fn detached(&self) -> Context {
        self.context(PrivateState::default())
    }
}

/// What a run came to.
struct Run {
    told: String,
    failed: bool,
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
            state: Value::Null,
            private: PrivateState::default(),
            tainted: false,
        }
    }

    async fn created() -> Self {
        let mut world = Self::new(Options::default());
        world.applies().await;
        world
    }

    fn state(&self) -> ServiceAccountTokenPair {
        ServiceAccountTokenPair::from_value(&self.state).unwrap()
    }

    /// The values in the state that the platform lets in, `current` first.
    fn works(&self) -> [bool; 2] {
        works_in(&self.sandbox, &self.state)
    }

    fn names(&self) -> Vec<String> {
        let names = self.sandbox.service_accounts().into_iter().map(|account| account.name);
        names.filter(|name| name != "terraform").collect()
    }

    /// A call about the pair in the state.
    fn trigger(&mut self, value: &str) {
        self.config.rotation_triggers = Triggers::from([("release".to_owned(), value.into())]).into();
    }

    /// As many creations and rotations as there were so far.
    fn issued(&self) -> usize {
        let issues = [AuditAction::CreateServiceAccount, AuditAction::RotateServiceAccount];
        let audit = self.sandbox.audit();
        audit.iter().filter(|entry| issues.contains(&entry.action)).count()
    }

    /// A call about what is in the state. What it leaves in the private state is kept by [`World::keep`].
    fn context(&self, process: &Process) -> Context {
        process.context(match self.state.is_null() {
            true => PrivateState::default(),
            false => PrivateState::decode(&self.private.encode()),
        })
    }

    fn keep(&mut self, state: Value, context: &Context) {
        self.state = state;
        self.private = context.private.clone();
    }

    async fn refresh(&mut self, process: &Process, diagnostics: &mut Diagnostics) {
        if !self.state.is_null() {
            let context = self.context(process);
            let state = DynResource::read(&process.resource, &context, self.state.clone()).await;
            self.keep(state, &context);
            diagnostics.extend(context.take_diagnostics());
        }
    }

    async fn planned(&self, process: &Process, prior: &Value, diagnostics: &mut Diagnostics) -> Value {
        let config = self.config.clone().into_value();
        let Value::Map(mut proposed) = config.clone() else {
            unreachable!()
        };
        for attribute in ServiceAccountTokenPair::schema().attributes {
            if attribute.is_computed() {
                let before = prior.get(&attribute.name).clone();
                proposed.insert(attribute.name.into_owned(), before);
            }
        }
        diagnostics.extend(DynResource::validate(&process.resource, &config));
        let (context, proposed) = (self.context(process), Value::Map(proposed));
        let plan = DynResource::plan(&process.resource, &context, &config, prior, proposed).await;
        diagnostics.extend(context.take_diagnostics());
        plan.unwrap().planned
    }

    /// What a plan reports, and whether it changes anything.
    async fn plan(&mut self) -> (String, bool) {
        let (process, mut diagnostics) = (Process::new(&self.sandbox), Diagnostics::default());
        self.refresh(&process, &mut diagnostics).await;
        let planned = self.planned(&process, &self.state, &mut diagnostics).await;
        (told(&diagnostics), planned != self.state)
    }

    /// `terraform apply`, by a provider started for it.
    async fn apply(&mut self) -> Run {
        let (process, mut diagnostics) = (Process::new(&self.sandbox), Diagnostics::default());
        self.refresh(&process, &mut diagnostics).await;
        if self.tainted {
            let context = self.context(&process);
            let left = DynResource::apply(&process.resource, &context, self.state.clone(), Value::Null).await;
            self.keep(left, &context);
            diagnostics.extend(context.take_diagnostics());
            self.tainted = !self.state.is_null();
        }
        if !self.tainted && !diagnostics.has_errors() {
            let prior = self.state.clone();
            let planned = self.planned(&process, &prior, &mut diagnostics).await;
            if planned != prior && !diagnostics.has_errors() {
                let context = self.context(&process);
                let applied = DynResource::apply(&process.resource, &context, prior.clone(), planned.clone());
                self.keep(applied.await, &context);
                diagnostics.extend(context.take_diagnostics());
                let failed = diagnostics.has_errors();
                assert!(failed || fits(&planned, &self.state), "{planned:?} {:?}", self.state);
                self.tainted = failed && prior.is_null() && !self.state.is_null();
            }
        }
        Run::of(&diagnostics)
    }

    /// Applies, which must succeed and leave nothing to plan.
    async fn applies(&mut self) -> String {
        let run = self.apply().await;
        assert!(!run.failed, "{}", run.told);
        let (told, changes) = self.plan().await;
        assert!(!changes, "{told}");
        run.told
    }

    async fn destroy(&mut self) -> Run {
        let process = Process::new(&self.sandbox);
        let context = process.detached();
        self.state = DynResource::apply(&process.resource, &context, self.state.clone(), Value::Null).await;
        Run::of(&context.take_diagnostics())
    }

    async fn import(&mut self) -> Run {
        let process = Process::new(&self.sandbox);
        self.state = Value::Null;
        let context = self.context(&process);
        let found = DynResource::import(&process.resource, &context, "ci").await;
        self.keep(found.unwrap_or(Value::Null), &context);
        Run::of(&context.take_diagnostics())
    }
}

impl Run {
    fn of(diagnostics: &Diagnostics) -> Self {
        Self {
            failed: diagnostics.has_errors(),
            told: told(diagnostics),
        }
    }
}

fn told(diagnostics: &Diagnostics) -> String {
    diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n")).collect()
}

fn works_in(sandbox: &Sandbox, state: &Value) -> [bool; 2] {
    ["current", "previous"].map(|which| match state.get(which).get("token") {
        Value::String(value) => sandbox.is_live(value),
        _ => false,
    })
}

/// Whether what came is what was planned, where that was known: as Terraform insists.
fn fits(planned: &Value, came: &Value) -> bool {
    match (planned, came) {
        (Value::Unknown, came) => *came != Value::Unknown,
        (Value::Map(planned), Value::Map(came)) => planned.iter().all(|(name, value)| fits(value, &came[name])),
        (planned, came) => planned == came,
    }
}

fn name(account: &Field<Account>) -> &str {
    account.known().unwrap().name()
}

/// The number of a pair that was created when the tests begin.
fn created_at_midnight() -> Field<i64> {
    let midnight: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
    midnight.as_millisecond().into()
}

#[tokio::test(start_paused = true)]
async fn a_new_pair_has_one_service_account() {
    let mut world = World::new(Options::default());
    world.applies().await;
    let state = world.state();
    assert_eq!(name(&state.current), "ci-a");
    assert!(there(&state.previous).is_none());
    assert_eq!(state.generation, created_at_midnight());
    assert_eq!(state.rotated_at, "2027-01-01T00:00:00Z".into());
    assert_eq!(state.current.known().unwrap().expires_at, "2027-04-01T00:00:00Z".into());
    assert_eq!(world.names(), ["ci-a"]);
    assert_eq!(world.works(), [true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_leaves_the_former_value_working_until_the_next() {
    let mut world = World::created().await;
    let mut former = world.state();
    for current in ["ci-b", "ci-a"].into_iter().cycle().take(4) {
        tokio::time::advance(DAY * 30).await;
        let told = world.applies().await;
        assert!(told.contains("it is 30 days old"), "{told}");
        let state = world.state();
        assert_eq!(name(&state.current), current);
        assert_eq!(state.generation, generation::after(&former.generation));
        let (kept, was) = (state.previous.known().unwrap(), former.current.known().unwrap());
        assert_eq!(kept.name, was.name);
        assert_eq!(kept.metadata.token_id, was.metadata.token_id);
        assert_eq!(world.works(), [true, true]);
        former = state;
    }
    assert_eq!(world.names(), ["ci-a", "ci-b"]);
}

#[tokio::test(start_paused = true)]
async fn without_rotate_every_half_of_the_lifetime_is_the_age_to_rotate_at() {
    let mut world = World::new(Options::default());
    world.config.rotate_every = Field::Null;
    world.applies().await;
    tokio::time::advance(DAY * 45 - Duration::from_secs(1)).await;
    assert!(!world.plan().await.1);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(world.plan().await.1);
}

#[tokio::test(start_paused = true)]
async fn a_year_of_daily_applies_makes_no_more_rotations_than_are_due() {
    let mut world = World::created().await;
    for _ in 0..365 {
        tokio::time::advance(DAY).await;
        world.applies().await;
        assert!(world.works()[0]);
    }
    assert_eq!(world.issued(), 1 + 365 / 30);
}

/// What goes wrong with a rotation: how, how often in a row, and whether Terraform is killed before it writes its state.
fn troubles() -> Vec<(Fault, u32, Option<Duration>)> {
    let refusals = [Fault::answer(400), Fault::answer(403), Fault::answer(429)];
    let faults = losses().into_iter().chain(refusals);
    let lengths = [(1, None), (3, None), (40, None), (2, Some(Duration::from_secs(20)))];
    faults
        .flat_map(|fault| lengths.map(|(times, killed_after)| (fault.clone(), times, killed_after)))
        .collect()
}

/// One apply in trouble. Whoever reads the state, before it is written or after, must find a value that works.
async fn apply_in_trouble(world: &mut World, killed_after: Option<Duration>, case: &str) -> bool {
    let before = world.state.clone();
    let run = tokio::time::timeout(killed_after.unwrap_or(DAY / 2), world.apply()).await;
    if run.is_err() {
        world.state = before.clone();
    }
    assert!(works_in(&world.sandbox, &before).contains(&true), "{case}");
    assert!(world.works().contains(&true), "{case}");
    assert!(world.names().len() <= 2, "{case}");
    run.is_ok_and(|run| !run.failed)
}

#[tokio::test(start_paused = true)]
async fn whatever_befalls_the_first_rotation_a_value_in_the_state_works() {
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
async fn through_a_year_of_faults_a_value_in_the_state_always_works() {
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

/// Whatever others do to the two, no run of ours ends the last value that works.
#[tokio::test(start_paused = true)]
async fn through_years_of_meddling_the_last_value_that_works_is_never_ended() {
    for seed in 0..6 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut world = World::created().await;
        let losses = losses();
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
                    let fault = losses[random.usize(..losses.len())].clone();
                    world.sandbox.fault(fault.on(method, path).times(random.u32(1..20)));
                }
                _ => {}
            }
            let before = world.state.clone();
            let worked = works_in(&world.sandbox, &before).contains(&true);
            let run = world.apply().await;
            let case = format!("seed {seed} day {day}: {}", run.told);
            assert!(!worked || works_in(&world.sandbox, &before).contains(&true), "{case}");
            assert!(!worked || world.works().contains(&true), "{case}");
            assert!(run.failed || world.works()[0], "{case}");
            assert!(world.names().len() <= 2, "{case}");
            if !run.failed {
                let (told, changes) = world.plan().await;
                assert!(!changes, "{case}{told}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotation_whose_answer_was_lost_is_made_again_with_the_same_account() {
    let mut world = World::created().await;
    tokio::time::advance(DAY * 30).await;
    world.applies().await;
    tokio::time::advance(DAY * 30).await;
    world
        .sandbox
        .fault(Fault::answer(502).after().on(ROTATE.0, ROTATE.1).times(100));
    let run = world.apply().await;
    assert!(run.failed);
    let state = world.state();
    assert_eq!((name(&state.current), name(&state.previous)), ("ci-b", "ci-a"));
    assert_eq!(world.works(), [true, false]);
    // Whether the former value died, the platform tells.
    let (told, _) = world.plan().await;
    assert!(told.contains("has another value than the state"), "{told}");
    while world.apply().await.failed {}
    assert_eq!(name(&world.state().current), "ci-a");
    assert_eq!(world.works(), [true, true]);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_came_to_nothing_forgets_no_value() {
    let mut world = World::created().await;
    world.trigger("1");
    world.applies().await;
    world.trigger("2");
    world
        .sandbox
        .fault(Fault::new(Effect::Cut).on(ROTATE.0, ROTATE.1).times(100));
    let before = world.state.clone();
    assert!(world.apply().await.failed);
    assert_eq!(world.state, before);
    assert_eq!(world.works(), [true, true]);
}

#[tokio::test(start_paused = true)]
async fn a_creation_whose_answer_was_lost_is_not_forgotten() {
    for fault in losses() {
        let mut world = World::new(Options::default());
        world.sandbox.fault(fault.clone().on(CREATE.0, CREATE.1).times(20));
        world.sandbox.fault(fault.clone().on(ROTATE.0, ROTATE.1).times(20));
        while world.apply().await.failed {}
        assert_eq!(world.names(), ["ci-a"], "{fault:?}");
        assert_eq!(world.works(), [true, false], "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_ended_outside_is_replaced_and_what_works_is_not_touched() {
    // (what happens to the current service account, what the plan says of it)
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
        let mut world = World::created().await;
        world.trigger("1");
        world.applies().await;
        let before = world.state();
        event(&world.sandbox, name(&before.current));
        let told = world.applies().await;
        assert!(told.contains(reason), "{told}");
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
async fn what_becomes_of_the_previous_value_rotates_nothing() {
    let mut world = World::created().await;
    world.trigger("1");
    world.applies().await;
    let issued = world.issued();
    world.sandbox.rotate_outside("ci-a").unwrap();
    let dead = world.state().previous.known().unwrap().token.known().cloned().unwrap();
    for _ in 0..2 {
        let (told, changes) = world.plan().await;
        assert!(changes && !told.contains("is to be rotated"), "{told}");
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
    assert!(!world.plan().await.1);
    assert!(there(&world.state().previous).is_none());
    assert_eq!(world.issued(), issued + 1);
}

#[tokio::test(start_paused = true)]
async fn account_that_one_list_leaves_out_keeps_its_value() {
    let mut world = World::created().await;
    world.trigger("1");
    world.applies().await;
    let before = world.works();
    let list = r#"[{"name": "ci-b", "token-id": 1}]"#;
    for list in [list, "[]"] {
        let missing = Fault::answer(200).on("GET", "/service-accounts").body(list);
        world.sandbox.fault(missing);
        let state = world.state.clone();
        world.plan().await;
        if list != "[]" {
            assert_eq!(world.works(), before);
        }
        world.state = state;
        // The next list has both again.
        let (told, changes) = world.plan().await;
        assert!(!changes, "{told}");
        assert_eq!(world.works(), [true, true]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pair_of_which_both_are_gone_is_made_anew() {
    let mut world = World::created().await;
    let before = world.state().generation;
    tokio::time::advance(DAY).await;
    world.sandbox.delete_outside("ci-a").unwrap();
    let (_, changes) = world.plan().await;
    assert!(changes && world.state.is_null());
    world.applies().await;
    assert!(world.state().generation.known() > before.known());
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_nobody_applied_for_a_year_is_renewed_wherever_the_expired_are() {
    use crate::sandbox::striim::Expired;
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
        let told = world.applies().await;
        assert!(told.contains("it expired at"), "{told}");
        assert!(world.works()[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_whose_ground_moved_ends_nothing() {
    let mut world = World::created().await;
    world.trigger("1");
    world.applies().await;
    world.trigger("2");
    let (process, mut diagnostics) = (Process::new(&world.sandbox), Diagnostics::default());
    let planned = world.planned(&process, &world.state, &mut diagnostics).await;
    // It was to replace ci-a, next to which ci-b was to remain valid.
    world.sandbox.rotate_outside("ci-b").unwrap();
    let process = Process::new(&world.sandbox);
    let context = process.detached();
    let state = DynResource::apply(&process.resource, &context, world.state.clone(), planned).await;
    diagnostics.extend(context.take_diagnostics());
    assert!(told(&diagnostics).contains("out of date"), "{}", told(&diagnostics));
    assert!(state == world.state);
    assert_eq!(world.works(), [false, true]);
}

#[tokio::test(start_paused = true)]
async fn what_is_known_only_at_apply_rotates_only_if_it_changed() {
    for (value, rotates) in [("1", false), ("2", true)] {
        let mut world = World::created().await;
        world.trigger("1");
        world.applies().await;
        let before = world.state().generation;
        let (prior, mut diagnostics) = (world.state.clone(), Diagnostics::default());
        world.config.rotation_triggers = Triggers::from([("release".to_owned(), Field::Unknown)]).into();
        let process = Process::new(&world.sandbox);
        let planned = world.planned(&process, &prior, &mut diagnostics).await;
        world.trigger(value);
        let Value::Map(mut planned) = planned else {
            unreachable!()
        };
        let triggers = world.config.clone().into_value().get("rotation_triggers").clone();
        planned.insert("rotation_triggers".to_owned(), triggers);
        let planned = Value::Map(planned);
        let context = process.detached();
        world.state = DynResource::apply(&process.resource, &context, prior, planned.clone()).await;
        diagnostics.extend(context.take_diagnostics());
        assert!(!diagnostics.has_errors(), "{}", told(&diagnostics));
        assert!(fits(&planned, &world.state));
        let expected = if rotates { generation::after(&before) } else { before };
        assert_eq!(world.state().generation, expected);
        assert!(!world.plan().await.1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_keeps_what_is_in_use() {
    let mut world = World::created().await;
    tokio::time::advance(DAY * 5).await;
    world.trigger("1");
    world.applies().await;
    let before = world.state.clone();
    let issued = world.issued();
    let run = world.import().await;
    assert!(!run.failed && run.told.contains("not known"), "{}", run.told);
    world.applies().await;
    let state = world.state();
    assert_eq!((name(&state.current), name(&state.previous)), ("ci-b", "ci-a"));
    assert!(private_record::is_imported(&world.private, &state.generation));
    assert_eq!(world.issued(), issued);
    assert_eq!(works_in(&world.sandbox, &before), [true, true]);

    world.trigger("2");
    world.applies().await;
    // The older one made place, the other goes on working wherever it is in use.
    assert_eq!(name(&world.state().current), "ci-a");
    assert_eq!(works_in(&world.sandbox, &before), [true, false]);
}

#[tokio::test(start_paused = true)]
async fn nothing_to_import_is_an_error() {
    let mut world = World::new(Options::default());
    let run = world.import().await;
    assert!(run.failed && run.told.contains("\"ci-a\" nor \"ci-b\""), "{}", run.told);
}

#[tokio::test(start_paused = true)]
async fn a_destroyed_pair_leaves_nothing() {
    let mut world = World::created().await;
    world.trigger("1");
    world.applies().await;
    world.sandbox.delete_outside("ci-a").unwrap();
    assert!(!world.destroy().await.failed);
    assert!(world.names().is_empty() && world.state.is_null());
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_rotation_made_is_found_by_its_name() {
    for first_is_gone in [false, true] {
        let mut world = World::created().await;
        let (mut killed, before) = (world.state.clone(), world.state.clone());
        world.trigger("1");
        world.applies().await;
        std::mem::swap(&mut world.state, &mut killed);
        if first_is_gone {
            world.sandbox.delete_outside("ci-a").unwrap();
        }
        let (told, _) = world.plan().await;
        assert!(told.contains("did not know: \"ci-b\""), "{told}");
        assert_eq!(name(&world.state().previous), "ci-b");
        world.applies().await;
        assert!(world.works()[0] && works_in(&world.sandbox, &killed) == [false, !first_is_gone]);

        // The same is found where the pair is to be destroyed.
        world.state = before;
        world.plan().await;
        assert!(!world.destroy().await.failed);
        assert!(world.names().is_empty(), "{:?}", world.names());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_rotation_made_and_the_platform_hides_is_made_anew() {
    let mut world = World::new(Options {
        expired: Expired::Hidden,
        ..Options::default()
    });
    world.applies().await;
    let before = world.state.clone();
    world.trigger("1");
    world.applies().await;
    world.state = before;
    world.sandbox.advance((DAY * 91).try_into().unwrap());
    world.applies().await;
    assert_eq!(world.works(), [true, false]);
    assert_eq!(name(&world.state().current), "ci-b");
}

#[tokio::test(start_paused = true)]
async fn a_destroy_that_failed_half_way_keeps_the_half() {
    let mut world = World::created().await;
    world.trigger("1");
    world.applies().await;
    world.sandbox.fault(Fault::answer(403).on(DELETE.0, DELETE.1).skip(1));
    assert!(world.destroy().await.failed);
    assert_eq!(world.works(), [true, false]);
    assert!(there(&world.state().previous).is_none());
    assert!(!world.destroy().await.failed);
    assert!(world.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_token_that_the_provider_works_with_is_followed_and_not_revoked() {
    let mut world = World::created().await;
    world.trigger("1");
    world.applies().await;
    world.trigger("2");
    let previous = world.state().previous.into_known().unwrap();
    let own = previous.token.known().unwrap();
    let process = Process::of(&world.sandbox, connection_with(&world.sandbox, own));
    let (resource, prior) = (&process.resource, world.state.clone());

    let context = process.detached();
    let kept = DynResource::apply(resource, &context, prior.clone(), Value::Null).await;
    assert!(context.has_errors() && kept == prior && world.names().len() == 2);

    let mut diagnostics = Diagnostics::default();
    let planned = world.planned(&process, &prior, &mut diagnostics).await;
    let shown = told(&diagnostics);
    assert!(shown.contains("provider itself was given"), "{shown}");
    let context = process.detached();
    world.state = DynResource::apply(resource, &context, prior, planned).await;
    assert!(!context.has_errors(), "{:?}", context.take_diagnostics());
    assert!(!world.sandbox.is_live(own.expose_secret()));
    // It continues with the new value.
    let refreshed = DynResource::read(resource, &context, world.state.clone()).await;
    assert!(!context.has_errors() && refreshed == world.state);
}

#[tokio::test(start_paused = true)]
async fn a_plan_says_what_the_platform_would_refuse() {
    let mut world = World::new(Options::default());
    world.sandbox.add_service_account("other", None);
    let (told, _) = world.plan().await;
    assert!(told.contains("No place for a second service account"), "{told}");
    world.sandbox.add_service_account("another", None);
    let (told, _) = world.plan().await;
    assert!(told.contains("would have 4"), "{told}");

    let mut world = World::new(Options::default());
    world.sandbox.add_service_account("ci-b", None);
    let (told, _) = world.plan().await;
    assert!(told.contains("\"ci-b\" exists already"), "{told}");

    let mut world = World::created().await;
    world.sandbox.add_service_account("other", None);
    world.trigger("1");
    let (told, _) = world.plan().await;
    assert!(told.contains("would have 4"), "{told}");
    let run = world.apply().await;
    assert!(run.failed && run.told.contains("quota of 3"), "{}", run.told);
    assert_eq!(world.works(), [true, false]);
}

/// (expires_in, rotate_every, what is told at creation)
#[tokio::test(start_paused = true)]
async fn durations_that_leave_no_overlap_are_refused_and_short_ones_warned_of() {
    let cases = [
        ("90d", Some("30d"), ""),
        ("90d", Some("45d"), ""),
        ("90d", None, ""),
        ("90d", Some("80d"), "has 10 days"),
        ("90d", Some("90d"), "must be shorter than `expires_in`"),
        ("90d", Some("0s"), "at least 1s"),
        ("90d", Some("x"), "must be a duration"),
        ("400d", None, "more than 12 months"),
        ("0s", None, "at least 1s"),
    ];
    for (expires_in, rotate_every, expected) in cases {
        let mut world = World::new(Options::default());
        world.config.expires_in = expires_in.into();
        world.config.rotate_every = rotate_every.map(str::to_owned).into();
        let (told, _) = world.plan().await;
        assert_eq!(
            told.is_empty(),
            expected.is_empty(),
            "{expires_in} {rotate_every:?}: {told}"
        );
        assert!(told.contains(expected), "{expires_in} {rotate_every:?}: {told}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_leave_room_for_a_suffix() {
    for (name, valid) in [
        ("c", true),
        (&"c".repeat(28), true),
        ("", false),
        (&"c".repeat(29), false),
    ] {
        let mut world = World::new(Options::default());
        world.config.name = name.into();
        let (told, _) = world.plan().await;
        assert_eq!(told.is_empty(), valid, "{name}: {told}");
    }
}
