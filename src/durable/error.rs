//! What can be wrong with a store.

use crate::state::JournalError;
use std::fmt;
use std::io;

/// Why a store cannot be opened, read or written.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no store here, and none was to be made.
    Missing,
    /// There is one here already.
    Exists,
    /// Somebody has it open: this process or another.
    AlreadyOpen,
    /// What stands there is not a store, or it is damaged or cut short. Nothing was read from it.
    Damaged(String),
    /// It has another format than this program knows.
    Format {
        /// The format of the store.
        found: u64,
    },
    /// The log no longer has what was asked for.
    Pruned {
        /// The number of its first event.
        first: u64,
    },
    /// There is no room left on the device.
    Full,
    /// The directory or the file may not be written.
    ReadOnly,
    /// Anything else that the system says.
    Io(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Missing => f.write_str("there is no store"),
            StoreError::Exists => f.write_str("there is a store already"),
            StoreError::AlreadyOpen => f.write_str("somebody has the store open"),
            StoreError::Damaged(what) => write!(f, "the store is damaged: {what}"),
            StoreError::Format { found } => {
                write!(f, "the store has format {found}, and this program knows {}", super::tables::FORMAT)
            }
            StoreError::Pruned { first } => write!(f, "the log was pruned: it begins with event {first}"),
            StoreError::Full => f.write_str("no room left on the device"),
            StoreError::ReadOnly => f.write_str("it may not be written"),
            StoreError::Io(error) => f.write_str(error),
        }
    }
}
impl std::error::Error for StoreError {}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> StoreError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                StoreError::Full
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly,
            // What was cut off is missed by whoever reads it.
            io::ErrorKind::UnexpectedEof => StoreError::Damaged("it is cut short".to_owned()),
            io::ErrorKind::InvalidData => StoreError::Damaged(error.to_string()),
            _ => StoreError::Io(error.to_string()),
        }
    }
}

impl From<redb::StorageError> for StoreError {
    fn from(error: redb::StorageError) -> StoreError {
        match error {
            redb::StorageError::Io(error) => error.into(),
            redb::StorageError::Corrupted(what) => StoreError::Damaged(what),
            other => StoreError::Io(other.to_string()),
        }
    }
}

impl From<redb::DatabaseError> for StoreError {
    fn from(error: redb::DatabaseError) -> StoreError {
        match error {
            redb::DatabaseError::DatabaseAlreadyOpen => StoreError::AlreadyOpen,
            redb::DatabaseError::UpgradeRequired(found) => StoreError::Format { found: u64::from(found) },
            redb::DatabaseError::Storage(error) => error.into(),
            other => StoreError::Io(other.to_string()),
        }
    }
}

impl From<redb::TableError> for StoreError {
    fn from(error: redb::TableError) -> StoreError {
        match error {
            redb::TableError::Storage(error) => error.into(),
            redb::TableError::TableTypeMismatch { .. }
            | redb::TableError::TableDoesNotExist(_)
            | redb::TableError::TableIsMultimap(_)
            | redb::TableError::TableIsNotMultimap(_)
            | redb::TableError::TypeDefinitionChanged { .. } => StoreError::Damaged(error.to_string()),
            other => StoreError::Io(other.to_string()),
        }
    }
}

impl From<redb::TransactionError> for StoreError {
    fn from(error: redb::TransactionError) -> StoreError {
        match error {
            redb::TransactionError::Storage(error) => error.into(),
            other => StoreError::Io(other.to_string()),
        }
    }
}

impl From<redb::CommitError> for StoreError {
    fn from(error: redb::CommitError) -> StoreError {
        match error {
            redb::CommitError::Storage(error) => error.into(),
            other => StoreError::Io(other.to_string()),
        }
    }
}

impl From<StoreError> for JournalError {
    fn from(error: StoreError) -> JournalError {
        match error {
            StoreError::Full => JournalError::Full,
            StoreError::Damaged(what) => JournalError::Damaged(what),
            other => JournalError::Io(other.to_string()),
        }
    }
}
