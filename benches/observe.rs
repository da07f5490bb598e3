//! What observation costs: a run on a state that nobody is told of, one that the state counts and logs, one that somebody
//! hears of, and one with spans on; and a batch with and without. `cargo bench -p eclvm --bench observe`.

#![allow(missing_docs, clippy::unwrap_used, reason = "benchmarks")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions};
use eclvm::host::StateHost;
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::request::Request;
use eclvm::kernel::value::ValueRef;
use eclvm::observe::{Observation, StateIntegrator};
use eclvm::run::{PolicyRunContext, PolicyType, run_policy};
use eclvm::state::{UnifiedState, World};
use std::hint::black_box;
use std::sync::Arc;
use tracing_subscriber::layer::SubscriberExt;

const FILE: &[u8] =
    br#"{"identities": {"did:x:a": {"trust": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]}}, "realms": {"lab": {}}}"#;

fn runs(c: &mut Criterion) {
    let state = Arc::new(UnifiedState::with_world(World::from_json(FILE).unwrap()));
    let host = StateHost::from(state.view());
    // It never runs out within a benchmark.
    let limits = BudgetLimits { gas_limit: u64::MAX, timeout_ms: u64::MAX, ..BudgetLimits::default() };
    let bare = PolicyRunContext::new("did:x:a", "lab", limits).of_policy("door", PolicyType::Crossing);
    let told = bare.clone().observed_by(Arc::new(StateIntegrator::new(&state)));
    let rules = "policy p { \
        require trust.r >= 0.5; require trust.i >= 0.5; require is_member(caller) || trust.c >= 0.3; \
        require !has_credential(caller, \"banned\"); require load_trust(caller).omega >= 0.1; }";
    let mut group = c.benchmark_group("run");
    for (name, source) in [("trust.r >= 0.5", "trust.r >= 0.5"), ("five rules", rules)] {
        let policy = Policy::compile(source).unwrap();
        let mut measure = |kind: &str, context: &PolicyRunContext| {
            group.bench_function(BenchmarkId::new(kind, name), |b| {
                b.iter(|| run_policy(black_box(&policy), Some(&host), context));
            });
        };
        measure("bare", &bare);
        measure("counted and logged", &told);
        let heard = state.broadcaster.subscribe();
        measure("counted, logged and heard", &told);
        drop(heard);
        let subscriber = tracing_subscriber::registry();
        tracing::subscriber::with_default(subscriber.with(Ignore), || measure("spans on, bare", &bare));
    }
    group.finish();
}

/// Takes every span and event, and does nothing with it.
struct Ignore;
impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Ignore {}

fn batches(c: &mut Criterion) {
    const REQUESTS: usize = 16_384;
    let state = Arc::new(UnifiedState::new());
    let policy = Policy::compile("policy p(x: number) { require x < 900; require x >= 1; }").unwrap();
    let rows: Vec<[ValueRef<'_>; 1]> =
        (0..REQUESTS).map(|n| [ValueRef::Number((n % 1_000) as f64)]).collect();
    let requests: Vec<Request<'_>> = rows.iter().map(|row| Request::new(row)).collect();
    let mut group = c.benchmark_group("batch");
    group.throughput(Throughput::Elements(REQUESTS as u64));
    for told in [false, true] {
        let options = BatchOptions { threads: 1, ..BatchOptions::default() };
        let mut batch = Batch::new(&policy, options).unwrap();
        if told {
            batch = batch.observed(Observation {
                observer: Arc::new(StateIntegrator::new(&state)),
                policy_id: Some("p".into()),
                policy_type: PolicyType::Api,
                realm_id: Some("lab".into()),
            });
        }
        let name = if told { "counted and logged" } else { "bare" };
        group.bench_function(name, |b| b.iter(|| batch.run(black_box(requests.as_slice())).unwrap()));
    }
    group.finish();
}

criterion_group!(benches, runs, batches);
criterion_main!(benches);
