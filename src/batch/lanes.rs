//! The lanes engine on one thread: requests become columns, chunks run, answers become receipts. Requests that the engine
//! leaves alone are run by the scalar engine.

use super::decisions::Part;
use super::fill::Fill;
use super::intern::Interner;
use super::parallel::Worker;
use super::prepared::Prepared;
use super::{RequestColumns, Requests};
use bumpalo::Bump;
use eclvm_kernel::lanes::{Answers, Given, InputColumn, Inputs, LanePlan, Lanes, Tally, digits, masks};
use eclvm_kernel::receipt::Receipt;
use eclvm_kernel::request::Env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

/// Whose texts, by their ids, all that is remembered goes by.
#[derive(Default)]
enum TextsOf {
    #[default]
    Nobody,
    /// Rows': the interner keeps them, so that a portion finds what the one before has left.
    Rows,
    /// Columns', dead or not. Their address is taken for as long as this stands, so that no other columns are mistaken for them.
    Columns(Weak<Prepared>),
}

/// The lanes engine of one thread, with the scalar engine beside it. [`super::Batch`] has one for each; by itself it is for
/// those who bring their own threads.
#[derive(Default)]
pub struct LaneWorker {
    lanes: Lanes,
    fill: Fill,
    interner: Interner,
    bump: Bump,
    /// Lanes of the chunk at hand, and
    took: usize,
    /// its answers, where they do not go elsewhere at once.
    taken: Vec<u64>,
    passed: Vec<u64>,
    extra: [Vec<u64>; 3],
    values: Vec<f64>,
    /// What columns of this portion came to.
    pub(super) tally: Tally,
    /// The same of one chunk.
    chunk: Tally,
    active: Vec<u64>,
    pub(super) scalar: Worker,
    /// Whether texts and answers are those of the requests at hand.
    begun: bool,
    /// Whether these are rows that fill columns field by field.
    is_typed: bool,
    of: TextsOf,
}

impl LaneWorker {
    /// A worker that has run nothing yet.
    #[must_use]
    pub fn new() -> LaneWorker {
        LaneWorker::default()
    }

    /// Runs all requests in chunks of `width`, and puts their receipts into `out` in order: those of the scalar engine.
    /// Says how many the scalar engine had to decide. `env.shared` must be None.
    pub fn run<R: Requests + ?Sized>(
        &mut self,
        plan: &LanePlan,
        requests: &R,
        width: usize,
        env: &Env<'_>,
        out: &mut Vec<Receipt>,
    ) -> usize {
        out.clear();
        // It may be another plan, and another host.
        (self.begun, self.of) = (false, TextsOf::Nobody);
        let mut replayed = 0;
        while out.len() < requests.len() {
            let from = out.len();
            let most = width.max(1).min(requests.len() - from);
            let took = self.rows(plan, requests, (from, most), env);
            for lane in 0..took {
                let receipt = match self.receipt(plan, lane, env) {
                    Some(receipt) => receipt,
                    None => {
                        replayed += 1;
                        self.scalar.run(plan.executable(), requests, from + lane, env)
                    }
                };
                out.push(receipt);
            }
        }
        replayed
    }

    /// Another portion of the same batch begins: with the same plan and the same host.
    pub(super) fn begin(&mut self) {
        self.begun = false;
        // Nobody has asked for that of a portion with receipts.
        self.tally.clear();
        self.chunk.clear();
    }

