//! Requests by column: one typed array per input, all of one length. `strings` are dictionaries, `nested` columns with nulls
//! and of lists, `owned` columns filled from iterators; `words` makes of them what the lanes engine takes.

mod nested;
mod owned;
mod strings;
pub(super) mod words;

pub use nested::{Lists, Offsets, Optional, Validity};
pub use owned::{ColumnValue, OwnedColumn};
pub use strings::Strings;

use super::Requests;
use super::prepared::Prepared;
use crate::policy::Policy;
use crate::wire::decode::fault_of;
use bumpalo::Bump;
use eclvm_kernel::fault::Fault;
use eclvm_kernel::lanes::LanePlan;
use eclvm_kernel::limits::MAX_ARRAY_ELEMENTS;
use eclvm_kernel::program::StdInput;
use eclvm_kernel::request::Request;
use eclvm_kernel::types::{Base, Ty};
use eclvm_kernel::value::{Did, TrustVector, ValueRef};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// One input of all requests.
#[derive(Clone, Copy, Debug)]
pub enum Column<'a> {
    /// Numbers.
    Numbers(&'a [f64]),
    /// Truth values.
    Bools(&'a [bool]),
    /// Texts.
    Texts(&'a [&'a str]),
    /// DIDs, checked when they were made.
    Dids(&'a [Did<'a>]),
    /// Trust vectors, component by component: six columns r, i, c, p, v, omega.
    Trust([&'a [f64]; 6]),
    /// Texts or DIDs, whichever the input is; one for each request or a dictionary.
    Strings(Strings<'a>),
    /// A list for each request.
    Lists(Lists<'a>),
    /// Any other column, with nulls.
    Optional(Optional<'a>),
    /// Anything, value by value.
    Values(&'a [ValueRef<'a>]),
    /// The same for every request.
    Uniform(ValueRef<'a>),
}

impl Column<'_> {
    fn len(&self) -> Option<usize> {
        match self {
            Column::Numbers(v) => Some(v.len()),
            Column::Bools(v) => Some(v.len()),
            Column::Texts(v) => Some(v.len()),
            Column::Dids(v) => Some(v.len()),
            Column::Trust(v) => v.iter().map(|c| c.len()).min(),
            Column::Strings(v) => Some(v.len()),
            Column::Lists(v) => Some(v.len()),
            Column::Optional(v) => v.len(),
            Column::Values(v) => Some(v.len()),
            Column::Uniform(_) => None,
        }
    }
    fn suits(&self, ty: Ty) -> bool {
        let ty = ty.required();
        match self {
            Column::Numbers(_) => ty == Ty::NUMBER,
            Column::Bools(_) => ty == Ty::BOOL,
            Column::Texts(_) => ty == Ty::TEXT,
            Column::Dids(_) => ty == Ty::DID,
            Column::Trust(_) => ty == Ty::TRUST,
            Column::Strings(_) => ty == Ty::TEXT || ty == Ty::DID,
            Column::Lists(v) => ty.elem().is_some_and(|elem| v.items().suits(elem)),
            Column::Optional(v) => v.column().suits(ty),
            Column::Values(_) | Column::Uniform(_) => true,
        }
    }
    /// Without its nulls.
    pub(crate) fn plain(&self) -> Self {
        match self {
            Column::Optional(optional) => optional.column(),
            column => *column,
        }
    }
}

/// Why columns do not make requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ColumnError {
    /// The policy has no input of this name.
    Unknown(String),
    /// The column's type is not the input's: the input, and its type.
    Type(String, Ty),
    /// The column is longer or shorter than the batch: the input, its length, the batch's.
    Length(String, usize, usize),
    /// A column that is made of others does not hold together.
    Layout(&'static str),
}

impl fmt::Display for ColumnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColumnError::Unknown(name) => write!(f, "the policy has no input `{name}`"),
            ColumnError::Type(name, ty) => write!(f, "input `{name}` is a {ty}, and the column is not"),
            ColumnError::Length(name, is, want) => {
                write!(f, "column `{name}` has {is} rows, the batch {want}")
            }
            ColumnError::Layout(what) => f.write_str(what),
        }
    }
}
impl std::error::Error for ColumnError {}

