//! Loops, compiled for the machine they run on: once for every x86-64 (two numbers at a time), once for those with AVX2
//! (four), once for those with AVX-512 (eight). All are the same source, so they do the same: nothing here depends on the
//! width of registers, and nothing is fused. The `unsafe` blocks of this engine stand here, one for each set of features.
//!
//! Jobs are closures that own what they use (`move`): what they held by reference would be read again for each lane.

use core::cell::Cell;

/// What loops are compiled for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Every machine of the architecture.
    Base,
    /// AVX2, with BMI1, BMI2 and POPCNT.
    Avx2,
    /// AVX-512 F, BW, DQ and VL, and all of [`Level::Avx2`].
    Avx512,
}

std::thread_local! {
    // Of each thread, so that reading it costs a load and no thread sees what another one's test has set.
    static LEVEL: Cell<Option<Level>> = const { Cell::new(None) };
}

/// The highest level that the machine has.
#[must_use]
pub fn best() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx2") && has!("bmi1") && has!("bmi2") && has!("popcnt") {
            let wide = has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
            return if wide { Level::Avx512 } else { Level::Avx2 };
        }
    }
    Level::Base
}

/// Makes this thread use no more than `most`, for tests that want each level to answer alike. Says what it uses.
#[doc(hidden)]
pub fn at_most(most: Level) -> Level {
    let level = best().min(most);
    LEVEL.set(Some(level));
    level
}

#[cold]
fn found() -> Level {
    at_most(best())
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn with_avx2<R>(job: impl FnOnce() -> R) -> R {
    job()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,popcnt")]
fn with_avx512<R>(job: impl FnOnce() -> R) -> R {
    job()
}

/// Does a job, whose loops are inlined into it, on what the machine has.
#[inline]
pub(super) fn wide<R>(job: impl FnOnce() -> R) -> R {
    match LEVEL.get().unwrap_or_else(found) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `with_avx512` is safe code that is unsafe to call only where the machine lacks a feature that it was
        // compiled for; a level is never above `best()`, which has found all of them.
        Level::Avx512 => unsafe { with_avx512(job) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above, for `with_avx2` and its features.
        Level::Avx2 => unsafe { with_avx2(job) },
        _ => job(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::Operand;
    use super::super::{masks, ops};
    use super::{Level, at_most, best};

    /// Lengths with and without whole words of 64, and with rests of a few registers.
    const LENGTHS: [usize; 6] = [1, 7, 64, 131, 1_000, 1_024];

    fn numbers(n: usize, mut seed: u64) -> Vec<f64> {
        let special = [0.0, -0.0, f64::INFINITY, f64::NAN, 1e-310, 100.0];
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let at = (seed % 40) as usize;
            special.get(at).copied().unwrap_or((seed >> 12) as f64 / 1e13 - 100.0)
        };
        (0..n).map(|_| next()).collect()
    }
    fn set(n: usize, seed: u64) -> Vec<u64> {
        let mut set = vec![0; masks::words(n)];
        let picked = numbers(n, seed);
        picked
            .iter()
            .enumerate()
            .filter(|(_, x)| **x > 0.0)
            .for_each(|(lane, _)| masks::insert(&mut set, lane));
        set
    }
    fn bits(numbers: &[f64]) -> Vec<u64> {
        // Which NaN a sum of NaNs is, nobody promises.
        numbers.iter().map(|x| if x.is_nan() { 0 } else { x.to_bits() }).collect()
    }

    #[test]
    fn all_levels_answer_what_single_numbers_do() {
        for (n, most) in
            LENGTHS.iter().flat_map(|n| [Level::Base, Level::Avx2, Level::Avx512].map(|l| (*n, l)))
        {
            assert_eq!(at_most(most), most.min(best()));
            let (a, b, some) = (numbers(n, 3), numbers(n, 5), set(n, 7));
            let (s, t, k) = (Operand::S(&a), Operand::S(&b), Operand::K(0.75));
            let mut test = vec![0; some.len()];
            ops::test2(&mut test, s, t, |a, b| a < b);
            assert!((0..n).all(|at| masks::has(&test, at) == (a[at] < b[at])), "{n} {most:?}");
            ops::test2(&mut test, s, k, |a, b| a >= b);
            assert!((0..n).all(|at| masks::has(&test, at) == (a[at] >= 0.75)), "{n} {most:?}");
            for d in [t, k] {
                let mut out = vec![0.0; n];
                ops::mul_add(&mut out, s, k, d);
                let alone: Vec<f64> = (0..n).map(|at| a[at] * 0.75 + d.get(at)).collect();
                assert_eq!(bits(&out), bits(&alone), "{n} {most:?}");
            }
            let mut out = a.clone();
            ops::update2(&mut out, &some, t, |a, b| a - b);
            ops::update2(&mut out, &some, k, |a, b| a * b);
            let alone: Vec<f64> =
                (0..n).map(|at| if masks::has(&some, at) { (a[at] - b[at]) * 0.75 } else { a[at] }).collect();
            assert_eq!(bits(&out), bits(&alone), "{n} {most:?}");
            let mut out = a.clone();
            masks::keep(&mut out, &some, &b);
            masks::keep_k(&mut out, &set(n, 11), 2.5);
            let alone: Vec<f64> = (0..n)
                .map(|at| match (masks::has(&set(n, 11), at), masks::has(&some, at)) {
                    (false, _) => 2.5,
                    (true, true) => a[at],
                    (true, false) => b[at],
                })
                .collect();
            assert_eq!(bits(&out), bits(&alone), "{n} {most:?}");
        }
        at_most(best());
    }
}
