//! Which resource of this process holds an assignment or an attachment.
//!
//! Two resources can stand for the same one at the same time: the old and the new address of a renamed resource, or both
//! objects of a replacement that creates before it destroys. Whichever comes last, what the new one declares must stay.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use super::connection::Context;

/// The key in the private state: a number that distinguishes a resource's object from every other.
const INSTANCE: &str = "instance";

/// Who holds what, by a key for each thing that can be held.
#[derive(Default)]
pub(super) struct Claims(Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<Option<u64>>>>>);

/// The exclusive right to change one thing, until it is dropped.
pub(super) struct Claim(OwnedMutexGuard<Option<u64>>);

impl Claims {
    /// Waits for all who change the thing under this key.
    pub(super) async fn lock(&self, key: String) -> Claim {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.entry(key).or_default().clone()
        };
        Claim(lock.lock_owned().await)
    }
}

impl Claim {
    /// Holds the thing for a resource from now on.
    pub(super) fn hold(&mut self, context: &Context) {
        let instance = context
            .private
            .get(INSTANCE)
            .unwrap_or_else(|| RandomState::new().build_hasher().finish());
        context.private.set(INSTANCE, instance);
        *self.0 = Some(instance);
    }

    /// Whether a resource of this process holds the thing.
    pub(super) fn is_held(&self) -> bool {
        self.0.is_some()
    }

    /// Whether another resource holds the thing by now.
    pub(super) fn is_of_another(&self, context: &Context) -> bool {
        self.0.is_some() && *self.0 != context.private.get(INSTANCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn claim_of_a_later_resource_stands() {
        let (claims, old, new) = (Claims::default(), Context::default(), Context::default());
        let key = || "reader/ci".to_owned();
        claims.lock(key()).await.hold(&old);
        assert!(!claims.lock(key()).await.is_of_another(&old));
        claims.lock(key()).await.hold(&new);
        assert!(claims.lock(key()).await.is_of_another(&old));
        assert!(!claims.lock(key()).await.is_of_another(&new));
        assert!(!claims.lock("reader/cd".to_owned()).await.is_of_another(&old));
        // An object of an earlier version has no number.
        assert!(claims.lock(key()).await.is_of_another(&Context::default()));
    }
}
