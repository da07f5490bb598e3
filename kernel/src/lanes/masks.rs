//! Sets of lanes: one bit each, 64 to a word, lane 0 in the lowest bit of the first word.
//!
//! Every set that decides anything is cut to the lanes that there are. Truth columns (registers of type bool) are sets
//! too, but of those only the bits of lanes that run mean something: they are always taken `and` a set that is cut.

use super::simd::wide;

/// Words that hold so many lanes.
#[must_use]
pub const fn words(lanes: usize) -> usize {
    lanes.div_ceil(64)
}

/// Makes `set` the first `n` lanes.
pub fn first(set: &mut [u64], n: usize) {
    for (at, word) in set.iter_mut().enumerate() {
        let left = n.saturating_sub(at * 64);
        *word = if left >= 64 { u64::MAX } else { (1u64 << left) - 1 };
    }
}

/// Puts a lane in.
#[inline]
pub fn insert(set: &mut [u64], lane: usize) {
    if let Some(word) = set.get_mut(lane / 64) {
        *word |= 1 << (lane % 64);
    }
}

/// Takes a lane out.
#[inline]
pub fn remove(set: &mut [u64], lane: usize) {
    if let Some(word) = set.get_mut(lane / 64) {
        *word &= !(1 << (lane % 64));
    }
}

/// Whether a lane is in.
#[inline]
#[must_use]
pub fn has(set: &[u64], lane: usize) -> bool {
    set.get(lane / 64).is_some_and(|word| word >> (lane % 64) & 1 == 1)
}

/// How many are in.
#[must_use]
pub fn count(set: &[u64]) -> usize {
    set.iter().map(|word| word.count_ones() as usize).sum()
}

#[inline(always)]
pub(crate) fn any(set: &[u64]) -> bool {
    set.iter().fold(0, |sum, word| sum | word) != 0
}

#[inline(always)]
pub(crate) fn same(a: &[u64], b: &[u64]) -> bool {
    a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

/// `set &= other`
#[inline(always)]
pub(crate) fn and(set: &mut [u64], other: &[u64]) {
    for (word, other) in set.iter_mut().zip(other) {
        *word &= other;
    }
}

/// `set &= !other`
#[inline(always)]
pub(crate) fn without(set: &mut [u64], other: &[u64]) {
    for (word, other) in set.iter_mut().zip(other) {
        *word &= !other;
    }
}

/// `set |= other`
#[inline(always)]
pub(crate) fn or(set: &mut [u64], other: &[u64]) {
    for (word, other) in set.iter_mut().zip(other) {
        *word |= other;
    }
}

/// Calls `visit` with each lane of the set, ascending.
#[inline(always)]
pub(crate) fn each(set: &[u64], mut visit: impl FnMut(usize)) {
    for (at, word) in set.iter().enumerate() {
        let mut left = *word;
        while left != 0 {
            visit(at * 64 + left.trailing_zeros() as usize);
            left &= left - 1;
        }
    }
}

/// `a` where `set`, else `b`. Written in bits: of a choice between two places the compiler makes a jump for each lane.
#[inline(always)]
pub(crate) fn pick(set: bool, a: f64, b: f64) -> f64 {
    let mask = u64::from(set).wrapping_neg();
    f64::from_bits((a.to_bits() & mask) | (b.to_bits() & !mask))
}

// The loops below take slices whose length the compiler does not know: of loops over arrays of 64 it makes 64 copies of
// their body instead of wide instructions.

/// `new[lane] = old[lane]` for the lanes outside of the set.
pub(crate) fn keep(new: &mut [f64], set: &[u64], old: &[f64]) {
    wide(
        #[inline(always)]
        move || {
            for ((new, old), word) in new.chunks_mut(64).zip(old.chunks(64)).zip(set) {
                let word = *word;
                for (bit, (new, old)) in new.iter_mut().zip(old).enumerate() {
                    *new = pick(word >> bit & 1 == 1, *new, *old);
                }
            }
        },
    );
}

/// `new[lane] = old` for the lanes outside of the set.
pub(crate) fn keep_k(new: &mut [f64], set: &[u64], old: f64) {
    wide(
        #[inline(always)]
        move || {
            for (new, word) in new.chunks_mut(64).zip(set) {
                let word = *word;
                for (bit, new) in new.iter_mut().enumerate() {
                    *new = pick(word >> bit & 1 == 1, *new, old);
                }
            }
        },
    );
}
