//! `cargo bench --bench multigas`: what it costs to count a run, beside maps that take locks and beside a plain shared
//! addition, and what a snapshot costs. `-- --test` runs each once, quickly; `-- turns` only measures records in turns.
//!
//! Times are of one record as each thread sees it: with two threads, both make all of them at once. Each includes finding the
//! next realm, a multiplication and a remainder.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot start should stop; criterion's macros make undocumented items"
)]

mod common;

use common::{Case, in_turns, together};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dashmap::DashMap;
use eclvm::kernel::gas::GasUnits;
use eclvm::kernel::multigas::{MultiGas, RealmId};
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const UNITS: GasUnits = GasUnits { network: 5, compute: 3, storage: 10, realm: 20 };
const ADDS: [u64; 4] = [5, 3, 10, 20];

fn names(realms: usize) -> Vec<String> {
    (0..realms).map(|n| format!("realm-{n:05}")).collect()
}

/// Each thread makes all records, one realm after the other in an order that caches do not foresee.
fn on_threads(threads: usize, realms: usize, records: u64, record: impl Fn(usize, usize) + Sync) -> Duration {
    together(threads, |worker| {
        let mut at = worker * 7 + 1;
        for _ in 0..records {
            at = at.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            record(worker, (at >> 33) % realms);
        }
    })
}

fn record(c: &mut Criterion) {
    let mut group = c.benchmark_group("multigas/record");
    group.sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for threads in [1, 2] {
        for realms in [1, 10, 10_000] {
            let names = names(realms);
            let at = format!("{threads} threads, {realms} realms");
            let gas = MultiGas::default();
            let ids: Vec<RealmId> = names.iter().map(|name| gas.realm(name)).collect();
            group.bench_function(BenchmarkId::new("MultiGas by id", &at), |b| {
                b.iter_custom(|n| {
                    on_threads(threads, realms, n, |worker, realm| gas.record(worker, ids[realm], &UNITS, 1))
                });
            });
            group.bench_function(BenchmarkId::new("MultiGas by name", &at), |b| {
                b.iter_custom(|n| {
                    on_threads(threads, realms, n, |worker, realm| {
                        gas.record(worker, gas.realm(&names[realm]), &UNITS, 1);
                    })
                });
            });
            let map: DashMap<String, [u64; 4]> = names.iter().map(|name| (name.clone(), [0; 4])).collect();
            group.bench_function(BenchmarkId::new("DashMap by name", &at), |b| {
                b.iter_custom(|n| {
                    on_threads(threads, realms, n, |_, realm| {
                        let mut used = map.get_mut(&names[realm]).unwrap();
                        used.iter_mut().zip(ADDS).for_each(|(used, n)| *used = used.wrapping_add(n));
                    })
                });
            });
            let map: RwLock<HashMap<String, [u64; 4]>> =
                RwLock::new(names.iter().map(|name| (name.clone(), [0; 4])).collect());
            group.bench_function(BenchmarkId::new("RwLock<HashMap> by name", &at), |b| {
                b.iter_custom(|n| {
                    on_threads(threads, realms, n, |_, realm| {
                        let mut map = map.write().unwrap();
                        let used = map.get_mut(&names[realm]).unwrap();
                        used.iter_mut().zip(ADDS).for_each(|(used, n)| *used = used.wrapping_add(n));
                    })
                });
            });
        }
        // No realms, no whole records, no snapshot that adds up: the least that shared totals can cost.
        let totals: [AtomicU64; 4] = Default::default();
        group.bench_function(BenchmarkId::new("4 shared additions", format!("{threads} threads")), |b| {
            b.iter_custom(|n| {
                on_threads(threads, 1, n, |_, _| {
                    totals.iter().zip(ADDS).for_each(|(total, n)| {
                        total.fetch_add(n, Ordering::Relaxed);
                    });
                })
            });
        });
    }
    group.finish();
}

fn snapshot(c: &mut Criterion) {
    let mut group = c.benchmark_group("multigas/snapshot");
    group.sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    for realms in [10, 65_536] {
        let gas = MultiGas::default();
        let ids: Vec<RealmId> = names(realms).iter().map(|name| gas.realm(name)).collect();
        let all = |gas: &MultiGas| ids.iter().for_each(|&realm| gas.record(0, realm, &UNITS, 1));
        for _ in 0..2 {
            all(&gas);
            gas.snapshot();
        }
        group.bench_function(BenchmarkId::new("nothing new", realms), |b| {
            b.iter(|| black_box(gas.snapshot().process));
        });
        group.bench_function(BenchmarkId::new("every realm moved", realms), |b| {
            b.iter_custom(|n| {
                let mut time = Duration::ZERO;
                for _ in 0..n {
                    all(&gas);
                    let began = Instant::now();
                    black_box(gas.snapshot().process);
                    time += began.elapsed();
                }
                time
            });
        });
        group.bench_function(BenchmarkId::new("process totals only", realms), |b| {
            b.iter(|| black_box(gas.process()));
        });
    }
    group.bench_function("prices", |b| {
        let gas = MultiGas::new(0);
        b.iter(|| black_box(gas.prices()));
    });
    group.finish();
}

/// How one record is made, by this thread and of this realm.
type Work<'w> = Box<dyn Fn(usize, usize) + Sync + 'w>;

/// A record of each kind in turns.
fn turns(_: &mut Criterion) {
    // Short, so that a round seldom spans two turns of the scheduler.
    const RECORDS: u64 = 10_000;
    for (threads, realms) in [(1, 10), (2, 10), (1, 10_000), (2, 10_000)] {
        let names = names(realms);
        let gas = MultiGas::default();
        let ids: Vec<RealmId> = names.iter().map(|name| gas.realm(name)).collect();
        let dash: DashMap<String, [u64; 4]> = names.iter().map(|name| (name.clone(), [0; 4])).collect();
        let locked: RwLock<HashMap<String, [u64; 4]>> =
            RwLock::new(names.iter().map(|name| (name.clone(), [0; 4])).collect());
        let totals: [AtomicU64; 4] = Default::default();
        let add = |used: &mut [u64; 4]| {
            used.iter_mut().zip(ADDS).for_each(|(used, n)| *used = used.wrapping_add(n))
        };
        let cases: Vec<(&str, Work<'_>)> = vec![
            ("MultiGas by id", Box::new(|worker, realm| gas.record(worker, ids[realm], &UNITS, 1))),
            (
                "MultiGas by name",
                Box::new(|worker, realm| gas.record(worker, gas.realm(&names[realm]), &UNITS, 1)),
            ),
            ("DashMap by name", Box::new(|_, realm| add(&mut dash.get_mut(&names[realm]).unwrap()))),
            (
                "RwLock<HashMap> by name",
                Box::new(|_, realm| add(locked.write().unwrap().get_mut(&names[realm]).unwrap())),
            ),
            (
                "4 shared additions",
                Box::new(|_, _| {
                    totals.iter().zip(ADDS).for_each(|(total, n)| _ = total.fetch_add(n, Ordering::Relaxed))
                }),
            ),
        ];
        let cases = cases.into_iter().map(|(name, work)| -> Case<'_> {
            let time = move || on_threads(threads, realms, RECORDS, &work).as_nanos() as f64 / RECORDS as f64;
            (name.to_owned(), Box::new(time))
        });
        in_turns(&format!("multigas, {threads} threads, {realms} realms"), 201, cases.collect());
    }
}

criterion_group!(benches, turns, record, snapshot);
criterion_main!(benches);
