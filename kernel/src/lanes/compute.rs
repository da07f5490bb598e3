//! What instructions on numbers, truth values and vectors do. All but the faults are total, and are computed for every lane;
//! only lanes that run can fault.

use super::columns::{Arg, Col, InputColumn, NULL, Operand, number_bits};
use super::masks;
use super::ops::{fold2, map, map2, mul_add, test, test2, update2};
use super::plan::{Code, LaneOp, NEGATED, TO_TRUTH};
use super::run::Run;
use super::simd::wide;
use crate::ops::math;

/// Computes `a` from `b`; once where `b` is the same in every lane.
macro_rules! unary {
    ($run:ident, $op:ident, $f:expr) => {{
        let (inputs, f) = (&$run.given.inputs, $f);
        match $run.s.columns.word(inputs, $op.b) {
            Operand::K(b) => $run.put_k($op, f(b).to_bits()),
            Operand::S(_) => {
                let mut new = $run.s.columns.take_spare();
                map(&mut new, $run.s.columns.word(inputs, $op.b), f);
                $run.put($op, new);
            }
        }
    }};
}

/// Computes `a` from `b` and `c`; once where both are the same in every lane.
macro_rules! binary {
    ($run:ident, $op:ident, $f:expr) => {{
        let (inputs, f) = (&$run.given.inputs, $f);
        let s = &mut *$run.s;
        let columns = &mut s.columns;
        if $op.keep
            && !$run.all
            && $op.b == Arg::Word($op.a)
            && $op.c != $op.b
            && let Some(mut own) = columns.take_own($op.a)
        {
            update2(own.get_mut(..inputs.lanes).unwrap_or(&mut []), &s.mask, columns.word(inputs, $op.c), f);
            return columns.give_own($op.a, own);
        }
        match (columns.word(inputs, $op.b), columns.word(inputs, $op.c)) {
            (Operand::K(b), Operand::K(c)) => $run.put_k($op, f(b, c).to_bits()),
            _ => {
                let mut new = columns.take_spare();
                map2(&mut new, columns.word(inputs, $op.b), columns.word(inputs, $op.c), f);
                $run.put($op, new);
            }
        }
    }};
}

/// Puts into `test` where `f(b, c)`.
macro_rules! ask {
    ($run:ident, $op:ident, $f:expr) => {{
        let s = &mut *$run.s;
        let (b, c) = (s.columns.word(&$run.given.inputs, $op.b), s.columns.word(&$run.given.inputs, $op.c));
        test2(&mut s.test, b, c, $f);
    }};
}

