//! Models: the Rust struct behind a schema, one field an attribute.

use std::collections::BTreeMap;

pub use token_providers_derive::Model;

use super::attribute_value::AttributeValue;
use super::diagnostic::Diagnostic;
use super::invalid_value::InvalidValue;
use super::path::AttributePath;
use super::schema::{AttributeType, Nesting, Schema};
use super::value::Value;

/// A struct that is the schema of something of a provider, its documentation, and its configuration, plan or state.
///
/// It is derived. Each field is an attribute of the same name and has the type [`Field<T>`](super::Field);
/// [`AttributeValue`](super::AttributeValue) has a table of the types. Doc comments become the descriptions in the
/// registry, in Markdown; the lines of a paragraph are joined.
///
/// ```
/// use token_providers::framework::{Field, Model, Set};
/// use secrecy::SecretString;
///
/// /// A note in a folder.
/// ///
/// /// A second paragraph of its page in the registry.
/// #[derive(Model, Clone, Debug, Default)]
/// #[model(version = 2, conflicting("body", "template"))]
/// struct Note {
///     /// Its title.
///     #[attribute(required, requires_replace, length = 1..=80)]
///     title: Field<String>,
///     /// Its text.
///     #[attribute(optional)]
///     body: Field<String>,
///     /// Its text, with placeholders.
///     #[attribute(optional)]
///     template: Field<String>,
///     /// Its format.
///     #[attribute(default = "markdown", one_of = ["markdown", "plain"])]
///     format: Field<String>,
///     /// Its tags.
///     #[attribute(optional)]
///     tags: Field<Set<String>>,
///     /// What it refers to.
///     #[attribute(optional)]
///     links: Field<Vec<Link>>,
///     /// The number of its current text.
///     #[attribute(computed)]
///     revision: Field<i64>,
///     #[attribute(flatten)]
///     access: Access,
/// }
///
/// #[derive(Model, Clone, Debug, Default)]
/// struct Link {
///     /// Where it leads.
///     #[attribute(required, check = is_https)]
///     url: Field<String>,
/// }
///
/// fn is_https(url: &str) -> Result<(), &'static str> {
///     url.starts_with("https://").then_some(()).ok_or("must begin with https://")
/// }
///
/// /// Attributes that several resources share.
/// #[derive(Model, Clone, Debug, Default)]
/// struct Access {
///     /// The key to read it, which is sensitive by its type.
///     #[attribute(computed, use_state_for_unknown)]
///     key: Field<SecretString>,
/// }
///
/// let schema = Note::schema();
/// assert_eq!(schema.version, 2);
/// assert_eq!(schema.attributes.last().unwrap().name, "key");
/// assert!(schema.attributes.last().unwrap().sensitive);
/// ```
///
/// # Options of a field: `#[attribute(…)]`
///
/// | option | meaning |
/// |---|---|
/// | `required` | the user must set it |
/// | `optional` | the user may set it |
/// | `computed` | the provider sets it; with `optional`, where the user does not |
/// | `default = value` | the value where the user sets none |
/// | `flatten` | the field is a group: a model whose attributes stand among those of this one |
/// | `requires_replace` | a change replaces the resource |
/// | `requires_replace_if(condition, "description")` | a change does, if `condition(&prior, &planned)` holds |
/// | `use_state_for_unknown` | computed: it stays through updates; without it, any update makes it unknown in the plan |
/// | `planned` | computed: it stays through updates unless [`Resource::plan`](super::Resource::plan) changes it |
/// | `sensitive` | Terraform hides it; a `SecretString` is sensitive without it |
/// | `write_only` | no plan and no state holds it (Terraform 1.11) |
/// | `empty_is_null` | an empty text means the same as none |
/// | `length = 1..=80` | the length of a text in characters, or of a collection |
/// | `range = 1..=65535` | the range of a number, or of each element of a collection |
/// | `one_of = ["a", "b"]` | the texts that are valid, alone or as elements of a collection |
/// | `check = function` | `fn(&T) -> Result<(), impl Display>`, or `fn(&str)` for a text, as in "must begin with https://" |
/// | `validate = validator` | a [`Validator`](super::Validator) |
/// | `conflicts_with("other")`, `requires("other")` | how it goes with other attributes; unknown ones are waited for |
/// | `import` | the id of `terraform import`; where no attribute has it, `id` is |
/// | `identity` | it belongs to the resource's identity |
/// | `deprecated = "message"` | setting it is a warning |
/// | `description = expression` | the description, instead of a doc comment |
///
/// The members of nested objects have the same options, except `import` and `identity`. In an update, the objects of a list
/// correspond by their place, as everywhere in Terraform: an id that stays through updates belongs in a map or a set.
/// The objects of a set have no place: they correspond by what the user sets, so two of them should differ in something
/// without `default` or `computed`.
///
/// # Options of the struct: `#[model(…)]`
///
/// | option | meaning |
/// |---|---|
/// | `version = 1` | the version of the schema; without it 0 |
/// | `conflicting("a", "b")`, `exactly_one_of("a", "b")`, `at_least_one_of("a", "b")` | how attributes go together |
/// | `rule = rule` | a [`Rule`](super::Rule) |
/// | `description = expression`, `deprecated = "message"` | as for a field |
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a model nor the type of an attribute's value",
    note = "a struct becomes a model by `#[derive(Model)]`",
    note = "`AttributeValue` has a table of the other types, such as `i64` and `f64` for numbers"
)]
pub trait Model: Sized + Send + Sync + 'static {
    /// Adds the description and the version.
    fn describe(schema: &mut Schema);

    /// Adds the attributes, and the rules about how they go together.
    fn add_attributes(schema: &mut Schema);

    /// Reads an object of the schema's type at `path`.
    ///
    /// # Errors
    /// If a value does not fit.
    fn read(object: &Value, path: &AttributePath) -> Result<Self, InvalidValue>;

    /// Adds the values of the attributes.
    fn write(self, members: &mut BTreeMap<String, Value>);

    /// The schema.
    fn schema() -> Schema {
        let mut schema = Schema::default();
        Self::describe(&mut schema);
        Self::add_attributes(&mut schema);
        schema
    }

    /// Reads an object of the schema's type.
    ///
    /// # Errors
    /// If a value does not fit.
    fn from_value(object: &Value) -> Result<Self, InvalidValue> {
        Self::read(object, &AttributePath::root())
    }

    /// The object of the schema's type.
    fn into_value(self) -> Value {
        let mut members = BTreeMap::new();
        self.write(&mut members);
        Value::Map(members)
    }
}

/// An object within a model is a model itself.
impl<M: Model> AttributeValue for M {
    fn attribute_type() -> AttributeType {
        let schema = M::schema();
        AttributeType::Nested {
            nesting: Nesting::Single,
            attributes: schema.attributes,
            rules: schema.rules,
        }
    }

    fn read(value: &Value, path: &AttributePath) -> Result<Self, InvalidValue> {
        match value {
            Value::Map(_) => Model::read(value, path),
            value => Err(InvalidValue::new(path, value)),
        }
    }

    fn into_value(self) -> Value {
        Model::into_value(self)
    }
}

/// Reads the model of `what`, the type of a resource or data source.
pub(crate) fn read_model<M: Model>(what: &str, value: &Value) -> Result<M, Diagnostic> {
    M::from_value(value)
        .map_err(|invalid| Diagnostic::error(format!("Unreadable {what}"), format!("{invalid}.")).on(&invalid.path))
}
