//! Personal access tokens, and the toggle that enables them.

use jiff::{Span, Timestamp, ToSpan};

use super::audit::AuditAction;
use super::caller::{Caller, UserRef};
use super::refusal::Refusal;
use super::state::Account;
use super::token::Token;
use super::user::{Permission, User};

impl Account {
    pub(super) fn pat(&self, caller: &Caller, of: UserRef<'_>) -> Result<(&User, &Token), Refusal> {
        let user = self.find_user(caller, of, Permission::ReadOwnPat, Permission::ReadOthersPat)?;
        let pat = self.pats.get(&user.id).ok_or_else(|| no_pat(user))?;
        Ok((user, pat))
    }

    /// Creates a user's first PAT, which is possible in the document's console but not in its API.
    pub(super) fn create_pat(
        &mut self,
        caller: &Caller,
        of: UserRef<'_>,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(User, Token), Refusal> {
        let user = self
            .find_user(caller, of, Permission::RotateOwnPat, Permission::RotateOthersPat)?
            .clone();
        if self.pats.get(&user.id).is_some_and(|pat| pat.is_live(now)) {
            return Err(Refusal::Conflict(format!(
                "{} has an active personal access token",
                user.email
            )));
        }
        self.issue_pat(caller, user, expires_at, Some(90.days()), AuditAction::CreatePat, now)
    }

    pub(super) fn rotate_pat(
        &mut self,
        caller: &Caller,
        of: UserRef<'_>,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(User, Token), Refusal> {
        let user = self
            .find_user(caller, of, Permission::RotateOwnPat, Permission::RotateOthersPat)?
            .clone();
        if caller.is_other_user(&user) && !self.options.admins_rotate_pats {
            return Err(Refusal::Forbidden(
                "another user's personal access token can only be revoked".to_owned(),
            ));
        }
        let action = match self.pats.contains_key(&user.id) {
            true => AuditAction::RotatePat,
            false if self.options.rotation_creates_pat => AuditAction::CreatePat,
            false => return Err(no_pat(&user)),
        };
        self.issue_pat(
            caller,
            user,
            expires_at,
            self.max_lifetime_on_rotation(90.days()),
            action,
            now,
        )
    }

    fn issue_pat(
        &mut self,
        caller: &Caller,
        user: User,
        expires_at: Option<Timestamp>,
        max_lifetime: Option<Span>,
        action: AuditAction,
        now: Timestamp,
    ) -> Result<(User, Token), Refusal> {
        self.require_pats_enabled()?;
        if expires_at.is_none() && self.options.pat_expiry_required {
            return Err(Refusal::Invalid(
                "expires-at: a personal access token needs an expiry".to_owned(),
            ));
        }
        let expires_at = self.expiry(expires_at, max_lifetime, now)?;
        let token = self.issue(caller, expires_at, action == AuditAction::RotatePat, now);
        self.record(caller, action, &user.email, Some(token.id), now);
        if let Some(replaced) = self.pats.insert(user.id, token.clone()) {
            self.pat_ended(&user, &replaced, now);
        }
        Ok((user, token))
    }

    pub(super) fn revoke_pat(&mut self, caller: &Caller, of: UserRef<'_>, now: Timestamp) -> Result<(), Refusal> {
        let user = self
            .find_user(caller, of, Permission::RevokeOwnPat, Permission::RevokeOthersPat)?
            .clone();
        let by_email = matches!(of, UserRef::Email(_));
        if by_email && caller.is_other_user(&user) && !self.options.admins_revoke_by_email {
            return Err(Refusal::Forbidden(
                "email: names the caller; another user is named by user-id".to_owned(),
            ));
        }
        let revoked = self.pats.remove(&user.id).ok_or_else(|| no_pat(&user))?;
        self.pat_ended(&user, &revoked, now);
        self.record(caller, AuditAction::RevokePat, &user.email, Some(revoked.id), now);
        Ok(())
    }

    pub(super) fn pat_status(&self, caller: &Caller) -> Result<bool, Refusal> {
        caller.require(Permission::ManagePatStatus)?;
        Ok(self.pats_enabled)
    }

    /// Disables PATs, which revokes all of them, or enables them, which restores none.
    pub(super) fn toggle_pats(&mut self, caller: &Caller, now: Timestamp) -> Result<bool, Refusal> {
        caller.require(Permission::ManagePatStatus)?;
        self.pats_enabled = !self.pats_enabled;
        for user in self.users.clone() {
            if let Some(revoked) = self.pats.remove(&user.id) {
                self.pat_ended(&user, &revoked, now);
            }
        }
        let action = if self.pats_enabled {
            AuditAction::EnablePats
        } else {
            AuditAction::DisablePats
        };
        let target = self.name.clone();
        self.record(caller, action, &target, None, now);
        Ok(self.pats_enabled)
    }

    pub(super) fn require_pats_enabled(&self) -> Result<(), Refusal> {
        if self.pats_enabled {
            return Ok(());
        }
        Err(self
            .options
            .pats_disabled
            .because("personal access tokens are disabled in this account"))
    }
}

fn no_pat(user: &User) -> Refusal {
    Refusal::NotFound(format!("{} has no personal access token", user.email))
}
