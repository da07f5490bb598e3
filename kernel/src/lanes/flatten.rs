//! From portable code to one list of column instructions: functions inlined, registers placed in columns, constants put
//! in register form. What each instruction costs comes from the instruction table and stays with it.

use super::columns::{Arg, NULL};
use super::plan::{Code, Exit, LaneOp, NEGATED, NULLABLE, OF_NUMBERS, OF_TEXTS, TO_TRUTH, Unsupported};
use super::texts::{Arrays, Dictionary};
use crate::fault::{Exhaustion, Fault, Outcome};
use crate::gas::{GasLayer, GasUnits};
use crate::isa::{CONST_B, CONST_C, GasRule, Instr, NO_CONST, Op};
use crate::limits::{MAX_LANE_COLUMNS, MAX_LANE_INLINING, MAX_LANE_OPS};
use crate::program::{Function, Program, StdInput};
use crate::types::{Base, Ty};
use crate::value::Value;
use std::collections::HashMap;

/// A policy laid flat.
pub(super) struct Flat {
    pub(super) ops: Vec<LaneOp>,
    pub(super) exits: Vec<Exit>,
    pub(super) columns: u32,
    pub(super) truths: u32,
    pub(super) memos: u32,
    pub(super) texts: Dictionary,
    pub(super) arrays: Arrays,
    /// Words of constant arrays, ascending, for looking up.
    pub(super) lists: Vec<Vec<u64>>,
    /// Where the inputs go.
    pub(super) inputs: Vec<Arg>,
    /// For each instruction, the one it jumps to.
    pub(super) targets: Vec<Option<u32>>,
    /// Instructions that make vectors.
    pub(super) makes: Vec<u32>,
}

/// Lays a policy flat.
pub(super) fn flatten(p: &Program) -> Result<Flat, Unsupported> {
    let body = p.functions.first().ok_or(Unsupported::Shape)?;
    let texty = |ty: Ty| ty.is_array() || matches!(ty.base(), Base::Text | Base::Did);
    if p.expression && texty(body.result) {
        return Err(Unsupported::Value);
    }
    let mut flattener = Flattener {
        p,
        flat: Flat {
            ops: Vec::new(),
            exits: Vec::new(),
            columns: 0,
            truths: 0,
            memos: 0,
            texts: Dictionary::default(),
            arrays: Arrays::default(),
            lists: Vec::new(),
            inputs: Vec::new(),
            targets: Vec::new(),
            makes: Vec::new(),
        },
        ids: HashMap::new(),
        memos: Vec::new(),
        open: Vec::new(),
        pc: 0,
        cost: (1, 0),
    };
    let places = flattener.places(body)?;
    flattener.flat.inputs = places.iter().take(p.inputs.len()).copied().collect();
    if p.inputs.iter().any(|input| input.ty.is_array() && !Arrays::suits(input.ty)) {
        return Err(Unsupported::Arrays);
    }
    flattener.function(0, body, &places, None)?;
    flattener.flat.memos = flattener.memos.len() as u32;
    Ok(flattener.flat)
}

struct Flattener<'p> {
    p: &'p Program,
    flat: Flat,
    ids: HashMap<&'p str, u32>,
    memos: Vec<(Op, u8, u64)>,
    /// Functions that are being inlined.
    open: Vec<u16>,
    pc: u32,
    /// Layer and units that the next instruction carries.
    cost: (u8, u32),
}

impl<'p> Flattener<'p> {
    /// A column, or several, for each register.
    fn places(&mut self, f: &Function) -> Result<Vec<Arg>, Unsupported> {
        let mut places = Vec::with_capacity(f.registers.len());
        for ty in &f.registers {
            let flat = &mut self.flat;
            places.push(match ty.base() {
                Base::Bool if !ty.is_optional() && !ty.is_array() => {
                    flat.truths += 1;
                    Arg::Bits(flat.truths - 1)
                }
                Base::Trust if !ty.is_array() => {
                    flat.columns += 6;
                    Arg::Six(flat.columns - 6)
                }
                _ => {
                    flat.columns += 1;
                    Arg::Word(flat.columns - 1)
                }
            });
        }
        let too_many = self.flat.columns > MAX_LANE_COLUMNS || self.flat.truths > MAX_LANE_COLUMNS;
        if too_many { Err(Unsupported::TooLarge) } else { Ok(places) }
    }

