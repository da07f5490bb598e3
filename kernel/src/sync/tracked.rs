//! Loom's atomics, fences and cells, such that loom explores every order of what conflicts.
//!
//! # The blind spot
//!
//! Loom explores another order of two accesses where it notices that they conflict. Of each atomic it remembers only the
//! last access for that, and a load does not count as ordered after another load. So where a thread loads a word and then
//! writes it, its own load is what loom compares the write with, and an earlier load of another thread is forgotten:
//!
//! ```text
//!   thread A   a: load x                     the write c conflicts with a. Loom compares c with b, which is of the same
//!   thread B             b: load x, c: cas x   thread, and never tries c before a: what A does where x has changed is
//!                                              not explored at all.
//! ```
//!
//! Loading and then swapping is what most protocols here do. Nor does loom look for other orders of SeqCst fences, or of
//! who fills a cell.
//!
//! # The remedy
//!
//! Each atomic has, for each thread that has loaded it, a *witness*: an object of loom whose accesses all conflict with
//! each other. After a load a thread touches its own witness; after a write it touches the witnesses of all others. As only
//! one thread's loads touch a witness, and each write all of them, the last access of a witness never hides an earlier one. A
//! witness is touched in the same step as the access itself (loom is told not to switch threads in between, and moves
//! a conflict it finds there back to the access), so this makes orders explored that were not, and none twice. Loads
//! do not conflict with loads.
//!
//! A witness is a `Notify` that is notified and never waited for: a thread that only notifies learns nothing from others, so it
//! orders no memory. A SeqCst fence touches one witness of the whole execution in front of it, a cell its own.

use loom::sync::Notify;
use loom::sync::atomic::Ordering;
use loom::thread::ThreadId;
use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex, PoisonError};

std::thread_local! {
    // Loom runs all threads of a model on one thread of the system.
    static FORGETS: Cell<bool> = const { Cell::new(false) };
    static BY_CONTRACT: Cell<bool> = const { Cell::new(false) };
    static FENCES: RefCell<Option<Arc<Notify>>> = const { RefCell::new(None) };
}

/// Makes the models run by this thread explore what loom by itself does, but for fences: to show what it misses, and where a
/// model is too large otherwise.
pub fn forget_loads(forget: bool) {
    FORGETS.set(forget);
}

/// Makes registers of several words (`crate::wide`) that are made from now on in this execution what their contract says
/// and no more: a load that names one value, and a swap. Their own models prove that they keep it, so that models of what
/// is built on them need not explore their slots again.
pub fn take_registers_by_contract() {
    BY_CONTRACT.set(true);
}
pub(crate) fn registers_by_contract() -> bool {
    BY_CONTRACT.get()
}

/// Begins an execution: to be called in it, before it spawns threads.
pub fn begin() {
    BY_CONTRACT.set(false);
    FENCES.set(Some(Arc::new(Notify::new())));
}

/// A fence. SeqCst ones are tried in every order with each other.
pub fn fence(ordering: Ordering) {
    if ordering == Ordering::SeqCst
        && let Some(witness) = FENCES.with_borrow(Clone::clone)
    {
        witness.notify();
    }
    loom::sync::atomic::fence(ordering);
}

/// Touches a witness in one step with the access before it.
fn touch(witness: &Notify) {
    loom::stop_exploring();
    witness.notify();
    loom::explore();
}

/// One witness for each thread that has loaded an atomic.
#[derive(Debug, Default)]
struct Witnesses(Mutex<Vec<(ThreadId, Arc<Notify>)>>);

impl Witnesses {
    fn loaded(&self) {
        if FORGETS.get() {
            return;
        }
        let own = loom::thread::current().id();
        let witness = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match all.iter().find(|(thread, _)| *thread == own) {
                Some((_, witness)) => witness.clone(),
                None => {
                    let witness = Arc::new(Notify::new());
                    all.push((own, witness.clone()));
                    witness
                }
            }
        };
        touch(&witness);
    }

    fn written(&self) {
        if FORGETS.get() {
            return;
        }
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let own = loom::thread::current().id();
        all.iter().filter(|(thread, _)| *thread != own).for_each(|(_, witness)| touch(witness));
    }
}

