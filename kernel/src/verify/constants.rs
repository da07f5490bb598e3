//! What is known of a program's constants, found out in one walk over each (the parts of V1 and V3 that concern them).
//!
//! A constant may be an array of 65 536 elements that each of 65 536 instructions names. So no check of an instruction
//! walks a constant: types and sizes are looked up here.

use super::bound_sizes::Size;
use crate::limits::{MAX_ARRAY_ELEMENTS, MAX_TEXT_BYTES};
use crate::types::{Base, Ty};
use crate::value::{Did, Value};

/// A sound constant: null where it is neither of a base nor an array. Two fields, because two travel in registers.
#[derive(Debug)]
pub(super) struct Facts {
    /// Its base, where it is neither null nor an array.
    pub(super) plain: Option<Base>,
    array: Option<Box<Walked>>,
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
            Value::Null => Some(Facts { plain: None, array: None }),
            Value::Array(_) => Walked::of(value).map(|array| Facts { plain: None, array: Some(array) }),
            value => base_of(value).map(|base| Facts { plain: Some(base), array: None }),
        }
    }
    /// What the constant, which is `value`, comes to.
    pub(super) fn size(&self, value: &Value) -> Size {
        match (&self.array, self.plain) {
            (Some(array), _) => array.size,
            (None, Some(base)) => Size::plain(base, value.bytes()),
            (None, None) => Size::default(),
        }
    }
    /// Whether it is an array.
    pub(super) fn is_array(&self) -> bool {
        self.array.is_some()
    }
    /// Whether the value belongs to `ty`; what [`Value::is_of`] says, without a walk.
    pub(super) fn is_of(&self, ty: Ty) -> bool {
        match (&self.array, self.plain) {
            (Some(array), _) => array.shape.is_of(ty),
            (None, Some(base)) => !ty.is_array() && ty.base() == base,
            (None, None) => ty.is_optional(),
        }
    }
}

impl Walked {
    #[inline(never)]
    fn of(value: &Value) -> Option<Box<Walked>> {
        let mut walked = Box::new(Walked::default());
        let sound = walked.walk(value, 0) && walked.size.elements <= MAX_ARRAY_ELEMENTS as u64;
        sound.then_some(walked)
    }
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
                let Some(base) = base_of(value) else { return false };
                let size = Size::plain(base, value.bytes());
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

/// The base of a sound value that is neither null nor an array.
#[inline]
fn base_of(value: &Value) -> Option<Base> {
    Some(match value {
        Value::Number(_) => Base::Number,
        Value::Bool(_) => Base::Bool,
        Value::Text(s) if s.len() <= MAX_TEXT_BYTES => Base::Text,
        Value::Did(s) if Did::new(s).is_some() => Base::Did,
        Value::Trust(t) if t.is_valid() => Base::Trust,
        _ => return None,
    })
}
