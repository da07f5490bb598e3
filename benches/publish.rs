//! `cargo bench --bench publish`: what reading and replacing a published value costs, and what spending mana does, alone and
//! beside a second thread that does the same. `-- --test` runs each once, quickly.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark that cannot start should stop")]

use criterion::{Criterion, criterion_group, criterion_main};
use eclvm::kernel::mana::{ManaAccount, ManaRate, ManaTable};
use eclvm::kernel::publish::Published;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Measures `f(0)`, once alone and once while another thread does `f(1)`.
fn alone_and_beside(c: &mut Criterion, group: &str, name: &str, f: impl Fn(usize) + Sync) {
    let mut group = c.benchmark_group(group);
    group.sample_size(30).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group.bench_function(format!("{name}/1 thread"), |b| b.iter(|| f(0)));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                f(1);
            }
        });
        group.bench_function(format!("{name}/2 threads"), |b| b.iter(|| f(0)));
        stop.store(true, Ordering::Relaxed);
    });
    group.finish();
}

fn publishing(c: &mut Criterion) {
    let published = Published::new([1_u64; 8]);
    alone_and_beside(c, "published", "pin", |_| {
        black_box(published.pin().first().copied());
    });
    alone_and_beside(c, "published", "load", |_| {
        black_box(published.load().first().copied());
    });
    let published = [Published::new([1_u64; 8]), Published::new([1_u64; 8])];
    alone_and_beside(c, "published", "publish, one value each", |thread| {
        if let Some(mine) = published.get(thread) {
            let _ = mine.publish_if(mine.version(), [2; 8]);
        }
    });
}

fn mana(c: &mut Criterion) {
    let rate = ManaRate::of_reliability(1.0);
    // A clock that gives back one mana with each call, so that every spend succeeds.
    let now = [AtomicU64::new(1), AtomicU64::new(1)];
    let clock = |thread: usize| now.get(thread).map_or(0, |now| now.fetch_add(2_000_000, Ordering::Relaxed));
    let account = ManaAccount::new();
    alone_and_beside(c, "mana", "one account", |thread| {
        let _ = black_box(account.try_spend(clock(thread), &rate, 1));
    });
    let table = ManaTable::with_cap(0, 1 << 16);
    alone_and_beside(c, "mana", "table, one DID", |thread| {
        let _ = black_box(table.try_spend("did:web:one.example", &rate, clock(thread), 1));
    });
    let dids: Vec<String> = (0..10_000).map(|n| format!("did:web:{n}.example")).collect();
    let next = [AtomicU64::new(0), AtomicU64::new(7_001)];
    alone_and_beside(c, "mana", "table, 10 000 DIDs", |thread| {
        let at = next.get(thread).map_or(0, |next| next.fetch_add(7_919, Ordering::Relaxed));
        let did = dids.get(at as usize % dids.len()).map_or("", |did| did);
        let _ = black_box(table.try_spend(did, &rate, clock(thread), 1));
    });
    let full = ManaTable::with_cap(0, 10_000);
    dids.iter().for_each(|did| full.try_spend(did, &rate, 0, 900_000).unwrap());
    alone_and_beside(c, "mana", "table that is full, refusal", |_| {
        let _ = black_box(full.try_spend("did:web:late.example", &rate, 1, 1));
    });
}

criterion_group!(benches, publishing, mana);
criterion_main!(benches);
