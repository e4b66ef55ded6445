//! `vault` of a provider: the Vault that values are delivered to, and the environment variables that
//! replace its arguments.

use std::fs;
use std::path::Path;

use secrecy::SecretString;

use super::settings::{argument, secret_argument, unless_empty};
use super::vault_login::{self, VaultAuth};
use crate::framework::{Diagnostic, Field, Model};
use crate::rest::Roots;
use crate::vault::{self, Authentication, Settings, Vault};

/// `vault` of the provider.
#[derive(Model, Clone, Debug, Default)]
pub(crate) struct VaultConfig {
    /// The address, such as `https://vault.example.com:8200`. `http` is allowed on a loopback address only. Default:
    /// `VAULT_ADDR`.
    #[attribute(optional, check = unless_empty(vault::address))]
    pub(crate) address: Field<String>,
    /// The token. It needs `create`, `update` and `read` on `<mount>/data/<path>` of each secret, and `update` on
    /// `<mount>/delete/<path>` to delete it. Default: `VAULT_TOKEN`, or else the file `~/.vault-token` that `vault login`
    /// writes.
    #[attribute(optional)]
    pub(crate) token: Field<SecretString>,
    /// A login in place of a token, for CI. The provider logs in when it first needs Vault, and renews the token while it
    /// runs. The token needs the policy that `token` describes. It is not revoked at the end, so give the role a short
    /// `token_ttl`. Without this argument and a token, `VAULT_AUTH_METHOD` selects the login.
    #[attribute(optional)]
    pub(crate) auth: Field<VaultAuth>,
    /// The namespace. Default: `VAULT_NAMESPACE`.
    #[attribute(optional)]
    pub(crate) namespace: Field<String>,
    /// A PEM file with the certificate authorities to trust instead of the system's. Default: `VAULT_CACERT`.
    #[attribute(optional)]
    pub(crate) ca_cert_file: Field<String>,
}

/// The description of `vault`.
pub(crate) const DESCRIPTION: &str = "The HashiCorp Vault that resources with a `vault` of their own deliver their values to. Not needed if Vault's own \
     environment variables are set.";

/// The connection to the Vault that values are delivered to: its [`Settings`], later the [`Vault`]
/// client. A missing or invalid one is reported only by resources that need it.
#[derive(Clone, Debug)]
pub(crate) enum VaultConnection<V = Vault> {
    /// Settings or client.
    Ready(V),
    /// An argument is unknown until apply.
    Unknown,
    /// The settings are missing or invalid.
    Invalid(Diagnostic),
}

impl<V> VaultConnection<V> {
    pub(crate) fn map<W>(self, connect: impl FnOnce(V) -> W) -> VaultConnection<W> {
        match self {
            Self::Ready(vault) => VaultConnection::Ready(connect(vault)),
            Self::Unknown => VaultConnection::Unknown,
            Self::Invalid(problem) => VaultConnection::Invalid(problem),
        }
    }

    /// Returns the client.
    ///
    /// # Errors
    /// Returns an error if the settings are unknown or invalid.
    pub(crate) fn get(&self) -> Result<&V, Diagnostic> {
        match self {
            Self::Ready(vault) => Ok(vault),
            Self::Invalid(problem) => Err(problem.clone()),
            Self::Unknown => Err(Diagnostic::error(
                "The Vault settings are unknown",
                "An argument of the provider's `vault` refers to an object that this run has not created yet. Add that \
                 object to `depends_on`.",
            )
            .on("vault")),
        }
    }
}

/// Reads the settings from the configuration and the environment.
pub(crate) fn resolve(
    config: Field<VaultConfig>,
    environment: impl Fn(&str) -> Option<String>,
) -> VaultConnection<Settings> {
    if config.is_unknown() {
        return VaultConnection::Unknown;
    }
    let VaultConfig {
        address,
        token,
        auth,
        namespace,
        ca_cert_file,
    } = config.into_known().unwrap_or_default();
    let unknown = [
        address.is_unknown(),
        token.is_unknown(),
        auth.is_unknown() || auth.known().is_some_and(VaultAuth::has_unknown),
        namespace.is_unknown(),
        ca_cert_file.is_unknown(),
    ];
    if unknown.contains(&true) {
        return VaultConnection::Unknown;
    }
    let or_variable = |field: Field<String>, name| argument(&field).into_known().or_else(|| environment(name));
    let namespace = or_variable(namespace, "VAULT_NAMESPACE");
    let authentication = authentication(&token, auth, namespace.as_deref(), &environment);
    let settings = read(
        or_variable(address, "VAULT_ADDR"),
        authentication,
        namespace,
        or_variable(ca_cert_file, "VAULT_CACERT"),
    );
    match settings {
        Ok(settings) => VaultConnection::Ready(settings),
        Err(problem) => VaultConnection::Invalid(Diagnostic::error("Invalid Vault settings", problem).on("vault")),
    }
}

