//! The provider's functions, called from configurations.

use super::world::World;

#[test]
fn functions_return_values_to_the_configuration() {
    World::on_each_version(async |world| {
        world.configure(
            r#"
locals {
  soon = provider::striim::duration_add(plantimestamp(), "6d")
}

output "base_url" {
  value = provider::striim::base_url("acme", "azure")
}

output "sum" {
  value = provider::striim::duration_add("2027-02-09T01:00:00+01:00", "1w1d")
}

output "due" {
  value = provider::striim::expires_within(local.soon, "7d", plantimestamp())
}

output "not_due" {
  value = provider::striim::expires_within(local.soon, "5d", plantimestamp())
}

# Not known before apply.
resource "terraform_data" "later" {
  input = provider::striim::duration_add(timestamp(), "90d")
}
"#,
        );
        world.apply().await;
        for (output, value) in [
            ("base_url", "https://acme.us-striim.cloud/api/v1"),
            ("sum", "2027-02-17T00:00:00Z"),
            ("due", "true"),
            ("not_due", "false"),
        ] {
            assert_eq!(world.workspace.output(output).await.unwrap(), value);
        }
        assert!(world.attributes("terraform_data.later").await["output"].is_string());
    });
}

#[test]
fn invalid_argument_is_reported() {
    World::on_each_version(async |world| {
        world.configure(
            r#"
output "cloud" {
  value = provider::striim::base_url("acme", "ibm")
}

output "instant" {
  value = provider::striim::duration_add("tomorrow", "90d")
}

output "overflow" {
  value = provider::striim::duration_add("9999-12-01T00:00:00Z", "90d")
}

output "duration" {
  value = provider::striim::expires_within("2027-02-09T00:00:00Z", "90", "2027-02-01T00:00:00Z")
}
"#,
        );
        let run = world.plan_fails().await;
        for phrase in [
            r#"Invalid value for "cloud" parameter: must be gcp, azure or aws"#,
            r#"Invalid value for "instant" parameter: must be an instant in RFC 3339"#,
            r#"Invalid value for "duration" parameter: leads beyond the year 9999"#,
            r#"Invalid value for "duration" parameter: must be a duration such as 90d"#,
        ] {
            assert!(run.says(phrase), "nothing is said of {phrase:?}: {run}");
        }
    });
}
