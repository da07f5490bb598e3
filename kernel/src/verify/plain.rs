//! The short way through V2 and V3: most instructions name registers and constants of plain types, and one byte for
//! each operand says which. What is not certain to be sound here, `operands` looks at by the table; it alone refuses.

use super::constants::Facts;
use super::operands::effect;
use crate::isa::{CONST_B, CONST_C, Instr, NO_CONST, Op, OpInfo, Role, Sig, X};
use crate::program::{EffectKind, Function, Program, StdInput};
use crate::types::{Base, Ty};
use smallvec::SmallVec;

/// Bases of registers or constants.
pub(super) type Bases = SmallVec<[u8; 64]>;

/// The base of what is not plain: optional, an array, null, no value.
const OTHER: u8 = 0;
/// In what is wanted of an operand: the base of a register, or of a constant where x says so.
const BASE: u8 = 0x0F;
/// The operand must be 0.
const NOTHING: u8 = 0x10;
const TARGET: u8 = 0x20;
const OPT_TEXT: u8 = 0x30;
/// Plain, whichever base.
const ANY: u8 = 0x40;
/// The opcode is not for the short way.
const NOT_PLAIN: u8 = 0x50;

const fn base(base: Base) -> u8 {
    match base {
        Base::Unit => OTHER,
        _ => base as u8 + 1,
    }
}

/// The base of a type that is plain.
#[inline]
fn of(ty: Ty) -> u8 {
    if ty.is_plain() { base(ty.base()) } else { OTHER }
}

pub(super) fn of_constants(facts: &[Facts]) -> Bases {
    facts.iter().map(|facts| facts.plain.map_or(OTHER, base)).collect()
}

/// What an opcode asks for beyond its operands one by one.
#[derive(Clone, Copy)]
enum Rule {
    Nothing,
    /// a and b are alike.
    SameAB,
    /// b and c are alike, and not both constant.
    SameBC,
    /// a is of the function's result.
    Result,
    /// a is of the standard input's type, which the program mentions.
    Std,
}

/// What an opcode asks for.
#[derive(Clone, Copy)]
struct Wanted {
    operands: [u8; 3],
    /// The bits of x that say that an operand is a constant.
    flags: u8,
    /// The greatest value of x.
    most: u8,
    effect: EffectKind,
    rule: Rule,
}

/// By opcode.
static WANTED: [Wanted; 256] = {
    let none = Wanted {
        operands: [NOT_PLAIN; 3],
        flags: 0,
        most: 0,
        effect: EffectKind::Write,
        rule: Rule::Nothing,
    };
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
    let (any, rule) = match line.op {
        Op::Const | Op::Move => (ANY, Rule::SameAB),
        Op::Eq | Op::Ne => (ANY, Rule::SameBC),
        Op::Return => (ANY, Rule::Result),
        Op::Std => (ANY, Rule::Std),
        _ => (NOT_PLAIN, Rule::Nothing),
    };
    let [a, b, c] = line.operands;
    let (flags, most) = match line.x {
        X::Zero => (0, 0),
        X::Flags => (flag(b, CONST_B) | flag(c, CONST_C), flag(b, CONST_B) | flag(c, CONST_C)),
        X::Component => (0, 5),
        X::Std => (0, StdInput::ALL.len() as u8 - 1),
    };
    let operands = [operand(a, any), operand(b, any), operand(c, any)];
    Wanted { operands, flags, most, effect: effect(line.op), rule }
}

const fn flag(role: Role, flag: u8) -> u8 {
    if matches!(role, Role::V(_)) { flag } else { 0 }
}

const fn operand(role: Role, any: u8) -> u8 {
    match role {
        Role::None => NOTHING,
        Role::Target => TARGET,
        Role::OptText => OPT_TEXT,
        Role::K => any,
        Role::W(sig) | Role::R(sig) | Role::RW(sig) | Role::V(sig) => match sig {
            Sig::N => base(Base::Number),
            Sig::B => base(Base::Bool),
            Sig::S => base(Base::Text),
            Sig::D => base(Base::Did),
            Sig::T => base(Base::Trust),
            Sig::Any => any,
            _ => NOT_PLAIN,
        },
        _ => NOT_PLAIN,
    }
}

/// A function whose instructions are looked at.
pub(super) struct Plain<'p> {
    p: &'p Program,
    start: u32,
    end: u32,
    result: u8,
    /// Of its registers.
    registers: &'p [u8],
    constants: &'p [u8],
}

impl<'p> Plain<'p> {
    /// Looks at `f`; `registers` is room for the bases of its registers.
    pub(super) fn new(
        p: &'p Program,
        f: &Function,
        registers: &'p mut Bases,
        constants: &'p [u8],
    ) -> Plain<'p> {
        registers.clear();
        registers.extend(f.registers.iter().map(|ty| of(*ty)));
        Plain { p, start: f.start, end: f.end, result: of(f.result), registers, constants }
    }

    /// Whether an instruction is certain to hold V2, V3 and its part of V6.
    #[inline(always)]
    pub(super) fn is_sound(&self, instr: Instr) -> bool {
        let Some(wanted) = WANTED.get(instr.op as usize) else { return false };
        let [a, b, c] = wanted.operands;
        let Instr { x, .. } = instr;
        let constant = x & wanted.flags;
        // No opcode takes a constant in c alone, so that its flags are the numbers up to the greatest.
        x <= wanted.most
            && wanted.effect <= self.p.effect
            && self.operand(a, instr.a, self.registers)
            && self.operand(b, instr.b, self.table(constant & CONST_B))
            && self.operand(c, instr.c, self.table(constant & CONST_C))
            && match wanted.rule {
                Rule::Nothing => true,
                rule => self.rule(rule, instr),
            }
    }

    #[inline(always)]
    fn table(&self, constant: u8) -> &[u8] {
        if constant != 0 { self.constants } else { self.registers }
    }

    /// Whether an operand is what is wanted; `table` has the bases of what it names.
    #[inline(always)]
    fn operand(&self, wanted: u8, raw: u16, table: &[u8]) -> bool {
        if wanted & BASE != 0 {
            return at(table, raw) == wanted;
        }
        match wanted {
            NOTHING => raw == 0,
            TARGET => (self.start..self.end).contains(&u32::from(raw)),
            OPT_TEXT => raw == NO_CONST || at(self.constants, raw) == base(Base::Text),
            // The rule looks at it.
            ANY => true,
            _ => false,
        }
    }

    #[inline(never)]
    fn rule(&self, rule: Rule, instr: Instr) -> bool {
        let Instr { op, x, a, b, c } = instr;
        let (left, right) = match rule {
            Rule::Nothing => return true,
            Rule::SameAB => (at(self.registers, a), at(self.table(u8::from(op == Op::Const)), b)),
            Rule::SameBC if x == CONST_B | CONST_C => return false,
            Rule::SameBC => (at(self.table(x & CONST_B), b), at(self.table(x & CONST_C), c)),
            Rule::Result => (at(self.registers, a), self.result),
            Rule::Std => match StdInput::ALL.get(usize::from(x)) {
                Some(std) if self.p.mentions(*std) => (at(self.registers, a), of(std.ty())),
                _ => return false,
            },
        };
        left == right && left != OTHER
    }
}

/// The base of a register or a constant; where there is none, none that is plain.
#[inline(always)]
fn at(table: &[u8], raw: u16) -> u8 {
    table.get(usize::from(raw)).copied().unwrap_or(OTHER)
}
