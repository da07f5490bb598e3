//! Code as the plan writes it, under the plan's names.

use eclvm::plan::*;
use std::error::Error;
use std::sync::{Arc, Mutex};

/// The plan's section 5.2. Changed in two places, where it says so.
#[cfg(feature = "durable")]
#[tokio::test]
async fn plan_integration_e2e_policy_with_unified_budget() -> Result<(), Box<dyn Error>> {
    let state = Arc::new(UnifiedState::new());
    let limits = ECLVMBudgetLimits::default();
    // The plan ties this state to nothing that runs, and reads the run's counters from it all the same: a state hears of
    // runs by its observer.
    let context = PolicyRunContext::with_budget("did:test:alice", "realm:main", limits)
        .observed_by(Arc::new(StateIntegrator::new(&state)));

    let bytecode = compile_ecl("trust.r >= 0.5")?;
    // `ErynoaHost::new(storage)` in the plan, which says of no storage what it is. Here it is a directory.
    let directory = Directory::new("e2e");
    let host = ErynoaHost::open(&directory.0)?;

    let result = run_policy(&bytecode, &host, &context)?;

    // Budget korrekt konsumiert
    assert!(context.budget.gas_used() > 0);

    // ECLVMState aktualisiert
    let snapshot = state.eclvm.snapshot();
    assert!(snapshot.policies_executed > 0);
    assert!(snapshot.avg_evaluation_time_us > 0.0);

    // And what the plan's test does not ask: a stranger has not the trust, and paid what the schedule says.
    assert!(!result.passed());
    assert_eq!((context.budget.gas_used(), snapshot.policies_denied), (8, 1));
    Ok(())
}

/// A directory of its own, gone with this.
#[cfg(feature = "durable")]
struct Directory(std::path::PathBuf);

#[cfg(feature = "durable")]
impl Directory {
    fn new(name: &str) -> Directory {
        Directory(std::env::temp_dir().join(format!("eclvm-plan-{name}-{}", std::process::id())))
    }
}

#[cfg(feature = "durable")]
impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn context(state: &Arc<UnifiedState>) -> ECLVMStateContext {
    let limits = ECLVMBudgetLimits { gas_limit: 1_000, ..Default::default() };
    ECLVMStateContext::new(state, PolicyRunContext::new("did:x:a", "lab", limits))
}

/// E1.1 and E6.1: an observer with the plan's signatures.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl ECLVMObserver for Recorder {
    fn on_policy_executed(
        &self,
        policy_id: &str,
        policy_type: &str,
        passed: bool,
        gas_used: u64,
        mana_used: u64,
        duration_us: u64,
        realm_id: Option<&str>,
    ) {
        let realm = realm_id.map(|s| s.to_string());
        let told = format!("{policy_id} {policy_type} {passed} {gas_used} {mana_used} {realm:?}");
        self.0.lock().unwrap().push(told);
        assert!(duration_us > 0);
    }
}

#[test]
fn plan_names_observers_have_the_plans_signatures() -> Result<(), Box<dyn Error>> {
    let recorder = Arc::new(Recorder::default());
    let mut context = PolicyRunContext::with_gas_limit("did:test:alice", "realm:main", 77);
    context.policy_id = Some("door".into());
    let context = context.observed_by(recorder.clone());
    let host = StateHost::new(UnifiedState::new().view());
    run_policy(&compile_ecl("1 + now > 0")?, &host, &context)?;
    assert_eq!(*recorder.0.lock().unwrap(), ["door Custom true 3 0 Some(\"realm:main\")"]);
    let told: &dyn PolicyExecutionObserver = &*recorder;
    told.on_policy_executed("p", "Api", false, 1, 2, 3, None);
    assert_eq!(recorder.0.lock().unwrap().len(), 2);
    Ok(())
}

/// E1.2: a state's own integrator is told as the plan tells it, and counts what it is told.
#[test]
fn plan_names_the_integrator_counts_logs_and_broadcasts_what_it_is_told() -> Result<(), Box<dyn Error>> {
    let state = Arc::new(UnifiedState::new());
    let mut rx = state.broadcaster.subscribe();
    let integrator = StateIntegrator::new(&state);
    ECLVMObserver::on_policy_executed(&integrator, "p", "governance", true, 7, 2, 5, Some("lab"));
    let snapshot = state.eclvm.snapshot();
    assert_eq!((snapshot.policies_passed, snapshot.avg_evaluation_time_us), (1, 5.0));
    assert_eq!(snapshot.by_type[PolicyType::Governance as usize], 1);
    let execution = state.execution.snapshot();
    assert_eq!((execution.gas.consumed, execution.mana.consumed, execution.executions.total), (7, 2, 1));
    // E6.2: what a subscriber reads is the event.
    let delta = rx.try_recv()?;
    assert_eq!((delta.component, delta.delta_type), (StateComponent::ECLVM, DeltaType::Update));
    let event = serde_json::from_slice::<StateEvent>(&delta.data)?;
    assert_eq!(event, *state.event_log.events_since(0).events[0].event);
    match event.clone() {
        StateEvent::PolicyEvaluated { policy_id, passed, .. } => {
            assert!(passed && policy_id.as_deref() == Some("p"))
        }
        other => panic!("{other:?}"),
    }
    // E6.1: and it can be told again, by who makes deltas of their own.
    state.event_log.log(event.clone());
    let data = serde_json::to_vec(&event).unwrap_or_default();
    state.broadcaster.broadcast(StateDelta::new(StateComponent::ECLVM, DeltaType::Update, data.clone()));
    assert_eq!(rx.try_recv()?.data[..], data);
    Ok(())
}

