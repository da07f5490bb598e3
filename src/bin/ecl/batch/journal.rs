//! A batch on a store: what it wrote and how each request ended, committed in index order.
//!
//! A batch of a policy that writes is one commit at its end, since its later requests read what earlier ones wrote. Events of
//! one that does not write are committed portion by portion: they change nothing, so nothing is half done in between.

use super::shared_limits;
use crate::args::BatchArgs;
use crate::context;
use crate::exit::Failure;
use bumpalo::Bump;
use eclvm::Policy;
use eclvm::batch::Requests;
use eclvm::durable::ErynoaHost;
use eclvm::kernel::budget::BudgetLimits;
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
    /// What the shared budget has left before the next request; None where there is none.
    left: Option<SharedLeft>,
}

impl<'b> Journal<'b> {
    pub(super) fn new(
        store: &'b ErynoaHost,
        policy: &'b Policy,
        args: &BatchArgs,
        surroundings: Surroundings,
    ) -> Journal<'b> {
        let recorder = args.record.then(|| {
            let limits = shared_limits(args);
            let shared = args.budget_gas.is_some() || args.budget_mana.is_some();
            let left = SharedLeft { gas: limits.gas_limit, mana: limits.mana_limit, exhausted: None };
            let policy = Arc::new(RecordedPolicy::new(policy.executable()));
            Recorder { policy, surroundings, left: shared.then_some(left) }
        });
        let writes = policy.effect() == EffectKind::Write;
        Journal { store, policy, transaction: store.state().begin(), writes, recorder }
    }

    /// Takes a portion in. All its receipts then name the version that the batch began on: its own writes have none yet.
    pub(super) fn take(&mut self, requests: &impl Requests, receipts: &mut [Receipt]) -> Result<(), Failure> {
        let version = self.store.view().version();
        let mut bump = Bump::new();
        for (index, receipt) in receipts.iter_mut().enumerate() {
            if receipt.version != 0 {
                receipt.version = version;
            }
            let faulty = |fault| Request { realm: ValueRef::Invalid(fault), ..Request::new(&[]) };
            let request = requests.request(index, &bump).unwrap_or_else(faulty);
            let record = self.recorder.as_mut().map(|recorder| recorder.record(&request, receipt));
            context::record(&mut self.transaction, self.policy, &request, receipt, 0.0, record)?;
            bump.reset();
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
}

/// What a shared budget has left after a receipt: bills are paid in index order, and the first that cannot be paid ends it.
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
