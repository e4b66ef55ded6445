//! `neuroio_stream_token`: a permanent or temporary stream token.
//!
//! # Flow
//! - Create creates the token ([`create`]) and deactivates it if `is_active` is false.
//! - Refresh reads the token with its value, which the platform returns again.
//! - A change of `is_active` updates the token in place. An expired temporary token is replaced.
//! - Destroy deletes the token ([`delete`](mod@delete)).
//!
//! # Guarantees
//! - Every token that was created is in the state or named in an error, even if a later step fails.
//! - A token is removed from the state only if the platform's complete list does not contain it. An
//!   expired token stays in the state nevertheless: the plan reports its expiry and replaces it.
//! - The provider's own API token is neither deactivated nor deleted.
//!
//! # Assumptions
//! - The platform's list is complete.
//! - A permanent token does not expire, even if the platform reports an `expires` for it.

pub(in crate::neuroio) mod create;
pub(in crate::neuroio) mod delete;
mod diagnostics;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use self::delete::{delete, is_listed};
use crate::framework::{Change, Diagnostic, Diagnostics, Field, Leaving, Model, Outcome, Resource};
use crate::neuroio::api::{self, Issued, TokenId};
use crate::neuroio::connection::{Connection, Context};
use crate::neuroio::errors::request_failed;
use crate::neuroio::filter::Found;
use crate::platform::decision_time::{self, DecisionTime};
use crate::platform::{Session, account};
use crate::rest::Operation;
use crate::token::Expiry;

/// The lifetime of a temporary token.
const LIFETIME: Duration = Duration::from_secs(24 * 3_600);

/// Manages a stream token of the account, of the space or of the managers that the provider's
/// `api_token` belongs to.
///
/// ~> **The Terraform state contains the value** of the token. Everyone who can read the state can
/// use the token.
///
/// **A permanent token** does not expire. An account or space may have five of them; a plan that
/// would exceed this limit warns before anything is created.
///
/// **A temporary token** expires 24 hours after its creation. The first plan after that replaces it
/// and says so; until the plan is applied, clients that use the token are rejected. Use it in
/// configurations that are applied every few hours. For a token that is needed only while Terraform
/// runs, use the [ephemeral resource](../ephemeral-resources/stream_token.md), which leaves nothing
/// on the platform or in the state.
///
/// The platform returns the value whenever the token is read, so an import includes it.
///
/// A token has no name. A token that was created by a run that was killed before it wrote its state
/// looks like any other. Find such an orphan with `terraform query` ([list
/// resource](../list-resources/stream_token.md)) or the data source
/// [`neuroio_stream_tokens`](../data-sources/stream_tokens.md), then import or delete it.
///
/// Not documented by the platform: whether deactivated tokens count against the limit, and whether
/// an expired temporary token is still listed.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::neuroio) struct StreamToken {
    /// Whether the token is permanent. If false, it expires after 24 hours.
    #[attribute(required, requires_replace)]
    pub(in crate::neuroio) permanent: Field<bool>,
    /// Whether the platform accepts the token. It can be deactivated and activated again. If it is
    /// deactivated outside Terraform, the next apply activates it, unless this is false.
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
    /// When a temporary token expires, in UTC; null for a permanent token. The first plan after
    /// this time replaces the token.
    #[attribute(computed, planned, requires_replace)]
    pub(in crate::neuroio) expires_at: Field<String>,
}

impl StreamToken {
    /// Converts a token from the list. It has all attributes except the value.
    pub(in crate::neuroio) fn from_listed(found: &Found) -> Self {
        let mut model = Self {
            permanent: found.permanent.into(),
            ..Self::default()
        };
        model.refresh_from_listed(&found.token);
        model
    }

    /// Returns the id.
    ///
    /// # Errors
    /// The state has an invalid id, which no operation writes.
    fn id(&self) -> Result<TokenId, Diagnostic> {
        let id = self.id.known().map_or("", String::as_str);
        id.parse().map_err(diagnostics::invalid_id_in_state)
    }

