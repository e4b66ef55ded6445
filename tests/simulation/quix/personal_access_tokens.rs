//! Scenarios of a user (see [`platform`](super::super::platform)): personal access tokens are declared, with and without an
//! overlap; their triggers change; other clients create tokens of the same names concurrently and delete those of Terraform; runs
//! are killed within a rotation; the list of tokens may lag behind.
//!
//! Promises about each run:
//! - It deletes no token that another client has created.
//! - A token that exists and that neither the state nor another client has is an orphan of a killed run, or a diagnostic of the
//!   run names it or says that a creation may have taken effect, or the run repeated a creation: no list shows a request that
//!   takes effect after it.
//! - The state has at most two tokens per resource.
//!
//! Promises at the end:
//! - The value of each declared token is in the state, and valid.
//!
//! No provider can detect the orphan of a killed run. An operator deletes it before the next run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use token_providers::framework::Provider;
use token_providers::framework::testing::{Configuration, ResourceBlock, Workspace};
use token_providers::platform::Runtime;
use token_providers::quix::Quix;
use token_providers::sandbox::quix::{Options, Portal, Role, Sandbox, personal_access_token_variants};
use token_providers::token::Clock;

use super::super::platform::{ConcurrentAction, RunReport, SimulatedPlatform, simulate, text};
use super::super::speed::Speed;

const NAMES: [&str; 2] = ["ci", "etl"];

/// A declared token.
#[derive(Clone, Copy, Debug)]
struct Declared {
    trigger: u8,
    overlaps: bool,
    has_expiry: bool,
}

struct User {
    sandbox: Sandbox,
    token: SecretString,
    declared: BTreeMap<&'static str, Declared>,
    /// The ids of the tokens of other clients.
    others: Arc<Mutex<BTreeSet<String>>>,
    /// The ids of the orphans of killed runs, and of those that a diagnostic named.
    orphans: BTreeSet<String>,
    /// The tokens in the state and the number of creations before the run.
    before: (BTreeSet<String>, usize),
    violations: Vec<String>,
}

impl User {
    /// Returns the ids of all tokens but the provider's own.
    fn ids(&self) -> BTreeSet<String> {
        let tokens = self.sandbox.personal_access_tokens(&self.token);
        tokens.into_iter().skip(1).map(|token| token.id).collect()
    }

    fn others(&self) -> BTreeSet<String> {
        self.others.lock().unwrap().clone()
    }

    /// Whether other clients may have tokens of the same names.
    fn allows_equal_names(&self) -> bool {
        self.sandbox.options().personal_access_tokens.unique_names.is_none()
    }
}

/// Returns the ids of the current and the previous tokens in the state.
fn held(workspace: &Workspace) -> BTreeSet<String> {
    let state = workspace.state();
    let ids = state
        .values()
        .flat_map(|object| ["id", "previous_id"].map(|name| text(object, name).map(str::to_lowercase)));
    ids.flatten().collect()
}

fn add(sandbox: &Sandbox, own: &SecretString, name: &str, others: &Mutex<BTreeSet<String>>) {
    let expiry: Option<Timestamp> = "2030-01-01T00:00:00Z".parse().ok();
    let token = sandbox.add_personal_access_token(own, name, expiry);
    others.lock().unwrap().extend(token.map(|token| token.id));
}

impl SimulatedPlatform for User {
    type Platform = Portal;

    const PROGRAM: &'static str = env!("CARGO_BIN_EXE_terraform-provider-quix");

