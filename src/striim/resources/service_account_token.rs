//! `striim_service_account_token`: a service account and its token, a credential for machines.
//!
//! # Flow
//! Create creates the account and reads its value from the answer, the only place where the platform
//! shows it. A reason to rotate ([`crate::token::reasons`]) issues another value in place, which
//! revokes the old one at once. Delete deletes the account and revokes its token.
//!
//! # Guarantees
//! - A value that an answer contained is in the state afterwards, whatever else failed.
//! - Nothing leaves the state unless a complete list of the platform no longer shows it; and not even
//!   then if it has expired as declared, because a list may omit expired accounts.
//! - A token that is not due, with an unchanged configuration, is not rotated; nor is one by its import.
//!
//! # Assumptions
//! - The list is complete, except for expired accounts. After a rotation that was interrupted, the new
//!   value may expire before the state knows it, and counts as deleted. The creation that follows is
//!   rejected, and its diagnostic says how to delete the account (`adopt_existing`).
//! - A token that expires between a plan that keeps it and that plan's apply is kept by the apply, too,
//!   because both decide by the instant that the refresh recorded
//!   ([`crate::platform::decision_time`]). The next run rotates it.
//! - `token-id` identifies a value: a rotation changes it (Striim's samples show so).

mod diagnostics;
mod plan;

use jiff::Timestamp;

use crate::framework::{
    Change, Diagnostic, Diagnostics, Failed, Field, Identity, Model, Outcome, PrivateState, Resource, Schema,
    SourceState, Value,
};
use crate::platform::attributes::check_name;
use crate::platform::delivery::Owner;
use crate::platform::{Session, account, decision_time, generation, private_record};
use crate::rest::Operation;
use crate::striim::api::{IssuedToken, MAX_DESCRIPTION, NewServiceAccount, OwnToken, ServiceAccount, find};
use crate::striim::connection::{Connection, Context};
use crate::striim::errors::request_failed;
use crate::striim::identity::Named;
use crate::striim::replacement;
use crate::striim::rotating_token::{RotatingToken, described};
use crate::striim::secret_owner::service_account;
use crate::striim::service_account::LIFETIME;
use crate::striim::service_account::create::wait_for_deletion;
use crate::striim::service_account::delete::check_replacement_name;
use crate::striim::service_account::locked::LockedAccount;
use crate::striim::service_account::lookup::{find_own, is_own_token, may_be_spelled_otherwise};
use crate::striim::service_account::plan::has_no_mark;
use crate::striim::token_value::{KnownToken, PresentToken, TokenMetadata};
use crate::token::{Expiry, ValueStatus};

/// Manages a service account of the Striim Cloud account and its API token, an administrator-level credential for CI pipelines
/// and other automation. An account may have three service account tokens, each valid for at most 12 months.
///
/// ~> **The Terraform state contains the value** of the token, unless `vault` or `age_recipients` is set. Everyone who can read
/// the state can use the token. With `vault`, the value is stored in HashiCorp Vault, and with `age_recipients`, the state has it
/// encrypted. [The guide](../guides/where-does-the-value-go.md) compares the ways.
///
/// The platform shows the value once, when it is issued.
///
/// **A rotation** revokes the value at once and puts a new one into `token`. The service account stays. The old and the new value
/// are never valid at the same time. A plan rotates, and gives the reason, when `expires_at`, `expires_in` or `rotation_triggers`
/// changed; within `rotate_before` of the expiry; when the token has expired, unless `expires_at` fixes its expiry; and when it
/// was rotated outside Terraform, because the value in the state is no longer valid then. Destroying the resource deletes the
/// service account and revokes its token.
///
/// After an import `token` is null, because the platform does not show the value again. The value remains valid where it is in
/// use. To get a value that Terraform knows, change `expires_at`, or once they are recorded `expires_in` or
/// `rotation_triggers`.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct ServiceAccountToken {
    /// The service account's name, unique in the account and case-sensitive.
    #[attribute(required, requires_replace, length = 3..=30)]
    pub(in crate::striim) name: Field<String>,
    /// The description of the service account.
    #[attribute(optional, empty_is_null, requires_replace, length = ..=MAX_DESCRIPTION, check = has_no_mark)]
    pub(in crate::striim) description: Field<String>,
    /// Whether creation takes over an existing service account of that name, by rotating its token; or, if it has expired and
    /// is no longer listed, by deleting it and creating it again. Default: false. To take one over without rotating it, import
    /// it.
    #[attribute(optional)]
    pub(in crate::striim) adopt_existing: Field<bool>,
    /// The same as `name`.
    #[attribute(computed, use_state_for_unknown)]
    pub(in crate::striim) id: Field<String>,
    #[attribute(flatten)]
    pub(in crate::striim) token: RotatingToken,
}

