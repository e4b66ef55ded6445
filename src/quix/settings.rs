//! The `provider` block: its arguments, their environment variables and their defaults.

use std::time::Duration;

use secrecy::SecretString;

use super::api::{Endpoint, READ_PATH, ROTATE_PATH};
use super::connection::Endpoints;
use crate::framework::{Configured, Diagnostic, Diagnostics, Field, Model};
use crate::platform::Environment;
use crate::platform::account::{self, AllowedAccounts, ProviderAccount, check_allowed};
use crate::platform::settings::{
    Timeouts, check, credential, first_unknown, or_variable, secret_or_variable, unless_empty, variable,
};
use crate::platform::vault_settings::{self, VaultConfig, VaultConnection};
use crate::rest::{BaseUrl, Credential};
use crate::vault;

/// Manages the personal access tokens of a user and the streaming tokens of Quix's environments,
/// which authenticate clients of Quix Streams, and reads the other settings that such a client
/// needs. An environment in Quix's portal is a workspace in its API and in this provider.
///
/// The token that the provider needs depends on its tasks:
///
/// - Only users with the role Admin can rotate streaming tokens. This requires a personal access
///   token of such a user. It is not documented whether other users can read them.
/// - Personal access tokens are those of the user whose token the provider has. This requires a
///   personal access token of that user.
/// - A streaming token is enough to read the broker settings of its own environment.
///
/// Quix's documentation does not describe the requests for personal access tokens, nor those that
/// read and rotate streaming tokens. The provider sends those of Quix's own Postman collection of
/// the Portal API, which was public in the repository `quixio/quix-samples` on GitHub
/// (`python/postman/quix-postman.json`) in 2023 and was removed in February 2024. The platform may
/// have changed since. If it has, set `streaming_tokens_path` and `rotate_streaming_tokens_path`.
/// According to Quix's documentation, the Portal API shows its own reference at `/swagger` below
/// its address.
///
/// An argument takes precedence over its environment variable.
#[derive(Model, Clone, Debug, Default)]
pub struct Config {
    /// The address of the Portal API, such as `https://portal-api.cloud.quix.io`. There is no
    /// default, because each installation of Quix has its own address, which may change. It must
    /// use https, or http on a loopback address. Environment variable: `Quix__Portal__Api`, which
    /// deployments in Quix have.
    #[attribute(optional, check = unless_empty(BaseUrl::parse))]
    portal_api: Field<String>,
    /// The provider's token: a personal access token, or a streaming token if that is enough.
    /// Environment variable: `Quix__Sdk__Token`, which keeps the token out of the configuration.
    #[attribute(optional)]
    token: Field<SecretString>,
    /// The path below `portal_api` that reads the streaming tokens of an environment, optionally
    /// with a query. `{workspaceId}` stands for the environment's id. Default:
    /// `/workspaces/{workspaceId}/sdktokens`, which Quix published in 2023.
    #[attribute(optional, check = unless_empty(Endpoint::for_read))]
    streaming_tokens_path: Field<String>,
    /// The path below `portal_api` that rotates the streaming tokens of an environment, in the same
    /// format. The request is a `POST` without a body. For another method, write it before the
    /// path: `PUT /…` or `PATCH /…`. Default: `/workspaces/{workspaceId}/sdktokens/rotate`, which
    /// Quix published in 2023.
    #[attribute(optional, check = unless_empty(Endpoint::for_rotation))]
    rotate_streaming_tokens_path: Field<String>,
    #[attribute(flatten)]
    timeouts: Timeouts,
    #[attribute(optional, description = account::allowed_accounts("Portal API", "hosts, or addresses"))]
    allowed_accounts: Field<AllowedAccounts>,
    #[attribute(optional, description = vault_settings::DESCRIPTION)]
    vault: Field<VaultConfig>,
}

/// The resolved settings of a provider.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) portal_api: BaseUrl,
    pub(super) credential: Credential,
    pub(super) endpoints: Endpoints,
    pub(super) request_timeout: Duration,
    pub(super) retry_timeout: Duration,
    pub(super) vault: VaultConnection<vault::Settings>,
}

