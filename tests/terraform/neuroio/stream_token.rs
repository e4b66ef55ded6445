//! The life of a stream token, and what happens to it outside Terraform.

use jiff::SignedDuration;
use serde_json::json;
use token_providers::sandbox::neuroio::{Expired, Realm, Update};
use token_providers::sandbox::{Effect, Fault};

use super::world::{CAMERA, World, camera};

#[test]
fn a_token_is_made_switched_imported_and_deleted_on_every_version() {
    World::on_every_version(async |world| {
        let output = format!("output \"key\" {{\n  value = {CAMERA}.key\n  sensitive = true\n}}\n");
        world.configure(&format!("{}{output}", camera("permanent = true")));
        world.apply().await;
        let key = json!(world.workspace.output("key").await.unwrap());
        assert!(world.lets_in(&key));
        world.plans_nothing().await;

        world.configure(&camera("permanent = true\n  is_active = false"));
        let run = world.apply().await;
        assert!(run.says("0 added, 1 changed, 0 destroyed"), "{run}");
        assert!(!world.lets_in(&key));
        world.plans_nothing().await;
        world.configure(&camera("permanent = true"));
        world.apply().await;
        assert!(world.lets_in(&key), "it is the same token again");

        world.destroy().await;
        assert!(world.ids().is_empty() && !world.lets_in(&key));

        let theirs = world.sandbox.add_token(&Realm::Account, true).id;
        let import = format!("import {{\n  to = {CAMERA}\n  id = \"{theirs}\"\n}}\n");
        world.configure(&format!("{}{import}", camera("permanent = true")));
        let run = world.apply().await;
        assert!(run.says("1 imported, 0 added, 0 changed, 0 destroyed"), "{run}");
        assert!(
            world.lets_in(&world.attributes(CAMERA).await["key"]),
            "an import brings the value"
        );
        world.plans_nothing().await;
        world.configure("");
        world.apply().await;
        assert!(world.ids().is_empty());
    });
}

#[test]
fn another_kind_is_another_token() {
    World::on_each_version(async |world| {
        world.configure(&camera("permanent = true"));
        world.apply().await;
        let permanent = world.attributes(CAMERA).await;
        assert!(permanent["expires_at"].is_null());
        world.configure(&camera("permanent = false"));
        let run = world.apply().await;
        assert!(run.says("1 added, 0 changed, 1 destroyed"), "{run}");
        let temporary = world.attributes(CAMERA).await;
        assert!(temporary["expires_at"].is_string() && world.ids() == [2]);
        assert!(world.lets_in(&temporary["key"]) && !world.lets_in(&permanent["key"]));
    });
}

#[test]
fn a_platform_that_takes_only_put_is_served_as_well() {
    World::on_each_version(async |world| {
        world.sandbox.set_options(|options| options.update = Update::PutJson);
        world.configure(&camera("permanent = false\n  is_active = false"));
        world.apply().await;
        let key = world.attributes(CAMERA).await["key"].take();
        assert!(!world.lets_in(&key));
        world.configure(&camera("permanent = false\n  is_active = true"));
        world.apply().await;
        assert!(world.lets_in(&key));
    });
}

#[test]
fn a_temporary_token_that_has_ended_is_replaced_and_the_plan_says_why() {
    for expired in [Expired::Listed, Expired::Deactivated, Expired::Deleted] {
        World::by_the_clock(async |world| {
            world.sandbox.set_options(|options| options.expired = expired);
            world.configure(&camera("permanent = false"));
            world.apply().await;
            let first = world.attributes(CAMERA).await["key"].take();
            world.sandbox.advance(SignedDuration::from_hours(23));
            world.plans_nothing().await;

            world.sandbox.advance(SignedDuration::from_hours(1));
            assert!(!world.lets_in(&first));
            let run = world.plan().await.run;
            assert!(run.says("The temporary stream token 1 has expired"), "{run}");
            assert!(run.says("forces replacement"), "{run}");
            assert!(run.says("1 to add, 0 to change, 1 to destroy"), "{run}");
            world.apply().await;
            let second = world.attributes(CAMERA).await["key"].take();
            assert!(world.lets_in(&second) && world.ids() == [2]);
            world.plans_nothing().await;

            // Even with nothing left of it, an ended token does not stand in the way.
            world.sandbox.advance(SignedDuration::from_hours(24));
            world.destroy().await;
            assert!(world.ids().is_empty());
        });
    }
}

