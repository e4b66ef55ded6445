//! A year in the life of an account: three tokens with three ways of rotating, a pair that rotates with overlap, and all
//! that happens to them meanwhile.
//!
//! Terraform plans every simulated day, and applies what is planned. The provider runs in the test's process and has the
//! sandbox's clock, which the test moves.

use std::collections::BTreeMap;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use token_providers::sandbox::striim::AuditAction;

use super::world::{DAY, World, generation};

/// What the user has in Git on a day.
struct Declared {
    fixed: Timestamp,
    release: u32,
}

impl Declared {
    fn hcl(&self) -> String {
        let Self { fixed, release } = self;
        format!(
            r#"
resource "striim_service_account_token" "fixed" {{
  name       = "fixed"
  expires_at = "{fixed}"
}}

resource "striim_service_account_token" "rolling" {{
  name          = "rolling"
  expires_in    = "30d"
  rotate_before = "7d"
}}

resource "striim_service_account_token" "released" {{
  name              = "released"
  expires_in        = "300d"
  rotation_triggers = {{ release = "{release}" }}
}}

resource "striim_service_account_token_pair" "pair" {{
  name         = "pair"
  expires_in   = "60d"
  rotate_every = "30d"
}}
"#
        )
    }
}

/// What the state holds of each resource, by its name.
async fn held(world: &World) -> BTreeMap<String, Value> {
    let state = world.workspace.state().await.unwrap();
    let resources = state["values"]["root_module"]["resources"].as_array().unwrap();
    let held = |resource: &Value| {
        (
            resource["name"].as_str().unwrap().to_owned(),
            resource["values"].clone(),
        )
    };
    resources.iter().map(held).collect()
}

fn instant(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// Whoever takes the pair's current value or still has the previous one gets in.
fn the_pair_lets_in(world: &World, pair: &Value) -> bool {
    let values = [&pair["current"]["token"], &pair["previous"]["token"]];
    values.into_iter().any(|value| !value.is_null() && world.lets_in(value))
}

#[test]
fn every_day_of_a_year_ends_with_the_declared_tokens_and_no_rotation_too_many() {
    World::by_the_clock(async |world| {
        world.sandbox.set_options(|options| options.quota = 6);
        // A year of traces would be gigabytes.
        world.unset_env("TF_LOG");
        a_year(world).await;
    });
}

async fn a_year(world: &World) {
    let start = world.now();
    let mut declared = Declared {
        fixed: whole(start + DAY * 60),
        release: 1,
    };
    let mut expected = BTreeMap::from([("fixed", 1_i64), ("rolling", 1), ("released", 1), ("pair", 1)]);
    world.configure(&declared.hcl());
    world.apply().await;
    let mut held_before = held(world).await;

    for day in 1..=365 {
        world.sandbox.advance(DAY);
        let now = world.now();
        match day {
            // The user moves the fixed end once in time, and again much too late.
            50 => declared.fixed = whole(now + DAY * 100),
            200 => declared.fixed = whole(now + DAY * 300),
            // Releases.
            30 | 120 | 300 => declared.release += 1,
            // Somebody rotates, somebody deletes, outside Terraform.
            75 => drop(
                world
                    .outside(Method::POST, "/service-account/rotate", json!({"name": "released"}))
                    .await,
            ),
            90 => drop(
                world
                    .outside(Method::POST, "/service-account/rotate", json!({"name": "rolling"}))
                    .await,
            ),
            220 => world.sandbox.delete_outside("fixed").unwrap(),
            _ => {}
        }
        if matches!(day, 50 | 200 | 30 | 120 | 300) {
            world.configure(&declared.hcl());
        }
        assert!(
            the_pair_lets_in(world, &held_before["pair"]),
            "the pair on the morning of day {day}"
        );
        // Nobody looks for a month, and the rolling token expires meanwhile.
        if (250..281).contains(&day) {
            continue;
        }

        let mut changed = vec![];
        if matches!(day, 50 | 200 | 220) {
            changed.push("fixed");
        }
        if day == 90 || now + DAY * 7 >= instant(&held_before["rolling"]["expires_at"]) {
            changed.push("rolling");
        }
        if matches!(day, 30 | 75 | 120 | 300) {
            changed.push("released");
        }
        if now >= instant(&held_before["pair"]["rotated_at"]) + DAY * 30 {
            changed.push("pair");
        }
        if changed.is_empty() {
            world.plans_nothing().await;
            continue;
        }
        world.apply().await;
        let held_now = held(world).await;
        for (name, count) in &mut expected {
            let (was, is) = (generation(&held_before[*name]), generation(&held_now[*name]));
            if day == 220 && *name == "fixed" {
                *count = 1;
                assert!(is > was, "{name} on day {day}");
            } else {
                let rotations = i64::from(changed.contains(name));
                *count += rotations;
                assert_eq!(is, was + rotations, "{name} on day {day}");
            }
        }
        for name in ["fixed", "rolling", "released"] {
            // Between its fixed end and the user's next word, the fixed one is to be dead.
            let ended = name == "fixed" && now >= declared.fixed;
            assert_eq!(world.lets_in(&held_now[name]["token"]), !ended, "{name} on day {day}");
        }
        assert!(
            the_pair_lets_in(world, &held_now["pair"]),
            "the pair after the apply of day {day}"
        );
        // Consumers may still have what they took before.
        let (then, now) = (&held_before["pair"]["current"], &held_now["pair"]["previous"]);
        assert!(
            !changed.contains(&"pair") || then["token"] == now["token"],
            "no overlap on day {day}"
        );
        world.plans_nothing().await;
        held_before = held_now;
    }

    let names = world.names();
    assert_eq!(names, ["fixed", "pair-a", "pair-b", "released", "rolling"]);
    let rotations = world
        .sandbox
        .audit()
        .into_iter()
        .filter(|entry| entry.action == AuditAction::RotateServiceAccount)
        .count();
    // Each value after the first is one rotation, but the pair's second is a creation; two more were made outside, two
    // of `fixed` were lost with its account.
    let ours: i64 = expected.values().map(|count| count - 1).sum();
    assert_eq!(i64::try_from(rotations).unwrap(), ours - 1 + 2 + 2);
}

fn whole(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap()
}
