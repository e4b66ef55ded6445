//! RPCs of managed resources.

use super::shown::{Shown, no_response};
use super::{CAPABILITIES, Connection};
use crate::framework::proto;
use crate::framework::testing::schema::ObjectSchema;
use crate::framework::testing::{Diagnostic, Outcome};
use crate::framework::value::Value;

/// The response of a call about an object.
#[derive(Clone, Default)]
pub(in crate::framework::testing) struct ObjectResponse {
    /// `None` if the response has no object, which differs from null.
    pub(in crate::framework::testing) value: Option<Value>,
    pub(in crate::framework::testing) private: Vec<u8>,
    pub(in crate::framework::testing) identity: Identity,
}

/// The identity of an object, as encoded by the provider.
pub(in crate::framework::testing) type Identity = Option<proto::ResourceIdentityData>;

/// The response of a plan call.
#[derive(Clone, Default)]
pub(in crate::framework::testing) struct Planned {
    pub(in crate::framework::testing) after: ObjectResponse,
    pub(in crate::framework::testing) requires_replace: Vec<proto::AttributePath>,
}

/// The prior object of a call.
#[derive(Clone, Copy)]
pub(in crate::framework::testing) struct Before<'a> {
    pub(in crate::framework::testing) value: &'a Value,
    pub(in crate::framework::testing) private: &'a [u8],
    pub(in crate::framework::testing) identity: &'a Identity,
}

/// The state of another resource type, which a `moved` block moves.
pub(in crate::framework::testing) struct Source<'a> {
    pub(in crate::framework::testing) provider: &'a str,
    pub(in crate::framework::testing) type_name: &'a str,
    pub(in crate::framework::testing) schema_version: i64,
    pub(in crate::framework::testing) json: Vec<u8>,
    pub(in crate::framework::testing) private: &'a [u8],
}

impl Connection {
    /// Runs an operation, which stops with `None` at the first error, and sends its output to the
    /// observer.
    async fn observed<T>(&self, operation: impl AsyncFnOnce(&mut Shown) -> Option<T>) -> Outcome<Option<T>> {
        let mut shown = Shown {
            observer: self.observer.clone(),
            ..Shown::default()
        };
        let value = operation(&mut shown).await;
        for diagnostic in &shown.diagnostics {
            shown.observe(&diagnostic.to_string());
        }
        Outcome::new(value, shown.diagnostics)
    }

    pub(in crate::framework::testing) async fn validate(
        &self,
        type_name: &str,
        schema: &ObjectSchema,
        config: &Value,
    ) -> Outcome<()> {
        let outcome = self.observed(async |shown| {
            let config = Some(shown.encode(config, schema.object_type())?);
            call!(self.validate_resource_config(shown) {
                type_name: type_name.to_owned(),
                config,
                client_capabilities: Some(CAPABILITIES),
            })
        });
        outcome.await.map(drop)
    }

    /// Upgrades a stored state to the schema of this provider.
    pub(in crate::framework::testing) async fn upgrade(
        &self,
        type_name: &str,
        schema: &ObjectSchema,
        version: i64,
        json: Vec<u8>,
    ) -> Outcome<Option<Value>> {
        let outcome = self.observed(async |shown| {
            if version > schema.version {
                let detail = format!("The state of a {type_name} was written by a newer version of the provider.");
                return shown.take(Err(Diagnostic::error(
                    "Resource instance managed by newer provider version",
                    detail,
                )));
            }
            let raw_state = Some(proto::RawState {
                json,
                ..Default::default()
            });
            let type_name = type_name.to_owned();
            let upgraded = call!(self.upgrade_resource_state(shown) { type_name, version, raw_state })?;
            shown.object(upgraded.upgraded_state, schema)
        });
        outcome.await
    }

    pub(in crate::framework::testing) async fn read(
        &self,
        type_name: &str,
        schema: &ObjectSchema,
        before: Before<'_>,
    ) -> Outcome<Option<ObjectResponse>> {
        let outcome = self.observed(async |shown| {
            let ty = schema.object_type();
            let read = call!(self.read_resource(shown) {
                type_name: type_name.to_owned(),
                current_state: Some(shown.encode(before.value, ty)?),
                private: before.private.to_vec(),
                client_capabilities: Some(CAPABILITIES),
                current_identity: before.identity.clone(),
            })?;
            Some(ObjectResponse {
                value: Some(shown.object(read.new_state, schema)?),
                private: shown.private(read.private),
                identity: read.new_identity,
            })
        });
        outcome.await
    }

