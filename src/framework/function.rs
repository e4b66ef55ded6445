//! Functions of Terraform's language: `provider::<provider>::<function>(…)`, from Terraform 1.8 on.

use std::fmt;

use super::attribute_value::AttributeValue;
use super::path::AttributePath;
use super::proto;
use super::types::Type;
use super::value::Value;

/// A function. Pure: the same arguments lead to the same result, whatever the time and wherever it is called, for
/// Terraform calls it in plans and applies alike, configured or not.
pub trait Function: Send + Sync + 'static {
    /// A tuple, one member a parameter: an `Option` for a [nullable](Parameter::nullable) one. None of them is ever unknown,
    /// and no other is ever null: Terraform answers such calls itself.
    type Arguments: Arguments;

    /// What it comes to.
    type Output: AttributeValue;

    /// Its name, such as `duration_add`.
    const NAME: &'static str;

    /// What it takes and gives. The types are those of `Arguments` and `Output`.
    fn signature(&self) -> Signature;

    /// Calls it.
    ///
    /// # Errors
    ///
    /// The argument that it cannot work with.
    fn call(&self, arguments: Self::Arguments) -> Result<Self::Output, InvalidArgument>;
}

/// What a function takes and gives.
#[derive(Clone, Debug)]
pub struct Signature {
    /// One line of plain text, without a full stop.
    pub summary: &'static str,
    /// What it comes to, in Markdown.
    pub description: &'static str,
    /// What it takes, in this order.
    pub parameters: Vec<Parameter>,
    /// What it gives.
    pub returns: Type,
}

/// One parameter of a function.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name, for documentation and errors.
    pub name: &'static str,
    /// The type of its arguments.
    pub ty: Type,
    /// What it means, in Markdown.
    pub description: &'static str,
    /// Whether the function takes null for it. Terraform refuses null for any other.
    pub nullable: bool,
}

/// An argument that a function cannot work with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidArgument {
    /// Its position, from 0.
    pub position: usize,
    /// What is wrong with it, as in "must be a number". Terraform puts the parameter's name before it.
    pub problem: String,
}

impl InvalidArgument {
    /// Makes any problem that of the argument at `position`, from 0.
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
    /// A parameter.
    pub fn new(name: &'static str, ty: Type, description: &'static str) -> Self {
        Self {
            name,
            ty,
            description,
            nullable: false,
        }
    }

    /// The same parameter, whose argument may be null: the function is called with `None`.
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
            // Never unknown: Terraform does not call the function then.
            ..Default::default()
        }
    }
}

/// The arguments of a call: a tuple of up to four.
pub trait Arguments: Sized {
    /// Reads them, in order.
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
    T::read(value, &AttributePath::root()).map_err(|_| misfit(position))
}

fn misfit(position: usize) -> InvalidArgument {
    InvalidArgument::at(position)(
        "must be given, known, of the parameter's type, and not null unless the parameter takes null",
    )
}

/// Any [`Function`], whatever its arguments: what the server calls.
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
