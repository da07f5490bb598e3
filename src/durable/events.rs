//! Events as bytes of the log: a tag, then the fields in the order in which they are declared.

use super::codec::{Reader, RealmFacts, Writer};
use crate::kernel::fault::{Exhaustion, Fault, Outcome};
use crate::policy_type::PolicyType;
use crate::state::{
    BlueprintStep, IdentityRecord, RealmChange, RealmRecord, SagaStep, StateEvent, TrustReason,
};
use std::sync::Arc;

const BLUEPRINT: [BlueprintStep; 4] = [
    BlueprintStep::Published,
    BlueprintStep::Deployed,
    BlueprintStep::Instantiated,
    BlueprintStep::Deprecated,
];
const SAGA: [SagaStep; 4] = [SagaStep::Done, SagaStep::Failed, SagaStep::Compensated, SagaStep::Completed];
const REASON: [TrustReason; 2] = [TrustReason::EclPolicy, TrustReason::Administration];

/// Where an item stands among all of its kind. No kind has more than 255.
pub(super) fn place<T: PartialEq>(all: &[T], item: &T) -> u8 {
    all.iter().position(|other| other == item).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}
pub(super) fn at<T: Copy>(all: &[T], place: u8) -> Option<T> {
    all.get(usize::from(place)).copied()
}

