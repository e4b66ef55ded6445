//! As much of HashiCorp's provider for Vault as the guides use: `vault_kv_secret_v2` with a write-only content.

use async_trait::async_trait;
use serde_json::{Map, Value};
use token_providers::framework::{Attribute, Change, Context, Diagnostics, NoIdentity, Resource, Schema, Type, model};
use token_providers::plugin::ProviderInfo;
use token_providers::sandbox::Vault;

use crate::another_vendor::attach;
use crate::world::World;

model! {
    pub(crate) struct Secret {
        mount: String,
        name: String,
        data_json_wo: String,
        data_json_wo_version: i64,
    }
}

/// The provider `vault`. It writes into a sandbox.
#[derive(Clone)]
pub(crate) struct VaultProvider(Vault);

impl VaultProvider {
    /// Has Terraform attach to it while `test` runs.
    pub(crate) async fn attached(world: &mut World, vault: &Vault, test: impl AsyncFn(&mut World)) {
        const INFO: ProviderInfo = ProviderInfo::new("registry.terraform.io/hashicorp/vault", "0.0.0");
        attach(world, &INFO, Self(vault.clone()), test).await;
    }

    fn write(&self, secret: &Secret) {
        let text = |field: &token_providers::framework::Field<String>| field.known().unwrap().clone();
        let data: Map<String, Value> = serde_json::from_str(&text(&secret.data_json_wo)).unwrap();
        self.0.put(&text(&secret.mount), &text(&secret.name), data);
    }
}

#[async_trait]
impl Resource for VaultProvider {
    type Model = Secret;
    type Identity = NoIdentity;

    const TYPE: &'static str = "vault_kv_secret_v2";

    fn schema(&self) -> Schema {
        Schema::new(
            "",
            [
                Attribute::required("mount", Type::String, ""),
                Attribute::required("name", Type::String, ""),
                Attribute::optional("data_json_wo", Type::String, "").write_only(),
                Attribute::optional("data_json_wo_version", Type::Number, ""),
            ],
        )
    }

    fn validate(&self, _: &Secret, _: &mut Diagnostics) {}

    async fn plan(&self, _: &Context, _: &mut Change<Secret>, _: &mut Diagnostics) {}

    async fn create(&self, _: &Context, planned: Secret, _: &mut Diagnostics) -> Option<Secret> {
        self.write(&planned);
        Some(planned)
    }

    async fn read(&self, _: &Context, state: Secret, _: &mut Diagnostics) -> Option<Secret> {
        Some(state)
    }

    async fn update(&self, _: &Context, _: Secret, planned: Secret, _: &mut Diagnostics) -> Secret {
        self.write(&planned);
        planned
    }

    async fn delete(&self, _: &Context, _: Secret, _: &mut Diagnostics) -> Option<Secret> {
        None
    }

    async fn import(&self, _: &Context, _: &str, _: &mut Diagnostics) -> Option<Secret> {
        None
    }
}
