//! What a gateway answers.

use crate::kernel::fault::{Exhaustion, Fault};
use crate::kernel::gas::GasLayer;
use std::fmt;
use std::sync::Arc;

/// Why a crossing is denied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DenyReason {
    /// The caller is no well-formed DID. Nothing is charged.
    InvalidCaller,
    /// The caller is on the blocklist. Nothing is charged.
    Blocked,
    /// No identity has this DID. Nothing is charged: names made up by strangers leave no trace in accounts.
    UnknownCaller,
    /// There is no such realm to come from or to go to. Nothing is charged.
    UnknownRealm(Arc<str>),
    /// Crossings into the realm are off. Nothing is charged.
    Quarantined,
    /// A rule of this name denies it. Nothing is charged.
    Rule(Arc<str>),
    /// The realm's entry policy said no, with the message of its `require`, if it has one. 50 mana are charged.
    Policy(Option<Arc<str>>),
}

impl fmt::Display for DenyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DenyReason::InvalidCaller => f.write_str("the caller is not a DID"),
            DenyReason::Blocked => f.write_str("the caller is blocked"),
            DenyReason::UnknownCaller => f.write_str("the caller is unknown"),
            DenyReason::UnknownRealm(id) => write!(f, "no realm `{id}`"),
            DenyReason::Quarantined => f.write_str("the realm is quarantined"),
            DenyReason::Rule(name) => write!(f, "rule `{name}`"),
            DenyReason::Policy(Some(message)) => f.write_str(message),
            DenyReason::Policy(None) => f.write_str("the entry policy says no"),
        }
    }
}

/// What a caller has to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LimitedBy {
    /// The caller's account has too little mana, or there is no place for another account.
    Mana,
    /// The realm's quota of a layer is used up for this period.
    Quota(GasLayer),
}

/// The answer to who wants to cross. Only [`Crossing::Allow`] is a permit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Crossing {
    /// Come in.
    Allow,
    /// No.
    Deny(DenyReason),
    /// The entry policy went wrong. 50 mana are charged.
    Fault(Fault),
    /// A limit ended the entry policy. 50 mana are charged, unless the limits do not even reach for these.
    Exhausted(Exhaustion),
    /// Not now. Nothing is charged.
    RateLimited {
        /// Nanoseconds to wait; `u64::MAX` where waiting does not help.
        retry_after_ns: u64,
        /// For what.
        by: LimitedBy,
    },
}

impl Crossing {
    /// Whether it is Allow.
    pub fn allowed(&self) -> bool {
        *self == Crossing::Allow
    }
}

/// An answer and its bill.
#[derive(Clone, PartialEq, Debug)]
pub struct CrossingAnswer {
    /// The answer.
    pub crossing: Crossing,
    /// The version of the world that everything was read from.
    pub version: u64,
    /// Priced gas.
    pub gas_used: u64,
    /// Mana, taken from the caller's account.
    pub mana_used: u64,
    /// How long the entry policy ran, in microseconds; 0 where none did.
    pub duration_us: f64,
}

impl CrossingAnswer {
    /// An answer that cost nothing.
    pub(super) fn free(crossing: Crossing, version: u64) -> CrossingAnswer {
        CrossingAnswer { crossing, version, gas_used: 0, mana_used: 0, duration_us: 0.0 }
    }
}
