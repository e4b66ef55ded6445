//! Ephemeral `neuroio_stream_token`: a temporary stream token for one run of Terraform.
//!
//! # Flow
//! Open makes a temporary token (see [`super::create`]); Close deletes it (see [`super::delete`]).
//!
//! # Guarantees
//! - The value is in no plan and no state.
//! - What Open has made is deleted by Close, or Close says that it is not.
//!
//! # Assumptions
//! - A run that is killed closes nothing: what it leaves ends by itself within 24 hours.

use async_trait::async_trait;
use secrecy::SecretString;

use super::api::TokenId;
use super::connection::Session;
use super::create;
use super::delete::delete;
use super::stream_token::expires_at;
use crate::framework::{Attribute, Context, Diagnostic, Diagnostics, EphemeralResource, Opened, Schema, Type, model};

model! {
    /// The attributes of the ephemeral `neuroio_stream_token`.
    pub(super) struct Model {
        id: String,
        key: SecretString,
        expires_at: String,
    }
}

pub(super) struct EphemeralStreamToken {
    session: Session,
}

impl EphemeralStreamToken {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }
}

#[async_trait]
impl EphemeralResource for EphemeralStreamToken {
    type Model = Model;

    const TYPE: &'static str = "neuroio_stream_token";

    fn schema(&self) -> Schema {
        Schema::new(
            "A temporary stream token for the time of one run: it is made when Terraform needs it, in the plan and again \
             in the apply, and deleted when all that refers to it is done. Its value is in no plan and no state. Ephemeral \
             resources need Terraform 1.10 or later.\n\n\
             What a run leaves behind that is killed ends by itself 24 hours after it was made. Temporary tokens do not \
             count against the limit of permanent ones.",
            [
                Attribute::computed("id", Type::String, "The platform's number for the token."),
                Attribute::computed("key", Type::String, "The token's value.").sensitive(),
                Attribute::computed(
                    "expires_at",
                    Type::String,
                    "When the token would end if it were not deleted, in UTC.",
                ),
            ],
        )
    }

    fn validate(&self, _: &Model, _: &mut Diagnostics) {}

    async fn open(&self, context: &Context, _: Model, diagnostics: &mut Diagnostics) -> Option<Opened<Model>> {
        let connection = self.session.connection(diagnostics)?;
        let operation = connection.operation(context);
        let created = {
            let _alone = connection.creating.lock().await;
            create::create(&connection.api, &operation, false, diagnostics).await
        };
        let issued = diagnostics.ok(created)?;
        Some(Opened {
            private: issued.token.id.to_string().into_bytes(),
            result: Model {
                id: issued.token.id.to_string().into(),
                expires_at: expires_at(&issued.token, false),
                key: issued.key.into(),
            },
            renew_at: None,
        })
    }

    async fn close(&self, context: &Context, private: &[u8], diagnostics: &mut Diagnostics) {
        let id = std::str::from_utf8(private)
            .ok()
            .and_then(|id| id.parse::<TokenId>().ok());
        let Some(id) = id else {
            diagnostics.push(Diagnostic::error(
                "Cannot delete the ephemeral stream token",
                "Terraform did not hand its id back. The token ends by itself 24 hours after it was made.",
            ));
            return;
        };
        if let Some(connection) = self.session.connection(diagnostics) {
            diagnostics.ok(delete(&connection.api, &connection.operation(context), id).await);
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::neuroio::testing::{sandbox, session};
    use crate::sandbox::neuroio::{Options, Realm};
    use crate::sandbox::{Effect, Fault};

    #[tokio::test(start_paused = true)]
    async fn what_is_opened_works_until_it_is_closed() {
        for fault in [
            Fault::answer(200).times(0),
            Fault::new(Effect::Cut),
            Fault::new(Effect::Cut).after(),
            Fault::answer(204),
        ] {
            let sandbox = sandbox(Options::default());
            sandbox.fault(fault.clone().on("POST", "/streams/tokens/"));
            sandbox.fault(fault.on("DELETE", "/streams/tokens/1/"));
            let ephemeral = EphemeralStreamToken::new(session(&sandbox));
            let (context, mut diagnostics) = (Context::default(), Diagnostics::default());
            let opened = ephemeral
                .open(&context, Model::default(), &mut diagnostics)
                .await
                .unwrap();
            let key = opened.result.key.into_known().unwrap();
            assert!(sandbox.is_live(key.expose_secret()));
            assert!(!sandbox.tokens(&Realm::Account)[0].permanent);
            ephemeral.close(&context, &opened.private, &mut diagnostics).await;
            assert!(!diagnostics.has_errors(), "{diagnostics:?}");
            assert!(!sandbox.is_live(key.expose_secret()));
            // What may come of a lost creation is named, and expires.
            for orphan in sandbox.tokens(&Realm::Account) {
                let line = format!("\n  - {}", orphan.id);
                assert!(
                    diagnostics.iter().any(|told| told.detail.contains(&line)),
                    "{diagnostics:?}"
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_deleted_without_an_id() {
        let sandbox = sandbox(Options::default());
        sandbox.add_token(&Realm::Account, false);
        let ephemeral = EphemeralStreamToken::new(session(&sandbox));
        for private in ["", "/", "x"] {
            let mut diagnostics = Diagnostics::default();
            ephemeral
                .close(&Context::default(), private.as_bytes(), &mut diagnostics)
                .await;
            assert!(diagnostics.has_errors());
        }
        assert_eq!(sandbox.tokens(&Realm::Account).len(), 1);
    }
}
