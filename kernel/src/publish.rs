//! Published values: one current, immutable version that many threads read while others replace it as a whole. Prices,
//! policy sets and worlds live in one.
//!
//! # The protocol
//!
//! A version is a number and a value in one allocation, counted like an `Arc`. `current` points at the newest one and
//! owns one count of it.
//!
//! - *Pin.* A reader enters the epoch, then loads `current` (Acquire), and reads. It writes only a line of its own thread,
//!   waits for nobody, and what it points at cannot be freed before it leaves the epoch.
//! - *Load.* A reader pins, adds one to the version's count, leaves the epoch. The count is at least one while it is
//!   pinned, for `current`'s count is given back only after every epoch in which it could be seen. Such a snapshot may be
//!   held for hours: it keeps its own version alive and holds up nothing else.
//! - *Publish.* A writer pins, compares the current number with the one its value was made from, and swaps the pointer
//!   from the very version it compared (Release, so that who sees the pointer sees the value). That version cannot be
//!   freed, hence its address cannot be used again, while the writer is pinned: equal pointers are equal versions (no
//!   ABA). Of two writers one swaps; the other gets its value back.
//! - *Retire.* The winner alone hands the old version to the epoch: its count is given back once every reader that was
//!   pinned at the time has left. Then it pushes the epoch on ([`Published::reclaim`]), so that a process that
//!   publishes once and then idles holds no old version, unless a reader was pinned just then; that one is freed by the
//!   next publish, `reclaim`, `stats`, or by any thread's 128th pin.
//! - *Dropping.* No `Pinned` of it can be alive (it borrows), so the current version's count is given back at once.
//!   Versions that still wait are in the epoch's hands and are freed when it moves on, whether this value lives or not.
//! - *A panicking destructor* of a retired value is caught and counted: it would else unwind out of whichever thread moved
//!   the epoch on, and take the rest of its batch with it. (Who drops the last snapshot of a version runs the destructor
//!   itself, and its panic is its own.)
//!
//! # Whose epoch
//!
//! The process-wide one of crossbeam-epoch: a thread has one participant for all published values, found in a
//! thread-local, and pinning costs a store and a fence. An epoch for each published value would need a participant
//! for each thread and value, made and found on every pin and kept until the thread ends. The price: a reader that stays pinned
//! holds up the versions of every published value. So `Pinned` is for short reads, and [`PublishStats`] tells
//! when one was not: versions that wait although `reclaim` was tried. Each costs its own size and about 2 KiB.
//!
//! The kernel has no clock. Callers that have one pass it to [`Published::publish_if_at`] and [`Published::stats_at`],
//! and compare [`PublishStats::stalled_ns`] with [`STALLED_READER_NS`](crate::limits::STALLED_READER_NS).

use crate::sync::{Arc, AtomicPtr, AtomicU64, CachePadded, Mutex, Ordering, epoch, order};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Times a publish pushes the epoch on: a version is free two steps after it was retired, and the first push may find
/// this thread still in an older epoch.
const ROUNDS: usize = if cfg!(loom) { 1 } else { 3 };

/// One version: its number and its value.
// In this order in memory also for `ManuallyDrop<T>`, which the models' twin relies on.
#[repr(C)]
struct Version<T> {
    number: u64,
    // Written after the rest, so that models see whether the rest was published: plain memory they cannot watch.
    #[cfg(loom)]
    whole: AtomicU64,
    value: T,
}

impl<T> Version<T> {
    fn raw(number: u64, value: T) -> *mut Version<T> {
        #[cfg(loom)]
        let version = Arc::new(Version { number, whole: AtomicU64::new(0), value });
        #[cfg(not(loom))]
        let version = Arc::new(Version { number, value });
        #[cfg(loom)]
        version.whole.store(number, Ordering::Relaxed);
        Arc::into_raw(version).cast_mut()
    }
}

/// What was given back so far. Shared with the epoch, which may outlive the published value.
#[derive(Debug)]
struct Reclaimed {
    versions: AtomicU64,
    panics: AtomicU64,
}

