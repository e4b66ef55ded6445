//! Scenarios of an account (see [`platform`](super::platform)): tokens are declared and rotated, with and without overlap, their
//! values are encrypted or not, and other clients create, switch and delete tokens concurrently. The list may lag behind, and the limit of permanent tokens
//! may be reached during a run.
//!
//! Promises after each run that was not killed:
//! - A permanent token in the state exists, unless another client deleted it: a failed rotation changes nothing.
//!
//! Promises at the end:
//! - Every declared token exists once, of its kind, and its value in the state, as it is or encrypted, is valid if and only
//!   if it is declared active.
//! - A previous token is in the state only during an overlap, and it exists.
//! - There is no orphan, unless its run was killed or has reported it.
//! - Tokens of other clients are unchanged, and none is in a state.
//! - No request to delete all tokens was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use jiff::SignedDuration;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use token_providers::framework::testing::{Configuration, ResourceBlock, Workspace};
use token_providers::framework::{self, Provider};
use token_providers::neuroio::NeuroIo;
use token_providers::platform::Runtime;
use token_providers::sandbox::neuroio::{self, Options, Realm, Sandbox, option_variants};
use token_providers::token::Clock;

use super::platform::{ConcurrentAction, RunReport, SimulatedPlatform, lock, simulate, text};
use super::speed::Speed;
use super::storage::{recipients, value_in_state};

/// More permanent tokens than any scenario creates.
const UNLIMITED: usize = 1_000;

const LABELS: [&str; 3] = ["camera", "gate", "lobby"];

/// The declaration of one token. Its durations are such that no deletion, renewal or expiry falls between the last runs of
/// a scenario, which are minutes apart: time passes in steps of up to nine hours in total, or of more than a day.
#[derive(Clone, Copy, Debug)]
struct Token {
    permanent: bool,
    is_active: bool,
    release: u8,
    has_overlap: bool,
    is_renewed: bool,
    is_encrypted: bool,
}

impl Token {
    /// A token without a rotation policy.
    fn new(permanent: bool, is_active: bool) -> Self {
        Self {
            permanent,
            is_active,
            release: 0,
            has_overlap: false,
            is_renewed: false,
            is_encrypted: false,
        }
    }

    fn config(self) -> Value {
        let renewed = |duration: &str| self.is_renewed.then(|| duration.to_owned());
        json!({
            "permanent": self.permanent,
            "is_active": self.is_active,
            "rotation_triggers": { "release": self.release.to_string() },
            "overlap": self.has_overlap.then_some("12h"),
            "rotate_before": renewed("8h").filter(|_| !self.permanent),
            "rotate_every": renewed("13h").filter(|_| self.permanent),
            "age_recipients": self.is_encrypted.then(recipients),
        })
    }
}

/// The tokens of other clients, by their ids.
type OthersTokens = Arc<Mutex<BTreeMap<u64, Token>>>;

struct Account {
    sandbox: Sandbox,
    api_token: String,
    declared: BTreeMap<&'static str, Token>,
    others: OthersTokens,
    /// The tokens at the start of the run.
    before: BTreeSet<u64>,
    /// Orphans of killed runs, or reported ones.
    explained: BTreeSet<u64>,
    /// Tokens in the state that no longer exist because of another client or of a killed run.
    gone: BTreeSet<u64>,
    /// Whether the limit of permanent tokens is reached in the next run.
    is_tight: bool,
    /// Promises that did not hold after a run.
    broken: Vec<String>,
}

impl SimulatedPlatform for Account {
    type Platform = neuroio::NeuroIo;

    const PROGRAM: &'static str = env!("CARGO_BIN_EXE_terraform-provider-neuroio");

