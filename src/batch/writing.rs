//! Policies that write, on all threads, with the receipts of running them one after the other.
//!
//! A portion is decided in waves.
//!
//! - *Speculate.* The requests of a wave run on all threads, each over the host as the last wave has left it, under its own
//!   limits, and what each reads is noted.
//! - *Settle.* In index order, by one thread: a request whose reads no earlier request of its wave has overtaken would have
//!   read the same, and so done the same, at its turn. It is paid for, and what it wrote is there for later ones. A request
//!   that was overtaken, or that the shared budget cannot pay, is decided again at its turn, drawing on that budget itself.
//!
//! So every receipt is one that the run at its turn has given or would have given, whatever the number of threads and
//! the length of waves; only time is spent on guesses that came to nothing. `pace` keeps that small: where many requests
//! are overtaken it decides in order, and looks now and then whether it has become better.

use super::ahead::within;
use super::noted::{Keys, NotedHost, UNKNOWN_VERSION, overtaken};
use super::pace::Pace;
use super::parallel::{SAMPLE_EVERY, Worker};
use super::sequential::InOrder;
use super::{Batch, Portion, Requests, fold, is_timed};
use crate::host::OverlayHost;
use eclvm_kernel::budget::{Budget, BudgetLimits};
use eclvm_kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm_kernel::host::HostInterface;
use eclvm_kernel::limits::MAX_GUESS_MS;
use eclvm_kernel::receipt::Receipt;
use eclvm_kernel::request::{Clock, Env};
use foldhash::HashSet;
use rayon::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the speculative runs of a chunk have read and written.
#[derive(Default)]
struct Notes {
    keys: Vec<u64>,
    /// For each run, where its reads end and where its writes end.
    ends: Vec<[usize; 2]>,
    samples: Vec<u64>,
}

impl Notes {
    /// Reads and writes of a run; None where it did not run.
    fn of(&self, at: usize) -> Option<(&[u64], &[u64])> {
        let [reads, writes] = *self.ends.get(at)?;
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |[_, end]| *end);
        Some((self.keys.get(from..reads)?, self.keys.get(reads..writes)?))
    }
}

/// Requests that are speculated on together.
struct Wave {
    from: usize,
    chunk: usize,
    /// Limits of each run, see [`brief`].
    limits: BudgetLimits,
}

impl<'e> Batch<'e> {
    /// Decides a portion of a policy that writes.
    pub(super) fn run_writing<R: Requests + ?Sized>(
        &mut self,
        requests: &R,
        receipts: &mut Vec<Receipt>,
    ) -> Portion {
        let overlay = self.overlay.take();
        let mut pace = self.pace;
        let mut turn = InOrder::new(self, requests, overlay);
        receipts.clear();
        receipts.reserve(requests.len());
        let ended = self.in_waves(&mut turn, requests, &mut pace, receipts);
        let (portion, overlay) = turn.portion(receipts, ended.err());
        self.overlay = overlay;
        self.pace = pace;
        portion
    }

