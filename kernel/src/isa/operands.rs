//! What an opcode reads, writes and jumps to, in one byte: passes over whole programs ask for every instruction, and
//! the table's own line is six times as long.
//!
//! ```text
//!  bit 0   reads register a              bit 3, 4   read register b, c, unless x says that it is a constant
//!  bit 1   reads register b              bit 5      writes register a
//!  bit 2   reads register c              bit 6      jumps to c
//!                                        bit 7      reads registers in a row: the table knows which
//! ```

use super::instr::{CONST_B, CONST_C, Instr};
use super::table::{Op, OpInfo, Role};

const READS: u8 = 0b111;
/// From a flag in x ([`super::CONST_B`], [`super::CONST_C`]) to the bit of its operand, and on to that of a plain read.
const UNLESS_CONSTANT: u8 = 3;
const WRITES: u8 = 1 << 5;
const JUMPS: u8 = 1 << 6;
const ROWS: u8 = 1 << 7;

/// By opcode.
static OPERANDS: [u8; 256] = {
    let mut out = [0; 256];
    let mut lines = Op::TABLE;
    while let Some((line, rest)) = lines.split_first() {
        if let Some((slot, _)) = out.split_at_mut(line.op as usize).1.split_first_mut() {
            *slot = of(line);
        }
        lines = rest;
    }
    out
};

const fn of(line: &OpInfo) -> u8 {
    let [a, b, c] = line.operands;
    (match a {
        Role::R(_) => 1,
        Role::RW(_) => 1 | WRITES,
        Role::W(_) => WRITES,
        _ => 0,
    }) | right(b, 1)
        | right(c, 2)
}

const fn right(role: Role, index: u8) -> u8 {
    match role {
        Role::R(_) => 1 << index,
        Role::V(_) => 1 << (index - 1 + UNLESS_CONSTANT),
        Role::Target => JUMPS,
        Role::Args(..) | Role::Elements | Role::CallArgs => ROWS,
        _ => 0,
    }
}

/// What one instruction reads, writes and jumps to.
#[derive(Clone, Copy)]
pub(crate) struct Uses(u8);

impl Instr {
    /// What it reads, writes and jumps to, looked up once.
    #[inline(always)]
    pub(crate) fn uses(self) -> Uses {
        let known = OPERANDS.get(self.op as usize).copied().unwrap_or(0);
        let unless = known >> UNLESS_CONSTANT & !self.x & (CONST_B | CONST_C);
        Uses(known | unless << 1)
    }
}

impl Uses {
    /// The operands that are registers it reads, those in a row apart: bit 0 for a, 1 for b, 2 for c.
    #[inline(always)]
    pub(crate) fn reads(self) -> u8 {
        self.0 & READS
    }
    /// Whether it writes register a.
    #[inline(always)]
    pub(crate) fn writes(self) -> bool {
        self.0 & WRITES != 0
    }
    /// Whether it jumps to c.
    #[inline(always)]
    pub(crate) fn jumps(self) -> bool {
        self.0 & JUMPS != 0
    }
    /// Whether it reads registers in a row.
    #[inline(always)]
    pub(crate) fn rows(self) -> bool {
        self.0 & ROWS != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{CONST_B, CONST_C, Instr};

    /// What the table's lines say, role by role.
    fn by_role(instr: Instr, params: u16) -> (Vec<u16>, Option<u16>, Option<u16>) {
        let (mut reads, mut written, mut target) = (Vec::new(), None, None);
        for (index, role) in instr.op.info().operands.into_iter().enumerate() {
            let raw = instr.operand(index);
            match role {
                Role::R(_) => reads.push(raw),
                Role::RW(_) => {
                    reads.push(raw);
                    written = Some(raw);
                }
                Role::W(_) => written = Some(raw),
                Role::V(_) if !instr.is_const(index, role) => reads.push(raw),
                Role::Args(n, _) => reads.extend((0..u16::from(n)).map(|i| raw + i)),
                Role::Elements => reads.extend((0..instr.c).map(|i| raw + i)),
                Role::CallArgs => reads.extend((0..params).map(|i| raw + i)),
                Role::Target => target = Some(raw),
                _ => {}
            }
        }
        (reads, written, target)
    }

    #[test]
    fn every_opcode_says_what_its_line_says() {
        for op in Op::ALL {
            for x in [0, CONST_B, CONST_C, CONST_B | CONST_C] {
                let instr = Instr::new(*op, x, 11, 22, 33);
                let uses = instr.uses();
                let one_by_one = [(1, instr.a), (2, instr.b), (4, instr.c)];
                let mut reads: Vec<u16> =
                    one_by_one.iter().filter(|(bit, _)| uses.reads() & bit != 0).map(|(_, r)| *r).collect();
                if uses.rows() {
                    let (first, count) = instr.row(|_| 5);
                    reads.extend(first..first + count);
                }
                assert_eq!((reads, instr.written(), instr.target()), by_role(instr, 5), "{op:?} {x}");
            }
        }
    }
}
