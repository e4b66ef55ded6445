//! The state of a token's present value, and its transitions when a value is planned, issued,
//! refreshed or imported.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::api::{IssuedToken, ServiceAccount, UserToken};
use super::diagnostics::issued_for_another;
use crate::framework::{Diagnostics, Field, Model, PrivateState};
use crate::platform::rotation_policy::granted_expiry;
use crate::platform::sha256::sha256;
use crate::token::{Expiry, ValueStatus};

/// Attributes that the platform reports about a token's present value.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct TokenMetadata {
    /// The platform's number for the present value. Each rotation changes it.
    #[attribute(computed, planned)]
    pub(super) token_id: Field<i64>,
    /// The time of the last change, in the platform's format.
    #[attribute(computed, planned)]
    pub(super) updated_at: Field<String>,
    /// The number of the user who changed it last.
    #[attribute(computed, planned)]
    pub(super) updated_by: Field<i64>,
}

/// The description of the attribute `token`.
pub(super) const TOKEN: &str = "The token's value. Null with `vault` or `age_recipients`, after an import, and after a rotation outside Terraform.";

/// The minimum time between the issue of a value and an update that proves a later value. Shorter
/// differences can be caused by the duration of the request and by the clocks of the platform's machines.
const ISSUE_MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// The present value as the platform reports it.
#[derive(Clone, Copy)]
pub(super) struct RemoteToken<'a> {
    pub(super) token_id: Option<i64>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) updated_at: Option<&'a str>,
    pub(super) updated_by: Option<i64>,
    /// The expiry as the platform spells it, if it cannot be parsed.
    pub(super) unreadable_expiry: Option<&'a str>,
}

impl<'a> From<&'a ServiceAccount> for RemoteToken<'a> {
    fn from(account: &'a ServiceAccount) -> Self {
        Self {
            token_id: account.token_id,
            expires_at: account.expires_at,
            updated_at: account.updated_at.as_deref(),
            updated_by: account.updated_by,
            unreadable_expiry: account.unreadable_expiry.as_deref(),
        }
    }
}

impl<'a> From<&'a UserToken> for RemoteToken<'a> {
    fn from(token: &'a UserToken) -> Self {
        Self {
            token_id: token.token_id,
            expires_at: token.expires_at,
            updated_at: token.updated_at.as_deref(),
            updated_by: token.updated_by,
            unreadable_expiry: token.unreadable_expiry.as_deref(),
        }
    }
}

/// Returns the status of the value in a state.
pub(super) fn value_status(imported: bool, has_value: bool, updated_at: &Field<String>) -> ValueStatus {
    match (imported, has_value) {
        (true, _) => ValueStatus::Imported,
        (_, false) => ValueStatus::RotatedOutside {
            on: updated_at.known().and_then(|text| text.parse().ok()),
        },
        (_, true) => ValueStatus::Current,
    }
}

/// The present value of a service account's token, as far as Terraform knows it.
pub(super) struct PresentToken {
    /// The value, from the state or from Vault; null if neither has it.
    pub(super) value: Field<SecretString>,
    /// The hash of a value that the state has encrypted.
    pub(super) hash: Option<String>,
}

impl PresentToken {
    /// Returns the token of the service account `name`. `is_encrypted` if the state has it encrypted; the
    /// recorded hash is then that of the present value.
    pub(super) fn new(value: Field<SecretString>, is_encrypted: bool, name: &str, private: &PrivateState) -> Self {
        let hash = private.get(&hash_key(name)).filter(|_| is_encrypted);
        Self { value, hash }
    }

    /// Records the hash of a value that was just issued, by which the provider recognises its own token
    /// even if the state has it encrypted.
    pub(super) fn record(private: &PrivateState, name: &str, value: &SecretString) {
        private.set(&hash_key(name), sha256(value));
    }
}

fn hash_key(name: &str) -> String {
    format!("value_sha256.{name}")
}

/// A token as recorded in a state.
#[derive(Clone, Copy)]
pub(super) struct KnownToken<'a> {
    pub(super) value: &'a Field<SecretString>,
    pub(super) token_id: Option<i64>,
}

