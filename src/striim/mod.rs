//! Striim Cloud: its REST API, its provider, and one file per resource and data source.

pub mod api;
