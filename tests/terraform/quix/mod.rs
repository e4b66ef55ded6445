//! Quix's provider.

mod broker_config;
mod data_sources;
mod examples;
mod guides;
mod streaming_tokens;
mod upgrade;
mod world;
