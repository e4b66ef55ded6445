//! The service accounts that a plan creates and deletes, checked against each other and the quota.
//!
//! The plan reports conflicts that the platform would otherwise reject during the apply.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::diagnostics::{declared_twice, exceeds_quota, just_fits_quota, name_moves};
use crate::framework::Diagnostic;
use crate::platform::declarations::{Declaration, Declarations};
use crate::striim::api::ServiceAccount;
use crate::striim::quota::{QUOTA, is_active};

/// The number of pauses, and the length of each, in which the owner of a name may be refreshed.
const REFRESH_PAUSES: u32 = 10;
const REFRESH_PAUSE: Duration = Duration::from_millis(50);

/// The service accounts that the resources of this run have, create and delete, by name.
#[derive(Default)]
pub(in crate::striim) struct PlannedAccounts {
    changes: Mutex<Changes>,
    /// The names that resources of the configuration declare.
    declarations: Declarations,
}

#[derive(Default)]
struct Changes {
    created: BTreeSet<String>,
    deleted: BTreeSet<String>,
    /// The accounts in the state. A plan that creates one of them replaces it.
    in_state: BTreeSet<String>,
    /// The accounts that this run has deleted.
    gone: BTreeSet<String>,
}

impl PlannedAccounts {
    /// Records that the plan deletes a service account.
    ///
    /// # Errors
    /// Returns a warning if the plan creates an account of that name for another resource.
    pub(in crate::striim) fn delete(&self, name: &str) -> Result<(), Diagnostic> {
        self.with(|changes| {
            changes.in_state.insert(name.to_owned());
            changes.deleted.insert(name.to_owned());
            if changes.created.contains(name) {
                return Err(name_moves(name));
            }
            Ok(())
        })
    }

    /// Records that the apply has deleted a service account.
    pub(in crate::striim) fn deleted(&self, name: &str) {
        self.declarations.release(name);
        self.with(|changes| changes.gone.insert(name.to_owned()));
    }

    /// Whether this run has deleted a service account of that name.
    pub(in crate::striim) fn has_deleted(&self, name: &str) -> bool {
        self.with(|changes| changes.gone.contains(name))
    }

    /// Records that a service account is in the state.
    pub(in crate::striim) fn record_in_state(&self, name: &str) {
        self.with(|changes| changes.in_state.insert(name.to_owned()));
    }

    /// Records that a resource of the configuration has these names after this plan.
    ///
    /// # Errors
    /// Returns an error if another resource has one of them, or a warning if it probably has.
    pub(in crate::striim) fn declare(&self, names: &[&str], declaration: &Declaration) -> Result<(), Diagnostic> {
        let duplicates = names.iter().filter_map(|name| {
            let duplicate = self.declarations.declare(name, declaration.clone())?;
            Some(duplicate.report(declared_twice(name)))
        });
        duplicates.collect::<Vec<_>>().into_iter().next().map_or(Ok(()), Err)
    }

    /// Reverts [`PlannedAccounts::declare`]: the resource is replaced after all, or was applied.
    pub(in crate::striim) fn release<N: AsRef<str>>(&self, names: &[N]) {
        for name in names {
            self.declarations.release(name.as_ref());
        }
    }

    /// Whether a listed service account is neither in the state nor deleted by this run.
    fn is_foreign(&self, name: &str, accounts: &[ServiceAccount]) -> bool {
        let is_listed = accounts.iter().any(|account| account.name == name);
        self.with(|changes| is_listed && !changes.in_state.contains(name) && !changes.gone.contains(name))
    }

    /// Whether a listed service account is foreign, also after a pause in which the resource that
    /// owns it may be refreshed: Terraform refreshes and plans resources concurrently.
    pub(in crate::striim) async fn stays_foreign(&self, name: &str, accounts: &[ServiceAccount]) -> bool {
        for _ in 0..REFRESH_PAUSES {
            if !self.is_foreign(name, accounts) {
                return false;
            }
            tokio::time::sleep(REFRESH_PAUSE).await;
        }
        self.is_foreign(name, accounts)
    }

    /// Records that the plan creates a service account, in place of those that it replaces.
    ///
    /// Returns a warning if another resource gives up the name, or if the quota does not suffice.
    pub(in crate::striim) fn create(
        &self,
        name: &str,
        replaces: &[String],
        accounts: &[ServiceAccount],
        now: Timestamp,
    ) -> Option<Diagnostic> {
        let is_its_own = replaces.iter().any(|replaced| replaced == name);
        self.with(|changes| {
            changes.created.insert(name.to_owned());
            if changes.deleted.contains(name) && !is_its_own {
                return Some(name_moves(name));
            }
            check_quota(changes, name, accounts, now)
        })
    }

    /// Whether the quota suffices for one more service account after this plan.
    pub(in crate::striim) fn has_place_for(&self, name: &str, accounts: &[ServiceAccount], now: Timestamp) -> bool {
        self.with(|changes| {
            let mut names = existing_and_created(changes, accounts, now);
            names.insert(name);
            names.iter().filter(|name| !changes.removes(name)).count() <= QUOTA
        })
    }

