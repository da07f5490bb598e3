//! Replay: counters and world made again from the log alone.
//!
//! A [`Replay`] reads a log from where it stands, and counts and applies what it finds; so it is exact for its place in the log,
//! whoever is running meanwhile. Where nobody is, it equals the state. A [`Checkpoint`] is its value at one place.
//!
//! What no event tells is not in it: compilations, layers of gas, and what the embedder reports of gas, mana and contexts of its own.

use crate::event::StateEvent;
use crate::kernel::limits::MAX_OBSERVED_REALMS;
use crate::kernel::multigas::RealmId;
use crate::state::{ApplyError, World};
use crate::telemetry::counters::{Counters, REALMS, row, row_of};
use crate::telemetry::{EventLog, Logged, StateSnapshot};
use std::fmt;

/// Events read at once.
const PART: usize = 1_024;

/// Where a log was replayed to. Plain data.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The number of the first event that is not in it.
    pub next: u64,
    /// The world, under its version.
    pub world: World,
    /// Counters of the process that are not 0, by number.
    pub process: Vec<(usize, u64)>,
    /// Counters of realms that are not 0: the realm (None for those beyond the cap), the place, the count.
    pub realms: Vec<(Option<Box<str>>, usize, u64)>,
}

impl Checkpoint {
    /// Nothing has happened yet: this world, and the number of the log's first event.
    pub fn start(world: World, next: u64) -> Checkpoint {
        Checkpoint { next, world, process: Vec::new(), realms: Vec::new() }
    }
}

/// Why a replay stopped where it stands.
#[derive(Clone, PartialEq, Debug)]
pub enum ReplayError {
    /// The log no longer has the events from here on, or some of them never became visible.
    Gap {
        /// How many.
        missing: u64,
    },
    /// An event does not fit the world: it is another world's log.
    Apply(ApplyError),
    /// An event is of a version that does not follow the world's.
    Version {
        /// The world's.
        world: u64,
        /// The event's.
        event: u64,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayError::Gap { missing } => write!(f, "{missing} events are no longer in the log"),
            ReplayError::Apply(error) => write!(f, "an event does not fit: {error}"),
            ReplayError::Version { world, event } => {
                write!(f, "an event of version {event} does not follow version {world}")
            }
        }
    }
}
impl std::error::Error for ReplayError {}

/// What a log says so far.
#[derive(Debug)]
pub struct Replay {
    next: u64,
    world: World,
    counters: Counters,
}

/// How many of these events the first, or the commit that it begins, takes. None where that is not there as a whole. Events of
/// runs may stand between those of a commit of more than the log has room for at once; another commit's never do.
fn whole(events: &[Logged]) -> Option<usize> {
    let first = events.first()?;
    if first.version.is_none() {
        return Some(1);
    }
    let last = events.iter().position(|logged| logged.version.is_some() && logged.more == 0)?;
    Some(last.saturating_add(1))
}

