//! Requests that are structs of the caller's: a function for each input takes it from a struct. Columns are then filled field
//! by field, by loops that the compiler has made for the type, and no request is ever put together.

use super::columns::ColumnError;
use super::fill::Filling;
use super::intern::{Interner, SHORT};
use super::{Requests, TypedRows};
use crate::policy::Policy;
use bumpalo::Bump;
use eclvm_kernel::fault::Fault;
use eclvm_kernel::lanes::{Asks, NULL};
use eclvm_kernel::limits::{MAX_ARRAY_ELEMENTS, MAX_TEXT_BYTES};
use eclvm_kernel::program::{Program, StdInput};
use eclvm_kernel::request::Request;
use eclvm_kernel::types::{Base, Ty};
use eclvm_kernel::value::{Did, TrustVector, ValueRef};
use std::fmt;

/// Requests to one policy, one for each of some structs.
///
/// A field is a function from the struct to a value: a number (`f64`, or a whole number that an `f64` holds exactly), a truth
/// value, a string, a [`Did`], a [`TrustVector`], a slice or `Vec` of plain ones, or an `Option` of any of these. Strings
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
        Rows { items, policy: policy.clone(), fields }
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
        let (inputs, standard) = self.fields.split_at(self.policy.inputs().len());
        let inputs = bump.alloc_slice_fill_iter(inputs.iter().map(value));
        let mut standard = standard.iter().map(value);
        let mut next = || standard.next().unwrap_or(ValueRef::Missing);
        Ok(Request { inputs, caller: next(), realm: next(), trust: next(), unknown_keys: false })
    }
    fn realm(&self, index: usize) -> Option<&str> {
        let realm = self.policy.inputs().len() + STANDARD.iter().position(|s| *s == StdInput::Realm)?;
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

/// What a field may be: see [`Rows`].
pub trait RowValue<'d>: sealed::Value<'d> {}
impl<'d, V: sealed::Value<'d>> RowValue<'d> for V {}

mod sealed {
    use super::{Bump, Filling, Interner, Ty, ValueRef};

    /// What an input is taken from.
    pub trait Value<'d>: Sized {
        /// Whether inputs of this type take it, null aside.
        #[doc(hidden)]
        fn suits(ty: Ty) -> bool;
        #[doc(hidden)]
        fn value<'a>(self, ty: Ty, bump: &'a Bump) -> ValueRef<'a>
        where
            'd: 'a;
        /// The text that it is, if it is one.
        #[doc(hidden)]
        fn lent_text(self) -> Option<&'d str> {
            None
        }
        /// Puts it into a place of a column; false where it is unusual.
        #[doc(hidden)]
        fn put(self, at: usize, filling: &mut Filling<'_>) -> bool;
        /// Puts at most 64 into a column. The bits of those that are unusual.
        #[doc(hidden)]
        #[inline(always)]
        fn fill(values: impl Iterator<Item = Self> + Clone, mut filling: Filling<'_>) -> u64 {
            let mut odd = 0;
            for (at, value) in values.enumerate() {
                odd |= u64::from(!value.put(at, &mut filling)) << (at % 64);
            }
            odd
        }
    }

    /// What lists are made of, and what is borrowed as one word.
    pub trait Item {
        /// Whether it is a text: then they are looked up together.
        #[doc(hidden)]
        const IS_TEXT: bool = false;
        /// The text, where it is an ordinary one.
        #[doc(hidden)]
        #[inline(always)]
        fn text(&self, _ty: Ty) -> Option<&str> {
            None
        }
        #[doc(hidden)]
        fn is_of(ty: Ty) -> bool;
        #[doc(hidden)]
        fn given(&self, ty: Ty) -> ValueRef<'_>;
        /// None where it is unusual.
        #[doc(hidden)]
        fn word(&self, ty: Ty, interner: &mut Interner) -> Option<u64>;
        /// Bytes of text.
        #[doc(hidden)]
        #[inline(always)]
        fn text_bytes(&self, _ty: Ty) -> usize {
            0
        }
    }
}
use sealed::{Item, Value};

