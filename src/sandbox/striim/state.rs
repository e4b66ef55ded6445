//! The state of a Striim Cloud account: its users and tokens, and the rules of the document
//! *Managing API tokens*.
//!
//! No function uses HTTP or reads a clock: each operation takes the caller and the current time,
//! and returns a [`Refusal`] if it is rejected.

use std::collections::{BTreeMap, VecDeque};

use jiff::{Span, Timestamp, tz::TimeZone};
use secrecy::{ExposeSecret, SecretString};

use super::audit::{AuditAction, TokenOperation};
use super::caller::{Caller, UserRef};
use super::options::{KeptExpiry, Options};
use super::rate_limit::{LimitedOperation, RateLimiter};
use super::refusal::Refusal;
use super::token::{Token, TokenGenerator, Update};
use super::user::{OWNER, Permission, Role, User};
use crate::sandbox::control::EndedTokens;

/// A service account. It exists as long as its token: revoking the token deletes it.
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    /// The name, which is unique in the account and case-sensitive.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// The token.
    pub token: Token,
}

/// The state of the account, and the options of its platform.
#[derive(Debug)]
pub struct Account {
    pub(super) name: String,
    pub(super) options: Options,
    pub(super) users: Vec<User>,
    /// The service accounts by name.
    pub(super) service_accounts: BTreeMap<String, ServiceAccount>,
    /// The PATs by user id; a user has at most one.
    pub(super) pats: BTreeMap<i64, Token>,
    pub(super) pats_enabled: bool,
    pub(super) audit: VecDeque<TokenOperation>,
    pub(super) generator: TokenGenerator,
    /// The value of the first administrator's token.
    pub(super) admin_token: SecretString,
    /// A token of another account.
    pub(super) foreign_token: SecretString,
    pub(super) ended: EndedTokens,
    limiter: RateLimiter,
}

/// The number of operations that the audit log contains.
const AUDIT_CAPACITY: usize = 10_000;

impl Account {
    /// Creates an account with one administrator, whose token will be `admin_token`, and without
    /// tokens.
    pub(super) fn new(
        name: String,
        mut generator: TokenGenerator,
        admin_token: SecretString,
        options: Options,
    ) -> Self {
        let owner = User {
            id: OWNER,
            email: format!("admin@{name}.example"),
            role: Role::Admin,
        };
        let foreign_token = generator.value();
        Self {
            name,
            options,
            users: vec![owner],
            service_accounts: BTreeMap::new(),
            pats: BTreeMap::new(),
            pats_enabled: true,
            audit: VecDeque::new(),
            generator,
            admin_token,
            foreign_token,
            ended: EndedTokens::default(),
            limiter: RateLimiter::default(),
        }
    }

    /// Returns the owner of a bearer token.
    pub(super) fn authenticate(&self, bearer: Option<&str>, now: Timestamp) -> Result<Caller, Refusal> {
        let bearer = bearer.ok_or(Refusal::Unauthenticated)?;
        if bearer == self.foreign_token.expose_secret() {
            return Err(Refusal::Forbidden(format!(
                "the bearer token does not belong to account \"{}\"",
                self.name
            )));
        }
        if let Some(found) = self
            .service_accounts
            .values()
            .find(|account| account.token.authenticates(bearer, now))
        {
            return Ok(Caller::ServiceAccount {
                name: found.name.clone(),
                user: found.token.updated.by,
            });
        }
        let owner = |(id, pat): (&i64, &Token)| pat.authenticates(bearer, now).then_some(*id);
        let id = self.pats.iter().find_map(owner).ok_or(Refusal::Unauthenticated)?;
        self.user(UserRef::Id(id))
            .cloned()
            .map(Caller::User)
            .ok_or(Refusal::Unauthenticated)
    }

    /// Counts a request against the account's rate limits, or rejects it.
    pub(super) fn check_rate_limit(&mut self, operation: LimitedOperation, now: Timestamp) -> Result<(), Refusal> {
        self.options
            .rate_limits
            .map_or(Ok(()), |limits| self.limiter.admit(operation, limits, now))
    }

    /// Issues a token in the caller's name.
    pub(super) fn issue(&mut self, caller: &Caller, expires_at: Timestamp, rotated: bool, now: Timestamp) -> Token {
        self.generator.token(
            Some(expires_at),
            Update {
                at: now,
                by: caller.acting_user_id(),
                rotated,
            },
        )
    }

