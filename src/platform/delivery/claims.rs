//! Which secrets the tokens of a run go to.
//!
//! A write replaces the whole secret, so two tokens with one place destroy each other's values. What Vault holds does not
//! show that before the first of them is written; what the other plans of the same provider process declared does.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::owner::Owner;
use crate::platform::declarations::Duplicate;
use crate::vault::{Entry, Place};

/// The destinations that tokens of this process have, and those that they leave.
#[derive(Default)]
pub(super) struct Claims(Mutex<Known>);

#[derive(Default)]
struct Known {
    claims: Vec<Claim>,
    /// Whose secret goes away in this run.
    leaving: Vec<(Place, Owner)>,
    /// Whose state names the place, by the refresh.
    refreshed: Vec<(Place, Owner)>,
}

struct Claim {
    place: Place,
    owner: Owner,
    stage: Stage,
}

/// How far the token of a claim has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stage {
    /// It is there, or takes the place of one that is there.
    Present,
    /// Its creation is planned: each plan call for one is another resource's.
    PlannedCreation,
    /// Its value is being made.
    Applied,
}

impl Claims {
    /// Notes where a token's value goes.
    ///
    /// # Errors
    /// The name of the other token, if the place is taken. Where nothing distinguishes two planned creations, one may have
    /// been planned twice.
    pub(super) fn claim(&self, place: &Place, owner: &Owner, stage: Stage) -> Result<(), (String, Duplicate)> {
        let mut known = self.lock();
        let taken = known.claims.iter().find(|claim| {
            let is_twin = stage == Stage::PlannedCreation && claim.stage == stage && !owner.is_unique;
            claim.place == *place && (is_twin || !claim.owner.may_be(owner))
        });
        if let Some(taken) = taken {
            let is_certain = !taken.owner.may_be(owner);
            let twin = if is_certain {
                Duplicate::Certain
            } else {
                Duplicate::Possible
            };
            return Err((taken.owner.what.clone(), twin));
        }
        known.claims.retain(|claim| !claim.owner.is(owner));
        known.claims.push(Claim {
            place: place.clone(),
            owner: owner.clone(),
            stage,
        });
        Ok(())
    }

    /// Notes what identifies the value that a token has now.
    pub(super) fn identify(&self, place: &Place, owner: &Owner, id: Option<&Entry>) {
        for claim in &mut self.lock().claims {
            if claim.place == *place && claim.owner.is(owner) {
                claim.owner.id = id.cloned();
            }
        }
    }

    /// Notes that a token's secret at `place` goes away in this run: it is deleted, or its value goes elsewhere.
    pub(super) fn leave(&self, place: &Place, owner: &Owner) {
        let mut known = self.lock();
        known
            .claims
            .retain(|claim| claim.place != *place || !claim.owner.is(owner));
        known.leaving.push((place.clone(), owner.clone()));
    }

    /// Notes a token whose state names the place.
    pub(super) fn refresh(&self, place: &Place, owner: &Owner) {
        self.lock().refreshed.push((place.clone(), owner.clone()));
    }

    /// The tokens whose secrets a new token may find at `place`: those that go away in this run, and the one that it may
    /// replace. Terraform does not say which one that is, and plans what is tainted as if there were none.
    pub(super) fn predecessors(&self, place: &Place, owner: &Owner) -> Vec<Owner> {
        let known = self.lock();
        let replaced = known.refreshed.iter().filter(|(_, other)| other.may_be(owner));
        let found = known.leaving.iter().chain(replaced);
        let found = found.filter(|(left, _)| left == place);
        found.map(|(_, owner)| owner.clone()).collect()
    }

