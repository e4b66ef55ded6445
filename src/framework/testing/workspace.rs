//! A workspace: its state, and the commands that operate on it.

mod apply;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::{Arc, Mutex};

use futures_util::future::{Either, select};
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use super::config::{Config, ToConfig};
use super::configuration::{Configuration, type_of};
use super::connection::ObjectResponse;
use super::order::Gate;
use super::schema::{ObjectSchema, ProviderSchema};
use super::start::DynStart;
use super::state::{Attributes, Object, State};
use super::{Connection, Diagnostic, ListItem, Observer, Opened, Outcome, Start, lock, rules};
use crate::framework::{Model, Value};

pub use plan::{Action, PlannedChange, SavedPlan};

/// A Terraform workspace. All methods take `&self`, so that dropping the future of a run simulates
/// a kill: the state is saved after each operation.
#[derive(Default)]
pub struct Workspace {
    /// The content of the `provider` block, if there is one.
    provider: Option<Config>,
    state: Mutex<State>,
    diagnostics: Mutex<Vec<Diagnostic>>,
    violations: Mutex<Vec<String>>,
    observer: Option<Observer>,
}

/// The outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// No changes.
    Unchanged,
    /// All changes were applied.
    Applied,
    /// There was an error.
    Failed,
}

/// The options of a run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// `-replace`: the addresses to replace.
    pub replace: BTreeSet<String>,
    /// `-refresh=false`
    pub skip_refresh: bool,
    /// `-refresh-only`
    pub refresh_only: bool,
    /// `-destroy`. As in `terraform destroy`, everything is first planned once to refresh it.
    pub destroy: bool,
    /// `-parallelism`: the number of concurrent operations.
    pub parallelism: usize,
    /// Cancelled when the user interrupts the run: no further operation starts, and the provider
    /// is asked to stop.
    pub interrupt: CancellationToken,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            replace: BTreeSet::new(),
            skip_refresh: false,
            refresh_only: false,
            destroy: false,
            parallelism: 10,
            interrupt: CancellationToken::new(),
        }
    }
}

/// Whether the user sees the warnings of a call. Errors are always shown.
#[derive(Clone, Copy, PartialEq)]
enum Warnings {
    Shown,
    Dropped,
}

/// The result of a refresh.
#[derive(Default)]
struct Refreshed {
    /// `None` if the object no longer exists.
    object: Option<Object>,
    /// The private state of the read, which is also passed to the plan of a new object.
    private: Vec<u8>,
}

/// A configured provider with its schema.
struct Session {
    connection: Connection,
    schema: Arc<ProviderSchema>,
}

impl Workspace {
    /// Creates a workspace with an empty state and without a `provider` block.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a `provider` block.
    #[must_use]
    pub fn with_provider(self, config: impl ToConfig) -> Self {
        Self {
            provider: Some(config.to_config()),
            ..self
        }
    }

    /// Sends the output of providers to `observer` (see [`Connection::with_observer`]).
    #[must_use]
    pub fn with_observer(self, observer: Observer) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    /// Returns the resources in the state, by address.
    pub fn state(&self) -> BTreeMap<String, Object> {
        lock(&self.state).objects.clone()
    }

    /// Returns the deposed objects with their addresses: those that replacements with
    /// `create_before_destroy` have not yet destroyed.
    pub fn deposed(&self) -> Vec<(String, Object)> {
        let state = lock(&self.state);
        let deposed = state.deposed.iter();
        deposed
            .map(|deposed| (deposed.address.clone(), deposed.object.clone()))
            .collect()
    }

    /// Removes and returns the diagnostics, in order.
    pub fn take_diagnostics(&self) -> Vec<Diagnostic> {
        std::mem::take(&mut lock(&self.diagnostics))
    }

    /// Returns the violations of Terraform's rules, which are bugs in the provider. Terraform
    /// reports them as "Provider produced …".
    pub fn violations(&self) -> Vec<String> {
        lock(&self.violations).clone()
    }

    /// Runs `terraform apply`, with one provider for the plan and another for the changes.
    pub async fn apply(&self, start: impl Start, configuration: &Configuration) -> RunOutcome {
        self.apply_with(start, configuration, &RunOptions::default()).await
    }