    /// Validates the requested expiry, or returns the account's default in whole seconds. Months
    /// are calendar months in UTC.
    pub(super) fn expiry(
        &self,
        requested: Option<Timestamp>,
        max_lifetime: Option<Span>,
        now: Timestamp,
    ) -> Result<Timestamp, Refusal> {
        let Some(expiry) = requested else {
            let expiry = now
                .saturating_add(self.options.default_expiry)
                .unwrap_or(Timestamp::MAX);
            return Ok(Timestamp::from_second(expiry.as_second()).unwrap_or(expiry));
        };
        if expiry <= now {
            return Err(Refusal::Invalid("expires-at: must lie in the future".to_owned()));
        }
        let latest = |max_lifetime: Span| now.to_zoned(TimeZone::UTC).checked_add(max_lifetime).ok();
        match max_lifetime.and_then(latest) {
            Some(latest) if expiry > latest.timestamp() => Err(Refusal::Invalid(format!(
                "expires-at: must not be later than {:.0}",
                latest.timestamp()
            ))),
            _ => Ok(self.assigned_expiry(expiry, now)),
        }
    }

    /// The expiry that the platform assigns for a requested one.
    fn assigned_expiry(&self, requested: Timestamp, now: Timestamp) -> Timestamp {
        match self.options.kept_expiry {
            KeptExpiry::AsAsked => requested,
            KeptExpiry::Day => {
                let second = requested.as_second();
                Timestamp::from_second(second - second.rem_euclid(24 * 3_600)).unwrap_or(requested)
            }
            KeptExpiry::AtMost(lifetime) => now
                .saturating_add(lifetime)
                .map_or(requested, |latest| requested.min(latest)),
        }
    }

    pub(super) fn max_lifetime_on_rotation(&self, max_lifetime: Span) -> Option<Span> {
        self.options.rotation_obeys_maximum.then_some(max_lifetime)
    }

    /// Adds an entry to the audit log.
    pub(super) fn record(
        &mut self,
        caller: &Caller,
        action: AuditAction,
        target: &str,
        token_id: Option<i64>,
        at: Timestamp,
    ) {
        if self.audit.len() == AUDIT_CAPACITY {
            self.audit.pop_front();
        }
        self.audit.push_back(TokenOperation {
            at,
            actor: caller.actor(),
            action,
            target: target.to_owned(),
            token_id,
        });
    }

    pub(super) fn user(&self, of: UserRef<'_>) -> Option<&User> {
        self.users.iter().find(|user| match of {
            UserRef::Caller => false,
            UserRef::Email(email) => user.email == email,
            UserRef::Id(id) => user.id == id,
        })
    }

    /// Finds the addressed user and checks the caller's permission: `own` for the caller, `others`
    /// for any other user. Without it, the answer does not show which users exist.
    pub(super) fn find_user(
        &self,
        caller: &Caller,
        of: UserRef<'_>,
        own: Permission,
        others: Permission,
    ) -> Result<&User, Refusal> {
        let of = match (of, caller.own_user_id()) {
            (UserRef::Caller, Some(id)) => UserRef::Id(id),
            (UserRef::Caller, None) => {
                return Err(Refusal::NotFound(
                    "the bearer is not a user and has no personal access token".to_owned(),
                ));
            }
            (named, _) => named,
        };
        let user = self.user(of);
        let is_own = user.is_some_and(|user| caller.own_user_id() == Some(user.id));
        caller.require(if is_own { own } else { others })?;
        user.ok_or_else(|| Refusal::NotFound("there is no such user".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn expiry_is_kept_as_the_option_says() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (now, requested) = (at("2027-01-01T06:00:00Z"), at("2027-01-31T23:59:59Z"));
        for (kept_expiry, expected) in [
            (KeptExpiry::AsAsked, requested),
            (KeptExpiry::Day, at("2027-01-31T00:00:00Z")),
            (
                KeptExpiry::AtMost(SignedDuration::from_hours(48)),
                at("2027-01-03T06:00:00Z"),
            ),
            (KeptExpiry::AtMost(SignedDuration::from_hours(9_000)), requested),
        ] {
            let options = Options {
                kept_expiry,
                ..Options::default()
            };
            let generator = TokenGenerator::new(fastrand::Rng::with_seed(1));
            let account = Account::new("acme".to_owned(), generator, "admin".into(), options);
            assert_eq!(
                account.expiry(Some(requested), None, now).ok(),
                Some(expected),
                "{kept_expiry:?}"
            );
        }
    }
}
