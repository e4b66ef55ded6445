//! The `provider` block: its arguments, their environment variables and their defaults.

use std::time::Duration;

use secrecy::SecretString;

use crate::framework::{Configured, Diagnostics, Field, Model};
use crate::platform::Environment;
use crate::platform::account::{self, AllowedAccounts, ProviderAccount, check_allowed};
use crate::platform::settings::{
    Timeouts, base_url, check, credential, first_unknown, or_variable, secret_or_variable, unless_empty,
};
use crate::rest::{BaseUrl, Credential};

/// Manages the stream tokens of NeuroIO. Applications authenticate to NeuroIO's API with them.
///
/// NeuroIO has three kinds of API tokens. The kind of the provider's API token determines which
/// stream tokens it manages: those of the account (for its default space), those of one space, or
/// those of the managers. To manage the tokens of several spaces, use a `provider` block with an
/// alias for each.
///
/// An argument takes precedence over its environment variable.
#[derive(Model, Clone, Debug, Default)]
pub struct Config {
    /// The provider's API token. Environment variable: `NEUROIO_API_TOKEN`, which keeps the token
    /// out of the configuration.
    #[attribute(optional)]
    api_token: Field<SecretString>,
    /// The base URL of the API. Default: `https://api.neuroio.com`. It must use https, or http on a
    /// loopback address. If it has no path, `/v1` is added. Environment variable:
    /// `NEUROIO_BASE_URL`.
    #[attribute(optional, check = unless_empty(url))]
    base_url: Field<String>,
    #[attribute(flatten)]
    timeouts: Timeouts,
    #[attribute(optional, description = account::allowed_accounts("installation", "hosts, or base URLs"))]
    allowed_accounts: Field<AllowedAccounts>,
}

/// The address of the API, as in both public clients.
const BASE_URL: &str = "https://api.neuroio.com";

/// The path of the API, which is added to a base URL without a path.
const API_PATH: &str = "/v1";

/// The resolved settings of a provider.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) base_url: BaseUrl,
    pub(super) credential: Credential,
    pub(super) request_timeout: Duration,
    pub(super) retry_timeout: Duration,
}

/// Resolves the arguments of the `provider` block, their environment variables and their defaults.
pub(super) fn resolve(config: Config, environment: &Environment) -> Result<Configured<Settings>, Diagnostics> {
    let base_url = or_variable(&config.base_url, environment, "NEUROIO_BASE_URL");
    let api_token = secret_or_variable(&config.api_token, environment, "NEUROIO_API_TOKEN");
    let [request, retry] = config.timeouts.unknown();
    let unknown = first_unknown(&[
        ("base_url", base_url.is_unknown()),
        ("api_token", api_token.is_unknown()),
        ("allowed_accounts", account::is_unknown(&config.allowed_accounts)),
        request,
        retry,
    ]);
    if let Some(argument) = unknown {
        return Ok(Configured::Unknown(argument));
    }
    let mut diagnostics = Diagnostics::default();
    let base_url = base_url.known().map_or(BASE_URL, String::as_str);
    let base_url = check("base_url", Some(base_url), url, &mut diagnostics);
    let credential = credential(
        "api_token",
        api_token,
        |secret| Credential::new("Token", secret),
        "The provider has no API token. Set the argument `api_token` or the environment variable NEUROIO_API_TOKEN to an \
         API token of the account, space or manager whose stream tokens you want to manage.",
        &mut diagnostics,
    );
    let timeouts = config.timeouts.resolve(&mut diagnostics);
    let (Some(base_url), Some(credential), Some((request_timeout, retry_timeout))) = (base_url, credential, timeouts)
    else {
        return Err(diagnostics);
    };
    let account = ProviderAccount::new(base_url.host(), &base_url);
    check_allowed(&account, &config.allowed_accounts)?;
    Ok(Configured::Ready(Settings {
        base_url,
        credential,
        request_timeout,
        retry_timeout,
    }))
}

fn url(text: &str) -> Result<BaseUrl, String> {
    base_url(text, API_PATH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::testing::variables;

    fn resolved(config: Config, environment: &[(&str, &str)]) -> Result<Configured<Settings>, String> {
        let resolved = resolve(config, &variables(environment));
        resolved.map_err(|diagnostics| diagnostics.iter().map(|diagnostic| diagnostic.to_string()).collect())
    }

    #[test]
    fn resolve_requires_only_a_token() {
        let config = || Config {
            api_token: SecretString::from("secret").into(),
            ..Config::default()
        };
        for (base_url, environment, url) in [
            (Field::Null, "", "https://api.neuroio.com/v1"),
            (Field::Null, "http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
            (
                Field::from("https://api.neuroio.com/v1/"),
                "http://127.0.0.1",
                "https://api.neuroio.com/v1",
            ),
        ] {
            let config = Config { base_url, ..config() };
            let Ok(Configured::Ready(settings)) = resolved(config, &[("NEUROIO_BASE_URL", environment)]) else {
                panic!("{url}");
            };
            assert_eq!(settings.base_url.as_str(), url);
            assert_eq!(settings.retry_timeout, Duration::from_secs(300));
        }
    }

    #[test]
    fn resolve_treats_an_empty_argument_as_unset() {
        let config = || Config {
            api_token: SecretString::from("").into(),
            base_url: "".into(),
            timeouts: Timeouts {
                request_timeout: "".into(),
                retry_timeout: "".into(),
            },
            allowed_accounts: Field::Null,
        };
        assert!(Config::schema().validate(&config().into_value()).is_empty());
        let environment = [("NEUROIO_API_TOKEN", "secret")];
        assert!(
            matches!(resolved(config(), &environment), Ok(Configured::Ready(settings))
            if settings.base_url.as_str() == BASE_URL.to_owned() + API_PATH)
        );
    }

    #[test]
    fn resolve_without_token_names_the_argument_and_its_variable() {
        let error = resolved(Config::default(), &[("NEUROIO_API_TOKEN", "")]).unwrap_err();
        assert!(
            error.contains("Missing api_token") && error.contains("NEUROIO_API_TOKEN"),
            "{error}"
        );
    }

    #[test]
    fn resolve_returns_the_unknown_argument() {
        let config = Config {
            api_token: Field::Unknown,
            ..Config::default()
        };
        assert!(matches!(resolved(config, &[]), Ok(Configured::Unknown("api_token"))));
    }
}
