//! Section 1: what the states and the context hold.

use crate::observing::{run_in, state, sums_hold};
use eclvm::kernel::budget::BudgetLimits;
use eclvm::observe::{EclvmObserver, StateIntegrator};
use eclvm::run::{EclvmStateContext, PolicyRunContext};
use eclvm::state::{BlueprintStep, SagaStep, StateEvent};
use std::sync::Arc;

#[test]
fn plan_architecture_execution_state_is_gas_mana_and_executions() {
    let state = state();
    run_in(&state, "1 < 2", 100, 10); // 1 gas
    run_in(&state, "policy p { store_put(\"k\", 2); }", 100, 10); // 11 Storage, 1 Compute, 2 mana
    run_in(&state, "policy p { while true { } }", 30, 10);
    run_in(&state, "policy p { store_put(\"k\", 2); }", 100, 0);
    let execution = &state.execution;
    execution.gas.consume(1_000);
    execution.gas.refund(7);
    execution.gas.limit_hit();
    execution.mana.consume(500);
    execution.mana.regenerate(9);
    execution.mana.limit_hit();
    let (gas, mana) = (execution.gas.snapshot(), execution.mana.snapshot());
    let eclvm = state.eclvm.snapshot();
    assert_eq!((gas.consumed, gas.returned, gas.limit_hits), (eclvm.total_gas + 1_000, 7, 2));
    assert_eq!((mana.consumed, mana.returned, mana.limit_hits), (eclvm.total_mana + 500, 9, 2));
    assert!(eclvm.total_gas >= 1 + 12 + 30 && eclvm.total_mana == 2, "{eclvm:?}");
    let _active = execution.executions.enter();
    let seen = execution.executions.snapshot();
    assert_eq!((seen.active, seen.total, seen.successful, seen.failed), (1, 5, 2, 2));
    assert!(seen.avg_time_ms > 0.0);
    let all = execution.snapshot();
    assert_eq!((all.gas, all.mana, all.executions), (gas, mana, seen));
}

#[test]
fn plan_architecture_context_is_a_view_a_handle_and_a_budget() {
    let state = state();
    let run = PolicyRunContext::new("did:x:a", "lab", BudgetLimits::MINIMAL);
    let context = EclvmStateContext::new(&state, run);
    assert_eq!(context.view().version(), state.view().version());
    assert_eq!((context.realm(), context.get_trust("did:x:a")), ("lab", state.view().get_trust("did:x:a")));
    let limits = *context.budget().limits();
    assert_eq!((limits.gas_limit, limits.mana_limit, limits.timeout_ms), (10_000, 100, 100));
    let handle = context.handle();
    assert!(Arc::ptr_eq(handle.budget(), context.budget()), "one budget pays for all");
    assert_eq!((handle.realm(), handle.caller()), ("lab", Some("did:x:a")));
    handle.store_put("k", 2.0).unwrap();
    assert_eq!(context.budget().gas_used(), 11);
    assert!(
        state.view().get_realm("lab").unwrap().stored("k")
            == context.view().realm("lab").unwrap().stored("k")
    );
    assert!(context.commit().is_success());
    assert!(
        state.view().get_realm("lab").unwrap().stored("k")
            != context.view().realm("lab").unwrap().stored("k")
    );
}

#[cfg(feature = "multi-gas")]
#[test]
fn plan_architecture_multi_gas_has_four_layers() {
    use eclvm::kernel::gas::GasLayer;
    let state = state();
    run_in(
        &state,
        "policy p { require trust.r > 0; require cross_realm(\"other\"); store_put(\"k\", 2); }",
        1_000,
        10,
    );
    let used = state.multi_gas().process().gas;
    assert_eq!(GasLayer::ALL.map(GasLayer::name), ["network", "compute", "storage", "realm"]);
    assert!(GasLayer::ALL.iter().all(|&layer| used[layer] > 0), "{used:?}");
    assert_eq!((used.storage, used.realm), (11, 20));
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
