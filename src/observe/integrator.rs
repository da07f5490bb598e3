//! The one that turns runs into counters, events and deltas of a state.
//!
//! Order, for a run and for a chunk of a batch alike: the counters of [`super::EclvmState`] and
//! [`super::ExecutionState`] (one record) and of the layers of gas, then the event log, then the broadcaster. So who has a
//! delta finds its event in the log, and who has an event finds it counted.

use crate::event::{StateEvent, event_json};
use crate::kernel::fault::Outcome;
use crate::kernel::gas::GasUnits;
use crate::policy_type::PolicyType;
use crate::state::UnifiedState;
use crate::telemetry::{
    DeltaType, EclvmObserver, EventLog, LONGEST_NS, PolicyRun, StateComponent, StateDelta, UNKNOWN,
};
use std::sync::Arc;

/// Observes for a state. Cheap to make and to clone.
#[derive(Clone, Debug)]
pub struct StateIntegrator {
    state: Arc<UnifiedState>,
    each: bool,
}

impl StateIntegrator {
    /// For this state. A chunk of a batch makes one delta.
    pub fn new(state: &Arc<UnifiedState>) -> StateIntegrator {
        StateIntegrator { state: state.clone(), each: false }
    }
    /// A chunk of a batch makes a delta for each of its events.
    pub fn with_delta_per_event(self) -> StateIntegrator {
        StateIntegrator { each: true, ..self }
    }
    /// The state.
    pub fn state(&self) -> &Arc<UnifiedState> {
        &self.state
    }
    /// Counts, logs and broadcasts an event that is neither a run's nor a commit's. Its number in the log. It changes
    /// nothing: one that says it does is kept in memory only, see [`EventLog::log`].
    pub fn record(&self, event: StateEvent) -> u64 {
        let state = &*self.state;
        state.counters().count([&event]);
        if state.broadcaster.subscribers() == 0 {
            return state.event_log.log(event);
        }
        let json = event_json(&event);
        let seq = state.event_log.log(event);
        state.broadcaster.broadcast_with(|| delta(seq, json));
        seq
    }
    fn run(&self, run: &PolicyRun<'_>, held: bool) {
        let run = &PolicyRun { duration_ns: run.duration_ns.min(LONGEST_NS), ..*run };
        self.state.counters().ended(run);
        let seq = self.state.event_log.log_run(run, held);
        self.state.broadcaster.broadcast_with(|| delta(seq, run.json()));
    }
    fn chunk(&self, runs: &[PolicyRun<'_>], held: bool) {
        if runs.iter().any(|run| run.duration_ns > LONGEST_NS) {
            // Nobody has measured that.
            runs.iter().for_each(|run| {
                self.on_context_started();
                self.run(run, held);
            });
            return;
        }
        self.state.counters().chunk(runs);
        let events = self.state.event_log.log_runs(runs, held);
        if !self.each {
            self.state.broadcaster.broadcast_with(|| StateDelta::range(StateComponent::ECLVM, events));
            return;
        }
        for (seq, run) in events.zip(runs) {
            self.state.broadcaster.broadcast_with(|| delta(seq, run.json()));
        }
    }
}

impl EclvmObserver for StateIntegrator {
    /// For who runs policies in other ways: a run that began and ended. What is not told counts as allow or deny, and as
    /// gas of no layer; a type that is none as Custom.
    fn on_policy_executed(
        &self,
        policy_id: &str,
        policy_type: &str,
        passed: bool,
        gas_used: u64,
        mana_used: u64,
        duration_us: u64,
        realm_id: Option<&str>,
    ) {
        let run = PolicyRun {
            policy_id: Some(policy_id).filter(|id| *id != UNKNOWN),
            policy_type: PolicyType::of_name(policy_type).unwrap_or_default(),
            realm_id,
            outcome: if passed { Outcome::Allow } else { Outcome::Deny },
            gas: GasUnits::ZERO,
            gas_used,
            mana_used,
            duration_ns: duration_us.saturating_mul(1_000),
        };
        self.on_context_started();
        self.on_run(&run);
    }
    fn on_crossing_policy_evaluated(
        &self,
        caller: &str,
        from_realm: Option<&str>,
        to_realm: &str,
        allowed: bool,
        mana_used: u64,
    ) {
        self.record(StateEvent::CrossingEvaluated {
            caller: caller.into(),
            from_realm: from_realm.map(Arc::from),
            to_realm: to_realm.into(),
            allowed,
            mana_used,
        });
    }
    fn on_event(&self, event: &StateEvent) {
        self.record(event.clone());
    }
    fn on_context_started(&self) {
        self.state.counters().started();
    }
    fn on_run(&self, run: &PolicyRun<'_>) {
        self.run(run, false);
    }
    fn feeds(&self, log: &EventLog) -> bool {
        std::ptr::eq(log, &*self.state.event_log)
    }
    fn on_held_run(&self, run: &PolicyRun<'_>) {
        self.run(run, true);
    }
    fn on_chunk(&self, runs: &[PolicyRun<'_>]) {
        self.chunk(runs, false);
    }
    fn on_held_chunk(&self, runs: &[PolicyRun<'_>]) {
        self.chunk(runs, true);
    }
}

fn delta(seq: u64, json: Vec<u8>) -> StateDelta {
    let delta = StateDelta::new(StateComponent::ECLVM, DeltaType::Update, json);
    StateDelta { events: seq..seq.saturating_add(1), ..delta }
}
