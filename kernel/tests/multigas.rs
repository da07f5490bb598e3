//! Threads record while others take snapshots, set prices, move prices and take from quotas: every snapshot adds up, and
//! the totals at the end are exact to the unit. `ECLVM_STRESS_RECORDS` sets the records of each thread, for long runs.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use eclvm_kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm_kernel::gas::{GasLayer, GasUnits, Prices};
use eclvm_kernel::ledger::Ledger;
use eclvm_kernel::multigas::{MultiGas, RealmId, RealmQuota, Snapshot};
use eclvm_kernel::telemetry::{Run, Telemetry, Worker};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

fn records() -> u64 {
    std::env::var("ECLVM_STRESS_RECORDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000)
}

fn xorshift(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// Ends the readers, also when a writer panics, so that a failure is no hang.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn sum(cut: &Snapshot) -> (GasUnits, u64, u64) {
    cut.realms.iter().fold((GasUnits::ZERO, 0, 0), |(gas, mana, runs), realm| {
        (gas.plus(realm.gas), mana + realm.mana, runs + realm.runs)
    })
}

/// Each record uses n, 2n, 3n, 4n units and 5n mana, so half a record shows.
fn check(cut: &Snapshot) {
    for used in cut.realms.iter().chain([&cut.process]) {
        let n = used.gas.network;
        let whole = GasUnits { network: n, compute: 2 * n, storage: 3 * n, realm: 4 * n };
        assert_eq!((used.gas, used.mana), (whole, 5 * n), "half a record");
    }
    assert_eq!(sum(cut), (cut.process.gas, cut.process.mana, cut.process.runs));
    let epoch = cut.price_epoch + 1;
    assert_eq!(cut.prices, prices(epoch), "torn prices");
}

fn prices(n: u64) -> Prices {
    Prices(GasUnits { network: n, compute: n, storage: n, realm: n })
}

#[test]
fn snapshots_add_up_while_threads_record() {
    const WRITERS: u64 = 4;
    let gas = MultiGas::new(20);
    let over = AtomicBool::new(false);
    let used: u64 = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|worker| {
                let (gas, over) = (&gas, &over);
                scope.spawn(move || {
                    let _ends = Ends(over);
                    let (mut seed, mut used) = (worker + 1, 0);
                    for _ in 0..records() {
                        let (realm, n) = (xorshift(&mut seed) % 30, xorshift(&mut seed) % 10);
                        let units = GasUnits { network: n, compute: 2 * n, storage: 3 * n, realm: 4 * n };
                        gas.record(worker as usize, gas.realm(&realm.to_string()), &units, 5 * n);
                        used += n;
                    }
                    used
                })
            })
            .collect();
        for _ in 0..2 {
            scope.spawn(|| {
                let mut before = gas.snapshot();
                while !over.load(Ordering::Acquire) {
                    let cut = gas.snapshot();
                    check(&cut);
                    assert!(before.process.runs <= cut.process.runs && before.price_epoch <= cut.price_epoch);
                    before = cut;
                }
            });
        }
        scope.spawn(|| {
            let mut n = 1;
            while !over.load(Ordering::Acquire) {
                n += 1;
                assert_eq!(gas.set_prices(prices(n)), n - 1);
                let (seen, epoch) = gas.prices();
                assert_eq!(seen, prices(epoch + 1), "torn prices");
                thread::yield_now();
            }
        });
        writers.into_iter().map(|writer| writer.join().expect("a writer")).sum()
    });
    let cut = gas.snapshot();
    check(&cut);
    assert_eq!((cut.process.gas.network, cut.process.runs), (used, WRITERS * records()));
    assert_eq!(cut.realms.len(), 21);
    assert!(cut.realm(RealmId::OVERFLOW).runs > 0);
}

/// One thread's records are numbered; another passes the number on; a snapshot that has the later has the earlier.
#[test]
fn snapshots_are_causal() {
    let ledger = Ledger::new(64);
    let (told, over) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ends = Ends(&over);
            for n in 1..=records() {
                ledger.record(0, &[(0, 1)]).expect("a counter");
                told.store(n, Ordering::Release);
            }
        });
        scope.spawn(|| {
            let mut counted = 0;
            while !over.load(Ordering::Acquire) {
                let n = told.load(Ordering::Acquire);
                ledger.record(1, &[(40, n - counted)]).expect("a counter");
                counted = n;
            }
        });
        scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                let cut = ledger.snapshot();
                assert!(cut.get(0) >= cut.get(40), "effect without cause");
            }
        });
    });
}

