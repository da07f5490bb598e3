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
    /// Always inlined: a planner is large, and is to be made where it stays.
    #[inline(always)]
    pub(super) fn new(p: &'p Program) -> Planner<'p> {
        let n = p.code.len();
        Planner {
            p,
            ops: Vec::with_capacity(n),
            source: Vec::with_capacity(n),
            begins: vec![false; n],
            place: SmallVec::new(),
            types: Vec::new(),
            functions: Vec::with_capacity(p.functions.len()),
            pending: 0,
            live: Liveness::default(),
            payloads: Payloads::default(),
        }
    }

    /// Plans all of it.
    pub(super) fn run(&mut self) {
        let p = self.p;
        self.place.resize(p.code.len(), 0);
        for f in &p.functions {
            let (start, end) = (f.start as usize, f.end as usize);
            for instr in p.code.get(start..end).unwrap_or(&[]) {
                if let Some(slot) = instr.target().and_then(|target| self.begins.get_mut(usize::from(target)))
                {
                    *slot = true;
                }
            }
            self.functions.push(PlanFunction {
                entry: self.ops.len() as u32,
                registers: f.registers.len() as u16,
                params: f.params,
            });
            self.live.of(p, f);
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
                    let place = self.place.get(op.k as usize).copied().unwrap_or(0);
                    // A loop's way back goes behind the head's own test.
                    op.k = place + u32::from(op.code == Code::ForNext);
                }
            }
        }
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
        let fused = match instr.op {
            Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq | Op::Ne => return self.compare(f, pc, instr),
            Op::Field => self.fuse_field(f, pc, instr),
            Op::Step => self.fuse_step(f, pc, instr),
            _ => None,
        };
        if let Some(n) = fused {
            return n;
        }
        self.pending += fixed_compute(instr) as u32;
        self.single(f, pc, instr);
        1
    }

    fn single(&mut self, f: &Function, pc: usize, instr: Instr) {
        let Instr { op, x, a, b, c } = instr;
        // The code, whether it settles, x, and where it jumps to.
        let (code, settles, x, k) = match op {
            Op::EntryTrust => (Code::EntryTrust, true, 0, 0),
            Op::Const => (Code::Const, false, 0, 0),
            Op::Move => (Code::Move, false, self.dead(pc, instr, b), 0),
            Op::Unwrap => (Code::Unwrap, false, 0, 0),
            Op::Std => (Code::Std, false, x, 0),
            Op::Jump if usize::from(c) <= pc => (Code::JumpBack, true, 0, c),
            Op::Jump => (Code::Jump, true, 0, c),
            Op::JumpTrue | Op::BrTrue => (Code::JumpTrue, true, self.dead_branch(pc, instr), c),
            Op::JumpFalse | Op::BrFalse => (Code::JumpFalse, true, self.dead_branch(pc, instr), c),
            Op::BrNull => (Code::JumpNull, true, 0, c),
            Op::BrSome => (Code::JumpSome, true, 0, c),
            Op::LoopLess => (Code::LoopLess, true, 0, c),
            Op::LoopMore => (Code::LoopMore, true, 0, c),
            Op::Step => (Code::Inc, false, 0, 0),
            Op::Elem => (Code::Elem, false, 0, 0),
            Op::RangeCheck => (Code::RangeCheck, false, 0, 0),
            // Its unit is in `pending`; nothing is left to do.
            Op::Round => return,
            Op::Require => (Code::Require, true, self.dead(pc, instr, a), 0),
            Op::Return => (Code::Return, true, 0, 0),
            Op::Call => {
                let params = self.p.functions.get(usize::from(b)).map_or(0, |callee| callee.params);
                let dead = (0..params)
                    .all(|i| c.checked_add(i).is_some_and(|r| r == a || self.live.dead_after(pc, instr, r)));
                (Code::Call, true, if dead { DEAD_ARGUMENTS } else { 0 }, 0)
            }
            Op::Add | Op::Mul | Op::Sub | Op::Div | Op::Rem => return self.arithmetic(pc, instr),
            Op::Neg => (Code::Neg, false, 0, 0),
            Op::Not => (Code::Not, false, self.dead(pc, instr, b), 0),
            Op::Field => (Code::Field, false, x, 0),
            Op::Index if x == 0 => (Code::Index, false, 0, 0),
            Op::TrustNorm if x == 0 => (Code::TrustNorm, false, 0, 0),
            _ => return self.rest(f, pc, instr),
        };
        self.emit(pc, code, x, [a, b, c], u32::from(k), settles);
    }

    /// What is planned under its portable opcode.
    fn rest(&mut self, f: &Function, pc: usize, instr: Instr) {
        let Instr { op, x, a, b, c } = instr;
        let register = |r: u16| f.registers.get(usize::from(r)).copied().unwrap_or(Ty::UNIT);
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
        self.emit(pc, code, x, [a, b, c], k, code == Code::Step);
    }

    /// What `x` says of a register that nobody reads afterwards.
    fn dead(&self, pc: usize, instr: Instr, r: u16) -> u8 {
        if self.live.dead_after(pc, instr, r) { DEAD } else { 0 }
    }

    /// The same for a branch on a register.
    fn dead_branch(&self, pc: usize, instr: Instr) -> u8 {
        let behind = if self.live.dead_from(pc + 1, instr.a) { DEAD_BEHIND } else { 0 };
        behind | self.dead(pc, instr, instr.a)
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

    /// Plans a comparison, with what uses its answer at once; says how many instructions.
    fn compare(&mut self, f: &Function, pc: usize, instr: Instr) -> usize {
        if let Some(of) = self.comparison(f, instr) {
            if let Some(n) = self.fuse_comparison(f, pc, instr.a, of) {
                return n;
            }
            let (cmp, left, right, constant) = of;
            self.pending += 1;
            let code = if constant { Code::CmpK } else { Code::Cmp };
            self.emit(pc, code, cmp as u8, [instr.a, left, right], 0, false);
            return 1;
        }
        let abc = [instr.a, instr.b, instr.c];
        let (code, x, k, sized) = if matches!(instr.op, Op::Lt | Op::Le | Op::Gt | Op::Ge) {
            (Code::Straight, instr.x, self.ty(Ty::NUMBER) << 8 | instr.op as u32, false)
        } else {
            let (ty, null) = compared(self.p, f, instr);
            if instr.x == 0 && !ty.is_array() && ty.base() == Base::Bool {
                (if instr.op == Op::Eq { Code::EqBits } else { Code::NeBits }, 0, 0, false)
            } else {
                let sized = equal_is_sized(ty, null);
                let code = if sized { Code::Step } else { Code::Straight };
                (code, instr.x, self.ty(ty) << 8 | instr.op as u32, sized)
            }
        };
        // What is priced by size charges for itself.
        self.pending += u32::from(!sized);
        self.emit(pc, code, x, abc, k, sized);
        1
    }
}
