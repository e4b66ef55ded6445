//! `striim_service_account_token`: an account of a machine, and its token.
//!
//! # Flow
//! Create makes the account and takes its value from the answer, the only place where the platform shows it. A changed
//! `expires_at` rotates: the account stays, its value dies at once and a new one takes its place. Destroy revokes.
//!
//! # Guarantees
//! - Whatever value an answer carried is in the state afterwards, whatever else went wrong.
//! - Nothing leaves the state unless the platform's list, well received, no longer has it.
//! - A configuration that says the same instant in other words changes nothing.
//!
//! # Assumptions
//! - The list is complete: an account that it does not hold does not exist, or has expired (whether the list still
//!   shows those, Striim's document does not say).

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use super::api::{IssuedToken, NewServiceAccount, ServiceAccount};
use super::failure::failure;
use super::session::{Connection, Session};
use crate::framework::{Attribute, Change, Context, Diagnostic, Diagnostics, Field, Resource, Schema, Type, model};
use crate::rest::{Error, Operation};
use crate::token::{Expiry, Lifetime};

/// "may be set for up to 12 months" (Striim Cloud, "Token types").
const LIFETIME: Lifetime = Lifetime::Months(12);

/// "An account may have up to three active service account tokens" (the same).
const QUOTA: usize = 3;

model! {
    /// The attributes of `striim_service_account_token`.
    pub(super) struct Model {
        id: String,
        name: String,
        description: String,
        /// As the user spells it.
        expires_at: String,
        /// The value. Null after an import.
        token: SecretString,
        /// Tells this value from the account's earlier and later ones.
        token_id: i64,
        /// 1 for the value that the creation brought, one more for each rotation; 0 after an import.
        generation: i64,
        updated_at: String,
        updated_by: i64,
    }
}

pub(super) struct ServiceAccountToken {
    session: Session,
}

/// What a planned `expires_at` asks for.
#[derive(Debug, PartialEq)]
enum Asked {
    /// Nothing: it is left out, or the instant is the one that the token has.
    Nothing,
    /// A rotation.
    Rotation,
    /// Known only at apply.
    NotKnownYet,
}

/// Compares as instants what the configuration says with what the token has.
fn asked(config: &Field<String>, current: &Field<String>) -> Asked {
    match config {
        Field::Null => Asked::Nothing,
        Field::Unknown => Asked::NotKnownYet,
        Field::Known(wanted) => match (Expiry::parse(wanted), current.known().map(|text| Expiry::parse(text))) {
            (Ok(wanted), Some(Ok(current))) if wanted == current => Asked::Nothing,
            _ => Asked::Rotation,
        },
    }
}

impl ServiceAccountToken {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }

    fn now(&self) -> Timestamp {
        self.session.clock().now()
    }

    /// The expiry to send; `Err` with an error on the attribute if it cannot be sent.
    fn expiry_to_send(&self, expires_at: &Field<String>) -> Result<Option<Expiry>, Diagnostic> {
        let Some(text) = expires_at.known() else {
            return Ok(None);
        };
        let expiry = Expiry::parse(text).map_err(|error| invalid("expires_at", error))?;
        match expiry.check(self.now(), LIFETIME) {
            Ok(()) => Ok(Some(expiry)),
            Err(problem) => Err(invalid("expires_at", problem)),
        }
    }
}

#[async_trait]
impl Resource for ServiceAccountToken {
    type Model = Model;

    const TYPE: &'static str = "striim_service_account_token";

