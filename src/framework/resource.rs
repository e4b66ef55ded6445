//! Managed resources.

use async_trait::async_trait;

use super::context::Context;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::model::{Model, model, read_model};
use super::schema::{Attribute, Presence, Schema};
use super::value::Value;

/// A change that Terraform asks a resource to plan.
#[derive(Debug)]
pub struct Change<M> {
    /// What the user wrote.
    pub config: M,
    /// What is there now; `None` if the resource is to be created.
    pub prior: Option<M>,
    /// What will be there: the configuration, and for what it leaves out the prior value, or unknown at creation.
    pub planned: M,
    /// The attributes whose planned value says the same as the prior one in another way: their change does not replace.
    pub equivalent: Vec<&'static str>,
}

/// The state of a resource of another type that a `moved` block wants to be taken over. It may hold secrets.
pub struct MovedState<'a> {
    /// The address of the provider that it is of, as `registry.terraform.io/<namespace>/<name>`.
    pub provider: &'a str,
    /// The type of resource that it is of.
    pub type_name: &'a str,
    /// The version of its schema.
    pub schema_version: i64,
    /// Its attributes, as they lie in the state file.
    pub attributes: &'a serde_json::Value,
}

impl MovedState<'_> {
    /// The text at a JSON pointer into the attributes, such as `/name`.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.attributes.pointer(pointer)?.as_str()
    }

    /// Why a resource of the type `target` does not take it over, and what to do instead.
    pub fn refused(&self, target: &str, advice: Option<String>) -> Diagnostic {
        let advice = advice.unwrap_or_else(|| {
            "One does not hold what the other needs. Remove the block, and let the plan show what would be destroyed and \
             made instead."
                .to_owned()
        });
        let source = self.type_name;
        Diagnostic::error(
            "Cannot be moved",
            format!("A {source} cannot become a {target} by a `moved` block. {advice}"),
        )
    }
}

model! {
    /// The identity of resources that have none.
    pub struct NoIdentity {}
}

/// A managed resource.
///
/// Each operation returns what exists after it, *whether or not* it also tells of an error: what is returned is what
/// Terraform will know. An operation that made half of its way returns the half.
#[async_trait]
pub trait Resource: Send + Sync + 'static {
    /// Its configuration, plan and state.
    type Model: Model;

    /// What tells its object from all others, also beyond Terraform; [`NoIdentity`] if there is nothing such.
    type Identity: Model;

    /// Its type, such as `striim_pat_status`.
    const TYPE: &'static str;

    /// Its schema.
    fn schema(&self) -> Schema;

    /// Judges a configuration by itself. Values may be unknown. Asks nobody.
    fn validate(&self, config: &Self::Model, diagnostics: &mut Diagnostics);

    /// Decides what a creation or an update will lead to: changes `change.planned`.
    ///
    /// Terraform holds the result to the configuration: a value that the user set stays as written or as it was before.
    async fn plan(&self, context: &Context, change: &mut Change<Self::Model>, diagnostics: &mut Diagnostics);

    /// Says what the user should know before the resource is destroyed.
    async fn plan_destroy(&self, _context: &Context, _prior: &Self::Model, _diagnostics: &mut Diagnostics) {}

    /// Makes what was planned. `None`: nothing was made.
    async fn create(
        &self,
        context: &Context,
        planned: Self::Model,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self::Model>;

    /// What is there now. `None`: it is gone, for certain.
    async fn read(&self, context: &Context, state: Self::Model, diagnostics: &mut Diagnostics) -> Option<Self::Model>;

    /// Turns `prior` into `planned`.
    async fn update(
        &self,
        context: &Context,
        prior: Self::Model,
        planned: Self::Model,
        diagnostics: &mut Diagnostics,
    ) -> Self::Model;

    /// Ends it. `None`: it is gone.
    async fn delete(&self, context: &Context, state: Self::Model, diagnostics: &mut Diagnostics)
    -> Option<Self::Model>;

    /// Finds what exists under `id`, for `terraform import`. `None`, with an error, if it does not exist.
    async fn import(&self, context: &Context, id: &str, diagnostics: &mut Diagnostics) -> Option<Self::Model>;

    /// Whether the provider may work on what `state` describes, which may be in another account than the provider's.
    /// `false`, with an error: no operation runs, and the state stays as it is.
    async fn permits(&self, _context: &Context, _state: &Self::Model, _diagnostics: &mut Diagnostics) -> bool {
        true
    }

    /// Records in the private state where an object is that was found or made as its state says.
    fn record_place(&self, _context: &Context) {}

    /// The name of what `state` describes, for a diagnostic. Default: its type and its `id`.
    fn title(&self, _state: &Self::Model) -> Option<String> {
        None
    }

    /// The schema of its identity, for Terraform 1.12 and later: what is required is so for an import.
    fn identity_schema(&self) -> Option<Schema> {
        None
    }

    /// The identity of what `state` describes. What cannot be told in a plan is unknown.
    fn identity(&self, _state: &Self::Model) -> Option<Self::Identity> {
        None
    }

    /// The id to [import](Resource::import) what has this identity.
    ///
    /// # Errors
    ///
    /// What to tell the user if it is the identity of nothing that can be imported here.
    fn import_id(&self, _identity: Self::Identity) -> Result<String, Diagnostic> {
        Err(Diagnostic::error(
            "No identity",
            format!("{} has no identity to be imported by. Import it by its id.", Self::TYPE),
        ))
    }

    /// Takes over the state of another type, for a `moved` block. Asks nobody.
    ///
    /// # Errors
    ///
    /// Why not, and what to do instead.
    fn take_over(&self, from: &MovedState<'_>) -> Result<Self::Model, Diagnostic> {
        Err(from.refused(Self::TYPE, None))
    }
}

