//! The `provider` block: its arguments, and the environment variables that replace them.

use std::time::Duration;

use secrecy::SecretString;

use super::api::{AccessKey, IssuedToken};
use crate::framework::{Configured, Diagnostic, Diagnostics, Field, Model};
use crate::platform::Environment;
use crate::platform::account::{self, AllowedAccounts, ProviderAccount, check_allowed};
use crate::platform::settings::{
    Timeouts, base_url, check, credential, first_unknown, or_variable, secret_or_variable, unless_empty, variable,
};
use crate::platform::vault_settings::{self, VaultConfig, VaultConnection};
use crate::rest::{BaseUrl, Credential};
use crate::vault;

/// The StarTree provider manages access to a StarTree environment with the API of its RBAC Manager:
/// service tokens ("API tokens"), roles, policies, and role assignments.
///
/// Configure the environment (or `base_url`) and a token. An argument takes precedence over its
/// environment variable, and a base URL takes precedence over the environment.
///
/// A change of an assignment can take up to an hour to take effect everywhere.
#[derive(Model, Clone, Debug, Default)]
pub struct Config {
    /// The environment: the part between `rbac-manager.` and `.startree.cloud` in the host name of
    /// its RBAC Manager. Environment variable: `STARTREE_ENVIRONMENT`.
    #[attribute(optional, check = unless_empty(rbac_manager))]
    environment: Field<String>,
    /// The base URL of the RBAC Manager, instead of `environment`, such as that of a sandbox. It
    /// must be https, or http on a loopback address. If it has no path, `/api/v1/rbac-manager` is
    /// added. Environment variable: `STARTREE_BASE_URL`.
    #[attribute(optional, check = unless_empty(url))]
    base_url: Field<String>,
    /// The URL of the environment's Pinot, to which `startree_token_check` sends the token that it
    /// checks. Default: `https://pinot.<environment>.startree.cloud` (StarTree's documentation
    /// writes `https://pinot.<your url>.cloud`). With `base_url` there is no default, because no
    /// other host is inferred from it. Environment variable: `STARTREE_PINOT_URL`.
    #[attribute(optional, check = unless_empty(BaseUrl::parse))]
    pinot_url: Field<String>,
    /// The token that the provider uses. Its roles must allow it to manage roles, policies and
    /// service tokens. Environment variable: `STARTREE_TOKEN`, which keeps the token out of the
    /// configuration.
    #[attribute(optional)]
    token: Field<SecretString>,
    #[attribute(flatten)]
    timeouts: Timeouts,
    #[attribute(optional, description = account::allowed_accounts(
        "environment",
        "their names, the hosts of their RBAC Managers, or base URLs",
    ))]
    allowed_accounts: Field<AllowedAccounts>,
    #[attribute(optional, description = vault_settings::DESCRIPTION)]
    vault: Field<VaultConfig>,
}

/// The path of the RBAC Manager's API.
pub(super) const API_PATH: &str = "/api/v1/rbac-manager";

/// The resolved configuration of the provider.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The environment's name, or the host of its RBAC Manager if only a base URL is configured.
    pub(super) environment: String,
    pub(super) base_url: BaseUrl,
    /// `None` if it is unknown; tokens cannot be checked then.
    pub(super) pinot_url: Option<BaseUrl>,
    pub(super) credential: Credential,
    /// The access key of the provider's token, if that is a service token.
    pub(super) own_access_key: Option<AccessKey>,
    pub(super) request_timeout: Duration,
    pub(super) retry_timeout: Duration,
    pub(super) vault: VaultConnection<vault::Settings>,
}

