//! Ephemeral resources: what exists for the time of a run, and in no state or plan. From Terraform 1.10 on.

use async_trait::async_trait;
use jiff::Timestamp;

use super::context::Context;
use super::diagnostic::Diagnostics;
use super::model::{Model, read_model};
use super::schema::Schema;
use super::value::Value;

/// An ephemeral resource.
///
/// Terraform opens it in each phase that needs it, in the plan *and* in the apply, and closes it when all that refers to
/// it is done. A run that is killed closes nothing.
#[async_trait]
pub trait EphemeralResource: Send + Sync + 'static {
    /// Its configuration and its result.
    type Model: Model;

    /// Its type, such as `striim_service_account_token`.
    const TYPE: &'static str;

    /// Its schema.
    fn schema(&self) -> Schema;

    /// Judges a configuration by itself. Values may be unknown. Asks nobody.
    fn validate(&self, config: &Self::Model, diagnostics: &mut Diagnostics);

    /// Makes it. The configuration is wholly known. `None`, with an error, if nothing was made.
    ///
    /// What is returned is closed sooner or later, even where an error comes with it.
    async fn open(
        &self,
        context: &Context,
        config: Self::Model,
        diagnostics: &mut Diagnostics,
    ) -> Option<Opened<Self::Model>>;

    /// Keeps it alive, at [`Opened::renew_at`]. `private` is what the opening or the last renewal left.
    async fn renew(&self, _context: &Context, private: Vec<u8>, _diagnostics: &mut Diagnostics) -> Renewed {
        Renewed {
            private,
            renew_at: None,
        }
    }

    /// Ends it. `private` is what the *opening* left, whatever renewals left since.
    async fn close(&self, context: &Context, private: &[u8], diagnostics: &mut Diagnostics);
}

/// What the opening of an ephemeral resource came to.
pub struct Opened<M> {
    /// The configuration, with what the provider sets. Unknown is what cannot be told in a plan.
    pub result: M,
    /// What closing it takes. Terraform holds it in memory only.
    pub private: Vec<u8>,
    /// When to renew it; `None` if it needs none.
    pub renew_at: Option<Timestamp>,
}

/// What the renewal of an ephemeral resource came to.
pub struct Renewed {
    /// What the next renewal takes.
    pub private: Vec<u8>,
    /// When that is due; `None` if it needs none.
    pub renew_at: Option<Timestamp>,
}

/// Any [`EphemeralResource`], whatever its model: what the server calls.
#[async_trait]
#[allow(missing_docs)] // each is the method of `EphemeralResource` of that name
pub trait AnyEphemeralResource: Send + Sync {
    fn type_name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics);
    async fn open(&self, context: &Context, config: &Value, diagnostics: &mut Diagnostics) -> Option<Opened<Value>>;
    async fn renew(&self, context: &Context, private: Vec<u8>, diagnostics: &mut Diagnostics) -> Renewed;
    async fn close(&self, context: &Context, private: &[u8], diagnostics: &mut Diagnostics);
}

#[async_trait]
impl<E: EphemeralResource> AnyEphemeralResource for E {
    fn type_name(&self) -> &'static str {
        E::TYPE
    }

    fn schema(&self) -> Schema {
        EphemeralResource::schema(self)
    }

    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics) {
        if let Some(config) = read_model(E::TYPE, config, diagnostics) {
            EphemeralResource::validate(self, &config, diagnostics);
        }
    }

    async fn open(&self, context: &Context, config: &Value, diagnostics: &mut Diagnostics) -> Option<Opened<Value>> {
        let config = read_model(E::TYPE, config, diagnostics)?;
        let opened = EphemeralResource::open(self, context, config, diagnostics).await?;
        Some(Opened {
            result: opened.result.into_value(),
            private: opened.private,
            renew_at: opened.renew_at,
        })
    }

    async fn renew(&self, context: &Context, private: Vec<u8>, diagnostics: &mut Diagnostics) -> Renewed {
        EphemeralResource::renew(self, context, private, diagnostics).await
    }

    async fn close(&self, context: &Context, private: &[u8], diagnostics: &mut Diagnostics) {
        EphemeralResource::close(self, context, private, diagnostics).await;
    }
}
