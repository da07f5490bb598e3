//! What a saga is: who wants what, step by step.

use super::writes::SagaWrite;
use crate::kernel::limits::{MAX_NAME_BYTES, MAX_SAGA_STEPS, MAX_SAGA_WRITES};
use crate::kernel::value::{Did, Value};
use crate::policy::Policy;
use std::fmt;
use std::sync::Arc;

/// A step: in this realm, if its policy allows it, what the policy writes and then these writes.
#[derive(Clone, Debug)]
pub struct Step {
    /// The realm.
    pub realm: Arc<str>,
    /// What decides; None: nothing has to.
    pub policy: Option<Policy>,
    /// The policy's inputs, in the order of [`Policy::inputs`]. An array is the fault TypeMismatch.
    pub inputs: Vec<Value>,
    /// Writes, in order.
    pub writes: Vec<SagaWrite>,
    /// What undoes the step, in order; empty where nothing has to.
    pub compensation: Vec<SagaWrite>,
}

impl Step {
    /// A step of these writes, undone by these, that nobody has to allow.
    pub fn new(realm: &str, writes: Vec<SagaWrite>, compensation: Vec<SagaWrite>) -> Step {
        Step { realm: realm.into(), policy: None, inputs: Vec::new(), writes, compensation }
    }
    /// The same where this policy allows it.
    pub fn allowed_by(self, policy: Policy, inputs: Vec<Value>) -> Step {
        Step { policy: Some(policy), inputs, ..self }
    }
    /// Gas units of storage and mana of the compensation.
    pub(super) fn compensation_cost(&self) -> (u64, u64) {
        self.compensation
            .iter()
            .map(SagaWrite::cost)
            .fold((0, 0), |(gas, mana), (g, m)| (u64::saturating_add(gas, g), u64::saturating_add(mana, m)))
    }
}

/// An intent: steps in order, for a caller. It does not change, and can be run again.
#[derive(Clone, Debug)]
pub struct Saga {
    pub(super) id: Arc<str>,
    pub(super) caller: Arc<str>,
    pub(super) steps: Arc<[Step]>,
}

/// Why this can be no saga.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SagaError {
    /// An id, or a realm's, that is empty or longer than [`MAX_NAME_BYTES`].
    NameLength,
    /// The caller is no DID.
    Caller,
    /// No steps.
    Empty,
    /// More than [`MAX_SAGA_STEPS`] steps.
    TooManySteps,
    /// More than [`MAX_SAGA_WRITES`] writes, compensations and inputs counted.
    TooManyWrites,
    /// A write of this step, or of its compensation, has arguments that no state could take.
    BadWrite {
        /// The step, from 0.
        step: usize,
    },
}

impl fmt::Display for SagaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SagaError::NameLength => f.write_str("a name is empty or too long"),
            SagaError::Caller => f.write_str("the caller is not a DID"),
            SagaError::Empty => f.write_str("a saga without steps"),
            SagaError::TooManySteps => f.write_str("too many steps"),
            SagaError::TooManyWrites => f.write_str("too many writes"),
            SagaError::BadWrite { step } => write!(f, "step {step} has a write that can never be"),
        }
    }
}
impl std::error::Error for SagaError {}

impl Saga {
    /// A saga of these steps. What can be refused before anything happens is refused here.
    ///
    /// # Errors
    ///
    /// See [`SagaError`].
    pub fn new(id: &str, caller: &str, steps: Vec<Step>) -> Result<Saga, SagaError> {
        let named = |name: &str| !name.is_empty() && name.len() <= MAX_NAME_BYTES;
        if !named(id) || !steps.iter().all(|step| named(&step.realm)) {
            return Err(SagaError::NameLength);
        }
        Did::new(caller).ok_or(SagaError::Caller)?;
        if steps.is_empty() {
            return Err(SagaError::Empty);
        }
        if steps.len() > MAX_SAGA_STEPS {
            return Err(SagaError::TooManySteps);
        }
        let writes = |step: &Step| step.writes.len() + step.compensation.len() + step.inputs.len();
        if steps.iter().map(writes).sum::<usize>() > MAX_SAGA_WRITES {
            return Err(SagaError::TooManyWrites);
        }
        let sound = |step: &Step| step.writes.iter().chain(&step.compensation).all(SagaWrite::is_sound);
        if let Some(step) = steps.iter().position(|step| !sound(step)) {
            return Err(SagaError::BadWrite { step });
        }
        Ok(Saga { id: id.into(), caller: caller.into(), steps: steps.into() })
    }
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }
    /// Who wants it.
    pub fn caller(&self) -> &str {
        &self.caller
    }
    /// Its steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}
