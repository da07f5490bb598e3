//! A portion on all threads. Each chunk takes long enough to be worth handing out, and adds up what its requests come to, so
//! that nobody has to walk all receipts again.

use super::ahead::{Ahead, Piece};
use super::decisions::Decisions;
use super::distinct::{Distinct, Recent};
use super::summary::Counts;
use super::{Batch, Engines, Portion, Requests, fold, is_timed};
use bumpalo::Bump;
use eclvm_kernel::fault::{Exhaustion, Fault};
use eclvm_kernel::receipt::Receipt;
use eclvm_kernel::request::{Clock, Env};
use eclvm_kernel::vm::{Executable, Vm};
use rayon::iter::repeat_n;
use rayon::prelude::*;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One run in so many is timed: two looks at the clock cost more than many a decision.
pub(super) const SAMPLE_EVERY: usize = 64;
/// What a chunk should take, in nanoseconds.
const CHUNK_NS: u64 = 100_000;
/// Requests of the longest chunks.
pub(super) const LONGEST: usize = 1_024;
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
        let run = AssertUnwindSafe(|| self.run_unguarded(exe, requests, index, env));
        catch_unwind(run).unwrap_or_else(|_| self.panicked())
    }
    /// The same without that: who calls it must catch the panic and say [`Worker::panicked`].
    #[inline(always)]
    fn run_unguarded<R: Requests + ?Sized>(
        &mut self,
        exe: &Executable,
        requests: &R,
        index: usize,
        env: &Env<'_>,
    ) -> Receipt {
        self.scratch.reset();
        match requests.request(index, &self.scratch) {
            Ok(request) => self.vm.run(exe, &request, env),
            Err(fault) => Receipt::unstarted(fault, env.host.map_or(0, |host| host.version())),
        }
    }
    /// What becomes of a request whose run panicked.
    #[cold]
    fn panicked(&mut self) -> Receipt {
        self.vm = Vm::new();
        Receipt::unstarted(Fault::HostError, 0)
    }
}

/// Requests per chunk: by the static gas bound, about a nanosecond or two a unit.
pub(super) fn chunk_len(policy: &crate::policy::Policy) -> usize {
    let per_run = policy.max_gas().unwrap_or(10_000).saturating_mul(2).saturating_add(50);
    usize::try_from(CHUNK_NS / per_run.min(CHUNK_NS)).unwrap_or(1).clamp(16, LONGEST)
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
        let chunk = self.chunk(n);
        let ahead = Ahead::new(self.env(), self.options.budget.as_deref(), n, chunk);
        self.make_room(n, receipts);
        let run = |(number, out): (usize, &mut [Receipt])| -> Piece {
            let (from, n) = (number * chunk, out.len());
            let (mut counts, mut room) = (Counts::default(), out.iter_mut());
            let mut piece = self.run_chunk(&ahead, requests, from..from + n, |receipt| {
                counts.add(receipt);
                if let Some(slot) = room.next() {
                    std::mem::swap(slot, receipt);
                }
            });
            piece.counts = counts;
            ahead.done(number, &piece);
            piece
        };
        let mut pieces = self.share(receipts.chunks_mut(chunk), run);
        fold::settle(self, requests, chunk, &mut pieces, receipts);
        self.portion_of(pieces, n, |decided, _| Engines::scalar(decided, why_scalar))
    }

    /// The same, each receipt that differs once in a chunk.
    pub(super) fn answer_rows<R: Requests + ?Sized>(
        &self,
        requests: &R,
        why_scalar: Option<&'static str>,
        out: &mut Decisions,
    ) -> Portion {
        let n = requests.len();
        let chunk = self.chunk(n);
        let (budget, prices) = (self.options.budget.as_deref(), self.options.prices);
        let ahead = Ahead::new(self.env(), budget, n, chunk);
        out.begin(None, (n, 0), prices, None);
        out.rows.begin(n, chunk);
        let (which, distinct) = out.rows.parts();
        let run = |(number, (which, distinct)): (usize, (&mut [u32], &mut Distinct))| -> Piece {
            let (from, n) = (number * chunk, which.len());
            let (mut recent, mut room) = (Recent::new(), which.iter_mut());
            let mut piece = self.run_chunk(&ahead, requests, from..from + n, |receipt| {
                let which = distinct.put(&mut recent, receipt);
                if let Some(slot) = room.next() {
                    *slot = which;
                }
            });
            piece.counts = distinct.counts();
            ahead.done(number, &piece);
            piece
        };
        let mut pieces = self.share(which.chunks_mut(chunk).zip(distinct), run);
        let whole = pieces.iter().take_while(|piece| piece.len == chunk).count();
        let done = pieces.iter().take(whole + 1).map(|piece| piece.len).sum();
        if done == n && budget.is_none_or(|budget| fold::pay_all(budget, &pieces)) {
            out.put_rows();
        } else {
            let mut receipts = out.rows.receipts(done);
            fold::settle(self, requests, chunk, &mut pieces, &mut receipts);
            out.put_receipts(receipts, prices);
        }
        self.portion_of(pieces, n, |decided, _| Engines::scalar(decided, why_scalar))
    }

    /// Requests of a chunk, of `n`: more than what may take long enough, as long as all threads have some chunks.
    pub(super) fn chunk(&self, n: usize) -> usize {
        (n / self.threads().saturating_mul(8).max(1)).clamp(self.grain, self.longest)
    }

    /// Decides some requests and hands their receipts over in order: all of them, or those up to where the batch is cut.
    #[inline(always)]
    fn run_chunk<R: Requests + ?Sized>(
        &self,
        ahead: &Ahead<'_>,
        requests: &R,
        chunk: Range<usize>,
        mut keep: impl FnMut(&mut Receipt),
    ) -> Piece {
        let mut piece = Piece::default();
        if self.stop().is_some() {
            return piece;
        }
        piece.samples.reserve_exact(chunk.len().div_ceil(SAMPLE_EVERY));
        let exe = self.policy.executable();
        let mut lent = self.worker();
        let worker = &mut lent.scalar;
        let mut at = chunk.start;
        while at < chunk.end {
            // Caught once for all of them: `at` says whose panic it is, and the rest is gone on with.
            let job = AssertUnwindSafe(|| {
                while at < chunk.end {
                    let began = at.is_multiple_of(SAMPLE_EVERY).then(|| self.clock.now_ns());
                    let run = |env: &Env<'_>| worker.run_unguarded(exe, requests, at, env);
                    let mut receipt = ahead.run_by(at, &mut piece.open, run);
                    if let Some(began) = began {
                        piece.samples.push(self.clock.now_ns().saturating_sub(began));
                    }
                    if is_timed(&receipt) && self.stop().is_some() {
                        return;
                    }
                    keep(&mut receipt);
                    at += 1;
                }
            });
            match catch_unwind(job) {
                Ok(()) => break,
                Err(_) => {
                    keep(&mut worker.panicked());
                    at += 1;
                }
            }
        }
        piece.len = at - chunk.start;
        self.put_back(lent);
        piece
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
        if missing <= ROOM || self.options.threads == 1 {
            receipts.resize(n, blank);
        } else {
            self.install(|| receipts.par_extend(repeat_n(blank, missing).with_min_len(ROOM)));
        }
    }
}
