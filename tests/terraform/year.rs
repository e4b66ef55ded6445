//! A year in the life of an account: three tokens, three ways of rotating, and all that happens to them meanwhile.
//!
//! Terraform plans every simulated day, and applies what is planned. The provider runs in the test's process and has the
//! sandbox's clock, which the test moves.

use std::collections::BTreeMap;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use token_providers::sandbox::AuditAction;

use crate::world::{DAY, World, by_the_clock};

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
"#
        )
    }
}

/// The tokens that the state holds, by name.
async fn tokens(world: &World) -> BTreeMap<String, Value> {
    let mut tokens = BTreeMap::new();
    for name in ["fixed", "rolling", "released"] {
        tokens.insert(
            name.to_owned(),
            world.attributes(&format!("striim_service_account_token.{name}")).await,
        );
    }
    tokens
}

#[test]
fn every_day_of_a_year_ends_with_the_declared_tokens_and_no_rotation_too_many() {
    by_the_clock(async |world| {
        world.sandbox.set_options(|options| options.quota = 4);
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
    let mut expected = BTreeMap::from([("fixed", 1_i64), ("rolling", 1), ("released", 1)]);
    world.configure(&declared.hcl());
    world.apply().await;

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
        // Nobody looks for a month, and the rolling token expires meanwhile.
        if (250..281).contains(&day) {
            continue;
        }

        let before = tokens(world).await;
        let due = |name: &str| {
            let expires_at: Timestamp = before[name]["expires_at"].as_str().unwrap().parse().unwrap();
            now + DAY * 7 >= expires_at
        };
        let mut changed = vec![];
        if matches!(day, 50 | 200 | 220) {
            changed.push("fixed");
        }
        if day == 90 || due("rolling") {
            changed.push("rolling");
        }
        if matches!(day, 30 | 75 | 120 | 300) {
            changed.push("released");
        }
        if changed.is_empty() {
            world.plans_nothing().await;
            continue;
        }
        world.apply().await;
        for (name, token) in tokens(world).await {
            let count = expected.get_mut(name.as_str()).unwrap();
            let fresh = day == 220 && name == "fixed";
            *count = if fresh {
                1
            } else {
                *count + i64::from(changed.contains(&name.as_str()))
            };
            assert_eq!(token["generation"], *count, "{name} on day {day}");
            // Between its fixed end and the user's next word, the fixed one is to be dead.
            let ended = name == "fixed" && now >= declared.fixed;
            assert_eq!(world.lets_in(&token["token"]), !ended, "{name} on day {day}");
        }
        world.plans_nothing().await;
    }

    let names = world.names();
    assert_eq!(names, ["fixed", "released", "rolling"]);
    let rotations = world
        .sandbox
        .audit()
        .into_iter()
        .filter(|entry| entry.action == AuditAction::RotateServiceAccount)
        .count();
    // Each generation after the first is one rotation; two more were made outside, two generations of `fixed` were lost
    // with its account.
    let ours: i64 = expected.values().map(|generation| generation - 1).sum();
    assert_eq!(i64::try_from(rotations).unwrap(), ours + 2 + 2);
}

fn whole(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap()
}