    fn schema(&self) -> Schema {
        Schema::new(
            "A service account of the Striim Cloud account, and its API token: an administrator-level credential for \
             CI pipelines and other automation. The platform shows the value once; it is kept in the state.",
            [
                Attribute::required(
                    "name",
                    Type::String,
                    "The account's unique name, 3 to 30 characters, case-sensitive.",
                )
                .replaces(),
                Attribute::optional("description", Type::String, "What it is for, at most 255 characters.").replaces(),
                Attribute::optional_computed(
                    "expires_at",
                    Type::String,
                    "When the token ends, in RFC 3339 with an offset, at most 12 months ahead. **A change rotates the \
                     token in place**: the old value stops working at once. Another spelling of the same instant \
                     changes nothing. Left out, the account's default expiry applies.",
                ),
                Attribute::computed("id", Type::String, "The same as `name`."),
                Attribute::computed("token", Type::String, "The token's value. Null after an import.").sensitive(),
                Attribute::computed(
                    "token_id",
                    Type::Number,
                    "The platform's number for the present value; it changes with each rotation.",
                ),
                Attribute::computed(
                    "generation",
                    Type::Number,
                    "1 for the first value, one more for each rotation; 0 after an import. Known when a rotation is \
                     planned, so other resources can follow it in the same run.",
                ),
                Attribute::computed("updated_at", Type::String, "When the account was last changed."),
                Attribute::computed(
                    "updated_by",
                    Type::Number,
                    "The number of the user who changed it last.",
                ),
            ],
        )
    }

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        if let Some(name) = config.name.known() {
            let length = name.chars().count();
            if !(3..=30).contains(&length) {
                let problem = format!("must have 3 to 30 characters; {name:?} has {length}");
                diagnostics.push(invalid("name", problem));
            }
        }
        if let Some(description) = config.description.known() {
            let length = description.chars().count();
            if length > 255 {
                diagnostics.push(invalid(
                    "description",
                    format!("must have at most 255 characters; it has {length}"),
                ));
            }
        }
        if let Some(text) = config.expires_at.known()
            && let Err(error) = Expiry::parse(text)
        {
            diagnostics.push(invalid("expires_at", format!("{error}; it is {text:?}")));
        }
    }

    async fn plan(&self, _: &Context, change: &mut Change<Model>, diagnostics: &mut Diagnostics) {
        let planned = &mut change.planned;
        let Some(prior) = &change.prior else {
            planned.id = planned.name.clone();
            planned.generation = 1.into();
            diagnostics.ok(self.expiry_to_send(&planned.expires_at));
            return;
        };
        match asked(&change.config.expires_at, &prior.expires_at) {
            Asked::Nothing => {
                // The spelling in the state stays, so that another one is no difference.
                planned.expires_at = prior.expires_at.clone();
                let expiry = prior.expires_at.known().and_then(|text| Expiry::parse(text).ok());
                if let Some(expiry) = expiry.filter(|expiry| expiry.has_passed(self.now())) {
                    diagnostics.push(expired(prior, expiry));
                }
                return;
            }
            Asked::Rotation => {
                let generation = prior.generation.known().copied().unwrap_or_default();
                planned.generation = generation.saturating_add(1).into();
                diagnostics.ok(self.expiry_to_send(&planned.expires_at));
            }
            Asked::NotKnownYet => planned.generation = Field::Unknown,
        }
        planned.token = Field::Unknown;
        planned.token_id = Field::Unknown;
        planned.updated_at = Field::Unknown;
        planned.updated_by = Field::Unknown;
    }

    async fn create(&self, context: &Context, planned: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let expires_at = diagnostics.ok(self.expiry_to_send(&planned.expires_at))?;
        let name = planned.name.known().cloned().unwrap_or_default();
        let account = NewServiceAccount {
            name: &name,
            description: planned.description.known().map(String::as_str),
            expires_at: expires_at.map(Expiry::instant),
        };
        let operation = connection.operation(context);
        let outcome = connection.api.create_service_account(&operation, &account).await;
        connection.changed().await;
        match outcome {
            Ok(issued) => Some(with_value(planned, issued, diagnostics)),
            Err(error) => {
                diagnostics.push(why_not_created(&connection, &operation, &name, &error, self.now()).await);
                None
            }
        }
    }

    async fn read(&self, context: &Context, mut state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        if self.session.is_waiting() {
            return Some(state);
        }
        let Some(connection) = self.session.connection(diagnostics) else {
            return Some(state);
        };
        let Some(accounts) = connection.look(&connection.operation(context), diagnostics).await else {
            return Some(state);
        };
        let Some(account) = find(&accounts, state.name.known()) else {
            let expiry = state.expires_at.known().and_then(|text| Expiry::parse(text).ok());
            // Expired, it may be listed no longer; what ended as declared is not deleted outside.
            return expiry
                .is_some_and(|expiry| expiry.has_passed(self.now()))
                .then_some(state);
        };
        if let (Some(known), Some(now)) = (state.token_id.known(), account.token_id)
            && *known != now
            && !state.token.is_null()
        {
            diagnostics.push(rotated_outside(&account.name));
        } else {
            state.token_id = account.token_id.map_or(state.token_id, Field::Known);
        }
        follow(&mut state, account);
        Some(state)
    }

    async fn update(&self, context: &Context, prior: Model, planned: Model, diagnostics: &mut Diagnostics) -> Model {
        let Some(connection) = self.session.connection(diagnostics) else {
            return prior;
        };
        // Only a rotation is planned in place, and what it will bring is unknown until it has.
        if !planned.token.is_unknown() {
            return planned;
        }
        let Some(expires_at) = diagnostics.ok(self.expiry_to_send(&planned.expires_at)) else {
            return prior;
        };
        let operation = connection.operation(context);
        let name = prior.name.known().cloned().unwrap_or_default();
        let outcome = connection
            .api
            .rotate_service_account(&operation, &name, expires_at.map(Expiry::instant))
            .await;
        connection.changed().await;
        match outcome {
            Ok(issued) => with_value(
                Model {
                    generation: next_generation(&prior, &planned),
                    ..planned
                },
                issued,
                diagnostics,
            ),
            Err(error) => {
                diagnostics.push(why_not_rotated(&name, &error));
                prior
            }
        }
    }

    async fn delete(&self, context: &Context, state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let Some(connection) = self.session.connection(diagnostics) else {
            return Some(state);
        };
        let name = state.name.known().cloned().unwrap_or_default();
        let outcome = connection
            .api
            .delete_service_account(&connection.operation(context), &name)
            .await;
        connection.changed().await;
        match outcome {
            Err(error) if !error.is_not_found() => {
                diagnostics.push(failure(&error));
                Some(state)
            }
            // Gone already is gone.
            _ => None,
        }
    }

    async fn import(&self, context: &Context, id: &str, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let accounts = connection.look(&connection.operation(context), diagnostics).await?;
        let Some(account) = accounts.iter().find(|account| account.name == id) else {
            let names: Vec<_> = accounts.iter().map(|account| format!("{:?}", account.name)).collect();
            diagnostics.push(Diagnostic::error(
                "No such service account",
                format!(
                    "There is no service account named {id:?} to import. Names are case-sensitive. There are: {}.",
                    if names.is_empty() {
                        "none".to_owned()
                    } else {
                        names.join(", ")
                    }
                ),
            ));
            return None;
        };
        diagnostics.push(Diagnostic::warning(
            "The value of an imported token is not known",
            format!(
                "The platform showed the value of service account {id:?} once, when it was made, so `token` stays null. \
                 The value goes on working where it is in use. For one that Terraform knows, change `expires_at`: \
                 that rotates the token, and the old value stops working."
            ),
        ));
        let mut state = Model {
            id: id.into(),
            name: id.into(),
            token_id: account.token_id.into(),
            generation: 0.into(),
            ..Model::default()
        };
        follow(&mut state, account);
        Some(state)
    }
}

