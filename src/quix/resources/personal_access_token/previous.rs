//! The previous token of the resource, which is still to be deleted.

use crate::framework::{Field, Model};
use crate::platform::overlap;
use crate::quix::api::TokenId;
use crate::token::Deletion;

/// The attributes of the previous token.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct PreviousToken {
    /// The id of a token that has not been deleted yet: during `overlap` the one before the current
    /// token, or a token whose deletion failed. Null without a previous token.
    #[attribute(computed, planned)]
    pub(in crate::quix) previous_id: Field<String>,
    /// When the previous token is due: the first apply after this time deletes it. Null if the next
    /// apply deletes it, or without a previous token.
    #[attribute(computed, planned)]
    pub(in crate::quix) previous_ends_at: Field<String>,
}

impl PreviousToken {
    pub(super) fn new(id: &TokenId, deletion: Deletion) -> Self {
        Self {
            previous_id: id.as_str().into(),
            previous_ends_at: overlap::ends_at(deletion),
        }
    }

    /// Returns the attributes in a plan whose apply determines them.
    pub(super) fn unknown() -> Self {
        Self {
            previous_id: Field::Unknown,
            previous_ends_at: Field::Unknown,
        }
    }

    pub(super) fn id(&self) -> Option<TokenId> {
        self.previous_id.known()?.parse().ok()
    }

    pub(super) fn deletion(&self) -> Deletion {
        overlap::deletion(&self.previous_id, &self.previous_ends_at)
    }
}
