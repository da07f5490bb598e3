//! Loom models of the kernel's protocols: every interleaving, not some.
//!
//! `RUSTFLAGS="--cfg loom --cfg crossbeam_loom" cargo run -p eclvm-loom-tests --release` explores all models and
//! their twins; without the flags there is nothing to run. Arguments: a part of a name explores only those; `--long`
//! takes the larger bounds; `--write` makes the table in MODELS.md anew.

#[cfg(loom)]
mod budget;
#[cfg(loom)]
mod door;
#[cfg(loom)]
mod event;
#[cfg(loom)]
mod ledger;
#[cfg(loom)]
mod mana;
#[cfg(loom)]
mod model;
#[cfg(loom)]
mod multigas;
#[cfg(loom)]
mod publish;
#[cfg(loom)]
mod registry;
#[cfg(loom)]
mod table;
#[cfg(loom)]
mod wide;

#[cfg(loom)]
fn main() -> std::process::ExitCode {
    table::run()
}

#[cfg(not(loom))]
fn main() {
    eprintln!("built without --cfg loom: nothing to explore. See loom-tests/README.md.");
}
