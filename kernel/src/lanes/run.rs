//! A chunk from its first block to its last exit: how blocks follow each other, how lanes leave, what is looked at on the
//! way. What instructions do stands in `compute`, `search` and `hosts`.

use super::border::{Answers, Given};
use super::columns::{Arg, Col, Columns, InputColumn, NULL};
use super::gas::{Bill, NETWORK};
use super::loops::Loop;
use super::memos::Memos;
use super::plan::{Block, Code, Edge, LaneOp, LanePlan, NEGATED, NOWHERE};
use super::recall::{Note, Recall};
use super::{masks, ops};
use crate::budget::is_of_time;
use crate::gas::GasUnits;
use crate::limits::TICKS_PER_LOOK;
use crate::request::Env;

/// What the lanes engine keeps from chunk to chunk: room for columns, and what hosts have answered. One per thread.
#[derive(Debug, Default)]
pub struct Lanes {
    pub(super) columns: Columns,
    pub(super) bill: Bill,
    /// For each block, the lanes that wait for it.
    pub(super) pending: Vec<u64>,
    pub(super) waiting: Vec<bool>,
    /// Lanes that have not left.
    pub(super) live: Vec<u64>,
    /// Lanes that run the current block.
    pub(super) mask: Vec<u64>,
    /// What a test answered.
    pub(super) test: Vec<u64>,
    /// Another set, for tests of several parts.
    pub(super) more: Vec<u64>,
    /// A byte for each lane.
    pub(super) bytes: Vec<u8>,
    pub(super) memos: Memos,
    /// What is known of each loop, and the lanes noted of the one that runs.
    pub(super) recalls: Vec<Recall>,
    pub(super) notes: Vec<Note>,
}

/// A chunk under way.
pub(super) struct Run<'r> {
    pub(super) s: &'r mut Lanes,
    pub(super) plan: &'r LanePlan,
    pub(super) given: Given<'r>,
    pub(super) env: &'r Env<'r>,
    pub(super) out: Answers<'r>,
    /// What a lane may cost, where that is not known to be enough.
    pub(super) limit: Option<u64>,
    ticks: u64,
    /// When the clock was first looked at.
    started: Option<u64>,
    /// Lanes end here; the scalar engine runs those that have not left.
    pub(super) abandoned: bool,
    /// Whether `mask` is all that is live.
    pub(super) all: bool,
    /// The loop that runs, of those that are remembered.
    pub(super) looping: Option<(usize, &'r Loop)>,
}

impl Lanes {
    /// An engine that has run nothing yet.
    #[must_use]
    pub fn new() -> Lanes {
        Lanes::default()
    }
    /// Forgets what hosts have answered and what loops came to: for another world, another plan or another dictionary.
    pub fn forget(&mut self) {
        self.memos.clear();
        self.recalls.iter_mut().for_each(Recall::clear);
    }
    /// The lanes that wait for a block.
    pub(super) fn waiting_for(&self, block: u32) -> &[u64] {
        let (words, at) = (self.live.len(), block as usize);
        self.pending.get(at * words..(at + 1) * words).unwrap_or(&[])
    }
    /// Makes `set` the lanes that wait for a block.
    pub(super) fn wait_only(&mut self, block: u32, set: &[u64]) {
        let (words, at) = (self.live.len(), block as usize);
        if let Some(pending) = self.pending.get_mut(at * words..(at + 1) * words) {
            pending.copy_from_slice(set);
        }
        self.waiting.get_mut(at).into_iter().for_each(|waits| *waits = masks::any(set));
    }
    pub(super) fn is_waiting(&self, block: usize) -> bool {
        self.waiting.get(block) == Some(&true)
    }
    /// Runs a chunk. Lanes without an exit have not been decided, and the scalar engine must run them: a lane
    /// that cannot pay, a host that errs, a chunk that takes too long. `env.shared` is not drawn on. Never panics,
    /// unless the host does; then `self` must be made anew.
    pub fn run(&mut self, plan: &LanePlan, given: Given<'_>, env: &Env<'_>, out: Answers<'_>) {
        run(self, plan, given, env, out);
    }
}

fn run(s: &mut Lanes, plan: &LanePlan, given: Given<'_>, env: &Env<'_>, out: Answers<'_>) {
    // What none of the requests survives, or only the scalar engine can count.
    let unfit = env.shared.is_some() || !env.now.is_finite();
    if unfit || plan.may_fill_memory(&env.prices, env.limits.gas_limit) {
        return;
    }
    let bound = plan.bound().cost(&env.prices);
    let enough = bound.is_some_and(|cost| cost <= env.limits.gas_limit);
    let mut run = Run {
        s,
        plan,
        given,
        env,
        out,
        limit: (!enough).then_some(env.limits.gas_limit),
        ticks: TICKS_PER_LOOK,
        started: None,
        abandoned: false,
        all: true,
        looping: None,
    };
    run.begin();
    run.blocks();
    run.read_bill();
}

