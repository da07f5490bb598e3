//! Carries sagas out.

use super::parts::{Bill, apply, committed, decide};
use super::plan::{Saga, Step};
use super::report::{SagaEnd, SagaReport, StepFailure, Undone};
use crate::clock::SystemClock;
use crate::gateway::validate::worker;
use crate::kernel::budget::{Amount, Budget, BudgetLimits, Lease};
use crate::kernel::fault::Exhaustion;
use crate::kernel::gas::{GasUnits, Prices};
use crate::kernel::limits::{MAX_COMPENSATION_RETRIES, MAX_CONFLICT_RETRIES, MAX_LEASE_YIELDS};
use crate::kernel::mana::{ManaRate, ManaTable};
use crate::kernel::multigas::{MultiGas, RealmId, Usage};
use crate::kernel::request::Clock;
use crate::kernel::value::TrustVector;
use crate::observe::{EclvmObserver, StateIntegrator};
use crate::policy_type::PolicyType;
use crate::run::{EclvmStateContext, PolicyRunContext};
use crate::state::{CommitResult, SagaStep, StateEvent, StateHandle, StateKey, UnifiedState};
use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

/// Mana of a step (gas.md, section 4).
pub const SAGA_STEP_MANA: u64 = 30;
/// Units of Realm gas of a step in another realm than the step before (gas.md, section 2).
pub const CROSSING_GAS: u64 = 20;

/// Runs sagas on a state. Share it (`Arc`).
pub struct SagaRunner {
    state: Arc<UnifiedState>,
    mana: Option<Arc<ManaTable>>,
    gas: Option<Arc<MultiGas>>,
    observer: Arc<dyn EclvmObserver>,
    clock: Arc<dyn Clock>,
}

/// What one run of a saga shares.
struct Run<'r> {
    saga: &'r Saga,
    budget: Arc<Budget>,
    prices: Prices,
    /// When it began and on which clock, where the budget's time is the runner's.
    began_ns: Option<u64>,
    /// Of the observer, the last one.
    panic: Cell<Option<Box<dyn Any + Send>>>,
}

