//! The `provider` block: what its arguments mean, and which environment variables stand in for them.

use std::time::Duration;

use secrecy::SecretString;

use super::api::Endpoint;
use super::connection::Endpoints;
use crate::framework::{Configured, Diagnostic, Diagnostics, Field, Model};
use crate::platform::Environment;
use crate::platform::account::{self, AllowedAccounts, ProviderAccount, check_allowed};
use crate::platform::settings::{
    Timeouts, check, credential, first_unknown, or_variable, secret_or_variable, unless_empty,
};
use crate::rest::{BaseUrl, Credential};

/// Manages the streaming tokens of Quix's environments, with which clients of Quix Streams authenticate, and reads what such
/// a client needs. What Quix calls an environment in its portal is a workspace in its API, and here.
///
/// Which token the provider needs depends on what it is to do:
///
/// - Streaming tokens are rotated by users with the role Admin only, so that takes a personal access token of one. Whether
///   others may read them is not documented.
/// - The settings of an environment's broker can be read with a streaming token of that environment.
///
/// **Two paths are yours to find out.** Quix's command line reads and rotates streaming tokens
/// (`quix cloud environments tokens`), but its public documentation does not say by which requests. The Portal API's own
/// reference, which Quix's documentation says is at `/swagger` below its address, may show them; otherwise ask Quix. Nothing
/// else needs them.
///
/// An argument wins over its environment variable.
#[derive(Model, Clone, Debug, Default)]
pub struct Config {
    /// The Portal API's address, such as `https://portal-api.cloud.quix.io`. There is no default: each Quix has its own, and
    /// it has moved before. It must be https, or http on a loopback address. Or `Quix__Portal__Api`, which deployments in
    /// Quix have.
    #[attribute(optional, check = unless_empty(BaseUrl::parse))]
    portal_api: Field<String>,
    /// The token that the provider works with: a personal access token, or a streaming token where that is enough. Or
    /// `Quix__Sdk__Token`, which keeps it out of the configuration.
    #[attribute(optional)]
    token: Field<SecretString>,
    /// Where the streaming tokens of an environment are read: a path below `portal_api`, perhaps with a query, in which
    /// `{workspaceId}` stands for the environment's id. Needed for `quix_streaming_tokens` only. **There is no default,
    /// because the path is not in Quix's public documentation.**
    #[attribute(optional, check = unless_empty(Endpoint::of_reading))]
    streaming_tokens_path: Field<String>,
    /// Where they are rotated, likewise. The request is a `POST` without a body; where it must be another method, put that
    /// before the path: `PUT /…` or `PATCH /…`. Needed where a rotation is planned. **There is no default, because the path
    /// is not in Quix's public documentation.**
    #[attribute(optional, check = unless_empty(Endpoint::of_action))]
    rotate_streaming_tokens_path: Field<String>,
    #[attribute(flatten)]
    timeouts: Timeouts,
    #[attribute(optional, description = account::allowed_accounts("Portal API", "hosts, or addresses"))]
    allowed_accounts: Field<AllowedAccounts>,
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

/// Resolves a configuration with the environment.
pub(super) fn resolve(config: Config, environment: &Environment) -> Result<Configured<Settings>, Diagnostics> {
    let portal_api = or_variable(&config.portal_api, environment, "Quix__Portal__Api");
    let token = secret_or_variable(&config.token, environment, "Quix__Sdk__Token");
    let (reading, rotation) = (&config.streaming_tokens_path, &config.rotate_streaming_tokens_path);
    let [request, retry] = config.timeouts.unknown();
    let unknown = first_unknown(&[
        ("portal_api", portal_api.is_unknown()),
        ("token", token.is_unknown()),
        ("allowed_accounts", account::is_unknown(&config.allowed_accounts)),
        ("streaming_tokens_path", reading.is_unknown()),
        ("rotate_streaming_tokens_path", rotation.is_unknown()),
        request,
        retry,
    ]);
    if let Some(argument) = unknown {
        return Ok(Configured::Unknown(argument));
    }
    let mut diagnostics = Diagnostics::default();
    let portal_api = match portal_api.known() {
        Some(text) => check("portal_api", Some(text), BaseUrl::parse, &mut diagnostics),
        None => diagnostics.ok(Err(no_portal_api())),
    };
    let credential = credential(
        "token",
        token,
        Credential::bearer,
        "The provider has no token to work with. Set the environment variable Quix__Sdk__Token, or the argument `token`, to a \
         personal access token or a streaming token.",
        &mut diagnostics,
    );
    let endpoints = Endpoints {
        reading: check(
            "streaming_tokens_path",
            reading.known(),
            Endpoint::of_reading,
            &mut diagnostics,
        ),
        rotation: check(
            "rotate_streaming_tokens_path",
            rotation.known(),
            Endpoint::of_action,
            &mut diagnostics,
        ),
    };
    let timeouts = config.timeouts.resolve(&mut diagnostics);
    let (Some(portal_api), Some(credential), Some((request_timeout, retry_timeout)), false) =
        (portal_api, credential, timeouts, diagnostics.has_errors())
    else {
        return Err(diagnostics);
    };
    let account = ProviderAccount::new(portal_api.host(), &portal_api);
    check_allowed(&account, &config.allowed_accounts)?;
    Ok(Configured::Ready(Settings {
        portal_api,
        credential,
        endpoints,
        request_timeout,
        retry_timeout,
    }))
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

    fn resolved(config: Config, environment: &[(&str, &str)]) -> Result<Configured<Settings>, String> {
        let resolved = resolve(config, &variables(environment));
        resolved.map_err(|diagnostics| diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n")).collect())
    }

    #[test]
    fn resolve_takes_the_clients_variables() {
        let environment = [
            ("Quix__Portal__Api", "https://portal-api.example.com/"),
            ("Quix__Sdk__Token", "secret"),
        ];
        let Ok(Configured::Ready(settings)) = resolved(Config::default(), &environment) else {
            panic!("it is not resolved");
        };
        assert_eq!(settings.portal_api.as_str(), "https://portal-api.example.com");
        assert!(settings.endpoints.reading.is_none() && settings.endpoints.rotation.is_none());
    }

    #[test]
    fn resolve_takes_an_empty_argument_as_none() {
        let config = || Config {
            portal_api: "".into(),
            token: SecretString::from("").into(),
            streaming_tokens_path: "".into(),
            rotate_streaming_tokens_path: "".into(),
            timeouts: Timeouts {
                request_timeout: "".into(),
                retry_timeout: "".into(),
            },
            allowed_accounts: Field::Null,
        };
        assert!(Config::schema().validate(&config().into_value()).is_empty());
        let environment = [
            ("Quix__Portal__Api", "https://portal-api.example.com/"),
            ("Quix__Sdk__Token", "secret"),
        ];
        assert!(matches!(resolved(config(), &environment), Ok(Configured::Ready(_))));
    }

    #[test]
    fn resolve_reports_each_missing_argument_once_with_its_variable() {
        let errors = resolved(Config::default(), &[]).unwrap_err();
        for (argument, variable) in [("portal_api", "Quix__Portal__Api"), ("token", "Quix__Sdk__Token")] {
            assert_eq!(errors.matches(&format!("Missing {argument}")).count(), 1, "{errors}");
            assert!(errors.contains(variable), "{errors}");
        }
    }

    #[test]
    fn path_that_could_mean_something_else_is_an_error_on_its_argument() {
        let config = Config {
            streaming_tokens_path: "/a/b".into(),
            rotate_streaming_tokens_path: "DELETE /{workspaceId}".into(),
            ..Config::default()
        };
        let diagnostics = Config::schema().validate(&config.into_value());
        let on: Vec<_> = diagnostics.into_iter().filter_map(|error| error.attribute).collect();
        assert_eq!(on, ["streaming_tokens_path", "rotate_streaming_tokens_path"]);
    }

    #[test]
    fn resolve_returns_the_argument_that_is_known_only_at_apply() {
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
            let Ok(Configured::Unknown(unknown)) = resolved(config, &[]) else {
                panic!("{argument}");
            };
            assert_eq!(unknown, argument);
        }
    }
}