    const METHODS: &'static [&'static str] = &["GET", "POST", "DELETE"];

    /// After a creation whose answer was lost, the provider waits before it reads the list.
    const REAL_METHODS: &'static [&'static str] = &["GET"];

    const OTHER_ANSWER: &'static str = r#"{"id": "other"}"#;

    fn start(random: &mut Rng, clock: Clock) -> Self {
        let variants = personal_access_token_variants();
        let options = Options {
            personal_access_tokens: variants[random.usize(..variants.len())].clone(),
            ..Options::default()
        };
        let sandbox = Sandbox::with_clock(clock, options);
        Self {
            token: sandbox.add_user(Role::Admin),
            sandbox,
            declared: BTreeMap::new(),
            others: Arc::default(),
            orphans: BTreeSet::new(),
            before: (BTreeSet::new(), 0),
            violations: Vec::new(),
        }
    }

    fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    fn variables(&self, base_url: &str) -> Vec<(&'static str, String)> {
        vec![
            ("Quix__Portal__Api", base_url.to_owned()),
            ("Quix__Sdk__Token", self.token.expose_secret().to_owned()),
        ]
    }

    fn provider(runtime: Runtime) -> impl Provider {
        Quix::new(runtime)
    }

    fn declare(&mut self, random: &mut Rng) -> String {
        for name in NAMES {
            let declared = Declared {
                trigger: random.u8(..3),
                overlaps: random.bool(),
                has_expiry: random.u8(..4) > 0,
            };
            match random.u8(..6) {
                0 => drop(self.declared.remove(name)),
                1..=3 => drop(self.declared.insert(name, declared)),
                _ => {}
            }
        }
        format!("{:?}", self.declared)
    }

    fn configuration(&self) -> Configuration {
        let declared = self.declared.iter().map(|(name, declared)| {
            let config = json!({
                "name": name,
                "expires_in": declared.has_expiry.then_some("90d"),
                "rotate_before": declared.has_expiry.then_some("80d"),
                "rotation_triggers": { "trigger": declared.trigger.to_string() },
                "overlap": declared.overlaps.then_some("26h"),
            });
            (address(name), ResourceBlock::new(config))
        });
        declared.collect()
    }

    fn act_outside(&mut self, random: &mut Rng) {
        let own: Vec<_> = self.ids().difference(&self.others()).cloned().collect();
        match random.u8(..4) {
            0 if !own.is_empty() => {
                self.sandbox
                    .remove_personal_access_token(&own[random.usize(..own.len())]);
            }
            1 if self.allows_equal_names() => {
                add(&self.sandbox, &self.token, NAMES[random.usize(..2)], &self.others);
            }
            _ => {}
        }
        // Until then, the list may lag behind a creation.
        self.sandbox.advance(SignedDuration::from_mins(11));
    }

    fn concurrent_action(&self, random: &mut Rng) -> Option<ConcurrentAction> {
        if !self.allows_equal_names() {
            return None;
        }
        let name = NAMES[random.usize(..NAMES.len())];
        let (sandbox, own, others) = (self.sandbox.clone(), self.token.clone(), self.others.clone());
        Some(Box::new(move || {
            add(&sandbox, &own, name, &others);
            format!("another client creates a token {name:?}")
        }))
    }

    fn before_run(&mut self, workspace: &Workspace) {
        self.before = (held(workspace), self.sandbox.calls("POST", "/profile/tokens"));
        for orphan in std::mem::take(&mut self.orphans) {
            self.sandbox.remove_personal_access_token(&orphan);
        }
    }

    fn after_run(&mut self, ran: &RunReport<'_>) {
        let (ids, others, held) = (self.ids(), self.others(), held(ran.workspace));
        for lost in others.difference(&ids) {
            self.violations
                .push(format!("another client's token {lost} was deleted"));
        }
        // The platform may spell an id in upper case.
        let reports: String = ran
            .diagnostics
            .iter()
            .map(|report| report.to_string().to_lowercase())
            .collect();
        let creations = self.sandbox.calls("POST", "/profile/tokens") - self.before.1;
        let has_repeated = creations > held.difference(&self.before.0).count();
        for id in ids.difference(&held).filter(|id| !others.contains(*id)) {
            let is_reported = [
                id.as_str(),
                "could not be determined",
                "may have executed the request nevertheless",
            ]
            .iter()
            .any(|phrase| reports.contains(phrase));
            if !ran.was_killed && !is_reported && !has_repeated {
                self.violations.push(format!("the token {id} is an unreported orphan"));
            }
            self.orphans.insert(id.clone());
        }
        let resources = ran.workspace.state().len();
        if held.len() > 2 * resources {
            self.violations
                .push(format!("{resources} resources hold {} tokens", held.len()));
        }
    }

    fn violations(&self, workspace: &Workspace) -> Vec<String> {
        let (mut violations, state) = (self.violations.clone(), workspace.state());
        for name in self.declared.keys() {
            let value = state.get(&address(name)).and_then(|state| text(state, "token"));
            if !value.is_some_and(|value| self.sandbox.is_live(value)) {
                violations.push(format!("the state has no valid value of {name}"));
            }
        }
        violations
    }
}

fn address(name: &str) -> String {
    format!("quix_personal_access_token.{name}")
}

#[test]
fn simulated_scenarios_keep_all_promises() {
    simulate::<User>(Speed::Simulated, 300);
}

#[test]
fn real_scenarios_keep_all_promises() {
    simulate::<User>(Speed::Real, 8);
}
