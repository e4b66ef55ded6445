//! `striim_personal_access_token`: the personal access token (PAT) of a user.
//!
//! # Flow
//! A user has at most one PAT, and the API can rotate it but not create it. Create therefore rotates, which
//! revokes the user's present value. Update rotates for the reasons in [`crate::token::reasons`]. Delete
//! revokes.
//!
//! # Guarantees
//! - Every value that the provider receives is stored in the state.
//! - A plan that revokes a value warns of it, even if Terraform does not manage the PAT yet.
//! - A PAT is reported as revoked only after a read that no longer shows it.
//! - The resource is removed from the state only if the platform itself reports, to an authorised caller,
//!   that the user has no PAT, and the PAT has not expired as declared.
//! - A managed PAT belongs to the same user even if the provider's credential changes: `id` contains the
//!   user's address.
//!
//! # Assumptions
//! - A provider that calls the API as a user uses that user's PAT, because a user has only one.
//! - `token-id` identifies a value: a rotation changes it. Striim documents that by samples for service
//!   accounts only.

mod diagnostics;
mod plan;

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::framework::{
    Change, Diagnostic, Diagnostics, Field, Identity, Model, Outcome, Resource, Schema, Severity, Value,
};
use crate::platform::attributes::check_name;
use crate::platform::delivery::Owner;
use crate::platform::{Session, account, decision_time, generation, private_record};
use crate::rest::Operation;
use crate::striim::connection::{Connection, Context};
use crate::striim::errors::request_failed;
use crate::striim::identity::OfUser;
use crate::striim::pat::{self, Found, KnownPat};
use crate::striim::replacement;
use crate::striim::rotating_token::{RotatingToken, described};
use crate::token::{Expiry, Lifetime};

/// "default: 1 day, maximum: 90 days" (Striim Cloud, "Token types").
const LIFETIME: Lifetime = Lifetime::Days(90);

/// The `id` of the PAT of the provider's own user if the platform does not report the user's address; also its import ID.
const OWN: &str = "own";

/// The key in the private state that records that `email` was null when the PAT was created or imported.
const OWN_USER: &str = "own_user";

/// A user's personal access token, which has exactly the user's privileges and is valid for at most 90 days.
///
/// ~> **Creating this resource rotates the user's present token**, because a user has at most one: the present value stops
/// working at once, and the plan warns of that. To manage the token without rotating it, import it.
///
/// ~> **The Terraform state contains the value** of the token, unless `vault` or `age_recipients` is set. Everyone who can read
/// the state can use the token. With `vault`, the value is stored in HashiCorp Vault, and with `age_recipients`, the state has it
/// encrypted. [The guide](../guides/where-does-the-value-go.md) compares the ways.
///
/// Striim does not document whether a rotation issues a first token for a user who has none. Destroying the resource revokes the
/// token.
///
/// The platform shows the value only when it issues it. The token is rotated for the same reasons as a
/// `striim_service_account_token`.
///
/// While personal access tokens are disabled in the account, none can be issued, and a plan by an administrator warns of
/// that. If a `striim_pat_status` in the same configuration enables them, reference it in `depends_on`; otherwise Terraform
/// may create the token first.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct PersonalAccessToken {
    /// The email address of the user who owns the token. Only administrators can manage other users' tokens. Default: the
    /// provider's own user. Required if the provider uses a service account token, because a service account is not a
    /// user. Adding or removing the address of the same user later changes nothing.
    // If it is null in the configuration: the address of the provider's own user, or null if the platform does not report it.
    #[attribute(optional, computed, planned, requires_replace, check = is_address)]
    pub(in crate::striim) email: Field<String>,
    /// The user's email address; `own` if neither the configuration nor the platform states it.
    #[attribute(computed, planned)]
    pub(in crate::striim) id: Field<String>,
    #[attribute(flatten)]
    pub(in crate::striim) token: RotatingToken,
}

fn is_address(email: &str) -> Result<(), String> {
    let is_address = email.contains('@');
    is_address
        .then_some(())
        .ok_or_else(|| format!("must be an email address; it is {email:?}"))
}

impl PersonalAccessToken {
    /// Returns the user's address, if it is known.
    fn address(&self) -> Option<&str> {
        let id = self.id.known().filter(|id| *id != OWN);
        self.email.known().or(id).map(String::as_str)
    }

    fn id(&self) -> &str {
        self.id.known().map_or(OWN, String::as_str)
    }

    /// Records the value as the last one that this run issued for the PAT.
    fn record_last_issued(&self, last_issued: &mut BTreeMap<String, SecretString>) {
        if let Some(value) = self.token.delivery.token.known() {
            last_issued.insert(self.id().to_owned(), value.clone());
        }
    }

    /// Returns the token's name for messages.
    fn what(&self) -> String {
        diagnostics::pat_of(self.address())
    }

    /// Returns the PAT as the owner of a secret in Vault. Without an address its name is not unique: the PATs
    /// of all users would have it.
    fn owner(&self) -> Owner {
        let is_unique = self.id() != OWN;
        Owner::new(
            self.what(),
            "PAT",
            Some(self.id().to_owned()),
            is_unique,
            self.token.id(),
        )
    }
}

