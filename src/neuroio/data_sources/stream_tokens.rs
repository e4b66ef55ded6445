//! `data.neuroio_stream_tokens`: lists stream tokens without their values.

use jiff::Timestamp;

use crate::framework::{DataSource, Diagnostics, Field, Model};
use crate::neuroio::connection::{Connection, Context};
use crate::neuroio::filter::Filter;
use crate::neuroio::found::{Description, Found};
use crate::platform::Session;

/// Lists the stream tokens of the account, of the space or of the managers that the provider's
/// `api_token` belongs to. Their values are omitted, because they would all be stored in the state.
/// To obtain the value of a token, use the [ephemeral
/// resource](../ephemeral-resources/stream_token.md) with its `id`, or import the token.
///
/// Not documented by the platform: whether an expired temporary token is still listed.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::neuroio) struct StreamTokens {
    #[attribute(flatten)]
    filter: Filter,
    /// The matching tokens, oldest first.
    #[attribute(computed)]
    tokens: Field<Vec<ListedToken>>,
}

/// A matching token.
#[derive(Model, Clone, Debug, Default)]
struct ListedToken {
    /// The platform's number for the token.
    #[attribute(computed)]
    id: Field<String>,
    #[attribute(flatten)]
    description: Description,
}

impl ListedToken {
    fn new(found: &Found, now: Timestamp) -> Self {
        Self {
            id: found.token.id.to_string().into(),
            description: Description::new(found, now),
        }
    }
}

pub(in crate::neuroio) struct StreamTokensDataSource {
    session: Session,
}

impl StreamTokensDataSource {
    pub(in crate::neuroio) fn new(session: Session) -> Self {
        Self { session }
    }
}

impl DataSource for StreamTokensDataSource {
    type Model = StreamTokens;
    type Client = Connection;

    const TYPE: &'static str = "neuroio_stream_tokens";

    async fn read(&self, context: &Context, config: StreamTokens) -> Result<StreamTokens, Diagnostics> {
        let (connection, clock) = (context.client()?, self.session.clock());
        let operation = connection.operation(context);
        let found = config.filter.find(&connection.api, &operation, clock).await?;
        self.session.report_skew(&mut context.diagnostics());
        let now = clock.now();
        let tokens: Vec<_> = found.iter().map(|found| ListedToken::new(found, now)).collect();
        Ok(StreamTokens {
            tokens: tokens.into(),
            ..config
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::framework::testing::Workspace;
    use crate::neuroio::tests::{provider, sandbox};
    use crate::sandbox::neuroio::{Options, Realm};

    #[tokio::test(start_paused = true)]
    async fn read_returns_the_tokens_that_match_the_filter() {
        let sandbox = sandbox(Options::default());
        sandbox.add_token(&Realm::Account, false);
        tokio::time::advance(Duration::from_secs(24 * 60 * 60)).await;
        for permanent in [true, false, true] {
            sandbox.add_token(&Realm::Account, permanent);
        }
        sandbox.set_active_outside(2, false);
        sandbox.add_token(&Realm::Managers, true);
        let (yes, no, any) = (Field::Known(true), Field::Known(false), Field::Null);
        for (permanent, is_active, expired, found) in [
            (any, any, any, "1 2 3 4"),
            (yes, any, any, "2 4"),
            (no, any, any, "1 3"),
            (any, no, any, "2"),
            (yes, yes, any, "4"),
            (any, any, yes, "1"),
            (no, any, no, "3"),
            (yes, any, yes, ""),
        ] {
            let config = StreamTokens {
                filter: Filter {
                    permanent,
                    is_active,
                    expired,
                },
                ..StreamTokens::default()
            };
            let workspace = Workspace::new();
            let read = workspace.read_data_source(provider(&sandbox), StreamTokensDataSource::TYPE, config);
            let tokens = read.await.model::<StreamTokens>().tokens.into_known().unwrap();
            let ids: Vec<_> = tokens.iter().filter_map(|token| token.id.known()).cloned().collect();
            assert_eq!(ids.join(" "), found);
            let expires = |token: &ListedToken| !token.description.expires_at.is_null();
            assert!(
                tokens
                    .iter()
                    .all(|token| (token.description.permanent == Field::Known(true)) != expires(token))
            );
        }
    }
}
