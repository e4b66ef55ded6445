//! Scenarios of an environment (see [`platform`](super::platform)): policies, roles, service tokens and
//! assignments are declared; the values of tokens are stored in the state, in Vault or encrypted; other clients remove, change and delete them concurrently; runs are killed within a creation or
//! a rotation.
//!
//! Promises at the end:
//! - Every declared object exists as declared; a role has exactly the declared policies and subjects.
//! - A declared token that has a role is authenticated at Pinot by the value that is stored as declared.
//! - Vault has no other value that is authenticated.
//! - A rotation keeps roles that another user has assigned, whatever their names.
//! - No other token of Terraform has a role, except for the previous token during its overlap, with the same roles. A token
//!   without a role is rejected everywhere; it may be an orphan of a lost answer.
//!
//! The first promise holds also after each successful run without concurrent changes.
//!
//! No provider can detect orphans of killed runs. An operator deletes them, unless they are declared and of a kind that the
//! provider adopts. If the value of a token has reached the secret that the state names, the operator first lets the provider
//! complete the rotation. The operator also deletes the secret of a token that another client has deleted, or whose creation
//! was killed: nothing proves to the provider that it wrote this secret.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fastrand::Rng;
use http::StatusCode;
use secrecy::ExposeSecret;
use serde_json::{Value as Json, json};
use token_providers::framework::testing::{Configuration, Diagnostic, Object, ResourceBlock, Workspace};
use token_providers::framework::{Number, Provider, Value};
use token_providers::platform::Runtime;
use token_providers::sandbox::startree::{Environment as Platform, Sandbox, Subject, option_variants};
use token_providers::startree::StarTree;
use token_providers::token::Clock;

use super::platform::{ConcurrentAction, RunReport, SimulatedPlatform, simulate, text};
use super::speed::Speed;
use super::storage::{Storage, stored_value};
use super::vault::SimulatedVault;

const ROLES: [&str; 2] = ["reader", "writer"];
const POLICIES: [&str; 2] = ["query", "everything"];
const TOKENS: [&str; 2] = ["ci", "etl"];
/// A role that another user creates and assigns to tokens.
const SPECIAL: &str = "team/reader: 50% *";
/// Longer than all short pauses between runs together, shorter than a long one.
const OVERLAP: &str = "26h";
/// A placeholder for a group that changes.
const GROUP: &str = "analysts";

/// The declarations.
#[derive(Clone, Debug, Default)]
struct Wanted {
    /// Each with the number of its document.
    policies: BTreeMap<&'static str, u8>,
    roles: BTreeSet<&'static str>,
    /// Each with the number that triggers its rotation.
    tokens: BTreeMap<&'static str, u8>,
    /// The tokens that have an overlap.
    overlapping: BTreeSet<&'static str>,
    /// Where the values of tokens are stored.
    storage: BTreeMap<&'static str, Storage>,
    /// Of roles and policies, whether they are declared or not.
    attachments: BTreeSet<(&'static str, &'static str)>,
    /// Of roles to tokens or to the group, likewise.
    assignments: BTreeSet<(&'static str, &'static str)>,
    /// The number of the declared group.
    group: u8,
}

impl Wanted {
    fn group(&self) -> String {
        format!("{GROUP}-{}", self.group)
    }

    fn attachments(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let there = |(role, policy): &(_, _)| self.roles.contains(role) && self.policies.contains_key(policy);
        self.attachments.iter().copied().filter(there)
    }

    fn assignments(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let there =
            |(role, whom): &(_, _)| self.roles.contains(role) && (*whom == GROUP || self.tokens.contains_key(whom));
        self.assignments.iter().copied().filter(there)
    }
}

/// An object on the platform that grants access or takes a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Policy(String),
    Role(String),
    Attached(String, String),
    Assigned(String, Subject),
}

