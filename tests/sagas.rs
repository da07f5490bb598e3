//! Sagas: all steps or none, paid from one budget, undone whatever ran out.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use eclvm::Policy;
use eclvm::gateway::{
    EclvmObserver, Saga, SagaEnd, SagaError, SagaReport, SagaRunner, SagaWrite, Step, StepFailure, Undone,
};
use eclvm::kernel::budget::{Budget, BudgetLimits};
use eclvm::kernel::effects::StoreValue;
use eclvm::kernel::fault::{Exhaustion, Fault};
use eclvm::kernel::host::StoreValueRef;
use eclvm::kernel::mana::{ManaRate, ManaTable};
use eclvm::kernel::multigas::MultiGas;
use eclvm::kernel::request::Clock;
use eclvm::kernel::value::Value;
use eclvm::state::{RealmChange, SagaStep, StateEvent, UnifiedState, World, same_content};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const A: &str = "did:x:a";
const B: &str = "did:x:b";
const FILE: &[u8] = br#"{
  "identities": {"did:x:a": {"balance": 100}, "did:x:b": {"balance": 50}, "did:x:c": {}},
  "realms": {"hotel": {}, "airline": {}, "shut": {"quarantined": true}}
}"#;

fn state() -> Arc<UnifiedState> {
    Arc::new(UnifiedState::with_world(World::from_json(FILE).unwrap()))
}
fn put(key: &str, value: f64) -> SagaWrite {
    SagaWrite::StorePut { key: key.into(), value: value.into() }
}
fn delete(key: &str) -> SagaWrite {
    SagaWrite::StoreDelete { key: key.into() }
}
fn pay(from: &str, to: &str, amount: i128) -> SagaWrite {
    SagaWrite::Transfer { from: from.into(), to: to.into(), amount }
}
fn book(realm: &str, price: i128) -> Step {
    let writes = vec![pay(A, B, price), put("booked", 1.0)];
    Step::new(realm, writes, vec![delete("booked"), pay(B, A, price)])
}
fn saga(steps: Vec<Step>) -> Saga {
    Saga::new("trip", A, steps).unwrap()
}
fn balances(state: &UnifiedState) -> [i128; 3] {
    let view = state.view();
    [A, B, "did:x:c"].map(|did| view.balance(did).unwrap())
}
fn failed(report: &SagaReport) -> (usize, &StepFailure) {
    match &report.end {
        SagaEnd::Compensated { failed, why } | SagaEnd::Incomplete { failed, why, .. } => (*failed, why),
        end => panic!("{end:?}"),
    }
}

#[test]
fn a_saga_carries_out_its_steps_and_pays_for_each() {
    let state = state();
    let gas = Arc::new(MultiGas::new(8));
    let runner = SagaRunner::new(state.clone()).with_multigas(gas.clone());
    let trip = saga(vec![book("hotel", 30), book("airline", 40)]);
    let budget = Arc::new(Budget::new(BudgetLimits::SAGA));
    let report = runner.run_on(&trip, &budget);
    assert!(report.completed(), "{report:?}");
    assert_eq!((report.steps_done, report.compensated.len()), (2, 0));
    assert_eq!(balances(&state), [30, 120, 0]);
    // Of each step 30 mana and 2 of the put, 50 + 11 gas of the writes; 20 of the crossing.
    assert_eq!((report.mana_used, report.gas_used), (64, 2 * 61 + 20));
    let snapshot = budget.snapshot();
    assert_eq!((snapshot.mana_used, snapshot.gas_used, snapshot.gas_reserved), (64, 142, 0));
    let usage = gas.snapshot();
    assert_eq!(usage.realm(gas.realm("airline")).gas.realm, 20);
    assert_eq!(usage.realm(gas.realm("hotel")).gas.realm, 0);
    assert_eq!((usage.process.mana, usage.process.gas.storage), (64, 122));
}

