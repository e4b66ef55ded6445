//! Runs with several resources.

use serde_json::json;

use super::things::{Breaks, Things, text};
use crate::framework::testing::*;

fn configuration(things: &[(&str, ResourceBlock)]) -> Configuration {
    let things = things.iter().cloned();
    things.map(|(name, block)| (address(name), block)).collect()
}

fn address(name: &str) -> String {
    format!("thing.{name}")
}

fn thing(name: &str) -> ResourceBlock {
    ResourceBlock::new(json!({ "name": name }))
}

async fn apply(things: &Things, workspace: &Workspace, blocks: &[(&str, ResourceBlock)]) -> RunOutcome {
    workspace.apply(things.clone(), &configuration(blocks)).await
}

fn name(workspace: &Workspace, of: &str) -> String {
    text(workspace.state()[&address(of)].get("name"))
}

fn summaries(workspace: &Workspace) -> Vec<String> {
    let shown = workspace.take_diagnostics().into_iter();
    shown.map(|diagnostic| diagnostic.summary).collect()
}

#[tokio::test]
async fn dependent_resource_is_created_last_and_destroyed_first() {
    let (things, workspace) = (Things::default(), Workspace::new());
    let both = |name| {
        [
            ("a", thing("leaf").referring("of", "thing.z", "id")),
            ("z", thing(name)),
        ]
    };
    assert_eq!(apply(&things, &workspace, &both("root")).await, RunOutcome::Applied);
    assert_eq!(things.done(), ["create root", "create leaf of id-root"]);
    assert_eq!(apply(&things, &workspace, &both("root")).await, RunOutcome::Unchanged);

    assert_eq!(apply(&things, &workspace, &both("oak")).await, RunOutcome::Applied);
    let replaced = [
        "delete leaf of id-root",
        "delete root",
        "create oak",
        "create leaf of id-oak",
    ];
    assert_eq!(things.done(), replaced);
    assert_eq!(apply(&things, &workspace, &[]).await, RunOutcome::Applied);
    assert_eq!(things.done(), ["delete leaf of id-oak", "delete oak"]);
    assert!(workspace.state().is_empty() && workspace.violations().is_empty());
}

#[tokio::test]
async fn failed_create_stops_only_dependents() {
    let (things, workspace) = (Things::default(), Workspace::new());
    let blocks = [
        ("a", thing("leaf").referring("of", "thing.z", "id")),
        ("b", thing("other")),
        ("z", thing("root!")),
    ];
    assert_eq!(apply(&things, &workspace, &blocks).await, RunOutcome::Failed);
    assert_eq!(things.done(), ["create other", "create root!"]);
    assert_eq!(workspace.state().into_keys().collect::<Vec<_>>(), ["thing.b"]);
    assert_eq!(summaries(&workspace), ["cannot create"]);
}

#[tokio::test]
async fn partly_created_resource_is_tainted_and_replaced() {
    let (mut things, workspace) = (Things::default(), Workspace::new());
    things.leaves_halves = true;
    assert_eq!(
        apply(&things, &workspace, &[("a", thing("leaf!"))]).await,
        RunOutcome::Failed
    );
    assert!(workspace.state()["thing.a"].is_tainted);
    assert_eq!(things.done(), ["create leaf!"]);
    assert_eq!(
        apply(&things, &workspace, &[("a", thing("leaf!"))]).await,
        RunOutcome::Failed
    );
    assert_eq!(things.done(), ["delete leaf!"], "a failed destruction keeps the object");
    assert!(workspace.state()["thing.a"].is_tainted);
}

#[tokio::test]
async fn each_rule_violation_is_recorded_and_fails_run() {
    let cases = [
        (
            Breaks::Plan,
            "Provider produced invalid plan: thing.a: .name: planned value",
        ),
        (
            Breaks::Result,
            "Provider produced inconsistent result after apply: thing.a: .id: was",
        ),
        (
            Breaks::Unknown,
            "invalid result object after apply: thing.a: it has unknown values",
        ),
        (
            Breaks::WriteOnly,
            "invalid result object after apply: thing.a: a write-only attribute",
        ),
    ];
    for (breaks, problem) in cases {
        let (mut things, workspace) = (Things::default(), Workspace::new());
        things.breaks = breaks;
        let block = ResourceBlock::new(json!({ "name": "leaf", "secret": "s3cret" }));
        assert_eq!(apply(&things, &workspace, &[("a", block)]).await, RunOutcome::Failed);
        let violations = workspace.violations();
        assert!(
            violations.len() == 1 && violations[0].contains(problem),
            "{violations:?}"
        );
        assert!(!format!("{violations:?}{:?}", workspace.take_diagnostics()).contains("s3cret"));
    }
}

