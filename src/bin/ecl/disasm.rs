//! `ecl disasm`: programs instruction by instruction, drawn from the instruction table.

use crate::args::{DisasmArgs, Format};
use crate::exit::{Done, Exit};
use crate::output::{BOLD, DIM, RESET};
use crate::place::Places;
use crate::source::Source;
use crate::{diagnostics, output};
use eclvm::Policy;
use eclvm::kernel::gas::GasLayer;
use eclvm::kernel::isa::{CONST_B, CONST_C, GasRule, Instr, NO_CONST, Op, Role, X};
use eclvm::kernel::program::{Function, Program, StdInput};
use eclvm::kernel::types::Base;
use eclvm::kernel::value::{TrustVector, Value};
use eclvm::wire::value_json;
use serde::Serialize;
use std::fmt::Write;

#[derive(Serialize)]
struct ProgramJson<'p> {
    policy: &'p str,
    effect: &'static str,
    constants: Vec<serde_json::Value>,
    functions: Vec<FunctionJson<'p>>,
}

#[derive(Serialize)]
struct FunctionJson<'p> {
    name: &'p str,
    params: u16,
    result: String,
    registers: Vec<String>,
    code: Vec<InstrJson>,
}

#[derive(Serialize)]
struct InstrJson {
    at: usize,
    op: &'static str,
    operands: Vec<String>,
    gas: String,
    span: [u32; 2],
}

/// Runs the command.
pub(crate) fn run(args: &DisasmArgs, format: Format) -> Done {
    let source = Source::load(&args.file)?;
    let policies = source.those(args.policy.as_deref())?;
    match format {
        Format::Json => {
            for policy in policies {
                output::json(&program_json(policy))?;
            }
        }
        Format::Text => {
            let places = source.text.as_deref().map(Places::new);
            let parts: Vec<String> =
                policies.iter().map(|policy| program_text(policy, places.as_ref())).collect();
            output::styled(&parts.join("\n"))?;
        }
    }
    Ok(Exit::Done)
}

/// The instructions of a function, with their numbers.
pub(crate) fn code<'p>(program: &'p Program, f: &Function) -> impl Iterator<Item = (usize, &'p Instr)> {
    let (from, to) = (f.start as usize, f.end as usize);
    program.code.iter().enumerate().skip(from).take(to.saturating_sub(from))
}

fn program_text(policy: &Policy, places: Option<&Places<'_>>) -> String {
    let program = policy.program();
    let mut out = String::new();
    let name = output::tame(policy.name());
    let _ = writeln!(out, "{BOLD}policy {name}{RESET} ({})", policy.effect().name());
    for (index, constant) in program.constants.iter().enumerate() {
        let _ = writeln!(out, "  k{index} = {}", shorten(&output::tame(&value_json(constant)), 100));
    }
    for (index, f) in program.functions.iter().enumerate() {
        let registers = f.registers.len();
        let _ = writeln!(
            out,
            "  {BOLD}f{index} {}{RESET}: {} parameters, {registers} registers, gives {}",
            output::tame(&f.name),
            f.params,
            f.result
        );
        for (at, instr) in code(program, f) {
            let operands = operands(program, *instr).join(", ");
            let gas = gas(f, *instr);
            let mut line =
                format!("    {at:>5}  {:<22}{:<34}", instr.op.info().mnemonic, output::tame(&operands));
            let note = match (places, program.spans.get(at)) {
                (Some(places), Some(span)) => {
                    let (row, column) = places.of(span.start);
                    format!("{row}:{column} {}", output::tame(&places.excerpt(*span, 40)))
                }
                (None, Some(span)) => format!("bytes {}..{}", span.start, span.end),
                (_, None) => String::new(),
            };
            let _ = write!(line, " {DIM}{gas:<14} {note}{RESET}");
            let _ = writeln!(out, "{line}");
        }
    }
    out
}

fn program_json(policy: &Policy) -> ProgramJson<'_> {
    let program = policy.program();
    let functions = program.functions.iter().map(|f| FunctionJson {
        name: &f.name,
        params: f.params,
        result: f.result.to_string(),
        registers: f.registers.iter().map(ToString::to_string).collect(),
        code: code(program, f)
            .map(|(at, instr)| InstrJson {
                at,
                op: instr.op.info().mnemonic,
                operands: operands(program, *instr),
                gas: gas(f, *instr),
                span: diagnostics::span_json(program.spans.get(at).copied().unwrap_or_default()),
            })
            .collect(),
    });
    let parsed = |constant| serde_json::from_str(&value_json(constant)).unwrap_or(serde_json::Value::Null);
    ProgramJson {
        policy: policy.name(),
        effect: policy.effect().name(),
        constants: program.constants.iter().map(parsed).collect(),
        functions: functions.collect(),
    }
}

