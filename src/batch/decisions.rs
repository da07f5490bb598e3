//! What a portion of requests came to, by column. A request takes a few bits (and eight bytes for each layer whose bill
//! differs on the way to one place); its receipt is made when it is asked for.

use super::distinct::Rows;
use eclvm_kernel::fault::{Fault, Outcome};
use eclvm_kernel::gas::{GasUnits, Prices};
use eclvm_kernel::lanes::{Exit, LanePlan, Tally, digits, masks};
use eclvm_kernel::receipt::Receipt;
use std::sync::Arc;

/// Decisions of a portion, in index order.
///
/// ```
/// use eclvm::batch::{Batch, BatchOptions, Column, RequestColumns};
///
/// let policy = eclvm::Policy::compile("amount <= 20").unwrap();
/// let columns =
///     RequestColumns::new(&policy, 3).with("amount", Column::Numbers(&[10.0, 20.0, 30.0])).unwrap();
/// let decisions = Batch::new(&policy, BatchOptions::default()).unwrap().decide(&columns).unwrap();
/// assert_eq!(decisions.passed_bits(), [0b011]);
/// assert_eq!(decisions.receipt(2).outcome.name(), "deny");
/// assert_eq!(decisions.cost(2), 2);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    plan: Option<Arc<LanePlan>>,
    len: usize,
    /// Requests of a chunk.
    width: usize,
    /// The exits that each chunk's requests took, chunk by chunk.
    taken: Vec<u64>,
    passed: Vec<u64>,
    extra: [Vec<u64>; 3],
    /// Units that each has besides.
    fixed: [u64; 3],
    values: Vec<f64>,
    /// What the scalar engine decided because the lanes engine left it, ascending by index.
    others: Vec<(usize, Receipt)>,
    /// What the scalar engine decided of itself: all of it, or nothing.
    pub(super) rows: Rows,
    prices: Prices,
    version: u64,
}

/// Room for the answers of one chunk.
pub(super) struct Part<'a> {
    pub(super) lanes: usize,
    pub(super) taken: &'a mut [u64],
    pub(super) passed: &'a mut [u64],
    pub(super) extra: [&'a mut [u64]; 3],
    pub(super) values: &'a mut [f64],
}

