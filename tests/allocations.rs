//! Runs allocate nothing, batches a little per chunk: counted, not timed.
//!
//! An allocator that counts stands in for the system's, in this test only. It counts per thread, so that tests beside each
//! other do not mix; batches run on threads of their own, and are counted over all threads.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bumpalo::Bump;
use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions, Column, RequestColumns, Requests};
use eclvm::host::{StateHost, World};
use eclvm::kernel::fault::{Fault, Outcome};
use eclvm::kernel::host::HostInterface;
use eclvm::kernel::request::{Env, Request};
use eclvm::kernel::value::{Did, TrustVector, ValueRef};
use eclvm::kernel::vm::Vm;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

thread_local! {
    static HERE: Cell<u64> = const { Cell::new(0) };
}
static EVERYWHERE: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, counting what is asked of it.
struct Counting;

fn count() {
    EVERYWHERE.fetch_add(1, Ordering::Relaxed);
    // A thread that is ending may have no counter any more; nobody asks for it then.
    let _ = HERE.try_with(|n| n.set(n.get() + 1));
}

// SAFETY: every call goes to the system's allocator as it is, so its promises are kept; counting does not allocate (a
// thread-local without a destructor, initialised by a constant).
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps `alloc`'s contract, which is the system's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: `at` came from the system's allocator, under this layout.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: `at` came from the system's allocator, under this layout; the caller keeps the rest.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread while `work` runs.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = HERE.get();
    work();
    HERE.get() - before
}

const WORLD: &str = include_str!("../examples/transfer/state.json");
const ALICE: &str = "did:erynoa:self:alice";
const BOB: &str = "did:erynoa:self:bob";
const NOW: f64 = 1_700_000_000.0;

fn host() -> StateHost {
    StateHost::new(Arc::new(World::from_json(WORLD.as_bytes()).unwrap()))
}

fn did(text: &str) -> ValueRef<'_> {
    ValueRef::Did(Did::new(text).unwrap())
}

/// Allocations of a hundred runs after two that warm up, and the outcome of the last.
fn of_runs(source: &str, request: &Request<'_>, env: &Env<'_>) -> (u64, Outcome) {
    let policy = Policy::compile(source).unwrap();
    let mut vm = Vm::new();
    let mut last = None;
    for _ in 0..2 {
        last = Some(vm.run(policy.executable(), request, env).outcome);
    }
    let n = allocations(|| {
        for _ in 0..100 {
            last = Some(vm.run(policy.executable(), request, env).outcome);
        }
    });
    (n, last.unwrap())
}

