//! The plan of a run: what each resource becomes, after a refresh.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures_util::future::join_all;

use super::{Refreshed, RunOptions, Session, Warnings, Workspace, interrupted};
use crate::framework::proto;
use crate::framework::testing::configuration::{Configuration, ResourceBlock, type_of};
use crate::framework::testing::connection::{Answered, Before, Planned, Source};
use crate::framework::testing::order::{Gate, Order};
use crate::framework::testing::proposed::proposed_new;
use crate::framework::testing::schema::ObjectSchema;
use crate::framework::testing::state::{Attributes, Deposed, Object, State};
use crate::framework::testing::{Diagnostic, Start, lock, rules};
use crate::framework::value::Value;

/// The address of the provider that owns all states.
const PROVIDER: &str = "registry.terraform.io/testing/testing";

/// A plan in a file (`terraform plan -out`), with the configuration and the refreshed state.
pub struct SavedPlan {
    pub(super) configuration: Configuration,
    pub(super) options: RunOptions,
    pub(super) steps: Vec<Step>,
    /// The deposed objects as they were refreshed.
    pub(super) deposed: Vec<(u64, Option<Object>)>,
    /// The serial of the state that it was made of.
    pub(super) serial: u64,
}

/// What a run is to do with a resource.
pub(super) struct Step {
    pub(super) address: String,
    pub(super) action: Action,
    /// After the refresh.
    pub(super) prior: Option<Object>,
    pub(super) planned: Value,
    /// The private state that the plan left.
    pub(super) private: Vec<u8>,
    /// A replacement that creates before it destroys.
    pub(super) creates_first: bool,
}

/// What a plan does with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It stays as it is.
    Nothing,
    /// It is created.
    Create,
    /// It is changed in place.
    Update,
    /// It is destroyed and created.
    Replace,
    /// It is destroyed.
    Delete,
}

/// A line of a plan.
#[derive(Clone, Debug)]
pub struct PlannedChange {
    /// What is done.
    pub action: Action,
    /// The planned value; null for a destruction.
    pub planned: Value,
}

impl PlannedChange {
    /// Whether anything is done.
    pub fn is_change(&self) -> bool {
        self.action != Action::Nothing
    }
}

impl SavedPlan {
    /// The changes, by address.
    pub fn changes(&self) -> BTreeMap<String, PlannedChange> {
        let changes = self.steps.iter().map(|step| {
            let change = PlannedChange {
                action: step.action,
                planned: step.planned.clone(),
            };
            (step.address.clone(), change)
        });
        changes.collect()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| step.action == Action::Nothing) && self.deposed.is_empty()
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.deposed.is_empty()
    }

    /// Takes what the refresh of a plan found.
    fn refresh(&mut self, plan: SavedPlan) {
        let objects = plan.steps.into_iter();
        let objects = objects.filter_map(|step| Some((step.address, step.prior?)));
        self.objects = objects.collect();
        for deposed in std::mem::take(&mut self.deposed) {
            let found = plan.deposed.iter().find(|(key, _)| *key == deposed.key);
            let object = found.and_then(|(_, object)| object.clone());
            self.deposed.extend(object.map(|object| Deposed { object, ..deposed }));
        }
    }
}

/// What the provider proposes for a creation or an update.
pub(super) struct Proposal {
    pub(super) planned: Value,
    pub(super) private: Vec<u8>,
    pub(super) identity: Option<proto::ResourceIdentityData>,
    requires_replace: bool,
}

/// What all plan calls of a run share.
struct Walk<'a> {
    workspace: &'a Workspace,
    session: &'a Session,
    configuration: &'a Configuration,
    options: &'a RunOptions,
    order: Order,
    gate: Gate,
    /// What was planned, by address.
    planned: Mutex<BTreeMap<String, Value>>,
}

impl Workspace {
    pub(in crate::framework::testing) async fn plan_changes(
        &self,
        start: &impl Start,
        configuration: &Configuration,
        options: &RunOptions,
    ) -> Option<SavedPlan> {
        self.validate_configuration(start, configuration).await?;
        let state = lock(&self.state).clone();
        match options.destroy {
            false => self.plan_state(start, configuration, options, state).await,
            true => self.plan_destroy(start, configuration, options, state).await,
        }
    }

