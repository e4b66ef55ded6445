//! Handing a token's value over to Vault instead of keeping it in the state, the same for every token resource.
//!
//! # Flow
//! - *Before a value is made* ([`prepare`]): prove that writing is allowed, and see whose secret is there.
//! - *Afterwards* ([`HandOver::deliver`]): write it after exactly what was seen (check-and-set), and beside it what tells
//!   whose it is. Only then comes the state, which keeps the number of the version in the value's place.
//! - *Refresh* ([`HandOver::refresh`]): what the state says was handed over is looked for.
//! - *Destroy* ([`remove`]): the version that was written is deleted, if it is still the newest.
//!
//! # Guarantees
//! - A value that is handed over is in no state, plan or log.
//! - A number in `vault_version` means: this version holds the value that works. A delivery that failed for good leaves 0,
//!   and a secret that was deleted or written by others leaves null; either way the next plan rotates and says why.
//! - A run that was killed before the delivery leaves a value that nobody knows. The next refresh finds that Vault does not
//!   have the token's present number, and the plan rotates. Killed after it, the refresh finds the number and takes the
//!   delivery for what it is.
//! - Somebody else's secret is never covered over.
//!
//! # Assumptions
//! - A secret that says of itself, beside the value, that it is this token's was written by this provider.
//! - The platform tells the number of a token's present value. Where it does not, a change that moves neither expiry nor last
//!   update goes unnoticed, as it does for a value in the state.

use std::time::Duration;

use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};

use super::rotation::invalid;
use super::session::Connection;
use super::vault_settings::Link;
use crate::framework::{Attribute, Context, Diagnostic, Diagnostics, Field, Type, model};
use crate::rest::{Kind, Operation};
use crate::token::{Keeper, PresentValue};
use crate::vault::{Data, Entry, Error, Newest, Place, Vault};

model! {
    /// `vault` of a token.
    pub(super) struct Destination {
        mount: String,
        path: String,
        field: String,
    }
}

/// The field that holds the value, unless another is declared.
const FIELD: &str = "token";

/// What stands beside the value.
const ACCOUNT: &str = "account";
const NAME: &str = "name";
const TOKEN_ID: &str = "token_id";
const EXPIRES_AT: &str = "expires_at";
const GENERATION: &str = "generation";
const BESIDE: [&str; 5] = [ACCOUNT, NAME, TOKEN_ID, EXPIRES_AT, GENERATION];

/// How long a plan or a refresh waits for a Vault that does not answer. Neither has anything to lose.
const LOOK: Duration = Duration::from_secs(15);

/// The attributes' schemas.
pub(super) fn attributes() -> [Attribute; 2] {
    [
        Attribute::optional_object(
            "vault",
            [
                Attribute::required(
                    "mount",
                    Type::String,
                    "Where the KV version 2 is mounted, such as `secret`.",
                ),
                Attribute::required("path", Type::String, "The secret's path below it, such as `striim/ci`."),
                Attribute::optional(
                    "field",
                    Type::String,
                    "The field that holds the value. Default: `token`. Beside it stand `account`, `name`, `token_id`, \
                     `expires_at` and `generation`.",
                ),
            ],
            "A secret in HashiCorp Vault to hand the value over to, **instead of keeping it in the state**: `token` stays \
             null. Setting, changing or removing it rotates the token. The provider proves that it may write there before \
             it makes a value, and does not touch a secret that somebody else wrote.",
        ),
        Attribute::computed(
            "vault_version",
            Type::Number,
            "With `vault`: the version of the secret that holds the present value. 0 if the value could not be handed \
             over, null if Vault does not have it any more; the next plan rotates the token then.",
        ),
    ]
}

/// Judges a configuration by itself.
pub(super) fn validate(vault: &Field<Destination>, diagnostics: &mut Diagnostics) {
    let Some(destination) = vault.known() else { return };
    let any = "x".to_owned();
    let (mount, path) = (destination.mount.known(), destination.path.known());
    for (member, mount, path) in [("mount", mount, None), ("path", None, path)] {
        if let Err(problem) = Place::new(mount.unwrap_or(&any), path.unwrap_or(&any)) {
            diagnostics.push(invalid("vault", format!("its {member} {problem}")));
        }
    }
    if let Some(field) = destination.field.known()
        && (field.is_empty() || BESIDE.contains(&field.as_str()))
    {
        let beside = BESIDE.join(", ");
        diagnostics.push(invalid(
            "vault",
            format!("its field must have a name of its own; beside the value stand {beside}"),
        ));
    }
}

