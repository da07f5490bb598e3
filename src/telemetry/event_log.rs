//! The event log: the last events of a state, under numbers without gaps, on the kernel's ring.
//!
//! A run's event is five words, the names of its policy and its realm as numbers, so that logging it allocates nothing. All
//! other events, and runs that five words cannot tell to the bit, are kept as they are beside the words:
//!
//! ```text
//!   word 0: | 63..28 0 | 27 held | 26 realm | 25 policy | 24 run | 23..16 code of the outcome | 7..0 type of policy |
//!   a run:          1: policy, realm << 32 as numbers   2: gas   3: mana   4: nanoseconds
//!   another event:  1: version it is true as of; 0 where it belongs to no commit   2: events of the commit after it
//!   bit 27 of word 0: held for the write of its commit
//! ```
//!
//! Where the state is durable the ring is also the queue to the durable log: see `feed`.

use super::counters::{code, outcome};
use super::feed::{Drain, EventDurability, Feed, Moment};
use super::observer::{PolicyRun, micros, nanos};
use crate::event::StateEvent;
use crate::kernel::event::{Record, Reservation, Ring, RingStats};
use crate::kernel::gas::GasUnits;
use crate::kernel::limits::{EVENT_RING, MAX_EVENT_NAMES, MAX_EVENT_RESERVATION};
use crate::kernel::registry::Registry;
use crate::kernel::sync::yield_now;
use crate::policy_type::PolicyType;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, Thread};
use std::time::Duration;

/// How often who writes looks for an event whose writer is at work before it rests, and for how long it does then.
const LOOKS: u32 = 64;
const REST: Duration = Duration::from_micros(50);

const WORDS: usize = 5;
const RUN: u64 = 1 << 24;
const POLICY: u64 = 1 << 25;
const REALM: u64 = 1 << 26;
const HELD: u64 = 1 << 27;

type Extra = Arc<StateEvent>;

/// An event of the log.
#[derive(Clone, PartialEq, Debug)]
pub struct Logged {
    /// Its number.
    pub seq: u64,
    /// The version of the world that it is true as of, where a commit made it so.
    pub version: Option<u64>,
    /// How many events of the same commit come after it.
    pub more: u64,
    /// What happened.
    pub event: Arc<StateEvent>,
}

/// What [`EventLog::events_since`] found. All numbers from the one asked for up to `next` are accounted for:
/// `events.len() + missed + dropped` is `next` less that number.
#[derive(Clone, PartialEq, Debug)]
pub struct EventsSince {
    /// By ascending number.
    pub events: Vec<Logged>,
    /// The number to ask for next.
    pub next: u64,
    /// Events that are no longer there.
    pub missed: u64,
    /// Numbers whose events never became visible: a panic in the middle of a chunk, or a writer that was lapped.
    pub dropped: u64,
}

/// A bounded log in memory. Appending waits for nobody; nor does reading.
pub struct EventLog {
    ring: Ring<WORDS, Extra>,
    names: Registry,
    feed: OnceLock<Feed>,
}

/// Events of a log that are to be written, as [`EventLog::pending`] found them.
#[derive(Default)]
pub(crate) struct Pending {
    /// In the order in which they are to stand.
    pub(crate) events: Vec<StateEvent>,
    /// The first number that is not in it.
    next: u64,
    /// Numbers that had no event.
    lost: u64,
    /// Events that stand in the log no more.
    released: u64,
    /// Numbers whose commits have made them durable.
    settled: u64,
}

