//! Ephemeral `neuroio_stream_token`: a temporary stream token for a single run, or the value of an
//! existing token.
//!
//! # Flow
//! Without `id`, Open creates a temporary token ([`create`]), and Close deletes it. With `id`, Open
//! reads that token, and Close does nothing.
//!
//! # Guarantees
//! - The value is in no plan and no state.
//! - Close deletes the token that Open created, or reports that it did not. It deletes no other.
//!
//! # Assumptions
//! - Terraform does not close the ephemeral resources of a killed run. Such an orphan expires
//!   within 24 hours.

use secrecy::SecretString;

use crate::framework::{Diagnostic, Diagnostics, EphemeralResource, Field, Model, Opened, Outcome};
use crate::neuroio::api::{Issued, TokenId};
use crate::neuroio::connection::{Connection, Context};
use crate::neuroio::found::{Description, Found};
use crate::neuroio::read_token::{is_token_id, read_token};
use crate::neuroio::resources::stream_token::create;
use crate::neuroio::resources::stream_token::delete::delete;
use crate::platform::Session;

/// The private data of an object that Close must not delete.
const READ_ONLY: &[u8] = b"read";

/// A stream token whose value is in no plan and no state.
///
/// **Without `id`**, it is a new temporary token for a single run. Terraform creates it when it is
/// needed, once during the plan and again during the apply, and deletes it when everything that
/// refers to it is done. If a run is killed, its token expires 24 hours after its creation.
/// Temporary tokens do not count against the limit of permanent tokens.
///
/// **With `id`**, it is the token with that id, which Terraform only reads: it is neither created
/// nor deleted, rotated or activated. Use it to pass the value of a token that another
/// configuration manages to a write-only argument or to a provider. A warning reports that the
/// token was deactivated or has expired.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::neuroio) struct EphemeralToken {
    /// The platform's number for an existing token. Without it, a temporary token is created. An id
    /// that is known only after apply postpones the read to the apply.
    #[attribute(optional, computed, check = is_token_id)]
    id: Field<String>,
    /// The token's value.
    #[attribute(computed)]
    key: Field<SecretString>,
    #[attribute(flatten)]
    description: Description,
}

pub(in crate::neuroio) struct StreamTokenEphemeral {
    session: Session,
}

impl StreamTokenEphemeral {
    pub(in crate::neuroio) fn new(session: Session) -> Self {
        Self { session }
    }

    fn opened(&self, Issued { token, key }: Issued, permanent: bool) -> EphemeralToken {
        EphemeralToken {
            id: token.id.to_string().into(),
            key: key.into(),
            description: Description::new(&Found { token, permanent }, self.session.clock().now()),
        }
    }
}

impl EphemeralResource for StreamTokenEphemeral {
    type Model = EphemeralToken;
    type Client = Connection;

    const TYPE: &'static str = "neuroio_stream_token";

    async fn open(&self, context: &Context, config: EphemeralToken) -> Outcome<Opened<EphemeralToken>> {
        let connection = context.client()?;
        let operation = connection.operation(context);
        if config.id.known().is_some() {
            let (issued, permanent) = read_token(&connection, &operation, &config.id).await?;
            let result = self.opened(issued, permanent);
            context.diagnostics().extend(rejected(&result));
            return Ok(Opened {
                result,
                private: READ_ONLY.to_vec(),
                renew_at: None,
            });
        }
        let issued = {
            let (before, diagnostics) = (&mut *connection.created.lock().await, &mut context.diagnostics());
            create::create(&connection.api, &operation, false, None, before, diagnostics).await?
        };
        Ok(Opened {
            private: issued.token.id.to_string().into_bytes(),
            result: self.opened(issued, false),
            renew_at: None,
        })
    }

    async fn close(&self, context: &Context, private: &[u8]) -> Result<(), Diagnostics> {
        if private == READ_ONLY {
            return Ok(());
        }
        let id = std::str::from_utf8(private).ok();
        let id = id.and_then(|id| id.parse::<TokenId>().ok()).ok_or_else(missing_id)?;
        let connection = context.client()?;
        Ok(delete(&connection.api, &connection.operation(context), id).await?)
    }
}

/// The warning about a token that the platform does not accept.
fn rejected(token: &EphemeralToken) -> Option<Diagnostic> {
    let reason = match (&token.description.is_active, &token.description.expired) {
        (Field::Known(false), _) => "was deactivated",
        (_, Field::Known(true)) => "has expired",
        _ => return None,
    };
    let id = token.id.known().map_or("", String::as_str);
    let warning = Diagnostic::warning(
        format!("The stream token {id} {reason}"),
        "Its value was read, but the platform rejects it. Refer to another token, or apply the configuration that manages \
         this one first.",
    );
    Some(warning.on("id"))
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
            let key = EphemeralToken::from_value(&opened.value)
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
            let ephemeral = StreamTokenEphemeral::new(Session::new(sandbox.clock()));
            assert!(ephemeral.close(&context, private.as_bytes()).await.is_err());
        }
        assert_eq!(sandbox.tokens(&Realm::Account).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn token_with_id_is_read_and_not_deleted() {
        let sandbox = sandbox(Options::default());
        let (permanent, temporary) = (
            sandbox.add_token(&Realm::Account, true),
            sandbox.add_token(&Realm::Account, false),
        );
        let workspace = Workspace::new();
        for (token, is_active, hours, warning) in [
            (&permanent, true, 1, None),
            (&temporary, true, 0, None),
            (&permanent, false, 0, Some("The stream token 1 was deactivated")),
            (&temporary, true, 24, Some("The stream token 2 has expired")),
        ] {
            sandbox.set_active_outside(token.id, is_active);
            tokio::time::advance(Duration::from_secs(hours * 3_600)).await;
            let config = json!({ "id": token.id.to_string() });
            let opened = workspace.open_ephemeral(provider(&sandbox), StreamTokenEphemeral::TYPE, config);
            let opened = opened.await;
            assert!(!opened.has_errors(), "{:?}", opened.diagnostics);
            let warnings: Vec<_> = opened.diagnostics.iter().map(|shown| shown.summary.clone()).collect();
            assert_eq!(warnings, Vec::from_iter(warning));
            let (connection, opened) = opened.value.unwrap();
            let read = EphemeralToken::from_value(&opened.value).unwrap();
            assert_eq!(read.key.known().unwrap().expose_secret(), token.key.expose_secret());
            assert_eq!(read.description.permanent, token.permanent.into());
            assert_eq!(read.description.expires_at.is_null(), token.permanent);
            let closed = connection.close_ephemeral(opened).await.succeeds();
            assert!(closed.diagnostics.is_empty());
        }
        assert_eq!(sandbox.tokens(&Realm::Account).len(), 2);
        assert_eq!(sandbox.calls("POST", "/streams/tokens/"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn open_with_an_unknown_id_fails_and_creates_nothing() {
        let sandbox = sandbox(Options::default());
        for (id, phrase) in [("7", "404"), ("", "must be the id of a stream token")] {
            let workspace = Workspace::new();
            let opened = workspace.open_ephemeral(provider(&sandbox), StreamTokenEphemeral::TYPE, json!({ "id": id }));
            let diagnostics = format!("{:?}", opened.await.diagnostics);
            assert!(diagnostics.contains(phrase), "{diagnostics}");
        }
        assert!(sandbox.tokens(&Realm::Account).is_empty());
    }
}
