//! Upgrades of states: a provider whose resources have one more schema version, and the states of released versions.
//!
//! `tests/states/<platform>/` keeps a state of every schema version, and of every set of attributes that a version had,
//! with each resource in it. `UPDATE_STATES=1` updates the state of this version.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde_json::Value as Json;
use token_providers::framework::{
    AttributePath, Configured, Context, Diagnostic, Diagnostics, DynAction, DynDataSource, DynEphemeralResource,
    DynFunction, DynListResource, DynResource, Identity, Plan, Provider, Schema, SourceState, StoredState, Value,
};
use token_providers::platform::Runtime;
use token_providers::redaction::KnownSecrets;

use super::world::{PlatformUnderTest, World};

/// Applies `hcl`, which declares every resource of the platform, and upgrades the state to the next schema version.
pub(crate) fn state_is_upgraded_and_plans_nothing<P: PlatformUnderTest>(prepare: impl Fn(&World<P>) + Sync, hcl: &str) {
    World::<P>::on_each_version(async |world| {
        prepare(world);
        world.configure(hcl);
        world
            .attached(async |world| {
                world.apply().await;
                world.plans_nothing().await;
            })
            .await;
        let before = instances(world);
        every_resource_is_declared::<P>(&before);
        world
            .attached_to_newer(async |world| {
                world.plans_nothing().await;
                let run = world
                    .workspace
                    .run(&["plan", "-no-color", "-detailed-exitcode", "-refresh=false"]);
                let run = run.await.unwrap();
                assert_eq!(run.code, Some(0), "without a refresh, changes are planned: {run}");
            })
            .await;
        // Terraform rejects a state of a newer schema version.
        let refresh = ["apply", "-no-color", "-auto-approve", "-refresh-only"];
        world
            .attached_to_newer(async |world| {
                world.workspace.run(&refresh).await.unwrap().success().unwrap();
            })
            .await;
        let resources = P::provider(Runtime::default()).resources();
        let is_newer = |(of, instance): &(String, Json)| {
            let resource = resources.iter().find(|resource| resource.type_name() == of);
            resource.is_some_and(|resource| instance["schema_version"] == resource.schema().version + 1)
        };
        if instances(world).iter().all(is_newer) {
            world
                .attached(async |world| {
                    let run = world.plan_fails().await;
                    assert!(run.says("managed by newer provider version"), "{run}");
                })
                .await;
        }
    });
}

/// Asserts that this version reads each attribute of the states of released versions, and that its own state is up to date.
pub(crate) fn stored_states_are_read<P: PlatformUnderTest>(prepare: impl Fn(&World<P>) + Sync, hcl: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/states").join(P::NAME);
    let current = folder.join(format!("v{}.tfstate", env!("CARGO_PKG_VERSION")));
    if std::env::var_os("UPDATE_STATES").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        record(prepare, hcl, &current);
    }
    let provider = P::provider(Runtime::default());
    let resources = provider.resources();
    let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let files: Vec<PathBuf> = files.collect();
    assert!(files.contains(&current), "UPDATE_STATES=1 writes {}", current.display());
    for file in files {
        let state: Json = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for (type_name, instance) in instances_of(&state) {
            let at = format!("{}: {type_name}", file.display());
            let resource = resources.iter().find(|resource| resource.type_name() == type_name);
            let resource = resource.unwrap_or_else(|| panic!("{at}: there is no such resource"));
            let attributes = &instance["attributes"];
            let version = instance["schema_version"].as_i64().unwrap();
            let upgraded = resource.upgrade(version, &StoredState::new(attributes.clone()));
            let upgraded = upgraded.unwrap_or_else(|error| panic!("{at}: {error}"));
            for (name, stored) in attributes.as_object().unwrap() {
                assert_eq!(upgraded.get(name).is_null(), stored.is_null(), "{at}.{name}");
                if let (Value::String(read), Json::String(stored)) = (upgraded.get(name), stored) {
                    assert_eq!(read, stored, "{at}.{name}");
                }
            }
            if file == current {
                let schema = resource.schema();
                let mut names: Vec<_> = schema.attributes.iter().map(|attribute| &*attribute.name).collect();
                names.sort_unstable();
                let stored: Vec<_> = attributes.as_object().unwrap().keys().map(String::as_str).collect();
                assert_eq!(
                    stored, names,
                    "{at}: UPDATE_STATES=1 rewrites the state of this version"
                );
            }
        }
        if file == current {
            every_resource_is_declared::<P>(&instances_of(&state));
        }
    }
}

/// Writes the state of this version.
fn record<P: PlatformUnderTest>(prepare: impl Fn(&World<P>) + Sync, hcl: &str, file: &Path) {
    World::<P>::on_newest_version(async |world| {
        prepare(world);
        world.set_now("2027-01-01T00:00:00Z");
        world.configure(hcl);
        world.attached(async |world| drop(world.apply().await)).await;
        let mut state = world.state_file();
        for resource in state["resources"].as_array_mut().unwrap() {
            for instance in resource["instances"].as_array_mut().unwrap() {
                // Private state differs from run to run.
                instance.as_object_mut().unwrap().remove("private");
            }
        }
        std::fs::write(file, serde_json::to_string_pretty(&state).unwrap() + "\n").unwrap();
    });
}

fn every_resource_is_declared<P: PlatformUnderTest>(instances: &[(String, Json)]) {
    for resource in P::provider(Runtime::default()).resources() {
        let type_name = resource.type_name();
        assert!(
            instances.iter().any(|(of, _)| of == type_name),
            "the configuration declares no {type_name}"
        );
    }
}

