//! Private state is passed from call to call.

use tonic::Request;

use super::super::proto::provider_server::Provider as _;
use super::{proto, sent, server, toy};
use crate::framework::{Context, Field};

const KEY: &str = "calls";

/// Adds a call to those recorded in the private state.
pub(super) fn record(context: &Context<()>, call: &str) {
    let mut calls: Vec<String> = context.private.get(KEY).unwrap_or_default();
    calls.push(call.to_owned());
    context.private.set(KEY, calls);
}

fn recorded(calls: &[&str]) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({ KEY: calls })).unwrap()
}

#[tokio::test]
async fn private_state_is_carried_by_read_plan_and_apply() {
    let server = server();
    let read = proto::read_resource::Request {
        type_name: "toy_box".into(),
        current_state: sent(toy("a", Field::Null, Field::Null)),
        private: recorded(&["create"]),
        ..Default::default()
    };
    let read = server.read_resource(Request::new(read)).await.unwrap().into_inner();
    assert_eq!(read.private, recorded(&["create", "read"]));

    let plan = proto::plan_resource_change::Request {
        type_name: "toy_box".into(),
        prior_state: read.new_state,
        proposed_new_state: sent(toy("b", Field::Null, Field::Null)),
        config: sent(toy("b", Field::Null, Field::Null)),
        prior_private: read.private,
        ..Default::default()
    };
    let plan = server
        .plan_resource_change(Request::new(plan))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(plan.planned_private, recorded(&["create", "read", "plan"]));

    let apply = proto::apply_resource_change::Request {
        type_name: "toy_box".into(),
        prior_state: super::null(),
        planned_state: plan.planned_state,
        config: sent(toy("b", Field::Null, Field::Null)),
        planned_private: plan.planned_private,
        ..Default::default()
    };
    let apply = server
        .apply_resource_change(Request::new(apply))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(apply.private, recorded(&["create", "read", "plan", "create"]));
}

#[tokio::test]
async fn import_creates_private_state() {
    let request = proto::import_resource_state::Request {
        type_name: "toy_box".into(),
        id: "a".into(),
        ..Default::default()
    };
    let response = server().import_resource_state(Request::new(request)).await.unwrap();
    let [imported] = &response.get_ref().imported_resources[..] else {
        panic!("{response:?}");
    };
    assert_eq!(imported.private, recorded(&["import"]));
}
