//! The ephemeral resources, one file per type.

pub(super) mod service_token;
pub(super) mod token_check;
