//! One list of the service accounts for all who look at the same time.
//!
//! Terraform refreshes every resource by a call of its own, all at once. They share one request: the first asks, the
//! others wait for its answer, be it a success or a failure.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::api::ServiceAccount;
use crate::rest::Error;

/// How long a list may serve. A refresh of many resources is over sooner; a data source that is read late in a long
/// apply, perhaps after somebody else's change, gets a new one.
const MAX_AGE: Duration = Duration::from_secs(10);

/// The service accounts as last seen.
#[derive(Default)]
pub(super) struct Snapshot(Mutex<Option<Seen>>);

type Outcome = Result<Arc<[ServiceAccount]>, Error>;

struct Seen {
    at: Instant,
    outcome: Outcome,
}

impl Snapshot {
    /// The service accounts, asked for by `list` unless somebody else just did.
    pub(super) async fn get(&self, list: impl Future<Output = Result<Vec<ServiceAccount>, Error>>) -> Outcome {
        let asked = Instant::now();
        let mut last = self.0.lock().await;
        if let Some(seen) = &*last {
            let fresh = asked.saturating_duration_since(seen.at) < MAX_AGE;
            // A failure is only for those who waited for it.
            if (seen.outcome.is_ok() && fresh) || asked < seen.at {
                return seen.outcome.clone();
            }
        }
        let outcome = list.await.map(Arc::from);
        *last = Some(Seen {
            at: Instant::now(),
            outcome: outcome.clone(),
        });
        outcome
    }

    /// Forgets the list, because something was just changed.
    pub(super) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}
