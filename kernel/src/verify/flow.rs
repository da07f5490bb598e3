//! V4 (initialised before use, everything reachable) and V5 (no free cycles).
//!
//! V4 needs no fixpoint: in code order, the registers known at an instruction are those known on every forward way to
//! it. A backward jump then must know all that its target was taken to know; where it does, the single pass was the
//! fixpoint, and where it does not, the program is refused (the compiler never makes one, since a loop's body only adds).

use super::jumps::Jumps;
use super::{VerifyError, Violation};
use crate::isa::{Instr, Op};
use crate::program::{Function, Program};
use smallvec::SmallVec;

/// A set of registers of one function.
trait Registers: Clone {
    fn none(count: usize) -> Self;
    fn has(&self, r: u16) -> bool;
    fn add(&mut self, r: u16);
    /// Leaves what is in both.
    fn meet(&mut self, other: &Self);
    fn contains(&self, other: &Self) -> bool;
}

/// Frames of up to 64 registers, which is nearly all of them.
impl Registers for u64 {
    fn none(_: usize) -> u64 {
        0
    }
    #[inline]
    fn has(&self, r: u16) -> bool {
        self >> (r % 64) & 1 == 1
    }
    #[inline]
    fn add(&mut self, r: u16) {
        *self |= 1 << (r % 64);
    }
    fn meet(&mut self, other: &u64) {
        *self &= other;
    }
    fn contains(&self, other: &u64) -> bool {
        self & other == *other
    }
}

impl Registers for Box<[u64]> {
    fn none(count: usize) -> Box<[u64]> {
        vec![0; count.div_ceil(64)].into()
    }
    fn has(&self, r: u16) -> bool {
        self.get(usize::from(r) / 64).is_some_and(|word| word.has(r))
    }
    fn add(&mut self, r: u16) {
        if let Some(word) = self.get_mut(usize::from(r) / 64) {
            word.add(r);
        }
    }
    fn meet(&mut self, other: &Box<[u64]>) {
        self.iter_mut().zip(other).for_each(|(word, other)| word.meet(other));
    }
    fn contains(&self, other: &Box<[u64]>) -> bool {
        self.iter().zip(other).all(|(word, other)| word.contains(other))
    }
}

pub(super) fn check(p: &Program, jumps: &Jumps) -> Result<(), VerifyError> {
    for f in &p.functions {
        let back = match f.registers.len() {
            0..=64 => initialised::<u64>(p, f, jumps)?,
            _ => initialised::<Box<[u64]>>(p, f, jumps)?,
        };
        if back {
            no_free_cycle(p, f)?;
        }
    }
    Ok(())
}

/// V4. Says whether the function jumps backwards.
fn initialised<Set: Registers>(p: &Program, f: &Function, jumps: &Jumps) -> Result<bool, VerifyError> {
    let mut known = Set::none(f.registers.len());
    for r in 0..f.params {
        known.add(r);
    }
    // What is known at each instruction that is jumped to; None where no forward way has come there.
    let first = jumps.before(f.start as usize);
    let mut number = first;
    let mut there: SmallVec<[Option<Set>; 8]> =
        SmallVec::from_elem(None, jumps.before(f.end as usize) - first);
    let mut reached = true;
    let mut back = false;
    let params = |id: u16| p.functions.get(usize::from(id)).map_or(0, |f| f.params);
    let code = p.code.get(f.start as usize..f.end as usize).unwrap_or(&[]);
    for (pc, instr) in (f.start as usize..).zip(code.iter().copied()) {
        // Ways from earlier jumps meet the fall-through here. The merged set stays, for backward jumps to compare.
        if jumps.is_target(pc) {
            let Some(slot) = there.get_mut(number - first) else { break };
            if reached {
                meet(slot, &known);
            }
            match slot {
                Some(there) => known.clone_from(there),
                None => return Err(VerifyError::at(pc, Violation::Unreachable)),
            }
            number += 1;
        } else if !reached {
            return Err(VerifyError::at(pc, Violation::Unreachable));
        }
        let mut unknown = false;
        instr.for_each_read(params, |r| unknown |= !known.has(r));
        if unknown {
            return Err(VerifyError::at(pc, Violation::Uninitialised));
        }
        if let Some(target) = instr.target().map(usize::from) {
            let slot = jumps.number(target).and_then(|n| there.get_mut(n.checked_sub(first)?));
            if target > pc {
                if let Some(slot) = slot {
                    meet(slot, &known);
                }
            } else if instr.op != Op::Jump {
                return Err(VerifyError::at(pc, Violation::FreeCycle));
            } else {
                back = true;
                if !slot.is_some_and(|slot| slot.as_ref().is_some_and(|then| known.contains(then))) {
                    return Err(VerifyError::at(pc, Violation::Uninitialised));
                }
            }
        }
        if let Some(r) = instr.written() {
            known.add(r);
        }
        reached = !instr.is_end();
    }
    Ok(back)
}

/// One more way to where `there` is known.
fn meet<Set: Registers>(there: &mut Option<Set>, known: &Set) {
    match there {
        Some(there) => there.meet(known),
        None => *there = Some(known.clone()),
    }
}

/// V5: a walk over the instructions that cost nothing; meeting one that is still on the way is a free cycle.
fn no_free_cycle(p: &Program, f: &Function) -> Result<(), VerifyError> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        OnTheWay,
        Done,
    }
    let start = f.start as usize;
    let code: &[Instr] = p.code.get(start..f.end as usize).unwrap_or(&[]);
    let mut marks = vec![Mark::New; code.len()];
    let mut way: Vec<(usize, u8)> = Vec::new();
    for root in 0..code.len() {
        if marks.get(root) != Some(&Mark::New) {
            continue;
        }
        way.push((root, 0));
        while let Some((at, step)) = way.pop() {
            let (Some(instr), Some(mark)) = (code.get(at), marks.get_mut(at)) else { continue };
            if step == 0 {
                match *mark {
                    Mark::OnTheWay => return Err(VerifyError::at(start + at, Violation::FreeCycle)),
                    Mark::Done => continue,
                    Mark::New if !instr.is_free() => {
                        *mark = Mark::Done;
                        continue;
                    }
                    Mark::New => *mark = Mark::OnTheWay,
                }
            }
            // Steps 0 and 1 visit the two ways on, step 2 leaves.
            let next = match step {
                0 => (!instr.is_end()).then_some(at + 1),
                1 => instr.target().map(|t| usize::from(t) - start),
                _ => {
                    *mark = Mark::Done;
                    continue;
                }
            };
            way.push((at, step + 1));
            if let Some(next) = next {
                way.push((next, 0));
            }
        }
    }
    Ok(())
}
