//! Unfolding: one flat list of instructions from a planned program's functions.

use super::code::{Quick, QuickOp, is_jump};
use super::join::{branched, inverted, joined, next_element, returned};
use super::plan::SCRATCH;
use super::units::{AT, BEHIND, Cost, PAST, Place, fixed_units};
use crate::vm::plan::{Code, DEAD, DEAD_ARGUMENTS, Executable, PlanOp};
use smallvec::SmallVec;

/// Most instructions of a quick program: unfolding must not make a small program large.
pub(super) const MOST: usize = 2_048;
/// Deepest call that is unfolded.
const DEEPEST: u32 = 8;

/// Instructions that jump to the end of an unfolded function.
pub(super) type Ends = SmallVec<[usize; 8]>;

/// A program on its way into a quick plan.
pub(super) struct Unfold<'p> {
    pub(super) exe: &'p Executable,
    pub(super) ops: Vec<QuickOp>,
    pub(super) places: Vec<Place>,
    pub(super) straight: Vec<PlanOp>,
    pub(super) interns: bool,
    pub(super) depth: u32,
    pub(super) start: u16,
    /// The first register that nobody uses.
    pub(super) free: u16,
}

impl Unfold<'_> {
    /// The code of a function with its registers in `w`; what it returns goes to register `dst`, and it goes on
    /// behind. None for the body, which ends the run. Says which of its instructions jump to its end.
    pub(super) fn function(&mut self, id: usize, w: &Window, dst: Option<u8>, depth: u32) -> Option<Ends> {
        let exe = self.exe;
        let (from, registers) = exe.functions.get(id).map(|f| (f.entry as usize, f.registers))?;
        let to = exe.functions.get(id + 1).map_or(exe.ops.len(), |f| f.entry as usize);
        let top = w.base.checked_add(registers)?;
        if top > u16::from(SCRATCH) || depth > DEEPEST {
            return None;
        }
        self.depth = self.depth.max(depth);
        self.free = self.free.max(top);
        let mut place: SmallVec<[u16; 64]> = SmallVec::with_capacity(to - from + 1);
        let first = self.ops.len();
        // Jumps in the function's own code, and those to its end.
        let (mut jumps, mut ends): (SmallVec<[usize; 8]>, Ends) = Default::default();
        // Where the last unfolded call ended: several ways may lead there, from its `inner` ends.
        let (mut meeting, mut inner) = (first, Ends::new());
        let mut branches: SmallVec<[(Ends, usize); 2]> = SmallVec::new();
        for (at, op) in exe.ops.get(from..to)?.iter().enumerate() {
            place.push(self.ops.len() as u16);
            if self.ops.len() > MOST {
                return None;
            }
            let source = exe.source.get(from + at).copied()?;
            match (op.code, dst) {
                (Code::Call, _) => {
                    let callee = self.arguments(source, op, w, top, meeting)?;
                    inner = self.function(usize::from(op.b), &callee, Some(w.at(op.a)), depth + 1)?;
                    meeting = self.ops.len();
                }
                (Code::Return | Code::CmpReturn | Code::CmpReturnK | Code::FieldCmpReturnK, Some(dst)) => {
                    let own = op.code == Code::Return && usize::from(op.a) >= w.params.len();
                    let fits = |last: &QuickOp| if own { returned(last, w.at(op.a), dst) } else { None };
                    if !(self.ops.len() > meeting && self.join(source, op.cost, fits)) {
                        let answer = self.answer(op, w, dst);
                        self.push(source, op.cost, answer);
                    }
                    ends.push(self.ops.len());
                    self.push(source, 0, QuickOp { c: AT, ..quick(Quick::Jump, op, w) });
                }
                // Who goes on behind what stands before it pays, unless something jumps in between.
                (Code::Charge, _) if self.ops.len() > meeting && self.goes_on(source) => {
                    let last = self.places.last_mut()?;
                    last.through = last.through.checked_add(op.cost)?;
                }
                _ => {
                    let (cost, op) = (op.cost, self.op(source, op, w)?);
                    let open = self.ops.len() > meeting;
                    if !(open && self.join(source, cost, |last| joined(last, &op))) {
                        self.push(source, cost, op);
                    }
                    // A branch over a jump that costs nothing.
                    let over = |branch: &QuickOp| {
                        if usize::from(branch.to) == from + at + 1 { inverted(branch, &op) } else { None }
                    };
                    let jump_only = op.code == Quick::Jump && cost == 0 && self.ops.len() > meeting + 1;
                    if jump_only && self.ops.last().is_some_and(|last| last.code == Quick::Jump) {
                        self.shorten(source, over);
                    }
                    let last = self.ops.len() - 1;
                    if last == meeting && !inner.is_empty() {
                        branches.push((core::mem::take(&mut inner), last));
                    }
                    if is_jump(op.code) && jumps.last() != Some(&last) {
                        jumps.push(last);
                    }
                }
            }
        }
        // The last return need not jump.
        if ends.last().is_some_and(|last| last + 1 == self.ops.len()) {
            ends.pop();
            self.ops.pop();
            self.places.pop();
        }
        let end = self.ops.len();
        place.push(end as u16);
        for at in jumps {
            let mut op = self.ops.get(at).copied()?;
            op.to = place.get(usize::from(op.to).checked_sub(from)?).copied()?;
            if op.c == PAST {
                op.to += 1;
            }
            if let Some(next) = self.ops.get(usize::from(op.to)).and_then(|head| next_element(head, &op)) {
                op = next;
            }
            *self.ops.get_mut(at)? = op;
        }
        for at in &ends {
            self.ops.get_mut(*at)?.to = end as u16;
        }
        if id == 0 {
            self.start = place.get((exe.start as usize).checked_sub(from)?).copied()?;
        }
        for (ends, branch) in branches {
            for at in ends {
                self.branch_early(at, branch);
            }
        }
        Some(ends)
    }

    /// Where a function answers a question and jumps to its end, and the caller branches on the answer there: the branch is
    /// taken where the answer is found, and else the way goes on behind the caller's branch.
    fn branch_early(&mut self, jump: usize, branch: usize) -> Option<()> {
        let (wanted, costs) = (*self.ops.get(branch)?, *self.places.get(branch)?);
        let (answer, place) = (self.ops.get_mut(jump.checked_sub(1)?)?, self.places.get_mut(jump - 1)?);
        if wanted.x & DEAD == 0 || place.through != 0 {
            return None;
        }
        *answer = branched(answer, &wanted)?;
        place.before += costs.before;
        let to = u16::try_from(branch + 1).ok()?;
        let (op, place) = match (self.ops.get(branch + 1), self.places.get(branch + 1)) {
            // What is there jumps as well.
            (Some(op), Some(place)) if op.code == Quick::ElemNext => {
                (*op, Place { before: place.before + costs.through, ..*place })
            }
            _ => (QuickOp { to, c: BEHIND, ..*self.ops.get(jump)? }, *self.places.get(jump)?),
        };
        *self.ops.get_mut(jump)? = op;
        *self.places.get_mut(jump)? = place;
        Some(())
    }

    /// What a called function finds in the place of its registers: parameters that it does not write need no registers of
    /// their own.
    fn arguments(
        &mut self,
        source: u32,
        op: &PlanOp,
        w: &Window,
        top: u16,
        meeting: usize,
    ) -> Option<Window> {
        let exe = self.exe;
        let callee = usize::from(op.b);
        let params = exe.functions.get(callee)?.params;
        let mut own = Window { base: top, params: SmallVec::new() };
        if !exe.reads_parameters_only(callee) {
            self.push(source, op.cost, quick(Quick::Nothing, op, w));
            for i in 0..params {
                let (a, b) = (u8::try_from(top.checked_add(i)?).ok()?, w.at(op.c.checked_add(i)?));
                self.push(source, 0, QuickOp { a, b, ..quick(Quick::Move, op, w) });
            }
            return Some(own);
        }
        own.params = (0..params).map(|i| Some(w.at(op.c.checked_add(i)?))).collect::<Option<_>>()?;
        // Where nobody reads the arguments any more, the moves that made them are left out, from the last one back; but none
        // before the one that a run starts with, whose place is taken already.
        let first = exe.source.get(exe.start as usize).copied()?;
        let mut at = source;
        while op.x == DEAD_ARGUMENTS && !exe.is_target(at) && self.ops.len() > meeting {
            let (Some(last), Some(place)) = (self.ops.last().copied(), self.places.last().copied()) else {
                break;
            };
            let fits = last.code == Quick::Move
                && place.before == 0
                && place.through == 0
                && place.source + 1 == at
                && place.source >= first
                && own.params.contains(&last.a)
                && !own.params.contains(&last.b);
            if !fits {
                break;
            }
            for param in own.params.iter_mut().filter(|param| **param == last.a) {
                *param = last.b;
            }
            at = place.source;
            self.ops.pop();
            self.places.pop();
        }
        match self.places.last_mut() {
            Some(last) if self.ops.len() > meeting && goes_on(exe, last, at) => {
                last.through = last.through.checked_add(op.cost)?;
            }
            _ => self.push(source, op.cost, quick(Quick::Nothing, op, w)),
        }
        Some(own)
    }

    /// Joins an instruction with the one before it, where there is one instruction for both.
    fn join(&mut self, source: u32, cost: u32, joined: impl FnOnce(&QuickOp) -> Option<QuickOp>) -> bool {
        let (Some(last), Some(place)) = (self.ops.last_mut(), self.places.last_mut()) else {
            return false;
        };
        // What is before the one that a run starts with is never run.
        let first = self.exe.source.get(self.exe.start as usize).copied().unwrap_or(0);
        if place.through != 0 || place.source < first || !goes_on(self.exe, place, source) {
            return false;
        }
        let Some(joined) = joined(last) else { return false };
        *last = joined;
        *place = Place::priced(source, Cost { own: place.before.saturating_add(cost), behind: 0 });
        self.pair();
        true
    }

    /// Puts one branch in place of a branch over a jump and that jump, which are the last two instructions.
    fn shorten(&mut self, source: u32, over: impl FnOnce(&QuickOp) -> Option<QuickOp>) {
        let ([.., branch, _], [.., place, jump]) = (self.ops.as_mut_slice(), self.places.as_mut_slice())
        else {
            return;
        };
        if place.through != 0 || jump.before != 0 || !goes_on(self.exe, place, source) {
            return;
        }
        if let Some(one) = over(branch) {
            *branch = one;
            self.ops.pop();
            self.places.pop();
        }
    }

    pub(super) fn goes_on(&self, source: u32) -> bool {
        self.places.last().is_some_and(|last| goes_on(self.exe, last, source))
    }

    /// Two products and their sum, which take the places of two instructions.
    fn pair(&mut self) {
        let ([.., first, second], [.., from, to]) = (self.ops.as_mut_slice(), self.places.as_slice()) else {
            return;
        };
        let fits = first.code == Quick::MulK
            && second.code == Quick::MulKAdd
            && second.c as u8 == first.a
            && second.b != first.a
            && from.through == 0
            && goes_on(self.exe, from, to.source);
        if fits {
            let (to, k) = (u16::from(first.a), second.k);
            let c = i16::from(second.b);
            *first = QuickOp { code: Quick::MulKMulKAdd, x: second.x, a: second.a, c, to, ..*first };
            *second = QuickOp { code: Quick::Nothing, k, ..*second };
        }
    }

    pub(super) fn push(&mut self, source: u32, cost: u32, op: QuickOp) {
        let own = cost.saturating_add(fixed_units(&op));
        self.ops.push(op);
        self.places.push(Place::priced(source, Cost { own, behind: 0 }));
    }
}

