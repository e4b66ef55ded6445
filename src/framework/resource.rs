//! Managed resources.

use std::future::Future;

use async_trait::async_trait;

use super::context::Context;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::identity::Identity;
use super::model::{Model, read_model};
use super::outcome::{Failed, Outcome};
use super::path::AttributePath;
use super::plan::restore_unchanged;
use super::schema::{Attribute, Schema};
use super::stored_state::{SourceState, StoredState, other_version};
use super::types::Type;
use super::value::Value;

/// The change that [`Resource::plan`] plans.
#[derive(Debug)]
pub struct Change<M> {
    /// The configuration.
    pub config: M,
    /// The prior state; `None` for a creation.
    pub prior: Option<M>,
    /// The planned state, which `plan` may change. It starts with the configuration; attributes
    /// that are not configured have their default, their prior value, or are unknown.
    pub planned: M,
    /// Attributes whose planned value is equivalent to the prior one, such as the same duration in
    /// another unit. A change of them does not replace the resource.
    pub equivalent: Vec<&'static str>,
}

/// A managed resource.
///
/// Each operation returns the object that exists afterwards. An error by `?` means that the
/// operation changed nothing. If an object exists in spite of the error, add it with
/// [`leaving`](super::Leaving::leaving), so that Terraform records it and no orphan remains. Report
/// warnings with [`Context::report`].
///
/// [`create`](Self::create), [`read`](Self::read) and [`delete`](Self::delete) are required; the
/// other methods have defaults that suit a simple resource.
pub trait Resource: Send + Sync + 'static {
    /// The configuration, the plan and the state.
    type Model: Model;

    /// The client that [`Provider::configure`](super::Provider::configure) returns.
    type Client: Send + Sync + 'static;

    /// The type name, such as `notes_note`.
    const TYPE: &'static str;

    /// Returns the schema. Default: the schema of the model.
    fn schema(&self) -> Schema {
        Self::Model::schema()
    }

    /// Checks a configuration after its validators and rules. Values may be unknown. Must not send
    /// requests.
    fn validate(&self, _config: &Self::Model, _diagnostics: &mut Diagnostics) {}

    /// Plans a creation or an update, by changing `change.planned`. Default: no change.
    ///
    /// Terraform rejects a plan that changes a configured value: it must be as configured, or equal
    /// to the prior value.
    ///
    /// # Errors
    /// The reason why the change is impossible.
    fn plan(
        &self,
        _context: &Context<Self::Client>,
        _change: &mut Change<Self::Model>,
    ) -> impl Future<Output = Result<(), Diagnostics>> + Send {
        async { Ok(()) }
    }

    /// Warns before the resource is destroyed, if there is something that the user should know.
    ///
    /// # Errors
    /// The reason why it cannot be destroyed.
    fn plan_destroy(
        &self,
        _context: &Context<Self::Client>,
        _prior: &Self::Model,
    ) -> impl Future<Output = Result<(), Diagnostics>> + Send {
        async { Ok(()) }
    }

    /// Creates the object and returns its state.
    ///
    /// # Errors
    /// Nothing was created, unless the error [contains an object](super::Failed::leaves): Terraform
    /// records that one as tainted.
    fn create(
        &self,
        context: &Context<Self::Client>,
        planned: Self::Model,
    ) -> impl Future<Output = Outcome<Self::Model>> + Send;

    /// Returns the current state; `None` if the object definitely no longer exists.
    ///
    /// # Errors
    /// The state remains as it is, unless the error [contains an object](super::Failed::leaves).
    fn read(
        &self,
        context: &Context<Self::Client>,
        state: Self::Model,
    ) -> impl Future<Output = Outcome<Self::Model, Option<Self::Model>>> + Send;

    /// Updates the object from `prior` to `planned` and returns its state. Default: returns
    /// `planned`, for resources of which every change requires replacement.
    ///
    /// # Errors
    /// The object is still as in `prior`, unless the error [contains an
    /// object](super::Failed::leaves).
    fn update(
        &self,
        _context: &Context<Self::Client>,
        _prior: Self::Model,
        planned: Self::Model,
    ) -> impl Future<Output = Outcome<Self::Model>> + Send {
        async { Ok(planned) }
    }

    /// Deletes the object.
    ///
    /// # Errors
    /// The object still exists, as in `state` or as in the object that [the error
    /// contains](super::Failed::leaves).
    fn delete(
        &self,
        context: &Context<Self::Client>,
        state: Self::Model,
    ) -> impl Future<Output = Outcome<Self::Model, ()>> + Send;

    /// Reads the object with the id `id`, for `terraform import`; `None` if it does not exist.
    /// Default: calls `read` with a state in which only the attribute with the option `import` (or
    /// else `id`) is set.
    ///
    /// # Errors
    /// The reason why it cannot be imported.
    fn import(
        &self,
        context: &Context<Self::Client>,
        id: &str,
    ) -> impl Future<Output = Outcome<Self::Model, Option<Self::Model>>> + Send {
        async move {
            let attributes = Resource::schema(self).attributes;
            let marked = attributes.iter().find(|attribute| attribute.import_id);
            let is_id = |attribute: &&Attribute| attribute.name == "id" && attribute.ty.to_type() == Type::String;
            let Some(attribute) = marked.or_else(|| attributes.iter().find(is_id)) else {
                return Err(no_import(Self::TYPE).into());
            };
            let state = Value::Map([(attribute.name.to_string(), Value::String(id.to_owned()))].into());
            Resource::read(self, context, read_model(Self::TYPE, &state)?).await
        }
    }

    /// Checks whether the provider may operate on the object in `state`, which may belong to
    /// another account than the provider's. Default: it may.
    ///
    /// # Errors
    /// The reason why it may not. The operation does not run, and the state remains as it is.
    fn permits(
        &self,
        _context: &Context<Self::Client>,
        _state: &Self::Model,
    ) -> impl Future<Output = Result<(), Diagnostics>> + Send {
        async { Ok(()) }
    }

    /// Records in the private state where an object is located, after it was created or found.
    /// Default: does nothing.
    fn record_place(&self, _context: &Context<Self::Client>) {}

    /// Returns the name of the object in `state`, for diagnostics. Default: the type and the `id`.
    fn title(&self, _state: &Self::Model) -> Option<String> {
        None
    }

    /// Returns the schema of the resource identity (Terraform 1.12). Its required attributes are
    /// required for an import. Default: the attributes with the option `identity`.
    fn identity_schema(&self) -> Option<Schema> {
        Resource::schema(self).identity()
    }

    /// Returns the identity of the object in `state`. Attributes that cannot be known in a plan are
    /// unknown. Default: the values of the attributes with the option `identity`.
    fn identity(&self, _context: &Context<Self::Client>, state: &Value) -> Option<Identity> {
        let attributes = Resource::identity_schema(self)?.attributes.into_iter();
        let members = attributes.map(|attribute| {
            let value = state.get(&attribute.name).clone();
            (attribute.name.into_owned(), value)
        });
        Some(Identity(Value::Map(members.collect())))
    }

    /// Returns the id to [import](Resource::import) the object with this identity. Default: the
    /// only string of the identity.
    ///
    /// # Errors
    /// The object of this identity cannot be imported by this provider.
    fn import_id(&self, _context: &Context<Self::Client>, identity: &Identity) -> Result<String, Diagnostic> {
        let mut attributes = Resource::identity_schema(self)
            .map(|schema| schema.attributes)
            .unwrap_or_default();
        match (attributes.pop(), attributes.is_empty()) {
            (Some(only), true) => Ok(identity.text(&only.name).unwrap_or_default().to_owned()),
            _ => Err(Diagnostic::error(
                "Import by identity not supported",
                format!(
                    "A {} cannot be imported by its identity. Import it by its id.",
                    Self::TYPE
                ),
            )),
        }
    }

    /// Upgrades a state that an older `version` of the schema wrote. Default: fails.
    ///
    /// # Errors
    /// The reason why it cannot be upgraded.
    fn upgrade(&self, version: i64, _state: &StoredState) -> Result<Self::Model, Diagnostic> {
        Err(other_version(
            "state",
            Self::TYPE,
            version,
            Resource::schema(self).version,
        ))
    }

    /// Upgrades an identity that an older `version` of its schema wrote. Default: fails.
    ///
    /// # Errors
    /// The reason why it cannot be upgraded.
    fn upgrade_identity(&self, version: i64, _identity: &StoredState) -> Result<Identity, Diagnostic> {
        let current = Resource::identity_schema(self).map_or(0, |schema| schema.version);
        Err(other_version("identity", Self::TYPE, version, current))
    }

    /// Converts the state of another resource type, for a `moved` block. Must not send requests.
    /// Default: fails.
    ///
    /// # Errors
    /// The reason why it cannot be moved, and what to do instead.
    fn move_state(&self, from: &SourceState<'_>) -> Result<Self::Model, Diagnostic> {
        Err(from.refused(Self::TYPE, None))
    }
}

