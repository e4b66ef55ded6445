//! `striim_service_account_token_pair`: two service accounts that take turns, so that a rotation ends no value in use.
//!
//! # Flow
//! Create makes `<name>-a`, whose value is `current`. A reason to rotate ([`Pair::reasons`]) gives the other service
//! account a value: `<name>-b` is made by the first rotation, from then on the older of the two is rotated. The new value
//! becomes `current`, and what was current stays valid as `previous`. Destroy revokes both.
//!
//! # Guarantees
//! - A rotation touches one service account only, and never the one whose value is the only one in the state that works
//!   ([`Pair::replaced`]). So at every instant, whatever fails and wherever the run is killed, a value in the state works,
//!   unless both were ended outside Terraform.
//! - A rotation that failed left the state as it was, but for a value that may be dead. The next plan rotates the same
//!   service account again.
//! - There are never more than the two. The names are the pair's own: a pair is made only where both are free, and what
//!   stands under them later, left by a run that was killed, is recorded by the next refresh, renewed by the next rotation
//!   (also where it has expired and the list hides it), and ended with the pair.
//! - A pair that is not due, of a configuration that did not change, is not touched; nor is one by its import.
//! - A refresh takes no value out of the state ([`drift`]): the plan after it does.
//!
//! # Assumptions
//! Those of [`super::service_account_token`].

mod drift;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::framework::{
    Change, Diagnostic, Diagnostics, Failed, Field, Identity, Leaving, Model, Outcome, PrivateState, Resource, Schema,
    SourceState, Value,
};
use crate::platform::attributes::{
    Triggers, check_name, duration, is_same_text, keep_spelling, known_duration, may_rotate,
};
use crate::platform::decision_time::{self, DecisionTime};
use crate::platform::declarations::{Declaration, declaration};
use crate::platform::{Session, account, generation, private_record};
use crate::rest::Operation;
use crate::striim::api::{IssuedToken, MAX_DESCRIPTION, NewServiceAccount, Own, ServiceAccount, find};
use crate::striim::connection::{Connection, Context};
use crate::striim::errors::failure;
use crate::striim::identity::Named;
use crate::striim::issue::Unmade;
use crate::striim::quota;
use crate::striim::replacement;
use crate::striim::rotation::{Decision, RotationPolicy};
use crate::striim::service_account::{
    LIFETIME, check_description, check_successor, complete, end, end_left_over, find_own, has_no_mark,
    may_be_spelled_otherwise, orphan, rotate, spelled_otherwise, token_of, wait_for_name, whether_own, why_not_created,
    why_not_rotated,
};
use crate::striim::token_value::{self, TokenMetadata};
use crate::token::{Actual, Clock, Expiry, Pair, Reason, Slot, Storage, ValueStatus};

/// Two service accounts of the Striim Cloud account that take turns, so that a rotation revokes no token that is in use.
/// Hand `current.token` to whoever needs access, and let them fetch it again within `rotate_every`.
///
/// **A rotation** issues a new value, which becomes `current`. What was current until then remains valid as `previous`, until
/// it expires or the next rotation revokes it. A plan rotates, and says why, when the current value is as old as
/// `rotate_every`; when `expires_in` or `rotation_triggers` changed; and when the current value was rotated or deleted
/// outside Terraform, or has expired. A rotation touches one service account only, and never the one whose value is the only
/// one that works. So one in the state always works, also when a rotation fails half-way, unless others revoked both or no
/// apply came before they expired.
///
/// The service accounts are named after the pair, `<name>-a` and `<name>-b`, and both names are its own. The second is
/// created by the first rotation, and the attributes of `previous` are null until then: of the three places of the account a
/// pair needs two. Destroying the resource deletes both and revokes their tokens.
///
/// The platform shows a value once, when it is issued. It is kept in the Terraform state: whoever can read the state can use
/// the tokens. After an import the values are null, and remain valid where they are in use.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct ServiceAccountTokenPair {
    /// What the service accounts are named after, each with two more characters; case-sensitive.
    #[attribute(required, requires_replace, length = 1..=28)]
    pub(in crate::striim) name: Field<String>,
    /// What they are for.
    #[attribute(optional, empty_is_null, requires_replace, length = ..=MAX_DESCRIPTION, check = has_no_mark)]
    pub(in crate::striim) description: Field<String>,
    /// How long each value lives, a duration such as `90d`, `12h` or `1h30m`, at most 12 months. A change rotates.
    #[attribute(required)]
    pub(in crate::striim) expires_in: Field<String>,
    /// How old the current value may become: a plan made later rotates. A duration shorter than `expires_in`, by default
    /// half of it. The rest of `expires_in` is how long the former value remains valid after a rotation, but never longer
    /// than until the next one.
    #[attribute(optional)]
    pub(in crate::striim) rotate_every: Field<String>,
    /// Values to tie the tokens to: any change rotates.
    #[attribute(optional)]
    pub(in crate::striim) rotation_triggers: Field<Triggers>,
    /// The same as `name`.
    #[attribute(computed, use_state_for_unknown)]
    pub(in crate::striim) id: Field<String>,
    /// The service account whose value was issued last: the one to use.
    #[attribute(computed, planned)]
    pub(in crate::striim) current: Field<Account>,
    /// The service account that was current before, for whoever still uses it. Its attributes are null until the first
    /// rotation, and once it was deleted outside Terraform.
    #[attribute(computed, planned)]
    pub(in crate::striim) previous: Field<Account>,
    #[attribute(computed, planned, description = generation::DESCRIPTION)]
    pub(in crate::striim) generation: Field<i64>,
    /// When the current value was issued, in UTC; null if that is not known after an import.
    #[attribute(computed, planned)]
    pub(in crate::striim) rotated_at: Field<String>,
}

