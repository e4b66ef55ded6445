//! `striim_personal_access_token`: the personal access token (PAT) of a user.
//!
//! # Flow
//! A user has one PAT at most, and the API cannot create one, only rotate it: create rotates, and so ends the value that
//! the user has. A reason to rotate ([`crate::token::reasons`]) does so again. Destroy revokes.
//!
//! # Guarantees
//! - Whatever value an answer carried is in the state afterwards.
//! - A plan that ends a value says so, also that of a PAT that Terraform does not manage yet.
//! - What is reported as revoked, the platform no longer tells of.
//! - Nothing leaves the state unless the platform says, to somebody who may know, that the user has no PAT; and not even
//!   then if it was to have expired.
//! - A PAT that is managed stays that of the same user, whoever the provider works as later: `id` keeps the address.
//!
//! # Assumptions
//! - A user who calls the API calls it with the PAT, because there is only the one.
//! - `token-id` tells one value from the next: a rotation changes it (Striim's samples of service accounts show so).

use std::collections::BTreeMap;

use async_trait::async_trait;
use http::StatusCode;
use jiff::Timestamp;
use secrecy::SecretString;

use super::api::{Api, IssuedToken, Own, UserToken};
use super::failure::failure;
use super::identity::OfUser;
use super::issue;
use super::kept::{self, Kept, Record};
use super::labels::LABELS;
use super::pat::{Found, cannot_prove, doubtful, end, find, is_refusal, nobody, pat_of};
use super::replacement;
use super::rotating_token::{RotatingToken, plan_value};
use super::rotation::{self, Rotation};
use super::session::{Connection, Session};
use crate::framework::{
    Attribute, Change, Context, Diagnostic, Diagnostics, Field, PrivateState, Resource, Schema, Severity, Type, model,
};
use crate::platform::attributes::{Triggers, check_name, invalid};
use crate::platform::decision_time;
use crate::platform::declarations::declaration;
use crate::platform::hand_over::{self, Destination, HandOver, Owner, Told};
use crate::platform::{account, generation, private_record};
use crate::rest::{Error, Operation};
use crate::token::{Clock, Expiry, Lifetime, PresentValue};
use crate::vault::Entry;

/// "default: 1 day, maximum: 90 days" (Striim Cloud, "Token types").
const LIFETIME: Lifetime = Lifetime::Days(90);

/// The `id` of the PAT of the user whom the provider works as, where the platform does not tell the address; and the name
/// to import it by.
const OWN: &str = "own";

/// The key in the private state that says that `email` was left out when the PAT came into the state.
const OWN_USER: &str = "own_user";

model! {
    /// The attributes of `striim_personal_access_token`.
    pub(super) struct Model {
        /// The user's address, or else [`OWN`].
        id: String,
        /// Left out, it is the address of the user whom the provider works as; null where the platform does not report it.
        email: String,
        /// As the user spells it.
        expires_at: String,
        expires_in: String,
        rotate_before: String,
        rotation_triggers: Triggers,
        vault: Destination,
        /// The version in Vault that holds the present value; 0 if it could not be handed over.
        vault_version: i64,
        /// The value. Null if Terraform has none that works.
        token: SecretString,
        /// Tells this value from the user's earlier and later ones.
        token_id: i64,
        /// See [`generation`].
        generation: i64,
        updated_at: String,
        updated_by: i64,
    }
}

impl Model {
    /// The user's address, if it is known.
    fn address(&self) -> Option<&str> {
        let id = self.id.known().filter(|id| *id != OWN);
        self.email.known().or(id).map(String::as_str)
    }

    fn id(&self) -> &str {
        self.id.known().map_or(OWN, String::as_str)
    }

    fn has_expired(&self, private: &PrivateState, now: Timestamp) -> bool {
        let expiry = self.rotation().real_expiry(Record::read(private));
        expiry.is_some_and(|expiry| expiry.has_passed(now))
    }
}

