//! Which planned programs are quick, and their code.
//!
//! Calls are unfolded: each gets registers of its own behind its caller's, so that a run has one flat set of them. What
//! recurses does not fit, nor does what writes, logs, joins text or asks other realms.

use super::REGISTERS;
use super::code::{Quick, QuickOp, specialised};
use super::gate;
use super::input::Kind;
use super::unfold::{MOST, Unfold, Window};
use super::units::{Place, sum_up, window};
use crate::program::{EffectKind, StdInput};
use crate::types::{Base, Ty};
use crate::vm::plan::{Executable, PlanOp};

/// The register in which a standard input stays.
pub(super) const fn standard(x: u8) -> u8 {
    FIRST_STANDARD + (x & 3)
}
const FIRST_STANDARD: u8 = (REGISTERS - 4) as u8;
/// Holds a constant that an instruction has no place for.
pub(super) const SCRATCH: u8 = FIRST_STANDARD - 1;

/// A program that is quick.
#[derive(Clone, Debug)]
pub(crate) struct QuickPlan {
    pub(super) ops: Vec<QuickOp>,
    /// For each instruction, where it comes from and what stands before it.
    pub(super) places: Vec<Place>,
    /// Instructions of the rarer kind, as the full machine has them, on this plan's registers.
    pub(super) straight: Vec<PlanOp>,
    pub(super) start: u16,
    /// Whether texts that come in are interned.
    pub(super) interns: bool,
    /// Units between two looks at the clock.
    pub(super) window: i64,
    pub(super) kinds: Vec<Kind>,
    mentions: u8,
    /// Where each standard input goes before the start, besides the register that it always has.
    pub(super) standard: [u8; 4],
    /// Whether it puts anything on the arena: texts and DIDs among its inputs, and values that it makes.
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
    pub(super) fn only_mentions(&self, input: StdInput) -> bool {
        self.mentions == 1 << input as u8
    }
    /// Plans a program for quick runs; None where it needs the full machine.
    pub(crate) fn new(exe: &Executable) -> Option<QuickPlan> {
        let p = exe.program();
        // A write in dead code leaves no instruction, but its policy still needs the grant.
        if p.effect == EffectKind::Write {
            return None;
        }
        let kinds: Vec<Kind> = p.inputs.iter().map(|input| Kind::of(input.ty)).collect::<Option<_>>()?;
        let room = exe.ops.len().min(MOST);
        let mut unfold = Unfold {
            exe,
            ops: Vec::with_capacity(room),
            places: Vec::with_capacity(room),
            straight: Vec::new(),
            interns: false,
            depth: 0,
            start: 0,
        };
        unfold.function(0, &Window::default(), None, 0)?;
        for op in &mut unfold.ops {
            op.code = specialised(op.code, op.x);
        }
        sum_up(&mut unfold.ops, &mut unfold.places)?;
        let result = p.functions.first()?.result;
        let makes = unfold.ops.iter().any(|op| op.code == Quick::Straight);
        let textual = |base: Base| matches!(base, Base::Text | Base::Did);
        let said = 1u8 << StdInput::Caller as u8 | 1 << StdInput::Realm as u8;
        let mut plan = QuickPlan {
            arena: kinds.iter().any(|kind| textual(kind.base)) || p.mentions & said != 0 || makes,
            window: window(&unfold.ops),
            ops: unfold.ops,
            places: unfold.places,
            straight: unfold.straight,
            interns: unfold.interns,
            start: unfold.start,
            kinds,
            mentions: p.mentions,
            standard: [0u8, 1, 2, 3].map(|x| {
                let asked = exe.standard.get(usize::from(x)).copied().flatten();
                asked.map_or(standard(x), |r| r as u8)
            }),
            depth: unfold.depth,
            result,
            result_is_truth: !result.is_array() && result.base() == Base::Bool,
            expression: p.expression,
            gate: None,
        };
        plan.gate = gate::plan(&plan);
        Some(plan)
    }
}
