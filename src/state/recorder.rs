//! Writes what waits in the event log, for as long as there is a state: how, and why, is said in `telemetry/feed.rs`.

use super::journal::{JournalError, Queue};
use crate::kernel::sync::{AtomicBool, Ordering};
use crate::telemetry::{Drain, EventLog};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The thread looks no more often than that.
const SHORTEST: Duration = Duration::from_millis(1);

/// Dropped, it has written what waited.
pub(super) struct Recorder {
    core: Arc<Core>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread has of the state: not the state itself, which it would keep alive.
struct Core {
    queue: Arc<Queue>,
    log: Arc<EventLog>,
    within: Duration,
    stop: AtomicBool,
}

impl Drain for Core {
    fn drain(&self) {
        // Why it failed is told by flushes and commits.
        let _ = self.queue.drain(&self.log);
    }
}

impl Core {
    fn work(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            thread::park_timeout(self.within);
            if self.log.waits_since(self.log.moment()) && self.queue.drain(&self.log).is_err() {
                return;
            }
        }
    }
}

impl Recorder {
    /// Feeds the journal of `queue` from `log`, at the latest after about `within`. Where the system gives no thread for that,
    /// what waits is written by commits, by flushes, by who finds the log full, and in the end.
    pub(super) fn start(queue: &Arc<Queue>, log: &Arc<EventLog>, within: Duration) -> Recorder {
        let (queue, log, within) = (queue.clone(), log.clone(), within.max(SHORTEST));
        let core = Arc::new(Core { queue, log, within, stop: AtomicBool::new(false) });
        let of_thread = core.clone();
        let thread = thread::Builder::new().name("eclvm-events".to_owned()).spawn(move || of_thread.work());
        let thread = thread.ok();
        let drain: Weak<Core> = Arc::downgrade(&core);
        core.log.feed(drain, thread.as_ref().map(|thread| thread.thread().clone()));
        Recorder { core, thread }
    }
    pub(super) fn within(&self) -> Duration {
        self.core.within
    }
    pub(super) fn flush(&self) -> Result<(), JournalError> {
        self.core.queue.flush(&self.core.log)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.core.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
        // Nobody is left to tell that it failed.
        let _ = self.flush();
    }
}