    /// Runs `terraform apply` with options.
    pub async fn apply_with(
        &self,
        start: impl Start,
        configuration: &Configuration,
        options: &RunOptions,
    ) -> RunOutcome {
        match self.plan_changes(&start, configuration, options).await {
            Some(plan) => self.apply_changes(&start, &plan).await,
            None => RunOutcome::Failed,
        }
    }

    /// Runs `terraform plan -out`: refreshes and plans everything; `None` if there was an error.
    /// The state does not change.
    pub async fn plan(
        &self,
        start: impl Start,
        configuration: &Configuration,
        options: &RunOptions,
    ) -> Option<SavedPlan> {
        self.plan_changes(&start, configuration, options).await
    }

    /// Runs `terraform apply` of a saved plan. It fails if the plan is stale, because the state has
    /// changed.
    pub async fn apply_saved(&self, start: impl Start, plan: &SavedPlan) -> RunOutcome {
        self.apply_changes(&start, plan).await
    }

    /// Runs `terraform import`, and reads the imported object. Returns whether it succeeded.
    pub async fn import(&self, start: impl Start, address: &str, id: &str) -> bool {
        let imported = self.imported(&start, address, id).await;
        if let Some(object) = &imported {
            lock(&self.state).set(address, Some(object.clone()));
        }
        imported.is_some()
    }

    async fn imported(&self, start: &dyn DynStart, address: &str, id: &str) -> Option<Object> {
        let session = self.connect(start).await?;
        self.import_object(&session, address, id).await
    }

    /// Imports an object and reads it.
    async fn import_object(&self, session: &Session, address: &str, id: &str) -> Option<Object> {
        let type_name = type_of(address);
        let schema = self.known(&session.schema, type_name)?;
        let imported = session.connection.import(type_name, schema, id).await;
        let ObjectResponse {
            value,
            private,
            identity,
        } = self.record(imported, Warnings::Shown)??;
        if lock(&self.state).objects.contains_key(address) {
            let detail =
                format!("Terraform manages a remote object for {address} already. Remove it from the state first.");
            return self.fail(Diagnostic::error("Resource already managed by Terraform", detail));
        }
        let object = Object {
            type_name: type_name.to_owned(),
            attributes: Attributes::Present(value?),
            schema_version: schema.version,
            private,
            identity,
            dependencies: BTreeSet::new(),
            is_tainted: false,
        };
        let read = self.refresh(session, address, &object).await?.object;
        if read.is_none() {
            let detail = format!("While importing {address}, the provider detected that no object exists with the ID.");
            self.fail::<()>(Diagnostic::error("Cannot import non-existent remote object", detail));
        }
        read
    }

    /// Runs `terraform taint`: the next run replaces the resource.
    pub fn taint(&self, address: &str) {
        self.edit(address, |object| object.is_tainted = true);
    }

    /// Runs `terraform state rm`.
    pub fn forget(&self, address: &str) {
        lock(&self.state).set(address, None);
    }

    pub(super) fn restore(&self, address: &str, object: Option<Object>) {
        lock(&self.state).set(address, object);
    }

    /// Replaces the attributes in the state.
    pub fn set_attributes(&self, address: &str, attributes: impl Model) {
        let attributes = attributes.into_value();
        self.edit(address, |object| object.attributes = Attributes::Present(attributes));
    }

    /// Edits the attributes in the state file.
    pub fn edit_attributes(&self, address: &str, edit: impl FnOnce(&mut Json)) {
        self.edit(address, |object| {
            let mut attributes = serde_json::from_str(&object.to_json()).unwrap_or_default();
            edit(&mut attributes);
            object.attributes = Attributes::Stored(attributes);
        });
    }

    /// Stores a resource as in a state file, possibly of an older schema version.
    pub fn store(&self, address: &str, schema_version: i64, attributes: Json) {
        let object = Object {
            type_name: type_of(address).to_owned(),
            attributes: Attributes::Stored(attributes),
            schema_version,
            private: Vec::new(),
            identity: None,
            dependencies: BTreeSet::new(),
            is_tainted: false,
        };
        lock(&self.state).set(address, Some(object));
    }

