//! Names of what transactions read and write: the grain of conflicts.

use crate::event::{RealmChange, StateEvent};
use std::fmt;
use std::sync::Arc;

type Text = Arc<str>;

/// One thing that a transaction can read or write. Two transactions conflict where the later one to commit has read or
/// written what the earlier one has written.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum StateKey {
    /// Whether an identity is known; its name and when it came to be.
    Identity(Text),
    /// The trust vector of a DID.
    Trust(Text),
    /// The balance of a DID.
    Balance(Text),
    /// The credentials of a DID.
    Credentials(Text),
    /// Every trust vector: what `trust.avg` reads.
    AllTrust,
    /// Whether a realm is there; its threshold, quarantine, policies and quota.
    Realm(Text),
    /// The members of a realm and their number.
    Members(Text),
    /// Whether a DID (the second) is a member of a realm.
    Member(Text, Text),
    /// A key of a realm's store.
    Store(Text, Text),
    /// Every key of a realm's store.
    StoreKeys(Text),
    /// A proposal of a realm.
    Proposal(Text, Text),
    /// The votes on a proposal of a realm, counted.
    Votes(Text, Text),
    /// The vote on a realm's proposal of a voter.
    Vote(Text, Text, Text),
    /// All there is: what a transaction has read that has read too much to be told apart.
    Everything,
}

impl fmt::Display for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateKey::Identity(did) => write!(f, "identity {did}"),
            StateKey::Trust(did) => write!(f, "trust {did}"),
            StateKey::Balance(did) => write!(f, "balance {did}"),
            StateKey::Credentials(did) => write!(f, "credentials {did}"),
            StateKey::AllTrust => f.write_str("trust of all"),
            StateKey::Realm(id) => write!(f, "realm {id}"),
            StateKey::Members(id) => write!(f, "members of {id}"),
            StateKey::Member(id, did) => write!(f, "member {did} of {id}"),
            StateKey::Store(id, key) => write!(f, "store {id}/{key}"),
            StateKey::StoreKeys(id) => write!(f, "store of {id}"),
            StateKey::Proposal(id, proposal) => write!(f, "proposal {id}/{proposal}"),
            StateKey::Votes(id, proposal) => write!(f, "votes on {id}/{proposal}"),
            StateKey::Vote(id, proposal, voter) => write!(f, "vote of {voter} on {id}/{proposal}"),
            StateKey::Everything => f.write_str("everything"),
        }
    }
}

impl StateEvent {
    /// What it writes. Counts and means that follow from it are not listed: they are only ever read.
    pub fn keys(&self) -> Vec<StateKey> {
        match self {
            StateEvent::TrustUpdate { did, .. } => vec![StateKey::Trust(did.clone())],
            StateEvent::VoteCast { realm_id, proposal, voter, .. } => {
                vec![StateKey::Vote(realm_id.clone(), proposal.clone(), voter.clone())]
            }
            StateEvent::ProposalCreated { realm_id, proposal, .. } => {
                vec![StateKey::Proposal(realm_id.clone(), proposal.clone())]
            }
            StateEvent::StoreWritten { realm_id, key, .. } => {
                vec![StateKey::Store(realm_id.clone(), key.clone())]
            }
            StateEvent::Transferred { from, to, .. } => {
                vec![StateKey::Balance(from.clone()), StateKey::Balance(to.clone())]
            }
            StateEvent::CredentialChanged { did, .. } => vec![StateKey::Credentials(did.clone())],
            StateEvent::IdentityCreated(record) => {
                let realms = record.realms.iter().map(|id| &**id);
                let of = |realm: &str| StateKey::Member(realm.into(), record.did.clone());
                let own = StateKey::Identity(record.did.clone());
                realms.map(of).chain([own]).collect()
            }
            StateEvent::RealmCreated(record) => vec![StateKey::Realm(record.id.clone())],
            StateEvent::RealmChanged { realm_id, change: RealmChange::Member { did, .. } } => {
                vec![StateKey::Member(realm_id.clone(), did.clone())]
            }
            StateEvent::RealmChanged { realm_id, .. } => vec![StateKey::Realm(realm_id.clone())],
            _ => Vec::new(),
        }
    }
}
