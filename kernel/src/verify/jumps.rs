//! Where jumps go: what V4 and V7 both need to know before they walk the code.

use crate::isa::Instr;
use smallvec::SmallVec;

/// The instructions that are jumped to, numbered in code order.
pub(super) struct Jumps {
    words: SmallVec<[Word; 2]>,
}

/// Of 64 instructions.
#[derive(Clone, Copy, Default)]
struct Word {
    /// Which are jumped to.
    targets: u64,
    /// To which of them it goes backwards.
    heads: u64,
    /// How many are jumped to before them.
    before: u32,
}

impl Jumps {
    /// Of code that holds V1.
    pub(super) fn of(code: &[Instr]) -> Jumps {
        let mut words: SmallVec<[Word; 2]> = SmallVec::from_elem(Word::default(), code.len() / 64 + 1);
        let slice = words.as_mut_slice();
        for (pc, instr) in code.iter().enumerate().filter(|(_, instr)| instr.uses().jumps()) {
            let target = usize::from(instr.c);
            if let Some(word) = slice.get_mut(target / 64) {
                word.targets |= 1 << (target % 64);
                word.heads |= u64::from(target <= pc) << (target % 64);
            }
        }
        let mut sum = 0;
        for word in slice {
            word.before = sum;
            sum += word.targets.count_ones();
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
    words: &'j [Word],
}

impl Targets<'_> {
    /// How many instructions before `pc`, which is at most the end of the code, are jumped to.
    #[inline]
    pub(super) fn before(&self, pc: usize) -> usize {
        let word = self.words.get(pc / 64).copied().unwrap_or_default();
        word.before as usize + (word.targets & ((1 << (pc % 64)) - 1)).count_ones() as usize
    }
    /// Whether the instruction at `pc` is jumped to.
    #[inline]
    pub(super) fn is_target(&self, pc: usize) -> bool {
        self.words.get(pc / 64).is_some_and(|word| word.targets >> (pc % 64) & 1 == 1)
    }
    /// Whether it is jumped to from behind.
    #[inline]
    pub(super) fn is_head(&self, pc: usize) -> bool {
        self.words.get(pc / 64).is_some_and(|word| word.heads >> (pc % 64) & 1 == 1)
    }
    /// The number of the instruction at `pc`, if it is jumped to.
    #[inline]
    pub(super) fn number(&self, pc: usize) -> Option<usize> {
        if self.is_target(pc) { Some(self.before(pc)) } else { None }
    }
}
