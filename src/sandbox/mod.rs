//! Striim Cloud's token API in memory, for tests of this project and of its users.

mod account;
mod answer;
mod api;
mod audit;
mod clock;
mod fault;
mod limit;
mod listen;
mod mint;
mod options;
mod refusal;
mod role;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{Router, http::Method, middleware};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use crate::token::Clock;
use account::{Account, Caller, UserRef};
use clock::MovableClock;
use mint::Mint;

pub use account::{ServiceAccount, User};
pub use audit::{AuditAction, AuditEntry};
pub use fault::{ConnectionCut, Effect, Fault, ScriptedAnswer, When};
pub use listen::Listening;
pub use mint::{Token, Update};
pub use options::{
    DeleteAnswer, Envelope, ErrorBody, Expired, Instants, ListUpdated, Options, PatStatus, RateLimits, Refused,
    RotationExpiry, SuccessCode, ToggleAnswer,
};
pub use refusal::Refusal;
pub use role::Role;

/// Where the REST API begins, as in the document's base URLs.
const BASE_PATH: &str = "/api/v1";

/// An in-memory Striim Cloud account and the API to it. Clones share the account.
#[derive(Clone, Debug)]
pub struct Sandbox {
    state: Arc<Mutex<State>>,
    clock: MovableClock,
    admin_token: SecretString,
}

#[derive(Debug)]
struct State {
    account: Account,
    faults: Vec<Fault>,
    /// How often, by method and path relative to the base URL.
    calls: BTreeMap<(String, String), usize>,
}

/// What the sandbox holds at the start.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The account's short name.
    pub account: String,
    /// The value of the administrator's token; random if absent.
    pub admin_token: Option<SecretString>,
    /// Whose it is.
    pub admin: AdminToken,
    /// When it ends; by default never (a legacy token), so that moving the clock locks nobody out.
    pub admin_expires_at: Option<Timestamp>,
    /// The clock underneath; the sandbox's own runs an offset ahead of it.
    pub clock: Clock,
    /// What the sandbox's clock says at the start; the same as the one underneath if absent.
    pub now: Option<Timestamp>,
    /// Makes token values and ids the same in each run. Without it they come from the machine's randomness.
    pub random: Option<u64>,
}

/// Whose token the sandbox is born with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminToken {
    /// A service account of this name. It takes one of the quota's three places.
    ServiceAccount(String),
    /// The administrator, as a PAT. It dies when PATs are disabled.
    Personal,
}

impl Default for Seed {
    fn default() -> Self {
        Self {
            account: "acme".to_owned(),
            admin_token: None,
            admin: AdminToken::ServiceAccount("terraform".to_owned()),
            admin_expires_at: None,
            clock: Clock::system(),
            now: None,
            random: None,
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
        let clock = MovableClock::new(seed.clock);
        if let Some(now) = seed.now {
            clock.set(now);
        }
        let mut mint = Mint::new(seed.random.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed));
        let admin_token = seed.admin_token.unwrap_or_else(|| mint.value());
        let mut account = Account::new(seed.account, mint, options);
        let (value, end, now) = (Some(admin_token.clone()), seed.admin_expires_at, clock.now());
        match seed.admin {
            AdminToken::ServiceAccount(name) => drop(account.seed_service_account(name, None, end, value, now)),
            AdminToken::Personal => account.seed_owner_pat(end, value, now),
        }
        let state = State {
            account,
            faults: Vec::new(),
            calls: BTreeMap::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            clock,
            admin_token,
        }
    }

    /// The REST API at `/api/v1`.
    ///
    /// A connection that a fault cuts shows as a 502 whose body breaks; see [`Self::service`] for a real error.
    pub fn router(&self) -> Router {
        let api = api::routes().layer(middleware::from_fn_with_state(self.clone(), fault::inject));
        Router::new().nest(BASE_PATH, api).with_state(self.clone())
    }

    /// The value of the administrator's token that the sandbox started with.
    pub fn admin_token(&self) -> SecretString {
        self.admin_token.clone()
    }

    /// A token of another account, which this one answers with 403.
    pub fn foreign_token(&self) -> SecretString {
        self.lock().account.foreign.clone()
    }

    /// The sandbox's clock, for a provider in the same process.
    pub fn clock(&self) -> Clock {
        self.clock.share()
    }

    /// Moves the clock.
    pub fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
    }

    /// Every operation on a token so far.
    pub fn audit(&self) -> Vec<AuditEntry> {
        self.lock().account.audit.clone()
    }

    /// How many requests of `method` came to `path` (relative to the base URL), whatever became of them.
    pub fn calls(&self, method: &str, path: &str) -> usize {
        self.lock()
            .calls
            .get(&(method.to_owned(), path.to_owned()))
            .copied()
            .unwrap_or(0)
    }

    /// The account's service accounts, expired ones too.
    pub fn service_accounts(&self) -> Vec<ServiceAccount> {
        self.with(|account, _| account.service_accounts.values().cloned().collect())
    }

    /// Whether `value` would be accepted as a bearer now.
    pub fn is_live(&self, value: &str) -> bool {
        self.with(|account, now| account.authenticate(Some(value), now).is_ok())
    }

    /// Every value ever issued, dead or alive, to search for leaks.
    pub fn issued_values(&self) -> Vec<SecretString> {
        self.lock().account.mint.issued().to_vec()
    }

    /// Makes something go wrong with the next requests. Of several faults the one added first strikes first.
    pub fn fault(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Changes how the platform behaves.
    pub fn set_options(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.lock().account.options);
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

    fn with<T>(&self, operation: impl FnOnce(&mut Account, Timestamp) -> T) -> T {
        let mut state = self.lock();
        let now = self.clock.now();
        state.account.purge(now);
        operation(&mut state.account, now)
    }

    /// Counts a request, and tells the fault that strikes it.
    fn arrival(&self, method: &Method, path: &str) -> Option<Fault> {
        let mut state = self.lock();
        *state.calls.entry((method.to_string(), path.to_owned())).or_default() += 1;
        fault::strike(&mut state.faults, method, path)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