    fn is_permanent(&self) -> bool {
        self.permanent == Field::Known(true)
    }

    /// Returns when the token expires, or `None` for a permanent token.
    fn expiry(&self) -> Option<Expiry> {
        self.expires_at.known().and_then(|text| Expiry::parse(text).ok())
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        self.expiry().is_some_and(|expiry| expiry.has_passed(now))
    }

    /// Returns the token's name in messages.
    fn name(&self) -> String {
        let id = self.id.known().map_or("", String::as_str);
        format!("The stream token {id}")
    }

    /// Marks the attributes unknown that a replacement changes.
    fn mark_unknown(&mut self) {
        self.id = Field::Unknown;
        self.key = Field::Unknown;
        self.created_at = Field::Unknown;
        self.expires_at = Field::Unknown;
    }

    /// Sets all attributes to the platform's values.
    fn refresh_from(&mut self, Issued { token, key }: Issued) {
        self.refresh_from_listed(&token);
        self.key = key.into();
    }

    /// Sets all attributes except the value, which the list does not contain.
    fn refresh_from_listed(&mut self, token: &api::StreamToken) {
        self.id = token.id.to_string().into();
        self.is_active = token.is_active.into();
        self.created_at = token.created.map(|at| Expiry::at(at).to_string()).into();
        let expires_at = expires_at(token, self.is_permanent());
        // A missing or unreadable expiry does not overwrite a known one.
        if !expires_at.is_null() || self.is_permanent() || self.expires_at.known().is_none() {
            self.expires_at = expires_at;
        }
    }
}

/// Returns the attribute `expires_at` of a token.
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

/// Warns if a planned creation exceeds the limit. Errors are ignored here: apply reports them.
async fn plan_creation(context: &Context) {
    let Some(connection) = context.known_client() else {
        return;
    };
    if let Ok(existing) = connection.permanent_tokens(&connection.operation(context)).await {
        let excess = connection.planned.create(&existing);
        let warning = excess.map(|excess| diagnostics::limit_exceeded(&excess, &existing));
        context.diagnostics().extend(warning);
    }
}

/// Records a planned deletion, and warns if the provider will refuse it.
async fn plan_deletion(context: &Context, prior: &StreamToken) {
    let Some(connection) = context.known_client() else {
        return;
    };
    if let Ok(id) = prior.id() {
        connection.planned.delete(id);
    }
    if is_own_credential(&connection, &prior.key).await {
        context.report(diagnostics::own_credential("delete").as_warning());
    }
}

/// Activates or deactivates the token, then reads it.
async fn set_active(
    connection: &Connection,
    operation: &Operation,
    mut state: StreamToken,
    is_active: bool,
) -> Outcome<StreamToken> {
    let id = state.id()?;
    if !is_active && is_own_credential(connection, &state.key).await {
        return Err(diagnostics::own_credential("deactivate").into());
    }
    let set = connection.api.set_active(operation, id, is_active).await;
    set.map_err(|error| request_failed(&error))?;
    let issued = connection.api.get(operation, id).await;
    state.refresh_from(issued.map_err(|error| request_failed(&error))?);
    if state.is_active == Field::Known(is_active) {
        return Ok(state);
    }
    Err(diagnostics::unchanged(id)).leaving(state)
}

