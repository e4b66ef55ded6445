//! The fields of a secret in Vault that identify a token of Striim Cloud.

use super::diagnostics::token_of;
use super::settings::API_PATH;
use crate::platform::delivery::{Account, Owner, SecretFieldNames};
use crate::rest::BaseUrl;
use crate::vault::Entry;

/// The names of the secret's fields other than the value.
pub(super) const FIELD_NAMES: SecretFieldNames = SecretFieldNames {
    account: "account",
    name: "name",
    id: "token_id",
    note: "expires_at",
    path_example: "striim/ci",
    null_attributes: "`token` is",
};

/// Returns the account whose API is at `base_url`. `name` is the account's name in the provider's configuration.
pub(super) fn account(base_url: &BaseUrl, name: &str) -> Account {
    Account::new(base_url, API_PATH, [name])
}

/// Returns a service account as the owner of a secret. `token_id` is the platform's number for its value.
pub(super) fn service_account(name: &str, token_id: Option<i64>) -> Owner {
    let id = token_id.map(Entry::Number);
    Owner::new(token_of(name), "service account", Some(name.to_owned()), true, id)
}
