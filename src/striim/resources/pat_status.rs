//! `striim_pat_status`: whether the account's users may use personal access tokens.
//!
//! # Flow
//! The API can only toggle the status. Create and update read it, toggle once if it differs from the
//! declared one, and read it again. In a race, another client toggles after the first read, so that the
//! second toggle leads away from the declared status. If the platform's answer shows that, the status is
//! read after a pause and toggled again.
//!
//! # Guarantees
//! - A status that is already as declared is not toggled.
//! - The toggle is repeated only if its answer shows that it led away from the declared status. It is not
//!   repeated after a lost answer or a possibly stale read.
//! - A status is reported as set only after a read confirms it. Otherwise the operation fails and records
//!   the actual status.
//! - Of two resources of one run that declare opposite statuses, at least one fails before it toggles
//!   anything. Resources are distinguished by a random number in their private state, because a
//!   replacement is planned twice. The declarations are dropped when the provider is configured again,
//!   which Terraform does for each plan and each apply.
//!
//! # Assumptions
//! - Resources of two `provider` blocks are in two processes and cannot be compared. If the status was
//!   changed since this resource set it, the plan warns of it.
//! - If the answer to a toggle contains a status, it is the new one. The platform does not document that
//!   the answer contains one. If it does not, two runs that toggle at the same moment both fail, and advise
//!   to run again.

mod diagnostics;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::framework::{
    Change, Diagnostic, Diagnostics, Failed, Field, Identity, Model, Outcome, PrivateState, Resource, Schema, Value,
};
use crate::platform::{Session, account};
use crate::rest::Operation;
use crate::striim::api::PatStatus as Status;
use crate::striim::connection::{Connection, Context};
use crate::striim::errors::request_failed;
use crate::striim::identity::InAccount;
use crate::striim::planned_changes::pat_statuses::{Conflict, DeclaredStatus};

/// Enables or disables personal access tokens in the Striim Cloud account. Declare only one such resource for an account.
/// **Disabling revokes every personal access token at once; enabling again restores none of them.**
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct PatStatus {
    /// Whether personal access tokens are enabled.
    #[attribute(required)]
    pub(in crate::striim) enabled: Field<bool>,
    /// The effect of destroying this resource: `keep` (the default) leaves the status unchanged, `enable` and `disable` set it.
    #[attribute(optional, one_of = ["keep", "enable", "disable"])]
    pub(in crate::striim) on_destroy: Field<String>,
    /// The account's short name, or the host of `base_url` if no account is configured.
    #[attribute(computed, use_state_for_unknown)]
    pub(in crate::striim) id: Field<String>,
}

/// The key in the private state of the random number that distinguishes this resource from others of the same account.
const INSTANCE: &str = "instance";

/// The key in the private state of the status that the last apply has set.
const APPLIED: &str = "applied";

/// Returns the number of the resource with this private state.
fn instance(private: &PrivateState) -> String {
    private.get(INSTANCE).unwrap_or_else(|| {
        // `RandomState` is seeded by the system, so the number is unique in practice.
        let instance = format!("{:016x}", RandomState::new().build_hasher().finish());
        private.set(INSTANCE, &instance);
        instance
    })
}

pub(in crate::striim) struct PatStatusResource {
    session: Session,
}

impl PatStatusResource {
    pub(in crate::striim) fn new(session: Session) -> Self {
        Self { session }
    }
}

/// Records the status that a resource declares, and reports a conflict with another resource.
fn declare(context: &Context, enabled: bool, is_planned_creation: bool, diagnostics: &mut Diagnostics) {
    if let Some(connection) = context.known_client() {
        diagnostics.ok(connection.planned_pats.set_enabled(enabled));
        let declared = DeclaredStatus {
            enabled,
            is_planned_creation,
        };
        let statuses = &connection.planned_pat_statuses;
        let conflict = statuses.declare(&instance(&context.private), declared);
        diagnostics.extend(conflict.map(|conflict| match conflict {
            Conflict::Opposite => diagnostics::opposite_statuses(),
            Conflict::Duplicate => diagnostics::duplicate(),
        }));
    }
}

