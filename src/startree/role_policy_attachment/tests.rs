//! An attachment's life, against the sandbox in the same process, under tokio's paused clock.

use super::*;
use crate::platform::testing::driven::Driven;
use crate::platform::testing::losses;
use crate::sandbox::startree::{Again, Options, Sandbox};
use crate::sandbox::{Effect, Fault};
use crate::startree::testing::{A_RUN_LATER, every_shape, sandbox, session};

const POLICIES: &str = "/roles/srn2:role%23reader/policies";
const ATTACH: &str = "/roles/srn2:role%23reader/attach-policy";
const DETACH: &str = "/roles/srn2:role%23reader/detach-policy";

fn world(options: Options) -> (Sandbox, Driven<RolePolicyAttachment>) {
    let sandbox = sandbox(options);
    sandbox.add_role("reader", None);
    sandbox.add_policy("read-only", None, "{}");
    sandbox.add_policy("another", None, "{}");
    sandbox.attach_outside("reader", "another");
    let attachment = Driven::new(RolePolicyAttachment::new(session(&sandbox)));
    (sandbox, attachment)
}

fn attachment() -> Model {
    Model {
        role: "reader".into(),
        policy: "read-only".into(),
        ..Model::default()
    }
}

fn attached(sandbox: &Sandbox) -> Vec<String> {
    sandbox.roles()["reader"].policies.iter().cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn an_attachment_lives_whatever_shape_the_answers_have_and_another_one_stays() {
    for options in every_shape() {
        let (sandbox, resource) = world(options);
        let state = resource.create(&attachment()).await.state();
        assert_eq!(attached(&sandbox), ["another", "read-only"]);
        resource.rests(&attachment(), &state).await;
        assert_eq!(resource.import("reader/read-only").await.state().id, state.id);
        assert!(resource.delete(&state).await.state.is_none());
        assert_eq!(attached(&sandbox), ["another"]);
        assert!(resource.read(&state).await.state.is_none() && resource.delete(&state).await.state.is_none());
        assert!(resource.import("reader/read-only").await.fails("No such attachment"));
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_answer_is_lost_the_policy_is_attached_as_declared() {
    for again in [Again::Accepted, Again::Refused] {
        for lost in losses(r#"[{"name": "another"}]"#) {
            for (method, path) in [("POST", ATTACH), ("POST", DETACH)] {
                let (sandbox, resource) = world(Options {
                    again,
                    ..Options::default()
                });
                sandbox.fault(lost.clone().on(method, path));
                let state = resource.create(&attachment()).await.state();
                assert_eq!(attached(&sandbox), ["another", "read-only"], "{lost:?}");
                assert!(resource.delete(&state).await.state.is_none(), "{lost:?}");
                assert_eq!(attached(&sandbox), ["another"], "{lost:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_attached_already_stays_so() {
    let (sandbox, resource) = world(Options::default());
    sandbox.attach_outside("reader", "read-only");
    let state = resource.create(&attachment()).await.state();
    assert_eq!(sandbox.calls("POST", ATTACH), 0);
    resource.rests(&attachment(), &state).await;
}

#[tokio::test(start_paused = true)]
async fn what_may_have_power_is_recorded_and_a_refusal_is_not() {
    let (sandbox, resource) = world(Options::default());
    sandbox.fault(Fault::new(Effect::Cut).after().on("POST", ATTACH));
    sandbox.fault(Fault::answer(503).on("GET", POLICIES).skip(1).times(100));
    let outcome = resource.create(&attachment()).await;
    assert!(
        outcome.state.is_some() && outcome.fails("could not be found out"),
        "{:?}",
        outcome.told
    );
    let (sandbox, resource) = world(Options::default());
    sandbox.delete_policy_outside("read-only");
    let outcome = resource.create(&attachment()).await;
    assert!(
        outcome.state.is_none() && outcome.fails("Could not attach the policy"),
        "{:?}",
        outcome.told
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_but_a_list_takes_an_attachment_out_of_the_state() {
    let (sandbox, resource) = world(Options::default());
    let state = resource.create(&attachment()).await.state();
    for answer in [
        Fault::answer(401),
        Fault::answer(404),
        Fault::answer(200).body("{}"),
        Fault::answer(200).body(r#"{"policies": [], "total": 3}"#),
    ] {
        tokio::time::advance(A_RUN_LATER).await;
        sandbox.fault(answer.clone().on("GET", POLICIES).times(100));
        let outcome = resource.read(&state).await;
        assert!(outcome.state.is_some() && outcome.told.len() == 1, "{answer:?}");
        sandbox.heal();
    }
    sandbox.detach_outside("reader", "read-only");
    tokio::time::advance(A_RUN_LATER).await;
    assert!(resource.read(&state).await.state.is_none());
    sandbox.delete_role_outside("reader");
    assert!(resource.delete(&state).await.state.is_none());
}

#[tokio::test(start_paused = true)]
async fn id_without_two_names_is_refused() {
    let (_, resource) = world(Options::default());
    for id in ["", "reader", "reader/", "/read-only"] {
        assert!(resource.import(id).await.fails("Not the id of an attachment"), "{id}");
    }
}
