//! Histories of an account, drawn from seeds: what is declared changes, answers are lost, runs are killed, time passes, and
//! others make, switch and delete tokens meanwhile. After each history, with faults off, two applies must do.
//!
//! What must hold then:
//! - Every declared token is there once, of its kind, and its value in the state works exactly if it is declared active.
//! - No other token that Terraform made is left, unless its run was killed or has told of it.
//! - Others' tokens are as they left them. One is taken for ours only with a warning, which the module [`super::create`]
//!   explains.
//! - Nothing ever asked for the deletion of all tokens, and nothing told holds a value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use tower::{ServiceExt, service_fn};

use super::connection::{Connection, Session};
use super::stream_token::{Model, StreamToken};
use super::testing::{client_through, every_shape};
use crate::framework::{Change, Context, Diagnostic, Diagnostics, Field, Resource, Severity};
use crate::neuroio::api::Api;
use crate::platform::State;
use crate::platform::testing::{clock, losses};
use crate::rest::{BoxError, Transport};
use crate::sandbox::neuroio::{Options, Realm, Sandbox};
use crate::sandbox::{ConnectionCut, Fault, When};

const LABELS: [&str; 3] = ["camera", "gate", "lobby"];

/// What is declared of one token.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Declared {
    permanent: bool,
    is_active: bool,
}

/// What Terraform keeps of one.
#[derive(Clone)]
struct Kept {
    state: Model,
    tainted: bool,
}

/// What others made.
#[derive(Clone, Copy)]
struct Stranger {
    permanent: bool,
    is_active: bool,
}

type Strangers = Arc<Mutex<BTreeMap<u64, Stranger>>>;

type Kepts = Arc<Mutex<BTreeMap<&'static str, Kept>>>;

/// Where a run is killed: at its `request`th request, on its way there or back.
#[derive(Clone, Copy, Debug)]
struct Kill {
    request: u32,
    when: When,
}