/// A moment at which versions waited: `retired` of them had been retired by `since_ns`.
#[derive(Debug, Clone, Copy)]
struct Mark {
    retired: u64,
    since_ns: u64,
}

/// A current value that readers read without waiting and writers replace as a whole. The first version is 1.
pub struct Published<T> {
    // On a line of its own: readers of it should not wait for what writers count.
    current: CachePadded<AtomicPtr<Version<T>>>,
    reclaimed: Arc<Reclaimed>,
    mark: Mutex<Mark>,
    // Sent and shared as an `Arc` of the value is.
    owns: PhantomData<Arc<Version<T>>>,
}

/// Versions of a published value, counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublishStats {
    /// Number of the current version.
    pub version: u64,
    /// Versions published after the first.
    pub published: u64,
    /// Versions that were replaced and that some pinned reader may still see, after an attempt to reclaim them. A
    /// handful is normal; a number that grows means that a reader stays pinned.
    pub retired_waiting: u64,
    /// The oldest of them has waited at least so long, in nanoseconds of the caller's clock; 0 where none waits, and in
    /// [`Published::stats`]. The caller's times of looking are its resolution.
    pub stalled_ns: u64,
    /// Values whose destructor panicked when they were reclaimed.
    pub drop_panics: u64,
}

/// Another version is current than the one this value was made from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stale<T> {
    /// The value that was not published.
    pub value: T,
    /// The version that was current.
    pub current: u64,
}

/// The current version, held by being in the epoch. For short reads: while it lives, no replaced version of any published
/// value in the process is freed.
pub struct Pinned<'p, T> {
    // A pointer, not a reference: the version may die while the guard below is dropped.
    version: *const Version<T>,
    _guard: epoch::Guard,
    _published: PhantomData<&'p T>,
}

/// A version that is held for as long as one likes; it holds up no other.
pub struct Snapshot<T> {
    version: Arc<Version<T>>,
}

