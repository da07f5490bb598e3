//! `cargo bench --bench writing`: batches of a policy that writes, on one thread (in order) and on two, by how often
//! requests meet. `-- --test` runs each once, quickly.
//!
//! Times are of a whole batch of 20 000 requests, each of which adds to a number of a realm's store and notes who was last.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot start should stop; criterion's macros make undocumented items"
)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions};
use eclvm::host::{StateHost, World};
use eclvm::kernel::budget::{Budget, BudgetLimits};
use eclvm::kernel::request::Request;
use eclvm::kernel::value::{Did, ValueRef};
use eclvm::state::{IdentityRecord, RealmRecord};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

const REQUESTS: usize = 20_000;
const SMALL: &str = "policy p(key: string, amount: number) {
    require trust.r >= 0.1, \"distrust\";
    let spent = store_get_number(key) ?? 0;
    require spent + amount <= 1000000000, \"limit\";
    store_put(key, spent + amount);
}";
/// The same after some work.
const LARGE: &str = "policy p(key: string, amount: number) {
    require trust.r >= 0.1, \"distrust\";
    let spent = store_get_number(key) ?? 0;
    let risk = 0;
    for i in 0..100 { risk = risk + amount * i / (1 + risk); }
    require spent + amount <= 1000000000 && risk >= 0, \"limit\";
    store_put(key, spent + amount);
}";

/// Keys of the requests: each its own, as often as 1 to its rank among 10 000, or all the same.
fn keys(how: &str) -> Vec<String> {
    let weights: Vec<f64> = (1..=10_000).map(|rank| 1.0 / f64::from(rank)).collect();
    let sums: Vec<f64> = weights
        .iter()
        .scan(0.0, |sum, w| {
            *sum += w;
            Some(*sum)
        })
        .collect();
    let mut x = 0x9E37_79B9_7F4A_7C15u64;
    let mut unit = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 11) as f64 / (1u64 << 53) as f64
    };
    let zipf = |u: f64| sums.partition_point(|sum| *sum < u * sums[sums.len() - 1]);
    (0..REQUESTS)
        .map(|n| match how {
            "none" => format!("key{n}"),
            "zipf" => format!("key{}", zipf(unit())),
            _ => "key".to_owned(),
        })
        .collect()
}

fn batches(c: &mut Criterion) {
    let identities = (0..1_000).map(|n| IdentityRecord::new(format!("did:x:user{n}"))).collect();
    let realm = RealmRecord { id: "lab".into(), ..RealmRecord::default() };
    let host = StateHost::new(Arc::new(World::new(identities, vec![realm])));
    let dids: Vec<String> = (0..1_000).map(|n| format!("did:x:user{n}")).collect();
    let mut group = c.benchmark_group("writing");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements(REQUESTS as u64));
    for (size, source) in [("small", SMALL), ("large", LARGE)] {
        let policy = Policy::compile(source).unwrap();
        for how in ["none", "zipf", "all"] {
            let keys = keys(how);
            let rows: Vec<[ValueRef<'_>; 2]> =
                keys.iter().map(|key| [ValueRef::Text(key), ValueRef::Number(2.5)]).collect();
            let requests: Vec<Request<'_>> = rows
                .iter()
                .enumerate()
                .map(|(n, row)| Request {
                    caller: Did::new(&dids[n * 7 % 1_000]).map_or(ValueRef::Missing, ValueRef::Did),
                    realm: ValueRef::Text("lab"),
                    ..Request::new(row)
                })
                .collect();
            for threads in [1, 2, 4, 8] {
                if threads > std::thread::available_parallelism().map_or(1, |n| n.get()) {
                    continue;
                }
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let run = || {
                    let options = BatchOptions {
                        host: Some(&host),
                        allow_writes: true,
                        budget: Some(Arc::new(Budget::new(BudgetLimits::UNBOUNDED))),
                        ..BatchOptions::default()
                    };
                    let mut batch = Batch::new(&policy, options).unwrap();
                    let receipts = pool.install(|| batch.run(requests.as_slice())).unwrap();
                    (receipts, batch.guessed())
                };
                let (receipts, [guessed, overtaken]) = run();
                assert!(receipts.iter().all(|receipt| receipt.passed()));
                println!("{size}, {how}, {threads} threads: {guessed} speculated on, {overtaken} overtaken");
                group.bench_function(
                    BenchmarkId::new(format!("{size}, meet: {how}"), format!("{threads} threads")),
                    |b| b.iter(|| black_box(run())),
                );
            }
        }
    }
    group.finish();
}

criterion_group!(benches, batches);
criterion_main!(benches);
