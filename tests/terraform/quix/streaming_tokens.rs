//! The life of an environment's streaming tokens, and what others do to them.

use secrecy::ExposeSecret as _;
use token_providers::sandbox::quix::{Readers, Role, Rotated, Tokens};
use token_providers::sandbox::{Effect, Fault};

use super::world::{DEV, TOKENS, World, generation, provider_block, tokens, warnings};

const READING: &str = "/workspaces/acme-shop-dev/sandbox-tokens";
const ROTATION: &str = "/workspaces/acme-shop-dev/sandbox-tokens/rotate";

/// The tokens in the state, rotated once since.
async fn rotated_once(world: &World, first: &serde_json::Value) {
    let attributes = world.has_both().await;
    assert_eq!(attributes["token_1"], first["token_2"]);
    assert!(!world.lets_in(&first["token_1"]));
    assert_eq!(generation(&attributes), generation(first) + 1);
    assert_eq!(world.sandbox.rotations(DEV), 1);
}

#[test]
fn tokens_are_read_rotated_and_forgotten_on_every_version() {
    World::on_every_version(async |world| {
        world.configure(&tokens("1"));
        world.apply().await;
        let first = world.has_both().await;
        assert_eq!(first["changed_outside"], false);
        world.plans_nothing().await;

        world.configure(&tokens("2"));
        let plan = world.plan().await;
        assert!(
            plan.run.says("Token 1 of \"acme-shop-dev\" will be revoked"),
            "{}",
            plan.run
        );
        assert!(plan.run.says("rotation_triggers.leak changed"), "{}", plan.run);
        assert_eq!(plan.after(TOKENS)["generation"], generation(&first) + 1);
        assert_eq!(
            plan.after(TOKENS)["token_1"],
            first["token_2"],
            "the plan knows what moves up"
        );
        world.apply().await;
        rotated_once(world, &first).await;
        world.plans_nothing().await;

        let last = world.has_both().await;
        let run = world.destroy().await;
        assert!(run.says("are removed from the state, but remain valid"), "{run}");
        assert!(world.lets_in(&last["token_1"]) && world.lets_in(&last["token_2"]));
        assert_eq!(world.sandbox.rotations(DEV), 1);
    });
}

#[test]
fn every_shape_that_is_not_documented_lives_the_same_life() {
    for (tokens_as, rotated) in [
        (Tokens::Strings, Rotated::NewToken),
        (Tokens::Objects, Rotated::Empty),
        (Tokens::Wrapped, Rotated::NoContent),
    ] {
        World::on_each_version(async |world| {
            world.sandbox.set_options(|options| {
                options.tokens = tokens_as;
                options.rotated = rotated;
                options.stale_reads = jiff::SignedDuration::from_millis(500);
            });
            world.configure(&tokens("1"));
            world.apply().await;
            let first = world.has_both().await;
            world.configure(&tokens("2"));
            world.apply().await;
            rotated_once(world, &first).await;
            world.plans_nothing().await;
        });
    }
}

#[test]
fn a_lost_answer_ends_no_second_token() {
    for fault in [
        Fault::new(Effect::Cut).after(),
        Fault::answer(502).after(),
        Fault::new(Effect::Truncate),
    ] {
        World::on_each_version(async |world| {
            world.configure(&tokens("1"));
            world.apply().await;
            let first = world.has_both().await;
            world.sandbox.fault(fault.clone().on("POST", ROTATION));
            world.configure(&tokens("2"));
            world.apply().await;
            rotated_once(world, &first).await;
            world.plans_nothing().await;
        });
    }
}

#[test]
fn a_rotation_that_nobody_could_see_is_found_by_the_next_run() {
    World::on_each_version(async |world| {
        world.configure(&tokens("1"));
        world.apply().await;
        let first = world.has_both().await;
        world
            .sandbox
            .fault(Fault::new(Effect::Cut).after().on("POST", ROTATION));
        // The refresh and the look before the rotation pass.
        world.sandbox.fault(Fault::answer(401).on("GET", READING).skip(2));
        world.configure(&tokens("2"));
        let run = world.apply_fails().await;
        assert!(
            run.says("Whether the streaming tokens of \"acme-shop-dev\" were rotated is unknown"),
            "{run}"
        );
        let run = world.apply().await;
        assert!(run.says("have been rotated already"), "{run}");
        rotated_once(world, &first).await;
        world.plans_nothing().await;
    });
}