/// Values that are copied.
macro_rules! plain {
    ($($item:ty, $ty:ident, ($x:ident) => $given:expr, $word:expr;)*) => {$(
        impl Item for $item {
            fn is_of(ty: Ty) -> bool {
                ty.required() == Ty::$ty
            }
            fn given(&self, _: Ty) -> ValueRef<'_> {
                let $x = *self;
                $given
            }
            #[inline(always)]
            fn word(&self, _: Ty, _: &mut Interner) -> Option<u64> {
                let $x = *self;
                $word
            }
        }
        impl<'d> Value<'d> for $item {
            fn suits(ty: Ty) -> bool {
                <$item as Item>::is_of(ty)
            }
            fn value<'a>(self, _: Ty, _: &'a Bump) -> ValueRef<'a>
            where
                'd: 'a,
            {
                let $x = self;
                $given
            }
            #[inline(always)]
            fn put(self, at: usize, filling: &mut Filling<'_>) -> bool {
                let $x = self;
                let word: Option<u64> = $word;
                filling.put(at, word)
            }
        }
    )*};
}
macro_rules! numbers {
    ($($number:ty)*) => {
        plain! {$(
            $number, NUMBER, (x) => ValueRef::Number(f64::from(x)), {
                let n = f64::from(x);
                n.is_finite().then_some(n.to_bits())
            };
        )*}
    };
}
numbers! { f64 f32 u8 i8 u16 i16 u32 i32 }
plain! { bool, BOOL, (x) => ValueRef::Bool(x), Some(u64::from(x)); }

impl Item for str {
    const IS_TEXT: bool = true;
    #[inline(always)]
    fn text(&self, ty: Ty) -> Option<&str> {
        // Whether a string is a DID, each must show by itself.
        (ty.base() == Base::Text && self.len() <= MAX_TEXT_BYTES).then_some(self)
    }
    fn is_of(ty: Ty) -> bool {
        ty.required() == Ty::TEXT || ty.required() == Ty::DID
    }
    fn given(&self, ty: Ty) -> ValueRef<'_> {
        match ty.base() {
            Base::Did => Did::new(self).map_or(ValueRef::Invalid(Fault::TypeMismatch), ValueRef::Did),
            _ => ValueRef::Text(self),
        }
    }
    #[inline(always)]
    fn word(&self, ty: Ty, interner: &mut Interner) -> Option<u64> {
        match ty.base() {
            Base::Did => Did::new(self).and_then(|did| interner.did(did.as_str())),
            _ if self.len() <= MAX_TEXT_BYTES => interner.text(self),
            _ => None,
        }
    }
    #[inline(always)]
    fn text_bytes(&self, ty: Ty) -> usize {
        if ty.base() == Base::Did { 0 } else { self.len() }
    }
}

impl Item for Did<'_> {
    const IS_TEXT: bool = true;
    #[inline(always)]
    fn text(&self, _: Ty) -> Option<&str> {
        Some(self.as_str())
    }
    fn is_of(ty: Ty) -> bool {
        ty.required() == Ty::DID
    }
    fn given(&self, _: Ty) -> ValueRef<'_> {
        ValueRef::Did(*self)
    }
    #[inline(always)]
    fn word(&self, _: Ty, interner: &mut Interner) -> Option<u64> {
        interner.did(self.as_str())
    }
}
impl<'d> Value<'d> for Did<'d> {
    fn suits(ty: Ty) -> bool {
        ty.required() == Ty::DID
    }
    fn value<'a>(self, _: Ty, _: &'a Bump) -> ValueRef<'a>
    where
        'd: 'a,
    {
        ValueRef::Did(self)
    }
    #[inline(always)]
    fn put(self, at: usize, filling: &mut Filling<'_>) -> bool {
        let word = filling.interner.did(self.as_str());
        filling.put(at, word)
    }
}

/// What stands for another item.
macro_rules! through {
    ($($kind:ty $(, $of:ident)?;)*) => {$(
        impl$(<$of: Item + ?Sized>)? Item for $kind {
            const IS_TEXT: bool = <<$kind as std::ops::Deref>::Target as Item>::IS_TEXT;
            #[inline(always)]
            fn text(&self, ty: Ty) -> Option<&str> {
                (**self).text(ty)
            }
            fn is_of(ty: Ty) -> bool {
                <<$kind as std::ops::Deref>::Target as Item>::is_of(ty)
            }
            fn given(&self, ty: Ty) -> ValueRef<'_> {
                (**self).given(ty)
            }
            #[inline(always)]
            fn word(&self, ty: Ty, interner: &mut Interner) -> Option<u64> {
                (**self).word(ty, interner)
            }
            #[inline(always)]
            fn text_bytes(&self, ty: Ty) -> usize {
                (**self).text_bytes(ty)
            }
        }
    )*};
}
through! { String; &T, T; Box<T>, T; std::sync::Arc<T>, T; }