/// Chooses between a token and a login: an argument, else VAULT_TOKEN, else VAULT_AUTH_METHOD, else
/// the file of `vault login`.
fn authentication(
    token: &Field<SecretString>,
    auth: Field<VaultAuth>,
    namespace: Option<&str>,
    environment: &impl Fn(&str) -> Option<String>,
) -> Result<Authentication, String> {
    let given = secret_argument(token).into_known();
    if let Some(auth) = auth.into_known() {
        if given.is_some() {
            return Err("The provider's `vault.token` and `vault.auth` are both set. Remove one of them.".to_owned());
        }
        return Ok(Authentication::Login(auth.login(namespace, environment)?));
    }
    let token = given.or_else(|| environment("VAULT_TOKEN").map(SecretString::from));
    if token.is_none() && vault_login::is_selected(environment) {
        return Ok(Authentication::Login(
            VaultAuth::default().login(namespace, environment)?,
        ));
    }
    let token = token.or_else(|| token_file(environment)).ok_or(
        "The token for Vault is missing. Set the environment variable VAULT_TOKEN, log in (`vault login`), or set the \
         provider's `vault.token` or `vault.auth`.",
    )?;
    let credential = vault::token(token).map_err(|problem| format!("Vault's token {problem}."))?;
    Ok(Authentication::Token(credential))
}

fn read(
    address: Option<String>,
    authentication: Result<Authentication, String>,
    namespace: Option<String>,
    ca_cert_file: Option<String>,
) -> Result<Settings, String> {
    let address = address.ok_or(
        "The address of Vault is missing. Set the provider's `vault.address`, or the environment variable VAULT_ADDR.",
    )?;
    let base_url = vault::address(&address).map_err(|problem| format!("Vault's address {problem}."))?;
    let authentication = authentication?;
    let roots = match ca_cert_file {
        None => Roots::System,
        Some(file) => {
            let pem =
                fs::read(&file).map_err(|error| format!("The CA certificate {file:?} cannot be read: {error}."))?;
            Roots::Only(pem)
        }
    };
    Ok(Settings {
        base_url,
        authentication,
        namespace,
        roots,
    })
}

