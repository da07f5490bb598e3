//! V2 to V6, in one walk over each function.

use super::bound::Worst;
use super::constants::Facts;
use super::flow::{Flow, Registers, no_free_cycle};
use super::jumps::Jumps;
use super::plain::{Bases, Plain, of_constants};
use super::prices::fixed_price;
use super::{VerifyError, Violation, operands};
use crate::gas::GasLayer;
use crate::isa::Op;
use crate::program::{Function, Program, StdInput};
use smallvec::SmallVec;

/// What the walk has met in a function, so that nobody need look for what is not there.
#[derive(Clone, Copy)]
pub(super) struct Met {
    /// Calls.
    pub(super) calls: bool,
    /// Jumps backwards.
    pub(super) back: bool,
    /// Instructions whose price depends on more than themselves.
    pub(super) sized: bool,
    /// What it comes to, where there is none of these.
    pub(super) worst: Worst,
}

/// By function; most programs have few.
pub(super) type Functions<T> = SmallVec<[T; 4]>;

pub(super) fn check(p: &Program, facts: &[Facts], jumps: &Jumps) -> Result<Functions<Met>, VerifyError> {
    let constants = of_constants(facts);
    let mut registers = Bases::new();
    let mut all = Functions::with_capacity(p.functions.len());
    for f in &p.functions {
        let plain = Plain::new(p, f, &mut registers, &constants);
        let met = match f.registers.len() {
            0..=64 => function::<u64>(p, f, facts, jumps, &plain)?,
            _ => function::<Box<[u64]>>(p, f, facts, jumps, &plain)?,
        };
        all.push(met);
    }
    Ok(all)
}

fn function<Set: Registers>(
    p: &Program,
    f: &Function,
    facts: &[Facts],
    jumps: &Jumps,
    plain: &Plain<'_>,
) -> Result<Met, VerifyError> {
    let mut flow = Flow::<Set>::new(p, f, jumps);
    let (mut calls, mut sized) = (false, false);
    // V6: who mentions `trust` begins with loading it, and nobody else does.
    let loads_trust = p.mentions(StdInput::Trust);
    let code = p.code.get(f.start as usize..f.end as usize).unwrap_or(&[]);
    for (pc, instr) in (f.start as usize..).zip(code.iter().copied()) {
        let at = |violation| VerifyError::at(pc, violation);
        if !plain.is_sound(instr) {
            operands::check(p, facts, f, instr).map_err(at)?;
        }
        if (instr.op == Op::EntryTrust) != (pc == 0 && loads_trust) {
            return Err(at(Violation::EntryTrust));
        }
        let price = fixed_price(p, f, instr);
        flow.step(pc, instr, price.unwrap_or((GasLayer::Compute, 0))).map_err(at)?;
        calls |= instr.op == Op::Call;
        sized |= price.is_none();
    }
    if flow.may_be_free {
        no_free_cycle(p, f)?;
    }
    Ok(Met { calls, back: flow.back, sized, worst: flow.worst })
}
