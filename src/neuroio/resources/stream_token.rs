//! `neuroio_stream_token`: a stream token, permanent or for a day.
//!
//! # Flow
//! Create creates the token (see [`create`]), and deactivates it where that is declared. A refresh reads it with its
//! value, which the platform shows again. `is_active` changes in place. A temporary token that has expired is replaced.
//! Destroy deletes it (see [`delete`](mod@delete)).
//!
//! # Guarantees
//! - Whatever token was created is in the state afterwards, or named in an error, whatever else failed.
//! - Nothing leaves the state unless the platform's list, well received, no longer has it; and not even then if it has
//!   expired, for then the plan says so and replaces it.
//! - The token that the provider works with is neither deactivated nor deleted.
//!
//! # Assumptions
//! - The list is complete.
//! - A permanent token does not expire, whatever the platform's `expires` says of it.

pub(in crate::neuroio) mod create;
pub(in crate::neuroio) mod delete;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use self::delete::{delete, is_listed};
use crate::framework::{Change, Diagnostic, Diagnostics, Field, Leaving, Model, Outcome, Resource};
use crate::neuroio::api::{self, Issued, TokenId};
use crate::neuroio::connection::{Connection, Context};
use crate::neuroio::errors::failure;
use crate::neuroio::filter::Found;
use crate::platform::decision_time::{self, DecisionTime};
use crate::platform::{Session, account};
use crate::rest::Operation;
use crate::token::Expiry;

/// How long a temporary token lives.
const TEMPORARY: Duration = Duration::from_secs(24 * 3_600);

/// A stream token of the account, space or managers that the provider's `api_token` belongs to.
///
/// **A permanent token** does not expire. There may be five of them per account or space; a plan that would exceed that says
/// so before anything is created.
///
/// **A temporary token** expires 24 hours after it was created. As a managed resource it is replaced by the first plan after
/// that, and the plan says so; until it is applied, whatever uses the token is rejected. So it suits a configuration that is
/// applied every few hours. What needs a token only while Terraform runs is better served by the
/// [ephemeral resource](../ephemeral-resources/stream_token.md), which leaves nothing on the platform or in the state.
///
/// The platform shows the value whenever it is read, so that an import brings it along. It is kept in the Terraform state:
/// whoever can read the state can use the token.
///
/// Not documented by the platform, and left to what it answers: whether deactivated tokens count against the limit, and
/// whether a temporary token that has expired is still listed. A token has no name: one that was created by a run that was
/// killed before it wrote its state looks like any other. Find it with `terraform query`
/// ([list resource](../list-resources/stream_token.md)) or the data source
/// [`neuroio_stream_tokens`](../data-sources/stream_tokens.md), and import or delete it.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::neuroio) struct StreamToken {
    /// Whether the token does not expire. Otherwise it expires after 24 hours.
    #[attribute(required, requires_replace)]
    pub(in crate::neuroio) permanent: Field<bool>,
    /// Whether the token is accepted. It can be changed back and forth; one that was deactivated outside
    /// Terraform is activated by the next apply, unless this is false.
    #[attribute(default = true)]
    pub(in crate::neuroio) is_active: Field<bool>,
    /// The platform's number for the token.
    #[attribute(computed, planned, import, identity)]
    pub(in crate::neuroio) id: Field<String>,
    /// The token's value.
    #[attribute(computed, planned)]
    pub(in crate::neuroio) key: Field<SecretString>,
    /// When the token was created, in UTC.
    #[attribute(computed, planned)]
    pub(in crate::neuroio) created_at: Field<String>,
    /// When a temporary token expires, in UTC; null for a permanent one. Once it has passed, the next plan replaces the token.
    #[attribute(computed, planned, requires_replace)]
    pub(in crate::neuroio) expires_at: Field<String>,
}

impl StreamToken {
    /// What is found in the list: all but the value.
    pub(in crate::neuroio) fn of(found: &Found) -> Self {
        let mut model = Self {
            permanent: found.permanent.into(),
            ..Self::default()
        };
        model.refresh_listed(&found.token);
        model
    }

    /// The id.
    ///
    /// # Errors
    /// A state with another text, which no operation leaves.
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

    /// When it expires, if it does.
    fn expiry(&self) -> Option<Expiry> {
        self.expires_at.known().and_then(|text| Expiry::parse(text).ok())
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        self.expiry().is_some_and(|expiry| expiry.has_passed(now))
    }

    /// How a message names it.
    fn name(&self) -> String {
        let id = self.id.known().map_or("", String::as_str);
        format!("The stream token {id}")
    }

    /// Marks what a replacement changes.
    fn mark_unknown(&mut self) {
        self.id = Field::Unknown;
        self.key = Field::Unknown;
        self.created_at = Field::Unknown;
        self.expires_at = Field::Unknown;
    }

