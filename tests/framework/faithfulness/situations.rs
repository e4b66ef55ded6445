//! The table of situations.

use serde_json::{Value as Json, json};

use super::provider::{Fault, Inventory};
use super::{Options, Situation, Step};
use crate::support::terraform::Minor;

const A: &str = "testing_thing.a";

/// Returns a configuration with the thing `a`, with additional arguments.
fn thing(arguments: Json) -> Json {
    things(&[("a", arguments)])
}

/// Returns a configuration with things, with additional arguments.
fn things(things: &[(&str, Json)]) -> Json {
    let blocks = things.iter().map(|(name, arguments)| {
        let mut block = json!({ "name": name });
        let arguments = arguments.as_object().unwrap().clone();
        block.as_object_mut().unwrap().extend(arguments);
        ((*name).to_owned(), block)
    });
    let blocks: serde_json::Map<_, _> = blocks.collect();
    json!({ "resource": { "testing_thing": blocks } })
}

/// Adds a `moved` block.
fn moved(mut config: Json, from: &str, to: &str) -> Json {
    config["moved"] = json!([{ "from": from, "to": to }]);
    config
}

/// Adds an `import` block.
fn imported(mut config: Json) -> Json {
    config["import"] = json!([{ "to": A, "id": "a-1" }]);
    config
}

fn nothing() -> Json {
    json!({})
}

fn of_size(size: i64) -> Json {
    thing(json!({ "size": size }))
}

fn apply(config: Json) -> Step {
    Step::Apply(Options::default(), config)
}

fn plan(config: Json) -> Step {
    Step::Plan(Options::default(), config)
}

fn remote(change: fn(&mut Inventory)) -> Step {
    Step::Remote(change)
}

fn recovers() -> Step {
    remote(Inventory::fail_no_more)
}

fn situation(name: &'static str, steps: Vec<Step>) -> Situation {
    since((1, 0), name, steps)
}

fn since(since: Minor, name: &'static str, steps: Vec<Step>) -> Situation {
    Situation {
        name,
        since,
        except: (0, 0)..(0, 0),
        provider: None,
        steps,
    }
}

/// Terraform 1.9 to 1.11 plan the destruction of a removed resource before reading it, with the
/// value in the state. The testing kit reads it first, as other versions do.
fn removal(name: &'static str, steps: Vec<Step>) -> Situation {
    Situation {
        except: (1, 9)..(1, 12),
        ..situation(name, steps)
    }
}