/// One of the two service accounts. All is null if it is not there: not created yet, or deleted outside Terraform. An object
/// even then, so that `previous.token` is no error in a configuration.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct Account {
    /// Its name.
    #[attribute(computed)]
    pub(in crate::striim) name: Field<String>,
    /// When the value expires, in UTC.
    #[attribute(computed)]
    pub(in crate::striim) expires_at: Field<String>,
    // Null if Terraform has none that works.
    #[attribute(computed, description = token_value::TOKEN)]
    pub(in crate::striim) token: Field<SecretString>,
    #[attribute(flatten)]
    pub(in crate::striim) metadata: TokenMetadata,
}

impl Account {
    /// One of which nothing is known but the name.
    fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// One whose value is yet to come.
    fn to_come(name: &str) -> Self {
        let mut account = Self {
            expires_at: Field::Unknown,
            token: Field::Unknown,
            ..Self::named(name)
        };
        account.metadata.mark_unknown();
        account
    }

    /// One that is there, and whose value is not known.
    fn found(account: &ServiceAccount) -> Self {
        let mut found = Self {
            expires_at: token_value::imported_expiry(account.into()),
            ..Self::named(&account.name)
        };
        found.metadata.refresh_from(account.into(), true);
        found
    }

    /// One that the platform issued a value for; `asked` is the expiry that was sent.
    fn issued(name: &str, asked: Option<Expiry>, issued: IssuedToken, diagnostics: &mut Diagnostics) -> Self {
        let mut account = Self {
            expires_at: token_value::issued_expiry(asked, &issued, diagnostics),
            ..Self::named(name)
        };
        account.metadata.set_issued(&issued);
        account.token = issued.token.into();
        account
    }

    fn name(&self) -> &str {
        self.name.known().map_or("", String::as_str)
    }

    fn expiry(&self) -> Option<Expiry> {
        token_value::expiry(&self.expires_at)
    }

    fn token_id(&self) -> Option<i64> {
        self.metadata.token_id.known().copied()
    }

    /// What the platform's list says of it, whose value was issued at `issued_at` or before; `None`: it was deleted.
    fn refresh_from(
        mut self,
        accounts: &[ServiceAccount],
        issued_at: Option<Timestamp>,
        now: Timestamp,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let Some(account) = find_own(accounts, self.name(), self.token_id()) else {
            if may_be_spelled_otherwise(accounts, self.name(), self.token_id()) {
                diagnostics.push(spelled_otherwise(self.name()));
                return Some(self);
            }
            // Expired, it may be listed no longer: what expired as declared was not deleted outside.
            let expired = self.expiry().is_some_and(|expiry| expiry.has_passed(now));
            // The same goes for an orphan that was never seen: only its revocation shows that it is gone.
            let never_seen = self.token.is_null() && self.token_id().is_none() && self.expires_at.is_null();
            return (expired || never_seen).then_some(self);
        };
        if let Some(spelled) = &account.unreadable_expiry {
            diagnostics.push(token_value::unreadable_expiry(&token_of(self.name()), spelled));
        }
        let rotated = self.metadata.is_replaced(self.expiry(), issued_at, account.into());
        let had_value = !self.token.is_null();
        token_value::refresh_expiry(&mut self.expires_at, account.into());
        self.metadata.refresh_from(account.into(), rotated || !had_value);
        if rotated && had_value {
            // Without it the plan rotates, and a value that no longer works is used by no one.
            self.token = Field::Null;
            diagnostics.push(token_value::value_replaced_warning(&token_of(self.name())));
        }
        Some(self)
    }
}

/// The account that a field holds, if it is there.
fn there(account: &Field<Account>) -> Option<&Account> {
    account.known().filter(|account| !account.name.is_null())
}

/// The names of the two service accounts, the first to be made first.
fn names(pair: &str) -> [String; 2] {
    ["a", "b"].map(|letter| format!("{pair}-{letter}"))
}

impl ServiceAccountTokenPair {
    fn name(&self) -> &str {
        self.name.known().map_or("", String::as_str)
    }

    /// How a message names it.
    fn what(&self) -> String {
        format!("The pair of tokens {:?}", self.name())
    }

    /// The policy of both tokens.
    fn policy(&self) -> RotationPolicy {
        RotationPolicy {
            expires_in: self.expires_in.clone(),
            rotation_triggers: self.rotation_triggers.clone(),
            ..RotationPolicy::default()
        }
    }

    /// The expiry of a value that is issued now.
    fn expiry_to_send(&self, now: Timestamp) -> Result<Option<Expiry>, Diagnostic> {
        self.policy().expiry_to_send(now, LIFETIME)
    }

