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

/// In place of a home: none. Six registers from here on there are not.
const NOWHERE: u8 = u8::MAX;

/// For each register, the first of six that its vector is spread over.
pub(super) struct Homes([u8; 256]);

impl Homes {
    const NONE: Homes = Homes([NOWHERE; 256]);

    pub(super) fn of(&self, register: u8) -> Option<u8> {
        self.0.get(usize::from(register)).copied().filter(|home| *home != NOWHERE)
    }
}

/// Registers, a bit for each.
#[derive(Clone, Copy, Default)]
struct Registers([u64; 4]);

impl Registers {
    fn has(&self, register: u8) -> bool {
        self.0.get(usize::from(register / 64)).is_some_and(|word| word >> (register % 64) & 1 == 1)
    }
    fn add(&mut self, register: u8) {
        self.0.get_mut(usize::from(register / 64)).into_iter().for_each(|word| *word |= 1 << (register % 64));
    }
    fn remove(&mut self, register: u8) {
        self.0
            .get_mut(usize::from(register / 64))
            .into_iter()
            .for_each(|word| *word &= !(1 << (register % 64)));
    }
    /// Takes out the first.
    fn pop(&mut self) -> Option<u8> {
        let (at, word) = self.0.iter_mut().enumerate().find(|(_, word)| **word != 0)?;
        let bit = word.trailing_zeros();
        *word &= *word - 1;
        Some(at as u8 * 64 + bit as u8)
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
    // The candidates, and those that no instruction may write.
    let mut fits = Registers::default();
    for register in inputs.chain(trust) {
        fits.add(register);
    }
    let given = fits;
    for op in ops.iter().filter(|op| op.code == Quick::LoadTrust) {
        fits.add(op.a);
    }
    if fits.0 == [0; 4] {
        return Homes::NONE;
    }
    for op in &*ops {
        op.for_each_use(straight, |register, how| match how {
            Use::Vector => {}
            Use::NewVector if !given.has(register) => {}
            _ => fits.remove(register),
        });
        // `trust` may be asked for again, and is then to be found where it stays.
        if let (Quick::Move, Some(trust)) = (op.code, trust.filter(|_| op.b == STAYS)) {
            fits.remove(trust);
        }
    }
    // A distance is of two that are spread, or of two that are not.
    loop {
        let mut changed = false;
        for op in ops.iter().filter(|op| is_distance(op)) {
            let (b, c) = (op.b, op.c as u8);
            if fits.has(b) != fits.has(c) {
                fits.remove(b);
                fits.remove(c);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let mut homes = Homes::NONE;
    let mut next = SCRATCH;
    while let Some(register) = fits.pop() {
        // Two of a distance must not be parted: all or none.
        if u16::from(next) < free + u16::from(SIX) {
            return Homes::NONE;
        }
        next -= SIX;
        if let Some(home) = homes.0.get_mut(usize::from(register)) {
            *home = next;
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
