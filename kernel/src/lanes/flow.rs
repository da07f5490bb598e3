//! Blocks, the ways between them, what each way costs, and which columns must be kept where lanes do not run.
//!
//! Blocks stand in code order. Only plain jumps go backwards (V5), so code order is a topological order of everything
//! else, and the lanes of a chunk take the blocks in that order: the earliest block that somebody waits for is next. Lanes
//! that wait behind a loop wait until the last one has left it.
//!
//! **Keeping.** An instruction computes its column for all lanes. The others' old values are put back only where somebody
//! may still want them. The others wait for later blocks, since the earliest block that somebody waits for runs first; so
//! nobody does, where no later block can be entered by who wants the column. Nor does anybody, where the instruction is the
//! only one that writes it and stands in no loop: a lane that is not there has no way on which the column was ever
//! written, so that it never reads it (V4).

use super::columns::Arg;
use super::gas;
use super::masks;
use super::plan::{Block, Code, Edge, LaneOp, NOWHERE, Unsupported};
use crate::gas::GasUnits;

pub(super) struct Flow {
    pub(super) blocks: Vec<Block>,
    /// Whether the blocks stand in a loop.
    looping: Vec<bool>,
}

/// Cuts instructions into blocks. Jump targets in `targets` are instructions.
pub(super) fn blocks(
    ops: &mut [LaneOp],
    targets: &[Option<u32>],
    columns: u32,
    inputs: &[Arg],
) -> Result<Flow, Unsupported> {
    let n = ops.len();
    let mut begins = vec![false; n + 1];
    let mut begin = |at: usize| {
        if let Some(slot) = begins.get_mut(at) {
            *slot = true;
        }
    };
    begin(0);
    for (at, (op, target)) in ops.iter().zip(targets).enumerate() {
        if let Some(target) = target {
            begin(*target as usize);
        }
        if op.jumps() || op.code == Code::Return {
            begin(at + 1);
        }
    }
    let starts: Vec<usize> = (0..n).filter(|at| begins.get(*at) == Some(&true)).collect();
    let block_of = |op: usize| starts.partition_point(|start| *start <= op).saturating_sub(1) as u32;
    let nowhere = Edge { to: NOWHERE, add: [0; 3] };
    let mut blocks: Vec<Block> = Vec::with_capacity(starts.len());
    for (at, start) in starts.iter().enumerate() {
        let end = starts.get(at + 1).copied().unwrap_or(n);
        let last = ops.get(end - 1).ok_or(Unsupported::Shape)?;
        let target = targets.get(end - 1).copied().flatten();
        let taken = target.map_or(nowhere, |to| Edge { to: block_of(to as usize), ..nowhere });
        let falls = !matches!(last.code, Code::Return | Code::Jump);
        if falls && end == n {
            return Err(Unsupported::Shape);
        }
        let fall = if falls { Edge { to: at as u32 + 1, ..nowhere } } else { nowhere };
        blocks.push(Block { start: *start as u32, end: end as u32, fall, taken, base: GasUnits::ZERO });
    }
    let looping = loops(&blocks)?;
    bases(ops, &mut blocks)?;
    let flow = Flow { blocks, looping };
    flow.keep(ops, columns, inputs);
    Ok(flow)
}

/// Which blocks stand between a backward jump and where it goes.
fn loops(blocks: &[Block]) -> Result<Vec<bool>, Unsupported> {
    let mut looping = vec![false; blocks.len()];
    for (at, block) in blocks.iter().enumerate() {
        let back = block.taken.to as usize;
        if block.taken.to != NOWHERE && back <= at {
            // Many loops over the same code are nothing that the compiler makes.
            for slot in looping.get_mut(back..=at).unwrap_or(&mut []) {
                *slot = true;
            }
        }
    }
    Ok(looping)
}

/// The units of one block.
fn units(ops: &[LaneOp], block: &Block) -> GasUnits {
    let ops = ops.get(block.start as usize..block.end as usize).unwrap_or(&[]);
    ops.iter().fold(GasUnits::ZERO, |sum, op| sum.plus(of(op)))
}

fn of(op: &LaneOp) -> GasUnits {
    let n = u64::from(op.units);
    match usize::from(op.layer) {
        gas::NETWORK => GasUnits { network: n, ..GasUnits::ZERO },
        gas::STORAGE => GasUnits { storage: n, ..GasUnits::ZERO },
        _ => GasUnits { compute: n, ..GasUnits::ZERO },
    }
}

/// The cheapest way to each block, and by how much the others are dearer.
fn bases(ops: &[LaneOp], blocks: &mut [Block]) -> Result<(), Unsupported> {
    let least = |a: GasUnits, b: GasUnits| GasUnits {
        network: a.network.min(b.network),
        compute: a.compute.min(b.compute),
        storage: a.storage.min(b.storage),
        realm: 0,
    };
    let mut known: Vec<Option<GasUnits>> = vec![None; blocks.len()];
    if let Some(first) = known.first_mut() {
        *first = Some(GasUnits::ZERO);
    }
    for at in 0..blocks.len() {
        let (Some(block), Some(Some(base))) = (blocks.get_mut(at), known.get(at).copied()) else {
            return Err(Unsupported::Shape);
        };
        block.base = base;
        let end = base.plus(units(ops, block));
        for to in [block.fall.to, block.taken.to].into_iter().filter(|to| *to as usize > at) {
            if let Some(slot) = known.get_mut(to as usize) {
                *slot = Some(slot.map_or(end, |there| least(there, end)));
            }
        }
    }
    let all: Vec<GasUnits> = blocks.iter().map(|b| b.base).collect();
    for block in blocks {
        let end = gas::three(block.base.plus(units(ops, block)));
        for edge in [&mut block.fall, &mut block.taken] {
            if edge.to == NOWHERE {
                continue;
            }
            let there = gas::three(all.get(edge.to as usize).copied().unwrap_or_default());
            for ((add, end), there) in edge.add.iter_mut().zip(end).zip(there) {
                // Only a jump into the middle of a loop could make it less.
                *add = end.checked_sub(there).ok_or(Unsupported::Shape)?;
            }
        }
    }
    Ok(())
}

