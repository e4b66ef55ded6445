use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value as Json, json};

use super::*;
use crate::framework::testing::SingleResource;
use crate::framework::{
    Change, Configured, Context, DynResource, Field, Model, Nesting, Number, Outcome, Provider, Resource, Set, json,
};

/// Attributes with every planning option, and the same options in nested objects of each nesting.
#[derive(Model, Clone, Debug, Default)]
struct Thing {
    #[attribute(required)]
    name: Field<String>,
    #[attribute(default = "markdown")]
    format: Field<String>,
    #[attribute(optional, empty_is_null)]
    note: Field<String>,
    #[attribute(optional)]
    weight: Field<f64>,
    #[attribute(optional, requires_replace)]
    place: Field<String>,
    #[attribute(optional)]
    tags: Field<Set<String>>,
    #[attribute(optional, computed)]
    both: Field<i64>,
    #[attribute(computed, use_state_for_unknown)]
    id: Field<String>,
    #[attribute(computed)]
    revision: Field<i64>,
    #[attribute(computed, planned)]
    marker: Field<String>,
    #[attribute(optional)]
    single: Field<Part>,
    #[attribute(optional)]
    list: Field<Vec<Part>>,
    #[attribute(optional)]
    set: Field<Set<Part>>,
    #[attribute(optional)]
    map: Field<BTreeMap<String, Part>>,
    #[attribute(optional)]
    lock: Field<Lock>,
}

#[derive(Model, Clone, Debug, Default)]
struct Part {
    #[attribute(required)]
    key: Field<String>,
    #[attribute(default = 7)]
    size: Field<i64>,
    #[attribute(optional, empty_is_null)]
    note: Field<String>,
    #[attribute(optional, requires_replace)]
    place: Field<String>,
    #[attribute(optional)]
    labels: Field<Vec<String>>,
    #[attribute(optional, computed)]
    both: Field<i64>,
    #[attribute(computed, use_state_for_unknown)]
    id: Field<String>,
    #[attribute(computed)]
    revision: Field<i64>,
    #[attribute(computed, planned)]
    marker: Field<String>,
}

#[derive(Model, Clone, Debug, Default)]
struct Lock {
    #[attribute(optional, write_only)]
    code: Field<SecretString>,
    #[attribute(optional)]
    code_version: Field<i64>,
}

/// The nested attribute that holds the parts.
const NESTINGS: [(&str, Nesting); 4] = [
    ("single", Nesting::Single),
    ("list", Nesting::List),
    ("set", Nesting::Set),
    ("map", Nesting::Map),
];

/// Creates an object from JSON, in which `"?"` is unknown.
fn object(json: Json) -> Value {
    fn unknowns(value: Value) -> Value {
        match value {
            Value::String(text) if text == "?" => Value::Unknown,
            Value::List(elements) => Value::List(elements.into_iter().map(unknowns).collect()),
            Value::Map(members) => {
                let members = members.into_iter();
                Value::Map(members.map(|(name, value)| (name, unknowns(value))).collect())
            }
            value => value,
        }
    }
    /// Reads JSON by type, and `"?"` as unknown also where the type is no string.
    fn read(json: Json, ty: &crate::framework::Type) -> Value {
        use crate::framework::Type;
        match (json, ty) {
            (Json::String(text), _) if text == "?" => Value::Unknown,
            (Json::Array(elements), Type::List(ty)) => {
                Value::List(elements.into_iter().map(|element| read(element, ty)).collect())
            }
            (Json::Array(elements), Type::Set(ty)) => Value::set(elements.into_iter().map(|element| read(element, ty))),
            (Json::Object(mut members), Type::Object(types)) => {
                let members = types.iter().map(|(name, ty)| {
                    let member = members.remove(name).unwrap_or(Json::Null);
                    (name.clone(), read(member, ty))
                });
                Value::Map(members.collect())
            }
            (Json::Object(members), Type::Map(ty)) => {
                let members = members.into_iter();
                Value::Map(members.map(|(name, member)| (name, read(member, ty))).collect())
            }
            (json, ty) => json::from_json(json, ty).unwrap(),
        }
    }
    unknowns(read(json, &Thing::schema().object_type()))
}

