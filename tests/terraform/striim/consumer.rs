//! A provider of another vendor whose resource has a write-only argument for a secret.

use std::sync::{Arc, Mutex};

use token_providers::framework::{Context, Field, Model, Outcome, Resource};
use token_providers::plugin::ProviderInfo;
use tokio::sync::Notify;

use super::world::World;
use crate::terraform::another_vendor::attach;

/// The beginning of configurations.
pub(crate) const PROVIDERS: &str = r#"terraform {
  required_providers {
    striim = { source = "registry.terraform.io/token-providers/striim" }
    consumer = { source = "registry.terraform.io/token-providers/consumer" }
  }
}
"#;

#[derive(Model)]
pub(crate) struct Secret {
    #[attribute(required, sensitive, write_only)]
    value_wo: Field<String>,
    #[attribute(required)]
    value_wo_version: Field<i64>,
    #[attribute(optional)]
    waits: Field<bool>,
}

/// The provider `consumer`, whose one resource is `consumer_secret`.
#[derive(Clone, Default)]
pub(crate) struct Consumer {
    received: Arc<Mutex<Vec<String>>>,
    waiting: Arc<Notify>,
}

impl Consumer {
    /// Attaches Terraform to the provider `consumer`, in addition to other providers, while `test`
    /// runs.
    pub(crate) async fn attached(world: &mut World, test: impl AsyncFn(&mut World, &Self)) {
        const INFO: ProviderInfo = ProviderInfo::new("registry.terraform.io/token-providers/consumer", "0.0.0");
        let consumer = Self::default();
        attach(world, &INFO, consumer.clone(), async |world| {
            test(world, &consumer).await
        })
        .await;
    }

    /// The values that it received, in order.
    pub(crate) fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    /// Returns when it receives a secret that it processes until Terraform is interrupted.
    pub(crate) async fn waits(&self) {
        self.waiting.notified().await;
    }

    async fn take(&self, context: &Context<()>, secret: &Secret) {
        let value = secret.value_wo.known().unwrap();
        self.received.lock().unwrap().push(value.clone());
        if secret.waits.known() == Some(&true) {
            self.waiting.notify_one();
            context.cancellation.cancelled().await;
        }
    }
}

impl Resource for Consumer {
    type Model = Secret;
    type Client = ();

    const TYPE: &'static str = "consumer_secret";

    async fn create(&self, context: &Context<()>, planned: Secret) -> Outcome<Secret> {
        self.take(context, &planned).await;
        Ok(planned)
    }

    async fn read(&self, _: &Context<()>, state: Secret) -> Outcome<Secret, Option<Secret>> {
        Ok(Some(state))
    }

    async fn update(&self, context: &Context<()>, _: Secret, planned: Secret) -> Outcome<Secret> {
        self.take(context, &planned).await;
        Ok(planned)
    }

    async fn delete(&self, _: &Context<()>, _: Secret) -> Outcome<Secret, ()> {
        Ok(())
    }
}
