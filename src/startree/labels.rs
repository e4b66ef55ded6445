//! What stands in Vault beside the value of a service token.

use super::api::AccessKey;
use super::settings::API_PATH;
use crate::platform::delivery::{Account, SecretFieldNames};
use crate::rest::BaseUrl;
use crate::vault::Entry;

pub(super) const LABELS: SecretFieldNames = SecretFieldNames {
    account: "environment",
    name: "description",
    id: "access_key",
    note: "previous_access_key",
    path: "startree/ci",
    kept_out: "`token` and `secret_key` stay",
};

/// The environment whose RBAC Manager is at `base_url`; `name` is what the settings call it.
pub(super) fn environment(base_url: &BaseUrl, name: &str) -> Account {
    let host = base_url.host();
    let named = host.strip_prefix("rbac-manager.");
    let named = named.and_then(|named| named.strip_suffix(".startree.cloud"));
    Account::new(base_url, API_PATH, [name].into_iter().chain(named))
}

/// What a value is known by.
pub(super) fn id(access_key: &AccessKey) -> Entry {
    access_key.as_str().into()
}
