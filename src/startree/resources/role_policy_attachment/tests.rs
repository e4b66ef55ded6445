//! Attachments, against the sandbox in the same process, under tokio's paused clock.

use super::*;
use crate::platform::testing::lost_answers;
use crate::sandbox::startree::{Options, Repeated, Sandbox};
use crate::sandbox::{Effect, Fault};
use crate::startree::tests::{Managed, option_variants, sandbox};

const POLICIES: &str = "/roles/srn2:role%23reader/policies";
const ATTACH: &str = "/roles/srn2:role%23reader/attach-policy";
const DETACH: &str = "/roles/srn2:role%23reader/detach-policy";

fn world(options: Options) -> (Sandbox, Managed<RolePolicyAttachment>) {
    let sandbox = sandbox(options);
    sandbox.add_role("reader", None);
    sandbox.add_policy("read-only", None, "{}");
    sandbox.add_policy("another", None, "{}");
    sandbox.attach_outside("reader", "another");
    let attachment = Managed::new(&sandbox, "startree_role_policy_attachment");
    (sandbox, attachment)
}

fn attachment() -> RolePolicyAttachment {
    RolePolicyAttachment {
        role: "reader".into(),
        policy: "read-only".into(),
        ..RolePolicyAttachment::default()
    }
}

fn attached(sandbox: &Sandbox) -> Vec<String> {
    sandbox.roles()["reader"].policies.iter().cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn attachment_lifecycle_succeeds_for_every_response_format_and_keeps_others() {
    for options in option_variants() {
        let (sandbox, mut resource) = world(options);
        resource.apply(&attachment()).await.succeeds();
        assert_eq!(attached(&sandbox), ["another", "read-only"]);
        resource.assert_stable(&attachment()).await;
        let id = resource.state().id;
        resource.import("reader/read-only").await.succeeds();
        assert_eq!(resource.state().id, id);
        resource.destroy().await.succeeds();
        assert!(!resource.is_in_state());
        assert_eq!(attached(&sandbox), ["another"]);
        resource.import("reader/read-only").await.fails("Attachment not found");

        resource.apply(&attachment()).await.succeeds();
        let gone = resource.apply_after(None, |_| sandbox.detach_outside("reader", "read-only"));
        gone.await.succeeds();
        assert!(!resource.is_in_state());
        resource.apply(&attachment()).await.succeeds();
        sandbox.detach_outside("reader", "read-only");
        resource.refresh().await.succeeds();
        assert!(!resource.is_in_state());
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_leave_the_policy_attached_as_declared() {
    for repeated in [Repeated::Accepted, Repeated::Rejected] {
        for lost in lost_answers(r#"[{"name": "another"}]"#) {
            let (sandbox, mut resource) = world(Options {
                repeated,
                ..Options::default()
            });
            sandbox.fault(lost.clone().on("POST", ATTACH));
            resource.apply(&attachment()).await.succeeds();
            assert_eq!(attached(&sandbox), ["another", "read-only"], "{lost:?}");
            sandbox.fault(lost.clone().on("POST", DETACH));
            resource.destroy().await.succeeds();
            assert!(!resource.is_in_state(), "{lost:?}");
            assert_eq!(attached(&sandbox), ["another"], "{lost:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn existing_attachment_is_adopted() {
    let (sandbox, mut resource) = world(Options::default());
    sandbox.attach_outside("reader", "read-only");
    resource.apply(&attachment()).await.succeeds();
    assert_eq!(sandbox.calls("POST", ATTACH), 0);
    resource.assert_stable(&attachment()).await;
}

#[tokio::test(start_paused = true)]
async fn create_records_a_possible_attachment_but_not_a_rejected_one() {
    let (sandbox, mut resource) = world(Options::default());
    sandbox.fault(Fault::new(Effect::Cut).after().on("POST", ATTACH));
    sandbox.fault(Fault::answer(503).on("GET", POLICIES).skip(1).times(100));
    resource
        .apply(&attachment())
        .await
        .fails("Reading whether it succeeded has failed, too");
    assert!(resource.is_in_state());
    let (sandbox, mut resource) = world(Options::default());
    sandbox.delete_policy_outside("read-only");
    resource.apply(&attachment()).await.fails("Could not attach the policy");
    assert!(!resource.is_in_state());
}

#[tokio::test(start_paused = true)]
async fn only_a_list_removes_an_attachment_from_the_state() {
    let (sandbox, mut resource) = world(Options::default());
    resource.apply(&attachment()).await.succeeds();
    for answer in [
        Fault::answer(401),
        Fault::answer(404),
        Fault::answer(200).body("{}"),
        Fault::answer(200).body(r#"{"policies": [], "total": 3}"#),
    ] {
        sandbox.fault(answer.clone().on("GET", POLICIES).times(100));
        assert_eq!(resource.refresh().await.diagnostics.len(), 1, "{answer:?}");
        assert!(resource.is_in_state(), "{answer:?}");
        sandbox.clear_faults();
    }
    sandbox.detach_outside("reader", "read-only");
    resource.refresh().await.succeeds();
    assert!(!resource.is_in_state());
    resource.apply(&attachment()).await.succeeds();
    let gone = resource.apply_after(None, |_| sandbox.delete_role_outside("reader"));
    gone.await.succeeds();
    assert!(!resource.is_in_state());
}

#[tokio::test(start_paused = true)]
async fn import_id_without_two_names_is_rejected() {
    let (_, mut resource) = world(Options::default());
    for id in ["", "reader", "reader/", "/read-only"] {
        resource.import(id).await.fails("Invalid import id");
    }
}
