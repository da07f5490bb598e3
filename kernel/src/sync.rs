//! The one door to atomics: std's, or loom's under `--cfg loom`. Nothing else in the workspace names them.

#[cfg(loom)]
pub use loom::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
};
#[cfg(not(loom))]
pub use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
};

pub use crossbeam_utils::CachePadded;
