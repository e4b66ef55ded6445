//! `striim_pat_status`: whether the account's users may use personal access tokens.
//!
//! # Flow
//! The API cannot be told a status, only to turn it: read; if it differs, turn once; read again. Another run may turn it
//! between the reading and the turning, and what was meant to be done is undone: if the platform's answer says so, read
//! after a while and turn again.
//!
//! # Guarantees
//! - A status that is already as declared is not touched.
//! - A turn is never sent twice on the word of a lost answer, nor of a reading that may be of before the turn: only where
//!   the answer to the turn itself says that it led away from what is declared.
//! - What is told as done was read afterwards. If it cannot be reached, the operation fails with the status that is.
//!
//! # Assumptions
//! - An answer to a turn that names a status names the one that it led to. Where it names none (the platform's document
//!   does not say), two runs that turn at the same moment both fail, and say to run again.

use std::time::Duration;

use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBuilder};

use super::api::PatStatus as Status;
use super::failure::failure;
use super::identity::OfAccount;
use super::session::{Connection, Session};
use crate::framework::{Attribute, Change, Context, Diagnostic, Diagnostics, Field, Resource, Schema, Type, model};
use crate::rest::Operation;

model! {
    /// The attributes of `striim_pat_status`.
    pub(super) struct Model {
        id: String,
        enabled: bool,
        on_destroy: String,
    }
}

pub(super) struct PatStatus {
    session: Session,
}

impl PatStatus {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }

    /// Lets the personal access tokens of the same plan know.
    fn declare(&self, enabled: bool, diagnostics: &mut Diagnostics) {
        if let Some(connection) = self.session.connected() {
            diagnostics.ok(connection.pats.declare(enabled));
        }
    }

    /// Warns if the provider's own token is one of those that end.
    async fn tell_of_a_lockout(&self, context: &Context, diagnostics: &mut Diagnostics) {
        let Some(connection) = self.session.connected() else {
            return;
        };
        // Only a user has one, and then it is what the user's provider works with.
        if let Ok(Some(_)) = connection.api.user_token(&connection.operation(context), None).await {
            diagnostics.push(Diagnostic::warning(
                "This locks the provider out",
                "The token that the provider works with is a personal access token, and it ends with the others: \
                 whatever comes after that in this run fails, and so does the next run. Give the provider the token \
                 of a service account.",
            ));
        }
    }
}

/// What `on_destroy` asks for: the status to leave behind, or `None` to keep the one there is.
fn status_to_leave(on_destroy: &Field<String>) -> Option<bool> {
    match on_destroy.known().map(String::as_str) {
        Some("enable") => Some(true),
        Some("disable") => Some(false),
        _ => None,
    }
}

#[async_trait]
impl Resource for PatStatus {
    type Model = Model;
    type Identity = OfAccount;

    const TYPE: &'static str = "striim_pat_status";