/// Who keeps a token's value; `None` if that is known only at apply.
pub(super) fn keeper(vault: &Field<Destination>) -> Option<Keeper> {
    match vault {
        Field::Null => Some(Keeper::State),
        Field::Unknown => None,
        Field::Known(_) => Target::of(vault).map(|target| {
            let Target { place, field } = target;
            Keeper::Elsewhere(format!("Vault (\"{place}\", field {field:?})"))
        }),
    }
}

/// Whose value is there, by the state: `otherwise` is what the rest of the state says of a token that is not handed over.
pub(super) fn present_value(vault: &Field<Destination>, version: &Field<i64>, otherwise: PresentValue) -> PresentValue {
    match (vault, version, otherwise) {
        (Field::Null, ..) | (_, _, PresentValue::Imported) => otherwise,
        (_, Field::Known(0), _) => PresentValue::Undelivered,
        (_, Field::Known(_), _) => PresentValue::Ours,
        _ => PresentValue::Missing,
    }
}

/// Where a value goes.
#[derive(Clone, Debug, PartialEq)]
struct Target {
    place: Place,
    field: String,
}

impl Target {
    /// `None` if there is none, or it is not known yet.
    fn of(vault: &Field<Destination>) -> Option<Self> {
        let Destination { mount, path, field } = vault.known()?;
        if field.is_unknown() {
            return None;
        }
        Some(Self {
            place: Place::new(mount.known()?, path.known()?).ok()?,
            field: field.known().cloned().unwrap_or_else(|| FIELD.to_owned()),
        })
    }
}

/// Which token a secret is to be of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whose<'a> {
    /// What names it in its account.
    pub(super) name: &'a str,
    /// The platform's number for the value that the state knows of.
    pub(super) token_id: Option<i64>,
}

/// That a value may be written, and after which version.
pub(super) struct Ready {
    vault: Vault,
    target: Target,
    account: String,
    after: u64,
    /// Which generation of the token is there; 0 if none is.
    pub(super) generation: i64,
}

/// A value to hand over, and what stands beside it.
pub(super) struct Secret<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a SecretString,
    pub(super) token_id: Option<i64>,
    pub(super) expires_at: Option<&'a str>,
    pub(super) generation: Option<i64>,
}

impl Ready {
    /// Writes it, and tells the number of the version; `what` is how a message names the token.
    ///
    /// # Errors
    /// Why the value is lost.
    pub(super) async fn write(self, operation: &Operation, what: &str, secret: &Secret<'_>) -> Result<i64, Diagnostic> {
        let entries = [
            (self.target.field.as_str(), Some(Entry::Secret(secret.value.clone()))),
            (ACCOUNT, Some(self.account.as_str().into())),
            (NAME, Some(secret.name.into())),
            (TOKEN_ID, secret.token_id.map(Entry::Number)),
            (EXPIRES_AT, secret.expires_at.map(Entry::from)),
            (GENERATION, secret.generation.map(Entry::Number)),
        ];
        let data = entries
            .into_iter()
            .filter_map(|(name, entry)| Some((name, entry?)))
            .collect::<Data>();
        let written = self.vault.write(operation, &self.target.place, self.after, &data).await;
        written
            .map(|version| i64::try_from(version).unwrap_or(i64::MAX))
            .map_err(|error| undelivered(what, &error))
    }
}

/// Proves, before a value is made, that it can be handed over; `None` if it is to be kept in the state.
///
/// # Errors
/// Why it cannot, or that somebody else's secret is there.
pub(super) async fn prepare(
    connection: &Connection,
    operation: &Operation,
    vault: &Field<Destination>,
    whose: Whose<'_>,
) -> Result<Option<Ready>, Diagnostic> {
    let Some(target) = Target::of(vault) else {
        return Ok(None);
    };
    let vault = connection.vault.get()?.clone();
    let newest = vault.prove_writable(operation, &target.place).await;
    let newest = newest.map_err(|error| failure(&error))?;
    check_ours(&newest, &target, connection, whose)?;
    Ok(Some(Ready {
        vault,
        target,
        account: connection.account.clone(),
        after: newest.version,
        generation: newest.data.and_then(|data| data.number(GENERATION)).unwrap_or_default(),
    }))
}

