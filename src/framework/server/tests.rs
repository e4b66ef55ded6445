//! The calls of Terraform against a provider that does next to nothing.

mod action;
mod ephemeral;
mod identity;
mod list;
mod private_state;
mod write_only;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Notify;
use tonic::Request;

use super::proto::provider_server::Provider as _;
use super::*;
use crate::framework;
use crate::framework::{Attribute, Change, DataSource, Field, Number, Resource, Schema, model, msgpack};

model! {
    pub(super) struct Nothing {}
}

model! {
    pub(super) struct Model {
        name: String,
        size: i64,
        label: String,
        key: String,
    }
}

model! {
    pub(super) struct Identity {
        name: String,
        shelf: String,
    }
}

/// A provider of boxes. A box named `panic` panics, one named `wait` waits until it is interrupted, and on which shelf one
/// named `adrift` stands is not known yet.
#[derive(Clone, Default)]
struct Toys {
    waiting: Arc<Notify>,
    /// What was closed, by its private data.
    closed: Arc<Mutex<Vec<String>>>,
}

type ToyBox = Toys;

#[async_trait]
impl Provider for Toys {
    type Config = Nothing;

    fn schema(&self) -> Schema {
        Schema::new("Toys.", [])
    }

    fn validate(&self, _: &Nothing, _: &mut Diagnostics) {}

    async fn configure(&self, _: Nothing, _: &str, _: &mut Diagnostics) {}

    fn resources(&self) -> Vec<Box<dyn AnyResource>> {
        vec![Box::new(self.clone())]
    }

    fn data_sources(&self) -> Vec<Box<dyn AnyDataSource>> {
        vec![Box::new(self.clone())]
    }

    fn ephemeral_resources(&self) -> Vec<Box<dyn AnyEphemeralResource>> {
        vec![Box::new(self.clone())]
    }

    fn list_resources(&self) -> Vec<Box<dyn AnyListResource>> {
        vec![Box::new(self.clone())]
    }

    fn actions(&self) -> Vec<Box<dyn AnyAction>> {
        vec![Box::new(self.clone())]
    }
}

fn schema() -> Schema {
    Schema::new(
        "A box.",
        [
            Attribute::required("name", Type::String, "").replaces(),
            Attribute::optional("size", Type::Number, ""),
            Attribute::computed("label", Type::String, "").sensitive(),
            Attribute::optional("key", Type::String, "").write_only(),
        ],
    )
}

#[async_trait]
impl Resource for ToyBox {
    type Model = Model;
    type Identity = Identity;

    const TYPE: &'static str = "toy_box";

    fn schema(&self) -> Schema {
        schema()
    }

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        if config.size.known().is_some_and(|size| *size < 0) {
            diagnostics.push(Diagnostic::error("Too small", "A box is at least empty.").on("size"));
        }
    }

    async fn plan(&self, context: &Context, change: &mut Change<Model>, _: &mut Diagnostics) {
        private_state::record(context, "plan");
        if change.planned.name == Field::from("panic") {
            panic!("s3cret");
        }
    }

    async fn create(&self, context: &Context, planned: Model, _: &mut Diagnostics) -> Option<Model> {
        private_state::record(context, "create");
        let key = planned.key.known().map(|key| format!(", locked by {key}"));
        Some(Model {
            label: format!("made{}", key.unwrap_or_default()).into(),
            ..planned
        })
    }

    async fn read(&self, context: &Context, state: Model, _: &mut Diagnostics) -> Option<Model> {
        private_state::record(context, "read");
        if state.name == Field::from("wait") {
            self.waiting.notify_one();
            context.cancellation.cancelled().await;
        }
        (state.name != Field::from("gone")).then_some(state)
    }

    async fn update(&self, _: &Context, prior: Model, _: Model, diagnostics: &mut Diagnostics) -> Model {
        diagnostics.push(Diagnostic::error("Stuck", "It is as it was."));
        prior
    }

    async fn delete(&self, _: &Context, _: Model, _: &mut Diagnostics) -> Option<Model> {
        None
    }

    async fn import(&self, context: &Context, id: &str, _: &mut Diagnostics) -> Option<Model> {
        private_state::record(context, "import");
        Some(Model {
            name: id.into(),
            ..Model::default()
        })
    }

    fn identity_schema(&self) -> Option<Schema> {
        let attributes = [
            Attribute::required("name", Type::String, "A name."),
            Attribute::optional("shelf", Type::String, "A shelf."),
        ];
        Some(Schema::new("", attributes))
    }

    fn identity(&self, state: &Model) -> Option<Identity> {
        let adrift = state.name == Field::from("adrift");
        Some(Identity {
            name: state.name.clone(),
            shelf: if adrift { Field::Unknown } else { "top".into() },
        })
    }

    fn import_id(&self, identity: Identity) -> Result<String, Diagnostic> {
        match identity.shelf.known() {
            Some(shelf) if shelf != "top" => Err(Diagnostic::error("Another shelf", "There is the top one only.")),
            _ => Ok(identity.name.into_known().unwrap_or_default()),
        }
    }

    fn take_over(&self, from: &framework::MovedState<'_>) -> Result<Model, Diagnostic> {
        match from.text("/contents") {
            Some(contents) => Ok(toy(contents, Field::Null, Field::Null)),
            None => Err(Diagnostic::error(
                "Not a bag",
                format!("A {} holds nothing.", from.type_name),
            )),
        }
    }
}

