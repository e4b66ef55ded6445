//! A workspace with one resource, and what its runs told: for the tests of a resource by itself.

use async_trait::async_trait;

use super::*;
use crate::framework::{AnyDataSource, NoIdentity, Severity};

const ADDRESS: &str = "lone.resource";

/// A workspace with one resource. A run that is killed is a future that is dropped.
#[derive(Default)]
pub(crate) struct Lone {
    workspace: Workspace,
    lifecycle: Lifecycle,
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
        self.workspace.state().get(ADDRESS).map(Object::model)
    }

    /// The state as somebody's hands leave it.
    pub(crate) fn set_state<M: Model>(&mut self, state: M) {
        if let Some(object) = lock(&self.workspace.state).get_mut(ADDRESS) {
            object.attributes = state.into_value();
        }
    }

    /// Gives the resource a `lifecycle` block, such as `|declared| declared.create_before_destroy()`.
    pub(crate) fn set_lifecycle(&mut self, with: impl FnOnce(Declared) -> Declared) {
        self.lifecycle = with(Declared::of("", Value::Null)).lifecycle;
    }

    /// `terraform taint`.
    pub(crate) fn taint(&mut self) {
        if let Some(object) = lock(&self.workspace.state).get_mut(ADDRESS) {
            object.is_tainted = true;
        }
    }

    /// `terraform apply`, with the resource of a new `process` for each phase; without a configuration it is to go.
    pub(crate) async fn apply<M: Model + Clone>(
        &mut self,
        process: impl Fn() -> Box<dyn AnyResource>,
        config: Option<&M>,
    ) -> Run {
        self.run(process, config, true).await
    }

    /// `terraform plan`.
    pub(crate) async fn plan<M: Model + Clone>(
        &mut self,
        process: impl Fn() -> Box<dyn AnyResource>,
        config: Option<&M>,
    ) -> Run {
        self.run(process, config, false).await
    }

    /// `terraform apply -replace`.
    pub(crate) async fn replace<M: Model + Clone>(
        &mut self,
        process: impl Fn() -> Box<dyn AnyResource>,
        config: &M,
    ) -> Run {
        let options = RunOptions {
            replace: BTreeSet::from([ADDRESS.to_owned()]),
            ..RunOptions::default()
        };
        self.run_with(process, Some(config), true, &options).await
    }

    /// `terraform plan -out`; the plan must succeed. What it reports comes with the next run.
    pub(crate) async fn save_plan<M: Model + Clone>(
        &mut self,
        process: impl Fn() -> Box<dyn AnyResource>,
        config: Option<&M>,
    ) -> SavedPlan {
        let declared = self.declared(&process, config);
        let plan = self
            .workspace
            .plan(start(&process), &declared, &RunOptions::default())
            .await;
        plan.expect("the plan succeeds")
    }

    /// `terraform apply` of a saved plan, with the configuration that it was made of.
    pub(crate) async fn apply_saved<M: Model + Clone>(
        &mut self,
        process: impl Fn() -> Box<dyn AnyResource>,
        config: Option<&M>,
        plan: &SavedPlan,
    ) -> Run {
        let declared = self.declared(&process, config);
        self.workspace.apply_saved(start(&process), &declared, plan).await;
        self.ended(&plan.steps)
    }

    /// `terraform import`.
    pub(crate) async fn import(&mut self, process: impl Fn() -> Box<dyn AnyResource>, id: &str) -> Run {
        let (resource, mut diagnostics) = (process(), Diagnostics::default());
        let context = Context::default();
        if let Some(attributes) = resource.import(&context, id, &mut diagnostics).await {
            let object = Object {
                kind: resource.type_name(),
                attributes,
                private: context.private.encode(),
                needs: BTreeSet::new(),
                is_tainted: false,
            };
            lock(&self.workspace.state).insert(ADDRESS.to_owned(), object);
        }
        self.workspace.tell(diagnostics);
        self.ended(&[])
    }

    async fn run<M: Model + Clone>(
        &mut self,
        process: impl Fn() -> Box<dyn AnyResource>,
        config: Option<&M>,
        applies: bool,
    ) -> Run {
        self.run_with(process, config, applies, &RunOptions::default()).await
    }

    async fn run_with<M: Model + Clone>(
        &mut self,
        process: impl Fn() -> Box<dyn AnyResource>,
        config: Option<&M>,
        applies: bool,
        options: &RunOptions,
    ) -> Run {
        let declared = self.declared(&process, config);
        let Some(plan) = self.workspace.plan(start(&process), &declared, options).await else {
            return self.ended(&[]);
        };
        if applies {
            self.workspace.apply_saved(start(&process), &declared, &plan).await;
        }
        self.ended(&plan.steps)
    }

    fn declared<M: Model + Clone>(
        &self,
        process: impl Fn() -> Box<dyn AnyResource>,
        config: Option<&M>,
    ) -> Configuration {
        let declared = config.cloned().map(|config| Declared {
            lifecycle: self.lifecycle.clone(),
            ..Declared::of(process().type_name(), config.into_value())
        });
        declared
            .map(|declared| (ADDRESS.to_owned(), declared))
            .into_iter()
            .collect()
    }

    #[track_caller]
    fn ended(&self, steps: &[Step]) -> Run {
        assert_eq!(self.workspace.broken(), Vec::<String>::new());
        let step = steps.first();
        Run {
            told: self.workspace.told(),
            changed: step.is_some_and(|step| step.action != Action::Nothing),
            planned: step.map_or(Value::Null, |step| step.planned.clone()),
        }
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
