//! The data sources, one file per type.

pub(super) mod token_check;
