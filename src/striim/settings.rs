//! The `provider` block: its arguments, and the environment variables that replace absent ones.

use std::time::Duration;

use secrecy::SecretString;

use super::api::check_managed_by;
use crate::framework::{Configured, Diagnostic, Diagnostics, Field, Model, Schema};
use crate::platform::Environment;
use crate::platform::account::{self, AllowedAccounts, ProviderAccount, check_allowed};
use crate::platform::settings::{
    Timeouts, base_url, check, credential, first_unknown, invalid, or_variable, secret_or_variable, unless_empty,
    variable,
};
use crate::platform::vault_settings::{self, VaultConfig, VaultConnection};
use crate::rest::{BaseUrl, Credential};
use crate::vault;

/// Manages the API tokens of a Striim Cloud account: service account tokens, personal access tokens, and whether personal
/// access tokens are enabled.
///
/// The provider authenticates with a token that has administrator privileges. Every argument is optional, but the account (or
/// `base_url`) and the token must be set by an argument or an environment variable. An argument takes precedence over its
/// environment variable; a base URL takes precedence over account and cloud.
#[derive(Model, Clone, Debug, Default)]
pub struct Config {
    /// The account's short name, the first label of its host name. Can also be set with `STRIIM_ACCOUNT`.
    #[attribute(optional, check = unless_empty(check_account))]
    account: Field<String>,
    /// The cloud of the account: `gcp` (the default; striim.cloud), `azure` (us-striim.cloud) or `aws` (us2-striim.cloud). Can
    /// also be set with `STRIIM_CLOUD`.
    #[attribute(optional, check = unless_empty(domain))]
    cloud: Field<String>,
    /// The API's base URL as the console shows it on its Personal Token tab, instead of `account` and `cloud`; for example the
    /// URL of a sandbox. It must be HTTPS, or HTTP on a loopback address. Without a path, `/api/v1` is added. Can also be set
    /// with `STRIIM_BASE_URL`.
    #[attribute(optional, check = unless_empty(url))]
    base_url: Field<String>,
    /// The provider's credential: a service account token, or the personal access token of an administrator. Can also be set
    /// with `STRIIM_TOKEN`, which keeps it out of the configuration.
    #[attribute(optional)]
    token: Field<SecretString>,
    /// Identifies the manager of the service accounts, such as the repository and environment of this configuration: at most
    /// 100 characters, different for each state. It is appended to the description of each created service account, as
    /// `[managed by acme/infra/prod]`. If a run was killed before its state was written, the next run recognises its orphan
    /// by this mark and recreates it. Without the mark, an orphan has to be imported, adopted or revoked. Can also be set with
    /// `STRIIM_MANAGED_BY`.
    #[attribute(optional, check = unless_empty(check_managed_by))]
    managed_by: Field<String>,
    #[attribute(flatten)]
    timeouts: Timeouts,
    #[attribute(optional, description = account::allowed_accounts("account", ACCOUNTS))]
    allowed_accounts: Field<AllowedAccounts>,
    #[attribute(optional, description = vault_settings::DESCRIPTION)]
    vault: Field<VaultConfig>,
}

/// The accepted forms of an entry in `allowed_accounts`.
const ACCOUNTS: &str = "short names such as `acme`, hosts, or base URLs";

/// The schema of the `provider` block.
pub(super) fn schema() -> Schema {
    Config::schema().describe(
        "retry_timeout",
        "The longest time for one operation, including waits and retries: a duration such as `5m`, the default. The \
         platform allows ten creations and rotations a minute, so large plans may need more.",
    )
}

/// The clouds, with the domain of their accounts (Striim Cloud, "Managing API tokens", "Base URL").
const CLOUDS: [(&str, &str); 3] = [
    ("gcp", "striim.cloud"),
    ("azure", "us-striim.cloud"),
    ("aws", "us2-striim.cloud"),
];

/// The path of the REST API on the host of an account.
pub(super) const API_PATH: &str = "/api/v1";