impl Run<'_> {
    fn begin(&mut self) {
        let lanes = self.given.inputs.lanes;
        let words = masks::words(lanes);
        let s = &mut *self.s;
        s.columns.begin(self.plan.columns as usize, self.plan.truths as usize, lanes);
        s.bill.begin(lanes);
        s.memos.begin(self.plan.memos as usize);
        for set in [&mut s.live, &mut s.mask, &mut s.test] {
            set.clear();
            set.resize(words, 0);
        }
        s.live.iter_mut().zip(self.given.active).for_each(|(live, active)| *live = *active);
        s.pending.clear();
        s.pending.resize(words * self.plan.blocks.len(), 0);
        s.waiting.clear();
        s.waiting.resize(self.plan.blocks.len(), false);
        if let (Some(first), Some(waits)) = (s.pending.get_mut(..words), s.waiting.first_mut()) {
            first.copy_from_slice(&s.live);
            *waits = masks::any(first);
        }
        if self.out.tally.exits.len() < self.plan.exits.len() {
            self.out.tally.exits.resize(self.plan.exits.len(), 0);
        }
        if self.env.host.is_some_and(|host| !host.is_fast()) {
            self.started = Some(self.env.clock.now_ns());
        }
        for (at, place) in self.plan.inputs.iter().enumerate() {
            self.load(at, *place);
        }
    }
    /// Puts an input into its columns.
    fn load(&mut self, at: usize, place: Arg) {
        let Some(column) = self.given.inputs.columns.get(at) else { return };
        let (columns, inputs) = (&mut self.s.columns, &self.given.inputs);
        let view = (at as u32) << 3;
        match (place, column) {
            (Arg::Bits(to), InputColumn::Bools(all)) => {
                let part = all.get(inputs.first..inputs.first + inputs.lanes).unwrap_or(&[]);
                for (word, bools) in columns.truth_mut(to).iter_mut().zip(part.chunks(64)) {
                    *word = bools.iter().enumerate().fold(0, |w, (bit, b)| w | u64::from(*b) << bit);
                }
            }
            (Arg::Bits(to), _) => {
                let words = inputs.view(view);
                ops::test(columns.truth_mut(to), words, |w| w.to_bits() & 1 == 1);
            }
            (Arg::Word(to), InputColumn::Bools(all)) => {
                let part = all.get(inputs.first..inputs.first + inputs.lanes).unwrap_or(&[]);
                let mut new = columns.take_spare();
                for (new, b) in new.iter_mut().zip(part) {
                    *new = f64::from_bits(u64::from(*b));
                }
                columns.put(inputs, to, new, None);
            }
            (Arg::Word(to), InputColumn::Uniform(k)) => columns.set(to, Col::K(*k)),
            (Arg::Word(to), _) => columns.set(to, Col::View(view)),
            (Arg::Six(to), InputColumn::Uniform(_)) => {
                for k in 0..6 {
                    columns.set(to + k, Col::K(NULL));
                }
            }
            (Arg::Six(to), _) => {
                for k in 0..6 {
                    columns.set(to + k, Col::View(view | k));
                }
            }
            _ => {}
        }
    }

    fn blocks(&mut self) {
        let words = self.s.live.len();
        let plan = self.plan;
        let mut at = 0;
        while let Some(block) = plan.blocks.get(at) {
            if !self.s.is_waiting(at) || (!plan.loops.is_empty() && !self.recall(at)) {
                at += 1;
                continue;
            }
            let s = &mut *self.s;
            if let (Some(set), Some(waits)) =
                (s.pending.get_mut(at * words..(at + 1) * words), s.waiting.get_mut(at))
            {
                s.mask.copy_from_slice(set);
                set.fill(0);
                *waits = false;
            }
            self.all = masks::same(&self.s.mask, &self.s.live);
            let next = self.block(at, block);
            if self.abandoned {
                return;
            }
            at = next;
        }
    }

    /// Runs a block; says which to look at next.
    fn block(&mut self, at: usize, block: &Block) -> usize {
        let plan = self.plan;
        let ops = plan.ops.get(block.start as usize..block.end as usize).unwrap_or(&[]);
        for op in ops {
            match op.code {
                Code::Nop => {}
                Code::Require => {
                    self.read_truth(op.b);
                    let s = &mut *self.s;
                    for (test, mask) in s.test.iter_mut().zip(&s.mask) {
                        *test = mask & !*test;
                    }
                    self.leave_tested(op.exit);
                }
                Code::Enter => {
                    if op.x >= self.env.limits.depth() {
                        self.s.test.copy_from_slice(&self.s.mask);
                        self.leave_tested(op.exit);
                    }
                }
                Code::EntryTrust => {
                    if self.env.host.is_some() {
                        self.s.bill.add(NETWORK, 5, &self.s.mask, self.all);
                        self.entry_trust(op);
                    }
                }
                Code::Return => {
                    self.finish(op);
                    return at + 1;
                }
                Code::Jump => return self.go_all(at, block.taken),
                Code::BranchTruth | Code::BranchNull | Code::LoopLess | Code::LoopMore | Code::MoreTexts => {
                    self.branch_test(op);
                    return self.branch(at, block, op.x & NEGATED != 0);
                }
                _ => self.compute(op),
            }
            if self.abandoned || !masks::any(&self.s.mask) {
                return at + 1;
            }
        }
        self.go_all(at, block.fall)
    }

    /// Reads a truth operand into `test`.
    pub(super) fn read_truth(&mut self, arg: Arg) {
        match arg {
            Arg::Bits(from) => self.s.test.copy_from_slice(self.s.columns.truth(from)),
            Arg::K(k) => self.s.test.fill(if k & 1 == 1 { u64::MAX } else { 0 }),
            _ => self.s.test.fill(0),
        }
    }

    fn branch_test(&mut self, op: &LaneOp) {
        let (s, inputs) = (&mut *self.s, &self.given.inputs);
        match op.code {
            Code::BranchTruth => self.read_truth(op.b),
            Code::MoreTexts => self.more_texts(op),
            Code::BranchNull => {
                let words = s.columns.word(inputs, op.b);
                ops::test(&mut s.test, words, |w| w.to_bits() == NULL);
            }
            Code::LoopLess => {
                let (b, c) = (s.columns.word(inputs, op.b), s.columns.word(inputs, op.c));
                ops::test2(&mut s.test, b, c, |b, c| b < c);
            }
            _ => {
                let arrays = self.given.arrays;
                let (b, c) = (s.columns.word(inputs, op.b), s.columns.word(inputs, op.c));
                ops::test2(&mut s.test, b, c, |b, c| b < arrays.len_of(c.to_bits()) as f64);
            }
        }
    }

    /// Sends each lane its way; `test` (or its opposite) says who jumps.
    fn branch(&mut self, at: usize, block: &Block, negated: bool) -> usize {
        let s = &mut *self.s;
        let (mut some, mut rest) = (0, 0);
        for (test, mask) in s.test.iter_mut().zip(&mut s.mask) {
            let taken = *mask & if negated { !*test } else { *test };
            *mask &= !taken;
            *test = taken;
            some |= taken;
            rest |= *mask;
        }
        if some == 0 {
            return self.go_all(at, block.fall);
        }
        if rest == 0 {
            core::mem::swap(&mut s.mask, &mut s.test);
            return self.go_all(at, block.taken);
        }
        self.all = false;
        let fell = self.go_all(at, block.fall);
        core::mem::swap(&mut self.s.mask, &mut self.s.test);
        fell.min(self.go_all(at, block.taken))
    }

    /// Sends the lanes of `mask` along a way; says which block to look at next.
    fn go_all(&mut self, at: usize, edge: Edge) -> usize {
        if edge.to == NOWHERE {
            return at + 1;
        }
        let to = edge.to as usize;
        let words = self.s.live.len();
        let s = &mut *self.s;
        for (layer, add) in edge.add.iter().enumerate() {
            s.bill.add(layer, *add, &s.mask, self.all);
        }
        if let (Some(set), Some(waits)) =
            (s.pending.get_mut(to * words..(to + 1) * words), s.waiting.get_mut(to))
        {
            masks::or(set, &s.mask);
            *waits = true;
        }
        if to <= at {
            self.back(at, to);
            return to;
        }
        at + 1
    }

    /// A round of a loop is over: lanes that cannot pay end, and now and then somebody looks at the clock.
    fn back(&mut self, at: usize, to: usize) {
        let span = |at: usize| self.plan.blocks.get(at).map_or(0, |b| u64::from(b.start));
        let ops = span(at).saturating_sub(span(to)) + 1;
        // A column instruction takes as long as some eight scalar ones for each 64 lanes.
        self.spend(ops.saturating_mul(8 * self.s.live.len() as u64));
        let base = self.plan.blocks.get(to).map_or(GasUnits::ZERO, |b| b.base);
        if let Some(limit) = self.limit
            && self.s.bill.most(base, &self.env.prices) > limit
        {
            self.stop_poor(base, to);
        }
    }

    /// So much work was done: now and then somebody looks at the clock.
    pub(super) fn spend(&mut self, work: u64) {
        self.ticks = self.ticks.saturating_sub(work);
        if self.ticks == 0 {
            self.look();
        }
    }

    /// Looks at the clock and the cancel flag, as `vm/meter.rs` does. Where something is up, the scalar engine says what.
    #[cold]
    #[inline(never)]
    pub(super) fn look(&mut self) {
        self.ticks = TICKS_PER_LOOK;
        let now = self.env.clock.now_ns();
        let late = self.env.deadline_ns.is_some_and(|deadline| now > deadline);
        let limit = self.env.limits.timeout_ms.saturating_mul(1_000_000);
        let long = now.saturating_sub(*self.started.get_or_insert(now)) > limit;
        let told = self.env.watch.and_then(|budget| budget.exhausted()).is_some_and(is_of_time);
        self.abandoned |= late || long || told;
    }
}
