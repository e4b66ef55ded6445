//! Data sources.

use std::future::Future;

use async_trait::async_trait;

use super::context::Context;
use super::diagnostic::Diagnostics;
use super::model::{Model, read_model};
use super::resource::{exact, reported};
use super::schema::Schema;
use super::value::Value;

/// A data source.
pub trait DataSource: Send + Sync + 'static {
    /// Its configuration and its result.
    type Model: Model;

    /// What [`Provider::configure`](super::Provider::configure) returned.
    type Client: Send + Sync + 'static;

    /// Its type, such as `notes_search`.
    const TYPE: &'static str;

    /// Its schema. Default: that of the model.
    fn schema(&self) -> Schema {
        Self::Model::schema()
    }

    /// Checks a configuration by itself, after its validators and rules. Values may be unknown. No request is sent.
    fn validate(&self, _config: &Self::Model, _diagnostics: &mut Diagnostics) {}

    /// Looks it up, and returns the configuration with what was found.
    ///
    /// # Errors
    /// There is no such thing, or it cannot be looked up.
    fn read(
        &self,
        context: &Context<Self::Client>,
        config: Self::Model,
    ) -> impl Future<Output = Result<Self::Model, Diagnostics>> + Send;
}

/// Any [`DataSource`], whatever its model: what the server calls. Errors are reported to the context.
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
        let model = reported(context, read_model(D::TYPE, config))?;
        let found = DataSource::read(self, context, model).await;
        reported(context, found).map(|found| exact(found, config))
    }
}
