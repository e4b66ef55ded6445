//! Drift of a pair's values, which a refresh records for the next plan.
//!
//! Terraform before 1.11, like OpenTofu, writes the old value of a nested attribute into its log where
//! a refresh changes it. Marking the objects as sensitive does not help: Terraform 1.9 then plans an
//! update without a change after every refresh. So a refresh keeps an account whose value was revoked
//! or rotated outside Terraform as it was in the state, and records in the private state what it found.
//! The plan applies that drift: it rotates, or shows the value as removed.

use serde::{Deserialize, Serialize};

use super::ServiceAccountTokenPair;
use super::account::{Account, existing};
use crate::framework::{Field, PrivateState};
use crate::striim::token_value::TokenMetadata;

/// The drift of an account whose value in the state is no longer valid. It contains no value.
#[derive(Serialize, Deserialize)]
enum Drift {
    Deleted,
    Rotated {
        token_id: Option<i64>,
        expires_at: Option<String>,
        updated_at: Option<String>,
        updated_by: Option<i64>,
    },
}

impl From<&Field<Account>> for Drift {
    fn from(found: &Field<Account>) -> Self {
        match existing(found) {
            None => Self::Deleted,
            Some(account) => Self::Rotated {
                token_id: account.metadata.token_id.known().copied(),
                expires_at: account.expires_at.known().cloned(),
                updated_at: account.metadata.updated_at.known().cloned(),
                updated_by: account.metadata.updated_by.known().copied(),
            },
        }
    }
}

impl Drift {
    /// Returns the account as the refresh found it.
    fn into_account(self, name: Field<String>) -> Account {
        match self {
            Self::Deleted => Account::default(),
            Self::Rotated {
                token_id,
                expires_at,
                updated_at,
                updated_by,
            } => Account {
                name,
                expires_at: expires_at.into(),
                metadata: TokenMetadata {
                    token_id: token_id.into(),
                    updated_at: updated_at.into(),
                    updated_by: updated_by.into(),
                },
                ..Account::default()
            },
        }
    }
}

/// The slots of a pair, each with the key of its drift.
fn slots(pair: &mut ServiceAccountTokenPair) -> [(&'static str, &mut Field<Account>); 2] {
    [
        ("drift.current", &mut pair.current),
        ("drift.previous", &mut pair.previous),
    ]
}

impl ServiceAccountTokenPair {
    /// Keeps the accounts of `state` whose value this refreshed pair lacks, and records the drift.
    pub(super) fn keep_values(mut self, state: &Self, private: &PrivateState) -> Self {
        let mut state = state.clone();
        for ((key, before), (_, refreshed)) in slots(&mut state).into_iter().zip(slots(&mut self)) {
            let has_value =
                |account: &Field<Account>| existing(account).is_some_and(|account| account.token.known().is_some());
            if has_value(before) && !has_value(refreshed) {
                private.set(key, Drift::from(&*refreshed));
                *refreshed = before.clone();
            } else {
                private.remove(key);
            }
        }
        self
    }

    /// Returns the pair as the last refresh found it.
    pub(super) fn with_drift(&self, private: &PrivateState) -> Self {
        let mut pair = self.clone();
        for (key, slot) in slots(&mut pair) {
            if let Some(drift) = private.get::<Drift>(key) {
                let name = existing(slot).map_or(Field::Null, |account| account.name.clone());
                *slot = drift.into_account(name).into();
            }
        }
        pair
    }
}

/// Removes the recorded drift after an apply.
pub(super) fn clear(private: &PrivateState) {
    for (key, _) in slots(&mut ServiceAccountTokenPair::default()) {
        private.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, token: Option<&str>, token_id: i64) -> Field<Account> {
        Account {
            name: name.into(),
            token: token.map(Into::into).into(),
            metadata: TokenMetadata {
                token_id: token_id.into(),
                ..TokenMetadata::default()
            },
            ..Account::default()
        }
        .into()
    }

    fn pair(current: Field<Account>, previous: Field<Account>) -> ServiceAccountTokenPair {
        ServiceAccountTokenPair {
            current,
            previous,
            ..ServiceAccountTokenPair::default()
        }
    }

    fn token_id(account: &Field<Account>) -> Option<i64> {
        existing(account)?.known_token().token_id
    }

    #[test]
    fn refresh_keeps_values_and_plan_applies_drift() {
        let gone = || Account::default().into();
        let state = pair(account("ci-b", Some("two"), 2), account("ci-a", Some("one"), 1));
        for (found, current, previous) in [
            // (the refreshed pair, and the current and the previous account in the plan)
            (pair(account("ci-b", None, 3), gone()), Some(3), None),
            (pair(gone(), account("ci-a", None, 4)), None, Some(4)),
            (pair(gone(), gone()), None, None),
        ] {
            let private = PrivateState::default();
            let refreshed = found.keep_values(&state, &private);
            assert!(existing(&refreshed.current).unwrap().token.known().is_some());
            assert!(existing(&refreshed.previous).unwrap().token.known().is_some());
            assert_eq!(
                (token_id(&refreshed.current), token_id(&refreshed.previous)),
                (Some(2), Some(1))
            );
            let planned = refreshed.with_drift(&private);
            assert_eq!(
                (token_id(&planned.current), token_id(&planned.previous)),
                (current, previous)
            );
            for slot in [&planned.current, &planned.previous] {
                assert!(existing(slot).is_none_or(|account| account.token.is_null()));
            }
        }
    }

    #[test]
    fn refresh_that_finds_the_values_again_removes_the_drift() {
        let state = || pair(account("ci-b", Some("two"), 2), account("ci-a", Some("one"), 1));
        let private = PrivateState::default();
        pair(Account::default().into(), Account::default().into()).keep_values(&state(), &private);
        let refreshed = state().keep_values(&state(), &private);
        let planned = refreshed.with_drift(&private);
        assert_eq!(
            (token_id(&planned.current), token_id(&planned.previous)),
            (Some(2), Some(1))
        );
        assert_eq!(format!("{private:?}"), "{}");
    }

    #[test]
    fn account_without_a_value_is_updated_by_refresh() {
        let private = PrivateState::default();
        let state = pair(account("ci-a", None, 1), Account::default().into());
        let found = pair(account("ci-a", None, 2), Account::default().into());
        let refreshed = found.keep_values(&state, &private);
        assert_eq!(token_id(&refreshed.current), Some(2));
        assert_eq!(format!("{private:?}"), "{}");
    }
}