/// Returns parts as the value of an attribute with this nesting.
fn nested(nesting: Nesting, parts: &[Json]) -> Json {
    match nesting {
        Nesting::Single => parts.first().cloned().unwrap_or_default(),
        Nesting::List | Nesting::Set => parts.into(),
        Nesting::Map => {
            let key = |part: &Json| part["key"].as_str().unwrap().to_owned();
            Json::Object(parts.iter().map(|part| (key(part), part.clone())).collect())
        }
    }
}

#[track_caller]
fn proposes(config: Json, prior: Json, proposed: Json, expected: Json) {
    let prior = if prior.is_null() { Value::Null } else { object(prior) };
    let planned = Thing::schema().propose(&object(config), &prior, object(proposed));
    let expected = object(expected);
    assert!(
        planned == expected,
        "{:#?} instead of {:#?}",
        planned.revealed(),
        expected.revealed()
    );
}

const NEW: &str = "?";

#[test]
fn create_plans_defaults_and_unknown_computed_values() {
    proposes(
        json!({ "name": "a" }),
        Json::Null,
        json!({ "name": "a" }),
        json!({
            "name": "a", "format": "markdown", "note": "", "both": NEW, "id": NEW, "revision": NEW, "marker": NEW,
        }),
    );
    for (name, nesting) in NESTINGS {
        let planned = json!({
            "key": "k", "size": 7, "note": "", "both": NEW, "id": NEW, "revision": NEW, "marker": NEW,
        });
        proposes(
            json!({ "name": "a", name: nested(nesting, &[json!({ "key": "k" })]) }),
            Json::Null,
            json!({ "name": "a", name: nested(nesting, &[json!({ "key": "k" })]) }),
            json!({
                "name": "a", "format": "markdown", "note": "", "both": NEW, "id": NEW, "revision": NEW, "marker": NEW,
                name: nested(nesting, &[planned]),
            }),
        );
    }
}

/// Returns the state of a thing with these parts.
fn existing(name: &str, nesting: Nesting, parts: &[Json]) -> Json {
    json!({
        "name": "a", "format": "markdown", "note": "", "both": 1, "id": "i", "revision": 1, "marker": "m",
        name: nested(nesting, parts),
    })
}

/// Returns the planned state of an update of the same thing.
fn updated(name: &str, nesting: Nesting, parts: &[Json]) -> Json {
    json!({
        "name": "a", "format": "markdown", "note": "", "both": NEW, "id": "i", "revision": NEW, "marker": "m",
        name: nested(nesting, parts),
    })
}

fn part(key: &str) -> Json {
    json!({
        "key": key, "size": 7, "note": "", "both": 1, "id": key, "revision": 1, "marker": "m",
    })
}

fn updated_part(key: &str) -> Json {
    json!({
        "key": key, "size": 7, "note": "", "both": NEW, "id": key, "revision": NEW, "marker": "m",
    })
}

#[test]
fn update_without_change_plans_prior_state() {
    for (name, nesting) in NESTINGS {
        for note in [Json::Null, json!("")] {
            let existing = existing(name, nesting, &[part("k")]);
            let config =
                json!({ "name": "a", "note": note, name: nested(nesting, &[json!({ "key": "k", "note": note })]) });
            proposes(config, existing.clone(), existing.clone(), existing);
        }
    }
}

#[test]
fn configured_empty_string_instead_of_null_does_not_replace() {
    let mut prior = existing("single", Nesting::Single, &[part("k")]);
    prior["note"] = Json::Null;
    prior["single"]["note"] = Json::Null;
    let proposed = existing("single", Nesting::Single, &[part("k")]);
    let config = json!({ "name": "a", "note": "", "single": { "key": "k", "note": "" } });
    proposes(config, prior.clone(), proposed.clone(), proposed);
    // Without configuration, the prior value stays.
    let config = json!({ "name": "a", "single": { "key": "k" } });
    proposes(config, prior.clone(), prior.clone(), prior);
}

