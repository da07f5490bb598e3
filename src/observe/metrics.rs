//! Counters as Prometheus (OpenMetrics) reads them. Everything is read when it is scraped; runs pay nothing for it.
//!
//! - `erynoa_eclvm_gas_consumed_total{layer,realm}`: raw units. The realms that used most, by name; all others are `other`.
//!   What no realm used has an empty name.
//! - `erynoa_eclvm_budget_exhausted_total{reason}`: runs that a limit ended, all five reasons.
//! - `erynoa_eclvm_policies_total{outcome}`: runs.
//! - `erynoa_eclvm_log_events{state}`: events of a durable state's log that are `durable`, `waiting` for it or `lost` to a failed
//!   write; not there where the log is kept in memory only.
//! - `erynoa_eclvm_evaluation_duration_seconds`, `erynoa_eclvm_evaluation_gas`: distributions. Bounds are met to two digits.

use crate::kernel::fault::Exhaustion;
use crate::kernel::gas::GasLayer;
use crate::kernel::limits::MAX_METRIC_REALMS;
use crate::kernel::multigas::{MultiGas, RealmId, Usage};
use crate::state::UnifiedState;
use crate::telemetry::{EclvmSnapshot, EventDurability};
use hdrhistogram::Histogram;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

/// What all realms together are called that have no name of their own in a scrape. A realm of this name is one of them.
pub const OTHER: &str = "other";

/// Realms that have names of their own where nobody says otherwise.
const TOP: usize = 50;

/// Upper bounds in nanoseconds.
const DURATIONS: [u64; 14] = [
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    50_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
    60_000_000_000,
];
/// Upper bounds in units of priced gas.
const GAS: [u64; 10] = [1, 5, 10, 50, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// Reads a state when it is scraped. Register it with a `prometheus_client` registry, or ask [`scrape`].
#[derive(Clone, Debug)]
pub struct EclvmCollector {
    state: Arc<UnifiedState>,
    top: usize,
}

impl EclvmCollector {
    /// Names the 50 realms that used most gas.
    pub fn new(state: &Arc<UnifiedState>) -> EclvmCollector {
        EclvmCollector { state: state.clone(), top: TOP }
    }
    /// Names so many realms, at most [`MAX_METRIC_REALMS`].
    pub fn with_top(self, top: usize) -> EclvmCollector {
        EclvmCollector { top: top.min(MAX_METRIC_REALMS), ..self }
    }
}

/// A state's metrics as text.
pub fn scrape(collector: &EclvmCollector) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(collector.clone()));
    let mut out = String::new();
    // A String takes everything.
    let _ = text::encode(&mut out, &registry);
    out
}

impl Collector for EclvmCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        gas(&mut encoder, self.state.multi_gas(), self.top)?;
        let eclvm = self.state.eclvm.snapshot();
        let reasons = Exhaustion::ALL.iter().map(|reason| reason.name()).zip(eclvm.exhaustions);
        let help = "Runs that a limit ended, by reason";
        counters(&mut encoder, "erynoa_eclvm_budget_exhausted", help, "reason", reasons)?;
        let EclvmSnapshot {
            policies_passed: allow,
            policies_denied: deny,
            policies_faulted: fault,
            policies_exhausted: exhausted,
            ..
        } = eclvm;
        let outcomes = [("allow", allow), ("deny", deny), ("fault", fault), ("exhausted", exhausted)];
        let help = "Runs of policies, by outcome";
        counters(&mut encoder, "erynoa_eclvm_policies", help, "outcome", outcomes.into_iter())?;
        if let Some(EventDurability { durable, waiting, lost }) = self.state.event_durability() {
            let help = "Events of the durable log, by what became of them";
            let name = "erynoa_eclvm_log_events";
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (state, count) in [("durable", durable), ("waiting", waiting), ("lost", lost)] {
                ConstGauge::new(count).encode(metric.encode_family(&[("state", state)])?)?;
            }
        }
        let name = "erynoa_eclvm_evaluation_duration_seconds";
        let help = "How long runs of policies took";
        histogram(&mut encoder, name, help, &DURATIONS, 1e-9, eclvm.time_ns, eclvm.latency.as_ref())?;
        let help = "Priced gas of runs of policies";
        let (total, spread) = (eclvm.total_gas, eclvm.gas.as_ref());
        histogram(&mut encoder, "erynoa_eclvm_evaluation_gas", help, &GAS, 1.0, total, spread)
    }
}

fn gas(encoder: &mut DescriptorEncoder<'_>, multi_gas: &MultiGas, top: usize) -> fmt::Result {
    let used = multi_gas.snapshot();
    let all =
        |usage: &Usage| GasLayer::ALL.iter().fold(0u64, |sum, &layer| sum.saturating_add(usage.gas[layer]));
    let mut realms: Vec<(RealmId, &Usage)> = (0..).map(RealmId::of_index).zip(&used.realms).collect();
    // By use; by number where it is the same, so that a scrape is stable.
    realms.sort_by_key(|(realm, usage)| (Reverse(all(usage)), *realm));
    let mut other = Usage::default();
    let mut rows: Vec<(&str, Usage)> = Vec::new();
    for (realm, usage) in realms {
        match multi_gas.realm_name(realm) {
            // One row for each name, or the scrape is no good.
            Some(name) if realm != RealmId::OVERFLOW && name != OTHER && rows.len() < top => {
                rows.push((name, *usage));
            }
            _ => other.gas = other.gas.plus(usage.gas),
        }
    }
    rows.push((OTHER, other));
    let help = "Gas consumed by ECLVM, in raw units";
    let kind = MetricType::Counter;
    let mut metric = encoder.encode_descriptor("erynoa_eclvm_gas_consumed", help, None, kind)?;
    for (name, usage) in &rows {
        for layer in GasLayer::ALL {
            let labels = [("layer", layer.name()), ("realm", name)];
            ConstCounter::new(usage.gas[layer]).encode(metric.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn counters<'n>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    rows: impl Iterator<Item = (&'n str, u64)>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (value, count) in rows {
        ConstCounter::new(count).encode(metric.encode_family(&[(label, value)])?)?;
    }
    Ok(())
}

fn histogram(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    bounds: &[u64],
    unit: f64,
    sum: u64,
    spread: Option<&Histogram<u64>>,
) -> fmt::Result {
    let mut buckets: Vec<(f64, u64)> = bounds.iter().map(|bound| (*bound as f64 * unit, 0)).collect();
    buckets.push((f64::INFINITY, 0));
    // The encoder adds the buckets up, and must not pass what 64 bits hold.
    let mut left = u64::MAX;
    for at in spread.into_iter().flat_map(|spread| spread.iter_recorded()) {
        let place = bounds.partition_point(|bound| *bound < at.value_iterated_to());
        if let Some((_, count)) = buckets.get_mut(place) {
            let more = at.count_at_value().min(left);
            left -= more;
            *count += more;
        }
    }
    let count = spread.map_or(0, Histogram::len);
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    metric.encode_histogram::<NoLabelSet>(sum as f64 * unit, count, &buckets, None)
}
