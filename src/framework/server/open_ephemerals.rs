//! Ephemeral resources that are open, to be closed on shutdown.
//!
//! Terraform closes an ephemeral resource once nothing uses it. After an interrupt it
//! closes nothing, so the provider closes what is still open before it exits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, join_all};

use crate::framework::context::Context;
use crate::framework::ephemeral_resource::DynEphemeralResource;

/// The ephemeral resources that were opened and not yet closed. Clones share the list.
#[derive(Clone, Default)]
pub struct OpenEphemerals(Arc<Mutex<Vec<Open>>>);

struct Open {
    type_name: &'static str,
    private: Vec<u8>,
    close: Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>,
}

impl OpenEphemerals {
    pub(super) fn opened<C: Send + Sync + 'static>(
        &self,
        ephemeral: Arc<dyn DynEphemeralResource<C>>,
        context: Context<C>,
        private: Vec<u8>,
    ) {
        let type_name = ephemeral.type_name();
        let data = private.clone();
        let close = move || -> BoxFuture<'static, ()> {
            Box::pin(async move {
                tracing::info!(
                    r#type = ephemeral.type_name(),
                    "closing an ephemeral resource that Terraform left open"
                );
                ephemeral.close(&context, &data).await;
                for diagnostic in context.take_diagnostics() {
                    tracing::warn!(
                        summary = diagnostic.summary,
                        "while closing an ephemeral resource that Terraform left open"
                    );
                }
            })
        };
        self.all().push(Open {
            type_name,
            private,
            close: Box::new(close),
        });
    }

    pub(super) fn closed(&self, type_name: &str, private: &[u8]) {
        let mut all = self.all();
        let is_it = |open: &Open| open.type_name == type_name && open.private == private;
        if let Some(position) = all.iter().position(is_it) {
            all.swap_remove(position);
        }
    }

    /// Closes all of them. Failures are logged, because Terraform is no longer connected.
    pub async fn close(&self) {
        let open = std::mem::take(&mut *self.all());
        join_all(open.into_iter().map(|open| (open.close)())).await;
    }

    fn all(&self) -> MutexGuard<'_, Vec<Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
