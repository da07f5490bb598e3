//! Instructions on words of answers (`asks`): texts and lists of which little is asked. Most often no list of a chunk stands
//! among the arrays; then these are plain loops over words.

use super::asks::{Asked, Packed, Texts, is_array};
use super::columns::{Arg, Operand};
use super::gas::COMPUTE;
use super::masks;
use super::ops::{self, Spread, test, test2};
use super::plan::{Code, LaneOp, NEGATED};
use super::run::Run;
use super::simd::wide;
use super::texts::Arrays;
use crate::ops::math;

/// Of so many lanes one, or fewer, run: they are looked at one by one.
const SPARSE: usize = 16;

fn are_few(set: &[u64]) -> bool {
    masks::count(set) * SPARSE <= set.len() * 64
}

/// Below 2^52, bits put behind this number's are that much more.
const WHOLE: f64 = 4_503_599_627_370_496.0;

/// Small whole numbers, exactly, without an instruction that only some machines have.
#[inline(always)]
fn number(n: u64) -> f64 {
    f64::from_bits(WHOLE.to_bits() | n) - WHOLE
}

fn len(arrays: &Arrays, word: u64) -> u64 {
    match Texts::of(word) {
        Texts::Packed(list) => list.len(),
        Texts::Array(id) => arrays.len_of(id) as u64,
    }
}

/// Whether no list of a lane of the set stands among the arrays.
fn all_packed(words: Operand<'_>, set: &[u64]) -> bool {
    match words {
        Operand::K(word) => !is_array(word.to_bits()),
        Operand::S(words) => {
            let mark = |word: f64| u64::from(is_array(word.to_bits()));
            matches!(ops::spread(words, set, mark), Spread::Nobody | Spread::Same(0))
        }
    }
}

