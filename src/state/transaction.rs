//! A transaction: reads of one version, and changes on top of it that only it can see.
//!
//! It keeps three things: the version it began on, a private next version with its changes already in (cheap, since
//! versions share), and the keys it has read. What it writes follows from its events. A commit asks of the then current
//! version whether any of these keys was changed since; if none was, running the transaction there would have read and
//! written the same, so the order of commits is an order in which all of them could have run one after the other.

use super::apply::ApplyError;
use super::key::StateKey;
use super::realm::Tally;
use super::run_record::RunRecord;
use super::world::World;
use crate::event::{StateEvent, TrustReason};
use crate::kernel::effects::{Effect, StoreValue};
use crate::kernel::limits::{MAX_TRANSACTION_BYTES, MAX_TRANSACTION_READS};
use crate::kernel::value::TrustVector;
use foldhash::HashSet;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Keys that were read. Beyond [`MAX_TRANSACTION_READS`] they are no longer told apart: then everything was read.
#[derive(Clone, Debug, Default)]
pub struct ReadSet {
    keys: HashSet<StateKey>,
    everything: bool,
}

impl ReadSet {
    /// Adds a key.
    pub fn add(&mut self, key: StateKey) {
        if self.everything {
            return;
        }
        self.keys.insert(key);
        if self.keys.len() > MAX_TRANSACTION_READS {
            self.keys = HashSet::default();
            self.everything = true;
        }
    }
    /// Adds all keys of another.
    pub fn merge(&mut self, other: ReadSet) {
        other.keys.into_iter().for_each(|key| self.add(key));
        if other.everything {
            self.keys = HashSet::default();
            self.everything = true;
        }
    }
    fn iter(&self) -> impl Iterator<Item = &StateKey> {
        self.keys.iter().chain(self.everything.then_some(&StateKey::Everything))
    }
}

/// Why a change was not taken into a transaction. Nothing of it is in then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChangeError {
    /// It does not fit the world as the transaction sees it.
    Apply(ApplyError),
    /// The transaction would hold more than it may, see [`MAX_TRANSACTION_BYTES`].
    TooLarge,
}

/// Reads of one version of the world and changes on top of it, not charged and not bound to a realm: for the embedder's
/// own work, and what a [`StateHandle`](super::StateHandle) is made of. [`UnifiedState::begin`](super::UnifiedState::begin)
/// makes one, [`UnifiedState::commit`](super::UnifiedState::commit) makes it true.
#[derive(Clone, Debug)]
pub struct Transaction {
    base: Arc<World>,
    draft: Arc<World>,
    events: Vec<StateEvent>,
    runs: Vec<RunOf>,
    reads: ReadSet,
    bytes: u64,
}

/// A run that is kept beside its event.
#[derive(Clone, Debug)]
pub struct RunOf {
    /// The index of its event among those of its commit.
    pub event: usize,
    /// How many events right before that one are its own effects. It has seen what came before those.
    pub effects: usize,
    /// The run.
    pub record: Arc<RunRecord>,
}

impl Transaction {
    /// A transaction on this version.
    pub fn new(base: Arc<World>) -> Transaction {
        Transaction {
            draft: base.clone(),
            base,
            events: Vec::new(),
            runs: Vec::new(),
            reads: ReadSet::default(),
            bytes: 0,
        }
    }
    /// The version it began on.
    pub fn base(&self) -> &Arc<World> {
        &self.base
    }
    /// The world with its own changes in. Reads of it are not noted: see [`Transaction::note`].
    pub fn draft(&self) -> &Arc<World> {
        &self.draft
    }
    /// Its events so far, in order.
    pub fn events(&self) -> &[StateEvent] {
        &self.events
    }
    /// Notes keys as read that somebody read from [`Transaction::draft`].
    pub fn note(&mut self, reads: ReadSet) {
        self.reads.merge(reads);
    }
    /// Notes one key as read.
    pub fn note_key(&mut self, key: StateKey) {
        self.reads.add(key);
    }

