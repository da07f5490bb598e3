//! Observation of runs: `plan_e1_*` and `plan_e6_*` are the lines of the plan's sections E1 and E6.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions};
use eclvm::kernel::budget::{Budget, BudgetLimits};
use eclvm::kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm::kernel::host::{EntryPolicy, HostInterface, HostResult, RealmFacts, StoreValueRef};
use eclvm::kernel::request::Request;
use eclvm::kernel::value::{Did, TrustVector, ValueRef};
use eclvm::observe::{Checkpoint, StateSnapshot};
use eclvm::observe::{
    DeltaType, EclvmObserver, EventLog, Observation, PolicyExecutionObserver, RecvError, Replay, ReplayError,
    StateComponent, StateDelta, StateIntegrator, TryRecvError,
};
use eclvm::run::{
    EclvmStateContext, ExecutionResult, PolicyRunContext, PolicyType, run_policy,
    run_policy_with_state_context,
};
use eclvm::state::{BlueprintStep, SagaStep, StateEvent, UnifiedState, World, same_content};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

const FILE: &[u8] = br#"{
  "identities": {"did:x:a": {"trust": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], "balance": 100}, "did:x:b": {}},
  "realms": {"lab": {"store": {"k": 1}}, "other": {}}
}"#;
/// One of each outcome, and of the reasons that have a place of their own in what is counted.
const ENDS: [(&str, u64, u64, Outcome); 6] = [
    ("trust.r >= 0.5", 1_000, 10, Outcome::Allow),
    ("trust.r >= 0.95", 1_000, 10, Outcome::Deny),
    ("policy p(x: number) { require x > 0; }", 1_000, 10, Outcome::Fault(Fault::MissingInput)),
    ("policy p { let z = 0; require 1 / z > 0; }", 1_000, 10, Outcome::Fault(Fault::DivisionByZero)),
    ("policy p { while true { } }", 100, 10, Outcome::Exhausted(Exhaustion::OutOfGas)),
    ("policy p { store_put(\"k\", 2); }", 1_000, 0, Outcome::Exhausted(Exhaustion::OutOfMana)),
];

fn state() -> Arc<UnifiedState> {
    Arc::new(UnifiedState::with_world(World::from_json(FILE).unwrap()))
}
fn policy(source: &str) -> Policy {
    Policy::compile(source).unwrap_or_else(|error| panic!("{source}: {error}"))
}
fn limits(gas_limit: u64, mana_limit: u64) -> BudgetLimits {
    BudgetLimits { gas_limit, mana_limit, ..BudgetLimits::default() }
}
fn run_in(state: &Arc<UnifiedState>, source: &str, gas: u64, mana: u64) -> ExecutionResult {
    let run = PolicyRunContext::new("did:x:a", "lab", limits(gas, mana));
    let context = EclvmStateContext::new(state, run.of_policy("door", PolicyType::Governance));
    run_policy_with_state_context(&policy(source), &context).unwrap()
}
/// What has to hold in every snapshot.
fn sums_hold(StateSnapshot { eclvm, execution }: &StateSnapshot) {
    let four =
        eclvm.policies_passed + eclvm.policies_denied + eclvm.policies_faulted + eclvm.policies_exhausted;
    assert_eq!(eclvm.policies_executed, four);
    assert_eq!(eclvm.policies_executed, eclvm.by_type.iter().sum::<u64>());
    assert_eq!(eclvm.policies_executed, eclvm.latency.as_ref().unwrap().len());
    assert_eq!(eclvm.policies_executed, eclvm.gas.as_ref().unwrap().len());
    let realms = || eclvm.realms.values().chain([&eclvm.overflow]);
    assert_eq!(eclvm.policies_executed, realms().map(|realm| realm.policies_executed).sum::<u64>());
    assert_eq!(eclvm.policies_denied, realms().map(|realm| realm.policies_denied).sum::<u64>());
    assert_eq!(eclvm.total_gas, realms().map(|realm| realm.gas).sum::<u64>());
    assert_eq!(eclvm.total_mana, realms().map(|realm| realm.mana).sum::<u64>());
    assert_eq!(eclvm.time_ns, realms().map(|realm| realm.time_ns).sum::<u64>());
    let all = execution.executions;
    assert_eq!(all.total, all.active + all.successful + all.failed);
    assert_eq!(all.successful, eclvm.policies_passed);
    assert_eq!((execution.gas.consumed, execution.mana.consumed), (eclvm.total_gas, eclvm.total_mana));
}

