//! The event ring: appending on one and two threads, a batch, reading; against what one would take otherwise. All figures are
//! per record. `cargo bench -p eclvm --bench event`.

#![allow(missing_docs, clippy::unwrap_used, reason = "benchmarks")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crossbeam_queue::ArrayQueue;
use eclvm::kernel::event::Ring;
use eclvm::kernel::limits::EVENT_RING;
use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

type Words = [u64; 8];

/// Runs `append` so many times in all on so many threads at once, from a common start.
fn on_threads(threads: u64, times: u64, append: impl Fn(Words) + Sync) -> Duration {
    let append = &append;
    let each = times / threads + 1;
    let start = std::sync::Barrier::new(threads as usize);
    let start = &start;
    thread::scope(|scope| {
        let all: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    start.wait();
                    let began = Instant::now();
                    for n in 0..each {
                        append(black_box([n, thread, 3, 4, 5, 6, 7, 8]));
                    }
                    began.elapsed()
                })
            })
            .collect();
        all.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
    })
}

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("append");
    group.throughput(Throughput::Elements(1));
    for threads in [1, 2] {
        let ring: Ring<8> = Ring::new(EVENT_RING);
        group.bench_function(BenchmarkId::new("ring", threads), |b| {
            b.iter_custom(|times| {
                on_threads(threads, times, |words| {
                    black_box(ring.append(words, None));
                })
            });
        });
        let deque: Mutex<VecDeque<Words>> = Mutex::new(VecDeque::with_capacity(EVENT_RING));
        group.bench_function(BenchmarkId::new("mutex of a deque", threads), |b| {
            b.iter_custom(|times| {
                on_threads(threads, times, |words| {
                    let mut deque = deque.lock().unwrap();
                    if deque.len() == EVENT_RING {
                        deque.pop_front();
                    }
                    deque.push_back(words);
                })
            });
        });
        let queue: ArrayQueue<Words> = ArrayQueue::new(EVENT_RING);
        group.bench_function(BenchmarkId::new("crossbeam force_push", threads), |b| {
            b.iter_custom(|times| {
                on_threads(threads, times, |words| {
                    black_box(queue.force_push(words));
                })
            });
        });
    }
    group.finish();
}

fn batch(c: &mut Criterion) {
    const RECORDS: u64 = 1_024;
    let mut group = c.benchmark_group("batch of 1024");
    group.throughput(Throughput::Elements(RECORDS));
    let ring: Ring<8> = Ring::new(EVENT_RING);
    group.bench_function("ring", |b| {
        b.iter(|| {
            let mut batch = ring.reserve(RECORDS as usize).unwrap();
            for n in 0..RECORDS {
                batch.push(black_box([n, 2, 3, 4, 5, 6, 7, 8]), None);
            }
        });
    });
    let deque: Mutex<VecDeque<Words>> = Mutex::new(VecDeque::with_capacity(EVENT_RING));
    group.bench_function("mutex of a deque, locked once", |b| {
        b.iter(|| {
            let mut deque = deque.lock().unwrap();
            for n in 0..RECORDS {
                if deque.len() == EVENT_RING {
                    deque.pop_front();
                }
                deque.push_back(black_box([n, 2, 3, 4, 5, 6, 7, 8]));
            }
        });
    });
    group.finish();
}

fn since(c: &mut Criterion) {
    const RECORDS: usize = 1_024;
    let mut group = c.benchmark_group("since, 1024 records");
    group.throughput(Throughput::Elements(RECORDS as u64));
    let ring: Ring<8> = Ring::new(EVENT_RING);
    let deque: Mutex<VecDeque<Words>> = Mutex::new(VecDeque::with_capacity(EVENT_RING));
    for n in 0..EVENT_RING as u64 {
        ring.append([n; 8], None);
        deque.lock().unwrap().push_back([n; 8]);
    }
    group.bench_function("ring", |b| b.iter(|| ring.since(black_box(4_000), RECORDS)));
    group.bench_function("mutex of a deque", |b| {
        b.iter(|| {
            let deque = deque.lock().unwrap();
            deque.range(black_box(4_000)..4_000 + RECORDS).copied().collect::<Vec<Words>>()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = append, batch, since
}
criterion_main!(benches);
