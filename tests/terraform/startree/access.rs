//! Policies, roles, attachments and assignments: their life together, and what happens to them outside Terraform.

use token_providers::sandbox::startree::{
    Attached, Document, Envelope, Repeated, Srns, Subject, SubjectTypes, Success,
};
use token_providers::sandbox::{Effect, Fault};

use super::world::{ACCESS, World};

const ROLE: &str = "/roles/srn2:role%23reader";

fn analysts() -> Subject {
    Subject::new("group", "data-analysts")
}

#[test]
fn access_is_given_changed_and_taken_away_on_every_version() {
    World::on_every_version(async |world| {
        world.configure(ACCESS);
        let run = world.apply().await;
        assert!(run.says("4 added, 0 changed, 0 destroyed"), "{run}");
        assert_eq!(world.reader(), Some((vec!["read-only".to_owned()], vec![analysts()])));
        world.plans_nothing().await;

        // Another document changes in place, another spelling of it does not.
        world.configure(&ACCESS.replace("\"query\"", "\"query\", \"read\""));
        let run = world.apply().await;
        assert!(run.says("0 added, 1 changed, 0 destroyed"), "{run}");
        assert!(world.sandbox.policies()["read-only"].document.contains("\"read\""));
        world.configure(&ACCESS.replace(
            "jsonencode({ version = \"v1\", statements = [{ effect = \"allow\", actions = [\"query\"], resources = [\"*\"] }] })",
            "<<-EOT\n{ \"version\": \"v1\", \"statements\":\n[{\"actions\": [\"query\", \"read\"], \"effect\": \"allow\", \"resources\": [\"*\"]}]}\nEOT",
        ));
        world.plans_nothing().await;

        world.destroy().await;
        assert_eq!(world.left(), (0, 0));
    });
}

#[test]
fn a_role_is_replaced_with_all_that_belongs_to_it_in_the_right_order() {
    World::on_each_version(async |world| {
        world.configure(ACCESS);
        world.apply().await;
        world.configure(&ACCESS.replace("\"Reads\"", "\"Reads tables\""));
        let run = world.apply().await;
        assert!(run.says("3 added, 0 changed, 3 destroyed"), "{run}");
        assert_eq!(world.reader(), Some((vec!["read-only".to_owned()], vec![analysts()])));
        assert_eq!(
            world.sandbox.roles()["reader"].description.as_deref(),
            Some("Reads tables")
        );
        world.plans_nothing().await;
    });
}

#[test]
fn another_subject_takes_over_in_place() {
    World::on_each_version(async |world| {
        world.configure(ACCESS);
        world.apply().await;
        world.configure(&ACCESS.replace("data-analysts", "data-engineers"));
        let run = world.apply().await;
        assert!(run.says("0 added, 1 changed, 0 destroyed"), "{run}");
        let (_, subjects) = world.reader().unwrap();
        assert_eq!(subjects, [Subject::new("group", "data-engineers")]);
        world.plans_nothing().await;
    });
}

#[test]
fn it_works_whatever_shape_the_answers_have() {
    World::on_each_version(async |world| {
        world.sandbox.set_options(|options| {
            options.success = Success::Precise;
            options.returns_objects = false;
            options.list = Envelope::Page;
            options.attached = Attached::PolicySrns;
            options.srns = Srns::Encoded;
            options.subject_types = SubjectTypes::UpperSnakeCase;
            options.returns_descriptions = false;
            options.document = Document::Reformatted;
            options.repeated = Repeated::Rejected;
            options.not_found = http::StatusCode::BAD_REQUEST;
            options.deletes_roles_with_policies = false;
        });
        world.configure(ACCESS);
        world.apply().await;
        world.plans_nothing().await;
        world.destroy().await;
        assert_eq!(world.left(), (0, 0));
    });
}

#[test]
fn what_exists_is_imported_and_left_as_it_is() {
    World::on_each_version(async |world| {
        let document = r#"{"version":"v1","statements":[{"effect":"allow","actions":["query"],"resources":["*"]}]}"#;
        world.sandbox.add_policy("read-only", Some("Queries"), document);
        world.sandbox.add_role("reader", Some("Reads"));
        world.sandbox.attach_outside("reader", "read-only");
        world.sandbox.assign_outside("reader", analysts());
        world.configure(ACCESS);
        let run = world.apply_fails().await;
        assert!(run.says("The policy \"read-only\" already exists"), "{run}");
        assert!(
            run.says("The role \"reader\" already exists") && run.says("import {"),
            "{run}"
        );

        for (address, id) in [
            ("startree_policy.read_only", "read-only"),
            ("startree_role.reader", "reader"),
            ("startree_role_policy_attachment.reader_read_only", "reader/read-only"),
            ("startree_role_assignment.analysts", "reader/group/data-analysts"),
        ] {
            world.import(address, id).await;
        }
        world.plans_nothing().await;
        world.destroy().await;
        assert_eq!(world.left(), (0, 0));
    });
}

