//! RPCs of a minimal provider.

mod action;
mod ephemeral;
mod identity;
mod list;
mod private_state;
mod write_only;

use std::sync::Arc;

use tokio::sync::Notify;
use tonic::Request;

use super::proto::provider_server::Provider as _;
use super::*;
use crate::framework::{
    self, AttributePath, Change, Configured, DataSource, Field, Leaving, Model as _, Number, Outcome, Resource,
    SourceState, StoredState, msgpack,
};

#[derive(framework::Model, Clone, Debug, Default)]
pub(super) struct Nothing {}

/// A box.
#[derive(framework::Model, Clone, Debug, Default)]
#[model(version = 1)]
pub(super) struct Model {
    #[attribute(required, requires_replace)]
    name: Field<String>,
    #[attribute(optional)]
    size: Field<i64>,
    #[attribute(computed, use_state_for_unknown, sensitive)]
    label: Field<String>,
    #[attribute(optional, write_only)]
    key: Field<String>,
}

/// A box in version 0 of the schema.
#[derive(framework::Model, Clone, Debug, Default)]
struct ModelV0 {
    #[attribute(required)]
    title: Field<String>,
}

#[derive(framework::Model, Clone, Debug, Default)]
#[model(version = 1)]
pub(super) struct Identity {
    /// A name.
    #[attribute(required)]
    name: Field<String>,
    /// A shelf.
    #[attribute(optional)]
    shelf: Field<String>,
}

/// A provider of boxes. The name of a box selects a failure: `panic` panics, `wait` waits for an
/// interrupt, `half` fails after a partial creation, and `adrift` has an unknown shelf.
#[derive(Clone, Default)]
struct Toys {
    waiting: Arc<Notify>,
    /// The private data of ephemeral resources that were closed.
    closed: Arc<Mutex<Vec<String>>>,
}

type ToyBox = Toys;

impl Provider for Toys {
    type Config = Nothing;
    type Client = ();

    async fn configure(&self, _: &Context<()>, _: Nothing, _: &str) -> Result<Configured<()>, Diagnostics> {
        Ok(Configured::Ready(()))
    }

    fn resources(&self) -> Vec<Box<dyn DynResource<()>>> {
        vec![Box::new(self.clone())]
    }

    fn data_sources(&self) -> Vec<Box<dyn DynDataSource<()>>> {
        vec![Box::new(self.clone())]
    }

    fn ephemeral_resources(&self) -> Vec<Box<dyn DynEphemeralResource<()>>> {
        vec![Box::new(self.clone())]
    }

    fn list_resources(&self) -> Vec<Box<dyn DynListResource<()>>> {
        vec![Box::new(self.clone())]
    }

    fn actions(&self) -> Vec<Box<dyn DynAction<()>>> {
        vec![Box::new(self.clone())]
    }
}

fn schema() -> Schema {
    Model::schema()
}

/// Validation that is common to the resource, the action and the ephemeral resource.
fn check_size(config: &Model, diagnostics: &mut Diagnostics) {
    if config.size.known().is_some_and(|size| *size < 0) {
        diagnostics.push(Diagnostic::error("Too small", "A box is at least empty.").on("size"));
    }
}

impl Resource for ToyBox {
    type Model = Model;
    type Client = ();