#[test]
fn a_failing_step_undoes_what_was_done_in_reverse() {
    let no = Policy::compile("policy p { require amount < 10, \"too dear\"; }").unwrap();
    let faulty = Policy::compile("policy p { let z = 0; require 1 / z > 0; }").unwrap();
    let endless = Policy::compile("policy p { while true { } }").unwrap();
    let unknown = Step::new("hotel", vec![put("x", 1.0), pay(A, "did:x:nobody", 1)], vec![]);
    for (last, why) in [
        (
            book("hotel", 1).allowed_by(no.clone(), vec![Value::Number(10.0)]),
            StepFailure::Denied(Some("too dear".into())),
        ),
        (book("hotel", 1).allowed_by(no, vec![]), StepFailure::Fault(Fault::MissingInput)),
        (book("hotel", 1).allowed_by(faulty, vec![]), StepFailure::Fault(Fault::DivisionByZero)),
        (book("hotel", 1).allowed_by(endless, vec![]), StepFailure::Exhausted(Exhaustion::OutOfGas)),
        (book("nowhere", 1), StepFailure::UnknownRealm),
        (book("shut", 1), StepFailure::Quarantined),
        (book("hotel", 1_000), StepFailure::NotAllowed { write: 0 }),
        (unknown, StepFailure::NotAllowed { write: 1 }),
    ] {
        let state = state();
        let before = state.view();
        let trip = saga(vec![book("hotel", 30), book("airline", 40), last]);
        let limits = BudgetLimits { gas_limit: 20_000, ..BudgetLimits::SAGA };
        let report = SagaRunner::new(state.clone()).run_within(&trip, limits);
        assert_eq!(failed(&report), (2, &why));
        assert!(matches!(report.end, SagaEnd::Compensated { .. }));
        assert_eq!((report.steps_done, &*report.compensated), (2, &[1, 0][..]));
        assert!(same_content(&before, &state.view()), "{why:?}");
        assert!(report.gas_used <= 20_000);
    }
}

#[test]
fn policies_of_steps_write_in_the_steps_transaction() {
    let state = state();
    let policy =
        Policy::compile("policy p { require get_balance(caller) >= 100; store_put(\"by\", 7); }").unwrap();
    let step =
        |key: &str| Step::new("hotel", vec![put(key, 1.0), pay(A, B, 1)], vec![delete(key), pay(B, A, 1)]);
    let trip = saga(vec![step("a").allowed_by(policy.clone(), vec![]), step("b").allowed_by(policy, vec![])]);
    let report = SagaRunner::new(state.clone()).run(&trip);
    assert_eq!(failed(&report), (1, &StepFailure::Denied(None)), "the second sees what the first has done");
    let view = state.view();
    let hotel = view.realm("hotel").unwrap();
    assert_eq!(
        hotel.stored("by"),
        Some(StoreValueRef::Number(7.0)),
        "a compensation is what it says, no more"
    );
    assert_eq!((hotel.stored("a"), hotel.stored("b")), (None, None));
}

#[test]
fn what_runs_out_does_not_keep_anything_from_being_undone() {
    let trip = saga(vec![book("hotel", 1), book("airline", 2), book("hotel", 3), book("airline", 4)]);
    let of = |limits| SagaRunner::new(state()).run_within(&trip, limits);
    let whole = of(BudgetLimits::SAGA);
    assert!(whole.completed());
    // The reserve: 60 gas for each step, no mana.
    let needed = whole.gas_used + 4 * 60;
    for gas_limit in 0..needed {
        let state = state();
        let before = state.view();
        let limits = BudgetLimits { gas_limit, ..BudgetLimits::SAGA };
        let report = SagaRunner::new(state.clone()).run_within(&trip, limits);
        match &report.end {
            SagaEnd::NotBegun { reason, .. } => {
                assert_eq!(*reason, Some(Exhaustion::OutOfGas));
                assert!(gas_limit < 4 * 60);
            }
            SagaEnd::Compensated { why, .. } => {
                assert_eq!(*why, StepFailure::Exhausted(Exhaustion::OutOfGas))
            }
            end => panic!("{gas_limit}: {end:?}"),
        }
        assert!(same_content(&before, &state.view()));
        assert!(report.gas_used <= gas_limit);
    }
    assert!(of(BudgetLimits { gas_limit: needed, ..BudgetLimits::SAGA }).completed());
    let mana = |mana_limit| of(BudgetLimits { mana_limit, ..BudgetLimits::SAGA });
    assert!(mana(4 * 32).completed());
    assert_eq!(failed(&mana(4 * 32 - 1)), (3, &StepFailure::Exhausted(Exhaustion::OutOfMana)));
    assert_eq!(failed(&mana(29)), (0, &StepFailure::Exhausted(Exhaustion::OutOfMana)));
}