/// Writes down whom it is told of.
#[derive(Default)]
struct Witness(Mutex<Vec<String>>);

impl EclvmObserver for Witness {
    fn on_policy_executed(
        &self,
        policy_id: &str,
        policy_type: PolicyType,
        passed: bool,
        gas_used: u64,
        mana_used: u64,
        duration_us: f64,
        realm_id: Option<&str>,
    ) {
        assert!(duration_us > 0.0);
        let told = format!("{policy_id} {policy_type:?} {passed} {gas_used} {mana_used} {realm_id:?}");
        self.0.lock().unwrap().push(told);
    }
    fn on_crossing_policy_evaluated(
        &self,
        caller: &str,
        from_realm: Option<&str>,
        to_realm: &str,
        allowed: bool,
        mana_used: u64,
    ) {
        self.0.lock().unwrap().push(format!("{caller} {from_realm:?} {to_realm} {allowed} {mana_used}"));
    }
}

/// Does something when asked about trust, and panics.
struct Loud<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync> HostInterface for Loud<F> {
    fn version(&self) -> u64 {
        1
    }
    fn trust(&self, _: &str) -> HostResult<Option<TrustVector>> {
        (self.0)();
        panic!("on purpose");
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

#[test]
fn plan_e1_1_duration_us_is_set_whatever_the_outcome() {
    let state = state();
    for (source, gas, mana, outcome) in ENDS {
        let result = run_in(&state, source, gas, mana);
        assert_eq!(result.receipt.outcome, outcome, "{source}");
        assert!(result.duration_us > 0.0);
    }
    let logged = state.event_log.events_since(0).events;
    let times = logged.iter().map(|logged| match *logged.event {
        StateEvent::PolicyEvaluated { duration_us, .. } => duration_us,
        _ => panic!("{logged:?}"),
    });
    assert!(times.clone().count() == ENDS.len() && times.clone().all(|us| us > 0.0));
}

#[test]
fn plan_e1_2_an_observer_is_told_of_every_run_and_every_crossing() {
    let witness = Arc::new(Witness::default());
    let context = PolicyRunContext::new("did:x:a", "lab", BudgetLimits::default());
    let context = context
        .of_policy("door", PolicyType::Crossing)
        .observed_by(witness.clone() as Arc<dyn EclvmObserver>);
    assert_eq!(run_policy(&policy("1 < 2"), None, &context).gas_used, 1);
    let nameless = PolicyRunContext { policy_id: None, realm_id: "".into(), ..context.clone() };
    run_policy(&policy("1 > 2"), None, &nameless);
    let loud =
        catch_unwind(AssertUnwindSafe(|| run_policy(&policy("trust.r > 0"), Some(&Loud(|| ())), &context)));
    assert!(loud.is_err());
    let gateway: &dyn PolicyExecutionObserver = &*witness;
    gateway.on_crossing_policy_evaluated("did:x:a", None, "lab", true, 50);
    let told = witness.0.lock().unwrap();
    assert_eq!(
        *told,
        [
            "door Crossing true 1 0 Some(\"lab\")",
            "unknown Crossing false 1 0 None",
            "door Crossing false 0 0 Some(\"lab\")",
            "did:x:a None lab true 50"
        ]
    );
}

#[test]
fn plan_e1_2_a_given_observer_takes_the_place_of_the_states() {
    let (state, witness) = (state(), Arc::new(Witness::default()));
    let run = PolicyRunContext::new("did:x:a", "lab", BudgetLimits::default()).observed_by(witness.clone());
    run_policy_with_state_context(&policy("1 < 2"), &EclvmStateContext::new(&state, run)).unwrap();
    assert_eq!((witness.0.lock().unwrap().len(), state.eclvm.snapshot().policies_executed), (1, 0));
}

#[test]
fn plan_e1_3_avg_evaluation_time_us_is_the_true_mean() {
    let state = state();
    let integrator = StateIntegrator::new(&state);
    for us in [0.2, 0.3, 1.0] {
        let tell = EclvmObserver::on_policy_executed;
        tell(&integrator, "p", PolicyType::Api, true, 7, 0, us, None);
    }
    let eclvm = state.eclvm.snapshot();
    assert_eq!((eclvm.time_ns, eclvm.avg_evaluation_time_us), (1_500, 0.5));
    assert_eq!(eclvm.realms[""].avg_evaluation_time_us(), 0.5);
    assert_eq!(eclvm.latency.unwrap().max(), 1_003, "to two digits");
}

#[test]
fn plan_e1_4_executions_follow_runs_and_active_is_right_also_after_a_panic() {
    let state = state();
    run_in(&state, "1 < 2", 100, 10);
    run_in(&state, "1 > 2", 100, 10);
    let executions = state.execution.snapshot().executions;
    assert_eq!((executions.total, executions.successful, executions.failed, executions.active), (2, 1, 1, 0));
    assert!(executions.avg_time_ms > 0.0);
    // While a run is under way it is active, and counted as started once.
    let context = PolicyRunContext::new("did:x:a", "lab", BudgetLimits::default())
        .observed_by(Arc::new(StateIntegrator::new(&state)));
    let looks = Loud(|| {
        let executions = state.execution.executions.snapshot();
        assert_eq!((executions.active, executions.total), (1, 3));
    });
    assert!(
        catch_unwind(AssertUnwindSafe(|| run_policy(&policy("trust.r > 0"), Some(&looks), &context)))
            .is_err()
    );
    let snapshot = state.snapshot();
    assert_eq!((snapshot.execution.executions.active, snapshot.execution.executions.failed), (0, 2));
    assert_eq!(snapshot.eclvm.faults[Fault::HostError as usize], 1);
    sums_hold(&snapshot);
    // Contexts of the embedder's own.
    let mine = state.execution.executions.eclvm_context_started();
    assert_eq!(state.execution.executions.snapshot().active, 1);
    mine.eclvm_context_completed(true, 1_000_000);
    drop(state.execution.executions.eclvm_context_started());
    let executions = state.execution.executions.snapshot();
    assert_eq!((executions.total, executions.successful, executions.failed, executions.active), (5, 2, 3, 0));
}

#[test]
fn plan_e1_5_gas_and_mana_are_summed() {
    let state = state();
    let (mut gas, mut mana) = (0, 0);
    for (source, gas_limit, mana_limit, _) in ENDS {
        let result = run_in(&state, source, gas_limit, mana_limit);
        gas += result.gas_used;
        mana += result.mana_used;
    }
    let result = run_in(&state, "policy p { store_put(\"k\", 2); }", 1_000, 10);
    (gas, mana) = (gas + result.gas_used, mana + result.mana_used);
    assert!(result.mana_used > 0);
    let StateSnapshot { eclvm, execution } = state.snapshot();
    assert_eq!((execution.gas.consumed, execution.mana.consumed), (gas, mana));
    assert_eq!((execution.gas.limit_hits, execution.mana.limit_hits), (1, 1));
    assert_eq!((eclvm.realms["lab"].gas, eclvm.realms["lab"].mana), (gas, mana));
    assert_eq!(state.multi_gas().process().mana, mana);
    state.execution.gas.refund(5);
    state.execution.mana.regenerate(u64::MAX);
    state.execution.mana.regenerate(u64::MAX);
    let execution = state.execution.snapshot();
    assert_eq!((execution.gas.returned, execution.mana.returned), (5, u64::MAX), "nothing wraps");
}

#[test]
fn plan_architecture_eclvm_state_counts_policies_blueprints_sagas_and_crossings_also_by_realm() {
    let state = state();
    let integrator = StateIntegrator::new(&state);
    state.eclvm.policy_compiled(true);
    state.eclvm.policy_compiled(false);
    let realm_id: Option<Arc<str>> = Some("lab".into());
    for action in [BlueprintStep::Published, BlueprintStep::Deployed, BlueprintStep::Instantiated] {
        let (blueprint, realm_id) = ("b".into(), realm_id.clone());
        integrator.record(StateEvent::BlueprintAction { blueprint, version: 1, action, realm_id });
    }
    for step in [SagaStep::Done, SagaStep::Done, SagaStep::Failed, SagaStep::Compensated, SagaStep::Completed]
    {
        let (saga, realm_id) = ("s".into(), realm_id.clone());
        integrator.record(StateEvent::SagaProgress { saga, step: 0, state: step, realm_id });
    }
    let crossing = EclvmObserver::on_crossing_policy_evaluated;
    crossing(&integrator, "did:x:a", Some("other"), "lab", true, 50);
    crossing(&integrator, "did:x:a", None, "lab", false, 50);
    let snapshot = state.snapshot();
    sums_hold(&snapshot);
    let (eclvm, lab) = (&snapshot.eclvm, &snapshot.eclvm.realms["lab"]);
    assert_eq!((eclvm.policies_compiled, eclvm.compile_errors), (1, 1));
    assert_eq!((eclvm.crossings.evaluated, eclvm.crossings.allowed, eclvm.crossings.denied), (2, 1, 1));
    assert_eq!((eclvm.sagas.processed, eclvm.sagas.successful, eclvm.sagas.steps), (2, 1, 2));
    assert_eq!((eclvm.sagas.compensations, eclvm.total_mana), (1, 100));
    let blueprints = eclvm.blueprints;
    assert_eq!((blueprints.published, blueprints.deployed, blueprints.instantiated), (1, 1, 1));
    assert_eq!((lab.blueprints, lab.crossings, lab.saga_steps), (blueprints, eclvm.crossings, 2));
}

#[test]
fn plan_e6_1_every_run_of_any_outcome_yields_one_event() {
    let state = state();
    for (at, (source, gas, mana, wanted)) in ENDS.into_iter().enumerate() {
        let result = run_in(&state, source, gas, mana);
        let found = state.event_log.events_since(at as u64);
        assert_eq!((found.events.len(), found.next), (1, at as u64 + 1), "{source}");
        let event = (*found.events[0].event).clone();
        let same = StateEvent::PolicyEvaluated {
            policy_id: Some("door".into()),
            realm_id: Some("lab".into()),
            passed: wanted == Outcome::Allow,
            policy_type: PolicyType::Governance,
            gas_used: result.gas_used,
            mana_used: result.mana_used,
            duration_us: result.duration_us,
            outcome: wanted,
        };
        assert_eq!(event, same);
    }
    sums_hold(&state.snapshot());
}

#[test]
fn plan_e6_1_a_batch_yields_one_event_a_run_in_index_order() {
    let state = state();
    let source = policy("policy p(x: number) { require 6 / x >= 2; }");
    let rows: Vec<[ValueRef<'_>; 1]> = (0..5_000).map(|n| [ValueRef::Number(f64::from(n % 5))]).collect();
    let requests: Vec<Request<'_>> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| Request {
            realm: ValueRef::Text(["lab", "other"][at / 100 % 2]),
            ..Request::new(row)
        })
        .collect();
    let mut heard = state.broadcaster.subscribe();
    let budget = Arc::new(Budget::new(limits(10_000, 10)));
    let options = BatchOptions { budget: Some(budget), ..BatchOptions::default() };
    let mut batch = Batch::new(&source, options).unwrap().observed(Observation {
        observer: Arc::new(StateIntegrator::new(&state)),
        policy_id: Some("p".into()),
        policy_type: PolicyType::Api,
        realm_id: None,
    });
    let receipts = batch.run(requests.as_slice()).unwrap();
    let logged = state.event_log.events_since(0);
    assert_eq!((logged.events.len(), logged.next, logged.missed), (5_000, 5_000, 0));
    for (at, (logged, receipt)) in logged.events.iter().zip(&receipts).enumerate() {
        let StateEvent::PolicyEvaluated { outcome, gas_used, realm_id, .. } = &*logged.event else {
            panic!()
        };
        assert_eq!((logged.seq, *outcome, *gas_used), (at as u64, receipt.outcome, receipt.cost));
        assert_eq!(realm_id.as_deref(), Some(["lab", "other"][at / 100 % 2]));
    }
    let snapshot = state.snapshot();
    sums_hold(&snapshot);
    let eclvm = &snapshot.eclvm;
    assert_eq!(
        (eclvm.policies_executed, eclvm.policies_faulted),
        (5_000, receipts.iter().filter(|r| r.outcome.name() == "fault").count() as u64)
    );
    assert!(eclvm.policies_exhausted > 0 && eclvm.policies_denied > 0 && eclvm.policies_passed > 0);
    // One delta for each chunk, and together all of the log.
    let mut next = 0;
    while let Ok(delta) = heard.try_recv() {
        assert_eq!(delta.events.start, next);
        next = delta.events.end;
    }
    assert_eq!(next, 5_000);
    // Or one for each event.
    let each = StateIntegrator::new(&state).with_delta_per_event();
    let mut batch = Batch::new(&source, BatchOptions::default()).unwrap().observed(Observation {
        observer: Arc::new(each),
        policy_id: None,
        policy_type: PolicyType::Api,
        realm_id: Some("lab".into()),
    });
    batch.run(&requests[..3]).unwrap();
    let deltas: Vec<StateDelta> = std::iter::from_fn(|| heard.try_recv().ok()).collect();
    assert_eq!(
        deltas.iter().map(|delta| delta.events.clone()).collect::<Vec<_>>(),
        [5_000..5_001, 5_001..5_002, 5_002..5_003]
    );
}

#[test]
fn plan_e6_2_the_event_log_is_bounded_counts_what_it_loses_and_has_no_gaps() {
    let state = Arc::new(UnifiedState::new().with_event_log(EventLog::new(8)));
    assert_eq!(UnifiedState::new().event_log.capacity(), 10_000);
    for _ in 0..20 {
        run_in(&state, "1 < 2", 100, 10);
    }
    let found = state.event_log.events_since(3);
    assert_eq!(
        found.events.iter().map(|logged| logged.seq).collect::<Vec<_>>(),
        (12..20).collect::<Vec<_>>()
    );
    assert_eq!((found.missed, found.dropped, found.next), (9, 0, 20));
    assert_eq!(state.event_log.stats().overwritten, 12);
    assert_eq!(state.event_log.events_since(u64::MAX).events, []);
    let event = |us: f64, passed: bool, name: &str| StateEvent::PolicyEvaluated {
        policy_id: Some(name.into()),
        realm_id: None,
        passed,
        policy_type: PolicyType::Ui,
        gas_used: u64::MAX,
        mana_used: u64::MAX,
        duration_us: us,
        outcome: Outcome::Allow,
    };
    // What five words cannot tell is told all the same.
    let long = "x".repeat(10_000);
    for event in
        [event(0.5, true, "p"), event(1e300, true, "p"), event(-0.0, false, "p"), event(1.0, true, &long)]
    {
        let seq = state.event_log.log(event.clone());
        assert_eq!(*state.event_log.events_since(seq).events[0].event, event);
    }
}

#[test]
fn plan_e6_3_a_delta_carries_the_event_as_json_and_comes_after_counters_and_log() {
    let state = state();
    run_in(&state, "1 < 2", 100, 10);
    let mut heard = state.broadcaster.subscribe();
    assert_eq!(heard.try_recv(), Err(TryRecvError::Empty), "what was before is not heard");
    let listener = {
        let state = state.clone();
        thread::spawn(move || {
            for n in 2..=50_u64 {
                let delta = heard.blocking_recv().unwrap();
                assert_eq!((delta.component, delta.delta_type), (StateComponent::ECLVM, DeltaType::Update));
                assert!(state.eclvm.snapshot().policies_executed >= n);
                assert!(
                    state.event_log.events_since(delta.events.start).events.len() as u64
                        > n - delta.events.end
                );
                let json: serde_json::Value = serde_json::from_slice(&delta.data).unwrap();
                let run = &json["PolicyEvaluated"];
                assert_eq!(run["outcome"], "exhausted");
                assert_eq!(run["reason"], "OutOfGas");
                assert_eq!(
                    (run["passed"].as_bool(), run["policy_type"].as_str()),
                    (Some(false), Some("Governance"))
                );
                assert_eq!(
                    (run["policy_id"].as_str(), run["realm_id"].as_str()),
                    (Some("door"), Some("lab"))
                );
                assert!(run["duration_us"].as_f64().unwrap() > 0.0 && run["mana_used"].as_u64() == Some(0));
            }
        })
    };
    for _ in 2..=50 {
        run_in(&state, "policy p { while true { } }", 100, 10);
    }
    listener.join().unwrap();
    assert_eq!(state.broadcaster.subscribers(), 0);
}

#[test]
fn plan_e6_4_subscribers_may_be_tasks_or_threads_and_slow_ones_are_told_what_they_missed() {
    let state = state();
    let (mut slow, mut quick) = (state.broadcaster.subscribe(), state.broadcaster.subscribe());
    let waiting = {
        let mut heard = state.broadcaster.subscribe();
        thread::spawn(move || heard.blocking_recv().unwrap().events)
    };
    let runs = eclvm::kernel::limits::DELTA_QUEUE as u64 + 10;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for n in 0..runs {
            run_in(&state, "1 > 2", 100, 10);
            assert_eq!(quick.recv().await.unwrap().events, n..n + 1);
        }
        // On the thread of a runtime too, a wait only waits.
        assert_eq!(slow.blocking_recv(), Err(RecvError::Lagged(10)));
    });
    assert_eq!(slow.blocking_recv().unwrap().events.start, 10);
    assert_eq!(waiting.join().unwrap(), 0..1);
    // A state that is gone is heard of.
    drop(state);
    while slow.blocking_recv().is_ok() {}
    assert_eq!(slow.blocking_recv(), Err(RecvError::Closed));
}

