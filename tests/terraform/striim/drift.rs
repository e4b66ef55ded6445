//! What happens to a token outside Terraform, and what the next plan makes of it.

use http::Method;
use serde_json::json;
use token_providers::sandbox::striim::{ListUpdated, Options};

use super::world::{CI, USER, World, ci};

/// A platform whose list tells less, or more, than the default.
fn tells(token_id: bool, updated: ListUpdated) -> impl Fn(&mut Options) {
    move |options| {
        options.list_token_id = token_id;
        options.list_updated = updated;
    }
}

/// Has the state tell what the platform tells.
async fn refresh(world: &World) {
    let refresh = ["apply", "-no-color", "-auto-approve", "-refresh-only"];
    world.workspace.run(&refresh).await.unwrap().success().unwrap();
}

/// The next refresh takes the dead value out of the state; the next plan rotates, and says so.
async fn heals(world: &World) {
    let dead = world.attributes(CI).await["token"].take();
    assert!(!world.lets_in(&dead));
    refresh(world).await;
    assert!(world.attributes(CI).await["token"].is_null());

    let plan = world.plan().await;
    plan.rotates_because("rotated outside Terraform");
    world.apply().await;
    assert!(world.lets_in(&world.attributes(CI).await["token"]));
    world.plans_nothing().await;
}

#[test]
fn a_rotation_outside_is_seen_by_whatever_the_list_tells() {
    for (token_id, updated) in [
        (true, ListUpdated::AfterRotation),
        (true, ListUpdated::Never),
        (false, ListUpdated::Always),
    ] {
        World::by_the_clock(async |world| {
            world.sandbox.set_options(tells(token_id, updated));
            for arguments in ["expires_in = \"90d\"", "expires_in = \"90d\"\n  rotate_before = \"7d\""] {
                world.configure(&ci(arguments));
                world.apply().await;
                // The answer to a creation does not tell when that was; the list may.
                refresh(world).await;
                // An hour later: updates are told apart by their time.
                world.sandbox.advance(jiff::SignedDuration::from_hours(1));
                world.sandbox.rotate_outside("ci-pipeline").unwrap();
                heals(world).await;
                world.destroy().await;
            }
        });
    }
}

#[test]
fn a_rotation_outside_is_seen_by_the_expiry_where_nothing_else_is_told() {
    World::by_the_clock(async |world| {
        world.sandbox.set_options(tells(false, ListUpdated::Never));
        world.configure(&ci("expires_in = \"90d\""));
        world.apply().await;
        world.plans_nothing().await;
        let elsewhere = json!({"name": "ci-pipeline", "expires-at": world.in_days(30)});
        world.outside(Method::POST, "/service-account/rotate", elsewhere).await;
        heals(world).await;
    });
}

#[test]
fn a_second_rotation_outside_is_seen_by_its_time_alone() {
    World::by_the_clock(async |world| {
        world.sandbox.set_options(tells(false, ListUpdated::AfterRotation));
        let released = |release: u32| {
            ci(&format!(
                "expires_in = \"90d\"\n  rotation_triggers = {{ release = {release} }}"
            ))
        };
        world.configure(&released(1));
        world.apply().await;
        world.configure(&released(2));
        world.apply().await;
        world.plans_nothing().await;
        world.sandbox.advance(jiff::SignedDuration::from_hours(1));
        world.sandbox.rotate_outside("ci-pipeline").unwrap();
        heals(world).await;
    });
}

#[test]
fn a_token_deleted_outside_is_made_again_and_said_to_be_gone() {
    World::by_the_clock(async |world| {
        world.configure(&ci("expires_in = \"90d\""));
        world.apply().await;
        world.sandbox.delete_outside("ci-pipeline").unwrap();
        let plan = world.plan().await;
        assert_eq!(plan.actions(CI), "create");
        assert!(!plan.run.says("expired"), "{}", plan.run);
        world.apply().await;
        assert!(world.lets_in(&world.attributes(CI).await["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn a_description_changed_outside_is_shown_and_planned_back() {
    World::by_the_clock(async |world| {
        world.configure(&ci("description = \"Deployments\""));
        world.apply().await;
        // No endpoint changes one: somebody deleted the account, and made another of its name.
        let other = json!({"name": "ci-pipeline", "description": "Something else", "expires-at": world.in_days(30)});
        world.sandbox.delete_outside("ci-pipeline").unwrap();
        world.outside(Method::POST, "/service-account", other).await;
        let plan = world.plan().await;
        assert_eq!(plan.actions(CI), "delete create");
        assert!(plan.run.says("\"Something else\" -> \"Deployments\""), "{}", plan.run);
        world.apply().await;
        assert!(world.lets_in(&world.attributes(CI).await["token"]));
        world.plans_nothing().await;
    });
}

/// Each version of Terraform logs at its own places what a refresh changed; the search of the log is part of every test.
#[test]
fn refresh_that_takes_a_value_out_does_not_log_it_on_any_version() {
    World::on_every_version(async |world| {
        let pat = format!(
            "resource \"striim_personal_access_token\" \"user\" {{\n  email = \"{USER}\"\n  expires_in = \"30d\"\n}}\n"
        );
        world.add_user();
        world.configure(&(ci("expires_in = \"90d\"") + &pat));
        world.apply().await;
        for address in [CI, "striim_personal_access_token.user"] {
            assert!(world.attributes(address).await["token"].is_string(), "{address}");
        }
        world.sandbox.rotate_outside("ci-pipeline").unwrap();
        // As a user does who makes another one in the console.
        world
            .sandbox
            .add_user_token(USER, Some(super::world::in_days(20).parse().unwrap()))
            .unwrap();
        refresh(world).await;
        for address in [CI, "striim_personal_access_token.user"] {
            assert!(world.attributes(address).await["token"].is_null(), "{address}");
        }
        world.apply().await;
        world.plans_nothing().await;
    });
}