    fn push(&mut self, code: Code, a: Arg, b: Arg, c: Arg, x: u32) -> usize {
        let a = match a {
            Arg::Word(at) | Arg::Bits(at) | Arg::Six(at) => at,
            _ => 0,
        };
        let (layer, units) = core::mem::take(&mut self.cost);
        self.flat.ops.push(LaneOp { code, a, b, c, d: Arg::None, x, exit: 0, keep: false, layer, units });
        self.flat.targets.push(None);
        self.flat.ops.len() - 1
    }
    /// Gives the instruction pushed last an exit; the first one is the one it names.
    fn exit(&mut self, outcome: Outcome, message: Option<u16>, value: bool) -> Result<(), Unsupported> {
        let op = self.flat.ops.len() - 1;
        let span = match outcome {
            Outcome::Allow => None,
            _ => Some(self.p.spans.get(self.pc as usize).copied().unwrap_or_default()),
        };
        let id = u16::try_from(self.flat.exits.len()).ok().filter(|id| *id < u16::MAX);
        let id = id.ok_or(Unsupported::TooLarge)?;
        let first = self.flat.exits.iter().rev().take_while(|e| e.op == op as u32).count();
        let gas = GasUnits::ZERO;
        // A call that would be too deep is not charged.
        let charged = outcome != Outcome::Exhausted(Exhaustion::StackOverflow);
        self.flat.exits.push(Exit { outcome, message, span, gas, value, op: op as u32, charged });
        if let (Some(op), 0) = (self.flat.ops.get_mut(op), first) {
            op.exit = id;
        }
        Ok(())
    }
    fn fault(&mut self, fault: Fault) -> Result<(), Unsupported> {
        self.exit(Outcome::Fault(fault), None, false)
    }

    fn text(&mut self, text: &'p str) -> Result<u64, Unsupported> {
        if let Some(id) = self.ids.get(text) {
            return Ok(u64::from(*id));
        }
        let id = self.flat.texts.push(text).ok_or(Unsupported::TooLarge)?;
        self.ids.insert(text, id);
        Ok(u64::from(id))
    }
    fn word_of(&mut self, value: &'p Value) -> Result<u64, Unsupported> {
        Ok(match value {
            Value::Null => NULL,
            Value::Number(n) => super::columns::number_bits(*n),
            Value::Bool(b) => u64::from(*b),
            Value::Text(s) => {
                let id = self.text(s)?;
                self.flat.texts.measure(id as u32);
                id
            }
            Value::Did(s) => self.text(s)?,
            Value::Trust(_) => return Err(Unsupported::Arrays),
            Value::Array(items) => {
                if items.iter().any(|item| matches!(item, Value::Array(_) | Value::Trust(_))) {
                    return Err(Unsupported::Arrays);
                }
                let mut words = Vec::with_capacity(items.len());
                for item in items {
                    words.push(self.word_of(item)?);
                }
                let id = self.flat.arrays.push(words.into_iter(), value.text_bytes());
                u64::from(id.ok_or(Unsupported::TooLarge)?)
            }
        })
    }
    fn constant(&mut self, k: u16) -> Result<Arg, Unsupported> {
        let p = self.p;
        match p.constants.get(usize::from(k)).ok_or(Unsupported::Shape)? {
            Value::Trust(t) => Ok(Arg::KSix(t.0)),
            value => Ok(Arg::K(self.word_of(value)?)),
        }
    }
    /// The number of a table of answers for this question; equal questions share one.
    fn memo(&mut self, op: Op, side: u8, k: u64) -> u32 {
        let key = (op, side, k);
        let at = self.memos.iter().position(|memo| *memo == key).unwrap_or_else(|| {
            self.memos.push(key);
            self.memos.len() - 1
        });
        (at as u32 + 1) << 8
    }

