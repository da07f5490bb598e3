//! Telling an observer of a portion, after its bills are settled: only then is it known how each run ended.

use super::Requests;
use crate::observe::{Observation, PolicyRun};
use eclvm_kernel::receipt::Receipt;

/// Runs that are told of at once.
const CHUNK: usize = 1_024;

/// One span for a batch, and none for its requests.
pub(super) fn span() -> tracing::Span {
    tracing::info_span!("eclvm_batch")
}

/// Tells of a portion that took `busy_ns`.
pub(super) fn tell<R: Requests + ?Sized>(
    observation: &Observation,
    requests: &R,
    receipts: &[Receipt],
    busy_ns: u64,
) {
    Telling { observation, requests, busy_ns }.tell(receipts, false);
}

/// How a portion is told of.
pub(super) struct Telling<'o, R: ?Sized> {
    pub(super) observation: &'o Observation,
    pub(super) requests: &'o R,
    /// How long all of it took, in nanoseconds.
    pub(super) busy_ns: u64,
}

impl<R: Requests + ?Sized> Telling<'_, R> {
    /// The run of each receipt, in index order.
    pub(super) fn runs<'t>(&'t self, receipts: &'t [Receipt]) -> impl Iterator<Item = PolicyRun<'t>> {
        let Telling { observation, requests, busy_ns } = self;
        let share = busy_ns / (receipts.len() as u64).max(1);
        // The first ones take a nanosecond more, so that all shares together are the whole.
        let more = usize::try_from(busy_ns % (receipts.len() as u64).max(1)).unwrap_or(0);
        receipts.iter().enumerate().map(move |(index, receipt)| PolicyRun {
            policy_id: observation.policy_id.as_deref(),
            policy_type: observation.policy_type,
            realm_id: requests.realm(index).or(observation.realm_id.as_deref()),
            outcome: receipt.outcome,
            gas: receipt.gas,
            gas_used: receipt.cost,
            mana_used: receipt.mana,
            duration_ns: share + u64::from(index < more),
        })
    }
    /// Tells of all of them; `held`: a commit has made their events durable.
    pub(super) fn tell(&self, receipts: &[Receipt], held: bool) {
        let mut all = self.runs(receipts);
        let mut runs = Vec::with_capacity(CHUNK.min(receipts.len()));
        loop {
            runs.clear();
            runs.extend(all.by_ref().take(CHUNK));
            if runs.is_empty() {
                return;
            }
            self.tell_chunk(&runs, held);
        }
    }
    #[cfg(feature = "state-host")]
    fn tell_chunk(&self, runs: &[PolicyRun<'_>], held: bool) {
        match held {
            true => self.observation.observer.on_held_chunk(runs),
            false => self.observation.observer.on_chunk(runs),
        }
    }
    #[cfg(not(feature = "state-host"))]
    fn tell_chunk(&self, runs: &[PolicyRun<'_>], _: bool) {
        self.observation.observer.on_chunk(runs);
    }
}
