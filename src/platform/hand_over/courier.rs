//! The way to Vault of one account's values.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::labels::{GENERATION, Labels};
use super::telling::{another_tokens, failure, somebody_elses, stays, undelivered};
use super::{Destination, Target, is_same_place};
use crate::framework::{Diagnostic, Diagnostics, Field};
use crate::platform::vault_settings::Link;
use crate::rest::Operation;
use crate::vault::{Data, Entry, Newest, Vault};

/// How long a plan or a refresh waits for a Vault that does not answer. Neither has anything to lose.
const LOOK: Duration = Duration::from_secs(15);

/// Carries the values of one account's tokens to Vault.
pub(crate) struct Courier {
    link: Link,
    account: String,
    labels: &'static Labels,
}

/// Which token a secret is to be of.
pub(crate) struct Whose {
    /// What names it in its account; `None` if only what it is known by proves a secret to be its own.
    pub(crate) name: Option<String>,
    /// What its value is known by, or was: whatever the state knows of.
    pub(crate) ids: Vec<Entry>,
}

/// A value to hand over, and what stands beside it.
pub(crate) struct Secret<'a> {
    pub(crate) value: &'a SecretString,
    /// What names the token in its account.
    pub(crate) name: &'a str,
    /// What tells this value from the token's other ones.
    pub(crate) id: Option<Entry>,
    /// Something more for the reader.
    pub(crate) note: Option<&'a str>,
    pub(crate) generation: Option<i64>,
}

/// That a value may be written, and after which version.
pub(crate) struct Ready {
    vault: Vault,
    target: Target,
    account: String,
    labels: &'static Labels,
    after: u64,
    /// Which generation of the token is there; 0 if none is.
    pub(crate) generation: i64,
}

/// What a look at a token's secret showed.
pub(crate) struct Seen<'a> {
    courier: &'a Courier,
    pub(super) target: Target,
    pub(super) newest: Result<Newest, Diagnostic>,
}

impl Courier {
    /// One that carries the values of `account` over `link`.
    pub(crate) fn new(link: Link, account: String, labels: &'static Labels) -> Self {
        Self { link, account, labels }
    }

    /// Proves, before a value is made, that it can be handed over; `None` if it is to be kept in the state.
    ///
    /// # Errors
    /// Why it cannot, or that somebody else's secret is there.
    pub(crate) async fn prepare(
        &self,
        operation: &Operation,
        vault: &Field<Destination>,
        whose: Whose,
    ) -> Result<Option<Ready>, Diagnostic> {
        let Some(target) = Target::of(vault) else {
            return Ok(None);
        };
        let vault = self.link.get()?.clone();
        let newest = vault.prove_writable(operation, &target.place).await;
        let newest = newest.map_err(|error| failure(&error))?;
        self.check_ours(&newest, &target, &whose)?;
        Ok(Some(Ready {
            vault,
            target,
            account: self.account.clone(),
            labels: self.labels,
            after: newest.version,
            generation: newest.data.and_then(|data| data.number(GENERATION)).unwrap_or_default(),
        }))
    }

    /// The same for a plan. What may be otherwise by the time of the apply is a warning: a policy or a mount may come of the
    /// same run, and Vault come back.
    pub(crate) async fn plan(
        &self,
        operation: &Operation,
        vault: &Field<Destination>,
        whose: Whose,
        diagnostics: &mut Diagnostics,
    ) {
        let Some(target) = Target::of(vault) else { return };
        let client = match &self.link {
            Link::Reached(client) => client,
            Link::Waiting => return,
            Link::Unusable(problem) => return diagnostics.push(problem.clone()),
        };
        match client.prove_writable(&brief(operation), &target.place).await {
            Ok(newest) => {
                diagnostics.ok(self.check_ours(&newest, &target, &whose));
            }
            Err(error) => diagnostics.push(failure(&error).as_warning()),
        }
    }

