//! The real Terraform with the providers, against the sandboxes: what a user sees.

mod examples;
mod neuroio;
mod quix;
mod startree;
mod striim;
mod upgrade;
mod world;
