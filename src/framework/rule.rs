//! Rules about combinations of attributes.

use std::borrow::Cow;
use std::fmt::{self, Debug};
use std::sync::Arc;

use super::diagnostic::Diagnostic;
use super::path::AttributePath;
use super::value::Value;

type Check = dyn Fn(&Value) -> Option<Diagnostic> + Send + Sync;

/// A rule about combinations of attributes of one object. An unknown value may turn out to be null,
/// so it is an error only if every possible value breaks the rule.
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
    /// Allows at most one of the attributes to be set.
    pub fn conflicting(attributes: &[&'static str]) -> Self {
        Self(Kind::Conflicting(attributes.to_vec()))
    }

    /// Requires exactly one of the attributes to be set.
    pub fn exactly_one_of(attributes: &[&'static str]) -> Self {
        Self(Kind::ExactlyOneOf(attributes.to_vec()))
    }

    /// Requires at least one of the attributes to be set.
    pub fn at_least_one_of(attributes: &[&'static str]) -> Self {
        Self(Kind::AtLeastOneOf(attributes.to_vec()))
    }

    /// Requires `other` to be set if `attribute` is.
    pub fn requires(attribute: &'static str, other: &'static str) -> Self {
        Self(Kind::Requires(attribute, other))
    }

    /// Creates a rule from a function that checks an object. Paths of its errors are relative to
    /// the object.
    ///
    /// ```
    /// use token_providers::framework::{Diagnostic, Rule, Value};
    ///
    /// let rule = Rule::new("The title must not repeat the text.", |note| {
    ///     let is_known = matches!(note.get("title"), Value::String(_));
    ///     (is_known && note.get("title") == note.get("text"))
    ///         .then(|| Diagnostic::invalid("title", "must not repeat the text"))
    /// });
    /// # let _ = rule;
    /// ```
    pub fn new(
        description: impl Into<Cow<'static, str>>,
        check: impl Fn(&Value) -> Option<Diagnostic> + Send + Sync + 'static,
    ) -> Self {
        Self(Kind::Other(description.into(), Arc::new(check)))
    }

    /// Returns the description of the rule for the documentation of `attribute`.
    pub(crate) fn description(&self, attribute: &str) -> Option<String> {
        let others = |attributes: &[&str]| {
            let others = attributes.iter().filter(|name| **name != attribute);
            attributes.contains(&attribute).then(|| listed(others))
        };
        match &self.0 {
            Kind::Conflicting(attributes) => Some(format!("Conflicts with {}.", others(attributes)?)),
            Kind::ExactlyOneOf(attributes) => {
                Some(format!("Exactly one of this and {} must be set.", others(attributes)?))
            }
            Kind::AtLeastOneOf(attributes) => {
                Some(format!("At least one of this and {} must be set.", others(attributes)?))
            }
            Kind::Requires(name, other) => (*name == attribute).then(|| format!("Requires `{other}`.")),
            Kind::Other(..) => None,
        }
    }

    /// Returns the description of the rule for the documentation of the object.
    pub(crate) fn object_description(&self) -> Option<&str> {
        match &self.0 {
            Kind::Other(description, _) => Some(description).filter(|text| !text.is_empty()).map(|text| &**text),
            _ => None,
        }
    }

    /// Returns the attributes that the rule names.
    pub(crate) fn attributes(&self) -> Vec<&'static str> {
        match &self.0 {
            Kind::Conflicting(names) | Kind::ExactlyOneOf(names) | Kind::AtLeastOneOf(names) => names.clone(),
            Kind::Requires(name, other) => vec![name, other],
            Kind::Other(..) => Vec::new(),
        }
    }

    /// Returns the error if the object at `path` breaks the rule.
    pub(crate) fn check(&self, object: &Value, path: &AttributePath) -> Option<Diagnostic> {
        let invalid = |name: &'static str, problem: String| Some(Diagnostic::invalid(path.attribute(name), problem));
        let is_set = |name: &str| !matches!(object.get(name), Value::Null | Value::Unknown);
        let is_null = |name: &str| object.get(name).is_null();
        let conflict = |names: &[&'static str]| {
            let mut set = names.iter().filter(|name| is_set(name));
            let (first, second) = (set.next()?, set.next()?);
            invalid(second, format!("conflicts with `{first}`; set only one of them"))
        };
        let missing = |names: &[&'static str]| {
            let first = names.first().filter(|_| names.iter().all(|name| is_null(name)))?;
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            invalid(first, format!("missing; set {}", names.join(" or ")))
        };
        match &self.0 {
            Kind::Conflicting(names) => conflict(names),
            Kind::ExactlyOneOf(names) => conflict(names).or_else(|| missing(names)),
            Kind::AtLeastOneOf(names) => missing(names),
            Kind::Requires(name, other) if is_set(name) && is_null(other) => {
                invalid(name, format!("requires `{other}`, which is not set"))
            }
            Kind::Requires(..) => None,
            Kind::Other(_, check) => check(object).map(|diagnostic| within(path, diagnostic)),
        }
    }
}

/// Makes the path of a diagnostic about an object relative to the resource.
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
    fn rule_rejects_combination_only_if_known() {
        let (no, unknown, yes) = (Value::Null, Value::Unknown, Value::Bool(true));
        // Expected errors of: at most one, exactly one, at least one, `one` requires `other`.
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
    fn error_has_full_path_of_attribute() {
        let object = object(&Value::Bool(true), &Value::Bool(true));
        let rule = Rule::conflicting(&["one", "other"]);
        let path = AttributePath::from("links[1]");
        let error = rule.check(&object, &path).unwrap();
        assert_eq!(error.attribute.unwrap(), "links[1].other");
        let rule = Rule::new("", |_| Some(Diagnostic::error("a", "b").on("one")));
        assert_eq!(rule.check(&object, &path).unwrap().attribute.unwrap(), "links[1].one");
    }

    #[test]
    fn description_names_other_attributes() {
        let rule = Rule::conflicting(&["a", "b", "c"]);
        assert_eq!(rule.description("b").as_deref(), Some("Conflicts with `a`, `c`."));
        assert_eq!(rule.description("d"), None);
        assert_eq!(Rule::requires("a", "b").description("b"), None);
    }

    #[test]
    fn only_custom_rule_with_description_describes_object() {
        for (rule, expected) in [
            (Rule::new("Odd numbers only.", |_| None), Some("Odd numbers only.")),
            (Rule::new("", |_| None), None),
            (Rule::conflicting(&["a", "b"]), None),
        ] {
            assert_eq!(rule.object_description(), expected, "{rule:?}");
        }
    }
}
