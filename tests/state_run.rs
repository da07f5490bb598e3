//! Policies on a state: `plan_e3_*` are the lines of the plan's section E3, `plan_e2_*` those of E2 that this needs.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use eclvm::Policy;
use eclvm::host::StateHost;
use eclvm::kernel::budget::{Budget, BudgetLimits};
use eclvm::kernel::effects::StoreValue;
use eclvm::kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm::kernel::host::{HostInterface, StoreValueRef};
use eclvm::kernel::value::{TrustVector, Value, ValueRef};
use eclvm::run::{
    EclvmStateContext, PolicyRunContext, PolicyType, run_policy, run_policy_with,
    run_policy_with_state_context, run_policy_with_state_context_and,
};
use eclvm::state::{CommitResult, RealmChange, StateEvent, StateKey, UnifiedState, World, WriteError};
use std::sync::Arc;

const FILE: &[u8] = br#"{
  "identities": {
    "did:x:a": {"trust": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], "credentials": ["kyc"], "balance": 100, "realms": ["lab"]},
    "did:x:b": {}
  },
  "realms": {"lab": {"trust_threshold": 0.5, "store": {"k": 1}}, "other": {}}
}"#;

fn state() -> Arc<UnifiedState> {
    Arc::new(UnifiedState::with_world(World::from_json(FILE).unwrap()))
}
fn context(state: &Arc<UnifiedState>) -> EclvmStateContext {
    EclvmStateContext::new(state, PolicyRunContext::new("did:x:a", "lab", BudgetLimits::default()))
}
fn policy(source: &str) -> Policy {
    Policy::compile(source).unwrap()
}

#[test]
fn plan_e3_1_state_host_is_a_host_interface() {
    let host: Box<dyn HostInterface> = Box::new(StateHost::from(state().view()));
    assert_eq!(host.version(), 1);
    assert!(host.is_fast());
    assert_eq!(host.trust("did:x:nobody").unwrap(), None, "missing is not an error");
    assert!(host.store_get("nowhere", "k").is_err(), "and an error is not missing");
}

#[test]
fn plan_e3_2_reads_come_from_the_view_in_all_six_dimensions() {
    let state = state();
    let host = StateHost::from(state.view());
    assert_eq!(host.trust("did:x:a").unwrap(), Some(TrustVector([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])));
    for source in [
        "trust.r == 0.9 && trust.i == 0.8 && trust.c == 0.7 && trust.p == 0.6 && trust.v == 0.5 && trust.omega == 0.4",
        "has_credential(caller, \"kyc\") && !has_credential(caller, \"age\")",
        "resolve_did(caller) && !resolve_did(did:x:nobody)",
        "get_balance(caller) == 100 && get_balance(did:x:nobody) == 0",
        "is_member(caller) && !is_member(did:x:b) && member_count() == 1 && trust_threshold() == 0.5",
        "store_get_number(\"k\") == 1",
        "load_trust(did:x:b).r == 0.1 && load_trust(did:x:nobody).omega == 0.1",
    ] {
        let context = context(&state);
        // What others commit meanwhile is not seen.
        let meanwhile = state.handle("lab", None, context.budget().clone());
        meanwhile.update_trust("did:x:a", 0.05).unwrap();
        meanwhile.store_put("k", 2.0).unwrap();
        let result = run_policy_with_state_context(&policy(source), &context).unwrap();
        assert!(result.passed(), "{source}: {:?}", result.receipt);
        meanwhile.rollback();
    }
}

#[test]
fn plan_e3_3_writes_are_in_the_handle_and_visible_after_commit() {
    let state = state();
    let context = context(&state);
    let writes = policy(
        "policy p { store_put(\"seen\", true); store_delete(\"k\"); update_trust(caller, -0.1); \
         cast_vote(\"q\", true); emit \"done\", 1; }",
    );
    let result = run_policy_with_state_context(&writes, &context).unwrap();
    assert!(result.passed());
    assert_eq!(result.gas_used, context.budget().gas_used(), "applying them is not charged again");
    let handle = context.handle();
    assert_eq!(handle.store_get("seen"), Ok(Some(StoreValue::Bool(true))));
    assert_eq!(handle.store_get("k"), Ok(None));
    assert_eq!(state.view().realm("lab").unwrap().stored("seen"), None);
    // The next run in this context sees them too.
    let next =
        policy("store_get_bool(\"seen\") == true && store_get_number(\"k\") == null && trust.r < 0.85");
    assert!(run_policy_with_state_context(&next, &context).unwrap().passed());
    let committed = context.commit();
    assert_eq!(committed, CommitResult::Success { events_applied: 5, keys_written: 4, version: 2 });
    let view = state.view();
    let lab = view.realm("lab").unwrap();
    assert_eq!(lab.stored("seen"), Some(StoreValueRef::Bool(true)));
    assert_eq!((lab.stored("k"), lab.vote("q", "did:x:a")), (None, Some(true)));
    assert_eq!(context.view().version(), 1);
    assert_eq!(context.commit(), CommitResult::AlreadyCommitted);
    assert_eq!(run_policy_with_state_context(&writes, &context), Err(WriteError::Closed));
}

