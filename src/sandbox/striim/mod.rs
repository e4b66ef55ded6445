//! Striim Cloud's token API in memory, for tests of this project and of its users.
//!
//! It follows Striim Cloud's document *Managing API tokens*: every endpoint of its reference, and
//! its rules (quota, expiries, roles, one PAT per user, the toggle, rate limits, audit log).
//! [`Options`] has a field for each behaviour that the document leaves open. A sandbox starts with
//! one account, one administrator and one token, and stores nothing on disk. Expiry notifications,
//! which the platform sends by email, are not included.

mod answer;
mod api;
mod audit;
mod audited;
mod caller;
mod contents;
mod management;
mod options;
mod pats;
mod rate_limit;
mod refusal;
mod seed;
mod service_accounts;
mod state;
mod token;
mod user;

use axum::Router;
use jiff::Timestamp;
use secrecy::SecretString;

use super::control::{self, Audited, AuditedRequest};
use super::{IssuedValues, Platform};
use caller::{Caller, UserRef};
use seed::SeededToken;
use token::TokenGenerator;

pub use audit::{AuditAction, TokenOperation};
pub use contents::{Contents, ServiceAccountContents, TokenContents, UserContents};
pub use options::{
    DeleteAnswer, Envelope, ErrorBody, Expired, Instants, KeptExpiry, ListUpdated, Names, Options, PatStatus,
    RateLimits, RefusalStatus, RotationExpiry, SuccessCode, ToggleAnswer,
};
pub use refusal::Refusal;
pub use seed::{AdminToken, Seed};
pub use state::{Account, ServiceAccount};
pub use token::{Token, Update};
pub use user::{Role, User};

/// An in-memory Striim Cloud account and the API to it.
pub type Sandbox = super::Sandbox<Account>;

impl Platform for Account {
    /// As in the document's base URLs.
    const BASE_PATH: &'static str = "/api/v1";

    fn api() -> Router<Sandbox> {
        api::routes()
    }

    fn control_routes() -> Router<Sandbox> {
        control::routes()
    }

    fn issued(&self) -> &IssuedValues {
        self.generator.issued()
    }

    fn is_live(&self, value: &str, now: Timestamp) -> bool {
        self.authenticate(Some(value), now).is_ok()
    }

    fn expire(&mut self, now: Timestamp) {
        if self.options.expired == Expired::Purged {
            self.purge(now);
        }
    }

    fn audited(&self, request: &AuditedRequest, now: Timestamp) -> Option<Audited> {
        Some(self.describe(request, now))
    }
}

impl Sandbox {
    /// Creates account `acme` with an administrator and the service account `terraform`.
    pub fn new(options: Options) -> Self {
        Self::seeded(Seed::default(), options)
    }

    /// Creates a sandbox from `seed`.
    pub fn seeded(seed: Seed, options: Options) -> Self {
        let mut generator = TokenGenerator::seeded(seed.random);
        let admin_token = seed.admin_token.unwrap_or_else(|| generator.value());
        let sandbox = Self::start(Account::new(seed.account, generator, admin_token, options), seed.clock);
        if let Some(now) = seed.now {
            sandbox.clock.set(now);
        }
        sandbox.with(|account, now| account.seed_admin(seed.admin, seed.admin_expires_at, now));
        sandbox
    }

    /// The value of the administrator's token in the seed.
    pub fn admin_token(&self) -> SecretString {
        self.lock().admin_token.clone()
    }

    /// A token of another account, which this one answers with 403.
    pub fn foreign_token(&self) -> SecretString {
        self.lock().foreign_token.clone()
    }

    /// The latest successful operations on tokens, oldest first: the documented audit log of the platform.
    pub fn audit(&self) -> Vec<TokenOperation> {
        self.lock().audit.iter().cloned().collect()
    }

    /// The account's service accounts, including expired ones.
    pub fn service_accounts(&self) -> Vec<ServiceAccount> {
        self.with(|account, _| account.service_accounts.values().cloned().collect())
    }

    /// Changes the behaviour of the platform.
    pub fn set_options(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.lock().options);
    }

    /// Creates or replaces a service account outside Terraform, regardless of the quota and the
    /// limits of expiries, and returns its value. Without an expiry it is a legacy token.
    pub fn add_service_account(&self, name: &str, expires_at: Option<Timestamp>) -> SecretString {
        self.with(|account, now| {
            account
                .seed_service_account(name.to_owned(), None, SeededToken::new(expires_at, now))
                .token
                .value
        })
    }

    /// Creates a user without a PAT, or changes the role of the one with this email.
    pub fn add_user(&self, email: &str, role: Role) -> User {
        self.with(|account, _| account.seed_user(email.to_owned(), None, role))
    }

    /// Creates or replaces a user's PAT outside Terraform and returns its value. Without an expiry
    /// it is a legacy token. Fails if the user does not exist or PATs are disabled.
    pub fn add_user_token(&self, email: &str, expires_at: Option<Timestamp>) -> Result<SecretString, Refusal> {
        self.with(|account, now| Ok(account.seed_pat(email, SeededToken::new(expires_at, now))?.1.value))
    }

    /// Rotates a service account in the console. A valid token keeps its expiry.
    pub fn rotate_outside(&self, name: &str) -> Result<SecretString, Refusal> {
        self.with(|account, now| {
            let expiry = account
                .service_accounts
                .get(name)
                .and_then(|found| found.token.expires_at);
            let expiry = expiry.filter(|expiry| now < *expiry);
            Ok(account.rotate(&Caller::Console, name, expiry, now)?.token.value)
        })
    }

    /// Deletes a service account in the console.
    pub fn delete_outside(&self, name: &str) -> Result<(), Refusal> {
        self.with(|account, now| account.delete(&Caller::Console, name, now))
    }

    /// Rotates a user's PAT in the console.
    pub fn rotate_user_token_outside(&self, email: &str) -> Result<SecretString, Refusal> {
        self.with(|account, now| {
            let rotated = account.rotate_pat(&Caller::Console, UserRef::Email(email), None, now)?;
            Ok(rotated.1.value)
        })
    }

    /// Revokes a user's PAT in the console.
    pub fn revoke_user_token_outside(&self, email: &str) -> Result<(), Refusal> {
        self.with(|account, now| account.revoke_pat(&Caller::Console, UserRef::Email(email), now))
    }

    /// Enables or disables PATs in the console, whichever they are not, and returns whether they are enabled.
    pub fn toggle_pats_outside(&self) -> Result<bool, Refusal> {
        self.with(|account, now| account.toggle_pats(&Caller::Console, now))
    }

    /// Whether PATs are enabled.
    pub fn are_pats_enabled(&self) -> bool {
        self.lock().pats_enabled
    }

    /// Creates a user's PAT in the console; fails if there is an active one.
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