    /// Takes over what the platform shows of the token.
    fn refresh_from(&mut self, Issued { token, key }: Issued) {
        self.refresh_listed(&token);
        self.key = key.into();
    }

    /// The same of what the list shows: all but the value.
    fn refresh_listed(&mut self, token: &api::StreamToken) {
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

/// When a token expires, in UTC.
pub(in crate::neuroio) fn expires_at(token: &api::StreamToken, permanent: bool) -> Field<String> {
    let expires = token.expires.filter(|_| !permanent);
    expires.map(|at| Expiry::at(at).to_string()).into()
}

pub(in crate::neuroio) struct StreamTokenResource {
    session: Session,
}

impl StreamTokenResource {
    pub(in crate::neuroio) fn new(session: Session) -> Self {
        Self { session }
    }

    pub(in crate::neuroio) fn session(&self) -> &Session {
        &self.session
    }

    fn now(&self) -> Timestamp {
        self.session.clock().now()
    }
}

/// Compares a planned creation with the limit. Errors are ignored here: apply reports them.
async fn plan_creation(context: &Context) {
    let Some(connection) = context.known_client() else {
        return;
    };
    if let Ok(present) = connection.permanent(&connection.operation(context)).await {
        context.diagnostics().extend(connection.planned.create(&present));
    }
}

/// Notes that the token will be deleted, and warns of what would refuse it.
async fn plan_removal(context: &Context, prior: &StreamToken) {
    let Some(connection) = context.known_client() else {
        return;
    };
    if let Ok(id) = prior.id() {
        connection.planned.delete(id);
    }
    if is_own_credential(&connection, &prior.key).await {
        context.report(own("delete").as_warning());
    }
}

/// Activates or deactivates the token, and reads the outcome.
async fn set_active(
    connection: &Connection,
    operation: &Operation,
    mut state: StreamToken,
    is_active: bool,
) -> Outcome<StreamToken> {
    let id = state.id()?;
    if !is_active && is_own_credential(connection, &state.key).await {
        return Err(own("deactivate").into());
    }
    let set = connection.api.set_active(operation, id, is_active).await;
    set.map_err(|error| failure(&error))?;
    let issued = connection.api.get(operation, id).await;
    state.refresh_from(issued.map_err(|error| failure(&error))?);
    if state.is_active == Field::Known(is_active) {
        return Ok(state);
    }
    Err(unchanged(id)).leaving(state)
}

/// What was issued, with what the answer to the creation leaves out and a reading shows. Otherwise the next refresh would find
/// a change.
async fn completed(connection: &Connection, operation: &Operation, permanent: bool, issued: Issued) -> Issued {
    if issued.token.created.is_some() && (permanent || issued.token.expires.is_some()) {
        return issued;
    }
    // Errors are ignored here: the token is there, and the next refresh reads it again.
    let read = connection.api.get(operation, issued.token.id).await;
    read.unwrap_or(issued)
}

impl Resource for StreamTokenResource {
    type Model = StreamToken;
    type Client = Connection;

    const TYPE: &'static str = "neuroio_stream_token";

    async fn plan(&self, context: &Context, change: &mut Change<StreamToken>) -> Result<(), Diagnostics> {
        let planned = &mut change.planned;
        let Some(prior) = &change.prior else {
            if planned.is_permanent() {
                planned.expires_at = Field::Null;
                plan_creation(context).await;
            }
            return Ok(());
        };
        if planned.permanent != prior.permanent {
            // It is replaced: what comes instead is planned by itself.
            plan_removal(context, prior).await;
            return Ok(());
        }
        let mut diagnostics = context.diagnostics();
        if prior.expiry().is_some() {
            self.session.synchronise(context, &mut diagnostics).await;
        }
        let records = decision_time::records(prior, planned);
        let time = DecisionTime::new(&context.private, self.now(), records, Some(TEMPORARY));
        let decide = |at| prior.has_expired(at).then_some(());
        if time.decide(&prior.name(), decide, &mut diagnostics).is_some() {
            planned.mark_unknown();
            diagnostics.push(expired(prior));
        }
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &StreamToken) -> Result<(), Diagnostics> {
        plan_removal(context, prior).await;
        Ok(())
    }

    async fn create(&self, context: &Context, planned: StreamToken) -> Outcome<StreamToken> {
        let connection = context.client()?;
        decision_time::record(&context.private, self.now());
        let operation = connection.operation(context);
        let permanent = planned.is_permanent();
        let created = {
            let _alone = connection.creating.lock().await;
            create::create(&connection.api, &operation, permanent, &mut context.diagnostics()).await
        };
        if permanent {
            connection.planned.settle();
        }
        connection.invalidate();
        let mut state = StreamToken {
            permanent: permanent.into(),
            ..StreamToken::default()
        };
        state.refresh_from(completed(&connection, &operation, permanent, created?).await);
        if planned.is_active == Field::Known(false) {
            let set = set_active(&connection, &operation, state.clone(), false).await;
            return set.map_err(|failed| failed.or_leaving(state));
        }
        Ok(state)
    }

    async fn read(&self, context: &Context, mut state: StreamToken) -> Outcome<StreamToken, Option<StreamToken>> {
        if context.is_config_unknown() {
            return Ok(Some(state));
        }
        let (connection, id) = (context.client()?, state.id()?);
        let operation = connection.operation(context);
        let found = connection.api.get(&operation, id).await;
        self.session.report_skew(&mut context.diagnostics());
        match found {
            Ok(issued) => state.refresh_from(issued),
            // It may be shown no longer: what expired as declared was not deleted outside.
            Err(error) if error.is_not_found() && state.has_expired(self.now()) => {}
            Err(error) if error.is_not_found() => {
                let is_listed = is_listed(&connection.api, &operation, id).await?;
                return Ok(is_listed.then_some(state));
            }
            Err(error) => return Err(failure(&error).into()),
        }
        decision_time::refresh(&context.private, self.now(), |at| state.has_expired(at));
        Ok(Some(state))
    }

    async fn update(&self, context: &Context, prior: StreamToken, planned: StreamToken) -> Outcome<StreamToken> {
        let (connection, is_active) = (context.client()?, *planned.is_active.get()?);
        let set = set_active(&connection, &connection.operation(context), prior, is_active).await;
        decision_time::record(&context.private, self.now());
        set
    }

    async fn delete(&self, context: &Context, state: StreamToken) -> Outcome<StreamToken, ()> {
        let (connection, id) = (context.client()?, state.id()?);
        if is_own_credential(&connection, &state.key).await {
            return Err(own("delete").into());
        }
        let deleted = delete(&connection.api, &connection.operation(context), id).await;
        connection.invalidate();
        Ok(deleted?)
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<StreamToken, Option<StreamToken>> {
        let id: TokenId = id.parse().map_err(|_| not_an_id())?;
        let connection = context.client()?;
        let operation = connection.operation(context);
        let issued = connection.api.get(&operation, id).await;
        let issued = issued.map_err(|error| failure(&error))?;
        // The token does not say of which kind it is; the list distinguishes them.
        let permanent = connection.permanent(&operation).await;
        let permanent = permanent.map_err(|error| failure(&error))?;
        let mut state = StreamToken {
            permanent: permanent.iter().any(|token| token.id == id).into(),
            ..StreamToken::default()
        };
        state.refresh_from(issued);
        decision_time::record(&context.private, self.now());
        Ok(Some(state))
    }

    async fn permits(&self, context: &Context, state: &StreamToken) -> Result<(), Diagnostics> {
        let is_there = async {
            let connection = context.client()?;
            match connection.api.get(&connection.operation(context), state.id()?).await {
                Ok(found) => {
                    let key = state.key.known().map(ExposeSecret::expose_secret);
                    Ok(key.is_none_or(|key| key == found.key.expose_secret()))
                }
                Err(error) if error.is_not_found() => Ok(false),
                Err(error) => Err(failure(&error)),
            }
        };
        let account = self.session.account();
        Ok(account::verify(&context.private, account, &state.name(), is_there).await?)
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
    }

    fn title(&self, state: &StreamToken) -> Option<String> {
        Some(state.name())
    }
}

/// Whether this is the value that the provider works with.
async fn is_own_credential(connection: &Connection, key: &Field<SecretString>) -> bool {
    match key.known() {
        Some(key) => connection.api.is_own_credential(key).await,
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

/// The warning of a plan that replaces a token because it has expired.
fn expired(prior: &StreamToken) -> Diagnostic {
    let (id, at) = (prior.id.known(), prior.expires_at.known());
    Diagnostic::warning(
        format!(
            "The temporary stream token {} has expired",
            id.map_or("", String::as_str)
        ),
        format!(
            "It expired at {}, and whatever uses it is rejected. It is to be replaced by a new one, with another value, which \
             again lasts 24 hours.",
            at.map_or("", String::as_str)
        ),
    )
}

fn unchanged(id: TokenId) -> Diagnostic {
    Diagnostic::error(
        format!("The stream token {id} did not change"),
        "The platform has answered that `is_active` was changed, and still shows it as it was before.",
    )
    .on("is_active")
}

fn not_an_id() -> Diagnostic {
    Diagnostic::error(
        "Not the id of a stream token",
        "A stream token is imported by its id, which is a number. Its value (`key`) is not accepted: it would end up in logs. \
         The data source `neuroio_stream_tokens` lists the ids.",
    )
}
