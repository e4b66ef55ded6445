//! The `provider` block: what its arguments mean, and which environment variables stand in for them.

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

/// Manages who may do what in a StarTree environment: service tokens ("API tokens"), roles, policies, and who has which, by
/// the API of its RBAC Manager.
///
/// The provider must know the environment (or the `base_url`) and a token. An argument wins over its environment variable;
/// a base URL, given either way, wins over the environment.
///
/// **It may take up to an hour** until the platform knows everywhere of an assignment, or of its end.
#[derive(Model, Clone, Debug, Default)]
pub struct Config {
    /// The environment: what stands between `rbac-manager.` and `.startree.cloud` in the host name of its RBAC Manager. Or
    /// `STARTREE_ENVIRONMENT`.
    #[attribute(optional, check = unless_empty(rbac_manager))]
    environment: Field<String>,
    /// The RBAC Manager's base URL, instead of `environment`: for instance that of a sandbox. It must be https, or http on a
    /// loopback address. Without a path, `/api/v1/rbac-manager` is added. Or `STARTREE_BASE_URL`.
    #[attribute(optional, check = unless_empty(url))]
    base_url: Field<String>,
    /// The URL of the environment's Pinot, to which `startree_token_check` sends the token that it checks. Default:
    /// `https://pinot.<environment>.startree.cloud` (the platform's pages write `https://pinot.<your url>.cloud`). There is
    /// no default where `base_url` is given: no other host is inferred from it. Or `STARTREE_PINOT_URL`.
    #[attribute(optional, check = unless_empty(BaseUrl::parse))]
    pinot_url: Field<String>,
    /// The token that the provider works with: one whose roles let it manage roles, policies and service tokens. Or
    /// `STARTREE_TOKEN`, which keeps it out of the configuration.
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

/// Where the RBAC Manager's API is below its host.
pub(super) const API_PATH: &str = "/api/v1/rbac-manager";

/// What the provider works with.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The environment's name, or else the host of its RBAC Manager.
    pub(super) environment: String,
    pub(super) base_url: BaseUrl,
    /// `None`: tokens cannot be checked.
    pub(super) pinot_url: Option<BaseUrl>,
    pub(super) credential: Credential,
    /// The access key of the token, if it is a service token.
    pub(super) own: Option<AccessKey>,
    pub(super) request_timeout: Duration,
    pub(super) retry_timeout: Duration,
    pub(super) vault: VaultConnection<vault::Settings>,
}

/// Resolves a configuration with the environment.
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
        // A host that is inferred from a URL could be anyone's, and a token would be sent there.
        (None, _, _) => None,
    };
    let own = token.known().and_then(IssuedToken::of_bearer);
    let credential = credential(
        "token",
        token,
        Credential::bearer,
        "The provider has no token to work with. Set the environment variable STARTREE_TOKEN, or the argument `token`, to an \
         API token whose roles let it manage roles, policies and service tokens.",
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
        own: own.map(|token| token.access_key),
        request_timeout,
        retry_timeout,
        vault: vault_settings::resolve(config.vault, |name| variable(variables, name)),
    }))
}

/// The RBAC Manager of an environment.
fn rbac_manager(environment: &str) -> Result<BaseUrl, String> {
    base_url(host("rbac-manager", environment)?.as_str(), API_PATH)
}

/// A service of an environment, whose name becomes a part of the host that a token is sent to: nothing but labels of a
/// host name may pass.
fn host(service: &str, environment: &str) -> Result<BaseUrl, String> {
    let is_label = |label: &str| {
        let of = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        of && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    if !environment.split('.').all(is_label) {
        return Err(
            "must be what stands between rbac-manager. and .startree.cloud: letters, digits and hyphens".to_owned(),
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
        "The provider does not know which environment to work with. Set the argument `environment` or the environment \
         variable STARTREE_ENVIRONMENT to what stands between rbac-manager. and .startree.cloud in the host name of its RBAC \
         Manager (or `base_url` or STARTREE_BASE_URL to its base URL).",
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
    fn empty_argument_is_none() {
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
            assert_eq!(settings.own.as_ref().map(AccessKey::as_str), Some("XkQBXKr652MV1VF9"));
            assert!(!format!("{settings:?}").contains("5gkh"));
        }
    }

    #[test]
    fn what_is_missing_is_named_with_its_variable() {
        let told = resolved(Config::default(), &[("STARTREE_TOKEN", "")]).unwrap_err();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("Missing environment") && told[0].contains("STARTREE_ENVIRONMENT"));
        assert!(told[1].contains("Missing token") && told[1].contains("STARTREE_TOKEN"));
    }

    #[test]
    fn what_is_wrong_is_told_on_its_argument() {
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
    fn what_is_known_only_at_apply_is_waited_for() {
        let config = Config {
            token: Field::Unknown,
            environment: "acme".into(),
            ..Config::default()
        };
        assert!(matches!(resolved(config, &[]), Ok(Configured::Unknown("token"))));
    }
}