impl<T: Send + Sync + 'static> Published<T> {
    /// Publishes version 1.
    pub fn new(value: T) -> Published<T> {
        Published {
            current: CachePadded::new(AtomicPtr::new(Version::raw(1, value))),
            reclaimed: Arc::new(Reclaimed { versions: AtomicU64::new(0), panics: AtomicU64::new(0) }),
            mark: Mutex::new(Mark { retired: 0, since_ns: 0 }),
            owns: PhantomData,
        }
    }

    /// Number of the current version.
    pub fn version(&self) -> u64 {
        self.pin().version()
    }

    /// The current version, for a short read.
    #[inline]
    pub fn pin(&self) -> Pinned<'_, T> {
        let guard = epoch::pin();
        let version = self.current.load(order("publish: read", Ordering::Acquire));
        Pinned { version, _guard: guard, _published: PhantomData }
    }

    /// The current version, to keep.
    pub fn load(&self) -> Snapshot<T> {
        let pinned = self.pin();
        // SAFETY: the pointer is of `Arc::into_raw`, and `current`'s own count is given back only after this guard is
        // gone (model publish::reader_never_sees_freed_version), so the count is at least one here; the one added is
        // the snapshot's.
        let version = unsafe {
            Arc::increment_strong_count(pinned.version);
            Arc::from_raw(pinned.version)
        };
        Snapshot { version }
    }

    /// Publishes `value` if `expected` is still the current version; the number of the new version.
    ///
    /// # Errors
    /// Another version is current: the value comes back.
    pub fn publish_if(&self, expected: u64, value: T) -> Result<u64, Stale<T>> {
        let mut guard = epoch::pin();
        let current = self.current.load(Ordering::Acquire);
        // SAFETY: loaded while pinned (model publish::reader_never_sees_freed_version).
        let number = unsafe { (*current).number };
        // Numbers start at 1 and rise by one: nobody lives to see the last.
        let (true, Some(next)) = (number == expected, expected.checked_add(1)) else {
            return Err(Stale { value, current: number });
        };
        let made = Version::raw(next, value);
        let replaced = match self.swap(current, made) {
            Ok(replaced) => replaced,
            Err(newer) => {
                // SAFETY: `made` was never shared, so this is its only owner; `newer` was read while pinned (model
                // publish::two_writers_one_wins_none_leak).
                let (version, current) = unsafe {
                    (Arc::try_unwrap(Arc::from_raw(made)).ok().unwrap_unchecked(), (*newer).number)
                };
                return Err(Stale { value: version.value, current });
            }
        };
        // SAFETY: this thread alone took it out of `current`, so it alone retires it (the same model).
        unsafe { self.retire(replaced, &guard) };
        for round in 0..ROUNDS {
            if round > 0 {
                guard.repin();
            }
            guard.flush();
            // Versions 1 to `expected` have been retired.
            if self.reclaimed.versions.load(Ordering::Acquire) >= expected {
                break;
            }
        }
        Ok(next)
    }

    /// As [`Published::publish_if`], and notes the caller's time for [`PublishStats::stalled_ns`].
    ///
    /// # Errors
    /// Another version is current: the value comes back.
    pub fn publish_if_at(&self, expected: u64, value: T, now_ns: u64) -> Result<u64, Stale<T>> {
        let version = self.publish_if(expected, value)?;
        self.stalled_ns(version - 1, self.reclaimed.versions.load(Ordering::Acquire), now_ns);
        Ok(version)
    }

    /// Publishes what `f` makes of the current value; where another writer was faster, again of the newer one, until it
    /// holds. The number of the new version. Nothing is pinned while `f` runs, and a panic of `f` changes nothing.
    pub fn update(&self, mut f: impl FnMut(&T) -> T) -> u64 {
        loop {
            let seen = self.load();
            if let Ok(version) = self.publish_if(seen.version(), f(&seen)) {
                return version;
            }
        }
    }

    /// Frees replaced versions that no reader can see any more. A publish does so too; call it from a timer where
    /// readers may be pinned while the last publish for a long time happens.
    pub fn reclaim(&self) {
        // Not those that others retire meanwhile, else this could go on as long as they do.
        let retired = self.version() - 1;
        let mut guard = epoch::pin();
        let mut before = self.reclaimed.versions.load(Ordering::Acquire);
        while before < retired {
            for _ in 0..ROUNDS {
                guard.flush();
                guard.repin();
            }
            let now = self.reclaimed.versions.load(Ordering::Acquire);
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// The counts, after an attempt to reclaim.
    pub fn stats(&self) -> PublishStats {
        self.reclaim();
        let reclaimed = self.reclaimed.versions.load(Ordering::Acquire);
        let version = self.version();
        PublishStats {
            version,
            published: version - 1,
            retired_waiting: (version - 1).saturating_sub(reclaimed),
            stalled_ns: 0,
            drop_panics: self.reclaimed.panics.load(Ordering::Relaxed),
        }
    }

    /// The counts, after an attempt to reclaim, with how long the oldest waiting version has waited at least.
    pub fn stats_at(&self, now_ns: u64) -> PublishStats {
        let stats = self.stats();
        let reclaimed = stats.published - stats.retired_waiting;
        PublishStats { stalled_ns: self.stalled_ns(stats.published, reclaimed, now_ns), ..stats }
    }

    /// How long the oldest of the versions that wait has waited, at least. A mark says that `mark.retired` versions had
    /// been retired at `mark.since_ns`; it is renewed once that many have been reclaimed. Who finds another at the mark
    /// leaves it alone: nobody waits, and the next look sets it.
    fn stalled_ns(&self, retired: u64, reclaimed: u64, now_ns: u64) -> u64 {
        let Ok(mut mark) = self.mark.try_lock() else { return 0 };
        if reclaimed >= mark.retired || now_ns < mark.since_ns {
            *mark = Mark { retired, since_ns: now_ns };
        }
        if reclaimed >= retired { 0 } else { now_ns - mark.since_ns }
    }

    /// Replaces `from` by `to`; what was replaced, or what is current instead of `from`.
    fn swap(&self, from: *mut Version<T>, to: *mut Version<T>) -> Result<*mut Version<T>, *mut Version<T>> {
        if crate::sync::weakened("publish: compare and swap") {
            return Ok(self.current.swap(to, Ordering::AcqRel));
        }
        let ordering = order("publish: swap", Ordering::AcqRel);
        self.current.compare_exchange(from, to, ordering, Ordering::Acquire)
    }

    /// Gives back the count of a version that `current` held, once nobody can see it.
    ///
    /// # Safety
    /// `version` was in `current`, was taken out by the caller, and is retired once.
    unsafe fn retire(&self, version: *mut Version<T>, guard: &epoch::Guard) {
        let reclaimed = self.reclaimed.clone();
        let retired = Retired(version);
        #[cfg(loom)]
        if crate::sync::weakened("publish: wait for readers") {
            // SAFETY: not safe, which is the point of the twin: the value dies now. Its memory dies later, so that the
            // model sees a dead value and not a wild read.
            unsafe { std::ptr::drop_in_place(&raw mut (*version).value) };
            guard.defer(move || {
                let memory = { retired }.0.cast::<Version<std::mem::ManuallyDrop<T>>>();
                // SAFETY: the same allocation, less its destructor.
                drop(unsafe { Arc::from_raw(memory) });
                reclaimed.versions.fetch_add(1, Ordering::Release);
            });
            return;
        }
        guard.defer(move || {
            // SAFETY: the count that `current` held; every reader that could take the pointer from there has left the
            // epoch (model publish::reader_never_sees_freed_version), and snapshots have counts of their own.
            let version = unsafe { Arc::from_raw({ retired }.0) };
            drop_quietly(version, &reclaimed.panics);
            reclaimed.versions.fetch_add(1, Ordering::Release);
        });
    }
}

/// Drops, and counts a panic on the way. A panic's own payload may panic when dropped, hence twice.
fn drop_quietly(value: impl Sized, panics: &AtomicU64) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        panics.fetch_add(1, Ordering::Relaxed);
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(again);
        }
    }
}

