//! How much of a portion that writes is speculated on at a time. It cannot be seen in receipts.

/// Chunks per thread in the widest of waves.
const WIDEST: usize = 8;
/// Requests decided in order after a wave that came to little, in lengths of that wave: at first, and at most.
const REST: [usize; 2] = [4, 64];

/// What earlier waves have taught.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Pace {
    /// Chunks per thread of the next wave; 0 for a first look with a quarter of a chunk.
    wide: usize,
    /// Requests to decide in order before the next wave.
    rest: usize,
    /// How long the last rest was, in lengths of its wave.
    rested: usize,
    /// Requests that were speculated on, and those of them that were overtaken.
    pub(super) seen: [u64; 2],
}

impl Pace {
    /// The length of the next wave and of its chunks, where `left` requests are left; None where the next one is to be
    /// decided in order.
    pub(super) fn wave(&mut self, left: usize, chunk: usize, threads: usize) -> Option<(usize, usize)> {
        if self.rest > 0 {
            self.rest -= 1;
            return None;
        }
        let small = chunk.div_ceil(4);
        if threads < 2 || left < 2 || left < small {
            return None;
        }
        let chunk = if self.wide == 0 { small } else { chunk };
        let chunk = chunk.min(left.div_ceil(threads)).max(1);
        let len = chunk.saturating_mul(threads).saturating_mul(self.wide.max(1));
        Some((len.min(left), chunk))
    }
    /// `again` of the `len` requests of a wave were overtaken and decided again.
    pub(super) fn learn(&mut self, len: usize, again: usize, threads: usize) {
        let [guessed, overtaken] = &mut self.seen;
        *guessed = guessed.saturating_add(len as u64);
        *overtaken = overtaken.saturating_add(again as u64);
        let share = again as f64 / len.max(1) as f64;
        // A wave costs a thread's part of its runs, about a fifth of them for settling, and those decided again.
        if share > 0.8 - 1.0 / threads as f64 {
            let [first, last] = REST;
            self.rested = (self.rested * 2).clamp(first, last);
            self.rest = self.rested.saturating_mul(len);
            self.wide = 0;
            return;
        }
        self.rested = 0;
        self.wide = if share < 1.0 / 16.0 {
            (self.wide * 2).clamp(1, WIDEST)
        } else if share > 1.0 / 8.0 {
            self.wide / 2
        } else {
            self.wide
        };
    }
}
