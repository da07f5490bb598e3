//! What requests of a batch read and write, as far as they can see of each other: trust vectors and stores. Votes and
//! events cannot be read, and nothing else of the world can be written by a policy.
//!
//! A key is the hash of a name. Two names of one hash are one key: that takes a conflict for one where there is none, and
//! never the other way round.

use crate::host::OverlayHost;
use crate::kernel::effects::Effect;
use crate::kernel::host::{EntryPolicy, HostInterface, HostResult, RealmFacts, StoreValueRef};
use crate::kernel::limits::MAX_NOTED_READS;
use crate::kernel::value::TrustVector;
use foldhash::HashSet;
use foldhash::fast::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Every trust vector at once: what the mean reads, and what each update writes.
const ALL_TRUST: u64 = 0;
/// Whatever was written at all: what a request has read that has read too much to be told apart.
const EVERYTHING: u64 = 1;
/// The version that receipts of speculative runs say: the one in order is not known yet. A receipt of a run that panicked
/// says 0 in any order.
pub(super) const UNKNOWN_VERSION: u64 = 1;

/// How names become keys: one way for a whole portion, and another one each time, since strangers choose the names.
#[derive(Clone, Default)]
pub(super) struct Keys(RandomState);

impl Keys {
    fn trust(&self, did: &str) -> u64 {
        self.0.hash_one(did)
    }
    fn store(&self, realm: &str, key: &str) -> u64 {
        self.0.hash_one((realm, key))
    }
    /// Adds what these effects write.
    pub(super) fn written(&self, effects: &[Effect], mut add: impl FnMut(u64)) {
        for effect in effects {
            match effect {
                Effect::StorePut { realm, key, .. } | Effect::StoreDelete { realm, key } => {
                    add(self.store(realm, key));
                }
                Effect::TrustUpdate { did, .. } => {
                    add(self.trust(did));
                    add(ALL_TRUST);
                }
                Effect::Vote { .. } | Effect::Emit { .. } => {}
            }
        }
    }
}

/// Whether one of these reads was overtaken by one of these writes.
pub(super) fn overtaken(reads: &[u64], written: &HashSet<u64>) -> bool {
    !written.is_empty() && reads.iter().any(|key| *key == EVERYTHING || written.contains(key))
}

/// The host as of the beginning of a wave, for one thread, which notes what a run reads.
pub(super) struct NotedHost<'h> {
    base: &'h OverlayHost<'h>,
    keys: &'h Keys,
    reads: Mutex<Vec<u64>>,
}

impl<'h> NotedHost<'h> {
    pub(super) fn new(base: &'h OverlayHost<'h>, keys: &'h Keys) -> NotedHost<'h> {
        NotedHost { base, keys, reads: Mutex::default() }
    }
    /// Moves what was read since the last time to the end of `all`.
    pub(super) fn take(&self, all: &mut Vec<u64>) {
        all.append(&mut self.reads());
    }
    fn reads(&self) -> MutexGuard<'_, Vec<u64>> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn note(&self, key: u64) {
        let mut reads = self.reads();
        if reads.contains(&key) {
            return;
        }
        match reads.len() {
            0..MAX_NOTED_READS => reads.push(key),
            MAX_NOTED_READS => reads.push(EVERYTHING),
            _ => {}
        }
    }
}

impl HostInterface for NotedHost<'_> {
    fn version(&self) -> u64 {
        // Asked all the same: a host that panics here does so in any order.
        let _ = self.base.version();
        UNKNOWN_VERSION
    }
    fn trust(&self, did: &str) -> HostResult<Option<TrustVector>> {
        self.note(self.keys.trust(did));
        self.base.trust(did)
    }
    fn has_credential(&self, did: &str, schema: &str) -> HostResult<bool> {
        self.base.has_credential(did, schema)
    }
    fn resolve_did(&self, did: &str) -> HostResult<bool> {
        self.base.resolve_did(did)
    }
    fn balance(&self, did: &str) -> HostResult<i128> {
        self.base.balance(did)
    }
    fn is_member(&self, realm: &str, did: &str) -> HostResult<bool> {
        self.base.is_member(realm, did)
    }
    fn realm(&self, realm: &str) -> HostResult<Option<RealmFacts>> {
        self.base.realm(realm)
    }
    fn mean_trust(&self, changed: &[(&str, TrustVector)]) -> HostResult<Option<f64>> {
        self.note(ALL_TRUST);
        self.base.mean_trust(changed)
    }
    fn store_get<'a>(&'a self, realm: &str, key: &str) -> HostResult<Option<StoreValueRef<'a>>> {
        self.note(self.keys.store(realm, key));
        self.base.store_get(realm, key)
    }
    fn entry_policy(&self, realm: &str) -> HostResult<EntryPolicy> {
        self.base.entry_policy(realm)
    }
    fn is_fast(&self) -> bool {
        self.base.is_fast()
    }
}