/// The policies of `examples/`, each with inputs on which it is allowed and inputs on which it is not.
fn everyday(mut check: impl FnMut(&str, &str, &[ValueRef<'_>], bool)) {
    let signers = [did("did:erynoa:self:bob"), did("did:erynoa:self:carol")];
    let roles = [ValueRef::Text("viewer"), ValueRef::Text("editor")];
    let text = ValueRef::Text;
    let number = ValueRef::Number;
    for (name, source, inputs, passes) in [
        ("entry", include_str!("../examples/policies/entry.ecl"), &[][..], true),
        (
            "multisig",
            include_str!("../examples/policies/multisig.ecl"),
            &[ValueRef::Array(&signers), number(2.0)],
            true,
        ),
        (
            "multisig",
            include_str!("../examples/policies/multisig.ecl"),
            &[ValueRef::Array(&signers), number(3.0)],
            false,
        ),
        (
            "roles",
            include_str!("../examples/policies/roles.ecl"),
            &[ValueRef::Array(&roles), text("write"), text("a/b")],
            true,
        ),
        (
            "roles",
            include_str!("../examples/policies/roles.ecl"),
            &[ValueRef::Array(&roles), text("drop"), text("a/b")],
            false,
        ),
        (
            "session",
            include_str!("../examples/policies/session.ecl"),
            &[number(NOW - 600.0), number(NOW - 60.0)],
            true,
        ),
        ("session", include_str!("../examples/policies/session.ecl"), &[number(0.0), number(0.0)], false),
        ("verified", include_str!("../examples/policies/verified.ecl"), &[], true),
        ("transfer", include_str!("../examples/transfer/transfer.ecl"), &[did(BOB), number(7_500.0)], true),
        ("transfer", include_str!("../examples/transfer/transfer.ecl"), &[did(BOB), number(1e9)], false),
    ] {
        check(name, source, inputs, passes);
    }
}

#[test]
fn a_run_of_an_everyday_policy_allocates_nothing() {
    let host = host();
    let env = Env { host: Some(&host as &dyn HostInterface), now: NOW, ..Env::default() };
    everyday(|name, source, inputs, passes| {
        let request = Request { caller: did(ALICE), realm: ValueRef::Text("market"), ..Request::new(inputs) };
        let (n, outcome) = of_runs(source, &request, &env);
        assert_eq!(outcome == Outcome::Allow, passes, "{name} ends with {outcome:?}");
        assert_eq!(n, 0, "{name} ({outcome:?}) allocates in a run");
    });
}

#[test]
fn runs_on_given_inputs_alone_allocate_nothing() {
    let trust = TrustVector([0.8, 0.7, 0.6, 0.5, 0.4, 0.3]);
    let request = Request { trust: ValueRef::Trust(&trust), ..Request::new(&[]) };
    assert_eq!(of_runs("trust.r >= 0.5", &request, &Env::default()), (0, Outcome::Allow));
    assert_eq!(of_runs("trust.r >= 0.9", &request, &Env::default()), (0, Outcome::Deny));
    // What a run makes for itself goes to its arena: joined text, arrays, trust vectors, frames of calls.
    let made = "fn f(n: number) -> number { if n < 1 { return 0; } return 1 + f(n - 1); }
        policy p(a: string, b: string) {
            let both = a + b + a;
            let list = [f(20), f(3), trust.r];
            require str_len(both) > 3 && 3 in list && any(x in list, x > 19);
            require trust_combine(trust, trust_create(f(1), 0, 1, 0, 1, 0)).r == 1;
        }";
    let inputs = [ValueRef::Text("some"), ValueRef::Text("words")];
    let request = Request { trust: ValueRef::Trust(&trust), ..Request::new(&inputs) };
    assert_eq!(of_runs(made, &request, &Env::default()), (0, Outcome::Allow));
    // A fault and an exhausted run are no dearer.
    assert_eq!(
        of_runs("1 / x > 0", &Request::new(&[ValueRef::Number(0.0)]), &Env::default()),
        (0, Outcome::Fault(Fault::DivisionByZero))
    );
}

/// Counts over all threads, so no two of these at once.
static ALONE: Mutex<()> = Mutex::new(());

fn of_batch<R: Requests + ?Sized>(policy: &Policy, requests: &R, host: Option<&dyn HostInterface>) -> u64 {
    let mut least = u64::MAX;
    // Other tests allocate on threads of their own at the same time: the least of a few is this one's.
    for _ in 0..5 {
        let options = BatchOptions { host, threads: 1, now: NOW, ..BatchOptions::default() };
        let mut batch = Batch::new(policy, options).unwrap();
        let before = EVERYWHERE.load(Ordering::Relaxed);
        let receipts = batch.run(requests).unwrap();
        least = least.min(EVERYWHERE.load(Ordering::Relaxed) - before);
        assert!(receipts.iter().all(|receipt| receipt.passed()));
    }
    least
}

/// What a batch may allocate: some once (its pool's thread, its list of receipts), and some for each chunk of requests. A
/// chunk of these policies has hundreds, so one allocation for 64 requests is far from one for each.
fn allowance(requests: usize) -> u64 {
    200 + requests as u64 / 64
}

#[test]
fn a_batch_allocates_by_the_chunk_and_not_by_the_request() {
    let _alone = ALONE.lock().unwrap();
    let host = host();
    let transfer = Policy::compile(include_str!("../examples/transfer/transfer.ecl")).unwrap();
    let to = Did::new(BOB).unwrap();
    let rows = [ValueRef::Did(to), ValueRef::Number(250.0)];
    for n in [1_024, 8 * 1_024, 64 * 1_024] {
        let requests = vec![Request { caller: did(ALICE), ..Request::new(&rows) }; n];
        let took = of_batch(&transfer, requests.as_slice(), Some(&host));
        println!("transfer, rows: {n} requests, {took} allocations");
        assert!(took <= allowance(n), "{n} requests took {took} allocations");

        let (dids, amounts) = (vec![to; n], vec![250.0; n]);
        let columns = RequestColumns::new(&transfer, n)
            .with("to", Column::Dids(&dids))
            .and_then(|c| c.with("amount", Column::Numbers(&amounts)))
            .and_then(|c| c.with("caller", Column::Uniform(did(ALICE))))
            .unwrap();
        let took = of_batch(&transfer, &columns, Some(&host));
        println!("transfer, columns: {n} requests, {took} allocations");
        assert!(took <= allowance(n), "{n} requests took {took} allocations");
    }
}

#[test]
fn a_batch_of_a_cheap_policy_allocates_next_to_nothing() {
    let _alone = ALONE.lock().unwrap();
    let policy = Policy::compile("trust.r >= 0.5").unwrap();
    let n = 64 * 1_024;
    let component = vec![0.75; n];
    let columns = RequestColumns::new(&policy, n).with("trust", Column::Trust([&component[..]; 6])).unwrap();
    let took = of_batch(&policy, &columns, None);
    println!("trust.r >= 0.5, columns: {n} requests, {took} allocations");
    assert!(took <= allowance(n), "{n} requests took {took} allocations");
}

/// Requests that are made as they are asked for may use the arena that they are handed.
#[test]
fn requests_made_on_the_arena_cost_no_allocation_each() {
    struct Made(usize);
    impl Requests for Made {
        fn len(&self) -> usize {
            self.0
        }
        fn request<'a>(&'a self, index: usize, bump: &'a Bump) -> Result<Request<'a>, Fault> {
            Ok(Request::new(bump.alloc([ValueRef::Number(index as f64)])))
        }
    }
    let _alone = ALONE.lock().unwrap();
    let policy = Policy::compile("x >= 0").unwrap();
    let n = 64 * 1_024;
    let took = of_batch(&policy, &Made(n), None);
    assert!(took <= allowance(n), "{n} requests took {took} allocations");
}