#[test]
fn telemetry_adds_up_while_workers_merge() {
    let telemetry = Telemetry::new();
    let over = AtomicBool::new(false);
    let runs = records() / 4;
    let outcome = |n: u64| match n % 8 {
        0 => Outcome::Deny,
        1 => Outcome::Fault(Fault::HostError),
        2 => Outcome::Exhausted(Exhaustion::OutOfGas),
        _ => Outcome::Allow,
    };
    thread::scope(|scope| {
        for number in 0..3u64 {
            let (telemetry, over) = (&telemetry, &over);
            scope.spawn(move || {
                let _ends = Ends(over);
                let (mut worker, mut seed) = (Worker::new(number as usize), number + 1);
                for n in 0..runs {
                    let ns = xorshift(&mut seed) >> (20 + n % 40);
                    let gas = GasUnits { compute: 3, ..GasUnits::ZERO };
                    worker.record(&Run {
                        outcome: outcome(n),
                        gas,
                        cost: 6,
                        mana: 1,
                        duration_ns: n.is_multiple_of(4).then_some(ns),
                        policy_type: (n % 12) as u8,
                    });
                    if n % 100 == 99 {
                        telemetry.merge(&mut worker);
                    }
                }
                telemetry.merge(&mut worker);
            });
        }
        scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                let cut = telemetry.snapshot();
                let executed = cut.executed();
                assert_eq!((cut.gas.compute, cut.cost, cut.mana), (3 * executed, 6 * executed, executed));
                assert_eq!(cut.by_type.iter().sum::<u64>(), executed);
                assert_eq!(cut.latency.map(|h| h.len()), Some(cut.samples));
                assert_eq!(cut.units.map(|h| h.len()), Some(executed));
            }
        });
    });
    let cut = telemetry.snapshot();
    assert_eq!(cut.executed(), 3 * runs);
    assert_eq!(cut.denied, 3 * runs.div_ceil(8));
    assert_eq!(cut.samples, 3 * runs.div_ceil(4));
}

/// Takers race across many ends of periods: no period grants more than its quota, and each grants all of it, since they
/// ask until they are refused.
#[test]
fn quotas_are_exact_in_every_period() {
    const PERIODS: u64 = 300;
    let gas = MultiGas::new(0);
    let limits = [None, Some(50), Some(120), None];
    gas.set_quota(RealmId::OVERFLOW, &RealmQuota { limits, period_ns: 1_000 }).expect("fits");
    let granted: Vec<AtomicU64> = (0..PERIODS).map(|_| AtomicU64::new(0)).collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (period, granted) in granted.iter().enumerate() {
                    let units = GasUnits { compute: 1, storage: 2, ..GasUnits::ZERO };
                    let now = period as u64 * 1_000 + 1;
                    loop {
                        match gas.try_take(RealmId::OVERFLOW, &units, now) {
                            // A thread that is late takes from the period that is counted by then.
                            Ok(taken) => {
                                drop(taken);
                                granted.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(refusal) => {
                                assert_eq!(refusal.layer, GasLayer::Compute);
                                break;
                            }
                        }
                    }
                }
            });
        }
    });
    let all: u64 = granted.iter().map(|n| n.load(Ordering::Relaxed)).sum();
    assert_eq!(all, 50 * PERIODS);
}

/// The controller under many callers: prices move once in each period.
#[test]
fn ticks_happen_once_a_period() {
    use eclvm_kernel::multigas::{Controller, PriceRule};
    use std::num::NonZeroU64;
    const PERIODS: u64 = 500;
    let gas = MultiGas::new(0);
    let rule = PriceRule { target: 0, step_per_mille: 1, floor: 1, ceiling: u64::MAX };
    let period_ns = NonZeroU64::new(10).expect("not 0");
    gas.set_controller(Some(Controller { period_ns, rules: [Some(rule); 4] }), 0);
    let ticks = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for now in 0..=10 * PERIODS {
                    gas.record(0, RealmId::OVERFLOW, &GasUnits::ZERO, 0);
                    if gas.tick(now).is_some() {
                        ticks.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    // A thread ahead ends a period for all of them.
    assert_eq!(ticks.load(Ordering::Relaxed), PERIODS);
    assert_eq!(gas.snapshot().process.runs, 4 * (10 * PERIODS + 1));
}
