//! The instruction set: one table, from which come the opcodes, the encoding, the disassembler, the verifier's operand
//! checks, the gas of schedule V1, `docs/isa.md` and the fuzzers' generator.

mod docs;
mod instr;
mod operands;
mod table;

pub use docs::isa_markdown;
pub use instr::{CONST_B, CONST_C, Instr, NO_CONST};
pub use table::{GasRule, Op, OpInfo, Role, Sig, X};
