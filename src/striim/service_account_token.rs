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
//! - The list is complete.
//! - `token-id` tells one value from the next: a rotation changes it (Striim's samples show so).

use async_trait::async_trait;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::api::{IssuedToken, NewServiceAccount, ServiceAccount};
use super::failure::failure;
use super::issue::{self, Unmade};
use super::quota;
use super::revoke::revoke;
use super::rotation::{self, Decision, Rotation, Triggers, invalid, same_duration};
use super::session::{Connection, Made, Session};
use crate::framework::{
    Attribute, Change, Context, Diagnostic, Diagnostics, Field, Resource, Schema, Severity, Type, model,
};
use crate::rest::{Error, Operation};
use crate::token::{Expiry, Lifetime, PresentValue};

/// "may be set for up to 12 months" (Striim Cloud, "Token types").
const LIFETIME: Lifetime = Lifetime::Months(12);

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
        /// The value. Null if Terraform has none that works.
        token: SecretString,
        /// Tells this value from the account's earlier and later ones.
        token_id: i64,
        /// 1 for the value that the creation brought, one more for each rotation; 0 after an import.
        generation: i64,
        updated_at: String,
        updated_by: i64,
    }
}

impl Model {
    fn name(&self) -> &str {
        self.name.known().map_or("", String::as_str)
    }

    /// How a message names it.
    fn what(&self) -> String {
        format!("The token of service account {:?}", self.name())
    }

    fn rotation(&self) -> Rotation<'_> {
        Rotation {
            expires_at: &self.expires_at,
            expires_in: &self.expires_in,
            rotate_before: &self.rotate_before,
            rotation_triggers: &self.rotation_triggers,
        }
    }

    fn generation(&self) -> i64 {
        self.generation.known().copied().unwrap_or_default()
    }

    fn value(&self) -> PresentValue {
        match (self.generation(), self.token.is_null()) {
            (0, _) => PresentValue::Imported,
            (_, true) => PresentValue::Replaced,
            (_, false) => PresentValue::Ours,
        }
    }

    /// Marks as unknown what a rotation will bring.
    fn expect_new_value(&mut self, expires_at: Field<String>, generation: Field<i64>) {
        self.expires_at = expires_at;
        self.generation = generation;
        self.token = Field::Unknown;
        self.token_id = Field::Unknown;
        self.updated_at = Field::Unknown;
        self.updated_by = Field::Unknown;
    }
}

pub(super) struct ServiceAccountToken {
    session: Session,
}

impl ServiceAccountToken {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }

    fn now(&self) -> Timestamp {
        self.session.clock().now()
    }

    /// Holds a planned creation against what is in the account. That nobody can be asked now is for the apply to tell.
    async fn plan_creation(&self, context: &Context, planned: &Model, diagnostics: &mut Diagnostics) {
        let (Some(name), Some(connection)) = (planned.name.known(), self.session.connected()) else {
            return;
        };
        let Ok(accounts) = connection.service_accounts(&connection.operation(context)).await else {
            return;
        };
        if planned.adopt_existing == Field::Known(true) && accounts.iter().any(|account| account.name == *name) {
            diagnostics.push(Diagnostic::warning(
                "This takes over a service account",
                format!(
                    "A service account named {name:?} exists. Because of `adopt_existing` it is to be rotated: the \
                     value that is in use stops working at that moment."
                ),
            ));
        } else if let Some(warning) = connection.ledger.create(name, &accounts, self.now()) {
            diagnostics.push(warning);
        }
    }

    /// Takes over the account of that name, if the user allows it and there is one; `None`: it is to be created.
    async fn adopt(
        &self,
        connection: &Connection,
        operation: &Operation,
        planned: &Model,
        expires_at: Option<Expiry>,
    ) -> Result<Option<IssuedToken>, Diagnostic> {
        if planned.adopt_existing != Field::Known(true) {
            return Ok(None);
        }
        let accounts = connection
            .api
            .list_service_accounts(operation)
            .await
            .map_err(|error| failure(&error))?;
        let Some(account) = find(&accounts, planned.name()) else {
            return Ok(None);
        };
        check_description(account, planned)?;
        let expires_at = expires_at.map(Expiry::instant);
        let rotated = issue::rotate(&connection.api, operation, planned.name(), expires_at, false).await;
        rotated
            .map(Some)
            .map_err(|error| why_not_rotated(planned.name(), &error))
    }
}