/// All situations.
pub(super) fn all() -> Vec<Situation> {
    let replace = || Options {
        replace: vec![A],
        ..Options::default()
    };
    let refresh_only = || Options {
        refresh_only: true,
        ..Options::default()
    };
    let skip_refresh = || Options {
        skip_refresh: true,
        ..Options::default()
    };
    let destroy = || Options {
        destroy: true,
        ..Options::default()
    };
    let creates_first = |name: &str| thing(json!({ "name": name, "lifecycle": { "create_before_destroy": true } }));
    let ignoring = |size: i64, ignored: Json| {
        thing(json!({ "size": size, "kind": "round", "lifecycle": { "ignore_changes": ignored } }))
    };
    let chain = |name: &str, size: i64| {
        let first = json!({ "name": name, "size": size });
        things(&[("a", first), ("b", json!({ "of": "${testing_thing.a.id}" }))])
    };
    let inheriting = |name: &str| {
        let second = json!({ "of": "${testing_thing.a.id}", "lifecycle": { "create_before_destroy": true } });
        things(&[("a", json!({ "name": name })), ("b", second)])
    };
    let old = json!({ "resource": { "testing_old_thing": { "a": { "name": "a" } } } });
    let mut table = vec![
        situation("create, then no-op", vec![apply(of_size(1)), apply(of_size(1))]),
        situation("update", vec![apply(of_size(1)), apply(of_size(2))]),
        situation("replace", vec![apply(of_size(1)), apply(thing(json!({ "name": "b" })))]),
        situation(
            "replace with create_before_destroy",
            vec![apply(creates_first("a")), apply(creates_first("b"))],
        ),
        situation(
            "replace with create_before_destroy where the creation fails",
            vec![
                apply(creates_first("a")),
                remote(|remote| remote.fail(Fault::Create)),
                apply(creates_first("b")),
                recovers(),
                apply(creates_first("b")),
            ],
        ),
        situation(
            "replace with create_before_destroy where the deletion fails",
            vec![
                apply(creates_first("a")),
                remote(|remote| remote.fail(Fault::Delete)),
                apply(creates_first("b")),
                recovers(),
                apply(creates_first("b")),
            ],
        ),
        situation("-replace", vec![apply(of_size(1)), Step::Apply(replace(), of_size(1))]),
        situation("taint", vec![apply(of_size(1)), Step::Taint(A), apply(of_size(1))]),
        situation(
            "failed creation that leaves a half",
            vec![
                remote(|remote| remote.fail(Fault::CreateHalf)),
                apply(of_size(1)),
                recovers(),
                apply(of_size(1)),
            ],
        ),
        situation(
            "failed creation that leaves nothing",
            vec![
                remote(|remote| remote.fail(Fault::Create)),
                apply(of_size(1)),
                recovers(),
                apply(of_size(1)),
            ],
        ),
        situation(
            "failed update",
            vec![
                apply(of_size(1)),
                remote(|remote| remote.fail(Fault::Update)),
                apply(of_size(2)),
                recovers(),
                apply(of_size(2)),
            ],
        ),
        removal(
            "failed deletion",
            vec![
                apply(of_size(1)),
                remote(|remote| remote.fail(Fault::Delete)),
                apply(nothing()),
                recovers(),
                apply(nothing()),
            ],
        ),
        situation(
            "failed deletion in a replacement",
            vec![
                apply(of_size(1)),
                remote(|remote| remote.fail(Fault::Delete)),
                apply(thing(json!({ "name": "b" }))),
            ],
        ),
        situation(
            "failed creation in a replacement",
            vec![
                apply(of_size(1)),
                remote(|remote| remote.fail(Fault::Create)),
                apply(thing(json!({ "name": "b" }))),
            ],
        ),
        situation(
            "failed plan",
            vec![remote(|remote| remote.fail(Fault::Plan)), apply(of_size(1))],
        ),
        situation(
            "failed read",
            vec![
                apply(of_size(1)),
                remote(|remote| remote.fail(Fault::Read)),
                apply(of_size(2)),
            ],
        ),
        situation(
            "invalid plan",
            vec![remote(|remote| remote.fail(Fault::InvalidPlan)), apply(of_size(1))],
        ),
        situation(
            "plan that differs at the apply",
            vec![remote(|remote| remote.fail(Fault::ChangingPlan)), apply(of_size(1))],
        ),
        situation(
            "inconsistent result",
            vec![
                remote(|remote| remote.fail(Fault::OtherResult)),
                apply(of_size(1)),
                apply(of_size(1)),
                recovers(),
                apply(of_size(1)),
                remote(|remote| remote.fail(Fault::OtherResult)),
                apply(of_size(2)),
            ],
        ),
        situation(
            "invalid result",
            vec![
                remote(|remote| remote.fail(Fault::UnknownResult)),
                apply(of_size(1)),
                recovers(),
                apply(of_size(1)),
            ],
        ),
        // Terraform 1.6 takes it.
        since(
            (1, 11),
            "invalid object that is read",
            vec![
                apply(of_size(1)),
                remote(|remote| remote.fail(Fault::UnknownRead)),
                apply(of_size(2)),
            ],
        ),
        situation(
            "ignore_changes of an attribute",
            vec![
                apply(ignoring(1, json!(["size"]))),
                apply(ignoring(2, json!(["size"]))),
                apply(thing(json!({ "size": 2, "lifecycle": { "ignore_changes": ["size"] } }))),
            ],
        ),
        situation(
            "ignore_changes of all",
            vec![
                apply(ignoring(1, json!("all"))),
                apply(thing(json!({ "name": "b", "lifecycle": { "ignore_changes": "all" } }))),
            ],
        ),
        situation(
            "ignore_changes in a replacement",
            vec![
                apply(ignoring(1, json!(["size"]))),
                apply(thing(
                    json!({ "name": "b", "kind": "round", "lifecycle": { "ignore_changes": ["size"] } }),
                )),
            ],
        ),
        situation(
            "drift",
            vec![
                apply(of_size(1)),
                remote(|remote| {
                    remote.only().size = 7.into();
                    remote.only().revise(5);
                }),
                plan(of_size(1)),
                apply(of_size(1)),
            ],
        ),
        situation(
            "drift of what is computed",
            vec![
                apply(of_size(1)),
                remote(|remote| remote.only().revise(5)),
                apply(of_size(1)),
            ],
        ),
        situation(
            "gone",
            vec![
                apply(of_size(1)),
                remote(|remote| remote.things.clear()),
                apply(of_size(1)),
            ],
        ),
        removal(
            "gone, and removed from the configuration",
            vec![
                apply(of_size(1)),
                remote(|remote| remote.things.clear()),
                apply(nothing()),
            ],
        ),
        situation(
            "-refresh-only",
            vec![
                apply(of_size(1)),
                remote(|remote| {
                    remote.only().size = 7.into();
                    remote.only().revise(5);
                }),
                Step::Apply(refresh_only(), of_size(1)),
                remote(|remote| remote.things.clear()),
                Step::Apply(refresh_only(), of_size(1)),
            ],
        ),
        situation(
            "-refresh=false",
            vec![
                apply(of_size(1)),
                remote(|remote| remote.only().size = 7.into()),
                Step::Apply(skip_refresh(), of_size(1)),
                Step::Apply(skip_refresh(), of_size(2)),
            ],
        ),
        situation(
            "import",
            vec![
                remote(|remote| remote.add("a")),
                Step::Import(of_size(1), A, "a-1"),
                plan(of_size(1)),
                apply(of_size(1)),
            ],
        ),
        situation(
            "import block",
            vec![
                remote(|remote| remote.add("a")),
                plan(imported(of_size(1))),
                apply(imported(of_size(1))),
                apply(imported(of_size(1))),
            ],
        ),
        situation("import block of nothing", vec![apply(imported(of_size(1)))]),
        situation("import of nothing", vec![Step::Import(of_size(1), A, "a-1")]),
        situation(
            "import of what is in the state",
            vec![apply(of_size(1)), Step::Import(of_size(1), A, "a-1")],
        ),
        situation(
            "saved plan",
            vec![plan(of_size(1)), Step::ApplySaved, plan(of_size(2)), Step::ApplySaved],
        ),
        situation(
            "stale plan",
            vec![plan(of_size(1)), apply(of_size(2)), Step::ApplySaved],
        ),
        situation(
            "-destroy",
            vec![
                apply(of_size(1)),
                Step::Apply(destroy(), of_size(1)),
                Step::Apply(destroy(), of_size(1)),
            ],
        ),
        removal(
            "removal from the configuration",
            vec![apply(of_size(1)), apply(nothing())],
        ),
        situation(
            "moved to another address",
            vec![
                apply(of_size(1)),
                apply(moved(
                    things(&[("b", json!({ "name": "a", "size": 1 }))]),
                    A,
                    "testing_thing.b",
                )),
                apply(moved(
                    things(&[("c", json!({ "name": "a", "size": 2 }))]),
                    "testing_thing.b",
                    "testing_thing.c",
                )),
            ],
        ),
        since(
            (1, 8),
            "moved from another type",
            vec![apply(old), apply(moved(of_size(1), "testing_old_thing.a", A))],
        ),
        situation(
            "reference to what is created, changed, and replaced in the same run",
            vec![apply(chain("a", 1)), apply(chain("a", 2)), apply(chain("c", 2))],
        ),
        removal(
            "dependency at creation and destruction",
            vec![apply(chain("a", 1)), apply(nothing())],
        ),
        situation(
            "replacement with create_before_destroy that is inherited by a dependency",
            vec![apply(inheriting("a")), apply(inheriting("c"))],
        ),
        situation(
            "dependency where the first fails",
            vec![remote(|remote| remote.fail(Fault::Create)), apply(chain("a", 1))],
        ),
        situation(
            "upgrade of an older state",
            vec![
                remote(|remote| remote.add("a")),
                Step::Store(A, 0, json!({ "title": "a", "id": "a-1" })),
                plan(thing(json!({}))),
                apply(thing(json!({}))),
                apply(of_size(1)),
            ],
        ),
        since(
            (1, 11),
            "write-only argument",
            vec![
                apply(thing(json!({ "password": "secret" }))),
                apply(thing(json!({ "password": "other" }))),
                apply(thing(json!({ "password": "other", "size": 1 }))),
            ],
        ),
        situation(
            "interrupt",
            vec![
                remote(|remote| remote.fail(Fault::CreateInterrupted)),
                Step::Interrupt(chain("a", 1)),
                recovers(),
                apply(chain("a", 1)),
            ],
        ),
    ];
    table.push(Situation {
        provider: Some(json!({ "region": "north" })),
        ..situation(
            "provider with a configuration",
            vec![apply(of_size(1)), apply(of_size(2))],
        )
    });
    table.push(situation(
        "data source",
        vec![
            remote(|remote| remote.add("a")),
            Step::Read("testing_lookup", json!({ "id": "a-1" })),
        ],
    ));
    table.push(since(
        (1, 10),
        "ephemeral resource",
        vec![Step::Open("testing_draft", json!({ "name": "a" }))],
    ));
    table.sort_by_key(|situation| situation.steps.len());
    table
}
