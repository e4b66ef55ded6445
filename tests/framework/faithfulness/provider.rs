//! A provider of in-memory things. Each operation reports a warning, so that its call is visible.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use token_providers::framework::{
    Change, Configured, Context, DataSource, Diagnostic, Diagnostics, DynDataSource, DynEphemeralResource, DynResource,
    EphemeralResource, Field, Leaving, Model, Opened, Outcome, Provider, Resource, SourceState, StoredState,
};

/// The objects that exist outside Terraform. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Remote(Arc<Mutex<Inventory>>);

#[derive(Default)]
pub(super) struct Inventory {
    /// The things, by id.
    pub(super) things: BTreeMap<String, Thing>,
    /// The number of things that were created, by name.
    created: BTreeMap<String, usize>,
    fails: BTreeSet<Fault>,
    /// The number of plans with the fault `ChangingPlan`.
    plans: usize,
    /// Whether a creation is waiting for the interrupt.
    pub(super) is_waiting: bool,
}

/// A fault of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// Create fails without creating anything.
    Create,
    /// Create fails after creating the thing.
    CreateHalf,
    /// Create waits for the interrupt and then fails.
    CreateInterrupted,
    Update,
    Delete,
    Read,
    Plan,
    /// Plan returns a value that contradicts the configuration.
    InvalidPlan,
    /// Plan returns another value each time.
    ChangingPlan,
    /// Apply returns another value than planned.
    OtherResult,
    /// Apply returns an unknown value.
    UnknownResult,
    /// Read returns an unknown value.
    UnknownRead,
}

impl Remote {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inventory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fails(&self, fault: Fault) -> bool {
        self.lock().fails.contains(&fault)
    }

    fn check(&self, fault: Fault) -> Result<(), Diagnostic> {
        match self.fails(fault) {
            true => Err(Diagnostic::error(
                format!("{fault:?} failed"),
                "The test requested this fault.",
            )),
            false => Ok(()),
        }
    }
}

impl Inventory {
    pub(super) fn fail(&mut self, fault: Fault) {
        self.fails = [fault].into();
    }

    pub(super) fn fail_no_more(&mut self) {
        self.fails.clear();
    }

    /// Returns the only thing.
    pub(super) fn only(&mut self) -> &mut Thing {
        self.things.values_mut().next().unwrap()
    }

    /// Creates a thing outside Terraform.
    pub(super) fn add(&mut self, name: &str) {
        let thing = Thing {
            name: name.to_owned().into(),
            kind: "plain".to_owned().into(),
            ..Thing::default()
        };
        self.insert(thing);
    }

    fn insert(&mut self, mut thing: Thing) -> Thing {
        let name = thing.name.known().cloned().unwrap_or_default();
        let number = self.created.entry(name.clone()).or_default();
        *number += 1;
        let id = format!("{name}-{number}");
        thing.id = id.clone().into();
        thing.revise(1);
        self.things.insert(id, thing.clone());
        thing
    }
}

/// A thing.
#[derive(Model, Clone, Debug, Default, PartialEq)]
#[model(version = 1)]
pub(super) struct Thing {
    /// The name.
    #[attribute(required, requires_replace)]
    pub(super) name: Field<String>,
    /// The size, which is the number of parts.
    #[attribute(optional)]
    pub(super) size: Field<i64>,
    /// The id of another thing.
    #[attribute(optional)]
    of: Field<String>,
    /// The kind.
    #[attribute(default = "plain")]
    pub(super) kind: Field<String>,
    /// A write-only value.
    #[attribute(optional, write_only)]
    password: Field<String>,
    /// The id.
    #[attribute(computed, use_state_for_unknown, identity)]
    pub(super) id: Field<String>,
    /// The number of changes.
    #[attribute(computed)]
    pub(super) revision: Field<i64>,
    /// The parts.
    #[attribute(computed)]
    parts: Field<Vec<Part>>,
}

/// A part of a thing.
#[derive(Model, Clone, Debug, Default, PartialEq)]
struct Part {
    /// The number.
    #[attribute(computed)]
    number: Field<i64>,
}

impl Thing {
    fn title(&self) -> &str {
        self.name.known().map_or("?", String::as_str)
    }

