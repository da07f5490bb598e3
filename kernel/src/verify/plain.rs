//! The short way through V2 and V3: most instructions name registers and constants of plain types, and one byte for
//! each operand says which. What is not certain to be sound here, `operands` looks at by the table; it alone refuses.

use super::operands::effect;
use crate::isa::{CONST_B, CONST_C, Instr, NO_CONST, Op, OpInfo, Role, Sig, X};
use crate::program::{EffectKind, Function, Program};
use crate::types::{Base, Ty};

/// The base of what is not plain: optional, an array, null.
pub(super) const OTHER: u8 = 0;
/// Of an operand: it must be 0.
const NOTHING: u8 = 0x10;
const TARGET: u8 = 0x11;
const OPT_TEXT: u8 = 0x12;
/// The opcode is not for the short way.
const NOT_PLAIN: u8 = 0x13;
/// With a base: a constant, where x says so.
const MAY_BE_CONSTANT: u8 = 0x80;

pub(super) const fn base(base: Base) -> u8 {
    base as u8 + 1
}

/// The base of a type that is plain.
#[inline]
pub(super) fn of(ty: Ty) -> u8 {
    let plain = base(ty.base());
    if ty == Ty::of(ty.base()) { plain } else { OTHER }
}

/// What an opcode asks for.
#[derive(Clone, Copy)]
struct Wanted {
    operands: [u8; 3],
    /// Bits that x may have, and its greatest value.
    x: (u8, u8),
    effect: EffectKind,
}

/// By opcode.
static WANTED: [Wanted; 256] = {
    let none = Wanted { operands: [NOT_PLAIN; 3], x: (0, 0), effect: EffectKind::Write };
    let mut out = [none; 256];
    let mut lines = Op::TABLE;
    while let Some((line, rest)) = lines.split_first() {
        if let Some((slot, _)) = out.split_at_mut(line.op as usize).1.split_first_mut() {
            *slot = wanted(line);
        }
        lines = rest;
    }
    out
};

const fn wanted(line: &OpInfo) -> Wanted {
    let [a, b, c] = line.operands;
    let flags = flag(b, CONST_B) | flag(c, CONST_C);
    let (operands, x) = match line.x {
        X::Zero => ([operand(a), operand(b), operand(c)], (0, 0)),
        X::Flags => ([operand(a), operand(b), operand(c)], (flags, flags)),
        X::Component => ([operand(a), operand(b), operand(c)], (7, 5)),
        X::Std => ([NOT_PLAIN; 3], (0, 0)),
    };
    Wanted { operands, x, effect: effect(line.op) }
}

const fn flag(role: Role, flag: u8) -> u8 {
    if matches!(role, Role::V(_)) { flag } else { 0 }
}

const fn operand(role: Role) -> u8 {
    match role {
        Role::None => NOTHING,
        Role::Target => TARGET,
        Role::OptText => OPT_TEXT,
        Role::W(sig) | Role::R(sig) | Role::RW(sig) => of_sig(sig),
        Role::V(sig) => match of_sig(sig) {
            NOT_PLAIN => NOT_PLAIN,
            plain => plain | MAY_BE_CONSTANT,
        },
        _ => NOT_PLAIN,
    }
}

const fn of_sig(sig: Sig) -> u8 {
    match sig {
        Sig::N => base(Base::Number),
        Sig::B => base(Base::Bool),
        Sig::S => base(Base::Text),
        Sig::D => base(Base::Did),
        Sig::T => base(Base::Trust),
        _ => NOT_PLAIN,
    }
}

/// A function whose instructions are looked at.
pub(super) struct Plain<'p> {
    pub(super) p: &'p Program,
    pub(super) f: &'p Function,
    /// Of its registers.
    pub(super) registers: &'p [u8],
    pub(super) constants: &'p [u8],
}

impl Plain<'_> {
    /// Whether an instruction is certain to hold V2, V3 and its part of V6.
    #[inline]
    pub(super) fn is_sound(&self, instr: Instr) -> bool {
        let Some(Wanted { operands: [a, b, c], x: (bits, most), effect }) = WANTED.get(instr.op as usize)
        else {
            return false;
        };
        instr.x & !bits == 0
            && instr.x <= *most
            && *effect <= self.p.effect
            && self.operand(*a, instr.a, 0)
            && self.operand(*b, instr.b, instr.x & CONST_B)
            && self.operand(*c, instr.c, instr.x & CONST_C)
    }

    #[inline(always)]
    fn operand(&self, wanted: u8, raw: u16, constant: u8) -> bool {
        let at = usize::from(raw);
        match wanted {
            NOTHING => raw == 0,
            TARGET => (self.f.start..self.f.end).contains(&u32::from(raw)),
            OPT_TEXT => raw == NO_CONST || self.constants.get(at) == Some(&base(Base::Text)),
            NOT_PLAIN => false,
            wanted if constant != 0 && wanted & MAY_BE_CONSTANT != 0 => {
                self.constants.get(at) == Some(&(wanted & !MAY_BE_CONSTANT))
            }
            wanted => self.registers.get(at) == Some(&(wanted & !MAY_BE_CONSTANT)),
        }
    }
}
