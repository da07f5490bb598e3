//! Worlds: what changes them, what replays them, what a file keeps of them.

use crate::kernel::effects::StoreValue;
use crate::kernel::value::TrustVector;
use crate::state::{
    ApplyError, IdentityRecord, RealmChange, RealmRecord, StateEvent, StateKey, TrustReason, UnifiedState,
    World, same_content,
};
use std::sync::Arc;

const FILE: &[u8] = br#"{
  "identities": {
    "did:x:a": {"trust": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], "credentials": ["kyc", "age"], "balance": 123456789012345678901234567890, "realms": ["lab", "later"]},
    "did:x:b": {}
  },
  "realms": {
    "lab": {"name": "The lab", "owner": "did:x:a", "members": ["did:x:stranger"], "trust_threshold": 0.5,
            "store": {"t": "x", "n": 2.5, "b": true}, "policies": {"entry": "trust.r >= 0.3", "other": "true"}},
    "bare": {"quarantined": true}
  }
}"#;

fn world() -> World {
    World::from_json(FILE).unwrap()
}
fn created(did: &str, realms: &[&str]) -> StateEvent {
    let realms = realms.iter().map(|id| Box::from(*id)).collect();
    StateEvent::IdentityCreated(Arc::new(IdentityRecord { realms, ..IdentityRecord::new(did) }))
}
fn realm(id: &str) -> StateEvent {
    StateEvent::RealmCreated(Arc::new(RealmRecord { id: id.into(), ..RealmRecord::default() }))
}
fn member(realm: &str, did: &str, member: bool) -> StateEvent {
    StateEvent::RealmChanged {
        realm_id: realm.into(),
        change: RealmChange::Member { did: did.into(), member },
    }
}
fn transfer(from: &str, to: &str, amount: i128) -> StateEvent {
    StateEvent::Transferred { from: from.into(), to: to.into(), amount }
}

#[test]
fn a_state_file_comes_back() {
    let world = world();
    let json = world.to_json().unwrap();
    let again = World::from_json(&json).unwrap();
    assert!(same_content(&world, &again));
    assert_eq!(json, again.to_json().unwrap());
    assert_eq!(again.balance("did:x:a"), Some(123_456_789_012_345_678_901_234_567_890));
    let edges = World::new(
        [("did:x:a", i128::MIN), ("did:x:b", i128::MAX)]
            .map(|(did, balance)| IdentityRecord { balance, ..IdentityRecord::new(did) })
            .into(),
        Vec::new(),
    );
    assert!(same_content(&edges, &World::from_json(&edges.to_json().unwrap()).unwrap()));
    let put = |x: f64| StateEvent::StoreWritten {
        realm_id: "lab".into(),
        key: "n".into(),
        value: Some(StoreValue::Number(x)),
    };
    let error = world.after(&[put(f64::NAN)]).unwrap().to_json().unwrap_err();
    assert_eq!(error.to_string(), "realms.lab.store.n: a number that JSON cannot hold");
}

#[test]
fn who_names_a_realm_before_it_is_there_is_a_member_once_it_is() {
    let world = world();
    assert!(world.realm("later").is_none());
    let world = world.after(&[created("did:x:c", &["later", "lab"]), realm("later")]).unwrap();
    assert_eq!(world.realm("later").unwrap().members(), ["did:x:a", "did:x:c"]);
    assert_eq!(world.realm("lab").unwrap().member_count(), 3);
    let world = world.after(&[member("later", "did:x:a", false), member("later", "did:x:b", true)]).unwrap();
    assert_eq!(world.realm("later").unwrap().members(), ["did:x:b", "did:x:c"]);
    let named: Vec<&str> = world.profile("did:x:a").unwrap().realms.iter().map(|id| &**id).collect();
    assert_eq!(named, ["lab"]);
    assert_eq!(&*world.profile("did:x:b").unwrap().realms[0], "later");
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let world = world();
    let trust = |did: &str, new: TrustVector| StateEvent::TrustUpdate {
        did: did.into(),
        delta: 0.0,
        new,
        reason: TrustReason::Administration,
        realm_id: None,
    };
    let a: Arc<str> = "did:x:a".into();
    for (event, want) in [
        (created("did:x:a", &[]), ApplyError::Exists(StateKey::Identity(a.clone()))),
        (created("nobody", &[]), ApplyError::OutOfRange),
        (realm("lab"), ApplyError::Exists(StateKey::Realm("lab".into()))),
        (member("nowhere", "did:x:a", true), ApplyError::UnknownRealm("nowhere".into())),
        (member("lab", "a", true), ApplyError::OutOfRange),
        (trust("did:x:a", TrustVector([f64::NAN; 6])), ApplyError::OutOfRange),
        (trust("did:x:a", TrustVector([1.5; 6])), ApplyError::OutOfRange),
        (trust("did:x:z", TrustVector([0.5; 6])), ApplyError::UnknownIdentity("did:x:z".into())),
        (transfer("did:x:b", "did:x:a", 1), ApplyError::Balance("did:x:b".into())),
        (transfer("did:x:a", "did:x:b", 0), ApplyError::OutOfRange),
        (transfer("did:x:a", "did:x:b", i128::MIN), ApplyError::OutOfRange),
        (transfer("did:x:a", "did:x:z", 1), ApplyError::UnknownIdentity("did:x:z".into())),
    ] {
        assert_eq!(world.after(std::slice::from_ref(&event)).unwrap_err(), want, "{event:?}");
    }
}