pub(in crate::striim) struct PersonalAccessTokenResource {
    session: Session,
}

impl PersonalAccessTokenResource {
    pub(in crate::striim) fn new(session: Session) -> Self {
        Self { session }
    }

    fn now(&self) -> Timestamp {
        self.session.clock().now()
    }

    /// Issues a new value, and stores it in `planned`.
    async fn rotate(
        &self,
        context: &Context,
        operation: &Operation,
        planned: &mut PersonalAccessToken,
        expires_at: Option<Expiry>,
        own: bool,
        diagnostics: &mut Diagnostics,
    ) -> Result<(), Diagnostic> {
        let (connection, address) = (context.client()?, planned.address());
        let rotated = pat::rotate(
            &connection.api,
            operation,
            address,
            expires_at.map(Expiry::instant),
            own,
        )
        .await;
        let has_default_expiry = planned.token.policy.is_by_default();
        let issued = rotated.map_err(|error| diagnostics::rotate_failed(address, &error, own, has_default_expiry))?;
        let record = (&context.private, self.session.clock());
        planned.token.set_issued(expires_at, issued, record, diagnostics);
        Ok(())
    }
}

impl Resource for PersonalAccessTokenResource {
    type Model = PersonalAccessToken;
    type Client = Connection;

    const TYPE: &'static str = "striim_personal_access_token";

    fn schema(&self) -> Schema {
        described(PersonalAccessToken::schema())
    }

    fn validate(&self, config: &PersonalAccessToken, diagnostics: &mut Diagnostics) {
        if let Some(email) = config.email.known() {
            check_name("email", email, diagnostics);
        }
        config.token.validate(LIFETIME, self.now(), diagnostics);
    }

    async fn plan(&self, context: &Context, change: &mut Change<PersonalAccessToken>) -> Result<(), Diagnostics> {
        self.plan_change(context, change, &mut context.diagnostics()).await;
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &PersonalAccessToken) -> Result<(), Diagnostics> {
        replacement::clear(&context.private);
        self.plan_deletion(context, prior, &mut context.diagnostics()).await;
        Ok(())
    }

    async fn create(&self, context: &Context, mut planned: PersonalAccessToken) -> Outcome<PersonalAccessToken> {
        let diagnostics = &mut *context.diagnostics();
        replacement::clear(&context.private);
        if planned.token.policy.needs_clock(None, self.now()) {
            self.session.synchronise(context, diagnostics).await;
        }
        let connection = context.client()?;
        connection.planned_pats.release(planned.id());
        let expires_at = planned.token.policy.expiry_to_send(self.now(), LIFETIME)?;
        planned.token.delivery.generation = self.session.first_generation().into();
        decision_time::record(&context.private, self.now());
        let mut last_issued = connection.planned_pats.last_issued.lock().await;
        let operation = connection.operation(context);
        let found = pat::find(&connection.api, &operation, planned.address()).await;
        let found = found.map_err(|error| request_failed(&error))?;
        if planned.id.known().is_none() {
            planned.id = id_of(&found).into();
        }
        if planned.email.is_unknown() {
            planned.email = found.address.clone().into();
        }
        let owner = planned.token.present_owner(planned.owner());
        let (writer, delivery) = (&connection.vault, &planned.token.delivery);
        let permit = delivery.prepare(writer, &operation, owner, diagnostics).await?;
        // A value whose answer was lost needs no record: the next apply rotates, which revokes it.
        let rotated = self.rotate(context, &operation, &mut planned, expires_at, found.own, diagnostics);
        rotated.await?;
        planned.record_last_issued(&mut last_issued);
        let (owner, token) = (planned.owner(), &mut planned.token);
        token
            .deliver(&connection, &operation, permit, owner, None, diagnostics)
            .await;
        Ok(planned)
    }

    async fn read(
        &self,
        context: &Context,
        mut state: PersonalAccessToken,
    ) -> Outcome<PersonalAccessToken, Option<PersonalAccessToken>> {
        if context.is_config_unknown() {
            return Ok(Some(state));
        }
        let diagnostics = &mut *context.diagnostics();
        let connection = context.client()?;
        let found = pat::find(&connection.api, &connection.operation(context), state.address()).await;
        let found = found.map_err(|error| request_failed(&error))?;
        self.session.report_skew(diagnostics);
        let (now, owner) = (self.now(), state.owner());
        match &found.token {
            Some(token) => {
                state
                    .token
                    .refresh(context, &connection, owner, token.into(), now, diagnostics)
                    .await;
            }
            // The platform may omit expired tokens, so a token that expired as declared stays in the state.
            None if state.token.has_expired(&context.private, now) => {
                state.token.record_decision(&context.private, now);
            }
            None if state.address().is_none() => diagnostics.push(diagnostics::unknown_user(Severity::Warning)),
            None if !found.is_absence_confirmed => {
                diagnostics.push(diagnostics::absence_unconfirmed(&state.what(), Severity::Warning));
            }
            None => return Ok(None),
        }
        Ok(Some(state))
    }