#[test]
fn a_cancelled_or_late_saga_is_undone() {
    /// Cancels the budget, or lets time pass, as soon as the first step is done.
    struct Meddler(Mutex<Option<Arc<Budget>>>, AtomicU64);
    impl EclvmObserver for Meddler {
        fn on_event(&self, progress: &StateEvent) {
            if matches!(progress, StateEvent::SagaProgress { state: SagaStep::Done, .. }) {
                self.1.store(31_000_000_000, Ordering::Relaxed);
                self.0.lock().unwrap().iter().for_each(|budget| budget.cancel());
            }
        }
    }
    impl Clock for Meddler {
        fn now_ns(&self) -> u64 {
            self.1.load(Ordering::Relaxed)
        }
    }
    let trip = saga(vec![book("hotel", 1), book("airline", 2)]);
    for (cancels, reason) in [(true, Exhaustion::Cancelled), (false, Exhaustion::Timeout)] {
        let state = state();
        let before = state.view();
        let budget = Arc::new(Budget::new(BudgetLimits::SAGA));
        let meddler = Arc::new(Meddler(Mutex::new(cancels.then(|| budget.clone())), AtomicU64::new(0)));
        let runner = SagaRunner::new(state.clone()).with_observer(meddler.clone()).with_clock(meddler);
        let report = if cancels { runner.run_on(&trip, &budget) } else { runner.run(&trip) };
        assert_eq!(failed(&report), (1, &StepFailure::Exhausted(reason)));
        assert_eq!(report.compensated, [0]);
        assert!(same_content(&before, &state.view()));
        if cancels {
            assert_eq!(budget.gas_used(), report.gas_used);
        }
    }
}

#[test]
fn an_observer_that_panics_leaves_no_half_saga() {
    struct Panics;
    impl EclvmObserver for Panics {
        fn on_event(&self, _: &StateEvent) {
            panic!("told")
        }
    }
    let state = state();
    let before = state.view();
    let runner = SagaRunner::new(state.clone()).with_observer(Arc::new(Panics));
    let budget = Arc::new(Budget::new(BudgetLimits::SAGA));
    let trip = saga(vec![book("hotel", 1), book("airline", 2), book("shut", 3)]);
    let run = std::panic::AssertUnwindSafe(|| runner.run_on(&trip, &budget));
    assert!(std::panic::catch_unwind(run).is_err());
    assert!(same_content(&before, &state.view()));
    assert_eq!(budget.snapshot().gas_reserved, 0);
    let mana = Arc::new(ManaTable::new(u64::MAX));
    let runner = SagaRunner::new(state).with_observer(Arc::new(Panics)).with_mana(mana.clone());
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runner.run(&trip))).is_err());
    let rate = ManaRate::of_reliability(0.1);
    assert_eq!(mana.level(A, &rate, 0), rate.capacity() - 2 * 32 - 30, "and it is paid for");
}

