//! What a configured provider works with.

use std::time::Duration;

use super::api::{AccessKey, Api};
use super::labels::LABELS;
use super::pinot::Pinot;
use super::tokens::Tokens;
use crate::framework::Context;
use crate::platform;
use crate::platform::hand_over::Courier;
use crate::platform::vault_settings::Link;
use crate::rest::Operation;

pub(super) type Session = platform::Session<Connection>;

/// An environment to work with.
pub(super) struct Connection {
    pub(super) api: Api,
    pub(super) pinot: Pinot,
    /// The environment's name, or else the host of its RBAC Manager.
    pub(super) environment: String,
    /// What this run knows of service tokens.
    pub(super) tokens: Tokens,
    /// Hands values over.
    pub(super) vault: Courier,
    retry_timeout: Duration,
}

impl Connection {
    pub(super) fn new(
        api: Api,
        pinot: Pinot,
        environment: String,
        own: Option<AccessKey>,
        retry_timeout: Duration,
    ) -> Self {
        Self {
            tokens: Tokens::new(api.clone(), own),
            api,
            pinot,
            vault: Courier::new(Link::Waiting, environment.clone(), &LABELS),
            environment,
            retry_timeout,
        }
    }

    /// The same environment, with the Vault that values are handed over to.
    pub(super) fn handing_over_to(self, vault: Link) -> Self {
        let vault = Courier::new(vault, self.environment.clone(), &LABELS);
        Self { vault, ..self }
    }

    /// One operation, from now on.
    pub(super) fn operation(&self, context: &Context) -> Operation {
        Operation::new(self.retry_timeout, context.cancellation.clone())
    }

    /// One that makes good what another left undone, though that be cancelled or its time over.
    pub(super) fn making_good(&self) -> Operation {
        self.operation(&Context::default())
    }
}
