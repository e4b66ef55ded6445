//! A service that records the calls of the plugin protocol, with parts of their requests and
//! responses.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value as Json, json};
use token_providers::framework::Server;
use token_providers::framework::testing::{Connection, Start, StartError};
use tonic::body::Body;
use tonic::{Request, Response, Status};
use tower::util::BoxCloneSyncService;

use super::provider::{Remote, Testing};
use crate::support::proto::tfplugin6 as proto;
use crate::support::proto::tfplugin6::provider_client::ProviderClient;
use crate::support::proto::tfplugin6::provider_server::ProviderServer;

/// A provider whose calls are recorded. Each start creates a new server, as Terraform starts a new
/// process for each phase.
#[derive(Clone, Default)]
pub(super) struct Recorder {
    pub(super) remote: Remote,
    calls: Arc<Mutex<Vec<Json>>>,
}

/// One started server.
#[derive(Clone)]
pub(super) struct Recording {
    provider: ProviderClient<BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Infallible>>,
    calls: Arc<Mutex<Vec<Json>>>,
}

impl Recorder {
    /// Creates a server of the provider.
    pub(super) fn service(&self) -> ProviderServer<Recording> {
        let provider = Server::new(Testing(self.remote.clone())).into_service();
        ProviderServer::new(Recording {
            provider: ProviderClient::new(BoxCloneSyncService::new(provider)),
            calls: self.calls.clone(),
        })
    }

    /// Returns and removes the recorded calls.
    pub(super) fn take_calls(&self) -> Vec<Json> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
}

impl Start for Recorder {
    async fn start(&self) -> Result<Connection, StartError> {
        Ok(Connection::new(self.service()))
    }
}

/// A field of a message, shown as JSON.
trait Shown {
    fn shown(&self) -> Json;
}

impl Shown for String {
    fn shown(&self) -> Json {
        self.as_str().into()
    }
}

impl Shown for i64 {
    fn shown(&self) -> Json {
        (*self).into()
    }
}

/// Private state, which is JSON for managed resources.
impl Shown for Vec<u8> {
    fn shown(&self) -> Json {
        serde_json::from_slice(self).unwrap_or_else(|_| String::from_utf8_lossy(self).into())
    }
}

impl Shown for Option<Vec<u8>> {
    fn shown(&self) -> Json {
        self.as_ref().map_or(Json::Null, Shown::shown)
    }
}

impl Shown for Option<proto::RawState> {
    fn shown(&self) -> Json {
        self.as_ref().map_or(Json::Null, |state| state.json.shown())
    }
}

impl Shown for Option<proto::DynamicValue> {
    fn shown(&self) -> Json {
        let Some(value) = self else { return "(missing)".into() };
        json_of(rmpv::decode::read_value(&mut value.msgpack.as_slice()).unwrap())
    }
}

impl Shown for Option<proto::ResourceIdentityData> {
    fn shown(&self) -> Json {
        self.as_ref()
            .map_or(Json::Null, |identity| identity.identity_data.shown())
    }
}

impl Shown for Vec<proto::AttributePath> {
    fn shown(&self) -> Json {
        self.iter().map(|path| format!("{:?}", path.steps)).collect()
    }
}

impl Shown for Vec<proto::import_resource_state::ImportedResource> {
    fn shown(&self) -> Json {
        self.iter()
            .map(|object| {
                json!([
                    object.type_name,
                    object.state.shown(),
                    object.private.shown(),
                    object.identity.shown()
                ])
            })
            .collect()
    }
}

impl Shown for Vec<proto::Diagnostic> {
    fn shown(&self) -> Json {
        self.iter().map(|diagnostic| diagnostic.summary.as_str()).collect()
    }
}

fn json_of(value: rmpv::Value) -> Json {
    use rmpv::Value;
    match value {
        // With or without refinements.
        Value::Ext(..) => "(unknown)".into(),
        Value::Array(elements) => elements.into_iter().map(json_of).collect(),
        Value::Map(members) => {
            let members = members.into_iter();
            let members = members.map(|(name, value)| (name.as_str().unwrap().to_owned(), json_of(value)));
            Json::Object(members.collect())
        }
        Value::Nil => Json::Null,
        Value::Boolean(truth) => truth.into(),
        Value::Integer(number) => number.as_i64().into(),
        Value::String(text) => text.as_str().into(),
        other => panic!("the provider has no such values: {other}"),
    }
}

/// Forwards each RPC, and records these fields of its request and its response.
macro_rules! record {
    ($($rpc:ident($($request:ident),*) -> ($($answer:ident),*);)*) => {
        #[tonic::async_trait]
        impl proto::provider_server::Provider for Recording {
            $(async fn $rpc(
                &self,
                request: Request<proto::$rpc::Request>,
            ) -> Result<Response<proto::$rpc::Response>, Status> {
                let request = request.into_inner();
                #[allow(unused_mut)]
                let mut call = Map::from_iter([("call".to_owned(), stringify!($rpc).into())]);
                $(call.insert(stringify!($request).to_owned(), request.$request.shown());)*
                let at = {
                    let mut calls = self.calls.lock().unwrap();
                    calls.push(Json::Object(call));
                    calls.len() - 1
                };
                let answer = self.provider.clone().$rpc(request).await?;
                let _answer = answer.get_ref();
                #[allow(unused_mut)]
                let mut answers = Map::new();
                $(answers.insert(stringify!($answer).to_owned(), _answer.$answer.shown());)*
                // Calls are taken only between runs, so the call is still recorded.
                if let Some(call) = self.calls.lock().unwrap().get_mut(at) {
                    call["answer"] = Json::Object(answers);
                }
                Ok(answer)
            })*
        }
    };
}

record! {
    get_provider_schema() -> ();
    get_resource_identity_schemas() -> ();
    validate_provider_config(config) -> (diagnostics);
    configure_provider(config) -> (diagnostics);
    stop_provider() -> ();
    validate_resource_config(type_name, config) -> (diagnostics);
    upgrade_resource_state(type_name, version, raw_state) -> (upgraded_state, diagnostics);
    upgrade_resource_identity(type_name, version, raw_identity) -> (upgraded_identity, diagnostics);
    read_resource(type_name, current_state, current_identity, private)
        -> (new_state, new_identity, private, diagnostics);
    plan_resource_change(type_name, config, prior_state, proposed_new_state, prior_identity, prior_private)
        -> (planned_state, planned_identity, planned_private, requires_replace, diagnostics);
    apply_resource_change(type_name, config, prior_state, planned_state, planned_identity, planned_private)
        -> (new_state, new_identity, private, diagnostics);
    import_resource_state(type_name, id, identity) -> (imported_resources, diagnostics);
    // The source identity is not recorded: the testing kit does not move identities, because a
    // state file has them as JSON and the kit lacks their schema.
    move_resource_state(source_provider_address, source_type_name, source_schema_version, source_state, target_type_name,
        source_private) -> (target_state, target_identity, target_private, diagnostics);
    validate_data_resource_config(type_name, config) -> (diagnostics);
    read_data_source(type_name, config) -> (state, diagnostics);
    validate_ephemeral_resource_config(type_name, config) -> (diagnostics);
    open_ephemeral_resource(type_name, config) -> (result, private, diagnostics);
    close_ephemeral_resource(type_name, private) -> (diagnostics);
}
