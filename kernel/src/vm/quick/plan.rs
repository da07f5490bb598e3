//! Which planned programs are quick, and their code.
//!
//! Calls are unfolded: each gets registers of its own behind its caller's, so that a run has one flat set of them. What
//! recurses does not fit, nor does what writes, logs, joins text or asks other realms.

use super::REGISTERS;
use super::code::{ANY, COMPONENT_SHIFT, DIFFERS, FREE_BYTES, Quick, QuickOp, mask, specialised};
use super::gate;
use super::input::Kind;
use super::join::{joined, returned};
use super::units::{Cost, Place, sum_up, window};
use crate::isa::{CONST_B, CONST_C, Op};
use crate::program::{EffectKind, StdInput};
use crate::types::{Base, Ty};
use crate::vm::memory::{Constants, NULL, elements_at, totals_at};
use crate::vm::plan::{self, CMP_MASK, Cmp, Code, DEAD_ARGUMENTS, Executable, JUMP_IF, PlanOp, step_key};
use crate::vm::step::pieces;
use smallvec::SmallVec;

/// The register in which a standard input stays.
pub(super) const fn standard(x: u8) -> u8 {
    FIRST_STANDARD + (x & 3)
}
const FIRST_STANDARD: u8 = (REGISTERS - 4) as u8;
/// Holds a constant that an instruction has no place for.
const SCRATCH: u8 = FIRST_STANDARD - 1;

/// Most instructions of a quick program: unfolding must not make a small program large.
const MOST: usize = 2_048;
/// Deepest call that is unfolded.
const DEEPEST: u32 = 8;

