//! Constant folding: gas depends on it, so it is exact (ecl.md, section 4).
//!
//! An expression is not constant, or has a value, or is made of constants and faults. Values are computed with the
//! kernel's own operations. The work and the memory that a source can make the compiler spend here are bounded.

use crate::lang::ast::{BinaryOp, UnaryOp};
use crate::lang::builtins::Builtin;
use crate::lang::checked::ConstId;
use eclvm_kernel::fault::Fault;
use eclvm_kernel::limits::{MAX_ARRAY_ELEMENTS, MAX_FOLDED_BYTES};
use eclvm_kernel::ops::{math, text, trust};
use eclvm_kernel::value::{Did, TrustVector, Value};

/// What folding knows of an expression.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fold {
    /// Not constant.
    No,
    /// Constant.
    Value(ConstId),
    /// Made of constants only, and faults when it is evaluated.
    Faults,
}

/// The folded values of a file.
pub(super) struct Constants {
    pub(super) values: Vec<Value>,
    left: usize,
    /// Whether the bound on memory and work was hit; nothing folds any more, and the file does not compile.
    pub(super) exhausted: bool,
}

/// What a fold comes to: a value, or a fault.
pub(super) type Folded = Result<Value, Fault>;

impl Constants {
    /// None yet; `values` is room for them.
    pub(super) fn new(mut values: Vec<Value>, source_len: usize) -> Constants {
        let left = MAX_FOLDED_BYTES + 16 * source_len;
        values.reserve(source_len / 32 + 4);
        Constants { values, left, exhausted: false }
    }
    pub(super) fn add(&mut self, value: Value) -> ConstId {
        self.values.push(value);
        ConstId(self.values.len() as u32 - 1)
    }
    pub(super) fn get(&self, id: ConstId) -> &Value {
        self.values.get(id.0 as usize).unwrap_or(&Value::Null)
    }
    /// Spends on work or memory; false beyond the bound.
    pub(super) fn spend(&mut self, bytes: usize) -> bool {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => self.exhausted = true,
        }
        !self.exhausted
    }
    /// Pays for reading a value.
    pub(super) fn weigh(&mut self, id: ConstId) -> bool {
        // Measuring is work too.
        if self.exhausted {
            return false;
        }
        let bytes = match self.get(id) {
            Value::Text(s) | Value::Did(s) => s.len() / 16,
            Value::Array(items) => size(items),
            _ => 0,
        };
        self.spend(bytes)
    }
    /// Pays for a copy of a value.
    pub(super) fn copies(&mut self, id: ConstId) -> bool {
        if self.exhausted {
            return false;
        }
        let bytes = copy_size(self.get(id));
        self.spend(bytes)
    }
}

/// Bytes of a copy of a value, cheaply bounded from above for scalars.
pub(super) fn copy_size(value: &Value) -> usize {
    size(std::slice::from_ref(value))
}

fn size(items: &[Value]) -> usize {
    items.iter().fold(0, |n, v| {
        n + 8
            + match v {
                Value::Array(inner) => size(inner),
                Value::Text(s) | Value::Did(s) => s.len(),
                _ => 0,
            }
    })
}

pub(super) fn unary(op: UnaryOp, value: &Value) -> Folded {
    match (op, value) {
        (UnaryOp::Not, Value::Bool(b)) => Ok(Value::Bool(!b)),
        (UnaryOp::Neg, Value::Number(n)) => Ok(Value::Number(-n)),
        _ => Err(Fault::TypeMismatch),
    }
}

/// A strict operator but `+` on strings, which the chain does in place.
pub(super) fn binary(op: BinaryOp, l: &Value, r: &Value) -> Folded {
    let number = |n: f64| Ok(Value::Number(n));
    match (op, l, r) {
        (BinaryOp::Eq, l, r) => Ok(Value::Bool(equal(l, r))),
        (BinaryOp::Ne, l, r) => Ok(Value::Bool(!equal(l, r))),
        (BinaryOp::In, value, Value::Array(items)) => Ok(Value::Bool(items.iter().any(|v| equal(value, v)))),
        (op, Value::Number(a), Value::Number(b)) => match op {
            BinaryOp::Add => number(a + b),
            BinaryOp::Sub => number(a - b),
            BinaryOp::Mul => number(a * b),
            BinaryOp::Div => math::div(*a, *b).and_then(number),
            BinaryOp::Rem => math::rem(*a, *b).and_then(number),
            BinaryOp::Lt => Ok(Value::Bool(a < b)),
            BinaryOp::Le => Ok(Value::Bool(a <= b)),
            BinaryOp::Gt => Ok(Value::Bool(a > b)),
            BinaryOp::Ge => Ok(Value::Bool(a >= b)),
            _ => Err(Fault::TypeMismatch),
        },
        _ => Err(Fault::TypeMismatch),
    }
}

