//! The kernel of eclvm: portable bytecode and its verifier, the metered virtual machine, budgets.
//!
//! It knows no source text, no files and no clock of its own (time comes in), and it does not panic on any input, so that
//! model checkers and sanitizers can run it whole. Policies are hostile until proven otherwise: a [`program::Program`] is
//! anything, a [`verify::Verified`] is what has been proven, and only a [`vm::Executable`] made of one runs.

#![cfg_attr(loom, allow(clippy::modulo_one, reason = "capacities are shrunk under loom"))]
pub mod budget;
pub mod effects;
pub mod encode;
pub mod entry;
pub mod event;
pub mod fault;
pub mod gas;
pub mod host;
pub mod isa;
pub mod lanes;
pub mod ledger;
pub mod limits;
pub mod mana;
pub mod multigas;
pub mod ops;
pub mod program;
pub mod publish;
pub mod receipt;
pub mod registry;
pub mod request;
mod segments;
pub mod span;
pub mod sync;
pub mod telemetry;
pub mod types;
pub mod value;
pub mod verify;
pub mod vm;
pub mod wide;