/// The resolved settings of the provider.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The account's short name, or the host of the base URL.
    pub(super) account: String,
    pub(super) base_url: BaseUrl,
    pub(super) credential: Credential,
    /// The mark of created service accounts.
    pub(super) managed_by: Option<String>,
    pub(super) request_timeout: Duration,
    pub(super) retry_timeout: Duration,
    pub(super) vault: VaultConnection<vault::Settings>,
}

/// Resolves a configuration with the environment.
pub(super) fn resolve(config: Config, environment: &Environment) -> Result<Configured<Settings>, Diagnostics> {
    let given_url = or_variable(&config.base_url, environment, "STRIIM_BASE_URL");
    let account = or_variable(&config.account, environment, "STRIIM_ACCOUNT");
    let cloud = or_variable(&config.cloud, environment, "STRIIM_CLOUD");
    let token = secret_or_variable(&config.token, environment, "STRIIM_TOKEN");
    let managed_by = or_variable(&config.managed_by, environment, "STRIIM_MANAGED_BY");

    let [request, retry] = config.timeouts.unknown();
    let unknown = first_unknown(&[
        ("base_url", given_url.is_unknown()),
        ("account", given_url.is_null() && account.is_unknown()),
        ("cloud", given_url.is_null() && cloud.is_unknown()),
        ("token", token.is_unknown()),
        ("managed_by", managed_by.is_unknown()),
        ("allowed_accounts", account::is_unknown(&config.allowed_accounts)),
        request,
        retry,
    ]);
    if let Some(argument) = unknown {
        return Ok(Configured::Unknown(argument));
    }

    let mut diagnostics = Diagnostics::default();
    let url = match (given_url.known(), account.known()) {
        (Some(text), _) => check("base_url", Some(text), url, &mut diagnostics),
        (None, Some(account)) => {
            let cloud = cloud.known().map_or("gcp", String::as_str);
            let named = check("account", Some(account), check_account, &mut diagnostics);
            let domain = check("cloud", Some(cloud), domain, &mut diagnostics);
            let url = named.zip(domain).map(|((), domain)| account_url(account, domain));
            url.and_then(|url| diagnostics.ok(url.map_err(|problem| invalid("account", problem))))
        }
        (None, None) => {
            diagnostics.push(
                Diagnostic::error(
                    "Missing account",
                    "No account is configured. Set the argument `account` or the environment variable STRIIM_ACCOUNT to \
                     the account's short name (or `base_url` or STRIIM_BASE_URL to the API's base URL).",
                )
                .on("account"),
            );
            None
        }
    };
    let credential = credential(
        "token",
        token,
        Credential::bearer,
        "No credential is configured. Set the environment variable STRIIM_TOKEN or the argument `token` to a service \
         account token or to an administrator's personal access token.",
        &mut diagnostics,
    );
    check("managed_by", managed_by.known(), check_managed_by, &mut diagnostics);
    let timeouts = config.timeouts.resolve(&mut diagnostics);
    let (Some(base_url), Some(credential), Some((request_timeout, retry_timeout)), false) =
        (url, credential, timeouts, diagnostics.has_errors())
    else {
        return Err(diagnostics);
    };
    // The account's name matters only if it determines the address.
    let name = account.known().filter(|_| given_url.is_null());
    let present = ProviderAccount::new(name.map_or(base_url.host(), String::as_str), &base_url);
    check_allowed(&present, &config.allowed_accounts)?;
    Ok(Configured::Ready(Settings {
        account: account.into_known().unwrap_or_else(|| base_url.host().to_owned()),
        base_url,
        credential,
        managed_by: managed_by.into_known(),
        request_timeout,
        retry_timeout,
        vault: vault_settings::resolve(config.vault, |name| variable(environment, name)),
    }))
}

fn url(text: &str) -> Result<BaseUrl, String> {
    base_url(text, API_PATH)
}

