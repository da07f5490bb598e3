//! From the portable program to what the scalar engine runs.
//!
//! Made once per program, after verification. Gas was assigned on the portable code and does not change: each planned
//! instruction that **settles** carries the Compute units of the straight run that ends with it (see `meter`).
//! Instructions are specialised by type and by constant operands, and common pairs are fused. A fused pair may drop its
//! temporary where no way on reads it (`liveness`).

use super::memory::Constants;
use super::quick::QuickPlan;
use crate::isa::{CONST_B, CONST_C, GasRule, Instr, NO_CONST, Op};
use crate::program::{Function, Program};
use crate::types::{Base, Ty};
use crate::verify::Verified;

/// What a planned instruction does. Suffixes: `K`, operand c is a constant (in `c`); `Kr`, operand b is.
#[allow(
    missing_docs,
    reason = "each is the portable instruction of the same name, or a fusion of those it names"
)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Code {
    // Settling.
    Charge,
    Jump,
    JumpBack,
    JumpTrue,
    JumpFalse,
    JumpNull,
    JumpSome,
    LoopLess,
    LoopMore,
    ForNext,
    Require,
    Return,
    Call,
    CmpJump,
    CmpJumpK,
    CmpRequire,
    CmpRequireK,
    CmpReturn,
    CmpReturnK,
    FieldCmpJumpK,
    FieldCmpRequireK,
    FieldCmpReturnK,
    EntryTrust,
    /// Everything that settles and then charges for itself: `step` knows them by their portable opcode.
    Step,
    // Straight.
    Const,
    Move,
    Unwrap,
    Std,
    Inc,
    Elem,
    RangeCheck,
    Add,
    AddK,
    Sub,
    SubK,
    SubKr,
    Mul,
    MulK,
    Div,
    DivK,
    DivKr,
    Rem,
    RemK,
    RemKr,
    Neg,
    Not,
    Cmp,
    CmpK,
    EqBits,
    NeBits,
    Field,
    Index,
    TrustNorm,
    /// Straight instructions that are rare: `step::straight` knows them by their portable opcode.
    Straight,
}

/// A comparison of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Cmp {
    Lt = 0,
    Le = 1,
    Gt = 2,
    Ge = 3,
    Eq = 4,
    Ne = 5,
}

impl Cmp {
    #[inline(always)]
    pub(crate) fn of_bits(bits: u8) -> Cmp {
        match bits {
            0 => Cmp::Lt,
            1 => Cmp::Le,
            2 => Cmp::Gt,
            3 => Cmp::Ge,
            4 => Cmp::Eq,
            _ => Cmp::Ne,
        }
    }
    /// The comparison with its sides exchanged.
    fn flipped(self) -> Cmp {
        match self {
            Cmp::Lt => Cmp::Gt,
            Cmp::Le => Cmp::Ge,
            Cmp::Gt => Cmp::Lt,
            Cmp::Ge => Cmp::Le,
            same => same,
        }
    }
}

/// In `x` of a fused comparison: bits 0..3 the [`Cmp`], bit 3 jump where true (else where false), bits 4..7 component.
pub(crate) const CMP_MASK: u8 = 7;
pub(crate) const JUMP_IF: u8 = 8;
pub(crate) const COMPONENT_SHIFT: u8 = 4;

/// One planned instruction: 16 bytes.
#[derive(Clone, Copy, Debug)]
pub struct PlanOp {
    pub(crate) code: Code,
    pub(crate) x: u8,
    pub(crate) a: u16,
    pub(crate) b: u16,
    pub(crate) c: u16,
    /// Compute units that are settled here.
    pub(crate) cost: u32,
    /// A target in the plan, or an index in the plan's types.
    pub(crate) k: u32,
}

const _: () = assert!(core::mem::size_of::<PlanOp>() == 16);

/// A function in the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanFunction {
    pub(crate) entry: u32,
    pub(crate) registers: u16,
    pub(crate) params: u16,
}

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
pub(crate) fn fixed_compute(instr: Instr) -> u64 {
    match instr.op.info().gas {
        GasRule::Fixed(crate::gas::GasLayer::Compute, n) => u64::from(n),
        GasRule::PerElement => u64::from(instr.c),
        GasRule::Equal => 1,
        _ => 0,
    }
}

