//! Managed resources that can be listed, for `terraform query`. From Terraform 1.14 on.

use std::future::Future;

use async_trait::async_trait;

use super::context::Context;
use super::diagnostic::Diagnostics;
use super::model::{Model, read_model};
use super::resource::{DynResource, Resource, reported};
use super::schema::Schema;
use super::value::Value;

/// A managed resource that can be listed. It must have an identity: what is found is imported by it.
pub trait ListResource: Resource {
    /// The `config` of a `list` block.
    type Filter: Model;

    /// The schema of [`ListResource::Filter`]. Default: that of the model.
    fn filter_schema(&self) -> Schema {
        Self::Filter::schema()
    }

    /// Checks a filter by itself, after its validators and rules. Values may be unknown. No request is sent.
    fn validate_filter(&self, _filter: &Self::Filter, _diagnostics: &mut Diagnostics) {}

    /// Finds what there is, in the order in which it is to be shown. The user may want only the first of them.
    ///
    /// # Errors
    /// It cannot be listed.
    fn list(
        &self,
        context: &Context<Self::Client>,
        filter: Self::Filter,
    ) -> impl Future<Output = Result<Vec<ListItem<Self::Model>>, Diagnostics>> + Send;
}

/// One thing that was found.
#[derive(Clone, Debug)]
pub struct ListItem<M> {
    /// The name that people know it by.
    pub display_name: String,
    /// The state that its import would lead to.
    pub object: M,
}

/// Any [`ListResource`], whatever its model: what the server calls. Errors are reported to the context.
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
        let Some(filter) = reported(context, read_model(L::TYPE, filter)) else {
            return Vec::new();
        };
        let found = reported(context, ListResource::list(self, context, filter).await);
        let found = found.unwrap_or_default().into_iter().map(|item| ListItem {
            display_name: item.display_name,
            object: item.object.into_value(),
        });
        found.collect()
    }
}