#[async_trait]
impl Resource for ServiceAccountToken {
    type Model = Model;

    const TYPE: &'static str = "striim_service_account_token";

    fn schema(&self) -> Schema {
        let mut attributes = vec![
            Attribute::required(
                "name",
                Type::String,
                "The service account's name, unique in the account: 3 to 30 characters, case-sensitive.",
            )
            .replaces(),
            Attribute::optional("description", Type::String, "What it is for, at most 255 characters.").replaces(),
        ];
        attributes.extend(rotation::attributes());
        attributes.extend([
            Attribute::optional(
                "adopt_existing",
                Type::Bool,
                "Whether to take over a service account of that name, if there is one at creation, by rotating it. \
                 Default: false. To take one over without rotating it, import it.",
            ),
            Attribute::computed("id", Type::String, "The same as `name`."),
            Attribute::computed(
                "token",
                Type::String,
                "The token's value. Null after an import, and once somebody rotated the token outside Terraform.",
            )
            .sensitive(),
            Attribute::computed(
                "token_id",
                Type::Number,
                "The platform's number for the present value. Each rotation brings another.",
            ),
            Attribute::computed(
                "generation",
                Type::Number,
                "1 for the first value, one more for each rotation; 0 after an import. Known when a rotation is \
                 planned, so other resources can follow it in the same run.",
            ),
            Attribute::computed(
                "updated_at",
                Type::String,
                "When the service account was last changed, as the platform spells it.",
            ),
            Attribute::computed(
                "updated_by",
                Type::Number,
                "The number of the user who changed it last.",
            ),
        ]);
        Schema::new(
            "A service account of the Striim Cloud account, and its API token: an administrator-level credential for \
             CI pipelines and other automation. An account may have three of them, each valid for at most 12 months.\n\n\
             The platform shows the value once, when it is made. It is kept in the Terraform state: whoever can read \
             the state can use the token.\n\n\
             **A rotation** ends the value at once and puts a new one into `token`. The service account stays, and there \
             is no time in which both values work. A plan rotates, and says why, when `expires_at`, `expires_in` or \
             `rotation_triggers` changed; within `rotate_before` of the expiry; when the token has expired, unless \
             `expires_at` fixes its end; and when somebody rotated it outside Terraform, for then the value in the state \
             is dead. Destroying the resource deletes the service account and revokes its token.\n\n\
             After an import `token` is null, because the platform does not show the value again. It goes on working \
             where it is in use; change `expires_at`, `expires_in` or `rotation_triggers` to get one that Terraform knows.",
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
        }
        if let Some(description) = config.description.known() {
            let length = description.chars().count();
            if length > 255 {
                diagnostics.push(invalid(
                    "description",
                    format!("must have at most 255 characters; it has {length}"),
                ));
            }
        }
        config.rotation().validate(LIFETIME, self.now(), diagnostics);
    }

