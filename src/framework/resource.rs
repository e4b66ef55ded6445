//! Managed resources.

use std::future::Future;

use async_trait::async_trait;

use super::context::Context;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::identity::Identity;
use super::model::{Model, read_model};
use super::outcome::{Failed, Outcome};
use super::path::AttributePath;
use super::plan::with_exact_parts;
use super::schema::{Attribute, Schema};
use super::stored_state::{SourceState, StoredState, other_version};
use super::types::Type;
use super::value::Value;

/// A change that Terraform asks a resource to plan.
#[derive(Debug)]
pub struct Change<M> {
    /// What the user wrote.
    pub config: M,
    /// What is there now; `None` if the resource is to be created.
    pub prior: Option<M>,
    /// What will be there: the configuration, and for what it leaves out a default, the prior value, or unknown.
    pub planned: M,
    /// The attributes whose planned value says the same as the prior one in another way: their change does not replace.
    pub equivalent: Vec<&'static str>,
}

/// A managed resource.
///
/// Each operation returns what exists after it. An error by `?` means that it changed nothing; one with
/// [`leaving`](super::Leaving::leaving) carries what exists in spite of it, and so nothing is lost. Warnings go to
/// [`Context::report`].
///
/// Required are [`create`](Self::create), [`read`](Self::read) and [`delete`](Self::delete); the other methods have
/// defaults that suit a simple resource.
pub trait Resource: Send + Sync + 'static {
    /// Its configuration, plan and state.
    type Model: Model;

    /// What [`Provider::configure`](super::Provider::configure) returned.
    type Client: Send + Sync + 'static;

    /// Its type, such as `notes_note`.
    const TYPE: &'static str;

    /// Its schema. Default: that of the model.
    fn schema(&self) -> Schema {
        Self::Model::schema()
    }

    /// Checks a configuration by itself, after its validators and rules. Values may be unknown. No request is sent.
    fn validate(&self, _config: &Self::Model, _diagnostics: &mut Diagnostics) {}

    /// Decides what a creation or an update will lead to: changes `change.planned`.
    ///
    /// Terraform compares the result with the configuration: a value that the user set stays as written or as it was.
    ///
    /// # Errors
    /// Why the change is impossible.
    fn plan(
        &self,
        _context: &Context<Self::Client>,
        _change: &mut Change<Self::Model>,
    ) -> impl Future<Output = Result<(), Diagnostics>> + Send {
        async { Ok(()) }
    }

    /// Warns about what the user should know before the resource is destroyed.
    ///
    /// # Errors
    /// Why it cannot be destroyed.
    fn plan_destroy(
        &self,
        _context: &Context<Self::Client>,
        _prior: &Self::Model,
    ) -> impl Future<Output = Result<(), Diagnostics>> + Send {
        async { Ok(()) }
    }

    /// Creates what was planned, and returns it.
    ///
    /// # Errors
    /// Nothing was created, or [what the error leaves](super::Failed::leaves): Terraform records it as tainted.
    fn create(
        &self,
        context: &Context<Self::Client>,
        planned: Self::Model,
    ) -> impl Future<Output = Outcome<Self::Model>> + Send;

    /// Returns what is there now; `None` if it is gone, for certain.
    ///
    /// # Errors
    /// The state stays as it is, or becomes [what the error leaves](super::Failed::leaves).
    fn read(
        &self,
        context: &Context<Self::Client>,
        state: Self::Model,
    ) -> impl Future<Output = Outcome<Self::Model, Option<Self::Model>>> + Send;

    /// Changes `prior` into `planned`, and returns what is there then. Default: `planned`, for a resource of which every
    /// change replaces it.
    ///
    /// # Errors
    /// `prior` is still there, or [what the error leaves](super::Failed::leaves).
    fn update(
        &self,
        _context: &Context<Self::Client>,
        _prior: Self::Model,
        planned: Self::Model,
    ) -> impl Future<Output = Outcome<Self::Model>> + Send {
        async { Ok(planned) }
    }

    /// Deletes it.
    ///
    /// # Errors
    /// It is still there, as `state` or as [what the error leaves](super::Failed::leaves).
    fn delete(
        &self,
        context: &Context<Self::Client>,
        state: Self::Model,
    ) -> impl Future<Output = Outcome<Self::Model, ()>> + Send;

    /// Finds what exists under `id`, for `terraform import`; `None` if there is no such thing. Default: reads the state in
    /// which the attribute with the option `import`, or else `id`, is `id`, and all others are null.
    ///
    /// # Errors
    /// Why it cannot be imported.
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

    /// Whether the provider may work on what `state` describes, which may be in another account than the provider's.
    ///
    /// # Errors
    /// Why not: no operation runs, and the state stays as it is.
    fn permits(
        &self,
        _context: &Context<Self::Client>,
        _state: &Self::Model,
    ) -> impl Future<Output = Result<(), Diagnostics>> + Send {
        async { Ok(()) }
    }

    /// Records in the private state where an object is that was found or created as its state says.
    fn record_place(&self, _context: &Context<Self::Client>) {}

    /// The name of what `state` describes, for a diagnostic. Default: its type and its `id`.
    fn title(&self, _state: &Self::Model) -> Option<String> {
        None
    }

    /// The schema of its identity, for Terraform 1.12 and later: what is required is so for an import. Default: the
    /// attributes with the option `identity`.
    fn identity_schema(&self) -> Option<Schema> {
        Resource::schema(self).identity()
    }

    /// The identity of what `state` describes. What cannot be known in a plan is unknown. Default: the values of the
    /// attributes with the option `identity`.
    fn identity(&self, _context: &Context<Self::Client>, state: &Value) -> Option<Identity> {
        let attributes = Resource::identity_schema(self)?.attributes.into_iter();
        let members = attributes.map(|attribute| {
            let value = state.get(&attribute.name).clone();
            (attribute.name.into_owned(), value)
        });
        Some(Identity(Value::Map(members.collect())))
    }

    /// The id to [import](Resource::import) what has this identity. Default: the only text of the identity.
    ///
    /// # Errors
    /// The identity is of nothing that can be imported here.
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

    /// Upgrades a state that an older `version` of the schema wrote. Default: an error.
    ///
    /// # Errors
    /// Why it cannot be upgraded.
    fn upgrade(&self, version: i64, _state: &StoredState) -> Result<Self::Model, Diagnostic> {
        Err(other_version(
            "state",
            Self::TYPE,
            version,
            Resource::schema(self).version,
        ))
    }

    /// Upgrades an identity that an older `version` of its schema wrote. Default: an error.
    ///
    /// # Errors
    /// Why it cannot be upgraded.
    fn upgrade_identity(&self, version: i64, _identity: &StoredState) -> Result<Identity, Diagnostic> {
        let current = Resource::identity_schema(self).map_or(0, |schema| schema.version);
        Err(other_version("identity", Self::TYPE, version, current))
    }

    /// Takes over the state of another type, for a `moved` block. No request is sent. Default: an error.
    ///
    /// # Errors
    /// Why not, and what to do instead.
    fn move_state(&self, from: &SourceState<'_>) -> Result<Self::Model, Diagnostic> {
        Err(from.refused(Self::TYPE, None))
    }
}

