//! Durable state: the world kept in a directory, read from memory.
//!
//! ```
//! use eclvm::durable::ErynoaHost;
//! use eclvm::state::{IdentityRecord, StateEvent};
//! use std::sync::Arc;
//!
//! # let directory = std::env::temp_dir().join(format!("eclvm-doc-{}", std::process::id()));
//! let host = ErynoaHost::open(&directory)?;
//! let mut transaction = host.state().begin();
//! let alice = IdentityRecord::new("did:x:alice");
//! transaction.push(StateEvent::IdentityCreated(Arc::new(alice))).unwrap();
//! assert!(host.state().commit(&transaction).is_success());
//! drop(host);
//!
//! let host = ErynoaHost::open(&directory)?;
//! assert!(host.view().knows("did:x:alice"));
//! assert_eq!(host.store().log(0, 10)?.len(), 1);
//! # drop(host);
//! # std::fs::remove_dir_all(&directory).unwrap();
//! # Ok::<(), eclvm::durable::StoreError>(())
//! ```
//!
//! A commit that was answered with Success survives the end of the process and of the power. One that was not is there as
//! a whole or not at all. Readers see only what is durable: a commit is published after it was flushed. Commits that wait
//! at the same time are flushed together. After a failed write nothing more is acknowledged until the store is opened
//! again. Runs on the state, and all else that is logged, are in the log of the store too, without waiting for it: see
//! [`HostOptions`]; what is flushed ([`ErynoaHost::flush`]) survives as well. What this relies on: a file system and a device that keep what they say is flushed.

mod codec;
mod error;
mod events;
mod host;
mod prune;
mod rebuild;
mod replay;
mod runs;
mod store;
mod tables;

pub use error::StoreError;
pub use host::{ErynoaHost, HostOptions};
pub use prune::{Keep, Pruned};
pub use redb::StorageBackend;
pub use replay::{ReplayOptions, ReplayTotals, ReplayedRun};
pub use store::{DurableStore, LoggedEvent};

#[cfg(test)]
mod tests;
