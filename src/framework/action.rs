//! Actions: what is done once, when the user asks for it, and leaves nothing in the state. From Terraform 1.14 on.

use std::future::Future;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::context::Context;
use super::diagnostic::Diagnostics;
use super::model::{Model, read_model};
use super::resource::reported;
use super::schema::Schema;
use super::value::Value;

/// An action. It is invoked by `terraform apply -invoke=action.<type>.<label>`, or by a resource's
/// `lifecycle { action_trigger … }`.
pub trait Action: Send + Sync + 'static {
    /// Its configuration.
    type Config: Model;

    /// What [`Provider::configure`](super::Provider::configure) returned.
    type Client: Send + Sync + 'static;

    /// Its type, such as `notes_archive`.
    const TYPE: &'static str;

    /// Its schema. Default: that of the configuration's model.
    fn schema(&self) -> Schema {
        Self::Config::schema()
    }

    /// Checks a configuration by itself, after its validators and rules. Values may be unknown. No request is sent.
    fn validate(&self, _config: &Self::Config, _diagnostics: &mut Diagnostics) {}

    /// Warns about what the user should know before the action is invoked. Values may be unknown.
    ///
    /// # Errors
    /// Why it cannot be invoked.
    fn plan(
        &self,
        _context: &Context<Self::Client>,
        _config: &Self::Config,
    ) -> impl Future<Output = Result<(), Diagnostics>> + Send {
        async { Ok(()) }
    }

    /// Runs the action to completion, even if the client disconnects.
    ///
    /// # Errors
    /// Why it failed.
    fn invoke(
        &self,
        context: &Context<Self::Client>,
        config: Self::Config,
        progress: &Progress,
    ) -> impl Future<Output = Result<(), Diagnostics>> + Send;
}

/// Shows the progress of an action to its user.
pub struct Progress(pub(crate) mpsc::Sender<String>);

impl Progress {
    /// Sends one line, which Terraform shows at once. It must hold no secret.
    pub async fn send(&self, line: impl Into<String>) {
        // A client that has disconnected does not show it.
        let _ = self.0.send(line.into()).await;
    }
}

/// Any [`Action`], whatever its configuration: what the server calls. Errors are reported to the context.
#[async_trait]
#[allow(missing_docs)] // each is the method of `Action` of that name
pub trait DynAction<C>: Send + Sync {
    fn type_name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    fn validate(&self, config: &Value) -> Diagnostics;
    async fn plan(&self, context: &Context<C>, config: &Value);
    async fn invoke(&self, context: &Context<C>, config: &Value, progress: &Progress);
}

#[async_trait]
impl<C: Send + Sync + 'static, A: Action<Client = C>> DynAction<C> for A {
    fn type_name(&self) -> &'static str {
        A::TYPE
    }

    fn schema(&self) -> Schema {
        Action::schema(self)
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let mut diagnostics = Action::schema(self).validate(config);
        if let Some(config) = diagnostics.ok(read_model(A::TYPE, config)) {
            Action::validate(self, &config, &mut diagnostics);
        }
        diagnostics
    }

    async fn plan(&self, context: &Context<C>, config: &Value) {
        if let Some(config) = reported(context, read_model(A::TYPE, config)) {
            reported(context, Action::plan(self, context, &config).await);
        }
    }

    async fn invoke(&self, context: &Context<C>, config: &Value, progress: &Progress) {
        if let Some(config) = reported(context, read_model(A::TYPE, config)) {
            reported(context, Action::invoke(self, context, config, progress).await);
        }
    }
}
