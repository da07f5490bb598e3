//! What words say: how they are read, and what a question about them costs.

use super::{ARRAY, BYTES, CLASS_BITS, COUNT, PACKED, PACKED_BYTES};
use crate::lanes::columns::Arg;

/// What is to be known of a text that is an element of a list.
#[derive(Clone, Copy, Debug)]
pub struct Element {
    /// Its answers, one bit each.
    pub(super) answers: u64,
    /// Its bytes.
    pub(super) len: u64,
    /// Its class; 0 where that would not say all.
    pub(super) class: u8,
}

impl Element {
    /// In one word.
    #[inline]
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.answers | self.len << 16 | u64::from(self.class) << 48
    }
    /// And back.
    #[inline]
    #[must_use]
    pub fn of_bits(bits: u64) -> Element {
        Element { answers: bits & 0xFFFF, len: bits >> 16 & 0xFFFF_FFFF, class: (bits >> 48) as u8 }
    }
}

/// The list that a word of [`super::Of::Elements`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::lanes) enum Texts {
    /// The array of this id.
    Array(u64),
    /// Its word.
    Packed(Packed),
}

/// A list that is one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::lanes) struct Packed(pub(in crate::lanes) u64);

impl Texts {
    #[inline(always)]
    pub(in crate::lanes) fn of(word: u64) -> Texts {
        if is_array(word) { Texts::Array(word & 0xFFFF_FFFF) } else { Texts::Packed(Packed(word)) }
    }
}

/// Whether the list that a word is stands among the arrays.
#[inline(always)]
pub(in crate::lanes) fn is_array(word: u64) -> bool {
    word & ARRAY != 0
}

impl Packed {
    #[inline(always)]
    pub(in crate::lanes) fn len(self) -> u64 {
        self.0 >> COUNT & 15
    }
    /// The class of an element; 0 behind the last one.
    #[inline(always)]
    pub(in crate::lanes) fn class(self, index: u32) -> usize {
        let classes = self.0 & ((1 << COUNT) - 1);
        (classes >> (CLASS_BITS * index.min(PACKED as u32)) & ((1 << CLASS_BITS) - 1)) as usize
    }
    /// Whether one of the elements has this class.
    #[inline(always)]
    pub(in crate::lanes) fn has(self, class: u64) -> bool {
        // The lowest bits of all fields: what differs from the class in none of its bits borrows from the bit above.
        const ONES: u64 = 0x08_4210_8421;
        const HIGH: u64 = ONES << (CLASS_BITS - 1);
        let differ = (self.0 & ((1 << COUNT) - 1)) ^ (class * ONES);
        differ.wrapping_sub(ONES) & !differ & HIGH != 0
    }
    #[inline(always)]
    pub(in crate::lanes) fn bytes(self) -> u64 {
        self.0 >> PACKED_BYTES & 0x3_FFFF
    }
}

/// The operand of `Code::Asked`: the answers one of which must be yes, units, and the bytes of the constants. Of
/// `Code::HasText` it has a class in place of units.
pub(super) fn operand(mask: u16, units: u16, bytes: u32) -> Arg {
    Arg::K(u64::from(mask) | u64::from(units) << 16 | u64::from(bytes) << 32)
}

/// What `Code::Asked` makes of a word.
#[derive(Clone, Copy, Debug)]
pub(in crate::lanes) struct Asked {
    pub(in crate::lanes) mask: u64,
    pub(in crate::lanes) units: u64,
    bytes: u64,
}

impl Asked {
    pub(in crate::lanes) fn of(operand: u64) -> Asked {
        Asked { mask: operand & 0xFFFF, units: operand >> 16 & 0xFFFF, bytes: operand >> 32 }
    }
    /// Units, beyond the first, of looking for a constant in a list of so many elements and bytes.
    #[inline(always)]
    pub(in crate::lanes) fn search_units(self, elements: u64, bytes: u64) -> u64 {
        elements.div_ceil(8) + (bytes + self.bytes).div_ceil(BYTES)
    }
    /// Units beyond the first.
    #[inline(always)]
    pub(in crate::lanes) fn units(self, word: u64) -> u64 {
        let bytes = (word >> 16 & 0xFFFF_FFFF) + self.bytes;
        self.units + (word >> 48 & 0x3FFF) + bytes.div_ceil(BYTES)
    }
}
