//! The parts of a step: its policy, its writes, its commit, its bill.

use super::report::StepFailure;
use super::writes::SagaWrite;
use crate::kernel::fault::{Fault, Outcome};
use crate::kernel::gas::GasUnits;
use crate::kernel::value::{Did, Value, ValueRef};
use crate::policy::Policy;
use crate::run::{EclvmStateContext, run_policy_with_state_context_and};
use crate::state::{CommitResult, StateHandle, WriteError};
use std::sync::Arc;

/// What was charged.
#[derive(Clone, Copy, Default)]
pub(super) struct Bill {
    pub(super) units: GasUnits,
    pub(super) mana: u64,
}

impl Bill {
    pub(super) fn charge(&mut self, units: GasUnits, mana: u64) {
        self.units = self.units.plus(units);
        self.mana = self.mana.saturating_add(mana);
    }
}

/// What a commit means for a step.
pub(super) fn committed(result: CommitResult) -> Result<(), StepFailure> {
    match result {
        CommitResult::Success { .. } | CommitResult::AlreadyCommitted => Ok(()),
        CommitResult::Conflict { keys } => Err(StepFailure::Conflict(keys)),
        CommitResult::BudgetExhausted(reason) => Err(StepFailure::Exhausted(reason)),
        CommitResult::NotDurable(error) => Err(StepFailure::NotDurable(error)),
        CommitResult::Invalid => Err(StepFailure::InSink),
    }
}

/// Asks a step's policy; what it writes is then in the context's handle.
pub(super) fn decide(
    policy: &Policy,
    inputs: &[Value],
    context: &EclvmStateContext,
    bill: &mut Bill,
) -> Result<(), StepFailure> {
    let inputs: Vec<ValueRef<'_>> = inputs.iter().map(borrowed).collect();
    let result = run_policy_with_state_context_and(policy, &inputs, context).map_err(StepFailure::Write)?;
    bill.charge(result.receipt.gas, result.mana_used);
    match result.receipt.outcome {
        Outcome::Allow => Ok(()),
        Outcome::Deny => {
            let message = policy.program().message(result.receipt.message);
            Err(StepFailure::Denied(message.map(Arc::from)))
        }
        Outcome::Fault(fault) => Err(StepFailure::Fault(fault)),
        Outcome::Exhausted(reason) => Err(StepFailure::Exhausted(reason)),
    }
}

/// Carries writes out, in order, up to the first that fails.
pub(super) fn apply(writes: &[SagaWrite], handle: &StateHandle) -> Result<(), StepFailure> {
    for (write, change) in writes.iter().enumerate() {
        match change.apply(handle) {
            Ok(true) => {}
            Ok(false) => return Err(StepFailure::NotAllowed { write }),
            Err(WriteError::Exhausted(reason)) => return Err(StepFailure::Exhausted(reason)),
            Err(WriteError::UnknownRealm(_)) => return Err(StepFailure::UnknownRealm),
            Err(error) => return Err(StepFailure::Write(error)),
        }
    }
    Ok(())
}

fn borrowed(value: &Value) -> ValueRef<'_> {
    match value {
        Value::Null => ValueRef::Null,
        Value::Number(x) => ValueRef::Number(*x),
        Value::Bool(x) => ValueRef::Bool(*x),
        Value::Text(text) => ValueRef::Text(text),
        Value::Did(did) => Did::new(did).map_or(ValueRef::Invalid(Fault::InvalidDid), ValueRef::Did),
        Value::Trust(trust) => ValueRef::Trust(trust),
        Value::Array(_) => ValueRef::Invalid(Fault::TypeMismatch),
    }
}
