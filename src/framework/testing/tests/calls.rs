//! Single resources, data sources, actions and so on.

use serde_json::json;

use super::things::{Things, text};
use crate::framework::Value;
use crate::framework::testing::*;

#[tokio::test]
async fn single_resource_can_be_planned_applied_imported_and_destroyed() {
    let (things, mut resource) = (Things::default(), SingleResource::new("thing"));
    let leaf = json!({ "name": "leaf" });
    let planned = resource.plan(things.clone(), Some(&leaf)).await.reports_nothing();
    assert!(planned.action == Action::Create && planned.planned.get("id") == &Value::Unknown);
    assert!(resource.object().is_none() && things.done().is_empty());

    resource.apply(things.clone(), Some(&leaf)).await.succeeds();
    resource
        .apply(things.clone(), Some(&leaf))
        .await
        .changes_nothing()
        .reports_nothing();
    let note = json!({ "name": "leaf", "note": "green" });
    resource.apply(things.clone(), Some(&note)).await.plans(Action::Update);
    resource
        .apply(things.clone(), Some(&json!({ "name": "root!" })))
        .await
        .fails("cannot create");
    assert_eq!(
        things.done(),
        ["create leaf", "update leaf", "delete leaf", "create root!"]
    );

    resource
        .import(things.clone(), "leaf")
        .await
        .fails("Cannot import non-existent remote object");
    lock(&things.existing).push("leaf".to_owned());
    resource
        .import(things.clone(), "leaf")
        .await
        .succeeds()
        .warns("imported");
    assert_eq!(text(resource.object().unwrap().get("id")), "id-leaf");
    resource.destroy(things.clone()).await.plans(Action::Delete);
    assert!(resource.object().is_none());
}

#[tokio::test]
async fn single_resource_supports_lifecycle_and_saved_plans() {
    let (things, mut resource) = (Things::default(), SingleResource::new("thing"));
    let leaf = json!({ "name": "leaf" });
    let plan = resource.save_plan(things.clone(), Some(&leaf)).await;
    resource.apply_saved(things.clone(), &plan).await.succeeds();
    resource.set_lifecycle(ResourceBlock::create_before_destroy);
    resource.replace(things.clone(), &leaf).await.succeeds();
    resource.taint();
    resource.set_lifecycle(|block| block);
    lock(&things.existing).push("leaf".to_owned());
    resource.apply(things.clone(), Some(&leaf)).await.plans(Action::Replace);
    let replaced = [
        "create leaf",
        "create leaf",
        "delete leaf",
        "delete leaf",
        "create leaf",
    ];
    assert_eq!(things.done(), replaced);
}

#[tokio::test]
async fn data_source_and_action_can_be_called() {
    let (things, workspace) = (Things::default(), Workspace::new());
    let read = workspace
        .read_data_source(things.clone(), "things", json!({ "name": "leaf" }))
        .await;
    assert_eq!(text(read.succeeds().get("id")), "found");
    let unknown = workspace.read_data_source(things.clone(), "thongs", json!({})).await;
    unknown.fails("does not support data source \"thongs\"");
    let swept = workspace
        .invoke_action(things.clone(), "sweep", json!({}))
        .await
        .warns("dusty");
    assert_eq!(swept.value, ["sweeping"]);
}