    const TYPE: &'static str = "toy_box";

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        check_size(config, diagnostics);
    }

    async fn plan(&self, context: &Context<()>, change: &mut Change<Model>) -> Result<(), Diagnostics> {
        private_state::record(context, "plan");
        if change.planned.name == Field::from("panic") {
            panic!("s3cret");
        }
        Ok(())
    }

    async fn create(&self, context: &Context<()>, planned: Model) -> Outcome<Model> {
        private_state::record(context, "create");
        let name = planned.name.get()?.clone();
        let key = planned.key.known().map(|key| format!(", locked by {key}"));
        let made = Model {
            label: format!("made{}", key.unwrap_or_default()).into(),
            ..planned
        };
        match name.as_str() {
            "half" => Err(Diagnostic::error("Half made", "The lid is missing.")).leaving(made),
            "never" => Err(Diagnostic::error("Not made", "There is no wood."))?,
            _ => Ok(made),
        }
    }

    async fn read(&self, context: &Context<()>, state: Model) -> Outcome<Model, Option<Model>> {
        private_state::record(context, "read");
        if state.name == Field::from("wait") {
            self.waiting.notify_one();
            context.cancellation.cancelled().await;
        }
        if state.name == Field::from("dark") {
            Err(Diagnostic::error("Lights out", "Nothing can be seen."))?;
        }
        Ok((state.name != Field::from("gone")).then_some(state))
    }

    async fn update(&self, _: &Context<()>, _: Model, _: Model) -> Outcome<Model> {
        Err(Diagnostic::error("Stuck", "The box was not changed."))?
    }

    async fn delete(&self, _: &Context<()>, state: Model) -> Outcome<Model, ()> {
        match state.name.get()?.as_str() {
            "nailed" => Err(Diagnostic::error("Nailed down", "It cannot be moved."))?,
            _ => Ok(()),
        }
    }

    async fn import(&self, context: &Context<()>, id: &str) -> Outcome<Model, Option<Model>> {
        private_state::record(context, "import");
        Ok((id != "gone").then(|| toy(id, Field::Null, Field::Null)))
    }

    fn identity_schema(&self) -> Option<Schema> {
        Some(Identity::schema())
    }

    fn identity(&self, _: &Context<()>, state: &Value) -> Option<framework::Identity> {
        let name = Field::from(Model::from_value(state).ok()?.name.into_known()?);
        let adrift = name == Field::from("adrift");
        Some(framework::Identity::of(Identity {
            name,
            shelf: if adrift { Field::Unknown } else { "top".into() },
        }))
    }

    fn import_id(&self, _: &Context<()>, identity: &framework::Identity) -> Result<String, Diagnostic> {
        let identity: Identity = identity.read()?;
        match identity.shelf.known() {
            Some(shelf) if shelf != "top" => Err(Diagnostic::error("Another shelf", "There is the top one only.")),
            _ => Ok(identity.name.into_known().unwrap_or_default()),
        }
    }

    fn upgrade(&self, version: i64, state: &StoredState) -> Result<Model, Diagnostic> {
        assert_eq!(version, 0);
        let state: ModelV0 = state.read()?;
        Ok(Model {
            name: state.title,
            ..Model::default()
        })
    }

    fn upgrade_identity(&self, version: i64, identity: &StoredState) -> Result<framework::Identity, Diagnostic> {
        assert_eq!(version, 0);
        Ok(framework::Identity::of(Identity {
            name: identity.text("/title").unwrap_or_default().into(),
            shelf: Field::Null,
        }))
    }

    fn move_state(&self, from: &SourceState<'_>) -> Result<Model, Diagnostic> {
        match from.text("/contents") {
            Some(contents) => Ok(toy(contents, Field::Null, Field::Null)),
            None => Err(Diagnostic::error(
                "Not a bag",
                format!("A {} holds nothing.", from.type_name),
            )),
        }
    }
}

impl DataSource for ToyBox {
    type Model = Model;
    type Client = ();

    const TYPE: &'static str = "toy_box";

    async fn read(&self, _: &Context<()>, config: Model) -> Result<Model, Diagnostics> {
        if config.name == Field::from("gone") {
            Err(Diagnostic::error("Gone", "There is no such box."))?;
        }
        Ok(Model {
            label: "found".into(),
            ..config
        })
    }
}

fn path(name: &'static str) -> proto::AttributePath {
    AttributePath::from(name).to_proto()
}

fn server() -> Server<Toys> {
    Server::new(Toys::default())
}

fn toy(name: &str, size: Field<i64>, label: Field<String>) -> Model {
    Model {
        name: name.into(),
        size,
        label,
        key: Field::Null,
    }
}

fn sent(model: Model) -> Option<proto::DynamicValue> {
    let msgpack = msgpack::encode(&model.into_value(), &schema().object_type()).unwrap();
    Some(proto::DynamicValue {
        msgpack,
        json: Vec::new(),
    })
}

