//! What tells the things of this provider apart beyond one configuration: the environment, and what is unique in it.

use super::connection::Session;
use crate::framework::{Attribute, Diagnostic, Field, Schema, Type};

/// The schema of an identity: the environment, and `names`.
pub(super) fn schema(names: impl IntoIterator<Item = Attribute>) -> Schema {
    let environment = Attribute::optional(
        "environment",
        Type::String,
        "The environment's name; where the provider knows only a `base_url`, the host in it. Default: the environment that \
         the provider works with.",
    );
    Schema::new("", [environment].into_iter().chain(names).collect::<Vec<_>>())
}

/// The environment that the provider works with.
pub(super) fn environment(session: &Session) -> Field<String> {
    match session.connected() {
        Some(connection) => connection.environment.clone().into(),
        None => Field::Unknown,
    }
}

/// An identity in another environment is not to be had from here.
///
/// # Errors
/// That it is in another one.
pub(super) fn check(session: &Session, asked: &Field<String>) -> Result<(), Diagnostic> {
    match (asked.known(), environment(session).known()) {
        (Some(asked), Some(present)) if asked != present => Err(Diagnostic::error(
            "Another environment",
            format!(
                "The identity is of something in the environment {asked:?}, and the provider works with {present:?}. Import \
                 it with a provider for its environment (`provider = startree.<alias>`), or correct the identity."
            ),
        )),
        _ => Ok(()),
    }
}
