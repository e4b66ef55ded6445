//! The Terraform provider for Striim Cloud.

use std::process::ExitCode;

use token_providers::framework::{AnyDataSource, AnyResource, Diagnostics, Model, Provider, Schema, Value};
use token_providers::plugin::{self, About};

fn main() -> ExitCode {
    let about = About {
        name: "striim",
        version: env!("CARGO_PKG_VERSION"),
        address: "registry.terraform.io/token-providers/striim",
    };
    plugin::run(&about, || Nothing)
}

/// A provider that has nothing to provide yet.
struct Nothing;

#[tonic::async_trait]
impl Provider for Nothing {
    type Config = NoConfig;

    fn schema(&self) -> Schema {
        Schema::new("", [])
    }

    fn validate(&self, _config: &NoConfig, _diagnostics: &mut Diagnostics) {}

    async fn configure(&self, _config: NoConfig, _terraform_version: &str, _diagnostics: &mut Diagnostics) {}

    fn resources(&self) -> Vec<Box<dyn AnyResource>> {
        Vec::new()
    }

    fn data_sources(&self) -> Vec<Box<dyn AnyDataSource>> {
        Vec::new()
    }
}

struct NoConfig;

impl Model for NoConfig {
    fn from_value(_value: &Value) -> Result<Self, String> {
        Ok(Self)
    }

    fn into_value(self) -> Value {
        Value::Null
    }
}
