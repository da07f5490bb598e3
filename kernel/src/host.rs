//! What a policy can see of the world: the host interface.
//!
//! Object safe, `Send + Sync`, every call fallible. An error is a fault (HostError), never a default value: an error
//! that is skipped becomes a permit.

use crate::value::TrustVector;
use core::fmt;
use std::sync::Arc;

/// The host could not answer. The text is for logs; receipts say `HostError`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostError {
    /// What went wrong, in plain words.
    pub message: String,
}

impl HostError {
    /// An error that says `message`.
    pub fn new(message: impl Into<String>) -> HostError {
        HostError { message: message.into() }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for HostError {}

/// What hosts answer with.
pub type HostResult<T> = Result<T, HostError>;

/// A realm, as far as policies can see it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RealmFacts {
    /// Number of distinct DIDs for which `is_member` is true.
    pub member_count: u64,
    /// The realm's trust threshold.
    pub trust_threshold: f64,
    /// Whether crossings into it are off.
    pub quarantined: bool,
}

/// A value of a realm's store, borrowed from the host.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum StoreValueRef<'a> {
    /// Text.
    Text(&'a str),
    /// A number.
    Number(f64),
    /// A truth value.
    Bool(bool),
}

/// The policy that decides who may enter a realm.
#[derive(Clone)]
pub enum EntryPolicy {
    /// There is no such realm.
    UnknownRealm,
    /// The realm is quarantined: nobody enters.
    Quarantined,
    /// The realm has no entry policy of its own: `trust.r >= 0.3`.
    Default,
    /// The realm's own.
    Program(Arc<crate::vm::Executable>),
}

/// What a policy can see. One value of it stands for one version of the world: the same question gets the same
/// answer for as long as a run lasts.
pub trait HostInterface: Send + Sync {
    /// The version of the world that is read, for receipts.
    fn version(&self) -> u64;
    /// The trust vector of a DID; None where the DID is unknown.
    fn trust(&self, did: &str) -> HostResult<Option<TrustVector>>;
    /// Whether the identity holds a credential of exactly this schema name; false for an unknown DID.
    fn has_credential(&self, did: &str, schema: &str) -> HostResult<bool>;
    /// Whether the DID is known.
    fn resolve_did(&self, did: &str) -> HostResult<bool>;
    /// The balance, 0 for an unknown DID. Beyond 2^53 in size the run faults with NumberOutOfRange.
    fn balance(&self, did: &str) -> HostResult<i128>;
    /// Whether the DID is a member (listed by the realm or by the identity). The realm is a known one.
    fn is_member(&self, realm: &str, did: &str) -> HostResult<bool>;
    /// The realm; None where it is unknown.
    fn realm(&self, realm: &str) -> HostResult<Option<RealmFacts>>;
    /// Mean of `trust_norm` over all identities, added in ascending byte order of their DIDs, with the vectors of
    /// `changed` (sorted by DID, all of them known) in place of the stored ones; None where there are no identities.
    fn mean_trust(&self, changed: &[(&str, TrustVector)]) -> HostResult<Option<f64>>;
    /// A value of the realm's store; None where there is none.
    fn store_get<'a>(&'a self, realm: &str, key: &str) -> HostResult<Option<StoreValueRef<'a>>>;
    /// The policy that `cross_realm(realm)` asks.
    fn entry_policy(&self, realm: &str) -> HostResult<EntryPolicy>;

    /// Whether every call above but `mean_trust` is certain to take well under 10 microseconds (tables in memory). Where
    /// it is not, the clock is looked at after each call (after `mean_trust` it always is), so that a timeout is noticed
    /// as soon as the call returns.
    fn is_fast(&self) -> bool {
        false
    }

    /// Whether this value is a snapshot: every question above gets the same answer for as long as the value exists, not only
    /// for as long as a run lasts, and nobody takes note of who was asked for. Then batches keep answers from one portion to
    /// the next where the columns are the same.
    fn is_snapshot(&self) -> bool {
        false
    }

    /// `trust` for many DIDs at once, for batches; `out` is as long as `dids`.
    fn trust_batch(&self, dids: &[&str], out: &mut [Option<TrustVector>]) -> HostResult<()> {
        for (did, slot) in dids.iter().zip(out) {
            *slot = self.trust(did)?;
        }
        Ok(())
    }
    /// `has_credential` for many DIDs at once.
    fn has_credential_batch(&self, dids: &[&str], schema: &str, out: &mut [bool]) -> HostResult<()> {
        for (did, slot) in dids.iter().zip(out) {
            *slot = self.has_credential(did, schema)?;
        }
        Ok(())
    }
    /// `resolve_did` for many DIDs at once.
    fn resolve_did_batch(&self, dids: &[&str], out: &mut [bool]) -> HostResult<()> {
        for (did, slot) in dids.iter().zip(out) {
            *slot = self.resolve_did(did)?;
        }
        Ok(())
    }
    /// `balance` for many DIDs at once.
    fn balance_batch(&self, dids: &[&str], out: &mut [i128]) -> HostResult<()> {
        for (did, slot) in dids.iter().zip(out) {
            *slot = self.balance(did)?;
        }
        Ok(())
    }
    /// `is_member` for many DIDs at once.
    fn is_member_batch(&self, realm: &str, dids: &[&str], out: &mut [bool]) -> HostResult<()> {
        for (did, slot) in dids.iter().zip(out) {
            *slot = self.is_member(realm, did)?;
        }
        Ok(())
    }
    /// `store_get` for many keys at once.
    fn store_get_batch<'a>(
        &'a self,
        realm: &str,
        keys: &[&str],
        out: &mut [Option<StoreValueRef<'a>>],
    ) -> HostResult<()> {
        for (key, slot) in keys.iter().zip(out) {
            *slot = self.store_get(realm, key)?;
        }
        Ok(())
    }
}
