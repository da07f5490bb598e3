//! Identities and realms as they come in: from a state file, or from the embedder.

use crate::kernel::effects::StoreValue;
use crate::kernel::gas::GasUnits;
use crate::kernel::value::TrustVector;
use crate::kernel::vm::Executable;
use std::sync::Arc;

/// What is known of an identity.
#[derive(Clone, PartialEq, Debug)]
pub struct IdentityRecord {
    /// Its DID, well-formed.
    pub did: Arc<str>,
    /// The name to show, where it has one.
    pub display_name: Option<Arc<str>>,
    /// Its trust vector, valid.
    pub trust: TrustVector,
    /// Its balance.
    pub balance: i128,
    /// Names of the schemas of its credentials.
    pub credentials: Vec<Box<str>>,
    /// Ids of the realms it says it is a member of; they need not be there.
    pub realms: Vec<Box<str>>,
    /// When it came to be, in Unix seconds; 0 where nobody said.
    pub created_at: u64,
}

impl IdentityRecord {
    /// An identity of which nothing is known but its DID: a newcomer's trust, no balance.
    pub fn new(did: impl Into<Arc<str>>) -> IdentityRecord {
        IdentityRecord {
            did: did.into(),
            display_name: None,
            trust: TrustVector::NEWCOMER,
            balance: 0,
            credentials: Vec::new(),
            realms: Vec::new(),
            created_at: 0,
        }
    }
}

/// What is known of a realm.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RealmRecord {
    /// Its id.
    pub id: Arc<str>,
    /// Its name, where it has one.
    pub name: Option<Arc<str>>,
    /// Who owns it. Owning is not being a member.
    pub owner: Option<Arc<str>>,
    /// DIDs that it lists as members, known or not.
    pub members: Vec<Arc<str>>,
    /// Its trust threshold.
    pub trust_threshold: f64,
    /// Whether crossings into it are off.
    pub quarantined: bool,
    /// Its store.
    pub store: Vec<(Box<str>, StoreValue)>,
    /// Its policies. The one named `entry` decides who may enter; without one it is the default.
    pub policies: Arc<[RealmPolicy]>,
    /// Its quota in raw units of each layer; None for none.
    pub quota: Option<GasUnits>,
    /// When it came to be, in Unix seconds; 0 where nobody said.
    pub created_at: u64,
}

/// A policy of a realm.
#[derive(Clone, Debug)]
pub struct RealmPolicy {
    /// Its name in the realm.
    pub name: Arc<str>,
    /// Its source; None where it came as bytecode, which a state file cannot hold.
    pub source: Option<Arc<str>>,
    /// What runs.
    pub executable: Arc<Executable>,
}

impl PartialEq for RealmPolicy {
    fn eq(&self, other: &RealmPolicy) -> bool {
        self.name == other.name
            && self.source == other.source
            && self.executable.program() == other.executable.program()
    }
}