    fn edit(&self, address: &str, with: impl FnOnce(&mut Object)) {
        let mut state = lock(&self.state);
        if let Some(mut object) = state.objects.get(address).cloned() {
            with(&mut object);
            state.set(address, Some(object));
        }
    }
}

/// Single calls.
impl Workspace {
    /// Reads a data source.
    pub async fn read_data_source(&self, start: impl Start, type_name: &str, config: impl ToConfig) -> Outcome<Value> {
        match self.started(&start).await {
            Ok(connection) => connection.read_data_source(type_name, &config.to_config()).await,
            Err(failed) => failed.map(|()| Value::Null),
        }
    }

    /// Opens and closes an ephemeral resource. Returns its value.
    pub async fn read_ephemeral(&self, start: impl Start, type_name: &str, config: impl ToConfig) -> Outcome<Value> {
        let (connection, mut opened) = match self.open_ephemeral(start, type_name, config).await {
            Outcome {
                value: Some((connection, opened)),
                diagnostics,
            } => (connection, Outcome::new(opened, diagnostics)),
            failed => return failed.map(|_| Value::Null),
        };
        let value = opened.value.value.clone();
        let closed = connection.close_ephemeral(opened.value).await;
        opened.diagnostics.extend(closed.diagnostics);
        Outcome::new(value, opened.diagnostics)
    }

    /// Opens an ephemeral resource. Returns it with the connection that can renew and close it.
    pub async fn open_ephemeral(
        &self,
        start: impl Start,
        type_name: &str,
        config: impl ToConfig,
    ) -> Outcome<Option<(Connection, Opened)>> {
        match self.started(&start).await {
            Ok(connection) => {
                let opened = connection.open_ephemeral(type_name, &config.to_config()).await;
                opened.map(|opened| Some((connection, opened?)))
            }
            Err(failed) => failed.map(|()| None),
        }
    }

    /// Plans and invokes an action. Returns the lines of its progress.
    pub async fn invoke_action(
        &self,
        start: impl Start,
        type_name: &str,
        config: impl ToConfig,
    ) -> Outcome<Vec<String>> {
        match self.started(&start).await {
            Ok(connection) => connection.invoke_action(type_name, &config.to_config()).await,
            Err(failed) => failed.map(|()| Vec::new()),
        }
    }

    /// Lists the resources of a type.
    pub async fn list_resources(
        &self,
        start: impl Start,
        type_name: &str,
        config: impl ToConfig,
    ) -> Outcome<Vec<ListItem>> {
        match self.started(&start).await {
            Ok(connection) => connection.list_resources(type_name, &config.to_config()).await,
            Err(failed) => failed.map(|()| Vec::new()),
        }
    }

    /// Calls a function, without configuring the provider.
    pub async fn call_function(&self, start: impl Start, name: &str, arguments: &[Value]) -> Outcome<Value> {
        match launch(&start).await {
            Ok(connection) => connection.call_function(name, arguments).await,
            Err(error) => Outcome::new(Value::Null, vec![error]),
        }
    }

    /// Starts and configures a provider.
    async fn started(&self, start: &dyn DynStart) -> Result<Connection, Outcome<()>> {
        let connection = launch(start).await;
        let connection = connection.map_err(|error| Outcome::new((), vec![error]))?;
        let configured = connection.configure(&self.provider_config()).await;
        if configured.has_errors() {
            return Err(configured);
        }
        Ok(connection)
    }
}

/// Helpers of all commands.
impl Workspace {
    fn provider_config(&self) -> Config {
        self.provider.clone().unwrap_or_default()
    }

    /// Starts and configures a provider for one phase of a run; `None` if there was an error.
    async fn connect(&self, start: &dyn DynStart) -> Option<Session> {
        let session = self.open(start).await?;
        self.record(
            session.connection.configure(&self.provider_config()).await,
            Warnings::Shown,
        )?;
        Some(session)
    }

    /// Starts a provider and reads its schema; `None` if there was an error.
    async fn open(&self, start: &dyn DynStart) -> Option<Session> {
        let connection = match launch(start).await {
            Ok(connection) => connection,
            Err(error) => return self.fail(error),
        };
        let schema = match connection.schema().await {
            Ok(schema) => schema,
            Err(error) => return self.fail(error),
        };
        Some(Session {
            connection: self.observed(connection),
            schema,
        })
    }

