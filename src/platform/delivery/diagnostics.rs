//! The diagnostics of deliveries.

use http::StatusCode;

use super::destination::Target;
use super::field_names::SecretFieldNames;
use super::owner::{Account, Owner};
use crate::framework::Diagnostic;
use crate::rest::Kind;
use crate::vault::{AuthMethod, Error, InvalidSecretPath, Latest};

/// An invalid `mount` or `path`.
pub(super) fn invalid_path(attribute: &str, problem: InvalidSecretPath) -> Diagnostic {
    Diagnostic::invalid(format!("vault.{attribute}"), problem)
}

/// A `field` that has the name of one of the fields that identify the owner.
pub(super) fn reserved_field(names: &SecretFieldNames) -> Diagnostic {
    let names = names.all().join(", ");
    let problem = format!("must not be empty or one of the secret's other fields: {names}");
    Diagnostic::invalid("vault.field", problem)
}

/// A failed request to Vault.
pub(super) fn failure(error: &Error) -> Diagnostic {
    let mut summary = error.to_string();
    if let Some(first) = summary.get(..1).map(str::to_uppercase) {
        summary.replace_range(..1, &first);
    }
    let answer = error
        .answer()
        .map(|answer| format!("{answer}.\n\n"))
        .unwrap_or_default();
    Diagnostic::error(summary, answer + &advice(error)).on("vault")
}

fn advice(error: &Error) -> String {
    match error {
        Error::NotAllowed { path, .. } => format!(
            "Give the token a policy with this rule:\n\n  path {path:?} {{\n    capabilities = [\"create\", \"update\", \
             \"read\"]\n  }}"
        ),
        Error::NoMount(_) | Error::NotVersion2(..) => {
            "Check `mount` (`vault secrets list -detailed` shows a version 2 as map[version:2]) and the namespace."
                .to_owned()
        }
        Error::Unversioned { secret_path, remains } => {
            let cleanup = match remains {
                None => "The provider deleted the value that it had written there.".to_owned(),
                Some(error) => format!(
                    "**The value is still stored** at {:?}, without a version: {error}{}. Delete it in Vault.",
                    secret_path.data_path(),
                    error.answer().map(|answer| format!(" ({answer})")).unwrap_or_default()
                ),
            };
            format!("{cleanup} Check `mount` and the namespace.")
        }
        Error::Conflict(_) => "The other client's version was not overwritten.".to_owned(),
        Error::Login(method, error) if error.status().is_some_and(|status| status.is_client_error()) => {
            let credentials = match method {
                AuthMethod::AppRole => {
                    "Check `role_id` and `secret_id`. The SecretID may have expired or been used: each process of the \
                     provider logs in once, so that a plan and an apply need a SecretID that can be used more than once \
                     (`secret_id_num_uses`)."
                }
                AuthMethod::Jwt => {
                    "Check `role` and the JWT: it may have expired, and its audience (`aud`) must be one of the role's \
                     `bound_audiences`."
                }
            };
            format!(
                "{credentials} Check also the provider's `vault.auth.mount` and the namespace: Vault answers \"permission \
                 denied\" if no auth method is enabled there, and for some minutes after several rejected logins."
            )
        }
        Error::Request(error) | Error::Login(_, error) => match (error.status(), error.cause()) {
            (Some(StatusCode::FORBIDDEN), _) => {
                "Vault's token (VAULT_TOKEN, or the provider's `vault.token` or `vault.auth`) may have expired, belong to \
                 another namespace, or lack a policy: it needs `create`, `update` and `read` on the secret, and \
                 `sys/capabilities-self`."
            }
            (Some(StatusCode::SERVICE_UNAVAILABLE), _) => "If Vault is sealed, unseal it, then run Terraform again.",
            (_, Kind::Connect(_) | Kind::Unreachable { .. } | Kind::NotHttp(_)) => {
                "Check VAULT_ADDR, or the provider's `vault.address`, VAULT_CACERT, and the network."
            }
            _ => "Run Terraform again when Vault is available.",
        }
        .to_owned(),
    }
}

/// An issued value that could not be delivered and is lost.
pub(super) fn undelivered(what: &str, error: &Error) -> Diagnostic {
    let mut diagnostic = failure(error);
    diagnostic.detail = format!("{}. {}", diagnostic.summary, diagnostic.detail);
    diagnostic.summary = format!("{what} could not be delivered to Vault");
    diagnostic
}

/// An issued value that could not be encrypted and is lost.
pub(super) fn not_encrypted(what: &str, problem: &str) -> Diagnostic {
    Diagnostic::error(
        format!("{what} could not be encrypted"),
        format!("Encrypting the new value failed: {problem}."),
    )
    .on("age_recipients")
}