#[test]
fn names_that_are_no_realms_are_not_registered() {
    let gas = Arc::new(MultiGas::new(8));
    let runner = SagaRunner::new(state()).with_multigas(gas.clone());
    assert_eq!(failed(&runner.run(&saga(vec![book("nowhere", 1)]))), (0, &StepFailure::UnknownRealm));
    assert_eq!(gas.find("nowhere"), None);
    assert_eq!(gas.snapshot().process.mana, 30);
}

#[test]
fn what_cannot_be_undone_is_reported_and_the_rest_is_undone() {
    let state = state();
    let runner = SagaRunner::new(state.clone());
    // The money of the second step is spent by the third; the fourth fails.
    let give = |from: &str, to: &str, n| Step::new("hotel", vec![pay(from, to, n)], vec![pay(to, from, n)]);
    let spent = Step::new("hotel", vec![pay(B, "did:x:c", 60)], vec![]);
    let trip = saga(vec![book("airline", 1), give(A, B, 50), spent, give(A, B, 1_000)]);
    let report = runner.run(&trip);
    let left = vec![Undone { step: 1, why: StepFailure::NotAllowed { write: 0 } }];
    let why = StepFailure::NotAllowed { write: 0 };
    assert_eq!(report.end, SagaEnd::Incomplete { failed: 3, why, left });
    assert_eq!(report.compensated, [2, 0]);
    assert_eq!(balances(&state).iter().sum::<i128>(), 150);
    // Five writes that were tried, a crossing, and the first step's compensation; the one that failed is not paid.
    assert_eq!(report.gas_used, 61 + 20 + 50 + 50 + 50 + 60);
}

#[test]
fn a_realm_that_is_quarantined_meanwhile_is_still_undone() {
    struct Quarantine(Arc<UnifiedState>);
    impl EclvmObserver for Quarantine {
        fn on_event(&self, progress: &StateEvent) {
            if matches!(progress, StateEvent::SagaProgress { step: 0, state: SagaStep::Done, .. }) {
                let mut transaction = self.0.begin();
                let change = RealmChange::Quarantined(true);
                transaction.push(StateEvent::RealmChanged { realm_id: "hotel".into(), change }).unwrap();
                assert!(self.0.commit(&transaction).is_success());
            }
        }
    }
    let state = state();
    let runner = SagaRunner::new(state.clone()).with_observer(Arc::new(Quarantine(state.clone())));
    let report = runner.run(&saga(vec![book("hotel", 1), book("airline", 2), book("hotel", 3)]));
    assert_eq!(failed(&report), (2, &StepFailure::Quarantined));
    assert_eq!(report.compensated, [1, 0]);
    assert_eq!(balances(&state), [100, 50, 0]);
}

#[test]
fn mana_is_lent_by_the_callers_account() {
    let (mana, state) = (Arc::new(ManaTable::new(0)), state());
    struct Still;
    impl Clock for Still {
        fn now_ns(&self) -> u64 {
            0
        }
    }
    let runner = SagaRunner::new(state).with_mana(mana.clone()).with_clock(Arc::new(Still));
    let rate = ManaRate::of_reliability(0.1);
    let trip = saga(vec![book("hotel", 1), book("airline", 2)]);
    assert!(runner.run(&trip).completed());
    assert_eq!(mana.level(A, &rate, 0), rate.capacity() - 64);
    mana.try_spend(A, &rate, 0, rate.capacity() - 64 - 40).unwrap();
    assert_eq!(failed(&runner.run(&trip)), (1, &StepFailure::Exhausted(Exhaustion::OutOfMana)));
    assert_eq!(mana.level(A, &rate, 0), 8);
    mana.try_spend(A, &rate, 0, 8).unwrap();
    let SagaEnd::NotBegun { reason: None, retry_after_ns } = runner.run(&trip).end else { panic!() };
    assert!(retry_after_ns > 0 && retry_after_ns < 10_000_000);
}

