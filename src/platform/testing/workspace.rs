//! As much of Terraform as matters to a provider: a state, and what core does with it in one run.
//!
//! The rules are those of hashicorp/terraform, `internal/terraform/node_resource_abstract_instance.go` and
//! `internal/plans/objchange`, for resources without blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::lock;
use crate::framework::{
    AnyResource, Context, Diagnostic, Diagnostics, Model, Presence, PrivateState, Provider, Resource, Schema, Severity,
    Value,
};

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
    lifecycle: Lifecycle,
}

/// A `lifecycle` block.
#[derive(Clone, Debug, Default)]
struct Lifecycle {
    create_before_destroy: bool,
    ignore_changes: Ignored,
}

/// `ignore_changes`.
#[derive(Clone, Debug, Default)]
enum Ignored {
    #[default]
    Nothing,
    Attributes(Vec<&'static str>),
    All,
}

/// How a run differs from a plain `terraform apply`.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunOptions {
    /// The addresses that `-replace` names.
    pub(crate) replace: BTreeSet<String>,
    /// `-refresh=false`.
    pub(crate) skip_refresh: bool,
}

impl Declared {
    /// A resource that is declared so.
    pub(crate) fn new<R: Resource>(config: R::Model) -> Self {
        Self::of(R::TYPE, config.into_value())
    }

    fn of(kind: &'static str, attributes: Value) -> Self {
        Self {
            kind,
            attributes,
            references: BTreeMap::new(),
            lifecycle: Lifecycle::default(),
        }
    }

    /// The same, with `lifecycle { create_before_destroy = true }`.
    pub(crate) fn create_before_destroy(mut self) -> Self {
        self.lifecycle.create_before_destroy = true;
        self
    }

