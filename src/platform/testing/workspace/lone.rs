//! A workspace with one resource, which is given without its provider.

use std::sync::Mutex;

use async_trait::async_trait;

use super::super::lock;
use super::Declared;
use crate::framework::testing::{Diagnostic, ResourceBlock, SavedPlan, SingleResource, Workspace};
use crate::framework::{AnyDataSource, AnyResource, Diagnostics, Model, NoIdentity, Provider, Schema, Severity, Value};

/// A workspace with one resource. A run that is killed is a future that is dropped.
#[derive(Default)]
pub(crate) struct Lone {
    /// Known once its type is.
    resource: Option<SingleResource>,
    lifecycle: ResourceBlock,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// What it told.
    pub(crate) told: Vec<Diagnostic>,
    /// Whether the plan was to change anything.
    pub(crate) changed: bool,
    /// What was planned; null if nothing was, or a destruction.
    pub(crate) planned: Value,
}

impl From<crate::framework::testing::Run> for Run {
    fn from(run: crate::framework::testing::Run) -> Self {
        Self {
            changed: run.is_change(),
            planned: run.value.planned,
            told: run.diagnostics,
        }
    }
}

impl Run {
    fn says(&self, severity: Severity, phrase: &str) -> bool {
        let of_severity = self.told.iter().filter(|told| told.severity == severity);
        of_severity.map(ToString::to_string).any(|told| told.contains(phrase))
    }

    /// This run, which must have told no error.
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert!(!self.says(Severity::Error, ""), "{self:#?}");
        self
    }

    /// This run, which must have failed with this.
    #[track_caller]
    pub(crate) fn fails(self, phrase: &str) -> Self {
        assert!(self.says(Severity::Error, phrase), "{phrase}: {self:#?}");
        self
    }

    /// This run, which must have warned of this.
    #[track_caller]
    pub(crate) fn warns(self, phrase: &str) -> Self {
        assert!(self.says(Severity::Warning, phrase), "{phrase}: {self:#?}");
        self
    }

    /// This run, which must have succeeded and found nothing to do.
    #[track_caller]
    pub(crate) fn changes_nothing(self) -> Self {
        assert!(!self.changed, "{self:#?}");
        self.succeeds()
    }

    /// This run, which must have told nothing.
    #[track_caller]
    pub(crate) fn says_nothing(self) -> Self {
        assert!(self.told.is_empty(), "{self:#?}");
        self
    }
}

impl Lone {
    /// One with an empty state.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// What the state has of the resource.
    pub(crate) fn state<M: Model>(&self) -> Option<M> {
        self.resource.as_ref()?.state()
    }

    /// The state as somebody's hands leave it.
    pub(crate) fn set_state<M: Model>(&mut self, state: M) {
        if let Some(resource) = &mut self.resource {
            resource.set_state(state);
        }
    }

    /// Gives the resource a `lifecycle` block, such as `Declared::create_before_destroy`.
    pub(crate) fn set_lifecycle(&mut self, with: impl FnOnce(Declared) -> Declared) {
        self.lifecycle = with(Declared::default());
    }

    /// `terraform taint`.
    pub(crate) fn taint(&mut self) {
        if let Some(resource) = &mut self.resource {
            resource.taint();
        }
    }

    fn of_type(&mut self, process: impl Fn() -> Box<dyn AnyResource>) -> &mut SingleResource {
        let lifecycle = self.lifecycle.clone();
        let new = || SingleResource::of(Workspace::new(), process().type_name());
        let resource = self.resource.get_or_insert_with(new);
        resource.set_lifecycle(|_| lifecycle);
        resource
    }

    /// `terraform apply`, with the resource of a new `process` for each phase; without a configuration it is to go.
    pub(crate) async fn apply<M: Model + Clone>(
        &mut self,
        process: impl Fn() -> Box<dyn AnyResource>,
        config: Option<&M>,
    ) -> Run {
        self.of_type(&process).apply(start(&process), config).await.into()
    }

    /// `terraform plan`.
    pub(crate) async fn plan<M: Model + Clone>(
        &mut self,
        process: impl Fn() -> Box<dyn AnyResource>,
        config: Option<&M>,
    ) -> Run {
        self.of_type(&process).plan(start(&process), config).await.into()
    }

    /// `terraform apply -replace`.
    pub(crate) async fn replace<M: Model + Clone>(
        &mut self,
        process: impl Fn() -> Box<dyn AnyResource>,
        config: &M,
    ) -> Run {
        self.of_type(&process).replace(start(&process), config).await.into()
    }

    /// `terraform plan -out`; the plan must succeed. What it reports comes with the next run.
    pub(crate) async fn save_plan<M: Model + Clone>(
        &mut self,
        process: impl Fn() -> Box<dyn AnyResource>,
        config: Option<&M>,
    ) -> SavedPlan {
        self.of_type(&process).save_plan(start(&process), config).await
    }

    /// `terraform apply` of a saved plan, with the configuration that it was made of.
    pub(crate) async fn apply_saved<M: Model + Clone>(
        &mut self,
        process: impl Fn() -> Box<dyn AnyResource>,
        _: Option<&M>,
        plan: &SavedPlan,
    ) -> Run {
        self.of_type(&process).apply_saved(start(&process), plan).await.into()
    }

    /// `terraform import`.
    pub(crate) async fn import(&mut self, process: impl Fn() -> Box<dyn AnyResource>, id: &str) -> Run {
        self.of_type(&process).import(start(&process), id).await.into()
    }
}

/// Starts providers of the one resource that `process` makes.
fn start(process: impl Fn() -> Box<dyn AnyResource>) -> impl Fn() -> Only {
    move || Only(Mutex::new(Some(process())))
}

/// A provider of one resource, which it gives away.
struct Only(Mutex<Option<Box<dyn AnyResource>>>);

#[async_trait]
impl Provider for Only {
    type Config = NoIdentity;

    fn schema(&self) -> Schema {
        Schema::new("", [])
    }

    fn validate(&self, _: &NoIdentity, _: &mut Diagnostics) {}

    async fn configure(&self, _: NoIdentity, _: &str, _: &mut Diagnostics) {}

    fn resources(&self) -> Vec<Box<dyn AnyResource>> {
        Vec::from_iter(lock(&self.0).take())
    }

    fn data_sources(&self) -> Vec<Box<dyn AnyDataSource>> {
        Vec::new()
    }
}