    /// Plans everything to refresh it, and then that everything is destroyed.
    async fn plan_destroy(
        &self,
        start: &impl Start,
        configuration: &Configuration,
        options: &RunOptions,
        mut state: State,
    ) -> Option<SavedPlan> {
        if !options.skip_refresh && !state.is_empty() {
            let before = lock(&self.diagnostics).len();
            let refreshed = self.plan_state(start, configuration, options, state.clone()).await;
            // The warnings of the refresh do not reach the user.
            let mut shown = lock(&self.diagnostics);
            let of_refresh = shown.split_off(before);
            shown.extend(of_refresh.into_iter().filter(Diagnostic::is_error));
            drop(shown);
            state.refresh(refreshed?);
        }
        let configuration = Configuration::new();
        let options = RunOptions {
            skip_refresh: true,
            ..options.clone()
        };
        if state.is_empty() {
            return Some(SavedPlan {
                configuration,
                options,
                steps: Vec::new(),
                deposed: Vec::new(),
                serial: state.serial,
            });
        }
        self.plan_state(start, &configuration, &options, state).await
    }

    /// Refreshes and plans what is in a state and a configuration.
    async fn plan_state(
        &self,
        start: &impl Start,
        configuration: &Configuration,
        options: &RunOptions,
        state: State,
    ) -> Option<SavedPlan> {
        let session = self.connect(start).await?;
        let State {
            serial,
            objects,
            deposed,
        } = state;
        let objects = self.moved(&session, configuration, objects).await?;
        let mut addresses: Vec<_> = objects.keys().chain(configuration.resources.keys()).collect();
        addresses.sort();
        addresses.dedup();
        let walk = Walk {
            workspace: self,
            session: &session,
            configuration,
            options,
            order: Order::of(addresses.iter().copied()),
            gate: Gate::new(options.parallelism),
            planned: Mutex::new(BTreeMap::new()),
        };
        let steps = join_all(addresses.into_iter().map(async |address| {
            let step = walk.step(address, objects.get(address)).await;
            walk.order.finish(address, step.is_some());
            step
        }));
        let deposed = join_all(deposed.iter().map(async |deposed| walk.deposed(deposed).await));
        let work = async { (steps.await, deposed.await) };
        let work = self.until_interrupted(work, &session.connection, &walk.gate, &options.interrupt);
        let (steps, deposed) = work.await;
        if walk.gate.is_closed() {
            return self.fail(interrupted());
        }
        Some(SavedPlan {
            configuration: configuration.clone(),
            options: options.clone(),
            steps: steps.into_iter().collect::<Option<_>>()?,
            deposed: deposed.into_iter().collect::<Option<_>>()?,
            serial,
        })
    }

    /// Validates all blocks before anything is configured or planned: what they refer to is unknown.
    async fn validate_configuration(&self, start: &impl Start, configuration: &Configuration) -> Option<()> {
        let session = self.open(start).await?;
        if let Some(config) = &self.provider {
            self.record(session.connection.validate_provider(config).await, Warnings::Shown)?;
        }
        let validated = configuration.resources.iter().map(async |(address, block)| {
            let schema = self.known(&session.schema, type_of(address))?;
            let config = self.config(address, block, schema, |_| None)?;
            self.validate(&session, address, &config).await
        });
        join_all(validated).await.into_iter().collect()
    }

    /// The objects of the state at the addresses where `moved` blocks move them.
    async fn moved(
        &self,
        session: &Session,
        configuration: &Configuration,
        mut objects: BTreeMap<String, Object>,
    ) -> Option<BTreeMap<String, Object>> {
        for (from, to) in &configuration.moved {
            if objects.contains_key(to) {
                continue;
            }
            let Some(object) = objects.remove(from) else { continue };
            let type_name = type_of(to);
            let object = if type_name == object.type_name {
                object
            } else {
                let schema = self.known(&session.schema, type_name)?;
                let source = Source {
                    provider: PROVIDER,
                    type_name: &object.type_name,
                    schema_version: object.schema_version,
                    json: object.to_json().into_bytes(),
                    private: &object.private,
                };
                let moved = session.connection.move_state(type_name, schema, source).await;
                let Answered {
                    value,
                    private,
                    identity,
                } = self.record(moved, Warnings::Shown)??;
                Object {
                    type_name: type_name.to_owned(),
                    attributes: Attributes::Present(value?),
                    schema_version: schema.version,
                    private,
                    identity,
                    ..object
                }
            };
            objects.insert(to.clone(), object);
        }
        Some(objects)
    }

