//! What a plan will leave in the account, held against its quota.
//!
//! Terraform plans each resource by a call of its own. This adds up what the calls of one plan create and remove, so
//! that the plan can say what the platform would refuse only at apply, when half of it is done.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::api::ServiceAccount;
use crate::framework::Diagnostic;
use crate::platform::declarations::{Declaration, Declarations};
use crate::token::Expiry;

/// How often, and how long each time, to wait for the state's owner of a name to turn up.
const MOMENTS: u32 = 10;
const MOMENT: Duration = Duration::from_millis(50);

/// "An account may have up to three active service account tokens" (Striim Cloud, "Token types").
const QUOTA: usize = 3;

/// What the present plan creates and removes, by name.
#[derive(Default)]
pub(super) struct Ledger {
    planned: Mutex<Planned>,
    /// The names that resources of the configuration have after this plan.
    declarations: Declarations,
}

#[derive(Default)]
struct Planned {
    created: BTreeSet<String>,
    removed: BTreeSet<String>,
    /// What the state has. Where a plan creates such a one, it replaces it.
    ours: BTreeSet<String>,
    /// What this run has deleted.
    deleted: BTreeSet<String>,
}

impl Ledger {
    /// Notes that a service account will go.
    ///
    /// # Errors
    /// A warning if another resource is to have its name.
    pub(super) fn remove(&self, name: &str) -> Result<(), Diagnostic> {
        self.planned(|planned| {
            planned.ours.insert(name.to_owned());
            planned.removed.insert(name.to_owned());
            if planned.created.contains(name) {
                return Err(moves(name));
            }
            Ok(())
        })
    }

    /// Notes that this run has deleted a service account.
    pub(super) fn deleted(&self, name: &str) {
        self.declarations.release(name);
        self.planned(|planned| planned.deleted.insert(name.to_owned()));
    }

    /// Whether this run has deleted a service account of that name.
    pub(super) fn has_deleted(&self, name: &str) -> bool {
        self.planned(|planned| planned.deleted.contains(name))
    }

    /// Notes that a service account is in the state.
    pub(super) fn own(&self, name: &str) {
        self.planned(|planned| planned.ours.insert(name.to_owned()));
    }

    /// Notes that a resource of the configuration has these names after this plan.
    ///
    /// # Errors
    /// If another resource has one of them, too; a warning if that is only likely.
    pub(super) fn declare(&self, names: &[&str], declaration: &Declaration) -> Result<(), Diagnostic> {
        let twins = names.iter().filter_map(|name| {
            let twin = self.declarations.declare(name, declaration.clone())?;
            Some(twin.report(declared_twice(name)))
        });
        twins.collect::<Vec<_>>().into_iter().next().map_or(Ok(()), Err)
    }

    /// Takes back [`Ledger::declare`]: the resource that was to keep these names is replaced after all, or was applied.
    pub(super) fn release<N: AsRef<str>>(&self, names: &[N]) {
        for name in names {
            self.declarations.release(name.as_ref());
        }
    }

    /// Whether a service account that is there is another's: neither in the state nor about to go.
    pub(super) fn is_foreign(&self, name: &str, accounts: &[ServiceAccount]) -> bool {
        self.planned(|planned| is_foreign(planned, name, accounts))
    }

    /// The same, after a moment in which the state's owner of the name may turn up: Terraform refreshes and plans resources
    /// at the same time and in no order.
    pub(super) async fn stays_foreign(&self, name: &str, accounts: &[ServiceAccount]) -> bool {
        for _ in 0..MOMENTS {
            if !self.is_foreign(name, accounts) {
                return false;
            }
            tokio::time::sleep(MOMENT).await;
        }
        self.is_foreign(name, accounts)
    }

    /// Notes that a service account will be made, and says what the user should know of it: a name that another resource
    /// gives up, or a quota that does not do.
    pub(super) fn create(
        &self,
        name: &str,
        replaces: &[String],
        accounts: &[ServiceAccount],
        now: Timestamp,
    ) -> Option<Diagnostic> {
        let is_its_own = replaces.iter().any(|replaced| replaced == name);
        self.planned(|planned| {
            planned.created.insert(name.to_owned());
            if planned.removed.contains(name) && !is_its_own {
                return Some(moves(name));
            }
            judge(planned, name, accounts, now)
        })
    }

    /// Whether there will be a place left for this service account after what the plan creates and removes.
    pub(super) fn has_place_for(&self, name: &str, accounts: &[ServiceAccount], now: Timestamp) -> bool {
        self.planned(|planned| {
            let mut names = together(planned, accounts, now);
            names.insert(name);
            names.iter().filter(|name| !planned.leaves(name)).count() <= QUOTA
        })
    }

