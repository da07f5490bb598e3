//! Loops, compiled for the machine they run on: once for every x86-64 (two numbers at a time), once for those with AVX2
//! (four). Both are the same source, so they do the same: nothing here depends on the width of registers, and nothing is
//! fused. The one `unsafe` block of the kernel stands here.

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn with_avx2<R>(job: impl FnOnce() -> R) -> R {
    job()
}

/// Does a job, whose loops are inlined into it, on what the machine has.
#[inline]
pub(super) fn wide<R>(job: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
        && std::arch::is_x86_feature_detected!("popcnt")
    {
        // SAFETY: `with_avx2` is safe code that is unsafe to call only where the machine lacks a feature that it was
        // compiled for; the condition above has found all of them.
        return unsafe { with_avx2(job) };
    }
    job()
}