/// Resolves the arguments of the `provider` block and their environment variables.
pub(super) fn resolve(config: Config, environment: &Environment) -> Result<Configured<Settings>, Diagnostics> {
    let portal_api = or_variable(&config.portal_api, environment, "Quix__Portal__Api");
    let token = secret_or_variable(&config.token, environment, "Quix__Sdk__Token");
    let (read_path, rotate_path) = (&config.streaming_tokens_path, &config.rotate_streaming_tokens_path);
    let [request, retry] = config.timeouts.unknown();
    let unknown = first_unknown(&[
        ("portal_api", portal_api.is_unknown()),
        ("token", token.is_unknown()),
        ("allowed_accounts", account::is_unknown(&config.allowed_accounts)),
        ("streaming_tokens_path", read_path.is_unknown()),
        ("rotate_streaming_tokens_path", rotate_path.is_unknown()),
        request,
        retry,
    ]);
    if let Some(argument) = unknown {
        return Ok(Configured::Unknown(argument));
    }
    let mut diagnostics = Diagnostics::default();
    let portal_api = match portal_api.known() {
        Some(text) => check("portal_api", Some(text), BaseUrl::parse, &mut diagnostics),
        None => diagnostics.ok(Err(missing_portal_api())),
    };
    let credential = credential(
        "token",
        token,
        Credential::bearer,
        "The provider has no token. Set the argument `token` or the environment variable Quix__Sdk__Token to a personal \
         access token or a streaming token.",
        &mut diagnostics,
    );
    let read = check(
        "streaming_tokens_path",
        Some(known_or(read_path, READ_PATH)),
        Endpoint::for_read,
        &mut diagnostics,
    );
    let rotate = check(
        "rotate_streaming_tokens_path",
        Some(known_or(rotate_path, ROTATE_PATH)),
        Endpoint::for_rotation,
        &mut diagnostics,
    );
    let endpoints = read.zip(rotate).map(|(read, rotate)| Endpoints { read, rotate });
    let timeouts = config.timeouts.resolve(&mut diagnostics);
    let (Some(portal_api), Some(credential), Some(endpoints), Some((request_timeout, retry_timeout)), false) =
        (portal_api, credential, endpoints, timeouts, diagnostics.has_errors())
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
        vault: vault_settings::resolve(config.vault, |name| variable(environment, name)),
    }))
}

/// Returns the argument, or `default` if it is null or empty.
fn known_or<'a>(argument: &'a Field<String>, default: &'a str) -> &'a str {
    let known = argument.known().filter(|text| !text.is_empty());
    known.map_or(default, String::as_str)
}

fn missing_portal_api() -> Diagnostic {
    Diagnostic::error(
        "Missing portal_api",
        "The provider has no address of the Portal API. Set the argument `portal_api` or the environment variable \
         Quix__Portal__Api, for instance to https://portal-api.cloud.quix.io.",
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
    fn resolve_reads_the_environment_variables_of_quix_clients() {
        let environment = [
            ("Quix__Portal__Api", "https://portal-api.example.com/"),
            ("Quix__Sdk__Token", "secret"),
        ];
        let Ok(Configured::Ready(settings)) = resolved(Config::default(), &environment) else {
            panic!("it is not resolved");
        };
        assert_eq!(settings.portal_api.as_str(), "https://portal-api.example.com");
    }

    #[test]
    fn resolve_treats_an_empty_argument_as_unset() {
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
            vault: Field::Null,
        };
        assert!(Config::schema().validate(&config().into_value()).is_empty());
        let environment = [
            ("Quix__Portal__Api", "https://portal-api.example.com/"),
            ("Quix__Sdk__Token", "secret"),
        ];
        let Ok(Configured::Ready(settings)) = resolved(config(), &environment) else {
            panic!("it is not resolved");
        };
        let endpoints = [settings.endpoints.read, settings.endpoints.rotate].map(|endpoint| endpoint.to_string());
        assert_eq!(
            endpoints,
            [
                "GET /workspaces/{workspaceId}/sdktokens",
                "POST /workspaces/{workspaceId}/sdktokens/rotate"
            ]
        );
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
    fn ambiguous_path_is_an_error_on_its_argument() {
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
    fn resolve_returns_the_unknown_argument() {
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