/// Resolves a configuration with the environment variables.
pub(super) fn resolve(config: Config, variables: &Environment) -> Result<Configured<Settings>, Diagnostics> {
    let given_url = or_variable(&config.base_url, variables, "STARTREE_BASE_URL");
    let environment = or_variable(&config.environment, variables, "STARTREE_ENVIRONMENT");
    let pinot_url = or_variable(&config.pinot_url, variables, "STARTREE_PINOT_URL");
    let token = secret_or_variable(&config.token, variables, "STARTREE_TOKEN");
    let [request, retry] = config.timeouts.unknown();
    let unknown = first_unknown(&[
        ("base_url", given_url.is_unknown()),
        ("environment", given_url.is_null() && environment.is_unknown()),
        ("pinot_url", pinot_url.is_unknown()),
        ("token", token.is_unknown()),
        ("allowed_accounts", account::is_unknown(&config.allowed_accounts)),
        request,
        retry,
    ]);
    if let Some(argument) = unknown {
        return Ok(Configured::Unknown(argument));
    }
    let mut diagnostics = Diagnostics::default();
    let base_url = match (given_url.known(), environment.known()) {
        (Some(given), _) => check("base_url", Some(given), url, &mut diagnostics),
        (None, Some(name)) => check("environment", Some(name), rbac_manager, &mut diagnostics),
        (None, None) => diagnostics.ok(Err(missing_environment())),
    };
    let pinot_url = match (pinot_url.known(), given_url.known(), environment.known()) {
        (Some(given), _, _) => check("pinot_url", Some(given), BaseUrl::parse, &mut diagnostics),
        (None, None, Some(name)) => host("pinot", name).ok(),
        // A host that is inferred from a URL could belong to a third party, which would receive the
        // token.
        (None, _, _) => None,
    };
    let own = token.known().and_then(IssuedToken::of_bearer);
    let credential = credential(
        "token",
        token,
        Credential::bearer,
        "The provider has no token. Set the environment variable STARTREE_TOKEN, or the argument `token`, to an API token whose \
         roles allow it to manage roles, policies and service tokens.",
        &mut diagnostics,
    );
    let timeouts = config.timeouts.resolve(&mut diagnostics);
    let (Some(base_url), Some(credential), Some((request_timeout, retry_timeout)), false) =
        (base_url, credential, timeouts, diagnostics.has_errors())
    else {
        return Err(diagnostics);
    };
    let name = environment.into_known().filter(|_| given_url.is_null());
    let environment = name.unwrap_or_else(|| base_url.host().to_owned());
    let account = ProviderAccount::new(&environment, &base_url);
    check_allowed(&account, &config.allowed_accounts)?;
    Ok(Configured::Ready(Settings {
        environment,
        base_url,
        pinot_url,
        credential,
        own_access_key: own.map(|token| token.access_key),
        request_timeout,
        retry_timeout,
        vault: vault_settings::resolve(config.vault, |name| variable(variables, name)),
    }))
}

/// Returns the base URL of an environment's RBAC Manager.
fn rbac_manager(environment: &str) -> Result<BaseUrl, String> {
    base_url(host("rbac-manager", environment)?.as_str(), API_PATH)
}

