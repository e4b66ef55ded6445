//! The environment that a provider runs in.

use crate::rest::{Client, Destination, Options, Transport};
use crate::token::Clock;

/// The clock, the environment variables and the transport of a provider. Tests replace each of
/// them.
pub struct Runtime {
    /// The source of the current time.
    pub clock: Clock,
    /// Reads an environment variable.
    pub environment: Environment,
    /// Creates the transport to a server.
    pub transport: Box<dyn Fn(&Destination) -> Transport + Send + Sync>,
}

/// Reads an environment variable by its name; `None` if it is not set.
pub type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

impl Default for Runtime {
    /// The clock and the environment of this machine, and the network.
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            environment: Box::new(|name| std::env::var(name).ok()),
            transport: Box::new(Transport::network),
        }
    }
}

impl Runtime {
    /// Creates a client of the API at the base URL in `options`.
    pub(crate) fn client(&self, options: Options) -> Client {
        let transport = (self.transport)(&options.base_url.clone().into());
        Client::new(options, transport)
    }
}