    fn observed(&self, connection: Connection) -> Connection {
        match &self.observer {
            Some(observer) => connection.with_observer(observer.clone()),
            None => connection,
        }
    }

    fn known<'a>(&self, schema: &'a ProviderSchema, type_name: &str) -> Option<&'a ObjectSchema> {
        let detail = || format!("The provider does not support resource type {type_name:?}.");
        let known = schema.resource(type_name);
        known.or_else(|| self.fail(Diagnostic::error("Invalid resource type", detail())))
    }

    /// Upgrades an object of the state to the current schema, as Terraform does before it uses one.
    async fn upgrade(&self, session: &Session, object: &Object) -> Option<Object> {
        let schema = self.known(&session.schema, &object.type_name)?;
        let json = object.to_json().into_bytes();
        let upgraded = session
            .connection
            .upgrade(&object.type_name, schema, object.schema_version, json);
        let value = self.record(upgraded.await, Warnings::Shown)??;
        Some(Object {
            attributes: Attributes::Present(value),
            schema_version: schema.version,
            ..object.clone()
        })
    }

    /// Reads an object; `None` if there was an error.
    async fn refresh(&self, session: &Session, address: &str, object: &Object) -> Option<Refreshed> {
        let schema = self.known(&session.schema, &object.type_name)?;
        let read = session
            .connection
            .read(&object.type_name, schema, object.before())
            .await;
        let ObjectResponse {
            value,
            private,
            identity,
        } = self.record(read, Warnings::Shown)??;
        let value = value?;
        if !rules::is_wholly_known(&value) {
            return self.violation(address, "Provider produced invalid object", "unknown values were read");
        }
        if let Some(name) = rules::stored_write_only(schema, &value).first() {
            return self.violation(
                address,
                "Provider produced invalid object",
                &format!("{name} is write-only"),
            );
        }
        let exists = !value.is_null();
        let now = Object {
            attributes: Attributes::Present(value),
            private: private.clone(),
            identity: identity.or_else(|| object.identity.clone()),
            ..object.clone()
        };
        Some(Refreshed {
            object: exists.then_some(now),
            private,
        })
    }

    /// Records the diagnostics of a call. Returns its value if there was no error. A warning that
    /// several calls of a run report, as validations do, is recorded once.
    fn record<T>(&self, outcome: Outcome<T>, warnings: Warnings) -> Option<T> {
        let failed = outcome.has_errors();
        let mut shown = lock(&self.diagnostics);
        for diagnostic in outcome.diagnostics {
            let is_new = warnings == Warnings::Shown && !shown.contains(&diagnostic);
            if diagnostic.is_error() || is_new {
                shown.push(diagnostic);
            }
        }
        (!failed).then_some(outcome.value)
    }

    fn fail<T>(&self, error: Diagnostic) -> Option<T> {
        lock(&self.diagnostics).push(error);
        None
    }

    /// Records a violation of Terraform's rules.
    fn violation<T>(&self, address: &str, summary: &str, problem: &str) -> Option<T> {
        lock(&self.violations).push(format!("{summary}: {address}: {problem}"));
        self.fail(Diagnostic::error(summary, format!("{address}: {problem}")))
    }

    /// Runs `work`. After an interrupt, no further operation starts, and the provider is asked to
    /// stop.
    async fn until_interrupted<T>(
        &self,
        work: impl Future<Output = T>,
        connection: &Connection,
        gate: &Gate,
        interrupt: &CancellationToken,
    ) -> T {
        let stop = async {
            interrupt.cancelled().await;
            gate.close();
            if let Err(error) = connection.stop().await {
                self.fail::<()>(error);
            }
            pending::<Infallible>().await
        };
        match select(pin!(work), pin!(stop)).await {
            Either::Left((done, _)) => done,
            Either::Right((never, _)) => match never {},
        }
    }
}

/// Omits the values of the state, which may be secret.
impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// Starts a provider, without configuring it.
async fn launch(start: &dyn DynStart) -> Result<Connection, Diagnostic> {
    let started = start.start().await;
    started.map_err(|error| Diagnostic::error("Failed to instantiate provider", error.to_string()))
}

fn interrupted() -> Diagnostic {
    Diagnostic::error("execution halted", "The run was interrupted.")
}
