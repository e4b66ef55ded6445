//! A year of an account: three tokens with three rotation policies, a pair that rotates with overlap, and changes outside
//! Terraform.
//!
//! A plan on every simulated day; its changes are applied.

use std::collections::BTreeMap;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use token_providers::sandbox::striim::AuditAction;

use super::world::{DAY, World, generation};

/// The configuration on a day.
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

fn instant(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// Whether the pair's current or previous value is valid.
fn pair_is_valid(world: &World, pair: &Value) -> bool {
    let values = [&pair["current"]["token"], &pair["previous"]["token"]];
    values.into_iter().any(|value| !value.is_null() && world.accepts(value))
}

#[test]
fn a_year_of_daily_plans_keeps_the_declared_tokens_valid() {
    World::run(async |world| {
        world.sandbox.set_options(|options| options.quota = 6);
        a_year(world).await;
    });
}

async fn a_year(world: &mut World) {
    let start = world.now();
    let mut declared = Declared {
        fixed: whole(start + DAY * 60),
        release: 1,
    };
    let mut expected = BTreeMap::from([("fixed", 1_i64), ("rolling", 1), ("released", 1), ("pair", 1)]);
    world.configure(&declared.hcl());
    world.apply().await;
    let mut before = world.resources();

    for day in 1..=365 {
        world.advance(DAY).await;
        let now = world.now();
        match day {
            // The user moves the fixed expiry, once before it and once long after it.
            50 => declared.fixed = whole(now + DAY * 100),
            200 => declared.fixed = whole(now + DAY * 300),
            // Releases.
            30 | 120 | 300 => declared.release += 1,
            // Other users rotate and delete.
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
            pair_is_valid(world, &before["pair"]),
            "the pair on the morning of day {day}"
        );
        // Without a plan for a month, the rolling token expires.
        if (250..281).contains(&day) {
            continue;
        }

        let mut changed = vec![];
        if matches!(day, 50 | 200 | 220) {
            changed.push("fixed");
        }
        if day == 90 || now + DAY * 7 >= instant(&before["rolling"]["expires_at"]) {
            changed.push("rolling");
        }
        if matches!(day, 30 | 75 | 120 | 300) {
            changed.push("released");
        }
        if now >= instant(&before["pair"]["rotated_at"]) + DAY * 30 {
            changed.push("pair");
        }
        if changed.is_empty() {
            world.plans_nothing().await;
            continue;
        }
        world.apply().await;
        let after = world.resources();
        for (name, count) in &mut expected {
            let (was, is) = (generation(&before[*name]), generation(&after[*name]));
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
            // The fixed token is invalid between its expiry and the next change of the configuration.
            let expired = name == "fixed" && now >= declared.fixed;
            assert_eq!(world.accepts(&after[name]["token"]), !expired, "{name} on day {day}");
        }
        assert!(
            pair_is_valid(world, &after["pair"]),
            "the pair after the apply of day {day}"
        );
        // Consumers may still use the previous value.
        let (then, now) = (&before["pair"]["current"], &after["pair"]["previous"]);
        assert!(
            !changed.contains(&"pair") || then["token"] == now["token"],
            "no overlap on day {day}"
        );
        world.plans_nothing().await;
        before = after;
    }

    let names = world.names();
    assert_eq!(names, ["fixed", "pair-a", "pair-b", "released", "rolling"]);
    let rotations = world
        .sandbox
        .audit()
        .into_iter()
        .filter(|entry| entry.action == AuditAction::RotateServiceAccount)
        .count();
    // Each value after the first is one rotation, except for the pair's second, which is a creation. Two more rotations
    // were outside Terraform, and two of `fixed` are not counted because its account was deleted.
    let ours: i64 = expected.values().map(|count| count - 1).sum();
    assert_eq!(i64::try_from(rotations).unwrap(), ours - 1 + 2 + 2);
}

fn whole(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap()
}
