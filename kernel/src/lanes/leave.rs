//! How lanes end: at an exit, with their bill; or, where they cannot pay or somebody else must say how, left to the scalar
//! engine.

use super::columns::Arg;
use super::gas::Bill;
use super::plan::LaneOp;
use super::run::Run;
use super::{digits, masks, ops};
use crate::fault::Outcome;
use crate::gas::GasUnits;
use crate::request::Env;

impl Run<'_> {
    /// Of the lanes that wait for block `to`, those that are over their limit wait no longer: the scalar engine says where
    /// each of them ended.
    #[cold]
    #[inline(never)]
    pub(super) fn stop_poor(&mut self, base: GasUnits, to: usize) {
        let words = self.s.live.len();
        let s = &mut *self.s;
        let Some(set) = s.pending.get_mut(to * words..(to + 1) * words) else { return };
        let poor = poor(&s.bill, base, self.env, self.limit, set, &mut s.test);
        if poor {
            masks::without(set, &s.test);
            masks::without(&mut s.live, &s.test);
            let waits = masks::any(set);
            if let Some(slot) = s.waiting.get_mut(to) {
                *slot = waits;
            }
        }
        s.bill.tighten(&s.live);
    }

    /// Before a host is asked: lanes that cannot pay for it end. `exit` is one of the instruction's.
    pub(super) fn before_host(&mut self, exit: u16) {
        let base = self.plan.exits.get(usize::from(exit)).map_or(GasUnits::ZERO, |exit| exit.gas);
        if let Some(limit) = self.limit
            && self.s.bill.most(base, &self.env.prices) > limit
        {
            let s = &mut *self.s;
            if poor(&s.bill, base, self.env, self.limit, &s.mask, &mut s.test) {
                self.give_up();
            }
        }
    }
    /// Leaves the lanes of `test` to the scalar engine.
    pub(super) fn give_up(&mut self) {
        let s = &mut *self.s;
        masks::and(&mut s.test, &s.mask);
        masks::without(&mut s.mask, &s.test);
        masks::without(&mut s.live, &s.test);
    }

    /// The lanes of `test` end at `exit`.
    pub(super) fn leave_tested(&mut self, exit: u16) {
        let s = &mut *self.s;
        if !masks::any(&s.test) {
            return;
        }
        masks::without(&mut s.mask, &s.test);
        masks::without(&mut s.live, &s.test);
        let Some(at) = self.plan.exits.get(usize::from(exit)) else { return };
        if let Some(limit) = self.limit
            && s.bill.most(at.gas, &self.env.prices) > limit
        {
            // Those that could not pay have no exit, and are run again.
            let (bill, prices) = (&s.bill, &self.env.prices);
            for (number, word) in s.test.iter_mut().enumerate() {
                let all = *word;
                masks::each(&[all], |bit| {
                    if bill.cost(at.gas, number * 64 + bit, prices) > limit {
                        *word &= !(1 << bit);
                    }
                });
            }
        }
        digits::put(self.out.taken, &s.test, exit);
        let ended = masks::count(&s.test) as u64;
        if let Some(n) = self.out.tally.exits.get_mut(usize::from(exit)) {
            *n += ended;
        }
        if at.outcome == Outcome::Allow {
            masks::or(self.out.passed, &s.test);
        }
        s.bill.leave(&s.test);
    }

    /// All have left: what they owe on top of their exits.
    pub(super) fn read_bill(&mut self) {
        for ((layer, out), sum) in self.out.extra.iter_mut().enumerate().zip(&mut self.out.tally.extra) {
            if !out.is_empty() {
                *sum = sum.saturating_add(self.s.bill.read(layer, out));
            }
        }
    }

    /// The body's `return`: who passed, and what was returned.
    pub(super) fn finish(&mut self, op: &LaneOp) {
        if op.x == 0 {
            self.read_truth(op.b);
            let s = &mut *self.s;
            masks::and(&mut s.test, &s.mask);
            self.leave_tested(op.exit);
            self.s.test.copy_from_slice(&self.s.mask);
            return self.leave_tested(op.exit + 1);
        }
        self.keep_values(op);
        if op.x == 1 {
            for (truth, exit) in [(1, op.exit), (0, op.exit + 1)] {
                let s = &mut *self.s;
                let words = s.columns.word(&self.given.inputs, op.b);
                ops::test(&mut s.test, words, |w| w.to_bits() == truth);
                masks::and(&mut s.test, &s.mask);
                self.leave_tested(exit);
            }
        }
        self.s.test.copy_from_slice(&self.s.mask);
        self.leave_tested(op.exit + 2);
    }

    fn keep_values(&mut self, op: &LaneOp) {
        let width = self.plan.value_width();
        let (s, out) = (&*self.s, &mut self.out.values);
        let columns = match op.b {
            Arg::Six(_) | Arg::KSix(_) => s.columns.six(&self.given.inputs, op.b),
            arg => [s.columns.word(&self.given.inputs, arg); 6],
        };
        masks::each(&s.mask, |lane| {
            let values = out.get_mut(lane * width..(lane + 1) * width).unwrap_or(&mut []);
            for (value, column) in values.iter_mut().zip(columns) {
                *value = column.get(lane);
            }
        });
    }
}

/// Puts into `poor` the lanes of `set` that cost more than the limit; says whether there are any.
fn poor(
    bill: &Bill,
    base: GasUnits,
    env: &Env<'_>,
    limit: Option<u64>,
    set: &[u64],
    poor: &mut [u64],
) -> bool {
    poor.fill(0);
    masks::each(set, |lane| {
        if limit.is_some_and(|limit| bill.cost(base, lane, &env.prices) > limit) {
            masks::insert(poor, lane);
        }
    });
    masks::any(poor)
}
