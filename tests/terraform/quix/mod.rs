//! Quix's provider.

mod data_sources;
mod ephemeral;
mod examples;
mod guides;
mod personal_access_token;
mod streaming_tokens;
mod upgrade;
mod world;
