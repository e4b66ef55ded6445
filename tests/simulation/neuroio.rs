//! Scenarios of an account (see [`platform`](super::platform)): tokens are declared, and other clients create,
//! switch and delete tokens concurrently.
//!
//! Promises at the end:
//! - Every declared token exists once, of its kind, and its value in the state is valid if and only if it is declared active.
//! - There is no orphan, unless its run was killed or has reported it.
//! - Tokens of other clients are unchanged, and none is in a state.
//! - No request to delete all tokens was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use secrecy::ExposeSecret;
use serde_json::json;
use token_providers::framework::Provider;
use token_providers::framework::testing::{Configuration, ResourceBlock, Workspace};
use token_providers::neuroio::NeuroIo;
use token_providers::platform::Runtime;
use token_providers::sandbox::neuroio::{self, Options, Realm, Sandbox, option_variants};
use token_providers::token::Clock;

use super::platform::{ConcurrentAction, RunReport, SimulatedPlatform, lock, simulate, text};
use super::speed::Speed;

const LABELS: [&str; 3] = ["camera", "gate", "lobby"];

/// The declaration of one token.
#[derive(Clone, Copy, Debug)]
struct Token {
    permanent: bool,
    is_active: bool,
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
}

impl SimulatedPlatform for Account {
    type Platform = neuroio::NeuroIo;

    const PROGRAM: &'static str = env!("CARGO_BIN_EXE_terraform-provider-neuroio");

    const METHODS: &'static [&'static str] = &["POST", "GET", "PATCH", "PUT", "DELETE"];

    const OTHER_ANSWER: &'static str = r#"{"is_active": true}"#;

    fn start(random: &mut Rng, clock: Clock) -> Self {
        let shapes = option_variants();
        let options = Options {
            // The plan's warning is another test's matter.
            permanent_limit: 1_000,
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
                        permanent: random.bool(),
                        is_active: random.u8(..3) > 0,
                    };
                    self.declared.insert(label, declared);
                }
                _ => {}
            }
        }
        format!("{:?}", self.declared)
    }

    fn configuration(&self) -> Configuration {
        let declared = self.declared.iter().map(|(label, token)| {
            let config = json!({ "permanent": token.permanent, "is_active": token.is_active });
            (address(label), ResourceBlock::new(config))
        });
        declared.collect()
    }

    fn act_outside(&mut self, random: &mut Rng) {
        let tokens = self.sandbox.tokens(&Realm::Account);
        match random.u8(..5) {
            0 => drop(add_other(&self.sandbox, &self.others, random.bool())),
            1 if !tokens.is_empty() => {
                let id = tokens[random.usize(..tokens.len())].id;
                self.sandbox.delete_outside(id);
                lock(&self.others).remove(&id);
            }
            2 if !tokens.is_empty() => {
                let (id, is_active) = (tokens[random.usize(..tokens.len())].id, random.bool());
                self.sandbox.set_active_outside(id, is_active);
                lock(&self.others)
                    .entry(id)
                    .and_modify(|other| other.is_active = is_active);
            }
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
    }

    fn violations(&self, workspace: &Workspace) -> Vec<String> {
        let mut violations = Vec::new();
        let tokens = self.sandbox.tokens(&Realm::Account).into_iter();
        let tokens: BTreeMap<u64, _> = tokens.map(|token| (token.id, token)).collect();
        let (state, kept) = (workspace.state(), kept_ids(workspace));
        if kept.len() != state.len() {
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
            let key = text(state, "key").unwrap_or_default();
            if key != token.key.expose_secret()
                || token.permanent != declared.permanent
                || self.sandbox.is_live(key) != declared.is_active
            {
                violations.push(format!("{label} is {token:?}, and declared {declared:?}"));
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
    let ids = state.filter_map(|object| text(&object, "id")?.parse().ok());
    ids.collect()
}

fn add_other(sandbox: &Sandbox, others: &OthersTokens, permanent: bool) -> u64 {
    let id = sandbox.add_token(&Realm::Account, permanent).id;
    let is_active = true;
    lock(others).insert(id, Token { permanent, is_active });
    id
}

#[test]
fn simulated_scenarios_keep_all_promises() {
    simulate::<Account>(Speed::Simulated, 300);
}

#[test]
fn real_scenarios_keep_all_promises() {
    simulate::<Account>(Speed::Real, 16);
}
