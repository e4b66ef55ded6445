//! A provider of things, which records its calls.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use crate::framework::testing::*;
use crate::framework::types::Type;
use crate::framework::value::Value;
use crate::framework::{proto, wire};

/// A rule that the provider violates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Breaks {
    #[default]
    Nothing,
    /// Plans another name than the configured one.
    Plan,
    /// Creates another id than the planned one.
    Result,
    /// Returns an unknown id.
    Unknown,
    /// Stores the write-only value.
    WriteOnly,
}

/// A provider of things, which records its operations. Operations on a thing whose name contains
/// `!` fail.
#[derive(Clone, Debug, Default)]
pub(super) struct Things {
    pub(super) breaks: Breaks,
    /// Whether to record each plan call, in a warning and in the private state.
    pub(super) records_plans: bool,
    /// Whether a failed creation leaves an object.
    pub(super) leaves_halves: bool,
    /// Whether creations hang.
    pub(super) hangs: bool,
    /// The version of the schema.
    pub(super) version: i64,
    pub(super) done: Arc<Mutex<Vec<String>>>,
    /// The names of the things that exist.
    pub(super) existing: Arc<Mutex<Vec<String>>>,
}

impl Start for Things {
    async fn start(&self) -> Result<Connection, StartError> {
        Ok(Connection::new(proto::provider_server::ProviderServer::new(
            self.clone(),
        )))
    }
}

impl Things {
    /// Returns the operations since the last call.
    pub(super) fn done(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.done))
    }

    fn record(&self, what: &str, thing: &Value) -> Vec<proto::Diagnostic> {
        let (name, of) = (text(thing.get("name")), text(thing.get("of")));
        lock(&self.done).push(format!("{what} {name} of {of}").trim_end_matches(" of ").to_owned());
        match name.contains('!') {
            true => vec![diagnostic(
                proto::diagnostic::Severity::Error,
                &format!("cannot {what}"),
            )],
            false => Vec::new(),
        }
    }

    fn ty() -> Type {
        let attributes = ATTRIBUTES.iter().map(|(name, ..)| (*name, Type::String));
        Type::object(attributes)
    }
}

/// Name, required, computed, write-only.
const ATTRIBUTES: [(&str, bool, bool, bool); 5] = [
    ("id", false, true, false),
    ("name", true, false, false),
    ("note", false, false, false),
    ("of", false, false, false),
    ("secret", false, false, true),
];

fn schema(version: i64) -> proto::Schema {
    let attributes = ATTRIBUTES.map(|(name, required, computed, write_only)| proto::schema::Attribute {
        name: name.to_owned(),
        r#type: b"\"string\"".to_vec(),
        required,
        optional: !required && !computed,
        computed,
        write_only,
        ..Default::default()
    });
    proto::Schema {
        version,
        block: Some(proto::schema::Block {
            attributes: attributes.into(),
            ..Default::default()
        }),
    }
}

fn diagnostic(severity: proto::diagnostic::Severity, summary: &str) -> proto::Diagnostic {
    proto::Diagnostic {
        severity: severity.into(),
        summary: summary.to_owned(),
        ..Default::default()
    }
}

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        _ => String::new(),
    }
}

fn set(thing: &mut Value, attribute: &str, value: Value) {
    if let Value::Map(members) = thing {
        members.insert(attribute.to_owned(), value);
    }
}

fn decode(value: Option<proto::DynamicValue>) -> Value {
    wire::decode(value.as_ref(), &Things::ty()).unwrap()
}

fn encode(value: &Value) -> Option<proto::DynamicValue> {
    Some(wire::encode(value, &Things::ty()).unwrap())
}

type Answer<T> = Result<Response<T>, Status>;

fn answer<T>(answer: T) -> Answer<T> {
    Ok(Response::new(answer))
}

#[tonic::async_trait]
impl proto::provider_server::Provider for Things {
    async fn get_provider_schema(
        &self,
        _: Request<proto::get_provider_schema::Request>,
    ) -> Answer<proto::get_provider_schema::Response> {
        answer(proto::get_provider_schema::Response {
            provider: Some(proto::Schema::default()),
            resource_schemas: HashMap::from(["thing", "other"].map(|name| (name.to_owned(), schema(self.version)))),
            data_source_schemas: HashMap::from([("things".to_owned(), schema(0))]),
            action_schemas: HashMap::from([(
                "sweep".to_owned(),
                proto::ActionSchema {
                    schema: Some(proto::Schema::default()),
                },
            )]),
            server_capabilities: Some(proto::ServerCapabilities {
                plan_destroy: true,
                ..Default::default()
            }),
            ..Default::default()
        })
    }

