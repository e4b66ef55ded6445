//! A workspace with one resource, in which Terraform's part is played: refresh, plan and apply, each phase by a provider of
//! its own, and Terraform's rules for providers are held. A run that is killed is a future that is dropped.

use crate::framework::{AnyResource, Context, Diagnostic, Diagnostics, Model, Severity, Value};

/// A workspace with one resource.
pub(crate) struct Workspace {
    state: Value,
    is_tainted: bool,
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

    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        let failed = self.told.iter().any(|told| told.severity == Severity::Error);
        assert!(!failed, "{:#?}", self.told);
        self
    }

    #[track_caller]
    pub(crate) fn fails(self, phrase: &str) -> Self {
        assert!(self.says(Severity::Error, phrase), "{phrase}: {:#?}", self.told);
        self
    }

    #[track_caller]
    pub(crate) fn warns(self, phrase: &str) -> Self {
        assert!(self.says(Severity::Warning, phrase), "{phrase}: {:#?}", self.told);
        self
    }

    #[track_caller]
    pub(crate) fn changes_nothing(self) -> Self {
        assert!(!self.changed, "{:#?}", self);
        self.succeeds()
    }

    #[track_caller]
    pub(crate) fn is_quiet(self) -> Self {
        assert!(self.told.is_empty(), "{:#?}", self.told);
        self
    }
}

impl Workspace {
    /// One with an empty state.
    pub(crate) fn new() -> Self {
        Self {
            state: Value::Null,
            is_tainted: false,
        }
    }

    /// What the state has of the resource.
    pub(crate) fn state<M: Model>(&self) -> Option<M> {
        (!self.state.is_null()).then(|| M::from_value(&self.state).unwrap())
    }

    /// `terraform apply`; without a configuration the resource is to go.
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
        let mut diagnostics = Diagnostics::default();
        let imported = process().import(&Context::default(), id, &mut diagnostics).await;
        self.state = imported.unwrap_or(Value::Null);
        run(diagnostics, false, Value::Null)
    }

    async fn run<M: Model + Clone>(
        &mut self,
        process: impl Fn() -> Box<dyn AnyResource>,
        config: Option<&M>,
        applies: bool,
    ) -> Run {
        let (context, mut diagnostics) = (Context::default(), Diagnostics::default());
        let resource = process();
        let refreshed = match &self.state {
            Value::Null => Value::Null,
            state => resource.read(&context, state.clone(), &mut diagnostics).await,
        };
        if diagnostics.has_errors() {
            return run(diagnostics, false, Value::Null);
        }
        if applies {
            self.state = refreshed.clone();
        }
        // What is tainted is planned as if it were not there.
        let prior = if self.is_tainted {
            Value::Null
        } else {
            refreshed.clone()
        };
        let (planned, replaces) = plan(&*resource, config.cloned(), &prior, &mut diagnostics).await;
        let changed = planned != refreshed || replaces;
        if diagnostics.has_errors() || !changed || !applies {
            return run(diagnostics, changed, planned);
        }
        let resource = process();
        let mut prior = refreshed;
        if (self.is_tainted || replaces) && !prior.is_null() {
            prior = resource.apply(&context, prior, Value::Null, &mut diagnostics).await;
            self.save(&prior, self.is_tainted);
            if diagnostics.has_errors() {
                return run(diagnostics, changed, planned);
            }
        }
        let planned = match replaces {
            true => {
                plan(&*resource, config.cloned(), &Value::Null, &mut diagnostics)
                    .await
                    .0
            }
            false => planned,
        };
        let created = prior.is_null();
        let result = resource.apply(&context, prior, planned.clone(), &mut diagnostics).await;
        let failed = diagnostics.has_errors();
        self.save(&result, created && failed);
        assert!(
            failed || agrees(&planned, &result),
            "planned {planned:?}, got {result:?}"
        );
        run(diagnostics, changed, planned)
    }

    fn save(&mut self, state: &Value, is_tainted: bool) {
        self.state = state.clone();
        self.is_tainted = is_tainted && !state.is_null();
    }
}

fn run(diagnostics: Diagnostics, changed: bool, planned: Value) -> Run {
    Run {
        told: diagnostics.into_iter().collect(),
        changed,
        planned,
    }
}

/// What is planned, and whether for a new resource.
async fn plan<M: Model>(
    resource: &dyn AnyResource,
    config: Option<M>,
    prior: &Value,
    diagnostics: &mut Diagnostics,
) -> (Value, bool) {
    let Some(config) = config.map(Model::into_value) else {
        let context = Context::default();
        resource
            .plan(&context, &Value::Null, prior, Value::Null, diagnostics)
            .await;
        return (Value::Null, false);
    };
    resource.validate(&config, diagnostics);
    // The configuration, and for what it leaves out and the provider sets, what there was.
    let attributes = resource.schema().attributes;
    let proposed = attributes.iter().map(|attribute| {
        let value = match config.get(attribute.name) {
            Value::Null if attribute.is_computed() => prior.get(attribute.name),
            value => value,
        };
        (attribute.name.to_owned(), value.clone())
    });
    let proposed = Value::Map(proposed.collect());
    let plan = resource
        .plan(&Context::default(), &config, prior, proposed, diagnostics)
        .await;
    let Some(plan) = plan else {
        return (prior.clone(), false);
    };
    for attribute in attributes.iter().filter(|attribute| !attribute.is_computed()) {
        let (planned, declared) = (plan.planned.get(attribute.name), config.get(attribute.name));
        let allowed = planned == declared || planned == prior.get(attribute.name);
        assert!(allowed, "{} is planned against the configuration", attribute.name);
    }
    (plan.planned, !plan.replaces.is_empty())
}

/// Whether a result is what was planned, but for what was to become known.
fn agrees(planned: &Value, result: &Value) -> bool {
    match (planned, result) {
        (Value::Unknown, _) => true,
        (Value::Map(planned), Value::Map(result)) => {
            let mut members = planned.iter();
            members.all(|(name, planned)| result.get(name).is_some_and(|result| agrees(planned, result)))
        }
        (planned, result) => planned == result,
    }
}
