//! The framework as used by other providers, without any platform.

mod attached;
mod faithfulness;
mod guide;
mod minimal;
mod wrong_models;
