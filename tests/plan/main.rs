//! The plan's checklist (docs/plan.md), line by line: a test is named after the line that it shows. Some lines are shown
//! elsewhere too, where the setting is; `cargo run -p eclvm-testkit --bin plan` lists all of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[cfg(feature = "state-host")]
mod architecture;
#[cfg(feature = "state-host")]
mod e1;
mod e2;
#[cfg(feature = "state-host")]
mod e3;
#[cfg(feature = "state-host")]
mod e4;
mod e5;
#[cfg(feature = "state-host")]
mod e6;
mod migration;
#[cfg(feature = "state-host")]
mod names;
#[cfg(feature = "state-host")]
#[path = "../observing/mod.rs"]
mod observing;
#[cfg(feature = "state-host")]
#[path = "../transacting/mod.rs"]
mod transacting;
