//! The host of production: a durable state, as policies see one version of it.

use super::error::StoreError;
use super::store::DurableStore;
use crate::host::StateHost;
use crate::kernel::host::{EntryPolicy, HostInterface, HostResult, RealmFacts, StoreValueRef};
use crate::kernel::limits::EVENT_RING;
use crate::kernel::value::TrustVector;
use crate::observe::EventLog;
use crate::state::{ChangeError, CommitSink, JournalError, StateView, Transaction, UnifiedState, World};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How a durable state is kept.
#[derive(Clone)]
pub struct HostOptions {
    /// Told of each commit once it is durable.
    pub sink: Option<Arc<dyn CommitSink>>,
    /// After about how long an event that belongs to no commit (a run, a crossing, a saga's progress) is durable at the
    /// latest: 100 ms. A crash takes what is younger, and nothing that was flushed or came before an acknowledged commit.
    /// None: such events are kept in memory only.
    pub events_durable_within: Option<Duration>,
    /// Events that the state keeps in memory, and that can wait to be written: 10 000. Who logs one more waits for the disk.
    pub events_in_memory: usize,
}

impl Default for HostOptions {
    fn default() -> HostOptions {
        let within = Some(Duration::from_millis(100));
        HostOptions { sink: None, events_durable_within: within, events_in_memory: EVENT_RING }
    }
}

impl fmt::Debug for HostOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostOptions")
            .field("sink", &self.sink.is_some())
            .field("events_durable_within", &self.events_durable_within)
            .field("events_in_memory", &self.events_in_memory)
            .finish()
    }
}

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
        ErynoaHost::open_with(directory, HostOptions::default())
    }
    /// As [`ErynoaHost::open`], with these options.
    pub fn open_with(directory: impl AsRef<Path>, options: HostOptions) -> Result<ErynoaHost, StoreError> {
        Ok(ErynoaHost::with_options(DurableStore::open(directory)?, options))
    }
    /// Opens the store of a directory; Missing where there is none.
    pub fn open_existing(directory: impl AsRef<Path>) -> Result<ErynoaHost, StoreError> {
        Ok(ErynoaHost::with_options(DurableStore::open_existing(directory)?, HostOptions::default()))
    }
    /// A host on an open store and the world that it holds; `sink` is told of each commit once it is durable.
    pub fn new(store: (DurableStore, World), sink: Option<Arc<dyn CommitSink>>) -> ErynoaHost {
        ErynoaHost::with_options(store, HostOptions { sink, ..HostOptions::default() })
    }
    /// A host on an open store and the world that it holds, with these options.
    pub fn with_options((store, world): (DurableStore, World), options: HostOptions) -> ErynoaHost {
        let store = Arc::new(store);
        let mut state = UnifiedState::with_world(world).with_journal(store.clone());
        if let Some(sink) = options.sink {
            state = state.with_sink(sink);
        }
        state = state.with_event_log(EventLog::new(options.events_in_memory));
        if let Some(within) = options.events_durable_within {
            state = state.with_durable_events(within);
        }
        let state = Arc::new(state);
        ErynoaHost { now: StateHost::from(state.view()), state, store }
    }
    /// Makes durable what the state has logged before: runs, crossings, sagas. Commits are when they are acknowledged.
    ///
    /// # Errors
    ///
    /// Why the store failed, now or before; [`UnifiedState::event_durability`] says how much is lost.
    pub fn flush(&self) -> Result<(), JournalError> {
        self.state.flush()
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
