//! Terraform providers for the API tokens of streaming platforms.
//!
//! One folder a room; `docs/ARCHITECTURE.md` tells who may know whom.

pub mod framework;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod neuroio;
pub mod platform;
pub mod plugin;
pub mod quix;
pub mod redaction;
pub mod rest;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod startree;
pub mod striim;
pub mod token;
pub mod vault;
