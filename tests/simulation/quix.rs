//! Scenarios of an organisation (see [`platform`](super::platform)): streaming tokens are declared, their
//! triggers change, and other clients rotate them concurrently.
//!
//! Promises about each run:
//! - It rotates the tokens of an environment at most once, only for a changed trigger, and not at all if another client has
//!   rotated them since the last apply.
//! - For each changed trigger in the state, one token was revoked: by this run, or before it.
//!
//! Promises at the end:
//! - Both tokens of each declared environment are in the state as declared, and valid.

mod personal_access_tokens;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fastrand::Rng;
use secrecy::ExposeSecret;
use serde_json::json;
use token_providers::framework::testing::{Configuration, Object, ResourceBlock, Workspace};
use token_providers::framework::{Provider, Value};
use token_providers::platform::Runtime;
use token_providers::quix::Quix;
use token_providers::sandbox::quix::{Paths, Portal, Role, Sandbox, option_variants};
use token_providers::token::Clock;

use super::platform::{ConcurrentAction, RunReport, SimulatedPlatform, simulate};
use super::speed::Speed;
use super::storage::{recipients, value_in_state};

const ENVIRONMENTS: [&str; 2] = ["acme-shop-dev", "acme-shop-prod"];

struct Organisation {
    sandbox: Sandbox,
    token: String,
    /// The declared trigger of each environment.
    declared: BTreeMap<&'static str, u8>,
    /// Whether the tokens of each declared environment are encrypted.
    encrypted: BTreeMap<&'static str, bool>,
    /// The number of rotations by other clients, per environment.
    others: BTreeMap<&'static str, Arc<AtomicUsize>>,
    /// The environments at the start of the run.
    before: BTreeMap<&'static str, Before>,
    violations: Vec<String>,
}

/// An environment before a run.
struct Before {
    /// The object in the state.
    state: Option<Object>,
    /// Whether both tokens were those of the last apply.
    is_settled: bool,
    ours: usize,
    others: usize,
}

impl Organisation {
    fn others(&self, environment: &str) -> usize {
        self.others[environment].load(Ordering::Relaxed)
    }

    /// The number of rotations by Terraform.
    fn ours(&self, environment: &str) -> usize {
        self.sandbox.rotations(environment) - self.others(environment)
    }

    /// Whether this state has both present tokens, as they are or encrypted.
    fn holds_both(&self, environment: &str, state: &Object) -> bool {
        let there = self.sandbox.tokens(environment).unwrap();
        let held = ["token_1", "token_2"].map(|attribute| value_in_state(state.value(), attribute));
        held.into_iter().zip(there).all(|(held, there)| {
            held.as_deref() == Some(there.expose_secret()) && self.sandbox.is_live(there.expose_secret())
        })
    }
}

impl SimulatedPlatform for Organisation {
    type Platform = Portal;

    const PROGRAM: &'static str = env!("CARGO_BIN_EXE_terraform-provider-quix");

