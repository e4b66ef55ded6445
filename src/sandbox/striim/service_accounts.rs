//! Service accounts: their names, their quota and their tokens.

use jiff::{Timestamp, ToSpan};

use super::audit::AuditAction;
use super::caller::Caller;
use super::options::{Expired, Names, RotationExpiry};
use super::refusal::Refusal;
use super::state::{Account, ServiceAccount};
use super::token::Token;
use super::user::Permission;

impl Account {
    pub(super) fn list(&self, caller: &Caller, now: Timestamp) -> Result<Vec<&ServiceAccount>, Refusal> {
        caller.require(Permission::ManageServiceAccounts)?;
        let listed = |account: &&ServiceAccount| self.options.expired == Expired::Listed || account.token.is_live(now);
        Ok(self.service_accounts.values().filter(listed).collect())
    }

    pub(super) fn create(
        &mut self,
        caller: &Caller,
        name: String,
        description: Option<String>,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<ServiceAccount, Refusal> {
        caller.require(Permission::ManageServiceAccounts)?;
        if !(3..=30).contains(&name.chars().count()) {
            return Err(Refusal::Invalid("name: must have 3 to 30 characters".to_owned()));
        }
        if description.as_ref().is_some_and(|text| text.chars().count() > 255) {
            return Err(Refusal::Invalid(
                "description: must have at most 255 characters".to_owned(),
            ));
        }
        let name = match self.options.names {
            Names::AsSent => name,
            Names::LowerCase => name.to_lowercase(),
            Names::Suffixed => format!("{name}-1"),
        };
        let expires_at = self.expiry(expires_at, Some(12.months()), now)?;
        if self.service_accounts.contains_key(&name) {
            let reason = format!("a service account named \"{name}\" exists");
            return Err(self.options.name_taken.because(reason));
        }
        self.require_quota(now)?;
        let token = self.issue(caller, expires_at, false, now);
        self.record(caller, AuditAction::CreateServiceAccount, &name, Some(token.id), now);
        let account = ServiceAccount {
            name: name.clone(),
            description,
            token,
        };
        self.service_accounts.insert(name, account.clone());
        Ok(account)
    }

    pub(super) fn rotate(
        &mut self,
        caller: &Caller,
        name: &str,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<ServiceAccount, Refusal> {
        caller.require(Permission::ManageServiceAccounts)?;
        let mut account = self
            .service_accounts
            .get(name)
            .cloned()
            .ok_or_else(|| no_service_account(name))?;
        let keeps_expiry = self.options.rotation_expiry == RotationExpiry::Unchanged && account.token.is_live(now);
        let expires_at = match (expires_at, account.token.expires_at.filter(|_| keeps_expiry)) {
            (None, Some(unchanged)) => unchanged,
            (expires_at, _) => self.expiry(expires_at, self.max_lifetime_on_rotation(12.months()), now)?,
        };
        // Rotation makes an expired account active, which may exceed the quota.
        if !self.uses_quota(&account.token, now) {
            self.require_quota(now)?;
        }
        let token = self.issue(caller, expires_at, true, now);
        self.service_account_ended(&account, now);
        account.token = token;
        self.record(
            caller,
            AuditAction::RotateServiceAccount,
            name,
            Some(account.token.id),
            now,
        );
        self.service_accounts.insert(name.to_owned(), account.clone());
        Ok(account)
    }

    pub(super) fn delete(&mut self, caller: &Caller, name: &str, now: Timestamp) -> Result<(), Refusal> {
        caller.require(Permission::ManageServiceAccounts)?;
        let deleted = self
            .service_accounts
            .remove(name)
            .ok_or_else(|| no_service_account(name))?;
        self.service_account_ended(&deleted, now);
        self.record(
            caller,
            AuditAction::RevokeServiceAccount,
            name,
            Some(deleted.token.id),
            now,
        );
        Ok(())
    }

    /// Deletes the service accounts whose tokens have expired.
    pub(super) fn purge(&mut self, now: Timestamp) {
        let expired = self
            .service_accounts
            .values()
            .filter(|account| !account.token.is_live(now));
        for account in expired.cloned().collect::<Vec<_>>() {
            self.service_accounts.remove(&account.name);
            self.service_account_ended(&account, now);
        }
    }

    /// The number of service accounts that count against the quota.
    pub(super) fn quota_used(&self, now: Timestamp) -> usize {
        self.service_accounts
            .values()
            .filter(|account| self.uses_quota(&account.token, now))
            .count()
    }

    fn require_quota(&self, now: Timestamp) -> Result<(), Refusal> {
        let (used, quota) = (self.quota_used(now), self.options.quota);
        if used < quota {
            return Ok(());
        }
        Err(Refusal::Conflict(format!(
            "the account has {used} active service accounts of at most {quota}"
        )))
    }

    fn uses_quota(&self, token: &Token, now: Timestamp) -> bool {
        self.options.expired_use_quota || token.is_live(now)
    }
}

fn no_service_account(name: &str) -> Refusal {
    Refusal::NotFound(format!("there is no service account named \"{name}\""))
}