    /// The trust vector of a DID.
    pub fn trust(&mut self, did: &str) -> Option<TrustVector> {
        self.reads.add(StateKey::Trust(did.into()));
        self.draft.trust(did)
    }
    /// The balance of a DID.
    pub fn balance(&mut self, did: &str) -> Option<i128> {
        self.reads.add(StateKey::Balance(did.into()));
        self.draft.balance(did)
    }
    /// Whether an identity holds a credential.
    pub fn has_credential(&mut self, did: &str, schema: &str) -> bool {
        self.reads.add(StateKey::Credentials(did.into()));
        self.draft.has_credential(did, schema)
    }
    /// Whether a DID is known.
    pub fn knows(&mut self, did: &str) -> bool {
        self.reads.add(StateKey::Identity(did.into()));
        self.draft.knows(did)
    }
    /// Whether a DID is a member of a realm; None where there is no such realm.
    pub fn is_member(&mut self, realm: &str, did: &str) -> Option<bool> {
        let key = StateKey::Member(realm.into(), did.into());
        self.of_realm(realm, key).map(|realm| realm.is_member(did))
    }
    /// How many members a realm has; None where there is no such realm.
    pub fn member_count(&mut self, realm: &str) -> Option<u64> {
        let key = StateKey::Members(realm.into());
        self.of_realm(realm, key).map(|realm| realm.member_count())
    }
    /// The mean of all trust; None where there are no identities.
    pub fn mean_trust(&mut self) -> Option<f64> {
        self.reads.add(StateKey::AllTrust);
        self.draft.mean_trust(&[])
    }
    /// The value under a key of a realm's store: None where there is no such realm, Some(None) where there is no value.
    pub fn store_get(&mut self, realm: &str, key: &str) -> Option<Option<StoreValue>> {
        let read = StateKey::Store(realm.into(), key.into());
        self.of_realm(realm, read).map(|realm| realm.stored(key).map(owned))
    }
    /// A realm's whole store, in ascending order of the keys; None where there is no such realm.
    pub fn store_scan(&mut self, realm: &str) -> Option<Vec<(Box<str>, StoreValue)>> {
        let all = self.of_realm(realm, StateKey::StoreKeys(realm.into()))?.store();
        Some(all.into_iter().map(|(key, value)| (key.into(), owned(value))).collect())
    }
    /// The votes on a realm's proposal; None where there is no such realm.
    pub fn tally(&mut self, realm: &str, proposal: &str) -> Option<Tally> {
        let key = StateKey::Votes(realm.into(), proposal.into());
        self.of_realm(realm, key).map(|realm| realm.tally(proposal))
    }
    /// Notes that a part of a realm was read, or that the realm is not there.
    fn of_realm(&mut self, id: &str, part: StateKey) -> Option<&super::Realm> {
        match self.draft.realm(id) {
            Some(realm) => {
                self.reads.add(part);
                Some(realm)
            }
            None => {
                self.reads.add(StateKey::Realm(id.into()));
                None
            }
        }
    }

    /// Takes a change or an event in.
    pub fn push(&mut self, event: StateEvent) -> Result<(), ChangeError> {
        if !event.is_shallow() {
            return Err(ChangeError::Apply(ApplyError::OutOfRange));
        }
        let bytes = self.bytes.saturating_add(event_bytes(&event));
        if bytes > MAX_TRANSACTION_BYTES {
            return Err(ChangeError::TooLarge);
        }
        if event.changes_world() {
            let version = self.base.version().saturating_add(1);
            Arc::make_mut(&mut self.draft).apply(&event, version).map_err(ChangeError::Apply)?;
        }
        self.bytes = bytes;
        self.events.push(event);
        Ok(())
    }
    /// Takes many in, all or none.
    pub fn push_all(&mut self, events: impl IntoIterator<Item = StateEvent>) -> Result<(), ChangeError> {
        let (draft, count, bytes) = (self.draft.clone(), self.events.len(), self.bytes);
        let taken = events.into_iter().try_for_each(|event| self.push(event));
        if taken.is_err() {
            (self.draft, self.bytes) = (draft, bytes);
            self.events.truncate(count);
        }
        taken
    }
    /// Takes the effects of an allowed run in, all or none. `realm` is where its events come from.
    pub fn apply_effects(&mut self, realm: &Arc<str>, effects: &[Effect]) -> Result<(), ChangeError> {
        self.push_all(effects.iter().map(|effect| event_of(realm, effect)))
    }

    /// Takes a run in, all of it or nothing: its effects if it was allowed, then its event, and beside that what decides it
    /// again, where a journal is to keep it. The run must have read what this transaction held so far, and nobody may have told the
    /// state of it: the commit does.
    pub fn push_run(
        &mut self,
        realm: &Arc<str>,
        effects: &[Effect],
        event: StateEvent,
        record: Option<RunRecord>,
    ) -> Result<(), ChangeError> {
        let bytes = record.as_ref().map_or(0, RunRecord::bytes);
        if self.bytes.saturating_add(bytes) > MAX_TRANSACTION_BYTES {
            return Err(ChangeError::TooLarge);
        }
        self.push_all(effects.iter().map(|effect| event_of(realm, effect)).chain([event]))?;
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(record) = record {
            let (event, effects) = (self.events.len().saturating_sub(1), effects.len());
            self.runs.push(RunOf { event, effects, record: Arc::new(record) });
        }
        Ok(())
    }
    /// Runs that are kept beside their events, in order.
    pub fn runs(&self) -> &[RunOf] {
        &self.runs
    }

