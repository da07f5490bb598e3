//! One change of the embedder's, committed; again where another commit came between.

use crate::kernel::limits::MAX_CONFLICT_RETRIES;
use crate::state::{ApplyError, ChangeError, CommitResult, JournalError, StateEvent, UnifiedState};
use std::fmt;

/// Why a change of a state did not become true. Nothing has changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChangeFailure {
    /// It does not fit the world: no such realm, or one that is there already.
    Refused(ApplyError),
    /// It is larger than a transaction may be.
    TooLarge,
    /// Others kept committing to the same realm.
    Conflict,
    /// The journal did not take it.
    NotDurable(JournalError),
    /// Asked for by the sink of a commit, which must not commit.
    InSink,
}

impl fmt::Display for ChangeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChangeFailure::Refused(error) => error.fmt(f),
            ChangeFailure::TooLarge => f.write_str("the change is too large"),
            ChangeFailure::Conflict => f.write_str("others keep changing the same realm"),
            ChangeFailure::NotDurable(error) => error.fmt(f),
            ChangeFailure::InSink => f.write_str("a sink must not commit"),
        }
    }
}
impl std::error::Error for ChangeFailure {}

/// Makes an event true that does not depend on what was there; the version that it made.
pub(super) fn commit(state: &UnifiedState, event: &StateEvent) -> Result<u64, ChangeFailure> {
    for _ in 0..=MAX_CONFLICT_RETRIES {
        let mut transaction = state.begin();
        transaction.push(event.clone()).map_err(|error| match error {
            ChangeError::Apply(error) => ChangeFailure::Refused(error),
            ChangeError::TooLarge => ChangeFailure::TooLarge,
        })?;
        match state.commit(&transaction) {
            CommitResult::Success { version, .. } => return Ok(version),
            CommitResult::Conflict { .. } => {}
            CommitResult::NotDurable(error) => return Err(ChangeFailure::NotDurable(error)),
            CommitResult::AlreadyCommitted | CommitResult::BudgetExhausted(_) | CommitResult::Invalid => {
                return Err(ChangeFailure::InSink);
            }
        }
    }
    Err(ChangeFailure::Conflict)
}