    async fn plan(&self, context: &Context, change: &mut Change<Model>, diagnostics: &mut Diagnostics) {
        let planned = &mut change.planned;
        let Some(prior) = &change.prior else {
            planned.id = planned.name.clone();
            planned.generation = 1.into();
            diagnostics.ok(change.config.rotation().expiry_to_send(self.now(), LIFETIME));
            self.plan_creation(context, planned, diagnostics).await;
            return;
        };
        if planned.name != prior.name || planned.description != prior.description {
            // It is replaced: what comes instead is planned by itself.
            if let Some(connection) = self.session.connected() {
                connection.ledger.remove(prior.name());
            }
            return;
        }
        if same_duration(&planned.expires_in, &prior.expires_in) {
            planned.expires_in = prior.expires_in.clone();
        }
        match change
            .config
            .rotation()
            .decide(prior.rotation(), prior.value(), self.now())
        {
            Decision::Keep => {
                // The spelling in the state stays, so that another one is no difference.
                planned.expires_at = prior.expires_at.clone();
                if !change.config.expires_at.is_null() {
                    prior.rotation().tell_of_the_end(&prior.what(), self.now(), diagnostics);
                }
            }
            Decision::Rotate(reasons) => {
                diagnostics.push(rotation::rotates(&prior.what(), &reasons));
                if let Some(connection) = self.session.connected()
                    && works_with(&connection, prior).await
                {
                    diagnostics.push(rotates_own(prior.name()));
                }
                diagnostics.ok(change.config.rotation().expiry_to_send(self.now(), LIFETIME));
                let expires_at = change
                    .config
                    .expires_at
                    .known()
                    .cloned()
                    .map_or(Field::Unknown, Field::Known);
                planned.expect_new_value(expires_at, prior.generation().saturating_add(1).into());
            }
            Decision::NotKnownYet => {
                let expires_at = change
                    .config
                    .expires_at
                    .known()
                    .cloned()
                    .map_or(Field::Unknown, Field::Known);
                planned.expect_new_value(expires_at, Field::Unknown);
            }
        }
    }

    async fn plan_destroy(&self, _: &Context, prior: &Model, diagnostics: &mut Diagnostics) {
        if let Some(connection) = self.session.connected() {
            connection.ledger.remove(prior.name());
            if works_with(&connection, prior).await {
                diagnostics.push(Diagnostic {
                    severity: Severity::Warning,
                    ..cannot_revoke_own(prior.name())
                });
            }
        }
    }

