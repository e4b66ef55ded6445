//! One list of what exists, shared by all who need it at the same time.
//!
//! Terraform refreshes, plans and applies every resource by a call of its own, all at once. They share one request: the
//! first one sends it, the others wait for its answer, be it a success or a failure. A change that this process makes is
//! entered in the list it has, so that the next creation need not fetch it again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::rest::Error;

/// How long a list may serve. A refresh of many resources is over sooner; a data source that is read late in a long
/// apply, perhaps after somebody else's change, gets a new one.
const MAX_AGE: Duration = Duration::from_secs(10);

/// The list that was fetched last.
pub(crate) struct Snapshot<T> {
    last: Mutex<Option<Seen<T>>>,
    /// How many changes this process has made.
    changes: AtomicU64,
}

/// A list that may be some seconds old, with the changes that this process has made since.
pub(crate) struct Recent<T> {
    pub(crate) items: Arc<[T]>,
    /// When the list was requested: what others changed later is not in it.
    pub(crate) asked: Instant,
}

type Outcome<T> = Result<Arc<[T]>, Error>;

struct Seen<T> {
    asked: Instant,
    at: Instant,
    outcome: Outcome<T>,
    /// The number of changes made before it was requested.
    changes: u64,
}

impl<T> Default for Snapshot<T> {
    fn default() -> Self {
        Self {
            last: Mutex::new(None),
            changes: AtomicU64::new(0),
        }
    }
}

impl<T> Seen<T> {
    /// Whether it may serve a request made at `asked`: a failure only those that waited for it.
    fn serves(&self, asked: Instant) -> bool {
        let is_fresh = asked.saturating_duration_since(self.at) < MAX_AGE;
        (self.outcome.is_ok() && is_fresh) || asked < self.at
    }
}

impl<T> Snapshot<T> {
    /// What exists, by a list that was requested after this process made its last change.
    pub(crate) async fn get(&self, list: impl Future<Output = Result<Vec<T>, Error>>) -> Outcome<T> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        let changes = self.changes.load(Ordering::Relaxed);
        match &*last {
            Some(seen) if seen.changes == changes && seen.serves(asked) => seen.outcome.clone(),
            _ => last.insert(seen(changes, list).await).outcome.clone(),
        }
    }

    /// What exists, by a list that may be older than this process's last change: that change is entered in it.
    pub(crate) async fn recent(&self, list: impl Future<Output = Result<Vec<T>, Error>>) -> Result<Recent<T>, Error> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        let seen = match &mut *last {
            Some(seen) if seen.serves(asked) => seen,
            last => last.insert(seen(self.changes.load(Ordering::Relaxed), list).await),
        };
        let items = seen.outcome.clone()?;
        Ok(Recent {
            items,
            asked: seen.asked,
        })
    }

    /// What exists now, by a request of its own, whose answer serves others as well.
    pub(crate) async fn fetch(&self, list: impl Future<Output = Result<Vec<T>, Error>>) -> Outcome<T> {
        let changes = self.changes.load(Ordering::Relaxed);
        let seen = seen(changes, list).await;
        let outcome = seen.outcome.clone();
        // Another list may be under way: whoever waits for that one does not wait for this one, too.
        if outcome.is_ok()
            && let Ok(mut last) = self.last.try_lock()
            && changes == self.changes.load(Ordering::Relaxed)
        {
            *last = Some(seen);
        }
        outcome
    }

    /// Forgets the list, because something was changed, or may have been.
    pub(crate) async fn forget(&self) {
        let mut last = self.last.lock().await;
        self.changes.fetch_add(1, Ordering::Relaxed);
        *last = None;
    }
}

impl<T: Clone> Snapshot<T> {
    /// Enters a change that was just made in the list.
    pub(crate) async fn amend(&self, change: impl FnOnce(&mut Vec<T>)) {
        let mut last = self.last.lock().await;
        self.changes.fetch_add(1, Ordering::Relaxed);
        match &mut *last {
            Some(Seen { outcome: Ok(items), .. }) => {
                let mut changed = items.to_vec();
                change(&mut changed);
                *items = changed.into();
            }
            last => *last = None,
        }
    }
}

/// Requests a list after so many changes.
async fn seen<T>(changes: u64, list: impl Future<Output = Result<Vec<T>, Error>>) -> Seen<T> {
    let asked = Instant::now();
    let outcome = list.await.map(Arc::from);
    Seen {
        asked,
        at: Instant::now(),
        outcome,
        changes,
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

    #[tokio::test(start_paused = true)]
    async fn recent_list_includes_own_changes_and_get_fetches_again() {
        let (platform, snapshot) = (Platform::default(), Snapshot::default());
        snapshot.recent(platform.list()).await.unwrap();
        snapshot.amend(|items| items.push("second".to_owned())).await;
        let recent = snapshot.recent(platform.list()).await.unwrap();
        assert_eq!(&*recent.items, ["first", "second"]);
        assert_eq!(platform.calls(), 1);
        assert_eq!(&*snapshot.get(platform.list()).await.unwrap(), ["first"]);
        assert_eq!(platform.calls(), 2);
        tokio::time::advance(MAX_AGE).await;
        snapshot.recent(platform.list()).await.unwrap();
        assert_eq!(platform.calls(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn fetched_list_serves_others_unless_something_changed_meanwhile() {
        let (platform, snapshot) = (Platform::default(), Snapshot::default());
        snapshot.fetch(platform.list()).await.unwrap();
        snapshot.get(platform.list()).await.unwrap();
        assert_eq!(platform.calls(), 1);
        let change = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            snapshot.amend(Vec::clear).await;
        };
        let (fetched, ()) = tokio::join!(snapshot.fetch(platform.list()), change);
        assert_eq!(fetched.unwrap().len(), 1);
        assert!(snapshot.recent(platform.list()).await.unwrap().items.is_empty());
        assert_eq!(platform.calls(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn change_during_a_list_is_entered_after_it() {
        let (platform, snapshot) = (Platform::default(), Snapshot::default());
        let change = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            snapshot.amend(|items| items.push("second".to_owned())).await;
        };
        let (_, ()) = tokio::join!(snapshot.recent(platform.list()), change);
        assert_eq!(snapshot.recent(platform.list()).await.unwrap().items.len(), 2);
        assert_eq!(platform.calls(), 1);
    }
}
