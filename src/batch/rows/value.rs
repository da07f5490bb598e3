//! What a field of a struct may be, and how each goes into a column.

use crate::batch::asked::{asked_list, asked_text};
use crate::batch::fill::Filling;
use crate::batch::intern::Interner;
use bumpalo::Bump;
use eclvm_kernel::fault::Fault;
use eclvm_kernel::lanes::NULL;
use eclvm_kernel::limits::{MAX_ARRAY_ELEMENTS, MAX_TEXT_BYTES};
use eclvm_kernel::types::{Base, Ty};
use eclvm_kernel::value::{Did, TrustVector, ValueRef};

/// What a field may be: see [`super::Rows`].
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
        fn fill(values: impl Iterator<Item = Self>, mut filling: Filling<'_>) -> u64 {
            let mut odd = 0;
            for (at, value) in values.enumerate() {
                odd |= u64::from(!value.put(at, &mut filling)) << (at % 64);
            }
            odd
        }
    }

    /// What lists are made of, and what is borrowed as one word.
    pub trait Item {
        /// The text, where it is an ordinary one. (Whether a string is a DID, each must show by itself.)
        #[doc(hidden)]
        #[inline(always)]
        fn text(&self) -> Option<&str> {
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
    #[inline(always)]
    fn text(&self) -> Option<&str> {
        (self.len() <= MAX_TEXT_BYTES).then_some(self)
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
    #[inline(always)]
    fn text(&self) -> Option<&str> {
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
            #[inline(always)]
            fn text(&self) -> Option<&str> {
                (**self).text()
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
    #[inline(always)]
    fn text(&self) -> Option<&str> {
        self.as_ref()?.text()
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
        self.text()
    }
    #[inline(always)]
    fn put(self, at: usize, filling: &mut Filling<'_>) -> bool {
        let word = match filling.asks {
            Some(asks) => self.text().and_then(|text| asked_text(asks, text)),
            None => self.word(filling.ty, filling.interner),
        };
        filling.put(at, word)
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
        let word = match filling.asks {
            _ if self.len() > MAX_ARRAY_ELEMENTS => None,
            Some(asks) => asked_list(
                filling.interner,
                asks,
                self,
                #[inline(always)]
                |item, of| item.text().map(|text| asks.element(text, of)),
            ),
            _ => filling.interner.array_of(
                self,
                |item| item.text_bytes(elem),
                #[inline(always)]
                |interner, item| item.word(elem, interner),
            ),
        };
        filling.put(at, word)
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
    fn fill(values: impl Iterator<Item = Self>, filling: Filling<'_>) -> u64 {
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
    fn fill(values: impl Iterator<Item = Self>, filling: Filling<'_>) -> u64 {
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
