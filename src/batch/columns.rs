//! Requests by column: one typed array per input, all of one length.

use super::Requests;
use super::prepared::Prepared;
use crate::policy::Policy;
use bumpalo::Bump;
use eclvm_kernel::fault::Fault;
use eclvm_kernel::lanes::LanePlan;
use eclvm_kernel::program::StdInput;
use eclvm_kernel::request::Request;
use eclvm_kernel::types::Ty;
use eclvm_kernel::value::{Did, TrustVector, ValueRef};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// One input of all requests.
#[derive(Clone, Debug)]
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
    /// Anything, value by value: lists, optionals (null where there is none).
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
            Column::Values(_) | Column::Uniform(_) => true,
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
}

impl fmt::Display for ColumnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColumnError::Unknown(name) => write!(f, "the policy has no input `{name}`"),
            ColumnError::Type(name, ty) => write!(f, "input `{name}` is a {ty}, and the column is not"),
            ColumnError::Length(name, is, want) => {
                write!(f, "column `{name}` has {is} rows, the batch {want}")
            }
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
    /// Looks the requests over for the lanes engine: texts become ids, and what is unusual is marked. Else the first batch
    /// that takes them does; once is enough, for with and without host state each. Nothing where the policy has no lane
    /// plan.
    #[must_use]
    pub fn prepare(self, on_host: bool) -> Self {
        if let Ok(plan) = self.policy.lanes() {
            self.prepared(plan, on_host);
        }
        self
    }
    /// What `prepare` found; None where these are requests to another policy.
    pub(super) fn prepared(&self, plan: &LanePlan, on_host: bool) -> Option<&Prepared> {
        if !Arc::ptr_eq(plan.executable(), self.policy.executable()) {
            return None;
        }
        let [alone, host] = &self.prepared;
        let slot = if on_host { host } else { alone };
        Some(slot.get_or_init(|| Arc::new(Prepared::new(self, plan, on_host))))
    }
}

fn cell<'a>(column: &Column<'a>, row: usize, bump: &'a Bump) -> ValueRef<'a> {
    let found = match column {
        Column::Numbers(v) => v.get(row).map(|n| ValueRef::Number(*n)),
        Column::Bools(v) => v.get(row).map(|b| ValueRef::Bool(*b)),
        Column::Texts(v) => v.get(row).map(|s| ValueRef::Text(s)),
        Column::Dids(v) => v.get(row).map(|d| ValueRef::Did(*d)),
        Column::Trust(v) => {
            let vector = v.map(|c| c.get(row).copied().unwrap_or(f64::NAN));
            Some(ValueRef::Trust(bump.alloc(TrustVector(vector))))
        }
        Column::Values(v) => v.get(row).copied(),
        Column::Uniform(value) => Some(*value),
    };
    found.unwrap_or(ValueRef::Missing)
}

impl Requests for RequestColumns<'_> {
    fn len(&self) -> usize {
        self.rows
    }
    fn columns(&self) -> Option<&RequestColumns<'_>> {
        Some(self)
    }
    fn request<'a>(&'a self, index: usize, bump: &'a Bump) -> Result<Request<'a>, Fault> {
        let inputs = bump.alloc_slice_fill_iter(self.columns.iter().map(|c| cell(c, index, bump)));
        let [caller, realm, trust] = &self.standard;
        Ok(Request {
            inputs,
            caller: cell(caller, index, bump),
            realm: cell(realm, index, bump),
            trust: cell(trust, index, bump),
            unknown_keys: false,
        })
    }
}
