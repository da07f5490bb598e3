//! Observation: what runs come to, as counters, events, deltas, metrics and spans.
//!
//! ```
//! use eclvm::Policy;
//! use eclvm::kernel::budget::BudgetLimits;
//! use eclvm::run::{EclvmStateContext, PolicyRunContext, run_policy_with_state_context};
//! use eclvm::state::{StateEvent, UnifiedState};
//! use std::sync::Arc;
//!
//! let state = Arc::new(UnifiedState::new());
//! let policy = Policy::compile("1 > 2").unwrap();
//! let context = EclvmStateContext::new(&state, PolicyRunContext::new("", "", BudgetLimits::default()));
//! run_policy_with_state_context(&policy, &context).unwrap();
//!
//! assert_eq!(state.eclvm.snapshot().policies_denied, 1);
//! assert_eq!(state.execution.snapshot().executions.failed, 1);
//! let logged = state.event_log.events_since(0).events;
//! assert!(matches!(*logged[0].event, StateEvent::PolicyEvaluated { passed: false, .. }));
//! ```
//!
//! - [`EclvmObserver`]: who is told of runs; [`StateIntegrator`] is the one that counts, logs and broadcasts for a state.
//! - [`EclvmState`], [`ExecutionState`]: counters with consistent snapshots.
//! - [`EventLog`]: the last events, under numbers without gaps; [`Replay`] makes counters and world again from it.
//! - [`Broadcaster`]: deltas for who wants to hear at once, async or blocking.

#[cfg(feature = "state-host")]
mod broadcaster;
#[cfg(feature = "state-host")]
mod counters;
#[cfg(feature = "state-host")]
mod event_json;
#[cfg(feature = "state-host")]
mod event_log;
#[cfg(feature = "state-host")]
mod integrator;
#[cfg(feature = "metrics")]
pub mod metrics;
mod observer;
#[cfg(feature = "state-host")]
mod replay;
#[cfg(feature = "state-host")]
mod snapshot;
#[cfg(feature = "state-host")]
mod states;
#[cfg(feature = "state-host")]
mod tally;

pub use observer::{EclvmObserver, NoObserver, Observation, PolicyExecutionObserver, PolicyRun, UNKNOWN};

#[cfg(feature = "state-host")]
pub(crate) use counters::Counters;
#[cfg(feature = "state-host")]
pub use {
    broadcaster::{Broadcaster, DeltaType, RecvError, StateComponent, StateDelta, Subscriber, TryRecvError},
    event_json::event_json,
    event_log::{EventLog, EventsSince, Logged},
    integrator::StateIntegrator,
    replay::{Checkpoint, Replay, ReplayError},
    snapshot::{
        Account, Blueprints, Crossings, EclvmSnapshot, ExecutionSnapshot, Executions, RealmSnapshot, Sagas,
        StateSnapshot,
    },
    states::{ActiveContext, EclvmState, ExecutionState, ExecutionsState, GasState, ManaState},
};