    /// Sets the computed attributes.
    pub(super) fn revise(&mut self, revision: i64) {
        self.revision = revision.into();
        let size = self.size.known().copied().unwrap_or_default();
        let parts = (0..size).map(|number| Part { number: number.into() });
        self.parts = parts.collect::<Vec<_>>().into();
        self.password = Field::Null;
    }
}

/// A former resource type, whose objects can be moved to the current one.
pub(super) struct OldThings;

/// The current resource type.
pub(super) struct Things;

impl Resource for Things {
    type Model = Thing;
    type Client = Remote;

    const TYPE: &'static str = "testing_thing";

    fn validate(&self, config: &Thing, diagnostics: &mut Diagnostics) {
        diagnostics.push(warning("Validation", config.title()));
    }

    async fn plan(&self, context: &Context<Remote>, change: &mut Change<Thing>) -> Result<(), Diagnostics> {
        let prior = change.prior.as_ref().and_then(|prior| prior.id.known());
        let prior = prior.map_or("nothing", String::as_str);
        let number = context.private.get("plans").unwrap_or(0_u64) + 1;
        context.report(warning(&format!("Plan {number} after {prior}"), change.planned.title()));
        context.private.set("plans", number);
        let remote = context.client()?;
        remote.check(Fault::Plan)?;
        if remote.fails(Fault::InvalidPlan) {
            change.planned.of = "not configured".into();
        }
        if remote.fails(Fault::ChangingPlan) {
            let mut inventory = remote.lock();
            inventory.plans += 1;
            change.planned.kind = format!("kind {}", inventory.plans).into();
        }
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context<Remote>, prior: &Thing) -> Result<(), Diagnostics> {
        context.report(warning("Plan of the destruction", prior.title()));
        context.private.set("destroys", true);
        Ok(())
    }

    async fn create(&self, context: &Context<Remote>, planned: Thing) -> Outcome<Thing> {
        let remote = context.client()?;
        context.report(warning("Creation", planned.title()));
        remote.check(Fault::Create)?;
        if remote.fails(Fault::CreateInterrupted) {
            remote.lock().is_waiting = true;
            context.cancellation.cancelled().await;
            remote.check(Fault::CreateInterrupted)?;
        }
        let mut thing = remote.lock().insert(planned);
        context.private.set("created", thing.id.get()?);
        remote.check(Fault::CreateHalf).leaving(thing.clone())?;
        if remote.fails(Fault::OtherResult) {
            thing.kind = "another".into();
        }
        if remote.fails(Fault::UnknownResult) {
            thing.revision = Field::Unknown;
        }
        Ok(thing)
    }

    async fn read(&self, context: &Context<Remote>, state: Thing) -> Outcome<Thing, Option<Thing>> {
        let remote = context.client()?;
        remote.check(Fault::Read)?;
        context.report(warning("Read", state.title()));
        let mut found = remote.lock().things.get(state.id.get()?).cloned();
        match &found {
            Some(found) => context.private.set("read", found.revision.get()?),
            None => context.private.set("gone", true),
        }
        if remote.fails(Fault::UnknownRead) {
            found.iter_mut().for_each(|found| found.kind = Field::Unknown);
        }
        Ok(found)
    }

    async fn update(&self, context: &Context<Remote>, prior: Thing, mut planned: Thing) -> Outcome<Thing> {
        let remote = context.client()?;
        context.report(warning("Update", planned.title()));
        remote.check(Fault::Update)?;
        planned.revise(prior.revision.get()? + 1);
        if remote.fails(Fault::OtherResult) {
            planned.kind = "another".into();
        }
        remote.lock().things.insert(planned.id.get()?.clone(), planned.clone());
        Ok(planned)
    }

    async fn delete(&self, context: &Context<Remote>, state: Thing) -> Outcome<Thing, ()> {
        let remote = context.client()?;
        context.report(warning("Deletion", state.title()));
        remote.check(Fault::Delete)?;
        remote.lock().things.remove(state.id.get()?);
        Ok(())
    }

    fn title(&self, state: &Thing) -> Option<String> {
        Some(format!("Thing {}", state.title()))
    }