/// What a plan came to.
pub struct Plan {
    /// What will be there.
    pub planned: Value,
    /// The attributes whose change asks for a new resource.
    pub(crate) replaces: Vec<&'static str>,
}

/// Any [`Resource`], whatever its model: what the server calls.
#[async_trait]
#[allow(missing_docs)] // each is the method of `Resource` of that name
pub trait AnyResource: Send + Sync {
    fn type_name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics);
    async fn plan(
        &self,
        context: &Context,
        config: &Value,
        prior: &Value,
        proposed: Value,
        diagnostics: &mut Diagnostics,
    ) -> Option<Plan>;
    async fn apply(&self, context: &Context, prior: Value, planned: Value, diagnostics: &mut Diagnostics) -> Value;
    async fn read(&self, context: &Context, state: Value, diagnostics: &mut Diagnostics) -> Value;
    async fn import(&self, context: &Context, id: &str, diagnostics: &mut Diagnostics) -> Option<Value>;
    fn identity_schema(&self) -> Option<Schema>;
    fn identity(&self, state: &Value) -> Option<Value>;
    fn import_id(&self, identity: &Value, diagnostics: &mut Diagnostics) -> Option<String>;
    fn take_over(&self, from: &MovedState<'_>, diagnostics: &mut Diagnostics) -> Option<Value>;
}

