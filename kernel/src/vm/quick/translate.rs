//! One quick instruction for a planned one.

use super::code::{ANY, COMPONENT_SHIFT, DIFFERS, FREE_BYTES, LENGTH_SHIFT, Quick, QuickOp, TURNED, mask};
use super::plan::{SCRATCH, standard};
use super::unfold::{Unfold, Window, quick};
use super::units::{AT, PAST, fixed};
use crate::isa::{CONST_B, CONST_C, Op};
use crate::types::{Base, Ty};
use crate::vm::memory::{CONSTANT, Constants, NULL, elements_at, text_len, totals_at};
use crate::vm::plan::{self, CMP_MASK, Cmp, Code, DEAD, DEAD_BEHIND, JUMP_IF, PlanOp, step_key};
use crate::vm::step::pieces;

impl Unfold<'_> {
    /// What a function returns, as a value in register `dst`.
    pub(super) fn answer(&self, op: &PlanOp, w: &Window, dst: u8) -> QuickOp {
        let left = w.at(op.a);
        let truth = QuickOp {
            a: dst,
            b: left,
            x: mask(Cmp::of_bits(op.x & CMP_MASK)),
            ..quick(Quick::Compare, op, w)
        };
        let k = self.exe.constants.slot_of(op.c);
        match op.code {
            Code::CmpReturn => QuickOp { c: w.right(op.c), ..truth },
            Code::CmpReturnK => QuickOp { code: Quick::CompareK, k, ..truth },
            Code::FieldCmpReturnK => {
                let x = truth.x | op.x >> plan::COMPONENT_SHIFT << COMPONENT_SHIFT;
                QuickOp { code: Quick::FieldCompareK, x, k, ..truth }
            }
            _ => QuickOp { a: dst, b: left, ..quick(Quick::Move, op, w) },
        }
    }

    pub(super) fn op(&mut self, source: u32, op: &PlanOp, w: &Window) -> Option<QuickOp> {
        let slot = |k: u16| self.exe.constants.slot_of(k);
        let same = |code: Quick| Some(quick(code, op, w));
        let jump = |code: Quick| Some(QuickOp { to: u16::try_from(op.k).ok()?, c: AT, ..quick(code, op, w) });
        let right_k = |code: Quick| Some(QuickOp { k: slot(op.c), ..quick(code, op, w) });
        let left_k = |code: Quick| Some(QuickOp { k: slot(op.b), ..quick(code, op, w) });
        // Fused comparisons: the left operand is in a, the right one moves to b; the message of a `require` is in b.
        let answers = mask(Cmp::of_bits(op.x & CMP_MASK));
        let compared = |code: Quick, x: u8| {
            let to = if jumps(op.code) { u16::try_from(op.k).ok()? } else { op.b };
            let c = if jumps(op.code) { AT } else { w.right(op.c) };
            Some(QuickOp { x, b: w.at(op.c), c, to, k: slot(op.c), ..quick(code, op, w) })
        };
        let field = |code: Quick, x: u8| compared(code, x | op.x >> plan::COMPONENT_SHIFT << COMPONENT_SHIFT);
        let jump_on = if op.x & JUMP_IF != 0 { answers } else { answers ^ ANY };
        // A parameter that is its caller's register may be read there later on.
        let own = |quick: QuickOp| {
            let read = if matches!(op.code, Code::Move | Code::Not) { op.b } else { op.a };
            QuickOp { x: if w.is_own(read) { quick.x } else { 0 }, ..quick }
        };
        match op.code {
            Code::Charge | Code::EntryTrust => same(Quick::Nothing),
            Code::Jump => jump(Quick::Jump).map(|quick| self.passes_constant(source, op, quick, w)),
            Code::JumpBack => jump(Quick::JumpBack),
            Code::JumpTrue => jump(Quick::JumpTrue).map(own).map(|quick| self.passes(op, quick, w)),
            Code::JumpFalse => jump(Quick::JumpFalse).map(own),
            Code::JumpNull => jump(Quick::JumpNull),
            Code::JumpSome => jump(Quick::JumpSome),
            Code::LoopLess => jump(Quick::LoopLess),
            Code::LoopMore => jump(Quick::LoopMore),
            Code::ForNext => jump(Quick::ForNext),
            Code::Require => Some(own(QuickOp { to: op.b, ..quick(Quick::Require, op, w) })),
            Code::Return => same(Quick::Return),
            Code::Call => None,
            Code::CmpJump => compared(Quick::CompareJump, jump_on),
            Code::CmpJumpK => compared(Quick::CompareJumpK, jump_on),
            Code::CmpRequire => compared(Quick::CompareRequire, answers),
            Code::CmpRequireK => compared(Quick::CompareRequireK, answers),
            Code::CmpReturn => compared(Quick::CompareReturn, answers),
            Code::CmpReturnK => compared(Quick::CompareReturnK, answers),
            Code::FieldCmpJumpK => field(Quick::FieldJumpK, jump_on),
            Code::FieldCmpRequireK => field(Quick::FieldRequireK, answers),
            Code::FieldCmpReturnK => field(Quick::FieldReturnK, answers),
            Code::Step => self.step(source, op, w),
            Code::Const => left_k(Quick::Const),
            Code::Move => same(Quick::Move).map(own),
            Code::Unwrap => same(Quick::Unwrap),
            Code::Std => Some(QuickOp { x: 0, b: standard(op.x), ..quick(Quick::Move, op, w) }),
            Code::Inc => same(Quick::Inc),
            Code::Elem | Code::Index => same(Quick::Elem),
            Code::RangeCheck => same(Quick::RangeCheck),
            Code::Add => same(Quick::Add),
            Code::AddK => right_k(Quick::AddK),
            Code::Sub => same(Quick::Sub),
            Code::SubK => right_k(Quick::SubK),
            Code::SubKr => left_k(Quick::SubKr),
            Code::Mul => same(Quick::Mul),
            Code::MulK => right_k(Quick::MulK),
            Code::Div => same(Quick::Div),
            Code::DivK => right_k(Quick::DivK),
            Code::DivKr => left_k(Quick::DivKr),
            Code::Rem => self.straight(op, w, Op::Rem, 0),
            Code::RemK => self.straight(op, w, Op::Rem, CONST_C),
            Code::RemKr => self.straight(op, w, Op::Rem, CONST_B),
            Code::Neg => same(Quick::Neg),
            Code::Not => same(Quick::Not).map(own),
            Code::Cmp => Some(QuickOp { x: answers, ..quick(Quick::Compare, op, w) }),
            Code::CmpK => Some(QuickOp { x: answers, k: slot(op.c), ..quick(Quick::CompareK, op, w) }),
            Code::EqBits => same(Quick::EqBits),
            Code::NeBits => same(Quick::NeBits),
            Code::Field => same(Quick::Field),
            Code::TrustNorm => same(Quick::TrustNorm),
            Code::Straight => {
                let (portable, ty) = step_key(self.exe, op);
                let portable = portable?;
                match portable {
                    Op::Eq | Op::Ne if !ty.is_array() && matches!(ty.base(), Base::Did | Base::Text) => {
                        let x = if portable == Op::Ne { DIFFERS } else { 0 };
                        let op = self.constant(source, Quick::EqDid, x, op, w);
                        Some(self.interned(op))
                    }
                    Op::TrustDistance if op.x == 0 => same(Quick::TrustDistance),
                    Op::TimeSince if op.x == 0 => same(Quick::TimeSince),
                    _ => self.straight(op, w, portable, op.x),
                }
            }
        }
    }

    /// The `require` that a branch or a jump of the plan goes to, where it holds for whoever comes from there.
    fn required(&self, op: &PlanOp, register: u16) -> Option<&PlanOp> {
        let target = self.exe.ops.get(op.k as usize)?;
        (target.code == Code::Require && target.a == register).then_some(target)
    }

    /// Where a register is true, a `require` of it passes: the branch goes on behind it.
    fn passes(&self, op: &PlanOp, quick: QuickOp, w: &Window) -> QuickOp {
        let Some(require) = self.required(op, op.a) else { return quick };
        let dead = require.x & DEAD != 0 && op.x & DEAD_BEHIND != 0 && w.is_own(op.a);
        QuickOp { c: PAST, x: if dead { DEAD } else { 0 }, ..quick }
    }

    /// The same for a jump behind a constant that is true.
    fn passes_constant(&self, source: u32, op: &PlanOp, quick: QuickOp, w: &Window) -> QuickOp {
        let plain = QuickOp { x: 0, ..quick };
        let Some(target) = self.exe.ops.get(op.k as usize).filter(|target| target.code == Code::Require)
        else {
            return plain;
        };
        let fits = |last: &QuickOp| last.code == Quick::Const && last.a == w.at(target.a) && last.k == 1;
        if self.ops.last().is_some_and(fits) && self.goes_on(source) {
            let dead = target.x & DEAD != 0 && w.is_own(target.a);
            QuickOp { c: PAST, x: if dead { DEAD } else { 0 }, a: w.at(target.a), ..quick }
        } else {
            plain
        }
    }

    /// A straight instruction that runs by its portable opcode. It fetches constants itself.
    fn straight(&mut self, op: &PlanOp, w: &Window, portable: Op, x: u8) -> Option<QuickOp> {
        let at = |r: u16| u16::from(w.at(r));
        let b = if x & CONST_B != 0 { op.b } else { at(op.b) };
        let c = if x & CONST_C != 0 || portable == Op::ArrayLit { op.c } else { at(op.c) };
        let k = if op.code == Code::Straight { op.k } else { portable as u32 };
        self.straight.push(PlanOp { code: Code::Straight, x, a: at(op.a), b, c, cost: 0, k });
        let k = self.straight.len() as u64 - 1;
        Some(QuickOp { k, ..quick(Quick::Straight, op, w) })
    }

    fn step(&mut self, source: u32, op: &PlanOp, w: &Window) -> Option<QuickOp> {
        let (portable, ty) = step_key(self.exe, op);
        let portable = portable?;
        let textual = |ty: Ty| !ty.is_array() && matches!(ty.base(), Base::Text | Base::Did);
        let code = match portable {
            Op::Eq | Op::Ne if textual(ty) => Quick::EqText,
            Op::Contains if textual(ty) => Quick::ContainsText,
            Op::Contains => Quick::Contains,
            Op::StrStartsWith => Quick::StartsWith,
            Op::StrEndsWith => Quick::EndsWith,
            Op::LoadTrust => Quick::LoadTrust,
            Op::HasCredential => Quick::HasCredential,
            Op::ResolveDid => Quick::ResolveDid,
            Op::GetBalance => Quick::Balance,
            Op::IsMember => Quick::IsMember,
            _ => return None,
        };
        let x = match portable {
            Op::Ne => DIFFERS,
            Op::Contains if ty.base() != Base::Text => FREE_BYTES,
            _ => 0,
        };
        let to = u16::try_from(op.k >> 8).ok()?;
        let op = QuickOp { to, ..self.constant(source, code, x, op, w) };
        Some(self.interned(op))
    }

    /// The instruction on handles for one on texts, where one side is a constant.
    fn interned(&mut self, op: QuickOp) -> QuickOp {
        let constants = &self.exe.constants;
        if op.code == Quick::StartsWith {
            return prefix(constants, op).unwrap_or(op);
        }
        if constants.interner.is_none() || op.x & (CONST_B | CONST_C) == 0 || op.k == NULL {
            return op;
        }
        let b = if op.x & CONST_B != 0 { op.c as u8 } else { op.b };
        let turned = if op.x & DIFFERS != 0 { TURNED } else { 0 };
        let out = match op.code {
            Quick::EqDid => QuickOp { code: Quick::DidIs, x: turned, b, ..op },
            Quick::EqText => {
                let (units, most) = fixed(text_len(op.k));
                QuickOp {
                    code: Quick::TextIs,
                    x: turned | most << LENGTH_SHIFT,
                    b,
                    c: 1 + units as i16,
                    ..op
                }
            }
            Quick::ContainsText if op.x & CONST_C != 0 => {
                set_of(constants, op).unwrap_or(QuickOp { code: Quick::InListK, ..op })
            }
            Quick::ContainsText => QuickOp { code: Quick::HasK, ..op },
            _ => return op,
        };
        self.interns = true;
        out
    }

    /// An instruction of which an operand may be a constant: one has a place in it, another is fetched first.
    fn constant(&mut self, source: u32, code: Quick, x: u8, op: &PlanOp, w: &Window) -> QuickOp {
        let mut out = QuickOp { x: x | op.x & (CONST_B | CONST_C), ..quick(code, op, w) };
        let slot = |k: u16| self.exe.constants.slot_of(k);
        match op.x & (CONST_B | CONST_C) {
            0 => {}
            CONST_B => out.k = slot(op.b),
            CONST_C => out.k = slot(op.c),
            _ => {
                let fetch = QuickOp { a: SCRATCH, k: slot(op.b), ..quick(Quick::Const, op, w) };
                out = QuickOp { x: x | CONST_C, b: SCRATCH, k: slot(op.c), ..out };
                self.push(source, 0, fetch);
            }
        }
        out
    }
}

