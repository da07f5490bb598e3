//! A world, as policies see it.

use super::world::{Realm, World};
use crate::kernel::effects::StoreValue;
use crate::kernel::host::{EntryPolicy, HostError, HostInterface, HostResult, RealmFacts, StoreValueRef};
use crate::kernel::value::TrustVector;
use std::sync::Arc;

/// Reads of one version of the world. Every answer but one costs a table look-up or two.
#[derive(Clone, Debug)]
pub struct StateHost {
    world: Arc<World>,
}

impl StateHost {
    /// A host over this world.
    pub fn new(world: Arc<World>) -> StateHost {
        StateHost { world }
    }
    /// The world.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }
    fn known_realm(&self, id: &str) -> HostResult<&Realm> {
        self.world.realm(id).ok_or_else(|| HostError::new(format!("no realm `{id}`")))
    }
}

pub(super) fn borrow(value: &StoreValue) -> StoreValueRef<'_> {
    match value {
        StoreValue::Text(text) => StoreValueRef::Text(text),
        StoreValue::Number(x) => StoreValueRef::Number(*x),
        StoreValue::Bool(x) => StoreValueRef::Bool(*x),
    }
}

impl HostInterface for StateHost {
    fn version(&self) -> u64 {
        self.world.version()
    }
    fn trust(&self, did: &str) -> HostResult<Option<TrustVector>> {
        Ok(self.world.identity(did).map(|identity| identity.trust))
    }
    fn has_credential(&self, did: &str, schema: &str) -> HostResult<bool> {
        let Some(schema) = self.world.schema(schema) else { return Ok(false) };
        Ok(self.world.identity(did).is_some_and(|identity| identity.holds(schema)))
    }
    fn resolve_did(&self, did: &str) -> HostResult<bool> {
        Ok(self.world.identity(did).is_some())
    }
    fn balance(&self, did: &str) -> HostResult<i128> {
        Ok(self.world.identity(did).map_or(0, |identity| identity.balance))
    }
    fn is_member(&self, realm: &str, did: &str) -> HostResult<bool> {
        Ok(self.known_realm(realm)?.members.contains(did))
    }
    fn realm(&self, realm: &str) -> HostResult<Option<RealmFacts>> {
        Ok(self.world.realm(realm).map(|realm| RealmFacts {
            member_count: realm.member_count(),
            trust_threshold: realm.trust_threshold,
            quarantined: realm.quarantined,
        }))
    }
    fn mean_trust(&self, changed: &[(&str, TrustVector)]) -> HostResult<Option<f64>> {
        Ok(self.world.mean_trust(changed))
    }
    fn store_get<'a>(&'a self, realm: &str, key: &str) -> HostResult<Option<StoreValueRef<'a>>> {
        Ok(self.known_realm(realm)?.store.get(key).map(borrow))
    }
    fn entry_policy(&self, realm: &str) -> HostResult<EntryPolicy> {
        Ok(match self.world.realm(realm) {
            None => EntryPolicy::UnknownRealm,
            Some(realm) if realm.quarantined => EntryPolicy::Quarantined,
            Some(Realm { entry: Some(policy), .. }) => EntryPolicy::Program(policy.clone()),
            Some(_) => EntryPolicy::Default,
        })
    }

    fn is_fast(&self) -> bool {
        true
    }

    // What a whole column shares (the schema, the realm) is looked up once. The trait's own loops do for the others: here
    // they call `trust` and its kin directly.
    fn has_credential_batch(&self, dids: &[&str], schema: &str, out: &mut [bool]) -> HostResult<()> {
        let schema = self.world.schema(schema);
        for (did, slot) in dids.iter().zip(out) {
            *slot = schema.is_some_and(|schema| {
                self.world.identity(did).is_some_and(|identity| identity.holds(schema))
            });
        }
        Ok(())
    }
    fn is_member_batch(&self, realm: &str, dids: &[&str], out: &mut [bool]) -> HostResult<()> {
        let members = &self.known_realm(realm)?.members;
        for (did, slot) in dids.iter().zip(out) {
            *slot = members.contains(*did);
        }
        Ok(())
    }
    fn store_get_batch<'a>(
        &'a self,
        realm: &str,
        keys: &[&str],
        out: &mut [Option<StoreValueRef<'a>>],
    ) -> HostResult<()> {
        let store = &self.known_realm(realm)?.store;
        for (key, slot) in keys.iter().zip(out) {
            *slot = store.get(*key).map(borrow);
        }
        Ok(())
    }
}
