//! Upgrades of the provider with an existing state.

use token_providers::sandbox::startree::Environment;

use crate::terraform::upgrade;

/// Every resource type.
const RESOURCES: &str = r#"
resource "startree_policy" "read_only" {
  name        = "read-only"
  description = "Queries"
  document    = jsonencode({ version = "v1", statements = [{ effect = "allow", actions = ["query"], resources = ["*"] }] })
}

resource "startree_role" "reader" {
  name        = "reader"
  description = "Reads"
}

resource "startree_role_policy_attachment" "reader_read_only" {
  role   = startree_role.reader.name
  policy = startree_policy.read_only.name
}

resource "startree_service_token" "ci" {
  description       = "ci-pipeline"
  rotation_triggers = { leak = "none" }
}

resource "startree_role_assignment" "ci" {
  role         = startree_role.reader.name
  subject_type = "service-token"
  subject      = startree_service_token.ci.access_key
}
"#;

#[test]
fn state_of_an_older_schema_is_upgraded_without_changes() {
    upgrade::state_is_upgraded_and_plans_nothing::<Environment>(|_| {}, RESOURCES);
}

#[test]
fn states_of_released_versions_load_unchanged() {
    upgrade::stored_states_are_read::<Environment>(|_| {}, RESOURCES);
}
