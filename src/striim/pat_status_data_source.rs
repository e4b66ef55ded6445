//! `data.striim_pat_status`: whether the account's users may use personal access tokens.

use async_trait::async_trait;

use super::pat_status::current;
use super::session::Session;
use crate::framework::{Attribute, Context, DataSource, Diagnostics, Schema, Type, model};

model! {
    /// The attributes of `data.striim_pat_status`.
    pub(super) struct Model {
        id: String,
        enabled: bool,
    }
}

pub(super) struct PatStatusDataSource {
    session: Session,
}

impl PatStatusDataSource {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }
}

#[async_trait]
impl DataSource for PatStatusDataSource {
    type Model = Model;

    const TYPE: &'static str = "striim_pat_status";

    fn schema(&self) -> Schema {
        Schema::new(
            "Looks up whether personal access tokens may be used in the Striim Cloud account, and changes nothing. \
             The resource of the same name decides it.",
            [
                Attribute::computed(
                    "id",
                    Type::String,
                    "The account's short name; where the provider has only a `base_url`, the host in it.",
                ),
                Attribute::computed("enabled", Type::Bool, "Whether personal access tokens may be used."),
            ],
        )
    }

    fn validate(&self, _: &Model, _: &mut Diagnostics) {}

    async fn read(&self, context: &Context, _: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let enabled = current(&connection, &connection.operation(context), diagnostics).await?;
        Some(Model {
            id: connection.account.clone().into(),
            enabled: enabled.into(),
        })
    }
}
