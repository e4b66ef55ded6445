//! Terraform providers for the API tokens of streaming platforms.
extern crate self as token_providers;
pub mod framework;
pub mod platform;
pub mod plugin;
pub mod redaction;
pub mod rest;
pub mod token;
pub mod vault;
