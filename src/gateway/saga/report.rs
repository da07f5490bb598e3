//! What came of a saga.

use crate::kernel::fault::{Exhaustion, Fault};
use crate::state::{JournalError, StateKey, WriteError};
use std::sync::Arc;

/// Why a step, or a compensation, did not happen. Nothing of it has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StepFailure {
    /// The step's policy said no, with the message of its `require`, if it has one.
    Denied(Option<Arc<str>>),
    /// The step's policy went wrong.
    Fault(Fault),
    /// The budget is exhausted.
    Exhausted(Exhaustion),
    /// There is no such realm.
    UnknownRealm,
    /// The realm is quarantined.
    Quarantined,
    /// The state does not allow this write, counted from 0: an unknown identity, or a balance that does not reach.
    NotAllowed {
        /// Which.
        write: usize,
    },
    /// A write was refused.
    Write(WriteError),
    /// Others kept committing to these keys.
    Conflict(Vec<StateKey>),
    /// The journal did not take it.
    NotDurable(JournalError),
    /// The sink of a commit ran the saga: it must not commit.
    InSink,
}

/// A completed step whose compensation failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Undone {
    /// The step, from 0.
    pub step: usize,
    /// Why it could not be undone.
    pub why: StepFailure,
}

/// How a saga ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SagaEnd {
    /// All steps are true.
    Completed,
    /// The budget cannot pay the reserve for compensations, or the caller has no mana now. Nothing has happened.
    NotBegun {
        /// What the budget is short of; None where the account is.
        reason: Option<Exhaustion>,
        /// Nanoseconds until the caller's account has mana; 0 where that is not it, `u64::MAX` for never.
        retry_after_ns: u64,
    },
    /// A step failed, and every step before it is undone.
    Compensated {
        /// The step that failed, from 0.
        failed: usize,
        /// Why.
        why: StepFailure,
    },
    /// A step failed, and some steps before it could not be undone.
    Incomplete {
        /// The step that failed, from 0.
        failed: usize,
        /// Why.
        why: StepFailure,
        /// Steps that are still true, in the order in which undoing them was tried.
        left: Vec<Undone>,
    },
}

/// What came of a saga, and its bill.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SagaReport {
    /// How it ended.
    pub end: SagaEnd,
    /// Steps that were completed, whether they were undone later or not.
    pub steps_done: usize,
    /// Steps that were undone, in that order.
    pub compensated: Vec<usize>,
    /// Priced gas, compensations included.
    pub gas_used: u64,
    /// Mana, compensations included.
    pub mana_used: u64,
}

impl SagaReport {
    /// Whether all steps are true.
    pub fn completed(&self) -> bool {
        self.end == SagaEnd::Completed
    }
}