#[test]
fn plan_names_of_states_contexts_hosts_and_handles() -> Result<(), Box<dyn Error>> {
    let world = eclvm::state::World::from_json(
        br#"{"identities": {"did:x:a": {"credentials": ["kyc"]}}, "realms": {"lab": {}}}"#,
    )?;
    let state = Arc::new(UnifiedState::with_world(world));
    let context = context(&state);
    let host = StateHost::new(&context);
    assert_eq!(
        context.get_trust("did:x:a").map(|_| TrustVector6D::uniform(0.1_f32)).map(|t| t.0[0] > 0.0),
        Some(true)
    );
    let holds = context.view().get_identity("did:x:a").map(|id| id.has_credential("kyc")).unwrap_or(false);
    assert!(holds && host.has_credential("did:x:a", "kyc")?);
    let config: Option<RealmConfig> = host.realm(context.realm())?;
    assert_eq!(config.map(|realm| realm.member_count), Some(0));
    if let Ok(handle) = context.create_write_handle() {
        handle.store_put("key", 1.0)?;
        assert!(handle.update_trust("did:x:a", 0.1)?);
        handle.cast_vote("proposal", true)?;
        handle.emit_event("told", Value::Null)?;
        assert!(matches!(handle.commit(), CommitResult::Success { events_applied: 4, keys_written: 3, .. }));
    }
    let guard: TransactionGuard = TransactionGuard::new(context.create_write_handle()?);
    guard.rollback();
    let events = state.event_log.events_since(0).events;
    let by_policy = |event: &StateEvent| matches!(event, StateEvent::TrustUpdate { reason: TrustReason::EclPolicy, delta, .. } if *delta == 0.1);
    assert!(events.iter().any(|logged| by_policy(&logged.event)));
    let result: ExecutionResult = run_policy_with_state_context(&compile_ecl("2")?, &context)?;
    assert_eq!(result.value, Some(Value::Number(2.0)));
    let entrypoints = EclEntrypoints::new();
    entrypoints.register(eclvm::gateway::EntrypointKind::Api, "route", compile_ecl("3")?)?;
    let value = entrypoints.run_api_with_state("route", &context, Some(100)).map(|r| r.value)?;
    assert_eq!(value, Some(Value::Number(3.0)));
    let executions: &ExecutionsState = &state.execution.executions;
    executions.eclvm_context_started("context");
    executions.eclvm_context_completed(true, 1, 2, 1, 4_000 / 1_000);
    assert_eq!((executions.snapshot().active, executions.snapshot().events), (0, 3));
    let _: (&ECLVMState, &ExecutionState, &GasState, &ManaState) =
        (&state.eclvm, &state.execution, &state.execution.gas, &state.execution.mana);
    let _: (&Broadcaster, &EventLog) = (&state.broadcaster, &state.event_log);
    Ok(())
}

#[test]
fn plan_names_of_budgets_instructions_and_gas() {
    let limits = ECLVMBudgetLimits { gas_limit: 60, mana_limit: CROSSING_MANA_COST, ..Default::default() };
    let budget = Arc::new(ECLVMBudget::new(limits));
    let (layer, cost) = OpCode::CrossRealm.gas_layer_cost();
    assert_eq!((layer, OpCode::CrossRealm.gas_cost()), (GasLayer::Realm, cost));
    assert!(budget.consume_gas(cost).is_ok() && budget.consume_mana(CROSSING_MANA_COST).is_ok());
    assert_eq!(budget.consume_mana(1), Err(BudgetExhaustionReason::OutOfMana));
    let snapshot: ECLVMBudgetSnapshot = budget.snapshot();
    assert_eq!((snapshot.gas_used, snapshot.mana_used, snapshot.gas_left), (20, 50, 40));
    assert_eq!(snapshot.reason, Some(BudgetExhaustionReason::OutOfMana));
    let program = compile_ecl("1 < 2").unwrap();
    let receipt = ECLVM::new().run(
        program.executable(),
        &eclvm::kernel::request::Request::new(&[]),
        &eclvm::kernel::request::Env { shared: Some(&budget), ..Default::default() },
    );
    assert!(!receipt.passed(), "the budget is exhausted");
    #[cfg(feature = "multi-gas")]
    {
        let multi_gas = MultiGas::default();
        multi_gas.consume(layer, cost, Some("realm:main"));
        assert_eq!(multi_gas.total_cost(), 20);
    }
}
