//! V2 (operands), V3 (types) and V6 (effects, mentions) of one instruction.

use super::Violation;
use super::constants::Facts;
use crate::isa::{CONST_B, CONST_C, Instr, NO_CONST, Op, Role, Sig, X};
use crate::program::{EffectKind, Function, Program, StdInput};
use crate::types::{Base, Ty};
use crate::value::Value;

/// Whether the instruction holds V2, V3 and what V6 says of effects and mentions.
pub(super) fn check(p: &Program, facts: &[Facts], f: &Function, instr: Instr) -> Result<(), Violation> {
    View { p, facts, f, instr }.check()
}

/// The least effect that a program with this instruction has. `log` is no effect: it goes to the receipt.
pub(super) const fn effect(op: Op) -> EffectKind {
    match op {
        Op::StorePut | Op::StoreDelete | Op::UpdateTrust | Op::CastVote | Op::Emit => EffectKind::Write,
        Op::LoadTrust
        | Op::HasCredential
        | Op::ResolveDid
        | Op::GetBalance
        | Op::IsMember
        | Op::GetMetric => EffectKind::Read,
        Op::MemberCount | Op::RealmThreshold | Op::StoreGetText | Op::StoreGetNumber | Op::StoreGetBool => {
            EffectKind::Read
        }
        Op::CrossRealm => EffectKind::Read,
        _ => EffectKind::Pure,
    }
}

struct View<'p> {
    p: &'p Program,
    /// Of the constants.
    facts: &'p [Facts],
    f: &'p Function,
    instr: Instr,
}

/// What stands at an operand: a register's type or a constant's value.
#[derive(Clone, Copy)]
enum At<'p> {
    Register(Ty),
    Constant(&'p Facts),
}

impl At<'_> {
    fn is(self, ty: Ty) -> bool {
        match self {
            At::Register(t) => t == ty,
            At::Constant(v) => v.is_of(ty),
        }
    }
}

