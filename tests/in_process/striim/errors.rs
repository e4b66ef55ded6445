//! Errors when the platform rejects a request: what was attempted, its answer, and what to do.

use http::Method;
use serde_json::json;
use token_providers::framework::testing::Action;
use token_providers::sandbox::Fault;

use super::world::World;

const CI: &str = "striim_service_account_token.ci";

/// A token of a provider with a short `retry_timeout`.
fn impatient(expires_at: &str) -> String {
    format!(
        "provider \"striim\" {{\n  retry_timeout = \"1s\"\n}}\n\
         resource \"striim_service_account_token\" \"ci\" {{\n  name = \"ci-pipeline\"\n  expires_at = \"{expires_at}\"\n}}\n"
    )
}

/// Asserts that a creation fails with each of `phrases`, and nothing is in the state or on the platform.
async fn creating_fails(world: &mut World, phrases: &[&str]) {
    let before = world.names();
    world.configure(&impatient(&world.in_days(30)));
    let run = world.apply_fails().await;
    for phrase in phrases {
        assert!(run.says(phrase), "no diagnostic has {phrase:?}: {run:?}");
    }
    assert!(world.attributes(CI).is_null(), "{run:?}");
    assert_eq!(world.names(), before);
}

/// Asserts that the error about a creation rejected with `status` has each of `phrases`.
fn assert_creation_rejected(status: u16, phrases: &[&str]) {
    World::run(async |world| {
        world.reject(Method::POST, "/service-account", status, "in the platform's words");
        creating_fails(
            world,
            &[
                &[&*status.to_string(), "in the platform's words", "ci-pipeline"],
                phrases,
            ]
            .concat(),
        )
        .await;
    });
}

#[test]
fn create_rejected_with_400_quotes_the_platform() {
    assert_creation_rejected(400, &[]);
}

#[test]
fn create_rejected_with_401_names_the_variable() {
    assert_creation_rejected(401, &["STRIIM_TOKEN"]);
}

#[test]
fn create_rejected_with_403_names_the_role() {
    assert_creation_rejected(403, &["administrator"]);
}

#[test]
fn create_rejected_with_404_names_base_url() {
    assert_creation_rejected(404, &["base_url"]);
}

#[test]
fn create_rejected_with_429_names_retry_timeout() {
    assert_creation_rejected(429, &["retry_timeout"]);
}

/// After a status 500 the account may exist, so the state records it, and the next apply settles it.
#[test]
fn create_with_unknown_outcome_is_settled_by_the_next_apply() {
    for after in [false, true] {
        World::run(async |world| {
            let fault = Fault::answer(500).body("{\"message\": \"in the platform's words\"}");
            let fault = fault.on("POST", "/service-account");
            world.sandbox.fault(if after { fault.after() } else { fault });
            world
                .sandbox
                .fault(Fault::answer(500).on("POST", "/service-account/rotate"));
            world.configure(&impatient(&world.in_days(30)));
            let run = world.apply_fails().await;
            for phrase in ["500", "ci-pipeline", "may exist", "the next apply"] {
                assert!(run.says(phrase), "no diagnostic has {phrase:?}: {run:?}");
            }
            world.apply().await;
            assert_eq!(world.names(), ["ci-pipeline"]);
            assert!(world.accepts(&world.attributes(CI)["token"]));
            world.plans_nothing().await;
        });
    }
}

#[test]
fn create_of_a_taken_name_shows_the_import_block() {
    World::run(async |world| {
        world
            .outside(Method::POST, "/service-account", json!({"name": "ci-pipeline"}))
            .await;
        creating_fails(
            world,
            &[
                "409",
                "ci-pipeline",
                "import {",
                "to = striim_service_account_token.",
                "id = \"ci-pipeline\"",
            ],
        )
        .await;
    });
}

#[test]
fn create_beyond_the_quota_lists_names_and_expiries() {
    World::run(async |world| {
        let (first, second) = (world.in_days(10), world.in_days(20));
        for (name, expires_at) in [("releases", &first), ("nightly", &second)] {
            world
                .outside(
                    Method::POST,
                    "/service-account",
                    json!({"name": name, "expires-at": expires_at}),
                )
                .await;
        }
        // The third token is the provider's own, a legacy token without expiry.
        creating_fails(world, &["409", "releases", &first, "nightly", &second, "terraform"]).await;
    });
}

#[test]
fn unknown_credential_is_explained() {
    World::run(async |world| {
        world.set_env("STRIIM_TOKEN", "no-such-token");
        creating_fails(world, &["401", "STRIIM_TOKEN"]).await;
    });
}

#[test]
fn credential_of_a_regular_user_is_explained() {
    World::run(async |world| {
        let user = world.add_user();
        world.set_env("STRIIM_TOKEN", &user);
        creating_fails(world, &["403", "administrator"]).await;
    });
}

#[test]
fn rejected_rotation_keeps_the_state() {
    World::run(async |world| {
        world.configure(&impatient(&world.in_days(30)));
        world.apply().await;
        let before = world.attributes(CI);
        world.configure(&impatient(&world.in_days(60)));
        world.sandbox.fault(
            Fault::answer(403)
                .on("POST", "/service-account/rotate")
                .body("in the platform\'s words"),
        );
        let run = world.apply_fails().await;
        assert!(
            run.says("ci-pipeline") && run.says("403") && run.says("in the platform's words"),
            "{run:?}"
        );
        assert_eq!(world.attributes(CI), before);

        assert_eq!(world.plan().await.action(CI), Action::Update);
        world.apply().await;
        assert!(world.accepts(&world.attributes(CI)["token"]));
    });
}

#[test]
fn rejected_revocation_keeps_the_state() {
    World::run(async |world| {
        world.configure(&impatient(&world.in_days(30)));
        world.apply().await;
        let before = world.attributes(CI);
        world.sandbox.fault(
            Fault::answer(403)
                .on("DELETE", "/service-account")
                .body("in the platform\'s words"),
        );
        let run = world.destroy_fails().await;
        assert!(
            run.says("ci-pipeline") && run.says("403") && run.says("in the platform's words"),
            "{run:?}"
        );
        assert_eq!(world.attributes(CI), before);
    });
}

#[test]
fn temporary_rejections_are_retried() {
    World::run(async |world| {
        world.sandbox.fault(
            Fault::answer(429)
                .on("POST", "/service-account")
                .header("retry-after", "0"),
        );
        world.configure("resource \"striim_service_account_token\" \"ci\" {\n  name = \"ci-pipeline\"\n}\n");
        world.apply().await;
        world.sandbox.fault(
            Fault::answer(503)
                .on("GET", "/service-accounts")
                .header("retry-after", "0"),
        );
        world.plans_nothing().await;
    });
}
