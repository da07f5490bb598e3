//! Who is told of runs: the two traits, and what is told.

#[cfg(feature = "state-host")]
use super::event_log::EventLog;
#[cfg(feature = "state-host")]
use crate::event::{StateEvent, Told};
use crate::kernel::fault::Outcome;
use crate::kernel::gas::GasUnits;
use crate::policy_type::PolicyType;
use std::fmt;
use std::sync::Arc;

/// One run of a policy, whatever its outcome.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PolicyRun<'r> {
    /// Which policy, where it has an id.
    pub policy_id: Option<&'r str>,
    /// What it is for.
    pub policy_type: PolicyType,
    /// In which realm, where there was one.
    pub realm_id: Option<&'r str>,
    /// How it ended.
    pub outcome: Outcome,
    /// Raw units per layer.
    pub gas: GasUnits,
    /// Units priced.
    pub gas_used: u64,
    /// Mana.
    pub mana_used: u64,
    /// How long it took, in nanoseconds. In a batch: its share of its portion.
    pub duration_ns: u64,
}

impl PolicyRun<'_> {
    /// Whether it was allowed.
    pub fn passed(&self) -> bool {
        self.outcome == Outcome::Allow
    }
    /// How long it took, in microseconds.
    pub fn duration_us(&self) -> f64 {
        micros(self.duration_ns)
    }
    /// The event of it.
    #[cfg(feature = "state-host")]
    pub(crate) fn event(&self) -> StateEvent {
        super::event_log::event_of(self)
    }
    /// What [`crate::event::event_json`] makes of the run's event, without making the event.
    #[cfg(feature = "state-host")]
    pub(crate) fn json(&self) -> Vec<u8> {
        let told = Told {
            policy_id: self.policy_id,
            realm_id: self.realm_id,
            passed: self.passed(),
            policy_type: self.policy_type,
            gas_used: self.gas_used,
            mana_used: self.mana_used,
            duration_us: self.duration_us(),
            outcome: self.outcome,
        };
        told.json()
    }
}

/// Nanoseconds in microseconds.
pub(crate) fn micros(ns: u64) -> f64 {
    ns as f64 / 1_000.0
}

/// Longest duration that is counted, in nanoseconds (26 days); longer ones count as this one. Up to here microseconds give
/// nanoseconds back to the unit, so that a replay counts what the run counted.
#[cfg(feature = "state-host")]
pub(crate) const LONGEST_NS: u64 = 1 << 51;

/// Microseconds in whole nanoseconds, at most [`LONGEST_NS`]. What is no duration is 0.
#[cfg(feature = "state-host")]
pub(crate) fn nanos(us: f64) -> u64 {
    ((us * 1_000.0).round() as u64).min(LONGEST_NS)
}

/// Who is told of runs of policies and of crossings; what the gateway calls. Every [`EclvmObserver`] is one.
pub trait PolicyExecutionObserver: Send + Sync {
    /// A policy ran. `policy_id` is `unknown` where it has none, `policy_type` is [`PolicyType::name`], `duration_us` is
    /// rounded up to whole microseconds.
    #[expect(clippy::too_many_arguments, reason = "the plan's signature")]
    fn on_policy_executed(
        &self,
        policy_id: &str,
        policy_type: &str,
        passed: bool,
        gas_used: u64,
        mana_used: u64,
        duration_us: u64,
        realm_id: Option<&str>,
    );
    /// Somebody wanted to cross from realm to realm. `mana_used` is the crossing's own, besides that of the policy's run.
    fn on_crossing_policy_evaluated(
        &self,
        caller: &str,
        from_realm: Option<&str>,
        to_realm: &str,
        allowed: bool,
        mana_used: u64,
    );
}

