//! Counters that many threads add to, and whose snapshot is one cut through whole records.
//!
//! # The protocol
//!
//! There are two **banks** of counters and an **epoch**; its lowest bit names the bank that records go to. Each shard
//! counts who is **inside** a bank. A cut moves the epoch on, waits until nobody is inside the old bank, and empties that
//! bank into plain totals. Cuts exclude each other with a mutex that no record touches.
//!
//! - *Enter.* A writer reads the epoch, raises `inside` of that bank (one read-modify-write, Acquire) and looks at the epoch
//!   again. Same bank: it is in. *Caught by a flip*, the other bank is named now: it raises that one too, and while both are
//!   raised it looks once more; whichever bank is named then, its count was raised before the look. It lowers the other
//!   and is in. So a record takes a bounded number of steps, whatever snapshots do: it is wait-free.
//! - *Add.* Relaxed additions to the bank's counters.
//! - *Leave.* `inside` is lowered (Release), by a guard, also while unwinding.
//! - *Cut.* Epoch stored (Release), then for each shard a **probe**: `inside` of the old bank is read by a read-modify-write
//!   that adds nothing (AcqRel); while it is not 0, the cut yields and loads it again (Acquire). Then the bank is plain
//!   memory: it is added to the totals and set to 0 (Relaxed).
//!
//! # Why it holds
//!
//! *Nobody adds to a bank that is being emptied.* Raising and probing are read-modify-writes of one word, so one comes
//! first. Raised before the probe: the cut sees it and waits. Raised after it: the writer has read from the probe (or from
//! what followed it, which a chain of read-modify-writes hands on), so the new epoch happened before its look, which hence
//! sees that epoch. That takes the place of the store-load fence on both sides, and costs the writer no fence.
//!
//! *Nothing is lost.* The 0 that ends the wait comes from the last writer to leave; Release there, handed on by the chain,
//! and Acquire here make all their additions visible. The zeros that the cut stores are seen by the next writers of this
//! bank, since they read an epoch that was stored (Release) after them. (Loom keeps the stores of a word in the order in
//! which they ran, so no model shows this one.)
//!
//! *The cut is causal.* If record A happens before record B and the snapshot has B, it has A: B was made under an epoch
//! not beyond the cut's, and A's look at the epoch, which came first, cannot have seen a later one. A record that returned
//! before the snapshot was asked for is in it, and records are in it as a whole.
//!
//! # What it does not do
//!
//! A snapshot waits for the records under way, each a few additions without any caller's code in between. Totals saturate
//! at `u64::MAX`. A bank's counter that wraps between two cuts is seen by the one addition that wrapped it, which leaves a
//! mark; the cut turns the mark into saturation. `inside` counts threads and cannot wrap.

use crate::limits::MAX_COUNTERS;
use crate::segments::Segments;
use crate::sync::{
    AtomicU8, AtomicU64, CachePadded, Mutex, MutexGuard, Ordering, order, weakened, yield_now,
};
use std::sync::PoisonError;

/// Counters that lie next to each other, in one cache line.
pub const LINE: usize = 8;
/// Lines allocated at once.
const SEGMENT: usize = if cfg!(loom) { 1 } else { 512 };
/// Shards of `inside`, so that writers on different cores meet only on the counters that they share.
const SHARDS: usize = if cfg!(loom) { 1 } else { 16 };

#[derive(Debug, Default)]
#[repr(align(64))]
struct Line([AtomicU64; LINE]);

#[derive(Debug)]
struct Bank {
    lines: Segments<Line>,
    /// Per line, a bit for each counter that has wrapped; allocated when the first one does.
    wrapped: Segments<AtomicU8>,
}