/// Reads a created token if the answer to the creation lacks its times. Otherwise the next refresh
/// would show a change.
async fn with_times(connection: &Connection, operation: &Operation, permanent: bool, issued: Issued) -> Issued {
    if issued.token.created.is_some() && (permanent || issued.token.expires.is_some()) {
        return issued;
    }
    // Errors are ignored here: the token exists, and the next refresh reads it again.
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
            // The token is replaced. Terraform plans the creation in a separate call.
            plan_deletion(context, prior).await;
            return Ok(());
        }
        let mut diagnostics = context.diagnostics();
        if prior.expiry().is_some() {
            self.session.synchronise(context, &mut diagnostics).await;
        }
        let records = decision_time::records(prior, planned);
        let time = DecisionTime::new(&context.private, self.now(), records, Some(LIFETIME));
        let decide = |at| prior.has_expired(at).then_some(());
        if time.decide(&prior.name(), decide, &mut diagnostics).is_some() {
            planned.mark_unknown();
            let [id, expired_at] = [&prior.id, &prior.expires_at].map(|field| field.known().map_or("", String::as_str));
            diagnostics.push(diagnostics::expired(id, expired_at));
        }
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &StreamToken) -> Result<(), Diagnostics> {
        plan_deletion(context, prior).await;
        Ok(())
    }

    async fn create(&self, context: &Context, planned: StreamToken) -> Outcome<StreamToken> {
        let connection = context.client()?;
        decision_time::record(&context.private, self.now());
        let operation = connection.operation(context);
        let permanent = planned.is_permanent();
        let created = {
            let _lock = connection.creating.lock().await;
            create::create(&connection.api, &operation, permanent, &mut context.diagnostics()).await
        };
        if permanent {
            connection.planned.creation_finished();
        }
        connection.invalidate();
        let mut state = StreamToken {
            permanent: permanent.into(),
            ..StreamToken::default()
        };
        state.refresh_from(with_times(&connection, &operation, permanent, created?).await);
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
        let read = connection.api.get(&operation, id).await;
        self.session.report_skew(&mut context.diagnostics());
        match read {
            Ok(issued) => state.refresh_from(issued),
            // The platform may hide expired tokens. An expired token was not deleted outside
            // Terraform.
            Err(error) if error.is_not_found() && state.has_expired(self.now()) => {}
            Err(error) if error.is_not_found() => {
                let is_listed = is_listed(&connection.api, &operation, id).await?;
                return Ok(is_listed.then_some(state));
            }
            Err(error) => return Err(request_failed(&error).into()),
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
            return Err(diagnostics::own_credential("delete").into());
        }
        let deleted = delete(&connection.api, &connection.operation(context), id).await;
        connection.invalidate();
        Ok(deleted?)
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<StreamToken, Option<StreamToken>> {
        let id: TokenId = id.parse().map_err(|_| diagnostics::not_an_id())?;
        let connection = context.client()?;
        let operation = connection.operation(context);
        let issued = connection.api.get(&operation, id).await;
        let issued = issued.map_err(|error| request_failed(&error))?;
        // A token does not show its kind, but the list of permanent tokens does.
        let permanent_tokens = connection.permanent_tokens(&operation).await;
        let permanent_tokens = permanent_tokens.map_err(|error| request_failed(&error))?;
        let mut state = StreamToken {
            permanent: permanent_tokens.iter().any(|token| token.id == id).into(),
            ..StreamToken::default()
        };
        state.refresh_from(issued);
        decision_time::record(&context.private, self.now());
        Ok(Some(state))
    }

    async fn permits(&self, context: &Context, state: &StreamToken) -> Result<(), Diagnostics> {
        let exists = async {
            let connection = context.client()?;
            match connection.api.get(&connection.operation(context), state.id()?).await {
                Ok(issued) => {
                    let key = state.key.known().map(ExposeSecret::expose_secret);
                    Ok(key.is_none_or(|key| key == issued.key.expose_secret()))
                }
                Err(error) if error.is_not_found() => Ok(false),
                Err(error) => Err(request_failed(&error)),
            }
        };
        let account = self.session.account();
        Ok(account::verify(&context.private, account, &state.name(), exists).await?)
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
    }

    fn title(&self, state: &StreamToken) -> Option<String> {
        Some(state.name())
    }
}

/// Whether the provider authenticates with this value.
async fn is_own_credential(connection: &Connection, key: &Field<SecretString>) -> bool {
    match key.known() {
        Some(key) => connection.api.is_own_credential(key).await,
        None => false,
    }
}
