//! A lock for each of many things, made when it is first asked for and gone when nobody holds or awaits it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

type Inner = Arc<tokio::sync::Mutex<()>>;

/// Locks by key.
#[derive(Debug)]
pub struct Locks<K>(Mutex<HashMap<K, Inner>>);

impl<K> Default for Locks<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Locks<K> {
    /// Waits for the lock of this key. It is held until the guard is dropped.
    pub async fn lock(&self, key: K) -> OwnedMutexGuard<()> {
        let lock = {
            let mut all = self.all();
            // A lock that only this map has is held and awaited by nobody.
            all.retain(|_, lock| Arc::strong_count(lock) > 1);
            all.entry(key).or_default().clone()
        };
        lock.lock_owned().await
    }

    fn all(&self) -> MutexGuard<'_, HashMap<K, Inner>> {
        // A panic elsewhere left a map that is whole: each change of it is one retain or insert.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn one_key_has_one_holder_and_others_are_free() {
        let locks = Locks::default();
        let first = locks.lock("a").now_or_never();
        assert!(first.is_some());
        assert!(locks.lock("a").now_or_never().is_none(), "it is held");
        assert!(locks.lock("b").now_or_never().is_some());
        drop(first);
        assert!(locks.lock("a").now_or_never().is_some());
        assert_eq!(locks.all().len(), 1, "nothing is kept of the others");
    }
}
