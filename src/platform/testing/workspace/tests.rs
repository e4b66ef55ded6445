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
    /// Whether it records each plan call, in a warning and in the private state.
    records_plans: bool,
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
        workspace.apply(|| self.clone(), &configuration(things)).await
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

    async fn plan(&self, context: &Context, change: &mut Change<Thing>, diagnostics: &mut Diagnostics) {
        if self.lies {
            change.planned.id = "planned".into();
        }
        if self.records_plans {
            let is_first = change.prior.is_some();
            let call = if is_first { "with a prior state" } else { "without" };
            let mut calls: Vec<String> = context.private.get("plans").unwrap_or_default();
            calls.push(call.to_owned());
            diagnostics.push(Diagnostic::warning(calls.join(", "), ""));
            context.private.set("plans", calls);
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

fn configuration(things: &[(&str, Declared)]) -> Configuration {
    let things = things.iter().cloned();
    things.map(|(name, declared)| (address(name), declared)).collect()
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

fn summaries(workspace: &Workspace) -> Vec<String> {
    workspace.told().into_iter().map(|told| told.summary).collect()
}

#[tokio::test]
async fn replacement_is_planned_twice_and_the_second_call_s_warnings_are_dropped() {
    let (things, workspace) = (Things::default(), Workspace::default());
    things.apply(&workspace, &[("a", thing("leaf"))]).await;
    let recording = Things {
        records_plans: true,
        ..things
    };
    assert_eq!(
        recording.apply(&workspace, &[("a", thing("root"))]).await,
        Ended::Applied
    );
    // The apply plans the creation again, with no private state: the old object is gone.
    assert_eq!(summaries(&workspace), ["with a prior state", "without"]);
    assert_eq!(
        recording.apply(&workspace, &[("a", thing("root"))]).await,
        Ended::Unchanged
    );
    assert_eq!(summaries(&workspace), ["without, with a prior state"]);
}

#[tokio::test]
async fn private_state_of_the_refreshed_object_reaches_both_plans_of_an_update() {
    let things = Things {
        records_plans: true,
        ..Things::default()
    };
    let workspace = Workspace::default();
    things.apply(&workspace, &[("a", thing("leaf"))]).await;
    let declared = configuration(&[("a", thing("leaf"))]);
    let plan = workspace
        .plan(|| things.clone(), &declared, &RunOptions::default())
        .await;
    assert_eq!(
        workspace
            .apply_saved(|| things.clone(), &declared, &plan.unwrap())
            .await,
        Ended::Unchanged
    );
    assert_eq!(
        summaries(&workspace),
        ["without", "without", "without, with a prior state"]
    );
}

#[tokio::test]
async fn create_before_destroy_creates_first_and_is_inherited_by_what_is_referred_to() {
    let (things, workspace) = (Things::default(), Workspace::default());
    let both = |name, leaf: Declared| [("a", leaf.referring("of", "thing.z", "id")), ("z", thing(name))];
    let leaf = || thing("leaf").create_before_destroy();
    things.apply(&workspace, &both("root", leaf())).await;
    things.done();
    assert_eq!(things.apply(&workspace, &both("oak", leaf())).await, Ended::Applied);
    let replaced = ["make oak", "make leaf of id-oak", "end leaf of id-root", "end root"];
    assert_eq!(things.done(), replaced);
    assert!(lock(&workspace.deposed).is_empty());
}

#[tokio::test]
async fn create_before_destroy_keeps_the_old_object_if_the_creation_fails() {
    let (things, workspace) = (Things::default(), Workspace::default());
    let leaf = |name| [("a", thing(name).create_before_destroy())];
    things.apply(&workspace, &leaf("leaf")).await;
    assert_eq!(things.apply(&workspace, &leaf("twig!")).await, Ended::Failed);
    assert_eq!(things.done(), ["make leaf", "make twig!"]);
    let state = workspace.state();
    assert_eq!(state["thing.a"].model::<Thing>().name, Field::Known("leaf".to_owned()));
}

#[tokio::test]
async fn deposed_object_whose_destruction_failed_is_destroyed_by_the_next_apply() {
    let (things, workspace) = (Things::default(), Workspace::default());
    let leaf = |name| [("a", thing(name).create_before_destroy())];
    things.apply(&workspace, &leaf("leaf")).await;
    let object = workspace.state()["thing.a"].clone();
    lock(&workspace.deposed).push((address("a"), object));
    assert_eq!(things.apply(&workspace, &leaf("leaf")).await, Ended::Applied);
    assert_eq!(things.done(), ["make leaf", "end leaf"]);
    assert_eq!(things.apply(&workspace, &leaf("leaf")).await, Ended::Unchanged);
}

#[tokio::test]
async fn ignored_changes_are_planned_as_they_were() {
    let (things, workspace) = (Things::default(), Workspace::default());
    things.apply(&workspace, &[("a", thing("leaf"))]).await;
    let of_name = thing("root").ignore_changes(&["name"]);
    assert_eq!(things.apply(&workspace, &[("a", of_name)]).await, Ended::Unchanged);
    let of_another = thing("root").ignore_changes(&["of"]);
    assert_eq!(things.apply(&workspace, &[("a", of_another)]).await, Ended::Applied);
    assert_eq!(
        things
            .apply(&workspace, &[("a", thing("twig").ignore_all_changes())])
            .await,
        Ended::Unchanged
    );
    assert_eq!(things.done(), ["make leaf", "end leaf", "make root"]);
}

#[tokio::test]
async fn forced_replacement_replaces_what_has_not_changed() {
    let (things, workspace) = (Things::default(), Workspace::default());
    let declared = configuration(&[("a", thing("leaf")), ("b", thing("twig"))]);
    let options = RunOptions {
        replace: BTreeSet::from([address("a")]),
        ..RunOptions::default()
    };
    workspace.apply(|| things.clone(), &declared).await;
    things.done();
    assert_eq!(
        workspace.apply_with(|| things.clone(), &declared, &options).await,
        Ended::Applied
    );
    assert_eq!(things.done(), ["end leaf", "make leaf"]);
}

#[tokio::test]
async fn saved_plan_is_applied_once_and_refused_when_the_state_has_changed() {
    let (things, workspace) = (Things::default(), Workspace::default());
    let declared = configuration(&[("a", thing("leaf"))]);
    let start = || things.clone();
    let plan = workspace.plan(start, &declared, &RunOptions::default()).await.unwrap();
    assert!(workspace.state().is_empty(), "a plan changes no state");
    assert_eq!(workspace.apply_saved(start, &declared, &plan).await, Ended::Applied);
    assert_eq!(workspace.apply_saved(start, &declared, &plan).await, Ended::Failed);
    assert_eq!(things.done(), ["make leaf"]);
}

#[tokio::test]
async fn resource_by_itself_has_a_lifecycle_and_saved_plans() {
    let (things, mut workspace) = (Things::default(), Lone::new());
    let process = || Box::new(things.clone()) as Box<dyn AnyResource>;
    let leaf = Thing {
        name: "leaf".into(),
        ..Thing::default()
    };
    let plan = workspace.save_plan(process, Some(&leaf)).await;
    workspace.apply_saved(process, Some(&leaf), &plan).await.succeeds();
    workspace.set_lifecycle(Declared::create_before_destroy);
    workspace.replace(process, &leaf).await.succeeds();
    workspace.taint();
    workspace.set_lifecycle(|declared| declared);
    workspace.apply(process, Some(&leaf)).await.succeeds();
    let replaced = ["make leaf", "make leaf", "end leaf", "end leaf", "make leaf"];
    assert_eq!(things.done(), replaced);
}