/// Reads the token that `vault login` stored.
fn token_file(environment: impl Fn(&str) -> Option<String>) -> Option<SecretString> {
    let home = environment("HOME").or_else(|| environment("USERPROFILE"))?;
    let text = SecretString::from(fs::read_to_string(Path::new(&home).join(".vault-token")).ok()?);
    let token = secrecy::ExposeSecret::expose_secret(&text).trim();
    (!token.is_empty()).then(|| token.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(config: VaultConfig, environment: &[(&str, &str)]) -> VaultConnection<Settings> {
        resolve(config.into(), |name| {
            let found = environment.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn known(config: VaultConfig, environment: &[(&str, &str)]) -> Settings {
        match resolved(config, environment) {
            VaultConnection::Ready(settings) => settings,
            other => panic!("{other:?}"),
        }
    }

    const ENVIRONMENT: [(&str, &str); 3] = [
        ("VAULT_ADDR", "https://vault.example.com:8200"),
        ("VAULT_TOKEN", "hvs.s3cret"),
        ("VAULT_NAMESPACE", "team"),
    ];

    #[test]
    fn settings_are_read_from_environment_variables() {
        let settings = known(VaultConfig::default(), &ENVIRONMENT);
        assert_eq!(settings.base_url.as_str(), "https://vault.example.com:8200/v1");
        assert_eq!(settings.namespace.as_deref(), Some("team"));
        assert_eq!(settings.roots, Roots::System);
        assert!(!format!("{settings:?}").contains("s3cret"));
    }

    #[test]
    fn empty_argument_is_ignored() {
        let config = VaultConfig {
            address: "".into(),
            token: SecretString::from("").into(),
            auth: Field::Null,
            namespace: "".into(),
            ca_cert_file: "".into(),
        };
        let diagnostics = VaultConfig::schema().validate(&config.clone().into_value());
        assert!(diagnostics.is_empty());
        let settings = known(config, &ENVIRONMENT);
        assert_eq!(settings.base_url.as_str(), "https://vault.example.com:8200/v1");
        assert_eq!(settings.namespace.as_deref(), Some("team"));
        assert_eq!(settings.roots, Roots::System);
    }

    #[test]
    fn argument_takes_precedence_over_variable() {
        let config = VaultConfig {
            address: "http://127.0.0.1:8200".into(),
            namespace: "other".into(),
            ..VaultConfig::default()
        };
        let settings = known(config, &ENVIRONMENT);
        assert_eq!(settings.base_url.as_str(), "http://127.0.0.1:8200/v1");
        assert_eq!(settings.namespace.as_deref(), Some("other"));
    }

    #[test]
    fn token_file_of_vault_login_is_read() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(".vault-token"), "hvs.kept\n").unwrap();
        fs::write(home.path().join("ca.pem"), "PEM").unwrap();
        let pem = home.path().join("ca.pem");
        let environment = [
            ("VAULT_ADDR", "https://vault.example.com"),
            ("HOME", home.path().to_str().unwrap()),
            ("VAULT_CACERT", pem.to_str().unwrap()),
        ];
        assert_eq!(
            known(VaultConfig::default(), &environment).roots,
            Roots::Only(b"PEM".to_vec())
        );
    }

    #[test]
    fn missing_or_invalid_setting_is_named() {
        for (environment, phrase) in [
            (&[][..], "VAULT_ADDR"),
            (&[("VAULT_ADDR", "https://vault.example.com")], "VAULT_TOKEN"),
            (
                &[("VAULT_ADDR", "http://vault.example.com"), ENVIRONMENT[1]],
                "https://",
            ),
            (&[ENVIRONMENT[0], ("VAULT_TOKEN", "a b")], "header"),
            (&[ENVIRONMENT[0], ("VAULT_AUTH_METHOD", "approle")], "VAULT_ROLE_ID"),
            (&[ENVIRONMENT[0], ("VAULT_AUTH_METHOD", "ldap")], "not supported"),
            (&[ENVIRONMENT[0], ("VAULT_AUTH_METHOD", "token")], "VAULT_TOKEN"),
            (
                &[ENVIRONMENT[0], ENVIRONMENT[1], ("VAULT_CACERT", "/nowhere.pem")],
                "/nowhere.pem",
            ),
        ] {
            match resolved(VaultConfig::default(), environment) {
                VaultConnection::Invalid(diagnostic) => assert!(diagnostic.detail.contains(phrase), "{diagnostic}"),
                other => panic!("{phrase}: {other:?}"),
            }
        }
    }

    #[test]
    fn login_is_chosen_by_argument_or_variable_without_token() {
        let approle = VaultAuth {
            method: "approle".into(),
            role_id: "role".into(),
            ..VaultAuth::default()
        };
        let [method, role_id] = [("VAULT_AUTH_METHOD", "approle"), ("VAULT_ROLE_ID", "role")];
        for (auth, token, variables, is_login) in [
            (Field::from(approle), None, &ENVIRONMENT[..2], true),
            (Field::Null, None, &[ENVIRONMENT[0], method, role_id], true),
            (
                Field::Null,
                None,
                &[ENVIRONMENT[0], ENVIRONMENT[1], method, role_id],
                false,
            ),
            (Field::Null, Some("hvs.x"), &[ENVIRONMENT[0], method, role_id], false),
        ] {
            let config = VaultConfig {
                auth,
                token: token.map(SecretString::from).into(),
                ..VaultConfig::default()
            };
            let found = known(config, variables).authentication;
            assert_eq!(matches!(found, Authentication::Login(_)), is_login, "{found:?}");
        }
    }

    #[test]
    fn token_and_login_conflict() {
        let config = VaultConfig {
            auth: VaultAuth::default().into(),
            token: SecretString::from("hvs.x").into(),
            ..VaultConfig::default()
        };
        match resolved(config, &ENVIRONMENT) {
            VaultConnection::Invalid(diagnostic) => assert!(diagnostic.detail.contains("both set"), "{diagnostic}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn connection_is_unknown_if_argument_is_unknown() {
        let config = VaultConfig {
            token: Field::Unknown,
            ..VaultConfig::default()
        };
        assert!(matches!(resolved(config, &ENVIRONMENT), VaultConnection::Unknown));
        let config = VaultConfig {
            auth: VaultAuth {
                jwt: Field::Unknown,
                ..VaultAuth::default()
            }
            .into(),
            ..VaultConfig::default()
        };
        assert!(matches!(resolved(config, &ENVIRONMENT), VaultConnection::Unknown));
        assert!(matches!(resolve(Field::Unknown, |_| None), VaultConnection::Unknown));
    }
}