macro_rules! atomic {
    ($(#[$doc:meta])* $name:ident $(<$t:ident>)?, $value:ty) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name $(<$t>)? {
            word: loom::sync::atomic::$name $(<$t>)?,
            witnesses: Witnesses,
        }

        impl $(<$t>)? $name $(<$t>)? {
            /// As std's.
            #[track_caller]
            pub fn new(value: $value) -> Self {
                Self { word: loom::sync::atomic::$name::new(value), witnesses: Witnesses::default() }
            }
            /// As std's.
            #[track_caller]
            pub fn load(&self, order: Ordering) -> $value {
                let value = self.word.load(order);
                self.witnesses.loaded();
                value
            }
            /// As std's.
            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                self.word.store(value, order);
                self.witnesses.written();
            }
            /// As std's.
            #[track_caller]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                let old = self.word.swap(value, order);
                self.witnesses.written();
                old
            }
            /// As std's. Loom counts one that fails as a write, too.
            #[track_caller]
            pub fn compare_exchange(
                &self,
                from: $value,
                to: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let result = self.word.compare_exchange(from, to, success, failure);
                self.witnesses.written();
                result
            }
            /// As std's, but never fails for nothing.
            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                from: $value,
                to: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(from, to, success, failure)
            }
        }
    };
}

macro_rules! default {
    ($($name:ident)*) => {
        $(
            impl Default for $name {
                fn default() -> Self {
                    Self::new(Default::default())
                }
            }
        )*
    };
}

macro_rules! changes {
    ($name:ident, $value:ty: $($change:ident),*) => {
        impl $name {
            $(
                /// As std's.
                #[track_caller]
                pub fn $change(&self, value: $value, order: Ordering) -> $value {
                    let old = self.word.$change(value, order);
                    self.witnesses.written();
                    old
                }
            )*
        }
    };
}

macro_rules! numbers {
    ($($name:ident, $value:ty;)*) => {
        $(
            atomic!(
                /// A number, with witnesses.
                $name, $value
            );
            changes!($name, $value: fetch_add, fetch_sub, fetch_and, fetch_or, fetch_max, fetch_min);
        )*
    };
}

numbers! {
    AtomicU8, u8;
    AtomicU32, u32;
    AtomicU64, u64;
    AtomicUsize, usize;
}
atomic!(
    /// A truth value, with witnesses.
    AtomicBool, bool
);
changes!(AtomicBool, bool: fetch_and, fetch_or);
atomic!(
    /// A pointer, with witnesses.
    AtomicPtr<T>, *mut T
);

default!(AtomicU8 AtomicU32 AtomicU64 AtomicUsize AtomicBool);

/// std's cell that is written once, made visible to loom: std's own holds the value, a flag that loom knows says whether
/// it can be seen. Who loses the race to fill it waits for the flag, as std's waits for the winner. What fills it must
/// not touch atomics that others touch.
#[derive(Debug)]
pub struct OnceLock<T> {
    cell: std::sync::OnceLock<T>,
    seen: AtomicBool,
    filling: Notify,
}

impl<T> OnceLock<T> {
    /// An empty cell.
    #[allow(clippy::new_without_default, reason = "only what the kernel uses of std's")]
    pub fn new() -> OnceLock<T> {
        let cell = std::sync::OnceLock::new();
        OnceLock { cell, seen: AtomicBool::new(false), filling: Notify::new() }
    }
    /// The value, where there is one.
    pub fn get(&self) -> Option<&T> {
        if self.seen.load(Ordering::Acquire) { self.cell.get() } else { None }
    }
    /// Fills the cell; the error is the value where it was full.
    pub fn set(&self, value: T) -> Result<(), T> {
        self.race();
        let result = self.cell.set(value);
        self.meet(result.is_ok());
        result
    }
    /// The value; fills the cell where it is empty.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        self.race();
        let mut mine = false;
        let value = self.cell.get_or_init(|| {
            mine = true;
            make()
        });
        self.meet(mine);
        value
    }
    /// Who comes first here fills the cell.
    fn race(&self) {
        if !FORGETS.get() {
            self.filling.notify();
        }
    }
    fn meet(&self, mine: bool) {
        if mine {
            self.seen.store(true, Ordering::Release);
        }
        while !self.seen.load(Ordering::Acquire) {
            super::yield_now();
        }
    }
}
