//! Quix's provider.

mod data_sources;
mod ephemeral;
mod examples;
mod guides;
mod streaming_tokens;
mod upgrade;
mod world;