impl Writer {
    pub(super) fn outcome(&mut self, outcome: Outcome) {
        let (tag, kind) = match outcome {
            Outcome::Allow => (0, 0),
            Outcome::Deny => (1, 0),
            Outcome::Fault(fault) => (2, place(Fault::ALL, &fault)),
            Outcome::Exhausted(reason) => (3, place(Exhaustion::ALL, &reason)),
        };
        self.u8(tag);
        self.u8(kind);
    }
    fn identity(&mut self, record: &IdentityRecord) {
        self.text(&record.did);
        self.maybe_text(record.display_name.as_deref());
        self.trust(&record.trust);
        self.i128(record.balance);
        self.list(&record.credentials, |w, name| w.text(name));
        self.list(&record.realms, |w, id| w.text(id));
        self.u64(record.created_at);
    }
    fn realm(&mut self, record: &RealmRecord) {
        self.text(&record.id);
        self.realm_facts(&facts(record));
        self.list(&record.members, |w, did| w.text(did));
        self.list(&record.store, |w, (key, value)| {
            w.text(key);
            w.stored(value);
        });
    }
    fn change(&mut self, change: &RealmChange) {
        match change {
            RealmChange::Quarantined(on) => {
                self.u8(0);
                self.bool(*on);
            }
            RealmChange::TrustThreshold(x) => {
                self.u8(1);
                self.f64(*x);
            }
            RealmChange::Policies(policies) => {
                self.u8(2);
                self.policies(policies);
            }
            RealmChange::Quota(quota) => {
                self.u8(3);
                self.quota(*quota);
            }
            RealmChange::Member { did, member } => {
                self.u8(4);
                self.text(did);
                self.bool(*member);
            }
        }
    }
    /// An event.
    pub(super) fn event(&mut self, event: &StateEvent) {
        match event {
            StateEvent::PolicyEvaluated {
                policy_id,
                realm_id,
                passed,
                policy_type,
                gas_used,
                mana_used,
                duration_us,
                outcome,
            } => {
                self.u8(0);
                self.maybe_text(policy_id.as_deref());
                self.maybe_text(realm_id.as_deref());
                self.bool(*passed);
                self.u8(place(&PolicyType::ALL, policy_type));
                self.u64(*gas_used);
                self.u64(*mana_used);
                self.f64(*duration_us);
                self.outcome(*outcome);
            }
            StateEvent::ExecutionStarted { policy_id, realm_id } => {
                self.u8(1);
                self.maybe_text(policy_id.as_deref());
                self.maybe_text(realm_id.as_deref());
            }
            StateEvent::ExecutionCompleted { policy_id, realm_id, passed, duration_us } => {
                self.u8(2);
                self.maybe_text(policy_id.as_deref());
                self.maybe_text(realm_id.as_deref());
                self.bool(*passed);
                self.f64(*duration_us);
            }
            StateEvent::CrossingEvaluated { caller, from_realm, to_realm, allowed, mana_used } => {
                self.u8(3);
                self.text(caller);
                self.maybe_text(from_realm.as_deref());
                self.text(to_realm);
                self.bool(*allowed);
                self.u64(*mana_used);
            }
            StateEvent::BlueprintAction { blueprint, version, action, realm_id } => {
                self.u8(4);
                self.text(blueprint);
                self.u64(*version);
                self.u8(place(&BLUEPRINT, action));
                self.maybe_text(realm_id.as_deref());
            }
            StateEvent::SagaProgress { saga, step, state, realm_id } => {
                self.u8(5);
                self.text(saga);
                self.u64(*step);
                self.u8(place(&SAGA, state));
                self.maybe_text(realm_id.as_deref());
            }
            StateEvent::TrustUpdate { did, delta, new, reason, realm_id } => {
                self.u8(6);
                self.text(did);
                self.f64(*delta);
                self.trust(new);
                self.u8(place(&REASON, reason));
                self.maybe_text(realm_id.as_deref());
            }
            StateEvent::VoteCast { realm_id, proposal, voter, yes } => {
                self.u8(7);
                [realm_id, proposal, voter].into_iter().for_each(|text| self.text(text));
                self.bool(*yes);
            }
            StateEvent::ProposalCreated { realm_id, proposal, proposer, text } => {
                self.u8(8);
                [realm_id, proposal, proposer, text].into_iter().for_each(|text| self.text(text));
            }
            StateEvent::StoreWritten { realm_id, key, value } => {
                self.u8(9);
                self.text(realm_id);
                self.text(key);
                self.option(value.as_ref(), Writer::stored);
            }
            StateEvent::UserEvent { realm_id, name, payload } => {
                self.u8(10);
                self.text(realm_id);
                self.text(name);
                self.value(payload);
            }
            StateEvent::Transferred { from, to, amount } => {
                self.u8(11);
                self.text(from);
                self.text(to);
                self.i128(*amount);
            }
            StateEvent::CredentialChanged { did, schema, holds } => {
                self.u8(12);
                self.text(did);
                self.text(schema);
                self.bool(*holds);
            }
            StateEvent::IdentityCreated(record) => {
                self.u8(13);
                self.identity(record);
            }
            StateEvent::RealmCreated(record) => {
                self.u8(14);
                self.realm(record);
            }
            StateEvent::RealmChanged { realm_id, change } => {
                self.u8(15);
                self.text(realm_id);
                self.change(change);
            }
        }
    }
}

