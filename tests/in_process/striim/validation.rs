//! Invalid arguments are errors of the plan, on the argument.

use super::world::World;

/// Asserts that a plan of a token with these arguments fails on this attribute with each of `phrases`.
async fn rejects(world: &mut World, arguments: &str, attribute: &str, phrases: &[&str]) {
    world.configure(&format!(
        "resource \"striim_service_account_token\" \"ci\" {{\n{arguments}\n}}\n"
    ));
    let run = world.plan_fails().await;
    assert!(run.is_on(attribute), "{run:?}");
    for phrase in phrases {
        assert!(run.says(phrase), "no error says {phrase:?}: {run:?}");
    }
}

#[test]
fn name_must_have_3_to_30_characters() {
    World::run(async |world| {
        for name in ["ci", "a-name-that-has-31-characters-x", ""] {
            let argument = format!("name = \"{name}\"");
            rejects(world, &argument, "name", &["3", "30"]).await;
        }
        // Characters, not bytes.
        world.configure(
            "resource \"striim_service_account_token\" \"ci\" {\n  name = \"éàü-éàü-éàü-éàü-éàü-éàü-éàü-éà\"\n}\n",
        );
        world.plan().await;
    });
}

#[test]
fn description_must_have_at_most_255_characters() {
    World::run(async |world| {
        let argument = format!("description = \"{}\"", "é".repeat(256));
        let arguments = format!("name = \"ci-pipeline\"\n{argument}");
        rejects(world, &arguments, "description", &["255"]).await;
    });
}

#[test]
fn expiry_must_be_a_future_instant_within_12_months() {
    World::run(async |world| {
        let day = &world.in_days(30)[..10];
        for (expires_at, phrase) in [
            ("tomorrow".to_owned(), "RFC 3339"),
            (day.to_owned(), "RFC 3339"),
            (format!("{day}T12:00:00"), "offset"),
            (format!("{}T12:00:00Z", "2026-02-30"), "2026-02-30"),
            (world.in_days(-1), "past"),
            (world.in_days(367), "12 months"),
        ] {
            let arguments = format!("name = \"ci-pipeline\"\nexpires_at = \"{expires_at}\"");
            rejects(world, &arguments, "expires_at", &[phrase]).await;
        }
    });
}

#[test]
fn rotation_with_a_past_expiry_is_rejected() {
    World::run(async |world| {
        let token = |expires_at| format!("name = \"ci-pipeline\"\nexpires_at = \"{expires_at}\"");
        world.configure(&format!(
            "resource \"striim_service_account_token\" \"ci\" {{\n{}\n}}\n",
            token(world.in_days(30))
        ));
        world.apply().await;
        let past = token(world.in_days(-1));
        rejects(world, &past, "expires_at", &["past"]).await;
    });
}
