//! RPCs of data sources, ephemeral resources, actions, list resources and functions.

use futures_util::StreamExt as _;
use jiff::Timestamp;

use super::shown::{Shown, collect, no_response};
use super::{CAPABILITIES, Connection};
use crate::framework::proto;
use crate::framework::testing::{Config, Diagnostic, Outcome};
use crate::framework::value::Value;

/// An open ephemeral resource.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The value.
    pub value: Value,
    /// The time at which it must be renewed.
    pub renew_at: Option<Timestamp>,
    type_name: String,
    private: Option<Vec<u8>>,
}

/// A resource that a list call returned.
#[derive(Clone, Debug)]
pub struct ListItem {
    /// The name that Terraform shows.
    pub display_name: String,
    /// The resource.
    pub resource: Option<Value>,
}

impl Connection {
    /// Validates and reads a data source.
    pub async fn read_data_source(&self, type_name: &str, config: &Config) -> Outcome<Value> {
        let outcome = collect(async |shown| {
            let schema = shown.take(self.schema().await)?;
            let schema = shown.known(&schema.data_sources, "data source", type_name)?;
            let config = Some(shown.config(config, schema)?.1);
            let type_name = type_name.to_owned();
            call!(self.validate_data_resource_config(shown) { type_name: type_name.clone(), config: config.clone() })?;
            let read = call!(self.read_data_source(shown) {
                type_name,
                config,
                client_capabilities: Some(CAPABILITIES),
            })?;
            shown.value(read.state, schema.object_type())
        });
        outcome.await.map(|value| value.unwrap_or(Value::Null))
    }

    /// Validates and opens an ephemeral resource; `None` if there was an error.
    pub async fn open_ephemeral(&self, type_name: &str, config: &Config) -> Outcome<Option<Opened>> {
        let outcome = collect(async |shown| {
            let schema = shown.take(self.schema().await)?;
            let schema = shown.known(&schema.ephemeral_resources, "ephemeral resource", type_name)?;
            let config = Some(shown.config(config, schema)?.1);
            let type_name = type_name.to_owned();
            call!(self.validate_ephemeral_resource_config(shown) {
                type_name: type_name.clone(),
                config: config.clone(),
            })?;
            let opened = call!(self.open_ephemeral_resource(shown) {
                type_name: type_name.clone(),
                config,
                client_capabilities: Some(CAPABILITIES),
            })?;
            Some(Opened {
                value: shown.value(opened.result, schema.object_type())?,
                renew_at: opened.renew_at.and_then(timestamp),
                type_name,
                private: opened.private,
            })
        });
        outcome.await
    }

    /// Renews an ephemeral resource.
    pub async fn renew_ephemeral(&self, opened: &mut Opened) -> Outcome<()> {
        let outcome = collect(async |shown| {
            let renewed = call!(self.renew_ephemeral_resource(shown) {
                type_name: opened.type_name.clone(),
                private: opened.private.clone(),
            })?;
            opened.renew_at = renewed.renew_at.and_then(timestamp);
            opened.private = renewed.private;
            Some(())
        });
        outcome.await.map(drop)
    }

    /// Closes an ephemeral resource.
    pub async fn close_ephemeral(&self, opened: Opened) -> Outcome<()> {
        let outcome = collect(
            async |shown| call!(self.close_ephemeral_resource(shown) { type_name: opened.type_name, private: opened.private }),
        );
        outcome.await.map(drop)
    }

