//! Reads and validates arguments that the `provider` blocks of all platforms have.

use std::fmt::Display;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::runtime::Environment;
use crate::framework::{Diagnostic, Diagnostics, Field, Model};
use crate::rest::{BaseUrl, Credential, InvalidCredential};
use crate::token::parse_duration;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const RETRY_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Reads an environment variable. An empty one counts as not set, because CI systems set undefined
/// variables to an empty text.
pub(crate) fn variable(environment: &Environment, name: &str) -> Option<String> {
    environment(name).filter(|value| !value.is_empty())
}

/// Reads an argument. An empty one counts as null: modules pass variables without a value as an empty
/// text.
pub(crate) fn argument(field: &Field<String>) -> Field<String> {
    match field {
        Field::Known(text) if text.is_empty() => Field::Null,
        field => field.clone(),
    }
}

/// Reads a secret argument; see [`argument`].
pub(crate) fn secret_argument(field: &Field<SecretString>) -> Field<SecretString> {
    match field {
        Field::Known(secret) if secret.expose_secret().is_empty() => Field::Null,
        field => field.clone(),
    }
}

/// Reads an argument, or else an environment variable.
pub(crate) fn or_variable(field: &Field<String>, environment: &Environment, name: &str) -> Field<String> {
    match argument(field) {
        Field::Null => variable(environment, name).into(),
        field => field,
    }
}

/// Reads a secret argument, or else an environment variable.
pub(crate) fn secret_or_variable(
    field: &Field<SecretString>,
    environment: &Environment,
    name: &str,
) -> Field<SecretString> {
    match secret_argument(field) {
        Field::Null => variable(environment, name).map(SecretString::from).into(),
        field => field,
    }
}

