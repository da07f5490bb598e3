//! What a batch amounts to: outcomes, bills, time, latencies.

use super::Decisions;
use eclvm_kernel::fault::Outcome;
use eclvm_kernel::gas::GasUnits;
use eclvm_kernel::lanes::Tally;
use eclvm_kernel::receipt::Receipt;
use hdrhistogram::Histogram;

/// Counts and latencies of a batch.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Requests decided.
    pub requests: u64,
    /// Allowed.
    pub allow: u64,
    /// Denied.
    pub deny: u64,
    /// Faulted.
    pub fault: u64,
    /// Exhausted.
    pub exhausted: u64,
    /// Raw units.
    pub gas: GasUnits,
    /// Units priced, saturating.
    pub cost: u64,
    /// Mana, saturating.
    pub mana: u64,
    /// Time spent deciding, in nanoseconds.
    pub busy_ns: u64,
    /// Which engine decided how many.
    pub engines: Engines,
    latency: Option<Histogram<u64>>,
}

/// Which engine decided how many requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Engines {
    /// By the lanes engine.
    pub lanes: u64,
    /// By the scalar engine.
    pub scalar: u64,
    /// Why the scalar engine decided any, where it was not asked for.
    pub why_scalar: Option<&'static str>,
}

impl Engines {
    pub(super) fn scalar(n: usize, why: Option<&'static str>) -> Engines {
        Engines { lanes: 0, scalar: n as u64, why_scalar: why }
    }
    pub(super) fn add(&mut self, other: Engines) {
        self.lanes += other.lanes;
        self.scalar += other.scalar;
        self.why_scalar = self.why_scalar.or(other.why_scalar);
    }
    /// `lanes`, `scalar`, or `both`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match (self.lanes, self.scalar) {
            (0, _) => "scalar",
            (_, 0) => "lanes",
            _ => "both",
        }
    }
}

/// Percentiles of single runs, in nanoseconds, from samples. Of the lanes engine a sample is a chunk's time, divided by its
/// requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Latency {
    /// Half are faster.
    pub p50: u64,
    /// 90 of 100 are faster.
    pub p90: u64,
    /// 99 of 100 are faster.
    pub p99: u64,
    /// 999 of 1 000 are faster.
    pub p999: u64,
    /// The slowest that was sampled.
    pub max: u64,
}

/// What receipts come to. Sums saturate.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Counts {
    allow: u64,
    deny: u64,
    fault: u64,
    exhausted: u64,
    gas: GasUnits,
    pub(super) cost: u64,
    pub(super) mana: u64,
}

impl Counts {
    pub(super) fn of(receipts: &[Receipt]) -> Counts {
        let mut counts = Counts::default();
        receipts.iter().for_each(|receipt| counts.add(receipt));
        counts
    }
    #[inline]
    pub(super) fn add(&mut self, receipt: &Receipt) {
        *self.of_outcome(receipt.outcome) += 1;
        self.gas = self.gas.plus(receipt.gas);
        self.cost = self.cost.saturating_add(receipt.cost);
        self.mana = self.mana.saturating_add(receipt.mana);
    }
    /// As often as `n` times.
    pub(super) fn add_times(&mut self, receipt: &Receipt, n: u64) {
        *self.of_outcome(receipt.outcome) += n;
        let GasUnits { network, compute, storage, realm } = receipt.gas;
        let [network, compute, storage, realm] =
            [network, compute, storage, realm].map(|units| units.saturating_mul(n));
        self.gas = self.gas.plus(GasUnits { network, compute, storage, realm });
        self.cost = self.cost.saturating_add(receipt.cost.saturating_mul(n));
        self.mana = self.mana.saturating_add(receipt.mana.saturating_mul(n));
    }
    /// Answers by column: those of the lanes engine together.
    pub(super) fn of_decisions(decisions: &Decisions, tally: &Tally) -> Counts {
        let mut counts = Counts::default();
        decisions.others().iter().for_each(|(_, receipt)| counts.add(receipt));
        decisions.each_exit(tally, |outcome, n, gas, cost| {
            *counts.of_outcome(outcome) += n;
            counts.gas = counts.gas.plus(gas);
            counts.cost = counts.cost.saturating_add(cost);
        });
        counts
    }
    pub(super) fn merge(&mut self, other: &Counts) {
        self.allow += other.allow;
        self.deny += other.deny;
        self.fault += other.fault;
        self.exhausted += other.exhausted;
        self.gas = self.gas.plus(other.gas);
        self.cost = self.cost.saturating_add(other.cost);
        self.mana = self.mana.saturating_add(other.mana);
    }
    fn of_outcome(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Allow => &mut self.allow,
            Outcome::Deny => &mut self.deny,
            Outcome::Fault(_) => &mut self.fault,
            Outcome::Exhausted(_) => &mut self.exhausted,
        }
    }
}

impl Default for Summary {
    fn default() -> Self {
        Summary {
            requests: 0,
            allow: 0,
            deny: 0,
            fault: 0,
            exhausted: 0,
            gas: GasUnits::ZERO,
            cost: 0,
            mana: 0,
            busy_ns: 0,
            engines: Engines::default(),
            // A nanosecond to ten minutes with two digits: fixed bounds, about 40 KiB, once per batch.
            latency: Histogram::new_with_bounds(1, 600_000_000_000, 2).ok(),
        }
    }
}

impl Summary {
    pub(super) fn count(&mut self, counts: &Counts, samples: &[u64], busy_ns: u64) {
        let Counts { allow, deny, fault, exhausted, gas, cost, mana } = *counts;
        self.requests += allow + deny + fault + exhausted;
        self.allow += allow;
        self.deny += deny;
        self.fault += fault;
        self.exhausted += exhausted;
        self.gas = self.gas.plus(gas);
        self.cost = self.cost.saturating_add(cost);
        self.mana = self.mana.saturating_add(mana);
        self.busy_ns += busy_ns;
        if let Some(latency) = &mut self.latency {
            for sample in samples {
                latency.saturating_record(*sample);
            }
        }
    }
    /// Percentiles; zeros where nothing was sampled.
    pub fn latency(&self) -> Latency {
        let at = |q: f64| self.latency.as_ref().map_or(0, |h| h.value_at_quantile(q));
        Latency {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.latency.as_ref().map_or(0, Histogram::max),
        }
    }
}
