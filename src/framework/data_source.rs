//! Data sources.

use std::future::Future;

use async_trait::async_trait;

use super::context::Context;
use super::diagnostic::Diagnostics;
use super::model::{Model, read_model};
use super::resource::{keep_unchanged_exact, ok_or_report};
use super::schema::Schema;
use super::value::Value;

/// A data source.
pub trait DataSource: Send + Sync + 'static {
    /// The configuration and the result.
    type Model: Model;

    /// The client that [`Provider::configure`](super::Provider::configure) returns.
    type Client: Send + Sync + 'static;

    /// The type name, such as `notes_search`.
    const TYPE: &'static str;

    /// Returns the schema. Default: the schema of the model.
    fn schema(&self) -> Schema {
        Self::Model::schema()
    }

    /// Checks a configuration after its validators and rules. Values may be unknown. Must not send
    /// requests.
    fn validate(&self, _config: &Self::Model, _diagnostics: &mut Diagnostics) {}

    /// Reads the data source, and returns the configuration with the computed values.
    ///
    /// # Errors
    /// The reason why it cannot be read, such as that the object does not exist.
    fn read(
        &self,
        context: &Context<Self::Client>,
        config: Self::Model,
    ) -> impl Future<Output = Result<Self::Model, Diagnostics>> + Send;
}

/// A [`DataSource`] of any model, as the server calls it. Errors are reported to the context.
#[async_trait]
#[allow(missing_docs)] // each is the method of `DataSource` of that name
pub trait DynDataSource<C>: Send + Sync {
    fn type_name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    fn validate(&self, config: &Value) -> Diagnostics;
    async fn read(&self, context: &Context<C>, config: &Value) -> Option<Value>;
}

#[async_trait]
impl<C: Send + Sync + 'static, D: DataSource<Client = C>> DynDataSource<C> for D {
    fn type_name(&self) -> &'static str {
        D::TYPE
    }

    fn schema(&self) -> Schema {
        DataSource::schema(self)
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let mut diagnostics = DataSource::schema(self).validate(config);
        if let Some(config) = diagnostics.ok(read_model(D::TYPE, config)) {
            DataSource::validate(self, &config, &mut diagnostics);
        }
        diagnostics
    }

    async fn read(&self, context: &Context<C>, config: &Value) -> Option<Value> {
        let model = ok_or_report(context, read_model(D::TYPE, config))?;
        let found = DataSource::read(self, context, model).await;
        ok_or_report(context, found).map(|found| keep_unchanged_exact(found, config))
    }
}
