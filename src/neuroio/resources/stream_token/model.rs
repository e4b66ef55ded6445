//! The attributes of a stream token, and their transitions in a plan, an apply and a refresh.

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::diagnostics;
use super::rotation_policy::{CurrentToken, RotationPolicy};
use super::stored_key::StoredKey;
use crate::framework::{Diagnostic, Field, Model, PrivateState};
use crate::neuroio::api::{self, Issued, TokenId};
use crate::neuroio::found::Found;
use crate::platform::overlap::known_instant;
use crate::platform::previous_token::PreviousToken;
use crate::platform::{generation, private_record};
use crate::token::{Expiry, ValueStatus};

/// The key in the private state of the record that the current token is the previous one of a
/// token that was deleted outside Terraform.
const FELL_BACK: &str = "fell_back";

/// Manages a stream token of the account, of the space or of the managers that the provider's
/// `api_token` belongs to.
///
/// ~> **The Terraform state contains the value** of the token, unless `age_recipients` is set.
/// Everyone who can read the state can use the token. With `age_recipients`, the state has the value
/// encrypted.
///
/// **A permanent token** does not expire. An account or space may have five of them; a plan that
/// would exceed this limit warns before anything is created.
///
/// **A temporary token** expires 24 hours after its creation. With `rotate_before`, a plan shortly
/// before that rotates it. Without, the first plan after the expiry does; until it is applied,
/// clients that use the token are rejected. Use temporary tokens in configurations that are applied
/// every few hours. For a token that is needed only while Terraform runs, use the [ephemeral
/// resource](../ephemeral-resources/stream_token.md), which leaves nothing on the platform or in
/// the state.
///
/// ## Rotation
///
/// NeuroIO recommends to rotate tokens periodically. A rotation is an update in place: it creates a
/// new token, stores it in the state, and then deletes the current one, in the same apply or with
/// `overlap` in the first apply after that time. `id` and `key` change, and `generation` grows. A
/// plan rotates the token and shows the reason when:
///
/// - `rotation_triggers` changes;
/// - the token is older than `rotate_every`;
/// - a temporary token expires within `rotate_before`, or has expired.
///
/// If the new token cannot be created, the current one is unchanged and remains valid. A previous
/// token that cannot be deleted is kept as `previous_id`, and the next apply retries it. A
/// deactivated token (`is_active = false`) has no overlap: its predecessor is deleted, because it
/// would still be accepted. A change of `permanent` replaces the resource.
///
/// **Permanent tokens and the limit.** A rotation needs a free place among the five permanent
/// tokens. Rotations in one run take turns, so without `overlap` one free place is enough for all
/// of them; with `overlap`, each needs its own until the previous token is deleted. A plan that has
/// too few warns. The apply is then rejected before it changes the token. To delete the current
/// token first, although its clients are rejected until they have the new value, replace the
/// resource: `terraform apply -replace=<address>`.
///
/// **The provider's own token.** If the provider's `api_token` is the value of this resource, the
/// plan of a rotation says so, and the run continues with the new token. Configure the provider
/// with the new value before the next run. The provider's own token is neither deactivated nor
/// deleted otherwise.
///
/// ## Import, orphans
///
/// The platform returns the value whenever the token is read, so an import includes it. No import
/// rotates. The resource identity (Terraform 1.12) contains the `id` and changes with it.
///
/// A token has no name. A token that was created by a run that was killed before it wrote its state
/// looks like any other, also during a rotation. Find such an orphan with `terraform query` ([list
/// resource](../list-resources/stream_token.md)) or the data source
/// [`neuroio_stream_tokens`](../data-sources/stream_tokens.md), then import or delete it.
///
/// Not documented by the platform: whether deactivated tokens count against the limit, and whether
/// an expired temporary token is still listed.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::neuroio) struct StreamToken {
    /// Whether the token is permanent. If false, it expires after 24 hours.
    #[attribute(required, requires_replace)]
    pub(in crate::neuroio) permanent: Field<bool>,
    /// Whether the platform accepts the token. It can be deactivated and activated again. If it is
    /// deactivated outside Terraform, the next apply activates it, unless this is false.
    #[attribute(default = true)]
    pub(in crate::neuroio) is_active: Field<bool>,
    #[attribute(flatten)]
    pub(in crate::neuroio) rotation: RotationPolicy,
    /// The platform's number for the token. It changes with each rotation.
    #[attribute(computed, planned, import, identity)]
    pub(in crate::neuroio) id: Field<String>,
    #[attribute(flatten)]
    pub(in crate::neuroio) value: StoredKey,
    #[attribute(computed, planned, description = generation::DESCRIPTION)]
    pub(in crate::neuroio) generation: Field<i64>,
    /// When the token was created, in UTC.
    #[attribute(computed, planned)]
    pub(in crate::neuroio) created_at: Field<String>,
    /// When a temporary token expires, in UTC; null for a permanent token. The first plan after
    /// this time rotates the token.
    #[attribute(computed, planned)]
    pub(in crate::neuroio) expires_at: Field<String>,
    #[attribute(flatten)]
    pub(in crate::neuroio) previous: PreviousToken,
}