/// Warns if disabling revokes the provider's own token.
async fn warn_about_lockout(context: &Context, diagnostics: &mut Diagnostics) {
    let Some(connection) = context.known_client() else {
        return;
    };
    // A provider that uses a personal access token has the rights of its user.
    if let Ok(Some(_)) = connection.api.user_token(&connection.operation(context), None).await {
        diagnostics.push(diagnostics::locks_provider_out());
    }
}

/// Returns the status that a destroy sets; `None` keeps the present one.
fn status_on_destroy(on_destroy: &Field<String>) -> Option<bool> {
    match on_destroy.known().map(String::as_str) {
        Some("enable") => Some(true),
        Some("disable") => Some(false),
        _ => None,
    }
}

impl Resource for PatStatusResource {
    type Model = PatStatus;
    type Client = Connection;

    const TYPE: &'static str = "striim_pat_status";

    /// Rejects any other account. Unlike for a token, nothing can prove that an account at another address is the same one, and
    /// disabling personal access tokens in the wrong account would revoke those of all its users.
    async fn permits(&self, context: &Context, _: &PatStatus) -> Result<(), Diagnostics> {
        let what = "The status of personal access tokens";
        let is_there = async { Ok(false) };
        Ok(account::verify(&context.private, self.session.account(), what, is_there).await?)
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
    }

    async fn plan(&self, context: &Context, change: &mut Change<PatStatus>) -> Result<(), Diagnostics> {
        let diagnostics = &mut *context.diagnostics();
        let Some(&enabled) = change.planned.enabled.known() else {
            return Ok(());
        };
        let before = change.prior.as_ref().and_then(|prior| prior.enabled.known());
        if !enabled && before != Some(&false) {
            diagnostics.push(diagnostics::revokes_all_tokens().on("enabled"));
            warn_about_lockout(context, diagnostics).await;
        }
        if let Some(&now) = before
            && now != enabled
            && context.private.get(APPLIED) == Some(enabled)
        {
            diagnostics.push(diagnostics::toggled_outside(now).on("enabled"));
        }
        declare(context, enabled, change.prior.is_none(), diagnostics);
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &PatStatus) -> Result<(), Diagnostics> {
        let Some(enabled) = status_on_destroy(&prior.on_destroy) else {
            if let Some(connection) = context.known_client() {
                connection.planned_pat_statuses.release(&instance(&context.private));
            }
            return Ok(());
        };
        let diagnostics = &mut *context.diagnostics();
        if !enabled && prior.enabled != Field::Known(false) {
            diagnostics.push(diagnostics::revokes_all_tokens());
            warn_about_lockout(context, diagnostics).await;
        }
        declare(context, enabled, false, diagnostics);
        Ok(())
    }

    async fn create(&self, context: &Context, planned: PatStatus) -> Outcome<PatStatus> {
        let connection = context.client()?;
        let desired = *planned.enabled.get()?;
        let enabled = apply(&connection, context, desired).await?;
        Ok(PatStatus {
            id: connection.account.clone().into(),
            enabled: enabled.into(),
            ..planned
        })
    }

    async fn read(&self, context: &Context, state: PatStatus) -> Outcome<PatStatus, Option<PatStatus>> {
        if context.is_config_unknown() {
            return Ok(Some(state));
        }
        let connection = context.client()?;
        let enabled = current(&connection, &connection.operation(context)).await?;
        Ok(Some(PatStatus {
            enabled: enabled.into(),
            ..state
        }))
    }

    async fn update(&self, context: &Context, _: PatStatus, planned: PatStatus) -> Outcome<PatStatus> {
        let desired = *planned.enabled.get()?;
        let enabled = apply(&*context.client()?, context, desired).await?;
        Ok(PatStatus {
            enabled: enabled.into(),
            ..planned
        })
    }

