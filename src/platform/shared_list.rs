//! One list of what exists, shared by all who need it at the same time.
//!
//! Terraform refreshes, plans and applies every resource by a call of its own, all at once. They share one request: the
//! first one sends it, the others wait for its answer, be it a success or a failure. A write of this process invalidates
//! the list: whoever reads it afterwards gets one that was requested after the write, so that the list can verify the
//! write, and concurrent verifications share a request, too. A creation needs no more than what is taken: for it a write
//! whose outcome is known is entered in the list at hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::rest::Error;

/// How long a list may serve, unless it is said otherwise. A refresh of many resources is over sooner; a data source that
/// is read late in a long apply, perhaps after a change by another client, gets a new one.
const MAX_AGE: Duration = Duration::from_secs(10);

/// The list that was fetched last, and the writes that invalidate it.
pub(crate) struct SharedList<T> {
    max_age: Duration,
    last: Mutex<Option<Fetched<T>>>,
    /// How many writes this process has made.
    writes: AtomicU64,
    /// How many of them are entered in no list.
    unentered: AtomicU64,
}

/// A list that may be some seconds old, with the changes that this process has made since.
pub(crate) struct Recent<T> {
    pub(crate) items: Arc<[T]>,
    /// When the list was requested: what others changed later is not in it.
    pub(crate) asked: Instant,
}

type Outcome<T> = Result<Arc<[T]>, Error>;

struct Fetched<T> {
    asked: Instant,
    received: Instant,
    outcome: Outcome<T>,
    /// The writes before it was requested.
    writes: u64,
    unentered: u64,
}

impl<T> Default for SharedList<T> {
    fn default() -> Self {
        Self::new(MAX_AGE)
    }
}

impl<T> SharedList<T> {
    /// A list that serves for `max_age`, as others may change it.
    pub(crate) fn new(max_age: Duration) -> Self {
        Self {
            max_age,
            last: Mutex::new(None),
            writes: AtomicU64::new(0),
            unentered: AtomicU64::new(0),
        }
    }

    /// What exists, by a list that was requested after the writes that this process has made until now.
    pub(crate) async fn get(&self, list: impl Future<Output = Result<Vec<T>, Error>>) -> Outcome<T> {
        let (asked, needed) = (Instant::now(), self.writes.load(Ordering::SeqCst));
        let mut last = self.last.lock().await;
        match &*last {
            Some(fetched) if fetched.writes >= needed && self.serves(fetched, asked) => fetched.outcome.clone(),
            _ => last.insert(self.request(list).await).outcome.clone(),
        }
    }

    /// What exists, by a list that may be older than this process's last write: that write is entered in it.
    pub(crate) async fn recent(&self, list: impl Future<Output = Result<Vec<T>, Error>>) -> Result<Recent<T>, Error> {
        let (asked, needed) = (Instant::now(), self.unentered.load(Ordering::SeqCst));
        let mut last = self.last.lock().await;
        let fetched = match &mut *last {
            Some(fetched) if fetched.unentered >= needed && self.serves(fetched, asked) => fetched,
            last => last.insert(self.request(list).await),
        };
        let items = fetched.outcome.clone()?;
        Ok(Recent {
            items,
            asked: fetched.asked,
        })
    }

    /// What exists now, by a request of its own, whose answer serves others as well.
    pub(crate) async fn fetch(&self, list: impl Future<Output = Result<Vec<T>, Error>>) -> Outcome<T> {
        let fetched = self.request(list).await;
        let outcome = fetched.outcome.clone();
        // Another list may be under way: whoever waits for that one does not wait for this one, too.
        if outcome.is_ok()
            && let Ok(mut last) = self.last.try_lock()
            && fetched.writes == self.writes.load(Ordering::SeqCst)
        {
            *last = Some(fetched);
        }
        outcome
    }

    /// Invalidates the list. Call after every write whose outcome is not entered by [`SharedList::amend`].
    pub(crate) fn invalidate(&self) {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.unentered.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether a list may serve who asked at this instant: a failure only those that waited for it.
    fn serves(&self, fetched: &Fetched<T>, asked: Instant) -> bool {
        let is_fresh = asked.saturating_duration_since(fetched.received) < self.max_age;
        (fetched.outcome.is_ok() && is_fresh) || asked < fetched.received
    }

    async fn request(&self, list: impl Future<Output = Result<Vec<T>, Error>>) -> Fetched<T> {
        let (asked, writes) = (Instant::now(), self.writes.load(Ordering::SeqCst));
        let unentered = self.unentered.load(Ordering::SeqCst);
        let outcome = list.await.map(Arc::from);
        Fetched {
            asked,
            received: Instant::now(),
            outcome,
            writes,
            unentered,
        }
    }
}

impl<T: Clone> SharedList<T> {
    /// Enters a write that was just made in the list at hand. The next [`SharedList::get`] requests a new one all the same.
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

    /// A list that takes a second, and how often it was asked for.
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
    async fn write_or_age_makes_a_new_request() {
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
    async fn recent_list_includes_own_changes_and_get_fetches_again() {
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
    async fn fetched_list_serves_others_unless_something_changed_meanwhile() {
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
    async fn change_during_a_list_is_entered_after_it() {
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
    async fn read_after_write_gets_a_list_requested_after_it() {
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
