//! What is told of a hand-over that did not come about.

use http::StatusCode;

use super::owner::{Account, Owner};
use super::{SecretFieldNames, Target};
use crate::framework::Diagnostic;
use crate::rest::Kind;
use crate::vault::{Error, Latest};

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
        Error::NoMount(_) | Error::NotVersion2(..) => {
            "Check `mount` (`vault secrets list -detailed` shows a version 2 as map[version:2]), and the namespace."
                .to_owned()
        }
        Error::Unversioned { place, remains } => {
            let cleanup = match remains {
                None => "What was written there is deleted again.".to_owned(),
                Some(error) => format!(
                    "**The value is still there**, at {:?} and without a version: it {error}{}. Delete it in Vault.",
                    place.data_path(),
                    error.answer().map(|answer| format!(" ({answer})")).unwrap_or_default()
                ),
            };
            format!("{cleanup} Check `mount`, and the namespace.")
        }
        Error::Conflict(_) => "It was not covered over.".to_owned(),
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
pub(super) fn missing(what: &str, latest: &Latest, target: &Target, rotated: bool) -> Diagnostic {
    let place = &target.place;
    let found = match &latest.data {
        _ if rotated => "the token was rotated outside Terraform, and the value in Vault no longer works".to_owned(),
        None => "it was deleted".to_owned(),
        Some(_) => format!("its version {} is of somebody else", latest.version),
    };
    Diagnostic::warning(
        format!("{what} is no longer in Vault"),
        format!("The secret \"{place}\" does not hold its present value: {found}. A plan says what it does about it."),
    )
    .on("vault")
}

/// The error that a secret must not be overwritten, as nothing in it shows that it is this token's. What it holds is not
/// quoted: it may be anything.
pub(super) fn foreign(
    version: u64,
    target: &Target,
    labels: &SecretFieldNames,
    account: &Account,
    owner: &Owner,
) -> Diagnostic {
    let SecretFieldNames {
        account: of,
        name: called,
        id,
        ..
    } = labels;
    let account = account.label();
    let place = &target.place;
    let (proof, import) = match &owner.name {
        Some(name) if owner.is_unique => (format!("the {of} ({account:?}) and the {called} ({name:?})"), ""),
        _ => (
            format!("the {of} ({account:?}) and the token's {id}"),
            " If a run that was interrupted wrote it for this token, import the token that its labels name.",
        ),
    };
    Diagnostic::error(
        format!("The secret \"{place}\" in Vault belongs to another token or program"),
        format!(
            "Its version {version} was not written for this token: next to a value, this provider writes {proof}, and this \
             secret says otherwise. It is not overwritten, and nothing is made or revoked. Another account of the same name, \
             or another configuration, may use the same path.{import} Declare another `path`; or, if nothing uses the secret, \
             delete it in Vault and run again."
        ),
    )
    .on("vault")
}

/// The error that two tokens have one place.
pub(super) fn claimed_twice(target: &Target, owner: &Owner, other: &str) -> Diagnostic {
    let place = &target.place;
    Diagnostic::error(
        format!("Two tokens are to be in the secret \"{place}\" in Vault"),
        format!(
            "{} has the same `mount` and `path` as another one: {}. A write replaces the whole secret, whatever `field` says, \
             so one value would be lost. Give each token a `path` of its own; with `for_each`, one that has `each.key` in it.",
            owner.what, other
        ),
    )
    .on("vault")
}

/// The warning of a replacement whose tokens have one place.
pub(super) fn passed_on(target: &Target, old: &Owner, new: &Owner) -> Diagnostic {
    let place = &target.place;
    Diagnostic::warning(
        format!("The secret \"{place}\" in Vault goes from one token to another"),
        format!(
            "{} is deleted, and its value in the secret with it, before the value of its successor is written there ({}). In \
             between, whatever reads the secret finds none. With `create_before_destroy` the apply fails before anything is \
             made, as the secret still belongs to the old token then: give the new one a `path` of its own.",
            old.what, new.what
        ),
    )
    .on("vault")
}

/// The warning that Vault did not say what is mounted.
pub(super) fn unproven(target: &Target) -> Diagnostic {
    let place = &target.place;
    Diagnostic::warning(
        format!("It is not proved that the secret \"{place}\" is in a KV version 2"),
        "Vault did not say what is mounted there. If it is something else, a value that is written there is deleted again, \
         and the token has to be rotated once more. `vault secrets list -detailed` shows a version 2 as map[version:2]. The \
         provider asks `sys/internal/ui/mounts/<mount>`: let a proxy in front of Vault pass that on.",
    )
    .on("vault")
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
