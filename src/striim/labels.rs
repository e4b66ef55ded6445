//! What stands in Vault beside the value of a token of Striim Cloud.

use crate::platform::hand_over::{Labels, Whose};
use crate::vault::Entry;

pub(super) const LABELS: Labels = Labels {
    account: "account",
    name: "name",
    id: "token_id",
    note: "expires_at",
    path: "striim/ci",
    kept_out: "`token` stays",
};

/// What proves a secret to be of the token of that name; `token_id` is the platform's number for its value.
pub(super) fn whose(name: &str, token_id: Option<i64>) -> Whose {
    Whose {
        name: Some(name.to_owned()),
        ids: token_id.map(Entry::Number).into_iter().collect(),
    }
}
