//! From one version to the next: what each event changes. Commits and replays of a log go through here.

use super::identities::Stamped;
use super::key::StateKey;
use super::pmap::PMap;
use super::realm::{Proposal, Realm};
use super::world::{World, wait};
use crate::event::IdentityRecord;
use crate::event::{RealmChange, StateEvent};
use crate::kernel::value::Did;
use std::fmt;
use std::sync::Arc;

/// Why an event does not fit a world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ApplyError {
    /// No identity has this DID.
    UnknownIdentity(Arc<str>),
    /// There is no such realm.
    UnknownRealm(Arc<str>),
    /// It is there already.
    Exists(StateKey),
    /// A trust vector, threshold, amount or DID that cannot be; a payload nested deeper than types go.
    OutOfRange,
    /// The balance of this DID would fall below 0 or pass what 128 bits hold.
    Balance(Arc<str>),
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApplyError::UnknownIdentity(did) => write!(f, "no identity `{did}`"),
            ApplyError::UnknownRealm(id) => write!(f, "no realm `{id}`"),
            ApplyError::Exists(key) => write!(f, "there is already {key}"),
            ApplyError::OutOfRange => f.write_str("a value is out of range"),
            ApplyError::Balance(did) => write!(f, "the balance of `{did}` does not allow it"),
        }
    }
}
impl std::error::Error for ApplyError {}

impl World {
    /// The world as it is after these events, in one next version: what a log replays. Events that change nothing are
    /// passed over; where none changes anything, it is the same version.
    pub fn after(&self, events: &[StateEvent]) -> Result<World, ApplyError> {
        let mut world = self.clone();
        if events.iter().any(StateEvent::changes_world) {
            world.version = self.version.saturating_add(1);
        }
        let version = world.version;
        events.iter().try_for_each(|event| world.apply(event, version))?;
        Ok(world)
    }

    /// Applies one event, as of `version`. Where it does not fit, nothing has changed.
    pub(super) fn apply(&mut self, event: &StateEvent, version: u64) -> Result<(), ApplyError> {
        match event {
            StateEvent::TrustUpdate { did, new, .. } => {
                if !new.is_valid() {
                    return Err(ApplyError::OutOfRange);
                }
                let row = self.row(did)?;
                if let Some(row) = self.identities.trust.get_mut(row) {
                    *row = Stamped { value: *new, changed: version };
                }
                self.mean.trust_changed();
                self.trust_changed = version;
            }
            StateEvent::Transferred { from, to, amount } => self.transfer(from, to, *amount, version)?,
            StateEvent::CredentialChanged { did, schema, holds } => {
                let row = self.row(did)?;
                self.identities.set_credential(row, schema, *holds, version);
            }
            StateEvent::IdentityCreated(record) => self.create_identity(record, version)?,
            StateEvent::RealmCreated(record) => {
                if self.realm(&record.id).is_some() {
                    return Err(ApplyError::Exists(StateKey::Realm(record.id.clone())));
                }
                let sound = record.members.iter().all(|did| Did::new(did).is_some());
                if !sound || !record.trust_threshold.is_finite() {
                    return Err(ApplyError::OutOfRange);
                }
                let mut realm = Realm::new(record, version);
                if let Some(waiting) = self.waiting.get(&*record.id) {
                    for (did, ()) in waiting.iter() {
                        realm.members.insert(did.clone(), version);
                    }
                    self.waiting.remove(&*record.id);
                }
                self.realms.insert(record.id.clone(), Arc::new(realm));
            }
            StateEvent::RealmChanged { realm_id, change } => self.change_realm(realm_id, change, version)?,
            StateEvent::StoreWritten { realm_id, key, value } => {
                let realm = self.realm_mut(realm_id)?;
                realm.store_changed = version;
                match value {
                    Some(value) => {
                        realm.store.insert(key.clone(), Stamped { value: value.into(), changed: version });
                    }
                    None => {
                        realm.store.remove(&**key);
                        self.graves.dig(&StateKey::Store(realm_id.clone(), key.clone()), version);
                    }
                }
            }
            StateEvent::VoteCast { realm_id, proposal, voter, yes } => {
                let realm = self.realm_mut(realm_id)?;
                if realm.ballots.get(&**proposal).is_none() {
                    let none = Stamped { value: Default::default(), changed: version };
                    realm.ballots.insert(proposal.clone(), none);
                }
                if let Some(ballot) = realm.ballots.get_mut(&**proposal) {
                    ballot.value.cast(voter.clone(), *yes, version);
                    ballot.changed = version;
                }
            }
            StateEvent::ProposalCreated { realm_id, proposal, proposer, text } => {
                let realm = self.realm_mut(realm_id)?;
                if realm.proposals.get(&**proposal).is_some() {
                    let key = StateKey::Proposal(realm_id.clone(), proposal.clone());
                    return Err(ApplyError::Exists(key));
                }
                let value = Proposal { proposer: proposer.clone(), text: text.clone() };
                realm.proposals.insert(proposal.clone(), Stamped { value, changed: version });
            }
            StateEvent::PolicyEvaluated { .. }
            | StateEvent::ExecutionStarted { .. }
            | StateEvent::ExecutionCompleted { .. }
            | StateEvent::CrossingEvaluated { .. }
            | StateEvent::BlueprintAction { .. }
            | StateEvent::SagaProgress { .. }
            | StateEvent::UserEvent { .. } => {}
        }
        Ok(())
    }