    fn planned<T>(&self, with: impl FnOnce(&mut Planned) -> T) -> T {
        with(&mut self.planned.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Planned {
    /// Whether there will be no such service account.
    fn leaves(&self, name: &str) -> bool {
        self.removed.contains(name) && !self.created.contains(name)
    }
}

/// The active service accounts with those that are to be created.
fn together<'a>(planned: &'a Planned, accounts: &'a [ServiceAccount], now: Timestamp) -> BTreeSet<&'a str> {
    let active = accounts
        .iter()
        .filter(|account| is_active(account, now))
        .map(|account| account.name.as_str());
    active.chain(planned.created.iter().map(String::as_str)).collect()
}

fn is_foreign(planned: &Planned, name: &str, accounts: &[ServiceAccount]) -> bool {
    let exists = accounts.iter().any(|account| account.name == name);
    exists && !planned.ours.contains(name) && !planned.deleted.contains(name)
}

fn judge(planned: &Planned, name: &str, accounts: &[ServiceAccount], now: Timestamp) -> Option<Diagnostic> {
    let together = together(planned, accounts, now);
    let after = together.iter().filter(|name| !planned.leaves(name)).count();
    let list = list(accounts, now);
    if after > QUOTA {
        return Some(Diagnostic::warning(
            "This plan exceeds the quota",
            format!(
                "A Striim Cloud account may have {QUOTA} active service account tokens; with this plan it would have \
                 {after}, and the platform would refuse what is too much. There are now:\n{list}\n\nRevoke one that is \
                 no longer needed, or plan fewer."
            ),
        ));
    }
    (together.len() > QUOTA).then(|| {
        let leaving: Vec<_> = together
            .iter()
            .filter(|name| planned.leaves(name))
            .map(|name| format!("{name:?}"))
            .collect();
        Diagnostic::warning(
            "This plan just fits the quota",
            format!(
                "A Striim Cloud account may have {QUOTA} active service account tokens. Creating {name:?} works only \
                 after {} went, so not with `create_before_destroy`, and not in parallel. There are now:\n{list}",
                leaving.join(", ")
            ),
        )
    })
}

/// Whether the token counts against the quota: not once it has expired.
pub(super) fn is_active(account: &ServiceAccount, now: Timestamp) -> bool {
    account
        .expires_at
        .is_none_or(|expiry| !Expiry::at(expiry).has_passed(now))
}

/// The error that two resources declare the same name.
fn declared_twice(name: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Two resources declare the service account {name:?}"),
        "A service account's name is unique in the account, and each of the two would end the other's token. Give one of \
         them another name, or remove it. (A pair has two names, its own with -a and with -b.)",
    )
    .on("name")
}

/// The warning that a name moves from one resource to another.
fn moves(name: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The name {name:?} moves from one resource to another"),
        format!(
            "One resource of this state gives up the service account {name:?}, and another one is to create it: its token is \
             revoked and there will be a new one. If it is one resource whose address has changed, add a `moved` block \
             instead, which keeps the token. Terraform may create before it destroys; then the creation is refused, and the \
             next apply makes up for it."
        ),
    )
}

/// What to do about a service account that exists, where it is not known whose it is.
pub(super) fn taken(name: &str) -> String {
    format!(
        "A service account named {name:?} exists already. What to do depends on whose it is:\n\n\
         - This state has it under another address, because a resource was renamed: add a `moved` block, which keeps its \
         token.\n\
         - This state has it under this address, and `create_before_destroy` (here, or inherited from a resource that depends \
         on this one) has its replacement created first: change `name` as well, or do without `create_before_destroy`. One \
         that is tainted, Terraform destroys first: there is nothing to do.\n\
         - Another resource of this configuration created it in this run, perhaps under another provider alias: give one of \
         the two another name.\n\
         - It is in no state: choose another name, revoke it, import it, which keeps its value,\n\n  \
         import {{\n    to = striim_service_account_token.<label>\n    id = {name:?}\n  }}\n\n  \
         or set `adopt_existing = true`, which rotates it: the value that is in use stops working.\n\n\
         Neither import nor adopt what a state has already (`terraform state list`): whatever destroys it there would revoke \
         the token here."
    )
}

/// What to do about a refusal although the name is not listed: the quota is used up, or an account holds the name that is
/// not listed.
pub(super) fn exhausted(accounts: &[ServiceAccount], now: Timestamp) -> String {
    const HIDDEN: &str = "one that has expired and is no longer listed may hold the name. To be rid of it, set \
         `adopt_existing = true` where the resource has that, which revokes it and makes it anew; or revoke it in the portal.";
    let list = list(accounts, now);
    if accounts.len() < QUOTA {
        return format!(
            "The list has no service account of that name, and fewer than the {QUOTA} that the account may have. So {HIDDEN} \
             Otherwise choose another name. There are now:\n{list}"
        );
    }
    format!(
        "The account's quota of {QUOTA} active service account tokens is used up:\n{list}\n\nRevoke one that is no \
         longer needed. One that the plan did not count, this run may have created by another provider alias: then declare \
         fewer. If the account may have more, {HIDDEN}"
    )
}

/// The warning that a service account which is to be made later, and not by this plan, will find no place.
pub(super) fn no_place_later(name: &str, accounts: &[ServiceAccount], now: Timestamp) -> Diagnostic {
    Diagnostic::warning(
        "No place for a second service account",
        format!(
            "The first rotation makes the service account {name:?}. A Striim Cloud account may have {QUOTA} active service \
             account tokens, and with this plan there is no place left for it: the rotation would be refused. There are \
             now:\n{}\n\nRevoke one that is no longer needed, in time.",
            list(accounts, now)
        ),
    )
}

/// The service accounts with their expiries, a line each, the nearest to its end first.
fn list(accounts: &[ServiceAccount], now: Timestamp) -> String {
    let mut accounts: Vec<_> = accounts.iter().collect();
    accounts.sort_by_key(|account| (account.expires_at.is_none(), account.expires_at));
    let lines = accounts
        .iter()
        .map(|account| format!("\n  - {:?}, {}", account.name, ending(account, now)));
    lines.collect()
}

/// The warning that one more service account, for the time of a run, leaves no place for another.
pub(super) fn last_place(accounts: &[ServiceAccount], now: Timestamp) -> Option<Diagnostic> {
    let active = accounts.iter().filter(|account| is_active(account, now)).count();
    (active + 1 == QUOTA).then(|| {
        Diagnostic::warning(
            "The ephemeral token takes the last place",
            format!(
                "A Striim Cloud account may have {QUOTA} active service account tokens. While this one is open, in the plan \
                 and again in the apply, there is no place for another: a run at the same time, or a new token in this one, \
                 may be refused. There are now:\n{}",
                list(accounts, now)
            ),
        )
    })
}

/// When a service account's token ends or has ended, in words.
pub(super) fn ending(account: &ServiceAccount, now: Timestamp) -> String {
    match account.expires_at.map(Expiry::at) {
        Some(expiry) if expiry.has_passed(now) => format!("expired at {expiry}"),
        Some(expiry) => format!("expires at {expiry}"),
        None if account.unreadable_expiry.is_some() => "with an expiry that cannot be read".to_owned(),
        None => "without expiry".to_owned(),
    }
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

    /// The service accounts there are, those that the plan removes, those that it creates, what the last is told.
    type Case = (
        Vec<ServiceAccount>,
        &'static [&'static str],
        &'static [&'static str],
        Option<&'static str>,
    );

    #[test]
    fn a_plan_is_held_against_the_quota() {
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
            (full(), &["a"], &["x"], Some("only after \"a\" went")),
            (full(), &["a", "b"], &["x", "y"], Some("only after \"a\", \"b\" went")),
            (full(), &["a"], &["x", "y"], Some("would have 4")),
            // A replacement under its own name.
            (full(), &["a"], &["a"], None),
        ];
        for (accounts, removed, created, expected) in cases {
            let ledger = Ledger::default();
            let replaces: Vec<_> = removed.iter().map(|name| (*name).to_owned()).collect();
            removed.iter().for_each(|name| ledger.remove(name).unwrap());
            let told = created
                .iter()
                .map(|name| ledger.create(name, &replaces, &accounts, NOW))
                .last()
                .flatten();
            let told = told.map(|told| told.detail);
            assert_eq!(told.is_some(), expected.is_some(), "{removed:?} {created:?}: {told:?}");
            assert!(
                told.unwrap_or_default().contains(expected.unwrap_or_default()),
                "{removed:?} {created:?}"
            );
        }
    }

    #[test]
    fn name_that_moves_between_resources_is_reported_by_whoever_comes_second() {
        let accounts = [account("a", 10)];
        let (removed_first, created_first) = (Ledger::default(), Ledger::default());
        assert_eq!(removed_first.remove("a"), Ok(()));
        let told = removed_first.create("a", &[], &accounts, NOW).unwrap();
        assert!(told.detail.contains("`moved`"), "{told}");
        assert_eq!(created_first.create("a", &[], &accounts, NOW), None);
        assert_eq!(created_first.remove("a"), Err(told));
    }

    #[test]
    fn name_declared_by_two_resources_is_an_error_unless_released() {
        let ledger = Ledger::default();
        let [pair, token] = ["a pair", "a token"].map(|text| Declaration {
            is_present: false,
            config: Value::String(text.to_owned()),
        });
        assert_eq!(ledger.declare(&["ci-a", "ci-b"], &pair), Ok(()));
        let told = ledger.declare(&["ci-b"], &token).unwrap_err();
        assert!(told.summary.contains("\"ci-b\""), "{told}");
        ledger.release(&["ci-a", "ci-b"]);
        assert_eq!(ledger.declare(&["ci-b"], &token), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn owner_that_is_refreshed_a_moment_later_is_waited_for() {
        let (ledger, accounts) = (Ledger::default(), [account("a", 10)]);
        let refresh = async {
            tokio::time::sleep(Duration::from_millis(120)).await;
            ledger.own("a");
        };
        let (is_foreign, ()) = tokio::join!(ledger.stays_foreign("a", &accounts), refresh);
        assert!(!is_foreign);
        assert!(Ledger::default().stays_foreign("a", &accounts).await);
        assert!(!ledger.stays_foreign("b", &accounts).await);
    }

    #[test]
    fn the_nearest_to_its_end_comes_first() {
        let list = list(&[account("late", 9), account("soon", 1)], NOW);
        assert!(list.find("soon") < list.find("late"), "{list}");
    }
}
