//! How large the operands of size-priced instructions can be.
//!
//! A register's size is that of its last write within the same straight run of code, else the largest of all its writes
//! in the function. Inputs, arguments and results of calls are as large as values may be. In functions with loops, a
//! register that is written more than once is, too.

use super::constants::Facts;
use super::jumps::Targets;
use crate::isa::{Instr, Op, Role};
use crate::limits::{MAX_ARRAY_ELEMENTS, MAX_TEXT_BYTES};
use crate::program::{Function, Program};
use crate::types::{Base, Ty};
use crate::value::Value;

/// Upper bounds of one value.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Size {
    /// Bytes of the strings in it.
    pub(super) text: u64,
    /// Elements, nested ones counted.
    pub(super) elements: u64,
    /// Bytes as `emit` and `store_put` count them.
    pub(super) bytes: u64,
}

/// Sizes of operands b and c of one instruction.
#[derive(Clone, Copy, Default)]
pub(super) struct Operands {
    pub(super) b: Size,
    pub(super) c: Size,
}

/// What is known of one register.
#[derive(Clone, Copy, Default)]
struct Register {
    /// Its last write, and the straight run that it was in.
    last: Size,
    run: u32,
    /// How often it is written; counted in functions with loops only.
    writes: u32,
    /// The largest of its writes so far.
    largest: Size,
}

/// Sizes on the way through a function, in code order.
pub(super) struct Sizes<'f> {
    p: &'f Program,
    facts: &'f [Facts],
    f: &'f Function,
    targets: Targets<'f>,
    registers: Vec<Register>,
    loops: bool,
    /// The number of the straight run.
    run: u32,
}

impl Size {
    /// Of a value of a base that has so many bytes.
    pub(super) fn plain(base: Base, bytes: u64) -> Size {
        Size { text: if base == Base::Text { bytes } else { 0 }, elements: 0, bytes }
    }
    fn largest(ty: Ty) -> Size {
        let one = match ty.base() {
            Base::Number => (0, 8),
            Base::Bool => (0, 1),
            Base::Text => (MAX_TEXT_BYTES as u64, MAX_TEXT_BYTES as u64),
            Base::Did => (0, MAX_TEXT_BYTES as u64),
            Base::Trust => (0, 48),
            Base::Unit => (0, 0),
        };
        if ty.is_array() {
            let n = MAX_ARRAY_ELEMENTS as u64;
            Size { text: one.0 * n, elements: n, bytes: one.1 * n }
        } else {
            Size { text: one.0, elements: 0, bytes: one.1 }
        }
    }
    fn max(self, o: Size) -> Size {
        Size {
            text: self.text.max(o.text),
            elements: self.elements.max(o.elements),
            bytes: self.bytes.max(o.bytes),
        }
    }
}

/// Whether all values of a type are of one size: such registers need no watching.
#[inline]
fn is_fixed(ty: Ty) -> bool {
    ty.is_plain() && matches!(ty.base(), Base::Number | Base::Bool | Base::Trust)
}

/// Whether `==` compares what has sizes.
pub(super) fn compares_sized(p: &Program, f: &Function, instr: Instr) -> bool {
    compared(p, f, instr).is_some_and(|ty| ty.is_array() || ty.base() == Base::Text)
}