impl Replay {
    /// Goes on from a checkpoint.
    pub fn from(checkpoint: &Checkpoint) -> Replay {
        let counters = Counters::new();
        let known = checkpoint.process.iter().filter(|(counter, _)| *counter < REALMS);
        let mut adds: Vec<(usize, u64)> = known.copied().collect();
        for (name, place, n) in checkpoint.realms.iter().filter(|(_, place, _)| *place < row::WIDTH) {
            let realm = name.as_ref().map_or(RealmId::OVERFLOW, |name| counters.realm(Some(name)));
            adds.push((row_of(realm) + place, *n));
        }
        counters.add(&adds);
        Replay { next: checkpoint.next, world: checkpoint.world.clone(), counters }
    }
    /// At some place in a log that is kept elsewhere.
    #[cfg(feature = "durable")]
    pub(crate) fn at(next: u64, world: World, counters: Counters) -> Replay {
        Replay { next, world, counters }
    }
    #[cfg(feature = "durable")]
    pub(crate) fn into_parts(self) -> (World, Counters) {
        (self.world, self.counters)
    }
    /// Reads on to the end of the log, or to the first event that is still being written. A commit is taken as a whole.
    ///
    /// # Errors
    ///
    /// [`ReplayError`]; what was read before it is in.
    pub fn advance(&mut self, log: &EventLog) -> Result<(), ReplayError> {
        let mut part = PART;
        loop {
            let found = log.events_since_up_to(self.next, part);
            let missing = found.missed.saturating_add(found.dropped);
            if missing > 0 {
                return Err(ReplayError::Gap { missing });
            }
            let full = found.events.len() == part;
            let before = self.next;
            self.take(&found.events)?;
            match (full, self.next == before) {
                // A commit that is longer than a part.
                (true, true) => part = part.saturating_mul(2),
                (true, false) => part = PART,
                (false, _) => return Ok(()),
            }
        }
    }
    /// Takes events that a log found, in order. The rest of a commit that is not there as a whole waits.
    fn take(&mut self, mut events: &[Logged]) -> Result<(), ReplayError> {
        while let Some(len) = whole(events) {
            let Some((part, rest)) = events.split_at_checked(len) else { return Ok(()) };
            let all: Vec<StateEvent> = part.iter().map(|logged| (*logged.event).clone()).collect();
            let commit = part.iter().zip(&all).filter(|(logged, _)| logged.version.is_some());
            if let Some(version) = part.iter().find_map(|logged| logged.version) {
                let events: Vec<StateEvent> = commit.map(|(_, event)| event.clone()).collect();
                let next = self.world.after(&events).map_err(ReplayError::Apply)?;
                if next.version() != version {
                    return Err(ReplayError::Version { world: self.world.version(), event: version });
                }
                self.world = next;
            }
            self.counters.count(&all);
            self.next = part.last().map_or(self.next, |last| last.seq.saturating_add(1));
            events = rest;
        }
        Ok(())
    }
    /// The number of the first event that is not in it.
    pub fn next(&self) -> u64 {
        self.next
    }
    /// The world.
    pub fn world(&self) -> &World {
        &self.world
    }
    /// The counters.
    pub fn snapshot(&self) -> StateSnapshot {
        self.counters.snapshot()
    }
    /// All of it, as plain data.
    pub fn checkpoint(&self) -> Checkpoint {
        let totals = self.counters.totals();
        let process = (0..REALMS).map(|counter| (counter, totals.get(counter))).filter(|(_, n)| *n > 0);
        let mut realms = Vec::new();
        for realm in (0..=MAX_OBSERVED_REALMS).map(RealmId::of_index) {
            let Some(name) = self.counters.realms().name(realm) else { break };
            let name = (realm != RealmId::OVERFLOW).then_some(name);
            let cells = (0..row::WIDTH).map(|place| (place, totals.get(row_of(realm) + place)));
            realms.extend(cells.filter(|(_, n)| *n > 0).map(|(place, n)| (name.map(Box::from), place, n)));
        }
        Checkpoint { next: self.next, world: self.world.clone(), process: process.collect(), realms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::RealmRecord;
    use std::sync::Arc;

    #[test]
    fn a_commit_that_runs_stand_in_the_middle_of_is_taken_as_a_whole() {
        let realm = |id: &str| {
            StateEvent::RealmCreated(Arc::new(RealmRecord { id: id.into(), ..RealmRecord::default() }))
        };
        let between = StateEvent::CrossingEvaluated {
            caller: "did:x:a".into(),
            from_realm: None,
            to_realm: "lab".into(),
            allowed: true,
            mana_used: 0,
        };
        let all = [(Some(2), 1, realm("lab")), (None, 0, between), (Some(2), 0, realm("other"))];
        let logged = all.into_iter().zip(0..).map(|((version, more, event), seq)| Logged {
            seq,
            version,
            more,
            event: Arc::new(event),
        });
        let logged: Vec<Logged> = logged.collect();
        let mut replay = Replay::from(&Checkpoint::start(World::default(), 0));
        for part in [0, 1, 2] {
            assert_eq!(replay.take(logged.get(..part).unwrap_or(&[])), Ok(()));
            assert_eq!((replay.next(), replay.world().version()), (0, 1));
        }
        assert_eq!(replay.take(&logged), Ok(()));
        assert_eq!((replay.next(), replay.world().version()), (3, 2));
        assert!(replay.world().realm("lab").is_some() && replay.world().realm("other").is_some());
        assert_eq!(replay.snapshot().eclvm.crossings.allowed, 1);
    }
}
