//! Mana: how often an identity may act (gas.md, section 4).
//!
//! [`account`] is one account: one word, computed from the time that is passed in. [`table`] keeps the accounts of many
//! DIDs, in bounded memory.

pub mod account;
mod list;
pub mod table;

#[cfg(all(test, not(loom)))]
mod tests;

pub use account::{ManaAccount, ManaRate, ManaRefusal};
pub use table::{ManaLease, ManaTable};
