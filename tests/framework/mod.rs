//! The framework as an author of another provider meets it: nothing here knows a platform.

mod attached;
mod faithfulness;
mod guide;
mod minimal;
mod wrong_models;
