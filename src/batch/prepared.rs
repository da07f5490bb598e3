//! Columns of requests, looked over once: which requests are unusual, and texts as ids. Columns of numbers, truth values and
//! vectors are not copied.

use super::RequestColumns;
use super::columns::words::Words;
use super::columns::{Column, Optional};
use super::fill::word;
use super::intern::Interner;
use bumpalo::Bump;
use eclvm_kernel::lanes::{Arrays, Asks, Dictionary, InputColumn, LanePlan, NULL, masks, number_bits};
use eclvm_kernel::program::StdInput;
use eclvm_kernel::types::{Base, Ty};
use eclvm_kernel::value::{TrustVector, ValueRef};

/// How an input is handed on.
#[derive(Debug)]
enum Kept {
    AsGiven,
    Uniform(u64),
    Words(Vec<f64>),
    Six(Box<[Vec<f64>; 6]>),
}

/// What a column is for.
#[derive(Clone, Copy, Debug)]
struct Wanted<'p> {
    ty: Ty,
    /// Whether it must be there, and whether it may be null.
    required: bool,
    nullable: bool,
    /// What is asked of it, where that is little.
    asks: Option<&'p Asks>,
}

impl Wanted<'_> {
    fn standard(ty: Ty, required: bool) -> Self {
        Wanted { ty, required, nullable: false, asks: None }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    columns: Vec<Kept>,
    /// Requests that are unusual; empty where none is.
    odd: Vec<u64>,
    interner: Interner,
}

impl Prepared {
    /// Looks over the requests.
    pub(super) fn new(given: &RequestColumns<'_>, plan: &LanePlan, on_host: bool) -> Prepared {
        let program = plan.program();
        let mut prepared = Prepared::default();
        prepared.interner.begin(plan, false);
        for (at, (column, input)) in given.columns.iter().zip(&program.inputs).enumerate() {
            let asks = plan.asks(at);
            let nullable = input.ty.is_optional();
            prepared.add(given.rows, column, Wanted { ty: input.ty, required: !nullable, nullable, asks });
        }
        let [caller, realm, trust] = &given.standard;
        let mentions = |input| program.mentions(input);
        let with_caller = mentions(StdInput::Caller) || (on_host && mentions(StdInput::Trust));
        prepared.add(given.rows, caller, Wanted::standard(Ty::DID, with_caller));
        prepared.add(given.rows, realm, Wanted::standard(Ty::TEXT, mentions(StdInput::Realm)));
        if on_host {
            // The host's is the truth: one that is given is a key that nobody knows.
            prepared.columns.push(Kept::Uniform(NULL));
            let is_odd = |row: usize| match trust {
                Column::Values(values) => values.get(row) != Some(&ValueRef::Missing),
                Column::Uniform(ValueRef::Missing) => false,
                _ => true,
            };
            if !matches!(trust, Column::Uniform(ValueRef::Missing)) {
                (0..given.rows).filter(|row| is_odd(*row)).for_each(|row| prepared.mark(given.rows, row));
            }
        } else {
            prepared.add(given.rows, trust, Wanted::standard(Ty::TRUST, mentions(StdInput::Trust)));
        }
        if given.unknown_keys {
            prepared.mark_all(given.rows);
        }
        prepared
    }

    fn mark(&mut self, rows: usize, row: usize) {
        if self.odd.is_empty() {
            self.odd.resize(masks::words(rows), 0);
        }
        masks::insert(&mut self.odd, row);
    }
    fn mark_all(&mut self, rows: usize) {
        self.odd.resize(masks::words(rows), 0);
        self.odd.fill(u64::MAX);
    }

