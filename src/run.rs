//! One run of a policy for a caller in a realm, on a budget; and on a state, with its writes in a transaction.
//!
//! ```
//! use eclvm::Policy;
//! use eclvm::kernel::budget::BudgetLimits;
//! use eclvm::run::{EclvmStateContext, PolicyRunContext, run_policy_with_state_context};
//! use eclvm::state::{UnifiedState, World};
//! use std::sync::Arc;
//!
//! let world = World::from_json(br#"{"identities": {"did:x:a": {}}, "realms": {"lab": {}}}"#).unwrap();
//! let state = Arc::new(UnifiedState::with_world(world));
//! let policy = Policy::compile("policy p { store_put(\"seen\", true); }").unwrap();
//!
//! let run = PolicyRunContext::new("did:x:a", "lab", BudgetLimits::default());
//! let context = EclvmStateContext::new(&state, run);
//! let result = run_policy_with_state_context(&policy, &context).unwrap();
//! assert!(result.passed());
//! assert!(context.commit().is_success());
//! assert!(state.view().realm("lab").unwrap().stored("seen").is_some());
//! ```

mod context;
mod observed;

pub use crate::policy_type::PolicyType;
#[cfg(feature = "state-host")]
pub use context::EclvmStateContext;
pub use context::{IntoBudget, PolicyRunContext};

use crate::clock::SystemClock;
#[cfg(feature = "state-host")]
use crate::host::{StateHost, TrackedHost};
use crate::kernel::budget::BudgetLimits;
use crate::kernel::fault::{Fault, Outcome};
use crate::kernel::gas::Prices;
use crate::kernel::host::HostInterface;
use crate::kernel::receipt::Receipt;
use crate::kernel::request::{Clock, Env, Request};
use crate::kernel::value::{Did, Value, ValueRef};
use crate::kernel::vm::Vm;
use crate::policy::Policy;
#[cfg(feature = "state-host")]
use crate::state::{HeldRun, WriteError};
#[cfg(feature = "state-host")]
use crate::telemetry::MAX_HELD_RUNS;
#[cfg(feature = "state-host")]
use eclvm_kernel::program::EffectKind;
use observed::Observed;

/// What came of a run.
#[derive(Clone, PartialEq, Debug)]
pub struct ExecutionResult {
    /// The outcome and the bill.
    pub receipt: Receipt,
    /// The value of a bare expression, where one was reached.
    pub value: Option<Value>,
    /// Priced gas.
    pub gas_used: u64,
    /// Mana.
    pub mana_used: u64,
    /// How long it took, in microseconds, whatever the outcome; whole nanoseconds, at least one.
    pub duration_us: f64,
}

impl ExecutionResult {
    /// Whether the outcome is allow.
    pub fn passed(&self) -> bool {
        self.receipt.passed()
    }
}

/// Runs a policy that needs no inputs but the standard ones, and tells the context's observer. Writes are not granted: a policy that writes is the fault
/// EffectNotAllowed. See [`run_policy_with`].
pub fn run_policy(
    policy: &Policy,
    host: Option<&dyn HostInterface>,
    context: &PolicyRunContext,
) -> ExecutionResult {
    run_policy_with(policy, &[], host, context)
}

