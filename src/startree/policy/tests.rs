//! A policy's life, against the sandbox in the same process, under tokio's paused clock.

use super::*;
use crate::platform::testing::driven::Driven;
use crate::platform::testing::losses;
use crate::sandbox::Fault;
use crate::sandbox::startree::{Options, Sandbox};
use crate::startree::testing::{every_shape, sandbox, session};

const READ_ONLY: &str = "/policies/srn2:policy%23read-only";
const DOCUMENT: &str = r#"{"version":"v1","statements":[{"effect":"allow","actions":["query"],"resources":["*"]}]}"#;
const RESPELLED: &str = r#"{
  "statements": [ { "resources": ["*"], "actions": ["query"], "effect": "\u0061llow" } ],
  "version": "v1"
}"#;
const WIDER: &str =
    r#"{"version":"v1","statements":[{"effect":"allow","actions":["query","read"],"resources":["*"]}]}"#;

fn world(options: Options) -> (Sandbox, Driven<Policy>) {
    let sandbox = sandbox(options);
    let policy = Driven::new(Policy::new(session(&sandbox)));
    (sandbox, policy)
}

fn read_only(document: &str) -> Model {
    Model {
        name: "read-only".into(),
        description: "Queries".into(),
        document: document.into(),
        ..Model::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_lives_whatever_shape_the_answers_have() {
    for options in every_shape() {
        let (sandbox, policy) = world(options);
        let state = policy.create(&read_only(DOCUMENT)).await.state();
        assert_eq!(state.srn.known().unwrap(), "srn2:policy#read-only");
        assert_eq!(sandbox.policies()["read-only"].document, DOCUMENT);
        policy.rests(&read_only(DOCUMENT), &state).await;

        let state = policy.update(&read_only(WIDER), &state).await.state();
        assert_eq!(sandbox.policies()["read-only"].document, WIDER);
        policy.rests(&read_only(WIDER), &state).await;
        let bare = Model {
            description: Field::Null,
            ..read_only(WIDER)
        };
        let state = policy.update(&bare, &state).await.state();
        let left = sandbox.policies()["read-only"].description.clone();
        assert_eq!(left.unwrap_or_default(), "", "it is not left as it was");
        policy.rests(&bare, &state).await;

        assert!(policy.delete(&state).await.state.is_none());
        assert!(!sandbox.policies().contains_key("read-only"));
        assert!(policy.read(&state).await.state.is_none() && policy.delete(&state).await.state.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn another_spelling_of_the_same_document_is_no_change() {
    for options in every_shape() {
        let (sandbox, policy) = world(options);
        let state = policy.create(&read_only(DOCUMENT)).await.state();
        let planned = policy.plan(&read_only(RESPELLED), Some(&state)).await;
        assert_eq!(planned.model.document, DOCUMENT.into());
        let state = policy.read(&state).await.state();
        assert_eq!(state.document, DOCUMENT.into(), "the state keeps the user's spelling");
        assert_eq!(sandbox.calls("PUT", READ_ONLY), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_happened_outside_is_seen_and_put_right() {
    let (sandbox, policy) = world(Options::default());
    let state = policy.create(&read_only(DOCUMENT)).await.state();
    sandbox.add_policy("read-only", Some("Theirs"), WIDER);
    let state = policy.read(&state).await.state();
    assert_eq!((&state.description, &state.document), (&"Theirs".into(), &WIDER.into()));
    let state = policy.update(&read_only(DOCUMENT), &state).await.state();
    policy.rests(&read_only(DOCUMENT), &state).await;
    assert_eq!(sandbox.policies()["read-only"].description.as_deref(), Some("Queries"));
}

#[tokio::test(start_paused = true)]
async fn whatever_answer_is_lost_the_policy_is_as_declared_in_the_end() {
    for lost in losses(r#"{"name": "another", "policyDocumentJson": "{}"}"#) {
        for (method, path) in [
            ("POST", "/policies"),
            ("GET", "/policies"),
            ("GET", READ_ONLY),
            ("PUT", READ_ONLY),
            ("DELETE", READ_ONLY),
        ] {
            let (sandbox, policy) = world(Options::default());
            sandbox.fault(lost.clone().on(method, path));
            let state = policy.create(&read_only(DOCUMENT)).await.state();
            assert_eq!(sandbox.policies()["read-only"].document, DOCUMENT);
            let outcome = policy.update(&read_only(WIDER), &state).await;
            // What a proxy answers in the platform's place is told, and the next apply does it.
            let failed = !outcome.told.is_empty();
            assert!(
                !failed || outcome.fails("did not change"),
                "{lost:?} {method} {:?}",
                outcome.told
            );
            let mut state = outcome.state.unwrap();
            assert_eq!(
                sandbox.policies()["read-only"].document,
                *state.document.known().unwrap()
            );
            if failed {
                state = policy.update(&read_only(WIDER), &state).await.state();
            }
            assert_eq!(sandbox.policies()["read-only"].document, WIDER);
            assert!(policy.delete(&state).await.state.is_none(), "{lost:?} {method}");
            assert!(!sandbox.policies().contains_key("read-only"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_json_object_is_told_on_its_attribute() {
    let (_, policy) = world(Options::default());
    for document in ["", "{", "[]", "null", "\"{}\"", "{'a': 1}"] {
        let mut diagnostics = Diagnostics::default();
        Resource::validate(&policy.resource, &read_only(document), &mut diagnostics);
        let on: Vec<_> = diagnostics.iter().map(|told| told.attribute).collect();
        assert_eq!(on, [Some("document")], "{document}");
    }
    for document in [Field::from("{}"), Field::Unknown] {
        let mut diagnostics = Diagnostics::default();
        let config = Model {
            document,
            ..read_only("{}")
        };
        Resource::validate(&policy.resource, &config, &mut diagnostics);
        assert!(!diagnostics.has_errors());
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_policy_is_neither_taken_nor_changed() {
    let (sandbox, policy) = world(Options::default());
    sandbox.add_policy("read-only", None, "{}");
    let outcome = policy.create(&read_only(DOCUMENT)).await;
    assert!(outcome.state.is_none() && outcome.fails("exists already"));
    assert_eq!(sandbox.policies()["read-only"].document, "{}");
    let imported = policy.import("read-only").await.state();
    assert_eq!(imported.document, "{}".into());
    let planned = policy.plan(&read_only("{ }"), Some(&imported)).await;
    assert!(planned.replaces.is_empty() && planned.model.document == "{}".into());
    assert!(policy.import("other").await.fails("Could not read the policy"));
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_attached_is_not_deleted_and_the_error_says_to_what() {
    for options in every_shape() {
        let (sandbox, policy) = world(options);
        let state = policy.create(&read_only(DOCUMENT)).await.state();
        for role in ["reader", "writer", "viewer"] {
            sandbox.add_role(role, None);
        }
        sandbox.attach_outside("reader", "read-only");
        sandbox.attach_outside("viewer", "read-only");
        let outcome = policy.delete(&state).await;
        assert!(
            outcome.state.is_some() && outcome.fails("reader, viewer."),
            "{:?}",
            outcome.told
        );
        sandbox.delete_role_outside("reader");
        sandbox.detach_outside("viewer", "read-only");
        assert!(policy.delete(&state).await.state.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_but_the_list_of_policies_takes_one_out_of_the_state() {
    let (sandbox, policy) = world(Options::default());
    let state = policy.create(&read_only(DOCUMENT)).await.state();
    for answer in [401, 403, 404, 500].map(Fault::answer) {
        sandbox.fault(answer.clone().on("GET", READ_ONLY).times(100));
        let outcome = policy.read(&state).await;
        assert!(outcome.state.is_some() && outcome.told.len() == 1, "{answer:?}");
        sandbox.heal();
    }
    sandbox.delete_policy_outside("read-only");
    sandbox.fault(Fault::answer(404).on("GET", "/policies"));
    assert!(policy.read(&state).await.state.is_some());
    assert!(policy.read(&state).await.state.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_outcome_cannot_be_read_leaves_the_state_as_it_was() {
    let (sandbox, policy) = world(Options::default());
    let state = policy.create(&read_only(DOCUMENT)).await.state();
    sandbox.fault(Fault::answer(503).on("GET", READ_ONLY).times(100));
    let outcome = policy.update(&read_only(WIDER), &state).await;
    assert!(outcome.fails("503") && outcome.state.unwrap().document == DOCUMENT.into());
    sandbox.heal();
    let state = policy.read(&state).await.state();
    policy.rests(&read_only(WIDER), &state).await;
}
