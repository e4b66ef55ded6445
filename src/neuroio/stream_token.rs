//! `neuroio_stream_token`: a stream token, permanent or for a day.
//!
//! # Flow
//! Create makes the token (see [`super::create`]), and deactivates it where that is declared. A refresh reads it with its
//! value, which the platform tells again. `is_active` changes in place. A temporary token that has ended is replaced.
//! Destroy deletes it (see [`super::delete`]).
//!
//! # Guarantees
//! - Whatever token was made is in the state afterwards, or named in an error, whatever else went wrong.
//! - Nothing leaves the state unless the platform's list, well received, no longer has it; and not even then if it has
//!   ended, for then the plan says so and replaces it.
//! - The token that the provider works with is neither deactivated nor deleted.
//!
//! # Assumptions
//! - The list is complete.
//! - A permanent token does not end by itself, whatever the platform's `expires` says of it.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::api::{Issued, StreamToken as Listed, TokenId};
use super::connection::{Connection, Session};
use super::create;
use super::delete::{delete, is_listed};
use super::failure::failure;
use super::filter::Found;
use crate::framework::{Attribute, Change, Context, Diagnostic, Diagnostics, Field, Resource, Schema, Type, model};
use crate::platform::account;
use crate::platform::decision_time::{self, DecisionTime};
use crate::rest::Operation;
use crate::token::Expiry;

/// How long a temporary token lives.
const TEMPORARY: Duration = Duration::from_secs(24 * 3_600);

model! {
    /// The identity of a stream token.
    pub(super) struct Identity {
        id: String,
    }
}

model! {
    /// The attributes of `neuroio_stream_token`.
    pub(super) struct Model {
        id: String,
        permanent: bool,
        is_active: bool,
        key: SecretString,
        created_at: String,
        expires_at: String,
    }
}

impl Model {
    /// The id in a state, where it cannot be anything but one.
    fn id(&self) -> Result<TokenId, Diagnostic> {
        let id = self.id.known().map_or("", String::as_str);
        id.parse().map_err(|error| {
            let detail = format!("What the state has for `id` is none: {error}. The state was changed by hand.");
            Diagnostic::error("Unreadable id", detail)
        })
    }

    fn is_permanent(&self) -> bool {
        self.permanent == Field::Known(true)
    }

    /// When it ends, if it does.
    fn expiry(&self) -> Option<Expiry> {
        self.expires_at.known().and_then(|text| Expiry::parse(text).ok())
    }

    /// What is found in the list: all but the value.
    pub(super) fn of(found: &Found) -> Self {
        let mut model = Self {
            permanent: found.permanent.into(),
            ..Self::default()
        };
        model.describe(&found.token);
        model
    }

    /// How a message names it.
    fn what(&self) -> String {
        let id = self.id.known().map_or("", String::as_str);
        format!("The stream token {id}")
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        self.expiry().is_some_and(|expiry| expiry.has_passed(now))
    }

    fn follow(&mut self, Issued { token, key }: Issued) {
        self.describe(&token);
        self.key = key.into();
    }

    fn describe(&mut self, token: &Listed) {
        self.id = token.id.to_string().into();
        self.is_active = token.is_active.into();
        self.created_at = token.created.map(|at| Expiry::at(at).to_string()).into();
        let expires_at = expires_at(token, self.is_permanent());
        // An expiry that the platform leaves out, or that cannot be read, has not changed.
        if !expires_at.is_null() || self.is_permanent() || self.expires_at.known().is_none() {
            self.expires_at = expires_at;
        }
    }
}

/// When a token ends, in UTC.
pub(super) fn expires_at(token: &Listed, permanent: bool) -> Field<String> {
    let expires = token.expires.filter(|_| !permanent);
    expires.map(|at| Expiry::at(at).to_string()).into()
}

pub(super) struct StreamToken {
    session: Session,
}

impl StreamToken {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    fn now(&self) -> Timestamp {
        self.session.clock().now()
    }

    /// Records at a refresh by which instant the next plan decides.
    fn record_decision(&self, context: &Context, state: &Model) {
        decision_time::refresh(&context.private, self.now(), |at| state.has_ended(at));
    }

