//! Ephemeral `quix_broker_config`: how a Kafka client connects to an environment's broker.
//!
//! # Flow
//! Open reads the settings. There is nothing to close: nothing was created.
//!
//! # Guarantees
//! - The broker's password is in no plan and no state.

use std::collections::BTreeMap;

use secrecy::SecretString;

use crate::framework::{EphemeralResource, Field, Model, Opened, Outcome};
use crate::quix::connection::{Connection, Context};
use crate::quix::errors::failure;

/// What a Kafka client needs to connect to an environment's broker, read when Terraform needs it and kept in no plan and no
/// state. A streaming token of the environment is enough for it. Ephemeral resources need Terraform 1.10 or later.
///
/// Which settings there are depends on the broker and is not documented; they are passed on as they come.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct BrokerConfig {
    /// The environment's id.
    #[attribute(required)]
    workspace_id: Field<String>,
    /// librdkafka's settings, such as `bootstrap.servers`, `security.protocol` and `sasl.password`. The certificate of the
    /// broker's authority, where it has one of its own, is in `ssl.ca.pem`, where librdkafka looks for it.
    #[attribute(computed)]
    config: Field<BTreeMap<String, SecretString>>,
    /// That certificate in PEM, for clients that want it as a file; null where there is none.
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
            .map_err(|error| failure(&error).on("workspace_id"))?;
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
    async fn open_reads_the_settings_of_the_tokens_own_broker_and_of_no_other() {
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