#[test]
fn sagas_that_can_never_be_are_refused_before_they_begin() {
    let new = |caller: &str, steps| Saga::new("s", caller, steps).unwrap_err();
    let with = |write: SagaWrite| vec![Step::new("hotel", vec![], vec![write])];
    assert_eq!(new("nobody", vec![book("hotel", 1)]), SagaError::Caller);
    assert_eq!(new(A, vec![]), SagaError::Empty);
    assert_eq!(new(A, vec![book("", 1)]), SagaError::NameLength);
    assert_eq!(new(A, vec![Step::new("hotel", vec![], vec![]); 1_025]), SagaError::TooManySteps);
    assert_eq!(new(A, vec![Step::new("hotel", vec![delete("k"); 65_537], vec![])]), SagaError::TooManyWrites);
    for write in [
        put("k", f64::NAN),
        pay(A, B, 0),
        pay(A, B, i128::MIN),
        pay("a", B, 1),
        SagaWrite::UpdateTrust { did: A.into(), delta: 0.51 },
        SagaWrite::UpdateTrust { did: A.into(), delta: f64::NAN },
        SagaWrite::StorePut { key: "k".into(), value: StoreValue::Text("x".repeat(65_537).into()) },
        SagaWrite::Emit { name: "e".into(), payload: Value::Array([Value::Array([].into())].into()) },
    ] {
        assert_eq!(new(A, with(write)), SagaError::BadWrite { step: 0 });
    }
}

/// Random sagas, some of which fail somewhere, on tight budgets, while somebody else commits to the same balances:
/// balance is conserved, and where the compensations succeed, all of a saga is there or nothing of it.
#[test]
fn all_steps_or_none_and_balances_are_conserved() {
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |n: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % n
    };
    let (mut completed, mut undone, mut incomplete) = (0, 0, 0);
    let state = state();
    let runner = SagaRunner::new(state.clone());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let other = Arc::new(Budget::new(BudgetLimits::UNBOUNDED));
            let mut n = 0;
            while !over.load(Ordering::Relaxed) {
                let handle = state.handle("hotel", None, other.clone());
                let (from, to) = if n % 2 == 0 { (A, "did:x:c") } else { ("did:x:c", A) };
                let _ = handle.transfer(from, to, 1);
                let _ = handle.commit();
                n += 1;
                std::thread::yield_now();
            }
        });
        for round in 0..400_u64 {
            let steps = (0..1 + random(5)).map(|n| {
                let realm = ["hotel", "airline", "shut"][(random(9) / 4) as usize];
                let (key, amount) = (format!("{round}/{n}"), 1 + i128::from(random(40)));
                let who = [A, B];
                let (from, to) = (who[random(2) as usize], who[random(2) as usize]);
                Step::new(
                    realm,
                    vec![put(&key, 1.0), pay(from, to, amount)],
                    vec![pay(to, from, amount), delete(&key)],
                )
            });
            let trip = saga(steps.collect());
            let limits = BudgetLimits { gas_limit: 100 + random(900), ..BudgetLimits::SAGA };
            let report = runner.run_within(&trip, limits);
            let view = state.view();
            assert_eq!(balances(&state).iter().sum::<i128>(), 150);
            let there = (0..trip.steps().len())
                .filter(|n| {
                    let key = format!("{round}/{n}");
                    ["hotel", "airline"].iter().any(|realm| view.realm(realm).unwrap().stored(&key).is_some())
                })
                .count();
            match &report.end {
                SagaEnd::Completed => {
                    assert_eq!(there, trip.steps().len());
                    completed += 1;
                }
                SagaEnd::Compensated { .. } => {
                    assert_eq!((there, report.compensated.len()), (0, report.steps_done));
                    undone += 1;
                }
                SagaEnd::NotBegun { .. } => assert_eq!((there, report.gas_used), (0, 0)),
                SagaEnd::Incomplete { left, .. } => {
                    assert_eq!(there, left.len());
                    incomplete += 1;
                }
            }
            assert!(report.gas_used <= limits.gas_limit);
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(completed > 20 && undone > 20, "{completed} completed, {undone} undone, {incomplete} incomplete");
}
