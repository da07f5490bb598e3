//! The verifier: what a program must be before anything runs it.
//!
//! It proves, in one pass over each function and in time and memory linear in the program's size (times the words of a
//! register set), these properties. Code that relies on one cites it.
//!
//! - **V1 shape.** Functions lie one after the other and cover the code; every function ends in `return` or `jump`;
//!   spans stand beside instructions; all counts are within `limits`.
//! - **V2 operands.** Every register operand is below its function's register count, every constant and function index
//!   exists, every jump stays within its function, unused operands are 0.
//! - **V3 types.** Every operand has the type that its opcode asks for; a register has one type throughout; constants
//!   have the types of their places, and are sound values (array sizes, DIDs, trust vectors).
//! - **V4 initialised.** No register is read before it was written, on any path. No instruction is unreachable.
//! - **V5 no free cycles.** Every cycle of the control flow contains an instruction that costs gas, and only plain
//!   `jump` goes backwards.
//! - **V6 honest head.** The program mentions the standard inputs that it reads, has at least the effect that its
//!   instructions have, and begins with `entry_trust` exactly where it mentions `trust`.
//! - **V7 gas bound.** `bound` is, layer by layer, no less than the gas of any run.

mod bound;
mod bound_loops;
mod bound_sizes;
mod constants;
mod flow;
mod jumps;
mod operands;
mod plain;
mod prices;
mod shape;
#[cfg(test)]
mod tests;
mod walk;

pub use bound::{Bound, GasBound};

use crate::program::Program;
use core::fmt;
use smallvec::SmallVec;

/// What a program violates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// V1: functions do not cover the code one after the other.
    Layout,
    /// V1: the last instruction of a function falls through.
    FallsThrough,
    /// V1: spans and instructions differ in number.
    SpanCount,
    /// V1: a count is over its limit.
    TooMany,
    /// V2: a register that the function does not have.
    Register,
    /// V2: a constant that does not exist.
    Constant,
    /// V2: a function that does not exist, or the body itself.
    Function,
    /// V2: a jump out of its function.
    Target,
    /// V2: an operand that must be 0, or an extra byte that means nothing.
    Operand,
    /// V3: an operand of the wrong type.
    Type,
    /// V3: a constant that is no sound value.
    ConstantValue,
    /// V4: a register is read before it is written.
    Uninitialised,
    /// V4: an instruction that nothing reaches.
    Unreachable,
    /// V5: a cycle that costs nothing, or a backward jump that is conditional.
    FreeCycle,
    /// V6: a standard input that is read but not mentioned.
    Mentions,
    /// V6: an instruction beyond the program's effect.
    Effect,
    /// V6: `entry_trust` is missing or misplaced.
    EntryTrust,
}

/// Why a program was refused, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyError {
    /// The instruction, where there is one.
    pub instruction: Option<u32>,
    /// What it violates.
    pub violation: Violation,
}

impl VerifyError {
    pub(crate) fn at(pc: usize, violation: Violation) -> VerifyError {
        VerifyError { instruction: u32::try_from(pc).ok(), violation }
    }
    pub(crate) fn whole(violation: Violation) -> VerifyError {
        VerifyError { instruction: None, violation }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.violation {
            Violation::Layout => "functions do not cover the code one after the other",
            Violation::FallsThrough => "a function does not end in a return or a jump",
            Violation::SpanCount => "spans and instructions differ in number",
            Violation::TooMany => "a count is over its limit",
            Violation::Register => "no such register",
            Violation::Constant => "no such constant",
            Violation::Function => "no such function",
            Violation::Target => "a jump out of its function",
            Violation::Operand => "an operand that means nothing",
            Violation::Type => "an operand of the wrong type",
            Violation::ConstantValue => "a constant that is no sound value",
            Violation::Uninitialised => "a register is read before it is written",
            Violation::Unreachable => "an instruction that nothing reaches",
            Violation::FreeCycle => "a cycle that costs no gas",
            Violation::Mentions => "a standard input that the head does not mention",
            Violation::Effect => "an instruction beyond the program's effect",
            Violation::EntryTrust => "`entry_trust` is missing or misplaced",
        };
        match self.instruction {
            Some(pc) => write!(f, "{what}, at instruction {pc}"),
            None => f.write_str(what),
        }
    }
}
impl std::error::Error for VerifyError {}

/// What is known of each constant; most programs have few.
type Constants = SmallVec<[constants::Facts; 16]>;

fn facts(program: &Program, facts: &mut Constants) -> Result<(), VerifyError> {
    facts.reserve(program.constants.len());
    for value in &program.constants {
        let unsound = VerifyError::whole(Violation::ConstantValue);
        facts.push(constants::Facts::of(value).ok_or(unsound)?);
    }
    Ok(())
}

/// A program that has been verified; the only kind that runs.
#[derive(Clone, PartialEq, Debug)]
pub struct Verified {
    program: Program,
    bound: GasBound,
}

impl Verified {
    /// Proves V1 to V7, or says which fails, and where.
    pub fn new(program: Program) -> Result<Verified, VerifyError> {
        shape::check(&program)?;
        let mut known = Constants::new();
        facts(&program, &mut known)?;
        let jumps = jumps::Jumps::of(&program.code);
        let seen = walk::check(&program, &known, &jumps)?;
        let bound = bound::compute(&program, &known, &jumps, &seen);
        Ok(Verified { program, bound })
    }
    /// The program.
    pub fn program(&self) -> &Program {
        &self.program
    }
    /// The worst-case gas of a run, per layer.
    pub fn bound(&self) -> &GasBound {
        &self.bound
    }
}
