//! A world as a state file, keys in ascending order. What a state file cannot hold is left out: display names, when things
//! came to be, quotas, proposals and votes.

use super::realm::Realm;
use super::world::World;
use crate::kernel::host::StoreValueRef;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// Why a world cannot be a state file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SaveError {
    /// A number in a store, at this path, that JSON has no way to write.
    NotFinite(String),
    /// A policy, at this path, of which there is no source.
    NoSource(String),
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SaveError::NotFinite(path) => write!(f, "{path}: a number that JSON cannot hold"),
            SaveError::NoSource(path) => write!(f, "{path}: a policy without a source"),
        }
    }
}
impl std::error::Error for SaveError {}

impl World {
    /// As a state file, which [`World::from_json`] reads back.
    pub fn to_json(&self) -> Result<Vec<u8>, SaveError> {
        let identity = |profile: &super::Profile| IdentityOut {
            trust: self.trust(&profile.did).unwrap_or_default().0,
            balance: RawValue::from_string(self.balance(&profile.did).unwrap_or(0).to_string()).ok(),
            credentials: self
                .credentials(&profile.did)
                .unwrap_or_default()
                .into_iter()
                .map(Box::from)
                .collect(),
            realms: profile.realms.iter().map(|id| id.as_ref().into()).collect(),
        };
        let identities = self.profiles().map(|profile| (&*profile.did, identity(profile))).collect();
        let mut realms = BTreeMap::new();
        for realm in self.realms() {
            realms.insert(&*realm.id, RealmOut::new(realm)?);
        }
        let mut json = Vec::new();
        // What is written is plain text and numbers that were checked: writing it to memory cannot fail.
        let _ = serde_json::to_writer(&mut json, &WorldOut { identities, realms });
        Ok(json)
    }
}

#[derive(Serialize)]
struct WorldOut<'w> {
    identities: BTreeMap<&'w str, IdentityOut>,
    realms: BTreeMap<&'w str, RealmOut<'w>>,
}

#[derive(Serialize)]
struct IdentityOut {
    trust: [f64; 6],
    /// Its digits, since it may be larger than any number that JSON libraries know.
    balance: Option<Box<RawValue>>,
    credentials: Vec<Box<str>>,
    realms: Vec<Box<str>>,
}

#[derive(Serialize)]
struct RealmOut<'w> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'w str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'w str>,
    members: Vec<&'w str>,
    trust_threshold: f64,
    quarantined: bool,
    store: BTreeMap<&'w str, StoredOut<'w>>,
    policies: BTreeMap<&'w str, &'w str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum StoredOut<'w> {
    Text(&'w str),
    Number(f64),
    Bool(bool),
}

impl<'w> RealmOut<'w> {
    fn new(realm: &'w Realm) -> Result<RealmOut<'w>, SaveError> {
        let mut store = BTreeMap::new();
        for (key, value) in realm.store() {
            let value = match value {
                StoreValueRef::Text(text) => StoredOut::Text(text),
                StoreValueRef::Bool(x) => StoredOut::Bool(x),
                StoreValueRef::Number(x) if x.is_finite() => StoredOut::Number(x),
                StoreValueRef::Number(_) => {
                    return Err(SaveError::NotFinite(format!("realms.{}.store.{key}", realm.id)));
                }
            };
            store.insert(key, value);
        }
        let mut policies = BTreeMap::new();
        for policy in realm.policies.iter() {
            let path = || format!("realms.{}.policies.{}", realm.id, policy.name);
            let source = policy.source.as_deref().ok_or_else(|| SaveError::NoSource(path()))?;
            policies.insert(&*policy.name, source);
        }
        Ok(RealmOut {
            name: realm.name.as_deref(),
            owner: realm.owner.as_deref(),
            members: realm.members(),
            trust_threshold: realm.trust_threshold,
            quarantined: realm.quarantined,
            store,
            policies,
        })
    }
}
