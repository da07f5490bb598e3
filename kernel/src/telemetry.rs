//! Telemetry: counters of runs whose snapshots add up, and the distributions of latency and gas.
//!
//! A [`Worker`] belongs to one thread and is plain memory: counting a run into it touches nothing shared. At the end of
//! a chunk it is merged: all that it holds becomes one record of a [`Ledger`], and the worker is empty
//! again. So a snapshot has a worker's chunk as a whole or not at all: outcomes, gas, times and both distributions
//! belong to the same runs. No run waits for anything; a snapshot waits for merges under way.
//!
//! A run by realm is counted in [`crate::multigas`].

pub mod histogram;

use crate::fault::{Exhaustion, Fault, Outcome};
use crate::gas::{GasLayer, GasUnits};
use crate::ledger::{Ledger, Totals};
use crate::receipt::Receipt;
use hdrhistogram::Histogram;
use histogram::{Layout, bucket};

/// Types of policies that are told apart; what is beyond counts as the last one.
pub const POLICY_TYPES: usize = 10;

// The counters, one after the other.
const PASSED: usize = 0;
const DENIED: usize = 1;
const FAULTED: usize = 2;
const EXHAUSTED: usize = FAULTED + Fault::ALL.len();
const GAS: usize = EXHAUSTED + Exhaustion::ALL.len();
const COST: usize = GAS + 4;
const MANA: usize = COST + 1;
const TIME: usize = MANA + 1;
const SAMPLES: usize = TIME + 1;
const TYPES: usize = SAMPLES + 1;
const PLAIN: usize = TYPES + POLICY_TYPES;

/// 1 ns to 60 s: 3 808 buckets.
const LATENCY: Layout = Layout { first: PLAIN, largest: 60_000_000_000 };
/// 1 to 10^9 units: 3 055 buckets.
const UNITS: Layout = Layout { first: PLAIN + LATENCY.len(), largest: 1_000_000_000 };
const ALL: usize = UNITS.first + bucket(UNITS.largest) + 1;

/// What is counted of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// How it ended.
    pub outcome: Outcome,
    /// Raw units per layer.
    pub gas: GasUnits,
    /// Units priced.
    pub cost: u64,
    /// Mana.
    pub mana: u64,
    /// How long it took, where that was measured.
    pub duration_ns: Option<u64>,
    /// Type of policy, below [`POLICY_TYPES`].
    pub policy_type: u8,
}

impl Run {
    /// The run of a receipt.
    pub fn of(receipt: &Receipt, duration_ns: Option<u64>, policy_type: u8) -> Run {
        let Receipt { outcome, gas, cost, mana, .. } = *receipt;
        Run { outcome, gas, cost, mana, duration_ns, policy_type }
    }
}

/// One thread's counts since its last merge. Its two distributions take 30 KiB (latency) and 24 KiB (gas).
#[derive(Clone, Debug)]
#[must_use = "what it holds is counted when it is merged"]
pub struct Worker {
    number: usize,
    plain: [u64; PLAIN],
    latency: Option<Histogram<u64>>,
    units: Option<Histogram<u64>>,
    adds: Vec<(usize, u64)>,
}

impl Worker {
    /// An empty one. `number`: best a different one for each thread.
    pub fn new(number: usize) -> Worker {
        Worker { number, plain: [0; PLAIN], latency: LATENCY.empty(), units: UNITS.empty(), adds: Vec::new() }
    }
    /// Counts a run.
    pub fn record(&mut self, run: &Run) {
        self.add(
            match run.outcome {
                Outcome::Allow => PASSED,
                Outcome::Deny => DENIED,
                Outcome::Fault(fault) => FAULTED + fault as usize,
                Outcome::Exhausted(reason) => EXHAUSTED + reason as usize,
            },
            1,
        );
        for layer in GasLayer::ALL {
            self.add(GAS + layer as usize, run.gas[layer]);
        }
        self.add(COST, run.cost);
        self.add(MANA, run.mana);
        self.add(TYPES + usize::from(run.policy_type).min(POLICY_TYPES - 1), 1);
        if let Some(units) = &mut self.units {
            let all = GasLayer::ALL.iter().fold(0u64, |sum, &layer| sum.saturating_add(run.gas[layer]));
            units.saturating_record(all);
        }
        if let Some(ns) = run.duration_ns {
            self.add(TIME, ns);
            self.add(SAMPLES, 1);
            if let Some(latency) = &mut self.latency {
                latency.saturating_record(ns);
            }
        }
    }
    fn add(&mut self, counter: usize, n: u64) {
        if let Some(count) = self.plain.get_mut(counter) {
            *count = count.saturating_add(n);
        }
    }
}