    /// Keys that it has written, all different, in order.
    pub fn written(&self) -> BTreeSet<StateKey> {
        self.events.iter().flat_map(StateEvent::keys).collect()
    }
    /// The keys that it has read or written and that `now` has changed since it began, in order.
    pub fn conflicts(&self, now: &World) -> Vec<StateKey> {
        let since = self.base.version();
        if now.version() == since {
            return Vec::new();
        }
        let mut found = self.written();
        found.retain(|key| now.changed_since(key, since));
        found.extend(self.reads.iter().filter(|key| now.changed_since(key, since)).cloned());
        found.into_iter().collect()
    }
    /// Whether it changes the world.
    pub fn changes_world(&self) -> bool {
        self.events.iter().any(StateEvent::changes_world)
    }
    /// The version that comes of it on top of `now`. None where there is none: version numbers ran out, or it does not
    /// fit, which only a caller that passed over [`Transaction::conflicts`] sees.
    pub(super) fn next(&self, now: &Arc<World>) -> Option<Arc<World>> {
        let version = now.version().checked_add(1)?;
        let mut next = if Arc::ptr_eq(now, &self.base) { (*self.draft).clone() } else { (**now).clone() };
        if !Arc::ptr_eq(now, &self.base) {
            self.events.iter().try_for_each(|event| next.apply(event, version)).ok()?;
        }
        next.version = version;
        Some(Arc::new(next))
    }
}

/// What an effect of a run changes.
pub(crate) fn event_of(realm: &Arc<str>, effect: &Effect) -> StateEvent {
    match effect {
        Effect::StorePut { realm, key, value } => StateEvent::StoreWritten {
            realm_id: realm.as_ref().into(),
            key: key.as_ref().into(),
            value: Some(value.clone()),
        },
        Effect::StoreDelete { realm, key } => StateEvent::StoreWritten {
            realm_id: realm.as_ref().into(),
            key: key.as_ref().into(),
            value: None,
        },
        Effect::TrustUpdate { did, delta, new } => StateEvent::TrustUpdate {
            did: did.as_ref().into(),
            delta: *delta,
            new: *new,
            reason: TrustReason::EclPolicy,
            realm_id: Some(realm.clone()),
        },
        Effect::Vote { realm, proposal, voter, yes } => StateEvent::VoteCast {
            realm_id: realm.as_ref().into(),
            proposal: proposal.as_ref().into(),
            voter: voter.as_ref().into(),
            yes: *yes,
        },
        Effect::Emit { name, payload } => StateEvent::UserEvent {
            realm_id: realm.clone(),
            name: name.as_ref().into(),
            payload: payload.clone(),
        },
    }
}

pub(super) fn owned(value: crate::kernel::host::StoreValueRef<'_>) -> StoreValue {
    use crate::kernel::host::StoreValueRef;
    match value {
        StoreValueRef::Text(text) => StoreValue::Text(text.into()),
        StoreValueRef::Number(x) => StoreValue::Number(x),
        StoreValueRef::Bool(x) => StoreValue::Bool(x),
    }
}

/// Bytes that an event counts: its texts and values, and 64 for itself.
fn event_bytes(event: &StateEvent) -> u64 {
    let len = |text: &str| text.len() as u64;
    let stored = |value: &StoreValue| match value {
        StoreValue::Text(text) => text.len() as u64,
        StoreValue::Number(_) => 8,
        StoreValue::Bool(_) => 1,
    };
    64 + match event {
        StateEvent::TrustUpdate { did, .. } => len(did) + 56,
        StateEvent::VoteCast { realm_id, proposal, voter, .. } => len(realm_id) + len(proposal) + len(voter),
        StateEvent::ProposalCreated { realm_id, proposal, proposer, text } => {
            len(realm_id) + len(proposal) + len(proposer) + len(text)
        }
        StateEvent::StoreWritten { realm_id, key, value } => {
            len(realm_id) + len(key) + value.as_ref().map_or(0, stored)
        }
        StateEvent::UserEvent { realm_id, name, payload } => {
            len(realm_id) + len(name) + payload.bytes() + 64 * payload.elements()
        }
        StateEvent::Transferred { from, to, .. } => len(from) + len(to) + 16,
        StateEvent::CredentialChanged { did, schema, .. } => len(did) + len(schema),
        StateEvent::IdentityCreated(record) => {
            let texts = record.credentials.iter().chain(&record.realms);
            len(&record.did) + texts.map(|text| len(text) + 64).sum::<u64>()
        }
        StateEvent::RealmCreated(record) => {
            let members = record.members.iter().map(|did| len(did) + 64).sum::<u64>();
            let store = record.store.iter().map(|(key, value)| len(key) + stored(value) + 64).sum::<u64>();
            len(&record.id) + members + store
        }
        StateEvent::RealmChanged { realm_id, .. } => len(realm_id),
        _ => 0,
    }
}