impl Bank {
    fn new(lines: usize) -> Bank {
        Bank {
            lines: Segments::new(lines, SEGMENT, Line::default),
            wrapped: Segments::new(lines, SEGMENT, || AtomicU8::new(0)),
        }
    }
    #[inline]
    fn add(&self, line: usize, at: usize, n: u64) {
        let Some(counter) = self.lines.ensure(line).and_then(|counters| counters.0.get(at)) else { return };
        self.add_to(counter, line, at, n);
    }
    #[inline]
    fn add_to(&self, counter: &AtomicU64, line: usize, at: usize, n: u64) {
        if counter.fetch_add(n, Ordering::Relaxed).checked_add(n).is_none() {
            self.mark(line, at);
        }
    }
    #[cold]
    fn mark(&self, line: usize, at: usize) {
        if let Some(marks) = self.wrapped.ensure(line) {
            marks.fetch_or(1 << at, Ordering::Relaxed);
        }
    }
    /// Adds all counters to the totals and empties them. Nobody is inside.
    fn empty(&self, totals: &mut Totals, mut each: impl FnMut(usize, u64)) {
        for (first, lines) in self.lines.allocated() {
            let counters = lines.iter().flat_map(|line| &line.0);
            for (at, counter) in counters.enumerate() {
                let n = counter.load(Ordering::Relaxed);
                if n > 0 {
                    counter.store(0, Ordering::Relaxed);
                    totals.add(first * LINE + at, n);
                    each(first * LINE + at, n);
                }
            }
        }
        for (first, lines) in self.wrapped.allocated() {
            for (line, marks) in lines.iter().enumerate() {
                let bits = marks.load(Ordering::Relaxed);
                if bits > 0 {
                    marks.store(0, Ordering::Relaxed);
                }
                for at in (0..LINE).filter(|at| bits >> at & 1 == 1) {
                    totals.add((first + line) * LINE + at, u64::MAX);
                    each((first + line) * LINE + at, u64::MAX);
                }
            }
        }
    }
}

/// Totals of all counters at one cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    counts: Vec<u64>,
}

impl Totals {
    /// The total of a counter, saturating at `u64::MAX`; 0 for one that nobody has added to.
    pub fn get(&self, counter: usize) -> u64 {
        self.counts.get(counter).copied().unwrap_or(0)
    }
    fn add(&mut self, counter: usize, n: u64) {
        if self.counts.len() <= counter {
            self.counts.resize((counter / LINE + 1) * LINE, 0);
        }
        if let Some(total) = self.counts.get_mut(counter) {
            *total = total.saturating_add(n);
        }
    }
}

/// A record named a counter that the ledger does not have; nothing of it was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoSuchCounter;

#[derive(Debug)]
struct Cold<X> {
    /// The epoch; only who holds this stores it.
    epoch: u64,
    totals: Totals,
    extra: X,
}

#[derive(Debug, Default)]
struct Shard {
    inside: [AtomicU64; 2],
}

/// What belongs to the bank of this epoch.
#[inline]
fn side<T>(pair: &[T; 2], epoch: u64) -> &T {
    let [even, odd] = pair;
    if epoch & 1 == 0 { even } else { odd }
}

/// Counters with consistent snapshots. `X` is what else changes only at a cut.
#[derive(Debug)]
pub struct Ledger<X = ()> {
    epoch: CachePadded<AtomicU64>,
    shards: [CachePadded<Shard>; SHARDS],
    banks: [Bank; 2],
    cold: Mutex<Cold<X>>,
}

impl Ledger {
    /// A ledger of at most so many counters ([`MAX_COUNTERS`] where it says more), all 0. Memory is taken as counters are used: 64 KiB for 4 096 of them in
    /// each of two banks, and 8 bytes for each in the totals.
    pub fn new(counters: usize) -> Ledger {
        Ledger::with(counters, ())
    }
}