    /// Validates a configuration and has the provider plan it, and checks the plan.
    pub(super) async fn propose(
        &self,
        session: &Session,
        address: &str,
        config: &Value,
        before: Before<'_>,
        warnings: Warnings,
    ) -> Option<Proposal> {
        let type_name = type_of(address);
        let schema = self.known(&session.schema, type_name)?;
        let proposed = proposed_new(schema, before.value, config);
        let plan = session
            .connection
            .plan(type_name, schema, before, &proposed, config)
            .await;
        let Planned {
            after,
            requires_replace,
        } = self.record(plan, warnings)??;
        let planned = after.value?;
        let problems = rules::plan_problems(schema, before.value, config, &planned);
        if let Some(problem) = problems.first() {
            return self.violation(address, "Provider produced invalid plan", problem);
        }
        // What has not changed asks for no replacement.
        let differs = |path: &proto::AttributePath| at(before.value, path) != at(&planned, path);
        let requires_replace = !before.value.is_null() && requires_replace.iter().any(differs);
        Some(Proposal {
            planned,
            private: after.private,
            identity: after.identity,
            requires_replace,
        })
    }

    /// Validates a configuration, where it has passed Terraform's own check.
    pub(super) async fn validate(&self, session: &Session, address: &str, config: &Value) -> Option<()> {
        let type_name = type_of(address);
        let schema = self.known(&session.schema, type_name)?;
        if let Some(problem) = schema.config_problems(config).into_iter().next() {
            return self.fail(Diagnostic::error(
                "Invalid configuration",
                format!("{address}: {problem}"),
            ));
        }
        let validated = session.connection.validate(type_name, schema, config).await;
        self.record(validated, Warnings::Shown)
    }

    /// The configuration of a block, where `object_at` returns the objects at other addresses.
    pub(super) fn config(
        &self,
        address: &str,
        block: &ResourceBlock,
        schema: &ObjectSchema,
        object_at: impl Fn(&str) -> Option<Value>,
    ) -> Option<Value> {
        let config = block.config(schema, object_at);
        config.map_or_else(
            |problem| {
                self.fail(Diagnostic::error(
                    "Unsupported argument",
                    format!("{address}: {problem}"),
                ))
            },
            Some,
        )
    }

    /// Has the provider plan that an object is destroyed. Returns the private state that this leaves.
    pub(super) async fn plan_destruction(&self, session: &Session, address: &str, object: &Object) -> Option<Vec<u8>> {
        if !session.schema.plans_destroy {
            return Some(object.private.clone());
        }
        let schema = self.known(&session.schema, &object.type_name)?;
        let plan = session
            .connection
            .plan(&object.type_name, schema, object.before(), &Value::Null, &Value::Null);
        let planned = self.record(plan.await, Warnings::Shown)??.after;
        if planned.value.is_some_and(|value| !value.is_null()) {
            return self.violation(
                address,
                "Provider produced invalid plan",
                "a destruction leaves something",
            );
        }
        Some(planned.private)
    }
}

