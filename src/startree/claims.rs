//! Owners of assignments and attachments among the resources of this process.
//!
//! Two resources can declare the same one at the same time: the old and the new address of a
//! renamed resource, or both objects of a replacement with `create_before_destroy`. Deleting the
//! old resource must not delete what the new one declares, whichever is applied first.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::framework::PrivateState;

/// The key in the private state of a number that identifies a resource's object.
const INSTANCE: &str = "instance";

/// The owners of assignments and attachments, by a key for each.
#[derive(Default)]
pub(super) struct Claims(Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<Option<u64>>>>>);

/// The exclusive right to change one assignment or attachment, until it is dropped.
pub(super) struct Claim(OwnedMutexGuard<Option<u64>>);

impl Claims {
    /// Waits until no other resource changes the assignment or attachment with this key.
    pub(super) async fn lock(&self, key: String) -> Claim {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.entry(key).or_default().clone()
        };
        Claim(lock.lock_owned().await)
    }
}

impl Claim {
    /// Makes the resource with this private state the owner.
    pub(super) fn take(&mut self, private: &PrivateState) {
        let instance = private
            .get(INSTANCE)
            .unwrap_or_else(|| RandomState::new().build_hasher().finish());
        private.set(INSTANCE, instance);
        *self.0 = Some(instance);
    }

    /// Returns whether a resource of this process is the owner.
    pub(super) fn is_owned(&self) -> bool {
        self.0.is_some()
    }

    /// Returns whether a resource other than the one with this private state is the owner.
    pub(super) fn belongs_to_other_resource(&self, private: &PrivateState) -> bool {
        self.0.is_some() && *self.0 != private.get(INSTANCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn claim_belongs_to_the_resource_that_took_it_last() {
        let (claims, old, new) = (Claims::default(), PrivateState::default(), PrivateState::default());
        let key = || "reader/ci".to_owned();
        claims.lock(key()).await.take(&old);
        assert!(!claims.lock(key()).await.belongs_to_other_resource(&old));
        claims.lock(key()).await.take(&new);
        assert!(claims.lock(key()).await.belongs_to_other_resource(&old));
        assert!(!claims.lock(key()).await.belongs_to_other_resource(&new));
        assert!(
            !claims
                .lock("reader/cd".to_owned())
                .await
                .belongs_to_other_resource(&old)
        );
        // The state of an earlier version has no number.
        assert!(
            claims
                .lock(key())
                .await
                .belongs_to_other_resource(&PrivateState::default())
        );
    }
}
