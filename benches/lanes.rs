//! `cargo bench --bench lanes`: the lanes engine against loops written by hand over the same columns, and against the scalar
//! engine; one thread, metered, 65 536 distinct requests. `-- --test` runs each once.
//!
//! What is measured: columns are built and looked over before (`RequestColumns::prepare`); a round decides all requests into
//! `Decisions` whose room is kept. The host is a snapshot: its answers are kept from round to round, by hand as here; with
//! `--anew` it does not say so, and each round asks anew for each DID, by hand too. "receipts" is the same with a receipt
//! of 88 bytes for each request, "rows" takes requests one by one. By hand there is no gas, no message, no limit: who passes
//! is one bit.
//!
//! The loops by hand are compiled for AVX-512, AVX2 and neither, as the engine's are, and run on what the machine has.
//!
//! `--lanes N` makes chunks of so many. `--versus NAME ROUNDS` takes times of one workload and of its loop by hand in turn, and says the least and the median of
//! each, in nanoseconds for each request (W5: for each round of its loop); with `--rows`, of both engines on rows. `--count NAME ROUNDS` runs one workload so often and nothing else, for counting instructions: the difference of two
//! counts, divided by rounds and requests, is what a decision takes.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot start should stop; criterion's macros make undocumented items"
)]

use criterion::{Criterion, Throughput, criterion_group};
use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions, Column, Decisions, Engine, RequestColumns, Requests};
use eclvm::host::StateHost;
use eclvm::host::World;
use eclvm::kernel::host::{EntryPolicy, HostInterface, HostResult, RealmFacts, StoreValueRef};
use eclvm::kernel::lanes::simd::Level;
use eclvm::kernel::request::Request;
use eclvm::kernel::value::{Did, TrustVector, ValueRef};
use eclvm::state::IdentityRecord;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const N: usize = 65_536;
/// DIDs in the world.
const KNOWN: usize = 4_096;
const W1: &str = "trust.r >= 0.5";
const W2: &str = "policy entry(of: trust) {
    require of.r >= 0.3, \"reliability is too low\";
    require of.omega >= 0.2, \"too little standing\";
    require trust_norm(of) >= 0.25, \"trust is too low\";
    require has_credential(caller, \"member\"), \"members only\";
}";
const W3: &str = include_str!("../examples/transfer/transfer.ecl");
const W4: &str = include_str!("../examples/policies/roles.ecl");
const W5: &str = "policy loop(seed: number) {
    let x = seed;
    for i in 0..1000 { x = x * 0.5 + i * 0.25; if x > 100 { x = x - 50; } }
    return x > 10;
}";

/// A small generator of numbers: the same ones every time.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// The same host, which does not say that it is a snapshot.
struct Anew(StateHost);

impl HostInterface for Anew {
    fn version(&self) -> u64 {
        self.0.version()
    }
    fn trust(&self, did: &str) -> HostResult<Option<TrustVector>> {
        self.0.trust(did)
    }
    fn has_credential(&self, did: &str, schema: &str) -> HostResult<bool> {
        self.0.has_credential(did, schema)
    }
    fn resolve_did(&self, did: &str) -> HostResult<bool> {
        self.0.resolve_did(did)
    }
    fn balance(&self, did: &str) -> HostResult<i128> {
        self.0.balance(did)
    }
    fn is_member(&self, realm: &str, did: &str) -> HostResult<bool> {
        self.0.is_member(realm, did)
    }
    fn realm(&self, realm: &str) -> HostResult<Option<RealmFacts>> {
        self.0.realm(realm)
    }
    fn mean_trust(&self, changed: &[(&str, TrustVector)]) -> HostResult<Option<f64>> {
        self.0.mean_trust(changed)
    }
    fn store_get<'a>(&'a self, realm: &str, key: &str) -> HostResult<Option<StoreValueRef<'a>>> {
        self.0.store_get(realm, key)
    }
    fn entry_policy(&self, realm: &str) -> HostResult<EntryPolicy> {
        self.0.entry_policy(realm)
    }
    fn is_fast(&self) -> bool {
        true
    }
    fn has_credential_batch(&self, dids: &[&str], schema: &str, out: &mut [bool]) -> HostResult<()> {
        self.0.has_credential_batch(dids, schema, out)
    }
}

/// Everything that requests are made of.
struct Data {
    host: StateHost,
    anew: Anew,
    dids: Vec<String>,
    callers: Vec<usize>,
    to: Vec<usize>,
    amounts: Vec<f64>,
    components: [Vec<f64>; 6],
    roles: Vec<Vec<ValueRef<'static>>>,
    actions: Vec<&'static str>,
    resources: Vec<String>,
}

