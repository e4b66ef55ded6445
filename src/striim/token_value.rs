//! What the state keeps of a token's present value, the same for every token resource, and its transitions when a value
//! is planned, issued, or found to be another one.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::api::{IssuedToken, Mismatch, OwnerKey, ServiceAccount, UserToken};
use crate::framework::{Diagnostic, Diagnostics, Field, Model, PrivateState};
use crate::token::{Clock, Expiry, Issued, ValueStatus};

/// What the platform reports about a token's present value, as the state keeps it.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct TokenMetadata {
    /// The platform's number for the present value. Each rotation brings another.
    #[attribute(computed, planned)]
    pub(super) token_id: Field<i64>,
    /// When the token was last changed, as the platform spells it.
    #[attribute(computed, planned)]
    pub(super) updated_at: Field<String>,
    /// The number of the user who changed it last.
    #[attribute(computed, planned)]
    pub(super) updated_by: Field<i64>,
}

/// The description of the attribute `token`.
pub(super) const TOKEN: &str = "The token's value. Null after an import, and once it was rotated outside Terraform.";

/// What the private state records when an apply gets a value issued.
///
/// `expires_at` of the state is what the user asked for, where Terraform insists on it. The platform may keep another expiry,
/// and an apply under `ignore_changes` must leave the former one in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Record {
    /// The instant of the plan that asked for the value.
    planned_at: Timestamp,
    /// The expiry that was asked for; `None`: the platform's default.
    asked: Option<Timestamp>,
    /// The expiry that the platform reported; `None` if it reported none.
    expires_at: Option<Timestamp>,
    /// When the value was there, by the platform's clock; `None` if no answer showed it, and in a record of an earlier version.
    #[serde(default)]
    issued_at: Option<Timestamp>,
}

/// An update that the platform reports so long after a value was issued is of a later value. Within it, the time that the
/// answer took and the clocks of the platform's own machines may make the difference.
const ISSUE_MARGIN: SignedDuration = SignedDuration::from_mins(5);

const RECORD: &str = "issued";
const PLANNED_AT: &str = "planned_at";

impl Record {
    /// The record of the present value; `None` for an imported one, and for one of an earlier version.
    pub(super) fn read(private: &PrivateState) -> Option<Self> {
        private.get(RECORD)
    }

    /// Notes the instant of a plan that asks for a value.
    pub(super) fn plan(private: &PrivateState, now: Timestamp) {
        private.set(PLANNED_AT, now);
    }

    /// Records a value that was issued just now.
    pub(super) fn write(private: &PrivateState, asked: Option<Expiry>, issued: &IssuedToken, clock: &Clock) {
        let now = clock.now();
        let record = Self {
            planned_at: private.get(PLANNED_AT).unwrap_or(now),
            asked: asked.map(Expiry::instant),
            expires_at: issued.expires_at,
            issued_at: clock.is_synchronised().then_some(now),
        };
        private.remove(PLANNED_AT);
        private.set(RECORD, record);
    }

    /// Forgets the record of a value that is no longer the present one.
    pub(super) fn remove(private: &PrivateState) {
        private.remove(RECORD);
    }

    /// What a decision about the present value needs to know.
    pub(super) fn issued(self) -> Option<Issued> {
        let expiry = Expiry::at(self.expires_at?);
        Some(Issued {
            at: self.planned_at,
            expiry,
        })
    }

    /// The expiry that the platform reported, and when the value was there.
    pub(super) fn remote(self) -> (Option<Expiry>, Option<Timestamp>) {
        (self.expires_at.map(Expiry::at), self.issued_at)
    }

    /// The instant of the plan that asked for the value.
    pub(super) fn planned_at(self) -> Timestamp {
        self.planned_at
    }

    /// Whether the state has the expiry that was asked for, and the platform reports the one that it kept instead.
    pub(super) fn explains(self, state: Option<Expiry>, remote: RemoteToken<'_>) -> bool {
        let at = |instant: Option<Timestamp>| instant.map(Expiry::at);
        let is_kept = self.expires_at.is_none() || at(self.expires_at) == at(remote.expires_at);
        state.is_some() && at(self.asked) == state && is_kept
    }
}

/// The value that the platform has now, as it reports it.
#[derive(Clone, Copy)]
pub(super) struct RemoteToken<'a> {
    pub(super) token_id: Option<i64>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) updated_at: Option<&'a str>,
    pub(super) updated_by: Option<i64>,
    /// The expiry as the platform spells it, where that is no instant.
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

