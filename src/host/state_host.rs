//! One version of the world, as policies see it.

use crate::kernel::host::{EntryPolicy, HostError, HostInterface, HostResult, RealmFacts, StoreValueRef};
use crate::kernel::value::TrustVector;
use crate::state::{Realm, StateView, World};
use std::sync::Arc;

/// Reads of one version of the world; nothing durable. For tests and state-only use. Every answer but `mean_trust` costs
/// a table look-up or two.
#[derive(Clone, Debug)]
pub struct StateHost {
    view: StateView,
}

impl StateHost {
    /// A host over a world, a view, or the view of an [`EclvmStateContext`](crate::run::EclvmStateContext).
    pub fn new(view: impl Into<StateView>) -> StateHost {
        StateHost { view: view.into() }
    }
    /// The world.
    pub fn world(&self) -> &Arc<World> {
        self.view.world()
    }
    /// The view that everything is read from.
    pub fn view(&self) -> &StateView {
        &self.view
    }
}

impl From<StateView> for StateHost {
    fn from(view: StateView) -> StateHost {
        StateHost { view }
    }
}

pub(super) fn known_realm<'w>(world: &'w World, id: &str) -> HostResult<&'w Realm> {
    world.realm(id).ok_or_else(|| HostError::new(format!("no realm `{id}`")))
}

pub(super) fn entry_policy(world: &World, realm: &str) -> EntryPolicy {
    match world.realm(realm) {
        None => EntryPolicy::UnknownRealm,
        Some(realm) if realm.quarantined => EntryPolicy::Quarantined,
        Some(realm) => match realm.entry_policy() {
            Some(policy) => EntryPolicy::Program(policy.clone()),
            None => EntryPolicy::Default,
        },
    }
}

impl HostInterface for StateHost {
    fn version(&self) -> u64 {
        self.view.version()
    }
    fn trust(&self, did: &str) -> HostResult<Option<TrustVector>> {
        Ok(self.view.trust(did))
    }
    fn has_credential(&self, did: &str, schema: &str) -> HostResult<bool> {
        Ok(self.view.has_credential(did, schema))
    }
    fn resolve_did(&self, did: &str) -> HostResult<bool> {
        Ok(self.view.knows(did))
    }
    fn balance(&self, did: &str) -> HostResult<i128> {
        Ok(self.view.balance(did).unwrap_or(0))
    }
    fn is_member(&self, realm: &str, did: &str) -> HostResult<bool> {
        Ok(known_realm(&self.view, realm)?.is_member(did))
    }
    fn realm(&self, realm: &str) -> HostResult<Option<RealmFacts>> {
        Ok(self.view.realm(realm).map(Realm::facts))
    }
    fn mean_trust(&self, changed: &[(&str, TrustVector)]) -> HostResult<Option<f64>> {
        Ok(self.view.mean_trust(changed))
    }
    fn store_get<'a>(&'a self, realm: &str, key: &str) -> HostResult<Option<StoreValueRef<'a>>> {
        Ok(known_realm(&self.view, realm)?.stored(key))
    }
    fn entry_policy(&self, realm: &str) -> HostResult<EntryPolicy> {
        Ok(entry_policy(&self.view, realm))
    }

    fn is_fast(&self) -> bool {
        true
    }
    fn is_snapshot(&self) -> bool {
        true
    }

    // What a whole column shares (the schema, the realm) is looked up once. The trait's own loops do for the others: here
    // they call `trust` and its kin directly.
    fn has_credential_batch(&self, dids: &[&str], schema: &str, out: &mut [bool]) -> HostResult<()> {
        let schema = self.view.schema(schema);
        for (did, slot) in dids.iter().zip(out) {
            *slot = schema.is_some_and(|schema| self.view.holds(did, schema));
        }
        Ok(())
    }
    fn is_member_batch(&self, realm: &str, dids: &[&str], out: &mut [bool]) -> HostResult<()> {
        let realm = known_realm(&self.view, realm)?;
        for (did, slot) in dids.iter().zip(out) {
            *slot = realm.is_member(did);
        }
        Ok(())
    }
    fn store_get_batch<'a>(
        &'a self,
        realm: &str,
        keys: &[&str],
        out: &mut [Option<StoreValueRef<'a>>],
    ) -> HostResult<()> {
        let realm = known_realm(&self.view, realm)?;
        for (key, slot) in keys.iter().zip(out) {
            *slot = realm.stored(key);
        }
        Ok(())
    }
}
