//! The context of one call from Terraform.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::private_state::PrivateState;

/// The context of one call from Terraform to a provider with the client `C`.
///
/// Clones belong to the same call.
pub struct Context<C> {
    /// Cancelled when the user interrupts Terraform (`StopProvider`). Stop as soon as possible,
    /// except in work that would lose a token or leave an orphan if it were stopped halfway.
    pub cancellation: CancellationToken,
    /// The private state of the managed resource. Empty, and not stored, in calls to anything else.
    pub private: PrivateState,
    client: ClientState<C>,
    reported: Reported,
}

/// The diagnostics of a call. Clones share them.
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

/// The result of configuring a provider.
#[derive(Debug)]
pub enum Configured<C> {
    /// The provider is configured and uses this client.
    Ready(C),
    /// In a plan: the named argument of the `provider` block is known only at apply.
    Unknown(&'static str),
}

impl<T> Configured<T> {
    /// Converts the content of [`Configured::Ready`], for instance from settings to a client.
    pub fn map<C>(self, connect: impl FnOnce(T) -> C) -> Configured<C> {
        match self {
            Self::Ready(settings) => Configured::Ready(connect(settings)),
            Self::Unknown(argument) => Configured::Unknown(argument),
        }
    }
}

/// The state of the provider's configuration.
pub(crate) enum ClientState<C> {
    Unconfigured,
    Unknown(&'static str),
    Ready(Arc<C>),
}

impl<C> Context<C> {
    /// Creates the context of a call to a configured provider, for tests.
    pub fn with_client(client: impl Into<Arc<C>>) -> Self {
        Self::new(
            ClientState::Ready(client.into()),
            CancellationToken::new(),
            PrivateState::default(),
        )
    }

    /// Creates the context of a call to a provider with this configuration, for tests.
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

    /// Makes the context report to `reported`.
    pub(crate) fn reporting_to(self, reported: &Reported) -> Self {
        Self {
            reported: reported.clone(),
            ..self
        }
    }

    /// Returns the client of the provider.
    ///
    /// # Errors
    /// A diagnostic for the user if the provider's configuration is known only at apply.
    pub fn client(&self) -> Result<Arc<C>, Diagnostic> {
        match &self.client {
            ClientState::Ready(client) => Ok(client.clone()),
            ClientState::Unconfigured => Err(Diagnostic::error(
                "Provider not configured",
                "Terraform called the provider before configuring it. This is a bug; please report it.",
            )),
            ClientState::Unknown(argument) => Err(Diagnostic::error(
                "Provider configuration unknown",
                format!(
                    "The provider's `{argument}` is known only after apply, so the provider cannot send requests yet. \
                     Defer this to the apply with `depends_on`, or first create the resource that `{argument}` comes \
                     from (`terraform apply -target`)."
                ),
            )),
        }
    }

    /// Returns the client; `None` if the provider's configuration is unknown, as it may be in a
    /// plan.
    pub fn known_client(&self) -> Option<Arc<C>> {
        match &self.client {
            ClientState::Ready(client) => Some(client.clone()),
            ClientState::Unconfigured | ClientState::Unknown(_) => None,
        }
    }

    /// Returns whether an argument of the provider is known only at apply.
    pub fn is_config_unknown(&self) -> bool {
        matches!(self.client, ClientState::Unknown(_))
    }

    /// Reports a warning, or an error in addition to the operation's own.
    pub fn report(&self, diagnostic: Diagnostic) {
        self.reported.lock().push(diagnostic);
    }

    /// Reports a diagnostic, unless the call has already reported one with the same summary.
    pub(crate) fn report_once(&self, diagnostic: Diagnostic) {
        let mut reported = self.reported.lock();
        if !reported.iter().any(|earlier| earlier.summary == diagnostic.summary) {
            reported.push(diagnostic);
        }
    }

    /// Returns a collection of diagnostics that is reported when it is dropped.
    ///
    /// ```
    /// use token_providers::framework::{Context, Diagnostic};
    ///
    /// fn check(context: &Context<()>, count: Result<usize, Diagnostic>) -> Option<usize> {
    ///     context.diagnostics().ok(count)
    /// }
    /// let context = Context::default();
    /// assert_eq!(check(&context, Ok(3)), Some(3));
    /// assert_eq!(check(&context, Err(Diagnostic::error("Notes not counted", ""))), None);
    /// assert!(context.has_errors());
    /// ```
    pub fn diagnostics(&self) -> Report<'_> {
        Report {
            reported: &self.reported,
            collected: Diagnostics::default(),
        }
    }

    /// Returns whether the call has reported an error.
    pub fn has_errors(&self) -> bool {
        self.reported.lock().has_errors()
    }

    /// Removes and returns the diagnostics that the call has reported.
    pub fn take_diagnostics(&self) -> Diagnostics {
        self.reported.take()
    }

    /// Returns a context of the same call that an interrupt does not cancel.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self {
            cancellation: CancellationToken::new(),
            ..self.clone()
        }
    }
}

/// The context of a call to an unconfigured provider.
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

/// Shows neither the client, which may contain credentials, nor the reported diagnostics.
impl<C> fmt::Debug for Context<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("cancellation", &self.cancellation)
            .field("private", &self.private)
            .finish_non_exhaustive()
    }
}

/// A collection of diagnostics that is reported when it is dropped.
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
    fn client_is_error_without_known_configuration() {
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
    fn collected_diagnostics_are_reported_on_drop() {
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
