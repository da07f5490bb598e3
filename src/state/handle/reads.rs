//! What a handle reads: the version it began on, with its own writes.

use super::{StateHandle, WriteError};
use crate::kernel::effects::StoreValue;
use crate::kernel::value::TrustVector;
use crate::state::realm::Tally;
use crate::state::transaction::Transaction;
use crate::state::unified::lock;

impl StateHandle {
    /// The trust vector of a DID; None where it is unknown.
    pub fn trust(&self, did: &str) -> Option<TrustVector> {
        self.read(|t| t.trust(did))
    }
    /// The balance of a DID; None where it is unknown.
    pub fn balance(&self, did: &str) -> Option<i128> {
        self.read(|t| t.balance(did))
    }
    /// Whether an identity holds a credential.
    pub fn has_credential(&self, did: &str, schema: &str) -> bool {
        self.read(|t| t.has_credential(did, schema))
    }
    /// The mean of all trust.
    pub fn mean_trust(&self) -> Option<f64> {
        self.read(Transaction::mean_trust)
    }
    /// Whether a DID is a member of the realm.
    pub fn is_member(&self, did: &str) -> Result<bool, WriteError> {
        self.of_realm(|t| t.is_member(&self.0.realm, did))
    }
    /// How many members the realm has.
    pub fn member_count(&self) -> Result<u64, WriteError> {
        self.of_realm(|t| t.member_count(&self.0.realm))
    }
    /// The value under a key of the realm's store.
    pub fn store_get(&self, key: &str) -> Result<Option<StoreValue>, WriteError> {
        self.of_realm(|t| t.store_get(&self.0.realm, key))
    }
    /// The realm's whole store, in ascending order of the keys.
    pub fn store_scan(&self) -> Result<Vec<(Box<str>, StoreValue)>, WriteError> {
        self.of_realm(|t| t.store_scan(&self.0.realm))
    }
    /// The votes on a proposal of the realm.
    pub fn tally(&self, proposal: &str) -> Result<Tally, WriteError> {
        self.of_realm(|t| t.tally(&self.0.realm, proposal))
    }
    pub(super) fn read<T>(&self, read: impl FnOnce(&mut Transaction) -> T) -> T {
        read(&mut lock(&self.0.open).transaction)
    }
    fn of_realm<T>(&self, read: impl FnOnce(&mut Transaction) -> Option<T>) -> Result<T, WriteError> {
        self.read(read).ok_or_else(|| WriteError::UnknownRealm(self.realm().into()))
    }
}
