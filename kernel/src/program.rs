//! The portable program: what a policy compiles to, what `.eclb` files carry, and where gas is defined.

use crate::gas::Schedule;
use crate::isa::{Instr, NO_CONST};
use crate::span::Span;
use crate::types::Ty;
use crate::value::Value;

/// The standard inputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum StdInput {
    /// `caller` (also `requester`): did
    Caller = 0,
    /// `realm`: string
    Realm = 1,
    /// `trust`: the caller's trust vector
    Trust = 2,
    /// `now`: Unix seconds
    Now = 3,
}

impl StdInput {
    /// All four, in order.
    pub const ALL: [StdInput; 4] = [StdInput::Caller, StdInput::Realm, StdInput::Trust, StdInput::Now];
    /// Its type.
    pub fn ty(self) -> Ty {
        match self {
            StdInput::Caller => Ty::DID,
            StdInput::Realm => Ty::TEXT,
            StdInput::Trust => Ty::TRUST,
            StdInput::Now => Ty::NUMBER,
        }
    }
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            StdInput::Caller => "caller",
            StdInput::Realm => "realm",
            StdInput::Trust => "trust",
            StdInput::Now => "now",
        }
    }
}

/// What a policy may do to the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum EffectKind {
    /// Looks at its inputs only.
    Pure = 0,
    /// Reads host state.
    Read = 1,
    /// Writes or emits.
    Write = 2,
}

impl EffectKind {
    /// `pure`, `read` or `write`.
    pub fn name(self) -> &'static str {
        match self {
            EffectKind::Pure => "pure",
            EffectKind::Read => "read",
            EffectKind::Write => "write",
        }
    }
}

/// An input of a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Input {
    /// Its name: the key in JSON, the column in CSV.
    pub name: Box<str>,
    /// Its type.
    pub ty: Ty,
}

/// A function of a program; the first one is the policy's body.
#[derive(Clone, PartialEq, Debug)]
pub struct Function {
    /// Its name, for disassemblies.
    pub name: Box<str>,
    /// How many of the first registers are parameters (for the body: the inputs).
    pub params: u16,
    /// What it returns.
    pub result: Ty,
    /// Types of its registers; a register has one type throughout.
    pub registers: Vec<Ty>,
    /// Its first instruction.
    pub start: u32,
    /// One past its last.
    pub end: u32,
}

/// One policy, compiled.
#[derive(Clone, PartialEq, Debug)]
pub struct Program {
    /// The policy's name.
    pub name: Box<str>,
    /// Whether it is a bare expression, which has a value of any type and passes when that is `true`.
    pub expression: bool,
    /// The gas schedule it is priced by.
    pub schedule: Schedule,
    /// What it may do.
    pub effect: EffectKind,
    /// Which standard inputs it mentions: bit `StdInput as u8`.
    pub mentions: u8,
    /// Its inputs.
    pub inputs: Vec<Input>,
    /// Its constants.
    pub constants: Vec<Value>,
    /// Its functions; never empty, the first is the body.
    pub functions: Vec<Function>,
    /// All instructions, function by function.
    pub code: Vec<Instr>,
    /// For each instruction: what a receipt points at when it decides.
    pub spans: Vec<Span>,
}

impl Program {
    /// Whether it mentions a standard input.
    pub fn mentions(&self, input: StdInput) -> bool {
        self.mentions >> input as u8 & 1 == 1
    }
    /// The text of a `require`'s message.
    pub fn message(&self, id: Option<u16>) -> Option<&str> {
        match self.constants.get(usize::from(id.filter(|id| *id != NO_CONST)?)) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}