    async fn delete(&self, context: &Context, state: PatStatus) -> Outcome<PatStatus, ()> {
        let Some(desired) = status_on_destroy(&state.on_destroy) else {
            return Ok(());
        };
        match set(&*context.client()?, context, desired).await? {
            enabled if enabled == desired => Ok(()),
            // `set` has reported the error.
            enabled => Err(Failed::reported().leaving(PatStatus {
                enabled: enabled.into(),
                ..state
            })),
        }
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<PatStatus, Option<PatStatus>> {
        let connection = context.client()?;
        if id != connection.account {
            return Err(diagnostics::other_account(&connection.account, id).into());
        }
        let enabled = current(&connection, &connection.operation(context)).await?;
        instance(&context.private);
        Ok(Some(PatStatus {
            id: id.into(),
            enabled: enabled.into(),
            on_destroy: Field::Null,
        }))
    }

    fn identity_schema(&self) -> Option<Schema> {
        Some(InAccount::schema())
    }

    fn identity(&self, context: &Context, _: &Value) -> Option<Identity> {
        Some(InAccount::identity(context))
    }

    fn import_id(&self, context: &Context, identity: &Identity) -> Result<String, Diagnostic> {
        InAccount::import_id(context, identity)
    }
}

/// Sets the declared status, and returns the actual one.
async fn apply(connection: &Connection, context: &Context, desired: bool) -> Result<bool, Diagnostic> {
    let enabled = set(connection, context, desired).await?;
    let statuses = &connection.planned_pat_statuses;
    statuses.created(&instance(&context.private), desired);
    context.private.set(APPLIED, desired);
    Ok(enabled)
}

/// Sets the status, and returns the actual one. If it differs from the desired one, reports an error.
///
/// # Errors
/// Returns an error if the actual status is unknown.
async fn set(connection: &Connection, context: &Context, desired: bool) -> Result<bool, Diagnostic> {
    let declared = DeclaredStatus {
        enabled: desired,
        is_planned_creation: true,
    };
    // A status that was unknown in the plan is declared only now.
    let conflict = connection
        .planned_pat_statuses
        .declare(&instance(&context.private), declared);
    if conflict == Some(Conflict::Opposite) {
        return Err(diagnostics::opposite_statuses());
    }
    let operation = connection.operation(context);
    let read = async || connection.api.pat_status(&operation).await.map(|status| status.enabled);
    let _toggling = connection.toggling.lock().await;
    if current(connection, &operation).await? == desired {
        return Ok(desired);
    }
    let mut toggled = connection.api.toggle_pat_status(&operation).await;
    let mut actual = read().await;
    for pause in pauses() {
        let (Ok(led_to), Ok(seen)) = (&toggled, &actual) else {
            break;
        };
        if *seen == desired || operation.pause(pause).await.is_err() {
            break;
        }
        let is_race = *led_to == Some(Status { enabled: !desired });
        actual = read().await;
        if is_race && actual.as_ref().is_ok_and(|seen| *seen != desired) {
            toggled = connection.api.toggle_pat_status(&operation).await;
            actual = read().await;
        }
    }
    match (actual, toggled) {
        (Ok(actual), _) if actual == desired => Ok(actual),
        (Ok(actual), toggled) => {
            context.report(toggled.map_or_else(
                |error| request_failed(&error),
                |_| diagnostics::did_not_stay(desired, actual),
            ));
            Ok(actual)
        }
        (Err(error), toggled) => Err(request_failed(toggled.as_ref().err().unwrap_or(&error))),
    }
}

/// Returns the pauses before the status is read again, with jitter so that two runs do not collide again.
fn pauses() -> impl Iterator<Item = Duration> {
    let pauses = ExponentialBuilder::new().with_min_delay(Duration::from_millis(500));
    pauses.with_jitter().with_max_times(4).build()
}

/// Reads the status.
pub(in crate::striim) async fn current(connection: &Connection, operation: &Operation) -> Result<bool, Diagnostic> {
    let status = connection.api.pat_status(operation).await;
    status
        .map(|status| status.enabled)
        .map_err(|error| request_failed(&error))
}

#[cfg(test)]
mod tests;
