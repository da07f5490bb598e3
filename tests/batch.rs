//! Batches: whatever the threads and the portions, the receipts are those of running one request after the other.
#![cfg(feature = "state-host")]

use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions, Column, Decisions, Engine, RequestColumns, Requests};
use eclvm::host::{StateHost, World};
use eclvm::kernel::budget::{Budget, BudgetLimits};
use eclvm::kernel::effects::{Effect, StoreValue};
use eclvm::kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm::kernel::host::{EntryPolicy, HostInterface, HostResult, RealmFacts, StoreValueRef};
use eclvm::kernel::receipt::Receipt;
use eclvm::kernel::request::{Env, Request};
use eclvm::kernel::value::{Did, TrustVector, ValueRef};
use eclvm::kernel::vm::Vm;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Small numbers that look like chance and are the same every time (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

/// Costs grow with `n`; every fourth request or so is denied, some fault, some log and emit for mana.
const UNEVEN: &str = "policy uneven(n: number, d: number) {
    let sum = 0;
    for i in 0..n { sum = sum + 10 / d; }
    if n > 12 { emit \"large\", n; }
    require sum < 100, \"too much\";
}";

fn rows(chance: &mut Chance, n: u64) -> Vec<[ValueRef<'static>; 2]> {
    (0..n)
        .map(|_| {
            let size = match chance.below(20) {
                0 => ValueRef::Text("wrong"),
                1 => ValueRef::Missing,
                _ => ValueRef::Number(chance.below(16) as f64),
            };
            [size, ValueRef::Number(chance.below(5) as f64)]
        })
        .collect()
}

/// One after the other, each drawing on the shared budget itself.
fn one_by_one(policy: &Policy, requests: &[Request<'_>], env: &Env<'_>) -> Vec<Receipt> {
    let mut vm = Vm::new();
    requests.iter().map(|request| vm.run(policy.executable(), request, env)).collect()
}

#[test]
fn receipts_are_those_of_one_run_after_the_other() {
    let policy = Policy::compile(UNEVEN).unwrap();
    let mut chance = Chance(7);
    for round in 0..300 {
        let count = 1 + chance.below(400);
        let rows = rows(&mut chance, count);
        let requests: Vec<Request<'_>> = rows.iter().map(|row| Request::new(row)).collect();
        let own = BudgetLimits { gas_limit: 20 + chance.below(60), ..BudgetLimits::default() };
        let shared = BudgetLimits {
            gas_limit: chance.below(count * 40 + 1),
            mana_limit: chance.below(count / 4 + 2),
            ..BudgetLimits::UNBOUNDED
        };
        let budget = Budget::new(shared);
        let env = Env { allow_writes: true, limits: own, shared: Some(&budget), ..Env::default() };
        let expected = one_by_one(&policy, &requests, &env);
        for threads in [1, 2, 3] {
            let together = Arc::new(Budget::new(shared));
            let options = BatchOptions {
                allow_writes: true,
                limits: own,
                budget: Some(together.clone()),
                threads,
                ..BatchOptions::default()
            };
            let mut batch = Batch::new(&policy, options).unwrap();
            // In two portions, cut anywhere.
            let at = chance.below(count + 1) as usize;
            let mut receipts = batch.run(&requests[..at]).unwrap();
            receipts.extend(batch.run(&requests[at..]).unwrap());
            assert!(receipts == expected, "round {round}, {threads} threads");
            assert_eq!(together.snapshot().gas_used, budget.snapshot().gas_used, "round {round}");
            assert_eq!(together.exhausted(), budget.exhausted());
        }
    }
}

/// The same without effects, so that portions run in parallel and are settled afterwards.
#[test]
fn parallel_portions_settle_in_index_order() {
    let source = UNEVEN.replace("if n > 12 { emit \"large\", n; }", "");
    let policy = Policy::compile(&source).unwrap();
    let mut chance = Chance(11);
    for round in 0..200 {
        let count = 1 + chance.below(3_000);
        let rows = rows(&mut chance, count);
        let requests: Vec<Request<'_>> = rows.iter().map(|row| Request::new(row)).collect();
        let shared = BudgetLimits { gas_limit: chance.below(count * 50 + 1), ..BudgetLimits::UNBOUNDED };
        let budget = Budget::new(shared);
        let env = Env { shared: Some(&budget), ..Env::default() };
        let expected = one_by_one(&policy, &requests, &env);
        for threads in [1, 2, 3, 8] {
            let together = Arc::new(Budget::new(shared));
            let options = BatchOptions { budget: Some(together.clone()), threads, ..BatchOptions::default() };
            let receipts = Batch::new(&policy, options).unwrap().run(requests.as_slice()).unwrap();
            assert!(receipts == expected, "round {round}, {threads} threads");
            let end = together.snapshot();
            assert_eq!(end.gas_used + end.gas_left, shared.gas_limit);
            assert_eq!(end.gas_reserved, 0);
        }
    }
}

#[test]
fn columns_and_rows_are_decided_alike() {
    let policy = Policy::compile(
        "policy p(amount: number, name: string?) { require amount <= 10 || name == \"eve\"; }",
    );
    let policy = policy.unwrap();
    let amounts: Vec<f64> = (0..5_000).map(|i| f64::from(i % 20)).collect();
    let names: Vec<ValueRef<'_>> = (0..5_000)
        .map(|i| if i % 3 == 0 { ValueRef::Null } else { ValueRef::Text(["eve", "bob"][i % 2]) })
        .collect();
    let columns = RequestColumns::new(&policy, 5_000)
        .with("amount", Column::Numbers(&amounts))
        .unwrap()
        .with("name", Column::Values(&names))
        .unwrap();
    let rows: Vec<[ValueRef<'_>; 2]> =
        amounts.iter().zip(&names).map(|(amount, name)| [ValueRef::Number(*amount), *name]).collect();
    let requests: Vec<Request<'_>> = rows.iter().map(|row| Request::new(row)).collect();
    let by_column = Batch::new(&policy, BatchOptions::default()).unwrap().run(&columns).unwrap();
    let by_row = Batch::new(&policy, BatchOptions::default()).unwrap().run(requests.as_slice()).unwrap();
    assert!(by_column == by_row);
    assert!(by_row.iter().any(Receipt::passed) && !by_row.iter().all(Receipt::passed));
}

/// A source of requests that panics at one of them, as a host might.
struct Panics<'a>(&'a [Request<'a>], usize);

impl Requests for Panics<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn request<'a>(&'a self, index: usize, _: &'a bumpalo::Bump) -> Result<Request<'a>, Fault> {
        assert!(index != self.1, "the one that panics");
        self.0.get(index).copied().ok_or(Fault::TypeMismatch)
    }
}

#[test]
fn a_panic_is_a_fault_of_its_request_alone() {
    let policy = Policy::compile("n > 1").unwrap();
    let row = [ValueRef::Number(5.0)];
    let requests = vec![Request::new(&row); 2_000];
    std::panic::set_hook(Box::new(|_| {}));
    let receipts =
        Batch::new(&policy, BatchOptions::default()).unwrap().run(&Panics(&requests, 1_234)).unwrap();
    drop(std::panic::take_hook());
    for (index, receipt) in receipts.iter().enumerate() {
        let expected = if index == 1_234 { Outcome::Fault(Fault::HostError) } else { Outcome::Allow };
        assert_eq!(receipt.outcome, expected, "{index}");
    }
}

#[test]
fn time_and_cancellation_cut_at_an_index() {
    let policy = Policy::compile("n > 1").unwrap();
    let row = [ValueRef::Number(5.0)];
    let requests = vec![Request::new(&row); 100];
    let budget = Arc::new(Budget::new(BudgetLimits::UNBOUNDED));
    let options = BatchOptions { budget: Some(budget.clone()), ..BatchOptions::default() };
    let mut batch = Batch::new(&policy, options).unwrap();
    assert_eq!(batch.run(requests.as_slice()).unwrap().len(), 100);
    budget.cancel();
    let (receipts, cut) = batch.run(requests.as_slice()).unwrap_err();
    assert!(receipts.is_empty());
    assert_eq!((cut.at, cut.reason), (100, Exhaustion::Cancelled));

    // A run that would never end is cut out of the batch, and what came before it stays.
    let policy = Policy::compile("policy p(n: number) { while n > 0 { } }").unwrap();
    let (ends, hangs) = ([ValueRef::Number(0.0)], [ValueRef::Number(1.0)]);
    let mut requests = vec![Request::new(&ends); 40];
    requests[17] = Request::new(&hangs);
    let limits = BudgetLimits { timeout_ms: 20, ..BudgetLimits::UNBOUNDED };
    let options = BatchOptions {
        limits: BudgetLimits::UNBOUNDED,
        budget: Some(Arc::new(Budget::new(limits))),
        threads: 2,
        ..BatchOptions::default()
    };
    let (receipts, cut) = Batch::new(&policy, options).unwrap().run(requests.as_slice()).unwrap_err();
    assert_eq!((cut.at, cut.reason), (17, Exhaustion::Timeout));
    assert!(receipts.len() == 17 && receipts.iter().all(Receipt::passed));
}

#[test]
fn what_an_allowed_request_writes_is_there_for_every_later_one() {
    let state = r#"{"identities":{"did:a:b":{"trust":[0.5,0.5,0.5,0.5,0.5,0.5]}},"realms":{"lab":{}}}"#;
    let host = StateHost::new(Arc::new(World::from_json(state.as_bytes()).unwrap()));
    let source = "policy take(n: number) {
        let taken = store_get_number(\"taken\") ?? 0;
        store_put(\"taken\", taken + n);
        update_trust(did:a:b, 0.1);
        require taken + n <= 10, \"all gone\";
    }";
    let policy = Policy::compile(source).unwrap();
    let rows: Vec<[ValueRef<'_>; 1]> = [4.0, 5.0, 3.0, 1.0, 1.0].map(|n| [ValueRef::Number(n)]).to_vec();
    let caller = Did::new("did:a:b").map_or(ValueRef::Missing, ValueRef::Did);
    let requests: Vec<Request<'_>> = rows
        .iter()
        .map(|row| Request { caller, realm: ValueRef::Text("lab"), ..Request::new(row) })
        .collect();
    let options =
        BatchOptions { host: Some(&host), allow_writes: true, threads: 2, ..BatchOptions::default() };
    let mut batch = Batch::new(&policy, options).unwrap();
    let mut receipts = batch.run(&requests[..2]).unwrap();
    receipts.extend(batch.run(&requests[2..]).unwrap());
    let passed: Vec<bool> = receipts.iter().map(Receipt::passed).collect();
    // 4, 9, then 3 is too much and leaves no trace, then 10, then nothing is left.
    assert_eq!(passed, [true, true, false, true, false]);
    assert!(receipts[2].effects().is_empty());
    let last = &receipts[3].effects()[0];
    assert!(matches!(last, Effect::StorePut { value: StoreValue::Number(n), .. } if *n == 10.0));
    // Trust was raised three times, by those that were allowed.
    let Effect::TrustUpdate { new, .. } = &receipts[3].effects()[1] else { panic!("no trust update") };
    assert!((new.0[0] - 0.8).abs() < 1e-12);
}

/// A host whose answers are counted.
#[derive(Default)]
struct Counted(AtomicU64);

impl HostInterface for Counted {
    fn version(&self) -> u64 {
        7
    }
    fn trust(&self, _: &str) -> HostResult<Option<TrustVector>> {
        Ok(None)
    }
    fn has_credential(&self, _: &str, _: &str) -> HostResult<bool> {
        Ok(false)
    }
    fn resolve_did(&self, _: &str) -> HostResult<bool> {
        Ok(false)
    }
    fn balance(&self, _: &str) -> HostResult<i128> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(1)
    }
    fn is_member(&self, _: &str, _: &str) -> HostResult<bool> {
        Ok(false)
    }
    fn realm(&self, _: &str) -> HostResult<Option<RealmFacts>> {
        Ok(None)
    }
    fn mean_trust(&self, _: &[(&str, TrustVector)]) -> HostResult<Option<f64>> {
        Ok(None)
    }
    fn store_get<'a>(&'a self, _: &str, _: &str) -> HostResult<Option<StoreValueRef<'a>>> {
        Ok(None)
    }
    fn entry_policy(&self, _: &str) -> HostResult<EntryPolicy> {
        Ok(EntryPolicy::Default)
    }
}

/// Runs that have all the gas they want and never end, in a batch whose gas does: one after the other the first of them uses
/// it up, and the rest are exhausted without gas of their own. There was a time when they ran until time was up, and the
/// batch was cut there. How far they run ahead of their turn is counted: for each thread about what the budget has, and
/// nothing for those behind.
#[test]
fn a_run_without_end_is_ended_by_the_gas_of_its_batch() {
    const GAS: u64 = 60_000;
    let text = "policy p(n: number) { let x = n; while x > 0 { x = x + get_balance(did(\"did:x:a\")); } }";
    let policy = Policy::compile(text).unwrap();
    let limits = BudgetLimits { gas_limit: GAS, ..BudgetLimits::UNBOUNDED };
    // The first one that never ends comes late, or first, or there are only such; some have wrong inputs.
    for late in [1_500, 0, 1, 17] {
        let of = |n: usize| match n {
            n if n % 97 == 5 => [ValueRef::Text("wrong")],
            n if late == 0 || (n >= late && n % 3 == 0) => [ValueRef::Number(1.0)],
            _ => [ValueRef::Number(0.0)],
        };
        let rows: Vec<[ValueRef<'_>; 1]> = (0..2_000).map(of).collect();
        let requests: Vec<Request<'_>> = rows.iter().map(|row| Request::new(row)).collect();
        let (host, budget) = (Counted::default(), Budget::new(limits));
        let own = BudgetLimits { timeout_ms: 60_000, ..BudgetLimits::UNBOUNDED };
        let env = Env { host: Some(&host), limits: own, shared: Some(&budget), ..Env::default() };
        let expected = one_by_one(&policy, &requests, &env);
        assert_eq!(budget.exhausted(), Some(Exhaustion::OutOfGas));
        for (engine, threads) in
            [Engine::Scalar, Engine::Lanes].into_iter().flat_map(|e| [(e, 1), (e, 2), (e, 3)])
        {
            let (host, together) = (Counted::default(), Arc::new(Budget::new(limits)));
            let options = BatchOptions {
                host: Some(&host),
                limits: own,
                budget: Some(together.clone()),
                threads,
                engine,
                ..BatchOptions::default()
            };
            let receipts = Batch::new(&policy, options).unwrap().run(requests.as_slice()).unwrap();
            assert!(receipts == expected, "{engine:?}, {threads} threads, from {late}");
            assert_eq!(together.gas_used(), budget.gas_used());
            let calls = host.0.load(Ordering::Relaxed);
            // Ten units a round or so; besides the run at its turn, each thread may be within two that are not payable.
            assert!(
                calls < (2 * threads as u64 + 2) * GAS / 8,
                "{engine:?}, {threads} threads: {calls} calls"
            );
        }
    }
}

/// The same where no run is without end, but together they take far more than there is: what is certainly behind the end is
/// not run.
#[test]
fn what_comes_behind_the_end_of_the_gas_is_not_run() {
    let policy = Policy::compile("policy p() { require get_balance(did(\"did:x:a\")) > 0; }").unwrap();
    let requests = vec![Request::new(&[]); 200_000];
    let host = Counted::default();
    let budget = Arc::new(Budget::new(BudgetLimits { gas_limit: 10_000, ..BudgetLimits::UNBOUNDED }));
    let options = BatchOptions {
        host: Some(&host),
        budget: Some(budget),
        threads: 1,
        engine: Engine::Scalar,
        ..BatchOptions::default()
    };
    let receipts = Batch::new(&policy, options).unwrap().run(requests.as_slice()).unwrap();
    let (paid, calls) =
        (receipts.iter().filter(|receipt| receipt.passed()).count(), host.0.load(Ordering::Relaxed));
    assert!(paid > 1_000 && receipts.last().is_some_and(|last| last.cost == 0));
    assert!(calls < 2 * paid as u64 + 2_048, "{calls} calls for {paid} runs that were paid for");
}

/// Room that is used again shows nothing of what was there.
#[test]
fn room_for_receipts_is_used_again() {
    let policy = Policy::compile(UNEVEN).unwrap();
    let mut chance = Chance(3);
    let mut room = Vec::new();
    for count in [300, 20_000, 5, 0, 700] {
        let rows = rows(&mut chance, count);
        let requests: Vec<Request<'_>> = rows.iter().map(|row| Request::new(row)).collect();
        let env = Env { allow_writes: false, ..Env::default() };
        let options = BatchOptions { threads: 2, ..BatchOptions::default() };
        Batch::new(&policy, options).unwrap().run_into(requests.as_slice(), &mut room).unwrap();
        assert!(room == one_by_one(&policy, &requests, &env));
    }
}

/// Rows, of which one panics, one is none, and some are of wrong types.
struct Rough<'a>(&'a [[ValueRef<'a>; 2]]);

#[expect(clippy::panic, clippy::indexing_slicing, reason = "what is to be caught")]
impl Requests for Rough<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn request<'a>(&'a self, index: usize, _: &'a bumpalo::Bump) -> Result<Request<'a>, Fault> {
        match index {
            700 => panic!("no such row"),
            701 => Err(Fault::TypeMismatch),
            _ => Ok(Request::new(&self.0[index])),
        }
    }
}

#[test]
fn answers_of_rows_are_their_receipts_whichever_engine_and_whatever_came_before() {
    let policy = Policy::compile(
        "policy p(amount: number, tags: [string]) { require amount > 3, \"little\"; return \"a\" in tags; }",
    )
    .unwrap();
    let tags = [vec![ValueRef::Text("a")], vec![ValueRef::Text("b"), ValueRef::Text("a")], vec![]];
    let row = |i: usize| match i % 97 {
        5 => [ValueRef::Bool(true), ValueRef::Array(&[])],
        n => [ValueRef::Number((n % 7) as f64), ValueRef::Array(&tags[i % 3])],
    };
    let rows: Vec<_> = (0..3_000).map(row).collect();
    let expected = Batch::new(&policy, BatchOptions { engine: Engine::Scalar, ..BatchOptions::default() })
        .unwrap()
        .run(&Rough(&rows))
        .unwrap();
    assert_eq!(expected[700].outcome, Outcome::Fault(Fault::HostError));
    assert_eq!(expected[701].outcome, Outcome::Fault(Fault::TypeMismatch));
    for (engine, threads) in [(Engine::Scalar, 1), (Engine::Scalar, 3), (Engine::Lanes, 1), (Engine::Auto, 3)]
    {
        let options = BatchOptions { engine, threads, lanes: 64, ..BatchOptions::default() };
        let mut batch = Batch::new(&policy, options).unwrap();
        let mut decisions = Decisions::default();
        for round in 1..=3u64 {
            assert!(batch.run(&Rough(&rows)).unwrap() == expected, "{engine:?}");
            batch.decide_into(&Rough(&rows), &mut decisions).unwrap();
            assert!(decisions.receipts().eq(expected.iter().cloned()), "{engine:?}");
            let passed = |receipts: &[Receipt]| receipts.iter().filter(|r| r.passed()).count() as u64;
            assert!(expected.iter().enumerate().all(|(i, r)| decisions.passed(i) == r.passed()));
            let summary = batch.summary();
            assert_eq!(summary.allow, 2 * round * passed(&expected), "{engine:?}");
            assert_eq!(summary.requests, 2 * round * 3_000);
            assert_eq!(summary.cost, 2 * round * expected.iter().map(|r| r.cost).sum::<u64>());
        }
    }
}

/// A batch on the caller's own pool takes all tasks itself where nobody else has time: the other thread of this pool waits
/// for the batch to end.
#[test]
fn a_batch_ends_on_a_pool_whose_other_threads_are_busy() {
    let policy = Policy::compile(UNEVEN).unwrap();
    let rows = rows(&mut Chance(3), 20_000);
    let requests: Vec<Request<'_>> = rows.iter().map(|row| Request::new(row)).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for engine in [Engine::Scalar, Engine::Lanes] {
        let (busy, is_busy) = std::sync::mpsc::channel();
        let (over, is_over) = std::sync::mpsc::channel::<()>();
        let (ended, has_ended) = std::sync::mpsc::channel();
        pool.spawn(move || {
            busy.send(()).unwrap();
            // No longer than that, so that a batch which waits for this thread fails instead of hanging.
            let in_time = is_over.recv_timeout(std::time::Duration::from_secs(20)).is_ok();
            ended.send(in_time).unwrap();
        });
        is_busy.recv().unwrap();
        let options = BatchOptions { engine, threads: 0, ..BatchOptions::default() };
        let receipts = pool.install(|| Batch::new(&policy, options).unwrap().run(&requests[..]).unwrap());
        let _ = over.send(());
        assert!(has_ended.recv().unwrap(), "the batch has waited for a thread that is busy");
        let options = BatchOptions { engine, threads: 1, ..BatchOptions::default() };
        assert_eq!(receipts, Batch::new(&policy, options).unwrap().run(&requests[..]).unwrap());
    }
}
