//! The scalar engine: one request at a time, on an arena that is reused.
//!
//! `plan` turns a verified program into fused code; `exec` is the loop; `step` says what the rarer instructions do;
//! `meter` keeps the bill; `memory` holds a run's values, `interner` texts of constants, `given` those
//! that stay in the request; `writes` buffers what it wants changed; `input` checks what it
//! was given; `run` puts them together. `quick` runs, without most of these, what writes nothing: nearly every policy.

mod exec;
mod frame;
mod given;
mod input;
mod interner;
mod memory;
mod meter;
mod plan;
mod quick;
mod run;
mod step;
mod texts;
mod writes;

pub use plan::{Code, Executable, PlanOp};
pub use run::Vm;
