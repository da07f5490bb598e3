//! The entry policy of realms that have none of their own: `trust.r >= 0.3`.

use crate::gas::Schedule;
use crate::isa::{CONST_C, Instr, Op};
use crate::program::{EffectKind, Function, Program, StdInput};
use crate::span::Span;
use crate::types::Ty;
use crate::value::Value;
use crate::verify::{Verified, VerifyError};
use crate::vm::Executable;

/// Its source.
pub const DEFAULT_ENTRY_SOURCE: &str = "trust.r >= 0.3";

/// What the compiler makes of [`DEFAULT_ENTRY_SOURCE`], put together by hand because the kernel knows no source text (a
/// test in the compiler's crate compares the two).
pub fn default_entry() -> Result<Executable, VerifyError> {
    let function = Function {
        name: "main".into(),
        params: 0,
        result: Ty::BOOL,
        registers: vec![Ty::TRUST, Ty::NUMBER, Ty::BOOL],
        start: 0,
        end: 5,
    };
    let program = Program {
        name: "main".into(),
        expression: true,
        schedule: Schedule::V1,
        effect: EffectKind::Read,
        mentions: 1 << StdInput::Trust as u8,
        inputs: Vec::new(),
        constants: vec![Value::Number(0.3)],
        functions: vec![function],
        code: vec![
            Instr::new(Op::EntryTrust, 0, 0, 0, 0),
            Instr::new(Op::Std, StdInput::Trust as u8, 0, 0, 0),
            Instr::new(Op::Field, 0, 1, 0, 0),
            Instr::new(Op::Ge, CONST_C, 2, 1, 0),
            Instr::new(Op::Return, 0, 2, 0, 0),
        ],
        spans: vec![Span::new(0, 5), Span::new(0, 5), Span::new(0, 7), Span::new(0, 14), Span::new(0, 14)],
    };
    Verified::new(program).map(Executable::new)
}
