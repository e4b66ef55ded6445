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

use http::StatusCode;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::framework::{
    Change, Diagnostic, Diagnostics, Field, Identity, Model, Outcome, Resource, Schema, Severity, Value,
};
use crate::platform::attributes::check_name;
use crate::platform::declarations::declaration;
use crate::platform::delivery::Owner;
use crate::platform::{Session, account, decision_time, generation, private_record};
use crate::rest::{Error, Operation};
use crate::striim::api::{Api, IssuedToken, Own, UserToken};
use crate::striim::connection::{Connection, Context};
use crate::striim::errors::failure;
use crate::striim::identity::OfUser;
use crate::striim::issue;
use crate::striim::pat::{Found, cannot_prove, doubtful, end, find, is_refusal, nobody, pat_of};
use crate::striim::replacement;
use crate::striim::rotating_token::{RotatingToken, UpdatePlan, described};
use crate::striim::token_value;
use crate::token::{Expiry, Lifetime};

/// "default: 1 day, maximum: 90 days" (Striim Cloud, "Token types").
const LIFETIME: Lifetime = Lifetime::Days(90);

/// The `id` of the PAT of the user whom the provider works as, where the platform does not report the address; and the name
/// to import it by.
const OWN: &str = "own";

/// The key in the private state that says that `email` was left out when the PAT came into the state.
const OWN_USER: &str = "own_user";

