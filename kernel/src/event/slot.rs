//! One place of the ring: its stamp, and who may write into it.

use super::extra::Extra;
use crate::sync::epoch::Guard;
use crate::sync::{AtomicU64, Ordering, fence, order, weakened};
use std::cmp::Ordering::{Equal, Greater, Less};
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
/// The writer of this number owns the slot, and nobody else changes it.
const WRITING: u64 = 1;
/// The record of this number can be read; nobody owns the slot.
const STORED: u64 = 2;

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
}

/// A slot, in whole lines of the cache: those of other slots are not in the way. `replaced`, `extra` and `words` are changed
/// by its owner only.
#[repr(C, align(64))]
pub(super) struct Slot<const W: usize, T> {
    stamp: AtomicU64,
    /// The latest number, plus one, that was dropped because a slow writer owned the slot; 0 where none was.
    late: AtomicU64,
    /// Stored records that others took the place of.
    replaced: AtomicU64,
    extra: Extra<T>,
    words: [AtomicU64; W],
}

/// What a reader found under a number.
#[derive(PartialEq, Eq, Debug)]
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
            late: AtomicU64::new(0),
            replaced: AtomicU64::new(0),
            extra: Extra::new(),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Takes the slot for a number. None where it cannot be had, which drops the number: a later one has been here, or an
    /// earlier one's writer still owns it, and readers are told not to wait for this one.
    #[inline]
    pub(super) fn take(&self, number: u64) -> Option<Writing<'_, W, T>> {
        let mut seen = Stamp(self.stamp.load(Ordering::Relaxed));
        loop {
            if seen.turn() > number && !weakened("ring: take only from the past") {
                return None;
            }
            if seen.state() == WRITING {
                self.pass(number);
                return None;
            }
            let taken = self.stamp.compare_exchange(
                seen.0,
                Stamp::new(number, WRITING).0,
                order("ring: take after the one before", Ordering::Acquire),
                Ordering::Relaxed,
            );
            match taken {
                Err(now) => seen = Stamp(now),
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

    /// Notes that a number is dropped behind a slow writer.
    #[cold]
    fn pass(&self, number: u64) {
        if !weakened("ring: note what is dropped behind a slow writer") {
            self.late.fetch_max(number + 1, Ordering::Relaxed);
        }
    }

    /// The words of a number, where its record is stored and has no extra part. None says nothing: see [`Slot::read`].
    #[inline]
    pub(super) fn read_plain(&self, number: u64) -> Option<[u64; W]> {
        let first = self.first_look();
        if first != Stamp::new(number, STORED) || !self.extra.is_none() {
            return None;
        }
        let words = self.words();
        self.is_still(first).then_some(words)
    }

    /// Looks for the record of a number. Pins the epoch, in `guard`, only where there is an extra part.
    pub(super) fn read(&self, number: u64, guard: &mut Option<Guard>) -> Seen<W, T> {
        let first = self.first_look();
        if first != Stamp::new(number, STORED) {
            return self.unreadable(number, first);
        }
        let words = self.words();
        let extra = self.extra.look(guard);
        if !self.is_still(first) {
            return Seen::Later;
        }
        Seen::Stored(words, extra.map(|extra| extra.get()))
    }

    #[inline]
    fn first_look(&self) -> Stamp {
        Stamp(self.stamp.load(order("ring: see the stamp, then the words", Ordering::Acquire)))
    }
    #[inline]
    fn words(&self) -> [u64; W] {
        let mut words = [0; W];
        for (value, word) in words.iter_mut().zip(&self.words) {
            *value = word.load(Ordering::Relaxed);
        }
        words
    }
    /// The second look. A stamp is never the same twice: where it has not changed, what was read since the first look is
    /// what its writer stored.
    #[inline]
    fn is_still(&self, first: Stamp) -> bool {
        if !weakened("ring: words before the second look") {
            fence(Ordering::Acquire);
        }
        self.stamp.load(Ordering::Relaxed) == first.0 || weakened("ring: second look")
    }

    /// What it means for a number that its record is not what is stored here.
    #[cold]
    fn unreadable(&self, number: u64, stamp: Stamp) -> Seen<W, T> {
        let turn = number + 1;
        if stamp.turn() > turn {
            return Seen::Later;
        }
        if stamp.turn() == turn && stamp.state() == GONE {
            return Seen::Dropped;
        }
        // Its writer has not come, or is not done, or has found another here that was not.
        let late = self.late.load(Ordering::Relaxed);
        match late.cmp(&turn) {
            Less => Seen::InFlight,
            Equal => Seen::Dropped,
            Greater => Seen::Later,
        }
    }

    /// How many stored records were replaced here, and whether one is stored now. In this order, so that no record is
    /// counted twice. A record behind which a later one was dropped was stored outside the window: it counts as replaced.
    pub(super) fn counts(&self) -> (u64, bool) {
        let replaced = self.replaced.load(Ordering::Acquire);
        let stamp = Stamp(self.stamp.load(Ordering::Acquire));
        let stored = stamp.state() == STORED;
        let passed = stored && self.late.load(Ordering::Relaxed) > stamp.turn();
        (replaced + u64::from(passed), stored && !passed)
    }
}

/// The right to write into a slot. Dropping it gives the slot up, and the number is dropped; also while unwinding.
pub(super) struct Writing<'s, const W: usize, T> {
    slot: &'s Slot<W, T>,
    number: u64,
}

impl<const W: usize, T: Clone + Send + Sync + 'static> Writing<'_, W, T> {
    /// Writes the record and makes it visible.
    #[inline]
    pub(super) fn store(self, words: [u64; W], extra: Option<T>) {
        for (word, value) in self.slot.words.iter().zip(words) {
            word.store(value, Ordering::Relaxed);
        }
        self.slot.extra.set(extra);
        let publish = order("ring: publish after the words", Ordering::Release);
        self.slot.stamp.store(Stamp::new(self.number, STORED).0, publish);
        mem::forget(self);
    }
}

impl<const W: usize, T> Drop for Writing<'_, W, T> {
    fn drop(&mut self) {
        // The extra part, if one is here, stays until the next owner or the ring's end: freeing it runs code that is not
        // ours, which has no place while unwinding.
        self.slot.stamp.store(Stamp::new(self.number, GONE).0, Ordering::Release);
    }
}
