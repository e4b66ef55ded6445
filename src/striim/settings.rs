//! The `provider` block: what its arguments mean, and which environment variables stand in for them.

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

/// Manages the API tokens of a Striim Cloud account: service account tokens, and whether personal access tokens may be used.
///
/// The provider works with a token of its own, which needs an administrator's privileges. Every argument is optional, but the
/// provider must know the account (or the `base_url`) and the token. An argument wins over its environment variable; a base
/// URL, given either way, wins over account and cloud.
#[derive(Model, Clone, Debug, Default)]
pub struct Config {
    /// The account's short name, the first part of its host name. Or `STRIIM_ACCOUNT`.
    #[attribute(optional, check = unless_empty(check_account))]
    account: Field<String>,
    /// The cloud that the account is on: `gcp` (the default; striim.cloud), `azure` (us-striim.cloud) or `aws`
    /// (us2-striim.cloud). Or `STRIIM_CLOUD`.
    #[attribute(optional, check = unless_empty(domain))]
    cloud: Field<String>,
    /// The API's base URL as the portal shows it on its Personal Token tab, instead of `account` and `cloud`; for instance that
    /// of a sandbox. It must be https, or http on a loopback address. Without a path, `/api/v1` is added. Or
    /// `STRIIM_BASE_URL`.
    #[attribute(optional, check = unless_empty(url))]
    base_url: Field<String>,
    /// The token that the provider works with: a service account token, or the personal access token of an administrator. Or
    /// `STRIIM_TOKEN`, which keeps it out of the configuration.
    #[attribute(optional)]
    token: Field<SecretString>,
    /// Who manages the service accounts, such as the repository and environment of this configuration: at most 100
    /// characters, and another text for each state. It is written at the end of the description of each service account that
    /// is created here, as `[managed by acme/infra/prod]`. Where a run was killed before its state was written, the next one
    /// knows by this mark what is its own, and recreates it. Without it, such a service account has to be imported, adopted or
    /// revoked. Or `STRIIM_MANAGED_BY`.
    #[attribute(optional, check = unless_empty(check_managed_by))]
    managed_by: Field<String>,
    #[attribute(flatten)]
    timeouts: Timeouts,
    #[attribute(optional, description = account::allowed_accounts("account", ACCOUNTS))]
    allowed_accounts: Field<AllowedAccounts>,
    #[attribute(optional, description = vault_settings::DESCRIPTION)]
    vault: Field<VaultConfig>,
}

/// How `allowed_accounts` may be spelled.
const ACCOUNTS: &str = "short names such as `acme`, hosts, or base URLs";

/// The schema of the `provider` block.
pub(super) fn schema() -> Schema {
    Config::schema().describe(
        "retry_timeout",
        "How long one operation may take with all its waiting and retrying: a duration such as `5m`, the default. The \
         platform allows ten creations and rotations a minute, so large plans may need more.",
    )
}

/// The clouds, with the domain of their accounts (Striim Cloud, "Managing API tokens", "Base URL").
const CLOUDS: [(&str, &str); 3] = [
    ("gcp", "striim.cloud"),
    ("azure", "us-striim.cloud"),
    ("aws", "us2-striim.cloud"),
];

/// Where the REST API is below the host of an account.
pub(super) const API_PATH: &str = "/api/v1";

/// What the provider works with.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The account's short name, or else the host of the base URL.
    pub(super) account: String,
    pub(super) base_url: BaseUrl,
    pub(super) credential: Credential,
    /// The mark of the service accounts that are created.
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
                    "The provider does not know which account to work with. Set the argument `account` or the \
                     environment variable STRIIM_ACCOUNT to the account's short name (or `base_url` or \
                     STRIIM_BASE_URL to the API's base URL).",
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
        "The provider has no token to work with. Set the environment variable STRIIM_TOKEN, or the argument `token`, to a \
         service account token or to an administrator's personal access token.",
        &mut diagnostics,
    );
    check("managed_by", managed_by.known(), check_managed_by, &mut diagnostics);
    let timeouts = config.timeouts.resolve(&mut diagnostics);
    let (Some(base_url), Some(credential), Some((request_timeout, retry_timeout)), false) =
        (url, credential, timeouts, diagnostics.has_errors())
    else {
        return Err(diagnostics);
    };
    // A name counts where it determines the address.
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

/// The name becomes a part of the host that the token is sent to: nothing but one label may pass.
pub(super) fn check_account(account: &str) -> Result<(), String> {
    let label = account.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let inner = !account.starts_with('-') && !account.ends_with('-');
    if label && inner && (1..=63).contains(&account.len()) {
        Ok(())
    } else {
        Err("must be the account's short name: letters, digits and hyphens, such as acme".to_owned())
    }
}

/// The domain of the accounts on a cloud.
pub(super) fn domain(cloud: &str) -> Result<&'static str, String> {
    let known = CLOUDS.iter().find(|(name, _)| *name == cloud);
    known
        .map(|(_, domain)| *domain)
        .ok_or_else(|| "must be gcp, azure or aws".to_owned())
}

/// The API of an account whose name has passed [`check_account`].
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
    fn each_cloud_has_its_domain() {
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
    fn a_base_url_stands_instead_of_account_and_cloud() {
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
    fn the_environment_stands_in_for_what_the_configuration_leaves_out() {
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
    fn empty_argument_is_none() {
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
    fn what_is_missing_is_named_with_its_variable() {
        let problems = resolved(Config::default(), &[("STRIIM_TOKEN", "")]).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("`account`") && problems[0].contains("STRIIM_ACCOUNT"));
        assert!(problems[1].contains("`token`") && problems[1].contains("STRIIM_TOKEN"));
    }

    #[test]
    fn an_unknown_argument_is_waited_for_and_no_error() {
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
            // Not needed, so not waited for.
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
    fn what_is_wrong_is_told_on_its_argument() {
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
    fn a_token_that_no_header_can_carry_is_refused_without_showing_it() {
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
