//! Numbers: IEEE 754 binary64, round to nearest, no fused multiply-add.

use crate::fault::Fault;
use crate::limits::MAX_SAFE_INTEGER;

/// `a / b`; DivisionByZero for b = 0.
#[inline(always)]
pub fn div(a: f64, b: f64) -> Result<f64, Fault> {
    if b == 0.0 { Err(Fault::DivisionByZero) } else { Ok(a / b) }
}
/// `a % b`, the remainder with the sign of the dividend; DivisionByZero for b = 0.
#[inline(always)]
pub fn rem(a: f64, b: f64) -> Result<f64, Fault> {
    if b == 0.0 { Err(Fault::DivisionByZero) } else { Ok(libm::fmod(a, b)) }
}
/// Square root; DomainError for a negative. -0 gives -0, NaN gives NaN.
#[inline(always)]
pub fn sqrt(a: f64) -> Result<f64, Fault> {
    if a < 0.0 { Err(Fault::DomainError) } else { Ok(a.sqrt()) }
}
/// The nearest whole number, halves away from zero.
#[inline(always)]
pub fn round(a: f64) -> f64 {
    a.round()
}
/// The smaller; NaN where either is NaN; of -0 and 0 the first argument.
#[inline(always)]
pub fn min(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if b < a {
        b
    } else {
        a
    }
}
/// The larger; NaN where either is NaN; of -0 and 0 the first argument.
#[inline(always)]
pub fn max(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if b > a {
        b
    } else {
        a
    }
}
/// `v` within `lo..=hi`; DomainError where lo > hi or any of the three is NaN.
#[inline(always)]
pub fn clamp(v: f64, lo: f64, hi: f64) -> Result<f64, Fault> {
    if v.is_nan() || lo.is_nan() || hi.is_nan() || lo > hi {
        Err(Fault::DomainError)
    } else if v < lo {
        Ok(lo)
    } else if v > hi {
        Ok(hi)
    } else {
        Ok(v)
    }
}
/// `a + (b - a) t`
#[inline(always)]
pub fn lerp(a: f64, b: f64, t: f64) -> f64 {
    a + (b - a) * t
}
/// `-log2 p` (Shannon's surprisal, in bits) with libm's log2, which is bit-equal on every platform; DomainError
/// outside (0, 1]; surprisal(1) is 0, not -0.
#[inline(always)]
pub fn surprisal(p: f64) -> Result<f64, Fault> {
    if p > 0.0 && p < 1.0 {
        Ok(-libm::log2(p))
    } else if p == 1.0 {
        Ok(0.0)
    } else {
        Err(Fault::DomainError)
    }
}
/// The bounds of `for i in lo..hi`: whole numbers of at most 2^53 in size, else DomainError.
#[inline(always)]
pub fn range_bounds(lo: f64, hi: f64) -> Result<(), Fault> {
    let sound = |x: f64| x.abs() <= MAX_SAFE_INTEGER && x.trunc() == x;
    if sound(lo) && sound(hi) { Ok(()) } else { Err(Fault::DomainError) }
}
/// An index into something of `len` elements: a whole number 0 <= i < len, else IndexOutOfRange.
#[inline(always)]
pub fn index(i: f64, len: usize) -> Result<usize, Fault> {
    // Casts saturate, so a number out of range is caught by one of the two comparisons.
    let n = i as usize;
    if n as f64 == i && n < len { Ok(n) } else { Err(Fault::IndexOutOfRange) }
}
