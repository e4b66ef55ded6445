//! Managed resources that can be listed, for `terraform query`. From Terraform 1.14 on.

use async_trait::async_trait;

use super::context::Context;
use super::diagnostic::Diagnostics;
use super::model::{Model, read_model};
use super::resource::{AnyResource, Resource};
use super::schema::Schema;
use super::value::Value;

/// A managed resource that can be listed. It must have an identity: what is found is imported by it.
#[async_trait]
pub trait ListResource: Resource {
    /// What a `list` block can be told in its `config`.
    type Filter: Model;

    /// The schema of [`ListResource::Filter`].
    fn filter_schema(&self) -> Schema;

    /// Judges a filter by itself. Values may be unknown. Asks nobody.
    fn validate_filter(&self, filter: &Self::Filter, diagnostics: &mut Diagnostics);

    /// Finds what there is, in the order in which it is to be shown. The user may want only the first of them.
    async fn list(
        &self,
        context: &Context,
        filter: Self::Filter,
        diagnostics: &mut Diagnostics,
    ) -> Vec<Listed<Self::Model>>;
}

/// One thing that was found.
pub struct Listed<M> {
    /// What a person knows it by.
    pub display_name: String,
    /// The state that its import would lead to.
    pub object: M,
}

/// Any [`ListResource`], whatever its model: what the server calls.
#[async_trait]
#[allow(missing_docs)] // each is the method of `ListResource` of that name
pub trait AnyListResource: AnyResource {
    fn filter_schema(&self) -> Schema;
    fn validate_filter(&self, filter: &Value, diagnostics: &mut Diagnostics);
    async fn list(&self, context: &Context, filter: &Value, diagnostics: &mut Diagnostics) -> Vec<Listed<Value>>;
}

#[async_trait]
impl<L: ListResource> AnyListResource for L {
    fn filter_schema(&self) -> Schema {
        ListResource::filter_schema(self)
    }

    fn validate_filter(&self, filter: &Value, diagnostics: &mut Diagnostics) {
        if let Some(filter) = read_model(L::TYPE, filter, diagnostics) {
            ListResource::validate_filter(self, &filter, diagnostics);
        }
    }

    async fn list(&self, context: &Context, filter: &Value, diagnostics: &mut Diagnostics) -> Vec<Listed<Value>> {
        let Some(filter) = read_model(L::TYPE, filter, diagnostics) else {
            return Vec::new();
        };
        let found = ListResource::list(self, context, filter, diagnostics).await;
        let found = found.into_iter().map(|listed| Listed {
            display_name: listed.display_name,
            object: listed.object.into_value(),
        });
        found.collect()
    }
}
