//! Requests that are structs of the caller's: a function for each input takes it from a struct. Columns are then filled field
//! by field, by loops that the compiler has made for the type, and no request is ever put together.

mod value;

pub use value::RowValue;

use super::columns::ColumnError;
use super::fill::Filling;
use super::{Requests, TypedRows};
use crate::policy::Policy;
use bumpalo::Bump;
use eclvm_kernel::fault::Fault;
use eclvm_kernel::program::{Program, StdInput};
use eclvm_kernel::request::Request;
use eclvm_kernel::types::Ty;
use eclvm_kernel::value::ValueRef;
use std::fmt;

/// Requests to one policy, one for each of some structs.
///
/// A field is a function from the struct to a value: a number (`f64`, or a whole number that an `f64` holds exactly), a truth
/// value, a string, a [`Did`](eclvm_kernel::value::Did), a [`TrustVector`](eclvm_kernel::value::TrustVector), a slice or `Vec` of plain ones, or an `Option` of any of these. Strings
/// and vectors are borrowed. Inputs without a field are missing.
///
/// ```
/// use eclvm::batch::{Batch, BatchOptions, Rows};
///
/// struct Order {
///     amount: f64,
///     tags: Vec<String>,
/// }
/// let orders = [
///     Order { amount: 20.0, tags: vec!["gift".to_owned()] },
///     Order { amount: 90.0, tags: Vec::new() },
/// ];
/// let source = "policy small(amount: number, tags: [string]) { return amount < 50 && !(\"void\" in tags); }";
/// let policy = eclvm::Policy::compile(source).unwrap();
/// let rows = Rows::new(&policy, &orders)
///     .with("amount", |order| order.amount)
///     .unwrap()
///     .with("tags", |order| &order.tags)
///     .unwrap();
/// let receipts = Batch::new(&policy, BatchOptions::default()).unwrap().run(&rows).unwrap();
/// assert!(receipts[0].passed() && !receipts[1].passed());
/// ```
pub struct Rows<'d, T> {
    items: &'d [T],
    policy: Policy,
    /// The policy's inputs in order, then caller, realm, trust.
    fields: Vec<Option<Box<dyn Field<'d, T> + 'd>>>,
    /// How many of them are inputs.
    inputs: usize,
}

impl<T> fmt::Debug for Rows<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = self.fields.iter().filter(|field| field.is_some()).count();
        f.debug_struct("Rows")
            .field("rows", &self.items.len())
            .field("fields", &given)
            .finish_non_exhaustive()
    }
}

const STANDARD: [StdInput; 3] = [StdInput::Caller, StdInput::Realm, StdInput::Trust];

impl<'d, T> Rows<'d, T> {
    /// Requests to `policy` of these structs, no field named yet.
    pub fn new(policy: &Policy, items: &'d [T]) -> Rows<'d, T> {
        let fields = (0..policy.inputs().len() + STANDARD.len()).map(|_| None).collect();
        Rows { items, policy: policy.clone(), fields, inputs: policy.inputs().len() }
    }
    /// Says where an input, or `caller`, `realm` or `trust`, is to be taken from.
    ///
    /// # Errors
    ///
    /// Where the policy has no such input, or one of another type.
    pub fn with<V: RowValue<'d>>(
        mut self,
        name: &str,
        field: impl Fn(&'d T) -> V + Sync + 'd,
    ) -> Result<Self, ColumnError> {
        let inputs = self.policy.inputs();
        let declared = inputs.iter().position(|input| &*input.name == name);
        let at = declared.or_else(|| Some(inputs.len() + STANDARD.iter().position(|s| s.name() == name)?));
        let Some(at) = at else { return Err(ColumnError::Unknown(name.to_owned())) };
        let ty = ty_of(&self.policy, at);
        if !V::suits(ty.required()) {
            return Err(ColumnError::Type(name.to_owned(), ty));
        }
        if let Some(slot) = self.fields.get_mut(at) {
            *slot = Some(Box::new(Named { ty, field }));
        }
        Ok(self)
    }
}

fn ty_of(policy: &Policy, at: usize) -> Ty {
    let inputs = policy.inputs();
    let standard = || STANDARD.get(at.wrapping_sub(inputs.len())).map_or(Ty::UNIT, |s| s.ty());
    inputs.get(at).map_or_else(standard, |input| input.ty)
}

/// An input of each struct.
trait Field<'d, T>: Sync {
    fn value<'a>(&self, item: &'d T, bump: &'a Bump) -> ValueRef<'a>
    where
        'd: 'a;
    /// The text, where it is one.
    fn text(&self, item: &'d T) -> Option<&'d str>;
    /// Puts the input of each of these, at most 64, into a column. The bits of those that are unusual.
    fn fill(&self, items: &'d [T], filling: Filling<'_>) -> u64;
}

struct Named<F> {
    ty: Ty,
    field: F,
}

impl<'d, T: 'd, V: RowValue<'d>, F: Fn(&'d T) -> V + Sync> Field<'d, T> for Named<F> {
    fn value<'a>(&self, item: &'d T, bump: &'a Bump) -> ValueRef<'a>
    where
        'd: 'a,
    {
        (self.field)(item).value(self.ty, bump)
    }
    fn text(&self, item: &'d T) -> Option<&'d str> {
        (self.field)(item).lent_text()
    }
    fn fill(&self, items: &'d [T], filling: Filling<'_>) -> u64 {
        V::fill(items.iter().map(&self.field), filling)
    }
}

impl<'d, T: Sync> Requests for Rows<'d, T> {
    fn len(&self) -> usize {
        self.items.len()
    }
    fn request<'a>(&'a self, index: usize, bump: &'a Bump) -> Result<Request<'a>, Fault> {
        let item = self.items.get(index).ok_or(Fault::TypeMismatch)?;
        let value = |field: &'a Option<Box<dyn Field<'d, T> + 'd>>| match field {
            Some(field) => field.value(item, bump),
            None => ValueRef::Missing,
        };
        let (inputs, standard) = self.fields.split_at_checked(self.inputs).unwrap_or_default();
        let inputs = match inputs {
            [] => &[],
            _ => &*bump
                .alloc_slice_fill_with(inputs.len(), |at| inputs.get(at).map_or(ValueRef::Missing, value)),
        };
        let [caller, realm, trust] = standard else { return Err(Fault::TypeMismatch) };
        let (caller, realm, trust) = (value(caller), value(realm), value(trust));
        Ok(Request { inputs, caller, realm, trust, unknown_keys: false })
    }
    fn realm(&self, index: usize) -> Option<&str> {
        let realm = self.inputs + STANDARD.iter().position(|s| *s == StdInput::Realm)?;
        self.fields.get(realm)?.as_ref()?.text(self.items.get(index)?)
    }
    fn typed(&self) -> Option<&dyn TypedRows> {
        Some(self)
    }
}

impl<T: Sync> TypedRows for Rows<'_, T> {
    fn program(&self) -> &Program {
        self.policy.program()
    }
    fn has(&self, input: usize) -> bool {
        self.fields.get(input).is_some_and(Option::is_some)
    }
    fn fill(&self, input: usize, from: usize, most: usize, filling: Filling<'_>) -> u64 {
        match (self.fields.get(input), self.items.get(from..from + most)) {
            (Some(Some(field)), Some(items)) => field.fill(items, filling),
            _ => u64::MAX,
        }
    }
}
