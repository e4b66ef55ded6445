//! Planned and applied changes of one run, shared by its resources to detect conflicts between them.
//!
//! Terraform plans and applies each resource in a separate call, in an order that only references and
//! `depends_on` determine. The later call finds the changes of the earlier one here.

pub(super) mod accounts;
mod diagnostics;
pub(super) mod pat_statuses;
pub(super) mod pats;
