//! Existing service accounts: import, and adoption by a rotation.

use http::Method;
use secrecy::ExposeSecret;
use serde_json::json;
use token_providers::framework::testing::Action;
use token_providers::sandbox::striim::Expired;

use super::world::{CI, DAY, World, ci, generation};

const IMPORT: &str = "import {\n  to = striim_service_account_token.ci-pipeline\n  id = \"ci-pipeline\"\n}\n";

/// Creates the account outside Terraform. Returns its value.
async fn create_outside(world: &mut World) -> serde_json::Value {
    let account = json!({"name": "ci-pipeline", "description": "By hand", "expires-at": world.in_days(30)});
    world.outside(Method::POST, "/service-account", account).await["token"].take()
}

#[test]
fn import_records_the_rotation_policy_without_rotating() {
    for by_block in [true, false] {
        World::run(async |world| {
            let value = create_outside(world).await;
            let before = world.changes();
            let declared = ci(
                "description = \"By hand\"\n  expires_in = \"90d\"\n  rotate_before = \"7d\"\n  \
                 rotation_triggers = { release = \"1\" }\n  adopt_existing = true",
            );
            if by_block {
                world.configure(&format!("{declared}{IMPORT}"));
            } else {
                world.configure(&declared);
                let run = world.import(CI, "ci-pipeline").await;
                assert!(run.warnings() > 0 && run.says("`token` stays null"), "{run:?}");
            }
            let plan = world.plan().await;
            assert_eq!(plan.action(CI), Action::Update);
            assert!(!plan.run.says("will be rotated"), "{:?}", plan.run);
            world.apply().await;
            world.plans_nothing().await;
            assert_eq!(world.changes(), before);
            assert!(world.accepts(&value));
            let imported = world.attributes(CI);
            assert!(imported["token"].is_null());
            assert!(generation(&imported) > 0);

            // Later it is rotated as declared.
            world.advance(DAY * 25).await;
            world.plan().await.assert_rotates("within rotate_before = 7 days");
            world.apply().await;
            let rotated = world.attributes(CI);
            assert_eq!(generation(&rotated), generation(&imported) + 1);
            assert!(world.accepts(&rotated["token"]) && !world.accepts(&value));
            world.plans_nothing().await;
        });
    }
}

#[test]
fn due_import_is_rotated_by_the_next_plan() {
    World::run(async |world| {
        let value = create_outside(world).await;
        let declared = ci("description = \"By hand\"\n  expires_in = \"90d\"\n  rotate_before = \"60d\"");
        world.configure(&format!("{declared}{IMPORT}"));
        world.apply().await;
        assert!(world.accepts(&value));
        world.plan().await.assert_rotates("within rotate_before = 60 days");
        world.apply().await;
        assert!(world.accepts(&world.attributes(CI)["token"]) && !world.accepts(&value));
        world.plans_nothing().await;
    });
}

#[test]
fn adoption_rotates_the_existing_account() {
    World::run(async |world| {
        let value = create_outside(world).await;
        world.configure(&ci(
            "description = \"By hand\"\n  expires_in = \"90d\"\n  adopt_existing = true",
        ));
        let plan = world.plan().await;
        assert_eq!(plan.action(CI), Action::Create);
        let warning = "which revokes the present value";
        assert_eq!(plan.run.text().matches(warning).count(), 1, "{:?}", plan.run);
        assert!(world.accepts(&value));

        world.apply().await;
        let adopted = world.attributes(CI);
        assert!(generation(&adopted) > 0);
        assert!(world.accepts(&adopted["token"]) && !world.accepts(&value));
        assert_eq!(world.names(), ["ci-pipeline"]);
        world.plans_nothing().await;
    });
}

#[test]
fn adoption_recreates_an_unlisted_account_with_the_name() {
    World::run(async |world| {
        world.sandbox.set_options(|options| options.expired = Expired::Hidden);
        let end = world.sandbox.clock().now() + DAY;
        let value = world.sandbox.add_service_account("ci-pipeline", Some(end));
        world.advance(DAY * 2).await;
        world.configure(&ci(""));
        let run = world.apply_fails().await;
        assert!(
            run.says("no longer listed") && run.says("adopt_existing = true"),
            "{run:?}"
        );

        world.configure(&ci("adopt_existing = true"));
        world.apply().await;
        assert!(world.accepts(&world.attributes(CI)["token"]));
        assert!(!world.sandbox.is_live(value.expose_secret()));
        world.plans_nothing().await;
    });
}

#[test]
fn adoption_without_an_existing_account_creates() {
    World::run(async |world| {
        world.configure(&ci("adopt_existing = true"));
        let plan = world.plan().await;
        assert_eq!(plan.run.warnings(), 0, "{:?}", plan.run);
        world.apply().await;
        assert!(world.accepts(&world.attributes(CI)["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn adoption_is_rejected_for_another_description() {
    World::run(async |world| {
        let value = create_outside(world).await;
        let before = world.changes();
        world.configure(&ci("description = \"Mine\"\n  adopt_existing = true"));
        let run = world.apply_fails().await;
        assert!(run.says("\"By hand\"") && run.is_on("description"), "{run:?}");
        assert!(world.accepts(&value));
        assert_eq!(world.changes(), before);
        assert!(world.attributes(CI).is_null());
    });
}

#[test]
fn taken_name_is_reported_by_plan_and_apply() {
    World::run(async |world| {
        let value = create_outside(world).await;
        world.configure(&ci("expires_in = \"90d\""));
        let plan = world.plan().await;
        assert!(
            plan.run.says("is taken") && plan.run.says("id = \"ci-pipeline\""),
            "{:?}",
            plan.run
        );
        let run = world.apply_fails().await;
        assert!(
            run.says("409") && run.says("import {") && run.says("adopt_existing"),
            "{run:?}"
        );
        assert!(world.accepts(&value));
    });
}

#[test]
fn replacement_with_adoption_reports_nothing_about_its_own_account() {
    World::run(async |world| {
        world.configure(&ci("description = \"First\"\n  adopt_existing = true"));
        world.apply().await;
        world.configure(&ci("description = \"Second\"\n  adopt_existing = true"));
        let plan = world.plan().await;
        assert_eq!(plan.action(CI), Action::Replace);
        assert_eq!(plan.run.warnings(), 0, "{:?}", plan.run);
        world.apply().await;
        world.taint(CI);
        let plan = world.plan().await;
        assert_eq!(plan.run.warnings(), 0, "{:?}", plan.run);
        world.apply().await;
        world.plans_nothing().await;
    });
}
