//! The real Terraform with the providers, against the sandboxes: what a user sees.

#[cfg(target_os = "linux")]
mod distribution;
mod examples;
mod neuroio;
mod quix;
mod startree;
mod striim;
mod upgrade;
pub(crate) mod world;
