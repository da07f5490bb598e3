//! Which column of an Arrow schema is which key of a policy.

use super::convert::{convert, with_nulls};
use super::trust;
use crate::batch::{Column, ColumnError, RequestColumns};
use crate::kernel::fault::Fault;
use crate::kernel::types::{Base, Ty};
use crate::kernel::value::{TrustVector, ValueRef};
use crate::policy::Policy;
use crate::wire::Schema;
use arrow_array::{Array, RecordBatch, new_empty_array};
use arrow_schema::DataType;
use bumpalo::Bump;
use std::fmt;

const WRONG: Column<'static> = Column::Uniform(ValueRef::Invalid(Fault::TypeMismatch));

/// The columns of an Arrow schema, matched to the keys of a policy.
#[derive(Clone, Debug)]
pub struct ArrowSchema {
    policy: Policy,
    /// One for each key that the schema has.
    keys: Vec<Key>,
    width: usize,
    unknown: bool,
    problems: Vec<ColumnProblem>,
}

#[derive(Clone, Debug)]
struct Key {
    name: Box<str>,
    slot: usize,
    ty: Ty,
    source: Source,
}

/// Where the values of a key come from.
#[derive(Clone, Debug)]
enum Source {
    Column(usize),
    /// Components of a trust vector.
    Six([Option<usize>; 6]),
    /// Two columns: a key given twice.
    Twice,
}

/// What makes every request of a schema a fault, or every one with a value in some column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ColumnProblem {
    /// The policy knows no key of this name.
    Unknown(String),
    /// The column's type is not the input's: the column, its type, the input's type.
    Type(String, DataType, Ty),
    /// Two columns are the same key.
    Twice(String),
    /// Of a trust vector in columns some are missing: the key, and the names of those.
    Components(String, String),
}

impl fmt::Display for ColumnProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColumnProblem::Unknown(name) => {
                write!(f, "column `{name}`: the policy has no input of this name")
            }
            ColumnProblem::Type(name, is, want) => write!(f, "column `{name}` is {is}, the input a {want}"),
            ColumnProblem::Twice(name) => write!(f, "column `{name}`: its input has another column already"),
            ColumnProblem::Components(name, missing) => {
                write!(f, "trust vector `{name}` lacks the columns {missing}")
            }
        }
    }
}
impl std::error::Error for ColumnProblem {}

impl ArrowSchema {
    /// Matches a schema to a policy. `has_state`: whether the batch runs on a host; then `trust` is no key.
    #[must_use]
    pub fn new(policy: &Policy, schema: &arrow_schema::Schema, has_state: bool) -> ArrowSchema {
        let known = Schema::new(policy.program(), has_state);
        let mut this = ArrowSchema {
            policy: policy.clone(),
            keys: Vec::new(),
            width: schema.fields().len(),
            unknown: false,
            problems: Vec::new(),
        };
        // The place in `keys` of each slot that was seen.
        let mut seen: Vec<Option<usize>> = vec![None; known.slots()];
        for (index, field) in schema.fields().iter().enumerate() {
            let name = field.name();
            match known.find(name.as_bytes(), index) {
                Some((_, key)) => {
                    let bump = Bump::new();
                    let example = new_empty_array(field.data_type());
                    if convert(example.as_ref(), 0..0, key.ty, &bump).is_none() {
                        let is = field.data_type().clone();
                        this.problems.push(ColumnProblem::Type(name.clone(), is, key.ty));
                    }
                    this.claim(&mut seen, key.slot, name, name, key.ty, Source::Column(index));
                }
                None => match component(&known, name) {
                    Some((slot, ty, k, of)) => {
                        let mut six = [None; 6];
                        if let Some(column) = six.get_mut(k) {
                            *column = Some(index);
                        }
                        this.claim(&mut seen, slot, of, name, ty, Source::Six(six));
                    }
                    None => {
                        this.unknown = true;
                        this.problems.push(ColumnProblem::Unknown(name.clone()));
                    }
                },
            }
        }
        this.lacking();
        this
    }

