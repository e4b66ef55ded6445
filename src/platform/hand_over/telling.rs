//! What is told of a hand-over that did not come about.

use http::StatusCode;
use secrecy::ExposeSecret;

use super::{Labels, Target};
use crate::framework::Diagnostic;
use crate::rest::Kind;
use crate::vault::{Entry, Error, Newest};

/// The diagnostic for what Vault did not do.
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
        Error::NoMount(_) => {
            "Check `mount` (`vault secrets list -detailed` shows a version 2 as map[version:2]), and the namespace."
                .to_owned()
        }
        Error::Overtaken(_) => "It was not covered over.".to_owned(),
        Error::Request(error) => match (error.status(), error.cause()) {
            (Some(StatusCode::FORBIDDEN), _) => {
                "Vault's token (VAULT_TOKEN, or the provider's `vault.token`) may have expired, be of another namespace, \
                 or lack a policy: it needs `create`, `update` and `read` on the secret, and `sys/capabilities-self`."
            }
            (Some(StatusCode::SERVICE_UNAVAILABLE), _) => "If it is sealed, it has to be unsealed. Run again then.",
            (_, Kind::Connect(_) | Kind::Unreachable { .. } | Kind::NotHttp(_)) => {
                "Check VAULT_ADDR, or the provider's `vault.address`, VAULT_CACERT, and the network."
            }
            _ => "Run again when Vault is well.",
        }
        .to_owned(),
    }
}

/// The error of a value that was made and is lost.
pub(super) fn undelivered(what: &str, error: &Error) -> Diagnostic {
    let mut diagnostic = failure(error);
    diagnostic.detail = format!("{}. {}", diagnostic.summary, diagnostic.detail);
    diagnostic.summary = format!("{what} could not be handed over to Vault");
    diagnostic
}

/// The warning of a refresh that could not ask Vault.
pub(super) fn unchecked(what: &str, problem: &Diagnostic) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} could not be looked for in Vault"),
        format!(
            "Whether Vault still has its value is not known; the state stays as it is. {}. {}",
            problem.summary, problem.detail
        ),
    )
    .on("vault")
}

/// The warning of a refresh that did not find the value.
pub(super) fn missing(what: &str, newest: &Newest, target: &Target, rotated: bool) -> Diagnostic {
    let place = &target.place;
    let found = match &newest.data {
        _ if rotated => "the token was rotated outside Terraform, and the value in Vault no longer works".to_owned(),
        None => "it was deleted".to_owned(),
        Some(_) => format!("its version {} is of somebody else", newest.version),
    };
    Diagnostic::warning(
        format!("{what} is no longer in Vault"),
        format!("The secret \"{place}\" does not hold its present value: {found}. A plan says what it does about it."),
    )
    .on("vault")
}

/// The error that a secret must not be covered over, as it does not say that it is of the token of that name.
pub(super) fn somebody_elses(version: u64, target: &Target, labels: &Labels, account: &str, name: &str) -> Diagnostic {
    let Labels {
        account: of,
        name: called,
        ..
    } = labels;
    covered(
        target,
        format!(
            "Its version {version} was not written for this token: beside a value, this provider writes the {of} \
             ({account:?}) and the {called} ({name:?}). It is not covered over. Declare another `path`; or, if nobody needs \
             it, delete the secret in Vault and run again."
        ),
    )
}

/// The same where nothing but its value tells a token from others.
pub(super) fn another_tokens(version: u64, target: &Target, labels: &Labels, held: Option<&Entry>) -> Diagnostic {
    let import = match held {
        Some(Entry::Text(held)) => format!(
            " It says that it is of a token whose {} is {:?}: if a run that did not come to its end has left it, import that \
             token.",
            labels.id,
            held.expose_secret()
        ),
        _ => String::new(),
    };
    covered(
        target,
        format!(
            "Its version {version} was not written for this token, and is not covered over.{import} Otherwise declare \
             another `path`; or, if nobody needs it, delete the secret in Vault and run again."
        ),
    )
}

fn covered(target: &Target, detail: String) -> Diagnostic {
    let place = &target.place;
    Diagnostic::error(format!("The secret \"{place}\" in Vault is somebody else's"), detail).on("vault")
}

/// The warning that a version could not be deleted.
pub(super) fn stays(version: u64, target: &Target, problem: &Diagnostic) -> Diagnostic {
    Diagnostic::warning(
        format!("Version {version} of the secret \"{}\" stays in Vault", target.place),
        format!(
            "It holds a value that no longer works. {}: {}",
            problem.summary, problem.detail
        ),
    )
}
