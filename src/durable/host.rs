//! The host of production: a durable state, as policies see one version of it.

use super::error::StoreError;
use super::store::DurableStore;
use crate::host::StateHost;
use crate::kernel::host::{EntryPolicy, HostInterface, HostResult, RealmFacts, StoreValueRef};
use crate::kernel::value::TrustVector;
use crate::state::{ChangeError, CommitSink, StateView, Transaction, UnifiedState, World};
use std::path::Path;
use std::sync::Arc;

/// A durable state, and one version of it to read. Reads come from memory and cost what those of [`StateHost`] do. Cheap to
/// clone; the store is closed when the last clone, and the last who holds its state, are gone.
#[derive(Clone, Debug)]
pub struct ErynoaHost {
    state: Arc<UnifiedState>,
    store: Arc<DurableStore>,
    now: StateHost,
}

impl ErynoaHost {
    /// Opens the store of a directory, which is made, empty, where there is none.
    pub fn open(directory: impl AsRef<Path>) -> Result<ErynoaHost, StoreError> {
        Ok(ErynoaHost::new(DurableStore::open(directory)?, None))
    }
    /// Opens the store of a directory; Missing where there is none.
    pub fn open_existing(directory: impl AsRef<Path>) -> Result<ErynoaHost, StoreError> {
        Ok(ErynoaHost::new(DurableStore::open_existing(directory)?, None))
    }
    /// A host on an open store and the world that it holds; `sink` is told of each commit once it is durable.
    pub fn new((store, world): (DurableStore, World), sink: Option<Arc<dyn CommitSink>>) -> ErynoaHost {
        let store = Arc::new(store);
        let state = UnifiedState::with_world(world).with_journal(store.clone());
        let state = Arc::new(match sink {
            Some(sink) => state.with_sink(sink),
            None => state,
        });
        ErynoaHost { now: StateHost::from(state.view()), state, store }
    }
    /// The state, to commit to. Each Success is durable.
    pub fn state(&self) -> &Arc<UnifiedState> {
        &self.state
    }
    /// The store, to read the log of.
    pub fn store(&self) -> &Arc<DurableStore> {
        &self.store
    }
    /// The version that is read.
    pub fn view(&self) -> &StateView {
        self.now.view()
    }
    /// The same on the version that is current now.
    pub fn latest(&self) -> ErynoaHost {
        ErynoaHost { now: StateHost::from(self.state.view()), ..self.clone() }
    }
    /// A transaction that brings everything of `world` in. It fails where something of that is there already.
    pub fn import(&self, world: &World) -> Result<Transaction, ChangeError> {
        let mut transaction = self.state.begin();
        transaction.push_all(world.creation())?;
        Ok(transaction)
    }
}

impl HostInterface for ErynoaHost {
    fn version(&self) -> u64 {
        self.now.version()
    }
    fn trust(&self, did: &str) -> HostResult<Option<TrustVector>> {
        self.now.trust(did)
    }
    fn has_credential(&self, did: &str, schema: &str) -> HostResult<bool> {
        self.now.has_credential(did, schema)
    }
    fn resolve_did(&self, did: &str) -> HostResult<bool> {
        self.now.resolve_did(did)
    }
    fn balance(&self, did: &str) -> HostResult<i128> {
        self.now.balance(did)
    }
    fn is_member(&self, realm: &str, did: &str) -> HostResult<bool> {
        self.now.is_member(realm, did)
    }
    fn realm(&self, realm: &str) -> HostResult<Option<RealmFacts>> {
        self.now.realm(realm)
    }
    fn mean_trust(&self, changed: &[(&str, TrustVector)]) -> HostResult<Option<f64>> {
        self.now.mean_trust(changed)
    }
    fn store_get<'a>(&'a self, realm: &str, key: &str) -> HostResult<Option<StoreValueRef<'a>>> {
        self.now.store_get(realm, key)
    }
    fn entry_policy(&self, realm: &str) -> HostResult<EntryPolicy> {
        self.now.entry_policy(realm)
    }
    fn is_fast(&self) -> bool {
        self.now.is_fast()
    }
    fn is_snapshot(&self) -> bool {
        self.now.is_snapshot()
    }
    fn trust_batch(&self, dids: &[&str], out: &mut [Option<TrustVector>]) -> HostResult<()> {
        self.now.trust_batch(dids, out)
    }
    fn has_credential_batch(&self, dids: &[&str], schema: &str, out: &mut [bool]) -> HostResult<()> {
        self.now.has_credential_batch(dids, schema, out)
    }
    fn resolve_did_batch(&self, dids: &[&str], out: &mut [bool]) -> HostResult<()> {
        self.now.resolve_did_batch(dids, out)
    }
    fn balance_batch(&self, dids: &[&str], out: &mut [i128]) -> HostResult<()> {
        self.now.balance_batch(dids, out)
    }
    fn is_member_batch(&self, realm: &str, dids: &[&str], out: &mut [bool]) -> HostResult<()> {
        self.now.is_member_batch(realm, dids, out)
    }
    fn store_get_batch<'a>(
        &'a self,
        realm: &str,
        keys: &[&str],
        out: &mut [Option<StoreValueRef<'a>>],
    ) -> HostResult<()> {
        self.now.store_get_batch(realm, keys, out)
    }
}
