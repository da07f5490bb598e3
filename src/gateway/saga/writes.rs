//! Writes of steps and compensations, as data: what they cost is known before they happen.

use crate::kernel::effects::StoreValue;
use crate::kernel::limits::{MAX_ARRAY_ELEMENTS, MAX_TEXT_BYTES};
use crate::kernel::value::{Did, Value};
use crate::state::{StateHandle, TRUST_GAS, VOTE_GAS, WriteError};
use std::sync::Arc;

/// A write of a step, in the step's realm; see [`StateHandle`] for what each does and costs.
#[derive(Clone, PartialEq, Debug)]
pub enum SagaWrite {
    /// Puts a value into the realm's store.
    StorePut {
        /// The key.
        key: Arc<str>,
        /// The value; finite.
        value: StoreValue,
    },
    /// Deletes a key of the realm's store, whether it is there or not.
    StoreDelete {
        /// The key.
        key: Arc<str>,
    },
    /// Moves balance. It fails where one of them is unknown or the balance does not reach.
    Transfer {
        /// Whose balance falls.
        from: Arc<str>,
        /// Whose balance rises.
        to: Arc<str>,
        /// By how much; above 0.
        amount: i128,
    },
    /// Adds to a trust vector. It fails where the DID is unknown.
    UpdateTrust {
        /// Whose.
        did: Arc<str>,
        /// -0.5 to 0.5.
        delta: f64,
    },
    /// The caller's vote.
    CastVote {
        /// The proposal.
        proposal: Arc<str>,
        /// For or against.
        yes: bool,
    },
    /// An event.
    Emit {
        /// Its name.
        name: Arc<str>,
        /// Its payload.
        payload: Value,
    },
}

impl SagaWrite {
    /// Storage gas units and mana that it costs when it is carried out, by the rules of [`StateHandle`].
    pub fn cost(&self) -> (u64, u64) {
        match self {
            SagaWrite::StorePut { key, value } => {
                let bytes = stored_bytes(value);
                (10 + (key.len() as u64).saturating_add(bytes).div_ceil(64), 1 + bytes.div_ceil(1024))
            }
            SagaWrite::StoreDelete { .. } => (10, 0),
            SagaWrite::Transfer { .. } | SagaWrite::UpdateTrust { .. } => (TRUST_GAS, 0),
            SagaWrite::CastVote { .. } => (VOTE_GAS, 0),
            SagaWrite::Emit { name, payload } => {
                let bytes = payload.bytes();
                (2 + (name.len() as u64).saturating_add(bytes).div_ceil(64), 1 + bytes.div_ceil(1024))
            }
        }
    }
    /// Whether its arguments are such that only the state can refuse it.
    pub(super) fn is_sound(&self) -> bool {
        let fits = |text: &str| text.len() <= MAX_TEXT_BYTES;
        match self {
            SagaWrite::StorePut { key, value } => {
                let value = match value {
                    StoreValue::Text(text) => fits(text),
                    StoreValue::Number(x) => x.is_finite(),
                    StoreValue::Bool(_) => true,
                };
                fits(key) && value
            }
            SagaWrite::StoreDelete { key } => fits(key),
            SagaWrite::Transfer { from, to, amount } => {
                *amount > 0 && Did::new(from).is_some() && Did::new(to).is_some()
            }
            SagaWrite::UpdateTrust { did, delta } => Did::new(did).is_some() && delta.abs() <= 0.5,
            SagaWrite::CastVote { proposal, .. } => fits(proposal),
            // One level of array, so that nothing is walked deeper; as large as one text.
            SagaWrite::Emit { name, payload } => {
                let flat = match payload {
                    Value::Array(items) => {
                        items.len() <= MAX_ARRAY_ELEMENTS
                            && !items.iter().any(|item| matches!(item, Value::Array(_)))
                    }
                    _ => true,
                };
                fits(name) && flat && payload.bytes() <= MAX_TEXT_BYTES as u64
            }
        }
    }
    /// Carries it out; false where the state does not allow it.
    pub(super) fn apply(&self, handle: &StateHandle) -> Result<bool, WriteError> {
        match self {
            SagaWrite::StorePut { key, value } => handle.store_put(key, value.clone()).map(|()| true),
            SagaWrite::StoreDelete { key } => handle.store_delete(key).map(|_| true),
            SagaWrite::Transfer { from, to, amount } => handle.transfer(from, to, *amount),
            SagaWrite::UpdateTrust { did, delta } => handle.update_trust(did, *delta),
            SagaWrite::CastVote { proposal, yes } => handle.cast_vote(proposal, *yes).map(|()| true),
            SagaWrite::Emit { name, payload } => handle.emit_event(name, payload.clone()).map(|()| true),
        }
    }
}

fn stored_bytes(value: &StoreValue) -> u64 {
    match value {
        StoreValue::Text(text) => text.len() as u64,
        StoreValue::Number(_) => 8,
        StoreValue::Bool(_) => 1,
    }
}