    /// Looks over one input.
    fn add(&mut self, rows: usize, column: &Column<'_>, wanted: Wanted<'_>) {
        let Wanted { ty, required, nullable, .. } = wanted;
        let kept = match column {
            Column::Numbers(numbers) => {
                self.mark_where(rows, numbers, |n| !n.is_finite());
                Kept::AsGiven
            }
            Column::Bools(_) => Kept::AsGiven,
            Column::Trust(six) => {
                for component in six {
                    self.mark_where(rows, component, |x| !(0.0..=1.0).contains(x));
                }
                Kept::AsGiven
            }
            Column::Texts(texts) => self.words(rows, wanted, |row| texts.get(row).map(|s| ValueRef::Text(s))),
            Column::Dids(dids) => self.words(rows, wanted, |row| dids.get(row).map(|d| ValueRef::Did(*d))),
            Column::Uniform(value) => self.uniform(rows, *value, wanted),
            Column::Strings(_) | Column::Lists(_) => self.typed(rows, column, wanted),
            Column::Optional(optional) => self.optional(rows, *optional, wanted),
            Column::Values(values) if !ty.is_array() && ty.base() == Base::Trust => {
                self.vectors(rows, values, wanted)
            }
            Column::Values(values) => self.words(rows, wanted, |row| match values.get(row).copied() {
                None | Some(ValueRef::Missing) if !required => None,
                Some(ValueRef::Null) if nullable => None,
                None => Some(ValueRef::Missing),
                value => value,
            }),
        };
        self.columns.push(kept);
    }
    /// Columns that say by themselves what they hold.
    fn typed(&mut self, rows: usize, column: &Column<'_>, wanted: Wanted<'_>) -> Kept {
        let Wanted { ty, nullable, asks, .. } = wanted;
        let mut odd = Vec::new();
        let mut words = Words { ty, nullable, asks, elements: false, interner: &mut self.interner };
        let words = words.of(column, None, 0..rows, &mut |row| odd.push(row));
        odd.into_iter().for_each(|row| self.mark(rows, row));
        Kept::Words(words.into_iter().map(f64::from_bits).collect())
    }
    /// A column with nulls. Where null does not belong, such requests are unusual, and the rest may be taken as it stands.
    fn optional(&mut self, rows: usize, optional: Optional<'_>, wanted: Wanted<'_>) -> Kept {
        let nullable = wanted.nullable;
        let (inner, valid) = (optional.column(), optional.validity());
        let as_given = matches!(inner, Column::Numbers(_) | Column::Bools(_) | Column::Trust(_));
        if !nullable && as_given {
            (0..rows).filter(|row| !valid.has(*row)).for_each(|row| self.mark(rows, row));
            self.add(rows, &inner, Wanted { required: true, ..wanted });
            return self.columns.pop().unwrap_or(Kept::Uniform(NULL));
        }
        let Column::Trust(given) = inner else {
            return self.typed(rows, &Column::Optional(optional), wanted);
        };
        let mut six: Box<[Vec<f64>; 6]> = Box::default();
        for (out, component) in six.iter_mut().zip(given) {
            out.extend((0..rows).map(|row| match component.get(row) {
                Some(x) if valid.has(row) => *x,
                _ => f64::from_bits(NULL),
            }));
        }
        for row in (0..rows).filter(|row| valid.has(*row)) {
            let vector = given.map(|component| component.get(row).copied().unwrap_or(f64::NAN));
            if !TrustVector(vector).is_valid() {
                self.mark(rows, row);
            }
        }
        Kept::Six(six)
    }
    /// Marks requests for which `wrong` holds.
    fn mark_where(&mut self, rows: usize, items: &[f64], wrong: impl Fn(&f64) -> bool) {
        for (at, chunk) in items.chunks(1_024).enumerate() {
            if chunk.iter().fold(false, |any, x| any | wrong(x)) {
                for (row, _) in chunk.iter().enumerate().filter(|(_, x)| wrong(x)) {
                    self.mark(rows, at * 1_024 + row);
                }
            }
        }
    }
    /// Bits of each value; null where there is None.
    fn words<'v>(
        &mut self,
        rows: usize,
        Wanted { ty, asks, .. }: Wanted<'_>,
        value: impl Fn(usize) -> Option<ValueRef<'v>>,
    ) -> Kept {
        let mut words = Vec::with_capacity(rows);
        for row in 0..rows {
            let bits = match value(row) {
                None => NULL,
                Some(value) => match word(&mut self.interner, asks, value, ty) {
                    Some(bits) => bits,
                    None => {
                        self.mark(rows, row);
                        NULL
                    }
                },
            };
            words.push(f64::from_bits(bits));
        }
        Kept::Words(words)
    }
    fn vectors(&mut self, rows: usize, values: &[ValueRef<'_>], wanted: Wanted<'_>) -> Kept {
        let Wanted { required, nullable, .. } = wanted;
        let mut six: Box<[Vec<f64>; 6]> = Box::default();
        for row in 0..rows {
            let vector = match values.get(row).copied().unwrap_or(ValueRef::Missing) {
                ValueRef::Trust(t) if t.is_valid() => *t,
                ValueRef::Missing if !required => TrustVector([f64::from_bits(NULL); 6]),
                ValueRef::Null if nullable => TrustVector([f64::from_bits(NULL); 6]),
                _ => {
                    self.mark(rows, row);
                    TrustVector::default()
                }
            };
            for (column, x) in six.iter_mut().zip(vector.0) {
                column.push(x);
            }
        }
        Kept::Six(six)
    }
    fn uniform(&mut self, rows: usize, value: ValueRef<'_>, wanted: Wanted<'_>) -> Kept {
        let Wanted { ty, required, nullable, asks } = wanted;
        match value {
            ValueRef::Missing if !required => Kept::Uniform(NULL),
            ValueRef::Null if nullable => Kept::Uniform(NULL),
            ValueRef::Trust(t) if !ty.is_array() && ty.base() == Base::Trust && t.is_valid() => Kept::AsGiven,
            ValueRef::Number(n) if ty == Ty::NUMBER && n.is_finite() => Kept::Uniform(number_bits(n)),
            value => match word(&mut self.interner, asks, value, ty) {
                Some(bits) => Kept::Uniform(bits),
                None => {
                    self.mark_all(rows);
                    Kept::Uniform(NULL)
                }
            },
        }
    }

    /// The columns, as the engine takes them.
    pub(super) fn columns<'a>(
        &'a self,
        given: &'a RequestColumns<'_>,
        bump: &'a Bump,
    ) -> &'a [InputColumn<'a>] {
        let all = given.columns.iter().chain(&given.standard);
        let columns = self.columns.iter().zip(all).map(|(kept, given)| match (kept, given.plain()) {
            (Kept::AsGiven, Column::Numbers(numbers)) => InputColumn::Words(numbers),
            (Kept::AsGiven, Column::Bools(bools)) => InputColumn::Bools(bools),
            (Kept::AsGiven, Column::Trust(six)) => InputColumn::Trust(six),
            (Kept::AsGiven, Column::Uniform(ValueRef::Trust(t))) => InputColumn::UniformTrust(t),
            (Kept::Words(words), _) => InputColumn::Words(words),
            (Kept::Six(six), _) => InputColumn::Trust(six.each_ref().map(Vec::as_slice)),
            (Kept::Uniform(bits), _) => InputColumn::Uniform(*bits),
            _ => InputColumn::Uniform(NULL),
        });
        bumpalo::collections::Vec::from_iter_in(columns, bump).into_bump_slice()
    }
    /// Makes `active` the ordinary requests among `lanes` from `from` on, which is a multiple of 64.
    pub(super) fn active(&self, from: usize, lanes: usize, active: &mut Vec<u64>) {
        active.clear();
        active.resize(masks::words(lanes), 0);
        masks::first(active, lanes);
        for (word, odd) in active.iter_mut().zip(self.odd.get(from / 64..).unwrap_or(&[])) {
            *word &= !odd;
        }
    }
    pub(super) fn texts(&self) -> &Dictionary {
        &self.interner.texts
    }
    pub(super) fn arrays(&self) -> &Arrays {
        &self.interner.arrays
    }
}
