//! The personal access tokens (PATs) that a plan manages, checked against each other and against the
//! declared status of PATs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use secrecy::SecretString;

use super::diagnostics::{pat_declared_twice, pats_are_disabled_by_plan};
use crate::framework::Diagnostic;
use crate::platform::declarations::{Declaration, Declarations};

/// The PATs of this run, by the `id` of their resource.
#[derive(Default)]
pub(in crate::striim) struct PlannedPats {
    status: Mutex<Status>,
    /// The PATs that resources of the configuration declare, by `id` in lower case.
    declarations: Declarations,
    /// The value that this run issued last for each PAT. The lock serialises rotations and revocations: a
    /// rotation revokes the value that another resource recorded for the same PAT, and revoking that value
    /// again would revoke the new one.
    pub(in crate::striim) last_issued: tokio::sync::Mutex<BTreeMap<String, SecretString>>,
}

#[derive(Default)]
struct Status {
    /// The planned status; `None` until a plan call declares it.
    enabled: Option<bool>,
    /// Whether the plan issues a value for any PAT.
    issues: bool,
}

impl PlannedPats {
    /// Records whether the plan enables or disables PATs.
    ///
    /// # Errors
    /// Returns an error if the plan disables PATs and also issues a value for one.
    pub(in crate::striim) fn set_enabled(&self, enabled: bool) -> Result<(), Diagnostic> {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.enabled = Some(enabled);
        if !enabled && status.issues {
            return Err(pats_are_disabled_by_plan());
        }
        Ok(())
    }

    /// Records that the plan issues a value for a PAT. Returns whether the plan enables PATs; `None`
    /// if it has not declared that yet.
    ///
    /// # Errors
    /// Returns an error if the plan disables PATs.
    pub(in crate::striim) fn issue(&self) -> Result<Option<bool>, Diagnostic> {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.issues = true;
        match status.enabled {
            Some(false) => Err(pats_are_disabled_by_plan()),
            enabled => Ok(enabled),
        }
    }

    /// Records that a resource of the configuration has this PAT after this plan, in place of
    /// `replaces`.
    ///
    /// # Errors
    /// Returns an error if another resource has it, or a warning if it probably has.
    pub(in crate::striim) fn declare(
        &self,
        id: &str,
        replaces: &[String],
        declaration: Declaration,
    ) -> Result<(), Diagnostic> {
        for replaced in replaces {
            self.declarations.release(&replaced.to_lowercase());
        }
        match self.declarations.declare(&id.to_lowercase(), declaration) {
            Some(duplicate) => Err(duplicate.report(pat_declared_twice(id))),
            None => Ok(()),
        }
    }

    /// Reverts [`PlannedPats::declare`] after the apply.
    pub(in crate::striim) fn release(&self, id: &str) {
        self.declarations.release(&id.to_lowercase());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::Value;

    #[test]
    fn contradiction_is_reported_by_the_second_plan_call() {
        let (first, second) = (PlannedPats::default(), PlannedPats::default());
        assert_eq!(first.set_enabled(false), Ok(()));
        assert_eq!(first.issue(), Err(pats_are_disabled_by_plan()));
        assert_eq!(second.issue(), Ok(None));
        assert_eq!(second.set_enabled(false), Err(pats_are_disabled_by_plan()));
        assert_eq!(second.set_enabled(true), Ok(()));
        assert_eq!(second.issue(), Ok(Some(true)));
    }

    #[test]
    fn pat_managed_by_two_resources_is_an_error_unless_replaced() {
        let planned = PlannedPats::default();
        let declare = |id: &str, replaces: &[String], is_present| {
            let declaration = Declaration {
                is_present,
                config: Value::Null,
            };
            planned.declare(id, replaces, declaration)
        };
        assert_eq!(declare("ann@acme.example", &[], true), Ok(()));
        assert_eq!(
            declare("Ann@acme.example", &[], false),
            Err(pat_declared_twice("Ann@acme.example"))
        );
        assert_eq!(
            declare("bob@acme.example", &["ann@acme.example".to_owned()], true),
            Ok(())
        );
        assert_eq!(declare("ann@acme.example", &[], false), Ok(()));
    }
}
