//! The provider trait: configuration, resources, data sources and so on.

use std::future::Future;

use super::action::DynAction;
use super::context::{Configured, Context};
use super::data_source::DynDataSource;
use super::diagnostic::Diagnostics;
use super::ephemeral_resource::DynEphemeralResource;
use super::function::DynFunction;
use super::list_resource::DynListResource;
use super::model::Model;
use super::resource::DynResource;
use super::schema::Schema;
use crate::redaction::KnownSecrets;

/// A Terraform provider.
pub trait Provider: Send + Sync + 'static {
    /// The configuration of the `provider` block.
    type Config: Model;

    /// The client that `configure` returns. Every operation gets it from [`Context::client`].
    type Client: Send + Sync + 'static;

    /// Returns the schema of the `provider` block. Default: the schema of `Config`.
    fn schema(&self) -> Schema {
        Self::Config::schema()
    }

    /// Returns the store of known secrets. The framework adds the secrets that it sends and
    /// receives, so that no message repeats them. Default: a new store.
    fn secrets(&self) -> KnownSecrets {
        KnownSecrets::default()
    }

    /// Checks the configuration after its validators and rules. Values may be unknown. Must not
    /// send requests.
    fn validate(&self, _config: &Self::Config, _diagnostics: &mut Diagnostics) {}

    /// Creates the client from the configuration. In a plan, values may be unknown: return
    /// [`Configured::Unknown`] then. `terraform_version` is the version of Terraform that runs.
    ///
    /// # Errors
    /// The reason why the configuration cannot be used.
    fn configure(
        &self,
        context: &Context<()>,
        config: Self::Config,
        terraform_version: &str,
    ) -> impl Future<Output = Result<Configured<Self::Client>, Diagnostics>> + Send;

    /// Returns the managed resources. Default: none.
    fn resources(&self) -> Vec<Box<dyn DynResource<Self::Client>>> {
        Vec::new()
    }

    /// Returns the data sources. Default: none.
    fn data_sources(&self) -> Vec<Box<dyn DynDataSource<Self::Client>>> {
        Vec::new()
    }

    /// Returns the ephemeral resources. Default: none.
    fn ephemeral_resources(&self) -> Vec<Box<dyn DynEphemeralResource<Self::Client>>> {
        Vec::new()
    }

    /// Returns the managed resources that can be listed. Default: none.
    fn list_resources(&self) -> Vec<Box<dyn DynListResource<Self::Client>>> {
        Vec::new()
    }

    /// Returns the actions. Default: none.
    fn actions(&self) -> Vec<Box<dyn DynAction<Self::Client>>> {
        Vec::new()
    }

    /// Returns the functions. Default: none.
    fn functions(&self) -> Vec<Box<dyn DynFunction>> {
        Vec::new()
    }
}
