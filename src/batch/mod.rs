//! Batches: many requests to one policy, on all cores, with the receipts of running them one after the other.
//!
//! [`Batch`] takes requests in portions, in order, so that a file larger than memory can be decided; what one portion
//! spends or writes is there for the next. `parallel` runs a portion on rayon (`share` hands out its tasks), before it is each request's turn (`ahead`); `fold`
//! settles its bills in index order; `writing` runs policies that write, `sequential` what of them must wait for its turn. [`RequestColumns`] holds requests by
//! column. `on_state` commits a whole batch to a state, as one version.
//!
//! Two engines decide, with the same receipts. The scalar engine takes requests one by one; the lanes engine takes a
//! thousand at a time and needs them in columns: `prepared` looks over columns that are there, `fill` makes them of rows
//! (of structs field by field, `rows`), `intern` gives texts their ids (`asked` one for many),  `lanes` runs chunks, `decisions` holds answers by column. [`Engine`] says which is wanted;
//! [`Summary::engines`] which it was, and why.

mod ahead;
mod asked;
mod columns;
mod decisions;
mod distinct;
mod fill;
mod fold;
mod intern;
mod lanes;
mod noted;
mod observed;
#[cfg(feature = "state-host")]
mod on_state;
mod pace;
mod parallel;
mod portion;
mod prepared;
mod rows;
mod sequential;
mod share;
mod summary;
mod writing;

pub use columns::{
    Column, ColumnError, ColumnValue, Lists, Offsets, Optional, OwnedColumn, RequestColumns, Strings,
    Validity,
};
pub use decisions::Decisions;
pub use lanes::LaneWorker;
#[cfg(feature = "state-host")]
pub use on_state::{StateBatch, StateBatchError, run_on_state, run_on_state_observed};
pub use rows::{RowValue, Rows};
pub use summary::{Engines, Latency, Summary};

use crate::clock::SystemClock;
use crate::host::OverlayHost;
use crate::observe::Observation;
use crate::policy::Policy;
use bumpalo::Bump;
use eclvm_kernel::budget::{Budget, BudgetLimits, is_of_time};
use eclvm_kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm_kernel::gas::Prices;
use eclvm_kernel::host::HostInterface;
use eclvm_kernel::program::{EffectKind, Program};
use eclvm_kernel::receipt::Receipt;
use eclvm_kernel::request::{Clock, Env, Request};
use eclvm_kernel::value::ValueRef;
use std::sync::{Arc, Mutex};
use summary::Counts;

/// Where a portion of requests comes from. Called from several threads at once.
pub trait Requests: Sync {
    /// How many there are.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The request at `index`; what it needs beyond `self` may be put on `bump`. Err where there is none to be had (a
    /// line that is no JSON): the fault that stands in its place. Asked more than once for some, where the policy writes or the lanes
    /// engine leaves a request to the scalar engine.
    fn request<'a>(&'a self, index: usize, bump: &'a Bump) -> Result<Request<'a>, Fault>;
    /// The realm of the request at `index`, for who observes the batch, where it can be told without making the request.
    fn realm(&self, _index: usize) -> Option<&str> {
        None
    }
    /// The same requests by column, where they are.
    fn columns(&self) -> Option<&RequestColumns<'_>> {
        None
    }
    /// The same requests field by field, where they are [`Rows`].
    #[doc(hidden)]
    fn typed(&self) -> Option<&dyn TypedRows> {
        None
    }
}