/// The outcome of a plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What will be there.
    pub planned: Value,
    /// The attributes whose change requires a replacement.
    pub requires_replace: Vec<AttributePath>,
}

/// Any [`Resource`] of a provider whose client is a `C`, whatever its model: what the server calls.
///
/// Errors are reported to the context. What an operation returns is what exists then.
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
            false => Some(reported(context, read_model(R::TYPE, prior))?),
        };
        if let Some(prior) = &prior_model
            && reported(context, Resource::permits(self, context, prior).await).is_none()
        {
            return unchanged(proposed);
        }
        if proposed.is_null() {
            if let Some(prior) = &prior_model {
                reported(context, Resource::plan_destroy(self, context, prior).await);
            }
            return unchanged(Value::Null);
        }
        let schema = Resource::schema(self);
        let proposed = schema.propose(config, prior, proposed);
        let mut change = Change {
            config: reported(context, read_model(R::TYPE, config))?,
            prior: prior_model,
            planned: reported(context, read_model(R::TYPE, &proposed))?,
            equivalent: Vec::new(),
        };
        reported(context, Resource::plan(self, context, &mut change).await);
        let planned = exact(change.planned, &proposed);
        let mut requires_replace = schema.requires_replace(prior, &planned);
        requires_replace.retain(|path| !change.equivalent.iter().any(|name| path == name));
        Some(Plan {
            planned,
            requires_replace,
        })
    }

    async fn apply(&self, context: &Context<C>, prior: Value, planned: Value) -> Value {
        // A model that cannot be read leaves things as they are.
        let read = |value| reported(context, read_model::<R::Model>(R::TYPE, value));
        match (prior.is_null(), planned.is_null()) {
            (true, true) => Value::Null,
            (true, false) => {
                let Some(model) = read(&planned) else {
                    return Value::Null;
                };
                let outcome = Resource::create(self, context, model).await;
                Resource::record_place(self, context);
                exists(context, outcome.map(Some), &planned, || Value::Null)
            }
            (false, _) => {
                let Some(before) = read(&prior) else { return prior };
                if reported(context, Resource::permits(self, context, &before).await).is_none() {
                    must_have_failed(context);
                    return prior;
                }
                if planned.is_null() {
                    let outcome = Resource::delete(self, context, before).await;
                    return exists(context, outcome.map(|()| None), &prior, || prior.clone());
                }
                let Some(model) = read(&planned) else { return prior };
                let outcome = Resource::update(self, context, before, model).await;
                if outcome.is_ok() && !context.has_errors() {
                    Resource::record_place(self, context);
                }
                exists(context, outcome.map(Some), &planned, || prior.clone())
            }
        }
    }

    async fn read(&self, context: &Context<C>, state: Value) -> Value {
        let Some(model) = reported(context, read_model::<R::Model>(R::TYPE, &state)) else {
            return state;
        };
        let title = Resource::title(self, &model).unwrap_or_else(|| match state.get("id") {
            Value::String(id) => format!("{} {id:?}", R::TYPE),
            _ => R::TYPE.to_owned(),
        });
        if reported(context, Resource::permits(self, context, &model).await).is_none() {
            return state;
        }
        let outcome = Resource::read(self, context, model).await;
        let is_gone = matches!(outcome, Ok(None));
        let now = exists(context, outcome, &state, || state.clone());
        if is_gone {
            context.report_once(deleted_outside(&title));
        } else if now == state && !context.has_errors() {
            // What differs may be something else of the same name, in another account.
            Resource::record_place(self, context);
        }
        now
    }

    async fn import(&self, context: &Context<C>, id: &str) -> Option<Value> {
        let outcome = Resource::import(self, context, id).await;
        Resource::record_place(self, context);
        if matches!(outcome, Ok(None)) && !context.has_errors() {
            context.report(nothing_to_import(R::TYPE, id));
        }
        Some(exists(context, outcome, &Value::Null, || Value::Null)).filter(|state| !state.is_null())
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

/// The success; errors are reported.
pub(super) fn reported<C, T>(context: &Context<C>, result: Result<T, impl Into<Diagnostics>>) -> Option<T> {
    context.diagnostics().ok(result)
}

/// The value of a model that an operation returned. What it left as it was in `origin` stays exactly so.
pub(super) fn exact<M: Model>(model: M, origin: &Value) -> Value {
    match M::from_value(origin) {
        Ok(held) => with_exact_parts(model.into_value(), &held.into_value(), origin),
        Err(_) => model.into_value(),
    }
}

/// What exists after an operation on `origin`; errors are reported. `before` is what existed before it.
fn exists<C, M: Model>(
    context: &Context<C>,
    outcome: Outcome<M, Option<M>>,
    origin: &Value,
    before: impl FnOnce() -> Value,
) -> Value {
    match outcome {
        Ok(exists) => exists.map_or(Value::Null, |model| exact(model, origin)),
        Err(Failed { diagnostics, leaves }) => {
            context.diagnostics().extend(diagnostics);
            must_have_failed(context);
            leaves.map_or_else(before, |model| exact(model, origin))
        }
    }
}

/// Reports an error unless there is one: Terraform would take the failure for a success.
fn must_have_failed<C>(context: &Context<C>) {
    if !context.has_errors() {
        context.report(Diagnostic::error(
            "Operation failed without an error",
            "The provider gave up and reported no reason. This is a bug in the provider; please report it.",
        ));
    }
}

/// The warning of a refresh that drops a resource from the state. The summary names it, because of several warnings with
/// the same summary Terraform shows only the first.
fn deleted_outside(title: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{title} was deleted outside Terraform"),
        "The platform no longer has it, so it leaves the state. Where the configuration still declares it, the plan creates \
         it again.",
    )
}

/// The error of an import that found nothing. Without it Terraform would report a success.
fn nothing_to_import(type_name: &str, id: &str) -> Diagnostic {
    Diagnostic::error(
        "Nothing to import",
        format!(
            "There is no {type_name} with the id {id:?}. Check the id, and the account that the provider works with."
        ),
    )
}

/// The error of an import of a resource that has no id.
fn no_import(type_name: &str) -> Diagnostic {
    Diagnostic::error(
        "Import not supported",
        format!(
            "A {type_name} has no id by which it could be imported. Terraform can create one, but cannot adopt one that exists."
        ),
    )
}

#[cfg(test)]
mod tests;