    /// How old the current value may become.
    fn rotate_every(&self) -> Option<Duration> {
        match &self.rotate_every {
            Field::Null => known_duration(&self.expires_in).map(|lifetime| lifetime / 2),
            given => known_duration(given),
        }
    }

    /// The service accounts there are, or may be, the one in use last.
    fn accounts(&self) -> impl Iterator<Item = &Account> {
        [&self.previous, &self.current].into_iter().filter_map(there)
    }

    /// The one of that name.
    fn account(&self, name: &str) -> Option<&Account> {
        self.accounts().find(|account| account.name() == name)
    }

    /// What is there, by the state.
    fn pair(&self, private: &PrivateState) -> Pair {
        let imported = private_record::is_imported(private, &self.generation);
        let policy = self.policy();
        let present = |account: &Account, value| Actual {
            expiry: account.expiry(),
            ..policy.present(Some(Storage::State), value, None)
        };
        let known = |account: &Account| {
            let value = token_value::value_status(imported, &account.token, &account.metadata.updated_at);
            present(account, value)
        };
        Pair {
            current: there(&self.current).map_or_else(|| present(&Account::default(), ValueStatus::Deleted), known),
            previous: there(&self.previous).map(known),
            issued_at: self.rotated_at.known().and_then(|text| text.parse().ok()),
        }
    }

    /// Decides about a pair whose state is `prior` by this configuration.
    fn decide(&self, prior: &Self, private: &PrivateState, now: Timestamp) -> Decision {
        let policy = self.policy();
        let Some((declared, rotate_every)) = policy.declared(Some(Storage::State)).zip(self.rotate_every()) else {
            let mut unknown = policy.unknown();
            unknown.extend(self.rotate_every.is_unknown().then_some("rotate_every"));
            return Decision::Unknown(unknown);
        };
        match prior.pair(private).reasons(&declared, rotate_every, now) {
            reasons if reasons.is_empty() => Decision::Keep,
            reasons => Decision::Rotate(reasons),
        }
    }

    /// Records at a refresh by which instant the next plan decides.
    fn record_decision(&self, private: &PrivateState, now: Timestamp) {
        decision_time::refresh(private, now, |at| {
            let rotates = matches!(self.decide(self, private, at), Decision::Rotate(_));
            (rotates, self.replaced(private, at))
        });
    }

    /// The service account that a rotation gives the new value.
    fn replaced(&self, private: &PrivateState, now: Timestamp) -> String {
        let (slot, other_slot) = match self.pair(private).replaced(now) {
            Slot::Current => (&self.current, &self.previous),
            Slot::Other => (&self.previous, &self.current),
        };
        let [first, second] = names(self.name());
        match (there(slot), there(other_slot)) {
            (Some(account), _) => account.name().to_owned(),
            (None, Some(other)) if other.name() == first => second,
            (None, _) => first,
        }
    }

    /// What a rotation leaves as it is, and what is `previous` after it.
    fn beside(&self, replaced: &str) -> Account {
        let beside = self.accounts().find(|account| account.name() != replaced);
        beside.cloned().unwrap_or_default()
    }

    /// The same, with what became of a service account in place of what it was.
    fn with(self, name: &str, account: Account) -> Self {
        let is_previous = match (there(&self.current), there(&self.previous)) {
            (_, Some(previous)) if previous.name() == name => true,
            (Some(current), _) => current.name() != name,
            (None, _) => false,
        };
        if is_previous {
            Self {
                previous: account.into(),
                ..self
            }
        } else {
            Self {
                current: account.into(),
                ..self
            }
        }
    }

    fn new_account<'a>(&'a self, name: &'a str, expires_at: Option<Expiry>) -> NewServiceAccount<'a> {
        NewServiceAccount {
            name,
            description: self.description.known().map(String::as_str),
            expires_at: expires_at.map(Expiry::instant),
        }
    }

    /// What was planned, with the value that was issued for it at `now`; `asked` is the expiry that was sent.
    fn with_value(
        self,
        name: &str,
        asked: Option<Expiry>,
        issued: IssuedToken,
        now: Timestamp,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        Self {
            current: Account::issued(name, asked, issued, diagnostics).into(),
            rotated_at: Expiry::at(now).to_string().into(),
            ..self
        }
    }
}

pub(in crate::striim) struct ServiceAccountTokenPairResource {
    session: Session,
}

impl ServiceAccountTokenPairResource {
    pub(in crate::striim) fn new(session: Session) -> Self {
        Self { session }
    }

    fn now(&self) -> Timestamp {
        self.session.clock().now()
    }

    /// What is in the account, for a plan. Errors are ignored here: apply reports them.
    async fn look(&self, context: &Context) -> Option<(Arc<Connection>, Arc<[ServiceAccount]>)> {
        let connection = context.known_client()?;
        let recent = connection.recent(&connection.operation(context)).await.ok()?;
        Some((connection, recent.items))
    }