fn data() -> Data {
    let mut rng = Rng(0x9E37_79B9_7F4A_7C15);
    let dids: Vec<String> = (0..KNOWN).map(|i| format!("did:erynoa:self:user-{i:05}")).collect();
    let identities = dids.iter().map(|did| IdentityRecord {
        trust: TrustVector(std::array::from_fn(|_| 0.3 + 0.6 * rng.unit())),
        balance: 100 + (rng.next() % 20_000) as i128,
        credentials: ["member", "kyc"].into_iter().filter(|_| rng.unit() < 0.8).map(Into::into).collect(),
        ..IdentityRecord::new(did.as_str())
    });
    let host = StateHost::new(Arc::new(World::new(identities.collect(), Vec::new())));
    let anew = Anew(host.clone());
    let names = ["viewer", "editor", "admin", "guest", "auditor"];
    Data {
        host,
        anew,
        dids,
        callers: (0..N).map(|_| rng.below(KNOWN)).collect(),
        to: (0..N).map(|_| rng.below(KNOWN)).collect(),
        amounts: (0..N).map(|_| rng.unit() * 12_000.0).collect(),
        components: std::array::from_fn(|_| (0..N).map(|_| rng.unit()).collect()),
        roles: (0..N)
            .map(|_| (0..1 + rng.below(3)).map(|_| ValueRef::Text(names[rng.below(5)])).collect())
            .collect(),
        actions: (0..N).map(|_| ["read", "write", "delete"][rng.below(3)]).collect(),
        resources: (0..N)
            .map(|i| if rng.below(50) == 0 { format!("system/{i}") } else { format!("files/{i}") })
            .collect(),
    }
}

/// Sets the bits of requests that pass.
type ByHand<'d> = Box<dyn Fn(&mut [u64]) + 'd>;

/// One workload: a policy, its requests by column, and the same by hand.
struct Work<'d> {
    name: &'static str,
    policy: Policy,
    columns: RequestColumns<'d>,
    host: Option<&'d dyn HostInterface>,
    by_hand: ByHand<'d>,
}

fn dids<'d>(data: &'d Data, which: &[usize]) -> Vec<Did<'d>> {
    which.iter().map(|i| Did::new(&data.dids[*i]).unwrap()).collect()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn with_avx2<R>(job: impl FnOnce() -> R) -> R {
    job()
}
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,popcnt")]
fn with_avx512<R>(job: impl FnOnce() -> R) -> R {
    job()
}
/// Loops by hand are compiled for what the engine's loops are compiled for. What they use they own, for the same reason.
fn widest<R>(job: impl FnOnce() -> R) -> R {
    match eclvm::kernel::lanes::simd::best() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level says that the machine has all features that the function is compiled for.
        Level::Avx512 => unsafe { with_avx512(job) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx2 => unsafe { with_avx2(job) },
        _ => job(),
    }
}

/// Sets the bits of those for which `pass` holds.
#[inline(always)]
fn bits(out: &mut [u64], pass: impl Fn(usize) -> bool) {
    widest(
        #[inline(always)]
        move || {
            for (at, word) in out.iter_mut().enumerate() {
                *word = (0..64).fold(0, |w, bit| w | u64::from(pass(at * 64 + bit)) << bit);
            }
        },
    );
}

fn norm(t: [f64; 6]) -> f64 {
    let [r, i, c, p, v, o] = t;
    (r + i + c + p + v + o) / 6.0
}

struct Lists<'d> {
    callers: Vec<Did<'d>>,
    to: Vec<Did<'d>>,
    roles: Vec<ValueRef<'d>>,
    resources: Vec<&'d str>,
}

