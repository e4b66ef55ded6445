//! Ephemeral resources: what exists for the time of a run, and in no state or plan. From Terraform 1.10 on.

use std::future::Future;

use async_trait::async_trait;
use jiff::Timestamp;

use super::context::Context;
use super::diagnostic::Diagnostics;
use super::model::{Model, read_model};
use super::outcome::{Failed, Outcome};
use super::resource::{exact, reported};
use super::schema::Schema;
use super::value::Value;

/// An ephemeral resource.
///
/// Terraform opens it in each phase that needs it, in the plan *and* in the apply, and closes it when all that refers to
/// it is done. A run that is killed closes nothing.
pub trait EphemeralResource: Send + Sync + 'static {
    /// Its configuration and its result.
    type Model: Model;

    /// What [`Provider::configure`](super::Provider::configure) returned.
    type Client: Send + Sync + 'static;

    /// Its type, such as `notes_draft`.
    const TYPE: &'static str;

    /// Its schema. Default: that of the model.
    fn schema(&self) -> Schema {
        Self::Model::schema()
    }

    /// Checks a configuration by itself, after its validators and rules. Values may be unknown. No request is sent.
    fn validate(&self, _config: &Self::Model, _diagnostics: &mut Diagnostics) {}

    /// Creates it. The configuration is wholly known.
    ///
    /// # Errors
    /// Nothing was created, or [what the error leaves](super::Failed::leaves), which is closed at once.
    fn open(
        &self,
        context: &Context<Self::Client>,
        config: Self::Model,
    ) -> impl Future<Output = Outcome<Opened<Self::Model>>> + Send;

    /// Keeps it alive, at [`Opened::renew_at`]. `private` is what the opening or the last renewal left.
    ///
    /// # Errors
    /// It may not live on.
    fn renew(
        &self,
        _context: &Context<Self::Client>,
        private: Vec<u8>,
    ) -> impl Future<Output = Result<Renewed, Diagnostics>> + Send {
        async {
            Ok(Renewed {
                private,
                renew_at: None,
            })
        }
    }

    /// Deletes it. `private` is what the *opening* left, whatever renewals left since. Default: there is nothing to delete.
    ///
    /// # Errors
    /// It is still there.
    fn close(
        &self,
        _context: &Context<Self::Client>,
        _private: &[u8],
    ) -> impl Future<Output = Result<(), Diagnostics>> + Send {
        async { Ok(()) }
    }
}

/// What the opening of an ephemeral resource led to.
#[derive(Debug)]
pub struct Opened<M> {
    /// The configuration, with what the provider sets. What cannot be known in a plan is unknown.
    pub result: M,
    /// What closing it needs. Terraform holds it in memory only.
    pub private: Vec<u8>,
    /// When to renew it; `None` if it needs no renewal.
    pub renew_at: Option<Timestamp>,
}

/// What the renewal of an ephemeral resource led to.
#[derive(Debug)]
pub struct Renewed {
    /// What the next renewal needs.
    pub private: Vec<u8>,
    /// When that is due; `None` if it needs none.
    pub renew_at: Option<Timestamp>,
}

/// Any [`EphemeralResource`], whatever its model: what the server calls. Errors are reported to the context.
#[async_trait]
#[allow(missing_docs)] // each is the method of `EphemeralResource` of that name
pub trait DynEphemeralResource<C>: Send + Sync {
    fn type_name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    fn validate(&self, config: &Value) -> Diagnostics;
    async fn open(&self, context: &Context<C>, config: &Value) -> Option<Opened<Value>>;
    async fn renew(&self, context: &Context<C>, private: Vec<u8>) -> Option<Renewed>;
    async fn close(&self, context: &Context<C>, private: &[u8]);
}

#[async_trait]
impl<C: Send + Sync + 'static, E: EphemeralResource<Client = C>> DynEphemeralResource<C> for E {
    fn type_name(&self) -> &'static str {
        E::TYPE
    }

    fn schema(&self) -> Schema {
        EphemeralResource::schema(self)
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let mut diagnostics = EphemeralResource::schema(self).validate(config);
        if let Some(config) = diagnostics.ok(read_model(E::TYPE, config)) {
            EphemeralResource::validate(self, &config, &mut diagnostics);
        }
        diagnostics
    }

    async fn open(&self, context: &Context<C>, config: &Value) -> Option<Opened<Value>> {
        let model = reported(context, read_model(E::TYPE, config))?;
        let opened = match EphemeralResource::open(self, context, model).await {
            Ok(opened) => Some(opened),
            Err(Failed { diagnostics, leaves }) => {
                context.diagnostics().extend(diagnostics);
                leaves
            }
        };
        opened.map(|opened| Opened {
            result: exact(opened.result, config),
            private: opened.private,
            renew_at: opened.renew_at,
        })
    }

    async fn renew(&self, context: &Context<C>, private: Vec<u8>) -> Option<Renewed> {
        reported(context, EphemeralResource::renew(self, context, private).await)
    }

    async fn close(&self, context: &Context<C>, private: &[u8]) {
        reported(context, EphemeralResource::close(self, context, private).await);
    }
}
