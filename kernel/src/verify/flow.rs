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

/// A set of registers; frames of up to 64 stay off the heap.
type Set = SmallVec<[u64; 1]>;

fn has(set: &[u64], r: u16) -> bool {
    set.get(usize::from(r) / 64).is_some_and(|word| word >> (r % 64) & 1 == 1)
}
fn add(set: &mut [u64], r: u16) {
    if let Some(word) = set.get_mut(usize::from(r) / 64) {
        *word |= 1 << (r % 64);
    }
}
fn contains_all(set: &[u64], subset: &[u64]) -> bool {
    set.iter().zip(subset).all(|(s, sub)| s & sub == *sub)
}

/// What is known at the instructions of one function that are jumped to.
struct Known {
    /// The number of the function's first such instruction.
    first: usize,
    /// Words of a set.
    words: usize,
    /// Set after set, each behind a word that says whether anything has come there yet.
    sets: Vec<u64>,
}

impl Known {
    fn begin(&mut self, p: &Program, f: &Function, jumps: &Jumps) {
        let (start, end) = (f.start as usize, f.end as usize);
        self.first = jumps.before(start);
        self.words = f.registers.len().div_ceil(64);
        self.sets.clear();
        // A forward way is there, or not, before anything reads it; see `initialised`.
        let targets = if end <= p.code.len() { jumps.before(end) - self.first } else { 0 };
        self.sets.resize(targets * (self.words + 1), 0);
    }
    /// Whether anything has come to that instruction, and what is known there.
    fn at(&mut self, number: usize) -> Option<(&mut u64, &mut [u64])> {
        let size = self.words + 1;
        let from = number.checked_sub(self.first)? * size;
        self.sets.get_mut(from..from + size)?.split_first_mut()
    }
    /// One more way there.
    fn meet(&mut self, number: usize, known: &[u64]) {
        let Some((come, there)) = self.at(number) else { return };
        if *come == 0 {
            *come = 1;
            there.copy_from_slice(known);
        } else {
            there.iter_mut().zip(known).for_each(|(word, here)| *word &= here);
        }
    }
}

pub(super) fn check(p: &Program, jumps: &Jumps) -> Result<(), VerifyError> {
    let mut known_at = Known { first: 0, words: 0, sets: Vec::new() };
    for f in &p.functions {
        known_at.begin(p, f, jumps);
        let back = initialised(p, f, jumps, &mut known_at)?;
        if back {
            no_free_cycle(p, f)?;
        }
    }
    Ok(())
}

/// V4. Says whether the function jumps backwards.
fn initialised(p: &Program, f: &Function, jumps: &Jumps, known_at: &mut Known) -> Result<bool, VerifyError> {
    let mut known: Set = SmallVec::from_elem(0, known_at.words);
    for r in 0..f.params {
        add(&mut known, r);
    }
    let mut reached = true;
    let mut back = false;
    let params = |id: u16| p.functions.get(usize::from(id)).map_or(0, |f| f.params);
    let code = p.code.get(f.start as usize..f.end as usize).unwrap_or(&[]);
    for (pc, instr) in (f.start as usize..).zip(code.iter().copied()) {
        // Ways from earlier jumps meet the fall-through here. The merged set stays, for backward jumps to compare.
        match jumps.number(pc) {
            Some(number) => {
                if reached {
                    known_at.meet(number, &known);
                }
                match known_at.at(number) {
                    Some((1, there)) => known.copy_from_slice(there),
                    _ => return Err(VerifyError::at(pc, Violation::Unreachable)),
                }
            }
            None if !reached => return Err(VerifyError::at(pc, Violation::Unreachable)),
            None => {}
        }
        let mut unknown = false;
        instr.for_each_read(params, |r| unknown |= !has(&known, r));
        if unknown {
            return Err(VerifyError::at(pc, Violation::Uninitialised));
        }
        if let Some(target) = instr.target().map(usize::from) {
            let number = jumps.number(target).unwrap_or(usize::MAX);
            if target > pc {
                known_at.meet(number, &known);
            } else if instr.op != Op::Jump {
                return Err(VerifyError::at(pc, Violation::FreeCycle));
            } else {
                back = true;
                if !known_at.at(number).is_some_and(|(_, then)| contains_all(&known, then)) {
                    return Err(VerifyError::at(pc, Violation::Uninitialised));
                }
            }
        }
        if let Some(r) = instr.written() {
            add(&mut known, r);
        }
        reached = !instr.is_end();
    }
    Ok(back)
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
