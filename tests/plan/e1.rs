//! E1: what runs come to is counted, and told.

use crate::observing::{ENDS, Loud, Witness, policy, run_in, state, sums_hold};
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::fault::{Fault, Outcome};
use eclvm::kernel::gas::GasUnits;
use eclvm::observe::{EclvmObserver, PolicyExecutionObserver, PolicyRun, StateIntegrator, StateSnapshot};
use eclvm::run::{
    EclvmStateContext, PolicyRunContext, PolicyType, run_policy, run_policy_with_state_context,
};
use eclvm::state::StateEvent;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

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
    for duration_ns in [200, 300, 1_000] {
        let run = PolicyRun {
            policy_id: Some("p"),
            policy_type: PolicyType::Api,
            realm_id: None,
            outcome: Outcome::Allow,
            gas: GasUnits { compute: 7, ..GasUnits::ZERO },
            gas_used: 7,
            mana_used: 0,
            duration_ns,
        };
        integrator.on_context_started();
        integrator.on_run(&run);
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
    let executions = &state.execution.executions;
    let mine = executions.enter();
    assert_eq!(executions.snapshot().active, 1);
    mine.complete(true, 1_000_000);
    drop(executions.enter());
    let seen = executions.snapshot();
    assert_eq!((seen.total, seen.successful, seen.failed, seen.active), (5, 2, 3, 0));
    executions.eclvm_context_started("mine");
    let seen = executions.snapshot();
    assert_eq!((seen.total, seen.active), (6, 1), "started counts once");
    let before = state.execution.snapshot();
    executions.eclvm_context_completed(true, 5, 2, 3, 4);
    let after = state.execution.snapshot();
    assert_eq!((after.executions.total, after.executions.active, after.executions.successful), (6, 0, 3));
    assert_eq!(
        (after.gas.consumed, after.mana.consumed),
        (before.gas.consumed + 5, before.mana.consumed + 2)
    );
    assert_eq!(
        (seen.events, after.executions.events),
        (3, 6),
        "one of each run, and those that were reported"
    );
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
    #[cfg(feature = "multi-gas")]
    assert_eq!(state.multi_gas().process().mana, mana);
    state.execution.gas.refund(5);
    state.execution.mana.regenerate(u64::MAX);
    state.execution.mana.regenerate(u64::MAX);
    let execution = state.execution.snapshot();
    assert_eq!((execution.gas.returned, execution.mana.returned), (5, u64::MAX), "nothing wraps");
}
