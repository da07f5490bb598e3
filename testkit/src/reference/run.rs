//! One run: its bill, its memory, its log and writes, and the policies that are active in it.

use super::meter::Meter;
use super::price::{self, Price};
use super::source::{PolicyFacts, Source};
use super::stmt::Flow;
use super::value::Val;
use super::{Stop, world};
use crate::case::{Ask, Setting};
use crate::world::RefWorld;
use eclvm::lang::ast::{ExprId, ItemKind};
use eclvm::lang::checked::BodyId;
use eclvm_kernel::effects::{Effect, StoreValue};
use eclvm_kernel::fault::{Exhaustion, Fault};
use eclvm_kernel::program::StdInput;
use eclvm_kernel::span::Span;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of values that a run may make.
const MOST_BYTES: u64 = 67_108_864;
/// What every value counts besides its bytes.
const OVERHEAD_BYTES: u64 = 64;
/// The deepest call that any setting grants.
const DEEPEST: u32 = 4_096;

/// What one run has, whichever policy of it is at work.
pub struct Run<'s> {
    /// The setting.
    pub setting: &'s Setting,
    /// The bill.
    pub meter: Meter,
    /// The log.
    pub log: Vec<String>,
    /// Writes and events so far.
    pub effects: Vec<Effect>,
    /// What its own reads see of them: stores by realm and key, None where deleted.
    pub stored: BTreeMap<(String, String), Option<StoreValue>>,
    /// Trust vectors that it changed.
    pub trusts: BTreeMap<String, [f64; 6]>,
    /// Open calls and crossings.
    pub depth: u32,
    /// Whether another realm's policy was asked.
    pub crossed: bool,
    made: u64,
}

/// One policy at work: the one that was asked for, or an entry policy.
pub struct Activation<'s> {
    /// Its source.
    pub source: &'s Source,
    /// Which policy.
    pub facts: &'s PolicyFacts,
    /// Its inputs.
    pub inputs: Vec<Val>,
    /// Who asks.
    pub caller: Option<Arc<str>>,
    /// In which realm.
    pub realm: Option<Arc<str>>,
    /// The standard input `trust`.
    pub trust: Val,
}

/// The bindings of one call.
pub struct Frame {
    /// By number.
    pub locals: Vec<Val>,
}

/// What a policy came to.
pub struct Answer {
    /// The value.
    pub value: Val,
    /// The returned expression.
    pub span: Span,
}

impl Answer {
    /// Whether it passes.
    pub fn is_true(&self) -> bool {
        matches!(self.value, Val::Bool(true))
    }
}

impl<'s> Activation<'s> {
    /// For a request that has been checked.
    pub fn new(source: &'s Source, facts: &'s PolicyFacts, ask: &Ask) -> Activation<'s> {
        let count = source.checked.bodies[facts.body.0 as usize].inputs.len();
        let text = |given| match Val::import(given) {
            Val::Text(s) | Val::Did(s) => Some(s),
            _ => None,
        };
        Activation {
            source,
            facts,
            inputs: (0..count).map(|i| ask.inputs.get(i).map_or(Val::Null, Val::import)).collect(),
            caller: text(&ask.caller),
            realm: text(&ask.realm),
            trust: Val::import(&ask.trust),
        }
    }
}

impl<'s> Run<'s> {
    /// A run that has done nothing.
    pub fn new(setting: &'s Setting) -> Run<'s> {
        Run {
            setting,
            meter: Meter::new(setting),
            log: Vec::new(),
            effects: Vec::new(),
            stored: BTreeMap::new(),
            trusts: BTreeMap::new(),
            depth: 0,
            crossed: false,
            made: 0,
        }
    }
    /// The world, where there is one.
    pub fn world(&self) -> Option<&'s RefWorld> {
        self.setting.world.as_deref()
    }
    /// Charges an instruction that stands at `span`.
    pub fn charge(&mut self, price: Price, span: Span) -> Result<(), Stop> {
        self.meter.charge(price).map_err(|reason| Stop::Exhausted(reason, span))
    }
    /// Counts bytes that the run makes.
    pub fn make(&mut self, bytes: u64) -> Result<(), Fault> {
        self.made += bytes + OVERHEAD_BYTES;
        if self.made > MOST_BYTES { Err(Fault::ValueTooLarge) } else { Ok(()) }
    }
    /// Whether one more call may be opened.
    pub fn may_call(&self, span: Span) -> Result<(), Stop> {
        if self.depth >= self.setting.max_depth.min(DEEPEST) {
            return Err(Stop::Exhausted(Exhaustion::StackOverflow, span));
        }
        Ok(())
    }

    /// A policy, from the load of `trust` to its last `return`.
    pub fn policy(&mut self, mut at: Activation<'_>) -> Result<Answer, Stop> {
        if self.setting.world.is_some() && at.facts.mentions.has(StdInput::Trust) {
            let start = at.facts.trust_at;
            self.charge(price::ENTRY_TRUST, start)?;
            let caller = at.caller.clone().expect("checked");
            at.trust = world::load_trust(self, &caller).map_err(|fault| Stop::Fault(fault, start))?;
        }
        let body = &at.source.checked.bodies[at.facts.body.0 as usize];
        let mut frame = Frame { locals: vec![Val::Unit; body.locals.len()] };
        match at.source.ast.items[body.item as usize].kind {
            ItemKind::Expression(expr) => {
                let (value, span) = (self.expr(&at, &mut frame, expr)?, at.source.ast.expr(expr).span);
                self.charge(price::compute(1), span)?;
                Ok(Answer { value, span })
            }
            ItemKind::Policy { body, .. } => match self.block(&at, &mut frame, body)? {
                Flow::Return(value, span) => Ok(Answer { value, span }),
                _ => {
                    let span = Span::new(body.span.end.saturating_sub(1), body.span.end);
                    self.charge(price::compute(1), span)?;
                    Ok(Answer { value: Val::Bool(true), span })
                }
            },
            other => unreachable!("not a policy: {other:?}"),
        }
    }

    /// A user function; the call has been charged.
    pub fn function(&mut self, at: &Activation<'_>, id: BodyId, args: Vec<Val>) -> Result<Val, Stop> {
        let body = &at.source.checked.bodies[id.0 as usize];
        let ItemKind::Fn { body: block, .. } = at.source.ast.items[body.item as usize].kind else {
            unreachable!("not a function")
        };
        let mut frame = Frame { locals: args };
        frame.locals.resize(body.locals.len(), Val::Unit);
        self.depth += 1;
        let flow = self.block(at, &mut frame, block)?;
        self.depth -= 1;
        match flow {
            Flow::Return(value, _) => Ok(value),
            other => unreachable!("a function returns on every path: {other:?}"),
        }
    }

    /// The checker's promise about an expression's type, kept.
    pub fn expect_type(&self, at: &Activation<'_>, id: ExprId, value: &Val) {
        let ty = at.source.checked.expr(id).ty;
        debug_assert!(value.is_of(ty), "{value:?} is not of type {ty}");
    }
}
