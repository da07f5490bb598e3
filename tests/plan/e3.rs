//! E3: policies on a state.

use eclvm::Policy;
use eclvm::gateway::{EclEntrypoints, EntrypointError, EntrypointKind};
use eclvm::host::StateHost;
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::effects::StoreValue;
use eclvm::kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm::kernel::host::{HostInterface, StoreValueRef};
use eclvm::kernel::value::{TrustVector, Value, ValueRef};
use eclvm::run::{
    EclvmStateContext, PolicyRunContext, PolicyType, run_policy_with_state_context,
    run_policy_with_state_context_and,
};
use eclvm::state::{CommitResult, UnifiedState, World, WriteError};
use std::collections::BTreeSet;
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
fn run_context() -> PolicyRunContext {
    PolicyRunContext::new("did:x:a", "lab", BudgetLimits::default())
}
fn context(state: &Arc<UnifiedState>) -> EclvmStateContext {
    EclvmStateContext::new(state, run_context())
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
    let context = context(&state());
    assert_eq!(StateHost::new(&context).view().version(), context.view().version(), "made of a context");
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
    let document = include_str!("../../docs/embedding.md");
    assert!(document.contains("`ErynoaHost` is for production"));
    assert!(document.contains("`StateHost` is for tests and state-only use"));
}

#[test]
fn plan_e3_5_entry_points_run_with_a_host_or_on_a_state() {
    let state = state();
    let entrypoints = EclEntrypoints::new();
    for kind in EntrypointKind::ALL {
        entrypoints.register(kind, "/trusted", policy("trust.r >= 0.9")).unwrap();
        entrypoints.register(kind, "/above", policy("trust.r >= at_least")).unwrap();
        entrypoints.register(kind, "/seen", policy("policy p { store_put(\"seen\", true); }")).unwrap();
    }
    type WithHost = fn(&EclEntrypoints, &str, &StateHost) -> Result<bool, EntrypointError>;
    type WithState = fn(&EclEntrypoints, &str, &EclvmStateContext) -> Result<bool, EntrypointError>;
    macro_rules! with {
        ($($run:ident $with_state:ident)+) => {
            (
                [$(|e, route, host| {
                    e.$run(route, Some(host), &run_context()).map(|result| result.passed())
                }),+],
                [$(|e, route, on| e.$with_state(route, on, None).map(|result| result.passed())),+],
            )
        };
    }
    let host = StateHost::new(state.view());
    let all: ([WithHost; 5], [WithState; 5]) = with!(
        run_api run_api_with_state
        run_ui run_ui_with_state
        run_datalogic run_datalogic_with_state
        run_governance run_governance_with_state
        run_controller run_controller_with_state
    );
    for ((run, on_state), kind) in all.0.into_iter().zip(all.1).zip(EntrypointKind::ALL) {
        let before = state.eclvm.snapshot().by_type[kind.policy_type() as usize];
        assert_eq!(run(&entrypoints, "/trusted", &host), Ok(true));
        let unknown = || EntrypointError::UnknownRoute { kind, route: "/nowhere".into() };
        assert_eq!(run(&entrypoints, "/nowhere", &host), Err(unknown()));
        assert_eq!(run(&entrypoints, "/seen", &host), Ok(false), "a host grants no writes");
        let above = |than: f64| {
            let inputs = [ValueRef::Number(than)];
            entrypoints.run(kind, "/above", &inputs, Some(&host), &run_context()).unwrap().passed()
        };
        assert_eq!((above(0.9), above(0.91)), (true, false));
        let context = EclvmStateContext::new(&state, run_context());
        assert_eq!(on_state(&entrypoints, "/trusted", &context), Ok(true));
        assert_eq!(on_state(&entrypoints, "/nowhere", &context), Err(unknown()));
        assert_eq!(on_state(&entrypoints, "/seen", &context), Ok(true), "a context does");
        assert_eq!(state.eclvm.snapshot().by_type[kind.policy_type() as usize], before + 2);
        assert_ne!(kind.policy_type(), PolicyType::Custom);
    }
    let types: BTreeSet<PolicyType> = EntrypointKind::ALL.map(EntrypointKind::policy_type).into();
    assert_eq!(types.len(), 5);
}

#[test]
fn plan_e3_5_what_a_route_writes_is_in_the_contexts_handle() {
    let state = state();
    let entrypoints = EclEntrypoints::new();
    entrypoints
        .register(EntrypointKind::Api, "/seen", policy("policy p { store_put(\"seen\", true); }"))
        .unwrap();
    entrypoints.register(EntrypointKind::Ui, "/look", policy("store_get_bool(\"seen\") ?? false")).unwrap();
    let context = EclvmStateContext::new(&state, run_context());
    let look = || entrypoints.run_ui_with_state("/look", &context, None).unwrap().passed();
    assert!(!look());
    let ran = entrypoints.run_api_with_state("/seen", &context, None).unwrap();
    assert!(ran.passed());
    assert!(look(), "the next route sees it in the same context");
    assert!(state.view().realm("lab").unwrap().stored("seen").is_none());
    assert!(context.commit().is_success());
    assert_eq!(state.view().realm("lab").unwrap().stored("seen"), Some(StoreValueRef::Bool(true)));
    assert_eq!(context.run.policy_type, PolicyType::Custom, "the caller's context is as it was");
    let closed = entrypoints.run_api_with_state("/seen", &context, None);
    assert_eq!(closed, Err(EntrypointError::Write(WriteError::Closed)));
}

#[test]
fn plan_e3_2_a_view_tells_trust_identities_and_realms() {
    let view = state().view();
    let a = view.get_identity("did:x:a").unwrap();
    assert_eq!((&**a.did, a.balance(), a.trust().0[5]), ("did:x:a", 100, 0.4));
    assert!(a.has_credential("kyc") && !a.has_credential("age"));
    assert_eq!(view.get_trust("did:x:b"), Some(TrustVector::uniform(0.1)));
    assert_eq!(view.get_realm("lab").map(|realm| realm.member_count()), Some(1));
    assert!(view.get_identity("did:x:c").is_none() && view.get_trust("did:x:c").is_none());
    assert!(view.get_realm("nowhere").is_none());
}

#[test]
fn plan_e3_3_a_write_handle_of_its_own_commits_by_itself() {
    let state = state();
    let context = context(&state);
    for value in [1.0, 2.0] {
        let handle = context.create_write_handle().unwrap();
        handle.store_put("n", value).unwrap();
        assert!(handle.commit().is_success(), "it begins on the current version");
    }
    assert_eq!(state.view().realm("lab").unwrap().stored("n"), Some(StoreValueRef::Number(2.0)));
    assert_eq!(context.budget().gas_used(), 22, "the context's budget pays");
    let nowhere =
        EclvmStateContext::new(&state, PolicyRunContext::new("", "nowhere", BudgetLimits::default()));
    assert_eq!(nowhere.create_write_handle().err(), Some(WriteError::UnknownRealm("nowhere".into())));
}
