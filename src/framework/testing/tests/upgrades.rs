//! States that another version of the provider has written.

use serde_json::json;

use super::things::{Things, text};
use crate::framework::testing::*;

#[tokio::test]
async fn state_of_older_schema_is_upgraded_before_read() {
    let things = Things {
        version: 1,
        ..Things::default()
    };
    lock(&things.existing).push("leaf".to_owned());
    let mut resource = SingleResource::new("thing");
    resource.store(0, json!({ "title": "leaf", "id": "id-leaf" }));
    let config = json!({ "name": "leaf" });
    resource.apply(things.clone(), Some(&config)).await.changes_nothing();
    assert_eq!(things.done(), ["upgrade from version 0"]);
    assert_eq!(text(resource.object().unwrap().get("name")), "leaf");
    resource.apply(things.clone(), Some(&config)).await.changes_nothing();
    assert_eq!(things.done(), Vec::<String>::new());
}

#[tokio::test]
async fn state_of_newer_schema_is_rejected() {
    let mut resource = SingleResource::new("thing");
    resource.store(1, json!({ "name": "leaf" }));
    let run = resource
        .apply(Things::default(), Some(&json!({ "name": "leaf" })))
        .await;
    run.fails("managed by newer provider version");
}
