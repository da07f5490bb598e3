//! Vectors that hosts load are most often only asked for their norm, for a component, or for their distance. Then nobody
//! needs them as six columns: the plan names them by the input whose DID they belong to, and instructions look into the
//! table of answers (`memos`).

use super::columns::Arg;
use super::plan::{Code, LaneOp};

/// What the plan knows of its columns.
struct Columns {
    /// How many instructions (and inputs) write each.
    writes: Vec<u32>,
    /// The input that a column of ids is, where it is written once.
    inputs: Vec<Option<u32>>,
    /// The vector that six columns from here on are, where they are written once, and nothing needs them as columns.
    vectors: Vec<Option<Arg>>,
}

impl Columns {
    fn once(&self, at: u32) -> bool {
        self.writes.get(at as usize) == Some(&1)
    }
    fn vector(&self, arg: Arg) -> Option<Arg> {
        match arg {
            Arg::Six(at) => self.vectors.get(at as usize).copied().flatten(),
            _ => None,
        }
    }
}

/// Rewrites instructions on vectors that need not become columns.
pub(super) fn leave_in_place(ops: &mut [LaneOp], columns: u32, inputs: &[Arg]) {
    let n = columns as usize;
    let mut known = Columns { writes: vec![0; n], inputs: vec![None; n], vectors: vec![None; n] };
    for place in inputs {
        if let Arg::Word(at) | Arg::Six(at) = place {
            known.writes.get_mut(*at as usize).into_iter().for_each(|n| *n += 1);
        }
    }
    for op in &*ops {
        if let Some(at) = op.writes() {
            known.writes.get_mut(at as usize).into_iter().for_each(|n| *n += 1);
        }
    }
    for (input, place) in inputs.iter().enumerate() {
        if let Arg::Word(at) = place
            && known.once(*at)
            && let Some(slot) = known.inputs.get_mut(*at as usize)
        {
            *slot = Some(input as u32);
        }
    }
    // Code order is an order of every first way to an instruction, and what is written once has one value only.
    for op in &*ops {
        if !known.once(op.a) {
            continue;
        }
        let from = match op.b {
            Arg::Word(at) => known.inputs.get(at as usize).copied().flatten(),
            _ => None,
        };
        match op.code {
            Code::View => known.inputs.get_mut(op.a as usize).into_iter().for_each(|slot| *slot = Some(op.x)),
            Code::Copy | Code::Unwrap => {
                known.inputs.get_mut(op.a as usize).into_iter().for_each(|slot| *slot = from);
            }
            Code::LoadTrust | Code::ViewSix | Code::CopySix => {
                let vector = match op.code {
                    Code::LoadTrust => from.map(Arg::Loaded),
                    Code::ViewSix => Some(Arg::Trust),
                    _ => known.vector(op.b),
                };
                known.vectors.get_mut(op.a as usize).into_iter().for_each(|slot| *slot = vector);
            }
            _ => {}
        }
    }
    while forget_needed(ops, &mut known) {}
    for op in ops {
        match op.code {
            Code::LoadTrust | Code::ViewSix | Code::CopySix if known.vector(Arg::Six(op.a)).is_some() => {
                (op.code, op.b) = match op.code {
                    Code::LoadTrust => (Code::AskTrust, known.vector(Arg::Six(op.a)).unwrap_or(op.b)),
                    _ => (Code::Nop, Arg::None),
                };
            }
            Code::Norm | Code::Distance | Code::Field => {
                op.b = known.vector(op.b).unwrap_or(op.b);
                op.c = known.vector(op.c).unwrap_or(op.c);
            }
            _ => {}
        }
    }
}

/// Forgets vectors that some instruction needs as columns; says whether there were any.
fn forget_needed(ops: &[LaneOp], known: &mut Columns) -> bool {
    let mut any = false;
    for op in ops {
        let both = known.vector(op.b).is_some() && known.vector(op.c).is_some();
        let in_place = match op.code {
            Code::Norm | Code::Field => true,
            Code::Distance => both,
            Code::CopySix => known.vector(Arg::Six(op.a)).is_some(),
            _ => false,
        };
        for arg in [op.b, op.c] {
            if let (Arg::Six(at), Some(_), false) = (arg, known.vector(arg), in_place) {
                known.vectors.get_mut(at as usize).into_iter().for_each(|slot| *slot = None);
                any = true;
            }
        }
    }
    any
}