impl SagaRunner {
    /// A runner on this state: mana of nobody's account, prices of 1, the state itself told, the system's clock.
    pub fn new(state: Arc<UnifiedState>) -> SagaRunner {
        let observer = Arc::new(StateIntegrator::new(&state));
        SagaRunner { state, mana: None, gas: None, observer, clock: Arc::new(SystemClock::new()) }
    }
    /// Mana of budgets that the runner makes comes from the caller's account, which lends what it has, up to the limit, and
    /// gets back what was not spent.
    pub fn with_mana(self, mana: Arc<ManaTable>) -> SagaRunner {
        SagaRunner { mana: Some(mana), ..self }
    }
    /// Counts each step in its realm, at these prices. Quotas are not asked.
    pub fn with_multigas(self, gas: Arc<MultiGas>) -> SagaRunner {
        SagaRunner { gas: Some(gas), ..self }
    }
    /// Tells this observer of each step, in place of the state. Runs of steps are told to the state in any case.
    pub fn with_observer(self, observer: Arc<dyn EclvmObserver>) -> SagaRunner {
        SagaRunner { observer, ..self }
    }
    /// The time of accounts and of the timeout.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> SagaRunner {
        SagaRunner { clock, ..self }
    }

    /// Runs a saga within [`BudgetLimits::SAGA`].
    pub fn run(&self, saga: &Saga) -> SagaReport {
        self.run_within(saga, BudgetLimits::SAGA)
    }
    /// Runs a saga within these limits. Time is looked at before each step; a step's policy has as much again for itself.
    pub fn run_within(&self, saga: &Saga, mut limits: BudgetLimits) -> SagaReport {
        let now_ns = self.clock.now_ns();
        let view = self.state.view();
        let TrustVector([reliability, ..]) = view.trust(&saga.caller).unwrap_or(TrustVector::NEWCOMER);
        drop(view);
        let rate = ManaRate::of_reliability(reliability);
        let lease =
            self.mana.as_deref().map(|mana| mana.lease(&saga.caller, &rate, now_ns, limits.mana_limit));
        let mut lease = match lease.transpose() {
            Ok(lease) => lease,
            Err(refusal) => return not_begun(None, refusal.retry_after_ns),
        };
        if let Some(lease) = &lease {
            limits.mana_limit = limits.mana_limit.min(lease.granted());
        }
        let budget = Arc::new(Budget::new(limits));
        let ended = self.carry_out(saga, &budget, Some(now_ns));
        if let Some(lease) = &mut lease {
            lease.spend(ended.report.mana_used);
        }
        drop(lease);
        ended.report()
    }
    /// Runs a saga on this budget, which alone pays; its time is its owner's to look at.
    pub fn run_on(&self, saga: &Saga, budget: &Arc<Budget>) -> SagaReport {
        self.carry_out(saga, budget, None).report()
    }

    fn carry_out(&self, saga: &Saga, budget: &Arc<Budget>, began_ns: Option<u64>) -> Ended {
        let prices = self.gas.as_deref().map_or_else(Prices::default, |gas| gas.prices().0);
        let costs: Vec<Amount> = saga.steps.iter().map(|step| reserve_of(step, &prices)).collect();
        let whole = costs.iter().fold(Amount::new(0, 0), |sum, cost| sum.saturating_add(*cost));
        let mut reserve = Lease::new(budget);
        if let Err(reason) = take(&mut reserve, whole) {
            return Ended { report: not_begun(Some(reason), 0), panic: None };
        }
        // Steps draw on what is beside the reserve: they run out of their own, and do not wait for it.
        let limits = budget.limits();
        let limits = BudgetLimits {
            gas_limit: limits.gas_limit.saturating_sub(whole.gas),
            mana_limit: limits.mana_limit.saturating_sub(whole.mana),
            ..*limits
        };
        let run = Run {
            saga,
            budget: Arc::new(Budget::within(limits, budget.clone())),
            prices,
            began_ns,
            panic: Cell::new(None),
        };
        let (mut done, mut failure) = (0, None);
        for (index, step) in saga.steps.iter().enumerate() {
            let mut bill = Bill::default();
            let outcome = self.step(&run, index, step, &mut bill);
            self.count(step, &bill);
            match outcome {
                Ok(()) => {
                    done += 1;
                    self.tell(&run, index, SagaStep::Done);
                }
                Err(why) => {
                    self.tell(&run, index, SagaStep::Failed);
                    failure = Some((index, why));
                    break;
                }
            }
        }
        let mut report = SagaReport {
            end: SagaEnd::Completed,
            steps_done: done,
            compensated: Vec::new(),
            gas_used: 0,
            mana_used: 0,
        };
        let mut paid = Amount::new(0, 0);
        match failure {
            None => self.tell(&run, done.saturating_sub(1), SagaStep::Completed),
            Some((failed, why)) => {
                let left = self.compensate(&run, done, &costs, &mut paid, &mut report.compensated);
                report.end = match left.is_empty() {
                    true => SagaEnd::Compensated { failed, why },
                    false => SagaEnd::Incomplete { failed, why, left },
                };
            }
        }
        reserve.spend(paid);
        drop(reserve);
        report.gas_used = run.budget.gas_used().saturating_add(paid.gas);
        report.mana_used = run.budget.mana_used().saturating_add(paid.mana);
        Ended { report, panic: run.panic.take() }
    }

    /// One step, again where another commit came between. `bill` is what it was charged, whatever came of it.
    fn step(&self, run: &Run<'_>, index: usize, step: &Step, bill: &mut Bill) -> Result<(), StepFailure> {
        let before = index.checked_sub(1).and_then(|before| run.saga.steps.get(before));
        let crosses = before.is_some_and(|before| before.realm != step.realm);
        self.look_at_the_time(run)?;
        let units = GasUnits { realm: if crosses { CROSSING_GAS } else { 0 }, ..GasUnits::ZERO };
        run.budget.consume(run.prices.cost(&units), SAGA_STEP_MANA).map_err(StepFailure::Exhausted)?;
        bill.charge(units, SAGA_STEP_MANA);
        let mut lost = Vec::new();
        for _ in 0..=MAX_CONFLICT_RETRIES {
            self.look_at_the_time(run)?;
            match self.attempt(run, step, bill)? {
                CommitResult::Conflict { keys } => lost = keys,
                other => return committed(other),
            }
        }
        Err(StepFailure::Conflict(lost))
    }

    /// Ends the budget where its time is over.
    fn look_at_the_time(&self, run: &Run<'_>) -> Result<(), StepFailure> {
        let Some(began_ns) = run.began_ns else { return Ok(()) };
        let elapsed = self.clock.now_ns().saturating_sub(began_ns);
        run.budget.exhausted_at(elapsed).map_or(Ok(()), |reason| Err(StepFailure::Exhausted(reason)))
    }

    /// Policy and writes of a step on the current version, and the commit.
    fn attempt(&self, run: &Run<'_>, step: &Step, bill: &mut Bill) -> Result<CommitResult, StepFailure> {
        let context =
            PolicyRunContext::with_budget(run.saga.caller.clone(), step.realm.clone(), run.budget.clone());
        let context = context.of_policy(&run.saga.id, PolicyType::Transaction);
        let context = PolicyRunContext { prices: Some(run.prices), ..context };
        let context = EclvmStateContext::new(&self.state, context);
        match context.view().realm(&step.realm) {
            None => return Err(StepFailure::UnknownRealm),
            Some(realm) if realm.quarantined => return Err(StepFailure::Quarantined),
            Some(_) => {}
        }
        let handle = context.handle();
        // Whoever quarantines the realm meanwhile was first.
        let key = StateKey::Realm(step.realm.clone());
        handle.enter(|transaction| transaction.note_key(key)).map_err(StepFailure::Write)?;
        if let Some(policy) = &step.policy {
            decide(policy, &step.inputs, &context, bill)?;
        }
        let written = apply(&step.writes, &handle);
        let (units, mana) = handle.charged();
        bill.charge(units, mana);
        written?;
        Ok(handle.commit())
    }

    /// Undoes the first `done` steps, the last one first. Steps that could not be undone.
    fn compensate(
        &self,
        run: &Run<'_>,
        done: usize,
        costs: &[Amount],
        paid: &mut Amount,
        compensated: &mut Vec<usize>,
    ) -> Vec<Undone> {
        let mut left = Vec::new();
        let steps = run.saga.steps.iter().zip(costs).enumerate().take(done);
        for (index, (step, cost)) in steps.rev() {
            match self.undo(run, step) {
                Ok(()) => {
                    *paid = paid.saturating_add(*cost);
                    let storage = step.compensation_cost().0;
                    let units = GasUnits { storage, ..GasUnits::ZERO };
                    self.count(step, &Bill { units, mana: cost.mana });
                    compensated.push(index);
                    self.tell(run, index, SagaStep::Compensated);
                }
                Err(why) => left.push(Undone { step: index, why }),
            }
        }
        left
    }

    /// One compensation, paid for by its part of the reserve, each time it is tried.
    fn undo(&self, run: &Run<'_>, step: &Step) -> Result<(), StepFailure> {
        if step.compensation.is_empty() {
            return Ok(());
        }
        // In units: what they cost has been reserved.
        let (gas_limit, mana_limit) = step.compensation_cost();
        let limits = BudgetLimits { gas_limit, mana_limit, ..BudgetLimits::UNBOUNDED };
        let mut lost = Vec::new();
        for _ in 0..=MAX_COMPENSATION_RETRIES {
            let budget = Arc::new(Budget::new(limits));
            let (state, caller) = (self.state.clone(), Some(&*run.saga.caller));
            let view = state.view();
            let handle = StateHandle::new(state, view, &step.realm, caller, budget);
            apply(&step.compensation, &handle)?;
            match handle.commit() {
                CommitResult::Conflict { keys } => {
                    lost = keys;
                    std::thread::yield_now();
                }
                other => return committed(other),
            }
        }
        Err(StepFailure::Conflict(lost))
    }

    fn count(&self, step: &Step, bill: &Bill) {
        if let Some(gas) = self.gas.as_deref() {
            let usage = Usage { gas: bill.units, mana: bill.mana, runs: 1 };
            // Names that are no realm's are not registered.
            let known = self.state.view().realm(&step.realm).is_some();
            let realm = if known { gas.realm(&step.realm) } else { RealmId::OVERFLOW };
            gas.record_usage(worker(), realm, &usage);
        }
    }
    /// Tells the observer. Should it panic, the saga goes on to its end all the same, and panics then.
    fn tell(&self, run: &Run<'_>, index: usize, state: SagaStep) {
        let progress = StateEvent::SagaProgress {
            saga: run.saga.id.clone(),
            step: index as u64,
            state,
            realm_id: run.saga.steps.get(index).map(|step| step.realm.clone()),
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.observer.on_event(&progress))) {
            run.panic.set(Some(panic));
        }
    }
}

