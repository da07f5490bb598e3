//! What a run wants changed, and how its own reads see it.
//!
//! Keys and values are copied to the arena once, when they are written, and counted as run memory.

use crate::effects::{Effect, StoreValue};
use crate::host::{HostInterface, HostResult, StoreValueRef};
use crate::value::{TrustVector, Value};
use std::collections::BTreeMap;

/// One effect, on the arena.
pub(crate) enum Write<'a> {
    Put { realm: &'a str, key: &'a str, value: StoreValueRef<'a> },
    Delete { realm: &'a str, key: &'a str },
    Trust { did: &'a str, delta: f64, new: TrustVector },
    Vote { realm: &'a str, proposal: &'a str, voter: &'a str, yes: bool },
    Emit { name: &'a str, payload: Value },
}

/// The effects of a run in order, and what its reads see of them.
#[derive(Default)]
pub(crate) struct Writes<'a> {
    list: Vec<Write<'a>>,
    store: BTreeMap<(&'a str, &'a str), Option<StoreValueRef<'a>>>,
    trust: BTreeMap<&'a str, TrustVector>,
    mean: Option<Option<f64>>,
}

impl<'a> Writes<'a> {
    pub(crate) fn push(&mut self, write: Write<'a>) {
        match &write {
            Write::Put { realm, key, value } => {
                self.store.insert((*realm, *key), Some(*value));
            }
            Write::Delete { realm, key } => {
                self.store.insert((*realm, *key), None);
            }
            Write::Trust { did, new, .. } => {
                self.trust.insert(*did, *new);
                self.mean = None;
            }
            Write::Vote { .. } | Write::Emit { .. } => {}
        }
        self.list.push(write);
    }
    /// What the run itself has put under a key: Some(None) where it deleted it.
    pub(crate) fn stored(&self, realm: &str, key: &str) -> Option<Option<StoreValueRef<'a>>> {
        // The map's keys live as long as the run; a shorter borrow finds them just as well.
        let map: &BTreeMap<(&str, &str), Option<StoreValueRef<'a>>> = &self.store;
        map.get(&(realm, key)).copied()
    }
    pub(crate) fn trust(&self, did: &str) -> Option<TrustVector> {
        self.trust.get(did).copied()
    }
    /// `trust.avg` with the run's own vectors in place; computed anew only after a change.
    pub(crate) fn mean_trust(&mut self, host: &dyn HostInterface) -> HostResult<Option<f64>> {
        if let Some(mean) = self.mean {
            return Ok(mean);
        }
        let changed: Vec<(&str, TrustVector)> = self.trust.iter().map(|(did, t)| (*did, *t)).collect();
        let mean = host.mean_trust(&changed)?;
        self.mean = Some(mean);
        Ok(mean)
    }
    /// As the receipt has them.
    pub(crate) fn into_effects(self) -> Vec<Effect> {
        self.list
            .into_iter()
            .map(|write| match write {
                Write::Put { realm, key, value } => Effect::StorePut {
                    realm: realm.into(),
                    key: key.into(),
                    value: match value {
                        StoreValueRef::Text(s) => StoreValue::Text(s.into()),
                        StoreValueRef::Number(n) => StoreValue::Number(n),
                        StoreValueRef::Bool(b) => StoreValue::Bool(b),
                    },
                },
                Write::Delete { realm, key } => Effect::StoreDelete { realm: realm.into(), key: key.into() },
                Write::Trust { did, delta, new } => Effect::TrustUpdate { did: did.into(), delta, new },
                Write::Vote { realm, proposal, voter, yes } => {
                    Effect::Vote { realm: realm.into(), proposal: proposal.into(), voter: voter.into(), yes }
                }
                Write::Emit { name, payload } => Effect::Emit { name: name.into(), payload },
            })
            .collect()
    }
}
