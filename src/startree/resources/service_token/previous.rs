//! The previous token of the resource, which is still to be deleted.

use crate::framework::{Field, Model};
use crate::platform::overlap;
use crate::startree::api::AccessKey;
use crate::startree::predecessor::Predecessor;
use crate::token::Deletion;

/// The attributes of the previous token.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct PreviousToken {
    /// The access key of a token that has not been deleted yet: during `overlap` the one before the
    /// current token, or a token whose deletion failed. Null without a previous token.
    #[attribute(computed, planned)]
    pub(in crate::startree) previous_access_key: Field<String>,
    /// When the previous token is due: the first apply after this time deletes it. Null if the next
    /// apply deletes it, or without a previous token.
    #[attribute(computed, planned)]
    pub(in crate::startree) previous_ends_at: Field<String>,
}

impl PreviousToken {
    pub(super) fn new(access_key: &AccessKey, deletion: Deletion) -> Self {
        Self {
            previous_access_key: access_key.as_str().into(),
            previous_ends_at: overlap::ends_at(deletion),
        }
    }

    /// Returns the attributes in a plan whose apply determines them.
    pub(super) fn unknown() -> Self {
        Self {
            previous_access_key: Field::Unknown,
            previous_ends_at: Field::Unknown,
        }
    }

    pub(super) fn access_key(&self) -> Option<AccessKey> {
        self.previous_access_key.known()?.parse().ok()
    }

    pub(super) fn deletion(&self) -> Deletion {
        overlap::deletion(&self.previous_access_key, &self.previous_ends_at)
    }

    /// Returns the same token for role assignments, which concern both tokens.
    pub(super) fn predecessor(&self) -> Option<Predecessor> {
        Some(Predecessor {
            access_key: self.access_key()?,
            overlaps: matches!(self.deletion(), Deletion::At(_)),
        })
    }
}