fn equal(l: &Value, r: &Value) -> bool {
    match (l, r) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        // IEEE's ==, component by component for trust vectors.
        _ => l == r,
    }
}

pub(super) fn field(value: &Value, component: usize) -> Folded {
    match value {
        Value::Trust(t) => t.0.get(component).map(|n| Value::Number(*n)).ok_or(Fault::TypeMismatch),
        _ => Err(Fault::TypeMismatch),
    }
}

pub(super) fn index<'v>(array: &'v Value, at: &Value) -> Result<&'v Value, Fault> {
    match (array, at) {
        (Value::Array(items), Value::Number(i)) => {
            let i = math::index(*i, items.len())?;
            items.get(i).ok_or(Fault::IndexOutOfRange)
        }
        _ => Err(Fault::TypeMismatch),
    }
}

pub(super) fn array(items: Vec<Value>) -> Folded {
    let value = Value::Array(items.into());
    if value.elements() > MAX_ARRAY_ELEMENTS as u64 { Err(Fault::ValueTooLarge) } else { Ok(value) }
}

/// A pure builtin on constant arguments.
pub(super) fn builtin(builtin: Builtin, args: &[&Value]) -> Folded {
    let number = |n: f64| Ok(Value::Number(n));
    let truth = |b: bool| Ok(Value::Bool(b));
    let vector = |t: TrustVector| Ok(Value::Trust(t));
    match (builtin, args) {
        (Builtin::TrustNorm, [Value::Trust(t)]) => number(trust::norm(t)),
        (Builtin::TrustWeighted, [Value::Trust(t), Value::Array(weights)]) => {
            let weights: Vec<f64> = weights
                .iter()
                .filter_map(|w| if let Value::Number(n) = w { Some(*n) } else { None })
                .collect();
            trust::weighted(t, &weights).and_then(number)
        }
        (Builtin::TrustCombine, [Value::Trust(a), Value::Trust(b)]) => vector(trust::combine(a, b)),
        (Builtin::TrustCreate, components) => {
            let mut six = [f64::NAN; 6];
            for (slot, value) in six.iter_mut().zip(components) {
                if let Value::Number(n) = value {
                    *slot = *n;
                }
            }
            trust::create(six).and_then(vector)
        }
        (Builtin::TrustAboveThreshold, [Value::Trust(t), Value::Number(n)]) => truth(trust::above(t, *n)),
        (Builtin::TrustDistance, [Value::Trust(a), Value::Trust(b)]) => number(trust::distance(a, b)),
        (Builtin::Did, [Value::Text(s)]) => {
            Did::new(s).map(|_| Value::Did(s.clone())).ok_or(Fault::InvalidDid)
        }
        (Builtin::Abs, [Value::Number(n)]) => number(n.abs()),
        (Builtin::Sqrt, [Value::Number(n)]) => math::sqrt(*n).and_then(number),
        (Builtin::Floor, [Value::Number(n)]) => number(n.floor()),
        (Builtin::Ceil, [Value::Number(n)]) => number(n.ceil()),
        (Builtin::Round, [Value::Number(n)]) => number(math::round(*n)),
        (Builtin::Surprisal, [Value::Number(n)]) => math::surprisal(*n).and_then(number),
        (Builtin::Min, [Value::Number(a), Value::Number(b)]) => number(math::min(*a, *b)),
        (Builtin::Max, [Value::Number(a), Value::Number(b)]) => number(math::max(*a, *b)),
        (Builtin::Clamp, [Value::Number(v), Value::Number(lo), Value::Number(hi)]) => {
            math::clamp(*v, *lo, *hi).and_then(number)
        }
        (Builtin::Lerp, [Value::Number(a), Value::Number(b), Value::Number(t)]) => {
            number(math::lerp(*a, *b, *t))
        }
        (Builtin::StrLen, [Value::Text(s)]) => number(text::chars(s)),
        (Builtin::StrContains, [Value::Text(a), Value::Text(b)]) => truth(text::contains(a, b)),
        (Builtin::StrStartsWith, [Value::Text(a), Value::Text(b)]) => truth(a.starts_with(b.as_ref())),
        (Builtin::StrEndsWith, [Value::Text(a), Value::Text(b)]) => truth(a.ends_with(b.as_ref())),
        (Builtin::StrEqIgnoreCase, [Value::Text(a), Value::Text(b)]) => {
            truth(text::eq_ignore_ascii_case(a, b))
        }
        (Builtin::ArrayLen, [Value::Array(items)]) => number(items.len() as f64),
        (Builtin::ArrayGet, [array, at]) => index(array, at).cloned(),
        (Builtin::Contains, [value, array]) => binary(BinaryOp::In, value, array),
        _ => Err(Fault::TypeMismatch),
    }
}
