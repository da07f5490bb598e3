//! A realm of a world: facts, members, store, proposals and votes. Each part knows the version that last changed it.

use super::identities::Stamped;
use super::pmap::PMap;
use crate::event::{RealmPolicy, RealmRecord};
use crate::kernel::effects::StoreValue;
use crate::kernel::gas::GasUnits;
use crate::kernel::host::{RealmFacts, StoreValueRef};
use crate::kernel::vm::Executable;
use std::sync::Arc;

/// A realm of a world.
#[derive(Clone, Debug)]
pub struct Realm {
    /// Its id.
    pub id: Arc<str>,
    /// Its name, where it has one.
    pub name: Option<Arc<str>>,
    /// Who owns it.
    pub owner: Option<Arc<str>>,
    /// Its trust threshold.
    pub trust_threshold: f64,
    /// Whether crossings into it are off.
    pub quarantined: bool,
    /// Its policies.
    pub policies: Arc<[RealmPolicy]>,
    /// Its quota in raw units of each layer; None for none.
    pub quota: Option<GasUnits>,
    /// When it came to be, in Unix seconds; 0 where nobody said.
    pub created_at: u64,
    pub(crate) entry: Option<Arc<Executable>>,
    /// The version that last changed what stands above.
    pub(crate) changed: u64,
    /// With the version in which each joined.
    pub(crate) members: PMap<Arc<str>, u64>,
    pub(crate) members_changed: u64,
    pub(crate) store: PMap<Arc<str>, Stamped<Stored>>,
    pub(crate) store_changed: u64,
    pub(crate) proposals: PMap<Arc<str>, Stamped<Proposal>>,
    pub(crate) ballots: PMap<Arc<str>, Stamped<Ballot>>,
}

/// A value in a store. Text is shared, so that a change of one key does not copy its neighbours' text.
#[derive(Clone, Debug)]
pub(crate) enum Stored {
    Text(Arc<str>),
    Number(f64),
    Bool(bool),
}

/// A proposal of a realm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// Who submitted it.
    pub proposer: Arc<str>,
    /// What it says.
    pub text: Arc<str>,
}

/// The votes on a proposal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ballot {
    pub(crate) by: PMap<Arc<str>, Stamped<bool>>,
    pub(crate) tally: Tally,
}

/// Votes, counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Voters for it.
    pub yes: u64,
    /// Voters against it.
    pub no: u64,
}

impl Realm {
    pub(crate) fn new(record: &RealmRecord, version: u64) -> Realm {
        let mut realm = Realm {
            id: record.id.clone(),
            name: record.name.clone(),
            owner: record.owner.clone(),
            trust_threshold: record.trust_threshold,
            quarantined: record.quarantined,
            policies: Arc::from([]),
            quota: record.quota,
            created_at: record.created_at,
            entry: None,
            changed: version,
            members: record.members.iter().map(|did| (did.clone(), version)).collect(),
            members_changed: version,
            store: record
                .store
                .iter()
                .map(|(key, value)| (key.as_ref().into(), Stamped { value: value.into(), changed: version }))
                .collect(),
            store_changed: version,
            proposals: PMap::default(),
            ballots: PMap::default(),
        };
        realm.set_policies(record.policies.clone());
        realm
    }
    pub(crate) fn set_policies(&mut self, policies: Arc<[RealmPolicy]>) {
        let entry = policies.iter().find(|policy| &*policy.name == "entry");
        self.entry = entry.map(|policy| policy.executable.clone());
        self.policies = policies;
    }
    /// The policy that decides who may enter; None for the default.
    pub fn entry_policy(&self) -> Option<&Arc<Executable>> {
        self.entry.as_ref()
    }
    /// As policies see it.
    pub fn facts(&self) -> RealmFacts {
        RealmFacts {
            member_count: self.member_count(),
            trust_threshold: self.trust_threshold,
            quarantined: self.quarantined,
        }
    }
    /// The number of distinct DIDs that it or they themselves list as members.
    pub fn member_count(&self) -> u64 {
        self.members.len() as u64
    }
    /// Whether it or the identity itself says that the DID is a member.
    pub fn is_member(&self, did: &str) -> bool {
        self.members.get(did).is_some()
    }
    /// All members, in ascending order.
    pub fn members(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.members.iter().map(|(did, _)| &**did).collect();
        all.sort_unstable();
        all
    }
    /// The value under a key of its store.
    pub fn stored(&self, key: &str) -> Option<StoreValueRef<'_>> {
        self.store.get(key).map(|entry| entry.value.borrow())
    }
    /// Its whole store, in ascending order of the keys.
    pub fn store(&self) -> Vec<(&str, StoreValueRef<'_>)> {
        let mut all: Vec<(&str, StoreValueRef<'_>)> =
            self.store.iter().map(|(key, entry)| (&**key, entry.value.borrow())).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }
    /// A proposal.
    pub fn proposal(&self, id: &str) -> Option<&Proposal> {
        self.proposals.get(id).map(|entry| &entry.value)
    }
    /// The votes on a proposal, whether it was submitted or not.
    pub fn tally(&self, proposal: &str) -> Tally {
        self.ballots.get(proposal).map_or_else(Tally::default, |ballot| ballot.value.tally)
    }
    /// How a voter voted on a proposal.
    pub fn vote(&self, proposal: &str, voter: &str) -> Option<bool> {
        self.ballots.get(proposal)?.value.by.get(voter).map(|vote| vote.value)
    }
}

impl Ballot {
    /// Counts a vote in place of the voter's earlier one.
    pub(crate) fn cast(&mut self, voter: Arc<str>, yes: bool, version: u64) {
        if let Some(before) = self.by.get(&*voter) {
            *self.tally.of(before.value) -= 1;
        }
        *self.tally.of(yes) += 1;
        self.by.insert(voter, Stamped { value: yes, changed: version });
    }
}

impl Tally {
    fn of(&mut self, yes: bool) -> &mut u64 {
        if yes { &mut self.yes } else { &mut self.no }
    }
}

impl Stored {
    #[inline]
    pub(crate) fn borrow(&self) -> StoreValueRef<'_> {
        match self {
            Stored::Text(text) => StoreValueRef::Text(text),
            Stored::Number(x) => StoreValueRef::Number(*x),
            Stored::Bool(x) => StoreValueRef::Bool(*x),
        }
    }
}

impl From<&StoreValue> for Stored {
    fn from(value: &StoreValue) -> Stored {
        match value {
            StoreValue::Text(text) => Stored::Text(text.as_ref().into()),
            StoreValue::Number(x) => Stored::Number(*x),
            StoreValue::Bool(x) => Stored::Bool(*x),
        }
    }
}
