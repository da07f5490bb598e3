//! One instruction: eight bytes.
//!
//! ```text
//!  byte   0    1    2..4   4..6   6..8
//!        op    x     a      b      c      (a, b, c little-endian)
//! ```

use super::table::{Op, Role};

/// In x: operand b is a constant.
pub const CONST_B: u8 = 1;
/// In x: operand c is a constant.
pub const CONST_C: u8 = 2;
/// Stands for "no constant" where one is optional.
pub const NO_CONST: u16 = u16::MAX;

/// One portable instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(C)]
pub struct Instr {
    /// What it does.
    pub op: Op,
    /// The extra byte.
    pub x: u8,
    /// First operand, most often the register that is written.
    pub a: u16,
    /// Second operand.
    pub b: u16,
    /// Third operand.
    pub c: u16,
}

const _: () = assert!(core::mem::size_of::<Instr>() == 8);

impl Instr {
    /// An instruction.
    pub const fn new(op: Op, x: u8, a: u16, b: u16, c: u16) -> Instr {
        Instr { op, x, a, b, c }
    }
    /// As eight bytes.
    pub fn to_bytes(self) -> [u8; 8] {
        let ([a0, a1], [b0, b1], [c0, c1]) =
            (self.a.to_le_bytes(), self.b.to_le_bytes(), self.c.to_le_bytes());
        [self.op as u8, self.x, a0, a1, b0, b1, c0, c1]
    }
    /// From eight bytes; None where the first is no opcode.
    pub fn from_bytes(bytes: [u8; 8]) -> Option<Instr> {
        let [op, x, a0, a1, b0, b1, c0, c1] = bytes;
        Some(Instr {
            op: Op::from_byte(op)?,
            x,
            a: u16::from_le_bytes([a0, a1]),
            b: u16::from_le_bytes([b0, b1]),
            c: u16::from_le_bytes([c0, c1]),
        })
    }
    /// Where it jumps to, if it does.
    #[inline]
    pub fn target(self) -> Option<u16> {
        if self.uses().jumps() { Some(self.c) } else { None }
    }
    /// Whether the next instruction is never reached from it.
    #[inline]
    pub fn is_end(self) -> bool {
        matches!(self.op, Op::Jump | Op::Return)
    }
    /// The operand's raw bits.
    #[inline]
    pub fn operand(self, index: usize) -> u16 {
        match index {
            0 => self.a,
            1 => self.b,
            _ => self.c,
        }
    }
    /// Whether operand `index` (1 for b, 2 for c) is a constant, given its role.
    #[inline]
    pub fn is_const(self, index: usize, role: Role) -> bool {
        matches!(role, Role::V(_)) && self.x & (if index == 1 { CONST_B } else { CONST_C }) != 0
    }
}

impl Instr {
    /// The registers in a row that it reads: the first, and how many. `params` is the number of parameters of a callee (asked
    /// for `call` only).
    #[inline(never)]
    pub(crate) fn row(self, params: impl FnOnce(u16) -> u16) -> (u16, u16) {
        let [_, b, c] = self.op.info().operands;
        match (b, c) {
            (Role::Args(n, _), _) => (self.b, u16::from(n)),
            (Role::Elements, _) => (self.b, self.c),
            (_, Role::CallArgs) => (self.c, params(self.b)),
            _ => (0, 0),
        }
    }
    /// The register that it writes.
    #[inline]
    pub fn written(self) -> Option<u16> {
        if self.uses().writes() { Some(self.a) } else { None }
    }
    /// Whether it costs no gas, whatever the sizes of its operands.
    #[inline]
    pub fn is_free(self) -> bool {
        match self.op.info().gas {
            super::GasRule::Free | super::GasRule::EntryTrust => true,
            super::GasRule::PerElement => self.c == 0,
            _ => false,
        }
    }
}
