//! Runs of a portion before their turn: under which limits, and from which request on they are only looked over.
//!
//! All requests of a portion are decided before the first of them is paid for. A run that takes more than the shared
//! budget could still pay at the best, were it the first of the portion, cannot be paid at its turn either, since what is
//! spent only grows. So such a run is stopped there and is *open*: it is decided at its turn, drawing on the budget
//! itself (`fold`). Without that a run without end would go on until time is up, where one after the other the gas ends it.
//!
//! For the same reason nothing is gained by running what comes behind such a request, or behind requests that together take
//! more than the budget could pay: at their turn it will be exhausted. They get no gas at all, which is enough to find
//! those whose inputs are wrong. None of this is relied upon: an open run is decided at its turn whatever has become of the
//! budget until then.

use super::Requests;
use super::parallel::Worker;
use super::summary::Counts;
use eclvm_kernel::budget::{Budget, BudgetLimits};
use eclvm_kernel::fault::{Exhaustion, Outcome};
use eclvm_kernel::receipt::Receipt;
use eclvm_kernel::request::Env;
use eclvm_kernel::sync::{AtomicUsize, Mutex, Ordering};
use eclvm_kernel::vm::Executable;
use std::sync::PoisonError;

/// What came of one chunk of a portion.
#[derive(Default)]
pub(super) struct Piece {
    /// Requests that are decided.
    pub(super) len: usize,
    /// What they come to.
    pub(super) counts: Counts,
    /// Whether some of them are open: among those that ran out of gas or mana.
    pub(super) open: bool,
    /// Nanoseconds of some runs.
    pub(super) samples: Vec<u64>,
    /// Requests that the lanes engine left to the scalar engine.
    pub(super) scalar: usize,
}

impl Piece {
    /// Counts a request that is decided.
    #[inline]
    pub(super) fn add(&mut self, receipt: &Receipt) {
        self.len += 1;
        self.counts.add(receipt);
    }
}

/// What the runs of a portion share while it is not yet their turn.
pub(super) struct Ahead<'s> {
    /// What a run that may be payable runs in.
    pub(super) env: Env<'s>,
    /// The same without gas and mana.
    without: Env<'s>,
    own: BudgetLimits,
    /// Most gas that the shared budget could pay.
    most: u64,
    /// Length of a chunk.
    chunk: usize,
    /// Requests from here on come when the budget is spent.
    over: AtomicUsize,
    front: Option<Mutex<Front>>,
}

/// The chunks that are done without a gap, and what they cost together.
#[derive(Default)]
struct Front {
    /// Cost of each chunk that is done.
    costs: Vec<Option<u64>>,
    done: usize,
    cost: u64,
}

impl<'s> Ahead<'s> {
    /// For `n` requests in chunks of so many; `env` has the runs' own limits.
    pub(super) fn new(env: Env<'s>, budget: Option<&Budget>, n: usize, chunk: usize) -> Ahead<'s> {
        let limits = within(env.limits, budget);
        let none = BudgetLimits { gas_limit: 0, mana_limit: 0, ..env.limits };
        let spent = budget.is_some_and(|budget| budget.exhausted().is_some());
        let costs = || vec![None; n.div_ceil(chunk.max(1))];
        Ahead {
            env: Env { limits, ..env },
            without: Env { limits: none, ..env },
            own: env.limits,
            most: within(BudgetLimits::UNBOUNDED, budget).gas_limit,
            chunk,
            over: AtomicUsize::new(if spent { 0 } else { usize::MAX }),
            front: budget.map(|_| Mutex::new(Front { costs: costs(), ..Front::default() })),
        }
    }

    /// Decides a request that may not be paid for yet.
    pub(super) fn run<R: Requests + ?Sized>(
        &self,
        worker: &mut Worker,
        exe: &Executable,
        requests: &R,
        index: usize,
        open: &mut bool,
    ) -> Receipt {
        self.run_by(index, open, |env| worker.run(exe, requests, index, env))
    }
    /// The same, by whatever runs it.
    #[inline(always)]
    pub(super) fn run_by(
        &self,
        index: usize,
        open: &mut bool,
        run: impl FnOnce(&Env<'_>) -> Receipt,
    ) -> Receipt {
        let env = if self.is_over(index) { &self.without } else { &self.env };
        let receipt = run(env);
        if is_out(&receipt) && env.limits != self.own {
            self.stopped(index, receipt.outcome, open);
        }
        receipt
    }
    /// A run has ended by limits that are not its own, or by its own, which cannot be told.
    #[cold]
    fn stopped(&self, index: usize, outcome: Outcome, open: &mut bool) {
        *open = true;
        let tight = self.env.limits.gas_limit < self.own.gas_limit;
        if tight && outcome == Outcome::Exhausted(Exhaustion::OutOfGas) {
            self.over.fetch_min(index.saturating_add(1), Ordering::Relaxed);
        }
    }
    /// Whether a request comes when the budget is spent.
    #[inline]
    pub(super) fn is_over(&self, index: usize) -> bool {
        // Relaxed: who does not see it yet does more than is needed.
        index >= self.over.load(Ordering::Relaxed)
    }

    /// A chunk is decided: where all chunks up to one take more than can be paid, those behind it need not run.
    pub(super) fn done(&self, number: usize, piece: &Piece) {
        let Some(front) = &self.front else { return };
        let mut front = front.lock().unwrap_or_else(PoisonError::into_inner);
        let front = &mut *front;
        if let Some(cost) = front.costs.get_mut(number) {
            *cost = Some(piece.counts.cost);
        }
        while let Some(Some(cost)) = front.costs.get(front.done) {
            front.cost = front.cost.saturating_add(*cost);
            front.done += 1;
        }
        if front.cost > self.most {
            self.over.fetch_min(front.done.saturating_mul(self.chunk), Ordering::Relaxed);
        }
    }
}

/// A run's own limits, and no more than the shared budget could pay for it if leases of others came back unspent.
pub(super) fn within(own: BudgetLimits, budget: Option<&Budget>) -> BudgetLimits {
    let levels = std::iter::successors(budget, |level| level.parent().map(|parent| &**parent));
    levels.fold(own, |limits, level| {
        let level = level.snapshot();
        BudgetLimits {
            gas_limit: limits.gas_limit.min(level.gas_left.saturating_add(level.gas_reserved)),
            mana_limit: limits.mana_limit.min(level.mana_left.saturating_add(level.mana_reserved)),
            ..limits
        }
    })
}

/// Whether a run ended because it had no more gas or mana.
pub(super) fn is_out(receipt: &Receipt) -> bool {
    matches!(receipt.outcome, Outcome::Exhausted(Exhaustion::OutOfGas | Exhaustion::OutOfMana))
}