impl KnownToken<'_> {
    /// Whether the present value belongs to another resource, which issued it in this run under the
    /// same name.
    ///
    /// `last_issued` is the value that this run issued last, and `present_id` the number of the present
    /// value, if the platform reports it.
    pub(super) fn belongs_to_other_resource(self, last_issued: &SecretString, present_id: Option<i64>) -> bool {
        match (self.value.known(), self.token_id) {
            (Some(ours), _) => ours.expose_secret() != last_issued.expose_secret(),
            (None, Some(ours)) => present_id.is_some_and(|present| ours != present),
            // No list has ever shown it: a possible orphan of a failed creation.
            (None, None) => true,
        }
    }
}

impl TokenMetadata {
    /// Marks the attributes unknown in a plan that issues a value.
    pub(super) fn mark_unknown(&mut self) {
        *self = Self {
            token_id: Field::Unknown,
            updated_at: Field::Unknown,
            updated_by: Field::Unknown,
        };
    }

    /// Records an issued value.
    pub(super) fn set_issued(&mut self, issued: &IssuedToken) {
        *self = Self {
            token_id: issued.token_id.into(),
            updated_at: issued.updated_at.clone().into(),
            updated_by: issued.updated_by.into(),
        };
    }

    /// Updates the attributes from the platform's list. Attributes that the list omits keep their values.
    ///
    /// Attributes that are null after the apply that issued the value stay null, so that a refresh shows no
    /// drift. `adds` sets them, too: for another value, or one that was imported.
    pub(super) fn refresh_from(&mut self, remote: RemoteToken<'_>, adds: bool) {
        if let Some(token_id) = remote.token_id
            && (adds || !self.token_id.is_null())
        {
            self.token_id = token_id.into();
        }
        let differs = |theirs| {
            let ours = self.updated_at.known();
            ours.is_some_and(|ours| !is_same_instant(ours, theirs))
        };
        if let Some(updated_at) = remote.updated_at
            && (adds || differs(updated_at))
        {
            self.updated_at = updated_at.into();
        }
        if let Some(updated_by) = remote.updated_by
            && (adds || !self.updated_by.is_null())
        {
            self.updated_by = updated_by.into();
        }
    }

    /// Whether the state contains the platform's present value. Compares more than the number, which can be
    /// the same in another account. `expiry` is the expiry in the state.
    pub(super) fn is_same_value(&self, expiry: Option<Expiry>, remote: RemoteToken<'_>) -> bool {
        let ids = self.token_id.known().copied().zip(remote.token_id);
        let expiries = expiry.zip(remote.expires_at.map(Expiry::at));
        let instant = |text: &str| text.parse::<Timestamp>().ok();
        let ours = self.updated_at.known().and_then(|text| instant(text));
        let updates = ours.zip(remote.updated_at.and_then(instant));
        let same_expiry = expiries.map(|(ours, theirs)| ours == theirs);
        let same_update =
            updates.map(|(ours, theirs)| ours.duration_since(theirs).abs() < SignedDuration::from_secs(1));
        match ids {
            Some((ours, theirs)) => ours == theirs && (same_expiry == Some(true) || same_update == Some(true)),
            None => same_expiry == Some(true) && same_update == Some(true),
        }
    }

    /// Whether the platform's present value differs from the value in the state.
    ///
    /// Compares the numbers of the values. If they are unknown, compares the expiry with `expiry`, which the
    /// platform reported before, and the time of the last update with the one in the state or, if that is
    /// null, with `issued_at`.
    pub(super) fn is_replaced(
        &self,
        expiry: Option<Expiry>,
        issued_at: Option<Timestamp>,
        remote: RemoteToken<'_>,
    ) -> bool {
        if let (Some(ours), Some(theirs)) = (self.token_id.known(), remote.token_id) {
            return *ours != theirs;
        }
        let expiries = expiry.zip(remote.expires_at.map(Expiry::at));
        let updated_since = remote.updated_at.is_some_and(|theirs| match self.updated_at.known() {
            Some(ours) => !is_same_instant(ours, theirs),
            None => issued_at.is_some_and(|issued_at| is_long_after(theirs, issued_at)),
        });
        expiries.is_some_and(|(ours, theirs)| ours != theirs) || updated_since
    }
}

