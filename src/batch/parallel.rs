//! A portion on all threads. Each chunk takes long enough to be worth handing out, and adds up what its requests come to, so
//! that nobody has to walk all receipts again.

use super::ahead::{Ahead, Piece};
use super::summary::Counts;
use super::{Batch, Engines, Portion, Requests, fold, is_timed};
use bumpalo::Bump;
use eclvm_kernel::fault::{Exhaustion, Fault};
use eclvm_kernel::receipt::Receipt;
use eclvm_kernel::request::{Clock, Env};
use eclvm_kernel::vm::{Executable, Vm};
use rayon::iter::repeat_n;
use rayon::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One run in so many is timed: two looks at the clock cost more than many a decision.
pub(super) const SAMPLE_EVERY: usize = 64;
/// What a chunk should take, in nanoseconds.
const CHUNK_NS: u64 = 100_000;
/// Receipts whose room one thread makes at a time.
const ROOM: usize = 4_096;

/// What one thread needs.
#[derive(Default)]
pub(super) struct Worker {
    vm: Vm,
    scratch: Bump,
}

impl Worker {
    pub(super) fn new() -> Worker {
        Worker { vm: Vm::new(), scratch: Bump::new() }
    }
    /// Runs one request; a panic of its host, or of where it comes from, is a fault of this request alone.
    pub(super) fn run<R: Requests + ?Sized>(
        &mut self,
        exe: &Executable,
        requests: &R,
        index: usize,
        env: &Env<'_>,
    ) -> Receipt {
        self.scratch.reset();
        let (vm, scratch) = (&mut self.vm, &self.scratch);
        let run = AssertUnwindSafe(|| match requests.request(index, scratch) {
            Ok(request) => vm.run(exe, &request, env),
            Err(fault) => Receipt::unstarted(fault, env.host.map_or(0, |host| host.version())),
        });
        match catch_unwind(run) {
            Ok(receipt) => receipt,
            Err(_) => {
                self.vm = Vm::new();
                Receipt::unstarted(Fault::HostError, 0)
            }
        }
    }
}

/// Requests per chunk: by the static gas bound, about a nanosecond or two a unit.
pub(super) fn chunk_len(policy: &crate::policy::Policy) -> usize {
    let per_run = policy.max_gas().unwrap_or(10_000).saturating_mul(2).saturating_add(50);
    usize::try_from(CHUNK_NS / per_run.min(CHUNK_NS)).unwrap_or(1).clamp(16, 1_024)
}

impl Batch<'_> {
    pub(super) fn run_parallel<R: Requests + ?Sized>(
        &self,
        requests: &R,
        receipts: &mut Vec<Receipt>,
    ) -> Portion {
        let n = requests.len();
        let why_scalar = match self.lanes_for(requests) {
            Ok(plan) => return self.run_lanes(&plan, requests, receipts),
            Err(why) => why,
        };
        let chunk = self.grain;
        let exe = self.policy.executable();
        let ahead = Ahead::new(self.env(), self.options.budget.as_deref(), n, chunk);
        self.make_room(n, receipts);
        let run_chunk = |worker: &mut Worker, (number, out): (usize, &mut [Receipt])| -> Piece {
            let mut piece = Piece::default();
            if self.stop().is_some() {
                return piece;
            }
            piece.samples.reserve_exact(chunk.div_ceil(SAMPLE_EVERY));
            for (offset, slot) in out.iter_mut().enumerate() {
                let index = number * chunk + offset;
                let began = index.is_multiple_of(SAMPLE_EVERY).then(|| self.clock.now_ns());
                let receipt = ahead.run(worker, exe, requests, index, &mut piece.open);
                if let Some(began) = began {
                    piece.samples.push(self.clock.now_ns().saturating_sub(began));
                }
                if is_timed(&receipt) && self.stop().is_some() {
                    return piece;
                }
                piece.add(&receipt);
                *slot = receipt;
            }
            ahead.done(number, &piece);
            piece
        };
        let mut pieces: Vec<Piece> = self.install(|| {
            receipts.par_chunks_mut(chunk).enumerate().map_init(Worker::new, run_chunk).collect()
        });
        fold::settle(self, requests, chunk, &mut pieces, receipts);
        self.portion_of(pieces, n, |decided, _| Engines::scalar(decided, why_scalar))
    }

    /// What the complete pieces of `n` requests come to; `engines` is made of how many are decided, and of those that the
    /// lanes engine has left.
    pub(super) fn portion_of(
        &self,
        pieces: Vec<Piece>,
        n: usize,
        engines: impl FnOnce(usize, usize) -> Engines,
    ) -> Portion {
        let (mut decided, mut left) = (0, 0);
        let mut counts = Counts::default();
        let mut samples = Vec::with_capacity(pieces.iter().map(|piece| piece.samples.len()).sum());
        for piece in pieces {
            decided += piece.len;
            left += piece.scalar;
            counts.merge(&piece.counts);
            samples.extend(piece.samples);
        }
        let cut = if decided < n { self.stop().or(Some(Exhaustion::Cancelled)) } else { None };
        Portion { counts, samples, cut, engines: engines(decided, left.min(decided)) }
    }

    /// Room for so many receipts, to be overwritten. New memory is touched first by all threads: for one alone that takes as
    /// long as many a decision.
    pub(super) fn make_room(&self, n: usize, receipts: &mut Vec<Receipt>) {
        receipts.truncate(n);
        let missing = n - receipts.len();
        let blank = Receipt::unstarted(Fault::HostError, 0);
        if missing <= ROOM {
            receipts.resize(n, blank);
        } else {
            self.install(|| receipts.par_extend(repeat_n(blank, missing).with_min_len(ROOM)));
        }
    }
}
