//! The portable program: what a policy compiles to, what `.eclb` files carry, and where gas is defined.

use crate::isa::Instr;
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