    async fn create(&self, context: &Context, planned: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let expires_at = diagnostics.ok(planned.rotation().expiry_to_send(self.now(), LIFETIME))?;
        let mut made = connection.alone_with(planned.name()).await;
        let operation = connection.operation(context);
        let adopted = diagnostics.ok(self.adopt(&connection, &operation, &planned, expires_at).await)?;
        let issued = match adopted {
            Some(issued) => Ok(issued),
            None => issue::create(&connection.api, &operation, &new_account(&planned, expires_at)).await,
        };
        connection.changed().await;
        match issued {
            Ok(issued) => {
                *made = Made::InThisRun;
                Some(with_value(planned, expires_at, issued, diagnostics))
            }
            Err(unmade) => {
                diagnostics.push(why_not_created(planned.name(), &unmade, self.now()));
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
        let Some(accounts) = connection.look(&connection.operation(context), diagnostics).await else {
            return Some(state);
        };
        let Some(account) = find(&accounts, state.name()) else {
            // Expired, it may be listed no longer: what ended as declared was not deleted outside.
            let expired = state
                .rotation()
                .expiry()
                .is_some_and(|expiry| expiry.has_passed(self.now()));
            // The same goes for what was left behind and was never seen: only its revocation tells that it is gone.
            let never_seen = state.token_id.is_null() && state.value() == PresentValue::Replaced;
            return (expired || never_seen).then_some(state);
        };
        if was_rotated_outside(&state, account) {
            // What Terraform keeps is dead. Without it the plan rotates, and nobody is handed a dead value.
            state.token = Field::Null;
        }
        follow(&mut state, account);
        Some(state)
    }

    async fn update(&self, context: &Context, prior: Model, planned: Model, diagnostics: &mut Diagnostics) -> Model {
        // Without a new value to come, only the declaration changed.
        if !planned.token.is_unknown() {
            return planned;
        }
        let Some(connection) = self.session.connection(diagnostics) else {
            return prior;
        };
        let Some(expires_at) = diagnostics.ok(planned.rotation().expiry_to_send(self.now(), LIFETIME)) else {
            return prior;
        };
        let _alone = connection.alone_with(prior.name()).await;
        let operation = connection.operation(context);
        let own = works_with(&connection, &prior).await;
        let rotated = issue::rotate(
            &connection.api,
            &operation,
            prior.name(),
            expires_at.map(Expiry::instant),
            own,
        )
        .await;
        let issued = match rotated {
            // It is gone, as an expired one may be: the new value comes with a new account of that name.
            Err(error) if error.is_not_found() => {
                issue::create(&connection.api, &operation, &new_account(&planned, expires_at))
                    .await
                    .map_err(|unmade| why_not_created(prior.name(), &unmade, self.now()))
            }
            rotated => rotated.map_err(|error| why_not_rotated(prior.name(), &error)),
        };
        connection.changed().await;
        match diagnostics.ok(issued) {
            Some(issued) => {
                let generation = prior.generation().saturating_add(1).into();
                with_value(Model { generation, ..planned }, expires_at, issued, diagnostics)
            }
            None => prior,
        }
    }

    async fn delete(&self, context: &Context, state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let Some(connection) = self.session.connection(diagnostics) else {
            return Some(state);
        };
        if works_with(&connection, &state).await {
            diagnostics.push(cannot_revoke_own(state.name()));
            return Some(state);
        }
        let made = connection.alone_with(state.name()).await;
        if *made == Made::InThisRun {
            // The name has moved to another resource, which could have it because this one's account was gone, or by
            // adopting it.
            return None;
        }
        let token_id = state.token_id.known().copied();
        let revoked = revoke(&connection.api, &connection.operation(context), state.name(), token_id).await;
        connection.changed().await;
        match diagnostics.ok(revoked) {
            Some(()) => {
                connection.ledger.remove(state.name());
                None
            }
            None => Some(state),
        }
    }

    async fn import(&self, context: &Context, id: &str, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let accounts = connection.look(&connection.operation(context), diagnostics).await?;
        let Some(account) = find(&accounts, id) else {
            let names: Vec<_> = accounts.iter().map(|account| format!("{:?}", account.name)).collect();
            diagnostics.push(Diagnostic::error(
                "No such service account",
                format!(
                    "There is no service account named {id:?} to import. Names are case-sensitive. There are: {}.",
                    if names.is_empty() {
                        "none".to_owned()
                    } else {
                        names.join(", ")
                    }
                ),
            ));
            return None;
        };
        diagnostics.push(Diagnostic::warning(
            "The value of an imported token is not known",
            format!(
                "The platform showed the value of service account {id:?} once, when it was made, so `token` stays null. \
                 The value goes on working where it is in use. For one that Terraform knows, change `expires_at`, \
                 `expires_in` or `rotation_triggers`: that rotates the token, and the old value stops working."
            ),
        ));
        let mut state = Model {
            id: id.into(),
            name: id.into(),
            generation: 0.into(),
            ..Model::default()
        };
        follow(&mut state, account);
        Some(state)
    }
}

fn find<'a>(accounts: &'a [ServiceAccount], name: &str) -> Option<&'a ServiceAccount> {
    accounts.iter().find(|account| account.name == name)
}

fn new_account(planned: &Model, expires_at: Option<Expiry>) -> NewServiceAccount<'_> {
    NewServiceAccount {
        name: planned.name(),
        description: planned.description.known().map(String::as_str),
        expires_at: expires_at.map(Expiry::instant),
    }
}

/// Whether this is the token that the provider itself works with: by its value, for names tell nothing.
async fn works_with(connection: &Connection, state: &Model) -> bool {
    match state.token.known() {
        Some(value) => connection.api.works_with(value).await,
        None => false,
    }
}

/// Whether the value in the state is not the one that the platform has now, by the best witness that both have.
fn was_rotated_outside(state: &Model, account: &ServiceAccount) -> bool {
    if let (Some(ours), Some(theirs)) = (state.token_id.known(), account.token_id) {
        return *ours != theirs;
    }
    if let (Some(ours), Some(theirs)) = (state.rotation().expiry(), account.expires_at) {
        return ours != Expiry::at(theirs);
    }
    let instant = |text: &str| text.parse::<Timestamp>().ok();
    let ours = state.updated_at.known().and_then(|text| instant(text));
    let theirs = account.updated_at.as_deref().and_then(instant);
    // The same instant may come in another precision.
    ours.zip(theirs)
        .is_some_and(|(ours, theirs)| ours.duration_since(theirs).abs() >= SignedDuration::from_secs(1))
}