#[test]
fn transfers_conserve_at_the_edges() {
    let record = |did: &str, balance| IdentityRecord { balance, ..IdentityRecord::new(did) };
    let world = World::new(
        vec![record("did:x:a", i128::MAX), record("did:x:b", 1), record("did:x:c", i128::MIN)],
        Vec::new(),
    );
    assert_eq!(
        world.after(&[transfer("did:x:b", "did:x:a", 1)]).unwrap_err(),
        ApplyError::Balance("did:x:a".into())
    );
    assert!(world.after(&[transfer("did:x:c", "did:x:b", 1)]).is_err());
    let same = world.after(&[transfer("did:x:a", "did:x:a", i128::MAX)]).unwrap();
    assert_eq!(same.balance("did:x:a"), Some(i128::MAX));
    let all = world.after(&[transfer("did:x:a", "did:x:c", i128::MAX)]).unwrap();
    assert_eq!((all.balance("did:x:a"), all.balance("did:x:c")), (Some(0), Some(-1)));
}

#[test]
fn many_schemas_are_told_apart() {
    let world = world();
    let grant = |n: u32, holds| StateEvent::CredentialChanged {
        did: "did:x:b".into(),
        schema: format!("s{n:03}").into(),
        holds,
    };
    let all = world.after(&(0..200).map(|n| grant(n, true)).collect::<Vec<_>>()).unwrap();
    assert_eq!(all.credentials("did:x:b").unwrap().len(), 200);
    let odd = all.after(&(0..100).map(|n| grant(2 * n, false)).collect::<Vec<_>>()).unwrap();
    for n in 0..200 {
        let name = format!("s{n:03}");
        assert_eq!(odd.has_credential("did:x:b", &name), n % 2 == 1, "{name}");
        assert!(all.has_credential("did:x:b", &name) && !all.has_credential("did:x:a", &name));
    }
    assert_eq!(odd.credentials("did:x:b").unwrap().len(), 100);
    assert!(odd.has_credential("did:x:a", "kyc"));
}

#[test]
fn the_mean_follows_changes_and_newcomers_to_the_bit() {
    let mut world = world();
    let mut all = vec![("did:x:a".to_owned(), world.trust("did:x:a").unwrap())];
    all.push(("did:x:b".to_owned(), TrustVector::NEWCOMER));
    for n in 0..50u32 {
        let did = format!("did:x:{}", (n * 37 + 11) % 101);
        let new = TrustVector([f64::from(n) / 50.0, 0.3, 0.7, 0.1, 0.9, 0.123]);
        let record = IdentityRecord { trust: new, ..IdentityRecord::new(did.as_str()) };
        world = world.after(&[StateEvent::IdentityCreated(Arc::new(record))]).unwrap();
        all.push((did, new));
        if n % 3 == 0 {
            let new = TrustVector([0.5, 0.25, f64::from(n) / 64.0, 0.0, 1.0, 0.7]);
            world = world
                .after(&[StateEvent::TrustUpdate {
                    did: "did:x:b".into(),
                    delta: 0.0,
                    new,
                    reason: TrustReason::Administration,
                    realm_id: None,
                }])
                .unwrap();
            all[1].1 = new;
        }
        let mut sorted = all.clone();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        let sum = sorted.iter().fold(0.0, |sum, (_, trust)| sum + crate::kernel::ops::trust::norm(trust));
        let plain: f64 = sum / sorted.len() as f64;
        assert_eq!(world.mean_trust(&[]).map(f64::to_bits), Some(plain.to_bits()), "{n}");
    }
}

#[test]
fn compacting_changes_nothing_that_can_be_read() {
    let state = UnifiedState::with_world(world());
    let mut t = state.begin();
    (0..100).for_each(|n| t.push(created(&format!("did:x:{n}"), &["lab"])).unwrap());
    assert!(state.commit(&t).is_success());
    let before = state.view();
    assert_eq!((before.recent_identities(), before.version()), (100, 2));
    assert!(state.compact());
    let after = state.view();
    assert_eq!((after.recent_identities(), after.version()), (0, 2));
    assert!(same_content(&before, &after));
}

#[test]
fn version_numbers_that_run_out_refuse_commits() {
    let state = UnifiedState::with_world(World::from_json(FILE).unwrap().with_version(u64::MAX));
    let mut t = state.begin();
    t.push(member("lab", "did:x:b", true)).unwrap();
    assert_eq!(state.commit(&t), crate::state::CommitResult::Invalid);
    assert!(!state.view().realm("lab").unwrap().is_member("did:x:b"));
}
