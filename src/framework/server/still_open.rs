//! What is open, so that it is closed even where Terraform does not.
//!
//! Terraform closes an ephemeral resource when all that refers to it is done. Of a run that is interrupted or killed it closes
//! nothing. So the provider does, when it ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;

use crate::framework::context::Context;
use crate::framework::diagnostic::Diagnostics;
use crate::framework::ephemeral_resource::AnyEphemeralResource;

/// The ephemeral resources that were opened and not closed. Clones tell of the same.
#[derive(Clone, Default)]
pub struct StillOpen(Arc<Mutex<Vec<Open>>>);

struct Open {
    ephemeral: Arc<dyn AnyEphemeralResource>,
    private: Vec<u8>,
}

impl StillOpen {
    pub(super) fn opened(&self, ephemeral: Arc<dyn AnyEphemeralResource>, private: Vec<u8>) {
        self.all().push(Open { ephemeral, private });
    }

    pub(super) fn closed(&self, type_name: &str, private: &[u8]) {
        let mut all = self.all();
        let is_it = |open: &Open| open.ephemeral.type_name() == type_name && open.private == private;
        if let Some(position) = all.iter().position(is_it) {
            all.swap_remove(position);
        }
    }

    /// Closes them all. There is nobody left to tell what does not succeed, but the log.
    pub async fn close(&self) {
        let open = std::mem::take(&mut *self.all());
        let close = open.iter().map(async |Open { ephemeral, private }| {
            let mut diagnostics = Diagnostics::default();
            tracing::info!(r#type = ephemeral.type_name(), "closing what Terraform did not");
            ephemeral.close(&Context::default(), private, &mut diagnostics).await;
            for diagnostic in diagnostics {
                tracing::warn!(summary = diagnostic.summary, "while closing what Terraform did not");
            }
        });
        join_all(close).await;
    }

    fn all(&self) -> MutexGuard<'_, Vec<Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