/// Rows that fill columns field by field. Inputs are counted as the program has them, then caller, realm, trust.
#[doc(hidden)]
pub trait TypedRows: Sync {
    /// The program whose inputs these are.
    fn program(&self) -> &Program;
    /// Whether an input is given.
    fn has(&self, input: usize) -> bool;
    /// Puts an input of rows from `from` on, at most 64, into a column; the bits of those that are unusual.
    fn fill(&self, input: usize, from: usize, most: usize, filling: fill::Filling<'_>) -> u64;
}

impl Requests for [Request<'_>] {
    fn len(&self) -> usize {
        <[Request<'_>]>::len(self)
    }
    fn request<'a>(&'a self, index: usize, _: &'a Bump) -> Result<Request<'a>, Fault> {
        self.get(index).copied().ok_or(Fault::TypeMismatch)
    }
    fn realm(&self, index: usize) -> Option<&str> {
        match self.get(index)?.realm {
            ValueRef::Text(realm) => Some(realm),
            _ => None,
        }
    }
}

/// Which engine decides. Receipts are the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Engine {
    /// The lanes engine where it can run the policy, there are enough requests and they come by column or as [`Rows`], or
    /// making columns of them takes less than the scalar engine would take by an estimate; else the scalar engine.
    #[default]
    Auto,
    /// One request at a time.
    Scalar,
    /// Many requests at a time, however few there are; what this engine cannot run, the scalar engine does.
    Lanes,
}

/// What a batch runs in.
#[derive(Clone)]
pub struct BatchOptions<'e> {
    /// The world; None where there is no host state.
    pub host: Option<&'e dyn HostInterface>,
    /// Whether writes and events are granted.
    pub allow_writes: bool,
    /// The standard input `now`, one for the whole batch.
    pub now: f64,
    /// Limits of each run.
    pub limits: BudgetLimits,
    /// What units cost, for the whole batch.
    pub prices: Prices,
    /// A budget that all runs share; its timeout runs from the start of the batch, and cancelling it cuts the batch.
    pub budget: Option<Arc<Budget>>,
    /// Threads to run on, the caller's among them; 0 for as many as rayon's current pool has, with that pool's help.
    pub threads: usize,
    /// Which engine decides.
    pub engine: Engine,
    /// Requests that the lanes engine takes at a time, rounded up to a multiple of 64; 0 for what suits the policy (1 024
    /// to 4 096).
    pub lanes: usize,
}

impl Default for BatchOptions<'_> {
    fn default() -> Self {
        BatchOptions {
            host: None,
            allow_writes: false,
            now: 0.0,
            limits: BudgetLimits::default(),
            prices: Prices::default(),
            budget: None,
            threads: 0,
            engine: Engine::Auto,
            lanes: 0,
        }
    }
}

/// Where time ran out, or somebody cancelled: everything before `at` is complete, nothing after it has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The index of the first request that was not decided, counted from the start of the batch.
    pub at: u64,
    /// Timeout or Cancelled.
    pub reason: Exhaustion,
}

/// Why a batch could not start.
#[derive(Debug)]
pub struct PoolError(String);

impl std::fmt::Display for PoolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no threads to run on: {}", self.0)
    }
}
impl std::error::Error for PoolError {}

/// A batch under way.
///
/// ```
/// use eclvm::batch::{Batch, BatchOptions};
/// use eclvm::kernel::request::Request;
/// use eclvm::kernel::value::ValueRef;
///
/// let policy = eclvm::Policy::compile("amount <= 100").unwrap();
/// let rows = [[ValueRef::Number(20.0)], [ValueRef::Number(200.0)]];
/// let requests: Vec<Request<'_>> = rows.iter().map(|row| Request::new(row)).collect();
/// let mut batch = Batch::new(&policy, BatchOptions::default()).unwrap();
/// let receipts = batch.run(requests.as_slice()).unwrap();
/// assert!(receipts[0].passed() && !receipts[1].passed());
/// assert_eq!(batch.summary().allow, 1);
/// ```
pub struct Batch<'e> {
    policy: Policy,
    options: BatchOptions<'e>,
    pool: Option<rayon::ThreadPool>,
    clock: SystemClock,
    deadline_ns: Option<u64>,
    done: u64,
    cut: Option<Cut>,
    summary: Summary,
    /// Requests that one thread takes at a time. It cannot be seen in receipts.
    grain: usize,
    /// The same at most, where there are many.
    longest: usize,
    pace: pace::Pace,
    /// The host as those writes have left it; made when a policy writes.
    overlay: Option<OverlayHost<'e>>,
    observation: Option<Observation>,
    span: tracing::Span,
    /// Workers that have nothing to do.
    #[expect(
        clippy::vec_box,
        reason = "a worker has 2 KiB of registers in it and is taken and put back for each chunk"
    )]
    idle: Mutex<Vec<Box<LaneWorker>>>,
}