#[test]
fn update_plans_changeable_computed_values_as_unknown() {
    for (name, nesting) in NESTINGS {
        let config = json!({ "name": "a", "place": "p", name: nested(nesting, &[json!({ "key": "k" })]) });
        let mut proposed = existing(name, nesting, &[part("k")]);
        proposed["place"] = json!("p");
        let mut expected = updated(name, nesting, &[updated_part("k")]);
        expected["place"] = json!("p");
        proposes(config, existing(name, nesting, &[part("k")]), proposed, expected);
    }
}

#[test]
fn removed_argument_is_planned_with_default() {
    let mut prior = existing("list", Nesting::List, &[part("k")]);
    prior["format"] = json!("plain");
    prior["note"] = json!("n");
    prior["list"][0]["size"] = json!(8);
    let config = json!({ "name": "a", "list": [{ "key": "k" }] });
    let expected = updated("list", Nesting::List, &[updated_part("k")]);
    proposes(config, prior.clone(), prior, expected);
}

#[test]
fn new_nested_object_is_planned_with_unknown_computed_values() {
    for (name, nesting) in NESTINGS.into_iter().filter(|(_, nesting)| *nesting != Nesting::Single) {
        let config = nested(nesting, &[json!({ "key": "k" }), json!({ "key": "l", "both": 3 })]);
        let proposed = nested(nesting, &[part("k"), json!({ "key": "l", "both": 3 })]);
        let new = json!({
            "key": "l", "size": 7, "note": "", "both": 3, "id": NEW, "revision": NEW, "marker": NEW,
        });
        let mut all = existing(name, nesting, &[]);
        all[name] = proposed;
        proposes(
            json!({ "name": "a", name: config }),
            existing(name, nesting, &[part("k")]),
            all,
            updated(name, nesting, &[updated_part("k"), new]),
        );
    }
}

/// The configured element is found again by the members that the user sets.
#[test]
fn set_elements_that_share_a_key_keep_their_own_configured_values() {
    let config = json!([{ "key": "k" }, { "key": "k", "place": "p", "size": 8 }]);
    let mut placed = part("k");
    placed["place"] = json!("p");
    placed["size"] = json!(8);
    let existing = existing("set", Nesting::Set, &[part("k"), placed]);
    proposes(
        json!({ "name": "a", "set": config }),
        existing.clone(),
        existing.clone(),
        existing,
    );
}

/// An element without a value for the member with a default corresponds to both objects.
#[test]
fn set_elements_that_differ_only_in_a_default_keep_their_own_configured_values() {
    let config = json!([{ "key": "k" }, { "key": "k", "size": 8 }]);
    let mut sized = part("k");
    sized["size"] = json!(8);
    let existing = existing("set", Nesting::Set, &[part("k"), sized]);
    proposes(
        json!({ "name": "a", "set": config }),
        existing.clone(),
        existing.clone(),
        existing,
    );
}

#[test]
fn unknown_configuration_is_planned_as_unknown() {
    let planned = Thing::schema().propose(
        &object(json!({ "name": "a", "list": "?", "map": { "x": "?" }, "single": "?" })),
        &Value::Null,
        object(json!({ "name": "a", "list": "?", "map": { "x": "?" }, "single": "?" })),
    );
    assert!(*planned.get("list") == Value::Unknown);
    assert!(*planned.get("map").get("x") == Value::Unknown);
    assert!(*planned.get("single") == Value::Unknown);
}

/// Older versions of the framework received the proposal with the write-only value.
#[test]
fn write_only_value_in_nested_object_does_not_plan_a_change() {
    let config = json!({ "name": "a", "lock": { "code": "s3cret", "code_version": 1 } });
    let mut prior = existing("single", Nesting::Single, &[]);
    prior["lock"] = json!({ "code_version": 1 });
    let mut proposed = prior.clone();
    proposed["lock"]["code"] = json!("s3cret");
    proposes(config, prior.clone(), proposed.clone(), proposed.clone());
    assert_eq!(
        Thing::schema().requires_replace(&object(prior), &object(proposed)),
        Vec::<AttributePath>::new()
    );
}

