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
//! - *Tell.* While it tells of its commits the leader is no longer at the journal: who finds the event log full meanwhile, be
//!   it a run in a sink or one that a sink waits for, writes what waits there himself. One at a time, and nobody leads then.
//! - *Runs.* What waits in the event log to be written (`telemetry/feed.rs`) goes along with each write, in front of the group's
//!   commits; where there is none, who drains the log writes it alone. Events that a transaction holds stand
//!   right after the effects of their runs.
//! - *Fail.* When a write fails, whether it reached the disk is not known. Nobody of the group, and nobody queued on top of
//!   it, is acknowledged; nothing of it is published; every later commit is refused. What the journal holds is found out by
//!   opening it again.

use super::transaction::{RunOf, Transaction};
use super::unified::{CommitResult, UnifiedState, lock};
use super::world::World;
use crate::event::StateEvent;
use crate::telemetry::EventLog;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a flush rests where an event's writer has been stopped by the scheduler.
const REST: Duration = Duration::from_micros(50);

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
    /// The places of those among them that the state has counted and logged before, ascending: runs, told of as they ended.
    pub told: Vec<usize>,
    /// Runs to keep beside their events, in order.
    pub runs: Vec<RunOf>,
    /// The version that the commit's reads began on.
    pub base: u64,
    /// The world with them in.
    pub world: Arc<World>,
}

impl JournalEntry {
    /// Events of runs that belong to no commit, true as of this world.
    fn of_runs(events: Vec<StateEvent>, world: &Arc<World>) -> JournalEntry {
        JournalEntry {
            version: world.version(),
            told: (0..events.len()).collect(),
            events,
            runs: Vec::new(),
            base: world.version(),
            world: Arc::clone(world),
        }
    }
    /// A transaction that makes this world, with the runs whose effects are in it.
    fn of_commit(transaction: &Transaction, held: Vec<HeldRun>, world: &Arc<World>) -> JournalEntry {
        let mut entry = JournalEntry {
            version: world.version(),
            events: Vec::with_capacity(transaction.events().len() + held.len()),
            told: Vec::with_capacity(held.len()),
            runs: transaction.runs().to_vec(),
            base: transaction.base().version(),
            world: Arc::clone(world),
        };
        for run in &mut entry.runs {
            run.event += held.iter().take_while(|held| held.after <= run.event).count();
        }
        let mut own = transaction.events().iter();
        let mut taken = 0;
        for HeldRun { after, event } in held {
            entry.events.extend(own.by_ref().take(after.saturating_sub(taken)).cloned());
            taken = taken.max(after);
            entry.told.push(entry.events.len());
            entry.events.push(event);
        }
        entry.events.extend(own.cloned());
        entry
    }
    /// Its events that nobody has been told of yet.
    pub(super) fn untold(&self) -> Vec<StateEvent> {
        let mut told = self.told.iter().peekable();
        let untold = self.events.iter().enumerate().filter(|(at, _)| told.next_if_eq(&at).is_none());
        untold.map(|(_, event)| event.clone()).collect()
    }
}

/// The event of a run whose effects are in a transaction, and that the state has been told of.
#[derive(Clone, Debug)]
pub(crate) struct HeldRun {
    /// After how many of the transaction's events it stands: its effects are right before.
    pub(crate) after: usize,
    /// The event.
    pub(crate) event: StateEvent,
}

/// Where commits are written before they are true.
pub trait Journal: Send + Sync {
    /// Writes these commits, one or more, in this order; Ok once no crash can take any of them away. All or none. Never
    /// called by two threads at once, and not again after an error. Must neither commit to the same state nor log to it.
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
    /// The newest durable world.
    durable_world: Arc<World>,
    waiting: Vec<JournalEntry>,
    /// Commits accepted, and durable, since the beginning. Places in the queue count from 1.
    accepted: u64,
    durable: u64,
    /// The log's next number when the last of them was accepted.
    logged: u64,
    /// Commits that the journal has taken: those from `durable` on are being told of.
    written: u64,
    /// Somebody writes commits, or tells of them.
    led: bool,
    /// Somebody is at the journal.
    writing: bool,
    failed: Option<JournalError>,
}

impl Tail {
    /// Nothing is written any more.
    fn fail(&mut self, error: JournalError, log: &EventLog) {
        log.end_feed(&Default::default());
        self.failed = Some(error);
        self.waiting = Vec::new();
    }
}

impl Queue {
    pub(super) fn new(journal: Arc<dyn Journal>, world: Arc<World>) -> Queue {
        let tail = Tail {
            durable_world: Arc::clone(&world),
            world,
            waiting: Vec::new(),
            accepted: 0,
            durable: 0,
            logged: 0,
            written: 0,
            led: false,
            writing: false,
            failed: None,
        };
        Queue { journal, tail: Mutex::new(tail), turn: Condvar::new() }
    }

    /// Commits a transaction that has events. Takes the runs that it holds once it is accepted.
    pub(super) fn commit(
        &self,
        state: &UnifiedState,
        transaction: &Transaction,
        held: &mut Vec<HeldRun>,
    ) -> CommitResult {
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
        let entry = JournalEntry::of_commit(transaction, mem::take(held), &tail.world);
        tail.waiting.push(entry);
        tail.accepted += 1;
        tail.logged = state.event_log.next_seq();
        let place = tail.accepted;
        loop {
            if tail.durable >= place {
                let (events_applied, keys_written) =
                    (transaction.events().len(), transaction.written().len());
                return CommitResult::Success { events_applied, keys_written, version };
            }
            if let Some(error) = tail.failed.as_ref().filter(|_| tail.written < place) {
                return CommitResult::NotDurable(error.clone());
            }
            if tail.led || tail.writing {
                tail = self.wait(tail);
                continue;
            }
            let group = mem::take(&mut tail.waiting);
            let lead = self.lead(&mut tail, &state.event_log);
            drop(tail);
            lead.write(state, group);
            tail = lock(&self.tail);
        }
    }

