//! Who runs a policy, where, and on which budget; with a state, what it reads and writes.

use crate::kernel::budget::{Budget, BudgetLimits};
use crate::kernel::gas::Prices;
#[cfg(feature = "state-host")]
use crate::kernel::value::TrustVector;
use crate::observe::EclvmObserver;
use crate::policy_type::PolicyType;
#[cfg(feature = "state-host")]
use crate::state::{CommitResult, StateHandle, StateView, UnifiedState, WriteError};
#[cfg(feature = "state-host")]
use std::fmt;
use std::sync::Arc;
#[cfg(feature = "state-host")]
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// Who runs a policy, where, and on which budget.
#[derive(Clone, Debug)]
pub struct PolicyRunContext {
    /// Who asks; empty for nobody. One that is no DID is the fault TypeMismatch.
    pub caller_did: Arc<str>,
    /// In which realm; empty for none.
    pub realm_id: Arc<str>,
    /// What pays, and how deep and how long a run may be.
    pub budget: Arc<Budget>,
    /// Which policy it is, for events and counters.
    pub policy_id: Option<Arc<str>>,
    /// What it is for.
    pub policy_type: PolicyType,
    /// The standard input `now`, Unix seconds: whole seconds of the system's clock, unless set.
    pub now: f64,
    /// What units cost. None: what they cost on the state when the run begins, where a run has a state that keeps prices
    /// (feature `multi-gas`), and otherwise 1.
    pub prices: Option<Prices>,
    /// Who is told of runs. None: the state, where a run has one, and otherwise nobody.
    pub observer: Option<Arc<dyn EclvmObserver>>,
}

/// What a context can be paid from: limits, which make a budget of their own, or a budget.
pub trait IntoBudget {
    /// The budget.
    fn into_budget(self) -> Arc<Budget>;
}

impl IntoBudget for BudgetLimits {
    fn into_budget(self) -> Arc<Budget> {
        Arc::new(Budget::new(self))
    }
}

impl IntoBudget for Arc<Budget> {
    fn into_budget(self) -> Arc<Budget> {
        self
    }
}

impl PolicyRunContext {
    /// A run of `caller` in `realm` within these limits.
    pub fn new(
        caller: impl Into<Arc<str>>,
        realm: impl Into<Arc<str>>,
        limits: BudgetLimits,
    ) -> PolicyRunContext {
        PolicyRunContext::with_budget(caller, realm, limits)
    }
    /// The default limits, but this much gas.
    pub fn with_gas_limit(
        caller: impl Into<Arc<str>>,
        realm: impl Into<Arc<str>>,
        gas: u64,
    ) -> PolicyRunContext {
        let limits = BudgetLimits { gas_limit: gas, ..BudgetLimits::default() };
        PolicyRunContext::with_budget(caller, realm, limits)
    }
    /// Paid from a budget, or from one of these limits.
    pub fn with_budget(
        caller: impl Into<Arc<str>>,
        realm: impl Into<Arc<str>>,
        budget: impl IntoBudget,
    ) -> PolicyRunContext {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs() as f64);
        PolicyRunContext {
            caller_did: caller.into(),
            realm_id: realm.into(),
            budget: budget.into_budget(),
            policy_id: None,
            policy_type: PolicyType::default(),
            now,
            prices: None,
            observer: None,
        }
    }
    /// The same for this policy.
    pub fn of_policy(self, id: &str, policy_type: PolicyType) -> PolicyRunContext {
        PolicyRunContext { policy_id: Some(id.into()), policy_type, ..self }
    }
    /// The same, and this observer is told of runs, in place of the state's.
    pub fn observed_by(self, observer: Arc<dyn EclvmObserver>) -> PolicyRunContext {
        PolicyRunContext { observer: Some(observer), ..self }
    }
    /// The same at another time, in Unix seconds.
    pub fn at(self, now: f64) -> PolicyRunContext {
        PolicyRunContext { now, ..self }
    }
}

/// A run on a state: one version to read, a budget, and, once somebody asks for it, a handle to write the realm with.
#[cfg(feature = "state-host")]
pub struct EclvmStateContext {
    /// Who, where, on which budget.
    pub run: PolicyRunContext,
    state: Arc<UnifiedState>,
    view: StateView,
    handle: OnceLock<StateHandle>,
}

#[cfg(feature = "state-host")]
impl EclvmStateContext {
    /// A context on the current version of `state`.
    pub fn new(state: &Arc<UnifiedState>, run: PolicyRunContext) -> EclvmStateContext {
        EclvmStateContext { view: state.view(), state: state.clone(), run, handle: OnceLock::new() }
    }
    /// The state.
    pub fn state(&self) -> &Arc<UnifiedState> {
        &self.state
    }
    /// The version that is read.
    pub fn view(&self) -> &StateView {
        &self.view
    }
    /// What pays.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.run.budget
    }
    /// The realm.
    pub fn realm(&self) -> &str {
        &self.run.realm_id
    }
    /// The trust vector of a DID, as the view has it; None where it is unknown.
    pub fn get_trust(&self, did: &str) -> Option<TrustVector> {
        self.view.get_trust(did)
    }
    /// What units cost now: see [`PolicyRunContext::prices`].
    pub fn prices(&self) -> Prices {
        self.run.prices.unwrap_or_else(|| self.state.prices())
    }
    /// A handle besides the context's own, on the version that is current now: another transaction of the same caller in the
    /// same realm on the same budget.
    ///
    /// # Errors
    ///
    /// UnknownRealm.
    pub fn create_write_handle(&self) -> Result<StateHandle, WriteError> {
        let view = self.state.view();
        match view.realm(self.realm()) {
            Some(_) => Ok(self.new_handle(view)),
            None => Err(WriteError::UnknownRealm(self.realm().into())),
        }
    }
    /// The caller's handle to the realm, on the version of the view: the same one each time. From the first time on, what
    /// policies read in this context counts as read by the handle's transaction.
    pub fn handle(&self) -> StateHandle {
        self.handle.get_or_init(|| self.new_handle(self.view.clone())).clone()
    }
    /// The handle, if somebody asked for it.
    pub(crate) fn opened(&self) -> Option<&StateHandle> {
        self.handle.get()
    }
    /// The same view, and the same handle where there is one, for another run of the same caller in the same realm.
    pub(crate) fn for_run(&self, run: PolicyRunContext) -> EclvmStateContext {
        let handle = self.handle.get().cloned().map_or_else(OnceLock::new, OnceLock::from);
        EclvmStateContext { run, state: self.state.clone(), view: self.view.clone(), handle }
    }
    /// Commits what the handle holds. Without one there is nothing to commit, which succeeds.
    pub fn commit(&self) -> CommitResult {
        self.handle().commit()
    }
    /// Discards what the handle holds.
    pub fn rollback(&self) {
        self.handle().rollback();
    }
    fn new_handle(&self, view: StateView) -> StateHandle {
        let run = &self.run;
        let caller = Some(&*run.caller_did).filter(|did| !did.is_empty());
        let (state, budget) = (self.state.clone(), run.budget.clone());
        StateHandle::with_prices(state, view, &run.realm_id, caller, budget, self.prices())
    }
}

#[cfg(feature = "state-host")]
impl From<&EclvmStateContext> for StateView {
    fn from(context: &EclvmStateContext) -> StateView {
        context.view.clone()
    }
}

#[cfg(feature = "state-host")]
impl fmt::Debug for EclvmStateContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EclvmStateContext")
            .field("run", &self.run)
            .field("version", &self.view.version())
            .finish_non_exhaustive()
    }
}
