//! Deltas: who wants to hear what happens as it happens.
//!
//! Where nobody is subscribed, one look at a counter is all that a run pays. Where somebody is, the delta is made and handed
//! to tokio's broadcast channel, which holds a lock of its own while it puts it there; nobody waits for a subscriber to
//! read. One that is more than [`DELTA_QUEUE`] deltas behind is told how many it missed, and goes on from there.

use crate::kernel::limits::DELTA_QUEUE;
use crate::kernel::sync::{AtomicUsize, Ordering};
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::broadcast;
pub use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// What part of the state a delta is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StateComponent {
    /// Policies, crossings, blueprints, sagas.
    ECLVM,
    /// The world: a commit.
    World,
}

/// What kind of change a delta is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DeltaType {
    /// Something happened.
    Update,
}

/// Something happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateDelta {
    /// To what.
    pub component: StateComponent,
    /// Of what kind.
    pub delta_type: DeltaType,
    /// Where it stands in the event log; empty where it does not.
    pub events: Range<u64>,
    /// JSON: the event ([`crate::event::event_json`]), or `{"Events":{"first":..,"next":..}}` for several.
    pub data: Arc<[u8]>,
}

impl StateDelta {
    /// A delta that stands nowhere in the log.
    pub fn new(component: StateComponent, delta_type: DeltaType, data: impl Into<Arc<[u8]>>) -> StateDelta {
        StateDelta { component, delta_type, events: 0..0, data: data.into() }
    }
    /// Several events of the log at once.
    pub fn range(component: StateComponent, events: Range<u64>) -> StateDelta {
        let data = format!("{{\"Events\":{{\"first\":{},\"next\":{}}}}}", events.start, events.end);
        StateDelta { events, ..StateDelta::new(component, DeltaType::Update, data.into_bytes()) }
    }
}

/// Hands deltas to subscribers.
#[derive(Debug)]
pub struct Broadcaster {
    sender: broadcast::Sender<StateDelta>,
    subscribers: Arc<AtomicUsize>,
}

impl Broadcaster {
    /// A broadcaster without subscribers.
    pub fn new() -> Broadcaster {
        let (sender, _) = broadcast::channel(DELTA_QUEUE);
        Broadcaster { sender, subscribers: Arc::default() }
    }
    /// Hears every delta from now on.
    pub fn subscribe(&self) -> Subscriber {
        let receiver = self.sender.subscribe();
        // After the subscription: who sees the count finds the receiver there. Relaxed: a delta that is made while
        // somebody subscribes may miss them.
        self.subscribers.fetch_add(1, Ordering::Relaxed);
        Subscriber { receiver, subscribers: self.subscribers.clone() }
    }
    /// How many are subscribed.
    pub fn subscribers(&self) -> usize {
        self.subscribers.load(Ordering::Relaxed)
    }
    /// Hands a delta to all who are subscribed. How many they are.
    pub fn broadcast(&self, delta: StateDelta) -> usize {
        self.broadcast_with(|| delta)
    }
    /// As [`Broadcaster::broadcast`]; makes the delta only where somebody is subscribed.
    pub fn broadcast_with(&self, delta: impl FnOnce() -> StateDelta) -> usize {
        if self.subscribers() == 0 {
            return 0;
        }
        self.sender.send(delta()).unwrap_or(0)
    }
}

impl Default for Broadcaster {
    fn default() -> Self {
        Broadcaster::new()
    }
}

/// Who is subscribed, until this is dropped. Its methods are those of tokio's receiver: one for tasks, one for threads.
#[derive(Debug)]
pub struct Subscriber {
    receiver: broadcast::Receiver<StateDelta>,
    subscribers: Arc<AtomicUsize>,
}

impl Subscriber {
    /// The next delta, in a task of any runtime.
    ///
    /// # Errors
    ///
    /// Lagged: so many were missed, and the next call goes on with the oldest that is left. Closed: the state is gone.
    pub async fn recv(&mut self) -> Result<StateDelta, RecvError> {
        self.receiver.recv().await
    }
    /// The next delta, on a thread that may wait.
    ///
    /// # Errors
    ///
    /// As [`Subscriber::recv`]. On a thread that runs a tokio runtime, use that one.
    pub fn blocking_recv(&mut self) -> Result<StateDelta, RecvError> {
        let mut receive = std::pin::pin!(self.receiver.recv());
        let waker = std::task::Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = std::task::Context::from_waker(&waker);
        loop {
            match receive.as_mut().poll(&mut context) {
                std::task::Poll::Ready(delta) => return delta,
                std::task::Poll::Pending => std::thread::park(),
            }
        }
    }
    /// The next delta, if it is there.
    ///
    /// # Errors
    ///
    /// As [`Subscriber::recv`], and Empty.
    pub fn try_recv(&mut self) -> Result<StateDelta, TryRecvError> {
        self.receiver.try_recv()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.subscribers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Wakes a thread that waits. tokio's own `blocking_recv` panics on the thread of a runtime; this one only waits.
struct Unpark(std::thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
