//! The event ring: the last records of many writers, under numbers without gaps, for many readers.
//!
//! A record is `W` words, and where it needs more (text, say) an extra part of type `T`. Records of words alone cost no
//! allocation. There are no locks. A writer waits for nobody, neither for readers nor for a writer that stalls; what that
//! costs is that a record may be dropped, and then it is counted. A reader waits for nobody either.
//!
//! # What becomes of a number
//!
//! A number is reserved by one addition to `next`. Record `n` belongs in slot `n mod capacity`. The last `capacity`
//! reserved numbers are the *window*: nobody reads what is before it. For every number below `next` one of these holds:
//!
//! - *in flight*: its writer has not come to its slot, or is not done;
//! - *readable*: its record is stored and whole;
//! - *overwritten*: its record was stored, and a later number took its slot;
//! - *dropped*: its record never became visible, and never will.
//!
//! Each number is counted as written or as dropped once, by its own writer, and each written one as overwritten at most
//! once, by the writer that takes its slot. So when no writer is at work, `reserved = written + dropped` and `written =
//! readable + overwritten`, exactly.
//!
//! # The protocol
//!
//! A slot has a stamp: one word of a number and a state (drawn in `slot.rs`). Stamps only go up, and none comes twice.
//! Beside it stands a note, `late`: the latest number that was dropped because the slot was owned when its writer came.
//!
//! - *Take.* The writer of `n` compares and swaps the stamp of an earlier number, gone or stored, to `writing n`. It now
//!   owns the slot, and until it gives it up nobody else changes the stamp.
//! - *Store.* It writes the words and the extra part, and then, with a plain store, the stamp `stored n`.
//! - *A slow writer of an older lap.* Where the stamp is `writing m` with `m < n`, the writer of `n` must not touch the words
//!   and will not wait: it raises `late` to `n` and drops its record. That `n` has been reserved puts `m` before the window, so
//!   what the slow writer stores is overwritten from the start: it is counted as such and stands there until the next one
//!   takes the slot. A slow writer that has not even taken its slot finds a later number there, and drops its record. So
//!   nothing old ever replaces anything new.
//! - *A writer that stops.* A reservation that is dropped before all of its records have come, by a panic say, takes the
//!   slots of the rest and gives them up as `gone`: tombstones, at which readers do not stop. Who forgets a reservation
//!   (`mem::forget`) holds readers up until its numbers have left the window, no longer.
//! - *Read.* The reader of `n` wants `stored n` before and after it reads the words. `gone n` is dropped, and a later number
//!   means that the reader was lapped: it counts and goes on. With an earlier number, or `writing n`, it is `late` that
//!   tells: if that is `n` the number was dropped, if it is a later one the reader was lapped, and else `n` is in flight:
//!   there the reader stops, so that what it returns has no hole that might fill later.
//!
//! # What a record costs
//!
//! One reservation is one read-modify-write, on `next`, for all of its numbers; a record is one more, the swap of *take*. It
//! cannot be saved: two writers a lap apart may come to one slot at once, and neither waits. All else are plain loads and
//! stores in the lines of the slot. Nothing is counted on the way but a replaced record, in the slot, by its owner; only a
//! dropped record adds to a shared counter. The slot of a number is found once in a reservation, without dividing.
//!
//! # Orderings
//!
//! - `next` only hands out numbers; nothing is published through it, and it is Relaxed.
//! - The swap of *take* acquires what the previous owner released when it gave the slot up, so that the words' stores of
//!   successive owners have one order, and the count of replaced records is not lost.
//! - A Release fence stands between *take* and the first store of a word. A reader that has seen such a word passes an
//!   Acquire fence before its second look, which therefore sees that stamp or a later one, and not what it saw first.
//! - The stamp of *store* is written with Release and the reader's first look is Acquire: who sees `stored n` sees all of its
//!   words, and what its extra part points to. It needs no swap, since only the owner changes `writing n`.
//! - `late` is Relaxed: it says that a number was dropped, for good, and nothing is read through it. It is changed by a
//!   maximum in one step, for several writers may be late at once, each by another number of laps.
//! - Extra parts are freed through the epoch (`extra.rs`).

