//! Striim Cloud's provider.

mod data_sources;
mod delivery;