impl Executable {
    /// Plans a verified program.
    pub fn new(verified: Verified) -> Executable {
        let constants = Constants::of(&verified.program().constants);
        let planner = Planner::new(verified.program());
        let Planner { ops, source, begins, types, functions, .. } = planner.run();
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

struct Planner<'p> {
    p: &'p Program,
    ops: Vec<PlanOp>,
    source: Vec<u32>,
    begins: Vec<bool>,
    /// Plan index of each portable instruction that a jump may go to.
    place: Vec<u32>,
    types: Vec<Ty>,
    functions: Vec<PlanFunction>,
    /// Compute units of the straight run so far.
    pending: u32,
    /// For each portable instruction of the current function, the registers that are read after it (frames of up to 64).
    live: Vec<u64>,
    base: usize,
}

impl<'p> Planner<'p> {
    fn new(p: &'p Program) -> Planner<'p> {
        let n = p.code.len();
        Planner {
            p,
            ops: Vec::with_capacity(n),
            source: Vec::with_capacity(n),
            begins: vec![false; n],
            place: vec![0; n],
            types: Vec::new(),
            functions: Vec::with_capacity(p.functions.len()),
            pending: 0,
            live: Vec::new(),
            base: 0,
        }
    }

    fn run(mut self) -> Self {
        let p = self.p;
        for f in &p.functions {
            let (start, end) = (f.start as usize, f.end as usize);
            for instr in p.code.get(start..end).unwrap_or(&[]) {
                if let Some(slot) = instr.target().and_then(|t| self.begins.get_mut(usize::from(t))) {
                    *slot = true;
                }
            }
            self.functions.push(PlanFunction {
                entry: self.ops.len() as u32,
                registers: f.registers.len() as u16,
                params: f.params,
            });
            self.liveness(f);
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

    fn at(&self, pc: usize) -> Option<Instr> {
        self.p.code.get(pc).copied()
    }
    fn begins(&self, pc: usize) -> bool {
        self.begins.get(pc).copied().unwrap_or(true)
    }
    /// The instruction after `pc` in the same straight run.
    fn next(&self, f: &Function, pc: usize) -> Option<Instr> {
        (pc + 1 < f.end as usize && !self.begins(pc + 1)).then(|| self.at(pc + 1)).flatten()
    }

    /// Which registers are read after each instruction: backward passes until nothing changes, which takes one for
    /// each level of loops and one more. Frames of more than 64 registers, and code that needs more than eight passes,
    /// count everything as live.
    fn liveness(&mut self, f: &Function) {
        let (start, end) = (f.start as usize, f.end as usize);
        self.base = start;
        self.live.clear();
        self.live.resize(end - start, u64::MAX);
        if f.registers.len() > 64 {
            return;
        }
        // What is live before each instruction; jumps backward read what the last pass found.
        let mut before = vec![0u64; end - start];
        for _ in 0..8 {
            let mut changed = false;
            let mut live = 0u64;
            for pc in (start..end).rev() {
                let Some(instr) = self.at(pc) else { break };
                if instr.is_end() {
                    live = 0;
                }
                if let Some(target) = instr.target().map(usize::from) {
                    let there = before.get(target - start).copied().unwrap_or(u64::MAX);
                    live |= there;
                }
                if let Some(slot) = self.live.get_mut(pc - start) {
                    *slot = live;
                }
                if let Some(r) = instr.written() {
                    live &= !(1u64 << (r % 64));
                }
                let params = |id: u16| self.p.functions.get(usize::from(id)).map_or(0, |f| f.params);
                instr.for_each_read(params, |r| live |= 1u64 << (r % 64));
                if let Some(slot) = before.get_mut(pc - start) {
                    changed |= *slot != live;
                    *slot = live;
                }
            }
            if !changed {
                return;
            }
        }
        self.live.fill(u64::MAX);
    }
    fn dead_after(&self, pc: usize, r: u16) -> bool {
        r < 64 && self.live.get(pc - self.base).is_some_and(|live| live >> r & 1 == 0)
    }

    fn emit(&mut self, pc: usize, code: Code, x: u8, [a, b, c]: [u16; 3], k: u32, settles: bool) {
        let cost = if settles { core::mem::take(&mut self.pending) } else { 0 };
        self.ops.push(PlanOp { code, x, a, b, c, cost, k });
        self.source.push(pc as u32);
    }
    fn ty(&mut self, ty: Ty) -> u32 {
        match self.types.iter().rposition(|t| *t == ty) {
            Some(at) => at as u32,
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

    /// A comparison of numbers as (kind, register, right operand, right is a constant).
    fn comparison(&self, f: &Function, instr: Instr) -> Option<(Cmp, u16, u16, bool)> {
        let cmp = match instr.op {
            Op::Lt => Cmp::Lt,
            Op::Le => Cmp::Le,
            Op::Gt => Cmp::Gt,
            Op::Ge => Cmp::Ge,
            Op::Eq | Op::Ne => {
                let number = |r: u16| f.registers.get(usize::from(r)) == Some(&Ty::NUMBER);
                let constant = |k: u16| {
                    matches!(self.p.constants.get(usize::from(k)), Some(crate::value::Value::Number(_)))
                };
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

    fn fuse(&mut self, f: &Function, pc: usize, instr: Instr) -> Option<usize> {
        // i = i + 1; back to the head that compares i.
        if instr.op == Op::Step {
            let back = self.next(f, pc).filter(|n| n.op == Op::Jump && usize::from(n.c) <= pc)?;
            let head = self.at(usize::from(back.c)).filter(|h| h.op == Op::LoopLess && h.a == instr.a)?;
            // Done, it falls through: the loop must end right behind.
            if usize::from(head.c) != pc + 2 {
                return None;
            }
            self.emit(pc + 1, Code::ForNext, 0, [head.a, head.b, 0], u32::from(back.c), true);
            return Some(2);
        }
        // field; compare with a constant; use
        if instr.op == Op::Field {
            let compare = self.next(f, pc)?;
            let (cmp, left, k, true) = self.comparison(f, compare)? else { return None };
            if left != instr.a || !(compare.a == instr.a || self.dead_after(pc + 1, instr.a)) {
                return None;
            }
            let user = self.user(pc + 1, compare.a, self.next(f, pc + 1))?;
            self.pending += 2 + fixed_compute(user) as u32;
            let x = cmp as u8 | instr.x << COMPONENT_SHIFT;
            match user.op {
                Op::Require => self.emit(pc + 2, Code::FieldCmpRequireK, x, [instr.b, user.b, k], 0, true),
                Op::Return => self.emit(pc + 2, Code::FieldCmpReturnK, x, [instr.b, 0, k], 0, true),
                op => {
                    let x = x | if matches!(op, Op::JumpTrue | Op::BrTrue) { JUMP_IF } else { 0 };
                    self.emit(pc + 2, Code::FieldCmpJumpK, x, [instr.b, 0, k], u32::from(user.c), true);
                }
            }
            return Some(3);
        }
        let (cmp, left, right, constant) = self.comparison(f, instr)?;
        let user = self.user(pc, instr.a, self.next(f, pc))?;
        self.pending += 1 + fixed_compute(user) as u32;
        let pick = |r: Code, k: Code| if constant { k } else { r };
        match user.op {
            Op::Require => {
                self.emit(
                    pc + 1,
                    pick(Code::CmpRequire, Code::CmpRequireK),
                    cmp as u8,
                    [left, user.b, right],
                    0,
                    true,
                );
            }
            Op::Return => self.emit(
                pc + 1,
                pick(Code::CmpReturn, Code::CmpReturnK),
                cmp as u8,
                [left, 0, right],
                0,
                true,
            ),
            op => {
                let x = cmp as u8 | if matches!(op, Op::JumpTrue | Op::BrTrue) { JUMP_IF } else { 0 };
                self.emit(
                    pc + 1,
                    pick(Code::CmpJump, Code::CmpJumpK),
                    x,
                    [left, 0, right],
                    u32::from(user.c),
                    true,
                );
            }
        }
        Some(2)
    }

    fn single(&mut self, f: &Function, pc: usize, instr: Instr) {
        let Instr { op, x, a, b, c } = instr;
        let register = |r: u16| f.registers.get(usize::from(r)).copied().unwrap_or(Ty::UNIT);
        let abc = [a, b, c];
        let jump = |this: &mut Self, code| this.emit(pc, code, 0, abc, u32::from(c), true);
        match op {
            Op::EntryTrust => self.emit(pc, Code::EntryTrust, 0, abc, 0, true),
            Op::Const => self.emit(pc, Code::Const, 0, abc, 0, false),
            Op::Move => self.emit(pc, Code::Move, 0, abc, 0, false),
            Op::Unwrap => self.emit(pc, Code::Unwrap, 0, abc, 0, false),
            Op::Std => self.emit(pc, Code::Std, x, abc, 0, false),
            Op::Jump if usize::from(c) <= pc => jump(self, Code::JumpBack),
            Op::Jump => jump(self, Code::Jump),
            Op::JumpTrue | Op::BrTrue => jump(self, Code::JumpTrue),
            Op::JumpFalse | Op::BrFalse => jump(self, Code::JumpFalse),
            Op::BrNull => jump(self, Code::JumpNull),
            Op::BrSome => jump(self, Code::JumpSome),
            Op::LoopLess => jump(self, Code::LoopLess),
            Op::LoopMore => jump(self, Code::LoopMore),
            Op::Step => self.emit(pc, Code::Inc, 0, abc, 0, false),
            Op::Elem => self.emit(pc, Code::Elem, 0, abc, 0, false),
            Op::RangeCheck => self.emit(pc, Code::RangeCheck, 0, abc, 0, false),
            // Its unit is in `pending`; nothing is left to do.
            Op::Round => {}
            Op::Require => self.emit(pc, Code::Require, 0, abc, 0, true),
            Op::Return => self.emit(pc, Code::Return, 0, abc, 0, true),
            Op::Call => self.emit(pc, Code::Call, 0, abc, 0, true),
            Op::Add | Op::Mul | Op::Sub | Op::Div | Op::Rem => self.arithmetic(pc, instr),
            Op::Neg => self.emit(pc, Code::Neg, 0, abc, 0, false),
            Op::Not => self.emit(pc, Code::Not, 0, abc, 0, false),
            Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq | Op::Ne => self.compare(f, pc, instr),
            Op::Field => self.emit(pc, Code::Field, x, abc, 0, false),
            Op::Index if x == 0 => self.emit(pc, Code::Index, 0, abc, 0, false),
            Op::TrustNorm if x == 0 => self.emit(pc, Code::TrustNorm, 0, abc, 0, false),
            _ => {
                let ty = match op {
                    Op::ArrayLit => register(a).elem().unwrap_or(Ty::UNIT),
                    Op::Contains if x & CONST_C == 0 => register(c).elem().unwrap_or(Ty::UNIT),
                    Op::Contains => register(b),
                    Op::StorePut | Op::Emit => self.operand_ty(f, x & CONST_C != 0, c),
                    _ => Ty::UNIT,
                };
                let k = self.ty(ty) << 8 | op as u32;
                let code = if settles(instr, true) { Code::Step } else { Code::Straight };
                self.emit(pc, code, x, abc, k, code == Code::Step);
            }
        }
    }

    fn operand_ty(&self, f: &Function, constant: bool, at: u16) -> Ty {
        use crate::value::Value;
        if !constant {
            return f.registers.get(usize::from(at)).copied().unwrap_or(Ty::UNIT);
        }
        // The type of a constant payload, as far as its bytes and its value on the way out need it.
        fn of(value: &Value) -> Ty {
            match value {
                Value::Null => Ty::NUMBER.opt(),
                Value::Number(_) => Ty::NUMBER,
                Value::Bool(_) => Ty::BOOL,
                Value::Text(_) => Ty::TEXT,
                Value::Did(_) => Ty::DID,
                Value::Trust(_) => Ty::TRUST,
                Value::Array(items) => {
                    let elem = items.iter().find(|v| **v != Value::Null).map_or(Ty::NUMBER, of);
                    let optional = items.contains(&Value::Null);
                    (if optional { elem.opt() } else { elem }).array().unwrap_or(Ty::UNIT)
                }
            }
        }
        self.p.constants.get(usize::from(at)).map_or(Ty::UNIT, of)
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

/// The portable opcode of a `Step` or `Straight`, and its type.
#[inline]
pub(crate) fn step_key(exe: &Executable, op: &PlanOp) -> (Option<Op>, Ty) {
    (Op::from_byte(op.k as u8), exe.types.get((op.k >> 8) as usize).copied().unwrap_or(Ty::UNIT))
}

/// Stands for "no message".
pub(crate) fn message(raw: u16) -> Option<u16> {
    (raw != NO_CONST).then_some(raw)
}