impl<T: Item> Item for Option<T> {
    const IS_TEXT: bool = T::IS_TEXT;
    #[inline(always)]
    fn text(&self, ty: Ty) -> Option<&str> {
        self.as_ref()?.text(ty)
    }
    fn is_of(ty: Ty) -> bool {
        T::is_of(ty)
    }
    fn given(&self, ty: Ty) -> ValueRef<'_> {
        self.as_ref().map_or(ValueRef::Null, |item| item.given(ty))
    }
    #[inline(always)]
    fn word(&self, ty: Ty, interner: &mut Interner) -> Option<u64> {
        match self {
            Some(item) => item.word(ty, interner),
            None => ty.is_optional().then_some(NULL),
        }
    }
    #[inline(always)]
    fn text_bytes(&self, ty: Ty) -> usize {
        self.as_ref().map_or(0, |item| item.text_bytes(ty))
    }
}

impl<'d, T: Item + ?Sized> Value<'d> for &'d T {
    fn suits(ty: Ty) -> bool {
        T::is_of(ty)
    }
    fn value<'a>(self, ty: Ty, _: &'a Bump) -> ValueRef<'a>
    where
        'd: 'a,
    {
        self.given(ty)
    }
    fn lent_text(self) -> Option<&'d str> {
        self.text(Ty::TEXT)
    }
    #[inline(always)]
    fn put(self, at: usize, filling: &mut Filling<'_>) -> bool {
        let word = self.word(filling.ty, filling.interner);
        filling.put(at, word)
    }
    #[inline(always)]
    fn fill(values: impl Iterator<Item = Self> + Clone, mut filling: Filling<'_>) -> u64 {
        let ty = filling.ty;
        let is_string = ty.base() == Base::Text;
        if let Some(asks) = filling.asks {
            let mut odd = 0;
            for (at, value) in values.enumerate() {
                let word = value.text(ty).and_then(|text| filling.interner.asked_text(asks, text));
                odd |= u64::from(!filling.put(at, word)) << (at % 64);
            }
            return odd;
        }
        filling.interner.begin_together();
        if T::IS_TEXT {
            for value in values.clone() {
                filling.interner.and_text(value.text(ty).unwrap_or(""));
            }
            filling.interner.look_up_together(is_string);
        }
        let mut odd = 0;
        for (at, value) in values.enumerate() {
            let word = match value.text(ty) {
                Some(text) if T::IS_TEXT => filling.interner.told(at, text, is_string),
                _ => value.word(ty, filling.interner),
            };
            odd |= u64::from(!filling.put(at, word)) << (at % 64);
        }
        odd
    }
}

