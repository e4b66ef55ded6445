//! Operations on the service accounts of a Striim Cloud account, for every resource that manages one.
//!
//! [`locked::LockedAccount`] serialises the writes to the account of one name; [`create`],
//! [`rotate`] and [`delete`] are what it can do. [`lookup`] finds an account in the platform's list.
//! [`plan`] holds the checks that the plans of these resources share.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod error;
pub(super) mod locked;
pub(super) mod lookup;
pub(super) mod plan;
pub(super) mod rotate;

use crate::token::Lifetime;

/// "may be set for up to 12 months" (Striim Cloud, "Token types").
pub(super) const LIFETIME: Lifetime = Lifetime::Months(12);