impl RotatingToken for Model {
    fn what(&self) -> String {
        pat_of(self.address())
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

    // Without an address, any user's PAT has the same name.
    fn owner(&self, place: &Field<Destination>) -> Owner {
        let is_unique = self.id() != OWN;
        let id = self.token_id.known().copied().map(Entry::Number);
        let owner = Owner::new(self.what(), "PAT", Some(self.id().to_owned()), is_unique, id);
        owner.with_state((&self.vault, &self.vault_version), place)
    }

    fn hand_over(&mut self) -> HandOver<'_> {
        HandOver {
            what: self.what(),
            name: self.id().to_owned(),
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

pub(super) struct PersonalAccessToken {
    session: Session,
}

impl PersonalAccessToken {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }

    fn now(&self) -> Timestamp {
        self.session.clock().now()
    }

    /// Whether a configuration with this `email` still means the user whose PAT the state has. Errors are ignored: what
    /// cannot be found out is taken for no change where `email` is left out, and for a change where it is set.
    async fn is_of_same_user(&self, context: &Context, email: &Field<String>, prior: &Model) -> bool {
        let address = prior.address();
        let lookup = async |address: Option<&str>| {
            let connection = self.session.connected()?;
            find(&connection.api, &connection.operation(context), address)
                .await
                .ok()
        };
        match (email, address) {
            (Field::Unknown, _) => false,
            (Field::Known(email), Some(address)) => email.eq_ignore_ascii_case(address),
            // The platform did not report the address of the provider's own user.
            (Field::Known(email), None) => lookup(Some(email)).await.is_some_and(|found| found.own),
            (Field::Null, None) => true,
            // A PAT that is managed as the provider's own stays that of its user.
            (Field::Null, Some(_)) if prior.email.is_null() || context.private.get(OWN_USER) == Some(true) => true,
            (Field::Null, Some(address)) => match lookup(None).await {
                Some(Found {
                    token: Some(_),
                    address: Some(own),
                    ..
                }) => own.eq_ignore_ascii_case(address),
                Some(Found { token: Some(_), .. }) => lookup(Some(address)).await.is_none_or(|found| found.own),
                _ => true,
            },
        }
    }

    /// Says what a planned creation ends. Errors are ignored here: apply reports them.
    async fn plan_creation(&self, context: &Context, planned: &mut Model, is_own: bool, diagnostics: &mut Diagnostics) {
        // Left out, it is that of the user whom the provider works as, and known once the platform reports it.
        planned.id = planned.email.clone();
        match is_own {
            true => context.private.set(OWN_USER, true),
            false => context.private.remove(OWN_USER),
        }
        let (Some(connection), true) = (self.session.connected(), is_own || !planned.email.is_unknown()) else {
            return;
        };
        let operation = connection.operation(context);
        if let Ok(found) = find(&connection.api, &operation, planned.address()).await {
            planned.id = id_of(&found).into();
            if is_own {
                planned.email = found.address.clone().into();
            }
            diagnostics.push(match &found.token {
                Some(token) => ends(&planned.what(), token, self.now()),
                None => has_none(planned),
            });
            if found.own {
                diagnostics.push(kept::rotates_own(&planned.what()));
            }
            connection
                .vault
                .plan_creation(&operation, &planned.vault, planned.owner(&planned.vault), diagnostics)
                .await;
        }
        expect_enabled(&connection, &operation, diagnostics).await;
    }

    /// Warns of what would refuse a revocation.
    async fn plan_removal(&self, context: &Context, prior: &Model, diagnostics: &mut Diagnostics) {
        let Some(connection) = self.session.connected() else {
            return;
        };
        connection.vault.leave(&prior.vault, &prior.owner(&prior.vault));
        if let Ok(true) = works_with(&connection.api, &connection.operation(context), prior).await {
            diagnostics.push(kept::cannot_revoke_own(&prior.what()).as_warning());
        }
    }
}

#[async_trait]
impl Resource for PersonalAccessToken {
    type Model = Model;
    type Identity = OfUser;

    const TYPE: &'static str = "striim_personal_access_token";

    fn schema(&self) -> Schema {
        let mut attributes = vec![
            Attribute::optional_computed(
                "email",
                Type::String,
                "The address of the user whose token it is; another user's is for administrators only. Default: the \
                 user whom the provider works as. A provider that works with the token of a service account is no \
                 user, and needs it. Once it is known, leaving it out or writing the same address changes nothing.",
            )
            .replaces(),
            Attribute::computed(
                "id",
                Type::String,
                "The user's address; `own` where neither the configuration nor the platform tells it.",
            ),
        ];
        attributes.extend(rotation::attributes());
        attributes.extend(hand_over::attributes(&LABELS));
        attributes.extend(kept::attributes());
        attributes.push(generation::attribute());
        Schema::new(
            "A user's personal access token, which has exactly the user's privileges and is valid for at most 90 days.\n\n\
             **Creating this resource rotates the token that the user has**, for a user has one at most: its value stops \
             working at once, and the plan says so. To manage it without that, import it. The platform's documentation \
             leaves open whether a rotation also makes a first token for a user who has none. Destroying the resource \
             revokes the token.\n\n\
             The platform shows the value once, when it is made. It is kept in the Terraform state, where whoever can read \
             the state can use the token; or with `vault` in HashiCorp Vault alone. Rotation has the same reasons as that of a `striim_service_account_token`.\n\n\
             While personal access tokens are disabled in the account, none can be made, and a plan by an administrator \
             warns of that. Where a `striim_pat_status` of the same configuration enables them, let the token wait for \
             it with `depends_on`; otherwise Terraform may plan and make the token first.",
            attributes,
        )
    }

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        if let Some(email) = config.email.known()
            && !email.contains('@')
        {
            diagnostics.push(invalid("email", format!("must be an email address; it is {email:?}")));
        }
        if let Some(email) = config.email.known() {
            check_name("email", email, diagnostics);
        }
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
            planned.generation = Field::Unknown;
            planned.hand_over().expect();
            Record::plan(&context.private, self.now());
            diagnostics.ok(change.config.rotation().expiry_to_send(self.now(), LIFETIME));
            self.plan_creation(context, planned, change.config.email.is_null(), diagnostics)
                .await;
            let replaces = replacement::replaced(&context.private);
            if let (Some(id), Some(connection)) = (planned.id.known(), self.session.connected()) {
                let declaration = declaration(false, &change.config);
                diagnostics.ok(connection.pats.manage(id, &replaces, declaration));
            }
            return;
        };
        self.session.generations().observe(&prior.generation);
        replacement::note(&context.private, &[prior.id()], None);
        if !self.is_of_same_user(context, &change.config.email, prior).await {
            if change.config.email.is_null() {
                planned.email = Field::Unknown;
            }
            // It is replaced. Terraform plans its creation by another call, and drops the warnings of that one.
            self.plan_removal(context, prior, diagnostics).await;
            let mut successor = Model {
                email: planned.email.clone(),
                ..Model::default()
            };
            self.plan_creation(context, &mut successor, change.config.email.is_null(), diagnostics)
                .await;
            if let (Some(connection), Some(_)) = (self.session.connected(), planned.email.known()) {
                let owner = successor.owner(&Field::Null);
                let operation = connection.operation(context);
                let before = (&prior.vault, &prior.owner(&prior.vault));
                connection
                    .vault
                    .plan_replacement(&operation, before, (&planned.vault, owner), diagnostics)
                    .await;
            }
            return;
        }
        if let Some(connection) = self.session.connected() {
            let declaration = declaration(true, &change.config);
            diagnostics.ok(connection.pats.manage(prior.id(), &[], declaration));
        }
        // The spelling in the state stays. Where it has none, Terraform insists on the declared one.
        if !prior.email.is_null() {
            planned.email = prior.email.clone();
        }
        change.equivalent.push("email");
        let connection = self.session.connected();
        let report_own = async |connection: &Connection, prior: &Model, diagnostics: &mut Diagnostics| {
            let operation = connection.operation(context);
            if let Ok(true) = works_with(&connection.api, &operation, prior).await {
                diagnostics.push(kept::rotates_own(&prior.what()));
            }
            expect_enabled(connection, &operation, diagnostics).await;
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
        connection.pats.applied(planned.id());
        let expires_at = diagnostics.ok(planned.rotation().expiry_to_send(self.now(), LIFETIME))?;
        planned.generation = self.session.first_generation().into();
        decision_time::record(&context.private, self.now());
        let mut latest = connection.pats.latest.lock().await;
        let operation = connection.operation(context);
        let found = find(&connection.api, &operation, planned.address()).await;
        let found = diagnostics.ok(found.map_err(|error| failure(&error)))?;
        if planned.id.known().is_none() {
            planned.id = id_of(&found).into();
        }
        if planned.email.is_unknown() {
            planned.email = found.address.clone().into();
        }
        let ready = connection
            .vault
            .prepare(&operation, &planned.vault, planned.owner(&planned.vault), diagnostics)
            .await;
        let ready = diagnostics.ok(ready)?;
        // What a failure may have left behind needs no record: the next apply rotates, and that ends it.
        rotate(
            &connection,
            &operation,
            &mut planned,
            expires_at,
            found.own,
            (&context.private, self.session.clock()),
            diagnostics,
        )
        .await?;
        note(&mut latest, &planned);
        planned.hand_over().deliver(ready, &operation, diagnostics).await;
        Some(planned)
    }

    async fn read(&self, context: &Context, mut state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        if self.session.is_waiting() {
            return Some(state);
        }
        let Some(connection) = self.session.connection(diagnostics) else {
            return Some(state);
        };
        let found = find(&connection.api, &connection.operation(context), state.address()).await;
        let Some(found) = diagnostics.ok(found.map_err(|error| failure(&error))) else {
            return Some(state);
        };
        self.session.report_skew(diagnostics);
        match found.token {
            Some(token) => {
                if let Some(spelled) = &token.unreadable_expiry {
                    diagnostics.push(kept::unreadable_expiry(&state.what(), spelled));
                }
                let record = Record::read(&context.private);
                let rotated = state.kept().was_rotated_outside((&token).into(), record);
                if rotated {
                    Record::remove(&context.private);
                }
                if state.kept().follow((&token).into(), record) {
                    diagnostics.push(kept::died(&state.what()));
                }
                let seen = connection
                    .vault
                    .look(&connection.operation(context), &state.vault, state.owner(&state.vault))
                    .await;
                let told = Told {
                    id: token.token_id.map(Entry::Number),
                    rotated,
                };
                state.hand_over().refresh(seen, told, diagnostics);
                private_record::observe_delivery(&context.private, &state.vault_version);
                state.record_decision(&context.private, self.now());
            }
            // Expired, it may be told of no longer: what ended as declared was not revoked outside.
            None if state.has_expired(&context.private, self.now()) => {
                state.record_decision(&context.private, self.now());
            }
            None if state.address().is_none() => diagnostics.push(nobody(Severity::Warning)),
            None if !found.is_absence_proved => diagnostics.push(doubtful(&state.what())),
            None => return None,
        }
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
        let mut latest = connection.pats.latest.lock().await;
        let operation = connection.operation(context);
        let own = works_with(&connection.api, &operation, &prior).await;
        let Some(own) = diagnostics.ok(own.map_err(|error| failure(&error))) else {
            return prior;
        };
        let ready = connection
            .vault
            .prepare(&operation, &planned.vault, prior.owner(&planned.vault), diagnostics)
            .await;
        let Some(ready) = diagnostics.ok(ready) else {
            return prior;
        };
        planned.generation = generation::after(&prior.generation);
        match rotate(
            &connection,
            &operation,
            &mut planned,
            expires_at,
            own,
            (&context.private, self.session.clock()),
            diagnostics,
        )
        .await
        {
            Some(()) => {
                private_record::set_issued(&context.private);
                decision_time::record(&context.private, self.now());
                note(&mut latest, &planned);
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
        let Some(connection) = self.session.connection(diagnostics) else {
            return Some(state);
        };
        self.session.generations().observe(&state.generation);
        let latest = connection.pats.latest.lock().await;
        let (operation, latest) = (connection.operation(context), latest.get(state.id()));
        let has_expired = state.has_expired(&context.private, self.now());
        let revoked = revoke(&connection.api, &operation, &state, latest, has_expired).await;
        if diagnostics.ok(revoked).is_none() {
            return Some(state);
        }
        connection.pats.applied(state.id());
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
        let mut state = Model {
            email: Some(id).filter(|id| *id != OWN).map(str::to_owned).into(),
            generation: self.session.first_generation().into(),
            ..Model::default()
        };
        let found = find(&connection.api, &connection.operation(context), state.address()).await;
        let found = diagnostics.ok(found.map_err(|error| failure(&error)))?;
        state.id = id_of(&found).into();
        if state.email.is_null() {
            context.private.set(OWN_USER, true);
            state.email = found.address.clone().into();
        }
        let Some(token) = &found.token else {
            diagnostics.push(Diagnostic::error(
                "No personal access token",
                format!(
                    "{} is not there to import. Import by the user's email address; or by {OWN:?}, if the provider works \
                     with the personal access token itself.",
                    state.what()
                ),
            ));
            return None;
        };
        diagnostics.push(Diagnostic::warning(
            format!("{}: its value is not known", state.what()),
            "The platform showed it once, when it was made, so `token` stays null. The value goes on working where it \
             is in use. For one that Terraform knows, change `expires_at`, or once they are recorded `expires_in` or \
             `rotation_triggers`: that rotates the token, and the old value stops working.",
        ));
        state.kept().import(token.into(), token.unreadable_expiry.as_ref());
        private_record::set_imported(&context.private);
        decision_time::record(&context.private, self.now());
        Some(state)
    }

    async fn permits(&self, context: &Context, state: &Model, diagnostics: &mut Diagnostics) -> bool {
        let is_there = async {
            let Some(connection) = self.session.connected() else {
                return Ok(true);
            };
            let found = find(&connection.api, &connection.operation(context), state.address()).await;
            let found = found.map_err(|error| failure(&error))?;
            Ok(found
                .token
                .is_some_and(|token| state.clone().kept().is_same_value((&token).into())))
        };
        account::permits(context, self.session.account(), &state.what(), is_there, diagnostics).await
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
    }

    fn title(&self, state: &Model) -> Option<String> {
        Some(state.what())
    }

    fn identity_schema(&self) -> Option<Schema> {
        Some(OfUser::schema())
    }

    fn identity(&self, state: &Model) -> Option<OfUser> {
        let email = match state.address() {
            None if state.id.is_unknown() => Field::Unknown,
            address => address.map(str::to_owned).into(),
        };
        Some(OfUser::of(&self.session, email))
    }

    fn import_id(&self, identity: OfUser) -> Result<String, Diagnostic> {
        let email = identity.import_id(&self.session)?;
        Ok(email.unwrap_or_else(|| OWN.to_owned()))
    }
}

fn id_of(found: &Found) -> String {
    found.address.clone().unwrap_or_else(|| OWN.to_owned())
}

/// Whether this is the PAT that the provider itself works with: by its value, or if Terraform has none, by its user.
async fn works_with(api: &Api, operation: &Operation, state: &Model) -> Result<bool, Error> {
    match state.token.known() {
        Some(value) => Ok(api.works_with(value).await),
        None => Ok(find(api, operation, state.address()).await?.own),
    }
}

/// Gives the PAT a new value; `None`, with an error: it did not get one.
async fn rotate(
    connection: &Connection,
    operation: &Operation,
    planned: &mut Model,
    expires_at: Option<Expiry>,
    own: bool,
    (private, clock): (&PrivateState, &Clock),
    diagnostics: &mut Diagnostics,
) -> Option<()> {
    let instant = expires_at.map(Expiry::instant);
    let whose = if own { Own::Yes } else { Own::No };
    match issue::rotate_user_token(&connection.api, operation, planned.address(), instant, whose).await {
        Ok(issued) => {
            let issued = complete(&connection.api, operation, planned.address(), issued).await;
            Record::write(private, expires_at, &issued, clock);
            planned.kept().take(expires_at, issued, diagnostics);
            Some(())
        }
        Err(error) => {
            let disabled = is_refusal(&error) && is_disabled(connection, operation).await;
            diagnostics.push(why_not_rotated(planned, &error, disabled, own));
            None
        }
    }
}

/// What was issued, with what the answer left out and the platform reports of it otherwise, so that the state is complete
/// after the apply. Errors are ignored: the value must not be lost for the sake of it.
async fn complete(api: &Api, operation: &Operation, address: Option<&str>, mut issued: IssuedToken) -> IssuedToken {
    if issued.token_id.is_some() && issued.expires_at.is_some() {
        return issued;
    }
    let found = find(api, operation, address).await.ok().and_then(|found| found.token);
    let same_value = |token: &UserToken| issued.token_id.is_none() || token.token_id == issued.token_id;
    if let Some(token) = found.filter(same_value) {
        issued.token_id = issued.token_id.or(token.token_id);
        issued.expires_at = issued.expires_at.or(token.expires_at);
        issued.updated_at = issued.updated_at.or(token.updated_at);
        issued.updated_by = issued.updated_by.or(token.updated_by);
    }
    issued
}

/// Notes the value that was made last of a PAT.
fn note(latest: &mut BTreeMap<String, SecretString>, planned: &Model) {
    if let Some(value) = planned.token.known() {
        latest.insert(planned.id().to_owned(), value.clone());
    }
}

/// Revokes the PAT. Gone already is gone. `latest` is the value that this run made last of it, if it did.
async fn revoke(
    api: &Api,
    operation: &Operation,
    state: &Model,
    latest: Option<&SecretString>,
    has_expired: bool,
) -> Result<(), Diagnostic> {
    let found = find(api, operation, state.address())
        .await
        .map_err(|error| failure(&error))?;
    let present_id = found.token.as_ref().and_then(|token| token.token_id);
    if latest.is_some_and(|latest| kept::is_of_another(&state.token, &state.token_id, latest, present_id)) {
        // Its replacement came first and ended this value: what works now is not this resource's.
        return Ok(());
    }
    if works_with(api, operation, state)
        .await
        .map_err(|error| failure(&error))?
    {
        return Err(kept::cannot_revoke_own(&state.what()));
    }
    let Some(token) = found.token else {
        return match state.address() {
            None if !has_expired => Err(nobody(Severity::Error)),
            Some(_) if !found.is_absence_proved && !has_expired => Err(cannot_prove(&state.what())),
            _ => Ok(()),
        };
    };
    end(api, operation, &token, found.address.as_deref()).await
}

/// Holds a plan that gives a PAT a value against whether PATs are enabled, as far as that can be known.
async fn expect_enabled(connection: &Connection, operation: &Operation, diagnostics: &mut Diagnostics) {
    let declared = diagnostics.ok(connection.pats.issue());
    if declared == Some(None) && is_disabled(connection, operation).await {
        diagnostics.push(Diagnostic::warning(
            "Personal access tokens are disabled",
            "They are disabled in the account now, so the platform will refuse to make one. If a `striim_pat_status` of \
             this configuration enables them, let this resource wait for it with `depends_on`.",
        ));
    }
}

/// Whether PATs are disabled, for certain. Only administrators may know.
async fn is_disabled(connection: &Connection, operation: &Operation) -> bool {
    let status = connection.api.pat_status(operation).await;
    status.is_ok_and(|status| !status.enabled)
}

fn ends(what: &str, token: &UserToken, now: Timestamp) -> Diagnostic {
    let expiry = match token.expires_at.map(Expiry::at) {
        Some(expiry) if expiry.has_passed(now) => format!("expired at {expiry}"),
        Some(expiry) => format!("would expire at {expiry}"),
        None if token.unreadable_expiry.is_some() => "has an expiry that cannot be read".to_owned(),
        None => "has no expiry".to_owned(),
    };
    Diagnostic::warning(
        format!("{what} is to end"),
        format!(
            "It exists and {expiry}. Creating this resource rotates it: the value that the user has stops working \
             at that moment. To manage it without that, import it."
        ),
    )
}

fn has_none(planned: &Model) -> Diagnostic {
    Diagnostic::warning(
        "There is no personal access token to rotate",
        format!(
            "{} is not there, and the platform's API cannot create one, only rotate it. Whether that makes a first one \
             is not documented. {}",
            planned.what(),
            if_there_is_none(planned)
        ),
    )
}

/// What to do where rotation makes no first PAT.
fn if_there_is_none(planned: &Model) -> &'static str {
    match planned.address() {
        Some(_) => {
            "If the apply fails, have the user create one in the portal (Token Management, Personal Token); then run \
             again, or import it."
        }
        None => {
            "A provider that works with the token of a service account is no user: set `email`, or give the provider \
             the personal access token itself."
        }
    }
}

fn why_not_rotated(planned: &Model, error: &Error, disabled: bool, own: bool) -> Diagnostic {
    let mut diagnostic = failure(error);
    let more = if disabled {
        "Personal access tokens are disabled in the account. Enable them (`striim_pat_status`), and let this resource \
         wait for that with `depends_on`."
    } else if error.is_ambiguous() && own {
        "If it did, the provider's own token no longer works, and nobody knows the new value. Then make another in the \
         portal and give it to the provider."
    } else if error.is_ambiguous() {
        "If it did, the value that was in use no longer works, and nobody knows the new one. Run again: that rotates \
         once more."
    } else if error.is_not_found() {
        if_there_is_none(planned)
    } else if error.status() == Some(StatusCode::BAD_REQUEST) && planned.rotation().is_by_default() {
        "The platform may insist on an expiry: set `expires_in` or `expires_at`."
    } else if error.status() == Some(StatusCode::FORBIDDEN) && planned.address().is_some() && !own {
        "The platform's documentation lets administrators manage other users' tokens, and elsewhere only revoke them. \
         If it refuses to rotate this one, give the provider the user's own token."
    } else {
        return diagnostic;
    };
    diagnostic.detail.push_str("\n\n");
    diagnostic.detail.push_str(more);
    diagnostic
}

#[cfg(test)]
mod tests;
