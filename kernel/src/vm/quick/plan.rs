//! Which planned programs are quick, and their code.
//!
//! Calls are unfolded: each gets registers of its own behind its caller's, so that a run has one flat set of them. What
//! recurses does not fit, nor does what writes, logs, joins text or asks other realms.

use super::REGISTERS;
use super::code::{ANY, COMPONENT_SHIFT, Quick, QuickOp, mask};
use super::gate;
use super::input::Kind;
use crate::isa::Op;
use crate::program::{EffectKind, StdInput};
use crate::types::{Base, Ty};
use crate::vm::plan::{self, CMP_MASK, Cmp, Code, Executable, JUMP_IF, PlanOp, step_key};
use smallvec::SmallVec;

/// The register in which a standard input stays.
pub(super) const fn standard(x: u8) -> u16 {
    REGISTERS as u16 - 4 + (x & 3) as u16
}

/// Most instructions of a quick program: unfolding must not make a small program large.
const MOST: usize = 2_048;
/// Deepest call that is unfolded.
const DEEPEST: u32 = 8;

/// A program that is quick.
#[derive(Clone, Debug)]
pub(crate) struct QuickPlan {
    pub(super) ops: Vec<QuickOp>,
    /// For each instruction, the portable one that it ends with.
    pub(super) source: Vec<u32>,
    pub(super) start: u32,
    pub(super) kinds: Vec<Kind>,
    mentions: u8,
    /// Where each standard input goes before the start, besides the register that it always has.
    pub(super) standard: [u16; 4],
    /// Whether it puts anything on the arena: texts and DIDs among its inputs, and values that it makes.
    pub(super) arena: bool,
    /// Call depth that it needs.
    pub(super) depth: u32,
    pub(super) result: Ty,
    /// Whether it is bool (or bool?).
    pub(super) result_is_truth: bool,
    pub(super) expression: bool,
    /// The whole of it, where it is a gate.
    pub(super) gate: Option<QuickOp>,
}

impl QuickPlan {
    #[inline(always)]
    pub(super) fn mentions(&self, input: StdInput) -> bool {
        self.mentions >> input as u8 & 1 == 1
    }
    pub(super) fn only_mentions(&self, input: StdInput) -> bool {
        self.mentions == 1 << input as u8
    }
    /// Plans a program for quick runs; None where it needs the full machine.
    pub(crate) fn new(exe: &Executable) -> Option<QuickPlan> {
        let p = exe.program();
        // A write in dead code leaves no instruction, but its policy still needs the grant.
        if p.effect == EffectKind::Write {
            return None;
        }
        let kinds: Vec<Kind> = p.inputs.iter().map(|input| Kind::of(input.ty)).collect::<Option<_>>()?;
        let room = exe.ops.len().min(MOST);
        let mut unfold = Unfold {
            exe,
            ops: Vec::with_capacity(room),
            source: Vec::with_capacity(room),
            depth: 0,
            start: 0,
        };
        unfold.function(0, 0, None, 0)?;
        let result = p.functions.first()?.result;
        let makes = unfold.ops.iter().any(|op| op.code == Quick::Straight);
        let textual = |base: Base| matches!(base, Base::Text | Base::Did);
        let said = 1u8 << StdInput::Caller as u8 | 1 << StdInput::Realm as u8;
        let mut plan = QuickPlan {
            arena: kinds.iter().any(|kind| textual(kind.base)) || p.mentions & said != 0 || makes,
            ops: unfold.ops,
            source: unfold.source,
            start: unfold.start,
            kinds,
            mentions: p.mentions,
            standard: [0u8, 1, 2, 3].map(|x| {
                let asked = exe.standard.get(usize::from(x)).copied().flatten();
                asked.unwrap_or(standard(x))
            }),
            depth: unfold.depth,
            result,
            result_is_truth: !result.is_array() && result.base() == Base::Bool,
            expression: p.expression,
            gate: None,
        };
        plan.gate = gate::plan(&plan);
        Some(plan)
    }
}

struct Unfold<'p> {
    exe: &'p Executable,
    ops: Vec<QuickOp>,
    source: Vec<u32>,
    depth: u32,
    start: u32,
}

