//! Ephemeral `quix_streaming_tokens`: the two streaming tokens of an environment.
//!
//! # Flow
//! Open reads the tokens. It creates and rotates nothing, so Close is empty.
//!
//! # Guarantees
//! - No token is in a plan or a state.

use secrecy::SecretString;

use crate::framework::{EphemeralResource, Field, Model, Opened, Outcome};
use crate::quix::connection::{Connection, Context};

/// Reads the two streaming tokens of an environment. They are in no plan and no state: pass them to
/// another provider's configuration, or to write-only arguments (Terraform or OpenTofu 1.11).
///
/// This never rotates the tokens. The resource
/// [`quix_streaming_tokens`](../resources/streaming_tokens.md) does. With its `age_recipients`, no
/// state contains a token.
///
/// A write-only argument is sent again only if its version changes. Use the resource's `generation`
/// as the version, and its `workspace_id` here, so that an apply rotates the tokens before it reads
/// them. Reads can be stale for a while after a rotation: [the
/// guide](../guides/rotating-streaming-tokens.md#tokens-outside-the-state) shows how to be safe.
/// Without the resource, rotate the tokens in Quix's portal, and increase the version by hand.
///
/// It is not documented whether users without the role Admin can read the tokens.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct StreamingTokens {
    /// The environment's id.
    #[attribute(required)]
    workspace_id: Field<String>,
    /// The token to return as `token`: 1 or 2. Use 2 before a rotation, which revokes token 1.
    /// Default: 1.
    #[attribute(optional, range = 1..=2)]
    slot: Field<i64>,
    /// The token in `slot`.
    #[attribute(computed)]
    token: Field<SecretString>,
    /// Token 1: the token in the `Quix__Sdk__Token` of deployments. The next rotation revokes it.
    #[attribute(computed)]
    token_1: Field<SecretString>,
    /// Token 2: the token that becomes token 1 in the next rotation.
    #[attribute(computed)]
    token_2: Field<SecretString>,
}

pub(in crate::quix) struct StreamingTokensEphemeral;

impl EphemeralResource for StreamingTokensEphemeral {
    type Model = StreamingTokens;
    type Client = Connection;

    const TYPE: &'static str = "quix_streaming_tokens";

    async fn open(&self, context: &Context, config: StreamingTokens) -> Outcome<Opened<StreamingTokens>> {
        let workspace = config.workspace_id.get()?;
        let tokens = context.client()?.streaming_tokens(context, workspace).await?;
        let token = match config.slot.known() {
            Some(2) => &tokens.token_2,
            _ => &tokens.token_1,
        };
        Ok(Opened {
            result: StreamingTokens {
                token: token.clone().into(),
                token_1: tokens.token_1.into(),
                token_2: tokens.token_2.into(),
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
    use crate::framework::Value;
    use crate::framework::testing::Outcome;
    use crate::quix::tests::{DEV, option_variants, provider, sandbox, workspace};
    use crate::sandbox::quix::{Options, Readers, Role, Sandbox};

    async fn open(sandbox: &Sandbox, role: Role, config: serde_json::Value) -> Outcome<Value> {
        let provider = provider(sandbox, role);
        workspace(sandbox)
            .read_ephemeral(provider, StreamingTokensEphemeral::TYPE, config)
            .await
    }

    #[tokio::test(start_paused = true)]
    async fn open_reads_both_tokens_and_rotates_none_for_every_response_format() {
        for options in option_variants() {
            let sandbox = sandbox(options);
            let current = sandbox.tokens(DEV).unwrap();
            for (slot, expected) in [(json!(null), 0), (json!(1), 0), (json!(2), 1)] {
                let config = json!({ "workspace_id": DEV, "slot": slot });
                let read = open(&sandbox, Role::Admin, config).await.model::<StreamingTokens>();
                let value = |field: &Field<SecretString>| field.known().unwrap().expose_secret().to_owned();
                let both = [value(&read.token_1), value(&read.token_2)];
                assert_eq!(both, current.each_ref().map(|token| token.expose_secret().to_owned()));
                assert_eq!(value(&read.token), both[expected]);
            }
            assert_eq!(sandbox.rotations(DEV), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn invalid_slot_or_environment_is_an_error() {
        let sandbox = sandbox(Options::default());
        for config in [
            json!({ "workspace_id": DEV, "slot": 0 }),
            json!({ "workspace_id": DEV, "slot": 3 }),
            json!({ "workspace_id": "" }),
            json!({ "workspace_id": "other" }),
        ] {
            assert!(open(&sandbox, Role::Admin, config).await.has_errors());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn user_who_may_not_read_the_tokens_gets_advice() {
        let sandbox = sandbox(Options {
            readers: Readers::Admins,
            ..Options::default()
        });
        let run = open(&sandbox, Role::Viewer, json!({ "workspace_id": DEV })).await;
        run.fails("perhaps only they can read them");
    }
}
