//! From the checked tree to portable programs: one per policy, with the functions that it can reach.
//!
//! Lowering decides nothing: types, meanings and folded constants are the checker's. What it adds is the order of
//! instructions, and with it the bill (gas.md): operands before the operation, left to right; one branch per lazy
//! operator; one round per round. Instructions that cost something carry the span that a receipt points at when they
//! end a run.

mod builder;
mod calls;
mod expr;
mod stmt;

use super::ast::{Ast, ItemKind};
use super::checked::{BodyId, BodyKind, Checked, StdMask};
use super::codes;
use super::diagnostic::{Diagnostic, Severity};
use builder::{Builder, Overflow};
use eclvm_kernel::gas::Schedule;
use eclvm_kernel::isa::{Instr, Op};
use eclvm_kernel::limits::{
    MAX_COMPILED_BYTES, MAX_CONSTANTS, MAX_DIAGNOSTICS, MAX_FUNCTIONS, MAX_INPUTS, MAX_INSTRUCTIONS,
    MAX_REGISTERS,
};
use eclvm_kernel::program::{EffectKind, Function, Input, Program, StdInput};
use eclvm_kernel::span::Span;
use eclvm_kernel::value::Value;
use eclvm_kernel::verify::VerifyError;
use smallvec::SmallVec;
use std::mem;

/// What all functions of one program share.
struct Shared<'a> {
    ast: &'a Ast,
    checked: &'a Checked,
    reach: Reach,
    constants: builder::Constants,
    /// Of the policy: the program takes them over.
    inputs: Vec<Input>,
}

/// The bodies that a policy can reach, in order: itself first, then functions in order of their first mention.
struct Reach {
    order: SmallVec<[BodyId; 8]>,
    /// For each body, the policy that last reached it, and its index there.
    index: SmallVec<[(u32, u32); 8]>,
    /// The number of the policy, from 1 on: what the last one left in `index` needs no clearing.
    policy: u32,
}

impl Reach {
    fn new(checked: &Checked) -> Reach {
        Reach { order: SmallVec::new(), index: SmallVec::from_elem((0, 0), checked.bodies.len()), policy: 0 }
    }
    fn begin(&mut self, checked: &Checked, root: BodyId) {
        self.policy += 1;
        self.order.clear();
        self.order.push(root);
        let mut next = 0;
        while let Some(id) = self.order.get(next).copied() {
            next += 1;
            for callee in checked.body(id).map_or(&[][..], |b| &b.calls) {
                if let Some(slot) =
                    self.index.get_mut(callee.0 as usize).filter(|(policy, _)| *policy != self.policy)
                {
                    *slot = (self.policy, self.order.len() as u32);
                    self.order.push(*callee);
                }
            }
        }
    }
    /// The index of a function that the policy reaches.
    fn index(&self, id: BodyId) -> u16 {
        self.index.get(id.0 as usize).map_or(0, |(_, index)| u16::try_from(*index).unwrap_or(u16::MAX))
    }
}

