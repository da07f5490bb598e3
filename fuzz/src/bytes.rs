//! An input as a stream of choices. Behind its end all choices are 0, so every input is a whole one.

/// What is left of an input.
pub(crate) struct Bytes<'d>(&'d [u8]);

impl<'d> Bytes<'d> {
    pub(crate) fn new(data: &'d [u8]) -> Bytes<'d> {
        Bytes(data)
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }
    pub(crate) fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }
    /// A number below `n`, which is at least 1 and at most 65 536.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        // One byte where one is enough: libFuzzer changes bytes, and each should mean something.
        if n <= 256 { usize::from(self.byte()) % n } else { usize::from(self.word()) % n }
    }
    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// FNV-1a: a seed made of an input. The first eight bytes, where there are no more, are the seed itself, so that a seed that
/// another tool printed can be replayed.
pub(crate) fn hash(data: &[u8]) -> u64 {
    if let Ok(seed) = data.try_into() {
        return u64::from_le_bytes(seed);
    }
    data.iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}