impl<'e> Batch<'e> {
    /// Starts a batch: its clock runs from here.
    pub fn new(policy: &Policy, options: BatchOptions<'e>) -> Result<Batch<'e>, PoolError> {
        let pool = match options.threads {
            0 => None,
            n => {
                let built = rayon::ThreadPoolBuilder::new().num_threads(n).build();
                Some(built.map_err(|error| PoolError(error.to_string()))?)
            }
        };
        Ok(Batch::with_pool(policy, options, pool))
    }
    fn with_pool(policy: &Policy, options: BatchOptions<'e>, pool: Option<rayon::ThreadPool>) -> Batch<'e> {
        let clock = SystemClock::new();
        let overlay = options.host.map(OverlayHost::new);
        let timeout = options.budget.as_ref().map(|b| b.limits().timeout_ms);
        let deadline_ns = timeout.map(|ms| clock.now_ns().saturating_add(ms.saturating_mul(1_000_000)));
        Batch {
            policy: policy.clone(),
            options,
            pool,
            clock,
            deadline_ns,
            done: 0,
            cut: None,
            summary: Summary::default(),
            grain: parallel::chunk_len(policy),
            longest: parallel::LONGEST,
            pace: pace::Pace::default(),
            overlay,
            observation: None,
            span: observed::span(),
            idle: Mutex::default(),
        }
    }

    /// Tells an observer of every run from here on, in index order, chunk by chunk, when a portion is done. A run's duration
    /// is then its share of its portion.
    pub fn observed(self, observation: Observation) -> Batch<'e> {
        Batch { observation: Some(observation), ..self }
    }

    /// For tests: requests per chunk, whose bills are settled together. Small ones make rare paths common; the receipts are
    /// the same.
    #[doc(hidden)]
    pub fn set_grain(&mut self, chunk: usize) {
        self.grain = chunk.max(1);
        self.longest = self.grain;
    }

    /// For tests and benchmarks: requests of writing policies that were speculated on, and those of them that were
    /// overtaken.
    #[doc(hidden)]
    pub fn guessed(&self) -> [u64; 2] {
        self.pace.seen
    }
    /// The host as the requests so far have left it; None without one.
    pub fn host(&self) -> Option<&OverlayHost<'e>> {
        self.overlay.as_ref()
    }

    /// Decides a portion: receipts in index order. Err where the batch is cut: the receipts up to there, and where.
    pub fn run<R: Requests + ?Sized>(&mut self, requests: &R) -> Result<Vec<Receipt>, (Vec<Receipt>, Cut)> {
        let mut receipts = Vec::new();
        match self.run_into(requests, &mut receipts) {
            Ok(()) => Ok(receipts),
            Err(cut) => Err((receipts, cut)),
        }
    }

    /// As [`Batch::run`], in the room that `receipts` has; what was in there is overwritten. A receipt takes 88 bytes, and
    /// memory that is new takes longer to touch than many a decision: portions of some ten thousand requests that share
    /// their room are decided quicker than all at once.
    ///
    /// # Errors
    ///
    /// Where the batch is cut; `receipts` are those up to there.
    pub fn run_into<R: Requests + ?Sized>(
        &mut self,
        requests: &R,
        receipts: &mut Vec<Receipt>,
    ) -> Result<(), Cut> {
        if let Some(cut) = self.cut {
            receipts.clear();
            return Err(cut);
        }
        let span = self.span.clone();
        let _within = span.enter();
        let began = self.clock.now_ns();
        let Portion { counts, samples, cut, engines } = self.portion(requests, receipts);
        let busy_ns = self.clock.now_ns().saturating_sub(began);
        self.summary.count(&counts, &samples, busy_ns);
        self.summary.engines.add(engines);
        if let Some(observation) = &self.observation {
            observed::tell(observation, requests, receipts, busy_ns);
        }
        self.ended(receipts.len(), cut).map_or(Ok(()), Err)
    }