/// The same for a plan. What may be otherwise by the time of the apply is a warning: a policy or a mount may come of the
/// same run, and Vault come back.
pub(super) async fn plan(
    connection: &Connection,
    context: &Context,
    vault: &Field<Destination>,
    whose: Whose<'_>,
    diagnostics: &mut Diagnostics,
) {
    let Some(target) = Target::of(vault) else { return };
    let client = match &connection.vault {
        Link::Reached(client) => client,
        Link::Waiting => return,
        Link::Unusable(problem) => return diagnostics.push(problem.clone()),
    };
    match client.prove_writable(&look(connection, context), &target.place).await {
        Ok(newest) => {
            diagnostics.ok(check_ours(&newest, &target, connection, whose));
        }
        Err(error) => diagnostics.push(failure(&error).as_warning()),
    }
}

/// The attributes of a token that tell of its hand-over, as a plan or a state has them.
pub(super) struct HandOver<'a> {
    /// How a message names the token.
    pub(super) what: String,
    /// What names it in its account.
    pub(super) name: String,
    pub(super) vault: &'a Field<Destination>,
    pub(super) version: &'a mut Field<i64>,
    pub(super) token: &'a mut Field<SecretString>,
    pub(super) token_id: &'a Field<i64>,
    pub(super) expires_at: &'a Field<String>,
    pub(super) generation: &'a mut Field<i64>,
}

impl HandOver<'_> {
    /// In a plan: a new value will come.
    pub(super) fn expect(self) {
        match self.vault {
            Field::Null => *self.version = Field::Null,
            Field::Unknown => *self.version = Field::Unknown,
            Field::Known(_) => {
                *self.token = Field::Null;
                *self.version = Field::Unknown;
            }
        }
    }

    /// Hands over the value that was just made, and takes it out of the state. Where it cannot be delivered, that is an
    /// error, and recorded.
    pub(super) async fn deliver(self, ready: Option<Ready>, operation: &Operation, diagnostics: &mut Diagnostics) {
        *self.version = Field::Null;
        let Some(ready) = ready else { return };
        let value = std::mem::take(self.token);
        let Some(value) = value.known() else { return };
        let secret = Secret {
            name: &self.name,
            value,
            token_id: self.token_id.known().copied(),
            expires_at: self.expires_at.known().map(String::as_str),
            generation: self.generation.known().copied(),
        };
        match ready.write(operation, &self.what, &secret).await {
            Ok(version) => *self.version = version.into(),
            Err(mut diagnostic) => {
                *self.version = 0.into();
                diagnostic.detail.push_str(
                    "\n\nThe token has a new value, and nobody knows it. The state says so: the next apply makes another and \
                     hands that over.",
                );
                diagnostics.push(diagnostic);
            }
        }
    }

    /// Looks whether Vault has the token's present value, which is that of `present_id` if the platform tells it; `rotated`
    /// tells that it is another than the state said.
    pub(super) async fn refresh(
        self,
        connection: &Connection,
        context: &Context,
        (present_id, rotated): (Option<i64>, bool),
        diagnostics: &mut Diagnostics,
    ) {
        let Some(target) = Target::of(self.vault) else { return };
        let newest = match &connection.vault {
            Link::Reached(vault) => vault
                .newest(&look(connection, context), &target.place)
                .await
                .map_err(|error| failure(&error)),
            Link::Unusable(problem) => Err(problem.clone()),
            Link::Waiting => return,
        };
        let newest = match newest {
            Ok(newest) => newest,
            Err(problem) => {
                diagnostics.push(unchecked(&self.what, problem));
                if rotated && *self.version != Field::Known(0) {
                    *self.version = Field::Null;
                }
                return;
            }
        };
        let holds_present = |data: &Data| match (data.number(TOKEN_ID), present_id) {
            (Some(held), Some(present)) => held == present,
            // Its number is not told now, only that it is the one that the state knows.
            (held, _) => !rotated && held == self.token_id.known().copied(),
        };
        let held = newest.data.as_ref().filter(|data| {
            data.text(&target.field).is_some() && says_ours(data, connection, &self.name) && holds_present(data)
        });
        match held.map(|data| data.number(GENERATION).unwrap_or_default()) {
            Some(generation) => {
                *self.version = i64::try_from(newest.version).unwrap_or(i64::MAX).into();
                // A run that was killed has counted it, and could not say so.
                *self.generation = generation
                    .max(self.generation.known().copied().unwrap_or_default())
                    .into();
            }
            None if matches!(self.version, Field::Known(version) if *version > 0) => {
                *self.version = Field::Null;
                diagnostics.push(missing(&self.what, &newest, &target, rotated));
            }
            None => {}
        }
    }
}