impl<'d, T: Item> Value<'d> for &'d [T] {
    fn suits(ty: Ty) -> bool {
        ty.required().elem().is_some_and(T::is_of)
    }
    fn value<'a>(self, ty: Ty, bump: &'a Bump) -> ValueRef<'a>
    where
        'd: 'a,
    {
        let elem = ty.elem().unwrap_or(Ty::UNIT);
        ValueRef::Array(bump.alloc_slice_fill_iter(self.iter().map(|item| item.given(elem))))
    }
    #[inline(always)]
    fn put(self, at: usize, filling: &mut Filling<'_>) -> bool {
        let elem = filling.elem;
        let word = match self.len() <= MAX_ARRAY_ELEMENTS {
            true => filling.interner.array_of(
                self,
                |item| item.text_bytes(elem),
                #[inline(always)]
                |interner, item, _| item.word(elem, interner),
            ),
            false => None,
        };
        filling.put(at, word)
    }
    #[inline(always)]
    fn fill(lists: impl Iterator<Item = Self> + Clone, mut filling: Filling<'_>) -> u64 {
        let elem = filling.elem;
        let is_string = elem.base() == Base::Text;
        let mut odd = 0;
        if let Some((input, Asks::List { holds })) = filling.asks {
            for (at, list) in lists.enumerate() {
                let word = match list.len() <= MAX_ARRAY_ELEMENTS {
                    true => {
                        let texts = list.iter().map(|item| item.text(elem));
                        filling.interner.asked_list((input, holds), texts)
                    }
                    false => None,
                };
                odd |= u64::from(!filling.put(at, word)) << (at % 64);
            }
            return odd;
        }
        if T::IS_TEXT {
            filling.interner.begin_together();
            for list in lists.clone().filter(|list| list.len() <= SHORT) {
                for item in list {
                    filling.interner.and_text(item.text(elem).unwrap_or(""));
                }
            }
            filling.interner.look_up_together(is_string);
        }
        let mut told = 0;
        for (at, list) in lists.enumerate() {
            let put = if T::IS_TEXT && list.len() <= SHORT {
                let first = told;
                told += list.len();
                let word = filling.interner.array_of(
                    list,
                    |item| item.text_bytes(elem),
                    #[inline(always)]
                    |interner, item, number| match item.text(elem) {
                        Some(text) => interner.told(first + number, text, is_string),
                        None => item.word(elem, interner),
                    },
                );
                filling.put(at, word)
            } else {
                list.put(at, &mut filling)
            };
            odd |= u64::from(!put) << (at % 64);
        }
        odd
    }
}
impl<'d, T: Item> Value<'d> for &'d Vec<T> {
    fn suits(ty: Ty) -> bool {
        <&'d [T]>::suits(ty)
    }
    fn value<'a>(self, ty: Ty, bump: &'a Bump) -> ValueRef<'a>
    where
        'd: 'a,
    {
        self.as_slice().value(ty, bump)
    }
    #[inline(always)]
    fn put(self, at: usize, filling: &mut Filling<'_>) -> bool {
        self.as_slice().put(at, filling)
    }
    #[inline(always)]
    fn fill(lists: impl Iterator<Item = Self> + Clone, filling: Filling<'_>) -> u64 {
        <&'d [T]>::fill(lists.map(Vec::as_slice), filling)
    }
}

impl<'d> Value<'d> for &'d TrustVector {
    fn suits(ty: Ty) -> bool {
        ty.required() == Ty::TRUST
    }
    fn value<'a>(self, _: Ty, _: &'a Bump) -> ValueRef<'a>
    where
        'd: 'a,
    {
        ValueRef::Trust(self)
    }
    #[inline(always)]
    fn put(self, at: usize, filling: &mut Filling<'_>) -> bool {
        filling.put_vector(at, self)
    }
    #[inline(always)]
    fn fill(values: impl Iterator<Item = Self> + Clone, filling: Filling<'_>) -> u64 {
        filling.put_vectors(values.copied())
    }
}
impl<'d> Value<'d> for TrustVector {
    fn suits(ty: Ty) -> bool {
        ty.required() == Ty::TRUST
    }
    fn value<'a>(self, _: Ty, bump: &'a Bump) -> ValueRef<'a>
    where
        'd: 'a,
    {
        ValueRef::Trust(bump.alloc(self))
    }
    #[inline(always)]
    fn put(self, at: usize, filling: &mut Filling<'_>) -> bool {
        filling.put_vector(at, &self)
    }
    #[inline(always)]
    fn fill(values: impl Iterator<Item = Self> + Clone, filling: Filling<'_>) -> u64 {
        filling.put_vectors(values)
    }
}

impl<'d, V: Value<'d>> Value<'d> for Option<V> {
    fn suits(ty: Ty) -> bool {
        V::suits(ty)
    }
    fn value<'a>(self, ty: Ty, bump: &'a Bump) -> ValueRef<'a>
    where
        'd: 'a,
    {
        self.map_or(ValueRef::Null, |value| value.value(ty, bump))
    }
    fn lent_text(self) -> Option<&'d str> {
        self.and_then(Value::lent_text)
    }
    #[inline(always)]
    fn put(self, at: usize, filling: &mut Filling<'_>) -> bool {
        match self {
            Some(value) => value.put(at, filling),
            None => filling.put_null(at),
        }
    }
}
