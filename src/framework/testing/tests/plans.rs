//! Proposed states, and the rules for plans and results, with nested attributes of each nesting
//! mode.

use serde_json::{Value as Json, json};

use crate::framework::proto;
use crate::framework::testing::proposed::proposed_new;
use crate::framework::testing::rules::{completion_problems, plan_problems};
use crate::framework::testing::schema::{NestingMode, ProviderSchema};
use crate::framework::testing::visible::visible_text;
use crate::framework::testing::*;
use crate::framework::value::Value;

fn attribute(name: &str, optional: bool, computed: bool) -> proto::schema::Attribute {
    proto::schema::Attribute {
        name: name.to_owned(),
        r#type: b"\"string\"".to_vec(),
        optional,
        computed,
        ..Default::default()
    }
}

/// An object with a plain attribute, a computed one, and nested parts.
fn schema(mode: NestingMode, is_computed: bool) -> ObjectSchema {
    use proto::schema::object::NestingMode as Mode;
    let mode = match mode {
        NestingMode::Single => Mode::Single,
        NestingMode::List => Mode::List,
        NestingMode::Set => Mode::Set,
        NestingMode::Map => Mode::Map,
    };
    let parts = proto::schema::Attribute {
        r#type: Vec::new(),
        nested_type: Some(proto::schema::Object {
            attributes: vec![attribute("key", true, false), attribute("id", false, true)],
            nesting: mode.into(),
            ..Default::default()
        }),
        ..attribute("parts", true, is_computed)
    };
    let block = proto::schema::Block {
        attributes: vec![attribute("name", true, false), attribute("id", false, true), parts],
        ..Default::default()
    };
    let thing = proto::Schema {
        version: 0,
        block: Some(block),
    };
    let mut schemas = ProviderSchema::from_proto(proto::get_provider_schema::Response {
        resource_schemas: [("thing".to_owned(), thing)].into(),
        ..Default::default()
    })
    .unwrap();
    schemas.resources.remove("thing").unwrap()
}

fn value(schema: &ObjectSchema, json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        json => schema.conform_json(json).unwrap(),
    }
}

/// Returns parts with these keys and ids in each nesting mode.
fn nested(parts: &[(&str, Option<&str>)]) -> [(NestingMode, Json); 4] {
    let part = |(key, id): &(&str, Option<&str>)| json!({ "key": key, "id": id });
    let list: Vec<_> = parts.iter().map(part).collect();
    let map: serde_json::Map<_, _> = parts.iter().map(|entry| (entry.0.to_owned(), part(entry))).collect();
    [
        (NestingMode::Single, part(&parts[0])),
        (NestingMode::List, list.clone().into()),
        (NestingMode::Set, list.into()),
        (NestingMode::Map, map.into()),
    ]
}

#[test]
fn proposed_state_keeps_computed_values_in_each_nesting() {
    let prior = nested(&[("a", Some("1")), ("b", Some("2"))]);
    let config = nested(&[("a", None), ("b", None), ("c", None)]);
    let proposed = nested(&[("a", Some("1")), ("b", Some("2")), ("c", None)]);
    for (((mode, prior), (_, config)), (_, proposed)) in prior.into_iter().zip(config).zip(proposed) {
        let schema = schema(mode, false);
        let prior = value(&schema, &json!({ "name": "old", "id": "0", "parts": prior }));
        let config = value(&schema, &json!({ "name": "new", "parts": config }));
        let expected = value(&schema, &json!({ "name": "new", "id": "0", "parts": proposed }));
        assert!(proposed_new(&schema, &prior, &config) == expected, "{mode:?}");
        assert_eq!(
            plan_problems(&schema, &prior, &config, &expected),
            Vec::<String>::new(),
            "{mode:?}"
        );
    }
}

