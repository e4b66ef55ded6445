//! What the provider's configuration leads to, shared by all its resources.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
#[cfg(feature = "vault")]
use std::time::Duration;

use async_trait::async_trait;
#[cfg(feature = "vault")]
use http::HeaderValue;
use jiff::SignedDuration;
use tokio::sync::OnceCell;

use super::account::ProviderAccount;
use super::generation::Generations;
use super::parts::Parts;
use super::settings::Resolved;
#[cfg(feature = "vault")]
use super::vault_settings::Link;
use crate::framework::{Context, Diagnostic, Diagnostics};
use crate::redaction::KnownSecrets;
use crate::rest::{Client, Options};
use crate::token::{Clock, Rough, Skew};
#[cfg(feature = "vault")]
use crate::vault::{self, Vault};

/// The provider's link to a platform, from before it is configured on. `C` is what a configured provider works with.
pub(crate) struct Session<C>(Arc<Shared<C>>);

struct Shared<C> {
    clock: Clock,
    secrets: KnownSecrets,
    generations: Generations,
    account: RwLock<Option<ProviderAccount>>,
    state: RwLock<State<C>>,
    /// Set once a request was sent only to learn the platform's time.
    contacted: OnceCell<()>,
    skew_is_reported: AtomicBool,
}

/// A machine's clock that is off by more is reported.
const TOLERATED_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// A connection to a platform, whose answers show its time.
#[async_trait]
pub(crate) trait Contact {
    /// Sends a request that changes nothing, best one whose answer is needed anyway. Its outcome does not matter.
    async fn contact(&self, context: &Context);
}

/// How far the provider's configuration has come.
pub(crate) enum State<C> {
    /// Terraform has not configured the provider.
    Unconfigured,
    /// In a plan, this argument is known only at apply.
    Waiting(&'static str),
    Connected(Arc<C>),
}

impl<C> Clone for Session<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C> Session<C> {
    pub(crate) fn new(clock: Clock) -> Self {
        Self(Arc::new(Shared {
            clock,
            secrets: KnownSecrets::default(),
            generations: Generations::default(),
            account: RwLock::default(),
            state: RwLock::new(State::Unconfigured),
            contacted: OnceCell::new(),
            skew_is_reported: AtomicBool::new(false),
        }))
    }

    /// A client of the platform, in this account, whose answers correct the clock, and whose messages repeat no secret.
    pub(crate) fn client(&self, parts: &Parts, account: ProviderAccount, options: Options) -> Client {
        self.set_account(account);
        let client = parts.client(options).correcting(self.clock().clone());
        client.concealing(self.secrets())
    }

    /// The Vault that values are delivered to, whose messages repeat no secret.
    #[cfg(feature = "vault")]
    pub(crate) fn vault(
        &self,
        parts: &Parts,
        settings: Link<vault::Settings>,
        user_agent: HeaderValue,
        request_timeout: Duration,
    ) -> Link {
        settings.map(|settings| {
            let vault = Vault::new(settings, user_agent, request_timeout, &parts.transport);
            vault.concealing(self.secrets())
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
    pub(crate) async fn synchronise(&self, context: &Context, diagnostics: &mut Diagnostics)
    where
        C: Contact,
    {
        if let Some(connection) = self.connected().filter(|_| !self.clock().is_synchronised()) {
            self.0.contacted.get_or_init(|| connection.contact(context)).await;
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

    /// Takes what a configuration came to; `None` if that was an error, which changes nothing.
    pub(crate) fn configure<S>(&self, resolved: Option<Resolved<S>>, connect: impl FnOnce(S) -> C) {
        match resolved {
            Some(Resolved::Settings(settings)) => self.set(State::Connected(Arc::new(connect(*settings)))),
            Some(Resolved::Waiting(argument)) => self.set(State::Waiting(argument)),
            None => {}
        }
    }

    pub(crate) fn set(&self, state: State<C>) {
        *self.0.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Whether an argument of the provider is known only at apply, so that nothing can be looked up now.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(*self.state(), State::Waiting(_))
    }

    /// The connection, if there is one already.
    pub(crate) fn connected(&self) -> Option<Arc<C>> {
        match &*self.state() {
            State::Connected(connection) => Some(connection.clone()),
            State::Unconfigured | State::Waiting(_) => None,
        }
    }

    /// The connection; an error if there is none.
    pub(crate) fn connection(&self, diagnostics: &mut Diagnostics) -> Option<Arc<C>> {
        diagnostics.ok(match &*self.state() {
            State::Connected(connection) => Ok(connection.clone()),
            State::Unconfigured => Err(Diagnostic::error(
                "Provider not configured",
                "Terraform asked for this before it configured the provider. This is a bug; please report it.",
            )),
            State::Waiting(argument) => Err(Diagnostic::error(
                "Provider configuration not known yet",
                format!(
                    "The provider's `{argument}` comes from something that is made by this same run, so nothing can \
                     be looked up before that. Let this wait for it with `depends_on`, or make it in a run of its own \
                     first (`terraform apply -target`)."
                ),
            )),
        })
    }

    fn state(&self) -> RwLockReadGuard<'_, State<C>> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wrong_clock(skew: Skew) -> Diagnostic {
    let off = Rough(skew.length().unsigned_abs());
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
