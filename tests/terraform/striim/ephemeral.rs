//! Ephemeral tokens, and values in write-only arguments.

use http::Method;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::consumer::{Consumer, PROVIDERS};
use super::examples::take;
use super::world::{APPLY, CI, World, ci, generation, in_days};

pub(crate) const RUN: &str = "ephemeral \"striim_service_account_token\" \"run\" {\n  name_prefix = \"run\"\n}\n";

/// A secret of the other provider.
fn secret(value: &str, version: &str, more: &str) -> String {
    format!(
        "resource \"consumer_secret\" \"it\" {{\n  value_wo = {value}\n  value_wo_version = {version}\n  {more}\n}}\n"
    )
}

/// A secret with the ephemeral token.
pub(crate) fn handed_over(version: u32, more: &str) -> String {
    let secret = secret(
        "ephemeral.striim_service_account_token.run.token",
        &version.to_string(),
        more,
    );
    format!("{PROVIDERS}{RUN}{secret}")
}

fn configure(world: &World, hcl: &str) {
    world.workspace.write("main.tf", hcl).unwrap();
}

/// The token `ci-pipeline` of a provider that authenticates with the ephemeral one.
pub(crate) fn by_another_provider() -> String {
    let other =
        "provider \"striim\" {\n  alias = \"run\"\n  token = ephemeral.striim_service_account_token.run.token\n}\n";
    format!("{RUN}{other}{}", ci("provider = striim.run"))
}

