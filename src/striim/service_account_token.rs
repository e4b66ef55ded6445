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

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use super::api::{IssuedToken, MAX_DESCRIPTION, NewServiceAccount, Own, ServiceAccount, find};
use super::failure::failure;
use super::identity::Named;
use super::issue::Unmade;
use super::kept::{self, Kept, Record};
use super::labels::{LABELS, service_account};
use super::quota;
use super::replacement;
use super::rotating_token::{RotatingToken, plan_value};
use super::rotation::{self, Rotation};
use super::service_account::{
    LIFETIME, check_description, check_successor, complete, end, end_left_over, find_own, may_be_spelled_otherwise,
    no_such_account, orphan, rotate, spelled_otherwise, token_of, wait_for_name, whether_own, why_not_created,
    why_not_rotated,
};
use super::session::{Connection, Session};
use crate::framework::{
    Attribute, Change, Context, Diagnostic, Diagnostics, Field, MovedState, PrivateState, Resource, Schema, Type, model,
};
use crate::platform::attributes::{Triggers, check_name, invalid, is_same_text};
use crate::platform::decision_time;
use crate::platform::declarations::declaration;
use crate::platform::hand_over::{self, Destination, HandOver, Owner, Told};
use crate::platform::{account, generation, private_record};
use crate::rest::Operation;
use crate::token::{Expiry, PresentValue};
use crate::vault::Entry;

model! {
    /// The attributes of `striim_service_account_token`.
    pub(super) struct Model {
        id: String,
        name: String,
        description: String,
        /// As the user spells it.
        expires_at: String,
        expires_in: String,
        rotate_before: String,
        rotation_triggers: Triggers,
        adopt_existing: bool,
        vault: Destination,
        /// The version in Vault that holds the present value; 0 if it could not be handed over.
        vault_version: i64,
        /// The value. Null if Terraform has none that works.
        token: SecretString,
        /// Tells this value from the account's earlier and later ones.
        token_id: i64,
        /// See [`generation`].
        generation: i64,
        updated_at: String,
        updated_by: i64,
    }
}

impl Model {
    /// Whether the user allows to take over what is there.
    fn adopts(&self) -> bool {
        self.adopt_existing == Field::Known(true)
    }

    fn name(&self) -> &str {
        self.name.known().map_or("", String::as_str)
    }

    /// The value that works, as far as anybody knows it.
    async fn present_token(&self, connection: &Connection, context: &Context) -> Field<SecretString> {
        connection
            .vault
            .value(
                &connection.operation(context),
                &self.vault,
                &self.vault_version,
                &self.token,
            )
            .await
    }
}

impl RotatingToken for Model {
    fn what(&self) -> String {
        token_of(self.name())
    }

    fn rotation(&self) -> Rotation<'_> {
        Rotation {
            expires_at: &self.expires_at,
            expires_in: &self.expires_in,
            rotate_before: &self.rotate_before,
            rotation_triggers: &self.rotation_triggers,
            vault: &self.vault,
        }
    }

    fn value(&self, private: &PrivateState) -> PresentValue {
        let imported = private_record::is_imported(private, &self.generation);
        let kept = kept::present_value(imported, &self.token, &self.updated_at);
        hand_over::present_value(&self.vault, &self.vault_version, kept)
    }

    fn owner(&self, place: &Field<Destination>) -> Owner {
        let owner = service_account(self.name(), self.token_id.known().copied());
        owner.with_state((&self.vault, &self.vault_version), place)
    }

    fn hand_over(&mut self) -> HandOver<'_> {
        HandOver {
            what: self.what(),
            name: self.name().to_owned(),
            vault: &self.vault,
            version: &mut self.vault_version,
            token: &mut self.token,
            id: self.token_id.known().copied().map(Entry::Number),
            note: self.expires_at.known().cloned(),
            generation: &mut self.generation,
        }
    }

    fn kept(&mut self) -> Kept<'_> {
        Kept {
            expires_at: &mut self.expires_at,
            token: &mut self.token,
            token_id: &mut self.token_id,
            updated_at: &mut self.updated_at,
            updated_by: &mut self.updated_by,
        }
    }

    fn generation(&self) -> &Field<i64> {
        &self.generation
    }

    fn spelled(&mut self) -> [&mut Field<String>; 3] {
        [&mut self.expires_at, &mut self.expires_in, &mut self.rotate_before]
    }

    fn declared(&mut self) -> (&mut Field<Triggers>, &mut Field<Destination>) {
        (&mut self.rotation_triggers, &mut self.vault)
    }
}

