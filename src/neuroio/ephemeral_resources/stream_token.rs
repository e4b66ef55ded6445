//! Ephemeral `neuroio_stream_token`: a temporary stream token for a single run.
//!
//! # Flow
//! Open creates a temporary token ([`create`]), Close deletes it.
//!
//! # Guarantees
//! - The value is in no plan and no state.
//! - Close deletes the token or reports that it did not.
//!
//! # Assumptions
//! - Terraform does not close the ephemeral resources of a killed run. Such an orphan expires
//!   within 24 hours.

use secrecy::SecretString;

use crate::framework::{Diagnostic, Diagnostics, EphemeralResource, Field, Model, Opened, Outcome};
use crate::neuroio::api::TokenId;
use crate::neuroio::connection::{Connection, Context};
use crate::neuroio::resources::stream_token::delete::delete;
use crate::neuroio::resources::stream_token::{create, expires_at};

/// A temporary stream token for a single run. Terraform creates it when it is needed, once during
/// the plan and again during the apply, and deletes it when everything that refers to it is done.
/// The value is in no plan and no state. Ephemeral resources require Terraform 1.10 or later.
///
/// If a run is killed, its token expires 24 hours after its creation. Temporary tokens do not count
/// against the limit of permanent tokens.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::neuroio) struct TemporaryToken {
    /// The platform's number for the token.
    #[attribute(computed)]
    id: Field<String>,
    /// The token's value.
    #[attribute(computed)]
    key: Field<SecretString>,
    /// When the token expires if it is not deleted before, in UTC.
    #[attribute(computed)]
    expires_at: Field<String>,
}

pub(in crate::neuroio) struct StreamTokenEphemeral;

impl EphemeralResource for StreamTokenEphemeral {
    type Model = TemporaryToken;
    type Client = Connection;

    const TYPE: &'static str = "neuroio_stream_token";

    async fn open(&self, context: &Context, _: TemporaryToken) -> Outcome<Opened<TemporaryToken>> {
        let connection = context.client()?;
        let operation = connection.operation(context);
        let issued = {
            let _lock = connection.creating.lock().await;
            create::create(&connection.api, &operation, false, &mut context.diagnostics()).await?
        };
        let id = issued.token.id.to_string();
        Ok(Opened {
            private: id.clone().into_bytes(),
            result: TemporaryToken {
                id: id.into(),
                expires_at: expires_at(&issued.token, false),
                key: issued.key.into(),
            },
            renew_at: None,
        })
    }

    async fn close(&self, context: &Context, private: &[u8]) -> Result<(), Diagnostics> {
        let id = std::str::from_utf8(private).ok();
        let id = id.and_then(|id| id.parse::<TokenId>().ok()).ok_or_else(missing_id)?;
        let connection = context.client()?;
        Ok(delete(&connection.api, &connection.operation(context), id).await?)
    }
}

fn missing_id() -> Diagnostic {
    Diagnostic::error(
        "Cannot delete the ephemeral stream token",
        "Terraform did not pass the token's id to the provider. The token expires 24 hours after its creation.",
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;
    use crate::framework::testing::Workspace;
    use crate::neuroio::tests::{api, provider, sandbox};
    use crate::sandbox::neuroio::{Options, Realm};
    use crate::sandbox::{Effect, Fault};

    #[tokio::test(start_paused = true)]
    async fn open_token_is_valid_until_close_deletes_it() {
        for fault in [
            Fault::answer(200).times(0),
            Fault::new(Effect::Cut),
            Fault::new(Effect::Cut).after(),
            Fault::answer(204),
        ] {
            let sandbox = sandbox(Options::default());
            sandbox.fault(fault.clone().on("POST", "/streams/tokens/"));
            sandbox.fault(fault.on("DELETE", "/streams/tokens/1/"));
            let workspace = Workspace::new();
            let opened = workspace.open_ephemeral(provider(&sandbox), StreamTokenEphemeral::TYPE, json!({}));
            let opened = opened.await;
            assert!(!opened.has_errors(), "{:?}", opened.diagnostics);
            let mut diagnostics = opened.diagnostics;
            let (connection, opened) = opened.value.unwrap();
            let key = TemporaryToken::from_value(&opened.value)
                .unwrap()
                .key
                .into_known()
                .unwrap();
            assert!(sandbox.is_live(key.expose_secret()));
            assert!(!sandbox.tokens(&Realm::Account)[0].permanent);
            diagnostics.extend(connection.close_ephemeral(opened).await.succeeds().diagnostics);
            assert!(!sandbox.is_live(key.expose_secret()));
            // Possible orphans of a lost creation are named. They expire.
            for orphan in sandbox.tokens(&Realm::Account) {
                let line = format!("\n  - {}", orphan.id);
                assert!(
                    diagnostics.iter().any(|warning| warning.detail.contains(&line)),
                    "{diagnostics:?}"
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn close_without_an_id_deletes_nothing() {
        let sandbox = sandbox(Options::default());
        sandbox.add_token(&Realm::Account, false);
        let context = Context::with_client(Connection::new(api(&sandbox), Duration::from_secs(300)));
        for private in ["", "/", "x"] {
            assert!(StreamTokenEphemeral.close(&context, private.as_bytes()).await.is_err());
        }
        assert_eq!(sandbox.tokens(&Realm::Account).len(), 1);
    }
}
