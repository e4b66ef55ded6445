//! The account's quota of active service account tokens.

use jiff::Timestamp;

use super::api::ServiceAccount;
use crate::token::Expiry;

/// "An account may have up to three active service account tokens" (Striim Cloud, "Token types").
pub(super) const QUOTA: usize = 3;

/// Whether the token of a service account counts against the quota: an expired one does not.
pub(super) fn is_active(account: &ServiceAccount, now: Timestamp) -> bool {
    account
        .expires_at
        .is_none_or(|expiry| !Expiry::at(expiry).has_passed(now))
}
