//! `data.neuroio_stream_token`: describes a stream token by its id, without its value.

use crate::framework::{DataSource, Diagnostics, Field, Model};
use crate::neuroio::connection::{Connection, Context};
use crate::neuroio::found::{Description, Found};
use crate::neuroio::read_token::{is_token_id, read_token};
use crate::platform::Session;

/// Describes a stream token of the account, of the space or of the managers that the provider's
/// `api_token` belongs to.
///
/// The value is omitted, because it would be stored in the state. To use the value without storing
/// it, read it with the [ephemeral resource](../ephemeral-resources/stream_token.md).
#[derive(Model, Clone, Debug, Default)]
pub(in crate::neuroio) struct DescribedToken {
    /// The platform's number for the token.
    #[attribute(required, check = is_token_id)]
    id: Field<String>,
    #[attribute(flatten)]
    description: Description,
}

pub(in crate::neuroio) struct StreamTokenDataSource {
    session: Session,
}

impl StreamTokenDataSource {
    pub(in crate::neuroio) fn new(session: Session) -> Self {
        Self { session }
    }
}

impl DataSource for StreamTokenDataSource {
    type Model = DescribedToken;
    type Client = Connection;

    const TYPE: &'static str = "neuroio_stream_token";

    async fn read(&self, context: &Context, config: DescribedToken) -> Result<DescribedToken, Diagnostics> {
        let connection = context.client()?;
        let operation = connection.operation(context);
        let (issued, permanent) = read_token(&connection, &operation, &config.id).await?;
        self.session.report_skew(&mut context.diagnostics());
        let token = issued.token;
        let description = Description::new(&Found { token, permanent }, self.session.clock().now());
        Ok(DescribedToken { description, ..config })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;
    use crate::framework::testing::Workspace;
    use crate::neuroio::tests::{option_variants, provider, sandbox};
    use crate::sandbox::Fault;
    use crate::sandbox::neuroio::{Expired, Options, Realm};

    #[tokio::test(start_paused = true)]
    async fn read_describes_a_token_without_its_value() {
        for options in option_variants() {
            let is_hidden = options.expired == Expired::Deleted;
            let sandbox = sandbox(options);
            for permanent in [true, false, true] {
                sandbox.add_token(&Realm::Account, permanent);
            }
            sandbox.set_active_outside(3, false);
            tokio::time::advance(Duration::from_secs(24 * 60 * 60)).await;
            for (id, permanent, expired) in [(1, true, false), (2, false, true), (3, true, false)] {
                let workspace = Workspace::new();
                let read = workspace.read_data_source(
                    provider(&sandbox),
                    StreamTokenDataSource::TYPE,
                    json!({ "id": id.to_string() }),
                );
                let read = read.await;
                if is_hidden && expired {
                    assert!(read.has_errors());
                    continue;
                }
                let text = format!("{read:?}");
                for value in sandbox.issued_values() {
                    assert!(!text.contains(value.expose_secret()));
                }
                let description = read.model::<DescribedToken>().description;
                assert_eq!(description.permanent, permanent.into());
                assert_eq!(description.expired, expired.into());
                assert_eq!(description.expires_at.is_null(), permanent);
                assert!(id != 3 || description.is_active == false.into());
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn read_of_an_unknown_id_fails_on_the_id() {
        let sandbox = sandbox(Options::default());
        let value = sandbox.add_token(&Realm::Account, true).key;
        sandbox.fault(Fault::answer(500).on("GET", "/streams/tokens/1/").times(1_000));
        for (id, phrase) in [
            ("2", "404"),
            ("1", "500"),
            (value.expose_secret(), "must be the id of a stream token"),
            ("", "must be the id of a stream token"),
        ] {
            let workspace = Workspace::new();
            let read = workspace.read_data_source(provider(&sandbox), StreamTokenDataSource::TYPE, json!({ "id": id }));
            let diagnostics = read.await.diagnostics;
            let text = format!("{diagnostics:?}");
            assert!(text.contains(phrase) && !text.contains(value.expose_secret()), "{text}");
        }
    }
}