/// Adds to [`undelivered`] or [`not_encrypted`] that the resource issues another value. `is_encrypted`:
/// the state has the new value.
pub(super) fn rotated_by_next_apply(mut failure: Diagnostic, is_encrypted: bool) -> Diagnostic {
    let value = match is_encrypted {
        true => "which `encrypted_token` has",
        false => "which is lost",
    };
    failure.detail.push_str(&format!(
        "\n\nThe token has a new value, {value}. The state records the failure: the next apply issues another value and \
         delivers it."
    ));
    failure
}

/// The warning of a refresh that could not read the secret.
pub(super) fn unchecked(what: &str, problem: &Diagnostic) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} could not be refreshed from Vault"),
        format!(
            "Whether Vault still has the value is unknown; the state remains unchanged. {}. {}",
            problem.summary, problem.detail
        ),
    )
    .on("vault")
}

/// The warning of a refresh that did not find the current value.
pub(super) fn missing(what: &str, latest: &Latest, target: &Target, rotated: bool) -> Diagnostic {
    let path = &target.path;
    let cause = match &latest.data {
        _ if rotated => "the token was rotated outside Terraform, which revoked the value in Vault".to_owned(),
        None => "the secret was deleted".to_owned(),
        Some(_) => format!("another client wrote version {}", latest.version),
    };
    Diagnostic::warning(
        format!("{what} is no longer in Vault"),
        format!(
            "The secret \"{path}\" does not contain the current value: {cause}. The next plan shows whether the token is \
             rotated."
        ),
    )
    .on("vault")
}

/// A secret that must not be overwritten, because nothing proves that it belongs to the token. Its
/// content is not quoted.
pub(super) fn foreign(
    version: u64,
    target: &Target,
    names: &SecretFieldNames,
    account: &Account,
    owner: &Owner,
) -> Diagnostic {
    let SecretFieldNames {
        account: account_field,
        name: name_field,
        id: id_field,
        ..
    } = names;
    let account = account.address();
    let path = &target.path;
    let names: Vec<_> = owner.names().map(|name| format!("{name:?}")).collect();
    let (fields, import) = match owner.is_unique && !names.is_empty() {
        true => (
            format!(
                "`{account_field}` ({account:?}) and `{name_field}` ({})",
                names.join(" or ")
            ),
            "",
        ),
        false => (
            format!("`{account_field}` ({account:?}) and `{id_field}`"),
            " If an interrupted run wrote it for this token, import the token that the secret names.",
        ),
    };
    Diagnostic::error(
        format!("The secret \"{path}\" in Vault belongs to another token or program"),
        format!(
            "Version {version} was not written for this token: this provider writes {fields} next to a value, and this \
             secret has other ones. It was not overwritten, and no value was issued or revoked. Another account with the \
             same name, or another configuration, may use the same path.{import} Declare another `path`. If nothing uses \
             the secret, delete it in Vault and run Terraform again."
        ),
    )
    .on("vault")
}

/// Two tokens with the same secret.
pub(super) fn claimed_twice(target: &Target, owner: &Owner, other: &str) -> Diagnostic {
    let path = &target.path;
    Diagnostic::error(
        format!("Two tokens use the secret \"{path}\" in Vault"),
        format!(
            "{} and {} have the same `mount` and `path`. A write replaces the whole secret, whatever `field` is, so that one \
             value would be lost. Declare a different `path` for each token; with `for_each`, one that contains `each.key`.",
            owner.what, other
        ),
    )
    .on("vault")
}

/// The warning of a replacement whose old and new token have the same secret.
pub(super) fn changes_owner(target: &Target, old: &Owner, new: &Owner) -> Diagnostic {
    let path = &target.path;
    Diagnostic::warning(
        format!("The secret \"{path}\" in Vault is deleted before it is written again"),
        format!(
            "{} is deleted, and with it its value in the secret, before the value of its successor ({}) is written. In \
             between, clients find no value. With `create_before_destroy` the apply fails before it creates anything, \
             because the secret still belongs to the old token: declare a different `path` for the new one.",
            old.what, new.what
        ),
    )
    .on("vault")
}

/// The warning that Vault does not describe the mount.
pub(super) fn unknown_mount(target: &Target) -> Diagnostic {
    let path = &target.path;
    Diagnostic::warning(
        format!("The mount of the secret \"{path}\" may not be a KV version 2"),
        "Vault did not describe the mount. If it is not a KV version 2, the provider deletes the value that it writes \
         there, and the token must be rotated once more. `vault secrets list -detailed` shows a version 2 as \
         map[version:2]. The provider reads `sys/internal/ui/mounts/<mount>`: a proxy in front of Vault must forward that \
         path.",
    )
    .on("vault")
}

/// The warning that a version could not be deleted.
pub(super) fn not_deleted(version: u64, target: &Target, problem: &Diagnostic) -> Diagnostic {
    Diagnostic::warning(
        format!("Version {version} of the secret \"{}\" remains in Vault", target.path),
        format!(
            "Its value is no longer used, and is revoked with its token. {}: {}",
            problem.summary, problem.detail
        ),
    )
}
