//! `cargo bench --bench budget`: what a shared budget costs, against the plainest things that could stand in its place.
//! `-- --test` runs each once, quickly; `-- turns` only measures all of them in turns.
//!
//! One iteration of `lease` takes gas and mana and settles them: two updates. Those it is compared with keep less: one
//! counter, or a counter per thread, has no limit, no mana and no snapshot; a mutex has them, and blocks.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot start should stop; criterion's macros make undocumented items"
)]

mod common;

use common::{Case, in_turns, together};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use crossbeam_utils::CachePadded;
use eclvm::kernel::budget::{Amount, Budget, BudgetLimits, Lease};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What one thread does again and again, told its number.
type Work<'w> = Box<dyn Fn(usize) + Sync + 'w>;

/// The time that `threads` need, each for `rounds` of `work`.
fn rounds(threads: usize, rounds: u64, work: impl Fn(usize) + Sync) -> Duration {
    together(threads, |thread| (0..rounds).for_each(|_| work(thread)))
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
            b.iter_custom(|n| rounds(threads, n, |_| take_and_settle(&budget)));
        });
        group.bench_function(BenchmarkId::new("charge", threads), |b| {
            b.iter_custom(|n| {
                rounds(threads, n, |_| {
                    black_box(budget.try_consume(1, 1));
                })
            });
        });
        let shared = AtomicU64::new(0);
        group.bench_function(BenchmarkId::new("one fetch_add", threads), |b| {
            b.iter_custom(|n| {
                rounds(threads, n, |_| {
                    shared.fetch_add(1, Ordering::AcqRel);
                })
            });
        });
        let padded = [(); 2].map(|()| CachePadded::new(AtomicU64::new(0)));
        group.bench_function(BenchmarkId::new("a padded fetch_add per thread", threads), |b| {
            b.iter_custom(|n| {
                rounds(threads, n, |thread| {
                    if let Some(counter) = padded.get(thread) {
                        counter.fetch_add(1, Ordering::AcqRel);
                    }
                })
            });
        });
        // Twice, as a lease is taken and settled.
        let locked = Mutex::new((0u64, 0u64));
        group.bench_function(BenchmarkId::new("two locks of a Mutex<(u64, u64)>", threads), |b| {
            b.iter_custom(|n| {
                rounds(threads, n, |_| {
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

/// All of the above in turns; the second thread does as much as the first. What a batch spends on its budget is measured by
/// `cargo run --release -p eclvm-testkit --bin accounting`.
fn turns(_: &mut Criterion) {
    // Short, so that a round seldom spans two turns of the scheduler.
    const ROUNDS: u64 = 10_000;
    for threads in [1, 2] {
        let budget = Budget::new(BudgetLimits::UNBOUNDED);
        let nested = {
            let parent = Arc::new(Budget::new(BudgetLimits::UNBOUNDED));
            Budget::within(BudgetLimits::UNBOUNDED, parent)
        };
        let (shared, padded) = (AtomicU64::new(0), [(); 2].map(|()| CachePadded::new(AtomicU64::new(0))));
        let locked = Mutex::new((0u64, 0u64));
        let lock = || {
            let mut pair = locked.lock().unwrap();
            *pair = (pair.0.wrapping_add(1), pair.1.wrapping_add(1));
        };
        let cases: Vec<(&str, Work<'_>)> = vec![
            ("a lease: two updates", Box::new(|_| take_and_settle(&budget))),
            ("a lease on two levels", Box::new(|_| take_and_settle(&nested))),
            ("a charge: one update", Box::new(|_| _ = budget.try_consume(1, 1))),
            ("one shared fetch_add", Box::new(|_| _ = shared.fetch_add(1, Ordering::AcqRel))),
            ("a padded fetch_add per thread", Box::new(|n| _ = padded[n].fetch_add(1, Ordering::AcqRel))),
            ("a Mutex<(u64, u64)>, locked once", Box::new(|_| lock())),
            ("a Mutex<(u64, u64)>, locked twice", Box::new(|_| (0..2).for_each(|_| lock()))),
        ];
        let cases = cases.into_iter().map(|(name, work)| -> Case<'_> {
            let time = move || rounds(threads, ROUNDS, &work).as_nanos() as f64 / ROUNDS as f64;
            (name.to_owned(), Box::new(time))
        });
        in_turns(&format!("budget, {threads} threads"), 201, cases.collect());
    }
}

criterion_group!(benches, turns, hammer, alone);
criterion_main!(benches);
