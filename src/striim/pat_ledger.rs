//! What one run does about personal access tokens (PATs), so that its resources know of one another.
//!
//! Terraform plans and applies each resource by a call of its own, in an order that only `depends_on` and references
//! fix. Whichever comes second is told of what the first one did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use secrecy::SecretString;

use crate::framework::Diagnostic;

/// What the present plan or apply does. PATs are named by the `id` of their resource.
#[derive(Default)]
pub(super) struct Ledger {
    planned: Mutex<Planned>,
    /// The value that this run made last of each PAT. Held while one is made or revoked: a value that another resource
    /// kept of the same PAT is dead from then on, and revoking that one would end the new one.
    pub(super) latest: tokio::sync::Mutex<BTreeMap<String, SecretString>>,
}

#[derive(Default)]
struct Planned {
    enabled: Option<bool>,
    issued: BTreeSet<String>,
}

impl Ledger {
    /// Notes whether PATs will be enabled.
    ///
    /// # Errors
    /// If they will not, and the plan gives one a value.
    pub(super) fn declare(&self, enabled: bool) -> Result<(), Diagnostic> {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        planned.enabled = Some(enabled);
        if !enabled && !planned.issued.is_empty() {
            return Err(contradiction());
        }
        Ok(())
    }

    /// Notes that a PAT will get a value; answers whether the plan enables PATs, `None`: it says nothing yet.
    ///
    /// # Errors
    /// If the plan disables PATs, or another resource gives the same one a value.
    pub(super) fn issue(&self, id: &str) -> Result<Option<bool>, Diagnostic> {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        if !planned.issued.insert(id.to_owned()) {
            return Err(twice(id));
        }
        match planned.enabled {
            Some(false) => Err(contradiction()),
            enabled => Ok(enabled),
        }
    }
}

fn contradiction() -> Diagnostic {
    Diagnostic::error(
        "Personal access tokens are to be disabled",
        "This plan gives a `striim_personal_access_token` a value, while a `striim_pat_status` declares that personal \
         access tokens are disabled: the platform would refuse it, or end it at once. Enable them, or remove the token.",
    )
}

fn twice(id: &str) -> Diagnostic {
    Diagnostic::error(
        "One personal access token, two resources",
        format!(
            "A user has one personal access token. Two resources of this plan would give that of {id:?} a new value, \
             and each would end the other's. Keep one of them."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contradiction_is_told_to_whoever_comes_second() {
        let (first, second) = (Ledger::default(), Ledger::default());
        assert_eq!(first.declare(false), Ok(()));
        assert_eq!(first.issue("ann@acme.example"), Err(contradiction()));
        assert_eq!(second.issue("ann@acme.example"), Ok(None));
        assert_eq!(second.declare(false), Err(contradiction()));
        assert_eq!(second.declare(true), Ok(()));
        assert_eq!(second.issue("bob@acme.example"), Ok(Some(true)));
        assert_eq!(second.issue("bob@acme.example"), Err(twice("bob@acme.example")));
    }
}
