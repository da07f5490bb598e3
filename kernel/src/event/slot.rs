//! One place of the ring: its stamp, and who may write into it.

use super::extra::Extra;
use crate::sync::epoch::Guard;
use crate::sync::{AtomicU64, Ordering, fence, order, weakened};
use std::mem;

/// What a slot is about, in one word, so that it changes as a whole:
///
/// ```text
///  63                                   2 1     0
/// +--------------------------------------+-------+
/// | number + 1; 0 where none has been yet| state |
/// +--------------------------------------+-------+
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp(u64);

/// Nothing to read under this number; nobody owns the slot.
const GONE: u64 = 0;
/// The writer of this number owns the slot.
const WRITING: u64 = 1;
/// The record of this number can be read; nobody owns the slot.
const STORED: u64 = 2;
/// The writer of an earlier number still owns the slot. This number, and all before it, are dropped.
const BUSY: u64 = 3;

/// Numbers are below this, so that a stamp holds them, plus one.
pub(super) const NUMBERS: u64 = (1 << 62) - 1;

impl Stamp {
    fn new(number: u64, state: u64) -> Stamp {
        Stamp((number + 1) << 2 | state)
    }
    /// The number plus one.
    fn turn(self) -> u64 {
        self.0 >> 2
    }
    fn state(self) -> u64 {
        self.0 & 3
    }
    fn with(self, state: u64) -> Stamp {
        Stamp(self.0 & !3 | state)
    }
}

/// A slot. `words`, `extra` and `replaced` are changed by its owner only.
pub(super) struct Slot<const W: usize, T> {
    stamp: AtomicU64,
    /// Stored records that others took the place of.
    replaced: AtomicU64,
    words: [AtomicU64; W],
    extra: Extra<T>,
}

/// What a reader found under a number.
pub(super) enum Seen<const W: usize, T> {
    /// Nothing yet: its writer has not come, or is not done.
    InFlight,
    /// The whole record.
    Stored([u64; W], Option<T>),
    /// It never became visible.
    Dropped,
    /// The slot belongs to a later number.
    Later,
}

impl<const W: usize, T: Clone + Send + Sync + 'static> Slot<W, T> {
    pub(super) fn new() -> Slot<W, T> {
        Slot {
            stamp: AtomicU64::new(GONE),
            replaced: AtomicU64::new(0),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
            extra: Extra::new(),
        }
    }

    /// Takes the slot for a number. None where it cannot be had, which drops the number: a later one has been here, or an
    /// earlier one's writer still owns it and now knows that it is late.
    pub(super) fn take(&self, number: u64) -> Option<Writing<'_, W, T>> {
        let mut seen = Stamp(self.stamp.load(Ordering::Relaxed));
        loop {
            if seen.turn() > number {
                return None;
            }
            let state = match seen.state() {
                GONE | STORED => WRITING,
                _ => BUSY,
            };
            let mine = Stamp::new(number, state);
            let taken = self.stamp.compare_exchange(
                seen.0,
                mine.0,
                order("ring: take after the one before", Ordering::Acquire),
                Ordering::Relaxed,
            );
            match taken {
                Err(now) => seen = Stamp(now),
                Ok(_) if state == BUSY => return None,
                Ok(_) => break,
            }
        }
        if !weakened("ring: taken before words change") {
            fence(Ordering::Release);
        }
        if seen.state() == STORED {
            let replaced = self.replaced.load(Ordering::Relaxed);
            self.replaced.store(replaced + 1, Ordering::Release);
        }
        Some(Writing { slot: self, number })
    }

    /// Looks for the record of a number. Pins the epoch, in `guard`, only where there is an extra part.
    pub(super) fn read(&self, number: u64, guard: &mut Option<Guard>) -> Seen<W, T> {
        let first = Stamp(self.stamp.load(order("ring: see the stamp, then the words", Ordering::Acquire)));
        if first.turn() <= number {
            return Seen::InFlight;
        }
        if first.turn() > number + 1 {
            return Seen::Later;
        }
        match first.state() {
            STORED => {}
            WRITING => return Seen::InFlight,
            _ => return Seen::Dropped,
        }
        let words = std::array::from_fn(|at| self.words.get(at).map_or(0, |w| w.load(Ordering::Relaxed)));
        let extra = self.extra.look(guard);
        if !weakened("ring: words before the second look") {
            fence(Ordering::Acquire);
        }
        // A stamp is never the same twice: where it has not changed, what was read is what its writer stored.
        if self.stamp.load(Ordering::Relaxed) != first.0 && !weakened("ring: second look") {
            return Seen::Later;
        }
        Seen::Stored(words, extra.map(|extra| extra.get()))
    }

    /// How many stored records were replaced here, and whether one is stored now. In this order, so that no record is
    /// counted twice.
    pub(super) fn counts(&self) -> (u64, bool) {
        let replaced = self.replaced.load(Ordering::Acquire);
        (replaced, Stamp(self.stamp.load(Ordering::Acquire)).state() == STORED)
    }
}

/// The right to write into a slot. Dropping it gives the slot up, and the number is dropped; also while unwinding.
pub(super) struct Writing<'s, const W: usize, T> {
    slot: &'s Slot<W, T>,
    number: u64,
}

impl<const W: usize, T: Clone + Send + Sync + 'static> Writing<'_, W, T> {
    /// Writes the record and makes it visible, unless a later number has come by in the meantime. Whether it is visible.
    pub(super) fn store(self, words: [u64; W], extra: Option<T>) -> bool {
        for (word, value) in self.slot.words.iter().zip(words) {
            word.store(value, Ordering::Relaxed);
        }
        self.slot.extra.set(extra);
        let (now, then) = (Stamp::new(self.number, WRITING), Stamp::new(self.number, STORED));
        let publish = order("ring: publish after the words", Ordering::Release);
        if weakened("ring: publish only what is not late") {
            self.slot.stamp.swap(then.0, publish);
            mem::forget(self);
            return true;
        }
        match self.slot.stamp.compare_exchange(now.0, then.0, publish, Ordering::Relaxed) {
            Ok(_) => {
                mem::forget(self);
                true
            }
            Err(_) => false,
        }
    }
}

impl<const W: usize, T> Drop for Writing<'_, W, T> {
    fn drop(&mut self) {
        // The extra part, if one is here, stays until the next owner or the ring's end: freeing it runs code that is not
        // ours, which has no place while unwinding.
        let mut seen = Stamp(self.slot.stamp.load(Ordering::Relaxed));
        while let Err(now) =
            self.slot.stamp.compare_exchange(seen.0, seen.with(GONE).0, Ordering::Release, Ordering::Relaxed)
        {
            // A later number came by and is dropped too: the slot is given up under its number.
            seen = Stamp(now);
        }
    }
}