    /// Lays one function flat; `result` is where its result goes, None for the body.
    fn function(
        &mut self,
        id: u16,
        f: &'p Function,
        places: &[Arg],
        result: Option<Arg>,
    ) -> Result<(), Unsupported> {
        if self.open.contains(&id) {
            return Err(Unsupported::Recursion);
        }
        if self.open.len() >= MAX_LANE_INLINING {
            return Err(Unsupported::TooLarge);
        }
        self.open.push(id);
        let (start, end) = (f.start as usize, f.end as usize);
        let first = self.flat.ops.len();
        let mut at = Vec::with_capacity(end - start);
        // Jumps by portable target; returns by None.
        let mut jumps: Vec<(usize, Option<u16>)> = Vec::new();
        for pc in start..end {
            let instr = self.p.code.get(pc).copied().ok_or(Unsupported::Shape)?;
            self.pc = pc as u32;
            at.push(self.flat.ops.len() as u32);
            self.instruction(f, places, instr, result, &mut jumps)?;
            if self.flat.ops.len() > MAX_LANE_OPS {
                return Err(Unsupported::TooLarge);
            }
        }
        let behind = self.flat.ops.len() as u32;
        for (op, target) in jumps {
            let to = match target {
                Some(pc) => at.get(usize::from(pc).wrapping_sub(start)).copied().ok_or(Unsupported::Shape)?,
                None => behind,
            };
            if let Some(slot) = self.flat.targets.get_mut(op) {
                *slot = Some(to);
            }
        }
        debug_assert!(first <= self.flat.ops.len());
        self.open.pop();
        Ok(())
    }

    /// `to = from`, whatever columns they are.
    fn copy(&mut self, to: Arg, from: Arg) {
        match (to, from) {
            (Arg::Bits(_), _) => self.push(Code::CopyTruth, to, from, Arg::None, 0),
            (Arg::Six(_), _) => self.push(Code::CopySix, to, from, Arg::None, 0),
            (_, Arg::Bits(_)) => self.push(Code::Widen, to, from, Arg::None, 0),
            _ => self.push(Code::Copy, to, from, Arg::None, 0),
        };
    }