/// Whose value the state keeps.
pub(super) fn value_status(imported: bool, token: &Field<SecretString>, updated_at: &Field<String>) -> ValueStatus {
    match (imported, token.is_null()) {
        (true, _) => ValueStatus::Imported,
        (_, true) => ValueStatus::RotatedOutside {
            on: updated_at.known().and_then(|text| text.parse().ok()),
        },
        (_, false) => ValueStatus::Current,
    }
}

/// Whether what is there is not of the resource whose state this is, but of another one that made it in this run under the
/// same name: `latest` is the value that was made last, `present_id` the number of the one that is there, if it is told.
pub(super) fn belongs_to_other_resource(
    token: &Field<SecretString>,
    token_id: &Field<i64>,
    latest: &SecretString,
    present_id: Option<i64>,
) -> bool {
    match token.known() {
        Some(ours) => ours.expose_secret() != latest.expose_secret(),
        None => match token_id.known() {
            Some(ours) => present_id.is_some_and(|present| *ours != present),
            // No list has ever shown it: a creation failed, and left behind what may not even be there.
            None => true,
        },
    }
}

impl TokenMetadata {
    /// In a plan: a new value will come.
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

    /// Takes over what the platform reports. What it leaves out stays: it is not said to have changed. What an apply did not
    /// learn about its value, a refresh that finds the same value does not add, so that it shows no changes: only for
    /// another value, or one that is not known, it `adds`.
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

    /// Whether this is the very value that the platform has, and not one of another account that happens to have the same
    /// number. `expiry` is that of the state.
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

    /// Whether the value in the state is not the one that the platform has now: by the value's number, and where that is
    /// not reported, by whether its expiry or its last update moved. `expiry` is what the platform is known to have kept.
    /// Where no answer reported the last update of the value, one after its issue counts.
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

/// The expiry that `expires_at` of a state has.
pub(super) fn expiry(expires_at: &Field<String>) -> Option<Expiry> {
    expires_at.known().and_then(|text| Expiry::parse(text).ok())
}

/// Takes over the expiry that the platform reports, unless the state spells the same one.
pub(super) fn refresh_expiry(expires_at: &mut Field<String>, remote: RemoteToken<'_>) {
    if let Some(now) = remote.expires_at.map(Expiry::at)
        && expiry(expires_at) != Some(now)
    {
        *expires_at = now.to_string().into();
    }
}

/// The expiry of a value that is imported. One that cannot be read is kept as it is spelled, so that it is not taken for
/// none.
pub(super) fn imported_expiry(remote: RemoteToken<'_>) -> Field<String> {
    let expiry = remote.expires_at.map(|expiry| Expiry::at(expiry).to_string());
    expiry.or_else(|| remote.unreadable_expiry.map(str::to_owned)).into()
}

/// The expiry of an issued value for the state, where the user fixed none; `asked` is the one that was sent. Reports where
/// the answer names another owner or another expiry.
pub(super) fn issued_expiry(
    asked: Option<Expiry>,
    issued: &IssuedToken,
    diagnostics: &mut Diagnostics,
) -> Field<String> {
    diagnostics.extend(issued.mismatch.as_ref().map(mismatch));
    let set = issued.expires_at.map(Expiry::at);
    if let (Some(asked), Some(set)) = (asked, set)
        && asked != set
    {
        diagnostics.push(Diagnostic::warning(
            "The platform set another expiry",
            format!(
                "The token was to expire at {asked}, and the platform reports that it expires at {set}. That is when it \
                 counts as expired. The difference does not rotate it."
            ),
        ));
    }
    set.or(asked).map(|expiry| expiry.to_string()).into()
}

/// Whether both are the same instant, which may come in another precision. What is no instant is not compared.
fn is_same_instant(one: &str, other: &str) -> bool {
    let instant = |text: &str| text.parse::<Timestamp>().ok();
    let both = instant(one).zip(instant(other));
    both.is_none_or(|(one, other)| one.duration_since(other).abs() < SignedDuration::from_secs(1))
}

/// Whether an update is so long after the issue of a value that it made another one. What is no instant is not compared.
fn is_long_after(updated_at: &str, issued_at: Timestamp) -> bool {
    let updated_at: Option<Timestamp> = updated_at.parse().ok();
    updated_at.is_some_and(|updated_at| updated_at.duration_since(issued_at) > ISSUE_MARGIN)
}

/// Says that the answer with a new value names another owner. The value is kept in any case. That of another user is an
/// error, because it must not be used as this user's.
pub(super) fn mismatch(mismatch: &Mismatch) -> Diagnostic {
    let Mismatch {
        key,
        requested,
        answered,
        ..
    } = mismatch;
    match key {
        OwnerKey::Name => Diagnostic::warning(
            format!("The platform names the service account {answered:?}, not {requested:?}"),
            format!(
                "A token was requested for {requested:?}, and the answer with its value names {answered:?}. The value is kept. \
                 The service account is found by the number of its token (`token_id`) from now on; compare its name in the \
                 portal, and declare it as it is spelled there."
            ),
        ),
        OwnerKey::Email => Diagnostic::error(
            format!("The platform issued a token for {answered:?}, not for {requested:?}"),
            format!(
                "The personal access token of {requested:?} was to be rotated, and the answer with the new value names \
                 {answered:?}. The value is kept, so that it is not lost, but it may be the one of {answered:?}: do not use it \
                 before you have compared it with the portal."
            ),
        ),
    }
}

/// The warning of a refresh that the platform's list shows an expiry that cannot be read.
pub(super) fn unreadable_expiry(what: &str, spelled: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} has an expiry that cannot be read"),
        format!(
            "The platform spells it {spelled:?}, which is not an instant with an offset such as 2027-02-09T00:00:00Z. \
             `expires_at` stays as it is in the state, and nothing is rotated because of it."
        ),
    )
}

