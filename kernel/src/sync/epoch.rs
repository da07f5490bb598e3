//! What loom's models have in place of crossbeam-epoch: its contract, not its code.
//!
//! The real one under loom is too large: two threads that pin, publish once and flush were not explored within minutes, as
//! registering, advancing and its queue of garbage multiply every interleaving. So the models prove this kernel's
//! protocols on top of the contract, and crossbeam-epoch's own models and sanitizer runs stand for the contract:
//!
//! - a deferred function runs once every guard that existed when it was deferred is gone, here at the first possible moment
//!   (a flush, or the drop of the last of these guards), which is the worst one for whoever relies on it;
//! - pinning, deferring, unpinning and running deferred functions each are a SeqCst fence, as there: who pins after a
//!   value was retired sees that it was unlinked, and what a reader did happens before the value is destroyed.
//!
//! These fences are tried in every order (see `tracked`). Else the bookkeeping is plain memory of loom's one system thread.

use super::{Ordering, fence};
use std::cell::RefCell;

pub use crossbeam_epoch::Shared;

struct Deferred {
    waits_for: Vec<u64>,
    run: Box<dyn FnOnce()>,
}

#[derive(Default)]
struct Epoch {
    next: u64,
    pinned: Vec<u64>,
    deferred: Vec<Deferred>,
}

std::thread_local! {
    static EPOCH: RefCell<Epoch> = RefCell::new(Epoch::default());
}

/// Begins an execution: to be called in it, before it spawns threads. Forgets what one that failed has left behind.
pub fn begin() {
    // These belong to loom objects that are gone.
    let left = EPOCH.take();
    left.deferred.into_iter().for_each(|deferred| std::mem::forget(deferred.run));
}

fn step() {
    fence(Ordering::SeqCst);
}

/// Keeps what was reachable when it was made from being destroyed.
#[derive(Debug)]
pub struct Guard {
    id: u64,
}

/// Enters the epoch.
pub fn pin() -> Guard {
    step();
    let id = EPOCH.with_borrow_mut(|epoch| {
        epoch.next += 1;
        let id = epoch.next;
        epoch.pinned.push(id);
        id
    });
    Guard { id }
}

fn leave(id: u64) {
    step();
    EPOCH.with_borrow_mut(|epoch| {
        epoch.pinned.retain(|pinned| *pinned != id);
        epoch.deferred.iter_mut().for_each(|deferred| deferred.waits_for.retain(|waits| *waits != id));
    });
    collect();
}

fn collect() {
    loop {
        let ready = EPOCH.with_borrow_mut(|epoch| {
            let at = epoch.deferred.iter().position(|deferred| deferred.waits_for.is_empty())?;
            Some(epoch.deferred.remove(at))
        });
        let Some(ready) = ready else { return };
        step();
        (ready.run)();
    }
}

impl Guard {
    /// Runs `f` once every guard that exists now is gone.
    pub fn defer<F: FnOnce() + Send + 'static>(&self, f: F) {
        self.push(Box::new(f));
    }

    /// Destroys what `shared` points at once every guard that exists now is gone.
    ///
    /// # Safety
    /// As in crossbeam-epoch: made by a box, unreachable for whoever pins from now on, and destroyed once.
    pub unsafe fn defer_destroy<T: 'static>(&self, shared: Shared<'_, T>) {
        let raw = shared.as_raw().cast_mut();
        // SAFETY: the caller's.
        self.push(Box::new(move || drop(unsafe { Box::from_raw(raw) })));
    }

    /// Runs what is ready.
    pub fn flush(&self) {
        collect();
    }

    /// Leaves and enters again.
    pub fn repin(&mut self) {
        leave(self.id);
        let Guard { id } = *std::mem::ManuallyDrop::new(pin());
        self.id = id;
    }

    fn push(&self, run: Box<dyn FnOnce()>) {
        step();
        EPOCH.with_borrow_mut(|epoch| {
            let waits_for = epoch.pinned.clone();
            epoch.deferred.push(Deferred { waits_for, run });
        });
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        leave(self.id);
    }
}