    /// Holds a planned creation against the limit. Errors are ignored here: apply reports them.
    async fn plan_creation(&self, context: &Context, diagnostics: &mut Diagnostics) {
        let Some(connection) = self.session.connected() else {
            return;
        };
        if let Ok(present) = connection.permanent(&connection.operation(context)).await {
            diagnostics.extend(connection.ledger.create(&present));
        }
    }

    /// Notes that the token will go, and warns of what would refuse it.
    async fn plan_removal(&self, prior: &Model, diagnostics: &mut Diagnostics) {
        let Some(connection) = self.session.connected() else {
            return;
        };
        if let Ok(id) = prior.id() {
            connection.ledger.delete(id);
        }
        if works_with(&connection, &prior.key).await {
            diagnostics.push(own("delete").as_warning());
        }
    }

    /// Activates or deactivates the token and reads what came of it.
    async fn set_active(
        connection: &Connection,
        operation: &Operation,
        state: &mut Model,
        is_active: bool,
    ) -> Result<(), Diagnostic> {
        let id = state.id()?;
        if !is_active && works_with(connection, &state.key).await {
            return Err(own("deactivate"));
        }
        let set = connection.api.set_active(operation, id, is_active).await;
        set.map_err(|error| failure(&error))?;
        let issued = connection.api.get(operation, id).await;
        state.follow(issued.map_err(|error| failure(&error))?);
        if state.is_active == Field::Known(is_active) {
            return Ok(());
        }
        Err(Diagnostic::error(
            format!("The stream token {id} did not change"),
            "The platform has answered that `is_active` was changed, and still shows it as it was before.",
        )
        .on("is_active"))
    }
}

impl StreamToken {
    /// What was issued, with what the answer to the creation leaves out and a reading shows. Otherwise the next refresh would
    /// find a change.
    async fn completed(
        &self,
        connection: &Connection,
        operation: &Operation,
        permanent: bool,
        issued: Issued,
    ) -> Issued {
        if issued.token.created.is_some() && (permanent || issued.token.expires.is_some()) {
            return issued;
        }
        // Errors are ignored here: the token is there, and the next refresh reads it again.
        match connection.api.get(operation, issued.token.id).await {
            Ok(read) => read,
            Err(_) => issued,
        }
    }
}

#[async_trait]
impl Resource for StreamToken {
    type Model = Model;
    type Identity = Identity;

    const TYPE: &'static str = "neuroio_stream_token";

    fn schema(&self) -> Schema {
        Schema::new(
            "A stream token of the account, space or managers that the provider's `api_token` belongs to.\n\n\
             **A permanent token** does not end by itself. There may be five of them per account or space; a plan that would \
             exceed that says so before anything is made.\n\n\
             **A temporary token** ends 24 hours after it was made. As a managed resource it is replaced by the first plan \
             after its end, and the plan says so; until that is applied, whatever uses it is not let in. So it suits a \
             configuration that is applied every few hours. What needs a token only while Terraform runs is better served by \
             the [ephemeral resource](../ephemeral-resources/stream_token.md), which leaves nothing behind, neither on the \
             platform nor in the state.\n\n\
             The platform tells the value whenever it is asked, so that an import brings it along. It is kept in the \
             Terraform state: whoever can read the state can use the token.\n\n\
             Not documented by the platform, and left to what it answers: whether deactivated tokens count against the \
             limit, and whether a temporary token that has ended is still listed. A token has no name: one that was made by \
             a run that was killed before it wrote its state cannot be told from others. Find it with `terraform query` \
             ([list resource](../list-resources/stream_token.md)) or the data source \
             [`neuroio_stream_tokens`](../data-sources/stream_tokens.md), and import or delete it.",
            [
                Attribute::required(
                    "permanent",
                    Type::Bool,
                    "Whether the token goes without an end. Otherwise it ends after 24 hours.",
                )
                .replaces(),
                Attribute::optional_computed(
                    "is_active",
                    Type::Bool,
                    "Whether the token is let in. Default: true. It can be changed back and forth; one that was \
                     deactivated outside Terraform is activated by the next apply, unless this is false.",
                ),
                Attribute::computed("id", Type::String, "The platform's number for the token."),
                Attribute::computed("key", Type::String, "The token's value.").sensitive(),
                Attribute::computed("created_at", Type::String, "When the token was made, in UTC."),
                Attribute::computed(
                    "expires_at",
                    Type::String,
                    "When a temporary token ends, in UTC; null for a permanent one. Once it has passed, the next plan \
                     replaces the token.",
                )
                .replaces(),
            ],
        )
    }

