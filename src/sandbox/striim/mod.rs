//! Striim Cloud's token API in memory, for tests of this project and of its users.
//!
//! It follows Striim Cloud's document *Managing API tokens*: every endpoint of its reference, and the rules behind
//! them (quota, expiries, roles, one PAT per user, the toggle, rate limits, audit log). What the document leaves open is
//! a field of [`Options`]. Nothing is kept: a sandbox begins with one account, one administrator and one token.
//! Expiry notifications, which the platform sends by email, are left out.
//!
//! Other programs connect to [`Sandbox::listen`], or to the program `striim-sandbox`. Whoever can reach the address
//! controls the sandbox.
//!
//! # The control API
//!
//! What the methods of [`Sandbox`] do in the process, HTTP does at `/sandbox`, beside the REST API. It asks for no
//! bearer and knows no limits; errors are `{"message": …}`.
//!
//! | request | |
//! |---|---|
//! | `GET /sandbox` | the account: clock, quota, service accounts, users with their PATs, toggle, usage by token type; no values |
//! | `GET /sandbox/clock` | `{"now": …}` |
//! | `POST /sandbox/clock` | `{"advance": "90d"}` or `{"now": "2027-02-09T00:00:00Z"}`; durations as in `36h`, `2w`, `1mo`, `P1Y` |
//! | `GET /sandbox/audit` | every operation on a token, oldest first |
//! | `GET`, `DELETE /sandbox/calls` | how often each endpoint was called, `{"GET /service-accounts": 2}`; start anew |
//! | `GET`, `PATCH /sandbox/options` | [`Options`]; change those named |
//! | `GET`, `POST`, `DELETE /sandbox/faults` | the [`Fault`](super::Fault)s to come; add one; forget all |
//! | `GET /sandbox/values` | every token value ever issued, to search a state or a log for leaks |
//! | `POST /sandbox/service-account` | `{"name", "description", "expires-at", "token"}`: put one there, past the rules; no `expires-at` means a legacy token |
//! | `POST /sandbox/user` | `{"email", "role"}`: add a user, `admin` or `regular` |
//! | `POST /sandbox/user-token` | `{"email", "expires-at", "token"}`: give a user a PAT, past the rules |
//! | any `/sandbox/console/…` | an endpoint of the REST API, done by an administrator outside of it |
//! | `POST /sandbox/console/user-token` | `{"email", "expires-at"}`: create a PAT by the rules, which only the console can |
//!
//! For example, `curl -X POST localhost:8080/sandbox/console/service-account/rotate -d '{"name": "ci"}'` rotates a token
//! behind Terraform's back.

mod account;
mod answer;
mod api;
mod audit;
mod caller;
mod control;
mod limit;
mod mint;
mod options;
mod pats;
mod refusal;
mod role;
mod seed;
mod service_accounts;

use axum::{Extension, Router};
use jiff::Timestamp;
use secrecy::SecretString;

use super::Platform;
use api::Credential;
use caller::{Caller, UserRef};
use mint::Mint;

pub use account::{Account, ServiceAccount, User};
pub use audit::{AuditAction, AuditEntry};
pub use mint::{Token, Update};
pub use options::{
    DeleteAnswer, Envelope, ErrorBody, Expired, Instants, KeptExpiry, ListUpdated, Names, Options, PatStatus,
    RateLimits, Refused, RotationExpiry, SuccessCode, ToggleAnswer,
};
pub use refusal::Refusal;
pub use role::Role;
pub use seed::{AdminToken, Seed};

/// An in-memory Striim Cloud account and the API to it.
pub type Sandbox = super::Sandbox<Account>;

impl Platform for Account {
    /// As in the document's base URLs.
    const BASE_PATH: &'static str = "/api/v1";

    fn api() -> Router<Sandbox> {
        api::routes()
    }

    fn beside() -> Router<Sandbox> {
        let console = api::routes()
            .merge(control::console_only())
            .layer(Extension(Credential::Console));
        Router::new().nest("/sandbox", control::routes().nest("/console", console))
    }

