//! The loops of a function, and how often they go round.

use crate::isa::{Instr, Op};
use crate::limits::MAX_ARRAY_ELEMENTS;
use crate::program::Program;
use crate::value::Value;
use smallvec::SmallVec;

/// A loop: the head and the last of the jumps back to it.
pub(super) struct Loop {
    pub(super) head: usize,
    pub(super) last: usize,
}

/// Most functions have few.
pub(super) type Loops = SmallVec<[Loop; 8]>;

/// Loops of a function, smallest first.
pub(super) fn loops(code: &[Instr], start: usize) -> Loops {
    let mut last_back: SmallVec<[(usize, usize); 8]> = SmallVec::new();
    for (i, instr) in code.iter().enumerate() {
        if let Some(target) = instr.target().map(|t| usize::from(t) - start).filter(|t| *t <= i) {
            last_back.push((target, i));
        }
    }
    last_back.sort_unstable();
    let mut loops = Loops::new();
    for (head, last) in last_back {
        match loops.last_mut() {
            Some(l) if l.head == head => l.last = last,
            _ => loops.push(Loop { head, last }),
        }
    }
    loops.sort_by_key(|l| l.last - l.head);
    loops
}

/// Whether any two loops lie apart or one in the other, and each is entered at its head alone. The compiler makes no
/// others; for others the rule of the module's text would not hold.
pub(super) fn are_nested(loops: &[Loop], first_source: &[u32]) -> bool {
    let entered = |l: &Loop| {
        first_source
            .get(l.head + 1..=l.last)
            .is_some_and(|sources| sources.iter().all(|s| *s as usize >= l.head))
    };
    if !loops.iter().all(entered) {
        return false;
    }
    let mut by_head: SmallVec<[&Loop; 8]> = loops.iter().collect();
    by_head.sort_by_key(|l| l.head);
    let mut open: SmallVec<[usize; 8]> = SmallVec::new();
    for l in by_head {
        while open.last().is_some_and(|last| *last < l.head) {
            open.pop();
        }
        if open.last().is_some_and(|last| *last < l.last) {
            return false;
        }
        open.push(l.last);
    }
    true
}

/// Stands for "nothing jumps to it": no program has so many instructions.
const NEVER: u32 = u32::MAX;

/// For each instruction, the first one that jumps to it, or [`NEVER`].
pub(super) type Sources = SmallVec<[u32; 64]>;

pub(super) fn first_sources(code: &[Instr], start: usize) -> Sources {
    let mut first: Sources = SmallVec::from_elem(NEVER, code.len());
    let slots = first.as_mut_slice();
    for (i, instr) in (0u32..).zip(code) {
        if let Some(slot) = instr.target().and_then(|t| slots.get_mut(usize::from(t) - start)) {
            *slot = (*slot).min(i);
        }
    }
    first
}

/// Rounds of a loop, where its head and what stands before it say so.
pub(super) fn rounds(
    p: &Program,
    code: &[Instr],
    start: usize,
    l: &Loop,
    first_source: &[u32],
) -> Option<u64> {
    let body = code.get(l.head..=l.last)?;
    let head = body.first()?;
    // Nobody may jump past the counter's start, to the head.
    let entered_at_head = first_source.get(l.head).is_some_and(|source| *source as usize >= l.head);
    let steps = body.iter().filter(|i| i.written() == Some(head.a)).all(|i| i.op == Op::Step);
    // Only a step at the end of every way round makes progress certain.
    let back = code.get(l.last)?;
    let stepped = code.get(l.last.checked_sub(1)?)?;
    let one_back = body.iter().filter(|i| i.target().map(usize::from) == Some(l.head + start)).count() == 1;
    let progress = back.op == Op::Jump && stepped.op == Op::Step && stepped.a == head.a && one_back;
    let last_reached_by_step = first_source.get(l.last).is_some_and(|s| *s == NEVER);
    if !(entered_at_head && steps && progress && last_reached_by_step) {
        return None;
    }
    let constant = |back: usize, register: u16| -> Option<&Value> {
        let at = l.head.checked_sub(back)?;
        let instr = code.get(at)?;
        // Nobody may jump in between.
        let straight = first_source.get(at + 1..l.head)?.iter().all(|s| *s == NEVER);
        (instr.op == Op::Const && instr.a == register && straight)
            .then(|| p.constants.get(usize::from(instr.b)))
            .flatten()
    };
    let number = |back, register| match constant(back, register) {
        Some(Value::Number(n)) => Some(*n),
        _ => None,
    };
    let unwritten = |register: u16| body.iter().all(|i| i.written() != Some(register));
    match head.op {
        // const i, lo; const hi; range_check; head
        Op::LoopLess if code.get(l.head.checked_sub(1)?)?.op == Op::RangeCheck && unwritten(head.b) => {
            let (lo, hi) = (number(3, head.a)?, number(2, head.b)?);
            Some((hi - lo).max(0.0) as u64)
        }
        // array; const i, 0; head
        Op::LoopMore if number(1, head.a)? == 0.0 && unwritten(head.b) => match constant(2, head.b) {
            Some(Value::Array(items)) => Some(items.len() as u64),
            _ => Some(MAX_ARRAY_ELEMENTS as u64),
        },
        _ => None,
    }
}