#[test]
fn changed_members_require_replacement_and_added_or_removed_objects_do_not() {
    let at = |key: &str, place: &str| json!({ "key": key, "place": place });
    let cases = [
        // An object that moved.
        (
            vec![at("k", "p"), at("l", "p")],
            vec![at("k", "p"), at("l", "q")],
            [None, Some("list[1].place"), Some("set"), Some("map[\"l\"].place")],
        ),
        (
            vec![at("k", "p")],
            vec![at("k", "?")],
            [
                Some("single.place"),
                Some("list[0].place"),
                Some("set"),
                Some("map[\"k\"].place"),
            ],
        ),
        // Another member changed.
        (
            vec![at("k", "p")],
            vec![json!({ "key": "k", "place": "p", "size": 8 })],
            [None; 4],
        ),
        // An object that is new, and one that was removed.
        (vec![at("k", "p")], vec![at("k", "p"), at("l", "q")], [None; 4]),
        (vec![at("k", "p"), at("l", "q")], vec![at("k", "p")], [None; 4]),
        (vec![], vec![at("k", "p")], [None; 4]),
        (vec![at("k", "p")], vec![], [None; 4]),
    ];
    for (before, after, expected) in cases {
        for ((name, nesting), expected) in NESTINGS.into_iter().zip(expected) {
            let (prior, planned) = (existing(name, nesting, &before), existing(name, nesting, &after));
            let paths = Thing::schema().requires_replace(&object(prior), &object(planned));
            let paths: Vec<_> = paths.iter().map(ToString::to_string).collect();
            assert_eq!(paths, Vec::from_iter(expected), "{name}: {before:?} to {after:?}");
        }
    }
}

#[test]
fn first_declaration_of_required_attribute_requires_no_replacement() {
    #[derive(Model)]
    struct Imported {
        #[attribute(required, requires_replace)]
        name: Field<String>,
        #[attribute(optional, requires_replace_if(is_shorter, "to a shorter one"))]
        place: Field<String>,
    }
    fn is_shorter(prior: &Field<String>, planned: &Field<String>) -> bool {
        let length = |field: &Field<String>| field.known().map(String::len);
        length(planned) < length(prior)
    }
    let object = |name: Option<&str>, place: Option<&str>| {
        let (name, place) = (name.map(str::to_owned).into(), place.map(str::to_owned).into());
        Imported { name, place }.into_value()
    };
    let cases = [
        (object(None, None), object(Some("a"), None), vec![]),
        (object(Some("a"), None), object(Some("b"), None), vec!["name"]),
        (
            object(Some("a"), Some("pp")),
            object(Some("a"), Some("p")),
            vec!["place"],
        ),
        (object(Some("a"), Some("p")), object(Some("a"), Some("pp")), vec![]),
        (object(Some("a"), Some("p")), object(Some("a"), None), vec!["place"]),
        (Value::Null, object(Some("a"), None), vec![]),
        (object(Some("a"), None), Value::Null, vec![]),
    ];
    for (prior, planned, expected) in cases {
        let paths = Imported::schema().requires_replace(&prior, &planned);
        let paths: Vec<_> = paths.iter().map(ToString::to_string).collect();
        assert_eq!(paths, expected);
    }
}

#[test]
fn plan_keeps_known_parts_of_partly_unknown_collection() {
    let exact = object(json!({
        "name": "a", "weight": 0.1, "tags": ["x", "?"],
        "list": [{ "key": "k", "labels": ["l", "?"] }, { "key": "m" }],
    }));
    let held = Thing::from_value(&exact).unwrap();
    assert!(held.tags.is_unknown());
    // No change.
    assert!(restore_unchanged(held.clone().into_value(), &held.clone().into_value(), &exact) == exact);
    // One member changed.
    let Field::Known(mut list) = held.list.clone() else {
        panic!("{held:?}")
    };
    list[1].id = "i".into();
    let changed = Thing {
        list: list.into(),
        marker: "m".into(),
        ..held.clone()
    };
    let changed = restore_unchanged(changed.into_value(), &held.into_value(), &exact);
    let expected = object(json!({
        "name": "a", "weight": 0.1, "tags": ["x", "?"], "marker": "m",
        "list": [{ "key": "k", "labels": ["l", "?"] }, { "key": "m", "id": "i" }],
    }));
    assert!(changed == expected, "{:#?}", changed.revealed());
    assert!(*changed.get("weight") == Value::Number(Number::Decimal("0.1".to_owned())));
}