fn null() -> Option<proto::DynamicValue> {
    Some(proto::DynamicValue {
        msgpack: vec![0xc0],
        json: Vec::new(),
    })
}

fn received(value: Option<proto::DynamicValue>) -> Value {
    wire::decode(value.as_ref(), &schema().object_type()).unwrap()
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

async fn plan(
    prior: Option<proto::DynamicValue>,
    proposed: Model,
    config: Model,
) -> proto::plan_resource_change::Response {
    let request = proto::plan_resource_change::Request {
        type_name: "toy_box".into(),
        prior_state: prior,
        proposed_new_state: sent(proposed),
        config: sent(config),
        ..Default::default()
    };
    server()
        .plan_resource_change(Request::new(request))
        .await
        .unwrap()
        .into_inner()
}

async fn apply(
    prior: Option<proto::DynamicValue>,
    planned: Option<proto::DynamicValue>,
) -> proto::apply_resource_change::Response {
    let request = proto::apply_resource_change::Request {
        type_name: "toy_box".into(),
        prior_state: prior,
        config: planned.clone(),
        planned_state: planned,
        ..Default::default()
    };
    server()
        .apply_resource_change(Request::new(request))
        .await
        .unwrap()
        .into_inner()
}

#[tokio::test]
async fn plan_of_create_makes_computed_attributes_unknown() {
    let config = toy("a", Field::Null, Field::Null);
    let planned = received(plan(null(), config.clone(), config).await.planned_state);
    assert!(*planned.get("name") == text("a"));
    assert!(planned.get("size").is_null(), "optional and left out is null");
    assert!(*planned.get("label") == Value::Unknown);
}

#[tokio::test]
async fn plan_lists_changed_attributes_that_require_replacement_only() {
    let prior = || sent(toy("a", 1.into(), "made".into()));
    let config = toy("b", 2.into(), Field::Null);
    let response = plan(prior(), toy("b", 2.into(), "made".into()), config).await;
    assert_eq!(response.requires_replace, [path("name")]);
    let config = toy("a", 2.into(), Field::Null);
    let response = plan(prior(), toy("a", 2.into(), "made".into()), config).await;
    assert_eq!(response.requires_replace, []);
}

#[tokio::test]
async fn apply_returns_state_after_success_and_failure() {
    let made = apply(null(), sent(toy("a", 1.into(), Field::Unknown))).await;
    assert!(*received(made.new_state).get("label") == text("made"));

    let stuck = apply(
        sent(toy("a", 1.into(), "made".into())),
        sent(toy("a", 2.into(), "made".into())),
    )
    .await;
    assert_eq!(stuck.diagnostics.len(), 1);
    assert!(*received(stuck.new_state).get("size") == Value::Number(Number::Integer(1)));

    let gone = apply(sent(toy("a", 1.into(), "made".into())), null()).await;
    assert!(received(gone.new_state).is_null());

    let nailed = apply(sent(toy("nailed", 1.into(), "made".into())), null()).await;
    assert_eq!(nailed.diagnostics.len(), 1);
    assert!(*received(nailed.new_state).get("name") == text("nailed"));

    let half = apply(null(), sent(toy("half", 1.into(), Field::Unknown))).await;
    assert_eq!(half.diagnostics[0].summary, "Half made");
    assert!(*received(half.new_state).get("label") == text("made"));

    let never = apply(null(), sent(toy("never", 1.into(), Field::Unknown))).await;
    assert_eq!(never.diagnostics[0].summary, "Not made");
    assert!(received(never.new_state).is_null());
}

#[tokio::test]
async fn failed_read_keeps_state_and_absent_object_is_removed_with_warning() {
    let read = async |name: &str| {
        let request = proto::read_resource::Request {
            type_name: "toy_box".into(),
            current_state: sent(toy(name, 1.into(), "made".into())),
            ..Default::default()
        };
        server()
            .read_resource(Request::new(request))
            .await
            .unwrap()
            .into_inner()
    };
    let dark = read("dark").await;
    assert_eq!(dark.diagnostics[0].summary, "Lights out");
    assert!(*received(dark.new_state).get("name") == text("dark"));

    let gone = read("gone").await;
    let warning = i32::from(proto::diagnostic::Severity::Warning as u8);
    assert_eq!(gone.diagnostics[0].severity, warning);
    assert!(received(gone.new_state).is_null());
}

#[tokio::test]
async fn import_of_absent_object_is_error() {
    let request = proto::import_resource_state::Request {
        type_name: "toy_box".into(),
        id: "gone".into(),
        ..Default::default()
    };
    let response = server()
        .import_resource_state(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(response.diagnostics[0].summary, "Nothing to import");
    assert!(response.diagnostics[0].detail.contains("\"gone\""), "{response:?}");
    assert_eq!(response.imported_resources, []);
}

#[tokio::test]
async fn panic_becomes_error_without_panic_message() {
    let config = toy("panic", Field::Null, Field::Null);
    let response = plan(null(), config.clone(), config).await;
    let [diagnostic] = response.diagnostics.as_slice() else {
        panic!("{response:?}");
    };
    assert_eq!(diagnostic.severity, i32::from(proto::diagnostic::Severity::Error as u8));
    assert!(
        diagnostic.detail.contains("plan_resource_change") && !diagnostic.detail.contains("s3cret"),
        "{diagnostic:?}"
    );
}

#[tokio::test]
async fn unreadable_configuration_is_error_with_path() {
    for (config, says) in [
        (b"\x81\xa4name\x01".to_vec(), "name: expected a string"),
        (b"\x81\xa5other\xc0".to_vec(), "other: the schema has no such attribute"),
        (b"\x81".to_vec(), "not well-formed"),
        (b"\x81\xa4name\xa1a\xc0".to_vec(), "unexpected bytes"),
    ] {
        let request = proto::validate_resource_config::Request {
            type_name: "toy_box".into(),
            config: Some(proto::DynamicValue {
                msgpack: config,
                json: Vec::new(),
            }),
            ..Default::default()
        };
        let response = server()
            .validate_resource_config(Request::new(request))
            .await
            .unwrap()
            .into_inner();
        assert!(response.diagnostics[0].detail.contains(says), "{response:?}");
    }
}

#[tokio::test]
async fn configuration_in_json_is_validated_with_path() {
    let config = proto::DynamicValue {
        json: br#"{"name":"a","size":-1}"#.to_vec(),
        msgpack: Vec::new(),
    };
    let request = proto::validate_resource_config::Request {
        type_name: "toy_box".into(),
        config: Some(config),
        ..Default::default()
    };
    let response = server()
        .validate_resource_config(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(response.diagnostics[0].attribute, Some(path("size")));
}

#[tokio::test]
async fn unknown_type_is_error_in_every_call() {
    let server = server();
    let type_name = "toy_bag".to_owned();
    let request = proto::read_resource::Request {
        type_name: type_name.clone(),
        ..Default::default()
    };
    let read = server.read_resource(Request::new(request)).await.unwrap().into_inner();
    let request = proto::read_data_source::Request {
        type_name,
        ..Default::default()
    };
    let source = server
        .read_data_source(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    for diagnostic in [&read.diagnostics[0], &source.diagnostics[0]] {
        assert!(diagnostic.detail.contains("\"toy_bag\""), "{diagnostic:?}");
    }
}

#[tokio::test]
async fn state_is_upgraded_by_version() {
    let upgrade = async |version, json: &str| {
        let request = proto::upgrade_resource_state::Request {
            type_name: "toy_box".into(),
            version,
            raw_state: Some(proto::RawState {
                json: json.as_bytes().to_vec(),
                ..Default::default()
            }),
        };
        let response = server().upgrade_resource_state(Request::new(request)).await;
        response.unwrap().into_inner()
    };
    for (version, json) in [(1, r#"{"name":"a","gone":1}"#), (0, r#"{"title":"a","gone":1}"#)] {
        let response = upgrade(version, json).await;
        assert!(*received(response.upgraded_state).get("name") == text("a"), "{json}");
    }
    for (version, json, says) in [
        (
            2,
            "{}",
            "schema version 2; this provider supports version 1. A newer version",
        ),
        (1, "{", "not well-formed"),
        (1, r#"{"name":1}"#, "name: its type does not match the schema"),
        (0, r#"{"title":1}"#, "title: its type does not match the schema"),
    ] {
        let response = upgrade(version, json).await;
        assert!(response.diagnostics[0].detail.contains(says), "{response:?}");
        assert_eq!(response.upgraded_state, None);
    }
}

#[tokio::test]
async fn message_without_value_is_rejected_and_not_read_as_null() {
    let present = || sent(toy("a", 1.into(), "made".into()));
    for (prior, planned) in [(present(), None), (None, present()), (None, None)] {
        let response = apply(prior, planned).await;
        assert!(
            response.diagnostics[0].detail.contains("expected a value"),
            "{response:?}"
        );
        assert_eq!(response.new_state, None);
    }
}

#[tokio::test]
async fn stop_cancels_calls_until_next_configuration() {
    let toys = Toys::default();
    let waiting = toys.waiting.clone();
    let server = Arc::new(Server::new(toys));
    let read = |name| proto::read_resource::Request {
        type_name: "toy_box".into(),
        current_state: sent(toy(name, Field::Null, Field::Null)),
        ..Default::default()
    };
    let in_flight = tokio::spawn({
        let (server, request) = (server.clone(), read("wait"));
        async move { server.read_resource(Request::new(request)).await }
    });
    waiting.notified().await;
    server.stop_provider(Request::new(Default::default())).await.unwrap();
    in_flight.await.unwrap().unwrap();
    // Terraform may send a call before the stop, which arrives after it.
    server.read_resource(Request::new(read("wait"))).await.unwrap();

    let configure = proto::configure_provider::Request {
        config: Some(proto::DynamicValue {
            msgpack: vec![0x80],
            json: Vec::new(),
        }),
        ..Default::default()
    };
    server.configure_provider(Request::new(configure)).await.unwrap();
    assert!(!server.context(&Reported::default()).cancellation.is_cancelled());
    let gone = server
        .read_resource(Request::new(read("gone")))
        .await
        .unwrap()
        .into_inner();
    assert!(received(gone.new_state).is_null());
}

#[tokio::test]
async fn import_and_data_source_return_found_object() {
    let server = server();
    let request = proto::import_resource_state::Request {
        type_name: "toy_box".into(),
        id: "a".into(),
        ..Default::default()
    };
    let mut imported = server
        .import_resource_state(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert!(*received(imported.imported_resources.remove(0).state).get("name") == text("a"));
    let request = proto::read_data_source::Request {
        type_name: "toy_box".into(),
        config: sent(toy("a", Field::Null, Field::Null)),
        ..Default::default()
    };
    let found = server
        .read_data_source(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert!(*received(found.state).get("label") == text("found"));
    let request = proto::read_data_source::Request {
        type_name: "toy_box".into(),
        config: sent(toy("gone", Field::Null, Field::Null)),
        ..Default::default()
    };
    let found = server
        .read_data_source(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(found.state, None);
    assert_eq!(found.diagnostics[0].summary, "Gone");
}

#[tokio::test]
async fn move_state_returns_state_or_error_with_advice() {
    let moved = async |state: &str| {
        let request = proto::move_resource_state::Request {
            source_type_name: "toy_bag".into(),
            target_type_name: "toy_box".into(),
            source_state: Some(proto::RawState {
                json: state.as_bytes().to_vec(),
                ..Default::default()
            }),
            ..Default::default()
        };
        server()
            .move_resource_state(Request::new(request))
            .await
            .unwrap()
            .into_inner()
    };
    let taken = moved(r#"{"contents":"marbles"}"#).await;
    assert!(*received(taken.target_state).get("name") == text("marbles"));
    assert!(*identity::received(taken.target_identity).get("name") == text("marbles"));
    for (state, says) in [("{}", "A toy_bag holds nothing"), ("{", "not well-formed")] {
        let refused = moved(state).await;
        assert!(refused.diagnostics[0].detail.contains(says), "{refused:?}");
        assert_eq!(refused.target_state, None);
    }
}

#[tokio::test]
async fn generated_configuration_has_configurable_attributes_only() {
    let request = proto::generate_resource_config::Request {
        type_name: "toy_box".into(),
        state: sent(toy("a", 1.into(), "made".into())),
    };
    let generated = server()
        .generate_resource_config(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    let config = received(generated.config);
    assert!(*config.get("name") == text("a"));
    assert!(*config.get("size") == Value::Number(Number::Integer(1)));
    assert!(config.get("label").is_null(), "only the provider sets it");
}

#[tokio::test]
async fn metadata_and_schemas_list_every_kind() {
    let server = server();
    let metadata = server
        .get_metadata(Request::new(Default::default()))
        .await
        .unwrap()
        .into_inner();
    let schema = server
        .get_provider_schema(Request::new(Default::default()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(metadata.server_capabilities, schema.server_capabilities);
    assert_eq!(metadata.resources[0].type_name, "toy_box");
    assert_eq!(metadata.ephemeral_resources[0].type_name, "toy_box");
    assert_eq!(metadata.list_resources[0].type_name, "toy_box");
    assert_eq!(metadata.actions[0].type_name, "toy_shake");
    let block = schema.resource_schemas["toy_box"].block.as_ref().unwrap();
    let write_only: Vec<_> = block
        .attributes
        .iter()
        .filter(|attribute| attribute.write_only)
        .collect();
    assert_eq!(write_only.len(), 1);
    assert!(schema.ephemeral_resource_schemas.contains_key("toy_box"));
    assert_eq!(
        schema.list_resource_schemas["toy_box"]
            .block
            .as_ref()
            .unwrap()
            .attributes[0]
            .name,
        "size"
    );
    assert!(schema.action_schemas["toy_shake"].schema.is_some());
}

#[tokio::test]
async fn provider_bugs_are_reported_by_check_and_in_each_run() {
    #[derive(framework::Model)]
    struct Faulty {
        #[attribute(optional, range = 1..)]
        name: Field<String>,
        #[attribute(optional)]
        version: Field<String>,
    }
    /// Boxes, registered twice, with a faulty configuration.
    struct Doubled;
    impl Provider for Doubled {
        type Config = Faulty;
        type Client = ();

        async fn configure(&self, _: &Context<()>, _: Faulty, _: &str) -> Result<Configured<()>, Diagnostics> {
            Ok(Configured::Ready(()))
        }

        fn resources(&self) -> Vec<Box<dyn DynResource<()>>> {
            vec![Box::new(Toys::default()), Box::new(Toys::default())]
        }
    }
    /// A list resource without the managed resource.
    struct Listing;
    impl Provider for Listing {
        type Config = Nothing;
        type Client = ();

        async fn configure(&self, _: &Context<()>, _: Nothing, _: &str) -> Result<Configured<()>, Diagnostics> {
            Ok(Configured::Ready(()))
        }

        fn list_resources(&self) -> Vec<Box<dyn DynListResource<()>>> {
            vec![Box::new(Toys::default())]
        }
    }
    assert_eq!(server().check(), Ok(()));
    let listing = Server::new(Listing).check().unwrap_err();
    assert!(listing.starts_with("list resource toy_box: it requires a managed resource of this type with an identity"));

    let server = Server::new(Doubled);
    let faults = server.check().unwrap_err();
    let expected = [
        "provider block: name: a validator checks another type",
        "provider block: version: Terraform reserves this name",
        "resource toy_box: the name is used twice",
    ];
    assert_eq!(faults.lines().collect::<Vec<_>>(), expected);
    let schema = server.get_provider_schema(Request::new(Default::default())).await;
    let diagnostics = schema.unwrap().into_inner().diagnostics;
    assert!(diagnostics[0].detail.contains(&faults), "{diagnostics:?}");
}
