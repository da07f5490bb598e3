//! Where jumps go: what V4 and V7 both need to know before they walk the code.

use crate::isa::Instr;
use smallvec::SmallVec;

/// The instructions that are jumped to, numbered in code order.
pub(super) struct Jumps {
    /// For each instruction, how many before it are jumped to; one entry more than there are instructions.
    before: SmallVec<[u32; 64]>,
}

impl Jumps {
    /// Of code that holds V2.
    pub(super) fn of(code: &[Instr]) -> Jumps {
        let mut before = SmallVec::from_elem(0u32, code.len() + 1);
        for target in code.iter().filter_map(|instr| instr.target()) {
            // One to the right: the sums below then count what lies before.
            if let Some(slot) = before.get_mut(usize::from(target) + 1) {
                *slot = 1;
            }
        }
        let mut sum = 0;
        for slot in before.iter_mut() {
            sum += *slot;
            *slot = sum;
        }
        Jumps { before }
    }
    /// How many instructions before `pc` are jumped to.
    #[inline]
    pub(super) fn before(&self, pc: usize) -> usize {
        self.before.get(pc).or(self.before.last()).map_or(0, |n| *n as usize)
    }
    /// The numbers from an instruction on: the number of the next one that is jumped to, and whether that is `pc`.
    #[inline]
    pub(super) fn is_next(&self, pc: usize, number: usize) -> bool {
        self.before.get(pc + 1).is_some_and(|before| *before as usize > number)
    }
    /// The number of the instruction at `pc`, if it is jumped to.
    #[inline]
    pub(super) fn number(&self, pc: usize) -> Option<usize> {
        match self.before.get(pc..pc + 2) {
            Some([here, behind]) if here != behind => Some(*here as usize),
            _ => None,
        }
    }
}
