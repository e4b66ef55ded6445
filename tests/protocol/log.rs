//! Log lines in the format that Terraform reads.

use serde_json::Value;

use super::plugin::{Identity, Options, Plugin};

/// The log of a plugin that rejected a connection and was then shut down.
async fn log(options: Options) -> String {
    let plugin = Plugin::start(options).await;
    if let Ok(channel) = plugin.channel_by(Some(&Identity::p256().unwrap())).await {
        let mut client = crate::support::proto::tfplugin6::provider_client::ProviderClient::new(channel);
        client
            .get_metadata(crate::support::proto::tfplugin6::get_metadata::Request {})
            .await
            .unwrap_err();
    }
    plugin.shutdown().await;
    plugin.exited().await.stderr
}

#[tokio::test]
async fn every_log_line_is_valid_for_go_plugin() {
    let log = log(Options::default().with("TF_LOG_PROVIDER", "TRACE")).await;
    assert!(log.contains("a connection was rejected"), "{log}");
    for line in log.lines() {
        let object: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| {
            object[key]
                .as_str()
                .unwrap_or_else(|| panic!("{key} is no string in {line}"))
        };
        assert!(
            ["trace", "debug", "info", "warn", "error"].contains(&text("@level")),
            "{line}"
        );
        assert!(!text("@message").is_empty(), "{line}");
        assert!(text("@module").starts_with("token_providers::"), "{line}");
        let (_, fraction) = text("@timestamp").split_once('.').unwrap();
        assert!(fraction.len() == "123456Z".len() && fraction.ends_with('Z'), "{line}");
    }
}

#[tokio::test]
async fn log_level_of_providers_precedes_general_level() {
    for (variables, expected) in [
        (&[][..], false),
        (&[("TF_LOG", "warn")], true),
        (&[("TF_LOG", "error")], false),
        (&[("TF_LOG", "TRACE"), ("TF_LOG_PROVIDER", "off")], false),
        (&[("TF_LOG_PROVIDER", "JSON")], true),
    ] {
        let options = variables
            .iter()
            .fold(Options::default(), |options, (name, value)| options.with(name, value));
        assert_eq!(
            log(options).await.contains("a connection was rejected"),
            expected,
            "{variables:?}"
        );
    }
}