/// Takes over what the platform's list says. What it leaves out stays: it is not said to have changed.
fn follow(state: &mut Model, account: &ServiceAccount) {
    if let Some(now) = account.expires_at.map(Expiry::at)
        && state.rotation().expiry() != Some(now)
    {
        state.expires_at = now.to_string().into();
    }
    if let Some(now) = &account.description
        && state.description.known() != Some(now)
    {
        state.description = now.clone().into();
    }
    if let Some(token_id) = account.token_id {
        state.token_id = token_id.into();
    }
    if let Some(updated_at) = &account.updated_at {
        state.updated_at = updated_at.clone().into();
    }
    if let Some(updated_by) = account.updated_by {
        state.updated_by = updated_by.into();
    }
}

/// What was planned, with what the platform issued for it; `asked` is the expiry that was sent.
fn with_value(planned: Model, asked: Option<Expiry>, issued: IssuedToken, diagnostics: &mut Diagnostics) -> Model {
    let set = issued.expires_at.map(Expiry::at);
    if let (Some(asked), Some(set)) = (asked, set)
        && asked != set
    {
        diagnostics.push(
            Diagnostic::warning(
                "The platform set another expiry",
                format!("The token was to expire at {asked}; the platform says that it expires at {set}."),
            )
            .on("expires_at"),
        );
    }
    Model {
        expires_at: match planned.expires_at {
            Field::Known(spelling) => spelling.into(),
            _ => set.or(asked).map(|expiry| expiry.to_string()).into(),
        },
        token: issued.token.into(),
        token_id: issued.token_id.into(),
        updated_at: issued.updated_at.into(),
        updated_by: issued.updated_by.into(),
        ..planned
    }
}

fn rotates_own(name: &str) -> Diagnostic {
    Diagnostic::warning(
        "The provider works with this token",
        format!(
            "The token of service account {name:?} is the one that the provider itself was given. It goes on with the \
             new value in the same run; before the next run, give it the new value (its argument `token`, or \
             STRIIM_TOKEN)."
        ),
    )
}

fn cannot_revoke_own(name: &str) -> Diagnostic {
    Diagnostic::error(
        "The provider works with this token",
        format!(
            "The token of service account {name:?} is the one that the provider itself was given, and revoking it would \
             cut short whatever else this run has to do. Give the provider another administrator's token and run again; or take the \
             resource out of the state (`terraform state rm`) and revoke the token in the portal."
        ),
    )
}

/// An account is taken over as it is: a description that differs would have it replaced by the next plan.
fn check_description(account: &ServiceAccount, planned: &Model) -> Result<(), Diagnostic> {
    let theirs = account.description.as_deref().unwrap_or_default();
    let ours = planned.description.known().map_or("", String::as_str);
    if theirs == ours {
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
        token: Field::Null,
        token_id: Field::Null,
        updated_at: Field::Null,
        updated_by: Field::Null,
        ..planned
    }
}

fn why_not_created(name: &str, unmade: &Unmade, now: Timestamp) -> Diagnostic {
    let mut diagnostic = failure(&unmade.error);
    let conflict = unmade.error.status() == Some(StatusCode::CONFLICT);
    let more = match &unmade.accounts {
        _ if unmade.left_behind => {
            "The service account is or may be there, without a value that anybody knows. It is in the state, and the \
             next apply replaces it."
                .to_owned()
        }
        Some(accounts) if find(accounts, name).is_some() => quota::taken(name),
        Some(accounts) if conflict => quota::exhausted(accounts, now),
        _ => return diagnostic,
    };
    diagnostic.detail.push_str("\n\n");
    diagnostic.detail.push_str(&more);
    diagnostic.on("name")
}

fn why_not_rotated(name: &str, error: &Error) -> Diagnostic {
    let mut diagnostic = failure(error);
    if error.is_ambiguous() {
        diagnostic.detail.push_str(&format!(
            "\n\nIf it did, the value in the state of {name:?} no longer works. Run again: the next plan sees it and \
             rotates once more."
        ));
    }
    diagnostic
}