    /// Validates, plans and invokes an action. Returns the lines of its progress.
    pub async fn invoke_action(&self, type_name: &str, config: &Config) -> Outcome<Vec<String>> {
        let outcome = collect(async |shown| {
            let config = self.plan_action_with(type_name, config, shown).await?;
            let request = proto::invoke_action::Request {
                action_type: type_name.to_owned(),
                config: Some(config),
                client_capabilities: Some(CAPABILITIES),
            };
            let events = self.client.clone().invoke_action(request).await;
            let mut events = shown.events(events)?;
            let mut progress = Vec::new();
            while let Some(event) = events.next().await {
                use proto::invoke_action::event::Type;
                match shown.event(event)?.r#type {
                    Some(Type::Progress(line)) => progress.push(line.message),
                    Some(Type::Completed(completed)) => shown.extend(completed.diagnostics),
                    None => {}
                }
            }
            Some(progress)
        });
        outcome.await.map(Option::unwrap_or_default)
    }

    /// Validates and plans an action.
    pub async fn plan_action(&self, type_name: &str, config: &Config) -> Outcome<()> {
        let outcome = collect(async |shown| self.plan_action_with(type_name, config, shown).await);
        outcome.await.map(drop)
    }

    async fn plan_action_with(
        &self,
        type_name: &str,
        config: &Config,
        shown: &mut Shown,
    ) -> Option<proto::DynamicValue> {
        let schema = shown.take(self.schema().await)?;
        let schema = shown.known(&schema.actions, "action", type_name)?;
        let config = shown.config(config, schema)?.1;
        let type_name = type_name.to_owned();
        call!(self.validate_action_config(shown) { type_name: type_name.clone(), config: Some(config.clone()) })?;
        call!(self.plan_action(shown) {
            action_type: type_name,
            config: Some(config.clone()),
            client_capabilities: Some(CAPABILITIES),
        })?;
        Some(config)
    }

    /// Validates and lists resources of a type, each with its attributes.
    pub async fn list_resources(&self, type_name: &str, config: &Config) -> Outcome<Vec<ListItem>> {
        let outcome = collect(async |shown| {
            let schema = shown.take(self.schema().await)?;
            let filter = shown.known(&schema.list_resources, "list resource", type_name)?;
            let ty = shown.known(&schema.resources, "resource", type_name)?.object_type();
            let config = Some(shown.config(config, filter)?.1);
            let type_name = type_name.to_owned();
            call!(self.validate_list_resource_config(shown) { type_name: type_name.clone(), config: config.clone() })?;
            let request = proto::list_resource::Request {
                type_name,
                config,
                include_resource_object: true,
                limit: 100,
            };
            let events = self.client.clone().list_resource(request).await;
            let mut events = shown.events(events)?;
            let mut found = Vec::new();
            while let Some(event) = events.next().await {
                let event = shown.event(event)?;
                shown.extend(event.diagnostic);
                // An event that contains only diagnostics has no identity.
                if event.identity.is_some() || event.resource_object.is_some() {
                    found.push(ListItem {
                        display_name: event.display_name,
                        resource: event.resource_object.and_then(|object| shown.value(Some(object), ty)),
                    });
                }
            }
            Some(found)
        });
        outcome.await.map(Option::unwrap_or_default)
    }

    /// Calls a function; null if it failed.
    pub async fn call_function(&self, name: &str, arguments: &[Value]) -> Outcome<Value> {
        let outcome = collect(async |shown| {
            let schema = shown.take(self.schema().await)?;
            let function = shown.known(&schema.functions, "function", name)?;
            let types = function.parameters.iter().chain(function.variadic.iter().cycle());
            let arguments = arguments.iter().zip(types);
            let arguments = arguments
                .map(|(argument, ty)| shown.encode(argument, ty))
                .collect::<Option<Vec<_>>>()?;
            let request = proto::call_function::Request {
                name: name.to_owned(),
                arguments,
            };
            let response = self.client.clone().call_function(request).await;
            let response = shown
                .take(response.map_err(|status| no_response(&status)))?
                .into_inner();
            if let Some(error) = response.error {
                return shown.take(Err(Diagnostic::error("Error in function call", error.text)));
            }
            shown.value(response.result, &function.returns)
        });
        outcome.await.map(|value| value.unwrap_or(Value::Null))
    }
}

fn timestamp(instant: prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(instant.seconds, instant.nanos).ok()
}
