//! Scenarios of a user (see [`platform`](super::super::platform)): personal access tokens are declared, with and without an
//! overlap, and their values are stored in the state, in Vault or encrypted; their triggers change; other clients create
//! tokens of the same names concurrently and delete those of Terraform; runs are killed within a rotation; the list of tokens
//! may lag behind.
//!
//! Promises about each run:
//! - It deletes no token that another client has created.
//! - A token that exists and that neither the state nor another client has is an orphan of a killed run, or a diagnostic of the
//!   run names it or says that a creation may have taken effect, or the run repeated a creation: no list shows a request that
//!   takes effect after it.
//! - The state has at most two tokens per resource.
//!
//! Promises at the end:
//! - The value of each declared token is stored as declared, and valid.
//! - Vault has no other valid value.
//!
//! No provider can detect the orphan of a killed run. An operator deletes it, and its secret, before the next run. If its value
//! has reached the secret that the state names, the operator first lets the provider complete the rotation. The operator also
//! deletes the secret of a token that another client has deleted: nothing proves to the provider that it wrote this secret. If the
//! provider reports that a token which it did not find may be another user's, the operator looks, and removes it from the state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use token_providers::framework::testing::{Configuration, Diagnostic, ResourceBlock, Workspace};
use token_providers::framework::{Provider, Value};
use token_providers::platform::Runtime;
use token_providers::quix::Quix;
use token_providers::sandbox::quix::{Options, Portal, Role, Sandbox, personal_access_token_variants};
use token_providers::token::Clock;

use super::super::platform::{ConcurrentAction, RunReport, SimulatedPlatform, simulate, text};
use super::super::speed::Speed;
use super::super::storage::{Storage, stored_value};
use super::super::vault::{MOUNT, SimulatedVault};

const NAMES: [&str; 2] = ["ci", "etl"];

/// A declared token.
#[derive(Clone, Copy, Debug)]
struct Declared {
    trigger: u8,
    overlaps: bool,
    has_expiry: bool,
    storage: Storage,
}

struct User {
    sandbox: Sandbox,
    vault: SimulatedVault,
    token: SecretString,
    declared: BTreeMap<&'static str, Declared>,
    /// The ids of the tokens of other clients.
    others: Arc<Mutex<BTreeSet<String>>>,
    /// The ids of the orphans of killed runs, and of those that a diagnostic named.
    orphans: BTreeSet<String>,
    /// The orphans that the provider had a run to take over.
    spared: BTreeSet<String>,
    /// The addresses of tokens that the provider did not find, although they may be another user's.
    missing: BTreeSet<String>,
    /// What diagnostics say of secrets that remain in Vault.
    remaining: String,
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

    /// The paths of the secrets that have the value of this token.
    fn secrets_of(&self, id: &str) -> Vec<String> {
        let values = self.vault.values("id").into_iter();
        let of_token = values.filter(|(_, of, _)| of.to_lowercase() == id);
        of_token.map(|(path, ..)| path).collect()
    }

    /// Whether other clients may have tokens of the same names.
    fn allows_equal_names(&self) -> bool {
        self.sandbox.options().personal_access_tokens.unique_names.is_none()
    }
}

/// Whether a state names this secret.
fn names(workspace: &Workspace, path: &str) -> bool {
    let state = workspace.state();
    let mut destinations = state.values().map(|object| object.get("vault").get("path"));
    destinations.any(|destination| *destination == Value::String(path.to_owned()))
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
            vault: SimulatedVault::new(sandbox.clock()),
            sandbox,
            declared: BTreeMap::new(),
            others: Arc::default(),
            orphans: BTreeSet::new(),
            spared: BTreeSet::new(),
            missing: BTreeSet::new(),
            remaining: String::new(),
            before: (BTreeSet::new(), 0),
            violations: Vec::new(),
        }
    }

    fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    fn vault(&self) -> Option<&SimulatedVault> {
        Some(&self.vault)
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
                storage: self
                    .declared
                    .get(name)
                    .map(|declared| declared.storage)
                    .unwrap_or_default(),
            };
            match random.u8(..6) {
                0 => drop(self.declared.remove(name)),
                1..=3 => drop(self.declared.insert(name, declared)),
                _ => {}
            }
        }
        // Drawn after everything else, so that the seeds keep their scenarios otherwise.
        for declared in self.declared.values_mut() {
            if random.u8(..3) == 0 {
                declared.storage = Storage::draw(random);
            }
        }
        format!("{:?}", self.declared)
    }

    fn configuration(&self) -> Configuration {
        let declared = self.declared.iter().map(|(name, declared)| {
            let mut config = json!({
                "name": name,
                "expires_in": declared.has_expiry.then_some("90d"),
                "rotate_before": declared.has_expiry.then_some("80d"),
                "rotation_triggers": { "trigger": declared.trigger.to_string() },
                "overlap": declared.overlaps.then_some("26h"),
            });
            for (argument, value) in declared.storage.arguments(name) {
                config[argument] = value;
            }
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
        for address in std::mem::take(&mut self.missing) {
            let state = workspace.state().remove(&address);
            let id = state.and_then(|object| text(&object, "id").map(str::to_lowercase));
            if id.is_some_and(|id| !self.ids().contains(&id)) {
                workspace.forget(&address);
            }
        }
        self.before = (held(workspace), self.sandbox.calls("POST", "/profile/tokens"));
        let (ids, held) = (self.ids(), held(workspace));
        self.vault.delete_unused("id", |id| {
            let id = id.to_lowercase();
            ids.contains(&id) || held.contains(&id)
        });
        for orphan in std::mem::take(&mut self.orphans) {
            let secrets = self.secrets_of(&orphan);
            let is_adoptable = secrets.iter().any(|path| names(workspace, path));
            if is_adoptable && self.spared.insert(orphan.clone()) {
                self.orphans.insert(orphan);
                continue;
            }
            self.sandbox.remove_personal_access_token(&orphan);
            for path in secrets {
                self.vault.server.delete_metadata(MOUNT, &path);
            }
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
        for name in NAMES {
            if reports.contains(&format!("\"{name}\" was not found, and stays in the state")) {
                self.missing.insert(address(name));
            }
        }
        let remain = |report: &&Diagnostic| report.summary.contains("remains in Vault");
        let remaining = ran
            .diagnostics
            .iter()
            .filter(remain)
            .map(|report| report.summary.as_str());
        self.remaining.extend(remaining);
        let resources = ran.workspace.state().len();
        if held.len() > 2 * resources {
            self.violations
                .push(format!("{resources} resources hold {} tokens", held.len()));
        }
    }

    fn violations(&self, workspace: &Workspace) -> Vec<String> {
        let (mut violations, state) = (self.violations.clone(), workspace.state());
        for name in self.declared.keys() {
            let value = state
                .get(&address(name))
                .and_then(|state| stored_value(&self.vault.server, state.get("vault"), state.value()));
            if !value.is_some_and(|value| self.sandbox.is_live(&value)) {
                violations.push(format!("no valid value of {name} is stored"));
            }
        }
        let held = held(workspace);
        for (path, id, value) in self.vault.values("id") {
            // During an overlap, the previous token has its value in another secret if that could not be deleted.
            let is_known = names(workspace, &path) || self.remaining.contains(&format!("/{path}\""));
            if self.sandbox.is_live(&value) && !(held.contains(&id.to_lowercase()) && is_known) {
                violations.push(format!("Vault has another valid value at {path}"));
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
    simulate::<User>(Speed::Simulated, 200);
}

#[test]
fn real_scenarios_keep_all_promises() {
    simulate::<User>(Speed::Real, 8);
}