    fn row(&self, did: &Arc<str>) -> Result<usize, ApplyError> {
        self.identities.names.get(did).ok_or_else(|| ApplyError::UnknownIdentity(did.clone()))
    }
    fn realm_mut(&mut self, id: &Arc<str>) -> Result<&mut Realm, ApplyError> {
        let realm = self.realms.get_mut(&**id).map(Arc::make_mut);
        realm.ok_or_else(|| ApplyError::UnknownRealm(id.clone()))
    }

    /// What one loses the other gains, or nothing happens.
    fn transfer(
        &mut self,
        from: &Arc<str>,
        to: &Arc<str>,
        amount: i128,
        version: u64,
    ) -> Result<(), ApplyError> {
        let (giver, taker) = (self.row(from)?, self.row(to)?);
        if amount <= 0 {
            return Err(ApplyError::OutOfRange);
        }
        let balance = |row| self.identities.balances.get(row).map_or(0, |row| row.value);
        // Checked against the amount and not by the difference, which could pass what 128 bits hold.
        if balance(giver) < amount {
            return Err(ApplyError::Balance(from.clone()));
        }
        let given = balance(giver) - amount;
        let before = if giver == taker { given } else { balance(taker) };
        let taken = before.checked_add(amount).ok_or_else(|| ApplyError::Balance(to.clone()))?;
        for (row, value) in [(giver, given), (taker, taken)] {
            if let Some(row) = self.identities.balances.get_mut(row) {
                *row = Stamped { value, changed: version };
            }
        }
        Ok(())
    }

    fn create_identity(&mut self, record: &IdentityRecord, version: u64) -> Result<(), ApplyError> {
        if self.knows(&record.did) {
            return Err(ApplyError::Exists(StateKey::Identity(record.did.clone())));
        }
        let room = u32::try_from(self.identity_count()).is_ok();
        if !record.trust.is_valid() || Did::new(&record.did).is_none() || !room {
            return Err(ApplyError::OutOfRange);
        }
        self.identities.add(record, version);
        self.mean.identity_added();
        self.trust_changed = version;
        for id in &record.realms {
            let id: Arc<str> = id.as_ref().into();
            match self.realm_mut(&id) {
                Ok(realm) => set_member(realm, &record.did, true, version),
                Err(_) => wait(&mut self.waiting, id, record.did.clone()),
            }
        }
        Ok(())
    }

    fn change_realm(&mut self, id: &Arc<str>, change: &RealmChange, version: u64) -> Result<(), ApplyError> {
        let realm = self.realm_mut(id)?;
        match change {
            RealmChange::Quarantined(on) => realm.quarantined = *on,
            RealmChange::TrustThreshold(x) if !x.is_finite() => return Err(ApplyError::OutOfRange),
            RealmChange::TrustThreshold(x) => realm.trust_threshold = *x,
            RealmChange::Policies(policies) => realm.set_policies(policies.clone()),
            RealmChange::Quota(quota) => realm.quota = *quota,
            RealmChange::Member { did, member } => {
                if Did::new(did).is_none() {
                    return Err(ApplyError::OutOfRange);
                }
                set_member(realm, did, *member, version);
                if !member {
                    self.graves.dig(&StateKey::Member(id.clone(), did.clone()), version);
                }
                if let Some(row) = self.identities.names.get(did) {
                    self.identities.set_membership(row, id, *member);
                }
                return Ok(());
            }
        }
        realm.changed = version;
        Ok(())
    }
}

fn set_member(realm: &mut Realm, did: &Arc<str>, member: bool, version: u64) {
    if member {
        realm.members.insert(did.clone(), version);
    } else {
        realm.members.remove(&**did);
    }
    realm.members_changed = version;
}

/// Whether two worlds hold the same, whatever their versions: what replaying a log must give.
pub fn same_content(a: &World, b: &World) -> bool {
    let dids = |world: &World| {
        let mut all: Vec<Arc<str>> = world.profiles().map(|profile| profile.did.clone()).collect();
        all.sort_unstable();
        all
    };
    let (all, others) = (dids(a), dids(b));
    let identity = |did: &Arc<str>| {
        let profile = |world: &World| {
            world.profile(did).map(|p| (p.display_name.clone(), p.realms.clone(), p.created_at))
        };
        a.trust(did) == b.trust(did)
            && a.balance(did) == b.balance(did)
            && a.credentials(did) == b.credentials(did)
            && profile(a) == profile(b)
    };
    all == others
        && all.iter().all(identity)
        && a.realms().len() == b.realms().len()
        && a.realms().iter().zip(b.realms()).all(|(a, b)| same_realm(a, b))
}

fn same_realm(a: &Realm, b: &Realm) -> bool {
    let facts = |realm: &Realm| (realm.id.clone(), realm.name.clone(), realm.owner.clone(), realm.quota);
    let sorted = |realm: &Realm| {
        let mut proposals: Vec<(Arc<str>, Proposal)> =
            realm.proposals.iter().map(|(id, p)| (id.clone(), p.value.clone())).collect();
        proposals.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let votes = |by: &PMap<Arc<str>, Stamped<bool>>| {
            let mut votes: Vec<(Arc<str>, bool)> =
                by.iter().map(|(did, vote)| (did.clone(), vote.value)).collect();
            votes.sort_unstable();
            votes
        };
        let mut ballots: Vec<_> = realm
            .ballots
            .iter()
            .map(|(id, ballot)| (id.clone(), votes(&ballot.value.by), ballot.value.tally))
            .collect();
        ballots.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        (proposals, ballots)
    };
    facts(a) == facts(b)
        && a.facts() == b.facts()
        && a.created_at == b.created_at
        && a.policies == b.policies
        && a.members() == b.members()
        && a.store() == b.store()
        && sorted(a) == sorted(b)
}
