//! The state that everybody shares: the current version of the world, and how commits make the next one.
//!
//! # The protocol
//!
//! - *View.* A reader takes the current version and keeps it for as long as it likes. Nobody waits for anybody.
//! - *Commit.* A committer takes the current version, asks whether any key that its transaction read or wrote was changed
//!   since the transaction began, builds the next version on top and publishes it, if the current version is still the
//!   one that it looked at. If another commit came between, it begins again with that one's version; somebody got through,
//!   so together they always get on. First committer wins; the loser has changed nothing.
//! - *In order.* Publishing, logging and telling the sink are one step under a lock that only committers take, so that the
//!   log and the sink have commits in the order of their versions. Looking and building stay outside of it. A sink that
//!   commits to the state that it listens to would wait for itself: such a commit is refused as Invalid. Subscribers hear
//!   of a commit after that step, so that what they do then cannot wait for it.
//! - *Durable.* Where there is a journal, commits go through its queue instead (`journal`), and are published once they
//!   are written. Events of runs wait in the event log until somebody writes them (`telemetry/feed.rs`).

use super::handle::StateHandle;
use super::journal::{HeldRun, Journal, JournalEntry, JournalError, Queue};
use super::key::StateKey;
use super::recorder::Recorder;
use super::transaction::Transaction;
use super::view::StateView;
use super::world::World;
use crate::event::StateEvent;
use crate::kernel::budget::Budget;
use crate::kernel::fault::Exhaustion;
use crate::kernel::gas::Prices;
#[cfg(feature = "multi-gas")]
use crate::kernel::multigas::MultiGas;
use crate::telemetry::{
    Broadcaster, Counters, EclvmState, EventDurability, EventLog, ExecutionState, StateComponent, StateDelta,
    StateSnapshot,
};
use eclvm_kernel::publish::Published;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

/// Who is told of commits.
pub trait CommitSink: Send + Sync {
    /// These events are now true, in this order, as of this version. Called once for each commit with events, in the
    /// order of versions, by the thread that commits and before the commit returns. A commit of events that change
    /// nothing makes no version and names the current one. Must not commit to the same
    /// state, nor wait for somebody who does, nor use the handle whose commit it hears of. Where there
    /// is a journal, one thread may speak for all commits that were written together. It may run policies, and wait for
    /// runs of other threads, as long as they commit nothing.
    fn committed(&self, version: u64, events: &[StateEvent]);
}

/// What came of a commit.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a commit can fail"]
pub enum CommitResult {
    /// It is true, for every view from now on.
    Success {
        /// Changes and events, counted.
        events_applied: usize,
        /// Different keys that were written.
        keys_written: usize,
        /// The version that it made; the one that it read where it changed nothing.
        version: u64,
    },
    /// It was true already.
    AlreadyCommitted,
    /// Somebody else was first. Nothing has changed; the work can be done again on a new view.
    Conflict {
        /// What it read or wrote and they wrote, in order.
        keys: Vec<StateKey>,
    },
    /// Its budget is exhausted. Nothing has changed.
    BudgetExhausted(Exhaustion),
    /// It was rolled back or lost a conflict before, or the sink of a commit wanted to commit. Nothing has changed.
    Invalid,
    /// The journal failed, now or before: it is not acknowledged and nobody sees it. Whether it is stored shows when the
    /// store is opened again; until then all commits are refused.
    NotDurable(JournalError),
}

impl CommitResult {
    /// Whether it is Success.
    pub fn is_success(&self) -> bool {
        matches!(self, CommitResult::Success { .. })
    }
}

/// The state that everybody shares. Put it into an `Arc`.
pub struct UnifiedState {
    /// What became of policies, crossings, blueprints and sagas.
    pub eclvm: EclvmState,
    /// Gas, mana and contexts.
    pub execution: ExecutionState,
    /// The last events.
    pub event_log: Arc<EventLog>,
    /// Tells who is subscribed.
    pub broadcaster: Broadcaster,
    counters: Arc<Counters>,
    world: Published<Arc<World>>,
    /// Writes what waits in the log. Goes first: it needs the log and the queue.
    recorder: Option<Recorder>,
    journal: Option<Arc<Queue>>,
    sink: Option<Arc<dyn CommitSink>>,
    publishing: Mutex<()>,
    /// The thread that is in the sink.
    publisher: Mutex<Option<ThreadId>>,
}

