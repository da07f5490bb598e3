//! Which exit each lane took: its number plus one in binary, a set of lanes for each digit, the lowest first. 0 is none: the
//! scalar engine must run that request. Lanes that leave together cost a few words of 64 lanes, where a number for each
//! lane would cost a pass over all of them.

/// Digits that numbers of so many exits take.
#[must_use]
pub fn digits(exits: usize) -> usize {
    (usize::BITS - exits.leading_zeros()) as usize
}

/// The lanes of `set` took `exit`. `taken` is a set as long as `set` for each digit, and has none of these lanes yet.
#[inline]
pub(crate) fn put(taken: &mut [u64], set: &[u64], exit: u16) {
    if set.is_empty() {
        return;
    }
    let mut number = u32::from(exit) + 1;
    for digit in taken.chunks_exact_mut(set.len()) {
        if number & 1 == 1 {
            super::masks::or(digit, set);
        }
        number >>= 1;
    }
}

/// The exit that a lane took. `taken` has sets of `words` words.
#[inline]
#[must_use]
pub fn get(taken: &[u64], words: usize, lane: usize) -> Option<usize> {
    let (mut number, mut value) = (0usize, 1);
    for word in taken.iter().skip(lane / 64).step_by(words.max(1)) {
        if word >> (lane % 64) & 1 == 1 {
            number += value;
        }
        value <<= 1;
    }
    number.checked_sub(1)
}
