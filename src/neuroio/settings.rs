//! The `provider` block: what its arguments mean, and which environment variables stand in for them.

use std::time::Duration;

use secrecy::SecretString;

use crate::framework::{Configured, Diagnostics, Field, Model};
use crate::platform::Environment;
use crate::platform::account::{self, AllowedAccounts, ProviderAccount, check_allowed};
use crate::platform::settings::{
    Timeouts, base_url, check, credential, first_unknown, or_variable, secret_or_variable, unless_empty,
};
use crate::rest::{BaseUrl, Credential};

/// Manages NeuroIO's stream tokens, with which applications authenticate to its API.
///
/// There are three kinds of API tokens, and the one that the provider works with decides what it manages: the stream tokens of
/// the account (for its default space), those of one space, or those of managers. To manage those of several spaces, give
/// each a `provider` block with an alias.
///
/// An argument wins over its environment variable.
#[derive(Model, Clone, Debug, Default)]
pub struct Config {
    /// The API token that the provider works with. Or `NEUROIO_API_TOKEN`, which keeps it out of the configuration.
    #[attribute(optional)]
    api_token: Field<SecretString>,
    /// The API's base URL, by default `https://api.neuroio.com`. It must be https, or http on a loopback address. Without a
    /// path, `/v1` is added. Or `NEUROIO_BASE_URL`.
    #[attribute(optional, check = unless_empty(url))]
    base_url: Field<String>,
    #[attribute(flatten)]
    timeouts: Timeouts,
    #[attribute(optional, description = account::allowed_accounts("installation", "hosts, or base URLs"))]
    allowed_accounts: Field<AllowedAccounts>,
}

/// The API's host in both public clients.
const BASE_URL: &str = "https://api.neuroio.com";

/// Where the API is below its host.
const API_PATH: &str = "/v1";

/// What the provider works with.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) base_url: BaseUrl,
    pub(super) credential: Credential,
    pub(super) request_timeout: Duration,
    pub(super) retry_timeout: Duration,
}

/// Resolves a configuration with the environment.
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
        "The provider has no token to work with. Set the environment variable NEUROIO_API_TOKEN, or the argument \
         `api_token`, to an API token of the account, the space or the manager whose stream tokens are to be managed.",
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
    fn resolve_needs_a_token_only() {
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
    fn resolve_takes_an_empty_argument_as_none() {
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
    fn resolve_without_a_token_names_the_argument_and_its_variable() {
        let error = resolved(Config::default(), &[("NEUROIO_API_TOKEN", "")]).unwrap_err();
        assert!(
            error.contains("Missing api_token") && error.contains("NEUROIO_API_TOKEN"),
            "{error}"
        );
    }

    #[test]
    fn resolve_returns_the_argument_that_is_known_only_at_apply() {
        let config = Config {
            api_token: Field::Unknown,
            ..Config::default()
        };
        assert!(matches!(resolved(config, &[]), Ok(Configured::Unknown("api_token"))));
    }
}