impl UnifiedState {
    /// An empty world.
    pub fn new() -> UnifiedState {
        UnifiedState::with_world(World::default())
    }
    /// This world, under the version it has.
    pub fn with_world(world: World) -> UnifiedState {
        let counters = Arc::new(Counters::new());
        UnifiedState {
            eclvm: EclvmState::new(&counters),
            execution: ExecutionState::new(&counters),
            event_log: Arc::default(),
            broadcaster: Broadcaster::new(),
            counters,
            world: Published::new(Arc::new(world)),
            recorder: None,
            journal: None,
            sink: None,
            publishing: Mutex::new(()),
            publisher: Mutex::new(None),
        }
    }
    /// Tells this sink of every commit.
    pub fn with_sink(self, sink: Arc<dyn CommitSink>) -> UnifiedState {
        UnifiedState { sink: Some(sink), ..self }
    }
    /// Logs here from now on: another length, or a log that goes on from one kept elsewhere.
    pub fn with_event_log(self, event_log: EventLog) -> UnifiedState {
        let within = self.recorder.as_ref().map(Recorder::within);
        let state = UnifiedState { recorder: None, event_log: Arc::new(event_log), ..self };
        match within {
            Some(within) => state.with_durable_events(within),
            None => state,
        }
    }
    /// All counters, as one cut.
    pub fn snapshot(&self) -> StateSnapshot {
        self.counters.snapshot()
    }
    /// Layers of gas by realm, prices and quotas. Runs that are observed for this state are counted here.
    #[cfg(feature = "multi-gas")]
    pub fn multi_gas(&self) -> &Arc<MultiGas> {
        self.counters.realms().multi_gas()
    }
    /// What units cost now, for runs that are not told otherwise: the prices of the state's table, which the feature
    /// `multi-gas` brings, else 1.
    pub fn prices(&self) -> Prices {
        #[cfg(feature = "multi-gas")]
        let prices = self.multi_gas().prices().0;
        #[cfg(not(feature = "multi-gas"))]
        let prices = Prices::default();
        prices
    }
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }
    /// Writes every commit to this journal before it is true. The journal must hold the world as it is now.
    pub fn with_journal(self, journal: Arc<dyn Journal>) -> UnifiedState {
        let world = self.view().world().clone();
        UnifiedState { recorder: None, journal: Some(Arc::new(Queue::new(journal, world))), ..self }
    }
    /// Also events of runs, and all others that belong to no commit, go to the journal from now on: at the latest after about
    /// `within`, with the next commit, or before [`UnifiedState::flush`] or the end of the state, which waits for it. One that the event
    /// log has no room for waits until there is. Without a journal this changes nothing.
    pub fn with_durable_events(self, within: Duration) -> UnifiedState {
        let recorder = match &self.recorder {
            None => self.journal.as_ref().map(|queue| Recorder::start(queue, &self.event_log, within)),
            Some(_) => return self,
        };
        UnifiedState { recorder, ..self }
    }
    /// Makes durable what was logged before. Returns at once where events are kept in memory only.
    ///
    /// # Errors
    ///
    /// Why the journal failed, now or before.
    pub fn flush(&self) -> Result<(), JournalError> {
        self.recorder.as_ref().map_or(Ok(()), Recorder::flush)
    }
    /// How many events are durable. None where they are kept in memory only.
    pub fn event_durability(&self) -> Option<EventDurability> {
        self.event_log.durability()
    }
    /// Why the journal refuses commits, if it does: it failed before.
    pub fn journal_failed(&self) -> Option<JournalError> {
        self.journal.as_ref().and_then(|queue| queue.failed())
    }
    /// The current version.
    pub fn view(&self) -> StateView {
        StateView::new(Arc::clone(&self.world.load()))
    }
    /// A transaction on the current version, not charged and not bound to a realm.
    pub fn begin(&self) -> Transaction {
        Transaction::new(self.view().world().clone())
    }
    /// The writes of one realm, charged to a budget, on the current version. `caller` is who votes and proposes.
    pub fn handle(self: &Arc<Self>, realm: &str, caller: Option<&str>, budget: Arc<Budget>) -> StateHandle {
        StateHandle::new(self.clone(), self.view(), realm, caller, budget)
    }

    /// Makes a transaction true, or says why not.
    pub fn commit(&self, transaction: &Transaction) -> CommitResult {
        self.commit_held(transaction, &mut Vec::new())
    }
    /// As [`UnifiedState::commit`], with the runs whose effects the transaction has: what is left of them afterwards is to be
    /// released.
    pub(crate) fn commit_held(&self, transaction: &Transaction, held: &mut Vec<HeldRun>) -> CommitResult {
        let events_applied = transaction.events().len();
        let version = transaction.base().version();
        if events_applied == 0 {
            // What it read was there all at once, and it leaves nothing behind.
            return CommitResult::Success { events_applied, keys_written: 0, version };
        }
        if self.in_sink() {
            return CommitResult::Invalid;
        }
        if let Some(queue) = &self.journal {
            return queue.commit(self, transaction, held);
        }
        let changes = transaction.changes_world();
        loop {
            let now = self.world.load();
            if transaction.base().version() > now.version() {
                // It began on another state.
                return CommitResult::Invalid;
            }
            let keys = transaction.conflicts(&now);
            if !keys.is_empty() {
                return CommitResult::Conflict { keys };
            }
            let next = if changes {
                match transaction.next(&now) {
                    Some(next) => next,
                    None => return CommitResult::Invalid,
                }
            } else {
                Arc::clone(&now)
            };
            let version = next.version();
            let step = lock(&self.publishing);
            let through = if changes {
                self.world.publish_if(now.version(), next).is_ok()
            } else {
                // Nothing to publish, but all are to hear of it in order.
                self.world.load().version() == now.version()
            };
            if !through {
                continue;
            }
            self.counters.count(transaction.events());
            let logged = self.event_log.log_commit(version, transaction.events());
            if let Some(sink) = &self.sink {
                let _inside = InSink::enter(self);
                sink.committed(version, transaction.events());
            }
            drop(step);
            self.broadcaster.broadcast_with(|| StateDelta::range(StateComponent::World, logged));
            let keys_written = transaction.written().len();
            return CommitResult::Success { events_applied, keys_written, version };
        }
    }

    /// Lays the table of DIDs out anew for quick reads: worth its while after many identities were created. Takes time by
    /// the size of the world, changes nothing that can be read, and gives way to commits: false where one came between.
    pub fn compact(&self) -> bool {
        if let Some(queue) = &self.journal {
            return queue.replace(World::compacted, self);
        }
        let now = self.world.load();
        let next = Arc::new(now.compacted());
        self.world.publish_if(now.version(), next).is_ok()
    }

    /// Publishes a world that the queue of the journal has put in order. Nobody else publishes where there is one.
    pub(super) fn publish(&self, world: &Arc<World>) {
        loop {
            let now = self.world.load();
            if Arc::ptr_eq(&now, world) || self.world.publish_if(now.version(), Arc::clone(world)).is_ok() {
                return;
            }
        }
    }
    /// Counts, logs and tells of commits that were written together. A panic of the sink goes on once it was told of all.
    pub(super) fn tell(&self, group: &[JournalEntry]) {
        let mut panicked = None;
        for entry in group {
            let untold = if entry.told.is_empty() { None } else { Some(entry.untold()) };
            let (version, events) = (entry.version, untold.as_deref().unwrap_or(&entry.events));
            self.counters.count(events);
            let logged = self.event_log.log_commit(version, events);
            if let Some(sink) = &self.sink {
                let _inside = InSink::enter(self);
                let told = AssertUnwindSafe(|| sink.committed(version, events));
                panicked = panicked.or(panic::catch_unwind(told).err());
            }
            self.broadcaster.broadcast_with(|| StateDelta::range(StateComponent::World, logged));
        }
        if let Some(payload) = panicked {
            panic::resume_unwind(payload);
        }
    }

    fn in_sink(&self) -> bool {
        self.sink.is_some() && *lock(&self.publisher) == Some(thread::current().id())
    }
}

impl Default for UnifiedState {
    fn default() -> Self {
        UnifiedState::new()
    }
}

impl fmt::Debug for UnifiedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnifiedState").field("version", &self.view().version()).finish_non_exhaustive()
    }
}

/// While a sink is told; ends also while unwinding.
struct InSink<'s>(&'s UnifiedState);

impl<'s> InSink<'s> {
    fn enter(state: &'s UnifiedState) -> InSink<'s> {
        *lock(&state.publisher) = Some(thread::current().id());
        InSink(state)
    }
}

impl Drop for InSink<'_> {
    fn drop(&mut self) {
        *lock(&self.0.publisher) = None;
    }
}

/// A lock whose last holder panicked guards nothing that could be half done.
pub(super) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