    fn instruction(
        &mut self,
        f: &'p Function,
        places: &[Arg],
        instr: Instr,
        result: Option<Arg>,
        jumps: &mut Vec<(usize, Option<u16>)>,
    ) -> Result<(), Unsupported> {
        use Code as L;
        let Instr { op, x, a, b, c } = instr;
        let reg = |r: u16| places.get(usize::from(r)).copied().unwrap_or(Arg::None);
        self.cost = cost(instr);
        let to = reg(a);
        let rb =
            if x & CONST_B != 0 && op.info().x == crate::isa::X::Flags { self.constant(b)? } else { reg(b) };
        let rc =
            if x & CONST_C != 0 && op.info().x == crate::isa::X::Flags { self.constant(c)? } else { reg(c) };
        let none = Arg::None;
        let truth = |arg: Arg| if matches!(arg, Arg::Bits(_)) { TO_TRUTH } else { 0 };
        match op {
            Op::Const => {
                let k = self.constant(b)?;
                self.copy(to, k);
            }
            Op::Move => self.copy(to, reg(b)),
            Op::Unwrap => {
                let code = match to {
                    Arg::Bits(_) => L::UnwrapTruth,
                    Arg::Six(_) => L::UnwrapSix,
                    _ => L::Unwrap,
                };
                self.push(code, to, reg(b), none, 0);
                self.fault(Fault::TypeMismatch)?;
            }
            Op::Std => {
                let inputs = self.p.inputs.len() as u32;
                match StdInput::ALL.get(usize::from(x)) {
                    Some(StdInput::Now) => self.push(L::Now, to, none, none, 0),
                    Some(StdInput::Trust) => self.push(L::ViewSix, to, none, none, inputs + 2),
                    Some(std) => self.push(L::View, to, none, none, inputs + *std as u32),
                    None => return Err(Unsupported::Shape),
                };
            }
            Op::EntryTrust => {
                self.push(L::EntryTrust, none, none, none, self.p.inputs.len() as u32);
                self.fault(Fault::HostError)?;
            }
            Op::Jump => {
                let at = self.push(L::Jump, none, none, none, 0);
                jumps.push((at, Some(c)));
            }
            Op::JumpTrue | Op::BrTrue | Op::JumpFalse | Op::BrFalse => {
                let not = if matches!(op, Op::JumpFalse | Op::BrFalse) { NEGATED } else { 0 };
                let at = self.push(L::BranchTruth, none, to, none, not);
                jumps.push((at, Some(c)));
            }
            Op::BrNull | Op::BrSome => {
                let not = if op == Op::BrSome { NEGATED } else { 0 };
                let at = self.push(L::BranchNull, none, to, none, not);
                jumps.push((at, Some(c)));
            }
            Op::LoopLess | Op::LoopMore => {
                let code = if op == Op::LoopLess { L::LoopLess } else { L::LoopMore };
                let at = self.push(code, none, to, reg(b), NEGATED);
                jumps.push((at, Some(c)));
            }
            Op::Require => {
                self.push(L::Require, none, to, none, 0);
                self.exit(Outcome::Deny, (b != NO_CONST).then_some(b), false)?;
            }
            Op::Return => match result {
                None => {
                    // 0: a truth column; 1: words that may be true; 2: words or vectors that are a value.
                    let words = if f.result.base() == Base::Bool && !f.result.is_array() { 1 } else { 2 };
                    self.push(L::Return, none, to, none, if truth(to) != 0 { 0 } else { words });
                    let value = self.p.expression && f.result != Ty::BOOL;
                    self.exit(Outcome::Allow, None, false)?;
                    self.exit(Outcome::Deny, None, false)?;
                    self.exit(Outcome::Deny, None, value)?;
                }
                Some(result) => {
                    self.copy(result, to);
                    let at = self.push(L::Jump, none, none, none, 0);
                    jumps.push((at, None));
                }
            },
            Op::Call => {
                let callee = self.p.functions.get(usize::from(b)).ok_or(Unsupported::Shape)?;
                self.push(L::Enter, none, none, none, self.open.len() as u32 - 1);
                self.exit(Outcome::Exhausted(Exhaustion::StackOverflow), None, false)?;
                let inner = self.places(callee)?;
                for (at, param) in inner.iter().take(usize::from(callee.params)).enumerate() {
                    self.copy(*param, reg(c.saturating_add(at as u16)));
                }
                self.function(b, callee, &inner, Some(to))?;
            }
            Op::Round => {
                self.push(L::Nop, none, none, none, 0);
            }
            Op::Step => {
                self.push(L::Step, to, to, none, 0);
            }
            Op::RangeCheck => {
                self.push(L::RangeCheck, none, to, reg(b), 0);
                self.fault(Fault::DomainError)?;
            }
            Op::Add | Op::Sub | Op::Mul | Op::Min | Op::Max => {
                let code = match op {
                    Op::Add => L::Add,
                    Op::Sub => L::Sub,
                    Op::Mul => L::Mul,
                    Op::Min => L::Min,
                    _ => L::Max,
                };
                self.push(code, to, rb, rc, 0);
            }
            Op::Div | Op::Rem => {
                self.push(if op == Op::Div { L::Div } else { L::Rem }, to, rb, rc, 0);
                self.fault(Fault::DivisionByZero)?;
            }
            Op::Neg | Op::Abs | Op::Floor | Op::Ceil | Op::RoundNumber => {
                let code = match op {
                    Op::Neg => L::Neg,
                    Op::Abs => L::Abs,
                    Op::Floor => L::Floor,
                    Op::Ceil => L::Ceil,
                    _ => L::Round,
                };
                self.push(code, to, reg(b), none, 0);
            }
            Op::Sqrt | Op::Surprisal => {
                self.push(if op == Op::Sqrt { L::Sqrt } else { L::Surprisal }, to, reg(b), none, 0);
                self.fault(Fault::DomainError)?;
            }
            Op::Clamp => {
                self.push(L::Clamp, to, reg(b), none, 0);
                self.fault(Fault::DomainError)?;
            }
            Op::Lerp => {
                self.push(L::Lerp, to, reg(b), none, 0);
            }
            Op::Now => {
                self.push(L::Now, to, none, none, 0);
            }
            Op::TimeSince => {
                self.push(L::TimeSince, to, rb, none, 0);
            }
            Op::Not => {
                self.push(L::Not, to, reg(b), none, 0);
            }
            Op::Lt | Op::Le | Op::Gt | Op::Ge => {
                let (l, r) = if matches!(op, Op::Lt | Op::Le) { (rb, rc) } else { (rc, rb) };
                let code = if matches!(op, Op::Lt | Op::Gt) { L::Less } else { L::LessEq };
                self.push(code, to, l, r, 0);
            }
            Op::Eq | Op::Ne => self.equal(f, instr, to, rb, rc)?,
            Op::Field => {
                self.push(L::Field, to, reg(b), none, u32::from(x));
            }
            Op::TrustNorm => {
                self.push(L::Norm, to, rb, none, 0);
            }
            Op::TrustAbove => {
                self.push(L::Above, to, rb, rc, 0);
            }
            Op::TrustDistance => {
                self.push(L::Distance, to, rb, rc, 0);
            }
            Op::TrustCombine => {
                let at = self.push(L::Combine, to, rb, rc, 0);
                self.flat.makes.push(at as u32);
            }
            Op::TrustCreate => {
                let at = self.push(L::Create, to, reg(b), none, 0);
                self.flat.makes.push(at as u32);
                self.fault(Fault::DomainError)?;
            }
            Op::TrustWeighted => {
                let Arg::K(_) = rc else { return Err(Unsupported::Operand) };
                self.push(L::Weighted, to, rb, rc, 0);
                self.fault(Fault::DomainError)?;
            }
            Op::StrLen | Op::StrContains | Op::StrStartsWith | Op::StrEndsWith | Op::StrEqIgnoreCase => {
                let code = match op {
                    Op::StrLen => L::TextLen,
                    Op::StrContains => L::TextContains,
                    Op::StrStartsWith => L::TextStarts,
                    Op::StrEndsWith => L::TextEnds,
                    _ => L::TextIgnoreCase,
                };
                let memo = match (rb, rc) {
                    (Arg::Word(_), Arg::K(k)) => self.memo(op, 1, k),
                    (Arg::K(k), Arg::Word(_)) => self.memo(op, 2, k),
                    (Arg::Word(_), Arg::None | Arg::Bits(_)) => self.memo(op, 0, 0),
                    _ => 0,
                };
                // The second operand of `str_len` is none, whatever register 0 is.
                let rc = if op == Op::StrLen { none } else { rc };
                let memo = if op == Op::StrLen { self.memo(op, 0, 0) } else { memo };
                self.push(code, to, rb, rc, memo);
            }
            Op::ArrayLen => {
                self.push(L::ArrayLen, to, rb, none, 0);
            }
            Op::Index | Op::Elem => {
                if matches!(to, Arg::Six(_)) {
                    return Err(Unsupported::Arrays);
                }
                self.push(if op == Op::Index { L::Index } else { L::Elem }, to, rb, rc, truth(to));
                self.fault(Fault::IndexOutOfRange)?;
            }
            Op::Contains => self.contains(f, instr, to, rb, rc)?,
            Op::LoadTrust => {
                let at = self.push(L::LoadTrust, to, rb, none, 0);
                self.flat.makes.push(at as u32);
                self.fault(Fault::HostError)?;
            }
            Op::HasCredential => {
                let memo = if let Arg::K(k) = rc { self.memo(op, 0, k) } else { 0 };
                self.push(L::HasCredential, to, rb, rc, memo);
                self.fault(Fault::HostError)?;
            }
            Op::ResolveDid => {
                let memo = self.memo(op, 0, 0);
                self.push(L::ResolveDid, to, rb, none, memo);
                self.fault(Fault::HostError)?;
            }
            Op::GetBalance => {
                let memo = self.memo(op, 0, 0);
                self.push(L::GetBalance, to, rb, none, memo);
                self.fault(Fault::HostError)?;
                self.fault(Fault::NumberOutOfRange)?;
            }
            Op::IsMember | Op::MemberCount | Op::RealmThreshold => {
                let code = match op {
                    Op::IsMember => L::IsMember,
                    Op::MemberCount => L::MemberCount,
                    _ => L::Threshold,
                };
                self.push(code, to, rb, none, 0);
                self.fault(Fault::HostError)?;
                self.fault(Fault::NumberOutOfRange)?;
            }
            Op::GetMetric => self.metric(instr, to)?,
            Op::StoreGetNumber | Op::StoreGetBool => {
                let code = if op == Op::StoreGetNumber { L::StoreNumber } else { L::StoreTruth };
                self.push(code, to, rb, none, 0);
                self.fault(Fault::HostError)?;
            }
            Op::StoreGetText | Op::Concat | Op::ArrayLit | Op::MakeDid => return Err(Unsupported::Makes),
            Op::Log => return Err(Unsupported::Log),
            Op::CrossRealm => return Err(Unsupported::CrossRealm),
            Op::StorePut | Op::StoreDelete | Op::UpdateTrust | Op::CastVote | Op::Emit => {
                return Err(Unsupported::Writes);
            }
        }
        Ok(())
    }