#[test]
fn diagnostics_have_path_of_nested_member() {
    #[derive(Model)]
    #[model(deprecated = "Use another.")]
    struct Checked {
        #[attribute(optional, deprecated = "Use links.")]
        link: Field<String>,
        #[attribute(optional, length = ..=2)]
        links: Field<Vec<Link>>,
        #[attribute(optional)]
        labels: Field<BTreeMap<String, Link>>,
        #[attribute(optional, conflicts_with("link"))]
        one: Field<Link>,
    }
    #[derive(Model)]
    #[model(exactly_one_of("url", "name"))]
    struct Link {
        #[attribute(optional, check = is_https)]
        url: Field<String>,
        #[attribute(optional, one_of = ["a", "b"])]
        name: Field<String>,
    }
    fn is_https(url: &str) -> Result<(), &'static str> {
        url.starts_with("https://")
            .then_some(())
            .ok_or("must begin with https://")
    }
    let ty = Checked::schema().object_type();
    let cases = [
        (
            json!({ "links": [{ "url": "https://a" }, { "url": "http://a" }] }),
            vec!["links[1].url"],
        ),
        (
            json!({ "labels": { "a.b": { "name": "c" } } }),
            vec!["labels[\"a.b\"].name"],
        ),
        (
            json!({ "links": [{}, { "url": "https://a", "name": "a" }] }),
            vec!["links[0].url", "links[1].name"],
        ),
        (
            json!({ "links": [{ "name": "a" }, { "name": "a" }, { "name": "a" }] }),
            vec!["links"],
        ),
        (json!({ "link": "a", "one": { "name": "a" } }), vec!["link", "one"]),
        (json!({ "one": { "name": "x" } }), vec!["one.name"]),
    ];
    for (config, expected) in cases {
        let diagnostics = Checked::schema().validate(&json::from_json(config.clone(), &ty).unwrap());
        let mut diagnostics = diagnostics.into_iter();
        assert_eq!(diagnostics.next().unwrap().summary, "Deprecated");
        let mut paths: Vec<_> = diagnostics
            .map(|diagnostic| diagnostic.attribute.unwrap().to_string())
            .collect();
        paths.sort();
        assert_eq!(paths, expected, "{config}");
    }
    let config = json::from_json(json!({ "link": "a" }), &ty).unwrap();
    let warning = Checked::schema().validate(&config).into_iter().nth(1).unwrap();
    assert_eq!(
        (warning.summary.as_str(), warning.detail.as_str()),
        ("`link` is deprecated", "Use links.")
    );
    assert!(!Checked::schema().validate(&config).has_errors());
}

/// A provider of things that exist only in the state. Each operation sets unknown values to a new
/// number.
#[derive(Clone, Default)]
struct Things(Arc<AtomicI64>);

impl Things {
    fn complete(&self, mut thing: Thing) -> Thing {
        self.set(&mut thing.both);
        self.set(&mut thing.revision);
        self.name(&mut thing.id);
        self.name(&mut thing.marker);
        let part = |mut part: Part| {
            self.set(&mut part.both);
            self.set(&mut part.revision);
            self.name(&mut part.id);
            self.name(&mut part.marker);
            part
        };
        let Thing {
            single, list, set, map, ..
        } = thing;
        Thing {
            single: single.into_known().map(part).into(),
            list: list
                .into_known()
                .map(|parts| parts.into_iter().map(part).collect::<Vec<_>>())
                .into(),
            set: set
                .into_known()
                .map(|parts| parts.into_iter().map(part).collect::<Set<_>>())
                .into(),
            map: map
                .into_known()
                .map(|parts| {
                    parts
                        .into_iter()
                        .map(|(key, value)| (key, part(value)))
                        .collect::<BTreeMap<_, _>>()
                })
                .into(),
            ..thing
        }
    }

