//! Which planned programs are quick, and their code.
//!
//! Calls are unfolded: each gets registers of its own behind its caller's, so that a run has one flat set of them. What
//! recurses does not fit, nor does what writes, logs, joins text or asks other realms.

use super::access::Use;
use super::code::{QuickOp, specialised};
use super::gate;
use super::input::Load;
use super::scan::{self, Scan};
use super::spread::{Homes, spread};
use super::unfold::{MOST, Unfold, Window};
use super::units::{Place, sum_up, window};
use crate::program::{EffectKind, StdInput};
use crate::types::{Base, Ty};
use crate::vm::plan::{Executable, PlanOp};

/// The register in which a standard input stays.
pub(super) const fn standard(x: u8) -> u8 {
    FIRST_STANDARD + (x & 3)
}
const FIRST_STANDARD: u8 = u8::MAX - 3;
/// Holds a constant that an instruction has no place for.
pub(super) const SCRATCH: u8 = FIRST_STANDARD - 1;

/// A program that is quick.
#[derive(Clone, Debug)]
pub(crate) struct QuickPlan {
    pub(super) ops: Vec<QuickOp>,
    /// For each instruction, where it comes from and what stands before it.
    pub(super) places: Vec<Place>,
    /// Loops that are tables.
    pub(super) scans: Vec<Scan>,
    /// Instructions of the rarer kind, as the full machine has them, on this plan's registers.
    pub(super) straight: Vec<PlanOp>,
    pub(super) start: u16,
    /// Whether the caller and the realm are interned.
    pub(super) interns: bool,
    /// Units between two looks at the clock.
    pub(super) window: i64,
    /// What is done with each input.
    pub(super) loads: Vec<Load>,
    mentions: u8,
    /// Where each standard input goes before the start, besides the register that it always has.
    pub(super) standard: [u8; 4],
    /// The six registers of the standard input `trust`, where it is spread.
    pub(super) trust: Option<u8>,
    /// Whether it makes values on the arena.
    pub(super) arena: bool,
    /// Call depth that it needs.
    pub(super) depth: u32,
    pub(super) result: Ty,
    /// Whether it is bool (or bool?).
    pub(super) result_is_truth: bool,
    pub(super) expression: bool,
    /// The whole of it, where it is a gate.
    pub(super) gate: Option<QuickOp>,
}

impl QuickPlan {
    #[inline(always)]
    pub(super) fn mentions(&self, input: StdInput) -> bool {
        self.mentions >> input as u8 & 1 == 1
    }
    /// Plans a program for quick runs; None where it needs the full machine.
    pub(crate) fn new(exe: &Executable) -> Option<QuickPlan> {
        let p = exe.program();
        // A write in dead code leaves no instruction, but its policy still needs the grant.
        if p.effect == EffectKind::Write {
            return None;
        }
        let mut loads: Vec<Load> = p.inputs.iter().map(|input| Load::of(input.ty)).collect::<Option<_>>()?;
        let room = exe.ops.len().min(MOST);
        let mut unfold = Unfold {
            exe,
            ops: Vec::with_capacity(room),
            places: Vec::with_capacity(room),
            straight: Vec::new(),
            interns: false,
            depth: 0,
            start: 0,
            free: 0,
        };
        unfold.function(0, &Window::default(), None, 0)?;
        let Unfold { mut ops, mut places, straight, interns, depth, start, free, .. } = unfold;
        let standard = [0u8, 1, 2, 3].map(|x| {
            let asked = exe.standard.get(usize::from(x)).copied().flatten();
            asked.map_or(standard(x), |r| r as u8)
        });
        let only_trust = loads.is_empty() && p.mentions == 1 << StdInput::Trust as u8;
        let gate = if only_trust { gate::plan(ops.get(usize::from(start)), standard) } else { None };
        let [_, _, trust, _] = standard;
        let asked = (p.mentions >> StdInput::Trust as u8 & 1 == 1).then_some(trust);
        let vectors =
            (0..=u8::MAX).zip(&loads).filter(|(_, load)| load.is_vector()).map(|(register, _)| register);
        let code = ops.get_mut(usize::from(start)..)?;
        let homes = spread(code, &straight, vectors, asked, free);
        place_inputs(&mut loads, &homes, &ops, &straight, interns);
        for op in &mut ops {
            *op = specialised(*op);
        }
        sum_up(&mut ops, &mut places)?;
        let window = window(&ops);
        let scans = scan::find(&mut ops);
        let result = p.functions.first()?.result;
        Some(QuickPlan {
            arena: !straight.is_empty(),
            window,
            ops,
            places,
            scans,
            straight,
            interns,
            start,
            loads,
            mentions: p.mentions,
            standard,
            trust: asked.and_then(|register| homes.of(register)),
            depth,
            result,
            result_is_truth: !result.is_array() && result.base() == Base::Bool,
            expression: p.expression,
            gate,
        })
    }
}

/// Says of each input where it goes, and whether it is interned: where an instruction wants its handle.
fn place_inputs(loads: &mut [Load], homes: &Homes, ops: &[QuickOp], straight: &[PlanOp], interns: bool) {
    let mut read = [0u64; 4];
    if interns {
        for op in ops {
            op.for_each_use(straight, |register, how| {
                if let (Use::Read, Some(word)) = (how, read.get_mut(usize::from(register >> 6))) {
                    *word |= 1 << (register & 63);
                }
            });
        }
    }
    for (register, load) in (0..=u8::MAX).zip(loads) {
        let read = read.get(usize::from(register >> 6)).is_some_and(|word| word >> (register & 63) & 1 == 1);
        load.place(register, homes.of(register), read);
    }
}
