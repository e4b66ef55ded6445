//! Provider functions: `provider::<provider>::<function>(…)` in a configuration (Terraform 1.8).

use std::fmt;

use super::attribute_value::AttributeValue;
use super::path::AttributePath;
use super::proto;
use super::types::Type;
use super::value::Value;

/// A provider function. It must be pure: the same arguments always lead to the same result, at any
/// time and on any machine. Terraform calls it in plans and applies, even if the provider is not
/// configured.
pub trait Function: Send + Sync + 'static {
    /// A tuple with one member per parameter, an `Option` for each [nullable](Parameter::nullable)
    /// one. Arguments are never unknown, and only nullable ones are null: in other cases Terraform
    /// does not call the function.
    type Arguments: Arguments;

    /// The type of the result.
    type Output: AttributeValue;

    /// The name, such as `duration_add`.
    const NAME: &'static str;

    /// Returns the parameters and the result type, which must be those of `Arguments` and `Output`.
    fn signature(&self) -> Signature;

    /// Calls the function.
    ///
    /// # Errors
    /// The argument that is invalid.
    fn call(&self, arguments: Self::Arguments) -> Result<Self::Output, InvalidArgument>;
}

/// The signature of a function, with its documentation.
#[derive(Clone, Debug)]
pub struct Signature {
    /// A summary: one line of plain text, without a full stop.
    pub summary: &'static str,
    /// The description, in Markdown.
    pub description: &'static str,
    /// The parameters, in order.
    pub parameters: Vec<Parameter>,
    /// The type of the result.
    pub returns: Type,
}

/// A parameter of a function.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The name, for documentation and errors.
    pub name: &'static str,
    /// The type of the argument.
    pub ty: Type,
    /// The description, in Markdown.
    pub description: &'static str,
    /// Whether null is allowed. Terraform rejects null for other parameters.
    pub nullable: bool,
}

/// The error of an invalid argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidArgument {
    /// The position of the argument, from 0.
    pub position: usize,
    /// The problem, as in "must be a number". Terraform prepends the parameter's name.
    pub problem: String,
}

impl InvalidArgument {
    /// Converts any error to that of the argument at `position`, from 0.
    pub fn at<E: fmt::Display>(position: usize) -> impl Fn(E) -> Self {
        move |problem| Self {
            position,
            problem: problem.to_string(),
        }
    }
}

impl Signature {
    pub(crate) fn to_proto(&self) -> proto::Function {
        proto::Function {
            parameters: self.parameters.iter().map(Parameter::to_proto).collect(),
            r#return: Some(proto::function::Return {
                r#type: self.returns.to_json().to_string().into_bytes(),
            }),
            summary: self.summary.to_owned(),
            description: self.description.to_owned(),
            description_kind: proto::StringKind::Markdown.into(),
            ..Default::default()
        }
    }
}

impl Parameter {
    /// Creates a parameter.
    pub fn new(name: &'static str, ty: Type, description: &'static str) -> Self {
        Self {
            name,
            ty,
            description,
            nullable: false,
        }
    }

    /// Allows null, which is passed as `None`.
    #[must_use]
    pub fn nullable(self) -> Self {
        Self { nullable: true, ..self }
    }

    fn to_proto(&self) -> proto::function::Parameter {
        proto::function::Parameter {
            name: self.name.to_owned(),
            r#type: self.ty.to_json().to_string().into_bytes(),
            description: self.description.to_owned(),
            description_kind: proto::StringKind::Markdown.into(),
            allow_null_value: self.nullable,
            // Unknown arguments are not allowed: Terraform does not call the function.
            ..Default::default()
        }
    }
}

/// The arguments of a call: a tuple of up to four values.
pub trait Arguments: Sized {
    /// Converts from Terraform's values, in order.
    #[doc(hidden)]
    fn from_values(values: &[Value]) -> Result<Self, InvalidArgument>;
}

macro_rules! tuples {
    ($(($($ty:ident $position:literal),+);)*) => {
        $(impl<$($ty: AttributeValue),+> Arguments for ($($ty,)+) {
            fn from_values(values: &[Value]) -> Result<Self, InvalidArgument> {
                Ok(($(argument(values, $position)?,)+))
            }
        })*
    };
}

tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
}

fn argument<T: AttributeValue>(values: &[Value], position: usize) -> Result<T, InvalidArgument> {
    let value = values.get(position).unwrap_or(&Value::Unknown);
    T::read(value, &AttributePath::root()).map_err(|_| invalid_argument(position))
}

fn invalid_argument(position: usize) -> InvalidArgument {
    InvalidArgument::at(position)(
        "must be a known value of the parameter's type, and not null unless the parameter is nullable",
    )
}

/// A [`Function`] of any signature, as the server calls it.
#[allow(missing_docs)] // each is the method of `Function` of that name
pub trait DynFunction: Send + Sync {
    fn name(&self) -> &'static str;
    fn signature(&self) -> Signature;
    fn call(&self, arguments: &[Value]) -> Result<Value, InvalidArgument>;
}

impl<F: Function> DynFunction for F {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn signature(&self) -> Signature {
        Function::signature(self)
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, InvalidArgument> {
        let arguments = F::Arguments::from_values(arguments)?;
        Function::call(self, arguments).map(AttributeValue::into_value)
    }
}
