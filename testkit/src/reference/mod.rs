//! The reference interpreter: walks the syntax tree, one node at a time, and bills each instruction before it runs.
//!
//! It takes from the compiler only the tree and what names mean. Folding, arithmetic, prices, limits, input checks, reads
//! and writes are written down here once more, from the language's text, and share nothing with the engines. It is slow,
//! and it recurses as deep as the policy does: give it a thread with a large stack, see [`with_room`].

pub mod eval;
pub mod fold;
pub mod input;
pub mod meter;
pub mod ops;
pub mod price;
pub mod run;
pub mod source;
pub mod stmt;
pub mod value;
pub mod world;

use crate::case::{Ask, Setting};
use eclvm_kernel::effects::Effect;
use eclvm_kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm_kernel::gas::GasUnits;
use eclvm_kernel::span::Span;
use eclvm_kernel::value::Value;
use run::{Activation, Run};
use source::Source;

/// What the reference says of a run: everything that a receipt says.
#[derive(Clone, PartialEq, Debug)]
pub struct RefReceipt {
    /// Allow, deny, fault or exhausted.
    pub outcome: Outcome,
    /// The text of the `require` that denied.
    pub message: Option<String>,
    /// What decided.
    pub span: Option<Span>,
    /// Units per layer.
    pub gas: GasUnits,
    /// The units priced.
    pub cost: u64,
    /// Mana.
    pub mana: u64,
    /// The world's version.
    pub version: u64,
    /// The log.
    pub log: Vec<String>,
    /// The value of a bare expression.
    pub value: Option<Value>,
    /// Writes and events.
    pub effects: Vec<Effect>,
    /// Whether another realm's policy was asked. Not part of a receipt: gas bounds do not cover what that one costs.
    pub crossed: bool,
}

/// How a run ends early.
#[derive(Clone, Debug)]
pub enum Stop {
    /// By a `require`, or a false result.
    Deny(Option<String>, Span),
    /// By going wrong.
    Fault(Fault, Span),
    /// By a limit.
    Exhausted(Exhaustion, Span),
}

/// Runs a policy of a source, by its place among the policies.
pub fn run(source: &Source, policy: usize, ask: &Ask, setting: &Setting) -> RefReceipt {
    let facts = &source.policies[policy];
    let mut receipt = RefReceipt {
        outcome: Outcome::Allow,
        message: None,
        span: None,
        gas: GasUnits::ZERO,
        cost: 0,
        mana: 0,
        version: setting.world.as_ref().map_or(0, |world| world.version),
        log: Vec::new(),
        value: None,
        effects: Vec::new(),
        crossed: false,
    };
    if let Err(fault) = input::check(source, facts, ask, setting) {
        receipt.outcome = Outcome::Fault(fault);
        return receipt;
    }
    let mut run = Run::new(setting);
    let at = Activation::new(source, facts, ask);
    let end = run.policy(at);
    let stop = match end {
        Ok(value) => {
            let passed = value.is_true();
            let span = value.span;
            receipt.value = facts.expression.then(|| value.value.export());
            if passed { None } else { Some(Stop::Deny(None, span)) }
        }
        Err(stop) => Some(stop),
    };
    match stop {
        None => receipt.effects = run.effects,
        Some(Stop::Deny(message, span)) => {
            (receipt.outcome, receipt.message, receipt.span) = (Outcome::Deny, message, Some(span));
        }
        Some(Stop::Fault(fault, span)) => {
            (receipt.outcome, receipt.span) = (Outcome::Fault(fault), Some(span))
        }
        Some(Stop::Exhausted(reason, span)) => {
            (receipt.outcome, receipt.span) = (Outcome::Exhausted(reason), Some(span));
        }
    }
    let [network, compute, storage, realm] = run.meter.units;
    receipt.gas = GasUnits { network, compute, storage, realm };
    receipt.cost = run.meter.cost();
    receipt.mana = run.meter.mana;
    receipt.log = run.log;
    receipt.crossed = run.crossed;
    receipt
}

/// Does something on a thread whose stack has room for the deepest policy.
pub fn with_room<T: Send>(job: impl FnOnce() -> T + Send) -> T {
    const ROOM: usize = 4 << 30;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(ROOM).spawn_scoped(scope, job).expect("a thread");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