impl StreamToken {
    /// Converts a token from the list. It has all attributes except the value.
    pub(in crate::neuroio) fn from_listed(found: &Found) -> Self {
        let mut model = Self {
            permanent: found.permanent.into(),
            ..Self::default()
        };
        model.refresh_from_listed(&found.token);
        model
    }

    /// Returns the id.
    ///
    /// # Errors
    /// The state has an invalid id, which no operation writes.
    pub(super) fn id(&self) -> Result<TokenId, Diagnostic> {
        let id = self.id.known().map_or("", String::as_str);
        id.parse().map_err(diagnostics::invalid_id_in_state)
    }

    pub(super) fn is_permanent(&self) -> bool {
        self.permanent == Field::Known(true)
    }

    /// Whether the token is declared inactive. An unknown declaration counts as active.
    pub(super) fn is_inactive(&self) -> bool {
        self.is_active == Field::Known(false)
    }

    /// Returns when the token expires, or `None` for a permanent token.
    pub(super) fn expiry(&self) -> Option<Expiry> {
        self.expires_at.known().and_then(|text| Expiry::parse(text).ok())
    }

    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.expiry().is_some_and(|expiry| expiry.has_passed(now))
    }

    pub(super) fn created(&self) -> Option<Timestamp> {
        known_instant(&self.created_at)
    }

    /// Returns the state of the token that a rotation policy decides by.
    pub(super) fn current(&self, private: &PrivateState) -> CurrentToken {
        let value = if private.get::<bool>(FELL_BACK) == Some(true) {
            ValueStatus::Deleted
        } else if private_record::is_imported(private, &self.generation) {
            ValueStatus::Imported
        } else {
            ValueStatus::Current
        };
        CurrentToken {
            value,
            created: self.created(),
            expiry: self.expiry(),
            previous: self.previous.deletion(),
        }
    }

    /// Returns the token's name in messages.
    pub(super) fn name(&self) -> String {
        let id = self.id.known().map_or("", String::as_str);
        format!("The stream token {id}")
    }

    /// Marks the attributes unknown that a rotation changes.
    pub(super) fn mark_unknown(&mut self) {
        self.id = Field::Unknown;
        self.value.mark_unknown();
        self.created_at = Field::Unknown;
        self.expires_at = match self.is_permanent() {
            true => Field::Null,
            false => Field::Unknown,
        };
        self.previous = PreviousToken::unknown();
    }

    /// Records the token that a creation or a rotation issued.
    ///
    /// # Errors
    /// The value could not be encrypted. The state then has everything else.
    pub(super) fn set_issued(&mut self, private: &PrivateState, issued: Issued) -> Result<(), Diagnostic> {
        // They are those of the token before.
        self.expires_at = Field::Null;
        private_record::set_issued(private);
        private.remove(FELL_BACK);
        self.refresh_from(issued)
    }

    /// Makes the previous token the current one, after the current one was deleted outside
    /// Terraform. The next plan rotates it.
    ///
    /// # Errors
    /// The value could not be encrypted.
    pub(super) fn fall_back_to(&mut self, private: &PrivateState, previous: Issued) -> Result<(), Diagnostic> {
        self.previous = PreviousToken::default();
        self.expires_at = Field::Null;
        self.generation = generation::next(&self.generation);
        private.set(FELL_BACK, true);
        self.refresh_from(previous)
    }

    /// Sets all attributes to the platform's values.
    ///
    /// # Errors
    /// The value could not be encrypted. The state then has everything else.
    pub(super) fn refresh_from(&mut self, Issued { token, key }: Issued) -> Result<(), Diagnostic> {
        let is_same_token = self.id.known() == Some(&token.id.to_string());
        self.refresh_from_listed(&token);
        self.value.refresh(key, is_same_token)
    }

    /// Whether the token with this value and these times may be that of the state.
    pub(super) fn may_be(&self, issued: &Issued) -> bool {
        match self.value.known() {
            Some(key) => key.expose_secret() == issued.key.expose_secret(),
            // An encrypted value cannot be compared.
            None => self
                .created()
                .zip(issued.token.created)
                .is_none_or(|(ours, theirs)| ours == theirs),
        }
    }

    /// Sets all attributes except the value, which the list does not contain.
    fn refresh_from_listed(&mut self, token: &api::StreamToken) {
        self.id = token.id.to_string().into();
        self.is_active = token.is_active.into();
        self.created_at = token.created.map(|at| Expiry::at(at).to_string()).into();
        let expires_at = expires_at(token, self.is_permanent());
        // A missing or unreadable expiry does not overwrite a known one.
        if !expires_at.is_null() || self.is_permanent() || self.expires_at.known().is_none() {
            self.expires_at = expires_at;
        }
    }
}

/// Returns the attribute `expires_at` of a token.
fn expires_at(token: &api::StreamToken, permanent: bool) -> Field<String> {
    let expires = token.expires.filter(|_| !permanent);
    expires.map(|at| Expiry::at(at).to_string()).into()
}