/// A saga's report, and what its observer panicked with.
struct Ended {
    report: SagaReport,
    panic: Option<Box<dyn Any + Send>>,
}

impl Ended {
    /// The report; or the panic, now that everything is settled.
    fn report(self) -> SagaReport {
        match self.panic {
            Some(panic) => resume_unwind(panic),
            None => self.report,
        }
    }
}

/// Takes all of it; what is only out on leases of others is waited for, as long as a charge would.
fn take(lease: &mut Lease<'_>, amount: Amount) -> Result<(), Exhaustion> {
    let mut yields = 0;
    loop {
        match lease.grow(amount, amount, None) {
            Ok(()) => return Ok(()),
            Err(refusal) if !refusal.held() || yields == MAX_LEASE_YIELDS => return Err(refusal.mark()),
            Err(_) => std::thread::yield_now(),
        }
        yields += 1;
    }
}

/// What a step's compensation costs.
fn reserve_of(step: &Step, prices: &Prices) -> Amount {
    let (storage, mana) = step.compensation_cost();
    Amount::new(prices.cost(&GasUnits { storage, ..GasUnits::ZERO }), mana)
}

fn not_begun(reason: Option<Exhaustion>, retry_after_ns: u64) -> SagaReport {
    SagaReport {
        end: SagaEnd::NotBegun { reason, retry_after_ns },
        steps_done: 0,
        compensated: Vec::new(),
        gas_used: 0,
        mana_used: 0,
    }
}

impl fmt::Debug for SagaRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SagaRunner").field("state", &self.state).finish_non_exhaustive()
    }
}
