//! One immutable version of the world, laid out for reads.
//!
//! Tables hash with a seed of their own, so that nobody who chooses DIDs or keys can choose collisions. What policies ask
//! often is worked out once: members as sets, their number, the mean of all trust.

use crate::kernel::effects::StoreValue;
use crate::kernel::ops::trust::norm;
use crate::kernel::value::TrustVector;
use crate::kernel::vm::Executable;
use foldhash::{HashMap, HashMapExt, HashSet};
use std::sync::Arc;

/// What is known of an identity.
#[derive(Clone, PartialEq, Debug)]
pub struct IdentityRecord {
    /// Its DID, well-formed.
    pub did: Arc<str>,
    /// Its trust vector, valid.
    pub trust: TrustVector,
    /// Its balance.
    pub balance: i128,
    /// Names of the schemas of its credentials.
    pub credentials: Vec<Box<str>>,
    /// Ids of the realms it says it is a member of.
    pub realms: Vec<Box<str>>,
}

/// What is known of a realm.
#[derive(Clone, Debug, Default)]
pub struct RealmRecord {
    /// Its id.
    pub id: Box<str>,
    /// Its name, where it has one.
    pub name: Option<Box<str>>,
    /// Who owns it. Owning is not being a member.
    pub owner: Option<Box<str>>,
    /// DIDs that it lists as members, known or not.
    pub members: Vec<Arc<str>>,
    /// Its trust threshold.
    pub trust_threshold: f64,
    /// Whether crossings into it are off.
    pub quarantined: bool,
    /// Its store.
    pub store: Vec<(Box<str>, StoreValue)>,
    /// The policy that decides who may enter; None for the default.
    pub entry: Option<Arc<Executable>>,
}

/// One version of the world. The default one is empty, at version 1.
#[derive(Debug)]
pub struct World {
    version: u64,
    identities: HashMap<Arc<str>, Identity>,
    schemas: HashMap<Box<str>, u32>,
    realms: HashMap<Box<str>, Realm>,
    norms: Norms,
}

#[derive(Debug)]
pub(super) struct Identity {
    pub(super) trust: TrustVector,
    pub(super) balance: i128,
    /// Numbers of credential schemas, ascending.
    credentials: Box<[u32]>,
    /// Its place among all DIDs in ascending byte order.
    rank: u32,
}

/// A realm of a world.
#[derive(Debug)]
pub struct Realm {
    /// Its name, where it has one.
    pub name: Option<Box<str>>,
    /// Who owns it.
    pub owner: Option<Box<str>>,
    pub(super) trust_threshold: f64,
    pub(super) quarantined: bool,
    pub(super) members: HashSet<Arc<str>>,
    pub(super) store: HashMap<Box<str>, StoreValue>,
    pub(super) entry: Option<Arc<Executable>>,
}

/// Norms of all trust vectors in ascending byte order of their DIDs, and the sums of those before each: so a mean with some
/// vectors changed is added up from the first changed one on, to the bit as if from the start.
#[derive(Debug, Default)]
struct Norms {
    norms: Box<[f64]>,
    /// One longer than `norms`.
    sums: Box<[f64]>,
}

impl Default for World {
    fn default() -> World {
        World::new(Vec::new(), Vec::new())
    }
}

