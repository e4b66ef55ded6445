//! One of the two service accounts of a pair, in the state.

use jiff::Timestamp;
use secrecy::SecretString;

use super::diagnostics::rotated_outside;
use crate::framework::{Diagnostics, Field, Model};
use crate::platform::age_recipients;
use crate::platform::delivery::VaultDestination;
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
    #[attribute(computed, description = age_recipients::ENCRYPTED)]
    pub(in crate::striim) encrypted_token: Field<String>,
    /// With `vault`: the version of the secret that contains the value. 0 if the present value did not reach Vault and is
    /// lost, null if `vault`'s secret does not have it. The plan rotates the pair if it is 0 or null in `current`.
    #[attribute(computed)]
    pub(in crate::striim) vault_version: Field<i64>,
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

    /// An account that may exist, and whose value is lost. `vault` is the pair's.
    pub(super) fn lost(name: &str, vault: &Field<VaultDestination>) -> Self {
        Self {
            vault_version: vault.known().map(|_| 0).into(),
            ..Self::named(name)
        }
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

    /// Completes a planned account whose value is stored as `stored`.
    pub(super) fn completed_by(self, stored: Self) -> Self {
        let known = |planned: Field<String>, stored| if planned.is_unknown() { stored } else { planned };
        Self {
            encrypted_token: known(self.encrypted_token, stored.encrypted_token),
            vault_version: match self.vault_version.is_unknown() {
                true => stored.vault_version,
                false => self.vault_version,
            },
            ..self
        }
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

    /// Whether the state has the value, as it is or encrypted.
    pub(super) fn has_value(&self) -> bool {
        self.token.known().is_some() || self.encrypted_token.known().is_some()
    }

    /// Whether the value is stored anywhere that the state names.
    pub(super) fn is_stored(&self) -> bool {
        self.has_value() || self.vault_version.known().is_some_and(|version| *version > 0)
    }

    /// Returns when the value was issued, if the platform reports it.
    pub(super) fn updated_at(&self) -> Option<Expiry> {
        expiry(&self.metadata.updated_at)
    }

    /// Updates the account from the platform's list; `None` if it was deleted.
    pub(super) fn refresh_from(
        mut self,
        accounts: &[ServiceAccount],
        facts: &RefreshFacts,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let RefreshFacts {
            issued_at,
            now,
            has_secret,
            delivered_id,
        } = *facts;
        let token_id = self.known_token().token_id;
        let Some(account) = find_own(accounts, self.name(), token_id) else {
            if may_be_spelled_otherwise(accounts, self.name(), token_id) {
                diagnostics.push(spelled_otherwise(self.name()));
                return Some(self);
            }
            // A list may omit an expired account: one that expired as declared was not deleted.
            let expired = self.expiry().is_some_and(|expiry| expiry.has_passed(now));
            // So may it omit an orphan that was never listed: only its deletion proves that it is gone.
            let never_seen = !self.is_stored() && token_id.is_none() && self.expires_at.is_null();
            return (expired || never_seen).then_some(self);
        };
        if let Some(spelled) = &account.unreadable_expiry {
            diagnostics.push(unreadable_expiry(&token_of(self.name()), spelled));
        }
        let rotated = self.metadata.is_replaced(self.expiry(), issued_at, account.into());
        let had_value = self.is_stored();
        refresh_expiry(&mut self.expires_at, account.expires_at);
        self.metadata.refresh_from(account.into(), rotated || !had_value);
        if rotated {
            // Null makes the next plan rotate, and no client reads a revoked value.
            self.token = Field::Null;
            self.encrypted_token = Field::Null;
            self.vault_version = has_secret.then_some(0).into();
        }
        // A run that was killed after the delivery may have issued the present value.
        let is_delivered = delivered_id.is_some() && account.token_id == delivered_id;
        if rotated && had_value && !is_delivered {
            diagnostics.push(match has_secret {
                true => rotated_outside(self.name()),
                false => value_replaced_warning(&token_of(self.name())),
            });
        }
        Some(self)
    }
}

/// What a refresh of an account depends on, other than the list.
pub(super) struct RefreshFacts {
    /// The instant at or before which the value was issued.
    pub(super) issued_at: Option<Timestamp>,
    pub(super) now: Timestamp,
    /// Whether the pair's values are delivered to Vault.
    pub(super) has_secret: bool,
    /// The number of the value in the pair's secret.
    pub(super) delivered_id: Option<i64>,
}

/// Returns the account of `current` or `previous`, if it exists.
pub(super) fn existing(account: &Field<Account>) -> Option<&Account> {
    account.known().filter(|account| !account.name.is_null())
}