/// Deletes the version that the state says was written, if it is still the newest. What it holds is dead by now, so a
/// failure is a warning.
pub(super) async fn remove(
    connection: &Connection,
    operation: &Operation,
    vault: &Field<Destination>,
    version: &Field<i64>,
    diagnostics: &mut Diagnostics,
) {
    let (Some(target), Some(version)) = (Target::of(vault), version.known().copied()) else {
        return;
    };
    let Some(version) = u64::try_from(version).ok().filter(|version| *version > 0) else {
        return;
    };
    let removed = match connection.vault.get() {
        Ok(vault) => vault
            .remove(operation, &target.place, version)
            .await
            .map_err(|error| failure(&error)),
        Err(problem) => Err(problem),
    };
    if let Err(problem) = removed {
        diagnostics.push(Diagnostic::warning(
            format!("Version {version} of the secret \"{}\" stays in Vault", target.place),
            format!(
                "It holds a value that no longer works. {}: {}",
                problem.summary, problem.detail
            ),
        ));
    }
}

/// The same after a rotation, for a version that was written elsewhere than the new one.
pub(super) async fn remove_moved(
    connection: &Connection,
    operation: &Operation,
    (before, version): (&Field<Destination>, &Field<i64>),
    now: &Field<Destination>,
    diagnostics: &mut Diagnostics,
) {
    let place = |vault| Target::of(vault).map(|target| target.place);
    if place(before) != place(now) {
        remove(connection, operation, before, version, diagnostics).await;
    }
}

/// The value that works, from the state or from Vault; null if neither has it.
pub(super) async fn value(
    connection: &Connection,
    context: &Context,
    vault: &Field<Destination>,
    version: &Field<i64>,
    kept: &Field<SecretString>,
) -> Field<SecretString> {
    let (Some(target), Link::Reached(vault)) = (Target::of(vault), &connection.vault) else {
        return kept.clone();
    };
    let newest = vault
        .newest(&look(connection, context), &target.place)
        .await
        .unwrap_or_default();
    let is_it = version.known().copied() == i64::try_from(newest.version).ok();
    let data = newest.data.filter(|_| is_it);
    data.and_then(|data| data.text(&target.field).cloned()).into()
}

/// An operation for which nothing is at stake.
fn look(connection: &Connection, context: &Context) -> Operation {
    let operation = connection.operation(context);
    Operation::new(LOOK.min(operation.remaining()), operation.cancellation)
}

/// Whether a secret says of itself that it is of the token of that name in this account.
fn says_ours(data: &Data, connection: &Connection, name: &str) -> bool {
    let says = |field: &str, expected: &str| data.text(field).is_some_and(|text| text.expose_secret() == expected);
    says(ACCOUNT, &connection.account) && says(NAME, name)
}

/// Whether a secret may be followed by a new version: there is none, or it is this token's.
fn check_ours(newest: &Newest, target: &Target, connection: &Connection, whose: Whose<'_>) -> Result<(), Diagnostic> {
    let Some(data) = &newest.data else { return Ok(()) };
    // An account may be told by another name than when the secret was written.
    let is_known = whose.token_id.is_some() && data.number(TOKEN_ID) == whose.token_id;
    if is_known || says_ours(data, connection, whose.name) {
        return Ok(());
    }
    let place = &target.place;
    Err(Diagnostic::error(
        format!("The secret \"{place}\" in Vault is somebody else's"),
        format!(
            "Its version {} was not written for this token: beside a value, this provider writes the account ({:?}) and \
             the name ({:?}). It is not covered over. Declare another `path`; or, if nobody needs it, delete the secret in \
             Vault and run again.",
            newest.version, connection.account, whose.name
        ),
    )
    .on("vault"))
}

/// The diagnostic for what Vault did not do.
fn failure(error: &Error) -> Diagnostic {
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
            (_, Kind::Connect(_)) => {
                "Check VAULT_ADDR, or the provider's `vault.address`, VAULT_CACERT, and the network."
            }
            _ => "Run again when Vault is well.",
        }
        .to_owned(),
    }
}

/// The error of a value that was made and is lost.
fn undelivered(what: &str, error: &Error) -> Diagnostic {
    let mut diagnostic = failure(error);
    diagnostic.detail = format!("{}. {}", diagnostic.summary, diagnostic.detail);
    diagnostic.summary = format!("{what} could not be handed over to Vault");
    diagnostic
}

/// The warning of a refresh that could not ask Vault.
fn unchecked(what: &str, problem: Diagnostic) -> Diagnostic {
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
fn missing(what: &str, newest: &Newest, target: &Target, rotated: bool) -> Diagnostic {
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
