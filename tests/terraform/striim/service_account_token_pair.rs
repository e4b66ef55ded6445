//! `striim_service_account_token_pair`.

use serde_json::{Value, json};

use super::vault;
use super::world::{World, generation};

/// The pair that these tests manage.
const CI: &str = "striim_service_account_token_pair.ci";

/// Returns a configuration of the pair, with outputs as users write them: sensitive only for
/// secrets.
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
fn rotation_keeps_the_previous_token_valid() {
    World::on_each_version(async |world| {
        world.configure(&ci("1"));
        let plan = world.plan().await;
        assert_eq!(plan.actions(CI), "create");
        let planned = |name: &str| json!({"name": name, "encrypted_token": null, "vault_version": null});
        assert_eq!(plan.after(CI)["current"], planned("ci-a"));
        assert!(plan.run.says("token = (sensitive value)"), "{}", plan.run);
        world.apply().await;
        world.plans_nothing().await;
        let first = world.attributes(CI).await;
        assert!(world.accepts(&first["current"]["token"]));
        assert_eq!(first["previous"]["token"], Value::Null);
        assert_eq!(world.names(), ["ci-a"]);

        let mut former = first;
        for (release, current) in [("2", "ci-b"), ("3", "ci-a")] {
            world.configure(&ci(release));
            let plan = world.plan().await;
            assert_eq!(plan.actions(CI), "update");
            assert_eq!(plan.after(CI)["current"], planned(current));
            assert_eq!(plan.after(CI)["previous"]["token_id"], former["current"]["token_id"]);
            assert_eq!(plan.after(CI)["generation"], generation(&former) + 1);
            assert!(plan.run.says("rotation_triggers.release changed"), "{}", plan.run);
            assert!(plan.run.says("is not touched"), "{}", plan.run);

            world.apply().await;
            world.plans_nothing().await;
            let rotated = world.attributes(CI).await;
            assert_eq!(rotated["current"]["name"], current);
            assert_eq!(rotated["previous"]["token"], former["current"]["token"]);
            assert!(world.accepts(&rotated["current"]["token"]));
            assert!(world.accepts(&rotated["previous"]["token"]));
            assert_eq!(world.names(), ["ci-a", "ci-b"]);
            former = rotated;
        }
        world.destroy().await;
        assert!(world.names().is_empty());
    });
}

#[test]
fn values_are_delivered_to_vault_as_the_latest_version_and_the_one_before() {
    World::on_each_version(async |world| {
        let (vault, _listening) = vault::start(world).await;
        let delivered = |release: &str| {
            let place = "expires_in = \"90d\"\n  vault = { mount = \"secret\", path = \"striim/ci\" }";
            ci(release).replacen("expires_in        = \"90d\"", place, 1)
        };
        let value = |version| vault.secret_version("secret", "striim/ci", version).unwrap()["token"].clone();
        for release in [1, 2, 3] {
            world.configure(&delivered(&release.to_string()));
            let plan = world.plan().await;
            assert!(plan.after(CI)["current"]["token"].is_null() && plan.unknown(CI)["current"]["token"].is_null());
            assert_eq!(plan.unknown(CI)["current"]["vault_version"], true);
            world.apply().await;
            world.plans_nothing().await;
            let state = world.attributes(CI).await;
            assert!(state["current"]["token"].is_null() && state["previous"]["token"].is_null());
            assert_eq!(state["current"]["vault_version"], release);
            assert!(world.accepts(&value(release)));
            if release > 1 {
                assert_eq!(state["previous"]["vault_version"], release - 1);
                assert!(world.accepts(&value(release - 1)));
            }
        }
        world.destroy().await;
        assert_eq!(vault::held(&vault), None);
    });
}

/// Each version of Terraform logs changes of a refresh at other places. Every test searches the log.
#[test]
fn refresh_does_not_log_a_removed_value_on_any_version() {
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
        // The search was for existing values.
        for account in ["current", "previous"] {
            assert!(before[account]["token"].is_string(), "{account}");
        }
    });
}