impl<'f> Sizes<'f> {
    pub(super) fn new(
        p: &'f Program,
        facts: &'f [Facts],
        f: &'f Function,
        code: &[Instr],
        targets: Targets<'f>,
        loops: bool,
    ) -> Sizes<'f> {
        let mut registers = vec![Register::default(); f.registers.len()];
        for (slot, ty) in registers.iter_mut().zip(&f.registers).take(usize::from(f.params)) {
            slot.largest = Size::largest(*ty);
        }
        if loops {
            for r in code.iter().filter_map(|instr| instr.written()) {
                if let Some(register) = registers.get_mut(usize::from(r)) {
                    register.writes += 1;
                }
            }
        }
        Sizes { p, facts, f, targets, registers, loops, run: 1 }
    }

    fn ty(&self, r: u16) -> Ty {
        self.f.registers.get(usize::from(r)).copied().unwrap_or(Ty::UNIT)
    }

    /// The size of what a register holds here.
    fn register(&self, r: u16) -> Size {
        let Some(register) = self.registers.get(usize::from(r)) else { return Size::default() };
        // In a loop a later write may come before an earlier read.
        let ty = self.ty(r);
        if is_fixed(ty) || (self.loops && register.writes > 1) {
            return Size::largest(ty);
        }
        if register.run == self.run { register.last } else { register.largest }
    }

    /// The size of operand `index`.
    fn operand(&self, instr: Instr, index: usize) -> Size {
        let role = instr.op.info().operands.get(index).copied().unwrap_or(Role::None);
        let raw = instr.operand(index);
        match role {
            Role::V(_) if !instr.is_const(index, role) => self.register(raw),
            Role::R(_) => self.register(raw),
            Role::V(_) | Role::K => {
                let at = usize::from(raw);
                let constant = self.facts.get(at).zip(self.p.constants.get(at));
                constant.map(|(facts, value)| facts.size(value)).unwrap_or_default()
            }
            _ => Size::default(),
        }
    }

    /// Sizes of operands b and c of the next instruction, which is at `pc`, if its price is `sized`.
    #[inline]
    pub(super) fn step(&mut self, pc: usize, instr: Instr, sized: bool) -> Operands {
        self.run += u32::from(self.targets.is_target(pc));
        let writes = instr.written().filter(|r| !is_fixed(self.ty(*r)));
        if sized || writes.is_some() { self.measure(instr, writes, sized) } else { Operands::default() }
    }

    #[inline(never)]
    fn measure(&mut self, instr: Instr, writes: Option<u16>, sized: bool) -> Operands {
        let passes = matches!(instr.op, Op::Const | Op::Move | Op::Unwrap | Op::Concat | Op::MakeDid);
        let at = if passes || sized {
            Operands { b: self.operand(instr, 1), c: self.operand(instr, 2) }
        } else {
            Operands::default()
        };
        let Some(written) = writes else { return at };
        let size = match instr.op {
            Op::Const | Op::Move | Op::Unwrap => at.b,
            Op::Concat => {
                let text = (at.b.text + at.c.text).min(MAX_TEXT_BYTES as u64);
                Size { text, elements: 0, bytes: text }
            }
            Op::MakeDid => Size { text: 0, elements: 0, bytes: at.b.text },
            Op::ArrayLit => (instr.b..instr.b.saturating_add(instr.c)).map(|r| self.register(r)).fold(
                Size { text: 0, elements: u64::from(instr.c), bytes: 0 },
                |sum, s| Size {
                    text: sum.text.saturating_add(s.text),
                    elements: sum.elements.saturating_add(s.elements),
                    bytes: sum.bytes.saturating_add(s.bytes),
                },
            ),
            _ => Size::largest(self.ty(written)),
        };
        if let Some(register) = self.registers.get_mut(usize::from(written)) {
            register.last = size;
            register.run = self.run;
            register.largest = register.largest.max(size);
        }
        at
    }
}

/// The type that `==` compares; None where a side is the constant null.
pub(super) fn compared(p: &Program, f: &Function, instr: Instr) -> Option<Ty> {
    let [_, role_b, role_c] = instr.op.info().operands;
    let side = |index: usize, role: Role| {
        let raw = usize::from(instr.operand(index));
        if instr.is_const(index, role) {
            Err(p.constants.get(raw) == Some(&Value::Null))
        } else {
            Ok(f.registers.get(raw).copied())
        }
    };
    match (side(1, role_b), side(2, role_c)) {
        (Err(true), _) | (_, Err(true)) => None,
        (Ok(ty), _) | (_, Ok(ty)) => ty,
        _ => None,
    }
}