impl World {
    /// A world of these, at version 1. Of two records with one DID or one id the later counts.
    pub fn new(mut identities: Vec<IdentityRecord>, realms: Vec<RealmRecord>) -> World {
        identities.sort_by(|a, b| a.did.cmp(&b.did));
        identities.dedup_by(|later, kept| {
            let same = later.did == kept.did;
            if same {
                core::mem::swap(later, kept);
            }
            same
        });
        let mut realms: HashMap<Box<str>, Realm> =
            realms.into_iter().map(|record| (record.id.clone(), Realm::new(record))).collect();
        let mut schemas = HashMap::new();
        let mut table: HashMap<Arc<str>, Identity> = HashMap::with_capacity(identities.len());
        let mut norms: Vec<f64> = Vec::with_capacity(identities.len());
        for record in identities {
            for id in &record.realms {
                if let Some(realm) = realms.get_mut(id) {
                    realm.members.insert(record.did.clone());
                }
            }
            let rank = u32::try_from(norms.len()).unwrap_or(u32::MAX);
            norms.push(norm(&record.trust));
            let credentials = intern(&mut schemas, record.credentials);
            table.insert(
                record.did,
                Identity { trust: record.trust, balance: record.balance, credentials, rank },
            );
        }
        World { version: 1, identities: table, schemas, realms, norms: Norms::new(norms) }
    }
    /// The same world under another version number.
    pub fn with_version(self, version: u64) -> World {
        World { version, ..self }
    }
    /// Its version; receipts carry it.
    pub fn version(&self) -> u64 {
        self.version
    }
    /// How many identities there are.
    pub fn identity_count(&self) -> usize {
        self.identities.len()
    }
    /// The realm of that id.
    pub fn realm(&self, id: &str) -> Option<&Realm> {
        self.realms.get(id)
    }
    #[inline]
    pub(super) fn identity(&self, did: &str) -> Option<&Identity> {
        self.identities.get(did)
    }
    /// The number of a credential schema that somebody holds.
    #[inline]
    pub(super) fn schema(&self, name: &str) -> Option<u32> {
        self.schemas.get(name).copied()
    }
    /// The mean norm, with `changed` in place of what is stored; None where there are no identities.
    pub(super) fn mean_trust(&self, changed: &[(&str, TrustVector)]) -> Option<f64> {
        let changed =
            changed.iter().filter_map(|(did, trust)| Some((self.identity(did)?.rank as usize, norm(trust))));
        self.norms.mean(changed)
    }
}

impl Identity {
    #[inline]
    pub(super) fn holds(&self, schema: u32) -> bool {
        self.credentials.binary_search(&schema).is_ok()
    }
}

impl Realm {
    fn new(record: RealmRecord) -> Realm {
        Realm {
            name: record.name,
            owner: record.owner,
            trust_threshold: record.trust_threshold,
            quarantined: record.quarantined,
            members: record.members.into_iter().collect(),
            store: record.store.into_iter().collect(),
            entry: record.entry,
        }
    }
    /// The number of distinct DIDs that it or they themselves list as members.
    pub fn member_count(&self) -> u64 {
        self.members.len() as u64
    }
}

impl Norms {
    fn new(norms: Vec<f64>) -> Norms {
        let mut sums = Vec::with_capacity(norms.len() + 1);
        let mut sum = 0.0;
        sums.push(sum);
        for norm in &norms {
            sum += norm;
            sums.push(sum);
        }
        Norms { norms: norms.into(), sums: sums.into() }
    }
    /// `changed`: places and new norms, ascending.
    fn mean(&self, changed: impl Iterator<Item = (usize, f64)>) -> Option<f64> {
        let mut changed = changed.peekable();
        let mut at = changed.peek().map_or(self.norms.len(), |(rank, _)| *rank);
        let mut sum = self.sums.get(at).copied().unwrap_or(0.0);
        for (rank, norm) in changed {
            // Between this one and the one before it.
            sum = self.norms.get(at..rank).unwrap_or(&[]).iter().fold(sum, |sum, norm| sum + norm);
            sum += norm;
            at = rank + 1;
        }
        sum = self.norms.get(at..).unwrap_or(&[]).iter().fold(sum, |sum, norm| sum + norm);
        (!self.norms.is_empty()).then(|| sum / self.norms.len() as f64)
    }
}

fn intern(schemas: &mut HashMap<Box<str>, u32>, names: Vec<Box<str>>) -> Box<[u32]> {
    let mut numbers: Vec<u32> = names
        .into_iter()
        .map(|name| {
            let next = u32::try_from(schemas.len()).unwrap_or(u32::MAX);
            *schemas.entry(name).or_insert(next)
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into()
}