struct Environment {
    sandbox: Sandbox,
    vault: SimulatedVault,
    administrator: String,
    wanted: Wanted,
    /// The state.
    known: BTreeSet<Thing>,
    /// The access keys in the state, by the tokens' names.
    keys: BTreeMap<&'static str, String>,
    /// The access keys of the previous tokens that are still valid.
    previous: BTreeMap<&'static str, String>,
    generations: BTreeMap<&'static str, i64>,
    /// The tokens that have the special role as a run begins.
    special: BTreeSet<String>,
    /// Orphans of killed runs.
    orphans: BTreeSet<Thing>,
    /// The access keys of orphans whose values have reached Vault, and whether the provider had a run to take them over.
    delivered: BTreeMap<String, bool>,
    /// The access keys of tokens that a killed run created and delivered, and that no resource can take over.
    abandoned: BTreeSet<String>,
    /// The secrets that the state names.
    secrets: BTreeSet<String>,
    /// What diagnostics say of secrets that remain in Vault.
    remaining: String,
    /// Whether another client did something during the run.
    interfered: Arc<AtomicBool>,
    /// Changes that runs reported as done but were not.
    lies: Vec<String>,
}

impl Environment {
    /// The objects on the platform, without the initial ones.
    fn present(&self) -> BTreeSet<Thing> {
        let policies = self.sandbox.policies().into_keys().map(Thing::Policy);
        let roles = self.sandbox.roles().into_iter().flat_map(|(name, role)| {
            let attached = role
                .policies
                .iter()
                .map(|policy| Thing::Attached(name.clone(), policy.clone()));
            let assigned = role
                .subjects()
                .map(|subject| Thing::Assigned(name.clone(), subject.clone()));
            let things: Vec<_> = attached.chain(assigned).chain([Thing::Role(name.clone())]).collect();
            things
        });
        let at_first = |thing: &Thing| match thing {
            Thing::Policy(name) | Thing::Role(name) | Thing::Attached(name, _) | Thing::Assigned(name, _) => {
                ["system-admin", "rbac-admin", "table-reader", SPECIAL].contains(&&**name)
            }
        };
        policies.chain(roles).filter(|thing| !at_first(thing)).collect()
    }

    /// The declared objects, with the tokens in the state.
    fn expected(&self) -> BTreeSet<Thing> {
        let wanted = &self.wanted;
        let policies = wanted.policies.keys().map(|name| Thing::Policy((*name).to_owned()));
        let roles = wanted.roles.iter().map(|name| Thing::Role((*name).to_owned()));
        let attached = wanted.attachments();
        let attached = attached.map(|(role, policy)| Thing::Attached(role.to_owned(), policy.to_owned()));
        let assigned = wanted.assignments().filter_map(|(role, whom)| {
            let subject = match whom {
                GROUP => Subject::new("group", &wanted.group()),
                token => Subject::token(self.keys.get(token)?),
            };
            Some(Thing::Assigned(role.to_owned(), subject))
        });
        policies.chain(roles).chain(attached).chain(assigned).collect()
    }

    /// The objects that may exist in addition: a previous token with its roles while it is valid.
    fn tolerates(&self, thing: &Thing) -> bool {
        let Thing::Assigned(role, subject) = thing else {
            return false;
        };
        self.previous.iter().any(|(label, previous)| {
            let current = Subject::token(&self.keys[label]);
            let is_declared = self.expected().contains(&Thing::Assigned(role.clone(), current));
            *subject == Subject::token(previous) && is_declared
        })
    }

    /// The tokens that have the special role.
    fn having_special(&self) -> BTreeSet<String> {
        let roles = self.sandbox.roles();
        let subjects = roles.get(SPECIAL).into_iter().flat_map(|role| role.subjects());
        subjects.map(|subject| subject.subject.clone()).collect()
    }

