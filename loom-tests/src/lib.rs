//! Loom models of the kernel's protocols: every interleaving, not some.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p eclvm-loom-tests --release`. Without the flag there is nothing to run.
//! Each model has a twin, weakened by one step, that must fail: a model that cannot fail proves nothing.

#![cfg(loom)]

#[cfg(test)]
mod budget;
