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
mod integrator;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "state-host")]
mod replay;

pub use crate::telemetry::{
    EclvmObserver, NoObserver, Observation, PolicyExecutionObserver, PolicyRun, UNKNOWN,
};
#[cfg(feature = "state-host")]
pub use {
    crate::event::event_json,
    crate::telemetry::{
        Account, ActiveContext, Blueprints, Broadcaster, Crossings, DeltaType, EclvmSnapshot, EclvmState,
        EventDurability, EventLog, EventsSince, ExecutionSnapshot, ExecutionState, Executions,
        ExecutionsState, GasState, Logged, ManaState, RealmSnapshot, RecvError, Sagas, StateComponent,
        StateDelta, StateSnapshot, Subscriber, TryRecvError,
    },
    integrator::StateIntegrator,
    replay::{Checkpoint, Replay, ReplayError},
};
