//! What configuration, plan and state have of a service token.

use jiff::Timestamp;
use secrecy::SecretString;

use super::rotation::{Previous, Rotation, Standing};
use super::succeed::Successor;
use crate::framework::{Diagnostic, Diagnostics, Field, PrivateState, model};
use crate::platform::attributes::Triggers;
use crate::platform::hand_over::{self, Destination, HandOver, Owner};
use crate::platform::private_record;
use crate::startree::api::{AccessKey, Srn};
use crate::startree::presence::deleted_outside;
use crate::startree::succession::Predecessor;
use crate::token::{Expiry, PresentValue};
use crate::vault::Entry;

model! {
    /// The attributes of `startree_service_token`.
    pub(in crate::startree) struct Model {
        id: String,
        description: String,
        rotation_triggers: Triggers,
        rotate_every: String,
        overlap: String,
        vault: Destination,
        /// The version in Vault that holds the present value.
        vault_version: i64,
        access_key: String,
        secret_key: SecretString,
        token: SecretString,
        /// When the present one was made.
        created_at: String,
        /// 1 for the first token, one more for each rotation; 0 after an import.
        generation: i64,
        /// Another one, which is still to be ended.
        previous_access_key: String,
        /// From when on an apply ends it.
        previous_ends_at: String,
    }
}

impl Model {
    pub(super) fn description(&self) -> &str {
        self.description.known().map_or("", String::as_str)
    }

    /// How a message names it.
    pub(super) fn what(&self) -> String {
        match self.description.known() {
            Some(description) => format!("The service token {description:?}"),
            None => format!(
                "The service token {}",
                self.access_key.known().map_or("", String::as_str)
            ),
        }
    }

    /// The access key in a state, where it cannot be anything but one.
    pub(super) fn access_key(&self) -> Result<AccessKey, Diagnostic> {
        self.access_key
            .known()
            .map_or("", String::as_str)
            .parse()
            .map_err(|error| {
                let detail =
                    format!("What the state has for `access_key` is none: it {error}. The state was changed by hand.");
                Diagnostic::error("Unreadable access key", detail)
            })
    }

    /// What its value is known by in Vault.
    pub(super) fn held_as(&self) -> Option<Entry> {
        self.access_key.known().map(|key| key.as_str().into())
    }

    pub(super) fn previous(&self) -> Option<AccessKey> {
        self.previous_access_key.known()?.parse().ok()
    }

    /// The other token, for what is assigned to both.
    pub(super) fn predecessor(&self) -> Option<Predecessor> {
        Some(Predecessor {
            access_key: self.previous()?,
            overlaps: instant(&self.previous_ends_at).is_some(),
        })
    }

    pub(super) fn made(&self) -> Option<Timestamp> {
        instant(&self.created_at)
    }

