//! One immutable version of the world, laid out for reads.
//!
//! Versions share what did not change: identities are rows of persistent columns under dense numbers (`names`,
//! `identities`), realms and their stores are persistent hash maps (`pmap`). Each entry carries the version that last
//! changed it, which is what commits look at.

use super::graves::Graves;
use super::identities::{Identities, Profile};
use super::key::StateKey;
use super::mean::Mean;
use super::pmap::PMap;
use super::realm::Realm;
use crate::event::{IdentityRecord, RealmRecord};
use crate::kernel::ops::trust::norm;
use crate::kernel::value::TrustVector;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One version of the world. The default one is empty, at version 1. A clone shares everything.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) version: u64,
    pub(super) identities: Identities,
    pub(super) realms: PMap<Arc<str>, Arc<Realm>>,
    /// Who names a realm that is not there, by its id.
    pub(super) waiting: PMap<Arc<str>, PMap<Arc<str>, ()>>,
    pub(super) graves: Graves,
    pub(super) mean: Mean,
    /// The version that last changed any trust vector.
    pub(super) trust_changed: u64,
}

impl Default for World {
    fn default() -> World {
        World::new(Vec::new(), Vec::new())
    }
}

impl World {
    /// A world of these, at version 1. Of two records with one DID or one id the later counts.
    pub fn new(mut records: Vec<IdentityRecord>, realms: Vec<RealmRecord>) -> World {
        records.sort_by(|a, b| a.did.cmp(&b.did));
        records.dedup_by(|later, kept| {
            let same = later.did == kept.did;
            if same {
                core::mem::swap(later, kept);
            }
            same
        });
        let mut realms: BTreeMap<Arc<str>, RealmRecord> =
            realms.into_iter().map(|record| (record.id.clone(), record)).collect();
        let mut waiting: PMap<Arc<str>, PMap<Arc<str>, ()>> = PMap::default();
        for record in &records {
            for id in &record.realms {
                match realms.get_mut(&**id) {
                    Some(realm) => realm.members.push(record.did.clone()),
                    None => wait(&mut waiting, id.as_ref().into(), record.did.clone()),
                }
            }
        }
        World {
            version: 1,
            identities: Identities::new(&records, 1),
            realms: realms.into_iter().map(|(id, record)| (id, Arc::new(Realm::new(&record, 1)))).collect(),
            waiting,
            graves: Graves::default(),
            mean: Mean::default(),
            trust_changed: 1,
        }
    }
    /// The same world under another version number. Where versions are compared, what was loaded must not look newer than
    /// the world itself: `version` 0 counts as 1.
    pub fn with_version(self, version: u64) -> World {
        World { version: version.max(1), ..self }
    }
    /// Its version; receipts carry it.
    pub fn version(&self) -> u64 {
        self.version
    }
    /// How many identities there are.
    pub fn identity_count(&self) -> usize {
        self.identities.len()
    }
    /// Whether the DID is known.
    pub fn knows(&self, did: &str) -> bool {
        self.identities.names.get(did).is_some()
    }
    /// What is known of an identity besides trust, balance and credentials.
    pub fn profile(&self, did: &str) -> Option<&Profile> {
        self.identities.profiles.get(self.identities.names.get(did)?)
    }
    /// The trust vector of a DID; None where it is unknown.
    #[inline]
    pub fn trust(&self, did: &str) -> Option<TrustVector> {
        self.identities.trust.get(self.identities.names.get(did)?).map(|row| row.value)
    }
    /// The balance of a DID; None where it is unknown.
    #[inline]
    pub fn balance(&self, did: &str) -> Option<i128> {
        self.identities.balances.get(self.identities.names.get(did)?).map(|row| row.value)
    }
    /// Whether the identity holds a credential of exactly this schema name; false for an unknown DID.
    #[inline]
    pub fn has_credential(&self, did: &str, schema: &str) -> bool {
        self.schema(schema).is_some_and(|schema| self.holds(did, schema))
    }
    /// Names of the schemas of a DID's credentials, in ascending order.
    pub fn credentials(&self, did: &str) -> Option<Vec<&str>> {
        Some(self.identities.credential_names(self.identities.names.get(did)?))
    }
    /// The number of a credential schema that somebody holds or has held, for [`World::holds`].
    #[inline]
    pub fn schema(&self, name: &str) -> Option<u32> {
        self.identities.schema(name)
    }
    /// Whether the identity holds a credential of the schema of this number.
    #[inline]
    pub fn holds(&self, did: &str, schema: u32) -> bool {
        self.identities.names.get(did).is_some_and(|row| self.identities.holds(row, schema))
    }
    /// The realm of that id.
    #[inline]
    pub fn realm(&self, id: &str) -> Option<&Realm> {
        self.realms.get(id).map(|realm| &**realm)
    }
    /// All realms, in ascending order of their ids.
    pub fn realms(&self) -> Vec<&Realm> {
        let mut all: Vec<&Realm> = self.realms.iter().map(|(_, realm)| &**realm).collect();
        all.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        all
    }
    /// All identities, in the order in which they came to be known (after loading: in ascending order of their DIDs).
    pub fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.identities.profiles.iter()
    }
    /// The mean of `trust_norm` over all identities, added in ascending byte order of their DIDs, with the vectors of
    /// `changed` (ascending by DID) in place of those stored; None where there are no identities. The first to ask of a
    /// version in which trust changed adds them all up.
    pub fn mean_trust(&self, changed: &[(&str, TrustVector)]) -> Option<f64> {
        let changed =
            changed.iter().filter_map(|(did, trust)| Some((self.identities.names.get(did)?, norm(trust))));
        self.mean.get(&self.identities, changed)
    }
    /// How many identities came since the table of DIDs was last laid out for quick reads, see [`World::compacted`].
    pub fn recent_identities(&self) -> usize {
        self.identities.names.recent()
    }
    /// The same world, its table of DIDs laid out anew. Takes time by the size of the world.
    pub fn compacted(&self) -> World {
        let mut world = self.clone();
        world.identities.names = self.identities.names.freeze();
        world
    }

    /// Whether what a key stands for was changed after `version`. Never false where it was; true where it may have been,
    /// which only very old versions are told.
    pub fn changed_since(&self, key: &StateKey, version: u64) -> bool {
        let row = |did: &str| self.identities.names.get(did);
        let changed = match key {
            StateKey::Identity(did) => self.profile(did).map(|profile| profile.since),
            StateKey::Trust(did) => row(did).and_then(|row| Some(self.identities.trust.get(row)?.changed)),
            StateKey::Balance(did) => {
                row(did).and_then(|row| Some(self.identities.balances.get(row)?.changed))
            }
            StateKey::Credentials(did) => row(did).map(|row| self.identities.credentials_changed(row)),
            StateKey::AllTrust => Some(self.trust_changed),
            StateKey::Realm(id) => self.realm(id).map(|realm| realm.changed),
            StateKey::Members(id) => self.realm(id).map(|realm| realm.members_changed),
            StateKey::StoreKeys(id) => self.realm(id).map(|realm| realm.store_changed),
            StateKey::Member(id, did) => self.realm(id).and_then(|realm| realm.members.get(&**did).copied()),
            StateKey::Store(id, at) => self.realm(id).and_then(|realm| Some(realm.store.get(&**at)?.changed)),
            StateKey::Proposal(id, proposal) => {
                self.realm(id).and_then(|realm| Some(realm.proposals.get(&**proposal)?.changed))
            }
            StateKey::Votes(id, proposal) => {
                self.realm(id).and_then(|realm| Some(realm.ballots.get(&**proposal)?.changed))
            }
            StateKey::Vote(id, proposal, voter) => self
                .realm(id)
                .and_then(|realm| Some(realm.ballots.get(&**proposal)?.value.by.get(&**voter)?.changed)),
            StateKey::Everything => Some(self.version),
        };
        match (changed, key) {
            (Some(changed), _) => changed > version,
            (None, StateKey::Store(..) | StateKey::Member(..)) => self.graves.maybe_since(key, version),
            (None, _) => false,
        }
    }
}

/// Notes that a DID names a realm that is not there.
pub(super) fn wait(waiting: &mut PMap<Arc<str>, PMap<Arc<str>, ()>>, realm: Arc<str>, did: Arc<str>) {
    match waiting.get_mut(&*realm) {
        Some(dids) => {
            dids.insert(did, ());
        }
        None => {
            waiting.insert(realm, [(did, ())].into_iter().collect());
        }
    }
}