/// Returns the expiry of an imported value. An expiry that cannot be parsed is kept as text, because null
/// would mean that the value never expires.
pub(super) fn imported_expiry(remote: RemoteToken<'_>) -> Field<String> {
    let expiry = remote.expires_at.map(|expiry| Expiry::at(expiry).to_string());
    expiry.or_else(|| remote.unreadable_expiry.map(str::to_owned)).into()
}

/// Returns the expiry of an issued value for the state, if the configuration does not fix it.
///
/// Reports an answer that names another owner, or another expiry than the requested one.
pub(super) fn issued_expiry(
    requested: Option<Expiry>,
    issued: &IssuedToken,
    diagnostics: &mut Diagnostics,
) -> Field<String> {
    diagnostics.extend(issued.mismatch.as_ref().map(issued_for_another));
    granted_expiry(requested, issued.expires_at, diagnostics)
}

/// Whether both texts are the same instant, even with different precision. `false` if one is no instant.
fn is_same_instant(one: &str, other: &str) -> bool {
    let instant = |text: &str| text.parse::<Timestamp>().ok();
    let both = instant(one).zip(instant(other));
    both.is_none_or(|(one, other)| one.duration_since(other).abs() < SignedDuration::from_secs(1))
}

/// Whether an update is more than [`ISSUE_MARGIN`] after the issue of a value. `false` if it is no instant.
fn is_long_after(updated_at: &str, issued_at: Timestamp) -> bool {
    let updated_at: Option<Timestamp> = updated_at.parse().ok();
    updated_at.is_some_and(|updated_at| updated_at.duration_since(issued_at) > ISSUE_MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refresh_keeps_attribute_that_is_null_after_apply_unless_value_is_another_one() {
        let remote = RemoteToken {
            token_id: Some(2),
            expires_at: None,
            updated_at: Some("2026-01-02T00:00:00Z"),
            updated_by: Some(7),
            unreadable_expiry: None,
        };
        let known = TokenMetadata {
            token_id: 1.into(),
            updated_at: "2026-01-01T00:00:00Z".into(),
            updated_by: 6.into(),
        };
        for (before, adds, is_updated) in [
            (TokenMetadata::default(), false, false),
            (TokenMetadata::default(), true, true),
            (known.clone(), false, true),
        ] {
            let mut metadata = before.clone();
            metadata.refresh_from(remote, adds);
            let expected = match is_updated {
                true => (Some(&2), remote.updated_at, Some(&7)),
                false => (None, None, None),
            };
            let updated_at = metadata.updated_at.known().map(String::as_str);
            let actual = (metadata.token_id.known(), updated_at, metadata.updated_by.known());
            assert_eq!(actual, expected, "adds {adds}: {before:?}");
        }
        let mut unlisted = known;
        unlisted.refresh_from(
            RemoteToken {
                token_id: None,
                updated_at: None,
                updated_by: None,
                ..remote
            },
            true,
        );
        assert_eq!(unlisted.token_id.known(), Some(&1));
    }

    #[test]
    fn value_belongs_to_other_resource_only_if_that_is_certain() {
        let latest = SecretString::from("latest");
        let value = |text: &str| Field::Known(SecretString::from(text));
        let cases = [
            ("its own, issued in this run", value("latest"), Some(1), Some(1), false),
            ("an older one of the same name", value("older"), Some(1), Some(2), true),
            ("its own, rotated outside since", Field::Null, Some(3), Some(3), false),
            (
                "an unknown one, and another is listed",
                Field::Null,
                Some(1),
                Some(2),
                true,
            ),
            (
                "an unknown one, and no number is listed",
                Field::Null,
                Some(1),
                None,
                false,
            ),
            ("one that was never seen", Field::Null, None, Some(2), true),
        ];
        for (case, value, token_id, present, expected) in cases {
            let known = KnownToken {
                value: &value,
                token_id,
            };
            assert_eq!(known.belongs_to_other_resource(&latest, present), expected, "{case}");
        }
    }
}
