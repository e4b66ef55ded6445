//! `vault` of a token: the secret that stores its value.

use super::diagnostics;
use super::field_names::{FIELD, SecretFieldNames};
use crate::framework::{Diagnostics, Field, Model, Schema};
use crate::vault::SecretPath;

/// `vault` of a token.
#[derive(Model, Clone, Debug, Default, PartialEq)]
pub(crate) struct VaultDestination {
    /// The path at which the KV version 2 is mounted, such as `secret`.
    #[attribute(required)]
    pub(crate) mount: Field<String>,
    /// The path of the secret in the mount.
    #[attribute(required)]
    pub(crate) path: Field<String>,
    /// The field of the secret that stores the value.
    #[attribute(optional)]
    pub(crate) field: Field<String>,
}

/// A destination whose attributes are known and valid.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target {
    pub(super) path: SecretPath,
    pub(super) field: String,
}

impl Target {
    /// The target of a destination; `None` if the destination is null, unknown or invalid.
    pub(super) fn of(vault: &Field<VaultDestination>) -> Option<Self> {
        let VaultDestination { mount, path, field } = vault.known()?;
        if field.is_unknown() {
            return None;
        }
        Some(Self {
            path: SecretPath::new(mount.known()?, path.known()?).ok()?,
            field: field.known().cloned().unwrap_or_else(|| FIELD.to_owned()),
        })
    }
}

/// Adds what is specific to a platform to the descriptions of `vault` and its attributes.
pub(crate) fn described(schema: Schema, names: &SecretFieldNames) -> Schema {
    schema
        .describe(
            "vault",
            format!(
                "A secret in HashiCorp Vault (KV version 2) that stores the value **instead of Terraform's state**: {} \
                 null. Setting, changing or removing it rotates the token. Before it issues a value, the provider checks \
                 that it may write the secret. It never overwrites the secret of another owner.",
                names.null_attributes
            ),
        )
        .describe(
            "vault.path",
            format!("The path of the secret in the mount, such as `{}`.", names.path_example),
        )
        .describe(
            "vault.field",
            format!(
                "The field of the secret that stores the value. Default: `{FIELD}`. The secret also has the fields {}.",
                names.listed()
            ),
        )
}

/// Validates `vault` in a configuration.
pub(crate) fn validate(names: &SecretFieldNames, vault: &Field<VaultDestination>, diagnostics: &mut Diagnostics) {
    let Some(destination) = vault.known() else { return };
    let any = "x".to_owned();
    let (mount, path) = (destination.mount.known(), destination.path.known());
    for (attribute, mount, path) in [("mount", mount, None), ("path", None, path)] {
        if let Err(problem) = SecretPath::new(mount.unwrap_or(&any), path.unwrap_or(&any)) {
            diagnostics.push(diagnostics::invalid_path(attribute, problem));
        }
    }
    if let Some(field) = destination.field.known()
        && (field.is_empty() || names.all().contains(&field.as_str()))
    {
        diagnostics.push(diagnostics::reserved_field(names));
    }
}

/// Names the secret in messages; `None` if there is none, or it is unknown until apply.
pub(super) fn named(vault: &Field<VaultDestination>) -> Option<String> {
    let Target { path, field } = Target::of(vault)?;
    Some(format!("Vault (\"{path}\", field {field:?})"))
}

/// Whether a part of the destination is unknown until apply, or invalid.
pub(super) fn is_unknown(vault: &Field<VaultDestination>) -> bool {
    !vault.is_null() && Target::of(vault).is_none()
}

/// Whether two destinations are the same secret, however they are spelled.
pub(crate) fn is_same_secret(one: &Field<VaultDestination>, other: &Field<VaultDestination>) -> bool {
    let path = |vault| Target::of(vault).map(|target| target.path);
    path(one) == path(other)
}