#[tokio::test]
async fn replacement_is_planned_twice_and_second_warnings_are_dropped() {
    let (mut things, workspace) = (Things::default(), Workspace::new());
    apply(&things, &workspace, &[("a", thing("leaf"))]).await;
    things.records_plans = true;
    assert_eq!(
        apply(&things, &workspace, &[("a", thing("root"))]).await,
        RunOutcome::Applied
    );
    // The apply plans the creation again, without private state, because the old object is gone.
    assert_eq!(summaries(&workspace), ["with a prior state", "without"]);
    assert_eq!(
        apply(&things, &workspace, &[("a", thing("root"))]).await,
        RunOutcome::Unchanged
    );
    assert_eq!(summaries(&workspace), ["without, with a prior state"]);
}

#[tokio::test]
async fn create_before_destroy_creates_first_and_is_inherited_by_dependencies() {
    let (things, workspace) = (Things::default(), Workspace::new());
    let both = |name, leaf: ResourceBlock| [("a", leaf.referring("of", "thing.z", "id")), ("z", thing(name))];
    let leaf = || thing("leaf").create_before_destroy();
    apply(&things, &workspace, &both("root", leaf())).await;
    things.done();
    assert_eq!(
        apply(&things, &workspace, &both("oak", leaf())).await,
        RunOutcome::Applied
    );
    let replaced = [
        "create oak",
        "create leaf of id-oak",
        "delete leaf of id-root",
        "delete root",
    ];
    assert_eq!(things.done(), replaced);
    assert!(workspace.deposed().is_empty());
}

#[tokio::test]
async fn create_before_destroy_keeps_old_object_if_create_fails() {
    let (things, workspace) = (Things::default(), Workspace::new());
    let leaf = |name| [("a", thing(name).create_before_destroy())];
    apply(&things, &workspace, &leaf("leaf")).await;
    assert_eq!(apply(&things, &workspace, &leaf("twig!")).await, RunOutcome::Failed);
    assert_eq!(things.done(), ["create leaf", "create twig!"]);
    assert_eq!(name(&workspace, "a"), "leaf");
    assert!(workspace.deposed().is_empty());
}

#[tokio::test]
async fn deposed_object_of_killed_run_is_destroyed_by_next_apply() {
    let (mut things, workspace) = (Things::default(), Workspace::new());
    let leaf = |name| [("a", thing(name).create_before_destroy())];
    apply(&things, &workspace, &leaf("leaf")).await;
    things.hangs = true;
    let configuration = configuration(&leaf("twig"));
    let killed = workspace.apply(things.clone(), &configuration);
    assert!(
        tokio::time::timeout(std::time::Duration::from_millis(50), killed)
            .await
            .is_err()
    );
    assert_eq!(workspace.deposed().len(), 1);
    assert!(workspace.state().is_empty());

    things.hangs = false;
    assert_eq!(apply(&things, &workspace, &leaf("twig")).await, RunOutcome::Applied);
    assert_eq!(things.done(), ["create leaf", "hang", "create twig", "delete leaf"]);
    assert_eq!(apply(&things, &workspace, &leaf("twig")).await, RunOutcome::Unchanged);
}

#[tokio::test]
async fn ignored_changes_are_planned_with_prior_values() {
    let (things, workspace) = (Things::default(), Workspace::new());
    apply(&things, &workspace, &[("a", thing("leaf"))]).await;
    let of_name = thing("root").ignore_changes(&["name"]);
    assert_eq!(
        apply(&things, &workspace, &[("a", of_name)]).await,
        RunOutcome::Unchanged
    );
    let of_another = thing("root").ignore_changes(&["of"]);
    assert_eq!(
        apply(&things, &workspace, &[("a", of_another)]).await,
        RunOutcome::Applied
    );
    let all = thing("twig").ignore_all_changes();
    assert_eq!(apply(&things, &workspace, &[("a", all)]).await, RunOutcome::Unchanged);
    assert_eq!(things.done(), ["create leaf", "delete leaf", "create root"]);
}

#[tokio::test]
async fn forced_replacement_replaces_unchanged_resource() {
    let (things, workspace) = (Things::default(), Workspace::new());
    let declared = configuration(&[("a", thing("leaf")), ("b", thing("twig"))]);
    workspace.apply(things.clone(), &declared).await;
    things.done();
    let options = RunOptions {
        replace: [address("a")].into(),
        ..RunOptions::default()
    };
    let outcome = workspace.apply_with(things.clone(), &declared, &options).await;
    assert_eq!(outcome, RunOutcome::Applied);
    assert_eq!(things.done(), ["delete leaf", "create leaf"]);
}

