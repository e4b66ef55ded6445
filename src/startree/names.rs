//! The names of roles and policies in a configuration or a state.

use super::api::{InvalidName, Name};
use crate::framework::{Diagnostic, Field};

/// Checks the name of a role or a policy that Terraform creates.
pub(super) fn is_name(text: &str) -> Result<(), InvalidName> {
    text.parse::<Name>().map(drop)
}

/// Checks a reference to a role or a policy. An existing one may have any name.
pub(super) fn is_existing_name(text: &str) -> Result<(), InvalidName> {
    Name::existing(text).map(drop)
}

/// Parses the name of a role or a policy that Terraform creates.
///
/// # Errors
/// An error on the attribute: the state was edited by hand.
pub(super) fn name(attribute: &'static str, field: &Field<String>) -> Result<Name, Diagnostic> {
    let text = field.known().map_or("", String::as_str);
    text.parse().map_err(|error| Diagnostic::invalid(attribute, error))
}

/// Parses a reference to a role or a policy. An existing one may have any name.
///
/// # Errors
/// An error on the attribute: it is empty.
pub(super) fn existing_name(attribute: &'static str, field: &Field<String>) -> Result<Name, Diagnostic> {
    let text = field.known().map_or("", String::as_str);
    Name::existing(text).map_err(|error| Diagnostic::invalid(attribute, error))
}
