//! The one door to atomics, fences, epochs and waiting: std's, or loom's under `--cfg loom`. Nothing else in the
//! workspace names them.
//!
//! # Weakened twins
//!
//! A loom model proves something only if it can fail. Each protocol names its load-bearing steps, and under loom a
//! model's twin can leave one out: `if !weakened("ring: stamp last") { ... }`, or an ordering given as
//! `order("wide: publish", Ordering::AcqRel)`, which is Relaxed in the twin. The stress test can do the same where it is built
//! with `--cfg eclvm_weakened`. In all other builds both are constants.

#[cfg(loom)]
pub use loom::{
    hint::spin_loop,
    sync::{Arc, Mutex, MutexGuard, atomic::Ordering},
    thread::yield_now,
};
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
pub mod tracked;
#[cfg(loom)]
pub use tracked::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, OnceLock, fence};

#[cfg(loom)]
std::thread_local! {
    // Loom runs all threads of a model on one thread of the system, so this is one cell per model.
    static WEAKENED: std::cell::Cell<&'static str> = const { std::cell::Cell::new("") };
}
#[cfg(all(eclvm_weakened, not(loom)))]
static WEAKENED: OnceLock<&'static str> = OnceLock::new();

/// Names the one step that the models run by this thread leave out; "" for none.
#[cfg(loom)]
pub fn weaken(step: &'static str) {
    WEAKENED.set(step);
}
/// Names the one step that this process leaves out, for good.
#[cfg(all(eclvm_weakened, not(loom)))]
pub fn weaken(step: &'static str) {
    WEAKENED.get_or_init(|| step);
}

/// Whether this step is left out. Always false in what ships.
#[cfg(loom)]
pub fn weakened(step: &'static str) -> bool {
    WEAKENED.get() == step
}
/// Whether this step is left out. Always false in what ships.
#[cfg(all(eclvm_weakened, not(loom)))]
pub fn weakened(step: &'static str) -> bool {
    WEAKENED.get().is_some_and(|left_out| *left_out == step)
}
/// Whether this step is left out. Always false in what ships.
#[cfg(not(any(loom, eclvm_weakened)))]
#[inline(always)]
pub const fn weakened(_step: &'static str) -> bool {
    false
}

/// The ordering of this step: as given, or Relaxed in the twin that weakens it.
#[inline(always)]
pub fn order(step: &'static str, ordering: Ordering) -> Ordering {
    if weakened(step) { Ordering::Relaxed } else { ordering }
}
