//! A cached list of objects that coalesces concurrent requests.
//!
//! Terraform refreshes, plans and applies resources by separate, concurrent calls. They share one
//! request: the first caller sends it, the others wait for its answer, which may be a failure. A write
//! of this process invalidates the list, so that a later read fetches it again and can verify the
//! write; concurrent verifications share a request, too. A creation only needs the names that are
//! taken. For that, a write with a known effect updates the cached list ([`SharedList::amend`],
//! [`SharedList::recent`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::rest::Error;

/// The default maximum age of a cached list. The refresh of many resources takes less; a data source
/// that is read late in a long apply, perhaps after a change by another client, fetches a new list.
const MAX_AGE: Duration = Duration::from_secs(10);

/// A cached list and the writes that invalidate it.
pub(crate) struct SharedList<T> {
    max_age: Duration,
    last: Mutex<Option<Fetched<T>>>,
    /// The number of writes of this process.
    writes: AtomicU64,
    /// The number of writes that did not update the cached list.
    unamended: AtomicU64,
}

/// A list that may be some seconds old. It includes the later writes of this process.
pub(crate) struct Recent<T> {
    pub(crate) items: Arc<[T]>,
    /// The time at which the list was requested. Later writes of other clients are missing.
    pub(crate) requested_at: Instant,
}

type Outcome<T> = Result<Arc<[T]>, Error>;

struct Fetched<T> {
    requested_at: Instant,
    received_at: Instant,
    outcome: Outcome<T>,
    /// The number of writes before the request.
    writes: u64,
    unamended: u64,
}

impl<T> Default for SharedList<T> {
    fn default() -> Self {
        Self::new(MAX_AGE)
    }
}

impl<T> SharedList<T> {
    /// Creates an empty cache. A list is stale after `max_age`, because other clients may change it.
    pub(crate) fn new(max_age: Duration) -> Self {
        Self {
            max_age,
            last: Mutex::new(None),
            writes: AtomicU64::new(0),
            unamended: AtomicU64::new(0),
        }
    }

    /// Returns a list that was requested after all writes of this process so far: the cached one, or
    /// the result of `list`.
    pub(crate) async fn get(&self, list: impl Future<Output = Result<Vec<T>, Error>>) -> Outcome<T> {
        let (called_at, needed) = (Instant::now(), self.writes.load(Ordering::SeqCst));
        let mut last = self.last.lock().await;
        match &*last {
            Some(fetched) if fetched.writes >= needed && self.answers(fetched, called_at) => fetched.outcome.clone(),
            _ => last.insert(self.request(list).await).outcome.clone(),
        }
    }

    /// Returns a list that may have been requested before the last write of this process, if that
    /// write updated it.
    pub(crate) async fn recent(&self, list: impl Future<Output = Result<Vec<T>, Error>>) -> Result<Recent<T>, Error> {
        let (called_at, needed) = (Instant::now(), self.unamended.load(Ordering::SeqCst));
        let mut last = self.last.lock().await;
        let fetched = match &mut *last {
            Some(fetched) if fetched.unamended >= needed && self.answers(fetched, called_at) => fetched,
            last => last.insert(self.request(list).await),
        };
        let items = fetched.outcome.clone()?;
        Ok(Recent {
            items,
            requested_at: fetched.requested_at,
        })
    }

    /// Fetches the list, and caches it for other callers.
    pub(crate) async fn fetch(&self, list: impl Future<Output = Result<Vec<T>, Error>>) -> Outcome<T> {
        let fetched = self.request(list).await;
        let outcome = fetched.outcome.clone();
        // If another request is in flight, its waiters must not wait for this one, too.
        if outcome.is_ok()
            && let Ok(mut last) = self.last.try_lock()
            && fetched.writes == self.writes.load(Ordering::SeqCst)
        {
            *last = Some(fetched);
        }
        outcome
    }

