//! NeuroIO's provider.

mod ephemeral;
mod examples;
mod provider_configuration;
mod query;
mod rotation;
mod stream_token;
mod upgrade;
mod world;
