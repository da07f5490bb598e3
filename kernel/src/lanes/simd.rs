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