/// Whether nothing jumps to a portable instruction behind that of `last`, up to `source`. (A `for` goes back behind its head
/// without saying so: `units` sees to that.)
fn goes_on(exe: &Executable, last: &Place, source: u32) -> bool {
    let between = exe.begins.get(last.source as usize + 1..=source as usize);
    between.is_some_and(|begins| !begins.contains(&true))
}

/// Where a function's registers are.
#[derive(Default)]
pub(super) struct Window {
    base: u16,
    /// Where the first ones are, if not there.
    params: SmallVec<[u8; 8]>,
}

impl Window {
    /// What is no register, or beyond all there are, is not looked at.
    pub(super) fn at(&self, r: u16) -> u8 {
        self.params.get(usize::from(r)).copied().unwrap_or(self.base.saturating_add(r) as u8)
    }
    /// Whether a register is not in its caller's place.
    pub(super) fn is_own(&self, r: u16) -> bool {
        usize::from(r) >= self.params.len()
    }
    pub(super) fn right(&self, r: u16) -> i16 {
        i16::from(self.at(r))
    }
}

/// A planned instruction with its registers where they are.
pub(super) fn quick(code: Quick, op: &PlanOp, w: &Window) -> QuickOp {
    QuickOp { code, x: op.x, a: w.at(op.a), b: w.at(op.b), c: w.right(op.c), to: 0, k: 0 }
}
