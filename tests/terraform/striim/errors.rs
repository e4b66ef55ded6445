//! What a user reads when the platform refuses: what was tried, what the platform said, and what to do.

use http::Method;
use serde_json::json;
use token_providers::sandbox::Fault;

use super::world::{World, in_days};

const CI: &str = "striim_service_account_token.ci";

/// A token in a configuration whose provider soon gives up waiting.
fn impatient(expires_at: &str) -> String {
    format!(
        "provider \"striim\" {{\n  retry_timeout = \"1s\"\n}}\n\
         resource \"striim_service_account_token\" \"ci\" {{\n  name = \"ci-pipeline\"\n  expires_at = \"{expires_at}\"\n}}\n"
    )
}

/// An apply that creates must fail, say each of `phrases`, and leave nothing behind: neither in the state nor there.
async fn creating_fails(world: &World, phrases: &[&str]) {
    let before = world.names();
    world.configure(&impatient(&in_days(30)));
    let run = world.apply_fails().await;
    for phrase in phrases {
        assert!(run.says(phrase), "nothing is said of {phrase:?}: {run}");
    }
    assert!(run.says(&format!("with {CI}")), "{run}");
    assert!(world.attributes(CI).await.is_null(), "{run}");
    assert_eq!(world.names(), before);
}

/// Whenever the platform answers `status` to a creation, the message says each of `phrases`.
fn a_creation_refused_with(status: u16, phrases: &[&str]) {
    World::on_each_version(async |world| {
        world.refuse(Method::POST, "/service-account", status, "in the platform's words");
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
fn an_invalid_request_is_explained() {
    a_creation_refused_with(400, &[]);
}

#[test]
fn a_refused_credential_is_explained() {
    a_creation_refused_with(401, &["STRIIM_TOKEN"]);
}

#[test]
fn a_missing_permission_is_explained() {
    a_creation_refused_with(403, &["administrator"]);
}

#[test]
fn a_platform_that_is_not_there_is_explained() {
    a_creation_refused_with(404, &["base_url"]);
}

#[test]
fn a_rate_limit_that_outlasts_the_patience_is_explained() {
    a_creation_refused_with(429, &["retry_timeout"]);
}

/// A platform that answers 500 may have acted, so the account is not forgotten; the next apply settles what there is.
#[test]
fn a_broken_platform_is_explained_and_the_next_apply_settles_it() {
    for after in [false, true] {
        World::on_each_version(async |world| {
            let fault = Fault::answer(500).body("{\"message\": \"in the platform's words\"}");
            let fault = fault.on("POST", "/service-account");
            world.sandbox.fault(if after { fault.after() } else { fault });
            world
                .sandbox
                .fault(Fault::answer(500).on("POST", "/service-account/rotate"));
            world.configure(&impatient(&in_days(30)));
            let run = world.apply_fails().await;
            for phrase in ["500", "ci-pipeline", "may exist", "the next apply"] {
                assert!(run.says(phrase), "nothing is said of {phrase:?}: {run}");
            }
            world.apply().await;
            assert_eq!(world.names(), ["ci-pipeline"]);
            assert!(world.lets_in(&world.attributes(CI).await["token"]));
            world.plans_nothing().await;
        });
    }
}

#[test]
fn a_name_that_is_taken_is_shown_with_the_import_that_takes_it_over() {
    World::on_each_version(async |world| {
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
fn a_used_up_quota_is_shown_with_the_names_and_expiries_that_use_it() {
    World::on_each_version(async |world| {
        let (first, second) = (in_days(10), in_days(20));
        for (name, expires_at) in [("releases", &first), ("nightly", &second)] {
            world
                .outside(
                    Method::POST,
                    "/service-account",
                    json!({"name": name, "expires-at": expires_at}),
                )
                .await;
        }
        // The third is the provider's own, a legacy token that never expires.
        creating_fails(world, &["409", "releases", &first, "nightly", &second, "terraform"]).await;
    });
}

#[test]
fn a_credential_that_the_platform_does_not_know_is_explained() {
    World::on_each_version(async |world| {
        world.set_env("STRIIM_TOKEN", "no-such-token");
        creating_fails(world, &["ci-pipeline", "401", "STRIIM_TOKEN"]).await;
    });
}

#[test]
fn a_credential_without_administrators_rights_is_explained() {
    World::on_each_version(async |world| {
        let user = world.add_user();
        world.set_env("STRIIM_TOKEN", &user);
        creating_fails(world, &["ci-pipeline", "403", "administrator"]).await;
    });
}

#[test]
fn a_refused_rotation_keeps_the_token_as_it_was() {
    World::on_each_version(async |world| {
        world.configure(&impatient(&in_days(30)));
        world.apply().await;
        let before = world.attributes(CI).await;
        world.configure(&impatient(&in_days(60)));
        world.sandbox.fault(
            Fault::answer(403)
                .on("POST", "/service-account/rotate")
                .body("in the platform\'s words"),
        );
        let run = world.apply_fails().await;
        assert!(
            run.says("ci-pipeline") && run.says("403") && run.says("in the platform's words"),
            "{run}"
        );
        assert_eq!(world.attributes(CI).await, before);

        assert_eq!(world.plan().await.actions(CI), "update");
        world.apply().await;
        assert!(world.lets_in(&world.attributes(CI).await["token"]));
    });
}

#[test]
fn a_refused_revocation_keeps_the_token_in_the_state() {
    World::on_each_version(async |world| {
        world.configure(&impatient(&in_days(30)));
        world.apply().await;
        let before = world.attributes(CI).await;
        world.sandbox.fault(
            Fault::answer(403)
                .on("DELETE", "/service-account")
                .body("in the platform\'s words"),
        );
        let run = world.destroy_fails().await;
        assert!(
            run.says("ci-pipeline") && run.says("403") && run.says("in the platform's words"),
            "{run}"
        );
        assert_eq!(world.attributes(CI).await, before);
    });
}

#[test]
fn a_passing_trouble_is_waited_out() {
    World::on_each_version(async |world| {
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
