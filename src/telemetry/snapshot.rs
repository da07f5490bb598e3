//! What was counted, as one cut.

use super::counters::*;
use super::realms::Realms;
use crate::kernel::fault::{Exhaustion, Fault};
use crate::kernel::ledger::Totals;
use crate::kernel::limits::MAX_OBSERVED_REALMS;
use crate::kernel::multigas::RealmId;
use crate::policy_type::PolicyType;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;

/// Counts of crossings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Crossings {
    /// Allowed or denied.
    pub evaluated: u64,
    /// Allowed.
    pub allowed: u64,
    /// Denied, whatever the reason.
    pub denied: u64,
}

/// Counts of blueprints.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Blueprints {
    /// Can be deployed.
    pub published: u64,
    /// Deployments.
    pub deployed: u64,
    /// Realms made of one.
    pub instantiated: u64,
    /// Can no longer be deployed; 0 in a realm.
    pub deprecated: u64,
}

/// Counts of sagas and intents.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sagas {
    /// Completed or failed.
    pub processed: u64,
    /// Completed.
    pub successful: u64,
    /// Steps done.
    pub steps: u64,
    /// Sagas with steps in several realms.
    pub cross_realm: u64,
    /// Steps compensated.
    pub compensations: u64,
}

/// What happened in one realm. Every figure saturates at `u64::MAX`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RealmSnapshot {
    /// Runs: passed, denied, faulted and exhausted together.
    pub policies_executed: u64,
    /// Allowed.
    pub policies_passed: u64,
    /// Denied.
    pub policies_denied: u64,
    /// Faulted.
    pub policies_faulted: u64,
    /// Exhausted.
    pub policies_exhausted: u64,
    /// Runs by type, in the order of [`PolicyType::ALL`].
    pub by_type: [u64; PolicyType::ALL.len()],
    /// Priced gas.
    pub gas: u64,
    /// Mana, of runs and of crossings into it.
    pub mana: u64,
    /// Nanoseconds that runs took.
    pub time_ns: u64,
    /// Crossings into it.
    pub crossings: Crossings,
    /// Blueprints.
    pub blueprints: Blueprints,
    /// Saga steps done.
    pub saga_steps: u64,
    /// Saga steps compensated.
    pub compensations: u64,
}

impl RealmSnapshot {
    fn read(totals: &Totals, first: usize) -> RealmSnapshot {
        let get = |place| totals.get(first + place);
        let runs = [row::PASSED, row::DENIED, row::FAULTED, row::EXHAUSTED].map(get);
        let crossings = (get(row::CROSSINGS_ALLOWED), get(row::CROSSINGS_DENIED));
        RealmSnapshot {
            policies_executed: sum(runs),
            policies_passed: get(row::PASSED),
            policies_denied: get(row::DENIED),
            policies_faulted: get(row::FAULTED),
            policies_exhausted: get(row::EXHAUSTED),
            by_type: std::array::from_fn(|kind| get(row::TYPES + kind)),
            gas: get(row::GAS),
            mana: get(row::MANA),
            time_ns: get(row::TIME),
            crossings: crossings_of(crossings.0, crossings.1),
            blueprints: Blueprints {
                published: get(row::PUBLISHED),
                deployed: get(row::DEPLOYED),
                instantiated: get(row::INSTANTIATED),
                deprecated: 0,
            },
            saga_steps: get(row::STEPS),
            compensations: get(row::COMPENSATIONS),
        }
    }
    /// True mean time of a run in microseconds; 0 without runs.
    pub fn avg_evaluation_time_us(&self) -> f64 {
        mean_us(self.time_ns, self.policies_executed)
    }
}

