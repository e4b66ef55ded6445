//! A resource, called as Terraform calls it, one call at a time. Whole runs are [`workspace`](super::workspace)'s.

use crate::framework::{AnyResource, Context, Diagnostic, Diagnostics, Model, Resource, Severity, Value};

/// What an operation on a resource came to, and what it told.
#[derive(Debug)]
pub(crate) struct Outcome<M> {
    pub(crate) state: Option<M>,
    pub(crate) told: Vec<Diagnostic>,
}

impl<M> Outcome<M> {
    /// What exists after it, which went without an error.
    #[track_caller]
    pub(crate) fn state(self) -> M {
        let errors = self.told.iter().filter(|told| told.severity == Severity::Error);
        assert_eq!(errors.collect::<Vec<_>>(), Vec::<&Diagnostic>::new());
        self.state.expect("it exists")
    }

    /// Whether it told of this.
    pub(crate) fn says(&self, severity: Severity, phrase: &str) -> bool {
        let of_severity = self.told.iter().filter(|told| told.severity == severity);
        of_severity.map(Diagnostic::to_string).any(|told| told.contains(phrase))
    }

    /// Whether it failed with this.
    pub(crate) fn fails(&self, phrase: &str) -> bool {
        self.says(Severity::Error, phrase)
    }
}

/// A resource, with the calls that Terraform makes of it.
pub(crate) struct Driven<R> {
    pub(crate) resource: R,
    pub(crate) context: Context,
}

/// What Terraform is told of a plan.
pub(crate) struct Planned<M> {
    pub(crate) model: M,
    /// The attributes whose change asks for a new resource.
    pub(crate) replaces: Vec<&'static str>,
    pub(crate) told: Vec<Diagnostic>,
}

impl<R: Resource> Driven<R>
where
    R::Model: Clone + std::fmt::Debug,
{
    pub(crate) fn new(resource: R) -> Self {
        let context = Context::default();
        Self { resource, context }
    }

    pub(crate) async fn plan(&self, config: &R::Model, prior: Option<&R::Model>) -> Planned<R::Model> {
        let mut diagnostics = Diagnostics::default();
        let (config, prior) = (value(Some(config)), value(prior));
        let proposed = self.proposed(&config, &prior);
        let planned = AnyResource::plan(
            &self.resource,
            &self.context,
            &config,
            &prior,
            proposed,
            &mut diagnostics,
        );
        let plan = planned.await.expect("a plan");
        Planned {
            model: R::Model::from_value(&plan.planned).unwrap(),
            replaces: plan.replaces,
            told: diagnostics.into_iter().collect(),
        }
    }

    pub(crate) async fn create(&self, config: &R::Model) -> Outcome<R::Model> {
        self.apply(None, Some(&self.plan(config, None).await.model)).await
    }

    pub(crate) async fn update(&self, config: &R::Model, prior: &R::Model) -> Outcome<R::Model> {
        let planned = self.plan(config, Some(prior)).await;
        assert_eq!(planned.replaces, Vec::<&str>::new());
        self.apply(Some(prior), Some(&planned.model)).await
    }

    pub(crate) async fn delete(&self, state: &R::Model) -> Outcome<R::Model> {
        self.apply(Some(state), None).await
    }

    pub(crate) async fn read(&self, state: &R::Model) -> Outcome<R::Model> {
        let mut diagnostics = Diagnostics::default();
        let read = AnyResource::read(&self.resource, &self.context, value(Some(state)), &mut diagnostics).await;
        outcome(&read, diagnostics)
    }

    pub(crate) async fn import(&self, id: &str) -> Outcome<R::Model> {
        let mut diagnostics = Diagnostics::default();
        let imported = AnyResource::import(&self.resource, &self.context, id, &mut diagnostics).await;
        outcome(&imported.unwrap_or(Value::Null), diagnostics)
    }

    /// A refresh and a plan find nothing to do, and nothing to say.
    pub(crate) async fn rests(&self, config: &R::Model, state: &R::Model) {
        let read = self.read(state).await;
        assert_eq!(read.told, []);
        let read = read.state.expect("it is still there");
        assert_eq!(format!("{read:?}"), format!("{state:?}"));
        let planned = self.plan(config, Some(&read)).await;
        assert_eq!(planned.told, []);
        assert_eq!(format!("{:?}", planned.model), format!("{state:?}"));
    }

    async fn apply(&self, prior: Option<&R::Model>, planned: Option<&R::Model>) -> Outcome<R::Model> {
        let mut diagnostics = Diagnostics::default();
        let (prior, planned) = (value(prior), value(planned));
        let applied = AnyResource::apply(&self.resource, &self.context, prior, planned, &mut diagnostics).await;
        outcome(&applied, diagnostics)
    }

    /// What Terraform proposes: the configuration, and what it leaves to the provider as it was.
    fn proposed(&self, config: &Value, prior: &Value) -> Value {
        let schema = AnyResource::schema(&self.resource);
        let members = schema.attributes.iter().map(|attribute| {
            let configured = config.get(attribute.name);
            let kept = attribute.is_computed() && configured.is_null();
            let proposed = if kept { prior.get(attribute.name) } else { configured };
            (attribute.name.to_owned(), proposed.clone())
        });
        Value::Map(members.collect())
    }
}

fn value<M: Model + Clone>(model: Option<&M>) -> Value {
    model.cloned().map_or(Value::Null, Model::into_value)
}

fn outcome<M: Model>(state: &Value, diagnostics: Diagnostics) -> Outcome<M> {
    Outcome {
        state: (!state.is_null()).then(|| M::from_value(state).unwrap()),
        told: diagnostics.into_iter().collect(),
    }
}
