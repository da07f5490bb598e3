//! Random histories: every kind of change, many of which do not fit.

use eclvm::kernel::effects::StoreValue;
use eclvm::kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm::kernel::gas::GasUnits;
use eclvm::kernel::value::{TrustVector, Value};
use eclvm::run::PolicyType;
use eclvm::state::{
    IdentityRecord, RealmChange, RealmPolicy, RealmRecord, StateEvent, Transaction, TrustReason, UnifiedState,
};
use std::sync::Arc;

pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }
    fn text(&mut self, kind: &str, n: u64) -> Arc<str> {
        format!("{kind}{}", self.below(n)).into()
    }
    fn did(&mut self) -> Arc<str> {
        self.text("did:x:", 12)
    }
    fn realm(&mut self) -> Arc<str> {
        self.text("realm", 5)
    }
    fn number(&mut self) -> f64 {
        // No NaN, which is not equal to itself.
        [0.0, -0.0, 0.1, 1e300, f64::MIN_POSITIVE, f64::NEG_INFINITY, f64::INFINITY][self.below(7) as usize]
    }
    fn stored(&mut self) -> StoreValue {
        match self.below(3) {
            0 => StoreValue::Text(format!("text \u{1F600} {}", self.below(99)).into()),
            1 => StoreValue::Number(self.number()),
            _ => StoreValue::Bool(self.below(2) == 0),
        }
    }
    fn policies(&mut self) -> Arc<[RealmPolicy]> {
        let source = format!("policy entry {{ require {} > 0, \"no\"; }}", self.below(3));
        let executable = eclvm::Policy::compile(&source).unwrap().executable().clone();
        let source = (self.below(2) == 0).then(|| source.into());
        Arc::from([RealmPolicy { name: "entry".into(), source, executable }])
    }
    pub(crate) fn event(&mut self) -> StateEvent {
        let trust = TrustVector([self.below(11) as f64 / 10.0; 6]);
        match self.below(16) {
            0 => StateEvent::IdentityCreated(Arc::new(IdentityRecord {
                display_name: (self.below(2) == 0).then(|| "a name".into()),
                trust,
                balance: i128::from(self.below(1_000)) - 10,
                credentials: vec!["kyc".into()],
                realms: vec![self.realm().as_ref().into(), self.realm().as_ref().into()],
                created_at: self.next(),
                ..IdentityRecord::new(self.did())
            })),
            1 => StateEvent::RealmCreated(Arc::new(RealmRecord {
                id: self.realm(),
                name: Some("a realm".into()),
                owner: Some(self.did()),
                members: vec![self.did(), "did:x:stranger".into()],
                trust_threshold: 0.25,
                store: vec![("first".into(), self.stored())],
                policies: self.policies(),
                quota: Some(GasUnits { network: 1, compute: u64::MAX, storage: 3, realm: 4 }),
                created_at: self.next(),
                ..RealmRecord::default()
            })),
            2 => StateEvent::TrustUpdate {
                did: self.did(),
                delta: 0.0,
                new: trust,
                reason: TrustReason::Administration,
                realm_id: None,
            },
            3 | 4 => StateEvent::Transferred {
                from: self.did(),
                to: self.did(),
                amount: i128::from(self.below(300)),
            },
            5 => StateEvent::CredentialChanged {
                did: self.did(),
                schema: self.text("schema", 3),
                holds: self.below(2) == 0,
            },
            6 | 7 => StateEvent::StoreWritten {
                realm_id: self.realm(),
                key: self.text("key", 6),
                value: (self.below(3) > 0).then(|| self.stored()),
            },
            8 => StateEvent::VoteCast {
                realm_id: self.realm(),
                proposal: self.text("proposal", 3),
                voter: self.did(),
                yes: self.below(2) == 0,
            },
            9 => StateEvent::ProposalCreated {
                realm_id: self.realm(),
                proposal: self.text("proposal", 9),
                proposer: self.did(),
                text: "what it says".into(),
            },
            10 => StateEvent::RealmChanged {
                realm_id: self.realm(),
                change: RealmChange::Quarantined(self.below(2) == 0),
            },
            11 => StateEvent::RealmChanged {
                realm_id: self.realm(),
                change: RealmChange::TrustThreshold(self.below(9) as f64),
            },
            12 => {
                let policies = self.policies();
                StateEvent::RealmChanged { realm_id: self.realm(), change: RealmChange::Policies(policies) }
            }
            13 => StateEvent::RealmChanged { realm_id: self.realm(), change: RealmChange::Quota(None) },
            14 => StateEvent::RealmChanged {
                realm_id: self.realm(),
                change: RealmChange::Member { did: self.did(), member: self.below(2) == 0 },
            },
            _ => match self.below(2) {
                0 => StateEvent::UserEvent {
                    realm_id: self.realm(),
                    name: "seen".into(),
                    payload: Value::Array(Box::new([Value::Null, Value::Text("x".into())])),
                },
                _ => StateEvent::PolicyEvaluated {
                    policy_id: Some("p".into()),
                    realm_id: None,
                    passed: false,
                    policy_type: PolicyType::Governance,
                    gas_used: u64::MAX,
                    mana_used: 7,
                    duration_us: 0.2,
                    outcome: match self.below(4) {
                        0 => Outcome::Allow,
                        1 => Outcome::Deny,
                        2 => Outcome::Fault(Fault::ALL[self.below(Fault::ALL.len() as u64) as usize]),
                        _ => Outcome::Exhausted(Exhaustion::OutOfMana),
                    },
                },
            },
        }
    }
    /// A few events, of those that fit; one at least.
    pub(crate) fn transaction(&mut self, state: &UnifiedState) -> Transaction {
        let mut transaction = state.begin();
        for _ in 0..=self.below(6) {
            let event = self.event();
            let _ = transaction.push(event);
        }
        if transaction.events().is_empty() {
            let (realm_id, name) = (self.realm(), "alone".into());
            transaction.push(StateEvent::UserEvent { realm_id, name, payload: Value::Null }).unwrap();
        }
        transaction
    }
}
