//! Why a write was refused.

use crate::kernel::fault::Exhaustion;
use std::fmt;

/// Why a write was refused. Nothing of it has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WriteError {
    /// The transaction is committed or rolled back. Nothing was charged.
    Closed,
    /// An argument is not a number, or out of its range; or a name is no DID. Nothing was charged.
    OutOfRange,
    /// The write is to another realm than the handle's. Nothing was charged.
    RealmAccessDenied(Box<str>),
    /// The handle's realm does not exist. Nothing was charged.
    UnknownRealm(Box<str>),
    /// The handle has no caller to vote or propose. Nothing was charged.
    NoCaller,
    /// A text or a payload is too large: nothing was charged. Or the transaction as a whole would be: the write was.
    TooLarge,
    /// The budget could not pay.
    Exhausted(Exhaustion),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Closed => f.write_str("the transaction has ended"),
            WriteError::OutOfRange => f.write_str("an argument is out of range"),
            WriteError::RealmAccessDenied(id) => write!(f, "realm `{id}` is not this handle's"),
            WriteError::UnknownRealm(id) => write!(f, "no realm `{id}`"),
            WriteError::NoCaller => f.write_str("nobody is calling"),
            WriteError::TooLarge => f.write_str("too large"),
            WriteError::Exhausted(reason) => write!(f, "exhausted: {reason}"),
        }
    }
}
impl std::error::Error for WriteError {}
