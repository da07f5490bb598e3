//! `cargo bench --bench engine`: times of every stage on its own. `-- --test` runs each once, quickly.
//!
//! Times say how a change compares with the state before it on the same quiet machine; `tests/allocations.rs` and the
//! counts of instructions in PERF.md are what gates.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot start should stop; criterion's macros make undocumented items"
)]

use bumpalo::Bump;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use eclvm::batch::{Batch, BatchOptions, Column, RequestColumns, Requests};
use eclvm::host::{StateHost, World};
use eclvm::kernel::fault::Outcome;
use eclvm::kernel::gas::GasUnits;
use eclvm::kernel::host::HostInterface;
use eclvm::kernel::request::{Env, Request};
use eclvm::kernel::value::{Did, TrustVector, ValueRef};
use eclvm::kernel::vm::Vm;
use eclvm::lang::{checker, parser};
use eclvm::wire::{Defaults, Schema, decode, write_receipt};
use eclvm::{Module, Policy};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

const TRANSFER: &str = include_str!("../examples/transfer/transfer.ecl");
const WORLD: &str = include_str!("../examples/transfer/state.json");
const MULTISIG: &str = include_str!("../examples/policies/multisig.ecl");
const ROLES: &str = include_str!("../examples/policies/roles.ecl");
const TRUST: &str = "trust.r >= 0.5";
const TRANSFER_GIVEN: &str = include_str!("common/transfer_given.ecl");
/// A thousand rounds of arithmetic and a branch, with nothing to fold and nothing to ask.
const LOOP: &str = "policy loop(seed: number) {
    let x = seed;
    for i in 0..1000 { x = x * 0.5 + i * 0.25; if x > 100 { x = x - 50; } }
    return x > 10;
}";
const NOW: f64 = 1_700_000_000.0;
const ALICE: &str = "did:erynoa:self:alice";
const BOB: &str = "did:erynoa:self:bob";

fn world() -> StateHost {
    StateHost::new(Arc::new(World::from_json(WORLD.as_bytes()).unwrap()))
}

