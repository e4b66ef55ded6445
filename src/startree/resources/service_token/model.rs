//! The attributes of a service token, and their transitions in a plan, an apply and a refresh.

use jiff::Timestamp;
use secrecy::SecretString;

use super::diagnostics::unreadable_access_key;
use super::previous::PreviousToken;
use super::rotation_policy::{CurrentToken, Decision, RotationPolicy};
use crate::framework::{Diagnostic, Field, Model, PrivateState};
use crate::platform::attributes::is_not_blank;
use crate::platform::delivery::{DeliveredToken, Delivery, Owner, VaultDestination};
use crate::platform::overlap::known_instant;
use crate::startree::api::{AccessKey, IssuedToken, Srn};
use crate::token::Expiry;

/// Manages a service token: a credential for machines, which the platform's user interface calls an
/// API token.
///
/// ~> **A token without a role has no access.** Assign it one with a `startree_role_assignment`
/// whose `subject` is the token's `access_key`. It can take up to an hour until all services of the
/// platform accept the token.
///
/// ~> **The Terraform state contains the value** of the token, unless `vault` or `age_recipients` is
/// set. Everyone who can read the state can use the token. With `vault`, the value is stored in
/// HashiCorp Vault, and with `age_recipients`, the state has it encrypted.
///
/// ## Rotation
///
/// A rotation creates a new token, assigns all roles of the current token to it, and then deletes
/// the current token: in the same apply, or with `overlap` in the first apply after that time. A
/// plan rotates the token and shows the reason when:
///
/// - `rotation_triggers`, `vault` or `age_recipients` changes;
/// - the token is older than `rotate_every`;
/// - the value was not delivered to Vault, or is no longer there.
///
/// During the overlap, both tokens belong to the resource: role assignments concern both, and the
/// description of the new token ends in `(after <access key of the previous token>)`. A token that
/// cannot be deleted is kept as `previous_access_key`, and the next apply retries it. A change of
/// `description` replaces the resource. Destroying it revokes the token's roles and deletes the
/// token.
///
/// After an import, `token` is null, because the platform shows the value only once. The token
/// remains valid. To get a value that Terraform knows, apply with `rotation_triggers`, and then
/// change them.
///
/// ## Limits of the API
///
/// The platform has no list of service tokens, and does not document its answer about a deleted
/// one:
///
/// - It has no list of the roles of one token either. Each plan reads the assignments of every role
///   in the environment, one request each, and an apply that rotates or deletes tokens reads them
///   once more. All tokens of a run share the answers.
/// - A token is removed from the state only if the platform finds another token, and twice does not
///   find this one.
/// - If the answer to a creation is lost, or the run is killed at that moment, the provider cannot
///   find the new token. It has no role and therefore no access. Delete it in the Security Manager.
/// - A run that is killed during a rotation may leave an orphan: a token with roles whose value is
///   lost. The plan of the next rotation names it. If the value has reached Vault, the next refresh
///   completes the rotation instead.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct ServiceToken {
    /// A description of the token. Use a unique one: the Security Manager shows nothing else that
    /// distinguishes tokens.
    #[attribute(required, requires_replace, check = is_not_blank)]
    pub(in crate::startree) description: Field<String>,
    #[attribute(flatten)]
    pub(in crate::startree) rotation: RotationPolicy,
    /// The SRN of the current token: `srn2:service-token#<access_key>`.
    #[attribute(computed, planned)]
    pub(in crate::startree) id: Field<String>,
    /// The access key of the current token. It identifies the token, is its user name, and is the
    /// `subject` of a `startree_role_assignment`. It changes with each rotation.
    #[attribute(computed, planned)]
    pub(in crate::startree) access_key: Field<String>,
    /// The secret key of the current token, which is its password. Null after an import, and with
    /// `vault` or `age_recipients`.
    #[attribute(computed, planned)]
    pub(in crate::startree) secret_key: Field<SecretString>,
    #[attribute(flatten)]
    pub(in crate::startree) delivery: Delivery,
    /// When the current token was created, by the provider's clock, because the platform does not
    /// report it. Null after an import.
    #[attribute(computed, planned)]
    pub(in crate::startree) created_at: Field<String>,
    #[attribute(flatten)]
    pub(in crate::startree) previous: PreviousToken,
}

impl ServiceToken {
    pub(super) fn description(&self) -> &str {
        self.description.known().map_or("", String::as_str)
    }

    /// Names the token in a message.
    pub(super) fn title(&self) -> String {
        match self.description.known() {
            Some(description) => format!("The service token {description:?}"),
            None => format!("The service token {}", self.known_access_key()),
        }
    }

    /// Returns the access key for a message.
    pub(super) fn known_access_key(&self) -> &str {
        self.access_key.known().map_or("", String::as_str)
    }

    /// Parses the access key.
    ///
    /// # Errors
    /// The error to report if the state was edited by hand.
    pub(super) fn access_key(&self) -> Result<AccessKey, Diagnostic> {
        self.known_access_key().parse().map_err(unreadable_access_key)
    }

    pub(super) fn created(&self) -> Option<Timestamp> {
        known_instant(&self.created_at)
    }

    /// Returns the state of the token that a rotation policy decides by.
    pub(super) fn current(&self, private: &PrivateState) -> CurrentToken {
        CurrentToken {
            value: self.delivery.status(private),
            storage: self.delivery.storage().unwrap_or_default(),
            created: self.created(),
            previous: self.previous.deletion(),
        }
    }

    /// Decides by this configuration what to do with a token whose state is `prior`.
    pub(super) fn decide(&self, prior: &Self, current: &CurrentToken, at: Timestamp) -> Decision {
        self.rotation
            .decide(self.delivery.storage(), &prior.rotation, current, at)
    }

    /// Returns the token as the owner of a secret at `place`. The description does not identify it,
    /// because it need not be unique.
    pub(super) fn owner(&self, place: &Field<VaultDestination>) -> Owner {
        let DeliveredToken { what, id, .. } = self.delivered();
        let owner = Owner::new(what, "service token", self.description.known().cloned(), false, id);
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
            name: self.description().to_owned(),
            id: self.access_key.known().map(|key| key.as_str().into()),
            note: None,
        }
    }

    /// Marks the attributes unknown that a new token changes, in a plan.
    pub(super) fn mark_unknown(&mut self) {
        self.id = Field::Unknown;
        self.access_key = Field::Unknown;
        self.created_at = Field::Unknown;
        self.delivery.mark_unknown();
        self.secret_key = match self.delivery.token.is_null() {
            true => Field::Null,
            false => Field::Unknown,
        };
    }

    /// Records a new token, whose value is stored as `delivery` shows.
    pub(super) fn set_issued(&mut self, issued: IssuedToken, delivery: Delivery, now: Timestamp) {
        self.set_access_key(&issued.access_key);
        self.created_at = Expiry::at(now).to_string().into();
        self.secret_key = match delivery.token.is_null() {
            true => Field::Null,
            false => issued.secret_key.into(),
        };
        self.delivery = delivery;
    }

    pub(super) fn set_access_key(&mut self, access_key: &AccessKey) {
        self.id = Srn::ServiceToken(access_key).to_string().into();
        self.access_key = access_key.as_str().into();
    }

    /// Records a token whose value is unknown.
    pub(super) fn set_without_value(&mut self, access_key: &AccessKey) {
        self.set_access_key(access_key);
        self.created_at = Field::Null;
        self.secret_key = Field::Null;
        self.delivery.set_lost();
    }
}
