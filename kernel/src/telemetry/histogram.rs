//! Distributions: how an `hdrhistogram` of a worker is laid out as counters of a ledger, and back.
//!
//! Two significant digits are 256 values of their own, then 128 buckets for each doubling. The arithmetic is that of the
//! crate, which does not say it; a test compares them.

use crate::ledger::Totals;
use hdrhistogram::Histogram;

/// Significant digits.
const DIGITS: u8 = 2;

/// A distribution with fixed bounds, and where its counters begin.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Its first counter.
    pub first: usize,
    /// Largest value that is told apart; larger ones count as this one.
    pub largest: u64,
}

impl Layout {
    /// Counters that it takes; always some.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub const fn len(self) -> usize {
        bucket(self.largest) + 1
    }
    /// The counter of a value.
    #[inline]
    pub fn counter(self, value: u64) -> usize {
        self.first + bucket(value).min(bucket(self.largest))
    }
    /// An empty one. None would mean that the crate refuses these bounds, which a test rules out.
    pub(super) fn empty(self) -> Option<Histogram<u64>> {
        Histogram::new_with_bounds(1, self.largest, DIGITS).ok()
    }
    /// Moves a worker's counts to the additions of a record.
    pub(super) fn drain(self, histogram: &mut Histogram<u64>, adds: &mut Vec<(usize, u64)>) {
        if histogram.is_empty() {
            return;
        }
        adds.extend(
            histogram.iter_recorded().map(|at| (self.counter(at.value_iterated_to()), at.count_at_value())),
        );
        histogram.reset();
    }
    /// The distribution at a cut.
    pub fn read(self, totals: &Totals) -> Option<Histogram<u64>> {
        let mut histogram = self.empty()?;
        for at in 0..self.len() {
            let count = totals.get(self.first + at);
            if count > 0 {
                histogram.saturating_record_n(lowest(at), count);
            }
        }
        Some(histogram)
    }
}

/// The bucket of a value.
pub const fn bucket(value: u64) -> usize {
    let shift = (value | 255).ilog2() - 7;
    shift as usize * 128 + (value >> shift) as usize
}

/// The smallest value of a bucket.
pub(super) const fn lowest(bucket: usize) -> u64 {
    match (bucket / 128).saturating_sub(1) {
        0 => bucket as u64,
        shift => ((bucket - shift * 128) as u64) << shift,
    }
}