    /// Runs requests of a portion from `from` on, at most `most`, into the worker's own answers. Says how many.
    pub(super) fn rows<R: Requests + ?Sized>(
        &mut self,
        plan: &LanePlan,
        requests: &R,
        (from, most): (usize, usize),
        env: &Env<'_>,
    ) -> usize {
        self.begin_rows(plan, requests, env);
        self.make_room(plan, most);
        let job = AssertUnwindSafe(|| {
            let on_host = env.host.is_some();
            let took = self.fill_rows(plan, requests, (from, most), on_host);
            self.bump.reset();
            let given = Given {
                inputs: Inputs { columns: self.fill.columns(&self.bump), first: 0, lanes: took },
                active: &self.fill.active,
                texts: &self.interner.texts,
                arrays: &self.interner.arrays,
            };
            let [network, compute, storage] = &mut self.extra;
            let out = Answers {
                taken: self.taken.get_mut(..masks::words(took) * plan.digits()).unwrap_or(&mut []),
                passed: &mut self.passed,
                extra: [network, compute, storage],
                values: &mut self.values,
                tally: &mut self.chunk,
            };
            self.lanes.run(plan, given, env, out);
            took
        });
        match catch_unwind(job) {
            Ok(took) => {
                self.took = took;
                took
            }
            // A host's panic, or that of where requests come from: each request by itself finds out whose.
            Err(_) => {
                *self = LaneWorker::new();
                self.make_room(plan, most);
                self.took = most;
                most
            }
        }
    }

    fn begin_rows<R: Requests + ?Sized>(&mut self, plan: &LanePlan, requests: &R, env: &Env<'_>) {
        if !self.begun {
            self.fill.begin(plan.program(), env.host.is_some());
            // Fields of another policy's inputs are other fields.
            self.is_typed = requests.typed().is_some_and(|rows| {
                std::ptr::eq(rows.program(), plan.program()) || rows.program() == plan.program()
            });
        }
        if !matches!(self.of, TextsOf::Rows) || self.interner.is_filled() || self.interner.is_full() {
            self.interner.begin(plan, true);
            self.lanes.forget();
            self.of = TextsOf::Rows;
        } else if !self.begun && env.host.is_some_and(|host| !host.is_snapshot()) {
            // Asked anew in each portion, it may answer otherwise.
            self.lanes.forget();
        }
        self.begun = true;
    }

    /// Makes columns of rows: by field where they say how, else request by request. Says of how many.
    fn fill_rows<R: Requests + ?Sized>(
        &mut self,
        plan: &LanePlan,
        requests: &R,
        (from, most): (usize, usize),
        on_host: bool,
    ) -> usize {
        match requests.typed() {
            Some(rows) if self.is_typed => {
                self.fill.fill_typed(plan, &mut self.interner, rows, (from, most), on_host);
                most
            }
            _ => self.fill.fill(plan, &mut self.interner, requests, (from, most), on_host, &mut self.bump),
        }
    }

    /// Runs a chunk of rows, from request `from` on, into `part`. Where the interner has no room for all of their texts, the
    /// last ones are left to the scalar engine.
    pub(super) fn rows_into<R: Requests + ?Sized>(
        &mut self,
        plan: &LanePlan,
        requests: &R,
        from: usize,
        env: &Env<'_>,
        part: &mut Part<'_>,
    ) {
        self.begin_rows(plan, requests, env);
        let lanes = part.lanes;
        let job = AssertUnwindSafe(|| {
            let on_host = env.host.is_some();
            self.fill_rows(plan, requests, (from, lanes), on_host);
            self.bump.reset();
            let given = Given {
                inputs: Inputs { columns: self.fill.columns(&self.bump), first: 0, lanes },
                active: &self.fill.active,
                texts: &self.interner.texts,
                arrays: &self.interner.arrays,
            };
            self.lanes.run(plan, given, env, answers(part, &mut self.chunk));
        });
        let ran = catch_unwind(job).is_ok();
        self.ended(ran, part);
    }
    /// Counts a chunk; one that panicked is left to the scalar engine, which finds out whose panic it was.
    fn ended(&mut self, ran: bool, part: &mut Part<'_>) {
        if ran {
            self.tally.add(&self.chunk);
        } else {
            *self = LaneWorker { tally: std::mem::take(&mut self.tally), ..LaneWorker::new() };
            part.taken.fill(0);
            part.passed.fill(0);
        }
        self.chunk.clear();
    }

    /// Room for the columns of a portion, to be given back.
    pub(super) fn lend(&mut self) -> Bump {
        self.bump.reset();
        std::mem::take(&mut self.bump)
    }
    pub(super) fn give_back(&mut self, bump: Bump) {
        self.bump = bump;
    }

