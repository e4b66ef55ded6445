//! The previous token of a resource whose rotation has an overlap, which is still to be deleted.

use std::fmt;
use std::str::FromStr;

use super::overlap;
use crate::framework::{Field, Model};
use crate::token::Deletion;

/// The attributes of the previous token.
#[derive(Model, Clone, Debug, Default)]
pub(crate) struct PreviousToken {
    /// The id of a token that has not been deleted yet: during `overlap` the one before the current
    /// token, or a token whose deletion failed. Null without a previous token.
    #[attribute(computed, planned)]
    pub(crate) previous_id: Field<String>,
    /// When the previous token is due: the first apply after this time deletes it. Null if the next
    /// apply deletes it, or without a previous token.
    #[attribute(computed, planned)]
    pub(crate) previous_ends_at: Field<String>,
}

impl PreviousToken {
    pub(crate) fn new(id: impl fmt::Display, deletion: Deletion) -> Self {
        Self {
            previous_id: id.to_string().into(),
            previous_ends_at: overlap::ends_at(deletion),
        }
    }

    /// Returns the attributes in a plan whose apply determines them.
    pub(crate) fn unknown() -> Self {
        Self {
            previous_id: Field::Unknown,
            previous_ends_at: Field::Unknown,
        }
    }

    /// Returns the token's id; `None` without a previous token.
    pub(crate) fn id<T: FromStr>(&self) -> Option<T> {
        self.previous_id.known()?.parse().ok()
    }

    pub(crate) fn deletion(&self) -> Deletion {
        overlap::deletion(&self.previous_id, &self.previous_ends_at)
    }
}
