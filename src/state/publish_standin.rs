//! A stand-in for `eclvm_kernel::publish`, with the same API: versions behind a lock, instead of behind an epoch. It goes
//! when that module is there: `unified.rs` names it in one `use`.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A value of which new versions are published as a whole. Versions count from 1.
#[derive(Debug)]
pub(crate) struct Published<T> {
    now: Mutex<Snapshot<T>>,
}

/// One version, owned.
#[derive(Debug)]
pub(crate) struct Snapshot<T> {
    value: Arc<T>,
    version: u64,
}

/// The version that was expected is no longer the current one.
#[derive(Debug)]
pub(crate) struct Stale<T> {
    /// What was to be published.
    #[expect(dead_code, reason = "part of the API that this stands in for")]
    pub(crate) value: T,
    /// The version that is current.
    #[expect(dead_code, reason = "part of the API that this stands in for")]
    pub(crate) current: u64,
}

impl<T: Send + Sync + 'static> Published<T> {
    pub(crate) fn new(value: T) -> Published<T> {
        Published { now: Mutex::new(Snapshot { value: Arc::new(value), version: 1 }) }
    }
    fn now(&self) -> MutexGuard<'_, Snapshot<T>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(crate) fn load(&self) -> Snapshot<T> {
        self.now().clone()
    }
    pub(crate) fn publish_if(&self, expected: u64, value: T) -> Result<u64, Stale<T>> {
        let mut now = self.now();
        if now.version != expected {
            return Err(Stale { value, current: now.version });
        }
        let old = core::mem::replace(&mut *now, Snapshot { value: Arc::new(value), version: expected + 1 });
        drop(now);
        // The last holder of a version frees what no other shares: not under the lock.
        drop(old);
        Ok(expected + 1)
    }
}

impl<T> Snapshot<T> {
    pub(crate) fn version(&self) -> u64 {
        self.version
    }
}

impl<T> Clone for Snapshot<T> {
    fn clone(&self) -> Self {
        Snapshot { value: self.value.clone(), version: self.version }
    }
}

impl<T> Deref for Snapshot<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}