/// The result of planning a change.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The planned state.
    pub planned: Value,
    /// The attributes whose change requires replacement.
    pub requires_replace: Vec<AttributePath>,
}

/// A [`Resource`] of any model, as the server calls it.
///
/// Errors are reported to the context. Operations return the value that exists afterwards.
#[async_trait]
#[allow(missing_docs)] // each is the method of `Resource` of that name
pub trait DynResource<C>: Send + Sync {
    fn type_name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    fn validate(&self, config: &Value) -> Diagnostics;
    async fn plan(&self, context: &Context<C>, config: &Value, prior: &Value, proposed: Value) -> Option<Plan>;
    async fn apply(&self, context: &Context<C>, prior: Value, planned: Value) -> Value;
    async fn read(&self, context: &Context<C>, state: Value) -> Value;
    async fn import(&self, context: &Context<C>, id: &str) -> Option<Value>;
    fn identity_schema(&self) -> Option<Schema>;
    fn identity(&self, context: &Context<C>, state: &Value) -> Option<Identity>;
    fn import_id(&self, context: &Context<C>, identity: &Identity) -> Result<String, Diagnostic>;
    fn upgrade(&self, version: i64, state: &StoredState) -> Result<Value, Diagnostic>;
    fn upgrade_identity(&self, version: i64, identity: &StoredState) -> Result<Identity, Diagnostic>;
    fn move_state(&self, from: &SourceState<'_>) -> Result<Value, Diagnostic>;
}

#[async_trait]
impl<C: Send + Sync + 'static, R: Resource<Client = C>> DynResource<C> for R {
    fn type_name(&self) -> &'static str {
        R::TYPE
    }

    fn schema(&self) -> Schema {
        Resource::schema(self)
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let mut diagnostics = Resource::schema(self).validate(config);
        if let Some(config) = diagnostics.ok(read_model(R::TYPE, config)) {
            Resource::validate(self, &config, &mut diagnostics);
        }
        diagnostics
    }

    async fn plan(&self, context: &Context<C>, config: &Value, prior: &Value, proposed: Value) -> Option<Plan> {
        let unchanged = |planned| {
            Some(Plan {
                planned,
                requires_replace: Vec::new(),
            })
        };
        let prior_model: Option<R::Model> = match prior.is_null() {
            true => None,
            false => Some(ok_or_report(context, read_model(R::TYPE, prior))?),
        };
        if let Some(prior) = &prior_model
            && ok_or_report(context, Resource::permits(self, context, prior).await).is_none()
        {
            return unchanged(proposed);
        }
        if proposed.is_null() {
            if let Some(prior) = &prior_model {
                ok_or_report(context, Resource::plan_destroy(self, context, prior).await);
            }
            return unchanged(Value::Null);
        }
        let schema = Resource::schema(self);
        let proposed = schema.propose(config, prior, proposed);
        let mut change = Change {
            config: ok_or_report(context, read_model(R::TYPE, config))?,
            prior: prior_model,
            planned: ok_or_report(context, read_model(R::TYPE, &proposed))?,
            equivalent: Vec::new(),
        };
        ok_or_report(context, Resource::plan(self, context, &mut change).await);
        let planned = keep_unchanged_exact(change.planned, &proposed);
        let mut requires_replace = schema.requires_replace(prior, &planned);
        requires_replace.retain(|path| !change.equivalent.iter().any(|name| path == name));
        Some(Plan {
            planned,
            requires_replace,
        })
    }

    async fn apply(&self, context: &Context<C>, prior: Value, planned: Value) -> Value {
        // If a model cannot be read, nothing changes.
        let read = |value| ok_or_report(context, read_model::<R::Model>(R::TYPE, value));
        match (prior.is_null(), planned.is_null()) {
            (true, true) => Value::Null,
            (true, false) => {
                let Some(model) = read(&planned) else {
                    return Value::Null;
                };
                let outcome = Resource::create(self, context, model).await;
                Resource::record_place(self, context);
                state_after(context, outcome.map(Some), &planned, || Value::Null)
            }
            (false, _) => {
                let Some(before) = read(&prior) else { return prior };
                if ok_or_report(context, Resource::permits(self, context, &before).await).is_none() {
                    require_error(context);
                    return prior;
                }
                if planned.is_null() {
                    let outcome = Resource::delete(self, context, before).await;
                    return state_after(context, outcome.map(|()| None), &prior, || prior.clone());
                }
                let Some(model) = read(&planned) else { return prior };
                let outcome = Resource::update(self, context, before, model).await;
                if outcome.is_ok() && !context.has_errors() {
                    Resource::record_place(self, context);
                }
                state_after(context, outcome.map(Some), &planned, || prior.clone())
            }
        }
    }

    async fn read(&self, context: &Context<C>, state: Value) -> Value {
        let Some(model) = ok_or_report(context, read_model::<R::Model>(R::TYPE, &state)) else {
            return state;
        };
        let title = Resource::title(self, &model).unwrap_or_else(|| match state.get("id") {
            Value::String(id) => format!("{} {id:?}", R::TYPE),
            _ => R::TYPE.to_owned(),
        });
        if ok_or_report(context, Resource::permits(self, context, &model).await).is_none() {
            return state;
        }
        let outcome = Resource::read(self, context, model).await;
        let is_gone = matches!(outcome, Ok(None));
        let now = state_after(context, outcome, &state, || state.clone());
        if is_gone {
            context.report_once(deleted_outside(&title));
        } else if now == state && !context.has_errors() {
            // If the object differs from the state, it may be another one of the same name in
            // another account.
            Resource::record_place(self, context);
        }
        now
    }

    async fn import(&self, context: &Context<C>, id: &str) -> Option<Value> {
        let outcome = Resource::import(self, context, id).await;
        Resource::record_place(self, context);
        if matches!(outcome, Ok(None)) && !context.has_errors() {
            context.report(import_not_found(R::TYPE, id));
        }
        Some(state_after(context, outcome, &Value::Null, || Value::Null)).filter(|state| !state.is_null())
    }

    fn identity_schema(&self) -> Option<Schema> {
        Resource::identity_schema(self)
    }

    fn identity(&self, context: &Context<C>, state: &Value) -> Option<Identity> {
        Resource::identity(self, context, state)
    }

    fn import_id(&self, context: &Context<C>, identity: &Identity) -> Result<String, Diagnostic> {
        Resource::import_id(self, context, identity)
    }

    fn upgrade(&self, version: i64, state: &StoredState) -> Result<Value, Diagnostic> {
        let schema = Resource::schema(self);
        match version.cmp(&schema.version) {
            std::cmp::Ordering::Equal => state.value(&schema.object_type()),
            std::cmp::Ordering::Less => Resource::upgrade(self, version, state).map(Model::into_value),
            std::cmp::Ordering::Greater => Err(other_version("state", R::TYPE, version, schema.version)),
        }
    }

    fn upgrade_identity(&self, version: i64, identity: &StoredState) -> Result<Identity, Diagnostic> {
        let schema = Resource::identity_schema(self).unwrap_or_default();
        match version.cmp(&schema.version) {
            std::cmp::Ordering::Equal => identity.value(&schema.object_type()).map(Identity),
            std::cmp::Ordering::Less => Resource::upgrade_identity(self, version, identity),
            std::cmp::Ordering::Greater => Err(other_version("identity", R::TYPE, version, schema.version)),
        }
    }

    fn move_state(&self, from: &SourceState<'_>) -> Result<Value, Diagnostic> {
        Resource::move_state(self, from).map(Model::into_value)
    }
}

