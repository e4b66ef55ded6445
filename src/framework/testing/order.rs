//! The order of operations in a run: dependencies, parallelism and interrupts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use super::lock;

/// The state of operations by address, and their waiting dependents.
pub(super) struct Order {
    finished: BTreeMap<String, CancellationToken>,
    failed: Mutex<BTreeSet<String>>,
}

impl Order {
    pub(super) fn of<'a>(addresses: impl IntoIterator<Item = &'a String>) -> Self {
        let addresses = addresses.into_iter();
        Self {
            finished: addresses
                .map(|address| (address.clone(), CancellationToken::new()))
                .collect(),
            failed: Mutex::default(),
        }
    }

    /// Waits for the operations at these addresses. Returns whether all succeeded.
    pub(super) async fn after<'a>(&self, addresses: impl IntoIterator<Item = &'a String>) -> bool {
        let mut succeeded = true;
        for address in addresses {
            if let Some(finished) = self.finished.get(address) {
                finished.cancelled().await;
            }
            succeeded &= !lock(&self.failed).contains(address);
        }
        succeeded
    }

    /// Marks an operation as finished.
    pub(super) fn finish(&self, address: &str, succeeded: bool) {
        if !succeeded {
            lock(&self.failed).insert(address.to_owned());
        }
        if let Some(finished) = self.finished.get(address) {
            finished.cancel();
        }
    }
}

/// Limits the number of concurrent operations. No operation starts after an interrupt.
pub(super) struct Gate {
    permits: Semaphore,
    is_closed: AtomicBool,
}

impl Gate {
    pub(super) fn new(parallelism: usize) -> Self {
        Self {
            permits: Semaphore::new(parallelism.max(1)),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Waits until an operation may start; `None` after an interrupt.
    pub(super) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        let permit = self.permits.acquire().await.ok()?;
        (!self.is_closed()).then_some(permit)
    }

    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }
}