/// Runs a policy on these inputs, in the order of [`Policy::inputs`]. The budget alone pays; a run that a limit ends
/// exhausts it.
pub fn run_policy_with(
    policy: &Policy,
    inputs: &[ValueRef<'_>],
    host: Option<&dyn HostInterface>,
    context: &PolicyRunContext,
) -> ExecutionResult {
    let observed = Observed::start(context);
    let (result, duration_ns) = observed.within(|| {
        let prices = context.prices.unwrap_or_default();
        run(policy, inputs, host, context, prices, observed.clock(), false)
    });
    observed.end(&result, duration_ns);
    result
}

/// Runs a policy that needs no inputs but the standard ones on a state. See [`run_policy_with_state_context_and`].
#[cfg(feature = "state-host")]
pub fn run_policy_with_state_context(
    policy: &Policy,
    context: &EclvmStateContext,
) -> Result<ExecutionResult, WriteError> {
    run_policy_with_state_context_and(policy, &[], context)
}

/// Runs a policy on these inputs and on a state: it reads the context's view, with what its handle has written. What an
/// allowed run writes is then in the handle, for everybody to see once that commits; a denied, faulted or exhausted run
/// leaves nothing. A run that writes, and every run once there is a handle, counts its reads as the handle's.
///
/// # Errors
///
/// Closed, where the handle has ended: then nothing ran. TooLarge, where the handle's transaction cannot hold what the run
/// wrote. Nothing of the run is left then but its gas, and that observers were told how it ended.
#[cfg(feature = "state-host")]
pub fn run_policy_with_state_context_and(
    policy: &Policy,
    inputs: &[ValueRef<'_>],
    context: &EclvmStateContext,
) -> Result<ExecutionResult, WriteError> {
    let (who, state) = (&context.run, context.state());
    if policy.effect() != EffectKind::Write && context.opened().is_none() {
        let host = StateHost::from(context.view().clone());
        let observed = Observed::start_on(who, state);
        let ran = observed
            .within(|| run(policy, inputs, Some(&host), who, context.prices(), observed.clock(), false));
        observed.end(&ran.0, ran.1);
        return Ok(ran.0);
    }
    let handle = context.handle();
    let mut observed = None;
    // To the exclusion of all clones, so that what it writes follows from what it read. Its end is told outside, so that
    // an observer may look at the handle; so it is where a host panics, since what is told then is dropped after the lock.
    let (ran, taken, held) = handle.enter_held(|transaction, held| {
        let host = TrackedHost::new(transaction.draft().clone(), transaction.base().version());
        let observed = observed.insert(Observed::start_on(who, state));
        let ran = observed
            .within(|| run(policy, inputs, Some(&host), who, context.prices(), observed.clock(), true));
        transaction.note(host.into_reads());
        let effects = ran.0.receipt.effects();
        let taken = handle.take_effects(transaction, effects);
        let mut holds = false;
        if taken.is_ok() && !effects.is_empty() && held.len() < MAX_HELD_RUNS {
            // Durable with what it wrote, or not at all.
            let event = observed.event(&ran.0, ran.1, &state.event_log);
            holds = event.is_some();
            held.extend(event.map(|event| HeldRun { after: transaction.events().len(), event }));
        }
        (ran, taken, holds)
    })?;
    if let Some(observed) = observed {
        observed.end_held(&ran.0, ran.1, held);
    }
    taken.map(|_| ran.0)
}

fn run(
    policy: &Policy,
    inputs: &[ValueRef<'_>],
    host: Option<&dyn HostInterface>,
    context: &PolicyRunContext,
    prices: Prices,
    clock: &SystemClock,
    allow_writes: bool,
) -> (ExecutionResult, u64) {
    let caller = match (&*context.caller_did, Did::new(&context.caller_did)) {
        ("", _) => ValueRef::Missing,
        (_, Some(did)) => ValueRef::Did(did),
        (_, None) => ValueRef::Invalid(Fault::TypeMismatch),
    };
    let realm = match &*context.realm_id {
        "" => ValueRef::Missing,
        id => ValueRef::Text(id),
    };
    let request = Request { caller, realm, ..Request::new(inputs) };
    let budget = &*context.budget;
    let env = Env {
        host,
        allow_writes,
        now: context.now,
        // The budget alone pays: the run's own limits are those of depth and time.
        limits: BudgetLimits { gas_limit: u64::MAX, mana_limit: u64::MAX, ..*budget.limits() },
        prices,
        shared: Some(budget),
        clock,
        ..Env::default()
    };
    let receipt = Vm::new().run(policy.executable(), &request, &env);
    let duration_ns = clock.now_ns().max(1);
    if let (Outcome::Exhausted(reason), None) = (receipt.outcome, budget.exhausted()) {
        // Depth and time are the run's own limits, and the budget is what reports why it ended.
        budget.exhaust(reason);
    }
    let result = ExecutionResult {
        value: receipt.value(policy.program()),
        gas_used: receipt.cost,
        mana_used: receipt.mana,
        duration_us: duration_ns as f64 / 1_000.0,
        receipt,
    };
    (result, duration_ns)
}