    /// Writes what waits in the log to be written. Where somebody else is at the journal, waits for the end of that instead,
    /// which wrote some of it too.
    pub(super) fn drain(&self, log: &EventLog) -> Result<(), JournalError> {
        let mut tail = lock(&self.tail);
        if let Some(error) = &tail.failed {
            return Err(error.clone());
        }
        if tail.writing {
            drop(self.wait(tail));
            return Ok(());
        }
        tail.writing = true;
        let world = Arc::clone(&tail.durable_world);
        drop(tail);
        let write = || append(&*self.journal, log, 0, &world, Vec::new()).map(drop);
        let written = catch_unwind(AssertUnwindSafe(write)).unwrap_or(Err(JournalError::Broken));
        let mut tail = lock(&self.tail);
        tail.writing = false;
        if let Err(error) = &written {
            tail.fail(error.clone(), log);
        }
        self.turn.notify_all();
        written
    }
    /// Writes everything that was logged before; Ok once it is durable, whatever comes meanwhile.
    pub(super) fn flush(&self, log: &EventLog) -> Result<(), JournalError> {
        let begun = log.moment();
        loop {
            if let Some(error) = self.failed() {
                return Err(error);
            }
            if !log.waits_since(begun) {
                return Ok(());
            }
            let before = log.durability();
            self.drain(log)?;
            if log.durability() == before {
                thread::sleep(REST);
            }
        }
    }

    fn wait<'t>(&self, tail: MutexGuard<'t, Tail>) -> MutexGuard<'t, Tail> {
        self.turn.wait(tail).unwrap_or_else(PoisonError::into_inner)
    }
    fn lead<'q>(&'q self, tail: &mut Tail, log: &'q EventLog) -> Lead<'q> {
        (tail.led, tail.writing) = (true, true);
        let (upto, world) = (tail.durable, Arc::clone(&tail.durable_world));
        Lead { queue: self, log, logged: tail.logged, upto, world, end: Err(JournalError::Broken) }
    }

    /// Replaces the world by one with the same content, unless commits are under way.
    pub(super) fn replace(&self, change: impl FnOnce(&World) -> World, state: &UnifiedState) -> bool {
        let mut tail = lock(&self.tail);
        if tail.led || tail.writing || !tail.waiting.is_empty() || tail.failed.is_some() {
            return false;
        }
        tail.world = Arc::new(change(&tail.world));
        tail.durable_world = Arc::clone(&tail.world);
        state.publish(&tail.world);
        true
    }

    /// Why commits are refused, if they are.
    pub(super) fn failed(&self) -> Option<JournalError> {
        lock(&self.tail).failed.clone()
    }
}

/// Writes what waits in the log, all below number `upto` at least, and then these commits. `world` is the durable one before
/// them.
fn append(
    journal: &dyn Journal,
    log: &EventLog,
    upto: u64,
    world: &Arc<World>,
    mut commits: Vec<JournalEntry>,
) -> Result<Vec<JournalEntry>, JournalError> {
    let mut pending = log.pending(upto);
    let runs = mem::take(&mut pending.events);
    let fed = !runs.is_empty();
    if fed {
        commits.insert(0, JournalEntry::of_runs(runs, world));
    }
    if !commits.is_empty() {
        journal.append(&commits).inspect_err(|_| log.end_feed(&pending))?;
    }
    log.written(&pending);
    if fed {
        commits.remove(0);
    }
    Ok(commits)
}

/// One write on its way; ends also while unwinding.
struct Lead<'q> {
    queue: &'q Queue,
    log: &'q EventLog,
    /// What was logged below this number goes in front of the commits.
    logged: u64,
    /// How many commits are durable once it has ended well, and the world then.
    upto: u64,
    world: Arc<World>,
    end: Result<(), JournalError>,
}

impl Lead<'_> {
    fn write(mut self, state: &UnifiedState, group: Vec<JournalEntry>) {
        let (count, last) = (group.len() as u64, group.last().map(|last| Arc::clone(&last.world)));
        match append(&*self.queue.journal, self.log, self.logged, &self.world, group) {
            Err(error) => self.end = Err(error),
            Ok(group) => {
                self.end = Ok(());
                self.upto += count;
                {
                    let mut tail = lock(&self.queue.tail);
                    if let Some(last) = &last {
                        // Runs that are written while this is told of are true as of it.
                        tail.durable_world = Arc::clone(last);
                    }
                    (tail.written, tail.writing) = (self.upto, false);
                }
                self.queue.turn.notify_all();
                if let Some(last) = last {
                    state.publish(&last);
                }
                state.tell(&group);
            }
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut tail = lock(&self.queue.tail);
        tail.led = false;
        match mem::replace(&mut self.end, Ok(())) {
            Ok(()) => tail.durable = self.upto,
            Err(error) => {
                tail.writing = false;
                tail.fail(error, self.log);
            }
        }
        self.queue.turn.notify_all();
    }
}