fn find<'a>(accounts: &'a [ServiceAccount], name: Option<&String>) -> Option<&'a ServiceAccount> {
    accounts.iter().find(|account| Some(&account.name) == name)
}

fn next_generation(prior: &Model, planned: &Model) -> Field<i64> {
    match planned.generation {
        Field::Known(generation) => generation.into(),
        _ => prior
            .generation
            .known()
            .copied()
            .unwrap_or_default()
            .saturating_add(1)
            .into(),
    }
}

/// Takes over what the platform's list says. What it leaves out stays: it is not said to have changed.
fn follow(state: &mut Model, account: &ServiceAccount) {
    if let Some(now) = account.expires_at.map(Expiry::at) {
        let known = state.expires_at.known().and_then(|text| Expiry::parse(text).ok());
        if known != Some(now) {
            state.expires_at = now.to_string().into();
        }
    }
    if let Some(now) = &account.description {
        let known = state.description.known().map_or("", String::as_str);
        if known != now {
            state.description = now.clone().into();
        }
    }
    if let Some(updated_at) = &account.updated_at {
        state.updated_at = updated_at.clone().into();
    }
    if let Some(updated_by) = account.updated_by {
        state.updated_by = updated_by.into();
    }
}

/// What was planned, with what the platform issued for it.
fn with_value(planned: Model, issued: IssuedToken, diagnostics: &mut Diagnostics) -> Model {
    let issued_expiry = issued.expires_at.map(Expiry::at);
    let planned_expiry = planned.expires_at.known().and_then(|text| Expiry::parse(text).ok());
    if let (Some(planned), Some(issued)) = (planned_expiry, issued_expiry)
        && planned != issued
    {
        diagnostics.push(
            Diagnostic::warning(
                "The platform set another expiry",
                format!("The token was to expire at {planned}; the platform says that it expires at {issued}."),
            )
            .on("expires_at"),
        );
    }
    Model {
        expires_at: match planned.expires_at {
            Field::Known(spelling) => spelling.into(),
            _ => issued_expiry.map(|expiry| expiry.to_string()).into(),
        },
        token: issued.token.into(),
        token_id: issued.token_id.into(),
        updated_at: issued.updated_at.into(),
        updated_by: issued.updated_by.into(),
        ..planned
    }
}

fn invalid(attribute: &'static str, problem: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::error(format!("Invalid {attribute}"), format!("`{attribute}`: {problem}.")).on(attribute)
}

