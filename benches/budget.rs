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

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use crossbeam_utils::CachePadded;
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

criterion_group!(benches, hammer, alone);
criterion_main!(benches);