#[test]
fn plan_e3_4_run_policy_with_state_context_leaves_no_writes_unless_allowed() {
    let state = state();
    for (source, limits, outcome) in [
        ("policy p { store_put(\"k\", 2); require false; }", BudgetLimits::default(), Outcome::Deny),
        (
            "policy p { store_put(\"k\", 2); let z = 0; require 1 / z > 0; }",
            BudgetLimits::default(),
            Outcome::Fault(Fault::DivisionByZero),
        ),
        (
            "policy p { store_put(\"k\", 2); while true { } }",
            BudgetLimits { gas_limit: 500, ..BudgetLimits::default() },
            Outcome::Exhausted(Exhaustion::OutOfGas),
        ),
        (
            "policy p { store_put(\"k\", 2); store_put(\"l\", 2); }",
            BudgetLimits { mana_limit: 3, ..BudgetLimits::default() },
            Outcome::Exhausted(Exhaustion::OutOfMana),
        ),
        (
            "fn f(n: number) -> number { return f(n + 1); } policy p { store_put(\"k\", 2); require f(0) > 0; }",
            BudgetLimits { max_stack_depth: 8, ..BudgetLimits::default() },
            Outcome::Exhausted(Exhaustion::StackOverflow),
        ),
    ] {
        let context = EclvmStateContext::new(&state, PolicyRunContext::new("did:x:a", "lab", limits));
        let result = run_policy_with_state_context(&policy(source), &context).unwrap();
        assert_eq!(result.receipt.outcome, outcome, "{source}");
        assert!(result.duration_us > 0.0);
        assert_eq!(result.gas_used, context.budget().gas_used());
        assert_eq!(context.handle().store_get("k"), Ok(Some(StoreValue::Number(1.0))));
        let committed = context.commit();
        match outcome {
            Outcome::Exhausted(reason) => assert_eq!(committed, CommitResult::BudgetExhausted(reason)),
            _ => assert!(matches!(committed, CommitResult::Success { events_applied: 0, .. })),
        }
    }
    assert_eq!(state.view().version(), 1);
}

#[test]
fn plan_e3_4_inputs_and_values() {
    let state = state();
    let context = context(&state);
    let sum = policy("amount + get_balance(caller)");
    let inputs = [ValueRef::Number(11.0)];
    let result = run_policy_with_state_context_and(&sum, &inputs, &context).unwrap();
    assert_eq!(result.value, Some(Value::Number(111.0)));
    let missing = run_policy_with_state_context(&sum, &context).unwrap();
    assert_eq!(missing.receipt.outcome, Outcome::Fault(Fault::MissingInput));
}

#[test]
fn plan_e3_6_the_documents_say_which_host_is_for_what() {
    let document = include_str!("../docs/embedding.md");
    assert!(document.contains("`ErynoaHost` is for production"));
    assert!(document.contains("`StateHost` is for tests and state-only use"));
}

#[test]
fn what_a_run_read_counts_as_read() {
    let writes = policy("policy p { require member_count() < 2; store_put(\"joined\", true); }");
    let reads = policy("get_balance(caller) >= 50");
    let mean =
        policy("policy p { require (get_metric(\"trust.avg\") ?? 0) < 0.9; store_put(\"low\", true); }");
    let member = StateEvent::RealmChanged {
        realm_id: "lab".into(),
        change: RealmChange::Member { did: "did:x:b".into(), member: true },
    };
    let transfer = StateEvent::Transferred { from: "did:x:a".into(), to: "did:x:b".into(), amount: 99 };
    for (policy, event, key) in [
        (&writes, &member, StateKey::Members("lab".into())),
        (&reads, &transfer, StateKey::Balance("did:x:a".into())),
        (
            &mean,
            &StateEvent::TrustUpdate {
                did: "did:x:b".into(),
                delta: 0.0,
                new: TrustVector([1.0; 6]),
                reason: eclvm::state::TrustReason::Administration,
                realm_id: None,
            },
            StateKey::AllTrust,
        ),
    ] {
        let state = state();
        let context = context(&state);
        let handle = context.handle();
        assert!(run_policy_with_state_context(policy, &context).unwrap().passed());
        handle.store_put("decided", true).unwrap();
        let mut other = state.begin();
        other.push(event.clone()).unwrap();
        assert!(state.commit(&other).is_success());
        assert_eq!(handle.commit(), CommitResult::Conflict { keys: vec![key] });
    }
}