    /// Looks at the secret where a token's value is to be; `None` if it is kept in the state, or nobody can be asked yet.
    pub(crate) async fn look(&self, operation: &Operation, vault: &Field<Destination>) -> Option<Seen<'_>> {
        let target = Target::of(vault)?;
        let newest = match &self.link {
            Link::Reached(vault) => vault
                .newest(&brief(operation), &target.place)
                .await
                .map_err(|error| failure(&error)),
            Link::Unusable(problem) => Err(problem.clone()),
            Link::Waiting => return None,
        };
        Some(Seen {
            courier: self,
            target,
            newest,
        })
    }

    /// The value that works, from the state or from Vault; null if neither has it.
    pub(crate) async fn value(
        &self,
        operation: &Operation,
        vault: &Field<Destination>,
        version: &Field<i64>,
        kept: &Field<SecretString>,
    ) -> Field<SecretString> {
        let (Some(target), Link::Reached(vault)) = (Target::of(vault), &self.link) else {
            return kept.clone();
        };
        let newest = vault.newest(&brief(operation), &target.place).await.unwrap_or_default();
        let is_it = version.known().copied() == i64::try_from(newest.version).ok();
        let data = newest.data.filter(|_| is_it);
        data.and_then(|data| data.text(&target.field).cloned()).into()
    }

    /// Deletes the version that the state says was written, if it is still the newest. What it holds is dead by now, so a
    /// failure is a warning.
    pub(crate) async fn remove(
        &self,
        operation: &Operation,
        vault: &Field<Destination>,
        version: &Field<i64>,
        diagnostics: &mut Diagnostics,
    ) {
        let (Some(target), Some(version)) = (Target::of(vault), version.known().copied()) else {
            return;
        };
        let Some(version) = u64::try_from(version).ok().filter(|version| *version > 0) else {
            return;
        };
        let removed = match self.link.get() {
            Ok(vault) => vault
                .remove(operation, &target.place, version)
                .await
                .map_err(|error| failure(&error)),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = removed {
            diagnostics.push(stays(version, &target, &problem));
        }
    }

    /// The same after a rotation, for a version that was written elsewhere than the new one.
    pub(crate) async fn remove_moved(
        &self,
        operation: &Operation,
        (before, version): (&Field<Destination>, &Field<i64>),
        now: &Field<Destination>,
        diagnostics: &mut Diagnostics,
    ) {
        if !is_same_place(before, now) {
            self.remove(operation, before, version, diagnostics).await;
        }
    }

    /// Whether a secret says of itself that it is of the token of that name in this account.
    fn says_ours(&self, data: &Data, name: &str) -> bool {
        let says = |label: &str, expected: &str| data.text(label).is_some_and(|text| text.expose_secret() == expected);
        says(self.labels.account, &self.account) && says(self.labels.name, name)
    }

    /// Whether a secret may be followed by a new version: there is none, or it is this token's.
    fn check_ours(&self, newest: &Newest, target: &Target, whose: &Whose) -> Result<(), Diagnostic> {
        let Some(data) = &newest.data else { return Ok(()) };
        // An account may be told by another name than when the secret was written.
        let held = data.get(self.labels.id);
        let is_known = held.is_some_and(|held| whose.ids.contains(held));
        let is_named = whose.name.as_ref().is_some_and(|name| self.says_ours(data, name));
        if is_known || is_named {
            return Ok(());
        }
        let version = newest.version;
        Err(match &whose.name {
            Some(name) => somebody_elses(version, target, self.labels, &self.account, name),
            None => another_tokens(version, target, self.labels, held),
        })
    }
}

impl Seen<'_> {
    /// What the secret holds, if it is of the token of that name, with a value in it.
    pub(crate) fn of(&self, name: &str) -> Option<Held<'_>> {
        let newest = self.newest.as_ref().ok()?;
        let data = newest.data.as_ref()?;
        let whole = data.text(&self.target.field).is_some() && self.courier.says_ours(data, name);
        whole.then(|| Held {
            version: i64::try_from(newest.version).unwrap_or(i64::MAX),
            id: data.get(self.courier.labels.id),
            note: data.text(self.courier.labels.note),
            generation: data.number(GENERATION).unwrap_or_default(),
        })
    }
}

/// A token's value in Vault, by what stands beside it.
pub(crate) struct Held<'a> {
    pub(crate) version: i64,
    pub(crate) id: Option<&'a Entry>,
    pub(crate) note: Option<&'a SecretString>,
    pub(crate) generation: i64,
}

impl Held<'_> {
    /// What its value is known by, if it says beside it that it came after `before`.
    pub(crate) fn successor_of(&self, before: &str) -> Option<&str> {
        match self.id {
            Some(Entry::Text(id)) if self.note?.expose_secret() == before => Some(id.expose_secret()),
            _ => None,
        }
    }
}

impl Ready {
    /// Writes it, and tells the number of the version; `what` is how a message names the token.
    ///
    /// # Errors
    /// Why the value is lost.
    pub(crate) async fn write(self, operation: &Operation, what: &str, secret: Secret<'_>) -> Result<i64, Diagnostic> {
        let data = self.labels.data(&self.account, &self.target.field, secret);
        let written = self.vault.write(operation, &self.target.place, self.after, &data).await;
        written
            .map(|version| i64::try_from(version).unwrap_or(i64::MAX))
            .map_err(|error| undelivered(what, &error))
    }
}

/// The operation, for something that has nothing at stake.
fn brief(operation: &Operation) -> Operation {
    Operation::new(LOOK.min(operation.remaining()), operation.cancellation.clone())
}
