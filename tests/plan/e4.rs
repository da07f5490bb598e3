//! E4: the writes of a realm.

use crate::transacting::*;
use eclvm::kernel::effects::StoreValue;
use eclvm::kernel::gas::{GasUnits, Prices};
use eclvm::kernel::value::{TrustVector, Value};
use eclvm::state::{
    CommitResult, StateEvent, StateHandle, TransactionGuard, TrustReason, UnifiedState, WriteError,
    same_content,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};

#[test]
fn plan_e4_1_update_trust_costs_50_changes_the_entity_and_says_so() {
    let (state, heard) = heard();
    let handle = lab(&state);
    assert_eq!(handle.update_trust("did:x:a", 0.25), Ok(true));
    assert_eq!((handle.budget().gas_used(), handle.budget().mana_used()), (50, 0));
    let new = TrustVector([0.75, 0.75, 0.75, 0.75, 0.75, 1.0]);
    assert_eq!(handle.trust("did:x:a"), Some(new), "reads see its own writes");
    assert_ne!(state.view().trust("did:x:a"), Some(new), "others do not");
    assert_eq!(handle.update_trust("did:x:nobody", 0.25), Ok(false));
    assert!(handle.commit().is_success());
    assert_eq!(state.view().trust("did:x:a"), Some(new));
    let event = StateEvent::TrustUpdate {
        did: "did:x:a".into(),
        delta: 0.25,
        new,
        reason: TrustReason::EclPolicy,
        realm_id: Some("lab".into()),
    };
    assert_eq!(*heard.0.lock().unwrap(), [(2, vec![event])]);
}

#[test]
fn plan_e4_1_cast_vote_costs_100_and_counts_once_a_voter() {
    let (state, heard) = heard();
    let handle = lab(&state);
    handle.cast_vote("p", true).unwrap();
    handle.cast_vote("p", false).unwrap();
    assert_eq!(handle.budget().gas_used(), 200);
    assert!(handle.commit().is_success());
    let handle = state.handle("lab", Some("did:x:b"), budget());
    handle.cast_vote("p", true).unwrap();
    let tally = handle.tally("p").unwrap();
    assert_eq!((tally.yes, tally.no), (1, 1));
    assert!(handle.commit().is_success());
    let view = state.view();
    assert_eq!(view.realm("lab").unwrap().vote("p", "did:x:a"), Some(false));
    assert_eq!(view.realm("lab").unwrap().tally("p"), tally);
    let vote = |voter: &str, yes| StateEvent::VoteCast {
        realm_id: "lab".into(),
        proposal: "p".into(),
        voter: voter.into(),
        yes,
    };
    let all = heard.0.lock().unwrap();
    assert_eq!(
        *all,
        [(2, vec![vote("did:x:a", true), vote("did:x:a", false)]), (3, vec![vote("did:x:b", true)])]
    );
}

#[test]
fn plan_e4_2_store_put_and_delete_cost_what_the_schedule_says() {
    let state = state();
    for (key, value, gas, mana) in [
        ("k", StoreValue::Bool(true), 11, 2),
        ("", StoreValue::Text("".into()), 10, 1),
        ("key", StoreValue::Number(1.0), 11, 2),
        ("k", StoreValue::Text("x".repeat(63).into()), 11, 2),
        ("k", StoreValue::Text("x".repeat(64).into()), 12, 2),
        ("k", StoreValue::Text("x".repeat(1_024).into()), 27, 2),
        ("k", StoreValue::Text("x".repeat(1_025).into()), 27, 3),
        ("k", StoreValue::Text("x".repeat(65_536).into()), 1_035, 65),
    ] {
        let handle = lab(&state);
        handle.store_put(key, value.clone()).unwrap();
        assert_eq!((handle.budget().gas_used(), handle.budget().mana_used()), (gas, mana), "{key} {gas}");
        assert_eq!(handle.charged(), (GasUnits { storage: gas, ..GasUnits::ZERO }, mana));
        assert_eq!(handle.store_get(key), Ok(Some(value)));
    }
    let handle = lab(&state);
    assert_eq!(handle.store_delete("gone"), Ok(true));
    assert_eq!(handle.store_delete("gone"), Ok(false));
    assert_eq!((handle.budget().gas_used(), handle.budget().mana_used()), (20, 0));
    assert_eq!(handle.store_get("gone"), Ok(None));
    assert!(handle.commit().is_success());
    assert_eq!(number(&state, "gone"), None);
    let prices = Prices(GasUnits { storage: 3, ..GasUnits::ZERO });
    let dear = StateHandle::with_prices(state.clone(), state.view(), "lab", None, budget(), prices);
    dear.store_put("k", StoreValue::Bool(true)).unwrap();
    assert_eq!(dear.budget().gas_used(), 33);
}

#[test]
fn plan_e4_3_emit_event_is_charged_and_told_but_makes_no_version() {
    let (state, heard) = heard();
    let handle = lab(&state);
    handle.emit_event("hello", Value::Text("x".repeat(60).into())).unwrap();
    assert_eq!((handle.budget().gas_used(), handle.budget().mana_used()), (4, 2));
    handle.emit_event("", Value::Null).unwrap();
    assert_eq!((handle.budget().gas_used(), handle.budget().mana_used()), (6, 3));
    let result = handle.commit();
    assert_eq!(result, CommitResult::Success { events_applied: 2, keys_written: 0, version: 1 });
    assert_eq!(state.view().version(), 1);
    let all = heard.0.lock().unwrap();
    assert!(matches!(&all[..], [(1, events)] if events.len() == 2));
}

