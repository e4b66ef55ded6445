//! The attributes of a personal access token, and their transitions in a plan, an apply and a
//! refresh.

use jiff::Timestamp;

use super::diagnostics::unreadable_id;
use super::own_token;
use super::rotation_policy::RotationPolicy;
use crate::framework::{Diagnostic, Diagnostics, Field, Model, PrivateState, Set};
use crate::platform::attributes::is_not_blank;
use crate::platform::delivery::{DeliveredToken, Delivery, Owner, VaultDestination};
use crate::platform::issue_record::IssueRecord;
use crate::platform::overlap::known_instant;
use crate::platform::previous_token::PreviousToken;
use crate::platform::rotation_policy::{granted_expiry, refresh_expiry};
use crate::quix::api::{IssuedPersonalAccessToken, PersonalAccessToken as Listed, TokenId};
use crate::quix::secret_owner;
use crate::token::{Clock, Expiry, ValueStatus};

/// Manages a personal access token (PAT) of the user whose token the provider uses.
///
/// ~> **The Terraform state contains the value** of the token, unless `vault` or `age_recipients` is
/// set. Everyone who can read the state can use the token. With `vault`, the value is stored in
/// HashiCorp Vault, and with `age_recipients`, the state has it encrypted.
///
/// The provider needs a personal access token itself: a streaming token cannot manage others. All
/// personal access tokens of a configuration belong to the same user, and have that user's
/// permissions.
///
/// ## Rotation
///
/// The platform cannot change a token. A rotation creates a new token, stores its value, and then
/// revokes the current token: in the same apply, or with `overlap` in the first apply after that
/// time. A plan rotates the token and shows the reason when:
///
/// - `name`, `scopes`, `expires_at`, `expires_in`, `rotation_triggers`, `vault` or `age_recipients`
///   changes;
/// - the token has expired, or expires within `rotate_before`;
/// - the value was not delivered to Vault, or is no longer there.
///
/// A token with a fixed `expires_at` is not rotated because it expires. Plans warn in the last 14
/// days, and when it has expired.
///
/// If the platform rejects a second token of the same name, the new token gets a number, as in
/// `ci (2)`: the current one must stay valid until the new value is stored. The next rotation uses
/// the plain name again.
///
/// After an import, `token` is null, because the platform shows the value only once. The token
/// remains valid. To get a value that Terraform knows, apply with `rotation_triggers`, and then
/// change them.
///
/// ## Limits of the API
///
/// Quix's documentation does not describe these requests. The provider sends those of Quix's own
/// Postman collection of 2023, which was removed in February 2024, so the platform may have changed.
///
/// - If the answer to a creation is lost, the provider finds the new token in the list by its name
///   and expiry, deletes it, and creates another. If it cannot distinguish the token from another client's,
///   an error names it: delete it in the portal.
/// - A run that is killed after a creation, before it stored its state, leaves an orphan whose value
///   is lost. If the value has reached Vault, the next refresh completes the rotation instead.
/// - A token is removed from the state only if the complete list of the same user does not have it.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct PersonalAccessToken {
    /// The name of the token. Use a unique one: the portal shows nothing else that distinguishes
    /// tokens.
    #[attribute(required, check = is_not_blank)]
    pub(in crate::quix) name: Field<String>,
    /// The scopes of the token, which the provider passes on unchanged, in any order. Quix does not
    /// document their names. Default: none are sent, and the platform decides; an empty set is sent
    /// as an empty list. The platform does not show the scopes of an existing token: the first ones
    /// after an import are only recorded.
    #[attribute(optional)]
    pub(in crate::quix) scopes: Field<Set<String>>,
    #[attribute(flatten)]
    pub(in crate::quix) rotation: RotationPolicy,
    /// The id of the current token. It changes with each rotation.
    #[attribute(computed, planned, identity)]
    pub(in crate::quix) id: Field<String>,
    #[attribute(flatten)]
    pub(in crate::quix) delivery: Delivery,
    /// When the current token was created, in UTC.
    #[attribute(computed, planned)]
    pub(in crate::quix) created_at: Field<String>,
    #[attribute(flatten)]
    pub(in crate::quix) previous: PreviousToken,
}

impl PersonalAccessToken {
    pub(super) fn name(&self) -> &str {
        self.name.known().map_or("", String::as_str)
    }

    /// Names the token in a message.
    pub(super) fn title(&self) -> String {
        match self.name.known() {
            Some(name) => format!("The personal access token {name:?}"),
            None => format!("The personal access token {}", self.known_id()),
        }
    }

