//! What a batch amounts to: outcomes, bills, time, latencies.

use eclvm_kernel::fault::Outcome;
use eclvm_kernel::gas::GasUnits;
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
    latency: Option<Histogram<u64>>,
}

/// Percentiles of single runs, in nanoseconds, from samples.
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
            // A nanosecond to ten minutes with two digits: fixed bounds, about 40 KiB, once per batch.
            latency: Histogram::new_with_bounds(1, 600_000_000_000, 2).ok(),
        }
    }
}

impl Summary {
    pub(super) fn count(&mut self, receipts: &[Receipt], samples: &[u64], busy_ns: u64) {
        self.requests += receipts.len() as u64;
        self.busy_ns += busy_ns;
        for receipt in receipts {
            match receipt.outcome {
                Outcome::Allow => self.allow += 1,
                Outcome::Deny => self.deny += 1,
                Outcome::Fault(_) => self.fault += 1,
                Outcome::Exhausted(_) => self.exhausted += 1,
            }
            self.gas = self.gas.plus(receipt.gas);
            self.cost = self.cost.saturating_add(receipt.cost);
            self.mana = self.mana.saturating_add(receipt.mana);
        }
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