    fn with<T>(&self, access: impl FnOnce(&mut Changes) -> T) -> T {
        access(&mut self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Changes {
    /// Whether the plan deletes a service account without creating it again.
    fn removes(&self, name: &str) -> bool {
        self.deleted.contains(name) && !self.created.contains(name)
    }
}

/// The names of the active service accounts and of those that the plan creates.
fn existing_and_created<'a>(changes: &'a Changes, accounts: &'a [ServiceAccount], now: Timestamp) -> BTreeSet<&'a str> {
    let active = accounts
        .iter()
        .filter(|account| is_active(account, now))
        .map(|account| account.name.as_str());
    active.chain(changes.created.iter().map(String::as_str)).collect()
}

fn check_quota(changes: &Changes, name: &str, accounts: &[ServiceAccount], now: Timestamp) -> Option<Diagnostic> {
    let names = existing_and_created(changes, accounts, now);
    let (removed, kept): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| changes.removes(name));
    if kept.len() > QUOTA {
        return Some(exceeds_quota(kept.len(), accounts, now));
    }
    (names.len() > QUOTA).then(|| just_fits_quota(name, &removed, accounts, now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::Value;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn account(name: &str, days: i64) -> ServiceAccount {
        let expires_at = Timestamp::from_second(days * 86_400).ok();
        ServiceAccount {
            name: name.to_owned(),
            token_id: None,
            description: None,
            managed_by: None,
            expires_at,
            unreadable_expiry: None,
            updated_at: None,
            updated_by: None,
        }
    }

    /// The existing service accounts, those that the plan deletes, those that it creates, and the warning of the last one.
    type Case = (
        Vec<ServiceAccount>,
        &'static [&'static str],
        &'static [&'static str],
        Option<&'static str>,
    );

    #[test]
    fn plan_is_checked_against_the_quota() {
        let (a, b, c) = (account("a", 10), account("b", 5), account("c", 20));
        let gone = account("gone", -1);
        let full = || vec![a.clone(), b.clone(), c.clone()];
        let cases: Vec<Case> = vec![
            (vec![], &[], &["x", "y", "z"], None),
            (vec![], &[], &["x", "y", "z", "w"], Some("would have 4")),
            (full(), &[], &["x"], Some("would have 4")),
            (vec![a.clone(), b.clone(), gone.clone()], &[], &["x"], None),
            (
                vec![a.clone(), b.clone(), c.clone(), gone],
                &[],
                &["x"],
                Some("expired at 1969-12-31T00:00:00Z"),
            ),
            (full(), &["a"], &["x"], Some("only after the deletion of \"a\",")),
            (
                full(),
                &["a", "b"],
                &["x", "y"],
                Some("only after the deletion of \"a\", \"b\","),
            ),
            (full(), &["a"], &["x", "y"], Some("would have 4")),
            // A replacement under its own name.
            (full(), &["a"], &["a"], None),
        ];
        for (accounts, removed, created, expected) in cases {
            let planned = PlannedAccounts::default();
            let replaces: Vec<_> = removed.iter().map(|name| (*name).to_owned()).collect();
            removed.iter().for_each(|name| planned.delete(name).unwrap());
            let warning = created
                .iter()
                .map(|name| planned.create(name, &replaces, &accounts, NOW))
                .last()
                .flatten();
            let warning = warning.map(|warning| warning.detail);
            assert_eq!(
                warning.is_some(),
                expected.is_some(),
                "{removed:?} {created:?}: {warning:?}"
            );
            assert!(
                warning.unwrap_or_default().contains(expected.unwrap_or_default()),
                "{removed:?} {created:?}"
            );
        }
    }

    #[test]
    fn name_that_moves_is_reported_by_the_second_plan_call() {
        let accounts = [account("a", 10)];
        let (removed_first, created_first) = (PlannedAccounts::default(), PlannedAccounts::default());
        assert_eq!(removed_first.delete("a"), Ok(()));
        let warning = removed_first.create("a", &[], &accounts, NOW).unwrap();
        assert!(warning.detail.contains("`moved`"), "{warning}");
        assert_eq!(created_first.create("a", &[], &accounts, NOW), None);
        assert_eq!(created_first.delete("a"), Err(warning));
    }

    #[test]
    fn name_declared_by_two_resources_is_an_error_unless_released() {
        let planned = PlannedAccounts::default();
        let [pair, token] = ["a pair", "a token"].map(|text| Declaration {
            is_present: false,
            config: Value::String(text.to_owned()),
        });
        assert_eq!(planned.declare(&["ci-a", "ci-b"], &pair), Ok(()));
        let error = planned.declare(&["ci-b"], &token).unwrap_err();
        assert!(error.summary.contains("\"ci-b\""), "{error}");
        planned.release(&["ci-a", "ci-b"]);
        assert_eq!(planned.declare(&["ci-b"], &token), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn stays_foreign_waits_for_the_refresh_of_the_owner() {
        let (planned, accounts) = (PlannedAccounts::default(), [account("a", 10)]);
        let refresh = async {
            tokio::time::sleep(Duration::from_millis(120)).await;
            planned.record_in_state("a");
        };
        let (is_foreign, ()) = tokio::join!(planned.stays_foreign("a", &accounts), refresh);
        assert!(!is_foreign);
        assert!(PlannedAccounts::default().stays_foreign("a", &accounts).await);
        assert!(!planned.stays_foreign("b", &accounts).await);
    }
}
