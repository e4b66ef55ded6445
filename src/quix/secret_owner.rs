//! The fields of a secret in Vault that identify a personal access token of Quix.

use super::api::TokenId;
use crate::platform::delivery::{Account, SecretFieldNames};
use crate::rest::BaseUrl;
use crate::vault::Entry;

/// The names of the fields next to the value.
pub(super) const FIELD_NAMES: SecretFieldNames = SecretFieldNames {
    account: "portal_api",
    name: "name",
    id: "id",
    note: "previous_id",
    path_example: "quix/ci",
    null_attributes: "`token` is",
};

/// Returns the Portal API in secrets.
pub(super) fn account(portal_api: &BaseUrl) -> Account {
    Account::new(portal_api, "", [])
}

/// Returns the field that identifies a value.
pub(super) fn id(id: &TokenId) -> Entry {
    id.as_str().into()
}
