//! The apply of a plan: the order of changes, and the state that is saved after each.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::plan::{Action, Proposal, SavedPlan, Step};
use super::{RunOutcome, Session, Warnings, Workspace, interrupted};
use crate::framework::testing::configuration::{Configuration, ResourceBlock, type_of};
use crate::framework::testing::connection::{Before, ObjectResponse};
use crate::framework::testing::order::{Gate, Order};
use crate::framework::testing::start::DynStart;
use crate::framework::testing::state::{Attributes, Object};
use crate::framework::testing::{Diagnostic, lock, rules};
use crate::framework::value::Value;

const INVALID_RESULT: &str = "Provider returned invalid result object after apply";

/// Data that all changes of a run share.
struct Walk<'a> {
    workspace: &'a Workspace,
    session: &'a Session,
    configuration: &'a Configuration,
    gate: Gate,
}

/// The result of a change.
struct Changed {
    /// The object after the change.
    object: Option<Object>,
    succeeded: bool,
}

impl Workspace {
    pub(in crate::framework::testing) async fn apply_changes(
        &self,
        start: &dyn DynStart,
        plan: &SavedPlan,
    ) -> RunOutcome {
        if lock(&self.state).serial != plan.serial {
            let detail = "The given plan file can no longer be applied: the state was changed after it was created.";
            self.fail::<()>(Diagnostic::error("Saved plan is stale", detail));
            return RunOutcome::Failed;
        }
        let was_refreshed = self.save_refreshed(plan);
        if plan.is_empty() {
            return match plan.options.refresh_only && was_refreshed {
                true => RunOutcome::Applied,
                false => RunOutcome::Unchanged,
            };
        }
        let Some(session) = self.connect(start).await else {
            return RunOutcome::Failed;
        };
        let walk = Walk {
            workspace: self,
            session: &session,
            configuration: &plan.configuration,
            gate: Gate::new(plan.options.parallelism),
        };
        let interrupt = &plan.options.interrupt;
        let work = self.until_interrupted(walk.all(plan), &session.connection, &walk.gate, interrupt);
        let succeeded = work.await;
        if walk.gate.is_closed() {
            self.fail::<()>(interrupted());
            return RunOutcome::Failed;
        }
        match succeeded {
            true => RunOutcome::Applied,
            false => RunOutcome::Failed,
        }
    }

    /// Saves the refreshed state of the plan. Returns whether it differs from the previous state.
    fn save_refreshed(&self, plan: &SavedPlan) -> bool {
        let mut state = lock(&self.state);
        let before = state.serial;
        let refreshed = plan.steps.iter().map(|step| (&step.address, &step.prior));
        let known: BTreeSet<_> = refreshed.clone().map(|(address, _)| address.clone()).collect();
        let moved: Vec<_> = state
            .objects
            .keys()
            .filter(|address| !known.contains(*address))
            .cloned()
            .collect();
        for address in moved {
            state.set(&address, None);
        }
        for (address, object) in refreshed {
            state.set(address, object.clone());
        }
        for (key, object) in &plan.deposed {
            if state.deposed(*key).map(|deposed| &deposed.object) != object.as_ref() {
                state.set_deposed(*key, object.clone());
            }
        }
        state.serial != before
    }
}