    pub(in crate::framework::testing) async fn plan(
        &self,
        type_name: &str,
        schema: &ObjectSchema,
        before: Before<'_>,
        proposed: &Value,
        config: &Value,
    ) -> Outcome<Option<Planned>> {
        let outcome = self.observed(async |shown| {
            let ty = schema.object_type();
            let plan = call!(self.plan_resource_change(shown) {
                type_name: type_name.to_owned(),
                prior_state: Some(shown.encode(before.value, ty)?),
                proposed_new_state: Some(shown.encode(proposed, ty)?),
                config: Some(shown.encode(config, ty)?),
                prior_private: before.private.to_vec(),
                client_capabilities: Some(CAPABILITIES),
                prior_identity: before.identity.clone(),
            })?;
            Some(Planned {
                after: ObjectResponse {
                    value: Some(shown.object(plan.planned_state, schema)?),
                    private: shown.private(plan.planned_private),
                    identity: plan.planned_identity,
                },
                requires_replace: plan.requires_replace,
            })
        });
        outcome.await
    }

    /// Applies a change. The returned object counts even if there is an error.
    pub(in crate::framework::testing) async fn apply(
        &self,
        type_name: &str,
        schema: &ObjectSchema,
        prior: &Value,
        planned: Before<'_>,
        config: &Value,
    ) -> Outcome<ObjectResponse> {
        let outcome = self.observed(async |shown| {
            let ty = schema.object_type();
            let request = proto::apply_resource_change::Request {
                type_name: type_name.to_owned(),
                prior_state: Some(shown.encode(prior, ty)?),
                planned_state: Some(shown.encode(planned.value, ty)?),
                config: Some(shown.encode(config, ty)?),
                planned_private: planned.private.to_vec(),
                planned_identity: planned.identity.clone(),
                ..Default::default()
            };
            let applied = self.client.clone().apply_resource_change(request).await;
            let applied = shown.take(applied.map_err(|status| no_response(&status)))?.into_inner();
            shown.extend(applied.diagnostics);
            let value = applied.new_state.and_then(|state| shown.object(Some(state), schema));
            Some(ObjectResponse {
                value,
                private: shown.private(applied.private),
                identity: applied.new_identity,
            })
        });
        outcome.await.map(Option::unwrap_or_default)
    }

    pub(in crate::framework::testing) async fn import(
        &self,
        type_name: &str,
        schema: &ObjectSchema,
        id: &str,
    ) -> Outcome<Option<ObjectResponse>> {
        let outcome = self.observed(async |shown| {
            let imported = call!(self.import_resource_state(shown) {
                type_name: type_name.to_owned(),
                id: id.to_owned(),
                client_capabilities: Some(CAPABILITIES),
            })?;
            let Some(object) = imported
                .imported_resources
                .into_iter()
                .find(|object| object.type_name == type_name)
            else {
                let detail = format!("The provider did not return a {type_name} for the ID {id:?}.");
                return shown.take(Err(Diagnostic::error("Import returned no resources", detail)));
            };
            Some(ObjectResponse {
                value: Some(shown.object(object.state, schema)?),
                private: shown.private(object.private),
                identity: object.identity,
            })
        });
        outcome.await
    }

    /// Converts a stored state of another resource type to this one.
    pub(in crate::framework::testing) async fn move_state(
        &self,
        type_name: &str,
        schema: &ObjectSchema,
        source: Source<'_>,
    ) -> Outcome<Option<ObjectResponse>> {
        let outcome = self.observed(async |shown| {
            let moved = call!(self.move_resource_state(shown) {
                source_provider_address: source.provider.to_owned(),
                source_type_name: source.type_name.to_owned(),
                source_schema_version: source.schema_version,
                source_state: Some(proto::RawState { json: source.json, ..Default::default() }),
                target_type_name: type_name.to_owned(),
                source_private: source.private.to_vec(),
            })?;
            Some(ObjectResponse {
                value: Some(shown.object(moved.target_state, schema)?),
                private: shown.private(moved.target_private),
                identity: moved.target_identity,
            })
        });
        outcome.await
    }
}
