//! Actions: operations that the user triggers and that have no state (Terraform 1.14).

use std::future::Future;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::context::Context;
use super::diagnostic::Diagnostics;
use super::model::{Model, read_model};
use super::resource::ok_or_report;
use super::schema::Schema;
use super::value::Value;

/// An action. It is invoked by `terraform apply -invoke=action.<type>.<label>`, or by a resource's
/// `lifecycle { action_trigger … }`.
pub trait Action: Send + Sync + 'static {
    /// The configuration.
    type Config: Model;

    /// The client that [`Provider::configure`](super::Provider::configure) returns.
    type Client: Send + Sync + 'static;

    /// The type name, such as `notes_archive`.
    const TYPE: &'static str;

    /// Returns the schema. Default: the schema of `Config`.
    fn schema(&self) -> Schema {
        Self::Config::schema()
    }

    /// Checks a configuration after its validators and rules. Values may be unknown. Must not send
    /// requests.
    fn validate(&self, _config: &Self::Config, _diagnostics: &mut Diagnostics) {}

    /// Warns before the action is invoked, if there is something that the user should know. Values
    /// may be unknown. Default: does nothing.
    ///
    /// # Errors
    /// The reason why it cannot be invoked.
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
    /// The reason why it failed.
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
    /// Sends one line, which Terraform shows immediately. It must not contain secrets.
    pub async fn send(&self, line: impl Into<String>) {
        // If the client has disconnected, the line is lost.
        let _ = self.0.send(line.into()).await;
    }
}

/// An [`Action`] of any configuration, as the server calls it. Errors are reported to the context.
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
        if let Some(config) = ok_or_report(context, read_model(A::TYPE, config)) {
            ok_or_report(context, Action::plan(self, context, &config).await);
        }
    }

    async fn invoke(&self, context: &Context<C>, config: &Value, progress: &Progress) {
        if let Some(config) = ok_or_report(context, read_model(A::TYPE, config)) {
            ok_or_report(context, Action::invoke(self, context, config, progress).await);
        }
    }
}
