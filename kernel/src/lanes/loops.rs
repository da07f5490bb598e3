//! Loops whose outcome can be remembered: what they leave behind, and what they cost, follows from what they find.
//!
//! Such a loop asks nobody, is entered at its head only, and works on words and truth values. What it finds are the columns
//! that are wanted at its head and that it reads or writes; what it leaves are the columns that it writes and that are
//! wanted where it leads. `recall` remembers, lane by lane.

use super::columns::Arg;
use super::masks;
use super::plan::{Block, Code, LaneOp, NOWHERE, TO_TRUTH};

/// Most words and truth values that a loop may leave, and most places where it may lead.
pub(super) const WORDS: usize = 2;
pub(super) const TRUTHS: usize = 16;
pub(super) const TARGETS: usize = 4;

/// A loop that can be remembered.
#[derive(Clone, Debug)]
pub(crate) struct Loop {
    /// Its first block, and its last one in code order.
    pub(crate) head: u32,
    pub(crate) last: u32,
    /// The columns that it finds.
    pub(crate) words_in: Vec<u32>,
    pub(crate) truths_in: Vec<u32>,
    /// The columns that it leaves.
    pub(crate) words_out: Vec<u32>,
    pub(crate) truths_out: Vec<u32>,
    /// The blocks to which it leads.
    pub(crate) targets: Vec<u32>,
}

/// The instructions of a plan with what they read and write: word columns first, truth columns behind them.
struct Listing<'p> {
    ops: &'p [LaneOp],
    blocks: &'p [Block],
    columns: usize,
    words: usize,
}

/// The loops of a plan that can be remembered, by their heads.
pub(super) fn find(ops: &[LaneOp], blocks: &[Block], columns: u32, truths: u32) -> Vec<Loop> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        if block.taken.to != NOWHERE && block.taken.to as usize <= at {
            ranges.push((block.taken.to, at as u32));
        }
    }
    if ranges.is_empty() {
        return Vec::new();
    }
    ranges.sort_unstable();
    // Loops in loops are part of the outermost one.
    ranges.dedup_by(|next, outer| {
        let inside = next.0 <= outer.1;
        outer.1 = if inside { outer.1.max(next.1) } else { outer.1 };
        inside
    });
    let words = (columns as usize + truths as usize).div_ceil(64);
    let code = Listing { ops, blocks, columns: columns as usize, words };
    let wanted = code.wanted();
    ranges.into_iter().filter_map(|range| code.loop_of(range, &wanted)).collect()
}