/// [`super::EclvmState`] at one cut. Every figure saturates at `u64::MAX`; below that they add up exactly.
#[derive(Clone, PartialEq, Debug)]
pub struct EclvmSnapshot {
    /// Policies compiled.
    pub policies_compiled: u64,
    /// Sources that did not compile.
    pub compile_errors: u64,
    /// Runs: passed, denied, faulted and exhausted together.
    pub policies_executed: u64,
    /// Allowed.
    pub policies_passed: u64,
    /// Denied.
    pub policies_denied: u64,
    /// Faulted.
    pub policies_faulted: u64,
    /// Exhausted.
    pub policies_exhausted: u64,
    /// Faulted, in the order of [`Fault::ALL`].
    pub faults: [u64; Fault::ALL.len()],
    /// Exhausted, in the order of [`Exhaustion::ALL`].
    pub exhaustions: [u64; Exhaustion::ALL.len()],
    /// Runs by type, in the order of [`PolicyType::ALL`].
    pub by_type: [u64; PolicyType::ALL.len()],
    /// Priced gas of all runs.
    pub total_gas: u64,
    /// Mana of all runs and crossings.
    pub total_mana: u64,
    /// Nanoseconds that all runs took.
    pub time_ns: u64,
    /// True mean time of a run in microseconds; 0 without runs.
    pub avg_evaluation_time_us: f64,
    /// Blueprints.
    pub blueprints: Blueprints,
    /// Sagas and intents.
    pub sagas: Sagas,
    /// Crossings.
    pub crossings: Crossings,
    /// Nanoseconds of all runs, to two digits, up to 60 s; as many values as `policies_executed`.
    pub latency: Option<Histogram<u64>>,
    /// Priced gas of all runs, to two digits, up to 10^9; as many values as `policies_executed`.
    pub gas: Option<Histogram<u64>>,
    /// By realm. What happened in no realm stands under the empty name, and what happened in realms that were too many to
    /// count one by one in `overflow`.
    pub realms: BTreeMap<Box<str>, RealmSnapshot>,
    /// Realms beyond the cap together.
    pub overflow: RealmSnapshot,
}

impl EclvmSnapshot {
    pub(super) fn read(totals: &Totals, names: &Realms) -> EclvmSnapshot {
        let get = |counter| totals.get(counter);
        let by = |kind: usize, code: usize| totals.get(RUNS + kind * CODES + code);
        let codes: [u64; CODES] =
            std::array::from_fn(|code| sum((0..PolicyType::ALL.len()).map(|kind| by(kind, code))));
        let [passed, denied, ends @ ..] = codes;
        let mut ends = ends.into_iter();
        let faults: [u64; Fault::ALL.len()] = std::array::from_fn(|_| ends.next().unwrap_or(0));
        let exhaustions: [u64; Exhaustion::ALL.len()] = std::array::from_fn(|_| ends.next().unwrap_or(0));
        let executed = sum(codes);
        let (mut realms, mut overflow) = (BTreeMap::new(), RealmSnapshot::default());
        for index in 0..=MAX_OBSERVED_REALMS {
            let realm = RealmId::of_index(index);
            let Some(name) = names.name(realm) else { break };
            let counted = RealmSnapshot::read(totals, row_of(realm));
            if counted == RealmSnapshot::default() {
                // Registered, and counted only after the cut, if ever.
                continue;
            }
            if realm == RealmId::OVERFLOW {
                overflow = counted;
            } else {
                realms.insert(name.into(), counted);
            }
        }
        EclvmSnapshot {
            policies_compiled: get(COMPILED),
            compile_errors: get(COMPILE_ERRORS),
            policies_executed: executed,
            policies_passed: passed,
            policies_denied: denied,
            policies_faulted: sum(faults),
            policies_exhausted: sum(exhaustions),
            faults,
            exhaustions,
            by_type: std::array::from_fn(|kind| sum((0..CODES).map(|code| by(kind, code)))),
            total_gas: get(GAS),
            total_mana: sum([get(MANA), get(CROSSING_MANA)]),
            time_ns: get(TIME),
            avg_evaluation_time_us: mean_us(get(TIME), executed),
            blueprints: Blueprints {
                published: get(PUBLISHED),
                deployed: get(DEPLOYED),
                instantiated: get(INSTANTIATED),
                deprecated: get(DEPRECATED),
            },
            sagas: Sagas {
                processed: sum([get(SAGAS_DONE), get(SAGAS_FAILED)]),
                successful: get(SAGAS_DONE),
                steps: get(STEPS),
                cross_realm: get(SAGAS_CROSS_REALM),
                compensations: get(COMPENSATIONS),
            },
            crossings: crossings_of(get(CROSSINGS_ALLOWED), get(CROSSINGS_DENIED)),
            latency: LATENCY.read(totals),
            gas: COST.read(totals),
            realms,
            overflow,
        }
    }
}

