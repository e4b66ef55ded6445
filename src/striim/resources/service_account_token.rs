//! `striim_service_account_token`: an account of a machine, and its token.
//!
//! # Flow
//! Create makes the account and takes its value from the answer, the only place where the platform shows it. A reason
//! to rotate ([`crate::token::reasons`]) gives it another value in place: the old one dies at once. Destroy revokes.
//!
//! # Guarantees
//! - Whatever value an answer carried is in the state afterwards, whatever else went wrong.
//! - Nothing leaves the state unless the platform's list, well received, no longer has it; and not even then if it was
//!   to have expired, because a list may leave out what has.
//! - A token that is not due, of a configuration that did not change, is not touched; nor is one by its import.
//!
//! # Assumptions
//! - The list is complete, but for what has expired. What a rotation that was cut off has let expire before the state
//!   knew is taken for gone; the creation that follows is refused and says how to be rid of it (`adopt_existing`).
//! - A token that expires between a plan that keeps it and that plan's apply is kept by the apply, too, because both decide
//!   by the instant that the refresh recorded ([`crate::platform::decision_time`]). The next run rotates it.
//! - `token-id` tells one value from the next: a rotation changes it (Striim's samples show so).

use jiff::Timestamp;

use crate::framework::{
    Change, Diagnostic, Diagnostics, Failed, Field, Identity, Model, Outcome, Resource, Schema, SourceState, Value,
};
use crate::platform::attributes::{check_name, is_same_text};
use crate::platform::declarations::declaration;
use crate::platform::delivery::Owner;
use crate::platform::{Session, account, decision_time, generation, private_record};
use crate::rest::Operation;
use crate::striim::api::{IssuedToken, MAX_DESCRIPTION, NewServiceAccount, Own, ServiceAccount, find};
use crate::striim::connection::{Connection, Context, Latest};
use crate::striim::errors::failure;
use crate::striim::identity::Named;
use crate::striim::issue::Unmade;
use crate::striim::labels::service_account;
use crate::striim::quota;
use crate::striim::replacement;
use crate::striim::rotating_token::{RotatingToken, UpdatePlan, described};
use crate::striim::service_account::{
    LIFETIME, check_description, check_successor, complete, end, end_left_over, find_own, has_no_mark,
    may_be_spelled_otherwise, no_such_account, orphan, rotate, spelled_otherwise, token_of, wait_for_name, whether_own,
    why_not_created, why_not_rotated,
};
use crate::striim::token_value::{self, TokenMetadata};
use crate::token::{Expiry, ValueStatus};

/// A service account of the Striim Cloud account, and its API token: an administrator-level credential for CI pipelines and
/// other automation. An account may have three of them, each valid for at most 12 months.
///
/// The platform shows the value once, when it is issued. It is kept in the Terraform state, where whoever can read the state
/// can use the token; or with `vault` in HashiCorp Vault alone.
///
/// **A rotation** revokes the value at once and puts a new one into `token`. The service account stays, and there is no time
/// in which both values work. A plan rotates, and says why, when `expires_at`, `expires_in` or `rotation_triggers` changed;
/// within `rotate_before` of the expiry; when the token has expired, unless `expires_at` fixes its expiry; and when it was
/// rotated outside Terraform, because the value in the state no longer works then. Destroying the resource deletes the
/// service account and revokes its token.
///
/// After an import `token` is null, because the platform does not show the value again. It remains valid where it is in use;
/// change `expires_at`, or once they are recorded `expires_in` or `rotation_triggers`, to get one that Terraform knows.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct ServiceAccountToken {
    /// The service account's name, unique in the account and case-sensitive.
    #[attribute(required, requires_replace, length = 3..=30)]
    pub(in crate::striim) name: Field<String>,
    /// What it is for.
    #[attribute(optional, empty_is_null, requires_replace, length = ..=MAX_DESCRIPTION, check = has_no_mark)]
    pub(in crate::striim) description: Field<String>,
    /// Whether to take over a service account of that name, if there is one at creation, by rotating it; or, if it has
    /// expired and is no longer listed, by revoking it and creating it again. Default: false. To take one over without
    /// rotating it, import it.
    #[attribute(optional)]
    pub(in crate::striim) adopt_existing: Field<bool>,
    /// The same as `name`.
    #[attribute(computed, use_state_for_unknown)]
    pub(in crate::striim) id: Field<String>,
    #[attribute(flatten)]
    pub(in crate::striim) token: RotatingToken,
}