impl Listing<'_> {
    fn ops(&self, block: &Block) -> &[LaneOp] {
        self.ops.get(block.start as usize..block.end as usize).unwrap_or(&[])
    }
    fn reads(&self, op: &LaneOp, mut visit: impl FnMut(usize)) {
        op.reads(|at| visit(at as usize));
        for arg in [op.b, op.c, op.d] {
            if let Arg::Bits(at) = arg {
                visit(self.columns + at as usize);
            }
        }
    }
    fn writes(&self, op: &LaneOp) -> Option<usize> {
        if writes_truth(op) { Some(self.columns + op.a as usize) } else { op.writes().map(|at| at as usize) }
    }

    /// What is wanted at the start of each block.
    fn wanted(&self) -> Vec<Vec<u64>> {
        let mut all = vec![vec![0u64; self.words]; self.blocks.len()];
        let mut changed = true;
        while changed {
            changed = false;
            for (number, block) in self.blocks.iter().enumerate().rev() {
                let mut set = vec![0; self.words];
                for to in [block.fall.to, block.taken.to] {
                    all.get(to as usize).into_iter().for_each(|there| masks::or(&mut set, there));
                }
                for op in self.ops(block).iter().rev() {
                    self.writes(op).into_iter().for_each(|at| masks::remove(&mut set, at));
                    self.reads(op, |at| masks::insert(&mut set, at));
                }
                if let Some(here) = all.get_mut(number).filter(|here| **here != set) {
                    *here = set;
                    changed = true;
                }
            }
        }
        all
    }

    fn loop_of(&self, (head, last): (u32, u32), wanted: &[Vec<u64>]) -> Option<Loop> {
        let inside = |at: u32| (head..=last).contains(&at);
        let (mut touched, mut written) = (vec![0; self.words], vec![0; self.words]);
        let mut targets: Vec<u32> = Vec::new();
        for (at, block) in self.blocks.iter().enumerate() {
            for edge in [block.fall, block.taken].into_iter().filter(|edge| edge.to != NOWHERE) {
                let [network, _, storage] = edge.add;
                match (inside(at as u32), inside(edge.to)) {
                    (false, true) if edge.to != head => return None,
                    (true, _) if network + storage > 0 => return None,
                    (true, false) if !targets.contains(&edge.to) => targets.push(edge.to),
                    _ => {}
                }
            }
            if !inside(at as u32) {
                continue;
            }
            for op in self.ops(block) {
                if !may_be_remembered(op) {
                    return None;
                }
                self.reads(op, |at| masks::insert(&mut touched, at));
                self.writes(op).into_iter().for_each(|at| masks::insert(&mut written, at));
            }
        }
        masks::or(&mut touched, &written);
        masks::and(&mut touched, wanted.get(head as usize)?);
        let mut left = vec![0; self.words];
        for target in &targets {
            masks::or(&mut left, wanted.get(*target as usize)?);
        }
        masks::and(&mut left, &written);
        let (words_in, truths_in) = self.split(&touched);
        let (words_out, truths_out) = self.split(&left);
        let fits = words_out.len() <= WORDS && truths_out.len() <= TRUTHS && targets.len() <= TARGETS;
        (fits && !words_in.is_empty()).then_some(Loop {
            head,
            last,
            words_in,
            truths_in,
            words_out,
            truths_out,
            targets,
        })
    }
    fn split(&self, set: &[u64]) -> (Vec<u32>, Vec<u32>) {
        let (mut words, mut truths) = (Vec::new(), Vec::new());
        masks::each(set, |at| match at.checked_sub(self.columns) {
            Some(truth) => truths.push(truth as u32),
            None => words.push(at as u32),
        });
        (words, truths)
    }
}

fn writes_truth(op: &LaneOp) -> bool {
    use Code as L;
    match op.code {
        L::CopyTruth | L::UnwrapTruth | L::Less | L::LessEq | L::Equal | L::NotEqual | L::Same => true,
        L::SameNumber | L::SameSix | L::SameTruth | L::SameText | L::Not | L::Above => true,
        L::Contains | L::Asked | L::HasText => true,
        L::TextContains | L::TextStarts | L::TextEnds | L::TextIgnoreCase => true,
        L::HasCredential | L::ResolveDid | L::IsMember => true,
        L::Index | L::Elem => op.x & TO_TRUTH != 0,
        _ => false,
    }
}

/// Whether what an instruction does follows from words and truth values, the time and the limits.
fn may_be_remembered(op: &LaneOp) -> bool {
    use Code as L;
    let plain = [op.b, op.c, op.d]
        .into_iter()
        .all(|arg| matches!(arg, Arg::None | Arg::Word(_) | Arg::Bits(_) | Arg::K(_)));
    let pure = matches!(
        op.code,
        L::Nop
            | L::Copy
            | L::CopyTruth
            | L::Widen
            | L::Unwrap
            | L::UnwrapTruth
            | L::Now
            | L::Add
            | L::Sub
            | L::Mul
            | L::MulAdd
            | L::Div
            | L::Rem
            | L::Min
            | L::Max
            | L::Neg
            | L::Abs
            | L::Floor
            | L::Ceil
            | L::Round
            | L::Sqrt
            | L::Surprisal
            | L::TimeSince
            | L::Clamp
            | L::Lerp
            | L::Step
            | L::RangeCheck
            | L::Less
            | L::LessEq
            | L::Equal
            | L::NotEqual
            | L::Same
            | L::SameNumber
            | L::SameTruth
            | L::SameText
            | L::Not
            | L::TextLen
            | L::TextContains
            | L::TextStarts
            | L::TextEnds
            | L::TextIgnoreCase
            | L::ArrayLen
            | L::Index
            | L::Elem
            | L::Contains
            | L::Asked
            | L::HasText
            | L::TextsLen
            | L::TextAt
            | L::Enter
            | L::Require
            | L::Jump
            | L::BranchTruth
            | L::BranchNull
            | L::LoopLess
            | L::LoopMore
            | L::MoreTexts
            | L::Return
    );
    plain && pure
}
