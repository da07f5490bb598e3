//! Static types of ECL, in 16 bytes, without a table.

use crate::limits::MAX_TYPE_DEPTH;
use core::fmt;
use core::num::NonZeroU16;

/// The type at the bottom of all array layers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum Base {
    /// IEEE 754 binary64.
    Number = 0,
    /// true or false.
    Bool = 1,
    /// Unicode text.
    Text = 2,
    /// A decentralised identifier.
    Did = 3,
    /// Six numbers in [0, 1].
    Trust = 4,
    /// What `log(..)` gives: no value. Never optional, never in an array.
    Unit = 5,
}

/// A type: a base under `depth` array layers, each layer (and the base) optional or not.
///
/// Bit `i` of `optional` belongs to the type after `i` array layers were put on: bit 0 is the base's own `?`, bit
/// `depth` the outermost one. `[number?]?` is base Number, depth 1, optional 0b11.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ty {
    /// The base, counted from 1, in the low byte, the depth in the high one. Two fields, and not three, because two travel in
    /// registers.
    head: NonZeroU16,
    optional: u64,
}

/// One layer, in `head`.
const LAYER: u16 = 0x100;

const _: () = assert!(core::mem::size_of::<Option<Ty>>() == 16);

impl Ty {
    /// `number`
    pub const NUMBER: Ty = Ty::of(Base::Number);
    /// `bool`
    pub const BOOL: Ty = Ty::of(Base::Bool);
    /// `string`
    pub const TEXT: Ty = Ty::of(Base::Text);
    /// `did`
    pub const DID: Ty = Ty::of(Base::Did);
    /// `trust`
    pub const TRUST: Ty = Ty::of(Base::Trust);
    /// no value
    pub const UNIT: Ty = Ty::of(Base::Unit);

    /// The plain type of a base.
    #[inline]
    pub const fn of(base: Base) -> Ty {
        Ty { head: NonZeroU16::MIN.saturating_add(base as u16), optional: 0 }
    }
    /// `[self]`, or None where that would be too deep.
    pub fn array(self) -> Option<Ty> {
        (self.depth() < MAX_TYPE_DEPTH).then(|| Ty { head: self.head.saturating_add(LAYER), ..self })
    }
    /// `self?` (itself where it already is optional).
    pub fn opt(self) -> Ty {
        Ty { optional: self.optional | 1 << self.depth(), ..self }
    }
    /// Without the outermost `?`.
    pub fn required(self) -> Ty {
        Ty { optional: self.optional & !(1 << self.depth()), ..self }
    }
    /// Whether null belongs to it.
    #[inline]
    pub fn is_optional(self) -> bool {
        self.optional >> self.depth() & 1 == 1
    }
    /// Whether it is an array (optional or not).
    #[inline]
    pub fn is_array(self) -> bool {
        self.depth() > 0
    }
    /// Whether it is a base by itself, neither optional nor an array.
    #[inline]
    pub(crate) fn is_plain(self) -> bool {
        self.head.get() < LAYER && self.optional == 0
    }
    /// The element type of an array (optional or not); None for what is no array.
    pub fn elem(self) -> Option<Ty> {
        let head = NonZeroU16::new(self.head.get().checked_sub(LAYER)?)?;
        Some(Ty { head, optional: self.optional & !(1 << self.depth()) })
    }
    /// The base under all layers.
    #[inline]
    pub fn base(self) -> Base {
        match self.head.get() as u8 {
            0 | 1 => Base::Number,
            2 => Base::Bool,
            3 => Base::Text,
            4 => Base::Did,
            5 => Base::Trust,
            _ => Base::Unit,
        }
    }
    /// The number of array layers.
    #[inline]
    pub fn depth(self) -> u8 {
        (self.head.get() >> 8) as u8
    }
    /// The bits of the optional marks, as drawn above (for serialisation).
    pub fn optional_bits(self) -> u64 {
        self.optional
    }
    /// The inverse of `base`, `depth` and `optional_bits`; None where the parts do not make a type.
    pub fn from_parts(base: u8, depth: u8, optional: u64) -> Option<Ty> {
        let base = match base {
            0 => Base::Number,
            1 => Base::Bool,
            2 => Base::Text,
            3 => Base::Did,
            4 => Base::Trust,
            5 if depth == 0 && optional == 0 => Base::Unit,
            _ => return None,
        };
        if depth > MAX_TYPE_DEPTH || (depth < 63 && optional >> (depth + 1) != 0) {
            return None;
        }
        Some(Ty { head: Ty::of(base).head.saturating_add(u16::from(depth) * LAYER), optional })
    }
    /// Whether a value of `self` may stand where `other` is expected: the same type, or `T` for `T?`.
    pub fn fits(self, other: Ty) -> bool {
        self == other || (other.is_optional() && self == other.required())
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for _ in 0..self.depth() {
            f.write_str("[")?;
        }
        f.write_str(match self.base() {
            Base::Number => "number",
            Base::Bool => "bool",
            Base::Text => "string",
            Base::Did => "did",
            Base::Trust => "trust",
            Base::Unit => "no value",
        })?;
        for layer in 0..=self.depth() {
            if layer > 0 {
                f.write_str("]")?;
            }
            if self.optional >> layer & 1 == 1 {
                f.write_str("?")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