    /// Version 0 had no kind, and called the name a title.
    fn upgrade(&self, _version: i64, state: &StoredState) -> Result<Thing, Diagnostic> {
        let text = |pointer: &str| state.text(pointer).map(str::to_owned).into();
        let mut thing = Thing {
            name: text("/title"),
            id: text("/id"),
            kind: "plain".to_owned().into(),
            ..Thing::default()
        };
        thing.revise(1);
        Ok(thing)
    }

    fn move_state(&self, from: &SourceState<'_>) -> Result<Thing, Diagnostic> {
        match from.type_name {
            OldThings::TYPE => from.state.read(),
            _ => Err(from.refused(Self::TYPE, None)),
        }
    }
}

impl Resource for OldThings {
    type Model = Thing;
    type Client = Remote;

    const TYPE: &'static str = "testing_old_thing";

    async fn create(&self, context: &Context<Remote>, planned: Thing) -> Outcome<Thing> {
        Resource::create(&Things, context, planned).await
    }

    async fn read(&self, context: &Context<Remote>, state: Thing) -> Outcome<Thing, Option<Thing>> {
        Resource::read(&Things, context, state).await
    }

    async fn delete(&self, context: &Context<Remote>, state: Thing) -> Outcome<Thing, ()> {
        Resource::delete(&Things, context, state).await
    }
}

fn warning(operation: &str, title: &str) -> Diagnostic {
    Diagnostic::warning(format!("{operation} of {title}"), "The operation was called.")
}

/// The name of the thing with an id.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct Lookup {
    /// The id.
    #[attribute(required)]
    id: Field<String>,
    /// The name.
    #[attribute(computed)]
    found: Field<String>,
}

pub(super) struct Lookups;

impl DataSource for Lookups {
    type Model = Lookup;
    type Client = Remote;

    const TYPE: &'static str = "testing_lookup";

    async fn read(&self, context: &Context<Remote>, mut config: Lookup) -> Result<Lookup, Diagnostics> {
        context.report(warning("Lookup", config.id.get()?));
        let remote = context.client()?;
        let thing = remote.lock().things.get(config.id.get()?).cloned();
        config.found = thing.unwrap_or_default().name;
        Ok(config)
    }
}

/// A draft.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct Draft {
    /// The name.
    #[attribute(required)]
    name: Field<String>,
    /// The text.
    #[attribute(computed)]
    text: Field<String>,
}

pub(super) struct Drafts;

impl EphemeralResource for Drafts {
    type Model = Draft;
    type Client = Remote;

    const TYPE: &'static str = "testing_draft";

    async fn open(&self, context: &Context<Remote>, mut config: Draft) -> Outcome<Opened<Draft>> {
        context.report(warning("Opening", config.name.get()?));
        config.text = format!("the text of {}", config.name.get()?).into();
        Ok(Opened {
            private: config.name.get()?.clone().into_bytes(),
            result: config,
            renew_at: None,
        })
    }

    async fn close(&self, context: &Context<Remote>, private: &[u8]) -> Result<(), Diagnostics> {
        context.report(warning("Closing", &String::from_utf8_lossy(private)));
        Ok(())
    }
}

/// The provider.
pub(super) struct Testing(pub(super) Remote);

/// The configuration of the provider.
#[derive(Model)]
pub(super) struct Config {
    /// The name of a region.
    #[attribute(optional)]
    region: Field<String>,
}

impl Provider for Testing {
    type Config = Config;
    type Client = Remote;

    fn validate(&self, config: &Config, diagnostics: &mut Diagnostics) {
        diagnostics.extend(config.region.known().map(|region| warning("Validation", region)));
    }

    async fn configure(
        &self,
        context: &Context<()>,
        config: Config,
        _: &str,
    ) -> Result<Configured<Remote>, Diagnostics> {
        context
            .diagnostics()
            .extend(config.region.known().map(|region| warning("Configuration", region)));
        Ok(Configured::Ready(self.0.clone()))
    }

    fn resources(&self) -> Vec<Box<dyn DynResource<Remote>>> {
        vec![Box::new(Things), Box::new(OldThings)]
    }

    fn data_sources(&self) -> Vec<Box<dyn DynDataSource<Remote>>> {
        vec![Box::new(Lookups)]
    }

    fn ephemeral_resources(&self) -> Vec<Box<dyn DynEphemeralResource<Remote>>> {
        vec![Box::new(Drafts)]
    }
}
