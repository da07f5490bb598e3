//! What is recorded of runs, below the state that they run on: observers, counters, the event log, deltas.
//!
//! The state keeps one of each, and [`crate::observe`], above the state, feeds them; so imports run one way: events, this,
//! the state, observation.

#[cfg(feature = "state-host")]
mod broadcaster;
#[cfg(feature = "state-host")]
pub(crate) mod counters;
#[cfg(feature = "state-host")]
mod event_log;
#[cfg(feature = "state-host")]
mod feed;
mod observer;
#[cfg(feature = "state-host")]
mod realms;
#[cfg(feature = "state-host")]
mod snapshot;
#[cfg(feature = "state-host")]
mod states;
#[cfg(feature = "state-host")]
mod tally;

pub use observer::{EclvmObserver, NoObserver, Observation, PolicyExecutionObserver, PolicyRun, UNKNOWN};

#[cfg(feature = "state-host")]
pub use {
    broadcaster::{Broadcaster, DeltaType, RecvError, StateComponent, StateDelta, Subscriber, TryRecvError},
    event_log::{EventLog, EventsSince, Logged},
    feed::EventDurability,
    snapshot::{
        Account, Blueprints, Crossings, EclvmSnapshot, ExecutionSnapshot, Executions, RealmSnapshot, Sagas,
        StateSnapshot,
    },
    states::{ActiveContext, EclvmState, ExecutionState, ExecutionsState, GasState, ManaState},
};
#[cfg(feature = "state-host")]
pub(crate) use {
    counters::Counters,
    feed::{Drain, MAX_HELD_RUNS},
    observer::LONGEST_NS,
};
