//! The limit of permanent tokens, and what a plan does to their number.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::api::{StreamToken, TokenId};
use crate::framework::Diagnostic;
use crate::token::Expiry;

/// "Permanent stream_tokens are restricted to maximum 5 of them per account/space" (NeuroIO, "Stream tokens").
const LIMIT: usize = 5;

/// What the present plan creates and deletes. Terraform plans each resource by a call of its own.
#[derive(Default)]
pub(super) struct PlannedTokens(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    created: usize,
    deleted: BTreeSet<TokenId>,
}

impl PlannedTokens {
    /// Notes that a token will go.
    pub(super) fn delete(&self, id: TokenId) {
        self.planned(|planned| planned.deleted.insert(id));
    }

    /// Notes that a permanent token will be created in addition to the present ones, and returns a warning where they are too
    /// many.
    pub(super) fn create(&self, present: &[StreamToken]) -> Option<Diagnostic> {
        self.planned(|planned| {
            planned.created += 1;
            judge(planned, present)
        })
    }

    /// Notes that a permanent token that was to be created is there, or will not come: Terraform plans again what is left.
    pub(super) fn settle(&self) {
        self.planned(|planned| planned.created = planned.created.saturating_sub(1));
    }

    fn planned<T>(&self, with: impl FnOnce(&mut Counts) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn judge(planned: &Counts, present: &[StreamToken]) -> Option<Diagnostic> {
    let leaving = present
        .iter()
        .filter(|token| planned.deleted.contains(&token.id))
        .count();
    let together = present.len() + planned.created;
    if together <= LIMIT {
        return None;
    }
    let (summary, but) = if together - leaving > LIMIT {
        (
            "This plan exceeds the limit of permanent tokens",
            "The platform would refuse what is too much, unless this plan also deletes enough of them first, or \
             deactivated ones do not count, which is not documented.",
        )
    } else {
        (
            "This plan just fits the limit of permanent tokens",
            "It works only once those have been deleted, so not with `create_before_destroy`, and not in parallel.",
        )
    };
    let detail = format!(
        "An account or space may have {LIMIT} permanent tokens. There are {}, and so far this plan makes {} and deletes \
         {leaving}. {but} There are now:\n{}",
        present.len(),
        planned.created,
        list(present)
    );
    Some(Diagnostic::warning(summary, detail).on("permanent"))
}

/// What to add to a refusal that may be due to the limit.
pub(super) fn exhausted(present: &[StreamToken]) -> Option<String> {
    (present.len() >= LIMIT).then(|| {
        let list = list(present);
        format!("An account or space may have {LIMIT} permanent tokens, and there are:\n{list}\n\nDelete one that is no longer needed.")
    })
}

/// The tokens, a line each, the oldest first.
pub(super) fn list(tokens: &[StreamToken]) -> String {
    let mut tokens: Vec<_> = tokens.iter().collect();
    tokens.sort_by_key(|token| (token.created, token.id));
    let lines = tokens.into_iter().map(|token| {
        let created = token
            .created
            .map_or(String::new(), |at| format!(", made at {}", Expiry::at(at)));
        let deactivated = if token.is_active { "" } else { ", deactivated" };
        format!("\n  - {}{created}{deactivated}", token.id)
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> TokenId {
        number.to_string().parse().unwrap()
    }

    fn present(count: usize) -> Vec<StreamToken> {
        let token = |number| StreamToken {
            id: id(number),
            is_active: number != 2,
            created: format!("2027-01-0{number}T00:00:00.5Z").parse().ok(),
            expires: None,
        };
        (1..=count).map(token).collect()
    }

    #[test]
    fn a_plan_is_held_against_the_limit() {
        for (there, deleted, created, told) in [
            (0, vec![], 5, None),
            (0, vec![], 6, Some("exceeds")),
            (4, vec![], 1, None),
            (5, vec![], 1, Some("exceeds")),
            (5, vec![1], 1, Some("just fits")),
            (5, vec![1], 2, Some("exceeds")),
            (5, vec![1, 3], 2, Some("just fits")),
            // What the plan deletes has gone meanwhile.
            (4, vec![5], 1, None),
        ] {
            let planned = PlannedTokens::default();
            deleted.iter().for_each(|number| planned.delete(id(*number)));
            let last = (0..created).map(|_| planned.create(&present(there))).last().flatten();
            let summary = last.map(|last| last.summary);
            assert_eq!(
                summary.is_some(),
                told.is_some(),
                "{there} {deleted:?} {created}: {summary:?}"
            );
            assert!(
                summary.unwrap_or_default().contains(told.unwrap_or_default()),
                "{there} {deleted:?} {created}"
            );
        }
    }

    #[test]
    fn what_has_been_made_is_not_counted_twice() {
        let planned = PlannedTokens::default();
        for there in 0..5 {
            assert_eq!(planned.create(&present(there)), None);
            planned.settle();
        }
    }

    #[test]
    fn list_shows_what_distinguishes_the_tokens() {
        let list = list(&present(2));
        assert_eq!(
            list,
            "\n  - 1, made at 2027-01-01T00:00:00Z\n  - 2, made at 2027-01-02T00:00:00Z, deactivated"
        );
        assert!(exhausted(&present(4)).is_none() && exhausted(&present(5)).is_some());
    }
}
