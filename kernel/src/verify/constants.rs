//! What is known of a program's constants, found out in one walk over each (the parts of V1 and V3 that concern them).
//!
//! A constant may be an array of 65 536 elements that each of 65 536 instructions names. So no check of an instruction
//! walks a constant: types and sizes are looked up here.

use super::bound_sizes::Size;
use crate::limits::{MAX_ARRAY_ELEMENTS, MAX_TEXT_BYTES};
use crate::types::{Base, Ty};
use crate::value::{Did, Value};

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

/// A sound constant.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    /// Its base, where it is neither null nor an array.
    pub(super) plain: Option<Base>,
    shape: Shape,
    /// What it comes to.
    pub(super) size: Size,
}

impl Facts {
    /// None where the constant is no value that a run could have made.
    #[inline]
    pub(super) fn of(value: &Value) -> Option<Facts> {
        let mut facts = Facts::default();
        if matches!(value, Value::Null | Value::Array(_)) {
            let sound = facts.walk(value, 0) && facts.size.elements <= MAX_ARRAY_ELEMENTS as u64;
            return if sound { Some(facts) } else { None };
        }
        let (base, size) = plain(value)?;
        facts.plain = Some(base);
        facts.shape.bottom = Some((0, base));
        facts.size = size;
        Some(facts)
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
                let Some((base, size)) = plain(value) else { return false };
                let bottom = *self.shape.bottom.get_or_insert((level, base));
                self.shape.none |= bottom != (level, base);
                self.size.text = self.size.text.saturating_add(size.text);
                self.size.bytes = self.size.bytes.saturating_add(size.bytes);
                true
            }
        }
    }

    /// Whether it is an array.
    pub(super) fn is_array(&self) -> bool {
        self.shape.layers > 0
    }
    /// Whether the value belongs to `ty`; what [`Value::is_of`] says, without a walk.
    pub(super) fn is_of(&self, ty: Ty) -> bool {
        let Shape { mut nulls, layers, bottom, none } = self.shape;
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

/// Base and size of a sound value that is neither null nor an array.
#[inline]
fn plain(value: &Value) -> Option<(Base, Size)> {
    let (base, text, bytes) = match value {
        Value::Number(_) => (Base::Number, 0, 8),
        Value::Bool(_) => (Base::Bool, 0, 1),
        Value::Text(s) if s.len() <= MAX_TEXT_BYTES => (Base::Text, s.len() as u64, s.len() as u64),
        Value::Did(s) if Did::new(s).is_some() => (Base::Did, 0, s.len() as u64),
        Value::Trust(t) if t.is_valid() => (Base::Trust, 0, 48),
        _ => return None,
    };
    Some((base, Size { text, elements: 0, bytes }))
}
