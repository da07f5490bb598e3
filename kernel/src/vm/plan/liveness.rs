//! Which registers are read later on: a fused pair may drop its temporary where no way on reads it.

use crate::isa::Instr;
use crate::program::{Function, Program};
use smallvec::SmallVec;

/// Of one function at a time.
#[derive(Default)]
pub(super) struct Liveness {
    /// For each instruction, the registers that are read from it on; empty where everything counts as read.
    before: SmallVec<[u64; 64]>,
    /// The function's first instruction.
    base: usize,
}

impl Liveness {
    /// Backward passes until nothing changes: one where nothing jumps `back`, else one for each level of loops and one
    /// more. In frames of more than 64 registers, and in code that needs more than eight passes, everything counts as
    /// read.
    pub(super) fn of(&mut self, p: &Program, f: &Function, back: bool) {
        self.base = f.start as usize;
        self.before.clear();
        let code = p.code.get(f.start as usize..f.end as usize).unwrap_or(&[]);
        if f.registers.len() > 64 {
            return;
        }
        self.before.resize(code.len(), 0);
        let params = |id: u16| p.functions.get(usize::from(id)).map_or(0, |f| f.params);
        for _ in 0..8 {
            let mut changed = false;
            let mut live = 0u64;
            for (at, instr) in code.iter().enumerate().rev() {
                if instr.is_end() {
                    live = 0;
                }
                // Jumps backward read what the last pass found.
                if let Some(target) = instr.target() {
                    live |= self.from(usize::from(target));
                }
                if let Some(r) = instr.written() {
                    live &= !(1u64 << (r % 64));
                }
                instr.for_each_read(params, |r| live |= 1u64 << (r % 64));
                if let Some(slot) = self.before.get_mut(at) {
                    changed |= *slot != live;
                    *slot = live;
                }
            }
            if !(changed && back) {
                return;
            }
        }
        self.before.clear();
    }
    /// What is read from an instruction on.
    fn from(&self, pc: usize) -> u64 {
        pc.checked_sub(self.base).and_then(|at| self.before.get(at)).copied().unwrap_or(u64::MAX)
    }
    /// Whether nobody reads `r` from the instruction at `pc` on.
    pub(super) fn dead_from(&self, pc: usize, r: u16) -> bool {
        r < 64 && !self.before.is_empty() && self.from(pc) >> r & 1 == 0
    }
    /// Whether nobody reads `r` behind the instruction at `pc`.
    pub(super) fn dead_after(&self, pc: usize, instr: Instr, r: u16) -> bool {
        if r >= 64 || self.before.is_empty() {
            return false;
        }
        let next = if instr.is_end() { 0 } else { self.from(pc + 1) };
        let live = next | instr.target().map_or(0, |target| self.from(usize::from(target)));
        live >> r & 1 == 0
    }
}
