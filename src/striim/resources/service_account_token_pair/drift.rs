//! What a refresh found of a pair whose values in the state no longer work, kept for the next plan.
//!
//! A value within `current` or `previous` is nested, and Terraform before 1.11, like OpenTofu, writes the old value into its log
//! where a refresh changes a nested one. Marking the objects as sensitive does not help: Terraform 1.9 then plans an update
//! without a change after every refresh. So a refresh leaves such an account in the state as it was and notes in the private
//! state what it found. The plan takes the note into account: it rotates, or shows the value as removed.

use serde::{Deserialize, Serialize};

use super::{Account, ServiceAccountTokenPair, TokenMetadata, there};
use crate::framework::{Field, PrivateState};

/// What was found of an account whose value in the state is dead. It holds no value.
#[derive(Serialize, Deserialize)]
enum Found {
    Deleted,
    Rotated {
        token_id: Option<i64>,
        expires_at: Option<String>,
        updated_at: Option<String>,
        updated_by: Option<i64>,
    },
}

impl From<&Field<Account>> for Found {
    fn from(found: &Field<Account>) -> Self {
        match there(found) {
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

impl Found {
    /// The account as it was found.
    fn account(self, name: Field<String>) -> Account {
        match self {
            Self::Deleted => Account::default(),
            Self::Rotated {
                token_id,
                expires_at,
                updated_at,
                updated_by,
            } => Account {
                name,
                token: Field::Null,
                expires_at: expires_at.into(),
                metadata: TokenMetadata {
                    token_id: token_id.into(),
                    updated_at: updated_at.into(),
                    updated_by: updated_by.into(),
                },
            },
        }
    }
}

/// The slots of a pair, each with the key of its note.
fn slots(pair: &mut ServiceAccountTokenPair) -> [(&'static str, &mut Field<Account>); 2] {
    [
        ("drift.current", &mut pair.current),
        ("drift.previous", &mut pair.previous),
    ]
}

/// The state after a refresh that found `found` in place of `state`: an account whose value would go stays, with a note.
pub(super) fn held_back(
    state: &ServiceAccountTokenPair,
    mut found: ServiceAccountTokenPair,
    private: &PrivateState,
) -> ServiceAccountTokenPair {
    let mut state = state.clone();
    for ((key, was), (_, is)) in slots(&mut state).into_iter().zip(slots(&mut found)) {
        let value = |account: &Field<Account>| there(account).is_some_and(|account| account.token.known().is_some());
        if value(was) && !value(is) {
            private.set(key, Found::from(&*is));
            *is = was.clone();
        } else {
            private.remove(key);
        }
    }
    found
}

/// The pair as the last refresh found it.
pub(super) fn applied(prior: &ServiceAccountTokenPair, private: &PrivateState) -> ServiceAccountTokenPair {
    let mut pair = prior.clone();
    for (key, slot) in slots(&mut pair) {
        if let Some(found) = private.get::<Found>(key) {
            let name = there(slot).map_or(Field::Null, |account| account.name.clone());
            *slot = found.account(name).into();
        }
    }
    pair
}

/// Removes the notes: the state says what is there.
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
        there(account)?.token_id()
    }

    #[test]
    fn refresh_keeps_values_and_plan_sees_what_was_found() {
        let gone = || Account::default().into();
        let state = pair(account("ci-b", Some("two"), 2), account("ci-a", Some("one"), 1));
        for (found, current, previous) in [
            // (what was found, what the plan sees as current, and as previous)
            (pair(account("ci-b", None, 3), gone()), Some(3), None),
            (pair(gone(), account("ci-a", None, 4)), None, Some(4)),
            (pair(gone(), gone()), None, None),
        ] {
            let private = PrivateState::default();
            let refreshed = held_back(&state, found, &private);
            assert!(there(&refreshed.current).unwrap().token.known().is_some());
            assert!(there(&refreshed.previous).unwrap().token.known().is_some());
            assert_eq!(
                (token_id(&refreshed.current), token_id(&refreshed.previous)),
                (Some(2), Some(1))
            );
            let planned = applied(&refreshed, &private);
            assert_eq!(
                (token_id(&planned.current), token_id(&planned.previous)),
                (current, previous)
            );
            for slot in [&planned.current, &planned.previous] {
                assert!(there(slot).is_none_or(|account| account.token.is_null()));
            }
        }
    }

    #[test]
    fn refresh_that_finds_the_values_again_removes_the_notes() {
        let state = || pair(account("ci-b", Some("two"), 2), account("ci-a", Some("one"), 1));
        let private = PrivateState::default();
        held_back(
            &state(),
            pair(Account::default().into(), Account::default().into()),
            &private,
        );
        let refreshed = held_back(&state(), state(), &private);
        let planned = applied(&refreshed, &private);
        assert_eq!(
            (token_id(&planned.current), token_id(&planned.previous)),
            (Some(2), Some(1))
        );
        assert_eq!(format!("{private:?}"), "{}");
    }

    #[test]
    fn account_without_a_value_follows_what_was_found() {
        let private = PrivateState::default();
        let state = pair(account("ci-a", None, 1), Account::default().into());
        let refreshed = held_back(
            &state,
            pair(account("ci-a", None, 2), Account::default().into()),
            &private,
        );
        assert_eq!(token_id(&refreshed.current), Some(2));
        assert_eq!(format!("{private:?}"), "{}");
    }
}
