//! A platform's tokens as the control API shows them: without values.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// A token, or one that was revoked or replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct TokenView {
    /// The id, unique among all tokens of the platform, also ended ones, and safe in a URL.
    pub id: String,
    /// The kind, as in the overview.
    pub kind: Cow<'static, str>,
    /// The name.
    pub name: String,
    /// The email address or name of the user that owns the token.
    pub owner: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// The place of one of a workspace's two streaming tokens: 1 or 2.
    pub slot: Option<u8>,
    /// The time of the creation of this value.
    pub created_at: Timestamp,
    /// The expiry; `None` if the token never expires.
    pub expires_at: Option<Timestamp>,
    /// The time at which the token was revoked or replaced.
    pub ended_at: Option<Timestamp>,
    /// The state.
    pub state: TokenState,
    /// The actions that the platform's portal offers for the token.
    pub actions: Vec<Action>,
    /// Other facts, by name.
    pub details: BTreeMap<Cow<'static, str>, String>,
}

/// The state of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenState {
    /// Valid.
    Active,
    /// Valid, and expires within 14 days.
    Expiring,
    /// Past its expiry.
    Expired,
    /// Deactivated, and can be activated again.
    Inactive,
    /// Revoked, or replaced by a rotation.
    Revoked,
}

/// An action that the platform's portal offers for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Replaces the value.
    Rotate,
    /// Revokes or deletes the token.
    Revoke,
    /// Makes an inactive token valid again.
    Activate,
    /// Makes the token invalid until it is activated.
    Deactivate,
}

/// A token that was created or rotated, with its value.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The token.
    pub token: TokenView,
    /// Its value, which the platform shows once.
    pub value: SecretString,
}

impl TokenState {
    /// The period before the expiry in which a token is [`Self::Expiring`].
    pub const EXPIRING: SignedDuration = SignedDuration::from_hours(14 * 24);

    /// The state of a token that was neither revoked nor deactivated.
    pub fn at(now: Timestamp, expires_at: Option<Timestamp>) -> Self {
        match expires_at.map(|expiry| expiry.duration_since(now)) {
            Some(left) if left <= SignedDuration::ZERO => Self::Expired,
            Some(left) if left <= Self::EXPIRING => Self::Expiring,
            _ => Self::Active,
        }
    }
}

/// The tokens that were revoked or replaced most recently.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedTokens(VecDeque<TokenView>);

impl EndedTokens {
    /// Older ones are forgotten, so that memory is bounded.
    const CAPACITY: usize = 200;

    /// Records the end of a token.
    pub(crate) fn push(&mut self, token: TokenView, now: Timestamp) {
        if self.0.len() == Self::CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back(TokenView {
            ended_at: Some(now),
            state: TokenState::Revoked,
            actions: Vec::new(),
            ..token
        });
    }

    /// Removes the oldest tokens that exceed the capacity.
    pub(crate) fn truncate(&mut self) {
        self.0.drain(..self.0.len().saturating_sub(Self::CAPACITY));
    }

    /// The tokens, the one that ended last first.
    pub(crate) fn latest_first(&self) -> impl Iterator<Item = &TokenView> {
        self.0.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_expiring_from_14_days_before_its_expiry() {
        let now: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        for (expires_at, state) in [
            (None, TokenState::Active),
            (Some("2027-01-15T00:00:01Z"), TokenState::Active),
            (Some("2027-01-15T00:00:00Z"), TokenState::Expiring),
            (Some("2027-01-01T00:00:01Z"), TokenState::Expiring),
            (Some("2027-01-01T00:00:00Z"), TokenState::Expired),
        ] {
            let expiry = expires_at.map(|text: &str| text.parse().unwrap());
            assert_eq!(TokenState::at(now, expiry), state, "{expires_at:?}");
        }
    }
}