    /// Begins a portion of columns. What a host has answered is asked for anew, unless it is a snapshot, which cannot answer
    /// otherwise and does not mind; it is the same one, since a batch has one host.
    fn begin_columns(&mut self, prepared: &Arc<Prepared>, env: &Env<'_>) {
        let same =
            matches!(&self.of, TextsOf::Columns(of) if std::ptr::eq(of.as_ptr(), Arc::as_ptr(prepared)));
        if !same || env.host.is_some_and(|host| !host.is_snapshot()) {
            self.lanes.forget();
            self.of = TextsOf::Columns(Arc::downgrade(prepared));
        }
        self.begun = true;
    }

    /// Runs a chunk of columns, from request `from` on, into `part`.
    pub(super) fn columns(
        &mut self,
        plan: &LanePlan,
        inputs: &[InputColumn<'_>],
        prepared: &Arc<Prepared>,
        from: usize,
        env: &Env<'_>,
        part: &mut Part<'_>,
    ) {
        if !self.begun {
            self.begin_columns(prepared, env);
        }
        let lanes = part.lanes;
        let job = AssertUnwindSafe(|| {
            prepared.active(from, lanes, &mut self.active);
            let given = Given {
                inputs: Inputs { columns: inputs, first: from, lanes },
                active: &self.active,
                texts: prepared.texts(),
                arrays: prepared.arrays(),
            };
            self.lanes.run(plan, given, env, answers(part, &mut self.chunk));
        });
        let ran = catch_unwind(job).is_ok();
        self.ended(ran, part);
    }

    /// The same, into the worker's own answers. Says how many.
    pub(super) fn own(
        &mut self,
        plan: &LanePlan,
        columns: &RequestColumns<'_>,
        prepared: &Arc<Prepared>,
        (from, lanes): (usize, usize),
        env: &Env<'_>,
    ) -> usize {
        self.make_room(plan, lanes);
        let (mut taken, mut passed) = (std::mem::take(&mut self.taken), std::mem::take(&mut self.passed));
        let (mut extra, mut values) = (std::mem::take(&mut self.extra), std::mem::take(&mut self.values));
        let mut part = Part {
            lanes,
            taken: &mut taken,
            passed: &mut passed,
            extra: extra.each_mut().map(Vec::as_mut_slice),
            values: &mut values,
        };
        let bump = self.lend();
        self.columns(plan, prepared.columns(columns, &bump), prepared, from, env, &mut part);
        self.give_back(bump);
        (self.taken, self.passed, self.extra, self.values) = (taken, passed, extra, values);
        self.took = lanes;
        lanes
    }

    fn make_room(&mut self, plan: &LanePlan, lanes: usize) {
        for (sets, n) in [(&mut self.taken, plan.digits()), (&mut self.passed, 1)] {
            sets.clear();
            sets.resize(masks::words(lanes) * n, 0);
        }
        for (extra, wanted) in self.extra.iter_mut().zip(plan.extra()) {
            extra.clear();
            extra.resize(if wanted { lanes } else { 0 }, 0);
        }
        self.values.resize(lanes * plan.value_width(), 0.0);
    }

    /// The receipt of a lane of the worker's own answers; None where the scalar engine must make it.
    pub(super) fn receipt(&self, plan: &LanePlan, lane: usize, env: &Env<'_>) -> Option<Receipt> {
        let words = masks::words(self.took);
        let taken = self.taken.get(..words * plan.digits())?;
        let exit = plan.exits().get(digits::get(taken, words, lane)?)?;
        let mut extra = plan.fixed(env.host.is_some());
        for (sum, column) in extra.iter_mut().zip(&self.extra) {
            *sum += column.get(lane).copied().unwrap_or(0);
        }
        let width = plan.value_width();
        let value = self.values.get(lane * width..(lane + 1) * width).unwrap_or(&[]);
        let version = env.host.map_or(0, |host| host.version());
        Some(plan.receipt(exit, extra, value, &env.prices, version))
    }
}

fn answers<'a>(part: &'a mut Part<'_>, tally: &'a mut Tally) -> Answers<'a> {
    Answers {
        taken: part.taken,
        passed: part.passed,
        extra: part.extra.each_mut().map(|extra| &mut **extra),
        values: part.values,
        tally,
    }
}
