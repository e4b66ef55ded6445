//! One Striim Cloud account: its users, its tokens, and the rules of the document *Managing API tokens*.
//!
//! Pure: no HTTP, no clock. Each operation takes the caller and the present instant, and either happens or is refused.

use std::collections::BTreeMap;

use jiff::{Span, Timestamp, tz::TimeZone};
use secrecy::{ExposeSecret, SecretString};

use super::audit::{AuditAction, AuditEntry};
use super::caller::{Caller, UserRef};
use super::limit::{Limited, Limiter};
use super::mint::{Mint, Token, Update};
use super::options::{KeptExpiry, Options};
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

/// The account's first administrator, on whose behalf the console acts.
pub(super) const OWNER: i64 = 8509;

/// What there is in the account, and how it behaves.
#[derive(Debug)]
pub struct Account {
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
    /// The value of the first administrator's token.
    pub(super) admin_token: SecretString,
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
    /// An account with one administrator, whose token is to be `admin_token`, and no tokens yet.
    pub(super) fn new(name: String, mut mint: Mint, admin_token: SecretString, options: Options) -> Self {
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
            admin_token,
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
    pub(super) fn limit(&mut self, kind: Limited, now: Timestamp) -> Result<(), Refusal> {
        self.options
            .rate_limits
            .map_or(Ok(()), |limits| self.limiter.admit(kind, limits, now))
    }

    /// A token made now on the caller's behalf.
    pub(super) fn issue(&mut self, caller: &Caller, expires_at: Timestamp, rotated: bool, now: Timestamp) -> Token {
        self.mint.token(
            Some(expires_at),
            Update {
                at: now,
                by: caller.user_id(),
                rotated,
            },
        )
    }

    /// The expiry that was asked for, if it lies ahead and not too far, or else the account's default, to the second.
    /// Months are the calendar's, in UTC.
    pub(super) fn expiry(
        &self,
        asked: Option<Timestamp>,
        longest: Option<Span>,
        now: Timestamp,
    ) -> Result<Timestamp, Refusal> {
        let Some(end) = asked else {
            let end = now
                .saturating_add(self.options.default_expiry)
                .unwrap_or(Timestamp::MAX);
            return Ok(Timestamp::from_second(end.as_second()).unwrap_or(end));
        };
        if end <= now {
            return Err(Refusal::Invalid("expires-at: must lie in the future".to_owned()));
        }
        let latest = |longest: Span| now.to_zoned(TimeZone::UTC).checked_add(longest).ok();
        match longest.and_then(latest) {
            Some(latest) if end > latest.timestamp() => Err(Refusal::Invalid(format!(
                "expires-at: must not be later than {:.0}",
                latest.timestamp()
            ))),
            _ => Ok(self.kept(end, now)),
        }
    }

    /// The expiry that is kept of the one that was asked for.
    fn kept(&self, end: Timestamp, now: Timestamp) -> Timestamp {
        match self.options.kept_expiry {
            KeptExpiry::AsAsked => end,
            KeptExpiry::Day => {
                let second = end.as_second();
                Timestamp::from_second(second - second.rem_euclid(24 * 3_600)).unwrap_or(end)
            }
            KeptExpiry::AtMost(lifetime) => now.saturating_add(lifetime).map_or(end, |latest| end.min(latest)),
        }
    }

    pub(super) fn longest_on_rotation(&self, longest: Span) -> Option<Span> {
        self.options.rotation_obeys_maximum.then_some(longest)
    }

    pub(super) fn record(
        &mut self,
        caller: &Caller,
        action: AuditAction,
        target: &str,
        token_id: Option<i64>,
        at: Timestamp,
    ) {
        self.audit.push(AuditEntry {
            at,
            actor: caller.actor(),
            action,
            target: target.to_owned(),
            token_id,
        });
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
    pub(super) fn find(
        &self,
        caller: &Caller,
        of: UserRef<'_>,
        own: Permission,
        others: Permission,
    ) -> Result<&User, Refusal> {
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
}
