//! Instructions on texts and arrays. Texts are ids, so equality compares words; what looks into texts is worked out once
//! for each distinct text where the other side is a constant. Sizes are of distinct texts too: a table.

use super::columns::{Arg, NULL, Operand};
use super::compute::to_truth;
use super::gas::COMPUTE;
use super::masks;
use super::memos::{NO, UNKNOWN, YES, gather_bytes};
use super::ops::{self, test, test2};
use super::plan::{Code, LaneOp, NEGATED, NULLABLE, OF_NUMBERS, OF_TEXTS};
use super::run::Run;
use super::texts::head;
use crate::ops::{math, text};
use core::cell::Cell;

/// Of 64 lanes, if more of them run, all are looked at: that takes no choices.
const DENSE: u32 = 40;
/// A list this short is compared one by one.
const SHORT: usize = 16;

/// Elements that are searched, and bytes of texts that are read, in the time of one scalar instruction.
const ELEMENTS: u64 = 8;
const BYTES: u64 = 32;

/// Where units stand in the byte that answers for a list, and so many or more, which it does not say.
const UNITS: u32 = 4;
const MANY: u64 = 15;

/// Whether an element of a list equals `b`.
fn is_among(b: u64, items: &[u64], numbers: bool) -> bool {
    if numbers && b != NULL {
        items.iter().any(|item| *item != NULL && f64::from_bits(*item) == f64::from_bits(b))
    } else {
        items.contains(&b)
    }
}

