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
    /// Backward passes until jumps backwards have found what is so: one where nothing jumps back, else about one for each
    /// level of loops and one more, over the loops only. In frames of more than 64 registers, and in code that needs more
    /// than eight passes, everything counts as read.
    pub(super) fn of(&mut self, p: &Program, f: &Function) {
        self.base = f.start as usize;
        self.before.clear();
        let code = p.code.get(f.start as usize..f.end as usize).unwrap_or(&[]);
        if f.registers.len() > 64 {
            return;
        }
        self.before.resize(code.len(), 0);
        let (base, before) = (self.base, self.before.as_mut_slice());
        // Jumps backwards, the last one first: where each stands, its target, and what it took for read there.
        let mut backwards: SmallVec<[(usize, usize, u64); 4]> = SmallVec::new();
        // What another pass has to look at: from here down, and below there while anything changes.
        let (mut from, mut through) = (code.len(), 0);
        for _ in 0..8 {
            backwards.clear();
            let mut live = 0u64;
            for (at, instr) in code.iter().enumerate().take(from).rev() {
                let uses = instr.uses();
                if instr.is_end() {
                    live = 0;
                }
                if uses.jumps() {
                    let target = usize::from(instr.c);
                    let there = look_up(before, base, target);
                    live |= there;
                    if target <= base + at {
                        backwards.push((at, target, there));
                    }
                }
                let bit = |r: u16, on: u8| u64::from(on & 1) << (r % 64);
                let reads = uses.reads();
                live &= !bit(instr.a, u8::from(uses.writes()));
                live |= bit(instr.a, reads) | bit(instr.b, reads >> 1) | bit(instr.c, reads >> 2);
                if uses.rows() {
                    let params = |id: u16| p.functions.get(usize::from(id)).map_or(0, |f| f.params);
                    let (first, count) = instr.row(params);
                    live |= (first..first.saturating_add(count)).fold(0, |row, r| row | bit(r, 1));
                }
                let Some(slot) = before.get_mut(at) else { continue };
                if at < through && *slot == live {
                    break;
                }
                *slot = live;
            }
            if backwards.iter().all(|(_, target, then)| look_up(before, base, *target) == *then) {
                return;
            }
            from = backwards.first().map_or(0, |(at, ..)| at + 1);
            through = backwards.iter().map(|(_, target, _)| target - base).min().unwrap_or(0);
        }
        self.before.clear();
    }
    /// What is read from an instruction on.
    fn from(&self, pc: usize) -> u64 {
        look_up(&self.before, self.base, pc)
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

#[inline]
fn look_up(before: &[u64], base: usize, pc: usize) -> u64 {
    pc.checked_sub(base).and_then(|at| before.get(at)).copied().unwrap_or(u64::MAX)
}
