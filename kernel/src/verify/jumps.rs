//! Where jumps go: what V4 and V7 both need to know before they walk the code.

use crate::isa::Instr;
use smallvec::SmallVec;

/// The instructions that are jumped to, numbered in code order.
pub(super) struct Jumps {
    /// For every 64 instructions: which are jumped to, and how many before them.
    words: SmallVec<[(u64, u32); 4]>,
}

impl Jumps {
    /// Of code that holds V2.
    pub(super) fn of(code: &[Instr]) -> Jumps {
        let mut words: SmallVec<[(u64, u32); 4]> = SmallVec::from_elem((0, 0), code.len() / 64 + 1);
        for target in code.iter().filter_map(|instr| instr.target()) {
            if let Some((word, _)) = words.get_mut(usize::from(target) / 64) {
                *word |= 1 << (target % 64);
            }
        }
        let mut sum = 0;
        for (word, before) in words.iter_mut() {
            *before = sum;
            sum += word.count_ones();
        }
        Jumps { words }
    }
    /// For looking them up.
    #[inline]
    pub(super) fn targets(&self) -> Targets<'_> {
        Targets { words: &self.words }
    }
}

/// Which instructions are jumped to.
#[derive(Clone, Copy)]
pub(super) struct Targets<'j> {
    words: &'j [(u64, u32)],
}

impl Targets<'_> {
    /// How many instructions before `pc`, which is at most the end of the code, are jumped to.
    #[inline]
    pub(super) fn before(&self, pc: usize) -> usize {
        let (word, before) = self.words.get(pc / 64).copied().unwrap_or_default();
        before as usize + (word & ((1 << (pc % 64)) - 1)).count_ones() as usize
    }
    /// Whether the instruction at `pc` is jumped to.
    #[inline]
    pub(super) fn is_target(&self, pc: usize) -> bool {
        self.words.get(pc / 64).is_some_and(|(word, _)| word >> (pc % 64) & 1 == 1)
    }
    /// The number of the instruction at `pc`, if it is jumped to.
    #[inline]
    pub(super) fn number(&self, pc: usize) -> Option<usize> {
        if self.is_target(pc) { Some(self.before(pc)) } else { None }
    }
}