    /// Checks the planned creation of a pair against what is in the account; whether its first name is free. `replaced` is
    /// the state of what it replaces, if Terraform has passed it.
    async fn plan_creation(
        &self,
        context: &Context,
        planned: &ServiceAccountTokenPair,
        replaced: Option<&ServiceAccountTokenPair>,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        let Some((connection, accounts)) = self.look(context).await else {
            return false;
        };
        let pair = planned.name();
        let [first, second] = names(pair);
        let (ledger, now) = (&connection.ledger, self.now());
        diagnostics.ok(check_description(&connection, &planned.description));
        let replaces = replaced
            .map(|replaced| names(replaced.name()).to_vec())
            .unwrap_or_default();
        for name in [&first, &second] {
            if replaces.contains(name) || !ledger.stays_foreign(name, &accounts).await {
                continue;
            }
            match orphan(&connection, &accounts, name, now).await {
                Some(warning) => diagnostics.push(warning),
                None => {
                    diagnostics.push(is_taken(pair, name, replaced.is_some()));
                    return false;
                }
            }
        }
        if let Some(warning) = ledger.create(&first, &replaces, &accounts, now) {
            diagnostics.push(warning);
        } else if !ledger.has_place_for(&second, &accounts, now) {
            diagnostics.push(quota::no_place_later(&second, &accounts, now));
        }
        find(&accounts, &first).is_none()
    }

    /// Holds a rotation that needs a service account which is not in the state against what is in the account.
    async fn plan_addition(&self, context: &Context, name: &str, diagnostics: &mut Diagnostics) {
        let Some((connection, accounts)) = self.look(context).await else {
            return;
        };
        if find(&accounts, name).is_some() {
            diagnostics.push(Diagnostic::warning(
                format!("This takes over the service account {name:?}"),
                "A service account of that name exists, and is not in the state: an interrupted run left it, or somebody \
                 made it. The name belongs to the pair, so it is to be rotated: the value that it has now stops working \
                 at that moment.",
            ));
        } else if let Some(warning) = connection.ledger.create(name, &[], &accounts, self.now()) {
            diagnostics.push(warning);
        }
    }

    /// Notes that the accounts will go, and warns of what would refuse it.
    async fn plan_removal(&self, context: &Context, prior: &ServiceAccountTokenPair, diagnostics: &mut Diagnostics) {
        let Some(connection) = context.known_client() else {
            return;
        };
        let operation = connection.operation(context);
        for account in prior.accounts() {
            diagnostics.ok(connection.ledger.remove(account.name()));
            match whether_own(&connection, &operation, account.name(), &account.token, self.now()).await {
                Own::Yes => diagnostics.push(token_value::cannot_revoke_own(&token_of(account.name())).as_warning()),
                Own::Perhaps => diagnostics.push(token_value::may_revoke_own(&token_of(account.name()))),
                Own::No => {}
            }
        }
    }

    /// Gives a service account of the pair a new value, or makes it where it is not there; `old` is what was there. If
    /// that fails: what is to be told, and what is to be kept of the account.
    async fn renew(
        &self,
        connection: &Connection,
        operation: &Operation,
        new: &NewServiceAccount<'_>,
        old: Option<&Account>,
        pair: &str,
        diagnostics: &mut Diagnostics,
    ) -> Result<IssuedToken, (Diagnostic, Account)> {
        if let Some(old) = old {
            let (value, token_id) = (&old.token, old.token_id());
            let (name, expires_at) = (new.name, new.expires_at);
            let rotated = rotate(connection, operation, name, expires_at, value, token_id, diagnostics);
            match rotated.await {
                Ok(issued) => return Ok(issued),
                Err(error) if error.is_not_found() => {}
                // Which value it has now, the next refresh tells.
                Err(error) => return Err((why_not_rotated(new.name, &error), old.clone())),
            }
        }
        let created = match old {
            Some(_) => connection.create_again(operation, new).await,
            None => match connection.create(operation, new).await {
                // The name is the pair's own: what holds it unseen, a killed rotation made.
                Err(unmade) if unmade.may_be_hidden(new.name) => connection.create_again(operation, new).await,
                created => created,
            },
        };
        created.map_err(|unmade| {
            let kept = if unmade.left_behind {
                Account::named(new.name)
            } else {
                // Whoever said that it is not there may have been wrong; the next refresh tells.
                old.cloned().unwrap_or_default()
            };
            let left_behind = "gives it one";
            (why_not_made(pair, new.name, &unmade, left_behind, self.now()), kept)
        })
    }
}

impl Resource for ServiceAccountTokenPairResource {
    type Model = ServiceAccountTokenPair;
    type Client = Connection;

    const TYPE: &'static str = "striim_service_account_token_pair";

    fn validate(&self, config: &ServiceAccountTokenPair, diagnostics: &mut Diagnostics) {
        if let Some(name) = config.name.known() {
            check_name("name", name, diagnostics);
        }
        config.policy().validate(LIFETIME, self.now(), diagnostics);
        let rotate_every = duration("rotate_every", &config.rotate_every, diagnostics);
        if rotate_every.is_some_and(|rotate_every| rotate_every.is_zero()) {
            diagnostics.push(Diagnostic::invalid("rotate_every", "must be at least 1s"));
        }
        if let (Some(expires_in), Some(rotate_every)) = (known_duration(&config.expires_in), rotate_every)
            && rotate_every >= expires_in
        {
            diagnostics.push(Diagnostic::invalid(
                "rotate_every",
                "must be shorter than `expires_in`, or the old value would have expired before there is a new one",
            ));
        }
    }