/// The operands in words: registers `r1`, constants `k2 (100)`, jumps `-> 7`, components, standard inputs.
fn operands(program: &Program, instr: Instr) -> Vec<String> {
    let info = instr.op.info();
    let mut out = Vec::new();
    for (index, role) in info.operands.iter().enumerate() {
        let raw = instr.operand(index);
        let flag = if index == 1 { CONST_B } else { CONST_C };
        match role {
            Role::None => {}
            Role::V(_) if index > 0 && instr.x & flag != 0 => out.push(constant(program, raw)),
            Role::W(_) | Role::R(_) | Role::RW(_) | Role::V(_) => out.push(format!("r{raw}")),
            Role::Args(n, _) => out.push(range(raw, u16::from(*n))),
            Role::Elements => out.push(range(raw, instr.c)),
            Role::Count => {}
            Role::K => out.push(constant(program, raw)),
            Role::OptText if raw == NO_CONST => {}
            Role::OptText => out.push(constant(program, raw)),
            Role::Target => out.push(format!("-> {raw}")),
            Role::Func => {
                let name = program.functions.get(usize::from(raw)).map_or("?", |f| &f.name);
                out.push(format!("f{raw} ({name})"));
            }
            Role::CallArgs => {
                let count = program.functions.get(usize::from(instr.b)).map_or(0, |f| f.params);
                out.push(range(raw, count));
            }
        }
    }
    match info.x {
        X::Component => {
            out.push(format!(".{}", TrustVector::NAMES.get(usize::from(instr.x)).copied().unwrap_or("?")));
        }
        X::Std => out.push(StdInput::ALL.get(usize::from(instr.x)).map_or("?", |s| s.name()).to_owned()),
        X::Zero | X::Flags => {}
    }
    out
}

fn range(first: u16, count: u16) -> String {
    match count {
        0 => "()".to_owned(),
        1 => format!("r{first}"),
        n => format!("r{first}..r{}", u32::from(first) + u32::from(n) - 1),
    }
}

fn constant(program: &Program, index: u16) -> String {
    match program.constants.get(usize::from(index)) {
        Some(Value::Text(text)) if text.len() > 24 => format!("k{index}"),
        Some(Value::Array(_) | Value::Trust(_)) | None => format!("k{index}"),
        Some(value) => format!("k{index} ({})", value_json(value)),
    }
}

/// What an instruction costs: `compute 1`, a `+` where sizes come on top.
fn gas(f: &Function, instr: Instr) -> String {
    let (layer, units) = price(instr);
    match units {
        0 => "-".to_owned(),
        n => format!("{} {n}{}", layer.name(), if is_sized(f, instr) { "+" } else { "" }),
    }
}

/// Layer and units of an instruction, sizes left aside.
pub(crate) fn price(instr: Instr) -> (GasLayer, u64) {
    match instr.op.info().gas {
        GasRule::PerElement => (GasLayer::Compute, u64::from(instr.c)),
        _ => instr.op.gas_layer_cost(),
    }
}

/// Whether the sizes of its operands, or what it calls, cost besides.
pub(crate) fn is_sized(f: &Function, instr: Instr) -> bool {
    match instr.op.info().gas {
        GasRule::Text | GasRule::Search | GasRule::Put | GasRule::Event => true,
        GasRule::Equal => {
            // Both sides are of one type but for a null; one that is a constant has no register to ask.
            let sides =
                [(instr.b, CONST_B), (instr.c, CONST_C)].into_iter().filter(|(_, flag)| instr.x & flag == 0);
            let mut types = sides.filter_map(|(register, _)| f.registers.get(usize::from(register)));
            types.any(|ty| ty.is_array() || ty.base() == Base::Text)
        }
        _ => matches!(instr.op, Op::Call | Op::CrossRealm),
    }
}

fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((cut, _)) => format!("{}...", text.get(..cut).unwrap_or("")),
        None => text.to_owned(),
    }
}
