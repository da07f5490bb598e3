//! Columns made of columns: with nulls, and of lists.

use super::owned::{Data, OwnedColumn};
use super::{Column, ColumnError};
use eclvm_kernel::lanes::masks;
use std::ops::Range;

/// Which requests have a value: one bit for each, the first in the lowest bit, 1 where there is one.
#[derive(Clone, Copy, Debug)]
pub struct Validity<'a> {
    words: &'a [u64],
    len: usize,
}

impl<'a> Validity<'a> {
    /// For `len` requests; None where there are fewer bits.
    #[must_use]
    pub fn new(words: &'a [u64], len: usize) -> Option<Validity<'a>> {
        (words.len() >= masks::words(len)).then_some(Validity { words, len })
    }
    /// Whether a request has a value.
    #[inline]
    #[must_use]
    pub fn has(&self, row: usize) -> bool {
        row < self.len && self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }
}

/// What a column is made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Inner<'a> {
    Column(&'a Column<'a>),
    Data(&'a Data),
    Owned(&'a OwnedColumn),
}

impl<'a> Inner<'a> {
    pub(super) fn get(self) -> Column<'a> {
        match self {
            Inner::Column(column) => *column,
            Inner::Data(data) => data.column(),
            Inner::Owned(owned) => owned.column(),
        }
    }
}

/// A column where some requests have null, which an optional input takes, and which for any other is a TypeMismatch of
/// its request. What the column holds there is not looked at.
#[derive(Clone, Copy, Debug)]
pub struct Optional<'a> {
    inner: Inner<'a>,
    validity: Validity<'a>,
}

impl<'a> Optional<'a> {
    /// Err where the column has nulls of its own already.
    pub fn new(column: &'a Column<'a>, validity: Validity<'a>) -> Result<Optional<'a>, ColumnError> {
        match column {
            Column::Optional(_) => Err(ColumnError::Layout("a column has nulls already")),
            _ => Ok(Optional { inner: Inner::Column(column), validity }),
        }
    }
    pub(super) fn of(data: &'a Data, validity: Validity<'a>) -> Optional<'a> {
        Optional { inner: Inner::Data(data), validity }
    }
    /// The values.
    pub(in crate::batch) fn column(&self) -> Column<'a> {
        self.inner.get()
    }
    pub(in crate::batch) fn validity(&self) -> Validity<'a> {
        self.validity
    }
    /// How many requests it is for; None where any number will do.
    pub(super) fn len(&self) -> Option<usize> {
        Some(self.column().len().map_or(self.validity.len, |len| len.min(self.validity.len)))
    }
}

/// Where the lists of a column end, in the widths that Arrow has.
#[derive(Clone, Copy, Debug)]
pub enum Offsets<'a> {
    /// 32 bits.
    Small(&'a [i32]),
    /// 64 bits.
    Large(&'a [i64]),
}

impl Offsets<'_> {
    fn len(&self) -> usize {
        match self {
            Offsets::Small(offsets) => offsets.len(),
            Offsets::Large(offsets) => offsets.len(),
        }
    }
    #[inline]
    fn get(&self, at: usize) -> usize {
        match self {
            Offsets::Small(offsets) => offsets.get(at).map_or(0, |x| usize::try_from(*x).unwrap_or(0)),
            Offsets::Large(offsets) => offsets.get(at).map_or(0, |x| usize::try_from(*x).unwrap_or(0)),
        }
    }
}

/// A list for each request: the elements of all of them in one column, and where each list begins and ends.
#[derive(Clone, Copy, Debug)]
pub struct Lists<'a> {
    offsets: Offsets<'a>,
    items: Inner<'a>,
}

impl<'a> Lists<'a> {
    /// `offsets` has one entry more than there are requests; the list of request `i` are the elements from `offsets[i]` up
    /// to `offsets[i + 1]`, the first of `items` being that of `offsets[0]`. Err where offsets go back, or beyond the
    /// elements.
    pub fn new(offsets: Offsets<'a>, items: &'a Column<'a>) -> Result<Lists<'a>, ColumnError> {
        let rising = match offsets {
            Offsets::Small(x) => x.first().is_some_and(|x| *x >= 0) && x.is_sorted(),
            Offsets::Large(x) => x.first().is_some_and(|x| *x >= 0) && x.is_sorted(),
        };
        let end = offsets.get(offsets.len().saturating_sub(1)).saturating_sub(offsets.get(0));
        if !rising || items.len().is_some_and(|len| end > len) {
            return Err(ColumnError::Layout("offsets of lists must rise, and stay within the elements"));
        }
        Ok(Lists { offsets, items: Inner::Column(items) })
    }
    pub(super) fn owned(offsets: &'a [i64], items: &'a OwnedColumn) -> Lists<'a> {
        Lists { offsets: Offsets::Large(offsets), items: Inner::Owned(items) }
    }
    /// How many requests it is for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }
    /// Whether it is for none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The elements of all lists.
    pub(super) fn items(&self) -> Column<'a> {
        self.items.get()
    }
    /// Which of them are those of a request.
    #[inline]
    pub(super) fn range(&self, row: usize) -> Range<usize> {
        self.ranges(&(row..row + 1))
    }
    /// Which of them are those of some requests together.
    pub(super) fn ranges(&self, rows: &Range<usize>) -> Range<usize> {
        let first = self.offsets.get(0);
        self.offsets.get(rows.start).saturating_sub(first)..self.offsets.get(rows.end).saturating_sub(first)
    }
}
