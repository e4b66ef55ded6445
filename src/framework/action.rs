//! Actions: what is done once, when the user asks for it, and leaves nothing in the state. From Terraform 1.14 on.

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::context::Context;
use super::diagnostic::Diagnostics;
use super::model::{Model, read_model};
use super::schema::Schema;
use super::value::Value;

/// An action. It is invoked by `terraform apply -invoke=action.<type>.<label>`, or by a resource's
/// `lifecycle { action_trigger … }`.
#[async_trait]
pub trait Action: Send + Sync + 'static {
    /// Its configuration.
    type Config: Model;

    /// Its type, such as `striim_revoke_service_account_token`.
    const TYPE: &'static str;

    /// Its schema.
    fn schema(&self) -> Schema;

    /// Judges a configuration by itself. Values may be unknown. Asks nobody.
    fn validate(&self, config: &Self::Config, diagnostics: &mut Diagnostics);

    /// Says what the user should know before it is done. Values may be unknown.
    async fn plan(&self, _context: &Context, _config: &Self::Config, _diagnostics: &mut Diagnostics) {}

    /// Does it. It runs to its end, even if nobody listens any more.
    async fn invoke(&self, context: &Context, config: Self::Config, progress: &Progress, diagnostics: &mut Diagnostics);
}

/// How an action tells its user how far it is.
pub struct Progress(pub(crate) mpsc::Sender<String>);

impl Progress {
    /// Tells one line, which Terraform shows at once. Never a secret.
    pub async fn tell(&self, line: impl Into<String>) {
        // Who is gone need not be told.
        let _ = self.0.send(line.into()).await;
    }
}

/// Any [`Action`], whatever its configuration: what the server calls.
#[async_trait]
#[allow(missing_docs)] // each is the method of `Action` of that name
pub trait AnyAction: Send + Sync {
    fn type_name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics);
    async fn plan(&self, context: &Context, config: &Value, diagnostics: &mut Diagnostics);
    async fn invoke(&self, context: &Context, config: &Value, progress: &Progress, diagnostics: &mut Diagnostics);
}

#[async_trait]
impl<A: Action> AnyAction for A {
    fn type_name(&self) -> &'static str {
        A::TYPE
    }

    fn schema(&self) -> Schema {
        Action::schema(self)
    }

    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics) {
        if let Some(config) = read_model(A::TYPE, config, diagnostics) {
            Action::validate(self, &config, diagnostics);
        }
    }

    async fn plan(&self, context: &Context, config: &Value, diagnostics: &mut Diagnostics) {
        if let Some(config) = read_model(A::TYPE, config, diagnostics) {
            Action::plan(self, context, &config, diagnostics).await;
        }
    }

    async fn invoke(&self, context: &Context, config: &Value, progress: &Progress, diagnostics: &mut Diagnostics) {
        if let Some(config) = read_model(A::TYPE, config, diagnostics) {
            Action::invoke(self, context, config, progress, diagnostics).await;
        }
    }
}
