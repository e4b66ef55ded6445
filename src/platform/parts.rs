//! What a provider takes from the world around it.

use crate::rest::{Client, Destination, Options, Transport};
use crate::token::Clock;

/// What a provider takes from the world around it.
pub struct Parts {
    /// Tells it the time.
    pub clock: Clock,
    /// Looks up an environment variable.
    pub environment: Environment,
    /// Makes the way to a server.
    pub transport: Box<dyn Fn(&Destination) -> Transport + Send + Sync>,
}

/// Looks up an environment variable by its name.
pub type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

impl Default for Parts {
    /// The machine's clock and environment, and the network.
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            environment: Box::new(|name| std::env::var(name).ok()),
            transport: Box::new(Transport::network),
        }
    }
}

impl Parts {
    /// A client for the API that `options` say.
    pub(crate) fn client(&self, options: Options) -> Client {
        let transport = (self.transport)(&options.base_url.clone().into());
        Client::new(options, transport)
    }
}