impl ServiceAccountToken {
    /// Whether creation may take over an existing account.
    fn adopts(&self) -> bool {
        self.adopt_existing == Field::Known(true)
    }

    fn name(&self) -> &str {
        self.name.known().map_or("", String::as_str)
    }

    fn token_id(&self) -> Option<i64> {
        self.token.metadata.token_id.known().copied()
    }

    /// The token's name in messages.
    fn what(&self) -> String {
        diagnostics::token_of(self.name())
    }

    /// The token as the owner of a secret in Vault.
    fn owner(&self) -> Owner {
        service_account(self.name(), self.token_id())
    }

    async fn present_token(
        &self,
        connection: &Connection,
        operation: &Operation,
        private: &PrivateState,
    ) -> PresentToken {
        let token = &self.token;
        token.present_token(connection, operation, self.name(), private).await
    }

    /// The service account to create.
    fn new_account(&self, expires_at: Option<Expiry>) -> NewServiceAccount<'_> {
        NewServiceAccount {
            name: self.name(),
            description: self.description.known().map(String::as_str),
            expires_at: expires_at.map(Expiry::instant),
        }
    }

    /// The state of an account that exists or may exist, and whose value is unknown. The next apply
    /// replaces it.
    fn without_value(mut self) -> Self {
        let RotatingToken {
            policy,
            delivery,
            metadata,
        } = &mut self.token;
        policy.expires_at = std::mem::take(&mut policy.expires_at).into_known().into();
        delivery.set_lost();
        *metadata = TokenMetadata::default();
        self
    }

    /// The state of an imported account, whose value is unknown.
    pub(in crate::striim) fn imported(account: &ServiceAccount) -> Self {
        Self {
            id: account.name.clone().into(),
            name: account.name.clone().into(),
            description: account.description.clone().unwrap_or_default().into(),
            token: RotatingToken::imported(account.into()),
            ..Self::default()
        }
    }

    /// Checks that an account can be adopted as it is: the next plan would replace it if its
    /// description differed.
    fn check_same_description(&self, account: &ServiceAccount) -> Result<(), Diagnostic> {
        let theirs = account.description.as_deref().unwrap_or_default();
        let ours = self.description.known().map_or("", String::as_str);
        if theirs == ours || self.description.is_unknown() {
            return Ok(());
        }
        Err(diagnostics::description_differs(account))
    }

    /// Returns the account that this creation adopts, if it exists and the configuration allows that.
    async fn account_to_adopt(
        &self,
        connection: &Connection,
        locked: &LockedAccount<'_>,
    ) -> Result<Option<ServiceAccount>, Diagnostic> {
        if !self.adopts() {
            return Ok(None);
        }
        let cached = connection.cached_accounts(locked.operation()).await;
        let cached = cached.map_err(|error| request_failed(&error))?;
        if find(&cached.items, self.name()).is_none() {
            return Ok(None);
        }
        let accounts = connection.fetch_accounts(locked.operation()).await?;
        let Some(account) = find(&accounts, self.name()) else {
            return Ok(None);
        };
        self.check_same_description(account)?;
        Ok(Some(account.clone()))
    }
}

pub(in crate::striim) struct ServiceAccountTokenResource {
    session: Session,
}

impl ServiceAccountTokenResource {
    pub(in crate::striim) fn new(session: Session) -> Self {
        Self { session }
    }

    pub(in crate::striim) fn session(&self) -> &Session {
        &self.session
    }

    fn now(&self) -> Timestamp {
        self.session.clock().now()
    }

    /// Issues the first value: of an account that is adopted, or of a new one.
    async fn issue(
        &self,
        connection: &Connection,
        locked: &LockedAccount<'_>,
        planned: &ServiceAccountToken,
        new: &NewServiceAccount<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Outcome<ServiceAccountToken, IssuedToken> {
        if let Some(account) = planned.account_to_adopt(connection, locked).await? {
            let known = KnownToken {
                value: &Field::Null,
                token_id: account.token_id,
            };
            let rotated = locked.rotate(new.expires_at, known, diagnostics).await;
            return Ok(rotated.map_err(|error| diagnostics::rotate_failed(new.name, &error))?);
        }
        locked.delete_orphan().await?;
        let created = match planned.adopts() {
            // An account that the list hides has no value to rotate: it is deleted and created again.
            true => locked.create_over_hidden(new).await,
            false => locked.create(new).await,
        };
        created.map_err(|error| {
            let by = diagnostics::DeclaredBy::Token;
            let failed = Failed::from(diagnostics::create_failed(new.name, by, &error, self.now()));
            match error.may_exist {
                true => failed.leaving(planned.clone().without_value()),
                false => failed,
            }
        })
    }
}

impl Resource for ServiceAccountTokenResource {
    type Model = ServiceAccountToken;
    type Client = Connection;

