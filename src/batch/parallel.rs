//! A portion on all threads. Chunks share nothing; each takes long enough to be worth handing out.

use super::{Batch, Engines, Portion, Requests, fold};
use bumpalo::Bump;
use eclvm_kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm_kernel::receipt::Receipt;
use eclvm_kernel::request::{Clock, Env};
use eclvm_kernel::vm::{Executable, Vm};
use rayon::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One run in so many is timed: two looks at the clock cost more than many a decision.
pub(super) const SAMPLE_EVERY: usize = 64;
/// What a chunk should take, in nanoseconds.
const CHUNK_NS: u64 = 100_000;

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
    pub(super) fn run_parallel<R: Requests + ?Sized>(&self, requests: &R) -> Portion {
        let n = requests.len();
        let why_scalar = match self.lanes_for(requests) {
            Ok(plan) => return self.run_lanes(&plan, requests),
            Err(why) => why,
        };
        let chunk = self.grain.chunk;
        let exe = self.policy.executable();
        let env = self.env();
        let blank = Receipt::unstarted(Fault::HostError, 0);
        let mut receipts: Vec<Receipt> = vec![blank; n];
        // Per chunk: how many of its requests are decided, and the sampled times.
        let run_chunk = |worker: &mut Worker, (number, out): (usize, &mut [Receipt])| -> (usize, Vec<u64>) {
            let mut samples = Vec::new();
            if self.stop().is_some() {
                return (0, samples);
            }
            for (offset, slot) in out.iter_mut().enumerate() {
                let index = number * chunk + offset;
                let began = index.is_multiple_of(SAMPLE_EVERY).then(|| self.clock.now_ns());
                *slot = worker.run(exe, requests, index, &env);
                if let Some(began) = began {
                    samples.push(self.clock.now_ns().saturating_sub(began));
                }
                if matches!(slot.outcome, Outcome::Exhausted(Exhaustion::Timeout | Exhaustion::Cancelled))
                    && self.stop().is_some()
                {
                    return (offset, samples);
                }
            }
            (out.len(), samples)
        };
        let results: Vec<(usize, Vec<u64>)> = self.install(|| {
            receipts.par_chunks_mut(chunk).enumerate().map_init(Worker::new, run_chunk).collect()
        });
        // Cut behind the last chunk before which all are complete.
        let mut complete = 0;
        let mut samples = Vec::new();
        for (decided, times) in results {
            complete += decided;
            samples.extend(times);
            if decided < chunk {
                break;
            }
        }
        receipts.truncate(complete);
        if let Some(budget) = self.options.budget.as_deref()
            && let Some(at) = fold::settle(self, budget, requests, &mut receipts)
        {
            receipts.truncate(at);
        }
        let cut = if receipts.len() < n { self.stop().or(Some(Exhaustion::Cancelled)) } else { None };
        let engines = Engines::scalar(receipts.len(), why_scalar);
        Portion { receipts, samples, cut, engines }
    }
}
