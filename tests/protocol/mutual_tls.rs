//! The authentication of clients.

use super::plugin::{Identity, Options, Plugin};
use crate::support::proto::tfplugin6::get_provider_schema;
use crate::support::proto::tfplugin6::provider_client::ProviderClient;

/// Whether the plugin answers a client with `identity`.
async fn is_served(plugin: &Plugin, identity: Option<&Identity>) -> bool {
    match plugin.channel_by(identity).await {
        Err(_) => false,
        Ok(channel) => {
            let request = get_provider_schema::Request::default();
            ProviderClient::new(channel).get_provider_schema(request).await.is_ok()
        }
    }
}

#[tokio::test]
async fn client_with_certificate_of_terraform_is_accepted() {
    let identity = Identity::terraform();
    let plugin = Plugin::start(Options {
        identity: Some(identity.clone()),
        ..Options::default()
    })
    .await;
    assert!(is_served(&plugin, Some(&identity)).await);
}

#[tokio::test]
async fn client_with_other_kind_of_key_is_accepted() {
    let identity = Identity::p256().unwrap();
    let plugin = Plugin::start(Options {
        identity: Some(identity.clone()),
        ..Options::default()
    })
    .await;
    assert!(is_served(&plugin, Some(&identity)).await);
}

#[tokio::test]
async fn other_clients_are_rejected_and_terraform_is_still_accepted() {
    let terraform = Identity::terraform();
    let another = Identity::terraform();
    let plugin = Plugin::start(Options {
        identity: Some(terraform.clone()),
        ..Options::default()
    })
    .await;

    let stolen_certificate = Identity {
        certificate: terraform.certificate.clone(),
        key: another.key.clone(),
    };
    for (case, identity) in [
        ("no certificate", None),
        ("another certificate of the same kind", Some(another)),
        ("another kind of certificate", Some(Identity::p256().unwrap())),
        ("the certificate without its key", Some(stolen_certificate)),
    ] {
        assert!(!is_served(&plugin, identity.as_ref()).await, "{case}");
    }
    assert!(is_served(&plugin, Some(&terraform)).await);
}

#[tokio::test]
async fn client_without_certificate_is_served_without_tls() {
    let plugin = Plugin::start(Options::without_tls()).await;
    assert_eq!(plugin.fields()[5], "");
    assert!(is_served(&plugin, None).await);
}
