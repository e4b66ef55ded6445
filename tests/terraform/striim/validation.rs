//! What a plan refuses, and where it points.

use super::world::{World, in_days};

/// A plan of one token with `arguments` must fail and say each of `phrases`; Terraform quotes the line of the attribute
/// that the error is on.
async fn refuses(world: &super::world::World, arguments: &str, phrases: &[&str]) {
    world.configure(&format!(
        "resource \"striim_service_account_token\" \"ci\" {{\n{arguments}\n}}\n"
    ));
    let run = world.plan_fails().await;
    for phrase in phrases {
        assert!(run.says(phrase), "nothing is said of {phrase:?}: {run}");
    }
}

#[test]
fn a_name_has_3_to_30_characters() {
    World::on_each_version(async |world| {
        for name in ["ci", "a-name-that-has-31-characters-x", ""] {
            let argument = format!("name = \"{name}\"");
            refuses(world, &argument, &[&argument, "3", "30"]).await;
        }
        // Characters, not bytes.
        world.configure(
            "resource \"striim_service_account_token\" \"ci\" {\n  name = \"éàü-éàü-éàü-éàü-éàü-éàü-éàü-éà\"\n}\n",
        );
        world.plan().await;
    });
}

#[test]
fn a_description_has_at_most_255_characters() {
    World::on_each_version(async |world| {
        let argument = format!("description = \"{}\"", "é".repeat(256));
        refuses(
            world,
            &format!("name = \"ci-pipeline\"\n{argument}"),
            &["description = ", "255"],
        )
        .await;
    });
}

#[test]
fn an_expiry_is_an_instant_ahead_within_12_months() {
    World::on_each_version(async |world| {
        let day = &in_days(30)[..10];
        for (expires_at, phrase) in [
            ("tomorrow".to_owned(), "RFC 3339"),
            (day.to_owned(), "RFC 3339"),
            (format!("{day}T12:00:00"), "offset"),
            (format!("{}T12:00:00Z", "2026-02-30"), "2026-02-30"),
            (in_days(-1), "past"),
            (in_days(367), "12 months"),
        ] {
            let argument = format!("expires_at = \"{expires_at}\"");
            refuses(
                world,
                &format!("name = \"ci-pipeline\"\n{argument}"),
                &[&argument, phrase],
            )
            .await;
        }
    });
}

#[test]
fn a_rotation_into_the_past_is_refused() {
    World::on_each_version(async |world| {
        let token = |expires_at| format!("name = \"ci-pipeline\"\nexpires_at = \"{expires_at}\"");
        world.configure(&format!(
            "resource \"striim_service_account_token\" \"ci\" {{\n{}\n}}\n",
            token(in_days(30))
        ));
        world.apply().await;
        refuses(world, &token(in_days(-1)), &["expires_at = ", "past"]).await;
    });
}
