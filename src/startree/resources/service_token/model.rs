//! The configuration, the plan and the state of a service token.

use jiff::Timestamp;
use secrecy::SecretString;

use super::previous::{PreviousToken, instant};
use super::rotation::{Decision, RotationPolicy, Standing};
use super::succeed::Successor;
use crate::framework::{Diagnostic, Field, Model, PrivateState};
use crate::platform::delivery::{self, DeliveredToken, Delivery, Owner, VaultDestination};
use crate::platform::private_record;
use crate::startree::api::{AccessKey, Srn};
use crate::token::{Expiry, ValueStatus};

/// A service token: a credential for a machine. The platform's user interface calls it an API token.
///
/// **A token without a role is let in nowhere.** Give it one with a `startree_role_assignment` whose `subject` is its
/// `access_key`; it may take up to an hour until the platform lets the token in everywhere.
///
/// The platform shows the value once, when the token is created. It is kept in the Terraform state, where whoever can read
/// the state can use the token; or with `vault` in HashiCorp Vault alone.
///
/// **A rotation** creates a new token, gives it all the roles that the present one has, and then revokes the present one: in
/// the same apply, or with `overlap` in the first apply after that time. Until then both belong to the resource: an
/// assignment concerns both, and the description of the new token ends in `(after <access key of the previous one>)`. A plan
/// rotates, and says why, when `rotation_triggers` or `vault` changed, when the token is older than `rotate_every`, and when
/// its value did not reach Vault or is not there any more. What could not be revoked is kept as `previous_access_key` and
/// revoked by the next apply. Destroying the resource takes its roles from the token and revokes it.
///
/// After an import `token` is null, because the platform does not show the value again. It remains valid where it is in
/// use; change `rotation_triggers`, once they are recorded, to get one that Terraform knows.
///
/// What the platform's documentation leaves open: it has no list of tokens, and does not say what is answered about one that
/// is gone. So a token leaves the state only if the platform finds another one and, asked twice, not this one. One whose
/// creation was not answered, or whose run was killed then, the provider cannot find: it has no role and is let in nowhere,
/// and the Security Manager shows it. A run that is killed in the middle of a rotation may leave a token that has roles and
/// whose value is unknown; the plan of the next rotation names it. Where the value has reached Vault by then, the next
/// refresh takes the token over.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct ServiceToken {
    /// What it is for: the only thing that distinguishes one token from another in the Security Manager, so no two should
    /// have the same.
    #[attribute(required, requires_replace, check = says_something)]
    pub(in crate::startree) description: Field<String>,
    #[attribute(flatten)]
    pub(in crate::startree) rotation: RotationPolicy,
    /// The present token's SRN: `srn2:service-token#` and its access key.
    #[attribute(computed, planned)]
    pub(in crate::startree) id: Field<String>,
    /// What the present token is known by: its user name, and its `subject` in a `startree_role_assignment`. Each rotation
    /// brings another.
    #[attribute(computed, planned)]
    pub(in crate::startree) access_key: Field<String>,
    /// The token's password. Null after an import, and where the value is handed over to Vault.
    #[attribute(computed, planned)]
    pub(in crate::startree) secret_key: Field<SecretString>,
    #[attribute(flatten)]
    pub(in crate::startree) delivery: Delivery,
    /// When the present token was created, by the clock of the machine that created it, as the platform documents none. Null
    /// after an import.
    #[attribute(computed, planned)]
    pub(in crate::startree) created_at: Field<String>,
    #[attribute(flatten)]
    pub(in crate::startree) previous: PreviousToken,
}

fn says_something(description: &str) -> Result<(), &'static str> {
    let is_empty = description.trim().is_empty();
    (!is_empty)
        .then_some(())
        .ok_or("must not be empty: nothing else tells what the token is for")
}

impl ServiceToken {
    pub(super) fn description(&self) -> &str {
        self.description.known().map_or("", String::as_str)
    }

    /// How a message names it.
    pub(super) fn what(&self) -> String {
        match self.description.known() {
            Some(description) => format!("The service token {description:?}"),
            None => format!("The service token {}", self.known_access_key()),
        }
    }

    /// The access key as a message shows it.
    pub(super) fn known_access_key(&self) -> &str {
        self.access_key.known().map_or("", String::as_str)
    }

    /// The access key; an error if the state was changed by hand.
    pub(super) fn access_key(&self) -> Result<AccessKey, Diagnostic> {
        self.known_access_key().parse().map_err(|error| {
            let detail =
                format!("What the state has for `access_key` is none: it {error}. The state was changed by hand.");
            Diagnostic::error("Unreadable access key", detail)
        })
    }

    pub(super) fn created(&self) -> Option<Timestamp> {
        instant(&self.created_at)
    }

    pub(super) fn standing(&self, private: &PrivateState) -> Standing {
        let imported = private_record::is_imported(private, &self.delivery.generation);
        let in_state = match (imported, self.delivery.token.is_null()) {
            (true, _) => ValueStatus::Imported,
            (_, true) => ValueStatus::Undelivered,
            (_, false) => ValueStatus::Current,
        };
        Standing {
            value: self.delivery.value_status(in_state),
            storage: delivery::storage(&self.delivery.vault).unwrap_or_default(),
            created: self.created(),
            previous: self.previous.revocation(),
        }
    }

    /// Decides by this configuration about a token whose state is `prior`.
    pub(super) fn decide(&self, prior: &Self, standing: &Standing, at: Timestamp) -> Decision {
        let storage = delivery::storage(&self.delivery.vault);
        self.rotation.decide(storage, &prior.rotation, standing, at)
    }

    /// The token as the owner of a secret at `place`. A description is no name: another token may have it, too.
    pub(super) fn owner(&self, place: &Field<VaultDestination>) -> Owner {
        let DeliveredToken { what, id, .. } = self.delivered();
        let owner = Owner::new(what, "service token", self.description.known().cloned(), false, id);
        owner.with_state((&self.delivery.vault, &self.delivery.vault_version), place)
    }

    /// The same as the owner of the secret where its value is.
    pub(super) fn present_owner(&self) -> Owner {
        self.owner(&self.delivery.vault)
    }

    /// The token whose value is delivered.
    pub(super) fn delivered(&self) -> DeliveredToken {
        DeliveredToken {
            what: self.what(),
            name: self.description().to_owned(),
            id: self.access_key.known().map(|key| key.as_str().into()),
            note: None,
        }
    }

    /// In a plan: another token will come.
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

    /// A token was issued.
    pub(super) fn set_issued(&mut self, Successor { issued, version, .. }: Successor, now: Timestamp) {
        self.set_access_key(&issued.access_key);
        self.created_at = Expiry::at(now).to_string().into();
        let (token, secret_key) = match version {
            Field::Null => (issued.bearer().into(), issued.secret_key.into()),
            _ => (Field::Null, Field::Null),
        };
        self.delivery.token = token;
        self.secret_key = secret_key;
        self.delivery.vault_version = version;
    }

    pub(super) fn set_access_key(&mut self, access_key: &AccessKey) {
        self.id = Srn::ServiceToken(access_key).to_string().into();
        self.access_key = access_key.as_str().into();
    }

    /// A token was issued, or may have been, whose value is unknown.
    pub(super) fn set_without_value(&mut self, access_key: &AccessKey) {
        self.set_access_key(access_key);
        self.created_at = Field::Null;
        self.delivery.token = Field::Null;
        self.secret_key = Field::Null;
        self.delivery.vault_version = self.delivery.vault.known().map(|_| 0).into();
    }
}
