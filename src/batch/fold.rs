//! Bills of a portion, settled against the shared budget in index order.
//!
//! Requests ran under their own limits only, and each chunk has added up its bills. As long as the shared budget can pay a
//! bill in full, the receipt is the one of a run that drew on it; the first that it cannot pay is run again, drawing on it
//! for real, and all later ones are exhausted without gas of their own. Requests whose inputs are wrong stay faults and draw
//! nothing.
//!
//! Nearly always the budget can pay for the whole portion: one charge, and no receipt is looked at. Else chunk after chunk is
//! paid, and a chunk that cannot be paid as a whole, or has an open run, by halves, down to request after request.

use super::ahead::{Piece, is_out};
use super::parallel::Worker;
use super::summary::Counts;
use super::{Batch, Requests};
use eclvm_kernel::budget::{Budget, is_of_time};
use eclvm_kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm_kernel::receipt::Receipt;
use eclvm_kernel::request::Env;
use rayon::prelude::*;

/// Requests that are not settled together any more when they cannot be paid together.
const FEW: usize = 16;

/// How request after request ended.
enum End {
    /// Something may be left.
    Open,
    /// The budget is spent: whatever comes later is exhausted.
    Spent(Exhaustion),
    /// Time ran out at this request, and the budget cannot pay for it either. Whether gas or time ended the batch can no
    /// longer be told, so it is cut here.
    Cut(usize),
}

/// Settles the bills of `receipts`, which came in chunks of so many. Pieces and receipts are afterwards those that are
/// complete: fewer than before where the batch is cut.
pub(super) fn settle<R: Requests + ?Sized>(
    batch: &Batch<'_>,
    requests: &R,
    chunk: usize,
    pieces: &mut Vec<Piece>,
    receipts: &mut Vec<Receipt>,
) {
    keep_complete(chunk, pieces, receipts);
    let Some(budget) = batch.options.budget.as_deref() else { return };
    if pay_all(budget, pieces) {
        return;
    }
    let mut worker = Worker::new();
    let mut from = 0;
    for (number, group) in receipts.chunks_mut(chunk).enumerate() {
        let Some(piece) = pieces.get_mut(number) else { break };
        if pay_all(budget, std::slice::from_ref(piece)) {
            from += group.len();
            continue;
        }
        let end = by_halves(batch, budget, requests, (from, piece.open), &mut worker, group);
        let done = if let End::Cut(at) = end { at } else { group.len() };
        (piece.len, piece.counts) = (done, Counts::of(group.get(..done).unwrap_or(&[])));
        from += group.len();
        match end {
            End::Open => {}
            End::Spent(reason) => {
                exhaust(batch, reason, chunk, pieces.get_mut(number + 1..), receipts.get_mut(from..));
                break;
            }
            End::Cut(_) => {
                keep_complete(chunk, pieces, receipts);
                break;
            }
        }
    }
}

/// Keeps what is complete: everything before the first chunk that is not, and its beginning.
fn keep_complete(chunk: usize, pieces: &mut Vec<Piece>, receipts: &mut Vec<Receipt>) {
    let short = pieces.iter().position(|piece| piece.len < chunk);
    pieces.truncate(short.map_or(pieces.len(), |at| at + 1));
    receipts.truncate(pieces.iter().map(|piece| piece.len).sum());
}

/// Pays for all of these chunks at once, if none has an open run and the budget can.
pub(super) fn pay_all(budget: &Budget, pieces: &[Piece]) -> bool {
    let (mut gas, mut mana) = (0u64, 0u64);
    for piece in pieces {
        gas = gas.saturating_add(piece.counts.cost);
        mana = mana.saturating_add(piece.counts.mana);
    }
    // A sum that has come to the end may stand for more.
    let exact = gas < u64::MAX && mana < u64::MAX;
    exact && !pieces.iter().any(|piece| piece.open) && budget.try_consume_late(gas, mana)
}