    fn metric(&mut self, instr: Instr, to: Arg) -> Result<(), Unsupported> {
        if instr.x & CONST_B == 0 {
            return Err(Unsupported::Operand);
        }
        let p = self.p;
        let Some(Value::Text(name)) = p.constants.get(usize::from(instr.b)) else {
            return Err(Unsupported::Shape);
        };
        match &**name {
            "trust.avg" => self.push(Code::Metric, to, Arg::None, Arg::None, 0),
            "realm.member_count" => self.push(Code::MemberCount, to, Arg::None, Arg::None, 0),
            "realm.trust_threshold" => self.push(Code::Threshold, to, Arg::None, Arg::None, 0),
            _ => self.push(Code::Copy, to, Arg::K(NULL), Arg::None, 0),
        };
        self.fault(Fault::HostError)?;
        self.fault(Fault::NumberOutOfRange)
    }

    /// A truth column that meets words becomes words.
    fn words(&mut self, arg: Arg) -> Result<Arg, Unsupported> {
        if !matches!(arg, Arg::Bits(_)) {
            return Ok(arg);
        }
        if self.flat.columns >= MAX_LANE_COLUMNS {
            return Err(Unsupported::TooLarge);
        }
        let cost = core::mem::take(&mut self.cost);
        let to = Arg::Word(self.flat.columns);
        self.flat.columns += 1;
        self.push(Code::Widen, to, arg, Arg::None, 0);
        self.cost = cost;
        Ok(to)
    }

