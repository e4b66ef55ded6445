//! The fields of a secret in Vault that identify a service token of StarTree.

use super::api::AccessKey;
use super::settings::API_PATH;
use crate::platform::delivery::{Account, SecretFieldNames};
use crate::rest::BaseUrl;
use crate::vault::Entry;

/// The names of the fields next to the value.
pub(super) const FIELD_NAMES: SecretFieldNames = SecretFieldNames {
    account: "environment",
    name: "description",
    id: "access_key",
    note: "previous_access_key",
    path_example: "startree/ci",
    null_attributes: "`token` and `secret_key` are",
};

/// Returns the environment whose RBAC Manager is at `base_url`; `name` is its name in the settings.
pub(super) fn environment(base_url: &BaseUrl, name: &str) -> Account {
    let host = base_url.host();
    let named = host.strip_prefix("rbac-manager.");
    let named = named.and_then(|named| named.strip_suffix(".startree.cloud"));
    Account::new(base_url, API_PATH, [name].into_iter().chain(named))
}

/// Returns the field that identifies a value.
pub(super) fn id(access_key: &AccessKey) -> Entry {
    access_key.as_str().into()
}