/// Returns the base URL of a service of an environment. The environment's name becomes part of the
/// host that a token is sent to, so it may only consist of host name labels.
fn host(service: &str, environment: &str) -> Result<BaseUrl, String> {
    let is_label = |label: &str| {
        let of = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        of && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    if !environment.split('.').all(is_label) {
        return Err(
            "must be the part between rbac-manager. and .startree.cloud: letters, digits and hyphens".to_owned(),
        );
    }
    let url = format!("https://{service}.{environment}.startree.cloud");
    BaseUrl::parse(&url).map_err(|error| error.to_string())
}

fn url(text: &str) -> Result<BaseUrl, String> {
    base_url(text, API_PATH)
}

fn missing_environment() -> Diagnostic {
    Diagnostic::error(
        "Missing environment",
        "The provider has no environment. Set the argument `environment` or the environment variable STARTREE_ENVIRONMENT to \
         the part between rbac-manager. and .startree.cloud in the host name of its RBAC Manager. Or set `base_url` or \
         STARTREE_BASE_URL to the base URL of the RBAC Manager.",
    )
    .on("environment")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::testing::variables;

    const TOKEN: &str = "st-XkQBXKr652MV1VF9-5gkhGWNaGAdA1NU5yrHXRSPKMCcNRlRg";

    fn resolved(config: Config, environment: &[(&str, &str)]) -> Result<Configured<Settings>, Vec<String>> {
        let resolved = resolve(config, &variables(environment));
        resolved.map_err(|errors| errors.iter().map(Diagnostic::to_string).collect())
    }

    #[test]
    fn empty_arguments_count_as_missing() {
        let config = || Config {
            environment: "".into(),
            base_url: "".into(),
            pinot_url: "".into(),
            token: SecretString::from("").into(),
            timeouts: Timeouts {
                request_timeout: "".into(),
                retry_timeout: "".into(),
            },
            ..Config::default()
        };
        assert!(Config::schema().validate(&config().into_value()).is_empty());
        let environment = [("STARTREE_ENVIRONMENT", "acme"), ("STARTREE_TOKEN", TOKEN)];
        let Ok(Configured::Ready(settings)) = resolved(config(), &environment) else {
            panic!("it is not resolved");
        };
        assert_eq!(settings.environment, "acme");
    }

    #[test]
    fn pinot_url_is_derived_from_environment_and_never_from_base_url() {
        const ACME: (&str, &str) = ("STARTREE_ENVIRONMENT", "acme.prod");
        for (environment, base_url, pinot_url, named) in [
            (
                &[ACME][..],
                "https://rbac-manager.acme.prod.startree.cloud/api/v1/rbac-manager",
                Some("https://pinot.acme.prod.startree.cloud"),
                "acme.prod",
            ),
            (
                &[ACME, ("STARTREE_BASE_URL", "http://127.0.0.1:8080")],
                "http://127.0.0.1:8080/api/v1/rbac-manager",
                None,
                "127.0.0.1",
            ),
            (
                &[("STARTREE_BASE_URL", "https://rbac-manager.x.example.com:444/rbac/")],
                "https://rbac-manager.x.example.com:444/rbac",
                None,
                "rbac-manager.x.example.com",
            ),
            (
                &[("STARTREE_BASE_URL", "https://rbac-manager.com")],
                "https://rbac-manager.com/api/v1/rbac-manager",
                None,
                "rbac-manager.com",
            ),
            (
                &[
                    ("STARTREE_BASE_URL", "https://rbac-manager.example.com"),
                    ("STARTREE_PINOT_URL", "https://pinot.example.com"),
                ],
                "https://rbac-manager.example.com/api/v1/rbac-manager",
                Some("https://pinot.example.com"),
                "rbac-manager.example.com",
            ),
            (
                &[ACME, ("STARTREE_PINOT_URL", "https://pinot.example.com/api")],
                "https://rbac-manager.acme.prod.startree.cloud/api/v1/rbac-manager",
                Some("https://pinot.example.com/api"),
                "acme.prod",
            ),
        ] {
            let config = Config {
                token: SecretString::from(TOKEN).into(),
                ..Config::default()
            };
            let Ok(Configured::Ready(settings)) = resolved(config, environment) else {
                panic!("{environment:?}");
            };
            assert_eq!(settings.base_url.as_str(), base_url);
            assert_eq!(settings.pinot_url.as_ref().map(BaseUrl::as_str), pinot_url);
            assert_eq!(settings.environment, named);
            assert_eq!(
                settings.own_access_key.as_ref().map(AccessKey::as_str),
                Some("XkQBXKr652MV1VF9")
            );
            assert!(!format!("{settings:?}").contains("5gkh"));
        }
    }

    #[test]
    fn missing_arguments_are_reported_with_their_variables() {
        let errors = resolved(Config::default(), &[("STARTREE_TOKEN", "")]).unwrap_err();
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors[0].contains("Missing environment") && errors[0].contains("STARTREE_ENVIRONMENT"));
        assert!(errors[1].contains("Missing token") && errors[1].contains("STARTREE_TOKEN"));
    }

    #[test]
    fn invalid_arguments_are_reported_on_their_attribute() {
        let acme = || Config {
            environment: "acme".into(),
            token: SecretString::from("secret").into(),
            ..Config::default()
        };
        for (config, argument) in [
            (
                Config {
                    environment: "acme.example.com/".into(),
                    ..acme()
                },
                "environment",
            ),
            (
                Config {
                    environment: "evil.com#".into(),
                    ..acme()
                },
                "environment",
            ),
            (
                Config {
                    base_url: "http://startree.example.com".into(),
                    ..acme()
                },
                "base_url",
            ),
            (
                Config {
                    pinot_url: "http://pinot.example.com".into(),
                    ..acme()
                },
                "pinot_url",
            ),
            (
                Config {
                    timeouts: Timeouts {
                        retry_timeout: "soon".into(),
                        ..Timeouts::default()
                    },
                    ..acme()
                },
                "retry_timeout",
            ),
        ] {
            let errors = Config::schema().validate(&config.clone().into_value());
            let on: Vec<_> = errors.iter().filter_map(|error| error.attribute.clone()).collect();
            assert_eq!(on, [argument], "{config:?}");
            assert!(resolved(config, &[]).is_err());
        }
    }

    #[test]
    fn unknown_argument_leaves_the_provider_unconfigured() {
        let config = Config {
            token: Field::Unknown,
            environment: "acme".into(),
            ..Config::default()
        };
        assert!(matches!(resolved(config, &[]), Ok(Configured::Unknown("token"))));
    }
}
