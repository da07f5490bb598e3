//! A run under observation: told of once when it begins and once when it ends, also where a host panics.

use super::ExecutionResult;
use super::context::PolicyRunContext;
use crate::clock::SystemClock;
use crate::kernel::fault::{Fault, Outcome};
use crate::kernel::gas::GasUnits;
use crate::kernel::request::Clock;
use crate::observe::{EclvmObserver, PolicyRun, UNKNOWN};
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(feature = "state-host")]
use {
    crate::observe::{EventLog, StateIntegrator},
    crate::state::{StateEvent, UnifiedState},
    crate::telemetry::LONGEST_NS,
    std::sync::Arc,
};

/// Who is told.
enum Told<'c> {
    Nobody,
    Given(&'c dyn EclvmObserver),
    #[cfg(feature = "state-host")]
    State(StateIntegrator),
}

/// Dropped before [`Observed::end`], the run is told of as the fault HostError, with no gas: what it was charged before
/// the panic stands in its budget.
pub(super) struct Observed<'c> {
    context: &'c PolicyRunContext,
    told: Told<'c>,
    clock: SystemClock,
    span: tracing::Span,
    open: bool,
}

impl<'c> Observed<'c> {
    /// A run that begins now, and that the context's observer is told of.
    pub(super) fn start(context: &'c PolicyRunContext) -> Observed<'c> {
        let told = context.observer.as_deref().map_or(Told::Nobody, Told::Given);
        Observed::begin(context, told)
    }
    /// As [`Observed::start`]; where the context has no observer, the state's is told.
    #[cfg(feature = "state-host")]
    pub(super) fn start_on(context: &'c PolicyRunContext, state: &Arc<UnifiedState>) -> Observed<'c> {
        let told = match context.observer.as_deref() {
            Some(observer) => Told::Given(observer),
            None => Told::State(StateIntegrator::new(state)),
        };
        Observed::begin(context, told)
    }
    fn begin(context: &'c PolicyRunContext, told: Told<'c>) -> Observed<'c> {
        let span = tracing::info_span!(
            "eclvm_policy_run",
            policy_id = context.policy_id.as_deref().unwrap_or(UNKNOWN),
            realm = &*context.realm_id,
            gas_limit = context.budget.limits().gas_limit,
        );
        let mut observed = Observed { context, told, clock: SystemClock::new(), span, open: false };
        if let Some(observer) = observed.observer() {
            observer.on_context_started();
        }
        // Only from here on: where being told of the start panics, there is no run to end.
        observed.open = true;
        observed
    }
    pub(super) fn clock(&self) -> &SystemClock {
        &self.clock
    }
    /// Runs `work` in the run's span.
    pub(super) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        self.span.in_scope(work)
    }
    /// The run ended so.
    pub(super) fn end(self, result: &ExecutionResult, duration_ns: u64) {
        self.end_held(result, duration_ns, false);
    }
    /// The run ended so; `held`: a transaction has its event, as [`Observed::event`] made it.
    pub(super) fn end_held(mut self, result: &ExecutionResult, duration_ns: u64, held: bool) {
        self.open = false;
        tracing::info!(
            parent: &self.span,
            gas_used = result.gas_used,
            duration_us = result.duration_us,
            "Policy execution completed"
        );
        let receipt = &result.receipt;
        let run = self.run(receipt.outcome, receipt.gas, receipt.cost, receipt.mana, duration_ns);
        match self.observer() {
            None => {}
            #[cfg(feature = "state-host")]
            Some(observer) if held => observer.on_held_run(&run),
            Some(observer) => observer.on_run(&run),
        }
        let _ = held;
    }
    /// The event of the run, where it goes to the durable log that `log` feeds.
    #[cfg(feature = "state-host")]
    pub(super) fn event(
        &self,
        result: &ExecutionResult,
        duration_ns: u64,
        log: &EventLog,
    ) -> Option<StateEvent> {
        if !log.is_fed() || !self.observer().is_some_and(|observer| observer.feeds(log)) {
            return None;
        }
        let receipt = &result.receipt;
        let duration_ns = duration_ns.min(LONGEST_NS);
        Some(self.run(receipt.outcome, receipt.gas, receipt.cost, receipt.mana, duration_ns).event())
    }
    fn run(
        &self,
        outcome: Outcome,
        gas: GasUnits,
        gas_used: u64,
        mana_used: u64,
        duration_ns: u64,
    ) -> PolicyRun<'_> {
        PolicyRun {
            policy_id: self.context.policy_id.as_deref(),
            policy_type: self.context.policy_type,
            realm_id: Some(&*self.context.realm_id).filter(|id| !id.is_empty()),
            outcome,
            gas,
            gas_used,
            mana_used,
            duration_ns,
        }
    }
    fn observer(&self) -> Option<&dyn EclvmObserver> {
        match &self.told {
            Told::Nobody => None,
            Told::Given(observer) => Some(*observer),
            #[cfg(feature = "state-host")]
            Told::State(integrator) => Some(integrator),
        }
    }
}

impl Drop for Observed<'_> {
    fn drop(&mut self) {
        if self.open {
            let duration_ns = self.clock.now_ns().max(1);
            let fault = Outcome::Fault(Fault::HostError);
            // A second panic while one is under way would end the process.
            let _ = catch_unwind(AssertUnwindSafe(|| {
                let run = self.run(fault, GasUnits::ZERO, 0, 0, duration_ns);
                if let Some(observer) = self.observer() {
                    observer.on_run(&run);
                }
            }));
        }
    }
}
