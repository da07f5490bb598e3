//! Batches of policies that write: guesses that go astray, cuts, and commits of a whole batch to a state.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions, Requests, StateBatchError, run_on_state};
use eclvm::host::StateHost;
use eclvm::kernel::budget::{Budget, BudgetLimits};
use eclvm::kernel::effects::StoreValue;
use eclvm::kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm::kernel::host::{EntryPolicy, HostInterface, HostResult, RealmFacts, StoreValueRef};
use eclvm::kernel::limits::MAX_BATCH_ATTEMPTS;
use eclvm::kernel::receipt::Receipt;
use eclvm::kernel::request::Request;
use eclvm::kernel::value::{TrustVector, ValueRef};
use eclvm::state::{StateEvent, StateKey, UnifiedState, World};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const LAB: ValueRef<'_> = ValueRef::Text("lab");
const COUNT: &str = "policy add(key: string) { store_put(key, (store_get_number(key) ?? 0) + 1); }";

fn world() -> World {
    World::from_json(br#"{"identities": {"did:x:a": {}}, "realms": {"lab": {}, "home": {}}}"#).unwrap()
}
fn in_lab<'a>(inputs: &'a [ValueRef<'a>]) -> Request<'a> {
    Request { realm: LAB, ..Request::new(inputs) }
}
fn numbers(receipts: &[Receipt]) -> Vec<Outcome> {
    receipts.iter().map(|receipt| receipt.outcome).collect()
}
fn stored(state: &UnifiedState, key: &str) -> Option<f64> {
    match state.view().realm("lab").unwrap().stored(key) {
        Some(StoreValueRef::Number(n)) => Some(n),
        _ => None,
    }
}
fn put(state: &UnifiedState, key: &str, value: f64) {
    let mut transaction = state.begin();
    let value = Some(StoreValue::Number(value));
    transaction.push(StateEvent::StoreWritten { realm_id: "lab".into(), key: key.into(), value }).unwrap();
    assert!(state.commit(&transaction).is_success());
}

/// A run that waits for what an earlier request writes ends at its turn, and so its guess must end too.
#[test]
fn a_guess_that_never_ends_is_ended() {
    let policy = "policy p(go: bool) {
        if go { store_put(\"go\", true); } else { while !(store_get_bool(\"go\") ?? false) { } }
    }";
    let policy = Policy::compile(policy).unwrap();
    let host = StateHost::new(Arc::new(world()));
    let (goes, waits) = ([ValueRef::Bool(true)], [ValueRef::Bool(false)]);
    let requests = [in_lab(&goes), in_lab(&waits), in_lab(&waits)];
    // By what the shared budget has left, and without one by time.
    let shared = BudgetLimits { gas_limit: 10_000, ..BudgetLimits::UNBOUNDED };
    for budget in [Some(Arc::new(Budget::new(shared))), None] {
        let options = BatchOptions {
            host: Some(&host),
            allow_writes: true,
            limits: BudgetLimits::UNBOUNDED,
            budget: budget.clone(),
            threads: 2,
            ..BatchOptions::default()
        };
        let mut batch = Batch::new(&policy, options).unwrap();
        batch.set_grain(1);
        // The first look is two requests wide, the second four.
        let mut receipts = batch.run(&requests[..]).unwrap();
        receipts.extend(batch.run(&requests[..]).unwrap());
        assert_eq!(numbers(&receipts), [Outcome::Allow; 6]);
        let cost: u64 = receipts.iter().map(|receipt| receipt.cost).sum();
        assert!(cost < 200 && budget.is_none_or(|budget| budget.gas_used() == cost));
        assert!(batch.guessed()[0] > 0);
    }
}

#[test]
fn a_cut_leaves_nothing_of_later_requests() {
    let policy = "policy p(n: number) { while n == 17 { } store_put(\"n\", n); }";
    let policy = Policy::compile(policy).unwrap();
    let host = StateHost::new(Arc::new(world()));
    let rows: Vec<[ValueRef<'_>; 1]> = (0..40).map(|n| [ValueRef::Number(f64::from(n))]).collect();
    let requests: Vec<Request<'_>> = rows.iter().map(|row| in_lab(row)).collect();
    for threads in [1, 2, 3] {
        let limits = BudgetLimits { timeout_ms: 200, ..BudgetLimits::UNBOUNDED };
        let options = BatchOptions {
            host: Some(&host),
            allow_writes: true,
            limits: BudgetLimits::UNBOUNDED,
            budget: Some(Arc::new(Budget::new(limits))),
            threads,
            ..BatchOptions::default()
        };
        let mut batch = Batch::new(&policy, options).unwrap();
        batch.set_grain(8);
        let (receipts, cut) = batch.run(requests.as_slice()).unwrap_err();
        // A wave in which time ran out may be given up from its first request on.
        let at = usize::try_from(cut.at).unwrap();
        assert!(at <= 17 && at == receipts.len() && receipts.iter().all(Receipt::passed));
        assert_eq!(cut.reason, Exhaustion::Timeout);
        let last = at.checked_sub(1).map(|last| StoreValueRef::Number(last as f64));
        assert_eq!(batch.host().unwrap().store_get("lab", "n").unwrap(), last);
    }
}

/// The host's own panics are faults in any order, also where its version is asked for.
struct Shaky(World, bool);

impl HostInterface for Shaky {
    fn version(&self) -> u64 {
        assert!(!self.1, "no version");
        0
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
        Ok(0)
    }
    fn is_member(&self, _: &str, _: &str) -> HostResult<bool> {
        Ok(false)
    }
    fn realm(&self, realm: &str) -> HostResult<Option<RealmFacts>> {
        Ok(self.0.realm(realm).map(|realm| realm.facts()))
    }
    fn mean_trust(&self, _: &[(&str, TrustVector)]) -> HostResult<Option<f64>> {
        Ok(None)
    }
    fn store_get<'a>(&'a self, _: &str, key: &str) -> HostResult<Option<StoreValueRef<'a>>> {
        assert!(key != "panics", "it panics");
        Ok(None)
    }
    fn entry_policy(&self, _: &str) -> HostResult<EntryPolicy> {
        Ok(EntryPolicy::UnknownRealm)
    }
}

#[test]
fn versions_are_those_of_the_turn_and_panics_have_none() {
    let policy = Policy::compile(COUNT).unwrap();
    let keys: Vec<[ValueRef<'_>; 1]> =
        ["a", "b", "panics", "c", "b", "panics", "d"].map(|key| [ValueRef::Text(key)]).to_vec();
    let requests: Vec<Request<'_>> = keys.iter().map(|row| in_lab(row)).collect();
    std::panic::set_hook(Box::new(|_| {}));
    for (shaky, expected) in [(false, [0, 1, 0, 2, 3, 0, 4]), (true, [0; 7])] {
        let host = Shaky(world(), shaky);
        for threads in [1, 2, 3] {
            let options =
                BatchOptions { host: Some(&host), allow_writes: true, threads, ..BatchOptions::default() };
            let mut batch = Batch::new(&policy, options).unwrap();
            batch.set_grain(8);
            let receipts = batch.run(requests.as_slice()).unwrap();
            let versions: Vec<u64> = receipts.iter().map(|receipt| receipt.version).collect();
            assert_eq!(versions, expected, "{threads} threads, {shaky}");
            let faults = receipts.iter().filter(|r| r.outcome == Outcome::Fault(Fault::HostError)).count();
            assert_eq!(faults, if shaky { 7 } else { 2 });
        }
    }
    drop(std::panic::take_hook());
}

#[test]
fn a_batch_is_one_version() {
    let policy = Policy::compile(COUNT).unwrap();
    let keys: Vec<[ValueRef<'_>; 1]> = (0..300).map(|n| [ValueRef::Text(["a", "b", "c"][n % 3])]).collect();
    let requests: Vec<Request<'_>> = keys.iter().map(|row| in_lab(row)).collect();
    for threads in [1, 2, 3] {
        let state = UnifiedState::with_world(world());
        let options = BatchOptions { allow_writes: true, threads, ..BatchOptions::default() };
        let done = run_on_state(&policy, &state, requests.as_slice(), &options).unwrap();
        assert_eq!((done.version, done.attempts, done.cut), (2, 1, None));
        assert_eq!(state.view().version(), 2);
        assert!(done.receipts.iter().all(|receipt| receipt.passed() && receipt.version == 1));
        for key in ["a", "b", "c"] {
            assert_eq!(stored(&state, key), Some(100.0), "the last of each key counts");
        }
    }
    // Nothing written makes no version.
    let state = UnifiedState::with_world(world());
    let denies = Policy::compile("policy p(key: string) { store_put(key, 1); require false; }").unwrap();
    let options = BatchOptions { allow_writes: true, ..BatchOptions::default() };
    let done = run_on_state(&denies, &state, requests.as_slice(), &options).unwrap();
    assert_eq!((done.version, state.view().version(), stored(&state, "a")), (1, 1, None));
}

/// Somebody else commits to the state each time that the first request is asked for.
struct Disturbed<'a> {
    requests: &'a [Request<'a>],
    state: &'a UnifiedState,
    key: &'a str,
    times: u64,
    done: AtomicU64,
}

impl Requests for Disturbed<'_> {
    fn len(&self) -> usize {
        self.requests.len()
    }
    fn request<'a>(&'a self, index: usize, _: &'a bumpalo::Bump) -> Result<Request<'a>, Fault> {
        if index == 0 {
            let before = self.done.fetch_add(1, Ordering::SeqCst);
            if before < self.times {
                put(self.state, self.key, 1_000.0 + before as f64);
            }
        }
        self.requests.get(index).copied().ok_or(Fault::TypeMismatch)
    }
}

#[test]
fn a_batch_that_others_overtake_is_decided_again() {
    let policy = Policy::compile(COUNT).unwrap();
    let row = [ValueRef::Text("a")];
    let requests = [in_lab(&row); 5];
    let options = BatchOptions { allow_writes: true, threads: 2, ..BatchOptions::default() };
    let run = |key, times| {
        let state = UnifiedState::with_world(world());
        let requests = Disturbed { requests: &requests, state: &state, key, times, done: AtomicU64::new(0) };
        let done = run_on_state(&policy, &state, &requests, &options);
        (done, stored(&state, "a"), state.view().version())
    };
    // Once: the second time it adds to what the other has put.
    let (done, a, version) = run("a", 1);
    let done = done.unwrap();
    assert_eq!((done.attempts, done.version, a, version), (2, 3, Some(1_005.0), 3));
    assert!(done.receipts.iter().all(|receipt| receipt.version == 2));
    // Always, but a key that it does not read: from the second time on that is not in its way.
    let (done, a, _) = run("else", u64::MAX);
    assert_eq!((done.unwrap().attempts, a), (2, Some(5.0)));
    // Always, and a key that it reads.
    let (done, a, version) = run("a", u64::MAX);
    let Err(StateBatchError::Conflict(keys)) = done else { panic!("{done:?}") };
    assert_eq!(keys, [StateKey::Store("lab".into(), "a".into())]);
    let times = u64::from(MAX_BATCH_ATTEMPTS);
    assert!(a.is_some_and(|a| a >= 1_000.0 + times as f64 - 1.0) && version > times);
}