mod extra;
mod run;
mod slot;
#[cfg(test)]
mod tests;

use crate::limits::{MAX_EVENT_RESERVATION, MAX_EVENT_RING};
use crate::sync::{AtomicU64, CachePadded, Ordering, weakened};
use run::{RUN, add_plain};
use slot::{NUMBERS, Seen, Slot};
use std::mem;

/// A bounded ring of records of `W` words with extra parts of type `T`; see the module's text.
pub struct Ring<const W: usize, T = ()> {
    slots: Box<[Slot<W, T>]>,
    /// 2^64 - 1 over the number of slots, rounded down.
    inverse: u64,
    first: u64,
    next: CachePadded<AtomicU64>,
    dropped: CachePadded<AtomicU64>,
}

/// A record as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record<const W: usize, T = ()> {
    /// Its number.
    pub number: u64,
    /// Its words.
    pub words: [u64; W],
    /// Its extra part, if it has one.
    pub extra: Option<T>,
}

/// Why no numbers were reserved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoRoom {
    /// Some of them would not be below the end that was given.
    Full,
    /// More than [`MAX_EVENT_RESERVATION`] at once.
    TooMany,
    /// All 2^62 - 1 numbers are used up.
    UsedUp,
}

/// What [`Ring::since`] found. All numbers from the one asked for up to `next` are accounted for: `records.len() +
/// overwritten + dropped` is `next` less that number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Since<const W: usize, T = ()> {
    /// Records by ascending number.
    pub records: Vec<Record<W, T>>,
    /// The number to ask for next.
    pub next: u64,
    /// Numbers that are no longer there: before the ring's first, before the window, or replaced while this was read. Some
    /// of them may have been dropped before; that cannot be told any more.
    pub overwritten: u64,
    /// Numbers in the window that were dropped.
    pub dropped: u64,
}

/// Counts of a ring, since it was made. Exact when no writer is at work; while some are, each number that is counted was
/// so at some moment of the call, none twice, and `written + dropped <= reserved`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RingStats {
    /// Numbers handed out.
    pub reserved: u64,
    /// Records that became visible.
    pub written: u64,
    /// Written records whose slot a later number took.
    pub overwritten: u64,
    /// Records that never became visible.
    pub dropped: u64,
}

impl RingStats {
    /// Numbers whose writers are at work.
    pub fn in_flight(&self) -> u64 {
        self.reserved.saturating_sub(self.written).saturating_sub(self.dropped)
    }
}

