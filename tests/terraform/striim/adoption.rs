//! Service accounts that are there already: imported as they are, or taken over by a rotation.

use http::Method;
use secrecy::ExposeSecret;
use serde_json::json;
use token_providers::sandbox::striim::Expired;

use super::world::{CI, DAY, World, ci, generation, warnings};

const IMPORT: &str = "import {\n  to = striim_service_account_token.ci-pipeline\n  id = \"ci-pipeline\"\n}\n";

/// Makes the account outside Terraform; answers its value.
async fn made_outside(world: &World) -> serde_json::Value {
    let account = json!({"name": "ci-pipeline", "description": "By hand", "expires-at": world.in_days(30)});
    world.outside(Method::POST, "/service-account", account).await["token"].take()
}

#[test]
fn an_import_records_how_the_token_is_to_be_rotated_without_doing_so() {
    for by_block in [true, false] {
        World::by_the_clock(async |world| {
            let value = made_outside(world).await;
            let before = world.changes();
            let declared = ci(
                "description = \"By hand\"\n  expires_in = \"90d\"\n  rotate_before = \"7d\"\n  \
                 rotation_triggers = { release = 1 }\n  adopt_existing = true",
            );
            if by_block {
                world.configure(&format!("{declared}{IMPORT}"));
            } else {
                world.configure(&declared);
                let run = world.import(CI, "ci-pipeline").await;
                assert!(run.says("Warning:") && run.says("`token` stays null"), "{run}");
            }
            let plan = world.plan().await;
            assert_eq!(plan.actions(CI), "update");
            assert!(!plan.run.says("is to be rotated"), "{}", plan.run);
            world.apply().await;
            world.plans_nothing().await;
            assert_eq!(world.changes(), before);
            assert!(world.lets_in(&value));
            let imported = world.attributes(CI).await;
            assert!(imported["token"].is_null());
            assert!(generation(&imported) > 0);

            // From then on it is rotated as declared.
            world.sandbox.advance(DAY * 25);
            world.plan().await.rotates_because("within rotate_before = 7 days");
            world.apply().await;
            let rotated = world.attributes(CI).await;
            assert_eq!(generation(&rotated), generation(&imported) + 1);
            assert!(world.lets_in(&rotated["token"]) && !world.lets_in(&value));
            world.plans_nothing().await;
        });
    }
}

#[test]
fn an_import_that_is_due_is_rotated_by_the_plan_after_it() {
    World::by_the_clock(async |world| {
        let value = made_outside(world).await;
        let declared = ci("description = \"By hand\"\n  expires_in = \"90d\"\n  rotate_before = \"60d\"");
        world.configure(&format!("{declared}{IMPORT}"));
        world.apply().await;
        assert!(world.lets_in(&value));
        world.plan().await.rotates_because("within rotate_before = 60 days");
        world.apply().await;
        assert!(world.lets_in(&world.attributes(CI).await["token"]) && !world.lets_in(&value));
        world.plans_nothing().await;
    });
}

#[test]
fn a_generated_configuration_plans_nothing_but_the_import() {
    World::by_the_clock(async |world| {
        let value = made_outside(world).await;
        world.configure(IMPORT);
        let generate = ["plan", "-no-color", "-generate-config-out=generated.tf"];
        world.workspace.run(&generate).await.unwrap().success().unwrap();
        let run = world.apply().await;
        assert!(run.says("1 imported, 0 added, 0 changed, 0 destroyed"), "{run}");
        world.plans_nothing().await;
        assert!(world.lets_in(&value));
    });
}

#[test]
fn adoption_takes_an_account_over_by_rotating_it() {
    World::by_the_clock(async |world| {
        let value = made_outside(world).await;
        world.configure(&ci(
            "description = \"By hand\"\n  expires_in = \"90d\"\n  adopt_existing = true",
        ));
        let plan = world.plan().await;
        assert_eq!(plan.actions(CI), "create");
        let warning = "the value that is in use stops working";
        assert_eq!(plan.run.text().matches(warning).count(), 1, "{}", plan.run);
        assert!(world.lets_in(&value));

        world.apply().await;
        let adopted = world.attributes(CI).await;
        assert!(generation(&adopted) > 0);
        assert!(world.lets_in(&adopted["token"]) && !world.lets_in(&value));
        assert_eq!(world.names(), ["ci-pipeline"]);
        world.plans_nothing().await;
    });
}