    async fn plan(&self, context: &Context, change: &mut Change<ServiceAccountTokenPair>) -> Result<(), Diagnostics> {
        let diagnostics = &mut *context.diagnostics();
        self.session.synchronise(context, diagnostics).await;
        let now = self.now();
        let Change {
            config, prior, planned, ..
        } = change;
        warn_of_a_short_overlap(planned, prior.as_ref(), diagnostics);
        let Some(prior) = prior else {
            planned.id = planned.name.clone();
            planned.generation = Field::Unknown;
            planned.previous = Account::default().into();
            diagnostics.ok(config.expiry_to_send(now));
            if let Some(pair) = planned.name.known().cloned() {
                let [first, _] = names(&pair);
                planned.current = Account::to_come(&first).into();
                let replaces = replacement::replaced(&context.private);
                if replaces.is_empty() {
                    self.plan_creation(context, planned, None, diagnostics).await;
                }
                declare(context, &pair, &replaces, &declaration(false, config), diagnostics);
            }
            return Ok(());
        };
        self.session.generations().observe(&prior.generation);
        let had = names(prior.name());
        let had = had.each_ref().map(String::as_str);
        if planned.name != prior.name || !is_same_text(&planned.description, &prior.description) {
            // It is replaced. Terraform plans its creation by another call, and drops the warnings of that one.
            self.plan_removal(context, prior, diagnostics).await;
            let is_free = match planned.name.known() {
                Some(_) => self.plan_creation(context, planned, Some(prior), diagnostics).await,
                None => false,
            };
            let [first, _] = names(planned.name());
            replacement::note(&context.private, &had, is_free.then_some(&first));
            return Ok(());
        }
        replacement::note(&context.private, &had, None);
        declare(context, prior.name(), &[], &declaration(true, config), diagnostics);
        keep_spelling(&mut planned.expires_in, &prior.expires_in);
        keep_spelling(&mut planned.rotate_every, &prior.rotate_every);
        let prior = &drift::applied(prior, &context.private);
        planned.current = prior.current.clone();
        planned.previous = prior.previous.clone();
        let records = decision_time::records(prior, planned);
        let time = DecisionTime::new(&context.private, now, records, config.rotate_every());
        let decide = |at| config.decide(prior, &context.private, at);
        match time.decide(&prior.what(), decide, diagnostics) {
            Decision::Keep => {}
            Decision::Rotate(reasons) => {
                let name = prior.replaced(&context.private, time.at);
                diagnostics.push(rotates(prior, &name, &reasons));
                diagnostics.ok(config.expiry_to_send(now));
                match (prior.account(&name), context.known_client()) {
                    (None, _) => self.plan_addition(context, &name, diagnostics).await,
                    (Some(old), Some(connection)) => {
                        let operation = connection.operation(context);
                        match whether_own(&connection, &operation, &name, &old.token, now).await {
                            Own::Yes => diagnostics.push(token_value::rotates_own(&token_of(&name))),
                            Own::Perhaps => diagnostics.push(token_value::may_rotate_own(&token_of(&name))),
                            Own::No => {}
                        }
                    }
                    _ => {}
                }
                planned.current = Account::to_come(&name).into();
                planned.previous = prior.beside(&name).into();
                planned.generation = generation::next(&prior.generation);
                planned.rotated_at = Field::Unknown;
            }
            // Its expiry is never fixed.
            Decision::Ended(_) => {}
            Decision::Unknown(unknown) => {
                diagnostics.push(may_rotate(&prior.what(), &unknown));
                planned.current = Field::Unknown;
                planned.previous = Field::Unknown;
                planned.generation = Field::Unknown;
                planned.rotated_at = Field::Unknown;
            }
        }
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &ServiceAccountTokenPair) -> Result<(), Diagnostics> {
        replacement::forget(&context.private);
        self.plan_removal(context, prior, &mut context.diagnostics()).await;
        Ok(())
    }

    async fn create(
        &self,
        context: &Context,
        mut planned: ServiceAccountTokenPair,
    ) -> Outcome<ServiceAccountTokenPair> {
        let diagnostics = &mut *context.diagnostics();
        self.session.synchronise(context, diagnostics).await;
        let connection = context.client()?;
        connection.ledger.release(&names(planned.name()));
        let now = self.now();
        let expires_at = planned.expiry_to_send(now)?;
        planned.generation = self.session.first_generation().into();
        decision_time::record(&context.private, now);
        let [name, second] = names(planned.name());
        let operation = connection.operation(context);
        for name in [&name, &second] {
            wait_for_name(&connection, &operation, name).await;
        }
        let mut latest = connection.lock_name(&name).await;
        let latest_of_second = connection.lock_name(&second).await;
        for (name, latest) in [(&name, &*latest), (&second, &*latest_of_second)] {
            end_left_over(&connection, &operation, name, latest).await?;
        }
        let recent = connection.recent(&operation).await.map_err(|error| failure(&error))?;
        if find(&recent.items, &second).is_some() {
            let summary = format!("The name {second:?} is taken");
            return Err(Diagnostic::error(summary, taken(planned.name(), &second))
                .on("name")
                .into());
        }
        let new = planned.new_account(&name, expires_at);
        match connection.create(&operation, &new).await {
            Ok(mut issued) => {
                *latest = Some(issued.token.clone());
                complete(&connection, &operation, &name, &mut issued).await;
                Ok(planned.with_value(&name, expires_at, issued, self.now(), diagnostics))
            }
            Err(unmade) => {
                let failed = Failed::from(why_not_made(planned.name(), &name, &unmade, "replaces it", now));
                if !unmade.left_behind {
                    return Err(failed);
                }
                // Recorded without a value, Terraform replaces it by the next apply instead of forgetting it.
                Err(failed.leaving(ServiceAccountTokenPair {
                    current: Account::named(&name).into(),
                    rotated_at: Field::Null,
                    ..planned
                }))
            }
        }
    }