    const TYPE: &'static str = "striim_service_account_token";

    fn schema(&self) -> Schema {
        described(ServiceAccountToken::schema())
    }

    fn validate(&self, config: &ServiceAccountToken, diagnostics: &mut Diagnostics) {
        if let Some(name) = config.name.known() {
            check_name("name", name, diagnostics);
        }
        config.token.validate(LIFETIME, self.now(), diagnostics);
    }

    async fn plan(&self, context: &Context, change: &mut Change<ServiceAccountToken>) -> Result<(), Diagnostics> {
        self.plan_change(context, change, &mut context.diagnostics()).await;
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &ServiceAccountToken) -> Result<(), Diagnostics> {
        replacement::clear(&context.private);
        self.plan_deletion(context, prior, &mut context.diagnostics()).await;
        Ok(())
    }

    async fn create(&self, context: &Context, mut planned: ServiceAccountToken) -> Outcome<ServiceAccountToken> {
        let diagnostics = &mut *context.diagnostics();
        if planned.token.policy.needs_clock(None, self.now()) {
            self.session.synchronise(context, diagnostics).await;
        }
        let connection = context.client()?;
        connection.planned_accounts.release(&[planned.name()]);
        let expires_at = planned.token.policy.expiry_to_send(self.now(), LIFETIME)?;
        planned.token.delivery.generation = self.session.first_generation().into();
        decision_time::record(&context.private, self.now());

        if !planned.adopts() {
            wait_for_deletion(&connection, context, planned.name()).await;
        }
        let name = planned.name().to_owned();
        let mut locked = LockedAccount::lock(&connection, context, &name).await;
        let owner = planned.token.present_owner(planned.owner());
        let (writer, delivery) = (&connection.vault, &planned.token.delivery);
        let permit = delivery.prepare(writer, locked.operation(), owner, diagnostics).await?;
        let new = planned.new_account(expires_at);
        let issued = self.issue(&connection, &locked, &planned, &new, diagnostics).await?;
        let issued = locked.complete(issued).await;
        PresentToken::record(&context.private, new.name, &issued.token);

        let (owner, record) = (planned.owner(), (&context.private, self.session.clock()));
        let token = &mut planned.token;
        token.set_issued(expires_at, issued, record, diagnostics);
        token
            .deliver(&connection, locked.operation(), permit, owner, None, diagnostics)
            .await;
        Ok(planned)
    }

    async fn read(
        &self,
        context: &Context,
        mut state: ServiceAccountToken,
    ) -> Outcome<ServiceAccountToken, Option<ServiceAccountToken>> {
        if context.is_config_unknown() {
            return Ok(Some(state));
        }
        let diagnostics = &mut *context.diagnostics();
        let connection = context.client()?;
        connection.planned_accounts.record_in_state(state.name());
        let accounts = connection.service_accounts(&connection.operation(context)).await?;
        self.session.report_skew(diagnostics);
        let now = self.now();
        let Some(account) = find_own(&accounts, state.name(), state.token_id()) else {
            if may_be_spelled_otherwise(&accounts, state.name(), state.token_id()) {
                diagnostics.push(diagnostics::spelled_otherwise(state.name()));
                return Ok(Some(state));
            }
            // A list may omit an expired account: one that expired as declared was not deleted.
            let expired = state.token.has_expired(&context.private, now);
            // So may it omit an orphan that was never listed: only its deletion proves that it is gone.
            let value = state.token.value(&context.private);
            let is_unknown = matches!(value, ValueStatus::RotatedOutside { .. } | ValueStatus::Undelivered);
            let never_seen = state.token.metadata.token_id.is_null() && is_unknown;
            state.token.record_decision(&context.private, now);
            return Ok((expired || never_seen).then_some(state));
        };
        let owner = state.owner();
        state
            .token
            .refresh(context, &connection, owner, account.into(), now, diagnostics)
            .await;
        if let Some(description) = &account.description {
            state.description = description.clone().into();
        }
        Ok(Some(state))
    }

