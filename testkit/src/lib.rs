//! What holds the engines of eclvm to the language's meaning: a reference interpreter that is as plain as can be,
//! generators of programs and of what they run on, and the comparison of whole receipts.
//!
//! Nothing that ships depends on this crate. A test that fails here should stop at once and say where, so panics,
//! indexing and `expect` are welcome.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test support: a broken promise must stop the test that found it"
)]

pub mod batches;
pub mod case;
pub mod checklist;
pub mod compare;
pub mod generate;
pub mod lanes;
pub mod reference;
pub mod runner;
pub mod shrink;
pub mod typed;
pub mod world;
