//! What one run does about personal access tokens (PATs), so that its resources know of one another.
//!
//! Terraform plans and applies each resource by a call of its own, in an order that only `depends_on` and references
//! fix. Whichever comes second is told of what the first one did.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use secrecy::SecretString;

use crate::framework::Diagnostic;
use crate::platform::declarations::{Declaration, Declarations};

/// What the present plan or apply does. PATs are named by the `id` of their resource.
#[derive(Default)]
pub(super) struct Ledger {
    planned: Mutex<Planned>,
    /// Those that resources of the configuration manage after this plan, in lower case.
    managed: Declarations,
    /// The value that this run made last of each PAT. Held while one is made or revoked: a value that another resource
    /// kept of the same PAT is dead from then on, and revoking that one would end the new one.
    pub(super) latest: tokio::sync::Mutex<BTreeMap<String, SecretString>>,
}

#[derive(Default)]
struct Planned {
    enabled: Option<bool>,
    /// Whether one gets a value.
    issues: bool,
}

impl Ledger {
    /// Notes whether PATs will be enabled.
    ///
    /// # Errors
    /// If they will not, and the plan gives one a value.
    pub(super) fn declare(&self, enabled: bool) -> Result<(), Diagnostic> {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        planned.enabled = Some(enabled);
        if !enabled && planned.issues {
            return Err(contradiction());
        }
        Ok(())
    }

    /// Notes that a PAT will get a value; answers whether the plan enables PATs, `None`: it says nothing yet.
    ///
    /// # Errors
    /// If the plan disables PATs.
    pub(super) fn issue(&self) -> Result<Option<bool>, Diagnostic> {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        planned.issues = true;
        match planned.enabled {
            Some(false) => Err(contradiction()),
            enabled => Ok(enabled),
        }
    }

    /// Notes that a resource of the configuration manages this PAT after this plan, in the place of `replaces`.
    ///
    /// # Errors
    /// If another resource does so, too; a warning if that is only likely.
    pub(super) fn manage(&self, id: &str, replaces: &[String], declaration: Declaration) -> Result<(), Diagnostic> {
        for replaced in replaces {
            self.managed.release(&replaced.to_lowercase());
        }
        match self.managed.declare(&id.to_lowercase(), declaration) {
            Some(twin) => Err(twin.report(twice(id))),
            None => Ok(()),
        }
    }

    /// Takes back [`Ledger::manage`]: what was planned was applied.
    pub(super) fn applied(&self, id: &str) {
        self.managed.release(&id.to_lowercase());
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
            "A user has one personal access token. Two resources of this configuration manage that of {id:?}, and each \
             would end the other's value. Keep one of them."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::Value;

    #[test]
    fn a_contradiction_is_told_to_whoever_comes_second() {
        let (first, second) = (Ledger::default(), Ledger::default());
        assert_eq!(first.declare(false), Ok(()));
        assert_eq!(first.issue(), Err(contradiction()));
        assert_eq!(second.issue(), Ok(None));
        assert_eq!(second.declare(false), Err(contradiction()));
        assert_eq!(second.declare(true), Ok(()));
        assert_eq!(second.issue(), Ok(Some(true)));
    }

    #[test]
    fn pat_managed_by_two_resources_is_an_error_unless_replaced() {
        let ledger = Ledger::default();
        let manage = |id: &str, replaces: &[String], is_present| {
            let declaration = Declaration {
                is_present,
                config: Value::Null,
            };
            ledger.manage(id, replaces, declaration)
        };
        assert_eq!(manage("ann@acme.example", &[], true), Ok(()));
        assert_eq!(manage("Ann@acme.example", &[], false), Err(twice("Ann@acme.example")));
        assert_eq!(
            manage("bob@acme.example", &["ann@acme.example".to_owned()], true),
            Ok(())
        );
        assert_eq!(manage("ann@acme.example", &[], false), Ok(()));
    }
}
