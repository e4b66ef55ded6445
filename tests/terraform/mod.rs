//! The real Terraform with the providers, against the sandboxes: what a user sees.

mod another_vendor;
#[cfg(target_os = "linux")]
mod distribution;
mod encryption;
mod examples;
mod neuroio;
mod quix;
mod startree;
mod striim;
mod upgrade;
mod vault_provider;
pub(crate) mod world;