    async fn read(
        &self,
        context: &Context,
        state: ServiceAccountTokenPair,
    ) -> Outcome<ServiceAccountTokenPair, Option<ServiceAccountTokenPair>> {
        if context.is_config_unknown() {
            return Ok(Some(state));
        }
        let diagnostics = &mut *context.diagnostics();
        let connection = context.client()?;
        for name in names(state.name()) {
            connection.ledger.own(&name);
        }
        let accounts = connection.service_accounts(&connection.operation(context)).await?;
        self.session.report_skew(diagnostics);
        let refreshed = refresh(state.clone(), &accounts, self.session.clock(), diagnostics);
        Ok(refreshed.map(|found| {
            found.record_decision(&context.private, self.now());
            drift::held_back(&state, found, &context.private)
        }))
    }

    async fn update(
        &self,
        context: &Context,
        prior: ServiceAccountTokenPair,
        planned: ServiceAccountTokenPair,
    ) -> Outcome<ServiceAccountTokenPair> {
        let diagnostics = &mut *context.diagnostics();
        replacement::forget(&context.private);
        self.session.synchronise(context, diagnostics).await;
        decision_time::record(&context.private, self.now());
        let value_to_come = match &planned.current {
            Field::Known(account) => account.token.is_unknown(),
            current => current.is_unknown(),
        };
        // Without a new value to come, only the declaration changed, or what a refresh found is recorded.
        if !value_to_come {
            drift::clear(&context.private);
            return Ok(planned);
        }
        let connection = context.client()?;
        let now = self.now();
        let operation = connection.operation(context);
        // Since the plan, the value that was to remain valid may have expired or been revoked.
        let accounts = connection.fetch_accounts(&operation).await?;
        let present = refresh(prior.clone(), &accounts, self.session.clock(), diagnostics);
        let present = present.ok_or_else(|| outdated(&prior))?;
        let name = present.replaced(&context.private, now);
        let planned_name = planned.current.known().map(Account::name);
        if planned_name.is_none() && planned.decide(&present, &context.private, now) == Decision::Keep {
            drift::clear(&context.private);
            return Ok(ServiceAccountTokenPair {
                current: present.current,
                previous: present.previous,
                generation: prior.generation,
                rotated_at: prior.rotated_at,
                ..planned
            });
        }
        if planned_name.is_some_and(|planned| planned != name) {
            return Err(outdated(&prior).into());
        }
        let expires_at = planned.expiry_to_send(now)?;
        let new = planned.new_account(&name, expires_at);
        // What a killed run created is there, and not in the state.
        let there = find(&accounts, &name).map(|_| Account::named(&name));
        let old = present.account(&name).cloned().or(there);
        let mut latest = connection.lock_name(&name).await;
        let renewed = self
            .renew(&connection, &operation, &new, old.as_ref(), prior.name(), diagnostics)
            .await;
        let mut issued = match renewed {
            Ok(issued) => issued,
            Err((diagnostic, kept)) => return Err(Failed::from(diagnostic).leaving(prior.with(&name, kept))),
        };
        *latest = Some(issued.token.clone());
        complete(&connection, &operation, &name, &mut issued).await;
        drift::clear(&context.private);
        private_record::set_issued(&context.private);
        let previous = match planned.previous.clone() {
            Field::Known(previous) => previous,
            Field::Unknown | Field::Null => present.beside(&name),
        };
        Ok(ServiceAccountTokenPair {
            previous: previous.into(),
            generation: generation::next(&prior.generation),
            ..planned
                .clone()
                .with_value(&name, expires_at, issued, self.now(), diagnostics)
        })
    }

    async fn delete(
        &self,
        context: &Context,
        mut state: ServiceAccountTokenPair,
    ) -> Outcome<ServiceAccountTokenPair, ()> {
        let connection = context.client()?;
        self.session.generations().observe(&state.generation);
        let accounts: Vec<_> = state.accounts().cloned().collect();
        for account in &accounts {
            let operation = connection.operation(context);
            if whether_own(&connection, &operation, account.name(), &account.token, self.now()).await == Own::Yes {
                return Err(token_value::cannot_revoke_own(&token_of(account.name())).into());
            }
        }
        if let Some(successor) = replacement::successor(&context.private) {
            let operation = connection.operation(context);
            check_successor(&connection, &operation, &state.what(), &successor).await?;
        }
        for account in &accounts {
            let (name, token_id) = (account.name(), &account.metadata.token_id);
            let ended = end(&connection, context, name, &account.token, token_id).await;
            ended.leaving(state.clone())?;
            state = state.with(name, Account::default());
        }
        Ok(())
    }