    const METHODS: &'static [&'static str] = &["POST", "GET", "PATCH", "PUT", "DELETE"];

    const OTHER_ANSWER: &'static str = r#"{"is_active": true}"#;

    fn start(random: &mut Rng, clock: Clock) -> Self {
        let shapes = option_variants();
        let options = Options {
            permanent_limit: UNLIMITED,
            // Requests that arrive late leave the provider's last list only two seconds.
            list_lag: SignedDuration::from_secs([0, 0, 1, 2][random.usize(..4)]),
            ..shapes[random.usize(..shapes.len())].clone()
        };
        let sandbox = Sandbox::with_clock(clock, options);
        Self {
            api_token: sandbox.add_api_token(&Realm::Account).expose_secret().to_owned(),
            sandbox,
            declared: BTreeMap::new(),
            others: Arc::default(),
            before: BTreeSet::new(),
            explained: BTreeSet::new(),
            gone: BTreeSet::new(),
            is_tight: false,
            broken: Vec::new(),
        }
    }

    fn adapt_to(&mut self, speed: Speed) {
        // A lag would take real time.
        if speed == Speed::Real {
            self.sandbox
                .set_options(|options| options.list_lag = SignedDuration::ZERO);
        }
    }

    fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    fn variables(&self, base_url: &str) -> Vec<(&'static str, String)> {
        vec![
            ("NEUROIO_BASE_URL", base_url.to_owned()),
            ("NEUROIO_API_TOKEN", self.api_token.clone()),
        ]
    }

    fn provider(runtime: Runtime) -> impl Provider {
        NeuroIo::new(runtime)
    }

    fn declare(&mut self, random: &mut Rng) -> String {
        for label in LABELS {
            match random.u8(..4) {
                0 => drop(self.declared.remove(label)),
                1 => {
                    let declared = Token {
                        release: random.u8(..3),
                        has_overlap: random.bool(),
                        is_renewed: random.bool(),
                        is_encrypted: self.declared.get(label).is_some_and(|declared| declared.is_encrypted),
                        ..Token::new(random.bool(), random.u8(..3) > 0)
                    };
                    self.declared.insert(label, declared);
                }
                2 => {
                    let declared = self.declared.get_mut(label);
                    declared.into_iter().for_each(|declared| declared.release += 1);
                }
                _ => {}
            }
        }
        // Drawn after everything else, so that the seeds keep their scenarios otherwise.
        for declared in self.declared.values_mut() {
            declared.is_encrypted ^= random.u8(..4) == 0;
        }
        format!("{:?}", self.declared)
    }

    fn configuration(&self) -> Configuration {
        let declared = self
            .declared
            .iter()
            .map(|(label, token)| (address(label), ResourceBlock::new(token.config())));
        declared.collect()
    }

    fn act_outside(&mut self, random: &mut Rng) {
        let tokens = self.sandbox.tokens(&Realm::Account);
        match random.u8(..6) {
            0 => drop(add_other(&self.sandbox, &self.others, random.bool())),
            1 if !tokens.is_empty() => {
                let id = tokens[random.usize(..tokens.len())].id;
                self.sandbox.delete_outside(id);
                lock(&self.others).remove(&id);
                self.gone.insert(id);
            }
            2 if !tokens.is_empty() => {
                let (id, is_active) = (tokens[random.usize(..tokens.len())].id, random.bool());
                self.sandbox.set_active_outside(id, is_active);
                lock(&self.others)
                    .entry(id)
                    .and_modify(|other| other.is_active = is_active);
            }
            3 => self.is_tight = true,
            _ => {}
        }
    }

    fn concurrent_action(&self, random: &mut Rng) -> Option<ConcurrentAction> {
        let (sandbox, others, permanent) = (self.sandbox.clone(), self.others.clone(), random.bool());
        Some(Box::new(move || {
            format!("another client creates {}", add_other(&sandbox, &others, permanent))
        }))
    }

    fn before_run(&mut self, _: &Workspace) {
        self.before = self.ids();
        let permanent_limit = match std::mem::take(&mut self.is_tight) {
            true => self.before.len(),
            false => UNLIMITED,
        };
        self.sandbox
            .set_options(|options| options.permanent_limit = permanent_limit);
    }

    fn after_run(
        &mut self,
        RunReport {
            workspace,
            was_killed,
            diagnostics,
        }: &RunReport<'_>,
    ) {
        let unseen = diagnostics
            .iter()
            .any(|shown| shown.detail.contains("could not be determined"));
        let (made, kept) = (self.ids(), kept_ids(workspace));
        for id in made.difference(&self.before).filter(|id| !kept.contains(id)) {
            let is_reported = diagnostics
                .iter()
                .any(|shown| shown.detail.contains(&format!("\n  - {id}")));
            if *was_killed || unseen || is_reported {
                self.explained.insert(*id);
            }
        }
        for (label, declared) in &self.declared {
            let state = workspace.state();
            // The replacement of a tainted token deletes it first.
            let Some(state) = state.get(&address(label)).filter(|object| !object.is_tainted) else {
                continue;
            };
            let id = text(state, "id").and_then(|id| id.parse().ok());
            let is_kept = declared.permanent && *state.get("permanent") == framework::Value::Bool(true);
            if let Some(id) = id.filter(|id| !made.contains(id) && !self.gone.contains(id))
                && is_kept
                && !was_killed
            {
                self.broken.push(format!("{label} names {id}, which no longer exists"));
            }
        }
        self.gone.extend(kept.difference(&made));
    }

    fn violations(&self, workspace: &Workspace) -> Vec<String> {
        let mut violations = self.broken.clone();
        let tokens = self.sandbox.tokens(&Realm::Account).into_iter();
        let tokens: BTreeMap<u64, _> = tokens.map(|token| (token.id, token)).collect();
        let (state, kept) = (workspace.state(), kept_ids(workspace));
        let previous = state.values().filter(|object| text(object, "previous_id").is_some());
        if kept.len() != state.len() + previous.count() {
            violations.push(format!("the state's ids are {kept:?}"));
        }
        for (label, declared) in &self.declared {
            let Some(state) = state.get(&address(label)) else {
                continue;
            };
            let id = text(state, "id").and_then(|id| id.parse().ok());
            let Some(token) = id.and_then(|id: u64| tokens.get(&id)) else {
                violations.push(format!("{label} is not on the platform"));
                continue;
            };
            let key = value_in_state(state.value(), "key").unwrap_or_default();
            if key != token.key.expose_secret()
                || token.permanent != declared.permanent
                || self.sandbox.is_live(&key) != declared.is_active
            {
                violations.push(format!("{label} is {token:?}, and declared {declared:?}"));
            }
            if let Some(previous) = text(state, "previous_id") {
                let exists = previous.parse().is_ok_and(|id: u64| tokens.contains_key(&id));
                if !exists || !declared.has_overlap || !declared.is_active {
                    violations.push(format!("{label} has the previous token {previous}"));
                }
            }
        }
        let others = lock(&self.others);
        for id in kept.iter().filter(|id| others.contains_key(id)) {
            violations.push(format!("another client's token {id} is in the state"));
        }
        // A temporary one may be gone or inactive, because it has expired.
        for (id, other) in others.iter().filter(|(_, other)| other.permanent) {
            if tokens.get(id).is_none_or(|token| token.is_active != other.is_active) {
                violations.push(format!("another client's token {id} was touched"));
            }
        }
        for id in tokens.keys() {
            if !kept.contains(id) && !others.contains_key(id) && !self.explained.contains(id) {
                violations.push(format!("the token {id} is an orphan, and was not reported"));
            }
        }
        for path in ["/streams/tokens/", "/streams/tokens//", "/streams/tokens"] {
            if self.sandbox.calls("DELETE", path) > 0 {
                violations.push("all tokens were to be deleted".to_owned());
            }
        }
        violations
    }
}

impl Account {
    fn ids(&self) -> BTreeSet<u64> {
        let tokens = self.sandbox.tokens(&Realm::Account);
        tokens.iter().map(|token| token.id).collect()
    }
}

fn address(label: &str) -> String {
    format!("neuroio_stream_token.{label}")
}

/// The ids in the state.
fn kept_ids(workspace: &Workspace) -> BTreeSet<u64> {
    let state = workspace.state().into_values();
    let ids = state.flat_map(|object| ["id", "previous_id"].map(|name| text(&object, name)?.parse().ok()));
    ids.flatten().collect()
}

fn add_other(sandbox: &Sandbox, others: &OthersTokens, permanent: bool) -> u64 {
    let id = sandbox.add_token(&Realm::Account, permanent).id;
    lock(others).insert(id, Token::new(permanent, true));
    id
}

#[test]
fn simulated_scenarios_keep_all_promises() {
    simulate::<Account>(Speed::Simulated, 200);
}

#[test]
fn real_scenarios_keep_all_promises() {
    simulate::<Account>(Speed::Real, 16);
}