    async fn update(
        &self,
        context: &Context,
        prior: ServiceAccountToken,
        mut planned: ServiceAccountToken,
    ) -> Outcome<ServiceAccountToken> {
        let diagnostics = &mut *context.diagnostics();
        replacement::clear(&context.private);
        // An update that sends no request would not learn the platform's time from an answer.
        let only_records = planned.token.only_records();
        if only_records || planned.token.policy.needs_clock(None, self.now()) {
            self.session.synchronise(context, diagnostics).await;
        }
        decision_time::record(&context.private, self.now());
        if only_records {
            return Ok(planned);
        }
        let connection = context.client()?;
        let expires_at = planned.token.policy.expiry_to_send(self.now(), LIFETIME)?;

        let mut locked = LockedAccount::lock(&connection, context, prior.name()).await;
        let (writer, delivery) = (&connection.vault, &planned.token.delivery);
        let owner = prior.token.owner(prior.owner(), &delivery.vault);
        let permit = delivery.prepare(writer, locked.operation(), owner, diagnostics).await?;
        let private = &context.private;
        let present = prior.present_token(&connection, locked.operation(), private).await;
        let known = KnownToken {
            value: &present.value,
            token_id: prior.token_id(),
        };
        let new = planned.new_account(expires_at);
        let issued = locked.reissue(&new, known, diagnostics).await.map_err(|error| {
            let by = diagnostics::DeclaredBy::Token;
            diagnostics::reissue_failed(new.name, by, &error, self.now())
        })?;
        let issued = locked.complete(issued).await;
        PresentToken::record(&context.private, new.name, &issued.token);

        planned.token.delivery.generation = generation::next(&prior.token.delivery.generation);
        private_record::set_issued(&context.private);
        decision_time::record(&context.private, self.now());
        let record = (&context.private, self.session.clock());
        planned.token.set_issued(expires_at, issued, record, diagnostics);
        let (token, before) = (&mut planned.token, Some(&prior.token));
        token
            .deliver(
                &connection,
                locked.operation(),
                permit,
                prior.owner(),
                before,
                diagnostics,
            )
            .await;
        Ok(planned)
    }

    async fn delete(&self, context: &Context, state: ServiceAccountToken) -> Outcome<ServiceAccountToken, ()> {
        self.session.generations().observe(&state.token.delivery.generation);
        let connection = context.client()?;
        let operation = connection.operation(context);
        let present = state.present_token(&connection, &operation, &context.private).await;
        let own = is_own_token(&connection, &operation, state.name(), &present, self.now()).await;
        if own == OwnToken::Yes {
            return Err(diagnostics::cannot_revoke_own_token(&state.what()).into());
        }
        if let Some(name) = replacement::replacement_name(&context.private) {
            check_replacement_name(&connection, context, &state.what(), &name).await?;
        }
        let locked = LockedAccount::lock(&connection, context, state.name()).await;
        locked.delete(state.token.known_token()).await?;
        let (token, diagnostics) = (&state.token, &mut context.diagnostics());
        token
            .delete_secret(&connection, &operation, state.owner(), diagnostics)
            .await;
        Ok(())
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<ServiceAccountToken, Option<ServiceAccountToken>> {
        let connection = context.client()?;
        let accounts = connection.service_accounts(&connection.operation(context)).await?;
        let account = find(&accounts, id).ok_or_else(|| diagnostics::no_such_account("to import", id, &accounts))?;
        context.report(diagnostics::value_unknown_after_import(id));
        private_record::set_imported(&context.private);
        decision_time::record(&context.private, self.now());
        let mut state = ServiceAccountToken::imported(account);
        state.token.delivery.generation = self.session.first_generation().into();
        Ok(Some(state))
    }

    async fn permits(&self, context: &Context, state: &ServiceAccountToken) -> Result<(), Diagnostics> {
        let is_there = async {
            let Some(connection) = context.known_client() else {
                return Ok(true);
            };
            let accounts = connection.service_accounts(&connection.operation(context)).await?;
            let found = find(&accounts, state.name());
            Ok(found.is_some_and(|found| state.token.is_same_value(found.into())))
        };
        let (private, present) = (&context.private, self.session.account());
        Ok(account::verify(private, present, &state.what(), is_there).await?)
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
    }

    fn title(&self, state: &ServiceAccountToken) -> Option<String> {
        Some(format!("The service account {:?}", state.name()))
    }

    fn identity_schema(&self) -> Option<Schema> {
        Some(Named::described("The service account's name, which is case-sensitive."))
    }

    fn identity(&self, context: &Context, state: &Value) -> Option<Identity> {
        let state = ServiceAccountToken::from_value(state).ok()?;
        Some(Named::identity(context, state.name))
    }

    fn import_id(&self, context: &Context, identity: &Identity) -> Result<String, Diagnostic> {
        Named::import_id(context, identity)
    }

    fn move_state(&self, from: &SourceState<'_>) -> Result<ServiceAccountToken, Diagnostic> {
        let advice = (from.type_name == "striim_service_account_token_pair")
            .then(|| diagnostics::moved_from_pair(from.text("/current/name").unwrap_or("<name>-a")));
        Err(from.refused(Self::TYPE, advice))
    }
}

#[cfg(test)]
mod tests;
