//! Receipts of rows: each that differs once, and for every request which of them is its own.
//!
//! Most policies end in few ways, whose receipts are the same to the bit. A receipt takes 88 bytes, and to write so much
//! (into memory that is new, worse) takes longer than many a decision; four bytes do not.

use super::summary::Counts;
use eclvm_kernel::fault::Fault;
use eclvm_kernel::lanes::masks;
use eclvm_kernel::receipt::Receipt;

/// Receipts that a new one is compared with: one for each value of a small hash.
const RECENT: usize = 64;
const NONE: u32 = u32::MAX;

/// Where receipts like a new one are found.
pub(super) struct Recent([u32; RECENT]);

impl Recent {
    pub(super) fn new() -> Recent {
        Recent([NONE; RECENT])
    }
    #[inline(always)]
    fn slot(&mut self, receipt: &Receipt) -> Option<&mut u32> {
        let Receipt { gas, span, .. } = receipt;
        let start = u64::from(span.unwrap_or_default().start);
        let word = (start ^ gas.network << 20 ^ gas.compute << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0.get_mut((word >> 58) as usize)
    }
}

/// The receipts of one chunk.
#[derive(Clone, Debug, Default)]
pub(super) struct Distinct {
    receipts: Vec<Receipt>,
    /// How many requests have each.
    uses: Vec<u64>,
}

impl Distinct {
    fn clear(&mut self) {
        self.receipts.clear();
        self.uses.clear();
    }
    /// Takes a receipt, if it is new, and gives what stands for it: its index, doubled, and one more if it passed. `recent` is this chunk's.
    #[inline(always)]
    pub(super) fn put(&mut self, recent: &mut Recent, receipt: &mut Receipt) -> u32 {
        let passed = u32::from(receipt.passed());
        let Some(slot) = recent.slot(receipt) else { return 0 };
        if let (Some(known), Some(uses)) =
            (self.receipts.get(*slot as usize), self.uses.get_mut(*slot as usize))
            && is_same(known, receipt)
        {
            *uses += 1;
            return *slot << 1 | passed;
        }
        // A chunk has far fewer requests than that.
        *slot = self.receipts.len() as u32;
        self.receipts.push(std::mem::replace(receipt, Receipt::unstarted(Fault::HostError, 0)));
        self.uses.push(1);
        *slot << 1 | passed
    }
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.receipts.iter().zip(&self.uses).for_each(|(receipt, n)| counts.add_times(receipt, *n));
        counts
    }
}

/// Whether two receipts are the same; those with details, which are rare, are not compared. No branch but on the answer:
/// whether there is a span, say, nobody could predict.
#[inline(always)]
fn is_same(a: &Receipt, b: &Receipt) -> bool {
    let units =
        |r: &Receipt| [r.gas.network, r.gas.compute, r.gas.storage, r.gas.realm, r.cost, r.mana, r.version];
    let differ = units(a).iter().zip(units(b)).fold(0, |differ, (x, y)| differ | (x ^ y));
    let (x, y) = (a.span.unwrap_or_default(), b.span.unwrap_or_default());
    (differ == 0)
        & (x.start == y.start)
        & (x.end == y.end)
        & (a.span.is_some() == b.span.is_some())
        & (a.message.unwrap_or(0) == b.message.unwrap_or(0))
        & (a.message.is_some() == b.message.is_some())
        & (a.outcome == b.outcome)
        & a.detail.is_none()
        & b.detail.is_none()
}

/// The receipts of a portion, chunk by chunk.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    /// Requests of a chunk.
    chunk: usize,
    /// What stands for each request's receipt, in its chunk; none where each has one of its own.
    which: Vec<u32>,
    chunks: Vec<Distinct>,
}

impl Rows {
    /// Makes room for `n` requests, in chunks of so many.
    pub(super) fn begin(&mut self, n: usize, chunk: usize) {
        self.chunk = chunk.max(1);
        self.which.resize(n, 0);
        let needed = n.div_ceil(self.chunk).max(self.chunks.len());
        self.chunks.resize_with(needed, Distinct::default);
        self.chunks.iter_mut().for_each(Distinct::clear);
    }
    /// Takes receipts as they are.
    pub(super) fn take(&mut self, receipts: Vec<Receipt>) {
        self.which.clear();
        self.chunks.clear();
        self.chunk = receipts.len();
        self.chunks.push(Distinct { receipts, uses: Vec::new() });
    }
    /// The room of the chunks' requests, and that of their receipts; of these there may be more than chunks.
    pub(super) fn parts(&mut self) -> (&mut [u32], &mut [Distinct]) {
        (&mut self.which, &mut self.chunks)
    }
    pub(super) fn receipt(&self, index: usize) -> Option<&Receipt> {
        let chunk = self.chunks.get(index.checked_div(self.chunk)?)?;
        let at = self.which.get(index).map_or(index % self.chunk, |which| (*which >> 1) as usize);
        chunk.receipts.get(at)
    }
    /// The first `n` receipts, one for each request.
    pub(super) fn receipts(&self, n: usize) -> Vec<Receipt> {
        (0..n).filter_map(|index| self.receipt(index).cloned()).collect()
    }
    /// Which requests passed.
    pub(super) fn passed(&self, out: &mut [u64]) {
        for (word, which) in out.iter_mut().zip(self.which.chunks(64)) {
            *word = which.iter().rev().fold(0, |word, which| word << 1 | u64::from(which & 1));
        }
        if self.which.is_empty() {
            let receipts = self.chunks.iter().flat_map(|chunk| &chunk.receipts);
            receipts.enumerate().filter(|(_, r)| r.passed()).for_each(|(at, _)| masks::insert(out, at));
        }
    }
}