/// Looking for something in a constant list, as one in a set; None where the list has others than the first texts.
fn set_of(constants: &Constants, op: QuickOp) -> Option<QuickOp> {
    let totals = totals_at(&constants.words, op.k);
    let mut set = 0;
    for item in elements_at(&constants.words, op.k) {
        let index = (item & 0xFFFF_FFFF) as u32;
        set |= (*item != NULL).then(|| 1u64.checked_shl(index)).flatten()?;
    }
    let found = 1 + pieces(totals.elements, 8);
    let (code, units, most) = if op.x & FREE_BYTES != 0 {
        (Quick::DidIn, found + pieces(totals.text, 32), 0)
    } else {
        let (units, most) = fixed(totals.text);
        (Quick::TextIn, found + units, most)
    };
    Some(QuickOp { code, x: most << LENGTH_SHIFT, c: i16::try_from(units).ok()?, k: set, ..op })
}

/// Whether a text begins with a constant of 1 to 8 bytes, which are one word.
fn prefix(constants: &Constants, op: QuickOp) -> Option<QuickOp> {
    if op.x & (CONST_B | CONST_C) != CONST_C || op.k & CONSTANT == 0 {
        return None;
    }
    let bytes = constants.texts.get((op.k & 0xFFFF_FFFF) as usize)?.as_bytes();
    let len = u8::try_from(bytes.len()).ok().filter(|len| (1..=8).contains(len))?;
    let k = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let (units, _) = fixed(bytes.len() as u64);
    Some(QuickOp { code: Quick::StartsWithK, x: len << LENGTH_SHIFT, c: 1 + units as i16, k, ..op })
}

fn jumps(code: Code) -> bool {
    matches!(code, Code::CmpJump | Code::CmpJumpK | Code::FieldCmpJumpK)
}