impl<const W: usize, T: Clone + Send + Sync + 'static> Ring<W, T> {
    /// A ring of so many records, numbered from 0. Less than 1 is 1, and more than [`MAX_EVENT_RING`] is that.
    pub fn new(capacity: usize) -> Ring<W, T> {
        Ring::continuing(capacity, 0)
    }
    /// A ring that goes on from a log that is kept elsewhere: its first record has the number `first`. Numbers end at 2^62 - 1;
    /// a larger `first` is taken as that, and no record gets in.
    pub fn continuing(capacity: usize, first: u64) -> Ring<W, T> {
        let first = first.min(NUMBERS);
        let capacity = capacity.clamp(1, MAX_EVENT_RING);
        Ring {
            slots: (0..capacity).map(|_| Slot::new()).collect(),
            inverse: u64::MAX / capacity as u64,
            first,
            next: CachePadded::new(AtomicU64::new(first)),
            dropped: CachePadded::new(AtomicU64::new(0)),
        }
    }
    /// Records that it holds.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }
    /// The number that the next record will get.
    pub fn next(&self) -> u64 {
        self.next.load(Ordering::Relaxed).min(NUMBERS)
    }

    /// Appends a record. Its number, whether or not it was dropped; None where all 2^62 - 1 numbers are used up.
    #[inline]
    pub fn append(&self, words: [u64; W], extra: Option<T>) -> Option<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number >= NUMBERS {
            // `next` is off by the refusals of this moment only, so it never wraps.
            self.next.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        self.write(number, self.place(number), words, extra);
        Some(number)
    }

    /// Reserves numbers for `n` records that stand together, whoever else writes. None where `n` is more than
    /// [`MAX_EVENT_RESERVATION`] or the numbers are used up. More than [`Ring::capacity`] is allowed; the first of them
    /// are then overwritten by the last.
    pub fn reserve(&self, n: usize) -> Option<Reservation<'_, W, T>> {
        self.reserve_below(n, NUMBERS).ok()
    }
    /// As [`Ring::reserve`], but gives no number from `end` on. A consumer that must see every record has all writers reserve
    /// below [`Ring::capacity`] numbers after the first that it has not read: then the record before in the same slot was
    /// read, so its writer is done with the slot, and nothing is overwritten unread or dropped behind a slow writer.
    ///
    /// # Errors
    ///
    /// [`NoRoom`]; no number was taken.
    pub fn reserve_below(&self, n: usize, end: u64) -> Result<Reservation<'_, W, T>, NoRoom> {
        if n > MAX_EVENT_RESERVATION {
            return Err(NoRoom::TooMany);
        }
        let n = n as u64;
        let mut number = self.next.load(Ordering::Relaxed);
        loop {
            if number > NUMBERS - n {
                return Err(NoRoom::UsedUp);
            }
            if number + n > end && !weakened("ring: reserve below the reader") {
                return Err(NoRoom::Full);
            }
            if weakened("ring: reserve in one step") {
                self.next.store(number + n, Ordering::Relaxed);
                break;
            }
            let swapped =
                self.next.compare_exchange_weak(number, number + n, Ordering::Relaxed, Ordering::Relaxed);
            match swapped {
                Ok(_) => break,
                Err(now) => number = now,
            }
        }
        Ok(Reservation { ring: self, next: number, end: number + n, place: self.place(number) })
    }

    /// Records from number `n` on, at most `limit`, up to the first number in flight. Takes time in proportion to the
    /// capacity at most, and memory in proportion to what it returns. Numbers from [`Ring::next`] on do not exist yet: who
    /// asks for one is told nothing, and to ask for it again.
    pub fn since(&self, n: u64, limit: usize) -> Since<W, T> {
        let end = self.next();
        let start = n.max(self.first).max(end.saturating_sub(self.slots.len() as u64));
        let room = end.saturating_sub(start).min(limit as u64);
        let mut found = Since {
            records: Vec::with_capacity(usize::try_from(room).unwrap_or(0)),
            next: start,
            overwritten: start - n,
            dropped: 0,
        };
        let mut guard = None;
        let mut place = self.place(start);
        let mut span = RUN;
        loop {
            let left = end.saturating_sub(found.next).min((limit - found.records.len()) as u64);
            let run = usize::try_from(left).unwrap_or(RUN).min(span).min(self.slots.len() - place);
            let run = self.slots.get(place..place + run).unwrap_or(&[]);
            if run.is_empty() {
                break;
            }
            let mut read = add_plain(run, &mut found);
            // Where one slot was not plain the next may not be either; what is tried in vain has its price.
            span = if read == run.len() { (span * 2).min(RUN) } else { 1 };
            if let Some(slot) = run.get(read) {
                match slot.read(found.next, &mut guard) {
                    Seen::InFlight if weakened("ring: stop at what is in flight") => {}
                    Seen::InFlight => break,
                    Seen::Stored(words, extra) => {
                        found.records.push(Record { number: found.next, words, extra });
                    }
                    Seen::Dropped => found.dropped += 1,
                    Seen::Later => found.overwritten += 1,
                }
                found.next += 1;
                read += 1;
            }
            place += read;
            if place >= self.slots.len() {
                place = 0;
            }
        }
        found
    }

    /// The counts. Takes time in proportion to the capacity.
    pub fn stats(&self) -> RingStats {
        let (mut overwritten, mut readable) = (0, 0);
        for slot in &self.slots {
            let (replaced, stored) = slot.counts();
            overwritten += replaced;
            readable += u64::from(stored);
        }
        let dropped = self.dropped.load(Ordering::Acquire);
        // Last, so that whatever was counted has been reserved.
        let reserved = self.next() - self.first;
        RingStats { reserved, written: overwritten + readable, overwritten, dropped }
    }

    #[inline]
    fn write(&self, number: u64, place: usize, words: [u64; W], extra: Option<T>) {
        let Some(slot) = self.slots.get(place) else { return };
        // Counted also while unwinding out of a foreign destructor.
        let lost = Lost { dropped: &self.dropped, count: 1 };
        if let Some(writing) = slot.take(number) {
            writing.store(words, extra);
            mem::forget(lost);
        }
    }
    /// The slot of a number: the remainder by the number of slots.
    ///
    /// With `d` slots `inverse >= (2^64 - d) / d`, so `n * inverse / 2^64 >= n/d - n/2^64 > n/d - 1` for every word `n`, and
    /// the quotient is at most one too small.
    #[inline]
    fn place(&self, number: u64) -> usize {
        let slots = self.slots.len() as u64;
        let quotient = ((u128::from(number) * u128::from(self.inverse)) >> 64) as u64;
        let rest = number.wrapping_sub(quotient.wrapping_mul(slots));
        usize::try_from(if rest >= slots { rest - slots } else { rest }).unwrap_or(0)
    }
    #[inline]
    fn after(&self, place: usize) -> usize {
        if place + 1 == self.slots.len() { 0 } else { place + 1 }
    }
}

