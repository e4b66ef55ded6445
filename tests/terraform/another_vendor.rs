//! Providers of other vendors in this process, with one resource each.

use std::future::pending;

use serde_json::{Map, Value};
use token_providers::framework::{Configured, Context, Diagnostics, DynResource, Model, Provider, Resource};
use token_providers::plugin::{Attachable, ProviderInfo};

use super::world::{PlatformUnderTest, World};

#[derive(Model)]
pub(crate) struct Nothing {}

/// A provider of one resource, without a configuration.
struct OfOne<R>(R);

/// Attaches Terraform to a provider of this resource, in addition to other providers, while `test` runs.
pub(crate) async fn attach<P: PlatformUnderTest>(
    world: &mut World<P>,
    info: &ProviderInfo,
    resource: impl Resource<Client = ()> + Clone,
    test: impl AsyncFn(&mut World<P>),
) {
    let attachable = Attachable::open(info).unwrap();
    let present = world.workspace.environment().get("TF_REATTACH_PROVIDERS").cloned();
    let of_all = present
        .clone()
        .map_or("{}".to_owned(), |present| present.into_string().unwrap());
    let mut all: Map<String, Value> = serde_json::from_str(&of_all).unwrap();
    all.extend(serde_json::from_str::<Map<String, Value>>(&attachable.variable()).unwrap());
    world.set_env("TF_REATTACH_PROVIDERS", &Value::from(all).to_string());
    tokio::select! {
        () = attachable.serve(OfOne(resource), pending()) => {}
        () = test(world) => {}
    }
    match present {
        Some(present) => world.set_env("TF_REATTACH_PROVIDERS", present.to_str().unwrap()),
        None => world.unset_env("TF_REATTACH_PROVIDERS"),
    }
}

impl<R: Resource<Client = ()> + Clone> Provider for OfOne<R> {
    type Config = Nothing;
    type Client = ();

    async fn configure(&self, _: &Context<()>, _: Nothing, _: &str) -> Result<Configured<()>, Diagnostics> {
        Ok(Configured::Ready(()))
    }

    fn resources(&self) -> Vec<Box<dyn DynResource<()>>> {
        vec![Box::new(self.0.clone())]
    }
}