impl Walk<'_> {
    /// Applies all changes. Returns whether all succeeded.
    async fn all(&self, plan: &SavedPlan) -> bool {
        let steps = &plan.steps;
        let state = self.workspace.state();
        let addresses = || steps.iter().map(|step| &step.address);
        let (destroyed, created) = (Order::of(addresses()), Order::of(addresses()));
        let applied = join_all(steps.iter().map(async |step| {
            let address = &step.address;
            let dependents: Vec<_> = state
                .iter()
                .filter(|(_, object)| object.dependencies.contains(address))
                .map(|(address, _)| address)
                .collect();
            let block = self.configuration.resources.get(address);
            let dependencies = block.map(ResourceBlock::dependencies).unwrap_or_default();
            if step.creates_first {
                let is_created = created.after(&dependencies).await;
                let old = if is_created {
                    self.create_first(step, block).await
                } else {
                    None
                };
                created.finish(address, old.is_some());
                // Before the old object is destroyed, its dependents are updated to the new one or
                // destroyed.
                let are_moved = created.after(dependents.iter().copied()).await;
                let are_free = destroyed.after(dependents).await;
                let is_destroyed = match old {
                    Some(old) if are_moved && are_free => self.destroy_deposed(old).await,
                    _ => false,
                };
                destroyed.finish(address, is_destroyed);
                return is_destroyed;
            }
            // An unchanged resource does not wait for an old object of `create_before_destroy`,
            // whose destruction waits for its dependents.
            let stays = !matches!(step.action, Action::Replace | Action::Delete);
            let waits_for = |other: &&String| {
                let mut others = steps.iter().filter(|step| step.address == **other);
                !stays || others.all(|other| !other.creates_first)
            };
            let is_free = destroyed.after(dependents.into_iter().filter(waits_for)).await;
            let is_destroyed = is_free && self.destroy(step).await;
            destroyed.finish(address, is_destroyed);
            let is_ready = created.after(&dependencies).await && is_destroyed;
            let is_created = is_ready && self.create_or_update(step, block).await;
            created.finish(address, is_created);
            is_created
        }));
        let removed = join_all(plan.deposed.iter().map(|(key, _)| self.destroy_deposed(*key)));
        let (applied, removed) = futures_util::future::join(applied, removed).await;
        !applied.contains(&false) && !removed.contains(&false)
    }

    /// Destroys an object that is deleted or replaced. Returns whether the object no longer exists.
    async fn destroy(&self, step: &Step) -> bool {
        let (Some(prior), Action::Replace | Action::Delete) = (&step.prior, step.action) else {
            return true;
        };
        let Some(_permit) = self.gate.enter().await else {
            return false;
        };
        let address = &step.address;
        let Some(object) = self.workspace.upgrade(self.session, prior).await else {
            return false;
        };
        let changed = self.delete(address, &object, &step.private).await;
        lock(&self.workspace.state).set(address, changed.object);
        changed.succeeded
    }

    /// Destroys a deposed object. Returns whether the object no longer exists.
    async fn destroy_deposed(&self, key: u64) -> bool {
        let deposed = lock(&self.workspace.state).deposed(key).cloned();
        let Some(deposed) = deposed else { return true };
        let Some(_permit) = self.gate.enter().await else {
            return false;
        };
        let (workspace, address) = (self.workspace, &deposed.address);
        let Some(object) = workspace.upgrade(self.session, &deposed.object).await else {
            return false;
        };
        // Terraform plans the destruction of a deposed object again during apply.
        let Some(private) = workspace.plan_destruction(self.session, address, &object).await else {
            return false;
        };
        let changed = self.delete(address, &object, &private).await;
        lock(&workspace.state).set_deposed(key, changed.object);
        changed.succeeded
    }

    async fn delete(&self, address: &str, object: &Object, private: &[u8]) -> Changed {
        let planned = Before {
            value: &Value::Null,
            private,
            identity: &None,
        };
        self.change(address, &object.type_name, Some(object), planned, &Value::Null)
            .await
    }

    /// Creates or updates a declared resource. Returns whether it succeeded.
    async fn create_or_update(&self, step: &Step, block: Option<&ResourceBlock>) -> bool {
        let (Some(block), Action::Create | Action::Update | Action::Replace) = (block, step.action) else {
            return true;
        };
        let Some(_permit) = self.gate.enter().await else {
            return false;
        };
        let address = &step.address;
        let object = lock(&self.workspace.state).objects.get(address).cloned();
        let prior = match &object {
            Some(object) => match self.workspace.upgrade(self.session, object).await {
                Some(object) => Some(object),
                None => return false,
            },
            None => None,
        };
        let Some((config, proposal)) = self.plan_again(step, block, prior.as_ref()).await else {
            return false;
        };
        let changed = self.put(step, block, prior.as_ref(), &config, &proposal).await;
        lock(&self.workspace.state).set(address, changed.object);
        changed.succeeded
    }

    /// Deposes the old object and creates the new one. Returns the key of the old one if it
    /// succeeded.
    async fn create_first(&self, step: &Step, block: Option<&ResourceBlock>) -> Option<u64> {
        let block = block?;
        let _permit = self.gate.enter().await?;
        let (config, proposal) = self.plan_again(step, block, None).await?;
        let address = &step.address;
        let old = lock(&self.workspace.state).depose(address)?;
        let changed = self.put(step, block, None, &config, &proposal).await;
        let mut state = lock(&self.workspace.state);
        if changed.object.is_none() {
            // Nothing was created, so the old object becomes the current one again.
            state.restore(old);
            return None;
        }
        state.set(address, changed.object);
        changed.succeeded.then_some(old)
    }

    /// Plans again with the values that are known now. The result must be a completion of the plan.
    async fn plan_again(
        &self,
        step: &Step,
        block: &ResourceBlock,
        prior: Option<&Object>,
    ) -> Option<(Value, Proposal)> {
        let (workspace, address) = (self.workspace, &step.address);
        let schema = workspace.known(&self.session.schema, type_of(address))?;
        let state = workspace.state();
        let config = workspace.config(address, block, schema, |other| Some(state.get(other)?.value().clone()))?;
        workspace.validate(self.session, address, &config).await?;
        let ignoring = block.lifecycle.ignore_changes.apply(schema, config.clone(), prior);
        let nothing = Before {
            value: &Value::Null,
            private: &[],
            identity: &None,
        };
        let before = prior.map_or(nothing, Object::before);
        let proposal = workspace
            .propose(self.session, address, &ignoring, before, Warnings::Shown)
            .await?;
        let problems = rules::completion_problems(schema.object_type(), &step.planned, &proposal.planned);
        if let Some(problem) = problems.first() {
            return workspace.violation(address, "Provider produced inconsistent final plan", problem);
        }
        // The apply call has the configuration as written, without ignored changes.
        Some((config, proposal))
    }

    async fn put(
        &self,
        step: &Step,
        block: &ResourceBlock,
        prior: Option<&Object>,
        config: &Value,
        proposal: &Proposal,
    ) -> Changed {
        let planned = Before {
            value: &proposal.planned,
            private: &proposal.private,
            identity: &proposal.identity,
        };
        let mut changed = self
            .change(&step.address, type_of(&step.address), prior, planned, config)
            .await;
        if let Some(object) = &mut changed.object {
            object.dependencies = block.dependencies();
        }
        changed
    }

    /// Applies one change and checks the result.
    async fn change(
        &self,
        address: &str,
        type_name: &str,
        prior: Option<&Object>,
        planned: Before<'_>,
        config: &Value,
    ) -> Changed {
        let workspace = self.workspace;
        let kept = || Changed {
            object: prior.cloned(),
            succeeded: false,
        };
        let Some(schema) = workspace.known(&self.session.schema, type_name) else {
            return kept();
        };
        let before = prior.map_or(&Value::Null, Object::value);
        let outcome = self
            .session
            .connection
            .apply(type_name, schema, before, planned, config)
            .await;
        let has_errors = outcome.has_errors();
        let ObjectResponse {
            value,
            private,
            identity,
        } = outcome.value.clone();
        workspace.record(outcome, Warnings::Shown);
        let is_deletion = planned.value.is_null();
        // A response without an object: nothing has changed, unless it was to be destroyed.
        let value = match value {
            Some(value) => value,
            None if is_deletion => Value::Null,
            None => before.clone(),
        };
        let mut problem = None;
        if !rules::is_wholly_known(&value) {
            problem = Some((INVALID_RESULT, "it has unknown values".to_owned()));
        } else if !rules::stored_write_only(schema, &value).is_empty() {
            problem = Some((INVALID_RESULT, "a write-only attribute has a value".to_owned()));
        } else if !has_errors {
            problem = match (is_deletion, value.is_null()) {
                (true, false) => Some((INVALID_RESULT, "it was destroyed, and still exists".to_owned())),
                (false, true) => Some((INVALID_RESULT, "it was applied, and does not exist".to_owned())),
                (true, true) => None,
                (false, false) => rules::completion_problems(schema.object_type(), planned.value, &value)
                    .into_iter()
                    .next()
                    .map(|problem| ("Provider produced inconsistent result after apply", problem)),
            };
        }
        if let Some((summary, problem)) = &problem {
            workspace.violation::<()>(address, summary, problem);
        }
        let succeeded = !has_errors && problem.is_none();
        if value.is_null() {
            return match succeeded {
                true => Changed {
                    object: None,
                    succeeded,
                },
                false => kept(),
            };
        }
        let was_tainted = prior.is_none_or(|prior| prior.is_tainted);
        Changed {
            object: Some(Object {
                type_name: type_name.to_owned(),
                attributes: Attributes::Present(rules::unknown_as_null(value)),
                schema_version: schema.version,
                private,
                identity,
                dependencies: prior.map(|prior| prior.dependencies.clone()).unwrap_or_default(),
                is_tainted: !succeeded && was_tainted,
            }),
            succeeded,
        }
    }
}
