//! A transaction that ends with its scope.

use super::handle::StateHandle;
use super::unified::CommitResult;
use std::ops::Deref;
use std::thread;

/// What to do with the result of a commit that nobody waits for.
type Listener = Box<dyn FnOnce(CommitResult) + Send>;

/// A [`StateHandle`] that is rolled back when this is dropped, also while unwinding, unless it was committed before. With
/// [`TransactionGuard::auto_commit`] a normal drop commits instead.
#[must_use = "dropped at once, it ends at once"]
pub struct TransactionGuard {
    handle: StateHandle,
    auto_commit: bool,
    listener: Option<Listener>,
    /// Whether this thread was unwinding when the guard was made: then a drop is normal while it still is.
    unwinding: bool,
}

impl TransactionGuard {
    /// Rolls back when dropped.
    pub fn new(handle: StateHandle) -> TransactionGuard {
        TransactionGuard::made(handle, false, None)
    }
    /// Commits when dropped normally, rolls back when dropped while unwinding. What came of it is lost: where that
    /// matters use [`TransactionGuard::auto_commit_then`].
    pub fn auto_commit(handle: StateHandle) -> TransactionGuard {
        TransactionGuard::made(handle, true, None)
    }
    /// As [`TransactionGuard::auto_commit`], and tells `listener` what came of the commit on drop.
    pub fn auto_commit_then(
        handle: StateHandle,
        listener: impl FnOnce(CommitResult) + Send + 'static,
    ) -> TransactionGuard {
        TransactionGuard::made(handle, true, Some(Box::new(listener)))
    }
    fn made(handle: StateHandle, auto_commit: bool, listener: Option<Listener>) -> TransactionGuard {
        TransactionGuard { handle, auto_commit, listener, unwinding: thread::panicking() }
    }
    /// Commits now. See [`StateHandle::commit`].
    pub fn commit(mut self) -> CommitResult {
        self.auto_commit = false;
        self.handle.finish()
    }
    /// Rolls back now.
    pub fn rollback(mut self) {
        self.auto_commit = false;
    }
}

impl Deref for TransactionGuard {
    type Target = StateHandle;
    fn deref(&self) -> &StateHandle {
        &self.handle
    }
}

impl Drop for TransactionGuard {
    fn drop(&mut self) {
        let normal = self.unwinding || !thread::panicking();
        if self.auto_commit && normal && self.handle.is_open() {
            let result = self.handle.finish();
            if let Some(listener) = self.listener.take() {
                listener(result);
            }
        } else {
            // Nothing happens to one that has ended.
            self.handle.discard();
        }
    }
}
