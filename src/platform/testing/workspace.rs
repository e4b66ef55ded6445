//! As much of Terraform as matters to a provider: a state, and what core does with it in one run.
//!
//! The rules are those of hashicorp/terraform, `internal/terraform/node_resource_abstract_instance.go` and
//! `internal/plans/objchange`, for resources without blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::lock;
use crate::framework::{AnyResource, Context, Diagnostic, Diagnostics, Model, Provider, Resource, Schema, Value};

/// What is declared, by address.
pub(crate) type Configuration = BTreeMap<String, Declared>;

/// A resource in the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    kind: &'static str,
    /// What is written; null for what is left out.
    attributes: Value,
    /// Attributes that are those of others: by their names the others' addresses and attributes.
    references: BTreeMap<&'static str, (String, &'static str)>,
}

impl Declared {
    /// A resource that is declared so.
    pub(crate) fn new<R: Resource>(config: R::Model) -> Self {
        Self {
            kind: R::TYPE,
            attributes: config.into_value(),
            references: BTreeMap::new(),
        }
    }

    /// The same, with `attribute = <address>.<of>`.
    pub(crate) fn referring(mut self, attribute: &'static str, address: &str, of: &'static str) -> Self {
        self.references.insert(attribute, (address.to_owned(), of));
        self
    }

    fn needs(&self) -> BTreeSet<String> {
        self.references.values().map(|(address, _)| address.clone()).collect()
    }

    /// What is declared, where `look_up` tells what the others are.
    fn config(&self, look_up: impl Fn(&str) -> Option<Value>) -> Value {
        let mut config = self.attributes.clone();
        if let Value::Map(members) = &mut config {
            for (attribute, (address, of)) in &self.references {
                let value = look_up(address).map_or(Value::Unknown, |other| other.get(of).clone());
                members.insert((*attribute).to_owned(), value);
            }
        }
        config
    }
}

/// A resource in the state.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    kind: &'static str,
    attributes: Value,
    /// The addresses of those it referred to.
    needs: BTreeSet<String>,
    /// Its creation failed: it is replaced by the next run.
    pub(crate) is_tainted: bool,
}

impl Object {
    /// Its attributes.
    pub(crate) fn model<M: Model>(&self) -> M {
        M::from_value(&self.attributes).unwrap()
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ended {
    /// Nothing was to be done.
    Unchanged,
    Applied,
    Failed,
}

/// One workspace.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// What the `provider` block says; what it leaves out, the environment says.
    block: BTreeMap<String, Value>,
    /// Saved after each operation, as core does; so it is what a crash leaves.
    state: Mutex<BTreeMap<String, Object>>,
    told: Mutex<Vec<Diagnostic>>,
    broken: Mutex<Vec<String>>,
}

/// What a run is to do with a resource.
struct Step {
    address: String,
    action: Action,
    /// After the refresh.
    prior: Option<Object>,
    planned: Value,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Nothing,
    Create,
    Update,
    Replace,
    Delete,
}

impl Workspace {
    /// A workspace whose `provider` block says this.
    pub(crate) fn with_block(block: &[(&str, &str)]) -> Self {
        let block = block.iter();
        Self {
            block: block
                .map(|(argument, text)| ((*argument).to_owned(), Value::String((*text).to_owned())))
                .collect(),
            ..Self::default()
        }
    }

    /// What the state holds, by address.
    pub(crate) fn state(&self) -> BTreeMap<String, Object> {
        lock(&self.state).clone()
    }

    /// What was told since this was asked last.
    pub(crate) fn told(&self) -> Vec<Diagnostic> {
        std::mem::take(&mut lock(&self.told))
    }

    /// The rules that the provider broke, where core would say "Provider produced …".
    pub(crate) fn broken(&self) -> Vec<String> {
        lock(&self.broken).clone()
    }

    /// `terraform apply`, with a provider for the plan and another for the changes.
    pub(crate) async fn apply<P: Provider>(&self, start: impl Fn() -> P, declared: &Configuration) -> Ended {
        let Some(steps) = self.plan(&start, declared).await else {
            return Ended::Failed;
        };
        self.carry_out(&start, declared, &steps).await
    }