impl Run<'_> {
    pub(super) fn search(&mut self, op: &LaneOp) {
        match op.code {
            Code::SameText => {
                self.charge_texts(op, op.x & NULLABLE != 0);
                let s = &mut *self.s;
                let inputs = &self.given.inputs;
                let (b, c) = (s.columns.word(inputs, op.b), s.columns.word(inputs, op.c));
                test2(&mut s.test, b, c, |b, c| b.to_bits() == c.to_bits());
                self.put_test(op, op.x & NEGATED != 0);
            }
            Code::TextLen => self.text_len(op),
            Code::TextContains => self.text_test(op, text::contains),
            Code::TextStarts => self.text_starts(op),
            Code::TextEnds => self.text_test(op, |b, c| b.ends_with(c)),
            Code::TextIgnoreCase => self.text_test(op, text::eq_ignore_ascii_case),
            Code::ArrayLen => {
                let arrays = self.given.arrays;
                self.word_by_word(op, |b| (arrays.len_of(b) as f64).to_bits());
            }
            Code::Contains => self.contains(op),
            _ => self.element(op),
        }
    }

    /// A word for each lane that runs; once where `b` is the same in every lane.
    pub(super) fn word_by_word(&mut self, op: &LaneOp, f: impl Fn(u64) -> u64) {
        let inputs = &self.given.inputs;
        if let Some(b) = self.s.columns.word(inputs, op.b).uniform() {
            return self.put_k(op, f(b));
        }
        let mut new = self.s.columns.take_spare();
        let s = &*self.s;
        let b = s.columns.word(inputs, op.b);
        masks::each(&s.mask, |lane| {
            if let Some(new) = new.get_mut(lane) {
                *new = f64::from_bits(f(b.bits(lane)));
            }
        });
        self.put(op, new);
    }

    /// What an instruction on one or two strings costs beyond its first unit. One that is null costs no more.
    fn charge_texts(&mut self, op: &LaneOp, nullable: bool) {
        let texts = self.given.texts;
        let s = &mut *self.s;
        let inputs = &self.given.inputs;
        let (b, c) = (s.columns.word(inputs, op.b), s.columns.word(inputs, op.c));
        let two = op.c != Arg::None;
        let sizes = |operand: Operand<'_>| match operand.uniform() {
            Some(bits) => (texts.len_of(bits), texts.len_of(bits)),
            None => texts.range(),
        };
        let (least_b, most_b) = sizes(b);
        let (least_c, most_c) = if two { sizes(c) } else { (0, 0) };
        let (least, most) = ((least_b + least_c).div_ceil(32), (most_b + most_c).div_ceil(32));
        if least == most && !nullable {
            return s.bill.add(COMPUTE, most, &s.mask, self.all);
        }
        s.bill.add_each(COMPUTE, &s.mask, most, |lane| {
            let (b, c) = (b.bits(lane), if two { c.bits(lane) } else { 0 });
            if b == NULL || (two && c == NULL) {
                return 0;
            }
            let bytes = texts.len_of(b) + if two { texts.len_of(c) } else { 0 };
            bytes.div_ceil(32)
        });
    }

    fn text_len(&mut self, op: &LaneOp) {
        self.charge_texts(op, false);
        let texts = self.given.texts;
        let read = Cell::new(0);
        self.word_by_word(op, |b| {
            read.set(read.get() + texts.len_of(b));
            text::chars(texts.of(b)).to_bits()
        });
        self.spend(read.get() / BYTES);
    }

    /// A question about two strings. Where one is a constant, each distinct text is looked at once.
    fn text_test(&mut self, op: &LaneOp, f: impl Fn(&str, &str) -> bool) {
        self.charge_texts(op, false);
        let texts = self.given.texts;
        let s = &mut *self.s;
        let inputs = &self.given.inputs;
        let (b, c) = (s.columns.word(inputs, op.b), s.columns.word(inputs, op.c));
        if let (Some(b), Some(c)) = (b.uniform(), c.uniform()) {
            s.test.fill(if f(texts.of(b), texts.of(c)) { u64::MAX } else { 0 });
            return self.put_test(op, false);
        }
        s.test.fill(0);
        let test = &mut s.test;
        let mut read = 0;
        let mut f = |b: u64, c: u64| {
            read += texts.len_of(b) + texts.len_of(c);
            f(texts.of(b), texts.of(c))
        };
        match s.memos.table(op.x >> 8) {
            Some(table) => {
                table.state.resize(texts.len(), UNKNOWN);
                masks::each(&s.mask, |lane| {
                    let (b, c) = (b.bits(lane), c.bits(lane));
                    let key = if matches!(op.b, Arg::Word(_)) { b } else { c };
                    let Some(known) = table.state.get_mut(key as usize) else { return };
                    if *known == UNKNOWN {
                        *known = if f(b, c) { YES } else { NO };
                    }
                    if *known == YES {
                        masks::insert(test, lane);
                    }
                });
            }
            None => masks::each(&s.mask, |lane| {
                if f(b.bits(lane), c.bits(lane)) {
                    masks::insert(test, lane);
                }
            }),
        }
        self.put_test(op, false);
        self.spend(read / BYTES);
    }

    /// Whether texts start with one of at most eight bytes: a comparison of numbers.
    fn text_starts(&mut self, op: &LaneOp) {
        let texts = self.given.texts;
        let (b, c) = {
            let (columns, inputs) = (&self.s.columns, &self.given.inputs);
            (columns.word(inputs, op.b), columns.word(inputs, op.c).uniform())
        };
        // A byte of 0 could not be told from the end of a shorter text.
        let short = c.map(|c| texts.of(c)).filter(|start| start.len() <= 8 && !start.contains('\0'));
        let (Operand::S(_), Some(start)) = (b, short) else {
            return self.text_test(op, |b, c| b.starts_with(c));
        };
        self.charge_texts(op, false);
        let (wanted, bits) = (head(start), u64::MAX.checked_shr(64 - 8 * start.len() as u32).unwrap_or(0));
        let mut heads = self.s.columns.take_spare();
        let s = &mut *self.s;
        if let Operand::S(ids) = s.columns.word(&self.given.inputs, op.b) {
            texts.heads_of(ids, &mut heads);
        }
        test(&mut s.test, Operand::S(&heads), |head| head.to_bits() & bits == wanted);
        s.columns.give_back(heads);
        self.put_test(op, false);
    }

    /// `a = b[c]`; IndexOutOfRange.
    fn element(&mut self, op: &LaneOp) {
        let arrays = self.given.arrays;
        let mut new = self.s.columns.take_spare();
        let s = &mut *self.s;
        let inputs = &self.given.inputs;
        let (b, c) = (s.columns.word(inputs, op.b), s.columns.word(inputs, op.c));
        s.test.fill(0);
        let out = &mut s.test;
        let same = c.uniform().and_then(|c| math::index(f64::from_bits(c), u32::MAX as usize).ok());
        if let (Operand::S(b), Some(index)) = (b, same) {
            // All lanes take the same element, which a round of a loop does: fewer of them in each.
            for (((new, b), out), mask) in new.chunks_mut(64).zip(b.chunks(64)).zip(&mut *out).zip(&s.mask) {
                let mut missing = 0u64;
                if mask.count_ones() > DENSE {
                    for (new, b) in new.iter_mut().zip(b).rev() {
                        let (item, there) = arrays.item(b.to_bits(), index as u32);
                        *new = f64::from_bits(item);
                        missing = missing << 1 | u64::from(!there);
                    }
                } else {
                    masks::each(&[*mask], |lane| {
                        if let (Some(new), Some(b)) = (new.get_mut(lane), b.get(lane)) {
                            let (item, there) = arrays.item(b.to_bits(), index as u32);
                            *new = f64::from_bits(item);
                            missing |= u64::from(!there) << lane;
                        }
                    });
                }
                *out = missing & mask;
            }
        } else {
            masks::each(&s.mask, |lane| {
                let items = arrays.items(b.bits(lane));
                match math::index(c.get(lane), items.len()).ok().and_then(|i| items.get(i)) {
                    Some(item) => {
                        if let Some(new) = new.get_mut(lane) {
                            *new = f64::from_bits(*item);
                        }
                    }
                    None => masks::insert(out, lane),
                }
            });
        }
        self.leave_tested(op.exit);
        if to_truth(op) {
            let s = &mut *self.s;
            test(&mut s.test, Operand::S(&new), |w| w.to_bits() == 1);
            s.columns.give_back(new);
            self.put_test(op, false);
        } else {
            self.put(op, new);
        }
    }

    /// `a = b in c`
    fn contains(&mut self, op: &LaneOp) {
        let (columns, inputs) = (&self.s.columns, &self.given.inputs);
        if let (Some(b), Operand::S(_)) = (columns.word(inputs, op.b).uniform(), columns.word(inputs, op.c))
            && self.s.memos.table(op.x >> 8).is_some_and(|table| *table.about.get_or_insert(b) == b)
        {
            return self.holds(op, b);
        }
        self.charge_search(op);
        let mut searched = 0;
        let arrays = self.given.arrays;
        let s = &mut *self.s;
        let inputs = &self.given.inputs;
        let (b, c) = (s.columns.word(inputs, op.b), s.columns.word(inputs, op.c));
        let list = match op.c {
            Arg::K(_) => (op.x >> 8).checked_sub(1).and_then(|at| self.plan.lists.get(at as usize)),
            _ => None,
        };
        match list {
            Some(list) if (1..=4).contains(&list.len()) => {
                // A shorter one names its first element again.
                let at = |at: usize| list.get(at).or(list.first()).copied().unwrap_or(0);
                let (w, x, y, z) = (at(0), at(1), at(2), at(3));
                test(&mut s.test, b, |b| {
                    let b = b.to_bits();
                    (b == w) | (b == x) | (b == y) | (b == z)
                });
            }
            Some(list) if list.len() <= SHORT => {
                s.test.fill(0);
                s.more.clear();
                s.more.resize(s.test.len(), 0);
                for item in list {
                    test(&mut s.more, b, |b| b.to_bits() == *item);
                    masks::or(&mut s.test, &s.more);
                }
            }
            Some(list) => {
                s.test.fill(0);
                let test = &mut s.test;
                masks::each(&s.mask, |lane| {
                    if list.binary_search(&b.bits(lane)).is_ok() {
                        masks::insert(test, lane);
                    }
                });
            }
            None => {
                let numbers = op.x & OF_NUMBERS != 0;
                s.test.fill(0);
                let test = &mut s.test;
                masks::each(&s.mask, |lane| {
                    let items = arrays.items(c.bits(lane));
                    searched += items.len() as u64;
                    if is_among(b.bits(lane), items, numbers) {
                        masks::insert(test, lane);
                    }
                });
            }
        }
        self.put_test(op, false);
        self.spend(searched / ELEMENTS);
    }

    /// Whether lists hold what is the same in every lane: answer and units are worked out once for each distinct list, and are one byte.
    fn holds(&mut self, op: &LaneOp, b: u64) {
        let (texts, arrays) = (self.given.texts, self.given.arrays);
        let (numbers, strings) = (op.x & OF_NUMBERS != 0, op.x & OF_TEXTS != 0);
        let own = if strings { texts.len_of(b) } else { 0 };
        let s = &mut *self.s;
        let Operand::S(lists) = s.columns.word(&self.given.inputs, op.c) else { return };
        let Some(table) = s.memos.table(op.x >> 8) else { return };
        table.state.resize(arrays.len(), UNKNOWN);
        s.bytes.resize(lists.len(), 0);
        let mut searched = 0;
        let seen = gather_bytes(&table.state, lists, &mut s.bytes);
        if seen & UNKNOWN != 0 {
            masks::each(&s.mask, |lane| {
                let list = lists.get(lane).map_or(NULL, |list| list.to_bits());
                let Some(known) = table.state.get_mut(list as usize) else { return };
                if *known == UNKNOWN {
                    let (elements, bytes) = arrays.totals(list);
                    let units = (elements.div_ceil(8) + (bytes + own).div_ceil(32)).min(MANY);
                    searched += elements;
                    let answer = if is_among(b, arrays.items(list), numbers) { YES } else { NO };
                    *known = answer | (units as u8) << UNITS;
                }
                s.bytes.get_mut(lane).into_iter().for_each(|byte| *byte = *known);
            });
        }
        let most = arrays.largest();
        let most = most.0.div_ceil(8) + (most.1 + own).div_ceil(32);
        if most < MANY {
            let bytes = &s.bytes;
            let mask = &s.mask;
            s.bill.add_digits(COMPUTE, most, |k, set| {
                ops::test_bytes(set, bytes, 1 << (UNITS + k));
                masks::and(set, mask);
            });
        } else {
            self.charge_search(op);
        }
        let s = &mut *self.s;
        ops::test_bytes(&mut s.test, &s.bytes, YES);
        self.put_test(op, false);
        self.spend(searched / ELEMENTS);
    }

    /// What a search costs beyond its first unit.
    fn charge_search(&mut self, op: &LaneOp) {
        let (texts, arrays) = (self.given.texts, self.given.arrays);
        let s = &mut *self.s;
        let inputs = &self.given.inputs;
        let (b, c) = (s.columns.word(inputs, op.b), s.columns.word(inputs, op.c));
        let strings = op.x & OF_TEXTS != 0;
        if let Some(array) = c.uniform() {
            let (elements, bytes) = arrays.totals(array);
            let of = |bytes: u64| elements.div_ceil(8) + bytes.div_ceil(32);
            let (least, most) = match (strings, b.uniform()) {
                (false, _) => (0, 0),
                (true, Some(b)) => (texts.len_of(b), texts.len_of(b)),
                // One that is null has no bytes, and no id.
                (true, None) => (0, texts.range().1),
            };
            if of(bytes + least) == of(bytes + most) {
                return s.bill.add(COMPUTE, of(bytes + most), &s.mask, self.all);
            }
            return s
                .bill
                .add_each(COMPUTE, &s.mask, of(bytes + most), |lane| of(bytes + texts.len_of(b.bits(lane))));
        }
        let units =
            |(elements, bytes): (u64, u64), own: u64| elements.div_ceil(8) + (bytes + own).div_ceil(32);
        let (least, most) = match (strings, b.uniform()) {
            (false, _) => (0, 0),
            (true, Some(b)) => (texts.len_of(b), texts.len_of(b)),
            (true, None) => (0, texts.range().1),
        };
        let (least, most) = (units(arrays.smallest(), least), units(arrays.largest(), most));
        if least == most {
            return s.bill.add(COMPUTE, most, &s.mask, self.all);
        }
        s.bill.add_each(COMPUTE, &s.mask, most, |lane| {
            let (elements, bytes) = arrays.totals(c.bits(lane));
            let own = if strings { texts.len_of(b.bits(lane)) } else { 0 };
            elements.div_ceil(8) + (bytes + own).div_ceil(32)
        });
    }
}
