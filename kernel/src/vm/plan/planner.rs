//! From portable instructions to planned ones, function by function.

use super::code::{Code, DEAD, DEAD_ARGUMENTS, DEAD_BEHIND, PlanFunction, PlanOp};
use super::liveness::Liveness;
use super::payload::Payloads;
use super::{compared, equal_is_sized, fixed_compute, settles};
use crate::isa::{CONST_B, CONST_C, Instr, Op};
use crate::program::{Function, Program};
use crate::types::{Base, Ty};
use smallvec::SmallVec;

/// How far back types are compared, to share equal ones: a program may have as many types as registers.
const SHARE_WINDOW: usize = 16;

/// A program on its way into a plan, instruction by instruction.
pub(super) struct Planner<'p> {
    pub(super) p: &'p Program,
    pub(super) ops: Vec<PlanOp>,
    pub(super) source: Vec<u32>,
    pub(super) begins: Vec<bool>,
    /// Plan index of each portable instruction that a jump may go to.
    place: SmallVec<[u32; 64]>,
    pub(super) types: Vec<Ty>,
    pub(super) functions: Vec<PlanFunction>,
    /// Compute units of the straight run so far.
    pub(super) pending: u32,
    pub(super) live: Liveness,
    payloads: Payloads,
}

impl<'p> Planner<'p> {
    pub(super) fn new(p: &'p Program) -> Planner<'p> {
        let n = p.code.len();
        Planner {
            p,
            ops: Vec::with_capacity(n),
            source: Vec::with_capacity(n),
            begins: vec![false; n],
            place: SmallVec::from_elem(0, n),
            types: Vec::new(),
            functions: Vec::with_capacity(p.functions.len()),
            pending: 0,
            live: Liveness::default(),
            payloads: Payloads::default(),
        }
    }

    pub(super) fn run(mut self) -> Self {
        let p = self.p;
        for f in &p.functions {
            let (start, end) = (f.start as usize, f.end as usize);
            let mut back = false;
            for (pc, instr) in (start..).zip(p.code.get(start..end).unwrap_or(&[])) {
                let Some(target) = instr.target().map(usize::from) else { continue };
                back |= target <= pc;
                if let Some(slot) = self.begins.get_mut(target) {
                    *slot = true;
                }
            }
            self.functions.push(PlanFunction {
                entry: self.ops.len() as u32,
                registers: f.registers.len() as u16,
                params: f.params,
            });
            self.live.of(p, f, back);
            let first_op = self.ops.len();
            let mut pc = start;
            while pc < end {
                pc += self.plan_at(f, pc);
            }
            // Jumps carry portable targets until the function is placed.
            for op in self.ops.get_mut(first_op..).unwrap_or(&mut []) {
                let jumps = matches!(
                    op.code,
                    Code::Jump
                        | Code::JumpBack
                        | Code::JumpTrue
                        | Code::JumpFalse
                        | Code::JumpNull
                        | Code::JumpSome
                        | Code::LoopLess
                        | Code::LoopMore
                        | Code::ForNext
                        | Code::CmpJump
                        | Code::CmpJumpK
                        | Code::FieldCmpJumpK
                );
                if jumps {
                    op.k = self.place.get(op.k as usize).copied().unwrap_or(0);
                }
            }
            // A loop's way back goes behind the head's own test.
            let count = self.ops.len();
            for op in self.ops.get_mut(first_op..count).unwrap_or(&mut []) {
                if op.code == Code::ForNext {
                    op.k += 1;
                }
            }
        }
        self
    }

    pub(super) fn at(&self, pc: usize) -> Option<Instr> {
        self.p.code.get(pc).copied()
    }
    fn begins(&self, pc: usize) -> bool {
        self.begins.get(pc).copied().unwrap_or(true)
    }
    /// The instruction after `pc` in the same straight run.
    pub(super) fn next(&self, f: &Function, pc: usize) -> Option<Instr> {
        (pc + 1 < f.end as usize && !self.begins(pc + 1)).then(|| self.at(pc + 1)).flatten()
    }

    pub(super) fn emit(&mut self, pc: usize, code: Code, x: u8, [a, b, c]: [u16; 3], k: u32, settles: bool) {
        let cost = if settles { core::mem::take(&mut self.pending) } else { 0 };
        self.ops.push(PlanOp { code, x, a, b, c, cost, k });
        self.source.push(pc as u32);
    }
    fn ty(&mut self, ty: Ty) -> u32 {
        let window = self.types.len().saturating_sub(SHARE_WINDOW);
        match self.types.get(window..).and_then(|recent| recent.iter().rposition(|t| *t == ty)) {
            Some(at) => (window + at) as u32,
            None => {
                self.types.push(ty);
                self.types.len() as u32 - 1
            }
        }
    }

    /// Plans the instruction at `pc`, and those it fuses with; says how many.
    fn plan_at(&mut self, f: &Function, pc: usize) -> usize {
        let Some(instr) = self.at(pc) else { return 1 };
        if (self.begins(pc) && self.pending > 0) || self.pending > u32::MAX / 2 {
            self.emit(pc.saturating_sub(1), Code::Charge, 0, [0; 3], 0, true);
        }
        if let Some(slot) = self.place.get_mut(pc) {
            *slot = self.ops.len() as u32;
        }
        if let Some(n) = self.fuse(f, pc, instr) {
            return n;
        }
        self.pending += fixed_compute(instr) as u32;
        self.single(f, pc, instr);
        1
    }

    fn single(&mut self, f: &Function, pc: usize, instr: Instr) {
        let Instr { op, x, a, b, c } = instr;
        let register = |r: u16| f.registers.get(usize::from(r)).copied().unwrap_or(Ty::UNIT);
        let abc = [a, b, c];
        let jump = |this: &mut Self, code| this.emit(pc, code, 0, abc, u32::from(c), true);
        match op {
            Op::EntryTrust => self.emit(pc, Code::EntryTrust, 0, abc, 0, true),
            Op::Const => self.emit(pc, Code::Const, 0, abc, 0, false),
            Op::Move => self.emit(pc, Code::Move, self.dead(pc, instr, b), abc, 0, false),
            Op::Unwrap => self.emit(pc, Code::Unwrap, 0, abc, 0, false),
            Op::Std => self.emit(pc, Code::Std, x, abc, 0, false),
            Op::Jump if usize::from(c) <= pc => jump(self, Code::JumpBack),
            Op::Jump => jump(self, Code::Jump),
            Op::JumpTrue | Op::BrTrue => self.branch(pc, Code::JumpTrue, instr),
            Op::JumpFalse | Op::BrFalse => self.branch(pc, Code::JumpFalse, instr),
            Op::BrNull => jump(self, Code::JumpNull),
            Op::BrSome => jump(self, Code::JumpSome),
            Op::LoopLess => jump(self, Code::LoopLess),
            Op::LoopMore => jump(self, Code::LoopMore),
            Op::Step => self.emit(pc, Code::Inc, 0, abc, 0, false),
            Op::Elem => self.emit(pc, Code::Elem, 0, abc, 0, false),
            Op::RangeCheck => self.emit(pc, Code::RangeCheck, 0, abc, 0, false),
            // Its unit is in `pending`; nothing is left to do.
            Op::Round => {}
            Op::Require => self.emit(pc, Code::Require, self.dead(pc, instr, a), abc, 0, true),
            Op::Return => self.emit(pc, Code::Return, 0, abc, 0, true),
            Op::Call => {
                let params = self.p.functions.get(usize::from(b)).map_or(0, |callee| callee.params);
                let dead = (0..params)
                    .all(|i| c.checked_add(i).is_some_and(|r| r == a || self.live.dead_after(pc, instr, r)));
                self.emit(pc, Code::Call, if dead { DEAD_ARGUMENTS } else { 0 }, abc, 0, true);
            }
            Op::Add | Op::Mul | Op::Sub | Op::Div | Op::Rem => self.arithmetic(pc, instr),
            Op::Neg => self.emit(pc, Code::Neg, 0, abc, 0, false),
            Op::Not => self.emit(pc, Code::Not, self.dead(pc, instr, b), abc, 0, false),
            Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq | Op::Ne => self.compare(f, pc, instr),
            Op::Field => self.emit(pc, Code::Field, x, abc, 0, false),
            Op::Index if x == 0 => self.emit(pc, Code::Index, 0, abc, 0, false),
            Op::TrustNorm if x == 0 => self.emit(pc, Code::TrustNorm, 0, abc, 0, false),
            _ => {
                let ty = match op {
                    Op::ArrayLit => register(a).elem().unwrap_or(Ty::UNIT),
                    Op::Contains if x & CONST_C == 0 => register(c).elem().unwrap_or(Ty::UNIT),
                    Op::Contains => register(b),
                    Op::StorePut | Op::Emit => match x & CONST_C {
                        0 => register(c),
                        _ => self.payloads.ty(&self.p.constants, c),
                    },
                    _ => Ty::UNIT,
                };
                let k = self.ty(ty) << 8 | op as u32;
                let code = if settles(instr, true) { Code::Step } else { Code::Straight };
                self.emit(pc, code, x, abc, k, code == Code::Step);
            }
        }
    }

    fn dead(&self, pc: usize, instr: Instr, r: u16) -> u8 {
        if self.live.dead_after(pc, instr, r) { DEAD } else { 0 }
    }

    fn branch(&mut self, pc: usize, code: Code, instr: Instr) {
        let behind = if self.live.dead_from(pc + 1, instr.a) { DEAD_BEHIND } else { 0 };
        let x = behind | self.dead(pc, instr, instr.a);
        self.emit(pc, code, x, [instr.a, instr.b, instr.c], u32::from(instr.c), true);
    }

    fn arithmetic(&mut self, pc: usize, instr: Instr) {
        let Instr { op, x, a, b, c } = instr;
        let (r, k, kr) = match op {
            Op::Add => (Code::Add, Code::AddK, Code::AddK),
            Op::Mul => (Code::Mul, Code::MulK, Code::MulK),
            Op::Sub => (Code::Sub, Code::SubK, Code::SubKr),
            Op::Div => (Code::Div, Code::DivK, Code::DivKr),
            _ => (Code::Rem, Code::RemK, Code::RemKr),
        };
        match x {
            0 => self.emit(pc, r, 0, [a, b, c], 0, false),
            CONST_C => self.emit(pc, k, 0, [a, b, c], 0, false),
            // Adding and multiplying commute to the bit (a NaN's bits are not observable).
            CONST_B if matches!(op, Op::Add | Op::Mul) => self.emit(pc, k, 0, [a, c, b], 0, false),
            CONST_B => self.emit(pc, kr, 0, [a, b, c], 0, false),
            // Both constant: only a fault is left to happen (x / 0), or bytecode that was not folded.
            _ => {
                let k = self.ty(Ty::NUMBER) << 8 | op as u32;
                self.emit(pc, Code::Straight, x, [a, b, c], k, false);
            }
        }
    }

    fn compare(&mut self, f: &Function, pc: usize, instr: Instr) {
        if let Some((cmp, left, right, constant)) = self.comparison(f, instr) {
            let code = if constant { Code::CmpK } else { Code::Cmp };
            return self.emit(pc, code, cmp as u8, [instr.a, left, right], 0, false);
        }
        let abc = [instr.a, instr.b, instr.c];
        if matches!(instr.op, Op::Lt | Op::Le | Op::Gt | Op::Ge) {
            let k = self.ty(Ty::NUMBER) << 8 | instr.op as u32;
            return self.emit(pc, Code::Straight, instr.x, abc, k, false);
        }
        let (ty, null) = compared(self.p, f, instr);
        if instr.x == 0 && !ty.is_array() && ty.base() == Base::Bool {
            let code = if instr.op == Op::Eq { Code::EqBits } else { Code::NeBits };
            return self.emit(pc, code, 0, abc, 0, false);
        }
        let sized = equal_is_sized(ty, null);
        if sized {
            // `step` charges for the whole instruction by size.
            self.pending -= 1;
        }
        let k = self.ty(ty) << 8 | instr.op as u32;
        let code = if sized { Code::Step } else { Code::Straight };
        self.emit(pc, code, instr.x, abc, k, sized);
    }
}