    /// Does what was planned.
    async fn carry_out<P: Provider>(&self, start: impl Fn() -> P, declared: &Configuration, steps: &[Step]) -> Ended {
        if steps.iter().all(|step| step.action == Action::Nothing) {
            return Ended::Unchanged;
        }
        let Some(resources) = self.resources(&start).await else {
            return Ended::Failed;
        };
        let state = self.state();
        let (ends, makes) = (Order::new(steps), Order::new(steps));
        let applied = join_all(steps.iter().map(async |step| {
            let address = &step.address;
            let needed_by = state.iter().filter(|(_, object)| object.needs.contains(address));
            let ended = ends.after(needed_by.map(|(address, _)| address)).await;
            let ended = ended && self.end(&resources, step).await;
            ends.done(address, ended);
            let declared = declared.get(address);
            let needs = declared.map(Declared::needs).unwrap_or_default();
            let made = makes.after(needs.iter()).await && ended;
            let made = made && self.make(&resources, step, declared).await;
            makes.done(address, made);
            made
        }));
        if applied.await.contains(&false) {
            return Ended::Failed;
        }
        Ended::Applied
    }

    /// Refreshes and plans everything; `None` if there was an error. What was refreshed is kept only if there was not.
    async fn plan<P: Provider>(&self, start: impl Fn() -> P, declared: &Configuration) -> Option<Vec<Step>> {
        let resources = self.resources(&start).await?;
        let state = self.state();
        let addresses: BTreeSet<_> = state.keys().chain(declared.keys()).collect();
        let order = Order::of(addresses.iter().copied());
        let planned = Mutex::new(BTreeMap::new());
        let steps = join_all(addresses.iter().map(async |address| {
            let step = self
                .plan_one(
                    &resources,
                    address,
                    state.get(*address),
                    declared.get(*address),
                    &order,
                    &planned,
                )
                .await;
            order.done(address, step.is_some());
            step
        }));
        let steps = steps.await.into_iter().collect::<Option<Vec<_>>>()?;
        *lock(&self.state) = steps
            .iter()
            .filter_map(|step| Some((step.address.clone(), step.prior.clone()?)))
            .collect();
        Some(steps)
    }

    async fn plan_one(
        &self,
        resources: &Resources,
        address: &str,
        prior: Option<&Object>,
        declared: Option<&Declared>,
        order: &Order,
        others: &Mutex<BTreeMap<String, Value>>,
    ) -> Option<Step> {
        let prior = match prior {
            Some(object) => self.refresh(resources, address, object).await?,
            None => None,
        };
        let step = |action, planned| Step {
            address: address.to_owned(),
            action,
            prior: prior.clone(),
            planned,
        };
        let there = prior.as_ref().map(|object| &object.attributes);
        let Some(declared) = declared else {
            let (Some(there), Some(object)) = (there, &prior) else {
                return Some(step(Action::Nothing, Value::Null));
            };
            let mut diagnostics = Diagnostics::default();
            let resource = &resources[object.kind];
            let nothing = resource
                .plan(&Context::default(), &Value::Null, there, Value::Null, &mut diagnostics)
                .await;
            return (self.tell(diagnostics) && nothing.is_some()).then(|| step(Action::Delete, Value::Null));
        };
        if !order.after(declared.needs().iter()).await {
            return None;
        }
        let config = declared.config(|address| lock(others).get(address).cloned());
        let resource = &*resources[declared.kind];
        let mut diagnostics = Diagnostics::default();
        resource.validate(&config, &mut diagnostics);
        if !self.tell(diagnostics) {
            return None;
        }
        // What is tainted is planned as if it were not there.
        let usable = prior.as_ref().filter(|object| !object.is_tainted);
        let usable = usable.map(|object| &object.attributes);
        let (mut planned, is_replaced) = self.propose(resource, address, &config, usable).await?;
        let action = match (there, usable) {
            (None, _) => Action::Create,
            (Some(_), None) => Action::Replace,
            (Some(_), Some(usable)) if planned == *usable => Action::Nothing,
            (Some(_), Some(_)) if is_replaced => {
                (planned, _) = self.propose(resource, address, &config, None).await?;
                Action::Replace
            }
            (Some(_), Some(_)) => Action::Update,
        };
        lock(others).insert(address.to_owned(), planned.clone());
        Some(step(action, planned))
    }

