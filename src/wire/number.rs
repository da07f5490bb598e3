//! JSON numbers, correctly rounded, with a short way for the short ones that requests are full of.

/// Powers of ten that a double holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];
/// Digits that make a whole number below 2^53, whichever they are.
const EXACT_DIGITS: usize = 15;

/// The JSON number at the start of `bytes` and its length; None where there is none. One beyond the doubles is an
/// infinity.
#[inline]
pub(super) fn read(bytes: &[u8]) -> Option<(f64, usize)> {
    let negative = bytes.first() == Some(&b'-');
    let start = usize::from(negative);
    let (mut mantissa, whole) = digits(bytes, start, 0);
    if whole == 0 || (whole > 1 && bytes.get(start) == Some(&b'0')) {
        return None;
    }
    let (mut at, mut fraction) = (start + whole, 0);
    if bytes.get(at) == Some(&b'.') {
        (mantissa, fraction) = digits(bytes, at + 1, mantissa);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    let plain = !matches!(bytes.get(at), Some(b'e' | b'E'));
    if !plain {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let (_, exponent) = digits(bytes, at, 0);
        if exponent == 0 {
            return None;
        }
        at += exponent;
    }
    if plain && whole + fraction <= EXACT_DIGITS {
        // Two exact doubles and one rounding: the nearest double to the decimal.
        let size = mantissa as f64 / EXACT_POWERS.get(fraction)?;
        return Some((if negative { -size } else { size }, at));
    }
    let text = core::str::from_utf8(bytes.get(..at)?).ok()?;
    Some((text.parse().ok()?, at))
}

/// The value that follows when the digits from `at` are put after `value`, and how many they are. The value means nothing
/// beyond 19 digits.
#[inline]
fn digits(bytes: &[u8], at: usize, mut value: u64) -> (u64, usize) {
    let mut count = 0;
    for byte in bytes.get(at..).unwrap_or(&[]) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    (value, count)
}