impl EventLog {
    /// The last `capacity` events, numbered from 0.
    pub fn new(capacity: usize) -> EventLog {
        EventLog::continuing(capacity, 0)
    }
    /// A log that goes on from one kept elsewhere: its first event has the number `first`.
    pub fn continuing(capacity: usize, first: u64) -> EventLog {
        let names = Registry::new(MAX_EVENT_NAMES);
        EventLog { ring: Ring::continuing(capacity, first), names, feed: OnceLock::new() }
    }
    /// Appends an event that belongs to no commit. Its number; `u64::MAX` where all 2^62 are used up, and it is not logged.
    /// Counts nothing: see [`crate::observe::StateIntegrator::record`]. One that changes the world is kept in memory only,
    /// also where the log feeds a durable one: that has such events from commits. So is one whose payload is nested deeper than
    /// types go ([`MAX_TYPE_DEPTH`](crate::kernel::limits::MAX_TYPE_DEPTH)).
    pub fn log(&self, event: StateEvent) -> u64 {
        let (words, extra) = self.encode(event);
        self.append(words, extra)
    }
    /// Appends the event of a run; a held one is made durable by the transaction that has its writes, not from here.
    pub(crate) fn log_run(&self, run: &PolicyRun<'_>, held: bool) -> u64 {
        let (words, extra) = self.encode_run(run, &mut Names::default(), held);
        self.append(words, extra)
    }
    #[inline]
    fn append(&self, words: [u64; WORDS], extra: Option<Extra>) -> u64 {
        let number = match self.feed.get() {
            None => self.ring.append(words, extra),
            Some(feed) => feed.reserve(&self.ring, 1).and_then(|mut part| part.push(words, extra)),
        };
        number.unwrap_or(u64::MAX)
    }
    fn reserve(&self, n: usize) -> Option<Reservation<'_, WORDS, Extra>> {
        match self.feed.get() {
            None => self.ring.reserve(n),
            Some(feed) => feed.reserve(&self.ring, n),
        }
    }
    /// Appends the events of runs together and in order. Their numbers.
    pub(crate) fn log_runs(&self, runs: &[PolicyRun<'_>], held: bool) -> Range<u64> {
        let mut names = Names::default();
        self.together(runs.len(), |at| runs.get(at).map(|run| self.encode_run(run, &mut names, held)))
    }
    /// Appends the events of a commit together and in order. Their numbers.
    pub(crate) fn log_commit(&self, version: u64, events: &[StateEvent]) -> Range<u64> {
        self.together(events.len(), |at| {
            let event = Arc::new(events.get(at)?.clone());
            Some(([0, version, (events.len() - 1 - at) as u64, 0, 0], Some(event)))
        })
    }
    fn together(
        &self,
        n: usize,
        mut each: impl FnMut(usize) -> Option<([u64; WORDS], Option<Extra>)>,
    ) -> Range<u64> {
        let (mut first, mut next) = (None, self.ring.next());
        let mut part: Option<Reservation<'_, WORDS, Extra>> = None;
        for at in 0..n {
            if part.as_ref().is_none_or(|part| part.left() == 0) {
                part = self.reserve((n - at).min(MAX_EVENT_RESERVATION));
            }
            let (Some(part), Some((words, extra))) = (&mut part, each(at)) else { break };
            if let Some(number) = part.push(words, extra) {
                first.get_or_insert(number);
                next = number + 1;
            }
        }
        first.unwrap_or(next)..next
    }

    /// Events from number `n` on, up to the first whose writer is still at work.
    pub fn events_since(&self, n: u64) -> EventsSince {
        self.events_since_up_to(n, usize::MAX)
    }
    /// As [`EventLog::events_since`], at most `limit` of them.
    pub fn events_since_up_to(&self, n: u64, limit: usize) -> EventsSince {
        let found = self.ring.since(n, limit);
        let events = found.records.into_iter().filter_map(|record| self.decode(record)).collect();
        EventsSince { events, next: found.next, missed: found.overwritten, dropped: found.dropped }
    }
    /// The number that the next event will get.
    pub fn next_seq(&self) -> u64 {
        self.ring.next()
    }
    /// How many events it keeps.
    pub fn capacity(&self) -> usize {
        self.ring.capacity()
    }
    /// How many were logged, overwritten and dropped.
    pub fn stats(&self) -> RingStats {
        self.ring.stats()
    }

    /// Feeds a durable log from here on. `thread` is woken where much waits. A log feeds one for as long as it is.
    pub(crate) fn feed(&self, drain: Weak<dyn Drain>, thread: Option<Thread>) {
        let _ = self.feed.set(Feed::new(self.next_seq(), drain, thread));
    }
    /// Whether it feeds a durable log that takes events.
    pub(crate) fn is_fed(&self) -> bool {
        self.feed.get().is_some_and(|feed| !feed.closed())
    }
    /// What is to be written next: what waits, up to the first event whose writer is still at work. Numbers below `upto` were
    /// given out before: waits for their writers. For who is at the journal alone.
    pub(crate) fn pending(&self, upto: u64) -> Pending {
        let Some(feed) = self.feed.get().filter(|feed| !feed.closed()) else { return Pending::default() };
        let mut looks = 0;
        let found = loop {
            let found = self.ring.since(feed.done(), self.ring.capacity());
            if found.next >= upto {
                break found;
            }
            // Who has a number and has not stored its event yet waits for nothing in between.
            looks += 1;
            if looks < LOOKS { yield_now() } else { thread::sleep(REST) }
        };
        let mut names = DecodedNames::default();
        let (mut events, mut passed, mut settled) = (Vec::with_capacity(found.records.len()), 0, 0);
        for record in found.records {
            let [head, version, ..] = record.words;
            if record.extra.is_some() && version > 0 {
                settled += 1;
                continue;
            }
            if head & HELD != 0 {
                // Its commit writes it.
                continue;
            }
            match (record.extra, self.decode_words(record.words, &mut names)) {
                // What changes the world is true only where a commit says so; what is too deep cannot be read again.
                (Some(event), _) if event.changes_world() || !event.is_shallow() => passed += 1,
                (Some(event), _) => events.push(Arc::unwrap_or_clone(event)),
                (None, Some(event)) => events.push(event),
                (None, None) => passed += 1,
            }
        }
        let mut released = feed.take_released();
        let (next, lost) = (found.next, found.overwritten + found.dropped + passed);
        let count = released.len() as u64;
        events.append(&mut released);
        Pending { events, next, lost, released: count, settled }
    }
    /// These events are durable.
    pub(crate) fn written(&self, pending: &Pending) {
        let Some(feed) = self.feed.get() else { return };
        feed.wrote_released(pending.released);
        if pending.next > feed.done() {
            feed.advance(pending.next, pending.lost);
        }
    }
    /// These events could not be written, and nothing is any more.
    pub(crate) fn end_feed(&self, pending: &Pending) {
        if let Some(feed) = self.feed.get() {
            feed.close(pending.settled, pending.released);
        }
    }
    /// Now. None where it feeds no durable log.
    pub(crate) fn moment(&self) -> Option<Moment> {
        self.feed.get().map(|feed| feed.moment(self.next_seq()))
    }
    /// Whether something that was logged, or released, before a moment waits to be written.
    pub(crate) fn waits_since(&self, moment: Option<Moment>) -> bool {
        let feed = self.feed.get().zip(moment);
        feed.is_some_and(|(feed, moment)| feed.waits_since(moment))
    }
    /// Writes events soon that were held and whose transaction came to nothing.
    pub(crate) fn release(&self, events: impl IntoIterator<Item = StateEvent>) {
        if let Some(feed) = self.feed.get() {
            feed.release(events);
        }
    }
    /// What of it is durable. None where it is kept in memory only.
    pub fn durability(&self) -> Option<EventDurability> {
        self.feed.get().map(|feed| feed.durability(self.next_seq()))
    }

    fn encode(&self, event: StateEvent) -> ([u64; WORDS], Option<Extra>) {
        if let StateEvent::PolicyEvaluated {
            policy_id,
            realm_id,
            passed,
            policy_type,
            gas_used,
            mana_used,
            duration_us,
            outcome,
        } = &event
        {
            let run = PolicyRun {
                policy_id: policy_id.as_deref(),
                policy_type: *policy_type,
                realm_id: realm_id.as_deref(),
                outcome: *outcome,
                gas: GasUnits::ZERO,
                gas_used: *gas_used,
                mana_used: *mana_used,
                duration_ns: nanos(*duration_us),
            };
            let exact = run.duration_us().to_bits() == duration_us.to_bits() && run.passed() == *passed;
            if exact && let Some(words) = self.words(&run, &mut Names::default()) {
                return (words, None);
            }
        }
        ([0; WORDS], Some(Arc::new(event)))
    }
    fn encode_run<'r>(
        &self,
        run: &PolicyRun<'r>,
        names: &mut Names<'r>,
        held: bool,
    ) -> ([u64; WORDS], Option<Extra>) {
        let (words, extra) = match self.words(run, names) {
            Some(words) => (words, None),
            None => ([0; WORDS], Some(Arc::new(event_of(run)))),
        };
        let [head, ids, gas, mana, ns] = words;
        ([if held { head | HELD } else { head }, ids, gas, mana, ns], extra)
    }
    /// None where a name has no number.
    fn words<'r>(&self, run: &PolicyRun<'r>, names: &mut Names<'r>) -> Option<[u64; WORDS]> {
        let mut head = RUN | (code(run.outcome) as u64) << 16 | run.policy_type as u64;
        let mut ids = 0;
        if let Some(name) = run.policy_id {
            head |= POLICY;
            ids = u64::from(names.policy(&self.names, name)?);
        }
        if let Some(name) = run.realm_id {
            head |= REALM;
            ids |= u64::from(names.realm(&self.names, name)?) << 32;
        }
        Some([head, ids, run.gas_used, run.mana_used, run.duration_ns])
    }
    fn decode(&self, record: Record<WORDS, Extra>) -> Option<Logged> {
        let Record { number: seq, words, extra } = record;
        if let Some(event) = extra {
            let [_, version, more, ..] = words;
            return Some(Logged { seq, version: (version > 0).then_some(version), more, event });
        }
        let event = self.decode_words(words, &mut DecodedNames::default())?;
        Some(Logged { seq, version: None, more: 0, event: Arc::new(event) })
    }
    /// The event of a run.
    fn decode_words(
        &self,
        [head, ids, gas_used, mana_used, ns]: [u64; WORDS],
        names: &mut DecodedNames,
    ) -> Option<StateEvent> {
        let outcome = outcome((head >> 16 & 0xFF) as usize)?;
        let DecodedNames { policy, realm } = names;
        Some(StateEvent::PolicyEvaluated {
            policy_id: self.name(head & POLICY != 0, ids & u64::from(u32::MAX), policy)?,
            realm_id: self.name(head & REALM != 0, ids >> 32, realm)?,
            passed: outcome == crate::kernel::fault::Outcome::Allow,
            policy_type: *PolicyType::ALL.get((head & 0xFF) as usize)?,
            gas_used,
            mana_used,
            duration_us: micros(ns),
            outcome,
        })
    }
    /// A name by its number; a number that was given out has its name.
    fn name(&self, there: bool, id: u64, last: &mut Option<(u64, Arc<str>)>) -> Option<Option<Arc<str>>> {
        if !there {
            return Some(None);
        }
        if let Some((known, name)) = last
            && *known == id
        {
            return Some(Some(name.clone()));
        }
        let name: Arc<str> = self.names.name(id as u32)?.into();
        *last = Some((id, name.clone()));
        Some(Some(name))
    }
}