impl<'p> View<'p> {
    fn register(&self, r: u16) -> Result<Ty, Violation> {
        self.f.registers.get(usize::from(r)).copied().ok_or(Violation::Register)
    }
    fn constant(&self, k: u16) -> Result<&'p Value, Violation> {
        self.p.constants.get(usize::from(k)).ok_or(Violation::Constant)
    }
    fn facts(&self, k: u16) -> Result<&'p Facts, Violation> {
        self.facts.get(usize::from(k)).ok_or(Violation::Constant)
    }
    fn at(&self, index: usize) -> Result<At<'p>, Violation> {
        let role = *self.instr.op.info().operands.get(index).ok_or(Violation::Operand)?;
        let raw = self.instr.operand(index);
        if self.instr.is_const(index, role) {
            self.facts(raw).map(At::Constant)
        } else {
            self.register(raw).map(At::Register)
        }
    }

    fn check(&self) -> Result<(), Violation> {
        let info = self.instr.op.info();
        let x_sound = match info.x {
            X::Zero => self.instr.x == 0,
            X::Flags => {
                let allowed = |i: usize| matches!(info.operands.get(i), Some(Role::V(_)));
                let mask = u8::from(allowed(1)) | u8::from(allowed(2)) << 1;
                self.instr.x & !mask == 0
            }
            X::Component => self.instr.x < 6,
            X::Std => StdInput::ALL.get(usize::from(self.instr.x)).is_some(),
        };
        if !x_sound {
            return Err(Violation::Operand);
        }
        if effect(self.instr.op) > self.p.effect {
            return Err(Violation::Effect);
        }
        let (Instr { x, a, b, c, .. }, [first, second, third]) = (self.instr, info.operands);
        self.operand(first, a, false)?;
        self.operand(second, b, x & CONST_B != 0)?;
        self.operand(third, c, x & CONST_C != 0)?;
        self.rule()
    }

    /// Checks an operand, which is `raw`; `flagged` says whether x makes it a constant, if it may be one.
    #[inline(always)]
    fn operand(&self, role: Role, raw: u16, flagged: bool) -> Result<(), Violation> {
        match role {
            Role::None => (raw == 0).then_some(()).ok_or(Violation::Operand),
            Role::V(sig) if flagged => {
                let at = At::Constant(self.facts(raw)?);
                matches_sig(at, sig).then_some(()).ok_or(Violation::Type)
            }
            Role::W(sig) | Role::R(sig) | Role::RW(sig) | Role::V(sig) => {
                register_is(self.register(raw)?, sig).then_some(()).ok_or(Violation::Type)
            }
            Role::Args(n, sig) => {
                for i in 0..u16::from(n) {
                    let ty = self.register(raw.checked_add(i).ok_or(Violation::Register)?)?;
                    if !register_is(ty, sig) {
                        return Err(Violation::Type);
                    }
                }
                Ok(())
            }
            Role::K => self.constant(raw).map(|_| ()),
            Role::OptText => match raw {
                NO_CONST => Ok(()),
                raw => match self.constant(raw)? {
                    Value::Text(_) => Ok(()),
                    _ => Err(Violation::Type),
                },
            },
            Role::Target => {
                let range = self.f.start..self.f.end;
                range.contains(&u32::from(raw)).then_some(()).ok_or(Violation::Target)
            }
            // The body is not a function that can be called.
            Role::Func => (raw > 0 && usize::from(raw) < self.p.functions.len())
                .then_some(())
                .ok_or(Violation::Function),
            Role::Elements | Role::Count | Role::CallArgs => Ok(()),
        }
    }

    /// What the opcode asks beyond each operand by itself.
    fn rule(&self) -> Result<(), Violation> {
        let Instr { op, x, a, b, c } = self.instr;
        let sound = match op {
            Op::Const => self.facts(b)?.is_of(self.register(a)?),
            Op::Move => self.register(b)?.fits(self.register(a)?),
            Op::Unwrap => {
                let (to, from) = (self.register(a)?, self.register(b)?);
                from.is_optional() && from.required() == to
            }
            Op::Std => match StdInput::ALL.get(usize::from(x)) {
                Some(std) if !self.p.mentions(*std) => return Err(Violation::Mentions),
                Some(std) => self.register(a)? == std.ty(),
                None => false,
            },
            Op::BrNull | Op::BrSome => self.register(a)?.is_optional(),
            Op::Return => self.register(a)?.fits(self.f.result),
            Op::Elem => self.register(b)?.elem() == Some(self.register(a)?),
            Op::Index => {
                let to = self.register(a)?;
                match self.at(1)? {
                    At::Register(ty) => ty.elem() == Some(to),
                    At::Constant(v) => to.array().is_some_and(|ty| v.is_of(ty)),
                }
            }
            Op::ArrayLit => {
                let ty = self.register(a)?;
                let elem = ty.elem().filter(|_| !ty.is_optional()).ok_or(Violation::Type)?;
                let end = b.checked_add(c).ok_or(Violation::Register)?;
                if usize::from(end) > self.f.registers.len() {
                    return Err(Violation::Register);
                }
                self.f
                    .registers
                    .get(usize::from(b)..usize::from(end))
                    .unwrap_or(&[])
                    .iter()
                    .all(|t| t.fits(elem))
            }
            Op::Eq | Op::Ne => match (self.at(1)?, self.at(2)?) {
                (At::Register(l), At::Register(r)) => l.required() == r.required(),
                (At::Register(l), At::Constant(v)) | (At::Constant(v), At::Register(l)) => v.is_of(l.opt()),
                // Two constants fold.
                (At::Constant(_), At::Constant(_)) => false,
            },
            Op::Contains => match (self.at(1)?, self.at(2)?) {
                (At::Register(e), At::Register(arr)) => arr.elem().is_some_and(|t| e.fits(t)),
                (At::Register(e), At::Constant(v)) => {
                    e.array().is_some_and(|t| v.is_of(t))
                        || (!e.is_optional() && e.opt().array().is_some_and(|t| v.is_of(t)))
                }
                (At::Constant(v), At::Register(arr)) => arr.elem().is_some_and(|t| v.is_of(t)),
                (At::Constant(_), At::Constant(_)) => false,
            },
            Op::Call => {
                let callee = self.p.functions.get(usize::from(b)).ok_or(Violation::Function)?;
                let end = usize::from(c) + usize::from(callee.params);
                if end > self.f.registers.len() {
                    return Err(Violation::Register);
                }
                let args = self.f.registers.get(usize::from(c)..end).unwrap_or(&[]);
                args.iter().zip(&callee.registers).all(|(arg, param)| arg.fits(*param))
                    && callee.result.fits(self.register(a)?)
            }
            Op::StorePut => [Ty::TEXT, Ty::NUMBER, Ty::BOOL]
                .into_iter()
                .any(|ty| matches!(self.at(2), Ok(at) if at.is(ty))),
            Op::Emit => matches!(self.constant(b)?, Value::Text(_)),
            _ => true,
        };
        sound.then_some(()).ok_or(Violation::Type)
    }
}

/// What [`matches_sig`] says of a register, most of which are of a plain type.
#[inline(always)]
fn register_is(ty: Ty, sig: Sig) -> bool {
    let base = match sig {
        Sig::N => Base::Number,
        Sig::B => Base::Bool,
        Sig::S => Base::Text,
        Sig::D => Base::Did,
        Sig::T => Base::Trust,
        _ => return matches_sig(At::Register(ty), sig),
    };
    ty == Ty::of(base)
}

#[inline(never)]
fn matches_sig(at: At<'_>, sig: Sig) -> bool {
    match sig {
        Sig::N => at.is(Ty::NUMBER),
        Sig::B => at.is(Ty::BOOL),
        Sig::S => at.is(Ty::TEXT),
        Sig::D => at.is(Ty::DID),
        Sig::T => at.is(Ty::TRUST),
        Sig::OptN => at.is(Ty::NUMBER.opt()),
        Sig::OptS => at.is(Ty::TEXT.opt()),
        Sig::OptB => at.is(Ty::BOOL.opt()),
        Sig::Nums => Ty::NUMBER.array().is_some_and(|ty| at.is(ty)),
        Sig::Array => match at {
            At::Register(ty) => ty.is_array() && !ty.is_optional(),
            At::Constant(v) => v.is_array(),
        },
        Sig::Any => match at {
            At::Register(ty) => ty.base() != Base::Unit,
            At::Constant(_) => true,
        },
    }
}
