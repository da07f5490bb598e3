//! What a run on a state read counts as read by its transaction.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use eclvm::Policy;
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::value::TrustVector;
use eclvm::run::{EclvmStateContext, PolicyRunContext, run_policy_with_state_context};
use eclvm::state::{CommitResult, RealmChange, StateEvent, StateKey, UnifiedState, World};
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