    /// What there is now; `None` if that could not be found out.
    async fn refresh(&self, resources: &Resources, address: &str, object: &Object) -> Option<Option<Object>> {
        let resource = &resources[object.kind];
        let mut diagnostics = Diagnostics::default();
        let attributes = object.attributes.clone();
        let read = resource.read(&Context::default(), attributes, &mut diagnostics).await;
        if !self.tell(diagnostics) {
            return None;
        }
        self.hold(is_known(&read), || format!("{address} is read as unknown: {read:?}"));
        Some((!read.is_null()).then(|| Object {
            attributes: resource.schema().without_write_only(read),
            ..object.clone()
        }))
    }

    /// Has the provider plan a creation or an update, and holds the plan to the configuration.
    async fn propose(
        &self,
        resource: &dyn AnyResource,
        address: &str,
        config: &Value,
        prior: Option<&Value>,
    ) -> Option<(Value, bool)> {
        let schema = resource.schema();
        let prior = prior.unwrap_or(&Value::Null);
        let proposed = proposed(&schema, config, prior);
        let mut diagnostics = Diagnostics::default();
        let plan = resource
            .plan(&Context::default(), config, prior, proposed, &mut diagnostics)
            .await;
        let plan = plan.filter(|_| self.tell(diagnostics))?;
        let planned = schema.without_write_only(plan.planned);
        for attribute in schema.attributes.iter().filter(|attribute| !attribute.write_only) {
            let name = attribute.name;
            let (asked, was, will) = (config.get(name), prior.get(name), planned.get(name));
            let fits =
                will == asked || (!asked.is_null() && will == was) || (asked.is_null() && attribute.is_computed());
            self.hold(fits, || {
                format!("{address}.{name} is declared {asked:?} and planned {will:?}")
            });
        }
        Some((planned, !plan.replaces.is_empty()))
    }

    /// Ends what is to go, or to make room; whether there is nothing of it any more.
    async fn end(&self, resources: &Resources, step: &Step) -> bool {
        let (Some(prior), Action::Replace | Action::Delete) = (&step.prior, step.action) else {
            return true;
        };
        let mut diagnostics = Diagnostics::default();
        let resource = &resources[prior.kind];
        let left = resource
            .apply(
                &Context::default(),
                prior.attributes.clone(),
                Value::Null,
                &mut diagnostics,
            )
            .await;
        let succeeded = self.tell(diagnostics);
        match (succeeded, left) {
            (true, left) => {
                self.hold(left.is_null(), || {
                    format!("{} is destroyed, and yet there", step.address)
                });
                lock(&self.state).remove(&step.address);
            }
            (false, Value::Null) => {}
            (false, attributes) => self.save(&step.address, attributes, prior),
        }
        succeeded
    }

    /// Makes or changes what is declared; whether it succeeded.
    async fn make(&self, resources: &Resources, step: &Step, declared: Option<&Declared>) -> bool {
        let (Some(declared), Action::Create | Action::Update | Action::Replace) = (declared, step.action) else {
            return true;
        };
        let Step { address, planned, .. } = step;
        let state = self.state();
        let prior = state.get(address);
        let config = declared.config(|other| state.get(other).map(|other| other.attributes.clone()));
        let resource = &*resources[declared.kind];
        let before = prior.map(|object| &object.attributes);
        let Some((again, _)) = self.propose(resource, address, &config, before).await else {
            return false;
        };
        self.holds(planned, &again, || format!("{address} is planned otherwise at apply"));
        let (schema, mut diagnostics) = (resource.schema(), Diagnostics::default());
        let whole = schema.with_write_only(again.clone(), &config);
        let before = before.cloned().unwrap_or(Value::Null);
        let made = resource
            .apply(&Context::default(), before, whole, &mut diagnostics)
            .await;
        let succeeded = self.tell(diagnostics);
        if made.is_null() {
            self.hold(!succeeded, || format!("{address} is applied, and yet not there"));
            return false;
        }
        self.hold(is_known(&made), || {
            format!("{address} is unknown after apply: {made:?}")
        });
        let made = schema.without_write_only(made);
        if succeeded {
            self.holds(&again, &made, || format!("{address} is applied otherwise than planned"));
        }
        let object = Object {
            kind: declared.kind,
            attributes: Value::Null,
            needs: declared.needs(),
            is_tainted: !succeeded && prior.is_none_or(|prior| prior.is_tainted),
        };
        self.save(address, made, &object);
        succeeded
    }

