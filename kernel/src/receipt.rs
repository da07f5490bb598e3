//! The receipt of a run: what was decided, why, and the exact bill.

use crate::effects::Effect;
use crate::fault::Outcome;
use crate::gas::GasUnits;
use crate::span::Span;
use crate::value::Value;

/// The outcome of one run and its bill. Every engine gives the same receipt for the same run, to the bit.
#[derive(Clone, PartialEq, Debug)]
pub struct Receipt {
    /// Allow, deny, fault or exhausted.
    pub outcome: Outcome,
    /// The index in the program's constants of the message of the `require` that denied; see
    /// [`crate::program::Program::message`].
    pub message: Option<u16>,
    /// What decided: the condition, the returned expression or the failing operation. None for allow and for faults
    /// of inputs.
    pub span: Option<Span>,
    /// Raw units per layer.
    pub gas: GasUnits,
    /// The units priced.
    pub cost: u64,
    /// Mana charged.
    pub mana: u64,
    /// The version of the state that was read; 0 without one.
    pub version: u64,
    /// What few runs have: log, value, effects.
    pub detail: Option<Box<Detail>>,
}

/// The parts of a receipt that most runs do not have.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Detail {
    /// Lines of `log(..)`, whatever the outcome.
    pub log: Vec<Box<str>>,
    /// The value of a bare expression that is not simply true or false; see [`Receipt::value`].
    pub value: Option<Value>,
    /// Writes and events in order; empty unless the run was allowed.
    pub effects: Vec<Effect>,
}

impl Receipt {
    /// A fault of inputs (or EffectNotAllowed): nothing ran, nothing is charged.
    pub fn unstarted(fault: crate::fault::Fault, version: u64) -> Receipt {
        Receipt {
            outcome: Outcome::Fault(fault),
            message: None,
            span: None,
            gas: GasUnits::ZERO,
            cost: 0,
            mana: 0,
            version,
            detail: None,
        }
    }
    /// Whether the outcome is allow.
    pub fn passed(&self) -> bool {
        self.outcome == Outcome::Allow
    }
    /// Lines of the log.
    pub fn log(&self) -> &[Box<str>] {
        self.detail.as_ref().map_or(&[], |d| &d.log)
    }
    /// Writes and events, in order.
    pub fn effects(&self) -> &[Effect] {
        self.detail.as_ref().map_or(&[], |d| &d.effects)
    }
    /// The value of a bare expression, where one was reached; a policy has none. True and false are read off the
    /// outcome, so that the commonest of runs need no [`Detail`].
    pub fn value(&self, program: &crate::program::Program) -> Option<Value> {
        if !program.expression {
            return None;
        }
        match (self.detail.as_ref().and_then(|d| d.value.as_ref()), self.outcome) {
            (Some(value), _) => Some(value.clone()),
            (None, Outcome::Allow) => Some(Value::Bool(true)),
            (None, Outcome::Deny) => Some(Value::Bool(false)),
            _ => None,
        }
    }
}