fn works<'d>(data: &'d Data, lists: &'d Lists<'d>) -> Vec<Work<'d>> {
    let six: [&[f64]; 6] = data.components.each_ref().map(Vec::as_slice);
    let host: &dyn HostInterface =
        if std::env::args().any(|arg| arg == "--anew") { &data.anew } else { &data.host };
    let all: Vec<&str> = data.dids.iter().map(String::as_str).collect();
    let columns = |source: &str, given: Vec<(&str, Column<'d>)>, on_host: bool| {
        let policy = Policy::compile(source).unwrap();
        let mut columns = RequestColumns::new(&policy, N);
        for (name, column) in given {
            columns = columns.with(name, column).unwrap();
        }
        (policy, columns.prepare(on_host))
    };
    let mut works = Vec::new();
    let (policy, given) = columns(W1, vec![("trust", Column::Trust(six))], false);
    works.push(Work {
        name: "W1 trust.r",
        policy,
        columns: given,
        host: None,
        by_hand: Box::new(move |out| {
            widest(
                #[inline(always)]
                move || {
                    for (word, r) in out.iter_mut().zip(six[0].as_chunks::<64>().0) {
                        *word = r.iter().enumerate().fold(0, |w, (bit, r)| w | u64::from(*r >= 0.5) << bit);
                    }
                },
            );
        }),
    });
    let (policy, given) =
        columns(W2, vec![("of", Column::Trust(six)), ("caller", Column::Dids(&lists.callers))], true);
    let (everyone, callers) = (all.clone(), &data.callers);
    let ask_members = move |everyone: &[&str]| {
        let mut members = vec![false; KNOWN];
        host.has_credential_batch(everyone, "member", &mut members).unwrap();
        members
    };
    let kept = ask_members(&everyone);
    works.push(Work {
        name: "W2 entry",
        policy,
        columns: given,
        host: Some(host),
        by_hand: Box::new(move |out| {
            let anew = (!host.is_snapshot()).then(|| ask_members(&everyone));
            let members = anew.as_deref().unwrap_or(&kept);
            widest(
                #[inline(always)]
                move || {
                    for (at, word) in out.iter_mut().enumerate() {
                        let [r, i, c, p, v, o] = six.map(|column| &column.as_chunks::<64>().0[at]);
                        let fit = (0..64).fold(0u64, |w, k| {
                            let norm = (r[k] + i[k] + c[k] + p[k] + v[k] + o[k]) / 6.0;
                            w | u64::from((r[k] >= 0.3) & (o[k] >= 0.2) & (norm >= 0.25)) << k
                        });
                        let callers = callers.as_chunks::<64>().0[at].iter().enumerate();
                        *word = fit & callers.fold(0, |w, (k, caller)| w | u64::from(members[*caller]) << k);
                    }
                },
            );
        }),
    });
    let given = vec![
        ("to", Column::Dids(&lists.to)),
        ("amount", Column::Numbers(&data.amounts)),
        ("caller", Column::Dids(&lists.callers)),
    ];
    let (policy, given) = columns(W3, given, true);
    let everyone = all;
    let ask_all = move |everyone: &[&str]| {
        let mut kyc = vec![false; KNOWN];
        let mut balances = vec![0i128; KNOWN];
        let mut trust = vec![None; KNOWN];
        host.has_credential_batch(everyone, "kyc", &mut kyc).unwrap();
        host.balance_batch(everyone, &mut balances).unwrap();
        host.trust_batch(everyone, &mut trust).unwrap();
        let balances: Vec<f64> = balances.iter().map(|b| *b as f64).collect();
        let trust: Vec<[f64; 6]> = trust.iter().map(|t| t.unwrap_or(TrustVector::NEWCOMER).0).collect();
        (kyc, balances, trust)
    };
    let kept = ask_all(&everyone);
    works.push(Work {
        name: "W3 transfer",
        policy,
        columns: given,
        host: Some(host),
        by_hand: Box::new(move |out| {
            let anew = (!host.is_snapshot()).then(|| ask_all(&everyone));
            let (kyc, balances, trust) = anew.as_ref().unwrap_or(&kept);
            bits(out, |i| {
                let (from, to, amount) = (data.callers[i], data.to[i], data.amounts[i]);
                let (a, b) = (trust[from], trust[to]);
                amount > 0.0
                    && from != to
                    && amount <= balances[from]
                    && norm(a) >= 0.4
                    && norm(b) >= 0.3
                    && (amount <= 5_000.0 || kyc[from])
                    && a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt() < 0.6
            });
        }),
    });
    let given = vec![
        ("roles", Column::Values(&lists.roles)),
        ("action", Column::Texts(&data.actions)),
        ("resource", Column::Texts(&lists.resources)),
    ];
    let (policy, given) = columns(W4, given, false);
    // By hand roles and actions are small numbers too, since texts of columns are ids before the first round.
    let id = |role: &ValueRef<'_>| match role {
        ValueRef::Text("viewer") => 0u8,
        ValueRef::Text("editor") => 1,
        ValueRef::Text("admin") => 2,
        _ => 3,
    };
    let starts: Vec<usize> = data
        .roles
        .iter()
        .scan(0, |sum, r| {
            *sum += r.len();
            Some(*sum - r.len())
        })
        .collect();
    let roles: Vec<u8> = data.roles.iter().flatten().map(id).collect();
    let action = |a: &&str| match *a {
        "read" => 0u8,
        "write" => 1,
        _ => 2,
    };
    let actions: Vec<u8> = data.actions.iter().map(action).collect();
    works.push(Work {
        name: "W4 roles",
        policy,
        columns: given,
        host: None,
        by_hand: Box::new(move |out| {
            bits(out, |i| {
                let end = starts.get(i + 1).copied().unwrap_or(roles.len());
                let own = &roles[starts[i]..end];
                let least = match actions[i] {
                    0 => 0u8,
                    1 => 1,
                    _ => 2,
                };
                (!lists.resources[i].starts_with("system/") || own.contains(&2))
                    && own.iter().any(|role| (least..3).contains(role))
            });
        }),
    });
    let (policy, given) = columns(W5, vec![("seed", Column::Numbers(&data.amounts))], false);
    works.push(Work {
        name: "W5 loop of 1000",
        policy,
        columns: given,
        host: None,
        by_hand: Box::new(move |out| {
            widest(
                #[inline(always)]
                move || {
                    for (word, seeds) in out.iter_mut().zip(data.amounts.chunks(64)) {
                        let mut x = [0.0f64; 64];
                        x.copy_from_slice(seeds);
                        for i in 0..1000 {
                            let add = f64::from(i) * 0.25;
                            for x in &mut x {
                                let y = *x * 0.5 + add;
                                *x = if y > 100.0 { y - 50.0 } else { y };
                            }
                        }
                        *word = x.iter().enumerate().fold(0, |w, (bit, x)| w | u64::from(*x > 10.0) << bit);
                    }
                },
            );
        }),
    });
    works
}