    /// The differences between actual and declared objects, without orphans of killed runs.
    fn differences(&self) -> Vec<String> {
        let (present, expected) = (self.present(), self.expected());
        let missing = expected.difference(&present);
        let missing = missing.map(|thing| format!("{thing:?} is declared, and not there"));
        let left = present
            .difference(&expected)
            .filter(|thing| !self.orphans.contains(*thing) && !self.tolerates(thing));
        missing
            .chain(left.map(|thing| format!("{thing:?} is there, and not declared")))
            .collect()
    }

    /// An operator deletes orphans of killed runs, except for declared objects that the provider adopts.
    fn tidy(&mut self) {
        let expected = self.expected();
        let adoptable = self.vault.values("access_key").into_iter();
        let adoptable = adoptable.filter(|(path, ..)| self.secrets.contains(path));
        let adoptable: BTreeSet<_> = adoptable.map(|(_, key, _)| key).collect();
        for orphan in std::mem::take(&mut self.orphans) {
            match &orphan {
                Thing::Assigned(_, Subject { subject, .. })
                    if adoptable.contains(subject) && !*self.delivered.entry(subject.clone()).or_default() =>
                {
                    self.orphans.insert(orphan);
                }
                Thing::Policy(name) => self.sandbox.delete_policy_outside(name),
                Thing::Role(name) => self.sandbox.delete_role_outside(name),
                _ if expected.contains(&orphan) => drop(self.orphans.insert(orphan)),
                Thing::Attached(role, policy) => self.sandbox.detach_outside(role, policy),
                Thing::Assigned(role, subject) => self.sandbox.unassign_outside(role, subject.clone()),
            }
        }
    }
}

/// All who have the role by an assignment in the state.
fn holders(assignment: &Object) -> Vec<Subject> {
    let attribute = |name| text(assignment, name).unwrap();
    let mut holders = vec![Subject::new(attribute("subject_type"), attribute("subject"))];
    if let Value::List(previous) = assignment.get("previous") {
        holders.extend(previous.iter().map(|one| {
            match one {
                Value::String(one) => one
                    .split_once('/')
                    .map(|(kind, subject)| Subject::new(kind, subject))
                    .unwrap(),
                other => panic!("a previous subject is {other:?}"),
            }
        }));
    }
    holders
}

/// The number of the value of a token in the state.
fn generation(token: &Object) -> Option<i64> {
    match token.get("generation") {
        Value::Number(Number::Integer(generation)) => Some(*generation),
        _ => None,
    }
}

