//! The state: immutable versions of a world, and transactions that make the next one.
//!
//! ```
//! use eclvm::kernel::budget::{Budget, BudgetLimits};
//! use eclvm::state::{CommitResult, UnifiedState, World};
//! use std::sync::Arc;
//!
//! let world = World::from_json(br#"{"realms": {"market": {}}}"#).unwrap();
//! let state = Arc::new(UnifiedState::with_world(world));
//! let before = state.view();
//!
//! let budget = Arc::new(Budget::new(BudgetLimits::default()));
//! let handle = state.handle("market", None, budget.clone());
//! handle.store_put("open", true).unwrap();
//! assert!(handle.commit().is_success());
//!
//! assert!(before.realm("market").unwrap().stored("open").is_none());
//! assert!(state.view().realm("market").unwrap().stored("open").is_some());
//! assert_eq!(budget.gas_used(), 11);
//! ```
//!
//! - [`World`]: one version, read-only; `state_file` reads and writes it as JSON.
//! - [`UnifiedState`]: the current version; [`StateView`]: one version, kept.
//! - [`StateHandle`]: one realm's writes on a budget; [`TransactionGuard`] ends it with its scope; [`Transaction`] is the
//!   embedder's own way in, neither charged nor bound to a realm.
//! - [`StateEvent`]: what happened; a commit is a list of them, and [`World::after`] replays it.

mod apply;
mod balance;
mod creation;
mod graves;
mod guard;
mod handle;
mod identities;
mod journal;
mod key;
mod mean;
mod names;
mod pmap;
mod pvec;
mod realm;
mod recorder;
mod run_record;
mod save;
pub mod state_file;
mod transaction;
mod unified;
mod view;
mod world;

pub use crate::event::{
    BlueprintStep, IdentityRecord, RealmChange, RealmPolicy, RealmRecord, SagaStep, StateEvent, TrustReason,
};
pub use crate::policy_type::PolicyType;
pub use apply::{ApplyError, same_content};
pub use guard::TransactionGuard;
pub use handle::{PROPOSAL_GAS, PROPOSAL_MANA, StateHandle, TRUST_GAS, VOTE_GAS, WriteError};
pub use identities::Profile;
pub(crate) use journal::HeldRun;
pub use journal::{Journal, JournalEntry, JournalError};
pub use key::StateKey;
pub use realm::{Proposal, Realm, Tally};
pub use run_record::{Given, MAX_UNKNOWN_BYTES, RecordedPolicy, RunRecord, SharedLeft};
pub use save::SaveError;
pub use state_file::StateFileError;
pub(crate) use transaction::event_of;
pub use transaction::{ChangeError, ReadSet, RunOf, Transaction};
pub use unified::{CommitResult, CommitSink, UnifiedState};
pub use view::{Identity, StateView};
pub use world::World;

#[cfg(test)]
mod tests;