fn expired(state: &Model, expiry: Expiry) -> Diagnostic {
    let name = state.name.known().map_or("", String::as_str);
    Diagnostic::warning(
        "The token has expired",
        format!(
            "The token of service account {name:?} expired at {expiry} and no longer works. Set a later `expires_at` \
             to rotate it, or remove the resource."
        ),
    )
    .on("expires_at")
}

fn rotated_outside(name: &str) -> Diagnostic {
    Diagnostic::warning(
        "The token was rotated outside Terraform",
        format!(
            "Somebody rotated the token of service account {name:?}: the value in the state no longer works. Change \
             `expires_at`, or run `terraform apply -replace` for this resource, to get one that does."
        ),
    )
}

async fn why_not_created(
    connection: &Connection,
    operation: &Operation,
    name: &str,
    error: &Error,
    now: Timestamp,
) -> Diagnostic {
    let conflict = error.status() == Some(http::StatusCode::CONFLICT);
    if !conflict && !error.is_ambiguous() {
        return failure(error);
    }
    let mut diagnostic = failure(error);
    let Ok(accounts) = connection.service_accounts(operation).await else {
        return diagnostic;
    };
    let exists = accounts.iter().any(|account| account.name == name);
    let more = match (exists, conflict) {
        (true, _) => {
            let found = if conflict {
                "already exists"
            } else {
                "exists now, and its value was lost with the answer"
            };
            format!(
                "A service account named {name:?} {found}. To manage it here, take it over:\n\n  import {{\n    to = \
                 striim_service_account_token.<label>\n    id = {name:?}\n  }}\n\nThen change `expires_at` to get a new \
                 value. Otherwise choose another name, or revoke it first."
            )
        }
        (false, true) => format!(
            "There is no service account of that name, so the account's quota of {QUOTA} active service account \
             tokens is used up:\n{}\n\nRevoke one that is no longer needed.",
            list(&accounts, now)
        ),
        (false, false) => "The account does not exist: nothing was created. Run again.".to_owned(),
    };
    diagnostic.detail.push_str("\n\n");
    diagnostic.detail.push_str(&more);
    if conflict && exists {
        diagnostic.on("name")
    } else {
        diagnostic
    }
}

/// The service accounts with their expiries, a line each.
fn list(accounts: &[ServiceAccount], now: Timestamp) -> String {
    let lines = accounts.iter().map(|account| {
        let expiry = match account.expires_at.map(Expiry::at) {
            Some(expiry) if expiry.has_passed(now) => format!("expired at {expiry}"),
            Some(expiry) => format!("expires at {expiry}"),
            None => "without expiry".to_owned(),
        };
        format!("\n  - {:?}, {expiry}", account.name)
    });
    lines.collect()
}

fn why_not_rotated(name: &str, error: &Error) -> Diagnostic {
    let mut diagnostic = failure(error);
    if error.is_not_found() {
        diagnostic.detail.push_str(&format!(
            "\n\nThe service account {name:?} no longer exists: it was deleted outside Terraform. Run again to create it."
        ));
    } else if error.is_ambiguous() {
        diagnostic.detail.push_str(
            "\n\nIf it did, the value in the state no longer works. Run again: the rotation is still planned, and brings \
             a new value.",
        );
    }
    diagnostic
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (what the configuration says, what the token has, what that asks for)
    #[test]
    fn only_another_instant_asks_for_a_rotation() {
        let cases = [
            (Field::Null, "2027-02-09T00:00:00Z".into(), Asked::Nothing),
            (Field::Null, Field::Null, Asked::Nothing),
            (Field::Unknown, "2027-02-09T00:00:00Z".into(), Asked::NotKnownYet),
            (
                "2027-02-09T00:00:00Z".into(),
                "2027-02-09T00:00:00Z".into(),
                Asked::Nothing,
            ),
            (
                "2027-02-09T01:00:00+01:00".into(),
                "2027-02-09T00:00:00Z".into(),
                Asked::Nothing,
            ),
            (
                "2027-02-09T00:00:00.999Z".into(),
                "2027-02-09T00:00:00Z".into(),
                Asked::Nothing,
            ),
            (
                "2027-02-09T00:00:01Z".into(),
                "2027-02-09T00:00:00Z".into(),
                Asked::Rotation,
            ),
            // A legacy token has no expiry.
            ("2027-02-09T00:00:00Z".into(), Field::Null, Asked::Rotation),
        ];
        for (config, current, expected) in cases {
            assert_eq!(asked(&config, &current), expected, "{config:?} {current:?}");
        }
    }
}