/// The programs of a checked file, in source order, which take over its bodies' inputs. Adds a diagnostic for each policy that is over a limit.
pub(crate) fn lower(
    source: &str,
    ast: &Ast,
    checked: &mut Checked,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Program> {
    let inputs: SmallVec<[Vec<Input>; 4]> =
        checked.bodies.iter_mut().map(|body| mem::take(&mut body.inputs)).collect();
    let checked = &*checked;
    let mut programs =
        Vec::with_capacity(checked.bodies.iter().filter(|b| b.kind != BodyKind::Function).count());
    let mut left = MAX_COMPILED_BYTES + 32 * source.len();
    let (reach, constants) = (Reach::new(checked), builder::Constants::new(checked));
    let mut shared = Shared { ast, checked, reach, constants, inputs: Vec::new() };
    for ((id, body), inputs) in checked.bodies.iter().enumerate().zip(inputs) {
        if body.kind == BodyKind::Function {
            continue;
        }
        shared.inputs = inputs;
        match policy(&mut shared, BodyId(id as u32)) {
            Ok(program) => match left.checked_sub(weight(&program)) {
                Some(rest) => {
                    left = rest;
                    programs.push(program);
                }
                None => {
                    let span =
                        ast.items.get(body.item as usize).map_or(Span::default(), |item| item.name_span);
                    let message = "the policies of this file come to too much code and constants".to_owned();
                    diagnostics.push(diagnostic(codes::E0200, message, span));
                    break;
                }
            },
            Err(overflow) => {
                let span = ast.items.get(body.item as usize).map_or(Span::default(), |item| item.name_span);
                report(too_large(overflow, span), diagnostics);
            }
        }
    }
    programs
}

/// Adds an error. Warnings make room for it.
fn report(error: Diagnostic, diagnostics: &mut Vec<Diagnostic>) {
    if diagnostics.len() < MAX_DIAGNOSTICS {
        diagnostics.push(error);
    } else if let Some(slot) = diagnostics.iter_mut().rev().find(|d| d.severity == Severity::Warning) {
        *slot = error;
    }
}

/// About what a program takes, in bytes; see [`MAX_COMPILED_BYTES`].
fn weight(program: &Program) -> usize {
    fn of(value: &Value) -> usize {
        64 + match value {
            Value::Text(s) | Value::Did(s) => s.len(),
            Value::Array(items) => items.iter().map(of).sum(),
            _ => 0,
        }
    }
    64 * program.code.len() + program.constants.iter().map(of).sum::<usize>()
}

/// What the verifier refused of the compiler's own work: a bug of this crate, never of the source.
pub(crate) fn internal(at: usize, error: &VerifyError) -> Diagnostic {
    diagnostic(
        codes::E0201,
        format!(
            "the compiler made a program for policy {} of the file that does not verify: {error}",
            at + 1
        ),
        Span::default(),
    )
}

fn diagnostic(code: &'static str, message: String, span: Span) -> Diagnostic {
    Diagnostic { code, severity: Severity::Error, message, span, labels: Vec::new(), suggestion: None }
}

fn too_large(overflow: Overflow, span: Span) -> Diagnostic {
    let (what, limit) = match overflow {
        Overflow::Instructions => ("instructions", MAX_INSTRUCTIONS),
        Overflow::Registers => ("values alive at once in one function", MAX_REGISTERS),
        Overflow::Constants => ("constants", MAX_CONSTANTS),
        Overflow::Functions => ("functions", MAX_FUNCTIONS),
        Overflow::Inputs => ("inputs", MAX_INPUTS),
    };
    let way_out = match overflow {
        Overflow::Instructions => {
            "; split it into several policies, or go over an array with `any(..)` or `for`"
        }
        Overflow::Registers => "; move parts of it into functions",
        Overflow::Constants | Overflow::Functions => "; split it into several policies",
        Overflow::Inputs => "; give them as arrays",
    };
    diagnostic(codes::E0200, format!("the policy needs too many {what}: at most {limit}{way_out}"), span)
}

/// What the load of `trust` points at: its first mention in the policy, or else in the functions that it can reach.
fn first_trust(checked: &Checked, order: &[BodyId]) -> Span {
    let mentions = |order: &[BodyId]| {
        order.iter().filter_map(|id| checked.body(*id)?.trust_at).min_by_key(|span| span.start)
    };
    let (own, functions) = order.split_at(order.len().min(1));
    mentions(own).or_else(|| mentions(functions)).unwrap_or_default()
}

fn policy(shared: &mut Shared<'_>, root: BodyId) -> Result<Program, Overflow> {
    let (ast, checked) = (shared.ast, shared.checked);
    shared.reach.begin(checked, root);
    shared.constants.begin();
    let functions_reached = shared.reach.order.len();
    if functions_reached > MAX_FUNCTIONS {
        return Err(Overflow::Functions);
    }
    if shared.inputs.len() > MAX_INPUTS {
        return Err(Overflow::Inputs);
    }
    let (mut mentions, mut effect) = (StdMask::default(), EffectKind::Pure);
    let mut text = 0;
    for body in shared.reach.order.iter().filter_map(|id| checked.body(*id)) {
        mentions = mentions.union(body.mentions);
        effect = effect.max(body.effect);
        text += ast.items.get(body.item as usize).map_or(0, |item| item.span.end - item.span.start) as usize;
    }
    if mentions.has(StdInput::Trust) {
        effect = effect.max(EffectKind::Read);
    }
    let trust_at = first_trust(checked, &shared.reach.order);
    // An instruction for every sixteen bytes of text is what policies come to.
    let about = (text / 16 + 8).min(MAX_INSTRUCTIONS);
    let mut code: Vec<Instr> = Vec::with_capacity(about);
    let mut spans: Vec<Span> = Vec::with_capacity(about);
    let mut functions = Vec::with_capacity(functions_reached);
    for at in 0..functions_reached {
        let Some(id) = shared.reach.order.get(at).copied() else { break };
        let start = code.len() as u32;
        let mut builder = Builder::new(shared, id, &mut code, &mut spans);
        if functions.is_empty() && mentions.has(StdInput::Trust) {
            builder.emit(Op::EntryTrust, 0, [0; 3], trust_at)?;
        }
        function(&mut builder, id)?;
        let (registers, name, params, result) = builder.finish();
        functions.push(Function { name, params, result, registers, start, end: code.len() as u32 });
    }
    let body = checked.body(root);
    Ok(Program {
        name: functions.first().map_or("main".into(), |f| f.name.clone()),
        expression: body.is_some_and(|b| b.kind == BodyKind::Expression),
        schedule: Schedule::V1,
        effect,
        mentions: mentions.0,
        inputs: mem::take(&mut shared.inputs),
        constants: shared.constants.take(),
        functions,
        code,
        spans,
    })
}

/// One function, policy or bare expression.
fn function(b: &mut Builder<'_, '_>, id: BodyId) -> Result<(), Overflow> {
    let checked = b.shared.checked;
    let Some(body) = checked.body(id) else { return Ok(()) };
    b.standard_inputs(body.mentions)?;
    let Some(item) = b.shared.ast.items.get(body.item as usize).copied() else { return Ok(()) };
    match item.kind {
        ItemKind::Expression(expr) => {
            let value = b.register(expr)?;
            b.emit(Op::Return, 0, [value.register(), 0, 0], b.expr_span(expr))
        }
        ItemKind::Fn { body, .. } => b.block(body),
        ItemKind::Policy { body, .. } => {
            b.block(body)?;
            if b.reachable {
                let end = Span::new(body.span.end.saturating_sub(1), body.span.end);
                b.return_true(end)?;
            }
            Ok(())
        }
        ItemKind::Const(_) => Ok(()),
    }
}
