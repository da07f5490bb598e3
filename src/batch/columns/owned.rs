//! Columns that own what they hold, filled from iterators.

use super::Column;
use super::nested::{Lists, Optional, Validity};
use super::strings::Strings;
use eclvm_kernel::lanes::masks;
use eclvm_kernel::value::{Did, TrustVector};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// A column filled from an iterator: of numbers, truth values, texts, [`Did`]s, trust vectors, of `Option`s of these, or of
/// `Vec`s (lists). Equal texts are kept once.
///
/// ```
/// use eclvm::batch::{Batch, BatchOptions, OwnedColumn, RequestColumns};
///
/// let orders = [(20.0, Some("EUR")), (30.0, None)];
/// let amounts: OwnedColumn = orders.iter().map(|order| order.0).collect();
/// let currencies: OwnedColumn = orders.iter().map(|order| order.1).collect();
///
/// let source = "policy p(amount: number, currency: string?) { return amount < 25 && currency == \"EUR\"; }";
/// let policy = eclvm::Policy::compile(source).unwrap();
/// let columns = RequestColumns::new(&policy, orders.len())
///     .with("amount", amounts.column())
///     .unwrap()
///     .with("currency", currencies.column())
///     .unwrap();
/// let receipts = Batch::new(&policy, BatchOptions::default()).unwrap().run(&columns).unwrap();
/// assert!(receipts[0].passed() && !receipts[1].passed());
/// ```
#[derive(Debug)]
pub struct OwnedColumn {
    data: Data,
    rows: usize,
    /// One bit for each; empty where none is null.
    valid: Vec<u64>,
}

#[derive(Debug)]
pub(super) enum Data {
    Numbers(Vec<f64>),
    Bools(Vec<bool>),
    Strings { keys: Vec<u32>, texts: Vec<Box<str>>, known: HashMap<Box<str>, u32, RandomState> },
    Trust(Box<[Vec<f64>; 6]>),
    Lists { offsets: Vec<i64>, items: Box<OwnedColumn> },
}

impl Data {
    pub(super) fn column(&self) -> Column<'_> {
        match self {
            Data::Numbers(numbers) => Column::Numbers(numbers),
            Data::Bools(bools) => Column::Bools(bools),
            Data::Strings { keys, texts, .. } => Column::Strings(Strings::owned(keys, texts)),
            Data::Trust(six) => Column::Trust(six.each_ref().map(Vec::as_slice)),
            Data::Lists { offsets, items } => Column::Lists(Lists::owned(offsets, items)),
        }
    }
    fn string(&mut self, text: &str) {
        let Data::Strings { keys, texts, known } = self else { return };
        let key = match known.get(text) {
            Some(key) => *key,
            None => {
                // 2^32 texts do not fit into memory; were there so many, the last would be beyond the dictionary.
                let key = u32::try_from(texts.len()).unwrap_or(u32::MAX);
                known.insert(text.into(), key);
                texts.push(text.into());
                key
            }
        };
        keys.push(key);
    }
    /// Something that nobody looks at.
    fn nothing(&mut self) {
        match self {
            Data::Numbers(numbers) => numbers.push(0.0),
            Data::Bools(bools) => bools.push(false),
            Data::Strings { keys, .. } => keys.push(0),
            Data::Trust(six) => six.iter_mut().for_each(|component| component.push(0.0)),
            Data::Lists { offsets, .. } => offsets.push(offsets.last().copied().unwrap_or(0)),
        }
    }
}

impl OwnedColumn {
    fn new(data: Data) -> OwnedColumn {
        OwnedColumn { data, rows: 0, valid: Vec::new() }
    }
    /// As [`super::RequestColumns::with`] takes it.
    #[must_use]
    pub fn column(&self) -> Column<'_> {
        match Validity::new(&self.valid, self.rows) {
            Some(validity) if !self.valid.is_empty() => Column::Optional(Optional::of(&self.data, validity)),
            _ => self.data.column(),
        }
    }
    /// How many requests it is for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }
    /// Whether it is for none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }
    fn put<T: ColumnItem>(&mut self, item: T) {
        item.put(&mut self.data);
        self.rows += 1;
        if !self.valid.is_empty() {
            self.valid.resize(masks::words(self.rows), 0);
            masks::insert(&mut self.valid, self.rows - 1);
        }
    }
    fn put_null(&mut self) {
        if self.valid.is_empty() {
            self.valid.resize(masks::words(self.rows), 0);
            masks::first(&mut self.valid, self.rows);
        }
        self.data.nothing();
        self.rows += 1;
        self.valid.resize(masks::words(self.rows), 0);
    }
}

impl<T: ColumnValue> FromIterator<T> for OwnedColumn {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> OwnedColumn {
        let mut column = T::start();
        items.into_iter().for_each(|item| item.add(&mut column));
        column
    }
}

/// What columns are made of: see [`OwnedColumn`].
pub trait ColumnValue: sealed::Add {}
impl<T: sealed::Add> ColumnValue for T {}

mod sealed {
    use super::OwnedColumn;

    /// What can be added to a column.
    pub trait Add {
        #[doc(hidden)]
        fn start() -> OwnedColumn;
        #[doc(hidden)]
        fn add(self, column: &mut OwnedColumn);
    }
}
use sealed::Add;

/// A value that is not null.
trait ColumnItem {
    fn put(self, data: &mut Data);
}

macro_rules! items {
    ($($item:ty, $start:expr, ($value:ident, $data:ident) => $put:expr;)*) => {$(
        impl ColumnItem for $item {
            fn put(self, $data: &mut Data) {
                let $value = self;
                $put
            }
        }
        impl Add for $item {
            fn start() -> OwnedColumn {
                OwnedColumn::new($start)
            }
            fn add(self, column: &mut OwnedColumn) {
                column.put(self);
            }
        }
    )*};
}

fn strings() -> Data {
    Data::Strings { keys: Vec::new(), texts: Vec::new(), known: HashMap::default() }
}

items! {
    f64, Data::Numbers(Vec::new()), (x, data) => if let Data::Numbers(numbers) = data { numbers.push(x) };
    bool, Data::Bools(Vec::new()), (x, data) => if let Data::Bools(bools) = data { bools.push(x) };
    &str, strings(), (x, data) => data.string(x);
    Did<'_>, strings(), (x, data) => data.string(x.as_str());
    TrustVector, Data::Trust(Box::default()), (x, data) => if let Data::Trust(six) = data {
        six.iter_mut().zip(x.0).for_each(|(component, x)| component.push(x));
    };
}

impl<T: Add> ColumnItem for Vec<T> {
    fn put(self, data: &mut Data) {
        if let Data::Lists { offsets, items } = data {
            self.into_iter().for_each(|item| item.add(items));
            offsets.push(i64::try_from(items.rows).unwrap_or(i64::MAX));
        }
    }
}
impl<T: Add> Add for Vec<T> {
    fn start() -> OwnedColumn {
        OwnedColumn::new(Data::Lists { offsets: vec![0], items: Box::new(T::start()) })
    }
    fn add(self, column: &mut OwnedColumn) {
        column.put(self);
    }
}
impl<T: Add> Add for Option<T> {
    fn start() -> OwnedColumn {
        T::start()
    }
    fn add(self, column: &mut OwnedColumn) {
        match self {
            Some(item) => item.add(column),
            None => column.put_null(),
        }
    }
}
