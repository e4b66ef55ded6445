//! The promises that every scenario must keep.

use anyhow::anyhow;
use jiff::SignedDuration;
use token_providers::framework::testing::Object;

use super::declared::{OWN, PAIR, PAT, RELAYS, StoredValue, stored_values, undelivered_value, values_of};
use super::draw::STRANGE;
use super::world::{Workspace, World};
use crate::simulation::storage::is_overwritten;

/// The fault by which a gateway reports that a user has no personal access token.
const FORGED: &str = "GET /user-token: 404";

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum Promise {
    /// Every declared token exists, and its value in the state is valid.
    #[error("a token was lost")]
    NoTokenLost,
    /// No undeclared token that the provider created exists.
    #[error("there is an orphan")]
    NoOrphan,
    /// No value is in any output.
    #[error("a value leaked")]
    NoLeak,
    /// All other promises.
    #[error("a promise was violated")]
    Other,
}

impl Promise {
    pub(super) fn require(self, holds: bool, why: impl FnOnce() -> String) -> anyhow::Result<()> {
        if holds {
            Ok(())
        } else {
            Err(anyhow!(why()).context(self))
        }
    }
}

impl World {
    /// After a successful run, each value in the state is valid, unless its fixed expiry has passed.
    pub(super) async fn check_values(&self, workspace: usize) -> anyhow::Result<()> {
        let are_pats_enabled = self.sandbox.are_pats_enabled();
        for (address, object) in self.workspaces[workspace].terraform.state() {
            Promise::Other.require(!object.is_tainted, || {
                format!("{address} is tainted after a successful run")
            })?;
            // Of a pair, the current one is the one to use.
            let Some(held) = stored_values(&self.vault.server, &address, &object).into_iter().next() else {
                continue;
            };
            let has_expired = held.ends.is_some_and(|end| end <= self.now());
            let undelivered = undelivered_value(&self.vault.server, &object).filter(|_| !has_expired);
            Promise::NoTokenLost.require(undelivered.is_none(), || format!("{address}: {undelivered:?}"))?;
            let is_disabled = address.starts_with(PAT) && !are_pats_enabled;
            let works = held.value.is_some_and(|value| self.sandbox.is_live(&value)) || is_disabled || has_expired;
            Promise::NoTokenLost.require(works, || format!("{address} has no value that works"))?;
        }
        Ok(())
    }

    /// The states and the account have exactly the declared objects.
    pub(super) async fn check_account(&self) -> anyhow::Result<()> {
        let there = self.sandbox.service_accounts();
        let is_there = |name: &str| there.iter().any(|account| account.name == name);
        for (index, Workspace { terraform, declared }) in self.workspaces.iter().enumerate() {
            let (state, configuration) = (terraform.state(), declared.configuration());
            Promise::Other.require(state.keys().eq(configuration.resources.keys()), || {
                "the state holds something else than is declared".to_owned()
            })?;
            for name in declared.names().0 {
                Promise::NoTokenLost.require(is_there(name), || format!("{name} is declared and not there"))?;
            }
            if let Some(enabled) = declared.toggle {
                Promise::Other.require(self.sandbox.are_pats_enabled() == enabled, || {
                    "personal access tokens are not as declared".to_owned()
                })?;
            }
            self.check_values(index).await?;
        }
        for account in there {
            let mut declared = self.workspaces.iter().map(|workspace| workspace.declared.names().1);
            let is_declared = account.name == OWN || declared.any(|names| names.contains(account.name.as_str()));
            Promise::NoOrphan.require(is_declared, || format!("{} is there and not declared", account.name))?;
        }
        self.check_forgotten()
    }

    /// No value is valid that was removed from all states.
    fn check_forgotten(&self) -> anyhow::Result<()> {
        let states = self.workspaces.iter().flat_map(|workspace| workspace.terraform.state());
        let held: Vec<_> = states
            .flat_map(|(address, object)| values_of(&self.vault.server, &address, &object))
            .collect();
        // A gateway that answers exactly like the platform cannot be distinguished from it.
        let forged = self.report.borrow().faults.keys().any(|kind| kind.starts_with(FORGED));
        for (value, address) in &*self.kept.borrow() {
            let is_removed = self.removed.borrow().contains_key(value);
            let is_known = held.contains(value) || !self.sandbox.is_live(value);
            // The previous value of a pair stays where it was delivered, and each of its accounts has one.
            let is_of_pair = address == PAIR && self.has_pair();
            let is_known = is_known || is_removed || is_of_pair || (forged && address.starts_with(PAT));
            Promise::NoOrphan.require(is_known, || {
                format!("a value that {address} had in a state remains valid")
            })?;
        }
        for (path, name, value) in self.vault.values("name") {
            let is_of_pair = RELAYS.contains(&name.as_str()) && self.has_pair();
            let is_known = held.contains(&value) || !self.sandbox.is_live(&value) || is_of_pair || forged;
            Promise::NoOrphan.require(is_known, || {
                format!("Vault has a valid value at {path} that no state names")
            })?;
        }
        Ok(())
    }

    /// Records whether a value of the pair is valid that must remain valid.
    pub(super) fn look_at_pair(&self) {
        let Workspace { terraform, declared } = &self.workspaces[0];
        let pair = terraform.state().remove(PAIR);
        let works = pair
            .filter(|pair| !pair.is_tainted)
            .is_some_and(|pair| self.works(&pair));
        // Requests of a killed run may still take effect.
        let is_idle = self.network.is_idle();
        self.pair_works.set(works && is_idle && declared.pair.is_some());
    }

    /// No rotation has revoked both values of the pair.
    pub(super) fn check_pair(&self) -> anyhow::Result<()> {
        let worked = self.pair_works.get();
        let pair = self.workspaces[0].terraform.state().remove(PAIR);
        let works = pair.is_some_and(|pair| {
            let mut values = values_of(&self.vault.server, PAIR, &pair);
            values.any(|value| self.sandbox.is_live(&value))
        });
        Promise::NoTokenLost.require(works || !worked, || {
            "both values of the pair are dead at once".to_owned()
        })
    }

    /// Whether one of its values is valid for longer than any run takes, and is read by who reads its secret.
    fn works(&self, object: &Object) -> bool {
        if is_overwritten(&self.vault.server, object.get("vault")) {
            return false;
        }
        let soon = self.now() + SignedDuration::from_mins(30);
        let lasts = |held: &StoredValue| held.ends.is_none_or(|end| soon < end);
        let mut lasting = stored_values(&self.vault.server, PAIR, object)
            .into_iter()
            .filter(lasts);
        lasting.any(|held| held.value.is_some_and(|value| self.sandbox.is_live(&value)))
    }

    /// No value is in any output.
    pub(super) async fn check_secrecy(&self) -> anyhow::Result<()> {
        let mut values = self.sandbox.issued_values();
        values.extend(self.vault.server.issued_values());
        values.extend([self.sandbox.foreign_token(), STRANGE.into()]);
        self.outputs.show(&self.network.sent());
        let (length, leak) = self.outputs.search(&values).await;
        self.report.borrow_mut().searched = length;
        Promise::NoLeak.require(leak.is_none(), || {
            format!("a value was shown: {}", leak.unwrap_or_default())
        })
    }
}
