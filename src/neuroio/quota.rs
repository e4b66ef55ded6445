//! The limit of permanent tokens, and the number of them that a plan leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::api::{StreamToken, TokenId};

/// The number of permanent tokens that an account or space may have: "Permanent stream_tokens are
/// restricted to maximum 5 of them per account/space" (NeuroIO, "Stream tokens").
pub(super) const LIMIT: usize = 5;

/// The permanent tokens that the current plan creates, rotates and deletes. Terraform plans each
/// resource in a separate call.
#[derive(Default)]
pub(super) struct PlannedTokens(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    created: usize,
    /// The rotations, by the current token.
    rotated: BTreeMap<TokenId, PlannedRotation>,
    deleted: BTreeSet<TokenId>,
}

/// A planned rotation. It creates a token before it deletes the current one.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlannedRotation {
    /// Whether the current token remains valid after the run.
    pub(super) keeps_current: bool,
    /// The previous token, which the rotation deletes before it creates one.
    pub(super) deletes_first: Option<TokenId>,
}

/// A plan that needs more tokens than the limit allows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excess {
    /// The number of tokens that the plan creates so far, without rotations.
    pub(super) created: usize,
    /// The number of tokens that the plan rotates so far.
    pub(super) rotated: usize,
    /// The number of existing tokens that the plan deletes so far.
    pub(super) deleted: usize,
    /// Whether the number is within the limit once all deletions are done.
    pub(super) fits_after_deletions: bool,
}

impl PlannedTokens {
    /// Records a planned deletion.
    pub(super) fn delete(&self, id: TokenId) {
        self.update(|counts| counts.deleted.insert(id));
    }

    /// Records a planned creation. Returns the excess if the plan now needs too many tokens in
    /// addition to the existing ones.
    pub(super) fn create(&self, existing: &[StreamToken]) -> Option<Excess> {
        self.update(|counts| {
            counts.created += 1;
            excess(counts, existing)
        })
    }

    /// Records a planned rotation of a token. Returns the excess if the plan now needs too many
    /// tokens in addition to the existing ones.
    pub(super) fn rotate(&self, id: TokenId, rotation: PlannedRotation, existing: &[StreamToken]) -> Option<Excess> {
        self.update(|counts| {
            counts.rotated.insert(id, rotation);
            excess(counts, existing)
        })
    }

    /// Removes a planned creation after its apply, successful or not: Terraform plans a failed
    /// creation again.
    pub(super) fn creation_finished(&self) {
        self.update(|counts| counts.created = counts.created.saturating_sub(1));
    }

    /// Removes a planned rotation of a token after its apply, successful or not.
    pub(super) fn rotation_finished(&self, id: TokenId) {
        self.update(|counts| counts.rotated.remove(&id));
    }

    fn update<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn excess(planned: &Counts, existing: &[StreamToken]) -> Option<Excess> {
    let exists = |id: &TokenId| existing.iter().any(|token| token.id == *id);
    let deleted = planned.deleted.iter().filter(|id| exists(id)).count();
    let rotations = planned.rotated.values();
    let deleted_first: BTreeSet<_> = rotations
        .clone()
        .filter_map(|rotation| rotation.deletes_first)
        .collect();
    let deleted_first = deleted_first.iter().filter(|id| exists(id)).count();
    // Rotations take turns, so those that delete the current token at once need one place together.
    let kept = rotations.clone().filter(|rotation| rotation.keeps_current).count();
    let in_turn = usize::from(rotations.clone().any(|rotation| !rotation.keeps_current));
    let total = existing.len() + planned.created + kept + in_turn - deleted_first;
    (total > LIMIT).then_some(Excess {
        created: planned.created,
        rotated: planned.rotated.len(),
        deleted,
        fits_after_deletions: total - deleted.saturating_sub(deleted_first) <= LIMIT,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> TokenId {
        number.to_string().parse().unwrap()
    }

    fn existing(count: usize) -> Vec<StreamToken> {
        let token = |number| StreamToken {
            id: id(number),
            is_active: true,
            created: None,
            expires: None,
        };
        (1..=count).map(token).collect()
    }

    #[test]
    fn create_returns_the_excess_over_the_limit() {
        let (exceeds, fits_after_deletions) = (Some(false), Some(true));
        for (present, deleted, created, expected) in [
            (0, vec![], 5, None),
            (0, vec![], 6, exceeds),
            (4, vec![], 1, None),
            (5, vec![], 1, exceeds),
            (5, vec![1], 1, fits_after_deletions),
            (5, vec![1], 2, exceeds),
            (5, vec![1, 3], 2, fits_after_deletions),
            // The token that the plan deletes is already gone.
            (4, vec![5], 1, None),
        ] {
            let planned = PlannedTokens::default();
            deleted.iter().for_each(|number| planned.delete(id(*number)));
            let last = (0..created).map(|_| planned.create(&existing(present))).last();
            let excess = last.flatten().map(|excess| excess.fits_after_deletions);
            assert_eq!(excess, expected, "{present} {deleted:?} {created}");
        }
    }

    /// (existing tokens, creations, rotations: token, whether it is kept, deleted first; whether the
    /// plan exceeds the limit)
    #[test]
    fn rotations_need_one_place_together_or_one_each_with_overlap() {
        type Rotations = &'static [(usize, bool, Option<usize>)];
        let at_once: Rotations = &[(1, false, None), (2, false, None), (3, false, None)];
        let overlapping: Rotations = &[(1, true, None), (2, true, None)];
        let again: Rotations = &[(1, true, Some(4))];
        let again_at_once: Rotations = &[(1, false, Some(5)), (2, false, None)];
        for (present, created, rotations, exceeds) in [
            (4, 0, at_once, false),
            (5, 0, at_once, true),
            (4, 1, at_once, true),
            (3, 1, at_once, false),
            (3, 0, overlapping, false),
            (4, 0, overlapping, true),
            (2, 1, overlapping, false),
            (3, 1, overlapping, true),
            (5, 0, again, false),
            (5, 0, again_at_once, false),
        ] {
            let planned = PlannedTokens::default();
            let tokens = existing(present);
            let mut excess = None;
            for _ in 0..created {
                excess = planned.create(&tokens);
            }
            for (token, keeps_current, deletes_first) in rotations {
                let deletes_first = deletes_first.map(id);
                deletes_first.into_iter().for_each(|previous| planned.delete(previous));
                let rotation = PlannedRotation {
                    keeps_current: *keeps_current,
                    deletes_first,
                };
                excess = planned.rotate(id(*token), rotation, &tokens);
            }
            let fits = excess.map(|excess| excess.fits_after_deletions);
            let expected = exceeds.then_some(false);
            assert_eq!(fits, expected, "{present} {created} {rotations:?}");
        }
    }

    #[test]
    fn rotation_planned_again_or_finished_is_not_counted_twice() {
        let planned = PlannedTokens::default();
        let rotation = PlannedRotation {
            keeps_current: true,
            deletes_first: None,
        };
        for _ in 0..3 {
            assert_eq!(planned.rotate(id(1), rotation, &existing(4)), None);
        }
        planned.rotation_finished(id(1));
        assert_eq!(planned.rotate(id(2), rotation, &existing(4)), None);
    }

    #[test]
    fn created_tokens_are_not_counted_twice() {
        let planned = PlannedTokens::default();
        for present in 0..5 {
            assert_eq!(planned.create(&existing(present)), None);
            planned.creation_finished();
        }
    }
}