    async fn import(
        &self,
        context: &Context,
        id: &str,
    ) -> Outcome<ServiceAccountTokenPair, Option<ServiceAccountTokenPair>> {
        let connection = context.client()?;
        let accounts = connection.service_accounts(&connection.operation(context)).await?;
        let [first, second] = names(id);
        let mut found: Vec<_> = [&first, &second]
            .into_iter()
            .filter_map(|name| find(&accounts, name))
            .collect();
        // The one whose value was issued last comes last.
        found.sort_by_key(|account| (account.expires_at, account.token_id));
        let Some(current) = found.pop() else {
            return Err(Diagnostic::error(
                "No such pair",
                format!(
                    "There is neither a service account {first:?} nor {second:?} to import as the pair {id:?}. Names are \
                     case-sensitive."
                ),
            )
            .into());
        };
        context.report(Diagnostic::warning(
            format!("The values of the pair of tokens {id:?} are not known"),
            "The platform showed them once, when they were issued, so `current.token` and `previous.token` stay null. They \
             remain valid where they are in use. The next apply records `expires_in`; a rotation, by `rotate_every` or a \
             change of `rotation_triggers`, brings a value that Terraform knows and revokes the older of the two.",
        ));
        private_record::set_imported(&context.private);
        decision_time::record(&context.private, self.now());
        Ok(Some(ServiceAccountTokenPair {
            id: id.into(),
            name: id.into(),
            description: current.description.clone().unwrap_or_default().into(),
            current: Account::found(current).into(),
            previous: found.pop().map(Account::found).unwrap_or_default().into(),
            generation: self.session.first_generation().into(),
            rotated_at: current.updated_at.clone().into(),
            ..ServiceAccountTokenPair::default()
        }))
    }

    async fn permits(&self, context: &Context, state: &ServiceAccountTokenPair) -> Result<(), Diagnostics> {
        let is_there = async {
            let Some(connection) = context.known_client() else {
                return Ok(true);
            };
            let accounts = connection.service_accounts(&connection.operation(context)).await?;
            Ok(state.accounts().any(|account| {
                let found = find(&accounts, account.name());
                found.is_some_and(|found| account.metadata.is_same_value(account.expiry(), found.into()))
            }))
        };
        let (private, present) = (&context.private, self.session.account());
        Ok(account::verify(private, present, &state.what(), is_there).await?)
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
    }

    fn title(&self, state: &ServiceAccountTokenPair) -> Option<String> {
        Some(state.what())
    }

    fn identity_schema(&self) -> Option<Schema> {
        Some(Named::described("What the two service accounts are named after."))
    }

    fn identity(&self, context: &Context, state: &Value) -> Option<Identity> {
        let state = ServiceAccountTokenPair::from_value(state).ok()?;
        Some(Named::identity(context, state.name))
    }

    fn import_id(&self, context: &Context, identity: &Identity) -> Result<String, Diagnostic> {
        Named::import_id(context, identity)
    }

    fn move_state(&self, from: &SourceState<'_>) -> Result<ServiceAccountTokenPair, Diagnostic> {
        let advice = (from.type_name == "striim_service_account_token").then(|| {
            let name = from.text("/name").unwrap_or("<name>");
            let [first, second] = names(name);
            format!(
                "The pair has two service accounts, named such as {first:?} and {second:?}, and a service account cannot be \
                 renamed. Declare the pair next to the token, hand over `current.token`, and only then remove the token: \
                 so nobody is without a value that works. The three together are what the account may have."
            )
        });
        Err(from.refused(Self::TYPE, advice))
    }
}

/// Notes the names of a pair after this plan, in the place of `replaces`: no other resource may have one of them.
fn declare(
    context: &Context,
    pair: &str,
    replaces: &[String],
    declaration: &Declaration,
    diagnostics: &mut Diagnostics,
) {
    if let Some(connection) = context.known_client() {
        let [first, second] = names(pair);
        connection.ledger.release(replaces);
        diagnostics.ok(connection.ledger.declare(&[&first, &second], declaration));
    }
}

/// What the platform's list says of the pair, whose names are its own: what a run that was killed has made is found by
/// them. `None`: both are gone, for certain.
fn refresh(
    mut state: ServiceAccountTokenPair,
    accounts: &[ServiceAccount],
    clock: &Clock,
    diagnostics: &mut Diagnostics,
) -> Option<ServiceAccountTokenPair> {
    let now = clock.now();
    // The previous value is the older one. Only the platform's own time can be compared with an update that it reports.
    let rotated_at = state.rotated_at.known().filter(|_| clock.is_synchronised());
    let issued_at = rotated_at.and_then(|text| text.parse().ok());
    let mut refreshed = |account| {
        there(account)
            .cloned()
            .and_then(|account| account.refresh_from(accounts, issued_at, now, diagnostics))
    };
    let (current, previous) = (refreshed(&state.current), refreshed(&state.previous));
    let previous = previous.or_else(|| {
        let beside = current.as_ref().map(Account::name);
        let mut names = names(state.name()).into_iter();
        let stray = names.find_map(|name| find(accounts, &name).filter(|_| beside != Some(&name)))?;
        diagnostics.push(found(&state, &stray.name));
        Some(Account::found(stray))
    });
    if current.is_none() && previous.is_none() {
        return None;
    }
    state.current = current.unwrap_or_default().into();
    state.previous = previous.unwrap_or_default().into();
    Some(state)
}

