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
//! - Of two resources of one run that declare opposite statuses, at least one is refused before it turns anything. Each
//!   resource is recognised by a number in its private state, because a replacement is planned twice. What is compared is
//!   forgotten when the provider is configured again, which Terraform does for each plan and each apply.
//!
//! # Assumptions
//! - Resources of two `provider` blocks are in two processes and cannot be compared. Where the status was changed since this
//!   resource set it, the plan says so.
//! - An answer to a turn that names a status names the one that it led to. Where it names none (the platform's document
//!   does not say), two runs that turn at the same moment both fail, and say to run again.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::framework::{
    Change, Diagnostic, Diagnostics, Failed, Field, Identity, Model, Outcome, PrivateState, Resource, Schema, Severity,
    Value,
};
use crate::platform::{Session, account};
use crate::rest::Operation;
use crate::striim::api::PatStatus as Status;
use crate::striim::connection::{Connection, Context};
use crate::striim::errors::failure;
use crate::striim::identity::InAccount;

/// Whether personal access tokens may be used in the Striim Cloud account. There must be only one such resource for an account.
/// **Disabling revokes every personal access token at once; enabling again restores none of them.**
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct PatStatus {
    /// Whether personal access tokens may be used.
    #[attribute(required)]
    pub(in crate::striim) enabled: Field<bool>,
    /// What happens to the status when this resource is destroyed: `keep` (the default) leaves it as it is, `enable` and
    /// `disable` set it.
    #[attribute(optional, one_of = ["keep", "enable", "disable"])]
    pub(in crate::striim) on_destroy: Field<String>,
    /// The account's short name; where the provider has only a `base_url`, the host in it.
    #[attribute(computed, use_state_for_unknown)]
    pub(in crate::striim) id: Field<String>,
}

/// The key in the private state of the number that distinguishes a resource from others of the same account.
const INSTANCE: &str = "instance";

/// The key in the private state of the status that the last apply has set.
const APPLIED: &str = "applied";

/// Which status each resource of this run declares, by the number of the resource.
#[derive(Default)]
pub(in crate::striim) struct DeclaredStatuses(Mutex<BTreeMap<String, DeclaredStatus>>);

#[derive(Clone, Copy)]
struct DeclaredStatus {
    enabled: bool,
    /// Whether it comes of the plan of a creation. The apply plans a creation again, under another number; within a file of
    /// `terraform test` that has a `provider` block, by the same connection.
    is_planned_creation: bool,
}

impl DeclaredStatuses {
    /// Notes what a resource declares; `None`: nothing. The result is an error if another resource declares the opposite, and
    /// a warning if another declares the same.
    fn declare(&self, instance: &str, declared: Option<DeclaredStatus>) -> Option<Diagnostic> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(own) = declared else {
            all.remove(instance);
            return None;
        };
        all.insert(instance.to_owned(), own);
        let others = || {
            all.iter()
                .filter(|(other, _)| *other != instance)
                .map(|(_, other)| other)
        };
        if others().any(|other| other.enabled != own.enabled) {
            return Some(contradiction());
        }
        let may_be_the_same = |other: &DeclaredStatus| other.is_planned_creation && own.is_planned_creation;
        others().any(|other| !may_be_the_same(other)).then(duplicate)
    }

    /// Notes that a resource was created with this status: what was noted of its plans no longer counts.
    fn created(&self, instance: &str, enabled: bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, other| !(other.is_planned_creation && other.enabled == enabled));
        let is_planned_creation = false;
        all.insert(
            instance.to_owned(),
            DeclaredStatus {
                enabled,
                is_planned_creation,
            },
        );
    }
}

/// The number of the resource that `private` is of.
fn instance(private: &PrivateState) -> String {
    private.get(INSTANCE).unwrap_or_else(|| {
        // Each is seeded by the system's randomness.
        let instance = format!("{:016x}", RandomState::new().build_hasher().finish());
        private.set(INSTANCE, &instance);
        instance
    })
}

fn contradiction() -> Diagnostic {
    Diagnostic::error(
        "Contradictory statuses of personal access tokens",
        "Two `striim_pat_status` resources of this configuration are for the same account. One is to leave personal access \
         tokens enabled, and the other disabled: by its `enabled`, or, where it is destroyed, by its `on_destroy`. Each apply \
         would toggle the status in turns, and each disabling revokes every token. Keep one of them. To rename one, use a \
         `moved` block; to remove one without an effect, use a `removed` block or set its `on_destroy` to keep first.",
    )
}

