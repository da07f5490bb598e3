//! From the event log to a durable one: what makes the ring a queue that loses nothing.
//!
//! # The design
//!
//! - *One log.* The durable log is fed from the ring, not beside it: a run is logged once, and what it pays on top is one
//!   look at a word that changes once per write of the disk. No lock, no allocation, no flush on the path of a run.
//! - *Bound.* While a log is fed, numbers are reserved only below the first one that is not durable plus the capacity
//!   ([`Ring::reserve_below`]). So the ring overwrites nothing that is not written, and drops nothing.
//! - *Back-pressure.* Whoever finds the ring full writes what waits himself, or waits for who is writing: the run takes as
//!   long as the disk does. Nothing is ever left out because there was too much of it.
//! - *Who writes.* Each commit takes what waits into its own write, in front of its events; a thread of the state's writes
//!   what is older than some time, or half a ring; a flush and the end of the state write the rest. There is one writer at
//!   a time: who is at the journal (`state/journal.rs`).
//! - *Order.* Events come in the order of the ring, and before every commit that began after they were logged. Events of
//!   commits are in the ring as well, and were written before they came there: they are passed over.
//! - *What changes the world* comes from commits alone. Such an event that somebody logs besides (a sink that forwards what
//!   it hears) stays in memory and is counted as lost; and what was told before its write changes no table.
//! - *A run that writes* is told of when it ends, but its event is *held*: it stands right after the effects, in the write of
//!   their commit, so that there is never one without the other. Where the transaction comes to nothing the event is
//!   released, and written with what waits.
//! - *Durable.* An event is durable after some time, at the next commit or flush that succeeds. A crash leaves all that came
//!   before some moment, whole, under numbers without gaps: a write is one transaction of the store.
//! - *Failure.* When a write fails nothing is written any more. The ring then overwrites as any ring, what was not written
//!   is counted ([`EventDurability`]), and flushes and commits say why.
//!
//! # What was held against it
//!
//! - *A thread of the state's keeps the state alive, and the store open.* It holds the queue and the log only; the state
//!   waits for its end when it is dropped.
//! - *A run in the sink of a commit finds the ring full.* Its thread leads already, and is past its own write: the journal is
//!   free, and it writes at once instead of waiting for itself. So does a commit of more events than the ring has places, and a
//!   run of another thread that the sink waits for.
//! - *A writer that stalls between reserving and storing* holds back what comes after it, until it goes on; it waits for
//!   nothing in between, so what holds it back is only the scheduler. A commit waits for all numbers that were given out before
//!   it was accepted, or an event that was logged before it could come after.
//! - *Held events without end.* One transaction holds at most [`MAX_HELD_RUNS`]; runs beyond are logged as those that write
//!   nothing.

use crate::event::StateEvent;
use crate::kernel::event::{NoRoom, Reservation, Ring};
use crate::kernel::sync::{AtomicBool, AtomicU64, CachePadded, Ordering};
use std::sync::{Mutex, PoisonError, Weak};
use std::thread::Thread;

/// Events of runs that one transaction holds back.
pub(crate) const MAX_HELD_RUNS: usize = 65_536;
/// Events that may wait which were held and whose transactions came to nothing; who releases more writes them first.
const MAX_RELEASED: usize = 4_096;

/// Who can write what waits.
pub(crate) trait Drain: Send + Sync {
    /// Writes some of what waits, or waits for somebody who does. Returns also where that failed: then the feed is closed.
    fn drain(&self);
}

/// What of a log's events is durable. Those that are held for a transaction that has not ended count as durable: they are
/// when its commit is acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EventDurability {
    /// Events that are durable, of those that were logged since the state was made; its commits' own are in.
    pub durable: u64,
    /// Events that wait to be written; also those that commits have written since the last look at what waits.
    pub waiting: u64,
    /// Events that will never be durable: what waited when a write failed, all that came later, those that belong to no
    /// commit though they change the world, payloads nested deeper than types go, and numbers of the log whose events never
    /// became visible.
    pub lost: u64,
}

/// What a log knows of the durable one that it feeds.
pub(super) struct Feed {
    /// All numbers below are durable. Only who leads changes it.
    done: CachePadded<AtomicU64>,
    /// Nothing is written any more.
    closed: AtomicBool,
    /// Numbers below `done` that had no event, and released events that were not written.
    lost: AtomicU64,
    /// Numbers from `done` on whose commits had made them durable when it was closed.
    settled: AtomicU64,
    drain: Weak<dyn Drain>,
    thread: Option<Thread>,
    first: u64,
    released: Mutex<Released>,
    /// How many of the released events are durable. Only who leads changes it.
    released_done: AtomicU64,
}

/// Events that were held, and that nobody holds any more.
#[derive(Default)]
struct Released {
    /// Those that nobody has taken to write yet.
    waiting: Vec<StateEvent>,
    /// How many there have ever been.
    ever: u64,
}

