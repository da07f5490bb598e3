//! V1 (shape) and the parts of V3 and V6 that concern the head: limits, layout, mentions.

use super::{VerifyError, Violation};
use crate::isa::Op;
use crate::limits::{
    MAX_CONSTANTS, MAX_FUNCTIONS, MAX_INPUTS, MAX_INSTRUCTIONS, MAX_RANGE_READS, MAX_REGISTERS,
};
use crate::program::{Program, StdInput};
use crate::types::{Base, Ty};

pub(super) fn check(p: &Program) -> Result<(), VerifyError> {
    let whole = |violation| Err(VerifyError::whole(violation));
    if p.code.len() > MAX_INSTRUCTIONS
        || p.constants.len() > MAX_CONSTANTS
        || p.functions.len() > MAX_FUNCTIONS
        || p.inputs.len() > MAX_INPUTS
        || p.functions.iter().any(|f| f.registers.len() > MAX_REGISTERS)
        || p.mentions >> StdInput::ALL.len() != 0
        || range_reads(p) > MAX_RANGE_READS
    {
        return whole(Violation::TooMany);
    }
    if p.spans.len() != p.code.len() {
        return whole(Violation::SpanCount);
    }
    let mut next = 0u32;
    for f in &p.functions {
        if f.start != next || f.end <= f.start || usize::from(f.params) > f.registers.len() {
            return whole(Violation::Layout);
        }
        match p.code.get(f.end as usize - 1) {
            Some(last) if last.is_end() => {}
            Some(_) => return Err(VerifyError::at(f.end as usize - 1, Violation::FallsThrough)),
            None => return whole(Violation::Layout),
        }
        next = f.end;
    }
    let Some(body) = p.functions.first() else { return whole(Violation::Layout) };
    if next as usize != p.code.len() || usize::from(body.params) != p.inputs.len() {
        return whole(Violation::Layout);
    }
    // The body's parameters are the inputs; a policy's body answers with a bool.
    let unit = |ty: Ty| ty.base() == Base::Unit;
    let inputs_typed = p.inputs.iter().zip(&body.registers).all(|(input, ty)| input.ty == *ty);
    let no_unit = p.functions.iter().all(|f| !f.registers.iter().copied().any(unit) && !unit(f.result));
    if !inputs_typed || !no_unit || (!p.expression && body.result != Ty::BOOL) {
        return whole(Violation::Type);
    }
    Ok(())
}

/// Registers that array literals and calls name, in all.
fn range_reads(p: &Program) -> usize {
    p.code.iter().fold(0, |sum, instr| match instr.op {
        Op::ArrayLit => sum + usize::from(instr.c),
        Op::Call => sum + p.functions.get(usize::from(instr.b)).map_or(0, |f| usize::from(f.params)),
        _ => sum,
    })
}