impl Run<'_> {
    pub(super) fn packed(&mut self, op: &LaneOp) {
        match op.code {
            Code::Asked => self.asked(op),
            Code::HasText => self.has_text(op),
            Code::TextsLen => {
                let arrays = self.given.arrays;
                self.word_by_word(op, |word| (len(arrays, word) as f64).to_bits());
            }
            _ => self.text_at(op),
        }
    }

    /// Charges so many units for each word.
    fn charge_words(&mut self, words: Arg, units: impl Fn(u64) -> u64 + Copy) {
        let s = &mut *self.s;
        let inputs = &self.given.inputs;
        let of = move |word: f64| units(word.to_bits());
        match s.columns.word(inputs, words) {
            Operand::K(word) => s.bill.add(COMPUTE, of(word), &s.mask, self.all),
            column if are_few(&s.mask) => {
                let mut most = 0;
                masks::each(&s.mask, |lane| most |= of(column.get(lane)));
                s.bill.add_each(COMPUTE, &s.mask, most, |lane| of(column.get(lane)));
            }
            Operand::S(column) => match ops::spread(column, &s.mask, of) {
                Spread::Nobody => {}
                Spread::Same(units) => s.bill.add(COMPUTE, units, &s.mask, self.all),
                Spread::Differs => {
                    let mut each = s.columns.take_spare();
                    let Operand::S(column) = s.columns.word(inputs, words) else { return };
                    let most = ops::count(&mut each, column, &s.mask, of);
                    s.bill.add_digits(COMPUTE, most, |k, set| {
                        test(set, Operand::S(&each), move |n| n.to_bits() >> k & 1 == 1);
                    });
                    s.columns.give_back(each);
                }
            },
        }
    }

    /// Whether words have one of the answers that are wanted.
    fn asked(&mut self, op: &LaneOp) {
        let Arg::K(wanted) = op.c else { return };
        let asked = Asked::of(wanted);
        self.charge_words(op.b, move |word| asked.units(word));
        let s = &mut *self.s;
        let words = s.columns.word(&self.given.inputs, op.b);
        if are_few(&s.mask) {
            s.test.fill(0);
            let test = &mut s.test;
            masks::each(&s.mask, |lane| {
                if words.bits(lane) & asked.mask != 0 {
                    masks::insert(test, lane);
                }
            });
        } else {
            test(&mut s.test, words, move |word| word.to_bits() & asked.mask != 0);
        }
        self.put_test(op, op.x & NEGATED != 0);
    }

    /// Whether lists hold the text of a class.
    fn has_text(&mut self, op: &LaneOp) {
        let Arg::K(wanted) = op.c else { return };
        let (asked, arrays) = (Asked::of(wanted), self.given.arrays);
        let class = asked.units;
        let (s, inputs) = (&*self.s, &self.given.inputs);
        let words = s.columns.word(inputs, op.b);
        let packed = move |list: Packed| asked.search_units(list.len(), list.bytes());
        if !are_few(&s.mask) && all_packed(words, &s.mask) {
            self.charge_words(op.b, move |word| packed(Packed(word)));
            let s = &mut *self.s;
            let words = s.columns.word(&self.given.inputs, op.b);
            test(&mut s.test, words, move |word| Packed(word.to_bits()).has(class));
            return self.put_test(op, false);
        }
        self.charge_words(op.b, move |word| match Texts::of(word) {
            Texts::Packed(list) => packed(list),
            Texts::Array(id) => {
                let (elements, bytes) = arrays.totals(id);
                asked.search_units(elements, bytes)
            }
        });
        let s = &mut *self.s;
        let words = s.columns.word(&self.given.inputs, op.b);
        s.test.fill(0);
        let test = &mut s.test;
        masks::each(&s.mask, |lane| {
            let has = match Texts::of(words.bits(lane)) {
                Texts::Packed(list) => list.has(class),
                Texts::Array(id) => arrays.any(id) & asked.mask != 0,
            };
            if has {
                masks::insert(test, lane);
            }
        });
        self.put_test(op, false);
    }

    /// Whether lists have an element of this index: into `test`.
    pub(super) fn more_texts(&mut self, op: &LaneOp) {
        let arrays = self.given.arrays;
        let s = &mut *self.s;
        let inputs = &self.given.inputs;
        let (index, lists) = (s.columns.word(inputs, op.b), s.columns.word(inputs, op.c));
        if all_packed(lists, &s.mask) {
            test2(&mut s.test, index, lists, |index, list| index < number(Packed(list.to_bits()).len()));
        } else {
            test2(&mut s.test, index, lists, |index, list| index < number(len(arrays, list.to_bits())));
        }
    }

    /// `a = b[c]`, the word of a text; IndexOutOfRange.
    fn text_at(&mut self, op: &LaneOp) {
        let arrays = self.given.arrays;
        let Some(asks) = self.plan.asks((op.x >> 8) as usize) else { return };
        let by_class = asks.words();
        let word_of = move |class: usize| by_class.get(class).copied().unwrap_or(0);
        let mut new = self.s.columns.take_spare();
        let s = &mut *self.s;
        let inputs = &self.given.inputs;
        let (lists, index) = (s.columns.word(inputs, op.b), s.columns.word(inputs, op.c));
        let same =
            index.uniform().and_then(|index| math::index(f64::from_bits(index), u32::MAX as usize).ok());
        match (lists, same) {
            // All lanes take the same element, which a round of a loop does: fewer of them in each.
            (Operand::S(words), Some(index)) if all_packed(lists, &s.mask) => {
                let index = index as u32;
                let out = &mut new;
                wide(
                    #[inline(always)]
                    move || {
                        for (out, word) in out.iter_mut().zip(words) {
                            let class = Packed(word.to_bits()).class(index);
                            *out = f64::from_bits(word_of(class));
                        }
                    },
                );
                test(&mut s.test, lists, move |word| Packed(word.to_bits()).len() <= u64::from(index));
                masks::and(&mut s.test, &s.mask);
            }
            _ => {
                s.test.fill(0);
                let missing = &mut s.test;
                masks::each(&s.mask, |lane| {
                    let list = lists.bits(lane);
                    let at = math::index(index.get(lane), len(arrays, list) as usize).ok();
                    let word = at.and_then(|at| match Texts::of(list) {
                        Texts::Packed(list) => Some(word_of(list.class(at as u32))),
                        Texts::Array(id) => arrays.items(id).get(at).copied(),
                    });
                    match (word, new.get_mut(lane)) {
                        (Some(word), Some(new)) => *new = f64::from_bits(word),
                        _ => masks::insert(missing, lane),
                    }
                });
            }
        }
        self.leave_tested(op.exit);
        self.put(op, new);
    }
}
