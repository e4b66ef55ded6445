use super::*;
use crate::framework::Model;
use crate::framework::ModelField;

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn list(elements: &[Value]) -> Value {
    Value::List(elements.to_vec())
}

fn map(members: &[(&str, Value)]) -> Value {
    Value::Map(
        members
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
    )
}

fn read<T: AttributeValue>(value: &Value) -> Result<T, (String, &'static str)> {
    let read = T::read(value, &AttributePath::from("a"));
    read.map_err(|invalid| (invalid.path.to_string(), invalid.problem()))
}

#[derive(Model, Clone, Debug, PartialEq)]
struct Part {
    #[attribute(required)]
    key: Field<String>,
    #[attribute(optional)]
    size: Field<i64>,
}

#[test]
fn rust_types_map_to_terraform_types() {
    fn type_of<F: ModelField>() -> String {
        F::Value::attribute_type().to_type().to_json().to_string()
    }
    let cases = [
        (type_of::<Field<String>>(), r#""string""#),
        (type_of::<Field<SecretString>>(), r#""string""#),
        (type_of::<Field<bool>>(), r#""bool""#),
        (type_of::<Field<i64>>(), r#""number""#),
        (type_of::<Field<f64>>(), r#""number""#),
        (type_of::<Field<Number>>(), r#""number""#),
        (type_of::<Field<Value>>(), r#""dynamic""#),
        (type_of::<Field<Vec<String>>>(), r#"["list","string"]"#),
        (type_of::<Field<Set<bool>>>(), r#"["set","bool"]"#),
        (type_of::<Field<Vec<Field<i64>>>>(), r#"["list","number"]"#),
        (
            type_of::<Field<BTreeMap<String, Vec<f64>>>>(),
            r#"["map",["list","number"]]"#,
        ),
        (
            type_of::<Field<Part>>(),
            r#"["object",{"key":"string","size":"number"}]"#,
        ),
        (
            type_of::<Field<BTreeMap<String, Part>>>(),
            r#"["map",["object",{"key":"string","size":"number"}]]"#,
        ),
        (
            type_of::<Field<Vec<Vec<Part>>>>(),
            r#"["list",["list",["object",{"key":"string","size":"number"}]]]"#,
        ),
    ];
    for (ty, expected) in cases {
        assert_eq!(ty, expected);
    }
    let is_sensitive = [
        Field::<SecretString>::SENSITIVE,
        Field::<Vec<SecretString>>::SENSITIVE,
        Field::<BTreeMap<String, SecretString>>::SENSITIVE,
        Field::<String>::SENSITIVE,
    ];
    assert_eq!(is_sensitive, [true, true, true, false]);
}

#[test]
fn nested_attribute_is_object_or_one_collection_of_objects() {
    let nesting = |ty| match ty {
        AttributeType::Nested { nesting, .. } => Some(nesting),
        AttributeType::Plain(_) => None,
    };
    assert_eq!(nesting(Part::attribute_type()), Some(Nesting::Single));
    assert_eq!(nesting(Field::<Vec<Part>>::attribute_type()), Some(Nesting::List));
    assert_eq!(nesting(Set::<Part>::attribute_type()), Some(Nesting::Set));
    assert_eq!(nesting(BTreeMap::<String, Part>::attribute_type()), Some(Nesting::Map));
    assert_eq!(nesting(Vec::<Vec<Part>>::attribute_type()), None);
}

#[test]
fn collection_with_unknown_element_is_unknown_unless_elements_are_fields() {
    let partly = list(&[text("a"), Value::Unknown]);
    assert_eq!(read::<Field<Vec<String>>>(&partly), Ok(Field::Unknown));
    assert_eq!(
        read::<Field<Vec<Field<String>>>>(&partly),
        Ok(Field::Known(vec!["a".into(), Field::Unknown]))
    );
    assert_eq!(read::<Field<Set<String>>>(&partly), Ok(Field::Unknown));
    let partly = map(&[("x", text("a")), ("y", Value::Unknown)]);
    assert_eq!(read::<Field<BTreeMap<String, String>>>(&partly), Ok(Field::Unknown));
    // An unknown member of an object does not make the object unknown.
    let parts = list(&[map(&[("key", Value::Unknown), ("size", Value::Null)])]);
    let part = Part {
        key: Field::Unknown,
        size: Field::Null,
    };
    assert_eq!(read::<Field<Vec<Part>>>(&parts), Ok(Field::Known(vec![part])));
    assert_eq!(read::<Field<Vec<Part>>>(&list(&[Value::Unknown])), Ok(Field::Unknown));
    // In a map of lists, only the list is unknown.
    let lists = map(&[("x", list(&[Value::Unknown]))]);
    assert_eq!(read::<Field<BTreeMap<String, Vec<String>>>>(&lists), Ok(Field::Unknown));
}

#[test]
fn null_element_and_other_type_are_errors_with_path() {
    let null = "must not be null";
    let ty = "does not have the type that the provider's schema declares";
    let whole = "must be a 64-bit integer";
    let half = Value::Number(Number::Float(0.5));
    let huge = Value::Number(Number::Decimal("18446744073709551616".to_owned()));
    let part = map(&[("key", Value::Bool(true))]);
    let cases = [
        (
            read::<Field<Vec<String>>>(&list(&[text("a"), Value::Null])).err(),
            "a[1]",
            null,
        ),
        (read::<Field<Set<String>>>(&list(&[Value::Null])).err(), "a", null),
        (
            read::<Field<BTreeMap<String, String>>>(&map(&[("x.y", Value::Null)])).err(),
            "a[\"x.y\"]",
            null,
        ),
        (read::<Field<Vec<Part>>>(&list(&[Value::Null])).err(), "a[0]", null),
        (read::<Field<Vec<Part>>>(&list(&[part])).err(), "a[0].key", ty),
        (read::<Field<String>>(&Value::Bool(true)).err(), "a", ty),
        (read::<Field<Vec<String>>>(&text("a")).err(), "a", ty),
        (read::<Field<BTreeMap<String, String>>>(&list(&[])).err(), "a", ty),
        (read::<Field<i64>>(&half).err(), "a", whole),
        (read::<Field<Vec<i64>>>(&list(&[huge])).err(), "a[0]", whole),
    ];
    for (error, path, problem) in cases {
        assert_eq!(error, Some((path.to_owned(), problem)));
    }
}

#[test]
fn numbers_convert_exactly_to_types_that_can_hold_them() {
    let decimal = Value::Number(Number::Decimal("0.1".to_owned()));
    assert_eq!(read::<Field<f64>>(&decimal), Ok(Field::Known(0.1)));
    assert!(Field::from(0.1_f64).into_value() == decimal);
    assert_eq!(
        read::<Field<Number>>(&decimal).map(AttributeValue::into_value),
        Ok(decimal)
    );
    let integer = Value::Number(Number::Integer(3));
    assert_eq!(read::<Field<f64>>(&integer), Ok(Field::Known(3.0)));
    assert!(Field::from(3.0_f64).into_value() == integer);
    assert_eq!(read::<Field<i64>>(&integer), Ok(Field::Known(3)));
    assert!(Field::from(1e17_f64).into_value() == Value::Number(Number::Integer(100_000_000_000_000_000)));
}

#[test]
fn set_converts_to_sorted_value_without_duplicates() {
    let set: Set<String> = ["b", "a", "b"].map(str::to_owned).into_iter().collect();
    assert!(set.into_value() == list(&[text("a"), text("b")]));
}

#[test]
fn secret_and_nullable_argument_are_read() {
    let secret = read::<Field<SecretString>>(&text("s3cret")).unwrap();
    assert_eq!(secret.known().map(|secret| secret.expose_secret()), Some("s3cret"));
    assert_eq!(read::<Option<String>>(&text("a")), Ok(Some("a".to_owned())));
    assert_eq!(read::<Option<String>>(&Value::Null), Ok(None));
    assert!(read::<Option<String>>(&Value::Bool(true)).is_err());
}

#[test]
fn dynamic_value_includes_its_type() {
    let any = Value::Dynamic(Type::Bool, Box::new(Value::Bool(true)));
    assert_eq!(read::<Field<Value>>(&any), Ok(Field::Known(any.clone())));
    assert_eq!(read::<Field<Value>>(&Value::Null), Ok(Field::Null));
    assert_eq!(read::<Field<Value>>(&Value::Unknown), Ok(Field::Unknown));
}

#[test]
fn unreadable_model_is_error_on_attribute() {
    let object = map(&[("key", text("a")), ("size", Value::Number(Number::Float(0.5)))]);
    let error = crate::framework::model::read_model::<Part>("demo_part", &object).unwrap_err();
    assert_eq!(error.summary, "Unreadable demo_part");
    assert_eq!(error.detail, "`size` must be a 64-bit integer.");
    assert_eq!(error.attribute.unwrap(), "size");
}
