//! Everything here is made to break something: the stack, the clock, memory, the verifier. Nothing may panic, hang or grow.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod setting;

#[path = "hostile/bytecode.rs"]
mod bytecode;
#[path = "hostile/runs.rs"]
mod runs;
#[path = "hostile/sources.rs"]
mod sources;

use std::time::{Duration, Instant};

/// What `work` gives, if it takes less than two seconds.
#[track_caller]
fn in_time<T>(work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(2), "took {took:?}");
    result
}