/// A moment of a log: what was logged, and what was released, before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Moment {
    number: u64,
    released: u64,
}

impl Feed {
    /// Events from number `first` on; `thread` is woken when half of the ring waits.
    pub(super) fn new(first: u64, drain: Weak<dyn Drain>, thread: Option<Thread>) -> Feed {
        Feed {
            done: CachePadded::new(AtomicU64::new(first)),
            closed: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            drain,
            thread,
            first,
            released: Mutex::default(),
            released_done: AtomicU64::new(0),
        }
    }
    /// Room for `n` records or, where that is less, half of the ring. None where the numbers are used up.
    #[inline]
    pub(super) fn reserve<'r, const W: usize, T: Clone + Send + Sync + 'static>(
        &self,
        ring: &'r Ring<W, T>,
        n: usize,
    ) -> Option<Reservation<'r, W, T>> {
        let half = (ring.capacity() / 2).max(1);
        let n = n.min(half);
        loop {
            // Acquire: what was read before the word was stored was read; the slots may be taken.
            let done = self.done.load(Ordering::Acquire);
            let end = done.saturating_add(ring.capacity() as u64);
            match ring.reserve_below(n, end) {
                Ok(part) => {
                    let waiting = ring.next().saturating_sub(done);
                    if waiting >= half as u64 && waiting - (n as u64).min(waiting) < half as u64 {
                        self.wake();
                    }
                    return Some(part);
                }
                Err(NoRoom::Full) if !self.closed() => self.make_room(done),
                Err(NoRoom::Full) => return ring.reserve(n),
                Err(NoRoom::UsedUp | NoRoom::TooMany) => return None,
            }
        }
    }
    #[cold]
    fn make_room(&self, done: u64) {
        match self.drain.upgrade() {
            Some(drain) => drain.drain(),
            // The state is gone; somebody has kept its log.
            None => self.close(0, 0),
        }
        if self.done() == done {
            // The first that waits has a number, and its writer is not running.
            std::thread::yield_now();
        }
    }
    #[cold]
    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.unpark();
        }
    }
    /// The first number that is not durable.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Acquire)
    }
    pub(super) fn closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
    /// Nothing is written any more: of the events that wait so many are durable by their commits, and so many that were
    /// released are gone.
    pub(super) fn close(&self, settled: u64, gone: u64) {
        self.settled.fetch_add(settled, Ordering::Relaxed);
        self.lost.fetch_add(gone, Ordering::Relaxed);
        self.closed.store(true, Ordering::Relaxed);
    }
    /// All below `next` is durable, but for `lost` numbers. Who leads calls it.
    pub(super) fn advance(&self, next: u64, lost: u64) {
        self.lost.fetch_add(lost, Ordering::Relaxed);
        self.done.store(next, Ordering::Release);
    }
    /// Events that were held and that nobody holds any more: they wait for the next write.
    pub(super) fn release(&self, events: impl IntoIterator<Item = StateEvent>) {
        let len = {
            let mut released = self.released();
            let before = released.waiting.len();
            released.waiting.extend(events);
            let len = released.waiting.len();
            released.ever = released.ever.saturating_add((len - before) as u64);
            len
        };
        if len >= MAX_RELEASED
            && !self.closed()
            && let Some(drain) = self.drain.upgrade()
        {
            drain.drain();
        }
    }
    pub(super) fn take_released(&self) -> Vec<StateEvent> {
        std::mem::take(&mut self.released().waiting)
    }
    /// So many of the released events are durable now, besides. Who leads calls it.
    pub(super) fn wrote_released(&self, n: u64) {
        self.released_done.fetch_add(n, Ordering::Release);
    }
    /// Now, where the log will give the number `next` next.
    pub(super) fn moment(&self, next: u64) -> Moment {
        Moment { number: next, released: self.released().ever }
    }
    /// Whether something from before a moment is not durable.
    pub(super) fn waits_since(&self, moment: Moment) -> bool {
        self.done() < moment.number || self.released_done.load(Ordering::Acquire) < moment.released
    }
    fn released(&self) -> std::sync::MutexGuard<'_, Released> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Where the log will give the number `next` next.
    pub(super) fn durability(&self, next: u64) -> EventDurability {
        let (done, gone) = (self.done(), self.lost.load(Ordering::Relaxed));
        let (rest, released) = (next.saturating_sub(done), self.released().waiting.len() as u64);
        let durable = (done - self.first).saturating_sub(gone);
        if self.closed() {
            let settled = self.settled.load(Ordering::Relaxed);
            let lost = (gone + rest + released).saturating_sub(settled);
            EventDurability { durable: durable + settled, waiting: 0, lost }
        } else {
            EventDurability { durable, waiting: rest + released, lost: gone }
        }
    }
}
