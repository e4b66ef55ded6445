//! What one call from Terraform carries in addition to its values.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::private_state::PrivateState;

/// One call from Terraform to something of a provider whose configured client is a `C`.
///
/// Clones belong to the same call.
pub struct Context<C> {
    /// Cancelled when Terraform is interrupted (`StopProvider`). Work that could lose a token by stopping half-way
    /// is completed first; everything else stops at once.
    pub cancellation: CancellationToken,
    /// The private state of the managed resource that the call is about. Empty, and not kept, for other kinds of things.
    pub private: PrivateState,
    client: ClientState<C>,
    reported: Reported,
}

/// What a call has reported so far. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Reported(Arc<Mutex<Diagnostics>>);

impl Reported {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Diagnostics> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take(&self) -> Diagnostics {
        std::mem::take(&mut *self.lock())
    }
}

/// What the configuration of a provider led to.
#[derive(Debug)]
pub enum Configured<C> {
    /// The provider works with this client.
    Ready(C),
    /// In a plan: this argument of the `provider` block is known only at apply.
    Unknown(&'static str),
}

impl<T> Configured<T> {
    /// Makes the client of what the configuration led to so far, such as settings.
    pub fn map<C>(self, connect: impl FnOnce(T) -> C) -> Configured<C> {
        match self {
            Self::Ready(settings) => Configured::Ready(connect(settings)),
            Self::Unknown(argument) => Configured::Unknown(argument),
        }
    }
}

/// How far the provider's configuration has come.
pub(crate) enum ClientState<C> {
    Unconfigured,
    Unknown(&'static str),
    Ready(Arc<C>),
}

impl<C> Context<C> {
    /// The context of a call to a configured provider, for tests.
    pub fn with_client(client: impl Into<Arc<C>>) -> Self {
        Self::new(
            ClientState::Ready(client.into()),
            CancellationToken::new(),
            PrivateState::default(),
        )
    }

    /// The context of a call to a provider whose configuration led to this, for tests.
    pub fn configured(configured: Configured<C>) -> Self {
        Self::new(configured.into(), CancellationToken::new(), PrivateState::default())
    }

    pub(crate) fn new(client: ClientState<C>, cancellation: CancellationToken, private: PrivateState) -> Self {
        Self {
            cancellation,
            private,
            client,
            reported: Reported::default(),
        }
    }

    /// The context of a call that reports to `reported`.
    pub(crate) fn reporting_to(self, reported: &Reported) -> Self {
        Self {
            reported: reported.clone(),
            ..self
        }
    }

    /// The client that the provider's configuration led to.
    ///
    /// # Errors
    /// An error for the user if the configuration is known only at apply.
    pub fn client(&self) -> Result<Arc<C>, Diagnostic> {
        match &self.client {
            ClientState::Ready(client) => Ok(client.clone()),
            ClientState::Unconfigured => Err(Diagnostic::error(
                "Provider not configured",
                "Terraform asked for this before it configured the provider. This is a bug; please report it.",
            )),
            ClientState::Unknown(argument) => Err(Diagnostic::error(
                "Provider configuration not known yet",
                format!(
                    "The provider's `{argument}` comes from something that is made by this same run, so nothing can \
                     be looked up before that. Let this wait for it with `depends_on`, or make it in a run of its own \
                     first (`terraform apply -target`)."
                ),
            )),
        }
    }

    /// The client, if the provider's configuration is known: in a plan it may not be, and that is no error.
    pub fn known_client(&self) -> Option<Arc<C>> {
        match &self.client {
            ClientState::Ready(client) => Some(client.clone()),
            ClientState::Unconfigured | ClientState::Unknown(_) => None,
        }
    }

    /// Whether an argument of the provider is known only at apply.
    pub fn is_config_unknown(&self) -> bool {
        matches!(self.client, ClientState::Unknown(_))
    }

    /// Reports a warning, or an error in addition to what the operation returns.
    pub fn report(&self, diagnostic: Diagnostic) {
        self.reported.lock().push(diagnostic);
    }

