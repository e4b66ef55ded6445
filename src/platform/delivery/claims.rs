//! The secrets that the tokens of a run are written to.
//!
//! A write replaces the whole secret, so that two tokens with the same secret destroy each other's
//! values. Vault shows that only after the first write; the plans of the same provider process show
//! it before.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::owner::Owner;
use crate::platform::declarations::Duplicate;
use crate::vault::{Entry, SecretPath};

/// The secrets that this process plans to write, to delete, or found in the state.
#[derive(Default)]
pub(super) struct Claims(Mutex<Known>);

#[derive(Default)]
struct Known {
    claims: Vec<Claim>,
    /// The secrets that this run deletes.
    deletions: Vec<(SecretPath, Owner)>,
    /// The secrets that a refreshed state names.
    in_state: Vec<(SecretPath, Owner)>,
}

struct Claim {
    path: SecretPath,
    owner: Owner,
    stage: Stage,
}

/// The stage of a claim.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stage {
    /// The token exists or replaces an existing one.
    Present,
    /// The creation of the token is planned. Each plan call of a creation is another resource's.
    PlannedCreation,
    /// The value is being issued.
    Applied,
}

impl Claims {
    /// Claims a secret for a token.
    ///
    /// # Errors
    /// Returns the name of the other token that claims the secret. Two planned creations that cannot
    /// be distinguished are a possible duplicate: one creation may have been planned twice.
    pub(super) fn claim(&self, path: &SecretPath, owner: &Owner, stage: Stage) -> Result<(), (String, Duplicate)> {
        let mut known = self.lock();
        let taken = known.claims.iter().find(|claim| {
            let is_second_creation = stage == Stage::PlannedCreation && claim.stage == stage && !owner.is_unique;
            claim.path == *path && (is_second_creation || !claim.owner.may_equal(owner))
        });
        if let Some(taken) = taken {
            let duplicate = match taken.owner.may_equal(owner) {
                true => Duplicate::Possible,
                false => Duplicate::Certain,
            };
            return Err((taken.owner.what.clone(), duplicate));
        }
        known.claims.retain(|claim| !claim.owner.equals(owner));
        known.claims.push(Claim {
            path: path.clone(),
            owner: owner.clone(),
            stage,
        });
        Ok(())
    }

    /// Records the id of the value that a token has now.
    pub(super) fn set_id(&self, path: &SecretPath, owner: &Owner, id: Option<&Entry>) {
        for claim in &mut self.lock().claims {
            if claim.path == *path && claim.owner.equals(owner) {
                claim.owner.id = id.cloned();
            }
        }
    }

    /// Records that this run deletes a token's secret, because the token is deleted or its value is
    /// moved to another secret.
    pub(super) fn plan_deletion(&self, path: &SecretPath, owner: &Owner) {
        let mut known = self.lock();
        known
            .claims
            .retain(|claim| claim.path != *path || !claim.owner.equals(owner));
        known.deletions.push((path.clone(), owner.clone()));
    }

    /// Records a token whose state names the secret.
    pub(super) fn refreshed(&self, path: &SecretPath, owner: &Owner) {
        self.lock().in_state.push((path.clone(), owner.clone()));
    }

    /// The tokens whose value a new token may find in its secret: those whose secret this run deletes,
    /// and the one that it may replace. Terraform does not say which one that is, and plans a tainted
    /// resource as if it did not exist.
    pub(super) fn predecessors(&self, path: &SecretPath, owner: &Owner) -> Vec<Owner> {
        let known = self.lock();
        let replaced = known.in_state.iter().filter(|(_, other)| other.may_equal(owner));
        let found = known.deletions.iter().chain(replaced);
        let found = found.filter(|(other, _)| other == path);
        found.map(|(_, owner)| owner.clone()).collect()
    }

