//! Trust vectors. Sums run from r to omega, without fused multiply-add.

use crate::fault::Fault;
use crate::value::TrustVector;

/// Mean of the six components.
#[inline(always)]
pub fn norm(t: &TrustVector) -> f64 {
    let [r, i, c, p, v, omega] = t.0;
    (r + i + c + p + v + omega) / 6.0
}
/// `sum(w x) / sum(w)`; DomainError unless there are six weights with a sum > 0.
pub fn weighted(t: &TrustVector, weights: &[f64]) -> Result<f64, Fault> {
    if weights.len() != 6 {
        return Err(Fault::DomainError);
    }
    let total = weights.iter().skip(1).fold(weights.first().copied().unwrap_or(0.0), |s, w| s + w);
    if total > 0.0 {
        let mut terms = weights.iter().zip(&t.0).map(|(w, x)| w * x);
        let first = terms.next().unwrap_or(0.0);
        Ok(terms.fold(first, |s, x| s + x) / total)
    } else {
        Err(Fault::DomainError)
    }
}
/// `1 - (1 - a)(1 - b)` per component (probabilistic sum).
#[inline(always)]
pub fn combine(a: &TrustVector, b: &TrustVector) -> TrustVector {
    let mut out = [0.0; 6];
    for ((o, a), b) in out.iter_mut().zip(&a.0).zip(&b.0) {
        *o = 1.0 - (1.0 - a) * (1.0 - b);
    }
    TrustVector(out)
}
/// A vector of these components; DomainError where one is outside [0, 1] or NaN.
#[inline(always)]
pub fn create(components: [f64; 6]) -> Result<TrustVector, Fault> {
    let t = TrustVector(components);
    if t.is_valid() { Ok(t) } else { Err(Fault::DomainError) }
}
/// Whether all six are >= `threshold`.
#[inline(always)]
pub fn above(t: &TrustVector, threshold: f64) -> bool {
    t.0.iter().all(|x| *x >= threshold)
}
/// Euclidean distance.
#[inline(always)]
pub fn distance(a: &TrustVector, b: &TrustVector) -> f64 {
    let mut terms = a.0.iter().zip(&b.0).map(|(a, b)| (a - b) * (a - b));
    let first = terms.next().unwrap_or(0.0);
    terms.fold(first, |s, x| s + x).sqrt()
}
/// `delta` added to every component, clamped to [0, 1]; DomainError unless -0.5 <= delta <= 0.5.
pub fn shift(t: &TrustVector, delta: f64) -> Result<TrustVector, Fault> {
    if !(-0.5..=0.5).contains(&delta) {
        return Err(Fault::DomainError);
    }
    Ok(TrustVector(t.0.map(|x| (x + delta).clamp(0.0, 1.0))))
}