    /// Reports a diagnostic, unless one with the same summary was reported.
    pub(crate) fn report_once(&self, diagnostic: Diagnostic) {
        let mut reported = self.reported.lock();
        if !reported.iter().any(|earlier| earlier.summary == diagnostic.summary) {
            reported.push(diagnostic);
        }
    }

    /// Diagnostics to collect reports in. They are reported when the collection is dropped.
    pub fn diagnostics(&self) -> Report<'_> {
        Report {
            reported: &self.reported,
            collected: Diagnostics::default(),
        }
    }

    /// Whether the call has reported an error.
    pub fn has_errors(&self) -> bool {
        self.reported.lock().has_errors()
    }

    /// What the call has reported so far; it is not reported again.
    pub fn take_diagnostics(&self) -> Diagnostics {
        self.reported.take()
    }

    /// The context of the same call for work that an interrupt must not stop.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self {
            cancellation: CancellationToken::new(),
            ..self.clone()
        }
    }
}

/// The context of a call to a provider that is not configured.
impl<C> Default for Context<C> {
    fn default() -> Self {
        Self::new(
            ClientState::Unconfigured,
            CancellationToken::new(),
            PrivateState::default(),
        )
    }
}

impl<C> Clone for Context<C> {
    fn clone(&self) -> Self {
        Self {
            cancellation: self.cancellation.clone(),
            private: self.private.clone(),
            client: self.client.clone(),
            reported: self.reported.clone(),
        }
    }
}

impl<C> Clone for ClientState<C> {
    fn clone(&self) -> Self {
        match self {
            Self::Unconfigured => Self::Unconfigured,
            Self::Unknown(argument) => Self::Unknown(argument),
            Self::Ready(client) => Self::Ready(client.clone()),
        }
    }
}

impl<C> From<Configured<C>> for ClientState<C> {
    fn from(configured: Configured<C>) -> Self {
        match configured {
            Configured::Ready(client) => Self::Ready(Arc::new(client)),
            Configured::Unknown(argument) => Self::Unknown(argument),
        }
    }
}

/// Shows neither the client, which may hold a credential, nor what was reported.
impl<C> fmt::Debug for Context<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("cancellation", &self.cancellation)
            .field("private", &self.private)
            .finish_non_exhaustive()
    }
}

/// Diagnostics that are reported when this is dropped.
pub struct Report<'a> {
    reported: &'a Reported,
    collected: Diagnostics,
}

impl Deref for Report<'_> {
    type Target = Diagnostics;

    fn deref(&self) -> &Diagnostics {
        &self.collected
    }
}

impl DerefMut for Report<'_> {
    fn deref_mut(&mut self) -> &mut Diagnostics {
        &mut self.collected
    }
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        let collected = std::mem::take(&mut self.collected);
        self.reported.lock().extend(collected);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_that_is_unknown_or_missing_is_an_error_and_no_panic() {
        let unknown = Context::<u8>::new(
            ClientState::Unknown("token"),
            CancellationToken::new(),
            PrivateState::default(),
        );
        assert!(unknown.client().unwrap_err().detail.contains("`token`"));
        assert!(unknown.known_client().is_none() && unknown.is_config_unknown());
        assert!(Context::<u8>::default().client().is_err());
        assert_eq!(*Context::with_client(7_u8).client().unwrap(), 7);
    }

    #[test]
    fn diagnostics_of_a_collection_are_reported_when_it_is_dropped() {
        let context = Context::<()>::default();
        let mut diagnostics = context.diagnostics();
        diagnostics.push(Diagnostic::warning("a", ""));
        drop(diagnostics);
        context.report(Diagnostic::warning("b", ""));
        let reported: Vec<_> = context.take_diagnostics().into_iter().map(|d| d.summary).collect();
        assert_eq!(reported, ["a", "b"]);
        assert!(context.take_diagnostics().is_empty());
    }
}