    fn save(&self, address: &str, attributes: Value, object: &Object) {
        let object = Object {
            attributes,
            ..object.clone()
        };
        lock(&self.state).insert(address.to_owned(), object);
    }

    /// The resources of a provider that was configured by its environment alone; `None` if it could not be.
    async fn resources<P: Provider>(&self, start: impl Fn() -> P) -> Option<Resources> {
        let (provider, mut diagnostics) = (start(), Diagnostics::default());
        let config = P::Config::from_value(&Value::Map(self.block.clone())).unwrap();
        provider.configure(config, "1.11.4", &mut diagnostics).await;
        let resources = provider.resources().into_iter();
        let resources = resources.map(|resource| (resource.type_name(), resource)).collect();
        self.tell(diagnostics).then_some(resources)
    }

    /// Keeps what was told; whether there was no error.
    fn tell(&self, diagnostics: Diagnostics) -> bool {
        let succeeded = !diagnostics.has_errors();
        lock(&self.told).extend(diagnostics);
        succeeded
    }

    fn hold(&self, is_kept: bool, rule: impl FnOnce() -> String) {
        if !is_kept {
            lock(&self.broken).push(rule());
        }
    }

    /// What was known before must be what is now.
    fn holds(&self, before: &Value, now: &Value, rule: impl Fn() -> String) {
        let Value::Map(members) = before else {
            return self.hold(false, || format!("{}: it is {before:?}", rule()));
        };
        for (name, was) in members {
            let is = now.get(name);
            self.hold(fits(was, is), || {
                format!("{}: {name} was {was:?} and is {is:?}", rule())
            });
        }
    }
}

type Resources = BTreeMap<&'static str, Box<dyn AnyResource>>;

/// What Terraform proposes as the plan: what is declared, and else what the provider has set before.
fn proposed(schema: &Schema, config: &Value, prior: &Value) -> Value {
    let members = schema.attributes.iter().map(|attribute| {
        let value = match config.get(attribute.name) {
            _ if attribute.write_only => Value::Null,
            Value::Null if attribute.is_computed() => prior.get(attribute.name).clone(),
            value => value.clone(),
        };
        (attribute.name.to_owned(), value)
    });
    Value::Map(members.collect())
}

/// Whether nothing of it is known only once it is applied.
fn is_known(value: &Value) -> bool {
    match value {
        Value::Unknown => false,
        Value::Map(members) => members.values().all(is_known),
        Value::List(elements) => elements.iter().all(is_known),
        _ => true,
    }
}

/// Whether what is now is what was known of it before.
fn fits(before: &Value, now: &Value) -> bool {
    match (before, now) {
        (Value::Unknown, _) => true,
        (Value::Map(before), Value::Map(now)) => {
            before.len() == now.len()
                && before
                    .iter()
                    .all(|(name, value)| now.get(name).is_some_and(|now| fits(value, now)))
        }
        _ => before == now,
    }
}

/// Who waits for whom.
struct Order {
    done: BTreeMap<String, CancellationToken>,
    failed: Mutex<BTreeSet<String>>,
}

impl Order {
    fn new(steps: &[Step]) -> Self {
        Self::of(steps.iter().map(|step| &step.address))
    }

    fn of<'a>(addresses: impl Iterator<Item = &'a String>) -> Self {
        Self {
            done: addresses
                .map(|address| (address.clone(), CancellationToken::new()))
                .collect(),
            failed: Mutex::default(),
        }
    }

    /// Waits for these; whether they succeeded.
    async fn after<'a>(&self, addresses: impl Iterator<Item = &'a String>) -> bool {
        let mut succeeded = true;
        for address in addresses {
            if let Some(done) = self.done.get(address) {
                done.cancelled().await;
            }
            succeeded &= !lock(&self.failed).contains(address);
        }
        succeeded
    }

    fn done(&self, address: &str, succeeded: bool) {
        if !succeeded {
            lock(&self.failed).insert(address.to_owned());
        }
        if let Some(done) = self.done.get(address) {
            done.cancel();
        }
    }
}

pub(crate) mod lone;
mod tests;
