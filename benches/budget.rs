//! `cargo bench --bench budget`: what a shared budget costs, against the plainest things that could stand in its place.
//! `-- --test` runs each once, quickly.
//!
//! One iteration of `lease` takes gas and mana and settles them: two updates. Those it is compared with keep less: one
//! counter, or a counter per thread, has no limit, no mana and no snapshot; a mutex has them, and blocks.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark that cannot start should stop; criterion's macros make undocumented items"
)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crossbeam_utils::CachePadded;
use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions, Column, RequestColumns};
use eclvm::kernel::budget::{Amount, Budget, BudgetLimits, Lease};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

/// The time that `threads` need, each for `rounds` of `work`, from when all have begun.
fn together(threads: usize, rounds: u64, work: impl Fn(usize) + Sync) -> Duration {
    let start = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let (start, work) = (&start, &work);
                scope.spawn(move || {
                    start.wait();
                    (0..rounds).for_each(|_| work(thread));
                })
            })
            .collect();
        start.wait();
        let began = Instant::now();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        began.elapsed()
    })
}

fn take_and_settle(budget: &Budget) {
    let mut lease = Lease::new(budget);
    let amount = Amount::new(2, 2);
    if lease.grow(amount, amount, None).is_ok() {
        lease.spend(Amount::new(1, 1));
    }
}

fn hammer(c: &mut Criterion) {
    let mut group = c.benchmark_group("hammer");
    for threads in [1, 2] {
        let budget = Budget::new(BudgetLimits::UNBOUNDED);
        group.bench_function(BenchmarkId::new("lease", threads), |b| {
            b.iter_custom(|rounds| together(threads, rounds, |_| take_and_settle(&budget)));
        });
        group.bench_function(BenchmarkId::new("charge", threads), |b| {
            b.iter_custom(|rounds| {
                together(threads, rounds, |_| {
                    black_box(budget.try_consume(1, 1));
                })
            });
        });
        let shared = AtomicU64::new(0);
        group.bench_function(BenchmarkId::new("one fetch_add", threads), |b| {
            b.iter_custom(|rounds| {
                together(threads, rounds, |_| {
                    shared.fetch_add(1, Ordering::AcqRel);
                })
            });
        });
        let padded = [(); 2].map(|()| CachePadded::new(AtomicU64::new(0)));
        group.bench_function(BenchmarkId::new("a padded fetch_add per thread", threads), |b| {
            b.iter_custom(|rounds| {
                together(threads, rounds, |thread| {
                    if let Some(counter) = padded.get(thread) {
                        counter.fetch_add(1, Ordering::AcqRel);
                    }
                })
            });
        });
        // Twice, as a lease is taken and settled.
        let locked = Mutex::new((0u64, 0u64));
        group.bench_function(BenchmarkId::new("two locks of a Mutex<(u64, u64)>", threads), |b| {
            b.iter_custom(|rounds| {
                together(threads, rounds, |_| {
                    for _ in 0..2 {
                        let mut pair = locked.lock().unwrap();
                        *pair = (pair.0.wrapping_add(1), pair.1.wrapping_add(1));
                    }
                })
            });
        });
    }
    group.finish();
}

fn alone(c: &mut Criterion) {
    let budget = Budget::new(BudgetLimits::UNBOUNDED);
    let nested = {
        let mut budget = Arc::new(Budget::new(BudgetLimits::UNBOUNDED));
        for _ in 0..3 {
            budget = Arc::new(Budget::within(BudgetLimits::UNBOUNDED, budget));
        }
        budget
    };
    let spent = Budget::new(BudgetLimits { gas_limit: 0, ..BudgetLimits::UNBOUNDED });
    c.bench_function("a lease", |b| b.iter(|| take_and_settle(&budget)));
    c.bench_function("a lease on four levels", |b| b.iter(|| take_and_settle(&nested)));
    c.bench_function("a refused charge", |b| b.iter(|| spent.try_consume(black_box(1), 0)));
    c.bench_function("a snapshot", |b| b.iter(|| budget.snapshot()));
    c.bench_function("a new budget", |b| b.iter(|| Budget::new(black_box(BudgetLimits::UNBOUNDED))));
    c.bench_function("a new budget in an Arc", |b| {
        b.iter(|| Arc::new(Budget::new(black_box(BudgetLimits::UNBOUNDED))));
    });
}

/// The same batch with a shared budget and without one, in turn, and what the budget adds to a request: the median of the
/// differences of neighbours, with the quartiles. Neighbours differ less by what else the machine does than runs that are a
/// second apart.
fn batch(c: &mut Criterion) {
    const REQUESTS: usize = 200_000;
    let pairs = if std::env::args().any(|arg| arg == "--test") { 1 } else { 61 };
    let policy = Policy::compile("amount <= 100").unwrap();
    let amounts: Vec<f64> = (0..REQUESTS).map(|n| (n % 200) as f64).collect();
    let requests = RequestColumns::new(&policy, REQUESTS).with("amount", Column::Numbers(&amounts)).unwrap();
    let mut group = c.benchmark_group("batch");
    group.sample_size(10).throughput(Throughput::Elements(REQUESTS as u64));
    for threads in [1, 2] {
        let start = |budget: Option<Arc<Budget>>| {
            let options = BatchOptions { budget, threads, ..BatchOptions::default() };
            Batch::new(&policy, options).unwrap()
        };
        let budget = Arc::new(Budget::new(BudgetLimits::UNBOUNDED));
        let (mut shared, mut own) = (start(Some(budget.clone())), start(None));
        let time = |batch: &mut Batch<'_>| {
            let began = Instant::now();
            black_box(batch.run(&requests).unwrap());
            began.elapsed().as_nanos() as f64 / REQUESTS as f64
        };
        let mut differences: Vec<f64> = (0..pairs)
            .map(|pair| {
                // Who goes first changes, too.
                if pair % 2 == 0 {
                    let with = time(&mut shared);
                    with - time(&mut own)
                } else {
                    let without = time(&mut own);
                    time(&mut shared) - without
                }
            })
            .collect();
        differences.sort_by(f64::total_cmp);
        let quantile = |part: usize| differences.get(differences.len() * part / 4).copied().unwrap_or(0.0);
        println!(
            "batch, {threads} threads: a shared budget adds [{:.2} {:.2} {:.2}] ns to a request, {} pairs; {:.6} updates \
             a request",
            quantile(1),
            quantile(2),
            quantile(3),
            differences.len(),
            budget.updates() as f64 / (differences.len() * REQUESTS) as f64,
        );
        group.bench_function(BenchmarkId::new("shared budget", threads), |b| {
            b.iter(|| shared.run(&requests).unwrap());
        });
        group.bench_function(BenchmarkId::new("no shared budget", threads), |b| {
            b.iter(|| own.run(&requests).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, hammer, alone, batch);
criterion_main!(benches);
