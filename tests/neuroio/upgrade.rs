//! A state survives an upgrade of the provider.

use crate::world::{state_is_upgraded_and_plans_nothing, stored_states_are_read};

/// Every resource there is.
const RESOURCES: &str = r#"
resource "neuroio_stream_token" "camera" {
  permanent = true
}
"#;

#[test]
fn state_of_an_older_schema_is_upgraded_and_plans_nothing() {
    state_is_upgraded_and_plans_nothing(|_| {}, RESOURCES);
}

#[test]
fn states_of_released_versions_are_read_unchanged() {
    stored_states_are_read(|_| {}, RESOURCES);
}
