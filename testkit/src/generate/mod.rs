//! Seeded generators: programs (well typed, half typed, malformed), requests, worlds, limits and prices.
//!
//! The same seed gives the same case on every machine. Well-typed programs use the whole language, and mean something
//! often enough: about as many allow as deny, fault or run out.

pub mod broken;
pub mod expr;
pub mod given;
pub mod operation;
pub mod pools;
pub mod program;
pub mod rng;
pub mod scope;
pub mod setting;
pub mod stmt;
pub mod worlds;
pub mod writing;
