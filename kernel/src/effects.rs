//! What a run wants changed: buffered in the run, seen by its own reads, handed out with the receipt.

use crate::value::{TrustVector, Value};

/// A value put into a store.
#[derive(Clone, PartialEq, Debug)]
pub enum StoreValue {
    /// Text.
    Text(Box<str>),
    /// A number.
    Number(f64),
    /// A truth value.
    Bool(bool),
}

impl From<&str> for StoreValue {
    fn from(text: &str) -> StoreValue {
        StoreValue::Text(text.into())
    }
}
impl From<f64> for StoreValue {
    fn from(x: f64) -> StoreValue {
        StoreValue::Number(x)
    }
}
impl From<bool> for StoreValue {
    fn from(x: bool) -> StoreValue {
        StoreValue::Bool(x)
    }
}

/// One write or event of a run. A receipt carries them in the order in which they happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// `store_put`
    StorePut {
        /// The realm whose store it is.
        realm: Box<str>,
        /// The key.
        key: Box<str>,
        /// The value.
        value: StoreValue,
    },
    /// `store_delete`, also of a key that was not there.
    StoreDelete {
        /// The realm whose store it is.
        realm: Box<str>,
        /// The key.
        key: Box<str>,
    },
    /// `update_trust` of a known DID.
    TrustUpdate {
        /// Whose trust.
        did: Box<str>,
        /// What was added to each component before clamping.
        delta: f64,
        /// The vector that came of it.
        new: TrustVector,
    },
    /// `cast_vote`
    Vote {
        /// The realm.
        realm: Box<str>,
        /// The proposal.
        proposal: Box<str>,
        /// The caller.
        voter: Box<str>,
        /// For or against.
        yes: bool,
    },
    /// `emit`
    Emit {
        /// The event's name.
        name: Box<str>,
        /// Its payload; null where there is none.
        payload: Value,
    },
}
