//! Attributes and validators that are described by the Rust types of a model's fields.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

use super::attribute_value::AttributeValue;
use super::field::Field;
use super::path::AttributePath;
use super::schema::{Attribute, Configurability, RequiresReplace};
use super::validator::Validator;
use super::value::Value;

/// The type of a model's field: [`Field<T>`](Field).
#[diagnostic::on_unimplemented(
    message = "an attribute is a `Field<…>`, not `{Self}`",
    note = "`Field<T>` holds a value that is null, known only at apply, or known",
    note = "a group of attributes needs `#[attribute(flatten)]`"
)]
pub trait ModelField: AttributeValue {
    /// The type of its known values.
    type Value: AttributeValue;
}

impl<T: AttributeValue> ModelField for Field<T> {
    type Value = T;
}

impl Attribute {
    /// Creates an attribute for a field of the type `F`, which is a [`Field`].
    pub fn of<F: ModelField>(
        name: impl Into<Cow<'static, str>>,
        configurability: Configurability,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            sensitive: F::Value::SENSITIVE,
            ..Self::new(name, F::Value::attribute_type(), configurability, description)
        }
    }

    /// Makes a change replace the resource if `condition` returns true for the prior and the
    /// planned value. Either may be null or unknown. `description` completes the sentence "A change
    /// … forces replacement", as in "to a shorter one".
    #[must_use]
    pub fn requires_replace_if<F: ModelField>(
        self,
        condition: impl Fn(&F, &F) -> bool + Send + Sync + 'static,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        let condition = move |prior: &Value, planned: &Value| {
            let field = |value| F::read(value, &AttributePath::root());
            match (field(prior), field(planned)) {
                (Ok(prior), Ok(planned)) => condition(&prior, &planned),
                _ => true,
            }
        };
        Self {
            requires_replace: RequiresReplace::If {
                condition: Arc::new(condition),
                description: description.into(),
            },
            ..self
        }
    }

    /// Sets the value that is used where the configuration has none. The attribute becomes optional
    /// and computed.
    #[must_use]
    pub fn default_value<F: ModelField>(self, value: F) -> Self {
        Self {
            configurability: Configurability::OptionalComputed,
            default: Some(value.into_value()),
            ..self
        }
    }

    /// Adds a check of the value, without a description. `check` returns the problem, as in "must
    /// begin with https://".
    #[must_use]
    pub fn check<F: ModelField, E: Display>(
        self,
        check: impl Fn(&F::Value) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        self.validate(Validator::new::<F::Value, _>("", check))
    }
}

impl Validator {
    /// Creates a validator of values of the type `T`. `check` returns the problem, which completes
    /// the sentence "`<attribute>`: …" and must not contain the value.
    pub fn new<T: AttributeValue, E: Display>(
        description: impl Into<Cow<'static, str>>,
        check: impl Fn(&T) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        let check = move |value: &Value| match T::read(value, &AttributePath::root()) {
            Ok(value) => check(&value).map_err(|problem| problem.to_string()),
            // Reading the model reports another type. An unknown value is checked at apply.
            Err(_) => Ok(()),
        };
        Self::of_type(description.into(), T::attribute_type().to_type(), Arc::new(check))
    }
}
