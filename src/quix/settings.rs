//! The `provider` block: what its arguments mean, and which environment variables stand in for them.

use std::time::Duration;

use secrecy::SecretString;

use super::api::{Endpoint, InvalidEndpoint};
use super::connection::Endpoints;
use crate::framework::{Attribute, Diagnostic, Diagnostics, Field, Schema, Type, model};
use crate::platform::Environment;
use crate::platform::account::{self, AllowedAccounts, ProviderAccount, check_allowed};
use crate::platform::settings::{Resolved, Timeouts, check, credential, or_variable, secret_or_variable};
use crate::rest::{BaseUrl, Credential};

model! {
    /// The `provider` block.
    pub struct Config {
        portal_api: String,
        token: SecretString,
        streaming_tokens_path: String,
        rotate_streaming_tokens_path: String,
        request_timeout: String,
        retry_timeout: String,
        allowed_accounts: AllowedAccounts,
    }
}

pub(super) fn schema() -> Schema {
    let mut attributes = vec![
        Attribute::optional(
            "portal_api",
            Type::String,
            "The Portal API's address, such as `https://portal-api.cloud.quix.io`. There is no default: each Quix has its \
             own, and it has moved before. It must be https, or http on a loopback address. Or `Quix__Portal__Api`, which \
             deployments in Quix have.",
        ),
        Attribute::optional(
            "token",
            Type::String,
            "The token that the provider works with: a personal access token, or a streaming token where that is enough. Or \
             `Quix__Sdk__Token`, which keeps it out of the configuration.",
        )
        .sensitive(),
        Attribute::optional(
            "streaming_tokens_path",
            Type::String,
            "Where the streaming tokens of an environment are read: a path below `portal_api`, perhaps with a query, in \
             which `{workspaceId}` stands for the environment's id. Needed for `quix_streaming_tokens` only. **There is no \
             default, because the path is not in Quix's public documentation.**",
        ),
        Attribute::optional(
            "rotate_streaming_tokens_path",
            Type::String,
            "Where they are rotated, likewise. The request is a `POST` without a body; where it must be another method, put \
             that before the path: `PUT /…` or `PATCH /…`. Needed where a rotation is planned. **There is no default, \
             because the path is not in Quix's public documentation.**",
        ),
    ];
    attributes.extend(Timeouts::attributes());
    attributes.push(account::allowed_accounts("Portal API", "hosts, or addresses"));
    Schema::new(
        "Manages the streaming tokens of Quix's environments, with which clients of Quix Streams prove themselves, and reads \
         what such a client needs. What Quix calls an environment in its portal is a workspace in its API, and here.\n\n\
         Which token the provider needs depends on what it is to do:\n\n\
         - Streaming tokens are rotated by users with the role Admin only, so that takes a personal access token of one. \
         Whether others may read them is not documented.\n\
         - The settings of an environment's broker can be read with a streaming token of that environment.\n\n\
         **Two paths are yours to find out.** Quix's command line reads and rotates streaming tokens \
         (`quix cloud environments tokens`), but its public documentation does not tell by which requests. The Portal API's \
         own reference, which Quix's documentation says is at `/swagger` below its address, may tell; otherwise ask Quix. \
         Nothing else needs them.\n\n\
         An argument wins over its environment variable.",
        attributes,
    )
}

/// What the provider works with.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) portal_api: BaseUrl,
    pub(super) credential: Credential,
    pub(super) endpoints: Endpoints,
    pub(super) request_timeout: Duration,
    pub(super) retry_timeout: Duration,
}

impl Config {
    fn timeouts(&self) -> Timeouts<'_> {
        Timeouts {
            request_timeout: &self.request_timeout,
            retry_timeout: &self.retry_timeout,
        }
    }

    /// What is known of the paths; a failure becomes an error on its argument.
    fn endpoints(&self, diagnostics: &mut Diagnostics) -> Endpoints {
        type Read = fn(&str) -> Result<Endpoint, InvalidEndpoint>;
        let mut endpoint = |argument, field: &Field<String>, read: Read| {
            let read = |text: &str| read(text).map_err(|error| error.to_string());
            check(argument, field.known(), read, diagnostics)
        };
        Endpoints {
            reading: endpoint(
                "streaming_tokens_path",
                &self.streaming_tokens_path,
                Endpoint::of_reading,
            ),
            rotation: endpoint(
                "rotate_streaming_tokens_path",
                &self.rotate_streaming_tokens_path,
                Endpoint::of_action,
            ),
        }
    }
}

/// Judges what the configuration says by itself.
pub(super) fn validate(config: &Config, diagnostics: &mut Diagnostics) {
    check("portal_api", config.portal_api.known(), url, diagnostics);
    config.endpoints(diagnostics);
    config.timeouts().validate(diagnostics);
}

