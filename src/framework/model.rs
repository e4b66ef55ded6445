//! Models: Rust structs that define a schema, one field per attribute.

use std::collections::BTreeMap;

pub use token_providers_derive::Model;

use super::attribute_value::AttributeValue;
use super::diagnostic::Diagnostic;
use super::invalid_value::InvalidValue;
use super::path::AttributePath;
use super::schema::{AttributeType, Nesting, Schema};
use super::value::Value;

/// A struct that defines a schema and its documentation, and holds a configuration, a plan or a
/// state.
///
/// It is derived. Each field is an attribute of the same name and has the type
/// [`Field<T>`](super::Field); [`AttributeValue`](super::AttributeValue) lists the possible `T`.
/// Doc comments become the descriptions in the registry, in Markdown; the lines of a paragraph are
/// joined.
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
///     /// The title.
///     #[attribute(required, requires_replace, length = 1..=80)]
///     title: Field<String>,
///     /// The text.
///     #[attribute(optional)]
///     body: Field<String>,
///     /// The text, with placeholders.
///     #[attribute(optional)]
///     template: Field<String>,
///     /// The format.
///     #[attribute(default = "markdown", one_of = ["markdown", "plain"])]
///     format: Field<String>,
///     /// The tags.
///     #[attribute(optional)]
///     tags: Field<Set<String>>,
///     /// The links.
///     #[attribute(optional)]
///     links: Field<Vec<Link>>,
///     /// The number of times that it has changed.
///     #[attribute(computed)]
///     revision: Field<i64>,
///     #[attribute(flatten)]
///     access: Access,
/// }
///
/// #[derive(Model, Clone, Debug, Default)]
/// struct Link {
///     /// The address.
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
///     /// The key to read the note, which is sensitive because of its type.
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
/// | `computed` | the provider sets it; together with `optional`, it does where the user does not |
/// | `default = value` | the value where the configuration has none |
/// | `flatten` | the field is a group: a model whose attributes become attributes of this one |
/// | `requires_replace` | a change replaces the resource |
/// | `requires_replace_if(condition, "description")` | a change replaces the resource if `condition(&prior, &planned)` |
/// | `use_state_for_unknown` | computed, and never changes; without it, any update makes it unknown in the plan |
/// | `planned` | computed, and unchanged in updates unless [`Resource::plan`](super::Resource::plan) changes it |
/// | `sensitive` | Terraform hides the value; implied by `SecretString` |
/// | `write_only` | no plan and no state holds the value (Terraform 1.11) |
/// | `empty_is_null` | an empty string is equivalent to null |
/// | `length = 1..=80` | the length of a string, in characters, or of a collection, in elements |
/// | `range = 1..=65535` | the range of a number, or of each element of a collection |
/// | `one_of = ["a", "b"]` | the valid strings, or valid elements of a collection of strings |
/// | `check = function` | `fn(&T) -> Result<(), impl Display>`, or `fn(&str)` for a string; the error is as in "must begin with https://" |
/// | `validate = validator` | a [`Validator`](super::Validator) |
/// | `conflicts_with("other")`, `requires("other")` | a rule about two attributes, checked once both are known |
/// | `import` | the id of `terraform import`; defaults to the attribute `id` |
/// | `identity` | part of the resource identity |
/// | `deprecated = "message"` | setting it is a warning |
/// | `description = expression` | the description, instead of a doc comment |
///
/// The members of nested objects have the same options, except `import` and `identity`. In an
/// update, the objects of a list correspond by index, as everywhere in Terraform. If an object has
/// an id that must not move to another one, use a map or a set. The objects of a set correspond by
/// the members that the user sets, so two of them should differ in a member without `default` or
/// `computed`.
///
/// # Options of the struct: `#[model(…)]`
///
/// | option | meaning |
/// |---|---|
/// | `version = 1` | the version of the schema; 0 by default |
/// | `conflicting("a", "b")`, `exactly_one_of("a", "b")`, `at_least_one_of("a", "b")` | a rule about several attributes |
/// | `rule = rule` | a [`Rule`](super::Rule) |
/// | `description = expression`, `deprecated = "message"` | as for a field |
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a model nor a type of attribute values",
    note = "add `#[derive(Model)]` to make a struct a model",
    note = "the documentation of `AttributeValue` lists the other types, such as `i64` and `f64` for numbers"
)]
pub trait Model: Sized + Send + Sync + 'static {
    /// Sets the description and the version of the schema.
    fn describe(schema: &mut Schema);

    /// Adds the attributes and rules to the schema.
    fn add_attributes(schema: &mut Schema);

    /// Converts from an object of the schema's type. `path` is its location, for errors.
    ///
    /// # Errors
    /// [`InvalidValue`] if a member does not fit its field.
    fn read(object: &Value, path: &AttributePath) -> Result<Self, InvalidValue>;

    /// Adds the values of the attributes to `members`.
    fn write(self, members: &mut BTreeMap<String, Value>);

    /// Returns the schema.
    fn schema() -> Schema {
        let mut schema = Schema::default();
        Self::describe(&mut schema);
        Self::add_attributes(&mut schema);
        schema
    }

    /// Converts from an object of the schema's type.
    ///
    /// # Errors
    /// [`InvalidValue`] if a member does not fit its field.
    fn from_value(object: &Value) -> Result<Self, InvalidValue> {
        Self::read(object, &AttributePath::root())
    }

    /// Converts to an object of the schema's type.
    fn into_value(self) -> Value {
        let mut members = BTreeMap::new();
        self.write(&mut members);
        Value::Map(members)
    }
}

/// A nested object of a model, which is a model itself.
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

/// Converts from the value of `what`, such as a resource type, for a diagnostic.
pub(crate) fn read_model<M: Model>(what: &str, value: &Value) -> Result<M, Diagnostic> {
    M::from_value(value)
        .map_err(|invalid| Diagnostic::error(format!("Unreadable {what}"), format!("{invalid}.")).on(&invalid.path))
}
