//! Histories of accounts: what people declare, what goes wrong, and what Terraform makes of it, drawn from seeds.
//!
//! After each history the promises are held against the account and the states: every declared token is there once and
//! its value works, there is no orphan, no value was shown. One description runs at two speeds: *simulated*,
//! with provider, Terraform and platform in one process and tokio's clock paused; and *real*, with the provider's
//! process behind the plugin protocol and the platform behind TCP.

#![allow(dead_code, reason = "each program uses its part")]

pub(crate) mod batch;
pub(crate) mod declared;
mod draw;
pub(crate) mod figures;
pub(crate) mod history;
pub(crate) mod network;
mod operator;
pub(crate) mod outputs;
mod promises;
pub(crate) mod terraform;
pub(crate) mod world;
