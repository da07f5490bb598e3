//! `EclvmState` and `ExecutionState`: two faces of one set of counters.

use super::counters::*;
use super::snapshot::{Account, EclvmSnapshot, ExecutionSnapshot, Executions};
use std::sync::Arc;

/// What became of policies, crossings, blueprints and sagas. Runs, crossings and what else is an event are counted by the
/// [`crate::observe::StateIntegrator`] and by commits; only what no event tells is counted here.
#[derive(Clone, Debug)]
pub struct EclvmState(Arc<Counters>);

impl EclvmState {
    pub(crate) fn new(counters: &Arc<Counters>) -> EclvmState {
        EclvmState(counters.clone())
    }
    /// Everything, as one cut: `policies_executed` is the sum of passed, denied, faulted and exhausted. Waits for records
    /// under way; no run waits for it. Takes time by the number of realms.
    pub fn snapshot(&self) -> EclvmSnapshot {
        EclvmSnapshot::read(&self.0.totals(), self.0.realms())
    }
    /// A source was compiled, or was not. Not in the event log.
    pub fn policy_compiled(&self, well: bool) {
        self.0.add(&[(if well { COMPILED } else { COMPILE_ERRORS }, 1)]);
    }
    /// A saga's steps are in several realms. Not in the event log.
    pub fn saga_crossed_realms(&self) {
        self.0.add(&[(SAGAS_CROSS_REALM, 1)]);
    }
}

/// Gas, mana and contexts of everything that runs.
#[derive(Clone, Debug)]
pub struct ExecutionState {
    /// Gas.
    pub gas: GasState,
    /// Mana.
    pub mana: ManaState,
    /// Contexts.
    pub executions: ExecutionsState,
    counters: Arc<Counters>,
}

impl ExecutionState {
    pub(crate) fn new(counters: &Arc<Counters>) -> ExecutionState {
        ExecutionState {
            gas: GasState(counters.clone()),
            mana: ManaState(counters.clone()),
            executions: ExecutionsState(counters.clone()),
            counters: counters.clone(),
        }
    }
    /// Everything, as one cut.
    pub fn snapshot(&self) -> ExecutionSnapshot {
        ExecutionSnapshot::read(&self.counters.totals())
    }
}

/// Gas. What runs consume is counted by itself; these methods are for gas that no run pays, and are not in the event log.
#[derive(Clone, Debug)]
pub struct GasState(Arc<Counters>);

impl GasState {
    /// Counts gas that was paid outside of runs.
    pub fn consume(&self, gas: u64) {
        self.0.add(&[(OTHER_GAS, gas)]);
    }
    /// Counts gas that was given back.
    pub fn refund(&self, gas: u64) {
        self.0.add(&[(GAS_REFUNDED, gas)]);
    }
    /// Counts a refusal outside of runs.
    pub fn limit_hit(&self) {
        self.0.add(&[(OTHER_GAS_HITS, 1)]);
    }
    /// One cut.
    pub fn snapshot(&self) -> Account {
        ExecutionSnapshot::read(&self.0.totals()).gas
    }
}

/// Mana. What runs and crossings consume is counted by itself; these methods are for mana besides, and are not in the event
/// log.
#[derive(Clone, Debug)]
pub struct ManaState(Arc<Counters>);

impl ManaState {
    /// Counts mana that was paid outside of runs and crossings.
    pub fn consume(&self, mana: u64) {
        self.0.add(&[(OTHER_MANA, mana)]);
    }
    /// Counts mana that grew back.
    pub fn regenerate(&self, mana: u64) {
        self.0.add(&[(MANA_REGENERATED, mana)]);
    }
    /// Counts a refusal outside of runs.
    pub fn limit_hit(&self) {
        self.0.add(&[(OTHER_MANA_HITS, 1)]);
    }
    /// One cut.
    pub fn snapshot(&self) -> Account {
        ExecutionSnapshot::read(&self.0.totals()).mana
    }
}

/// Contexts. Runs are counted by themselves.
#[derive(Clone, Debug)]
pub struct ExecutionsState(Arc<Counters>);

impl ExecutionsState {
    /// Counts a context of the embedder's own as started, once; it is active until
    /// [`ExecutionsState::eclvm_context_completed`] is called for it, which [`ExecutionsState::enter`] does by itself. `id` goes
    /// into a debug event of tracing; nothing is kept by it. Not in the event log.
    pub fn eclvm_context_started(&self, id: &str) {
        tracing::debug!(id, "Context started");
        self.0.started();
    }
    /// A context of the embedder's own ended, for which nothing else was counted: whether well, with how much gas and mana,
    /// having told of how many events, after how many milliseconds. Not in the event log.
    pub fn eclvm_context_completed(&self, success: bool, gas: u64, mana: u64, events: u64, duration_ms: u64) {
        let duration_ns = duration_ms.saturating_mul(1_000_000);
        complete(
            &self.0,
            success,
            duration_ns,
            &[(OTHER_GAS, gas), (OTHER_MANA, mana), (OTHER_EVENTS, events)],
        );
    }
    /// As [`ExecutionsState::eclvm_context_started`]; it is active until the guard goes, also while unwinding.
    pub fn enter(&self) -> ActiveContext {
        self.0.started();
        ActiveContext(Some(self.0.clone()))
    }
    /// One cut.
    pub fn snapshot(&self) -> Executions {
        ExecutionSnapshot::read(&self.0.totals()).executions
    }
}

/// A context that is active. Dropped, also while unwinding, it has failed and took no time.
#[derive(Debug)]
#[must_use = "dropped at once, it has failed at once"]
pub struct ActiveContext(Option<Arc<Counters>>);

impl ActiveContext {
    /// It ended, and this is how, and how long it took in nanoseconds.
    pub fn complete(mut self, success: bool, duration_ns: u64) {
        if let Some(counters) = self.0.take() {
            complete(&counters, success, duration_ns, &[]);
        }
    }
}

impl Drop for ActiveContext {
    fn drop(&mut self) {
        if let Some(counters) = self.0.take() {
            complete(&counters, false, 0, &[]);
        }
    }
}

fn complete(counters: &Counters, success: bool, duration_ns: u64, more: &[(usize, u64)]) {
    let end = if success { OTHER_SUCCESSFUL } else { OTHER_FAILED };
    let mut adds = Adds::from_slice(more);
    adds.extend([(end, 1), (OTHER_TIME, duration_ns)]);
    counters.add(&adds);
}