/// A user's personal access token, which has exactly the user's privileges and is valid for at most 90 days.
///
/// **Creating this resource rotates the token that the user has**, for a user has one at most: its value stops working at
/// once, and the plan says so. To manage it without that, import it. The platform's documentation leaves open whether a
/// rotation also issues a first token for a user who has none. Destroying the resource revokes the token.
///
/// The platform shows the value once, when it is issued. It is kept in the Terraform state, where whoever can read the state
/// can use the token; or with `vault` in HashiCorp Vault alone. Rotation has the same reasons as that of a
/// `striim_service_account_token`.
///
/// While personal access tokens are disabled in the account, none can be issued, and a plan by an administrator warns of
/// that. Where a `striim_pat_status` of the same configuration enables them, let the token wait for it with `depends_on`;
/// otherwise Terraform may plan and issue the token first.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct PersonalAccessToken {
    /// The address of the user whose token it is; another user's is for administrators only. Default: the user whom the
    /// provider works as. A provider that works with the token of a service account is no user, and needs it. Once it is
    /// known, leaving it out or writing the same address changes nothing.
    // Left out, it is the address of the user whom the provider works as; null where the platform does not report it.
    #[attribute(optional, computed, planned, requires_replace, check = is_address)]
    pub(in crate::striim) email: Field<String>,
    /// The user's address; `own` where neither the configuration nor the platform reports it.
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
    /// The user's address, if it is known.
    fn address(&self) -> Option<&str> {
        let id = self.id.known().filter(|id| *id != OWN);
        self.email.known().or(id).map(String::as_str)
    }

    fn id(&self) -> &str {
        self.id.known().map_or(OWN, String::as_str)
    }

    /// How a message names it.
    fn what(&self) -> String {
        pat_of(self.address())
    }

    // Without an address, any user's PAT has the same name.
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

    /// Whether a configuration with this `email` still means the user whose PAT the state has. Errors are ignored: what
    /// cannot be found out is taken for no change where `email` is left out, and for a change where it is set.
    async fn is_of_same_user(&self, context: &Context, email: &Field<String>, prior: &PersonalAccessToken) -> bool {
        let address = prior.address();
        let lookup = async |address: Option<&str>| {
            let connection = context.known_client()?;
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

    /// Reports what a planned creation revokes. Errors are ignored here: apply reports them.
    async fn plan_creation(
        &self,
        context: &Context,
        planned: &mut PersonalAccessToken,
        is_own: bool,
        diagnostics: &mut Diagnostics,
    ) {
        // Left out, it is that of the user whom the provider works as, and known once the platform reports it.
        planned.id = planned.email.clone();
        match is_own {
            true => context.private.set(OWN_USER, true),
            false => context.private.remove(OWN_USER),
        }
        let (Some(connection), true) = (context.known_client(), is_own || !planned.email.is_unknown()) else {
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
                diagnostics.push(token_value::rotates_own(&planned.what()));
            }
            let owner = planned.token.present_owner(planned.owner());
            let (writer, vault) = (&connection.vault, &planned.token.delivery.vault);
            writer.plan_creation(&operation, vault, owner, diagnostics).await;
        }
        expect_enabled(&connection, &operation, diagnostics).await;
    }

    /// Warns of what would refuse a revocation.
    async fn plan_removal(&self, context: &Context, prior: &PersonalAccessToken, diagnostics: &mut Diagnostics) {
        let Some(connection) = context.known_client() else {
            return;
        };
        let (vault, owner) = (&prior.token.delivery.vault, prior.token.present_owner(prior.owner()));
        connection.vault.plan_deletion(vault, &owner);
        if let Ok(true) = works_with(&connection.api, &connection.operation(context), prior).await {
            diagnostics.push(token_value::cannot_revoke_own(&prior.what()).as_warning());
        }
    }

    /// Plans the replacement of `prior`. Terraform plans its creation by another call, and drops the warnings of that one.
    async fn plan_replacement(
        &self,
        context: &Context,
        prior: &PersonalAccessToken,
        planned: &mut PersonalAccessToken,
        is_own: bool,
        diagnostics: &mut Diagnostics,
    ) {
        if is_own {
            planned.email = Field::Unknown;
        }
        self.plan_removal(context, prior, diagnostics).await;
        let mut successor = PersonalAccessToken {
            email: planned.email.clone(),
            ..PersonalAccessToken::default()
        };
        self.plan_creation(context, &mut successor, is_own, diagnostics).await;
        if let (Some(connection), Some(_)) = (context.known_client(), planned.email.known()) {
            let before = &prior.token.delivery.vault;
            let old = prior.token.present_owner(prior.owner());
            let new = (&planned.token.delivery.vault, successor.owner());
            let operation = connection.operation(context);
            connection
                .vault
                .plan_replacement(&operation, (before, &old), new, diagnostics)
                .await;
        }
    }

    /// Gives the PAT a new value.
    async fn rotate(
        &self,
        context: &Context,
        operation: &Operation,
        planned: &mut PersonalAccessToken,
        expires_at: Option<Expiry>,
        own: bool,
        diagnostics: &mut Diagnostics,
    ) -> Result<(), Diagnostic> {
        let connection = context.client()?;
        let instant = expires_at.map(Expiry::instant);
        let whose = if own { Own::Yes } else { Own::No };
        let address = planned.address();
        match issue::rotate_user_token(&connection.api, operation, address, instant, whose).await {
            Ok(issued) => {
                let issued = complete(&connection.api, operation, address, issued).await;
                let record = (&context.private, self.session.clock());
                planned.token.set_issued(expires_at, issued, record, diagnostics);
                Ok(())
            }
            Err(error) => {
                let disabled = is_refusal(&error) && is_disabled(&connection, operation).await;
                Err(why_not_rotated(planned, &error, disabled, own))
            }
        }
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
        let diagnostics = &mut *context.diagnostics();
        let Change {
            config,
            prior,
            planned,
            equivalent,
        } = change;
        let was = prior.as_ref().map(|prior| &prior.token.policy);
        if config.token.policy.needs_clock(was, self.now()) {
            self.session.synchronise(context, diagnostics).await;
        }
        let is_own = config.email.is_null();
        let Some(prior) = prior else {
            let token = &mut planned.token;
            token.plan_creation(context, &config.token, LIFETIME, self.now(), diagnostics);
            self.plan_creation(context, planned, is_own, diagnostics).await;
            let replaces = replacement::replaced(&context.private);
            if let (Some(id), Some(connection)) = (planned.id.known(), context.known_client()) {
                diagnostics.ok(connection.pats.manage(id, &replaces, declaration(false, config)));
            }
            return Ok(());
        };
        self.session.generations().observe(&prior.token.delivery.generation);
        replacement::note(&context.private, &[prior.id()], None);
        if !self.is_of_same_user(context, &config.email, prior).await {
            let replacement = self.plan_replacement(context, prior, planned, is_own, diagnostics);
            replacement.await;
            return Ok(());
        }
        if let Some(connection) = context.known_client() {
            diagnostics.ok(connection.pats.manage(prior.id(), &[], declaration(true, config)));
        }
        // The spelling in the state stays. Where it has none, Terraform insists on the declared one.
        if !prior.email.is_null() {
            planned.email = prior.email.clone();
        }
        equivalent.push("email");
        planned.token.policy.keep_spelling(&prior.token.policy);
        let plan = UpdatePlan {
            owner: prior.owner(),
            lifetime: LIFETIME,
            now: self.now(),
            records: decision_time::records(prior, planned),
        };
        let report_own = async |connection: &Connection, diagnostics: &mut Diagnostics| {
            let operation = connection.operation(context);
            if let Ok(true) = works_with(&connection.api, &operation, prior).await {
                diagnostics.push(token_value::rotates_own(&prior.what()));
            }
            expect_enabled(connection, &operation, diagnostics).await;
        };
        let declared = (&config.token, &prior.token);
        let token = &mut planned.token;
        token
            .plan_update(context, declared, plan, report_own, diagnostics)
            .await;
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &PersonalAccessToken) -> Result<(), Diagnostics> {
        replacement::forget(&context.private);
        self.plan_removal(context, prior, &mut context.diagnostics()).await;
        Ok(())
    }

    async fn create(&self, context: &Context, mut planned: PersonalAccessToken) -> Outcome<PersonalAccessToken> {
        let diagnostics = &mut *context.diagnostics();
        if planned.token.policy.needs_clock(None, self.now()) {
            self.session.synchronise(context, diagnostics).await;
        }
        let connection = context.client()?;
        connection.pats.applied(planned.id());
        let expires_at = planned.token.policy.expiry_to_send(self.now(), LIFETIME)?;
        planned.token.delivery.generation = self.session.first_generation().into();
        decision_time::record(&context.private, self.now());
        let mut latest = connection.pats.latest.lock().await;
        let operation = connection.operation(context);
        let found = find(&connection.api, &operation, planned.address()).await;
        let found = found.map_err(|error| failure(&error))?;
        if planned.id.known().is_none() {
            planned.id = id_of(&found).into();
        }
        if planned.email.is_unknown() {
            planned.email = found.address.clone().into();
        }
        let owner = planned.token.present_owner(planned.owner());
        let (writer, vault) = (&connection.vault, &planned.token.delivery.vault);
        let ready = writer.prepare(&operation, vault, owner, diagnostics).await?;
        // What a failure may have issued needs no record: the next apply rotates, and that revokes it.
        let rotated = self.rotate(context, &operation, &mut planned, expires_at, found.own, diagnostics);
        rotated.await?;
        note(&mut latest, &planned);
        let (owner, token) = (planned.owner(), &mut planned.token);
        token
            .deliver(&connection, &operation, ready, owner, None, diagnostics)
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
        let found = find(&connection.api, &connection.operation(context), state.address()).await;
        let found = found.map_err(|error| failure(&error))?;
        self.session.report_skew(diagnostics);
        let (now, owner) = (self.now(), state.owner());
        match &found.token {
            Some(token) => {
                state
                    .token
                    .refresh(context, &connection, owner, token.into(), now, diagnostics)
                    .await;
            }
            // Expired, it may be reported no longer: what expired as declared was not revoked outside.
            None if state.token.has_expired(&context.private, now) => {
                state.token.record_decision(&context.private, now);
            }
            None if state.address().is_none() => diagnostics.push(nobody(Severity::Warning)),
            None if !found.is_absence_proved => diagnostics.push(doubtful(&state.what())),
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
        let mut latest = connection.pats.latest.lock().await;
        let operation = connection.operation(context);
        let own = works_with(&connection.api, &operation, &prior).await;
        let own = own.map_err(|error| failure(&error))?;
        let (writer, vault) = (&connection.vault, &planned.token.delivery.vault);
        let owner = prior.token.owner(prior.owner(), vault);
        let ready = writer.prepare(&operation, vault, owner, diagnostics).await?;
        planned.token.delivery.generation = generation::next(&prior.token.delivery.generation);
        let rotated = self.rotate(context, &operation, &mut planned, expires_at, own, diagnostics);
        rotated.await?;
        private_record::set_issued(&context.private);
        decision_time::record(&context.private, self.now());
        note(&mut latest, &planned);
        let (owner, token) = (planned.owner(), &mut planned.token);
        token
            .deliver(&connection, &operation, ready, owner, Some(&prior.token), diagnostics)
            .await;
        Ok(planned)
    }

    async fn delete(&self, context: &Context, state: PersonalAccessToken) -> Outcome<PersonalAccessToken, ()> {
        let connection = context.client()?;
        self.session.generations().observe(&state.token.delivery.generation);
        let latest = connection.pats.latest.lock().await;
        let (operation, latest) = (connection.operation(context), latest.get(state.id()));
        let has_expired = state.token.has_expired(&context.private, self.now());
        revoke(&connection.api, &operation, &state, latest, has_expired).await?;
        connection.pats.applied(state.id());
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
        let found = find(&connection.api, &connection.operation(context), state.address()).await;
        let found = found.map_err(|error| failure(&error))?;
        state.id = id_of(&found).into();
        if state.email.is_null() {
            context.private.set(OWN_USER, true);
            state.email = found.address.clone().into();
        }
        let token = found.token.as_ref().ok_or_else(|| {
            Diagnostic::error(
                "No personal access token",
                format!(
                    "{} is not there to import. Import by the user's email address; or by {OWN:?}, if the provider works \
                     with the personal access token itself.",
                    state.what()
                ),
            )
        })?;
        context.report(Diagnostic::warning(
            format!("{}: its value is not known", state.what()),
            "The platform showed it once, when it was issued, so `token` stays null. The value remains valid where it is in \
             use. For one that Terraform knows, change `expires_at`, or once they are recorded `expires_in` or \
             `rotation_triggers`: that rotates the token, and the old value stops working.",
        ));
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
            let found = find(&connection.api, &connection.operation(context), state.address()).await;
            let found = found.map_err(|error| failure(&error))?;
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

fn id_of(found: &Found) -> String {
    found.address.clone().unwrap_or_else(|| OWN.to_owned())
}

/// Whether this is the PAT that the provider itself works with: by its value, or if Terraform has none, by its user.
async fn works_with(api: &Api, operation: &Operation, state: &PersonalAccessToken) -> Result<bool, Error> {
    match state.token.delivery.token.known() {
        Some(value) => Ok(api.works_with(value).await),
        None => Ok(find(api, operation, state.address()).await?.own),
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
fn note(latest: &mut BTreeMap<String, SecretString>, planned: &PersonalAccessToken) {
    if let Some(value) = planned.token.delivery.token.known() {
        latest.insert(planned.id().to_owned(), value.clone());
    }
}

/// Revokes the PAT. Gone already is gone. `latest` is the value that this run made last of it, if it did.
async fn revoke(
    api: &Api,
    operation: &Operation,
    state: &PersonalAccessToken,
    latest: Option<&SecretString>,
    has_expired: bool,
) -> Result<(), Diagnostic> {
    let found = find(api, operation, state.address())
        .await
        .map_err(|error| failure(&error))?;
    let (token, token_id) = (&state.token.delivery.token, &state.token.metadata.token_id);
    let present_id = found.token.as_ref().and_then(|token| token.token_id);
    if latest.is_some_and(|latest| token_value::belongs_to_other_resource(token, token_id, latest, present_id)) {
        // Its replacement came first and ended this value: what works now is not this resource's.
        return Ok(());
    }
    if works_with(api, operation, state)
        .await
        .map_err(|error| failure(&error))?
    {
        return Err(token_value::cannot_revoke_own(&state.what()));
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

fn has_none(planned: &PersonalAccessToken) -> Diagnostic {
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
fn if_there_is_none(planned: &PersonalAccessToken) -> &'static str {
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

fn why_not_rotated(planned: &PersonalAccessToken, error: &Error, disabled: bool, own: bool) -> Diagnostic {
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
    } else if error.status() == Some(StatusCode::BAD_REQUEST) && planned.token.policy.is_by_default() {
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
