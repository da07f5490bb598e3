//! Typed columns as the words that the lanes engine takes: strings and lists become ids, or what a plan asks of
//! them, nulls the null pattern. What is unusual is named, and the scalar engine says what it means.

use super::super::asked::{asked_list, asked_text};
use super::super::fill::word;
use super::super::intern::Interner;
use super::nested::{Lists, Validity};
use super::strings::Strings;
use super::{Column, cell};
use bumpalo::Bump;
use eclvm_kernel::lanes::{Arrays, Asks, Element, NULL, number_bits};
use eclvm_kernel::limits::{MAX_ARRAY_ELEMENTS, MAX_TEXT_BYTES};
use eclvm_kernel::types::{Base, Ty};
use eclvm_kernel::value::{Did, ValueRef};
use std::ops::Range;

/// A string of a dictionary that nobody has named yet, and one that is unusual. Ids of texts are shorter.
const UNSEEN: u64 = u64::MAX;
const UNUSUAL: u64 = u64::MAX - 1;

/// Words of some rows of a column.
pub(in crate::batch) struct Words<'p> {
    pub(in crate::batch) ty: Ty,
    /// Whether null belongs to it.
    pub(in crate::batch) nullable: bool,
    /// What is asked of them, where that is little.
    pub(in crate::batch) asks: Option<&'p Asks>,
    /// Whether they are the elements of the lists of which it is asked: then a word has the bits of an [`Element`].
    pub(in crate::batch) elements: bool,
    pub(in crate::batch) interner: &'p mut Interner,
}

impl Words<'_> {
    /// One word for each of `rows`; `odd` is told of rows whose word means nothing.
    pub(in crate::batch) fn of(
        &mut self,
        column: &Column<'_>,
        valid: Option<Validity<'_>>,
        rows: Range<usize>,
        odd: &mut dyn FnMut(usize),
    ) -> Vec<u64> {
        match column {
            Column::Optional(optional) => self.of(&optional.column(), Some(optional.validity()), rows, odd),
            Column::Numbers(numbers) => self.each(valid, rows, odd, |_, row| {
                numbers.get(row).filter(|x| x.is_finite()).map(|x| number_bits(*x))
            }),
            Column::Bools(bools) => {
                self.each(valid, rows, odd, |_, row| bools.get(row).map(|x| u64::from(*x)))
            }
            Column::Texts(texts) => self.each(valid, rows, odd, |words, row| words.string(texts.get(row)?)),
            Column::Dids(dids) => {
                self.each(valid, rows, odd, |words, row| words.interner.did(dids.get(row)?.as_str()))
            }
            Column::Strings(strings) => self.strings(strings, valid, rows, odd),
            Column::Lists(lists) => self.lists(lists, valid, rows, odd),
            Column::Trust(_) => self.each(valid, rows, odd, |_, _| None),
            Column::Values(_) | Column::Uniform(_) => {
                let mut bump = Bump::new();
                self.each(valid, rows, odd, |words, row| {
                    bump.reset();
                    match cell(column, words.ty, row, &bump) {
                        ValueRef::Text(text) if words.elements => words.string(text),
                        _ if words.elements => None,
                        ValueRef::Null if words.nullable => Some(NULL),
                        value => word(words.interner, words.asks, value, words.ty),
                    }
                })
            }
        }
    }

    /// Asks for each row that has a value.
    fn each(
        &mut self,
        valid: Option<Validity<'_>>,
        rows: Range<usize>,
        odd: &mut dyn FnMut(usize),
        mut word: impl FnMut(&mut Self, usize) -> Option<u64>,
    ) -> Vec<u64> {
        let mut words = Vec::with_capacity(rows.len());
        for row in rows {
            let there = valid.is_none_or(|valid| valid.has(row));
            let found = match there {
                true => word(self, row),
                false if self.nullable => Some(NULL),
                false => None,
            };
            words.push(found.unwrap_or_else(|| {
                odd(row);
                NULL
            }));
        }
        words
    }

    fn string(&mut self, text: &str) -> Option<u64> {
        match self.ty.base() {
            Base::Text if text.len() <= MAX_TEXT_BYTES => match self.asks {
                Some(asks) if self.elements => Some(asks.element(text, asks.of()).to_bits()),
                Some(asks) => asked_text(asks, text),
                None => self.interner.text(text),
            },
            Base::Did => Did::new(text).and_then(|did| self.interner.did(did.as_str())),
            _ => None,
        }
    }

    /// Strings of a dictionary are looked at once each, when a row names them first.
    fn strings(
        &mut self,
        strings: &Strings<'_>,
        valid: Option<Validity<'_>>,
        rows: Range<usize>,
        odd: &mut dyn FnMut(usize),
    ) -> Vec<u64> {
        // Of a dictionary much larger than the rows most would be room for nothing.
        let keys = strings.keys().filter(|_| strings.distinct() <= 4 * rows.len());
        let Some(keys) = keys else {
            return self.each(valid, rows, odd, |words, row| words.string(strings.get(row)?));
        };
        let mut seen = vec![UNSEEN; strings.distinct()];
        self.each(valid, rows, odd, |words, row| {
            let key = *keys.get(row)? as usize;
            let slot = seen.get_mut(key)?;
            if *slot == UNSEEN {
                *slot = strings.text(key).and_then(|text| words.string(text)).unwrap_or(UNUSUAL);
            }
            (*slot != UNUSUAL).then_some(*slot)
        })
    }

    /// All elements first, as one column; each list is then a piece of it.
    fn lists(
        &mut self,
        lists: &Lists<'_>,
        valid: Option<Validity<'_>>,
        rows: Range<usize>,
        odd: &mut dyn FnMut(usize),
    ) -> Vec<u64> {
        let Some(elem) = self.ty.elem().filter(|_| Arrays::suits(self.ty)) else {
            return self.each(valid, rows, odd, |_, _| None);
        };
        let all = lists.ranges(&rows);
        let from = all.start;
        let mut wrong = Vec::new();
        let (asks, nullable) = (self.asks, elem.is_optional());
        let mut elements =
            Words { ty: elem, nullable, asks, elements: asks.is_some(), interner: self.interner };
        let items = elements.of(&lists.items(), None, all, &mut |item| wrong.push(item));
        let has_texts = elem.base() == Base::Text;
        self.each(valid, rows, odd, |words, row| {
            let range = lists.range(row);
            let first_wrong = wrong.partition_point(|item| *item < range.start);
            if range.len() > MAX_ARRAY_ELEMENTS || wrong.get(first_wrong).is_some_and(|at| *at < range.end) {
                return None;
            }
            let list = items.get(range.start - from..range.end - from)?;
            if let Some(asks) = words.asks {
                return asked_list(words.interner, asks, list, |bits, _| Some(Element::of_bits(*bits)));
            }
            let bytes = match has_texts {
                true => list
                    .iter()
                    .filter(|id| **id != NULL)
                    .fold(0u64, |sum, id| sum + words.interner.texts.text(*id as usize).len() as u64),
                false => 0,
            };
            words.interner.list(list, bytes)
        })
    }
}