impl Unfold<'_> {
    /// The code of a function with its registers from `base`; what it returns goes to register `dst`, and it goes on
    /// behind. None for the body, which ends the run.
    fn function(&mut self, id: usize, base: u16, dst: Option<u16>, depth: u32) -> Option<()> {
        let exe = self.exe;
        let (from, registers) = exe.functions.get(id).map(|f| (f.entry as usize, f.registers))?;
        let to = exe.functions.get(id + 1).map_or(exe.ops.len(), |f| f.entry as usize);
        let top = base.checked_add(registers)?;
        if top > standard(0) || depth > DEEPEST {
            return None;
        }
        self.depth = self.depth.max(depth);
        let mut place: SmallVec<[u32; 64]> = SmallVec::with_capacity(to - from + 1);
        let first = self.ops.len();
        // Jumps in the function's own code, and those to its end.
        let (mut jumps, mut ends): (SmallVec<[usize; 8]>, SmallVec<[usize; 8]>) = Default::default();
        // Where the last unfolded call ended: several ways may lead there.
        let mut meeting = first;
        for (at, op) in exe.ops.get(from..to)?.iter().enumerate() {
            place.push(self.ops.len() as u32);
            if self.ops.len() > MOST {
                return None;
            }
            let source = exe.source.get(from + at).copied()?;
            match (op.code, dst) {
                (Code::Call, _) => {
                    let callee = usize::from(op.b);
                    let params = exe.functions.get(callee)?.params;
                    let mut cost = op.cost;
                    if params == 0 {
                        self.push(source, quick(Quick::Nothing, op, base));
                    }
                    for i in 0..params {
                        let (a, b) = (top.checked_add(i)?, base.checked_add(op.c)?.checked_add(i)?);
                        let cost = core::mem::take(&mut cost);
                        self.push(source, QuickOp { a, b, cost, ..quick(Quick::Move, op, 0) });
                    }
                    self.function(callee, top, Some(base.checked_add(op.a)?), depth + 1)?;
                    meeting = self.ops.len();
                }
                (Code::Return | Code::CmpReturn | Code::CmpReturnK | Code::FieldCmpReturnK, Some(dst)) => {
                    self.push(source, self.answer(op, base, dst));
                    ends.push(self.ops.len());
                    self.push(source, QuickOp { cost: 0, ..quick(Quick::Jump, op, base) });
                }
                // Nothing jumps to a charge, and what stands before it can take it along.
                (Code::Charge, _) if self.ops.len() > meeting && self.ops.last().is_some_and(is_straight) => {
                    let last = self.ops.last_mut()?;
                    last.cost = last.cost.checked_add(op.cost)?;
                }
                _ => {
                    let op = self.op(op, base)?;
                    if self.ops.len() > meeting && self.join(source, &op) {
                        continue;
                    }
                    if is_jump(op.code) {
                        jumps.push(self.ops.len());
                    }
                    self.push(source, op);
                }
            }
        }
        // The last return need not jump.
        if ends.last().is_some_and(|last| last + 1 == self.ops.len()) {
            ends.pop();
            self.ops.pop();
            self.source.pop();
        }
        let end = self.ops.len();
        place.push(end as u32);
        for at in jumps {
            let op = self.ops.get_mut(at)?;
            op.to = place.get((op.to as usize).checked_sub(from)?).copied()?;
        }
        for at in ends {
            self.ops.get_mut(at)?.to = end as u32;
        }
        if id == 0 {
            self.start = place.get((exe.start as usize).checked_sub(from)?).copied()?;
        }
        Some(())
    }

    /// Joins an instruction with the one before it, where there is one instruction for both.
    fn join(&mut self, source: u32, op: &QuickOp) -> bool {
        let (Some(last), Some(last_source)) = (self.ops.last_mut(), self.source.last_mut()) else {
            return false;
        };
        let fits = op.code == Quick::CompareRequireK
            && last.code == Quick::TrustNorm
            && last.a == op.a
            && self.exe.begins.get(*last_source as usize + 1) == Some(&false);
        if fits {
            let (c, cost) = (last.b, last.cost.saturating_add(op.cost));
            *last = QuickOp { code: Quick::NormRequireK, c, cost, ..*op };
            *last_source = source;
        }
        fits
    }

    fn push(&mut self, source: u32, op: QuickOp) {
        self.ops.push(op);
        self.source.push(source);
    }

    /// What a function returns, as a value in register `dst`.
    fn answer(&self, op: &PlanOp, base: u16, dst: u16) -> QuickOp {
        let left = base + op.a;
        let truth = QuickOp {
            a: dst,
            b: left,
            x: mask(Cmp::of_bits(op.x & CMP_MASK)),
            ..quick(Quick::Compare, op, 0)
        };
        let k = self.exe.constants.slot_of(op.c);
        match op.code {
            Code::CmpReturn => QuickOp { c: base + op.c, ..truth },
            Code::CmpReturnK => QuickOp { code: Quick::CompareK, k, ..truth },
            Code::FieldCmpReturnK => {
                let x = truth.x | op.x >> plan::COMPONENT_SHIFT << COMPONENT_SHIFT;
                QuickOp { code: Quick::FieldCompareK, x, k, ..truth }
            }
            _ => QuickOp { a: dst, b: left, ..quick(Quick::Move, op, 0) },
        }
    }

    fn op(&self, op: &PlanOp, base: u16) -> Option<QuickOp> {
        let slot = |k: u16| self.exe.constants.slot_of(k);
        let same = |code: Quick| Some(quick(code, op, base));
        let right_k = |code: Quick| Some(QuickOp { k: slot(op.c), ..quick(code, op, base) });
        let left_k = |code: Quick| Some(QuickOp { k: slot(op.b), ..quick(code, op, base) });
        // Fused comparisons: the left operand is in a; b is a message.
        let answers = mask(Cmp::of_bits(op.x & CMP_MASK));
        let compared =
            |code: Quick, x: u8| Some(QuickOp { x, b: op.b, k: slot(op.c), ..quick(code, op, base) });
        let field = |code: Quick, x: u8| compared(code, x | op.x >> plan::COMPONENT_SHIFT << COMPONENT_SHIFT);
        let jump_on = if op.x & JUMP_IF != 0 { answers } else { answers ^ ANY };
        match op.code {
            Code::Charge | Code::EntryTrust => same(Quick::Nothing),
            Code::Jump => same(Quick::Jump),
            Code::JumpBack => same(Quick::JumpBack),
            Code::JumpTrue => same(Quick::JumpTrue),
            Code::JumpFalse => same(Quick::JumpFalse),
            Code::JumpNull => same(Quick::JumpNull),
            Code::JumpSome => same(Quick::JumpSome),
            Code::LoopLess => same(Quick::LoopLess),
            Code::LoopMore => same(Quick::LoopMore),
            Code::ForNext => same(Quick::ForNext),
            Code::Require => Some(QuickOp { b: op.b, ..quick(Quick::Require, op, base) }),
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
            Code::Step => self.step(op, base),
            Code::Const => left_k(Quick::Const),
            Code::Move => same(Quick::Move),
            Code::Unwrap => same(Quick::Unwrap),
            Code::Std => Some(QuickOp { b: standard(op.x), ..quick(Quick::Move, op, base) }),
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
            Code::Rem => self.straight(op, base, Op::Rem, 0),
            Code::RemK => self.straight(op, base, Op::Rem, crate::isa::CONST_C),
            Code::RemKr => self.straight(op, base, Op::Rem, crate::isa::CONST_B),
            Code::Neg => same(Quick::Neg),
            Code::Not => same(Quick::Not),
            Code::Cmp => Some(QuickOp { x: answers, ..quick(Quick::Compare, op, base) }),
            Code::CmpK => Some(QuickOp { x: answers, k: slot(op.c), ..quick(Quick::CompareK, op, base) }),
            Code::EqBits => same(Quick::EqBits),
            Code::NeBits => same(Quick::NeBits),
            Code::Field => same(Quick::Field),
            Code::TrustNorm => same(Quick::TrustNorm),
            Code::Straight => {
                let (portable, ty) = step_key(self.exe, op);
                let portable = portable?;
                match portable {
                    Op::Eq | Op::Ne if !ty.is_array() && matches!(ty.base(), Base::Did | Base::Text) => {
                        let k = u64::from(portable == Op::Eq);
                        Some(QuickOp { k, ..constant(Quick::EqDid, op, base) })
                    }
                    Op::TrustDistance if op.x == 0 => same(Quick::TrustDistance),
                    Op::TimeSince if op.x == 0 => same(Quick::TimeSince),
                    _ => self.straight(op, base, portable, op.x),
                }
            }
        }
    }

    /// A straight instruction that runs by its portable opcode.
    fn straight(&self, op: &PlanOp, base: u16, portable: Op, x: u8) -> Option<QuickOp> {
        let to = if op.code == Code::Straight { op.k } else { portable as u32 };
        // `straight` fetches constants itself; what is no register keeps its number.
        let op = PlanOp { x, ..*op };
        let mut out = constant(Quick::Straight, &op, base);
        out.to = to;
        if portable == Op::ArrayLit {
            out.c = op.c;
        }
        Some(out)
    }

    fn step(&self, op: &PlanOp, base: u16) -> Option<QuickOp> {
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
        let mut out = constant(code, op, base);
        out.to = op.k >> 8;
        // The answer for equal ones; for `ContainsText`, whether the bytes of what is looked for count.
        out.k = match portable {
            Op::Contains => u64::from(ty.base() == Base::Text),
            _ => u64::from(portable == Op::Eq),
        };
        Some(out)
    }
}

/// A planned instruction with its registers from `base`.
fn quick(code: Quick, op: &PlanOp, base: u16) -> QuickOp {
    let at = |r: u16| base.saturating_add(r);
    QuickOp { code, x: op.x, a: at(op.a), b: at(op.b), c: at(op.c), cost: op.cost, to: op.k, k: 0 }
}

/// The same for an instruction whose `x` says which operands are constants: these keep their numbers.
fn constant(code: Quick, op: &PlanOp, base: u16) -> QuickOp {
    let mut out = quick(code, op, base);
    if op.x & crate::isa::CONST_B != 0 {
        out.b = op.b;
    }
    if op.x & crate::isa::CONST_C != 0 {
        out.c = op.c;
    }
    out
}

/// Whether what follows is always reached next.
fn is_straight(op: &QuickOp) -> bool {
    op.code as u8 >= Quick::Const as u8
}

fn is_jump(code: Quick) -> bool {
    use Quick::*;
    matches!(
        code,
        Jump | JumpBack
            | JumpTrue
            | JumpFalse
            | JumpNull
            | JumpSome
            | LoopLess
            | LoopMore
            | ForNext
            | CompareJump
            | CompareJumpK
            | FieldJumpK
    )
}