pub(super) struct ServiceAccountToken {
    session: Session,
}

impl ServiceAccountToken {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }

    pub(super) fn session(&self) -> &Session {
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
        planned: &Model,
        replaced: Option<&Model>,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        let (Some(name), Some(connection)) = (planned.name.known(), self.session.connected()) else {
            return false;
        };
        let (ledger, operation) = (&connection.ledger, connection.operation(context));
        check_description(&planned.description, connection.api.room_for_description(), diagnostics);
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

    /// Notes the name of a planned creation, which takes the place of what had the names `replaces`: no other resource may
    /// have it. Of a replacement, the first plan call has reported the rest.
    fn declare(&self, planned: &Model, replaces: &[String], config: &Model, diagnostics: &mut Diagnostics) {
        if let (Some(name), Some(connection)) = (planned.name.known(), self.session.connected()) {
            connection.ledger.release(replaces);
            diagnostics.ok(connection.ledger.declare(&[name], &declaration(false, config)));
        }
    }

    /// Notes that the account will go, and warns of what would refuse it.
    async fn plan_removal(&self, context: &Context, prior: &Model, diagnostics: &mut Diagnostics) {
        let Some(connection) = self.session.connected() else {
            return;
        };
        diagnostics.ok(connection.ledger.remove(prior.name()));
        connection.vault.leave(&prior.vault, &prior.owner(&prior.vault));
        let token = prior.present_token(&connection, context).await;
        let operation = connection.operation(context);
        match whether_own(&connection, &operation, prior.name(), &token, self.now()).await {
            Own::Yes => diagnostics.push(kept::cannot_revoke_own(&prior.what()).as_warning()),
            Own::Perhaps => diagnostics.push(kept::may_revoke_own(&prior.what())),
            Own::No => {}
        }
    }

    /// Takes over the account of that name, if the user allows it and there is one; `None`: it is to be created.
    async fn adopt(
        &self,
        connection: &Connection,
        operation: &Operation,
        planned: &Model,
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
        let accounts = connection.look_afresh(operation).await?;
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
}

#[async_trait]
impl Resource for ServiceAccountToken {
    type Model = Model;
    type Identity = Named;

    const TYPE: &'static str = "striim_service_account_token";

    fn schema(&self) -> Schema {
        let mut attributes = vec![
            Attribute::required(
                "name",
                Type::String,
                "The service account's name, unique in the account: 3 to 30 characters, case-sensitive.",
            )
            .replaces(),
            Attribute::optional("description", Type::String, "What it is for, at most 255 characters.")
                .empty_is_none()
                .replaces(),
        ];
        attributes.extend(rotation::attributes());
        attributes.extend([
            Attribute::optional(
                "adopt_existing",
                Type::Bool,
                "Whether to take over a service account of that name, if there is one at creation, by rotating it; \
                 or, if it has expired and is no longer listed, by revoking it and creating it again. Default: false. To take \
                 one over without rotating it, import it.",
            ),
            Attribute::computed("id", Type::String, "The same as `name`."),
        ]);
        attributes.extend(hand_over::attributes(&LABELS));
        attributes.extend(kept::attributes());
        attributes.push(generation::attribute());
        Schema::new(
            "A service account of the Striim Cloud account, and its API token: an administrator-level credential for \
             CI pipelines and other automation. An account may have three of them, each valid for at most 12 months.\n\n\
             The platform shows the value once, when it is made. It is kept in the Terraform state, where whoever can read \
             the state can use the token; or with `vault` in HashiCorp Vault alone.\n\n\
             **A rotation** ends the value at once and puts a new one into `token`. The service account stays, and there \
             is no time in which both values work. A plan rotates, and says why, when `expires_at`, `expires_in` or \
             `rotation_triggers` changed; within `rotate_before` of the expiry; when the token has expired, unless \
             `expires_at` fixes its end; and when somebody rotated it outside Terraform, for then the value in the state \
             is dead. Destroying the resource deletes the service account and revokes its token.\n\n\
             After an import `token` is null, because the platform does not show the value again. It goes on working \
             where it is in use; change `expires_at`, or once they are recorded `expires_in` or `rotation_triggers`, to get one \
             that Terraform knows.",
            attributes,
        )
    }

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        if let Some(name) = config.name.known() {
            let length = name.chars().count();
            if !(3..=30).contains(&length) {
                diagnostics.push(invalid(
                    "name",
                    format!("must have 3 to 30 characters; {name:?} has {length}"),
                ));
            }
            check_name("name", name, diagnostics);
        }
        check_description(&config.description, MAX_DESCRIPTION, diagnostics);
        config.rotation().validate(LIFETIME, self.now(), diagnostics);
        hand_over::validate(&LABELS, &config.vault, diagnostics);
    }

    async fn plan(&self, context: &Context, change: &mut Change<Model>, diagnostics: &mut Diagnostics) {
        let prior = change.prior.as_ref().map(Model::rotation);
        if change.config.rotation().needs_clock(prior, self.now()) {
            self.session.synchronise(context, diagnostics).await;
        }
        let planned = &mut change.planned;
        let Some(prior) = &change.prior else {
            planned.id = planned.name.clone();
            planned.generation = Field::Unknown;
            planned.hand_over().expect();
            Record::plan(&context.private, self.now());
            diagnostics.ok(change.config.rotation().expiry_to_send(self.now(), LIFETIME));
            if let (Some(connection), false) = (self.session.connected(), planned.name.is_unknown()) {
                let (operation, owner) = (connection.operation(context), planned.owner(&planned.vault));
                connection
                    .vault
                    .plan_creation(&operation, &planned.vault, owner, diagnostics)
                    .await;
            }
            let replaces = replacement::replaced(&context.private);
            if replaces.is_empty() {
                self.plan_creation(context, planned, None, diagnostics).await;
            }
            self.declare(planned, &replaces, &change.config, diagnostics);
            return;
        };
        self.session.generations().observe(&prior.generation);
        if planned.name != prior.name || !is_same_text(&planned.description, &prior.description) {
            // It is replaced. Terraform plans its creation by another call, and drops the warnings of that one.
            self.plan_removal(context, prior, diagnostics).await;
            if let (Some(connection), false) = (self.session.connected(), planned.name.is_unknown()) {
                let owner = service_account(planned.name(), None);
                let before = (&prior.vault, &prior.owner(&prior.vault));
                let operation = connection.operation(context);
                connection
                    .vault
                    .plan_replacement(&operation, before, (&planned.vault, owner), diagnostics)
                    .await;
            }
            let is_free = self.plan_creation(context, planned, Some(prior), diagnostics).await;
            let successor = planned.name.known().filter(|_| is_free).map(String::as_str);
            replacement::note(&context.private, &[prior.name()], successor);
            return;
        }
        replacement::note(&context.private, &[prior.name()], None);
        if let Some(connection) = self.session.connected() {
            let declaration = declaration(true, &change.config);
            diagnostics.ok(connection.ledger.declare(&[prior.name()], &declaration));
        }
        let connection = self.session.connected();
        let report_own = async |connection: &Connection, prior: &Model, diagnostics: &mut Diagnostics| {
            let token = prior.present_token(connection, context).await;
            let operation = connection.operation(context);
            match whether_own(connection, &operation, prior.name(), &token, self.now()).await {
                Own::Yes => diagnostics.push(kept::rotates_own(&prior.what())),
                Own::Perhaps => diagnostics.push(kept::may_rotate_own(&prior.what())),
                Own::No => {}
            }
        };
        plan_value(
            connection.as_deref(),
            context,
            change,
            LIFETIME,
            self.now(),
            report_own,
            diagnostics,
        )
        .await;
    }

    async fn plan_destroy(&self, context: &Context, prior: &Model, diagnostics: &mut Diagnostics) {
        replacement::forget(&context.private);
        self.plan_removal(context, prior, diagnostics).await;
    }

    async fn create(&self, context: &Context, mut planned: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        if planned.rotation().needs_clock(None, self.now()) {
            self.session.synchronise(context, diagnostics).await;
        }
        let connection = self.session.connection(diagnostics)?;
        connection.ledger.release(&[planned.name()]);
        let expires_at = diagnostics.ok(planned.rotation().expiry_to_send(self.now(), LIFETIME))?;
        planned.generation = self.session.first_generation().into();
        decision_time::record(&context.private, self.now());
        let operation = connection.operation(context);
        if !planned.adopts() {
            wait_for_name(&connection, &operation, planned.name()).await;
        }
        let mut latest = connection.alone_with(planned.name()).await;
        let ready = connection
            .vault
            .prepare(&operation, &planned.vault, planned.owner(&planned.vault), diagnostics)
            .await;
        let ready = diagnostics.ok(ready)?;
        let adopted = self
            .adopt(&connection, &operation, &planned, expires_at, diagnostics)
            .await;
        let issued = match diagnostics.ok(adopted)? {
            Some(issued) => Ok(issued),
            None => {
                let ended = end_left_over(&connection, &operation, planned.name(), &latest).await;
                diagnostics.ok(ended)?;
                let new = new_account(&planned, expires_at);
                match connection.create(&operation, &new).await {
                    // What cannot be seen has no value to go on with, and is taken over by creating it again.
                    Err(unmade) if planned.adopts() && unmade.may_be_hidden(new.name) => {
                        connection.create_again(&operation, &new).await
                    }
                    created => created,
                }
            }
        };
        match issued {
            Ok(mut issued) => {
                *latest = Some(issued.token.clone());
                complete(&connection, &operation, planned.name(), &mut issued).await;
                Record::write(&context.private, expires_at, &issued, self.session.clock());
                planned.kept().take(expires_at, issued, diagnostics);
                planned.hand_over().deliver(ready, &operation, diagnostics).await;
                Some(planned)
            }
            Err(unmade) => {
                diagnostics.push(not_created(planned.name(), &unmade, self.now()));
                // Recorded without a value, Terraform replaces it by the next apply instead of forgetting it.
                unmade.left_behind.then(|| without_value(planned))
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
        connection.ledger.own(state.name());
        let Some(accounts) = connection.look(&connection.operation(context), diagnostics).await else {
            return Some(state);
        };
        let record = Record::read(&context.private);
        self.session.report_skew(diagnostics);
        let token_id = state.token_id.known().copied();
        let Some(account) = find_own(&accounts, state.name(), token_id) else {
            if may_be_spelled_otherwise(&accounts, state.name(), token_id) {
                diagnostics.push(spelled_otherwise(state.name()));
                return Some(state);
            }
            // Expired, it may be listed no longer: what ended as declared was not deleted outside.
            let expired = state
                .rotation()
                .real_expiry(record)
                .is_some_and(|expiry| expiry.has_passed(self.now()));
            // The same goes for what was left behind and was never seen: only its revocation tells that it is gone.
            let never_seen = state.token_id.is_null()
                && matches!(
                    state.value(&context.private),
                    PresentValue::Replaced { .. } | PresentValue::Undelivered
                );
            state.record_decision(&context.private, self.now());
            return (expired || never_seen).then_some(state);
        };
        if let Some(spelled) = &account.unreadable_expiry {
            diagnostics.push(kept::unreadable_expiry(&state.what(), spelled));
        }
        let rotated = state.kept().was_rotated_outside(account.into(), record);
        if rotated {
            Record::remove(&context.private);
        }
        follow(&mut state, account, record, diagnostics);
        let seen = connection
            .vault
            .look(&connection.operation(context), &state.vault, state.owner(&state.vault))
            .await;
        let told = Told {
            id: account.token_id.map(Entry::Number),
            rotated,
        };
        state.hand_over().refresh(seen, told, diagnostics);
        private_record::observe_delivery(&context.private, &state.vault_version);
        state.record_decision(&context.private, self.now());
        Some(state)
    }

    async fn update(
        &self,
        context: &Context,
        prior: Model,
        mut planned: Model,
        diagnostics: &mut Diagnostics,
    ) -> Model {
        replacement::forget(&context.private);
        // Only a declaration that is recorded is followed by no answer that would show the time.
        let records = !planned.token_id.is_unknown();
        if records || planned.rotation().needs_clock(None, self.now()) {
            self.session.synchronise(context, diagnostics).await;
        }
        decision_time::record(&context.private, self.now());
        // Without a new value to come, only the declaration changed.
        if records {
            return planned;
        }
        let Some(connection) = self.session.connection(diagnostics) else {
            return prior;
        };
        let Some(expires_at) = diagnostics.ok(planned.rotation().expiry_to_send(self.now(), LIFETIME)) else {
            return prior;
        };
        let mut latest = connection.alone_with(prior.name()).await;
        let operation = connection.operation(context);
        let ready = connection
            .vault
            .prepare(&operation, &planned.vault, prior.owner(&planned.vault), diagnostics)
            .await;
        let Some(ready) = diagnostics.ok(ready) else {
            return prior;
        };
        let old = prior.present_token(&connection, context).await;
        let instant = expires_at.map(Expiry::instant);
        let token_id = prior.token_id.known().copied();
        let rotated = rotate(
            &connection,
            &operation,
            prior.name(),
            instant,
            &old,
            token_id,
            diagnostics,
        )
        .await;
        let issued = match rotated {
            // It is gone, as an expired one may be: the new value comes with a new account of that name.
            Err(error) if error.is_not_found() => connection
                .create_again(&operation, &new_account(&planned, expires_at))
                .await
                .map_err(|unmade| not_created(prior.name(), &unmade, self.now())),
            rotated => rotated.map_err(|error| why_not_rotated(prior.name(), &error)),
        };
        match diagnostics.ok(issued) {
            Some(mut issued) => {
                *latest = Some(issued.token.clone());
                complete(&connection, &operation, prior.name(), &mut issued).await;
                Record::write(&context.private, expires_at, &issued, self.session.clock());
                planned.generation = generation::after(&prior.generation);
                private_record::set_issued(&context.private);
                decision_time::record(&context.private, self.now());
                planned.kept().take(expires_at, issued, diagnostics);
                planned.hand_over().deliver(ready, &operation, diagnostics).await;
                let before = (&prior.vault, &prior.vault_version);
                let owner = prior.owner(&prior.vault);
                connection
                    .vault
                    .remove_moved(&operation, before, &planned.vault, &owner, diagnostics)
                    .await;
                planned
            }
            None => prior,
        }
    }

    async fn delete(&self, context: &Context, state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        self.session.generations().observe(&state.generation);
        let Some(connection) = self.session.connection(diagnostics) else {
            return Some(state);
        };
        let (operation, now) = (connection.operation(context), self.now());
        let token = state.present_token(&connection, context).await;
        if whether_own(&connection, &operation, state.name(), &token, now).await == Own::Yes {
            diagnostics.push(kept::cannot_revoke_own(&state.what()));
            return Some(state);
        }
        if let Some(successor) = replacement::successor(&context.private) {
            let is_free = check_successor(&connection, &operation, &state.what(), &successor).await;
            if diagnostics.ok(is_free).is_none() {
                return Some(state);
            }
        }
        let ended = end(&connection, context, state.name(), &state.token, &state.token_id).await;
        if diagnostics.ok(ended).is_none() {
            return Some(state);
        }
        connection
            .vault
            .remove(
                &operation,
                &state.vault,
                &state.vault_version,
                &state.owner(&state.vault),
                diagnostics,
            )
            .await;
        None
    }

    async fn import(&self, context: &Context, id: &str, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let accounts = connection.look(&connection.operation(context), diagnostics).await?;
        let Some(account) = find(&accounts, id) else {
            diagnostics.push(no_such_account("to import", id, &accounts));
            return None;
        };
        diagnostics.push(Diagnostic::warning(
            format!("The value of service account {id:?} is not known"),
            "The platform showed it once, when it was made, so `token` stays null. \
                 The value goes on working where it is in use. For one that Terraform knows, change `expires_at`, \
                 or once they are recorded `expires_in` or `rotation_triggers`: that rotates the token, and the old \
                 value stops working.",
        ));
        private_record::set_imported(&context.private);
        decision_time::record(&context.private, self.now());
        Some(Model {
            generation: self.session.first_generation().into(),
            ..imported(account)
        })
    }

    async fn permits(&self, context: &Context, state: &Model, diagnostics: &mut Diagnostics) -> bool {
        let is_there = async {
            let Some(connection) = self.session.connected() else {
                return Ok(true);
            };
            let accounts = connection.service_accounts(&connection.operation(context)).await;
            let accounts = accounts.map_err(|error| failure(&error))?;
            let found = find(&accounts, state.name());
            Ok(found.is_some_and(|found| state.clone().kept().is_same_value(found.into())))
        };
        account::permits(context, self.session.account(), &state.what(), is_there, diagnostics).await
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
    }

    fn title(&self, state: &Model) -> Option<String> {
        Some(format!("The service account {:?}", state.name()))
    }

    fn identity_schema(&self) -> Option<Schema> {
        Some(Named::schema("The service account's name, which is case-sensitive."))
    }

    fn identity(&self, state: &Model) -> Option<Named> {
        Some(Named::of(&self.session, &state.name))
    }

    fn import_id(&self, identity: Named) -> Result<String, Diagnostic> {
        identity.import_id(&self.session)
    }

    fn take_over(&self, from: &MovedState<'_>) -> Result<Model, Diagnostic> {
        let advice = (from.type_name == "striim_service_account_token_pair").then(|| {
            let current = from.text("/current/name").unwrap_or("<name>-a");
            format!(
                "The pair has two service accounts, and this has one. Declare this under a name of its own, beside the \
                 pair, hand its value over, and only then remove the pair. Or go on with the pair's present account: take \
                 the pair out of the state with a `removed` block (`destroy = false`), and import {current:?} as this; the \
                 other account is then yours to revoke."
            )
        });
        Err(from.refused(Self::TYPE, advice))
    }
}

fn new_account(planned: &Model, expires_at: Option<Expiry>) -> NewServiceAccount<'_> {
    NewServiceAccount {
        name: planned.name(),
        description: planned.description.known().map(String::as_str),
        expires_at: expires_at.map(Expiry::instant),
    }
}

/// The state of an account that was there before, without a value and its number.
pub(super) fn imported(account: &ServiceAccount) -> Model {
    let mut state = Model {
        id: account.name.clone().into(),
        name: account.name.clone().into(),
        description: account.description.clone().unwrap_or_default().into(),
        ..Model::default()
    };
    state.kept().import(account.into(), account.unreadable_expiry.as_ref());
    state
}

/// Takes over what the platform's list says.
fn follow(state: &mut Model, account: &ServiceAccount, record: Option<Record>, diagnostics: &mut Diagnostics) {
    if state.kept().follow(account.into(), record) {
        diagnostics.push(kept::died(&state.what()));
    }
    if let Some(now) = &account.description {
        state.description = now.clone().into();
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
fn check_same_description(account: &ServiceAccount, planned: &Model) -> Result<(), Diagnostic> {
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

/// An account that was made, or may have been, and whose value nobody knows.
fn without_value(planned: Model) -> Model {
    Model {
        expires_at: planned.expires_at.into_known().into(),
        vault_version: planned.vault.known().map(|_| 0).into(),
        token: Field::Null,
        token_id: Field::Null,
        updated_at: Field::Null,
        updated_by: Field::Null,
        ..planned
    }
}

fn not_created(name: &str, unmade: &Unmade, now: Timestamp) -> Diagnostic {
    why_not_created(name, unmade, &quota::taken(name), "replaces it", now)
}

#[cfg(test)]
mod tests;
