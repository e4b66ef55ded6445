//! Policies, against the sandbox in the same process, under tokio's paused clock.

use super::*;
use crate::framework::Severity;
use crate::framework::testing::Action;
use crate::platform::testing::lost_answers;
use crate::sandbox::Fault;
use crate::sandbox::startree::{Options, Sandbox};
use crate::startree::tests::{Managed, option_variants, sandbox};

const READ_ONLY: &str = "/policies/srn2:policy%23read-only";
const DOCUMENT: &str = r#"{"version":"v1","statements":[{"effect":"allow","actions":["query"],"resources":["*"]}]}"#;
const RESPELLED: &str = r#"{
  "statements": [ { "resources": ["*"], "actions": ["query"], "effect": "\u0061llow" } ],
  "version": "v1"
}"#;
const WIDER: &str =
    r#"{"version":"v1","statements":[{"effect":"allow","actions":["query","read"],"resources":["*"]}]}"#;

fn world(options: Options) -> (Sandbox, Managed<Policy>) {
    let sandbox = sandbox(options);
    let policy = Managed::new(&sandbox, "startree_policy");
    (sandbox, policy)
}

fn read_only(document: &str) -> Policy {
    Policy {
        name: "read-only".into(),
        description: "Queries".into(),
        document: document.into(),
        ..Policy::default()
    }
}

#[tokio::test(start_paused = true)]
async fn policy_lifecycle_succeeds_for_every_response_format() {
    for options in option_variants() {
        let (sandbox, mut policy) = world(options);
        policy.apply(&read_only(DOCUMENT)).await.succeeds();
        assert_eq!(policy.state().srn.known().unwrap(), "srn2:policy#read-only");
        assert_eq!(sandbox.policies()["read-only"].document, DOCUMENT);
        policy.assert_stable(&read_only(DOCUMENT)).await;

        policy.apply(&read_only(WIDER)).await.succeeds();
        assert_eq!(sandbox.policies()["read-only"].document, WIDER);
        policy.assert_stable(&read_only(WIDER)).await;
        let bare = Policy {
            description: Field::Null,
            ..read_only(WIDER)
        };
        policy.apply(&bare).await.succeeds();
        let left = sandbox.policies()["read-only"].description.clone();
        assert_eq!(left.unwrap_or_default(), "", "the description is cleared");
        policy.assert_stable(&bare).await;

        policy.destroy().await.succeeds();
        assert!(!policy.is_in_state() && !sandbox.policies().contains_key("read-only"));
        policy.apply(&bare).await.succeeds();
        let gone = policy.apply_after(None, |_| sandbox.delete_policy_outside("read-only"));
        gone.await.succeeds();
        assert!(!policy.is_in_state());
        policy.apply(&bare).await.succeeds();
        sandbox.delete_policy_outside("read-only");
        policy.refresh().await.succeeds();
        assert!(!policy.is_in_state());
    }
}

