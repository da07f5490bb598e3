//! What instructions cost at most, for the static gas bound.

use super::bound_sizes::{self, Operands};
use crate::gas::GasLayer;
use crate::isa::{GasRule, Instr, Op};
use crate::program::{Function, Program};

/// What one instruction costs at most: of what, and how much of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost(pub(super) Of, pub(super) u64);

#[derive(Clone, Copy, Debug)]
pub(super) enum Of {
    Network,
    Compute,
    Storage,
    Realm,
    /// A call, and what the function of that number comes to.
    Call,
    /// Nobody knows.
    Unbounded,
}

impl Cost {
    pub(super) fn units(layer: GasLayer, n: u64) -> Cost {
        let of = match layer {
            GasLayer::Network => Of::Network,
            GasLayer::Compute => Of::Compute,
            GasLayer::Storage => Of::Storage,
            GasLayer::Realm => Of::Realm,
        };
        Cost(of, n)
    }
}

/// What an instruction without a fixed price costs at most; `at` are the sizes of its operands.
pub(super) fn cost(p: &Program, f: &Function, instr: Instr, at: &Operands) -> Cost {
    let compute = |n: u64| Cost(Of::Compute, n);
    let texts = || at.b.text.saturating_add(at.c.text).div_ceil(32);
    let elements = || at.b.elements.saturating_add(at.c.elements).div_ceil(8);
    match instr.op.info().gas {
        GasRule::Fixed(..) if instr.op == Op::Call => Cost(Of::Call, u64::from(instr.b)),
        GasRule::Text => compute(1 + texts()),
        GasRule::Equal => match bound_sizes::compared(p, f, instr) {
            Some(ty) if ty.is_array() => compute(1 + elements() + texts()),
            _ => compute(1 + texts()),
        },
        GasRule::Search => compute(1 + elements() + texts()),
        GasRule::Put => Cost(Of::Storage, 10 + at.b.bytes.saturating_add(at.c.bytes).div_ceil(64)),
        GasRule::Event => Cost(Of::Storage, 2 + at.b.bytes.saturating_add(at.c.bytes).div_ceil(64)),
        // The policy of another realm is not known.
        _ => Cost(Of::Unbounded, 0),
    }
}

/// Layer and units of opcodes that cost the same wherever they stand, by opcode; [`NOT_FIXED`] for the rest.
static FIXED: [(GasLayer, u8); 256] = {
    let mut out = [(GasLayer::Compute, NOT_FIXED); 256];
    let mut lines = Op::TABLE;
    while let Some((line, rest)) = lines.split_first() {
        if let Some((slot, _)) = out.split_at_mut(line.op as usize).1.split_first_mut() {
            *slot = match (line.gas, line.op) {
                (_, Op::Call | Op::CrossRealm) => (GasLayer::Compute, NOT_FIXED),
                (GasRule::Free, _) => (GasLayer::Compute, 0),
                (GasRule::EntryTrust, _) => (GasLayer::Network, 5),
                (GasRule::Fixed(layer, units), _) if units < NOT_FIXED as u32 => (layer, units as u8),
                _ => (GasLayer::Compute, NOT_FIXED),
            };
        }
        lines = rest;
    }
    out
};
const NOT_FIXED: u8 = u8::MAX;

/// The units that an instruction costs at most, where they depend on nothing but itself and types.
#[inline(always)]
pub(super) fn fixed_price(p: &Program, f: &Function, instr: Instr) -> Option<(GasLayer, u64)> {
    match FIXED.get(instr.op as usize) {
        Some(&(layer, units)) if units != NOT_FIXED => Some((layer, u64::from(units))),
        _ => other_price(p, f, instr),
    }
}

#[inline(never)]
fn other_price(p: &Program, f: &Function, instr: Instr) -> Option<(GasLayer, u64)> {
    match instr.op.info().gas {
        // One that needs more than a byte.
        GasRule::Fixed(layer, units) if !matches!(instr.op, Op::Call | Op::CrossRealm) => {
            Some((layer, u64::from(units)))
        }
        GasRule::PerElement => Some((GasLayer::Compute, u64::from(instr.c))),
        GasRule::Equal if !bound_sizes::compares_sized(p, f, instr) => Some((GasLayer::Compute, 1)),
        _ => None,
    }
}