fn did(text: &'static str) -> Did<'static> {
    Did::new(text).unwrap()
}

/// Everyday policies under names of their own, until there are so many bytes.
fn source_of(bytes: usize) -> String {
    let mut source = String::new();
    for n in 0.. {
        let policy = match n % 2 {
            0 => {
                TRANSFER.replace("LARGE", &format!("LARGE_{n}")).replace("transfer", &format!("transfer_{n}"))
            }
            _ => MULTISIG.replace("policy multisig", &format!("policy multisig_{n}")),
        };
        source.push_str(&policy);
        if source.len() >= bytes {
            break;
        }
    }
    source
}

fn compile(c: &mut Criterion) {
    let mut group = c.benchmark_group("compile");
    for (name, source) in [("1 KiB", source_of(1)), ("16 KiB", source_of(16 << 10))] {
        assert!(Module::compile(&source).is_ok(), "{:?}", Module::compile(&source));
        group.throughput(Throughput::Bytes(source.len() as u64));
        group.bench_with_input(BenchmarkId::new("parse", name), &source, |b, source| {
            b.iter(|| parser::parse(black_box(source)));
        });
        let (ast, _) = parser::parse(&source);
        group.bench_with_input(BenchmarkId::new("check", name), &source, |b, source| {
            b.iter(|| checker::check(source, black_box(&ast), &mut Vec::new()));
        });
        group.bench_with_input(BenchmarkId::new("module", name), &source, |b, source| {
            b.iter(|| Module::compile(black_box(source)));
        });
        let bytes = Module::compile(&source).unwrap().encode();
        group.bench_with_input(BenchmarkId::new("load", name), &bytes, |b, bytes| {
            b.iter(|| Module::load(black_box(bytes)));
        });
    }
    // From text to what the lanes engine runs.
    for (name, source) in [
        ("transfer", TRANSFER),
        ("transfer of given inputs", TRANSFER_GIVEN),
        ("roles", ROLES),
        ("loop", LOOP),
    ] {
        group.throughput(Throughput::Bytes(source.len() as u64));
        group.bench_with_input(BenchmarkId::new("lane plan", name), source, |b, source| {
            b.iter(|| Policy::compile(black_box(source)).unwrap().lanes().map(Arc::clone).unwrap());
        });
    }
}

/// One policy, one request, one machine that is used again and again.
fn run(c: &mut Criterion) {
    let host = world();
    let trust = TrustVector([0.8, 0.7, 0.9, 0.6, 0.7, 0.8]);
    let signers = [BOB, "did:erynoa:self:carol", "did:erynoa:self:mallory"].map(|d| ValueRef::Did(did(d)));
    let roles = [ValueRef::Text("viewer"), ValueRef::Text("editor")];
    let on_host = Env { host: Some(&host as &dyn HostInterface), now: NOW, ..Env::default() };
    let alone = Env { now: NOW, ..Env::default() };
    let cases: [(&str, &str, &[ValueRef<'_>], &Env<'_>); 9] = [
        ("trust.r on inputs", TRUST, &[], &alone),
        ("trust.r on a host", TRUST, &[], &on_host),
        ("entry", include_str!("../examples/policies/entry.ecl"), &[], &on_host),
        (
            "session",
            include_str!("../examples/policies/session.ecl"),
            &[ValueRef::Number(NOW - 600.0), ValueRef::Number(NOW - 60.0)],
            &on_host,
        ),
        ("verified", include_str!("../examples/policies/verified.ecl"), &[], &on_host),
        (
            "roles",
            ROLES,
            &[ValueRef::Array(&roles), ValueRef::Text("write"), ValueRef::Text("files/a")],
            &on_host,
        ),
        ("multisig", MULTISIG, &[ValueRef::Array(&signers), ValueRef::Number(2.0)], &on_host),
        ("transfer", TRANSFER, &[ValueRef::Did(did(BOB)), ValueRef::Number(7_500.0)], &on_host),
        ("loop of 1000", LOOP, &[ValueRef::Number(7.0)], &alone),
    ];
    let mut group = c.benchmark_group("run");
    for (name, source, inputs, env) in cases {
        let policy = Policy::compile(source).unwrap();
        let caller = ValueRef::Did(did(ALICE));
        let request = match env.host {
            Some(_) => Request { caller, ..Request::new(inputs) },
            None => Request { trust: ValueRef::Trust(&trust), ..Request::new(inputs) },
        };
        let mut vm = Vm::new();
        assert_eq!(vm.run(policy.executable(), &request, env).outcome, Outcome::Allow, "{name}");
        group.bench_function(BenchmarkId::new("metered", name), |b| {
            b.iter(|| vm.run(black_box(policy.executable()), black_box(&request), black_box(env)));
        });
        group.bench_function(BenchmarkId::new("unmetered", name), |b| {
            b.iter(|| vm.run_unmetered(black_box(policy.executable()), black_box(&request), black_box(env)));
        });
        // The same without the short way that most policies take.
        group.bench_function(BenchmarkId::new("metered, full machine", name), |b| {
            b.iter(|| vm.run_fully(black_box(policy.executable()), black_box(&request), black_box(env)));
        });
        group.bench_function(BenchmarkId::new("unmetered, full machine", name), |b| {
            b.iter(|| {
                vm.run_fully_unmetered(black_box(policy.executable()), black_box(&request), black_box(env))
            });
        });
    }
}

/// The transfer policy by hand: the same questions to the same host, in the same order, and no gas.
fn transfer_by_hand(host: &dyn HostInterface, caller: &str, to: &str, amount: f64) -> bool {
    const LARGE: f64 = 5_000.0;
    let norm = |t: &TrustVector| t.0.iter().sum::<f64>() / 6.0;
    let load = |did: &str| host.trust(did).unwrap().unwrap_or(TrustVector::NEWCOMER);
    let sender = load(caller);
    if amount <= 0.0 || caller == to || amount > host.balance(caller).unwrap() as f64 {
        return false;
    }
    let receiver = load(to);
    if norm(&sender) < 0.4 || norm(&receiver) < 0.3 {
        return false;
    }
    if amount > LARGE && !host.has_credential(caller, "kyc").unwrap() {
        return false;
    }
    let squares = sender.0.iter().zip(&receiver.0).map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f64>().sqrt() < 0.6
}

fn by_hand(c: &mut Criterion) {
    let host = world();
    let policy = Policy::compile(TRANSFER).unwrap();
    let inputs = [ValueRef::Did(did(BOB)), ValueRef::Number(7_500.0)];
    let request = Request { caller: ValueRef::Did(did(ALICE)), ..Request::new(&inputs) };
    let env = Env { host: Some(&host), now: NOW, ..Env::default() };
    let mut vm = Vm::new();
    let passed = vm.run(policy.executable(), &request, &env).passed();
    assert_eq!(passed, transfer_by_hand(&host, ALICE, BOB, 7_500.0));
    let mut group = c.benchmark_group("transfer");
    group.bench_function("policy", |b| {
        b.iter(|| vm.run(black_box(policy.executable()), black_box(&request), black_box(&env)));
    });
    group.bench_function("by hand", |b| {
        b.iter(|| transfer_by_hand(black_box(&host), black_box(ALICE), black_box(BOB), black_box(7_500.0)));
    });
}

fn decide<R: Requests + ?Sized>(
    policy: &Policy,
    host: Option<&dyn HostInterface>,
    threads: usize,
    requests: &R,
) -> u64 {
    let options = BatchOptions { host, now: NOW, threads, ..BatchOptions::default() };
    let mut batch = Batch::new(policy, options).unwrap();
    black_box(batch.run(requests).unwrap());
    batch.summary().allow
}

fn batch(c: &mut Criterion) {
    // Smoke runs show that it works, not how long it takes.
    let n = if std::env::args().any(|arg| arg == "--test") { 10_000 } else { 1_000_000 };
    let host = world();
    let mut group = c.benchmark_group("batch");
    group.throughput(Throughput::Elements(n as u64)).sample_size(10);

    let policy = Policy::compile(TRUST).unwrap();
    let components: Vec<Vec<f64>> =
        (0..6).map(|k| (0..n).map(|i| ((i * 7 + k) % 1000) as f64 / 1000.0).collect()).collect();
    let vectors: Vec<TrustVector> =
        (0..n).map(|i| TrustVector(std::array::from_fn(|k| components[k][i]))).collect();
    let rows: Vec<Request<'_>> =
        vectors.iter().map(|v| Request { trust: ValueRef::Trust(v), ..Request::new(&[]) }).collect();
    let columns = RequestColumns::new(&policy, n)
        .with("trust", Column::Trust(std::array::from_fn(|k| components[k].as_slice())))
        .unwrap();
    assert_eq!(decide(&policy, None, 1, rows.as_slice()), decide(&policy, None, 2, &columns));
    for threads in [1, 2] {
        group.bench_function(BenchmarkId::new("trust.r, rows", threads), |b| {
            b.iter(|| decide(&policy, None, threads, rows.as_slice()));
        });
        group.bench_function(BenchmarkId::new("trust.r, columns", threads), |b| {
            b.iter(|| decide(&policy, None, threads, &columns));
        });
    }

    let policy = Policy::compile(TRANSFER).unwrap();
    let amounts: Vec<f64> = (0..n).map(|i| (i % 9_000) as f64).collect();
    let columns = RequestColumns::new(&policy, n)
        .with("caller", Column::Uniform(ValueRef::Did(did(ALICE))))
        .and_then(|columns| columns.with("to", Column::Uniform(ValueRef::Did(did(BOB)))))
        .and_then(|columns| columns.with("amount", Column::Numbers(&amounts)))
        .unwrap();
    for threads in [1, 2] {
        group.bench_function(BenchmarkId::new("transfer, columns", threads), |b| {
            b.iter(|| decide(&policy, Some(&host), threads, &columns));
        });
    }
}

fn wire(c: &mut Criterion) {
    let policy = Policy::compile(TRANSFER).unwrap();
    let program = policy.program();
    let schema = Schema::new(program, true);
    let line = br#"{"caller": "did:erynoa:self:alice", "to": "did:erynoa:self:bob", "amount": 7500.25}"#;
    let mut bump = Bump::new();
    let mut group = c.benchmark_group("wire");
    group.throughput(Throughput::Bytes(line.len() as u64));
    group.bench_function("decode a line", |b| {
        b.iter(|| {
            bump.reset();
            decode(&schema, black_box(line), &bump, Defaults::default()).is_ok()
        });
    });
    // A vector given in the request, which is most of its bytes.
    let given = Policy::compile(TRUST).unwrap();
    let schema = Schema::new(given.program(), false);
    let line =
        br#"{"trust": {"r": 0.8125, "i": 0.7, "c": 0.913, "p": 0.6, "v": 0.7, "omega": 0.123456789012345}}"#;
    group.throughput(Throughput::Bytes(line.len() as u64));
    group.bench_function("decode a trust vector", |b| {
        b.iter(|| {
            bump.reset();
            decode(&schema, black_box(line), &bump, Defaults::default()).is_ok()
        });
    });

    let host = world();
    let env = Env { host: Some(&host), now: NOW, ..Env::default() };
    let inputs = [ValueRef::Did(did(BOB)), ValueRef::Number(250_000.0)];
    let request = Request { caller: ValueRef::Did(did(ALICE)), ..Request::new(&inputs) };
    let receipt = Vm::new().run(policy.executable(), &request, &env);
    assert!(receipt.outcome == Outcome::Deny && receipt.gas != GasUnits::ZERO);
    let mut out = Vec::new();
    write_receipt(&mut out, program, &receipt, Some(123_456), Some(1.25));
    group.throughput(Throughput::Bytes(out.len() as u64));
    group.bench_function("format a receipt", |b| {
        b.iter(|| {
            out.clear();
            write_receipt(&mut out, program, black_box(&receipt), Some(123_456), Some(1.25));
        });
    });
}

/// Short by default: the whole takes about two minutes.
fn config() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_200))
        .sample_size(30)
        .without_plots()
}

criterion_group! { name = benches; config = config(); targets = compile, run, by_hand, batch, wire }
criterion_main!(benches);
