//! The `provider` block: what its arguments mean, and which environment variables stand in for them.

use std::time::Duration;

use secrecy::SecretString;

use crate::framework::{Attribute, Diagnostics, Schema, Type, model};
use crate::platform::Environment;
use crate::platform::account::{self, AllowedAccounts, ProviderAccount, check_allowed};
use crate::platform::settings::{Resolved, Timeouts, base_url, check, credential, or_variable, secret_or_variable};
use crate::rest::{BaseUrl, Credential};

model! {
    /// The `provider` block.
    pub struct Config {
        api_token: SecretString,
        allowed_accounts: AllowedAccounts,
        base_url: String,
        request_timeout: String,
        retry_timeout: String,
    }
}

/// The API's host in both public clients.
const BASE_URL: &str = "https://api.neuroio.com";

/// Where the API is below its host.
const API_PATH: &str = "/v1";

pub(super) fn schema() -> Schema {
    let mut attributes = vec![
        Attribute::optional(
            "api_token",
            Type::String,
            "The API token that the provider works with. Or `NEUROIO_API_TOKEN`, which keeps it out of the configuration.",
        )
        .sensitive(),
        Attribute::optional(
            "base_url",
            Type::String,
            "The API's base URL: `https://api.neuroio.com`, unless told otherwise. It must be https, or http on a \
             loopback address. Without a path, `/v1` is added. Or `NEUROIO_BASE_URL`.",
        ),
    ];
    attributes.extend(Timeouts::attributes());
    attributes.push(account::allowed_accounts("installation", "hosts, or base URLs"));
    Schema::new(
        "Manages NeuroIO's stream tokens, with which applications prove themselves to its API.\n\n\
         There are three kinds of API tokens, and the one that the provider works with decides what it manages: the stream \
         tokens of the account (for its default space), those of one space, or those of managers. To manage those of \
         several spaces, give each a `provider` block with an alias.\n\n\
         An argument wins over its environment variable.",
        attributes,
    )
}

/// What the provider works with.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) base_url: BaseUrl,
    pub(super) credential: Credential,
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
}

/// Judges what the configuration says by itself.
pub(super) fn validate(config: &Config, diagnostics: &mut Diagnostics) {
    check("base_url", config.base_url.known(), url, diagnostics);
    config.timeouts().validate(diagnostics);
}

/// Resolves a configuration with the environment; `None` if it told an error.
pub(super) fn resolve(
    config: Config,
    environment: &Environment,
    diagnostics: &mut Diagnostics,
) -> Option<Resolved<Settings>> {
    let timeouts = config.timeouts();
    let base_url = or_variable(&config.base_url, environment, "NEUROIO_BASE_URL");
    let api_token = secret_or_variable(&config.api_token, environment, "NEUROIO_API_TOKEN");
    let [request, retry] = timeouts.unknown();
    let arguments = [
        ("base_url", base_url.is_unknown()),
        ("api_token", api_token.is_unknown()),
        ("allowed_accounts", account::is_unknown(&config.allowed_accounts)),
        request,
        retry,
    ];
    if let Some(waiting) = Resolved::waiting(&arguments) {
        return Some(waiting);
    }
    let base_url = base_url.known().map_or(BASE_URL, String::as_str);
    let base_url = check("base_url", Some(base_url), url, diagnostics);
    let credential = credential(
        "api_token",
        api_token,
        |secret| Credential::new("Token", secret),
        "The provider has no token to work with. Set the environment variable NEUROIO_API_TOKEN, or the argument \
         `api_token`, to an API token of the account, the space or the manager whose stream tokens are to be managed.",
        diagnostics,
    );
    let timeouts = timeouts.resolve(diagnostics);
    let (request_timeout, retry_timeout) = timeouts?;
    let base_url = base_url?;
    let present = ProviderAccount::new(base_url.host(), &base_url);
    diagnostics.ok(check_allowed(&present, &config.allowed_accounts))?;
    Some(Resolved::Settings(Box::new(Settings {
        base_url,
        credential: credential?,
        request_timeout,
        retry_timeout,
    })))
}

fn url(text: &str) -> Result<BaseUrl, String> {
    base_url(text, API_PATH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::Field;
    use crate::platform::testing::variables;

    fn resolved(config: Config, environment: &[(&str, &str)]) -> Result<Resolved<Settings>, String> {
        let mut diagnostics = Diagnostics::default();
        resolve(config, &variables(environment), &mut diagnostics).ok_or_else(|| {
            diagnostics
                .into_iter()
                .map(|diagnostic| diagnostic.to_string())
                .collect()
        })
    }

    #[test]
    fn a_token_is_all_that_is_needed() {
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
            let Ok(Resolved::Settings(settings)) = resolved(config, &[("NEUROIO_BASE_URL", environment)]) else {
                panic!("{url}");
            };
            assert_eq!(settings.base_url.as_str(), url);
            assert_eq!(settings.retry_timeout, Duration::from_secs(300));
        }
    }

    #[test]
    fn empty_argument_is_none() {
        let config = || Config {
            api_token: SecretString::from("").into(),
            base_url: "".into(),
            request_timeout: "".into(),
            retry_timeout: "".into(),
            allowed_accounts: Field::Null,
        };
        let mut diagnostics = Diagnostics::default();
        validate(&config(), &mut diagnostics);
        assert!(!diagnostics.has_errors());
        let environment = [("NEUROIO_API_TOKEN", "secret")];
        assert!(
            matches!(resolved(config(), &environment), Ok(Resolved::Settings(settings))
            if settings.base_url.as_str() == BASE_URL.to_owned() + API_PATH)
        );
    }

    #[test]
    fn without_a_token_one_error_names_the_argument_and_its_variable() {
        let told = resolved(Config::default(), &[("NEUROIO_API_TOKEN", "")]).unwrap_err();
        assert!(
            told.contains("Missing api_token") && told.contains("NEUROIO_API_TOKEN"),
            "{told}"
        );
    }

    #[test]
    fn what_is_known_only_at_apply_is_waited_for() {
        let config = Config {
            api_token: Field::Unknown,
            ..Config::default()
        };
        assert!(matches!(resolved(config, &[]), Ok(Resolved::Waiting("api_token"))));
    }
}
