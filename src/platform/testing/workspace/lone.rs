//! A workspace with one resource, and what its runs told: for the tests of a resource by itself.

use async_trait::async_trait;

use super::*;
use crate::framework::{AnyDataSource, NoIdentity, Severity};

const ADDRESS: &str = "lone.resource";

/// A workspace with one resource. A run that is killed is a future that is dropped.
#[derive(Default)]
pub(crate) struct Lone(Workspace);

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
        self.0.state().get(ADDRESS).map(Object::model)
    }

    /// The state as somebody's hands leave it.
    pub(crate) fn set_state<M: Model>(&mut self, state: M) {
        if let Some(object) = lock(&self.0.state).get_mut(ADDRESS) {
            object.attributes = state.into_value();
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

    /// `terraform import`.
    pub(crate) async fn import(&mut self, process: impl Fn() -> Box<dyn AnyResource>, id: &str) -> Run {
        let (resource, mut diagnostics) = (process(), Diagnostics::default());
        if let Some(attributes) = resource.import(&Context::default(), id, &mut diagnostics).await {
            let object = Object {
                kind: resource.type_name(),
                attributes,
                needs: BTreeSet::new(),
                is_tainted: false,
            };
            lock(&self.0.state).insert(ADDRESS.to_owned(), object);
        }
        self.0.tell(diagnostics);
        self.ended(&[])
    }

    async fn run<M: Model + Clone>(
        &mut self,
        process: impl Fn() -> Box<dyn AnyResource>,
        config: Option<&M>,
        applies: bool,
    ) -> Run {
        let declared = config.cloned().map(|config| Declared {
            kind: process().type_name(),
            attributes: config.into_value(),
            references: BTreeMap::new(),
        });
        let declared = declared.map(|declared| (ADDRESS.to_owned(), declared)).into_iter();
        let (declared, before) = (declared.collect(), self.0.state());
        let start = || Only(Mutex::new(Some(process())));
        let steps = self.0.plan(start, &declared).await.unwrap_or_default();
        if applies {
            self.0.carry_out(start, &declared, &steps).await;
        } else {
            *lock(&self.0.state) = before;
        }
        self.ended(&steps)
    }

    #[track_caller]
    fn ended(&self, steps: &[Step]) -> Run {
        assert_eq!(self.0.broken(), Vec::<String>::new());
        let step = steps.first();
        Run {
            told: self.0.told(),
            changed: step.is_some_and(|step| step.action != Action::Nothing),
            planned: step.map_or(Value::Null, |step| step.planned.clone()),
        }
    }
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
