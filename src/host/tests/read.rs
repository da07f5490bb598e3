//! Every question, asked one at a time and by the column.

use super::*;
use crate::kernel::host::{EntryPolicy, HostInterface, RealmFacts, StoreValueRef};
use crate::kernel::ops::trust::norm;
use crate::kernel::value::TrustVector;

#[test]
fn identities() {
    let host = host();
    assert_eq!(host.version(), 1);
    assert_eq!(host.trust("did:x:alice").unwrap(), Some(TrustVector([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])));
    assert_eq!(host.trust("did:x:carol").unwrap(), Some(TrustVector::NEWCOMER));
    assert_eq!(host.trust("did:x:stranger").unwrap(), None);
    assert_eq!(host.balance("did:x:alice").unwrap(), 120);
    assert_eq!(host.balance("did:x:stranger").unwrap(), 0);
    for (did, schema, want) in [
        ("did:x:alice", "kyc", true),
        ("did:x:alice", "age", true),
        ("did:x:alice", "KYC", false),
        ("did:x:bob", "kyc", false),
        ("did:x:stranger", "kyc", false),
    ] {
        assert_eq!(host.has_credential(did, schema).unwrap(), want, "{did} {schema}");
    }
    assert!(host.resolve_did("did:x:carol").unwrap());
    assert!(!host.resolve_did("did:x:stranger").unwrap());
}

#[test]
fn realms() {
    let host = host();
    let lab = RealmFacts { member_count: 3, trust_threshold: 0.5, quarantined: false };
    assert_eq!(host.realm("lab").unwrap(), Some(lab));
    let bare = RealmFacts { member_count: 0, trust_threshold: 0.0, quarantined: false };
    assert_eq!(host.realm("bare").unwrap(), Some(bare));
    assert_eq!(host.realm("nowhere").unwrap(), None);
    for (did, member) in [("alice", true), ("bob", true), ("stranger", true), ("carol", false)] {
        assert_eq!(host.is_member("lab", &format!("did:x:{did}")).unwrap(), member, "{did}");
    }
    assert!(host.is_member("nowhere", "did:x:bob").is_err());
    assert_eq!(host.store_get("lab", "text").unwrap(), Some(StoreValueRef::Text("t")));
    assert_eq!(host.store_get("lab", "number").unwrap(), Some(StoreValueRef::Number(2.5)));
    assert_eq!(host.store_get("lab", "whole").unwrap(), Some(StoreValueRef::Number(3.0)));
    assert_eq!(host.store_get("lab", "bool").unwrap(), Some(StoreValueRef::Bool(true)));
    assert_eq!(host.store_get("bare", "text").unwrap(), None);
    assert!(host.store_get("nowhere", "text").is_err());
    assert!(matches!(host.entry_policy("lab").unwrap(), EntryPolicy::Program(_)));
    assert!(matches!(host.entry_policy("shut").unwrap(), EntryPolicy::Quarantined));
    assert!(matches!(host.entry_policy("bare").unwrap(), EntryPolicy::Default));
    assert!(matches!(host.entry_policy("nowhere").unwrap(), EntryPolicy::UnknownRealm));
}

#[test]
fn batches_say_what_single_reads_say() {
    let host = host();
    let dids = ["did:x:alice", "did:x:stranger", "did:x:bob", "did:x:alice", "did:x:carol"];
    let mut trust = [None; 5];
    host.trust_batch(&dids, &mut trust).unwrap();
    assert_eq!(trust, dids.map(|did| host.trust(did).unwrap()));
    let mut known = [false; 5];
    host.resolve_did_batch(&dids, &mut known).unwrap();
    assert_eq!(known, dids.map(|did| host.resolve_did(did).unwrap()));
    let mut balances = [0; 5];
    host.balance_batch(&dids, &mut balances).unwrap();
    assert_eq!(balances, dids.map(|did| host.balance(did).unwrap()));
    for schema in ["kyc", "none"] {
        let mut holds = [true; 5];
        host.has_credential_batch(&dids, schema, &mut holds).unwrap();
        assert_eq!(holds, dids.map(|did| host.has_credential(did, schema).unwrap()));
    }
    let mut members = [false; 5];
    host.is_member_batch("lab", &dids, &mut members).unwrap();
    assert_eq!(members, dids.map(|did| host.is_member("lab", did).unwrap()));
    assert!(host.is_member_batch("nowhere", &dids, &mut members).is_err());
    let keys = ["text", "none", "bool"];
    let mut values = [None; 3];
    host.store_get_batch("lab", &keys, &mut values).unwrap();
    assert_eq!(values, keys.map(|key| host.store_get("lab", key).unwrap()));
}

/// The plain sum, in ascending order of the DIDs.
fn plain_mean(all: &[(String, TrustVector)], changed: &[(&str, TrustVector)]) -> Option<f64> {
    let mut all = all.to_vec();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let sum = all.iter().fold(0.0, |sum, (did, trust)| {
        sum + norm(&changed.iter().find(|(new, _)| new == did).map_or(*trust, |(_, new)| *new))
    });
    (!all.is_empty()).then(|| sum / all.len() as f64)
}

#[test]
fn the_mean_is_the_plain_sum_to_the_bit() {
    assert_eq!(StateHost::new(Arc::<World>::default()).mean_trust(&[]).unwrap(), None);
    let vector =
        |n: usize| TrustVector([(n * 37 % 101) as f64 / 101.0, 0.1, 0.2, 0.3, (n % 7) as f64 / 7.0, 1.0]);
    let all: Vec<(String, TrustVector)> =
        (0..257).map(|n| (format!("did:x:{}", n * 31 % 257), vector(n))).collect();
    let records = all.iter().map(|(did, trust)| crate::state::IdentityRecord {
        trust: *trust,
        ..crate::state::IdentityRecord::new(did.as_str())
    });
    let host = StateHost::new(Arc::new(World::new(records.collect(), Vec::new())));
    let mut dids: Vec<&str> = all.iter().map(|(did, _)| did.as_str()).collect();
    dids.sort_unstable();
    for step in [1, 2, 3, 50, 256, 257] {
        for skip in [0, 1, 100, 256, 257] {
            let changed: Vec<(&str, TrustVector)> =
                dids.iter().skip(skip).step_by(step).map(|did| (*did, vector(did.len() + step))).collect();
            let (mean, plain) = (host.mean_trust(&changed).unwrap(), plain_mean(&all, &changed));
            assert_eq!(mean.map(f64::to_bits), plain.map(f64::to_bits), "{skip} {step}");
        }
    }
}