#[tokio::test(start_paused = true)]
async fn document_formatting_does_not_plan_an_update() {
    for options in option_variants() {
        let (sandbox, mut policy) = world(options);
        policy.apply(&read_only(DOCUMENT)).await.succeeds();
        policy.apply(&read_only(RESPELLED)).await.changes_nothing();
        policy.refresh().await.succeeds();
        assert_eq!(
            policy.state().document,
            DOCUMENT.into(),
            "the state keeps the user's formatting"
        );
        assert_eq!(sandbox.calls("PUT", READ_ONLY), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn drift_is_detected_and_corrected() {
    let (sandbox, mut policy) = world(Options::default());
    policy.apply(&read_only(DOCUMENT)).await.succeeds();
    sandbox.add_policy("read-only", Some("Theirs"), WIDER);
    policy.refresh().await.succeeds();
    let state = policy.state();
    assert_eq!((&state.description, &state.document), (&"Theirs".into(), &WIDER.into()));
    policy.apply(&read_only(DOCUMENT)).await.succeeds();
    policy.assert_stable(&read_only(DOCUMENT)).await;
    assert_eq!(sandbox.policies()["read-only"].description.as_deref(), Some("Queries"));
}

#[tokio::test(start_paused = true)]
async fn lost_answers_leave_the_policy_as_declared() {
    for lost in lost_answers(r#"{"name": "another", "policyDocumentJson": "{}"}"#) {
        for (method, path) in [("POST", "/policies"), ("GET", "/policies")] {
            let (sandbox, mut policy) = world(Options::default());
            let lost = lost.clone().on(method, path);
            let created = policy.apply_after(Some(read_only(DOCUMENT)), |_| sandbox.fault(lost));
            created.await.succeeds();
            assert_eq!(sandbox.policies()["read-only"].document, DOCUMENT);
            policy.assert_stable(&read_only(DOCUMENT)).await;
        }
        for method in ["GET", "PUT"] {
            let (sandbox, mut policy) = world(Options::default());
            policy.apply(&read_only(DOCUMENT)).await.succeeds();
            let lost = lost.clone().on(method, READ_ONLY);
            let updated = policy.apply_after(Some(read_only(WIDER)), |_| sandbox.fault(lost.clone()));
            // If a proxy answered in the platform's place, the update fails, and the next apply
            // retries it.
            let updated = updated.await;
            let failed = !updated.diagnostics.is_empty();
            assert!(
                !failed || updated.reports(Severity::Error, "was not updated"),
                "{lost:?} {updated:?}"
            );
            assert_eq!(
                sandbox.policies()["read-only"].document,
                *policy.state().document.known().unwrap()
            );
            if failed {
                policy.apply(&read_only(WIDER)).await.succeeds();
            }
            assert_eq!(sandbox.policies()["read-only"].document, WIDER);
            policy.assert_stable(&read_only(WIDER)).await;
        }
        let (sandbox, mut policy) = world(Options::default());
        policy.apply(&read_only(DOCUMENT)).await.succeeds();
        let lost = lost.on("DELETE", READ_ONLY);
        let deleted = policy.apply_after(None, |_| sandbox.fault(lost.clone())).await;
        deleted.succeeds();
        assert!(!policy.is_in_state(), "{lost:?}");
        assert!(!sandbox.policies().contains_key("read-only"));
    }
}

#[tokio::test(start_paused = true)]
async fn document_must_be_a_json_object() {
    let (_, mut policy) = world(Options::default());
    for document in ["", "{", "[]", "null", "\"{}\"", "{'a': 1}"] {
        let planned = policy.plan(&read_only(document)).await;
        let on: Vec<_> = planned
            .diagnostics
            .iter()
            .map(|error| error.attribute.as_deref())
            .collect();
        assert_eq!(on, [Some("document")], "{document}");
    }
    for document in [Field::from("{}"), Field::Unknown] {
        let config = Policy {
            document,
            ..read_only("{}")
        };
        policy.plan(&config).await.plans(Action::Create);
    }
}

#[tokio::test(start_paused = true)]
async fn existing_policy_is_neither_adopted_nor_changed() {
    let (sandbox, mut policy) = world(Options::default());
    sandbox.add_policy("read-only", None, "{}");
    policy.apply(&read_only(DOCUMENT)).await.fails("already exists");
    assert!(!policy.is_in_state());
    assert_eq!(sandbox.policies()["read-only"].document, "{}");
    policy.import("read-only").await.succeeds();
    assert_eq!(policy.state().document, "{}".into());
    let planned = policy.plan(&read_only("{ }")).await.plans(Action::Update);
    assert_eq!(Policy::from_value(&planned.planned).unwrap().document, "{}".into());
    policy.import("other").await.fails("Could not read the policy");
}

#[tokio::test(start_paused = true)]
async fn attached_policy_is_not_deleted_and_the_error_lists_the_roles() {
    for options in option_variants() {
        let (sandbox, mut policy) = world(options);
        policy.apply(&read_only(DOCUMENT)).await.succeeds();
        for role in ["reader", "writer", "viewer"] {
            sandbox.add_role(role, None);
        }
        sandbox.attach_outside("reader", "read-only");
        sandbox.attach_outside("viewer", "read-only");
        policy.destroy().await.fails("reader, viewer.");
        assert!(policy.is_in_state());
        sandbox.delete_role_outside("reader");
        sandbox.detach_outside("viewer", "read-only");
        policy.destroy().await.succeeds();
        assert!(!policy.is_in_state());
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_list_of_policies_removes_a_policy_from_the_state() {
    let (sandbox, mut policy) = world(Options::default());
    policy.apply(&read_only(DOCUMENT)).await.succeeds();
    for answer in [401, 403, 404, 500].map(Fault::answer) {
        sandbox.fault(answer.clone().on("GET", READ_ONLY).times(100));
        assert_eq!(policy.refresh().await.diagnostics.len(), 1, "{answer:?}");
        assert!(policy.is_in_state(), "{answer:?}");
        sandbox.clear_faults();
    }
    sandbox.delete_policy_outside("read-only");
    sandbox.fault(Fault::answer(404).on("GET", "/policies"));
    policy.refresh().await;
    assert!(policy.is_in_state());
    policy.refresh().await.succeeds();
    assert!(!policy.is_in_state());
}

#[tokio::test(start_paused = true)]
async fn update_keeps_the_state_if_the_result_cannot_be_read() {
    let (sandbox, mut policy) = world(Options::default());
    policy.apply(&read_only(DOCUMENT)).await.succeeds();
    let unread = Fault::answer(503).on("GET", READ_ONLY).times(100);
    let updated = policy.apply_after(Some(read_only(WIDER)), |_| sandbox.fault(unread));
    updated.await.fails("503");
    assert_eq!(policy.state().document, DOCUMENT.into());
    sandbox.clear_faults();
    policy.assert_stable(&read_only(WIDER)).await;
}
