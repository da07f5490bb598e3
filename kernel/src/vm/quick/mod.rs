//! Runs that need no machinery.
//!
//! Most policies compare, ask the host a few questions and answer. They write nothing, so that a run of theirs can be
//! given up at any point and begun again without anybody noticing. That is what makes them quick: such a run handles the
//! ordinary case only, on 256 registers in an array (a byte names one, so that there is nothing to check), with texts left
//! in the request and trust vectors spread over registers (`input`, `spread`), with loops that only compare elements as tables
//! (`scan`), and with a bill that only adds up where it jumps (`units`). Whether the bill was within the limit is asked **once, at the end**: if it was, it was all the way
//! up to there. What is out of the ordinary (an input of the wrong type, a limit that is reached, a host that fails) is
//! left to the full machine, which runs the request from the start and alone decides what it means. Loops look at the
//! clock as often as they do there. The differential tests run both.

mod access;
mod code;
mod end;
mod exec;
mod gate;
mod input;
mod join;
mod plan;
mod reads;
mod scan;
mod spread;
mod translate;
mod unfold;
mod units;

pub(crate) use plan::QuickPlan;

use super::plan::Executable;
use super::run::{KEPT_WORDS, Vm};
use crate::fault::Outcome;
use crate::gas::{GasUnits, Prices};
use crate::program::StdInput;
use crate::receipt::{Detail, Receipt};
use crate::request::{Env, Request};
use crate::value::ValueRef;
use end::{End, How};
use exec::execute;
use reads::{Given, Room, trust_of};

/// Registers of a quick run, those of unfolded calls included. A byte names one; behind the last there are some more, so
/// that also six in a row need no look at where they end.
pub(super) const REGISTERS: usize = 264;

impl Vm {
    /// Runs a program quickly, if it and the request are of the ordinary kind, and fully if not.
    #[inline(always)]
    pub(super) fn run_quickly<const METERED: bool>(
        &mut self,
        exe: &Executable,
        request: &Request<'_>,
        env: &Env<'_>,
    ) -> Receipt {
        match &exe.quick {
            Some(plan) if plan.gate.is_some() => run_gate::<METERED>(self, plan, exe, request, env),
            Some(plan) => run::<METERED>(self, plan, exe, request, env),
            None => self.run_as::<METERED>(exe, request, env, None),
        }
    }
}

/// The version of the state, where nothing but the request's values can be out of the ordinary.
#[inline(always)]
fn ordinary(plan: &QuickPlan, request: &Request<'_>, env: &Env<'_>) -> Option<u64> {
    let plain = env.shared.is_none()
        && env.prices == Prices::default()
        && !request.unknown_keys
        && request.inputs.len() <= plan.loads.len()
        && env.now.is_finite()
        && env.limits.depth() >= plan.depth;
    match env.host {
        _ if !plain => None,
        None => Some(0),
        Some(host) => host.is_fast().then(|| host.version()),
    }
}

/// Runs a plan that is one instruction.
#[inline(never)]
fn run_gate<const METERED: bool>(
    vm: &mut Vm,
    plan: &QuickPlan,
    exe: &Executable,
    request: &Request<'_>,
    env: &Env<'_>,
) -> Receipt {
    'leave: {
        let (Some(op), Some(version)) = (&plan.gate, ordinary(plan, request, env)) else { break 'leave };
        let start = usize::from(plan.start);
        let Some((passed, network)) = gate::run(op, request, env) else { break 'leave };
        let gas = GasUnits { network, compute: plan.units_through(start), ..GasUnits::ZERO };
        let cost = gas.network + gas.compute;
        if METERED && cost > env.limits.gas_limit {
            break 'leave;
        }
        let (outcome, span) = match passed {
            true => (Outcome::Allow, None),
            false => (Outcome::Deny, span(exe, plan, start)),
        };
        return Receipt { outcome, message: None, span, gas, cost, mana: 0, version, detail: None };
    }
    vm.run_as::<METERED>(exe, request, env, None)
}

/// Runs what is no gate.
#[inline(never)]
fn run<const METERED: bool>(
    vm: &mut Vm,
    plan: &QuickPlan,
    exe: &Executable,
    request: &Request<'_>,
    env: &Env<'_>,
) -> Receipt {
    let mut started = None;
    'leave: {
        let Some(version) = ordinary(plan, request, env) else { break 'leave };
        if vm.words.capacity() > KEPT_WORDS {
            vm.make_room();
        }
        let Vm { bump, words, quick: registers, .. } = vm;
        if plan.arena {
            bump.reset();
        }
        words.clear();
        let given = Given { exe, plan, request, env };
        if !input::load(&given, words, registers) {
            break 'leave;
        }
        let mut network = 0;
        if let (Some(host), true) = (env.host, plan.mentions(StdInput::Trust)) {
            let ValueRef::Did(caller) = request.caller else { break 'leave };
            let Some(vector) = trust_of(Some(host), caller.as_str()) else { break 'leave };
            input::put_trust(plan, words, registers, &vector);
            network = 5;
        }
        let mut room = Room { bump, words, made: 0 };
        let end = execute::<METERED>(&given, &mut room, registers, network, &mut started);
        let End { how, pc, network, compute } = end;
        let mut code = plan.units_through(pc);
        let (outcome, message) = match how {
            How::Return(1) if plan.result_is_truth => (Outcome::Allow, None),
            How::Return(_) => (Outcome::Deny, None),
            How::Deny(message) => (Outcome::Deny, message),
            How::Exhausted(reason) => (Outcome::Exhausted(reason), None),
            How::Fault(fault) => {
                code = plan.units_before(pc) + unpaid(exe, plan, pc);
                (Outcome::Fault(fault), None)
            }
            How::Leave => break 'leave,
        };
        let gas = GasUnits { network, compute: code.wrapping_add_signed(compute), ..GasUnits::ZERO };
        let cost = gas.compute.saturating_add(gas.network);
        if METERED && cost > env.limits.gas_limit {
            break 'leave;
        }
        let span = if outcome == Outcome::Allow { None } else { span(exe, plan, pc) };
        let detail = match how {
            How::Return(slot) if plan.expression && !(plan.result_is_truth && slot <= 1) => {
                Some(value(room, &given, slot))
            }
            _ => None,
        };
        return Receipt { outcome, message, span, gas, cost, mana: 0, version, detail };
    }
    vm.run_as::<METERED>(exe, request, env, started)
}

#[cold]
fn value(mut room: Room<'_>, given: &Given<'_, '_>, slot: u64) -> Box<Detail> {
    let (constants, ty) = (&given.exe.constants, given.plan.result);
    let value = room.memory(given, |memory| memory.value(constants, ty, slot));
    Box::new(Detail { value: Some(value), ..Detail::default() })
}

fn span(exe: &Executable, plan: &QuickPlan, pc: usize) -> Option<crate::span::Span> {
    let source = plan.place(pc).source as usize;
    Some(exe.program().spans.get(source).copied().unwrap_or_default())
}

/// Units of the straight run that ends early with `pc`, itself included.
#[cold]
fn unpaid(exe: &Executable, plan: &QuickPlan, pc: usize) -> u64 {
    let last = plan.place(pc).source as usize;
    (exe.run_start(last)..=last).map(|pc| exe.straight_units(pc)).sum()
}