    /// Returns the id for a message.
    pub(super) fn known_id(&self) -> &str {
        self.id.known().map_or("", String::as_str)
    }

    /// Parses the id.
    ///
    /// # Errors
    /// The error to report if the state was edited by hand.
    pub(super) fn id(&self) -> Result<TokenId, Diagnostic> {
        self.known_id().parse().map_err(unreadable_id)
    }

    /// Returns the scopes to send; `None` if none are declared.
    pub(super) fn scopes(&self) -> Option<Vec<String>> {
        Some(self.scopes.known()?.iter().cloned().collect())
    }

    pub(super) fn created(&self) -> Option<Timestamp> {
        known_instant(&self.created_at)
    }

    /// Returns the status of the value in the state.
    pub(super) fn value_status(&self, private: &PrivateState) -> ValueStatus {
        self.delivery.status(private)
    }

    /// Returns the token as the owner of a secret at `place`. The name does not identify it, because
    /// it need not be unique.
    pub(super) fn owner(&self, place: &Field<VaultDestination>) -> Owner {
        let DeliveredToken { what, id, .. } = self.delivered();
        let owner = Owner::new(what, "personal access token", self.name.known().cloned(), false, id);
        owner.with_state((&self.delivery.vault, &self.delivery.vault_version), place)
    }

    /// Returns the token as the owner of the secret that holds its value.
    pub(super) fn current_owner(&self) -> Owner {
        self.owner(&self.delivery.vault)
    }

    /// Returns the token for the delivery of its value.
    pub(super) fn delivered(&self) -> DeliveredToken {
        DeliveredToken {
            what: self.title(),
            name: self.name().to_owned(),
            id: self.id().ok().as_ref().map(secret_owner::id),
            note: None,
        }
    }

    /// Marks the attributes unknown that a new token changes, in a plan. `config` is the
    /// configuration, whose `expires_at` a plan must keep.
    pub(super) fn mark_unknown(&mut self, config: &Self) {
        if config.rotation.expiry.expires_at.is_null() {
            self.rotation.expiry.expires_at = Field::Unknown;
        }
        self.id = Field::Unknown;
        self.created_at = Field::Unknown;
        self.delivery.mark_unknown();
    }

    /// Records a new token, whose value is stored as `delivery` shows. `requested` is the expiry that
    /// was sent.
    pub(super) fn set_issued(
        &mut self,
        issued: &IssuedPersonalAccessToken,
        requested: Option<Timestamp>,
        delivery: Delivery,
        (private, clock): (&PrivateState, &Clock),
        diagnostics: &mut Diagnostics,
    ) {
        let token = &issued.token;
        let requested = requested.map(Expiry::at);
        IssueRecord::write(private, requested, token.expires_at, clock);
        own_token::record(private, &issued.value);
        let expires_at = granted_expiry(requested, token.expires_at, diagnostics);
        if self.rotation.expiry.expires_at.known().is_none() {
            self.rotation.expiry.expires_at = expires_at;
        }
        self.id = token.id.as_str().into();
        let created = token.created_at.unwrap_or_else(|| clock.now());
        self.created_at = Expiry::at(created).to_string().into();
        self.delivery = delivery;
    }

    /// Records a token whose value is unknown. Unknown attributes become null.
    pub(super) fn set_without_value(&mut self, token: &Listed) {
        self.id = token.id.as_str().into();
        self.created_at = token.created_at.map(|at| Expiry::at(at).to_string()).into();
        self.delivery.set_lost();
        if self.rotation.expiry.expires_at.known().is_none() {
            self.rotation.expiry.expires_at = expires_at(token);
        }
    }

    /// Updates the expiry from the platform's list.
    pub(super) fn refresh_from(&mut self, token: &Listed, record: Option<IssueRecord>) {
        let expiry = &mut self.rotation.expiry;
        let is_explained = record.is_some_and(|record| record.explains(expiry.expiry(), token.expires_at));
        if !is_explained {
            refresh_expiry(&mut expiry.expires_at, token.expires_at);
        }
    }

    /// Returns the state of an imported token, whose value is unknown.
    pub(in crate::quix) fn imported(token: &Listed) -> Self {
        let mut state = Self {
            name: token.name.clone().into(),
            ..Self::default()
        };
        state.set_without_value(token);
        state
    }
}

/// Returns the expiry of a token in the list. An expiry that cannot be parsed is kept as text,
/// because null would mean that the token never expires.
fn expires_at(token: &Listed) -> Field<String> {
    let expiry = token.expires_at.map(|expiry| Expiry::at(expiry).to_string());
    expiry.or_else(|| token.unreadable_expiry.clone()).into()
}
