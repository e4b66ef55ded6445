//! What a configured provider works with.

use std::time::Duration;

use super::api::{AccessKey, Api};
use super::pinot::Pinot;
use crate::framework::Context;
use crate::platform;
use crate::platform::vault_settings::Link;
use crate::rest::Operation;

pub(super) type Session = platform::Session<Connection>;

/// An environment to work with.
pub(super) struct Connection {
    pub(super) api: Api,
    pub(super) pinot: Pinot,
    /// The environment's name, or else the host of its RBAC Manager.
    pub(super) environment: String,
    /// The access key of the service token that the provider works with; `None` if it works with another kind of token.
    pub(super) own: Option<AccessKey>,
    /// Where values are handed over to.
    pub(super) vault: Link,
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
            api,
            pinot,
            environment,
            own,
            vault: Link::Waiting,
            retry_timeout,
        }
    }

    /// The same environment, with the Vault that values are handed over to.
    pub(super) fn handing_over_to(self, vault: Link) -> Self {
        Self { vault, ..self }
    }

    /// One operation, from now on.
    pub(super) fn operation(&self, context: &Context) -> Operation {
        Operation::new(self.retry_timeout, context.cancellation.clone())
    }
}