    fn claim(
        &mut self,
        seen: &mut [Option<usize>],
        slot: usize,
        name: &str,
        column: &str,
        ty: Ty,
        source: Source,
    ) {
        let at = seen.get_mut(slot);
        let Some(key) = at.as_deref().copied().flatten().and_then(|at| self.keys.get_mut(at)) else {
            if let Some(at) = at {
                *at = Some(self.keys.len());
            }
            self.keys.push(Key { name: name.into(), slot, ty, source });
            return;
        };
        match (&mut key.source, source) {
            (Source::Six(have), Source::Six(more))
                if have.iter().zip(&more).all(|(a, b)| a.is_none() || b.is_none()) =>
            {
                have.iter_mut().zip(more).for_each(|(have, more)| *have = have.or(more));
            }
            (source, _) => {
                *source = Source::Twice;
                self.problems.push(ColumnProblem::Twice(column.to_owned()));
            }
        }
    }
    /// Says of vectors in columns which are missing.
    fn lacking(&mut self) {
        for key in &self.keys {
            if let Source::Six(six) = &key.source {
                let missing = TrustVector::NAMES.iter().zip(six).filter(|(_, column)| column.is_none());
                let missing: Vec<String> =
                    missing.map(|(name, _)| format!("`{}.{name}`", key.name)).collect();
                if !missing.is_empty() {
                    self.problems.push(ColumnProblem::Components(key.name.to_string(), missing.join(", ")));
                }
            }
        }
    }

    /// What will make requests faults, whatever their values. Empty where the schema fits.
    #[must_use]
    pub fn problems(&self) -> &[ColumnProblem] {
        &self.problems
    }
    /// The columns that are read, ascending.
    #[must_use]
    pub fn used(&self) -> Vec<usize> {
        let mut used: Vec<usize> = Vec::new();
        for key in &self.keys {
            match &key.source {
                Source::Column(index) => used.push(*index),
                Source::Six(six) => used.extend(six.iter().flatten()),
                Source::Twice => {}
            }
        }
        used.sort_unstable();
        used
    }

    /// The requests of a record batch of this schema. What is not borrowed from it is put on `bump`.
    ///
    /// # Errors
    /// [`ColumnError::Layout`] where the batch has fewer columns than the schema.
    pub fn columns<'a>(
        &self,
        batch: &'a RecordBatch,
        bump: &'a Bump,
    ) -> Result<RequestColumns<'a>, ColumnError> {
        if batch.num_columns() != self.width {
            return Err(ColumnError::Layout("the record batch has other columns than the schema"));
        }
        self.columns_of(batch, bump, Some)
    }
    /// The same of a batch that has only some of the columns; `place` says which is where.
    pub(super) fn columns_of<'a>(
        &self,
        batch: &'a RecordBatch,
        bump: &'a Bump,
        place: impl Fn(usize) -> Option<usize>,
    ) -> Result<RequestColumns<'a>, ColumnError> {
        let rows = batch.num_rows();
        let mut columns = RequestColumns::new(&self.policy, rows);
        let array = |index: usize| -> Result<&'a dyn Array, ColumnError> {
            let array = place(index).and_then(|place| batch.columns().get(place));
            array.map(AsRef::as_ref).ok_or(ColumnError::Layout("the record batch lacks a column"))
        };
        for key in &self.keys {
            let column = match &key.source {
                Source::Column(index) => {
                    let array = array(*index)?;
                    let column = convert(array, 0..rows, key.ty, bump);
                    column.unwrap_or_else(|| with_nulls(WRONG, array, &(0..rows), bump))
                }
                Source::Six(six) => {
                    let mut arrays = [None; 6];
                    for (slot, index) in arrays.iter_mut().zip(six) {
                        *slot = index.map(array).transpose()?;
                    }
                    trust::of_columns(arrays, rows, bump)
                }
                Source::Twice => WRONG,
            };
            columns.set(key.slot, column);
        }
        Ok(if self.unknown { columns.with_unknown_keys() } else { columns })
    }
}

/// `name.r` and so on, where `name` is a trust vector: its slot and type, which component, and `name`.
fn component<'n>(known: &Schema, column: &'n str) -> Option<(usize, Ty, usize, &'n str)> {
    let (name, component) = column.rsplit_once('.')?;
    let component = TrustVector::NAMES.iter().position(|known| *known == component)?;
    let (_, key) = known.find(name.as_bytes(), 0)?;
    (!key.ty.is_array() && key.ty.base() == Base::Trust).then_some((key.slot, key.ty, component, name))
}
