//! Attributes and validators described by the Rust types of a model's fields.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

use super::attribute_value::AttributeValue;
use super::field::Field;
use super::path::AttributePath;
use super::schema::{Attribute, Configurability, RequiresReplace};
use super::validator::Validator;
use super::value::Value;

/// A field of a model: a [`Field`].
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
    /// An attribute whose field in a model is an `F`, a [`Field`].
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

    /// The same attribute, whose change replaces the resource if `condition` holds for the prior and the planned value.
    /// Null and unknown values are fields, too. `description` completes the sentence "A change … forces replacement", as
    /// in "to a shorter one".
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

    /// The same attribute, which has this value where the user sets none.
    #[must_use]
    pub fn default_value<F: ModelField>(self, value: F) -> Self {
        Self {
            configurability: Configurability::OptionalComputed,
            default: Some(value.into_value()),
            ..self
        }
    }

    /// The same attribute with one more rule about its value, which the description explains already.
    #[must_use]
    pub fn check<F: ModelField, E: Display>(
        self,
        check: impl Fn(&F::Value) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        self.validate(Validator::new::<F::Value, _>("", check))
    }
}

impl Validator {
    /// A rule about values of the type `T`. An error completes the sentence "`<attribute>`: …".
    pub fn new<T: AttributeValue, E: Display>(
        description: impl Into<Cow<'static, str>>,
        check: impl Fn(&T) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        let check = move |value: &Value| match T::read(value, &AttributePath::root()) {
            Ok(value) => check(&value).map_err(|problem| problem.to_string()),
            // Of another type, which reading the model reports, or known only at apply.
            Err(_) => Ok(()),
        };
        Self::of_type(description.into(), T::attribute_type().to_type(), Arc::new(check))
    }
}