fn chance(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// One random thing that can happen to a state.
fn happen(state: &Arc<UnifiedState>, policies: &[Policy], seed: &mut u64) {
    let integrator = StateIntegrator::new(state);
    let realm = ["lab", "other", ""][chance(seed) as usize % 3];
    match chance(seed) % 8 {
        0 => {
            let rows: Vec<[ValueRef<'_>; 1]> =
                (0..chance(seed) % 40).map(|n| [ValueRef::Number(n as f64)]).collect();
            let requests: Vec<Request<'_>> = rows
                .iter()
                .map(|row| Request {
                    caller: ValueRef::Did(Did::new("did:x:a").unwrap()),
                    ..Request::new(row)
                })
                .collect();
            let mut batch =
                Batch::new(&policy("policy p(x: number) { require x < 20; }"), BatchOptions::default())
                    .unwrap()
                    .observed(Observation {
                        observer: Arc::new(integrator),
                        policy_id: Some("batch".into()),
                        policy_type: PolicyType::ALL[chance(seed) as usize % 10],
                        realm_id: Some(realm.into()),
                    });
            batch.run(requests.as_slice()).unwrap();
        }
        1 => {
            let handle = state.handle("lab", Some("did:x:a"), Arc::new(Budget::new(BudgetLimits::default())));
            handle.store_put(&format!("key {}", chance(seed) % 5), chance(seed) as f64).unwrap();
            handle.update_trust("did:x:b", (chance(seed) % 100) as f64 / 1_000.0).unwrap();
            handle.emit_event("told", eclvm::kernel::value::Value::Number(1.0)).unwrap();
            if chance(seed).is_multiple_of(4) {
                handle.rollback();
            } else {
                let _ = handle.commit();
            }
        }
        2 => EclvmObserver::on_crossing_policy_evaluated(
            &integrator,
            "did:x:a",
            None,
            realm,
            chance(seed).is_multiple_of(2),
            chance(seed) % 60,
        ),
        3 => {
            let state = [SagaStep::Done, SagaStep::Failed, SagaStep::Compensated, SagaStep::Completed]
                [chance(seed) as usize % 4];
            integrator.record(StateEvent::SagaProgress {
                saga: "s".into(),
                step: 1,
                state,
                realm_id: Some(realm.into()),
            });
        }
        _ => {
            let (source, gas, mana, _) = ENDS[chance(seed) as usize % ENDS.len()];
            let run = PolicyRunContext::new(
                "did:x:a",
                if source.contains("store") { "lab" } else { realm },
                limits(gas, mana),
            );
            let context = EclvmStateContext::new(
                state,
                run.of_policy(source, PolicyType::ALL[chance(seed) as usize % 10]),
            );
            let policy = &policies[ENDS.iter().position(|end| end.0 == source).unwrap()];
            run_policy_with_state_context(policy, &context).unwrap();
            let _ = context.commit();
        }
    }
}

#[test]
fn plan_e6_2_replaying_the_log_makes_counters_and_world_again() {
    let policies: Vec<Policy> = ENDS.iter().map(|end| policy(end.0)).collect();
    let mut seed = 0x9E37_79B9_7F4A_7C15;
    for round in 0..12 {
        let state = state();
        let mut running = Replay::from(&Checkpoint::start((**state.view().world()).clone(), 0));
        let mut checkpoint = running.checkpoint();
        for step in 0..60 {
            happen(&state, &policies, &mut seed);
            if chance(&mut seed).is_multiple_of(10) {
                running.advance(&state.event_log).unwrap();
                assert_eq!(running.snapshot(), state.snapshot(), "round {round}, step {step}");
                checkpoint = running.checkpoint();
            }
        }
        // From the start, from where it stood, and from the last checkpoint.
        let start = Checkpoint::start(World::from_json(FILE).unwrap(), 0);
        for mut replay in [Replay::from(&start), running, Replay::from(&checkpoint)] {
            replay.advance(&state.event_log).unwrap();
            assert_eq!(replay.snapshot(), state.snapshot(), "round {round}");
            assert_eq!(replay.world().version(), state.view().version());
            assert!(same_content(replay.world(), &state.view()));
            assert_eq!(replay.next(), state.event_log.next_seq());
        }
    }
}

#[test]
fn a_replay_stops_at_what_is_no_longer_there() {
    let state = Arc::new(UnifiedState::new().with_event_log(EventLog::new(4)));
    for _ in 0..9 {
        run_in(&state, "1 < 2", 100, 10);
    }
    let mut replay = Replay::from(&Checkpoint::start(World::default(), 0));
    assert_eq!(replay.advance(&state.event_log), Err(ReplayError::Gap { missing: 5 }));
    assert_eq!(replay.snapshot().eclvm.policies_executed, 0);
}

#[test]
fn sums_hold_in_every_snapshot_while_threads_run_policies() {
    let state = state();
    let policies: Vec<Policy> = ENDS.iter().map(|end| policy(end.0)).collect();
    let (stop, last) = (AtomicBool::new(false), Mutex::new(0));
    thread::scope(|scope| {
        let workers: Vec<_> = (1..=3_u64)
            .map(|thread| {
                let (state, policies) = (&state, &policies);
                scope.spawn(move || {
                    let mut seed = thread * 0x2545_F491_4F6C_DD1D;
                    (0..300).for_each(|_| happen(state, policies, &mut seed));
                })
            })
            .collect();
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let snapshot = state.snapshot();
                sums_hold(&snapshot);
                assert!(snapshot.eclvm.policies_executed >= *last.lock().unwrap(), "counters only grow");
                *last.lock().unwrap() = snapshot.eclvm.policies_executed;
            }
        });
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        stop.store(true, Ordering::Relaxed);
    });
    let snapshot = state.snapshot();
    sums_hold(&snapshot);
    assert_eq!(snapshot.execution.executions.active, 0);
    // Whoever ran with whom: the log says the same, if it still has it all.
    let mut replay = Replay::from(&Checkpoint::start(World::from_json(FILE).unwrap(), 0));
    replay.advance(&state.event_log).unwrap();
    assert_eq!(replay.snapshot(), snapshot);
    assert!(same_content(replay.world(), &state.view()));
}

