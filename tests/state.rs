//! Handles, transactions and conflicts, by name.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod transacting;

use eclvm::kernel::budget::{Budget, BudgetLimits};
use eclvm::kernel::effects::{Effect, StoreValue};
use eclvm::kernel::fault::Exhaustion;
use eclvm::kernel::value::Value;
use eclvm::state::{
    CommitResult, CommitSink, IdentityRecord, RealmChange, RealmRecord, StateEvent, StateHandle, StateKey,
    UnifiedState, World, WriteError, same_content,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use transacting::*;

#[test]
fn submit_proposal_costs_200_gas_and_10_mana() {
    let (state, heard) = heard();
    let handle = lab(&state);
    assert_eq!(handle.submit_proposal("p", "more light"), Ok(true));
    assert_eq!((handle.budget().gas_used(), handle.budget().mana_used()), (200, 10));
    assert_eq!(handle.submit_proposal("p", "less light"), Ok(false));
    assert!(handle.commit().is_success());
    let view = state.view();
    let proposal = view.realm("lab").unwrap().proposal("p").unwrap();
    assert_eq!((&*proposal.proposer, &*proposal.text), ("did:x:a", "more light"));
    assert!(matches!(heard.0.lock().unwrap()[0].1[..], [StateEvent::ProposalCreated { .. }]));
}

#[test]
fn lost_updates_conflict() {
    let state = state();
    let (first, second) = (lab(&state), lab(&state));
    for handle in [&first, &second] {
        handle.update_trust("did:x:b", 0.1).unwrap();
    }
    assert!(first.commit().is_success());
    assert_eq!(second.commit(), conflict(&[StateKey::Trust("did:x:b".into())]));
    let (first, second) = (lab(&state), lab(&state));
    assert_eq!(first.transfer("did:x:a", "did:x:b", 60), Ok(true));
    assert_eq!(second.transfer("did:x:a", "did:x:b", 60), Ok(true));
    assert!(first.commit().is_success());
    let keys = ["did:x:a", "did:x:b"].map(|did| StateKey::Balance(did.into()));
    assert_eq!(second.commit(), conflict(&keys));
    assert_eq!((state.view().balance("did:x:a"), state.view().balance("did:x:b")), (Some(40), Some(110)));
    // Run again it reads what is there, and says no.
    assert_eq!(lab(&state).transfer("did:x:a", "did:x:b", 60), Ok(false));
}

#[test]
fn blind_writes_of_one_key_conflict_and_of_two_keys_do_not() {
    let state = state();
    let (first, second, third) = (lab(&state), lab(&state), lab(&state));
    first.store_put("k", StoreValue::Number(2.0)).unwrap();
    second.store_put("k", StoreValue::Number(2.0)).unwrap();
    third.store_put("l", StoreValue::Number(2.0)).unwrap();
    assert!(first.commit().is_success());
    assert_eq!(second.commit(), conflict(&[store("k")]));
    assert!(matches!(third.commit(), CommitResult::Success { version: 3, .. }));
}

#[test]
fn write_skew_conflicts() {
    // Either may go while the other stays.
    let state = state();
    put(&state, "on_call_a", 1.0);
    put(&state, "on_call_b", 1.0);
    let (first, second) = (lab(&state), lab(&state));
    assert!(first.store_get("on_call_b").unwrap().is_some());
    first.store_delete("on_call_a").unwrap();
    assert!(second.store_get("on_call_a").unwrap().is_some());
    second.store_delete("on_call_b").unwrap();
    assert!(first.commit().is_success());
    assert_eq!(second.commit(), conflict(&[store("on_call_a")]));
}

#[test]
fn absent_keys_conflict_when_they_appear_vanish_or_both() {
    let state = state();
    let reader = |key: &str| {
        let handle = lab(&state);
        handle.store_get(key).unwrap();
        handle.store_put("elsewhere", StoreValue::Bool(true)).unwrap();
        handle
    };
    let appears = reader("new");
    put(&state, "new", 1.0);
    assert_eq!(appears.commit(), conflict(&[store("new")]));
    let vanishes = reader("new");
    let handle = lab(&state);
    handle.store_delete("new").unwrap();
    assert!(handle.commit().is_success());
    assert_eq!(vanishes.commit(), conflict(&[store("new")]));
    let both = reader("brief");
    put(&state, "brief", 1.0);
    let handle = lab(&state);
    handle.store_delete("brief").unwrap();
    assert!(handle.commit().is_success());
    assert_eq!(both.commit(), conflict(&[store("brief")]));
    // Deletions of other keys do not matter.
    let apart = reader("never");
    let handle = lab(&state);
    handle.store_delete("gone").unwrap();
    assert!(handle.commit().is_success());
    assert!(apart.commit().is_success());
}

#[test]
fn phantoms_of_aggregates_conflict() {
    let state = state();
    let commit = |event: StateEvent| {
        let mut t = state.begin();
        t.push(event).unwrap();
        assert!(state.commit(&t).is_success());
    };
    let member = |did: &str, member| StateEvent::RealmChanged {
        realm_id: "lab".into(),
        change: RealmChange::Member { did: did.into(), member },
    };
    let decided_by = |read: &dyn Fn(&StateHandle)| {
        let handle = lab(&state);
        read(&handle);
        handle.store_put("decision", StoreValue::Bool(true)).unwrap();
        handle
    };
    let handle = decided_by(&|h| assert_eq!(h.member_count(), Ok(1)));
    commit(member("did:x:b", true));
    assert_eq!(handle.commit(), conflict(&[StateKey::Members("lab".into())]));
    let handle = decided_by(&|h| assert_eq!(h.is_member("did:x:c"), Ok(false)));
    commit(member("did:x:b", false));
    assert!(handle.commit().is_success(), "another member is another key");
    let handle = decided_by(&|h| assert_eq!(h.is_member("did:x:a"), Ok(true)));
    commit(member("did:x:a", false));
    assert_eq!(handle.commit(), conflict(&[StateKey::Member("lab".into(), "did:x:a".into())]));
    let handle = decided_by(&|h| assert!(h.mean_trust().is_some()));
    commit(StateEvent::IdentityCreated(Arc::new(IdentityRecord::new("did:x:new"))));
    assert_eq!(handle.commit(), conflict(&[StateKey::AllTrust]));
    let handle = decided_by(&|h| drop(h.store_scan().unwrap()));
    put(&state, "phantom", 1.0);
    assert_eq!(handle.commit(), conflict(&[StateKey::StoreKeys("lab".into())]));
    let handle = decided_by(&|h| assert_eq!(h.tally("p").unwrap().yes, 0));
    let voter = state.handle("lab", Some("did:x:b"), budget());
    voter.cast_vote("p", true).unwrap();
    assert!(voter.commit().is_success());
    assert_eq!(handle.commit(), conflict(&[StateKey::Votes("lab".into(), "p".into())]));
    let handle = decided_by(&|h| assert!(h.has_credential("did:x:a", "kyc")));
    commit(StateEvent::CredentialChanged { did: "did:x:a".into(), schema: "kyc".into(), holds: false });
    assert_eq!(handle.commit(), conflict(&[StateKey::Credentials("did:x:a".into())]));
    // Voters do not stand in each other's way.
    let (first, second) = (lab(&state), state.handle("lab", Some("did:x:b"), budget()));
    first.cast_vote("q", true).unwrap();
    second.cast_vote("q", true).unwrap();
    assert!(first.commit().is_success() && second.commit().is_success());
    assert_eq!(state.view().realm("lab").unwrap().tally("q").yes, 2);
}

#[test]
fn a_realm_that_appears_conflicts_with_who_saw_none() {
    let state = state();
    let handle = state.handle("new", None, budget());
    assert_eq!(handle.store_get("k"), Err(WriteError::UnknownRealm("new".into())));
    assert_eq!(handle.store_put("k", true), Err(WriteError::UnknownRealm("new".into())));
    assert_eq!(handle.budget().gas_used(), 0);
    handle.update_trust("did:x:a", 0.1).unwrap();
    let mut t = state.begin();
    let record = RealmRecord { id: "new".into(), ..RealmRecord::default() };
    t.push(StateEvent::RealmCreated(Arc::new(record))).unwrap();
    let twin = t.clone();
    assert!(state.commit(&t).is_success());
    assert_eq!(handle.commit(), conflict(&[StateKey::Realm("new".into())]));
    assert_eq!(state.commit(&twin), conflict(&[StateKey::Realm("new".into())]));
}

#[test]
fn another_realms_data_is_refused_before_anything_is_charged() {
    let state = state();
    let handle = lab(&state);
    let denied = |id: &str| Err(WriteError::RealmAccessDenied(id.into()));
    assert_eq!(handle.store_put_in("other", "k", true), denied("other"));
    assert_eq!(handle.store_delete_in("other", "k").map(drop), denied("other"));
    assert_eq!(handle.cast_vote_in("other", "p", true), denied("other"));
    let mixed = [
        Effect::StorePut { realm: "lab".into(), key: "k".into(), value: StoreValue::Number(9.0) },
        Effect::StoreDelete { realm: "other".into(), key: "k".into() },
    ];
    assert_eq!(handle.apply_effects(&mixed), denied("other"));
    assert_eq!(handle.store_get("k"), Ok(Some(StoreValue::Number(1.0))), "all or none");
    assert_eq!(handle.budget().gas_used(), 0);
    assert_eq!(handle.commit(), CommitResult::Success { events_applied: 0, keys_written: 0, version: 1 });
}

#[test]
fn arguments_that_cannot_be_are_refused_before_anything_is_charged() {
    let state = state();
    let handle = lab(&state);
    for delta in [f64::NAN, f64::INFINITY, -f64::INFINITY, 0.500_000_1, -0.6, 1e300] {
        assert_eq!(handle.update_trust("did:x:a", delta), Err(WriteError::OutOfRange), "{delta}");
        assert_eq!(handle.update_trust("did:x:nobody", delta), Err(WriteError::OutOfRange), "{delta}");
    }
    for x in [f64::NAN, f64::INFINITY, -f64::INFINITY] {
        assert_eq!(handle.store_put("k", StoreValue::Number(x)), Err(WriteError::OutOfRange));
    }
    for amount in [0, -1, i128::MIN] {
        assert_eq!(handle.transfer("did:x:a", "did:x:b", amount), Err(WriteError::OutOfRange));
    }
    let long = "x".repeat(65_537);
    assert_eq!(handle.store_put(&long, true), Err(WriteError::TooLarge));
    assert_eq!(handle.store_put("k", long.as_str()), Err(WriteError::TooLarge));
    assert_eq!(handle.store_delete(&long), Err(WriteError::TooLarge));
    assert_eq!(handle.cast_vote(&long, true), Err(WriteError::TooLarge));
    assert_eq!(handle.submit_proposal("p", &long), Err(WriteError::TooLarge));
    assert_eq!(handle.emit_event(&long, Value::Null), Err(WriteError::TooLarge));
    let wide = Value::Array(vec![Value::Null; 65_537].into());
    assert_eq!(handle.emit_event("e", wide), Err(WriteError::TooLarge));
    let nobody = state.handle("lab", None, budget());
    assert_eq!(nobody.cast_vote("p", true), Err(WriteError::NoCaller));
    let no_did = state.handle("lab", Some("alice"), budget());
    assert_eq!(no_did.submit_proposal("p", "x"), Err(WriteError::OutOfRange));
    for handle in [handle, nobody, no_did] {
        let snapshot = handle.budget().snapshot();
        assert_eq!((snapshot.gas_used, snapshot.mana_used, snapshot.reason), (0, 0, None));
        assert!(handle.commit().is_success());
    }
    assert_eq!(state.view().version(), 1);
}

#[test]
fn an_exhausted_budget_commits_nothing() {
    let state = state();
    for (limits, reason) in [
        (BudgetLimits { gas_limit: 60, ..BudgetLimits::default() }, Exhaustion::OutOfGas),
        (BudgetLimits { mana_limit: 3, ..BudgetLimits::default() }, Exhaustion::OutOfMana),
    ] {
        let budget = Arc::new(Budget::new(limits));
        let handle = state.handle("lab", Some("did:x:a"), budget.clone());
        handle.store_put("k", StoreValue::Number(2.0)).unwrap();
        handle.update_trust("did:x:a", 0.1).err();
        let refused = handle.store_put("l", "x".repeat(4_096).as_str());
        assert_eq!(refused, Err(WriteError::Exhausted(reason)));
        let used = budget.gas_used();
        let clone = handle.clone();
        assert_eq!(handle.commit(), CommitResult::BudgetExhausted(reason));
        assert_eq!(clone.commit(), CommitResult::Invalid);
        assert_eq!(budget.gas_used(), used);
    }
    let handle = lab(&state);
    handle.store_put("k", StoreValue::Number(2.0)).unwrap();
    handle.budget().cancel();
    assert_eq!(handle.commit(), CommitResult::BudgetExhausted(Exhaustion::Cancelled));
    assert_eq!(state.view().version(), 1);
}

#[test]
fn a_budget_that_is_met_exactly_commits() {
    let state = state();
    let limits = BudgetLimits { gas_limit: 61, mana_limit: 2, ..BudgetLimits::default() };
    let handle = state.handle("lab", None, Arc::new(Budget::new(limits)));
    handle.store_put("k", true).unwrap();
    assert_eq!(handle.update_trust("did:x:a", 0.1), Ok(true));
    assert!(handle.commit().is_success());
}

#[test]
fn a_transaction_holds_so_much_and_no_more() {
    let state = state();
    let mut t = state.begin();
    // One text of 1 MiB, shared by all of them.
    let schema: Arc<str> = "x".repeat(1 << 20).into();
    let grant =
        || StateEvent::CredentialChanged { did: "did:x:a".into(), schema: schema.clone(), holds: true };
    let mut n = 0;
    while t.push(grant()).is_ok() {
        n += 1;
    }
    assert_eq!((n, t.events().len()), (255, 255));
    // Small ones still fit, and what is in commits.
    t.push(StateEvent::StoreWritten { realm_id: "lab".into(), key: "s".into(), value: None }).unwrap();
    assert!(state.commit(&t).is_success());
}

#[test]
fn a_sink_that_commits_is_refused_and_one_that_panics_undoes_nothing() {
    struct Bad {
        state: Mutex<Option<Arc<UnifiedState>>>,
        results: Mutex<Vec<CommitResult>>,
    }
    impl CommitSink for Bad {
        fn committed(&self, version: u64, _: &[StateEvent]) {
            let state = self.state.lock().unwrap().clone().unwrap();
            let mut t = state.begin();
            t.push(StateEvent::StoreWritten { realm_id: "lab".into(), key: "s".into(), value: None })
                .unwrap();
            self.results.lock().unwrap().push(state.commit(&t));
            assert_ne!(version, 3, "the third version does not please it");
        }
    }
    let bad = Arc::new(Bad { state: Mutex::new(None), results: Mutex::default() });
    let state = UnifiedState::with_world(World::from_json(FILE).unwrap()).with_sink(bad.clone());
    let state = Arc::new(state);
    *bad.state.lock().unwrap() = Some(state.clone());
    put(&state, "k", 2.0);
    let handle = lab(&state);
    handle.store_put("k", StoreValue::Number(3.0)).unwrap();
    let clone = handle.clone();
    assert!(catch_unwind(AssertUnwindSafe(|| handle.commit())).is_err());
    assert_eq!(clone.commit(), CommitResult::AlreadyCommitted);
    assert_eq!(number(&state, "k"), Some(StoreValue::Number(3.0)));
    put(&state, "k", 4.0);
    assert_eq!(
        *bad.results.lock().unwrap(),
        [CommitResult::Invalid, CommitResult::Invalid, CommitResult::Invalid]
    );
    *bad.state.lock().unwrap() = None;
}

#[test]
fn a_log_of_commits_rebuilds_the_world() {
    let (state, heard) = heard();
    let first = state.view();
    for n in 0..20u32 {
        let handle = lab(&state);
        handle.store_put(&format!("k{}", n % 7), f64::from(n)).unwrap();
        handle.store_delete(&format!("k{}", n % 5)).unwrap();
        handle.update_trust("did:x:b", 0.01).unwrap();
        handle.cast_vote(&format!("p{}", n % 3), n % 2 == 0).unwrap();
        handle.transfer("did:x:a", "did:x:b", 3).unwrap();
        handle.submit_proposal(&format!("p{n}"), "text").unwrap();
        assert!(handle.commit().is_success());
    }
    let mut world = World::clone(first.world());
    for (version, events) in heard.0.lock().unwrap().iter() {
        world = world.after(events).unwrap();
        assert_eq!(world.version(), *version);
    }
    assert!(same_content(&world, &state.view()));
    assert!(!same_content(&world, &first));
}

#[test]
fn readers_hold_old_versions_unchanged_while_others_commit() {
    let state = state();
    let mut kept = Vec::new();
    for n in 0..200u32 {
        kept.push((state.view(), state.view().to_json().unwrap()));
        let handle = lab(&state);
        handle.store_put(&format!("k{}", n % 50), f64::from(n)).unwrap();
        handle.update_trust("did:x:b", if n % 2 == 0 { 0.3 } else { -0.2 }).unwrap();
        assert!(handle.commit().is_success());
    }
    for (n, (view, json)) in kept.iter().enumerate() {
        assert_eq!(view.version(), n as u64 + 1);
        assert_eq!(view.to_json().unwrap(), *json, "{n}");
    }
}