    fn validate(&self, _: &Model, _: &mut Diagnostics) {}

    async fn plan(&self, context: &Context, change: &mut Change<Model>, diagnostics: &mut Diagnostics) {
        let planned = &mut change.planned;
        if change.config.is_active.is_null() {
            planned.is_active = true.into();
        }
        let Some(prior) = &change.prior else {
            if planned.is_permanent() {
                planned.expires_at = Field::Null;
                self.plan_creation(context, diagnostics).await;
            }
            return;
        };
        if planned.permanent != prior.permanent {
            // It is replaced: what comes instead is planned by itself.
            self.plan_removal(prior, diagnostics).await;
            return;
        }
        if prior.expiry().is_some() {
            self.session.synchronise(context, diagnostics).await;
        }
        let records = decision_time::records(prior, planned);
        let time = DecisionTime::new(&context.private, self.now(), records, Some(TEMPORARY));
        let decide = |at| prior.has_ended(at).then_some(());
        if time.decide(&prior.what(), decide, diagnostics).is_some() {
            planned.id = Field::Unknown;
            planned.key = Field::Unknown;
            planned.created_at = Field::Unknown;
            planned.expires_at = Field::Unknown;
            diagnostics.push(ended(prior));
        }
    }

    async fn plan_destroy(&self, _: &Context, prior: &Model, diagnostics: &mut Diagnostics) {
        self.plan_removal(prior, diagnostics).await;
    }

    async fn create(&self, context: &Context, planned: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        decision_time::record(&context.private, self.now());
        let operation = connection.operation(context);
        let permanent = planned.is_permanent();
        let created = {
            let _alone = connection.creating.lock().await;
            create::create(&connection.api, &operation, permanent, diagnostics).await
        };
        if permanent {
            connection.ledger.settle();
        }
        connection.changed();
        let mut state = Model {
            permanent: permanent.into(),
            ..Model::default()
        };
        let issued = self
            .completed(&connection, &operation, permanent, diagnostics.ok(created)?)
            .await;
        state.follow(issued);
        if planned.is_active == Field::Known(false) {
            diagnostics.ok(Self::set_active(&connection, &operation, &mut state, false).await);
        }
        Some(state)
    }

    async fn read(&self, context: &Context, mut state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        if self.session.is_waiting() {
            return Some(state);
        }
        let Some((connection, id)) = self.session.connection(diagnostics).zip(diagnostics.ok(state.id())) else {
            return Some(state);
        };
        let operation = connection.operation(context);
        let found = connection.api.get(&operation, id).await;
        self.session.report_skew(diagnostics);
        match found {
            Ok(issued) => {
                state.follow(issued);
                self.record_decision(context, &state);
                Some(state)
            }
            // Ended, it may be shown no longer: what ended as declared was not deleted outside.
            Err(error) if error.is_not_found() && state.has_ended(self.now()) => {
                self.record_decision(context, &state);
                Some(state)
            }
            Err(error) if error.is_not_found() => {
                let is_gone = diagnostics.ok(is_listed(&connection.api, &operation, id).await) == Some(false);
                if is_gone {
                    diagnostics.push(deleted_outside(id));
                }
                (!is_gone).then_some(state)
            }
            Err(error) => {
                diagnostics.push(failure(&error));
                Some(state)
            }
        }
    }

    async fn update(&self, context: &Context, prior: Model, planned: Model, diagnostics: &mut Diagnostics) -> Model {
        let Some(connection) = self.session.connection(diagnostics) else {
            return prior;
        };
        decision_time::record(&context.private, self.now());
        let mut state = prior;
        if let Some(is_active) = planned.is_active.into_known() {
            let operation = connection.operation(context);
            diagnostics.ok(Self::set_active(&connection, &operation, &mut state, is_active).await);
            decision_time::record(&context.private, self.now());
        }
        state
    }