/// The warning of a refresh that found another value than that of the state.
pub(super) fn value_replaced_warning(what: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} has another value than the state"),
        "It was rotated outside Terraform: the value in the state no longer works, and whoever took it from there has lost \
         access. A plan says what it does about it.",
    )
}

/// The warning of a plan that rotates the token that the provider itself works with.
pub(super) fn rotates_own(what: &str) -> Diagnostic {
    Diagnostic::warning(
        "The provider works with this token",
        format!(
            "{what} is the one that the provider itself was given. It goes on with the new value in the same run; \
             before the next run, give it the new value (its argument `token`, or STRIIM_TOKEN)."
        ),
    )
}

/// The warning of a plan that rotates a token which may be the one that the provider itself works with.
pub(super) fn may_rotate_own(what: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} may be the provider's own"),
        "Terraform does not know its value, so it cannot be compared with the one that the provider was given. If they are \
         the same, the provider goes on with the new value in this run; before the next run, give it the new value (its \
         argument `token`, or STRIIM_TOKEN).",
    )
}

/// The warning of a plan that revokes a token which may be the one that the provider itself works with.
pub(super) fn may_revoke_own(what: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} may be the provider's own"),
        "Terraform does not know its value, so it cannot be compared with the one that the provider was given. If they are \
         the same, revoking it locks the provider out: whatever comes after it in this run fails, and so does every run until \
         the provider is given another administrator's token. In doubt, take the resource out of the state (`terraform state \
         rm`) instead.",
    )
}

/// The warning that the answer to a rotation was lost which may have ended the token that the provider itself works with.
pub(super) fn may_have_ended_own(what: &str) -> Diagnostic {
    Diagnostic::warning(
        "The provider may have lost its own token",
        format!(
            "{what} is, or may be, the one that the provider itself was given. If it is, and was rotated all the same, the \
             provider can do nothing more, and nobody knows the new value. Then rotate it in the portal, and give the \
             provider the new value (its argument `token`, or STRIIM_TOKEN) before the next run."
        ),
    )
}

/// The refusal to revoke the token that the provider itself works with.
pub(super) fn cannot_revoke_own(what: &str) -> Diagnostic {
    Diagnostic::error(
        "The provider works with this token",
        format!(
            "{what} is the one that the provider itself was given, and revoking it would cut short whatever else this \
             run has to do. Give the provider another administrator's token and run again; or take the resource out \
             of the state (`terraform state rm`) and revoke the token in the portal."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_surely_of_another_resource_is_spared() {
        let latest = SecretString::from("latest");
        let value = |text: &str| Field::Known(SecretString::from(text));
        let cases = [
            ("its own, made in this run", value("latest"), 1.into(), Some(1), false),
            ("an older one of the same name", value("older"), 1.into(), Some(2), true),
            ("its own, rotated outside since", Field::Null, 3.into(), Some(3), false),
            (
                "an unknown one, and another is there",
                Field::Null,
                1.into(),
                Some(2),
                true,
            ),
            (
                "an unknown one, and nothing is told",
                Field::Null,
                1.into(),
                None,
                false,
            ),
            ("one that was never seen", Field::Null, Field::Null, Some(2), true),
        ];
        for (case, token, token_id, present, expected) in cases {
            assert_eq!(
                belongs_to_other_resource(&token, &token_id, &latest, present),
                expected,
                "{case}"
            );
        }
    }
}