#[test]
fn plan_e4_4_commit_applies_all_at_once_and_a_second_one_is_already_committed() {
    let (state, heard) = heard();
    let before = state.view();
    let handle = lab(&state);
    handle.store_put("k", StoreValue::Number(2.0)).unwrap();
    handle.store_put("k", StoreValue::Number(3.0)).unwrap();
    assert_eq!(handle.update_trust("did:x:b", 0.1), Ok(true));
    handle.emit_event("e", Value::Null).unwrap();
    let (second, third) = (handle.clone(), handle.clone());
    let result = handle.commit();
    assert_eq!(result, CommitResult::Success { events_applied: 4, keys_written: 2, version: 2 });
    assert_eq!(second.commit(), CommitResult::AlreadyCommitted);
    assert_eq!(third.store_put("k", StoreValue::Number(9.0)), Err(WriteError::Closed));
    third.clone().rollback();
    assert_eq!(third.commit(), CommitResult::AlreadyCommitted);
    assert_eq!(state.view().version(), 2);
    assert_eq!(number(&state, "k"), Some(StoreValue::Number(3.0)));
    assert_eq!(before.version(), 1, "a view stays what it was");
    assert_eq!(format!("{:?}", before.realm("lab").unwrap().stored("k")), "Some(Number(1.0))");
    assert_eq!(heard.0.lock().unwrap().len(), 1);
}

#[test]
fn plan_e4_5_rollback_leaves_no_trace() {
    let (state, heard) = heard();
    let before = state.view();
    let handle = lab(&state);
    handle.store_put("k", StoreValue::Number(2.0)).unwrap();
    handle.update_trust("did:x:b", 0.1).unwrap();
    handle.emit_event("e", Value::Null).unwrap();
    let clone = handle.clone();
    handle.rollback();
    assert_eq!(clone.store_put("k", StoreValue::Number(2.0)), Err(WriteError::Closed));
    assert_eq!(clone.store_get("k"), Ok(Some(StoreValue::Number(1.0))), "its own writes are gone");
    assert_eq!(clone.commit(), CommitResult::Invalid);
    assert!(same_content(&before, &state.view()) && state.view().version() == 1);
    assert!(heard.0.lock().unwrap().is_empty());
}

#[test]
fn plan_e4_6_a_guard_rolls_back_when_dropped_also_while_unwinding() {
    let (state, heard) = heard();
    {
        let guard = TransactionGuard::new(lab(&state));
        guard.store_put("k", StoreValue::Number(2.0)).unwrap();
    }
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let guard = TransactionGuard::new(lab(&state));
        guard.store_put("k", StoreValue::Number(3.0)).unwrap();
        let auto = TransactionGuard::auto_commit(lab(&state));
        auto.store_put("k", StoreValue::Number(4.0)).unwrap();
        panic!("something went wrong");
    }));
    assert!(unwound.is_err());
    TransactionGuard::auto_commit(lab(&state)).rollback();
    assert_eq!((state.view().version(), heard.0.lock().unwrap().len()), (1, 0));
    assert_eq!(number(&state, "k"), Some(StoreValue::Number(1.0)));

    let guard = TransactionGuard::new(lab(&state));
    guard.store_put("k", StoreValue::Number(5.0)).unwrap();
    assert!(guard.commit().is_success());
    assert_eq!(number(&state, "k"), Some(StoreValue::Number(5.0)));
}

#[test]
fn plan_e4_6_auto_commit_commits_on_a_normal_drop_only() {
    let state = state();
    let (told, results) = mpsc::channel();
    {
        let told = told.clone();
        let guard = TransactionGuard::auto_commit_then(lab(&state), move |result| told.send(result).unwrap());
        guard.store_put("k", StoreValue::Number(2.0)).unwrap();
    }
    assert!(matches!(results.try_recv(), Ok(CommitResult::Success { version: 2, .. })));
    {
        let told = told.clone();
        let guard = TransactionGuard::auto_commit_then(lab(&state), move |result| told.send(result).unwrap());
        guard.store_put("k", StoreValue::Number(3.0)).unwrap();
        put(&state, "k", 4.0);
    }
    assert_eq!(results.try_recv(), Ok(conflict(&[store("k")])));
    assert_eq!(number(&state, "k"), Some(StoreValue::Number(4.0)));
    // A guard that lives in a destructor while something else unwinds ends normally there.
    struct Cleanup<'s>(&'s Arc<UnifiedState>);
    impl Drop for Cleanup<'_> {
        fn drop(&mut self) {
            let guard = TransactionGuard::auto_commit(lab(self.0));
            guard.store_put("cleaned", StoreValue::Bool(true)).unwrap();
        }
    }
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _cleanup = Cleanup(&state);
        panic!("something went wrong");
    }));
    assert!(unwound.is_err());
    assert_eq!(number(&state, "cleaned"), Some(StoreValue::Bool(true)));
    // One that was committed by hand is not committed again.
    let guard = TransactionGuard::auto_commit_then(lab(&state), move |result| told.send(result).unwrap());
    guard.store_put("k", StoreValue::Number(6.0)).unwrap();
    assert!(guard.commit().is_success());
    assert!(results.try_recv().is_err());
}