/// Resolves a configuration with the environment; `None` if it told an error.
pub(super) fn resolve(
    config: Config,
    environment: &Environment,
    diagnostics: &mut Diagnostics,
) -> Option<Resolved<Settings>> {
    let timeouts = config.timeouts();
    let portal_api = or_variable(&config.portal_api, environment, "Quix__Portal__Api");
    let token = secret_or_variable(&config.token, environment, "Quix__Sdk__Token");
    let [request, retry] = timeouts.unknown();
    let arguments = [
        ("portal_api", portal_api.is_unknown()),
        ("token", token.is_unknown()),
        ("allowed_accounts", account::is_unknown(&config.allowed_accounts)),
        ("streaming_tokens_path", config.streaming_tokens_path.is_unknown()),
        (
            "rotate_streaming_tokens_path",
            config.rotate_streaming_tokens_path.is_unknown(),
        ),
        request,
        retry,
    ];
    if let Some(waiting) = Resolved::waiting(&arguments) {
        return Some(waiting);
    }
    let portal_api = match portal_api.known() {
        Some(text) => check("portal_api", Some(text), url, diagnostics),
        None => {
            diagnostics.push(no_portal_api());
            None
        }
    };
    let credential = credential(
        "token",
        token,
        Credential::bearer,
        "The provider has no token to work with. Set the environment variable Quix__Sdk__Token, or the argument `token`, to a \
         personal access token or a streaming token.",
        diagnostics,
    );
    let endpoints = config.endpoints(diagnostics);
    let (request_timeout, retry_timeout) = timeouts.resolve(diagnostics)?;
    if diagnostics.has_errors() {
        return None;
    }
    let portal_api = portal_api?;
    let present = ProviderAccount::new(portal_api.host(), &portal_api);
    diagnostics.ok(check_allowed(&present, &config.allowed_accounts))?;
    Some(Resolved::Settings(Box::new(Settings {
        portal_api,
        credential: credential?,
        endpoints,
        request_timeout,
        retry_timeout,
    })))
}

fn url(text: &str) -> Result<BaseUrl, String> {
    BaseUrl::parse(text).map_err(|error| error.to_string())
}

fn no_portal_api() -> Diagnostic {
    Diagnostic::error(
        "Missing portal_api",
        "The provider does not know which Quix to talk to. Set the environment variable Quix__Portal__Api, or the argument \
         `portal_api`, to the Portal API's address, such as https://portal-api.cloud.quix.io.",
    )
    .on("portal_api")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::testing::variables;

    fn resolved(config: Config, environment: &[(&str, &str)]) -> Result<Resolved<Settings>, String> {
        let mut diagnostics = Diagnostics::default();
        resolve(config, &variables(environment), &mut diagnostics)
            .ok_or_else(|| diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n")).collect())
    }

    #[test]
    fn the_clients_variables_are_enough() {
        let environment = [
            ("Quix__Portal__Api", "https://portal-api.example.com/"),
            ("Quix__Sdk__Token", "secret"),
        ];
        let Ok(Resolved::Settings(settings)) = resolved(Config::default(), &environment) else {
            panic!("it is not resolved");
        };
        assert_eq!(settings.portal_api.as_str(), "https://portal-api.example.com");
        assert!(settings.endpoints.reading.is_none() && settings.endpoints.rotation.is_none());
    }

    #[test]
    fn empty_argument_is_none() {
        let config = || Config {
            portal_api: "".into(),
            token: SecretString::from("").into(),
            streaming_tokens_path: "".into(),
            rotate_streaming_tokens_path: "".into(),
            request_timeout: "".into(),
            retry_timeout: "".into(),
            allowed_accounts: Field::Null,
        };
        let mut diagnostics = Diagnostics::default();
        validate(&config(), &mut diagnostics);
        assert!(!diagnostics.has_errors());
        let environment = [
            ("Quix__Portal__Api", "https://portal-api.example.com/"),
            ("Quix__Sdk__Token", "secret"),
        ];
        assert!(matches!(resolved(config(), &environment), Ok(Resolved::Settings(_))));
    }

    #[test]
    fn what_is_missing_is_told_with_its_variable_each_once() {
        let told = resolved(Config::default(), &[]).unwrap_err();
        for (argument, variable) in [("portal_api", "Quix__Portal__Api"), ("token", "Quix__Sdk__Token")] {
            assert_eq!(told.matches(&format!("Missing {argument}")).count(), 1, "{told}");
            assert!(told.contains(variable), "{told}");
        }
    }

    #[test]
    fn a_path_that_could_mean_something_else_is_an_error_on_its_argument() {
        let config = Config {
            streaming_tokens_path: "/a/b".into(),
            rotate_streaming_tokens_path: "DELETE /{workspaceId}".into(),
            ..Config::default()
        };
        let mut diagnostics = Diagnostics::default();
        validate(&config, &mut diagnostics);
        let on: Vec<_> = diagnostics.iter().filter_map(|told| told.attribute).collect();
        assert_eq!(on, ["streaming_tokens_path", "rotate_streaming_tokens_path"]);
    }

    #[test]
    fn what_is_known_only_at_apply_is_waited_for() {
        for (config, argument) in [
            (
                Config {
                    token: Field::Unknown,
                    ..Config::default()
                },
                "token",
            ),
            (
                Config {
                    streaming_tokens_path: Field::Unknown,
                    ..Config::default()
                },
                "streaming_tokens_path",
            ),
        ] {
            let Ok(Resolved::Waiting(waiting)) = resolved(config, &[]) else {
                panic!("{argument}");
            };
            assert_eq!(waiting, argument);
        }
    }
}
