//! Substitutes for other vendors' providers whose resources have a write-only argument for a secret.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use token_providers::framework::{
    AttributePath, AttributeType, AttributeValue, Context, Field, InvalidValue, Model, Outcome, Resource, Type, Value,
};
use token_providers::plugin::ProviderInfo;

use super::world::World;
use crate::terraform::another_vendor::attach;

/// The values that a store has received, in order.
#[derive(Clone, Default)]
pub(crate) struct Received(Arc<Mutex<Vec<String>>>);

impl Received {
    pub(crate) fn values(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn push(&self, value: Option<&String>) {
        self.0.lock().unwrap().push(value.unwrap().clone());
    }
}

/// AWS Secrets Manager.
#[derive(Clone, Default)]
struct SecretsManager(Received);

#[derive(Model)]
struct SecretVersion {
    #[attribute(required)]
    secret_id: Field<String>,
    #[attribute(optional, write_only)]
    secret_string_wo: Field<String>,
    #[attribute(optional)]
    secret_string_wo_version: Field<i64>,
}

/// Kubernetes.
#[derive(Clone, Default)]
struct Cluster(Received);

#[derive(Model)]
struct KubernetesSecret {
    #[attribute(required)]
    metadata: Field<Vec<Metadata>>,
    #[attribute(optional, write_only)]
    data_wo: Field<BTreeMap<String, String>>,
    #[attribute(optional)]
    data_wo_revision: Field<i64>,
}

/// An object that is no nested attribute: Terraform then accepts a list of them as blocks, as Kubernetes' provider has them.
struct Metadata(Value);

impl AttributeValue for Metadata {
    fn attribute_type() -> AttributeType {
        Type::object([("name", Type::String), ("namespace", Type::String)]).into()
    }

    fn read(value: &Value, _: &AttributePath) -> Result<Self, InvalidValue> {
        Ok(Self(value.clone()))
    }

    fn into_value(self) -> Value {
        self.0
    }
}

/// Attaches Terraform to the substitute of this provider, `aws` or `kubernetes`, while `test` runs.
pub(crate) async fn attached(world: &mut World, provider: &str, test: impl AsyncFn(&mut World, &Received)) {
    const AWS: ProviderInfo = ProviderInfo::new("registry.terraform.io/hashicorp/aws", "0.0.0");
    const KUBERNETES: ProviderInfo = ProviderInfo::new("registry.terraform.io/hashicorp/kubernetes", "0.0.0");
    let received = Received::default();
    let test = async |world: &mut World| test(world, &received).await;
    match provider {
        "aws" => attach(world, &AWS, SecretsManager(received.clone()), test).await,
        _ => attach(world, &KUBERNETES, Cluster(received.clone()), test).await,
    }
}

impl Resource for SecretsManager {
    type Model = SecretVersion;
    type Client = ();

    const TYPE: &'static str = "aws_secretsmanager_secret_version";

    async fn create(&self, _: &Context<()>, planned: SecretVersion) -> Outcome<SecretVersion> {
        self.0.push(planned.secret_string_wo.known());
        Ok(planned)
    }

    async fn read(&self, _: &Context<()>, state: SecretVersion) -> Outcome<SecretVersion, Option<SecretVersion>> {
        Ok(Some(state))
    }

    async fn update(&self, context: &Context<()>, _: SecretVersion, planned: SecretVersion) -> Outcome<SecretVersion> {
        self.create(context, planned).await
    }

    async fn delete(&self, _: &Context<()>, _: SecretVersion) -> Outcome<SecretVersion, ()> {
        Ok(())
    }
}

impl Resource for Cluster {
    type Model = KubernetesSecret;
    type Client = ();

    const TYPE: &'static str = "kubernetes_secret_v1";

    async fn create(&self, _: &Context<()>, planned: KubernetesSecret) -> Outcome<KubernetesSecret> {
        self.0.push(planned.data_wo.known().and_then(|data| data.get("token")));
        Ok(planned)
    }

    async fn read(
        &self,
        _: &Context<()>,
        state: KubernetesSecret,
    ) -> Outcome<KubernetesSecret, Option<KubernetesSecret>> {
        Ok(Some(state))
    }

    async fn update(
        &self,
        context: &Context<()>,
        _: KubernetesSecret,
        planned: KubernetesSecret,
    ) -> Outcome<KubernetesSecret> {
        self.create(context, planned).await
    }

    async fn delete(&self, _: &Context<()>, _: KubernetesSecret) -> Outcome<KubernetesSecret, ()> {
        Ok(())
    }
}
