//! Policies, roles, attachments and assignments together.

use token_providers::sandbox::startree::Subject;

use super::world::{ACCESS, World};

fn analysts() -> Subject {
    Subject::new("group", "data-analysts")
}

#[test]
fn access_lifecycle_succeeds_on_every_version() {
    World::on_every_version(async |world| {
        world.configure(ACCESS);
        let run = world.apply().await;
        assert!(run.says("4 added, 0 changed, 0 destroyed"), "{run}");
        assert_eq!(world.reader(), Some((vec!["read-only".to_owned()], vec![analysts()])));
        world.plans_nothing().await;

        // A changed document is updated in place; changed formatting is no change.
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
        assert_eq!(world.added_policies_and_roles(), (0, 0));
    });
}

#[test]
fn replaced_role_replaces_its_attachments_and_assignments_in_order() {
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
