//! How a provider is started: a new one for each phase of a run, as Terraform does.

use std::future::Future;

use super::Connection;
use crate::framework::{Provider, Server};

/// Why a provider could not be started.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// Starts providers. A closure that returns a [`Provider`] starts one in this process.
pub trait Start {
    /// Starts a provider that is not configured yet.
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