#[async_trait]
impl DataSource for ToyBox {
    type Model = Model;

    const TYPE: &'static str = "toy_box";

    fn schema(&self) -> Schema {
        schema()
    }

    fn validate(&self, _: &Model, _: &mut Diagnostics) {}

    async fn read(&self, _: &Context, config: Model, _: &mut Diagnostics) -> Option<Model> {
        Some(Model {
            label: "found".into(),
            ..config
        })
    }
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
    let msgpack = msgpack::encode(&framework::Model::into_value(model), &schema().object_type()).unwrap();
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
async fn a_creation_leaves_unknown_what_the_provider_will_set() {
    let config = toy("a", Field::Null, Field::Null);
    let planned = received(plan(null(), config.clone(), config).await.planned_state);
    assert!(*planned.get("name") == text("a"));
    assert!(planned.get("size").is_null(), "optional and left out is null");
    assert!(*planned.get("label") == Value::Unknown);
}

#[tokio::test]
async fn a_changed_attribute_that_replaces_is_named_and_another_is_not() {
    let prior = || sent(toy("a", 1.into(), "made".into()));
    let config = toy("b", 2.into(), Field::Null);
    let response = plan(prior(), toy("b", 2.into(), "made".into()), config).await;
    assert_eq!(response.requires_replace, [path("name")]);
    let config = toy("a", 2.into(), Field::Null);
    let response = plan(prior(), toy("a", 2.into(), "made".into()), config).await;
    assert_eq!(response.requires_replace, []);
}

#[tokio::test]
async fn create_update_and_delete_tell_what_exists_afterwards() {
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
}

#[tokio::test]
async fn a_panic_becomes_an_error_without_its_message() {
    let config = toy("panic", Field::Null, Field::Null);
    let response = plan(null(), config.clone(), config).await;
    let [told] = response.diagnostics.as_slice() else {
        panic!("{response:?}");
    };
    assert_eq!(told.severity, i32::from(proto::diagnostic::Severity::Error as u8));
    assert!(
        told.detail.contains("plan_resource_change") && !told.detail.contains("s3cret"),
        "{told:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_that_says_where() {
    for (config, says) in [
        (b"\x81\xa4name\x01".to_vec(), "name: expected a string"),
        (b"\x81\xa5other\xc0".to_vec(), "other: the schema has no such attribute"),
        (b"\x81".to_vec(), "not well-formed"),
        (b"\x81\xa4name\xa1a\xc0".to_vec(), "bytes follow"),
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
async fn json_is_read_where_there_is_no_msgpack_and_an_error_is_on_its_attribute() {
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
async fn an_unknown_type_is_an_error_in_every_call() {
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
    for told in [&read.diagnostics[0], &source.diagnostics[0]] {
        assert!(told.detail.contains("\"toy_bag\""), "{told:?}");
    }
}

#[tokio::test]
async fn a_state_is_upgraded_by_name_and_one_of_another_version_is_refused() {
    let upgrade = |version, json: &str| {
        let raw_state = Some(proto::RawState {
            json: json.as_bytes().to_vec(),
            ..Default::default()
        });
        proto::upgrade_resource_state::Request {
            type_name: "toy_box".into(),
            version,
            raw_state,
        }
    };
    let server = server();
    let known = upgrade(0, r#"{"name":"a","gone":1}"#);
    let response = server
        .upgrade_resource_state(Request::new(known))
        .await
        .unwrap()
        .into_inner();
    assert!(*received(response.upgraded_state).get("name") == text("a"));
    for (request, says) in [
        (upgrade(1, "{}"), "schema version 1"),
        (upgrade(0, "{"), "not well-formed"),
    ] {
        let response = server
            .upgrade_resource_state(Request::new(request))
            .await
            .unwrap()
            .into_inner();
        assert!(response.diagnostics[0].detail.contains(says), "{response:?}");
    }
}

#[tokio::test]
async fn a_message_without_a_value_is_refused_and_not_taken_for_one_with_null() {
    let present = || sent(toy("a", 1.into(), "made".into()));
    for (prior, planned) in [(present(), None), (None, present()), (None, None)] {
        let answer = apply(prior, planned).await;
        assert!(answer.diagnostics[0].detail.contains("expected a value"), "{answer:?}");
        assert_eq!(answer.new_state, None);
    }
}

#[tokio::test]
async fn a_stop_ends_what_is_in_flight_and_what_follows_until_the_next_run_configures_the_provider() {
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
    // Terraform may have sent it before it said stop.
    server.read_resource(Request::new(read("wait"))).await.unwrap();

    let configure = proto::configure_provider::Request {
        config: Some(proto::DynamicValue {
            msgpack: vec![0x80],
            json: Vec::new(),
        }),
        ..Default::default()
    };
    server.configure_provider(Request::new(configure)).await.unwrap();
    assert!(!server.context().cancellation.is_cancelled());
    let gone = server
        .read_resource(Request::new(read("gone")))
        .await
        .unwrap()
        .into_inner();
    assert!(received(gone.new_state).is_null());
}

#[tokio::test]
async fn an_import_and_a_data_source_bring_what_they_found() {
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
}

#[tokio::test]
async fn a_moved_state_is_taken_over_or_refused_with_advice() {
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
async fn a_generated_configuration_is_what_a_user_could_have_written() {
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
async fn every_kind_of_thing_is_told_of_wherever_terraform_asks() {
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
