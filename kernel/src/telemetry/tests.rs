//! Telemetry: the layout of distributions is the crate's, and snapshots add up.

use super::histogram::{bucket, lowest};
use super::*;

fn run(outcome: Outcome, units: u64, duration_ns: Option<u64>) -> Run {
    let gas = GasUnits { compute: units, ..GasUnits::ZERO };
    Run { outcome, gas, cost: units, mana: 1, duration_ns, policy_type: 200 }
}

/// The crate does not say how it lays out its buckets; ours must be the same, at every edge of a bucket.
#[test]
fn buckets_are_those_of_the_crate() {
    for layout in [LATENCY, UNITS] {
        let histogram = layout.empty().expect("bounds that the crate takes");
        assert!(layout.len() <= histogram.distinct_values());
        for at in 0..layout.len() {
            let value = lowest(at);
            assert_eq!(bucket(value), at);
            assert_eq!(histogram.lowest_equivalent(value), value);
            let next = histogram.next_non_equivalent(value);
            assert_eq!((bucket(next - 1), bucket(next)), (at, at + 1));
        }
    }
    assert_eq!(bucket(u64::MAX), 56 * 128 + 255);
}

#[test]
fn a_snapshot_adds_up() {
    let telemetry = Telemetry::new();
    let mut worker = Worker::new(3);
    let outcomes = [Outcome::Allow, Outcome::Deny]
        .into_iter()
        .chain(Fault::ALL.iter().map(|&fault| Outcome::Fault(fault)))
        .chain(Exhaustion::ALL.iter().map(|&reason| Outcome::Exhausted(reason)));
    let mut runs = 0;
    for (n, outcome) in outcomes.enumerate() {
        worker.record(&run(outcome, n as u64, Some(1_000 * n as u64)));
        worker.record(&run(outcome, u64::MAX, None));
        runs += 2;
    }
    assert_eq!(telemetry.snapshot().executed(), 0, "not merged yet");
    telemetry.merge(&mut worker);
    telemetry.merge(&mut worker);
    let cut = telemetry.snapshot();
    assert_eq!((cut.passed, cut.denied, cut.faults, cut.exhaustions), (2, 2, [2; 10], [2; 5]));
    assert_eq!((cut.executed(), cut.faulted(), cut.exhausted()), (runs, 20, 10));
    assert_eq!((cut.samples, cut.by_type[9], cut.mana), (runs / 2, runs, runs));
    assert_eq!((cut.gas.compute, cut.cost), (u64::MAX, u64::MAX));
    let (latency, units) = (cut.latency.clone().unwrap(), cut.units.clone().unwrap());
    assert_eq!((latency.len(), units.len()), (runs / 2, runs));
    assert_eq!(latency.value_at_quantile(0.5), latency.highest_equivalent(8_000));
    assert_eq!((cut.time_ns, cut.mean_ns()), (136_000, 8_000));
}

#[test]
fn values_beyond_the_bounds_are_counted_at_the_bounds() {
    let telemetry = Telemetry::new();
    let mut worker = Worker::new(usize::MAX);
    for ns in [0, 1, u64::MAX, 60_000_000_000, 61_000_000_000] {
        worker.record(&run(Outcome::Allow, ns, Some(ns)));
    }
    telemetry.merge(&mut worker);
    let cut = telemetry.snapshot();
    assert_eq!(cut.latency.map(|h| h.len()), Some(5));
    assert_eq!(cut.units.map(|h| h.len()), Some(5));
}

/// A host that panics in the middle of a chunk: the runs before it are counted.
#[test]
fn a_panic_loses_no_run() {
    let telemetry = Telemetry::new();
    let mut worker = Worker::new(0);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut merging = telemetry.merging(&mut worker);
        merging.record(&run(Outcome::Allow, 5, Some(7)));
        std::panic::resume_unwind(Box::new("a host that panics"));
    }));
    assert!(result.is_err());
    let cut = telemetry.snapshot();
    assert_eq!((cut.executed(), cut.gas.compute, cut.samples, cut.time_ns), (1, 5, 1, 7));
}

#[test]
fn the_sizes_that_the_documents_state() {
    let bytes = |histogram: Option<Histogram<u64>>| histogram.map_or(0, |h| h.distinct_values() * 8);
    assert_eq!((bytes(LATENCY.empty()), bytes(UNITS.empty())), (30_720, 24_576));
    assert_eq!((LATENCY.len(), UNITS.len()), (3_808, 3_055));
}