    fn issued(&self) -> &[SecretString] {
        self.mint.issued()
    }

    fn is_live(&self, value: &str, now: Timestamp) -> bool {
        self.authenticate(Some(value), now).is_ok()
    }

    fn age(&mut self, now: Timestamp) {
        if self.options.expired == Expired::Purged {
            self.service_accounts.retain(|_, account| account.token.is_live(now));
        }
    }
}

impl Sandbox {
    /// A sandbox of account `acme` with an administrator and the service account `terraform`.
    pub fn new(options: Options) -> Self {
        Self::seeded(Seed::default(), options)
    }

    /// A sandbox that starts with `seed`.
    pub fn seeded(seed: Seed, options: Options) -> Self {
        let mut mint = Mint::new(seed.random.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed));
        let admin_token = seed.admin_token.unwrap_or_else(|| mint.value());
        let sandbox = Self::of(Account::new(seed.account, mint, admin_token, options), seed.clock);
        if let Some(now) = seed.now {
            sandbox.clock.set(now);
        }
        sandbox.with(|account, now| account.seed_admin(seed.admin, seed.admin_expires_at, now));
        sandbox
    }

    /// The value of the administrator's token that the sandbox started with.
    pub fn admin_token(&self) -> SecretString {
        self.lock().admin_token.clone()
    }

    /// A token of another account, which this one answers with 403.
    pub fn foreign_token(&self) -> SecretString {
        self.lock().foreign.clone()
    }

    /// Every operation on a token so far.
    pub fn audit(&self) -> Vec<AuditEntry> {
        self.lock().audit.clone()
    }

    /// The account's service accounts, expired ones too.
    pub fn service_accounts(&self) -> Vec<ServiceAccount> {
        self.with(|account, _| account.service_accounts.values().cloned().collect())
    }

    /// Changes how the platform behaves.
    pub fn set_options(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.lock().options);
    }

    /// Puts a service account there as if it had always been, in place of one of the same name: the quota and the
    /// limits of expiries do not hold. Without expiry it is a legacy token. Answers its value.
    pub fn add_service_account(&self, name: &str, expires_at: Option<Timestamp>) -> SecretString {
        self.with(|account, now| {
            account
                .seed_service_account(name.to_owned(), None, expires_at, None, now)
                .token
                .value
        })
    }

    /// Adds a user without a PAT, or changes the role of the one with this email.
    pub fn add_user(&self, email: &str, role: Role) -> User {
        self.with(|account, _| account.seed_user(email.to_owned(), role))
    }

    /// Gives a user a PAT as if it had always been, in place of the one there is. Without expiry it is a legacy token.
    /// Answers its value; refuses if there is no such user or PATs are disabled.
    pub fn add_user_token(&self, email: &str, expires_at: Option<Timestamp>) -> Result<SecretString, Refusal> {
        self.with(|account, now| Ok(account.seed_pat(email, expires_at, None, now)?.1.value))
    }

    /// Rotates a service account as an administrator in the console would. A live token keeps its expiry.
    pub fn rotate_outside(&self, name: &str) -> Result<SecretString, Refusal> {
        self.with(|account, now| {
            let end = account
                .service_accounts
                .get(name)
                .and_then(|found| found.token.expires_at);
            let end = end.filter(|end| now < *end);
            Ok(account.rotate(&Caller::Console, name, end, now)?.token.value)
        })
    }

    /// Deletes a service account as an administrator in the console would.
    pub fn delete_outside(&self, name: &str) -> Result<(), Refusal> {
        self.with(|account, now| account.delete(&Caller::Console, name, now))
    }

    /// Creates a user's PAT as the user in the console would; refuses if there is an active one.
    pub fn create_user_token_outside(
        &self,
        email: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<SecretString, Refusal> {
        self.with(|account, now| {
            Ok(account
                .create_pat(&Caller::Console, UserRef::Email(email), expires_at, now)?
                .1
                .value)
        })
    }
}
