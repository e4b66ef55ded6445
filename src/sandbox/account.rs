//! One Striim Cloud account: its users, its tokens, and the rules of the document *Managing API tokens*.
//!
//! Pure: no HTTP, no clock. Each operation takes the caller and the present instant, and either happens or is refused.

use std::collections::BTreeMap;

use jiff::{Span, Timestamp, ToSpan, tz::TimeZone};
use secrecy::{ExposeSecret, SecretString};

use super::audit::{AuditAction, AuditEntry};
use super::limit::{Limited, Limiter};
use super::mint::{Mint, Token, Update};
use super::options::{Expired, Options, RotationExpiry};
use super::refusal::Refusal;
use super::role::{Permission, Role};

/// A service account. It exists as long as its token: revoking the token deletes it.
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    /// Unique in the account; case matters.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its one token.
    pub token: Token,
}

/// A user of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The id by which `updated-by` and `user-id` mean this user.
    pub id: i64,
    /// The address by which `email` means this user.
    pub email: String,
    /// What the user, and so the user's PAT, may do.
    pub role: Role,
}

/// Who asks for an operation.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    User(User),
    /// Acts as the user who made its token last; the document does not say whose id a service account leaves behind.
    ServiceAccount {
        name: String,
        user: i64,
    },
    /// An administrator outside the API.
    Console,
}

/// Whose PAT is meant.
#[derive(Clone, Copy, Debug)]
pub(super) enum UserRef<'a> {
    Caller,
    Email(&'a str),
    Id(i64),
}

/// The account's first administrator, on whose behalf the console acts.
pub(super) const OWNER: i64 = 8509;

#[derive(Debug)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) options: Options,
    pub(super) users: Vec<User>,
    /// By name.
    pub(super) service_accounts: BTreeMap<String, ServiceAccount>,
    /// By user id: a user has one at most.
    pub(super) pats: BTreeMap<i64, Token>,
    pub(super) pats_enabled: bool,
    pub(super) audit: Vec<AuditEntry>,
    pub(super) mint: Mint,
    /// A token of another account.
    pub(super) foreign: SecretString,
    pub(super) usage: Usage,
    limiter: Limiter,
}

/// API usage by token type, as in the document's metrics: authenticated requests.
#[derive(Debug, Default)]
pub(super) struct Usage {
    pub(super) service_account: usize,
    pub(super) personal: usize,
}

impl Account {
    /// An account with one administrator and no tokens.
    pub(super) fn new(name: String, mut mint: Mint, options: Options) -> Self {
        let owner = User {
            id: OWNER,
            email: format!("admin@{name}.example"),
            role: Role::Admin,
        };
        let foreign = mint.value();
        Self {
            name,
            options,
            users: vec![owner],
            service_accounts: BTreeMap::new(),
            pats: BTreeMap::new(),
            pats_enabled: true,
            audit: Vec::new(),
            mint,
            foreign,
            usage: Usage::default(),
            limiter: Limiter::default(),
        }
    }

    /// Tells whose token the bearer is.
    pub(super) fn authenticate(&self, bearer: Option<&str>, now: Timestamp) -> Result<Caller, Refusal> {
        let bearer = bearer.ok_or(Refusal::Unauthenticated)?;
        if bearer == self.foreign.expose_secret() {
            return Err(Refusal::Forbidden(format!(
                "the bearer token does not belong to account \"{}\"",
                self.name
            )));
        }
        if let Some(found) = self
            .service_accounts
            .values()
            .find(|account| account.token.opens_to(bearer, now))
        {
            return Ok(Caller::ServiceAccount {
                name: found.name.clone(),
                user: found.token.updated.by,
            });
        }
        let owner = |(id, pat): (&i64, &Token)| pat.opens_to(bearer, now).then_some(*id);
        let id = self.pats.iter().find_map(owner).ok_or(Refusal::Unauthenticated)?;
        self.user(UserRef::Id(id))
            .cloned()
            .map(Caller::User)
            .ok_or(Refusal::Unauthenticated)
    }

    /// Counts a request for the account's metrics.
    pub(super) fn count(&mut self, caller: &Caller) {
        match caller {
            Caller::User(_) => self.usage.personal += 1,
            Caller::ServiceAccount { .. } => self.usage.service_account += 1,
            Caller::Console => {}
        }
    }

    /// Counts a request against the account's rate limits, or refuses it.
    pub(super) fn admit(&mut self, kind: Limited, now: Timestamp) -> Result<(), Refusal> {
        self.options
            .rate_limits
            .map_or(Ok(()), |limits| self.limiter.admit(kind, limits, now))
    }

