//! How large the operands of size-priced instructions can be.
//!
//! A register's size is that of its last write within the same straight run of code, else the largest of all its writes
//! in the function. Inputs, arguments and results of calls are as large as values may be. In functions with loops, a
//! register that is written more than once is, too.

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

pub(super) struct Sizes<'f> {
    f: &'f Function,
    operands: Vec<Operands>,
}

impl Size {
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
    fn of(value: &Value) -> Size {
        Size { text: value.text_bytes(), elements: value.elements(), bytes: value.bytes() }
    }
    fn max(self, o: Size) -> Size {
        Size {
            text: self.text.max(o.text),
            elements: self.elements.max(o.elements),
            bytes: self.bytes.max(o.bytes),
        }
    }
}

impl<'f> Sizes<'f> {
    pub(super) fn of(p: &Program, f: &'f Function, code: &[Instr]) -> Sizes<'f> {
        let sized = |instr: &Instr| {
            use crate::isa::GasRule::{Equal, Event, Put, Search, Text};
            matches!(instr.op.info().gas, Text | Equal | Search | Put | Event)
        };
        if !code.iter().any(sized) {
            return Sizes { f, operands: Vec::new() };
        }
        let start = f.start as usize;
        let mut is_target = vec![false; code.len()];
        let mut loops = false;
        let mut writes = vec![0u32; f.registers.len()];
        for (i, instr) in code.iter().enumerate() {
            if let Some(target) = instr.target().map(|t| usize::from(t) - start) {
                loops |= target <= i;
                if let Some(slot) = is_target.get_mut(target) {
                    *slot = true;
                }
            }
            if let Some(count) = instr.written().and_then(|r| writes.get_mut(usize::from(r))) {
                *count += 1;
            }
        }
        // Largest over all writes, and the last write with the number of its straight run.
        let mut largest: Vec<Size> = f.registers.iter().map(|_| Size::default()).collect();
        for (slot, ty) in largest.iter_mut().zip(&f.registers).take(usize::from(f.params)) {
            *slot = Size::largest(*ty);
        }
        let mut last: Vec<(u32, Size)> = vec![(0, Size::default()); f.registers.len()];
        let mut run = 1u32;
        let mut operands = Vec::with_capacity(code.len());
        for (i, instr) in code.iter().enumerate() {
            if is_target.get(i) == Some(&true) {
                run += 1;
            }
            // In a loop a later write may come before an earlier read.
            let many = |r: u16| loops && writes.get(usize::from(r)).is_some_and(|n| *n > 1);
            let register = |r: u16| match last.get(usize::from(r)) {
                _ if many(r) => {
                    f.registers.get(usize::from(r)).map(|ty| Size::largest(*ty)).unwrap_or_default()
                }
                Some((at, size)) if *at == run => *size,
                _ => largest.get(usize::from(r)).copied().unwrap_or_default(),
            };
            let operand = |index: usize| {
                let role = instr.op.info().operands.get(index).copied().unwrap_or(Role::None);
                let raw = instr.operand(index);
                match role {
                    Role::V(_) if !instr.is_const(index, role) => register(raw),
                    Role::R(_) => register(raw),
                    Role::V(_) | Role::K => {
                        p.constants.get(usize::from(raw)).map(Size::of).unwrap_or_default()
                    }
                    _ => Size::default(),
                }
            };
            let at = Operands { b: operand(1), c: operand(2) };
            operands.push(at);
            let Some(written) = instr.written() else { continue };
            let ty = f.registers.get(usize::from(written)).copied().unwrap_or(Ty::UNIT);
            let size = match instr.op {
                Op::Const | Op::Move | Op::Unwrap => at.b,
                Op::Concat => {
                    let text = (at.b.text + at.c.text).min(MAX_TEXT_BYTES as u64);
                    Size { text, elements: 0, bytes: text }
                }
                Op::MakeDid => Size { text: 0, elements: 0, bytes: at.b.text },
                Op::ArrayLit => (instr.b..instr.b.saturating_add(instr.c)).map(register).fold(
                    Size { text: 0, elements: u64::from(instr.c), bytes: 0 },
                    |sum, s| Size {
                        text: sum.text.saturating_add(s.text),
                        elements: sum.elements.saturating_add(s.elements),
                        bytes: sum.bytes.saturating_add(s.bytes),
                    },
                ),
                _ => Size::largest(ty),
            };
            if let Some(slot) = last.get_mut(usize::from(written)) {
                *slot = (run, size);
            }
            if let Some(slot) = largest.get_mut(usize::from(written)) {
                *slot = slot.max(size);
            }
        }
        Sizes { f, operands }
    }

    pub(super) fn at(&self, i: usize) -> Operands {
        self.operands.get(i).copied().unwrap_or_default()
    }

    /// The type that `==` compares; None where a side is the constant null.
    pub(super) fn compared(&self, p: &Program, instr: Instr) -> Option<Ty> {
        let side = |index: usize| {
            let raw = usize::from(instr.operand(index));
            let [_, b, c] = instr.op.info().operands;
            if instr.is_const(index, if index == 1 { b } else { c }) {
                Err(p.constants.get(raw) == Some(&Value::Null))
            } else {
                Ok(self.f.registers.get(raw).copied())
            }
        };
        match (side(1), side(2)) {
            (Err(true), _) | (_, Err(true)) => None,
            (Ok(ty), _) | (_, Ok(ty)) => ty,
            _ => None,
        }
    }
}
