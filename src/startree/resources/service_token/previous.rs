//! The token before the present one, which is still to be revoked.

use jiff::Timestamp;

use crate::framework::{Field, Model};
use crate::startree::api::AccessKey;
use crate::startree::succession::Predecessor;
use crate::token::Expiry;

/// The attributes of the token before the present one.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct PreviousToken {
    /// The access key of a token that is still to be revoked: the one before the present one during `overlap`, or one that
    /// could not be revoked. Null otherwise.
    #[attribute(computed, planned)]
    pub(in crate::startree) previous_access_key: Field<String>,
    /// From when on an apply revokes it. Null where the next one does.
    #[attribute(computed, planned)]
    pub(in crate::startree) previous_ends_at: Field<String>,
}

/// When the token before the present one is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Revocation {
    /// There is no such token.
    None,
    /// By the first apply from then on.
    At(Timestamp),
    /// By the next apply.
    Due,
}

impl PreviousToken {
    pub(super) fn new(access_key: &AccessKey, revocation: Revocation) -> Self {
        Self {
            previous_access_key: access_key.as_str().into(),
            previous_ends_at: revocation.ends_at(),
        }
    }

    /// In a plan: it is known after the apply.
    pub(super) fn unknown() -> Self {
        Self {
            previous_access_key: Field::Unknown,
            previous_ends_at: Field::Unknown,
        }
    }

    pub(super) fn access_key(&self) -> Option<AccessKey> {
        self.previous_access_key.known()?.parse().ok()
    }

    pub(super) fn revocation(&self) -> Revocation {
        match (self.previous_access_key.is_null(), instant(&self.previous_ends_at)) {
            (true, _) => Revocation::None,
            (false, Some(end)) => Revocation::At(end),
            (false, None) => Revocation::Due,
        }
    }

    /// The same token, for what is assigned to both.
    pub(super) fn predecessor(&self) -> Option<Predecessor> {
        Some(Predecessor {
            access_key: self.access_key()?,
            overlaps: instant(&self.previous_ends_at).is_some(),
        })
    }
}

impl Revocation {
    pub(super) fn ends_at(self) -> Field<String> {
        match self {
            Self::At(end) => Expiry::at(end).to_string().into(),
            Self::None | Self::Due => Field::Null,
        }
    }
}

pub(super) fn instant(text: &Field<String>) -> Option<Timestamp> {
    Some(Expiry::parse(text.known()?).ok()?.instant())
}