    /// Removes what has expired, on a platform that does so.
    pub(super) fn purge(&mut self, now: Timestamp) {
        if self.options.expired == Expired::Purged {
            self.service_accounts.retain(|_, account| account.token.is_live(now));
        }
    }

    pub(super) fn list(&self, caller: &Caller, now: Timestamp) -> Result<Vec<&ServiceAccount>, Refusal> {
        caller.require(Permission::ManageServiceAccounts)?;
        let hidden = |account: &ServiceAccount| self.options.expired != Expired::Listed && !account.token.is_live(now);
        Ok(self
            .service_accounts
            .values()
            .filter(|account| !hidden(account))
            .collect())
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
        let expires_at = match expires_at {
            Some(end) => valid_expiry(end, Some(12.months()), now)?,
            None => self.default_expiry(now),
        };
        if self.service_accounts.contains_key(&name) {
            return Err(self
                .options
                .name_taken
                .because(format!("a service account named \"{name}\" exists")));
        }
        self.require_quota(now)?;
        let token = self.mint.token(
            Some(expires_at),
            Update {
                at: now,
                by: caller.user_id(),
                rotated: false,
            },
        );
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
        let current = self
            .service_accounts
            .get(name)
            .ok_or_else(|| no_service_account(name))?
            .token
            .clone();
        let unchanged = current.expires_at.filter(|_| current.is_live(now));
        let expires_at = match (expires_at, self.options.rotation_expiry, unchanged) {
            (Some(end), ..) => valid_expiry(end, self.longest_on_rotation(12.months()), now)?,
            (None, RotationExpiry::Unchanged, Some(end)) => end,
            (None, ..) => self.default_expiry(now),
        };
        // What has expired may not have counted; brought back to life it does.
        if !self.uses_quota(&current, now) {
            self.require_quota(now)?;
        }
        let token = self.mint.token(
            Some(expires_at),
            Update {
                at: now,
                by: caller.user_id(),
                rotated: true,
            },
        );
        self.record(caller, AuditAction::RotateServiceAccount, name, Some(token.id), now);
        let account = self
            .service_accounts
            .get_mut(name)
            .ok_or_else(|| no_service_account(name))?;
        account.token = token;
        Ok(account.clone())
    }

    pub(super) fn delete(&mut self, caller: &Caller, name: &str, now: Timestamp) -> Result<(), Refusal> {
        caller.require(Permission::ManageServiceAccounts)?;
        let deleted = self
            .service_accounts
            .remove(name)
            .ok_or_else(|| no_service_account(name))?;
        self.record(
            caller,
            AuditAction::RevokeServiceAccount,
            name,
            Some(deleted.token.id),
            now,
        );
        Ok(())
    }

    pub(super) fn pat(&self, caller: &Caller, of: UserRef<'_>) -> Result<(&User, &Token), Refusal> {
        let user = self.find(caller, of, Permission::ReadOwnPat, Permission::ReadOthersPat)?;
        let pat = self.pats.get(&user.id).ok_or_else(|| no_pat(user))?;
        Ok((user, pat))
    }

    /// Creates a user's first PAT, which the document's console can and its API cannot.
    pub(super) fn create_pat(
        &mut self,
        caller: &Caller,
        of: UserRef<'_>,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(User, Token), Refusal> {
        let user = self
            .find(caller, of, Permission::RotateOwnPat, Permission::RotateOthersPat)?
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
            .find(caller, of, Permission::RotateOwnPat, Permission::RotateOthersPat)?
            .clone();
        if caller.is_stranger_to(&user) && !self.options.admins_rotate_pats {
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
            self.longest_on_rotation(90.days()),
            action,
            now,
        )
    }

    fn issue_pat(
        &mut self,
        caller: &Caller,
        user: User,
        expires_at: Option<Timestamp>,
        longest: Option<Span>,
        action: AuditAction,
        now: Timestamp,
    ) -> Result<(User, Token), Refusal> {
        self.require_pats()?;
        let expires_at = match expires_at {
            Some(end) => valid_expiry(end, longest, now)?,
            None if self.options.pat_expiry_required => {
                return Err(Refusal::Invalid(
                    "expires-at: a personal access token needs an expiry".to_owned(),
                ));
            }
            None => self.default_expiry(now),
        };
        let rotated = action == AuditAction::RotatePat;
        let token = self.mint.token(
            Some(expires_at),
            Update {
                at: now,
                by: caller.user_id(),
                rotated,
            },
        );
        self.record(caller, action, &user.email, Some(token.id), now);
        self.pats.insert(user.id, token.clone());
        Ok((user, token))
    }

