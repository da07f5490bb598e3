//! Trust vectors over six registers each.
//!
//! A vector is a handle, where it may go anywhere. Most are only asked for components, norms and distances: then the six
//! numbers have registers of their own, and a component of it is as near as any number.

use super::access::Use;
use super::code::{ANY, COMPONENT_SHIFT, Quick, QuickOp};
use super::plan::{SCRATCH, standard};
use crate::program::StdInput;
use crate::vm::plan::PlanOp;

/// Where the standard input `trust` stays.
const STAYS: u8 = standard(StdInput::Trust as u8);
/// Components of a vector.
const SIX: u8 = 6;

/// For each register, the first of six that its vector is spread over.
pub(super) struct Homes([Option<u8>; 256]);

impl Homes {
    pub(super) fn of(&self, register: u8) -> Option<u8> {
        self.0.get(usize::from(register)).copied().flatten()
    }
}

/// Spreads what can be: vectors among `inputs`, the standard one, which is loaded to register `trust`, and those that hosts
/// give. Registers from `free` on are nobody's.
pub(super) fn spread(
    ops: &mut [QuickOp],
    straight: &[PlanOp],
    inputs: impl Iterator<Item = u8>,
    trust: Option<u8>,
    free: u16,
) -> Homes {
    let mut homes = Homes([None; 256]);
    // The candidates, and how many instructions may write each.
    let mut fits = [false; 256];
    let mut given = [false; 256];
    let mut any = false;
    for register in inputs.chain(trust) {
        set(&mut fits, register, true);
        set(&mut given, register, true);
        any = true;
    }
    for op in ops.iter().filter(|op| op.code == Quick::LoadTrust && !is(&given, op.a)) {
        set(&mut fits, op.a, true);
        any = true;
    }
    if !any {
        return homes;
    }
    for op in &*ops {
        op.for_each_use(straight, |register, how| match how {
            Use::Vector => {}
            Use::NewVector if !is(&given, register) => {}
            _ => set(&mut fits, register, false),
        });
        // `trust` may be asked for again, and is then to be found where it stays.
        if let (Quick::Move, Some(trust)) = (op.code, trust.filter(|_| op.b == STAYS)) {
            set(&mut fits, trust, false);
        }
    }
    // A distance is of two that are spread, or of two that are not.
    loop {
        let mut changed = false;
        for op in ops.iter().filter(|op| is_distance(op)) {
            let (b, c) = (op.b, op.c as u8);
            if is(&fits, b) != is(&fits, c) {
                set(&mut fits, b, false);
                set(&mut fits, c, false);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let mut next = SCRATCH;
    for (register, home) in (0..=u8::MAX).zip(homes.0.iter_mut()) {
        if is(&fits, register) && u16::from(next) >= free + u16::from(SIX) {
            next -= SIX;
            *home = Some(next);
        }
        // Two of a distance must not be parted.
        else if is(&fits, register) {
            return Homes([None; 256]);
        }
    }
    for op in ops {
        rewrite(op, &homes);
    }
    homes
}

fn is_distance(op: &QuickOp) -> bool {
    matches!(op.code, Quick::TrustDistance | Quick::DistanceRequireK)
}

fn is(set: &[bool; 256], register: u8) -> bool {
    set.get(usize::from(register)).copied().unwrap_or(false)
}

fn set(set: &mut [bool; 256], register: u8, to: bool) {
    if let Some(slot) = set.get_mut(usize::from(register)) {
        *slot = to;
    }
}

/// An instruction on numbers, or on six registers, for one on a vector.
fn rewrite(op: &mut QuickOp, homes: &Homes) {
    let component = |home: u8| home + (op.x >> COMPONENT_SHIFT).min(SIX - 1);
    let left =
        |code: Quick| homes.of(op.a).map(|home| QuickOp { code, x: op.x & ANY, a: component(home), ..*op });
    let six = |code: Quick| homes.of(op.b).map(|home| QuickOp { code, b: home, ..*op });
    let two = |code: Quick| match (homes.of(op.b), homes.of(op.c as u8)) {
        (Some(b), Some(c)) => Some(QuickOp { code, b, c: i16::from(c), ..*op }),
        _ => None,
    };
    let new = match op.code {
        Quick::FieldJumpK => left(Quick::CompareJumpK),
        Quick::FieldRequireK => left(Quick::CompareRequireK),
        Quick::FieldReturnK => left(Quick::CompareReturnK),
        Quick::FieldCompareK => homes.of(op.b).map(|home| QuickOp {
            code: Quick::CompareK,
            x: op.x & ANY,
            b: component(home),
            ..*op
        }),
        Quick::Field => {
            homes.of(op.b).map(|home| QuickOp { code: Quick::Move, b: home + op.x.min(SIX - 1), ..*op })
        }
        Quick::NormRequireK => six(Quick::NormOfSixRequireK),
        Quick::TrustNorm => six(Quick::NormOfSix),
        Quick::TrustDistance => two(Quick::DistanceOfSix),
        Quick::DistanceRequireK => two(Quick::DistanceOfSixRequireK),
        Quick::LoadTrust => homes.of(op.a).map(|home| QuickOp { code: Quick::LoadSix, a: home, ..*op }),
        _ => None,
    };
    if let Some(new) = new {
        *op = new;
    }
}