    async fn delete(&self, context: &Context, state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let Some((connection, id)) = self.session.connection(diagnostics).zip(diagnostics.ok(state.id())) else {
            return Some(state);
        };
        if works_with(&connection, &state.key).await {
            diagnostics.push(own("delete"));
            return Some(state);
        }
        let deleted = delete(&connection.api, &connection.operation(context), id).await;
        connection.changed();
        match diagnostics.ok(deleted) {
            Some(()) => None,
            None => Some(state),
        }
    }

    async fn import(&self, context: &Context, id: &str, diagnostics: &mut Diagnostics) -> Option<Model> {
        let Ok(id) = id.parse::<TokenId>() else {
            diagnostics.push(Diagnostic::error(
                "Not the id of a stream token",
                "A stream token is imported by its id, which is a number. Its value (`key`) is not accepted: it would end \
                 up in logs. The data source `neuroio_stream_tokens` lists the ids.",
            ));
            return None;
        };
        let connection = self.session.connection(diagnostics)?;
        let operation = connection.operation(context);
        let issued = connection.api.get(&operation, id).await;
        let issued = diagnostics.ok(issued.map_err(|error| failure(&error)))?;
        // The token does not say of which kind it is; the list tells them apart.
        let permanent = connection.permanent(&operation).await;
        let permanent = diagnostics.ok(permanent.map_err(|error| failure(&error)))?;
        let mut state = Model {
            permanent: permanent.iter().any(|token| token.id == id).into(),
            ..Model::default()
        };
        state.follow(issued);
        decision_time::record(&context.private, self.now());
        Some(state)
    }

    async fn permits(&self, context: &Context, state: &Model, diagnostics: &mut Diagnostics) -> bool {
        let is_there = async {
            let Some(connection) = self.session.connected() else {
                return Ok(true);
            };
            let found = connection.api.get(&connection.operation(context), state.id()?).await;
            match found {
                Ok(found) => {
                    let key = state.key.known().map(ExposeSecret::expose_secret);
                    Ok(key.is_none_or(|key| key == found.key.expose_secret()))
                }
                Err(error) if error.is_not_found() => Ok(false),
                Err(error) => Err(failure(&error)),
            }
        };
        account::permits(context, self.session.account(), &state.what(), is_there, diagnostics).await
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
    }

    fn identity_schema(&self) -> Option<Schema> {
        let id = Attribute::required("id", Type::String, "The platform's number for the token.");
        Some(Schema::new("", [id]))
    }

    fn identity(&self, state: &Model) -> Option<Identity> {
        Some(Identity { id: state.id.clone() })
    }

    fn import_id(&self, identity: Identity) -> Result<String, Diagnostic> {
        Ok(identity.id.into_known().unwrap_or_default())
    }
}

/// Whether this is the value that the provider works with.
async fn works_with(connection: &Connection, key: &Field<SecretString>) -> bool {
    match key.known() {
        Some(key) => connection.api.works_with(key).await,
        None => false,
    }
}

fn own(verb: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Cannot {verb} the token that the provider works with"),
        format!(
            "It is its `api_token`: to {verb} it would lock the provider out. Give the provider another one first. To \
             have Terraform forget this one, use a `removed` block or `terraform state rm`."
        ),
    )
}

fn ended(prior: &Model) -> Diagnostic {
    let (id, at) = (prior.id.known(), prior.expires_at.known());
    Diagnostic::warning(
        format!("The temporary stream token {} has ended", id.map_or("", String::as_str)),
        format!(
            "It ended at {}, and whatever uses it is not let in any more. It is to be replaced by a new one, with another \
             value, which again lasts 24 hours.",
            at.map_or("", String::as_str)
        ),
    )
}

/// The warning of a refresh that found the token gone.
fn deleted_outside(id: TokenId) -> Diagnostic {
    Diagnostic::warning(
        format!("The stream token {id} was deleted outside Terraform"),
        "The platform neither shows it nor lists it, so its value is no longer valid. The next apply creates another one.",
    )
}

#[cfg(test)]
mod tests;