/// Who is told: by the runner, batches, gateway, blueprints and sagas. Every method does nothing unless written, except
/// those that say more of a run, which by default call [`EclvmObserver::on_policy_executed`].
///
/// An observer that passes on to another one passes on `on_context_started` together with `on_run`: each run calls both,
/// once, in this order. It is called on the thread that runs, so what it takes, the run takes. One that panics takes the
/// result of its run, or of its portion of a batch, with it.
pub trait EclvmObserver: Send + Sync {
    /// A policy ran; see [`PolicyExecutionObserver`]. [`EclvmObserver::on_run`] says more, and to the nanosecond.
    #[expect(clippy::too_many_arguments, reason = "the plan's signature")]
    fn on_policy_executed(
        &self,
        _policy_id: &str,
        _policy_type: &str,
        _passed: bool,
        _gas_used: u64,
        _mana_used: u64,
        _duration_us: u64,
        _realm_id: Option<&str>,
    ) {
    }
    /// Somebody wanted to cross from realm to realm; see [`PolicyExecutionObserver`].
    fn on_crossing_policy_evaluated(
        &self,
        _caller: &str,
        _from_realm: Option<&str>,
        _to_realm: &str,
        _allowed: bool,
        _mana_used: u64,
    ) {
    }
    /// Something else happened: to a blueprint ([`StateEvent::BlueprintAction`]) or a saga ([`StateEvent::SagaProgress`]).
    #[cfg(feature = "state-host")]
    fn on_event(&self, _event: &StateEvent) {}
    /// A run begins. Its [`EclvmObserver::on_run`] follows, also where it panics.
    fn on_context_started(&self) {}
    /// A run that was started ended.
    fn on_run(&self, run: &PolicyRun<'_>) {
        let id = run.policy_id.unwrap_or(UNKNOWN);
        let (kind, passed, us) = (run.policy_type.name(), run.passed(), run.duration_ns.div_ceil(1_000));
        self.on_policy_executed(id, kind, passed, run.gas_used, run.mana_used, us, run.realm_id);
    }
    /// Whether what it is told of runs goes to this event log, so that the event of a run that writes can be made durable with
    /// what it wrote. Of such a run it is then told by [`EclvmObserver::on_held_run`].
    #[cfg(feature = "state-host")]
    fn feeds(&self, _log: &EventLog) -> bool {
        false
    }
    /// As [`EclvmObserver::on_run`], of a run whose event a transaction makes durable, or hands back.
    #[cfg(feature = "state-host")]
    fn on_held_run(&self, run: &PolicyRun<'_>) {
        self.on_run(run);
    }
    /// As [`EclvmObserver::on_chunk`], of runs whose events the commit of their batch has made durable.
    #[cfg(feature = "state-host")]
    fn on_held_chunk(&self, runs: &[PolicyRun<'_>]) {
        self.on_chunk(runs);
    }
    /// Runs of a batch, in index order; they have begun and ended, and no other method is called for them.
    fn on_chunk(&self, runs: &[PolicyRun<'_>]) {
        for run in runs {
            self.on_context_started();
            self.on_run(run);
        }
    }
}

/// What stands for the id of a policy that has none.
pub const UNKNOWN: &str = "unknown";

impl<T: EclvmObserver + ?Sized> PolicyExecutionObserver for T {
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
        let run = EclvmObserver::on_policy_executed;
        run(self, policy_id, policy_type, passed, gas_used, mana_used, duration_us, realm_id);
    }
    fn on_crossing_policy_evaluated(
        &self,
        caller: &str,
        from_realm: Option<&str>,
        to_realm: &str,
        allowed: bool,
        mana_used: u64,
    ) {
        EclvmObserver::on_crossing_policy_evaluated(self, caller, from_realm, to_realm, allowed, mana_used);
    }
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl EclvmObserver for NoObserver {}

impl fmt::Debug for dyn EclvmObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EclvmObserver")
    }
}

/// What a batch is called where it is observed.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Who is told.
    pub observer: Arc<dyn EclvmObserver>,
    /// Which policy, where it has an id.
    pub policy_id: Option<Arc<str>>,
    /// What it is for.
    pub policy_type: PolicyType,
    /// The realm of requests that do not say theirs.
    pub realm_id: Option<Arc<str>>,
}