/// What was consumed, given back and refused of gas or mana.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Account {
    /// Paid.
    pub consumed: u64,
    /// Gas refunded; mana regenerated. Only what the embedder reports.
    pub returned: u64,
    /// Runs that ended because there was not enough.
    pub limit_hits: u64,
}

/// Counts of contexts: runs, and what else was started with [`super::ExecutionsState`]'s methods.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Executions {
    /// Started and not ended.
    pub active: u64,
    /// Started: active, successful and failed together.
    pub total: u64,
    /// Ended well; a run where it was allowed.
    pub successful: u64,
    /// Ended otherwise.
    pub failed: u64,
    /// Events that they told of: one of each run, and what others reported.
    pub events: u64,
    /// True mean time of those that ended, in milliseconds; 0 where none has.
    pub avg_time_ms: f64,
}

/// [`super::ExecutionState`] at one cut.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct ExecutionSnapshot {
    /// Gas.
    pub gas: Account,
    /// Mana.
    pub mana: Account,
    /// Contexts.
    pub executions: Executions,
}

impl ExecutionSnapshot {
    pub(super) fn read(totals: &Totals) -> ExecutionSnapshot {
        let get = |counter| totals.get(counter);
        let runs =
            |code: usize| sum((0..PolicyType::ALL.len()).map(|kind| totals.get(RUNS + kind * CODES + code)));
        let hits = |reason: Exhaustion| runs(2 + Fault::ALL.len() + reason as usize);
        let successful = sum([runs(0), get(OTHER_SUCCESSFUL)]);
        let failed = sum((1..CODES).map(runs).chain([get(OTHER_FAILED)]));
        let ended = successful.saturating_add(failed);
        // Who starts what it never ends is active; who ends what it never started counts as having started it.
        let total = get(STARTED).max(ended);
        ExecutionSnapshot {
            gas: Account {
                consumed: sum([get(GAS), get(OTHER_GAS)]),
                returned: get(GAS_REFUNDED),
                limit_hits: sum([hits(Exhaustion::OutOfGas), get(OTHER_GAS_HITS)]),
            },
            mana: Account {
                consumed: sum([get(MANA), get(CROSSING_MANA), get(OTHER_MANA)]),
                returned: get(MANA_REGENERATED),
                limit_hits: sum([hits(Exhaustion::OutOfMana), get(OTHER_MANA_HITS)]),
            },
            executions: Executions {
                active: total.saturating_sub(ended),
                total,
                successful,
                failed,
                events: sum((0..CODES).map(runs).chain([get(OTHER_EVENTS)])),
                avg_time_ms: mean_us(sum([get(TIME), get(OTHER_TIME)]), ended) / 1_000.0,
            },
        }
    }
}

/// Everything that is counted, as one cut.
#[derive(Clone, PartialEq, Debug)]
pub struct StateSnapshot {
    /// Policies, crossings, blueprints, sagas.
    pub eclvm: EclvmSnapshot,
    /// Gas, mana, contexts.
    pub execution: ExecutionSnapshot,
}

impl Counters {
    /// Everything, as one cut.
    pub(crate) fn snapshot(&self) -> StateSnapshot {
        let totals = self.totals();
        StateSnapshot {
            eclvm: EclvmSnapshot::read(&totals, &self.realms),
            execution: ExecutionSnapshot::read(&totals),
        }
    }
}

fn sum(counts: impl IntoIterator<Item = u64>) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}

fn crossings_of(allowed: u64, denied: u64) -> Crossings {
    Crossings { evaluated: allowed.saturating_add(denied), allowed, denied }
}

fn mean_us(ns: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { ns as f64 / of as f64 / 1_000.0 }
}
