//! The extra part of a record: a value on the heap that readers may still be looking at when the slot gets its next record.
//!
//! The slot's owner exchanges the pointer and leaves the old value to the epoch; a reader pins the epoch, loads the pointer,
//! and follows it only after the slot's stamp has shown that the pointer belongs to the record it wants. This is the one
//! file of the ring with `unsafe` code.

use crate::sync::epoch::{self, Guard, Shared};
use crate::sync::{AtomicPtr, Ordering, weakened};
use std::marker::PhantomData;
use std::ptr;

/// A pointer to an extra part that was boxed, or null.
pub(super) struct Extra<T> {
    part: AtomicPtr<T>,
    // Sent and shared as a box of the value is.
    owns: PhantomData<Box<T>>,
}

/// An extra part that was seen, under a pinned epoch.
pub(super) struct Look<'g, T>(Shared<'g, T>);

impl<T: Clone + Send + Sync + 'static> Extra<T> {
    pub(super) fn new() -> Extra<T> {
        Extra { part: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
    }

    /// Whether there is nothing here.
    #[inline]
    pub(super) fn is_none(&self) -> bool {
        self.part.load(Ordering::Relaxed).is_null()
    }

    /// Puts a value here, or none. Only the slot's owner calls this; owners come one after the other, ordered by the
    /// stamp's acquire and release, so relaxed accesses see what the last one left.
    #[inline]
    pub(super) fn set(&self, value: Option<T>) {
        if value.is_some() || !self.is_none() {
            self.exchange(value);
        }
    }

    fn exchange(&self, value: Option<T>) {
        let guard = epoch::pin();
        let new = value.map_or(ptr::null_mut(), |value| Box::into_raw(Box::new(value)));
        // The slot's stamp publishes what `new` points to (see `Slot::read`).
        let old = self.part.swap(new, Ordering::Relaxed);
        if old.is_null() {
            return;
        }
        if weakened("ring: free extra parts later") {
            // SAFETY: only a model's twin comes here, to be caught ending what is being read. The memory itself is leaked,
            // and what the model keeps in it may be looked at after its destructor has run.
            unsafe { ptr::drop_in_place(old) };
            return;
        }
        // SAFETY: `old` is a box that an earlier call made. The swap took it out of the only place where it was, so
        // no one can load it any more and no one else can destroy it; who loaded it before is pinned, and the epoch waits
        // for them. `T` is Send and 'static, so it may be dropped later and on another thread.
        unsafe { guard.defer_destroy(Shared::from(old.cast_const())) };
    }

    /// What is here now; None for nothing. Pins the epoch before it loads what [`Look::get`] may follow.
    #[inline]
    pub(super) fn look<'g>(&self, guard: &'g mut Option<Guard>) -> Option<Look<'g, T>> {
        if self.is_none() {
            return None;
        }
        guard.get_or_insert_with(epoch::pin);
        let seen = self.part.load(Ordering::Relaxed);
        (!seen.is_null()).then(|| Look(Shared::from(seen.cast_const())))
    }
}

impl<T: Clone> Look<'_, T> {
    /// A copy of the value. Only for who has seen the slot's stamp say, before and after [`Extra::look`], that the record
    /// of one and the same number is stored.
    pub(super) fn get(&self) -> T {
        // SAFETY: the value was complete before its writer published the stamp with Release, and the reader loaded that
        // stamp with Acquire before it loaded the pointer; the second look at the stamp proves that the pointer is of that
        // writer (a later owner's swap would come with a later stamp). The epoch was pinned before the pointer was loaded
        // and is pinned still, so the value has not been freed.
        unsafe { self.0.deref() }.clone()
    }
}

impl<T> Drop for Extra<T> {
    fn drop(&mut self) {
        let last = self.part.swap(ptr::null_mut(), Ordering::Relaxed);
        if !last.is_null() {
            // SAFETY: it is a box that `set` made. `&mut self`: nobody else has the pointer's place, so nobody can load or
            // swap it any more; readers borrow the ring, so none is left.
            drop(unsafe { Box::from_raw(last) });
        }
    }
}