impl Run<'_> {
    /// The lanes to write, where the others must keep what they have.
    #[inline]
    pub(super) fn kept<'m>(all: bool, mask: &'m [u64], op: &LaneOp) -> Option<&'m [u64]> {
        (op.keep && !all).then_some(mask)
    }
    /// Makes `new` the column that the instruction writes.
    pub(super) fn put(&mut self, op: &LaneOp, new: Vec<f64>) {
        let s = &mut *self.s;
        s.columns.put(&self.given.inputs, op.a, new, Self::kept(self.all, &s.mask, op));
    }
    /// Makes the column that the instruction writes the same bits in every lane.
    pub(super) fn put_k(&mut self, op: &LaneOp, k: u64) {
        let s = &mut *self.s;
        s.columns.put_k(&self.given.inputs, op.a, k, Self::kept(self.all, &s.mask, op));
    }
    /// Makes `test` (or its opposite) the truth column that the instruction writes.
    pub(super) fn put_test(&mut self, op: &LaneOp, negated: bool) {
        let s = &mut *self.s;
        if negated {
            s.test.iter_mut().for_each(|word| *word = !*word);
        }
        s.columns.put_truth(op.a, &s.test, &s.mask);
    }
    /// Lanes of `test` that run fault.
    fn fault(&mut self, op: &LaneOp) {
        masks::and(&mut self.s.test, &self.s.mask);
        self.leave_tested(op.exit);
    }

    pub(super) fn compute(&mut self, op: &LaneOp) {
        match op.code {
            Code::Copy => {
                let s = &mut *self.s;
                s.columns.copy(&self.given.inputs, op.a, op.b, Self::kept(self.all, &s.mask, op));
            }
            Code::CopySix | Code::UnwrapSix => {
                if op.code == Code::UnwrapSix {
                    self.fault_null(op);
                }
                self.copy_six(op);
            }
            Code::CopyTruth => {
                self.read_truth(op.b);
                self.put_test(op, false);
            }
            Code::Widen => {
                self.read_truth(op.b);
                let mut new = self.s.columns.take_spare();
                for (chunk, word) in new.chunks_mut(64).zip(&self.s.test) {
                    for (bit, item) in chunk.iter_mut().enumerate() {
                        *item = f64::from_bits(word >> bit & 1);
                    }
                }
                self.put(op, new);
            }
            Code::Unwrap => {
                self.fault_null(op);
                let s = &mut *self.s;
                s.columns.copy(&self.given.inputs, op.a, op.b, Self::kept(self.all, &s.mask, op));
            }
            Code::UnwrapTruth => {
                self.fault_null(op);
                ask!(self, op, |b: f64, _| b.to_bits() == 1);
                self.put_test(op, false);
            }
            Code::View => self.view(op.a, op.x << 3, op),
            // On host state `trust` is what the host said of the caller.
            Code::ViewSix if self.env.host.is_some() => self.gather_trust(op, Arg::None),
            Code::Norm | Code::Distance | Code::Field
                if self.env.host.is_some() && matches!(op.b, Arg::Loaded(_) | Arg::Trust) =>
            {
                self.on_loaded(op);
            }
            Code::ViewSix => {
                for k in 0..6 {
                    self.view(op.a + k, op.x << 3 | k, op);
                }
            }
            Code::Now => self.put_k(op, number_bits(self.env.now)),
            Code::Add => binary!(self, op, |b: f64, c: f64| b + c),
            Code::Sub => binary!(self, op, |b: f64, c: f64| b - c),
            Code::Mul => binary!(self, op, |b: f64, c: f64| b * c),
            Code::MulAdd => self.mul_add(op),
            Code::Min => binary!(self, op, math::min),
            Code::Max => binary!(self, op, math::max),
            Code::Div => {
                ask!(self, op, |_, c: f64| c == 0.0);
                self.fault(op);
                binary!(self, op, |b: f64, c: f64| b / c);
            }
            Code::Rem => {
                ask!(self, op, |_, c: f64| c == 0.0);
                self.fault(op);
                self.each_lane(op, |b, c| math::rem(b, c).unwrap_or(0.0));
            }
            Code::Neg => unary!(self, op, |b: f64| -b),
            Code::Abs => unary!(self, op, f64::abs),
            Code::Floor => unary!(self, op, f64::floor),
            Code::Ceil => unary!(self, op, f64::ceil),
            Code::Round => unary!(self, op, math::round),
            Code::Sqrt => {
                ask!(self, op, |b: f64, _| b < 0.0);
                self.fault(op);
                unary!(self, op, f64::sqrt);
            }
            Code::Surprisal => {
                ask!(self, op, |b: f64, _| !((b > 0.0) & (b <= 1.0)));
                self.fault(op);
                self.each_lane(op, |b, _| math::surprisal(b).unwrap_or(0.0));
            }
            Code::TimeSince => {
                let now = self.env.now;
                unary!(self, op, |b: f64| math::max(0.0, now - b));
            }
            Code::Step => unary!(self, op, |b: f64| b + 1.0),
            Code::RangeCheck => {
                ask!(self, op, |b: f64, c: f64| math::range_bounds(b, c).is_err());
                self.fault(op);
            }
            Code::Clamp | Code::Lerp => self.three(op),
            Code::Less => self.compare(op, |b, c| b < c),
            Code::LessEq => self.compare(op, |b, c| b <= c),
            Code::Equal => self.compare(op, |b, c| b == c),
            Code::NotEqual => self.compare(op, |b, c| b != c),
            Code::Same => {
                ask!(self, op, |b: f64, c: f64| b.to_bits() == c.to_bits());
                self.put_test(op, op.x & NEGATED != 0);
            }
            Code::SameNumber => {
                ask!(self, op, |b: f64, c: f64| {
                    let null = (b.to_bits() == NULL) | (c.to_bits() == NULL);
                    if null { b.to_bits() == c.to_bits() } else { b == c }
                });
                self.put_test(op, op.x & NEGATED != 0);
            }
            Code::SameTruth => {
                self.read_truth(op.b);
                let s = &mut *self.s;
                match op.c {
                    Arg::Bits(at) => {
                        s.test.iter_mut().zip(s.columns.truth(at)).for_each(|(b, c)| *b = !(*b ^ c));
                    }
                    Arg::K(0) => s.test.iter_mut().for_each(|b| *b = !*b),
                    _ => {}
                }
                self.put_test(op, op.x & NEGATED != 0);
            }
            Code::Not => {
                self.read_truth(op.b);
                self.put_test(op, true);
            }
            Code::Field => {
                let from = match op.b {
                    Arg::Six(at) => Arg::Word(at + op.x),
                    Arg::Trust => {
                        return self.view(op.a, (self.given.inputs.columns.len() as u32 - 1) << 3 | op.x, op);
                    }
                    Arg::Loaded(_) => Arg::K(
                        crate::value::TrustVector::NEWCOMER
                            .0
                            .get(op.x as usize)
                            .copied()
                            .unwrap_or(0.0)
                            .to_bits(),
                    ),
                    Arg::KSix(six) => Arg::K(six.get(op.x as usize).copied().unwrap_or(0.0).to_bits()),
                    arg => arg,
                };
                let s = &mut *self.s;
                s.columns.copy(&self.given.inputs, op.a, from, Self::kept(self.all, &s.mask, op));
            }
            Code::Norm => self.norm(op),
            Code::Distance => self.distance(op),
            Code::SameSix | Code::Above => self.all_six(op),
            Code::Combine | Code::Create | Code::Weighted => self.vectors(op),
            Code::TextLen
            | Code::TextContains
            | Code::TextStarts
            | Code::TextEnds
            | Code::TextIgnoreCase
            | Code::SameText
            | Code::ArrayLen
            | Code::Index
            | Code::Elem
            | Code::Contains => self.search(op),
            Code::Asked | Code::HasText | Code::TextsLen | Code::TextAt => self.packed(op),
            _ => self.ask_host(op),
        }
    }

    fn mul_add(&mut self, op: &LaneOp) {
        let inputs = &self.given.inputs;
        let columns = &mut self.s.columns;
        if let (Operand::K(b), Operand::K(c), Operand::K(d)) =
            (columns.word(inputs, op.b), columns.word(inputs, op.c), columns.word(inputs, op.d))
        {
            return self.put_k(op, (b * c + d).to_bits());
        }
        let mut new = columns.take_spare();
        let (b, c, d) = (columns.word(inputs, op.b), columns.word(inputs, op.c), columns.word(inputs, op.d));
        mul_add(&mut new, b, c, d);
        self.put(op, new);
    }
    fn compare(&mut self, op: &LaneOp, f: impl Fn(f64, f64) -> bool) {
        ask!(self, op, f);
        self.put_test(op, false);
    }
    fn fault_null(&mut self, op: &LaneOp) {
        ask!(self, op, |b: f64, _| b.to_bits() == NULL);
        self.fault(op);
    }
    /// For functions that take long: lanes that run only.
    fn each_lane(&mut self, op: &LaneOp, f: impl Fn(f64, f64) -> f64) {
        let mut new = self.s.columns.take_spare();
        let s = &*self.s;
        let (b, c) = (s.columns.word(&self.given.inputs, op.b), s.columns.word(&self.given.inputs, op.c));
        masks::each(&s.mask, |lane| {
            if let Some(new) = new.get_mut(lane) {
                *new = f(b.get(lane), c.get(lane));
            }
        });
        self.put(op, new);
    }
    fn view(&mut self, to: u32, view: u32, op: &LaneOp) {
        let s = &mut *self.s;
        let inputs = &self.given.inputs;
        let uniform = match inputs.columns.get((view >> 3) as usize) {
            Some(InputColumn::Uniform(k)) => Some(*k),
            _ => None,
        };
        match (uniform, Self::kept(self.all, &s.mask, op)) {
            (Some(k), keep) => s.columns.put_k(inputs, to, k, keep),
            (None, None) => s.columns.set(to, Col::View(view)),
            (None, keep) => {
                let mut new = s.columns.take_spare();
                map(&mut new, inputs.view(view), |x| x);
                s.columns.put(inputs, to, new, keep);
            }
        }
    }
    fn copy_six(&mut self, op: &LaneOp) {
        let s = &mut *self.s;
        let keep = Self::kept(self.all, &s.mask, op);
        for k in 0..6u32 {
            let from = match op.b {
                Arg::Six(at) => Arg::Word(at + k),
                Arg::KSix(six) => Arg::K(six.get(k as usize).copied().unwrap_or(0.0).to_bits()),
                arg => arg,
            };
            s.columns.copy(&self.given.inputs, op.a + k, from, keep);
        }
    }

    /// `clamp` and `lerp`, of three columns that follow each other.
    fn three(&mut self, op: &LaneOp) {
        let Arg::Word(at) = op.b else { return };
        if op.code == Code::Clamp {
            let (s, inputs) = (&mut *self.s, &self.given.inputs);
            let [v, lo, hi] = [at, at + 1, at + 2].map(|at| s.columns.column(inputs, at));
            s.more.clear();
            s.more.resize(s.test.len(), 0);
            test(&mut s.more, v, f64::is_nan);
            test2(&mut s.test, lo, hi, |lo, hi| lo.is_nan() | hi.is_nan() | (lo > hi));
            masks::or(&mut s.test, &s.more);
            self.fault(op);
        }
        let mut new = self.s.columns.take_spare();
        let (columns, inputs) = (&self.s.columns, &self.given.inputs);
        let [x, y, z] = [at, at + 1, at + 2].map(|at| columns.column(inputs, at));
        map(&mut new, x, |x| x);
        if op.code == Code::Clamp {
            fold2(&mut new, y, z, |v, lo, hi| {
                if v < lo {
                    lo
                } else if v > hi {
                    hi
                } else {
                    v
                }
            });
        } else {
            fold2(&mut new, y, z, math::lerp);
        }
        self.put(op, new);
    }

    /// `(r + i + c + p + v + omega) / 6`
    fn norm(&mut self, op: &LaneOp) {
        let inputs = &self.given.inputs;
        let mut new = self.s.columns.take_spare();
        match self.s.columns.six(inputs, op.b) {
            [Operand::S(r), Operand::S(i), Operand::S(c), Operand::S(p), Operand::S(v), Operand::S(o)] => {
                let new = new.as_mut_slice();
                wide(
                    #[inline(always)]
                    move || {
                        let six = r.iter().zip(i).zip(c).zip(p).zip(v).zip(o);
                        for (new, (((((r, i), c), p), v), o)) in new.iter_mut().zip(six) {
                            *new = (r + i + c + p + v + o) / 6.0;
                        }
                    },
                );
            }
            [r, i, c, p, v, o] => {
                map2(&mut new, r, i, |r, i| r + i);
                fold2(&mut new, c, p, |s, c, p| s + c + p);
                fold2(&mut new, v, o, |s, v, o| (s + v + o) / 6.0);
            }
        }
        self.put(op, new);
    }

    fn distance(&mut self, op: &LaneOp) {
        let inputs = &self.given.inputs;
        let mut new = self.s.columns.take_spare();
        let (b, c) = (self.s.columns.six(inputs, op.b), self.s.columns.six(inputs, op.c));
        let mut pairs = b.into_iter().zip(c);
        if let Some((b, c)) = pairs.next() {
            map2(&mut new, b, c, |b, c| (b - c) * (b - c));
        }
        for (b, c) in pairs {
            fold2(&mut new, b, c, |sum, b, c| sum + (b - c) * (b - c));
        }
        let sums = new.as_mut_slice();
        wide(
            #[inline(always)]
            move || sums.iter_mut().for_each(|x| *x = x.sqrt()),
        );
        self.put(op, new);
    }

    /// Equality of vectors, and whether all components reach a threshold.
    fn all_six(&mut self, op: &LaneOp) {
        let inputs = &self.given.inputs;
        let words = self.s.test.len();
        let mut one = core::mem::take(&mut self.s.more);
        one.clear();
        one.resize(words, 0);
        let s = &mut *self.s;
        s.test.fill(u64::MAX);
        let b = s.columns.six(inputs, op.b);
        if op.code == Code::Above {
            let c = s.columns.word(inputs, op.c);
            for b in b {
                test2(&mut one, b, c, |b, c| b >= c);
                masks::and(&mut s.test, &one);
            }
            s.more = one;
            return self.put_test(op, false);
        }
        let c = s.columns.six(inputs, op.c);
        for (b, c) in b.into_iter().zip(c) {
            test2(&mut one, b, c, |b, c| b == c);
            masks::and(&mut s.test, &one);
        }
        // Null equals null only; as a NaN it equals nothing so far.
        let ([b, ..], [c, ..]) = (b, c);
        test2(&mut one, b, c, |b, c| (b.to_bits() == NULL) & (c.to_bits() == NULL));
        masks::or(&mut s.test, &one);
        s.more = one;
        self.put_test(op, op.x & NEGATED != 0);
    }
}

/// Whether an instruction on words answers with a truth column.
#[inline]
pub(super) fn to_truth(op: &LaneOp) -> bool {
    op.x & TO_TRUTH != 0
}