struct History {
    random: Rng,
    sandbox: Sandbox,
    declared: BTreeMap<&'static str, Declared>,
    kept: Kepts,
    /// Others' tokens.
    strangers: Strangers,
    /// Tokens of ours that a run was killed over, or has told of.
    explained: BTreeSet<u64>,
    /// What the last run told.
    told: Vec<Diagnostic>,
    trace: Vec<String>,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let shapes = every_shape();
        let options = Options {
            // The plan's warning is another test's matter.
            permanent_limit: 1_000,
            ..shapes[random.usize(..shapes.len())].clone()
        };
        Self {
            random,
            sandbox: Sandbox::with_clock(clock(), options),
            declared: BTreeMap::new(),
            kept: Kepts::default(),
            strangers: Arc::default(),
            explained: BTreeSet::new(),
            told: Vec::new(),
            trace: Vec::new(),
        }
    }

    async fn live(&mut self) {
        for _ in 0..self.random.u32(2..8) {
            self.change_declaration();
            self.outside();
            let faults = losses(r#"{"is_active": true}"#);
            let faults = faults.into_iter().chain([401, 403, 404, 429].map(Fault::answer));
            let faults: Vec<_> = faults.collect();
            for _ in 0..self.random.u32(..3) {
                let fault = faults[self.random.usize(..faults.len())].clone();
                let method = ["POST", "GET", "PATCH", "PUT", "DELETE"][self.random.usize(..5)];
                self.sandbox.fault(Fault {
                    method: Some(method.to_owned()),
                    times: self.random.u32(1..4),
                    skip: self.random.u32(..3),
                    ..fault
                });
            }
            let kill = (self.random.u8(..3) == 0).then(|| Kill {
                request: self.random.u32(1..8),
                when: if self.random.bool() { When::Before } else { When::After },
            });
            let stranger = (self.random.u8(..4) == 0).then(|| (self.random.u32(1..6), self.random.bool()));
            self.run(kill, stranger).await;
            let hours = [0, 1, 30][self.random.usize(..3)];
            tokio::time::sleep(Duration::from_secs(hours * 3_600)).await;
        }
        self.sandbox.heal();
        for _ in 0..2 {
            self.run(None, None).await;
        }
    }

    fn change_declaration(&mut self) {
        for label in LABELS {
            match self.random.u8(..4) {
                0 => drop(self.declared.remove(label)),
                1 => {
                    let declared = Declared {
                        permanent: self.random.bool(),
                        is_active: self.random.u8(..3) > 0,
                    };
                    self.declared.insert(label, declared);
                }
                _ => {}
            }
        }
        self.trace.push(format!("declared {:?}", self.declared));
    }

    fn outside(&mut self) {
        let tokens = self.sandbox.tokens(&Realm::Account);
        match self.random.u8(..5) {
            0 => drop(add_stranger(&self.sandbox, &self.strangers, self.random.bool())),
            1 if !tokens.is_empty() => {
                let id = tokens[self.random.usize(..tokens.len())].id;
                self.sandbox.delete_outside(id);
                lock(&self.strangers).remove(&id);
            }
            2 if !tokens.is_empty() => {
                let (id, is_active) = (tokens[self.random.usize(..tokens.len())].id, self.random.bool());
                self.sandbox.set_active_outside(id, is_active);
                lock(&self.strangers)
                    .entry(id)
                    .and_modify(|stranger| stranger.is_active = is_active);
            }
            _ => {}
        }
    }

    /// One run of Terraform: a refresh, and an apply of what differs. `stranger` makes a token, of this kind, while the
    /// run's request of this number is under way.
    async fn run(&mut self, kill: Option<Kill>, stranger: Option<(u32, bool)>) {
        self.trace.push(format!("run, killed {kill:?}, stranger {stranger:?}"));
        let before = self.ids();
        let killed = CancellationToken::new();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let network = Network {
            sandbox: self.sandbox.clone(),
            strangers: self.strangers.clone(),
            random: Arc::new(Mutex::new(self.random.fork())),
            sent: Arc::default(),
            kill,
            stranger,
            killed: killed.clone(),
            trace: lines.clone(),
        };
        let session = Session::new(self.sandbox.clock());
        let token = self.sandbox.api_token(&Realm::Account);
        let api = Api::new(client_through(network.transport(), &token));
        session.set(State::Connected(Arc::new(Connection::new(
            api,
            Duration::from_secs(300),
        ))));
        let told = Arc::new(Mutex::new(Vec::new()));
        let terraform = Terraform {
            resource: StreamToken::new(session),
            kept: self.kept.clone(),
            told: told.clone(),
        };
        let was_killed = tokio::select! {
            () = killed.cancelled() => true,
            () = terraform.run(&self.declared) => false,
        };
        drop(terraform);
        // What is still on its way arrives.
        tokio::time::sleep(Duration::from_secs(300)).await;

        let told = std::mem::take(&mut *lock(&told));
        self.trace.append(&mut lock(&lines));
        self.trace.extend(told.iter().map(Diagnostic::to_string));
        let unseen = told.iter().any(|told| told.detail.contains("could not be found out"));
        let (made, kept) = (self.ids(), self.kept_ids());
        for id in made.difference(&before).filter(|id| !kept.contains(id)) {
            let is_told = told.iter().any(|told| told.detail.contains(&format!("\n  - {id}")));
            if was_killed || unseen || is_told {
                self.explained.insert(*id);
            }
        }
        // Taken for ours, with a warning.
        for id in &kept {
            let warning = format!("The stream token {id} is taken to be");
            if told.iter().any(|told| told.summary.contains(&warning)) || (was_killed && !before.contains(id)) {
                lock(&self.strangers).remove(id);
            }
        }
        self.told = told;
    }

    fn ids(&self) -> BTreeSet<u64> {
        self.sandbox
            .tokens(&Realm::Account)
            .iter()
            .map(|token| token.id)
            .collect()
    }

    fn kept_ids(&self) -> BTreeSet<u64> {
        lock(&self.kept)
            .values()
            .filter_map(|kept| kept.state.id.known()?.parse().ok())
            .collect()
    }

    /// What does not hold, after all.
    fn broken(&self) -> Vec<String> {
        let told = self.told.iter().filter(|told| told.severity == Severity::Error);
        let mut broken: Vec<_> = told.map(|told| format!("at rest, it tells: {told}")).collect();
        let kept = lock(&self.kept).clone();
        let tokens: BTreeMap<u64, _> = self
            .sandbox
            .tokens(&Realm::Account)
            .into_iter()
            .map(|token| (token.id, token))
            .collect();
        let ids: Vec<_> = kept.values().filter_map(|kept| kept.state.id.known()).collect();
        if ids.iter().collect::<BTreeSet<_>>().len() != kept.len() {
            broken.push(format!("the state's ids are {ids:?}"));
        }
        for (label, declared) in &self.declared {
            let Some(Kept { state, tainted: false }) = kept.get(label) else {
                broken.push(format!("{label} is not in the state"));
                continue;
            };
            let id = state.id.known().and_then(|id| id.parse().ok());
            let Some(token) = id.and_then(|id: u64| tokens.get(&id)) else {
                broken.push(format!("{label} is not on the platform"));
                continue;
            };
            let key = state.key.known().map_or("", ExposeSecret::expose_secret);
            if key != token.key.expose_secret()
                || token.permanent != declared.permanent
                || self.sandbox.is_live(key) != declared.is_active
            {
                broken.push(format!("{label} is {token:?}, and declared {declared:?}"));
            }
        }
        for label in kept.keys().filter(|label| !self.declared.contains_key(*label)) {
            broken.push(format!("{label} is in the state, and not declared"));
        }
        let strangers = lock(&self.strangers);
        // A temporary one may be gone, or be told to be inactive, because it has ended.
        for (id, stranger) in strangers.iter().filter(|(_, stranger)| stranger.permanent) {
            if tokens.get(id).is_none_or(|token| token.is_active != stranger.is_active) {
                broken.push(format!("the stranger's token {id} was touched"));
            }
        }
        for id in tokens.keys() {
            let known = ids.iter().any(|kept| **kept == id.to_string());
            if !known && !strangers.contains_key(id) && !self.explained.contains(id) {
                broken.push(format!("the token {id} is left over, and nobody was told"));
            }
        }
        for path in ["/streams/tokens/", "/streams/tokens//", "/streams/tokens"] {
            if self.sandbox.calls("DELETE", path) > 0 {
                broken.push("all tokens were to be deleted".to_owned());
            }
        }
        for value in self.sandbox.issued_values() {
            if self.trace.iter().any(|line| line.contains(value.expose_secret())) {
                broken.push("a value was told".to_owned());
            }
        }
        broken
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add_stranger(sandbox: &Sandbox, strangers: &Strangers, permanent: bool) -> u64 {
    let id = sandbox.add_token(&Realm::Account, permanent).id;
    let is_active = true;
    lock(strangers).insert(id, Stranger { permanent, is_active });
    id
}

/// The way to the platform: it takes time, and what was sent arrives even if nobody waits for the answer any more.
#[derive(Clone)]
struct Network {
    sandbox: Sandbox,
    strangers: Strangers,
    random: Arc<Mutex<Rng>>,
    sent: Arc<Mutex<u32>>,
    kill: Option<Kill>,
    stranger: Option<(u32, bool)>,
    killed: CancellationToken,
    trace: Arc<Mutex<Vec<String>>>,
}

impl Network {
    fn transport(&self) -> Transport {
        let network = self.clone();
        Transport::new(service_fn(move |request| {
            let carried = tokio::spawn(network.clone().carry(request));
            async move { Ok::<_, BoxError>(carried.await??) }
        }))
    }

    async fn carry(
        self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<impl Body<Data = Bytes, Error: Into<BoxError>> + use<>>, ConnectionCut> {
        let number = {
            let mut sent = lock(&self.sent);
            *sent += 1;
            *sent
        };
        let is_killed = |when| {
            self.kill
                .is_some_and(|kill| kill.request == number && kill.when == when)
        };
        if is_killed(When::Before) {
            self.killed.cancel();
            std::future::pending::<()>().await;
        }
        let what = format!("{number} {} {}", request.method(), request.uri());
        self.take_a_while(20).await;
        if let Some((_, permanent)) = self.stranger.filter(|(at, _)| *at == number) {
            let id = add_stranger(&self.sandbox, &self.strangers, permanent);
            lock(&self.trace).push(format!("a stranger makes {id}"));
        }
        let answer = self.sandbox.service().oneshot(request).await;
        let outcome = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        lock(&self.trace).push(format!("{what} -> {outcome}"));
        if is_killed(When::After) {
            self.killed.cancel();
        }
        self.take_a_while(0).await;
        answer
    }

    /// Mostly a moment; once in so many times longer than a request may take.
    async fn take_a_while(&self, once_in: u32) {
        let time = {
            let mut random = lock(&self.random);
            let late = once_in > 0 && random.u32(..once_in) == 0;
            // Where strangers act as well, what is lost has acted by the look that follows.
            let latest = if self.stranger.is_some() { 34_000 } else { 38_000 };
            random.u64(if late { 29_000..latest } else { 1..200 })
        };
        tokio::time::sleep(Duration::from_millis(time)).await;
    }
}

/// What Terraform does with one type of resource.
struct Terraform {
    resource: StreamToken,
    kept: Kepts,
    told: Arc<Mutex<Vec<Diagnostic>>>,
}

impl Terraform {
    /// Refreshes everything, and if that went well makes it as it is declared, all at once.
    async fn run(&self, declared: &BTreeMap<&'static str, Declared>) {
        let kept: Vec<_> = lock(&self.kept).keys().copied().collect();
        let refreshed = join_all(kept.iter().map(|label| self.refresh(label))).await;
        if refreshed.contains(&false) {
            return;
        }
        let labels: BTreeSet<_> = kept.into_iter().chain(declared.keys().copied()).collect();
        join_all(
            labels
                .into_iter()
                .map(|label| self.apply(label, declared.get(label).copied())),
        )
        .await;
    }

    fn kept(&self, label: &str) -> Option<Kept> {
        lock(&self.kept).get(label).cloned()
    }

    /// Keeps what an operation has left, and tells whether it went well.
    fn keep(&self, label: &'static str, state: Option<Model>, diagnostics: Diagnostics, taints: bool) -> bool {
        let failed = diagnostics.has_errors();
        let mut kept = lock(&self.kept);
        match state {
            Some(state) => {
                let tainted = (failed && taints) || (!taints && kept.get(label).is_some_and(|kept| kept.tainted));
                kept.insert(label, Kept { state, tainted });
            }
            None => drop(kept.remove(label)),
        }
        lock(&self.told).extend(diagnostics);
        !failed
    }

    async fn refresh(&self, label: &'static str) -> bool {
        let Some(kept) = self.kept(label) else { return true };
        let mut diagnostics = Diagnostics::default();
        let state = self
            .resource
            .read(&Context::default(), kept.state, &mut diagnostics)
            .await;
        self.keep(label, state, diagnostics, false)
    }

    async fn apply(&self, label: &'static str, declared: Option<Declared>) {
        match (self.kept(label), declared) {
            (None, None) => {}
            (Some(kept), None) => drop(self.delete(label, kept.state).await),
            (None, Some(declared)) => self.create(label, declared).await,
            (Some(kept), Some(declared)) => {
                let prior = kept.state;
                let (planned, diagnostics) = self.plan(declared, Some(&prior)).await;
                lock(&self.told).extend(diagnostics);
                let replaced = planned.permanent != prior.permanent || planned.expires_at != prior.expires_at;
                if kept.tainted || replaced {
                    if self.delete(label, prior).await {
                        self.create(label, declared).await;
                    }
                } else if planned.is_active != prior.is_active {
                    let mut diagnostics = Diagnostics::default();
                    let state = self
                        .resource
                        .update(&Context::default(), prior, planned, &mut diagnostics)
                        .await;
                    self.keep(label, Some(state), diagnostics, false);
                }
            }
        }
    }

    async fn plan(&self, declared: Declared, prior: Option<&Model>) -> (Model, Diagnostics) {
        let (config, planned) = proposed(declared, prior);
        let mut change = Change {
            config,
            prior: prior.cloned(),
            planned,
        };
        let mut diagnostics = Diagnostics::default();
        self.resource
            .plan(&Context::default(), &mut change, &mut diagnostics)
            .await;
        (change.planned, diagnostics)
    }

    async fn create(&self, label: &'static str, declared: Declared) {
        let (planned, mut diagnostics) = self.plan(declared, None).await;
        let state = self
            .resource
            .create(&Context::default(), planned.clone(), &mut diagnostics)
            .await;
        if let Some(state) = state.as_ref().filter(|_| !diagnostics.has_errors()) {
            assert_eq!(
                (state.permanent, state.is_active),
                (planned.permanent, planned.is_active),
                "as planned"
            );
        }
        self.keep(label, state, diagnostics, true);
    }

    async fn delete(&self, label: &'static str, state: Model) -> bool {
        let mut diagnostics = Diagnostics::default();
        let state = self.resource.delete(&Context::default(), state, &mut diagnostics).await;
        self.keep(label, state, diagnostics, false)
    }
}

/// The configuration, and what Terraform proposes as its plan.
fn proposed(declared: Declared, prior: Option<&Model>) -> (Model, Model) {
    let config = Model {
        permanent: declared.permanent.into(),
        is_active: declared.is_active.into(),
        ..Model::default()
    };
    let computed = prior.cloned().unwrap_or(Model {
        id: Field::Unknown,
        key: Field::Unknown,
        created_at: Field::Unknown,
        expires_at: Field::Unknown,
        ..Model::default()
    });
    let planned = Model {
        permanent: config.permanent,
        is_active: config.is_active,
        ..computed
    };
    (config, planned)
}

/// Lives through the history of a seed; what broke, with the trace.
fn run(seed: u64) -> Result<(), String> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(async {
            let mut history = History::new(seed);
            history.live().await;
            match history.broken() {
                broken if broken.is_empty() => Ok(()),
                broken => Err(format!(
                    "seed {seed}\n{}\n{}",
                    history.trace.join("\n"),
                    broken.join("\n")
                )),
            }
        })
}

#[test]
fn after_any_history_everything_declared_is_there_and_nothing_else_of_ours() {
    let seeds = match std::env::var("SIMULATION_SEED").map(|seed| seed.parse()) {
        Ok(Ok(seed)) => seed..seed + 1,
        Ok(Err(_)) => panic!("SIMULATION_SEED is a number"),
        Err(_) => 0..300,
    };
    for seed in seeds {
        if let Err(broken) = run(seed) {
            panic!("{broken}");
        }
    }
}