/// Being told of a run may panic too; a second panic while one is under way would end the process.
#[test]
fn an_observer_that_panics_ends_nothing_but_its_run() {
    struct Bad;
    impl EclvmObserver for Bad {
        fn on_policy_executed(
            &self,
            _: &str,
            _: PolicyType,
            _: bool,
            _: u64,
            _: u64,
            _: f64,
            _: Option<&str>,
        ) {
            panic!("on purpose");
        }
    }
    let context = PolicyRunContext::new("did:x:a", "lab", BudgetLimits::default()).observed_by(Arc::new(Bad));
    let run = |host: Option<&dyn HostInterface>| {
        catch_unwind(AssertUnwindSafe(|| run_policy(&policy("trust.r > 0"), host, &context)))
    };
    assert!(run(None).is_err());
    assert!(run(Some(&Loud(|| ()))).is_err());
}

/// A world's commit is logged as a whole and in order, and a subscriber may commit when it hears of one.
#[test]
fn commits_are_events_of_the_log() {
    let state = state();
    let mut heard = state.broadcaster.subscribe();
    let handle = state.handle("lab", None, Arc::new(Budget::new(BudgetLimits::default())));
    handle.store_put("a", 1.0).unwrap();
    handle.store_put("b", 2.0).unwrap();
    assert!(handle.commit().is_success());
    let logged = state.event_log.events_since(0).events;
    let places: Vec<_> = logged.iter().map(|logged| (logged.seq, logged.version, logged.more)).collect();
    assert_eq!(places, [(0, Some(2), 1), (1, Some(2), 0)]);
    let delta = heard.try_recv().unwrap();
    assert_eq!((delta.component, delta.events), (StateComponent::World, 0..2));
    let text = String::from_utf8(delta.data.to_vec()).unwrap();
    assert_eq!(text, "{\"Events\":{\"first\":0,\"next\":2}}");
}
