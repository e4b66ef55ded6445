//! `data.neuroio_stream_tokens`: the stream tokens there are, without their values.

use async_trait::async_trait;
use jiff::Timestamp;

use super::connection::Session;
use super::filter::{self, Filter, Found};
use crate::framework::{Attribute, Context, DataSource, Diagnostics, Schema, Type, model};
use crate::token::Expiry;

model! {
    /// The attributes of `data.neuroio_stream_tokens`.
    pub(super) struct Model {
        permanent: bool,
        is_active: bool,
        expired: bool,
        tokens: Vec<ListedToken>,
    }
}

model! {
    /// A token that was found.
    pub(super) struct ListedToken {
        id: String,
        permanent: bool,
        is_active: bool,
        created_at: String,
        expires_at: String,
        expired: bool,
    }
}

pub(super) struct StreamTokens {
    session: Session,
}

impl StreamTokens {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }
}

#[async_trait]
impl DataSource for StreamTokens {
    type Model = Model;

    const TYPE: &'static str = "neuroio_stream_tokens";

    fn schema(&self) -> Schema {
        let token = [
            ("id", Type::String),
            ("permanent", Type::Bool),
            ("is_active", Type::Bool),
            ("created_at", Type::String),
            ("expires_at", Type::String),
            ("expired", Type::Bool),
        ];
        let token = Type::Object(token.map(|(name, ty)| (name.to_owned(), ty)).into());
        let mut attributes = Vec::from(filter::attributes());
        attributes.push(Attribute::computed(
            "tokens",
            Type::List(Box::new(token)),
            "What was found, the oldest first. Each has an `id`; `permanent`; `is_active`; `created_at`, in UTC; \
             `expires_at`, in UTC, null for a permanent token; and `expired`, whether it has ended.",
        ));
        Schema::new(
            "Lists the stream tokens of the account, space or managers that the provider's `api_token` belongs to. Their \
             values are left out: all of them would lie in the state. To have the value of one, import it.\n\n\
             Not documented by the platform: whether a temporary token that has ended is still listed.",
            attributes,
        )
    }

    fn validate(&self, _: &Model, _: &mut Diagnostics) {}

    async fn read(&self, context: &Context, config: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let clock = self.session.clock();
        let filter = Filter {
            permanent: config.permanent,
            is_active: config.is_active,
            expired: config.expired,
        };
        let found = filter
            .find(&connection.api, &connection.operation(context), clock)
            .await;
        let found = diagnostics.ok(found)?;
        let now = clock.now();
        self.session.report_skew(diagnostics);
        let tokens = found.iter().map(|found| listed(found, now)).collect::<Vec<_>>();
        Some(Model {
            tokens: tokens.into(),
            ..config
        })
    }
}

fn listed(found: &Found, now: Timestamp) -> ListedToken {
    let token = &found.token;
    ListedToken {
        id: token.id.to_string().into(),
        permanent: found.permanent.into(),
        is_active: token.is_active.into(),
        created_at: token.created.map(|at| Expiry::at(at).to_string()).into(),
        expires_at: found.expiry().map(|expiry| expiry.to_string()).into(),
        expired: found.has_ended(now).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::framework::Field;
    use crate::neuroio::testing::{sandbox, session};
    use crate::sandbox::neuroio::{Options, Realm};

    #[tokio::test(start_paused = true)]
    async fn each_filter_lets_through_what_it_asks_for() {
        let sandbox = sandbox(Options::default());
        sandbox.add_token(&Realm::Account, false);
        tokio::time::advance(Duration::from_secs(24 * 60 * 60)).await;
        for permanent in [true, false, true] {
            sandbox.add_token(&Realm::Account, permanent);
        }
        sandbox.set_active_outside(2, false);
        sandbox.add_token(&Realm::Managers, true);
        let source = StreamTokens::new(session(&sandbox));
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
            let config = Model {
                permanent,
                is_active,
                expired,
                tokens: Field::Unknown,
            };
            let mut diagnostics = Diagnostics::default();
            let read = source
                .read(&Context::default(), config, &mut diagnostics)
                .await
                .unwrap();
            let tokens = read.tokens.into_known().unwrap();
            let ids: Vec<_> = tokens.iter().filter_map(|token| token.id.known()).cloned().collect();
            assert_eq!(ids.join(" "), found);
            let ends = |token: &ListedToken| !token.expires_at.is_null();
            assert!(
                tokens
                    .iter()
                    .all(|token| (token.permanent == Field::Known(true)) != ends(token))
            );
        }
    }
}