    const METHODS: &'static [&'static str] = &["GET", "POST", "PUT"];

    /// After a rotation whose answer was lost, the provider sends none for three minutes.
    const REAL_METHODS: &'static [&'static str] = &["GET", "PUT"];

    const OTHER_ANSWER: &'static str = "true";

    fn start(random: &mut Rng, clock: Clock) -> Self {
        let shapes = option_variants();
        let sandbox = Sandbox::with_clock(clock, shapes[random.usize(..shapes.len())].clone());
        ENVIRONMENTS
            .iter()
            .for_each(|environment| sandbox.add_workspace(environment));
        Self {
            token: sandbox.add_user(Role::Admin).expose_secret().to_owned(),
            sandbox,
            declared: BTreeMap::new(),
            encrypted: BTreeMap::new(),
            others: ENVIRONMENTS.map(|environment| (environment, Arc::default())).into(),
            before: BTreeMap::new(),
            violations: Vec::new(),
        }
    }

    fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    fn provider_block(&self) -> Vec<(&'static str, &'static str)> {
        let paths = self.sandbox.options().paths;
        match paths {
            Paths::Published => Vec::new(),
            Paths::ByQuery => vec![
                ("streaming_tokens_path", paths.reading()),
                ("rotate_streaming_tokens_path", paths.rotation()),
            ],
        }
    }

    fn variables(&self, base_url: &str) -> Vec<(&'static str, String)> {
        vec![
            ("Quix__Portal__Api", base_url.to_owned()),
            ("Quix__Sdk__Token", self.token.clone()),
        ]
    }

    fn provider(runtime: Runtime) -> impl Provider {
        Quix::new(runtime)
    }

    fn declare(&mut self, random: &mut Rng) -> String {
        for environment in ENVIRONMENTS {
            match random.u8(..6) {
                0 => drop(self.declared.remove(environment)),
                1..=3 => drop(self.declared.insert(environment, random.u8(..3))),
                _ => {}
            }
        }
        // Drawn after everything else, so that the seeds keep their scenarios otherwise.
        for environment in ENVIRONMENTS {
            let is_encrypted = self.encrypted.entry(environment).or_default();
            if random.u8(..4) == 0 {
                *is_encrypted = !*is_encrypted;
            }
        }
        format!("{:?}, encrypted {:?}", self.declared, self.encrypted)
    }

    fn configuration(&self) -> Configuration {
        let declared = self.declared.iter().map(|(environment, trigger)| {
            let triggers = json!({ "trigger": trigger.to_string() });
            let is_encrypted = self.encrypted.get(environment).copied().unwrap_or_default();
            let recipients = is_encrypted.then(recipients);
            let config = json!({
                "workspace_id": environment, "rotation_triggers": triggers, "age_recipients": recipients,
            });
            (address(environment), ResourceBlock::new(config))
        });
        declared.collect()
    }

    fn act_outside(&mut self, random: &mut Rng) {
        let environment = ENVIRONMENTS[random.usize(..ENVIRONMENTS.len())];
        for _ in 0..[0, 0, 0, 1, 2][random.usize(..5)] {
            rotate(&self.sandbox, environment, &self.others[environment]);
        }
    }

    fn concurrent_action(&self, random: &mut Rng) -> Option<ConcurrentAction> {
        let environment = ENVIRONMENTS[random.usize(..ENVIRONMENTS.len())];
        let (sandbox, others) = (self.sandbox.clone(), self.others[environment].clone());
        Some(Box::new(move || {
            rotate(&sandbox, environment, &others);
            format!("another client rotates the tokens of {environment}")
        }))
    }

    fn before_run(&mut self, workspace: &Workspace) {
        // No provider can detect a rotation of another client, or of a killed run, before a read shows it.
        self.sandbox.advance(self.sandbox.options().stale_reads);
        let state = workspace.state();
        let before = ENVIRONMENTS.map(|environment| {
            let state = state.get(&address(environment)).cloned();
            let is_settled = |state: &Object| {
                self.holds_both(environment, state) && *state.get("changed_outside") == Value::Bool(false)
            };
            let before = Before {
                is_settled: state.as_ref().is_some_and(is_settled),
                state,
                ours: self.ours(environment),
                others: self.others(environment),
            };
            (environment, before)
        });
        self.before = before.into();
    }

    fn after_run(&mut self, ran: &RunReport<'_>) {
        let state = ran.workspace.state();
        let mut violations = Vec::new();
        for (environment, before) in &self.before {
            let rotated = self.ours(environment) - before.ours;
            let is_alone = self.others(environment) == before.others;
            let was = before.state.as_ref().map(trigger);
            let declared = self.declared.get(environment).map(u8::to_string);
            let is_change = was.is_some() && declared.is_some() && was != declared;
            let may_rotate = usize::from(is_change && before.is_settled);
            if rotated > may_rotate {
                violations.push(format!(
                    "{environment} was rotated {rotated} times, and may be {may_rotate} times"
                ));
            }
            let is = state.get(&address(environment)).map(trigger);
            if is_change && is == declared && rotated == 0 && before.is_settled && is_alone {
                violations.push(format!(
                    "no token of {environment} ended for the change of its triggers"
                ));
            }
        }
        self.violations.extend(violations);
    }

    fn violations(&self, workspace: &Workspace) -> Vec<String> {
        let mut violations = self.violations.clone();
        let state = workspace.state();
        for environment in self.declared.keys() {
            let state = state.get(&address(environment));
            if !state.is_some_and(|state| self.holds_both(environment, state)) {
                violations.push(format!("the state does not hold both tokens of {environment}"));
            }
        }
        violations
    }
}

fn address(environment: &str) -> String {
    format!("quix_streaming_tokens.{environment}")
}

/// The trigger in a state.
fn trigger(state: &Object) -> String {
    match state.get("rotation_triggers").get("trigger") {
        Value::String(trigger) => trigger.clone(),
        other => panic!("the trigger in the state is {other:?}"),
    }
}

fn rotate(sandbox: &Sandbox, environment: &str, others: &AtomicUsize) {
    sandbox.rotate_outside(environment);
    others.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn simulated_scenarios_keep_all_promises() {
    simulate::<Organisation>(Speed::Simulated, 200);
}

#[test]
fn real_scenarios_keep_all_promises() {
    simulate::<Organisation>(Speed::Real, 16);
}