/// Returns the success, or reports the error.
pub(super) fn ok_or_report<C, T>(context: &Context<C>, result: Result<T, impl Into<Diagnostics>>) -> Option<T> {
    context.diagnostics().ok(result)
}

/// Converts a model that an operation returned. Parts that are as in `origin` keep its exact value.
pub(super) fn keep_unchanged_exact<M: Model>(model: M, origin: &Value) -> Value {
    match M::from_value(origin) {
        Ok(held) => restore_unchanged(model.into_value(), &held.into_value(), origin),
        Err(_) => model.into_value(),
    }
}

/// Returns the value that exists after an operation on `origin`, and reports errors. `before`
/// returns the prior value.
fn state_after<C, M: Model>(
    context: &Context<C>,
    outcome: Outcome<M, Option<M>>,
    origin: &Value,
    before: impl FnOnce() -> Value,
) -> Value {
    match outcome {
        Ok(exists) => exists.map_or(Value::Null, |model| keep_unchanged_exact(model, origin)),
        Err(Failed { diagnostics, leaves }) => {
            context.diagnostics().extend(diagnostics);
            require_error(context);
            leaves.map_or_else(before, |model| keep_unchanged_exact(model, origin))
        }
    }
}

/// Reports an error if none was reported. Otherwise Terraform would take the failure for a success.
fn require_error<C>(context: &Context<C>) {
    if !context.has_errors() {
        context.report(Diagnostic::error(
            "Operation failed without an error",
            "The provider failed without reporting a reason. This is a bug in the provider; please report it.",
        ));
    }
}

/// Returns the warning of a refresh that removes a resource from the state. The summary contains
/// the name, because Terraform shows only the first of several warnings with the same summary.
fn deleted_outside(title: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{title} was deleted outside Terraform"),
        "It no longer exists on the platform, so it is removed from the state. If the configuration still declares it, \
         the plan recreates it.",
    )
}

/// Returns the error of an import that found nothing. Without an error, Terraform would report
/// success.
fn import_not_found(type_name: &str, id: &str) -> Diagnostic {
    Diagnostic::error(
        "Nothing to import",
        format!(
            "There is no {type_name} with the id {id:?}. Check the id, and the account that the provider is configured for."
        ),
    )
}

/// Returns the error of an import of a resource that has no id.
fn no_import(type_name: &str) -> Diagnostic {
    Diagnostic::error(
        "Import not supported",
        format!(
            "A {type_name} has no id to import it by. Terraform can create one, but cannot import an existing one."
        ),
    )
}

#[cfg(test)]
mod tests;
