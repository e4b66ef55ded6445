//! Data sources.

use async_trait::async_trait;

use super::context::Context;
use super::diagnostic::Diagnostics;
use super::model::{Model, read_model};
use super::schema::Schema;
use super::value::Value;

/// A data source.
#[async_trait]
pub trait DataSource: Send + Sync + 'static {
    /// Its configuration and its result.
    type Model: Model;

    /// Its type, such as `striim_token`.
    const TYPE: &'static str;

    /// Its schema.
    fn schema(&self) -> Schema;

    /// Judges a configuration by itself. Values may be unknown. Asks nobody.
    fn validate(&self, config: &Self::Model, diagnostics: &mut Diagnostics);

    /// Looks it up. `None`, with an error, if there is no such thing.
    async fn read(&self, context: &Context, config: Self::Model, diagnostics: &mut Diagnostics) -> Option<Self::Model>;
}

/// Any [`DataSource`], whatever its model: what the server calls.
#[async_trait]
#[allow(missing_docs)] // each is the method of `DataSource` of that name
pub trait AnyDataSource: Send + Sync {
    fn type_name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics);
    async fn read(&self, context: &Context, config: &Value, diagnostics: &mut Diagnostics) -> Option<Value>;
}

#[async_trait]
impl<D: DataSource> AnyDataSource for D {
    fn type_name(&self) -> &'static str {
        D::TYPE
    }

    fn schema(&self) -> Schema {
        DataSource::schema(self)
    }

    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics) {
        if let Some(config) = read_model(D::TYPE, config, diagnostics) {
            DataSource::validate(self, &config, diagnostics);
        }
    }

    async fn read(&self, context: &Context, config: &Value, diagnostics: &mut Diagnostics) -> Option<Value> {
        let config = read_model(D::TYPE, config, diagnostics)?;
        DataSource::read(self, context, config, diagnostics)
            .await
            .map(Model::into_value)
    }
}
