//! From the portable program to what the scalar engine runs.
//!
//! Made once per program, after verification. Gas was assigned on the portable code and does not change: each planned
//! instruction that **settles** carries the Compute units of the straight run that ends with it (see `meter`).
//! Instructions are specialised by type and by constant operands, and common pairs are fused. A fused pair may drop its
//! temporary where no way on reads it (`liveness`).

mod code;
mod fuse;
mod liveness;
mod payload;
mod planner;
#[cfg(test)]
mod tests;

pub(crate) use code::{
    CMP_MASK, COMPONENT_SHIFT, Cmp, DEAD, DEAD_ARGUMENTS, DEAD_BEHIND, JUMP_IF, PlanFunction,
};
pub use code::{Code, PlanOp};

use super::memory::Constants;
use super::quick::QuickPlan;
use crate::isa::{CONST_B, CONST_C, GasRule, Instr, NO_CONST, Op};
use crate::program::{Function, Program};
use crate::types::{Base, Ty};
use crate::verify::Verified;
use planner::Planner;

/// A verified program with its plan; what `Vm` runs. Compile once, share in an `Arc`.
#[derive(Clone, Debug)]
pub struct Executable {
    verified: Verified,
    pub(crate) ops: Vec<PlanOp>,
    /// For each planned instruction, the portable one that it ends with.
    pub(crate) source: Vec<u32>,
    /// For each portable instruction, whether a straight run begins with it.
    pub(crate) begins: Vec<bool>,
    pub(crate) functions: Vec<PlanFunction>,
    pub(crate) constants: Constants,
    pub(crate) types: Vec<Ty>,
    /// The body begins by loading standard inputs: their registers. The run puts them there before it starts.
    pub(crate) standard: [Option<u16>; 4],
    /// The first planned instruction of the body behind these loads.
    pub(crate) start: u32,
    /// How it runs without the full machine, where it can.
    pub(crate) quick: Option<QuickPlan>,
}

/// Whether a straight run ends with this instruction.
pub(crate) fn settles(instr: Instr, equal_is_sized: bool) -> bool {
    match instr.op.info().gas {
        GasRule::Equal => equal_is_sized,
        GasRule::Text | GasRule::Search | GasRule::Put | GasRule::Event | GasRule::EntryTrust => true,
        GasRule::Fixed(layer, _) if layer != crate::gas::GasLayer::Compute => true,
        _ => {
            instr.target().is_some()
                || matches!(
                    instr.op,
                    Op::Require | Op::Return | Op::Call | Op::MemberCount | Op::RealmThreshold
                )
        }
    }
}

/// The Compute units of an instruction whose price does not depend on sizes.
#[inline]
pub(crate) fn fixed_compute(instr: Instr) -> u64 {
    match FIXED.get(instr.op as usize) {
        Some(&PER_ELEMENT) => u64::from(instr.c),
        Some(units) => u64::from(*units),
        None => 0,
    }
}

/// The same by opcode, where the opcode says it.
static FIXED: [u32; 256] = {
    let mut out = [0; 256];
    let mut lines = Op::TABLE;
    while let Some((line, rest)) = lines.split_first() {
        if let Some((slot, _)) = out.split_at_mut(line.op as usize).1.split_first_mut() {
            *slot = match line.gas {
                GasRule::Fixed(crate::gas::GasLayer::Compute, n) => n,
                GasRule::PerElement => PER_ELEMENT,
                GasRule::Equal => 1,
                _ => 0,
            };
        }
        lines = rest;
    }
    out
};
const PER_ELEMENT: u32 = u32::MAX;

