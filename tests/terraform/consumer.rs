//! A provider of another vendor, as far as Striim's users meet one: it takes secrets by write-only arguments.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use token_providers::framework::{Attribute, Change, Context, Diagnostics, NoIdentity, Resource, Schema, Type, model};
use token_providers::plugin::ProviderInfo;
use tokio::sync::Notify;

use crate::another_vendor::attach;
use crate::world::World;

/// Configurations begin with it.
pub(crate) const PROVIDERS: &str = r#"terraform {
  required_providers {
    striim = { source = "registry.terraform.io/token-providers/striim" }
    consumer = { source = "registry.terraform.io/token-providers/consumer" }
  }
}
"#;

model! {
    pub(crate) struct Secret {
        value_wo: String,
        value_wo_version: i64,
        waits: bool,
    }
}

/// The provider `consumer`, whose one resource is `consumer_secret`.
#[derive(Clone, Default)]
pub(crate) struct Consumer {
    received: Arc<Mutex<Vec<String>>>,
    waiting: Arc<Notify>,
}

impl Consumer {
    /// Has Terraform attach to it, beside whatever it is attached to, while `test` runs.
    pub(crate) async fn attached(world: &mut World, test: impl AsyncFn(&mut World, &Self)) {
        const INFO: ProviderInfo = ProviderInfo::new("registry.terraform.io/token-providers/consumer", "0.0.0");
        let consumer = Self::default();
        attach(world, &INFO, consumer.clone(), async |world| {
            test(world, &consumer).await
        })
        .await;
    }

    /// The values that it was given, in order.
    pub(crate) fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    /// Returns when it was given a secret of those with which it is done only when Terraform is interrupted.
    pub(crate) async fn waits(&self) {
        self.waiting.notified().await;
    }

    async fn take(&self, context: &Context, secret: &Secret) {
        let value = secret.value_wo.known().unwrap();
        self.received.lock().unwrap().push(value.clone());
        if secret.waits.known() == Some(&true) {
            self.waiting.notify_one();
            context.cancellation.cancelled().await;
        }
    }
}

#[async_trait]
impl Resource for Consumer {
    type Model = Secret;
    type Identity = NoIdentity;

    const TYPE: &'static str = "consumer_secret";

    fn schema(&self) -> Schema {
        Schema::new(
            "",
            [
                Attribute::required("value_wo", Type::String, "")
                    .sensitive()
                    .write_only(),
                Attribute::required("value_wo_version", Type::Number, ""),
                Attribute::optional("waits", Type::Bool, ""),
            ],
        )
    }

    fn validate(&self, _: &Secret, _: &mut Diagnostics) {}

    async fn plan(&self, _: &Context, _: &mut Change<Secret>, _: &mut Diagnostics) {}

    async fn create(&self, context: &Context, planned: Secret, _: &mut Diagnostics) -> Option<Secret> {
        self.take(context, &planned).await;
        Some(planned)
    }

    async fn read(&self, _: &Context, state: Secret, _: &mut Diagnostics) -> Option<Secret> {
        Some(state)
    }

    async fn update(&self, context: &Context, _: Secret, planned: Secret, _: &mut Diagnostics) -> Secret {
        self.take(context, &planned).await;
        planned
    }

    async fn delete(&self, _: &Context, _: Secret, _: &mut Diagnostics) -> Option<Secret> {
        None
    }

    async fn import(&self, _: &Context, _: &str, _: &mut Diagnostics) -> Option<Secret> {
        None
    }
}