impl Reader<'_> {
    pub(super) fn outcome(&mut self) -> Option<Outcome> {
        let (tag, kind) = (self.u8()?, self.u8()?);
        match tag {
            0 => Some(Outcome::Allow),
            1 => Some(Outcome::Deny),
            2 => at(Fault::ALL, kind).map(Outcome::Fault),
            3 => at(Exhaustion::ALL, kind).map(Outcome::Exhausted),
            _ => None,
        }
    }
    fn identity(&mut self) -> Option<IdentityRecord> {
        Some(IdentityRecord {
            did: self.shared()?,
            display_name: self.maybe_text()?,
            trust: self.trust()?,
            balance: self.i128()?,
            credentials: self.list(|r| r.text().map(Box::from))?,
            realms: self.list(|r| r.text().map(Box::from))?,
            created_at: self.u64()?,
        })
    }
    fn realm(&mut self) -> Option<RealmRecord> {
        let id = self.shared()?;
        let facts = self.realm_facts(id)?;
        Some(RealmRecord {
            members: self.list(Reader::shared)?,
            store: self.list(|r| Some((r.text()?.into(), r.stored()?)))?,
            ..facts
        })
    }
    fn change(&mut self) -> Option<RealmChange> {
        match self.u8()? {
            0 => self.bool().map(RealmChange::Quarantined),
            1 => self.f64().map(RealmChange::TrustThreshold),
            2 => self.policies().map(RealmChange::Policies),
            3 => self.quota().map(RealmChange::Quota),
            4 => Some(RealmChange::Member { did: self.shared()?, member: self.bool()? }),
            _ => None,
        }
    }
    /// An event.
    pub(super) fn event(&mut self) -> Option<StateEvent> {
        Some(match self.u8()? {
            0 => StateEvent::PolicyEvaluated {
                policy_id: self.maybe_text()?,
                realm_id: self.maybe_text()?,
                passed: self.bool()?,
                policy_type: at(&PolicyType::ALL, self.u8()?)?,
                gas_used: self.u64()?,
                mana_used: self.u64()?,
                duration_us: self.f64()?,
                outcome: self.outcome()?,
            },
            1 => StateEvent::ExecutionStarted { policy_id: self.maybe_text()?, realm_id: self.maybe_text()? },
            2 => StateEvent::ExecutionCompleted {
                policy_id: self.maybe_text()?,
                realm_id: self.maybe_text()?,
                passed: self.bool()?,
                duration_us: self.f64()?,
            },
            3 => StateEvent::CrossingEvaluated {
                caller: self.shared()?,
                from_realm: self.maybe_text()?,
                to_realm: self.shared()?,
                allowed: self.bool()?,
                mana_used: self.u64()?,
            },
            4 => StateEvent::BlueprintAction {
                blueprint: self.shared()?,
                version: self.u64()?,
                action: at(&BLUEPRINT, self.u8()?)?,
                realm_id: self.maybe_text()?,
            },
            5 => StateEvent::SagaProgress {
                saga: self.shared()?,
                step: self.u64()?,
                state: at(&SAGA, self.u8()?)?,
                realm_id: self.maybe_text()?,
            },
            6 => StateEvent::TrustUpdate {
                did: self.shared()?,
                delta: self.f64()?,
                new: self.trust()?,
                reason: at(&REASON, self.u8()?)?,
                realm_id: self.maybe_text()?,
            },
            7 => StateEvent::VoteCast {
                realm_id: self.shared()?,
                proposal: self.shared()?,
                voter: self.shared()?,
                yes: self.bool()?,
            },
            8 => StateEvent::ProposalCreated {
                realm_id: self.shared()?,
                proposal: self.shared()?,
                proposer: self.shared()?,
                text: self.shared()?,
            },
            9 => StateEvent::StoreWritten {
                realm_id: self.shared()?,
                key: self.shared()?,
                value: self.option(Reader::stored)?,
            },
            10 => StateEvent::UserEvent {
                realm_id: self.shared()?,
                name: self.shared()?,
                payload: self.value(0)?,
            },
            11 => StateEvent::Transferred { from: self.shared()?, to: self.shared()?, amount: self.i128()? },
            12 => StateEvent::CredentialChanged {
                did: self.shared()?,
                schema: self.shared()?,
                holds: self.bool()?,
            },
            13 => StateEvent::IdentityCreated(Arc::new(self.identity()?)),
            14 => StateEvent::RealmCreated(Arc::new(self.realm()?)),
            15 => StateEvent::RealmChanged { realm_id: self.shared()?, change: self.change()? },
            _ => return None,
        })
    }
}

/// The facts of a record.
pub(super) fn facts(record: &RealmRecord) -> RealmFacts<'_> {
    RealmFacts {
        name: record.name.as_deref(),
        owner: record.owner.as_deref(),
        trust_threshold: record.trust_threshold,
        quarantined: record.quarantined,
        policies: &record.policies,
        quota: record.quota,
        created_at: record.created_at,
    }
}