    fn next(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    fn set(&self, field: &mut Field<i64>) {
        if field.is_unknown() {
            *field = self.next().into();
        }
    }

    fn name(&self, field: &mut Field<String>) {
        if field.is_unknown() {
            *field = self.next().to_string().into();
        }
    }
}

impl Provider for Things {
    type Config = Lock;
    type Client = ();

    async fn configure(&self, _: &Context<()>, _: Lock, _: &str) -> Result<Configured<()>, Diagnostics> {
        Ok(Configured::Ready(()))
    }

    fn resources(&self) -> Vec<Box<dyn DynResource<()>>> {
        vec![Box::new(self.clone())]
    }
}

impl Resource for Things {
    type Model = Thing;
    type Client = ();

    const TYPE: &'static str = "demo_thing";

    async fn plan(&self, _: &Context<()>, _: &mut Change<Thing>) -> Result<(), Diagnostics> {
        Ok(())
    }

    async fn create(&self, _: &Context<()>, planned: Thing) -> Outcome<Thing> {
        Ok(self.complete(planned))
    }

    async fn read(&self, _: &Context<()>, state: Thing) -> Outcome<Thing, Option<Thing>> {
        Ok(Some(state))
    }

    async fn update(&self, _: &Context<()>, _: Thing, planned: Thing) -> Outcome<Thing> {
        Ok(self.complete(planned))
    }

    async fn delete(&self, _: &Context<()>, _: Thing) -> Outcome<Thing, ()> {
        Ok(())
    }
}

fn maybe<T: Clone + std::fmt::Debug + 'static>(
    strategy: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Field<T>> {
    prop_oneof![Just(Field::Null), strategy.prop_map(Field::Known)].boxed()
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-c]"]
}

fn parts() -> impl Strategy<Value = Part> {
    let texts = (
        "[a-c]",
        maybe(word()),
        maybe(word()),
        maybe(prop::collection::vec(word(), 0..3)),
    );
    (texts, maybe(0..3_i64), maybe(0..3_i64)).prop_map(|((key, note, place, labels), size, both)| Part {
        key: key.into(),
        size,
        note,
        place,
        labels,
        both,
        ..Part::default()
    })
}

fn things() -> impl Strategy<Value = Thing> {
    let plain = (
        maybe(word()),
        maybe(word()),
        maybe(prop_oneof![
            Just(0.1),
            Just(0.5),
            Just(1e17),
            Just(1e300),
            -1.0..1.0_f64
        ]),
        maybe(Just("p".to_owned())),
        maybe(prop::collection::vec(word(), 0..3)),
        maybe(0..3_i64),
        maybe(0..2_i64),
    );
    let nested = (
        maybe(parts()),
        maybe(prop::collection::vec(parts(), 0..3)),
        maybe(prop::collection::btree_map("[a-c]", parts(), 0..3)),
        maybe(prop::collection::btree_map("[k-m]", parts(), 0..3)),
    );
    (plain, nested).prop_map(
        |((format, note, weight, place, tags, both, code), (single, list, set, map))| Thing {
            name: "a".into(),
            format,
            note,
            weight,
            place,
            tags: tags.into_known().map(Set::from_iter).into(),
            both,
            single,
            list,
            // Terraform cannot distinguish two objects of a set that differ only in computed
            // members.
            set: set
                .into_known()
                .map(|parts| {
                    parts
                        .into_iter()
                        .map(|(key, part)| Part {
                            key: key.into(),
                            ..part
                        })
                        .collect::<Set<_>>()
                })
                .into(),
            map,
            lock: code
                .into_known()
                .map(|version| Lock {
                    code: SecretString::from("s3cret").into(),
                    code_version: version.into(),
                })
                .into(),
            ..Thing::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The testing kit checks each plan and each result against Terraform's rules for providers.
    #[test]
    fn any_sequence_of_configurations_follows_terraforms_rules_and_converges(
        configs in prop::collection::vec(things(), 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let things = Things::default();
            let provider = || things.clone();
            let mut thing = SingleResource::new("demo_thing");
            for config in configs {
                thing.apply(provider, Some(&config)).await.succeeds();
                thing.apply(provider, Some(&config)).await.changes_nothing().reports_nothing();
            }
            thing.destroy(provider).await.succeeds();
        });
    }
}