    /// Removes all records of a token that was deleted.
    pub(super) fn release(&self, path: &SecretPath, owner: &Owner) {
        let mut known = self.lock();
        known
            .claims
            .retain(|claim| claim.path != *path || !claim.owner.may_equal(owner));
        let is_other = |(other, of): &(SecretPath, Owner)| other != path || !of.may_equal(owner);
        known.deletions.retain(is_other);
        known.in_state.retain(is_other);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owner {
    /// Whether the two are certainly the same token with the same secret.
    fn equals(&self, other: &Self) -> bool {
        self.has_name_of(other) && self.by_action == other.by_action && (self.is_unique || self.id == other.id)
    }

    /// Whether the two may be the same token: if the name is not unique, only different ids prove
    /// that they are not.
    pub(super) fn may_equal(&self, other: &Self) -> bool {
        self.has_name_of(other) && (self.is_unique || self.id.is_none() || other.id.is_none() || self.id == other.id)
    }

    fn has_name_of(&self, other: &Self) -> bool {
        self.kind == other.kind && self.name == other.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Stage::{Applied, PlannedCreation, Present};

    fn path(path: &str) -> SecretPath {
        SecretPath::new("secret", path).unwrap()
    }

    fn account(name: &str) -> Owner {
        Owner::new(name.to_owned(), "account", Some(name.to_owned()), true, None)
    }

    /// A token whose name is not unique.
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
    fn assert_conflict(claimed: Result<(), (String, Duplicate)>, by: &str) {
        assert_eq!(claimed, Err((by.to_owned(), Duplicate::Certain)));
    }

    #[test]
    fn claim_of_taken_secret_fails_for_each_spelling() {
        for (mount, other_path) in [("secret", "ci"), ("/secret/", "/ci"), ("secret", "ci/")] {
            let claims = Claims::default();
            claims.claim(&path("ci"), &account("a"), PlannedCreation).unwrap();
            let other = SecretPath::new(mount, other_path).unwrap();
            for stage in [PlannedCreation, Present, Applied] {
                assert_conflict(claims.claim(&other, &account("b"), stage), "a");
                assert_conflict(claims.claim(&other, &described("a", None), stage), "a");
            }
            claims.claim(&path("ci/deeper"), &account("b"), Present).unwrap();
        }
    }

    #[test]
    fn successor_claims_secret_of_replaced_token() {
        let claims = Claims::default();
        // Both plan calls of the plan, the plan call of the apply, and the apply.
        for stage in [Present, PlannedCreation, PlannedCreation, Applied] {
            claims.claim(&path("ci"), &account("a"), stage).unwrap();
        }
        claims.release(&path("ci"), &account("a"));
        claims.claim(&path("ci"), &account("b"), PlannedCreation).unwrap();
    }

    #[test]
    fn claim_of_secret_that_is_deleted_or_moved_succeeds() {
        let claims = Claims::default();
        claims.claim(&path("ci"), &account("a"), Present).unwrap();
        claims.claim(&path("elsewhere"), &account("a"), Present).unwrap();
        claims.claim(&path("ci"), &account("b"), Present).unwrap();
        assert_conflict(claims.claim(&path("ci"), &account("a"), Present), "b");

        claims.plan_deletion(&path("ci"), &account("b"));
        claims.claim(&path("ci"), &account("c"), Present).unwrap();
        assert_eq!(claims.predecessors(&path("ci"), &account("c")).len(), 1);
    }

    /// Terraform plans a tainted token as a creation, without its state.
    #[test]
    fn predecessors_include_refreshed_token_that_the_new_one_may_replace() {
        let claims = Claims::default();
        claims.refreshed(&path("ci"), &described("d", Some("1")));
        claims.refreshed(&path("other"), &described("d", Some("2")));
        let found = |name: &str| claims.predecessors(&path("ci"), &described(name, None));
        let [predecessor] = &found("d")[..] else {
            panic!("one token is refreshed with this secret")
        };
        assert!(predecessor.id == Some("1".into()));
        assert!(found("e").is_empty());
        claims.release(&path("ci"), &described("d", Some("1")));
        assert!(found("d").is_empty());
    }

    #[test]
    fn claim_distinguishes_tokens_with_same_description_by_id_or_creation() {
        let claims = Claims::default();
        claims.claim(&path("ci"), &described("d", Some("1")), Present).unwrap();
        claims.claim(&path("ci"), &described("d", Some("1")), Present).unwrap();
        assert_conflict(claims.claim(&path("ci"), &described("d", Some("2")), Present), "d");

        let claims = Claims::default();
        claims
            .claim(&path("ci"), &described("d", None), PlannedCreation)
            .unwrap();
        let again = claims.claim(&path("ci"), &described("d", None), PlannedCreation);
        assert_eq!(again, Err(("d".to_owned(), Duplicate::Possible)));
    }

    #[test]
    fn claim_of_created_token_continues_under_its_id() {
        let claims = Claims::default();
        for stage in [PlannedCreation, Applied] {
            claims.claim(&path("ci"), &described("d", None), stage).unwrap();
        }
        claims.set_id(&path("ci"), &described("d", None), Some(&"1".into()));
        claims.claim(&path("ci"), &described("d", Some("1")), Present).unwrap();
        claims.set_id(&path("ci"), &described("d", Some("1")), Some(&"2".into()));
        claims.claim(&path("ci"), &described("d", Some("2")), Present).unwrap();
        assert_conflict(claims.claim(&path("ci"), &described("e", None), PlannedCreation), "d");
    }
}
