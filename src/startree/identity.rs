//! What distinguishes the objects of this provider beyond one configuration: the environment, and a name that is unique in
//! it.

use super::connection::Context;
use crate::framework::{Diagnostic, Field, Model};

/// The environment that an identity belongs to.
#[derive(Model, Clone, Debug)]
pub(super) struct InEnvironment {
    /// The environment's name; where the provider knows only a `base_url`, the host in it. Default: the environment that
    /// the provider works with.
    #[attribute(optional)]
    pub(super) environment: Field<String>,
}

impl InEnvironment {
    /// The environment that the provider works with.
    pub(super) fn of(context: &Context) -> Self {
        let environment = match context.known_client() {
            Some(connection) => connection.environment.clone().into(),
            None => Field::Unknown,
        };
        Self { environment }
    }

    /// Checks that the provider works with this environment.
    ///
    /// # Errors
    /// It works with another one.
    pub(super) fn check(&self, context: &Context) -> Result<(), Diagnostic> {
        match (self.environment.known(), Self::of(context).environment.known()) {
            (Some(asked), Some(present)) if asked != present => Err(Diagnostic::error(
                "Another environment",
                format!(
                    "The identity is of something in the environment {asked:?}, and the provider works with {present:?}. \
                     Import it with a provider for its environment (`provider = startree.<alias>`), or correct the identity."
                ),
            )),
            _ => Ok(()),
        }
    }
}
