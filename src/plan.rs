//! The names of the plan that this crate carries out (docs/plan.md), for code that was written after it.
//!
//! Types are this crate's own under the plan's names; what the plan asks of them, they have themselves. Two functions have
//! the plan's signature where the crate's own differs. docs/plan.md lists every name, and where code must differ, and why.
//!
//! ```
//! use eclvm::plan::{ECLVMBudgetLimits, PolicyRunContext, compile_ecl};
//!
//! let limits = ECLVMBudgetLimits { gas_limit: 500, ..Default::default() };
//! let context = PolicyRunContext::new("did:test:alice", "realm:main", limits);
//! let bytecode = compile_ecl("1 + 1 == 2")?;
//! assert_eq!(context.budget.snapshot().gas_left, 500);
//! # let _ = bytecode;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use crate::kernel::budget::{
    Budget as ECLVMBudget, BudgetLimits as ECLVMBudgetLimits, BudgetSnapshot as ECLVMBudgetSnapshot,
};
pub use crate::kernel::fault::Exhaustion as BudgetExhaustionReason;
pub use crate::kernel::gas::GasLayer;
pub use crate::kernel::host::{HostInterface, RealmFacts as RealmConfig};
pub use crate::kernel::isa::Op as OpCode;
pub use crate::kernel::value::{TrustVector as TrustVector6D, Value};
pub use crate::kernel::vm::Vm as ECLVM;
pub use crate::observe::{EclvmObserver as ECLVMObserver, PolicyExecutionObserver};
pub use crate::run::{ExecutionResult, PolicyRunContext, PolicyType};

#[cfg(feature = "durable")]
pub use crate::durable::ErynoaHost;
#[cfg(feature = "legacy-gas")]
pub use crate::gas_meter::GasMeter;
#[cfg(feature = "multi-gas")]
pub use crate::kernel::multigas::MultiGas;
#[cfg(feature = "state-host")]
pub use crate::{
    gateway::{CROSSING_MANA_COST, EclEntrypoints, ProgrammableGateway},
    host::StateHost,
    observe::{
        Broadcaster, DeltaType, EclvmState as ECLVMState, EventLog, ExecutionState, ExecutionsState,
        GasState, ManaState, StateComponent, StateDelta, StateIntegrator,
    },
    run::{EclvmStateContext as ECLVMStateContext, run_policy_with_state_context},
    state::{CommitResult, StateEvent, StateHandle, StateView, TransactionGuard, TrustReason, UnifiedState},
};

use crate::Policy;
use crate::policy::CompileError;
use std::convert::Infallible;

/// [`Policy::compile`].
///
/// # Errors
///
/// The diagnostics of the source.
pub fn compile_ecl(source: &str) -> Result<Policy, CompileError> {
    Policy::compile(source)
}

/// [`run_policy`](crate::run::run_policy) with a host. A run does not fail: faults and limits are outcomes of the result,
/// and only [`ExecutionResult::passed`] is a permit.
///
/// # Errors
///
/// None.
pub fn run_policy(
    bytecode: &Policy,
    host: &dyn HostInterface,
    context: &PolicyRunContext,
) -> Result<ExecutionResult, Infallible> {
    Ok(crate::run::run_policy(bytecode, Some(host), context))
}