#[test]
fn a_run_that_is_killed_after_it_has_rotated_does_not_cost_the_second_token() {
    World::on_each_version(async |world| {
        world.configure(&tokens("1"));
        world.apply().await;
        let first = world.has_both().await;
        world
            .sandbox
            .fault(Fault::new(Effect::Hang).after().on("POST", ROTATION));
        world.configure(&tokens("2"));
        let running = world
            .apply_until("the rotation", || world.sandbox.rotations(DEV) == 1)
            .await;
        running.kill().await.unwrap();
        running.kill_provider().await.unwrap();
        running.end().await.unwrap();
        assert_eq!(world.attributes(TOKENS).await, first, "nothing was written");

        let plan = world.plan().await;
        assert!(plan.run.says("were rotated outside of an apply"), "{}", plan.run);
        assert!(plan.run.says("have been rotated already"), "{}", plan.run);
        world.apply().await;
        rotated_once(world, &first).await;
        world.plans_nothing().await;
        // Another change is another rotation.
        world.configure(&tokens("3"));
        world.apply().await;
        world.has_both().await;
        assert_eq!(world.sandbox.rotations(DEV), 2);
    });
}

#[test]
fn a_refresh_that_is_written_does_not_hide_that_the_tokens_were_rotated() {
    World::on_each_version(async |world| {
        world.configure(&tokens("1"));
        world.apply().await;
        let first = world.has_both().await;
        world.sandbox.rotate_outside(DEV);
        let refresh = ["apply", "-no-color", "-auto-approve", "-refresh-only"];
        world.workspace.run(&refresh).await.unwrap().success().unwrap();
        assert_eq!(world.has_both().await["changed_outside"], true);
        world.configure(&tokens("2"));
        let run = world.apply().await;
        assert!(run.says("have been rotated already"), "{run}");
        rotated_once(world, &first).await;
    });
}

#[test]
fn tokens_that_others_rotate_are_followed_with_all_that_refers_to_them() {
    World::on_each_version(async |world| {
        let consumer = format!(
            "resource \"terraform_data\" \"consumer\" {{\n  input = {TOKENS}.generation\n  \
             triggers_replace = [sha256({TOKENS}.token_1)]\n}}\n"
        );
        world.configure(&format!("{}{consumer}", tokens("1")));
        world.apply().await;
        world.sandbox.rotate_outside(DEV);
        let plan = world.plan().await;
        assert!(plan.run.says("were rotated outside of an apply"), "{}", plan.run);
        assert_eq!(plan.actions("terraform_data.consumer"), "delete create");
        assert_eq!(plan.actions(TOKENS), "update");
        world.apply().await;
        world.has_both().await;
        let run = world.plans_nothing().await;
        assert_eq!(warnings(&run), 0, "{run}");
        assert_eq!(world.sandbox.rotations(DEV), 1);
    });
}

#[test]
fn somebody_who_rotates_between_plan_and_apply_costs_no_second_token() {
    World::on_each_version(async |world| {
        world.configure(&tokens("1"));
        world.apply().await;
        let first = world.has_both().await;
        world.configure(&tokens("2"));
        let run = async |arguments: &[&str]| world.workspace.run(arguments).await.unwrap();
        run(&["plan", "-no-color", "-out=saved.plan"]).await.success().unwrap();
        world.sandbox.rotate_outside(DEV);
        let applied = run(&["apply", "-no-color", "saved.plan"]).await.success().unwrap();
        assert!(applied.says("have been rotated already"), "{applied}");
        rotated_once(world, &first).await;
        world.plans_nothing().await;

        // Twice, and nothing is as the plan said: that is an error, and the state follows.
        world.configure(&tokens("3"));
        run(&["plan", "-no-color", "-out=saved.plan"]).await.success().unwrap();
        (0..2).for_each(|_| world.sandbox.rotate_outside(DEV));
        let applied = run(&["apply", "-no-color", "saved.plan"]).await;
        assert!(applied.says("were rotated more than once"), "{applied}");
        world.has_both().await;
        world.plans_nothing().await;
        assert_eq!(world.sandbox.calls("POST", ROTATION), 0);
    });
}

