//! The provider: its configuration, and the kinds of things it has.

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

/// A provider.
pub trait Provider: Send + Sync + 'static {
    /// The configuration of the `provider` block.
    type Config: Model;

    /// What the resources, data sources and so on of a configured provider work with. Each operation gets it by
    /// [`Context::client`].
    type Client: Send + Sync + 'static;

    /// The schema of the `provider` block. Default: that of the configuration's model.
    fn schema(&self) -> Schema {
        Self::Config::schema()
    }

    /// Where the secrets that Terraform brings and takes are remembered, so that no message repeats them.
    fn secrets(&self) -> KnownSecrets {
        KnownSecrets::default()
    }

    /// Checks the configuration by itself, after its validators and rules. Values may be unknown.
    fn validate(&self, _config: &Self::Config, _diagnostics: &mut Diagnostics) {}

    /// Takes the configuration, and returns the client. In a plan, values may be unknown:
    /// [`Configured::Unknown`] is no error. `terraform_version` is that of the Terraform that runs.
    ///
    /// # Errors
    /// Why the configuration does not work.
    fn configure(
        &self,
        context: &Context<()>,
        config: Self::Config,
        terraform_version: &str,
    ) -> impl Future<Output = Result<Configured<Self::Client>, Diagnostics>> + Send;

    /// The managed resources. Default: none.
    fn resources(&self) -> Vec<Box<dyn DynResource<Self::Client>>> {
        Vec::new()
    }

    /// The data sources. Default: none.
    fn data_sources(&self) -> Vec<Box<dyn DynDataSource<Self::Client>>> {
        Vec::new()
    }

    /// The ephemeral resources. Default: none.
    fn ephemeral_resources(&self) -> Vec<Box<dyn DynEphemeralResource<Self::Client>>> {
        Vec::new()
    }

    /// The managed resources that can be listed. Default: none.
    fn list_resources(&self) -> Vec<Box<dyn DynListResource<Self::Client>>> {
        Vec::new()
    }

    /// The actions. Default: none.
    fn actions(&self) -> Vec<Box<dyn DynAction<Self::Client>>> {
        Vec::new()
    }

    /// The functions. Default: none.
    fn functions(&self) -> Vec<Box<dyn DynFunction>> {
        Vec::new()
    }
}
