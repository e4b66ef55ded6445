//! What stands in Vault beside the value of a service token.

use super::api::AccessKey;
use crate::platform::hand_over::Labels;
use crate::vault::Entry;

pub(super) const LABELS: Labels = Labels {
    account: "environment",
    name: "description",
    id: "access_key",
    note: "previous_access_key",
    path: "startree/ci",
    kept_out: "`token` and `secret_key` stay",
};

/// What a value is known by.
pub(super) fn id(access_key: &AccessKey) -> Entry {
    access_key.as_str().into()
}
