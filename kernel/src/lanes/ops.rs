//! What pure instructions do to columns: plain loops over slices of one length, which vectorise. Each applies the very
//! function of `crate::ops` (or the operator) that the scalar engine applies, lane by lane, so that no bit differs;
//! sums keep their order, and nothing is fused.

use super::columns::Operand;
use super::masks::pick;
use super::simd::wide;

/// `out[lane] = f(b[lane])`
pub(crate) fn map(out: &mut [f64], b: Operand<'_>, f: impl Fn(f64) -> f64) {
    wide(
        #[inline(always)]
        move || map_loop(out, b, f),
    )
}
#[inline(always)]
fn map_loop(out: &mut [f64], b: Operand<'_>, f: impl Fn(f64) -> f64) {
    match b {
        Operand::K(k) => out.fill(f(k)),
        Operand::S(s) => {
            for (out, b) in out.iter_mut().zip(s) {
                *out = f(*b);
            }
        }
    }
}

/// `out[lane] = f(b[lane], c[lane])`
pub(crate) fn map2(out: &mut [f64], b: Operand<'_>, c: Operand<'_>, f: impl Fn(f64, f64) -> f64) {
    wide(
        #[inline(always)]
        move || map2_loop(out, b, c, f),
    )
}
#[inline(always)]
fn map2_loop(out: &mut [f64], b: Operand<'_>, c: Operand<'_>, f: impl Fn(f64, f64) -> f64) {
    match (b, c) {
        (Operand::S(b), Operand::S(c)) => {
            for ((out, b), c) in out.iter_mut().zip(b).zip(c) {
                *out = f(*b, *c);
            }
        }
        (Operand::S(b), Operand::K(c)) => {
            for (out, b) in out.iter_mut().zip(b) {
                *out = f(*b, c);
            }
        }
        (Operand::K(b), Operand::S(c)) => {
            for (out, c) in out.iter_mut().zip(c) {
                *out = f(b, *c);
            }
        }
        (Operand::K(b), Operand::K(c)) => out.fill(f(b, c)),
    }
}

/// `x[lane] = f(x[lane], c[lane])` for the lanes of the set.
pub(crate) fn update2(x: &mut [f64], set: &[u64], c: Operand<'_>, f: impl Fn(f64, f64) -> f64) {
    wide(
        #[inline(always)]
        move || match c {
            Operand::K(c) => {
                for (x, word) in x.chunks_mut(64).zip(set) {
                    let word = *word;
                    for (bit, x) in x.iter_mut().enumerate() {
                        *x = pick(word >> bit & 1 == 1, f(*x, c), *x);
                    }
                }
            }
            Operand::S(c) => {
                for ((x, c), word) in x.chunks_mut(64).zip(c.chunks(64)).zip(set) {
                    let word = *word;
                    for (bit, (x, c)) in x.iter_mut().zip(c).enumerate() {
                        *x = pick(word >> bit & 1 == 1, f(*x, *c), *x);
                    }
                }
            }
        },
    )
}

/// `out[lane] = b[lane] * c[lane] + d[lane]`, in two roundings.
pub(crate) fn mul_add(out: &mut [f64], b: Operand<'_>, c: Operand<'_>, d: Operand<'_>) {
    match (b, c, d) {
        (Operand::S(_), Operand::K(c), Operand::K(d)) => map(out, b, move |b| b * c + d),
        (Operand::S(_), Operand::K(c), Operand::S(_)) => map2(out, b, d, move |b, d| b * c + d),
        _ => {
            map2(out, b, c, |b, c| b * c);
            fold2(out, d, Operand::K(0.0), |product, d, _| product + d);
        }
    }
}

/// `out[lane] = f(out[lane], b[lane], c[lane])`
pub(crate) fn fold2(out: &mut [f64], b: Operand<'_>, c: Operand<'_>, f: impl Fn(f64, f64, f64) -> f64) {
    wide(
        #[inline(always)]
        move || fold2_loop(out, b, c, f),
    )
}
#[inline(always)]
fn fold2_loop(out: &mut [f64], b: Operand<'_>, c: Operand<'_>, f: impl Fn(f64, f64, f64) -> f64) {
    match (b, c) {
        (Operand::S(b), Operand::S(c)) => {
            for ((out, b), c) in out.iter_mut().zip(b).zip(c) {
                *out = f(*out, *b, *c);
            }
        }
        (Operand::S(b), Operand::K(c)) => {
            for (out, b) in out.iter_mut().zip(b) {
                *out = f(*out, *b, c);
            }
        }
        (Operand::K(b), Operand::S(c)) => {
            for (out, c) in out.iter_mut().zip(c) {
                *out = f(*out, b, *c);
            }
        }
        (Operand::K(b), Operand::K(c)) => out.iter_mut().for_each(|out| *out = f(*out, b, c)),
    }
}

/// What lanes of a set have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Spread {
    /// There are none.
    Nobody,
    /// The same, all of them.
    Same(u64),
    Differs,
}