    /// As [`Batch::run`], with the answers by column: a receipt is made when it is asked for, which is most of the time that
    /// a plain policy takes.
    pub fn decide<R: Requests + ?Sized>(&mut self, requests: &R) -> Result<Decisions, Box<(Decisions, Cut)>> {
        let mut decisions = Decisions::default();
        match self.decide_into(requests, &mut decisions) {
            Ok(()) => Ok(decisions),
            Err(cut) => Err(Box::new((decisions, cut))),
        }
    }

    /// As [`Batch::decide`], in the room that `decisions` has.
    pub fn decide_into<R: Requests + ?Sized>(
        &mut self,
        requests: &R,
        decisions: &mut Decisions,
    ) -> Result<(), Cut> {
        if let Some(cut) = self.cut {
            decisions.clear();
            return Err(cut);
        }
        let span = self.span.clone();
        let _within = span.enter();
        let began = self.clock.now_ns();
        let Portion { counts, samples, cut, engines } = self.answer(requests, decisions);
        let busy_ns = self.clock.now_ns().saturating_sub(began);
        self.summary.count(&counts, &samples, busy_ns);
        self.summary.engines.add(engines);
        if let Some(observation) = &self.observation {
            let receipts: Vec<Receipt> = decisions.receipts().collect();
            observed::tell(observation, requests, &receipts, busy_ns);
        }
        self.ended(decisions.len(), cut).map_or(Ok(()), Err)
    }

    fn portion<R: Requests + ?Sized>(&mut self, requests: &R, receipts: &mut Vec<Receipt>) -> Portion {
        if self.is_writing() {
            self.run_writing(requests, receipts)
        } else {
            self.run_parallel(requests, receipts)
        }
    }

    /// Whether what one request writes is there for the next.
    fn is_writing(&self) -> bool {
        self.policy.effect() == EffectKind::Write && self.options.allow_writes
    }

    /// Counts what was done; says where the batch is cut, if it is.
    fn ended(&mut self, done: usize, cut: Option<Exhaustion>) -> Option<Cut> {
        self.done += done as u64;
        let at = self.done;
        self.cut = cut.map(|reason| Cut { at, reason });
        self.cut
    }

    /// Counts and latencies so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }
    /// How many threads run it.
    pub fn threads(&self) -> usize {
        self.pool.as_ref().map_or_else(rayon::current_num_threads, rayon::ThreadPool::current_num_threads)
    }
    /// Runs `work` on the batch's threads, for what goes with a portion (formatting receipts, say).
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// What a single run of this batch runs in, its shared budget left aside.
    fn env<'s>(&'s self) -> Env<'s> {
        Env {
            host: self.options.host,
            allow_writes: self.options.allow_writes,
            now: self.options.now,
            limits: self.options.limits,
            prices: self.options.prices,
            shared: None,
            watch: self.options.budget.as_deref(),
            deadline_ns: self.deadline_ns,
            clock: &self.clock,
        }
    }

    /// Why the batch must end now, if it must.
    fn stop(&self) -> Option<Exhaustion> {
        let budget = self.options.budget.as_deref()?;
        match budget.exhausted() {
            Some(reason @ (Exhaustion::Cancelled | Exhaustion::Timeout)) => Some(reason),
            _ if self.deadline_ns.is_some_and(|deadline| self.clock.now_ns() > deadline) => {
                Some(budget.exhaust(Exhaustion::Timeout))
            }
            _ => None,
        }
    }
}

/// Whether time, or somebody, ended a run.
fn is_timed(receipt: &Receipt) -> bool {
    matches!(receipt.outcome, Outcome::Exhausted(reason) if is_of_time(reason))
}

/// What came of a portion.
struct Portion {
    /// What its receipts come to.
    counts: Counts,
    /// Nanoseconds of some of its runs.
    samples: Vec<u64>,
    cut: Option<Exhaustion>,
    engines: Engines,
}