/// Returns the name of the first argument whose flag says that its value is unknown until apply.
pub(crate) fn first_unknown(arguments: &[(&'static str, bool)]) -> Option<&'static str> {
    let unknown = arguments.iter().find(|(_, is_unknown)| *is_unknown);
    unknown.map(|(argument, _)| *argument)
}

/// Creates a validator that accepts an empty argument and those that `parse` accepts.
pub(crate) fn unless_empty<T, E: Display>(parse: impl Fn(&str) -> Result<T, E>) -> impl Fn(&String) -> Result<(), E> {
    move |text| match text.is_empty() {
        true => Ok(()),
        false => parse(text).map(drop),
    }
}

/// Parses an argument that is not empty. An invalid one is an error on the argument.
pub(crate) fn check<T, E: Display>(
    argument: &'static str,
    value: Option<&(impl AsRef<str> + ?Sized)>,
    parse: impl Fn(&str) -> Result<T, E>,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let value = value.map(AsRef::as_ref).filter(|value| !value.is_empty())?;
    diagnostics.ok(parse(value).map_err(|problem| invalid(argument, problem)))
}

/// The error on an invalid argument. `problem` is a clause such as "must not be empty".
pub(crate) fn invalid(argument: &'static str, problem: impl Display) -> Diagnostic {
    Diagnostic::error(
        format!("Invalid {argument}"),
        format!("The provider's `{argument}` {problem}."),
    )
    .on(argument)
}

/// Creates the credential of a client. `missing` is the detail of the error if there is no secret.
pub(crate) fn credential(
    argument: &'static str,
    secret: Field<SecretString>,
    create: impl FnOnce(SecretString) -> Result<Credential, InvalidCredential>,
    missing: &'static str,
    diagnostics: &mut Diagnostics,
) -> Option<Credential> {
    diagnostics.ok(match secret.into_known() {
        Some(secret) => create(secret).map_err(|error| invalid(argument, error)),
        None => Err(Diagnostic::error(format!("Missing {argument}"), missing).on(argument)),
    })
}

/// Parses the base URL of an API. `path` is appended to a URL without a path.
pub(crate) fn base_url(text: &str, path: &str) -> Result<BaseUrl, String> {
    let url = BaseUrl::parse(text).map_err(|error| error.to_string())?;
    if url.has_path() {
        Ok(url)
    } else {
        BaseUrl::parse(&format!("{url}{path}")).map_err(|error| error.to_string())
    }
}

/// The time limits of requests and operations.
#[derive(Model, Clone, Debug, Default)]
pub(crate) struct Timeouts {
    /// The time limit of one request: a duration such as `30s`. Default: `30s`.
    #[attribute(optional, check = unless_empty(timeout))]
    pub(crate) request_timeout: Field<String>,
    /// The time limit of one operation, including all waits and retries: a duration such as `5m`. Default: `5m`.
    #[attribute(optional, check = unless_empty(timeout))]
    pub(crate) retry_timeout: Field<String>,
}

impl Timeouts {
    fn named(&self) -> [(&'static str, &Field<String>, Duration); 2] {
        [
            ("request_timeout", &self.request_timeout, REQUEST_TIMEOUT),
            ("retry_timeout", &self.retry_timeout, RETRY_TIMEOUT),
        ]
    }

    /// Each argument, and whether it is unknown until apply.
    pub(crate) fn unknown(&self) -> [(&'static str, bool); 2] {
        self.named().map(|(name, field, _)| (name, field.is_unknown()))
    }

    /// The time limits of a request and of an operation.
    pub(crate) fn resolve(&self, diagnostics: &mut Diagnostics) -> Option<(Duration, Duration)> {
        let [request, retry] = self
            .named()
            .map(|(name, field, default)| match argument(field).known() {
                Some(text) => check(name, Some(text), timeout, diagnostics),
                None => Some(default),
            });
        request.zip(retry)
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be at least 1s".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::testing::variables;

    #[test]
    fn argument_takes_precedence_over_variable_and_empty_ones_are_ignored() {
        let environment = variables(&[("SET", "variable"), ("EMPTY", "")]);
        for (field, name, expected) in [
            (Field::Null, "SET", Field::from("variable")),
            (Field::Null, "EMPTY", Field::Null),
            (Field::Null, "MISSING", Field::Null),
            (Field::from("argument"), "SET", Field::from("argument")),
            (Field::from(""), "SET", Field::from("variable")),
            (Field::from(""), "EMPTY", Field::Null),
            (Field::Unknown, "SET", Field::Unknown),
        ] {
            let secret = match &field as &Field<String> {
                Field::Known(text) => Field::Known(SecretString::from(&**text)),
                Field::Unknown => Field::Unknown,
                Field::Null => Field::Null,
            };
            let secret = secret_or_variable(&secret, &environment, name);
            let secret = secret.known().map(|secret| secret.expose_secret().to_owned());
            assert_eq!(secret, expected.known().cloned(), "{name}");
            assert_eq!(or_variable(&field, &environment, name), expected, "{name}");
        }
    }

    #[test]
    fn invalid_timeout_is_error_on_its_argument() {
        for (request, retry, invalid) in [
            (Field::Null, Field::Null, vec![]),
            (Field::from("5s"), Field::from("1h"), vec![]),
            (Field::from(""), Field::from(""), vec![]),
            (
                Field::from("0s"),
                Field::from("soon"),
                vec!["request_timeout", "retry_timeout"],
            ),
            (Field::Unknown, Field::from("5"), vec!["retry_timeout"]),
        ] {
            let timeouts = Timeouts {
                request_timeout: request,
                retry_timeout: retry,
            };
            let diagnostics = Timeouts::schema().validate(&timeouts.clone().into_value());
            assert_eq!(
                timeouts.resolve(&mut Diagnostics::default()).is_some(),
                invalid.is_empty()
            );
            let on: Vec<_> = diagnostics
                .iter()
                .filter_map(|diagnostic| diagnostic.attribute.clone())
                .collect();
            assert_eq!(on, invalid);
        }
    }

    #[test]
    fn base_url_without_path_gets_default_path() {
        for (text, url) in [
            ("https://api.example.com", "https://api.example.com/v1"),
            ("https://api.example.com/", "https://api.example.com/v1"),
            (
                "https://gateway.example.com/api/v1/",
                "https://gateway.example.com/api/v1",
            ),
        ] {
            assert_eq!(base_url(text, "/v1").unwrap().as_str(), url);
        }
        assert!(base_url("http://api.example.com", "/v1").is_err());
    }
}
