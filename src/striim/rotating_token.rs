//! What the plans of all resources with one token have in common: the decision whether its value is rotated, and what
//! follows from it for the plan.

use jiff::Timestamp;

use super::kept::{Kept, Record};
use super::rotation::{self, Decision, Rotation};
use super::session::Connection;
use crate::framework::{Change, Context, Diagnostics, Field, Model, PrivateState};
use crate::platform::attributes::{Triggers, keep_spelling, known_duration, may_rotate};
use crate::platform::decision_time::{self, DecisionTime};
use crate::platform::generation;
use crate::platform::hand_over::{Destination, HandOver, Owner};
use crate::token::{Lifetime, PresentValue};

/// The attributes of a resource with one token.
pub(super) trait RotatingToken: Model + Clone {
    /// How a message names it.
    fn what(&self) -> String;

    /// What declares its rotation.
    fn rotation(&self) -> Rotation<'_>;

    /// Whether the value in the state is the one that works.
    fn value(&self, private: &PrivateState) -> PresentValue;

    /// The number of its value.
    fn generation(&self) -> &Field<i64>;

    /// Itself, as the owner of a secret at `place`.
    fn owner(&self, place: &Field<Destination>) -> Owner;

    /// What the state keeps of its value.
    fn kept(&mut self) -> Kept<'_>;

    /// What the state keeps of its delivery.
    fn hand_over(&mut self) -> HandOver<'_>;

    /// `expires_at`, `expires_in` and `rotate_before`, which users may spell in several ways.
    fn spelled(&mut self) -> [&mut Field<String>; 3];

    /// `rotation_triggers` and `vault`.
    fn declared(&mut self) -> (&mut Field<Triggers>, &mut Field<Destination>);

    /// Records at a refresh by which instant the next plan decides.
    fn record_decision(&self, private: &PrivateState, now: Timestamp) {
        let (rotation, value) = (self.rotation(), self.value(private));
        decision_time::refresh(private, now, |at| rotation.boundary(Record::read(private), value, at));
    }

    /// In a plan: a new value will come.
    fn expect(&mut self, config: &Self) {
        self.kept().expect(config.rotation().expires_at);
        self.hand_over().expect();
    }

    /// In a plan: the spelling in the state stays, so that another one is no difference.
    fn keep_spelling(&mut self, prior: &Self) {
        let Rotation {
            expires_at,
            expires_in,
            rotate_before,
            ..
        } = prior.rotation();
        for (planned, prior) in self.spelled().into_iter().zip([expires_at, expires_in, rotate_before]) {
            keep_spelling(planned, prior);
        }
    }

    /// In a plan: nothing can be issued, so the declaration stays as it was where Terraform permits that.
    fn keep_declaration(&mut self, prior: &Self) {
        let Rotation {
            rotation_triggers,
            vault,
            ..
        } = prior.rotation();
        let (planned_triggers, planned_vault) = self.declared();
        rotation::keep_declaration(planned_triggers, rotation_triggers);
        rotation::keep_declaration(planned_vault, vault);
        if planned_vault.is_null() != vault.is_null() {
            // The expired value is kept nowhere: no other place can get it.
            let HandOver { token, version, .. } = self.hand_over();
            *token = Field::Null;
            *version = Field::Null;
        }
    }
}

/// Plans the value of a token that is not replaced: it stays, or is rotated. `before_rotation` reports what else a rotation
/// does. Without a connection, the provider's configuration is not known yet.
pub(super) async fn plan_value<T: RotatingToken>(
    connection: Option<&Connection>,
    context: &Context,
    change: &mut Change<T>,
    lifetime: Lifetime,
    now: Timestamp,
    before_rotation: impl AsyncFnOnce(&Connection, &T, &mut Diagnostics),
    diagnostics: &mut Diagnostics,
) {
    let Change {
        config,
        prior: Some(prior),
        planned,
        ..
    } = change
    else {
        return;
    };
    planned.keep_spelling(prior);
    let (what, declared, was) = (prior.what(), config.rotation(), prior.rotation());
    let (record, value) = (Record::read(&context.private), prior.value(&context.private));
    let records = decision_time::records(prior, planned);
    let time = DecisionTime::new(&context.private, now, records, known_duration(declared.expires_in));
    let decide = |at| declared.decide(was, record, value, at);
    match time.decide(&what, decide, diagnostics) {
        Decision::Keep => {
            if declared.is_fixed() {
                was.tell_of_the_end(record, &what, now, diagnostics);
            }
            if let Some(connection) = connection {
                let vault = planned.rotation().vault;
                connection.vault.claim(vault, &prior.owner(vault), diagnostics);
            }
        }
        Decision::Ended(reasons) => {
            diagnostics.push(rotation::ended(&what, was.real_expiry(record), &reasons));
            planned.keep_declaration(prior);
        }
        Decision::Rotate(reasons) => {
            diagnostics.push(rotation::rotates(&what, &reasons));
            diagnostics.extend(declared.follows_the_clock(was, record, &what, now));
            Record::plan(&context.private, now);
            if let Some(connection) = connection {
                before_rotation(connection, prior, diagnostics).await;
                let vault = planned.rotation().vault;
                connection.vault.move_away(was.vault, vault, &prior.owner(was.vault));
                let operation = connection.operation(context);
                connection
                    .vault
                    .plan(&operation, vault, prior.owner(vault), diagnostics)
                    .await;
            }
            diagnostics.ok(declared.expiry_to_send(now, lifetime));
            *planned.hand_over().generation = generation::after(prior.generation());
            planned.expect(config);
        }
        Decision::NotKnownYet(unknown) => {
            diagnostics.push(may_rotate(&what, &unknown));
            Record::plan(&context.private, now);
            if let Some(connection) = connection {
                let (operation, vault) = (connection.operation(context), planned.rotation().vault);
                connection
                    .vault
                    .plan(&operation, vault, prior.owner(vault), diagnostics)
                    .await;
            }
            *planned.hand_over().generation = Field::Unknown;
            planned.expect(config);
        }
    }
}
