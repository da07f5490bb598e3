//! What each portable instruction becomes.

use super::Flattener;
use crate::fault::{Exhaustion, Fault, Outcome};
use crate::gas::GasLayer;
use crate::isa::{CONST_B, CONST_C, GasRule, Instr, NO_CONST, Op};
use crate::lanes::columns::{Arg, NULL};
use crate::lanes::gas;
use crate::lanes::plan::{Code, NEGATED, NULLABLE, OF_NUMBERS, OF_TEXTS, TO_TRUTH, Unsupported};
use crate::limits::MAX_LANE_COLUMNS;
use crate::program::{Function, Program, StdInput};
use crate::types::{Base, Ty};
use crate::value::Value;

impl<'p> Flattener<'p> {
    pub(super) fn instruction(
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
        GasRule::Fixed(GasLayer::Network, n) => (gas::NETWORK as u8, n),
        GasRule::Fixed(GasLayer::Storage, n) => (gas::STORAGE as u8, n),
        GasRule::Fixed(_, n) => (gas::COMPUTE as u8, n),
        GasRule::Text | GasRule::Equal | GasRule::Search => (gas::COMPUTE as u8, 1),
        _ => (gas::COMPUTE as u8, 0),
    }
}
