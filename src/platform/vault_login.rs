//! `vault.auth` of a provider: a login to Vault in place of a token, and the environment variables that
//! replace its arguments.
//!
//! The variables are those of other tools: `VAULT_AUTH_METHOD`, `VAULT_ROLE_ID` and `VAULT_SECRET_ID`
//! of vals and helmfile, `VAULT_AUTH_PATH`, `VAULT_AUTH_ROLE` and `VAULT_ID_TOKEN` of GitLab CI, and
//! `TERRAFORM_VAULT_AUTH_JWT` of HashiCorp's provider.

use secrecy::SecretString;

use super::settings::{argument, secret_argument};
use crate::framework::{Field, Model};
use crate::vault::{Login, LoginMethod};

/// `vault.auth` of the provider.
#[derive(Model, Clone, Debug, Default)]
pub(crate) struct VaultAuth {
    /// The auth method: `approle` or `jwt`. Default: `VAULT_AUTH_METHOD`.
    #[attribute(optional, one_of = ["approle", "jwt"])]
    pub(crate) method: Field<String>,
    /// The path at which the auth method is enabled, without `auth/`. Default: `VAULT_AUTH_PATH`, or else the name of the
    /// method.
    #[attribute(optional)]
    pub(crate) mount: Field<String>,
    /// The namespace of the auth method. Default: `vault.namespace`.
    #[attribute(optional)]
    pub(crate) namespace: Field<String>,
    /// AppRole: the RoleID. Default: `VAULT_ROLE_ID`.
    #[attribute(optional)]
    pub(crate) role_id: Field<String>,
    /// AppRole: the SecretID. A plan and an apply log in separately, so that it must not be limited to one use. Default:
    /// `VAULT_SECRET_ID`.
    #[attribute(optional)]
    pub(crate) secret_id: Field<SecretString>,
    /// JWT: the role. Default: `VAULT_AUTH_ROLE`, or else the method's default role.
    #[attribute(optional)]
    pub(crate) role: Field<String>,
    /// JWT: the token that the CI system issued for the job. Default: `TERRAFORM_VAULT_AUTH_JWT`, or else `VAULT_ID_TOKEN`.
    #[attribute(optional)]
    pub(crate) jwt: Field<SecretString>,
}

impl VaultAuth {
    /// Whether an argument is unknown until apply.
    pub(crate) fn has_unknown(&self) -> bool {
        let texts = [&self.method, &self.mount, &self.namespace, &self.role_id, &self.role];
        let secrets = [&self.secret_id, &self.jwt];
        texts.into_iter().any(Field::is_unknown) || secrets.into_iter().any(Field::is_unknown)
    }

