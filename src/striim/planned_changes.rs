//! What one run plans and does, so that its resources take each other into account.
//!
//! Terraform plans and applies each resource by a call of its own, in an order that only references
//! and `depends_on` fix. Whichever call comes second learns here of the first one.

pub(super) mod accounts;
pub(super) mod pat_statuses;
pub(super) mod pats;