/// Settles a part of a chunk that cannot be paid as a whole: halves of it, as long as they can be paid together, and at last
/// request after request. So the budget is asked a few times for each half, and not for each request.
fn by_halves<R: Requests + ?Sized>(
    batch: &Batch<'_>,
    budget: &Budget,
    requests: &R,
    (from, open): (usize, bool),
    worker: &mut Worker,
    receipts: &mut [Receipt],
) -> End {
    if receipts.len() <= FEW {
        return one_by_one(batch, budget, requests, (from, open), worker, receipts);
    }
    let middle = receipts.len() / 2;
    let (first, second) = receipts.split_at_mut(middle);
    let mut settle = |at: usize, part: &mut [Receipt]| match pay_together(budget, open, part) {
        true => End::Open,
        false => by_halves(batch, budget, requests, (from + at, open), worker, part),
    };
    match settle(0, first) {
        End::Open => match settle(middle, second) {
            End::Cut(at) => End::Cut(middle + at),
            end => end,
        },
        End::Spent(reason) => {
            second.iter_mut().for_each(|receipt| exhaust_one(receipt, reason));
            End::Spent(reason)
        }
        cut => cut,
    }
}

/// Pays for all of these at once, if none is of an open run and the budget can.
fn pay_together(budget: &Budget, open: bool, receipts: &[Receipt]) -> bool {
    if open && receipts.iter().any(is_out) {
        return false;
    }
    let Counts { cost, mana, .. } = Counts::of(receipts);
    cost < u64::MAX && mana < u64::MAX && budget.try_consume_late(cost, mana)
}

fn one_by_one<R: Requests + ?Sized>(
    batch: &Batch<'_>,
    budget: &Budget,
    requests: &R,
    (from, open): (usize, bool),
    worker: &mut Worker,
    receipts: &mut [Receipt],
) -> End {
    let env = Env { shared: Some(budget), ..batch.env() };
    let mut end = End::Open;
    for (at, receipt) in receipts.iter_mut().enumerate() {
        if let End::Spent(reason) = end {
            exhaust_one(receipt, reason);
            continue;
        }
        if !(open && is_out(receipt)) && pays(budget, receipt) {
            continue;
        }
        match budget.exhausted() {
            Some(reason) if is_of_time(reason) => return End::Cut(at),
            Some(reason) => {
                exhaust_one(receipt, reason);
                end = End::Spent(reason);
            }
            None => {
                *receipt = worker.run(batch.policy.executable(), requests, from + at, &env);
                if matches!(receipt.outcome, Outcome::Exhausted(reason) if is_of_time(reason)) {
                    return End::Cut(at);
                }
            }
        }
    }
    end
}

/// Pays one bill, if the budget can: a run that drew on the budget at this point would have given the same receipt.
pub(super) fn pays(budget: &Budget, receipt: &Receipt) -> bool {
    is_unstarted(receipt) || budget.try_consume_late(receipt.cost, receipt.mana)
}

/// Whether nothing ran: only faults of inputs have no span.
fn is_unstarted(receipt: &Receipt) -> bool {
    matches!(receipt.outcome, Outcome::Fault(_)) && receipt.span.is_none()
}

/// What becomes of a request when the budget is spent.
fn exhaust_one(receipt: &mut Receipt, reason: Exhaustion) {
    if !is_unstarted(receipt) {
        *receipt = Receipt {
            outcome: Outcome::Exhausted(reason),
            ..Receipt::unstarted(Fault::HostError, receipt.version)
        };
    }
}

/// The same for whole chunks; their order does not matter any more.
fn exhaust(
    batch: &Batch<'_>,
    reason: Exhaustion,
    chunk: usize,
    pieces: Option<&mut [Piece]>,
    receipts: Option<&mut [Receipt]>,
) {
    let (Some(pieces), Some(receipts)) = (pieces, receipts) else { return };
    batch.install(|| {
        pieces.par_iter_mut().zip(receipts.par_chunks_mut(chunk)).for_each(|(piece, group)| {
            group.iter_mut().for_each(|receipt| exhaust_one(receipt, reason));
            piece.counts = Counts::of(group);
        });
    });
}