    async fn validate_provider_config(
        &self,
        _: Request<proto::validate_provider_config::Request>,
    ) -> Answer<proto::validate_provider_config::Response> {
        answer(Default::default())
    }

    async fn configure_provider(
        &self,
        _: Request<proto::configure_provider::Request>,
    ) -> Answer<proto::configure_provider::Response> {
        answer(Default::default())
    }

    async fn stop_provider(&self, _: Request<proto::stop_provider::Request>) -> Answer<proto::stop_provider::Response> {
        lock(&self.done).push("stop".to_owned());
        answer(Default::default())
    }

    async fn validate_resource_config(
        &self,
        _: Request<proto::validate_resource_config::Request>,
    ) -> Answer<proto::validate_resource_config::Response> {
        answer(Default::default())
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<proto::upgrade_resource_state::Request>,
    ) -> Answer<proto::upgrade_resource_state::Response> {
        let request = request.into_inner();
        let mut state: serde_json::Value = serde_json::from_slice(&request.raw_state.unwrap().json).unwrap();
        if request.version < self.version {
            lock(&self.done).push(format!("upgrade from version {}", request.version));
            // Version 0 had "title" where version 1 has "name".
            let state = state.as_object_mut().unwrap();
            let title = state.remove("title").unwrap_or(json!(null));
            state.insert("name".to_owned(), title);
        }
        let state = crate::framework::json::from_json(state, &Self::ty()).unwrap();
        answer(proto::upgrade_resource_state::Response {
            upgraded_state: encode(&state),
            ..Default::default()
        })
    }

    async fn move_resource_state(
        &self,
        request: Request<proto::move_resource_state::Request>,
    ) -> Answer<proto::move_resource_state::Response> {
        let request = request.into_inner();
        lock(&self.done).push(format!(
            "move from {} to {}",
            request.source_type_name, request.target_type_name
        ));
        let state = crate::framework::json::decode(&request.source_state.unwrap().json, &Self::ty()).unwrap();
        answer(proto::move_resource_state::Response {
            target_state: encode(&state),
            ..Default::default()
        })
    }

    async fn read_resource(
        &self,
        request: Request<proto::read_resource::Request>,
    ) -> Answer<proto::read_resource::Response> {
        let request = request.into_inner();
        let state = decode(request.current_state);
        let exists = lock(&self.existing).contains(&text(state.get("name")));
        answer(proto::read_resource::Response {
            new_state: encode(if exists { &state } else { &Value::Null }),
            private: request.private,
            ..Default::default()
        })
    }

    async fn plan_resource_change(
        &self,
        request: Request<proto::plan_resource_change::Request>,
    ) -> Answer<proto::plan_resource_change::Response> {
        let request = request.into_inner();
        let (prior, mut planned) = (decode(request.prior_state), decode(request.proposed_new_state));
        if prior.is_null() {
            set(&mut planned, "id", Value::Unknown);
        }
        // The proposed state contains the write-only value, and the plan must not.
        set(&mut planned, "secret", Value::Null);
        match self.breaks {
            Breaks::Plan => set(&mut planned, "name", Value::String("other".to_owned())),
            Breaks::Result => set(&mut planned, "id", Value::String("planned".to_owned())),
            _ => {}
        }
        let mut private = request.prior_private;
        let mut diagnostics = Vec::new();
        if self.records_plans && !planned.is_null() {
            let call = if prior.is_null() {
                "without"
            } else {
                "with a prior state"
            };
            private.extend(
                if private.is_empty() {
                    call.to_owned()
                } else {
                    format!(", {call}")
                }
                .into_bytes(),
            );
            let calls = String::from_utf8(private.clone()).unwrap();
            diagnostics.push(diagnostic(proto::diagnostic::Severity::Warning, &calls));
        }
        let replaces = ["name", "of"].map(|attribute| proto::AttributePath {
            steps: vec![proto::attribute_path::Step {
                selector: Some(proto::attribute_path::step::Selector::AttributeName(
                    attribute.to_owned(),
                )),
            }],
        });
        answer(proto::plan_resource_change::Response {
            planned_state: encode(&planned),
            requires_replace: replaces.into(),
            planned_private: private,
            diagnostics,
            ..Default::default()
        })
    }

