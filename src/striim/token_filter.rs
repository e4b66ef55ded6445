//! The filter of service account tokens, which the data source and the list resource share.

use jiff::Timestamp;

use super::api::ServiceAccount;
use crate::framework::{Diagnostic, Model};
use crate::platform::expiry_filter::ExpiryFilter;

/// The conditions that a token must meet.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct TokenFilter {
    #[attribute(flatten)]
    expiry: ExpiryFilter,
}

impl TokenFilter {
    /// Returns the matching accounts, sorted by name.
    ///
    /// # Errors
    /// Returns an error if `expires_before` is not an instant.
    pub(super) fn select<'a>(
        &self,
        accounts: &'a [ServiceAccount],
        now: Timestamp,
    ) -> Result<Vec<&'a ServiceAccount>, Diagnostic> {
        let matches = self.expiry.predicate(now)?;
        let mut selected: Vec<_> = accounts.iter().filter(|account| matches(account.expires_at)).collect();
        selected.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(selected)
    }
}