impl Decisions {
    pub(super) fn clear(&mut self) {
        self.begin(None, (0, 0), Prices::default(), None);
    }
    /// Makes room for the answers of `len` requests in chunks of `width`, a multiple of 64; `version` is the host's.
    pub(super) fn begin(
        &mut self,
        plan: Option<&Arc<LanePlan>>,
        (len, width): (usize, usize),
        prices: Prices,
        version: Option<u64>,
    ) {
        let (extra, values) = plan.map_or(([false; 3], 0), |plan| (plan.extra(), plan.value_width()));
        self.width = width.max(64);
        self.plan = plan.cloned();
        self.fixed = plan.map_or([0; 3], |plan| plan.fixed(version.is_some()));
        self.len = len;
        for (sets, n) in [(&mut self.taken, plan.map_or(0, |plan| plan.digits())), (&mut self.passed, 1)] {
            sets.clear();
            sets.resize(masks::words(len) * n, 0);
        }
        for (column, wanted) in self.extra.iter_mut().zip(extra) {
            column.resize(if wanted { len } else { 0 }, 0);
        }
        self.values.resize(len * values, 0.0);
        self.others.clear();
        self.rows.begin(0, 0);
        self.prices = prices;
        self.version = version.unwrap_or(0);
    }
    pub(super) fn put_receipts(&mut self, receipts: Vec<Receipt>, prices: Prices) {
        self.begin(None, (receipts.len(), 0), prices, None);
        self.rows.take(receipts);
        self.rows.passed(&mut self.passed);
    }
    /// `rows` is complete.
    pub(super) fn put_rows(&mut self) {
        self.rows.passed(&mut self.passed);
    }
    /// What the lanes engine's answers amount to: outcome, how many, gas and cost of all of them. What is owed on top of
    /// exits comes last, of no request.
    pub(super) fn each_exit(&self, tally: &Tally, mut visit: impl FnMut(Outcome, u64, GasUnits, u64)) {
        let Some(plan) = &self.plan else { return };
        for (exit, n) in plan.exits().iter().zip(&tally.exits).filter(|(_, n)| **n > 0) {
            let gas = GasUnits {
                network: exit.gas.network.saturating_mul(*n),
                compute: exit.gas.compute.saturating_mul(*n),
                storage: exit.gas.storage.saturating_mul(*n),
                realm: 0,
            };
            visit(exit.outcome, *n, gas, self.prices.cost(&gas));
        }
        let n: u64 = tally.exits.iter().sum();
        let [fixed, _, _] = self.fixed;
        let [network, compute, storage] = tally.extra;
        let network = network.saturating_add(fixed.saturating_mul(n));
        let extra = GasUnits { network, compute, storage, realm: 0 };
        visit(Outcome::Allow, 0, extra, self.prices.cost(&extra));
    }
    /// Puts in what the scalar engine decided; indexes must ascend.
    pub(super) fn put(&mut self, index: usize, receipt: Receipt) {
        if receipt.passed() {
            masks::insert(&mut self.passed, index);
        }
        self.others.push((index, receipt));
    }
    /// Room for each chunk.
    pub(super) fn parts(&mut self) -> Vec<Part<'_>> {
        let (lanes, len) = (self.width, self.len);
        let (digits, width) = self.plan.as_ref().map_or((0, 0), |plan| (plan.digits(), plan.value_width()));
        let [network, compute, storage] = &mut self.extra;
        let mut extra = [network, compute, storage].map(|extra| extra.chunks_mut(lanes));
        let mut values = self.values.chunks_mut((lanes * width).max(1));
        let mut taken = self.taken.chunks_mut((lanes / 64 * digits).max(1));
        let chunks = self.passed.chunks_mut(lanes / 64).enumerate();
        chunks
            .map(|(at, passed)| Part {
                lanes: lanes.min(len - at * lanes),
                taken: taken.next().unwrap_or_default(),
                passed,
                extra: extra.each_mut().map(|extra| extra.next().unwrap_or_default()),
                values: values.next().unwrap_or_default(),
            })
            .collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// One bit for each request, the first in the lowest bit: whether it passed.
    #[must_use]
    pub fn passed_bits(&self) -> &[u64] {
        &self.passed
    }
    /// Whether a request passed; false where there is none.
    #[must_use]
    pub fn passed(&self, index: usize) -> bool {
        index < self.len && masks::has(&self.passed, index)
    }
    fn exit(&self, index: usize) -> Option<&Exit> {
        let plan = self.plan.as_ref()?;
        let (chunk, lane) = (index / self.width, index % self.width);
        let from = chunk * (self.width / 64) * plan.digits();
        let words = masks::words(self.len.checked_sub(chunk * self.width)?.min(self.width));
        let taken = self.taken.get(from..from + words * plan.digits())?;
        plan.exits().get(digits::get(taken, words, lane)?)
    }
    fn other(&self, index: usize) -> Option<&Receipt> {
        if self.plan.is_none() {
            return self.rows.receipt(index);
        }
        let at = self.others.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        self.others.get(at).map(|(_, receipt)| receipt)
    }
    fn extra_of(&self, index: usize) -> [u64; 3] {
        let mut extra = self.fixed;
        for (sum, column) in extra.iter_mut().zip(&self.extra) {
            *sum += column.get(index).copied().unwrap_or(0);
        }
        extra
    }
    /// How a request ended; HostError where there is none.
    #[must_use]
    pub fn outcome(&self, index: usize) -> Outcome {
        match (self.exit(index), self.other(index)) {
            (Some(exit), _) => exit.outcome,
            (None, Some(receipt)) => receipt.outcome,
            (None, None) => Outcome::Fault(Fault::HostError),
        }
    }
    /// What a request used.
    #[must_use]
    pub fn gas(&self, index: usize) -> GasUnits {
        match self.exit(index) {
            Some(exit) => exit.units(self.extra_of(index)),
            None => self.other(index).map_or(GasUnits::ZERO, |receipt| receipt.gas),
        }
    }
    /// What that cost.
    #[must_use]
    pub fn cost(&self, index: usize) -> u64 {
        self.prices.cost(&self.gas(index))
    }
    /// The receipt of a request; a fault where there is none.
    #[must_use]
    pub fn receipt(&self, index: usize) -> Receipt {
        if let (Some(plan), Some(exit)) = (&self.plan, self.exit(index)) {
            let width = plan.value_width();
            let value = self.values.get(index * width..(index + 1) * width).unwrap_or(&[]);
            return plan.receipt(exit, self.extra_of(index), value, &self.prices, self.version);
        }
        self.other(index).cloned().unwrap_or_else(|| Receipt::unstarted(Fault::HostError, self.version))
    }
    /// All receipts.
    pub fn receipts(&self) -> impl Iterator<Item = Receipt> + '_ {
        (0..self.len).map(|index| self.receipt(index))
    }
    /// Requests that the lanes engine left to the scalar engine.
    pub(super) fn left(&self) -> Vec<usize> {
        (0..self.len).filter(|index| self.exit(*index).is_none()).collect()
    }
    pub(super) fn others(&self) -> &[(usize, Receipt)] {
        &self.others
    }
}
