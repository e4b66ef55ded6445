//! Ephemeral resources, which exist during a run and are never stored in a plan or state (Terraform
//! 1.10).

use std::future::Future;

use async_trait::async_trait;
use jiff::Timestamp;

use super::context::Context;
use super::diagnostic::Diagnostics;
use super::model::{Model, read_model};
use super::outcome::{Failed, Outcome};
use super::resource::{keep_unchanged_exact, ok_or_report};
use super::schema::Schema;
use super::value::Value;

/// An ephemeral resource.
///
/// Terraform opens it in each phase that needs it, in the plan *and* in the apply, and closes it
/// once nothing uses it. If Terraform is killed, it closes nothing.
pub trait EphemeralResource: Send + Sync + 'static {
    /// The configuration and the result.
    type Model: Model;

    /// The client that [`Provider::configure`](super::Provider::configure) returns.
    type Client: Send + Sync + 'static;

    /// The type name, such as `notes_draft`.
    const TYPE: &'static str;

    /// Returns the schema. Default: the schema of the model.
    fn schema(&self) -> Schema {
        Self::Model::schema()
    }

    /// Checks a configuration after its validators and rules. Values may be unknown. Must not send
    /// requests.
    fn validate(&self, _config: &Self::Model, _diagnostics: &mut Diagnostics) {}

    /// Opens an object. All values of the configuration are known.
    ///
    /// # Errors
    /// Nothing was created, unless the error [contains an object](super::Failed::leaves), which is
    /// closed immediately.
    fn open(
        &self,
        context: &Context<Self::Client>,
        config: Self::Model,
    ) -> impl Future<Output = Outcome<Opened<Self::Model>>> + Send;

    /// Renews an open object, at [`Opened::renew_at`]. `private` is the data that opening or the
    /// last renewal returned. Default: fails.
    ///
    /// # Errors
    /// The reason why the object cannot be renewed.
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

    /// Closes an object. `private` is the data that *opening* returned, regardless of renewals.
    /// Default: does nothing.
    ///
    /// # Errors
    /// The reason why the object still exists.
    fn close(
        &self,
        _context: &Context<Self::Client>,
        _private: &[u8],
    ) -> impl Future<Output = Result<(), Diagnostics>> + Send {
        async { Ok(()) }
    }
}

/// The result of opening an ephemeral resource.
#[derive(Debug)]
pub struct Opened<M> {
    /// The configuration with the computed values. In a plan, values that cannot be known are
    /// unknown.
    pub result: M,
    /// The data that closing it needs. Terraform keeps it in memory only.
    pub private: Vec<u8>,
    /// The time at which Terraform must renew it; `None` if it needs no renewal.
    pub renew_at: Option<Timestamp>,
}

/// The result of renewing an ephemeral resource.
#[derive(Debug)]
pub struct Renewed {
    /// The data that the next renewal needs.
    pub private: Vec<u8>,
    /// The time of the next renewal; `None` if it needs none.
    pub renew_at: Option<Timestamp>,
}

/// An [`EphemeralResource`] of any model, as the server calls it. Errors are reported to the
/// context.
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
        let model = ok_or_report(context, read_model(E::TYPE, config))?;
        let opened = match EphemeralResource::open(self, context, model).await {
            Ok(opened) => Some(opened),
            Err(Failed { diagnostics, leaves }) => {
                context.diagnostics().extend(diagnostics);
                leaves
            }
        };
        opened.map(|opened| Opened {
            result: keep_unchanged_exact(opened.result, config),
            private: opened.private,
            renew_at: opened.renew_at,
        })
    }

    async fn renew(&self, context: &Context<C>, private: Vec<u8>) -> Option<Renewed> {
        ok_or_report(context, EphemeralResource::renew(self, context, private).await)
    }

    async fn close(&self, context: &Context<C>, private: &[u8]) {
        ok_or_report(context, EphemeralResource::close(self, context, private).await);
    }
}