/// The counters of a process. Share it (`Arc`).
#[derive(Debug)]
pub struct Telemetry {
    ledger: Ledger,
}

impl Default for Telemetry {
    fn default() -> Self {
        Telemetry { ledger: Ledger::new(ALL) }
    }
}

impl Telemetry {
    /// All zero.
    pub fn new() -> Telemetry {
        Telemetry::default()
    }
    /// Counts all that a worker holds, as one record, and empties the worker.
    pub fn merge(&self, worker: &mut Worker) {
        worker.adds.clear();
        let counts = worker.plain.iter_mut().enumerate().filter(|(_, n)| **n > 0);
        worker.adds.extend(counts.map(|(counter, n)| (counter, std::mem::take(n))));
        for (layout, histogram) in [(LATENCY, &mut worker.latency), (UNITS, &mut worker.units)] {
            if let Some(histogram) = histogram {
                layout.drain(histogram, &mut worker.adds);
            }
        }
        if !worker.adds.is_empty() {
            // All counters are the ledger's own.
            let _ = self.ledger.record(worker.number, &worker.adds);
        }
    }
    /// Merges a worker when the guard is dropped, also while unwinding, so that a panic loses no run.
    pub fn merging<'t>(&'t self, worker: &'t mut Worker) -> Merging<'t> {
        Merging { telemetry: self, worker }
    }
    /// Everything, as one cut.
    pub fn snapshot(&self) -> TelemetrySnapshot {
        TelemetrySnapshot::of(&self.ledger.snapshot())
    }
}

/// A worker that is merged when this is dropped; see [`Telemetry::merging`].
#[derive(Debug)]
pub struct Merging<'t> {
    telemetry: &'t Telemetry,
    worker: &'t mut Worker,
}

impl Merging<'_> {
    /// Counts a run.
    pub fn record(&mut self, run: &Run) {
        self.worker.record(run);
    }
}

impl Drop for Merging<'_> {
    fn drop(&mut self) {
        self.telemetry.merge(self.worker);
    }
}

/// One cut. Every figure saturates at `u64::MAX`; below that they add up exactly.
#[derive(Clone, Debug)]
pub struct TelemetrySnapshot {
    /// Allowed.
    pub passed: u64,
    /// Denied.
    pub denied: u64,
    /// Faulted, in the order of [`Fault::ALL`].
    pub faults: [u64; Fault::ALL.len()],
    /// Exhausted, in the order of [`Exhaustion::ALL`].
    pub exhaustions: [u64; Exhaustion::ALL.len()],
    /// Raw units per layer.
    pub gas: GasUnits,
    /// Units priced.
    pub cost: u64,
    /// Mana.
    pub mana: u64,
    /// Nanoseconds that the sampled runs took.
    pub time_ns: u64,
    /// Runs whose time was measured.
    pub samples: u64,
    /// Runs by type of policy.
    pub by_type: [u64; POLICY_TYPES],
    /// Nanoseconds of the sampled runs, to two digits, up to 60 s; as many values as `samples`.
    pub latency: Option<Histogram<u64>>,
    /// Raw units of all layers of every run, to two digits, up to 10^9; as many values as `executed`.
    pub units: Option<Histogram<u64>>,
}

impl TelemetrySnapshot {
    fn of(totals: &Totals) -> TelemetrySnapshot {
        let get = |counter| totals.get(counter);
        TelemetrySnapshot {
            passed: get(PASSED),
            denied: get(DENIED),
            faults: std::array::from_fn(|n| get(FAULTED + n)),
            exhaustions: std::array::from_fn(|n| get(EXHAUSTED + n)),
            gas: GasUnits {
                network: get(GAS),
                compute: get(GAS + 1),
                storage: get(GAS + 2),
                realm: get(GAS + 3),
            },
            cost: get(COST),
            mana: get(MANA),
            time_ns: get(TIME),
            samples: get(SAMPLES),
            by_type: std::array::from_fn(|n| get(TYPES + n)),
            latency: LATENCY.read(totals),
            units: UNITS.read(totals),
        }
    }
    /// Runs: passed, denied, faulted and exhausted together.
    pub fn executed(&self) -> u64 {
        [self.passed, self.denied, self.faulted(), self.exhausted()].into_iter().fold(0, u64::saturating_add)
    }
    /// Faulted, for whatever reason.
    pub fn faulted(&self) -> u64 {
        self.faults.into_iter().fold(0, u64::saturating_add)
    }
    /// Exhausted, for whatever reason.
    pub fn exhausted(&self) -> u64 {
        self.exhaustions.into_iter().fold(0, u64::saturating_add)
    }
    /// Mean time of the sampled runs in nanoseconds, rounded down; 0 without samples.
    pub fn mean_ns(&self) -> u64 {
        self.time_ns.checked_div(self.samples).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
