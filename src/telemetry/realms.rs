//! Numbers of realms; and, with the feature `multi-gas`, what each of them used of every layer of gas.

use crate::kernel::limits::MAX_OBSERVED_REALMS;
#[cfg(feature = "multi-gas")]
use crate::kernel::multigas::MultiGas;
use crate::kernel::multigas::{RealmId, Usage};
#[cfg(not(feature = "multi-gas"))]
use crate::kernel::registry::Registry;
#[cfg(feature = "multi-gas")]
use std::sync::Arc;

/// The realms of one state that are counted one by one, at most [`MAX_OBSERVED_REALMS`].
#[derive(Debug)]
pub(crate) struct Realms {
    /// It numbers the realms, so that a run looks its realm up once.
    #[cfg(feature = "multi-gas")]
    multi_gas: Arc<MultiGas>,
    #[cfg(not(feature = "multi-gas"))]
    names: Registry,
}

#[cfg(feature = "multi-gas")]
impl Realms {
    pub(super) fn new() -> Realms {
        Realms { multi_gas: Arc::new(MultiGas::new(MAX_OBSERVED_REALMS)) }
    }
    pub(crate) fn multi_gas(&self) -> &Arc<MultiGas> {
        &self.multi_gas
    }
    /// The number of a realm, given on first use; that of the overflow row where there is no room for it.
    pub(super) fn number(&self, name: &str) -> RealmId {
        self.multi_gas.realm(name)
    }
    /// The name of a realm that has a number.
    pub(crate) fn name(&self, realm: RealmId) -> Option<&str> {
        self.multi_gas.realm_name(realm)
    }
    /// Counts what runs used.
    pub(super) fn record(&self, worker: usize, realm: RealmId, usage: &Usage) {
        self.multi_gas.record_usage(worker, realm, usage);
    }
}

#[cfg(not(feature = "multi-gas"))]
impl Realms {
    pub(super) fn new() -> Realms {
        Realms { names: Registry::new(MAX_OBSERVED_REALMS) }
    }
    pub(super) fn number(&self, name: &str) -> RealmId {
        let number = self.names.intern(name);
        number.map_or(RealmId::OVERFLOW, |number| RealmId::of_index(number.saturating_add(1)))
    }
    pub(crate) fn name(&self, realm: RealmId) -> Option<&str> {
        let index = u32::try_from(realm.index()).ok()?;
        match index.checked_sub(1) {
            None => Some(RealmId::OVERFLOW_NAME),
            Some(number) => self.names.name(number),
        }
    }
    pub(super) fn record(&self, _: usize, _: RealmId, _: &Usage) {}
}
