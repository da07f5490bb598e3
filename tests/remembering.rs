//! What the lanes engine remembers from lane to lane and from portion to portion: loops, and what hosts have said. Receipts
//! are those of the scalar engine all the same.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot start should stop")]

use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions, Column, Decisions, Engine, RequestColumns, Rows};
use eclvm::host::{StateHost, World};
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::host::{EntryPolicy, HostError, HostInterface, HostResult, RealmFacts, StoreValueRef};
use eclvm::kernel::value::{Did, TrustVector, ValueRef};
use eclvm::state::IdentityRecord;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const N: usize = 1_000;

/// Loops that leave truth values and numbers, break, return, fault, fail a `require`, nest, and stand one behind the other;
/// prices that depend on sizes; lists that are long, short and empty.
const LOOPS: [&str; 8] = [
    "policy p(a: [string], b: string, n: number) { require any(x in a, x == b || str_len(x) > 30), \"none\"; }",
    "policy p(a: [string], b: string, n: number) { return count(x in a, str_contains(x, \"e\")) > n; }",
    "policy p(a: [string], b: string, n: number) { return all(x in a, x != b) && any(y in a, str_starts_with(y, b)); }",
    "policy p(a: [string], b: string, n: number) {
        let sum = n;
        for x in a { if x == b { break; } sum = sum + str_len(x); }
        require sum < 20, \"long\";
        for x in a { if x == b { return false; } sum = sum * 2; }
        return sum != 8;
    }",
    "policy p(a: [string], b: string, n: number) {
        let sum = 0;
        for i in 0..n { for x in a { if x == b { sum = sum + i; } else { require sum < 3, \"three\"; } } }
        return sum > 0;
    }",
    "policy p(a: [string], b: string, n: number) { for i in 0..4 { if a[i] == b { return true; } } return n > 2; }",
    "policy p(a: [string], b: string, n: number) {
        let found = n > 1;
        for x in a { if x == b { found = !found; } }
        return found;
    }",
    "fn f(x: string, b: string) -> number { if x == b { return 10 / (str_len(b) - 4); } return 1; }
    policy p(a: [string], b: string, n: number) {
        let product = 1;
        let last = n;
        for x in a { product = product * f(x, b); last = product - last; }
        return product > last;
    }",
];

fn texts() -> [String; 6] {
    ["read", "write", "e", "", "delete", &"long ".repeat(20)].map(String::from)
}

#[test]
fn loops_that_are_remembered_end_and_cost_alike() {
    let texts = texts();
    let lists: Vec<Vec<ValueRef<'_>>> = (0..N)
        .map(|i| (0..i * 7 % 5).map(|k| ValueRef::Text(&texts[(i * 13 + k * (i % 3 + 1)) % 6])).collect())
        .collect();
    let lists: Vec<ValueRef<'_>> = lists.iter().map(|list| ValueRef::Array(list)).collect();
    let wanted: Vec<&str> = (0..N).map(|i| texts[i * i % 11 % 6].as_str()).collect();
    let numbers: Vec<f64> = (0..N).map(|i| (i % 7 % 4) as f64).collect();
    for source in LOOPS {
        let policy = Policy::compile(source).unwrap();
        policy.lanes().unwrap();
        let columns = RequestColumns::new(&policy, N)
            .with("a", Column::Values(&lists))
            .unwrap()
            .with("b", Column::Texts(&wanted))
            .unwrap()
            .with("n", Column::Numbers(&numbers))
            .unwrap();
        for gas_limit in [10_000, 90, 45, 20] {
            let options = |engine| BatchOptions {
                engine,
                lanes: 64,
                threads: 1,
                limits: BudgetLimits { gas_limit, ..BudgetLimits::default() },
                ..BatchOptions::default()
            };
            let mut scalar = Batch::new(&policy, options(Engine::Scalar)).unwrap();
            let mut lanes = Batch::new(&policy, options(Engine::Lanes)).unwrap();
            let expected = scalar.run(&columns).unwrap();
            let mut decisions = Decisions::default();
            for round in 0..3 {
                assert!(lanes.run(&columns).unwrap() == expected, "round {round}, {gas_limit}: {source}");
                lanes.decide_into(&columns, &mut decisions).unwrap();
                assert!(decisions.receipts().eq(expected.iter().cloned()), "{round}, {gas_limit}: {source}");
            }
        }
    }
}

