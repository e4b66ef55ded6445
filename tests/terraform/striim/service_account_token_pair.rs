//! `striim_service_account_token_pair`.

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use token_providers::sandbox::Fault;

use super::world::{World, generation, in_days};

/// The pair that these tests manage.
const CI: &str = "striim_service_account_token_pair.ci";

/// Its configuration. The outputs are what its users write: sensitive only where there is a secret.
fn ci(release: &str) -> String {
    format!(
        r#"resource "striim_service_account_token_pair" "ci" {{
  name              = "ci"
  expires_in        = "90d"
  rotate_every      = "30d"
  rotation_triggers = {{ release = "{release}" }}
}}
output "expires_at" {{
  value = striim_service_account_token_pair.ci.current.expires_at
}}
output "tokens" {{
  value     = [striim_service_account_token_pair.ci.current.token, striim_service_account_token_pair.ci.previous.token]
  sensitive = true
}}
"#
    )
}

#[test]
fn a_rotation_leaves_the_former_token_working() {
    World::on_each_version(async |world| {
        world.configure(&ci("1"));
        let plan = world.plan().await;
        assert_eq!(plan.actions(CI), "create");
        assert_eq!(plan.after(CI)["current"], json!({"name": "ci-a"}));
        assert!(plan.run.says("token = (sensitive value)"), "{}", plan.run);
        world.apply().await;
        world.plans_nothing().await;
        let first = world.attributes(CI).await;
        assert!(world.lets_in(&first["current"]["token"]));
        assert_eq!(first["previous"]["token"], Value::Null);
        assert_eq!(world.names(), ["ci-a"]);

        let mut former = first;
        for (release, current) in [("2", "ci-b"), ("3", "ci-a")] {
            world.configure(&ci(release));
            let plan = world.plan().await;
            assert_eq!(plan.actions(CI), "update");
            assert_eq!(plan.after(CI)["current"], json!({"name": current}));
            assert_eq!(plan.after(CI)["previous"]["token_id"], former["current"]["token_id"]);
            assert_eq!(plan.after(CI)["generation"], generation(&former) + 1);
            assert!(plan.run.says("rotation_triggers.release changed"), "{}", plan.run);
            assert!(plan.run.says("is not touched"), "{}", plan.run);

            world.apply().await;
            world.plans_nothing().await;
            let rotated = world.attributes(CI).await;
            assert_eq!(rotated["current"]["name"], current);
            assert_eq!(rotated["previous"]["token"], former["current"]["token"]);
            assert!(world.lets_in(&rotated["current"]["token"]));
            assert!(world.lets_in(&rotated["previous"]["token"]));
            assert_eq!(world.names(), ["ci-a", "ci-b"]);
            former = rotated;
        }
        world.destroy().await;
        assert!(world.names().is_empty());
    });
}

#[test]
fn a_rotation_whose_answer_is_lost_costs_no_token_in_use() {
    World::on_each_version(async |world| {
        for release in ["1", "2"] {
            world.configure(&ci(release));
            world.apply().await;
        }
        let before = world.attributes(CI).await;
        world.configure(&format!(
            "provider \"striim\" {{\n  retry_timeout = \"1s\"\n}}\n{}",
            ci("3")
        ));
        let lost = Fault::answer(502).after().on("POST", "/service-account/rotate");
        world.sandbox.fault(lost);
        world.apply_fails().await;
        let after = world.attributes(CI).await;
        assert_eq!(after["current"], before["current"]);
        assert!(world.lets_in(&after["current"]["token"]));
        // Which of the two the platform has now, only a look tells.
        assert_eq!(after["previous"], before["previous"]);
        let plan = world.plan().await;
        assert!(
            plan.run.says("\"ci-a\" has another value than the state"),
            "{}",
            plan.run
        );

        world.apply().await;
        let rotated = world.attributes(CI).await;
        assert_eq!(rotated["current"]["name"], "ci-a");
        assert_eq!(rotated["previous"]["token"], before["current"]["token"]);
        assert!(world.lets_in(&rotated["current"]["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn what_was_ended_outside_is_replaced() {
    World::on_each_version(async |world| {
        for release in ["1", "2"] {
            world.configure(&ci(release));
            world.apply().await;
        }
        let before = world.attributes(CI).await;
        world.sandbox.delete_outside("ci-b").unwrap();
        let plan = world.plan().await;
        assert_eq!(plan.actions(CI), "update");
        assert!(plan.run.says("it was deleted outside Terraform"), "{}", plan.run);
        world.apply().await;
        let after = world.attributes(CI).await;
        assert_eq!(after["current"]["name"], "ci-b");
        assert!(world.lets_in(&after["current"]["token"]));
        assert_eq!(after["previous"], before["previous"]);
        world.plans_nothing().await;
    });
}

/// Each version of Terraform logs at its own places what a refresh changed; the search of the log is part of every test.
#[test]
fn refresh_that_drops_a_value_does_not_log_it_on_any_version() {
    World::on_every_version(async |world| {
        for release in ["1", "2"] {
            world.configure(&ci(release));
            world.apply().await;
        }
        let before = world.attributes(CI).await;
        world.sandbox.rotate_outside("ci-b").unwrap();
        world.sandbox.delete_outside("ci-a").unwrap();
        let plan = world.plan().await;
        assert_eq!(plan.actions(CI), "update");
        world.apply().await;
        world.plans_nothing().await;
        // The search is for texts that were there.
        for account in ["current", "previous"] {
            assert!(before[account]["token"].is_string(), "{account}");
        }
    });
}

#[test]
fn an_import_rotates_nothing() {
    World::on_each_version(async |world| {
        let values = ["ci-a", "ci-b"].map(|name| {
            let expires_at = in_days(if name == "ci-a" { 30 } else { 60 }).parse().unwrap();
            world.sandbox.add_service_account(name, Some(expires_at))
        });
        world.configure(&ci("1"));
        let run = world.import(CI, "ci").await;
        assert!(run.says("not known"), "{run}");
        world.apply().await;
        world.plans_nothing().await;
        let imported = world.attributes(CI).await;
        assert_eq!(imported["current"]["name"], "ci-b");
        assert_eq!(imported["previous"]["name"], "ci-a");
        assert_eq!(imported["current"]["token"], Value::Null);
        assert!(generation(&imported) > 0);
        for value in &values {
            assert!(world.sandbox.is_live(value.expose_secret()));
        }
    });
}