#[test]
fn adoption_makes_anew_what_holds_the_name_and_is_not_listed() {
    World::by_the_clock(async |world| {
        world.sandbox.set_options(|options| options.expired = Expired::Hidden);
        let end = world.sandbox.clock().now() + DAY;
        let value = world.sandbox.add_service_account("ci-pipeline", Some(end));
        world.sandbox.advance(DAY * 2);
        world.configure(&ci(""));
        let run = world.apply_fails().await;
        assert!(
            run.says("no longer listed") && run.says("adopt_existing = true"),
            "{run}"
        );

        world.configure(&ci("adopt_existing = true"));
        world.apply().await;
        assert!(world.lets_in(&world.attributes(CI).await["token"]));
        assert!(!world.sandbox.is_live(value.expose_secret()));
        world.plans_nothing().await;
    });
}

#[test]
fn adoption_of_what_is_not_there_creates() {
    World::by_the_clock(async |world| {
        world.configure(&ci("adopt_existing = true"));
        let plan = world.plan().await;
        assert_eq!(warnings(&plan.run), 0, "{}", plan.run);
        world.apply().await;
        assert!(world.lets_in(&world.attributes(CI).await["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn adoption_changes_nothing_where_the_description_is_another() {
    World::by_the_clock(async |world| {
        let value = made_outside(world).await;
        let before = world.changes();
        world.configure(&ci("description = \"Mine\"\n  adopt_existing = true"));
        let run = world.apply_fails().await;
        assert!(run.says("\"By hand\"") && run.says("description = \"Mine\""), "{run}");
        assert!(world.lets_in(&value));
        assert_eq!(world.changes(), before);
        assert!(world.attributes(CI).await.is_null());
    });
}

#[test]
fn a_name_that_is_taken_is_told_in_the_plan_and_by_the_apply() {
    World::by_the_clock(async |world| {
        let value = made_outside(world).await;
        world.configure(&ci("expires_in = \"90d\""));
        let plan = world.plan().await;
        assert!(
            plan.run.says("is taken") && plan.run.says("id = \"ci-pipeline\""),
            "{}",
            plan.run
        );
        let run = world.apply_fails().await;
        assert!(
            run.says("409") && run.says("import {") && run.says("adopt_existing"),
            "{run}"
        );
        assert!(world.lets_in(&value));
    });
}

#[test]
fn adoption_is_not_told_of_the_own_account_that_is_replaced() {
    World::by_the_clock(async |world| {
        world.configure(&ci("description = \"First\"\n  adopt_existing = true"));
        world.apply().await;
        world.configure(&ci("description = \"Second\"\n  adopt_existing = true"));
        let plan = world.plan().await;
        assert_eq!(plan.actions(CI), "delete create");
        assert_eq!(warnings(&plan.run), 0, "{}", plan.run);
        world.apply().await;
        world.workspace.run(&["taint", CI]).await.unwrap().success().unwrap();
        let plan = world.plan().await;
        assert_eq!(warnings(&plan.run), 0, "{}", plan.run);
        world.apply().await;
        world.plans_nothing().await;
    });
}

/// Of a replacement, Terraform shows the warnings of the first plan call only.
#[test]
fn rename_onto_a_taken_name_is_refused_or_reported_by_the_plan() {
    World::on_each_version(async |world| {
        let named = |name: &str, arguments: &str| {
            format!("resource \"striim_service_account_token\" \"ci\" {{\n  name = \"{name}\"\n  {arguments}\n}}\n")
        };
        let address = "striim_service_account_token.ci";
        world.configure(&named("first", ""));
        world.apply().await;
        let first = world.attributes(address).await["token"].take();
        let theirs = made_outside(world).await;

        world.configure(&named("ci-pipeline", ""));
        for run in [world.plan_fails().await, world.apply_fails().await] {
            assert!(run.says("is taken") && run.says("`moved` block"), "{run}");
        }
        world.configure(&named("ci-pipeline", "description = \"Mine\"\n  adopt_existing = true"));
        assert!(world.plan_fails().await.says("Another description"));
        assert!(world.lets_in(&first) && world.lets_in(&theirs));

        world.configure(&named(
            "ci-pipeline",
            "description = \"By hand\"\n  adopt_existing = true",
        ));
        let plan = world.plan().await;
        assert_eq!(plan.actions(address), "delete create");
        assert!(plan.run.says("takes over the service account"), "{}", plan.run);
        world.apply().await;
        assert!(world.lets_in(&world.attributes(address).await["token"]) && !world.lets_in(&theirs));
    });
}