/// A world that errs for one DID and panics for another, counts questions, and may change its mind.
struct Moody {
    world: StateHost,
    errs: &'static str,
    panics: &'static str,
    asked: AtomicU64,
    poor: AtomicU64,
    snapshot: bool,
}

impl Moody {
    fn asks(&self, did: &str) -> HostResult<()> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        assert!(did != self.panics, "this one panics");
        if did == self.errs { Err(HostError::new("this one errs")) } else { Ok(()) }
    }
}

impl HostInterface for Moody {
    fn version(&self) -> u64 {
        self.world.version()
    }
    fn trust(&self, did: &str) -> HostResult<Option<TrustVector>> {
        self.asks(did)?;
        self.world.trust(did)
    }
    fn has_credential(&self, did: &str, schema: &str) -> HostResult<bool> {
        self.asks(did)?;
        self.world.has_credential(did, schema)
    }
    fn resolve_did(&self, did: &str) -> HostResult<bool> {
        self.asks(did)?;
        self.world.resolve_did(did)
    }
    fn balance(&self, did: &str) -> HostResult<i128> {
        self.asks(did)?;
        if self.poor.load(Ordering::Relaxed) > 0 { Ok(0) } else { self.world.balance(did) }
    }
    fn is_member(&self, realm: &str, did: &str) -> HostResult<bool> {
        self.world.is_member(realm, did)
    }
    fn realm(&self, realm: &str) -> HostResult<Option<RealmFacts>> {
        self.world.realm(realm)
    }
    fn mean_trust(&self, changed: &[(&str, TrustVector)]) -> HostResult<Option<f64>> {
        self.world.mean_trust(changed)
    }
    fn store_get<'a>(&'a self, realm: &str, key: &str) -> HostResult<Option<StoreValueRef<'a>>> {
        self.world.store_get(realm, key)
    }
    fn entry_policy(&self, realm: &str) -> HostResult<EntryPolicy> {
        self.world.entry_policy(realm)
    }
    fn is_snapshot(&self) -> bool {
        self.snapshot
    }
}

fn moody(dids: &[String], snapshot: bool) -> Moody {
    let identities = dids.iter().enumerate().filter(|(i, _)| i % 5 != 0).map(|(i, did)| IdentityRecord {
        trust: TrustVector(std::array::from_fn(|k| ((i + k) % 10) as f64 / 10.0)),
        balance: i as i128 * 100,
        credentials: (0..i % 2).map(|_| "kyc".into()).collect(),
        ..IdentityRecord::new(did.as_str())
    });
    let world = StateHost::new(Arc::new(World::new(identities.collect(), Vec::new())));
    Moody { world, errs: "", panics: "", asked: AtomicU64::new(0), poor: AtomicU64::new(0), snapshot }
}

const TRANSFER: &str = include_str!("../examples/transfer/transfer.ecl");

/// Gives the columns of transfers among these DIDs to `job`.
fn with_transfers(policy: &Policy, dids: &[String], job: impl FnOnce(&RequestColumns<'_>)) {
    let did = |i: usize| Did::new(&dids[i % dids.len()]).unwrap();
    let from: Vec<Did<'_>> = (0..N).map(|i| did(i * 31 + i / 7)).collect();
    let to: Vec<Did<'_>> = (0..N).map(|i| did(i * 17 + i / 3)).collect();
    let amounts: Vec<f64> = (0..N).map(|i| (i * 37 % 9_000) as f64).collect();
    let columns = RequestColumns::new(policy, N)
        .with("caller", Column::Dids(&from))
        .unwrap()
        .with("to", Column::Dids(&to))
        .unwrap()
        .with("amount", Column::Numbers(&amounts))
        .unwrap();
    job(&columns);
}

fn dids() -> Vec<String> {
    (0..90).map(|i| format!("did:erynoa:self:user-{i:02}")).collect()
}

fn options(host: &Moody, engine: Engine) -> BatchOptions<'_> {
    BatchOptions { host: Some(host), engine, lanes: 64, threads: 1, ..BatchOptions::default() }
}