    pub(super) fn rotation(&self) -> Rotation<'_> {
        Rotation {
            rotation_triggers: &self.rotation_triggers,
            rotate_every: &self.rotate_every,
            overlap: &self.overlap,
            vault: &self.vault,
        }
    }

    pub(super) fn standing(&self, private: &PrivateState) -> Standing {
        let imported = private_record::is_imported(private, &self.generation);
        let in_state = match (imported, self.token.is_null()) {
            (true, _) => PresentValue::Imported,
            (_, true) => PresentValue::Undelivered,
            (_, false) => PresentValue::Ours,
        };
        Standing {
            value: hand_over::present_value(&self.vault, &self.vault_version, in_state),
            made: self.made(),
            previous: match (self.previous_access_key.is_null(), instant(&self.previous_ends_at)) {
                (true, _) => Previous::None,
                (false, Some(end)) => Previous::Until(end),
                (false, None) => Previous::Due,
            },
        }
    }

    /// Itself, as the owner of a secret at `place`. A description is no name: another token may have it, too.
    pub(super) fn owner(&self, place: &Field<Destination>) -> Owner {
        let description = self.description.known().cloned();
        let owner = Owner::new(self.what(), "service token", description, false, self.held_as());
        owner.with_state((&self.vault, &self.vault_version), place)
    }

    pub(super) fn hand_over(&mut self) -> HandOver<'_> {
        HandOver {
            what: self.what(),
            name: self.description().to_owned(),
            id: self.held_as(),
            note: None,
            vault: &self.vault,
            version: &mut self.vault_version,
            token: &mut self.token,
            generation: &mut self.generation,
        }
    }

    /// In a plan: another token will come.
    pub(super) fn expect(&mut self) {
        self.id = Field::Unknown;
        self.access_key = Field::Unknown;
        self.secret_key = Field::Unknown;
        self.token = Field::Unknown;
        self.created_at = Field::Unknown;
        self.hand_over().expect();
        if self.token.is_null() {
            self.secret_key = Field::Null;
        }
    }

    /// A token that was made.
    pub(super) fn take(&mut self, Successor { issued, version, .. }: Successor, now: Timestamp) {
        self.name(&issued.access_key);
        self.created_at = Expiry::at(now).to_string().into();
        let (token, secret_key) = match version {
            Field::Null => (issued.bearer().into(), issued.secret_key.into()),
            _ => (Field::Null, Field::Null),
        };
        self.token = token;
        self.secret_key = secret_key;
        self.vault_version = version;
    }

    pub(super) fn name(&mut self, access_key: &AccessKey) {
        self.id = Srn::ServiceToken(access_key).to_string().into();
        self.access_key = access_key.as_str().into();
    }

    /// Another one is still to be ended.
    pub(super) fn leave(&mut self, access_key: &AccessKey, previous: Previous) {
        self.previous_access_key = access_key.as_str().into();
        self.previous_ends_at = ends_at(previous);
    }

    pub(super) fn forget_previous(&mut self) {
        self.previous_access_key = Field::Null;
        self.previous_ends_at = Field::Null;
    }

    /// Another token is known to be in its place, with a value that Vault has.
    pub(super) fn succeeded_by(&mut self, access_key: &AccessKey, now: Timestamp) {
        if let Ok(before) = self.access_key() {
            self.leave(&before, Previous::Due);
        }
        self.name(access_key);
        self.created_at = Expiry::at(now).to_string().into();
    }

    /// One that was made, or may have been, and whose value nobody knows.
    pub(super) fn without_value(&mut self, access_key: &AccessKey) {
        self.name(access_key);
        self.created_at = Field::Null;
        self.token = Field::Null;
        self.secret_key = Field::Null;
        self.vault_version = self.vault.known().map(|_| 0).into();
    }

    /// The present one is gone. Another one that is still to be ended takes its place, so that it is not forgotten; `None`
    /// if there is none.
    pub(super) fn fall_back(&mut self, diagnostics: &mut Diagnostics) -> Option<()> {
        let Some(previous) = self.previous() else {
            let access_key = self.access_key.known().map_or("", String::as_str);
            diagnostics.push(deleted_outside(
                &self.what(),
                &format!("Its value, access key {access_key}, is no longer valid."),
            ));
            return None;
        };
        diagnostics.push(Diagnostic::warning(
            format!("{} was deleted outside Terraform", self.what()),
            format!(
                "The one before it, {previous}, is still there, and takes its place in the state without a value. A plan \
                 says what it does about it."
            ),
        ));
        self.without_value(&previous);
        self.forget_previous();
        Some(())
    }
}

pub(super) fn instant(text: &Field<String>) -> Option<Timestamp> {
    Some(Expiry::parse(text.known()?).ok()?.instant())
}

pub(super) fn ends_at(previous: Previous) -> Field<String> {
    match previous {
        Previous::Until(end) => Expiry::at(end).to_string().into(),
        Previous::None | Previous::Due => Field::Null,
    }
}