    fn equal(&mut self, f: &Function, instr: Instr, to: Arg, b: Arg, c: Arg) -> Result<(), Unsupported> {
        let not = if instr.op == Op::Ne { NEGATED } else { 0 };
        let (ty, null) = compared(self.p, f, instr);
        let both = |test: fn(&Arg) -> bool| test(&b) && test(&c);
        if null {
            let (b, c) = (self.words(b)?, self.words(c)?);
            self.push(Code::Same, to, b, c, not);
        } else if ty.is_array() {
            return Err(Unsupported::Arrays);
        } else if ty.base() == Base::Trust {
            self.push(Code::SameSix, to, b, c, not);
        } else if ty.base() == Base::Text {
            let nullable = if ty.is_optional() { NULLABLE } else { 0 };
            self.push(Code::SameText, to, b, c, not | nullable);
        } else if ty.base() == Base::Bool && both(|arg| matches!(arg, Arg::Bits(_) | Arg::K(0 | 1))) {
            self.push(Code::SameTruth, to, b, c, not);
        } else if ty.base() == Base::Number {
            let code = match (ty.is_optional(), not) {
                (true, _) => Code::SameNumber,
                (false, 0) => Code::Equal,
                (false, _) => Code::NotEqual,
            };
            self.push(code, to, b, c, not);
        } else {
            let (b, c) = (self.words(b)?, self.words(c)?);
            self.push(Code::Same, to, b, c, not);
        }
        Ok(())
    }

