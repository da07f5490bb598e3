//! A small state, and short ways to write it; for several tests.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "shared by several tests, which fail by panicking"
)]

use eclvm::kernel::budget::{Budget, BudgetLimits};
use eclvm::kernel::effects::StoreValue;
use eclvm::state::{CommitResult, CommitSink, StateEvent, StateHandle, StateKey, UnifiedState, World};
use std::sync::{Arc, Mutex};

pub(crate) const FILE: &[u8] = br#"{
  "identities": {
    "did:x:a": {"trust": [0.5, 0.5, 0.5, 0.5, 0.5, 0.9], "credentials": ["kyc"], "balance": 100, "realms": ["lab"]},
    "did:x:b": {"balance": 50}
  },
  "realms": {"lab": {"trust_threshold": 0.5, "store": {"k": 1, "gone": true}}, "other": {"store": {"k": 1}}}
}"#;

#[derive(Default)]
pub(crate) struct Heard(pub(crate) Mutex<Vec<(u64, Vec<StateEvent>)>>);

impl CommitSink for Heard {
    fn committed(&self, version: u64, events: &[StateEvent]) {
        self.0.lock().unwrap().push((version, events.to_vec()));
    }
}

pub(crate) fn state() -> Arc<UnifiedState> {
    Arc::new(UnifiedState::with_world(World::from_json(FILE).unwrap()))
}
pub(crate) fn heard() -> (Arc<UnifiedState>, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let state = UnifiedState::with_world(World::from_json(FILE).unwrap()).with_sink(heard.clone());
    (Arc::new(state), heard)
}
pub(crate) fn budget() -> Arc<Budget> {
    Arc::new(Budget::new(BudgetLimits::default()))
}
pub(crate) fn lab(state: &Arc<UnifiedState>) -> StateHandle {
    state.handle("lab", Some("did:x:a"), budget())
}
pub(crate) fn put(state: &Arc<UnifiedState>, key: &str, value: f64) {
    let handle = lab(state);
    handle.store_put(key, StoreValue::Number(value)).unwrap();
    assert!(handle.commit().is_success());
}
pub(crate) fn store(key: &str) -> StateKey {
    StateKey::Store("lab".into(), key.into())
}
pub(crate) fn conflict(keys: &[StateKey]) -> CommitResult {
    CommitResult::Conflict { keys: keys.to_vec() }
}
pub(crate) fn number(state: &Arc<UnifiedState>, key: &str) -> Option<StoreValue> {
    lab(state).store_get(key).unwrap()
}
