//! Ephemeral `quix_broker_config`: the settings of a Kafka client for an environment's broker.
//!
//! # Flow
//! Open reads the settings. It creates nothing, so Close is empty.
//!
//! # Guarantees
//! - The broker's password is in no plan and no state.

use std::collections::BTreeMap;

use secrecy::SecretString;

use crate::framework::{EphemeralResource, Field, Model, Opened, Outcome};
use crate::quix::connection::{Connection, Context};
use crate::quix::errors::request_failed;

/// Reads the settings that a Kafka client needs to connect to an environment's broker. They are in
/// no plan and no state. A streaming token of the environment is enough to read them.
///
/// The settings depend on the broker and are not documented. The provider passes all of them on.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct BrokerConfig {
    /// The environment's id.
    #[attribute(required)]
    workspace_id: Field<String>,
    /// The settings of librdkafka, such as `bootstrap.servers`, `security.protocol` and
    /// `sasl.password`. If the broker has its own certificate authority, `ssl.ca.pem` is its
    /// certificate.
    #[attribute(computed)]
    config: Field<BTreeMap<String, SecretString>>,
    /// The certificate in `ssl.ca.pem`, for clients that read it from a file; null if there is
    /// none.
    #[attribute(computed)]
    ca_certificate: Field<String>,
}

pub(in crate::quix) struct BrokerConfigEphemeral;

impl EphemeralResource for BrokerConfigEphemeral {
    type Model = BrokerConfig;
    type Client = Connection;

    const TYPE: &'static str = "quix_broker_config";

    async fn open(&self, context: &Context, config: BrokerConfig) -> Outcome<Opened<BrokerConfig>> {
        let connection = context.client()?;
        let read = connection
            .api
            .broker_config(&connection.operation(context), config.workspace_id.get()?)
            .await
            .map_err(|error| request_failed(&error).on("workspace_id"))?;
        Ok(Opened {
            result: BrokerConfig {
                config: read.settings.into(),
                ca_certificate: read.ca_certificate.into(),
                ..config
            },
            private: Vec::new(),
            renew_at: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;
    use crate::quix::tests::{DEV, provider_with, sandbox, workspace};
    use crate::sandbox::quix::Options;

    #[tokio::test(start_paused = true)]
    async fn open_with_a_streaming_token_reads_the_broker_of_its_environment_only() {
        for (settings_are_strings, has_certificate) in [(true, true), (false, true), (true, false)] {
            let sandbox = sandbox(Options {
                settings_are_strings,
                has_certificate,
                has_other_settings: true,
                ..Options::default()
            });
            sandbox.add_workspace("acme-shop-prod");
            let [_, token] = sandbox.tokens(DEV).unwrap();
            let open = async |id: &str| {
                let provider = provider_with(&sandbox, &token);
                let config = json!({ "workspace_id": id });
                workspace(&sandbox)
                    .read_ephemeral(provider, BrokerConfigEphemeral::TYPE, config)
                    .await
            };
            let read = open(DEV).await.model::<BrokerConfig>();
            let config = read.config.into_known().unwrap();
            let setting = |name: &str| config.get(name).map(ExposeSecret::expose_secret);
            assert_eq!(setting("socket.keepalive.enable"), Some("true"));
            assert!(setting("sasl.password").is_some_and(|password| !password.is_empty()));
            assert_eq!(setting("ssl.ca.pem").is_some(), has_certificate);
            assert_eq!(setting("ssl.ca.cert"), None);
            assert_eq!(
                read.ca_certificate,
                Field::from(setting("ssl.ca.pem").map(str::to_owned))
            );
            assert!(open("acme-shop-prod").await.has_errors() && open("").await.has_errors());
        }
    }
}