#[test]
fn a_host_that_errs_or_panics_for_one_did_spoils_its_requests_alone() {
    let (dids, policy) = (dids(), &Policy::compile(TRANSFER).unwrap());
    with_transfers(policy, &dids, |columns| {
        for (errs, panics, snapshot) in
            [(7, 99, false), (7, 99, true), (99, 8, true), (12, 13, false), (12, 13, true)]
        {
            let name = |at: usize| -> &'static str { dids.get(at).map_or("", |did| did.clone().leak()) };
            let host = Moody { errs: name(errs), panics: name(panics), ..moody(&dids, snapshot) };
            let expected = Batch::new(policy, options(&host, Engine::Scalar)).unwrap().run(columns).unwrap();
            let mut lanes = Batch::new(policy, options(&host, Engine::Lanes)).unwrap();
            for round in 0..3 {
                assert!(lanes.run(columns).unwrap() == expected, "{errs} {panics} {snapshot} {round}");
            }
            let failed = expected.iter().filter(|r| format!("{:?}", r.outcome).contains("Host")).count();
            assert!(failed > 0 && failed < N / 4, "{failed}");
        }
    });
}

#[test]
fn only_a_snapshot_is_not_asked_again() {
    let (dids, policy) = (dids(), &Policy::compile(TRANSFER).unwrap());
    with_transfers(policy, &dids, |columns| {
        for snapshot in [false, true] {
            let host = moody(&dids, snapshot);
            let mut lanes = Batch::new(policy, options(&host, Engine::Lanes)).unwrap();
            let mut decisions = Decisions::default();
            lanes.decide_into(columns, &mut decisions).unwrap();
            let (before, first) = (decisions.passed_bits().to_vec(), host.asked.load(Ordering::Relaxed));
            // Each DID once for each question: balance, both vectors, the credential.
            assert!(first > 0 && first <= 3 * dids.len() as u64, "{first}");
            if !snapshot {
                host.poor.store(1, Ordering::Relaxed);
            }
            lanes.decide_into(columns, &mut decisions).unwrap();
            let second = host.asked.load(Ordering::Relaxed) - first;
            assert_eq!(second == 0, snapshot);
            assert!(before.iter().any(|word| *word != 0));
            assert_eq!(decisions.passed_bits() == before, snapshot);
            // Other columns have texts of their own.
            host.poor.store(0, Ordering::Relaxed);
            with_transfers(policy, &dids[10..], |others| {
                for columns in [others, columns, others] {
                    let mut scalar = Batch::new(policy, options(&host, Engine::Scalar)).unwrap();
                    assert!(lanes.run(columns).unwrap() == scalar.run(columns).unwrap());
                }
            });
        }
    });
}

/// A portion of rows finds the texts and lists that the one before has left, and what is remembered by them; columns in
/// between have texts of their own, and a host that is no snapshot is asked anew.
#[test]
fn rows_are_remembered_from_portion_to_portion() {
    let (dids, policy) = (dids(), &Policy::compile(TRANSFER).unwrap());
    let rows_of = |from: usize| -> Vec<(&str, &str, f64)> {
        let did = |i: usize| dids[i % dids.len()].as_str();
        let row = |i: usize| (did(i * 31 + i / 7), did(i * 17 + i / 3), (i * 37 % 9_000) as f64);
        (from..from + N).map(row).collect()
    };
    let portions = [rows_of(0), rows_of(0), rows_of(500), rows_of(90_000)];
    with_transfers(policy, &dids, |columns| {
        for snapshot in [false, true] {
            let host = moody(&dids, snapshot);
            let mut lanes = Batch::new(policy, options(&host, Engine::Lanes)).unwrap();
            let mut decisions = Decisions::default();
            let mut asked = Vec::new();
            for (number, portion) in portions.iter().enumerate() {
                let rows = Rows::new(policy, portion)
                    .with("caller", |row| Did::new(row.0))
                    .unwrap()
                    .with("to", |row| Did::new(row.1))
                    .unwrap()
                    .with("amount", |row| row.2)
                    .unwrap();
                host.poor.store(u64::from(!snapshot && number == 1), Ordering::Relaxed);
                let before = host.asked.load(Ordering::Relaxed);
                lanes.decide_into(&rows, &mut decisions).unwrap();
                asked.push(host.asked.load(Ordering::Relaxed) - before);
                let mut scalar = Batch::new(policy, options(&host, Engine::Scalar)).unwrap();
                let receipts = scalar.run(&rows).unwrap();
                for (at, receipt) in receipts.iter().enumerate() {
                    assert_eq!(decisions.receipt(at), *receipt, "portion {number}, row {at}");
                }
                assert!(lanes.run(&rows).unwrap() == receipts, "portion {number}");
                if number > 1 {
                    assert!(lanes.run(columns).unwrap() == scalar.run(columns).unwrap());
                }
            }
            assert!(asked[0] > 0);
            assert_eq!(asked[1] == 0, snapshot, "{asked:?}");
        }
    });
}
