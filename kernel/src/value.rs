//! Values as they cross the kernel's border: borrowed on the way in, owned on the way out.

use crate::fault::Fault;
use crate::types::{Base, Ty};
use core::fmt;

/// Six components in [0, 1], in the order r, i, c, p, v, omega.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct TrustVector(pub [f64; 6]);

impl TrustVector {
    /// What an unknown DID gets from `load_trust`: every component 0.1.
    pub const NEWCOMER: TrustVector = TrustVector([0.1; 6]);
    /// The same value in all six dimensions.
    pub fn uniform(value: impl Into<f64>) -> TrustVector {
        TrustVector([value.into(); 6])
    }
    /// The names of the components, in order.
    pub const NAMES: [&'static str; 6] = ["r", "i", "c", "p", "v", "omega"];
    /// Whether every component is a number in [0, 1].
    pub fn is_valid(&self) -> bool {
        // No branch per component: this runs for every vector that comes in.
        self.0.iter().fold(true, |ok, x| ok & (*x >= 0.0) & (*x <= 1.0))
    }
}

/// A well-formed DID, checked once when it is made: `did:` method `:` id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Did<'a>(&'a str);

impl<'a> Did<'a> {
    /// Checks `text`: `did:` method `:` id, both not empty, of `A-Z a-z 0-9 . _ - : %` (no `:` in the method), not
    /// ending in `:` or `.`, and no longer than a string may be.
    pub fn new(text: &'a str) -> Option<Did<'a>> {
        let rest = text.strip_prefix("did:")?;
        let (method, id) = rest.split_once(':')?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'%');
        let sound = !method.is_empty()
            && !id.is_empty()
            && method.bytes().all(plain)
            && id.bytes().all(|b| plain(b) || b == b':')
            && !id.ends_with([':', '.'])
            && text.len() <= crate::limits::MAX_TEXT_BYTES;
        sound.then_some(Did(text))
    }
    /// For text that is known to have been checked (constants of a verified program, hosts' own keys).
    pub(crate) fn trusted(text: &'a str) -> Did<'a> {
        Did(text)
    }
    /// The text.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Display for Did<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A value on its way into a run. Copy, and free of allocation.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ValueRef<'a> {
    /// The input was not given: null for an optional, MissingInput for the rest.
    Missing,
    /// What was given could not be read as the input's type: the fault it is.
    Invalid(Fault),
    /// null
    Null,
    /// A number; it must be finite.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// Text of at most 64 KiB.
    Text(&'a str),
    /// A DID.
    Did(Did<'a>),
    /// A trust vector; components outside [0, 1] are a DomainError.
    Trust(&'a TrustVector),
    /// At most 65 536 elements, nested ones counted.
    Array(&'a [ValueRef<'a>]),
}

/// A value on its way out of a run, and a constant of a program.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// null
    Null,
    /// A number, any of IEEE 754's.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// Text.
    Text(Box<str>),
    /// A well-formed DID.
    Did(Box<str>),
    /// A trust vector.
    Trust(TrustVector),
    /// An array; all elements are of one type.
    Array(Box<[Value]>),
}

impl Value {
    /// Whether this value belongs to `ty`.
    pub fn is_of(&self, ty: Ty) -> bool {
        match self {
            Value::Null => ty.is_optional(),
            Value::Array(items) => match ty.elem() {
                Some(elem) => items.iter().all(|v| v.is_of(elem)),
                None => false,
            },
            _ if ty.is_array() => false,
            Value::Number(_) => ty.base() == Base::Number,
            Value::Bool(_) => ty.base() == Base::Bool,
            Value::Text(_) => ty.base() == Base::Text,
            Value::Did(_) => ty.base() == Base::Did,
            Value::Trust(_) => ty.base() == Base::Trust,
        }
    }
    /// Bytes of the value as gas.md counts them: text its UTF-8, number 8, bool 1, trust 48, null 0, arrays the sum.
    pub fn bytes(&self) -> u64 {
        match self {
            Value::Null => 0,
            Value::Number(_) => 8,
            Value::Bool(_) => 1,
            Value::Text(s) | Value::Did(s) => s.len() as u64,
            Value::Trust(_) => 48,
            Value::Array(items) => items.iter().map(Value::bytes).sum(),
        }
    }
    /// Elements of the value, inner arrays and their elements both counted; 0 for what is no array.
    pub fn elements(&self) -> u64 {
        match self {
            Value::Array(items) => items.iter().map(|v| 1 + v.elements()).sum(),
            _ => 0,
        }
    }
    /// Bytes of the strings in the value (DIDs are not strings).
    pub fn text_bytes(&self) -> u64 {
        match self {
            Value::Text(s) => s.len() as u64,
            Value::Array(items) => items.iter().map(Value::text_bytes).sum(),
            _ => 0,
        }
    }
    /// Equal to the bit: numbers by their bits except that every NaN equals every NaN. For tests and de-duplication;
    /// the language's own `==` is IEEE's.
    pub fn same(&self, other: &Value) -> bool {
        let same_number = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        match (self, other) {
            (Value::Number(a), Value::Number(b)) => same_number(*a, *b),
            (Value::Trust(a), Value::Trust(b)) => a.0.iter().zip(&b.0).all(|(a, b)| same_number(*a, *b)),
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.same(b))
            }
            _ => self == other,
        }
    }
}
