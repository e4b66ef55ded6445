use std::collections::BTreeMap;

use super::*;
use crate::framework::{Field, Model, Set};

type Text = Field<String>;

fn text(name: &'static str, configurability: Configurability) -> Attribute {
    Attribute::of::<Text>(name, configurability, "")
}

fn optional(name: &'static str) -> Attribute {
    text(name, Configurability::Optional)
}

fn computed(name: &'static str) -> Attribute {
    text(name, Configurability::Computed)
}

fn plain(ty: Type) -> Attribute {
    Attribute::new("a", ty, Configurability::Optional, "")
}

fn nested(nesting: Nesting, configurability: Configurability, attributes: Vec<Attribute>) -> Attribute {
    let ty = AttributeType::Nested {
        nesting,
        attributes,
        rules: Vec::new(),
    };
    Attribute::new("outer", ty, configurability, "")
}

#[test]
fn check_reports_each_fault_with_attribute_path() {
    use Configurability::{Computed, Optional, Required};
    use Nesting::{List, Map, Single};
    let any = || Box::new(Type::Dynamic);
    let cases = [
        (vec![optional("Name")], "Name: a name must begin with"),
        (vec![optional("1a")], "1a: a name must begin with"),
        (vec![optional("count")], "count: Terraform reserves"),
        (vec![optional("a"), computed("a")], "a: two attributes have"),
        (
            vec![computed("a").write_only()],
            "a: only attributes that the user sets can be write-only",
        ),
        (
            vec![optional("a").write_only().requires_replace()],
            "a: a write-only value is not stored",
        ),
        (
            vec![nested(Nesting::Set, Optional, vec![optional("a").write_only()])],
            "outer.a: Terraform does not support",
        ),
        (
            vec![nested(
                Nesting::Set,
                Optional,
                vec![nested(Single, Optional, vec![optional("a").write_only()])],
            )],
            "outer.outer.a: Terraform does not support",
        ),
        (
            vec![nested(Single, Computed, vec![optional("a")])],
            "outer.a: the user cannot set a member",
        ),
        (
            vec![nested(Single, Computed, vec![computed("a").use_state_for_unknown()])],
            "outer.a: `use_state_for_unknown` has no effect",
        ),
        (
            vec![optional("a").use_state_for_unknown()],
            "a: only computed attributes can use",
        ),
        (
            vec![computed("a").validate(Validator::length(1..))],
            "a: only attributes that the user sets are validated",
        ),
        (
            vec![optional("a").validate(Validator::range(1..))],
            "a: a validator checks another type",
        ),
        (
            vec![plain(Type::Number).validate(Validator::one_of(["a"]))],
            "a: a validator checks another type",
        ),
        (
            vec![optional("a").check::<Field<i64>, &str>(|_| Ok(()))],
            "a: a validator checks another type",
        ),
        (
            vec![optional("a").default_value(Field::from(1))],
            "a: the default is not a known value",
        ),
        (
            vec![optional("a").default_value(Text::Unknown)],
            "a: the default is not a known value",
        ),
        (
            vec![plain(Type::Number).empty_is_null()],
            "a: `empty_is_null` requires the type string",
        ),
        (
            vec![plain(Type::List(any()))],
            "a: a collection cannot contain the type dynamic",
        ),
        (
            vec![nested(Map, Optional, vec![plain(Type::Dynamic)])],
            "outer.a: a collection cannot contain the type dynamic",
        ),
        (
            vec![plain(Type::Number).import_id()],
            "a: the import id must be a string",
        ),
        (
            vec![nested(Single, Optional, vec![optional("a").import_id()])],
            "outer.a: the import id must be a string",
        ),
        (
            vec![optional("a").import_id(), optional("b").import_id()],
            "a: two attributes are marked as the import id",
        ),
        (
            vec![nested(List, Required, vec![optional("a").identity()])],
            "outer.a: an identity attribute must be",
        ),
        (
            vec![plain(Type::Map(Box::new(Type::String))).identity()],
            "a: an identity attribute must be",
        ),
    ];
    for (attributes, expected) in cases {
        let faults = Schema::new("", attributes).check().unwrap_err();
        assert!(
            faults.lines().any(|fault| fault.starts_with(expected)),
            "{expected}: {faults}"
        );
    }
    let schema = Schema {
        rules: vec![Rule::requires("a", "b")],
        ..Schema::new("", [optional("a")])
    };
    assert_eq!(
        schema.check().unwrap_err(),
        "b: a rule names this attribute, which does not exist"
    );
}

#[test]
fn check_accepts_valid_schema() {
    #[derive(Model)]
    #[model(conflicting("name", "labels"))]
    struct Sound {
        #[attribute(required, import, identity, requires_replace, length = 1..)]
        name: Field<String>,
        #[attribute(default = 1, range = 1..)]
        size: Field<i64>,
        #[attribute(optional, empty_is_null, one_of = ["a", "b"])]
        note: Field<String>,
        #[attribute(optional, one_of = ["a", "b"])]
        tags: Field<Set<String>>,
        #[attribute(optional, length = ..=3)]
        labels: Field<BTreeMap<String, Part>>,
        #[attribute(optional)]
        any: Field<Value>,
        #[attribute(computed, use_state_for_unknown)]
        part: Field<Computed>,
    }
    #[derive(Model)]
    struct Part {
        #[attribute(optional)]
        count: Field<i64>,
        #[attribute(optional, write_only)]
        code: Field<String>,
    }
    #[derive(Model)]
    struct Computed {
        #[attribute(computed)]
        value: Field<Option<String>>,
    }
    assert_eq!(Sound::schema().check(), Ok(()));
    let identity = Sound::schema().identity().unwrap();
    assert_eq!(identity.check(), Ok(()));
    assert_eq!(identity.attributes.len(), 1);
}

#[test]
fn to_proto_marks_deprecated_type_and_attribute() {
    #[derive(Model)]
    #[model(deprecated = "Use another.")]
    struct Old {
        #[attribute(optional, deprecated = "Use links.")]
        link: Field<String>,
        #[attribute(optional)]
        links: Field<Set<String>>,
    }
    let block = Old::schema().to_proto().block.unwrap();
    let attributes: Vec<_> = block
        .attributes
        .iter()
        .map(|attribute| (attribute.name.as_str(), attribute.deprecated))
        .collect();
    assert!(block.deprecated);
    assert_eq!(attributes, [("link", true), ("links", false)]);
    assert!(!Schema::new("", [optional("a")]).to_proto().block.unwrap().deprecated);
}