#[tokio::test]
async fn saved_plan_is_rejected_after_state_has_changed() {
    let (things, workspace) = (Things::default(), Workspace::new());
    let declared = configuration(&[("a", thing("leaf"))]);
    let plan = workspace
        .plan(things.clone(), &declared, &RunOptions::default())
        .await
        .unwrap();
    assert!(workspace.state().is_empty(), "a plan changes no state");
    assert_eq!(workspace.apply_saved(things.clone(), &plan).await, RunOutcome::Applied);
    assert_eq!(workspace.apply_saved(things.clone(), &plan).await, RunOutcome::Failed);
    assert_eq!(summaries(&workspace), ["Saved plan is stale"]);
    assert_eq!(things.done(), ["create leaf"]);
}

#[tokio::test]
async fn refresh_only_run_changes_only_state() {
    let (things, workspace) = (Things::default(), Workspace::new());
    let declared = configuration(&[("a", thing("leaf"))]);
    workspace.apply(things.clone(), &declared).await;
    let options = RunOptions {
        refresh_only: true,
        ..RunOptions::default()
    };
    let refresh = async || workspace.apply_with(things.clone(), &declared, &options).await;
    assert_eq!(refresh().await, RunOutcome::Unchanged);
    lock(&things.existing).clear();
    assert_eq!(refresh().await, RunOutcome::Applied);
    assert!(workspace.state().is_empty());
    assert_eq!(things.done(), ["create leaf"]);
}

#[tokio::test]
async fn destroy_refreshes_first_unless_disabled() {
    for (skip_refresh, expected) in [(false, vec![]), (true, vec!["delete leaf"])] {
        let (things, workspace) = (Things::default(), Workspace::new());
        let declared = configuration(&[("a", thing("leaf"))]);
        workspace.apply(things.clone(), &declared).await;
        things.done();
        lock(&things.existing).clear();
        let options = RunOptions {
            destroy: true,
            skip_refresh,
            ..RunOptions::default()
        };
        workspace.apply_with(things.clone(), &declared, &options).await;
        assert_eq!(things.done(), expected, "skip_refresh: {skip_refresh}");
    }
}

#[tokio::test]
async fn forgotten_resource_is_created_again_without_delete() {
    let (things, workspace) = (Things::default(), Workspace::new());
    apply(&things, &workspace, &[("a", thing("leaf"))]).await;
    workspace.forget(&address("a"));
    apply(&things, &workspace, &[("a", thing("twig"))]).await;
    assert_eq!(things.done(), ["create leaf", "create twig"]);
}

#[tokio::test]
async fn interrupt_starts_no_operation_and_stops_provider() {
    let (mut things, workspace) = (Things::default(), Workspace::new());
    things.hangs = true;
    let options = RunOptions {
        parallelism: 1,
        ..RunOptions::default()
    };
    let interrupt = options.interrupt.clone();
    let declared = configuration(&[("a", thing("leaf")), ("b", thing("twig"))]);
    let run = workspace.apply_with(things.clone(), &declared, &options);
    let wait = async {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        interrupt.cancel();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    // The provider ignores the interrupt, so the run is killed.
    tokio::select! {
        _ = run => panic!("a creation that hangs has ended"),
        () = wait => {}
    }
    assert_eq!(things.done(), ["hang", "stop"]);
}

#[tokio::test]
async fn moved_resource_keeps_state_and_is_converted_to_other_type() {
    let (things, workspace) = (Things::default(), Workspace::new());
    apply(&things, &workspace, &[("a", thing("leaf"))]).await;
    let moved = configuration(&[("b", thing("leaf"))]).moved("thing.a", "thing.b");
    assert_eq!(workspace.apply(things.clone(), &moved).await, RunOutcome::Unchanged);
    assert_eq!(workspace.state().into_keys().collect::<Vec<_>>(), ["thing.b"]);
    let other = Configuration::new()
        .with("other.b", thing("leaf"))
        .moved("thing.b", "other.b");
    assert_eq!(workspace.apply(things.clone(), &other).await, RunOutcome::Unchanged);
    assert_eq!(workspace.state().into_keys().collect::<Vec<_>>(), ["other.b"]);
    assert_eq!(things.done(), ["create leaf", "move from thing to other"]);
}

#[tokio::test]
async fn invalid_configuration_is_not_sent_to_provider() {
    let cases = [
        (json!({}), "is required"),
        (json!({ "name": "leaf", "id": "mine" }), "the provider sets it"),
        (json!({ "name": "leaf", "nmae": "leaf" }), "is not expected here"),
    ];
    for (config, problem) in cases {
        let (things, workspace) = (Things::default(), Workspace::new());
        let block = ResourceBlock::new(config);
        assert_eq!(apply(&things, &workspace, &[("a", block)]).await, RunOutcome::Failed);
        let shown = workspace.take_diagnostics();
        assert!(shown.len() == 1 && shown[0].detail.contains(problem), "{shown:?}");
    }
}