/// Asserts that no file of the workspace has a value that `consumer` received.
fn assert_value_is_not_stored(world: &World, consumer: &Consumer) {
    for file in ["terraform.tfstate", "terraform.tfstate.backup", "plan.bin"] {
        let text = std::fs::read(world.workspace.dir().join(file)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        for value in consumer.received() {
            assert!(!text.contains(&value), "{file} holds a value");
        }
    }
}

#[test]
fn ephemeral_token_authenticates_another_provider_and_is_revoked() {
    World::on_each_version(async |world| {
        world.configure(&by_another_provider());
        let creations = || world.sandbox.calls("POST", "/service-account");

        world.plan().await;
        assert_eq!(creations(), 1, "it is opened in the plan");
        assert!(world.names().is_empty(), "and closed: {:?}", world.names());
        world.apply().await;
        assert_eq!(world.names(), ["ci-pipeline"]);
        assert_eq!(
            creations(),
            4,
            "in the plan and in the apply, and what the apply is about"
        );
        world.plans_nothing().await;
        world.destroy().await;
        assert!(world.names().is_empty());
        for value in world.sandbox.issued_values() {
            let is_own = value.expose_secret() == world.bearer();
            assert_eq!(world.sandbox.is_live(value.expose_secret()), is_own);
        }
    });
}

#[test]
fn ephemeral_token_is_passed_to_a_write_only_argument_and_not_stored() {
    World::on_each_version(async |world| {
        Consumer::attached(world, async |world, consumer| {
            configure(world, &handed_over(1, ""));
            world.apply().await;
            let [value] = &consumer.received()[..] else {
                panic!("it was given another number than one of values");
            };
            assert!(!world.sandbox.is_live(value), "the run is over");
            assert!(world.names().is_empty());
            world.plans_nothing().await;
            configure(world, &handed_over(2, ""));
            world.plan().await;
            world.apply().await;
            assert_eq!(consumer.received().len(), 2);
            assert_value_is_not_stored(world, consumer);
        })
        .await;
    });
}

/// The ways to replace a token.
#[derive(Clone, Copy, Debug)]
enum Renewal {
    Replaced,
    Tainted,
    Renamed,
    Described,
    DeletedOutside,
    Imported,
}

#[test]
fn generation_of_every_new_object_sends_the_write_only_argument_again() {
    World::on_each_version(async |world| {
        Consumer::attached(world, async |world, consumer| {
            let declared = |name: &str, description: &str| {
                let token = ci(&format!("description = \"{description}\""));
                let token = token.replace("name = \"ci-pipeline\"", &format!("name = \"{name}\""));
                let value = format!("coalesce({CI}.token, \"unknown\")");
                format!("{PROVIDERS}{token}{}", secret(&value, &format!("{CI}.generation"), ""))
            };
            let run = async |arguments: &[&str]| world.workspace.run(arguments).await.unwrap().success().unwrap();
            configure(world, &declared("ci-one", "one"));
            world.apply().await;
            let (mut numbers, mut name, mut description) = (vec![], "ci-one", "one");
            for renewal in [
                Renewal::Replaced,
                Renewal::Tainted,
                Renewal::Renamed,
                Renewal::Described,
                Renewal::DeletedOutside,
                Renewal::Imported,
            ] {
                numbers.push(generation(&world.attributes(CI).await));
                match renewal {
                    Renewal::Replaced => {
                        run(&["apply", "-no-color", "-auto-approve", &format!("-replace={CI}")]).await;
                    }
                    Renewal::Tainted => drop(run(&["taint", CI]).await),
                    Renewal::Renamed => name = "ci-two",
                    Renewal::Described => description = "two",
                    Renewal::DeletedOutside => world.sandbox.delete_outside(name).unwrap(),
                    Renewal::Imported => {
                        run(&["state", "rm", CI]).await;
                        world.import(CI, name).await;
                    }
                }
                configure(world, &declared(name, description));
                world.apply().await;
                world.plans_nothing().await;
                let received = consumer.received();
                assert_eq!(received.len(), numbers.len() + 1, "{renewal:?}");
                let is_known = !matches!(renewal, Renewal::Imported);
                assert_eq!(world.sandbox.is_live(received.last().unwrap()), is_known, "{renewal:?}");
            }
            numbers.push(generation(&world.attributes(CI).await));
            assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
        })
        .await;
    });
}

#[test]
fn rotated_value_is_passed_to_a_write_only_argument_in_the_same_run() {
    World::on_each_version(async |world| {
        Consumer::attached(world, async |world, consumer| {
            let declared = |release| {
                let token = ci(&format!("rotation_triggers = {{ release = {release} }}"));
                let secret = secret(&format!("{CI}.token"), &format!("{CI}.generation"), "");
                format!("{PROVIDERS}{token}{secret}")
            };
            for (release, values) in [(1, 1), (2, 2), (2, 2)] {
                configure(world, &declared(release));
                if consumer.received().len() < values {
                    let before = world.attributes(CI).await;
                    let plan = world.plan().await;
                    if before.is_null() {
                        assert_eq!(plan.unknown("consumer_secret.it")["value_wo_version"], true);
                    } else {
                        let expected = generation(&before) + 1;
                        assert_eq!(plan.after("consumer_secret.it")["value_wo_version"], expected);
                    }
                    world.apply().await;
                } else {
                    world.plans_nothing().await;
                }
                let received = consumer.received();
                assert_eq!(received.len(), values);
                assert!(world.sandbox.is_live(received.last().unwrap()));
            }
            assert!(!world.sandbox.is_live(&consumer.received()[0]));
        })
        .await;
    });
}

#[test]
fn orphan_of_a_killed_run_is_removed_after_its_expiry() {
    World::by_the_clock(async |world| {
        Consumer::attached(world, async |world, consumer| {
            configure(world, &handed_over(1, "waits = true"));
            tokio::select! {
                run = world.apply() => panic!("it ends: {run}"),
                // Terraform is killed while it waits for the other provider.
                () = consumer.waits() => {}
            }
            let left_over = world.names();
            assert_eq!(left_over.len(), 1);
            assert!(world.sandbox.is_live(&consumer.received()[0]));

            configure(world, &handed_over(2, ""));
            world.apply().await;
            assert_eq!(world.names(), left_over, "it might still be at work");
            world.sandbox.advance(SignedDuration::from_mins(61));
            configure(world, &handed_over(3, ""));
            world.apply().await;
            assert!(world.names().is_empty());
            assert_eq!(consumer.received().len(), 3);
        })
        .await;
    });
}

#[test]
fn interrupted_run_revokes_its_token() {
    World::on_each_version(async |world| {
        Consumer::attached(world, async |world, consumer| {
            configure(world, &handed_over(1, "waits = true"));
            let running = world.workspace.start(&APPLY).unwrap();
            consumer.waits().await;
            assert!(world.sandbox.is_live(&consumer.received()[0]));
            running.interrupt().await.unwrap();
            let run = running.end().await.unwrap();
            assert!(run.says("Interrupt received"), "{run}");
            assert!(!world.sandbox.is_live(&consumer.received()[0]), "{run}");
            assert!(world.names().is_empty());
        })
        .await;
    });
}

#[test]
fn plan_beyond_the_quota_fails_with_an_explanation() {
    World::on_each_version(async |world| {
        Consumer::attached(world, async |world, _| {
            for name in ["one", "two"] {
                let account = json!({"name": name, "expires-at": in_days(30)});
                world.outside(Method::POST, "/service-account", account).await;
            }
            configure(world, &handed_over(1, ""));
            let run = world.plan_fails().await;
            assert!(run.says("quota of 3 active service account tokens is used up"), "{run}");
            assert!(run.says("in the plan and again in the apply"), "{run}");
            world.sandbox.delete_outside("one").unwrap();
            let run = world.apply().await;
            assert!(run.says("The ephemeral token uses up the quota"), "{run}");
        })
        .await;
    });
}

#[test]
fn every_ephemeral_resource_example_works() {
    for example in World::examples("ephemeral-resources") {
        World::on_each_version(async |world| {
            take(
                world,
                &in_days(90),
                &[World::provider_example(), example.join("ephemeral-resource.tf")],
            );
            world.apply().await;
            world.plans_nothing().await;
            assert_eq!(world.names(), ["ci-pipeline"]);
        });
    }
}