    /// The same, with `lifecycle { ignore_changes = [<attributes>] }`.
    pub(crate) fn ignore_changes(mut self, attributes: &[&'static str]) -> Self {
        self.lifecycle.ignore_changes = Ignored::Attributes(attributes.to_vec());
        self
    }

    /// The same, with `lifecycle { ignore_changes = all }`.
    pub(crate) fn ignore_all_changes(mut self) -> Self {
        self.lifecycle.ignore_changes = Ignored::All;
        self
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
    /// What the provider keeps about it in addition.
    private: Vec<u8>,
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

    /// One of its attributes.
    pub(crate) fn value(&self, attribute: &str) -> Value {
        self.attributes.get(attribute).clone()
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
    /// Objects that a replacement has put aside (`create_before_destroy`) and not destroyed yet, by address.
    deposed: Mutex<Vec<(String, Object)>>,
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
    /// The private state that the plan left.
    private: Vec<u8>,
    /// A replacement that creates before it destroys.
    creates_first: bool,
}

/// A plan in a file (`terraform plan -out`), with the refreshed state.
pub(crate) struct SavedPlan {
    steps: Vec<Step>,
    refreshed: BTreeMap<String, Object>,
    /// The state that it was made from.
    made_from: BTreeMap<String, Object>,
}

/// What the provider answered to one plan call.
struct Proposal {
    planned: Value,
    private: Vec<u8>,
    requires_replace: bool,
}

/// Whether the warnings of a plan call reach the user.
#[derive(Clone, Copy, PartialEq)]
enum Warnings {
    Shown,
    /// Those of the second plan call of a replacement are not. Its errors are.
    Dropped,
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
        self.apply_with(start, declared, &RunOptions::default()).await
    }

    /// The same, with options.
    pub(crate) async fn apply_with<P: Provider>(
        &self,
        start: impl Fn() -> P,
        declared: &Configuration,
        options: &RunOptions,
    ) -> Ended {
        match self.plan(&start, declared, options).await {
            Some(plan) => self.apply_saved(&start, declared, &plan).await,
            None => Ended::Failed,
        }
    }

    /// `terraform apply` of a saved plan. One that was made from another state is stale, and fails.
    pub(crate) async fn apply_saved<P: Provider>(
        &self,
        start: impl Fn() -> P,
        declared: &Configuration,
        plan: &SavedPlan,
    ) -> Ended {
        let SavedPlan {
            steps,
            refreshed,
            made_from,
        } = plan;
        if !is_same_state(&self.state(), made_from) {
            return Ended::Failed;
        }
        lock(&self.state).clone_from(refreshed);
        let deposed: BTreeSet<_> = lock(&self.deposed).iter().map(|(address, _)| address.clone()).collect();
        if steps.iter().all(|step| step.action == Action::Nothing) && deposed.is_empty() {
            return Ended::Unchanged;
        }
        let Some(resources) = self.resources(&start).await else {
            return Ended::Failed;
        };
        let removed = join_all(deposed.iter().map(|address| self.destroy_deposed(&resources, address))).await;
        let state = self.state();
        let (ends, makes) = (Order::new(steps), Order::new(steps));
        let applied = join_all(steps.iter().map(async |step| {
            let address = &step.address;
            let needed_by: Vec<_> = state
                .iter()
                .filter(|(_, object)| object.needs.contains(address))
                .map(|(address, _)| address)
                .collect();
            let declared = declared.get(address);
            let needs = declared.map(Declared::needs).unwrap_or_default();
            if step.creates_first {
                let made = makes.after(needs.iter()).await && self.make(&resources, step, declared).await;
                makes.done(address, made);
                // What refers to the old object is moved to the new one, or destroyed, before the old one is.
                let moved = makes.after(needed_by.iter().copied()).await;
                let freed = ends.after(needed_by.into_iter()).await;
                let ended = made && moved && freed && self.destroy_deposed(&resources, address).await;
                ends.done(address, ended);
                return made && ended;
            }
            // What stays does not wait for an old object that is destroyed only after its successor refers to what stays.
            let stays = !matches!(step.action, Action::Replace | Action::Delete);
            let waits_for = |other: &&String| {
                let mut others = steps.iter().filter(|step| step.address == **other);
                !stays || others.all(|other| !other.creates_first)
            };
            let ended = ends.after(needed_by.into_iter().filter(waits_for)).await;
            let ended = ended && self.end(&resources, step).await;
            ends.done(address, ended);
            let made = makes.after(needs.iter()).await && ended;
            let made = made && self.make(&resources, step, declared).await;
            makes.done(address, made);
            made
        }));
        if applied.await.contains(&false) || removed.contains(&false) {
            return Ended::Failed;
        }
        Ended::Applied
    }

    /// `terraform plan -out`: refreshes and plans everything; `None` if there was an error. The state stays as it was.
    pub(crate) async fn plan<P: Provider>(
        &self,
        start: impl Fn() -> P,
        declared: &Configuration,
        options: &RunOptions,
    ) -> Option<SavedPlan> {
        let resources = self.resources(&start).await?;
        let state = self.state();
        let addresses: BTreeSet<_> = state.keys().chain(declared.keys()).collect();
        let run = PlanRun {
            resources: &resources,
            declared,
            options,
            order: Order::of(addresses.iter().copied()),
            planned: Mutex::new(BTreeMap::new()),
        };
        let steps = join_all(addresses.iter().map(async |address| {
            let step = self.plan_one(&run, address, state.get(*address)).await;
            run.order.done(address, step.is_some());
            step
        }));
        let steps = steps.await.into_iter().collect::<Option<Vec<_>>>()?;
        let refreshed = steps
            .iter()
            .filter_map(|step| Some((step.address.clone(), step.prior.clone()?)))
            .collect();
        Some(SavedPlan {
            steps,
            refreshed,
            made_from: state,
        })
    }

    async fn plan_one(&self, run: &PlanRun<'_>, address: &str, prior: Option<&Object>) -> Option<Step> {
        let prior = match prior {
            Some(object) if !run.options.skip_refresh => self.refresh(run.resources, address, object).await?,
            prior => prior.cloned(),
        };
        let step = |action, planned, private| Step {
            address: address.to_owned(),
            action,
            prior: prior.clone(),
            planned,
            private,
            creates_first: action == Action::Replace && creates_first(run.declared, address),
        };
        let Some(declared) = run.declared.get(address) else {
            let Some(object) = &prior else {
                return Some(step(Action::Nothing, Value::Null, Vec::new()));
            };
            let private = self.plan_destruction(run.resources, object).await?;
            return Some(step(Action::Delete, Value::Null, private));
        };
        if !run.order.after(declared.needs().iter()).await {
            return None;
        }
        let config = declared.config(|address| lock(&run.planned).get(address).cloned());
        let resource = &*run.resources[declared.kind];
        let mut diagnostics = Diagnostics::default();
        resource.validate(&config, &mut diagnostics);
        if !self.tell(diagnostics) {
            return None;
        }
        // What is tainted is planned as if it were not there.
        let usable = prior.as_ref().filter(|object| !object.is_tainted);
        let config = declared
            .lifecycle
            .ignore_changes
            .apply(&resource.schema(), config, usable);
        let (before, private) = before(usable);
        let first = self
            .propose(resource, address, &config, before, private, Warnings::Shown)
            .await?;
        let (action, proposal) = match (&prior, usable) {
            (None, _) => (Action::Create, first),
            (Some(_), None) => (Action::Replace, first),
            (Some(_), Some(_)) if first.requires_replace || run.options.replace.contains(address) => {
                let second = self.propose(resource, address, &config, None, &first.private, Warnings::Dropped);
                (Action::Replace, second.await?)
            }
            (Some(_), Some(usable)) if first.planned == usable.attributes => (Action::Nothing, first),
            (Some(_), Some(_)) => (Action::Update, first),
        };
        lock(&run.planned).insert(address.to_owned(), proposal.planned.clone());
        Some(step(action, proposal.planned, proposal.private))
    }

    /// What there is now; `None` if that could not be found out.
    async fn refresh(&self, resources: &Resources, address: &str, object: &Object) -> Option<Option<Object>> {
        let resource = &resources[object.kind];
        let mut diagnostics = Diagnostics::default();
        let context = context(&object.private);
        let read = resource
            .read(&context, object.attributes.clone(), &mut diagnostics)
            .await;
        if !self.tell(diagnostics) {
            return None;
        }
        self.hold(is_known(&read), || format!("{address} is read as unknown: {read:?}"));
        Some((!read.is_null()).then(|| Object {
            attributes: resource.schema().without_write_only(read),
            private: context.private.encode(),
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
        private: &[u8],
        warnings: Warnings,
    ) -> Option<Proposal> {
        let schema = resource.schema();
        let prior = prior.unwrap_or(&Value::Null);
        let proposed = proposed(&schema, config, prior);
        let (context, mut diagnostics) = (context(private), Diagnostics::default());
        let plan = resource.plan(&context, config, prior, proposed, &mut diagnostics).await;
        if warnings == Warnings::Dropped {
            let mut errors = Diagnostics::default();
            errors.extend(diagnostics.into_iter().filter(|told| told.severity == Severity::Error));
            diagnostics = errors;
        }
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
        Some(Proposal {
            planned,
            private: context.private.encode(),
            requires_replace: !plan.replaces.is_empty(),
        })
    }

    /// Has the provider plan that the object goes; the private state that this leaves, `None` if there was an error.
    async fn plan_destruction(&self, resources: &Resources, object: &Object) -> Option<Vec<u8>> {
        let (context, mut diagnostics) = (context(&object.private), Diagnostics::default());
        let plan = resources[object.kind].plan(
            &context,
            &Value::Null,
            &object.attributes,
            Value::Null,
            &mut diagnostics,
        );
        let planned = plan.await;
        (self.tell(diagnostics) && planned.is_some()).then(|| context.private.encode())
    }

    /// Ends what is to go, or to make room; whether there is nothing of it any more.
    async fn end(&self, resources: &Resources, step: &Step) -> bool {
        let (Some(prior), Action::Replace | Action::Delete) = (&step.prior, step.action) else {
            return true;
        };
        let (gone, left) = self.destroy(resources, &step.address, prior, &step.private).await;
        match left {
            Some(left) => self.save(&step.address, left),
            None => drop(lock(&self.state).remove(&step.address)),
        }
        gone
    }

    /// Destroys what replacements at this address have put aside; whether nothing of it is left.
    async fn destroy_deposed(&self, resources: &Resources, address: &str) -> bool {
        loop {
            let deposed = lock(&self.deposed).clone();
            let Some(at) = deposed.iter().position(|(deposed, _)| deposed == address) else {
                return true;
            };
            let (_, object) = &deposed[at];
            // Core plans the destruction of such an object at apply.
            let Some(private) = self.plan_destruction(resources, object).await else {
                return false;
            };
            let (gone, left) = self.destroy(resources, address, object, &private).await;
            let mut deposed = lock(&self.deposed);
            deposed.remove(at);
            deposed.extend(left.map(|left| (address.to_owned(), left)));
            if !gone {
                return false;
            }
        }
    }

    /// Destroys an object; whether it succeeded, and what is left of it.
    async fn destroy(
        &self,
        resources: &Resources,
        address: &str,
        object: &Object,
        private: &[u8],
    ) -> (bool, Option<Object>) {
        let (context, mut diagnostics) = (context(private), Diagnostics::default());
        let resource = &resources[object.kind];
        let left = resource
            .apply(&context, object.attributes.clone(), Value::Null, &mut diagnostics)
            .await;
        let succeeded = self.tell(diagnostics);
        self.hold(!succeeded || left.is_null(), || {
            format!("{address} is destroyed, and yet there")
        });
        let left = (!succeeded && !left.is_null()).then(|| Object {
            attributes: left,
            private: context.private.encode(),
            ..object.clone()
        });
        (succeeded, left)
    }

    /// Makes or changes what is declared; whether it succeeded.
    async fn make(&self, resources: &Resources, step: &Step, declared: Option<&Declared>) -> bool {
        let (Some(declared), Action::Create | Action::Update | Action::Replace) = (declared, step.action) else {
            return true;
        };
        let Step { address, planned, .. } = step;
        let state = self.state();
        let put_aside = state.get(address).filter(|_| step.creates_first);
        let prior = state.get(address).filter(|_| !step.creates_first);
        let resource = &*resources[declared.kind];
        let config = declared.config(|other| state.get(other).map(|other| other.attributes.clone()));
        let config = declared
            .lifecycle
            .ignore_changes
            .apply(&resource.schema(), config, prior);
        let (before, private) = before(prior);
        let again = self.propose(resource, address, &config, before, private, Warnings::Shown);
        let Some(Proposal {
            planned: again,
            private,
            ..
        }) = again.await
        else {
            return false;
        };
        if let Some(object) = put_aside {
            lock(&self.state).remove(address);
            lock(&self.deposed).push((address.clone(), object.clone()));
        }
        self.holds(planned, &again, || format!("{address} is planned otherwise at apply"));
        let (schema, context, mut diagnostics) = (resource.schema(), context(&private), Diagnostics::default());
        let whole = schema.with_write_only(again.clone(), &config);
        let before = before.cloned().unwrap_or(Value::Null);
        let made = resource.apply(&context, before, whole, &mut diagnostics).await;
        let succeeded = self.tell(diagnostics);
        if made.is_null() {
            self.hold(!succeeded, || format!("{address} is applied, and yet not there"));
            self.restore_deposed(address);
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
            attributes: made,
            private: context.private.encode(),
            needs: declared.needs(),
            is_tainted: !succeeded && prior.is_none_or(|prior| prior.is_tainted),
        };
        self.save(address, object);
        succeeded
    }

    /// Nothing came of a replacement that creates first: the old object is the current one again.
    fn restore_deposed(&self, address: &str) {
        let mut deposed = lock(&self.deposed);
        if let Some(at) = deposed.iter().rposition(|(deposed, _)| deposed == address) {
            let (address, object) = deposed.remove(at);
            lock(&self.state).insert(address, object);
        }
    }

    fn save(&self, address: &str, object: Object) {
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

/// What all plan calls of a run share.
struct PlanRun<'a> {
    resources: &'a Resources,
    declared: &'a Configuration,
    options: &'a RunOptions,
    order: Order,
    /// What was planned, by address.
    planned: Mutex<BTreeMap<String, Value>>,
}

/// The context of a call about an object whose private state this is.
fn context(private: &[u8]) -> Context {
    Context {
        private: PrivateState::decode(private),
        ..Context::default()
    }
}

/// What a plan call finds of an object: its attributes and its private state.
fn before(object: Option<&Object>) -> (Option<&Value>, &[u8]) {
    match object {
        Some(object) => (Some(&object.attributes), &object.private),
        None => (None, &[]),
    }
}

/// Whether a replacement creates first: so it is declared, or inherited from what refers to it.
fn creates_first(declared: &Configuration, address: &str) -> bool {
    let of_its_own = declared
        .get(address)
        .is_some_and(|declared| declared.lifecycle.create_before_destroy);
    let mut referring = declared.iter().filter(|(_, other)| other.needs().contains(address));
    of_its_own || referring.any(|(other, _)| creates_first(declared, other))
}

/// Whether two states are the same, private state included, as core compares them.
fn is_same_state(one: &BTreeMap<String, Object>, other: &BTreeMap<String, Object>) -> bool {
    let facts = |object: &Object| (object.attributes.clone(), object.private.clone(), object.is_tainted);
    one.len() == other.len()
        && one
            .iter()
            .all(|(address, object)| other.get(address).is_some_and(|other| facts(object) == facts(other)))
}

impl Ignored {
    /// The configuration that the provider sees: what is ignored is as it was.
    fn apply(&self, schema: &Schema, config: Value, prior: Option<&Object>) -> Value {
        let Some(prior) = prior else { return config };
        let members = schema.attributes.iter().map(|attribute| {
            let name = attribute.name;
            let is_ignored = match self {
                Self::Nothing => false,
                Self::Attributes(ignored) => ignored.contains(&name),
                // Except for what only the provider sets.
                Self::All => attribute.presence != Presence::Computed,
            };
            let from = if is_ignored { &prior.attributes } else { &config };
            (name.to_owned(), from.get(name).clone())
        });
        Value::Map(members.collect())
    }
}

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
