//! One list of what there is for all who look at the same time.
//!
//! Terraform refreshes every resource by a call of its own, all at once. They share one request: the first asks, the
//! others wait for its answer, be it a success or a failure.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::rest::Error;

/// How long a list may serve. A refresh of many resources is over sooner; a data source that is read late in a long
/// apply, perhaps after somebody else's change, gets a new one.
const MAX_AGE: Duration = Duration::from_secs(10);

/// What was there when somebody looked last.
pub(crate) struct Snapshot<T>(Mutex<Option<Seen<T>>>);

type Outcome<T> = Result<Arc<[T]>, Error>;

struct Seen<T> {
    at: Instant,
    outcome: Outcome<T>,
}

impl<T> Default for Snapshot<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Snapshot<T> {
    /// What there is, asked for by `list` unless somebody else just did.
    pub(crate) async fn get(&self, list: impl Future<Output = Result<Vec<T>, Error>>) -> Outcome<T> {
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
    pub(crate) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A list that takes a second, and how often it was asked for.
    #[derive(Default)]
    struct Platform(AtomicUsize);

    impl Platform {
        async fn list(&self) -> Result<Vec<String>, Error> {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(Vec::new())
        }

        fn calls(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_look_at_the_same_time_share_one_request() {
        let (platform, snapshot) = (Platform::default(), Snapshot::default());
        let looks = (0..100).map(|_| snapshot.get(platform.list()));
        for outcome in futures_util::future::join_all(looks).await {
            outcome.unwrap();
        }
        assert_eq!(platform.calls(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_or_time_makes_a_new_look() {
        let (platform, snapshot) = (Platform::default(), Snapshot::default());
        snapshot.get(platform.list()).await.unwrap();
        snapshot.get(platform.list()).await.unwrap();
        assert_eq!(platform.calls(), 1);
        snapshot.forget().await;
        snapshot.get(platform.list()).await.unwrap();
        assert_eq!(platform.calls(), 2);
        tokio::time::advance(MAX_AGE).await;
        snapshot.get(platform.list()).await.unwrap();
        assert_eq!(platform.calls(), 3);
    }
}