fn options<'e>(host: Option<&'e dyn HostInterface>, engine: Engine) -> BatchOptions<'e> {
    let args: Vec<String> = std::env::args().collect();
    let lanes = args.iter().position(|arg| arg == "--lanes").map_or(0, |at| args[at + 1].parse().unwrap());
    BatchOptions { host, threads: 1, engine, now: 1_700_000_000.0, lanes, ..BatchOptions::default() }
}

fn with_works(job: impl FnOnce(&Data, &[Work<'_>])) {
    let data = data();
    let lists = Lists {
        callers: dids(&data, &data.callers),
        to: dids(&data, &data.to),
        roles: data.roles.iter().map(|r| ValueRef::Array(r)).collect(),
        resources: data.resources.iter().map(String::as_str).collect(),
    };
    let works = works(&data, &lists);
    job(&data, &works);
}

fn columns(c: &mut Criterion) {
    let quick = std::env::args().any(|arg| arg == "--test");
    with_works(|_, works| {
        for work in works {
            let mut lanes = Batch::new(&work.policy, options(work.host, Engine::Lanes)).unwrap();
            let mut scalar = Batch::new(&work.policy, options(work.host, Engine::Scalar)).unwrap();
            let mut decisions = Decisions::default();
            let mut by_hand = vec![0u64; N / 64];
            lanes.decide_into(&work.columns, &mut decisions).unwrap();
            assert_eq!(lanes.summary().engines.scalar, 0, "{}", work.name);
            (work.by_hand)(&mut by_hand);
            assert!(decisions.passed_bits() == by_hand, "{}", work.name);
            let share = decisions.passed_bits().iter().map(|w| w.count_ones()).sum::<u32>();
            println!("{}: {:.1} % pass", work.name, f64::from(share) * 100.0 / N as f64);
            if !work.name.starts_with("W5") || quick {
                let receipts = scalar.run(&work.columns).unwrap();
                assert!(decisions.receipts().eq(receipts), "{}", work.name);
            }
            let mut group = c.benchmark_group(work.name);
            group.throughput(Throughput::Elements(N as u64)).sample_size(30);
            group.bench_function("lanes", |b| {
                b.iter(|| lanes.decide_into(black_box(&work.columns), &mut decisions).unwrap());
            });
            group.bench_function("by hand", |b| b.iter(|| (work.by_hand)(black_box(&mut by_hand))));
            group.sample_size(10);
            group.bench_function("lanes, receipts", |b| {
                b.iter(|| lanes.run(black_box(&work.columns)).unwrap());
            });
            if !work.name.starts_with("W5") {
                group.bench_function("scalar, receipts", |b| {
                    b.iter(|| scalar.run(black_box(&work.columns)).unwrap());
                });
            }
        }
    });
}

fn rows(c: &mut Criterion) {
    with_works(|data, works| {
        let vectors: Vec<TrustVector> =
            (0..N).map(|i| TrustVector(data.components.each_ref().map(|c| c[i]))).collect();
        let rows: Vec<Request<'_>> =
            vectors.iter().map(|v| Request { trust: ValueRef::Trust(v), ..Request::new(&[]) }).collect();
        let mut lanes = Batch::new(&works[0].policy, options(None, Engine::Lanes)).unwrap();
        let mut scalar = Batch::new(&works[0].policy, options(None, Engine::Scalar)).unwrap();
        // One request after the other, through the same door, into the same receipts' outcomes.
        let closure = |rows: &[Request<'_>]| {
            let mut bump = bumpalo::Bump::new();
            (0..rows.len()).filter(|i| {
                bump.reset();
                matches!(rows.request(*i, &bump).unwrap().trust, ValueRef::Trust(t) if t.is_valid() && t.0[0] >= 0.5)
            }).count()
        };
        let passed = lanes.run(rows.as_slice()).unwrap().iter().filter(|r| r.passed()).count();
        assert_eq!(passed, closure(&rows));
        let mut group = c.benchmark_group("W1 by rows");
        group.throughput(Throughput::Elements(N as u64)).sample_size(20);
        group
            .bench_function("lanes, receipts", |b| b.iter(|| lanes.run(black_box(rows.as_slice())).unwrap()));
        group.bench_function("scalar, receipts", |b| {
            b.iter(|| scalar.run(black_box(rows.as_slice())).unwrap())
        });
        group.bench_function("closure", |b| b.iter(|| closure(black_box(&rows))));
    });
}

/// Times in turn: the engine's, and those of the loop by hand.
fn versus(work: &Work<'_>, rounds: usize) {
    let mut batch = Batch::new(&work.policy, options(work.host, Engine::Lanes)).unwrap();
    let mut decisions = Decisions::default();
    let mut out = vec![0u64; N / 64];
    let each = if work.name.starts_with("W5") { 1_000.0 } else { 1.0 } * N as f64;
    let (mut lanes, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let began = Instant::now();
        batch.decide_into(black_box(&work.columns), &mut decisions).unwrap();
        lanes.push(began.elapsed().as_nanos() as f64 / each);
        let began = Instant::now();
        (work.by_hand)(black_box(&mut out));
        by_hand.push(began.elapsed().as_nanos() as f64 / each);
    }
    for (who, mut times) in [("lanes", lanes), ("by hand", by_hand)] {
        times.sort_by(f64::total_cmp);
        println!("{}, {who}: least {:.3} ns, median {:.3} ns", work.name, times[0], times[times.len() / 2]);
    }
}

/// Times in turn of both engines on the same requests as rows, with a receipt for each.
fn versus_rows(work: &Work<'_>, rounds: usize) {
    let bump = bumpalo::Bump::new();
    let rows: Vec<Request<'_>> = (0..N).map(|i| work.columns.request(i, &bump).unwrap()).collect();
    let mut times = [Engine::Lanes, Engine::Scalar].map(|engine| (engine, Vec::new()));
    let mut batches =
        times.each_ref().map(|(e, _)| Batch::new(&work.policy, options(work.host, *e)).unwrap());
    for _ in 0..rounds {
        for (batch, (_, times)) in batches.iter_mut().zip(&mut times) {
            let began = Instant::now();
            black_box(batch.run(black_box(rows.as_slice())).unwrap());
            times.push(began.elapsed().as_nanos() as f64 / N as f64);
        }
    }
    for (engine, times) in &mut times {
        times.sort_by(f64::total_cmp);
        let (least, median) = (times[0], times[times.len() / 2]);
        println!("{} by rows, {engine:?}: least {least:.1} ns, median {median:.1} ns", work.name);
    }
}

criterion_group!(benches, columns, rows);

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == "--count") {
        let (name, rounds): (&str, usize) = (&args[at + 1], args[at + 2].parse().unwrap());
        return with_works(|_, works| {
            let work = works.iter().find(|work| work.name.starts_with(name)).unwrap();
            let mut batch = Batch::new(&work.policy, options(work.host, Engine::Lanes)).unwrap();
            let mut decisions = Decisions::default();
            let mut out = vec![0u64; N / 64];
            for _ in 0..rounds {
                if args.iter().any(|arg| arg == "--by-hand") {
                    (work.by_hand)(black_box(&mut out));
                } else if args.iter().any(|arg| arg == "--receipts") {
                    black_box(batch.run(&work.columns).unwrap());
                } else {
                    batch.decide_into(&work.columns, &mut decisions).unwrap();
                }
            }
        });
    }
    if let Some(at) = args.iter().position(|arg| arg == "--versus") {
        let (name, rounds): (&str, usize) = (&args[at + 1], args[at + 2].parse().unwrap());
        return with_works(|_, works| {
            let time = if args.iter().any(|arg| arg == "--rows") { versus_rows } else { versus };
            works.iter().filter(|work| work.name.starts_with(name)).for_each(|work| time(work, rounds));
        });
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