/// A program that is quick.
#[derive(Clone, Debug)]
pub(crate) struct QuickPlan {
    pub(super) ops: Vec<QuickOp>,
    /// For each instruction, where it comes from and what stands before it.
    pub(super) places: Vec<Place>,
    /// Instructions of the rarer kind, as the full machine has them, on this plan's registers.
    pub(super) straight: Vec<PlanOp>,
    pub(super) start: u16,
    /// Whether texts that come in are interned.
    pub(super) interns: bool,
    /// Units between two looks at the clock.
    pub(super) window: i64,
    pub(super) kinds: Vec<Kind>,
    mentions: u8,
    /// Where each standard input goes before the start, besides the register that it always has.
    pub(super) standard: [u8; 4],
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
            places: Vec::with_capacity(room),
            straight: Vec::new(),
            interns: false,
            depth: 0,
            start: 0,
        };
        unfold.function(0, &Window::default(), None, 0)?;
        for op in &mut unfold.ops {
            op.code = specialised(op.code, op.x);
        }
        sum_up(&mut unfold.ops, &mut unfold.places)?;
        let result = p.functions.first()?.result;
        let makes = unfold.ops.iter().any(|op| op.code == Quick::Straight);
        let textual = |base: Base| matches!(base, Base::Text | Base::Did);
        let said = 1u8 << StdInput::Caller as u8 | 1 << StdInput::Realm as u8;
        let mut plan = QuickPlan {
            arena: kinds.iter().any(|kind| textual(kind.base)) || p.mentions & said != 0 || makes,
            window: window(&unfold.ops),
            ops: unfold.ops,
            places: unfold.places,
            straight: unfold.straight,
            interns: unfold.interns,
            start: unfold.start,
            kinds,
            mentions: p.mentions,
            standard: [0u8, 1, 2, 3].map(|x| {
                let asked = exe.standard.get(usize::from(x)).copied().flatten();
                asked.map_or(standard(x), |r| r as u8)
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
    places: Vec<Place>,
    straight: Vec<PlanOp>,
    interns: bool,
    depth: u32,
    start: u16,
}

impl Unfold<'_> {
    /// The code of a function with its registers in `w`; what it returns goes to register `dst`, and it goes on
    /// behind. None for the body, which ends the run.
    fn function(&mut self, id: usize, w: &Window, dst: Option<u8>, depth: u32) -> Option<()> {
        let exe = self.exe;
        let (from, registers) = exe.functions.get(id).map(|f| (f.entry as usize, f.registers))?;
        let to = exe.functions.get(id + 1).map_or(exe.ops.len(), |f| f.entry as usize);
        let top = w.base.checked_add(registers)?;
        if top > u16::from(SCRATCH) || depth > DEEPEST {
            return None;
        }
        self.depth = self.depth.max(depth);
        let mut place = Vec::with_capacity(to - from + 1);
        let first = self.ops.len();
        // Jumps in the function's own code, and those to its end.
        let (mut jumps, mut ends): (SmallVec<[usize; 8]>, SmallVec<[usize; 8]>) = Default::default();
        // Where the last unfolded call ended: several ways may lead there.
        let mut meeting = first;
        for (at, op) in exe.ops.get(from..to)?.iter().enumerate() {
            place.push(self.ops.len() as u16);
            if self.ops.len() > MOST {
                return None;
            }
            let source = exe.source.get(from + at).copied()?;
            match (op.code, dst) {
                (Code::Call, _) => {
                    let callee = self.arguments(source, op, w, top, meeting)?;
                    self.function(usize::from(op.b), &callee, Some(w.at(op.a)), depth + 1)?;
                    meeting = self.ops.len();
                }
                (Code::Return | Code::CmpReturn | Code::CmpReturnK | Code::FieldCmpReturnK, Some(dst)) => {
                    let own = op.code == Code::Return && usize::from(op.a) >= w.params.len();
                    let fits = |last: &QuickOp| if own { returned(last, w.at(op.a), dst) } else { None };
                    if !(self.ops.len() > meeting && self.join(source, op.cost, fits)) {
                        let answer = self.answer(op, w, dst);
                        self.push(source, op.cost, answer);
                    }
                    ends.push(self.ops.len());
                    self.push(source, 0, quick(Quick::Jump, op, w));
                }
                // Nothing jumps to a charge. Who goes on behind what stands before it pays.
                (Code::Charge, _) if self.ops.len() > meeting => {
                    let last = self.places.last_mut()?;
                    last.through = last.through.checked_add(op.cost)?;
                }
                _ => {
                    let (cost, op) = (op.cost, self.op(source, op, w)?);
                    if !(self.ops.len() > meeting && self.join(source, cost, |last| joined(last, &op))) {
                        self.push(source, cost, op);
                    }
                    if is_jump(op.code) {
                        jumps.push(self.ops.len() - 1);
                    }
                }
            }
        }
        // The last return need not jump.
        if ends.last().is_some_and(|last| last + 1 == self.ops.len()) {
            ends.pop();
            self.ops.pop();
            self.places.pop();
        }
        let end = self.ops.len();
        place.push(end as u16);
        for at in jumps {
            let op = self.ops.get_mut(at)?;
            op.to = place.get(usize::from(op.to).checked_sub(from)?).copied()?;
        }
        for at in ends {
            self.ops.get_mut(at)?.to = end as u16;
        }
        if id == 0 {
            self.start = place.get((exe.start as usize).checked_sub(from)?).copied()?;
        }
        Some(())
    }

    /// What a called function finds in the place of its registers: parameters that it does not write need no registers of
    /// their own.
    fn arguments(
        &mut self,
        source: u32,
        op: &PlanOp,
        w: &Window,
        top: u16,
        meeting: usize,
    ) -> Option<Window> {
        let exe = self.exe;
        let callee = usize::from(op.b);
        let params = exe.functions.get(callee)?.params;
        let mut own = Window { base: top, params: SmallVec::new() };
        if !exe.reads_parameters_only(callee) {
            self.push(source, op.cost, quick(Quick::Nothing, op, w));
            for i in 0..params {
                let (a, b) = (u8::try_from(top.checked_add(i)?).ok()?, w.at(op.c.checked_add(i)?));
                self.push(source, 0, QuickOp { a, b, ..quick(Quick::Move, op, w) });
            }
            return Some(own);
        }
        own.params = (0..params).map(|i| Some(w.at(op.c.checked_add(i)?))).collect::<Option<_>>()?;
        // Where nobody reads the arguments any more, the moves that made them are left out, from the last one back.
        let mut at = source;
        while op.x == DEAD_ARGUMENTS && !exe.is_target(at) && self.ops.len() > meeting {
            let (Some(last), Some(place)) = (self.ops.last().copied(), self.places.last().copied()) else {
                break;
            };
            let fits = last.code == Quick::Move
                && place.before == 0
                && place.through == 0
                && place.source + 1 == at
                && own.params.contains(&last.a)
                && !own.params.contains(&last.b);
            if !fits {
                break;
            }
            for param in own.params.iter_mut().filter(|param| **param == last.a) {
                *param = last.b;
            }
            at = place.source;
            self.ops.pop();
            self.places.pop();
        }
        match self.places.last_mut() {
            Some(last) if !exe.is_target(at) && self.ops.len() > meeting => {
                last.through = last.through.checked_add(op.cost)?;
            }
            _ => self.push(source, op.cost, quick(Quick::Nothing, op, w)),
        }
        Some(own)
    }

    /// Joins an instruction with the one before it, where there is one instruction for both.
    fn join(&mut self, source: u32, cost: u32, joined: impl FnOnce(&QuickOp) -> Option<QuickOp>) -> bool {
        let (Some(last), Some(place)) = (self.ops.last_mut(), self.places.last_mut()) else {
            return false;
        };
        // Nothing may jump to what stands between the two, nor to the second.
        let between = self.exe.begins.get(place.source as usize + 1..=source as usize);
        if place.through != 0 || between.is_none_or(|begins| begins.contains(&true)) {
            return false;
        }
        let Some(joined) = joined(last) else { return false };
        *last = joined;
        *place = Place::priced(source, Cost { own: place.before.saturating_add(cost), behind: 0 });
        self.pair();
        true
    }

    /// Two products and their sum, which take the places of two instructions.
    fn pair(&mut self) {
        let ([.., first, second], [.., from, to]) = (self.ops.as_mut_slice(), self.places.as_slice()) else {
            return;
        };
        let between = self.exe.begins.get(from.source as usize + 1..=to.source as usize);
        let fits = first.code == Quick::MulK
            && second.code == Quick::MulKAdd
            && second.c as u8 == first.a
            && second.b != first.a
            && from.through == 0
            && between.is_some_and(|begins| !begins.contains(&true));
        if fits {
            let (to, k) = (u16::from(first.a), second.k);
            let c = i16::from(second.b);
            *first = QuickOp { code: Quick::MulKMulKAdd, x: second.x, a: second.a, c, to, ..*first };
            *second = QuickOp { code: Quick::Nothing, k, ..*second };
        }
    }

    fn push(&mut self, source: u32, cost: u32, op: QuickOp) {
        self.ops.push(op);
        self.places.push(Place::priced(source, Cost { own: cost, behind: 0 }));
    }

    /// What a function returns, as a value in register `dst`.
    fn answer(&self, op: &PlanOp, w: &Window, dst: u8) -> QuickOp {
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

    fn op(&mut self, source: u32, op: &PlanOp, w: &Window) -> Option<QuickOp> {
        let slot = |k: u16| self.exe.constants.slot_of(k);
        let same = |code: Quick| Some(quick(code, op, w));
        let jump = |code: Quick| Some(QuickOp { to: u16::try_from(op.k).ok()?, ..quick(code, op, w) });
        let right_k = |code: Quick| Some(QuickOp { k: slot(op.c), ..quick(code, op, w) });
        let left_k = |code: Quick| Some(QuickOp { k: slot(op.b), ..quick(code, op, w) });
        // Fused comparisons: the left operand is in a, the right one moves to b; the message of a `require` is in b.
        let answers = mask(Cmp::of_bits(op.x & CMP_MASK));
        let compared = |code: Quick, x: u8| {
            let to = if jumps(op.code) { u16::try_from(op.k).ok()? } else { op.b };
            Some(QuickOp { x, b: w.at(op.c), to, k: slot(op.c), ..quick(code, op, w) })
        };
        let field = |code: Quick, x: u8| compared(code, x | op.x >> plan::COMPONENT_SHIFT << COMPONENT_SHIFT);
        let jump_on = if op.x & JUMP_IF != 0 { answers } else { answers ^ ANY };
        match op.code {
            Code::Charge | Code::EntryTrust => same(Quick::Nothing),
            Code::Jump => jump(Quick::Jump),
            Code::JumpBack => jump(Quick::JumpBack),
            Code::JumpTrue => jump(Quick::JumpTrue),
            Code::JumpFalse => jump(Quick::JumpFalse),
            Code::JumpNull => jump(Quick::JumpNull),
            Code::JumpSome => jump(Quick::JumpSome),
            Code::LoopLess => jump(Quick::LoopLess),
            Code::LoopMore => jump(Quick::LoopMore),
            Code::ForNext => jump(Quick::ForNext),
            Code::Require => Some(QuickOp { to: op.b, ..quick(Quick::Require, op, w) }),
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
            Code::Move => same(Quick::Move),
            Code::Unwrap => same(Quick::Unwrap),
            Code::Std => Some(QuickOp { b: standard(op.x), ..quick(Quick::Move, op, w) }),
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
            Code::Not => same(Quick::Not),
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
        if constants.interner.is_none() || op.x & (CONST_B | CONST_C) == 0 || op.k == NULL {
            return op;
        }
        let equal = |code: Quick| {
            let b = if op.x & CONST_B != 0 { op.c as u8 } else { op.b };
            QuickOp { code, b, ..op }
        };
        let out = match op.code {
            Quick::EqDid => equal(Quick::EqDidK),
            Quick::EqText => equal(Quick::EqTextK),
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

/// Where a function's registers are.
#[derive(Default)]
struct Window {
    base: u16,
    /// Where the first ones are, if not there.
    params: SmallVec<[u8; 8]>,
}

impl Window {
    /// What is no register, or beyond all there are, is not looked at.
    fn at(&self, r: u16) -> u8 {
        self.params.get(usize::from(r)).copied().unwrap_or(self.base.saturating_add(r) as u8)
    }
    fn right(&self, r: u16) -> i16 {
        i16::from(self.at(r))
    }
}

/// A planned instruction with its registers where they are.
fn quick(code: Quick, op: &PlanOp, w: &Window) -> QuickOp {
    QuickOp { code, x: op.x, a: w.at(op.a), b: w.at(op.b), c: w.right(op.c), to: 0, k: 0 }
}

/// Looking for something in a constant list, as one in a set; None where the list has others than the first texts.
fn set_of(constants: &Constants, op: QuickOp) -> Option<QuickOp> {
    let totals = totals_at(&constants.words, op.k);
    let mut set = 0;
    for item in elements_at(&constants.words, op.k) {
        let index = (item & 0xFFFF_FFFF) as u32;
        set |= (*item != NULL).then(|| 1u64.checked_shl(index)).flatten()?;
    }
    let to = u16::try_from(1 + pieces(totals.elements, 8)).ok()?;
    Some(QuickOp { code: Quick::InSetK, c: i16::try_from(totals.text).ok()?, to, k: set, ..op })
}

fn jumps(code: Code) -> bool {
    matches!(code, Code::CmpJump | Code::CmpJumpK | Code::FieldCmpJumpK)
}

pub(super) fn is_jump(code: Quick) -> bool {
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
            | JumpLtK
            | JumpLeK
            | JumpGtK
            | JumpGeK
            | JumpNotLtK
            | JumpNotLeK
            | JumpNotGtK
            | JumpNotGeK
            | EqTextJumpK
            | NextElem
            | IncBack
    )
}