/// The names of the event that was decoded before: most are those of the next one too.
#[derive(Default)]
struct DecodedNames {
    policy: Option<(u64, Arc<str>)>,
    realm: Option<(u64, Arc<str>)>,
}

impl Default for EventLog {
    fn default() -> Self {
        EventLog::new(EVENT_RING)
    }
}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLog")
            .field("capacity", &self.capacity())
            .field("next", &self.next_seq())
            .finish()
    }
}

/// The event of a run.
pub(crate) fn event_of(run: &PolicyRun<'_>) -> StateEvent {
    StateEvent::PolicyEvaluated {
        policy_id: run.policy_id.map(Arc::from),
        realm_id: run.realm_id.map(Arc::from),
        passed: run.passed(),
        policy_type: run.policy_type,
        gas_used: run.gas_used,
        mana_used: run.mana_used,
        duration_us: run.duration_us(),
        outcome: run.outcome,
    }
}

/// The names of the run before: those of a batch seldom differ.
#[derive(Default)]
struct Names<'r> {
    policy: Option<(&'r str, u32)>,
    realm: Option<(&'r str, u32)>,
}

impl<'r> Names<'r> {
    fn policy(&mut self, names: &Registry, name: &'r str) -> Option<u32> {
        number(&mut self.policy, names, name)
    }
    fn realm(&mut self, names: &Registry, name: &'r str) -> Option<u32> {
        number(&mut self.realm, names, name)
    }
}

fn number<'r>(last: &mut Option<(&'r str, u32)>, names: &Registry, name: &'r str) -> Option<u32> {
    if let Some((known, number)) = *last
        && known == name
    {
        return Some(number);
    }
    let number = names.intern(name)?;
    *last = Some((name, number));
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;
    impl Drain for Nobody {
        fn drain(&self) {}
    }

    #[test]
    fn what_was_logged_is_pending_also_behind_an_event_that_is_still_being_written() {
        let log = EventLog::new(8);
        log.feed(Weak::<Nobody>::new(), None);
        let event = |caller: &str| StateEvent::CrossingEvaluated {
            caller: caller.into(),
            from_realm: None,
            to_realm: "lab".into(),
            allowed: true,
            mana_used: 0,
        };
        let log = &log;
        std::thread::scope(|scope| {
            let mut slow = log.reserve(1).into_iter();
            log.log(event("logged"));
            let upto = log.next_seq();
            assert!(log.pending(0).events.is_empty());
            let pending = scope.spawn(move || log.pending(upto));
            thread::sleep(Duration::from_millis(50));
            assert!(!pending.is_finished());
            let (words, extra) = log.encode(event("slow"));
            slow.by_ref().for_each(|mut slow| assert_eq!(slow.push(words, extra.clone()), Some(0)));
            let pending = pending.join().map(|pending| pending.events).unwrap_or_default();
            assert_eq!(pending, [event("slow"), event("logged")]);
        });
    }
}