/// Warns where the former value ends before the next rotation: at creation, and when one of the two changed.
fn warn_of_a_short_overlap(
    planned: &ServiceAccountTokenPair,
    prior: Option<&ServiceAccountTokenPair>,
    diagnostics: &mut Diagnostics,
) {
    let durations = |model: &ServiceAccountTokenPair| known_duration(&model.expires_in).zip(model.rotate_every());
    let Some((expires_in, rotate_every)) = durations(planned) else {
        return;
    };
    if prior.and_then(durations) == Some((expires_in, rotate_every)) || expires_in / 2 >= rotate_every {
        return;
    }
    let overlap = crate::token::HumanDuration(expires_in.saturating_sub(rotate_every));
    diagnostics.push(
        Diagnostic::warning(
            format!("The overlap of the pair {:?} is short", planned.name()),
            format!(
                "A value is replaced after `rotate_every` and ends after `expires_in`, so whoever uses it has {overlap} \
                 after a rotation to fetch the new one, less what an apply is late. With `rotate_every` at most half of \
                 `expires_in`, it works until the next rotation."
            ),
        )
        .on("rotate_every"),
    );
}

/// The warning of a plan that rotates.
fn rotates(prior: &ServiceAccountTokenPair, name: &str, reasons: &[Reason]) -> Diagnostic {
    let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    let replaced = match prior.account(name) {
        None => format!("Service account {name:?} is made, and its value becomes `current`."),
        Some(account) if account.token.is_null() => {
            format!("Service account {name:?} gets a new value, which becomes `current`; one that it has now ends.")
        }
        Some(_) => format!(
            "Service account {name:?} gets a new value, which becomes `current`; the one that it has now stops working \
             at that moment."
        ),
    };
    let beside = prior.beside(name);
    let beside = if beside.token.is_null() {
        String::new()
    } else {
        let until = beside.expiry().map(|expiry| format!(", until {expiry} at the latest"));
        let until = until.unwrap_or_default();
        format!(" That of {:?} is not touched, and is `previous`{until}.", beside.name())
    };
    Diagnostic::warning(
        format!("{} is to be rotated", prior.what()),
        format!("Why, of its current value: {}. {replaced}{beside}", reasons.join("; ")),
    )
}

/// The warning of a refresh that found a service account under a name of the pair which the state does not know.
fn found(state: &ServiceAccountTokenPair, name: &str) -> Diagnostic {
    Diagnostic::warning(
        format!(
            "{} has a service account that the state did not know: {name:?}",
            state.what()
        ),
        "An interrupted run left it, or somebody made it. The name belongs to the pair, so it is `previous` now, with a \
         value that Terraform does not know: the next rotation gives it another, and destroying the pair deletes it.",
    )
}

/// A plan that would now end the only value that works.
fn outdated(prior: &ServiceAccountTokenPair) -> Diagnostic {
    Diagnostic::error(
        "The plan is out of date",
        format!(
            "Since the plan for the pair {:?} was made, a value ended that was to go on working. Nothing was rotated. Run \
             again for a new plan.",
            prior.name()
        ),
    )
}

/// The report of a plan that creates a pair where one of the names is taken: an error if a token would be revoked for it.
fn is_taken(pair: &str, account: &str, is_replacement: bool) -> Diagnostic {
    let summary = format!("The name {account:?} is taken");
    if is_replacement {
        let detail = format!(
            "This plan would revoke the pair's present tokens, and then could not create its replacement. {}",
            taken(pair, account)
        );
        return Diagnostic::error(summary, detail).on("name");
    }
    Diagnostic::warning(summary, taken(pair, account)).on("name")
}

/// What to do about a service account that exists, where it is not known whose it is.
fn taken(pair: &str, account: &str) -> String {
    format!(
        "A service account named {account:?} exists already. What to do depends on whose it is:\n\n\
         - This state has the pair under another address, because a resource was renamed: add a `moved` block, which keeps \
         its tokens.\n\
         - This state has the pair under this address, and `create_before_destroy` (here, or inherited from a resource that \
         depends on this one) has its replacement created first: change `name` as well, or do without \
         `create_before_destroy`. One that is tainted, Terraform destroys first: there is nothing to do.\n\
         - Another resource of this configuration created it in this run, perhaps under another provider alias: give one of \
         the two another name.\n\
         - It is in no state: choose another name, revoke it, or import it, as one of the pair, which keeps its value:\n\n  \
         import {{\n    to = striim_service_account_token_pair.<label>\n    id = {pair:?}\n  }}\n\n\
         Do not import what a state has already (`terraform state list`): whatever destroys it there would revoke the token \
         here."
    )
}

fn why_not_made(pair: &str, account: &str, unmade: &Unmade, left_behind: &str, now: Timestamp) -> Diagnostic {
    why_not_created(account, unmade, &taken(pair, account), left_behind, now)
}

#[cfg(test)]
mod tests;
