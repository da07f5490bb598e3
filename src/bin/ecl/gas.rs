//! `ecl gas`: where the cost is, line by line, and the worst case.
//!
//! A line's units are those of its instructions, each counted once; what grows with sizes, what calls and what runs in
//! a loop is marked. The worst case is the verifier's: it counts rounds, sizes and calls, and the dearest way only.

use crate::args::{Format, GasArgs};
use crate::disasm::{code, is_sized, price};
use crate::exit::{Done, Exit};
use crate::output::{self, BOLD, DIM, RESET};
use crate::place::Places;
use crate::show::{self, BoundJson};
use crate::source::Source;
use eclvm::Policy;
use eclvm::kernel::gas::{GasLayer, GasUnits};
use eclvm::kernel::program::Program;
use eclvm::kernel::span::Span;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What stands on one line of the source (or, for bytecode, at one span).
#[derive(Clone, Default)]
struct Row {
    span: Span,
    units: GasUnits,
    /// Layers in which sizes or callees come on top.
    more: [bool; 4],
    repeats: bool,
}

#[derive(Serialize)]
struct PolicyJson<'p> {
    policy: &'p str,
    gas_bound: BoundJson,
    lines: Vec<RowJson>,
}

#[derive(Serialize)]
struct RowJson {
    /// Null for bytecode, which has no lines.
    line: Option<usize>,
    span: [u32; 2],
    network: u64,
    compute: u64,
    storage: u64,
    realm: u64,
    /// Whether sizes or callees come on top.
    grows: bool,
    /// Whether it may run more than once.
    repeats: bool,
    source: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: &GasArgs, format: Format) -> Done {
    let source = Source::load(&args.file)?;
    let policies = source.those(args.policy.as_deref())?;
    let places = source.text.as_deref().map(Places::new);
    match format {
        Format::Json => {
            for policy in policies {
                output::json(&policy_json(policy, places.as_ref()))?;
            }
        }
        Format::Text => {
            let parts: Vec<String> =
                policies.iter().map(|p| policy_text(&source, p, places.as_ref())).collect();
            output::styled(&parts.join("\n"))?;
        }
    }
    Ok(Exit::Done)
}

/// Instructions gathered by line; by span where there is no source. What costs nothing is left out.
fn rows(program: &Program, places: Option<&Places<'_>>) -> BTreeMap<(usize, u32), Row> {
    let mut rows: BTreeMap<(usize, u32), Row> = BTreeMap::new();
    for f in &program.functions {
        // From where to where backward jumps go: what lies between may run again.
        let loops: Vec<(usize, usize)> = code(program, f)
            .filter_map(|(at, instr)| instr.target().map(|target| (usize::from(target), at)))
            .filter(|(target, at)| target <= at)
            .collect();
        for (at, instr) in code(program, f) {
            let (layer, units) = price(*instr);
            if units == 0 {
                continue;
            }
            let span = program.spans.get(at).copied().unwrap_or_default();
            let key = match places {
                Some(places) => (places.of(span.start).0, 0),
                None => (span.start as usize, span.end),
            };
            let row = rows.entry(key).or_insert(Row { span, ..Row::default() });
            row.span = row.span.to(span);
            row.units[layer] = row.units[layer].saturating_add(units);
            if let (true, Some(more)) = (is_sized(f, *instr), row.more.get_mut(layer as usize)) {
                *more = true;
            }
            row.repeats |= loops.iter().any(|(from, to)| (*from..=*to).contains(&at));
        }
    }
    rows
}

fn policy_json<'p>(policy: &'p Policy, places: Option<&Places<'_>>) -> PolicyJson<'p> {
    let lines = rows(policy.program(), places).into_iter().map(|((line, _), row)| RowJson {
        line: places.map(|_| line),
        span: crate::diagnostics::span_json(row.span),
        network: row.units.network,
        compute: row.units.compute,
        storage: row.units.storage,
        realm: row.units.realm,
        grows: row.more.contains(&true),
        repeats: row.repeats,
        source: places.map(|places| places.line(line).to_owned()),
    });
    PolicyJson {
        policy: policy.name(),
        gas_bound: show::bound_json(policy.bound(), policy.max_gas()),
        lines: lines.collect(),
    }
}

fn policy_text(source: &Source, policy: &Policy, places: Option<&Places<'_>>) -> String {
    let mut out = String::new();
    let place = source.text.as_deref().map(|text| (source.name.as_str(), text));
    let bound = show::bound(policy.bound(), policy.max_gas(), place);
    let _ = writeln!(out, "{BOLD}policy {}{RESET}: {bound}", output::tame(policy.name()));
    let heading = if places.is_some() { "line" } else { "bytes" };
    let _ = writeln!(out, "{DIM}{heading:>13}  network  compute  storage    realm{RESET}");
    for ((line, _), row) in rows(policy.program(), places) {
        let label = match places {
            Some(_) => line.to_string(),
            None => format!("{}..{}", row.span.start, row.span.end),
        };
        let _ = write!(out, "{label:>13}");
        for (layer, more) in GasLayer::ALL.into_iter().zip(row.more) {
            let cell = match row.units[layer] {
                0 => String::new(),
                n => format!("{n}{}", if more { "+" } else { "" }),
            };
            let _ = write!(out, "{cell:>9}");
        }
        let mark = if row.repeats { "loop" } else { "" };
        let text = places.map_or("", |places| places.line(line));
        let _ = writeln!(out, "  {DIM}{mark:<4}{RESET}  {}", output::tame(text));
    }
    out
}
