//! A frame's registers.

/// The registers of the running frame.
pub(crate) struct Frame<'r>(&'r mut [u64]);

impl<'r> Frame<'r> {
    pub(crate) fn new(registers: &'r mut [u64]) -> Frame<'r> {
        Frame(registers)
    }
    #[inline(always)]
    pub(crate) fn get(&self, r: u16) -> u64 {
        self.0.get(usize::from(r)).copied().unwrap_or(0)
    }
    #[inline(always)]
    pub(crate) fn num(&self, r: u16) -> f64 {
        f64::from_bits(self.get(r))
    }
    #[inline(always)]
    pub(crate) fn set(&mut self, r: u16, value: u64) {
        if let Some(slot) = self.0.get_mut(usize::from(r)) {
            *slot = value;
        }
    }
    #[inline(always)]
    pub(crate) fn set_num(&mut self, r: u16, value: f64) {
        self.set(r, value.to_bits());
    }
    #[inline(always)]
    pub(crate) fn set_bool(&mut self, r: u16, value: bool) {
        self.set(r, u64::from(value));
    }
    /// `n` registers from `first`.
    pub(crate) fn range(&self, first: u16, n: u16) -> &[u64] {
        let first = usize::from(first);
        self.0.get(first..first + usize::from(n)).unwrap_or(&[])
    }
}
