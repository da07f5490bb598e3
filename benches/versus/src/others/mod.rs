//! Engines that somebody could take instead, each in the way its own documents say is fast: compiled once, inputs borrowed
//! where that can be, one evaluation per request, with the engine's own limits on where it has such.
//!
//! What an engine cannot say (a loop in CEL, Cedar and Rego; a square root in Cedar and Rego) is left out, or said in
//! whole numbers and squares, which come to the same decisions (`data`).

mod cedar;
mod cel;
mod rego;
mod wasm;

use crate::data::Data;
use crate::race::Contender;

/// The others' contenders for workload `w`, counted from 1.
pub fn contenders(w: usize, data: &Data) -> Vec<Contender<'_>> {
    [cel::contenders, cedar::contenders, rego::contenders, wasm::contenders]
        .iter()
        .flat_map(|all| all(w, data))
        .collect()
}
