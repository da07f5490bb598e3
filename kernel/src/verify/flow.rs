//! V4 (initialised before use, everything reachable), V5 (no free cycles), and V7 where it is as simple as that.
//!
//! V4 needs no fixpoint: in code order, the registers known at an instruction are those known on every forward way to
//! it. A backward jump then must know all that its target was taken to know; where it does, the single pass was the
//! fixpoint, and where it does not, the program is refused (the compiler never makes one, since a loop's body only adds).

use super::bound::Worst;
use super::jumps::{Jumps, Targets};
use super::{VerifyError, Violation};
use crate::gas::GasLayer;
use crate::isa::{Instr, Op};
use crate::program::{Function, Program};
use smallvec::SmallVec;

/// A set of registers of one function.
pub(super) trait Registers: Clone {
    fn none(count: usize) -> Self;
    fn has(&self, r: u16) -> bool;
    /// Whether it has those of an instruction's operands whose bits are set.
    #[inline]
    fn has_all(&self, instr: Instr, reads: u8) -> bool {
        (reads & 1 == 0 || self.has(instr.a))
            && (reads & 2 == 0 || self.has(instr.b))
            && (reads & 4 == 0 || self.has(instr.c))
    }
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
    /// Without a branch for each.
    #[inline(always)]
    fn has_all(&self, instr: Instr, reads: u8) -> bool {
        let [a, b, c] = [instr.a, instr.b, instr.c].map(|r| (!self >> (r % 64)) as u8 & 1);
        (a | b << 1 | c << 2) & reads == 0
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

/// What is known of the ways to an instruction.
#[derive(Clone)]
struct Way<Set> {
    /// The registers that each of them has written.
    written: Set,
    /// The dearest of them.
    worst: Worst,
    /// Whether one of them costs nothing since the head of a loop.
    free: bool,
}

impl<Set: Registers> Way<Set> {
    fn meet(&mut self, other: &Way<Set>) {
        self.written.meet(&other.written);
        self.worst.merge(&other.worst);
        self.free |= other.free;
    }
}

/// The way through a function, in code order.
pub(super) struct Flow<'p, Set> {
    p: &'p Program,
    targets: Targets<'p>,
    here: Way<Set>,
    /// What is known of each instruction that is jumped to; None where no forward way has come there.
    there: SmallVec<[Option<Way<Set>>; 4]>,
    /// The number of the function's first instruction that is jumped to, and of the next one.
    first: usize,
    number: usize,
    reached: bool,
    /// Whether the function jumps backwards.
    pub(super) back: bool,
    /// Whether some way from the head of a loop to a jump backwards costs nothing. Where none does, V5 holds: a cycle goes
    /// from a jump backwards to a head, and from there to the next one.
    pub(super) may_be_free: bool,
    /// The dearest way to an end.
    pub(super) worst: Worst,
}

impl<'p, Set: Registers> Flow<'p, Set> {
    /// Always inlined: it is large, and is to be made where it stays.
    #[inline(always)]
    pub(super) fn new(p: &'p Program, f: &Function, jumps: &'p Jumps) -> Flow<'p, Set> {
        let targets = jumps.targets();
        let mut written = Set::none(f.registers.len());
        for r in 0..f.params {
            written.add(r);
        }
        let first = targets.before(f.start as usize);
        let mut flow = Flow {
            p,
            targets,
            here: Way { written, worst: Worst::ZERO, free: false },
            there: SmallVec::new(),
            first,
            number: first,
            reached: true,
            back: false,
            may_be_free: false,
            worst: Worst::ZERO,
        };
        flow.there.resize(targets.before(f.end as usize) - first, None);
        flow
    }

    /// V4 of the next instruction, which is at `pc`, holds V2 and costs `n` units of a layer.
    #[inline(always)]
    pub(super) fn step(
        &mut self,
        pc: usize,
        instr: Instr,
        (layer, n): (GasLayer, u64),
    ) -> Result<(), Violation> {
        // Ways from earlier jumps meet the fall-through here. The merged set stays, for backward jumps to compare.
        if self.targets.is_target(pc) {
            self.join(pc)?;
        } else if !self.reached {
            return Err(Violation::Unreachable);
        }
        let uses = instr.uses();
        if !self.here.written.has_all(instr, uses.reads()) || (uses.rows() && !self.has_row(instr)) {
            return Err(Violation::Uninitialised);
        }
        self.here.worst.pay(layer, n);
        // Loading trust is free where it is an input.
        self.here.free &= n == 0 || instr.op == Op::EntryTrust;
        if uses.jumps() {
            self.jump(pc, instr, usize::from(instr.c))?;
        }
        if uses.writes() {
            self.here.written.add(instr.a);
        }
        self.reached = !instr.is_end();
        if !self.reached {
            // What is behind an instruction costs no less than the way to it, so that only the ends of ways count.
            self.worst.merge(&self.here.worst);
        }
        Ok(())
    }

    #[inline(never)]
    fn has_row(&self, instr: Instr) -> bool {
        let (first, count) = instr.row(|id| self.p.functions.get(usize::from(id)).map_or(0, |f| f.params));
        (0..count).all(|i| self.here.written.has(first.saturating_add(i)))
    }

    fn join(&mut self, pc: usize) -> Result<(), Violation> {
        let slot = self.there.get_mut(self.number - self.first).ok_or(Violation::Target)?;
        if self.reached {
            meet(slot, &self.here);
        }
        let there = slot.as_ref().ok_or(Violation::Unreachable)?;
        self.here.written.clone_from(&there.written);
        self.here.worst = there.worst;
        self.here.free = there.free || self.targets.is_head(pc);
        self.number += 1;
        Ok(())
    }

    fn jump(&mut self, pc: usize, instr: Instr, target: usize) -> Result<(), Violation> {
        let number = self.targets.number(target).and_then(|n| n.checked_sub(self.first));
        let there = number.and_then(|n| self.there.get_mut(n)).ok_or(Violation::Target)?;
        if target > pc {
            meet(there, &self.here);
            return Ok(());
        }
        if instr.op != Op::Jump {
            return Err(Violation::FreeCycle);
        }
        self.back = true;
        self.may_be_free |= self.here.free;
        let holds = there.as_ref().is_some_and(|then| self.here.written.contains(&then.written));
        holds.then_some(()).ok_or(Violation::Uninitialised)
    }
}

/// One more way to where `there` is known.
fn meet<Set: Registers>(there: &mut Option<Way<Set>>, here: &Way<Set>) {
    match there {
        Some(there) => there.meet(here),
        None => *there = Some(here.clone()),
    }
}

/// V5: a walk over the instructions that cost nothing; meeting one that is still on the way is a free cycle.
pub(super) fn no_free_cycle(p: &Program, f: &Function) -> Result<(), VerifyError> {
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
