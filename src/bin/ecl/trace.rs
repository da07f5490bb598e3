//! `ecl run --trace`: what was charged, in the order in which it happened.
//!
//! A run ends at the first instruction that its gas limit cannot pay, and its receipt says which that is. So the
//! instructions of a run can be read off by running it under each limit below its bill. That takes no machinery in the
//! engine, and what is shown is what was charged, by construction. The first 2 000 units are shown.

use crate::args::Format;
use crate::output;
use crate::place::Places;
use eclvm::Policy;
use eclvm::clock::SystemClock;
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::fault::{Exhaustion, Outcome};
use eclvm::kernel::gas::{GasLayer, GasUnits};
use eclvm::kernel::receipt::Receipt;
use eclvm::kernel::request::{Env, Request};
use eclvm::kernel::span::Span;
use eclvm::kernel::vm::Vm;
use serde::Serialize;

/// Units that are traced at most: the time it takes grows with their square.
const MOST_GAS: u64 = 2_000;

/// One instruction that was charged.
struct Step {
    span: Span,
    /// What had been charged before it.
    before: GasUnits,
}

#[derive(Serialize)]
struct Line {
    before: u64,
    layer: &'static str,
    units: u64,
    span: [u32; 2],
}

/// Shows the instructions of a run on standard error; `receipt` is what the run came to.
pub(crate) fn show(
    policy: &Policy,
    request: &Request<'_>,
    env: &Env<'_>,
    receipt: &Receipt,
    source: Option<&str>,
    format: Format,
) {
    let steps = steps(policy, request, env, receipt);
    let places = source.map(Places::new);
    let ends = steps.iter().skip(1).map(|step| step.before).chain([receipt.gas]);
    for (step, after) in steps.iter().zip(ends) {
        let before = sum(&step.before);
        let changed = GasLayer::ALL.into_iter().find(|layer| after[*layer] > step.before[*layer]);
        let layer = changed.unwrap_or(GasLayer::Compute);
        let units = after[layer].saturating_sub(step.before[layer]);
        let Span { start, end } = step.span;
        match (format, &places) {
            (Format::Json, _) => {
                output::talk_json(&Line { before, layer: layer.name(), units, span: [start, end] });
            }
            (Format::Text, Some(places)) => {
                let (line, column) = places.of(start);
                let text = output::tame(&places.excerpt(step.span, 60));
                output::talk(&format!(
                    "{before:>6} {:<8}{units:>5}  {line}:{column}  {text}\n",
                    layer.name()
                ));
            }
            (Format::Text, None) => {
                output::talk(&format!("{before:>6} {:<8}{units:>5}  bytes {start}..{end}\n", layer.name()));
            }
        }
    }
    if sum(&receipt.gas) > MOST_GAS {
        output::talk(&format!("the trace shows the first {MOST_GAS} units of gas\n"));
    }
}

fn steps(policy: &Policy, request: &Request<'_>, env: &Env<'_>, receipt: &Receipt) -> Vec<Step> {
    let mut vm = Vm::new();
    let clock = SystemClock::new();
    let mut steps: Vec<Step> = Vec::new();
    for gas_limit in 0..receipt.cost.min(MOST_GAS) {
        let limits = BudgetLimits { gas_limit, ..env.limits };
        let cut = vm.run(policy.executable(), request, &Env { limits, clock: &clock, ..*env });
        let (Outcome::Exhausted(Exhaustion::OutOfGas), Some(span)) = (cut.outcome, cut.span) else { break };
        // Several limits end at one instruction that costs several units.
        if steps.last().is_none_or(|last| last.before != cut.gas) {
            steps.push(Step { span, before: cut.gas });
        }
    }
    steps
}

fn sum(units: &GasUnits) -> u64 {
    GasLayer::ALL.iter().fold(0, |sum, layer| sum + units[*layer])
}