    fn schema(&self) -> Schema {
        Schema::new(
            "Whether personal access tokens may be used in the Striim Cloud account. There must be only one such \
             resource for an account. **Disabling ends every personal access token at once; enabling again restores \
             none of them.**",
            [
                Attribute::required("enabled", Type::Bool, "Whether personal access tokens may be used."),
                Attribute::optional(
                    "on_destroy",
                    Type::String,
                    "What becomes of the status when this resource is destroyed: `keep` (the default) leaves it as it \
                     is, `enable` and `disable` set it.",
                ),
                Attribute::computed(
                    "id",
                    Type::String,
                    "The account's short name; where the provider has only a `base_url`, the host in it.",
                ),
            ],
        )
    }

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        if let Some(on_destroy) = config.on_destroy.known()
            && !["keep", "enable", "disable"].contains(&on_destroy.as_str())
        {
            diagnostics.push(
                Diagnostic::error(
                    "Invalid on_destroy",
                    format!("`on_destroy` must be keep, enable or disable; it is {on_destroy:?}."),
                )
                .on("on_destroy"),
            );
        }
    }

    async fn plan(&self, context: &Context, change: &mut Change<Model>, diagnostics: &mut Diagnostics) {
        let Some(&enabled) = change.planned.enabled.known() else {
            return;
        };
        let before = change.prior.as_ref().and_then(|prior| prior.enabled.known());
        if !enabled && before != Some(&false) {
            diagnostics.push(ends_all_tokens().on("enabled"));
            self.tell_of_a_lockout(context, diagnostics).await;
        }
        self.declare(enabled, diagnostics);
    }

    async fn plan_destroy(&self, context: &Context, prior: &Model, diagnostics: &mut Diagnostics) {
        let Some(enabled) = status_to_leave(&prior.on_destroy) else {
            return;
        };
        if !enabled && prior.enabled != Field::Known(false) {
            diagnostics.push(ends_all_tokens());
            self.tell_of_a_lockout(context, diagnostics).await;
        }
        self.declare(enabled, diagnostics);
    }

    async fn create(&self, context: &Context, planned: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let wanted = planned.enabled.known().copied()?;
        let enabled = set(&connection, context, wanted, diagnostics).await?;
        Some(Model {
            id: connection.account.clone().into(),
            enabled: enabled.into(),
            ..planned
        })
    }

    async fn read(&self, context: &Context, state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        if self.session.is_waiting() {
            return Some(state);
        }
        let Some(connection) = self.session.connection(diagnostics) else {
            return Some(state);
        };
        match current(&connection, &connection.operation(context), diagnostics).await {
            Some(enabled) => Some(Model {
                enabled: enabled.into(),
                ..state
            }),
            None => Some(state),
        }
    }

    async fn update(&self, context: &Context, prior: Model, planned: Model, diagnostics: &mut Diagnostics) -> Model {
        let Some(connection) = self.session.connection(diagnostics) else {
            return prior;
        };
        let Some(wanted) = planned.enabled.known().copied() else {
            return prior;
        };
        match set(&connection, context, wanted, diagnostics).await {
            Some(enabled) => Model {
                enabled: enabled.into(),
                ..planned
            },
            None => prior,
        }
    }

    async fn delete(&self, context: &Context, state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let wanted = status_to_leave(&state.on_destroy)?;
        let Some(connection) = self.session.connection(diagnostics) else {
            return Some(state);
        };
        match set(&connection, context, wanted, diagnostics).await {
            Some(enabled) if enabled == wanted => None,
            Some(enabled) => Some(Model {
                enabled: enabled.into(),
                ..state
            }),
            None => Some(state),
        }
    }

    async fn import(&self, context: &Context, id: &str, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        if id != connection.account {
            diagnostics.push(Diagnostic::error(
                "Another account",
                format!(
                    "The provider works with the account {:?}, not with {id:?}. Import it by that name.",
                    connection.account
                ),
            ));
            return None;
        }
        let enabled = current(&connection, &connection.operation(context), diagnostics).await?;
        Some(Model {
            id: id.into(),
            enabled: enabled.into(),
            on_destroy: Field::Null,
        })
    }

    fn identity_schema(&self) -> Option<Schema> {
        Some(OfAccount::schema())
    }

    fn identity(&self, _: &Model) -> Option<OfAccount> {
        Some(OfAccount::of(&self.session))
    }

    fn import_id(&self, identity: OfAccount) -> Result<String, Diagnostic> {
        identity.import_id(&self.session)
    }
}

/// Leads the status to what is wanted and tells what it is afterwards; `None`, with an error, if that is not known.
async fn set(connection: &Connection, context: &Context, wanted: bool, diagnostics: &mut Diagnostics) -> Option<bool> {
    let operation = connection.operation(context);
    let read = async || connection.api.pat_status(&operation).await.map(|status| status.enabled);
    let _turn = connection.toggling.lock().await;
    if current(connection, &operation, diagnostics).await? == wanted {
        return Some(wanted);
    }
    let mut turned = connection.api.toggle_pat_status(&operation).await;
    let mut status = read().await;
    for pause in pauses() {
        let (Ok(led_to), Ok(seen)) = (&turned, &status) else {
            break;
        };
        if *seen == wanted || operation.pause(pause).await.is_err() {
            break;
        }
        let met_another = *led_to == Some(Status { enabled: !wanted });
        status = read().await;
        if met_another && status.as_ref().is_ok_and(|seen| *seen != wanted) {
            turned = connection.api.toggle_pat_status(&operation).await;
            status = read().await;
        }
    }
    match (status, turned) {
        (Ok(status), _) if status == wanted => Some(status),
        (Ok(status), Ok(_)) => {
            diagnostics.push(Diagnostic::error(
                "The status did not stay",
                format!(
                    "Personal access tokens were to be {}, and the platform took the turn, but now they are {}. \
                     Somebody else may have turned them at the same time. Run again.",
                    word(wanted),
                    word(status)
                ),
            ));
            Some(status)
        }
        (Ok(status), Err(error)) => {
            diagnostics.push(failure(&error));
            Some(status)
        }
        (Err(error), turned) => {
            diagnostics.push(failure(turned.as_ref().err().unwrap_or(&error)));
            None
        }
    }
}

/// Before the status is looked at again: drawn, so that two runs do not go on in step.
fn pauses() -> impl Iterator<Item = Duration> {
    let pauses = ExponentialBuilder::new().with_min_delay(Duration::from_millis(500));
    pauses.with_jitter().with_max_times(4).build()
}

/// What the status is; `None`, with an error, if it cannot be read.
pub(super) async fn current(
    connection: &Connection,
    operation: &Operation,
    diagnostics: &mut Diagnostics,
) -> Option<bool> {
    let status = connection.api.pat_status(operation).await;
    diagnostics.ok(status.map(|status| status.enabled).map_err(|error| failure(&error)))
}

fn word(enabled: bool) -> &'static str {
    if enabled { "enabled" } else { "disabled" }
}

fn ends_all_tokens() -> Diagnostic {
    Diagnostic::warning(
        "This ends every personal access token",
        "Disabling personal access tokens makes every one of the account's users' tokens invalid at once. Enabling \
         them again restores none: each user has to make a new one.",
    )
}
