//! A lease: what a run has taken from a budget and not yet settled.

use super::ledger::{Amount, Ask, No};
use super::{Budget, Refusal};
use crate::sync::weakened;

/// Gas and mana taken from a budget and not yet settled. Dropping it settles it, also while unwinding.
#[derive(Debug)]
pub struct Lease<'b> {
    budget: &'b Budget,
    /// In all, what has been settled included.
    granted: Amount,
    /// In all. `settled <= spent <= granted`.
    spent: Amount,
    settled: Amount,
}

impl<'b> Lease<'b> {
    /// An empty lease.
    pub fn new(budget: &'b Budget) -> Lease<'b> {
        Lease { budget, granted: Amount::NONE, spent: Amount::NONE, settled: Amount::NONE }
    }
    /// The budget it comes from.
    pub fn budget(&self) -> &'b Budget {
        self.budget
    }
    /// What may be spent of it in all: what was granted, less what it gave back.
    pub fn granted(&self) -> Amount {
        self.granted
    }
    /// Takes at least `need` more, at most `want`, from all levels, or says why not and leaves everything as it was. With
    /// the time, a level whose deadline has passed is exhausted by Timeout, and refuses.
    pub fn grow(&mut self, need: Amount, want: Amount, now_ns: Option<u64>) -> Result<(), Refusal<'b>> {
        let own = self.granted.saturating_sub(self.settled);
        let ask = Ask { need, want: want.max(need), own, late: false, now_ns };
        let grant = self.budget.take(&ask)?;
        self.granted = self.granted.saturating_add(grant);
        Ok(())
    }
    /// States what has been spent of it, in all. At most what was granted counts, and no less than what was settled.
    pub fn spend(&mut self, amount: Amount) {
        self.spent = amount.min(self.granted).max(self.settled);
    }
    /// Pays what has been spent and gives back the rest, so that others who wait find it. The lease can grow again.
    pub fn settle(&mut self) {
        let reserved = self.granted.saturating_sub(self.settled);
        let used = self.spent.saturating_sub(self.settled);
        // First the marks: who is interrupted in between settles nothing twice.
        (self.granted, self.settled) = (self.spent, self.spent);
        if reserved != Amount::NONE {
            self.budget.settle(reserved, used);
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if !weakened("budget: a dropped lease is settled") {
            self.settle();
        }
    }
}

impl Refusal<'_> {
    /// Whether what was asked would fit if leases of others came back unspent: not spent, only out.
    pub fn held(&self) -> bool {
        matches!(self.no, No::Held(_))
    }
    /// Ends the level that refused, unless it is held: the first reason stays. Returns the reason.
    pub fn mark(&self) -> crate::fault::Exhaustion {
        match self.no {
            No::Already(reason) | No::Held(reason) => reason,
            No::Spent(reason) => self.level.exhaust(reason),
        }
    }
}