/// Numbers that are dropped unless somebody says otherwise.
struct Lost<'r> {
    dropped: &'r AtomicU64,
    count: u64,
}

impl Drop for Lost<'_> {
    fn drop(&mut self) {
        if self.count > 0 {
            self.dropped.fetch_add(self.count, Ordering::Release);
        }
    }
}

/// Numbers that stand together. Dropping it drops the rest of them.
pub struct Reservation<'r, const W: usize, T: Clone + Send + Sync + 'static = ()> {
    ring: &'r Ring<W, T>,
    next: u64,
    end: u64,
    /// The slot of `next`.
    place: usize,
}

impl<const W: usize, T: Clone + Send + Sync + 'static> Reservation<'_, W, T> {
    /// Numbers that have no record yet.
    pub fn left(&self) -> u64 {
        self.end - self.next
    }
    /// Appends a record under the next of the numbers. Its number; None where all have their records.
    #[inline]
    pub fn push(&mut self, words: [u64; W], extra: Option<T>) -> Option<u64> {
        if self.next == self.end {
            return None;
        }
        let (number, place) = (self.next, self.place);
        self.next += 1;
        self.place = self.ring.after(place);
        self.ring.write(number, place, words, extra);
        Some(number)
    }
}

impl<const W: usize, T: Clone + Send + Sync + 'static> Drop for Reservation<'_, W, T> {
    fn drop(&mut self) {
        if self.next == self.end {
            return;
        }
        let _lost = Lost { dropped: &self.ring.dropped, count: self.end - self.next };
        if weakened("ring: fill the rest with tombstones") {
            return;
        }
        // Numbers that later ones of the same reservation have put out of the window need no tombstone.
        let from = self.next.max(self.end.saturating_sub(self.ring.slots.len() as u64));
        let mut place = self.ring.place(from);
        for number in from..self.end {
            if let Some(slot) = self.ring.slots.get(place) {
                drop(slot.take(number));
            }
            place = self.ring.after(place);
        }
    }
}