    fn contains(&mut self, f: &Function, instr: Instr, to: Arg, b: Arg, c: Arg) -> Result<(), Unsupported> {
        let register = |r: u16| f.registers.get(usize::from(r)).copied().unwrap_or(Ty::UNIT);
        let elem = match instr.x & CONST_C {
            0 => register(instr.c).elem().unwrap_or(Ty::UNIT),
            _ => register(instr.b),
        };
        if elem.is_array() || elem.base() == Base::Trust || matches!(b, Arg::Six(_) | Arg::KSix(_)) {
            return Err(Unsupported::Arrays);
        }
        // Where the elements are no numbers and known, they are looked up.
        let mut list = 0;
        if let (Arg::K(array), false) = (c, elem.base() == Base::Number) {
            let mut words = self.flat.arrays.items(array).to_vec();
            words.sort_unstable();
            words.dedup();
            self.flat.lists.push(words);
            list = (self.flat.lists.len() as u32) << 8;
        }
        let b = self.words(b)?;
        let kind = match elem.base() {
            Base::Number => OF_NUMBERS,
            Base::Text => OF_TEXTS,
            _ => 0,
        };
        // Whether a list holds what is the same in every lane is found out once for each distinct list: a table for each such
        // instruction.
        let memo = match c {
            Arg::Word(_) => self.memo(instr.op, kind as u8, self.memos.len() as u64),
            _ => list,
        };
        self.push(Code::Contains, to, b, c, kind | memo);
        Ok(())
    }
}

/// The type that `==` compares, and whether one side is the constant null.
fn compared(p: &Program, f: &Function, instr: Instr) -> (Ty, bool) {
    let register = |r: u16| f.registers.get(usize::from(r)).copied().unwrap_or(Ty::UNIT);
    let is_null = |k: u16| p.constants.get(usize::from(k)) == Some(&Value::Null);
    if instr.x & CONST_B != 0 {
        (register(instr.c), is_null(instr.b))
    } else if instr.x & CONST_C != 0 {
        (register(instr.b), is_null(instr.c))
    } else {
        let (b, c) = (register(instr.b), register(instr.c));
        (if b.is_optional() { b } else { c }, false)
    }
}

/// Layer and units that do not depend on sizes. Loading `trust` costs by where it comes from.
fn cost(instr: Instr) -> (u8, u32) {
    match instr.op.info().gas {
        GasRule::Fixed(GasLayer::Network, n) => (super::gas::NETWORK as u8, n),
        GasRule::Fixed(GasLayer::Storage, n) => (super::gas::STORAGE as u8, n),
        GasRule::Fixed(_, n) => (super::gas::COMPUTE as u8, n),
        GasRule::Text | GasRule::Equal | GasRule::Search => (super::gas::COMPUTE as u8, 1),
        _ => (super::gas::COMPUTE as u8, 0),
    }
}
