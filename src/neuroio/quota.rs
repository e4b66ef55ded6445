//! The limit of permanent tokens, and the number of them that a plan leads to.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::api::{StreamToken, TokenId};

/// The number of permanent tokens that an account or space may have: "Permanent stream_tokens are
/// restricted to maximum 5 of them per account/space" (NeuroIO, "Stream tokens").
pub(super) const LIMIT: usize = 5;

/// The permanent tokens that the current plan creates and deletes. Terraform plans each resource in
/// a separate call.
#[derive(Default)]
pub(super) struct PlannedTokens(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    created: usize,
    deleted: BTreeSet<TokenId>,
}

/// A plan that needs more tokens than the limit allows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excess {
    /// The number of tokens that the plan creates so far.
    pub(super) created: usize,
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

    /// Removes a planned creation after its apply, successful or not: Terraform plans a failed
    /// creation again.
    pub(super) fn creation_finished(&self) {
        self.update(|counts| counts.created = counts.created.saturating_sub(1));
    }

    fn update<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn excess(planned: &Counts, existing: &[StreamToken]) -> Option<Excess> {
    let deleted = existing
        .iter()
        .filter(|token| planned.deleted.contains(&token.id))
        .count();
    let total = existing.len() + planned.created;
    (total > LIMIT).then_some(Excess {
        created: planned.created,
        deleted,
        fits_after_deletions: total - deleted <= LIMIT,
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

    #[test]
    fn created_tokens_are_not_counted_twice() {
        let planned = PlannedTokens::default();
        for present in 0..5 {
            assert_eq!(planned.create(&existing(present)), None);
            planned.creation_finished();
        }
    }
}