impl Flow {
    fn block_of(&self, op: usize) -> usize {
        self.blocks.partition_point(|block| block.start as usize <= op).saturating_sub(1)
    }
    pub(super) fn in_loop(&self, op: usize) -> bool {
        self.looping.get(self.block_of(op)).copied().unwrap_or(true)
    }
    /// Units of the cheapest way to an instruction, its own included where it is charged.
    pub(super) fn gas_at(&self, ops: &[LaneOp], op: usize, charged: bool) -> GasUnits {
        let Some(block) = self.blocks.get(self.block_of(op)) else { return GasUnits::ZERO };
        let end = op + usize::from(charged);
        let before = ops.get(block.start as usize..end).unwrap_or(&[]);
        before.iter().fold(block.base, |sum, op| sum.plus(of(op)))
    }

    /// Marks the instructions whose columns must be kept in lanes that do not run.
    fn keep(&self, ops: &mut [LaneOp], columns: u32, inputs: &[Arg]) {
        let mut writes = vec![0u32; columns as usize];
        for input in inputs {
            if let Arg::Word(at) | Arg::Six(at) = input
                && let Some(n) = writes.get_mut(*at as usize)
            {
                *n += 1;
            }
        }
        for at in ops.iter().filter_map(LaneOp::writes) {
            if let Some(n) = writes.get_mut(at as usize) {
                *n += 1;
            }
        }
        let last = self.last_wanted(ops, columns);
        for (at, op) in ops.iter_mut().enumerate() {
            if let Some(column) = op.writes() {
                let block = self.block_of(at) as u32;
                let wanted = last.get(column as usize).is_none_or(|last| *last > block);
                let once = writes.get(column as usize) == Some(&1) && !self.in_loop(at);
                op.keep = wanted && !once;
            }
        }
    }

    /// For each column the last block that somebody may enter who still wants what it holds; 0 where there is none.
    fn last_wanted(&self, ops: &[LaneOp], columns: u32) -> Vec<u32> {
        let words = (columns as usize).div_ceil(64);
        let mut live = vec![0u64; words * self.blocks.len()];
        let mut set = vec![0u64; words];
        let mut changed = true;
        while changed {
            changed = false;
            for (number, block) in self.blocks.iter().enumerate().rev() {
                set.fill(0);
                for to in [block.fall.to, block.taken.to].into_iter().filter(|to| *to != NOWHERE) {
                    let there = live.get(to as usize * words..(to as usize + 1) * words).unwrap_or(&[]);
                    masks::or(&mut set, there);
                }
                for op in ops.get(block.start as usize..block.end as usize).unwrap_or(&[]).iter().rev() {
                    if let Some(at) = op.writes() {
                        masks::remove(&mut set, at as usize);
                    }
                    op.reads(|at| masks::insert(&mut set, at as usize));
                }
                let here = live.get_mut(number * words..(number + 1) * words).unwrap_or(&mut []);
                changed |= !masks::same(here, &set);
                here.copy_from_slice(&set);
            }
        }
        let mut last = vec![0; columns as usize];
        for (number, set) in live.chunks_exact(words.max(1)).enumerate() {
            masks::each(set, |at| {
                if let Some(slot) = last.get_mut(at) {
                    *slot = number as u32;
                }
            });
        }
        last
    }
}

impl LaneOp {
    /// The word column that it writes; of six the first.
    pub(super) fn writes(&self) -> Option<u32> {
        use Code as L;
        match self.code {
            L::Nop | L::CopyTruth | L::UnwrapTruth | L::RangeCheck | L::EntryTrust | L::AskTrust => None,
            L::Less | L::LessEq | L::Equal | L::NotEqual | L::Same | L::SameNumber | L::SameSix => None,
            L::SameTruth | L::SameText | L::Not | L::Above | L::TextContains | L::TextStarts => None,
            L::TextEnds | L::TextIgnoreCase | L::Contains | L::Asked | L::HasText => None,
            L::HasCredential | L::ResolveDid => None,
            L::IsMember | L::Enter | L::Require | L::Jump | L::BranchTruth | L::BranchNull => None,
            L::LoopLess | L::LoopMore | L::MoreTexts | L::Return => None,
            L::Index | L::Elem if self.x & super::plan::TO_TRUTH != 0 => None,
            _ => Some(self.a),
        }
    }
    /// The word columns that it reads; of six the first.
    pub(super) fn reads(&self, mut visit: impl FnMut(u32)) {
        let more = match self.code {
            Code::Clamp | Code::Lerp => 3,
            Code::Create => 6,
            _ => 1,
        };
        if let Arg::Word(at) | Arg::Six(at) = self.b {
            (at..at + more).for_each(&mut visit);
        }
        for arg in [self.c, self.d] {
            if let Arg::Word(at) | Arg::Six(at) = arg {
                visit(at);
            }
        }
    }
}
