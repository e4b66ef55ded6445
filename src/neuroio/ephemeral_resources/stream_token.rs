//! Ephemeral `neuroio_stream_token`: a temporary stream token for one run of Terraform.
//!
//! # Flow
//! Open creates a temporary token (see [`create`]); Close deletes it.
//!
//! # Guarantees
//! - The value is in no plan and no state.
//! - What Open has created is deleted by Close, or Close reports that it is not.
//!
//! # Assumptions
//! - A run that is killed closes nothing: its orphan expires within 24 hours.

use secrecy::SecretString;

use crate::framework::{Diagnostic, Diagnostics, EphemeralResource, Field, Model, Opened, Outcome};
use crate::neuroio::api::TokenId;
use crate::neuroio::connection::{Connection, Context};
use crate::neuroio::resources::stream_token::delete::delete;
use crate::neuroio::resources::stream_token::{create, expires_at};

/// A temporary stream token for the time of one run: it is created when Terraform needs it, in the plan and again in the apply,
/// and deleted when all that refers to it is done. Its value is in no plan and no state. Ephemeral resources need Terraform
/// 1.10 or later.
///
/// The orphan of a run that is killed expires 24 hours after it was created. Temporary tokens do not count against the limit
/// of permanent ones.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::neuroio) struct TemporaryToken {
    /// The platform's number for the token.
    #[attribute(computed)]
    id: Field<String>,
    /// The token's value.
    #[attribute(computed)]
    key: Field<SecretString>,
    /// When the token would expire if it were not deleted, in UTC.
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
            let _alone = connection.creating.lock().await;
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
        let id = id.and_then(|id| id.parse::<TokenId>().ok()).ok_or_else(no_id)?;
        let connection = context.client()?;
        Ok(delete(&connection.api, &connection.operation(context), id).await?)
    }
}

fn no_id() -> Diagnostic {
    Diagnostic::error(
        "Cannot delete the ephemeral stream token",
        "Terraform did not hand its id back. The token expires 24 hours after it was created.",
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
    async fn opened_token_is_valid_until_it_is_closed() {
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
            // What may come of a lost creation is named, and expires.
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