/// A retired version on its way to whichever thread moves the epoch on.
struct Retired<T>(*mut Version<T>);

// SAFETY: it stands for one count of an `Arc<Version<T>>`, which may be sent where `T` is `Send + Sync`.
unsafe impl<T: Send + Sync> Send for Retired<T> {}

impl<T> Drop for Published<T> {
    fn drop(&mut self) {
        let current = self.current.load(Ordering::Acquire);
        // SAFETY: the count that `current` holds. Whoever is pinned borrows `self`, so nobody is.
        drop(unsafe { Arc::from_raw(current) });
    }
}

impl<T: Send + Sync + 'static + fmt::Debug> fmt::Debug for Published<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pinned = self.pin();
        f.debug_struct("Published").field("version", &pinned.version()).field("value", &*pinned).finish()
    }
}

impl<T> Pinned<'_, T> {
    /// Number of this version.
    pub fn version(&self) -> u64 {
        // SAFETY: loaded from `current` while pinned, and the guard is still here (model
        // publish::reader_never_sees_freed_version).
        unsafe { (*self.version).number }
    }
    /// Whether all of the version is visible, for the models.
    #[cfg(loom)]
    pub fn is_whole(&self) -> bool {
        // SAFETY: as in `version`.
        unsafe { (*self.version).whole.load(Ordering::Relaxed) == (*self.version).number }
    }
}

impl<T> Deref for Pinned<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: as in `version`; the reference borrows the guard.
        unsafe { &(*self.version).value }
    }
}

impl<T: fmt::Debug> fmt::Debug for Pinned<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").field("version", &self.version()).field("value", &**self).finish()
    }
}

impl<T> Snapshot<T> {
    /// Number of this version.
    pub fn version(&self) -> u64 {
        self.version.number
    }
}

impl<T> Clone for Snapshot<T> {
    fn clone(&self) -> Self {
        Snapshot { version: self.version.clone() }
    }
}

impl<T> Deref for Snapshot<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.version.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Snapshot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("version", &self.version()).field("value", &**self).finish()
    }
}
