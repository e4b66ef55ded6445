//! Starting providers: a new one for each phase of a run, as Terraform does.

use std::future::Future;

use futures_util::future::LocalBoxFuture;

use super::Connection;
use crate::framework::{Provider, Server};

/// The error of a provider that could not be started.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// Starts providers. Implemented by closures that return a [`Provider`], which runs in this
/// process, and by [`PluginProgram`](super::PluginProgram).
pub trait Start {
    /// Starts a provider, without configuring it.
    fn start(&self) -> impl Future<Output = Result<Connection, StartError>>;
}

impl<F, P> Start for F
where
    F: Fn() -> P,
    P: Provider,
{
    async fn start(&self) -> Result<Connection, StartError> {
        Ok(Connection::new(Server::new(self()).into_service()))
    }
}

/// [`Start`] as a trait object, so that a workspace is compiled once and not for each closure.
pub(super) trait DynStart {
    /// [`Start::start`]
    fn start(&self) -> LocalBoxFuture<'_, Result<Connection, StartError>>;
}

impl<S: Start> DynStart for S {
    fn start(&self) -> LocalBoxFuture<'_, Result<Connection, StartError>> {
        Box::pin(Start::start(self))
    }
}