#[async_trait]
impl<R: Resource> AnyResource for R {
    fn type_name(&self) -> &'static str {
        R::TYPE
    }

    fn schema(&self) -> Schema {
        Resource::schema(self)
    }

    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics) {
        if let Some(config) = read_model(R::TYPE, config, diagnostics) {
            Resource::validate(self, &config, diagnostics);
        }
    }

    async fn plan(
        &self,
        context: &Context,
        config: &Value,
        prior: &Value,
        proposed: Value,
        diagnostics: &mut Diagnostics,
    ) -> Option<Plan> {
        let prior_model = if prior.is_null() {
            None
        } else {
            Some(read_model(R::TYPE, prior, diagnostics)?)
        };
        if let Some(prior) = &prior_model
            && !Resource::permits(self, context, prior, diagnostics).await
        {
            return Some(Plan {
                planned: proposed,
                replaces: Vec::new(),
            });
        }
        if proposed.is_null() {
            if let Some(prior) = &prior_model {
                Resource::plan_destroy(self, context, prior, diagnostics).await;
            }
            return Some(Plan {
                planned: Value::Null,
                replaces: Vec::new(),
            });
        }
        let schema = Resource::schema(self);
        let proposed = if prior.is_null() {
            with_unknowns(&schema, config, proposed)
        } else {
            proposed
        };
        let proposed = with_empty_texts(&schema, config, prior, proposed);
        let mut change = Change {
            config: read_model(R::TYPE, config, diagnostics)?,
            prior: prior_model,
            planned: read_model(R::TYPE, &proposed, diagnostics)?,
            equivalent: Vec::new(),
        };
        Resource::plan(self, context, &mut change, diagnostics).await;
        let Change {
            planned, equivalent, ..
        } = change;
        let planned = planned.into_value();
        // What must be set was not known where it is null: an import could not tell it. Its first declaration is no change.
        let unknown =
            |attribute: &Attribute| attribute.presence == Presence::Required && prior.get(attribute.name).is_null();
        let changed = |attribute: &Attribute| {
            let name = attribute.name;
            !prior.is_null() && !unknown(attribute) && differs(attribute, prior.get(name), planned.get(name))
        };
        let replaces = schema
            .attributes
            .iter()
            .filter(|attribute| attribute.replaces && !attribute.write_only && changed(attribute))
            .filter(|attribute| !equivalent.contains(&attribute.name));
        let replaces = replaces.map(|attribute| attribute.name).collect();
        Some(Plan { planned, replaces })
    }

    async fn apply(&self, context: &Context, prior: Value, planned: Value, diagnostics: &mut Diagnostics) -> Value {
        // A model that cannot be read leaves things as they are.
        let exists = match (prior.is_null(), planned.is_null()) {
            (true, true) => return Value::Null,
            (true, false) => match read_model(R::TYPE, &planned, diagnostics) {
                Some(planned) => {
                    let created = Resource::create(self, context, planned, diagnostics).await;
                    Resource::record_place(self, context);
                    created
                }
                None => None,
            },
            (false, true) => match read_model(R::TYPE, &prior, diagnostics) {
                Some(state) if !Resource::permits(self, context, &state, diagnostics).await => return prior,
                Some(state) => Resource::delete(self, context, state, diagnostics).await,
                None => return prior,
            },
            (false, false) => match (
                read_model(R::TYPE, &prior, diagnostics),
                read_model(R::TYPE, &planned, diagnostics),
            ) {
                (Some(before), Some(planned)) => {
                    if !Resource::permits(self, context, &before, diagnostics).await {
                        return prior;
                    }
                    let updated = Resource::update(self, context, before, planned, diagnostics).await;
                    if !diagnostics.has_errors() {
                        Resource::record_place(self, context);
                    }
                    Some(updated)
                }
                _ => return prior,
            },
        };
        exists.map_or(Value::Null, Model::into_value)
    }

    async fn read(&self, context: &Context, state: Value, diagnostics: &mut Diagnostics) -> Value {
        match read_model(R::TYPE, &state, diagnostics) {
            Some(model) => {
                let title = Resource::title(self, &model).unwrap_or_else(|| match state.get("id") {
                    Value::String(id) => format!("{} {id:?}", R::TYPE),
                    _ => R::TYPE.to_owned(),
                });
                if !Resource::permits(self, context, &model, diagnostics).await {
                    return state;
                }
                match Resource::read(self, context, model, diagnostics).await {
                    Some(exists) => {
                        let exists = exists.into_value();
                        // What differs may be something else of the same name, in another account.
                        if exists == state && !diagnostics.has_errors() {
                            Resource::record_place(self, context);
                        }
                        exists
                    }
                    None => {
                        diagnostics.push(deleted_outside(&title));
                        Value::Null
                    }
                }
            }
            None => state,
        }
    }

    async fn import(&self, context: &Context, id: &str, diagnostics: &mut Diagnostics) -> Option<Value> {
        let imported = Resource::import(self, context, id, diagnostics).await;
        Resource::record_place(self, context);
        imported.map(Model::into_value)
    }

    fn identity_schema(&self) -> Option<Schema> {
        Resource::identity_schema(self)
    }

    fn identity(&self, state: &Value) -> Option<Value> {
        let state = R::Model::from_value(state).ok()?;
        Resource::identity(self, &state).map(Model::into_value)
    }

    fn import_id(&self, identity: &Value, diagnostics: &mut Diagnostics) -> Option<String> {
        let identity = read_model(R::TYPE, identity, diagnostics)?;
        diagnostics.ok(Resource::import_id(self, identity))
    }

    fn take_over(&self, from: &MovedState<'_>, diagnostics: &mut Diagnostics) -> Option<Value> {
        diagnostics.ok(Resource::take_over(self, from)).map(Model::into_value)
    }
}

/// At creation, what the provider will set and the user left out is unknown.
fn with_unknowns(schema: &Schema, config: &Value, mut proposed: Value) -> Value {
    if let Value::Map(members) = &mut proposed {
        for attribute in &schema.attributes {
            if attribute.is_computed() && config.get(attribute.name).is_null() {
                members.insert(attribute.name.to_owned(), Value::Unknown);
            }
        }
    }
    proposed
}

/// Fills in what was left out and may be empty. The prior spelling of none stays, so that it is no difference.
fn with_empty_texts(schema: &Schema, config: &Value, prior: &Value, mut proposed: Value) -> Value {
    if let Value::Map(members) = &mut proposed {
        let left_out = |attribute: &&Attribute| attribute.empty_is_none && config.get(attribute.name).is_null();
        for attribute in schema.attributes.iter().filter(left_out) {
            let before = Some(prior.get(attribute.name)).filter(|before| !prior.is_null() && is_none(before));
            let value = before.cloned().unwrap_or_else(|| Value::String(String::new()));
            members.insert(attribute.name.to_owned(), value);
        }
    }
    proposed
}

/// Whether there is a difference that matters. Terraform insists on a configured empty text where there was null.
fn differs(attribute: &Attribute, before: &Value, after: &Value) -> bool {
    before != after && !(attribute.empty_is_none && is_none(before) && is_none(after))
}

fn is_none(text: &Value) -> bool {
    match text {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        _ => false,
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
