//! Bytes of events: each comes back as it went, and no bytes make a reader do more than say no.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use super::codec::{Reader, Writer};
use crate::kernel::effects::StoreValue;
use crate::kernel::fault::{Exhaustion, Fault, Outcome};
use crate::kernel::gas::GasUnits;
use crate::kernel::value::{TrustVector, Value};
use crate::policy_type::PolicyType;
use crate::state::{
    BlueprintStep, IdentityRecord, RealmChange, RealmPolicy, RealmRecord, SagaStep, StateEvent, TrustReason,
};
use std::sync::Arc;

fn policies() -> Arc<[RealmPolicy]> {
    let policy = crate::Policy::compile("policy entry { require trust.r >= 0.5, \"no\"; }").unwrap();
    let executable = policy.executable().clone();
    let source = Some("source".into());
    Arc::from([
        RealmPolicy { name: "entry".into(), source, executable: executable.clone() },
        RealmPolicy { name: "other".into(), source: None, executable },
    ])
}

fn every_kind() -> Vec<StateEvent> {
    let text = |text: &str| -> Arc<str> { text.into() };
    let (a, b, realm) = (text("did:x:a"), text("did:x:b"), text("r\u{e9}alm"));
    let mut all = vec![
        StateEvent::ExecutionStarted { policy_id: None, realm_id: Some(realm.clone()) },
        StateEvent::ExecutionCompleted {
            policy_id: Some(text("")),
            realm_id: None,
            passed: true,
            duration_us: 0.1,
        },
        StateEvent::CrossingEvaluated {
            caller: a.clone(),
            from_realm: None,
            to_realm: realm.clone(),
            allowed: false,
            mana_used: u64::MAX,
        },
        StateEvent::TrustUpdate {
            did: a.clone(),
            delta: -0.0,
            new: TrustVector([0.0, 0.1, 0.2, 0.3, 0.4, 1.0]),
            reason: TrustReason::EclPolicy,
            realm_id: Some(realm.clone()),
        },
        StateEvent::VoteCast { realm_id: realm.clone(), proposal: text("p"), voter: a.clone(), yes: true },
        StateEvent::ProposalCreated {
            realm_id: realm.clone(),
            proposal: text("p"),
            proposer: b.clone(),
            text: text("t"),
        },
        StateEvent::Transferred { from: a.clone(), to: b, amount: i128::MAX },
        StateEvent::CredentialChanged { did: a, schema: text("kyc"), holds: false },
        StateEvent::IdentityCreated(Arc::new(IdentityRecord {
            display_name: Some(text("name")),
            balance: i128::MIN,
            credentials: vec!["x".into(), "y".into()],
            realms: vec!["r".into()],
            created_at: u64::MAX,
            ..IdentityRecord::new("did:x:c")
        })),
        StateEvent::RealmCreated(Arc::new(RealmRecord {
            id: realm.clone(),
            owner: Some(text("did:x:a")),
            members: vec![text("did:x:a")],
            trust_threshold: 0.3,
            quarantined: true,
            store: vec![("k".into(), StoreValue::Text("v".into()))],
            policies: policies(),
            quota: Some(GasUnits { network: 0, compute: 1, storage: 2, realm: u64::MAX }),
            ..RealmRecord::default()
        })),
    ];
    let stored = [
        None,
        Some(StoreValue::Text("\0".into())),
        Some(StoreValue::Number(1e-300)),
        Some(StoreValue::Bool(true)),
    ];
    all.extend(stored.map(|value| StateEvent::StoreWritten {
        realm_id: realm.clone(),
        key: text("k"),
        value,
    }));
    let payload = Value::Array(Box::new([
        Value::Null,
        Value::Bool(true),
        Value::Did("did:x:a".into()),
        Value::Trust(TrustVector::NEWCOMER),
        Value::Array(Box::new([Value::Text("t".into()), Value::Number(-1.5)])),
    ]));
    all.push(StateEvent::UserEvent { realm_id: realm.clone(), name: text("n"), payload });
    let changes = [
        RealmChange::Quarantined(true),
        RealmChange::TrustThreshold(-1.0),
        RealmChange::Policies(policies()),
        RealmChange::Quota(None),
        RealmChange::Member { did: text("did:x:a"), member: true },
    ];
    all.extend(changes.map(|change| StateEvent::RealmChanged { realm_id: realm.clone(), change }));
    let steps = [
        BlueprintStep::Published,
        BlueprintStep::Deployed,
        BlueprintStep::Instantiated,
        BlueprintStep::Deprecated,
    ];
    all.extend(steps.map(|action| StateEvent::BlueprintAction {
        blueprint: text("b"),
        version: 9,
        action,
        realm_id: None,
    }));
    let states = [SagaStep::Done, SagaStep::Failed, SagaStep::Compensated, SagaStep::Completed];
    all.extend(states.map(|state| StateEvent::SagaProgress {
        saga: text("s"),
        step: 0,
        state,
        realm_id: Some(realm.clone()),
    }));
    let outcomes = [Outcome::Allow, Outcome::Deny].into_iter();
    let outcomes = outcomes.chain(Fault::ALL.iter().map(|fault| Outcome::Fault(*fault)));
    let outcomes = outcomes.chain(Exhaustion::ALL.iter().map(|reason| Outcome::Exhausted(*reason)));
    for (outcome, policy_type) in outcomes.zip(PolicyType::ALL.into_iter().cycle()) {
        all.push(StateEvent::PolicyEvaluated {
            policy_id: None,
            realm_id: None,
            passed: false,
            policy_type,
            gas_used: 1,
            mana_used: 0,
            duration_us: f64::MAX,
            outcome,
        });
    }
    all
}

