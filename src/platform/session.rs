//! The data that a provider process shares between its configuration and its resources. It exists
//! before the provider is configured.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
#[cfg(feature = "vault")]
use std::time::Duration;

#[cfg(feature = "vault")]
use http::HeaderValue;
use jiff::SignedDuration;
use tokio::sync::OnceCell;

use super::account::ProviderAccount;
use super::generation::Generations;
use super::runtime::Runtime;
#[cfg(feature = "vault")]
use super::vault_settings::VaultConnection;
use crate::framework::{Context, Diagnostic, Diagnostics};
use crate::redaction::KnownSecrets;
use crate::rest::{Client, Options};
use crate::token::{Clock, HumanDuration, Skew};
#[cfg(feature = "vault")]
use crate::vault::{self, Vault};

/// The clock, the known secrets, the account and the generations of a provider process. Clones share
/// them.
#[derive(Clone)]
pub(crate) struct Session(Arc<Shared>);

struct Shared {
    clock: Clock,
    secrets: KnownSecrets,
    generations: Generations,
    account: RwLock<Option<ProviderAccount>>,
    /// Set after a request was sent only for the platform's time.
    fetched_time: OnceCell<()>,
    skew_is_reported: AtomicBool,
}

/// A larger skew of the machine's clock is reported.
const TOLERATED_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// A connection to a platform whose answers contain its time (`Date`).
pub(crate) trait TimeSource: Sized {
    /// Sends a request that changes nothing, preferably one whose answer is cached for later use. Its
    /// result is ignored.
    fn fetch_time(&self, context: &Context<Self>) -> impl Future<Output = ()> + Send;
}

impl Session {
    pub(crate) fn new(clock: Clock) -> Self {
        Self(Arc::new(Shared {
            clock,
            secrets: KnownSecrets::default(),
            generations: Generations::default(),
            account: RwLock::default(),
            fetched_time: OnceCell::new(),
            skew_is_reported: AtomicBool::new(false),
        }))
    }

    /// Creates a client of the platform in this account. Its answers correct the clock, and its errors
    /// redact the known secrets.
    pub(crate) fn client(&self, runtime: &Runtime, account: ProviderAccount, options: Options) -> Client {
        self.set_account(account);
        let client = runtime.client(options).with_clock(self.clock().clone());
        client.with_secrets(self.secrets())
    }

    /// Connects to the Vault that values are delivered to. Its errors redact the known secrets.
    #[cfg(feature = "vault")]
    pub(crate) fn vault(
        &self,
        runtime: &Runtime,
        settings: VaultConnection<vault::Settings>,
        user_agent: HeaderValue,
        request_timeout: Duration,
    ) -> VaultConnection {
        settings.map(|settings| {
            let vault = Vault::new(settings, user_agent, request_timeout, &runtime.transport);
            vault.with_secrets(self.secrets())
        })
    }

    /// The secrets that the process knows.
    pub(crate) fn secrets(&self) -> &KnownSecrets {
        &self.0.secrets
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The account of the provider; `None` before the provider is configured.
    pub(crate) fn account(&self) -> Option<ProviderAccount> {
        self.0.account.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_account(&self, account: ProviderAccount) {
        *self.0.account.write().unwrap_or_else(PoisonError::into_inner) = Some(account);
    }

    /// Fetches the platform's time before a decision depends on it, and reports the skew of the
    /// machine's clock. Without an answer, the machine's time is used; errors are ignored here,
    /// because the caller's own requests report them.
    pub(crate) async fn synchronise<C: TimeSource>(&self, context: &Context<C>, diagnostics: &mut Diagnostics) {
        if let Some(connection) = context.known_client().filter(|_| !self.clock().is_synchronised()) {
            self.0.fetched_time.get_or_init(|| connection.fetch_time(context)).await;
        }
        self.report_skew(diagnostics);
    }

    /// Reports the skew of the machine's clock that answers have shown, once per process.
    pub(crate) fn report_skew(&self, diagnostics: &mut Diagnostics) {
        let Some(skew) = self.clock().skew().filter(|skew| skew.length() > TOLERATED_SKEW) else {
            return;
        };
        if !self.0.skew_is_reported.swap(true, Ordering::Relaxed) {
            let warning = wrong_clock(skew);
            tracing::warn!("{}", warning.summary);
            diagnostics.push(warning);
        }
    }

    /// The generations that the process has assigned or seen.
    pub(crate) fn generations(&self) -> &Generations {
        &self.0.generations
    }

    /// Assigns the first generation of an object that is created or imported now. It is greater than
    /// that of an earlier process on this machine (see [`Clock::nearest`]).
    pub(crate) fn first_generation(&self) -> i64 {
        self.0.generations.first(self.0.clock.nearest())
    }
}

fn wrong_clock(skew: Skew) -> Diagnostic {
    let off = HumanDuration(skew.length().unsigned_abs());
    let summary = match skew {
        Skew::Ahead(_) => format!("This machine's clock is {off} ahead of the platform's"),
        Skew::Behind(_) => format!("This machine's clock is {off} behind the platform's"),
    };
    Diagnostic::warning(
        summary,
        "The provider uses the platform's time, so that expiries and rotations are correct. Terraform's functions, such as \
         `timestamp()`, use the machine's time. Synchronise the machine's clock.",
    )
}
