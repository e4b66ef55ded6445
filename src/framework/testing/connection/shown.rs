//! The diagnostics of the calls of one operation, and the decoding of their responses.

use std::collections::BTreeMap;

use futures_util::Stream;
use tonic::{Response, Status};

use super::Observer;
use crate::framework::testing::schema::{ObjectSchema, sort_sets};
use crate::framework::testing::visible::visible_text;
use crate::framework::testing::{Config, Diagnostic, Outcome};
use crate::framework::types::Type;
use crate::framework::value::Value;
use crate::framework::{proto, wire};

/// The diagnostics of the calls of one operation.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) observer: Option<Observer>,
}

/// Runs an operation, which stops with `None` at the first error.
pub(super) async fn collect<T>(operation: impl AsyncFnOnce(&mut Shown) -> Option<T>) -> Outcome<Option<T>> {
    let mut shown = Shown::default();
    let value = operation(&mut shown).await;
    Outcome::new(value, shown.diagnostics)
}

impl Shown {
    pub(super) fn take<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|error| self.diagnostics.push(error)).ok()
    }

    pub(super) fn extend(&mut self, diagnostics: Vec<proto::Diagnostic>) {
        self.diagnostics
            .extend(diagnostics.into_iter().map(Diagnostic::from_proto));
    }

    /// Returns the response of a call; `None` if it contains an error.
    pub(super) fn response<A: RpcResponse>(&mut self, response: Result<Response<A>, Status>) -> Option<A> {
        let mut response = self.take(response.map_err(|status| no_response(&status)))?.into_inner();
        let diagnostics: Vec<_> = response
            .take_diagnostics()
            .into_iter()
            .map(Diagnostic::from_proto)
            .collect();
        let failed = diagnostics.iter().any(Diagnostic::is_error);
        self.diagnostics.extend(diagnostics);
        (!failed).then_some(response)
    }

    pub(super) fn events<S>(&mut self, response: Result<Response<S>, Status>) -> Option<S>
    where
        S: Stream,
    {
        self.take(response.map_err(|status| no_response(&status)))
            .map(Response::into_inner)
    }

    pub(super) fn event<E>(&mut self, event: Result<E, Status>) -> Option<E> {
        self.take(event.map_err(|status| no_response(&status)))
    }

    pub(super) fn known<'a, T>(&mut self, types: &'a BTreeMap<String, T>, kind: &str, name: &str) -> Option<&'a T> {
        let schema = types.get(name);
        self.take(schema.ok_or_else(|| {
            let detail = format!("The provider does not support {kind} {name:?}.");
            Diagnostic::error(&format!("Invalid {kind} type"), detail)
        }))
    }

    /// Returns a configuration as a value and encoded; `None` if Terraform would reject it.
    pub(super) fn config(&mut self, config: &Config, schema: &ObjectSchema) -> Option<(Value, proto::DynamicValue)> {
        let value = config.value(schema);
        let value = self.take(value.map_err(|problem| Diagnostic::error("Unsupported argument", problem)))?;
        for problem in schema.config_problems(&value) {
            self.diagnostics
                .push(Diagnostic::error("Invalid configuration", problem));
        }
        if self.diagnostics.iter().any(Diagnostic::is_error) {
            return None;
        }
        let encoded = self.encode(&value, schema.object_type())?;
        Some((value, encoded))
    }

    pub(super) fn encode(&mut self, value: &Value, ty: &Type) -> Option<proto::DynamicValue> {
        let encoded = wire::encode(value, ty);
        self.take(encoded.map_err(|error| Diagnostic::error("Value does not fit the schema", error.to_string())))
    }

    /// Decodes an object of a response, which must exist and match its schema.
    pub(super) fn object(&mut self, object: Option<proto::DynamicValue>, schema: &ObjectSchema) -> Option<Value> {
        let object = self.value(object, schema.object_type())?;
        if self.observer.is_some() {
            self.observe(&visible_text(schema, &object));
        }
        Some(object)
    }

    pub(super) fn private(&self, private: Vec<u8>) -> Vec<u8> {
        self.observe(&String::from_utf8_lossy(&private));
        private
    }

    pub(super) fn observe(&self, text: &str) {
        if let Some(observer) = &self.observer {
            observer(text);
        }
    }

    /// Decodes a value of a response, which must exist and match its type.
    pub(super) fn value(&mut self, value: Option<proto::DynamicValue>, ty: &Type) -> Option<Value> {
        let value = wire::decode(value.as_ref(), ty);
        let value = value.map_err(|error| Diagnostic::error("Provider produced invalid object", error.to_string()));
        self.take(value).map(|value| sort_sets(value, ty))
    }
}

pub(super) fn no_response(status: &Status) -> Diagnostic {
    let detail = format!("The call ended with {:?}: {}", status.code(), status.message());
    Diagnostic::error("Plugin did not respond", detail)
}

/// A response that contains diagnostics.
pub(super) trait RpcResponse {
    fn take_diagnostics(&mut self) -> Vec<proto::Diagnostic>;
}

macro_rules! impl_rpc_response {
    ($($rpc:ident),* $(,)?) => {
        $(impl RpcResponse for proto::$rpc::Response {
            fn take_diagnostics(&mut self) -> Vec<proto::Diagnostic> {
                std::mem::take(&mut self.diagnostics)
            }
        })*
    };
}

impl_rpc_response! {
    validate_provider_config,
    configure_provider,
    validate_resource_config,
    upgrade_resource_state,
    read_resource,
    plan_resource_change,
    import_resource_state,
    move_resource_state,
    validate_data_resource_config,
    read_data_source,
    validate_ephemeral_resource_config,
    open_ephemeral_resource,
    renew_ephemeral_resource,
    close_ephemeral_resource,
    validate_list_resource_config,
    validate_action_config,
    plan_action,
}
