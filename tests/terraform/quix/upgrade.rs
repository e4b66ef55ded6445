//! A state survives an upgrade of the provider.

use token_providers::sandbox::quix::Portal;

use crate::terraform::upgrade;

/// Every resource type of the provider.
const RESOURCES: &str = r#"
resource "quix_streaming_tokens" "dev" {
  workspace_id      = "acme-shop-dev"
  rotation_triggers = { leak = "none" }
}

resource "quix_personal_access_token" "ci" {
  name              = "ci"
  scopes            = ["read"]
  expires_in        = "90d"
  rotate_before     = "14d"
  overlap           = "2h"
  rotation_triggers = { release = "1" }
}
"#;

#[test]
fn state_of_an_older_schema_is_upgraded_without_changes() {
    upgrade::state_is_upgraded_and_plans_nothing::<Portal>(|_| {}, RESOURCES);
}

#[test]
fn states_of_released_versions_load_unchanged() {
    upgrade::stored_states_are_read::<Portal>(|_| {}, RESOURCES);
}