    pub(super) fn revoke_pat(&mut self, caller: &Caller, of: UserRef<'_>, now: Timestamp) -> Result<(), Refusal> {
        let user = self
            .find(caller, of, Permission::RevokeOwnPat, Permission::RevokeOthersPat)?
            .clone();
        let by_email = matches!(of, UserRef::Email(_));
        if by_email && caller.is_stranger_to(&user) && !self.options.admins_revoke_by_email {
            return Err(Refusal::Forbidden(
                "email: names the caller; another user is named by user-id".to_owned(),
            ));
        }
        let revoked = self.pats.remove(&user.id).ok_or_else(|| no_pat(&user))?;
        self.record(caller, AuditAction::RevokePat, &user.email, Some(revoked.id), now);
        Ok(())
    }

    pub(super) fn pat_status(&self, caller: &Caller) -> Result<bool, Refusal> {
        caller.require(Permission::GovernPats)?;
        Ok(self.pats_enabled)
    }

    /// Disables PATs, which ends every PAT there is, or enables them, which brings none back.
    pub(super) fn toggle_pats(&mut self, caller: &Caller, now: Timestamp) -> Result<bool, Refusal> {
        caller.require(Permission::GovernPats)?;
        self.pats_enabled = !self.pats_enabled;
        self.pats.clear();
        let action = if self.pats_enabled {
            AuditAction::EnablePats
        } else {
            AuditAction::DisablePats
        };
        let target = self.name.clone();
        self.record(caller, action, &target, None, now);
        Ok(self.pats_enabled)
    }

    /// Puts a service account there as if it had always been: no expiry is too far or too near, no quota holds.
    pub(super) fn seed_service_account(
        &mut self,
        name: String,
        description: Option<String>,
        expires_at: Option<Timestamp>,
        value: Option<SecretString>,
        now: Timestamp,
    ) -> ServiceAccount {
        let token = self.seed_token(expires_at, value, now);
        let account = ServiceAccount {
            name: name.clone(),
            description,
            token,
        };
        self.service_accounts.insert(name, account.clone());
        account
    }

    /// Puts a user there.
    pub(super) fn seed_user(&mut self, email: String, role: Role) -> User {
        let user = match self.users.iter_mut().find(|user| user.email == email) {
            Some(user) => {
                user.role = role;
                return user.clone();
            }
            None => User {
                id: self.users.iter().map(|user| user.id).max().unwrap_or(OWNER) + 1,
                email,
                role,
            },
        };
        self.users.push(user.clone());
        user
    }

    /// Gives a user a PAT as if it had always been, in place of the one there is.
    pub(super) fn seed_pat(
        &mut self,
        email: &str,
        expires_at: Option<Timestamp>,
        value: Option<SecretString>,
        now: Timestamp,
    ) -> Result<(User, Token), Refusal> {
        let user = self.find(
            &Caller::Console,
            UserRef::Email(email),
            Permission::ReadOwnPat,
            Permission::ReadOthersPat,
        )?;
        let user = user.clone();
        self.require_pats()?;
        let token = self.seed_token(expires_at, value, now);
        self.pats.insert(user.id, token.clone());
        Ok((user, token))
    }

    /// Gives the account's first administrator a PAT.
    pub(super) fn seed_owner_pat(
        &mut self,
        expires_at: Option<Timestamp>,
        value: Option<SecretString>,
        now: Timestamp,
    ) {
        let token = self.seed_token(expires_at, value, now);
        self.pats.insert(OWNER, token);
    }

    fn seed_token(&mut self, expires_at: Option<Timestamp>, value: Option<SecretString>, now: Timestamp) -> Token {
        let value = value.unwrap_or_else(|| self.mint.value());
        self.mint.token_of(
            value,
            expires_at,
            Update {
                at: now,
                by: OWNER,
                rotated: false,
            },
        )
    }

    fn user(&self, of: UserRef<'_>) -> Option<&User> {
        self.users.iter().find(|user| match of {
            UserRef::Caller => false,
            UserRef::Email(email) => user.email == email,
            UserRef::Id(id) => user.id == id,
        })
    }

