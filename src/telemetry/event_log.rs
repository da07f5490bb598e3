//! The event log: the last events of a state, under numbers without gaps, on the kernel's ring.
//!
//! A run's event is five words, the names of its policy and its realm as numbers, so that logging it allocates nothing. All
//! other events, and runs that five words cannot tell to the bit, are kept as they are beside the words:
//!
//! ```text
//!   word 0: | 63..27 0 | 26 realm | 25 policy | 24 run | 23..16 code of the outcome | 7..0 type of policy |
//!   a run:          1: policy, realm << 32 as numbers   2: gas   3: mana   4: nanoseconds
//!   another event:  1: version it is true as of; 0 where it belongs to no commit   2: events of the commit after it
//! ```

use super::counters::{code, outcome};
use super::observer::{PolicyRun, micros, nanos};
use crate::event::StateEvent;
use crate::kernel::event::{Record, Reservation, Ring, RingStats};
use crate::kernel::gas::GasUnits;
use crate::kernel::limits::{EVENT_RING, MAX_EVENT_NAMES, MAX_EVENT_RESERVATION};
use crate::kernel::registry::Registry;
use crate::policy_type::PolicyType;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

const WORDS: usize = 5;
const RUN: u64 = 1 << 24;
const POLICY: u64 = 1 << 25;
const REALM: u64 = 1 << 26;

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
}

impl EventLog {
    /// The last `capacity` events, numbered from 0.
    pub fn new(capacity: usize) -> EventLog {
        EventLog::continuing(capacity, 0)
    }
    /// A log that goes on from one kept elsewhere: its first event has the number `first`.
    pub fn continuing(capacity: usize, first: u64) -> EventLog {
        EventLog { ring: Ring::continuing(capacity, first), names: Registry::new(MAX_EVENT_NAMES) }
    }
    /// Appends an event that belongs to no commit. Its number; `u64::MAX` where all 2^62 are used up, and it is not logged.
    /// Counts nothing: see [`crate::observe::StateIntegrator::record`].
    pub fn log(&self, event: StateEvent) -> u64 {
        let (words, extra) = self.encode(event);
        self.ring.append(words, extra).unwrap_or(u64::MAX)
    }
    /// Appends the event of a run.
    pub(crate) fn log_run(&self, run: &PolicyRun<'_>) -> u64 {
        let (words, extra) = self.encode_run(run, &mut Names::default());
        self.ring.append(words, extra).unwrap_or(u64::MAX)
    }
    /// Appends the events of runs together and in order. Their numbers.
    pub(crate) fn log_runs(&self, runs: &[PolicyRun<'_>]) -> Range<u64> {
        let mut names = Names::default();
        self.together(runs.len(), |at| runs.get(at).map(|run| self.encode_run(run, &mut names)))
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
                part = self.ring.reserve((n - at).min(MAX_EVENT_RESERVATION));
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
    fn encode_run<'r>(&self, run: &PolicyRun<'r>, names: &mut Names<'r>) -> ([u64; WORDS], Option<Extra>) {
        match self.words(run, names) {
            Some(words) => (words, None),
            None => ([0; WORDS], Some(Arc::new(event_of(run)))),
        }
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
        let Record { number: seq, words: [head, ids, gas_used, mana_used, ns], extra } = record;
        if let Some(event) = extra {
            return Some(Logged { seq, version: (ids > 0).then_some(ids), more: gas_used, event });
        }
        let name = |flag: u64, id: u64| match head & flag {
            0 => Some(None),
            // A number that was given out has its name.
            _ => self.names.name(id as u32).map(|name| Some(Arc::from(name))),
        };
        let outcome = outcome((head >> 16 & 0xFF) as usize)?;
        let event = StateEvent::PolicyEvaluated {
            policy_id: name(POLICY, ids & u64::from(u32::MAX))?,
            realm_id: name(REALM, ids >> 32)?,
            passed: outcome == crate::kernel::fault::Outcome::Allow,
            policy_type: *PolicyType::ALL.get((head & 0xFF) as usize)?,
            gas_used,
            mana_used,
            duration_us: micros(ns),
            outcome,
        };
        Some(Logged { seq, version: None, more: 0, event: Arc::new(event) })
    }
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
