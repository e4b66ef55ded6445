//! Calls for every kind of object that a provider may define.

use tonic::Request;

use super::plugin::{Options, Plugin};
use crate::support::proto::tfplugin6::invoke_action::event::Type;
use crate::support::proto::tfplugin6::{
    RawState, get_metadata, get_provider_schema, get_resource_identity_schemas, invoke_action, list_resource,
    move_resource_state, open_ephemeral_resource, upgrade_resource_identity,
};

#[tokio::test]
async fn failed_stream_returns_error_and_closes() {
    let plugin = Plugin::start(Options::default()).await;
    let mut client = plugin.client().await;
    let request = list_resource::Request {
        type_name: "nothing".to_owned(),
        limit: 100,
        ..Default::default()
    };
    let mut events = client.list_resource(request).await.unwrap().into_inner();
    let event = events.message().await.unwrap().unwrap();
    assert!(event.diagnostic[0].detail.contains("\"nothing\""), "{event:?}");
    assert_eq!(events.message().await.unwrap(), None);

    let request = invoke_action::Request {
        action_type: "nothing".to_owned(),
        ..Default::default()
    };
    let mut events = client.invoke_action(request).await.unwrap().into_inner();
    let event = events.message().await.unwrap().unwrap();
    let Some(Type::Completed(completed)) = event.r#type else {
        panic!("{event:?}");
    };
    assert!(completed.diagnostics[0].detail.contains("\"nothing\""), "{completed:?}");
    assert_eq!(events.message().await.unwrap(), None);
}

#[tokio::test]
async fn unknown_type_is_an_error_in_each_call() {
    let plugin = Plugin::start(Options::default()).await;
    let mut client = plugin.client().await;
    let opened = client.open_ephemeral_resource(open_ephemeral_resource::Request {
        type_name: "nothing".to_owned(),
        ..Default::default()
    });
    assert_eq!(opened.await.unwrap().into_inner().diagnostics.len(), 1);
    let upgraded = client.upgrade_resource_identity(upgrade_resource_identity::Request {
        type_name: "nothing".to_owned(),
        ..Default::default()
    });
    assert_eq!(upgraded.await.unwrap().into_inner().diagnostics.len(), 1);
}

#[tokio::test]
async fn metadata_schemas_and_identities_list_same_types() {
    let plugin = Plugin::start(Options::default()).await;
    let mut client = plugin.client().await;
    let metadata = client
        .get_metadata(get_metadata::Request {})
        .await
        .unwrap()
        .into_inner();
    let schemas = client.get_provider_schema(get_provider_schema::Request {});
    let schemas = schemas.await.unwrap().into_inner();
    let identities = client.get_resource_identity_schemas(get_resource_identity_schemas::Request {});
    let identities = identities.await.unwrap().into_inner().identity_schemas;
    assert_eq!(metadata.resources.len(), schemas.resource_schemas.len());
    assert_eq!(metadata.data_sources.len(), schemas.data_source_schemas.len());
    assert_eq!(
        metadata.ephemeral_resources.len(),
        schemas.ephemeral_resource_schemas.len()
    );
    assert_eq!(metadata.list_resources.len(), schemas.list_resource_schemas.len());
    assert_eq!(metadata.actions.len(), schemas.action_schemas.len());
    assert_eq!(metadata.functions.len(), schemas.functions.len());
    for name in identities.keys() {
        assert!(schemas.resource_schemas.contains_key(name), "{name}");
    }
    // A listed object is imported by its identity.
    for listed in metadata.list_resources {
        assert!(identities.contains_key(&listed.type_name), "{listed:?}");
    }
}

#[tokio::test]
async fn move_from_unsupported_type_is_rejected_with_advice() {
    let plugin = Plugin::start(Options::default()).await;
    let request = move_resource_state::Request {
        source_type_name: "vault_token".to_owned(),
        target_type_name: "striim_service_account_token".to_owned(),
        source_state: Some(RawState {
            json: b"{}".to_vec(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let answer = plugin.client().await.move_resource_state(Request::new(request)).await;
    let [diagnostic] = &answer.unwrap().into_inner().diagnostics[..] else {
        panic!("one error");
    };
    assert!(
        diagnostic.detail.contains("A vault_token cannot become"),
        "{diagnostic:?}"
    );
}
