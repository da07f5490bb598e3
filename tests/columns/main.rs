//! Requests in Arrow and Parquet: the same receipts, to the byte, as the same requests in NDJSON; and files that are wrong.

#![cfg(feature = "parquet")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;
mod files;
mod generate;
mod hostile;
mod meaning;
