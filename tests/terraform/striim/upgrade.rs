//! A state survives an upgrade of the provider.

use token_providers::sandbox::striim::Account;

use crate::terraform::upgrade;

/// Every resource.
const RESOURCES: &str = r#"
resource "striim_service_account_token" "ci" {
  name              = "ci-pipeline"
  description       = "Deployments"
  expires_in        = "90d"
  rotation_triggers = { leak = "none" }
}

resource "striim_service_account_token_pair" "overlap" {
  name         = "overlap"
  expires_in   = "90d"
  rotate_every = "30d"
}

resource "striim_personal_access_token" "user" {
  email      = "user@acme.example"
  expires_in = "60d"
  depends_on = [striim_pat_status.account]
}

resource "striim_pat_status" "account" {
  enabled = true
}
"#;

#[test]
fn state_of_an_older_schema_is_upgraded_and_plans_nothing() {
    upgrade::state_is_upgraded_and_plans_nothing::<Account>(|world| drop(world.add_user()), RESOURCES);
}

#[test]
fn states_of_released_versions_are_read_unchanged() {
    upgrade::stored_states_are_read::<Account>(|world| drop(world.add_user()), RESOURCES);
}
