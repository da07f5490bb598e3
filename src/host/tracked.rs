//! A version of the world as policies see it, with a list of what they read: what a transaction must know to be refused
//! when somebody else was first.
//!
//! Members are noted with the realm whenever its facts are asked for, since these include their number, and a run asks for
//! them whenever it touches its realm. So a run in a realm also conflicts with whoever joins or leaves it meanwhile.

use super::state_host::{entry_policy, known_realm};
use crate::kernel::host::{EntryPolicy, HostInterface, HostResult, RealmFacts, StoreValueRef};
use crate::kernel::value::TrustVector;
use crate::state::{ReadSet, Realm, StateKey, World};
use std::sync::{Arc, Mutex, PoisonError};

/// Reads of one version of the world, noted.
#[derive(Debug)]
pub struct TrackedHost {
    world: Arc<World>,
    version: u64,
    reads: Mutex<ReadSet>,
}

impl TrackedHost {
    /// A host over this world, which has read nothing yet. Receipts say `version`.
    pub fn new(world: Arc<World>, version: u64) -> TrackedHost {
        TrackedHost { world, version, reads: Mutex::default() }
    }
    /// What was read.
    pub fn into_reads(self) -> ReadSet {
        self.reads.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
    fn note(&self, key: StateKey) {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner).add(key);
    }
    /// Notes a part of a realm, or that it is not there.
    fn note_of(&self, realm: &str, part: impl FnOnce(Arc<str>) -> StateKey) {
        let known = self.world.realm(realm).is_some();
        self.note(if known { part(realm.into()) } else { StateKey::Realm(realm.into()) });
    }
}

impl HostInterface for TrackedHost {
    fn version(&self) -> u64 {
        self.version
    }
    fn trust(&self, did: &str) -> HostResult<Option<TrustVector>> {
        self.note(StateKey::Trust(did.into()));
        Ok(self.world.trust(did))
    }
    fn has_credential(&self, did: &str, schema: &str) -> HostResult<bool> {
        self.note(StateKey::Credentials(did.into()));
        Ok(self.world.has_credential(did, schema))
    }
    fn resolve_did(&self, did: &str) -> HostResult<bool> {
        self.note(StateKey::Identity(did.into()));
        Ok(self.world.knows(did))
    }
    fn balance(&self, did: &str) -> HostResult<i128> {
        self.note(StateKey::Balance(did.into()));
        Ok(self.world.balance(did).unwrap_or(0))
    }
    fn is_member(&self, realm: &str, did: &str) -> HostResult<bool> {
        self.note_of(realm, |realm| StateKey::Member(realm, did.into()));
        Ok(known_realm(&self.world, realm)?.is_member(did))
    }
    fn realm(&self, realm: &str) -> HostResult<Option<RealmFacts>> {
        self.note(StateKey::Realm(realm.into()));
        self.note_of(realm, StateKey::Members);
        Ok(self.world.realm(realm).map(Realm::facts))
    }
    fn mean_trust(&self, changed: &[(&str, TrustVector)]) -> HostResult<Option<f64>> {
        self.note(StateKey::AllTrust);
        Ok(self.world.mean_trust(changed))
    }
    fn store_get<'a>(&'a self, realm: &str, key: &str) -> HostResult<Option<StoreValueRef<'a>>> {
        self.note_of(realm, |realm| StateKey::Store(realm, key.into()));
        Ok(known_realm(&self.world, realm)?.stored(key))
    }
    fn entry_policy(&self, realm: &str) -> HostResult<EntryPolicy> {
        self.note(StateKey::Realm(realm.into()));
        Ok(entry_policy(&self.world, realm))
    }
    fn is_fast(&self) -> bool {
        true
    }
}