impl ServiceAccountToken {
    /// Whether the user allows to take over what is there.
    fn adopts(&self) -> bool {
        self.adopt_existing == Field::Known(true)
    }

    fn name(&self) -> &str {
        self.name.known().map_or("", String::as_str)
    }

    fn token_id(&self) -> Option<i64> {
        self.token.metadata.token_id.known().copied()
    }

    /// How a message names it.
    fn what(&self) -> String {
        token_of(self.name())
    }

    fn owner(&self) -> Owner {
        service_account(self.name(), self.token_id())
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

    /// Checks a planned creation against what is in the account; whether its name is free. `replaced` is the state of what
    /// it replaces, if Terraform has passed it. Errors of requests are ignored here: apply reports them.
    async fn plan_creation(
        &self,
        context: &Context,
        planned: &ServiceAccountToken,
        replaced: Option<&ServiceAccountToken>,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        let (Some(name), Some(connection)) = (planned.name.known(), context.known_client()) else {
            return false;
        };
        let (ledger, operation) = (&connection.ledger, connection.operation(context));
        diagnostics.ok(check_description(&connection, &planned.description));
        let Ok(recent) = connection.recent(&operation).await else {
            return false;
        };
        let accounts = recent.items;
        let is_its_own = replaced.is_some_and(|replaced| replaced.name() == name);
        if let Some(account) = find(&accounts, name)
            && !is_its_own
            && ledger.stays_foreign(name, &accounts).await
        {
            if planned.adopts() {
                if diagnostics.ok(check_same_description(account, planned)).is_some() {
                    diagnostics.push(adopts(name));
                }
                return false;
            }
            match orphan(&connection, &accounts, name, self.now()).await {
                Some(warning) => diagnostics.push(warning),
                None if replaced.is_some() => {
                    diagnostics.push(cannot_be_replaced(name));
                    return false;
                }
                None => {
                    diagnostics.push(is_taken(name));
                    return false;
                }
            }
        }
        let replaces: Vec<_> = replaced
            .map(|replaced| replaced.name().to_owned())
            .into_iter()
            .collect();
        diagnostics.extend(ledger.create(name, &replaces, &accounts, self.now()));
        find(&accounts, name).is_none()
    }

    /// Notes that the account will go, and warns of what would refuse it.
    async fn plan_removal(&self, context: &Context, prior: &ServiceAccountToken, diagnostics: &mut Diagnostics) {
        let Some(connection) = context.known_client() else {
            return;
        };
        diagnostics.ok(connection.ledger.remove(prior.name()));
        let (vault, owner) = (&prior.token.delivery.vault, prior.token.present_owner(prior.owner()));
        connection.vault.plan_deletion(vault, &owner);
        let operation = connection.operation(context);
        let token = prior.token.present_token(&connection, &operation).await;
        match whether_own(&connection, &operation, prior.name(), &token, self.now()).await {
            Own::Yes => diagnostics.push(token_value::cannot_revoke_own(&prior.what()).as_warning()),
            Own::Perhaps => diagnostics.push(token_value::may_revoke_own(&prior.what())),
            Own::No => {}
        }
    }

    /// Plans the replacement of `prior`. Terraform plans its creation by another call, and drops the warnings of that one.
    async fn plan_replacement(
        &self,
        context: &Context,
        prior: &ServiceAccountToken,
        planned: &ServiceAccountToken,
        diagnostics: &mut Diagnostics,
    ) {
        self.plan_removal(context, prior, diagnostics).await;
        if let (Some(connection), false) = (context.known_client(), planned.name.is_unknown()) {
            let before = &prior.token.delivery.vault;
            let old = prior.token.present_owner(prior.owner());
            let new = (&planned.token.delivery.vault, service_account(planned.name(), None));
            let operation = connection.operation(context);
            connection
                .vault
                .plan_replacement(&operation, (before, &old), new, diagnostics)
                .await;
        }
        let is_free = self.plan_creation(context, planned, Some(prior), diagnostics).await;
        let successor = planned.name.known().filter(|_| is_free).map(String::as_str);
        replacement::note(&context.private, &[prior.name()], successor);
    }

    /// Takes over the account of that name, if the user allows it and there is one; `None`: it is to be created.
    async fn adopt(
        &self,
        connection: &Connection,
        operation: &Operation,
        planned: &ServiceAccountToken,
        expires_at: Option<Expiry>,
        diagnostics: &mut Diagnostics,
    ) -> Result<Option<IssuedToken>, Diagnostic> {
        if !planned.adopts() {
            return Ok(None);
        }
        let recent = connection.recent(operation).await.map_err(|error| failure(&error))?;
        if find(&recent.items, planned.name()).is_none() {
            return Ok(None);
        }
        let accounts = connection.fetch_accounts(operation).await?;
        let Some(account) = find(&accounts, planned.name()) else {
            return Ok(None);
        };
        check_same_description(account, planned)?;
        let expires_at = expires_at.map(Expiry::instant);
        let rotated = rotate(
            connection,
            operation,
            planned.name(),
            expires_at,
            &Field::Null,
            account.token_id,
            diagnostics,
        )
        .await;
        rotated
            .map(Some)
            .map_err(|error| why_not_rotated(planned.name(), &error))
    }

    /// Takes over the account of that name or creates it, and returns its value; `latest` is what this run issued under the
    /// name.
    async fn issue(
        &self,
        connection: &Connection,
        operation: &Operation,
        planned: &ServiceAccountToken,
        expires_at: Option<Expiry>,
        latest: &Latest,
        diagnostics: &mut Diagnostics,
    ) -> Outcome<ServiceAccountToken, IssuedToken> {
        let adopted = self
            .adopt(connection, operation, planned, expires_at, diagnostics)
            .await?;
        if let Some(issued) = adopted {
            return Ok(issued);
        }
        end_left_over(connection, operation, planned.name(), latest).await?;
        let new = new_account(planned, expires_at);
        let created = match connection.create(operation, &new).await {
            // What cannot be seen has no value to go on with, and is taken over by creating it again.
            Err(unmade) if planned.adopts() && unmade.may_be_hidden(new.name) => {
                connection.create_again(operation, &new).await
            }
            created => created,
        };
        created.map_err(|unmade| {
            let failed = Failed::from(not_created(planned.name(), &unmade, self.now()));
            match unmade.left_behind {
                // Recorded without a value, Terraform replaces it by the next apply instead of forgetting it.
                true => failed.leaving(without_value(planned.clone())),
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
        let diagnostics = &mut *context.diagnostics();
        let Change {
            config, prior, planned, ..
        } = change;
        let was = prior.as_ref().map(|prior| &prior.token.policy);
        if config.token.policy.needs_clock(was, self.now()) {
            self.session.synchronise(context, diagnostics).await;
        }
        let Some(prior) = prior else {
            planned.id = planned.name.clone();
            let token = &mut planned.token;
            token.plan_creation(context, &config.token, LIFETIME, self.now(), diagnostics);
            let replaces = replacement::replaced(&context.private);
            if let (Some(connection), false) = (context.known_client(), planned.name.is_unknown()) {
                let (vault, operation) = (&planned.token.delivery.vault, connection.operation(context));
                let owner = planned.token.present_owner(planned.owner());
                let writer = &connection.vault;
                writer.plan_creation(&operation, vault, owner, diagnostics).await;
            }
            // Of a replacement, the first plan call has reported the rest.
            if replaces.is_empty() {
                self.plan_creation(context, planned, None, diagnostics).await;
            }
            if let (Some(connection), Some(name)) = (context.known_client(), planned.name.known()) {
                connection.ledger.release(&replaces);
                diagnostics.ok(connection.ledger.declare(&[name], &declaration(false, config)));
            }
            return Ok(());
        };
        self.session.generations().observe(&prior.token.delivery.generation);
        if planned.name != prior.name || !is_same_text(&planned.description, &prior.description) {
            self.plan_replacement(context, prior, planned, diagnostics).await;
            return Ok(());
        }
        replacement::note(&context.private, &[prior.name()], None);
        if let Some(connection) = context.known_client() {
            let declaration = declaration(true, config);
            diagnostics.ok(connection.ledger.declare(&[prior.name()], &declaration));
        }
        planned.token.policy.keep_spelling(&prior.token.policy);
        let plan = UpdatePlan {
            owner: prior.owner(),
            lifetime: LIFETIME,
            now: self.now(),
            records: decision_time::records(prior, planned),
        };
        let report_own = async |connection: &Connection, diagnostics: &mut Diagnostics| {
            let operation = connection.operation(context);
            let token = prior.token.present_token(connection, &operation).await;
            match whether_own(connection, &operation, prior.name(), &token, self.now()).await {
                Own::Yes => diagnostics.push(token_value::rotates_own(&prior.what())),
                Own::Perhaps => diagnostics.push(token_value::may_rotate_own(&prior.what())),
                Own::No => {}
            }
        };
        let declared = (&config.token, &prior.token);
        let token = &mut planned.token;
        token
            .plan_update(context, declared, plan, report_own, diagnostics)
            .await;
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &ServiceAccountToken) -> Result<(), Diagnostics> {
        replacement::forget(&context.private);
        self.plan_removal(context, prior, &mut context.diagnostics()).await;
        Ok(())
    }

    async fn create(&self, context: &Context, mut planned: ServiceAccountToken) -> Outcome<ServiceAccountToken> {
        let diagnostics = &mut *context.diagnostics();
        if planned.token.policy.needs_clock(None, self.now()) {
            self.session.synchronise(context, diagnostics).await;
        }
        let connection = context.client()?;
        connection.ledger.release(&[planned.name()]);
        let expires_at = planned.token.policy.expiry_to_send(self.now(), LIFETIME)?;
        planned.token.delivery.generation = self.session.first_generation().into();
        decision_time::record(&context.private, self.now());
        let operation = connection.operation(context);
        if !planned.adopts() {
            wait_for_name(&connection, &operation, planned.name()).await;
        }
        let mut latest = connection.lock_name(planned.name()).await;
        let owner = planned.token.present_owner(planned.owner());
        let (writer, vault) = (&connection.vault, &planned.token.delivery.vault);
        let ready = writer.prepare(&operation, vault, owner, diagnostics).await?;
        let issued = self.issue(&connection, &operation, &planned, expires_at, &latest, diagnostics);
        let mut issued = issued.await?;
        *latest = Some(issued.token.clone());
        complete(&connection, &operation, planned.name(), &mut issued).await;
        let (owner, record) = (planned.owner(), (&context.private, self.session.clock()));
        let token = &mut planned.token;
        token.set_issued(expires_at, issued, record, diagnostics);
        token
            .deliver(&connection, &operation, ready, owner, None, diagnostics)
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
        connection.ledger.own(state.name());
        let accounts = connection.service_accounts(&connection.operation(context)).await?;
        self.session.report_skew(diagnostics);
        let now = self.now();
        let Some(account) = find_own(&accounts, state.name(), state.token_id()) else {
            if may_be_spelled_otherwise(&accounts, state.name(), state.token_id()) {
                diagnostics.push(spelled_otherwise(state.name()));
                return Ok(Some(state));
            }
            // Expired, it may be listed no longer: what expired as declared was not deleted outside.
            let expired = state.token.has_expired(&context.private, now);
            // The same goes for an orphan that was never seen: only its revocation shows that it is gone.
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
        replacement::forget(&context.private);
        // Only a declaration that is recorded is followed by no answer that would show the time.
        let records = planned.token.only_records();
        if records || planned.token.policy.needs_clock(None, self.now()) {
            self.session.synchronise(context, diagnostics).await;
        }
        decision_time::record(&context.private, self.now());
        if records {
            return Ok(planned);
        }
        let connection = context.client()?;
        let expires_at = planned.token.policy.expiry_to_send(self.now(), LIFETIME)?;
        let mut latest = connection.lock_name(prior.name()).await;
        let operation = connection.operation(context);
        let (writer, vault) = (&connection.vault, &planned.token.delivery.vault);
        let owner = prior.token.owner(prior.owner(), vault);
        let ready = writer.prepare(&operation, vault, owner, diagnostics).await?;
        let old = prior.token.present_token(&connection, &operation).await;
        let instant = expires_at.map(Expiry::instant);
        let (name, token_id) = (prior.name(), prior.token_id());
        let rotated = rotate(&connection, &operation, name, instant, &old, token_id, diagnostics).await;
        let mut issued = match rotated {
            // It is gone, as an expired one may be: the new value comes with a new account of that name.
            Err(error) if error.is_not_found() => connection
                .create_again(&operation, &new_account(&planned, expires_at))
                .await
                .map_err(|unmade| not_created(name, &unmade, self.now())),
            rotated => rotated.map_err(|error| why_not_rotated(name, &error)),
        }?;
        *latest = Some(issued.token.clone());
        complete(&connection, &operation, name, &mut issued).await;
        planned.token.delivery.generation = generation::next(&prior.token.delivery.generation);
        private_record::set_issued(&context.private);
        decision_time::record(&context.private, self.now());
        let record = (&context.private, self.session.clock());
        planned.token.set_issued(expires_at, issued, record, diagnostics);
        let (token, before) = (&mut planned.token, Some(&prior.token));
        token
            .deliver(&connection, &operation, ready, prior.owner(), before, diagnostics)
            .await;
        Ok(planned)
    }

    async fn delete(&self, context: &Context, state: ServiceAccountToken) -> Outcome<ServiceAccountToken, ()> {
        self.session.generations().observe(&state.token.delivery.generation);
        let connection = context.client()?;
        let operation = connection.operation(context);
        let token = state.token.present_token(&connection, &operation).await;
        if whether_own(&connection, &operation, state.name(), &token, self.now()).await == Own::Yes {
            return Err(token_value::cannot_revoke_own(&state.what()).into());
        }
        if let Some(successor) = replacement::successor(&context.private) {
            check_successor(&connection, &operation, &state.what(), &successor).await?;
        }
        let RotatingToken { delivery, metadata, .. } = &state.token;
        end(&connection, context, state.name(), &delivery.token, &metadata.token_id).await?;
        let (token, diagnostics) = (&state.token, &mut context.diagnostics());
        token
            .delete_secret(&connection, &operation, state.owner(), diagnostics)
            .await;
        Ok(())
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<ServiceAccountToken, Option<ServiceAccountToken>> {
        let connection = context.client()?;
        let accounts = connection.service_accounts(&connection.operation(context)).await?;
        let account = find(&accounts, id).ok_or_else(|| no_such_account("to import", id, &accounts))?;
        context.report(Diagnostic::warning(
            format!("The value of service account {id:?} is not known"),
            "The platform showed it once, when it was issued, so `token` stays null. The value remains valid where it is in \
             use. For one that Terraform knows, change `expires_at`, or once they are recorded `expires_in` or \
             `rotation_triggers`: that rotates the token, and the old value stops working.",
        ));
        private_record::set_imported(&context.private);
        decision_time::record(&context.private, self.now());
        let mut state = imported(account);
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
        let advice = (from.type_name == "striim_service_account_token_pair").then(|| {
            let current = from.text("/current/name").unwrap_or("<name>-a");
            format!(
                "The pair has two service accounts, and this has one. Declare this under a name of its own, next to the \
                 pair, hand its value over, and only then remove the pair. Or keep the pair's present account: take \
                 the pair out of the state with a `removed` block (`destroy = false`), and import {current:?} as this; the \
                 other account is then yours to revoke."
            )
        });
        Err(from.refused(Self::TYPE, advice))
    }
}

fn new_account(planned: &ServiceAccountToken, expires_at: Option<Expiry>) -> NewServiceAccount<'_> {
    NewServiceAccount {
        name: planned.name(),
        description: planned.description.known().map(String::as_str),
        expires_at: expires_at.map(Expiry::instant),
    }
}

/// The state of an account that was there before, without a value and its number.
pub(in crate::striim) fn imported(account: &ServiceAccount) -> ServiceAccountToken {
    ServiceAccountToken {
        id: account.name.clone().into(),
        name: account.name.clone().into(),
        description: account.description.clone().unwrap_or_default().into(),
        token: RotatingToken::imported(account.into()),
        ..ServiceAccountToken::default()
    }
}

/// The warning of a plan that adopts an account.
fn adopts(name: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("This takes over the service account {name:?}"),
        "A service account of that name exists. Because of `adopt_existing` it is to be rotated: the value that is in use \
         stops working at that moment. If this state has it under another address, add a `moved` block instead, which keeps \
         the value.",
    )
}

/// The warning of a plan that creates what exists.
fn is_taken(name: &str) -> Diagnostic {
    Diagnostic::warning(format!("The name {name:?} is taken"), quota::taken(name)).on("name")
}

/// The error of a plan that would revoke a token for a replacement that cannot be created.
fn cannot_be_replaced(name: &str) -> Diagnostic {
    let detail = format!(
        "This plan would revoke the present token, and then could not create its replacement. {}\n\nIf another resource of \
         this configuration gives the name up in the same plan, change that one first, in a run of its own.",
        quota::taken(name)
    );
    Diagnostic::error(format!("The name {name:?} is taken"), detail).on("name")
}

/// An account is taken over as it is: a description that differs would have it replaced by the next plan.
fn check_same_description(account: &ServiceAccount, planned: &ServiceAccountToken) -> Result<(), Diagnostic> {
    let theirs = account.description.as_deref().unwrap_or_default();
    let ours = planned.description.known().map_or("", String::as_str);
    if theirs == ours || planned.description.is_unknown() {
        return Ok(());
    }
    let detail = format!(
        "`adopt_existing` takes over the service account {:?} as it is, and its description is {theirs:?}. The platform \
         cannot change it: write the same in the configuration.",
        account.name
    );
    Err(Diagnostic::error("Another description", detail).on("description"))
}

/// An account that was created, or may have been, and whose value is unknown.
fn without_value(mut planned: ServiceAccountToken) -> ServiceAccountToken {
    let RotatingToken {
        policy,
        delivery,
        metadata,
    } = &mut planned.token;
    policy.expires_at = std::mem::take(&mut policy.expires_at).into_known().into();
    delivery.vault_version = delivery.vault.known().map(|_| 0).into();
    delivery.token = Field::Null;
    *metadata = TokenMetadata::default();
    planned
}

fn not_created(name: &str, unmade: &Unmade, now: Timestamp) -> Diagnostic {
    why_not_created(name, unmade, &quota::taken(name), "replaces it", now)
}

#[cfg(test)]
mod tests;
