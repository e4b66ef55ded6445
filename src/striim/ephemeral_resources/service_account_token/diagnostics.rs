//! The diagnostics of the ephemeral `striim_service_account_token`.

use jiff::Timestamp;

use crate::framework::Diagnostic;
use crate::striim::api::ServiceAccount;
use crate::striim::diagnostics::list;
use crate::striim::quota::QUOTA;

/// The warning that an ephemeral service account uses up the quota.
pub(super) fn uses_up_quota(accounts: &[ServiceAccount], now: Timestamp) -> Diagnostic {
    Diagnostic::warning(
        "The ephemeral token uses up the quota",
        format!(
            "A Striim Cloud account may have {QUOTA} active service account tokens. While the ephemeral token is open, in \
             the plan and again in the apply, the platform creates no other: a concurrent run, or a new token in this run, \
             may fail. The account has:\n{}",
            list(accounts, now)
        ),
    )
}
