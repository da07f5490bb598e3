//! Commits that are durable before they are true: accepted in order, written in groups, then published.
//!
//! # The protocol
//!
//! - *Accept.* Under the queue's lock a committer is held against the newest accepted world, which need not be durable yet,
//!   and takes the next place in the queue with the world that comes of it. First committer wins, in the order of places.
//! - *Lead.* Whoever waits while nobody leads takes all that is queued to the journal, as one write. Those who come
//!   meanwhile queue up and share the next write. The lock is not held while the journal writes.
//! - *Publish.* Only when the journal has answered is the last world of the group published, the sink told of each commit
//!   in order, and every committer of the group let go. So no reader ever sees what a crash could take away: between the
//!   journal's answer and publication they see the version before, which is durable too.
//! - *Fail.* When a write fails, whether it reached the disk is not known. Nobody of the group, and nobody queued on top of
//!   it, is acknowledged; nothing of it is published; every later commit is refused. What the journal holds is found out by
//!   opening it again.

use super::transaction::{RunOf, Transaction};
use super::unified::{CommitResult, UnifiedState, lock};
use super::world::World;
use crate::event::StateEvent;
use std::fmt;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Why a commit is not durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JournalError {
    /// There is no room left on the device.
    Full,
    /// The device, or the file system, refused.
    Io(String),
    /// What is stored is damaged.
    Damaged(String),
    /// It ended while writing, for a reason of its own.
    Broken,
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JournalError::Full => f.write_str("no room left on the device"),
            JournalError::Io(error) => f.write_str(error),
            JournalError::Damaged(what) => write!(f, "the store is damaged: {what}"),
            JournalError::Broken => f.write_str("the store ended while it was writing"),
        }
    }
}
impl std::error::Error for JournalError {}

/// One accepted commit, as a journal takes it.
#[derive(Clone, Debug)]
pub struct JournalEntry {
    /// The version as of which its events are true.
    pub version: u64,
    /// Its events, in order.
    pub events: Vec<StateEvent>,
    /// Runs to keep beside their events, in order.
    pub runs: Vec<RunOf>,
    /// The version that the commit's reads began on.
    pub base: u64,
    /// The world with them in.
    pub world: Arc<World>,
}

/// Where commits are written before they are true.
pub trait Journal: Send + Sync {
    /// Writes these commits, one or more, in this order; Ok once no crash can take any of them away. All or none. Never
    /// called by two threads at once, and not again after an error. Must not commit to the same state.
    fn append(&self, commits: &[JournalEntry]) -> Result<(), JournalError>;
}

/// The queue of commits that wait for a journal.
pub(super) struct Queue {
    journal: Arc<dyn Journal>,
    tail: Mutex<Tail>,
    turn: Condvar,
}

struct Tail {
    /// The newest accepted world.
    world: Arc<World>,
    waiting: Vec<JournalEntry>,
    /// Commits accepted, and durable, since the beginning. Places in the queue count from 1.
    accepted: u64,
    durable: u64,
    /// Whether somebody is at the journal.
    led: bool,
    failed: Option<JournalError>,
}

impl Queue {
    pub(super) fn new(journal: Arc<dyn Journal>, world: Arc<World>) -> Queue {
        let tail = Tail { world, waiting: Vec::new(), accepted: 0, durable: 0, led: false, failed: None };
        Queue { journal, tail: Mutex::new(tail), turn: Condvar::new() }
    }

    /// Commits a transaction that has events.
    pub(super) fn commit(&self, state: &UnifiedState, transaction: &Transaction) -> CommitResult {
        let mut tail = lock(&self.tail);
        if let Some(error) = &tail.failed {
            return CommitResult::NotDurable(error.clone());
        }
        if transaction.base().version() > tail.world.version() {
            // It began on another state.
            return CommitResult::Invalid;
        }
        let keys = transaction.conflicts(&tail.world);
        if !keys.is_empty() {
            return CommitResult::Conflict { keys };
        }
        if transaction.changes_world() {
            match transaction.next(&tail.world) {
                Some(next) => tail.world = next,
                None => return CommitResult::Invalid,
            }
        }
        let version = tail.world.version();
        let entry = JournalEntry {
            version,
            events: transaction.events().to_vec(),
            runs: transaction.runs().to_vec(),
            base: transaction.base().version(),
            world: Arc::clone(&tail.world),
        };
        tail.waiting.push(entry);
        tail.accepted += 1;
        let place = tail.accepted;
        loop {
            if tail.durable >= place {
                let (events_applied, keys_written) =
                    (transaction.events().len(), transaction.written().len());
                return CommitResult::Success { events_applied, keys_written, version };
            }
            if let Some(error) = &tail.failed {
                return CommitResult::NotDurable(error.clone());
            }
            if tail.led {
                tail = self.turn.wait(tail).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            tail.led = true;
            let group = mem::take(&mut tail.waiting);
            let lead = Lead { queue: self, upto: tail.accepted, end: Err(JournalError::Broken) };
            drop(tail);
            lead.write(state, &group);
            tail = lock(&self.tail);
        }
    }

    /// Replaces the world by one with the same content, unless commits are under way.
    pub(super) fn replace(&self, change: impl FnOnce(&World) -> World, state: &UnifiedState) -> bool {
        let mut tail = lock(&self.tail);
        if tail.led || !tail.waiting.is_empty() || tail.failed.is_some() {
            return false;
        }
        tail.world = Arc::new(change(&tail.world));
        state.publish(&tail.world);
        true
    }

    /// Why commits are refused, if they are.
    pub(super) fn failed(&self) -> Option<JournalError> {
        lock(&self.tail).failed.clone()
    }
}

/// One group on its way; ends also while unwinding.
struct Lead<'q> {
    queue: &'q Queue,
    upto: u64,
    end: Result<(), JournalError>,
}

impl Lead<'_> {
    fn write(mut self, state: &UnifiedState, group: &[JournalEntry]) {
        self.end = self.queue.journal.append(group);
        if self.end.is_err() {
            return;
        }
        if let Some(last) = group.last() {
            state.publish(&last.world);
        }
        state.tell(group);
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut tail = lock(&self.queue.tail);
        tail.led = false;
        match mem::replace(&mut self.end, Ok(())) {
            Ok(()) => tail.durable = self.upto,
            Err(error) => {
                tail.failed = Some(error);
                tail.waiting = Vec::new();
            }
        }
        self.queue.turn.notify_all();
    }
}