    /// Forgets a token that was deleted.
    pub(super) fn release(&self, place: &Place, owner: &Owner) {
        let mut known = self.lock();
        known
            .claims
            .retain(|claim| claim.place != *place || !claim.owner.may_be(owner));
        known.leaving.retain(|(left, of)| left != place || !of.may_be(owner));
        known.refreshed.retain(|(left, of)| left != place || !of.may_be(owner));
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owner {
    /// Whether the two are certainly one token, whose value goes to one place.
    fn is(&self, other: &Self) -> bool {
        self.is_named_as(other) && self.by_action == other.by_action && (self.is_unique || self.id == other.id)
    }

    /// Whether the two may be one token: where a name is not unique, only ids that differ show that they are not.
    pub(super) fn may_be(&self, other: &Self) -> bool {
        self.is_named_as(other) && (self.is_unique || self.id.is_none() || other.id.is_none() || self.id == other.id)
    }

    fn is_named_as(&self, other: &Self) -> bool {
        self.kind == other.kind && self.name == other.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Stage::{Applied, PlannedCreation, Present};

    fn place(path: &str) -> Place {
        Place::new("secret", path).unwrap()
    }

    fn account(name: &str) -> Owner {
        Owner::new(name.to_owned(), "account", Some(name.to_owned()), true, None)
    }

    /// One whose name another may have, too.
    fn described(text: &str, id: Option<&str>) -> Owner {
        Owner::new(
            text.to_owned(),
            "token",
            Some(text.to_owned()),
            false,
            id.map(Entry::from),
        )
    }

    #[track_caller]
    fn refused(claimed: Result<(), (String, Duplicate)>, by: &str) {
        assert_eq!(claimed, Err((by.to_owned(), Duplicate::Certain)));
    }

    #[test]
    fn one_place_for_two_tokens_is_refused_however_it_is_spelled() {
        for (mount, path) in [("secret", "ci"), ("/secret/", "/ci"), ("secret", "ci/")] {
            let claims = Claims::default();
            claims.claim(&place("ci"), &account("a"), PlannedCreation).unwrap();
            let other = Place::new(mount, path).unwrap();
            for stage in [PlannedCreation, Present, Applied] {
                refused(claims.claim(&other, &account("b"), stage), "a");
                refused(claims.claim(&other, &described("a", None), stage), "a");
            }
            claims.claim(&place("ci/deeper"), &account("b"), Present).unwrap();
        }
    }

    #[test]
    fn replaced_token_shares_its_place_with_its_successor() {
        let claims = Claims::default();
        // Its first plan call, the second one, the apply's, and the apply.
        for stage in [Present, PlannedCreation, PlannedCreation, Applied] {
            claims.claim(&place("ci"), &account("a"), stage).unwrap();
        }
        claims.release(&place("ci"), &account("a"));
        claims.claim(&place("ci"), &account("b"), PlannedCreation).unwrap();
    }

    #[test]
    fn place_that_a_token_leaves_is_free() {
        let claims = Claims::default();
        claims.claim(&place("ci"), &account("a"), Present).unwrap();
        claims.claim(&place("elsewhere"), &account("a"), Present).unwrap();
        claims.claim(&place("ci"), &account("b"), Present).unwrap();
        refused(claims.claim(&place("ci"), &account("a"), Present), "b");

        claims.leave(&place("ci"), &account("b"));
        claims.claim(&place("ci"), &account("c"), Present).unwrap();
        assert_eq!(claims.predecessors(&place("ci"), &account("c")).len(), 1);
    }

    #[test]
    fn tokens_of_one_description_are_distinguished_by_their_keys_or_by_their_creations() {
        let claims = Claims::default();
        claims.claim(&place("ci"), &described("d", Some("1")), Present).unwrap();
        claims.claim(&place("ci"), &described("d", Some("1")), Present).unwrap();
        refused(claims.claim(&place("ci"), &described("d", Some("2")), Present), "d");

        let claims = Claims::default();
        claims
            .claim(&place("ci"), &described("d", None), PlannedCreation)
            .unwrap();
        let again = claims.claim(&place("ci"), &described("d", None), PlannedCreation);
        assert_eq!(again, Err(("d".to_owned(), Duplicate::Possible)));
    }

    #[test]
    fn token_that_was_created_keeps_its_place_under_its_key() {
        let claims = Claims::default();
        for stage in [PlannedCreation, Applied] {
            claims.claim(&place("ci"), &described("d", None), stage).unwrap();
        }
        claims.identify(&place("ci"), &described("d", None), Some(&"1".into()));
        claims.claim(&place("ci"), &described("d", Some("1")), Present).unwrap();
        claims.identify(&place("ci"), &described("d", Some("1")), Some(&"2".into()));
        claims.claim(&place("ci"), &described("d", Some("2")), Present).unwrap();
        refused(claims.claim(&place("ci"), &described("e", None), PlannedCreation), "d");
    }
}
