//! Instructions that are done in one pass: a product that only the next sum reads.

use super::columns::Arg;
use super::plan::{Block, Code, LaneOp};

/// Joins products and sums. What an instruction costs stays where it is, so that no bill changes.
pub(super) fn fuse(ops: &mut [LaneOp], blocks: &[Block]) {
    let mut readers = Readers::default();
    ops.iter().for_each(|op| op.reads(|at| readers.add(at)));
    for block in blocks {
        let ops = ops.get_mut(block.start as usize..block.end as usize).unwrap_or(&mut []);
        for at in 0..ops.len() {
            sum(ops, at, &readers);
        }
    }
}

/// How many operands read each column.
#[derive(Default)]
struct Readers(Vec<u32>);

impl Readers {
    fn add(&mut self, column: u32) {
        let at = column as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        if let Some(n) = self.0.get_mut(at) {
            *n += 1;
        }
    }
    fn of(&self, column: u32) -> u32 {
        self.0.get(column as usize).copied().unwrap_or(0)
    }
}

/// Joins the sum `at` with its first term, where that is a product computed earlier in the block that nobody else reads, of
/// factors that have not changed since. Not with its second: of two NaNs the first would be another one.
fn sum(ops: &mut [LaneOp], at: usize, readers: &Readers) {
    let Some(add) = ops.get(at).copied().filter(|op| op.code == Code::Add) else { return };
    let Arg::Word(column) = add.b else { return };
    if readers.of(column) != 1 {
        return;
    }
    let before = ops.get(..at).unwrap_or(&[]);
    let Some(product) = before.iter().rposition(|op| op.writes() == Some(column)) else { return };
    let Some(mul) = ops.get(product).copied().filter(|op| op.code == Code::Mul) else { return };
    let between = ops.get(product + 1..at).unwrap_or(&[]);
    let changed = |arg: Arg| {
        let Arg::Word(column) = arg else { return false };
        // A column of a number is none of a vector's six.
        between.iter().filter_map(LaneOp::writes).any(|to| to == column)
    };
    if changed(mul.b) || changed(mul.c) {
        return;
    }
    if let Some(op) = ops.get_mut(product) {
        op.code = Code::Nop;
    }
    if let Some(op) = ops.get_mut(at) {
        *op = LaneOp { code: Code::MulAdd, b: mul.b, c: mul.c, d: add.c, ..add };
    }
}
