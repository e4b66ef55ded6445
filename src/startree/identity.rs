//! Resource identities: the environment, and a name that is unique in it.

use super::connection::Context;
use crate::framework::{Diagnostic, Field, Model};

/// The environment that an identity belongs to.
#[derive(Model, Clone, Debug)]
pub(super) struct InEnvironment {
    /// The environment's name, or the host of `base_url` if the provider is configured with that.
    /// Default: the provider's environment.
    #[attribute(optional)]
    pub(super) environment: Field<String>,
}

impl InEnvironment {
    /// Returns the environment that the provider is configured with.
    pub(super) fn of(context: &Context) -> Self {
        let environment = match context.known_client() {
            Some(connection) => connection.environment.clone().into(),
            None => Field::Unknown,
        };
        Self { environment }
    }

    /// Checks that the provider is configured with this environment.
    ///
    /// # Errors
    /// The error to report if it is configured with another one.
    pub(super) fn check(&self, context: &Context) -> Result<(), Diagnostic> {
        match (self.environment.known(), Self::of(context).environment.known()) {
            (Some(asked), Some(present)) if asked != present => Err(Diagnostic::error(
                "Identity of another environment",
                format!(
                    "The identity belongs to the environment {asked:?}, but the provider is configured with {present:?}. \
                     Import it with a provider for its environment (`provider = startree.<alias>`), or correct the identity."
                ),
            )),
            _ => Ok(()),
        }
    }
}
