use super::*;

fn data(name: &str, shelf: Field<String>) -> proto::ResourceIdentityData {
    let identity = Identity {
        name: name.into(),
        shelf,
    };
    let ty = Identity::schema().object_type();
    proto::ResourceIdentityData {
        identity_data: Some(proto::DynamicValue {
            msgpack: msgpack::encode(&identity.into_value(), &ty).unwrap(),
            json: Vec::new(),
        }),
    }
}

pub(super) fn received(data: Option<proto::ResourceIdentityData>) -> Value {
    let ty = Identity::schema().object_type();
    wire::decode(data.unwrap().identity_data.as_ref(), &ty).unwrap()
}

async fn planned(
    prior: Option<proto::DynamicValue>,
    identity: Option<proto::ResourceIdentityData>,
) -> Option<proto::ResourceIdentityData> {
    let request = proto::plan_resource_change::Request {
        type_name: "toy_box".into(),
        prior_state: prior,
        proposed_new_state: sent(toy("adrift", Field::Null, Field::Null)),
        config: sent(toy("adrift", Field::Null, Field::Null)),
        prior_identity: identity,
        ..Default::default()
    };
    let planned = server().plan_resource_change(Request::new(request)).await;
    planned.unwrap().into_inner().planned_identity
}

async fn read(name: &str, identity: Option<proto::ResourceIdentityData>) -> Option<proto::ResourceIdentityData> {
    let request = proto::read_resource::Request {
        type_name: "toy_box".into(),
        current_state: sent(toy(name, Field::Null, Field::Null)),
        current_identity: identity,
        ..Default::default()
    };
    server()
        .read_resource(Request::new(request))
        .await
        .unwrap()
        .into_inner()
        .new_identity
}

#[tokio::test]
async fn identity_schema_lists_attributes_required_for_import() {
    let schemas = server()
        .get_resource_identity_schemas(Request::new(Default::default()))
        .await;
    let schemas = schemas.unwrap().into_inner().identity_schemas;
    let attributes = &schemas["toy_box"].identity_attributes;
    let needs: Vec<_> = attributes
        .iter()
        .map(|attribute| {
            (
                attribute.name.as_str(),
                attribute.required_for_import,
                attribute.optional_for_import,
            )
        })
        .collect();
    assert_eq!(needs, [("name", true, false), ("shelf", false, true)]);
    assert_eq!(attributes[0].r#type, br#""string""#);
}

#[tokio::test]
async fn existing_resource_has_identity_and_deleted_one_none() {
    assert!(*received(read("a", None).await).get("shelf") == text("top"));
    assert_eq!(read("gone", Some(data("gone", "top".into()))).await, None);
    let made = apply(null(), sent(toy("a", Field::Null, Field::Unknown))).await;
    assert!(*received(made.new_identity).get("name") == text("a"));
    let gone = apply(sent(toy("a", Field::Null, Field::Null)), null()).await;
    assert_eq!(gone.new_identity, None);
}

#[tokio::test]
async fn partly_unknown_identity_stays_as_it_was() {
    let present = || data("adrift", "bottom".into());
    assert_eq!(read("adrift", Some(present())).await, Some(present()));
    // A state that was stored before resources had identities.
    assert_eq!(read("adrift", None).await, None);
    let prior = || sent(toy("adrift", Field::Null, Field::Null));
    assert_eq!(planned(prior(), Some(present())).await, Some(present()));
    // A planned creation has no identity yet, not even that of the object it replaces.
    assert_eq!(planned(null(), Some(present())).await, None);
}

#[tokio::test]
async fn import_accepts_identity_or_id() {
    let server = server();
    let import = async |id: &str, identity| {
        let request = proto::import_resource_state::Request {
            type_name: "toy_box".into(),
            id: id.into(),
            identity,
            ..Default::default()
        };
        server
            .import_resource_state(Request::new(request))
            .await
            .unwrap()
            .into_inner()
    };
    for (id, identity) in [
        ("a", None),
        ("", Some(data("a", Field::Null))),
        ("", Some(data("a", "top".into()))),
    ] {
        let imported = import(id, identity).await.imported_resources.remove(0);
        assert!(*super::received(imported.state).get("name") == text("a"));
        assert!(*received(imported.identity).get("shelf") == text("top"));
    }
    let refused = import("", Some(data("a", "bottom".into()))).await;
    assert_eq!(refused.diagnostics[0].summary, "Another shelf");
    assert_eq!(refused.imported_resources, []);
}

#[tokio::test]
async fn identity_is_upgraded_by_version() {
    let upgrade = async |version, json: &str| {
        let request = proto::upgrade_resource_identity::Request {
            type_name: "toy_box".into(),
            version,
            raw_identity: Some(proto::RawState {
                json: json.as_bytes().to_vec(),
                ..Default::default()
            }),
        };
        server()
            .upgrade_resource_identity(Request::new(request))
            .await
            .unwrap()
            .into_inner()
    };
    let kept = upgrade(1, r#"{"name":"a","shelf":"top"}"#).await;
    assert!(*received(kept.upgraded_identity).get("shelf") == text("top"));
    let upgraded = upgrade(0, r#"{"title":"a"}"#).await;
    assert!(*received(upgraded.upgraded_identity).get("name") == text("a"));
    for (version, json, says) in [
        (
            2,
            "{}",
            "schema version 2; this provider supports version 1. A newer version",
        ),
        (1, "{", "not well-formed"),
    ] {
        let refused = upgrade(version, json).await;
        assert!(refused.diagnostics[0].detail.contains(says), "{refused:?}");
    }
}