#[test]
fn set_element_keeps_computed_values_only_if_configuration_is_unchanged() {
    let schema = schema(NestingMode::Set, false);
    let prior = value(
        &schema,
        &json!({ "parts": [{ "key": "a", "id": "1" }, { "key": "b", "id": "2" }] }),
    );
    let config = value(&schema, &json!({ "parts": [{ "key": "c" }, { "key": "b" }] }));
    let expected = value(
        &schema,
        &json!({ "parts": [{ "key": "c" }, { "key": "b", "id": "2" }] }),
    );
    let proposed = schema.conform(&proposed_new(&schema, &prior, &config)).unwrap();
    assert!(proposed == expected);
}

#[test]
fn absent_nested_attribute_is_kept_only_if_wholly_computed() {
    let schema = schema(NestingMode::Single, true);
    let config = value(&schema, &json!({}));
    let computed = value(&schema, &json!({ "parts": { "id": "1" } }));
    assert!(proposed_new(&schema, &computed, &config).get("parts") == computed.get("parts"));
    let configured = value(&schema, &json!({ "parts": { "key": "a", "id": "1" } }));
    assert!(proposed_new(&schema, &configured, &config).get("parts").is_null());
}

#[test]
fn plan_that_changes_configured_value_is_invalid_in_each_nesting() {
    let config = nested(&[("a", None)]);
    let planned = nested(&[("b", Some("1"))]);
    for ((mode, config), (_, planned)) in config.into_iter().zip(planned) {
        let schema = schema(mode, false);
        let config = value(&schema, &json!({ "parts": config }));
        let planned = value(&schema, &json!({ "parts": planned }));
        assert_eq!(
            plan_problems(&schema, &Value::Null, &config, &planned).len(),
            1,
            "{mode:?}"
        );
    }
}

#[test]
fn plan_may_keep_prior_value_instead_of_configured_one() {
    let schema = schema(NestingMode::Single, false);
    let [prior, config] = ["old", "new"].map(|name| value(&schema, &json!({ "name": name })));
    assert_eq!(plan_problems(&schema, &prior, &config, &prior), Vec::<String>::new());
    assert_eq!(plan_problems(&schema, &Value::Null, &config, &prior).len(), 1);
    let nothing = value(&schema, &json!({}));
    assert_eq!(
        plan_problems(&schema, &prior, &nothing, &prior).len(),
        1,
        "what was removed stays"
    );
    assert_eq!(plan_problems(&schema, &prior, &config, &Value::Null).len(), 1);
    assert_eq!(plan_problems(&schema, &prior, &Value::Null, &prior).len(), 1);
}

#[test]
fn result_may_only_change_unknown_values() {
    let schema = schema(NestingMode::List, false);
    let ty = schema.object_type();
    let problems = |planned: &Value, actual: &Json| completion_problems(ty, planned, &value(&schema, actual)).len();
    let mut planned = value(&schema, &json!({ "name": "a", "parts": [{ "key": "a" }] }));
    if let Value::Map(members) = &mut planned {
        members.insert("id".to_owned(), Value::Unknown);
    }
    assert_eq!(
        problems(&planned, &json!({ "name": "a", "id": "1", "parts": [{ "key": "a" }] })),
        0
    );
    assert_eq!(
        problems(&planned, &json!({ "name": "b", "parts": [{ "key": "a" }] })),
        1
    );
    assert_eq!(
        problems(
            &planned,
            &json!({ "name": "a", "parts": [{ "key": "a" }, { "key": "b" }] })
        ),
        1
    );
    assert_eq!(
        problems(&planned, &json!({ "name": "a", "parts": [{ "key": "a", "id": "1" }] })),
        1
    );
    assert_eq!(problems(&planned, &Json::Null), 1);
}

#[test]
fn visible_text_omits_sensitive_attributes() {
    let mut schema = schema(NestingMode::List, false);
    let object = value(&schema, &json!({ "name": "shown", "parts": [{ "key": "nested" }] }));
    assert_eq!(visible_text(&schema, &object), "shown nested ");
    schema.attributes.get_mut("name").unwrap().sensitive = true;
    let parts = schema.attributes.get_mut("parts").unwrap().nested.as_mut().unwrap();
    parts.object.attributes.get_mut("key").unwrap().sensitive = true;
    assert_eq!(visible_text(&schema, &object), "");
}
