//! V4 (initialised before use, everything reachable) and V5 (no free cycles).
//!
//! V4 needs no fixpoint: in code order, the registers known at an instruction are those known on every forward way to
//! it. A backward jump then must know all that its target was taken to know; where it does, the single pass was the
//! fixpoint, and where it does not, the program is refused (the compiler never makes one, since a loop's body only adds).

use super::{VerifyError, Violation};
use crate::isa::{Instr, Op};
use crate::program::{Function, Program};
use smallvec::SmallVec;

/// A set of registers; frames of up to 64 stay off the heap.
type Set = SmallVec<[u64; 1]>;

fn has(set: &Set, r: u16) -> bool {
    set.get(usize::from(r) / 64).is_some_and(|word| word >> (r % 64) & 1 == 1)
}
fn add(set: &mut Set, r: u16) {
    if let Some(word) = set.get_mut(usize::from(r) / 64) {
        *word |= 1 << (r % 64);
    }
}
fn contains_all(set: &Set, subset: &Set) -> bool {
    set.iter().zip(subset).all(|(s, sub)| s & sub == *sub)
}

pub(super) fn check(p: &Program) -> Result<(), VerifyError> {
    let mut known_at: Vec<Option<Set>> = vec![None; p.code.len()];
    for f in &p.functions {
        let back = initialised(p, f, &mut known_at)?;
        if back {
            no_free_cycle(p, f)?;
        }
    }
    Ok(())
}

/// V4. Says whether the function jumps backwards.
fn initialised(p: &Program, f: &Function, known_at: &mut [Option<Set>]) -> Result<bool, VerifyError> {
    let mut known: Set = SmallVec::from_elem(0, f.registers.len().div_ceil(64));
    for r in 0..f.params {
        add(&mut known, r);
    }
    let mut reached = true;
    let mut back = false;
    for pc in f.start as usize..f.end as usize {
        let Some(instr) = p.code.get(pc).copied() else { break };
        // Ways from earlier jumps meet the fall-through here. The merged state stays, for backward jumps to compare.
        if let Some(slot) = known_at.get_mut(pc) {
            match slot {
                Some(from_jumps) if reached => {
                    for (word, other) in known.iter_mut().zip(from_jumps.iter_mut()) {
                        *word &= *other;
                        *other = *word;
                    }
                }
                Some(from_jumps) => known.clone_from(from_jumps),
                None if !reached => return Err(VerifyError::at(pc, Violation::Unreachable)),
                None => {}
            }
        }
        let mut unknown = false;
        let params = |id: u16| p.functions.get(usize::from(id)).map_or(0, |f| f.params);
        instr.for_each_read(params, |r| unknown |= !has(&known, r));
        if unknown {
            return Err(VerifyError::at(pc, Violation::Uninitialised));
        }
        // A loop's head must be remembered before anything jumps back to it; any instruction may be one.
        if let Some(target) = instr.target().map(usize::from) {
            if target <= pc {
                back = true;
                if instr.op != Op::Jump {
                    return Err(VerifyError::at(pc, Violation::FreeCycle));
                }
            } else if let Some(slot) = known_at.get_mut(target) {
                match slot {
                    Some(there) => there.iter_mut().zip(&known).for_each(|(word, here)| *word &= here),
                    None => *slot = Some(known.clone()),
                }
            }
        }
        if let Some(r) = instr.written() {
            add(&mut known, r);
        }
        reached = !instr.is_end();
    }
    if back {
        back_jumps_know(p, f, known_at)?;
    }
    Ok(back)
}

/// The second half of V4, for functions with loops: the same pass again, comparing at each backward jump. What a loop's
/// head was taken to know is recomputed on the way.
fn back_jumps_know(p: &Program, f: &Function, known_at: &[Option<Set>]) -> Result<(), VerifyError> {
    let start = f.start as usize;
    let len = f.end as usize - start;
    let mut is_head = vec![false; len];
    for instr in p.code.get(start..f.end as usize).unwrap_or(&[]) {
        if let Some(slot) = instr.target().and_then(|t| is_head.get_mut(usize::from(t) - start)) {
            *slot = true;
        }
    }
    let mut heads: Vec<(usize, Set)> = Vec::new();
    let mut known: Set = SmallVec::from_elem(0, f.registers.len().div_ceil(64));
    for r in 0..f.params {
        add(&mut known, r);
    }
    for pc in start..f.end as usize {
        let Some(instr) = p.code.get(pc).copied() else { break };
        if let Some(Some(merged)) = known_at.get(pc) {
            known.clone_from(merged);
        }
        if is_head.get(pc - start).copied().unwrap_or(false) {
            heads.push((pc, known.clone()));
        }
        if let Some(target) = instr.target().map(usize::from).filter(|t| *t <= pc) {
            let head = heads.binary_search_by_key(&target, |(at, _)| *at).ok().and_then(|i| heads.get(i));
            if !head.is_some_and(|(_, then)| contains_all(&known, then)) {
                return Err(VerifyError::at(pc, Violation::Uninitialised));
            }
        }
        if let Some(r) = instr.written() {
            add(&mut known, r);
        }
    }
    Ok(())
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