/// Requests of one policy, by column. Inputs without a column are missing.
///
/// ```
/// use eclvm::batch::{Batch, BatchOptions, Column, RequestColumns};
///
/// let policy = eclvm::Policy::compile("amount <= limit").unwrap();
/// let columns = RequestColumns::new(&policy, 3)
///     .with("amount", Column::Numbers(&[10.0, 20.0, 30.0]))
///     .unwrap()
///     .with("limit", Column::Numbers(&[15.0; 3]))
///     .unwrap();
/// let receipts = Batch::new(&policy, BatchOptions::default()).unwrap().run(&columns).unwrap();
/// assert_eq!(receipts.iter().filter(|r| r.passed()).count(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct RequestColumns<'a> {
    pub(super) rows: usize,
    policy: Policy,
    pub(super) columns: Vec<Column<'a>>,
    pub(super) standard: [Column<'a>; 3],
    pub(super) unknown_keys: bool,
    /// What the lanes engine wants to know, without and with host state: found out once.
    prepared: [OnceLock<Arc<Prepared>>; 2],
}

impl<'a> RequestColumns<'a> {
    /// `rows` requests to `policy`, no column set yet.
    pub fn new(policy: &Policy, rows: usize) -> RequestColumns<'a> {
        let missing = || Column::Uniform(ValueRef::Missing);
        RequestColumns {
            rows,
            policy: policy.clone(),
            columns: policy.inputs().iter().map(|_| missing()).collect(),
            standard: [missing(), missing(), missing()],
            unknown_keys: false,
            prepared: Default::default(),
        }
    }
    /// Sets the column of an input, or of `caller`, `realm` or `trust`.
    pub fn with(mut self, name: &str, column: Column<'a>) -> Result<Self, ColumnError> {
        let standard = [StdInput::Caller, StdInput::Realm, StdInput::Trust];
        let inputs = self.policy.inputs();
        let declared = inputs.iter().position(|input| &*input.name == name);
        let (slot, ty) = match declared {
            Some(at) => (self.columns.get_mut(at), inputs.get(at).map(|input| input.ty)),
            None => match standard.iter().position(|s| s.name() == name) {
                Some(at) => (self.standard.get_mut(at), standard.get(at).map(|s| s.ty())),
                None => (None, None),
            },
        };
        let (Some(slot), Some(ty)) = (slot, ty) else { return Err(ColumnError::Unknown(name.to_owned())) };
        if !column.suits(ty) {
            return Err(ColumnError::Type(name.to_owned(), ty));
        }
        match column.len() {
            Some(len) if len != self.rows => Err(ColumnError::Length(name.to_owned(), len, self.rows)),
            _ => {
                *slot = column;
                self.prepared = Default::default();
                Ok(self)
            }
        }
    }
    /// Sets the column of a slot as `wire::Schema` counts them: the inputs, then caller, realm, trust. It must be as long as
    /// the batch and of the input's type, or a fault.
    #[cfg(feature = "arrow")]
    pub(crate) fn set(&mut self, slot: usize, column: Column<'a>) {
        if let Some(place) = self.columns.iter_mut().chain(&mut self.standard).nth(slot) {
            *place = column;
        }
        self.prepared = Default::default();
    }
    /// Says that every request has a key that nobody knows, as from a file with a column of that name: a TypeMismatch, after
    /// all other input faults.
    #[must_use]
    pub fn with_unknown_keys(mut self) -> Self {
        self.unknown_keys = true;
        self.prepared = Default::default();
        self
    }
    /// Looks the requests over for the lanes engine: texts become ids, or what the policy asks of them, and what is
    /// unusual is marked. Else the first batch that takes them does; once is enough, for with and without host state each.
    /// Nothing where the policy has no lane plan.
    #[must_use]
    pub fn prepare(self, on_host: bool) -> Self {
        if let Ok(plan) = self.policy.lanes() {
            self.prepared(plan, on_host);
        }
        self
    }
    /// What `prepare` found; None where these are requests to another policy.
    pub(super) fn prepared(&self, plan: &LanePlan, on_host: bool) -> Option<&Arc<Prepared>> {
        let same = Arc::ptr_eq(plan.executable(), self.policy.executable());
        // One source compiled twice is one program.
        if !same && plan.program() != self.policy.program() {
            return None;
        }
        let [alone, host] = &self.prepared;
        let slot = if on_host { host } else { alone };
        Some(slot.get_or_init(|| Arc::new(Prepared::new(self, plan, on_host))))
    }
}

