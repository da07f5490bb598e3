//! What is known of a program's constants, found out in one walk over each (the parts of V1 and V3 that concern them).
//!
//! A constant may be an array of 65 536 elements that each of 65 536 instructions names. So no check of an instruction
//! walks a constant: types and sizes are looked up here.

use super::bound_sizes::Size;
use crate::limits::{MAX_ARRAY_ELEMENTS, MAX_TEXT_BYTES};
use crate::types::{Base, Ty};
use crate::value::{Did, Value};

/// A sound constant. What is no array says all in a few bytes; most are of that kind.
#[derive(Debug)]
pub(super) enum Facts {
    /// null
    Null,
    /// A value of a base, and its bytes.
    Plain(Base, u64),
    /// An array.
    Array(Box<Walked>),
}

/// What a walk over an array finds out.
#[derive(Debug, Default)]
pub(super) struct Walked {
    shape: Shape,
    size: Size,
}

/// Which types a value belongs to, without the value. Levels count array layers from the outside.
#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    /// The levels at which there is a null.
    nulls: u128,
    /// How many array layers there are at least.
    layers: u32,
    /// What stands at the bottom, and at which level.
    bottom: Option<(u32, Base)>,
    /// Whether no type fits: it nests too deeply, or has different things at the bottom.
    none: bool,
}

impl Facts {
    /// None where the constant is no value that a run could have made.
    #[inline]
    pub(super) fn of(value: &Value) -> Option<Facts> {
        match value {
            Value::Null => Some(Facts::Null),
            Value::Array(_) => Facts::of_array(value),
            value => plain(value).map(|(base, bytes)| Facts::Plain(base, bytes)),
        }
    }
    #[inline(never)]
    fn of_array(value: &Value) -> Option<Facts> {
        let mut walked = Walked::default();
        let sound = walked.walk(value, 0) && walked.size.elements <= MAX_ARRAY_ELEMENTS as u64;
        sound.then(|| Facts::Array(Box::new(walked)))
    }
    /// What it comes to.
    pub(super) fn size(&self) -> Size {
        match self {
            Facts::Null => Size::default(),
            Facts::Plain(base, bytes) => Size::plain(*base, *bytes),
            Facts::Array(walked) => walked.size,
        }
    }
    /// Its base, where it is neither null nor an array.
    #[inline]
    pub(super) fn plain(&self) -> Option<Base> {
        if let Facts::Plain(base, _) = self { Some(*base) } else { None }
    }
    /// Whether it is an array.
    pub(super) fn is_array(&self) -> bool {
        matches!(self, Facts::Array(_))
    }
    /// Whether the value belongs to `ty`; what [`Value::is_of`] says, without a walk.
    pub(super) fn is_of(&self, ty: Ty) -> bool {
        match self {
            Facts::Null => ty.is_optional(),
            Facts::Plain(base, _) => !ty.is_array() && ty.base() == *base,
            Facts::Array(walked) => walked.shape.is_of(ty),
        }
    }
}

impl Walked {
    fn walk(&mut self, value: &Value, level: u32) -> bool {
        match value {
            Value::Null => {
                self.shape.nulls |= 1u128.checked_shl(level).unwrap_or(0);
                self.shape.none |= level >= u128::BITS;
                true
            }
            Value::Array(items) => {
                self.shape.layers = self.shape.layers.max(level + 1);
                self.size.elements = self.size.elements.saturating_add(items.len() as u64);
                // An array that is too large need not be walked to be refused.
                self.size.elements <= MAX_ARRAY_ELEMENTS as u64
                    && items.iter().all(|item| self.walk(item, level + 1))
            }
            value => {
                let Some((base, bytes)) = plain(value) else { return false };
                let size = Size::plain(base, bytes);
                let bottom = *self.shape.bottom.get_or_insert((level, base));
                self.shape.none |= bottom != (level, base);
                self.size.text = self.size.text.saturating_add(size.text);
                self.size.bytes = self.size.bytes.saturating_add(size.bytes);
                true
            }
        }
    }
}

impl Shape {
    fn is_of(&self, ty: Ty) -> bool {
        let Shape { mut nulls, layers, bottom, none } = *self;
        let depth = u32::from(ty.depth());
        if none || layers > depth || bottom.is_some_and(|bottom| bottom != (depth, ty.base())) {
            return false;
        }
        while nulls != 0 {
            let level = nulls.trailing_zeros();
            nulls &= nulls - 1;
            // The outermost layer's mark is the highest bit.
            let optional = depth.checked_sub(level).is_some_and(|bit| ty.optional_bits() >> bit & 1 == 1);
            if !optional {
                return false;
            }
        }
        true
    }
}

/// Base and bytes of a sound value that is neither null nor an array.
#[inline]
fn plain(value: &Value) -> Option<(Base, u64)> {
    Some(match value {
        Value::Number(_) => (Base::Number, 8),
        Value::Bool(_) => (Base::Bool, 1),
        Value::Text(s) if s.len() <= MAX_TEXT_BYTES => (Base::Text, s.len() as u64),
        Value::Did(s) if Did::new(s).is_some() => (Base::Did, s.len() as u64),
        Value::Trust(t) if t.is_valid() => (Base::Trust, 48),
        _ => return None,
    })
}
