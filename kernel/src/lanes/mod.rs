//! The lanes engine: one policy over very many requests, a column at a time.
//!
//! The scalar engine (`vm`) runs a request from its first instruction to its last. This one runs an instruction over a
//! **chunk** of requests (1 024, say), each in a **lane**, and its receipts do not differ from the scalar engine's by a bit.
//!
//! ```text
//!  Executable ─flatten─► one list, functions inlined ─flow─► blocks, bases, exits = LanePlan   (once per policy)
//!  requests by column, a dictionary of texts ─────────► Lanes::run ─► an exit for each lane      (per chunk)
//! ```
//!
//! **Control flow.** Blocks stand in code order. Each has a set of lanes that wait for it; the earliest block that somebody
//! waits for runs next, for all that wait. A branch splits the set, a join unites sets. Only plain jumps go backwards
//! (V5), so lanes of a loop meet again at its head, and those that have left wait behind it. A block nobody waits for costs
//! a look at a flag.
//!
//! **Loops** that ask nobody are remembered: a lane that finds in its columns what another one has found takes what the loop
//! left to that one, and its bill (`recall`). Most often those are a few lists and texts, again and again.
//!
//! **Columns.** A register is a column. Bools that are never null are sets of lanes, one bit each. Numbers, ids and nullable
//! values are 64-bit words; a column may also be the same in every lane (then it is computed once), or a view of what the
//! caller gave (then nothing is copied). Pure total operations are computed for all lanes, those that do not run too: a
//! plain loop is faster than a choice. Faults, charges and questions to hosts are only for lanes that run.
//!
//! **Bills.** Each place has a base, the units of the cheapest way to it; what a lane owes beyond it is added where ways
//! meet (`gas`). An **exit** is a place where runs end and how; it carries outcome, message, span and base, so a lane's
//! answer is a small number (kept in `digits`, a bit of each lane to a word), and its receipt is made when somebody wants it. Where the static bound fits the limit nothing
//! is compared. Where it does not, a lane that turns out to have cost more than its limit (when it leaves, at the end of
//! a round of a loop, before a host is asked) is run again by the scalar engine, which says where it ended: costs only
//! grow, so that a lane that ends within its limit was never over it.
//!
//! **What is left to the scalar engine.** Policies without a plan ([`Unsupported`] says why), requests that are unusual
//! (their inputs are wrong: the caller's columns do not name them active), lanes that cannot pay, lanes whose host erred, and
//! all lanes of a chunk that takes too long. Runs here change nothing outside, so that running one again is no harm.
//!
//! **Time.** Between chunks the batch looks at the clock; within long loops this engine does, after as much work as the
//! scalar engine would. Where time is up it leaves the rest to the scalar engine, which ends each run by its own rules.
//!
//! Files: `masks` sets; `digits` exits; `columns` registers; `texts` dictionary and arrays; `plan`, `flatten`, `flow`, `loaded`,
//! `fuse` the plan; `gas` bills; `border` what a chunk is given and answers; `run` blocks, `leave` exits; `compute`, `vectors`, `search`, `packed`, `hosts` what instructions do; `memos`
//! answers; `loops`, `recall` loops that are remembered; `asks` what is asked of inputs; `ops` the loops; `simd` the machine.

mod asks;
mod border;
mod columns;
mod compute;
pub mod digits;
mod flatten;
mod flow;
mod fuse;
mod gas;
mod hosts;
mod leave;
mod loaded;
mod loops;
pub mod masks;
mod memos;
mod ops;
mod packed;
mod plan;
mod recall;
mod run;
mod search;
pub mod simd;
mod texts;
mod vectors;

pub use asks::{Asks, Element, Of};
pub use border::{Answers, Given, Tally};
pub use columns::{InputColumn, Inputs, NULL, number_bits};
pub use plan::{Exit, LanePlan, Unsupported};
pub use run::Lanes;
pub use texts::{Arrays, Dictionary, ends};
