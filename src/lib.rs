//! Terraform providers for the API tokens of streaming platforms.
extern crate self as token_providers;
pub mod framework;
pub mod plugin;
pub mod redaction;
