//! Values of the reference interpreter: plain trees that are walked whenever something about them is asked.

use crate::case::Given;
use eclvm_kernel::types::{Base, Ty};
use eclvm_kernel::value::{TrustVector, Value};
use std::sync::Arc;

/// A value.
#[derive(Clone, Debug)]
pub enum Val {
    /// null
    Null,
    /// number
    Num(f64),
    /// bool
    Bool(bool),
    /// string
    Text(Arc<str>),
    /// did
    Did(Arc<str>),
    /// trust
    Trust([f64; 6]),
    /// Any array.
    Array(Arc<[Val]>),
    /// What `log(..)` gives.
    Unit,
}

impl Val {
    /// A string.
    pub fn text(s: &str) -> Val {
        Val::Text(s.into())
    }
    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Val::Null)
    }
    /// The number that the checker promised.
    pub fn num(&self) -> f64 {
        match self {
            Val::Num(n) => *n,
            other => unreachable!("a number, not {other:?}"),
        }
    }
    /// The truth value that the checker promised.
    pub fn bool(&self) -> bool {
        match self {
            Val::Bool(b) => *b,
            other => unreachable!("a truth value, not {other:?}"),
        }
    }
    /// The text of a string or DID.
    pub fn str(&self) -> &str {
        match self {
            Val::Text(s) | Val::Did(s) => s,
            other => unreachable!("a text, not {other:?}"),
        }
    }
    /// The trust vector that the checker promised.
    pub fn trust(&self) -> [f64; 6] {
        match self {
            Val::Trust(t) => *t,
            other => unreachable!("a trust vector, not {other:?}"),
        }
    }
    /// The elements of an array.
    pub fn items(&self) -> &Arc<[Val]> {
        match self {
            Val::Array(items) => items,
            other => unreachable!("an array, not {other:?}"),
        }
    }

    /// Bytes as `store_put` and `emit` count them (gas.md, section 2).
    pub fn bytes(&self) -> u64 {
        match self {
            Val::Null | Val::Unit => 0,
            Val::Bool(_) => 1,
            Val::Num(_) => 8,
            Val::Trust(_) => 48,
            Val::Text(s) | Val::Did(s) => s.len() as u64,
            Val::Array(items) => items.iter().map(Val::bytes).sum(),
        }
    }
    /// Elements, an inner array counted as one and its elements too.
    pub fn elements(&self) -> u64 {
        match self {
            Val::Array(items) => items.iter().map(|item| 1 + item.elements()).sum(),
            _ => 0,
        }
    }
    /// Bytes of the strings in it; DIDs are not strings.
    pub fn string_bytes(&self) -> u64 {
        match self {
            Val::Text(s) => s.len() as u64,
            Val::Array(items) => items.iter().map(Val::string_bytes).sum(),
            _ => 0,
        }
    }

    /// `==` of the language.
    pub fn equals(&self, other: &Val) -> bool {
        match (self, other) {
            (Val::Null, Val::Null) => true,
            (Val::Num(a), Val::Num(b)) => a == b,
            (Val::Bool(a), Val::Bool(b)) => a == b,
            (Val::Text(a), Val::Text(b)) | (Val::Did(a), Val::Did(b)) => a.as_bytes() == b.as_bytes(),
            (Val::Trust(a), Val::Trust(b)) => (0..6).all(|i| a[i] == b[i]),
            (Val::Array(a), Val::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.equals(b))
            }
            _ => false,
        }
    }

    /// As receipts have it.
    pub fn export(&self) -> Value {
        match self {
            Val::Null | Val::Unit => Value::Null,
            Val::Num(n) => Value::Number(*n),
            Val::Bool(b) => Value::Bool(*b),
            Val::Text(s) => Value::Text((**s).into()),
            Val::Did(s) => Value::Did((**s).into()),
            Val::Trust(t) => Value::Trust(TrustVector(*t)),
            Val::Array(items) => Value::Array(items.iter().map(Val::export).collect()),
        }
    }
    /// An input that has been checked.
    pub fn import(given: &Given) -> Val {
        match given {
            Given::Missing | Given::Null | Given::Invalid(_) => Val::Null,
            Given::Number(n) => Val::Num(*n),
            Given::Bool(b) => Val::Bool(*b),
            Given::Text(s) => Val::text(s),
            Given::Did(d) => Val::Did(d.as_str().into()),
            Given::Trust(t) => Val::Trust(*t),
            Given::Array(items) => Val::Array(items.iter().map(Val::import).collect()),
        }
    }

    /// Whether it belongs to a type. The interpreter holds the checker to its promises with this.
    pub fn is_of(&self, ty: Ty) -> bool {
        match self {
            Val::Null => ty.is_optional(),
            Val::Array(items) => ty.elem().is_some_and(|elem| items.iter().all(|item| item.is_of(elem))),
            _ if ty.is_array() => false,
            Val::Num(_) => ty.base() == Base::Number,
            Val::Bool(_) => ty.base() == Base::Bool,
            Val::Text(_) => ty.base() == Base::Text,
            Val::Did(_) => ty.base() == Base::Did,
            Val::Trust(_) => ty.base() == Base::Trust,
            Val::Unit => ty.base() == Base::Unit,
        }
    }
}
