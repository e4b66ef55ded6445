//! A substitute for HashiCorp's provider for Vault: `vault_kv_secret_v2` with a write-only content.

use serde_json::{Map, Value};
use token_providers::framework::{Context, Field, Model, Outcome, Resource};
use token_providers::plugin::ProviderInfo;
use token_providers::sandbox::Vault;

use super::another_vendor::attach;
use super::world::{PlatformUnderTest, World};

#[derive(Model)]
pub(crate) struct Secret {
    #[attribute(required)]
    mount: Field<String>,
    #[attribute(required)]
    name: Field<String>,
    #[attribute(optional, write_only)]
    data_json_wo: Field<String>,
    #[attribute(optional)]
    data_json_wo_version: Field<i64>,
}

/// The provider `vault`, which writes to a sandbox.
#[derive(Clone)]
pub(crate) struct VaultProvider(Vault);

impl VaultProvider {
    /// Attaches Terraform to it while `test` runs.
    pub(crate) async fn attached<P: PlatformUnderTest>(
        world: &mut World<P>,
        vault: &Vault,
        test: impl AsyncFn(&mut World<P>),
    ) {
        const INFO: ProviderInfo = ProviderInfo::new("registry.terraform.io/hashicorp/vault", "0.0.0");
        attach(world, &INFO, Self(vault.clone()), test).await;
    }

    fn write(&self, secret: &Secret) {
        let text = |field: &Field<String>| field.known().unwrap().clone();
        let data: Map<String, Value> = serde_json::from_str(&text(&secret.data_json_wo)).unwrap();
        self.0.put(&text(&secret.mount), &text(&secret.name), data);
    }
}

impl Resource for VaultProvider {
    type Model = Secret;
    type Client = ();

    const TYPE: &'static str = "vault_kv_secret_v2";

    async fn create(&self, _: &Context<()>, planned: Secret) -> Outcome<Secret> {
        self.write(&planned);
        Ok(planned)
    }

    async fn read(&self, _: &Context<()>, state: Secret) -> Outcome<Secret, Option<Secret>> {
        Ok(Some(state))
    }

    async fn update(&self, _: &Context<()>, _: Secret, planned: Secret) -> Outcome<Secret> {
        self.write(&planned);
        Ok(planned)
    }

    async fn delete(&self, _: &Context<()>, _: Secret) -> Outcome<Secret, ()> {
        Ok(())
    }
}
