//! The engine, compiled for the machine it runs on: once for every x86-64 (two numbers at a time), once for those with
//! AVX2 (four). Both are the same source, so they do the same: no operation here depends on the width of registers, and
//! nothing is fused. The one `unsafe` block of the kernel stands here.

use super::plan::LanePlan;
use super::run::{Answers, Given, Lanes, run};
use crate::request::Env;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx2(s: &mut Lanes, plan: &LanePlan, given: Given<'_>, env: &Env<'_>, out: Answers<'_>) {
    run(s, plan, given, env, out);
}

#[inline(never)]
fn run_plain(s: &mut Lanes, plan: &LanePlan, given: Given<'_>, env: &Env<'_>, out: Answers<'_>) {
    run(s, plan, given, env, out);
}

/// Runs a chunk on what the machine has.
pub(super) fn dispatch(s: &mut Lanes, plan: &LanePlan, given: Given<'_>, env: &Env<'_>, out: Answers<'_>) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
        && std::arch::is_x86_feature_detected!("lzcnt")
        && std::arch::is_x86_feature_detected!("popcnt")
    {
        // SAFETY: `run_avx2` is safe code that is unsafe to call only where the machine lacks a feature that it was
        // compiled for; the condition above has found all of them.
        return unsafe { run_avx2(s, plan, given, env, out) };
    }
    run_plain(s, plan, given, env, out);
}
