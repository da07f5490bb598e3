//! A batch on a store: what it wrote and how each request ended, committed in index order.
//!
//! A batch of a policy that writes is one commit at its end, since its later requests read what earlier ones wrote. Events of
//! one that does not write are committed portion by portion: they change nothing, so nothing is half done in between.

use crate::args::BatchArgs;
use crate::context;
use crate::exit::Failure;
use bumpalo::Bump;
use eclvm::Policy;
#[cfg(feature = "parquet")]
use eclvm::batch::RequestColumns;
use eclvm::batch::Requests;
use eclvm::durable::ErynoaHost;
use eclvm::kernel::budget::{Budget, BudgetLimits, BudgetSnapshot};
use eclvm::kernel::fault::{Exhaustion, Outcome};
use eclvm::kernel::program::EffectKind;
use eclvm::kernel::receipt::Receipt;
use eclvm::kernel::request::Request;
use eclvm::kernel::value::ValueRef;
use eclvm::state::{RecordedPolicy, RunRecord, SharedLeft, Transaction};
use std::sync::Arc;

/// Surroundings that all requests of the batch share, to be recorded with each.
pub(super) struct Surroundings {
    pub(super) now: f64,
    pub(super) limits: BudgetLimits,
}

/// Requests that can be kept.
pub(super) trait Recordable: Requests {
    /// Keys of a request that the policy does not know, as a JSON object, where requests have such.
    fn unknown(&self, _index: usize) -> Option<String> {
        None
    }
}

/// Columns that the policy does not know are not read.
#[cfg(feature = "parquet")]
impl Recordable for RequestColumns<'_> {}

/// Takes a batch into a store.
pub(super) struct Journal<'b> {
    store: &'b ErynoaHost,
    policy: &'b Policy,
    transaction: Transaction,
    writes: bool,
    recorder: Option<Recorder>,
}

/// Makes records of requests.
struct Recorder {
    policy: Arc<RecordedPolicy>,
    surroundings: Surroundings,
    budget: Arc<Budget>,
    /// What the shared budget has left before the next request; None where there is none.
    left: Option<SharedLeft>,
}

impl<'b> Journal<'b> {
    pub(super) fn new(
        store: &'b ErynoaHost,
        policy: &'b Policy,
        args: &BatchArgs,
        budget: &Arc<Budget>,
        surroundings: Surroundings,
    ) -> Journal<'b> {
        let recorder = args.record.then(|| {
            let shared = args.budget_gas.is_some() || args.budget_mana.is_some();
            let policy = Arc::new(RecordedPolicy::new(policy.executable()));
            let budget = budget.clone();
            let left = shared.then(|| left_of(&budget));
            Recorder { policy, surroundings, budget, left }
        });
        let writes = policy.effect() == EffectKind::Write;
        Journal { store, policy, transaction: store.state().begin(), writes, recorder }
    }

    /// Takes a portion in. All its receipts then name the version that the batch began on: its own writes have none yet.
    pub(super) fn take(
        &mut self,
        requests: &impl Recordable,
        receipts: &mut [Receipt],
    ) -> Result<(), Failure> {
        let version = self.store.view().version();
        let mut bump = Bump::new();
        for (index, receipt) in receipts.iter_mut().enumerate() {
            if receipt.version != 0 {
                receipt.version = version;
            }
            let faulty = |fault| Request { realm: ValueRef::Invalid(fault), ..Request::new(&[]) };
            let request = requests.request(index, &bump).unwrap_or_else(faulty);
            let record = self.recorder.as_mut().map(|recorder| {
                let unknown = request.unknown_keys.then(|| requests.unknown(index)).flatten();
                RunRecord { unknown: unknown.map(Into::into), ..recorder.record(&request, receipt) }
            });
            context::record(&mut self.transaction, self.policy, &request, receipt, 0.0, record)?;
            bump.reset();
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.portion_ended();
        }
        if self.writes { Ok(()) } else { self.commit() }
    }

    /// Commits what has been taken in since the last commit.
    pub(super) fn commit(&mut self) -> Result<(), Failure> {
        context::commit(self.store, &self.transaction)?;
        self.transaction = self.store.state().begin();
        Ok(())
    }
}

impl Recorder {
    fn record(&mut self, request: &Request<'_>, receipt: &Receipt) -> RunRecord {
        let Surroundings { now, limits } = self.surroundings;
        let record = RunRecord::new(&self.policy, request, now, receipt);
        let shared = self.left;
        if let Some(left) = &mut self.left {
            pay(left, &limits, receipt);
        }
        RunRecord { limits, shared, ..record }
    }
    /// All of a portion is paid: what the budget has left is known, and not only what follows from the receipts.
    fn portion_ended(&mut self) {
        if let Some(left) = &mut self.left {
            *left = left_of(&self.budget);
        }
    }
}

/// What a budget has left that nobody draws on now.
fn left_of(budget: &Budget) -> SharedLeft {
    let BudgetSnapshot { gas_left: gas, mana_left: mana, reason: exhausted, .. } = budget.snapshot();
    SharedLeft { gas, mana, exhausted }
}

/// What a shared budget has left after a receipt of a portion, from what it had when the portion began: bills are paid in index order, and the first that cannot be paid ends it.
fn pay(left: &mut SharedLeft, own: &BudgetLimits, receipt: &Receipt) {
    if left.exhausted.is_some() {
        return;
    }
    let ended = match receipt.outcome {
        // Asked before the shared one.
        Outcome::Exhausted(reason @ Exhaustion::OutOfGas) => (own.gas_limit > left.gas).then_some(reason),
        Outcome::Exhausted(reason @ Exhaustion::OutOfMana) => (own.mana_limit > left.mana).then_some(reason),
        _ => None,
    };
    left.gas = left.gas.saturating_sub(receipt.cost);
    left.mana = left.mana.saturating_sub(receipt.mana);
    left.exhausted = ended;
}