/// Accepts a single DNS label only, because the name becomes part of the host that receives the token.
pub(super) fn check_account(account: &str) -> Result<(), String> {
    let label = account.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let inner = !account.starts_with('-') && !account.ends_with('-');
    if label && inner && (1..=63).contains(&account.len()) {
        Ok(())
    } else {
        Err("must be the account's short name: letters, digits and hyphens, such as acme".to_owned())
    }
}

/// Returns the domain of the accounts on a cloud.
pub(super) fn domain(cloud: &str) -> Result<&'static str, String> {
    let known = CLOUDS.iter().find(|(name, _)| *name == cloud);
    known
        .map(|(_, domain)| *domain)
        .ok_or_else(|| "must be gcp, azure or aws".to_owned())
}

/// Returns the base URL of an account whose name has passed [`check_account`].
pub(super) fn account_url(account: &str, domain: &str) -> Result<BaseUrl, String> {
    base_url(&format!("https://{account}.{domain}"), API_PATH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::testing::variables;

    fn resolved(config: Config, environment: &[(&str, &str)]) -> Result<Configured<Settings>, Vec<String>> {
        resolve(config, &variables(environment))
            .map_err(|diagnostics| diagnostics.iter().map(ToString::to_string).collect())
    }

    fn settings(config: Config, environment: &[(&str, &str)]) -> Settings {
        match resolved(config, environment) {
            Ok(Configured::Ready(settings)) => settings,
            other => panic!("{other:?}"),
        }
    }

    fn with_token() -> Config {
        Config {
            token: SecretString::from("secret").into(),
            ..Config::default()
        }
    }

    #[test]
    fn cloud_determines_the_domain() {
        for (cloud, url) in [
            (Field::Null, "https://acme.striim.cloud/api/v1"),
            ("gcp".into(), "https://acme.striim.cloud/api/v1"),
            ("azure".into(), "https://acme.us-striim.cloud/api/v1"),
            ("aws".into(), "https://acme.us2-striim.cloud/api/v1"),
        ] {
            let settings = settings(
                Config {
                    account: "acme".into(),
                    cloud,
                    ..with_token()
                },
                &[],
            );
            assert_eq!(settings.base_url.as_str(), url);
            assert_eq!(settings.account, "acme");
            assert_eq!(settings.request_timeout, Duration::from_secs(30));
            assert_eq!(settings.retry_timeout, Duration::from_secs(300));
        }
    }

    #[test]
    fn base_url_takes_precedence_over_account_and_cloud() {
        for (given, url) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/api/v1"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/api/v1"),
            ("http://127.0.0.1:8080/api/v1/", "http://127.0.0.1:8080/api/v1"),
            (
                "https://gateway.example.com/striim",
                "https://gateway.example.com/striim",
            ),
        ] {
            let settings = settings(
                Config {
                    base_url: given.into(),
                    cloud: "azure".into(),
                    ..with_token()
                },
                &[],
            );
            assert_eq!(settings.base_url.as_str(), url);
        }
    }

    #[test]
    fn absent_arguments_are_read_from_the_environment() {
        let environment = [
            ("STRIIM_ACCOUNT", "acme"),
            ("STRIIM_CLOUD", "aws"),
            ("STRIIM_TOKEN", "secret"),
        ];
        assert_eq!(
            settings(Config::default(), &environment).base_url.as_str(),
            "https://acme.us2-striim.cloud/api/v1"
        );
        let config = Config {
            account: "other".into(),
            ..Config::default()
        };
        assert_eq!(
            settings(config, &environment).base_url.as_str(),
            "https://other.us2-striim.cloud/api/v1"
        );
    }

    #[test]
    fn empty_argument_counts_as_absent() {
        let config = || Config {
            account: "".into(),
            cloud: "".into(),
            base_url: "".into(),
            token: SecretString::from("").into(),
            managed_by: "".into(),
            timeouts: Timeouts {
                request_timeout: "".into(),
                retry_timeout: "".into(),
            },
            allowed_accounts: Field::Null,
            ..Config::default()
        };
        assert!(schema().validate(&config().into_value()).is_empty());
        let environment = [("STRIIM_ACCOUNT", "acme"), ("STRIIM_TOKEN", "secret")];
        let settings = settings(config(), &environment);
        assert_eq!(settings.base_url.as_str(), "https://acme.striim.cloud/api/v1");
        assert_eq!(settings.managed_by, None);
        let problems = resolved(config(), &[]).unwrap_err();
        assert!(problems[0].contains("Missing account") && problems[1].contains("Missing token"));
    }

    #[test]
    fn missing_argument_is_reported_with_its_variable() {
        let problems = resolved(Config::default(), &[("STRIIM_TOKEN", "")]).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("`account`") && problems[0].contains("STRIIM_ACCOUNT"));
        assert!(problems[1].contains("`token`") && problems[1].contains("STRIIM_TOKEN"));
    }

    #[test]
    fn unknown_argument_leaves_the_provider_unconfigured_without_error() {
        let cases = [
            (
                Config {
                    token: Field::Unknown,
                    account: "acme".into(),
                    ..Config::default()
                },
                Some("token"),
            ),
            (
                Config {
                    account: Field::Unknown,
                    ..with_token()
                },
                Some("account"),
            ),
            (
                Config {
                    base_url: Field::Unknown,
                    ..with_token()
                },
                Some("base_url"),
            ),
            // `cloud` is not needed here.
            (
                Config {
                    base_url: "https://example.com/api".into(),
                    cloud: Field::Unknown,
                    ..with_token()
                },
                None,
            ),
        ];
        for (config, expected) in cases {
            match resolved(config, &[]).unwrap() {
                Configured::Unknown(argument) => assert_eq!(Some(argument), expected),
                Configured::Ready(_) => assert_eq!(expected, None),
            }
        }
    }

    #[test]
    fn invalid_argument_is_reported_on_the_argument() {
        let acme = || Config {
            account: "acme".into(),
            ..with_token()
        };
        let cases = [
            (
                Config {
                    account: "acme.example.com/".into(),
                    ..acme()
                },
                "account",
            ),
            (
                Config {
                    account: "-acme".into(),
                    ..acme()
                },
                "account",
            ),
            (
                Config {
                    cloud: "oracle".into(),
                    ..acme()
                },
                "cloud",
            ),
            (
                Config {
                    base_url: "http://striim.example.com".into(),
                    ..acme()
                },
                "base_url",
            ),
            (
                Config {
                    base_url: "https://user:password@example.com".into(),
                    ..acme()
                },
                "base_url",
            ),
            (
                Config {
                    base_url: "https://example.com/?token=1".into(),
                    ..acme()
                },
                "base_url",
            ),
            (
                Config {
                    base_url: "example.com".into(),
                    ..acme()
                },
                "base_url",
            ),
            (
                Config {
                    timeouts: Timeouts {
                        request_timeout: "30".into(),
                        ..Timeouts::default()
                    },
                    ..acme()
                },
                "request_timeout",
            ),
            (
                Config {
                    timeouts: Timeouts {
                        request_timeout: "0s".into(),
                        ..Timeouts::default()
                    },
                    ..acme()
                },
                "request_timeout",
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
        ];
        for (config, argument) in cases {
            let diagnostics = schema().validate(&config.clone().into_value());
            let on: Vec<_> = diagnostics
                .iter()
                .map(|error| error.attribute.clone().unwrap())
                .collect();
            assert_eq!(on, [argument], "{config:?}");
            let problems = resolved(config, &[]).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
        }
    }

    #[test]
    fn token_invalid_in_a_header_is_rejected_without_showing_it() {
        let config = Config {
            account: "acme".into(),
            token: SecretString::from("se\ncret").into(),
            ..Config::default()
        };
        let problems = resolved(config, &[]).unwrap_err();
        assert!(
            problems[0].contains("Invalid token") && !problems[0].contains("cret"),
            "{problems:?}"
        );
    }
}
