//! What a provider's process shares between its configuration and its resources, from before it is configured on.

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

/// The clock, the known secrets and the counters of a provider's process. Clones share them.
#[derive(Clone)]
pub(crate) struct Session(Arc<Shared>);

struct Shared {
    clock: Clock,
    secrets: KnownSecrets,
    generations: Generations,
    account: RwLock<Option<ProviderAccount>>,
    /// Set once a request was sent only to learn the platform's time.
    contacted: OnceCell<()>,
    skew_is_reported: AtomicBool,
}

/// A machine's clock that is off by more is reported.
const TOLERATED_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// A connection to a platform, whose answers show its time.
pub(crate) trait TimeSource: Sized {
    /// Sends a request that changes nothing, best one whose answer is needed anyway. Its outcome does not matter.
    fn fetch_time(&self, context: &Context<Self>) -> impl Future<Output = ()> + Send;
}

impl Session {
    pub(crate) fn new(clock: Clock) -> Self {
        Self(Arc::new(Shared {
            clock,
            secrets: KnownSecrets::default(),
            generations: Generations::default(),
            account: RwLock::default(),
            contacted: OnceCell::new(),
            skew_is_reported: AtomicBool::new(false),
        }))
    }

    /// A client of the platform, in this account, whose answers correct the clock, and whose messages repeat no secret.
    pub(crate) fn client(&self, runtime: &Runtime, account: ProviderAccount, options: Options) -> Client {
        self.set_account(account);
        let client = runtime.client(options).with_clock(self.clock().clone());
        client.with_secrets(self.secrets())
    }

    /// The Vault that values are delivered to, whose messages repeat no secret.
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

    /// The secrets that this process knows.
    pub(crate) fn secrets(&self) -> &KnownSecrets {
        &self.0.secrets
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The account that the provider works with; `None` while it is not known.
    pub(crate) fn account(&self) -> Option<ProviderAccount> {
        self.0.account.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_account(&self, account: ProviderAccount) {
        *self.0.account.write().unwrap_or_else(PoisonError::into_inner) = Some(account);
    }

    /// Learns the platform's time before something is decided by it, and reports how far the machine's is off. Where the
    /// platform cannot be asked the machine's remains in use: whoever needs an answer reports why there is none.
    pub(crate) async fn synchronise<C: TimeSource>(&self, context: &Context<C>, diagnostics: &mut Diagnostics) {
        if let Some(connection) = context.known_client().filter(|_| !self.clock().is_synchronised()) {
            self.0.contacted.get_or_init(|| connection.fetch_time(context)).await;
        }
        self.report_skew(diagnostics);
    }

    /// Reports once in a process how far the machine's clock is off, as far as answers have shown it.
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

    /// The numbers of tokens' values that this process has seen and given.
    pub(crate) fn generations(&self) -> &Generations {
        &self.0.generations
    }

    /// The number of a value whose object is created or imported now. It is more than that of an earlier process: it goes by the
    /// time on which processes agree.
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
        "The provider follows the platform's clock: expiries and rotations are right. Functions of Terraform, such as \
         `timestamp()`, follow the machine's. Set the machine's clock.",
    )
}