    fn in_waves<'b, R: Requests + ?Sized>(
        &'b self,
        turn: &mut InOrder<'b, 'e, R>,
        requests: &R,
        pace: &mut Pace,
        receipts: &mut Vec<Receipt>,
    ) -> Result<(), Exhaustion> {
        let n = requests.len();
        let threads = self.threads();
        let base = turn.overlay.as_ref().map(OverlayHost::base);
        // Without its number no receipt could be completed: then nothing is speculated on.
        let base_version = catch_unwind(AssertUnwindSafe(|| base.map_or(0, |host| host.version())));
        let keys = Keys::default();
        let mut written = HashSet::default();
        while receipts.len() < n {
            let from = receipts.len();
            let budget = self.options.budget.as_deref();
            let spent = budget.is_some_and(|budget| budget.exhausted().is_some());
            let wave = pace.wave(n - from, self.grain, threads);
            let (Ok(version), Some((len, chunk)), false) = (&base_version, wave, spent) else {
                receipts.push(turn.decide(from)?);
                continue;
            };
            if let Some(reason) = self.stop() {
                return Err(reason);
            }
            let limits = brief(self.options.limits, budget);
            let wave = Wave { from, chunk, limits };
            receipts.resize(from + len, Receipt::unstarted(Fault::HostError, 0));
            let guessed = receipts.get_mut(from..).unwrap_or(&mut []);
            let notes = self.speculate(&wave, requests, turn.overlay.as_ref(), &keys, guessed);
            written.clear();
            match self.settle(&wave, turn, &notes, *version, (&keys, &mut written), guessed) {
                Ok(again) => pace.learn(len, again, threads),
                Err((settled, reason)) => {
                    receipts.truncate(from + settled);
                    return Err(reason);
                }
            }
            turn.samples.extend(notes.into_iter().flat_map(|notes| notes.samples));
        }
        Ok(())
    }

    /// Runs a wave on all threads; what each chunk of it has read and written.
    fn speculate<R: Requests + ?Sized>(
        &self,
        wave: &Wave,
        requests: &R,
        overlay: Option<&OverlayHost<'_>>,
        keys: &Keys,
        receipts: &mut [Receipt],
    ) -> Vec<Notes> {
        let exe = self.policy.executable();
        let fresh = || (Worker::new(), overlay.map(|overlay| NotedHost::new(overlay, keys)));
        let run_chunk = |(worker, host): &mut (Worker, Option<NotedHost<'_>>),
                         (number, out): (usize, &mut [Receipt])| {
            let mut notes = Notes::default();
            if self.stop().is_some() {
                return notes;
            }
            let noted = host.as_ref();
            let host = noted.map(|host| host as &dyn HostInterface);
            let env = Env { host, limits: wave.limits, ..self.env() };
            for (offset, slot) in out.iter_mut().enumerate() {
                let index = wave.from + number * wave.chunk + offset;
                let began = index.is_multiple_of(SAMPLE_EVERY).then(|| self.clock.now_ns());
                *slot = worker.run(exe, requests, index, &env);
                if let Some(began) = began {
                    notes.samples.push(self.clock.now_ns().saturating_sub(began));
                }
                if let Some(noted) = noted {
                    noted.take(&mut notes.keys);
                }
                let reads = notes.keys.len();
                keys.written(slot.effects(), |key| notes.keys.push(key));
                notes.ends.push([reads, notes.keys.len()]);
                if is_timed(slot) && self.stop().is_some() {
                    break;
                }
            }
            notes
        };
        self.install(|| receipts.par_chunks_mut(wave.chunk).enumerate().map_init(fresh, run_chunk).collect())
    }

    /// Settles a wave in index order. How many were decided again since they were overtaken; Err where the batch must
    /// end, with the number of those settled.
    fn settle<'b, R: Requests + ?Sized>(
        &'b self,
        wave: &Wave,
        turn: &mut InOrder<'b, 'e, R>,
        notes: &[Notes],
        base_version: u64,
        (keys, written): (&Keys, &mut HashSet<u64>),
        receipts: &mut [Receipt],
    ) -> Result<usize, (usize, Exhaustion)> {
        let budget = self.options.budget.as_deref();
        let own = self.options.limits;
        let tight = wave.limits.gas_limit < own.gas_limit || wave.limits.mana_limit < own.mana_limit;
        let hasty = wave.limits.timeout_ms < own.timeout_ms;
        let mut again = 0;
        for (at, receipt) in receipts.iter_mut().enumerate() {
            let notes = notes.get(at / wave.chunk).and_then(|notes| notes.of(at % wave.chunk));
            // What was done before time ran out counts; nothing more is begun.
            if (notes.is_none() || is_timed(receipt))
                && let Some(reason) = self.stop()
            {
                return Err((at, reason));
            }
            let stale = notes.is_none_or(|(reads, _)| overtaken(reads, written));
            again += usize::from(stale);
            // Ended by the limits of a guess rather than by its own: only a run at its turn can tell.
            let untold = match receipt.outcome {
                Outcome::Exhausted(Exhaustion::OutOfGas | Exhaustion::OutOfMana) => tight,
                Outcome::Exhausted(Exhaustion::Timeout) => hasty,
                Outcome::Exhausted(Exhaustion::Cancelled) => true,
                _ => false,
            };
            if !stale && !untold && budget.is_none_or(|budget| fold::pays(budget, receipt)) {
                if let (Some(overlay), UNKNOWN_VERSION) = (&turn.overlay, receipt.version) {
                    receipt.version = overlay.version_over(base_version);
                }
                written.extend(notes.iter().flat_map(|(_, writes)| *writes));
                turn.commit(receipt);
            } else {
                *receipt = turn.decide(wave.from + at).map_err(|reason| (at, reason))?;
                keys.written(receipt.effects(), |key| {
                    written.insert(key);
                });
            }
        }
        Ok(again)
    }
}

/// Limits of a guess: [`within`], and not much time, for it can go astray on what was true before the wave, where the run at
/// its turn comes to an end.
fn brief(own: BudgetLimits, budget: Option<&Budget>) -> BudgetLimits {
    BudgetLimits { timeout_ms: own.timeout_ms.min(MAX_GUESS_MS), ..within(own, budget) }
}