#[test]
fn what_happened_outside_is_planned_back() {
    World::on_each_version(async |world| {
        world.configure(ACCESS);
        world.apply().await;
        world.sandbox.unassign_outside("reader", analysts());
        world.sandbox.detach_outside("reader", "read-only");
        world.sandbox.add_policy("read-only", Some("Theirs"), "{}");
        let run = world.plan().await.run;
        assert!(run.says("2 to add, 1 to change, 0 to destroy"), "{run}");
        world.apply().await;
        assert_eq!(world.reader(), Some((vec!["read-only".to_owned()], vec![analysts()])));
        world.plans_nothing().await;

        world.sandbox.delete_role_outside("reader");
        let run = world.plan().await.run;
        assert!(run.says("3 to add, 0 to change, 0 to destroy"), "{run}");
        world.apply().await;
        world.plans_nothing().await;
    });
}

#[test]
fn what_others_gave_stands_in_the_way_and_is_named() {
    World::on_each_version(async |world| {
        world.configure(ACCESS);
        world.apply().await;
        world
            .sandbox
            .assign_outside("reader", Subject::new("user-email", "ann@acme.com"));
        world.sandbox.add_role("viewer", None);
        world.sandbox.attach_outside("viewer", "read-only");
        let run = world.destroy_fails().await;
        assert!(run.says("The role \"reader\" is still assigned"), "{run}");
        assert!(run.says("user-email \"ann@acme.com\""), "{run}");
        assert!(run.says("It is attached to: viewer."), "{run}");
        assert!(world.sandbox.roles().contains_key("reader"));

        world
            .sandbox
            .unassign_outside("reader", Subject::new("user-email", "ann@acme.com"));
        world.sandbox.detach_outside("viewer", "read-only");
        world.destroy().await;
        assert_eq!(world.left(), (0, 1));
    });
}

#[test]
fn a_lost_answer_loses_nothing() {
    World::on_each_version(async |world| {
        for path in ["/policies", "/roles"] {
            world.sandbox.fault(Fault::new(Effect::Cut).after().on("POST", path));
        }
        for verb in ["create-assignment", "attach-policy"] {
            let lost = Fault::answer(502).after().on("POST", &format!("{ROLE}/{verb}"));
            world.sandbox.fault(lost);
        }
        world.configure(ACCESS);
        world.apply().await;
        world.plans_nothing().await;
        for path in [ROLE, "/policies/srn2:policy%23read-only"] {
            world.sandbox.fault(Fault::new(Effect::Cut).after().on("DELETE", path));
        }
        world.destroy().await;
        assert_eq!(world.left(), (0, 0));
    });
}

#[test]
fn a_credential_that_is_not_let_in_costs_nothing() {
    World::on_each_version(async |world| {
        world.configure(ACCESS);
        world.apply().await;
        let good = world.given("STARTREE_TOKEN");
        let roleless = world.sandbox.add_token().bearer();
        for bad in [
            secrecy::ExposeSecret::expose_secret(&roleless),
            "st-AAAAAAAAAAAAAAAA-BBBB",
        ] {
            world.set_env("STARTREE_TOKEN", bad);
            let run = world.plan_fails().await;
            assert!(
                run.says("rejected the provider's token") && run.says("Nothing was removed from the state"),
                "{run}"
            );
            let run = world.destroy_fails().await;
            assert!(run.says("rejected the provider's token"), "{run}");
        }
        world.set_env("STARTREE_TOKEN", &good);
        world.plans_nothing().await;
    });
}

#[test]
fn a_whole_token_does_not_get_into_a_state() {
    World::on_each_version(async |world| {
        let token = world.sandbox.add_token().bearer();
        world.set_env("TF_VAR_token", secrecy::ExposeSecret::expose_secret(&token));
        world.configure(
            "variable \"token\" {\n  sensitive = true\n}\n\
             resource \"startree_role_assignment\" \"ci\" {\n  role = \"reader\"\n  subject_type = \"service-token\"\n  \
             subject = var.token\n}\n",
        );
        let run = world.plan_fails().await;
        assert!(run.says("must be the access key of a service token"), "{run}");
    });
}
