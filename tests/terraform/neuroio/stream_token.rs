//! The lifecycle of a stream token, and changes outside Terraform.

use serde_json::json;
use token_providers::sandbox::neuroio::Realm;
use token_providers::sandbox::{Effect, Fault};

use super::world::{CAMERA, World, camera};

#[test]
fn token_lifecycle_succeeds_on_every_version() {
    World::on_every_version(async |world| {
        let output = format!("output \"key\" {{\n  value = {CAMERA}.key\n  sensitive = true\n}}\n");
        world.configure(&format!("{}{output}", camera("permanent = true")));
        world.apply().await;
        let key = json!(world.workspace.output("key").await.unwrap());
        assert!(world.accepts(&key));
        world.plans_nothing().await;

        world.configure(&camera("permanent = true\n  is_active = false"));
        let run = world.apply().await;
        assert!(run.says("0 added, 1 changed, 0 destroyed"), "{run}");
        assert!(!world.accepts(&key));
        world.plans_nothing().await;
        world.configure(&camera("permanent = true"));
        world.apply().await;
        assert!(world.accepts(&key), "the same token is active again");

        world.destroy().await;
        assert!(world.ids().is_empty() && !world.accepts(&key));

        let other = world.sandbox.add_token(&Realm::Account, true).id;
        let import = format!("import {{\n  to = {CAMERA}\n  id = \"{other}\"\n}}\n");
        world.configure(&format!("{}{import}", camera("permanent = true")));
        let run = world.apply().await;
        assert!(run.says("1 imported, 0 added, 0 changed, 0 destroyed"), "{run}");
        assert!(
            world.accepts(&world.attributes(CAMERA).await["key"]),
            "an import includes the value"
        );
        world.plans_nothing().await;
        world.configure("");
        world.apply().await;
        assert!(world.ids().is_empty());
    });
}

#[test]
fn plan_warns_about_the_limit_and_apply_keeps_the_created_tokens() {
    World::on_each_version(async |world| {
        let many = |count| format!("{}\n", camera(&format!("count = {count}\n  permanent = true")));
        world.sandbox.add_token(&Realm::Account, true);
        world.configure(&many(4));
        let run = world.plan().await.run;
        assert!(!run.says("the limit of permanent tokens"), "{run}");
        world.configure(&many(5));
        let run = world.plan().await.run;
        assert!(run.says("This plan exceeds the limit of permanent tokens"), "{run}");
        assert!(run.says("this plan creates 5 and deletes 0 so far"), "{run}");
        assert_eq!(world.ids(), [1], "the plan creates nothing");

        // The apply lists the tokens at the limit, and keeps the created ones in the state.
        let run = world.apply_fails().await;
        assert!(
            run.says("Could not create a stream token") && run.says("Delete one that is no longer needed"),
            "{run}"
        );
        assert_eq!(world.ids().len(), 5);
        world.sandbox.delete_outside(1);
        let run = world.apply().await;
        assert!(!run.says("the limit of permanent tokens"), "{run}");
        assert_eq!(world.ids().len(), 5);
        world.destroy().await;
        assert!(world.ids().is_empty());
    });
}

#[test]
fn tokens_of_lost_answers_are_not_adopted() {
    World::on_each_version(async |world| {
        let lost = Fault::new(Effect::Cut).after().on("POST", "/streams/tokens/");
        world.sandbox.fault(lost.skip(1).times(2));
        world.configure(&camera("count = 5\n  permanent = true"));
        let run = world.apply_fails().await;
        assert_eq!(
            run.text().matches("New stream tokens since the request").count(),
            2,
            "{run}"
        );
        assert_eq!(world.ids(), [1, 2, 3, 4, 5]);
        world.destroy().await;
        assert_eq!(world.ids().len(), 2, "the two that the errors name");
    });
}

#[test]
fn orphan_of_a_killed_run_is_found_and_imported() {
    World::on_each_version(async |world| {
        world.configure(&camera("permanent = true"));
        world
            .sandbox
            .fault(Fault::new(Effect::Hang).after().on("POST", "/streams/tokens/"));
        let running = world.apply_until("a token", || !world.ids().is_empty()).await;
        running.kill().await.unwrap();
        running.kill_provider().await.unwrap();
        running.end().await.unwrap();
        assert!(world.attributes(CAMERA).await.is_null());

        let data = "data \"neuroio_stream_tokens\" \"all\" {}\n\
                    output \"ids\" {\n  value = join(\" \", data.neuroio_stream_tokens.all.tokens[*].id)\n}\n";
        world.configure(data);
        world.apply().await;
        assert_eq!(world.workspace.output("ids").await.unwrap(), "1");
        let import = format!("import {{\n  to = {CAMERA}\n  id = \"1\"\n}}\n");
        world.configure(&format!("{}{import}", camera("permanent = true")));
        world.apply().await;
        assert!(world.accepts(&world.attributes(CAMERA).await["key"]));
        assert_eq!(world.ids(), [1]);
    });
}
