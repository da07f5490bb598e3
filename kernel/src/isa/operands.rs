//! What an opcode reads, writes and jumps to, in one byte: passes over whole programs ask for every instruction, and
//! the table's own line is six times as long.
//!
//! ```text
//!  bit 0   reads register a              bit 3, 4   read register b, c, unless x says that it is a constant
//!  bit 1   reads register b              bit 5      writes register a
//!  bit 2   reads register c              bit 6      jumps to c
//!                                        bit 7      reads registers in a row: the table knows which
//! ```

use super::table::{Op, OpInfo, Role};

pub(super) const READS: u8 = 0b111;
/// From a flag in x ([`super::CONST_B`], [`super::CONST_C`]) to the bit of its operand, and on to that of a plain read.
pub(super) const UNLESS_CONSTANT: u8 = 3;
pub(super) const WRITES: u8 = 1 << 5;
pub(super) const JUMPS: u8 = 1 << 6;
pub(super) const ROWS: u8 = 1 << 7;

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

#[inline(always)]
pub(super) fn operands(op: Op) -> u8 {
    OPERANDS.get(op as usize).copied().unwrap_or(0)
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
                let mut reads = Vec::new();
                instr.for_each_read(|_| 5, |r| reads.push(r));
                assert_eq!((reads, instr.written(), instr.target()), by_role(instr, 5), "{op:?} {x}");
            }
        }
    }
}