/// The value of a row, whose input has this type.
fn cell<'a>(column: &Column<'a>, ty: Ty, row: usize, bump: &'a Bump) -> ValueRef<'a> {
    let found = match column {
        Column::Numbers(v) => v.get(row).map(|n| ValueRef::Number(*n)),
        Column::Bools(v) => v.get(row).map(|b| ValueRef::Bool(*b)),
        Column::Texts(v) => v.get(row).map(|s| ValueRef::Text(s)),
        Column::Dids(v) => v.get(row).map(|d| ValueRef::Did(*d)),
        Column::Trust(v) => {
            let vector = v.map(|c| c.get(row).copied().unwrap_or(f64::NAN));
            Some(ValueRef::Trust(bump.alloc(TrustVector(vector))))
        }
        Column::Strings(v) => Some(match v.get(row) {
            Some(text) if ty.base() == Base::Did => Did::new(text).map_or(WRONG, ValueRef::Did),
            Some(text) => ValueRef::Text(text),
            None => WRONG,
        }),
        Column::Lists(v) => Some(match ty.elem() {
            Some(elem) => list(v, elem, row, bump),
            None => WRONG,
        }),
        Column::Optional(v) if !v.validity().has(row) => Some(ValueRef::Null),
        Column::Optional(v) => Some(cell(&v.column(), ty, row, bump)),
        Column::Values(v) => v.get(row).copied(),
        Column::Uniform(value) => Some(*value),
    };
    found.unwrap_or(ValueRef::Missing)
}

const WRONG: ValueRef<'static> = ValueRef::Invalid(Fault::TypeMismatch);

/// A list; of one that is too large nothing is kept but its fault. Recurses as deeply as the type is nested.
fn list<'a>(lists: &Lists<'a>, elem: Ty, row: usize, bump: &'a Bump) -> ValueRef<'a> {
    let (items, range) = (lists.items(), lists.range(row));
    if elements(lists, row..row + 1) <= MAX_ARRAY_ELEMENTS {
        return ValueRef::Array(bump.alloc_slice_fill_iter(range.map(|at| cell(&items, elem, at, bump))));
    }
    let mut scratch = Bump::new();
    for at in range {
        if let Some(fault) = fault_of(cell(&items, elem, at, &scratch), elem) {
            return ValueRef::Invalid(fault);
        }
        scratch.reset();
    }
    ValueRef::Invalid(Fault::ValueTooLarge)
}

/// Elements of some lists, nested ones counted.
fn elements(lists: &Lists<'_>, rows: Range<usize>) -> usize {
    let range = lists.ranges(&rows);
    range.len().saturating_add(match lists.items().plain() {
        Column::Lists(inner) => elements(&inner, range),
        _ => 0,
    })
}

impl Requests for RequestColumns<'_> {
    fn len(&self) -> usize {
        self.rows
    }
    fn columns(&self) -> Option<&RequestColumns<'_>> {
        Some(self)
    }
    fn request<'a>(&'a self, index: usize, bump: &'a Bump) -> Result<Request<'a>, Fault> {
        let cells = self.columns.iter().zip(self.policy.inputs());
        let inputs = bump.alloc_slice_fill_iter(cells.map(|(c, input)| cell(c, input.ty, index, bump)));
        let [caller, realm, trust] = &self.standard;
        Ok(Request {
            inputs,
            caller: cell(caller, Ty::DID, index, bump),
            realm: cell(realm, Ty::TEXT, index, bump),
            trust: cell(trust, Ty::TRUST, index, bump),
            unknown_keys: self.unknown_keys,
        })
    }
    fn realm(&self, index: usize) -> Option<&str> {
        let [_, realm, _] = &self.standard;
        match realm {
            Column::Optional(v) if !v.validity().has(index) => None,
            realm => match realm.plain() {
                Column::Texts(texts) => texts.get(index).copied(),
                Column::Strings(strings) => strings.get(index),
                Column::Values(values) => match values.get(index) {
                    Some(ValueRef::Text(realm)) => Some(realm),
                    _ => None,
                },
                Column::Uniform(ValueRef::Text(realm)) => Some(realm),
                _ => None,
            },
        }
    }
}