    async fn apply_resource_change(
        &self,
        request: Request<proto::apply_resource_change::Request>,
    ) -> Answer<proto::apply_resource_change::Response> {
        let request = request.into_inner();
        let (prior, mut thing) = (decode(request.prior_state), decode(request.planned_state));
        let what = match (prior.is_null(), thing.is_null()) {
            (true, _) => "create",
            (false, false) => "update",
            (false, true) => "delete",
        };
        if self.hangs && what == "create" {
            lock(&self.done).push("hang".to_owned());
            std::future::pending::<()>().await;
        }
        let about = if thing.is_null() { &prior } else { &thing };
        let (name, secret) = (text(about.get("name")), decode(request.config).get("secret").clone());
        let diagnostics = self.record(what, about);
        let failed = !diagnostics.is_empty();
        if !failed {
            lock(&self.existing).retain(|existing| *existing != name);
        }
        if !thing.is_null() {
            set(&mut thing, "id", Value::String(format!("id-{name}")));
            if !failed || self.leaves_halves {
                lock(&self.existing).push(name);
            }
            match self.breaks {
                Breaks::Unknown => set(&mut thing, "id", Value::Unknown),
                Breaks::WriteOnly => set(&mut thing, "secret", secret),
                _ => {}
            }
        }
        let is_nothing = failed && !self.leaves_halves;
        answer(proto::apply_resource_change::Response {
            new_state: encode(if is_nothing { &Value::Null } else { &thing }),
            private: request.planned_private,
            diagnostics,
            ..Default::default()
        })
    }

    async fn import_resource_state(
        &self,
        request: Request<proto::import_resource_state::Request>,
    ) -> Answer<proto::import_resource_state::Response> {
        let request = request.into_inner();
        let mut thing = Value::Map(ATTRIBUTES.map(|(name, ..)| (name.to_owned(), Value::Null)).into());
        set(&mut thing, "name", Value::String(request.id.clone()));
        set(&mut thing, "id", Value::String(format!("id-{}", request.id)));
        answer(proto::import_resource_state::Response {
            imported_resources: vec![proto::import_resource_state::ImportedResource {
                type_name: request.type_name,
                state: encode(&thing),
                ..Default::default()
            }],
            diagnostics: vec![diagnostic(proto::diagnostic::Severity::Warning, "imported")],
            ..Default::default()
        })
    }

    async fn validate_data_resource_config(
        &self,
        _: Request<proto::validate_data_resource_config::Request>,
    ) -> Answer<proto::validate_data_resource_config::Response> {
        answer(Default::default())
    }

    async fn read_data_source(
        &self,
        request: Request<proto::read_data_source::Request>,
    ) -> Answer<proto::read_data_source::Response> {
        let mut thing = decode(request.into_inner().config);
        set(&mut thing, "id", Value::String("found".to_owned()));
        answer(proto::read_data_source::Response {
            state: encode(&thing),
            ..Default::default()
        })
    }

    async fn validate_action_config(
        &self,
        _: Request<proto::validate_action_config::Request>,
    ) -> Answer<proto::validate_action_config::Response> {
        answer(Default::default())
    }

    async fn plan_action(&self, _: Request<proto::plan_action::Request>) -> Answer<proto::plan_action::Response> {
        answer(Default::default())
    }

    async fn invoke_action(
        &self,
        _: Request<proto::invoke_action::Request>,
    ) -> Result<Response<BoxStream<proto::invoke_action::Event>>, Status> {
        use proto::invoke_action::event::{Completed, Progress, Type};
        let diagnostics = vec![diagnostic(proto::diagnostic::Severity::Warning, "dusty")];
        let events = [
            Type::Progress(Progress {
                message: "sweeping".to_owned(),
            }),
            Type::Completed(Completed { diagnostics }),
        ];
        let events = events.map(|event| Ok(proto::invoke_action::Event { r#type: Some(event) }));
        Ok(Response::new(Box::pin(futures_util::stream::iter(events))))
    }
}