impl Executable {
    /// Plans a verified program.
    pub fn new(verified: Verified) -> Executable {
        let constants = Constants::of(&verified.program().constants);
        let mut planner = Planner::new(verified.program());
        planner.run();
        let Planner { ops, source, begins, types, functions, .. } = planner;
        let (mut standard, mut start) = ([None; 4], 0);
        for (op, source) in ops.iter().zip(&source) {
            let jumped_to = begins.get(*source as usize) == Some(&true);
            match op.code {
                _ if jumped_to => break,
                Code::EntryTrust => {}
                Code::Std => {
                    if let Some(slot) = standard.get_mut(usize::from(op.x)).filter(|slot| slot.is_none()) {
                        *slot = Some(op.a);
                    } else {
                        break;
                    }
                }
                _ => break,
            }
            start += 1;
        }
        let mut exe = Executable {
            verified,
            ops,
            source,
            begins,
            functions,
            constants,
            types,
            standard,
            start,
            quick: None,
        };
        exe.quick = QuickPlan::new(&exe);
        exe
    }
    /// The program.
    pub fn program(&self) -> &Program {
        self.verified.program()
    }
    /// The portable instruction that a planned one ends with.
    pub(crate) fn source_of(&self, pc: usize) -> usize {
        self.source.get(pc).copied().unwrap_or(0) as usize
    }
    /// A constant number.
    #[inline(always)]
    pub(crate) fn number(&self, k: u16) -> f64 {
        f64::from_bits(self.constants.slot_of(k))
    }
    /// The Compute units that an instruction adds to its straight run; 0 where it charges for itself.
    pub(crate) fn straight_units(&self, pc: usize) -> u64 {
        let p = self.program();
        let Some(instr) = p.code.get(pc).copied() else { return 0 };
        if instr.op.info().gas == GasRule::Equal {
            let f = p.functions.iter().find(|f| (f.start as usize..f.end as usize).contains(&pc));
            return match f.map(|f| compared(p, f, instr)) {
                Some((ty, null)) if equal_is_sized(ty, null) => 0,
                _ => 1,
            };
        }
        fixed_compute(instr)
    }
    /// The first instruction of the straight run that ends with `pc`.
    pub(crate) fn run_start(&self, pc: usize) -> usize {
        let p = self.program();
        let mut start = pc;
        while start > 0 && !self.begins.get(start).copied().unwrap_or(true) {
            let Some(before) = p.code.get(start - 1).copied() else { break };
            let ends = match before.op.info().gas {
                GasRule::Equal => self.straight_units(start - 1) == 0,
                _ => settles(before, true),
            };
            if ends {
                break;
            }
            start -= 1;
        }
        start
    }
    /// Whether something jumps to the portable instruction at `pc`.
    pub(crate) fn is_target(&self, pc: u32) -> bool {
        self.begins.get(pc as usize).copied().unwrap_or(true)
    }
    /// Whether a function writes none of its parameters, and names them one by one.
    pub(crate) fn reads_parameters_only(&self, id: usize) -> bool {
        let p = self.program();
        let Some(f) = p.functions.get(id) else { return false };
        let code = p.code.get(f.start as usize..f.end as usize).unwrap_or(&[]);
        code.iter().all(|instr| {
            let first = match instr.op {
                Op::ArrayLit | Op::TrustCreate => instr.b,
                Op::Call => instr.c,
                _ => f.params,
            };
            first >= f.params && instr.written().is_none_or(|r| r >= f.params)
        })
    }
    /// The verified program.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }
}

/// The type that `==` compares, from whichever side is a register.
pub(crate) fn compared(p: &Program, f: &Function, instr: Instr) -> (Ty, bool) {
    let register = |r: u16| f.registers.get(usize::from(r)).copied().unwrap_or(Ty::UNIT);
    let is_null = |k: u16| p.constants.get(usize::from(k)) == Some(&crate::value::Value::Null);
    if instr.x & CONST_B != 0 {
        (register(instr.c), is_null(instr.b))
    } else if instr.x & CONST_C != 0 {
        (register(instr.b), is_null(instr.c))
    } else {
        let (b, c) = (register(instr.b), register(instr.c));
        (if b.is_optional() { b } else { c }, false)
    }
}

/// Whether `==` of this type is priced by size.
pub(crate) fn equal_is_sized(ty: Ty, null: bool) -> bool {
    !null && (ty.is_array() || ty.base() == Base::Text)
}

/// The portable opcode of a `Step` or `Straight`, and its type.
#[inline]
pub(crate) fn step_key(exe: &Executable, op: &PlanOp) -> (Option<Op>, Ty) {
    (Op::from_byte(op.k as u8), exe.types.get((op.k >> 8) as usize).copied().unwrap_or(Ty::UNIT))
}

/// Stands for "no message".
pub(crate) fn message(raw: u16) -> Option<u16> {
    (raw != NO_CONST).then_some(raw)
}
