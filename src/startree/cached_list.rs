//! A list of the platform, read once for all operations of a provider process that need it at the same time.
//!
//! Terraform calls every resource separately and concurrently. The first caller sends the request, the others wait for its
//! answer. A write of this process invalidates the list: whoever reads it afterwards gets one that was requested after the
//! write, so that the list can verify the write, and concurrent verifications share a request, too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::rest::Error;

/// How long a list serves, as others may change it. Long enough for a run that rotates many tokens.
const MAX_AGE: Duration = Duration::from_secs(60);

type Outcome<T> = Result<Arc<[T]>, Error>;

/// A list, its cached answer, and the writes that invalidate it.
pub(super) struct CachedList<T> {
    writes: AtomicU64,
    last: Mutex<Option<Answer<T>>>,
}

struct Answer<T> {
    /// How many writes were done when it was requested.
    writes: u64,
    received: Instant,
    outcome: Outcome<T>,
}

impl<T> Default for CachedList<T> {
    fn default() -> Self {
        Self {
            writes: AtomicU64::new(0),
            last: Mutex::new(None),
        }
    }
}

impl<T> CachedList<T> {
    /// The cached list, or else the one that `fetch` requests.
    pub(super) async fn get(&self, fetch: impl Future<Output = Result<Vec<T>, Error>>) -> Outcome<T> {
        let asked = Instant::now();
        let needed = self.writes.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if let Some(answer) = last.as_ref().filter(|answer| answer.writes >= needed) {
            let is_fresh = asked.saturating_duration_since(answer.received) < MAX_AGE;
            // A failure is shared only with those who waited for it.
            if (answer.outcome.is_ok() && is_fresh) || asked < answer.received {
                return answer.outcome.clone();
            }
        }
        let writes = self.writes.load(Ordering::SeqCst);
        let outcome = fetch.await.map(Arc::from);
        *last = Some(Answer {
            writes,
            received: Instant::now(),
            outcome: outcome.clone(),
        });
        outcome
    }

    /// Invalidates the cached list. Call after every write.
    pub(super) fn invalidate(&self) {
        self.writes.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::join_all;

    use super::*;

    #[derive(Default)]
    struct Platform(AtomicUsize);

    impl Platform {
        /// A list with the number of the request that it answers.
        async fn list(&self) -> Result<Vec<usize>, Error> {
            let number = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(vec![number])
        }
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_reads_share_one_request() {
        let (platform, list) = (Platform::default(), CachedList::default());
        for outcome in join_all((0..100).map(|_| list.get(platform.list()))).await {
            assert_eq!(*outcome.unwrap(), [1]);
        }
        assert_eq!(*list.get(platform.list()).await.unwrap(), [1]);
        tokio::time::advance(MAX_AGE).await;
        assert_eq!(*list.get(platform.list()).await.unwrap(), [2]);
    }

    #[tokio::test(start_paused = true)]
    async fn read_after_write_gets_a_list_requested_after_it() {
        let (platform, list) = (Platform::default(), CachedList::default());
        let write_meanwhile = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            list.invalidate();
            list.get(platform.list()).await
        };
        let (before, after) = tokio::join!(list.get(platform.list()), write_meanwhile);
        assert_eq!((&*before.unwrap(), &*after.unwrap()), (&[1][..], &[2][..]));
        // Many writes, then their verifications: one request.
        let writes = join_all((0..10).map(|_| async {
            list.invalidate();
            tokio::task::yield_now().await;
            list.get(platform.list()).await.unwrap()
        }));
        assert!(writes.await.iter().all(|answer| **answer == [3]));
    }
}