fn instances<P: PlatformUnderTest>(world: &World<P>) -> Vec<(String, Json)> {
    instances_of(&world.state_file())
}

/// The managed instances of a state file, each with its type.
fn instances_of(state: &Json) -> Vec<(String, Json)> {
    let resources = state["resources"].as_array().unwrap().iter();
    let managed = resources.filter(|resource| resource["mode"] == "managed");
    let instances = managed.flat_map(|resource| {
        let of = resource["type"].as_str().unwrap().to_owned();
        let instances = resource["instances"].as_array().unwrap().clone();
        instances.into_iter().map(move |instance| (of.clone(), instance))
    });
    instances.collect()
}

/// The provider of a later version: in the states of its resources, `id` is renamed to [`IDENTIFIER`].
pub(super) struct Newer<P>(pub(super) P);

const IDENTIFIER: &str = "identifier";

struct NewerResource<C>(Box<dyn DynResource<C>>);

impl<P: Provider> Provider for Newer<P> {
    type Config = P::Config;
    type Client = P::Client;

    fn schema(&self) -> Schema {
        self.0.schema()
    }

    fn secrets(&self) -> KnownSecrets {
        self.0.secrets()
    }

    fn validate(&self, config: &P::Config, diagnostics: &mut Diagnostics) {
        self.0.validate(config, diagnostics);
    }

    async fn configure(
        &self,
        context: &Context<()>,
        config: P::Config,
        terraform_version: &str,
    ) -> Result<Configured<P::Client>, Diagnostics> {
        self.0.configure(context, config, terraform_version).await
    }

    fn resources(&self) -> Vec<Box<dyn DynResource<P::Client>>> {
        let resources = self.0.resources().into_iter();
        resources
            .map(|resource| Box::new(NewerResource(resource)) as _)
            .collect()
    }

    fn data_sources(&self) -> Vec<Box<dyn DynDataSource<P::Client>>> {
        self.0.data_sources()
    }

    fn ephemeral_resources(&self) -> Vec<Box<dyn DynEphemeralResource<P::Client>>> {
        self.0.ephemeral_resources()
    }

    fn list_resources(&self) -> Vec<Box<dyn DynListResource<P::Client>>> {
        self.0.list_resources()
    }

    fn actions(&self) -> Vec<Box<dyn DynAction<P::Client>>> {
        self.0.actions()
    }

    fn functions(&self) -> Vec<Box<dyn DynFunction>> {
        self.0.functions()
    }
}

fn renamed(value: Value, from: &str, to: &str) -> Value {
    match value {
        Value::Map(mut members) => {
            if let Some(id) = members.remove(from) {
                members.insert(to.to_owned(), id);
            }
            Value::Map(members)
        }
        value => value,
    }
}

fn newer(value: Value) -> Value {
    renamed(value, "id", IDENTIFIER)
}

fn older(value: &Value) -> Value {
    renamed(value.clone(), IDENTIFIER, "id")
}

#[async_trait]
impl<C: Send + Sync + 'static> DynResource<C> for NewerResource<C> {
    fn type_name(&self) -> &'static str {
        self.0.type_name()
    }

    fn schema(&self) -> Schema {
        let mut schema = self.0.schema();
        schema.version += 1;
        for attribute in &mut schema.attributes {
            if attribute.name == "id" {
                attribute.name = IDENTIFIER.into();
            }
        }
        schema
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        self.0.validate(&older(config))
    }

    async fn plan(&self, context: &Context<C>, config: &Value, prior: &Value, proposed: Value) -> Option<Plan> {
        let plan = self
            .0
            .plan(context, &older(config), &older(prior), older(&proposed))
            .await?;
        Some(Plan {
            planned: newer(plan.planned),
            requires_replace: plan.requires_replace.into_iter().filter(|path| !is_id(path)).collect(),
        })
    }

    async fn apply(&self, context: &Context<C>, prior: Value, planned: Value) -> Value {
        newer(self.0.apply(context, older(&prior), older(&planned)).await)
    }

    async fn read(&self, context: &Context<C>, state: Value) -> Value {
        newer(self.0.read(context, older(&state)).await)
    }

    async fn import(&self, context: &Context<C>, id: &str) -> Option<Value> {
        self.0.import(context, id).await.map(newer)
    }

    fn identity_schema(&self) -> Option<Schema> {
        self.0.identity_schema()
    }

    fn identity(&self, context: &Context<C>, state: &Value) -> Option<Identity> {
        self.0.identity(context, &older(state))
    }

    fn import_id(&self, context: &Context<C>, identity: &Identity) -> Result<String, Diagnostic> {
        self.0.import_id(context, identity)
    }

    fn upgrade(&self, version: i64, state: &StoredState) -> Result<Value, Diagnostic> {
        let current = self.schema().version;
        match version {
            // Like a released version: the renamed attribute is taken from the older state.
            older if older < current => self.0.upgrade(older, state).map(newer),
            _ => {
                let mut attributes = state.json().clone();
                if let Some(id) = attributes
                    .as_object_mut()
                    .and_then(|members| members.remove(IDENTIFIER))
                {
                    attributes["id"] = id;
                }
                self.0.upgrade(current - 1, &StoredState::new(attributes)).map(newer)
            }
        }
    }

    fn upgrade_identity(&self, version: i64, identity: &StoredState) -> Result<Identity, Diagnostic> {
        self.0.upgrade_identity(version, identity)
    }

    fn move_state(&self, from: &SourceState<'_>) -> Result<Value, Diagnostic> {
        self.0.move_state(from).map(newer)
    }
}

fn is_id(path: &AttributePath) -> bool {
    *path == "id"
}
