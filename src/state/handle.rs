//! One realm's writes, paid from a budget.
//!
//! Each write is checked first, then charged, then taken into the transaction; reads see it from then on, everybody else
//! after the commit. A handle can be cloned: clones are the same transaction, which ends once, by whoever commits it or
//! rolls it back first. Gas that was charged stays charged, whatever comes of the transaction.

mod error;
mod reads;
mod writes;

pub use error::WriteError;
pub use writes::{PROPOSAL_GAS, PROPOSAL_MANA, TRUST_GAS, VOTE_GAS};

use super::apply::ApplyError;
use super::journal::HeldRun;
use super::transaction::{ChangeError, Transaction};
use super::unified::{CommitResult, UnifiedState, lock};
use super::view::StateView;
use crate::kernel::budget::Budget;
use crate::kernel::gas::{GasUnits, Prices};
use std::fmt;
use std::sync::{Arc, Mutex};

/// One realm's reads and writes. Cheap to clone; clones share the transaction.
#[derive(Clone)]
pub struct StateHandle(Arc<Shared>);

struct Shared {
    state: Arc<UnifiedState>,
    realm: Arc<str>,
    caller: Option<Arc<str>>,
    budget: Arc<Budget>,
    prices: Prices,
    open: Mutex<Open>,
}

struct Open {
    phase: Phase,
    transaction: Transaction,
    gas: GasUnits,
    mana: u64,
    /// Runs whose effects are in the transaction, and whose events are durable with it.
    held: Vec<HeldRun>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Committed,
    Ended,
}

impl StateHandle {
    /// A handle on `view`, a version of `state`, at prices of 1.
    pub fn new(
        state: Arc<UnifiedState>,
        view: StateView,
        realm: &str,
        caller: Option<&str>,
        budget: Arc<Budget>,
    ) -> StateHandle {
        StateHandle::with_prices(state, view, realm, caller, budget, Prices::default())
    }
    /// As [`StateHandle::new`], at these prices, which stay for as long as the handle is.
    pub fn with_prices(
        state: Arc<UnifiedState>,
        view: StateView,
        realm: &str,
        caller: Option<&str>,
        budget: Arc<Budget>,
        prices: Prices,
    ) -> StateHandle {
        let transaction = Transaction::new(view.world().clone());
        let open = Open { phase: Phase::Open, transaction, gas: GasUnits::ZERO, mana: 0, held: Vec::new() };
        let caller = caller.map(Arc::from);
        StateHandle(Arc::new(Shared {
            state,
            realm: realm.into(),
            caller,
            budget,
            prices,
            open: Mutex::new(open),
        }))
    }
    /// Its realm.
    pub fn realm(&self) -> &str {
        &self.0.realm
    }
    /// Who is calling.
    pub fn caller(&self) -> Option<&str> {
        self.0.caller.as_deref()
    }
    /// What pays.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.0.budget
    }
    /// Gas units and mana that its own writes were charged. Those of runs stand in their receipts.
    pub fn charged(&self) -> (GasUnits, u64) {
        let open = lock(&self.0.open);
        (open.gas, open.mana)
    }
    /// Whether it can still be written and committed.
    pub fn is_open(&self) -> bool {
        lock(&self.0.open).phase == Phase::Open
    }

    /// Lets `work` at the transaction, to the exclusion of all clones.
    pub(crate) fn enter<T>(&self, work: impl FnOnce(&mut Transaction) -> T) -> Result<T, WriteError> {
        self.enter_held(|transaction, _| work(transaction))
    }
    /// As [`StateHandle::enter`], and at the runs that it holds.
    pub(crate) fn enter_held<T>(
        &self,
        work: impl FnOnce(&mut Transaction, &mut Vec<HeldRun>) -> T,
    ) -> Result<T, WriteError> {
        let mut open = lock(&self.0.open);
        let Open { phase, transaction, held, .. } = &mut *open;
        match phase {
            Phase::Open => Ok(work(transaction, held)),
            Phase::Committed | Phase::Ended => Err(WriteError::Closed),
        }
    }
    fn write<T>(
        &self,
        storage: u64,
        mana: u64,
        work: impl FnOnce(&mut Transaction) -> Result<T, ChangeError>,
    ) -> Result<T, WriteError> {
        let mut open = lock(&self.0.open);
        if open.phase != Phase::Open {
            return Err(WriteError::Closed);
        }
        let units = GasUnits { storage, ..GasUnits::ZERO };
        self.0.budget.consume(self.0.prices.cost(&units), mana).map_err(WriteError::Exhausted)?;
        open.gas = open.gas.plus(units);
        open.mana = open.mana.saturating_add(mana);
        work(&mut open.transaction).map_err(|error| self.refusal(error))
    }
    fn refusal(&self, error: ChangeError) -> WriteError {
        match error {
            ChangeError::Apply(ApplyError::UnknownRealm(id)) => WriteError::UnknownRealm(id.as_ref().into()),
            ChangeError::Apply(_) => WriteError::OutOfRange,
            ChangeError::TooLarge => WriteError::TooLarge,
        }
    }
    /// Makes it true. Only the first commit of all clones can be a Success; then the others are AlreadyCommitted. After a
    /// Conflict, an exhausted budget or a rollback the transaction has ended, and a later commit is Invalid.
    pub fn commit(self) -> CommitResult {
        self.finish()
    }
    pub(super) fn finish(&self) -> CommitResult {
        let mut open = lock(&self.0.open);
        match open.phase {
            Phase::Committed => return CommitResult::AlreadyCommitted,
            Phase::Ended => return CommitResult::Invalid,
            Phase::Open => {}
        }
        let result = match self.0.budget.exhausted() {
            Some(reason) => CommitResult::BudgetExhausted(reason),
            None => {
                // Ended first, should the sink panic: what it was told of is true all the same.
                open.phase = Phase::Committed;
                let Open { transaction, held, .. } = &mut *open;
                self.0.state.commit_held(transaction, held)
            }
        };
        self.0.release(&mut open);
        open.phase = if result.is_success() { Phase::Committed } else { Phase::Ended };
        result
    }
    /// Discards everything. What was charged stays charged; nothing else is left of it.
    pub fn rollback(self) {
        self.discard();
    }
    pub(super) fn discard(&self) {
        let mut open = lock(&self.0.open);
        if open.phase == Phase::Open {
            open.phase = Phase::Ended;
            let base = open.transaction.base().clone();
            open.transaction = Transaction::new(base);
            self.0.release(&mut open);
        }
    }
}

impl Shared {
    /// What became of the transaction has been decided, and not for the runs that it still holds: they ended all the same.
    fn release(&self, open: &mut Open) {
        if !open.held.is_empty() {
            self.state.event_log.release(open.held.drain(..).map(|held| held.event));
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let open = self.open.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let held = std::mem::take(&mut open.held);
        if !held.is_empty() {
            self.state.event_log.release(held.into_iter().map(|held| held.event));
        }
    }
}

impl fmt::Debug for StateHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateHandle")
            .field("realm", &self.realm())
            .field("caller", &self.caller())
            .field("open", &self.is_open())
            .finish_non_exhaustive()
    }
}
