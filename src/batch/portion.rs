//! A portion on all threads, decided by the lanes engine; what that leaves alone, and the bills, as the scalar engine's.

use super::ahead::{Ahead, Piece, is_out, within};
use super::decisions::{Decisions, Part};
use super::lanes::LaneWorker;
use super::prepared::Prepared;
use super::share::lock;
use super::summary::Counts;
use super::{Batch, Engine, Engines, Portion, RequestColumns, Requests, fold, is_timed};
use eclvm_kernel::lanes::{LanePlan, Tally};
use eclvm_kernel::program::{Program, StdInput};
use eclvm_kernel::receipt::Receipt;
use eclvm_kernel::request::{Clock, Env};
use eclvm_kernel::types::Base;
use std::sync::Arc;

/// With fewer requests the lanes engine is not worth its columns.
const FEW: usize = 64;
/// What a task should take, in nanoseconds, at about a nanosecond for four units.
const TASK_NS: u64 = 100_000;
/// What it takes at least to make a receipt of an answer, or columns of a row, in nanoseconds.
const ROW_NS: u64 = 20;
/// Why a request was left to the scalar engine by the lanes engine.
const LEFT: &str = "some requests are unusual, cannot pay, or met a host that errs";

impl Batch<'_> {
    /// The plan, where the lanes engine is to decide; else why not, if it was not asked for.
    pub(super) fn lanes_for<R: Requests + ?Sized>(
        &self,
        requests: &R,
    ) -> Result<Arc<LanePlan>, Option<&'static str>> {
        let options = &self.options;
        match options.engine {
            Engine::Scalar => return Err(None),
            Engine::Auto if requests.len() < FEW => return Err(Some("the requests are few")),
            _ => {}
        }
        let plan = self.policy.lanes().map_err(|why| Some(why.reason()))?;
        let is_by_row = requests.columns().is_none() && requests.typed().is_none();
        if options.engine == Engine::Auto && is_by_row {
            let [by_lanes, by_scalar] = rows_ns(plan.program());
            if by_scalar < by_lanes {
                return Err(Some("making columns of these rows takes longer than deciding them"));
            }
        }
        if !options.now.is_finite() {
            return Err(Some("`now` is no number"));
        }
        if plan.may_fill_memory(&options.prices, options.limits.gas_limit) {
            return Err(Some("its loops may fill a run's memory"));
        }
        Ok(plan.clone())
    }
    /// Lanes of a chunk.
    fn width(&self, plan: &LanePlan) -> usize {
        match self.options.lanes {
            0 => plan.lanes(),
            lanes => lanes.clamp(64, 1 << 16).next_multiple_of(64),
        }
    }
    /// Chunks of a task, where each request takes so many nanoseconds besides its units.
    fn chunks(&self, plan: &LanePlan, each_ns: u64) -> usize {
        let units = self.policy.max_gas().unwrap_or(10_000).clamp(1, 1 << 20);
        let chunk_ns = (self.width(plan) as u64).saturating_mul(units + 4 * each_ns) / 4 + 1;
        usize::try_from(TASK_NS / chunk_ns).unwrap_or(1).clamp(1, 16)
    }

    /// A worker that has begun this portion.
    pub(super) fn worker(&self) -> Box<LaneWorker> {
        lock(&self.idle).pop().unwrap_or_default()
    }
    pub(super) fn put_back(&self, worker: Box<LaneWorker>) {
        lock(&self.idle).push(worker);
    }
    fn begin_workers(&self) {
        lock(&self.idle).iter_mut().for_each(|worker| worker.begin());
    }

    /// Decides a portion, a receipt for each request.
    pub(super) fn run_lanes<R: Requests + ?Sized>(
        &self,
        plan: &LanePlan,
        requests: &R,
        receipts: &mut Vec<Receipt>,
    ) -> Portion {
        let n = requests.len();
        let task = self.width(plan) * self.chunks(plan, ROW_NS);
        let ahead = Ahead::new(self.env(), self.options.budget.as_deref(), n, task);
        let prepared = requests
            .columns()
            .and_then(|columns| Some((columns, columns.prepared(plan, ahead.env.host.is_some())?)));
        self.begin_workers();
        self.make_room(n, receipts);
        let mut pieces = self.share(receipts.chunks_mut(task), |(number, out)| {
            let mut worker = self.worker();
            let piece = self.task(plan, requests, prepared, number * task, &ahead, &mut worker, out);
            ahead.done(number, &piece);
            self.put_back(worker);
            piece
        });
        fold::settle(self, requests, task, &mut pieces, receipts);
        self.portion_of(pieces, n, engines)
    }

    /// Some chunks, one after the other.
    #[expect(clippy::too_many_arguments, reason = "a closure with a name")]
    fn task<R: Requests + ?Sized>(
        &self,
        plan: &LanePlan,
        requests: &R,
        prepared: Option<(&RequestColumns<'_>, &Arc<Prepared>)>,
        from: usize,
        ahead: &Ahead<'_>,
        worker: &mut LaneWorker,
        out: &mut [Receipt],
    ) -> Piece {
        let mut piece = Piece::default();
        let env = &ahead.env;
        let began = self.clock.now_ns();
        while piece.len < out.len() {
            if self.stop().is_some() {
                return piece;
            }
            let at = from + piece.len;
            let most = self.width(plan).min(out.len() - piece.len);
            // What will only be exhausted is looked over by the scalar engine.
            let over = ahead.is_over(at);
            let took = match prepared {
                _ if over => most,
                Some((columns, prepared)) => worker.own(plan, columns, prepared, (at, most), env),
                None => worker.rows(plan, requests, (at, most), env),
            };
            for lane in 0..took {
                let made = if over { None } else { worker.receipt(plan, lane, env) };
                let receipt = match made {
                    Some(receipt) => receipt,
                    None => {
                        piece.scalar += 1;
                        let (exe, open) = (plan.executable(), &mut piece.open);
                        ahead.run(&mut worker.scalar, exe, requests, at + lane, open)
                    }
                };
                if is_timed(&receipt) && self.stop().is_some() {
                    return piece;
                }
                let slot = piece.len;
                piece.add(&receipt);
                if let Some(slot) = out.get_mut(slot) {
                    *slot = receipt;
                }
            }
        }
        let busy = self.clock.now_ns().saturating_sub(began);
        piece.samples.push(busy / (piece.len as u64).max(1));
        piece
    }

    /// Decides a portion, answers by column.
    pub(super) fn answer<R: Requests + ?Sized>(&mut self, requests: &R, out: &mut Decisions) -> Portion {
        let plan = self.lanes_for(requests);
        if let (Err(why), false) = (&plan, self.is_writing()) {
            return self.answer_rows(requests, *why, out);
        }
        let plan = plan.ok();
        let on_host = self.options.host.is_some();
        let prepared = plan.as_deref().and_then(|plan| {
            let columns = requests.columns()?;
            Some((columns, columns.prepared(plan, on_host)?))
        });
        if let Some(plan) = &plan
            && let Some(answered) = self.answer_lanes(plan, requests, prepared, out)
        {
            return answered;
        }
        let mut receipts = Vec::new();
        let portion = self.portion(requests, &mut receipts);
        out.put_receipts(receipts, self.options.prices);
        portion
    }

    /// The same by the lanes engine. None where a shared budget cannot pay all of it: then bills are settled one by one.
    fn answer_lanes<R: Requests + ?Sized>(
        &self,
        plan: &Arc<LanePlan>,
        requests: &R,
        prepared: Option<(&RequestColumns<'_>, &Arc<Prepared>)>,
        out: &mut Decisions,
    ) -> Option<Portion> {
        let n = requests.len();
        let budget = self.options.budget.as_deref();
        let own = self.options.limits;
        let env = Env { limits: within(own, budget), ..self.env() };
        let (width, chunks) =
            (self.width(plan), self.chunks(plan, if prepared.is_some() { 0 } else { ROW_NS }));
        out.begin(Some(plan), (n, width), env.prices, env.host.map(|host| host.version()));
        self.begin_workers();
        let mut parts = out.parts();
        let run = |(number, parts): (usize, &mut [Part<'_>])| -> (bool, Tally, u64) {
            let began = self.clock.now_ns();
            let mut worker = self.worker();
            let bump = worker.lend();
            let inputs = prepared.map(|(columns, prepared)| (prepared.columns(columns, &bump), prepared));
            let (mut at, mut count) = (number * chunks * width, 0);
            let mut whole = true;
            for part in parts {
                if self.stop().is_some() {
                    whole = false;
                    break;
                }
                match inputs {
                    Some((inputs, prepared)) => worker.columns(plan, inputs, prepared, at, &env, part),
                    None => worker.rows_into(plan, requests, at, &env, part),
                }
                at += part.lanes;
                count += part.lanes as u64;
            }
            let tally = std::mem::take(&mut worker.tally);
            worker.give_back(bump);
            self.put_back(worker);
            (whole, tally, self.clock.now_ns().saturating_sub(began) / count.max(1))
        };
        let done = self.share(parts.chunks_mut(chunks), run);
        drop(parts);
        if done.iter().any(|(whole, _, _)| !whole) {
            // Time is up: what is complete is found out in index order, where each request says so by itself.
            return None;
        }
        let mut tally = Tally::default();
        let mut samples = Vec::with_capacity(done.len());
        for (_, part, sample) in done {
            tally.add(&part);
            samples.push(sample);
        }
        let by_lanes: u64 = tally.exits.iter().sum();
        let mut scalar = 0;
        if by_lanes < n as u64 {
            let left = out.left();
            for (index, receipt) in left.iter().zip(self.alone(plan, requests, &left, &env)?) {
                out.put(*index, receipt);
            }
            scalar = left.len();
        }
        let counts = Counts::of_decisions(out, &tally);
        if let Some(budget) = budget {
            let Counts { cost, mana, .. } = counts;
            if cost == u64::MAX || mana == u64::MAX || !budget.try_consume_late(cost, mana) {
                return None;
            }
        }
        let engines = engines(n, scalar);
        Some(Portion { counts, samples, cut: None, engines })
    }
}

impl Batch<'_> {
    /// Receipts of requests that the lanes engine left alone, in order. None where time is up, or where one costs more than
    /// the shared budget can pay: where that ends is found out in index order.
    fn alone<R: Requests + ?Sized>(
        &self,
        plan: &LanePlan,
        requests: &R,
        left: &[usize],
        env: &Env<'_>,
    ) -> Option<Vec<Receipt>> {
        let run = |(_, indexes): (usize, &[usize])| -> Option<Vec<Receipt>> {
            let mut worker = self.worker();
            let each = |index: &usize| {
                let receipt = worker.scalar.run(plan.executable(), requests, *index, env);
                let timed = is_timed(&receipt) && self.stop().is_some();
                let poor = env.limits != self.options.limits && is_out(&receipt);
                (!timed && !poor).then_some(receipt)
            };
            let receipts = indexes.iter().map(each).collect();
            self.put_back(worker);
            receipts
        };
        let chunk = self.chunk(left.len());
        let parts: Option<Vec<_>> = self.share(left.chunks(chunk), run).into_iter().collect();
        Some(parts?.into_iter().flatten().collect())
    }
}

fn engines(n: usize, scalar: usize) -> Engines {
    let why_scalar = (scalar > 0).then_some(LEFT);
    Engines { lanes: (n - scalar) as u64, scalar: scalar as u64, why_scalar }
}

/// About what a request takes that comes as a row, in nanoseconds: by the lanes engine, for which it is made into columns
/// first, and by the scalar engine, which loads it too. To intern texts and lists is what is dear; of instructions the lanes
/// engine hardly knows how many there are. Loops are counted once, which is on the safe side.
fn rows_ns(program: &Program) -> [usize; 2] {
    let (mut by_lanes, mut by_scalar) = (16, 12);
    let standard = [StdInput::Caller, StdInput::Realm, StdInput::Trust];
    let standard = standard.into_iter().filter(|input| program.mentions(*input)).map(StdInput::ty);
    for ty in program.inputs.iter().map(|input| input.ty).chain(standard) {
        let [lanes, scalar] = match ty.base() {
            _ if ty.is_array() => [35, 25],
            Base::Text | Base::Did => [15, 8],
            Base::Trust => [12, 4],
            _ => [3, 2],
        };
        by_lanes += lanes;
        by_scalar += scalar;
    }
    [by_lanes + program.code.len() / 2, by_scalar + 4 * program.code.len()]
}