fn duplicate() -> Diagnostic {
    Diagnostic::warning(
        "Two resources manage the status of personal access tokens",
        "Two `striim_pat_status` resources of this configuration are for the same account. They agree now; keep one of them, \
         or they will contradict each other once only one is changed.",
    )
}

pub(in crate::striim) struct PatStatusResource {
    session: Session,
}

impl PatStatusResource {
    pub(in crate::striim) fn new(session: Session) -> Self {
        Self { session }
    }
}

/// Notes the status that a resource declares, for the other resources of the same plan, and reports a conflict.
fn declare(context: &Context, enabled: bool, is_planned_creation: bool, diagnostics: &mut Diagnostics) {
    if let Some(connection) = context.known_client() {
        diagnostics.ok(connection.pats.declare(enabled));
        let declared = DeclaredStatus {
            enabled,
            is_planned_creation,
        };
        let statuses = &connection.declared_statuses;
        diagnostics.extend(statuses.declare(&instance(&context.private), Some(declared)));
    }
}

/// Warns if the provider's own token is one of those that are revoked.
async fn warn_about_lockout(context: &Context, diagnostics: &mut Diagnostics) {
    let Some(connection) = context.known_client() else {
        return;
    };
    // Only a user has one, and then it is what the user's provider works with.
    if let Ok(Some(_)) = connection.api.user_token(&connection.operation(context), None).await {
        diagnostics.push(Diagnostic::warning(
            "This locks the provider out",
            "The token that the provider works with is a personal access token, and it is revoked with the others: whatever \
             comes after that in this run fails, and so does the next run. Give the provider the token of a service \
             account.",
        ));
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

impl Resource for PatStatusResource {
    type Model = PatStatus;
    type Client = Connection;

    const TYPE: &'static str = "striim_pat_status";

    /// No token proves that an account at another address is the same one, and disabling personal access tokens in the wrong
    /// account would revoke those of all its users.
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
            diagnostics.push(revokes_all_tokens().on("enabled"));
            warn_about_lockout(context, diagnostics).await;
        }
        if let Some(&now) = before
            && now != enabled
            && context.private.get(APPLIED) == Some(enabled)
        {
            diagnostics.push(toggled_outside(now).on("enabled"));
        }
        declare(context, enabled, change.prior.is_none(), diagnostics);
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &PatStatus) -> Result<(), Diagnostics> {
        let Some(enabled) = status_to_leave(&prior.on_destroy) else {
            if let Some(connection) = context.known_client() {
                connection.declared_statuses.declare(&instance(&context.private), None);
            }
            return Ok(());
        };
        let diagnostics = &mut *context.diagnostics();
        if !enabled && prior.enabled != Field::Known(false) {
            diagnostics.push(revokes_all_tokens());
            warn_about_lockout(context, diagnostics).await;
        }
        declare(context, enabled, false, diagnostics);
        Ok(())
    }

    async fn create(&self, context: &Context, planned: PatStatus) -> Outcome<PatStatus> {
        let connection = context.client()?;
        let wanted = *planned.enabled.get()?;
        let enabled = apply(&connection, context, wanted).await?;
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
        let wanted = *planned.enabled.get()?;
        let enabled = apply(&*context.client()?, context, wanted).await?;
        Ok(PatStatus {
            enabled: enabled.into(),
            ..planned
        })
    }

    async fn delete(&self, context: &Context, state: PatStatus) -> Outcome<PatStatus, ()> {
        let Some(wanted) = status_to_leave(&state.on_destroy) else {
            return Ok(());
        };
        match set(&*context.client()?, context, wanted).await? {
            enabled if enabled == wanted => Ok(()),
            // Reported already.
            enabled => Err(Failed::reported().leaving(PatStatus {
                enabled: enabled.into(),
                ..state
            })),
        }
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<PatStatus, Option<PatStatus>> {
        let connection = context.client()?;
        if id != connection.account {
            return Err(Diagnostic::error(
                "Another account",
                format!(
                    "The provider works with the account {:?}, not with {id:?}. Import it by that name.",
                    connection.account
                ),
            )
            .into());
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

/// Sets the status for the state, and returns what it is afterwards.
async fn apply(connection: &Connection, context: &Context, wanted: bool) -> Result<bool, Diagnostic> {
    let enabled = set(connection, context, wanted).await?;
    let statuses = &connection.declared_statuses;
    statuses.created(&instance(&context.private), wanted);
    context.private.set(APPLIED, wanted);
    Ok(enabled)
}

/// Sets the status, and returns what it is afterwards. Where that is another one, the error is reported.
///
/// # Errors
/// It is not known.
async fn set(connection: &Connection, context: &Context, wanted: bool) -> Result<bool, Diagnostic> {
    let declared = DeclaredStatus {
        enabled: wanted,
        is_planned_creation: true,
    };
    // A status that was unknown in the plan is compared now.
    let conflict = connection
        .declared_statuses
        .declare(&instance(&context.private), Some(declared));
    if let Some(error) = conflict.filter(|conflict| conflict.severity == Severity::Error) {
        return Err(error);
    }
    let operation = connection.operation(context);
    let read = async || connection.api.pat_status(&operation).await.map(|status| status.enabled);
    let _turn = connection.toggling.lock().await;
    if current(connection, &operation).await? == wanted {
        return Ok(wanted);
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
        (Ok(status), _) if status == wanted => Ok(status),
        (Ok(status), turned) => {
            context.report(turned.map_or_else(|error| failure(&error), |_| did_not_stay(wanted, status)));
            Ok(status)
        }
        (Err(error), turned) => Err(failure(turned.as_ref().err().unwrap_or(&error))),
    }
}

fn did_not_stay(wanted: bool, status: bool) -> Diagnostic {
    Diagnostic::error(
        "The status did not stay",
        format!(
            "Personal access tokens were to be {}, and the platform accepted the toggle, but now they are {}. Another client \
             may have toggled them at the same time. Run again.",
            word(wanted),
            word(status)
        ),
    )
}

/// Before the status is looked at again: drawn, so that two runs do not go on in step.
fn pauses() -> impl Iterator<Item = Duration> {
    let pauses = ExponentialBuilder::new().with_min_delay(Duration::from_millis(500));
    pauses.with_jitter().with_max_times(4).build()
}

/// What the status is.
pub(in crate::striim) async fn current(connection: &Connection, operation: &Operation) -> Result<bool, Diagnostic> {
    let status = connection.api.pat_status(operation).await;
    status.map(|status| status.enabled).map_err(|error| failure(&error))
}

fn word(enabled: bool) -> &'static str {
    if enabled { "enabled" } else { "disabled" }
}

/// The warning of a plan that undoes a change from outside.
fn toggled_outside(enabled: bool) -> Diagnostic {
    Diagnostic::warning(
        format!("Personal access tokens were {} outside of this resource", word(enabled)),
        "The last apply of this resource has set the status that it declares, and it is the opposite now. Another \
         configuration, another `provider` block for the same account, or a user in the console has changed it. If it was a \
         second `striim_pat_status`, keep one of them: each apply toggles the status in turns, and each disabling revokes \
         every token.",
    )
}

fn revokes_all_tokens() -> Diagnostic {
    Diagnostic::warning(
        "This revokes every personal access token",
        "Disabling personal access tokens makes every one of the account's users' tokens invalid at once. Enabling \
         them again restores none: each user has to make a new one.",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::framework::DynResource;
    use crate::framework::testing::{Configuration, ResourceBlock, RunOptions, RunOutcome, SingleResource, Workspace};
    use crate::sandbox::striim::{Options, Sandbox};
    use crate::striim::tests::{connection, provider, sandbox};

    const TYPE: &str = "striim_pat_status";

    fn config(enabled: bool) -> PatStatus {
        PatStatus {
            enabled: enabled.into(),
            ..PatStatus::default()
        }
    }

    /// A configuration with these resources.
    fn resources<const N: usize>(resources: [(&str, PatStatus); N]) -> Configuration {
        let resources = resources.into_iter();
        let resources = resources.map(|(name, config)| (format!("{TYPE}.{name}"), ResourceBlock::new(config)));
        resources.collect()
    }

    async fn plan(workspace: &Workspace, sandbox: &Sandbox, declared: &Configuration) -> (bool, String) {
        let options = RunOptions::default();
        let planned = workspace.plan(|| provider(sandbox), declared, &options).await;
        (planned.is_some(), format!("{:?}", workspace.take_diagnostics()))
    }

    #[tokio::test(start_paused = true)]
    async fn opposite_statuses_are_refused_in_the_plan_and_equal_ones_warned_of() {
        for (one, other) in [(true, false), (false, true), (true, true), (false, false)] {
            let (sandbox, workspace) = (sandbox(Options::default()), Workspace::new());
            let both = resources([("first", config(one)), ("second", config(other))]);
            let (is_planned, shown) = plan(&workspace, &sandbox, &both).await;
            assert_eq!(is_planned, one == other, "{shown}");
            assert_eq!(shown.contains("Contradictory statuses"), one != other, "{shown}");
            if one == other {
                let first = resources([("first", config(one))]);
                let applied = workspace.apply(|| provider(&sandbox), &first).await;
                assert_eq!(applied, RunOutcome::Applied);
                let (is_planned, shown) = plan(&workspace, &sandbox, &both).await;
                assert!(
                    is_planned && shown.contains("Two resources manage the status"),
                    "{shown}"
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn opposite_status_of_a_second_resource_toggles_nothing() {
        let (sandbox, workspace) = (sandbox(Options::default()), Workspace::new());
        let first = resources([("first", config(true))]);
        let applied = workspace.apply(|| provider(&sandbox), &first).await;
        assert_eq!(applied, RunOutcome::Applied);
        let both = resources([("first", config(true)), ("second", config(false))]);
        let applied = workspace.apply(|| provider(&sandbox), &both).await;
        assert_eq!(applied, RunOutcome::Failed);
        let shown = format!("{:?}", workspace.take_diagnostics());
        assert!(shown.contains("Contradictory statuses"), "{shown}");
        // Known only at apply, it is not compared before.
        let resource = PatStatusResource::new(Session::new(sandbox.clock()));
        let connection = Arc::new(connection(&sandbox));
        let contexts = [(); 2].map(|()| Context::with_client(connection.clone()));
        resource.create(&contexts[0], config(true)).await.unwrap();
        let failed = resource.create(&contexts[1], config(false)).await.unwrap_err();
        assert!(failed.leaves.is_none() && failed.diagnostics.has_errors());
        assert_eq!(sandbox.calls("PATCH", "/user-token/status"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_resource_may_be_changed_replaced_and_destroyed() {
        let sandbox = sandbox(Options::default());
        let start = || provider(&sandbox);
        let [mut first, mut second] = [(); 2].map(|()| SingleResource::new(TYPE));
        for enabled in [true, false, true] {
            first.apply(start, Some(&config(enabled))).await.succeeds();
            first.apply(start, Some(&config(enabled))).await.changes_nothing();
        }
        let replaced = first.replace(start, &config(false)).await.succeeds();
        assert!(!replaced.reports(Severity::Warning, "Two resources"), "{replaced:?}");
        first.destroy(start).await.succeeds();
        second.apply(start, Some(&config(true))).await.succeeds();
    }

    /// As in a file of `terraform test` with a `provider` block of its own.
    #[tokio::test(start_paused = true)]
    async fn one_resource_may_be_changed_by_runs_that_share_a_connection() {
        let sandbox = sandbox(Options::default());
        let resource = PatStatusResource::new(Session::new(sandbox.clock()));
        let connection = Arc::new(connection(&sandbox));
        let (mut state, mut private) = (Value::Null, PrivateState::default());
        for enabled in [true, false, true] {
            let declared = crate::framework::Model::into_value(config(enabled));
            // Terraform plans in the plan and again in the apply, and hands a creation nothing of the first plan.
            for applies in [false, true] {
                let mut context = Context::with_client(connection.clone());
                if !state.is_null() {
                    context.private = private.clone();
                }
                let plan = DynResource::plan(&resource, &context, &declared, &state, declared.clone()).await;
                if applies {
                    state = DynResource::apply(&resource, &context, state, plan.unwrap().planned).await;
                    private = context.private.clone();
                }
                let shown = context.take_diagnostics();
                let is_about_two = |shown: &Diagnostic| shown.summary.contains("Two resources");
                assert!(!shown.has_errors() && !shown.iter().any(is_about_two), "{shown:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn status_that_a_destroy_leaves_is_compared() {
        let (sandbox, workspace) = (sandbox(Options::default()), Workspace::new());
        let disabling = PatStatus {
            on_destroy: "disable".into(),
            ..config(true)
        };
        let first = resources([("first", disabling)]);
        let applied = workspace.apply(|| provider(&sandbox), &first).await;
        assert_eq!(applied, RunOutcome::Applied);
        workspace.take_diagnostics();
        let second = resources([("second", config(true))]);
        let (is_planned, shown) = plan(&workspace, &sandbox, &second).await;
        assert!(!is_planned && shown.contains("Contradictory statuses"), "{shown}");
    }

    #[tokio::test(start_paused = true)]
    async fn status_toggled_by_another_process_is_reported() {
        let sandbox = sandbox(Options::default());
        let start = || provider(&sandbox);
        let [mut one, mut other] = [(); 2].map(|()| SingleResource::new(TYPE));
        one.apply(start, Some(&config(true))).await.succeeds();
        other.apply(start, Some(&config(false))).await.succeeds();
        let run = one.plan(start, Some(&config(true))).await.succeeds();
        run.warns("were disabled outside of this resource");
    }
}
