//! The plan of a run: a refresh, and the action for each resource.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures_util::future::join_all;

use super::{Refreshed, RunOptions, Session, Warnings, Workspace, interrupted};
use crate::framework::proto;
use crate::framework::testing::configuration::{Configuration, ResourceBlock, type_of};
use crate::framework::testing::connection::{Before, ObjectResponse, Planned, Source};
use crate::framework::testing::order::{Gate, Order};
use crate::framework::testing::proposed::proposed_new;
use crate::framework::testing::schema::ObjectSchema;
use crate::framework::testing::start::DynStart;
use crate::framework::testing::state::{Attributes, Deposed, Object, State};
use crate::framework::testing::{Diagnostic, lock, rules};
use crate::framework::value::Value;

/// The address of the provider of all resources in a state.
const PROVIDER: &str = "registry.terraform.io/testing/testing";

/// A plan in a file (`terraform plan -out`), with the configuration and the refreshed state.
pub struct SavedPlan {
    pub(super) configuration: Configuration,
    pub(super) options: RunOptions,
    pub(super) steps: Vec<Step>,
    /// The deposed objects after the refresh.
    pub(super) deposed: Vec<(u64, Option<Object>)>,
    /// The serial of the state that was planned.
    pub(super) serial: u64,
}

/// The planned action for a resource.
pub(super) struct Step {
    pub(super) address: String,
    pub(super) action: Action,
    /// The object after the refresh.
    pub(super) prior: Option<Object>,
    pub(super) planned: Value,
    /// The private state of the plan.
    pub(super) private: Vec<u8>,
    /// Whether a replacement creates before it destroys.
    pub(super) creates_first: bool,
}

/// A planned action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// No change.
    Nothing,
    /// Create.
    Create,
    /// Update in place.
    Update,
    /// Destroy and create.
    Replace,
    /// Destroy.
    Delete,
}

/// The planned change of a resource.
#[derive(Clone, Debug)]
pub struct PlannedChange {
    /// The action.
    pub action: Action,
    /// The planned value; null for a destruction.
    pub planned: Value,
}

impl PlannedChange {
    /// Returns whether there is a change.
    pub fn is_change(&self) -> bool {
        self.action != Action::Nothing
    }
}

impl SavedPlan {
    /// Returns the changes, by address.
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

    /// Returns whether there are no changes.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| step.action == Action::Nothing) && self.deposed.is_empty()
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.deposed.is_empty()
    }

    /// Adopts the refreshed state of a plan.
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

/// The provider's plan of a creation or an update.
pub(super) struct Proposal {
    pub(super) planned: Value,
    pub(super) private: Vec<u8>,
    pub(super) identity: Option<proto::ResourceIdentityData>,
    requires_replace: bool,
}

/// Data that all plan calls of a run share.
struct Walk<'a> {
    workspace: &'a Workspace,
    session: &'a Session,
    configuration: &'a Configuration,
    options: &'a RunOptions,
    order: Order,
    gate: Gate,
    /// The planned values, by address.
    planned: Mutex<BTreeMap<String, Value>>,
}

impl Workspace {
    pub(in crate::framework::testing) async fn plan_changes(
        &self,
        start: &dyn DynStart,
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

    /// Plans everything, to refresh it, and then plans its destruction.
    async fn plan_destroy(
        &self,
        start: &dyn DynStart,
        configuration: &Configuration,
        options: &RunOptions,
        mut state: State,
    ) -> Option<SavedPlan> {
        if !options.skip_refresh && !state.is_empty() {
            let before = lock(&self.diagnostics).len();
            let refreshed = self.plan_state(start, configuration, options, state.clone()).await;
            // Terraform does not show the warnings of the refresh.
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

    /// Refreshes and plans the resources of a state and a configuration.
    async fn plan_state(
        &self,
        start: &dyn DynStart,
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

    /// Validates all blocks before a provider is configured. References are unknown.
    async fn validate_configuration(&self, start: &dyn DynStart, configuration: &Configuration) -> Option<()> {
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

    /// Returns the objects of the state after applying the `moved` blocks.
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
                let ObjectResponse {
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

    /// Validates a configuration, plans it, and checks the plan.
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
        // An unchanged attribute does not require replacement.
        let differs = |path: &proto::AttributePath| at(before.value, path) != at(&planned, path);
        let requires_replace = !before.value.is_null() && requires_replace.iter().any(differs);
        Some(Proposal {
            planned,
            private: after.private,
            identity: after.identity,
            requires_replace,
        })
    }

    /// Validates a configuration that has passed Terraform's own checks.
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

    /// Returns the configuration of a block. `object_at` returns the objects at other addresses.
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

    /// Plans the destruction of an object. Returns the private state of the plan.
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

    /// Returns the refreshed object.
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

    /// Plans a declared resource: the action, the planned value and the private state.
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
        // A tainted object is planned as if it did not exist.
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
            // The private state of a read that found nothing is still passed on.
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
                // The second call plans a creation, without ignored changes. It receives the
                // private state of the first call and the identity of the old object.
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

    /// Refreshes a deposed object and plans its destruction. `Some((_, None))`: it no longer
    /// exists.
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

/// Returns the value at a path; null if the path does not exist.
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