#[test]
fn two_resources_of_one_environment_end_one_token() {
    World::on_each_version(async |world| {
        let both = |leak: &str| {
            let one = tokens(leak);
            let two = one.replace(&provider_block(token_providers::sandbox::quix::Paths::Nested), "");
            format!("{one}{}", two.replace("\"dev\" {", "\"too\" {"))
        };
        world.configure(&both("1"));
        world.apply().await;
        let first = world.has_both().await;
        world.configure(&both("2"));
        world.apply().await;
        rotated_once(world, &first).await;
        world.plans_nothing().await;
    });
}

#[test]
fn only_an_administrators_token_rotates() {
    World::on_each_version(async |world| {
        world.configure(&tokens("1"));
        let editor = world.sandbox.add_user(Role::Editor);
        world.set_env("Quix__Sdk__Token", editor.expose_secret());
        world.apply().await;
        let created = generation(&world.has_both().await);
        world.configure(&tokens("2"));
        let run = world.apply_fails().await;
        assert!(
            run.says("Only users with the role Admin can rotate streaming tokens"),
            "{run}"
        );
        assert_eq!(generation(&world.has_both().await), created);
        world.set_env("Quix__Sdk__Token", &world.given("Quix__Sdk__Token"));
        world.apply().await;
        assert_eq!(world.sandbox.rotations(DEV), 1);
    });
}

#[test]
fn the_token_that_the_provider_works_with_is_not_ended() {
    World::on_each_version(async |world| {
        world.sandbox.set_options(|options| options.readers = Readers::Holders);
        let [token_1, _] = world.sandbox.tokens(DEV).unwrap();
        world.set_env("Quix__Sdk__Token", token_1.expose_secret());
        world.configure(&tokens("1"));
        world.apply().await;
        world.configure(&tokens("2"));
        let plan = world.plan().await;
        assert!(plan.run.says("Cannot revoke the provider's own token"), "{}", plan.run);
        world.apply_fails().await;
        world.has_both().await;
        assert_eq!(world.sandbox.rotations(DEV), 0);
    });
}

#[test]
fn another_environment_is_another_pair() {
    World::on_each_version(async |world| {
        world.configure(&tokens("1"));
        world.apply().await;
        world.configure(&tokens("1").replace(DEV, "acme-shop-prod"));
        let plan = world.plan().await;
        assert_eq!(plan.actions(TOKENS), "delete create");
        assert!(
            plan.run.says("are removed from the state, but remain valid"),
            "{}",
            plan.run
        );
        world.apply().await;
        let attributes = world.attributes(TOKENS).await;
        assert_eq!(
            attributes["token_1"],
            world.sandbox.tokens("acme-shop-prod").unwrap()[0].expose_secret()
        );
        world.plans_nothing().await;
    });
}

#[test]
fn a_credential_that_is_not_let_in_takes_nothing_out_of_the_state() {
    World::on_each_version(async |world| {
        world.configure(&tokens("1"));
        world.apply().await;
        world.set_env("Quix__Sdk__Token", "wrong");
        let run = world.plan_fails().await;
        assert!(run.says("Nothing was removed from the state"), "{run}");
        world.set_env("Quix__Sdk__Token", &world.given("Quix__Sdk__Token"));
        world.plans_nothing().await;
    });
}

#[test]
fn an_environment_that_is_gone_is_told_and_forgotten_on_demand() {
    World::on_each_version(async |world| {
        world.configure(&tokens("1"));
        world.apply().await;
        world.sandbox.remove_workspace(DEV);
        let run = world.plan_fails().await;
        assert!(run.says("terraform state rm"), "{run}");
        world
            .workspace
            .run(&["state", "rm", TOKENS])
            .await
            .unwrap()
            .success()
            .unwrap();
        world.configure(&provider_block(token_providers::sandbox::quix::Paths::Nested));
        world.plans_nothing().await;
    });
}