    /// The user meant, if the caller may: `own` where that is the caller, `others` where it is anyone else. Whoever may
    /// not learns nothing about who exists.
    fn find(&self, caller: &Caller, of: UserRef<'_>, own: Permission, others: Permission) -> Result<&User, Refusal> {
        let of = match (of, caller.own_id()) {
            (UserRef::Caller, Some(id)) => UserRef::Id(id),
            (UserRef::Caller, None) => {
                return Err(Refusal::NotFound(
                    "the bearer is not a user and has no personal access token".to_owned(),
                ));
            }
            (named, _) => named,
        };
        let user = self.user(of);
        let is_own = user.is_some_and(|user| caller.own_id() == Some(user.id));
        caller.require(if is_own { own } else { others })?;
        user.ok_or_else(|| Refusal::NotFound("there is no such user".to_owned()))
    }

    fn require_pats(&self) -> Result<(), Refusal> {
        if self.pats_enabled {
            return Ok(());
        }
        Err(self
            .options
            .pats_disabled
            .because("personal access tokens are disabled in this account"))
    }

    fn uses_quota(&self, token: &Token, now: Timestamp) -> bool {
        self.options.expired_use_quota || token.is_live(now)
    }

    fn require_quota(&self, now: Timestamp) -> Result<(), Refusal> {
        let active = self
            .service_accounts
            .values()
            .filter(|account| self.uses_quota(&account.token, now))
            .count();
        let quota = self.options.quota;
        if active < quota {
            return Ok(());
        }
        Err(Refusal::Conflict(format!(
            "the account has {active} active service accounts of at most {quota}"
        )))
    }

    /// The account's default, to the second.
    fn default_expiry(&self, now: Timestamp) -> Timestamp {
        let end = now
            .saturating_add(self.options.default_expiry)
            .unwrap_or(Timestamp::MAX);
        Timestamp::from_second(end.as_second()).unwrap_or(end)
    }

    fn longest_on_rotation(&self, longest: Span) -> Option<Span> {
        self.options.rotation_obeys_maximum.then_some(longest)
    }

    fn record(&mut self, caller: &Caller, action: AuditAction, target: &str, token_id: Option<i64>, at: Timestamp) {
        self.audit.push(AuditEntry {
            at,
            actor: caller.actor(),
            action,
            target: target.to_owned(),
            token_id,
        });
    }
}

impl Caller {
    fn require(&self, permission: Permission) -> Result<(), Refusal> {
        let role = match self {
            Self::User(user) => user.role,
            Self::ServiceAccount { .. } | Self::Console => Role::Admin,
        };
        if role.may(permission) {
            return Ok(());
        }
        Err(Refusal::Forbidden("the operation requires an administrator".to_owned()))
    }

    /// The user whose PAT is the caller's own.
    fn own_id(&self) -> Option<i64> {
        match self {
            Self::User(user) => Some(user.id),
            Self::ServiceAccount { .. } | Self::Console => None,
        }
    }

    /// Whether `user` is someone else, to whom the API's caller may do less than the console.
    fn is_stranger_to(&self, user: &User) -> bool {
        !matches!(self, Self::Console) && self.own_id() != Some(user.id)
    }

    /// What `updated-by` says.
    fn user_id(&self) -> i64 {
        match self {
            Self::User(user) => user.id,
            Self::ServiceAccount { user, .. } => *user,
            Self::Console => OWNER,
        }
    }

    fn actor(&self) -> String {
        match self {
            Self::User(user) => user.email.clone(),
            Self::ServiceAccount { name, .. } => name.clone(),
            Self::Console => "console".to_owned(),
        }
    }
}

/// `end`, if it lies ahead and not too far. Months are the calendar's, in UTC.
fn valid_expiry(end: Timestamp, longest: Option<Span>, now: Timestamp) -> Result<Timestamp, Refusal> {
    if end <= now {
        return Err(Refusal::Invalid("expires-at: must lie in the future".to_owned()));
    }
    let Some(longest) = longest else { return Ok(end) };
    let latest = now
        .to_zoned(TimeZone::UTC)
        .checked_add(longest)
        .map_or(Timestamp::MAX, |latest| latest.timestamp());
    if end > latest {
        return Err(Refusal::Invalid(format!(
            "expires-at: must not be later than {latest:.0}"
        )));
    }
    Ok(end)
}

fn no_service_account(name: &str) -> Refusal {
    Refusal::NotFound(format!("there is no service account named \"{name}\""))
}

fn no_pat(user: &User) -> Refusal {
    Refusal::NotFound(format!("{} has no personal access token", user.email))
}