fn document(number: u8) -> String {
    format!(r#"{{"version":"v1","statements":[{{"effect":"allow","actions":["query"],"resources":["{number}"]}}]}}"#)
}

fn flip<T: Ord + Copy>(random: &mut Rng, set: &mut BTreeSet<T>, item: T) {
    if random.u8(..3) == 0 && !set.remove(&item) {
        set.insert(item);
    }
}

fn flip_numbered(random: &mut Rng, map: &mut BTreeMap<&'static str, u8>, name: &'static str) {
    match random.u8(..5) {
        0 => drop(map.remove(name)),
        1 | 2 => drop(map.insert(name, random.u8(..3))),
        _ => {}
    }
}

impl SimulatedPlatform for Environment {
    type Platform = Platform;

    const PROGRAM: &'static str = env!("CARGO_BIN_EXE_terraform-provider-startree");

    const METHODS: &'static [&'static str] = &["POST", "GET", "PUT", "DELETE"];

    const OTHER_ANSWER: &'static str = r#"{"name": "another", "policyDocumentJson": "{}"}"#;

    /// A service token is asked for once in a run: of one whose answer is lost nothing is known to find it by.
    const APPLIES: usize = 4;

    fn start(random: &mut Rng, clock: Clock) -> Self {
        let shapes = option_variants();
        let mut options = shapes[random.usize(..shapes.len())].clone();
        if options.not_found.is_server_error() {
            // That a service token is gone is then never known, and it stays in the state: another test's matter.
            options.not_found = StatusCode::NOT_FOUND;
        }
        let sandbox = Sandbox::with_clock(clock, options);
        let administrator = sandbox.add_administrator();
        Self {
            administrator: administrator.bearer().expose_secret().to_owned(),
            vault: SimulatedVault::new(sandbox.clock()),
            sandbox,
            wanted: Wanted::default(),
            known: BTreeSet::new(),
            keys: BTreeMap::new(),
            previous: BTreeMap::new(),
            generations: BTreeMap::new(),
            special: BTreeSet::new(),
            orphans: BTreeSet::new(),
            delivered: BTreeMap::new(),
            abandoned: BTreeSet::new(),
            secrets: BTreeSet::new(),
            remaining: String::new(),
            interfered: Arc::default(),
            lies: Vec::new(),
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
            ("STARTREE_BASE_URL", base_url.to_owned()),
            ("STARTREE_TOKEN", self.administrator.clone()),
        ]
    }

    fn provider(runtime: Runtime) -> impl Provider {
        StarTree::new(runtime)
    }

    fn declare(&mut self, random: &mut Rng) -> String {
        let wanted = &mut self.wanted;
        for role in ROLES {
            flip(random, &mut wanted.roles, role);
            for policy in POLICIES {
                flip(random, &mut wanted.attachments, (role, policy));
            }
            for whom in TOKENS.into_iter().chain([GROUP]) {
                flip(random, &mut wanted.assignments, (role, whom));
            }
        }
        wanted.group = random.u8(..2);
        for policy in POLICIES {
            flip_numbered(random, &mut wanted.policies, policy);
        }
        for token in TOKENS {
            flip_numbered(random, &mut wanted.tokens, token);
            flip(random, &mut wanted.overlapping, token);
        }
        // Drawn after everything else, so that the seeds keep their scenarios otherwise.
        for token in TOKENS {
            if random.u8(..3) == 0 {
                wanted.storage.insert(token, Storage::draw(random));
            }
        }
        let description = format!("{wanted:?}");
        self.tidy();
        description
    }

    fn configuration(&self) -> Configuration {
        let wanted = &self.wanted;
        let policies = wanted.policies.iter().map(|(name, number)| {
            let config = json!({ "name": name, "document": document(*number) });
            (address("policy", name), ResourceBlock::new(config))
        });
        let roles = wanted
            .roles
            .iter()
            .map(|name| (address("role", name), ResourceBlock::new(json!({ "name": name }))));
        let tokens = wanted.tokens.iter().map(|(name, release)| {
            let mut config = json!({
                "description": name,
                "rotation_triggers": { "release": release.to_string() },
                "overlap": wanted.overlapping.contains(name).then_some(OVERLAP),
            });
            for (argument, value) in wanted.storage.get(name).copied().unwrap_or_default().arguments(name) {
                config[argument] = value;
            }
            (address("service_token", name), ResourceBlock::new(config))
        });
        let attachments = wanted.attachments().map(|(role, policy)| {
            let declared = ResourceBlock::new(json!({}))
                .referring("role", &address("role", role), "id")
                .referring("policy", &address("policy", policy), "id");
            (address("role_policy_attachment", &format!("{role}_{policy}")), declared)
        });
        let assignments = wanted.assignments().map(|(role, whom)| {
            let (subject_type, subject) = match whom {
                GROUP => ("group", wanted.group().into()),
                _ => ("service-token", Json::Null),
            };
            let config = json!({ "subject_type": subject_type, "subject": subject });
            let declared = ResourceBlock::new(config).referring("role", &address("role", role), "id");
            let declared = match whom {
                GROUP => declared,
                token => declared.referring("subject", &address("service_token", token), "access_key"),
            };
            (address("role_assignment", &format!("{role}_{whom}")), declared)
        });
        policies
            .chain(roles)
            .chain(tokens)
            .chain(attachments)
            .chain(assignments)
            .collect()
    }

    fn act_outside(&mut self, random: &mut Rng) {
        let (role, policy) = (ROLES[random.usize(..2)], POLICIES[random.usize(..2)]);
        let keys: Vec<_> = self.keys.values().collect();
        match random.u8(..10) {
            0 => self.sandbox.delete_role_outside(role),
            1 => self.sandbox.delete_policy_outside(policy),
            2 => self.sandbox.detach_outside(role, policy),
            3 if !keys.is_empty() => self.sandbox.delete_token_outside(keys[random.usize(..keys.len())]),
            4 if !keys.is_empty() => {
                let subject = Subject::token(keys[random.usize(..keys.len())]);
                self.sandbox.unassign_outside(role, subject);
            }
            9 if !keys.is_empty() => {
                if !self.sandbox.roles().contains_key(SPECIAL) {
                    self.sandbox.add_role(SPECIAL, None);
                }
                let subject = Subject::token(keys[random.usize(..keys.len())]);
                self.sandbox.assign_outside(SPECIAL, subject);
            }
            5 if self.sandbox.policies().contains_key(policy) => self.sandbox.add_policy(policy, Some("theirs"), "{}"),
            _ => {}
        }
    }

    fn concurrent_action(&self, random: &mut Rng) -> Option<ConcurrentAction> {
        let (sandbox, role) = (self.sandbox.clone(), ROLES[random.usize(..2)]);
        let subject = match self.keys.values().next() {
            Some(key) if random.bool() => Subject::token(key),
            _ => Subject::new("group", &self.wanted.group()),
        };
        let interfered = self.interfered.clone();
        let keys: Vec<_> = self.keys.values().cloned().collect();
        if !keys.is_empty() && random.u8(..4) == 0 {
            // Another run rotates or deletes the token.
            let key = keys[random.usize(..keys.len())].clone();
            return Some(Box::new(move || {
                interfered.store(true, Ordering::Relaxed);
                sandbox.delete_token_outside(&key);
                format!("another client deletes {key}")
            }));
        }
        Some(Box::new(move || {
            interfered.store(true, Ordering::Relaxed);
            let line = format!("another client takes {role} from {subject:?}");
            sandbox.unassign_outside(role, subject);
            line
        }))
    }

    fn before_run(&mut self, _: &Workspace) {
        self.delivered.values_mut().for_each(|had_run| *had_run = true);
        let tokens: BTreeSet<_> = self
            .sandbox
            .tokens()
            .into_iter()
            .map(|token| token.access_key)
            .collect();
        let is_known = |key: &str| self.keys.values().any(|known| known == key);
        self.vault.delete_unused("access_key", |key| {
            is_known(key) || (tokens.contains(key) && !self.abandoned.contains(key))
        });
        self.special = self.having_special();
        self.interfered.store(false, Ordering::Relaxed);
    }

    fn after_run(
        &mut self,
        RunReport {
            workspace,
            was_killed,
            diagnostics,
        }: &RunReport<'_>,
    ) {
        let state = workspace.state();
        let (keys, generations) = (std::mem::take(&mut self.keys), std::mem::take(&mut self.generations));
        self.known.clear();
        self.previous.clear();
        let secrets = state
            .values()
            .filter_map(|object| match object.get("vault").get("path") {
                Value::String(path) => Some(path.clone()),
                _ => None,
            });
        self.secrets = secrets.collect();
        for (address, object) in &state {
            let kind = address.split('.').next().unwrap_or_default();
            let text = |attribute| text(object, attribute).unwrap_or_default().to_owned();
            match kind {
                "startree_policy" => {
                    self.known.insert(Thing::Policy(text("name")));
                }
                "startree_role" => {
                    self.known.insert(Thing::Role(text("name")));
                }
                "startree_role_policy_attachment" => {
                    self.known.insert(Thing::Attached(text("role"), text("policy")));
                }
                "startree_role_assignment" => {
                    let holders = holders(object).into_iter();
                    self.known
                        .extend(holders.map(|subject| Thing::Assigned(text("role"), subject)));
                }
                _ => {
                    let label = TOKENS.into_iter().find(|token| address.ends_with(token)).unwrap();
                    let rotated = generations.get(label).map(|before| before + 1) == generation(object);
                    let (access_key, had_special) = (text("access_key"), keys.get(label));
                    let had_special = had_special.is_some_and(|key| self.special.contains(key));
                    if rotated && had_special && !self.having_special().contains(&access_key) {
                        self.lies
                            .push(format!("the rotation of {label} lost the role {SPECIAL}"));
                    }
                    if !object.get("previous_access_key").is_null() {
                        self.previous.insert(label, text("previous_access_key"));
                    }
                    self.generations
                        .extend(generation(object).map(|generation| (label, generation)));
                    self.keys.insert(label, access_key);
                }
            }
        }
        let held = self.known.clone();
        for (label, previous) in &self.previous {
            let current = Subject::token(&self.keys[label]);
            self.known.extend(held.iter().filter_map(|thing| match thing {
                Thing::Assigned(role, subject) if *subject == current => {
                    Some(Thing::Assigned(role.clone(), Subject::token(previous)))
                }
                _ => None,
            }));
        }
        let remain = |shown: &&Diagnostic| shown.summary.contains("remains in Vault");
        let remaining = diagnostics.iter().filter(remain).map(|shown| shown.summary.as_str());
        self.remaining.extend(remaining);
        let present = self.present();
        let failed = *was_killed || diagnostics.iter().any(Diagnostic::is_error);
        if !failed && !self.interfered.load(Ordering::Relaxed) {
            self.lies.extend(self.differences());
        }
        if *was_killed {
            self.orphans.extend(present.difference(&self.known).cloned());
            let known: BTreeSet<_> = self.keys.values().chain(self.previous.values()).collect();
            let delivered = self.vault.values("access_key").into_iter();
            let abandoned = delivered.filter(|(path, key, _)| !self.secrets.contains(path) && !known.contains(key));
            self.abandoned.extend(abandoned.map(|(_, key, _)| key));
        }
        self.orphans
            .retain(|orphan| present.contains(orphan) && !self.known.contains(orphan));
        self.tidy();
    }

    fn violations(&self, workspace: &Workspace) -> Vec<String> {
        let mut violations = self.lies.clone();
        violations.extend(self.differences());
        let policies = self.sandbox.policies();
        for (name, number) in &self.wanted.policies {
            let there = policies.get(*name).map(|policy| policy.document.clone());
            if there != Some(document(*number)) {
                violations.push(format!("the policy {name} is {there:?}, and declared {number}"));
            }
        }
        let state = workspace.state();
        for token in self.wanted.tokens.keys() {
            let Some(object) = state.get(&address("service_token", token)) else {
                continue;
            };
            let value = stored_value(&self.vault.server, object.get("vault"), object.value());
            let is_live = value.is_some_and(|value| self.sandbox.is_live(&value));
            let has_special = self.having_special().contains(&self.keys[token]);
            let has_role = has_special || self.wanted.assignments().any(|(_, whom)| whom == *token);
            if is_live != has_role {
                violations.push(format!(
                    "{token} has a role: {has_role}; it is authenticated: {is_live}"
                ));
            }
        }
        let keys: BTreeSet<_> = self.keys.values().chain(self.previous.values()).collect();
        for (path, key, value) in self.vault.values("access_key") {
            // During an overlap, the previous token has its value in another secret if that could not be deleted.
            let is_known = self.secrets.contains(&path) || self.remaining.contains(&format!("/{path}\""));
            if self.sandbox.is_live(&value) && !(keys.contains(&key) && is_known) {
                violations.push(format!("Vault has another valid value at {path}"));
            }
        }
        violations
    }
}

fn address(kind: &str, label: &str) -> String {
    format!("startree_{kind}.{label}")
}

#[test]
fn simulated_scenarios_keep_all_promises() {
    simulate::<Environment>(Speed::Simulated, 150);
}

#[test]
fn real_scenarios_keep_all_promises() {
    simulate::<Environment>(Speed::Real, 16);
}
