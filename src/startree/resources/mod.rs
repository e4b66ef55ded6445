//! The managed resources, one file per type.

pub(super) mod policy;
pub(super) mod role;
pub(super) mod role_assignment;
pub(super) mod role_policy_attachment;
pub(super) mod service_token;
