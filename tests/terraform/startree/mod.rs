//! StarTree's provider.

mod access;
mod another_environment;
mod examples;
mod provider_configuration;
mod service_token;
mod upgrade;
mod world;
