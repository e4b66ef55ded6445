//! A state survives an upgrade of the provider.

use token_providers::sandbox::neuroio::NeuroIo;

use crate::terraform::upgrade;

/// Every resource type of the provider.
const RESOURCES: &str = r#"
resource "neuroio_stream_token" "camera" {
  permanent = true
}
"#;

#[test]
fn state_of_an_older_schema_is_upgraded_without_changes() {
    upgrade::state_is_upgraded_and_plans_nothing::<NeuroIo>(|_| {}, RESOURCES);
}

#[test]
fn states_of_released_versions_load_unchanged() {
    upgrade::stored_states_are_read::<NeuroIo>(|_| {}, RESOURCES);
}
