//! Managed resources that `terraform query` can list (Terraform 1.14).

use std::future::Future;

use async_trait::async_trait;

use super::context::Context;
use super::diagnostic::Diagnostics;
use super::model::{Model, read_model};
use super::resource::{DynResource, Resource, ok_or_report};
use super::schema::Schema;
use super::value::Value;

/// A managed resource that can be listed. It must have an identity, by which Terraform imports the
/// results.
pub trait ListResource: Resource {
    /// The `config` of a `list` block.
    type Filter: Model;

    /// Returns the schema of [`ListResource::Filter`]. Default: the schema of the model.
    fn filter_schema(&self) -> Schema {
        Self::Filter::schema()
    }

    /// Checks a filter after its validators and rules. Values may be unknown. Must not send
    /// requests.
    fn validate_filter(&self, _filter: &Self::Filter, _diagnostics: &mut Diagnostics) {}

    /// Lists the objects, in the order in which Terraform shows them. Terraform may request only
    /// the first few.
    ///
    /// # Errors
    /// The reason why they cannot be listed.
    fn list(
        &self,
        context: &Context<Self::Client>,
        filter: Self::Filter,
    ) -> impl Future<Output = Result<Vec<ListItem<Self::Model>>, Diagnostics>> + Send;
}

/// An object that was found.
#[derive(Clone, Debug)]
pub struct ListItem<M> {
    /// The name for display.
    pub display_name: String,
    /// The state that an import of the object would have.
    pub object: M,
}

/// A [`ListResource`] of any model, as the server calls it. Errors are reported to the context.
#[async_trait]
#[allow(missing_docs)] // each is the method of `ListResource` of that name
pub trait DynListResource<C>: DynResource<C> {
    fn filter_schema(&self) -> Schema;
    fn validate_filter(&self, filter: &Value) -> Diagnostics;
    async fn list(&self, context: &Context<C>, filter: &Value) -> Vec<ListItem<Value>>;
}

#[async_trait]
impl<C: Send + Sync + 'static, L: ListResource<Client = C>> DynListResource<C> for L {
    fn filter_schema(&self) -> Schema {
        ListResource::filter_schema(self)
    }

    fn validate_filter(&self, filter: &Value) -> Diagnostics {
        let mut diagnostics = ListResource::filter_schema(self).validate(filter);
        if let Some(filter) = diagnostics.ok(read_model(L::TYPE, filter)) {
            ListResource::validate_filter(self, &filter, &mut diagnostics);
        }
        diagnostics
    }

    async fn list(&self, context: &Context<C>, filter: &Value) -> Vec<ListItem<Value>> {
        let Some(filter) = ok_or_report(context, read_model(L::TYPE, filter)) else {
            return Vec::new();
        };
        let found = ok_or_report(context, ListResource::list(self, context, filter).await);
        let found = found.unwrap_or_default().into_iter().map(|item| ListItem {
            display_name: item.display_name,
            object: item.object.into_value(),
        });
        found.collect()
    }
}
