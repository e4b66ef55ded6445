//! Rules about how the attributes of one object go together.

use std::borrow::Cow;
use std::fmt::{self, Debug};
use std::sync::Arc;

use super::diagnostic::Diagnostic;
use super::path::AttributePath;
use super::value::Value;

type Check = dyn Fn(&Value) -> Option<Diagnostic> + Send + Sync;

/// A rule about how attributes of one object go together. A value that is known only at apply may turn out to be null, so
/// only what holds for certain is an error.
#[derive(Clone)]
pub struct Rule(Kind);

#[derive(Clone)]
enum Kind {
    Conflicting(Vec<&'static str>),
    ExactlyOneOf(Vec<&'static str>),
    AtLeastOneOf(Vec<&'static str>),
    Requires(&'static str, &'static str),
    Other(Cow<'static, str>, Arc<Check>),
}

impl Rule {
    /// At most one of these attributes is set.
    pub fn conflicting(attributes: &[&'static str]) -> Self {
        Self(Kind::Conflicting(attributes.to_vec()))
    }

    /// One of these attributes is set, and only one.
    pub fn exactly_one_of(attributes: &[&'static str]) -> Self {
        Self(Kind::ExactlyOneOf(attributes.to_vec()))
    }

    /// One of these attributes is set, or more.
    pub fn at_least_one_of(attributes: &[&'static str]) -> Self {
        Self(Kind::AtLeastOneOf(attributes.to_vec()))
    }

    /// `attribute` is set only together with `other`.
    pub fn requires(attribute: &'static str, other: &'static str) -> Self {
        Self(Kind::Requires(attribute, other))
    }

    /// Another rule, about an object with attributes of any kind. The path of an error begins at the object.
    pub fn new(
        description: impl Into<Cow<'static, str>>,
        check: impl Fn(&Value) -> Option<Diagnostic> + Send + Sync + 'static,
    ) -> Self {
        Self(Kind::Other(description.into(), Arc::new(check)))
    }

    /// What the rule means for `attribute`, for its documentation.
    pub(crate) fn description(&self, attribute: &str) -> Option<String> {
        let others = |attributes: &[&str]| {
            let others = attributes.iter().filter(|name| **name != attribute);
            attributes.contains(&attribute).then(|| listed(others))
        };
        match &self.0 {
            Kind::Conflicting(attributes) => Some(format!("Conflicts with {}.", others(attributes)?)),
            Kind::ExactlyOneOf(attributes) => Some(format!("Exactly one of this and {} is set.", others(attributes)?)),
            Kind::AtLeastOneOf(attributes) => Some(format!("At least one of this and {} is set.", others(attributes)?)),
            Kind::Requires(name, other) => (*name == attribute).then(|| format!("Requires `{other}`.")),
            Kind::Other(..) => None,
        }
    }

    /// What the rule means for the whole object, for its documentation.
    pub(crate) fn object_description(&self) -> Option<&str> {
        match &self.0 {
            Kind::Other(description, _) => Some(description).filter(|text| !text.is_empty()).map(|text| &**text),
            _ => None,
        }
    }

    /// The attributes that the rule is about.
    pub(crate) fn attributes(&self) -> Vec<&'static str> {
        match &self.0 {
            Kind::Conflicting(names) | Kind::ExactlyOneOf(names) | Kind::AtLeastOneOf(names) => names.clone(),
            Kind::Requires(name, other) => vec![name, other],
            Kind::Other(..) => Vec::new(),
        }
    }

    /// The error of the object at `path`, if it breaks the rule for certain.
    pub(crate) fn check(&self, object: &Value, path: &AttributePath) -> Option<Diagnostic> {
        let invalid = |name: &'static str, problem: String| Some(Diagnostic::invalid(path.attribute(name), problem));
        let is_set = |name: &str| !matches!(object.get(name), Value::Null | Value::Unknown);
        let is_null = |name: &str| object.get(name).is_null();
        let conflict = |names: &[&'static str]| {
            let mut set = names.iter().filter(|name| is_set(name));
            let (first, second) = (set.next()?, set.next()?);
            invalid(second, format!("stands instead of `{first}`: set one of them"))
        };
        let missing = |names: &[&'static str]| {
            let first = names.first().filter(|_| names.iter().all(|name| is_null(name)))?;
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            invalid(first, format!("is missing. Set either {}", names.join(" or ")))
        };
        match &self.0 {
            Kind::Conflicting(names) => conflict(names),
            Kind::ExactlyOneOf(names) => conflict(names).or_else(|| missing(names)),
            Kind::AtLeastOneOf(names) => missing(names),
            Kind::Requires(name, other) if is_set(name) && is_null(other) => {
                invalid(name, format!("goes with `{other}`, which is not set"))
            }
            Kind::Requires(..) => None,
            Kind::Other(_, check) => check(object).map(|diagnostic| within(path, diagnostic)),
        }
    }
}

/// The diagnostic about an object, as one about the resource that has the object at `path`.
fn within(path: &AttributePath, mut diagnostic: Diagnostic) -> Diagnostic {
    if let Some(inner) = &diagnostic.attribute {
        diagnostic.attribute = Some(path.join_all(inner));
    }
    diagnostic
}

fn listed<'a>(names: impl Iterator<Item = &'a &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, names): (&str, Vec<&str>) = match &self.0 {
            Kind::Conflicting(names) => ("conflicting", names.clone()),
            Kind::ExactlyOneOf(names) => ("exactly_one_of", names.clone()),
            Kind::AtLeastOneOf(names) => ("at_least_one_of", names.clone()),
            Kind::Requires(name, other) => ("requires", vec![name, other]),
            Kind::Other(description, _) => (description, Vec::new()),
        };
        f.debug_tuple(kind).field(&names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(one: &Value, other: &Value) -> Value {
        Value::Map([("one".to_owned(), one.clone()), ("other".to_owned(), other.clone())].into())
    }

    #[test]
    fn combinations_are_errors_only_once_they_are_certain() {
        let (no, unknown, yes) = (Value::Null, Value::Unknown, Value::Bool(true));
        // Whether it is an error that at most one, exactly one, at least one is set, and that `one` requires `other`.
        let cases = [
            (&no, &no, [false, true, true, false]),
            (&no, &unknown, [false, false, false, false]),
            (&no, &yes, [false, false, false, false]),
            (&unknown, &no, [false, false, false, false]),
            (&unknown, &unknown, [false, false, false, false]),
            (&unknown, &yes, [false, false, false, false]),
            (&yes, &no, [false, false, false, true]),
            (&yes, &unknown, [false, false, false, false]),
            (&yes, &yes, [true, true, false, false]),
        ];
        let names = &["one", "other"];
        let rules = [
            Rule::conflicting(names),
            Rule::exactly_one_of(names),
            Rule::at_least_one_of(names),
            Rule::requires("one", "other"),
        ];
        for (one, other, expected) in cases {
            let object = object(one, other);
            let errors = rules
                .each_ref()
                .map(|rule| rule.check(&object, &AttributePath::root()).is_some());
            assert_eq!(errors, expected, "{one:?} {other:?}");
        }
    }

    #[test]
    fn error_has_the_full_path_of_the_attribute() {
        let object = object(&Value::Bool(true), &Value::Bool(true));
        let rule = Rule::conflicting(&["one", "other"]);
        let path = AttributePath::from("links[1]");
        let error = rule.check(&object, &path).unwrap();
        assert_eq!(error.attribute.unwrap(), "links[1].other");
        let rule = Rule::new("", |_| Some(Diagnostic::error("a", "b").on("one")));
        assert_eq!(rule.check(&object, &path).unwrap().attribute.unwrap(), "links[1].one");
    }

    #[test]
    fn description_names_the_other_attributes() {
        let rule = Rule::conflicting(&["a", "b", "c"]);
        assert_eq!(rule.description("b").as_deref(), Some("Conflicts with `a`, `c`."));
        assert_eq!(rule.description("d"), None);
        assert_eq!(Rule::requires("a", "b").description("b"), None);
    }
}
