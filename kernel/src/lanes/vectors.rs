//! Instructions that make trust vectors, and the weighted mean.

use super::columns::Arg;
use super::masks;
use super::ops::{map2, test};
use super::plan::{Code, LaneOp};
use super::run::Run;
use crate::ops::trust;
use crate::value::TrustVector;

impl Run<'_> {
    pub(super) fn vectors(&mut self, op: &LaneOp) {
        match op.code {
            Code::Combine => self.combine(op),
            Code::Create => self.create(op),
            _ => self.weighted(op),
        }
    }

    /// `1 - (1 - a)(1 - b)` per component.
    fn combine(&mut self, op: &LaneOp) {
        let inputs = &self.given.inputs;
        let mut six: [Vec<f64>; 6] = core::array::from_fn(|_| self.s.columns.take_spare());
        let (b, c) = (self.s.columns.six(inputs, op.b), self.s.columns.six(inputs, op.c));
        for ((new, b), c) in six.iter_mut().zip(b).zip(c) {
            map2(new, b, c, |a, b| 1.0 - (1.0 - a) * (1.0 - b));
        }
        self.put_six(op, six);
    }

    /// Of six columns that follow each other; DomainError where one is outside of [0, 1].
    fn create(&mut self, op: &LaneOp) {
        let Arg::Word(at) = op.b else { return };
        let s = &mut *self.s;
        let mut bad = core::mem::take(&mut s.more);
        bad.clear();
        bad.resize(s.test.len(), 0);
        for k in 0..6 {
            let column = s.columns.column(&self.given.inputs, at + k);
            test(&mut s.test, column, |x| !(0.0..=1.0).contains(&x));
            masks::or(&mut bad, &s.test);
        }
        masks::and(&mut bad, &s.mask);
        core::mem::swap(&mut bad, &mut s.test);
        s.more = bad;
        self.leave_tested(op.exit);
        let six: [Vec<f64>; 6] = core::array::from_fn(|k| {
            let mut new = self.s.columns.take_spare();
            let column = self.s.columns.column(&self.given.inputs, at + k as u32);
            super::ops::map(&mut new, column, |x| x);
            new
        });
        self.put_six(op, six);
    }

    /// Makes `six` the vector that the instruction writes.
    pub(super) fn put_six(&mut self, op: &LaneOp, six: [Vec<f64>; 6]) {
        let s = &mut *self.s;
        for (k, new) in six.into_iter().enumerate() {
            let keep = Self::kept(self.all, &s.mask, op);
            s.columns.put(&self.given.inputs, op.a + k as u32, new, keep);
        }
    }

    /// `sum(w x) / sum(w)` with constant weights.
    fn weighted(&mut self, op: &LaneOp) {
        let Arg::K(array) = op.c else { return };
        let mut weights = [0.0; 6];
        let items = self.given.arrays.items(array);
        let six = items.len() == 6;
        for (weight, item) in weights.iter_mut().zip(items) {
            *weight = f64::from_bits(*item);
        }
        if !six || trust::weighted(&TrustVector::NEWCOMER, &weights).is_err() {
            self.s.test.copy_from_slice(&self.s.mask);
            return self.leave_tested(op.exit);
        }
        let mut new = self.s.columns.take_spare();
        let b = self.s.columns.six(&self.given.inputs, op.b);
        for (lane, new) in new.iter_mut().enumerate() {
            let vector = TrustVector(b.map(|b| b.get(lane)));
            *new = trust::weighted(&vector, &weights).unwrap_or(0.0);
        }
        self.put(op, new);
    }
}