    /// Reads the login from the arguments and the environment. `namespace` is the provider's.
    ///
    /// # Errors
    /// Returns the detail of an error that names the missing or invalid argument.
    pub(crate) fn login(
        self,
        namespace: Option<&str>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Login, String> {
        let text =
            |field: &Field<String>, variable: &str| argument(field).into_known().or_else(|| environment(variable));
        let secret = |field: &Field<SecretString>, variables: &[&str]| {
            let from_environment = || variables.iter().find_map(|name| environment(name));
            let argument = secret_argument(field).into_known();
            argument.or_else(|| from_environment().map(SecretString::from))
        };
        let method = text(&self.method, METHOD).ok_or(
            "The auth method of Vault is missing. Set the provider's `vault.auth.method` to `approle` or `jwt`, or the \
             environment variable VAULT_AUTH_METHOD.",
        )?;
        let (credentials, foreign) = match method.as_str() {
            "approle" => {
                let role_id = text(&self.role_id, "VAULT_ROLE_ID").ok_or(
                    "The RoleID for Vault is missing. Set the provider's `vault.auth.role_id`, or the environment variable \
                     VAULT_ROLE_ID.",
                )?;
                let secret_id = secret(&self.secret_id, &["VAULT_SECRET_ID"]);
                let foreign = [("role", self.role.is_null()), ("jwt", self.jwt.is_null())];
                (LoginMethod::AppRole { role_id, secret_id }, foreign)
            }
            "jwt" => {
                let jwt = secret(&self.jwt, &["TERRAFORM_VAULT_AUTH_JWT", "VAULT_ID_TOKEN"]).ok_or(
                    "The JWT for Vault is missing. Set the environment variable TERRAFORM_VAULT_AUTH_JWT or VAULT_ID_TOKEN, or \
                     the provider's `vault.auth.jwt`.",
                )?;
                let role = text(&self.role, "VAULT_AUTH_ROLE");
                let foreign = [
                    ("role_id", self.role_id.is_null()),
                    ("secret_id", self.secret_id.is_null()),
                ];
                (LoginMethod::Jwt { role, jwt }, foreign)
            }
            other => {
                return Err(format!(
                    "The auth method {other:?} of Vault is not supported. Set the provider's `vault.auth.method` (or \
                     VAULT_AUTH_METHOD) to `approle` or `jwt`, or log in with Vault's own tools and set VAULT_TOKEN."
                ));
            }
        };
        if let Some((name, _)) = foreign.iter().find(|(_, is_null)| !is_null) {
            return Err(format!(
                "`vault.auth.{name}` is not an argument of the method `{method}`. Remove it."
            ));
        }
        let mount = text(&self.mount, "VAULT_AUTH_PATH").unwrap_or(method);
        let mount = mount.trim_matches('/');
        let mount = mount.strip_prefix("auth/").unwrap_or(mount);
        let is_invalid = |part: &str| matches!(part, "" | "." | "..") || part.chars().any(char::is_control);
        if mount.split('/').any(is_invalid) {
            return Err(format!(
                "The path {mount:?} of Vault's auth method is invalid. Set `vault.auth.mount` (or VAULT_AUTH_PATH) to a path \
                 such as `approle` or `team/jwt`."
            ));
        }
        Ok(Login {
            method: credentials,
            mount: mount.to_owned(),
            namespace: argument(&self.namespace)
                .into_known()
                .or_else(|| namespace.map(str::to_owned)),
        })
    }
}

/// The variable for the auth method. Without `vault.auth`, it selects the login.
pub(crate) const METHOD: &str = "VAULT_AUTH_METHOD";

/// Whether the environment selects a login. Other tools also accept `token` as the name of none.
pub(crate) fn is_selected(environment: impl Fn(&str) -> Option<String>) -> bool {
    environment(METHOD).is_some_and(|method| method != "token")
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn login(auth: VaultAuth, environment: &[(&str, &str)]) -> Result<Login, String> {
        auth.login(Some("team"), |name| {
            let found = environment.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn method(name: &str) -> VaultAuth {
        VaultAuth {
            method: name.into(),
            ..VaultAuth::default()
        }
    }

    #[test]
    fn approle_is_read_from_arguments_or_variables() {
        let environment = [("VAULT_ROLE_ID", "role"), ("VAULT_SECRET_ID", "s3cret-id")];
        let given = VaultAuth {
            role_id: "role".into(),
            secret_id: SecretString::from("s3cret-id").into(),
            ..method("approle")
        };
        for login in [login(method("approle"), &environment), login(given, &[])] {
            let login = login.unwrap();
            assert!(!format!("{login:?}").contains("s3cret"), "{login:?}");
            assert_eq!(
                (login.mount.as_str(), login.namespace.as_deref()),
                ("approle", Some("team"))
            );
            let LoginMethod::AppRole { role_id, secret_id } = login.method else {
                panic!("{login:?}")
            };
            assert_eq!(
                (role_id.as_str(), secret_id.unwrap().expose_secret()),
                ("role", "s3cret-id")
            );
        }
    }

    #[test]
    fn jwt_of_hashicorps_provider_takes_precedence_over_that_of_gitlab() {
        let environment = [
            ("VAULT_AUTH_METHOD", "jwt"),
            ("VAULT_ID_TOKEN", "gitlab"),
            ("VAULT_AUTH_ROLE", "ci"),
            ("VAULT_AUTH_PATH", "/auth/gitlab/"),
            ("TERRAFORM_VAULT_AUTH_JWT", "hashicorp"),
        ];
        for (variables, expected) in [(&environment[..], "hashicorp"), (&environment[..4], "gitlab")] {
            let login = login(VaultAuth::default(), variables).unwrap();
            assert_eq!(login.mount, "gitlab");
            let LoginMethod::Jwt { role, jwt } = login.method else {
                panic!("{login:?}")
            };
            assert_eq!((role.as_deref(), jwt.expose_secret()), (Some("ci"), expected));
        }
    }

    #[test]
    fn missing_or_invalid_argument_is_named() {
        for (auth, phrase) in [
            (VaultAuth::default(), "VAULT_AUTH_METHOD"),
            (method("ldap"), "not supported"),
            (method("approle"), "VAULT_ROLE_ID"),
            (method("jwt"), "TERRAFORM_VAULT_AUTH_JWT"),
            (
                VaultAuth {
                    role_id: "role".into(),
                    role: "ci".into(),
                    ..method("approle")
                },
                "`vault.auth.role` is not an argument",
            ),
            (
                VaultAuth {
                    role_id: "role".into(),
                    mount: "a//b".into(),
                    ..method("approle")
                },
                "vault.auth.mount",
            ),
        ] {
            let problem = login(auth, &[]).unwrap_err();
            assert!(problem.contains(phrase), "{problem}");
        }
    }
}
