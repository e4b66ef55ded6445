//! Paths to attributes of a configuration, a plan or a state.

use std::borrow::Cow;
use std::fmt;

use super::proto;

/// The path to an attribute, such as `vault.path`, `tokens[2].name` or `labels["team"]`.
///
/// ```
/// use token_providers::framework::AttributePath;
///
/// let path = AttributePath::from("tokens").index(2).attribute("name");
/// assert_eq!(path.to_string(), "tokens[2].name");
/// assert_eq!(path, "tokens[2].name");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributePath(Vec<PathStep>);

/// One step of an [`AttributePath`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathStep {
    /// An attribute of an object.
    Attribute(Cow<'static, str>),
    /// An element of a list, from 0.
    Index(usize),
    /// An element of a map.
    Key(String),
}

impl AttributePath {
    /// Returns the empty path, which addresses the whole object.
    pub fn root() -> Self {
        Self::default()
    }

    /// Appends an attribute name.
    #[must_use]
    pub fn attribute(&self, name: impl Into<Cow<'static, str>>) -> Self {
        self.join(PathStep::Attribute(name.into()))
    }

    /// Appends an index into a list, from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.join(PathStep::Index(index))
    }

    /// Appends a key of a map.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.join(PathStep::Key(key.into()))
    }

    /// Returns the steps, outermost first.
    pub fn steps(&self) -> &[PathStep] {
        &self.0
    }

    /// Returns whether the path is empty and addresses the whole object.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends the steps of `rest`.
    #[must_use]
    pub fn join_all(&self, rest: &Self) -> Self {
        Self(self.0.iter().chain(&rest.0).cloned().collect())
    }

    fn join(&self, step: PathStep) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    pub(crate) fn to_proto(&self) -> proto::AttributePath {
        use proto::attribute_path::{Step, step::Selector};
        let steps = self.0.iter().map(|step| match step {
            PathStep::Attribute(name) => Selector::AttributeName(name.clone().into_owned()),
            PathStep::Index(index) => Selector::ElementKeyInt(i64::try_from(*index).unwrap_or(i64::MAX)),
            PathStep::Key(key) => Selector::ElementKeyString(key.clone()),
        });
        proto::AttributePath {
            steps: steps
                .map(|selector| Step {
                    selector: Some(selector),
                })
                .collect(),
        }
    }
}

/// Parses `vault.path`, `tokens[2].name` and `labels["team"]`. Any other text is taken as an
/// attribute name.
impl From<&str> for AttributePath {
    fn from(text: &str) -> Self {
        parse(text).unwrap_or_else(|| Self::root().attribute(text.to_owned()))
    }
}

impl From<String> for AttributePath {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&AttributePath> for AttributePath {
    fn from(path: &AttributePath) -> Self {
        path.clone()
    }
}

fn parse(text: &str) -> Option<AttributePath> {
    let mut path = AttributePath::root();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('[').filter(|rest| rest.starts_with('"')) {
            // A quoted string in Terraform's language is a JSON string.
            let mut texts = serde_json::Deserializer::from_str(quoted).into_iter::<String>();
            path = path.key(texts.next()?.ok()?);
            rest = quoted.get(texts.byte_offset()..)?.strip_prefix(']')?;
        } else if let Some(index) = rest.strip_prefix('[') {
            let (index, after) = index.split_once(']')?;
            path = path.index(index.parse().ok()?);
            rest = after;
        } else {
            let name = match (path.is_root(), rest.strip_prefix('.')) {
                (true, None) => rest,
                (false, Some(name)) => name,
                _ => return None,
            };
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at_checked(end)?;
            if name.is_empty() {
                return None;
            }
            path = path.attribute(name.to_owned());
            rest = after;
        }
    }
    Some(path)
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Attribute(name) if position == 0 => f.write_str(name)?,
                PathStep::Attribute(name) => write!(f, ".{name}")?,
                PathStep::Index(index) => write!(f, "[{index}]")?,
                PathStep::Key(key) => write!(f, "[{}]", serde_json::Value::from(key.as_str()))?,
            }
        }
        Ok(())
    }
}

/// Compares with the notation of `Display`, for assertions in tests.
impl PartialEq<&str> for AttributePath {
    fn eq(&self, text: &&str) -> bool {
        self.0 == Self::from(*text).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_parses_its_displayed_form() {
        for text in [
            "name",
            "vault.path",
            "tokens[2].name",
            "labels[\"a.b\"].c",
            r#"labels["a\"]"]"#,
            "a[0][1]",
            "a.b.c",
            "",
        ] {
            assert_eq!(AttributePath::from(text).to_string(), text);
        }
        assert_eq!(AttributePath::from("a.b").steps().len(), 2);
    }

    #[test]
    fn path_equals_only_its_own_text() {
        let path = AttributePath::from("tokens[2].name".to_owned());
        assert_eq!(path, "tokens[2].name");
        assert_ne!(path, "tokens[2]");
        assert_ne!(path, "");
    }

    #[test]
    fn to_proto_converts_every_step() {
        use proto::attribute_path::step::Selector;
        let path = AttributePath::from("tokens[2][\"a\"]").to_proto();
        let steps: Vec<_> = path.steps.into_iter().filter_map(|step| step.selector).collect();
        assert_eq!(
            steps,
            [
                Selector::AttributeName("tokens".to_owned()),
                Selector::ElementKeyInt(2),
                Selector::ElementKeyString("a".to_owned()),
            ]
        );
    }

    #[test]
    fn malformed_path_becomes_attribute_name() {
        for text in ["a..b", "a[", "a[x]", ".a", "a.", "[\"a", "a]b["] {
            assert_eq!(
                AttributePath::from(text),
                AttributePath::root().attribute(text.to_owned()),
                "{text}"
            );
        }
    }
}
