//! When keys that are gone went: an absent key carries no version of its last change, so deletions are kept apart.
//!
//! Two generations of at most [`MAX_TOMBSTONES`] each. When the younger is full it becomes the older, and the older is
//! forgotten; from then on whoever looks from a version before the oldest one remembered is told "maybe", which a commit
//! takes for a conflict. So memory is bounded, answers are exact for all but very old snapshots, and never wrong in the
//! unsafe direction. Of a key only its seeded hash is kept: should two share one, the later deletion counts for both.

use super::key::StateKey;
use super::pmap::PMap;
use crate::kernel::limits::MAX_TOMBSTONES;
use foldhash::fast::RandomState;
use std::hash::BuildHasher;

#[derive(Clone, Debug, Default)]
pub(crate) struct Graves {
    hasher: RandomState,
    young: PMap<u64, u64>,
    old: PMap<u64, u64>,
    /// Deletions after `exact` are all remembered.
    exact: u64,
    /// The version that `young` began in.
    began: u64,
}

impl Graves {
    /// A key was deleted in `version`.
    pub(crate) fn dig(&mut self, key: &StateKey, version: u64) {
        let key = self.hasher.hash_one(key);
        if self.young.len() >= MAX_TOMBSTONES {
            self.old = core::mem::take(&mut self.young);
            self.exact = self.began;
            self.began = version;
        }
        self.young.insert(key, version);
    }
    /// Whether a key that is not there may have been deleted after `version`.
    pub(crate) fn maybe_since(&self, key: &StateKey, version: u64) -> bool {
        let key = self.hasher.hash_one(key);
        match self.young.get(&key).or_else(|| self.old.get(&key)) {
            Some(deleted) => *deleted > version,
            None => version < self.exact,
        }
    }
}
