//! Runs with one or two `striim_pat_status`, against the sandbox, under tokio's paused clock.

use std::sync::Arc;

use super::*;
use crate::framework::testing::{Configuration, ResourceBlock, RunOptions, RunOutcome, SingleResource, Workspace};
use crate::framework::{DynResource, Severity};
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
async fn plan_rejects_opposite_statuses_and_warns_of_equal_ones() {
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
    // A status that is known only at apply is not compared during the plan.
    let resource = PatStatusResource::new(Session::new(sandbox.clock()));
    let connection = Arc::new(connection(&sandbox));
    let contexts = [(); 2].map(|()| Context::with_client(connection.clone()));
    resource.create(&contexts[0], config(true)).await.unwrap();
    let failed = resource.create(&contexts[1], config(false)).await.unwrap_err();
    assert!(failed.leaves.is_none() && failed.diagnostics.has_errors());
    assert_eq!(sandbox.calls("PATCH", "/user-token/status"), 0);
}

#[tokio::test(start_paused = true)]
async fn single_resource_can_be_changed_replaced_and_destroyed() {
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

/// Shares one connection between the runs, as a `terraform test` file with a `provider` block does.
#[tokio::test(start_paused = true)]
async fn single_resource_can_be_changed_by_runs_that_share_a_connection() {
    let sandbox = sandbox(Options::default());
    let resource = PatStatusResource::new(Session::new(sandbox.clock()));
    let connection = Arc::new(connection(&sandbox));
    let (mut state, mut private) = (Value::Null, PrivateState::default());
    for enabled in [true, false, true] {
        let declared = crate::framework::Model::into_value(config(enabled));
        // Terraform plans again in the apply, and passes no private state of the first plan to a creation.
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
async fn status_set_by_destroy_is_checked_for_conflicts() {
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
    run.warns("were disabled outside this resource");
}
