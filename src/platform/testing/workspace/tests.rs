use std::sync::Arc;

use async_trait::async_trait;

use super::lone::Lone;
use super::*;
use crate::framework::{AnyDataSource, Attribute, Change, Field, NoIdentity, Type, model};

model! {
    struct Thing {
        name: String,
        of: String,
        id: String,
    }
}

/// A provider of things. What is done with them is noted; one whose name has an `!` fails.
#[derive(Clone, Default)]
struct Things {
    done: Arc<Mutex<Vec<String>>>,
    /// Whether it makes another id than it planned.
    lies: bool,
}

impl Things {
    fn note(&self, what: &str, thing: &Thing, diagnostics: &mut Diagnostics) -> bool {
        let [name, of] = [&thing.name, &thing.of].map(|field| field.known().cloned().unwrap_or_default());
        lock(&self.done).push(format!("{what} {name} of {of}").trim_end_matches(" of ").to_owned());
        if name.contains('!') {
            diagnostics.push(Diagnostic::error("no", ""));
        }
        !name.contains('!')
    }

    fn done(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.done))
    }

    async fn apply(&self, workspace: &Workspace, things: &[(&str, Declared)]) -> Ended {
        let things = things.iter().cloned();
        let things = things.map(|(name, declared)| (address(name), declared)).collect();
        workspace.apply(|| self.clone(), &things).await
    }
}

#[async_trait]
impl Resource for Things {
    type Model = Thing;
    type Identity = NoIdentity;

    const TYPE: &'static str = "thing";

    fn schema(&self) -> Schema {
        let attributes = [
            Attribute::required("name", Type::String, "").replaces(),
            Attribute::optional("of", Type::String, "").replaces(),
            Attribute::computed("id", Type::String, ""),
        ];
        Schema::new("", attributes)
    }

    fn validate(&self, _: &Thing, _: &mut Diagnostics) {}

    async fn plan(&self, _: &Context, change: &mut Change<Thing>, _: &mut Diagnostics) {
        if self.lies {
            change.planned.id = "planned".into();
        }
    }

    async fn create(&self, _: &Context, planned: Thing, diagnostics: &mut Diagnostics) -> Option<Thing> {
        self.note("make", &planned, diagnostics).then(|| Thing {
            id: planned.name.known().map(|name| format!("id-{name}")).into(),
            ..planned
        })
    }

    async fn read(&self, _: &Context, state: Thing, _: &mut Diagnostics) -> Option<Thing> {
        Some(state)
    }

    async fn update(&self, _: &Context, _: Thing, planned: Thing, _: &mut Diagnostics) -> Thing {
        planned
    }

    async fn delete(&self, _: &Context, state: Thing, diagnostics: &mut Diagnostics) -> Option<Thing> {
        self.note("end", &state, diagnostics);
        None
    }

    async fn import(&self, _: &Context, id: &str, diagnostics: &mut Diagnostics) -> Option<Thing> {
        diagnostics.push(Diagnostic::warning("imported", ""));
        Some(Thing {
            id: id.into(),
            ..Thing::default()
        })
    }
}

#[async_trait]
impl Provider for Things {
    type Config = NoIdentity;

    fn schema(&self) -> Schema {
        Schema::new("", [])
    }

    fn validate(&self, _: &NoIdentity, _: &mut Diagnostics) {}

    async fn configure(&self, _: NoIdentity, _: &str, _: &mut Diagnostics) {}

    fn resources(&self) -> Vec<Box<dyn AnyResource>> {
        vec![Box::new(self.clone())]
    }

    fn data_sources(&self) -> Vec<Box<dyn AnyDataSource>> {
        Vec::new()
    }
}

fn address(name: &str) -> String {
    format!("thing.{name}")
}

fn thing(name: &str) -> Declared {
    Declared::new::<Things>(Thing {
        name: name.into(),
        ..Thing::default()
    })
}

#[tokio::test]
async fn what_refers_to_another_is_made_after_it_and_ended_before_it() {
    let (things, workspace) = (Things::default(), Workspace::default());
    let both = |name| {
        [
            ("a", thing("leaf").referring("of", "thing.z", "id")),
            ("z", thing(name)),
        ]
    };
    assert_eq!(things.apply(&workspace, &both("root")).await, Ended::Applied);
    assert_eq!(things.done(), ["make root", "make leaf of id-root"]);
    assert_eq!(things.apply(&workspace, &both("root")).await, Ended::Unchanged);

    assert_eq!(things.apply(&workspace, &both("oak")).await, Ended::Applied);
    let replaced = ["end leaf of id-root", "end root", "make oak", "make leaf of id-oak"];
    assert_eq!(things.done(), replaced);
    assert_eq!(things.apply(&workspace, &[]).await, Ended::Applied);
    assert_eq!(things.done(), ["end leaf of id-oak", "end oak"]);
    assert!(workspace.state().is_empty() && workspace.broken().is_empty());
}

#[tokio::test]
async fn what_fails_stops_what_refers_to_it_and_nothing_else() {
    let (things, workspace) = (Things::default(), Workspace::default());
    let declared = [
        ("a", thing("leaf").referring("of", "thing.z", "id")),
        ("b", thing("other")),
        ("z", thing("root!")),
    ];
    assert_eq!(things.apply(&workspace, &declared).await, Ended::Failed);
    assert_eq!(things.done(), ["make other", "make root!"]);
    assert_eq!(workspace.state().into_keys().collect::<Vec<_>>(), ["thing.b"]);
    assert_eq!(workspace.told().len(), 1);
}

#[tokio::test]
async fn a_provider_that_does_otherwise_than_it_planned_is_found_out() {
    let (mut things, workspace) = (Things::default(), Workspace::default());
    things.lies = true;
    assert_eq!(things.apply(&workspace, &[("a", thing("leaf"))]).await, Ended::Applied);
    let broken = workspace.broken();
    assert!(
        broken.len() == 1 && broken[0].contains("thing.a is applied otherwise than planned: id"),
        "{broken:?}"
    );
}

#[tokio::test]
async fn a_resource_by_itself_lives_as_in_any_workspace() {
    let (things, mut workspace) = (Things::default(), Lone::new());
    let process = || Box::new(things.clone()) as Box<dyn AnyResource>;
    let named = |name: &str| Thing {
        name: name.into(),
        ..Thing::default()
    };
    let planned = workspace.plan(process, Some(&named("leaf"))).await.says_nothing();
    assert!(planned.changed && planned.planned.get("id") == &Value::Unknown);
    assert!(workspace.state::<Thing>().is_none() && things.done().is_empty());

    workspace.apply(process, Some(&named("leaf"))).await.succeeds();
    workspace.apply(process, Some(&named("leaf"))).await.changes_nothing();
    workspace.set_state(named("twig"));
    let replaced = workspace.plan(process, Some(&named("leaf"))).await.succeeds();
    assert!(replaced.changed);
    workspace.apply(process, Some(&named("root!"))).await.fails("no");
    assert_eq!(things.done(), ["make leaf", "end twig", "make root!"]);

    workspace.import(process, "leaf").await.warns("imported");
    assert_eq!(workspace.state::<Thing>().unwrap().id, Field::Known("leaf".to_owned()));
    workspace.apply::<Thing>(process, None).await.succeeds();
    assert!(workspace.state::<Thing>().is_none());
}