#[test]
fn plan_e2_1_and_6_contexts() {
    let of = |context: &PolicyRunContext| {
        (context.caller_did.to_string(), context.realm_id.to_string(), *context.budget.limits())
    };
    let who = || ("did:x:a".to_owned(), "lab".to_owned());
    let small = BudgetLimits::MINIMAL;
    let new = PolicyRunContext::new("did:x:a", "lab", small);
    assert_eq!(of(&new), (who().0, who().1, small));
    let gas = PolicyRunContext::with_gas_limit("did:x:a", "lab", 77);
    assert_eq!(gas.budget.limits().gas_limit, 77);
    let budget = Arc::new(Budget::new(small));
    let shared = PolicyRunContext::with_budget("did:x:a", "lab", budget.clone());
    assert!(Arc::ptr_eq(&shared.budget, &budget));
    assert_eq!(of(&PolicyRunContext::with_budget("did:x:a", "lab", small)), of(&new));
    let named = new.of_policy("entry", PolicyType::Crossing);
    assert_eq!((named.policy_id.as_deref(), named.policy_type), (Some("entry"), PolicyType::Crossing));
}

#[test]
fn plan_e2_2_the_budget_alone_pays() {
    let state = state();
    let host = StateHost::from(state.view());
    let budget = Arc::new(Budget::new(BudgetLimits { gas_limit: 19, ..BudgetLimits::default() }));
    let context = PolicyRunContext::with_budget("did:x:a", "lab", budget.clone()).at(5.0);
    let reads = policy("trust.r >= 0.5 && now == 5");
    let first = run_policy(&reads, Some(&host), &context);
    assert!(first.passed() && first.gas_used == budget.gas_used() && first.gas_used > 8);
    let second = run_policy(&reads, Some(&host), &context);
    assert_eq!(second.receipt.outcome, Outcome::Exhausted(Exhaustion::OutOfGas));
    assert_eq!(first.gas_used + second.gas_used, budget.gas_used());
    assert_eq!(budget.snapshot().reason, Some(Exhaustion::OutOfGas));
    assert!(second.duration_us > 0.0);
    let writes = policy("policy p { store_put(\"k\", 1); }");
    let context = PolicyRunContext::new("did:x:a", "lab", BudgetLimits::default());
    let refused = run_policy(&writes, Some(&host), &context);
    assert_eq!(refused.receipt.outcome, Outcome::Fault(Fault::EffectNotAllowed));
}

#[test]
fn plan_e2_4_depth_and_time_are_the_budgets_too() {
    let limits = BudgetLimits { timeout_ms: 10, ..BudgetLimits::UNBOUNDED };
    let context = PolicyRunContext::new("", "", limits);
    let result = run_policy(&policy("policy p { while true { } }"), None, &context);
    assert_eq!(result.receipt.outcome, Outcome::Exhausted(Exhaustion::Timeout));
    assert_eq!(context.budget.exhausted(), Some(Exhaustion::Timeout));
    assert!(result.duration_us >= 10_000.0);
    let nobody = run_policy(&policy("caller == did:x:a"), None, &PolicyRunContext::new("", "", limits));
    assert_eq!(nobody.receipt.outcome, Outcome::Fault(Fault::MissingInput));
    let no_did = run_policy(&policy("caller == did:x:a"), None, &PolicyRunContext::new("alice", "", limits));
    assert_eq!(no_did.receipt.outcome, Outcome::Fault(Fault::TypeMismatch));
    let sum = run_policy_with(
        &policy("a + 1"),
        &[ValueRef::Number(1.0)],
        None,
        &PolicyRunContext::new("", "", limits),
    );
    assert_eq!(sum.value, Some(Value::Number(2.0)));
}
