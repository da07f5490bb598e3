//! A host as earlier allowed requests have left it: what a batch of policies that write runs on, one request after the
//! other.

use crate::kernel::effects::{Effect, StoreValue};
use crate::kernel::host::{EntryPolicy, HostInterface, HostResult, RealmFacts, StoreValueRef};
use crate::kernel::value::TrustVector;
use foldhash::HashMap;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What was written under each key of a store; None where it was deleted.
type Store = HashMap<Box<str>, Option<StoreValue>>;

/// A host and the writes that were granted on top of it. Votes and events are nothing that a policy can read; a vote makes
/// a new version all the same.
pub struct OverlayHost<'h> {
    base: &'h dyn HostInterface,
    trust: BTreeMap<Box<str>, TrustVector>,
    stores: HashMap<Box<str>, Store>,
    commits: u64,
    /// The mean trust as of the last commit, once somebody asked.
    mean: OnceLock<Option<f64>>,
}

impl<'h> OverlayHost<'h> {
    /// The host as it is.
    pub fn new(base: &'h dyn HostInterface) -> OverlayHost<'h> {
        OverlayHost {
            base,
            trust: BTreeMap::new(),
            stores: HashMap::default(),
            commits: 0,
            mean: OnceLock::new(),
        }
    }
    /// Commits the effects of one allowed run. They make one new version, unless they are events only.
    pub fn apply(&mut self, effects: &[Effect]) {
        let mut changed = false;
        for effect in effects {
            changed |= !matches!(effect, Effect::Emit { .. });
            match effect {
                Effect::StorePut { realm, key, value } => self.store(realm, key, Some(value.clone())),
                Effect::StoreDelete { realm, key } => self.store(realm, key, None),
                Effect::TrustUpdate { did, new, .. } => {
                    self.trust.insert(did.clone(), *new);
                    self.mean = OnceLock::new();
                }
                Effect::Vote { .. } | Effect::Emit { .. } => {}
            }
        }
        self.commits += u64::from(changed);
    }
    /// The host underneath.
    pub(crate) fn base(&self) -> &'h dyn HostInterface {
        self.base
    }
    /// Its version, where `base` is the version of the host underneath.
    pub(crate) fn version_over(&self, base: u64) -> u64 {
        base.saturating_add(self.commits)
    }
    fn store(&mut self, realm: &str, key: &str, value: Option<StoreValue>) {
        if let Some(slot) = self.stores.get_mut(realm).and_then(|store| store.get_mut(key)) {
            *slot = value;
        } else {
            self.stores.entry(realm.into()).or_default().insert(key.into(), value);
        }
    }
    /// Both lists in one, in order of the DIDs; a vector of `changed` hides one of an earlier request.
    fn merged<'a>(&'a self, changed: &[(&'a str, TrustVector)]) -> Vec<(&'a str, TrustVector)> {
        let mut all = Vec::with_capacity(self.trust.len() + changed.len());
        let mut newer = changed.iter().copied().peekable();
        for (did, trust) in &self.trust {
            while let Some(new) = newer.next_if(|(new, _)| *new < &**did) {
                all.push(new);
            }
            all.push(newer.next_if(|(new, _)| *new == &**did).unwrap_or((did, *trust)));
        }
        all.extend(newer);
        all
    }
}

impl HostInterface for OverlayHost<'_> {
    fn version(&self) -> u64 {
        self.version_over(self.base.version())
    }
    fn trust(&self, did: &str) -> HostResult<Option<TrustVector>> {
        match self.trust.get(did) {
            Some(trust) => Ok(Some(*trust)),
            None => self.base.trust(did),
        }
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
        if !changed.is_empty() {
            return self.base.mean_trust(&self.merged(changed));
        }
        if let Some(mean) = self.mean.get() {
            return Ok(*mean);
        }
        let mean = self.base.mean_trust(&self.merged(&[]))?;
        Ok(*self.mean.get_or_init(|| mean))
    }
    fn store_get<'a>(&'a self, realm: &str, key: &str) -> HostResult<Option<StoreValueRef<'a>>> {
        match self.stores.get(realm).and_then(|store| store.get(key)) {
            Some(value) => Ok(value.as_ref().map(borrow)),
            None => self.base.store_get(realm, key),
        }
    }
    fn entry_policy(&self, realm: &str) -> HostResult<EntryPolicy> {
        self.base.entry_policy(realm)
    }
    fn is_fast(&self) -> bool {
        self.base.is_fast()
    }
}

fn borrow(value: &StoreValue) -> StoreValueRef<'_> {
    match value {
        StoreValue::Text(text) => StoreValueRef::Text(text),
        StoreValue::Number(x) => StoreValueRef::Number(*x),
        StoreValue::Bool(x) => StoreValueRef::Bool(*x),
    }
}