    async fn update(
        &self,
        context: &Context,
        prior: PersonalAccessToken,
        mut planned: PersonalAccessToken,
    ) -> Outcome<PersonalAccessToken> {
        let diagnostics = &mut *context.diagnostics();
        replacement::clear(&context.private);
        // An update that sends no request receives no answer whose `Date` would correct the clock.
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
        let mut last_issued = connection.planned_pats.last_issued.lock().await;
        let operation = connection.operation(context);
        let value = &prior.token.delivery.token;
        let own = pat::is_own_token(&connection.api, &operation, prior.address(), value).await;
        let own = own.map_err(|error| request_failed(&error))?;
        let (writer, delivery) = (&connection.vault, &planned.token.delivery);
        let owner = prior.token.owner(prior.owner(), &delivery.vault);
        let permit = delivery.prepare(writer, &operation, owner, diagnostics).await?;
        planned.token.delivery.generation = generation::next(&prior.token.delivery.generation);
        let rotated = self.rotate(context, &operation, &mut planned, expires_at, own, diagnostics);
        rotated.await?;
        private_record::set_issued(&context.private);
        decision_time::record(&context.private, self.now());
        planned.record_last_issued(&mut last_issued);
        let (owner, token) = (planned.owner(), &mut planned.token);
        token
            .deliver(&connection, &operation, permit, owner, Some(&prior.token), diagnostics)
            .await;
        Ok(planned)
    }

    async fn delete(&self, context: &Context, state: PersonalAccessToken) -> Outcome<PersonalAccessToken, ()> {
        let connection = context.client()?;
        self.session.generations().observe(&state.token.delivery.generation);
        let is_rotated_next = replacement::replacement_name(&context.private).as_deref() == Some(state.id());
        let last_issued = connection.planned_pats.last_issued.lock().await;
        let operation = connection.operation(context);
        let known = KnownPat {
            id: state.id(),
            address: state.address(),
            token: state.token.known_token(),
            has_expired: state.token.has_expired(&context.private, self.now()),
        };
        // The creation that follows rotates the PAT, which revokes this value. Once deleted, it could not be
        // created by the API.
        if !is_rotated_next {
            pat::delete(&connection.api, &operation, known, &last_issued).await?;
        }
        connection.planned_pats.release(state.id());
        let (token, diagnostics) = (&state.token, &mut context.diagnostics());
        token
            .delete_secret(&connection, &operation, state.owner(), diagnostics)
            .await;
        Ok(())
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<PersonalAccessToken, Option<PersonalAccessToken>> {
        let connection = context.client()?;
        let mut state = PersonalAccessToken {
            email: Some(id).filter(|id| *id != OWN).map(str::to_owned).into(),
            ..PersonalAccessToken::default()
        };
        let generation = self.session.first_generation();
        let found = pat::find(&connection.api, &connection.operation(context), state.address()).await;
        let found = found.map_err(|error| request_failed(&error))?;
        state.id = id_of(&found).into();
        if state.email.is_null() {
            context.private.set(OWN_USER, true);
            state.email = found.address.clone().into();
        }
        let token = found.token.as_ref();
        let token = token.ok_or_else(|| diagnostics::nothing_to_import(state.address(), OWN))?;
        context.report(diagnostics::value_unknown_after_import(&state.what()));
        state.token = RotatingToken::imported(token.into());
        state.token.delivery.generation = generation.into();
        private_record::set_imported(&context.private);
        decision_time::record(&context.private, self.now());
        Ok(Some(state))
    }

    async fn permits(&self, context: &Context, state: &PersonalAccessToken) -> Result<(), Diagnostics> {
        let is_there = async {
            let Some(connection) = context.known_client() else {
                return Ok(true);
            };
            let found = pat::find(&connection.api, &connection.operation(context), state.address()).await;
            let found = found.map_err(|error| request_failed(&error))?;
            Ok(found
                .token
                .is_some_and(|token| state.token.is_same_value((&token).into())))
        };
        let (private, present) = (&context.private, self.session.account());
        Ok(account::verify(private, present, &state.what(), is_there).await?)
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
    }

    fn title(&self, state: &PersonalAccessToken) -> Option<String> {
        Some(state.what())
    }

    fn identity_schema(&self) -> Option<Schema> {
        Some(OfUser::schema())
    }

    fn identity(&self, context: &Context, state: &Value) -> Option<Identity> {
        let state = PersonalAccessToken::from_value(state).ok()?;
        let email = match state.address() {
            None if state.id.is_unknown() => Field::Unknown,
            address => address.map(str::to_owned).into(),
        };
        Some(OfUser::identity(context, email))
    }

    fn import_id(&self, context: &Context, identity: &Identity) -> Result<String, Diagnostic> {
        let email = OfUser::import_id(context, identity)?;
        Ok(email.unwrap_or_else(|| OWN.to_owned()))
    }
}

/// Returns the `id` of a PAT that was read.
fn id_of(found: &Found) -> String {
    found.address.clone().unwrap_or_else(|| OWN.to_owned())
}

#[cfg(test)]
mod tests;
