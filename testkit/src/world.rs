//! A world of plain tables that the reference reads directly and that engines read as a host: both see the same.

use crate::reference::source::Source;
use eclvm::Policy;
use eclvm_kernel::effects::StoreValue;
use eclvm_kernel::host::{EntryPolicy, HostError, HostInterface, HostResult, RealmFacts, StoreValueRef};
use eclvm_kernel::value::TrustVector;
use std::collections::{BTreeMap, BTreeSet};

/// One identity.
#[derive(Clone, Debug, Default)]
pub struct RefIdentity {
    /// Its trust vector.
    pub trust: [f64; 6],
    /// Its balance.
    pub balance: i128,
    /// Names of the schemas of its credentials.
    pub credentials: BTreeSet<String>,
    /// Realms that it says it belongs to.
    pub memberships: BTreeSet<String>,
}

/// One realm.
#[derive(Debug, Default)]
pub struct RefRealm {
    /// DIDs that it lists.
    pub members: BTreeSet<String>,
    /// What it answers as its number of members, where that is not the plain count (to reach numbers beyond 2^53).
    pub claimed_members: Option<u64>,
    /// Its threshold.
    pub threshold: f64,
    /// Whether nobody may enter.
    pub quarantined: bool,
    /// Its store.
    pub store: BTreeMap<String, StoreValue>,
    /// Its entry policy, once for the reference and once for engines.
    pub entry: Option<Entry>,
}

/// An entry policy.
#[derive(Debug)]
pub struct Entry {
    /// For the reference.
    pub source: Source,
    /// For engines.
    pub policy: Policy,
}

impl Entry {
    /// Compiles it; None where it does not compile to one policy.
    pub fn new(text: &str) -> Option<Entry> {
        let policy = Policy::compile(text).ok()?;
        Some(Entry { source: Source::compile(text)?, policy })
    }
}

/// The world.
#[derive(Debug, Default)]
pub struct RefWorld {
    /// Its version.
    pub version: u64,
    /// Identities by DID.
    pub identities: BTreeMap<String, RefIdentity>,
    /// Realms by id.
    pub realms: BTreeMap<String, RefRealm>,
    /// DIDs, realms and keys about which the host can say nothing but that it failed.
    pub broken: BTreeSet<String>,
}

impl RefWorld {
    /// Whether a DID is a member: listed by the realm or by the identity.
    pub fn member(&self, realm: &str, did: &str) -> bool {
        self.realms.get(realm).is_some_and(|r| r.members.contains(did))
            || self.identities.get(did).is_some_and(|i| i.memberships.contains(realm))
    }
    /// Distinct DIDs that are members.
    pub fn member_count(&self, realm: &str) -> u64 {
        let Some(facts) = self.realms.get(realm) else { return 0 };
        facts.claimed_members.unwrap_or_else(|| {
            let all: BTreeSet<&String> = facts.members.iter().chain(self.identities.keys()).collect();
            all.into_iter().filter(|did| self.member(realm, did)).count() as u64
        })
    }
    /// An error where the host is broken at this name.
    pub fn works(&self, name: &str) -> HostResult<()> {
        if self.broken.contains(name) {
            Err(HostError::new(format!("no answer about `{name}`")))
        } else {
            Ok(())
        }
    }
}

impl HostInterface for RefWorld {
    fn version(&self) -> u64 {
        self.version
    }
    fn trust(&self, did: &str) -> HostResult<Option<TrustVector>> {
        self.works(did)?;
        Ok(self.identities.get(did).map(|i| TrustVector(i.trust)))
    }
    fn has_credential(&self, did: &str, schema: &str) -> HostResult<bool> {
        self.works(did)?;
        Ok(self.identities.get(did).is_some_and(|i| i.credentials.contains(schema)))
    }
    fn resolve_did(&self, did: &str) -> HostResult<bool> {
        self.works(did)?;
        Ok(self.identities.contains_key(did))
    }
    fn balance(&self, did: &str) -> HostResult<i128> {
        self.works(did)?;
        Ok(self.identities.get(did).map_or(0, |i| i.balance))
    }
    fn is_member(&self, realm: &str, did: &str) -> HostResult<bool> {
        self.works(did)?;
        Ok(self.member(realm, did))
    }
    fn realm(&self, realm: &str) -> HostResult<Option<RealmFacts>> {
        self.works(realm)?;
        Ok(self.realms.get(realm).map(|r| RealmFacts {
            member_count: self.member_count(realm),
            trust_threshold: r.threshold,
            quarantined: r.quarantined,
        }))
    }
    fn mean_trust(&self, changed: &[(&str, TrustVector)]) -> HostResult<Option<f64>> {
        self.works("trust.avg")?;
        let changed: BTreeMap<&str, TrustVector> = changed.iter().copied().collect();
        let mut sum = None;
        for (did, identity) in &self.identities {
            let [r, i, c, p, v, o] = changed.get(did.as_str()).map_or(identity.trust, |t| t.0);
            let norm = (r + i + c + p + v + o) / 6.0;
            sum = Some(sum.map_or(norm, |sum| sum + norm));
        }
        Ok(sum.map(|sum: f64| sum / self.identities.len() as f64))
    }
    fn store_get<'a>(&'a self, realm: &str, key: &str) -> HostResult<Option<StoreValueRef<'a>>> {
        self.works(key)?;
        Ok(self.realms.get(realm).and_then(|r| r.store.get(key)).map(|value| match value {
            StoreValue::Text(s) => StoreValueRef::Text(s),
            StoreValue::Number(n) => StoreValueRef::Number(*n),
            StoreValue::Bool(b) => StoreValueRef::Bool(*b),
        }))
    }
    fn entry_policy(&self, realm: &str) -> HostResult<EntryPolicy> {
        self.works(realm)?;
        Ok(match self.realms.get(realm) {
            None => EntryPolicy::UnknownRealm,
            Some(r) if r.quarantined => EntryPolicy::Quarantined,
            Some(RefRealm { entry: Some(entry), .. }) => {
                EntryPolicy::Program(entry.policy.executable().clone())
            }
            Some(_) => EntryPolicy::Default,
        })
    }
    fn is_fast(&self) -> bool {
        // Either way the receipts are the same; half the worlds look at the clock after each call.
        self.version.is_multiple_of(2)
    }
}
