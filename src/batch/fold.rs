//! Bills of a portion, settled against the shared budget in index order.
//!
//! Requests ran under their own limits only. As long as the shared budget can pay a bill in full, the receipt is the one
//! of a run that drew on it; the first that it cannot pay is run again, drawing on it for real, and all later ones are
//! exhausted without gas of their own. Requests whose inputs are wrong stay faults and draw nothing.

use super::parallel::Worker;
use super::{Batch, Requests};
use eclvm_kernel::budget::{Budget, is_of_time};
use eclvm_kernel::fault::{Fault, Outcome};
use eclvm_kernel::receipt::Receipt;
use eclvm_kernel::request::Env;

/// Bills settled with one charge, as long as the budget can pay them together.
pub(super) const TOGETHER: usize = 4_096;

/// Settles the bills. Where time ran out and the budget cannot pay either, the index at which the portion ends: whether
/// gas or time ended the batch there can no longer be told, so it is cut.
pub(super) fn settle<R: Requests + ?Sized>(
    batch: &Batch<'_>,
    budget: &Budget,
    requests: &R,
    receipts: &mut [Receipt],
) -> Option<usize> {
    let mut from = 0;
    while from < receipts.len() {
        let to = receipts.len().min(from.saturating_add(batch.grain.together));
        let group = receipts.get(from..to).unwrap_or(&[]);
        let (gas, mana) = group.iter().fold((Some(0u64), Some(0u64)), |(gas, mana), r| {
            (gas.and_then(|g| g.checked_add(r.cost)), mana.and_then(|m| m.checked_add(r.mana)))
        });
        let paid = match (gas, mana) {
            (Some(gas), Some(mana)) => budget.try_consume_late(gas, mana),
            _ => false,
        };
        if !paid {
            let group = receipts.get_mut(from..to).unwrap_or(&mut []);
            if let Some(at) = one_by_one(batch, budget, requests, from, group) {
                return Some(at);
            }
        }
        from = to;
    }
    None
}

fn one_by_one<R: Requests + ?Sized>(
    batch: &Batch<'_>,
    budget: &Budget,
    requests: &R,
    from: usize,
    receipts: &mut [Receipt],
) -> Option<usize> {
    let mut worker = Worker::new();
    let env = Env { shared: Some(budget), ..batch.env() };
    for (offset, receipt) in receipts.iter_mut().enumerate() {
        if pays(budget, receipt) {
            continue;
        }
        match budget.exhausted() {
            Some(reason) if is_of_time(reason) => return Some(from + offset),
            Some(reason) => {
                *receipt = Receipt {
                    outcome: Outcome::Exhausted(reason),
                    ..Receipt::unstarted(Fault::HostError, receipt.version)
                };
            }
            None => {
                *receipt = worker.run(batch.policy.executable(), requests, from + offset, &env);
                if matches!(receipt.outcome, Outcome::Exhausted(reason) if is_of_time(reason)) {
                    return Some(from + offset);
                }
            }
        }
    }
    None
}

/// Pays one bill, if the budget can: a run that drew on the budget at this point would have given the same receipt.
pub(super) fn pays(budget: &Budget, receipt: &Receipt) -> bool {
    is_unstarted(receipt) || budget.try_consume_late(receipt.cost, receipt.mana)
}

/// Whether nothing ran: only faults of inputs have no span.
pub(super) fn is_unstarted(receipt: &Receipt) -> bool {
    matches!(receipt.outcome, Outcome::Fault(_)) && receipt.span.is_none()
}
