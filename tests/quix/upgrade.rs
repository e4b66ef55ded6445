//! A state survives an upgrade of the provider.

use token_providers::sandbox::quix::Paths;

use crate::world::{provider_block, state_is_upgraded_and_plans_nothing, stored_states_are_read};

/// Every resource there is.
const RESOURCES: &str = r#"
resource "quix_streaming_tokens" "dev" {
  workspace_id      = "acme-shop-dev"
  rotation_triggers = { leak = "none" }
}
"#;

fn configuration() -> String {
    format!("{}{RESOURCES}", provider_block(Paths::Nested))
}

#[test]
fn state_of_an_older_schema_is_upgraded_and_plans_nothing() {
    state_is_upgraded_and_plans_nothing(|_| {}, &configuration());
}

#[test]
fn states_of_released_versions_are_read_unchanged() {
    stored_states_are_read(|_| {}, &configuration());
}
