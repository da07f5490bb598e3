//! Receipts and bounds in words.

use crate::output::{BOLD, DIM, GREEN, RED, RESET, YELLOW, tame};
use crate::place::Places;
use eclvm::kernel::effects::{Effect, StoreValue};
use eclvm::kernel::fault::Outcome;
use eclvm::kernel::gas::{GasLayer, GasUnits};
use eclvm::kernel::program::Program;
use eclvm::kernel::receipt::Receipt;
use eclvm::kernel::value::Value;
use eclvm::kernel::verify::{Bound, GasBound};
use eclvm::wire::value_json;
use serde::Serialize;
use std::fmt::Write;

/// A receipt for people: the decision, where it fell, the bill. `source` is the file's name and text, where there is one.
pub(crate) fn receipt(
    program: &Program,
    receipt: &Receipt,
    source: Option<(&str, &str)>,
    duration_us: f64,
) -> String {
    let mut out = decision(program, receipt);
    out.push('\n');
    if let (Some(span), Some((name, text))) = (receipt.span, source) {
        let places = Places::new(text);
        let (line, column) = places.of(span.start);
        let _ = writeln!(out, "  at {name}:{line}:{column}: {}", tame(&places.excerpt(span, 80)));
    }
    if let Some(value) = receipt.value(program) {
        let _ = writeln!(out, "  value {}", tame(&value_json(&value)));
    }
    for line in receipt.log() {
        let _ = writeln!(out, "  log {}", tame(line));
    }
    for effect in receipt.effects() {
        let _ = writeln!(out, "  {}", tame(&change(effect)));
    }
    let _ = writeln!(
        out,
        "  {DIM}gas {} ({}), mana {}, {}{RESET}",
        receipt.cost,
        units(receipt.gas),
        receipt.mana,
        time(duration_us * 1_000.0)
    );
    out
}

/// The outcome and its reason.
pub(crate) fn decision(program: &Program, receipt: &Receipt) -> String {
    match receipt.outcome {
        Outcome::Allow => format!("{GREEN}{BOLD}allow{RESET}"),
        Outcome::Deny => match program.message(receipt.message) {
            Some(message) => format!("{YELLOW}{BOLD}deny{RESET}: {}", tame(message)),
            None => format!("{YELLOW}{BOLD}deny{RESET}"),
        },
        Outcome::Fault(fault) => format!("{RED}{BOLD}fault{RESET}: {fault}"),
        Outcome::Exhausted(reason) => format!("{RED}{BOLD}exhausted{RESET}: {reason}"),
    }
}

/// A value as `eval` prints it: text as it is, all else as in JSON.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Did(text) => text.to_string(),
        Value::Number(n) if n.is_nan() => "NaN".to_owned(),
        Value::Number(n) if n.is_infinite() => if *n > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        other => value_json(other),
    }
}

fn change(effect: &Effect) -> String {
    match effect {
        Effect::StorePut { realm, key, value } => {
            let value = match value {
                StoreValue::Text(text) => value_json(&Value::Text(text.clone())),
                StoreValue::Number(n) => value_json(&Value::Number(*n)),
                StoreValue::Bool(b) => b.to_string(),
            };
            format!("store `{key}` = {value} in realm `{realm}`")
        }
        Effect::StoreDelete { realm, key } => format!("delete `{key}` in realm `{realm}`"),
        Effect::TrustUpdate { did, new, .. } => {
            format!("trust of {did} becomes {}", value_json(&Value::Trust(*new)))
        }
        Effect::Vote { realm, proposal, yes, .. } => {
            format!("vote {} on `{proposal}` in realm `{realm}`", if *yes { "yes" } else { "no" })
        }
        Effect::Emit { name, payload: Value::Null } => format!("emit `{name}`"),
        Effect::Emit { name, payload } => format!("emit `{name}` {}", value_json(payload)),
    }
}

/// Units per layer: `network 5, compute 3`; layers without any are left out.
pub(crate) fn units(units: GasUnits) -> String {
    let spent: Vec<String> = GasLayer::ALL
        .iter()
        .filter(|layer| units[**layer] > 0)
        .map(|layer| format!("{} {}", layer.name(), units[*layer]))
        .collect();
    if spent.is_empty() { "none".to_owned() } else { spent.join(", ") }
}

/// Nanoseconds in a unit that suits them.
pub(crate) fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1_000.0 => format!("{ns:.0} ns"),
        ns if ns < 1_000_000.0 => format!("{:.1} us", ns / 1_000.0),
        ns if ns < 1_000_000_000.0 => format!("{:.1} ms", ns / 1_000_000.0),
        ns => format!("{:.2} s", ns / 1_000_000_000.0),
    }
}

/// A static bound as JSON: null where a layer, or the whole, is unbounded.
#[derive(Serialize)]
pub(crate) struct BoundJson {
    network: Option<u64>,
    compute: Option<u64>,
    storage: Option<u64>,
    realm: Option<u64>,
    cost: Option<u64>,
    /// What makes it unbounded.
    unbounded: Option<[u32; 2]>,
}

/// A static bound as an object.
pub(crate) fn bound_json(bound: &GasBound, cost: Option<u64>) -> BoundJson {
    let layer = |layer| match bound.layer(layer) {
        Bound::Finite(units) => Some(units),
        Bound::Unbounded(_) => None,
    };
    BoundJson {
        network: layer(GasLayer::Network),
        compute: layer(GasLayer::Compute),
        storage: layer(GasLayer::Storage),
        realm: layer(GasLayer::Realm),
        cost,
        unbounded: bound.unbounded_at().map(crate::diagnostics::span_json),
    }
}

/// A static bound in words: `at most 8 (network 5, compute 3)`, or what makes it unbounded.
pub(crate) fn bound(bound: &GasBound, cost: Option<u64>, source: Option<(&str, &str)>) -> String {
    if let (Some(cost), Some(finite)) = (cost, bound.units()) {
        return format!("at most {cost} ({})", units(finite));
    }
    let layers: Vec<&str> = GasLayer::ALL
        .iter()
        .filter(|layer| matches!(bound.layer(**layer), Bound::Unbounded(_)))
        .map(|layer| layer.name())
        .collect();
    let mut out = format!("unbounded ({})", layers.join(", "));
    if let Some(span) = bound.unbounded_at() {
        match source {
            Some((name, text)) => {
                let places = Places::new(text);
                let (line, column) = places.of(span.start);
                let _ =
                    write!(out, ", because of {name}:{line}:{column}: {}", tame(&places.excerpt(span, 60)));
            }
            None => {
                let _ = write!(out, ", because of the source's bytes {}..{}", span.start, span.end);
            }
        }
    }
    out
}