fn bytes(event: &StateEvent) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.event(event);
    writer.0
}

#[test]
fn every_kind_of_event_comes_back_as_it_went() {
    for event in every_kind() {
        assert_eq!(Reader::all(&bytes(&event), |r| r.event()), Some(event));
    }
}

#[test]
fn what_is_cut_short_or_too_long_or_changed_is_no_reason_to_panic() {
    for event in every_kind() {
        let whole = bytes(&event);
        for len in 0..whole.len() {
            assert_eq!(Reader::all(whole.get(..len).unwrap(), |r| r.event()), None);
        }
        let longer = [whole.as_slice(), &[0]].concat();
        assert_eq!(Reader::all(&longer, |r| r.event()), None);
        for at in 0..whole.len() {
            for byte in [0, 1, 0x7F, 0xFF] {
                let mut changed = whole.clone();
                *changed.get_mut(at).unwrap() = byte;
                let _ = Reader::all(&changed, |r| r.event());
            }
        }
    }
}

#[test]
fn arrays_within_arrays_end_somewhere() {
    // One element each, and so on.
    let nest: Vec<u8> = [6u8, 1].repeat(100_000);
    assert_eq!(Reader(&nest).value(0), None);
}

#[test]
fn whole_numbers_come_back_and_have_one_form() {
    let numbers = (0..64).flat_map(|shift| [1u64 << shift, (1 << shift) - 1, u64::MAX >> shift]);
    for x in numbers.chain([300, 16_383, 16_384]) {
        let mut writer = Writer::default();
        writer.u64(x);
        assert_eq!(Reader::all(&writer.0, Reader::u64), Some(x));
        // Longer by a group that adds nothing.
        if let Some(last) = writer.0.last_mut() {
            *last |= 0x80;
        }
        writer.u8(0);
        assert_eq!(Reader::all(&writer.0, Reader::u64), None);
    }
    // More than 64 bits.
    assert_eq!(Reader::all(&[&[0xFF; 9][..], &[2]].concat(), Reader::u64), None);
    assert_eq!(Reader::all(&[0xFF; 11], Reader::u64), None);
}
