//! A state survives an upgrade of the provider.

use token_providers::sandbox::neuroio::NeuroIo;

use crate::terraform::upgrade;

/// Every resource there is.
const RESOURCES: &str = r#"
resource "neuroio_stream_token" "camera" {
  permanent = true
}
"#;

#[test]
fn state_of_an_older_schema_is_upgraded_and_plans_nothing() {
    upgrade::state_is_upgraded_and_plans_nothing::<NeuroIo>(|_| {}, RESOURCES);
}

#[test]
fn states_of_released_versions_are_read_unchanged() {
    upgrade::stored_states_are_read::<NeuroIo>(|_| {}, RESOURCES);
}
