//! The one door to atomics, fences, epochs and waiting: std's, or loom's under `--cfg loom`. Nothing else in the
//! workspace names them.
//!
//! # Weakened twins
//!
//! A loom model proves something only if it can fail. Each protocol names its load-bearing steps, and under loom a
//! model's twin can leave one out: `if !weakened("ring: stamp last") { ... }`, or an ordering given as
//! `order("wide: publish", Ordering::AcqRel)`, which is Relaxed in the twin. Outside loom both are constants.

#[cfg(loom)]
pub use loom::{
    hint::spin_loop,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    },
    thread::yield_now,
};
#[cfg(loom)]
pub use once::OnceLock;
#[cfg(not(loom))]
pub use std::{
    hint::spin_loop,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    },
    thread::yield_now,
};

#[cfg(not(loom))]
pub use crossbeam_epoch as epoch;
pub use crossbeam_utils::CachePadded;

#[cfg(loom)]
pub mod epoch;

#[cfg(loom)]
std::thread_local! {
    // Loom runs all threads of a model on one thread of the system, so this is one cell per model.
    static WEAKENED: std::cell::Cell<&'static str> = const { std::cell::Cell::new("") };
}

/// Names the one step that the models run by this thread leave out; "" for none.
#[cfg(loom)]
pub fn weaken(step: &'static str) {
    WEAKENED.set(step);
}

/// std's cell that is written once, made visible to loom: std's own holds the value, a flag that loom knows says whether
/// it can be seen. Who loses the race to fill it waits for the flag, as std's waits for the winner.
#[cfg(loom)]
mod once {
    use super::{AtomicBool, Ordering, yield_now};

    /// See the module.
    #[derive(Debug)]
    pub struct OnceLock<T> {
        cell: std::sync::OnceLock<T>,
        seen: AtomicBool,
    }

    impl<T> OnceLock<T> {
        /// An empty cell.
        #[allow(clippy::new_without_default, reason = "only what the kernel uses of std's")]
        pub fn new() -> OnceLock<T> {
            OnceLock { cell: std::sync::OnceLock::new(), seen: AtomicBool::new(false) }
        }
        /// The value, where there is one.
        pub fn get(&self) -> Option<&T> {
            if self.seen.load(Ordering::Acquire) { self.cell.get() } else { None }
        }
        /// Fills the cell; the error is the value where it was full.
        pub fn set(&self, value: T) -> Result<(), T> {
            let result = self.cell.set(value);
            match result {
                Ok(()) => self.seen.store(true, Ordering::Release),
                Err(_) => {
                    while !self.seen.load(Ordering::Acquire) {
                        yield_now();
                    }
                }
            }
            result
        }
        /// The value; fills the cell where it is empty.
        pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
            let mut mine = false;
            let value = self.cell.get_or_init(|| {
                mine = true;
                make()
            });
            if mine {
                self.seen.store(true, Ordering::Release);
            }
            while !self.seen.load(Ordering::Acquire) {
                yield_now();
            }
            value
        }
    }
}

/// Whether a twin leaves this step out. Always false outside loom.
#[cfg(loom)]
pub fn weakened(step: &'static str) -> bool {
    WEAKENED.get() == step
}
/// Whether a twin leaves this step out. Always false outside loom.
#[cfg(not(loom))]
#[inline(always)]
pub const fn weakened(_step: &'static str) -> bool {
    false
}

/// The ordering of this step: as given, or Relaxed in the twin that weakens it.
#[inline(always)]
pub fn order(step: &'static str, ordering: Ordering) -> Ordering {
    if weakened(step) { Ordering::Relaxed } else { ordering }
}