impl Walk<'_> {
    /// Refreshes and plans one resource; `None` if there was an error.
    async fn step(&self, address: &str, object: Option<&Object>) -> Option<Step> {
        let block = self.configuration.resources.get(address);
        let dependencies = block.map(ResourceBlock::dependencies).unwrap_or_default();
        if !self.order.after(&dependencies).await {
            return None;
        }
        let _permit = self.gate.enter().await?;
        let refreshed = match (object, self.configuration.imports.get(address)) {
            (Some(object), _) => self.prior(address, object).await?,
            (None, Some(id)) => {
                let imported = self.workspace.import_object(self.session, address, id).await?;
                Refreshed {
                    private: imported.private.clone(),
                    object: Some(imported),
                }
            }
            (None, None) => Refreshed::default(),
        };
        let prior = refreshed.object.map(|mut prior| {
            prior.dependencies.extend(dependencies);
            prior
        });
        let step = |action, planned, private| Step {
            address: address.to_owned(),
            action,
            prior: prior.clone(),
            planned,
            private,
            creates_first: action == Action::Replace && self.configuration.creates_before_destroy(address),
        };
        if self.options.refresh_only {
            return Some(step(Action::Nothing, Value::Null, Vec::new()));
        }
        match (block, &prior) {
            (Some(block), _) => {
                let (action, planned, private) =
                    self.change(address, block, prior.as_ref(), &refreshed.private).await?;
                lock(&self.planned).insert(address.to_owned(), planned.clone());
                Some(step(action, planned, private))
            }
            (None, Some(object)) => {
                let private = self.workspace.plan_destruction(self.session, address, object).await?;
                Some(step(Action::Delete, Value::Null, private))
            }
            (None, None) => Some(step(Action::Nothing, Value::Null, Vec::new())),
        }
    }

    /// An object of the state as it is now.
    async fn prior(&self, address: &str, object: &Object) -> Option<Refreshed> {
        let object = self.workspace.upgrade(self.session, object).await?;
        if self.options.skip_refresh {
            return Some(Refreshed {
                private: object.private.clone(),
                object: Some(object),
            });
        }
        self.workspace.refresh(self.session, address, &object).await
    }

    /// What becomes of a declared resource: the action, the planned value, and the private state.
    async fn change(
        &self,
        address: &str,
        block: &ResourceBlock,
        prior: Option<&Object>,
        private: &[u8],
    ) -> Option<(Action, Value, Vec<u8>)> {
        let workspace = self.workspace;
        let schema = workspace.known(&self.session.schema, type_of(address))?;
        let config = workspace.config(address, block, schema, |other| lock(&self.planned).get(other).cloned())?;
        workspace.validate(self.session, address, &config).await?;
        // What is tainted is planned as if it did not exist.
        let usable = prior.filter(|object| !object.is_tainted);
        let ignoring = block.lifecycle.ignore_changes.apply(schema, config.clone(), usable);
        let propose =
            async |config, before, warnings| workspace.propose(self.session, address, config, before, warnings).await;
        let nothing = Before {
            value: &Value::Null,
            private: &[],
            identity: &None,
        };
        let before = match (prior, usable) {
            (_, Some(usable)) => usable.before(),
            // What the read of an object that is gone has left is there still.
            (None, None) => Before { private, ..nothing },
            (Some(_), None) => nothing,
        };
        let first = propose(&ignoring, before, Warnings::Shown).await?;
        let is_same = usable.is_some_and(|object| *object.value() == first.planned);
        let is_forced = self.options.replace.contains(address);
        let (action, proposal) = match (prior, usable) {
            (None, _) => (Action::Create, first),
            (Some(_), None) => (Action::Replace, first),
            (Some(_), Some(_)) if is_same && !is_forced => (Action::Nothing, first),
            (Some(_), Some(_)) if first.requires_replace || is_forced => {
                // The second call plans a creation, in which nothing is ignored. It receives the private state that the first
                // has left, and the identity of what is replaced.
                let before = Before {
                    private: &first.private,
                    identity: before.identity,
                    ..nothing
                };
                (Action::Replace, propose(&config, before, Warnings::Dropped).await?)
            }
            (Some(_), Some(_)) => (Action::Update, first),
        };
        Some((action, proposal.planned, proposal.private))
    }

    /// Refreshes a deposed object and plans its destruction. `Some((_, None))`: it does not exist any more.
    async fn deposed(&self, deposed: &Deposed) -> Option<(u64, Option<Object>)> {
        let _permit = self.gate.enter().await?;
        let object = self.prior(&deposed.address, &deposed.object).await?.object;
        if let Some(object) = &object {
            self.workspace
                .plan_destruction(self.session, &deposed.address, object)
                .await?;
        }
        Some((deposed.key, object))
    }
}

/// The value at a path; null where there is none.
fn at<'a>(value: &'a Value, path: &proto::AttributePath) -> &'a Value {
    use proto::attribute_path::step::Selector;
    let mut value = value;
    for selector in path.steps.iter().filter_map(|step| step.selector.as_ref()) {
        value = match (selector, value) {
            (Selector::AttributeName(name) | Selector::ElementKeyString(name), value) => value.get(name),
            (Selector::ElementKeyInt(index), Value::List(elements)) => {
                let index = usize::try_from(*index).ok();
                index.and_then(|index| elements.get(index)).unwrap_or(&Value::Null)
            }
            _ => &Value::Null,
        };
    }
    value
}
