//! Writes of earlier requests, as later ones see them.

use super::*;
use crate::host::OverlayHost;
use crate::kernel::effects::{Effect, StoreValue};
use crate::kernel::host::{HostInterface, StoreValueRef};
use crate::kernel::value::{TrustVector, Value};

fn put(realm: &str, key: &str, value: StoreValue) -> Effect {
    Effect::StorePut { realm: realm.into(), key: key.into(), value }
}
fn delete(realm: &str, key: &str) -> Effect {
    Effect::StoreDelete { realm: realm.into(), key: key.into() }
}
fn trust(did: &str, x: f64) -> Effect {
    Effect::TrustUpdate { did: did.into(), delta: 0.1, new: TrustVector([x; 6]) }
}

#[test]
fn stores() {
    let base = host();
    let mut host = OverlayHost::new(&base);
    assert_eq!(host.store_get("lab", "text").unwrap(), Some(StoreValueRef::Text("t")));
    host.apply(&[put("lab", "text", StoreValue::Number(1.0)), put("bare", "new", StoreValue::Bool(true))]);
    assert_eq!(host.store_get("lab", "text").unwrap(), Some(StoreValueRef::Number(1.0)));
    assert_eq!(host.store_get("bare", "new").unwrap(), Some(StoreValueRef::Bool(true)));
    assert_eq!(host.store_get("bare", "text").unwrap(), None);
    host.apply(&[
        delete("lab", "text"),
        delete("lab", "number"),
        put("lab", "text", StoreValue::Text("u".into())),
    ]);
    assert_eq!(host.store_get("lab", "text").unwrap(), Some(StoreValueRef::Text("u")));
    assert_eq!(host.store_get("lab", "number").unwrap(), None);
    assert!(host.store_get("nowhere", "x").is_err());
    let (keys, mut values) = (["text", "number", "bool"], [None; 3]);
    host.store_get_batch("lab", &keys, &mut values).unwrap();
    assert_eq!(values, [Some(StoreValueRef::Text("u")), None, Some(StoreValueRef::Bool(true))]);
}

#[test]
fn versions_count_commits() {
    let base = host();
    let mut host = OverlayHost::new(&base);
    assert_eq!(host.version(), 1);
    host.apply(&[]);
    host.apply(&[Effect::Emit { name: "e".into(), payload: Value::Null }]);
    assert_eq!(host.version(), 1, "nothing that can be read has changed");
    host.apply(&[delete("lab", "a"), trust("did:x:bob", 0.5)]);
    assert_eq!(host.version(), 2);
    host.apply(&[Effect::Vote {
        realm: "lab".into(),
        proposal: "p".into(),
        voter: "did:x:bob".into(),
        yes: true,
    }]);
    assert_eq!(host.version(), 3);
}

#[test]
fn trust_and_its_mean() {
    let base = host();
    let mut host = OverlayHost::new(&base);
    let vector = |x: f64| TrustVector([x; 6]);
    assert_eq!(host.mean_trust(&[]).unwrap(), base.mean_trust(&[]).unwrap());
    host.apply(&[trust("did:x:bob", 0.5)]);
    assert_eq!(host.trust("did:x:bob").unwrap(), Some(vector(0.5)));
    assert_eq!(host.trust("did:x:carol").unwrap(), Some(TrustVector::NEWCOMER));
    let first = host.mean_trust(&[]).unwrap();
    assert_eq!(first, base.mean_trust(&[("did:x:bob", vector(0.5))]).unwrap());
    assert_eq!(first, host.mean_trust(&[]).unwrap());
    // A run's own updates hide those of earlier runs, and both are in order.
    host.apply(&[trust("did:x:carol", 0.25)]);
    for own in
        [&["did:x:alice"][..], &["did:x:bob"], &["did:x:carol"], &["did:x:alice", "did:x:bob", "did:x:carol"]]
    {
        let own: Vec<(&str, TrustVector)> = own.iter().map(|did| (*did, vector(1.0))).collect();
        let mut all = own.clone();
        for (did, x) in [("did:x:bob", 0.5), ("did:x:carol", 0.25)] {
            if !all.iter().any(|(known, _)| *known == did) {
                all.push((did, vector(x)));
            }
        }
        all.sort_by_key(|(did, _)| *did);
        assert_eq!(host.mean_trust(&own).unwrap(), base.mean_trust(&all).unwrap(), "{own:?}");
    }
    assert_ne!(host.mean_trust(&[]).unwrap(), first);
}
