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

pub(super) fn tell<R: Requests + ?Sized>(
    observation: &Observation,
    requests: &R,
    receipts: &[Receipt],
    busy_ns: u64,
) {
    let share = busy_ns / (receipts.len() as u64).max(1);
    // The first ones take a nanosecond more, so that all shares together are the whole.
    let more = usize::try_from(busy_ns % (receipts.len() as u64).max(1)).unwrap_or(0);
    let mut runs = Vec::with_capacity(CHUNK.min(receipts.len()));
    for (number, chunk) in receipts.chunks(CHUNK).enumerate() {
        runs.clear();
        runs.extend(chunk.iter().enumerate().map(|(offset, receipt)| {
            let index = number * CHUNK + offset;
            PolicyRun {
                policy_id: observation.policy_id.as_deref(),
                policy_type: observation.policy_type,
                realm_id: requests.realm(index).or(observation.realm_id.as_deref()),
                outcome: receipt.outcome,
                gas: receipt.gas,
                gas_used: receipt.cost,
                mana_used: receipt.mana,
                duration_ns: share + u64::from(index < more),
            }
        }));
        observation.observer.on_chunk(&runs);
    }
}
