//! The bill of a quick plan's code, which running it need not add up.
//!
//! Let every instruction say how many Compute units stand before it in the plan, from its first instruction on. What is run
//! straight on then costs the difference of two such sums, and nothing need be added while it runs. Only a jump that is
//! taken leaves the order of the plan: it adds the sum through itself less the sum before its target. Where the run
//! ends, what jumps have added and the sum through the last instruction are the units of all that ran.
//!
//! What an instruction on texts costs depends on their lengths. Where one side is a constant, a short text on the other is
//! counted as if it were part of the code; only a longer one, and none at all, add a difference.

use super::code::{Quick, QuickOp, is_jump};
use super::plan::QuickPlan;
use crate::limits::TICKS_PER_LOOK;

/// Where an instruction stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// The portable instruction that it ends with.
    pub(super) source: u32,
    /// Units before it, in plan order.
    pub(super) before: u32,
    /// Units through it.
    pub(super) through: u32,
}

impl QuickPlan {
    #[inline(always)]
    pub(super) fn place(&self, pc: usize) -> Place {
        self.places.get(pc).copied().unwrap_or_default()
    }
    #[inline(always)]
    pub(super) fn units_through(&self, pc: usize) -> u64 {
        u64::from(self.place(pc).through)
    }
    #[inline(always)]
    pub(super) fn units_before(&self, pc: usize) -> u64 {
        u64::from(self.place(pc).before)
    }
}

/// What an instruction costs until sums are made: itself, and whoever goes on behind it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    pub(super) own: u32,
    pub(super) behind: u32,
}

impl Place {
    /// A place whose sums are still to come.
    pub(super) fn priced(source: u32, cost: Cost) -> Place {
        Place { source, before: cost.own, through: cost.behind }
    }
}

/// The units of an instruction on interned texts, where the text is short.
pub(super) fn fixed_units(op: &QuickOp) -> u32 {
    let priced = matches!(op.code, Quick::TextIs | Quick::TextIn | Quick::DidIn | Quick::StartsWithK);
    if priced { u32::from(op.c.unsigned_abs()) } else { 0 }
}

/// Turns the costs of all instructions into sums; None where one is too large to be written down.
pub(super) fn sum_up(ops: &mut [QuickOp], places: &mut [Place]) -> Option<()> {
    let mut sum = 0u32;
    for place in places.iter_mut() {
        let cost = Cost { own: place.before, behind: place.through };
        place.before = sum;
        place.through = sum.checked_add(cost.own)?;
        sum = place.through.checked_add(cost.behind)?;
    }
    for (op, from) in ops.iter_mut().zip(&*places) {
        if is_jump(op.code) {
            // Back behind the head of a `for` means to pay what stands behind it, as who comes from the head does.
            let head = || places.get(usize::from(op.to).checked_sub(1)?);
            let before = match op.code {
                Quick::ForNext => head()?.through,
                Quick::ElemNext => {
                    let head = head()?;
                    op.k = u64::from(head.through - head.before);
                    head.through
                }
                _ if op.c == PAST => head()?.before,
                _ if op.c == BEHIND => head()?.through,
                _ => places.get(usize::from(op.to))?.before,
            };
            op.c = i16::try_from(i64::from(from.through) - i64::from(before)).ok()?;
        }
    }
    Some(())
}

/// Until sums are made, `c` of a jump says what it pays at its target: all from there on; or the instruction before it
/// too, which it passes over; or what stands behind the one before it, as who comes from there does.
pub(super) const AT: i16 = 0;
pub(super) const PAST: i16 = 1;
pub(super) const BEHIND: i16 = 2;

/// Bytes that one unit is for, in texts.
const BYTES: i64 = 32;

/// Units of `bytes` of a constant and of a text of 1 to as many bytes as the second number says.
pub(super) fn fixed(bytes: u64) -> (u64, u8) {
    let units = bytes / BYTES as u64 + 1;
    (units, (units * BYTES as u64 - bytes) as u8)
}

/// What a text of `len` bytes costs more than one of up to `most`.
#[inline]
pub(super) fn beyond(len: u64, most: u8) -> i64 {
    (len as i64 - i64::from(most) + BYTES - 1).div_euclid(BYTES)
}

/// Units after which the clock is looked at. A round of a loop costs a unit or more (V5), and stands for as much work as it
/// has instructions; an instruction priced by size counts twice its units.
pub(super) fn window(ops: &[QuickOp]) -> i64 {
    let longest = ops
        .iter()
        .enumerate()
        .filter(|(_, op)| is_jump(op.code))
        .fold(2, |longest, (pc, op)| longest.max((pc + 1).saturating_sub(usize::from(op.to))));
    TICKS_PER_LOOK as i64 / longest as i64
}
