//! Pairs and threes of instructions that one planned instruction does.

use super::code::{COMPONENT_SHIFT, Cmp, Code, JUMP_IF};
use super::fixed_compute;
use super::planner::Planner;
use crate::isa::{CONST_B, CONST_C, Instr, Op};
use crate::program::Function;
use crate::types::Ty;
use crate::value::Value;

impl Planner<'_> {
    /// A comparison of numbers as (kind, register, right operand, right is a constant).
    pub(super) fn comparison(&self, f: &Function, instr: Instr) -> Option<(Cmp, u16, u16, bool)> {
        let cmp = match instr.op {
            Op::Lt => Cmp::Lt,
            Op::Le => Cmp::Le,
            Op::Gt => Cmp::Gt,
            Op::Ge => Cmp::Ge,
            Op::Eq | Op::Ne => {
                let number = |r: u16| f.registers.get(usize::from(r)) == Some(&Ty::NUMBER);
                let constant =
                    |k: u16| matches!(self.p.constants.get(usize::from(k)), Some(Value::Number(_)));
                let b = if instr.x & CONST_B != 0 { constant(instr.b) } else { number(instr.b) };
                let c = if instr.x & CONST_C != 0 { constant(instr.c) } else { number(instr.c) };
                match (b && c, instr.op) {
                    (false, _) => return None,
                    (true, Op::Eq) => Cmp::Eq,
                    (true, _) => Cmp::Ne,
                }
            }
            _ => return None,
        };
        match instr.x & (CONST_B | CONST_C) {
            0 => Some((cmp, instr.b, instr.c, false)),
            CONST_C => Some((cmp, instr.b, instr.c, true)),
            CONST_B => Some((cmp.flipped(), instr.c, instr.b, true)),
            _ => None,
        }
    }

    fn dead_after(&self, pc: usize, r: u16) -> bool {
        self.at(pc).is_some_and(|instr| self.live.dead_after(pc, instr, r))
    }

    /// What a comparison's answer is used for at once: the code's family and its operand.
    fn user(&self, pc: usize, answer: u16, next: Option<Instr>) -> Option<Instr> {
        next.filter(|n| {
            let uses = matches!(
                n.op,
                Op::JumpTrue | Op::JumpFalse | Op::BrTrue | Op::BrFalse | Op::Require | Op::Return
            );
            uses && n.a == answer && (n.op == Op::Return || self.dead_after(pc + 1, answer))
        })
    }

    /// i = i + 1; back to the head that compares i.
    pub(super) fn fuse_step(&mut self, f: &Function, pc: usize, instr: Instr) -> Option<usize> {
        let back = self.next(f, pc).filter(|n| n.op == Op::Jump && usize::from(n.c) <= pc)?;
        let head = self.at(usize::from(back.c)).filter(|h| h.op == Op::LoopLess && h.a == instr.a)?;
        // Done, it falls through: the loop must end right behind.
        if usize::from(head.c) != pc + 2 {
            return None;
        }
        self.emit(pc + 1, Code::ForNext, 0, [head.a, head.b, 0], u32::from(back.c), true);
        Some(2)
    }

    /// field; compare with a constant; use
    pub(super) fn fuse_field(&mut self, f: &Function, pc: usize, instr: Instr) -> Option<usize> {
        let compare = self.next(f, pc)?;
        let (cmp, left, k, true) = self.comparison(f, compare)? else { return None };
        if left != instr.a || !(compare.a == instr.a || self.dead_after(pc + 1, instr.a)) {
            return None;
        }
        let user = self.user(pc + 1, compare.a, self.next(f, pc + 1))?;
        self.pending += 2;
        let x = cmp as u8 | instr.x << COMPONENT_SHIFT;
        let codes = [Code::FieldCmpRequireK, Code::FieldCmpReturnK, Code::FieldCmpJumpK];
        self.used(pc + 2, user, codes, x, instr.b, k);
        Some(3)
    }

    /// compare; use
    pub(super) fn fuse_comparison(
        &mut self,
        f: &Function,
        pc: usize,
        answer: u16,
        (cmp, left, right, constant): (Cmp, u16, u16, bool),
    ) -> Option<usize> {
        let user = self.user(pc, answer, self.next(f, pc))?;
        self.pending += 1;
        let codes = match constant {
            true => [Code::CmpRequireK, Code::CmpReturnK, Code::CmpJumpK],
            false => [Code::CmpRequire, Code::CmpReturn, Code::CmpJump],
        };
        self.used(pc + 1, user, codes, cmp as u8, left, right);
        Some(2)
    }

    /// A comparison with what uses its answer, which is at `pc`: one of the codes for `require`, `return` and jumps.
    fn used(
        &mut self,
        pc: usize,
        user: Instr,
        [require, returns, jump]: [Code; 3],
        x: u8,
        left: u16,
        right: u16,
    ) {
        self.pending += fixed_compute(user) as u32;
        let (code, x, b, target) = match user.op {
            Op::Require => (require, x, user.b, 0),
            Op::Return => (returns, x, 0, 0),
            Op::JumpTrue | Op::BrTrue => (jump, x | JUMP_IF, 0, user.c),
            _ => (jump, x, 0, user.c),
        };
        self.emit(pc, code, x, [left, b, right], u32::from(target), true);
    }
}
