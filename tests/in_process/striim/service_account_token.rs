//! `striim_service_account_token`: rotate, replace, revoke, import, refresh, lost answers.

use http::Method;
use serde_json::json;
use token_providers::framework::testing::Action;
use token_providers::sandbox::{Effect, Fault};

use super::world::{World, generation, token};

/// The resource that most of these tests manage.
const CI: &str = "striim_service_account_token.ci";

/// Returns a configuration of [`CI`].
fn ci(arguments: &str) -> String {
    named("ci-pipeline", arguments)
}

fn named(name: &str, arguments: &str) -> String {
    format!("resource \"striim_service_account_token\" \"ci\" {{\n  name = \"{name}\"\n  {arguments}\n}}\n")
}

fn expiring(expires_at: &str) -> String {
    ci(&format!("expires_at = \"{expires_at}\""))
}

#[test]
fn changed_expiry_rotates_in_place() {
    World::run(async |world| {
        world.configure(&expiring(&world.in_days(30)));
        world.apply().await;
        let old = world.attributes(CI);
        let later = world.in_days(60);
        world.configure(&expiring(&later));

        let plan = world.plan().await;
        assert_eq!(plan.action(CI), Action::Update);
        assert_eq!(plan.after(CI)["generation"], generation(&old) + 1);
        assert!(plan.is_unknown(CI, "token"));
        assert!(plan.is_unknown(CI, "token_id"));

        world.apply().await;
        let new = world.attributes(CI);
        assert_eq!(new["id"], old["id"]);
        assert_eq!(new["expires_at"], later);
        assert_eq!(generation(&new), generation(&old) + 1);
        assert_ne!(new["token_id"], old["token_id"]);
        assert!(new["updated_at"].is_string() && new["updated_by"].is_i64(), "{new}");
        assert!(!world.accepts(&old["token"]));
        assert!(world.accepts(&new["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn other_spelling_of_the_expiry_changes_nothing() {
    World::run(async |world| {
        let day = &world.in_days(30)[..10];
        let applied = format!("{day}T14:00:00+02:00");
        world.configure(&expiring(&applied));
        world.apply().await;
        let before = world.attributes(CI);
        assert_eq!(before["expires_at"], applied);
        world.plans_nothing().await;

        for spelling in [
            "12:00:00Z",
            "12:00:00.000Z",
            "12:00:00+00:00",
            "17:30:00+05:30",
            "02:00:00.0-10:00",
        ] {
            world.configure(&expiring(&format!("{day}T{spelling}")));
            world.plans_nothing().await;
        }
        world.apply().await;
        assert_eq!(world.attributes(CI)["token"], before["token"]);
    });
}

#[test]
fn fractions_of_a_second_are_preserved() {
    World::run(async |world| {
        let applied = format!("{}T12:00:00.987654321Z", &world.in_days(30)[..10]);
        world.configure(&expiring(&applied));
        world.apply().await;
        assert_eq!(world.attributes(CI)["expires_at"], applied);
        world.plans_nothing().await;
    });
}

#[test]
fn expiry_chosen_by_the_platform_is_stable() {
    World::run(async |world| {
        world.configure(&ci(""));
        let plan = world.plan().await;
        assert!(plan.is_unknown(CI, "expires_at"));
        world.apply().await;
        assert!(world.attributes(CI)["expires_at"].is_string());
        world.plans_nothing().await;
    });
}

#[test]
fn removed_expiry_changes_nothing() {
    World::run(async |world| {
        world.configure(&expiring(&world.in_days(30)));
        world.apply().await;
        world.configure(&ci(""));
        world.plans_nothing().await;
    });
}

#[test]
fn changed_name_or_description_replaces() {
    World::run(async |world| {
        world.configure(&ci("description = \"Deployments\""));
        world.apply().await;
        for changed in [
            ci("description = \"Releases\""),
            named("ci-releases", "description = \"Releases\""),
        ] {
            let old = world.attributes(CI);
            world.configure(&changed);
            assert_eq!(world.plan().await.action(CI), Action::Replace);
            world.apply().await;
            let new = world.attributes(CI);
            assert!(generation(&new) > generation(&old));
            assert!(!world.accepts(&old["token"]));
            assert!(world.accepts(&new["token"]));
        }
        world.plans_nothing().await;
    });
}

#[test]
fn destroy_revokes_the_token() {
    World::run(async |world| {
        world.configure(&ci(""));
        world.apply().await;
        let token = world.attributes(CI)["token"].take();
        world.destroy().await;
        assert!(!world.accepts(&token));
        assert!(world.names().is_empty());
    });
}

#[test]
fn destroy_of_a_deleted_token_succeeds() {
    World::run(async |world| {
        world.configure(&ci(""));
        world.apply().await;
        world.sandbox.delete_outside("ci-pipeline").unwrap();
        // Without a refresh, the platform answers 404 to the revocation.
        world.destroy_without_refresh().await;
        assert!(world.attributes(CI).is_null());
    });
}

#[test]
fn import_of_a_missing_name_is_an_error() {
    World::run(async |world| {
        world.configure(&ci(""));
        let run = world.import_fails(CI, "CI-Pipeline").await;
        assert!(run.says("CI-Pipeline"), "{run:?}");
    });
}

#[test]
fn token_deleted_outside_is_recreated() {
    World::run(async |world| {
        world.configure(&ci(""));
        world.apply().await;
        world.sandbox.delete_outside("ci-pipeline").unwrap();
        assert_eq!(world.plan().await.action(CI), Action::Create);
        world.apply().await;
        assert!(world.accepts(&world.attributes(CI)["token"]));
    });
}

#[test]
fn expiry_changed_outside_is_reverted_by_a_rotation() {
    World::run(async |world| {
        let expires_at = world.in_days(30);
        world.configure(&expiring(&expires_at));
        world.apply().await;
        let created = generation(&world.attributes(CI));
        let moved = json!({"name": "ci-pipeline", "expires-at": world.in_days(5)});
        world.outside(Method::POST, "/service-account/rotate", moved).await;

        let plan = world.plan().await;
        assert_eq!(plan.action(CI), Action::Update);
        assert_eq!(plan.after(CI)["generation"], created + 1);
        world.apply().await;
        let token = world.attributes(CI);
        assert_eq!(token["expires_at"], expires_at);
        assert!(world.accepts(&token["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn rejected_credential_keeps_the_state() {
    World::run(async |world| {
        world.configure(&ci(""));
        world.apply().await;
        let before = world.attributes(CI);
        let user = world.add_user();
        for (bearer, status) in [("no-such-token", "401"), (&user, "403")] {
            world.set_env("STRIIM_TOKEN", bearer);
            for run in [world.plan_fails().await, world.refresh_fails().await] {
                assert!(run.says(status), "{run:?}");
            }
            assert_eq!(world.attributes(CI), before);
        }
    });
}

#[test]
fn plan_of_many_tokens_requests_one_list() {
    World::run(async |world| {
        let mut config = String::new();
        for name in (1..=100).map(|number| format!("worker-{number:03}")) {
            world.sandbox.add_service_account(&name, world.in_days(30).parse().ok());
            let import = format!("import {{\n  to = striim_service_account_token.{name}\n  id = \"{name}\"\n}}\n");
            config += &(token(&name, "") + &import);
        }
        world.configure(&config);
        world.apply().await;
        let lists = || world.sandbox.calls("GET", "/service-accounts");
        let before = lists();
        world.plans_nothing().await;
        assert_eq!(lists() - before, 1);
    });
}

#[test]
fn expired_import_blocks_nothing() {
    World::run(async |world| {
        let passed = world.in_days(-3);
        world.sandbox.add_service_account("ci-pipeline", passed.parse().ok());
        world.configure(&expiring(&passed));
        world.import(CI, "ci-pipeline").await;

        let run = world.plans_nothing().await;
        assert!(run.warnings() > 0 && run.says("expired"), "{run:?}");
        world.destroy().await;
        assert!(world.names().is_empty());
    });
}

#[test]
fn create_recovers_from_a_lost_answer() {
    World::run(async |world| {
        world.configure(&expiring(&world.in_days(30)));
        world
            .sandbox
            .fault(Fault::answer(502).on("POST", "/service-account").after());
        world.apply().await;
        assert_eq!(world.sandbox.calls("POST", "/service-account"), 1);
        assert_eq!(world.names(), ["ci-pipeline"]);
        assert!(world.accepts(&world.attributes(CI)["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn rotate_recovers_from_a_lost_answer() {
    World::run(async |world| {
        world.configure(&expiring(&world.in_days(30)));
        world.apply().await;
        world.configure(&expiring(&world.in_days(60)));
        world
            .sandbox
            .fault(Fault::new(Effect::Cut).on("POST", "/service-account/rotate").after());
        world.apply().await;
        assert!(world.accepts(&world.attributes(CI)["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn rotate_with_unknown_outcome_is_repeated_by_the_next_apply() {
    World::run(async |world| {
        world.configure(&expiring(&world.in_days(30)));
        world.apply().await;
        let impatient = "provider \"striim\" {\n  retry_timeout = \"1s\"\n}\n";
        world.configure(&format!("{impatient}{}", expiring(&world.in_days(60))));
        world
            .sandbox
            .fault(Fault::new(Effect::Cut).on("POST", "/service-account/rotate").after());
        world.apply_fails().await;
        assert!(!world.accepts(&world.attributes(CI)["token"]));

        assert_eq!(world.plan().await.action(CI), Action::Update);
        world.apply().await;
        assert!(world.accepts(&world.attributes(CI)["token"]));
        world.plans_nothing().await;
    });
}
