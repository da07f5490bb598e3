//! The state: commits of one key by the size of the world, reads by DID against a `HashMap` that is never changed, views.
//! `cargo bench --bench state`.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops where its setting is wrong"
)]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use eclvm::kernel::budget::{Budget, BudgetLimits};
use eclvm::kernel::effects::StoreValue;
use eclvm::kernel::value::TrustVector;
use eclvm::state::{IdentityRecord, RealmRecord, StateEvent, TrustReason, UnifiedState, World};
use foldhash::HashMap;
use std::hint::black_box;
use std::sync::Arc;

const SIZES: [usize; 2] = [1_000, 1_000_000];
const SCHEMA: &str = "kyc";

fn did(n: usize) -> String {
    format!("did:erynoa:self:user{n:07}")
}
fn trust(n: usize) -> TrustVector {
    TrustVector([(n % 10) as f64 / 10.0; 6])
}

/// `n` identities, every third of which holds a credential, and a realm with as many keys as there are identities.
fn world(n: usize) -> World {
    let identities = (0..n).map(|n| IdentityRecord {
        trust: trust(n),
        balance: n as i128,
        credentials: if n % 3 == 0 { vec![SCHEMA.into()] } else { Vec::new() },
        ..IdentityRecord::new(did(n))
    });
    let store = (0..n).map(|n| (n.to_string().into(), StoreValue::Number(n as f64))).collect();
    World::new(identities.collect(), vec![RealmRecord { id: "lab".into(), store, ..RealmRecord::default() }])
}

/// DIDs in no order.
fn asked(n: usize) -> Vec<String> {
    let mut x = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    };
    (0..100_000).map(|_| did((next() % n as u64) as usize)).collect()
}

fn commits(c: &mut Criterion) {
    for size in SIZES {
        let state = Arc::new(UnifiedState::with_world(world(size)));
        // A reader that keeps the first version: nothing can be changed in place.
        let _kept = state.view();
        // Asked for anew in each round of measurements, so it goes on from where the last one ended.
        let (mut n, mut fresh) = (0, size);
        let mut group = c.benchmark_group("commit one key");
        group.bench_function(BenchmarkId::new("trust", size), |b| {
            b.iter(|| {
                n = (n + 7_919) % size;
                let mut t = state.begin();
                t.push(StateEvent::TrustUpdate {
                    did: did(n).into(),
                    delta: 0.0,
                    new: trust(n),
                    reason: TrustReason::Administration,
                    realm_id: None,
                })
                .unwrap();
                assert!(state.commit(&t).is_success());
            })
        });
        group.bench_function(BenchmarkId::new("store", size), |b| {
            b.iter(|| {
                n = (n + 7_919) % size;
                let mut t = state.begin();
                let (realm_id, key) = ("lab".into(), n.to_string().into());
                let value = Some(StoreValue::Number(1.0));
                t.push(StateEvent::StoreWritten { realm_id, key, value }).unwrap();
                assert!(state.commit(&t).is_success());
            })
        });
        group.bench_function(BenchmarkId::new("store through a handle", size), |b| {
            let budget = Arc::new(Budget::new(BudgetLimits::UNBOUNDED));
            b.iter(|| {
                n = (n + 7_919) % size;
                let handle = state.handle("lab", None, budget.clone());
                handle.store_put(&n.to_string(), 1.0).unwrap();
                assert!(handle.commit().is_success());
            })
        });
        group.bench_function(BenchmarkId::new("new identity", size), |b| {
            b.iter(|| {
                fresh += 1;
                let mut t = state.begin();
                t.push(StateEvent::IdentityCreated(Arc::new(IdentityRecord::new(did(fresh))))).unwrap();
                assert!(state.commit(&t).is_success());
            })
        });
        group.finish();
    }
}

struct Plain {
    trust: TrustVector,
    balance: i128,
    credentials: Box<[u32]>,
}

fn reads(c: &mut Criterion) {
    for size in SIZES {
        let state = UnifiedState::with_world(world(size));
        let view = state.view();
        let plain: HashMap<Arc<str>, Plain> = (0..size)
            .map(|n| {
                let credentials = if n % 3 == 0 { Box::from([0]) } else { Box::from([]) };
                (did(n).into(), Plain { trust: trust(n), balance: n as i128, credentials })
            })
            .collect();
        let schemas: HashMap<Box<str>, u32> = [(SCHEMA.into(), 0)].into_iter().collect();
        let dids = asked(size);
        let mut at = 0;
        let mut next = || {
            at = (at + 1) % dids.len();
            black_box(dids[at].as_str())
        };
        let mut group = c.benchmark_group("read by DID");
        group.bench_function(BenchmarkId::new("trust", size), |b| b.iter(|| view.trust(next())));
        group.bench_function(BenchmarkId::new("trust, HashMap", size), |b| {
            b.iter(|| plain.get(next()).map(|identity| identity.trust))
        });
        group.bench_function(BenchmarkId::new("balance", size), |b| b.iter(|| view.balance(next())));
        group.bench_function(BenchmarkId::new("balance, HashMap", size), |b| {
            b.iter(|| plain.get(next()).map(|identity| identity.balance))
        });
        group.bench_function(BenchmarkId::new("credential", size), |b| {
            b.iter(|| view.has_credential(next(), black_box(SCHEMA)))
        });
        group.bench_function(BenchmarkId::new("credential, HashMap", size), |b| {
            b.iter(|| {
                let schema = schemas.get(black_box(SCHEMA)).copied();
                let identity = plain.get(next());
                schema
                    .zip(identity)
                    .is_some_and(|(s, identity)| identity.credentials.binary_search(&s).is_ok())
            })
        });
        group.finish();
    }
}

fn views(c: &mut Criterion) {
    let state = UnifiedState::with_world(world(1_000));
    c.bench_function("view", |b| b.iter(|| black_box(state.view())));
}

criterion_group!(benches, commits, reads, views);
criterion_main!(benches);