    /// Invalidates the cached list. Call after every write that does not call [`SharedList::amend`].
    pub(crate) fn invalidate(&self) {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.unamended.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether a cached list answers a call that began at `called_at`. A failure answers only those that
    /// waited for it.
    fn answers(&self, fetched: &Fetched<T>, called_at: Instant) -> bool {
        let is_fresh = called_at.saturating_duration_since(fetched.received_at) < self.max_age;
        (fetched.outcome.is_ok() && is_fresh) || called_at < fetched.received_at
    }

    async fn request(&self, list: impl Future<Output = Result<Vec<T>, Error>>) -> Fetched<T> {
        let (requested_at, writes) = (Instant::now(), self.writes.load(Ordering::SeqCst));
        let unamended = self.unamended.load(Ordering::SeqCst);
        let outcome = list.await.map(Arc::from);
        Fetched {
            requested_at,
            received_at: Instant::now(),
            outcome,
            writes,
            unamended,
        }
    }
}

impl<T: Clone> SharedList<T> {
    /// Updates the cached list with a write that just succeeded. The next [`SharedList::get`] fetches
    /// the list nevertheless.
    pub(crate) async fn amend(&self, change: impl FnOnce(&mut Vec<T>)) {
        let mut last = self.last.lock().await;
        self.writes.fetch_add(1, Ordering::SeqCst);
        match &mut *last {
            Some(Fetched { outcome: Ok(items), .. }) => {
                let mut changed = items.to_vec();
                change(&mut changed);
                *items = changed.into();
            }
            last => *last = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A platform whose list takes one second, and the number of its calls.
    #[derive(Default)]
    struct Platform(AtomicUsize);

    impl Platform {
        async fn list(&self) -> Result<Vec<String>, Error> {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(vec!["first".to_owned()])
        }

        fn calls(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_reads_share_one_request() {
        let (platform, list) = (Platform::default(), SharedList::default());
        let reads = (0..100).map(|_| list.get(platform.list()));
        for outcome in futures_util::future::join_all(reads).await {
            outcome.unwrap();
        }
        assert_eq!(platform.calls(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn get_after_write_or_max_age_sends_new_request() {
        let (platform, list) = (Platform::default(), SharedList::default());
        list.get(platform.list()).await.unwrap();
        list.get(platform.list()).await.unwrap();
        assert_eq!(platform.calls(), 1);
        list.invalidate();
        list.get(platform.list()).await.unwrap();
        assert_eq!(platform.calls(), 2);
        tokio::time::advance(MAX_AGE).await;
        list.get(platform.list()).await.unwrap();
        assert_eq!(platform.calls(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn recent_includes_own_writes_and_get_fetches_again() {
        let (platform, list) = (Platform::default(), SharedList::default());
        list.recent(platform.list()).await.unwrap();
        list.amend(|items| items.push("second".to_owned())).await;
        let recent = list.recent(platform.list()).await.unwrap();
        assert_eq!(&*recent.items, ["first", "second"]);
        assert_eq!(platform.calls(), 1);
        assert_eq!(&*list.get(platform.list()).await.unwrap(), ["first"]);
        assert_eq!(platform.calls(), 2);
        tokio::time::advance(MAX_AGE).await;
        list.recent(platform.list()).await.unwrap();
        assert_eq!(platform.calls(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn fetched_list_is_cached_unless_write_happened_meanwhile() {
        let (platform, list) = (Platform::default(), SharedList::default());
        list.fetch(platform.list()).await.unwrap();
        list.get(platform.list()).await.unwrap();
        assert_eq!(platform.calls(), 1);
        let change = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            list.amend(Vec::clear).await;
        };
        let (fetched, ()) = tokio::join!(list.fetch(platform.list()), change);
        assert_eq!(fetched.unwrap().len(), 1);
        assert!(list.recent(platform.list()).await.unwrap().items.is_empty());
        assert_eq!(platform.calls(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn write_during_request_is_added_to_its_list() {
        let (platform, list) = (Platform::default(), SharedList::default());
        let change = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            list.amend(|items| items.push("second".to_owned())).await;
        };
        let (_, ()) = tokio::join!(list.recent(platform.list()), change);
        assert_eq!(list.recent(platform.list()).await.unwrap().items.len(), 2);
        assert_eq!(platform.calls(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn get_after_write_returns_list_requested_after_it() {
        let (platform, list) = (Platform::default(), SharedList::default());
        let write_meanwhile = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            list.invalidate();
            list.get(platform.list()).await
        };
        let (before, after) = tokio::join!(list.get(platform.list()), write_meanwhile);
        assert!(before.is_ok() && after.is_ok());
        assert_eq!(platform.calls(), 2);
        // Many writes, then their verifications: one request.
        let writes = (0..10).map(|_| async {
            list.invalidate();
            tokio::task::yield_now().await;
            list.get(platform.list()).await
        });
        futures_util::future::join_all(writes).await;
        assert_eq!(platform.calls(), 3);
        list.invalidate();
        list.recent(platform.list()).await.unwrap();
        assert_eq!(platform.calls(), 4);
    }
}