impl<X> Ledger<X> {
    pub(crate) fn with(counters: usize, extra: X) -> Ledger<X> {
        let lines = counters.min(MAX_COUNTERS).div_ceil(LINE);
        Ledger {
            epoch: CachePadded::new(AtomicU64::new(0)),
            shards: std::array::from_fn(|_| CachePadded::default()),
            banks: [Bank::new(lines), Bank::new(lines)],
            cold: Mutex::new(Cold { epoch: 0, totals: Totals::default(), extra }),
        }
    }
    /// Most counters; the number asked for, rounded up to whole lines.
    pub fn counters(&self) -> usize {
        side(&self.banks, 0).lines.cap() * LINE
    }
    /// Adds all of this, as one record: a snapshot has all of it or nothing. Wait-free, but for the first
    /// touch of each 4 096 counters, which allocates them. `worker` is any number, best a different one for each thread: it
    /// only decides which shard is used.
    ///
    /// # Errors
    ///
    /// [`NoSuchCounter`] where a counter is beyond the ledger's; nothing was added.
    pub fn record(&self, worker: usize, adds: &[(usize, u64)]) -> Result<(), NoSuchCounter> {
        if adds.iter().any(|(counter, _)| *counter >= self.counters()) {
            return Err(NoSuchCounter);
        }
        let (bank, _pass) = self.enter(worker);
        for &(counter, n) in adds.iter().filter(|(_, n)| *n > 0) {
            bank.add(counter / LINE, counter % LINE, n);
        }
        Ok(())
    }
    /// As [`Ledger::record`], for all counters of one line.
    #[inline]
    pub(crate) fn record_line(
        &self,
        worker: usize,
        line: usize,
        adds: &[u64; LINE],
    ) -> Result<(), NoSuchCounter> {
        if line >= side(&self.banks, 0).lines.cap() {
            return Err(NoSuchCounter);
        }
        let (bank, _pass) = self.enter(worker);
        if let Some(counters) = bank.lines.ensure(line) {
            for (at, (counter, &n)) in counters.0.iter().zip(adds).enumerate() {
                if n > 0 {
                    bank.add_to(counter, line, at, n);
                }
            }
        }
        Ok(())
    }
    /// All records before one point: whole ones, and with each one all that happened before it. Waits for the records
    /// under way and for other snapshots.
    pub fn snapshot(&self) -> Totals {
        self.cut(|_, _, _| (), |totals, _| totals.clone())
    }

    /// Makes a cut. `each` is told of every counter that moved since the last one, and by how much (saturating);
    /// `finish` sees the totals. Neither may come back to this ledger.
    pub(crate) fn cut<R>(
        &self,
        mut each: impl FnMut(&mut X, usize, u64),
        finish: impl FnOnce(&Totals, &mut X) -> R,
    ) -> R {
        let mut cold = self.lock();
        let Cold { epoch, totals, extra } = &mut *cold;
        let old = *epoch;
        *epoch = old.wrapping_add(1);
        self.flip(old);
        side(&self.banks, old).empty(totals, |counter, n| each(extra, counter, n));
        finish(totals, extra)
    }
    /// What else changes only at a cut, while there is none.
    pub(crate) fn hold<R>(&self, change: impl FnOnce(&mut X) -> R) -> R {
        change(&mut self.lock().extra)
    }

    fn lock(&self) -> MutexGuard<'_, Cold<X>> {
        // Nothing in there panics halfway; and totals that were added to are better than none.
        self.cold.lock().unwrap_or_else(PoisonError::into_inner)
    }
    #[inline]
    fn enter(&self, worker: usize) -> (&Bank, Pass<'_>) {
        let [first, ..] = &self.shards;
        let shard = self.shards.get(worker % SHARDS).unwrap_or(first);
        let raise = |epoch| {
            let inside = side(&shard.inside, epoch);
            inside.fetch_add(1, order("ledger: enter", Ordering::Acquire));
            Pass { inside }
        };
        let began = self.epoch.load(Ordering::Acquire);
        let pass = raise(began);
        let now = match weakened("ledger: look again") {
            true => began,
            false => self.epoch.load(Ordering::Acquire),
        };
        if now & 1 == began & 1 {
            return (side(&self.banks, now), pass);
        }
        let other = raise(now);
        if weakened("ledger: both raised") {
            drop(pass);
            return (side(&self.banks, self.epoch.load(Ordering::Acquire)), other);
        }
        let last = self.epoch.load(Ordering::Acquire);
        // The pass that is not returned is dropped here, after the look.
        let kept = if last & 1 == began & 1 { pass } else { other };
        (side(&self.banks, last), kept)
    }
    /// Moves records to the other bank, and returns when nobody is inside the old epoch's bank any more.
    fn flip(&self, old: u64) {
        self.epoch.store(old.wrapping_add(1), Ordering::Release);
        for shard in &self.shards {
            let inside = side(&shard.inside, old);
            let mut there = match weakened("ledger: probe") {
                true => inside.load(Ordering::Acquire),
                false => inside.fetch_add(0, Ordering::AcqRel),
            };
            while there != 0 && !weakened("ledger: wait") {
                yield_now();
                there = inside.load(Ordering::Acquire);
            }
        }
    }
}

/// Being inside a bank.
struct Pass<'l> {
    inside: &'l AtomicU64,
}

impl Drop for Pass<'_> {
    #[inline]
    fn drop(&mut self) {
        self.inside.fetch_sub(1, order("ledger: leave", Ordering::Release));
    }
}

#[cfg(test)]
mod tests;
