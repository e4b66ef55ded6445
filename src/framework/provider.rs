//! The provider: its configuration, and the kinds of things it has.

use async_trait::async_trait;

use super::action::AnyAction;
use super::data_source::AnyDataSource;
use super::diagnostic::Diagnostics;
use super::ephemeral_resource::AnyEphemeralResource;
use super::function::AnyFunction;
use super::list_resource::AnyListResource;
use super::model::Model;
use super::resource::AnyResource;
use super::schema::Schema;
use crate::redaction::KnownSecrets;

/// A provider. What it learns in [`Provider::configure`] it shares with its resources as it likes.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// The configuration of the `provider` block.
    type Config: Model;

    /// The schema of the `provider` block.
    fn schema(&self) -> Schema;

    /// Where the secrets that Terraform brings and takes are remembered, so that no message repeats them.
    fn secrets(&self) -> KnownSecrets {
        KnownSecrets::default()
    }

    /// Judges the configuration by itself. Values may be unknown.
    fn validate(&self, config: &Self::Config, diagnostics: &mut Diagnostics);

    /// Takes the configuration. Values may be unknown in a plan, and that is no error.
    async fn configure(&self, config: Self::Config, terraform_version: &str, diagnostics: &mut Diagnostics);

    /// The managed resources.
    fn resources(&self) -> Vec<Box<dyn AnyResource>>;

    /// The data sources.
    fn data_sources(&self) -> Vec<Box<dyn AnyDataSource>>;

    /// The ephemeral resources; none, if not told otherwise.
    fn ephemeral_resources(&self) -> Vec<Box<dyn AnyEphemeralResource>> {
        Vec::new()
    }

    /// The managed resources that can be listed; none, if not told otherwise.
    fn list_resources(&self) -> Vec<Box<dyn AnyListResource>> {
        Vec::new()
    }

    /// The actions; none, if not told otherwise.
    fn actions(&self) -> Vec<Box<dyn AnyAction>> {
        Vec::new()
    }

    /// The functions; none, if not told otherwise.
    fn functions(&self) -> Vec<Box<dyn AnyFunction>> {
        Vec::new()
    }
}