/// Whether `f(b[lane])` is the same in all lanes of the set.
pub(crate) fn spread(b: &[f64], set: &[u64], f: impl Fn(f64) -> u64) -> Spread {
    let Some((at, word)) = set.iter().enumerate().find(|(_, word)| **word != 0) else {
        return Spread::Nobody;
    };
    let first = f(b.get(at * 64 + word.trailing_zeros() as usize).copied().unwrap_or(0.0));
    let differ = wide(
        #[inline(always)]
        move || {
            let mut differ = 0;
            for (b, word) in b.chunks(64).zip(set) {
                let word = *word;
                for (bit, b) in b.iter().enumerate() {
                    differ |= (f(*b) ^ first) & (word >> bit & 1).wrapping_neg();
                }
            }
            differ
        },
    );
    if differ == 0 { Spread::Same(first) } else { Spread::Differs }
}

/// `out[lane]` = the bits of `f(b[lane])` in the lanes of the set, and 0 in the others. Says a number with all
/// bits that any of them has: none is above it.
pub(crate) fn count(out: &mut [f64], b: &[f64], set: &[u64], f: impl Fn(f64) -> u64) -> u64 {
    wide(
        #[inline(always)]
        move || {
            let mut most = 0;
            for ((out, b), word) in out.chunks_mut(64).zip(b.chunks(64)).zip(set) {
                let word = *word;
                for (bit, (out, b)) in out.iter_mut().zip(b).enumerate() {
                    let n = f(*b) & (word >> bit & 1).wrapping_neg();
                    *out = f64::from_bits(n);
                    most |= n;
                }
            }
            most
        },
    )
}

/// The set of lanes whose byte has a bit of `bits`.
#[expect(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "arrays of fixed size, and bounds that are constants below it"
)]
pub(crate) fn test_bytes(out: &mut [u64], bytes: &[u8], bits: u8) {
    wide(
        #[inline(always)]
        move || {
            let (whole, rest) = bytes.as_chunks::<64>();
            for (word, bytes) in out.iter_mut().zip(whole) {
                let mut answers = 0;
                for lane in 0..64 {
                    answers |= if bytes[lane] & bits != 0 { 1 << lane } else { 0 };
                }
                *word = answers;
            }
            if let (Some(word), false) = (out.get_mut(whole.len()), rest.is_empty()) {
                *word =
                    rest.iter().enumerate().fold(0, |w, (bit, byte)| w | u64::from(byte & bits != 0) << bit);
            }
        },
    );
}

/// The set of lanes for which `f(b[lane])`; bits of no lane may be set too.
pub(crate) fn test(out: &mut [u64], b: Operand<'_>, f: impl Fn(f64) -> bool) {
    wide(
        #[inline(always)]
        move || test_loop(out, b, f),
    )
}
#[inline(always)]
#[expect(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "arrays of fixed size, and bounds that are constants below it"
)]
fn test_loop(out: &mut [u64], b: Operand<'_>, f: impl Fn(f64) -> bool) {
    match b {
        Operand::K(k) => out.fill(if f(k) { u64::MAX } else { 0 }),
        Operand::S(s) => {
            let (whole, rest) = s.as_chunks::<64>();
            for (word, s) in out.iter_mut().zip(whole) {
                let mut answers = 0;
                for lane in 0..64 {
                    answers |= if f(s[lane]) { 1 << lane } else { 0 };
                }
                *word = answers;
            }
            if let (Some(word), false) = (out.get_mut(whole.len()), rest.is_empty()) {
                *word = rest.iter().enumerate().fold(0, |w, (bit, s)| w | u64::from(f(*s)) << bit);
            }
        }
    }
}

/// The set of lanes for which `f(b[lane], c[lane])`; bits of no lane may be set too.
pub(crate) fn test2(out: &mut [u64], b: Operand<'_>, c: Operand<'_>, f: impl Fn(f64, f64) -> bool) {
    wide(
        #[inline(always)]
        move || test2_loop(out, b, c, f),
    )
}
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of fixed size, and bounds that are constants below it")]
fn test2_loop(out: &mut [u64], b: Operand<'_>, c: Operand<'_>, f: impl Fn(f64, f64) -> bool) {
    match (b, c) {
        (Operand::S(b), Operand::K(c)) => test_loop(
            out,
            Operand::S(b),
            #[inline(always)]
            |b| f(b, c),
        ),
        (Operand::K(b), c) => test_loop(
            out,
            c,
            #[inline(always)]
            |c| f(b, c),
        ),
        (Operand::S(b), Operand::S(c)) => {
            let ((whole, b_rest), (c_whole, c_rest)) = (b.as_chunks::<64>(), c.as_chunks::<64>());
            for ((word, b), c) in out.iter_mut().zip(whole).zip(c_whole) {
                let mut answers = 0;
                for lane in 0..64 {
                    answers |= if f(b[lane], c[lane]) { 1 << lane } else { 0 };
                }
                *word = answers;
            }
            if let (Some(word), false) = (out.get_mut(whole.len()), b_rest.is_empty()) {
                let pairs = b_rest.iter().zip(c_rest).enumerate();
                *word = pairs.fold(0, |w, (bit, (b, c))| w | u64::from(f(*b, *c)) << bit);
            }
        }
    }
}
