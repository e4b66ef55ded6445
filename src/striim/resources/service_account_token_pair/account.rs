//! One of the two service accounts of a pair, in the state.

use jiff::Timestamp;
use secrecy::SecretString;

use crate::framework::{Diagnostics, Field, Model};
use crate::platform::rotation_policy::{expiry, refresh_expiry, unreadable_expiry};
use crate::striim::api::{IssuedToken, ServiceAccount};
use crate::striim::diagnostics::{spelled_otherwise, token_of, value_replaced_warning};
use crate::striim::service_account::lookup::{find_own, may_be_spelled_otherwise};
use crate::striim::token_value::{self, KnownToken, TokenMetadata};
use crate::token::Expiry;

/// One of the two service accounts. All attributes are null if it does not exist: not created yet, or deleted outside
/// Terraform. It is an object even then, so that `previous.token` is no error in a configuration.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct Account {
    /// The service account's name.
    #[attribute(computed)]
    pub(in crate::striim) name: Field<String>,
    /// When the value expires, in UTC.
    #[attribute(computed)]
    pub(in crate::striim) expires_at: Field<String>,
    // Null if Terraform has no valid value.
    #[attribute(computed, description = token_value::TOKEN)]
    pub(in crate::striim) token: Field<SecretString>,
    #[attribute(flatten)]
    pub(in crate::striim) metadata: TokenMetadata,
}

impl Account {
    /// An account of which only the name is known.
    pub(super) fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// An account in a plan that issues its value.
    pub(super) fn planned(name: &str) -> Self {
        let mut account = Self {
            expires_at: Field::Unknown,
            token: Field::Unknown,
            ..Self::named(name)
        };
        account.metadata.mark_unknown();
        account
    }

    /// An existing account, whose value is unknown.
    pub(super) fn listed(account: &ServiceAccount) -> Self {
        let mut listed = Self {
            expires_at: token_value::imported_expiry(account.into()),
            ..Self::named(&account.name)
        };
        listed.metadata.refresh_from(account.into(), true);
        listed
    }

    /// An account with an issued value. `requested` is the expiry that was sent.
    pub(super) fn issued(
        name: &str,
        requested: Option<Expiry>,
        issued: IssuedToken,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut account = Self {
            expires_at: token_value::issued_expiry(requested, &issued, diagnostics),
            ..Self::named(name)
        };
        account.metadata.set_issued(&issued);
        account.token = issued.token.into();
        account
    }

    pub(super) fn name(&self) -> &str {
        self.name.known().map_or("", String::as_str)
    }

    pub(super) fn expiry(&self) -> Option<Expiry> {
        expiry(&self.expires_at)
    }

    /// The token as the state knows it.
    pub(super) fn known_token(&self) -> KnownToken<'_> {
        KnownToken {
            value: &self.token,
            token_id: self.metadata.token_id.known().copied(),
        }
    }

    /// Updates the account from the platform's list; `None` if it was deleted. Its value was issued at
    /// `issued_at` or before.
    pub(super) fn refresh_from(
        mut self,
        accounts: &[ServiceAccount],
        issued_at: Option<Timestamp>,
        now: Timestamp,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let token_id = self.known_token().token_id;
        let Some(account) = find_own(accounts, self.name(), token_id) else {
            if may_be_spelled_otherwise(accounts, self.name(), token_id) {
                diagnostics.push(spelled_otherwise(self.name()));
                return Some(self);
            }
            // A list may omit an expired account: one that expired as declared was not deleted.
            let expired = self.expiry().is_some_and(|expiry| expiry.has_passed(now));
            // So may it omit an orphan that was never listed: only its deletion proves that it is gone.
            let never_seen = self.token.is_null() && token_id.is_none() && self.expires_at.is_null();
            return (expired || never_seen).then_some(self);
        };
        if let Some(spelled) = &account.unreadable_expiry {
            diagnostics.push(unreadable_expiry(&token_of(self.name()), spelled));
        }
        let rotated = self.metadata.is_replaced(self.expiry(), issued_at, account.into());
        let had_value = !self.token.is_null();
        refresh_expiry(&mut self.expires_at, account.expires_at);
        self.metadata.refresh_from(account.into(), rotated || !had_value);
        if rotated && had_value {
            // Null makes the next plan rotate, and no client reads a revoked value.
            self.token = Field::Null;
            diagnostics.push(value_replaced_warning(&token_of(self.name())));
        }
        Some(self)
    }
}

/// Returns the account of `current` or `previous`, if it exists.
pub(super) fn existing(account: &Field<Account>) -> Option<&Account> {
    account.known().filter(|account| !account.name.is_null())
}
