//! A workspace with one resource.

use serde_json::Value as Json;

use super::config::ToConfig;
use super::start::DynStart;
use super::workspace::{Action, PlannedChange};
use super::{Configuration, Object, Outcome, ResourceBlock, RunOptions, SavedPlan, Start, Workspace};
use crate::framework::{Model, Value};

/// A workspace with one resource, for tests of that resource. To kill a run, drop its future.
///
/// Runs panic if the provider violates one of Terraform's rules.
#[derive(Debug)]
pub struct SingleResource {
    address: String,
    workspace: Workspace,
    lifecycle: ResourceBlock,
}

/// The plan of a run, and its diagnostics. It dereferences to the planned change.
pub type Run = Outcome<PlannedChange>;

impl Run {
    /// Asserts that there was no error and no change.
    #[track_caller]
    pub fn changes_nothing(self) -> Self {
        assert!(!self.is_change(), "there was something to do: {self:#?}");
        self.succeeds()
    }

    /// Asserts that there was no error and that this was the planned action.
    #[track_caller]
    pub fn plans(self, action: Action) -> Self {
        assert_eq!(self.action, action, "{self:#?}");
        self.succeeds()
    }
}

impl SingleResource {
    /// Creates a workspace with an empty state for a resource of this type.
    pub fn new(type_name: &str) -> Self {
        Self::of(Workspace::new(), type_name)
    }

    /// Uses a workspace, which may have a `provider` block, for a resource of this type.
    pub fn of(workspace: Workspace, type_name: &str) -> Self {
        Self {
            address: format!("{type_name}.this"),
            workspace,
            lifecycle: ResourceBlock::default(),
        }
    }

    /// Changes the `provider` block.
    pub fn set_provider(&mut self, config: impl ToConfig) {
        self.workspace = std::mem::take(&mut self.workspace).with_provider(config);
    }

    /// Returns the workspace.
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Returns the state of the resource as a model.
    pub fn state<M: Model>(&self) -> Option<M> {
        self.object().as_ref().map(Object::model)
    }

    /// Returns the state of the resource.
    pub fn object(&self) -> Option<Object> {
        self.workspace.state().remove(&self.address)
    }

    /// Replaces the attributes in the state.
    pub fn set_state(&mut self, state: impl Model) {
        self.workspace.set_attributes(&self.address, state);
    }

    /// Edits the attributes in the state file.
    pub fn edit_state(&mut self, edit: impl FnOnce(&mut Json)) {
        self.workspace.edit_attributes(&self.address, edit);
    }

    /// Stores the resource as in a state file, possibly of an older schema version.
    pub fn store(&mut self, schema_version: i64, attributes: Json) {
        self.workspace.store(&self.address, schema_version, attributes);
    }

    /// Changes the `lifecycle` block of the resource, for instance by
    /// `ResourceBlock::create_before_destroy`.
    pub fn set_lifecycle(&mut self, with: impl FnOnce(ResourceBlock) -> ResourceBlock) {
        self.lifecycle = with(ResourceBlock::default());
    }

    /// Runs `terraform taint`.
    pub fn taint(&mut self) {
        self.workspace.taint(&self.address);
    }

    /// Runs `terraform apply`, with a new provider for each phase. Without a configuration, the
    /// resource is destroyed.
    pub async fn apply<C: ToConfig>(&mut self, start: impl Start, config: Option<&C>) -> Run {
        self.run(&start, self.configuration(config), &RunOptions::default(), true)
            .await
    }

    /// Runs `terraform plan`.
    pub async fn plan<C: ToConfig>(&mut self, start: impl Start, config: Option<&C>) -> Run {
        self.run(&start, self.configuration(config), &RunOptions::default(), false)
            .await
    }

    /// Runs `terraform destroy`.
    pub async fn destroy(&mut self, start: impl Start) -> Run {
        self.run(&start, Configuration::new(), &RunOptions::default(), true)
            .await
    }

    /// Runs `terraform apply -replace`.
    pub async fn replace<C: ToConfig>(&mut self, start: impl Start, config: &C) -> Run {
        let options = RunOptions {
            replace: [self.address.clone()].into(),
            ..RunOptions::default()
        };
        self.run(&start, self.configuration(Some(config)), &options, true).await
    }

    /// Runs `terraform apply` with options.
    pub async fn apply_with<C: ToConfig>(
        &mut self,
        start: impl Start,
        config: Option<&C>,
        options: &RunOptions,
    ) -> Run {
        self.run(&start, self.configuration(config), options, true).await
    }

    /// Runs `terraform apply -refresh-only`.
    pub async fn refresh(&mut self, start: impl Start) -> Run {
        let options = RunOptions {
            refresh_only: true,
            ..RunOptions::default()
        };
        self.run(&start, Configuration::new(), &options, true).await
    }

    /// Runs `terraform plan -out`. Its warnings appear in the next run.
    ///
    /// # Panics
    ///
    /// If the plan fails.
    #[allow(clippy::expect_used, reason = "an assertion of a test")]
    pub async fn save_plan<C: ToConfig>(&mut self, start: impl Start, config: Option<&C>) -> SavedPlan {
        let configuration = self.configuration(config);
        let plan = self.workspace.plan(start, &configuration, &RunOptions::default()).await;
        plan.expect("the plan succeeds")
    }

    /// Runs `terraform apply` of a saved plan.
    pub async fn apply_saved(&mut self, start: impl Start, plan: &SavedPlan) -> Run {
        self.workspace.apply_saved(start, plan).await;
        self.report(Some(plan))
    }

    /// Runs `terraform import`. If it succeeds, it replaces the state.
    pub async fn import(&mut self, start: impl Start, id: &str) -> Run {
        let before = self.object();
        self.workspace.forget(&self.address);
        if !self.workspace.import(start, &self.address, id).await {
            self.workspace.restore(&self.address, before);
        }
        self.report(None)
    }

    async fn run(
        &mut self,
        start: &dyn DynStart,
        configuration: Configuration,
        options: &RunOptions,
        applies: bool,
    ) -> Run {
        let plan = self.workspace.plan_changes(start, &configuration, options).await;
        if let Some(plan) = plan.as_ref().filter(|_| applies) {
            self.workspace.apply_changes(start, plan).await;
        }
        self.report(plan.as_ref())
    }

    fn configuration<C: ToConfig>(&self, config: Option<&C>) -> Configuration {
        let block = config.map(|config| self.lifecycle.clone().with_config(config));
        block.map(|block| (self.address.clone(), block)).into_iter().collect()
    }

    #[track_caller]
    fn report(&self, plan: Option<&SavedPlan>) -> Run {
        assert_eq!(self.workspace.violations(), Vec::<String>::new());
        let change = plan.and_then(|plan| plan.changes().remove(&self.address));
        let nothing = PlannedChange {
            action: Action::Nothing,
            planned: Value::Null,
        };
        Outcome::new(change.unwrap_or(nothing), self.workspace.take_diagnostics())
    }
}