#[test]
fn what_happened_outside_is_planned_back() {
    World::on_each_version(async |world| {
        world.configure(&camera("permanent = true"));
        world.apply().await;
        world.sandbox.set_active_outside(1, false);
        let run = world.plan().await.run;
        assert!(
            run.says("is_active = false -> true") && run.says("1 to change"),
            "{run}"
        );
        world.apply().await;
        assert!(world.lets_in(&world.attributes(CAMERA).await["key"]));

        world.sandbox.delete_outside(1);
        let run = world.plan().await.run;
        assert!(run.says("1 to add, 0 to change, 0 to destroy"), "{run}");
        world.apply().await;
        assert!(world.lets_in(&world.attributes(CAMERA).await["key"]));
        world.plans_nothing().await;
    });
}

#[test]
fn the_plan_knows_the_limit_before_anything_is_made() {
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
        assert_eq!(world.ids(), [1], "nothing was made");

        // Whoever applies it all the same is told what uses the limit up, and keeps what was made.
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
fn token_of_a_lost_answer_is_reported_and_imported_as_the_error_shows() {
    for fault in [
        Fault::new(Effect::Cut).after(),
        Fault::answer(502).after(),
        Fault::new(Effect::Truncate),
    ] {
        World::on_each_version(async |world| {
            world.sandbox.add_token(&Realm::Account, true);
            world.sandbox.fault(fault.clone().on("POST", "/streams/tokens/"));
            world.configure(&camera("permanent = true"));
            let run = world.apply_fails().await;
            assert!(run.says("id = \"2\""), "{run}");
            assert_eq!(world.ids(), [1, 2]);
            assert!(world.attributes(CAMERA).await.is_null());
            let import = format!("import {{\n  to = {CAMERA}\n  id = \"2\"\n}}\n");
            world.configure(&(camera("permanent = true") + &import));
            world.apply().await;
            assert!(world.lets_in(&world.attributes(CAMERA).await["key"]));
            world.plans_nothing().await;
            world.destroy().await;
            assert_eq!(world.ids(), [1]);
        });
    }
}

#[test]
fn tokens_of_lost_answers_are_in_no_state_of_another() {
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
fn what_a_killed_run_left_is_found_and_imported() {
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
        assert!(world.lets_in(&world.attributes(CAMERA).await["key"]));
        assert_eq!(world.ids(), [1]);
    });
}

#[test]
fn a_value_is_no_id_to_import() {
    World::on_each_version(async |world| {
        world.sandbox.add_token(&Realm::Account, true);
        world.configure(&camera("permanent = true"));
        for id in ["not-a-number", "1/", ".."] {
            let run = world.workspace.import(CAMERA, id).await.unwrap();
            assert!(run.says("Not the id of a stream token"), "{run}");
        }
        assert_eq!(world.ids(), [1]);
    });
}

#[test]
fn a_credential_that_is_not_let_in_takes_nothing_out_of_the_state() {
    World::on_each_version(async |world| {
        world.configure(&camera("permanent = true"));
        world.apply().await;
        let api_token = world.given("NEUROIO_API_TOKEN");
        world.set_env("NEUROIO_API_TOKEN", "wrong");
        let run = world.plan_fails().await;
        assert!(run.says("Nothing was removed from the state"), "{run}");
        world.set_env("NEUROIO_API_TOKEN", &api_token);
        world.plans_nothing().await;
    });
}
